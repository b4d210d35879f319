/* SPDX-License-Identifier: MIT */
/* names.h - strings to 64-bit keys, with collisions counted exactly: every string is kept and
 * compared.
 *
 * One owner, no locks; not for measured paths.
 */
#ifndef RECLAIMBENCH_NAMES_H
#define RECLAIMBENCH_NAMES_H

#include "load/keytab.h"

#include <stddef.h>
#include <stdint.h>

typedef uint64_t names_hash_fn(const void *data, size_t len);
names_hash_fn names_hash_xxh3;

struct name;
struct names {
	names_hash_fn *hash;
	struct keytab by_hash; /* hash -> struct name *, the first of a list of equal hashes */
	uint64_t n_collisions; /* distinct strings that found their hash taken by another string */
};

/* `hash` NULL: XXH3.  Free with names_fini(). */
void names_init(struct names *n, names_hash_fn *hash);
void names_fini(struct names *n);

/* The string's key, which is its hash: 0 or -ENOMEM. */
int names_key(struct names *n, const char *text, size_t len, uint64_t *key)
	__attribute__((warn_unused_result));

#endif
