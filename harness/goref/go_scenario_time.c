/* SPDX-License-Identifier: MIT */
/* go_scenario_time.c - deterministic, and alignment-in-time: single deletes against the collector's cycle. */
#include <errno.h>
#include <stdlib.h>
#include <time.h>

#include "cli.h"
#include "goref/go_scenario.h"
#include "goref/model.h"
#include "units.h"

static int go_scenario_compare(const void *a, const void *b)
{
	const uint64_t x = *(const uint64_t *)a, y = *(const uint64_t *)b;

	return (x > y) - (x < y);
}

void go_scenario_print_quantiles(FILE *out, const char *what, uint64_t *ns, size_t n)
{
	static const double quantiles[] = {0, 0.5, 0.9, 0.99, 1};

	if (n)
		qsort(ns, n, sizeof(*ns), go_scenario_compare);
	fprintf(out, "  %-44s", what);
	for (size_t i = 0; i < 5; i++) {
		const size_t at = (size_t)(quantiles[i] * (double)n);
		char text[32];

		if (n)
			units_format_ns(text, sizeof(text), (double)ns[at < n ? at : n - 1]);
		fprintf(out, " %10s", n ? text : "-");
	}
	fputc('\n', out);
}

static void go_scenario_print_heads(FILE *out, const char *what)
{
	fprintf(out, "  %-44s %10s %10s %10s %10s %10s\n", what, "min", "P50", "P90", "P99", "max");
}

/* ---------------------------------------------------------------- deterministic */

enum {
	DETERMINISTIC_KEYS = 1000,
	DETERMINISTIC_EVERY_NS = 10000000, /* a delete each 10 ms */
	DETERMINISTIC_CYCLE_DELETES = 25,  /* a cycle by hand after so many */
};

/* One key after the other, no insert, no garbage; the cycle lies half a period after its last delete. */
static void deterministic_op(struct model *m)
{
	if (m->n_ops < m->config->n_keys && !model_delete_key(m, m->n_ops))
		m->error = -ENOENT; /* each key is there once */
	if (m->n_ops % DETERMINISTIC_CYCLE_DELETES != DETERMINISTIC_CYCLE_DELETES - 1)
		return;
	const struct timespec half = {.tv_nsec = DETERMINISTIC_EVERY_NS / 2};

	reclaim_offline(m->t);
	clock_nanosleep(CLOCK_MONOTONIC, 0, &half, NULL);
	reclaim_online(m->t);
	reclaim_ops(m->r)->collect(m->t);
}

static void deterministic_table(const struct go_scenario_options *o, struct model *m,
				const struct model_summary *s)
{
	const uint64_t period_ns = (uint64_t)DETERMINISTIC_CYCLE_DELETES * DETERMINISTIC_EVERY_NS;

	fprintf(o->out,
		"%llu keys, one delete each %d ms, a cycle by hand after each %d deletes, no "
		"garbage, GOGC off\n",
		(unsigned long long)m->config->n_keys, DETERMINISTIC_EVERY_NS / 1000000,
		DETERMINISTIC_CYCLE_DELETES);
	go_scenario_print_heads(o->out, "");
	go_scenario_print_quantiles(o->out, "lifetime, delete to freed", s->lifetime_ns, s->n);
	go_scenario_print_quantiles(o->out, "of it after the end of marking", s->lag_ns, s->n_lags);
	fprintf(o->out,
		"  expected: evenly from %.0f to %.0f ms, P50 %.0f ms\n"
		"  deleted %llu, freed %zu (%zu in the first cycle after the delete, %zu later), "
		"waiting %llu; cycles "
		"%llu\n",
		DETERMINISTIC_EVERY_NS / 2e6,
		((double)period_ns - DETERMINISTIC_EVERY_NS / 2.0) / 1e6, (double)period_ns / 2e6,
		(unsigned long long)(m->n_ops < m->config->n_keys ? m->n_ops : m->config->n_keys),
		s->n, s->n_cycles[1], s->n_cycles[2] + s->n_cycles[3],
		(unsigned long long)m->n_censored, (unsigned long long)s->n_gc_cycles);
}

/* Run a stage and hand it to `table`. */
static int go_scenario_stage(const struct go_scenario_options *o, const struct model_config *config,
			     void (*table)(const struct go_scenario_options *, struct model *,
					   const struct model_summary *))
{
	char message[512] = "out of memory";
	struct model_summary s;
	struct clock clock;
	struct model m;
	int error;

	clock_init(&clock, false);
	error = model_run(&m, config, &clock, message, sizeof(message));
	if (!error)
		error = model_summarise(&s, &m);
	if (!error) {
		table(o, &m, &s);
		model_summary_free(&s);
	} else {
		cli_error("%s", message);
	}
	model_free(&m);
	return error ? EXIT_CELLS_FAILED : EXIT_GOOD;
}

int go_scenario_deterministic(const struct go_scenario_options *o)
{
	const uint64_t n_keys = o->n_keys ? o->n_keys : DETERMINISTIC_KEYS;
	const struct model_config config = {
		.scenario = MODEL_VALUE_DELETE,
		.op = deterministic_op,
		.rate_per_s = 1000000000 / DETERMINISTIC_EVERY_NS,
		.gogc_percent = GC_GOGC_OFF,
		.options = "",
		.n_keys = n_keys,
		.duration_ns =
			o->duration_ns ? o->duration_ns : (n_keys + 1) * DETERMINISTIC_EVERY_NS,
		.sample_1_in = 1,
		.seed = o->seed,
	};

	return go_scenario_stage(o, &config, deterministic_table);
}

/* ---------------------------------------------------------------- alignment-in-time */

struct alignment {
	uint64_t *to_begin, *to_mark_begin, *to_mark_end, *to_freed, *begin_to_mark;
	size_t n, n_in_mark;
};

static void alignment_event(struct alignment *a, const struct go_scenario_options *o,
			    const struct model *m, const struct model_event *e)
{
	const struct gc_log *log = reclaim_ops(m->r)->gc_log(m->r);
	struct gc_log_around around;
	struct gc_log_cycle c;

	if (e->freed_ticks > m->end_ticks || !gc_log_find(log, e->dead_ticks, &around) ||
	    !gc_log_get(log, around.number, &c))
		return;
	a->to_begin[a->n] = clock_delta_ns(m->clock, e->dead_ticks, c.begin_ticks);
	a->to_mark_begin[a->n] = clock_delta_ns(m->clock, e->dead_ticks, c.mark_begin_ticks);
	a->to_mark_end[a->n] = clock_delta_ns(m->clock, e->dead_ticks, c.flip_ticks);
	a->to_freed[a->n] = clock_delta_ns(m->clock, e->dead_ticks, e->freed_ticks);
	a->begin_to_mark[a->n] = clock_delta_ns(m->clock, c.begin_ticks, c.mark_begin_ticks);
	a->n_in_mark += around.is_in_marking;
	if (o->data)
		fprintf(o->data, "%.3f,%llu,%.3f,%.3f,%.3f,%.3f,%d\n",
			(double)clock_delta_ns(m->clock, m->begin_ticks, e->dead_ticks) / 1e3,
			(unsigned long long)around.number, (double)a->to_begin[a->n] / 1e3,
			(double)a->to_mark_begin[a->n] / 1e3, (double)a->to_mark_end[a->n] / 1e3,
			(double)a->to_freed[a->n] / 1e3, around.is_in_marking);
	a->n++;
}

static void alignment_table(const struct go_scenario_options *o, struct model *m,
			    const struct model_summary *s)
{
	struct alignment a = {0};
	uint64_t *all = malloc((5 * s->n + 1) * sizeof(*all));

	if (!all) {
		cli_error("out of memory");
		return;
	}
	a.to_begin = all;
	a.to_mark_begin = all + s->n;
	a.to_mark_end = all + 2 * s->n;
	a.to_freed = all + 3 * s->n;
	a.begin_to_mark = all + 4 * s->n;
	if (o->data)
		fputs("dead_us,cycle,to_begin_us,to_mark_begin_us,to_mark_end_us,to_freed_us,in_"
		      "marking\n",
		      o->data);
	for (unsigned i = 0; i < m->n_logs; i++)
		for (size_t k = 0; k < m->logs[i].n; k++)
			alignment_event(&a, o, m, &m->logs[i].events[k]);
	fprintf(o->out,
		"%llu keys, %llu deletes per second, GOGC %llu: from a delete to its cycle's\n",
		(unsigned long long)m->config->n_keys, (unsigned long long)m->config->rate_per_s,
		(unsigned long long)m->config->gogc_percent);
	go_scenario_print_heads(o->out, "");
	go_scenario_print_quantiles(o->out, "begin (the trigger)", a.to_begin, a.n);
	go_scenario_print_quantiles(o->out, "begin of marking", a.to_mark_begin, a.n);
	go_scenario_print_quantiles(o->out, "end of marking", a.to_mark_end, a.n);
	go_scenario_print_quantiles(o->out, "sweep of its span: freed", a.to_freed, a.n);
	go_scenario_print_quantiles(o->out, "cycle's begin to its marking", a.begin_to_mark, a.n);
	fprintf(o->out,
		"  %zu deletes, %zu of them inside a marking (they wait for the next one); %llu "
		"cycles\n",
		a.n, a.n_in_mark, (unsigned long long)s->n_gc_cycles);
	free(all);
}

int go_scenario_alignment(const struct go_scenario_options *o)
{
	const struct model_config config = {
		.scenario = MODEL_VALUE_DELETE,
		.rate_per_s = 5000,
		.gogc_percent = 100,
		.options = "",
		.n_keys = o->n_keys ? o->n_keys : 1 << 16,
		.duration_ns = o->duration_ns ? o->duration_ns : UINT64_C(5000000000),
		.garbage_bytes = 4096,
		.sample_1_in = 1,
		.seed = o->seed,
	};

	return go_scenario_stage(o, &config, alignment_table);
}
