/* SPDX-License-Identifier: MIT */
/* test_export.c - the exports, read back: by parsers here, and by the tools they are made for where those are
 * installed (Google Benchmark's compare.py, HdrHistogram's Java reader, Python's csv and sqlite3). */
#include <fcntl.h>
#include <spawn.h>
#include <sys/wait.h>

#include <jansson.h>

#include "cli.h"
#include "report/csv_rows.h"
#include "report/histfile.h"
#include "synthetic.h"

extern char **environ;
extern const struct cli_command cmd_export;

static const char COMPARE[] = "/usr/share/benchmark/compare.py";
static const char JAR[] = "/usr/share/java/hdrhistogram.jar";

static int export_to(char *dir, const char *format, const char *file)
{
	char name[] = "export";
	char f[64];
	char o[512];
	char *argv[] = {name, f, o, dir, NULL};

	snprintf(f, sizeof(f), "--format=%s", format);
	snprintf(o, sizeof(o), "--output=%s/%s", dir, file);
	return cmd_export.main(4, argv);
}

/* Run a program, its output to DIR/said.txt; the text, or NULL when it failed.  Free it. */
static char *run_program(const char *dir, char *const argv[])
{
	posix_spawn_file_actions_t actions;
	char said[512];
	char *text;
	pid_t pid;
	int status;

	snprintf(said, sizeof(said), "%s/said.txt", dir);
	posix_spawn_file_actions_init(&actions);
	posix_spawn_file_actions_addopen(&actions, 1, said, O_WRONLY | O_CREAT | O_TRUNC, 0666);
	posix_spawn_file_actions_adddup2(&actions, 1, 2);
	if (posix_spawnp(&pid, argv[0], &actions, NULL, argv, environ)) {
		posix_spawn_file_actions_destroy(&actions);
		return NULL;
	}
	posix_spawn_file_actions_destroy(&actions);
	assert_int_equal(waitpid(pid, &status, 0), pid);
	text = synthetic_read(dir, "said.txt", NULL);
	if (status) {
		print_message("%s failed: %s\n", argv[0], text);
		free(text);
		return NULL;
	}
	return text;
}

struct wide_seen {
	size_t n_rows, n_censored;
	double sum;
};

static const char *wide_row(void *ctx, const char *const *fields)
{
	struct wide_seen *seen = ctx;

	seen->n_rows++;
	if (!strcmp(fields[0], "leak")) {
		seen->n_censored += !strcmp(fields[3], "censored");
		seen->sum += strtod(fields[2], NULL);
	}
	return NULL;
}

static void test_wide(void **state)
{
	static const char *const columns[] = {"strategy", "stage",
					      "lifetime.value.total.all.process.p50.ns",
					      "lifetime.value.total.all.process.p50.ns.status"};
	static const char script[] =
		"import csv,sqlite3,sys\n"
		"rows=list(csv.DictReader(open(sys.argv[1],encoding='utf-8',errors='replace',"
		"newline='')))\n"
		"cols=list(rows[0]);db=sqlite3.connect(':memory:')\n"
		"db.execute('create table t (%s)'%','.join('\"%s\"'%c for c in cols))\n"
		"db.executemany('insert into t values "
		"(%s)'%','.join('?'*len(cols)),[list(r.values()) for r in rows])\n"
		"print(db.execute('select count(*) from t where "
		"\"throughput.mutator.rate.ops/s\"+0>0').fetchone()[0])\n";
	struct wide_seen seen = {0};
	char dir[256];
	char path[512];
	char why[512];
	char *text;

	(void)state;
	synthetic_dir(dir, sizeof(dir));
	synthetic_make(dir, synthetic_plain, 2, 1);
	assert_int_equal(export_to(dir, "wide", "wide.csv"), EXIT_GOOD);
	snprintf(path, sizeof(path), "%s/wide.csv", dir);
	if (csv_rows_read(path, columns, 4, wide_row, &seen, why, sizeof(why)))
		fail_msg("%s", why);
	/* Five strategies, three stages, two repetitions. */
	assert_int_equal(seen.n_rows, 30);
	assert_int_equal(seen.n_censored, 6);
	assert_true(fabs(seen.sum - 6 * 5e9) < 1);
	text = run_program(dir,
			   (char *[]){(char *)"python3", (char *)"-c", (char *)script, path, NULL});
	if (text)
		assert_string_equal(text, "30\n");
	else
		print_message("not tried with Python: python3 is not installed\n");
	free(text);
	synthetic_remove(dir);
}

static void check_gbench(const char *dir, const char *file, size_t n_expected)
{
	char path[512];
	json_error_t error;
	json_t *root;
	json_t *entry;
	size_t i;

	snprintf(path, sizeof(path), "%s/%s", dir, file);
	root = json_load_file(path, 0, &error);
	if (!root)
		fail_msg("%s: %s", path, error.text);
	assert_int_equal(json_integer_value(json_object_get(json_object_get(root, "context"),
							    "json_schema_version")),
			 1);
	assert_int_equal(json_array_size(json_object_get(root, "benchmarks")), n_expected);
	json_array_foreach(json_object_get(root, "benchmarks"), i, entry)
	{
		const char *name = json_string_value(json_object_get(entry, "name"));

		assert_true(json_real_value(json_object_get(entry, "real_time")) > 0);
		assert_int_equal(json_integer_value(json_object_get(entry, "repetitions")), 2);
		assert_int_equal(json_integer_value(json_object_get(entry, "repetition_index")),
				 i % 2);
		/* A bound is no number. */
		if (strstr(name, "strategy=leak/"))
			assert_null(json_object_get(entry, "lifetime-value-total-process-p50"));
		if (strstr(name, "strategy=immediate/") && strstr(name, "stage=1k") && i % 2 == 0)
			assert_true(fabs(json_real_value(json_object_get(
						 entry, "lifetime-value-total-process-p50")) -
					 180) < 1e-9);
	}
	json_decref(root);
}

static void test_gbench(void **state)
{
	char dir[256];
	char one[512];
	char two[512];
	char *text;

	(void)state;
	synthetic_dir(dir, sizeof(dir));
	/* The cell that failed (rcu with few keys) has no entry. */
	synthetic_make(dir, synthetic_plain, 2, 2);
	assert_int_equal(export_to(dir, "gbench", "one.json"), EXIT_GOOD);
	assert_int_equal(export_to(dir, "gbench", "two.json"), EXIT_GOOD);
	check_gbench(dir, "one.json", 2 * 3 * (5 + 4));
	if (access(COMPARE, R_OK)) {
		print_message("not tried with compare.py: apt-get install libbenchmark-tools "
			      "python3-scipy\n");
	} else {
		snprintf(one, sizeof(one), "%s/one.json", dir);
		snprintf(two, sizeof(two), "%s/two.json", dir);
		text = run_program(dir, (char *[]){(char *)"/usr/bin/python3", (char *)COMPARE,
						   (char *)"--no-color", (char *)"benchmarks", one,
						   two, NULL});
		assert_non_null(text);
		assert_non_null(strstr(text, "strategy=immediate/scenario=staged"));
		assert_non_null(strstr(text, "+0.0000"));
		free(text);
	}
	synthetic_remove(dir);
}

/* The time of an operation is the mutators': readers beside them answer in no time, a hundred times as often. */
static void test_readers_are_no_load(void **state)
{
	static const struct synthetic_strategy strategies[] = {{"rcu", "", 9e6, false},
							       {NULL, NULL, 0, false}};
	struct synthetic s = {.cell = synthetic_columns("c0-0", &strategies[0]),
			      .stage = {.stage = "1k", .stage_s = 5, .offered_ops_per_s = 1000}};
	static const struct {
		const char *role;
		double mean_ns;
		uint64_t n;
	} roles[] = {{"mutator", 4000, 5000}, {"reader", 100, 500000}};
	char message[512];
	char path[600];
	char dir[256];
	char *text;

	(void)state;
	synthetic_dir(dir, sizeof(dir));
	synthetic_make(dir, strategies, 1, 1);
	snprintf(path, sizeof(path), "%s/run.csv", dir);
	assert_int_equal(report_file_open(&s.csv, path, false, message, sizeof(message)), 0);
	for (size_t i = 0; i < 2; i++)
		synthetic_row(&s, (struct report_row){.role = roles[i].role,
						      .object = "get",
						      .metric = "response",
						      .stat = "mean",
						      .value = roles[i].mean_ns,
						      .unit = "ns",
						      .better = "lower",
						      .n = roles[i].n});
	assert_int_equal(report_file_flush(s.csv), 0);
	assert_int_equal(report_file_close(s.csv), 0);
	assert_int_equal(export_to(dir, "gbench", "g.json"), EXIT_GOOD);
	assert_int_equal(export_to(dir, "benchstat", "b.txt"), EXIT_GOOD);
	text = synthetic_read(dir, "g.json", NULL);
	assert_non_null(strstr(text, "\"real_time\": 4000.0,"));
	free(text);
	text = synthetic_read(dir, "b.txt", NULL);
	assert_non_null(strstr(text, "stage=1k\t5000\t4000 ns/op"));
	free(text);
	synthetic_remove(dir);
}

static void test_benchstat(void **state)
{
	char dir[256];
	char *text;
	char *save;
	size_t n = 0;

	(void)state;
	synthetic_dir(dir, sizeof(dir));
	synthetic_make(dir, synthetic_hostile, 1, 1);
	assert_int_equal(export_to(dir, "benchstat", "b.txt"), EXIT_GOOD);
	text = synthetic_read(dir, "b.txt", NULL);
	for (char *line = strtok_r(text, "\n", &save); line; line = strtok_r(NULL, "\n", &save)) {
		size_t fields = 0;
		char *inner;

		if (strncmp(line, "Benchmark", 9))
			continue;
		n++;
		/* Name, iterations, then pairs of value and unit. */
		for (char *f = strtok_r(line, " \t", &inner); f;
		     f = strtok_r(NULL, " \t", &inner), fields++) {
			char *end;

			if (!fields || (fields > 1 && fields % 2))
				continue;
			strtod(f, &end);
			if (*end)
				fail_msg("field %zu of line %zu is no number: %s", fields, n, f);
		}
		assert_true(fields >= 4 && fields % 2 == 0);
	}
	assert_int_equal(n, 4 * 3);
	free(text);
	synthetic_remove(dir);
}

static void test_trace(void **state)
{
	char dir[256];
	char path[512];
	json_error_t error;
	json_t *root;
	json_t *event;
	size_t i;
	size_t n_spans = 0;
	size_t n_counters = 0;

	(void)state;
	synthetic_dir(dir, sizeof(dir));
	synthetic_make(dir, synthetic_hostile, 1, 1);
	assert_int_equal(export_to(dir, "trace", "t.json"), EXIT_GOOD);
	snprintf(path, sizeof(path), "%s/t.json", dir);
	root = json_load_file(path, 0, &error);
	if (!root)
		fail_msg("%s", error.text);
	json_array_foreach(json_object_get(root, "traceEvents"), i, event)
	{
		const char *phase = json_string_value(json_object_get(event, "ph"));

		n_spans += !strcmp(phase, "X");
		n_counters += !strcmp(phase, "C");
	}
	/* Four strategies, three stages of 50 samples with three gauges. */
	assert_int_equal(n_spans, 12);
	assert_int_equal(n_counters, 4 * 3 * 50 * 3);
	json_decref(root);
	synthetic_remove(dir);
}

/* What HdrHistogram's own processor prints for a percentile line at or after `quantile`. */
static double processor_value(const char *text, double quantile)
{
	for (const char *line = text; line; line = strchr(line, '\n')) {
		double value;
		double q;

		line += *line == '\n';
		if (sscanf(line, "%lf %lf", &value, &q) == 2 && q >= quantile - 1e-9)
			return value;
	}
	fail_msg("no percentile line: %s", text);
	return NAN;
}

static void write_histogram(const char *dir, struct hist *h, bool is_appended)
{
	const struct histfile_key key = {.cell_id = "c,1 x",
					 .strategy = "s",
					 .options = "",
					 .stage = "5k",
					 .stage_start_s = 1.5,
					 .stage_s = 5,
					 .role = "mutator",
					 .object = "delete",
					 .phase = "",
					 .table_state = "",
					 .metric = "response",
					 .unit = "ns"};
	uint64_t random = 88172645463325252u;
	char path[512];
	FILE *out;

	for (int i = 0; i < 20000; i++) {
		random ^= random << 13;
		random ^= random >> 7;
		random ^= random << 17;
		hist_record(h, 50 + random % 1000 + (random % 1000 == 0 ? random % 50000000 : 0));
	}
	snprintf(path, sizeof(path), "%s/histograms.csv", dir);
	out = fopen(path, is_appended ? "a" : "w");
	if (!is_appended)
		assert_int_equal(histfile_write_header(out), 0);
	assert_int_equal(histfile_write_hist(out, &key, h), 0);
	assert_int_equal(fclose(out), 0);
}

static void test_hdr(void **state)
{
	static const double quantiles[] = {0.5, 0.9, 0.99, 0.9990234375};
	struct hist *h = calloc(1, sizeof(*h));
	char dir[256];
	char path[512];
	char *text;

	(void)state;
	synthetic_dir(dir, sizeof(dir));
	write_histogram(dir, h, false);
	assert_int_equal(export_to(dir, "hdr", "h.hlog"), EXIT_GOOD);
	text = synthetic_read(dir, "h.hlog", NULL);
	assert_non_null(strstr(text, "Tag=c_1_x/rep=0/s/5k/mutator/delete/response,1.500,5.000,"));
	assert_non_null(strstr(text, ",HISTFAAAA"));
	free(text);
	snprintf(path, sizeof(path), "%s/h.hlog", dir);
	text = access(JAR, R_OK)
		       ? NULL
		       : run_program(dir,
				     (char *[]){(char *)"java", (char *)"-cp", (char *)JAR,
						(char *)"org.HdrHistogram.HistogramLogProcessor",
						(char *)"-outputValueUnitRatio", (char *)"1",
						(char *)"-tag",
						(char *)"c_1_x/rep=0/s/5k/mutator/delete/response",
						(char *)"-i", path, NULL});
	if (!text) {
		print_message("not tried with HdrHistogram: apt-get install libhdrhistogram-java "
			      "default-jre-headless\n");
	} else {
		/* Both keep values to 1/64; each may round by one of its cells. */
		for (size_t i = 0; i < 4; i++) {
			const double theirs = processor_value(text, quantiles[i]);
			const double ours = hist_quantile(h, quantiles[i]);

			if (fabs(theirs - ours) > ours * 2 / 64 + 1)
				fail_msg("quantile %g: %g there, %g here", quantiles[i], theirs,
					 ours);
		}
		assert_true(fabs(processor_value(text, 1) - (double)h->max) <= (double)h->max / 64);
		assert_non_null(strstr(text, "Total count    =        20000]"));
		free(text);
	}
	synthetic_remove(dir);
	free(h);
}

/* Rows are appended: a directory may hold several runs, each with a first repetition and times from 0, and two of one
 * name where somebody gave it. */
static void test_several_runs(void **state)
{
	static const char *const columns[] = {"strategy", "stage",
					      "lifetime.value.total.all.process.p50.ns",
					      "lifetime.value.total.all.process.p50.ns.status"};
	static const char *const runs[] = {"r1", "r2", "r2"};
	struct hist *h = calloc(1, sizeof(*h));
	struct wide_seen seen = {0};
	char dir[256], path[512], why[512];
	size_t i, n_spans = 0, n_threads = 0;
	json_error_t error;
	json_t *event;
	char *text;

	(void)state;
	synthetic_dir(dir, sizeof(dir));
	for (i = 0; i < 2; i++)
		synthetic_make_run(dir, synthetic_plain, 2, 1, 1, runs[i]);
	assert_int_equal(export_to(dir, "wide", "wide.csv"), EXIT_GOOD);
	snprintf(path, sizeof(path), "%s/wide.csv", dir);
	assert_int_equal(csv_rows_read(path, columns, 4, wide_row, &seen, why, sizeof(why)), 0);
	/* Five strategies, three stages, two repetitions, two runs. */
	assert_int_equal(seen.n_rows, 60);
	assert_int_equal(export_to(dir, "gbench", "g.json"), EXIT_GOOD);
	text = synthetic_read(dir, "g.json", NULL);
	assert_non_null(strstr(text, "\"repetition_index\": 3,"));
	assert_non_null(strstr(text, "\"repetitions\": 4,"));
	free(text);
	synthetic_make_run(dir, synthetic_plain, 2, 1, 1, runs[2]);
	assert_int_equal(export_to(dir, "trace", "t.json"), EXIT_GOOD);
	snprintf(path, sizeof(path), "%s/t.json", dir);
	json_t *root = json_load_file(path, 0, &error);

	json_array_foreach(json_object_get(root, "traceEvents"), i, event)
	{
		const char *phase = json_string_value(json_object_get(event, "ph"));
		const double dur = json_number_value(json_object_get(event, "dur"));

		n_threads += !strcmp(phase, "M");
		n_spans += !strcmp(phase, "X");
		/* 50 samples, 100 ms apart, and up to the next stage's first. */
		if (!strcmp(phase, "X") && (dur < 4.9e6 - 1 || dur > 5e6 + 1))
			fail_msg("a stage of %f us", dur);
	}
	assert_int_equal(n_spans, 5 * 3 * 2 * 3);
	json_decref(root);
	/* Every thread, and with it every counter, has a name of its own. */
	text = synthetic_read(dir, "t.json", NULL);
	assert_non_null(strstr(text, "\"immediate #1\""));
	assert_non_null(strstr(text, "\"immediate #1 ("));
	assert_true(n_threads >= 5 * 2 * 3);
	free(text);
	write_histogram(dir, h, false);
	write_histogram(dir, h, true);
	assert_int_equal(export_to(dir, "hdr", "h.hlog"), EXIT_GOOD);
	text = synthetic_read(dir, "h.hlog", NULL);
	assert_non_null(strstr(text, "Tag=c_1_x/rep=0/s/5k/mutator/delete/response,"));
	assert_non_null(strstr(text, "Tag=c_1_x/rep=0/s/5k/mutator/delete/response/run=2,"));
	free(text);
	free(h);
	synthetic_remove(dir);
}

static void test_errors(void **state)
{
	char name[] = "export";
	char bad_format[] = "--format=xml";
	char dir[256];
	char *none[] = {name, NULL};
	char *bad[] = {name, bad_format, dir, NULL};

	(void)state;
	synthetic_dir(dir, sizeof(dir));
	assert_int_equal(cmd_export.main(1, none), EXIT_USAGE);
	assert_int_equal(cmd_export.main(3, bad), EXIT_USAGE);
	/* An empty directory has none of the inputs; nothing is left behind. */
	assert_int_equal(export_to(dir, "wide", "x"), EXIT_USAGE);
	assert_int_equal(export_to(dir, "hdr", "x"), EXIT_USAGE);
	assert_int_equal(export_to(dir, "trace", "x"), EXIT_USAGE);
	assert_int_equal(rmdir(dir), 0);
	assert_int_equal(mkdir(dir, 0777), 0);
	synthetic_make(dir, synthetic_plain, 1, 1);
	assert_int_equal(export_to(dir, "wide", "no/such/x"), EXIT_CHECK_FAILED);
	synthetic_remove(dir);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_wide),
		cmocka_unit_test(test_gbench),
		cmocka_unit_test(test_readers_are_no_load),
		cmocka_unit_test(test_benchstat),
		cmocka_unit_test(test_trace),
		cmocka_unit_test(test_hdr),
		cmocka_unit_test(test_several_runs),
		cmocka_unit_test(test_errors),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
