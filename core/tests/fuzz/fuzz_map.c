/* SPDX-License-Identifier: MIT */
/* fuzz_map.c - bytes as operations on one map, checked against a plain array after each.
 *
 * A header of four bytes chooses strategy, mode, unlink policy, heap, hash, audit, and the allocation that fails;
 * then two or three bytes an operation.  From the end of the input: the seed of the schedule, how fast its clock goes,
 * and a byte for each option of the strategy.  Keys are few, so that chains, tombstones and growth are met soon; the
 * run operations insert or delete many at once, so that a short input makes the table grow and shrink.  One thread
 * operates; what a strategy does in the background it does here too, one thread at a time (schedule.h), so that an
 * input always does the same.  Except rcu and qsbr: their worker is liburcu's.
 */
#include <errno.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "hmap.h"
#include "registry.h"
#include "schedule.h"

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
	char options[1024];
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

static unsigned fuzz_last_byte(struct fuzz *f)
{
	return f->left ? f->data[--f->left] : 0;
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

/* The `n`-th of "a|b|c", counted round. */
static void fuzz_choice(char *text, size_t size, const char *choices, unsigned n)
{
	char copy[128], *left = copy, *choice;
	unsigned n_choices = 1;

	for (const char *p = choices; *p; p++)
		n_choices += *p == '|';
	snprintf(copy, sizeof(copy), "%s", choices);
	choice = strsep(&left, "|");
	for (n %= n_choices; n; n--)
		choice = strsep(&left, "|");
	snprintf(text, size, "%s", choice);
}

/* A value of option `o`: numbers small, large ones as likely as small ones. */
static void fuzz_option_value(char *text, size_t size, const struct reclaim_option *o,
			      unsigned draw)
{
	const double power = (double)(1u << (draw & 15));
	double number = o->type == OPT_BYTES ? power * 4096 : power - 1;

	if (o->type == OPT_BOOL || o->type == OPT_CHOICE) {
		fuzz_choice(text, size, o->type == OPT_BOOL ? "off|on" : o->choices, draw);
	} else if (o->choices && draw == 127) {
		fuzz_choice(text, size, o->choices, 0);
	} else if (o->type == OPT_FRACTION) {
		number = o->max / power;
		snprintf(text, size, "%.17g", number < o->min ? o->min : number);
	} else {
		if (o->type == OPT_TIME_NS)
			number = o->min * power;
		else if (!strcmp(o->unit, "processors") || !strcmp(o->unit, "threads"))
			number = draw & 7;
		if (number < o->min)
			number = o->min;
		snprintf(text, size, "%.0f%s", number > o->max ? o->max : number,
			 o->type == OPT_TIME_NS ? "ns" : "");
	}
}

/* What is not chosen is the default; but the heap is small, so cycles come often, and the processors are two,
 * however many there are. */
static const char *fuzz_default(const struct reclaim_option *o)
{
	return !strcmp(o->name, "gogc") ? "1" : !strcmp(o->name, "procs") ? "2" : NULL;
}

static void fuzz_options(struct fuzz *f)
{
	const struct reclaim_ops *ops = f->domain.ops;
	size_t length = 0;

	for (size_t i = 0; i < ops->n_options; i++) {
		const struct reclaim_option *o = &ops->options[i];
		const char *value = fuzz_default(o);
		const unsigned draw = fuzz_last_byte(f);
		char chosen[64];

		if (draw >= 128) {
			fuzz_option_value(chosen, sizeof(chosen), o, draw & 127);
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

/* Threads made by the project are scheduled; the library's cannot be. */
static bool fuzz_is_scheduled(const struct reclaim_ops *ops)
{
	return !(ops->flags & BACKGROUND) || ops->gc_log;
}

static void fuzz_run(struct fuzz *f)
{
	char message[256] = "";
	const int err = reclaim_create(&f->r, &f->domain, message, sizeof(message));

	if (err) {
		/* Some options do not go together. */
		CHECK(f->domain.heap.fail_at || (f->domain.options && err == -EINVAL));
		CHECK(message[0]);
		return;
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
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static struct fuzz fuzz;
	static struct clock clock;
	struct fuzz *f = &fuzz;
	uint64_t seed, step_ns, sum;

	if (size < 5)
		return 0;
	/* Calibration takes 20 ms.  The schedule's clock is CLOCK_MONOTONIC's. */
	if (!clock.name)
		clock_init(&clock, true);
	memset(f, 0, sizeof(*f));
	f->data = data;
	f->left = size;
	fuzz_choose(f, &clock);
	seed = fuzz_last_byte(f);
	step_ns = UINT64_C(64) << fuzz_last_byte(f) % 8;
	fuzz_options(f);
	if (!fuzz_is_scheduled(f->domain.ops)) {
		fuzz_run(f);
		return 0;
	}
	schedule_begin(seed, step_ns);
	fuzz_run(f);
	sum = schedule_end();
	if (getenv("FUZZ_SHOW")) /* what an input does, to look at */
		fprintf(stderr, "%s:%s schedule %016llx\n", f->domain.ops->name,
			f->domain.options ? f->domain.options : "", (unsigned long long)sum);
	return 0;
}
