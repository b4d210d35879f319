/* SPDX-License-Identifier: MIT */
/* fuzz_map.c - bytes as operations on one map, checked against a plain array after each.
 *
 * A header of four bytes chooses strategy, mode, unlink policy, heap, hash, audit, and the allocation that fails;
 * then two or three bytes an operation.  Keys are few, so that chains, tombstones and growth are met soon; the
 * run operations insert or delete many at once, so that a short input makes the table grow and shrink.  One thread
 * operates; what a strategy does in the background, it does here too.
 */
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "hmap.h"
#include "registry.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#define N_KEYS 512u
#define MAX_OPS 600u
#define RUN_KEYS 48u
#define BATCH 16u
#define ARENA ((size_t)64 << 20)

#define CHECK(claim)                                                                               \
	do {                                                                                       \
		if (!(claim)) {                                                                    \
			fprintf(stderr, "%s:%d: not so: %s\n", __FILE__, __LINE__, #claim);        \
			abort();                                                                   \
		}                                                                                  \
	} while (0)

struct fuzz {
	const uint8_t *data;
	size_t left;
	struct reclaim_config domain;
	struct hmap_config map;
	struct reclaim *r;
	struct reclaim_thread *t;
	struct hmap *m;
	uint64_t model[N_KEYS]; /* 0: absent */
	uint64_t n_live, n_written;
	uint8_t visited[N_KEYS];
};

static unsigned fuzz_byte(struct fuzz *f)
{
	if (!f->left)
		return 0;
	f->left--;
	return *f->data++;
}

static uint64_t hash_low(uint64_t key, uint64_t seed)
{
	/* Few buckets and few tophashes: long chains. */
	return (key & 3) | (key & 0xc) << 58 | (seed & 1);
}
static uint64_t hash_plain(uint64_t key, uint64_t seed)
{
	return key ^ seed;
}

static uint64_t fuzz_value(const struct fuzz *f, uint64_t value)
{
	return f->map.mode == HMAP_PAYLOAD ? *(const uint64_t *)(uintptr_t)value : value;
}

static void fuzz_insert(struct fuzz *f, uint64_t key)
{
	const uint64_t value = ++f->n_written;
	enum hmap_result result;

	reclaim_enter(f->t);
	result = hmap_insert(f->m, f->t, key, value);
	reclaim_exit(f->t);
	reclaim_poll(f->t);
	if (result == HMAP_NO_MEMORY) {
		CHECK(f->domain.heap.fail_at);
		return;
	}
	CHECK(result == (f->model[key] ? HMAP_REPLACED : HMAP_INSERTED));
	f->n_live += result == HMAP_INSERTED;
	f->model[key] = value;
}

static void fuzz_delete(struct fuzz *f, uint64_t key)
{
	bool found;

	reclaim_enter(f->t);
	found = hmap_delete(f->m, f->t, key);
	reclaim_exit(f->t);
	reclaim_poll(f->t);
	CHECK(found == !!f->model[key]);
	f->n_live -= found;
	f->model[key] = 0;
}

static void fuzz_get(struct fuzz *f, uint64_t key)
{
	uint64_t value = 0;
	bool found;

	reclaim_enter(f->t);
	found = hmap_get(f->m, f->t, key, &value);
	CHECK(found == !!f->model[key]);
	CHECK(!found || fuzz_value(f, value) == f->model[key]);
	reclaim_exit(f->t);
}

static void fuzz_get_batch(struct fuzz *f, uint64_t first)
{
	uint64_t keys[BATCH], values[BATCH];
	bool found[BATCH];
	unsigned n = 0;

	for (unsigned i = 0; i < BATCH; i++)
		keys[i] = (first + i * 7) % N_KEYS;
	reclaim_enter(f->t);
	CHECK(hmap_get_batch(f->m, f->t, keys, BATCH, values, found) <= BATCH);
	for (unsigned i = 0; i < BATCH; i++) {
		CHECK(found[i] == !!f->model[keys[i]]);
		CHECK(!found[i] || !values[i] || fuzz_value(f, values[i]) == f->model[keys[i]]);
		n += found[i];
	}
	CHECK(n <= f->n_live);
	reclaim_exit(f->t);
}

static bool fuzz_visit(void *ctx, uint64_t key, uint64_t value)
{
	struct fuzz *f = ctx;

	CHECK(key < N_KEYS && f->model[key] && fuzz_value(f, value) == f->model[key]);
	f->visited[key] = 1;
	return true;
}

static void fuzz_range(struct fuzz *f)
{
	memset(f->visited, 0, sizeof(f->visited));
	reclaim_enter(f->t);
	hmap_range(f->m, f->t, fuzz_visit, f);
	reclaim_exit(f->t);
	for (unsigned k = 0; k < N_KEYS; k++)
		CHECK(f->visited[k] == !!f->model[k]);
}

static void fuzz_validate(struct fuzz *f)
{
	char message[256] = "";

	CHECK(hmap_count(f->m) == f->n_live);
	/* An allocation that failed inside an operation may leave the map as it was, never invalid. */
	if (hmap_validate(f->m, message, sizeof(message))) {
		fprintf(stderr, "%s: %s\n", f->domain.ops->name, message);
		abort();
	}
}

static void fuzz_clear(struct fuzz *f)
{
	const bool cleared = hmap_clear(f->m, f->t);

	reclaim_poll(f->t);
	if (!cleared) {
		CHECK(f->domain.heap.fail_at); /* nothing changed, for want of memory */
		return;
	}
	memset(f->model, 0, sizeof(f->model));
	f->n_live = 0;
}

/* The thread leaves and joins again. */
static void fuzz_rejoin(struct fuzz *f)
{
	reclaim_unregister(f->t);
	f->t = reclaim_register(f->r, ROLE_MUTATOR);
	CHECK(f->t || f->domain.heap.fail_at);
}

static void fuzz_step(struct fuzz *f)
{
	const unsigned op = fuzz_byte(f);
	const uint64_t key = (fuzz_byte(f) | (op & 1) << 8) % N_KEYS;

	switch (op >> 1 & 15) {
	case 0:
		for (unsigned i = 0; i < RUN_KEYS; i++)
			fuzz_insert(f, (key + i) % N_KEYS);
		break;
	case 1:
		for (unsigned i = 0; i < RUN_KEYS; i++)
			fuzz_delete(f, (key + i) % N_KEYS);
		break;
	case 2:
		fuzz_range(f);
		break;
	case 3:
		fuzz_get_batch(f, key);
		break;
	case 4:
		fuzz_validate(f);
		break;
	case 5:
		if (op & 64)
			fuzz_clear(f);
		break;
	case 6:
		reclaim_offline(f->t);
		reclaim_online(f->t);
		break;
	case 7:
		if (f->domain.ops->collect)
			f->domain.ops->collect(f->t);
		break;
	case 8:
		fuzz_rejoin(f);
		break;
	case 9:
		reclaim_garbage(f->t, 16 + key * 64);
		reclaim_poll(f->t);
		break;
	case 10:
	case 11:
		fuzz_delete(f, key);
		break;
	case 12:
		fuzz_get(f, key);
		break;
	default:
		fuzz_insert(f, key);
	}
}

static void fuzz_on_fault(void *ctx, enum audit_fault fault, const char *what)
{
	(void)ctx;
	fprintf(stderr, "audit, fault %d: %s\n", fault, what);
	abort();
}

static void fuzz_choose(struct fuzz *f, const struct clock *clock)
{
	static hmap_hash_fn *const hashes[] = {NULL, hash_plain, hash_low, hash_low};
	const unsigned strategy = fuzz_byte(f), how = fuzz_byte(f), more = fuzz_byte(f),
		       fail = fuzz_byte(f);

	f->domain =
		(struct reclaim_config){.ops = reclaim_strategies[strategy % reclaim_n_strategies],
					.clock = clock,
					.max_threads = 8};
	f->domain.tracking = how & 1;
	f->domain.audit = how & 2;
	f->domain.on_fault = fuzz_on_fault;
	f->domain.heap.kind =
		how & 4 && !(f->domain.ops->flags & NEEDS_SPAN_HEAP) ? HEAP_MALLOC : HEAP_SPAN;
	f->domain.heap.arena_bytes = ARENA;
	f->domain.heap.poison = how & 8;
	f->domain.heap.fail_at = fail > 128 ? (fail - 128) * 3u : 0;
	f->map = (struct hmap_config){.mode = how & 16 ? HMAP_PAYLOAD : HMAP_PLAIN,
				      .unlink = how & 32 ? HMAP_UNLINK_GO : HMAP_UNLINK_EMPTY,
				      .value_bytes = 8 + (more >> 2),
				      .hint = how & 64 ? more : 0,
				      .seed = more,
				      .hash = hashes[more & 3]};
}

/* Nothing is lost: what was allocated is freed, or the strategy never frees. */
static void fuzz_end(struct fuzz *f)
{
	struct reclaim_totals sum;

	if (f->m)
		hmap_destroy(f->m, f->t);
	f->domain.ops->drain(f->t);
	reclaim_totals(f->r, &sum);
	for (unsigned c = 0; c < OBJ_N_CLASSES; c++) {
		CHECK(sum.n_freed[c] <= sum.n_allocated[c]);
		CHECK(c == OBJ_GARBAGE || reclaim_flags(f->r) & NEVER_FREES ||
		      sum.n_freed[c] == sum.n_allocated[c]);
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static struct fuzz fuzz;
	static struct clock clock;
	struct fuzz *f = &fuzz;
	char message[256] = "";

	if (size < 5)
		return 0;
	/* Calibration takes 20 ms. */
	if (!clock.name)
		clock_init(&clock, false);
	memset(f, 0, sizeof(*f));
	f->data = data;
	f->left = size;
	fuzz_choose(f, &clock);
	if (reclaim_create(&f->r, &f->domain, message, sizeof(message))) {
		CHECK(f->domain.heap.fail_at && message[0]);
		return 0;
	}
	f->t = reclaim_register(f->r, ROLE_MUTATOR);
	CHECK(f->t || f->domain.heap.fail_at);
	if (f->t && hmap_create(&f->m, f->r, f->t, &f->map)) {
		CHECK(f->domain.heap.fail_at);
		f->m = NULL;
	}
	for (unsigned i = 0; f->m && f->t && f->left && i < MAX_OPS; i++)
		fuzz_step(f);
	if (f->t && f->m) {
		fuzz_validate(f);
		fuzz_range(f);
	}
	if (!f->t)
		f->t = reclaim_register(f->r, ROLE_MUTATOR);
	if (f->t) {
		fuzz_end(f);
		reclaim_unregister(f->t);
	}
	reclaim_destroy(f->r);
	return 0;
}
