/* SPDX-License-Identifier: MIT */
/* peer_ckhs.c - Concurrency Kit's ck_hs (open addressing, pointers to entries, one writer and many readers) as a
 * peer.
 *
 * Presized to twice the keys, mode for many deletes, pointers packed with hash bits where the platform allows.
 * Writers take a spinlock when there is more than one thread.  Readers are protected by liburcu's qsbr, the
 * cheapest there is (ck_epoch would cost an exchange for each read); without liburcu this peer is left out.
 * (ck_ht of 0.7.1 is no peer: in direct mode it can put a second copy of a key that is present.) */
#include "field/order.h"

/* Sections and quiescent states inline; ThreadSanitizer would see the library's plain accesses there. */
#ifndef ORDER_TSAN
#define _LGPL_SOURCE 1
#endif
#define URCU_NO_COMPAT_IDENTIFIERS 1
#include <ck_hs.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <urcu/urcu-qsbr.h>

#include "heap.h"
#include "hmap.h"
#include "peers/peers.h"

struct ckhs_entry {
	uint64_t key;
	_Atomic(uint64_t) value; /* relaxed: a word by itself */
	struct peer_table *table;
	struct rcu_head head;
};

struct peer_table {
	ck_hs_t hs;
	struct heap *heap;
	struct heap_cache *worker_cache; /* the call_rcu worker's */
	struct call_rcu_data *crdp;
	uint64_t seed;
	struct rcu_head drained;
	_Atomic(int) is_drained;
	bool has_lock;
	_Atomic(uint32_t) lock __attribute__((aligned(PADDING_BYTES)));
};

struct peer_thread {
	struct peer_table *table;
	struct heap_cache *cache;
	uint64_t seed;
};

/* The library's arrays: a head before each, so that a replaced one can wait for readers. */
struct ckhs_array {
	struct rcu_head head;
} __attribute__((aligned(16)));

static void *ckhs_malloc(size_t bytes)
{
	struct ckhs_array *array = malloc(sizeof(*array) + bytes); /* freed in ckhs_free() */

	/* cppcheck-suppress memleak */
	return array ? array + 1 : NULL;
}

static void ckhs_array_is_safe(struct rcu_head *head)
{
	order_acquired(head); /* pairs with ckhs_free() */
	free(caa_container_of(head, struct ckhs_array, head));
}

static void ckhs_free(void *p, size_t bytes, bool is_deferred)
{
	struct ckhs_array *array = (struct ckhs_array *)p - 1;

	(void)bytes;
	if (!is_deferred) {
		free(array);
		return;
	}
	order_released(&array->head);
	urcu_qsbr_call_rcu(&array->head, ckhs_array_is_safe);
}
static struct ck_malloc ckhs_allocator = {.malloc = ckhs_malloc, .free = ckhs_free};

static unsigned long ckhs_hash(const void *object, unsigned long seed)
{
	order_acquired((void *)(uintptr_t)object);
	return hmap_hash_default(((const struct ckhs_entry *)object)->key, seed);
}
static bool ckhs_equal(const void *a, const void *b)
{
	/* Pairs with ckhs_insert(): the library has published the entry. */
	order_acquired((void *)(uintptr_t)a);
	order_acquired((void *)(uintptr_t)b);
	return ((const struct ckhs_entry *)a)->key == ((const struct ckhs_entry *)b)->key;
}

static void ckhs_free_table(struct peer_table *table)
{
	if (table->worker_cache)
		heap_cache_destroy(table->worker_cache);
	if (table->heap)
		heap_destroy(table->heap);
	free(table);
}

static struct peer_table *ckhs_create(const struct peer_config *config, char *message,
				      size_t message_size)
{
	struct peer_table *table =
		aligned_alloc(PADDING_BYTES, sizeof(*table)); /* freed in ckhs_free_table() */
	const struct heap_config heap_config = {.kind = HEAP_SPAN};

	snprintf(message, message_size, "out of memory");
	if (!table)
		return NULL;
	memset(table, 0, sizeof(*table));
	table->seed = config->seed;
	table->has_lock = config->threads > 1;
	if (heap_create(&table->heap, &heap_config) == 0)
		table->worker_cache = heap_cache_create(table->heap);
	if (!table->worker_cache ||
	    !ck_hs_init(&table->hs, CK_HS_MODE_SPMC | CK_HS_MODE_OBJECT | CK_HS_MODE_DELETE,
			ckhs_hash, ckhs_equal, &ckhs_allocator, 2 * config->keys, config->seed)) {
		ckhs_free_table(table);
		return NULL;
	}
	table->crdp = urcu_qsbr_create_call_rcu_data(0, -1); /* stopped in ckhs_destroy() */
	return table;
}

#ifdef URCU_JOINS_WORKER
#define CKHS_JOIN(thread) ((void)(thread))
#else
#define CKHS_JOIN(thread) ((void)pthread_join((thread), NULL))
#endif

static void ckhs_is_drained(struct rcu_head *head)
{
	/* release: pairs with ckhs_destroy(). */
	store_release(&caa_container_of(head, struct peer_table, drained)->is_drained, 1);
}

static void ckhs_destroy(struct peer_table *table)
{
	const pthread_t worker = urcu_qsbr_get_call_rcu_thread(table->crdp);

	/* Sent after all else, so it runs last. */
	urcu_qsbr_set_thread_call_rcu_data(table->crdp);
	urcu_qsbr_call_rcu(&table->drained, ckhs_is_drained);
	urcu_qsbr_set_thread_call_rcu_data(NULL);
	/* acquire: pairs with the release store of is_drained in the callback */
	while (!load_acquire(&table->is_drained))
		sched_yield();
	urcu_qsbr_call_rcu_data_free(table->crdp);
	CKHS_JOIN(worker);
	ck_hs_destroy(&table->hs);
	ckhs_free_table(table); /* the entries go with the heap */
}

static struct peer_thread *ckhs_begin(struct peer_table *table)
{
	struct peer_thread *t = calloc(1, sizeof(*t)); /* freed in ckhs_end() */

	if (!t)
		return NULL;
	t->table = table;
	t->seed = table->seed;
	t->cache = heap_cache_create(table->heap);
	if (!t->cache) {
		free(t);
		return NULL;
	}
	urcu_qsbr_register_thread();
	urcu_qsbr_set_thread_call_rcu_data(table->crdp);
	return t;
}

static void ckhs_end(struct peer_thread *t)
{
	order_released(t->table);
	urcu_qsbr_set_thread_call_rcu_data(NULL);
	urcu_qsbr_unregister_thread();
	heap_cache_destroy(t->cache);
	free(t);
}

static inline void ckhs_lock(struct peer_table *table)
{
	if (!table->has_lock)
		return;
	/* acquire: pairs with the release in ckhs_unlock(). */
	for (unsigned n = 1; load_relaxed(&table->lock) || xchg_acq_rel(&table->lock, 1); n++) {
		if (n % 64 == 0)
			sched_yield(); /* more threads than processors: as all other peers do */
		cpu_relax();
	}
}
static inline void ckhs_unlock(struct peer_table *table)
{
	if (table->has_lock)
		store_release(&table->lock, 0);
}

static void ckhs_is_safe(struct rcu_head *head)
{
	struct ckhs_entry *entry = caa_container_of(head, struct ckhs_entry, head);

	/* Pairs with ckhs_remove(), and with the readers' quiescent states. */
	order_acquired(head);
	order_acquired(entry->table);
	heap_free(entry->table->worker_cache, entry);
}

static inline bool ckhs_get(struct peer_thread *t, uint64_t key, uint64_t *value)
{
	const struct ckhs_entry wanted = {.key = key};
	struct ckhs_entry *entry =
		ck_hs_get(&t->table->hs, hmap_hash_default(key, t->seed), &wanted);

	if (!entry)
		return false;
	*value = load_relaxed(&entry->value);
	return true;
}

static inline void ckhs_insert(struct peer_thread *t, uint64_t key, uint64_t value)
{
	const uint64_t hash = hmap_hash_default(key, t->seed);
	const struct ckhs_entry wanted = {.key = key};
	struct ckhs_entry *entry;

	ckhs_lock(t->table);
	entry = ck_hs_get(&t->table->hs, hash, &wanted);
	if (entry) {
		store_relaxed(&entry->value, value);
	} else if ((entry = heap_alloc(t->cache, OBJ_VALUE, sizeof(*entry), false)) != NULL) {
		entry->key = key;
		store_relaxed(&entry->value, value);
		entry->table = t->table;
		order_released(entry);
		ck_hs_put_unique(&t->table->hs, hash, entry);
	}
	ckhs_unlock(t->table);
}

static inline bool ckhs_remove(struct peer_thread *t, uint64_t key)
{
	const struct ckhs_entry wanted = {.key = key};
	struct ckhs_entry *entry;

	ckhs_lock(t->table);
	entry = ck_hs_remove(&t->table->hs, hmap_hash_default(key, t->seed), &wanted);
	ckhs_unlock(t->table);
	if (entry) {
		order_released(&entry->head);
		urcu_qsbr_call_rcu(&entry->head, ckhs_is_safe);
	}
	return entry != NULL;
}

static inline void ckhs_poll(struct peer_thread *t)
{
	order_released(t->table);
	urcu_qsbr_quiescent_state();
}

static void ckhs_run(struct peer_thread *t, struct peer_work *work)
{
	peer_loop(t, work, ckhs_get, ckhs_insert, ckhs_remove, ckhs_poll);
}

const struct peer peer_ckhs = {
	.name = "ck_hs",
	.summary = "ck_hs of Concurrency Kit, readers under liburcu qsbr",
	.kind = PEER_LIBRARY,
	.create = ckhs_create,
	.destroy = ckhs_destroy,
	.begin = ckhs_begin,
	.end = ckhs_end,
	.get = ckhs_get,
	.insert = ckhs_insert,
	.remove = ckhs_remove,
	.poll = ckhs_poll,
	.run = ckhs_run,
};
