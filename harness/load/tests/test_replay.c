/* SPDX-License-Identifier: MIT */
/* test_replay.c - sharding, repetition and pacing of loaded traces. */
#include "load/keytab.h"
#include "load/tests/trace_test.h"
#include "load/trace_replay.h"

static void test_shards_keep_the_order_per_key(void **state)
{
	char *text = malloc(ROOM);
	struct trace *t = load_n("x", text, make_csv(text), &any);
	struct trace_shards shards;
	size_t n_ops = 0;

	(void)state;
	for (unsigned n = 1; n <= 5; n += 2) {
		assert_int_equal(trace_shards_make(&shards, t, n), 0);
		n_ops = 0;
		for (unsigned i = 0; i < n; i++) {
			const struct trace_shard *s = &shards.shard[i];
			struct keytab live = {0};

			n_ops += s->n_ops;
			assert_true(s->n_ops > t->n_ops / n / 2);
			/* Balanced as a whole, so balanced in each shard, if order is kept. */
			for (size_t j = 0; j < s->n_ops; j++) {
				uint64_t *found = keytab_find(&live, s->ops[j].key);

				assert_int_equal(found != NULL, s->ops[j].type == OP_DELETE);
				if (found)
					keytab_remove(&live, found);
				else
					*keytab_put(&live, s->ops[j].key) = 1;
			}
			assert_int_equal(live.n, s->n_closing);
			keytab_fini(&live);
		}
		assert_int_equal(n_ops, t->n_ops);
		trace_shards_free(&shards);
	}
	trace_free(t);
	free(text);
}

static void test_thread_done_goes_to_its_worker(void **state)
{
	struct trace *t = load("x",
			       "7: malloc 0xa0 1\n8: malloc 0xb0 1\n9: thread_done 0x0\n"
			       "8: thread_done 0x0\n",
			       &any);
	struct trace_shards shards;

	(void)state;
	assert_int_equal(trace_shards_make(&shards, t, 2), 0);
	for (unsigned i = 0; i < 2; i++) {
		unsigned n_done = 0;

		for (size_t j = 0; j < shards.shard[i].n_ops; j++) {
			if (shards.shard[i].ops[j].type != OP_THREAD_DONE)
				continue;
			n_done++;
			assert_int_equal(shards.shard[i].ops[j].tid % 2, i);
		}
		assert_int_equal(n_done, 1);
	}
	trace_shards_free(&shards);
	trace_free(t);
}

/* Three passes: other keys in each, nothing left over but from the last, times going on. */
static void test_passes(void **state)
{
	struct trace *t = load("x", HEADER "I,a,1,0\nI,b,1,10\nD,a,1,20\nG,b,0,30\n", &any);
	const struct trace_pace pace = {.kind = TRACE_PACE_RECORDED, .speed = 2};
	struct keytab seen = {0};
	struct keytab live = {0};
	struct trace_shards shards;
	struct trace_replay r;
	double start_ns;
	struct op op;

	(void)state;
	assert_int_equal(trace_shards_make(&shards, t, 1), 0);
	trace_replay_init(&r, t, &shards, 0, &pace);
	for (int i = 0; i < 3 * 5; i++) {
		static const double times[] = {0, 10, 20, 30, 30};
		static const enum op_type types[] = {OP_INSERT, OP_INSERT, OP_DELETE, OP_GET,
						     OP_DELETE};

		const int pass = i / 5;

		assert_true(trace_replay_next(&r, &op, &start_ns));
		assert_int_equal(op.type, types[i % 5]);
		assert_true(start_ns == (31 * pass + times[i % 5]) / 2);
		assert_int_equal(op.value, i);
		*keytab_put(&seen, op.key) = 1;
		if (op.type == OP_INSERT)
			*keytab_put(&live, op.key) = 1;
		else if (op.type == OP_DELETE)
			keytab_remove(&live, keytab_find(&live, op.key));
	}
	assert_int_equal(seen.n, 3 * 2);
	assert_int_equal(live.n, 0);
	keytab_fini(&seen);
	keytab_fini(&live);
	trace_shards_free(&shards);
	trace_free(t);
}

/* A reader finds the keys that another's replay has just used, in every pass. */
static void test_reader_follows(void **state)
{
	struct trace *t = load("x", HEADER "I,a,1,0\nI,b,1,10\nD,a,1,20\nG,b,0,30\n", &any);
	const struct trace_pace pace = {.kind = TRACE_PACE_MAX};
	struct trace_replay r, reader = {0};
	struct trace_shards shards;
	struct op op, got;
	struct rng rng;
	double start_ns;

	(void)state;
	rng_seed(&rng, 1, 0, 0);
	assert_int_equal(trace_shards_make(&shards, t, 1), 0);
	trace_replay_init(&r, t, &shards, 0, &pace);
	trace_replay_follow(&reader, &r);
	trace_replay_get(&reader, &rng, 1, &got); /* nothing done yet: some key */
	assert_int_equal(got.type, OP_GET);
	for (int i = 0; i < 3 * 5; i++) {
		assert_true(trace_replay_next(&r, &op, &start_ns));
		trace_replay_follow(&reader, &r);
		trace_replay_get(&reader, &rng, 1, &got);
		assert_int_equal(got.type, OP_GET);
		assert_int_equal(got.key, op.key);
	}
	trace_shards_free(&shards);
	trace_free(t);
}

static void test_empty_shard_ends(void **state)
{
	struct trace *t = load("x", HEADER "I,a,1,0\n", &any);
	const struct trace_pace pace = {.kind = TRACE_PACE_MAX};
	struct trace_shards shards;
	unsigned n_empty = 0;

	(void)state;
	assert_int_equal(trace_shards_make(&shards, t, 4), 0);
	for (unsigned i = 0; i < 4; i++) {
		struct trace_replay r;
		double start_ns;
		struct op op;

		trace_replay_init(&r, t, &shards, i, &pace);
		n_empty += !trace_replay_next(&r, &op, &start_ns);
	}
	assert_int_equal(n_empty, 3);
	trace_shards_free(&shards);
	trace_free(t);
}

static void test_pace_syntax(void **state)
{
	static const char *const bad[] = {"",	  "x", "0x",   "-1x", "infx",
					  "nanx", "0", "fast", "2G",  "1xx"};
	struct trace *t = load("x", "7: malloc 0xa0 16\n", &any);
	struct load_error error = {""};
	struct trace_pace p;

	(void)state;
	assert_int_equal(trace_parse_pace("max", &p, &error), 0);
	assert_int_equal(p.kind, TRACE_PACE_MAX);
	assert_int_equal(trace_check_pace(t, &p, &error), 0);
	assert_int_equal(trace_parse_pace("10k", &p, &error), 0);
	assert_true(p.kind == TRACE_PACE_RATE && p.rate_per_s == 10000);
	assert_int_equal(trace_parse_pace("0.5x", &p, &error), 0);
	assert_true(p.kind == TRACE_PACE_RECORDED && p.speed == 0.5);
	assert_int_equal(trace_check_pace(t, &p, &error), -EINVAL);
	assert_non_null(strstr(error.text, "aosp has no times"));
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		if (trace_parse_pace(bad[i], &p, &error) != -EINVAL)
			fail_msg("%s was taken", bad[i]);
		assert_non_null(strstr(error.text, "write max, 1x"));
	}
	trace_free(t);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_shards_keep_the_order_per_key),
		cmocka_unit_test(test_thread_done_goes_to_its_worker),
		cmocka_unit_test(test_passes),
		cmocka_unit_test(test_reader_follows),
		cmocka_unit_test(test_empty_shard_ends),
		cmocka_unit_test(test_pace_syntax),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
