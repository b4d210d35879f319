/* SPDX-License-Identifier: MIT */
/* matrix.h - runs the cells of a job file, each repetition in a fresh process, interleaved.
 *
 * Order: repetition by repetition; inside one, all cells in an order drawn anew from the seed
 * (MEASURING section 2.10).  One thread.
 */
#ifndef RECLAIMBENCH_MATRIX_H
#define RECLAIMBENCH_MATRIX_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "report/csv.h"
#include "run/matrix_job.h"

struct matrix_plan {
	const char *binary; /* what is executed: this program, or another in tests */
	const char *out_dir;
	bool resume, allow_mixed, retry_failed, quiet;
	unsigned shard, n_shards; /* 1 of 1: everything */
	uint64_t order_seed;
	const char *env_id;
	const char *run_id; /* NULL: made from the time; kept when a matrix goes on */
};

/* Columns of a cell's rows, as `run` will write them, and its cell_id.  The texts live as long as the struct. */
struct matrix_columns {
	struct report_cell cell;
	char cell_id[MATRIX_ID_BYTES];
	char *strategy, *options;
	struct cli_args *args; /* what the texts point into */
	char **argv;
};

/* By the option table of `run` and its own checks.  0, or an exit code after `run`'s message and the line of
 * the job file.  Release with matrix_columns_fini(), after an error too. */
int matrix_columns_init(struct matrix_columns *columns, const struct matrix_job *job,
			const struct matrix_cell *cell) __attribute__((warn_unused_result));
void matrix_columns_fini(struct matrix_columns *columns);

/* Check all cells as `run` would before it measures, that traces can be read and events are known, and that no two
 * cells have one cell_id.  0, or EXIT_USAGE after a message with the line of the job file. */
int matrix_check_cells(const struct matrix_job *job) __attribute__((warn_unused_result));

/* The command of one repetition; ends with NULL.  NULL when memory is short; release with
 * matrix_argv_free(). */
char **matrix_argv(const struct matrix_job *job, const struct matrix_cell *cell, unsigned rep,
		   const char *binary, const char *run_id, const char *cell_id,
		   const char *out_dir);
void matrix_argv_free(char **argv);

/* Whether a cell belongs to a shard (1 .. n_shards), by its id alone. */
bool matrix_is_in_shard(const struct matrix_cell *cell, unsigned shard, unsigned n_shards);

/* Print the cells, repetitions and expected time to stdout.  Returns an exit code. */
int matrix_dry_run(const struct matrix_job *job, const struct matrix_plan *plan);

/* Run what is not finished.  Returns EXIT_GOOD, EXIT_USAGE, EXIT_CELLS_FAILED or EXIT_INTERRUPTED. */
int matrix_run(const struct matrix_job *job, const struct matrix_plan *plan);

#endif
