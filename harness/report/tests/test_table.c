/* SPDX-License-Identifier: MIT */
/* test_table.c - the reader of the tidy CSV: what it accepts, refuses and reports. */
#include <errno.h>
#include <fcntl.h>
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "report/table.h"

/* Rows of the large file; 100 MB is tried by hand, this holds the chunk and table growth. */
#ifdef RECLAIMBENCH_SANITIZED
#define N_LARGE 20000
#else
#define N_LARGE 200000
#endif

struct fixture {
	char path[64];
	char error[512];
	struct table *t;
	int err;
};

static const char *const header = "schema"
#define COLUMN(name) "," #name
#include "report/columns.def"
#undef COLUMN
	;

/* The header as it stands in a file: the list begins with schema, so the first word goes. */
static const char *header_line(void)
{
	return header + strlen("schema,");
}

static void file_write(struct fixture *f, const char *bytes, size_t n)
{
	snprintf(f->path, sizeof(f->path), "/tmp/test_table.XXXXXX");
	const int fd = mkstemp(f->path);

	assert_true(fd >= 0);
	assert_int_equal(write(fd, bytes, n), n);
	close(fd);
}

static void table_from(struct fixture *f, const char *text)
{
	file_write(f, text, strlen(text));
	f->err = table_read(&f->t, f->path, f->error, sizeof(f->error));
	unlink(f->path);
}

static void fixture_done(struct fixture *f)
{
	table_free(f->t);
	f->t = NULL;
}

/* Expect that a text is refused, with a message that holds all of `line` and `want`. */
static void expect_refused(const char *text, int line, const char *want)
{
	struct fixture f = {0};
	char where[96];

	table_from(&f, text);
	assert_int_equal(f.err, -EINVAL);
	assert_null(f.t);
	snprintf(where, sizeof(where), "%s:%d: ", f.path, line);
	if (strncmp(f.error, where, strlen(where)) || !strstr(f.error, want))
		fail_msg("got '%s', want '%s...%s'", f.error, where, want);
	fixture_done(&f);
}

/* schema .. seed are 19 columns, rep 20th; then stage .. reason. */
#define FRONT "1,run1,b,e,c1,leak,,steady,1,65536,50/25/25,uniform,64,4096,empty,span,poisson,,7,"
#define BACK(value, unit, status)                                                                  \
	"0,1k,5,1000,mutator,value,total,steady,lifetime,p50," value "," unit                      \
	",lower,10,1," status ","

static void test_plain_rows(void **state)
{
	struct fixture f = {0};
	char text[4096];

	(void)state;
	snprintf(text, sizeof(text), "%s\n%s%s\n%s%s\n", header_line(), FRONT,
		 BACK("1.5e3", "ns", "ok"), FRONT, BACK("", "ns", "not_available") "no PMU");
	table_from(&f, text);
	assert_string_equal(f.error, "");
	assert_int_equal(f.err, 0);
	assert_int_equal(table_n_rows(f.t), 2);
	assert_null(table_warning(f.t, 0));
	assert_string_equal(table_text(f.t, 0, COL_strategy), "leak");
	assert_string_equal(table_text(f.t, 0, COL_options), "");
	assert_true(table_value(f.t, 0) == 1500.0);
	assert_true(table_number(f.t, 0, COL_keys) == 65536.0);
	assert_true(isnan(table_number(f.t, 0, COL_mix)));
	assert_true(isnan(table_value(f.t, 1)));
	assert_int_equal(table_status(f.t, 0), STATUS_OK);
	assert_int_equal(table_status(f.t, 1), STATUS_NOT_AVAILABLE);
	assert_string_equal(table_text(f.t, 1, COL_reason), "no PMU");
	assert_int_equal(table_line(f.t, 1), 3);
	assert_int_equal(table_id(f.t, 0, COL_metric), table_id(f.t, 1, COL_metric));
	assert_int_equal(table_id(f.t, 0, COL_metric), table_find(f.t, "lifetime"));
	assert_int_equal(table_find(f.t, "nowhere"), UINT32_MAX);
	assert_string_equal(table_string(f.t, 0), "");
	fixture_done(&f);
}

static void test_crlf_bom_quotes(void **state)
{
	struct fixture f = {0};
	char text[4096];

	(void)state;
	snprintf(text, sizeof(text),
		 "\xef\xbb\xbf%s\r\n\r\n%s%s\"said \"\"no\"\", twice\nand left\"\r\n%s%s $(x) "
		 "<script> \r\n",
		 header_line(), FRONT, BACK("1", "ns", "ok"), FRONT, BACK("2", "ns", "ok"));
	table_from(&f, text);
	assert_string_equal(f.error, "");
	assert_int_equal(table_n_rows(f.t), 2);
	assert_string_equal(table_text(f.t, 0, COL_schema), "1");
	assert_string_equal(table_text(f.t, 0, COL_reason), "said \"no\", twice\nand left");
	assert_string_equal(table_text(f.t, 1, COL_reason), " $(x) <script> ");
	assert_int_equal(table_line(f.t, 0), 3);
	assert_int_equal(table_line(f.t, 1), 5);
	assert_null(table_warning(f.t, 0));
	fixture_done(&f);
}

static void test_columns_by_name(void **state)
{
	struct fixture f = {0};
	char text[4096];

	(void)state;
	/* A further column in front, reason moved behind it. */
	snprintf(text, sizeof(text), "colour,reason,%.*s\nred,why,%s%.*s\n",
		 (int)(strlen(header_line()) - strlen(",reason")), header_line(), FRONT,
		 (int)(strlen(BACK("3", "ns", "ok")) - 1), BACK("3", "ns", "ok"));
	table_from(&f, text);
	assert_string_equal(f.error, "");
	assert_string_equal(table_text(f.t, 0, COL_reason), "why");
	assert_true(table_value(f.t, 0) == 3.0);
	assert_non_null(table_warning(f.t, 0));
	assert_non_null(strstr(table_warning(f.t, 0), ":1: unknown column 'colour'"));
	fixture_done(&f);
}

static void test_torn_last_line(void **state)
{
	struct fixture f = {0};
	char text[4096];
	const size_t whole = strlen(header_line()) + 1 + strlen(FRONT BACK("1", "ns", "ok")) + 1;

	(void)state;
	snprintf(text, sizeof(text), "%s\n%s%s\n%s%s\"a, reason\"\n", header_line(), FRONT,
		 BACK("1", "ns", "ok"), FRONT, BACK("2", "ns", "ok"));
	const size_t length = strlen(text);

	/* Cut the file at every byte of its last row: never a wrong row, never a refusal. */
	for (size_t cut = whole; cut <= length; cut++) {
		char copy[4096];

		memcpy(copy, text, cut);
		copy[cut] = '\0';
		memset(&f, 0, sizeof(f));
		table_from(&f, copy);
		assert_string_equal(f.error, "");
		const size_t n = table_n_rows(f.t);

		assert_true(n == 1 || n == 2);
		if (cut == whole || cut == length)
			assert_null(table_warning(f.t, 0));
		else
			assert_non_null(strstr(table_warning(f.t, 0), ":3: the last line"));
		if (n == 2) /* whole up to the last comma at least */
			assert_true(table_value(f.t, 1) == 2.0 &&
				    cut >= length - strlen("\"a, reason\"\n"));
		fixture_done(&f);
	}
}

static void test_refused(void **state)
{
	char text[8192];

	(void)state;
	expect_refused("", 1, "empty");
	expect_refused("a,b,c\n1,2,3\n", 1, "no known column");
	expect_refused("schema,value\n1,2\n", 1, "missing columns: run_id, build_id");
	snprintf(text, sizeof(text), "%s,value\n", header_line());
	expect_refused(text, 1, "'value' stands twice");
	snprintf(text, sizeof(text), "%s\n2%s%s\n", header_line(), &FRONT[1],
		 BACK("1", "ns", "ok"));
	expect_refused(text, 2, "schema '2'");
	snprintf(text, sizeof(text), "%s\n%s\n%s%s\n", header_line(), "1,2,3", FRONT,
		 BACK("1", "ns", "ok"));
	expect_refused(text, 2, "3 fields; the header has 36");
	snprintf(text, sizeof(text), "%s\n%s%s\n\n%s%s\n", header_line(), FRONT,
		 BACK("1", "ns", "ok"), FRONT, BACK("1", "us", "ok"));
	expect_refused(text, 4, "mixed units: lifetime p50 in 'us' here, in 'ns' at line 2");
	static const char *const bad_values[] = {"12x", "nan", "inf", "0x10", "1e999", " 1", "1,5"};
	for (size_t i = 0; i < sizeof(bad_values) / sizeof(bad_values[0]); i++) {
		snprintf(text, sizeof(text),
			 "%s\n%s0,1k,5,1000,mutator,value,total,steady,lifetime,"
			 "p50,\"%s\",ns,lower,10,1,ok,\n",
			 header_line(), FRONT, bad_values[i]);
		expect_refused(text, 2, "is not a number");
	}
	snprintf(text, sizeof(text), "%s\n%s%s\n", header_line(), FRONT, BACK("", "ns", "ok"));
	expect_refused(text, 2, "status ok, but value is empty");
	snprintf(text, sizeof(text), "%s\n%s%s\n", header_line(), FRONT, BACK("0", "ns", "failed"));
	expect_refused(text, 2, "status failed, but value is not empty");
	snprintf(text, sizeof(text), "%s\n%s%s\n", header_line(), FRONT, BACK("0", "ns", "fine"));
	expect_refused(text, 2, "status 'fine' is not known");
	snprintf(text, sizeof(text), "%s\n%s%s\n%s%s\n", header_line(), FRONT,
		 BACK("1", "ns", "ok") "a\"b", FRONT, BACK("1", "ns", "ok"));
	expect_refused(text, 2, "a quote where none may stand");
}

static void test_nul_byte(void **state)
{
	struct fixture f = {0};
	char text[4096];

	(void)state;
	const int n = snprintf(text, sizeof(text), "%s\n%s%sab\n", header_line(), FRONT,
			       BACK("1", "ns", "ok"));
	text[n - 2] = '\0';
	file_write(&f, text, (size_t)n);
	assert_int_equal(table_read(&f.t, f.path, f.error, sizeof(f.error)), -EINVAL);
	assert_non_null(strstr(f.error, ":2: a NUL byte"));
	unlink(f.path);
}

static void test_no_file(void **state)
{
	struct fixture f = {0};

	(void)state;
	assert_int_equal(table_read(&f.t, "/nowhere/run.csv", f.error, sizeof(f.error)), -ENOENT);
	assert_string_equal(f.error, "/nowhere/run.csv: No such file or directory");
	assert_int_equal(table_read(&f.t, "/", f.error, sizeof(f.error)), -EIO);
}

/* Many chunks, many strings, buffers that end inside rows. */
static void test_large(void **state)
{
	struct fixture f = {0};

	(void)state;
	snprintf(f.path, sizeof(f.path), "/tmp/test_table.XXXXXX");
	FILE *file = fdopen(mkstemp(f.path), "w");

	assert_non_null(file);
	fprintf(file, "%s\n", header_line());
	for (int i = 0; i < N_LARGE; i++)
		fprintf(file,
			"%s%d,1k,5,1000,mutator,value,total,steady,m%d,p50,%.17g,ns,lower,%d,1,ok,"
			"\n",
			FRONT, i, i % 1000, i / 3.0, 2 * i);
	fclose(file);
	assert_int_equal(table_read(&f.t, f.path, f.error, sizeof(f.error)), 0);
	unlink(f.path);
	assert_int_equal(table_n_rows(f.t), N_LARGE);
	for (int i = 0; i < N_LARGE; i += 7) {
		assert_true(table_value(f.t, (size_t)i) == i / 3.0);
		assert_true(table_number(f.t, (size_t)i, COL_rep) == i);
		assert_true(table_number(f.t, (size_t)i, COL_n) == 2 * i);
		assert_int_equal(table_line(f.t, (size_t)i), i + 2);
		assert_int_equal(table_id(f.t, (size_t)i, COL_metric),
				 table_id(f.t, (size_t)(i % 1000), COL_metric));
	}
	fixture_done(&f);
}

static void test_names(void **state)
{
	(void)state;
	assert_int_equal(TABLE_N_COLUMNS, 36);
	for (int c = 0; c < TABLE_N_COLUMNS; c++)
		assert_int_equal(table_column_find(table_column_name(c)), c);
	assert_int_equal(table_column_find("colour"), -1);
	assert_string_equal(table_status_name(STATUS_CENSORED), "censored");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_names),		cmocka_unit_test(test_plain_rows),
		cmocka_unit_test(test_crlf_bom_quotes), cmocka_unit_test(test_columns_by_name),
		cmocka_unit_test(test_torn_last_line),	cmocka_unit_test(test_refused),
		cmocka_unit_test(test_nul_byte),	cmocka_unit_test(test_no_file),
		cmocka_unit_test(test_large),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
