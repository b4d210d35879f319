/* SPDX-License-Identifier: MIT */
/* terminal.h - the short table and the lines of the self-checks on stdout, progress on stderr. */
#ifndef RECLAIMBENCH_RUN_TERMINAL_H
#define RECLAIMBENCH_RUN_TERMINAL_H

#include "run/cost.h"
#include "run/rows.h"

/* What the self-checks of all stages said. */
struct terminal_checks {
	unsigned n_stages;
	unsigned n_little, n_little_bad; /* checked, failed */
	double worst_ratio;		 /* furthest from 1 */
	char worst_stage[STAGES_NAME_BYTES];
	unsigned n_conservation_bad;
	char conservation_text[384]; /* of the first that failed */
	unsigned n_law_bad;	     /* stages */
	uint64_t digest, n_digest;
	unsigned n_watched, n_unsteady; /* stages with --steady; that it did not end */
};

void terminal_header(const struct run_config *config);
/* A line of the table; adds the stage's checks to `checks`. */
void terminal_stage(const struct rows *rows, struct terminal_checks *checks);
/* The lines below the table; `quiet`: only if a check failed or a stage was not steady.  `cost`: NULL when it was
 * not asked for. */
void terminal_footer(const struct terminal_checks *checks, const struct cost *cost, bool quiet);

/* "stage 2/4 5k, 12 s left"; rewritten in place on a terminal. */
void terminal_progress(const struct run_config *config, const char *what, uint64_t left_ns);
void terminal_progress_end(const struct run_config *config);

#endif
