/* SPDX-License-Identifier: MIT */
/* test_timeline.c - samples that are not what they should be are refused by name, by the figures and by the export. */
#include "cli.h"
#include "report/gnuplot.h"
#include "report/timeline.h"
#include "synthetic.h"

extern const struct cli_command cmd_export;
extern const struct cli_command cmd_plot;
extern const struct cli_command cmd_report;

static const char header[] = "schema,run_id,cell_id,strategy,options,rep,stage,time_ns,limbo_bytes,"
			     "rss_bytes,ops_per_s,n_cycles\n";

struct seen {
	size_t n, n_begins;
	struct timeline_row last;
};

static const char *see(void *ctx, const struct timeline_row *row)
{
	struct seen *seen = ctx;

	seen->n++;
	seen->n_begins += row->begins;
	seen->last = *row;
	return NULL;
}

static int read_text(const char *text, struct seen *seen, char *why, size_t why_size)
{
	char path[] = "/tmp/test_timeline.XXXXXX";
	const int fd = mkstemp(path);
	int rc;

	assert_true(fd >= 0);
	assert_int_equal(write(fd, text, strlen(text)), (ssize_t)strlen(text));
	close(fd);
	*seen = (struct seen){0};
	rc = timeline_read(path, see, seen, why, why_size);
	unlink(path);
	return rc;
}

static void test_good(void **state)
{
	char text[1024], why[512];
	struct seen seen;

	(void)state;
	snprintf(text, sizeof(text), "%s%s", header,
		 "1,r,c,s,,1,5k,0,0,0,,0\n"
		 "1,r,c,s,,1,5k,10,18446744073709551615,2,1.5e3,1\n"
		 "1,r,c,s,,1,5k,9,1,2,3,4\n" /* time has fallen: another run */
		 "1,r,c,s,,2,5k,10,1,2,3,4\n"
		 "1,r,c,s,,2,5k,1"); /* torn */
	assert_int_equal(read_text(text, &seen, why, sizeof(why)), 1);
	assert_int_equal(seen.n, 4);
	assert_int_equal(seen.n_begins, 3);
	assert_int_equal(seen.last.time_ns, 10);
	assert_int_equal(seen.last.rep, 2);
	assert_true(seen.last.ops_per_s == 3);
}

static void test_bad(void **state)
{
	static const struct {
		const char *row, *says;
	} bad[] = {
		{"2,r,c,s,,1,5k,1,1,1,1,1", ":2: column 'schema' is '2'; it must be that of"},
		{"1,r,c,s,,-1,5k,1,1,1,1,1", ":2: column 'rep' is '-1'; it must be a whole number"},
		{"1,r,c,s,,4294967297,5k,1,1,1,1,1", "below 2^32"},
		{"1,r,c,s,,1,5k,-5,1,1,1,1", ":2: column 'time_ns' is '-5'; it must be a whole"},
		{"1,r,c,s,,1,5k,abc,1,1,1,1", "column 'time_ns' is 'abc'"},
		{"1,r,c,s,,1,5k,,1,1,1,1", "column 'time_ns' is ''"},
		{"1,r,c,s,,1,5k,18446744073709551616,1,1,1,1", "from 0 to 2^64-1"},
		{"1,r,c,s,,1,5k, 5,1,1,1,1", "column 'time_ns' is"},
		{"1,r,c,s,,1,5k,+5,1,1,1,1", "column 'time_ns' is '+5'"},
		{"1,r,c,s,,1,5k,1,1.5,1,1,1", "column 'limbo_bytes' is '1.5'"},
		{"1,r,c,s,,1,5k,1,1,0x1,1,1", "column 'rss_bytes' is '0x1'"},
		{"1,r,c,s,,1,5k,1,1,1,nan,1", "column 'ops_per_s' is 'nan'; it must be a number"},
		{"1,r,c,s,,1,5k,1,1,1,1e999,1", "column 'ops_per_s' is '1e999'"},
		{"1,r,c,s,,1,5k,1,1,1,-1,1", "column 'ops_per_s' is '-1'"},
		{"1,r,c,s,,1,5k,1,1,1,1,1x", "column 'n_cycles' is '1x'"},
		{"1,r,c,s,,1,5k,1,1,1,1", "the row has 11 fields, the header 12"},
	};
	char text[1024], why[512];
	struct seen seen;

	(void)state;
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		snprintf(text, sizeof(text), "%s%s\n", header, bad[i].row);
		assert_int_equal(read_text(text, &seen, why, sizeof(why)), -EINVAL);
		if (!strstr(why, bad[i].says))
			fail_msg("%s: %s", bad[i].row, why);
	}
	assert_int_equal(read_text("schema,schema,run_id\n", &seen, why, sizeof(why)), -EINVAL);
	assert_non_null(strstr(why, "column 'schema' stands twice in the header"));
}

/* Every command that reads the file ends as it does for another bad file, and writes nothing. */
static void test_commands_refuse(void **state)
{
	char export[] = "export", plot[] = "plot", report[] = "report", quiet[] = "--quiet";
	char format[] = "--format=trace";
	char output[512], path[512], dir[256], said[64];
	const bool has_gnuplot =
		gnuplot_run("/tmp", "no-such-script.gp", "png", said, sizeof(said)) != -ENOENT;
	FILE *file;

	(void)state;
	synthetic_dir(dir, sizeof(dir));
	synthetic_make(dir, synthetic_plain, 1, 1);
	snprintf(path, sizeof(path), "%s/timeline.csv", dir);
	file = fopen(path, "a");
	assert_non_null(file);
	fputs("1,r9,c0-0,leak,,0,1k,-5,0,0,0,0,0,0,0,0,0,0,0\n", file);
	fclose(file);
	snprintf(output, sizeof(output), "--output=%s/t.json", dir);
	assert_int_equal(cmd_export.main(4, (char *[]){export, format, output, dir, NULL}),
			 EXIT_USAGE);
	snprintf(path, sizeof(path), "%s/t.json", dir);
	assert_int_not_equal(access(path, F_OK), 0);
	if (has_gnuplot) {
		assert_int_equal(cmd_plot.main(3, (char *[]){plot, quiet, dir, NULL}), EXIT_USAGE);
		assert_int_equal(cmd_report.main(3, (char *[]){report, quiet, dir, NULL}),
				 EXIT_USAGE);
		snprintf(path, sizeof(path), "%s/report.html", dir);
		assert_int_not_equal(access(path, F_OK), 0);
	} else {
		print_message("plot and report not tried: gnuplot is not installed\n");
	}
	synthetic_remove(dir);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_good),
		cmocka_unit_test(test_bad),
		cmocka_unit_test(test_commands_refuse),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
