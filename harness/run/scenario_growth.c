/* SPDX-License-Identifier: MIT */
/* scenario_growth.c - parallel-growth: one growth, worked off by 1..n writers that only overwrite. */
#include <errno.h>
#include <inttypes.h>
#include <sched.h>
#include <stdio.h>
#include <string.h>

#include "run/scenario.h"

#define GROWTH_MAX_WRITERS 64

struct growth {
	struct scenario_map m;
	atomic_bool must_start, has_ended;
	_Atomic(uint32_t) n_ready; /* writers that wait for the start, or have failed */
	_Atomic(uint64_t) end_ticks;
};

struct growth_writer {
	struct growth *g;
	pthread_t pthread;
	uint64_t n_keys, random, n_writes;
	bool failed;
} __attribute__((aligned(PADDING_BYTES)));

/* Growth lock held; relaxed: read after the writers were joined, or only to end loops. */
static void growth_ended(void *ctx, unsigned new_b)
{
	struct growth *g = ctx;

	(void)new_b;
	store_relaxed(&g->end_ticks, clock_ticks(g->m.s->clock));
	store_relaxed(&g->has_ended, true);
}

static void *growth_write(void *arg)
{
	struct growth_writer *w = arg;
	struct growth *g = w->g;
	struct reclaim_thread *t = reclaim_register(g->m.r, ROLE_MUTATOR);

	w->failed = !t;
	add_acq_rel(&g->n_ready, 1); /* pairs with growth_run() */
	if (!t)
		return NULL;
	while (!load_acquire(&g->must_start)) /* pairs with growth_run() */
		reclaim_poll(t);
	while (!load_relaxed(&g->has_ended) && !w->failed) {
		const uint64_t key = scenario_random(&w->random) % w->n_keys;

		reclaim_enter(t);
		w->failed = hmap_insert(g->m.map, t, key, key) == HMAP_NO_MEMORY;
		reclaim_exit(t);
		reclaim_poll(t);
		w->n_writes++;
	}
	reclaim_unregister(t);
	return NULL;
}

/* Fill until a growth has just begun; its number of old buckets, 0: failed. */
static uint64_t growth_prepare(struct growth *g, uint64_t want_keys, uint64_t *n_keys)
{
	struct hmap_state state = {0};

	*n_keys = 0;
	while (!(state.is_growing && *n_keys >= want_keys * 3 / 4)) {
		if (scenario_fill(&g->m, *n_keys, *n_keys + 1))
			return 0;
		++*n_keys;
		hmap_state(g->m.map, g->m.t, &state);
	}
	store_relaxed(&g->has_ended,
		      false); /* earlier, smaller growths; nobody else is there yet */
	return UINT64_C(1) << (state.b - 1);
}

static int growth_run(struct growth *g, unsigned n_writers, uint64_t n_keys, double *ns,
		      uint64_t *n_writes)
{
	static const uint64_t seed = UINT64_C(0x9e3779b97f4a7c15);
	struct growth_writer writers[GROWTH_MAX_WRITERS];
	unsigned n_started = 0;
	uint64_t begin;
	int error = 0;

	for (; n_started < n_writers && !error; n_started++) {
		struct growth_writer *w = &writers[n_started];

		*w = (struct growth_writer){
			.g = g, .n_keys = n_keys, .random = seed * (n_started + 1)};
		error = -pthread_create(&w->pthread, NULL, growth_write, w);
		if (error)
			break;
	}
	reclaim_offline(g->m.t);
	while (load_acquire(&g->n_ready) < n_started) /* pairs with growth_write() */
		sched_yield();
	begin = clock_ticks(g->m.s->clock);
	if (error)
		store_relaxed(&g->has_ended, true); /* only ends loops */
	store_release(&g->must_start, true);	    /* pairs with growth_write() */
	*n_writes = 0;
	for (unsigned i = 0; i < n_started; i++) {
		pthread_join(writers[i].pthread, NULL);
		*n_writes += writers[i].n_writes;
		if (writers[i].failed)
			error = -ENOMEM;
	}
	reclaim_online(g->m.t);
	*ns = (double)clock_delta_ns(g->m.s->clock, begin, load_relaxed(&g->end_ticks));
	return error;
}

static int growth_round(struct scenario *s, unsigned n_writers, double *ns, uint64_t *n_writes,
			uint64_t *n_old, uint64_t *n_keys)
{
	struct growth g = {0};
	const struct hmap_hooks hooks = {.ctx = &g, .growth_end = growth_ended};
	const struct scenario_setup setup = {.strategy = "sweepgen",
					     .options = "trigger=hand",
					     .mode = HMAP_PLAIN,
					     .unlink = HMAP_UNLINK_GO,
					     .hooks = &hooks};
	char message[256];
	int error = scenario_map_open(&g.m, s, &setup);

	if (!error) {
		*n_old = growth_prepare(&g, s->max_keys < 64 ? 64 : s->max_keys, n_keys);
		error = *n_old ? growth_run(&g, n_writers, *n_keys, ns, n_writes) : -ENOMEM;
	}
	if (!error && hmap_validate(g.m.map, message, sizeof(message))) {
		cli_error("the map is wrong after the growth: %s", message);
		error = -EIO;
	}
	scenario_map_close(&g.m);
	return error;
}

/* Of one number of writers. */
struct growth_point {
	double ns[SCENARIO_MAX_ROUNDS], writes[SCENARIO_MAX_ROUNDS], speed_up[SCENARIO_MAX_ROUNDS];
	uint64_t n_old, n_keys;
};
enum { GROWTH_MAX_POINTS = 7 }; /* 1, 2, 4 .. GROWTH_MAX_WRITERS */

static void growth_report(struct scenario *s, unsigned n_writers, struct growth_point *p)
{
	const struct scenario_map m = {
		.strategy = "sweepgen", .options = "trigger=hand", .n_keys = p->n_keys};
	struct scenario_value v = {.stat = "p50", .better = "lower", .n = s->n_rounds};
	const double ns = scenario_median(p->ns, s->n_rounds),
		     writes = scenario_median(p->writes, s->n_rounds),
		     speed_up = scenario_median(p->speed_up, s->n_rounds);
	char setting[32];

	printf("%-8u %10" PRIu64 " %12" PRIu64 " %12.3f %14.3f %10.2f\n", n_writers, p->n_keys,
	       p->n_old, ns * 1e-6, writes, speed_up);
	snprintf(setting, sizeof(setting), "writers=%u", n_writers);
	v.setting = setting;
	v.metric = "growth_time", v.unit = "ns", v.value = ns;
	scenario_row(s, &m, &v);
	v.metric = "growth_writes", v.unit = "writes/bucket", v.value = writes;
	scenario_row(s, &m, &v);
	v.metric = "growth_speed_up", v.unit = "ratio", v.better = "higher", v.value = speed_up;
	scenario_row(s, &m, &v);
}

int scenario_parallel_growth(struct scenario *s)
{
	struct growth_point points[GROWTH_MAX_POINTS];
	unsigned k;

	/* All numbers of writers in each round: the machine has slow moments, and only ratios within a round count. */
	for (unsigned i = 0; i < s->n_rounds; i++)
		for (k = 0; k < GROWTH_MAX_POINTS && 1U << k <= s->max_threads; k++) {
			struct growth_point *p = &points[k];
			uint64_t n_writes = 0;
			const int error = growth_round(s, 1U << k, &p->ns[i], &n_writes, &p->n_old,
						       &p->n_keys);

			if (error)
				return scenario_end(s, error);
			p->writes[i] = (double)n_writes / (double)p->n_old;
			p->speed_up[i] = points[0].ns[i] / p->ns[i];
		}
	printf("%-8s %10s %12s %12s %14s %10s\n", "writers", "keys", "old buckets", "ms",
	       "writes/bucket", "speed-up");
	for (k = 0; k < GROWTH_MAX_POINTS && 1U << k <= s->max_threads; k++)
		growth_report(s, 1U << k, &points[k]);
	printf("one writer of random keys needs ln 2 = 0.693 writes a bucket\n");
	return EXIT_GOOD;
}
