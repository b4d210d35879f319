/* SPDX-License-Identifier: MIT */
/* test_hmap_edges.c - the map at the edges of its contract: roles, limits a strategy sets, a strategy that looks at
 * the registry, a registry that is busy, stamps and counts that must not be overwritten or wrap. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "hmap.h"
#include "idle_strategy.h"
#include "registry.h"

#ifdef RECLAIMBENCH_SANITIZED
#define N_CHURNS 20000u
#else
#define N_CHURNS 200000u
#endif

struct fixture {
	struct clock clock;
	struct reclaim *r;
	struct reclaim_thread *t;
	struct hmap *map;
};

static void fixture_create(struct fixture *f, const struct reclaim_ops *ops, const char *options,
			   const struct hmap_config *config)
{
	char message[256] = "";

	clock_init(&f->clock, false);
	const struct reclaim_config rc = {
		.ops = ops, .options = options, .clock = &f->clock, .tracking = true};

	assert_int_equal(reclaim_create(&f->r, &rc, message, sizeof(message)), 0);
	f->t = reclaim_register(f->r, ROLE_MUTATOR);
	assert_non_null(f->t);
	assert_int_equal(hmap_create(&f->map, f->r, f->t, config), 0);
}

static void fixture_destroy(struct fixture *f)
{
	hmap_destroy(f->map, f->t);
	if (!(reclaim_ops(f->r)->flags & NEVER_FREES))
		reclaim_ops(f->r)->drain(f->t);
	reclaim_unregister(f->t);
	reclaim_destroy(f->r);
}

static void insert(struct fixture *f, struct reclaim_thread *t, uint64_t key)
{
	reclaim_enter(t);
	assert_int_not_equal(hmap_insert(f->map, t, key, key), HMAP_NO_MEMORY);
	reclaim_exit(t);
	reclaim_poll(t);
}

static void delete (struct fixture *f, struct reclaim_thread *t, uint64_t key)
{
	reclaim_enter(t);
	assert_true(hmap_delete(f->map, t, key));
	reclaim_exit(t);
	reclaim_poll(t);
}

/* The low byte of a key is its tophash, the rest its bucket. */
static uint64_t hash_placed(uint64_t key, uint64_t seed)
{
	(void)seed;
	return key << 56 | key >> 8;
}

static uint64_t key_in(uint64_t bucket, unsigned number)
{
	return bucket << 8 | (10 + number);
}

/* ---------------------------------------------------------------- an outside strategy */

static unsigned n_walked;

static void outside_count(void *ctx, struct reclaim_thread *t)
{
	(void)t;
	++*(unsigned *)ctx;
}

/* As a hand-written hazard-pointer scheme would: look at all threads. */
static void outside_retire(struct reclaim_thread *t, void *object)
{
	(void)object;
	reclaim_for_each_thread(t->r, outside_count, &n_walked);
}

static void outside_protect(struct reclaim_thread *t, unsigned slot, void *object)
{
	(void)t;
	(void)slot;
	(void)object;
}

static const struct reclaim_ops outside = {IDLE_MEMBERS, .retire = outside_retire,
					   .flags = NEVER_FREES};

static const struct hmap_config plain = {.mode = HMAP_PLAIN, .seed = 1};

/* Emptying the map redraws the seed with the registry locked; the strategy must not be called meanwhile. */
static void test_retire_may_walk_the_threads(void **state)
{
	struct fixture f = {0};

	(void)state;
	n_walked = 0;
	fixture_create(&f, &outside, NULL, &plain);
	insert(&f, f.t, 1);
	alarm(30); /* a deadlock ends the test */
	delete (&f, f.t, 1);
	alarm(0);
	assert_int_equal(n_walked, 1); /* the old descriptor: one retire, one thread */
	fixture_destroy(&f);
}

static void test_limits_of_a_strategy_hold(void **state)
{
	struct reclaim_ops ops = outside;
	struct fixture f = {0};
	struct hmap *map;
	char message[256];
	struct reclaim_config rc = {.ops = &ops, .clock = &f.clock};

	(void)state;
	ops.max_threads = 4;
	fixture_create(&f, &ops, NULL, &plain);
	assert_int_equal(reclaim_config(f.r)->max_threads, 4);
	fixture_destroy(&f);

	ops = outside;
	ops.flags |= NEEDS_PROTECT;
	ops.protect = outside_protect;
	ops.n_slots = HMAP_N_SLOTS - 1;
	assert_int_equal(reclaim_create(&f.r, &rc, message, sizeof(message)), 0);
	f.t = reclaim_register(f.r, ROLE_MUTATOR);
	assert_int_equal(hmap_create(&map, f.r, f.t, &plain), -EINVAL);
	reclaim_unregister(f.t);
	reclaim_destroy(f.r);
}

/* ---------------------------------------------------------------- roles */

/* Who is alone is told from mutators and readers.  A sampler that writes is stopped, and told why. */
static void test_other_roles_may_not_write(void **state)
{
	struct fixture f = {0};
	int fds[2], status;
	char said[256] = "";

	(void)state;
	assert_int_equal(pipe(fds), 0);
	const pid_t pid = fork();

	assert_true(pid >= 0);
	if (!pid) {
		struct reclaim_thread *sampler;

		signal(SIGABRT, SIG_DFL);
		dup2(fds[1], 2);
		fixture_create(&f, reclaim_strategy_find("leak"), NULL, &plain);
		sampler = reclaim_register(f.r, ROLE_SAMPLER);
		insert(&f, sampler, 7);
		_exit(0);
	}
	close(fds[1]);
	assert_true(read(fds[0], said, sizeof(said) - 1) > 0);
	close(fds[0]);
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_true(WIFSIGNALED(status) && WTERMSIG(status) == SIGABRT);
	assert_non_null(strstr(said, "registered as sampler"));
}

/* ---------------------------------------------------------------- a busy registry */

struct holder {
	struct reclaim *r;
	_Atomic(bool) has_it, let_go;
};

static void holder_hold(void *ctx, struct reclaim_thread *t)
{
	struct holder *h = ctx;

	(void)t;
	store_release(&h->has_it, true);  /* pairs with the test's load_acquire */
	while (!load_acquire(&h->let_go)) /* pairs with the test's store_release */
		sched_yield();
}

static void *holder_main(void *arg)
{
	struct holder *h = arg;

	reclaim_for_each_thread(h->r, holder_hold, h);
	return NULL;
}

/* One look at the registry at the wrong moment does not cost a lone thread its exactness for good. */
static void test_alone_again_after_a_busy_look(void **state)
{
	struct fixture f = {0};
	struct holder h = {0};
	struct reclaim_totals before, after;
	pthread_t thread;

	(void)state;
	fixture_create(&f, reclaim_strategy_find("leak"), NULL, &plain);
	h.r = f.r;
	assert_int_equal(pthread_create(&thread, NULL, holder_main, &h), 0);
	while (!load_acquire(&h.has_it)) /* pairs with holder_hold() */
		sched_yield();
	insert(&f, f.t, 1);
	store_release(&h.let_go, true); /* pairs with holder_hold() */
	pthread_join(thread, NULL);
	reclaim_totals(f.r, &before);
	delete (&f, f.t, 1);
	reclaim_totals(f.r, &after);
	/* The seed was redrawn: a descriptor was retired. */
	assert_int_equal(after.n_retired[OBJ_TABLE], before.n_retired[OBJ_TABLE] + 1);
	fixture_destroy(&f);
}

/* ---------------------------------------------------------------- stamps and counts */

static void sum_dead(void *ctx, void *object, enum obj_class class, size_t bytes,
		     struct heap_stamps *stamps)
{
	(void)object;
	(void)bytes;
	if (class == OBJ_BUCKET && stamps && stamps->dead_ticks)
		*(uint64_t *)ctx = stamps->dead_ticks;
}

/* An overflow bucket dies with its last entry; that a growth passes by later is no second death. */
static void test_evacuation_keeps_a_death(void **state)
{
	const struct hmap_config config = {.mode = HMAP_PLAIN,
					   .unlink = HMAP_UNLINK_GO,
					   .hash = hash_placed,
					   .hint = 26,
					   .seed = 1};
	struct fixture f = {0};
	struct hmap_state s;
	uint64_t died = 0, later = 0;

	(void)state;
	fixture_create(&f, reclaim_strategy_find("leak"), NULL, &config);
	for (unsigned i = 0; i < 9; i++)
		insert(&f, f.t, key_in(0, i));
	delete (&f, f.t, key_in(0, 8));
	heap_visit(reclaim_heap(f.r), sum_dead, &died);
	assert_true(died != 0);
	for (uint64_t i = 0, grown = 0; !grown; i++) {
		insert(&f, f.t, key_in(1 + i % 3 + i / 8 * 4, (unsigned)(i % 8)));
		hmap_state(f.map, f.t, &s);
		grown = s.n_growths > 0 && !s.is_growing;
		assert_true(i < 10000);
	}
	heap_visit(reclaim_heap(f.r), sum_dead, &later);
	assert_true(later == died);
	fixture_destroy(&f);
}

struct churner {
	struct fixture *f;
	uint64_t bucket;
	pthread_t thread;
};

/* One overflow bucket, made and emptied over and over. */
static void *churner_main(void *arg)
{
	struct churner *c = arg;
	struct reclaim_thread *t = reclaim_register(c->f->r, ROLE_MUTATOR);

	for (unsigned i = 0; i < 8; i++)
		insert(c->f, t, key_in(c->bucket, i));
	for (unsigned i = 0; i < N_CHURNS; i++) {
		insert(c->f, t, key_in(c->bucket, 8));
		delete (c->f, t, key_in(c->bucket, 8));
	}
	reclaim_unregister(t);
	return NULL;
}

/* `hint` entries; never more than four overflow buckets: nothing to grow for, and the number stays small. */
static void churn(uint64_t hint)
{
	const struct hmap_config config = {.mode = HMAP_PLAIN,
					   .unlink = HMAP_UNLINK_EMPTY,
					   .hash = hash_placed,
					   .hint = hint,
					   .seed = 1};
	struct churner churners[4];
	struct fixture f = {0};
	struct hmap_state s;

	fixture_create(&f, reclaim_strategy_find("debra"), NULL, &config);
	reclaim_offline(f.t);
	for (unsigned i = 0; i < 4; i++) {
		churners[i] = (struct churner){.f = &f, .bucket = i};
		assert_int_equal(
			pthread_create(&churners[i].thread, NULL, churner_main, &churners[i]), 0);
	}
	for (unsigned i = 0; i < 4; i++)
		pthread_join(churners[i].thread, NULL);
	reclaim_online(f.t);
	hmap_state(f.map, f.t, &s);
	assert_int_equal(s.n_growths, 0);
	assert_in_range(s.noverflow, 0, 4);
	fixture_destroy(&f);
}

static void test_overflow_count_does_not_wrap(void **state)
{
	(void)state;
	churn(1 << 6);
	churn(1 << 18); /* B = 16: sampled */
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_retire_may_walk_the_threads),
		cmocka_unit_test(test_limits_of_a_strategy_hold),
		cmocka_unit_test(test_other_roles_may_not_write),
		cmocka_unit_test(test_alone_again_after_a_busy_look),
		cmocka_unit_test(test_evacuation_keeps_a_death),
		cmocka_unit_test(test_overflow_count_does_not_wrap),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
