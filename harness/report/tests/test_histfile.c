/* SPDX-License-Identifier: MIT */
/* test_histfile.c - histograms survive the file; broken files are refused with their line; trace-event
 * JSON parses, is capped, and holds hostile names. */
#include <errno.h>
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>
#include <jansson.h>

#include "report/histfile.h"
#include "report/trace_json.h"

static const char HOSTILE[] = "a \"b\", <script>\n'$(x)' `y`";

static struct histfile_key key_of(const char *metric)
{
	return (struct histfile_key){.cell_id = HOSTILE,
				     .strategy = "sweepgen",
				     .options = "batch=64,gogc=50",
				     .rep = 3,
				     .stage = "5k",
				     .stage_start_s = 5.25,
				     .stage_s = 5,
				     .role = "mutator",
				     .object = "value",
				     .phase = "total",
				     .table_state = "steady",
				     .metric = metric,
				     .unit = "ns"};
}

static void make_file(char *path)
{
	strcpy(path, "/tmp/reclaimbench-hist-XXXXXX");
	const int fd = mkstemp(path);

	assert_true(fd >= 0);
	close(fd);
}

static void test_round_trip(void **state)
{
	struct hist *h = calloc(1, sizeof(*h));
	struct life_hist *life = calloc(1, sizeof(*life));
	struct histfile_key key = key_of("response");
	struct histfile back;
	char path[64];
	char why[512];
	FILE *out;

	(void)state;
	make_file(path);
	for (uint64_t v = 1; v < 4000000; v = v * 3 + 1)
		hist_record(h, v);
	life->events[hist_bin(1000)] = 7;
	life->censored[hist_bin(1u << 30)] = 2;
	life->entered[hist_bin(5)] = 1;
	life->n_from_zero = 8;
	life->max_event_ns = 1003;
	out = fopen(path, "w");
	assert_int_equal(histfile_write_header(out), 0);
	assert_int_equal(histfile_write_hist(out, &key, h), 0);
	key = key_of("lifetime");
	assert_int_equal(histfile_write_life(out, &key, life), 0);
	assert_int_equal(fclose(out), 0);

	assert_int_equal(histfile_read(path, &back, why, sizeof(why)), 0);
	assert_int_equal(back.n_rows, 4);
	assert_string_equal(back.rows[0].cell_id, HOSTILE);
	assert_int_equal(back.rows[0].n, h->n);
	assert_int_equal(back.rows[0].max, h->max);
	uint64_t total = 0;
	for (size_t i = 0; i < back.rows[0].n_bins; i++) {
		const struct histfile_bin *bin = &back.rows[0].bins[i];

		assert_int_equal(h->bins[hist_bin(bin->low)], bin->count);
		total += bin->count;
	}
	assert_int_equal(total, h->n);
	assert_string_equal(back.rows[1].kind, "events");
	assert_int_equal(back.rows[1].n, 7);
	assert_int_equal(back.rows[1].max, 1003);
	assert_string_equal(back.rows[2].kind, "censored");
	assert_int_equal(back.rows[2].bins[0].low, hist_low(hist_bin(1u << 30)));
	assert_string_equal(back.rows[3].kind, "entered");
	assert_int_equal(back.rows[3].n, 9);
	assert_int_equal(back.rows[3].rep, 3);
	assert_true(fabs(back.rows[3].stage_start_s - 5.25) < 1e-12);
	histfile_free(&back);
	unlink(path);
	free(h);
	free(life);
}

static void test_empty_is_not_written(void **state)
{
	struct hist *h = calloc(1, sizeof(*h));
	struct life_hist *life = calloc(1, sizeof(*life));
	const struct histfile_key key = key_of("response");
	char *text = NULL;
	size_t len = 0;
	FILE *out = open_memstream(&text, &len);

	(void)state;
	assert_int_equal(histfile_write_hist(out, &key, h), 0);
	assert_int_equal(histfile_write_life(out, &key, life), 0);
	fclose(out);
	assert_int_equal(len, 0);
	free(text);
	free(h);
	free(life);
}

static void test_full_disk(void **state)
{
	struct hist *h = calloc(1, sizeof(*h));
	const struct histfile_key key = key_of("response");
	FILE *out = fopen("/dev/full", "w");

	(void)state;
	assert_non_null(out);
	setvbuf(out, NULL, _IONBF, 0);
	hist_record(h, 5);
	assert_int_equal(histfile_write_hist(out, &key, h), -ENOSPC);
	fclose(out);
	free(h);
}

static const char HEADER[] =
	"schema,cell_id,strategy,options,rep,stage,stage_start_s,stage_s,role,object,"
	"phase,table_state,metric,kind,unit,n,max,sum,bins\n";

static void refuse(const char *rows, const char *expect)
{
	struct histfile back;
	char path[64];
	char why[512] = "";
	FILE *out;

	make_file(path);
	out = fopen(path, "w");
	fprintf(out, "%s%s", HEADER, rows);
	fclose(out);
	assert_int_equal(histfile_read(path, &back, why, sizeof(why)), -EINVAL);
	assert_int_equal(back.n_rows, 0);
	if (!strstr(why, expect))
		fail_msg("'%s' does not say '%s'", why, expect);
	unlink(path);
}

static void test_broken(void **state)
{
	static const char good[] =
		"1,c,leak,,0,1k,0,5,mutator,value,total,steady,lifetime,events,ns,1,5,5,5:1\n";
	char rows[512];
	struct histfile back;
	char path[64];
	char why[512];
	FILE *out;

	(void)state;
	snprintf(rows, sizeof(rows), "%s%s", good, "1,c,leak\n");
	refuse(rows, ":3: the row has 3 fields");
	refuse("2,c,leak,,0,1k,0,5,m,v,t,s,l,events,ns,1,5,5,5:1\n", ":2: schema");
	refuse("1,c,leak,,x,1k,0,5,m,v,t,s,l,events,ns,1,5,5,5:1\n", "'rep'");
	refuse("1,c,leak,,0,1k,0,5,m,v,t,s,l,events,ns,1,5,5,5;1\n", "LOW:COUNT");
	refuse("1,c,leak,,0,1k,0,5,m,v,t,s,l,events,ns,1,5,5,5:1 4:1\n", "ascending");

	make_file(path);
	out = fopen(path, "w");
	fprintf(out, "%s%s%s", HEADER, good, "1,c,leak,,0,1k,0,5,mutator,val");
	fclose(out);
	assert_int_equal(histfile_read(path, &back, why, sizeof(why)), 1);
	assert_int_equal(back.n_rows, 1);
	histfile_free(&back);
	unlink(path);
	assert_int_equal(histfile_read(path, &back, why, sizeof(why)), -ENOENT);
}

static void test_trace_json(void **state)
{
	struct trace_json t;
	char *text = NULL;
	size_t len = 0;
	FILE *out = open_memstream(&text, &len);
	json_error_t error;
	json_t *root;
	json_t *events;

	(void)state;
	trace_json_begin(&t, out, 4);
	trace_json_thread(&t, 1, HOSTILE);
	trace_json_span(&t, 1, "cycle", "mark", 1234567, 2000);
	trace_json_instant(&t, 1, "delete", HOSTILE, 1235001);
	trace_json_counter(&t, "limbo", "bytes", 1240000, 4096);
	trace_json_counter(&t, "limbo", "bytes", 1240000, (double)NAN);
	trace_json_instant(&t, 1, "delete", "bad \xff utf8", 7);
	trace_json_instant(&t, 1, "delete", "beyond the cap", 8);
	assert_int_equal(trace_json_end(&t), 0);
	fclose(out);
	assert_int_equal(t.n_events, 4);
	assert_int_equal(t.n_dropped, 1);

	root = json_loads(text, 0, &error);
	assert_non_null(root);
	assert_int_equal(
		json_integer_value(json_object_get(json_object_get(root, "otherData"), "dropped")),
		1);
	events = json_object_get(root, "traceEvents");
	assert_int_equal(json_array_size(events), 6);
	assert_string_equal(json_string_value(json_object_get(
				    json_object_get(json_array_get(events, 1), "args"), "name")),
			    HOSTILE);
	json_t *span = json_array_get(events, 2);
	assert_string_equal(json_string_value(json_object_get(span, "ph")), "X");
	assert_true(fabs(json_real_value(json_object_get(span, "ts")) - 1234.567) < 1e-9);
	assert_true(fabs(json_real_value(json_object_get(span, "dur")) - 2.0) < 1e-9);
	json_decref(root);
	free(text);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_round_trip), cmocka_unit_test(test_empty_is_not_written),
		cmocka_unit_test(test_full_disk),  cmocka_unit_test(test_broken),
		cmocka_unit_test(test_trace_json),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
