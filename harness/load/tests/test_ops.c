/* SPDX-License-Identifier: MIT */
/* test_ops.c - mixes, distributions, streams and their digest. */
#include "load/digest.h"
#include "load/keytab.h"
#include "load/ops.h"
#include "load/sched.h"

#include <errno.h>
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#ifdef RECLAIMBENCH_SANITIZED
#define N_DRAWS 100000
#else
#define N_DRAWS 1000000
#endif

static struct mix parse_mix(const char *text)
{
	struct load_error error = {""};
	struct mix mix;

	assert_int_equal(mix_parse(text, &mix, &error), 0);
	return mix;
}

static struct keys make_keys(const char *dist_text, const char *mix_text, uint64_t n, uint64_t seed)
{
	const struct mix mix = parse_mix(mix_text);
	struct load_error error = {""};
	struct keys_dist dist;
	struct keys keys;

	assert_int_equal(keys_parse_dist(dist_text, &dist, &error), 0);
	keys_init(&keys, &dist, &mix, n, seed);
	return keys;
}

static void test_mix(void **state)
{
	static const char *const bad[] = {"",	       "50/25",	    "50/25/25/0", "50/25/25x",
					  "a/b/c",     "-10/60/50", "50//50",	  "101/0/0",
					  "50/ 25/25", "50/25/26",  "33/33/33",	  "200/-50/-50"};
	struct load_error error = {""};
	struct mix mix = parse_mix("50/30/20");
	unsigned n[OP_N_TYPES] = {0};

	(void)state;
	for (unsigned i = 0; i < 100; i++)
		n[mix_pick(&mix, i)]++;
	assert_int_equal(n[OP_GET], 50);
	assert_int_equal(n[OP_INSERT], 30);
	assert_int_equal(n[OP_DELETE], 20);
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		assert_int_equal(mix_parse(bad[i], &mix, &error), -EINVAL);
		assert_non_null(strstr(error.text, "50/25/25"));
	}
	assert_int_equal(mix_parse("33/33/33", &mix, &error), -EINVAL);
	assert_non_null(strstr(error.text, "sums to 99"));
}

static void test_dist_syntax(void **state)
{
	static const char *const bad[] = {
		"",	     "uniforms",  "uniform=1", "zipf=",	  "zipf=x",
		"zipf=-1",   "zipf=9",	  "zipf=nan",  "hot=0.1", "hot=0:0.5",
		"hot=2:0.5", "hot=0.1:2", "fifo=3",    "waves=0", "waves=x"};
	struct load_error error = {""};
	struct keys_dist d;

	(void)state;
	assert_int_equal(keys_parse_dist("zipf=1.2", &d, &error), 0);
	assert_int_equal(d.kind, KEYS_ZIPF);
	assert_true(d.theta == 1.2);
	assert_int_equal(keys_parse_dist("hot=0.2:80%", &d, &error), 0);
	assert_int_equal(d.kind, KEYS_HOT);
	assert_true(d.hot_fraction == 0.2 && d.hot_share == 0.8);
	assert_int_equal(keys_parse_dist("waves=4k", &d, &error), 0);
	assert_int_equal(d.wave_keys, 4000);
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		if (keys_parse_dist(bad[i], &d, &error) != -EINVAL)
			fail_msg("%s was taken", bad[i]);
		assert_non_null(strstr(error.text, "write uniform, zipf"));
	}
}

/* Pearson's chi-square of draws against exact probabilities; the limit is the mean plus five
 * standard deviations. */
static void expect_distribution(const struct keys *keys, const double *p, size_t n)
{
	uint64_t *seen = calloc(n, sizeof(*seen));
	double chi2 = 0;
	struct rng rng;

	rng_seed(&rng, 7, 0, 0);
	for (int i = 0; i < N_DRAWS; i++) {
		const uint64_t id = keys_draw(keys, &rng);

		assert_true(id < n);
		seen[id]++;
	}
	for (size_t i = 0; i < n; i++) {
		const double expected = p[i] * N_DRAWS;

		chi2 += ((double)seen[i] - expected) * ((double)seen[i] - expected) / expected;
	}
	if (chi2 > (double)n + 5 * sqrt(2.0 * (double)n))
		fail_msg("chi2 %g for %zu keys", chi2, n);
	free(seen);
}

static void test_distributions_match_their_formula(void **state)
{
	static const char *const zipfs[] = {"zipf=0", "zipf=0.5", "zipf=0.99", "zipf=1", "zipf=2"};
	static const double thetas[] = {0, 0.5, 0.99, 1, 2};
	enum { N = 200, N_HOT = 20 };
	double p[N];
	struct keys keys;

	(void)state;
	for (int z = 0; z < 5; z++) {
		double sum = 0;

		keys = make_keys(zipfs[z], "100/0/0", N, 1);
		for (int i = 0; i < N; i++)
			sum += pow(i + 1, -thetas[z]);
		for (int i = 0; i < N; i++)
			p[i] = pow(i + 1, -thetas[z]) / sum;
		expect_distribution(&keys, p, N);
	}
	keys = make_keys("uniform", "100/0/0", N, 1);
	for (int i = 0; i < N; i++)
		p[i] = 1.0 / N;
	expect_distribution(&keys, p, N);
	keys = make_keys("hot=0.1:0.9", "100/0/0", N, 1);
	for (int i = 0; i < N; i++)
		p[i] = i < N_HOT ? 0.9 / N_HOT : 0.1 / (N - N_HOT);
	expect_distribution(&keys, p, N);
}

/* Large universes have no tables, so only their head is looked at: rank 0 of 2^40 keys at theta
 * 0.99. */
static void test_zipf_of_a_large_universe(void **state)
{
	struct zipf z;
	struct rng rng;
	uint64_t n_first = 0;
	const double n = 0x1p40;
	/* The sum by Euler and Maclaurin: integral + half of the ends + 1/12 of the slope. */
	const double sum = (pow(n, 0.01) - 1) / 0.01 + 0.5 + 0.5 * pow(n, -0.99) + 0.99 / 12;
	const double expected = N_DRAWS / sum;

	(void)state;
	zipf_init(&z, UINT64_C(1) << 40, 0.99);
	rng_seed(&rng, 3, 0, 0);
	for (int i = 0; i < N_DRAWS; i++) {
		const uint64_t rank = zipf_next(&z, &rng);

		assert_true(rank < UINT64_C(1) << 40);
		n_first += rank == 0;
	}
	assert_true(fabs((double)n_first - expected) < 5 * sqrt(expected));
}

/* Inserted once each, and as many as asked for. */
static void test_prefill_has_no_duplicates(void **state)
{
	static const char *const dists[] = {"uniform", "zipf", "hot", "fifo", "waves"};
	static const uint64_t sizes[] = {1, 2, 3, 1000, 65536};

	(void)state;
	for (size_t d = 0; d < 5; d++) {
		for (size_t n = 0; n < 5; n++) {
			const struct keys keys = make_keys(dists[d], "50/25/25", sizes[n], 9);
			struct keytab seen = {0};

			for (uint64_t i = 0; i < sizes[n]; i++)
				*keytab_put(&seen, keys_prefill(&keys, i, 3)) = 1;
			assert_int_equal(seen.n, sizes[n]);
			keytab_fini(&seen);
		}
	}
}

/* Of the popular keys as many are there from the start as of the others: half, with equal inserts and
 * deletes.  160 are more than five standard deviations. */
static void test_prefill_ignores_popularity(void **state)
{
	const struct keys keys = make_keys("zipf", "50/25/25", 10000, 9);
	struct keytab popular = {0};
	int n_prefilled = 0;

	(void)state;
	assert_int_equal(keys.n_universe, 20000);
	for (uint64_t id = 0; id < 4000; id++)
		*keytab_put(&popular, keys_scatter(&keys, id)) = 1;
	for (uint64_t i = 0; i < 10000; i++)
		n_prefilled += keytab_find(&popular, keys_prefill(&keys, i, 1)) != NULL;
	assert_true(abs(n_prefilled - 2000) < 160);
	keytab_fini(&popular);
}

/* Do a stream on a plain set. */
struct model {
	struct keytab live;
	uint64_t n[OP_N_TYPES];
	uint64_t n_hits[OP_N_TYPES];
	uint64_t n_min;
	uint64_t n_max;
};

static void model_prefill(struct model *m, const struct keys *keys, unsigned n_threads)
{
	*m = (struct model){.n_min = keys->n_keys, .n_max = keys->n_keys};
	for (uint64_t i = 0; i < keys->n_keys; i++)
		*keytab_put(&m->live, keys_prefill(keys, i, n_threads)) = 1;
}

static void model_do(struct model *m, const struct op *op)
{
	uint64_t *found = keytab_find(&m->live, op->key);

	m->n[op->type]++;
	m->n_hits[op->type] += found != NULL;
	if (op->type == OP_INSERT)
		*keytab_put(&m->live, op->key) = 1;
	else if (op->type == OP_DELETE && found)
		keytab_remove(&m->live, found);
	m->n_min = m->live.n < m->n_min ? m->live.n : m->n_min;
	m->n_max = m->live.n > m->n_max ? m->live.n : m->n_max;
}

/* uniform: the map is full from the start and stays so; gets and deletes hit as often as keys are
 * live. */
static void test_uniform_is_steady(void **state)
{
	const struct mix mix = parse_mix("50/30/20");
	const struct keys keys = make_keys("uniform", "50/30/20", 4096, 5);
	struct ops_stream s;
	struct model m;
	struct op op;

	(void)state;
	assert_int_equal(keys.n_universe, (4096 * 50 + 29) / 30);
	model_prefill(&m, &keys, 1);
	ops_init(&s, &keys, &mix, 5, 0, 1);
	for (int i = 0; i < 200000; i++) {
		ops_next(&s, &op);
		model_do(&m, &op);
	}
	assert_true(fabs((double)m.n[OP_GET] - 100000) < 5 * sqrt(50000));
	assert_true(fabs((double)m.n[OP_INSERT] - 60000) < 5 * sqrt(42000));
	/* 60 % of the universe are live: 0.6 of gets hit. */
	assert_true(fabs((double)m.n_hits[OP_GET] / (double)m.n[OP_GET] - 0.6) < 0.02);
	assert_true(m.n_min > 4096 * 0.94 && m.n_max < 4096 * 1.06);
	keytab_fini(&m.live);
}

/* fifo: each insert is new, each delete takes the oldest, each get hits; threads do not meet. */
static void test_fifo_retires_in_order(void **state)
{
	enum { N_THREADS = 3 };
	const struct mix mix = parse_mix("40/30/30");
	const struct keys keys = make_keys("fifo", "40/30/30", 1000, 5);
	struct ops_stream s[N_THREADS];
	uint64_t oldest[N_THREADS] = {0};
	uint64_t newest[N_THREADS];
	struct model m;
	struct op op;

	(void)state;
	model_prefill(&m, &keys, N_THREADS);
	for (unsigned t = 0; t < N_THREADS; t++) {
		ops_init(&s[t], &keys, &mix, 5, t, N_THREADS);
		newest[t] = sched_share(1000, t, N_THREADS);
	}
	for (unsigned i = 0; i < 90000; i++) {
		const unsigned t = i % N_THREADS;

		ops_next(&s[t], &op);
		model_do(&m, &op);
		if (op.type == OP_INSERT)
			assert_true(op.key == keys_scatter(&keys, keys_ordered_id(t, newest[t]++)));
		else if (op.type == OP_DELETE)
			assert_true(op.key == keys_scatter(&keys, keys_ordered_id(t, oldest[t]++)));
	}
	assert_int_equal(m.n_hits[OP_INSERT], 0);
	assert_int_equal(m.n_hits[OP_DELETE], m.n[OP_DELETE]);
	assert_int_equal(m.n_hits[OP_GET], m.n[OP_GET]);
	assert_true(fabs((double)m.n[OP_GET] - 36000) < 5 * sqrt(21600));
	/* A sixteenth of 333 or 334 keys is 20, for each of three. */
	assert_true(m.n_min >= 1000 - 3 * 20 && m.n_max <= 1000 + 3 * 20);
	keytab_fini(&m.live);
}

/* A reader of an ordered distribution finds what a mutator has put there; alone it would find nothing. */
static void test_reader_follows(void **state)
{
	const struct mix mix = parse_mix("0/50/50"), only_get = {.get_pct = 100};
	const struct keys keys = make_keys("fifo", "0/50/50", 1000, 5);
	struct ops_stream mutator, reader;
	struct model m;
	struct op op;

	(void)state;
	model_prefill(&m, &keys, 1);
	ops_init(&mutator, &keys, &mix, 5, 0, 1);
	ops_init(&reader, &keys, &only_get, 5, 1, 2);
	ops_next(&reader, &op);
	assert_null(keytab_find(&m.live, op.key));
	for (int i = 0; i < 20000; i++) {
		ops_next(&mutator, &op);
		model_do(&m, &op);
		ops_follow(&reader, &mutator);
		ops_next(&reader, &op);
		assert_int_equal(op.type, OP_GET);
		assert_non_null(keytab_find(&m.live, op.key));
	}
	keytab_fini(&m.live);
}

/* waves: N inserts, then N deletes, and so on. */
static void test_waves_come_in_groups(void **state)
{
	const struct mix mix = parse_mix("20/40/40");
	const struct keys keys = make_keys("waves=100", "20/40/40", 1000, 5);
	struct ops_stream s;
	struct model m;
	struct op op;
	unsigned n_writes = 0;

	(void)state;
	model_prefill(&m, &keys, 1);
	ops_init(&s, &keys, &mix, 5, 0, 1);
	for (int i = 0; i < 20000; i++) {
		ops_next(&s, &op);
		model_do(&m, &op);
		if (op.type == OP_GET)
			continue;
		assert_int_equal(op.type, n_writes / 100 % 2 ? OP_DELETE : OP_INSERT);
		n_writes++;
	}
	assert_int_equal(m.n_min, 1000);
	assert_int_equal(m.n_max, 1100);
	assert_int_equal(m.n_hits[OP_DELETE], m.n[OP_DELETE]);
	keytab_fini(&m.live);
}

/* A mix of one kind is done as it says, also by the ordered distributions. */
static void test_one_sided_mixes(void **state)
{
	static const char *const dists[] = {"uniform", "fifo", "waves"};

	(void)state;
	for (int d = 0; d < 3; d++) {
		static const char *const mixes[] = {"0/100/0", "0/0/100", "100/0/0"};
		static const enum op_type types[] = {OP_INSERT, OP_DELETE, OP_GET};

		for (int i = 0; i < 3; i++) {
			const struct mix mix = parse_mix(mixes[i]);
			const struct keys keys = make_keys(dists[d], mixes[i], 10, 5);
			struct ops_stream s;
			struct model m;
			struct op op;

			model_prefill(&m, &keys, 1);
			ops_init(&s, &keys, &mix, 5, 0, 1);
			for (int j = 0; j < 100; j++) {
				ops_next(&s, &op);
				assert_int_equal(op.type, types[i]);
				model_do(&m, &op);
			}
			if (types[i] == OP_DELETE)
				assert_int_equal(m.live.n, 0);
			keytab_fini(&m.live);
		}
	}
}

static uint64_t digest_of(const char *dist, uint64_t seed, unsigned n_threads)
{
	const struct mix mix = parse_mix("50/25/25");
	const struct keys keys = make_keys(dist, "50/25/25", 4096, seed);

	return ops_digest(&keys, &mix, seed, n_threads, 5000);
}

static void test_digest_tells_streams_apart(void **state)
{
	(void)state;
	assert_true(digest_of("uniform", 1, 2) == digest_of("uniform", 1, 2));
	assert_true(digest_of("uniform", 1, 2) != digest_of("uniform", 2, 2));
	assert_true(digest_of("uniform", 1, 2) != digest_of("uniform", 1, 3));
	assert_true(digest_of("uniform", 1, 2) != digest_of("zipf", 1, 2));
	assert_true(digest_of("fifo", 1, 2) != digest_of("waves", 1, 2));
}

/* What workers accumulate in any interleaving is what ops_digest() foretells; order within a thread
 * counts. */
static void test_digest_is_of_the_operations(void **state)
{
	const struct mix mix = parse_mix("50/25/25");
	const struct keys keys = make_keys("fifo", "50/25/25", 64, 3);
	const struct op a = {.type = OP_GET, .key = 1};
	const struct op b = {.type = OP_DELETE, .key = 1};
	struct ops_stream s[2];
	struct digest d[2];
	struct op op;

	(void)state;
	for (unsigned t = 0; t < 2; t++) {
		ops_init(&s[t], &keys, &mix, 3, t, 2);
		digest_init(&d[t], t, 1000);
	}
	for (int i = 0; i < 1500; i++) { /* 500 more than the digest takes */
		ops_next(&s[1], &op);
		digest_add(&d[1], &op);
	}
	for (int i = 0; i < 1000; i++) {
		ops_next(&s[0], &op);
		digest_add(&d[0], &op);
	}
	assert_int_equal(d[1].n, 1000);
	assert_true(digest_combine(d, 2) == ops_digest(&keys, &mix, 3, 2, 1000));
	const struct digest swapped[2] = {d[1], d[0]};

	assert_true(digest_combine(d, 2) == digest_combine(swapped, 2));
	for (int i = 0; i < 2; i++) {
		digest_init(&d[i], 0, 10);
		digest_add(&d[i], i ? &a : &b);
		digest_add(&d[i], i ? &b : &a);
	}
	assert_true(d[0].state != d[1].state);
	for (int i = 0; i < 2; i++) {
		const struct op other = {.type = OP_GET, .key = 1 + (uint64_t)i};

		digest_init(&d[i], 0, 10);
		digest_add(&d[i], &other);
	}
	assert_true(d[0].state != d[1].state);
}

/* The same numbers everywhere: xoshiro256** from state {1, 2, 3, 4}, worked out by hand for the
 * first three (11520, 0, 1509978240), and splitmix64 from 0, whose first output its authors
 * publish. */
static void test_known_random_numbers(void **state)
{
	struct rng r = {{1, 2, 3, 4}};
	uint64_t s = 0;

	(void)state;
	assert_true(rng_next(&r) == 11520);
	assert_true(rng_next(&r) == 0);
	assert_true(rng_next(&r) == 1509978240);
	assert_true(rng_splitmix64(&s) == 0xe220a8397b1dcdafu);
}

static void test_keytab_against_an_array(void **state)
{
	enum { N = 3000 };
	static uint64_t model[N];
	struct keytab t = {0};
	struct rng rng;
	size_t n = 0;

	(void)state;
	rng_seed(&rng, 1, 2, 3);
	for (int i = 0; i < 100000; i++) {
		const uint64_t key = rng_below(&rng, N);
		uint64_t *found = keytab_find(&t, key);

		assert_true(model[key] ? found && *found == model[key] : !found);
		if (rng_below(&rng, 2)) {
			n += !model[key];
			model[key] = 1 + rng_below(&rng, 1000);
			*keytab_put(&t, key) = model[key];
		} else if (found) {
			keytab_remove(&t, found);
			model[key] = 0;
			n--;
		}
		assert_int_equal(t.n, n);
	}
	keytab_fini(&t);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_mix),
		cmocka_unit_test(test_dist_syntax),
		cmocka_unit_test(test_distributions_match_their_formula),
		cmocka_unit_test(test_zipf_of_a_large_universe),
		cmocka_unit_test(test_prefill_has_no_duplicates),
		cmocka_unit_test(test_prefill_ignores_popularity),
		cmocka_unit_test(test_uniform_is_steady),
		cmocka_unit_test(test_fifo_retires_in_order),
		cmocka_unit_test(test_reader_follows),
		cmocka_unit_test(test_waves_come_in_groups),
		cmocka_unit_test(test_one_sided_mixes),
		cmocka_unit_test(test_digest_tells_streams_apart),
		cmocka_unit_test(test_digest_is_of_the_operations),
		cmocka_unit_test(test_known_random_numbers),
		cmocka_unit_test(test_keytab_against_an_array),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
