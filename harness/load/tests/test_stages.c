/* SPDX-License-Identifier: MIT */
/* test_stages.c - the --stages syntax, good and bad. */
#include "load/stages.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#define S UINT64_C(1000000000)

static void expect_stage(const struct stage *s, const char *name, uint64_t rate, uint64_t ns)
{
	assert_string_equal(s->name, name);
	assert_int_equal(s->rate_per_s, rate);
	assert_int_equal(s->duration_ns, ns);
}

static void expect_bad(const char *text, int err, const char *a, const char *b)
{
	struct load_error error = {""};
	struct stages stages;

	assert_int_equal(stages_parse(text, &stages, &error), err);
	if (!strstr(error.text, a) || !strstr(error.text, b))
		fail_msg("\"%s\": %s", text, error.text);
}

static void test_default_stages(void **state)
{
	struct load_error error = {""};
	struct stages s;

	(void)state;
	assert_int_equal(stages_parse("1k:5s,5k:5s,10k:5s,max:5s", &s, &error), 0);
	assert_int_equal(s.n, 4);
	expect_stage(&s.stage[0], "1k", 1000, 5 * S);
	expect_stage(&s.stage[1], "5k", 5000, 5 * S);
	expect_stage(&s.stage[2], "10k", 10000, 5 * S);
	expect_stage(&s.stage[3], "max", STAGES_RATE_CLOSED, 5 * S);
	for (int i = 0; i < 4; i++) {
		assert_int_equal(s.stage[i].stall_ns, 0);
		assert_int_equal(s.stage[i].n_churn, 0);
	}
	assert_int_equal(stages_total_ns(&s), 20 * S);
}

static void test_modifiers(void **state)
{
	struct load_error error = {""};
	struct stages s;

	(void)state;
	assert_int_equal(
		stages_parse("5k:5s:stall=10ms,5k:500ms:stall=forever:churn=8,1.5k:1m:churn=3", &s,
			     &error),
		0);
	assert_int_equal(s.n, 3);
	expect_stage(&s.stage[0], "5k:stall=10ms", 5000, 5 * S);
	assert_int_equal(s.stage[0].stall_ns, 10000000);
	expect_stage(&s.stage[1], "5k:stall=forever:churn=8", 5000, S / 2);
	assert_true(s.stage[1].stall_ns == STAGES_STALL_FOREVER);
	assert_int_equal(s.stage[1].n_churn, 8);
	expect_stage(&s.stage[2], "1.5k:churn=3", 1500, 60 * S);
	assert_int_equal(s.stage[2].stall_ns, 0);
}

/* Rows of a result are told apart by the stage's name. */
static void test_equal_names_are_numbered(void **state)
{
	struct load_error error = {""};
	struct stages s;

	(void)state;
	assert_int_equal(stages_parse("5k:1s,5k:2s,5k:1s:churn=2,5k:3s,55k:1s", &s, &error), 0);
	assert_string_equal(s.stage[0].name, "5k");
	assert_string_equal(s.stage[1].name, "5k#2");
	assert_string_equal(s.stage[2].name, "5k:churn=2");
	assert_string_equal(s.stage[3].name, "5k#3");
	assert_string_equal(s.stage[4].name, "55k");
}

static void test_bad_stages_name_the_place(void **state)
{
	(void)state;
	expect_bad("", -EINVAL, "stage 1, character 1", "RATE:TIME");
	expect_bad("5k", -EINVAL, "stage 1, character 1: \"5k\"", "RATE:TIME");
	expect_bad("5k:", -EINVAL, "character 4: duration \"\"", "5s");
	expect_bad("1k:5s,", -EINVAL, "stage 2, character 7", "RATE:TIME");
	expect_bad("1k:5s,5x:5s", -EINVAL, "stage 2, character 7: rate \"5x\"", "max");
	expect_bad("1k:5s,5k:5", -EINVAL, "stage 2, character 10: duration \"5\"", "unit");
	expect_bad("1k:5s,5k:5s:foo=1", -EINVAL, "stage 2, character 13: modifier \"foo=1\"",
		   "stall=");
	expect_bad("1k:5s:stall=0ms", -EINVAL, "character 7: \"stall=0ms\"", "stall=forever");
	expect_bad("1k:5s:stall=1ms:stall=2ms", -EINVAL, "character 17", "given twice");
	expect_bad("1k:5s:churn=0", -EINVAL, "\"churn=0\"", "churn=N");
	expect_bad("1k:5s:churn=x", -EINVAL, "\"churn=x\"", "churn=N");
	expect_bad("0:5s", -ERANGE, "rate \"0\"", "out of range");
	expect_bad("2G:5s", -ERANGE, "rate \"2G\"", "1G");
	expect_bad("-5:5s", -ERANGE, "rate \"-5\"", "max");
	expect_bad("1k:0s", -ERANGE, "duration \"0s\"", "24h");
	expect_bad("1k:25h", -ERANGE, "duration \"25h\"", "24h");
	expect_bad("1k:5s:12345678901234567890123456789012345678901234567890", -EINVAL, "stage 1",
		   "longer");
	expect_bad("12345678901234567890123456789012345678901234567890:1s", -EINVAL, "stage 1",
		   "longer");
}

static void test_too_many_stages(void **state)
{
	char text[6 * (STAGES_MAX + 1) + 1];
	struct load_error error = {""};
	struct stages s;
	size_t n = 0;

	(void)state;
	for (int i = 0; i < STAGES_MAX; i++)
		n += (size_t)sprintf(text + n, "1k:1s,");
	text[n - 1] = '\0';
	assert_int_equal(stages_parse(text, &s, &error), 0);
	assert_int_equal(s.n, STAGES_MAX);
	assert_string_equal(s.stage[63].name, "1k#64");
	text[n - 1] = ',';
	strcpy(text + n, "1k:1s");
	assert_int_equal(stages_parse(text, &s, &error), -ERANGE);
	assert_non_null(strstr(error.text, "more stages than 64"));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_default_stages),
		cmocka_unit_test(test_modifiers),
		cmocka_unit_test(test_equal_names_are_numbered),
		cmocka_unit_test(test_bad_stages_name_the_place),
		cmocka_unit_test(test_too_many_stages),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
