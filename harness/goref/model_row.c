/* SPDX-License-Identifier: MIT */
/* model_row.c - what a stage showed, in the reference's columns. */
#include <errno.h>
#include <inttypes.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "goref/model.h"
#include "measure/law.h"

const char model_header[] =
	"scenario,stage_qps,gogc,capacity,count,p50_us,p90_us,p99_us,max_us,censored,garbage_b_per_"
	"op,ops,"
	"achieved_qps,gc_cycles,gc_interval_p50_us,gc_interval_max_us,p50_over_T,p90_over_T,p99_"
	"over_T,"
	"deaths_in_mark,cycles1,cycles2,cycles3plus,markdeath_cycles1,markdeath_cycles2plus,"
	"lag_after_markterm_p50_us,lag_after_markterm_p99_us,migration_p50_us,migration_max_us,"
	"migration_writes_min,migration_writes_max,pause_total_ns,pause_max_ns,heap_alloc,heap_"
	"objects,next_gc,"
	"heap_released,rep,migration_writes_p50,u_ks,u_n";

/* ---------------------------------------------------------------- the law */

bool model_law(const struct gc_log *log, const struct model_event *e, double *u, bool *is_in_mark)
{
	struct law_place place;

	law_place(log, e->dead_ticks, e->freed_ticks, &place);
	*is_in_mark = place.is_in_mark;
	*u = place.u;
	return place.has_u;
}

/* ---------------------------------------------------------------- sums */

static int model_compare_u64(const void *a, const void *b)
{
	const uint64_t x = *(const uint64_t *)a, y = *(const uint64_t *)b;

	return (x > y) - (x < y);
}

static int model_compare_double(const void *a, const void *b)
{
	const double x = *(const double *)a, y = *(const double *)b;

	return (x > y) - (x < y);
}

static const struct gc_log *model_gc_log(const struct model *m)
{
	return reclaim_ops(m->r)->gc_log(m->r);
}

static void model_sum_event(struct model_summary *s, const struct model *m,
			    const struct model_event *e)
{
	const struct gc_log *log = model_gc_log(m);
	const uint64_t n_flips = gc_log_n_flips(log, e->dead_ticks, e->freed_ticks);
	struct gc_log_around around;
	bool is_in_mark;
	double u;

	s->lifetime_ns[s->n++] = clock_delta_ns(m->clock, e->dead_ticks, e->freed_ticks);
	s->n_cycles[n_flips > 3 ? 3 : n_flips]++;
	if (model_law(log, e, &u, &is_in_mark))
		s->u[s->n_u++] = u;
	if (gc_log_find(log, e->dead_ticks, &around) && e->freed_ticks >= around.next_flip_ticks)
		s->lag_ns[s->n_lags++] =
			clock_delta_ns(m->clock, around.next_flip_ticks, e->freed_ticks);
	if (!is_in_mark)
		return;
	s->n_in_mark++;
	/* Its own cycle's flip and the next one's: fewer means that it was freed in its cycle. */
	if (n_flips < 2)
		s->n_mark_cycles1++;
	else
		s->n_mark_cycles2plus++;
}

/* Cycles whose marking ended in the stage. */
static void model_sum_cycles(struct model_summary *s, const struct model *m)
{
	const struct gc_log *log = model_gc_log(m);
	const uint64_t n = gc_log_n_cycles(log);
	struct gc_log_cycle c;
	uint64_t before = 0;

	for (uint64_t i = 1; i <= n; i++) {
		if (!gc_log_get(log, i, &c) || c.flip_ticks < m->begin_ticks ||
		    c.flip_ticks > m->end_ticks)
			continue;
		const uint64_t pause_ns = c.pause1_ns + c.pause2_ns;

		s->n_gc_cycles++;
		s->pause_total_ns += pause_ns;
		s->pause_max_ns = pause_ns > s->pause_max_ns ? pause_ns : s->pause_max_ns;
		if (before)
			s->interval_ns[s->n_intervals++] =
				clock_delta_ns(m->clock, before, c.flip_ticks);
		before = c.flip_ticks;
	}
}

/* qsort() does not take NULL, not even for nothing. */
static void model_sort(void *at, size_t n, size_t size, int (*compare)(const void *, const void *))
{
	if (n)
		qsort(at, n, size, compare);
}

int model_summarise(struct model_summary *s, struct model *m)
{
	size_t n = 0;

	*s = (struct model_summary){.ks = NAN};
	for (unsigned i = 0; i < m->n_logs; i++)
		n += m->logs[i].n;
	s->lifetime_ns = calloc(n + 1, sizeof(*s->lifetime_ns));
	s->lag_ns = calloc(n + 1, sizeof(*s->lag_ns));
	s->u = calloc(n + 1, sizeof(*s->u));
	s->interval_ns = calloc(gc_log_n_cycles(model_gc_log(m)) + 1, sizeof(*s->interval_ns));
	if (!s->lifetime_ns || !s->lag_ns || !s->u || !s->interval_ns) {
		model_summary_free(s);
		return -ENOMEM;
	}
	for (unsigned i = 0; i < m->n_logs; i++)
		for (size_t k = 0; k < m->logs[i].n; k++)
			if (m->logs[i].events[k].freed_ticks <= m->end_ticks)
				model_sum_event(s, m, &m->logs[i].events[k]);
	model_sum_cycles(s, m);
	model_sort(s->lifetime_ns, s->n, sizeof(*s->lifetime_ns), model_compare_u64);
	model_sort(s->lag_ns, s->n_lags, sizeof(*s->lag_ns), model_compare_u64);
	model_sort(s->interval_ns, s->n_intervals, sizeof(*s->interval_ns), model_compare_u64);
	model_sort(s->u, s->n_u, sizeof(*s->u), model_compare_double);
	model_sort(m->growths.ns, m->growths.n, sizeof(*m->growths.ns), model_compare_u64);
	model_sort(m->growths.writes, m->growths.n, sizeof(*m->growths.writes), model_compare_u64);
	s->ks = law_ks(s->u, NULL, s->n_u);
	return 0;
}

void model_summary_free(struct model_summary *s)
{
	free(s->lifetime_ns);
	free(s->lag_ns);
	free(s->u);
	free(s->interval_ns);
}

/* ---------------------------------------------------------------- the row */

/* The reference's rule: the element at position p * n. */
static uint64_t model_at(const uint64_t *sorted, size_t n, double p)
{
	const size_t i = (size_t)(p * (double)n);

	return sorted[i < n ? i : n - 1];
}

static void model_print_us(FILE *out, const uint64_t *sorted_ns, size_t n, double p)
{
	if (n)
		fprintf(out, "%.1f", (double)model_at(sorted_ns, n, p) / 1e3);
	fputc(',', out);
}

static void model_print_ratio(FILE *out, const struct model_summary *s, double p)
{
	if (s->n && s->n_intervals)
		fprintf(out, "%.2f",
			(double)model_at(s->lifetime_ns, s->n, p) /
				(double)model_at(s->interval_ns, s->n_intervals, 0.5));
	fputc(',', out);
}

static void model_print_load(const struct model *m, const struct model_summary *s, FILE *out)
{
	const struct model_config *c = m->config;
	char rate[32] = "unthrottled";

	if (c->rate_per_s)
		snprintf(rate, sizeof(rate), "%.0f", c->rate_per_s);
	fprintf(out, "%s,%s,%" PRIu64 ",%" PRIu64 ",%zu,", model_scenario_names[c->scenario], rate,
		c->gogc_percent, c->n_keys, s->n);
	model_print_us(out, s->lifetime_ns, s->n, 0.5);
	model_print_us(out, s->lifetime_ns, s->n, 0.9);
	model_print_us(out, s->lifetime_ns, s->n, 0.99);
	model_print_us(out, s->lifetime_ns, s->n, 1);
	fprintf(out, "%" PRIu64 ",%" PRIu64 ",%" PRIu64 ",%.0f,", m->n_censored, c->garbage_bytes,
		m->n_ops,
		(double)m->n_ops * 1e9 /
			(double)clock_delta_ns(m->clock, m->begin_ticks, m->end_ticks));
}

static void model_print_cycles(const struct model_summary *s, FILE *out)
{
	fprintf(out, "%" PRIu64 ",", s->n_gc_cycles);
	model_print_us(out, s->interval_ns, s->n_intervals, 0.5);
	model_print_us(out, s->interval_ns, s->n_intervals, 1);
	model_print_ratio(out, s, 0.5);
	model_print_ratio(out, s, 0.9);
	model_print_ratio(out, s, 0.99);
	fprintf(out, "%zu,%zu,%zu,%zu,%zu,%zu,", s->n_in_mark, s->n_cycles[0] + s->n_cycles[1],
		s->n_cycles[2], s->n_cycles[3], s->n_mark_cycles1, s->n_mark_cycles2plus);
	model_print_us(out, s->lag_ns, s->n_lags, 0.5);
	model_print_us(out, s->lag_ns, s->n_lags, 0.99);
}

static void model_print_growths(const struct model_growths *g, FILE *out)
{
	model_print_us(out, g->ns, g->n, 0.5);
	model_print_us(out, g->ns, g->n, 1);
	if (g->n)
		fprintf(out, "%" PRIu64 ",%" PRIu64 ",", g->writes[0], g->writes[g->n - 1]);
	else
		fputs(",,", out);
}

static void model_print_heap(const struct model *m, const struct model_summary *s, FILE *out)
{
	const struct gc_log *log = model_gc_log(m);
	uint64_t bytes = 0, objects = 0;
	struct gc_log_cycle last = {0};
	struct heap_stats heap;

	for (unsigned i = 0; i < OBJ_N_CLASSES; i++) {
		bytes += m->totals.allocated_bytes[i] - m->totals.freed_bytes[i];
		objects += m->totals.n_allocated[i] - m->totals.n_freed[i];
	}
	heap_stats(reclaim_heap(m->r), &heap);
	gc_log_get(log, gc_log_n_cycles(log), &last);
	fprintf(out,
		"%" PRIu64 ",%" PRIu64 ",%" PRIu64 ",%" PRIu64 ",%" PRIu64 ",%" PRIu64 ",%" PRIu64
		",",
		s->pause_total_ns, s->pause_max_ns, bytes, objects, last.next_goal_bytes,
		heap.returned_bytes, m->config->rep);
}

void model_print_row(const struct model *m, const struct model_summary *s, FILE *out)
{
	model_print_load(m, s, out);
	model_print_cycles(s, out);
	model_print_growths(&m->growths, out);
	model_print_heap(m, s, out);
	if (m->growths.n)
		fprintf(out, "%" PRIu64, model_at(m->growths.writes, m->growths.n, 0.5));
	if (s->n_u)
		fprintf(out, ",%.5f,%zu\n", s->ks, s->n_u);
	else
		fputs(",,0\n", out);
}

void model_print_gc_log(const struct model *m, FILE *out)
{
	const struct gc_log *log = model_gc_log(m);
	const uint64_t n = gc_log_n_cycles(log);
	struct gc_log_cycle c;

	for (uint64_t i = 1; i <= n; i++)
		if (gc_log_get(log, i, &c) && c.flip_ticks >= m->begin_ticks)
			gc_log_print(&c, m->clock, m->begin_ticks, out);
}

/* ---------------------------------------------------------------- every lifetime */

static void model_dump_event(const struct model *m, const struct model_event *e, FILE *out)
{
	bool is_in_mark;
	double u;

	if (e->freed_ticks > m->end_ticks)
		return;
	if (model_law(model_gc_log(m), e, &u, &is_in_mark))
		fprintf(out, "%.1f,%d,%.6f\n",
			(double)clock_delta_ns(m->clock, e->dead_ticks, e->freed_ticks) / 1e3,
			is_in_mark, u);
	else
		fprintf(out, "%.1f,%d,\n",
			(double)clock_delta_ns(m->clock, e->dead_ticks, e->freed_ticks) / 1e3,
			is_in_mark);
}

int model_dump(struct model *m, const char *path)
{
	FILE *out = fopen(path, "we");
	bool is_bad;

	if (!out)
		return -errno;
	fputs("latency_us,gcphase_at_death,u\n", out);
	for (unsigned i = 0; i < m->n_logs; i++)
		for (size_t k = 0; k < m->logs[i].n; k++)
			model_dump_event(m, &m->logs[i].events[k], out);
	is_bad = ferror(out);
	return fclose(out) != 0 || is_bad ? -EIO : 0;
}
