/* SPDX-License-Identifier: MIT */
/* test_sampling.c - one retire in N is stamped: every class of lifetimes must shrink to about one in N, those that
 * have not ended at a stage's end no less than those that have. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>
#include <math.h>

#include "hmap.h"
#include "registry.h"

enum { SAMPLE_1_IN = 8, N_KEYS = 12000 };

static struct clock test_clock;

struct sums {
	uint64_t n_events[OBJ_N_CLASSES], n_censored[OBJ_N_CLASSES];
	uint64_t n_limbo[OBJ_N_CLASSES]; /* retired, ended or not */
	struct reclaim_totals totals;
};

/* Sixteen chains: many overflow buckets. */
static uint64_t hash_few_chains(uint64_t key, uint64_t seed)
{
	(void)seed;
	return (key & 15) | key << 56;
}

static void add_up(const struct life_recorder *life, struct sums *out)
{
	for (int c = 0; c < OBJ_N_CLASSES; c++)
		for (int state = 0; state < LIFE_N_STATES; state++) {
			const struct life_hist *h = life->hist[c][state];

			if (!h)
				continue;
			out->n_events[c] += h[LIFE_TOTAL].n_events;
			out->n_censored[c] += h[LIFE_TOTAL].n_censored;
			out->n_limbo[c] += h[LIFE_LIMBO].n_events + h[LIFE_LIMBO].n_censored;
		}
}

/* Fill, empty half, drain or not, and look at all that has died: one thread, the same for each `sample_1_in`. */
static void run(const char *strategy, enum hmap_unlink unlink, hmap_hash_fn *hash, bool drains,
		uint32_t sample_1_in, struct sums *out)
{
	const struct reclaim_config config = {.ops = reclaim_strategy_find(strategy),
					      .clock = &test_clock,
					      .tracking = true,
					      .sample_1_in = sample_1_in};
	const struct hmap_config map = {.mode = HMAP_PLAIN, .unlink = unlink, .hash = hash};
	struct life_recorder life;
	struct reclaim_thread *t;
	struct reclaim *r;
	char message[256] = "";
	struct hmap *m;

	memset(out, 0, sizeof(*out));
	assert_int_equal(reclaim_create(&r, &config, message, sizeof(message)), 0);
	t = reclaim_register(r, ROLE_MUTATOR);
	assert_int_equal(hmap_create(&m, r, t, &map), 0);
	reclaim_stage_begin(r, clock_ticks(&test_clock));
	for (uint64_t key = 0; key < N_KEYS; key++)
		assert_int_equal(hmap_insert(m, t, key, key), HMAP_INSERTED);
	/* A whole chain's tail at a time, so that its buckets become empty. */
	for (uint64_t key = N_KEYS; key-- > N_KEYS / 2;)
		assert_true(hmap_delete(m, t, key));
	if (drains)
		t->ops->drain(t);
	assert_int_equal(life_recorder_init(&life, &test_clock), 0);
	reclaim_quiet_begin(r);
	reclaim_stage_end(r, clock_ticks(&test_clock), &life);
	reclaim_quiet_end(r);
	add_up(&life, out);
	reclaim_totals(r, &out->totals);
	life_recorder_fini(&life);
	hmap_destroy(m, t);
	t->ops->drain(t);
	reclaim_unregister(t);
	reclaim_destroy(r);
}

/* Six standard deviations of a draw of one in N. */
static void check_share(const char *what, enum obj_class class, uint64_t all, uint64_t sampled)
{
	const double mean = (double)all / SAMPLE_1_IN;

	if (fabs((double)sampled - mean) > 6 * sqrt(mean) + 2)
		fail_msg("%s of %s: %llu of %llu, not one in %d", what, obj_class_names[class],
			 (unsigned long long)sampled, (unsigned long long)all, SAMPLE_1_IN);
}

static void check(const char *strategy, enum hmap_unlink unlink, hmap_hash_fn *hash, bool drains,
		  enum obj_class class, bool is_event)
{
	struct sums *s = malloc(2 * sizeof(*s));

	run(strategy, unlink, hash, drains, 1, &s[0]);
	run(strategy, unlink, hash, drains, SAMPLE_1_IN, &s[1]);
	/* There is something to be counted. */
	assert_true((is_event ? s[0].n_events : s[0].n_censored)[class] > 300);
	for (int c = 0; c < OBJ_N_CLASSES; c++) {
		check_share("ended", c, s[0].n_events[c], s[1].n_events[c]);
		check_share("not ended", c, s[0].n_censored[c], s[1].n_censored[c]);
	}
	for (int i = 0; i < 2; i++) {
		/* What Little's law compares: the counters and the stamps know the same objects. */
		assert_int_equal(s[i].totals.n_stamped_retired[OBJ_ARRAY],
				 s[i].n_limbo[OBJ_ARRAY] + s[i].n_limbo[OBJ_MAP]);
		assert_int_equal(s[i].totals.n_stamped_retired[OBJ_BUCKET],
				 s[i].n_limbo[OBJ_BUCKET]);
	}
	free(s);
}

static void test_dead_and_not_retired(void **state)
{
	(void)state;
	check("leak", HMAP_UNLINK_GO, hash_few_chains, false, OBJ_BUCKET, false);
}
static void test_retired_and_not_freed(void **state)
{
	(void)state;
	check("leak", HMAP_UNLINK_EMPTY, hash_few_chains, false, OBJ_BUCKET, false);
}
static void test_evacuated_and_not_freed(void **state)
{
	(void)state;
	check("leak", HMAP_UNLINK_EMPTY, NULL, false, OBJ_EVACUATED_BUCKET, false);
}
static void test_evacuated_and_freed(void **state)
{
	(void)state;
	check("immediate", HMAP_UNLINK_EMPTY, NULL, true, OBJ_EVACUATED_BUCKET, true);
	check("sweepgen", HMAP_UNLINK_GO, NULL, true, OBJ_EVACUATED_BUCKET, true);
}

/* Threads that come, retire less than the sampling's step, and go are sampled as others are. */
static void test_short_visits(void **state)
{
	enum { N_VISITS = 4000 };
	const struct reclaim_config config = {.ops = reclaim_strategy_find("leak"),
					      .clock = &test_clock,
					      .tracking = true,
					      .sample_1_in = SAMPLE_1_IN};
	struct reclaim_totals totals;
	char message[256] = "";
	struct reclaim *r;

	(void)state;
	assert_int_equal(reclaim_create(&r, &config, message, sizeof(message)), 0);
	for (int i = 0; i < N_VISITS; i++) {
		struct reclaim_thread *t = reclaim_register(r, ROLE_MUTATOR);
		void *object = reclaim_alloc(t, OBJ_VALUE, 16, true);

		reclaim_retire(t, object, true);
		reclaim_unregister(t);
	}
	reclaim_totals(r, &totals);
	assert_int_equal(totals.n_retired[OBJ_VALUE], N_VISITS);
	check_share("visits", OBJ_VALUE, N_VISITS, totals.n_stamped_retired[OBJ_VALUE]);
	reclaim_destroy(r);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_dead_and_not_retired),
		cmocka_unit_test(test_retired_and_not_freed),
		cmocka_unit_test(test_evacuated_and_not_freed),
		cmocka_unit_test(test_evacuated_and_freed),
		cmocka_unit_test(test_short_visits),
	};

	clock_init(&test_clock, false);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
