/* SPDX-License-Identifier: MIT */
/* test_plot.c - figures from a made-up result directory: what is drawn, what is skipped and why, that bounds are
 * drawn apart, and that names cannot break out of the scripts. */

#include "report/gnuplot.h"
#include "report/plot_dir.h"
#include "report/text.h"
#include "synthetic.h"

static bool has_gnuplot(void)
{
	char said[64];
	/* A missing script is -EIO, a missing program -ENOENT. */
	const bool is_there =
		gnuplot_run("/tmp", "no-such-script.gp", "png", said, sizeof(said)) != -ENOENT;

	if (!is_there)
		print_message("skipped: gnuplot is not installed (apt-get install gnuplot-nox)\n");
	return is_there;
}

static const struct results_point *point(const struct results *r, const char *label,
					 const char *stage, const struct results_query *query)
{
	for (size_t s = 0; s < r->n_series; s++)
		if (!strcmp(r->series[s].label, label))
			return results_find(r, 0, s, results_stage_find(r, stage), query);
	return NULL;
}

static void test_folding(void **state)
{
	struct results_query query = {
		.metric = "lifetime", .object = "value", .phase = "total", .stat = "p50"};
	struct plot_dir p;
	char dir[256];
	char error[512];
	const struct results_point *found;

	(void)state;
	synthetic_dir(dir, sizeof(dir));
	synthetic_make(dir, synthetic_plain, 3, 2);
	if (plot_dir_open(&p, dir, error, sizeof(error)))
		fail_msg("%s", error);
	assert_int_equal(p.results.n_series, 5);
	assert_int_equal(p.results.n_settings, 2);
	assert_int_equal(p.results.n_stages, 3);
	assert_int_equal(p.results.n_failed_rows, 3);
	assert_string_equal(p.results.series[0].label, "immediate");
	assert_string_equal(p.results.series[4].label, "sweepgen:batch=64,gogc=50");
	assert_string_equal(p.results.settings[1].label, "keys=16384");
	/* Median of 0.97, 1 and 1.01 times. */
	found = point(&p.results, "immediate", "1k", &query);
	assert_non_null(found);
	assert_true(fabs(found->value - 180) < 1e-9 && fabs(found->low - 180 * 0.97) < 1e-9 &&
		    fabs(found->high - 180 * 1.01) < 1e-9);
	assert_int_equal(found->n_reps, 3);
	assert_false(results_is_bound(found));
	found = point(&p.results, "leak", "max", &query);
	assert_true(results_is_bound(found) && fabs(found->value - 5e9) < 1);
	query.stat = "p999";
	assert_int_equal(point(&p.results, "immediate", "1k", &query)->status, STATUS_WEAK);
	query.phase = "grace";
	assert_null(point(&p.results, "rcu", "1k", &query)); /* it failed in the first setting */
	found = results_find(&p.results, 1, 2, results_stage_find(&p.results, "1k"), &query);
	assert_string_equal(p.results.series[2].label, "rcu");
	assert_false(results_has_value(found));
	assert_string_equal(found->reason, "the library hides it");
	assert_true(results_has_failed(&p.results, 0, 2));
	assert_false(results_has_failed(&p.results, 1, 2));
	assert_string_equal(results_main_object(&p.results, 0, "lifetime", "total"), "value");
	plot_dir_close(&p);
	synthetic_remove(dir);
}

static void check_image(const char *plots, const char *name, const char *suffix, const char *begins)
{
	char file[128];
	size_t len;
	char *text;

	snprintf(file, sizeof(file), "%s.%s", name, suffix);
	text = synthetic_read(plots, file, &len);
	if (!text || len < 1000 || memcmp(text, begins, strlen(begins)))
		fail_msg("%s/%s is missing, too short or of another format", plots, file);
	free(text);
}

static const struct figure_info *info_of(const struct figure_set *set, const char *name)
{
	for (size_t i = 0; i < set->n; i++)
		if (!strcmp(set->list[i].name, name))
			return &set->list[i];
	fail_msg("no figure is named %s", name);
	return NULL;
}

static void draw(struct plot_dir *p, const char *dir)
{
	char error[600];

	if (plot_dir_open(p, dir, error, sizeof(error)) || plot_dir_draw(p, error, sizeof(error)))
		fail_msg("%s", error);
	for (size_t i = 0; i < p->set.n; i++) {
		if (!p->set.list[i].is_drawn)
			continue;
		check_image(p->plots, p->set.list[i].name, "png", "\x89PNG\r\n");
		check_image(p->plots, p->set.list[i].name, "svg", "<?xml");
	}
}

static void test_all_figures(void **state)
{
	static const char *const names[] = {
		"lifetime-percentiles-1",
		"lifetime-by-rate-1",
		"limbo-over-time-2",
		"phases-2",
		"throughput-against-lifetime-1",
		"latency-percentiles-1",
		"counters-2",
		"heat-map",
		"cost-by-size",
	};
	struct plot_dir p;
	char dir[256];

	(void)state;
	if (!has_gnuplot())
		skip();
	synthetic_dir(dir, sizeof(dir));
	synthetic_make(dir, synthetic_plain, 2, 2);
	draw(&p, dir);
	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++)
		assert_true(info_of(&p.set, names[i])->is_drawn);
	plot_dir_close(&p);
	synthetic_remove(dir);
}

/* The block of a .dat file that begins with a comment, without the comment. */
static char *block(const char *dat, const char *comment)
{
	const char *begin = strstr(dat, comment);
	const char *end;

	if (!begin) {
		fail_msg("no block '%s'", comment);
		return NULL;
	}
	begin = strchr(begin, '\n') + 1;
	end = strstr(begin, "\n\n");
	return strndup(begin, (size_t)(end - begin));
}

static void test_bounds_are_apart(void **state)
{
	struct plot_dir p;
	char dir[256];
	char *dat;
	char *rows;

	(void)state;
	if (!has_gnuplot())
		skip();
	synthetic_dir(dir, sizeof(dir));
	synthetic_make(dir, synthetic_plain, 1, 1);
	draw(&p, dir);
	dat = synthetic_read(p.plots, "lifetime-percentiles.dat", NULL);
	rows = block(dat, "1k ops/s offered: leak: measured");
	assert_string_equal(rows, "NaN\tNaN\tNaN\tNaN");
	free(rows);
	rows = block(dat, "1k ops/s offered: leak: lower bounds");
	assert_non_null(strstr(rows, "2\t5e+09"));
	free(rows);
	/* sweepgen is censored at P99.9 alone: the dashed line begins at its P99. */
	rows = block(dat, "1k ops/s offered: sweepgen: lower bounds");
	assert_true(!strncmp(rows, "100\t", 4));
	assert_non_null(strstr(rows, "\n1000\t5e+09"));
	free(rows);
	rows = block(dat, "1k ops/s offered: sweepgen: measured");
	assert_null(strstr(rows, "1000\t"));
	free(rows);
	free(dat);
	assert_string_equal(info_of(&p.set, "cost-by-size")->reason,
			    "needs cells of two sizes at least (option --keys)");
	plot_dir_close(&p);
	synthetic_remove(dir);
}

/* The setting of a scenario. */
static size_t setting_of(const struct results *r, const char *scenario)
{
	for (size_t i = 0; i < r->n_settings; i++)
		if (!strcmp(table_text(r->table, r->settings[i].row, COL_scenario), scenario))
			return i;
	fail_msg("no setting is of %s", scenario);
	return 0;
}

/* A stage is what its setting says, whatever other scenarios call by its name, and whichever comes first. */
static void check_loads(bool is_reversed)
{
	struct plot_dir p;
	char dir[256];
	char name[64];
	char *text;

	synthetic_dir(dir, sizeof(dir));
	synthetic_make_loads(dir, is_reversed);
	draw(&p, dir);
	const size_t paced = setting_of(&p.results, "paced");
	const size_t closed = setting_of(&p.results, "short");
	const uint32_t max = results_stage_find(&p.results, "max");

	/* Columns of the heat map are told apart by stage and scenario, although the trace differs too. */
	assert_string_equal(p.results.settings[paced].label, "scenario=paced, trace=t.csv");
	assert_string_equal(p.results.settings[paced].short_label, "paced");
	text = synthetic_read(p.plots, "heat-map.gp", NULL);
	assert_non_null(strstr(text, "'max, long'"));
	assert_non_null(strstr(text, "'max, short'"));
	assert_non_null(strstr(text, "'5k:stall=10ms, short'"));
	free(text);
	assert_true(results_load(&p.results, paced, max)->offered_ops_per_s == 700);
	assert_true(isnan(results_load(&p.results, closed, max)->offered_ops_per_s));
	assert_false(
		results_load(&p.results, paced, results_stage_find(&p.results, "5k:stall=10ms"))
			->is_there);
	for (size_t i = 0; i < p.results.n_settings; i++) {
		/* 200 ns of task clock an operation, in a stage of any length. */
		snprintf(name, sizeof(name), "counters-%zu.dat", i + 1);
		text = synthetic_read(p.plots, name, NULL);
		assert_non_null(strstr(text, "0\t200\t"));
		free(text);
		snprintf(name, sizeof(name), "throughput-against-lifetime-%zu", i + 1);
		assert_int_equal(info_of(&p.set, name)->is_drawn, i != paced);
	}
	snprintf(name, sizeof(name), "lifetime-percentiles-%zu.dat", paced + 1);
	text = synthetic_read(p.plots, name, NULL);
	assert_non_null(strstr(text, "max ops/s offered"));
	free(text);
	snprintf(name, sizeof(name), "lifetime-percentiles-%zu.dat", closed + 1);
	text = synthetic_read(p.plots, name, NULL);
	assert_non_null(strstr(text, "max (closed loop)"));
	free(text);
	plot_dir_close(&p);
	synthetic_remove(dir);
}

/* The same rows again under other cells, as cells that differ in --readers, of which run.csv has no column. */
static void synthetic_double(const char *dir)
{
	char path[512];
	char *text = synthetic_read(dir, "run.csv", NULL);
	char *line = strchr(text, '\n') + 1;
	FILE *out;

	snprintf(path, sizeof(path), "%s/run.csv", dir);
	out = fopen(path, "ae");
	assert_non_null(out);
	while (*line) {
		char *end = strchr(line, '\n') + 1;
		char *cell = strstr(line, ",c");

		assert_true(cell && cell < end);
		cell[1] = 'd';
		fwrite(line, 1, (size_t)(end - line), out);
		line = end;
	}
	assert_int_equal(fclose(out), 0);
	free(text);
}

static void test_cells_alike_are_apart(void **state)
{
	struct plot_dir p;
	char dir[256];

	(void)state;
	if (!has_gnuplot())
		skip();
	synthetic_dir(dir, sizeof(dir));
	synthetic_make(dir, synthetic_plain, 1, 1);
	synthetic_double(dir);
	draw(&p, dir);
	/* A setting for each cell, told by its name; nothing is taken for a second repetition. */
	assert_int_equal(p.results.n_reps, 1);
	assert_int_equal(p.results.n_settings, 2 * p.results.n_series);
	for (size_t i = 0; i < p.results.n_settings; i++)
		assert_non_null(strstr(p.results.settings[i].label, "cell_id="));
	plot_dir_close(&p);
	synthetic_remove(dir);
}

/* Of several runs in one directory, with other names or the same, the first is drawn, and time goes forward. */
static void test_runs_are_apart(void **state)
{
	static const char *const runs[] = {"r1", "r2", "r2"};
	struct plot_dir p;
	char dir[256];
	char *data;
	size_t n = 0;

	(void)state;
	if (!has_gnuplot())
		skip();
	for (int first = 0; first < 2; first++) {
		double last = -1;

		synthetic_dir(dir, sizeof(dir));
		for (int i = first; i < first + 2; i++)
			synthetic_make_run(dir, synthetic_plain, 1, 1, 1, runs[i]);
		draw(&p, dir);
		data = synthetic_read(p.plots, "limbo-over-time.dat", NULL);
		assert_non_null(data);
		for (const char *line = data; line; line = strchr(line, '\n')) {
			double time_s, bytes;

			line += *line == '\n';
			if (sscanf(line, "%lf %lf", &time_s, &bytes) != 2) {
				last = -1; /* the next block */
				continue;
			}
			if (time_s < last)
				fail_msg("%g s after %g s", time_s, last);
			last = time_s;
			n++;
		}
		free(data);
		plot_dir_close(&p);
		synthetic_remove(dir);
	}
	assert_int_equal(n, 2 * 5 * 3 * 50);
}

static void test_stages_of_settings(void **state)
{
	(void)state;
	if (!has_gnuplot())
		skip();
	check_loads(false);
	check_loads(true);
}

/* Two scenarios at 1 and 4 threads: 1 and 3 million operations a second, twice that in the second. */
static void synthetic_make_threads(const char *dir)
{
	struct synthetic s = {.stage = {"max", 1, NAN}};
	char path[512], message[512], cell_id[32];

	mkdir(dir, 0777);
	snprintf(path, sizeof(path), "%s/run.csv", dir);
	assert_int_equal(report_file_open(&s.csv, path, false, message, sizeof(message)), 0);
	for (unsigned i = 0; i < 4; i++) {
		snprintf(cell_id, sizeof(cell_id), "t%u", i);
		s.cell = synthetic_columns(cell_id, &synthetic_plain[0]);
		s.cell.scenario = i < 2 ? "reads" : "writes";
		s.cell.threads = i % 2 ? 4 : 1;
		synthetic_row(&s,
			      (struct report_row){.role = "mutator",
						  .metric = "throughput",
						  .stat = "rate",
						  .value = (i % 2 ? 3e6 : 1e6) * (i < 2 ? 1 : 2),
						  .unit = "ops/s",
						  .better = "higher",
						  .n = 1000});
	}
	assert_int_equal(report_file_flush(s.csv), 0);
	assert_int_equal(report_file_close(s.csv), 0);
}

/* Each set of cells that differ in the threads alone has its figure, and no other's points. */
static void test_cost_by_threads(void **state)
{
	static const char *const names[] = {"cost-by-threads.dat", "cost-by-threads-2.dat"};
	static const char *const measured[] = {"1\t1000000\t", "1\t2000000\t"};
	static const char *const at_four[] = {"\n4\t3000000\t", "\n4\t6000000\t"};
	struct plot_dir p;
	char dir[256];

	(void)state;
	if (!has_gnuplot())
		skip();
	synthetic_dir(dir, sizeof(dir));
	synthetic_make_threads(dir);
	draw(&p, dir);
	for (size_t i = 0; i < 2; i++) {
		char *dat = synthetic_read(p.plots, names[i], NULL);
		char *rows = block(dat, "Throughput: leak: measured");

		assert_true(!strncmp(rows, measured[i], strlen(measured[i])));
		assert_non_null(strstr(rows, at_four[i]));
		assert_null(strstr(strstr(rows, at_four[i]) + 1, "\n"));
		free(rows);
		free(dat);
	}
	assert_string_equal(info_of(&p.set, "cost-by-threads-2")->title,
			    "Throughput and cost against the number of threads: scenario writes");
	assert_string_equal(info_of(&p.set, "cost-by-size")->reason,
			    "needs cells of two sizes at least (option --keys)");
	plot_dir_close(&p);
	synthetic_remove(dir);
}

static void assert_not_pwned(const char *dir)
{
	static const char *const where[] = {".", "/tmp"};
	char path[512];

	for (size_t i = 0; i < 2; i++) {
		snprintf(path, sizeof(path), "%s/pwned", where[i]);
		assert_int_not_equal(access(path, F_OK), 0);
	}
	snprintf(path, sizeof(path), "%s/pwned", dir);
	assert_int_not_equal(access(path, F_OK), 0);
	snprintf(path, sizeof(path), "%s/plots/pwned", dir);
	assert_int_not_equal(access(path, F_OK), 0);
}

static void test_hostile_names(void **state)
{
	struct plot_dir p;
	char dir[256];
	char *svg;

	(void)state;
	if (!has_gnuplot())
		skip();
	synthetic_dir(dir, sizeof(dir));
	synthetic_make(dir, synthetic_hostile, 1, 1);
	draw(&p, dir);
	for (size_t i = 0; i < p.set.n; i++)
		if (!p.set.list[i].is_drawn && strncmp(p.set.list[i].name, "cost-by-", 8) != 0)
			fail_msg("%s was skipped: %s", p.set.list[i].name, p.set.list[i].reason);
	assert_not_pwned(dir);
	svg = synthetic_read(p.plots, "phases.svg", NULL);
	assert_null(strstr(svg, "<script>"));
	assert_non_null(strstr(svg, "&lt;script>"));
	assert_non_null(strstr(svg, "{/Symbol x}^2_3 @x &amp;{y} %s %n"));
	free(svg);
	plot_dir_close(&p);
	synthetic_remove(dir);
}

static void test_missing(void **state)
{
	struct plot_dir p;
	char dir[256];
	char path[512];
	char error[600];
	FILE *out;

	(void)state;
	assert_int_equal(plot_dir_open(&p, "/no/such/dir", error, sizeof(error)), -ENOENT);
	plot_dir_close(&p);
	synthetic_dir(dir, sizeof(dir));
	assert_int_not_equal(plot_dir_open(&p, dir, error, sizeof(error)), 0);
	assert_non_null(strstr(error, "run.csv"));
	plot_dir_close(&p);
	snprintf(path, sizeof(path), "%s/run.csv", dir);
	out = fopen(path, "w");
	char header[1024];
	report_csv_header(false, header, sizeof(header));
	fprintf(out, "%s\n", header);
	fclose(out);
	assert_int_equal(plot_dir_open(&p, dir, error, sizeof(error)), -EINVAL);
	assert_non_null(strstr(error, "no row"));
	plot_dir_close(&p);
	synthetic_remove(dir);
}

static void check_text(void (*write)(FILE *, const char *), const char *text, const char *expect)
{
	char *got = NULL;
	size_t len;
	FILE *out = open_memstream(&got, &len);

	write(out, text);
	fclose(out);
	assert_string_equal(got, expect);
	free(got);
}

static void test_escapes(void **state)
{
	(void)state;
	check_text(text_write_html, "<a href=\"x\">&'\x01\xff",
		   "&lt;a href=&quot;x&quot;&gt;&amp;&#39; \xef\xbf\xbd");
	check_text(text_write_gnuplot, "it's\n`x` \xc3\xaf \xe6\x97\xa5 \xe2\x80\xae\xc0\x80",
		   "'it\xe2\x80\x99s `x` \xc3\xaf ? ?"
		   "?"
		   "?'");
	check_text(text_write_shell, "plain-1.0", "plain-1.0");
	check_text(text_write_shell, "it's $(x)", "'it'\\''s $(x)'");
	check_text(text_write_shell, "", "''");
	check_text(text_write_csv, "a,\"b\"", "\"a,\"\"b\"\"\"");
	check_text(text_write_token, "a b/c,d:e=1", "a_b_c_d:e=1");
}

static void test_axis(void **state)
{
	char buf[512];
	struct figure_range range = {1e3, 1e9};

	(void)state;
	figure_log_axis(buf, sizeof(buf), "y", FIGURE_TIME_NS, &range);
	assert_non_null(strstr(buf, "'1 us' 1000, '10 us' 10000, '100 us' 100000, '1 ms' 1000000"));
	assert_non_null(strstr(buf, "'1 s' 1000000000)"));
	range = (struct figure_range){5, 5};
	figure_log_axis(buf, sizeof(buf), "x", FIGURE_COUNT, &range);
	assert_non_null(strstr(buf, "'5' 5"));
	range = (struct figure_range){1024, 1 << 20};
	figure_log_axis(buf, sizeof(buf), "y", FIGURE_BYTES, &range);
	assert_non_null(strstr(buf, "'1 KiB' 1024, '4 KiB' 4096"));
	figure_shorten(buf, sizeof(buf), "0123456789", 5);
	assert_string_equal(buf, "0123\xe2\x80\xa6");
	figure_shorten(buf, sizeof(buf), "01234", 5);
	assert_string_equal(buf, "01234");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_folding),
		cmocka_unit_test(test_all_figures),
		cmocka_unit_test(test_bounds_are_apart),
		cmocka_unit_test(test_stages_of_settings),
		cmocka_unit_test(test_runs_are_apart),
		cmocka_unit_test(test_cells_alike_are_apart),
		cmocka_unit_test(test_cost_by_threads),
		cmocka_unit_test(test_hostile_names),
		cmocka_unit_test(test_missing),
		cmocka_unit_test(test_escapes),
		cmocka_unit_test(test_axis),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
