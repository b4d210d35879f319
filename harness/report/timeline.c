/* SPDX-License-Identifier: MIT */
/* timeline.c - samples of timeline.csv, checked field by field, and which of them belong together. */
#include "report/timeline.h"

#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "report/csv.h"
#include "report/csv_rows.h"

enum {
	TL_SCHEMA,
	TL_RUN_ID,
	TL_CELL_ID,
	TL_STRATEGY,
	TL_OPTIONS,
	TL_REP,
	TL_STAGE,
	TL_TIME_NS,
	TL_LIMBO_BYTES,
	TL_RSS_BYTES,
	TL_OPS_PER_S,
	TL_N_CYCLES,
	TL_N_COLUMNS
};
static const char *const timeline_columns[TL_N_COLUMNS] = {
	"schema", "run_id",  "cell_id",	    "strategy",	 "options",   "rep",
	"stage",  "time_ns", "limbo_bytes", "rss_bytes", "ops_per_s", "n_cycles",
};

/* The repetition that the row before was of. */
struct timeline_unit {
	char *key; /* owned */
	uint64_t time_ns;
};

struct timeline_reader {
	timeline_fn *fn;
	void *ctx;
	struct timeline_unit unit;
	char problem[CSV_ROWS_PROBLEM_BYTES];
};

/* Whether a key is of these parts. */
static bool unit_is(const char *key, const char *const parts[3])
{
	for (int i = 0; i < 3; i++) {
		const size_t length = strlen(parts[i]);

		if (strncmp(key, parts[i], length) || key[length] != '\n')
			return false;
		key += length + 1;
	}
	return true;
}

/* 1: the row goes on with the same repetition of the same run and cell, and time has not fallen; 0: another begins; or
 * -ENOMEM. */
static int timeline_unit_next(struct timeline_unit *unit, const char *const *fields,
			      uint64_t time_ns)
{
	const char *const parts[] = {fields[TL_RUN_ID], fields[TL_CELL_ID], fields[TL_REP]};
	const bool goes_on = unit->key && time_ns >= unit->time_ns && unit_is(unit->key, parts);

	unit->time_ns = time_ns;
	if (goes_on)
		return 1;
	free(unit->key);
	if (asprintf(&unit->key, "%s\n%s\n%s\n", parts[0], parts[1], parts[2]) >= 0)
		return 0;
	unit->key = NULL;
	return -ENOMEM;
}

static const char *timeline_counts(struct timeline_reader *r, const char *const *fields,
				   struct timeline_row *row)
{
	uint64_t rep;
	const struct {
		int column;
		uint64_t *out;
	} counts[] = {{TL_REP, &rep},
		      {TL_TIME_NS, &row->time_ns},
		      {TL_LIMBO_BYTES, &row->limbo_bytes},
		      {TL_RSS_BYTES, &row->rss_bytes},
		      {TL_N_CYCLES, &row->n_cycles}};

	for (size_t i = 0; i < sizeof(counts) / sizeof(counts[0]); i++) {
		const int c = counts[i].column;

		if (!csv_rows_count(fields[c], counts[i].out))
			return csv_rows_problem(r->problem, timeline_columns[c], fields[c],
						"a whole number from 0 to 2^64-1");
	}
	if (rep > UINT32_MAX)
		return csv_rows_problem(r->problem, "rep", fields[TL_REP],
					"a whole number below 2^32");
	row->rep = (unsigned)rep;
	return NULL;
}

static const char *timeline_take(void *ctx, const char *const *fields)
{
	struct timeline_reader *r = ctx;
	struct timeline_row row = {.run_id = fields[TL_RUN_ID],
				   .cell_id = fields[TL_CELL_ID],
				   .strategy = fields[TL_STRATEGY],
				   .options = fields[TL_OPTIONS],
				   .stage = fields[TL_STAGE],
				   .ops_per_s = NAN};
	const char *problem;
	uint64_t schema;
	int goes_on;

	if (!csv_rows_count(fields[TL_SCHEMA], &schema) || schema != REPORT_SCHEMA)
		return csv_rows_problem(
			r->problem, "schema", fields[TL_SCHEMA],
			"that of this program; use the reclaimbench that wrote the file");
	problem = timeline_counts(r, fields, &row);
	if (problem)
		return problem;
	if (*fields[TL_OPS_PER_S] &&
	    (!csv_rows_number(fields[TL_OPS_PER_S], &row.ops_per_s) || row.ops_per_s < 0))
		return csv_rows_problem(r->problem, "ops_per_s", fields[TL_OPS_PER_S],
					"a number of 0 or more, or empty");
	goes_on = timeline_unit_next(&r->unit, fields, row.time_ns);
	if (goes_on < 0)
		return "out of memory";
	row.begins = !goes_on;
	/* cppcheck-suppress returnDanglingLifetime ; fn() says what is wrong in words of its own */
	return r->fn(r->ctx, &row);
}

int timeline_read(const char *path, timeline_fn *fn, void *ctx, char *why, size_t why_size)
{
	struct timeline_reader r = {.fn = fn, .ctx = ctx};
	const int rc = csv_rows_read(path, timeline_columns, TL_N_COLUMNS, timeline_take, &r, why,
				     why_size);

	free(r.unit.key);
	return rc;
}
