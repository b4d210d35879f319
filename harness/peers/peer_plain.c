/* SPDX-License-Identifier: MIT */
/* peer_plain.c - the layout of the shared map (8 cells a bucket, tophash bytes, key beside value, overflow chains)
 * without any synchronisation: what the layout costs by itself.  One thread.  Grows at Go's load factor, all at
 * once; an emptied overflow bucket is unlinked and freed at once, as under unlink=empty. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "heap.h"
#include "hmap.h"
#include "hmap_layout.h"
#include "peers/peers.h"

struct plain_bucket {
	struct plain_bucket *next;
	uint64_t tophash; /* cell i in byte i; 0: empty */
	struct {
		uint64_t key, value;
	} cells[8];
};
_Static_assert(sizeof(struct plain_bucket) == sizeof(struct bucket), "the shared map's layout");

struct peer_table {
	struct plain_bucket *buckets;
	uint64_t n_buckets;
	uint64_t count;
	uint64_t seed;
	struct heap *heap;
	struct heap_cache *cache;
};

/* A table has one thread: it is its own. */
static struct peer_table *plain_table(struct peer_thread *t)
{
	return (struct peer_table *)t;
}

static void plain_destroy(struct peer_table *table)
{
	if (table->cache)
		heap_cache_destroy(table->cache);
	if (table->heap)
		heap_destroy(table->heap);
	free(table);
}

static struct peer_table *plain_create(const struct peer_config *config, char *message,
				       size_t message_size)
{
	struct peer_table *table = calloc(1, sizeof(*table)); /* freed in plain_destroy() */
	const struct heap_config heap_config = {.kind = HEAP_SPAN};

	if (table) {
		table->seed = config->seed;
		table->n_buckets = 1;
		if (heap_create(&table->heap, &heap_config) == 0)
			table->cache = heap_cache_create(table->heap);
		if (table->cache)
			table->buckets = heap_alloc(table->cache, OBJ_ARRAY,
						    sizeof(struct plain_bucket), true);
		if (table->buckets)
			return table;
		plain_destroy(table);
	}
	snprintf(message, message_size, "out of memory");
	return NULL;
}

static struct peer_thread *plain_begin(struct peer_table *table)
{
	return (struct peer_thread *)table;
}
static void plain_end(struct peer_thread *t)
{
	(void)t;
}

struct plain_place {
	struct plain_bucket *bucket,
		*before; /* before: the one in front of it, NULL for the first */
	unsigned cell;
};

/* The cell of this key; false: absent. */
static inline bool plain_find(struct peer_table *table, uint64_t hash, uint64_t key,
			      struct plain_place *p)
{
	struct plain_bucket *b = &table->buckets[hash & (table->n_buckets - 1)];
	const uint8_t top = tophash_of(hash);

	/* As the shared map does: the bucket's other lines while the first is waited for. */
	__builtin_prefetch((const char *)b + 64);
	__builtin_prefetch((const char *)b + 128);
	p->before = NULL;
	for (; b; p->before = b, b = b->next)
		for (uint64_t match = tophash_match(b->tophash, top); match; match &= match - 1)
			if (b->cells[first_cell(match)].key == key) {
				p->bucket = b;
				p->cell = first_cell(match);
				return true;
			}
	return false;
}

/* An empty cell in the chain that begins with `b`; NULL when memory is exhausted. */
static struct plain_bucket *plain_room(struct peer_table *table, struct plain_bucket *b,
				       unsigned *cell)
{
	for (;; b = b->next) {
		const uint64_t empty = zero_bytes(b->tophash);

		if (empty) {
			*cell = first_cell(empty);
			return b;
		}
		if (!b->next) {
			b->next = heap_alloc(table->cache, OBJ_BUCKET, sizeof(*b), true);
			*cell = 0;
			return b->next;
		}
	}
}

static void plain_put(struct peer_table *table, uint64_t hash, uint64_t key, uint64_t value)
{
	unsigned cell;
	struct plain_bucket *b =
		plain_room(table, &table->buckets[hash & (table->n_buckets - 1)], &cell);

	if (!b)
		return;
	b->tophash = tophash_set(b->tophash, cell, tophash_of(hash));
	b->cells[cell].key = key;
	b->cells[cell].value = value;
	table->count++;
}

static void plain_grow(struct peer_table *table)
{
	struct plain_bucket *old = table->buckets;
	const uint64_t n_old = table->n_buckets;
	struct plain_bucket *fresh =
		heap_alloc(table->cache, OBJ_ARRAY, 2 * n_old * sizeof(struct plain_bucket), true);

	if (!fresh)
		return;
	table->buckets = fresh;
	table->n_buckets = 2 * n_old;
	table->count = 0;
	for (uint64_t i = 0; i < n_old; i++) {
		struct plain_bucket *next;

		for (struct plain_bucket *b = &old[i]; b; b = next) {
			for (unsigned c = 0; c < 8; c++)
				if (tophash_at(b->tophash, c))
					plain_put(table,
						  hmap_hash_default(b->cells[c].key, table->seed),
						  b->cells[c].key, b->cells[c].value);
			next = b->next;
			if (b != &old[i])
				heap_free(table->cache, b);
		}
	}
	heap_free(table->cache, old);
}

/* One look at the head, without branches that guess whether the key is there, in tables that the shared map looks at
 * so (core/hmap_get.c); the rest as for a write. */
static inline bool plain_get(struct peer_thread *t, uint64_t key, uint64_t *value)
{
	struct peer_table *table = plain_table(t);
	const uint64_t hash = hmap_hash_default(key, table->seed);
	struct plain_place p;

	if (table->n_buckets < 65536) {
		const struct plain_bucket *b = &table->buckets[hash & (table->n_buckets - 1)];
		const unsigned match = tophash_bits(b->tophash, tophash_of(hash));
		const unsigned i = (unsigned)__builtin_ctz(match | 1u << 8) % 8;
		const unsigned is_hit = (b->cells[i].key == key) & (match != 0);
		const unsigned more = (match & (match - 1)) | (b->next != NULL);

		if (likely(!(more & (is_hit - 1)))) {
			*value = b->cells[i].value;
			return is_hit;
		}
	}
	if (!plain_find(table, hash, key, &p))
		return false;
	*value = p.bucket->cells[p.cell].value;
	return true;
}

static inline void plain_insert(struct peer_thread *t, uint64_t key, uint64_t value)
{
	struct peer_table *table = plain_table(t);
	const uint64_t hash = hmap_hash_default(key, table->seed);
	struct plain_place p;

	if (plain_find(table, hash, key, &p)) {
		p.bucket->cells[p.cell].value = value;
		return;
	}
	/* Go's load factor: 6.5 entries a bucket (13 / 2). */
	if (table->count > 8 && table->count * 2 > table->n_buckets * 13)
		plain_grow(table);
	plain_put(table, hash, key, value);
}

static inline bool plain_remove(struct peer_thread *t, uint64_t key)
{
	struct peer_table *table = plain_table(t);
	struct plain_place p;

	if (!plain_find(table, hmap_hash_default(key, table->seed), key, &p))
		return false;
	p.bucket->tophash = tophash_set(p.bucket->tophash, p.cell, 0);
	table->count--;
	if (p.before && !p.bucket->tophash) {
		p.before->next = p.bucket->next;
		heap_free(table->cache, p.bucket);
	}
	return true;
}

static inline void plain_poll(struct peer_thread *t)
{
	(void)t;
}

static void plain_run(struct peer_thread *t, struct peer_work *work)
{
	peer_loop(t, work, plain_get, plain_insert, plain_remove, plain_poll);
}

const struct peer peer_plain = {
	.name = "plain",
	.summary = "the map's layout without any synchronisation, one thread",
	.kind = PEER_PLAIN,
	.is_single_thread = true,
	.create = plain_create,
	.destroy = plain_destroy,
	.begin = plain_begin,
	.end = plain_end,
	.get = plain_get,
	.insert = plain_insert,
	.remove = plain_remove,
	.poll = plain_poll,
	.run = plain_run,
};
