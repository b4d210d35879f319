/* SPDX-License-Identifier: MIT */
/* output.h - the files of a run: DIR/run.csv, timeline.csv, histograms.csv, and trace.json when asked.  Main thread only. */
#ifndef RECLAIMBENCH_RUN_OUTPUT_H
#define RECLAIMBENCH_RUN_OUTPUT_H

#include <stdio.h>

#include "report/csv.h"
#include "run/config.h"
#include "run/stage.h"
#include "run/trace_out.h"

struct run_output {
	struct report_cell cell;
	struct report_file *rows, *timeline;
	FILE *histograms;
	FILE *trace; /* NULL: not asked for */
	struct trace_out events;
	bool has_events; /* the first stage has begun the file */
	char run_id[64];
	char cell_id[32];
	char paths[4][4096]; /* run.csv, timeline.csv, histograms.csv, trace.json */
};

/* Make the directory and open the files.  0, or -errno after saying what is wrong.  `build_id` and `env_id`
 * must outlive it.  Release with run_output_close(). */
int run_output_open(struct run_output *out, const struct run_config *config, const char *build_id,
		    const char *env_id);
/* Add a row to run.csv; `error` collects the first failure. */
void run_output_row(struct run_output *out, const struct report_stage *stage,
		    const struct report_row *row, int *error);
/* A stage's samples and histograms. */
int run_output_timeline(struct run_output *out, const struct stage_result *s);
int run_output_histograms(struct run_output *out, const struct stage_result *s);
/* A stage's events for trace.json, when asked for.  `zero_ticks`: moment 0. */
void run_output_trace(struct run_output *out, const struct run_instance *in,
		      const struct stage_result *s, uint64_t zero_ticks);
/* Write what was collected.  0, or -errno after naming the file; rows written before are kept. */
int run_output_flush(struct run_output *out);
/* Also after a failed open.  0 or -errno after naming the file. */
int run_output_close(struct run_output *out);

#endif
