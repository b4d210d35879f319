/* SPDX-License-Identifier: MIT */
/* evict.h - deletes for key streams that have none: a cache's capacity or expiry, with the row
 * number as its clock (the --evict option).
 *
 *     lru:N   when more than N keys are held, the least recently used one goes
 *     idle:N  after the access at row i every key last accessed before row i - N goes
 *
 * One owner, no locks.
 */
#ifndef RECLAIMBENCH_EVICT_H
#define RECLAIMBENCH_EVICT_H

#include "load/keytab.h"
#include "load/load_error.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum evict_kind { EVICT_NONE, EVICT_LRU, EVICT_IDLE };

struct evict_policy {
	enum evict_kind kind;
	uint64_t n; /* keys or rows */
};

/* 0 or -EINVAL with a text. */
int evict_parse(const char *text, struct evict_policy *out, struct load_error *error)
	__attribute__((warn_unused_result));

struct evict_node {
	uint64_t key;
	uint64_t row; /* last access */
	uint32_t older;
	uint32_t newer;
};

/* The keys held, in order of their last access. */
struct evict {
	struct evict_policy policy;
	struct keytab index;	  /* key -> number of its node, from 1 */
	struct evict_node *nodes; /* [0] is the head of the ring: newer = oldest, older = newest */
	size_t n_nodes;
	size_t n_nodes_max;
	uint32_t spare; /* list of nodes given back, linked by `newer`; 0: none */
};

/* 0 or -ENOMEM.  Free with evict_fini(), also after a failed init. */
int evict_init(struct evict *e, const struct evict_policy *policy)
	__attribute__((warn_unused_result));
void evict_fini(struct evict *e);

/* An access to a key at a row (rows never go back): 1 it was held, 0 it was not and is now,
 * -ENOMEM. */
int evict_access(struct evict *e, uint64_t key, uint64_t row) __attribute__((warn_unused_result));

/* After the access at `row`: take out the next key that has to go; false when none does. */
bool evict_next(struct evict *e, uint64_t row, uint64_t *key);

#endif
