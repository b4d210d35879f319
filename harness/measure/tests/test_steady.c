/* SPDX-License-Identifier: MIT */
/* test_steady.c - the rule that ends a stage: flat, rising, settling, noisy, and too short. */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "load/rng.h"
#include "measure/steady.h"

static const struct steady_rule two_percent = {0.99, 0.02};

static void test_parse(void **state)
{
	static const char *const bad[] = {"",	      "p99",	 "p99:",  "p99:0",
					  "p99:0%",   "p98:2%",	 "p9:2%", "p999x:1%",
					  "p99:200%", "p99:-1%", ":2%",	  "p99:2% "};
	struct steady_rule rule;

	(void)state;
	assert_int_equal(steady_parse("p99:2%", &rule), 0);
	assert_true(rule.q == 0.99 && fabs(rule.limit - 0.02) < 1e-12);
	assert_string_equal(steady_name(&rule), "p99");
	assert_int_equal(steady_parse("p999:0.5", &rule), 0);
	assert_true(rule.q == 0.999 && rule.limit == 0.5);
	assert_string_equal(steady_name(&rule), "p999");
	assert_int_equal(steady_parse("p50:100%", &rule), 0);
	assert_string_equal(steady_name(&rule), "p50");
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
		if (steady_parse(bad[i], &rule) == 0)
			fail_msg("\"%s\" was taken", bad[i]);
}

/* Points of 100 ms; `value(i)` is their percentile.  After how many it was steady; 0: never. */
static size_t steady_after(struct steady *s, size_t n, double (*value)(size_t i))
{
	size_t i = 0;

	assert_int_equal(steady_init(s, &two_percent, n * STEADY_POINT_NS), 0);
	while (i < n && !steady_add(s, ((double)i + 0.5) * 0.1, value(i)))
		i++;
	steady_fini(s);
	return i < n ? i + 1 : 0;
}

static double flat(size_t i)
{
	(void)i;
	return 5000;
}

/* 5 % a second, without noise. */
static double rising(size_t i)
{
	return 1000 * exp(log(1.05) * 0.1 * (double)i);
}

/* Ten times the final value at first, falling to it with a time constant of 2 s. */
static double settling(size_t i)
{
	return 1000 * (1 + 9 * exp(-0.05 * (double)i));
}

static void test_flat(void **state)
{
	struct steady s;

	(void)state;
	assert_int_equal(steady_after(&s, 100, flat), STEADY_MIN_POINTS);
	assert_true(fabs(s.change) < 1e-9 && s.error < 1e-6);
	/* One point too few: no judgement. */
	assert_int_equal(steady_after(&s, STEADY_MIN_POINTS - 1, flat), 0);
	assert_int_equal(s.n_fitted, 0);
}

static void test_rising(void **state)
{
	struct steady s;

	(void)state;
	/* Never steady; at the end 100 points are fitted, over 9.9 s: 1.05^9.9 - 1. */
	assert_int_equal(steady_after(&s, 200, rising), 0);
	assert_int_equal(s.n_fitted, 100);
	assert_true(fabs(s.span_s - 9.9) < 1e-9);
	assert_true(fabs(s.change - (pow(1.05, 9.9) - 1)) < 1e-6);
}

static void test_settling(void **state)
{
	struct steady s;
	const size_t n = steady_after(&s, 1000, settling);

	(void)state;
	/* Not before the rest of the fall, 9 exp(-0.05 i) at the middle of the half that counts, is of the size
	 * of the limit; and not for ever after. */
	assert_in_range(n, 90, 300);
	assert_true(fabs(settling(n) / 1000 - 1) < 0.02);
	assert_true(s.change < 0);
}

/* Noise of 20 % around a constant: it must be seen to be steady only when the slope is known to 2 %, which takes
 * the later half (0.2 sqrt(12) / 0.02)^2 = 1,200 points; and a trend of 2 % a second in the same noise is never. */
static void test_noisy(void **state)
{
	struct rng rng;
	struct steady s;
	size_t n = 0;

	(void)state;
	for (int trend = 0; trend < 2; trend++) {
		rng_seed(&rng, 7, 1, 1);
		assert_int_equal(steady_init(&s, &two_percent, UINT64_C(6000) * STEADY_POINT_NS),
				 0);
		bool is_steady = false;

		for (n = 0; n < 6000 && !is_steady; n++) {
			/* Sum of 12 uniform numbers, less 6: mean 0, deviation 1. */
			double z = -6;

			for (int k = 0; k < 12; k++)
				z += rng_unit(&rng);
			const double t = 0.1 * (double)n;

			is_steady = steady_add(&s, t, exp(8 + 0.2 * z + 0.02 * trend * t));
		}
		if (trend) {
			assert_false(is_steady);
		} else {
			assert_true(is_steady);
			assert_in_range(n, 1800, 6000);
			assert_true(s.error <= 0.02 && s.error > 0.012);
		}
		steady_fini(&s);
	}
}

/* More points than the stage's length allows do no harm, nor does a percentile of 0 ns. */
static void test_bounds(void **state)
{
	struct steady s;

	(void)state;
	assert_int_equal(steady_init(&s, &two_percent, 3 * STEADY_POINT_NS), 0);
	for (int i = 0; i < 20; i++)
		assert_false(steady_add(&s, i, 0));
	assert_int_equal(s.n, 4);
	assert_true(isfinite(s.points[0].log_value));
	steady_fini(&s);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_parse),  cmocka_unit_test(test_flat),
		cmocka_unit_test(test_rising), cmocka_unit_test(test_settling),
		cmocka_unit_test(test_noisy),  cmocka_unit_test(test_bounds),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
