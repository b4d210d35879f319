/* SPDX-License-Identifier: MIT */
/* test_matrix_job.c - job files: lists, ranges, inheritance, exclusion, and what is refused where. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "run/config.h"
#include "run/matrix.h"
#include "run/matrix_list.h"

struct read_job {
	struct matrix_job job;
	char path[64];
	char error[512];
	int err;
};

static void job_from_bytes(struct read_job *r, const char *text, size_t size)
{
	memset(r, 0, sizeof(*r));
	snprintf(r->path, sizeof(r->path), "/tmp/test_matrix_job.XXXXXX");
	const int fd = mkstemp(r->path);

	assert_true(fd >= 0);
	assert_int_equal(write(fd, text, size), size);
	close(fd);
	r->err = matrix_job_read(&r->job, r->path, run_options, r->error, sizeof(r->error));
	unlink(r->path);
}

static void job_from(struct read_job *r, const char *text)
{
	job_from_bytes(r, text, strlen(text));
}

static void expect_list(const char *key, const char *text, const char *want)
{
	struct matrix_list list;
	char error[256] = "";
	char got[1024] = "";

	if (matrix_list_parse(&list, key, text, error, sizeof(error)))
		snprintf(got, sizeof(got), "error: %s", error);
	for (size_t i = 0; i < list.n && strncmp(got, "error", 5); i++) {
		strcat(got, "[");
		strcat(got, list.values[i]);
		strcat(got, "]");
	}
	matrix_list_fini(&list);
	if (!strstr(got, want) || (strncmp(want, "error", 5) && strcmp(got, want)))
		fail_msg("%s=%s: got %s, want %s", key, text, got, want);
}

static void test_lists(void **state)
{
	(void)state;
	expect_list("keys", "1024", "[1024]");
	expect_list("keys", " 1k , 2^12,4Ki ", "[1k][2^12][4Ki]");
	expect_list("keys", "2^10..2^22*4", "[1024][4096][16384][65536][262144][1048576][4194304]");
	expect_list("keys", "10..50*2, 7", "[10][20][40][7]");
	expect_list("threads", "1..4+1", "[1][2][3][4]");
	expect_list("warmup", "1ms..100ms*10", "[1000000ns][10000000ns][100000000ns]");
	expect_list("keys", "18446744073709551614..18446744073709551615*2",
		    "[18446744073709551614]");
	expect_list("strategy", "leak,sweepgen:gogc=50,batch=64, mark",
		    "[leak][sweepgen:gogc=50,batch=64][mark]");
	expect_list("strategy", "mark:bits=side,mark:bits=header",
		    "[mark:bits=side][mark:bits=header]");
	expect_list("stages", "1k:5s,max:5s", "[1k:5s,max:5s]");
	expect_list("stages", "1k:5s,max:5s | max:1s", "[1k:5s,max:5s][max:1s]");
	expect_list("events", "CYCLES,INSTRUCTIONS", "[CYCLES,INSTRUCTIONS]");
	expect_list("pin", "0,2", "[0,2]");
	expect_list("trace", "../a,b.csv|c.csv", "[../a,b.csv][c.csv]");
	expect_list("mix", "100/0/0,50/25/25", "[100/0/0][50/25/25]");
	expect_list("keys", "1,,2", "error: an empty value");
	expect_list("keys", "", "error: an empty value");
	expect_list("keys", "5,5", "error: '5' stands twice");
	expect_list("keys", "1..8", "error: '1..8': a range needs its step");
	expect_list("keys", "8..1*2", "error: '8..1*2': a range begins above 0, goes up");
	expect_list("keys", "1..8*1", "error: '1..8*1': a range begins above 0, goes up");
	expect_list("keys", "0..8*2", "error");
	expect_list("keys", "1..x*2", "error: '1..x*2': not a range");
	expect_list("keys", "1..9999999+1", "error: more than 4096 values");
}

static void test_conditions(void **state)
{
	static const struct {
		const char *rule, *value;
		bool holds;
	} rows[] = {
		{"keys=1024", "2^10", true},	   {"keys=1024", "1025", false},
		{"keys!=1024", "1k", true},	   {"keys>=2^20", "1Mi", true},
		{"keys > 2^20", "1Mi", false},	   {"keys<2k", "1999", true},
		{"keys<=2k", "2000", true},	   {"strategy=sweepgen*", "sweepgen:gogc=50", true},
		{"strategy = leak", "leak", true}, {"strategy=leak", "leaky", false},
		{"warmup>500ms", "1s", true},	   {"trace=*", NULL, false},
		{"trace!=x", NULL, true},	   {"keys>5", NULL, false},
		{"dist<5", "uniform", false},
	};
	struct matrix_condition c[2];
	char error[256];
	size_t n;

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		assert_int_equal(matrix_rule_parse(c, 2, &n, rows[i].rule, error, sizeof(error)),
				 0);
		assert_int_equal(n, 1);
		if (matrix_condition_holds(&c[0], rows[i].value) != rows[i].holds)
			fail_msg("%s for %s", rows[i].rule,
				 rows[i].value ? rows[i].value : "(none)");
	}
	assert_int_equal(matrix_rule_parse(c, 2, &n, "keys=1 & mix=100/0/0", error, sizeof(error)),
			 0);
	assert_int_equal(n, 2);
	assert_string_equal(c[1].key, "mix");
	assert_string_equal(c[1].text, "100/0/0");
	assert_int_equal(matrix_rule_parse(c, 2, &n, "keys", error, sizeof(error)), -EINVAL);
	assert_int_equal(matrix_rule_parse(c, 2, &n, "keys=", error, sizeof(error)), -EINVAL);
	assert_int_equal(matrix_rule_parse(c, 2, &n, "keys=<5", error, sizeof(error)), -EINVAL);
	assert_int_equal(matrix_rule_parse(c, 2, &n, "keys>many", error, sizeof(error)), -EINVAL);
	assert_int_equal(matrix_rule_parse(c, 2, &n, "a=1&b=2&c=3", error, sizeof(error)), -EINVAL);
}

static void test_cells(void **state)
{
	struct read_job r;

	(void)state;
	job_from(&r, "; a comment\n"
		     "[global]\n"
		     "reps = 5\n"
		     "warmup = 2s\n"
		     "stages = 1k:5s,\n"
		     "   max:3s ; goes on\n"
		     "keys = 2^10..2^14*4\n"
		     "exclude = strategy=leak & keys>=2^12\n"
		     "\n"
		     "[steady]\n"
		     "strategy = leak, immediate\n"
		     "time-limit = 90s\n"
		     "[growing]\n"
		     "inherit = steady\n"
		     "keys = 7\n"
		     "audit = no, yes\n"
		     "seed = 100\n");
	assert_string_equal(r.error[0] && r.err ? r.error : "", "");
	/* steady: leak 1024, immediate 1024, 4096, 16384; growing: 2 strategies x audit. */
	assert_int_equal(r.job.n_cells, 4 + 4);
	assert_int_equal(r.job.n_excluded, 2);
	const struct matrix_cell *c = r.job.cells;

	assert_string_equal(c[0].scenario, "steady");
	assert_string_equal(matrix_cell_get(&r.job, &c[0], "strategy"), "leak");
	assert_string_equal(matrix_cell_get(&r.job, &c[0], "keys"), "1024");
	assert_string_equal(matrix_cell_get(&r.job, &c[0], "stages"), "1k:5s,max:3s");
	assert_string_equal(matrix_cell_get(&r.job, &c[3], "keys"), "16384");
	assert_string_equal(matrix_cell_get(&r.job, &c[0], "mix"),
			    "50/25/25"); /* the table's default */
	assert_int_equal(c[0].n_reps, 5);
	assert_true(c[0].expected_ns == 11000000000u); /* 2 + 5 + 3 and 1 for start and end */
	assert_true(c[0].limit_ns == 90000000000u);
	assert_string_equal(c[4].scenario, "growing");
	assert_true(c[4].seed == 100 && c[0].seed == 1);
	char *text = matrix_cell_text(&r.job, &c[5]);

	assert_string_equal(text,
			    "strategy=leak keys=7 stages=1k:5s,max:3s warmup=2s audit seed=100");
	free(text);
	for (size_t i = 0; i < r.job.n_cells; i++) {
		for (size_t k = i + 1; k < r.job.n_cells; k++)
			assert_string_not_equal(c[i].id, c[k].id);
	}
	matrix_job_fini(&r.job);
}

static void expect_refused(const char *text, int line, const char *want)
{
	struct read_job r;
	char where[96];

	job_from(&r, text);
	assert_int_equal(r.err, -EINVAL);
	snprintf(where, sizeof(where), line ? "%s:%d: " : "%s: ", r.path, line);
	if (strncmp(r.error, where, strlen(where)) || !strstr(r.error, want))
		fail_msg("got '%s', want '%s...%s'", r.error, where, want);
	matrix_job_fini(&r.job);
}

static void test_refused(void **state)
{
	char text[1024];

	(void)state;
	expect_refused("[a]\nkeys=1\nkyes=2\n", 3, "unknown key 'kyes'; did you mean 'keys'?");
	expect_refused("[a]\nqqqqqqqqq=2\n", 2, "unknown key 'qqqqqqqqq'");
	expect_refused("[a]\nout=/tmp\n", 2, "'out' is set by the matrix itself");
	expect_refused("[a]\nkeys=1\nmix=1/1/98\nkeys=2\n", 4, "'keys' stands already at line 2");
	expect_refused("keys=1\n", 1, "before any section");
	expect_refused("[a]\nkeys=1\nnonsense\n", 3, "neither [section] nor key = value");
	expect_refused("[global]\nkeys=1\n", 0, "no cell");
	expect_refused("[a]\nkeys=1\nexclude=keys=1\n", 0, "no cell is left by the exclude rules");
	expect_refused("[a]\nkeys=1\nexclude=kyes=1\n", 3, "exclude: 'kyes' is no option");
	expect_refused("[a]\ninherit=b\nkeys=1\n[b]\nkeys=2\n", 2, "there is no section [b] above");
	expect_refused("[a]\ninherit=a\nkeys=1\n", 2, "there is no section [a] above");
	expect_refused("[a]\nkeys=1,1\n", 2, "keys: '1' stands twice");
	expect_refused("[a]\nreps=0\n", 2, "reps: '0' is not a number from 1");
	expect_refused("[a]\nreps=2\nkeys=1\ntime-limit=5\n", 4, "time-limit: '5' is not a time");
	expect_refused("[a]\naudit=maybe\n", 2, "audit: 'maybe' is neither yes nor no");
	expect_refused("[a]\n\nstages=5k\n", 3, "stages: ");
	expect_refused("[a]\nkeys=1\n  mix=50/25/25\n", 3,
		       "an indented line goes on with the value of 'keys'");
	expect_refused("[a]\nscenario=x\nkeys=1\n[b]\nscenario=x\nkeys=1\n", 5,
		       "the same cell as one of line 2");
	snprintf(text, sizeof(text), "[a]\nkeys=1\ntrace=%0300d\n", 0);
	expect_refused(text, 3, "a line longer than");
	snprintf(text, sizeof(text), "[%060d]\nkeys=1\n", 0);
	expect_refused(text, 1, "a section name longer than");
	struct read_job r;

	memset(&r, 0, sizeof(r));
	assert_int_equal(
		matrix_job_read(&r.job, "/nowhere.ini", run_options, r.error, sizeof(r.error)),
		-ENOENT);
	assert_string_equal(r.error, "/nowhere.ini: No such file or directory");
	matrix_job_fini(&r.job);
}

/* A byte that ends a text would hide what stands behind it. */
static void test_nul(void **state)
{
	static const struct {
		const char *text;
		size_t size;
		unsigned line;
	} jobs[] = {
		{"[a]\nreps = 3\0garbage\nkeys=1\n", 27, 2},
		{"[a]\nkeys=1\nreps = 3\0garbage", 27, 3}, /* the last line, without its end */
		{"[a]\nkeys=1\n\0\nreps=2\n", 20, 3},
		{"[a]\nkeys=1\n\0", 12, 3},
	};
	char where[128];
	struct read_job r;

	(void)state;
	for (size_t i = 0; i < sizeof(jobs) / sizeof(jobs[0]); i++) {
		job_from_bytes(&r, jobs[i].text, jobs[i].size);
		snprintf(where, sizeof(where), "%s:%u: a NUL byte", r.path, jobs[i].line);
		assert_int_equal(r.err, -EINVAL);
		if (strncmp(r.error, where, strlen(where)))
			fail_msg("got '%s', want '%s'", r.error, where);
		matrix_job_fini(&r.job);
	}
	job_from(&r, "[a]\nkeys=1\nreps=2"); /* a last line needs no end */
	assert_int_equal(r.err, 0);
	assert_int_equal(r.job.cells[0].n_reps, 2);
	matrix_job_fini(&r.job);
}

/* Every cell is in exactly one of n shards, and which one does not depend on the others. */
static void test_shards(void **state)
{
	struct read_job r;

	(void)state;
	job_from(&r, "[a]\nkeys=1..500+1\n");
	for (unsigned n = 1; n <= 8; n++) {
		size_t in_first = 0;

		for (size_t i = 0; i < r.job.n_cells; i++) {
			unsigned times = 0;

			for (unsigned shard = 1; shard <= n; shard++)
				times += matrix_is_in_shard(&r.job.cells[i], shard, n);
			assert_int_equal(times, 1);
			in_first += matrix_is_in_shard(&r.job.cells[i], 1, n);
		}
		/* Spread evenly: within 40 % of a share (500 cells, 5 standard deviations at n = 8). */
		assert_in_range(in_first, 500 / n * 6 / 10, 500 / n * 14 / 10 + 1);
	}
	matrix_job_fini(&r.job);
}

/* The command of a repetition, and what `run` makes of it. */
static void test_command(void **state)
{
	struct read_job r;
	struct matrix_columns columns;

	(void)state;
	job_from(
		&r,
		"[a b]\nkeys=2^10\nstrategy=leak\naudit=yes\nseed=10\ntrace=$(touch x);'y\".csv\n");
	char **argv = matrix_argv(&r.job, &r.job.cells[0], 3, "/bin/x", "run1", "cell1", "/tmp/o");
	static const char *const want[] = {
		"/bin/x",
		"run",
		"--strategy=leak",
		"--keys=2^10",
		"--trace=$(touch x);'y\".csv",
		"--audit",
		"--scenario=a b",
		"--seed=12",
		"--rep=3",
		"--run-id=run1",
		"--cell-id=cell1",
		"--out=/tmp/o",
	};

	assert_non_null(argv);
	for (size_t i = 0; i < sizeof(want) / sizeof(want[0]); i++)
		assert_string_equal(argv[i],
				    want[i]); /* handed on as they are: no shell sees them */
	assert_null(argv[sizeof(want) / sizeof(want[0])]);
	matrix_argv_free(argv);
	assert_int_equal(matrix_columns_init(&columns, &r.job, &r.job.cells[0]), 0);
	assert_true(columns.cell.keys == 1024);
	assert_string_equal(columns.cell.strategy, "leak");
	assert_string_equal(columns.cell.scenario, "a b");
	assert_int_equal(strlen(columns.cell_id), 16);
	matrix_columns_fini(&columns);
	matrix_job_fini(&r.job);
	job_from(&r, "[a]\nkeys=1\nstrategy=no-such\n");
	assert_int_equal(matrix_columns_init(&columns, &r.job, &r.job.cells[0]), EXIT_USAGE);
	matrix_columns_fini(&columns);
	matrix_job_fini(&r.job);
}

/* The id that rows of the only cell of a job will bear. */
static void id_of(const char *text, char id[MATRIX_ID_BYTES])
{
	struct matrix_columns columns;
	struct read_job r;

	job_from(&r, text);
	if (r.err)
		fail_msg("%s", r.error);
	assert_int_equal(matrix_columns_init(&columns, &r.job, &r.job.cells[0]), 0);
	memcpy(id, columns.cell_id, MATRIX_ID_BYTES);
	matrix_columns_fini(&columns);
	matrix_job_fini(&r.job);
}

/* Rows of two cells that were measured otherwise have other ids, whichever option makes the difference. */
static void test_ids(void **state)
{
	/* An option that is not here is one that somebody has added: does it change what is measured? */
	static const struct {
		const char *option, *value; /* NULL: no part of the id */
	} options[] = {
		{"strategy", "leak"},	 {"threads", "2"},	 {"readers", "1"},
		{"keys", "2^10"},	 {"mix", "80/10/10"},	 {"dist", "fifo"},
		{"value-bytes", "128"},	 {"garbage-bytes", "0"}, {"stages", "1k:1s"},
		{"warmup", "2s"},	 {"steady", "p99:2%"},	 {"arrival", "constant"},
		{"unlink", "go"},	 {"alloc", "malloc"},	 {"huge-pages", "yes"},
		{"pin", "cores"},	 {"trace", "t.csv"},	 {"trace-format", "aosp"},
		{"trace-pace", "1x"},	 {"evict", "lru:10"},	 {"events", "cycles"},
		{"tracking", "off"},	 {"sample", "8"},	 {"tracking-cost", "off"},
		{"sample-every", "1ms"}, {"audit", "yes"},	 {"gc-log", "yes"},
		{"trace-json", "yes"},	 {"scenario", "b"},	 {"seed", NULL},
		{"reps", NULL},		 {"rep", NULL},		 {"quiet", NULL},
		{"run-id", NULL},	 {"cell-id", NULL},	 {"out", NULL},
	};
	char base[MATRIX_ID_BYTES], traced[MATRIX_ID_BYTES], id[MATRIX_ID_BYTES],
		pin[MATRIX_ID_BYTES];
	char text[256];
	size_t n = 0;

	(void)state;
	id_of("[a]\nstrategy=ebr\n", base);
	id_of("[a]\nstrategy=ebr\ntrace=s.csv\n", traced);
	assert_string_not_equal(base, traced);
	while (run_options[n].name)
		n++;
	assert_int_equal(n, sizeof(options) / sizeof(options[0]));
	for (size_t i = 0; i < n; i++) {
		const char *option = options[i].option, *value = options[i].value;
		const bool is_traced =
			value && (!strcmp(option, "trace-pace") ||
				  !strcmp(option, "trace-format") || !strcmp(option, "evict"));
		size_t k = 0;

		while (k < n && strcmp(run_options[k].name, option))
			k++;
		assert_true(k < n);
		if (!value)
			continue;
		snprintf(text, sizeof(text), "[a]\n%s%s%s=%s\n",
			 strcmp(option, "strategy") ? "strategy=ebr\n" : "",
			 is_traced ? "trace=s.csv\n" : "", option, value);
		id_of(text, id);
		if (!strcmp(id, is_traced ? traced : base))
			fail_msg("%s=%s is no part of the id", option, value);
	}
	id_of("[a]\nstrategy=ebr\nseed=7\nquiet=yes\nreps=3\n", id);
	assert_string_equal(id, base);
	id_of("[a]\nstrategy=ebr\nsample-every=10000us\npin=none\n", id); /* as by default */
	assert_string_equal(id, base);
	id_of("[a]\nstrategy=ebr\npin=0,1\n", pin);
	id_of("[a]\nstrategy=ebr\npin=0\n", id);
	assert_string_not_equal(id, pin);
}

/* The code of the check of all cells, and what it says. */
static int check_said(const char *job, char *said, size_t size)
{
	char path[] = "/tmp/test_matrix_said.XXXXXX";
	const int fd = mkstemp(path), stderr_fd = dup(STDERR_FILENO);
	struct read_job r;

	job_from(&r, job);
	if (r.err)
		fail_msg("%s", r.error);
	assert_true(fd >= 0 && stderr_fd >= 0);
	dup2(fd, STDERR_FILENO);
	const int code = matrix_check_cells(&r.job);

	dup2(stderr_fd, STDERR_FILENO);
	close(stderr_fd);
	const ssize_t n = pread(fd, said, size - 1, 0);

	said[n > 0 ? n : 0] = '\0';
	close(fd);
	unlink(path);
	matrix_job_fini(&r.job);
	return code;
}

/* What would fail in the first second of a cell is found before the first cell runs, with its line; and cells whose
 * rows would be taken for repetitions of one are refused. */
static void test_checked_first(void **state)
{
	static const struct {
		const char *job, *line, *want; /* want NULL: good */
	} jobs[] = {
		{"[a]\npin=none|cores\nreps=2\n", "", NULL},
		{"[a]\nseed=1,2,3\n", ":2: ", "reps = N"},
		{"[a]\nseed=1,2,3\n", ":2: ", "with seed=2 measures the same as with seed=1"},
		{"[a]\nkeys=65536,2^16\n", ":2: ", "keys=2^16"},
		{"[a]\nscenario=x\nquiet=no\n[b]\n\nscenario=x\nquiet=yes\n", ":6: ", "(line 2)"},
		{"[a]\nstrategy=leak,sweepgen:gogcc=50\n", ":2: ", "no option \"gogcc\""},
		{"[a]\nstrategy=sweepgen:gogc=x\n", ":2: ", "gogc"},
		{"[a]\nstrategy=mark\nalloc=malloc\n", ":2: ", "alloc=span"},
		{"[a]\nstrategy=leak\nthreads=2048\nreaders=2048\n", ":2: ", "at most"},
		{"[a]\nkeys=1\nevents=cycles,no-such-event\n", ":2: ", "no-such-event"},
		{"[a]\ntrace=/dev/null\ntrace-pace=foo\n", ":2: ", "--trace-pace=foo"},
		{"[a]\ntrace=/dev/null\ntrace-format=foo\n", ":2: ", "--trace-format=foo"},
		{"[a]\ntrace=/dev/null\nevict=foo\n", ":2: ", "--evict=foo"},
		{"[a]\ntrace=/nowhere.csv\n", ":2: ", "/nowhere.csv: No such file"},
	};
	char said[2048];

	(void)state;
	for (size_t i = 0; i < sizeof(jobs) / sizeof(jobs[0]); i++) {
		const int code = check_said(jobs[i].job, said, sizeof(said));

		assert_int_equal(code, jobs[i].want ? EXIT_USAGE : 0);
		if (!strstr(said, jobs[i].line) || (jobs[i].want && !strstr(said, jobs[i].want)))
			fail_msg("got '%s', want '%s...%s'", said, jobs[i].line, jobs[i].want);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_lists),	      cmocka_unit_test(test_conditions),
		cmocka_unit_test(test_cells),	      cmocka_unit_test(test_refused),
		cmocka_unit_test(test_shards),	      cmocka_unit_test(test_command),
		cmocka_unit_test(test_nul),	      cmocka_unit_test(test_ids),
		cmocka_unit_test(test_checked_first),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
