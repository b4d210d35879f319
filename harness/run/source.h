/* SPDX-License-Identifier: MIT */
/* source.h - where a run's operations come from when they are recorded: a trace, loaded and split by key.
 *
 * A stage with a rate takes its starts from the schedule, whatever the trace's times; a stage `max`
 * follows --trace-pace: flat out, by the recorded times, or at a rate.
 *
 * Read-only once made; workers own their places in it (struct trace_replay).
 */
#ifndef RECLAIMBENCH_RUN_SOURCE_H
#define RECLAIMBENCH_RUN_SOURCE_H

#include "load/trace_replay.h"
#include "run/config.h"

struct run_source {
	struct trace *trace;
	struct trace_shards shards;
	struct trace_pace pace;
};

/* Load config->trace_path for config->n_threads workers; sets config->n_keys to the trace's largest number
 * of live keys, and the rate of `max` stages when the pace is one.  0 or EXIT_USAGE after saying what is
 * wrong.  Release with run_source_free(). */
int run_source_load(struct run_source *source, struct run_config *config);
void run_source_free(struct run_source *source);

#endif
