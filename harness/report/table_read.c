/* SPDX-License-Identifier: MIT */
/* table_read.c - fills a table from a file, by libcsv, and says what is wrong with the file. */
#include "report/table.h"

#include <csv.h>
#include <errno.h>
#include <math.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "report/table_internal.h"

#define READ_BYTES (256u * 1024u)
#define MAX_FILE_COLUMNS 256u
#define MAX_WARNINGS 100u
#define COLUMN_IS_UNKNOWN (-1)

/* Where the unit of a metric and statistic was first seen. */
struct table_unit {
	uint32_t metric;
	uint32_t stat;
	uint32_t unit;
	uint32_t line;
};

/* The state of reading one file; lives only inside table_read(). */
struct table_reader {
	struct table *t;
	struct csv_parser csv;
	char *error;
	size_t error_size;
	int failed;		       /* 0 or -errno; once set, nothing more is read */
	size_t line;		       /* the line that is being fed */
	size_t row_line;	       /* where the current row began */
	size_t n_fields;	       /* of the current row so far */
	size_t n_columns;	       /* of the file's header; 0 before it */
	int columns[MAX_FILE_COLUMNS]; /* enum table_column, or COLUMN_IS_UNKNOWN */
	uint32_t ids[TABLE_N_COLUMNS];
	double value;
	bool value_is_bad;
	uint32_t status_ids[TABLE_N_STATUSES];
	struct table_unit *units; /* open addressing by metric and stat; line 0 = free */
	size_t n_units;
	size_t n_unit_slots;
};

/* Record why reading stops; the first reason counts. */
static void table_fail(struct table_reader *r, int err, size_t line, const char *fmt, ...)
	__attribute__((format(printf, 4, 5)));
static void table_fail(struct table_reader *r, int err, size_t line, const char *fmt, ...)
{
	va_list ap;
	int n;

	if (r->failed)
		return;
	r->failed = err;
	if (line)
		n = snprintf(r->error, r->error_size, "%s:%zu: ", r->t->path, line);
	else
		n = snprintf(r->error, r->error_size, "%s: ", r->t->path);
	if (n < 0 || (size_t)n >= r->error_size)
		return;
	va_start(ap, fmt);
	vsnprintf(r->error + n, r->error_size - (size_t)n, fmt, ap);
	va_end(ap);
}

static void table_warn(struct table_reader *r, size_t line, const char *fmt, ...)
	__attribute__((format(printf, 3, 4)));
static void table_warn(struct table_reader *r, size_t line, const char *fmt, ...)
{
	struct table *t = r->t;
	char text[512];
	va_list ap;

	if (t->n_warnings == MAX_WARNINGS)
		return;
	if (!t->warnings) {
		t->warnings = calloc(MAX_WARNINGS, sizeof(*t->warnings));
		if (!t->warnings)
			return; /* a warning lost for want of memory is no reason to refuse the file */
	}
	va_start(ap, fmt);
	vsnprintf(text, sizeof(text), fmt, ap);
	va_end(ap);
	if (asprintf(&t->warnings[t->n_warnings], "%s:%zu: %s", t->path, line, text) >= 0)
		t->n_warnings++;
}

/* The header: which field is which column. */
static void table_take_name(struct table_reader *r, const char *text, size_t length)
{
	char name[64];

	if (r->n_fields == MAX_FILE_COLUMNS) {
		table_fail(r, -EINVAL, r->row_line, "more than %u columns: not a results file",
			   MAX_FILE_COLUMNS);
		return;
	}
	snprintf(name, sizeof(name), "%.*s",
		 (int)(length < sizeof(name) ? length : sizeof(name) - 1), text);
	const int column = table_column_find(name);

	for (size_t i = 0; column >= 0 && i < r->n_fields; i++) {
		if (r->columns[i] == column)
			table_fail(r, -EINVAL, r->row_line,
				   "column '%s' stands twice in the header", name);
	}
	if (column < 0)
		table_warn(r, r->row_line, "unknown column '%s' is ignored", name);
	r->columns[r->n_fields] = column < 0 ? COLUMN_IS_UNKNOWN : column;
}

static void table_end_header(struct table_reader *r)
{
	char missing[256] = "";
	size_t n_missing = 0;
	bool seen[TABLE_N_COLUMNS] = {false};

	for (size_t i = 0; i < r->n_fields; i++) {
		if (r->columns[i] >= 0)
			seen[r->columns[i]] = true;
	}
	for (int c = 0; c < TABLE_N_COLUMNS; c++) {
		if (seen[c])
			continue;
		const size_t used = strlen(missing);

		snprintf(missing + used, sizeof(missing) - used, "%s%s", n_missing++ ? ", " : "",
			 table_column_name(c));
	}
	if (n_missing == TABLE_N_COLUMNS)
		table_fail(
			r, -EINVAL, r->row_line,
			"no known column: the first line of a results file is 'schema,run_id,...'");
	else if (n_missing)
		table_fail(r, -EINVAL, r->row_line, "missing column%s: %s",
			   n_missing > 1 ? "s" : "", missing);
	r->n_columns = r->n_fields;
}

static void table_take_value(struct table_reader *r, const char *text, size_t length)
{
	char copy[64];

	r->value = NAN;
	r->value_is_bad = false;
	r->ids[COL_value] = 0;
	if (!length)
		return;
	snprintf(copy, sizeof(copy), "%.*s",
		 (int)(length < sizeof(copy) ? length : sizeof(copy) - 1), text);
	r->value_is_bad = length >= sizeof(copy) || !table_parse_number(copy, &r->value);
	if (r->value_is_bad)
		table_fail(r, -EINVAL, r->row_line, "value '%s' is not a number", copy);
}

/* libcsv's callback for a field. */
static void table_on_field(void *field, size_t length, void *user)
{
	struct table_reader *r = user;
	const char *text = field ? field : "";

	if (r->failed)
		return;
	if (memchr(text, '\0', length)) {
		table_fail(r, -EINVAL, r->row_line, "a NUL byte: not a text file, or damaged");
	} else if (!r->n_columns) {
		table_take_name(r, text, length);
	} else if (r->n_fields < r->n_columns && r->columns[r->n_fields] != COLUMN_IS_UNKNOWN) {
		const int column = r->columns[r->n_fields];

		if (column == COL_value) {
			table_take_value(r, text, length);
		} else {
			r->ids[column] = intern_add(&r->t->strings, text, length);
			if (r->ids[column] == INTERN_NONE)
				table_fail(r, -ENOMEM, r->row_line, "out of memory");
		}
	}
	r->n_fields++;
}

static enum table_status table_status_of(const struct table_reader *r)
{
	int s = 0;

	while (s < TABLE_N_STATUSES && r->status_ids[s] != r->ids[COL_status])
		s++;
	return s;
}

/* Status and value must agree.  Returns the status. */
static enum table_status table_check_status(struct table_reader *r)
{
	const enum table_status status = table_status_of(r);

	if (status == TABLE_N_STATUSES)
		table_fail(
			r, -EINVAL, r->row_line,
			"status '%s' is not known; it is ok, weak, estimated, censored, saturated, "
			"not_available, not_counted or failed",
			intern_text(&r->t->strings, r->ids[COL_status]));
	else if (status >= STATUS_NOT_AVAILABLE && !isnan(r->value))
		table_fail(r, -EINVAL, r->row_line, "status %s, but value is not empty",
			   table_status_name(status));
	else if (status < STATUS_NOT_AVAILABLE && isnan(r->value))
		table_fail(r, -EINVAL, r->row_line, "status %s, but value is empty",
			   table_status_name(status));
	return status;
}

static int table_grow_units(struct table_reader *r)
{
	const size_t n = r->n_unit_slots ? 2 * r->n_unit_slots : 256;
	struct table_unit *units = calloc(n, sizeof(*units));

	if (!units)
		return -ENOMEM;
	for (size_t i = 0; i < r->n_unit_slots; i++) {
		const struct table_unit *u = &r->units[i];
		size_t slot = (u->metric * 31u + u->stat) & (n - 1);

		if (!u->line)
			continue;
		while (units[slot].line)
			slot = (slot + 1) & (n - 1);
		units[slot] = *u;
	}
	free(r->units);
	r->units = units;
	r->n_unit_slots = n;
	return 0;
}

/* One metric and statistic has one unit in a file.  Rows without a value say nothing. */
static void table_check_unit(struct table_reader *r)
{
	const uint32_t metric = r->ids[COL_metric];
	const uint32_t stat = r->ids[COL_stat];

	if (2 * (r->n_units + 1) > r->n_unit_slots && table_grow_units(r)) {
		table_fail(r, -ENOMEM, r->row_line, "out of memory");
		return;
	}
	size_t slot = (metric * 31u + stat) & (r->n_unit_slots - 1);

	while (r->units[slot].line &&
	       (r->units[slot].metric != metric || r->units[slot].stat != stat))
		slot = (slot + 1) & (r->n_unit_slots - 1);
	struct table_unit *u = &r->units[slot];

	if (!u->line) {
		*u = (struct table_unit){metric, stat, r->ids[COL_unit], (uint32_t)r->row_line};
		r->n_units++;
	} else if (u->unit != r->ids[COL_unit]) {
		const struct intern *in = &r->t->strings;

		table_fail(
			r, -EINVAL, r->row_line,
			"mixed units: %s %s in '%s' here, in '%s' at line %u; one unit per metric "
			"and statistic",
			intern_text(in, metric), intern_text(in, stat),
			intern_text(in, r->ids[COL_unit]), intern_text(in, u->unit), u->line);
	}
}

static void table_check_schema(struct table_reader *r)
{
	const char *schema = intern_text(&r->t->strings, r->ids[COL_schema]);
	char want[16];

	snprintf(want, sizeof(want), "%d", TABLE_SCHEMA);
	if (strcmp(schema, want))
		table_fail(r, -EINVAL, r->row_line,
			   "schema '%s': this program reads schema %s; use the reclaimbench that "
			   "wrote "
			   "the file",
			   schema, want);
}

static void table_end_row(struct table_reader *r)
{
	struct table *t = r->t;

	if (r->n_fields != r->n_columns)
		table_fail(r, -EINVAL, r->row_line, "%zu fields; the header has %zu", r->n_fields,
			   r->n_columns);
	if (!r->failed)
		table_check_schema(r);
	if (r->failed)
		return;
	const enum table_status status = table_check_status(r);

	if (!r->failed && status < STATUS_NOT_AVAILABLE)
		table_check_unit(r);
	if (!r->failed && table_reserve(t))
		table_fail(r, -ENOMEM, r->row_line, "out of memory");
	if (r->failed)
		return;
	struct table_chunk *chunk = table_chunk_of(t, t->n_rows);
	const size_t at = t->n_rows++ % CHUNK_ROWS;

	memcpy(chunk->ids[at], r->ids, sizeof(r->ids));
	chunk->values[at] = r->value;
	chunk->lines[at] = (uint32_t)r->row_line;
	chunk->statuses[at] = (uint8_t)status;
}

/* libcsv's callback for the end of a row. */
static void table_on_row(int terminator, void *user)
{
	struct table_reader *r = user;

	(void)terminator;
	if (!r->failed) {
		if (!r->n_columns)
			table_end_header(r);
		else
			table_end_row(r);
	}
	r->n_fields = 0;
	r->row_line = r->line + 1;
}

static int table_no_space(unsigned char c)
{
	(void)c;
	return 0; /* spaces belong to the field (RFC 4180); libcsv would strip them */
}

/* Feed a buffer line by line, so that the callbacks know the line they are in. */
static void table_feed(struct table_reader *r, const char *bytes, size_t n)
{
	while (n && !r->failed) {
		const char *newline = memchr(bytes, '\n', n);
		const size_t length = newline ? (size_t)(newline - bytes) + 1 : n;

		if (csv_parse(&r->csv, bytes, length, table_on_field, table_on_row, r) != length)
			table_fail(r, csv_error(&r->csv) == CSV_EPARSE ? -EINVAL : -ENOMEM, r->line,
				   "%s",
				   csv_error(&r->csv) == CSV_EPARSE
					   ? "a quote where none may stand; inside a quoted field "
					     "it is "
					     "written twice"
					   : "out of memory");
		if (newline) {
			/* Blank lines make no row, so the next row may begin later than this one ended. */
			if (!r->n_fields && r->csv.pstate == 0)
				r->row_line = r->line + 1;
			r->line++;
		}
		bytes += length;
		n -= length;
	}
}

/* The end of the file: what stands after the last line end was torn off, unless it is a whole row. */
static void table_finish(struct table_reader *r, bool ends_with_newline)
{
	const size_t n_rows = r->t->n_rows;

	if (r->failed)
		return;
	const size_t line = r->row_line;
	const bool torn = !ends_with_newline || r->csv.pstate; /* not between rows */
	const bool had_header = r->n_columns;

	if (!torn)
		return;
	if (csv_fini(&r->csv, table_on_field, table_on_row, r) ||
	    (r->failed == -EINVAL && had_header)) {
		r->failed = 0;
		r->error[0] = '\0';
		r->t->n_rows = n_rows;
		table_warn(r, line, "the last line is torn and left out");
	} else if (had_header && r->t->n_rows > n_rows) {
		table_warn(r, line,
			   "the last line has no line end; its last field may be cut short");
	}
}

static void table_read_stream(struct table_reader *r, FILE *file)
{
	char *buffer = malloc(READ_BYTES);
	bool is_first = true;
	bool ends_with_newline = true;
	size_t n;

	if (!buffer) {
		table_fail(r, -ENOMEM, 0, "out of memory");
		return;
	}
	while (!r->failed && (n = fread(buffer, 1, READ_BYTES, file)) > 0) {
		const size_t skip =
			is_first && n >= 3 && !memcmp(buffer, "\xef\xbb\xbf", 3) ? 3 : 0;

		is_first = false;
		ends_with_newline = buffer[n - 1] == '\n';
		table_feed(r, buffer + skip, n - skip);
	}
	if (ferror(file))
		table_fail(r, -EIO, 0, "%s", strerror(errno));
	table_finish(r, ends_with_newline);
	if (!r->failed && !r->n_columns)
		table_fail(r, -EINVAL, 1,
			   "empty: the first line of a results file is 'schema,run_id,...'");
	free(buffer);
}

static int table_reader_init(struct table_reader *r, const char *path)
{
	struct table *t = r->t;

	t->path = strdup(path);
	if (!t->path || intern_init(&t->strings))
		return -ENOMEM;
	for (int s = 0; s < TABLE_N_STATUSES; s++) {
		const char *name = table_status_name(s);

		r->status_ids[s] = intern_add(&t->strings, name, strlen(name));
	}
	/* Not CSV_STRICT_FINI: a torn last line is found by its missing line end. */
	if (csv_init(&r->csv, CSV_STRICT | CSV_STRICT_FINI))
		return -ENOMEM;
	csv_set_space_func(&r->csv, table_no_space);
	r->line = 1;
	r->row_line = 1;
	return 0;
}

int table_read(struct table **out, const char *path, char *error, size_t error_size)
{
	struct table_reader r = {.error = error, .error_size = error_size};
	FILE *file = NULL;

	*out = NULL;
	error[0] = '\0';
	r.t = calloc(1, sizeof(*r.t));
	if (!r.t || table_reader_init(&r, path)) {
		snprintf(error, error_size, "%s: out of memory", path);
		r.failed = -ENOMEM;
		goto out;
	}
	file = fopen(path, "rb");
	if (!file) {
		const int err = errno;

		table_fail(&r, -err, 0, "%s", strerror(err));
		goto out;
	}
	table_read_stream(&r, file);
out:
	if (file)
		fclose(file);
	csv_free(&r.csv);
	free(r.units);
	if (r.failed)
		table_free(r.t);
	else
		*out = r.t;
	return r.failed;
}
