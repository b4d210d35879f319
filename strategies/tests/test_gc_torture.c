/* SPDX-License-Identifier: MIT */
/* test_gc_torture.c - several threads use one map while cycles run without pause: no payload that a reader holds
 * is ever freed or reused before its next poll; all that dies is freed; every count adds up. */
#include "gc_test.h"

struct torture {
	struct reclaim *r;
	struct hmap *m;
	unsigned n_keys;
	uint64_t n_rounds;
	_Atomic(uint64_t) n_bad;
	_Atomic(bool) must_stop;
};

struct torture_thread {
	struct torture *torture;
	uint64_t seed;
	pthread_t thread;
};

/* Payload: word 0 is the map's (value = key's tag), read again after a while. */
static void torture_get(struct torture *torture, struct reclaim_thread *t, uint64_t key)
{
	uint64_t value;

	reclaim_enter(t);
	if (hmap_get(torture->m, t, key, &value)) {
		const volatile uint64_t *payload = (const volatile uint64_t *)value;

		for (int i = 0; i < 3; i++)
			if (*payload != key * 2 + 1)
				add_relaxed(&torture->n_bad, 1);
	}
	reclaim_exit(t);
}

static void torture_step(struct torture *torture, struct reclaim_thread *t, uint64_t *seed)
{
	const uint64_t draw = gc_test_random(seed);
	const uint64_t key = (draw >> 8) % torture->n_keys;

	switch (draw % 4) {
	case 0:
		reclaim_enter(t);
		hmap_insert(torture->m, t, key, key * 2 + 1);
		reclaim_exit(t);
		break;
	case 1:
		reclaim_enter(t);
		hmap_delete(torture->m, t, key);
		reclaim_exit(t);
		break;
	default:
		torture_get(torture, t, key);
	}
	if (draw >> 60 == 0)
		reclaim_garbage(t, 4096);
	if (draw >> 52 == 0) { /* wait as a server's thread waits */
		reclaim_offline(t);
		usleep(100);
		reclaim_online(t);
	}
	reclaim_poll(t);
}

/* Threads come and go: each lives for a part of the rounds. */
static void *torture_main(void *arg)
{
	struct torture_thread *self = arg;
	struct torture *torture = self->torture;

	for (int life = 0; life < 4; life++) {
		struct reclaim_thread *t = reclaim_register(torture->r, ROLE_MUTATOR);

		assert_non_null(t);
		for (uint64_t i = 0; i < torture->n_rounds / 4; i++)
			torture_step(torture, t, &self->seed);
		reclaim_unregister(t);
	}
	return NULL;
}

static void *torture_collect(void *arg)
{
	struct torture *torture = arg;
	struct reclaim_thread *t = reclaim_register(torture->r, ROLE_SAMPLER);

	while (!load_acquire(&torture->must_stop)) { /* pairs with the store after the joins */
		t->ops->collect(t);
		reclaim_poll(t);
	}
	reclaim_unregister(t);
	return NULL;
}

static void check_conservation(struct reclaim *r)
{
	struct reclaim_totals totals;
	struct reclaim_stats stats;

	reclaim_totals(r, &totals);
	for (int class = 0; class < OBJ_N_CLASSES; class ++) {
		assert_int_equal(totals.n_allocated[class], totals.n_freed[class]);
		assert_int_equal(totals.n_retired[class], totals.n_freed[class]);
		assert_int_equal(totals.allocated_bytes[class], totals.freed_bytes[class]);
	}
	reclaim_ops(r)->stats(r, &stats);
	assert_int_equal(stats.n_pending, 0);
	assert_true(stats.n_cycles > 0);
}

static void run_torture(const char *strategy, const char *options, unsigned n_keys)
{
	enum { N_THREADS = 3 };
	struct torture_thread threads[N_THREADS];
	struct torture torture = {.n_keys = n_keys, .n_rounds = 100000 / GC_TEST_SCALE};
	struct reclaim_thread *t;
	pthread_t collector;

	torture.r = gc_test_create(strategy, options);
	t = reclaim_register(torture.r, ROLE_MUTATOR);
	torture.m = gc_test_map(torture.r, t, HMAP_PAYLOAD);
	reclaim_offline(t);
	for (int i = 0; i < N_THREADS; i++) {
		threads[i] = (struct torture_thread){.torture = &torture,
						     .seed = 88172645463325252u + (uint64_t)i};
		assert_int_equal(
			pthread_create(&threads[i].thread, NULL, torture_main, &threads[i]), 0);
	}
	assert_int_equal(pthread_create(&collector, NULL, torture_collect, &torture), 0);
	for (int i = 0; i < N_THREADS; i++)
		pthread_join(threads[i].thread, NULL);
	store_release(&torture.must_stop, true);
	pthread_join(collector, NULL);
	reclaim_online(t);
	assert_int_equal(load_relaxed(&torture.n_bad), 0);
	hmap_destroy(torture.m, t);
	t->ops->drain(t);
	check_conservation(torture.r);
	reclaim_unregister(t);
	reclaim_destroy(torture.r);
}

static void test_sweepgen(void **state)
{
	(void)state;
	run_torture("sweepgen", "batch=3", 3000);
}

static void test_sweepgen_ragged(void **state)
{
	(void)state;
	run_torture("sweepgen", "flip=ragged", 3000);
}

static void test_mark(void **state)
{
	(void)state;
	run_torture("mark", NULL, 3000);
	run_torture("mark", "scan=filled,assist=off", 20000);
}

static void test_mark_bits(void **state)
{
	(void)state;
	run_torture("mark", "bits=header", 3000);
	run_torture("mark", "bits=span,shadow=on", 3000);
}

static void test_mark_windows(void **state)
{
	(void)state;
	run_torture("mark", "mark_window=100us,mark_every=1ms,window_stop=on", 3000);
	run_torture("mark", "barrier=off", 3000);
}

static void test_go(void **state)
{
	(void)state;
	run_torture("go", "gogc=25", 20000);
}

/* One dedicated, and three that mark while a processor seems idle; two dedicated; three, and one that is idle; four in
 * the stop. */
static void test_markers(void **state)
{
	(void)state;
	run_torture("mark", "markers=4,procs=4", 20000);
	run_torture("go", "markers=2,procs=16,gogc=25", 20000);
	run_torture("mark", "markers=4,procs=16,mark_share=20%", 20000);
	run_torture("mark", "markers=4,barrier=off,bits=span,shadow=on", 20000);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_sweepgen),     cmocka_unit_test(test_sweepgen_ragged),
		cmocka_unit_test(test_mark),	     cmocka_unit_test(test_mark_bits),
		cmocka_unit_test(test_mark_windows), cmocka_unit_test(test_go),
		cmocka_unit_test(test_markers),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
