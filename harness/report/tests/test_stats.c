/* SPDX-License-Identifier: MIT */
/* test_stats.c - the statistics against published tables, enumeration and simulation. */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "report/stats.h"

#define ALPHA 0.05
#define POWER 0.8
#ifdef RECLAIMBENCH_SANITIZED
#define N_PAIRS 1000
#define N_FAMILIES 200
#else
#define N_PAIRS 10000
#define N_FAMILIES 1000
#endif
#define N_METRICS 20
#define MAX_N 32

static double uniform(uint64_t *random)
{
	return ((double)(stats_random(random) >> 11) + 0.5) / 9007199254740992.0;
}

/* Box and Muller. */
static double normal(uint64_t *random)
{
	return sqrt(-2 * log(uniform(random))) * cos(2 * acos(-1) * uniform(random));
}

enum shape { SHAPE_NORMAL, SHAPE_LOGNORMAL, SHAPE_TIES, N_SHAPES };

static void draw(struct stats_obs *x, size_t n, enum shape shape, double shift, uint64_t *random)
{
	for (size_t i = 0; i < n; i++) {
		const double z = normal(random) + shift;

		x[i].is_bound = false;
		x[i].value = shape == SHAPE_LOGNORMAL ? 100 * exp(z)
			     : shape == SHAPE_TIES    ? round(z)
						      : 100 + z;
	}
	stats_sort(x, n);
}

static double p_of(const struct stats_obs *a, size_t na, const struct stats_obs *b, size_t nb)
{
	struct stats_test test;

	assert_int_equal(stats_mann_whitney(a, na, b, nb, &test), 0);
	return test.p;
}

/* Two groups without ties whose U (pairs b > a) is u: all of b below all of a, then the largest of b
 * moved up. */
static void groups_with_u(struct stats_obs *a, size_t na, struct stats_obs *b, size_t nb, size_t u)
{
	for (size_t i = 0; i < na; i++)
		a[i] = (struct stats_obs){1000 + 10 * (double)i, false};
	for (size_t j = 0; j < nb; j++) {
		const size_t above = u >= na ? na : u; /* how many of a this one passes */

		b[nb - 1 - j] = (struct stats_obs){above ? 1000 + 10 * ((double)above - 1) + 9 -
								   0.01 * (double)j
							 : (double)(nb - j),
						   false};
		u -= above;
	}
	stats_sort(b, nb);
}

/* Critical values of U, two-sided, as in the tables of textbooks (Siegel 1956, table K; Milton 1964):
 * the largest U with p <= alpha. */
static void test_published_critical_values(void **state)
{
	static const struct {
		size_t na, nb, u;
		double alpha;
	} rows[] = {
		{4, 4, 0, 0.05},    {3, 5, 0, 0.05},	{3, 8, 2, 0.05},    {4, 6, 2, 0.05},
		{4, 8, 4, 0.05},    {5, 5, 2, 0.05},	{5, 6, 3, 0.05},    {5, 7, 5, 0.05},
		{5, 8, 6, 0.05},    {5, 9, 7, 0.05},	{5, 10, 8, 0.05},   {6, 6, 5, 0.05},
		{6, 8, 8, 0.05},    {6, 10, 11, 0.05},	{7, 7, 8, 0.05},    {7, 10, 14, 0.05},
		{8, 8, 13, 0.05},   {8, 10, 17, 0.05},	{9, 9, 17, 0.05},   {9, 10, 20, 0.05},
		{10, 10, 23, 0.05}, {12, 12, 37, 0.05}, {15, 15, 64, 0.05}, {20, 20, 127, 0.05},
		{5, 5, 0, 0.01},    {6, 6, 2, 0.01},	{7, 7, 4, 0.01},    {8, 8, 7, 0.01},
		{9, 9, 11, 0.01},   {10, 10, 16, 0.01}, {15, 15, 51, 0.01}, {20, 20, 105, 0.01},
	};
	struct stats_obs a[MAX_N], b[MAX_N];
	struct stats_test test;

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		for (size_t above = 0; above < 2; above++) {
			const size_t u = rows[i].u + above;

			groups_with_u(a, rows[i].na, b, rows[i].nb, u);
			assert_int_equal(stats_mann_whitney(a, rows[i].na, b, rows[i].nb, &test),
					 0);
			assert_true(test.is_exact);
			assert_true(test.u == (double)u);
			if (above ? test.p <= rows[i].alpha : test.p > rows[i].alpha)
				fail_msg("n %zu, %zu, U %zu: p %g, alpha %g", rows[i].na,
					 rows[i].nb, u, test.p, rows[i].alpha);
		}
	}
}

/* MEASURING section 5. */
static void test_smallest_p(void **state)
{
	static const struct {
		size_t n;
		double p, within;
	} rows[] = {{3, 0.10, 1e-9},
		    {4, 0.029, 5e-4},
		    {5, 0.0079, 5e-5},
		    {8, 1.6e-4, 5e-6},
		    {10, 1.1e-5, 5e-7}};
	struct stats_obs a[MAX_N], b[MAX_N];

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		const size_t n = rows[i].n;

		groups_with_u(a, n, b, n, 0);
		assert_true(fabs(p_of(a, n, b, n) - rows[i].p) <= rows[i].within);
		assert_true(fabs(stats_min_p(n, n) / p_of(a, n, b, n) - 1) < 1e-9);
		groups_with_u(a, n, b, n, n * n);
		assert_true(fabs(stats_min_p(n, n) / p_of(a, n, b, n) - 1) < 1e-9);
	}
	assert_true(stats_min_p(1, 1) == 1);
	assert_true(stats_min_p(0, 5) == 1);
}

/* +1: b surely larger; -1: surely smaller; 0: equal or open. */
static int pair_order(struct stats_obs a, struct stats_obs b)
{
	if (a.is_bound && b.is_bound)
		return 0;
	if (a.is_bound)
		return b.value <= a.value ? -1 : 0;
	if (b.is_bound)
		return a.value <= b.value ? 1 : 0;
	return b.value > a.value ? 1 : b.value < a.value ? -1 : 0;
}

static int pair_sum(const struct stats_obs *all, size_t n, uint32_t in_b)
{
	int sum = 0;

	for (size_t i = 0; i < n; i++) {
		for (size_t j = 0; j < n; j++) {
			if (!(in_b >> i & 1) && in_b >> j & 1)
				sum += pair_order(all[i], all[j]);
		}
	}
	return sum;
}

/* Every relabelling, counted one by one, with ties and bounds. */
static void test_against_enumeration(void **state)
{
	uint64_t random = 1;

	(void)state;
	for (int round = 0; round < 60; round++) {
		const size_t na = 2 + stats_random_below(&random, 4);
		const size_t nb = 2 + stats_random_below(&random, 4);
		struct stats_obs all[16] = {{0}}, a[8], b[8];
		struct stats_test test;
		double n_all = 0, n_beyond = 0;

		for (size_t i = 0; i < na + nb; i++)
			all[i] = (struct stats_obs){stats_random_below(&random, 6),
						    round % 2 && !stats_random_below(&random, 3)};
		memcpy(a, all, na * sizeof(*a));
		memcpy(b, all + na, nb * sizeof(*b));
		stats_sort(a, na);
		stats_sort(b, nb);
		const uint32_t labels = ((1u << nb) - 1) << na;
		const int observed = pair_sum(all, na + nb, labels);

		for (uint32_t in_b = 0; in_b < 1u << (na + nb); in_b++) {
			if (__builtin_popcount(in_b) != (int)nb)
				continue;
			n_all++;
			n_beyond += abs(pair_sum(all, na + nb, in_b)) >= abs(observed);
		}
		assert_int_equal(stats_mann_whitney(a, na, b, nb, &test), 0);
		assert_true(fabs(test.p - n_beyond / n_all) < 1e-12);
		assert_true(fabs(test.cliff_delta - observed / (double)(na * nb)) < 1e-12);
		assert_true(fabs(test.u - ((double)(na * nb) + observed) / 2) < 1e-12);
	}
}

/* The textbook formula without ties, with the correction for continuity. */
static double p_by_formula(double n, double u)
{
	const double sd = sqrt(n * n * (2 * n + 1) / 12);
	const double z = (fabs(u - n * n / 2) - 0.5) / sd;

	return z <= 0 ? 1 : erfc(z / sqrt(2));
}

/* At the size where the method changes, the formula is within 0.003 of the exact p (the worst is
 * near p = 0.3); beyond it, p is the
 * formula's. */
static void test_normal_approximation(void **state)
{
	struct stats_obs a[MAX_N], b[MAX_N];
	struct stats_test test;
	double worst = 0;

	(void)state;
	for (size_t u = 0; u <= 900; u += 5) {
		groups_with_u(a, 30, b, 30, u);
		assert_int_equal(stats_mann_whitney(a, 30, b, 30, &test), 0);
		assert_true(test.is_exact);
		worst = fmax(worst, fabs(test.p - p_by_formula(30, (double)u)));
	}
	print_message("largest error at 30 a side: %.5f\n", worst);
	assert_true(worst < 0.003);
	for (size_t u = 0; u <= 31 * 31; u += 5) {
		groups_with_u(a, 31, b, 31, u);
		assert_int_equal(stats_mann_whitney(a, 31, b, 31, &test), 0);
		assert_false(test.is_exact);
		assert_true(fabs(test.p - p_by_formula(31, (double)u)) < 1e-12);
	}
	/* All equal: nothing can be told. */
	for (size_t i = 0; i < 31; i++)
		a[i] = b[i] = (struct stats_obs){1, false};
	assert_true(p_of(a, 31, b, 31) == 1 && p_of(a, 5, b, 5) == 1);
}

static void test_median(void **state)
{
	struct stats_obs x[4] = {{3, false}, {1, false}, {2, true}, {9, false}};

	(void)state;
	assert_true(isnan(stats_median(x, 0).value));
	stats_sort(x, 4);
	assert_true(x[1].value == 2 && x[3].value == 9);
	assert_true(stats_median(x, 4).value == 2.5 && stats_median(x, 4).is_bound);
	assert_true(stats_median(x, 1).value == 1 && !stats_median(x, 1).is_bound);
	x[1].is_bound = false;
	x[3].is_bound = true; /* a bound above the middle leaves the median known */
	assert_true(stats_median(x, 3).value == 2);
	assert_true(stats_median(x, 4).value == 2.5 && !stats_median(x, 4).is_bound);
}

static int compare_doubles(const void *x, const void *y)
{
	return *(const double *)x < *(const double *)y ? -1
						       : *(const double *)x > *(const double *)y;
}

static void test_hodges_lehmann(void **state)
{
	uint64_t random = 3;

	(void)state;
	for (int round = 0; round < 200; round++) {
		const size_t na = 1 + stats_random_below(&random, 9);
		const size_t nb = 1 + stats_random_below(&random, 9);
		struct stats_obs a[MAX_N], b[MAX_N];
		double differences[100];
		size_t n = 0;

		draw(a, na, round % N_SHAPES, 0, &random);
		draw(b, nb, round % N_SHAPES, round % 5 - 2, &random);
		for (size_t i = 0; i < na; i++) {
			for (size_t j = 0; j < nb; j++)
				differences[n++] = b[j].value - a[i].value;
		}
		qsort(differences, n, sizeof(*differences), compare_doubles);
		const double median = (differences[(n - 1) / 2] + differences[n / 2]) / 2;

		assert_true(stats_hodges_lehmann(a, na, b, nb) == median);
	}
	assert_true(isnan(stats_hodges_lehmann(NULL, 0, NULL, 0)));
}

static void test_holm(void **state)
{
	/* Holm 1979's steps by hand: 4 * .005, 3 * .01, 2 * .03, then never less. */
	const double p[] = {0.01, 0.04, 0.03, 0.005};
	const double want[] = {0.03, 0.06, 0.06, 0.02};
	double got[4];

	(void)state;
	assert_int_equal(stats_holm(p, got, 4), 0);
	for (int i = 0; i < 4; i++)
		assert_true(fabs(got[i] - want[i]) < 1e-15);
	const double large[] = {0.9, 0.8};

	assert_int_equal(stats_holm(large, got, 2), 0);
	assert_true(got[0] == 1 && got[1] == 1);
	assert_int_equal(stats_holm(NULL, NULL, 0), 0);
}

static void test_detectable(void **state)
{
	(void)state;
	assert_true(fabs(stats_normal_quantile(0.975) - 1.959963985) < 1e-8);
	assert_true(fabs(stats_normal_quantile(0.8) - 0.841621234) < 1e-8);
	/* MEASURING section 5. */
	assert_true(fabs(stats_detectable_sd(5, 5, ALPHA, POWER) - 1.81) < 0.005);
	assert_true(fabs(stats_detectable_sd(10, 10, ALPHA, POWER) - 1.28) < 0.005);
	assert_true(fabs(stats_detectable_sd(20, 20, ALPHA, POWER) - 0.91) < 0.005);
	assert_true(isinf(stats_detectable_sd(0, 5, ALPHA, POWER)));
	/* What n repetitions detect needs n repetitions. */
	for (size_t n = 5; n < 50; n++) {
		const double effect = stats_detectable_sd(n, n, ALPHA, POWER) * 1.0001;

		assert_int_equal(stats_reps_needed(effect, ALPHA, POWER, 1), n);
	}
	assert_int_equal(stats_reps_needed(0, ALPHA, POWER, 1), 0);
	assert_int_equal(stats_reps_needed(1e-3, ALPHA, POWER, 1), 0);
	/* However large the effect: 4 a side for alpha, 7 when 40 tests share it (0.00058 * 40 < alpha). */
	assert_int_equal(stats_reps_needed(INFINITY, ALPHA, POWER, 1), 4);
	assert_int_equal(stats_reps_needed(INFINITY, ALPHA, POWER, 40), 7);
}

static void test_bootstrap_bounds(void **state)
{
	struct stats_obs a[5], b[5];
	struct stats_interval i, again;

	(void)state;
	for (int k = 0; k < 5; k++) {
		a[k] = (struct stats_obs){10 + k, false};
		b[k] = (struct stats_obs){20 + 2 * k, false};
	}
	assert_int_equal(stats_bootstrap(a, 5, b, 5, STATS_RATIO, 0.95, 2000, 1, &i), 0);
	assert_true(i.low >= 20.0 / 14 && i.low < 2 && i.high > 2 && i.high <= 28.0 / 10);
	assert_int_equal(stats_bootstrap(a, 5, b, 5, STATS_RATIO, 0.95, 2000, 1, &again), 0);
	assert_memory_equal(&i, &again, sizeof(i));
	b[0].is_bound = true; /* some of the new figures may be larger: no upper end */
	assert_int_equal(stats_bootstrap(a, 5, b, 5, STATS_RATIO, 0.95, 2000, 1, &again), 0);
	assert_true(isinf(again.high) && again.low == i.low);
	b[0].is_bound = false;
	a[0].is_bound = true; /* the base may be larger: no lower end */
	assert_int_equal(stats_bootstrap(a, 5, b, 5, STATS_RATIO, 0.95, 2000, 1, &again), 0);
	assert_true(again.low == 0 && again.high == i.high);
	assert_true(stats_ratio(0, 0) == 1 && isinf(stats_ratio(1, 0)));
}

/* The interval holds the true ratio about as often as it says (the percentile bootstrap of a median is
 * known to be somewhat short). */
static void test_bootstrap_coverage(void **state)
{
	uint64_t random = 4;
	int n_inside = 0;
	const int n_rounds = 500;

	(void)state;
	for (int round = 0; round < n_rounds; round++) {
		struct stats_obs a[20], b[20];
		struct stats_interval i;

		draw(a, 20, SHAPE_NORMAL, 0, &random);
		draw(b, 20, SHAPE_NORMAL, 10, &random);
		assert_int_equal(stats_bootstrap(a, 20, b, 20, STATS_RATIO, 0.95, 200, random, &i),
				 0);
		n_inside += i.low <= 1.1 && 1.1 <= i.high;
	}
	print_message("95 %% interval, n = 20: covers in %.1f %%\n", 100.0 * n_inside / n_rounds);
	assert_in_range(n_inside, n_rounds * 90 / 100, n_rounds * 99 / 100);
}

/* Pairs of groups from one distribution.  Sizes whose attainable level (0.029, 0.032, 0.043) is far enough
 * below alpha that 10,000 pairs tell it from alpha; that no level exceeds alpha is proved, not sampled,
 * by the critical values above. */
static void test_false_alarms(void **state)
{
	static const size_t sizes[] = {4, 5, 10};
	uint64_t random = 5;

	(void)state;
	for (int shape = 0; shape < N_SHAPES; shape++) {
		for (size_t s = 0; s < sizeof(sizes) / sizeof(sizes[0]); s++) {
			struct stats_obs a[MAX_N], b[MAX_N];
			const size_t n = sizes[s];
			int n_alarms = 0;

			for (int pair = 0; pair < N_PAIRS; pair++) {
				draw(a, n, shape, 0, &random);
				draw(b, n, shape, 0, &random);
				n_alarms += p_of(a, n, b, n) < ALPHA;
			}
			print_message("shape %d, n = %zu: %d false alarms in %d (%.2f %%)\n", shape,
				      n, n_alarms, N_PAIRS, 100.0 * n_alarms / N_PAIRS);
			assert_true(n_alarms <= ALPHA * N_PAIRS);
			assert_true(n_alarms > 0); /* a test that never fires proves nothing */
		}
	}
}

/* Families of 20 metrics: any alarm at all counts. */
static void test_false_alarms_holm(void **state)
{
	uint64_t random = 6;
	int n_alarmed = 0;
	int n_alarmed_plain = 0;

	(void)state;
	for (int family = 0; family < N_FAMILIES; family++) {
		double p[N_METRICS], adjusted[N_METRICS];
		bool any = false, any_plain = false;

		for (int m = 0; m < N_METRICS; m++) {
			struct stats_obs a[10], b[10];

			draw(a, 10, m % N_SHAPES, 0, &random);
			draw(b, 10, m % N_SHAPES, 0, &random);
			p[m] = p_of(a, 10, b, 10);
		}
		assert_int_equal(stats_holm(p, adjusted, N_METRICS), 0);
		for (int m = 0; m < N_METRICS; m++) {
			any |= adjusted[m] < ALPHA;
			any_plain |= p[m] < ALPHA;
		}
		n_alarmed += any;
		n_alarmed_plain += any_plain;
	}
	print_message("20 metrics: %d of %d families alarmed with Holm, %d without\n", n_alarmed,
		      N_FAMILIES, n_alarmed_plain);
	assert_true(n_alarmed <= ALPHA * N_FAMILIES);
	assert_true(n_alarmed_plain > 0.3 * N_FAMILIES); /* Holm is what prevents it */
}

/* A shift of twice what is detectable, in at least 80 %: interval and p together, as compare decides. */
static void test_power(void **state)
{
	static const size_t sizes[] = {5, 10, 20};
	uint64_t random = 7;

	(void)state;
	for (size_t s = 0; s < sizeof(sizes) / sizeof(sizes[0]); s++) {
		const size_t n = sizes[s];
		const double shift = 2 * stats_detectable_sd(n, n, ALPHA, POWER);
		const int n_rounds = 1000;
		int n_found = 0;

		for (int round = 0; round < n_rounds; round++) {
			struct stats_obs a[MAX_N], b[MAX_N];
			struct stats_interval i;

			draw(a, n, SHAPE_NORMAL, 0, &random);
			draw(b, n, SHAPE_NORMAL, shift, &random);
			assert_int_equal(stats_bootstrap(a, n, b, n, STATS_RATIO, 1 - ALPHA, 200,
							 random, &i),
					 0);
			n_found += p_of(a, n, b, n) < ALPHA && i.low > 1;
		}
		print_message("n = %zu, shift %.2f sd: found in %.1f %%\n", n, shift,
			      100.0 * n_found / n_rounds);
		assert_true(n_found >= POWER * n_rounds);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_published_critical_values),
		cmocka_unit_test(test_smallest_p),
		cmocka_unit_test(test_against_enumeration),
		cmocka_unit_test(test_normal_approximation),
		cmocka_unit_test(test_median),
		cmocka_unit_test(test_hodges_lehmann),
		cmocka_unit_test(test_holm),
		cmocka_unit_test(test_detectable),
		cmocka_unit_test(test_bootstrap_bounds),
		cmocka_unit_test(test_bootstrap_coverage),
		cmocka_unit_test(test_false_alarms),
		cmocka_unit_test(test_false_alarms_holm),
		cmocka_unit_test(test_power),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
