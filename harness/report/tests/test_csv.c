/* SPDX-License-Identifier: MIT */
/* test_csv.c - rows come back as they were given, whole, whatever the disk does. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <csv.h>
#include <errno.h>
#include <fcntl.h>
#include <locale.h>
#include <math.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include "report/csv.h"

static const struct report_cell cell = {
	.run_id = "r1",
	.build_id = "b",
	.env_id = "e",
	.cell_id = "c1",
	.strategy = "leak",
	.options = "a=1,b=2",
	.scenario = "say \"hi\"\nthere",
	.threads = 2,
	.keys = 65536,
	.mix = "50/25/25",
	.dist = "uniform",
	.value_bytes = 64,
	.garbage_bytes = 4096,
	.unlink = "empty",
	.alloc = "span",
	.arrival = "poisson",
	.trace = NULL,
	.seed = UINT64_MAX,
	.rep = 3,
};
static const struct report_stage stage = {.stage = "5k", .stage_s = 0.1, .offered_ops_per_s = 5000};

static struct report_row row_of(double value)
{
	return (struct report_row){
		.role = "mutator",
		.object = "value",
		.phase = "total",
		.table_state = "steady",
		.metric = "lifetime",
		.stat = "p50",
		.value = value,
		.unit = "ns",
		.better = "lower",
		.n = 400,
		.sampled_1_in = 1,
		.status = "ok",
		.reason = "",
	};
}

/* All fields of a file, read by an independent reader. */
struct fields {
	char *text[4096];
	size_t n, n_rows;
};

static void on_field(void *text, size_t len, void *ctx)
{
	struct fields *f = ctx;

	assert_true(f->n < 4096);
	f->text[f->n++] = strndup(text, len);
}

static void on_row(int c, void *ctx)
{
	(void)c;
	((struct fields *)ctx)->n_rows++;
}

static struct fields *read_fields(const char *path)
{
	struct fields *f = calloc(1, sizeof(*f));
	struct csv_parser p;
	char buf[65536];
	FILE *in = fopen(path, "r");

	assert_non_null(in);
	const size_t n = fread(buf, 1, sizeof(buf), in);

	assert_true(feof(in));
	fclose(in);
	assert_int_equal(csv_init(&p, CSV_STRICT | CSV_STRICT_FINI), 0);
	assert_int_equal(csv_parse(&p, buf, n, on_field, on_row, f), n);
	assert_int_equal(csv_fini(&p, on_field, NULL, f), 0);
	csv_free(&p);
	return f;
}

static void free_fields(struct fields *f)
{
	for (size_t i = 0; i < f->n; i++)
		free(f->text[i]);
	free(f);
}

static char *temp_path(char *buf)
{
	strcpy(buf, "/tmp/test_csv.XXXXXX");
	const int fd = mkstemp(buf);

	assert_true(fd >= 0);
	close(fd);
	return buf;
}

static struct report_file *open_file(const char *path, bool is_timeline)
{
	struct report_file *f;
	char message[256];

	assert_int_equal(report_file_open(&f, path, is_timeline, message, sizeof(message)), 0);
	return f;
}

#define N_COLUMNS 36

static void test_round_trip(void **state)
{
	static const double values[] = {0.1, 1.0 / 3, 1e300, -0.0, 5e-324, 123456789012345678.0};
	const size_t n = sizeof(values) / sizeof(values[0]);
	char path[64];
	struct report_file *f = open_file(temp_path(path), false);

	(void)state;
	for (size_t i = 0; i < n; i++) {
		const struct report_row row = row_of(values[i]);

		assert_int_equal(report_row_add(f, &cell, &stage, &row), 0);
	}
	assert_int_equal(report_file_close(f), 0);
	struct fields *got = read_fields(path);

	assert_int_equal(got->n_rows, n + 1);
	assert_int_equal(got->n, (n + 1) * N_COLUMNS);
	assert_string_equal(got->text[0], "schema");
	assert_string_equal(got->text[N_COLUMNS - 1], "reason");
	for (size_t i = 0; i < n; i++) {
		char **row = &got->text[(i + 1) * N_COLUMNS];
		const double value = strtod(row[29], NULL);

		assert_string_equal(row[0], "1");
		assert_string_equal(row[6], "a=1,b=2");
		assert_string_equal(row[7], "say \"hi\"\nthere");
		assert_string_equal(row[17], "");
		assert_string_equal(row[18], "18446744073709551615");
		assert_string_equal(row[27], "lifetime");
		assert_memory_equal(&value, &values[i], sizeof(value)); /* to the bit */
	}
	free_fields(got);
	unlink(path);
}

static void test_missing_value_is_empty(void **state)
{
	char path[64];
	struct report_file *f = open_file(temp_path(path), false);
	struct report_row row = row_of(NAN);
	const struct report_stage closed = {.stage = "max", .stage_s = 1, .offered_ops_per_s = NAN};

	(void)state;
	row.status = "not_available";
	assert_int_equal(report_row_add(f, &cell, &closed, &row), 0);
	assert_int_equal(report_file_close(f), 0);
	struct fields *got = read_fields(path);

	assert_string_equal(got->text[N_COLUMNS + 29], "");
	assert_string_equal(got->text[N_COLUMNS + 22], "");
	free_fields(got);
	unlink(path);
}

static void test_appends_and_cuts_a_torn_row(void **state)
{
	char path[64];
	const struct report_row row = row_of(1);
	struct report_file *f = open_file(temp_path(path), false);

	(void)state;
	report_row_add(f, &cell, &stage, &row);
	assert_int_equal(report_file_close(f), 0);
	FILE *torn = fopen(path, "a");

	fputs("1,r1,b,e,c1,le", torn);
	fclose(torn);
	f = open_file(path, false);
	report_row_add(f, &cell, &stage, &row);
	assert_int_equal(report_file_close(f), 0);
	struct fields *got = read_fields(path);

	assert_int_equal(got->n_rows, 3);
	assert_int_equal(got->n, 3 * N_COLUMNS);
	free_fields(got);
	unlink(path);
}

static void test_refuses_another_file(void **state)
{
	char path[64], message[256];
	struct report_file *f;
	FILE *other = fopen(temp_path(path), "w");

	(void)state;
	fputs("a,b,c\n1,2,3\n", other);
	fclose(other);
	assert_int_equal(report_file_open(&f, path, false, message, sizeof(message)), -EINVAL);
	assert_null(f);
	assert_non_null(strstr(message, path));
	assert_int_equal(report_file_open(&f, "/nowhere/x.csv", false, message, sizeof(message)),
			 -ENOENT);
	assert_non_null(strstr(message, "/nowhere/x.csv"));
	/* Nor is it cut when it ends without a line end, or has none at all. */
	static const char *const others[] = {"a,b,c\n1,2,3", "notes", "schema,run_id,and more"};

	for (size_t i = 0; i < sizeof(others) / sizeof(others[0]); i++) {
		char found[64] = "";

		other = fopen(path, "w");
		fputs(others[i], other);
		fclose(other);
		assert_int_equal(report_file_open(&f, path, false, message, sizeof(message)),
				 -EINVAL);
		other = fopen(path, "r");
		assert_int_equal(fread(found, 1, sizeof(found) - 1, other), strlen(others[i]));
		fclose(other);
		assert_string_equal(found, others[i]);
	}
	/* A timeline is not a run. */
	unlink(path);
	assert_int_equal(report_file_close(open_file(path, true)), 0);
	assert_int_equal(report_file_open(&f, path, false, message, sizeof(message)), -EINVAL);
	unlink(path);
}

static void test_full_disk(void **state)
{
	const struct report_row row = row_of(1);
	struct report_file *f = open_file("/dev/full", false);

	(void)state;
	assert_int_equal(report_row_add(f, &cell, &stage, &row), 0);
	assert_int_equal(report_file_flush(f), -ENOSPC);
	assert_int_equal(report_file_close(f), -ENOSPC);
}

/* A limit on the file's size cuts a write in the middle of a row, as a full disk does. */
static void test_whole_rows_survive_a_short_write(void **state)
{
	char path[64];
	const struct report_row row = row_of(1);
	struct report_file *f = open_file(temp_path(path), false);
	struct rlimit before, limit;

	(void)state;
	assert_int_equal(getrlimit(RLIMIT_FSIZE, &before), 0);
	signal(SIGXFSZ, SIG_IGN);
	limit = before;
	limit.rlim_cur = 2000;
	assert_int_equal(setrlimit(RLIMIT_FSIZE, &limit), 0);
	for (unsigned i = 0; i < 100; i++)
		report_row_add(f, &cell, &stage, &row);
	assert_int_equal(report_file_flush(f), -EFBIG);
	assert_int_equal(report_file_close(f), -EFBIG);
	assert_int_equal(setrlimit(RLIMIT_FSIZE, &before), 0);
	struct fields *got = read_fields(path);

	assert_true(got->n_rows > 2 && got->n_rows < 20);
	assert_int_equal(got->n, got->n_rows * N_COLUMNS);
	free_fields(got);
	unlink(path);
}

static void test_timeline(void **state)
{
	char path[64];
	struct report_file *f = open_file(temp_path(path), true);
	const struct report_sample s = {.stage = "5k",
					.time_ns = 1000000,
					.limbo_bytes = 12,
					.ops_per_s = 5000.5,
					.goal_bytes = 4194304};

	(void)state;
	assert_int_equal(report_sample_add(f, &cell, &s), 0);
	assert_int_equal(report_file_close(f), 0);
	struct fields *got = read_fields(path);

	assert_int_equal(got->n_rows, 2);
	assert_int_equal(got->n, 2 * 19);
	assert_string_equal(got->text[19 + 7], "1000000");
	assert_string_equal(got->text[19 + 15], "5000.5");
	assert_string_equal(got->text[19 + 18], "4194304");
	free_fields(got);
	unlink(path);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_round_trip),
		cmocka_unit_test(test_missing_value_is_empty),
		cmocka_unit_test(test_appends_and_cuts_a_torn_row),
		cmocka_unit_test(test_refuses_another_file),
		cmocka_unit_test(test_full_disk),
		cmocka_unit_test(test_whole_rows_survive_a_short_write),
		cmocka_unit_test(test_timeline),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
