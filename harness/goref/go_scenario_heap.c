/* SPDX-License-Identifier: MIT */
/* go_scenario_heap.c - heap-curve, assist and ghost: what the collector holds, and what it makes the mutator do. */
#include <errno.h>
#include <stdlib.h>

#include "cli.h"
#include "goref/ghost.h"
#include "goref/go_scenario.h"
#include "goref/model.h"
#include "units.h"

/* ---------------------------------------------------------------- heap-curve */

enum {
	CURVE_KEYS = 1 << 16,
	CURVE_RATE_PER_S = 10000,
	CURVE_SAMPLE_OPS = 100, /* a sample each 10 ms */
	CURVE_MAX_SAMPLES = 1 << 16,
};

struct curve_sample {
	uint64_t ticks, n_objects, bytes, n_deleted, n_flips;
};

struct curve {
	const struct go_scenario_options *o;
	struct curve_sample *samples;
	size_t n;
	uint64_t quiet_ops; /* garbage only, before the deletes begin */
	uint64_t deletes_begin_ticks;
	uint64_t n_deleted;
};

static void curve_sample(struct curve *c, struct model *m)
{
	struct curve_sample *s = &c->samples[c->n];
	struct reclaim_totals totals;

	if (c->n == CURVE_MAX_SAMPLES)
		return;
	/* Only this thread allocates; what the collector frees may lag by a step. */
	reclaim_totals(m->r, &totals);
	*s = (struct curve_sample){.ticks = clock_ticks(m->clock),
				   .n_deleted = c->n_deleted,
				   .n_flips = gc_log_n_cycles(reclaim_ops(m->r)->gc_log(m->r))};
	for (unsigned i = 0; i < OBJ_N_CLASSES; i++) {
		s->n_objects += totals.n_allocated[i] - totals.n_freed[i];
		s->bytes += totals.allocated_bytes[i] - totals.freed_bytes[i];
	}
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
	if (m->n_ops % CURVE_SAMPLE_OPS == 0)
		curve_sample(c, m);
}

/* The first sample with fewer objects than the one before, once the deletes have begun. */
static const struct curve_sample *curve_first_fall(const struct curve *c)
{
	for (size_t i = 1; i < c->n; i++)
		if (c->samples[i - 1].ticks >= c->deletes_begin_ticks &&
		    c->samples[i].n_objects < c->samples[i - 1].n_objects)
			return &c->samples[i];
	return NULL;
}

static void curve_cycles(const struct curve *c, struct model *m)
{
	const struct gc_log *log = reclaim_ops(m->r)->gc_log(m->r);
	const uint64_t n = gc_log_n_cycles(log);
	uint64_t goal_before = 0, n_after = 0, first_fall = 0;
	struct gc_log_cycle cycle;

	fprintf(c->o->out, "  %8s %12s %12s %12s %12s %12s\n", "time", "before", "marked",
		"objects kept", "goal", "next goal");
	for (uint64_t i = 1; i <= n; i++) {
		if (!gc_log_get(log, i, &cycle) || cycle.flip_ticks < m->begin_ticks)
			continue;
		const double ms =
			(double)clock_delta_ns(m->clock, c->deletes_begin_ticks, cycle.flip_ticks) /
			1e6;
		const bool is_after = cycle.mark_begin_ticks > c->deletes_begin_ticks;

		n_after += is_after;
		/* A goal that falls by more than 1 %: noise of what was allocated while marking is less. */
		if (is_after && !first_fall && goal_before &&
		    (double)cycle.next_goal_bytes < 0.99 * (double)goal_before)
			first_fall = n_after;
		if (!is_after)
			goal_before = cycle.next_goal_bytes;
		fprintf(c->o->out, "  %6.0fms %9.2f MB %9.2f MB %12llu %9.2f MB %9.2f MB\n",
			is_after ? ms : -1.0, (double)cycle.heap_before_bytes / 1e6,
			(double)cycle.heap_marked_bytes / 1e6,
			(unsigned long long)cycle.n_marked_objects, (double)cycle.goal_bytes / 1e6,
			(double)cycle.next_goal_bytes / 1e6);
	}
	fprintf(c->o->out,
		"  the next goal falls at cycle %llu after the first delete (-1 ms: before it)\n",
		(unsigned long long)first_fall);
}

static void curve_table(const struct curve *c, struct model *m)
{
	const struct curve_sample *fall = curve_first_fall(c);

	fprintf(c->o->out,
		"%llu keys; garbage alone, then %d deletes per second as well; live heap at each "
		"cycle\n",
		(unsigned long long)m->config->n_keys, CURVE_RATE_PER_S);
	curve_cycles(c, m);
	if (fall)
		fprintf(c->o->out,
			"  the object count falls %.1f ms after the first delete, %llu deletes "
			"later: at a sweep\n",
			(double)clock_delta_ns(m->clock, c->deletes_begin_ticks, fall->ticks) / 1e6,
			(unsigned long long)fall->n_deleted);
	if (!c->o->data)
		return;
	fputs("time_us,objects,bytes,deleted,cycles\n", c->o->data);
	for (size_t i = 0; i < c->n; i++)
		fprintf(c->o->data, "%.1f,%llu,%llu,%llu,%llu\n",
			(double)clock_delta_ns(m->clock, m->begin_ticks, c->samples[i].ticks) / 1e3,
			(unsigned long long)c->samples[i].n_objects,
			(unsigned long long)c->samples[i].bytes,
			(unsigned long long)c->samples[i].n_deleted,
			(unsigned long long)c->samples[i].n_flips);
}

int go_scenario_heap_curve(const struct go_scenario_options *o)
{
	struct curve c = {.o = o, .samples = malloc(CURVE_MAX_SAMPLES * sizeof(*c.samples))};
	const struct model_config config = {
		.scenario = MODEL_VALUE_DELETE,
		.op = curve_op,
		.op_ctx = &c,
		.rate_per_s = CURVE_RATE_PER_S,
		.gogc_percent = 100,
		.options = "",
		.n_keys = o->n_keys ? o->n_keys : CURVE_KEYS,
		.duration_ns = o->duration_ns ? o->duration_ns : UINT64_C(6000000000),
		.garbage_bytes = 4096,
		.sample_1_in = 1,
		.seed = o->seed,
	};
	char message[512] = "out of memory";
	struct clock clock;
	struct model m;
	int error = -ENOMEM;

	if (!c.samples) {
		cli_error("%s", message);
		return EXIT_CELLS_FAILED;
	}
	/* The first third is without deletes. */
	c.quiet_ops = config.duration_ns / 3000000000.0 * CURVE_RATE_PER_S;
	clock_init(&clock, false);
	error = model_run(&m, &config, &clock, message, sizeof(message));
	if (error)
		cli_error("%s", message);
	else
		curve_table(&c, &m);
	model_free(&m);
	free(c.samples);
	return error ? EXIT_CELLS_FAILED : EXIT_GOOD;
}

/* ---------------------------------------------------------------- assist */

static void assist_line(const struct go_scenario_options *o, struct model *m, const char *rate)
{
	const struct gc_log *log = reclaim_ops(m->r)->gc_log(m->r);
	uint64_t mark_ns = 0, assist_ns = 0, idle_ns = 0, background_ns = 0;
	uint64_t n = 0, n_assists = 0, n_waits = 0;
	struct gc_log_cycle c;

	for (uint64_t i = 1; i <= gc_log_n_cycles(log); i++) {
		if (!gc_log_get(log, i, &c) || c.flip_ticks < m->begin_ticks ||
		    c.flip_ticks > m->end_ticks)
			continue;
		n++;
		mark_ns += clock_delta_ns(m->clock, c.mark_begin_ticks, c.flip_ticks);
		assist_ns += c.assist_ns;
		idle_ns += c.idle_ns;
		background_ns += c.background_ns;
		n_assists += c.n_assists;
		n_waits += c.n_assist_waits;
	}
	const double cycles = n ? (double)n : 1;
	const double stage_ns = (double)clock_delta_ns(m->clock, m->begin_ticks, m->end_ticks);

	fprintf(o->out, "  %-6s %6llu %8llu %10.3f %10.3f %10.3f %10.3f %9.1f %8.1f %9.2f %%\n",
		rate, (unsigned long long)m->config->gogc_percent, (unsigned long long)n,
		(double)mark_ns / cycles / 1e6, (double)background_ns / cycles / 1e6,
		(double)idle_ns / cycles / 1e6, (double)assist_ns / cycles / 1e6,
		(double)n_assists / cycles, (double)n_waits / cycles,
		100 * (double)assist_ns / stage_ns);
	if (o->data)
		fprintf(o->data, "%s,%llu,%llu,%llu,%llu,%llu,%llu,%llu,%llu\n", rate,
			(unsigned long long)m->config->gogc_percent, (unsigned long long)n,
			(unsigned long long)mark_ns, (unsigned long long)background_ns,
			(unsigned long long)idle_ns, (unsigned long long)assist_ns,
			(unsigned long long)n_assists, (unsigned long long)n_waits);
}

int go_scenario_assist(const struct go_scenario_options *o)
{
	static const uint64_t rates[] = {1000, 10000, 0};
	static const uint64_t gogcs[] = {25, 100};
	int error = 0;

	fprintf(o->out,
		"per cycle, ms; the last column: assists as a share of the mutator's time\n");
	fprintf(o->out, "  %-6s %6s %8s %10s %10s %10s %10s %9s %8s %9s\n", "ops/s", "GOGC",
		"cycles", "marking", "background", "idle", "assists", "number", "waits", "share");
	if (o->data)
		fputs("rate,gogc,cycles,mark_ns,background_ns,idle_ns,assist_ns,assists,waits\n",
		      o->data);
	for (unsigned i = 0; i < 6 && !error; i++) {
		const struct model_config config = {
			.scenario = MODEL_VALUE_DELETE,
			.rate_per_s = rates[i % 3],
			.gogc_percent = gogcs[i / 3],
			.options = "",
			.n_keys = o->n_keys ? o->n_keys : 1 << 16,
			.duration_ns = o->duration_ns ? o->duration_ns : UINT64_C(3000000000),
			.garbage_bytes = 4096,
			.sample_1_in = 64,
			.seed = o->seed,
		};
		char message[512] = "out of memory", rate[24] = "max";
		struct clock clock;
		struct model m;

		clock_init(&clock, false);
		if (config.rate_per_s)
			snprintf(rate, sizeof(rate), "%llu", (unsigned long long)config.rate_per_s);
		error = model_run(&m, &config, &clock, message, sizeof(message));
		if (error)
			cli_error("%s", message);
		else
			assist_line(o, &m, rate);
		model_free(&m);
	}
	return error ? EXIT_CELLS_FAILED : EXIT_GOOD;
}

/* ---------------------------------------------------------------- ghost */

static void ghost_line(FILE *out, const char *what, uint64_t bytes, uint64_t final_bytes)
{
	fprintf(out, "  %-44s %12llu  %+7.1f %%\n", what, (unsigned long long)bytes,
		100.0 * ((double)bytes / (double)final_bytes - 1));
}

static void ghost_table(FILE *out, const struct ghost_result *g, const struct pin_result *p)
{
	fprintf(out,
		"A growth from 2^%u to 2^%u buckets, %llu entries.  Held after collections, bytes, "
		"against the end:\n",
		g->old_b, g->old_b + 1, (unsigned long long)g->n_entries);
	ghost_line(out, "before the growth", g->before_bytes, g->ended_bytes);
	ghost_line(out, "begun, then no more writes", g->stopped_bytes, g->ended_bytes);
	ghost_line(out, "the same, every entry read", g->read_bytes, g->ended_bytes);
	ghost_line(out, "after the writes that end it", g->ended_bytes, g->ended_bytes);
	ghost_line(out, "stopped, then copied into a new map", g->rebuilt_bytes, g->ended_bytes);
	fprintf(out, "Writes to end it: %llu of %llu old buckets.\n\n",
		(unsigned long long)g->n_writes, 1ULL << g->old_b);
	fprintf(out, "Values deleted while the map grows: freed before the growth's end, and after "
		     "it.\n");
	for (unsigned i = 0; i < 2; i++)
		fprintf(out, "  %-30s %6llu deleted, %6llu freed while growing, %6llu after\n",
			i ? "ranged over before the growth" : "never ranged over",
			(unsigned long long)p[i].n_deleted,
			(unsigned long long)p[i].n_freed_growing,
			(unsigned long long)p[i].n_freed_after);
}

int go_scenario_ghost(const struct go_scenario_options *o)
{
	const uint64_t n_keys = o->n_keys ? o->n_keys : 1 << 16;
	struct ghost_result g;
	struct pin_result p[2];
	char message[512];
	struct clock clock;

	clock_init(&clock, false);
	if (ghost_measure(&g, n_keys, o->seed, &clock, message, sizeof(message)) ||
	    pin_measure(&p[0], n_keys, false, o->seed, &clock, message, sizeof(message)) ||
	    pin_measure(&p[1], n_keys, true, o->seed, &clock, message, sizeof(message))) {
		cli_error("%s", message);
		return EXIT_CELLS_FAILED;
	}
	ghost_table(o->out, &g, p);
	return EXIT_GOOD;
}
