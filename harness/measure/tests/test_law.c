/* SPDX-License-Identifier: MIT */
/* test_law.c - the per-event law on cycles written by hand, on fair samples, and on lives that break it. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "measure/law.h"

#define assert_near(a, b, tolerance) assert_true(fabs((a) - (b)) <= (tolerance))

enum { PERIOD = 1000, MARK = 100, FLIP = 120, SWEEP = 150 };

/* Cycle i begins to mark at 1000 i, has marked at + 100, flips at + 120 and has swept at + 150. */
static void fill_log(struct gc_log *log, uint64_t n_cycles)
{
	assert_int_equal(gc_log_init(log), 0);
	for (uint64_t i = 1; i <= n_cycles; i++) {
		const uint64_t begin = i * PERIOD;
		const struct gc_log_cycle c = {.begin_ticks = begin - 2,
					       .stop1_ticks = begin - 1,
					       .mark_begin_ticks = begin,
					       .mark_end_ticks = begin + MARK,
					       .flip_ticks = begin + FLIP,
					       .resume_ticks = begin + FLIP + 1,
					       .sweep_end_ticks = begin + SWEEP,
					       .interval_ns = PERIOD};

		gc_log_add(log, &c);
	}
}

/* Deaths by hand: U = (next beginning - death) / 1000. */
static void test_place(void **state)
{
	struct law_place p;
	struct gc_log log;

	(void)state;
	fill_log(&log, 5);
	assert_true(law_place(&log, 2500, 3130, &p)); /* outside marking: found by cycle 3 */
	assert_true(p.has_u);
	assert_near(p.u, 0.5, 1e-12);
	assert_false(p.is_in_mark);
	assert_int_equal(p.n_flips, 1);
	assert_int_equal(p.mark_begin_ticks, 2000);
	/* L = 1110, m = 120, s = 10: (1110 - 120 - 10) / 1000. */
	assert_true(
		law_place(&log, 2020, 3130, &p)); /* in the marking of cycle 2: lives through it */
	assert_near(p.u, 0.98, 1e-12);
	assert_true(p.is_in_mark);
	assert_int_equal(p.n_flips, 2);
	assert_true(law_place(&log, 2119, 3130, &p)); /* the second stop still belongs to it */
	assert_true(p.is_in_mark);
	assert_true(law_place(&log, 2120, 3130, &p));
	assert_false(p.is_in_mark);
	assert_true(law_place(&log, 300, 1130, &p)); /* no marking before: no U */
	assert_false(p.has_u);
	assert_int_equal(p.n_flips, 1);
	gc_log_fini(&log);
}

/* The last cycle has no marking after it, and must not hide what it freed too early. */
static void test_place_at_the_end(void **state)
{
	struct law_place p;
	struct gc_log log;

	(void)state;
	fill_log(&log, 5);
	assert_true(law_place(&log, 5050, 5130, &p));
	assert_true(p.is_in_mark);
	assert_false(p.has_u);
	assert_int_equal(p.n_flips, 1);
	assert_true(law_place(&log, 5500, 5600, &p));
	assert_false(p.is_in_mark);
	assert_int_equal(p.n_flips, 0);
	gc_log_fini(&log);
	fill_log(&log, GC_LOG_N_CYCLES + 10);
	assert_false(law_place(&log, 1500, 2130, &p)); /* forgotten */
	gc_log_fini(&log);
	assert_int_equal(gc_log_init(&log), 0);
	assert_true(law_place(&log, 1500, 2130, &p)); /* no cycle yet */
	assert_int_equal(p.n_flips, 0);
	gc_log_fini(&log);
}

static void test_ks(void **state)
{
	static const double four[] = {0.125, 0.375, 0.625, 0.875}, two[] = {0.5, 0.9};
	static const double three[] = {0.25, 0.5, 1.0}, weight[] = {1, 1, 2};
	static const double wrong[] = {1, 1, 1};

	(void)state;
	assert_near(law_ks(four, NULL, 4), 0.125, 1e-12);
	assert_near(law_ks(two, NULL, 2), 0.5, 1e-12);	   /* nothing below 0.5 */
	assert_near(law_ks(three, weight, 3), 0.5, 1e-12); /* just before 1.0: 1.0 - 2/4 */
	assert_near(law_ks(three, wrong, 3), 1.0 / 3, 1e-12);
	assert_true(isnan(law_ks(four, NULL, 0)));
}

static struct law_log *log_new(void)
{
	struct law_log *l = calloc(1, sizeof(*l));

	assert_non_null(l);
	rng_seed(&l->rng, 1, 1, 1);
	return l;
}

static void observe(struct law_log *l, enum obj_class class, uint64_t dead, uint64_t freed)
{
	const struct heap_stamps s = {.dead_ticks = dead | 1, .retired_ticks = dead};

	law_observe(l, class, &s, freed, freed);
}

static struct law_summary summarise(struct law_log *l, const struct gc_log *log,
				    uint64_t begin_ticks)
{
	const struct law law = {.logs = l};
	struct law_sample sample;
	struct law_summary s;

	assert_int_equal(law_take(&law, &sample), 0);
	assert_int_equal(law_summarise(&s, &sample, log, OBJ_VALUE, begin_ticks), 0);
	law_sample_fini(&sample);
	return s;
}

/* A death each 7 ticks, freed as a right collector does: 20 ticks after the flip of the first cycle whose
 * marking begins after it; `early`: also deaths in marking are freed by that marking's own flip. */
static void collect(struct law_log *l, bool early)
{
	for (uint64_t dead = 1000; dead < 9000; dead += 7) {
		uint64_t cycle = dead / PERIOD + 1;

		if (early && dead % PERIOD < FLIP)
			cycle--;
		observe(l, OBJ_VALUE, dead, cycle * PERIOD + FLIP + 20);
	}
}

static void test_a_right_collector(void **state)
{
	struct law_log *l = log_new();
	struct law_summary s;
	struct gc_log log;

	(void)state;
	fill_log(&log, 12);
	collect(l, false);
	observe(l, OBJ_GARBAGE, 1500, 1501); /* garbage has no life after death */
	s = summarise(l, &log, 0);
	assert_int_equal(s.n, 1143);
	assert_int_equal(s.n_u, 1143);
	assert_true(s.ks < 0.01);
	assert_int_equal(s.n_freed_in_cycle, 0);
	assert_near((double)s.n_in_mark, 1143 * 0.12, 3);
	assert_int_equal(s.n_flips[2], s.n_in_mark);
	assert_int_equal(s.n_flips[1], s.n - s.n_in_mark);
	assert_int_equal(s.n_flips[0] + s.n_flips[3], 0);
	assert_int_equal(s.n_late, 0);
	assert_int_equal(law_n_bad(&s, &log), 0);
	/* Deaths of cycles that began before the stage have no say in the distance. */
	s = summarise(l, &log, 5000);
	assert_int_equal(s.n, 1143);
	assert_near((double)s.n_u, 4000.0 / 7, 1);
	gc_log_fini(&log);
	free(l);
}

/* Each of the three must show: freed by the marking it died in; kept a cycle too long; stamps that are late. */
static void test_wrong_collectors(void **state)
{
	struct law_log *l = log_new();
	struct law_summary s;
	struct gc_log log;

	(void)state;
	fill_log(&log, 12);
	collect(l, true);
	s = summarise(l, &log, 0);
	assert_true(s.n_in_mark > 100);
	assert_int_equal(s.n_freed_in_cycle, s.n_in_mark);
	assert_int_equal(s.n_flips[2], 0);
	assert_int_equal(law_n_bad(&s, &log), s.n_in_mark);

	l->n = l->n_seen = 0;
	observe(l, OBJ_VALUE, 2050, 4130);
	s = summarise(l, &log, 0);
	assert_int_equal(s.n_flips[3], 1);
	assert_int_equal(law_n_bad(&s, &log), 1);
	log.has_shared_bits = true; /* a neighbour may have kept it */
	assert_int_equal(law_n_bad(&s, &log), 0);
	log.has_shared_bits = false;

	l->n = l->n_seen = 0;
	observe(l, OBJ_VALUE, 1990, 3130); /* just before a marking, and not freed by it */
	s = summarise(l, &log, 0);
	assert_int_equal(s.n_late, 1);

	l->n = l->n_seen = 0;
	for (uint64_t dead = 1000; dead < 9000;
	     dead += 7) /* every stamp in the cycle's second half */
		observe(l, OBJ_VALUE, dead / PERIOD * PERIOD + 500 + dead % PERIOD / 2,
			(dead / PERIOD + 1) * PERIOD + FLIP + 20);
	s = summarise(l, &log, 0);
	assert_near(s.ks, 0.5, 0.01);
	gc_log_fini(&log);
	free(l);
}

/* More than a log holds: all are counted, those kept are spread evenly over all that came. */
static void test_fair_sample(void **state)
{
	const uint64_t n = 8 * LAW_LOG_EVENTS;
	struct law_log *l = log_new();
	const struct law law = {.logs = l};
	struct law_sample sample;
	double mean = 0;

	(void)state;
	for (uint64_t i = 0; i < n; i++)
		observe(l, OBJ_VALUE, 1 + i, 2 + i);
	assert_int_equal(law_take(&law, &sample), 0);
	assert_int_equal(sample.n, LAW_LOG_EVENTS);
	assert_int_equal(sample.n_seen, n);
	for (size_t i = 0; i < sample.n; i++) {
		assert_near(sample.events[i].weight, 8, 1e-12);
		mean += (double)sample.events[i].dead_ticks / (double)n / (double)sample.n;
	}
	assert_near(mean, 0.5, 0.015); /* six standard deviations */
	law_sample_fini(&sample);
	free(l);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_place),
		cmocka_unit_test(test_place_at_the_end),
		cmocka_unit_test(test_ks),
		cmocka_unit_test(test_a_right_collector),
		cmocka_unit_test(test_wrong_collectors),
		cmocka_unit_test(test_fair_sample),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
