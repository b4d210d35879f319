/* SPDX-License-Identifier: MIT */
/* test_peers.c - every peer answers as a plain array does; a peer that lies is found out; the figures. */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
/* after the above */
#include <cmocka.h>

#include "peers/bench.h"

#ifdef RECLAIMBENCH_SANITIZED
#define N_OPS 4000
#else
#define N_OPS 40000
#endif

static void test_all_answer_right(void **state)
{
	(void)state;
	for (size_t i = 0; peers[i]; i++) {
		char message[256] = "";
		const int64_t n_wrong =
			peers_check(peers[i], 2, N_OPS, 7, message, sizeof(message));

		if (n_wrong)
			fail_msg("%s: %ld wrong answers %s", peers[i]->name, (long)n_wrong,
				 message);
	}
}

static const struct peer *honest(void)
{
	for (size_t i = 0; peers[i]; i++)
		if (peers[i]->kind == PEER_STRIPED)
			return peers[i];
	return NULL;
}

/* Loses one key, and tells a wrong value of another. */
static bool lying_get(struct peer_thread *t, uint64_t key, uint64_t *value)
{
	const bool found = honest()->get(t, key, value);

	if (key == 100)
		return false;
	*value += key == 101;
	return found;
}
static bool lying_remove(struct peer_thread *t, uint64_t key)
{
	return honest()->remove(t, key) || key == 102;
}

static void test_lies_are_found(void **state)
{
	struct peer liar = *honest();
	char message[256] = "";

	(void)state;
	assert_int_equal(peers_check(&liar, 1, 200000, 7, message, sizeof(message)), 0);
	liar.get = lying_get;
	assert_true(peers_check(&liar, 1, 200000, 7, message, sizeof(message)) > 0);
	liar.get = honest()->get;
	liar.remove = lying_remove;
	/* A delete of that one absent key is drawn once in some 4 x 4096 operations. */
	assert_true(peers_check(&liar, 1, 200000, 7, message, sizeof(message)) > 0);
}

static void test_figures(void **state)
{
	const double odd[] = {5, 1, 3}, even[] = {4, 1, 3, 2};
	struct bench_cell cell = {.took_part = {true, true, false},
				  .ops_per_s = {{10, 40, 30}, {10, 10, 10}, {1, 1, 1}}};
	const struct bench_cell aged = {.took_part = {false, true}, .ops_per_s = {{0}, {5, 10, 2}}};
	struct bench_ratio ratio;

	(void)state;
	assert_true(bench_median(odd, 3) == 3);
	assert_true(bench_median(even, 4) == 2.5);
	assert_true(isnan(bench_median(odd, 0)));
	ratio = bench_ratio(&cell, 0, 1, 3);
	assert_true(ratio.is_known && ratio.median == 3 && ratio.min == 1 && ratio.max == 4);
	assert_false(bench_ratio(&cell, 0, 2, 3).is_known);
	assert_false(bench_ratio(&cell, -1, 0, 3).is_known);
	ratio = bench_ratio_of(&cell, 1, &aged, 1, 3);
	assert_true(ratio.is_known && ratio.median == 2 && ratio.min == 1 && ratio.max == 5);
	assert_false(bench_ratio_of(&cell, 0, &aged, 0, 3).is_known);
}

/* A whole size, very short: each chosen peer gets a rate in each cell it takes part in. */
static void test_a_size(void **state)
{
	struct bench_options o = {
		.n_rounds = 2, .slice_ns = 2000000, .age_ns = 2000000, .seed = 1, .n_mixes = 2};
	struct bench_cell cells[4];
	char message[256];
	unsigned n = 0;

	(void)state;
	o.mixes[0] = (struct bench_mix){100, 0, 0, "100/0/0"};
	o.mixes[1] = (struct bench_mix){50, 25, 25, "50/25/25"};
	for (; peers[o.n_peers]; o.n_peers++)
		o.peers[o.n_peers] = peers[o.n_peers];
	assert_int_equal(bench_size(&o, 1024, 2, cells, &n, message, sizeof(message)), 0);
	assert_int_equal(n, 4);
	for (unsigned c = 0; c < n; c++) {
		assert_int_equal(cells[c].is_aged, c % 2); /* beside the fresh one of its mix */
		assert_ptr_equal(cells[c].mix, &o.mixes[c / 2]);
		assert_true(cells[c].bytes[bench_find(&o, "hmap-sweepgen")] > 1024 * 16);
	}
	for (unsigned c = 0; c < n; c++)
		for (unsigned p = 0; p < o.n_peers; p++) {
			const bool takes_part =
				!peers[p]->is_single_thread &&
				!(peers[p]->is_gets_only && cells[c].mix->get_pct < 100);

			assert_int_equal(cells[c].took_part[p], takes_part);
			for (unsigned r = 0; takes_part && r < o.n_rounds; r++)
				assert_true(cells[c].ops_per_s[p][r] > 0);
		}
}

static void test_retire(void **state)
{
	const struct bench_options o = {.n_rounds = 1};
	struct bench_retire out[BENCH_N_RETIRE];
	char message[256];
	unsigned n = 0;

	(void)state;
	assert_int_equal(bench_retire(&o, out, &n, message, sizeof(message)), 0);
	assert_true(n >= 1);
	for (unsigned i = 0; i < n; i++)
		assert_true(out[i].ns[0] > 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_all_answer_right), cmocka_unit_test(test_lies_are_found),
		cmocka_unit_test(test_figures),		 cmocka_unit_test(test_a_size),
		cmocka_unit_test(test_retire),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
