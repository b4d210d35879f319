/* SPDX-License-Identifier: MIT */
/* digest.c - chained XXH3 over the operations. */
#include "load/digest.h"

#include "load/rng.h"

#define XXH_INLINE_ALL
#include <xxhash.h>

void digest_init(struct digest *d, unsigned thread, uint64_t n_max)
{
	*d = (struct digest){.state = rng_mix64(thread + UINT64_C(1)), .n_max = n_max};
}

void digest_add_slow(struct digest *d, const struct op *op)
{
	const uint64_t words[3] = {d->state, (uint64_t)op->type, op->key};

	d->state = XXH3_64bits(words, sizeof(words));
	d->n++;
}

uint64_t digest_combine(const struct digest *digests, unsigned n_threads)
{
	uint64_t sum = 0;

	for (unsigned i = 0; i < n_threads; i++)
		sum += rng_mix64(digests[i].state ^ rng_mix64(digests[i].n));
	return sum;
}
