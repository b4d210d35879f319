/* SPDX-License-Identifier: MIT */
/* peer_striped.c - a chained table with a spinlock per stripe: what one writes when nothing is to be deferred.
 * Readers lock too; a deleted node is freed at once, under the lock. */
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "heap.h"
#include "hmap.h"
#include "peers/peers.h"

/* Enough that two threads seldom meet (1 in 1024), few enough to stay in the cache. */
#define N_STRIPES 1024u

struct striped_node {
	struct striped_node *next;
	uint64_t key, value;
};

struct stripe {
	_Atomic(uint32_t) lock;
} __attribute__((aligned(64)));

struct peer_table {
	struct striped_node **buckets;
	uint64_t mask;
	uint64_t seed;
	struct heap *heap;
	struct stripe *stripes;
};

struct peer_thread {
	struct peer_table *table;
	struct heap_cache *cache;
	uint64_t seed;
};

static void striped_destroy(struct peer_table *table)
{
	if (table->heap)
		heap_destroy(table->heap); /* the nodes with it */
	free(table->buckets);
	free(table->stripes);
	free(table);
}

static struct peer_table *striped_create(const struct peer_config *config, char *message,
					 size_t message_size)
{
	struct peer_table *table = calloc(1, sizeof(*table)); /* freed in striped_destroy() */
	const struct heap_config heap_config = {.kind = HEAP_SPAN};

	if (table) {
		table->mask = config->keys - 1;
		table->seed = config->seed;
		table->buckets = calloc(config->keys, sizeof(*table->buckets));
		table->stripes = aligned_alloc(64, N_STRIPES * sizeof(struct stripe));
		if (table->stripes)
			memset(table->stripes, 0, N_STRIPES * sizeof(struct stripe));
		if (table->buckets && table->stripes &&
		    heap_create(&table->heap, &heap_config) == 0)
			return table;
		striped_destroy(table);
	}
	snprintf(message, message_size, "out of memory");
	return NULL;
}

static struct peer_thread *striped_begin(struct peer_table *table)
{
	struct peer_thread *t = calloc(1, sizeof(*t)); /* freed in striped_end() */

	if (!t)
		return NULL;
	t->table = table;
	t->seed = table->seed;
	t->cache = heap_cache_create(table->heap);
	if (!t->cache) {
		free(t);
		return NULL;
	}
	return t;
}

static void striped_end(struct peer_thread *t)
{
	heap_cache_destroy(t->cache);
	free(t);
}

/* The stripe of this hash, locked. */
static inline struct stripe *striped_lock(struct peer_table *table, uint64_t hash)
{
	struct stripe *s = &table->stripes[hash & (N_STRIPES - 1)];
	unsigned n = 0;

	/* acquire: pairs with the release in striped_unlock(). */
	while (xchg_acq_rel(&s->lock, 1))
		while (load_relaxed(&s->lock)) {
			cpu_relax();
			if (++n % 128 == 0)
				sched_yield(); /* the holder may have lost its processor */
		}
	return s;
}
static inline void striped_unlock(struct stripe *s)
{
	store_release(&s->lock, 0);
}

/* Where the node of this key hangs, or where it would be appended. */
static inline struct striped_node **striped_find(struct peer_table *table, uint64_t hash,
						 uint64_t key)
{
	struct striped_node **link = &table->buckets[hash & table->mask];

	while (*link && (*link)->key != key)
		link = &(*link)->next;
	return link;
}

static inline bool striped_get(struct peer_thread *t, uint64_t key, uint64_t *value)
{
	const uint64_t hash = hmap_hash_default(key, t->seed);
	struct stripe *s = striped_lock(t->table, hash);
	const struct striped_node *node = *striped_find(t->table, hash, key);

	if (node)
		*value = node->value;
	striped_unlock(s);
	return node != NULL;
}

static inline void striped_insert(struct peer_thread *t, uint64_t key, uint64_t value)
{
	const uint64_t hash = hmap_hash_default(key, t->seed);
	struct stripe *s = striped_lock(t->table, hash);
	struct striped_node **link = striped_find(t->table, hash, key), *node = *link;

	if (node) {
		node->value = value;
	} else if ((node = heap_alloc(t->cache, OBJ_VALUE, sizeof(*node), false)) != NULL) {
		*node = (struct striped_node){.key = key, .value = value};
		*link = node;
	}
	striped_unlock(s);
}

static inline bool striped_remove(struct peer_thread *t, uint64_t key)
{
	const uint64_t hash = hmap_hash_default(key, t->seed);
	struct stripe *s = striped_lock(t->table, hash);
	struct striped_node **link = striped_find(t->table, hash, key), *node = *link;

	if (node) {
		*link = node->next;
		heap_free(t->cache, node);
	}
	striped_unlock(s);
	return node != NULL;
}

static inline void striped_poll(struct peer_thread *t)
{
	(void)t;
}

static void striped_run(struct peer_thread *t, struct peer_work *work)
{
	peer_loop(t, work, striped_get, striped_insert, striped_remove, striped_poll);
}

const struct peer peer_striped = {
	.name = "striped",
	.summary = "chained table with a spinlock per stripe",
	.kind = PEER_STRIPED,
	.create = striped_create,
	.destroy = striped_destroy,
	.begin = striped_begin,
	.end = striped_end,
	.get = striped_get,
	.insert = striped_insert,
	.remove = striped_remove,
	.poll = striped_poll,
	.run = striped_run,
};
