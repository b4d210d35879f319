/* SPDX-License-Identifier: MIT */
/* rng.h - seeded random numbers: xoshiro256** (Blackman and Vigna, "Scrambled linear pseudorandom
 * number generators", 2018), state filled by splitmix64 as its authors advise.
 *
 * One owner per struct rng, no locks.  The same seed gives the same numbers on every machine. Never
 * fails.  Cost: about 1 ns a number.
 */
#ifndef RECLAIMBENCH_RNG_H
#define RECLAIMBENCH_RNG_H

#include <stdint.h>

struct rng {
	uint64_t s[4];
};

/* A bijection on 64-bit words whose output bits depend on all input bits (splitmix64's finaliser).
 */
static inline uint64_t rng_mix64(uint64_t x)
{
	x = (x ^ (x >> 30)) * 0xbf58476d1ce4e5b9u;
	x = (x ^ (x >> 27)) * 0x94d049bb133111ebu;
	return x ^ (x >> 31);
}

/* Next number of a splitmix64 sequence. */
static inline uint64_t rng_splitmix64(uint64_t *state)
{
	*state += 0x9e3779b97f4a7c15u;
	return rng_mix64(*state);
}

/* Seed from a run's seed and two numbers that tell this stream from the run's others (thread,
 * purpose): streams of one seed are unrelated. */
static inline void rng_seed(struct rng *r, uint64_t seed, uint64_t stream, uint64_t purpose)
{
	uint64_t state = seed;

	state = rng_splitmix64(&state) ^ rng_mix64(stream + 0x632be59bd9b4e019u);
	state = rng_splitmix64(&state) ^ rng_mix64(purpose + 0xd1b54a32d192ed03u);
	for (int i = 0; i < 4; i++)
		r->s[i] = rng_splitmix64(&state);
}

static inline uint64_t rng_rotl(uint64_t x, int k)
{
	return (x << k) | (x >> (64 - k));
}

static inline uint64_t rng_next(struct rng *r)
{
	const uint64_t result = rng_rotl(r->s[1] * 5, 7) * 9;
	const uint64_t t = r->s[1] << 17;

	r->s[2] ^= r->s[0];
	r->s[3] ^= r->s[1];
	r->s[1] ^= r->s[2];
	r->s[0] ^= r->s[3];
	r->s[2] ^= t;
	r->s[3] = rng_rotl(r->s[3], 45);
	return result;
}

/* Uniform in [0, n), n > 0, by the high half of a product (Lemire, "Fast random integer generation
 * in an interval", 2019) without the rejection step: the bias is below n / 2^64. */
static inline uint64_t rng_below(struct rng *r, uint64_t n)
{
	return (uint64_t)(((unsigned __int128)rng_next(r) * n) >> 64);
}

/* Uniform in (0, 1]: never 0, so that its logarithm exists. */
static inline double rng_unit(struct rng *r)
{
	return (double)((rng_next(r) >> 11) + 1) * 0x1p-53;
}

#endif
