/* SPDX-License-Identifier: MIT */
/* test_life.c - histograms and lifetime recorders. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "life.h"

/* A clock whose ticks are ns. */
static const struct clock ns_clock = {.is_tsc = false, .ns_per_tick = 1, .name = "test"};

static void test_bins_cover_all_values(void **state)
{
	(void)state;
	assert_int_equal(hist_low(0), 0);
	for (uint32_t bin = 0; bin + 1 < HIST_N_BINS; bin++) {
		assert_int_equal(hist_bin(hist_low(bin)), bin);
		assert_int_equal(hist_bin(hist_high(bin) - 1), bin);
		assert_int_equal(hist_high(bin), hist_low(bin + 1));
		/* Relative width at most 1/64. */
		assert_true((hist_high(bin) - hist_low(bin) - 1) * 64 <= hist_low(bin));
	}
	assert_int_equal(hist_bin((uint64_t)1 << HIST_MAX_BITS), HIST_N_BINS - 1);
	assert_int_equal(hist_bin(UINT64_MAX), HIST_N_BINS - 1);
}

static void test_quantiles_of_exact_values(void **state)
{
	struct hist *h = calloc(1, sizeof(*h));

	(void)state;
	assert_true(isnan(hist_quantile(h, 0.5)));
	for (uint64_t v = 1; v <= 100; v++)
		hist_record(h, v);
	assert_int_equal(h->n, 100);
	assert_true(hist_quantile(h, 0.5) == 50);
	assert_true(hist_quantile(h, 0.9) == 90);
	assert_true(hist_quantile(h, 0.99) == 99);
	assert_true(hist_quantile(h, 1) == 100);
	free(h);
}

/* 16 threads that each delete a million values a second fill one bin's 32 bits in five minutes. */
static void test_bins_hold_long_stages(void **state)
{
	struct hist *h = calloc(2, sizeof(*h));
	struct life_hist *l = calloc(2, sizeof(*l));

	(void)state;
	assert_true(h && l);
	h[0].bins[7] = h[0].n = UINT32_MAX;
	h[1].bins[9] = h[1].n = 10;
	hist_merge(&h[1], &h[0]);
	hist_record(&h[1], 7);
	assert_true(h[1].bins[7] == UINT64_C(1) << 32);
	assert_true(hist_quantile(&h[1], 0.5) == 7);
	l[0].events[3] = l[0].n_events = l[0].n_from_zero = UINT32_MAX;
	l[1].events[3] = l[1].n_events = l[1].n_from_zero = UINT32_MAX;
	life_hist_merge(&l[1], &l[0]);
	assert_true(l[1].events[3] == 2 * (uint64_t)UINT32_MAX);
	free(l);
	free(h);
}

static void test_quantiles_of_large_values_are_within_a_bin(void **state)
{
	struct hist *a = calloc(1, sizeof(*a)), *b = calloc(1, sizeof(*b));

	(void)state;
	for (uint64_t v = 1; v <= 10000; v++)
		hist_record(v & 1 ? a : b, v * 1000);
	hist_merge(a, b);
	assert_int_equal(a->n, 10000);
	assert_int_equal(a->max, 10000000);
	assert_true(a->sum == 1000.0 * 10000 * 10001 / 2);
	assert_true(fabs(hist_quantile(a, 0.5) - 5e6) < 5e6 / 64);
	assert_true(fabs(hist_quantile(a, 0.99) - 9.9e6) < 9.9e6 / 64);
	/* Interpolated, so much closer than a bin's width. */
	assert_true(fabs(hist_quantile(a, 0.5) - 5e6) < 5e6 / 640);
	hist_record(a, UINT64_MAX);
	assert_int_equal(a->n_clipped, 1);
	hist_reset(a);
	assert_int_equal(a->n, 0);
	assert_int_equal(a->bins[hist_bin(5000)], 0);
	free(a);
	free(b);
}

static const struct life_hist *value_hist(const struct life_recorder *rec, enum life_phase phase)
{
	return &rec->hist[OBJ_VALUE][LIFE_STEADY][phase];
}

static void test_phases_of_a_freed_object(void **state)
{
	struct life_recorder rec;
	const struct heap_stamps s = {.dead_ticks = 1010, .retired_ticks = 1030};

	(void)state;
	assert_int_equal(life_recorder_init(&rec, &ns_clock), 0);
	life_stage_begin(&rec, 1000);
	life_record_free(&rec, OBJ_VALUE, 64, &s, 1060, 1100);
	life_recorder_settle(&rec);
	assert_int_equal(value_hist(&rec, LIFE_TOTAL)->events[90], 1);
	assert_int_equal(value_hist(&rec, LIFE_GHOST)->events[20], 1);
	assert_int_equal(value_hist(&rec, LIFE_GRACE)->events[30], 1);
	assert_int_equal(value_hist(&rec, LIFE_SWEEP)->events[40], 1);
	assert_int_equal(value_hist(&rec, LIFE_LIMBO)->events[70], 1);
	for (unsigned p = 0; p < LIFE_N_PHASES; p++) {
		assert_int_equal(value_hist(&rec, p)->n_from_zero, 1);
		assert_int_equal(value_hist(&rec, p)->n_entered, 0);
	}
	assert_true(rec.limbo_object_ticks == 70);
	assert_true(rec.limbo_byte_ticks == 70 * 64);
	assert_int_equal(value_hist(&rec, LIFE_TOTAL)->max_event_ns, 90);
	life_stage_begin(&rec, 2000);
	assert_int_equal(value_hist(&rec, LIFE_TOTAL)->events[90], 0);
	assert_int_equal(value_hist(&rec, LIFE_TOTAL)->n_from_zero, 0);
	life_recorder_fini(&rec);
}

static void test_delayed_entry(void **state)
{
	struct life_recorder rec;
	/* Dead and retired before the stage (at 1000), safe and freed inside it. */
	const struct heap_stamps s = {.dead_ticks = 950, .retired_ticks = 960};

	(void)state;
	assert_int_equal(life_recorder_init(&rec, &ns_clock), 0);
	life_stage_begin(&rec, 1000);
	life_record_free(&rec, OBJ_VALUE, 10, &s, 1020, 1030);
	assert_int_equal(value_hist(&rec, LIFE_TOTAL)->entered[50], 1);
	assert_int_equal(value_hist(&rec, LIFE_TOTAL)->events[80], 1);
	assert_int_equal(value_hist(&rec, LIFE_TOTAL)->n_from_zero, 0);
	/* The ghost phase ended in an earlier stage. */
	assert_int_equal(value_hist(&rec, LIFE_GHOST)->n_events, 0);
	assert_int_equal(value_hist(&rec, LIFE_GHOST)->n_entered, 0);
	assert_int_equal(value_hist(&rec, LIFE_GRACE)->entered[40], 1);
	assert_int_equal(value_hist(&rec, LIFE_GRACE)->events[60], 1);
	assert_int_equal(value_hist(&rec, LIFE_SWEEP)->n_from_zero, 1);
	/* Only the part of limbo that lies in the stage. */
	assert_true(rec.limbo_object_ticks == 30);
	life_recorder_fini(&rec);
}

/* What died when it was retired and was freed in the same stage is counted at once, what did not, phase by phase:
 * both give the same histograms. */
static void test_brief_lives(void **state)
{
	struct life_recorder rec;
	const struct heap_stamps brief = {.dead_ticks = 1010, .retired_ticks = 1011};
	const struct heap_stamps old = {.dead_ticks = 990, .retired_ticks = 990};
	const struct heap_stamps ghost = {.dead_ticks = 1000, .retired_ticks = 1020};

	(void)state;
	assert_int_equal(life_recorder_init(&rec, &ns_clock), 0);
	life_stage_begin(&rec, 1000);
	life_record_free(&rec, OBJ_VALUE, 64, &brief, 1031, 1071);
	life_record_free(&rec, OBJ_VALUE, 64, &old, 1030, 1050);
	life_record_free(&rec, OBJ_VALUE, 64, &ghost, 1030, 1040);
	for (unsigned i = 0; i < 2; i++) /* settling twice changes nothing */
		life_recorder_settle(&rec);
	assert_int_equal(value_hist(&rec, LIFE_TOTAL)->n_events, 3);
	assert_int_equal(value_hist(&rec, LIFE_TOTAL)->n_from_zero, 2);
	assert_int_equal(value_hist(&rec, LIFE_TOTAL)->n_entered, 1);
	assert_int_equal(value_hist(&rec, LIFE_TOTAL)->events[60], 2); /* brief and old */
	assert_int_equal(value_hist(&rec, LIFE_TOTAL)->events[40], 1);
	assert_int_equal(value_hist(&rec, LIFE_GHOST)->events[0], 1); /* old's: a stage before */
	assert_int_equal(value_hist(&rec, LIFE_GHOST)->events[20], 1);
	assert_int_equal(value_hist(&rec, LIFE_LIMBO)->events[60], 2);
	assert_int_equal(value_hist(&rec, LIFE_LIMBO)->max_event_ns, 60);
	assert_int_equal(value_hist(&rec, LIFE_GRACE)->events[20], 1);
	assert_int_equal(value_hist(&rec, LIFE_SWEEP)->events[40], 1);
	assert_true(value_hist(&rec, LIFE_TOTAL)->sum_event_ns == 60 + 60 + 40);
	life_stage_begin(&rec, 2000);
	life_recorder_settle(&rec);
	assert_int_equal(value_hist(&rec, LIFE_TOTAL)->n_events, 0);
	life_recorder_fini(&rec);
}

static void test_survivors_are_censored(void **state)
{
	struct life_recorder rec;
	const struct heap_stamps waiting = {.dead_ticks = 1010, .retired_ticks = 1020};
	const struct heap_stamps ghost = {.dead_ticks = 1040, .retired_ticks = 0};
	const struct heap_stamps live = {0, 0};

	(void)state;
	assert_int_equal(life_recorder_init(&rec, &ns_clock), 0);
	life_stage_begin(&rec, 1000);
	life_record_survivor(&rec, OBJ_VALUE, 64, &waiting, 0, 1100);
	life_record_survivor(&rec, OBJ_VALUE, 64, &waiting, 1070, 1100);
	life_record_survivor(&rec, OBJ_VALUE, 64, &ghost, 0, 1100);
	life_record_survivor(&rec, OBJ_VALUE, 64, &live, 0, 1100);
	assert_int_equal(value_hist(&rec, LIFE_TOTAL)->censored[90], 2);
	assert_int_equal(value_hist(&rec, LIFE_TOTAL)->censored[60], 1);
	assert_int_equal(value_hist(&rec, LIFE_TOTAL)->n_censored, 3);
	assert_int_equal(value_hist(&rec, LIFE_GHOST)->events[10], 2);
	assert_int_equal(value_hist(&rec, LIFE_GHOST)->censored[60], 1);
	assert_int_equal(value_hist(&rec, LIFE_GRACE)->censored[80], 1);
	assert_int_equal(value_hist(&rec, LIFE_GRACE)->events[50], 1);
	assert_int_equal(value_hist(&rec, LIFE_SWEEP)->censored[30], 1);
	assert_int_equal(value_hist(&rec, LIFE_LIMBO)->n_censored, 2);
	assert_true(rec.limbo_object_ticks == 160);
	life_recorder_fini(&rec);
}

static void test_hidden_and_unsampled(void **state)
{
	struct life_recorder rec;
	const struct heap_stamps s = {.dead_ticks = 1010, .retired_ticks = 1010};
	const struct heap_stamps growing = {.dead_ticks = 1010 | 1, .retired_ticks = 1010};
	const struct heap_stamps none = {0, 0};

	(void)state;
	assert_int_equal(life_recorder_init(&rec, &ns_clock), 0);
	life_stage_begin(&rec, 1000);
	life_record_free(&rec, OBJ_VALUE, 64, &s, LIFE_SAFE_UNKNOWN, 1100);
	life_record_free(&rec, OBJ_VALUE, 64, &none, 1090, 1100);
	life_record_free(&rec, OBJ_VALUE, 64, &growing, 1090, 1100);
	life_recorder_settle(&rec);
	assert_int_equal(rec.n_hidden_safe, 1);
	assert_int_equal(rec.n_skipped, 1);
	assert_int_equal(value_hist(&rec, LIFE_TOTAL)->n_events, 1);
	assert_int_equal(value_hist(&rec, LIFE_GRACE)->n_events, 0);
	assert_int_equal(rec.hist[OBJ_VALUE][LIFE_GROWING][LIFE_TOTAL].events[90], 1);
	life_recorder_fini(&rec);
}

struct seen {
	unsigned n;
	uint64_t freed_ticks;
};

static void see(void *ctx, enum obj_class class, const struct heap_stamps *stamps,
		uint64_t safe_ticks, uint64_t freed_ticks)
{
	struct seen *seen = ctx;

	(void)class;
	(void)stamps;
	(void)safe_ticks;
	seen->n++;
	seen->freed_ticks = freed_ticks;
}

static void test_merge_and_observer(void **state)
{
	struct life_recorder a, b;
	const struct heap_stamps s = {.dead_ticks = 1010, .retired_ticks = 1010};
	struct seen seen = {0};

	(void)state;
	assert_int_equal(life_recorder_init(&a, &ns_clock), 0);
	assert_int_equal(life_recorder_init(&b, &ns_clock), 0);
	life_stage_begin(&a, 1000);
	life_stage_begin(&b, 1000);
	b.observe = see;
	b.observe_ctx = &seen;
	life_record_free(&a, OBJ_VALUE, 64, &s, 1050, 1100);
	life_record_free(&b, OBJ_VALUE, 64, &s, 1050, 1120);
	life_record_survivor(&b, OBJ_ARRAY, 4096, &s, 0, 2000);
	life_recorder_merge(&a, &b);
	assert_int_equal(value_hist(&a, LIFE_TOTAL)->n_events, 2);
	assert_int_equal(value_hist(&a, LIFE_TOTAL)->max_event_ns, 110);
	assert_int_equal(a.hist[OBJ_ARRAY][LIFE_STEADY][LIFE_TOTAL].n_censored, 1);
	assert_int_equal(a.hist[OBJ_ARRAY][LIFE_STEADY][LIFE_TOTAL].max_censored_ns, 990);
	assert_true(a.limbo_object_ticks == 90 + 110 + 990);
	assert_int_equal(seen.n, 1);
	assert_int_equal(seen.freed_ticks, 1120);
	life_recorder_fini(&a);
	life_recorder_fini(&b);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_bins_cover_all_values),
		cmocka_unit_test(test_quantiles_of_exact_values),
		cmocka_unit_test(test_bins_hold_long_stages),
		cmocka_unit_test(test_quantiles_of_large_values_are_within_a_bin),
		cmocka_unit_test(test_phases_of_a_freed_object),
		cmocka_unit_test(test_delayed_entry),
		cmocka_unit_test(test_brief_lives),
		cmocka_unit_test(test_survivors_are_censored),
		cmocka_unit_test(test_hidden_and_unsampled),
		cmocka_unit_test(test_merge_and_observer),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
