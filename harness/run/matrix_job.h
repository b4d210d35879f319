/* SPDX-License-Identifier: MIT */
/* matrix_job.h - a job file: which cells a matrix has.
 *
 *     [global]                          ; every section inherits it
 *     reps = 10
 *     keys = 2^10..2^22*4, 1M           ; a list: one cell for each (cross product with other lists)
 *     stages = 1k:5s,max:5s | max:30s   ; texts that hold commas themselves are listed with |
 *     exclude = strategy=leak & keys>=2^20
 *
 *     [steady]                          ; a scenario
 *     strategy = leak, sweepgen:gogc=50,batch=64, mark
 *     [growing]
 *     inherit = steady                  ; and what it overrides
 *     dist = fifo
 *
 * A key is an option of `reclaimbench run` without its dashes (a flag takes yes or no), or one of:
 *
 *     reps        repetitions of each cell, each a fresh process
 *     time-limit  after which a repetition is killed; default: 3 times the expected time and a minute
 *     inherit     an earlier section whose keys this one takes over
 *     program     in [global]: the cells are not of `run` but of this program (`reclaimbench scenario FILE`), and
 *                 keys are its settings
 *     exclude     CONDITION [& CONDITION]..: cells for which all hold are left out; may be repeated.  A
 *                 condition is KEY=GLOB, KEY!=GLOB, or KEY<N with <, <=, >, >= and numbers, times or
 *                 rates with units
 *
 * Lists: commas separate, except in `stages`, `events`, `pin` and `evict`, whose texts hold commas; where a
 * value has a |, only | separates.  In `strategy`, opt=value after a comma belongs to the strategy before it.
 * Ranges: A..B*F is A, A*F, .. up to B; A..B+S likewise by steps; counts and times.
 *
 * Syntax is inih's: ; or # begin a comment line, " ;" a comment at the end of a line, an indented line
 * goes on with the value of the line above.
 *
 * A job is made once and then read-only; any thread may read it.
 */
#ifndef RECLAIMBENCH_MATRIX_JOB_H
#define RECLAIMBENCH_MATRIX_JOB_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "cli.h"

#define MATRIX_ID_BYTES 17 /* 16 hex digits */
#define MATRIX_MAX_CELLS 100000
#define MATRIX_MAX_REPS 1000

struct matrix_cell {
	char id[MATRIX_ID_BYTES]; /* hash of scenario and settings: names its folder and its shard */
	const char *scenario;
	unsigned line; /* of its section */
	const char *
		*values; /* per option of `run`: text, "" for a flag that is on, NULL: not given */
	unsigned n_reps;
	uint64_t seed;	      /* of the first repetition; the k-th takes seed + k - 1 */
	uint64_t expected_ns; /* one repetition: warm-up, stages, start and end */
	uint64_t limit_ns;
};

struct matrix_job {
	const struct cli_option *options; /* of `run` or of the program */
	size_t n_options;
	char *path;
	char hash[MATRIX_ID_BYTES]; /* of the file's bytes */
	struct matrix_cell *cells;  /* in the order of the file */
	size_t n_cells;
	size_t n_excluded;
	char **texts; /* what the cells point to */
	size_t n_texts;
};

/* Read a job file for a `run` with these options.  0, -EINVAL, -ENOMEM or the error of reading, and then `error`
 * says "file:line: what, and what would be right".  Release with matrix_job_fini(), after an error too. */
int matrix_job_read(struct matrix_job *job, const char *path, const struct cli_option *options,
		    char *error, size_t error_size) __attribute__((warn_unused_result));
void matrix_job_fini(struct matrix_job *job);

/* The `program` of a job file; "" when its cells are of `run`.  0 or an error, as matrix_job_read(). */
int matrix_job_program(const char *path, char *name, size_t name_size, char *error,
		       size_t error_size) __attribute__((warn_unused_result));
/* As matrix_job_read(), for a program with these settings; -EINVAL when the file is for another. */
int matrix_job_read_for(struct matrix_job *job, const char *path, const char *program,
			const struct cli_option *options, char *error, size_t error_size)
	__attribute__((warn_unused_result));

/* The text of an option for a cell: given, or the table's default, or NULL. */
const char *matrix_cell_get(const struct matrix_job *job, const struct matrix_cell *cell,
			    const char *option);
/* "strategy=mark keys=65536": what is given, in the order of the option table.  The caller frees; NULL
 * when memory is short. */
char *matrix_cell_text(const struct matrix_job *job, const struct matrix_cell *cell);

#endif
