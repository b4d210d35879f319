/* SPDX-License-Identifier: MIT */
/* fuzz_map.c - bytes as operations on one map, checked against a plain array after each.
 *
 * A header of four bytes chooses strategy, one or two mutators, mode, unlink policy, heap, hash, audit, and the
 * allocation that fails; then two bytes an operation.  From the end of the input: the seed of the schedule, how fast its
 * clock goes, and a byte for each option a strategy may have.  Keys are few, so that chains, tombstones and growth are met
 * soon; the run operations insert or delete many at once, so that a short input makes the table grow and shrink.
 *
 * Two mutators share the buckets, not the keys: each knows what it must find, and gets half of the operations.  They
 * and what a strategy does in the background run one at a time (schedule.h), so that an input always does the same.
 * Except rcu and qsbr: their worker is liburcu's, so there one mutator is alone with it.
 */
#include <pthread.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "hmap.h"
#include "registry.h"
#include "tests/option_draw.h"
#include "tests/schedule.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
size_t LLVMFuzzerCustomMutator(uint8_t *data, size_t size, size_t max_size, unsigned seed);
size_t LLVMFuzzerMutate(uint8_t *data, size_t size, size_t max_size); /* libFuzzer's */

#define N_KEYS 512u
#define MAX_OPS 600u
#define RUN_KEYS 48u
#define BATCH 16u
#define ARENA ((size_t)64 << 20)
#define N_OPTION_BYTES 30u
#define N_HEAD 4u
#define MAX_JUMPS 5000u /* of the clock: more than any input needs */
#define N_TAIL (2 + N_OPTION_BYTES)

#define CHECK(claim)                                                                               \
	do {                                                                                       \
		if (!(claim)) {                                                                    \
			fprintf(stderr, "%s:%d: not so: %s\n", __FILE__, __LINE__, #claim);        \
			abort();                                                                   \
		}                                                                                  \
	} while (0)

struct fuzz {
	struct reclaim_config domain;
	char options[1024];
	struct hmap_config map;
	struct reclaim *r;
	struct hmap *m;
	bool has_peer;
};

struct mutator {
	struct fuzz *f;
	const uint8_t *data;
	size_t left;
	struct reclaim_thread *t;
	uint64_t first_key;
	/* By key, counted from first_key. */
	uint64_t model[N_KEYS]; /* 0: absent */
	uint8_t visited[N_KEYS];
	uint64_t n_live, n_written;
};

static unsigned fuzz_byte(struct mutator *u)
{
	if (!u->left)
		return 0;
	u->left--;
	return *u->data++;
}

static unsigned fuzz_last_byte(struct mutator *u)
{
	return u->left ? u->data[--u->left] : 0;
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

static void fuzz_insert(struct mutator *u, uint64_t key)
{
	const uint64_t value = ++u->n_written;
	enum hmap_result result;

	reclaim_enter(u->t);
	result = hmap_insert(u->f->m, u->t, u->first_key + key, value);
	reclaim_exit(u->t);
	reclaim_poll(u->t);
	if (result == HMAP_NO_MEMORY) {
		CHECK(u->f->domain.heap.fail_at);
		return;
	}
	CHECK(result == (u->model[key] ? HMAP_REPLACED : HMAP_INSERTED));
	u->n_live += result == HMAP_INSERTED;
	u->model[key] = value;
}

static void fuzz_delete(struct mutator *u, uint64_t key)
{
	bool found;

	reclaim_enter(u->t);
	found = hmap_delete(u->f->m, u->t, u->first_key + key);
	reclaim_exit(u->t);
	reclaim_poll(u->t);
	CHECK(found == !!u->model[key]);
	u->n_live -= found;
	u->model[key] = 0;
}

static void fuzz_get(struct mutator *u, uint64_t key)
{
	uint64_t value = 0;
	bool found;

	reclaim_enter(u->t);
	found = hmap_get(u->f->m, u->t, u->first_key + key, &value);
	CHECK(found == !!u->model[key]);
	CHECK(!found || fuzz_value(u->f, value) == u->model[key]);
	reclaim_exit(u->t);
}

static void fuzz_get_batch(struct mutator *u, uint64_t first)
{
	uint64_t keys[BATCH], values[BATCH];
	bool found[BATCH];
	unsigned n = 0;

	for (unsigned i = 0; i < BATCH; i++)
		keys[i] = u->first_key + (first + i * 7) % N_KEYS;
	reclaim_enter(u->t);
	CHECK(hmap_get_batch(u->f->m, u->t, keys, BATCH, values, found) <= BATCH);
	for (unsigned i = 0; i < BATCH; i++) {
		const uint64_t expected = u->model[keys[i] - u->first_key];

		CHECK(found[i] == !!expected);
		CHECK(!found[i] || !values[i] || fuzz_value(u->f, values[i]) == expected);
		n += found[i];
	}
	CHECK(n <= u->n_live);
	reclaim_exit(u->t);
}

static bool fuzz_visit(void *ctx, uint64_t key, uint64_t value)
{
	struct mutator *u = ctx;
	const uint64_t i = key - u->first_key;

	CHECK(key < 2 * N_KEYS);
	if (i >= N_KEYS) {
		CHECK(u->f->has_peer);
		return true;
	}
	CHECK(u->model[i] && fuzz_value(u->f, value) == u->model[i]);
	u->visited[i] = 1;
	return true;
}

static void fuzz_range(struct mutator *u)
{
	memset(u->visited, 0, sizeof(u->visited));
	reclaim_enter(u->t);
	hmap_range(u->f->m, u->t, fuzz_visit, u);
	reclaim_exit(u->t);
	for (unsigned k = 0; k < N_KEYS; k++)
		CHECK(u->visited[k] == !!u->model[k]);
}

/* Alone. */
static void fuzz_validate(struct fuzz *f, uint64_t n_live)
{
	char message[256] = "";

	CHECK(hmap_count(f->m) == n_live);
	/* An allocation that failed inside an operation may leave the map as it was, never invalid. */
	if (hmap_validate(f->m, message, sizeof(message))) {
		fprintf(stderr, "%s: %s\n", f->domain.ops->name, message);
		abort();
	}
}

/* Alone. */
static void fuzz_clear(struct mutator *u)
{
	const bool cleared = hmap_clear(u->f->m, u->t);

	reclaim_poll(u->t);
	if (!cleared) {
		CHECK(u->f->domain.heap.fail_at); /* nothing changed, for want of memory */
		return;
	}
	memset(u->model, 0, sizeof(u->model));
	u->n_live = 0;
}

/* The thread leaves and joins again. */
static void fuzz_rejoin(struct mutator *u)
{
	reclaim_unregister(u->t);
	u->t = reclaim_register(u->f->r, ROLE_MUTATOR);
	CHECK(u->t || u->f->domain.heap.fail_at);
}

static void fuzz_step(struct mutator *u)
{
	const unsigned op = fuzz_byte(u);
	const uint64_t key = (fuzz_byte(u) | (op & 1) << 8) % N_KEYS;
	const bool is_alone = !u->f->has_peer;

	switch (op >> 1 & 15) {
	case 0:
		for (unsigned i = 0; i < RUN_KEYS; i++)
			fuzz_insert(u, (key + i) % N_KEYS);
		break;
	case 1:
		for (unsigned i = 0; i < RUN_KEYS; i++)
			fuzz_delete(u, (key + i) % N_KEYS);
		break;
	case 2:
		fuzz_range(u);
		break;
	case 3:
		fuzz_get_batch(u, key);
		break;
	case 4:
		if (is_alone)
			fuzz_validate(u->f, u->n_live);
		break;
	case 5:
		if (is_alone && op & 64)
			fuzz_clear(u);
		break;
	case 6:
		reclaim_offline(u->t);
		reclaim_online(u->t);
		break;
	case 7:
		if (u->f->domain.ops->collect)
			u->f->domain.ops->collect(u->t);
		break;
	case 8:
		fuzz_rejoin(u);
		break;
	case 9:
		reclaim_garbage(u->t, 16 + key * 64);
		reclaim_poll(u->t);
		break;
	case 10:
	case 11:
		fuzz_delete(u, key);
		break;
	case 12:
		fuzz_get(u, key);
		break;
	default:
		fuzz_insert(u, key);
	}
}

static void fuzz_on_fault(void *ctx, enum audit_fault fault, const char *what)
{
	(void)ctx;
	fprintf(stderr, "audit, fault %d: %s\n", fault, what);
	abort();
}

static void fuzz_choose(struct fuzz *f, struct mutator *u, const struct clock *clock)
{
	static hmap_hash_fn *const hashes[] = {NULL, hash_plain, hash_low, hash_low};
	const unsigned strategy = fuzz_byte(u), how = fuzz_byte(u), more = fuzz_byte(u),
		       fail = fuzz_byte(u);

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

/* What is not chosen is the default; but the heap is small, so cycles come often, and the processors are two,
 * however many there are. */
static const char *fuzz_default(const struct reclaim_option *o)
{
	return !strcmp(o->name, "gogc") ? "1" : !strcmp(o->name, "procs") ? "2" : NULL;
}

static void fuzz_options(struct fuzz *f, struct mutator *u)
{
	const struct reclaim_ops *ops = f->domain.ops;
	size_t length = 0;

	CHECK(ops->n_options <= N_OPTION_BYTES);
	for (size_t i = 0; i < N_OPTION_BYTES; i++) {
		const unsigned draw = fuzz_last_byte(u);
		const struct reclaim_option *o = i < ops->n_options ? &ops->options[i] : NULL;
		const char *value = o ? fuzz_default(o) : NULL;
		char chosen[64];

		if (o && draw >= 128) {
			option_draw(chosen, sizeof(chosen), o, draw & 127);
			value = chosen;
		}
		if (!value)
			continue;
		length += (size_t)snprintf(f->options + length, sizeof(f->options) - length,
					   "%s%s=%s", length ? "," : "", o->name, value);
	}
	f->domain.options = length ? f->options : NULL;
}

/* Nothing is lost: what was allocated is freed, or the strategy never frees. */
static void fuzz_end(struct fuzz *f, struct reclaim_thread *t)
{
	struct reclaim_totals sum;

	if (f->m)
		hmap_destroy(f->m, t);
	f->domain.ops->drain(t);
	reclaim_totals(f->r, &sum);
	for (unsigned c = 0; c < OBJ_N_CLASSES; c++) {
		CHECK(sum.n_freed[c] <= sum.n_allocated[c]);
		CHECK(c == OBJ_GARBAGE || reclaim_flags(f->r) & NEVER_FREES ||
		      sum.n_freed[c] == sum.n_allocated[c]);
	}
}

/* Threads made by the project are scheduled; liburcu's cannot be. */
static bool fuzz_is_scheduled(const struct reclaim_ops *ops)
{
	return strcmp(ops->name, "rcu") != 0 && strcmp(ops->name, "qsbr") != 0;
}

static void mutator_run(struct mutator *u)
{
	for (unsigned i = 0; u->f->m && u->t && u->left && i < MAX_OPS; i++)
		fuzz_step(u);
	if (u->f->m && u->t)
		fuzz_range(u);
}

static void *peer_main(void *arg)
{
	struct mutator *u = arg;

	u->t = reclaim_register(u->f->r, ROLE_MUTATOR);
	CHECK(u->t || u->f->domain.heap.fail_at);
	mutator_run(u);
	if (u->t)
		reclaim_unregister(u->t);
	return NULL;
}

/* The operations, by one mutator, or half of them by another. */
static void fuzz_operate(struct fuzz *f, struct mutator *u)
{
	static struct mutator peer;
	pthread_t thread;
	int err;

	if (!f->has_peer) {
		mutator_run(u);
		if (u->t)
			fuzz_validate(f, u->n_live);
		return;
	}
	memset(&peer, 0, sizeof(peer));
	peer.f = f;
	peer.first_key = N_KEYS;
	peer.left = u->left / 2;
	u->left -= peer.left;
	peer.data = u->data + u->left;
	err = pthread_create(&thread, NULL, peer_main, &peer);
	CHECK(!err);
	mutator_run(u);
	/* No one waits for a thread that waits for another. */
	if (u->t)
		reclaim_offline(u->t);
	pthread_join(thread, NULL);
	if (u->t) {
		reclaim_online(u->t);
		fuzz_validate(f, u->n_live + peer.n_live);
	}
}

static void fuzz_run(struct fuzz *f, struct mutator *u)
{
	char message[256] = "";

	if (reclaim_create(&f->r, &f->domain, message, sizeof(message))) {
		CHECK(f->domain.heap.fail_at && message[0]);
		return;
	}
	u->t = reclaim_register(f->r, ROLE_MUTATOR);
	CHECK(u->t || f->domain.heap.fail_at);
	if (u->t && hmap_create(&f->m, f->r, u->t, &f->map)) {
		CHECK(f->domain.heap.fail_at);
		f->m = NULL;
	}
	if (f->m)
		fuzz_operate(f, u);
	if (!u->t)
		u->t = reclaim_register(f->r, ROLE_MUTATOR);
	if (u->t) {
		fuzz_end(f, u->t);
		reclaim_unregister(u->t);
	}
	reclaim_destroy(f->r);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static struct fuzz fuzz;
	static struct mutator mutator;
	static struct clock clock;
	struct fuzz *f = &fuzz;
	struct mutator *u = &mutator;
	uint64_t seed, step_ns, sum;

	if (size < 5)
		return 0;
	if (!clock.name) /* CLOCK_MONOTONIC: the schedule's */
		clock_init(&clock, true);
	memset(f, 0, sizeof(*f));
	*u = (struct mutator){.f = f, .data = data, .left = size};
	fuzz_choose(f, u, &clock);
	seed = fuzz_last_byte(u);
	step_ns = UINT64_C(64) << fuzz_last_byte(u) % 8;
	fuzz_options(f, u);
	if (!fuzz_is_scheduled(f->domain.ops)) {
		fuzz_run(f, u);
		return 0;
	}
	f->has_peer = data[0] / reclaim_n_strategies % 2;
	schedule_begin(seed, step_ns, MAX_JUMPS);
	fuzz_run(f, u);
	sum = schedule_end();
	if (getenv("FUZZ_SHOW")) /* what an input does, to look at */
		fprintf(stderr, "%s:%s, %d mutators, schedule %016llx\n", f->domain.ops->name,
			f->domain.options ? f->domain.options : "", 1 + f->has_peer,
			(unsigned long long)sum);
	return 0;
}

/* Half of the time the operations stay, and another schedule and a byte of what chooses the run are tried: a way that
 * one order in many takes is found sooner so.  libFuzzer's seed has 31 bits, and each follows from the one before:
 * it is mixed first. */
__attribute__((no_sanitize("coverage"))) size_t
LLVMFuzzerCustomMutator(uint8_t *data, size_t size, size_t max_size, unsigned seed)
{
	uint64_t z = seed * UINT64_C(0x9e3779b97f4a7c15);
	size_t at;

	z = (z ^ z >> 32) * UINT64_C(0xbf58476d1ce4e5b9);
	at = (z >> 32 & 0xffff) % (N_HEAD + N_TAIL);
	if (size < N_HEAD + N_TAIL || z >> 31 & 1)
		return LLVMFuzzerMutate(data, size, max_size);
	data[at < N_HEAD ? at : size - 1 - (at - N_HEAD)] = (uint8_t)(z >> 48);
	data[size - 1] = (uint8_t)(z >> 56);
	return size;
}
