/* SPDX-License-Identifier: MIT */
/* test_gc_markers.c - marking is not over while somebody is at it: in a round, or in the middle of a chunk.
 *
 * Each of the two makes up for the other when it is broken (gc_markers.h), so no object that is freed too early tells.
 */
#include <signal.h>
#include <sys/mman.h>

#include "gc_test.h"

struct fixture {
	struct reclaim *r;
	struct reclaim_thread *t;
	struct gc *gc;
	struct hmap *m;
};

static struct fixture begin(const char *options)
{
	struct fixture f = {.r = gc_test_create("mark", options)};

	f.t = reclaim_register(f.r, ROLE_MUTATOR);
	f.gc = gc_test_gc(f.r);
	f.m = gc_test_map(f.r, f.t, HMAP_PAYLOAD);
	for (uint64_t key = 0; key < 5000; key++) {
		assert_int_equal(hmap_insert(f.m, f.t, key, key), HMAP_INSERTED);
		reclaim_poll(f.t);
	}
	return f;
}

static void end(struct fixture *f)
{
	struct reclaim_stats stats;

	hmap_destroy(f->m, f->t);
	f->t->ops->drain(f->t);
	f->t->ops->stats(f->r, &stats);
	assert_int_equal(stats.n_pending, 0);
	reclaim_unregister(f->t);
	reclaim_destroy(f->r);
}

/* ---------------------------------------------------------------- in a round */

/* One more helper is inside, and does not come out. */
static void enter_round(struct gc *gc)
{
	pthread_mutex_lock(&gc->mark.lock);
	gc->markers.n_inside++;
	pthread_mutex_unlock(&gc->mark.lock);
}

static void leave_round(struct gc *gc)
{
	pthread_mutex_lock(&gc->mark.lock);
	if (--gc->markers.n_inside == 0)
		pthread_cond_signal(&gc->markers.closed);
	pthread_mutex_unlock(&gc->mark.lock);
}

static bool is_round_over(struct gc *gc)
{
	bool is_over;

	pthread_mutex_lock(&gc->mark.lock);
	/* relaxed: written under the lock */
	is_over = gc->markers.n_rounds > 0 && !load_relaxed(&gc->markers.is_open);
	pthread_mutex_unlock(&gc->mark.lock);
	return is_over;
}

static void check_round_waits(const char *options)
{
	enum { N_LOOKS = 50 };
	struct fixture f = begin(options);
	const uint32_t sweepgen = load_acquire(&f.gc->sweep.sweepgen); /* pairs with the flip */
	pthread_t collector;

	enter_round(f.gc);
	reclaim_offline(f.t); /* nobody else holds the cycle up */
	assert_int_equal(pthread_create(&collector, NULL, gc_test_collect_main, f.r), 0);
	while (!is_round_over(f.gc))
		usleep(100);
	for (int i = 0; i < N_LOOKS; i++) {
		usleep(1000);
		assert_int_equal(load_acquire(&f.gc->sweep.sweepgen), sweepgen); /* the same */
	}
	assert_true(gc_mark_is_done(f.gc));
	assert_int_equal(gc_log_n_cycles(&f.gc->log), 0);
	leave_round(f.gc);
	pthread_join(collector, NULL);
	reclaim_online(f.t);
	assert_true(load_acquire(&f.gc->sweep.sweepgen) != sweepgen); /* the same */
	end(&f);
}

/* A round is closed when the last helper has left it: no flip before that. */
static void test_round_waits(void **state)
{
	(void)state;
	check_round_waits("trigger=hand,markers=2,procs=16");
	check_round_waits("trigger=hand,markers=3,procs=1");
	check_round_waits("trigger=hand,markers=2,barrier=off");
}

/* Who joined last stands first. */
static unsigned last_joined(struct gc *gc)
{
	unsigned marker;

	pthread_mutex_lock(&gc->world.lock);
	marker = ((const struct gc_thread *)gc->world.members)->marker;
	pthread_mutex_unlock(&gc->world.lock);
	return marker;
}

/* The first cycle is due at once: every helper is there before its thread, and none is waited for in vain. */
static void test_cycle_at_start(void **state)
{
	enum { N_STARTS = 50 };

	(void)state;
	for (int i = 0; i < N_STARTS; i++) {
		struct reclaim *r =
			gc_test_create("mark", "trigger=period,period=100us,markers=16");
		struct gc *gc = gc_test_gc(r);

		while (!gc_log_n_cycles(&gc->log))
			usleep(10);
		assert_int_equal(gc->markers.n_helpers, GC_MAX_MARKERS - 1);
		assert_int_equal(gc->markers.n_ready, GC_MAX_MARKERS - 1);
		assert_int_equal(last_joined(gc), 0);
		reclaim_destroy(r);
	}
}

/* ---------------------------------------------------------------- in a chunk */

/* A handler has no argument. */
static struct {
	struct gc *gc;
	void *page;
	size_t page_bytes;
	uint64_t n_open;
	unsigned n_met;
} scan;

/* In the middle of the scan that has met the page. */
static void on_page(int signal)
{
	(void)signal;
	scan.n_open = load_relaxed(&scan.gc->mark.n_open);
	if (scan.n_met++ || mprotect(scan.page, scan.page_bytes, PROT_READ | PROT_WRITE))
		_exit(write(STDERR_FILENO, "the page was met twice\n", 23) >= 0 ? 1 : 2);
}

/* What is being scanned counts as open until it has been. */
static void test_open_until_scanned(void **state)
{
	const struct sigaction action = {.sa_handler = on_page};
	struct fixture f = begin("trigger=hand,markers=1");
	struct gc_thread *g = gc_thread_of(f.t);
	struct sigaction old;
	uint64_t n_open;

	(void)state;
	gc_mark_begin(f.gc); /* the cycle's thread sleeps */
	gc_mark_roots(f.gc, g);
	n_open = load_relaxed(&f.gc->mark.n_open);
	assert_true(n_open > 0);
	assert_false(gc_mark_is_done(f.gc));
	scan.gc = f.gc;
	scan.page = (void *)f.gc->mark.jobs[0].span->base;
	scan.page_bytes = (size_t)sysconf(_SC_PAGESIZE);
	assert_int_equal(sigaction(SIGSEGV, &action, &old), 0);
	assert_int_equal(mprotect(scan.page, scan.page_bytes, PROT_NONE), 0);
	assert_true(gc_mark_chunk(f.gc, g) > 0);
	assert_int_equal(sigaction(SIGSEGV, &old, NULL), 0);
	assert_int_equal(scan.n_met, 1);
	assert_int_equal(scan.n_open, n_open);
	assert_true(load_relaxed(&f.gc->mark.n_open) < n_open);
	while (gc_mark_chunk(f.gc, g))
		;
	assert_true(gc_mark_is_done(f.gc));
	end(&f);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_round_waits),
		cmocka_unit_test(test_cycle_at_start),
		cmocka_unit_test(test_open_until_scanned),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
