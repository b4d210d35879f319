/* SPDX-License-Identifier: MIT */
/* test_selfcheck.c - Little's law and conservation hold, and a wrong stamp or counter makes each fail. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "measure/selfcheck.h"
#include "registry.h"

#define N_KEYS 2000

struct fixture {
	struct clock clock;
	struct reclaim *r;
	struct reclaim_thread *t;
	struct hmap *map;
	struct life_recorder life;
	uint64_t begin_ticks;
};

static void delete_all(struct fixture *f)
{
	for (uint64_t k = 0; k < N_KEYS; k += 2) {
		reclaim_enter(f->t);
		assert_true(hmap_delete(f->map, f->t, k));
		reclaim_exit(f->t);
		reclaim_poll(f->t);
	}
}

static void insert_all(struct fixture *f)
{
	for (uint64_t k = 0; k < N_KEYS; k++) {
		reclaim_enter(f->t);
		hmap_insert(f->map, f->t, k, k);
		reclaim_exit(f->t);
		reclaim_poll(f->t);
	}
}

/* A map filled before any stage has begun. */
static struct fixture *fixture_filled(const char *strategy)
{
	struct fixture *f = calloc(1, sizeof(*f));
	const struct hmap_config hc = {
		.mode = HMAP_PAYLOAD, .unlink = HMAP_UNLINK_EMPTY, .value_bytes = 64, .seed = 1};
	struct reclaim_config rc = {.tracking = true};
	char message[256];

	assert_non_null(f);
	clock_init(&f->clock, false);
	f->begin_ticks = clock_ticks(&f->clock);
	rc.clock = &f->clock;
	rc.ops = reclaim_strategy_find(strategy);
	assert_non_null(rc.ops);
	assert_int_equal(reclaim_create(&f->r, &rc, message, sizeof(message)), 0);
	f->t = reclaim_register(f->r, ROLE_MUTATOR);
	assert_non_null(f->t);
	assert_int_equal(hmap_create(&f->map, f->r, f->t, &hc), 0);
	assert_int_equal(life_recorder_init(&f->life, &f->clock), 0);
	insert_all(f);
	return f;
}

static struct fixture *fixture_new(const char *strategy)
{
	struct fixture *f = fixture_filled(strategy);

	reclaim_quiet_begin(f->r);
	f->begin_ticks = clock_ticks(&f->clock);
	reclaim_stage_begin(f->r, f->begin_ticks);
	reclaim_quiet_end(f->r);
	life_stage_begin(&f->life, f->begin_ticks);
	delete_all(f);
	return f;
}

static void fixture_free(struct fixture *f)
{
	life_recorder_fini(&f->life);
	hmap_destroy(f->map, f->t);
	reclaim_ops(f->r)->drain(f->t);
	reclaim_unregister(f->t);
	reclaim_destroy(f->r);
	free(f);
}

static void check_little(struct fixture *f, struct selfcheck_little *out)
{
	struct reclaim_totals end;
	const uint64_t now = clock_ticks(&f->clock);

	reclaim_totals(f->r, &end);
	reclaim_stage_end(f->r, now, &f->life);
	selfcheck_little(out, &end, now - f->begin_ticks, &f->life);
}

static void check_conservation(struct fixture *f, struct selfcheck_conservation *out)
{
	reclaim_offline(f->t);
	reclaim_quiet_begin(f->r);
	assert_int_equal(selfcheck_conservation(out, f->r, f->t, &f->map, 1), 0);
	reclaim_quiet_end(f->r);
	reclaim_online(f->t);
}

static void test_both_hold(void **state)
{
	static const char *const strategies[] = {"leak", "immediate"};

	(void)state;
	for (size_t i = 0; i < 2; i++) {
		struct fixture *f = fixture_new(strategies[i]);
		struct selfcheck_little little;
		struct selfcheck_conservation c;

		check_little(f, &little);
		assert_true(little.is_good);
		check_conservation(f, &c);
		assert_string_equal(c.text, "");
		assert_true(c.is_good);
		assert_int_equal(c.class[OBJ_VALUE].n_live, N_KEYS / 2);
		assert_int_equal(c.class[OBJ_VALUE].live_bytes, N_KEYS / 2 * 64);
		fixture_free(f);
	}
}

/* Shift the retired stamps of what is in limbo. */
struct shift {
	uint64_t by;
};

static void shift_stamp(void *ctx, void *object, enum obj_class class, size_t bytes,
			struct heap_stamps *stamps)
{
	(void)object;
	(void)class;
	(void)bytes;
	if (stamps != NULL && stamps->retired_ticks != 0)
		stamps->retired_ticks += ((struct shift *)ctx)->by;
}

static void test_wrong_stamp_breaks_little(void **state)
{
	struct fixture *f = fixture_new("leak");
	/* A tenth of the stage so far. */
	struct shift shift = {(clock_ticks(&f->clock) - f->begin_ticks) / 10};
	struct selfcheck_little little;

	(void)state;
	heap_visit(reclaim_heap(f->r), shift_stamp, &shift);
	check_little(f, &little);
	assert_false(little.is_good);
	assert_true(little.ratio < 1);
	fixture_free(f);
}

static void test_wrong_gauge_breaks_little(void **state)
{
	struct fixture *f = fixture_new("leak");
	struct selfcheck_little little;

	(void)state;
	counter_add(&f->t->counters[OBJ_VALUE].n_stamped_freed, N_KEYS / 10);
	check_little(f, &little);
	assert_false(little.is_good);
	fixture_free(f);
}

static void test_wrong_counter_breaks_conservation(void **state)
{
	struct fixture *f = fixture_new("immediate");
	struct selfcheck_conservation c;

	(void)state;
	counter_add(&f->t->counters[OBJ_VALUE].n_freed, 1);
	check_conservation(f, &c);
	assert_false(c.is_good);
	assert_int_equal(c.error_objects, 1);
	assert_int_equal(c.error_bytes, 0);
	assert_non_null(strstr(c.text, "value"));
	counter_add(&f->t->counters[OBJ_VALUE].n_freed, (uint64_t)-1);
	/* One byte is enough. */
	counter_add(&f->t->counters[OBJ_BUCKET].allocated_bytes, 1);
	check_conservation(f, &c);
	assert_false(c.is_good);
	assert_int_equal(c.error_bytes, 1);
	counter_add(&f->t->counters[OBJ_BUCKET].allocated_bytes, (uint64_t)-1);
	check_conservation(f, &c);
	assert_true(c.is_good);
	fixture_free(f);
}

static void test_lost_object_breaks_conservation(void **state)
{
	struct fixture *f = fixture_new("immediate");
	struct selfcheck_conservation c;
	/* Neither in the map nor retired: a leak. */
	void *lost = reclaim_alloc(f->t, OBJ_VALUE, 64, true);

	(void)state;
	assert_non_null(lost);
	check_conservation(f, &c);
	assert_false(c.is_good);
	assert_int_equal(c.error_objects, 1);
	assert_int_equal(c.error_bytes, 64);
	reclaim_unalloc(f->t, lost);
	check_conservation(f, &c);
	assert_true(c.is_good);
	fixture_free(f);
}

static void test_wrong_pending_breaks_conservation(void **state)
{
	struct selfcheck_conservation c = {.n_pending = 4};

	(void)state;
	c.class[OBJ_VALUE] =
		(struct selfcheck_class){.n_live = 1, .n_present = 6, .n_limbo = 5, .n_held = 6};
	selfcheck_compare(&c);
	assert_false(c.is_good);
	assert_int_equal(c.error_objects, 1);
	c.n_pending = 5;
	selfcheck_compare(&c);
	assert_true(c.is_good);
	c.n_pending = UINT64_MAX; /* the strategy is not told */
	selfcheck_compare(&c);
	assert_true(c.is_good);
}

/* Without a stage, ticks count from the creation, not from power-on: their sums would overflow. */
static void test_sums_begin_with_creation(void **state)
{
	struct fixture *f = fixture_filled("immediate");
	struct reclaim_totals totals;

	(void)state;
	delete_all(f);
	reclaim_totals(f->r, &totals);
	const int64_t elapsed = (int64_t)(clock_ticks(&f->clock) - f->begin_ticks);
	uint64_t n_retired = 0;

	for (int k = 0; k < OBJ_N_CLASSES; k++) {
		const int64_t n = (int64_t)totals.n_stamped_retired[k];

		n_retired += totals.n_stamped_retired[k];
		assert_true(totals.retire_ticks_sum[k] >= 0);
		assert_true(totals.retire_ticks_sum[k] <= n * elapsed);
		assert_true(totals.free_ticks_sum[k] >= totals.retire_ticks_sum[k]);
		assert_true(totals.free_ticks_sum[k] <= n * elapsed);
	}
	assert_true(n_retired >= N_KEYS / 2);
	fixture_free(f);
}

/* An hour at 3 GHz, 5 thousand million deaths spread over it, and nothing is freed; then all but the last half
 * lives a single tick.  Both sums are far beyond 64 bits. */
static void test_long_stage_holds(void **state)
{
	const uint64_t hour = UINT64_C(3600) * 3000000000, n = UINT64_C(5000000000);
	const __int128 sum = (__int128)n * hour / 2;
	struct life_recorder rec = {.limbo_object_ticks = (double)sum,
				    .limbo_byte_ticks = (double)(sum * 16)};
	struct reclaim_totals totals = {0};
	struct selfcheck_little little;

	(void)state;
	totals.n_stamped_retired[OBJ_VALUE] = n;
	totals.stamped_retired_bytes[OBJ_VALUE] = n * 16;
	totals.retire_ticks_sum[OBJ_VALUE] = sum;
	totals.retire_byte_ticks_sum[OBJ_VALUE] = sum * 16;
	selfcheck_little(&little, &totals, hour, &rec);
	assert_true(little.is_good);
	assert_true(fabs(little.ratio - 1) < 1e-9);

	totals.n_stamped_freed[OBJ_VALUE] = n;
	totals.stamped_freed_bytes[OBJ_VALUE] = n * 16;
	totals.free_ticks_sum[OBJ_VALUE] = sum + n;
	totals.free_byte_ticks_sum[OBJ_VALUE] = (sum + n) * 16;
	rec.limbo_object_ticks = (double)n;
	rec.limbo_byte_ticks = (double)n * 16;
	selfcheck_little(&little, &totals, hour, &rec);
	assert_true(little.ratio == 1);
}

static void test_wide_counter(void **state)
{
	struct counter_wide c = {0};
	const __int128 step = (__int128)INT64_MAX + 5;

	(void)state;
	for (int i = 0; i < 1000; i++)
		counter_wide_add(&c, step);
	assert_true(counter_wide_get(&c) == 1000 * step);
	for (int i = 0; i < 1001; i++)
		counter_wide_add(&c, -step);
	assert_true(counter_wide_get(&c) == -step);
	counter_wide_set(&c, 7);
	assert_true(counter_wide_get(&c) == 7);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_both_hold),
		cmocka_unit_test(test_wrong_stamp_breaks_little),
		cmocka_unit_test(test_wrong_gauge_breaks_little),
		cmocka_unit_test(test_wrong_counter_breaks_conservation),
		cmocka_unit_test(test_lost_object_breaks_conservation),
		cmocka_unit_test(test_wrong_pending_breaks_conservation),
		cmocka_unit_test(test_sums_begin_with_creation),
		cmocka_unit_test(test_long_stage_holds),
		cmocka_unit_test(test_wide_counter),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
