/* SPDX-License-Identifier: MIT */
/* test_km.c - Kaplan-Meier with delayed entry against examples computed by hand, and against a
 * periodic collector whose law is known. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "measure/km.h"

static const struct clock ns_clock = {.is_tsc = false, .ns_per_tick = 1, .name = "test"};

#define assert_near(a, b, tolerance) assert_true(fabs((a) - (b)) <= (tolerance))

/* Stage begins at STAGE; ages below 128 ns are exact. */
#define STAGE 1000000

struct fixture {
	struct life_recorder rec;
	struct km km;
};

static struct fixture *fixture_new(void)
{
	struct fixture *f = calloc(1, sizeof(*f));

	assert_non_null(f);
	assert_int_equal(life_recorder_init(&f->rec, &ns_clock), 0);
	life_stage_begin(&f->rec, STAGE);
	return f;
}

static void fixture_free(struct fixture *f)
{
	life_recorder_fini(&f->rec);
	free(f);
}

/* One observation: at risk from age `enter` to age `end`. */
static void observe(struct fixture *f, uint64_t enter, uint64_t end, bool is_event)
{
	const uint64_t dead = STAGE - enter;
	const struct heap_stamps s = {.dead_ticks = dead, .retired_ticks = dead};

	/* dead_ticks' lowest bit is a tag: count both table states together below. */
	if (is_event)
		life_record_free(&f->rec, OBJ_VALUE, 1, &s, dead, dead + end);
	else
		life_record_survivor(&f->rec, OBJ_VALUE, 1, &s, 0, dead + end);
}

/* The limbo phase of both states: its ages are exact, as retired_ticks carries no tag. */
static struct km *estimate(struct fixture *f)
{
	struct life_hist *sum = calloc(1, sizeof(*sum));

	life_recorder_settle(&f->rec);
	life_hist_merge(sum, &f->rec.hist[OBJ_VALUE][LIFE_STEADY][LIFE_LIMBO]);
	life_hist_merge(sum, &f->rec.hist[OBJ_VALUE][LIFE_GROWING][LIFE_LIMBO]);
	km_estimate(&f->km, sum);
	free(sum);
	return &f->km;
}

static void test_textbook(void **state)
{
	struct fixture *f = fixture_new();

	(void)state;
	/* 3, 4+, 5, 7, 8+:  S(3) = 4/5, S(5) = 4/5 * 2/3 = 8/15, S(7) = 8/15 * 1/2 = 4/15. */
	observe(f, 0, 3, true);
	observe(f, 0, 4, false);
	observe(f, 0, 5, true);
	observe(f, 0, 7, true);
	observe(f, 0, 8, false);
	struct km *km = estimate(f);

	assert_near(km->survival[2], 1, 0);
	assert_near(km->survival[3], 0.8, 1e-12);
	assert_near(km->survival[4], 0.8, 1e-12);
	assert_near(km->survival[5], 8.0 / 15, 1e-12);
	assert_near(km->survival[7], 4.0 / 15, 1e-12);
	const struct km_value median = km_quantile(km, 0.5);

	assert_near(median.value_ns, 7, 0);
	assert_int_equal(median.status, KM_WEAK); /* 3 events, 40 % censored */
	/* Greenwood: S^2 (1/(5*4) + 1/(3*2) + 1/(2*1)). */
	assert_near(median.survival_se, 4.0 / 15 * sqrt(0.05 + 1.0 / 6 + 0.5), 1e-12);
	assert_near(km_quantile(km, 0.2).value_ns, 3, 0);
	const struct km_value p90 = km_quantile(km, 0.9);

	assert_int_equal(p90.status, KM_CENSORED);
	assert_near(p90.value_ns, 8, 0);
	assert_int_equal(km_max(km).status, KM_CENSORED);
	assert_near(km_max(km).value_ns, 8, 0);
	/* Area: 3*1 + 2*0.8 + 2*8/15 + 1*4/15, restricted to 8. */
	assert_int_equal(km_mean(km).status, KM_CENSORED);
	assert_near(km_mean(km).value_ns, 3 + 1.6 + 16.0 / 15 + 4.0 / 15, 1e-9);
	assert_near(km_censored_share(km), 0.4, 1e-12);
	fixture_free(f);
}

static void test_uncensored_is_the_sample(void **state)
{
	struct fixture *f = fixture_new();

	(void)state;
	for (uint64_t v = 1; v <= 100; v++)
		observe(f, 0, v, true);
	struct km *km = estimate(f);

	assert_near(km_quantile(km, 0.5).value_ns, 50, 0);
	assert_near(km_quantile(km, 0.9).value_ns, 90, 0);
	assert_near(km_quantile(km, 0.99).value_ns, 99, 0);
	assert_near(km_max(km).value_ns, 100, 0);
	assert_near(km_mean(km).value_ns, 50.5, 1e-9);
	assert_int_equal(km_quantile(km, 0.5).status, KM_OK);
	assert_int_equal(km_quantile(km, 0.99).status, KM_WEAK); /* 100 < 368 samples */
	assert_int_equal(km_mean(km).status, KM_OK);
	fixture_free(f);
}

static void test_left_truncation(void **state)
{
	struct fixture *f = fixture_new();

	(void)state;
	/* A 0..4, B 2..6, C 5..9, D 0..7+, E 6..10.  At risk: at 4 A B D, at 6 B C D (E enters then),
	 * at 9 C E, at 10 E.  S(4) = 2/3, S(6) = 4/9, S(9) = 2/9, S(10) = 0. */
	observe(f, 0, 4, true);
	observe(f, 2, 6, true);
	observe(f, 5, 9, true);
	observe(f, 0, 7, false);
	observe(f, 6, 10, true);
	struct km *km = estimate(f);

	assert_near(km->survival[4], 2.0 / 3, 1e-12);
	assert_near(km->survival[6], 4.0 / 9, 1e-12);
	assert_near(km->survival[9], 2.0 / 9, 1e-12);
	assert_near(km->survival[10], 0, 1e-12);
	assert_near(km_quantile(km, 0.5).value_ns, 6, 0);
	assert_near(km_quantile(km, 0.9).value_ns, 10, 0);
	assert_int_equal(km->n_entered, 3);
	assert_int_equal(km->gap_bin, HIST_N_BINS);
	fixture_free(f);
}

static void test_everything_censored(void **state)
{
	struct fixture *f = fixture_new();

	(void)state;
	for (unsigned i = 0; i < 1000; i++)
		observe(f, i % 2 ? 5000 : 0, 10000 + i, false);
	struct km *km = estimate(f);

	for (unsigned i = 1; i < 100; i++) {
		assert_int_equal(km_quantile(km, i / 100.0).status, KM_CENSORED);
		assert_near(km_quantile(km, i / 100.0).value_ns, 10999, 0);
	}
	assert_int_equal(km_mean(km).status, KM_CENSORED);
	assert_near(km_censored_share(km), 1, 0);
	fixture_free(f);
}

static void test_nothing_observed(void **state)
{
	struct fixture *f = fixture_new();
	struct km *km = estimate(f);

	(void)state;
	assert_int_equal(km_quantile(km, 0.5).status, KM_NONE);
	assert_true(isnan(km_quantile(km, 0.5).value_ns));
	assert_int_equal(km_max(km).status, KM_NONE);
	assert_int_equal(km_mean(km).status, KM_NONE);
	fixture_free(f);
}

static void test_gap_in_the_risk_set(void **state)
{
	struct fixture *f = fixture_new();

	(void)state;
	/* Two that live 3 and 4, then nobody at risk until ten enter at 50 and live to 60..69.  The
	 * plain product would say that nobody outlives 4. */
	observe(f, 0, 3, true);
	observe(f, 0, 4, true);
	for (unsigned i = 0; i < 10; i++)
		observe(f, 50, 60 + i, true);
	struct km *km = estimate(f);

	assert_near(km->survival[3], 0.5, 1e-12);
	assert_near(km->survival[10], 0.5, 1e-12);
	assert_int_equal(km->gap_bin, 4);
	assert_near(km_quantile(km, 0.9).value_ns, 67, 0); /* 0.5 * 2/10 = 0.1 */
	assert_int_equal(km_quantile(km, 0.9).status, KM_WEAK);
	fixture_free(f);
}

/* One wide bin in which more die than half of those who enter it: the others, who are seen to live on, are in
 * the estimate. */
static void test_deaths_right_after_entry(void **state)
{
	struct fixture *f = fixture_new();

	(void)state;
	/* 499,712 .. 503,807 is one bin.  105 are at risk in it, 60 die. */
	for (unsigned i = 0; i < 105; i++)
		observe(f, i < 5 ? 0 : 500000, i < 60 ? 501000 + i : 700000 + i, true);
	struct km *km = estimate(f);
	const uint32_t bin = hist_bin(500000);

	assert_int_equal(hist_bin(501059), bin);
	assert_near(km->survival[bin], 45.0 / 105, 1e-12);
	assert_in_range((uint64_t)km_quantile(km, 0.5).value_ns, hist_low(bin), hist_high(bin));
	assert_in_range((uint64_t)km_quantile(km, 0.9).value_ns, 690000, 710000);
	assert_near(km->survival[HIST_N_BINS - 1], 0, 1e-12);
	fixture_free(f);
}

static void test_samples_needed(void **state)
{
	(void)state;
	assert_int_equal(km_samples_needed(0.99), 368);
	assert_int_equal(km_samples_needed(0.999), 3688);
}

/* A collector that frees everything dead once per stage, at 0.8 of it; deaths come evenly, so the truth
 * is uniform on (0, T).  Stages last T. */
#define PERIOD_NS 1000000000ull
#define N_DEATHS 20000ull
#define CYCLE_AT (PERIOD_NS * 4 / 5)

static void simulate_stage(struct life_recorder *rec, unsigned stage, bool with_delayed_entry)
{
	const uint64_t begin = stage * PERIOD_NS, end = begin + PERIOD_NS;

	life_stage_begin(rec, begin);
	for (uint64_t i = 0; i < N_DEATHS * (stage + 1); i++) {
		const uint64_t dead = i * (PERIOD_NS / N_DEATHS) & ~1ull;
		const uint64_t cycle = dead % PERIOD_NS < CYCLE_AT
					       ? dead / PERIOD_NS * PERIOD_NS + CYCLE_AT
					       : (dead / PERIOD_NS + 1) * PERIOD_NS + CYCLE_AT;
		const struct heap_stamps s = {.dead_ticks = dead, .retired_ticks = dead};

		if (cycle < begin || (dead < begin && !with_delayed_entry))
			continue;
		if (cycle < end)
			life_record_free(rec, OBJ_VALUE, 1, &s, cycle, cycle);
		else
			life_record_survivor(rec, OBJ_VALUE, 1, &s, 0, end);
	}
}

static double median_in_periods(bool with_delayed_entry, double q)
{
	struct fixture *f = fixture_new();

	simulate_stage(&f->rec, 3, with_delayed_entry);
	life_recorder_settle(&f->rec);
	km_estimate(&f->km, &f->rec.hist[OBJ_VALUE][LIFE_STEADY][LIFE_TOTAL]);
	const double value = km_quantile(&f->km, q).value_ns / (double)PERIOD_NS;

	fixture_free(f);
	return value;
}

static void test_periodic_collector(void **state)
{
	(void)state;
	/* Without those who died before the stage: sqrt(1 - 2a) up to 0.2, then (0.8 - a) / 0.6 of it. */
	const double biased = 0.8 - 0.5 * 0.6 / sqrt(0.6);

	assert_near(biased, 0.41, 0.005);
	assert_near(median_in_periods(false, 0.5), biased, 0.004);
	assert_near(median_in_periods(true, 0.5), 0.5, 0.002);
	assert_near(median_in_periods(true, 0.9), 0.9, 0.002);
	assert_near(median_in_periods(true, 0.99), 0.99, 0.002);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_textbook),
		cmocka_unit_test(test_uncensored_is_the_sample),
		cmocka_unit_test(test_left_truncation),
		cmocka_unit_test(test_everything_censored),
		cmocka_unit_test(test_nothing_observed),
		cmocka_unit_test(test_gap_in_the_risk_set),
		cmocka_unit_test(test_deaths_right_after_entry),
		cmocka_unit_test(test_samples_needed),
		cmocka_unit_test(test_periodic_collector),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
