/* SPDX-License-Identifier: MIT */
/* timeline.h - reads timeline.csv, for the figures and the exports.  Rows are appended: one file may hold several runs of
 * a cell, each with a first repetition, and times that begin anew.  Memory: one row.  One thread.
 */
#ifndef RECLAIMBENCH_TIMELINE_H
#define RECLAIMBENCH_TIMELINE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* What is read of a sample; texts are valid during the call.  Meanings: csv.h, struct report_sample. */
struct timeline_row {
	const char *run_id, *cell_id, *strategy, *options, *stage;
	unsigned rep;
	uint64_t time_ns, limbo_bytes, rss_bytes, n_cycles;
	double ops_per_s; /* NaN: empty in the file */
	bool begins; /* another repetition, run or cell than the row before, or time has fallen */
};

/* Called for each sample.  Returns NULL, or what is wrong in a few words, which ends the reading. */
typedef const char *timeline_fn(void *ctx, const struct timeline_row *row);

/* As csv_rows_read(): 0; 1 when a torn last line was left out; or -errno, and then `why` says "file:line: what" and,
 * of a bad field, its column, its text and what would be right. */
int timeline_read(const char *path, timeline_fn *fn, void *ctx, char *why, size_t why_size)
	__attribute__((warn_unused_result));

#endif
