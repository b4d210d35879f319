/* SPDX-License-Identifier: MIT */
/* keys.h - the --dist option: which key an operation takes.
 *
 *     uniform        every key of the universe alike
 *     zipf[=THETA]   rank r with probability 1 / (r + 1)^THETA (0.99, as YCSB has it)
 *     hot[=F:P]      a share F of the keys takes a share P of the operations (0.1:0.9)
 *     fifo           inserts bring new keys, deletes take the oldest: every delete retires,
 * overflow buckets empty in order; gets take a live key.  `keys` are live, give or take waves[=N]
 * as fifo, but N keys (an eighth of all) are inserted one after the other, then the N oldest die
 * one after the other
 *
 * uniform, zipf and hot draw get, insert and delete from one universe, so about as many keys are
 * live as the shares of insert and delete say.  The universe is made so large that `keys` are live
 * in the steady state: keys * (insert + delete) / insert.  The prefill is that state from the
 * start: `keys` of the universe, chosen at random, whatever their popularity.
 *
 * Key numbers ("ids") count from 0; keys_scatter() turns an id into the 64-bit key by a bijection
 * that depends on the seed: ids never collide.
 *
 * Threads: struct keys is read-only after keys_init().  Nothing is allocated; no function fails but
 * the parser.
 */
#ifndef RECLAIMBENCH_KEYS_H
#define RECLAIMBENCH_KEYS_H

#include "load/load_error.h"
#include "load/mix.h"
#include "load/rng.h"
#include "load/zipf.h"

#include <stdbool.h>
#include <stdint.h>

enum keys_kind { KEYS_UNIFORM, KEYS_ZIPF, KEYS_HOT, KEYS_FIFO, KEYS_WAVES };

struct keys_dist {
	enum keys_kind kind;
	double theta;	     /* zipf */
	double hot_fraction; /* hot: of the keys */
	double hot_share;    /* hot: of the operations */
	uint64_t wave_keys;  /* waves; 0: an eighth of the keys */
};

/* 0 or -EINVAL with a text. */
int keys_parse_dist(const char *text, struct keys_dist *out, struct load_error *error)
	__attribute__((warn_unused_result));

static inline bool keys_is_ordered(const struct keys_dist *d)
{
	return d->kind == KEYS_FIFO || d->kind == KEYS_WAVES;
}

#define KEYS_MAX (UINT64_C(1) << 40)

struct keys {
	struct keys_dist dist;
	uint64_t n_keys;     /* live ones aimed at */
	uint64_t n_universe; /* ids, for the distributions that are not ordered */
	uint64_t n_hot;
	uint64_t seed_mix;
	unsigned permute_half_bits;
	struct zipf zipf;
};

/* n_keys in [1, KEYS_MAX]. */
void keys_init(struct keys *k, const struct keys_dist *dist, const struct mix *mix, uint64_t n_keys,
	       uint64_t seed);

/* Draw an id.  Not for the ordered distributions: their ids depend on what was done before (ops.h).
 */
static inline uint64_t keys_draw(const struct keys *k, struct rng *rng)
{
	switch (k->dist.kind) {
	case KEYS_ZIPF:
		return zipf_next(&k->zipf, rng);
	case KEYS_HOT:
		if (rng_unit(rng) <= k->dist.hot_share || k->n_hot == k->n_universe)
			return rng_below(rng, k->n_hot);
		return k->n_hot + rng_below(rng, k->n_universe - k->n_hot);
	default:
		return rng_below(rng, k->n_universe);
	}
}

static inline uint64_t keys_scatter(const struct keys *k, uint64_t id)
{
	return rng_mix64(id ^ k->seed_mix);
}

/* The id of an ordered distribution's key: each thread counts its own. */
static inline uint64_t keys_ordered_id(unsigned thread, uint64_t counter)
{
	return ((uint64_t)thread << 48) | counter;
}

/* Prefill: insert the keys keys_prefill(k, i) for i in [0, n_keys), thread i % n_threads the i-th
 * (it matters for the ordered ones: the key belongs to that thread).  All differ.  Cost: ~40 ns. */
uint64_t keys_prefill(const struct keys *k, uint64_t i, unsigned n_threads);

#endif
