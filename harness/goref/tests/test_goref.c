/* SPDX-License-Identifier: MIT */
/* test_goref.c - the model's stages keep Go's rules, the ghosts have Go's sizes, and the comparison finds what is
 * off. */
#include <errno.h>
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#include "goref/ghost.h"
#include "goref/model.h"
#include "goref/reference.h"

#ifdef RECLAIMBENCH_SANITIZED
#define TEST_KEYS 1024u
#else
#define TEST_KEYS 16384u
#endif

static struct clock test_clock;

/* ---------------------------------------------------------------- stages */

/* Cycles come by hand as well: how many the pacer makes depends on the machine. */
static void stage_op(struct model *m)
{
	model_scenario_op(m);
	if (m->n_ops % 50 == 49)
		reclaim_ops(m->r)->collect(m->t);
}

/* A short unthrottled stage. */
static void stage_run_ops(struct model *m, struct model_config *config)
{
	config->op = stage_op;
	char message[512] = "";

	config->options = "";
	config->sample_1_in = 1;
	config->seed = 7;
	config->n_keys = TEST_KEYS;
	config->gogc_percent = 25;
	config->garbage_bytes = 4096;
	if (!config->duration_ns)
		config->duration_ns = UINT64_C(400000000);
	assert_int_equal(model_run(m, config, &test_clock, message, sizeof(message)), 0);
}

static void test_value_delete_keeps_the_rules(void **state)
{
	struct model_config config = {.scenario = MODEL_VALUE_DELETE};
	struct model_summary s;
	struct model m;

	(void)state;
	stage_run_ops(&m, &config);
	assert_int_equal(model_summarise(&s, &m), 0);
	/* Every operation kills one value, and each is either freed or still waiting. */
	size_t n_freed = 0;

	for (unsigned i = 0; i < m.n_logs; i++)
		n_freed += m.logs[i].n;
	assert_int_equal(n_freed + m.n_censored, m.n_ops);
	assert_true(s.n_gc_cycles >= 2);
	assert_true(s.n > 0);
	assert_int_equal(s.n_mark_cycles1, 0);
	assert_int_equal(s.n_cycles[0] + s.n_cycles[3], 0);
	assert_true(s.n_u > 0);
	for (size_t i = 0; i < s.n_u; i++)
		assert_true(s.u[i] >= 0 && s.u[i] <= 1);
	model_summary_free(&s);
	model_free(&m);
}

static void test_old_arrays_and_maps_are_seen(void **state)
{
	static const enum model_scenario scenarios[] = {MODEL_OLDBUCKETS, MODEL_MAP_DROP};

	(void)state;
	for (unsigned i = 0; i < 2; i++) {
		struct model_config config = {.scenario = scenarios[i],
					      .duration_ns = UINT64_C(400000000)};
		struct model_summary s;
		struct model m;

		/* How much fits into a stage depends on the machine: the first that is long enough. */
		for (;; config.duration_ns *= 4) {
			stage_run_ops(&m, &config);
			assert_int_equal(model_summarise(&s, &m), 0);
			if (s.n + m.n_censored > 0)
				break;
			model_summary_free(&s);
			model_free(&m);
			assert_true(config.duration_ns < UINT64_C(60000000000));
		}
		assert_int_equal(s.n_mark_cycles1, 0);
		assert_int_equal(s.n_cycles[3], 0);
		if (scenarios[i] == MODEL_OLDBUCKETS && m.growths.n > 0) {
			const double n_old = ldexp(1, (int)model_old_b(m.config->n_keys));

			/* At most two old buckets a write, and the last one is reached. */
			assert_true(m.growths.writes[0] >= n_old / 2);
			assert_true(m.growths.writes[m.growths.n - 1] <= n_old);
		}
		model_summary_free(&s);
		model_free(&m);
	}
}

static void test_thresholds_are_gos(void **state)
{
	(void)state;
	assert_int_equal(model_old_b(1024), 7);
	assert_int_equal(model_old_b(65536), 13);
	assert_int_equal(model_threshold(7), 832);
	assert_int_equal(model_threshold(13), 53248);
}

static void test_bad_options_are_refused(void **state)
{
	struct model_config config = {.scenario = MODEL_VALUE_DELETE,
				      .options = "nonsense=1",
				      .n_keys = 16,
				      .gogc_percent = 100,
				      .duration_ns = 1000000,
				      .sample_1_in = 1};
	char message[512] = "";
	struct model m;

	(void)state;
	assert_int_not_equal(model_run(&m, &config, &test_clock, message, sizeof(message)), 0);
	assert_non_null(strstr(message, "nonsense"));
	model_free(&m);
}

/* ---------------------------------------------------------------- ghosts */

static void test_a_stopped_growth_keeps_the_old_array(void **state)
{
	char message[512];
	struct ghost_result g;

	(void)state;
	assert_int_equal(ghost_measure(&g, TEST_KEYS, 3, &test_clock, message, sizeof(message)), 0);
	assert_int_equal(g.read_bytes, g.stopped_bytes); /* reads move nothing */
	/* ghost.csv: +56 % to +57 % of the final size. */
	const double kept = (double)g.stopped_bytes / (double)g.ended_bytes - 1;

	assert_true(kept > 0.51 && kept < 0.62);
	assert_true(g.rebuilt_bytes < g.ended_bytes);
	assert_true(g.n_writes > (1u << g.old_b) / 2 && g.n_writes <= 1u << g.old_b);
}

static void test_an_iterated_map_pins_until_the_growth_ends(void **state)
{
	struct pin_result plain, iterated;
	char message[512];

	(void)state;
	assert_int_equal(
		pin_measure(&plain, TEST_KEYS, false, 3, &test_clock, message, sizeof(message)), 0);
	assert_int_equal(
		pin_measure(&iterated, TEST_KEYS, true, 3, &test_clock, message, sizeof(message)),
		0);
	assert_true(plain.n_deleted > 0);
	assert_int_equal(plain.n_freed_growing, plain.n_deleted);
	assert_int_equal(iterated.n_freed_growing, 0);
	assert_int_equal(iterated.n_freed_after, iterated.n_deleted);
}

/* ---------------------------------------------------------------- comparison */

static void test_ks_of_known_samples(void **state)
{
	double same_a[] = {3, 1, 2}, same_b[] = {2, 3, 1};
	double low[] = {1, 2, 3, 4}, high[] = {5, 6};
	double half_a[] = {1, 2, 3, 4}, half_b[] = {3, 4, 5, 6};

	(void)state;
	assert_true(reference_ks(same_a, 3, same_b, 3) == 0);
	assert_true(reference_ks(low, 4, high, 2) == 1);
	assert_true(reference_ks(half_a, 4, half_b, 4) == 0.5);
	assert_true(isnan(reference_ks(low, 0, high, 2)));
}

struct folder {
	char dir[64];
	struct reference ref;
	char message[1024];
	int error;
};

/* A folder with one runtime and one model stage whose intervals are these. */
static void folder_make(struct folder *f, const char *runtime_us, const char *model_us)
{
	char path[128];
	FILE *out;

	memset(f, 0, sizeof(*f));
	snprintf(f->dir, sizeof(f->dir), "/tmp/test_goref.XXXXXX");
	assert_non_null(mkdtemp(f->dir));
	snprintf(path, sizeof(path), "%s/stages.csv", f->dir);
	out = fopen(path, "we");
	assert_non_null(out);
	fprintf(out, "source,%s\n", model_header);
	for (unsigned i = 0; i < 2; i++)
		fprintf(out,
			"%s,value_delete,1000,100,1024,2,10,18,20,20,1,4096,1000,1000,9,%s,%s,,,,0,"
			"2,0,0,0,0,1,1,,,,,"
			"10,2,100,10,100,0,1,,0.01,2\n",
			i ? "go" : "go-runtime", i ? model_us : runtime_us,
			i ? model_us : runtime_us);
	fclose(out);
	snprintf(path, sizeof(path), "%s/lifetimes", f->dir);
	assert_int_equal(mkdir(path, 0700), 0);
	for (unsigned i = 0; i < 2; i++) {
		snprintf(path, sizeof(path), "%s/lifetimes/%s-value_delete-1000-100-1024-1.csv",
			 f->dir, i ? "go" : "go-runtime");
		out = fopen(path, "we");
		assert_non_null(out);
		fputs("latency_us,gcphase_at_death\n", out);
		for (unsigned k = 1; k <= 100; k++)
			fprintf(out, "%.1f,0\n", k * 0.2);
		fclose(out);
	}
	f->error = reference_read(&f->ref, f->dir, f->message, sizeof(f->message));
}

/* A file of the folder anew. */
static void folder_write(const struct folder *f, const char *name, const char *format, ...)
	__attribute__((format(printf, 3, 4)));
static void folder_write(const struct folder *f, const char *name, const char *format, ...)
{
	char path[128];
	va_list args;
	FILE *out;

	snprintf(path, sizeof(path), "%s/%s", f->dir, name);
	out = fopen(path, "we");
	assert_non_null(out);
	va_start(args, format);
	vfprintf(out, format, args);
	va_end(args);
	fclose(out);
}

static void folder_remove(struct folder *f)
{
	char command[160];

	reference_fini(&f->ref);
	snprintf(command, sizeof(command), "rm -r %s", f->dir);
	assert_int_equal(system(command), 0);
}

/* The number of checks that do not hold. */
static int folder_checks(struct folder *f)
{
	FILE *out = fopen("/dev/null", "we");
	const int n = reference_checks(&f->ref, out, f->message, sizeof(f->message));

	fclose(out);
	return n;
}

static void test_an_interval_that_is_off_is_found(void **state)
{
	struct folder f;

	(void)state;
	folder_make(&f, "20", "21");
	assert_int_equal(f.error, 0);
	assert_int_equal(f.ref.n, 2);
	assert_int_equal(folder_checks(&f), 0);
	assert_int_equal(reference_write_rows(&f.ref, f.message, sizeof(f.message)), 0);
	assert_int_equal(reference_write_figures(&f.ref, f.message, sizeof(f.message)), 0);
	folder_remove(&f);
	folder_make(&f, "20", "22.5"); /* 12.5 %, above the 10 %; and L / T is off with it */
	assert_int_equal(folder_checks(&f), 2);
	folder_remove(&f);
}

/* Rows written again on another machine, by another build, keep the ids of the recording. */
static void test_rows_keep_the_ids(void **state)
{
	char path[128], line[4096];
	struct folder f;
	FILE *file;

	(void)state;
	folder_make(&f, "20", "21");
	snprintf(path, sizeof(path), "%s/env.json", f.dir);
	file = fopen(path, "we");
	assert_non_null(file);
	fputs("{\"build_id\": \"thatbuild\", \"env_id\": \"thatmachine\"}\n", file);
	fclose(file);
	assert_int_equal(reference_write_rows(&f.ref, f.message, sizeof(f.message)), 0);
	snprintf(path, sizeof(path), "%s/run.csv", f.dir);
	file = fopen(path, "re");
	assert_non_null(file);
	assert_non_null(fgets(line, sizeof(line), file)); /* the header */
	assert_non_null(fgets(line, sizeof(line), file));
	assert_non_null(strstr(line, ",thatbuild,thatmachine,"));
	fclose(file);
	folder_remove(&f);
}

static void test_bad_files_are_named(void **state)
{
	static const char *const lax[] = {"0x14", "-1", "inf", "nan", "1e300", " 20", "20 "};
	static const struct {
		const char *begins, *rep, *says;
	} rows[] = {
		{"go2,value_delete,1000,100,1024,2", "1",
		 "column 'source' is 'go2'; it must be go"},
		{"go,../value,1000,100,1024,2", "1", "column 'scenario' is '../value'"},
		{"go,much_too_long_a_name,1000,100,1024,2", "1", "must be 1 to 15 small letters"},
		{"go,value_delete,-1,100,1024,2", "1", "column 'stage_qps' is '-1'"},
		{"go,value_delete,fast,100,1024,2", "1", "must be unthrottled, or operations"},
		{"go,value_delete,1000,0,1024,2", "1", "column 'gogc' is '0'; it must be a whole"},
		{"go,value_delete,1000,100,1.5,2", "1", "column 'capacity' is '1.5'"},
		{"go,value_delete,1000,100,1024,", "1", "column 'count' is ''"},
		{"go,value_delete,1000,100,1024,2", "", "column 'rep' is ''"},
	};
	double *values = NULL;
	size_t n = 0;
	struct folder f;

	(void)state;
	folder_make(&f, "20", "x");
	assert_int_equal(f.error, -EINVAL);
	assert_non_null(strstr(f.message, "stages.csv:3: column 'gc_interval_p50_us' is 'x'"));
	folder_remove(&f);
	for (size_t i = 0; i < sizeof(lax) / sizeof(lax[0]); i++) {
		folder_make(&f, "20", lax[i]);
		assert_int_equal(f.error, -EINVAL);
		assert_non_null(strstr(f.message, "it must be a number from 0 to 2^53"));
		folder_remove(&f);
	}
	/* Its first fields: what is part of a path, or counted, has its own rules. */
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		folder_make(&f, "20", "21");
		reference_fini(&f.ref);
		folder_write(&f, "stages.csv",
			     "source,%s\n%s,9,9,9,9,0,4096,1000,1000,9,9,9,,,,0,2,0,"
			     "0,0,0,1,1,,,,,10,2,100,10,100,0,%s,,0.01,2\n",
			     model_header, rows[i].begins, rows[i].rep);
		f.error = reference_read(&f.ref, f.dir, f.message, sizeof(f.message));
		assert_int_equal(f.error, -EINVAL);
		if (!strstr(f.message, rows[i].says))
			fail_msg("%s: %s", rows[i].says, f.message);
		folder_remove(&f);
	}
	/* A lifetime that is none. */
	folder_make(&f, "20", "21");
	folder_write(&f, "lifetimes/go-value_delete-1000-100-1024-1.csv", "latency_us\n1\n-2\n");
	assert_int_equal(reference_ratios(&f.ref, &f.ref.stages[1], &values, &n, f.message,
					  sizeof(f.message)),
			 -EINVAL);
	assert_non_null(strstr(f.message, ".csv:3: column 'latency_us' is '-2'; it must be"));
	free(values);
	folder_remove(&f);
	assert_int_not_equal(
		reference_read(&f.ref, "/tmp/does-not-exist", f.message, sizeof(f.message)), 0);
	assert_non_null(strstr(f.message, "/tmp/does-not-exist/stages.csv"));
	reference_fini(&f.ref);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_value_delete_keeps_the_rules),
		cmocka_unit_test(test_old_arrays_and_maps_are_seen),
		cmocka_unit_test(test_thresholds_are_gos),
		cmocka_unit_test(test_bad_options_are_refused),
		cmocka_unit_test(test_a_stopped_growth_keeps_the_old_array),
		cmocka_unit_test(test_an_iterated_map_pins_until_the_growth_ends),
		cmocka_unit_test(test_ks_of_known_samples),
		cmocka_unit_test(test_an_interval_that_is_off_is_found),
		cmocka_unit_test(test_rows_keep_the_ids),
		cmocka_unit_test(test_bad_files_are_named),
	};

	clock_init(&test_clock, false);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
