/* SPDX-License-Identifier: MIT */
/* histfile.h - whole histograms beside run.csv: DIR/histograms.csv, one row per histogram.
 *
 * run.csv holds percentiles; the bins behind them go here, so that figures and `export --format=hdr`
 * need not guess between percentiles.  Columns (RFC 4180, C locale, results/README.md explains them):
 *
 *   schema,cell_id,strategy,options,rep,stage,stage_start_s,stage_s,role,object,phase,table_state,
 *   metric,kind,unit,n,max,sum,bins
 *
 * `kind` is "counts" (plain histogram), "events", "censored" or "entered" (struct life_hist, three
 * rows).  `bins` lists non-empty bins of core/hist.h as "LOW:COUNT" separated by blanks, LOW being the
 * smallest value of the bin.  For kind "entered", n counts n_from_zero too: n - sum(bins) began inside
 * the stage.
 *
 * Threads: a writer or reader belongs to one thread.
 */
#ifndef RECLAIMBENCH_HISTFILE_H
#define RECLAIMBENCH_HISTFILE_H

#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include "hist.h"
#include "life.h"

#define HISTFILE_SCHEMA "1"
#define HISTFILE_NAME "histograms.csv"

/* What a histogram is of.  Strings are UTF-8 as in run.csv; NULL is written as empty. */
struct histfile_key {
	const char *cell_id;
	const char *strategy;
	const char *options;
	unsigned rep;
	const char *stage;
	double stage_start_s; /* since the run's start */
	double stage_s;
	const char *role;
	const char *object;
	const char *phase;
	const char *table_state;
	const char *metric;
	const char *unit; /* "ns" */
};

/* The header line; once per file.  0 or -errno. */
int histfile_write_header(FILE *out);
/* One row of kind "counts"; nothing when the histogram is empty.  0 or -errno. */
int histfile_write_hist(FILE *out, const struct histfile_key *key, const struct hist *h);
/* Three rows; nothing when all are empty.  0 or -errno. */
int histfile_write_life(FILE *out, const struct histfile_key *key, const struct life_hist *h);

/* A histogram as read back: sparse, ascending. */
struct histfile_row {
	char *cell_id;
	char *strategy;
	char *options;
	unsigned rep;
	char *stage;
	double stage_start_s;
	double stage_s;
	char *role;
	char *object;
	char *phase;
	char *table_state;
	char *metric;
	char *kind;
	char *unit;
	uint64_t n;
	uint64_t max;
	double sum;
	size_t n_bins;
	struct histfile_bin {
		uint64_t low;
		uint64_t count;
	} * bins;
};

struct histfile {
	size_t n_rows;
	struct histfile_row *rows;
};

/* Read a file.  0, -errno of the file, or -EINVAL; then `why` (of `why_size` bytes) says what is wrong and
 * where, "file:line: ...", and *out is empty.  A last line without its newline is torn: it is dropped
 * and the result is 1.  Free with histfile_free(). */
int histfile_read(const char *path, struct histfile *out, char *why, size_t why_size);
void histfile_free(struct histfile *file);

#endif
