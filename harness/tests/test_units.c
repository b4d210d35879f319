/* SPDX-License-Identifier: MIT */
/* test_units.c - numbers with units: what is read, what is refused, what is printed. */
#include <errno.h>
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "units.h"

#define UNTOUCHED UINT64_C(0x5a5a5a5a5a5a5a5a)

typedef int parse_fn(const char *text, uint64_t *out);

static void parses_as(parse_fn *parse, const char *text, uint64_t want)
{
	uint64_t got = UNTOUCHED;
	int err = parse(text, &got);

	if (err != 0 || got != want)
		fail_msg("\"%s\": error %d, value %llu, want %llu", text, err,
			 (unsigned long long)got, (unsigned long long)want);
}

static void refused_with(parse_fn *parse, const char *text, int want)
{
	uint64_t got = UNTOUCHED;
	int err = parse(text, &got);

	if (err != want)
		fail_msg("\"%s\": error %d, want %d", text, err, want);
	assert_int_equal(got, UNTOUCHED);
}

static void test_counts(void **state)
{
	(void)state;
	parses_as(units_parse_count, "0", 0);
	parses_as(units_parse_count, "1000", 1000);
	parses_as(units_parse_count, "64k", 64000);
	parses_as(units_parse_count, "4M", 4000000);
	parses_as(units_parse_count, "2G", 2000000000);
	parses_as(units_parse_count, "4Ki", 4096);
	parses_as(units_parse_count, "1Mi", 1048576);
	parses_as(units_parse_count, "1Gi", 1073741824);
	parses_as(units_parse_count, "2Ti", UINT64_C(2199023255552));
	parses_as(units_parse_count, "1.5k", 1500);
	parses_as(units_parse_count, "1.5Ki", 1536);
	parses_as(units_parse_count, "0.25Ki", 256);
	parses_as(units_parse_count, "2.0", 2);
	parses_as(units_parse_count, "2^0", 1);
	parses_as(units_parse_count, "2^16", 65536);
	parses_as(units_parse_count, "2^63", UINT64_C(1) << 63);
	parses_as(units_parse_count, "10^3", 1000);
	parses_as(units_parse_count, "1^99999999999", 1);
	parses_as(units_parse_count, "0^0", 1);
	parses_as(units_parse_count, "18446744073709551615", UINT64_MAX);
}

static void test_counts_refused(void **state)
{
	static const char *const bad[] = {"",	   " 1",      "1 ",
					  "k",	   "abc",     "1x",
					  "1K",	   "1kk",     "0x10",
					  "1e3",   "1.",      ".5",
					  "1.2.3", "inf",     "nan",
					  "+1",	   "2^",      "^2",
					  "2^x",   "2^1.5",   "2^3k",
					  "1.5",   "1.0005k", "-",
					  "-k",	   "-5x",     "99999999999999999999x",
					  "1.5^2"};

	(void)state;
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
		refused_with(units_parse_count, bad[i], -EINVAL);
	refused_with(units_parse_count, "-1", -ERANGE);
	refused_with(units_parse_count, "18446744073709551616", -ERANGE);
	refused_with(units_parse_count, "99999999999T", -ERANGE);
	refused_with(units_parse_count, "2^64", -ERANGE);
	refused_with(units_parse_count, "2^18446744073709551615", -ERANGE);
	refused_with(units_parse_count, "99999999999999999999999", -ERANGE);
	refused_with(units_parse_count, "1.00000000000000000000", -ERANGE);
}

static void test_times(void **state)
{
	(void)state;
	parses_as(units_parse_time, "0", 0);
	parses_as(units_parse_time, "10ns", 10);
	parses_as(units_parse_time, "5us", 5000);
	parses_as(units_parse_time, "1.5ms", 1500000);
	parses_as(units_parse_time, "2s", 2000000000);
	parses_as(units_parse_time, "1m", UINT64_C(60000000000));
	parses_as(units_parse_time, "1h", UINT64_C(3600000000000));
	parses_as(units_parse_time, "0s", 0);
	refused_with(units_parse_time, "10", -EINVAL);
	refused_with(units_parse_time, "1.5ns", -EINVAL);
	refused_with(units_parse_time, "5 s", -EINVAL);
	refused_with(units_parse_time, "5sec", -EINVAL);
	refused_with(units_parse_time, "", -EINVAL);
	refused_with(units_parse_time, "-1s", -ERANGE);
	refused_with(units_parse_time, "6000000h", -ERANGE);
}

static void test_rates(void **state)
{
	(void)state;
	parses_as(units_parse_rate, "max", UINT64_MAX);
	parses_as(units_parse_rate, "10k", 10000);
	refused_with(units_parse_rate, "maximum", -EINVAL);
	refused_with(units_parse_rate, "10k/s", -EINVAL);
}

static void expect_fraction(const char *text, double want)
{
	double got = -7;

	assert_int_equal(units_parse_fraction(text, &got), 0);
	assert_true(fabs(got - want) < 1e-15);
}

static void expect_no_fraction(const char *text, int want)
{
	double got = -7;

	assert_int_equal(units_parse_fraction(text, &got), want);
	assert_true(got == -7);
}

static void test_fractions(void **state)
{
	(void)state;
	expect_fraction("2%", 0.02);
	expect_fraction("0.02", 0.02);
	expect_fraction("0.5%", 0.005);
	expect_fraction("100%", 1);
	expect_fraction("0", 0);
	expect_no_fraction("2", -ERANGE);
	expect_no_fraction("101%", -ERANGE);
	expect_no_fraction("-2%", -ERANGE);
	expect_no_fraction("%", -EINVAL);
	expect_no_fraction("2%%", -EINVAL);
	expect_no_fraction("two", -EINVAL);
}

static void test_formats(void **state)
{
	char buf[32];

	(void)state;
	assert_string_equal(units_format_ns(buf, sizeof(buf), 0), "0 ns");
	assert_string_equal(units_format_ns(buf, sizeof(buf), 0.5), "0.500 ns");
	assert_string_equal(units_format_ns(buf, sizeof(buf), 7), "7 ns");
	assert_string_equal(units_format_ns(buf, sizeof(buf), 16.25), "16.2 ns");
	assert_string_equal(units_format_ns(buf, sizeof(buf), 5314), "5.31 us");
	assert_string_equal(units_format_ns(buf, sizeof(buf), 182e6), "182 ms");
	assert_string_equal(units_format_ns(buf, sizeof(buf), 999.7e3), "1.00 ms");
	assert_string_equal(units_format_ns(buf, sizeof(buf), 99.96e3), "100 us");
	assert_string_equal(units_format_ns(buf, sizeof(buf), 3600e9), "3600 s");
	assert_string_equal(units_format_ns(buf, sizeof(buf), -5314), "-5.31 us");
	assert_string_equal(units_format_ns(buf, sizeof(buf), NAN), "nan");
	assert_string_equal(units_format_bytes(buf, sizeof(buf), 64), "64 B");
	assert_string_equal(units_format_bytes(buf, sizeof(buf), 1023), "1023 B");
	assert_string_equal(units_format_bytes(buf, sizeof(buf), 1024), "1.00 KiB");
	assert_string_equal(units_format_bytes(buf, sizeof(buf), 1646264), "1.57 MiB");
	assert_string_equal(units_format_count(buf, sizeof(buf), 12), "12");
	assert_string_equal(units_format_count(buf, sizeof(buf), 12.5), "12.5");
	assert_string_equal(units_format_count(buf, sizeof(buf), 0.0123456), "0.012");
	assert_string_equal(units_format_count(buf, sizeof(buf), 0.000231), "0.000231");
	assert_string_equal(units_format_count(buf, sizeof(buf), -3.14159e-06), "-3.14e-06");
	assert_string_equal(units_format_count(buf, sizeof(buf), 0), "0");
	assert_string_equal(units_format_count(buf, sizeof(buf), 12.4e6), "12.4 M");
	assert_string_equal(units_format_count(buf, 4, 12.4e6), "12.");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_counts),	  cmocka_unit_test(test_counts_refused),
		cmocka_unit_test(test_times),	  cmocka_unit_test(test_rates),
		cmocka_unit_test(test_fractions), cmocka_unit_test(test_formats),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
