/* SPDX-License-Identifier: MIT */
/* synthetic.h - a made-up result directory for tests of plot, report and export: several strategies, stages and
 * repetitions, and every status.  The figures mean nothing.  Included by one test file each. */
#ifndef RECLAIMBENCH_TESTS_SYNTHETIC_H
#define RECLAIMBENCH_TESTS_SYNTHETIC_H

#include <errno.h>
#include <ftw.h>
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#include "report/csv.h"

struct synthetic_strategy {
	const char *name, *options;
	double median_ns; /* 0: frees nothing */
	bool is_hidden;	  /* the moment of safety is not told */
};

static const struct synthetic_strategy synthetic_plain[] = {
	{"leak", "", 0, false},		{"immediate", "", 180, false},
	{"sweepgen", "", 1.8e8, false}, {"sweepgen", "batch=64,gogc=50", 0.9e8, false},
	{"rcu", "", 9e6, true},		{NULL, NULL, 0, false},
};

/* Names that try to break out of CSV, gnuplot, HTML, JSON or a shell. */
static const struct synthetic_strategy synthetic_hostile[] = {
	{"a\"b'c<script>alert(1)</script>", "$(touch pwned),`touch pwned`", 5e5, false},
	{"{/Symbol x}^2_3 @x &{y} %s %n ~a", "back\\slash\\n, tab\tnew\nline", 6e6, false},
	{"na\xc3\xafve \xe6\x97\xa5\xe6\x9c\xac \xff long long long long long long long long long",
	 "", 7e7, false},
	{"';system('touch pwned');'", "';!touch pwned", 7e6, false},
	{NULL, NULL, 0, false},
};

/* The columns of a strategy's cell; the texts are not copied. */
static inline struct report_cell synthetic_columns(const char *cell_id,
						   const struct synthetic_strategy *strategy)
{
	return (struct report_cell){
		.run_id = "r1",
		.build_id = "b1",
		.env_id = "e1",
		.cell_id = cell_id,
		.strategy = strategy->name,
		.options = strategy->options,
		.scenario = "staged",
		.threads = 1,
		.keys = 1024,
		.mix = "50/25/25",
		.dist = "uniform",
		.value_bytes = 64,
		.garbage_bytes = 4096,
		.unlink = "empty",
		.alloc = "span",
		.arrival = "poisson",
		.trace = "",
		.seed = 1,
	};
}

struct synthetic {
	struct report_file *csv, *timeline;
	struct report_cell cell;
	struct report_stage stage;
	unsigned rep;
	double third_ratio; /* Little's, in the third repetition */
};

static void synthetic_row(struct synthetic *s, struct report_row row)
{
	if (!row.status)
		row.status = "ok";
	row.sampled_1_in = 1;
	if (!row.role)
		row.role = "process";
	assert_int_equal(report_row_add(s->csv, &s->cell, &s->stage, &row), 0);
}

static void synthetic_lifetimes(struct synthetic *s, const struct synthetic_strategy *strategy,
				const char *phase, double part, uint64_t n)
{
	static const char *const stats[] = {"p50", "p90", "p99", "p999", "max", "mean"};
	const bool is_hidden =
		strategy->is_hidden && (!strcmp(phase, "grace") || !strcmp(phase, "sweep"));

	for (int i = 0; i < 6; i++) {
		struct report_row row = {.object = "value",
					 .phase = phase,
					 .table_state = "all",
					 .metric = "lifetime",
					 .stat = stats[i],
					 .unit = "ns",
					 .better = "lower",
					 .n = n};

		/* Different from repetition to repetition, by 1 % and 3 %. */
		row.value = strategy->median_ns * part * pow(1.7, i == 5 ? 0.4 : i) *
			    (s->rep == 0   ? 1
			     : s->rep == 1 ? 1.01
					   : 0.97);
		if (is_hidden) {
			row.value = NAN;
			row.status = "not_available";
			row.reason = "the library hides it";
		} else if (!(strategy->median_ns > 0) || (strategy->median_ns > 1.5e8 && i == 3)) {
			row.value = 5e9;
			row.status = "censored";
		} else if (i == 3 && n < 3688) {
			row.status = "weak";
			row.reason = "too few samples for this percentile";
		}
		synthetic_row(s, row);
	}
}

static void synthetic_operations(struct synthetic *s, double rate)
{
	static const char *const stats[] = {"p50", "p90", "p99", "p999"};
	static const char *const metrics[] = {"service", "response"};

	for (int i = 0; i < 8; i++)
		synthetic_row(s, (struct report_row){.role = "mutator",
						     .object = "delete",
						     .metric = metrics[i % 2],
						     .stat = stats[i / 2],
						     .value = 200 * pow(4, i / 2) *
							      (i % 2 ? 1 + rate / 2e5 : 1),
						     .unit = "ns",
						     .better = "lower",
						     .n = 5000});
	for (int i = 0; i < 2; i++)
		synthetic_row(s,
			      (struct report_row){.role = i ? "collector" : "mutator",
						  .metric = "event:PERF_COUNT_SW_TASK_CLOCK",
						  .stat = "sum",
						  .value = rate * s->stage.stage_s * (i ? 60 : 300),
						  .unit = "count"});
	synthetic_row(s, (struct report_row){.role = "mutator",
					     .metric = "event:CYCLES",
					     .stat = "sum",
					     .value = NAN,
					     .unit = "count",
					     .status = "not_available",
					     .reason = "not supported here (ENOENT)"});
}

static void synthetic_stage(struct synthetic *s, const struct synthetic_strategy *strategy,
			    double rate)
{
	static const struct {
		const char *name;
		double part;
	} phases[] = {{"total", 1}, {"ghost", 0.1}, {"grace", 0.6}, {"sweep", 0.3}, {"limbo", 0.9}};
	const bool is_saturated = rate == 5000 && strategy->median_ns == 1.8e8;

	synthetic_row(s, (struct report_row){.role = "mutator",
					     .metric = "throughput",
					     .stat = "rate",
					     .value = rate * (is_saturated ? 0.9 : 1),
					     .unit = "ops/s",
					     .better = "higher",
					     .n = (uint64_t)(rate * 5),
					     .status = is_saturated ? "saturated" : "ok"});
	for (int i = 0; i < 5; i++)
		synthetic_lifetimes(s, strategy, phases[i].name, phases[i].part,
				    (uint64_t)(rate * 1.25));
	synthetic_operations(s, rate);
	synthetic_row(s, (struct report_row){.metric = "little_ratio",
					     .stat = "mean",
					     .value = s->rep == 2 ? s->third_ratio : 1.0004,
					     .unit = "ratio"});
	synthetic_row(s, (struct report_row){.metric = "conservation_error",
					     .stat = "max",
					     .value = 0,
					     .unit = "objects"});
	synthetic_row(s, (struct report_row){.metric = "bytes_per_entry",
					     .stat = "mean",
					     .value = 40 + rate / 1e4,
					     .unit = "bytes"});
	synthetic_row(s, (struct report_row){.metric = "tracking_cost",
					     .stat = "p50",
					     .value = 1.04,
					     .unit = "ratio"});
	synthetic_row(s, (struct report_row){.metric = "limbo_bytes",
					     .stat = "max",
					     .value = rate * 16,
					     .unit = "bytes"});
}

static void synthetic_cell(struct synthetic *s, const struct synthetic_strategy *strategy,
			   bool is_failed)
{
	static const struct {
		const char *name;
		double rate;
	} stages[] = {{"1k", 1000}, {"5k", 5000}, {"max", 2e6}};

	for (int i = 0; i < 3; i++) {
		s->stage =
			(struct report_stage){.stage = stages[i].name,
					      .stage_s = 5,
					      .offered_ops_per_s = i == 2 ? NAN : stages[i].rate};
		if (is_failed) {
			synthetic_row(s, (struct report_row){.metric = "throughput",
							     .stat = "rate",
							     .value = NAN,
							     .unit = "ops/s",
							     .status = "failed",
							     .reason = "killed by signal 9"});
			return;
		}
		synthetic_stage(s, strategy, stages[i].rate);
		for (int tick = 0; tick < 50; tick++) {
			const struct report_sample sample = {
				.stage = stages[i].name,
				.time_ns = (uint64_t)i * 5000000000u + (uint64_t)tick * 100000000u,
				.limbo_bytes =
					(uint64_t)(tick % 10) * (uint64_t)stages[i].rate * 10,
			};

			assert_int_equal(report_sample_add(s->timeline, &s->cell, &sample), 0);
		}
	}
}

/* As synthetic_make(), appended as a run of this name, with another result of the check by Little's law in the third
 * repetition. */
static void synthetic_make_run(const char *dir, const struct synthetic_strategy *strategies,
			       unsigned n_reps, unsigned n_keys, double third_ratio,
			       const char *run_id)
{
	struct synthetic s = {.third_ratio = third_ratio};
	char path[512];
	char message[512];
	char cell_id[32];

	mkdir(dir, 0777);
	snprintf(path, sizeof(path), "%s/run.csv", dir);
	assert_int_equal(report_file_open(&s.csv, path, false, message, sizeof(message)), 0);
	snprintf(path, sizeof(path), "%s/timeline.csv", dir);
	assert_int_equal(report_file_open(&s.timeline, path, true, message, sizeof(message)), 0);
	for (s.rep = 0; s.rep < n_reps; s.rep++) {
		for (unsigned k = 0; k < n_keys; k++) {
			for (unsigned i = 0; strategies[i].name; i++) {
				snprintf(cell_id, sizeof(cell_id), "c%u-%u", k, i);
				s.cell = synthetic_columns(cell_id, &strategies[i]);
				s.cell.run_id = run_id;
				s.cell.keys = 1024u << (4 * k);
				s.cell.rep = s.rep;
				synthetic_cell(&s, &strategies[i],
					       n_keys > 1 && k == 0 && !strategies[i + 1].name);
			}
		}
	}
	assert_int_equal(report_file_flush(s.csv), 0);
	assert_int_equal(report_file_flush(s.timeline), 0);
	assert_int_equal(report_file_close(s.csv), 0);
	assert_int_equal(report_file_close(s.timeline), 0);
}

/* Make DIR/run.csv and DIR/timeline.csv.  `n_keys` sizes; with more than one, the last strategy fails in
 * the first. */
static void synthetic_make(const char *dir, const struct synthetic_strategy *strategies,
			   unsigned n_reps, unsigned n_keys)
{
	synthetic_make_run(dir, strategies, n_reps, n_keys, 1.0004, "r1");
}

/* A scenario with these stages; of strategies "leak" and "rcu", the second twice as fast. */
struct synthetic_load {
	const char *scenario, *trace;
	struct report_stage stages[4]; /* up to a name of NULL */
};

/* What one name of a stage may be in one file: long, short, and the pace of a trace.  200 ns of processor time an
 * operation everywhere. */
static const struct synthetic_load synthetic_loads[] = {
	{"long", "", {{"max", 1, NAN}, {NULL, 0, 0}}},
	{"short",
	 "",
	 {{"5k:stall=10ms", 0.3, 5000},
	  {"max", 0.25, NAN},
	  {"5k:stall=10ms#2", 0.5, 5000},
	  {NULL, 0, 0}}},
	{"paced", "t.csv", {{"max", 2, 700}, {NULL, 0, 0}}},
};

static inline void synthetic_load_cell(struct synthetic *s, const struct synthetic_load *load,
				       unsigned strategy)
{
	const struct synthetic_strategy plain = {.name = strategy ? "rcu" : "leak", .options = ""};
	char cell_id[64];

	snprintf(cell_id, sizeof(cell_id), "%s-%u", load->scenario, strategy);
	s->cell = synthetic_columns(cell_id, &plain);
	s->cell.scenario = load->scenario;
	s->cell.threads = 2;
	s->cell.keys = 65536;
	s->cell.trace = load->trace;
	s->cell.seed = 7;
	for (const struct report_stage *stage = load->stages; stage->stage; stage++) {
		const double rate = isnan(stage->offered_ops_per_s) ? 1e6 * (strategy + 1)
								    : stage->offered_ops_per_s;
		const double n = rate * stage->stage_s;

		s->stage = *stage;
		synthetic_row(s, (struct report_row){.role = "mutator",
						     .metric = "throughput",
						     .stat = "rate",
						     .value = rate,
						     .unit = "ops/s",
						     .better = "higher",
						     .n = (uint64_t)n});
		synthetic_row(s, (struct report_row){.role = "mutator",
						     .metric = "event:PERF_COUNT_SW_TASK_CLOCK",
						     .stat = "sum",
						     .value = 200 * n,
						     .unit = "count"});
		for (int i = 0; i < 2; i++)
			synthetic_row(s, (struct report_row){.object = "value",
							     .phase = "total",
							     .table_state = "all",
							     .metric = "lifetime",
							     .stat = i ? "p99" : "p50",
							     .value = i ? 4e6 : 1e6,
							     .unit = "ns",
							     .better = "lower",
							     .n = (uint64_t)n});
	}
}

/* DIR/run.csv of those, in their order or from the last to the first. */
static inline void synthetic_make_loads(const char *dir, bool is_reversed)
{
	const size_t n = sizeof(synthetic_loads) / sizeof(synthetic_loads[0]);
	struct synthetic s = {0};
	char path[512];
	char message[512];

	mkdir(dir, 0777);
	snprintf(path, sizeof(path), "%s/run.csv", dir);
	assert_int_equal(report_file_open(&s.csv, path, false, message, sizeof(message)), 0);
	for (size_t i = 0; i < n; i++)
		for (unsigned strategy = 0; strategy < 2; strategy++)
			synthetic_load_cell(&s, &synthetic_loads[is_reversed ? n - 1 - i : i],
					    strategy);
	assert_int_equal(report_file_flush(s.csv), 0);
	assert_int_equal(report_file_close(s.csv), 0);
}

/* A fresh directory below /tmp; the name has a blank and a quote. */
static void synthetic_dir(char *path, size_t size)
{
	char base[] = "/tmp/reclaimbench-plot-XXXXXX";

	assert_non_null(mkdtemp(base));
	snprintf(path, size, "%s/it's \"$(touch pwned)\"", base);
	assert_int_equal(mkdir(path, 0777), 0);
}

static int synthetic_remove_entry(const char *path, const struct stat *st, int type,
				  struct FTW *ftw)
{
	(void)st;
	(void)type;
	(void)ftw;
	return remove(path);
}

static inline void synthetic_remove_tree(const char *path)
{
	nftw(path, synthetic_remove_entry, 32, FTW_DEPTH | FTW_PHYS);
}

/* Remove the directory of synthetic_dir(), with its parent. */
static inline void synthetic_remove(char *dir)
{
	*strrchr(dir, '/') = '\0';
	synthetic_remove_tree(dir);
}

/* The whole of a file, NUL at its end; NULL when there is none.  Free it. */
static inline char *synthetic_read(const char *dir, const char *name, size_t *len)
{
	char path[512];
	char *text = NULL;
	size_t size = 0;
	FILE *in;
	FILE *out;
	int c;

	snprintf(path, sizeof(path), "%s/%s", dir, name);
	in = fopen(path, "r");
	if (!in)
		return NULL;
	out = open_memstream(&text, &size);
	while ((c = getc(in)) != EOF)
		putc(c, out);
	fclose(in);
	fclose(out);
	if (len)
		*len = size;
	return text;
}

#endif
