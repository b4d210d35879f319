/* SPDX-License-Identifier: MIT */
/* go_scenario.h - scenarios that a job file cannot express: each drives the preset go by itself, watches it from
 * inside and prints a short table.  Those that a job file can express are scripts/matrices/NAME.ini.
 *
 * Main thread only; nothing is shared between two calls.
 */
#ifndef RECLAIMBENCH_GOREF_GO_SCENARIO_H
#define RECLAIMBENCH_GOREF_GO_SCENARIO_H

#include <stdint.h>
#include <stdio.h>

struct go_scenario_options {
	uint64_t n_keys;      /* 0: the scenario's own */
	uint64_t duration_ns; /* of a stage; 0: the scenario's own */
	uint64_t seed;
	FILE *out;  /* the table */
	FILE *data; /* every observation as CSV; NULL: none */
};

struct go_scenario {
	const char *name;
	const char *summary;
	/* An exit code, after a message where it is not 0.  NULL: scripts/matrices/NAME.ini. */
	int (*run)(const struct go_scenario_options *options);
};

int go_scenario_deterministic(const struct go_scenario_options *options);
int go_scenario_alignment(const struct go_scenario_options *options);
int go_scenario_heap_curve(const struct go_scenario_options *options);
int go_scenario_assist(const struct go_scenario_options *options);
int go_scenario_ghost(const struct go_scenario_options *options);

/* Quantiles of n values in ns as "min p50 p90 p99 max" with units; sorts them. */
void go_scenario_print_quantiles(FILE *out, const char *what, uint64_t *ns, size_t n);

#endif
