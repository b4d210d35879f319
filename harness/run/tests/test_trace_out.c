/* SPDX-License-Identifier: MIT */
/* test_trace_out.c - a stage written by hand becomes trace-event JSON: each span, moment and counter where it
 * belongs, and what was left out counted. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <jansson.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "run/trace_out.h"

static const struct clock ns_clock = {.is_tsc = false, .ns_per_tick = 1, .name = "test"};

enum { ZERO = 1000000 };

static const struct stage spec = {.name = "5k"};

static struct law_event events[] = {
	{.dead_ticks = ZERO + 5000, .freed_ticks = ZERO + 22000, .class = OBJ_VALUE, .thread = 3},
	{.dead_ticks = ZERO - 5, .freed_ticks = ZERO + 22000, .class = OBJ_BUCKET, .thread = 3},
};

static struct report_sample samples[] = {
	{.time_ns = 10000, .live_bytes = 400, .limbo_bytes = 30, .goal_bytes = 0},
	{.time_ns = 20000, .live_bytes = 401, .limbo_bytes = 31, .goal_bytes = 77},
};

static struct acts_sample acts_written; /* of the stage */

static const struct gc_log_cycle whole = {.begin_ticks = ZERO + 10000,
					  .stop1_ticks = ZERO + 10100,
					  .mark_begin_ticks = ZERO + 10300,
					  .mark_end_ticks = ZERO + 15300,
					  .flip_ticks = ZERO + 15400,
					  .resume_ticks = ZERO + 15600,
					  .sweep_end_ticks = ZERO + 30600};

/* Released with json_decref(). */
static json_t *write_stage(const struct gc_log *log, uint64_t n_cycles, uint64_t n_seen)
{
	struct stage_result *s = calloc(1, sizeof(*s));
	struct trace_out t;
	json_error_t error;
	char *text = NULL;
	size_t size = 0;
	FILE *out = open_memstream(&text, &size);
	json_t *root;

	assert_non_null(s);
	assert_non_null(out);
	s->spec = &spec;
	s->begin_ticks = ZERO + 1000;
	s->window_ticks = 50000;
	s->n_cycles_end = n_cycles;
	s->law = (struct law_sample){.events = events, .n = 2, .n_seen = n_seen};
	s->acts = acts_written;
	s->sampler.samples = samples;
	s->sampler.n = 2;
	trace_out_begin(&t, out, &ns_clock, ZERO);
	trace_out_stage(&t, s, log);
	assert_int_equal(trace_out_end(&t), 0);
	fclose(out);
	root = json_loads(text, JSON_REJECT_DUPLICATES, &error);
	assert_non_null(root);
	free(text);
	free(s);
	return root;
}

static const char *text_of(const json_t *event, const char *member)
{
	const char *text = json_string_value(json_object_get(event, member));

	return text != NULL ? text : "";
}

/* How many events are of this kind, name and row; the last one's start and length in us. */
static unsigned find(const json_t *root, const char *phase, const char *name, unsigned row,
		     double *start_us, double *length_us)
{
	const json_t *all = json_object_get(root, "traceEvents");
	unsigned n = 0;

	for (size_t i = 0; i < json_array_size(all); i++) {
		const json_t *e = json_array_get(all, i);

		if (strcmp(text_of(e, "ph"), phase) != 0 || strcmp(text_of(e, "name"), name) != 0 ||
		    json_integer_value(json_object_get(e, "tid")) != row)
			continue;
		*start_us = json_number_value(json_object_get(e, "ts"));
		*length_us = json_number_value(json_object_get(e, "dur"));
		n++;
	}
	return n;
}

static void expect_span(const json_t *root, const char *name, unsigned row, double start_us,
			double length_us)
{
	double start = 0, length = 0;

	assert_int_equal(find(root, "X", name, row, &start, &length), 1);
	assert_true(fabs(start - start_us) < 1e-9);
	/* It ends a nanosecond before the next begins. */
	assert_true(fabs(length - (length_us - 0.001)) < 1e-9);
}

static void expect_moment(const json_t *root, const char *name, unsigned row, double start_us)
{
	double start = 0, length = 0;

	assert_int_equal(find(root, "i", name, row, &start, &length), 1);
	assert_true(fabs(start - start_us) < 1e-9);
}

static double counter(const json_t *root, const char *name, double at_us)
{
	const json_t *all = json_object_get(root, "traceEvents");

	for (size_t i = 0; i < json_array_size(all); i++) {
		const json_t *e = json_array_get(all, i);

		if (strcmp(text_of(e, "ph"), "C") == 0 && strcmp(text_of(e, "name"), name) == 0 &&
		    fabs(json_number_value(json_object_get(e, "ts")) - at_us) < 1e-9)
			return json_number_value(
				json_object_get(json_object_get(e, "args"), "bytes"));
	}
	return NAN;
}

static long long dropped(const json_t *root)
{
	return json_integer_value(json_object_get(json_object_get(root, "otherData"), "dropped"));
}

static void test_stage(void **state)
{
	double start, length;
	struct gc_log log;
	json_t *root;

	(void)state;
	assert_int_equal(gc_log_init(&log), 0);
	gc_log_add(&log, &whole);
	root = write_stage(&log, 1, 2);
	expect_span(root, "5k", TRACE_OUT_STAGES, 1, 50);
	expect_moment(root, "stage begins", TRACE_OUT_STAGES, 1);
	expect_moment(root, "stage ends", TRACE_OUT_STAGES, 51);
	expect_span(root, "stop 1", TRACE_OUT_CYCLES, 10, 0.3);
	expect_span(root, "mark", TRACE_OUT_CYCLES, 10.3, 5);
	expect_span(root, "stop 2", TRACE_OUT_CYCLES, 15.3, 0.3);
	expect_span(root, "sweep", TRACE_OUT_CYCLES, 15.6, 15);
	expect_moment(root, "flip", TRACE_OUT_CYCLES, 15.4);
	expect_moment(root, "value", TRACE_OUT_DELETES, 5);
	expect_moment(root, "value", TRACE_OUT_THREADS + 3, 22);
	/* Unlinked before the file begins, freed within it. */
	assert_int_equal(find(root, "i", "bucket", TRACE_OUT_DELETES, &start, &length), 0);
	expect_moment(root, "bucket", TRACE_OUT_THREADS + 3, 22);
	assert_true(counter(root, "live", 10) == 400);
	assert_true(counter(root, "limbo", 20) == 31);
	assert_true(isnan(counter(root, "goal", 10))); /* it has none yet */
	assert_true(counter(root, "goal", 20) == 77);
	assert_int_equal(dropped(root), 0);
	json_decref(root);
	gc_log_fini(&log);
}

/* A sweep that goes on, cycles no longer in the log, lives that were not sampled. */
static void test_left_out(void **state)
{
	struct gc_log_cycle c = whole;
	struct gc_log log;
	json_t *root;

	(void)state;
	c.sweep_end_ticks = 0;
	assert_int_equal(gc_log_init(&log), 0);
	gc_log_add(&log, &c);
	root = write_stage(&log, 1, 12);
	expect_span(root, "sweep, not ended", TRACE_OUT_CYCLES, 15.6, 51 - 15.6);
	assert_int_equal(dropped(root), 20); /* ten lives, a delete and a free each */
	json_decref(root);
	root = write_stage(&log, 3, 2); /* two more than the log has */
	assert_int_equal(dropped(root), 10);
	json_decref(root);
	gc_log_fini(&log);
}

/* What threads did: a row of its own each, with a name; the outer act before the inner one, which was written first;
 * what began before the stage, and what found no room, counts as dropped. */
static void test_acts(void **state)
{
	struct watched_act acts[] = {
		{{"stopped", ZERO + 8000, ZERO + 9000}, 3},
		{{"waits", ZERO + 7000, ZERO + 9500}, 3},
		{{"mark", ZERO + 7000, ZERO + 20000}, 0},
		{{"stopped", ZERO + 500, ZERO + 2000}, 3},
	};
	struct watched_row rows[] = {{3, ROLE_MUTATOR}, {0, ROLE_COLLECTOR}};
	json_t *root, *all;
	size_t at[2] = {0, 0};

	(void)state;
	acts_written = (struct acts_sample){
		.acts = acts, .rows = rows, .n_acts = 4, .n_rows = 2, .n_dropped = 6};
	root = write_stage(NULL, 0, 2);
	acts_written = (struct acts_sample){0};
	expect_span(root, "stopped", TRACE_OUT_THREADS + 3, 8, 1);
	expect_span(root, "waits", TRACE_OUT_THREADS + 3, 7, 2.5);
	expect_span(root, "mark", TRACE_OUT_THREADS, 7, 13);
	assert_int_equal(dropped(root), 7);
	all = json_object_get(root, "traceEvents");
	for (size_t i = 0; i < json_array_size(all); i++) {
		const json_t *e = json_array_get(all, i);
		const char *name = text_of(json_object_get(e, "args"), "name");

		if (strcmp(text_of(e, "name"), "waits") == 0)
			at[0] = i;
		else if (strcmp(text_of(e, "name"), "stopped") == 0)
			at[1] = i;
		if (strcmp(text_of(e, "name"), "thread_name") != 0)
			continue;
		if (json_integer_value(json_object_get(e, "tid")) == TRACE_OUT_THREADS + 3)
			assert_string_equal(name, "thread 3: mutator");
		if (json_integer_value(json_object_get(e, "tid")) == TRACE_OUT_THREADS)
			assert_string_equal(name, "thread 0: collector");
	}
	assert_true(at[0] < at[1]);
	json_decref(root);
}

static void test_without_log(void **state)
{
	double start, length;
	json_t *root = write_stage(NULL, 0, 2);

	(void)state;
	expect_span(root, "5k", TRACE_OUT_STAGES, 1, 50);
	expect_moment(root, "value", TRACE_OUT_DELETES, 5);
	assert_int_equal(find(root, "X", "mark", TRACE_OUT_CYCLES, &start, &length), 0);
	json_decref(root);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_stage),
		cmocka_unit_test(test_left_out),
		cmocka_unit_test(test_acts),
		cmocka_unit_test(test_without_log),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
