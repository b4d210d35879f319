/* SPDX-License-Identifier: MIT */
/* matrix_progress.h - "cell k of n", time left and the last figures, on stderr. */
#ifndef RECLAIMBENCH_MATRIX_PROGRESS_H
#define RECLAIMBENCH_MATRIX_PROGRESS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include "run/matrix_job.h"

/* Of the last stage of the last repetition; NaN: not there. */
struct matrix_figures {
	double ops_per_s;
	double lifetime_p50_ns, lifetime_p99_ns;
	const char *p50_mark, *p99_mark; /* ">" a lower bound, "~" weak, or "" */
	unsigned n_unsteady;		 /* stages that --steady did not end, of all */
};

struct matrix_progress {
	size_t n_all, n_done;
	uint64_t expected_left_ns; /* of what has not run, by the job file */
	uint64_t expected_done_ns,
		elapsed_ns; /* of what has run here: how good that expectation is */
	size_t n_unsteady;  /* repetitions with such stages */
	bool is_quiet, is_terminal;
	struct matrix_figures last;
};

void matrix_progress_init(struct matrix_progress *p, size_t n_all, size_t n_done, bool is_quiet);
/* A repetition begins: on a terminal a line that is rewritten. */
void matrix_progress_start(struct matrix_progress *p, const struct matrix_job *job,
			   const struct matrix_cell *cell, unsigned rep);
/* It has ended; `reason` when it failed. */
void matrix_progress_done(struct matrix_progress *p, const struct matrix_cell *cell,
			  const char *reason, uint64_t elapsed_ns);
void matrix_progress_clear(const struct matrix_progress *p);

/* Read what a repetition wrote: the figures, and whether the file is whole and its own.  False, with the
 * reason, when it is not. */
bool matrix_read_figures(struct matrix_figures *figures, const char *folder, const char *cell_id,
			 unsigned rep, char *reason, size_t reason_size);

/* "2 h 05 m", "3 m 20 s", "12 s". */
void matrix_print_duration(FILE *f, uint64_t ns);

#endif
