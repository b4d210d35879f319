/* SPDX-License-Identifier: MIT */
/* rows_law.c - the per-event law of a stage's deaths (measure/law.h), as rows and as a line. */
#include <math.h>
#include <stdio.h>

#include "run/rows.h"

/* Fewer random numbers lie further than 0.05 from their own law in more than 5 of 100 cases. */
#define ENOUGH_DEATHS 740

static const char *const flips_metric[LAW_FLIPS_MAX + 1] = {"law_flips_0", "law_flips_1",
							    "law_flips_2", "law_flips_3plus"};

static const struct gc_log *rows_law_log(const struct rows *rows)
{
	const struct reclaim_ops *ops = rows->config->ops;

	return ops->gc_log != NULL ? ops->gc_log(rows->in->r) : NULL;
}

static uint32_t rows_law_sampled(const struct rows *rows)
{
	const struct law_sample *law = &rows->s->law;
	const double share = law->n > 0 ? (double)law->n_seen / (double)law->n : 1;

	return (uint32_t)lround(share * rows->config->sample_1_in);
}

static void rows_law_count(struct rows *rows, const char *object, const char *metric, size_t count,
			   size_t n, const char *reason)
{
	rows_emit(rows, (struct report_row){.role = "collector",
					    .object = object,
					    .metric = metric,
					    .stat = "count",
					    .value = (double)count,
					    .unit = "objects",
					    .n = n,
					    .sampled_1_in = rows_law_sampled(rows),
					    .status = reason[0] != '\0' ? "weak" : "ok",
					    .reason = reason});
}

static void rows_law_ks(struct rows *rows, const char *object, const struct law_summary *s)
{
	const bool has_few_cycles = rows->s->n_cycles_end - rows->s->n_cycles_begin < 3;

	rows_emit(rows, (struct report_row){
				.role = "collector",
				.object = object,
				.metric = "law_ks",
				.stat = "max",
				.value = s->ks,
				.unit = "distance",
				.better = "lower",
				.n = s->n_u,
				.sampled_1_in = rows_law_sampled(rows),
				.status = s->n_u == 0 ? "not_available"
					  : has_few_cycles || s->n_u < ENOUGH_DEATHS ? "weak"
										     : "ok",
				.reason = s->n_u == 0	   ? "no cycle lies in the stage as a whole"
					  : has_few_cycles ? "fewer than 3 cycles in the stage"
					  : s->n_u < ENOUGH_DEATHS
						  ? "few deaths: chance alone may give 0.05"
						  : "U = (L - m - s) / T to the uniform law"});
}

static void rows_law_class(struct rows *rows, const char *object, const struct law_summary *s)
{
	rows_law_ks(rows, object, s);
	rows_law_count(rows, object, "law_deaths_in_mark", s->n_in_mark, s->n, "");
	rows_law_count(rows, object, "law_freed_in_cycle", s->n_freed_in_cycle, s->n_in_mark,
		       s->n_freed_in_cycle > 0 ? "must be 0" : "");
	for (unsigned i = 0; i <= LAW_FLIPS_MAX; i++)
		rows_law_count(rows, object, flips_metric[i], s->n_flips[i], s->n,
			       i < LAW_FLIPS_MAX || s->n_flips[i] == 0 ? ""
			       : rows_law_log(rows)->has_shared_bits
				       ? "one mark for several objects: kept by a neighbour"
				       : "must be 0");
	rows_law_count(rows, object, "law_late", s->n_late, s->n - s->n_in_mark, "");
	rows->n_law_bad += law_n_bad(s, rows_law_log(rows));
	if (s->n_unknown > 0)
		rows_law_count(rows, object, "law_unknown", s->n_unknown, s->n + s->n_unknown,
			       "the log of cycles no longer reaches back to these deaths");
}

/* False: none of this class, or out of memory. */
static bool rows_law_of(struct rows *rows, enum obj_class class, struct law_summary *s)
{
	const int error =
		law_summarise(s, &rows->s->law, rows_law_log(rows), class, rows->s->begin_ticks);

	if (error != 0 && rows->error == 0)
		rows->error = error;
	return error == 0 && s->n + s->n_unknown > 0;
}

void rows_law(struct rows *rows)
{
	struct law_summary s;

	if (rows->s->law.n == 0 || rows_law_log(rows) == NULL)
		return;
	for (unsigned c = 0; c < OBJ_N_CLASSES; c++)
		if (rows_law_of(rows, (enum obj_class)c, &s))
			rows_law_class(rows, obj_class_names[c], &s);
}

void rows_law_print(struct rows *rows, FILE *out)
{
	struct law_summary sum = {.ks = NAN};
	const char *ks_of = "";

	if (rows->s->law.n == 0 || rows_law_log(rows) == NULL)
		return;
	for (unsigned c = 0; c < OBJ_N_CLASSES; c++) {
		struct law_summary s;

		if (!rows_law_of(rows, (enum obj_class)c, &s))
			continue;
		/* Arrays die in step with cycles, which their successors' allocation begins. */
		if (isnan(sum.ks) && (c == OBJ_VALUE || c == OBJ_BUCKET)) {
			sum.ks = s.ks;
			sum.n_u = s.n_u;
			ks_of = obj_class_names[c];
		}
		sum.n += s.n;
		sum.n_in_mark += s.n_in_mark;
		sum.n_freed_in_cycle += s.n_freed_in_cycle;
		for (unsigned i = 0; i <= LAW_FLIPS_MAX; i++)
			sum.n_flips[i] += s.n_flips[i];
	}
	fputs("  law: ", out);
	if (!isnan(sum.ks))
		fprintf(out, "KS of U to uniform %.3f (%zu %ss), ", sum.ks, sum.n_u, ks_of);
	fprintf(out,
		"%zu of %zu died in marking, %zu freed by that cycle; flips 0/1/2/3+ "
		"%zu/%zu/%zu/%zu\n",
		sum.n_in_mark, sum.n, sum.n_freed_in_cycle, sum.n_flips[0], sum.n_flips[1],
		sum.n_flips[2], sum.n_flips[3]);
}
