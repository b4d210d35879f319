/* SPDX-License-Identifier: MIT */
/* matrix_progress.c - what a person who waits wants to know. */
#include "run/matrix_progress.h"

#include <inttypes.h>
#include <limits.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "report/table.h"
#include "term.h"
#include "units.h"

#define SECOND_NS 1000000000u

void matrix_print_duration(FILE *f, uint64_t ns)
{
	const uint64_t s = (ns + SECOND_NS / 2) / SECOND_NS;

	if (s >= 3600)
		fprintf(f, "%" PRIu64 " h %02" PRIu64 " m", s / 3600, s / 60 % 60);
	else if (s >= 60)
		fprintf(f, "%" PRIu64 " m %02" PRIu64 " s", s / 60, s % 60);
	else
		fprintf(f, "%" PRIu64 " s", s);
}

void matrix_progress_init(struct matrix_progress *p, size_t n_all, size_t n_done, bool is_quiet)
{
	*p = (struct matrix_progress){
		.n_all = n_all,
		.n_done = n_done,
		.is_quiet = is_quiet,
		.is_terminal = term_is_terminal(stderr),
		.last = {NAN, NAN, NAN, "", "", 0},
	};
	if (n_done && !is_quiet)
		fprintf(stderr, "%zu of %zu repetitions are there already\n", n_done, n_all);
}

void matrix_progress_clear(const struct matrix_progress *p)
{
	if (!p->is_quiet && p->is_terminal)
		fputs("\r\033[K", stderr);
}

/* The job file's expectation, corrected by how it did so far. */
static uint64_t progress_left_ns(const struct matrix_progress *p)
{
	const double factor =
		p->expected_done_ns ? (double)p->elapsed_ns / (double)p->expected_done_ns : 1;

	return (uint64_t)((double)p->expected_left_ns * factor);
}

void matrix_progress_start(struct matrix_progress *p, const struct matrix_job *job,
			   const struct matrix_cell *cell, unsigned rep)
{
	char *text;

	if (p->is_quiet)
		return;
	text = matrix_cell_text(job, cell);
	fprintf(stderr, "[%zu/%zu] %s %s rep %u, ", p->n_done + 1, p->n_all, cell->scenario,
		text ? text : "", rep);
	matrix_print_duration(stderr, progress_left_ns(p));
	fputs(" left", stderr);
	/* Elsewhere the figures follow on the same line when it has ended. */
	fputs(p->is_terminal ? "" : ": ", stderr);
	fflush(stderr);
	free(text);
}

void matrix_progress_done(struct matrix_progress *p, const struct matrix_cell *cell,
			  const char *reason, uint64_t elapsed_ns)
{
	char ops[32], p50[32], p99[32];

	p->n_done++;
	p->expected_done_ns += cell->expected_ns;
	p->elapsed_ns += elapsed_ns;
	p->expected_left_ns -=
		cell->expected_ns < p->expected_left_ns ? cell->expected_ns : p->expected_left_ns;
	p->n_unsteady += !reason && p->last.n_unsteady > 0;
	if (p->is_quiet)
		return;
	if (p->is_terminal && reason)
		fprintf(stderr, "\r\033[K[%zu/%zu] ", p->n_done, p->n_all);
	if (reason) {
		fprintf(stderr, "%s FAILED: %s\n", p->is_terminal ? cell->scenario : "", reason);
		return;
	}
	fprintf(stderr, "%s%s", p->is_terminal ? "\r\033[K" : "", p->is_terminal ? "last: " : "");
	if (!isnan(p->last.ops_per_s))
		fprintf(stderr, "%s ops/s",
			units_format_count(ops, sizeof(ops), p->last.ops_per_s));
	if (!isnan(p->last.lifetime_p50_ns) && !isnan(p->last.lifetime_p99_ns))
		fprintf(stderr, ", lifetime P50 %s%s, P99 %s%s", p->last.p50_mark,
			units_format_ns(p50, sizeof(p50), p->last.lifetime_p50_ns),
			p->last.p99_mark,
			units_format_ns(p99, sizeof(p99), p->last.lifetime_p99_ns));
	if (p->last.n_unsteady)
		fprintf(stderr, ", steady=0 in %u stages", p->last.n_unsteady);
	fputs(p->is_terminal ? "; " : "\n", stderr);
}

/* ---------------------------------------------------------------- figures */

static bool progress_row_is(const struct table *t, size_t row, const char *metric, const char *stat)
{
	return !strcmp(table_text(t, row, COL_metric), metric) &&
	       !strcmp(table_text(t, row, COL_stat), stat);
}

/* Every row must be of this cell and repetition. */
static bool progress_rows_are_own(const struct table *t, const char *cell_id, unsigned rep,
				  char *reason, size_t reason_size)
{
	for (size_t row = 0; row < table_n_rows(t); row++) {
		if (strcmp(table_text(t, row, COL_cell_id), cell_id) ||
		    table_number(t, row, COL_rep) != rep) {
			snprintf(reason, reason_size,
				 "run.csv:%zu: rows of cell %s repetition %s, want %s %u",
				 table_line(t, row), table_text(t, row, COL_cell_id),
				 table_text(t, row, COL_rep), cell_id, rep);
			return false;
		}
	}
	return true;
}

/* The rows that stand last win, so the last stage's; lifetimes of the class that saw most. */
static void progress_take_figures(struct matrix_figures *f, const struct table *t)
{
	double most = 0;

	*f = (struct matrix_figures){.ops_per_s = NAN,
				     .lifetime_p50_ns = NAN,
				     .lifetime_p99_ns = NAN,
				     .p50_mark = "",
				     .p99_mark = ""};
	for (size_t row = 0; row < table_n_rows(t); row++) {
		const bool is_p50 = progress_row_is(t, row, "lifetime", "p50");
		const bool is_p99 = progress_row_is(t, row, "lifetime", "p99");
		const double n = table_number(t, row, COL_n);

		/* The mutators'; readers have one of their own. */
		if (progress_row_is(t, row, "throughput", "rate") &&
		    !strcmp(table_text(t, row, COL_role), "mutator")) {
			f->ops_per_s = table_value(t, row);
			most = 0; /* a stage's rows begin with it or end with it; either is the same stage */
		}
		f->n_unsteady +=
			progress_row_is(t, row, "steady", "count") && table_value(t, row) < 1;
		if ((!is_p50 && !is_p99) || strcmp(table_text(t, row, COL_phase), "total") ||
		    n < most)
			continue;
		most = n;
		const char *mark = table_status(t, row) == STATUS_CENSORED ? ">"
				   : table_status(t, row) == STATUS_WEAK   ? "~"
									   : "";

		if (is_p50) {
			f->lifetime_p50_ns = table_value(t, row);
			f->p50_mark = mark;
		} else {
			f->lifetime_p99_ns = table_value(t, row);
			f->p99_mark = mark;
		}
	}
}

bool matrix_read_figures(struct matrix_figures *figures, const char *folder, const char *cell_id,
			 unsigned rep, char *reason, size_t reason_size)
{
	char path[PATH_MAX + 16];
	char why[512];
	struct table *t;
	bool good = false;

	snprintf(path, sizeof(path), "%s/run.csv", folder);
	if (table_read(&t, path, why, sizeof(why))) {
		/* Without the folder's long path. */
		snprintf(reason, reason_size, "it left no usable run.csv: %s",
			 strncmp(why, folder, strlen(folder)) ? why : why + strlen(folder) + 1);
		return false;
	}
	if (table_warning(t, 0) && strstr(table_warning(t, 0), "the last line"))
		snprintf(reason, reason_size, "its run.csv is torn");
	else if (!table_n_rows(t))
		snprintf(reason, reason_size, "its run.csv has no rows");
	else
		good = progress_rows_are_own(t, cell_id, rep, reason, reason_size);
	if (good)
		progress_take_figures(figures, t);
	table_free(t);
	return good;
}
