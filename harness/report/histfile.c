/* SPDX-License-Identifier: MIT */
/* histfile.c - whole histograms as rows of a CSV file. */
#include "report/histfile.h"

#include <errno.h>
#include <inttypes.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "report/csv_rows.h"
#include "report/text.h"

enum {
	HF_SCHEMA,
	HF_CELL_ID,
	HF_STRATEGY,
	HF_OPTIONS,
	HF_REP,
	HF_STAGE,
	HF_STAGE_START_S,
	HF_STAGE_S,
	HF_ROLE,
	HF_OBJECT,
	HF_PHASE,
	HF_TABLE_STATE,
	HF_METRIC,
	HF_KIND,
	HF_UNIT,
	HF_N,
	HF_MAX,
	HF_SUM,
	HF_BINS,
	HF_N_COLUMNS
};

static const char *const histfile_columns[HF_N_COLUMNS] = {
	"schema",  "cell_id", "strategy", "options", "rep",	    "stage",  "stage_start_s",
	"stage_s", "role",    "object",	  "phase",   "table_state", "metric", "kind",
	"unit",	   "n",	      "max",	  "sum",     "bins",
};

static int histfile_status(FILE *out)
{
	if (ferror(out))
		return errno ? -errno : -EIO;
	return 0;
}

int histfile_write_header(FILE *out)
{
	for (size_t i = 0; i < HF_N_COLUMNS; i++)
		fprintf(out, "%s%s", i ? "," : "", histfile_columns[i]);
	fputc('\n', out);
	return histfile_status(out);
}

static void histfile_text(FILE *out, const char *text)
{
	text_write_csv(out, text ? text : "");
	fputc(',', out);
}

static int histfile_row(FILE *out, const struct histfile_key *key, const char *kind,
			const uint64_t *bins, uint64_t n, uint64_t max, double sum)
{
	const char *blank = "";

	fputs(HISTFILE_SCHEMA ",", out);
	histfile_text(out, key->cell_id);
	histfile_text(out, key->strategy);
	histfile_text(out, key->options);
	fprintf(out, "%u,", key->rep);
	histfile_text(out, key->stage);
	fprintf(out, "%.17g,%.17g,", key->stage_start_s, key->stage_s);
	histfile_text(out, key->role);
	histfile_text(out, key->object);
	histfile_text(out, key->phase);
	histfile_text(out, key->table_state);
	histfile_text(out, key->metric);
	fprintf(out, "%s,", kind);
	histfile_text(out, key->unit);
	fprintf(out, "%" PRIu64 ",%" PRIu64 ",%.17g,", n, max, sum);
	for (uint32_t i = 0; i < HIST_N_BINS; i++) {
		if (!bins[i])
			continue;
		fprintf(out, "%s%" PRIu64 ":%" PRIu64, blank, hist_low(i), bins[i]);
		blank = " ";
	}
	fputc('\n', out);
	return histfile_status(out);
}

int histfile_write_hist(FILE *out, const struct histfile_key *key, const struct hist *h)
{
	return h->n ? histfile_row(out, key, "counts", h->bins, h->n, h->max, h->sum) : 0;
}

int histfile_write_life(FILE *out, const struct histfile_key *key, const struct life_hist *h)
{
	uint64_t n_events = 0;
	uint64_t n_censored = 0;
	uint64_t n_entered = h->n_from_zero;
	uint64_t max_censored = 0;
	int rc;

	for (uint32_t i = 0; i < HIST_N_BINS; i++) {
		n_events += h->events[i];
		n_censored += h->censored[i];
		n_entered += h->entered[i];
		if (h->censored[i])
			max_censored = hist_low(i);
	}
	if (!n_events && !n_censored && !n_entered)
		return 0;
	rc = histfile_row(out, key, "events", h->events, n_events, h->max_event_ns,
			  h->sum_event_ns);
	if (!rc)
		rc = histfile_row(out, key, "censored", h->censored, n_censored, max_censored, 0);
	if (!rc)
		rc = histfile_row(out, key, "entered", h->entered, n_entered, 0, 0);
	return rc;
}

struct histfile_reader {
	struct histfile *file;
	size_t size;
};

static bool histfile_u64(const char *text, uint64_t *out, const char **end)
{
	char *stop;

	if (*text < '0' || *text > '9')
		return false;
	errno = 0;
	*out = strtoull(text, &stop, 10);
	*end = stop;
	return !errno;
}

/* "LOW:COUNT LOW:COUNT", ascending. */
static const char *histfile_parse_bins(const char *text, struct histfile_row *row)
{
	uint64_t last = 0;
	size_t n = *text ? 1 : 0;

	for (const char *p = text; *p; p++)
		n += *p == ' ';
	row->bins = calloc(n ? n : 1, sizeof(*row->bins));
	if (!row->bins)
		return "out of memory";
	while (*text) {
		struct histfile_bin *bin = &row->bins[row->n_bins];

		if (!histfile_u64(text, &bin->low, &text) || *text++ != ':' ||
		    !histfile_u64(text, &bin->count, &text) || (*text && *text != ' '))
			return "'bins' is not a list of LOW:COUNT";
		if (row->n_bins && bin->low <= last)
			return "'bins' is not in ascending order";
		last = bin->low;
		row->n_bins++;
		text += *text == ' ';
	}
	return NULL;
}

static const char *histfile_parse_strings(const char *const *fields, struct histfile_row *row)
{
	const struct {
		char **out;
		int column;
	} strings[] = {
		{&row->cell_id, HF_CELL_ID}, {&row->strategy, HF_STRATEGY},
		{&row->options, HF_OPTIONS}, {&row->stage, HF_STAGE},
		{&row->role, HF_ROLE},	     {&row->object, HF_OBJECT},
		{&row->phase, HF_PHASE},     {&row->table_state, HF_TABLE_STATE},
		{&row->metric, HF_METRIC},   {&row->kind, HF_KIND},
		{&row->unit, HF_UNIT},
	};

	for (size_t i = 0; i < sizeof(strings) / sizeof(strings[0]); i++) {
		*strings[i].out = strdup(fields[strings[i].column]);
		if (!*strings[i].out)
			return "out of memory";
	}
	return NULL;
}

static const char *histfile_parse(void *ctx, const char *const *fields)
{
	struct histfile_reader *reader = ctx;
	struct histfile *file = reader->file;
	struct histfile_row *row;
	const char *problem;
	uint64_t rep;

	if (strcmp(fields[HF_SCHEMA], HISTFILE_SCHEMA))
		return "schema is not " HISTFILE_SCHEMA;
	if (file->n_rows == reader->size) {
		const size_t size = reader->size ? reader->size * 2 : 64;

		row = realloc(file->rows, size * sizeof(*row));
		if (!row)
			return "out of memory";
		file->rows = row;
		reader->size = size;
	}
	row = &file->rows[file->n_rows++];
	memset(row, 0, sizeof(*row));
	problem = histfile_parse_strings(fields, row);
	if (problem)
		return problem;
	if (!csv_rows_count(fields[HF_REP], &rep) || rep > UINT32_MAX)
		return "'rep' is not a number";
	row->rep = (unsigned)rep;
	if (!csv_rows_count(fields[HF_N], &row->n) || !csv_rows_count(fields[HF_MAX], &row->max))
		return "'n' or 'max' is not a number";
	if (!csv_rows_number(fields[HF_SUM], &row->sum) ||
	    !csv_rows_number(fields[HF_STAGE_START_S], &row->stage_start_s) ||
	    !csv_rows_number(fields[HF_STAGE_S], &row->stage_s))
		return "'sum', 'stage_start_s' or 'stage_s' is not a number";
	return histfile_parse_bins(fields[HF_BINS], row);
}

int histfile_read(const char *path, struct histfile *out, char *why, size_t why_size)
{
	struct histfile_reader reader = {.file = out};
	int rc;

	memset(out, 0, sizeof(*out));
	rc = csv_rows_read(path, histfile_columns, HF_N_COLUMNS, histfile_parse, &reader, why,
			   why_size);
	if (rc < 0)
		histfile_free(out);
	return rc;
}

void histfile_free(struct histfile *file)
{
	for (size_t i = 0; i < file->n_rows; i++) {
		struct histfile_row *row = &file->rows[i];

		free(row->cell_id);
		free(row->strategy);
		free(row->options);
		free(row->stage);
		free(row->role);
		free(row->object);
		free(row->phase);
		free(row->table_state);
		free(row->metric);
		free(row->kind);
		free(row->unit);
		free(row->bins);
	}
	free(file->rows);
	memset(file, 0, sizeof(*file));
}
