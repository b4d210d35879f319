/* SPDX-License-Identifier: MIT */
/* csv_rows.c - rows with named columns, on libcsv. */
#include "report/csv_rows.h"

#include <csv.h>
#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct csv_rows {
	const char *const *columns;
	size_t n_columns;
	csv_rows_fn *row;
	void *ctx;
	char *text; /* the fields of the row so far, each with its NUL */
	size_t text_len;
	size_t text_size;
	size_t *starts; /* where each field begins in text */
	size_t n_fields;
	size_t starts_size;
	size_t *position;    /* of columns[i] in the file, once the header is read */
	const char **fields; /* by column */
	size_t width;	     /* fields of the header; 0: not read yet */
	size_t line;	     /* of the row's end */
	const char *problem;
	char detail[160];
	int error;
};

static void csv_rows_field(void *data, size_t len, void *ctx)
{
	struct csv_rows *r = ctx;

	if (r->error || r->problem)
		return;
	if (len && memchr(data, '\0', len)) {
		r->problem = "a NUL byte: not a text file, or damaged";
		return;
	}
	if (r->text_len + len + 1 > r->text_size) {
		const size_t size = (r->text_len + len + 1) * 2;
		char *text = realloc(r->text, size);

		if (!text) {
			r->error = -ENOMEM;
			return;
		}
		r->text = text;
		r->text_size = size;
	}
	if (r->n_fields == r->starts_size) {
		const size_t size = r->starts_size ? r->starts_size * 2 : 32;
		size_t *starts = realloc(r->starts, size * sizeof(*starts));

		if (!starts) {
			r->error = -ENOMEM;
			return;
		}
		r->starts = starts;
		r->starts_size = size;
	}
	r->starts[r->n_fields++] = r->text_len;
	if (len)
		memcpy(r->text + r->text_len, data, len);
	r->text[r->text_len + len] = '\0';
	r->text_len += len + 1;
}

static void csv_rows_header(struct csv_rows *r)
{
	for (size_t i = 0; i < r->n_columns; i++) {
		r->position[i] = r->n_fields;
		for (size_t j = 0; j < r->n_fields; j++) {
			if (strcmp(r->text + r->starts[j], r->columns[i]) != 0)
				continue;
			if (r->position[i] != r->n_fields) {
				snprintf(r->detail, sizeof(r->detail),
					 "column '%s' stands twice in the header", r->columns[i]);
				r->problem = r->detail;
				return;
			}
			r->position[i] = j;
		}
		if (r->position[i] == r->n_fields) {
			snprintf(r->detail, sizeof(r->detail), "the header has no column '%s'",
				 r->columns[i]);
			r->problem = r->detail;
			return;
		}
	}
	r->width = r->n_fields;
}

static void csv_rows_body(struct csv_rows *r)
{
	if (r->n_fields != r->width) {
		snprintf(r->detail, sizeof(r->detail), "the row has %zu fields, the header %zu",
			 r->n_fields, r->width);
		r->problem = r->detail;
		return;
	}
	for (size_t i = 0; i < r->n_columns; i++)
		r->fields[i] = r->text + r->starts[r->position[i]];
	r->problem = r->row(r->ctx, r->fields);
}

static void csv_rows_end(int c, void *ctx)
{
	struct csv_rows *r = ctx;

	if (r->error || r->problem || c < 0)
		return;
	if (r->width)
		csv_rows_body(r);
	else
		csv_rows_header(r);
	r->n_fields = 0;
	r->text_len = 0;
}

/* Parse a buffer line by line, so that a fault knows its line. */
static int csv_rows_feed(struct csv_rows *r, struct csv_parser *parser, const char *buf, size_t len)
{
	while (len && !r->error && !r->problem) {
		const char *end = memchr(buf, '\n', len);
		const size_t n = end ? (size_t)(end - buf) + 1 : len;

		if (csv_parse(parser, buf, n, csv_rows_field, csv_rows_end, r) != n) {
			r->problem = "quotes are not balanced";
			return 0;
		}
		if (end && !r->problem)
			r->line++;
		buf += n;
		len -= n;
	}
	return r->error;
}

/* libcsv would cut blanks off fields, which quotes keep. */
static int csv_rows_no_space(unsigned char c)
{
	(void)c;
	return 0;
}

static int csv_rows_stream(struct csv_rows *r, FILE *in)
{
	struct csv_parser parser;
	char buf[65536];
	bool at_start = true;
	bool is_ended = true;
	size_t n;

	if (csv_init(&parser, CSV_STRICT | CSV_APPEND_NULL))
		return -ENOMEM;
	csv_set_space_func(&parser, csv_rows_no_space);
	while (!r->error && !r->problem && (n = fread(buf, 1, sizeof(buf), in)) > 0) {
		const size_t skip = at_start && n >= 3 && !memcmp(buf, "\xef\xbb\xbf", 3) ? 3 : 0;

		at_start = false;
		is_ended = buf[n - 1] == '\n';
		csv_rows_feed(r, &parser, buf + skip, n - skip);
	}
	if (ferror(in) && !r->error)
		r->error = errno ? -errno : -EIO;
	csv_free(&parser);
	if (r->error)
		return r->error;
	if (!r->problem && !r->width)
		r->problem = "the file has no header line";
	if (r->problem)
		return -EINVAL;
	return is_ended ? 0 : 1;
}

int csv_rows_read(const char *path, const char *const *columns, size_t n_columns, csv_rows_fn *row,
		  void *ctx, char *why, size_t why_size)
{
	struct csv_rows r = {
		.columns = columns, .n_columns = n_columns, .row = row, .ctx = ctx, .line = 1};
	FILE *in = fopen(path, "re");
	int rc = -ENOMEM;

	if (!in) {
		rc = -errno;
		snprintf(why, why_size, "%s: %s", path, strerror(-rc));
		return rc;
	}
	r.position = calloc(n_columns, sizeof(*r.position));
	r.fields = calloc(n_columns, sizeof(*r.fields));
	if (r.position && r.fields)
		rc = csv_rows_stream(&r, in);
	if (rc == -EINVAL)
		snprintf(why, why_size, "%s:%zu: %s", path, r.line, r.problem);
	else if (rc < 0)
		snprintf(why, why_size, "%s: %s", path, strerror(-rc));
	fclose(in);
	free(r.text);
	free(r.starts);
	free(r.position);
	free(r.fields);
	return rc;
}

bool csv_rows_count(const char *text, uint64_t *out)
{
	char *end;

	/* strtoull() would take blanks and a sign, and wrap "-5" around. */
	if (*text < '0' || *text > '9')
		return false;
	errno = 0;
	*out = strtoull(text, &end, 10);
	return !*end && !errno;
}

bool csv_rows_number(const char *text, double *out)
{
	char *end;

	/* strtod() would take blanks, hexadecimal, "inf" and "nan". */
	if (!strspn(text, "+-.0123456789") || strpbrk(text, "xXnNpP"))
		return false;
	*out = strtod(text, &end);
	return !*end && isfinite(*out);
}

const char *csv_rows_problem(char buf[CSV_ROWS_PROBLEM_BYTES], const char *column, const char *text,
			     const char *right)
{
	snprintf(buf, CSV_ROWS_PROBLEM_BYTES, "column '%s' is '%.40s'; it must be %s", column, text,
		 right);
	return buf;
}
