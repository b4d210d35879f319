/* SPDX-License-Identifier: MIT */
/* go_scenario_heap.c - heap-curve and assist: what the collector holds, and what it makes the mutator do. */
#include <errno.h>
#include <fcntl.h>
#include <math.h>
#include <stdlib.h>
#include <unistd.h>

#include "goref/go_scenario.h"
#include "run/sampler.h"

/* ---------------------------------------------------------------- heap-curve */

enum { CURVE_MAX_SAMPLES = 1 << 16 };

struct curve_sample {
	uint64_t ticks, n_deleted;
	struct report_sample at;
};

struct curve {
	struct curve_sample *samples; /* one each `every_ops` */
	size_t n;
	int statm_fd;
	uint64_t every_ops;
	uint64_t quiet_ops; /* garbage only, before the deletes begin */
	uint64_t deletes_begin_ticks;
	uint64_t n_deleted;
	uint64_t goal_falls_at; /* cycles after the first delete; 0: never */
};

static void curve_sample(struct curve *c, struct model *m)
{
	struct curve_sample *s = &c->samples[c->n];

	if (c->n == CURVE_MAX_SAMPLES)
		return;
	*s = (struct curve_sample){.ticks = clock_ticks(m->clock), .n_deleted = c->n_deleted};
	s->at.stage = c->n_deleted == 0			 ? "quiet"
		      : c->n_deleted < m->config->n_keys ? "deletes"
							 : "deleted";
	s->at.time_ns = clock_delta_ns(m->clock, m->begin_ticks, s->ticks);
	s->at.n_ops = m->n_ops;
	s->at.ops_per_s = NAN;
	s->at.n_cycles = gc_log_n_cycles(reclaim_ops(m->r)->gc_log(m->r));
	/* Only this thread allocates; what the collector frees may lag by a step. */
	sampler_look(m->r, c->statm_fd, &s->at);
	c->n++;
}

static void curve_op(struct model *m)
{
	struct curve *c = m->config->op_ctx;

	model_garbage(m);
	if (m->n_ops >= c->quiet_ops && c->n_deleted < m->config->n_keys) {
		if (c->n_deleted == 0)
			c->deletes_begin_ticks = clock_ticks(m->clock);
		model_delete_key(m, c->n_deleted++);
	}
	if (m->n_ops % c->every_ops == 0)
		curve_sample(c, m);
}

/* The first sample with fewer objects than the one before, once the deletes have begun. */
static const struct curve_sample *curve_first_fall(const struct curve *c)
{
	for (size_t i = 1; i < c->n && c->deletes_begin_ticks; i++)
		if (c->samples[i - 1].ticks >= c->deletes_begin_ticks &&
		    c->samples[i].at.heap_objects < c->samples[i - 1].at.heap_objects)
			return &c->samples[i];
	return NULL;
}

/* From the first delete to the end of a cycle's marking; negative: the deletes came after it. */
static double curve_ms(const struct curve *c, const struct model *m, uint64_t flip_ticks)
{
	const uint64_t first = c->deletes_begin_ticks;

	return ((double)clock_delta_ns(m->clock, first, flip_ticks) -
		(double)clock_delta_ns(m->clock, flip_ticks, first)) /
	       1e6;
}

static void curve_cycles(struct curve *c, struct model *m)
{
	const struct gc_log *log = reclaim_ops(m->r)->gc_log(m->r);
	const uint64_t n = gc_log_n_cycles(log);
	uint64_t goal_before = 0, n_after = 0;
	struct gc_log_cycle cycle;

	printf("  %8s %12s %12s %12s %12s %12s\n", "time", "before", "marked", "objects kept",
	       "goal", "next goal");
	for (uint64_t i = 1; i <= n; i++) {
		if (!gc_log_get(log, i, &cycle) || cycle.flip_ticks < m->begin_ticks)
			continue;
		const bool is_after =
			c->deletes_begin_ticks && cycle.mark_begin_ticks > c->deletes_begin_ticks;

		n_after += is_after;
		/* A goal that falls by more than 1 %: noise of what was allocated while marking is less. */
		if (is_after && !c->goal_falls_at && goal_before &&
		    (double)cycle.next_goal_bytes < 0.99 * (double)goal_before)
			c->goal_falls_at = n_after;
		if (!is_after)
			goal_before = cycle.next_goal_bytes;
		printf("  %6.0fms %9.2f MB %9.2f MB %12llu %9.2f MB %9.2f MB\n",
		       curve_ms(c, m, cycle.flip_ticks), (double)cycle.heap_before_bytes / 1e6,
		       (double)cycle.heap_marked_bytes / 1e6,
		       (unsigned long long)cycle.n_marked_objects, (double)cycle.goal_bytes / 1e6,
		       (double)cycle.next_goal_bytes / 1e6);
	}
	if (c->goal_falls_at)
		printf("  the next goal falls at cycle %llu after the first delete\n",
		       (unsigned long long)c->goal_falls_at);
	else
		printf("  the next goal does not fall\n");
}

/* The claim: the number of objects drops at more than 5,000 a second when the deletes begin. */
static void curve_rows(const struct go_scenario *g, const struct curve *c, const struct model *m)
{
	const struct curve_sample *fall = curve_first_fall(c);
	const double fall_ns =
		fall ? (double)clock_delta_ns(m->clock, c->deletes_begin_ticks, fall->ticks) : NAN;

	if (fall)
		printf("  the object count falls %.1f ms after the first delete, %llu deletes "
		       "later: at a sweep\n",
		       fall_ns / 1e6, (unsigned long long)fall->n_deleted);
	go_scenario_row(g, "objects_fall_after", "max", "ns", fall_ns, fall != NULL);
	go_scenario_row(g, "objects_fall_after_deletes", "count", "ops",
			fall ? (double)fall->n_deleted : NAN, fall != NULL);
	go_scenario_row(g, "goal_falls_at_cycle", "count", "cycles", (double)c->goal_falls_at,
			c->goal_falls_at != 0);
}

/* timeline.csv, in the columns that `run` writes. */
static int curve_timeline(const struct go_scenario *g, const struct curve *c)
{
	struct report_file *file;
	char path[4200], message[512];
	int error = 0, closed;

	if (!g->s->dir)
		return 0;
	snprintf(path, sizeof(path), "%.4000s/timeline.csv", g->s->dir);
	if (report_file_open(&file, path, true, message, sizeof(message))) {
		cli_error("%s", message);
		return -EIO;
	}
	for (size_t i = 0; i < c->n && !error; i++)
		error = go_scenario_sample(g, file, &c->samples[i].at);
	closed = report_file_close(file);
	return error ? error : closed;
}

static void curve_table(struct go_scenario *g, struct model *m, const struct model_summary *s)
{
	struct curve *c = m->config->op_ctx;
	int error;

	(void)s;
	printf("%llu keys; garbage alone, then %s deletes per second as well; live heap at each "
	       "cycle\n",
	       (unsigned long long)m->config->n_keys, g->stage);
	curve_cycles(c, m);
	curve_rows(g, c, m);
	error = curve_timeline(g, c);
	if (error && !g->s->error)
		g->s->error = error;
}

static int curve_run(struct scenario *s, const struct cli_args *settings)
{
	struct curve c = {.samples = NULL};
	struct go_scenario g = {.config = {.op = curve_op, .op_ctx = &c}};
	uint64_t quiet_ns, sample_ns;
	int code;

	if (go_scenario_read(&g, s, settings) ||
	    cli_get_time_ns(settings, "quiet", 0, UINT64_C(3600000000000), &quiet_ns) ||
	    cli_get_time_ns(settings, "sample", 1000000, UINT64_C(1000000000), &sample_ns))
		return EXIT_USAGE;
	if (!g.config.rate_per_s) {
		cli_error("rate = max: this scenario needs a number, as 10k");
		return EXIT_USAGE;
	}
	c.quiet_ops = (uint64_t)((double)quiet_ns * 1e-9 * g.config.rate_per_s);
	c.every_ops = (uint64_t)((double)sample_ns * 1e-9 * g.config.rate_per_s);
	c.every_ops = c.every_ops ? c.every_ops : 1;
	c.samples = malloc(CURVE_MAX_SAMPLES * sizeof(*c.samples));
	if (!c.samples) {
		cli_error("out of memory");
		return EXIT_CELLS_FAILED;
	}
	c.statm_fd = open("/proc/self/statm", O_RDONLY | O_CLOEXEC);
	code = go_scenario_stage(&g, curve_table);
	if (c.statm_fd >= 0)
		close(c.statm_fd);
	free(c.samples);
	return code;
}

static const struct cli_option curve_settings[] = {
	GO_SETTING_KEYS("2^16"),
	GO_SETTING_RATE("10k"),
	GO_SETTING_GOGC("100"),
	GO_SETTING_GARBAGE,
	GO_SETTING_DURATION("6s"),
	{"quiet", "TIME", "2s", "garbage alone, before the deletes begin"},
	{"sample", "TIME", "10ms", "between two points of the curve"},
	GO_SETTING_SEED,
	CLI_OPTIONS_END,
};

const struct scenario_program scenario_heap_curve = {
	.name = "heap-curve", .settings = curve_settings, .run = curve_run};

/* ---------------------------------------------------------------- assist */

struct assist_sums {
	uint64_t n, mark_ns, assist_ns, idle_ns, background_ns, n_assists, n_waits;
};

static void assist_sum(struct assist_sums *a, const struct model *m)
{
	const struct gc_log *log = reclaim_ops(m->r)->gc_log(m->r);
	struct gc_log_cycle c;

	for (uint64_t i = 1; i <= gc_log_n_cycles(log); i++) {
		if (!gc_log_get(log, i, &c) || c.flip_ticks < m->begin_ticks ||
		    c.flip_ticks > m->end_ticks)
			continue;
		a->n++;
		a->mark_ns += clock_delta_ns(m->clock, c.mark_begin_ticks, c.flip_ticks);
		a->assist_ns += c.assist_ns;
		a->idle_ns += c.idle_ns;
		a->background_ns += c.background_ns;
		a->n_assists += c.n_assists;
		a->n_waits += c.n_assist_waits;
	}
}

static void assist_table(struct go_scenario *g, struct model *m, const struct model_summary *s)
{
	struct assist_sums a = {0};

	(void)s;
	assist_sum(&a, m);
	const double n = a.n ? (double)a.n : 1;
	const double stage_ns = (double)clock_delta_ns(m->clock, m->begin_ticks, m->end_ticks);
	const double share = 100 * (double)a.assist_ns / stage_ns;

	if (g->s->is_first)
		printf("per cycle, ms; the last column: assists as a share of the mutator's time\n"
		       "  %-6s %6s %8s %8s %10s %10s %10s %10s %9s %8s %9s\n",
		       "ops/s", "GOGC", "keys", "cycles", "marking", "background", "idle",
		       "assists", "number", "waits", "share");
	printf("  %-6s %6llu %8llu %8llu %10.3f %10.3f %10.3f %10.3f %9.1f %8.1f %9.2f %%\n",
	       g->stage, (unsigned long long)m->config->gogc_percent,
	       (unsigned long long)m->config->n_keys, (unsigned long long)a.n,
	       (double)a.mark_ns / n / 1e6, (double)a.background_ns / n / 1e6,
	       (double)a.idle_ns / n / 1e6, (double)a.assist_ns / n / 1e6, (double)a.n_assists / n,
	       (double)a.n_waits / n, share);
	go_scenario_row(g, "cycles", "count", "cycles", (double)a.n, 1);
	go_scenario_row(g, "mark_time", "mean", "ns", (double)a.mark_ns / n, a.n);
	go_scenario_row(g, "mark_background", "mean", "ns", (double)a.background_ns / n, a.n);
	go_scenario_row(g, "mark_idle", "mean", "ns", (double)a.idle_ns / n, a.n);
	go_scenario_row(g, "assist_time", "mean", "ns", (double)a.assist_ns / n, a.n);
	go_scenario_row(g, "assists", "mean", "assists/cycle", (double)a.n_assists / n, a.n);
	go_scenario_row(g, "assist_waits", "mean", "waits/cycle", (double)a.n_waits / n, a.n);
	go_scenario_row(g, "assist_share", "rate", "%", share, 1);
}

static int assist_run(struct scenario *s, const struct cli_args *settings)
{
	struct go_scenario g = {.s = s};

	if (go_scenario_read(&g, s, settings))
		return EXIT_USAGE;
	/* Unthrottled, each operation kills a value: one in so many is observed. */
	g.config.sample_1_in = 64;
	return go_scenario_stage(&g, assist_table);
}

static const struct cli_option assist_settings[] = {
	GO_SETTING_KEYS("2^16"), GO_SETTING_RATE("10k"),    GO_SETTING_GOGC("100"),
	GO_SETTING_GARBAGE,	 GO_SETTING_DURATION("3s"), GO_SETTING_SEED,
	CLI_OPTIONS_END,
};

const struct scenario_program scenario_assist = {
	.name = "assist", .settings = assist_settings, .run = assist_run};
