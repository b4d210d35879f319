/* SPDX-License-Identifier: MIT */
/* test_law_live.c - the per-event law on lives of real maps, with more mutators than processors: who dies in a marking
 * outlives it and is freed by the next one, all others are freed by the next end of marking. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <pthread.h>
#include <stdlib.h>
#include <unistd.h>

#include "hmap.h"
#include "measure/law.h"
#include "registry.h"

#ifdef RECLAIMBENCH_SANITIZED
enum { N_CYCLES = 10 };
#else
enum { N_CYCLES = 40 };
#endif
enum { N_THREADS = 3, N_KEYS = 2000, N_OPS = 10000 };

struct load {
	struct reclaim *r;
	struct hmap *map;
	_Atomic(uint64_t) n_ops, n_registered;
	_Atomic(bool) must_end;
};

struct mutator {
	struct load *load;
	pthread_t thread;
	uint64_t seed;
};

static void *mutate(void *arg)
{
	struct mutator *m = arg;
	struct reclaim_thread *t = reclaim_register(m->load->r, ROLE_MUTATOR);

	assert_non_null(t);
	add_relaxed(&m->load->n_registered, 1);	    /* the domain's lock is the order */
	while (!load_acquire(&m->load->must_end)) { /* pairs with check() */
		const uint64_t draw = rng_mix64(m->seed++);

		reclaim_enter(t);
		if (draw & 1)
			(void)hmap_insert(m->load->map, t, (draw >> 1) % N_KEYS, 1);
		else
			(void)hmap_delete(m->load->map, t, (draw >> 1) % N_KEYS);
		reclaim_exit(t);
		reclaim_poll(t);
		add_relaxed(&m->load->n_ops, 1); /* only how long the load runs */
	}
	reclaim_unregister(t);
	return NULL;
}

static void check(const char *strategy, const char *options)
{
	struct clock clock;
	const struct reclaim_config config = {.ops = reclaim_strategy_find(strategy),
					      .options = options,
					      .heap = {.kind = HEAP_SPAN},
					      .clock = &clock,
					      .tracking = true,
					      .sample_1_in = 1};
	const struct hmap_config map_config = {.mode = HMAP_PAYLOAD, .value_bytes = 64};
	struct mutator mutators[N_THREADS];
	struct law law = {NULL};
	struct load load = {0};
	struct reclaim_thread *t;
	struct law_sample sample;
	struct law_summary s;
	char message[256];

	clock_init(&clock, false);
	assert_int_equal(reclaim_create(&load.r, &config, message, sizeof(message)), 0);
	t = reclaim_register(load.r, ROLE_MUTATOR);
	assert_non_null(t);
	assert_int_equal(hmap_create(&load.map, load.r, t, &map_config), 0);
	for (unsigned i = 0; i < N_THREADS; i++) {
		mutators[i] = (struct mutator){.load = &load, .seed = (uint64_t)i << 32};
		assert_int_equal(pthread_create(&mutators[i].thread, NULL, mutate, &mutators[i]),
				 0);
	}
	reclaim_offline(t);
	while (load_relaxed(&load.n_registered) < N_THREADS)
		usleep(100);
	reclaim_online(t);
	reclaim_quiet_begin(load.r);
	assert_int_equal(law_stage_begin(&law, load.r), 0);
	reclaim_quiet_end(load.r);
	/* relaxed: see mutate().  Two cycles more free what died by then. */
	for (unsigned i = 0; i < N_CYCLES || load_relaxed(&load.n_ops) < N_OPS; i++)
		reclaim_ops(load.r)->collect(t);
	reclaim_ops(load.r)->collect(t);
	reclaim_ops(load.r)->collect(t);
	store_release(&load.must_end, true);
	reclaim_offline(t);
	for (unsigned i = 0; i < N_THREADS; i++)
		pthread_join(mutators[i].thread, NULL);
	reclaim_online(t);
	reclaim_quiet_begin(load.r);
	assert_int_equal(law_take(&law, &sample), 0);
	reclaim_quiet_end(load.r);
	assert_int_equal(
		law_summarise(&s, &sample, reclaim_ops(load.r)->gc_log(load.r), OBJ_VALUE, 0), 0);
	assert_true(s.n > 0);
	assert_int_equal(law_n_bad(&s, reclaim_ops(load.r)->gc_log(load.r)), 0);
	assert_int_equal(s.n_late, 0);
	assert_int_equal(s.n_flips[0], 0);
	assert_int_equal(s.n_flips[2], s.n_in_mark);
	law_sample_fini(&sample);
	hmap_destroy(load.map, t);
	reclaim_ops(load.r)->drain(t);
	reclaim_unregister(t);
	reclaim_destroy(load.r);
	law_fini(&law);
}

static void test_the_law_holds(void **state)
{
	(void)state;
	check("go", "trigger=hand,stop_limit=10s");
	check("mark", "trigger=hand,stop_limit=10s");
	check("sweepgen", "trigger=hand,stop_limit=10s");
}

int main(void)
{
	const struct CMUnitTest tests[] = {cmocka_unit_test(test_the_law_holds)};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
