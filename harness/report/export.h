/* SPDX-License-Identifier: MIT */
/* export.h - results in the formats of others.  Every function writes to `out`, leaves the check of its error to
 * who closes it, and returns 0 or -errno with a message in `error`.  results/README.md says what becomes of each
 * status.  Threads: one.
 */
#ifndef RECLAIMBENCH_EXPORT_H
#define RECLAIMBENCH_EXPORT_H

#include <stdio.h>

#include "report/table.h"

/* The rows of one cell, stage and repetition. */
struct export_unit {
	const uint32_t *rows;
	size_t n_rows;
	uint32_t n_reps; /* of this cell and stage */
	uint32_t rep_index;
};
typedef int export_unit_fn(void *ctx, const struct table *t, const struct export_unit *unit);
/* Call `fn` for each unit: cells as they first appear, then stages, then repetitions.  0, -ENOMEM, or what fn
 * returned. */
int export_units(const struct table *t, export_unit_fn *fn, void *ctx);

/* One row per cell, stage and repetition, a column per figure. */
int export_wide(FILE *out, const struct table *t, char *error, size_t error_size);
/* Google Benchmark's JSON, schema 1. */
int export_gbench(FILE *out, const struct table *t, char *error, size_t error_size);
/* The text of Go's benchmarks, for benchstat. */
int export_benchstat(FILE *out, const struct table *t, char *error, size_t error_size);
/* HdrHistogram's log, from DIR/histograms.csv. */
int export_hdr(FILE *out, const char *dir, char *error, size_t error_size);
/* Trace events: DIR/trace.json as it is, or made from DIR/timeline.csv. */
int export_trace(FILE *out, const char *dir, char *error, size_t error_size);

#endif
