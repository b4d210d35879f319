/* SPDX-License-Identifier: MIT */
/* test_heap_span.c - shapes of spans, bulk free, memory from and to the system, limits, faults, misuse. */
#include <errno.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "heap_span.h"

static void begin(struct heap **h, struct heap_cache **c, const struct heap_config *config)
{
	assert_int_equal(heap_create(h, config), 0);
	*c = heap_cache_create(*h);
	assert_non_null(*c);
}

static void end(struct heap *h, struct heap_cache *c)
{
	heap_cache_destroy(c);
	heap_destroy(h);
}

/* ---------------------------------------------------------------- sizes and shapes */

static void test_round_up(void **state)
{
	/* runtime/sizeclasses.go */
	static const size_t pairs[][2] = {
		{1, 8},		{8, 8},		{17, 24},	{25, 32},	  {144, 144},
		{145, 160},	{1000, 1024},	{1025, 1152},	{2305, 2688},	  {9000, 9472},
		{32768, 32768}, {32769, 40960}, {40960, 40960}, {100000, 106496},
	};
	size_t i;

	(void)state;
	for (i = 0; i < sizeof(pairs) / sizeof(pairs[0]); i++)
		assert_int_equal(heap_round_up(pairs[i][0]), pairs[i][1]);
}

static void test_config(void **state)
{
	struct heap *h;

	(void)state;
	assert_int_equal(heap_create(&h, &(struct heap_config){.node_bytes = 65}), -EINVAL);
	assert_int_equal(heap_create(&h, &(struct heap_config){.kind = (enum heap_kind)2}),
			 -EINVAL);
	assert_int_equal(heap_create(&h, &(struct heap_config){.arena_bytes = 1ull << 37}),
			 -EINVAL);
	assert_int_equal(heap_create(&h, &(struct heap_config){.arena_bytes = 8192}), -EINVAL);
}

static void check_array(struct heap *h, struct heap_cache *c, size_t bytes)
{
	char *obj = heap_alloc(c, OBJ_ARRAY, bytes, true);
	struct heap_span *s = heap_span_of(h, obj);
	size_t i;

	assert_non_null(s);
	assert_true(s->is_large);
	assert_int_equal((uintptr_t)obj % HEAP_PAGE_BYTES, 0);
	assert_int_equal(s->n_buckets, bytes / 144);
	assert_int_equal(heap_bytes(h, obj), bytes);
	assert_ptr_equal(heap_span_of(h, obj + bytes - 1), s);
	assert_int_equal(heap_span_index(s, obj + bytes - 1), 0);
	for (i = 0; i < bytes; i++)
		assert_int_equal(obj[i], 0);
	for (i = 0; i < (s->n_buckets + 63) / 64; i++) {
		assert_int_equal(load_relaxed(&s->overflow_bits[i]), 0);
		assert_int_equal(load_relaxed(&s->bucket_marks[i]), 0);
		store_relaxed(&s->overflow_bits[i], ~0ull);
		store_relaxed(&s->bucket_marks[i], ~0ull);
	}
	memset(obj, 1, bytes);
	heap_free(c, obj);
	assert_null(heap_span_of(h, obj));
}

/* An array has its own span and bits; of its predecessor neither contents nor bits remain. */
static void test_array_span(void **state)
{
	struct heap_config config = {.kind = HEAP_SPAN, .stamps = true};
	struct heap_cache *c;
	struct heap *h;

	(void)state;
	begin(&h, &c, &config);
	check_array(h, c, 144 * 1000);
	check_array(h, c, 144 * 1000);
	check_array(h, c, 144);
	check_array(h, c, 144);
	check_array(h, c, 144 * 100000);
	check_array(h, c, 144 * 99999);
	assert_null(heap_span_of(h, &config));
	assert_null(heap_span_of(h, NULL));
	end(h, c);
}

/* Pages of freed runs join, whatever the order they are freed in: one object takes the whole arena. */
static void test_coalescing(void **state)
{
	enum { N_PAGES = 2048, RUN_PAGES = 5, N_RUNS = (N_PAGES - 1) / RUN_PAGES };
	struct heap_config config = {.arena_bytes = (size_t)N_PAGES * HEAP_PAGE_BYTES};
	static void *runs[N_RUNS];
	struct heap_cache *c;
	unsigned i, random = 3;
	struct heap *h;
	void *whole;

	(void)state;
	begin(&h, &c, &config);
	for (i = 0; i < N_RUNS; i++) {
		runs[i] = heap_alloc(c, OBJ_VALUE, RUN_PAGES * HEAP_PAGE_BYTES, false);
		assert_non_null(runs[i]);
	}
	assert_null(heap_alloc(c, OBJ_VALUE, RUN_PAGES * HEAP_PAGE_BYTES, false));
	for (i = N_RUNS; i > 0; i--) {
		random = random * 1103515245 + 12345;
		heap_free(c, runs[(random >> 8) % i]);
		runs[(random >> 8) % i] = runs[i - 1];
	}
	whole = heap_alloc(c, OBJ_VALUE, (size_t)N_RUNS * RUN_PAGES * HEAP_PAGE_BYTES, false);
	assert_non_null(whole);
	heap_free(c, whole);
	end(h, c);
}

/* ---------------------------------------------------------------- flush, bulk free, is_object */

static void test_flush_loses_nothing(void **state)
{
	enum { N = 56 * 4 }; /* four spans of 144-byte objects */
	struct heap_config config = {.kind = HEAP_SPAN};
	static void *objs[N];
	struct heap_stats stats;
	struct heap_cache *c;
	struct heap *h;
	unsigned i;

	(void)state;
	begin(&h, &c, &config);
	for (i = 0; i < N; i++) {
		objs[i] = heap_alloc(c, OBJ_BUCKET, 144, false);
		if (i % 5 == 0)
			heap_cache_flush(c); /* what was claimed must come back each time */
	}
	heap_stats(h, &stats);
	assert_int_equal(stats.n_spans, 4);
	for (i = 0; i < N; i++)
		heap_free(c, objs[i]);
	heap_cache_flush(c);
	heap_stats(h, &stats);
	assert_int_equal(stats.n_spans, 1); /* the spare */
	assert_int_equal(stats.in_use_bytes, 0);
	assert_int_equal(stats.os_bytes, stats.free_bytes);
	end(h, c);
}

#define N_BULK (512 * 3) /* three spans of 16-byte objects, eight words of bits each */

static void bulk_fill(struct heap *h, struct heap_cache *c, unsigned char **objs)
{
	unsigned i;

	for (i = 0; i < N_BULK; i++) {
		objs[i] = heap_alloc(c, OBJ_VALUE, 16, false);
		memset(objs[i], 0x11, 16);
		heap_stamps(h, objs[i])->dead_ticks = 5;
		memset(heap_node(h, objs[i]), 0xff, 16);
	}
}

static void test_bulk_free(void **state)
{
	struct heap_config config = {.kind = HEAP_SPAN, .node_bytes = 16, .stamps = true};
	static unsigned char *objs[N_BULK];
	uint64_t dead[3][8] = {{0}}, none[8] = {0};
	struct heap_span *s[3];
	struct heap_cache *c;
	struct heap *h;
	unsigned i, k;

	(void)state;
	begin(&h, &c, &config);
	bulk_fill(h, c, objs);
	for (i = 0; i < N_BULK; i++) {
		s[i / 512] = heap_span_of(h, objs[i]);
		k = heap_span_index(s[i / 512], objs[i]);
		if (i % 3)
			dead[i / 512][k / 64] |= 1ull << k % 64;
	}
	for (k = 0; k < 3; k++) {
		assert_false(heap_span_free_bits(c, s[k], none));
		assert_false(heap_span_free_bits(c, s[k], dead[k]));
	}
	for (i = 0; i < N_BULK; i++)
		assert_int_equal(heap_is_object(h, objs[i]), i % 3 == 0);
	/* The freed ones, and only those, are allocated again, with nothing beside them. */
	for (i = 0; i < N_BULK; i++) {
		if (i % 3 == 0)
			continue;
		objs[i] = heap_alloc(c, OBJ_VALUE, 16, true);
		assert_int_equal(objs[i][0] | objs[i][15], 0);
		assert_int_equal(heap_stamps(h, objs[i])->dead_ticks, 0);
		assert_int_equal(*(uint64_t *)heap_node(h, objs[i]), 0);
		memset(objs[i], 0x22, 16);
	}
	for (i = 0; i < N_BULK; i++)
		assert_int_equal(objs[i][7], i % 3 ? 0x22 : 0x11);
	/* Everything, with all three in the central set: one stays as the spare. */
	heap_cache_flush(c);
	memset(dead, 0xff, sizeof(dead));
	assert_false(heap_span_free_bits(c, s[0], dead[0]));
	assert_true(heap_span_free_bits(c, s[1], dead[1]));
	assert_true(heap_span_free_bits(c, s[2], dead[2]));
	assert_ptr_equal(heap_span_at(h, 0), s[0]);
	assert_null(heap_span_at(h, 1));
	assert_null(heap_span_at(h, 2));
	assert_int_equal(heap_n_spans(h), 3);
	end(h, c);
}

/* A span is not released under the cache that allocates from it. */
static void test_bulk_free_cached(void **state)
{
	struct heap_config config = {.kind = HEAP_SPAN};
	uint64_t first = 1;
	struct heap_cache *c;
	struct heap_span *s;
	struct heap *h;
	unsigned i;
	void *obj;

	(void)state;
	begin(&h, &c, &config);
	for (i = 0; i < 3; i++) {
		obj = heap_alloc(c, OBJ_BUCKET, 4096, false); /* two in a span */
		s = heap_span_of(h, obj);
		assert_ptr_equal(load_relaxed(&s->owner), c);
		first = 1ull << heap_span_index(s, obj);
		assert_false(heap_span_free_bits(c, s, &first));
		assert_ptr_equal(heap_span_of(h, obj), s);
	}
	assert_int_equal(heap_n_spans(h), 1);
	heap_cache_flush(c);
	assert_null(load_relaxed(&s->owner));
	end(h, c);
}

static void test_is_object(void **state)
{
	struct heap_config config = {.kind = HEAP_SPAN};
	struct heap_cache *c;
	struct heap *h;
	unsigned k;
	char *obj;

	(void)state;
	for (k = 0; k < 2; k++, config.kind = HEAP_MALLOC) {
		begin(&h, &c, &config);
		obj = heap_alloc(c, OBJ_VALUE, 64, false);
		assert_true(heap_is_object(h, obj));
		assert_false(heap_is_object(h, obj + 16));
		assert_false(heap_is_object(h, obj + 64)); /* claimed at most */
		assert_false(heap_is_object(h, &h));
		heap_free(c, obj);
		assert_false(heap_is_object(h, obj));
		end(h, c);
	}
}

/* ---------------------------------------------------------------- memory from and to the system */

static size_t resident_pages(char *p, size_t bytes)
{
	size_t n = bytes / 4096, n_resident = 0, i;
	unsigned char *vec = malloc(n);

	assert_non_null(vec);
	assert_int_equal(mincore(p, bytes, vec), 0);
	for (i = 0; i < n; i++)
		n_resident += vec[i] & 1;
	free(vec);
	return n_resident;
}

static void test_scavenge(void **state)
{
	const size_t bytes = 8 << 20;
	struct heap_config config = {.kind = HEAP_SPAN};
	struct heap_stats stats;
	struct heap_cache *c;
	struct heap *h;
	char *obj, *again;
	size_t i;

	(void)state;
	begin(&h, &c, &config);
	obj = heap_alloc(c, OBJ_ARRAY, bytes, false);
	memset(obj, 1, bytes);
	assert_int_equal(heap_scavenge(h, SIZE_MAX / 2), 0); /* in use */
	heap_free(c, obj);
	heap_stats(h, &stats);
	assert_int_equal(stats.free_bytes, bytes);
	assert_int_equal(resident_pages(obj, bytes), bytes / 4096);
	assert_int_equal(heap_scavenge(h, SIZE_MAX / 2), bytes);
	assert_int_equal(heap_scavenge(h, SIZE_MAX / 2), 0);
	assert_int_equal(resident_pages(obj, bytes), 0);
	heap_stats(h, &stats);
	assert_int_equal(stats.os_bytes, 0);
	assert_int_equal(stats.free_bytes, 0);
	assert_int_equal(stats.returned_bytes, bytes);
	again = heap_alloc(c, OBJ_ARRAY, bytes, true);
	assert_ptr_equal(again, obj);
	for (i = 0; i < bytes; i += 512)
		assert_int_equal(again[i], 0);
	heap_free(c, again);
	end(h, c);
}

static void test_limit(void **state)
{
	struct heap_config config = {.kind = HEAP_SPAN, .limit_bytes = 1 << 20};
	struct heap_stats stats;
	struct heap_cache *c;
	void *objs[200], *large;
	unsigned k, n, i;
	struct heap *h;

	(void)state;
	for (k = 0; k < 2; k++, config.kind = HEAP_MALLOC) {
		begin(&h, &c, &config);
		for (n = 0; n < 200; n++) {
			objs[n] = heap_alloc(c, OBJ_VALUE, 8192, false);
			if (!objs[n])
				break;
		}
		assert_in_range(n, 120, 128);
		heap_stats(h, &stats);
		assert_in_range(stats.os_bytes, 120 * 8192, 1 << 20);
		for (i = 0; i < n; i++)
			heap_free(c, objs[i]);
		heap_cache_flush(c);
		/* What was freed can become something else within the limit. */
		large = heap_alloc(c, OBJ_ARRAY, 900000, false);
		assert_non_null(large);
		assert_null(heap_alloc(c, OBJ_ARRAY, 900000, false));
		heap_free(c, large);
		end(h, c);
	}
}

#ifndef RECLAIMBENCH_SANITIZED
/* Exit code of a child with so much address space beyond what it has: 0: a heap, and room for stacks beside it; 3: no
 * heap. */
static int room_beside_heap(size_t limit_bytes)
{
	const struct heap_config config = {.kind = HEAP_SPAN};
	const size_t stacks_bytes = limit_bytes / 8;
	FILE *f = fopen("/proc/self/statm", "r");
	unsigned long n_pages = 0;
	struct rlimit limit;
	struct heap *h;
	int status = 0;
	pid_t child;

	assert_non_null(f);
	assert_int_equal(fscanf(f, "%lu", &n_pages), 1);
	fclose(f);
	limit.rlim_cur = limit.rlim_max = n_pages * 4096 + limit_bytes;
	child = fork();
	if (child == 0) {
		setrlimit(RLIMIT_AS, &limit);
		if (heap_create(&h, &config))
			_exit(3);
		_exit(mmap(NULL, stacks_bytes, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0) ==
		      MAP_FAILED);
	}
	assert_true(child > 0);
	assert_int_equal(waitpid(child, &status, 0), child);
	return WEXITSTATUS(status);
}

/* An arena that just fits would leave no room for a thread. */
static void test_address_space_is_left(void **state)
{
	(void)state;
	for (size_t mib = 16; mib <= 1024; mib += 16) {
		const int code = room_beside_heap(mib << 20);

		if (code != 0 && !(code == 3 && mib < 256))
			fail_msg("with %zu MiB: %s", mib,
				 code == 1 ? "no room is left" : "no heap");
	}
}

/* With little address space the arena is smaller.  (The sanitizers need terabytes of it.) */
static void test_small_address_space(void **state)
{
	struct rlimit limit = {.rlim_cur = 4ul << 30, .rlim_max = 4ul << 30};
	struct heap_config config = {.kind = HEAP_SPAN};
	struct heap_cache *c;
	struct heap *h;
	int status = 0;
	pid_t child = fork();

	(void)state;
	if (child == 0) {
		setrlimit(RLIMIT_AS, &limit);
		if (heap_create(&h, &config))
			_exit(1);
		c = heap_cache_create(h);
		_exit(!c || !heap_alloc(c, OBJ_ARRAY, 100 << 20, true) ? 2 : 0);
	}
	assert_true(child > 0);
	assert_int_equal(waitpid(child, &status, 0), child);
	assert_int_equal(status, 0);
}
#else
static void test_address_space_is_left(void **state)
{
	(void)state;
	print_message("SKIPPED: a sanitizer's address space cannot be limited\n");
	skip();
}
/* The arena's end is met without harm. */
static void test_small_address_space(void **state)
{
	struct heap_config config = {.kind = HEAP_SPAN, .arena_bytes = 64 << 20};
	struct heap_cache *c;
	struct heap *h;

	(void)state;
	begin(&h, &c, &config);
	assert_null(heap_alloc(c, OBJ_ARRAY, 100 << 20, true));
	assert_null(heap_alloc(c, OBJ_ARRAY, 64 << 20, true));
	end(h, c);
}
#endif

static void count_visit(void *ctx, void *obj, enum obj_class class, size_t bytes,
			struct heap_stamps *stamps)
{
	(void)obj, (void)class, (void)bytes, (void)stamps;
	++*(unsigned *)ctx;
}

/* Whichever allocation fails: it is reported once, nothing is lost, and all else goes on. */
static bool run_fail_at(enum heap_kind kind, uint64_t k)
{
	struct heap_config config = {
		.kind = kind, .fail_at = k, .arena_bytes = 64 << 20, .node_bytes = 16};
	unsigned n_failed = 0, n_visited = 0, i;
	struct heap_cache *c = NULL;
	void *objs[180];
	struct heap *h;

	if (heap_create(&h, &config))
		return true;
	while (!c) {
		c = heap_cache_create(h);
		n_failed += !c;
	}
	for (i = 0; i < 180; i++) {
		objs[i] = heap_alloc(c, i % 10 ? OBJ_VALUE : OBJ_ARRAY, i * 100 + 1, true);
		n_failed += !objs[i];
	}
	for (i = 0; i < 180; i++)
		if (objs[i])
			heap_free(c, objs[i]);
	heap_visit(h, count_visit, &n_visited);
	assert_int_equal(n_visited, 0);
	end(h, c);
	assert_true(n_failed <= 1);
	return n_failed;
}

static void test_fail_at(void **state)
{
	uint64_t k;

	(void)state;
	for (k = 1; k <= 200; k++) {
		/* The scenario makes more attempts than 180: k up to there must be felt. */
		assert_true(run_fail_at(HEAP_SPAN, k) || k > 180);
		assert_true(run_fail_at(HEAP_MALLOC, k) || k > 180);
	}
}

/* ---------------------------------------------------------------- misuse */

enum misuse {
	DOUBLE_FREE,
	INTERIOR,
	NOT_IN_HEAP,
	FREE_UNBORN,
	WRITE_AFTER_FREE,
	DOUBLE_FREE_BITS,
	CACHE_LEFT,
};

static void do_misuse(enum heap_kind kind, enum misuse misuse)
{
	struct heap_config config = {.kind = kind, .poison = true, .arena_bytes = 64 << 20};
	static char outside[4096] __attribute__((aligned(64)));
	uint64_t first_two = 3;
	struct heap_cache *c;
	struct heap *h;
	unsigned i;
	char *obj;

	if (heap_create(&h, &config))
		return;
	c = heap_cache_create(h);
	obj = heap_alloc(c, OBJ_VALUE, 256, false);
	memset(obj, 0, 256);
	switch (misuse) {
	case DOUBLE_FREE:
		heap_free(c, obj);
		heap_free(c, obj);
		break;
	case INTERIOR:
		heap_free(c, obj + 128);
		break;
	case NOT_IN_HEAP:
		heap_free(c, outside + 2048);
		break;
	case FREE_UNBORN:
		heap_free(c, obj + 256);
		break;
	case WRITE_AFTER_FREE:
		heap_free(c, obj);
		obj[100] = 0;
		for (i = 0; i < 1000; i++)
			heap_free(c, heap_alloc(c, OBJ_VALUE, 256, false));
		break;
	case DOUBLE_FREE_BITS:
		heap_cache_flush(c);
		heap_span_free_bits(c, heap_span_of(h, obj), &first_two);
		break;
	case CACHE_LEFT:
		heap_destroy(h);
		break;
	}
}

/* The child must abort, and say `message`. */
static void check_misuse(enum heap_kind kind, enum misuse misuse, const char *message)
{
	char text[4096] = "";
	int fds[2], status = 0;
	size_t n = 0;
	ssize_t got;
	pid_t child;

	assert_int_equal(pipe(fds), 0);
	child = fork();
	assert_true(child >= 0);
	if (child == 0) {
		signal(SIGABRT, SIG_DFL);
		dup2(fds[1], 2);
		do_misuse(kind, misuse);
		_exit(0);
	}
	close(fds[1]);
	while ((got = read(fds[0], text + n, sizeof(text) - 1 - n)) > 0)
		n += (size_t)got;
	close(fds[0]);
	assert_int_equal(waitpid(child, &status, 0), child);
	if (!WIFSIGNALED(status) || WTERMSIG(status) != SIGABRT || !strstr(text, message))
		fail_msg("misuse %d of heap %d: status %#x, said: %s", misuse, kind, status, text);
}

static void test_misuse(void **state)
{
	(void)state;
	check_misuse(HEAP_SPAN, DOUBLE_FREE, "double free");
	check_misuse(HEAP_SPAN, INTERIOR, "not an object");
	check_misuse(HEAP_SPAN, NOT_IN_HEAP, "not an object");
	check_misuse(HEAP_SPAN, FREE_UNBORN, "double free");
	check_misuse(HEAP_SPAN, WRITE_AFTER_FREE, "written after free");
	check_misuse(HEAP_SPAN, DOUBLE_FREE_BITS, "double free");
	check_misuse(HEAP_SPAN, CACHE_LEFT, "caches");
	check_misuse(HEAP_MALLOC, DOUBLE_FREE, "double free");
	check_misuse(HEAP_MALLOC, INTERIOR, "not an object");
	check_misuse(HEAP_MALLOC, NOT_IN_HEAP, "not an object");
	check_misuse(HEAP_MALLOC, WRITE_AFTER_FREE, "written after free");
	check_misuse(HEAP_MALLOC, CACHE_LEFT, "caches");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_round_up),
		cmocka_unit_test(test_config),
		cmocka_unit_test(test_array_span),
		cmocka_unit_test(test_coalescing),
		cmocka_unit_test(test_flush_loses_nothing),
		cmocka_unit_test(test_bulk_free),
		cmocka_unit_test(test_bulk_free_cached),
		cmocka_unit_test(test_is_object),
		cmocka_unit_test(test_scavenge),
		cmocka_unit_test(test_limit),
		cmocka_unit_test(test_small_address_space),
		cmocka_unit_test(test_fail_at),
		cmocka_unit_test(test_address_space_is_left),
		cmocka_unit_test(test_misuse),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
