/* SPDX-License-Identifier: MIT */
/* go_scenario.h - what the scenarios share that drive the preset go by themselves and watch it from inside: settings of
 * one cell of their job file, rows, times.  The job files are scripts/matrices/NAME.ini with `program = NAME`.
 *
 * Main thread only; nothing is shared between two cells.
 */
#ifndef RECLAIMBENCH_GOREF_GO_SCENARIO_H
#define RECLAIMBENCH_GOREF_GO_SCENARIO_H

#include "goref/model.h"
#include "run/scenario.h"

struct go_scenario {
	struct scenario *s;
	struct model_config config; /* of the stage */
	char stage[32];		    /* as in the rows: "5k", "max" */
};

/* Settings that a program's table may have; what it has not keeps the value that `g` holds. */
#define GO_SETTING_KEYS(deflt)                                                                     \
	{                                                                                          \
		"keys", "N", deflt, "entries of the map, 16 to 2^26"                               \
	}
#define GO_SETTING_RATE(deflt)                                                                     \
	{                                                                                          \
		"rate", "N|max", deflt, "operations per second, open loop; max: unthrottled"       \
	}
#define GO_SETTING_GOGC(deflt)                                                                     \
	{                                                                                          \
		"gogc", "N", deflt, "GOGC in percent, 1 to 1M"                                     \
	}
#define GO_SETTING_GARBAGE                                                                         \
	{                                                                                          \
		"garbage-bytes", "N", "4096", "bytes of unrelated garbage per operation; 0: none"  \
	}
#define GO_SETTING_DURATION(deflt)                                                                 \
	{                                                                                          \
		"duration", "TIME", deflt, "length of the stage"                                   \
	}
#define GO_SETTING_SEED                                                                            \
	{                                                                                          \
		"seed", "N", "1", "of all random numbers; a repetition adds its number"            \
	}

/* 0 or EXIT_USAGE after a message. */
int go_scenario_read(struct go_scenario *g, struct scenario *s, const struct cli_args *settings)
	__attribute__((warn_unused_result));

/* Run the stage, hand it to `table`, and look whether the collector kept its rules.  An exit code. */
int go_scenario_stage(struct go_scenario *g, void (*table)(struct go_scenario *g, struct model *m,
							   const struct model_summary *s));

/* One figure of run.csv. */
void go_scenario_row(const struct go_scenario *g, const char *metric, const char *stat,
		     const char *unit, double value, uint64_t n);
/* One point of timeline.csv.  0 or -ENOMEM. */
int go_scenario_sample(const struct go_scenario *g, struct report_file *file,
		       const struct report_sample *sample) __attribute__((warn_unused_result));
/* The same times as a line of the table and as rows: min, P50, P90, P99, max; sorts them. */
void go_scenario_times(const struct go_scenario *g, const char *what, const char *metric,
		       uint64_t *ns, size_t n);
void go_scenario_times_head(void);

#endif
