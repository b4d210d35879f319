/* SPDX-License-Identifier: MIT */
/* matrix_check.c - all cells of a job before the first runs: an error in the last line of a job file should not show
 * after a night. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "measure/pmu.h"
#include "report/text.h"
#include "run/matrix.h"

#define MESSAGE_BYTES 1024

/* A cell and the id that its rows will bear. */
struct matrix_check {
	const struct matrix_cell *cell;
	char cell_id[MATRIX_ID_BYTES];
};

static int check_compare(const void *left, const void *right)
{
	const struct matrix_check *x = left;
	const struct matrix_check *y = right;
	const int order = strcmp(x->cell_id, y->cell_id);

	return order ? order : (x->cell > y->cell) - (x->cell < y->cell);
}

/* "seed=2": what one cell is given otherwise than another.  The caller frees; NULL when memory is short. */
static char *check_difference(const struct matrix_job *job, const struct matrix_cell *cell,
			      const struct matrix_cell *other)
{
	struct text_buffer buffer;
	FILE *f = text_open(&buffer);
	const char *blank = "";

	for (size_t i = 0; f && i < job->n_options; i++) {
		const char *name = job->options[i].name;
		const char *value = matrix_cell_get(job, cell, name);
		const char *before = matrix_cell_get(job, other, name);

		if (!value != !before || (value && strcmp(value, before))) {
			fprintf(f, "%s%s=%s", blank, name, !value ? "no" : *value ? value : "yes");
			blank = " ";
		}
	}
	return f ? text_close(&buffer) : NULL;
}

/* Rows of two cells with one id would be read as repetitions of one cell. */
static int check_ids(const struct matrix_job *job, struct matrix_check *checks)
{
	qsort(checks, job->n_cells, sizeof(*checks), check_compare);
	for (size_t i = 1; i < job->n_cells; i++) {
		const struct matrix_cell *first = checks[i - 1].cell, *second = checks[i].cell;
		char *is, *was;

		if (strcmp(checks[i - 1].cell_id, checks[i].cell_id))
			continue;
		is = check_difference(job, second, first);
		was = check_difference(job, first, second);
		cli_error("%s:%u: [%s] with %s measures the same as with %s (line %u), and their "
			  "rows could not be told apart; leave one out.  For several seeds write "
			  "reps = N: each repetition adds 1 to the seed",
			  job->path, second->line, second->scenario, is ? is : "?", was ? was : "?",
			  first->line);
		free(is);
		free(was);
		return EXIT_USAGE;
	}
	return 0;
}

static int check_failed(const struct matrix_job *job, const struct matrix_cell *cell,
			const char *option, const char *value, const char *why)
{
	cli_error("%s:%u: [%s] %s=%s: %s", job->path, cell->line, cell->scenario, option, value,
		  why);
	return EXIT_USAGE;
}

/* By `run`'s own parsers, but for what the rows of a trace say. */
static int check_cell(const struct matrix_job *job, const struct matrix_cell *cell,
		      struct matrix_check *check)
{
	const char *trace = matrix_cell_get(job, cell, "trace");
	const char *events = matrix_cell_get(job, cell, "events");
	struct matrix_columns columns;
	struct pmu_set *set = NULL;
	char message[MESSAGE_BYTES];
	int code = matrix_columns_init(&columns, job, cell);

	*check = (struct matrix_check){.cell = cell};
	snprintf(check->cell_id, sizeof(check->cell_id), "%s", columns.cell_id);
	matrix_columns_fini(&columns);
	if (!code && trace && access(trace, R_OK))
		code = check_failed(job, cell, "trace", trace, strerror(errno));
	if (!code && events && pmu_set_create(&set, events, &pmu_kernel, message, sizeof(message)))
		code = check_failed(job, cell, "events", events, message);
	pmu_set_destroy(set);
	return code;
}

int matrix_check_cells(const struct matrix_job *job)
{
	struct matrix_check *checks = calloc(job->n_cells + 1, sizeof(*checks));
	int code = 0;

	if (!checks) {
		cli_error("out of memory");
		return EXIT_USAGE;
	}
	for (size_t i = 0; i < job->n_cells && !code; i++)
		code = check_cell(job, &job->cells[i], &checks[i]);
	if (!code)
		code = check_ids(job, checks);
	free(checks);
	return code;
}
