/* SPDX-License-Identifier: MIT */
/* keytab.h - a plain table from 64-bit keys to non-zero 64-bit values, for decoding traces.
 *
 * One owner, no locks; not for measured paths.  Open addressing, linear probing, at most half full;
 * a removal moves the followers up, so that no tombstones remain.
 */
#ifndef RECLAIMBENCH_KEYTAB_H
#define RECLAIMBENCH_KEYTAB_H

#include <stddef.h>
#include <stdint.h>

struct keytab_slot {
	uint64_t key;
	uint64_t value; /* 0: the slot is empty */
};

struct keytab {
	struct keytab_slot *slots;
	size_t n_slots; /* a power of two, or 0 before the first use */
	size_t n;	/* entries */
};

/* A zeroed struct is an empty table.  Free with keytab_fini(); safe on an empty one. */
void keytab_fini(struct keytab *t);

/* The value's place, or NULL when the key is absent.  Valid until the next put or remove. */
uint64_t *keytab_find(const struct keytab *t, uint64_t key);

/* The value's place, made with value 0 where the key was absent: the caller must store a non-zero
 * value before the next call.  NULL when memory is exhausted. */
uint64_t *keytab_put(struct keytab *t, uint64_t key);

/* Remove the entry whose value keytab_find() returned. */
void keytab_remove(struct keytab *t, uint64_t *value);

#endif
