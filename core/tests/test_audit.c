/* SPDX-License-Identifier: MIT */
/* test_audit.c - each fault that core/ finds is made by hand, once, and must be named; a sound life must not be.
 * Those that others report to it (a reader's key_missed; a collector's swept_twice, span_state, left_out) are passed on
 * only; strategies/tests/controls/ makes them. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
/* after the above */
#include <cmocka.h>

#include "audit.h"
#include "hmap.h"
#include "hmap_layout.h"
#include "idle_strategy.h"
#include "reclaim.h"

/* Retire does nothing, free is called by the test. */
static void hand_retire(struct reclaim_thread *t, void *object)
{
	(void)t;
	(void)object;
}

static const struct reclaim_ops hand_ops = {IDLE_MEMBERS, .retire = hand_retire};
static const struct reclaim_ops trace_ops = {IDLE_MEMBERS, .retire = hand_retire,
					     .flags = TRACES | NEEDS_SPAN_HEAP};

struct bench {
	struct clock clock;
	struct reclaim *r;
	struct reclaim_thread *t;
	enum audit_fault last;
	char text[512];
	unsigned n_values; /* faults of payloads */
};

static void on_fault(void *ctx, enum audit_fault fault, const char *what)
{
	struct bench *b = ctx;

	b->last = fault;
	b->n_values += strstr(what, "a value of") != NULL;
	snprintf(b->text, sizeof(b->text), "%s", what);
}

static void bench_begin(struct bench *b, const struct reclaim_ops *ops, enum heap_kind kind)
{
	char message[256] = "";

	memset(b, 0, sizeof(*b));
	b->last = AUDIT_N_FAULTS;
	clock_init(&b->clock, true);
	const struct reclaim_config config = {.ops = ops,
					      .heap = {.kind = kind, .arena_bytes = 1u << 28},
					      .clock = &b->clock,
					      .audit = true,
					      .on_fault = on_fault,
					      .fault_ctx = b};
	assert_int_equal(reclaim_create(&b->r, &config, message, sizeof(message)), 0);
	b->t = reclaim_register(b->r, ROLE_MUTATOR);
	assert_non_null(b->t);
}

static void bench_end(struct bench *b)
{
	reclaim_unregister(b->t);
	reclaim_destroy(b->r);
}

static void *make(struct bench *b)
{
	void *object = reclaim_alloc(b->t, OBJ_VALUE, 64, true);

	assert_non_null(object);
	return object;
}

/* Named in the message too, once, and counted. */
static void expect(struct bench *b, enum audit_fault fault)
{
	assert_int_equal(b->last, fault);
	assert_int_equal(
		strncmp(b->text, audit_fault_names[fault], strlen(audit_fault_names[fault])), 0);
	assert_int_equal(audit_n_faults(b->r, fault), 1);
	assert_int_equal(audit_n_faults(b->r, AUDIT_N_FAULTS), 1);
}

static void test_names(void **state)
{
	(void)state;
	for (int i = 0; i < AUDIT_N_FAULTS; i++) {
		assert_true(audit_fault_names[i] && *audit_fault_names[i]);
		assert_true(audit_fault_texts[i] && *audit_fault_texts[i]);
		for (int k = 0; k < i; k++)
			assert_string_not_equal(audit_fault_names[i], audit_fault_names[k]);
	}
}

static void run_sound(enum heap_kind kind)
{
	struct audit_counts counts;
	struct bench b;

	bench_begin(&b, &hand_ops, kind);
	for (int i = 0; i < 2000; i++) {
		void *object = make(&b);
		const uint64_t seen = audit_hold(b.r, object);

		audit_let_go(b.r, object, seen);
		reclaim_retire(b.t, object, false);
		reclaim_free(b.t, object, 0, 0);
		assert_false(heap_is_object(reclaim_heap(b.r), object));
	}
	reclaim_unalloc(b.t, make(&b));
	reclaim_garbage(b.t, 4096);
	assert_int_equal(audit_check(b.r, b.t, AUDIT_AFTER_DRAIN), 0);
	assert_int_equal(audit_n_faults(b.r, AUDIT_N_FAULTS), 0);
	audit_counts(b.r, &counts);
	assert_int_equal(counts.n_checkpoints, 1);
	assert_int_equal(counts.n_seen, 2000);
	/* Held back, so that addresses are not used again at once. */
	assert_true(counts.n_addresses >= HEAP_QUARANTINE);
	bench_end(&b);
}
static void test_sound_life(void **state)
{
	(void)state;
	run_sound(HEAP_SPAN);
	run_sound(HEAP_MALLOC);
}

static void test_retires(void **state)
{
	struct bench b;
	void *object;

	(void)state;
	bench_begin(&b, &hand_ops, HEAP_SPAN);
	object = make(&b);
	reclaim_retire(b.t, object, false);
	reclaim_retire(b.t, object, false);
	expect(&b, AUDIT_DOUBLE_RETIRE);
	bench_end(&b);

	bench_begin(&b, &hand_ops, HEAP_SPAN);
	object = make(&b);
	reclaim_retire(b.t, object, false);
	reclaim_free(b.t, object, 0, 0);
	reclaim_retire(b.t, object, false);
	expect(&b, AUDIT_RETIRE_FREED);
	bench_end(&b);

	bench_begin(&b, &hand_ops, HEAP_SPAN);
	object = make(&b);
	reclaim_retire(b.t, (char *)object + 64, false);
	expect(&b, AUDIT_RETIRE_UNKNOWN);
	bench_end(&b);
}

static void test_frees(void **state)
{
	struct bench b;
	void *object;

	(void)state;
	bench_begin(&b, &hand_ops, HEAP_SPAN);
	reclaim_free(b.t, make(&b), 0, 0);
	expect(&b, AUDIT_FREE_NOT_RETIRED);
	bench_end(&b);

	/* A collector is told of nothing. */
	bench_begin(&b, &trace_ops, HEAP_SPAN);
	reclaim_free(b.t, make(&b), 0, 0);
	assert_int_equal(audit_n_faults(b.r, AUDIT_N_FAULTS), 0);
	bench_end(&b);

	bench_begin(&b, &hand_ops, HEAP_SPAN);
	object = make(&b);
	reclaim_retire(b.t, object, false);
	reclaim_free(b.t, object, 0, 0);
	reclaim_free(b.t, object, 0, 0);
	expect(&b, AUDIT_DOUBLE_FREE);
	bench_end(&b);

	bench_begin(&b, &hand_ops, HEAP_SPAN);
	object = make(&b);
	audit_hold(b.r, object);
	reclaim_retire(b.t, object, false);
	reclaim_free(b.t, object, 0, 0);
	expect(&b, AUDIT_FREE_HELD);
	bench_end(&b);

	/* Its neighbour, which nobody was ever given: dropped, and the heap is whole. */
	bench_begin(&b, &hand_ops, HEAP_SPAN);
	object = make(&b);
	reclaim_free(b.t, (char *)object + 64, 0, 0);
	expect(&b, AUDIT_FREE_UNKNOWN);
	for (int i = 0; i < 1000; i++)
		make(&b);
	expect(&b, AUDIT_FREE_UNKNOWN);
	bench_end(&b);
}

/* The heap gives out an object, and again. */
static void test_alloc_in_use(void **state)
{
	struct bench b;
	void *object;

	(void)state;
	bench_begin(&b, &hand_ops, HEAP_SPAN);
	object = make(&b);
	b.t->ops->allocated(b.t, object, OBJ_VALUE, 64);
	expect(&b, AUDIT_ALLOC_IN_USE);
	bench_end(&b);
}

/* Found when it leaves quarantine (strategies that free one by one) or is handed out again (those that free spans);
 * the run goes on, and is told once. */
static void run_written(const struct reclaim_ops *ops, enum heap_kind kind)
{
	unsigned char *object;
	struct bench b;

	bench_begin(&b, ops, kind);
	object = make(&b);
	if (!(ops->flags & TRACES))
		reclaim_retire(b.t, object, false);
	reclaim_free(b.t, object, 0, 0);
	object[9] = 1;
	for (int i = 0; i < 1000; i++) {
		void *other = make(&b);

		if (!(ops->flags & TRACES))
			reclaim_retire(b.t, other, false);
		reclaim_free(b.t, other, 0, 0);
	}
	expect(&b, AUDIT_WRITE_FREED);
	assert_non_null(strstr(b.text, "at byte 9"));
	bench_end(&b);
}
static void test_write_freed(void **state)
{
	(void)state;
	run_written(&hand_ops, HEAP_SPAN);
	run_written(&hand_ops, HEAP_MALLOC);
	run_written(&trace_ops, HEAP_SPAN);
}

/* What others tell it of is counted and named as what it finds itself. */
static void test_reported(void **state)
{
	struct bench b;
	void *object;

	(void)state;
	bench_begin(&b, &hand_ops, HEAP_SPAN);
	object = make(&b);
	audit_report(b.r, AUDIT_READ_WRONG, object, "key 1");
	expect(&b, AUDIT_READ_WRONG);
	assert_non_null(strstr(b.text, "a value of 64 bytes"));
	assert_non_null(strstr(b.text, "key 1"));
	bench_end(&b);
}

static void test_readers(void **state)
{
	struct bench b;
	uint64_t seen;
	void *object;

	(void)state;
	bench_begin(&b, &trace_ops, HEAP_SPAN);
	object = make(&b);
	reclaim_free(b.t, object, 0, 0);
	audit_hold(b.r, object);
	expect(&b, AUDIT_READ_FREED);
	bench_end(&b);

	bench_begin(&b, &trace_ops, HEAP_SPAN);
	object = make(&b);
	seen = audit_see(b.r, (char *)object + 8); /* inside */
	audit_same(b.r, object, seen);
	assert_int_equal(audit_n_faults(b.r, AUDIT_N_FAULTS), 0);
	reclaim_free(b.t, object, 0, 0);
	for (int i = 0; i < 1000 && make(&b) != object; i++)
		;
	audit_same(b.r, object, seen);
	expect(&b, AUDIT_READ_REUSED);
	bench_end(&b);

	bench_begin(&b, &trace_ops, HEAP_SPAN);
	object = make(&b);
	seen = audit_hold(b.r, object);
	reclaim_free(b.t, object, 0, 0);
	assert_int_equal(b.last, AUDIT_FREE_HELD);
	for (int i = 0; i < 1000 && make(&b) != object; i++)
		;
	audit_let_go(b.r, object, seen);
	assert_int_equal(b.last, AUDIT_READ_REUSED);
	bench_end(&b);

	/* Freed between two looks, and not handed out again yet; then looked at. */
	bench_begin(&b, &trace_ops, HEAP_SPAN);
	object = make(&b);
	seen = audit_see(b.r, object);
	reclaim_free(b.t, object, 0, 0);
	audit_same(b.r, object, seen);
	expect(&b, AUDIT_READ_FREED);
	audit_see(b.r, object);
	assert_int_equal(audit_n_faults(b.r, AUDIT_READ_FREED), 2);
	bench_end(&b);

	/* What never was an object: its neighbour, and what lies outside of the heap. */
	bench_begin(&b, &hand_ops, HEAP_SPAN);
	object = make(&b);
	assert_int_equal(audit_hold(b.r, (char *)object + 64), 0);
	expect(&b, AUDIT_READ_FREED);
	assert_int_equal(audit_see(b.r, &b), 0);
	assert_int_equal(audit_n_faults(b.r, AUDIT_READ_FREED), 2);
	bench_end(&b);
}

/* A root of one reference. */
struct one {
	struct reclaim_root root; /* first */
	void *object;
	int n_times;
};
static void one_trace(struct reclaim_root *root, struct reclaim_thread *t, reclaim_trace_fn *visit,
		      void *ctx)
{
	struct one *one = (struct one *)root;

	(void)t;
	for (int i = 0; i < one->n_times; i++)
		visit(ctx, one->object);
}
static void one_add(struct bench *b, struct one *one, int n_times)
{
	*one = (struct one){.root = {.trace = one_trace}, .object = make(b), .n_times = n_times};
	reclaim_root_add(b->r, &one->root);
}

static void test_checkpoints(void **state)
{
	struct bench b;
	struct one one;

	(void)state;
	bench_begin(&b, &hand_ops, HEAP_SPAN);
	one_add(&b, &one, 1);
	assert_int_equal(audit_check(b.r, b.t, AUDIT_AFTER_DRAIN), 0);
	one.n_times = 2;
	assert_int_equal(audit_check(b.r, b.t, 0), 1);
	expect(&b, AUDIT_REACHABLE_TWICE);
	bench_end(&b);

	bench_begin(&b, &hand_ops, HEAP_SPAN);
	one_add(&b, &one, 0);
	assert_int_equal(audit_check(b.r, b.t, 0), 1);
	expect(&b, AUDIT_LEAKED);
	bench_end(&b);

	bench_begin(&b, &hand_ops, HEAP_SPAN);
	one_add(&b, &one, 1);
	reclaim_retire(b.t, one.object, false);
	assert_int_equal(audit_check(b.r, b.t, 0), 1);
	expect(&b, AUDIT_REACHABLE_RETIRED);
	bench_end(&b);

	bench_begin(&b, &hand_ops, HEAP_SPAN);
	one_add(&b, &one, 0);
	reclaim_retire(b.t, one.object, false);
	assert_int_equal(audit_check(b.r, b.t, 0), 0);
	assert_int_equal(audit_check(b.r, b.t, AUDIT_AFTER_DRAIN), 1);
	expect(&b, AUDIT_LOST);
	bench_end(&b);

	bench_begin(&b, &hand_ops, HEAP_SPAN);
	one_add(&b, &one, 1);
	reclaim_retire(b.t, one.object, false);
	reclaim_free(b.t, one.object, 0, 0);
	assert_int_equal(audit_check(b.r, b.t, 0), 1);
	expect(&b, AUDIT_REACHABLE_FREED);
	bench_end(&b);

	bench_begin(&b, &hand_ops, HEAP_SPAN);
	one_add(&b, &one, 1);
	one.object = (char *)one.object + 64;
	one.n_times = 1;
	audit_check(b.r, b.t, 0); /* what it referred to is leaked now */
	assert_int_equal(audit_n_faults(b.r, AUDIT_REACHABLE_FREED), 1);
	assert_int_equal(audit_n_faults(b.r, AUDIT_LEAKED), 1);
	bench_end(&b);

	/* Past the domain, straight to the heap: its counters do not know. */
	bench_begin(&b, &hand_ops, HEAP_SPAN);
	one_add(&b, &one, 0);
	reclaim_retire(b.t, one.object, false);
	heap_free(b.t->cache, one.object);
	assert_int_equal(audit_check(b.r, b.t, 0), 1);
	expect(&b, AUDIT_COUNTS);
	assert_non_null(strstr(b.text, "value: 1 allocated, 0 freed, 0 in the registry"));
	bench_end(&b);
}

static bool first_bucket(void *ctx, void *bucket, void *array, uint64_t index,
			 bool is_overflow_object)
{
	struct bucket **out = ctx;

	(void)array;
	(void)index;
	(void)is_overflow_object;
	if (!*out)
		*out = bucket;
	return true;
}

/* A filled cell whose tophash is not its key's. */
static void test_map_invalid(void **state)
{
	const struct hmap_config config = {.seed = 5};
	struct bucket *bucket = NULL;
	const struct hmap_visitor visitor = {.ctx = &bucket, .bucket = first_bucket};
	uint64_t tophash;
	struct hmap *m;
	struct bench b;

	(void)state;
	bench_begin(&b, &hand_ops, HEAP_SPAN);
	assert_int_equal(hmap_create(&m, b.r, b.t, &config), 0);
	hmap_insert(m, b.t, 1, 1);
	hmap_trace(m, b.t, &visitor);
	assert_non_null(bucket);
	/* relaxed: one thread */
	tophash = load_relaxed(&bucket->tophash);
	store_relaxed(&bucket->tophash, tophash ^ 0x40);
	assert_int_equal(audit_check(b.r, b.t, 0), 1);
	expect(&b, AUDIT_MAP_INVALID);
	store_relaxed(&bucket->tophash, tophash);
	hmap_destroy(m, b.t);
	bench_end(&b);
}

static bool is_kept(void *ctx, void *object)
{
	return object == ctx;
}

static void test_traced(void **state)
{
	struct bench b;
	struct one one;

	(void)state;
	bench_begin(&b, &trace_ops, HEAP_SPAN);
	one_add(&b, &one, 1);
	audit_before_sweep(b.r, b.t, is_kept, one.object);
	assert_int_equal(audit_n_faults(b.r, AUDIT_N_FAULTS), 0);
	audit_before_sweep(b.r, b.t, is_kept, NULL);
	expect(&b, AUDIT_UNMARKED);
	bench_end(&b);

	/* Completeness: dead before flip 1, it may stay until after flip 2, not beyond. */
	bench_begin(&b, &trace_ops, HEAP_SPAN);
	one_add(&b, &one, 0);
	reclaim_retire(b.t, one.object, false);
	for (int flip = 1; flip <= 2; flip++) {
		audit_before_sweep(b.r, b.t, is_kept, NULL);
		assert_int_equal(audit_check(b.r, b.t, AUDIT_AFTER_DRAIN), 0);
	}
	audit_before_sweep(b.r, b.t, is_kept, NULL);
	assert_int_equal(audit_check(b.r, b.t, AUDIT_IMPRECISE), 0);
	assert_int_equal(audit_check(b.r, b.t, 0), 1);
	expect(&b, AUDIT_NOT_FOUND);
	bench_end(&b);
}

/* A whole map's life in each mode is clean, and a checkpoint in the middle of a growth too. */
static uint64_t hash_two_chains(uint64_t key, uint64_t seed)
{
	(void)seed;
	return (key & 1) | key << 56;
}

static bool keep_all(void *ctx, void *object)
{
	(void)ctx;
	(void)object;
	return true;
}

/* A growth that stands still keeps the old array, and in it copies that evacuation left in preallocated overflow
 * buckets: as in Go they pin what was deleted since.  No fault; once the growth has ended, two cycles must find it. */
static void test_stale_copies_pin(void **state)
{
	const struct hmap_config config = {
		.mode = HMAP_PAYLOAD, .value_bytes = 16, .hash = hash_two_chains};
	struct hmap_state at;
	struct hmap *m;
	struct bench b;
	uint64_t key = 0;

	(void)state;
	bench_begin(&b, &trace_ops, HEAP_SPAN);
	assert_int_equal(hmap_create(&m, b.r, b.t, &config), 0);
	do {
		hmap_insert(m, b.t, key, key);
		hmap_state(m, b.t, &at);
		key++;
	} while (!(at.is_growing && at.b == 6));
	hmap_insert(m, b.t, key, key); /* both chains are moved now */
	hmap_insert(m, b.t, key + 1, key);
	for (uint64_t deleted = 16; deleted < 26; deleted += 2) /* of the chain moved first */
		assert_true(hmap_delete(m, b.t, deleted));
	hmap_state(m, b.t, &at);
	assert_true(at.is_growing);
	for (int i = 0; i < 4; i++)
		audit_before_sweep(b.r, b.t, keep_all, NULL);
	/* Nobody frees here: buckets and descriptors are named, and rightly. */
	audit_check(b.r, b.t, 0);
	assert_int_equal(b.n_values, 0);
	for (key += 2; at.is_growing; key++) {
		hmap_insert(m, b.t, key, key);
		hmap_state(m, b.t, &at);
	}
	for (int flip = 1; flip <= 3; flip++) {
		audit_check(b.r, b.t, 0);
		assert_int_equal(b.n_values, 0);
		audit_before_sweep(b.r, b.t, keep_all, NULL);
	}
	audit_check(b.r, b.t, 0);
	assert_int_equal(b.n_values, 5);
	hmap_destroy(m, b.t);
	bench_end(&b);
}

static void test_map(void **state)
{
	(void)state;
	for (int mode = 0; mode < 4; mode++) {
		const struct hmap_config config = {.mode = mode & 1 ? HMAP_PAYLOAD : HMAP_PLAIN,
						   .unlink = mode & 2 ? HMAP_UNLINK_EMPTY
								      : HMAP_UNLINK_GO,
						   .value_bytes = 32,
						   .seed = 5};
		struct bench b;
		struct hmap *m;

		bench_begin(&b, &hand_ops, HEAP_SPAN);
		assert_int_equal(hmap_create(&m, b.r, b.t, &config), 0);
		for (uint64_t i = 0; i < 3000; i++) {
			hmap_insert(m, b.t, i % 700, i);
			if (i % 3)
				hmap_delete(m, b.t, i * 7 % 700);
			if (i % 500 == 0)
				assert_int_equal(audit_check(b.r, b.t, 0), 0);
		}
		hmap_destroy(m, b.t);
		assert_int_equal(audit_check(b.r, b.t, 0), 0);
		bench_end(&b);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_names),	    cmocka_unit_test(test_sound_life),
		cmocka_unit_test(test_retires),	    cmocka_unit_test(test_frees),
		cmocka_unit_test(test_readers),	    cmocka_unit_test(test_checkpoints),
		cmocka_unit_test(test_traced),	    cmocka_unit_test(test_stale_copies_pin),
		cmocka_unit_test(test_map),	    cmocka_unit_test(test_alloc_in_use),
		cmocka_unit_test(test_reported),    cmocka_unit_test(test_write_freed),
		cmocka_unit_test(test_map_invalid),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
