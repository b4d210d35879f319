/* SPDX-License-Identifier: MIT */
/* peer_lfht.h - liburcu's cds_lfht (lock-free, split-ordered lists) as a peer: what its two flavors, memb and qsbr,
 * share.  A source includes one flavor's header first, then this.
 *
 * Presized to one bucket per key, no automatic resizing (which would count every update).  A node is one cache
 * line.  An insert looks first and overwrites in place what it finds; only a new key allocates.  Deleted nodes go
 * to a call_rcu worker of the table's own, which frees them to a heap cache of its own. */
#ifndef RECLAIMBENCH_PEER_LFHT_H
#define RECLAIMBENCH_PEER_LFHT_H

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <sched.h>

#include <urcu/rculfhash.h>

#include "field/order.h"
#include "heap.h"
#include "hmap.h"
#include "peers/peers.h"

/* Before version 0.14 a worker's thread is joined by who made the worker. */
#ifdef URCU_JOINS_WORKER
#define LFHT_JOIN(thread) ((void)(thread))
#else
#define LFHT_JOIN(thread) ((void)pthread_join((thread), NULL))
#endif

struct lfht_entry {
	struct cds_lfht_node node;
	uint64_t key;
	_Atomic(uint64_t) value; /* relaxed: a word by itself, written and read whole */
	struct rcu_head head;
	struct peer_table *table;
};

struct peer_table {
	struct cds_lfht *ht;
	struct heap *heap;
	struct heap_cache *worker_cache; /* the call_rcu worker's; ours before and after it runs */
	struct call_rcu_data *crdp;
	uint64_t seed;
	struct rcu_head drained;
	_Atomic(int) is_drained;
};

struct peer_thread {
	struct peer_table *table;
	struct cds_lfht *ht;
	struct heap_cache *cache;
	uint64_t seed;
};

static inline int lfht_match(struct cds_lfht_node *node, const void *key)
{
	/* Pairs with lfht_insert(): the library has published the node. */
	order_acquired(node);
	return caa_container_of(node, struct lfht_entry, node)->key == *(const uint64_t *)key;
}

static inline void lfht_free(struct rcu_head *head)
{
	struct lfht_entry *entry = caa_container_of(head, struct lfht_entry, head);

	/* Pairs with the removal, and with the ends of the readers' sections. */
	order_acquired(head);
	order_acquired(entry->table);
	heap_free(entry->table->worker_cache, entry);
}

static inline void lfht_is_drained(struct rcu_head *head)
{
	/* release: pairs with lfht_wait(). */
	store_release(&caa_container_of(head, struct peer_table, drained)->is_drained, 1);
}

/* Until the worker has run lfht_is_drained(), sent after all else. */
static inline void lfht_wait(struct peer_table *table)
{
	while (!load_acquire(&table->is_drained))
		sched_yield();
}

static inline void lfht_remove_all(struct peer_table *table)
{
	struct cds_lfht_iter iter;
	struct cds_lfht_node *node;

	for (cds_lfht_first(table->ht, &iter); (node = cds_lfht_iter_get_node(&iter)) != NULL;
	     cds_lfht_next(table->ht, &iter))
		cds_lfht_del(table->ht, node);
}

static inline void lfht_free_table(struct peer_table *table)
{
	if (table->worker_cache)
		heap_cache_destroy(table->worker_cache);
	if (table->heap)
		heap_destroy(table->heap);
	free(table);
}

/* Without the worker, which the caller makes; NULL with a message. */
static inline struct peer_table *lfht_create(const struct peer_config *config,
					     const struct rcu_flavor_struct *flavor, char *message,
					     size_t message_size)
{
	struct peer_table *table = calloc(1, sizeof(*table)); /* freed in lfht_free_table() */
	const struct heap_config heap_config = {.kind = HEAP_SPAN};
	const unsigned long n = config->keys;

	snprintf(message, message_size, "out of memory");
	if (!table)
		return NULL;
	table->seed = config->seed;
	if (heap_create(&table->heap, &heap_config) == 0) {
		table->worker_cache = heap_cache_create(table->heap);
		table->ht = cds_lfht_new_flavor(n, n, n, 0, flavor, NULL);
	}
	if (!table->worker_cache || !table->ht) {
		lfht_free_table(table);
		return NULL;
	}
	return table;
}

static inline struct peer_thread *lfht_begin(struct peer_table *table)
{
	struct peer_thread *t = calloc(1, sizeof(*t)); /* freed in lfht_end() */

	if (!t)
		return NULL;
	t->table = table;
	t->ht = table->ht;
	t->seed = table->seed;
	t->cache = heap_cache_create(table->heap);
	if (!t->cache) {
		free(t);
		return NULL;
	}
	return t;
}

static inline void lfht_end(struct peer_thread *t)
{
	heap_cache_destroy(t->cache);
	free(t);
}

/* ---------------------------------------------------------------- operations, inside a section */

static inline struct lfht_entry *lfht_find(struct peer_thread *t, uint64_t hash,
					   const uint64_t *key)
{
	struct cds_lfht_iter iter;
	struct cds_lfht_node *node;

	cds_lfht_lookup(t->ht, hash, lfht_match, key, &iter);
	node = cds_lfht_iter_get_node(&iter);
	return node ? caa_container_of(node, struct lfht_entry, node) : NULL;
}

static inline bool lfht_get(struct peer_thread *t, uint64_t key, uint64_t *value)
{
	struct lfht_entry *entry = lfht_find(t, hmap_hash_default(key, t->seed), &key);

	if (!entry)
		return false;
	*value = load_relaxed(&entry->value);
	return true;
}

static inline void lfht_insert(struct peer_thread *t, uint64_t key, uint64_t value)
{
	const uint64_t hash = hmap_hash_default(key, t->seed);
	struct lfht_entry *entry = lfht_find(t, hash, &key);
	struct cds_lfht_node *node;

	if (entry) {
		store_relaxed(&entry->value, value);
		return;
	}
	entry = heap_alloc(t->cache, OBJ_VALUE, sizeof(*entry), false);
	if (!entry)
		return;
	cds_lfht_node_init(&entry->node);
	entry->key = key;
	store_relaxed(&entry->value, value);
	entry->table = t->table;
	order_released(&entry->node);
	node = cds_lfht_add_unique(t->ht, hash, lfht_match, &key, &entry->node);
	if (node != &entry->node) {
		/* Another thread was first. */
		store_relaxed(&caa_container_of(node, struct lfht_entry, node)->value, value);
		heap_free(t->cache, entry);
	}
}

/* The removed entry, or NULL. */
static inline struct lfht_entry *lfht_take(struct peer_thread *t, uint64_t key)
{
	struct lfht_entry *entry = lfht_find(t, hmap_hash_default(key, t->seed), &key);

	return entry && cds_lfht_del(t->ht, &entry->node) == 0 ? entry : NULL;
}

#endif
