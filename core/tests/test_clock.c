/* SPDX-License-Identifier: MIT */
/* test_clock.c - the clock against the kernel's, both ways of reading it. */
#include <sched.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

#include "clock.h"

static uint64_t monotonic_raw_ns(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC_RAW, &ts);
	return (uint64_t)ts.tv_sec * 1000000000u + (uint64_t)ts.tv_nsec;
}

/* An interval by the clock lies between the intervals by the kernel's clock just inside and just
 * outside of it, give or take the calibration's error and what the kernel slews its clock. */
static void check_agrees(const struct clock *c)
{
	struct timespec pause = {.tv_nsec = 20000000};
	uint64_t outer_begin, inner_begin, inner_end, outer_end, begin, end, delta_ns;
	double slack = 0.002;

	outer_begin = monotonic_raw_ns();
	begin = clock_ticks(c);
	inner_begin = monotonic_raw_ns();
	clock_nanosleep(CLOCK_MONOTONIC, 0, &pause, NULL);
	inner_end = monotonic_raw_ns();
	end = clock_ticks(c);
	outer_end = monotonic_raw_ns();
	delta_ns = clock_delta_ns(c, begin, end);
	assert_true((double)delta_ns >= (double)(inner_end - inner_begin) * (1 - slack));
	assert_true((double)delta_ns <= (double)(outer_end - outer_begin) * (1 + slack));
}

static void check_clock(const struct clock *c)
{
	uint64_t last = clock_ticks(c), now;
	int i;

	for (i = 0; i < 10000; i++) {
		now = clock_ticks(c);
		/* on one core and between cores: not further back than was seen at the start */
		assert_true((int64_t)(now - last) >= -c->skew_ticks);
		last = now;
	}
	check_agrees(c);
	assert_true(c->read_cost_ns > 0);
	assert_true(c->skew_ticks >= 0);
	assert_int_equal(clock_delta_ns(c, 2000, 1000), 0);
	assert_int_equal(clock_delta_ns(c, 1000, 1000), 0);
	/* There and back, within a tick and its rounding. */
	assert_in_range(clock_delta_ns(c, 0, clock_ns_to_ticks(c, 1000000)), 999989, 1000000);
}

static void test_default(void **state)
{
	struct clock c;

	(void)state;
	clock_init(&c, false);
	assert_string_equal(c.name, c.is_tsc ? "tsc" : "clock_gettime");
	check_clock(&c);
}

static void test_gettime(void **state)
{
	struct clock c;

	(void)state;
	clock_init(&c, true);
	assert_false(c.is_tsc);
	assert_true(c.ns_per_tick == 1.0);
	assert_string_equal(c.name, "clock_gettime");
	check_clock(&c);
}

static void test_affinity_restored(void **state)
{
	cpu_set_t before, after;
	struct clock c;

	(void)state;
	assert_int_equal(sched_getaffinity(0, sizeof(before), &before), 0);
	clock_init(&c, false);
	assert_int_equal(sched_getaffinity(0, sizeof(after), &after), 0);
	assert_true(CPU_EQUAL(&before, &after));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_default),
		cmocka_unit_test(test_gettime),
		cmocka_unit_test(test_affinity_restored),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
