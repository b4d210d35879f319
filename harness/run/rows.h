/* SPDX-License-Identifier: MIT */
/* rows.h - a stage's results as rows of run.csv.  results/README.md explains every metric.
 *
 * Percentiles of lifetimes come from Kaplan-Meier with delayed entry; `status` says how good a value is,
 * `reason` why it is not better.  Main thread only.
 */
#ifndef RECLAIMBENCH_RUN_ROWS_H
#define RECLAIMBENCH_RUN_ROWS_H

#include "measure/km.h"
#include "run/output.h"
#include "run/stage.h"

/* Below this share of the offered rate a stage is saturated. */
#define ROWS_SATURATED 0.98

struct rows {
	struct run_output *out;
	const struct run_config *config;
	const struct run_instance *in;
	const struct stage_result *s;
	struct report_stage stage;
	int error;	  /* first -errno */
	size_t n_law_bad; /* lives that break the per-event law (law_n_bad()); after rows_law() */
};

void rows_init(struct rows *rows, struct run_output *out, const struct run_instance *in,
	       const struct stage_result *s);

/* All rows of a stage.  0 or -errno. */
int rows_stage(struct rows *rows);

/* The parts: latencies, throughput, memory, self-checks (rows.c); lifetimes (rows_life.c). */
void rows_lifetimes(struct rows *rows);

/* Cycles of the strategy's log; false when it keeps none, or none ended in the stage.  And the same as lines,
 * for --gc-log, times counted from the stage's begin. */
bool rows_gc(struct rows *rows);
void rows_gc_print(const struct rows *rows, FILE *out);

/* The per-event law (measure/law.h), by class, and as one line; nothing without a log of cycles or deaths. */
void rows_law(struct rows *rows);
void rows_law_print(struct rows *rows, FILE *out);

/* Emit one row; missing fields of `row` get their usual content (object "all", sampled 1 in 1, ok). */
void rows_emit(struct rows *rows, struct report_row row);

/* With --steady: how the stage ended, in words. */
void rows_steady_text(const struct stage_result *s, char *buf, size_t size);
/* Who held up stops that were given up in the stage; false: none was. */
bool rows_stall_text(const struct rows *rows, char *buf, size_t size);

/* Whether the offered rate was not reached. */
bool rows_is_saturated(const struct stage_result *s);

/* The total lifetime of all classes and table states together: for the terminal's table. */
void rows_lifetime_of_all(const struct rows *rows, struct km *km);
/* A percentile with the status that the whole stage leaves to it. */
struct km_value rows_quantile(const struct rows *rows, const struct km *km, double q);
/* Bytes that the map holds, live and limbo, per entry; NaN when it is empty. */
double rows_bytes_per_entry(const struct stage_result *s);

#endif
