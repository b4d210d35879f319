/* SPDX-License-Identifier: MIT */
/* test_gc_pacer.c - the pacer against values worked out by hand from Go 1.19.8's formulas, and the ring of
 * cycles against a made-up history. */
#include <math.h>

#include "gc_test.h"

#define MB UINT64_C(1048576)

/* As if a cycle had just marked so much. */
static void marked(struct gc_pacer *p, uint64_t marked_bytes, uint64_t scan_bytes)
{
	store_relaxed(&p->scan_work_bytes, (int64_t)scan_bytes);
	gc_pacer_reset_live(p, marked_bytes);
	gc_pacer_commit(p, true);
}

static void test_minimum(void **state)
{
	struct gc_pacer p;

	(void)state;
	/* Nothing marked: goal 4 MB * GOGC/100; with no runway the trigger is 61/64 of the way. */
	gc_pacer_init(&p, 100, 0.25, 2, 0, 0);
	assert_int_equal(gc_pacer_goal(&p), 4194304);
	assert_int_equal(gc_pacer_trigger(&p), 3997696);
	gc_pacer_init(&p, 25, 0.25, 2, 0, 0);
	assert_int_equal(gc_pacer_goal(&p), 1048576);
	gc_pacer_init(&p, 400, 0.25, 2, 0, 0);
	assert_int_equal(gc_pacer_goal(&p), 16777216);
	gc_pacer_init(&p, GC_GOGC_OFF, 0.25, 2, 0, 0);
	assert_true(load_relaxed(&p.trigger_bytes) == UINT64_MAX);
}

static void test_goal(void **state)
{
	struct gc_pacer p;

	(void)state;
	gc_pacer_init(&p, 100, 0.25, 2, 0, 0);
	marked(&p, 10 * MB, 0);
	assert_int_equal(gc_pacer_goal(&p), 20971520);
	/* 10 MB / 64 * 61 + 10 MB; goal - 4 MB is less. */
	assert_int_equal(gc_pacer_trigger(&p), 20480000);
	marked(&p, 1024 * MB, 0);
	assert_int_equal(gc_pacer_goal(&p), 2147483648);
	/* Large heaps: at most the smallest heap below the goal. */
	assert_int_equal(gc_pacer_trigger(&p), 2143289344);
	/* marked + (marked + stacks + globals) * GOGC/100 */
	gc_pacer_init(&p, 50, 0.25, 2, MB, 2 * MB);
	marked(&p, 10 * MB, 0);
	assert_int_equal(gc_pacer_goal(&p), 17301504);
	/* Sweeping needs room: at least 1 MB above what is live now. */
	gc_pacer_init(&p, 1, 0.25, 2, 0, 0);
	store_relaxed(&p.scan_work_bytes, 0);
	gc_pacer_reset_live(&p, 10 * MB);
	gc_pacer_commit(&p, false);
	assert_int_equal(gc_pacer_goal(&p), 11 * MB);
	assert_int_equal(gc_pacer_trigger(&p), 11 * MB);
}

static void test_runway(void **state)
{
	struct gc_pacer p;

	(void)state;
	gc_pacer_init(&p, 100, 0.25, 2, 0, 0);
	p.cons_mark = 1;
	/* Runway = 1 * 0.75/0.25 * scan work: 1.5 MB below the goal. */
	marked(&p, 10 * MB, MB / 2);
	assert_int_equal(gc_pacer_trigger(&p), 19398656);
	/* 3 MB would be below 45/64 of the way. */
	marked(&p, 10 * MB, MB);
	assert_int_equal(gc_pacer_trigger(&p), 17858560);
	/* A controller below zero: Go's conversion makes it huge, the lower bound again. */
	p.cons_mark = -1;
	marked(&p, 10 * MB, MB);
	assert_int_equal(gc_pacer_trigger(&p), 17858560);
}

/* Dedicated ones, then what is left, then none; together what the share says, where rounding leaves no more than it. */
static void check_marker_shares(const struct gc_pacer *p, double total)
{
	double sum = 0;

	assert_true(gc_pacer_marker_share(p, 0) > 0);
	for (unsigned i = 0; i < 16; i++) {
		const double share = gc_pacer_marker_share(p, i);

		assert_true(share == 1 || i >= p->n_dedicated);
		assert_true(share == 0 || i <= p->n_dedicated);
		sum += share;
	}
	assert_true(fabs(sum - total) < 1e-12);
}

static void test_workers(void **state)
{
	static const struct {
		unsigned n_procs, n_dedicated;
		double fractional;
	} expected[] = {{1, 0, 0.25}, {2, 0, 0.25},    {3, 0, 0.25},
			{4, 1, 0},    {6, 1, 0.5 / 6}, {8, 2, 0}};
	struct gc_pacer p;

	(void)state;
	for (size_t i = 0; i < sizeof(expected) / sizeof(expected[0]); i++) {
		gc_pacer_init(&p, 100, 0.25, expected[i].n_procs, 0, 0);
		gc_pacer_start_cycle(&p, 1);
		assert_int_equal(p.n_dedicated, expected[i].n_dedicated);
		assert_true(fabs(p.fractional_share - expected[i].fractional) < 1e-12);
		check_marker_shares(&p, expected[i].n_procs * 0.25);
	}
}

static void test_assist_ratio(void **state)
{
	struct gc_pacer p;

	(void)state;
	gc_pacer_init(&p, 100, 0.25, 2, 0, 0);
	marked(&p, 10 * MB, MB);
	store_relaxed(&p.live_bytes, 19 * MB);
	gc_pacer_start_cycle(&p, 1);
	/* 1 MB to scan in the 1 MB left to the goal. */
	assert_true(fabs(gc_pacer_work_per_byte(&p) - 1.0) < 1e-12);
	assert_true(fabs(gc_pacer_bytes_per_work(&p) - 1.0) < 1e-12);
	/* Half of it done. */
	store_relaxed(&p.scan_work_bytes, (int64_t)MB / 2);
	gc_pacer_revise(&p);
	assert_true(fabs(gc_pacer_work_per_byte(&p) - 0.5) < 1e-12);
	/* Past the goal: 10 % more, and all that could be scanned (2 MB, half a MB done). */
	store_relaxed(&p.scannable_bytes, 2 * MB);
	store_relaxed(&p.live_bytes, 22544384); /* 21.5 MB; 1.1 * 20 MB = 22 MB */
	gc_pacer_revise(&p);
	assert_true(fabs(gc_pacer_work_per_byte(&p) - 3.0) < 1e-9);
	/* More work than last time: the goal moves with the worst case, (goal - triggered) / 1 MB * 2 MB. */
	store_relaxed(&p.scan_work_bytes, (int64_t)(MB + MB / 2));
	store_relaxed(&p.live_bytes, 19 * MB);
	gc_pacer_revise(&p);
	const double goal =
		(20971520.0 - (double)p.triggered_bytes) * 2 + (double)p.triggered_bytes;
	assert_true(fabs(gc_pacer_work_per_byte(&p) - (double)(MB / 2) / (goal - 19.0 * MB)) <
		    1e-12);
}

static void test_cons_mark(void **state)
{
	struct gc_pi pi = {.kp = 0.9, .ti = 4, .tt = 1000, .min = -1000, .max = 1000};
	struct gc_pacer p;
	double out;

	(void)state;
	assert_true(gc_pi_next(&pi, 0, 1, 1, &out));
	assert_true(fabs(out - 0.9) < 1e-12);
	assert_true(gc_pi_next(&pi, 0.9, 1, 1, &out));
	assert_true(fabs(out - 0.315) < 1e-12); /* 0.9 * 0.1 + 0.225 */
	assert_true(gc_pi_next(&pi, 0, 1e9, 1, &out));
	assert_true(out == 1000); /* clamped */
	assert_false(gc_pi_next(&pi, 0, INFINITY, 1, &out));
	assert_true(pi.integral == 0);

	/* 2 MB allocated while 1 MB was scanned, a quarter of the time in the background and a quarter idle: 2 *
	 * 0.5 / 0.75, of which the controller takes 0.9. */
	gc_pacer_init(&p, 100, 0.25, 2, 0, 0);
	marked(&p, 10 * MB, MB);
	gc_pacer_start_cycle(&p, 1000);
	store_relaxed(&p.live_bytes, p.triggered_bytes + 2 * MB);
	store_relaxed(&p.scan_work_bytes, (int64_t)MB);
	store_relaxed(&p.idle_mark_ns, 500);
	gc_pacer_end_cycle(&p, 2000);
	assert_true(fabs(p.cons_mark - 0.9 * 2 * 0.5 / 0.75) < 1e-9);
}

static void test_sweep_pages(void **state)
{
	(void)state;
	/* 2,000 pages over the room to the trigger less 1 MB. */
	assert_true(fabs(gc_pacer_sweep_pages_per_byte(20480000, 10485760, 2500, 500) -
			 2000.0 / 8945664) < 1e-15);
	/* No room: a page's worth. */
	assert_true(gc_pacer_sweep_pages_per_byte(MB, MB, 10, 0) == 10.0 / 8192);
	assert_true(gc_pacer_sweep_pages_per_byte(20 * MB, MB, 10, 10) == 0);
	assert_true(gc_pacer_sweep_pages_per_byte(UINT64_MAX, MB, 10, 0) == 0);
}

/* Marking of cycle n lasts from 100n to 100n+10, its flip is at 100n+12. */
static void fill_log(struct gc_log *log, uint64_t n_cycles)
{
	for (uint64_t n = 1; n <= n_cycles; n++) {
		const struct gc_log_cycle c = {
			.mark_begin_ticks = 100 * n,
			.mark_end_ticks = 100 * n + 10,
			.flip_ticks = 100 * n + 12,
			.sweep_end_ticks = 100 * n + 20,
		};

		gc_log_add(log, &c);
	}
}

static void test_log(void **state)
{
	struct gc_log_around around;
	struct gc_log_cycle c;
	struct gc_log log;

	(void)state;
	assert_int_equal(gc_log_init(&log), 0);
	assert_false(gc_log_find(&log, 5, &around));
	fill_log(&log, 5);
	assert_int_equal(gc_log_n_cycles(&log), 5);
	assert_true(gc_log_find(&log, 50, &around)); /* before the first */
	assert_int_equal(around.number, 1);
	assert_int_equal(around.mark_begin_ticks, 0);
	assert_true(gc_log_find(&log, 305, &around)); /* inside the marking of cycle 3 */
	assert_int_equal(around.number, 4);
	assert_int_equal(around.mark_begin_ticks, 300);
	assert_int_equal(around.next_mark_begin_ticks, 400);
	assert_int_equal(around.next_mark_end_ticks, 412); /* its flip */
	assert_int_equal(around.next_flip_ticks, 412);
	assert_true(around.is_in_marking);
	assert_true(gc_log_find(&log, 311, &around)); /* the stop that ends it */
	assert_true(around.is_in_marking);
	assert_true(gc_log_find(&log, 312, &around));
	assert_false(around.is_in_marking);
	assert_false(gc_log_find(&log, 500, &around)); /* no marking after it yet */
	assert_int_equal(gc_log_n_flips(&log, 112, 312), 2);
	assert_int_equal(gc_log_n_flips(&log, 111, 312), 3);
	assert_true(gc_log_get(&log, 2, &c));
	assert_int_equal(c.flip_ticks, 212);
	assert_false(gc_log_get(&log, 6, &c));
	gc_log_fini(&log);

	assert_int_equal(gc_log_init(&log), 0);
	fill_log(&log, GC_LOG_N_CYCLES + 10);
	assert_false(gc_log_get(&log, 10, &c)); /* forgotten */
	assert_true(gc_log_get(&log, 11, &c));
	assert_int_equal(c.number, 11);
	assert_false(gc_log_find(&log, 500, &around));
	assert_true(gc_log_find(&log, 1150, &around));
	assert_int_equal(around.number, 12);
	gc_log_fini(&log);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_minimum),	     cmocka_unit_test(test_goal),
		cmocka_unit_test(test_runway),	     cmocka_unit_test(test_workers),
		cmocka_unit_test(test_assist_ratio), cmocka_unit_test(test_cons_mark),
		cmocka_unit_test(test_sweep_pages),  cmocka_unit_test(test_log),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
