/* SPDX-License-Identifier: MIT */
/* expiry.h - deadlines of keys: a later one replaces an earlier, and it can be cancelled.
 *
 * One owner, no locks; not for measured paths.  A binary heap by (deadline, order of setting);
 * entries that were replaced or cancelled stay until they come up, and are told by the number the
 * table keeps for the key.
 */
#ifndef RECLAIMBENCH_EXPIRY_H
#define RECLAIMBENCH_EXPIRY_H

#include "load/keytab.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct expiry_entry {
	uint64_t deadline;
	uint64_t number; /* from 1, in order of setting */
	uint64_t key;
};

/* A zeroed struct holds nothing.  Free with expiry_fini(). */
struct expiry {
	struct expiry_entry *heap;
	size_t n;
	size_t n_max;
	struct keytab current; /* key -> number of its entry that counts */
	uint64_t n_set;
};

void expiry_fini(struct expiry *e);

/* 0 or -ENOMEM. */
int expiry_set(struct expiry *e, uint64_t key, uint64_t deadline)
	__attribute__((warn_unused_result));
void expiry_cancel(struct expiry *e, uint64_t key);

/* Take out the earliest deadline that is at most `now`; false when there is none. */
bool expiry_next(struct expiry *e, uint64_t now, uint64_t *key, uint64_t *deadline);

#endif
