/* SPDX-License-Identifier: MIT */
/* test_cmd_table.c - what `reclaimbench table` prints: whose throughput, and what it says of checks. */
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "cli.h"

extern const struct cli_command cmd_table;

static const char *const header = "schema"
#define COLUMN(name) "," #name
#include "report/columns.def"
#undef COLUMN
	;

#define ROW(role, object, metric, stat, value, unit, status)                                       \
	"1,run1,b,e,c1,ebr,,steady,1,65536,50/25/"                                                 \
	"25,uniform,64,4096,empty,span,poisson,,7,0,1k,5,1000," role "," object ",,," metric       \
	"," stat "," value "," unit ",lower,10,1," status ",\n"

/* The table of a file of these rows, as printed; its exit code in *status. */
static void show(const char *rows, char *out, size_t size, int *status)
{
	char path[] = "/tmp/test_cmd_table.XXXXXX", printed[] = "/tmp/test_cmd_table.XXXXXX",
	     name[] = "table";
	char *argv[] = {name, path, NULL};
	const int in_fd = mkstemp(path), out_fd = mkstemp(printed), stdout_fd = dup(STDOUT_FILENO);

	assert_true(in_fd >= 0 && out_fd >= 0 && stdout_fd >= 0);
	assert_true(dprintf(in_fd, "%s\n%s", header + strlen("schema,"), rows) > 0);
	close(in_fd);
	fflush(stdout);
	dup2(out_fd, STDOUT_FILENO);
	*status = cmd_table.main(2, argv);
	fflush(stdout);
	dup2(stdout_fd, STDOUT_FILENO);
	close(stdout_fd);
	const ssize_t n = pread(out_fd, out, size - 1, 0);

	assert_true(n > 0);
	out[n] = '\0';
	close(out_fd);
	unlink(path);
	unlink(printed);
}

static void expect(const char *out, const char *want, int is_there)
{
	if ((strstr(out, want) != NULL) != is_there)
		fail_msg("%s'%s' in:\n%s", is_there ? "no " : "", want, out);
}

static void test_readers_are_not_repetitions(void **state)
{
	char out[4096];
	int status;

	(void)state;
	show(ROW("mutator", "all", "throughput", "rate", "1000", "ops/s", "ok")
		     ROW("reader", "all", "throughput", "rate", "3000", "ops/s", "ok"),
	     out, sizeof(out), &status);
	assert_int_equal(status, EXIT_GOOD);
	expect(out, "One repetition", 1);
	expect(out, "2.0", 0);
	expect(out, "2,0", 0);
	expect(out, "2000", 0);
}

static void test_checks_that_did_not_run(void **state)
{
	char out[4096];
	int status;

	(void)state;
	show(ROW("mutator", "all", "throughput", "rate", "1000", "ops/s", "ok")
		     ROW("process", "all", "little_ratio", "mean", "", "ratio", "not_available"),
	     out, sizeof(out), &status);
	assert_int_equal(status, EXIT_GOOD);
	expect(out, "holds in 0", 0);
	expect(out, "exact in 0", 0);
	expect(out, "Little's law:    not checked", 1);
	expect(out, "conservation:    not checked", 1);
}

static void test_bytes_count_too(void **state)
{
	char out[4096];
	int status;

	(void)state;
	show(ROW("process", "all", "conservation_error", "max", "0", "objects", "weak")
		     ROW("process", "all", "conservation_error_bytes", "max", "48", "bytes", "weak")
			     ROW("process", "all", "little_ratio", "mean", "1.001", "ratio", "ok"),
	     out, sizeof(out), &status);
	assert_int_equal(status, EXIT_CHECK_FAILED);
	expect(out, "FAILS in 1 of 1", 1);
	expect(out, "holds in 1 of 1", 1);
}

static void test_saturated_is_said(void **state)
{
	char out[4096];
	int status;

	(void)state;
	show(ROW("mutator", "all", "throughput", "rate", "700", "ops/s", "saturated"), out,
	     sizeof(out), &status);
	expect(out, "saturated", 1);
	show(ROW("mutator", "all", "throughput", "rate", "700", "ops/s", "ok"), out, sizeof(out),
	     &status);
	expect(out, "saturated", 0);
}

/* A median with bounds above it alone is known; one with a bound at or below it is a bound. */
static void test_bound_of_the_median(void **state)
{
#define LIFE(value, status)                                                                        \
	"1,run1,b,e,c1,ebr,,steady,1,65536,50/25/"                                                 \
	"25,uniform,64,4096,empty,span,poisson,,7,0,1k,5,1000,process,all,total,all,lifetime,"     \
	"p50," value ",ns,lower,10,1," status ",\n"
	char out[4096];
	int status;

	(void)state;
	show(LIFE("1000", "ok") LIFE("2000", "ok") LIFE("9000", "censored"), out, sizeof(out),
	     &status);
	expect(out, " 2.00 us", 1);
	expect(out, ">2", 0);
	show(LIFE("1000", "ok") LIFE("2000", "censored") LIFE("9000", "ok"), out, sizeof(out),
	     &status);
	expect(out, ">2.00 us", 1);
	show(LIFE("1000", "weak") LIFE("2000", "ok") LIFE("9000", "censored"), out, sizeof(out),
	     &status);
	expect(out, "~2.00 us", 1);
}

/* Lives that a neighbour's mark prolongs are no fault, but they are there. */
static void test_kept_lives_are_counted(void **state)
{
#define LAW(object, metric, value, n, reason)                                                      \
	"1,run1,b,e,c1,mark,bits=span,steady,1,65536,50/25/"                                       \
	"25,uniform,64,4096,empty,span,poisson,,7,0,1k,5,1000,collector," object ",,," metric      \
	",count," value ",objects,," n ",1,ok," reason "\n"
	static const char kept[] = "one mark for several objects: kept by a neighbour";
	char rows[2048], out[4096];
	int status;

	(void)state;
	snprintf(rows, sizeof(rows),
		 LAW("value", "law_freed_in_cycle", "0", "500", "")
			 LAW("value", "law_flips_3plus", "22641", "22855", "%s")
				 LAW("bucket", "law_flips_3plus", "9", "45", "%s")
					 LAW("array", "law_flips_3plus", "0", "1000", ""),
		 kept, kept);
	show(rows, out, sizeof(out), &status);
	assert_int_equal(status, EXIT_GOOD);
	expect(out, "no life spans", 0);
	expect(out, "22650 of 22900 lives span three ends of marking", 1);
	show(LAW("value", "law_flips_3plus", "0", "100", ""), out, sizeof(out), &status);
	assert_int_equal(status, EXIT_GOOD);
	expect(out, "no life spans three ends of marking", 1);
	show(LAW("value", "law_flips_3plus", "2", "100", "must be 0"), out, sizeof(out), &status);
	assert_int_equal(status, EXIT_CHECK_FAILED);
	expect(out, "FAILS in 1 of 1", 1);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_readers_are_not_repetitions),
		cmocka_unit_test(test_checks_that_did_not_run),
		cmocka_unit_test(test_bytes_count_too),
		cmocka_unit_test(test_saturated_is_said),
		cmocka_unit_test(test_bound_of_the_median),
		cmocka_unit_test(test_kept_lives_are_counted),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
