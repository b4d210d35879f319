/* SPDX-License-Identifier: MIT */
/* csv.c - formats rows and writes them whole; see csv.h. */
#include "report/csv.h"

#include <errno.h>
#include <fcntl.h>
#include <locale.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

enum {
#define COLUMN(name) ROW_##name,
#include "report/columns.def"
#undef COLUMN
	ROW_N_COLUMNS
};

enum {
#define COLUMN(name) SAMPLE_##name,
#include "report/timeline.def"
#undef COLUMN
	SAMPLE_N_COLUMNS
};

/* The headers as string literals: each name is followed by a comma, cut off in report_csv_header(). */
static const char row_header[] =
#define COLUMN(name) #name ","
#include "report/columns.def"
#undef COLUMN
	"\n";

static const char sample_header[] =
#define COLUMN(name) #name ","
#include "report/timeline.def"
#undef COLUMN
	"\n";

struct report_file {
	int fd;
	int error; /* first -errno of a write; nothing is written after it */
	bool is_timeline;
	locale_t c_locale;
	char *buffer; /* whole rows not yet written */
	size_t used, size;
};

/* Room for any number as text: %.17g needs 24 bytes, a uint64_t 20. */
#define NUMBER_BYTES 32

struct field {
	const char *text; /* NULL: empty */
	char number[NUMBER_BYTES];
};

static void field_text(struct field *f, const char *text)
{
	f->text = text;
}

static void field_count(struct field *f, uint64_t value)
{
	snprintf(f->number, sizeof(f->number), "%llu", (unsigned long long)value);
	f->text = f->number;
}

static void field_double(struct field *f, double value)
{
	f->text = NULL;
	if (isnan(value))
		return;
	snprintf(f->number, sizeof(f->number), "%.17g", value);
	f->text = f->number;
}

static int report_reserve(struct report_file *f, size_t more)
{
	if (f->used + more <= f->size)
		return 0;
	size_t size = f->size > 0 ? f->size : 65536;

	while (size < f->used + more)
		size *= 2;
	char *buffer = realloc(f->buffer, size);

	if (buffer == NULL)
		return -ENOMEM;
	f->buffer = buffer;
	f->size = size;
	return 0;
}

/* RFC 4180: quoted when it must be, quotes doubled.  The caller has reserved 2 * strlen + 2 bytes. */
static void report_put_field(struct report_file *f, const char *text)
{
	const bool is_quoted = strpbrk(text, ",\"\r\n") != NULL;

	if (is_quoted)
		f->buffer[f->used++] = '"';
	for (; *text != '\0'; text++) {
		if (*text == '"')
			f->buffer[f->used++] = '"';
		f->buffer[f->used++] = *text;
	}
	if (is_quoted)
		f->buffer[f->used++] = '"';
}

static int report_put_row(struct report_file *f, const struct field *fields, size_t n)
{
	size_t bytes = n + 1;

	for (size_t i = 0; i < n; i++)
		bytes += fields[i].text != NULL ? 2 * strlen(fields[i].text) + 2 : 0;
	const int error = report_reserve(f, bytes);

	if (error != 0)
		return error;
	for (size_t i = 0; i < n; i++) {
		if (i > 0)
			f->buffer[f->used++] = ',';
		if (fields[i].text != NULL)
			report_put_field(f, fields[i].text);
	}
	f->buffer[f->used++] = '\n';
	return 0;
}

static void fields_of_cell(struct field *fields, const struct report_cell *c)
{
	field_text(&fields[ROW_run_id], c->run_id);
	field_text(&fields[ROW_build_id], c->build_id);
	field_text(&fields[ROW_env_id], c->env_id);
	field_text(&fields[ROW_cell_id], c->cell_id);
	field_text(&fields[ROW_strategy], c->strategy);
	field_text(&fields[ROW_options], c->options);
	field_text(&fields[ROW_scenario], c->scenario);
	field_count(&fields[ROW_threads], c->threads);
	field_count(&fields[ROW_keys], c->keys);
	field_text(&fields[ROW_mix], c->mix);
	field_text(&fields[ROW_dist], c->dist);
	field_count(&fields[ROW_value_bytes], c->value_bytes);
	field_count(&fields[ROW_garbage_bytes], c->garbage_bytes);
	field_text(&fields[ROW_unlink], c->unlink);
	field_text(&fields[ROW_alloc], c->alloc);
	field_text(&fields[ROW_arrival], c->arrival);
	field_text(&fields[ROW_trace], c->trace);
	field_count(&fields[ROW_seed], c->seed);
	field_count(&fields[ROW_rep], c->rep);
}

static void fields_of_row(struct field *fields, const struct report_stage *s,
			  const struct report_row *r)
{
	field_text(&fields[ROW_stage], s->stage);
	field_double(&fields[ROW_stage_s], s->stage_s);
	field_double(&fields[ROW_offered_ops_per_s], s->offered_ops_per_s);
	field_text(&fields[ROW_role], r->role);
	field_text(&fields[ROW_object], r->object);
	field_text(&fields[ROW_phase], r->phase);
	field_text(&fields[ROW_table_state], r->table_state);
	field_text(&fields[ROW_metric], r->metric);
	field_text(&fields[ROW_stat], r->stat);
	field_double(&fields[ROW_value], r->value);
	field_text(&fields[ROW_unit], r->unit);
	field_text(&fields[ROW_better], r->better);
	field_count(&fields[ROW_n], r->n);
	field_count(&fields[ROW_sampled_1_in], r->sampled_1_in);
	field_text(&fields[ROW_status], r->status);
	field_text(&fields[ROW_reason], r->reason);
}

int report_row_add(struct report_file *f, const struct report_cell *cell,
		   const struct report_stage *stage, const struct report_row *row)
{
	struct field fields[ROW_N_COLUMNS] = {0};
	const locale_t before = uselocale(f->c_locale);

	field_count(&fields[ROW_schema], REPORT_SCHEMA);
	fields_of_cell(fields, cell);
	fields_of_row(fields, stage, row);
	uselocale(before);
	return report_put_row(f, fields, ROW_N_COLUMNS);
}

int report_sample_add(struct report_file *f, const struct report_cell *cell,
		      const struct report_sample *s)
{
	struct field fields[SAMPLE_N_COLUMNS] = {0};
	const locale_t before = uselocale(f->c_locale);

	field_count(&fields[SAMPLE_schema], REPORT_SCHEMA);
	field_text(&fields[SAMPLE_run_id], cell->run_id);
	field_text(&fields[SAMPLE_cell_id], cell->cell_id);
	field_text(&fields[SAMPLE_strategy], cell->strategy);
	field_text(&fields[SAMPLE_options], cell->options);
	field_count(&fields[SAMPLE_rep], cell->rep);
	field_text(&fields[SAMPLE_stage], s->stage);
	field_count(&fields[SAMPLE_time_ns], s->time_ns);
	field_count(&fields[SAMPLE_limbo_bytes], s->limbo_bytes);
	field_count(&fields[SAMPLE_limbo_objects], s->limbo_objects);
	field_count(&fields[SAMPLE_live_bytes], s->live_bytes);
	field_count(&fields[SAMPLE_garbage_bytes], s->garbage_bytes);
	field_count(&fields[SAMPLE_os_bytes], s->os_bytes);
	field_count(&fields[SAMPLE_rss_bytes], s->rss_bytes);
	field_count(&fields[SAMPLE_n_ops], s->n_ops);
	field_double(&fields[SAMPLE_ops_per_s], s->ops_per_s);
	field_count(&fields[SAMPLE_n_cycles], s->n_cycles);
	field_count(&fields[SAMPLE_heap_objects], s->heap_objects);
	field_count(&fields[SAMPLE_goal_bytes], s->goal_bytes);
	uselocale(before);
	return report_put_row(f, fields, SAMPLE_N_COLUMNS);
}

/* Length of the header without its last comma. */
static size_t report_header_bytes(bool is_timeline)
{
	return (is_timeline ? sizeof(sample_header) : sizeof(row_header)) - 1 - 2;
}

static const char *report_header(bool is_timeline)
{
	return is_timeline ? sample_header : row_header;
}

void report_csv_header(bool is_timeline, char *buf, size_t size)
{
	snprintf(buf, size, "%.*s", (int)report_header_bytes(is_timeline),
		 report_header(is_timeline));
}

int report_cut_torn(int fd, off_t *size)
{
	const off_t before = *size;
	char c;

	while (*size > 0) {
		if (pread(fd, &c, 1, *size - 1) != 1)
			return -EIO;
		if (c == '\n')
			break;
		(*size)--;
	}
	return *size < before && ftruncate(fd, *size) != 0 ? -errno : 0;
}

/* Whether a file of `size` bytes begins with the header; with a part of it and nothing else, when it was torn off
 * there. */
static int report_check_header(int fd, bool is_timeline, off_t size)
{
	const size_t n = report_header_bytes(is_timeline);
	const size_t want = size > (off_t)n ? n + 1 : (size_t)size;
	char *found = malloc(n + 1);
	int result = -ENOMEM;

	if (found == NULL)
		return result;
	result = pread(fd, found, want, 0) == (ssize_t)want &&
				 memcmp(found, report_header(is_timeline), want > n ? n : want) ==
					 0 &&
				 (want <= n || found[n] == '\n' || found[n] == '\r')
			 ? 0
			 : -EINVAL;
	free(found);
	return result;
}

/* New or empty: collect the header.  Otherwise see that rows may follow.  Nothing is cut off a file whose header
 * is another's. */
static int report_begin(struct report_file *f)
{
	struct stat st;

	if (fstat(f->fd, &st) != 0)
		return -errno;
	if (S_ISREG(st.st_mode)) {
		off_t whole = st.st_size;
		int error = report_check_header(f->fd, f->is_timeline, st.st_size);

		if (error == 0)
			error = report_cut_torn(f->fd, &whole);
		if (error != 0 || whole > 0)
			return error;
	}
	const size_t n = report_header_bytes(f->is_timeline);
	const int error = report_reserve(f, n + 1);

	if (error != 0)
		return error;
	memcpy(f->buffer, report_header(f->is_timeline), n);
	f->buffer[n] = '\n';
	f->used = n + 1;
	return 0;
}

static void report_file_free(struct report_file *f)
{
	if (f->fd >= 0)
		close(f->fd);
	if (f->c_locale != (locale_t)0)
		freelocale(f->c_locale);
	free(f->buffer);
	free(f);
}

static int report_open_failed(int error, const char *path, char *message, size_t message_size)
{
	if (error == -EINVAL)
		snprintf(message, message_size,
			 "%s:1: its header is not that of schema %d; name another directory", path,
			 REPORT_SCHEMA);
	else
		snprintf(message, message_size, "%s: cannot be written: %s", path,
			 strerror(-error));
	return error;
}

int report_file_open(struct report_file **out, const char *path, bool is_timeline, char *message,
		     size_t message_size)
{
	struct report_file *f = calloc(1, sizeof(*f));
	int error = -ENOMEM;

	*out = NULL;
	if (f == NULL)
		return report_open_failed(error, path, message, message_size);
	f->is_timeline = is_timeline;
	f->fd = open(path, O_RDWR | O_CREAT | O_APPEND | O_CLOEXEC, 0666);
	if (f->fd < 0) {
		error = -errno;
		goto fail;
	}
	f->c_locale = newlocale(LC_ALL_MASK, "C", (locale_t)0);
	if (f->c_locale == (locale_t)0)
		goto fail;
	error = report_begin(f);
	if (error != 0)
		goto fail;
	*out = f;
	return 0;
fail:
	report_file_free(f);
	return report_open_failed(error, path, message, message_size);
}

/* How many of the first `n` bytes are whole rows.  A line end inside quotes ends no row. */
static size_t report_whole_rows(const char *text, size_t n)
{
	size_t whole = 0;
	bool is_quoted = false;

	for (size_t i = 0; i < n; i++) {
		if (text[i] == '"')
			is_quoted = !is_quoted;
		else if (text[i] == '\n' && !is_quoted)
			whole = i + 1;
	}
	return whole;
}

/* Cut the torn part of a row off again.  Pipes and devices cannot; they keep what they took. */
static void report_untear(struct report_file *f, size_t written)
{
	const size_t torn = written - report_whole_rows(f->buffer, written);
	struct stat st;

	if (torn > 0 && fstat(f->fd, &st) == 0 && S_ISREG(st.st_mode) &&
	    ftruncate(f->fd, st.st_size - (off_t)torn) != 0)
		return; /* the reader drops a torn last row, too */
}

int report_file_flush(struct report_file *f)
{
	size_t written = 0;

	while (f->error == 0 && written < f->used) {
		const ssize_t n = write(f->fd, f->buffer + written, f->used - written);

		if (n > 0)
			written += (size_t)n;
		else if (n < 0 && errno != EINTR)
			f->error = -errno;
		else if (n == 0)
			f->error = -ENOSPC;
	}
	if (f->error != 0)
		report_untear(f, written);
	f->used = 0;
	return f->error;
}

int report_file_close(struct report_file *f)
{
	int error = report_file_flush(f);

	/* Some file systems report a full disk only here. */
	if (close(f->fd) != 0 && error == 0)
		error = -errno;
	f->fd = -1;
	report_file_free(f);
	return error;
}
