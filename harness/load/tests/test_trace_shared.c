/* SPDX-License-Identifier: MIT */
/* test_trace_shared.c - the recorded traces: every figure that is known of them.  own-gitlog comes
 * with the project; the others are looked for in the folder RECLAIMBENCH_TRACES (../shared/traces
 * unless set) and the test of one that is not there is skipped. */
#include "load/trace.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

/* Under the sanitizers sorting millions of lifetimes takes a minute: the own trace and one policy
 * remain. */
#ifdef RECLAIMBENCH_SANITIZED
#define N_POLICIES 1
#define MAX_SORTED 1000000
#else
#define N_POLICIES 5
#define MAX_SORTED SIZE_MAX
#endif

static struct trace *load(const char *path, const struct trace_options *options)
{
	struct load_error error = {""};
	struct trace *t = NULL;

	if (trace_load(&t, path, options, &error))
		fail_msg("%s", error.text);
	return t;
}

static struct trace *load_shared(const char *name, const struct trace_options *options)
{
	const char *folder = getenv("RECLAIMBENCH_TRACES");
	char path[4096];

	snprintf(path, sizeof(path), "%s/%s", folder ? folder : "../shared/traces", name);
	if (access(path, R_OK) != 0) {
		print_message("%s is not there: skipped\n", path);
		skip();
	}
	return load(path, options);
}

static void expect_kind(const struct trace *t, const char *name, uint64_t n_rows, uint64_t n_ops)
{
	for (int i = 0; i < TRACE_N_KINDS; i++) {
		const struct trace_kind *k = &t->stats.kinds[i];

		if (!k->name || strcmp(k->name, name) != 0)
			continue;
		assert_int_equal(k->n_rows, n_rows);
		assert_int_equal(k->n_ops, n_ops);
		return;
	}
	fail_msg("no kind %s", name);
}

static void expect_live(const struct trace *t, uint64_t n_distinct, uint64_t n_peak, uint64_t n_end)
{
	const struct trace_stats *s = &t->stats;

	assert_int_equal(s->n_distinct_keys, n_distinct);
	assert_int_equal(s->n_live_peak, n_peak);
	assert_int_equal(s->n_live_end, n_end);
	assert_int_equal(t->n_closing, n_end);
	assert_int_equal(t->n_ops, s->n_ops[OP_GET] + s->n_ops[OP_INSERT] + s->n_ops[OP_DELETE] +
					   s->n_ops[OP_UPDATE] + s->n_ops[OP_THREAD_DONE]);
}

static void expect_ops(const struct trace *t, uint64_t n_gets, uint64_t n_inserts,
		       uint64_t n_deletes, uint64_t n_updates)
{
	assert_int_equal(t->stats.n_ops[OP_GET], n_gets);
	assert_int_equal(t->stats.n_ops[OP_INSERT], n_inserts);
	assert_int_equal(t->stats.n_ops[OP_DELETE], n_deletes);
	assert_int_equal(t->stats.n_ops[OP_UPDATE], n_updates);
}

static void expect_balanced(const struct trace *t)
{
	assert_int_equal(t->stats.n_delete_misses, 0);
	assert_int_equal(t->stats.n_update_misses, 0);
	assert_int_equal(t->stats.n_overwrites, 0);
}

static int compare_u64(const void *a, const void *b)
{
	const uint64_t x = *(const uint64_t *)a;
	const uint64_t y = *(const uint64_t *)b;

	return (x > y) - (x < y);
}

struct birth {
	uint64_t key;
	uint64_t at;
	uint64_t time;
};

static int compare_birth(const void *a, const void *b)
{
	const struct birth *x = a;
	const struct birth *y = b;

	if (x->key != y->key)
		return x->key < y->key ? -1 : 1;
	return (x->at > y->at) - (x->at < y->at);
}

/* Lifetimes from insert to delete in the trace's clock, sorted.  Worked out by sorting, on purpose
 * not in the way the loader does it.  Returns how many. */
static size_t lifetimes(const struct trace *t, uint64_t **out)
{
	struct birth *b = malloc(t->n_ops * sizeof(*b));
	uint64_t *lives = malloc(t->n_ops * sizeof(*lives));
	size_t n = 0;
	size_t n_lives = 0;

	for (size_t i = 0; i < t->n_ops; i++)
		if (t->ops[i].type == OP_INSERT || t->ops[i].type == OP_DELETE)
			b[n++] = (struct birth){t->ops[i].key, i, t->ops[i].time};
	qsort(b, n, sizeof(*b), compare_birth);
	for (size_t i = 1; i < n; i++)
		if (b[i].key == b[i - 1].key && t->ops[b[i - 1].at].type == OP_INSERT &&
		    t->ops[b[i].at].type == OP_DELETE)
			lives[n_lives++] = b[i].time - b[i - 1].time;
	free(b);
	qsort(lives, n_lives, sizeof(*lives), compare_u64);
	*out = lives;
	return n_lives;
}

/* Percentiles as the traces' description rounds them: within `tolerance`, relative. */
static void expect_lifetimes(const struct trace *t, const double *p, const double *value, size_t n,
			     double tolerance)
{
	uint64_t *lives;

	if (t->n_ops > MAX_SORTED)
		return;
	const size_t n_lives = lifetimes(t, &lives);

	for (size_t i = 0; i < n; i++) {
		const double got = (double)lives[(size_t)(p[i] * (double)(n_lives - 1) + 0.5)];

		if (got < value[i] * (1 - tolerance) || got > value[i] * (1 + tolerance))
			fail_msg("p%g: %g where %g was expected", 100 * p[i], got, value[i]);
	}
	free(lives);
}

static void test_own_gitlog(void **state)
{
	const struct trace_options options = {.format = TRACE_AUTO};
	static const double p[] = {0.1, 0.25, 0.5, 0.75, 0.9, 0.95, 0.99, 1};
	static const double ns[] = {410, 2400, 15200, 73000, 940000, 4300000, 31000000, 847000000};
	struct trace *t = load("scripts/traces/own-gitlog.malloc.csv.gz", &options);

	(void)state;
	assert_int_equal(t->format, TRACE_MALLOC_CSV);
	assert_int_equal(t->clock, TRACE_CLOCK_NS);
	assert_int_equal(t->stats.n_rows, 542104);
	expect_ops(t, 0, 274663, 265485, 1956);
	expect_kind(t, "I", 274663, 274663);
	expect_kind(t, "D", 265485, 265485);
	expect_kind(t, "U", 1956, 1956);
	expect_live(t, 64244, 9695, 9178);
	expect_balanced(t);
	assert_int_equal(t->stats.duration / 1000000, 847);
	expect_lifetimes(t, p, ns, 8, 0.02);
	trace_free(t);
}

/* The first 3,000 rows of own-worktree; counted with awk. */
static void test_own_worktree_cut(void **state)
{
	const struct trace_options options = {.format = TRACE_AUTO};
	struct trace *t = load("harness/load/tests/data/own-worktree-cut.paths.csv.gz", &options);

	(void)state;
	assert_int_equal(t->format, TRACE_PATHS_CSV);
	assert_int_equal(t->stats.n_rows, 3000);
	expect_ops(t, 2660, 244, 77, 19);
	assert_int_equal(t->stats.n_get_misses, 883);
	assert_int_equal(t->stats.n_delete_misses, 20);
	assert_int_equal(t->stats.n_update_misses, 0);
	assert_int_equal(t->stats.n_overwrites, 0);
	assert_int_equal(t->stats.duration, 249246000);
	expect_live(t, 331, 187, 187);
	trace_free(t);
}

static void test_own_worktree(void **state)
{
	const struct trace_options options = {.format = TRACE_AUTO};
	struct trace *t = load_shared("own-worktree.paths.csv.gz", &options);

	(void)state;
	assert_int_equal(t->format, TRACE_PATHS_CSV);
	assert_int_equal(t->clock, TRACE_CLOCK_NS);
	assert_int_equal(t->stats.n_rows, 217605);
	expect_ops(t, 196836, 10088, 10375, 306);
	assert_int_equal(t->stats.n_get_misses, 48840);
	assert_int_equal(t->stats.n_delete_misses, 287);
	assert_int_equal(t->stats.n_collisions, 0);
	expect_live(t, 6090, 2630, 0);
	trace_free(t);
}

static void test_aosp(void **state)
{
	const struct trace_options options = {.format = TRACE_AUTO};
	static const double p[] = {0.1, 0.5, 0.75, 0.9, 0.95, 0.99, 1};
	static const double rows[] = {1, 3, 33, 217, 479, 1114, 1769298};
	struct trace *t = load_shared("aosp-surfaceflinger.malloc.txt.gz", &options);

	(void)state;
	assert_int_equal(t->format, TRACE_AOSP);
	assert_int_equal(t->clock, TRACE_CLOCK_ROWS);
	assert_int_equal(t->stats.n_rows, 2455240);
	expect_ops(t, 0, 1260488, 1256921, 512);
	assert_int_equal(t->stats.n_ops[OP_THREAD_DONE], 1);
	assert_int_equal(t->stats.n_skipped_rows, 2514);
	assert_int_equal(t->stats.n_tids, 15);
	expect_kind(t, "malloc", 1142990, 1142990);
	expect_kind(t, "calloc", 44229, 44229);
	expect_kind(t, "realloc", 73781, 73781);
	expect_kind(t, "free", 1194239, 1194239);
	expect_kind(t, "memalign", 0, 0);
	expect_kind(t, "thread_done", 1, 1);
	expect_live(t, 152520, 3833, 3567);
	expect_balanced(t);
	expect_lifetimes(t, p, rows, 7, 0);
	trace_free(t);
}

struct eviction {
	struct evict_policy policy;
	uint64_t n_inserts, n_deletes, n_hits, n_peak;
	double p10, p50, p90; /* 0: not known */
};

static void expect_eviction(const struct eviction *e)
{
	const struct trace_options options = {.format = TRACE_AUTO, .evict = e->policy};
	static const double p[] = {0.1, 0.5, 0.9};
	const double rows[] = {e->p10, e->p50, e->p90};
	struct trace *t = load_shared("cache2k-orm-busy.u32le.gz", &options);

	assert_int_equal(t->format, TRACE_U32LE);
	assert_int_equal(t->clock, TRACE_CLOCK_ROWS);
	assert_int_equal(t->stats.n_rows, 5000000);
	expect_ops(t, 5000000, e->n_inserts, e->n_deletes, 0);
	assert_int_equal(5000000 - t->stats.n_get_misses, e->n_hits);
	assert_int_equal(t->stats.n_expired, e->n_deletes);
	expect_live(t, 76349, e->n_peak, e->n_inserts - e->n_deletes);
	expect_balanced(t);
	if (e->p10 > 0)
		expect_lifetimes(t, p, rows, 3, 1e-5);
	trace_free(t);
}

/* All five policies of the description. */
static void test_cache2k(void **state)
{
	static const struct eviction evictions[] = {
		{{EVICT_LRU, 1000}, 1061057, 1060057, 3938943, 1000, 2126, 3752, 7975},
		{{EVICT_LRU, 10000}, 525687, 515687, 4474313, 10000, 52151, 72578, 150696},
		{{EVICT_LRU, 40000}, 154500, 114500, 4845500, 40000, 612293, 842697, 1680730},
		{{EVICT_IDLE, 10000}, 886213, 884460, 4113787, 4426, 0, 0, 0},
		{{EVICT_IDLE, 100000}, 447760, 434110, 4552240, 17334, 0, 0, 0},
	};

	(void)state;
	for (size_t i = 0; i < N_POLICIES; i++)
		expect_eviction(&evictions[i]);
}

static void test_cachelib(void **state)
{
	const struct trace_options options = {.format = TRACE_AUTO};
	struct trace *t = load_shared("cachelib-kv-sample.csv", &options);

	(void)state;
	assert_int_equal(t->format, TRACE_CACHELIB);
	assert_int_equal(t->clock, TRACE_CLOCK_NS);
	assert_int_equal(t->stats.n_rows, 99);
	expect_kind(t, "GET", 51, 167);
	expect_kind(t, "GET_LEASE", 37, 511);
	expect_kind(t, "SET", 7, 8);
	expect_kind(t, "SET_LEASE", 2, 2);
	expect_kind(t, "DELETE", 2, 3);
	expect_ops(t, 678, 10, 3, 0);
	assert_int_equal(t->stats.n_expired, 0);
	assert_int_equal(t->stats.n_collisions, 0);
	assert_int_equal(t->stats.duration, UINT64_C(8000000000));
	expect_live(t, 52, 9, 9);
	trace_free(t);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_own_gitlog),   cmocka_unit_test(test_own_worktree_cut),
		cmocka_unit_test(test_own_worktree), cmocka_unit_test(test_aosp),
		cmocka_unit_test(test_cache2k),	     cmocka_unit_test(test_cachelib),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
