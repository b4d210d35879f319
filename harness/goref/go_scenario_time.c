/* SPDX-License-Identifier: MIT */
/* go_scenario_time.c - deterministic, and alignment-in-time: single deletes against the collector's cycle. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>

#include "goref/go_scenario.h"
#include "run/trace_out.h"

/* ---------------------------------------------------------------- deterministic */

struct deterministic {
	uint64_t every_ns;	  /* between two deletes */
	uint64_t n_cycle_deletes; /* a cycle by hand after so many */
};

static void deterministic_sleep(struct model *m, uint64_t ns)
{
	const struct timespec time = {.tv_sec = (time_t)(ns / 1000000000),
				      .tv_nsec = (long)(ns % 1000000000)};

	reclaim_offline(m->t);
	clock_nanosleep(CLOCK_MONOTONIC, 0, &time, NULL);
	reclaim_online(m->t);
}

/* The last cycle's sweep is the collector's: on a busy machine it may need a while.  A second at most. */
static void deterministic_await_sweep(struct model *m, uint64_t n_collected)
{
	struct reclaim_totals totals;

	for (int i = 0; i < 1000; i++) {
		reclaim_totals(m->r, &totals);
		if (totals.n_freed[OBJ_VALUE] >= n_collected)
			return;
		deterministic_sleep(m, 1000000);
	}
}

/* One key after the other, no insert, no garbage; the cycle lies half a period after its last delete. */
static void deterministic_op(struct model *m)
{
	const struct deterministic *d = m->config->op_ctx;

	if (m->n_ops == m->config->n_keys)
		deterministic_await_sweep(m, m->n_ops - m->n_ops % d->n_cycle_deletes);
	if (m->n_ops < m->config->n_keys && !model_delete_key(m, m->n_ops))
		m->error = -ENOENT; /* each key is there once */
	if (m->n_ops % d->n_cycle_deletes != d->n_cycle_deletes - 1)
		return;
	deterministic_sleep(m, d->every_ns / 2);
	reclaim_ops(m->r)->collect(m->t);
}

static void deterministic_table(struct go_scenario *g, struct model *m,
				const struct model_summary *s)
{
	const struct deterministic *d = m->config->op_ctx;
	const double every_ms = (double)d->every_ns / 1e6;
	const double period_ms = (double)d->n_cycle_deletes * every_ms;
	const uint64_t n_deleted = m->n_ops < m->config->n_keys ? m->n_ops : m->config->n_keys;
	const size_t n_later = s->n_cycles[2] + s->n_cycles[3];

	printf("%llu keys, one delete each %g ms, a cycle by hand after each %llu deletes, no "
	       "garbage, GOGC off\n",
	       (unsigned long long)m->config->n_keys, every_ms,
	       (unsigned long long)d->n_cycle_deletes);
	go_scenario_times_head();
	go_scenario_times(g, "lifetime, delete to freed", "lifetime", s->lifetime_ns, s->n);
	go_scenario_times(g, "of it after the end of marking", "sweep_lag", s->lag_ns, s->n_lags);
	printf("  expected: evenly from %g to %g ms, P50 %g ms\n"
	       "  deleted %llu, freed %zu (%zu in the first cycle after the delete, %zu later), "
	       "waiting %llu; cycles %llu\n",
	       every_ms / 2, period_ms - every_ms / 2, period_ms / 2, (unsigned long long)n_deleted,
	       s->n, s->n_cycles[1], n_later, (unsigned long long)m->n_censored,
	       (unsigned long long)s->n_gc_cycles);
	go_scenario_row(g, "lifetime_expected", "p50", "ns", period_ms / 2 * 1e6, 1);
	go_scenario_row(g, "attempted", "count", "ops", (double)n_deleted, 1);
	go_scenario_row(g, "freed", "count", "objects", (double)s->n, 1);
	go_scenario_row(g, "freed_in_first_cycle", "count", "objects", (double)s->n_cycles[1], 1);
	go_scenario_row(g, "lifetime_censored", "count", "objects", (double)m->n_censored, 1);
	go_scenario_row(g, "cycles", "count", "cycles", (double)s->n_gc_cycles, 1);
}

static int deterministic_run(struct scenario *s, const struct cli_args *settings)
{
	struct deterministic d;
	struct go_scenario g = {
		.config = {.op = deterministic_op, .op_ctx = &d, .gogc_percent = GC_GOGC_OFF}};

	if (go_scenario_read(&g, s, settings) ||
	    cli_get_time_ns(settings, "every", 100000, UINT64_C(10000000000), &d.every_ns) ||
	    cli_get_count(settings, "cycle-deletes", 1, 1000000, &d.n_cycle_deletes))
		return EXIT_USAGE;
	snprintf(g.stage, sizeof(g.stage), "each %s", cli_get(settings, "every"));
	g.config.rate_per_s = 1e9 / (double)d.every_ns;
	g.config.n_ops_min = g.config.n_keys + 1;
	g.config.duration_ns = (g.config.n_keys + 1) * d.every_ns;
	return go_scenario_stage(&g, deterministic_table);
}

static const struct cli_option deterministic_settings[] = {
	GO_SETTING_KEYS("1000"),
	{"every", "TIME", "10ms", "from one delete to the next, 100us to 10s"},
	{"cycle-deletes", "N", "25", "deletes from one cycle by hand to the next"},
	GO_SETTING_SEED,
	CLI_OPTIONS_END,
};

const struct scenario_program scenario_deterministic = {
	.name = "deterministic", .settings = deterministic_settings, .run = deterministic_run};

/* ---------------------------------------------------------------- alignment-in-time */

struct alignment {
	uint64_t *to_begin, *to_mark_begin, *to_mark_end, *to_freed, *begin_to_mark;
	size_t n, n_in_mark;
	FILE *deletes; /* DIR/deletes.csv; NULL: no --out */
};

/* 0 or -errno. */
static int alignment_open(struct alignment *a, const struct go_scenario *g)
{
	struct stat status;
	char path[4200];

	if (!g->s->dir)
		return 0;
	snprintf(path, sizeof(path), "%.4000s/deletes.csv", g->s->dir);
	a->deletes = fopen(path, "ae");
	if (!a->deletes)
		return -errno;
	if (fstat(fileno(a->deletes), &status) == 0 && status.st_size == 0)
		fputs("scenario,rep,keys,rate,gogc,dead_us,cycle,to_begin_us,to_mark_begin_us,"
		      "to_mark_end_us,to_freed_us,in_marking\n",
		      a->deletes);
	return 0;
}

static void alignment_event(struct alignment *a, const struct go_scenario *g, const struct model *m,
			    const struct model_event *e)
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
	if (a->deletes)
		fprintf(a->deletes, "%s,%u,%llu,%s,%llu,%.3f,%llu,%.3f,%.3f,%.3f,%.3f,%d\n",
			g->s->section, g->s->rep, (unsigned long long)g->config.n_keys, g->stage,
			(unsigned long long)g->config.gogc_percent,
			(double)clock_delta_ns(m->clock, m->begin_ticks, e->dead_ticks) / 1e3,
			(unsigned long long)around.number, (double)a->to_begin[a->n] / 1e3,
			(double)a->to_mark_begin[a->n] / 1e3, (double)a->to_mark_end[a->n] / 1e3,
			(double)a->to_freed[a->n] / 1e3, around.is_in_marking);
	a->n++;
}

static void alignment_times(const struct alignment *a, const struct go_scenario *g)
{
	go_scenario_times_head();
	go_scenario_times(g, "begin (the trigger)", "delete_to_cycle", a->to_begin, a->n);
	go_scenario_times(g, "begin of marking", "delete_to_mark", a->to_mark_begin, a->n);
	go_scenario_times(g, "end of marking", "delete_to_mark_end", a->to_mark_end, a->n);
	go_scenario_times(g, "sweep of its span: freed", "delete_to_freed", a->to_freed, a->n);
	go_scenario_times(g, "cycle's begin to its marking", "cycle_to_mark", a->begin_to_mark,
			  a->n);
}

/* DIR/trace.json, of the first repetition of the first cell.  0 or -errno. */
static int alignment_trace(const struct go_scenario *g, const struct model *m)
{
	const struct gc_log *log = reclaim_ops(m->r)->gc_log(m->r);
	struct trace_out t;
	char path[4200];
	FILE *out;
	int error;

	if (!g->s->dir || !g->s->is_first)
		return 0;
	snprintf(path, sizeof(path), "%.4000s/trace.json", g->s->dir);
	out = fopen(path, "we");
	if (!out)
		return -errno;
	trace_out_begin(&t, out, m->clock, m->begin_ticks);
	trace_out_cycles(&t, log, m->begin_ticks, m->end_ticks);
	trace_out_acts(&t, &m->acts, m->begin_ticks);
	for (unsigned i = 0; i < m->n_logs; i++)
		for (size_t k = 0; k < m->logs[i].n; k++)
			trace_out_life(&t, OBJ_VALUE, m->logs[i].events[k].dead_ticks,
				       m->logs[i].events[k].freed_ticks, m->logs[i].thread);
	error = trace_out_end(&t);
	return fclose(out) && !error ? -errno : error;
}

static void alignment_table(struct go_scenario *g, struct model *m, const struct model_summary *s)
{
	struct alignment a = {0};
	uint64_t *all = malloc((5 * s->n + 1) * sizeof(*all));
	int error = all ? alignment_open(&a, g) : -ENOMEM;

	if (error)
		goto out;
	a.to_begin = all;
	a.to_mark_begin = all + s->n;
	a.to_mark_end = all + 2 * s->n;
	a.to_freed = all + 3 * s->n;
	a.begin_to_mark = all + 4 * s->n;
	for (unsigned i = 0; i < m->n_logs; i++)
		for (size_t k = 0; k < m->logs[i].n; k++)
			alignment_event(&a, g, m, &m->logs[i].events[k]);
	printf("%llu keys, %s deletes per second, GOGC %llu: from a delete to its cycle's\n",
	       (unsigned long long)m->config->n_keys, g->stage,
	       (unsigned long long)m->config->gogc_percent);
	alignment_times(&a, g);
	printf("  %zu deletes, %zu of them inside a marking (they wait for the next one); %llu "
	       "cycles\n",
	       a.n, a.n_in_mark, (unsigned long long)s->n_gc_cycles);
	go_scenario_row(g, "law_deaths_in_mark", "count", "objects", (double)a.n_in_mark, a.n);
	go_scenario_row(g, "cycles", "count", "cycles", (double)s->n_gc_cycles, 1);
	if (a.deletes && fclose(a.deletes))
		error = -errno;
	if (!error)
		error = alignment_trace(g, m);
out:
	free(all);
	if (error && !g->s->error)
		g->s->error = error;
}

static int alignment_run(struct scenario *s, const struct cli_args *settings)
{
	struct go_scenario g = {.s = s};

	if (go_scenario_read(&g, s, settings))
		return EXIT_USAGE;
	g.config.watch_threads = s->dir && s->is_first;
	return go_scenario_stage(&g, alignment_table);
}

static const struct cli_option alignment_settings[] = {
	GO_SETTING_KEYS("2^16"), GO_SETTING_RATE("5k"),	    GO_SETTING_GOGC("100"),
	GO_SETTING_GARBAGE,	 GO_SETTING_DURATION("5s"), GO_SETTING_SEED,
	CLI_OPTIONS_END,
};

const struct scenario_program scenario_alignment = {
	.name = "alignment-in-time", .settings = alignment_settings, .run = alignment_run};
