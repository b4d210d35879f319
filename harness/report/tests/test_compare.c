/* SPDX-License-Identifier: MIT */
/* test_compare.c - verdicts, refusals, formats and exit codes of `compare`. */
#include <errno.h>
#include <jansson.h>
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "cli.h"
#include "report/compare.h"

extern const struct cli_command cmd_compare;

#ifdef RECLAIMBENCH_SANITIZED
#define N_AA 10
#else
#define N_AA 100
#endif

/* One group of repetitions to write: a base value, times noise, with a status. */
struct spec {
	const char *cell, *strategy, *stage, *metric, *stat, *unit, *better;
	double value, noise;
	int n;
	const char *status; /* NULL: ok */
};

struct file {
	char path[64];
	FILE *f;
	const char *env, *build;
	const char *what; /* role, object, phase and table state */
	uint64_t random;
};

static void file_open(struct file *file, uint64_t seed)
{
	snprintf(file->path, sizeof(file->path), "/tmp/test_compare.XXXXXX");
	file->f = fdopen(mkstemp(file->path), "w");
	assert_non_null(file->f);
	file->env = "env1";
	file->build = "build1";
	file->what = "mutator,all,total,all";
	file->random = seed;
#define COLUMN(name) fprintf(file->f, "%s%s", COL_##name ? "," : "", #name);
#include "report/columns.def"
#undef COLUMN
	fputc('\n', file->f);
}

static void file_row(struct file *file, const struct spec *s, int rep, const char *value)
{
	fprintf(file->f,
		"1,run1,%s,%s,%s,%s,,staged,1,65536,50/25/"
		"25,uniform,64,4096,empty,span,poisson,,%d,%d,%s,"
		"%.3f,,%s,%s,%s,%s,%s,%s,100,1,%s,\n",
		file->build, file->env, s->cell, s->strategy, 100 + rep, rep, s->stage,
		5 + rep * 0.01, file->what, s->metric, s->stat, value, s->unit, s->better,
		s->status ? s->status : "ok");
}

/* Spread evenly in [-noise, noise], in seeded random order of sign and size. */
static void file_add(struct file *file, const struct spec *s)
{
	for (int rep = 0; rep < s->n; rep++) {
		const double u = (double)(stats_random(&file->random) >> 11) / 9007199254740992.0;
		char value[64];

		snprintf(value, sizeof(value), "%.17g", s->value * (1 + s->noise * (2 * u - 1)));
		file_row(file, s, rep, value);
	}
}

static void file_close(struct file *file)
{
	assert_int_equal(fclose(file->f), 0);
}

static const struct compare_options defaults = {
	.alpha = 0.05,
	.min_effect = 0.05,
	.by = -1,
	.n_resamples = 1000,
	.seed = 1,
};

struct compared {
	struct table *tables[2];
	struct comparison c;
	char message[1024];
	int err;
};

static void compare_files(struct compared *x, const char *a, const char *b,
			  const struct compare_options *options)
{
	memset(x, 0, sizeof(*x));
	assert_int_equal(table_read(&x->tables[0], a, x->message, sizeof(x->message)), 0);
	if (b)
		assert_int_equal(table_read(&x->tables[1], b, x->message, sizeof(x->message)), 0);
	x->err = compare_tables(&x->c, (const struct table *const *)x->tables, options, x->message,
				sizeof(x->message));
}

static void compared_done(struct compared *x)
{
	comparison_free(&x->c);
	table_free(x->tables[0]);
	table_free(x->tables[1]);
}

static const struct compare_row *row_of(const struct comparison *c, const char *metric,
					const char *label)
{
	for (size_t i = 0; i < c->n_rows; i++) {
		if (!strcmp(c->tables[c->rows[i].table].metric, metric) &&
		    strstr(c->rows[i].label, label))
			return &c->rows[i];
	}
	fail_msg("no row %s %s", metric, label);
	return NULL;
}

/* A pair of files in which each metric went another way. */
static void write_pair(struct file *a, struct file *b)
{
	static const struct spec base[] = {
		{"c1", "mark", "1k", "lifetime", "p99", "ns", "lower", 1e6, 0.02, 10, NULL},
		{"c1", "mark", "max", "lifetime", "p99", "ns", "lower", 5e6, 0.02, 10, NULL},
		{"c1", "mark", "1k", "throughput", "rate", "ops/s", "higher", 1000, 0.01, 10, NULL},
		{"c1", "mark", "max", "throughput", "rate", "ops/s", "higher", 2e6, 0.01, 10, NULL},
		{"c1", "mark", "max", "cycles", "count", "", "", 10, 0.05, 10, NULL},
	};
	static const double factors[] = {1.5, 0.8, 1.0, 0.7, 3};

	file_open(a, 1);
	file_open(b, 2);
	for (size_t i = 0; i < sizeof(base) / sizeof(base[0]); i++) {
		struct spec changed = base[i];

		file_add(a, &base[i]);
		changed.value *= factors[i];
		file_add(b, &changed);
	}
	file_close(a);
	file_close(b);
}

static void pair_remove(struct file *a, struct file *b)
{
	unlink(a->path);
	unlink(b->path);
}

static void test_verdicts(void **state)
{
	struct file a, b;
	struct compared x;

	(void)state;
	write_pair(&a, &b);
	compare_files(&x, a.path, b.path, &defaults);
	assert_int_equal(x.err, 0);
	assert_int_equal(x.c.n_rows, 5);
	assert_int_equal(x.c.n_tables, 3);
	assert_int_equal(x.c.n_family, 4); /* cycles has no direction */
	const struct compare_row *slower = row_of(&x.c, "lifetime", "stage=1k");

	assert_int_equal(slower->verdict, COMPARE_REGRESSION);
	assert_true(fabs(slower->change - 0.5) < 0.05);
	assert_true(slower->change_interval.low < slower->change &&
		    slower->change < slower->change_interval.high);
	/* 10 against 10, fully apart, four tests. */
	assert_true(fabs(slower->p_holm / (4 * stats_min_p(10, 10)) - 1) < 1e-6);
	assert_true(slower->test.cliff_delta == 1);
	assert_int_equal(row_of(&x.c, "lifetime", "stage=max")->verdict, COMPARE_IMPROVEMENT);
	assert_int_equal(row_of(&x.c, "throughput", "stage=1k")->verdict, COMPARE_SAME);
	assert_int_equal(row_of(&x.c, "throughput", "stage=max")->verdict, COMPARE_REGRESSION);
	assert_int_equal(row_of(&x.c, "cycles", "")->verdict, COMPARE_DIFFERENT);
	/* The worst first. */
	assert_ptr_equal(slower, &x.c.rows[x.c.tables[0].first]);
	compared_done(&x);
	/* The same effect below what is of interest is no regression. */
	struct compare_options lenient = defaults;

	lenient.min_effect = 0.6;
	compare_files(&x, a.path, b.path, &lenient);
	assert_int_equal(row_of(&x.c, "lifetime", "stage=1k")->verdict, COMPARE_SAME);
	compared_done(&x);
	pair_remove(&a, &b);
}

static void test_too_few(void **state)
{
	const struct spec base = {"c1",	   "mark", "1k", "lifetime", "p99", "ns",
				  "lower", 1e6,	   0.02, 3,	     NULL};
	struct spec slow = base;
	struct file a, b;
	struct compared x;

	(void)state;
	slow.value *= 3;
	file_open(&a, 1);
	file_open(&b, 2);
	file_add(&a, &base);
	file_add(&b, &slow);
	file_close(&a);
	file_close(&b);
	compare_files(&x, a.path, b.path, &defaults);
	assert_int_equal(x.err, 0);
	assert_int_equal(x.c.rows[0].verdict, COMPARE_TOO_FEW);
	assert_true(fabs(x.c.rows[0].test.p - 0.1) < 1e-9);
	assert_int_equal(x.c.rows[0].reps_needed, 4); /* 2 / C(8,4) = 0.029 */
	compared_done(&x);
	pair_remove(&a, &b);
}

/* Bounds: the new figures are only known to be larger. */
static void test_censored(void **state)
{
	const struct spec base = {"c1",	   "mark", "1k", "lifetime", "p99", "ns",
				  "lower", 1e6,	   0.02, 8,	     NULL};
	struct spec bound = base;
	struct file a, b;
	struct compared x;
	char text[65536] = "";

	(void)state;
	bound.status = "censored";
	bound.value = 2e6;
	file_open(&a, 1);
	file_open(&b, 2);
	file_add(&a, &base);
	file_add(&b, &bound);
	file_close(&a);
	file_close(&b);
	compare_files(&x, a.path, b.path, &defaults);
	const struct compare_row *row = &x.c.rows[0];

	/* At least twice as slow, whatever the true figures are: a regression, with an open end. */
	assert_int_equal(row->verdict, COMPARE_REGRESSION);
	assert_true(row->new.is_bound &&isinf(row->change_interval.high));
	assert_true(row->change_interval.low > 0.9);
	FILE *out = fmemopen(text, sizeof(text), "w");

	assert_int_equal(compare_print(&x.c, &defaults, COMPARE_TEXT, false, out), 0);
	fclose(out);
	assert_non_null(strstr(text, ">2")); /* printed as a bound */
	compared_done(&x);
	/* The other way round nothing is sure: the base may be larger than the new. */
	bound.value = 0.5e6;
	pair_remove(&a, &b);
	file_open(&a, 1);
	file_add(&a, &bound);
	file_close(&a);
	file_open(&b, 1);
	file_add(&b, &base);
	file_close(&b);
	compare_files(&x, a.path, b.path, &defaults);
	assert_int_equal(x.c.rows[0].verdict, COMPARE_INCONCLUSIVE);
	assert_true(x.c.rows[0].test.p == 1 && x.c.rows[0].change_interval.low == -1);
	assert_int_equal(x.c.rows[0].reps_needed, 0);
	compared_done(&x);
	pair_remove(&a, &b);
}

static void test_by_strategy(void **state)
{
	const struct spec leak = {"c1", "leak", "max", "throughput", "rate", "ops/s", "higher",
				  100,	0.02,	8,     NULL};
	struct spec mark = leak, ebr = leak;
	struct compare_options options = defaults;
	struct file a;
	struct compared x;

	(void)state;
	mark.cell = "c2";
	mark.strategy = "mark";
	mark.value = 80;
	ebr.cell = "c3";
	ebr.strategy = "ebr";
	ebr.value = 101;
	file_open(&a, 1);
	file_add(&a, &mark);
	file_add(&a, &leak);
	file_add(&a, &ebr);
	file_close(&a);
	options.by = COL_strategy;
	options.base = "leak";
	compare_files(&x, a.path, NULL, &options);
	assert_string_equal(x.message, "out of memory"); /* untouched */
	assert_int_equal(x.err, 0);
	assert_int_equal(x.c.n_rows, 2);
	assert_string_equal(x.c.base_name, "leak");
	assert_string_equal(x.c.variant_names[x.c.rows[0].variant], "mark"); /* the worst first */
	assert_int_equal(x.c.rows[0].verdict, COMPARE_REGRESSION);
	assert_string_equal(x.c.variant_names[x.c.rows[1].variant], "ebr");
	assert_int_equal(x.c.rows[1].verdict, COMPARE_SAME);
	compared_done(&x);
	options.base = "rcu";
	compare_files(&x, a.path, NULL, &options);
	assert_int_equal(x.err, -EINVAL);
	assert_string_equal(x.message, "--base=rcu: the file has mark, leak, ebr");
	compared_done(&x);
	unlink(a.path);
}

static void test_not_comparable(void **state)
{
	const struct spec base = {"c1",	   "mark", "1k", "lifetime", "p99", "ns",
				  "lower", 1e6,	   0.02, 5,	     NULL};
	struct compare_options options = defaults;
	struct spec other = base;
	struct file a, b;
	struct compared x;

	(void)state;
	file_open(&a, 1);
	file_add(&a, &base);
	file_close(&a);
	/* Another machine. */
	file_open(&b, 2);
	b.env = "env2";
	file_add(&b, &base);
	file_close(&b);
	compare_files(&x, a.path, b.path, &options);
	assert_int_equal(x.err, -EXDEV);
	assert_non_null(strstr(x.message, "the machine differs"));
	compared_done(&x);
	options.allow_machine = true;
	compare_files(&x, a.path, b.path, &options);
	assert_int_equal(x.err, 0);
	assert_int_equal(x.c.n_remarks, 1); /* and it is said */
	compared_done(&x);
	unlink(b.path);
	/* Another metric set. */
	file_open(&b, 2);
	file_add(&b, &base);
	other.metric = "pause";
	file_add(&b, &other);
	file_close(&b);
	compare_files(&x, a.path, b.path, &options);
	assert_int_equal(x.err, -EXDEV);
	assert_non_null(strstr(x.message, "e.g. pause p99"));
	compared_done(&x);
	unlink(b.path);
	/* Another unit. */
	file_open(&b, 2);
	other = base;
	other.unit = "us";
	file_add(&b, &other);
	file_close(&b);
	compare_files(&x, a.path, b.path, &options);
	assert_int_equal(x.err, -EINVAL);
	assert_non_null(strstr(x.message, "lifetime p99 in 'us', but in 'ns' at"));
	compared_done(&x);
	unlink(b.path);
	/* A repetition twice. */
	file_open(&b, 2);
	file_add(&b, &base);
	file_add(&b, &base);
	file_close(&b);
	compare_files(&x, a.path, b.path, &options);
	assert_int_equal(x.err, -EINVAL);
	assert_non_null(
		strstr(x.message, ":7: repetition 0 of lifetime p99 stands already at line 2"));
	compared_done(&x);
	pair_remove(&a, &b);
}

/* 100 A/A comparisons of 20 figures each: no regression in any but alpha of them. */
static void test_aa(void **state)
{
	int n_regressions = 0;

	(void)state;
	for (int round = 0; round < N_AA; round++) {
		struct file a, b;
		struct compared x;

		file_open(&a, 1000 + 2 * (uint64_t)round);
		file_open(&b, 1001 + 2 * (uint64_t)round);
		for (int m = 0; m < 20; m++) {
			char name[16];
			const struct spec s = {"c1",	"mark", "1k", name, "p99", "ns",
					       "lower", 1e6,	0.3,  8,    NULL};

			snprintf(name, sizeof(name), "m%d", m);
			file_add(&a, &s);
			file_add(&b, &s);
		}
		file_close(&a);
		file_close(&b);
		compare_files(&x, a.path, b.path, &defaults);
		assert_int_equal(x.err, 0);
		n_regressions += x.c.n_verdicts[COMPARE_REGRESSION] > 0;
		compared_done(&x);
		pair_remove(&a, &b);
	}
	print_message("%d of %d A/A comparisons report a regression\n", n_regressions, N_AA);
	assert_true(n_regressions <= 0.05 * N_AA);
}

/* ---------------------------------------------------------------- the command */

/* Run it with its output in a file; returns the exit code. */
static int command(const char *out_path, char *a, char *b, char *c, char *d)
{
	char name[] = "compare";
	char *argv[] = {name, a, b, c, d, NULL};
	int argc = 1;
	int code;
	const int saved_out = dup(STDOUT_FILENO);
	const int saved_err = dup(STDERR_FILENO);

	while (argv[argc])
		argc++;
	fflush(stdout);
	assert_non_null(freopen(out_path, "w", stdout));
	assert_true(dup2(STDOUT_FILENO, STDERR_FILENO) >= 0);
	code = cmd_compare.main(argc, argv);
	fflush(stdout);
	dup2(saved_out, STDOUT_FILENO);
	dup2(saved_err, STDERR_FILENO);
	close(saved_out);
	close(saved_err);
	return code;
}

static void test_exit_codes(void **state)
{
	struct file a, b;
	char nowhere[] = "/nowhere.csv";
	char none[] = "--fail-on=none", both[] = "--fail-on=inconclusive,regression",
	     only[] = "--fail-on=inconclusive", lenient[] = "--min-effect=90%",
	     bad[] = "--fail-on=all", bad_by[] = "--by=value", where[] = "--where=colour=red",
	     metric[] = "--metric=cycles", help[] = "--help";

	(void)state;
	write_pair(&a, &b);
	assert_int_equal(command("/dev/null", a.path, b.path, NULL, NULL), EXIT_CHECK_FAILED);
	assert_int_equal(command("/dev/null", a.path, a.path, NULL, NULL), EXIT_GOOD);
	assert_int_equal(command("/dev/null", a.path, b.path, none, NULL), EXIT_GOOD);
	assert_int_equal(command("/dev/null", a.path, b.path, both, NULL), EXIT_CHECK_FAILED);
	assert_int_equal(command("/dev/null", a.path, b.path, metric, NULL), EXIT_GOOD);
	assert_int_equal(command("/dev/null", a.path, b.path, bad, NULL), EXIT_USAGE);
	assert_int_equal(command("/dev/null", a.path, bad_by, NULL, NULL), EXIT_USAGE);
	assert_int_equal(command("/dev/null", a.path, b.path, where, NULL), EXIT_USAGE);
	assert_int_equal(command("/dev/null", a.path, NULL, NULL, NULL), EXIT_USAGE);
	assert_int_equal(command("/dev/null", a.path, nowhere, NULL, NULL), EXIT_USAGE);
	assert_int_equal(command("/dev/null", help, NULL, NULL, NULL), EXIT_GOOD);
	/* +200 % of cycles lies beyond 90 %, +50 % of lifetime and -30 % of throughput within it. */
	assert_int_equal(command("/dev/null", a.path, b.path, only, lenient), EXIT_GOOD);
	unlink(b.path);
	/* A failed cell. */
	file_open(&b, 3);
	struct spec s = {"c1", "mark", "1k", "lifetime", "p99", "ns", "lower", 1e6, 0.5, 5, NULL};

	file_add(&b, &s);
	s.status = "failed";
	file_row(&b, &s, 5, "");
	file_close(&b);
	assert_int_equal(command("/dev/null", b.path, b.path, NULL, NULL), EXIT_CELLS_FAILED);
	unlink(b.path);
	/* Noise of 50 % and 5 repetitions decide nothing. */
	file_open(&b, 4);
	s.status = NULL;
	file_add(&b, &s);
	file_close(&b);
	assert_int_equal(command("/dev/null", b.path, b.path, only, NULL), EXIT_INCONCLUSIVE);
	unlink(b.path);
	/* Another build. */
	file_open(&b, 4);
	b.build = "build2";
	file_add(&b, &s);
	file_close(&b);
	assert_int_equal(command("/dev/null", a.path, b.path, NULL, NULL), EXIT_NOT_COMPARABLE);
	pair_remove(&a, &b);
}

static size_t slurp(const char *path, char *text, size_t size)
{
	FILE *f = fopen(path, "r");

	assert_non_null(f);
	const size_t n = fread(text, 1, size - 1, f);

	text[n] = '\0';
	fclose(f);
	return n;
}

/* The figures of a small matrix as a run writes them, each `factor` times as bad as the first file's. */
static void write_run(struct file *file, uint64_t seed, int n, double factor)
{
	static const char *const stages[] = {"1k", "max"};
	static const char *const lifetimes[] = {
		"process,all,total,all",    "process,value,total,all", "process,value,total,steady",
		"process,all,total,steady", "process,value,limbo,all", "process,value,grace,all",
	};
	static const char *const roles[] = {"mutator,all,,", "reader,all,,", "collector,all,,"};

	file_open(file, seed);
	for (size_t i = 0; i < 2; i++) {
		struct spec s = {"c1",	 "mark",  stages[i], "throughput",
				 "rate", "ops/s", "higher",  1e6 / factor,
				 0.02,	 n,	  NULL};

		file->what = "mutator,all,,";
		file_add(file, &s);
		for (size_t k = 0; k < sizeof(lifetimes) / sizeof(lifetimes[0]); k++) {
			file->what = lifetimes[k];
			s = (struct spec){"c1",	   "mark",	 stages[i], "lifetime", "p99", "ns",
					  "lower", 1e6 * factor, 0.02,	    n,		NULL};
			file_add(file, &s);
		}
		for (size_t k = 0; k < sizeof(roles) / sizeof(roles[0]); k++) {
			file->what = roles[k];
			s = (struct spec){"c1",	   "mark",	 stages[i], "cpu_time", "sum", "ns",
					  "lower", 1e9 * factor, 0.02,	    n,		NULL};
			file_add(file, &s);
		}
		file->what = "process,all,,";
		s = (struct spec){"c1",	   "mark",	 stages[i], "cpu_time", "mean", "ns/op",
				  "lower", 500 * factor, 0.02,	    n,		NULL};
		file_add(file, &s);
		/* Nothing is ever in limbo: no test of the others shall pay for that. */
		s = (struct spec){"c1", "mark", stages[i], "limbo_bytes", "max", "bytes", "lower",
				  0,	0,	n,	   NULL};
		file_add(file, &s);
	}
	file_close(file);
}

static void print_to(char *text, size_t size, const struct comparison *c,
		     const struct compare_options *options)
{
	FILE *out = fmemopen(text, size, "w");

	memset(text, 0, size);
	assert_int_equal(compare_print(c, options, COMPARE_TEXT, false, out), 0);
	fclose(out);
}

static size_t slurp(const char *path, char *text, size_t size);

/* By default few enough figures that five repetitions see what is ten times worse; and where none could, that is
 * said. */
static void test_defaults_can_decide(void **state)
{
	static char text[262144];
	char out[] = "/tmp/test_compare_out.XXXXXX";
	char all[] = "--metric=*", inconclusive[] = "--fail-on=inconclusive";
	struct file a, b;

	(void)state;
	close(mkstemp(out));
	write_run(&a, 1, 5, 1);
	write_run(&b, 2, 5, 10);
	/* Throughput, lifetime and processor time of two stages: 6 tests, of which each can reach 0.048. */
	assert_int_equal(command(out, a.path, b.path, NULL, NULL), EXIT_CHECK_FAILED);
	slurp(out, text, sizeof(text));
	assert_non_null(strstr(text, "after Holm over 6 tests"));
	assert_non_null(strstr(text, "8 figures: 6 regression, 2 same"));
	assert_null(strstr(text, "NOTHING CAN BE DECIDED"));
	assert_int_equal(command(out, b.path, a.path, NULL, NULL), EXIT_GOOD);
	/* All of them: 22 tests. */
	assert_int_equal(command(out, a.path, b.path, all, NULL), EXIT_GOOD);
	slurp(out, text, sizeof(text));
	assert_non_null(strstr(text, "warning: no outcome of these repetitions"));
	assert_non_null(strstr(text, "NOTHING CAN BE DECIDED HERE: the smallest p of so few "
				     "repetitions is 0.0079, and 22 tests share alpha 0.05"));
	assert_non_null(strstr(text, "6 repetitions a side would do, or at most 6 figures"));
	assert_int_equal(command(out, a.path, b.path, all, inconclusive), EXIT_INCONCLUSIVE);
	pair_remove(&a, &b);
	write_run(&a, 1, 6, 1);
	write_run(&b, 2, 6, 10);
	assert_int_equal(command(out, a.path, b.path, all, NULL), EXIT_CHECK_FAILED);
	slurp(out, text, sizeof(text));
	assert_null(strstr(text, "NOTHING CAN BE DECIDED"));
	pair_remove(&a, &b);
	unlink(out);
}

/* A stage that --steady ends later takes more processor time, and as much for each operation. */
static void test_lengths_are_no_regression(void **state)
{
	char metric[] = "--metric=cpu_time:sum";
	struct file files[2];

	(void)state;
	for (int i = 0; i < 2; i++) {
		struct file *file = &files[i];
		struct spec s = {"c1",	  "mark",	 "max", "cpu_time", "sum", "ns",
				 "lower", i ? 2e9 : 1e9, 0.02,	10,	    NULL};

		file_open(file, (uint64_t)i + 1);
		file->what = "process,all,,";
		file_add(file, &s);
		s.stat = "mean";
		s.unit = "ns/op";
		s.value = 500;
		file_add(file, &s);
		file_close(file);
	}
	assert_int_equal(command("/dev/null", files[0].path, files[1].path, NULL, NULL), EXIT_GOOD);
	/* The total is compared by who asks for it. */
	assert_int_equal(command("/dev/null", files[0].path, files[1].path, metric, NULL),
			 EXIT_CHECK_FAILED);
	pair_remove(&files[0], &files[1]);
}

/* Where nothing stands on both sides nothing was compared, whatever is allowed. */
static void test_nothing_in_common(void **state)
{
	char mixed[] = "--allow-mixed", strict[] = "--fail-on=regression,inconclusive",
	     by[] = "--by=strategy", none[] = "--fail-on=none";
	struct spec s = {"c1", "mark", "1k", "throughput", "rate", "ops/s", "higher",
			 1e3,  0.02,   5,    NULL};
	struct file a, b;

	(void)state;
	file_open(&a, 1);
	file_add(&a, &s);
	file_close(&a);
	s.cell = "c2";
	file_open(&b, 2);
	file_add(&b, &s);
	file_close(&b);
	assert_int_equal(command("/dev/null", a.path, b.path, mixed, NULL), EXIT_NOT_COMPARABLE);
	assert_int_equal(command("/dev/null", a.path, b.path, mixed, strict), EXIT_NOT_COMPARABLE);
	assert_int_equal(command("/dev/null", a.path, b.path, mixed, none), EXIT_NOT_COMPARABLE);
	assert_int_equal(command("/dev/null", by, a.path, NULL, NULL), EXIT_NOT_COMPARABLE);
	unlink(b.path);
	/* One figure in common is enough. */
	file_open(&b, 3);
	file_add(&b, &s);
	s.cell = "c1";
	file_add(&b, &s);
	file_close(&b);
	assert_int_equal(command("/dev/null", a.path, b.path, mixed, NULL), EXIT_GOOD);
	pair_remove(&a, &b);
}

/* What one and three repetitions cannot tell is not printed. */
static void test_few_claim_nothing(void **state)
{
	static char text[65536];
	const struct spec base = {"c1",	   "mark", "1k", "lifetime", "p99", "ns",
				  "lower", 1e6,	   0.02, 1,	     NULL};
	struct spec slow = base;
	struct compared x;
	struct file a, b;

	(void)state;
	slow.value *= 3;
	for (slow.n = 1; slow.n <= 5; slow.n += 2) {
		struct spec fast = base;

		fast.n = slow.n;
		file_open(&a, 1);
		file_open(&b, 2);
		file_add(&a, &fast);
		file_add(&b, &slow);
		file_close(&a);
		file_close(&b);
		compare_files(&x, a.path, b.path, &defaults);
		print_to(text, sizeof(text), &x.c, &defaults);
		const struct compare_row *row = &x.c.rows[0];

		/* Three: a spread, but no p below 0.1, so no change that would be found. */
		assert_int_equal(isnan(row->detectable), slow.n < 5);
		assert_int_equal(isnan(row->change_interval.low), slow.n == 1);
		assert_int_equal(x.c.is_blind, slow.n < 5);
		assert_int_equal(strstr(text, "±") != NULL, slow.n > 1);
		assert_int_equal(strstr(text, "% [") != NULL, slow.n > 1);
		assert_int_equal(strstr(text, "NOTHING CAN BE DECIDED HERE") != NULL, slow.n < 5);
		if (slow.n == 1) {
			assert_int_equal(row->reps_needed, 0);
			assert_non_null(strstr(text, "; one repetition has no spread"));
		}
		compared_done(&x);
		pair_remove(&a, &b);
	}
}

/* A change and its interval in one notation; means over one variant's rows, not over strategies. */
static void test_notation_and_means(void **state)
{
	static char text[65536];
	struct spec s = {"c1", "leak", "1k", "lifetime", "p99", "ns", "lower", 1e6, 0.3, 8, NULL};
	struct compare_options options = defaults;
	struct compared x;
	struct file a, b;

	(void)state;
	file_open(&a, 1);
	file_add(&a, &s);
	file_close(&a);
	file_open(&b, 2);
	s.value *= 10.2;
	file_add(&b, &s);
	file_close(&b);
	compare_files(&x, a.path, b.path, &defaults);
	/* It straddles where percents end. */
	assert_true(x.c.rows[0].change_interval.low < 9 && x.c.rows[0].change_interval.high > 9);
	print_to(text, sizeof(text), &x.c, &defaults);
	assert_non_null(strstr(text, " [x"));
	assert_non_null(strstr(text, ", x"));
	assert_null(strstr(text, "% ["));
	assert_null(strstr(text, "[+"));
	compared_done(&x);
	pair_remove(&a, &b);

	static const struct {
		const char *cell, *strategy;
		double factor;
	} variants[] = {{"c1", "leak", 1}, {"c2", "mark", 2}, {"c3", "ebr", 0.5}};

	file_open(&a, 1);
	for (size_t i = 0; i < 6; i++) {
		s = (struct spec){variants[i / 2].cell,
				  variants[i / 2].strategy,
				  i % 2 ? "max" : "1k",
				  "lifetime",
				  "p99",
				  "ns",
				  "lower",
				  1e6 * variants[i / 2].factor,
				  0,
				  8,
				  NULL};
		file_add(&a, &s);
	}
	file_close(&a);
	options.by = COL_strategy;
	options.base = "leak";
	compare_files(&x, a.path, NULL, &options);
	print_to(text, sizeof(text), &x.c, &options);
	assert_non_null(strstr(text, "geometric mean of the changes, mark: +100.0%\n"));
	assert_non_null(strstr(text, "geometric mean of the changes, ebr: -50.0%\n"));
	compared_done(&x);
	unlink(a.path);
}

static void test_formats(void **state)
{
	static char text[262144];
	char out[] = "/tmp/test_compare_out.XXXXXX";
	char json[] = "--format=json", csv[] = "--format=csv", markdown[] = "--format=markdown",
	     color[] = "--color=always", all[] = "--metric=*";
	struct file a, b;
	json_t *root;

	(void)state;
	close(mkstemp(out));
	write_pair(&a, &b);
	command(out, a.path, b.path, json, all);
	root = json_load_file(out, 0, NULL);
	assert_non_null(root);
	const json_t *first = json_array_get(json_object_get(root, "figures"), 0);

	assert_int_equal(json_array_size(json_object_get(root, "figures")), 5);
	assert_string_equal(json_string_value(json_object_get(first, "verdict")), "regression");
	assert_true(fabs(json_number_value(json_object_get(first, "change")) - 0.5) < 0.05);
	json_decref(root);

	command(out, a.path, b.path, csv, all);
	slurp(out, text, sizeof(text));
	size_t n_lines = 0, n_commas = 0;

	for (const char *p = text; *p; p++) {
		n_lines += *p == '\n';
		n_commas += *p == ',';
	}
	assert_int_equal(n_lines, 6);
	assert_int_equal(n_commas, 6 * 31);
	command(out, a.path, b.path, markdown, NULL);
	slurp(out, text, sizeof(text));
	assert_non_null(
		strstr(text, "### lifetime total p99 all mutator all (ns, lower is better)"));
	assert_non_null(strstr(text, "| stage=1k |"));
	command(out, a.path, b.path, NULL, NULL); /* not a terminal: no colour */
	slurp(out, text, sizeof(text));
	assert_null(strchr(text, '\033'));
	assert_non_null(strstr(text, "REGRESSION"));
	command(out, a.path, b.path, color, NULL);
	slurp(out, text, sizeof(text));
	assert_non_null(strstr(text, "\033[31mREGRESSION\033[0m"));
	unlink(out);
	pair_remove(&a, &b);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_verdicts),
		cmocka_unit_test(test_too_few),
		cmocka_unit_test(test_censored),
		cmocka_unit_test(test_by_strategy),
		cmocka_unit_test(test_not_comparable),
		cmocka_unit_test(test_aa),
		cmocka_unit_test(test_exit_codes),
		cmocka_unit_test(test_formats),
		cmocka_unit_test(test_defaults_can_decide),
		cmocka_unit_test(test_lengths_are_no_regression),
		cmocka_unit_test(test_nothing_in_common),
		cmocka_unit_test(test_few_claim_nothing),
		cmocka_unit_test(test_notation_and_means),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
