/* SPDX-License-Identifier: MIT */
/* test_hmap_growth.c - several writers share the work of a growth: one that stands still in the middle of a bucket keeps
 * the others from that bucket only. */
#include <sched.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "hmap.h"
#include "registry.h"

#define OTHER_KEY 0 /* the write that begins the growth evacuates its old bucket */

struct growth {
	struct clock clock;
	struct reclaim *r;
	struct hmap *m;
	struct reclaim_thread *t;
	_Atomic(uint64_t) n_evacuated;
	_Atomic(bool) is_stuck, may_go_on;
	uint64_t stuck_key;
};

static _Thread_local unsigned n_hashes_until_stuck; /* 0: never */

/* Keys are their hash: key k is in bucket k modulo the number of buckets.  Evacuation asks for the hash of each key,
 * with the old bucket locked: there the thread that shall stands still. */
static uint64_t hash_is_key(uint64_t key, uint64_t seed)
{
	struct growth *g = (struct growth *)(uintptr_t)seed;

	if (n_hashes_until_stuck && --n_hashes_until_stuck == 0) {
		store_release(&g->is_stuck, true);   /* pairs with others_go_on() */
		while (!load_acquire(&g->may_go_on)) /* pairs with others_go_on() */
			sched_yield();
	}
	return key;
}

static void on_growth(void *ctx, unsigned old_b, unsigned new_b)
{
	struct growth *g = ctx;

	(void)old_b;
	(void)new_b;
	store_relaxed(&g->n_evacuated, 0); /* relaxed: only one thread writes as yet */
}

static void on_evacuated(void *ctx, uint64_t index)
{
	struct growth *g = ctx;

	(void)index;
	add_relaxed(&g->n_evacuated, 1); /* relaxed: read by whose writes count */
}

static void write_key(struct growth *g, struct reclaim_thread *t, uint64_t key)
{
	reclaim_enter(t);
	assert_int_equal(hmap_insert(g->m, t, key, key), HMAP_REPLACED);
	reclaim_exit(t);
	reclaim_poll(t);
}

static void *write_and_be_stuck(void *arg)
{
	struct growth *g = arg;
	struct reclaim_thread *t = reclaim_register(g->r, ROLE_MUTATOR);

	assert_non_null(t);
	n_hashes_until_stuck = 2; /* one to find the key's old bucket, one in its evacuation */
	write_key(g, t, g->stuck_key);
	n_hashes_until_stuck = 0;
	reclaim_unregister(t);
	return NULL;
}

/* Fill until a growth of more than 64 old buckets has begun; how many. */
static uint64_t fill_until_growing(struct growth *g)
{
	struct hmap_state state = {0};

	for (uint64_t key = 0; !(state.is_growing && state.b > 7); key++) {
		reclaim_enter(g->t);
		assert_int_equal(hmap_insert(g->m, g->t, key, key), HMAP_INSERTED);
		reclaim_exit(g->t);
		reclaim_poll(g->t);
		hmap_state(g->m, g->t, &state);
	}
	return UINT64_C(1) << (state.b - 1);
}

/* One writer stands still inside the old bucket at nevacuate.  The other writes one key again and again: each of these
 * writes evacuates one more bucket, as when it is alone, until only that of the first is left. */
static void others_go_on(void **unused)
{
	struct growth g = {0};
	const struct hmap_hooks hooks = {
		.ctx = &g, .growth_begin = on_growth, .bucket_evacuated = on_evacuated};
	const struct hmap_config map_config = {.mode = HMAP_PLAIN,
					       .unlink = HMAP_UNLINK_GO,
					       .hash = hash_is_key,
					       .seed = (uintptr_t)&g,
					       .hooks = &hooks};
	struct reclaim_config config = {.ops = reclaim_strategy_find("leak"), .max_threads = 4};
	struct hmap_state state;
	char message[256] = "";
	uint64_t n_old, n_before;
	pthread_t thread;

	(void)unused;
	clock_init(&g.clock, true);
	config.clock = &g.clock;
	config.heap.kind = HEAP_SPAN;
	assert_int_equal(reclaim_create(&g.r, &config, message, sizeof(message)), 0);
	g.t = reclaim_register(g.r, ROLE_MUTATOR);
	assert_non_null(g.t);
	assert_int_equal(hmap_create(&g.m, g.r, g.t, &map_config), 0);
	n_old = fill_until_growing(&g);
	assert_true(n_old > 64);
	hmap_state(g.m, g.t, &state);
	g.stuck_key = state.nevacuate;

	assert_int_equal(pthread_create(&thread, NULL, write_and_be_stuck, &g), 0);
	while (!load_acquire(&g.is_stuck)) /* pairs with hash_is_key() */
		sched_yield();
	n_before = load_relaxed(&g.n_evacuated);
	assert_true(n_before < 8);
	for (uint64_t i = 0; i < n_old - n_before - 1; i++)
		write_key(&g, g.t, OTHER_KEY);
	assert_int_equal(load_relaxed(&g.n_evacuated), n_old - 1);
	store_release(&g.may_go_on, true); /* pairs with hash_is_key() */
	pthread_join(thread, NULL);
	for (unsigned i = 0; i < 4; i++)
		write_key(&g, g.t, OTHER_KEY);
	hmap_state(g.m, g.t, &state);
	assert_false(state.is_growing);
	assert_int_equal(hmap_validate(g.m, message, sizeof(message)), 0);
	hmap_destroy(g.m, g.t);
	reclaim_unregister(g.t);
	reclaim_destroy(g.r);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(others_go_on),
	};

	return cmocka_run_group_tests_name("hmap_growth", tests, NULL, NULL);
}
