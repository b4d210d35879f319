/* SPDX-License-Identifier: MIT */
/* heap_malloc.c - the heap over malloc(): one block per object, what is known of it before it.
 *
 *   block ... | node (node_bytes) | struct malloc_prefix | object
 *
 * All objects hang in lists, so that they can be visited: a shard of lists per cache (shared when there
 * are more caches than shards), each with a spin lock.  A block stays in the shard it was allocated to;
 * the lock is contended only when others free what this thread allocated.
 *
 * When poisoning, a freed block waits in its freer's cache until HEAP_QUARANTINE later frees, and is
 * checked for writes then.
 */
#include <stdlib.h>
#include <string.h>

#include "heap_internal.h"

#define MAGIC_ALLOCATED 0xa110ca7eu
#define MAGIC_FREED 0xf4eedb10u
#define ARRAY_ALIGN_BYTES 64

struct malloc_prefix {
	struct malloc_prefix *next, **link; /* under the shard's lock */
	void *block;
	size_t bytes;
	struct heap_stamps stamps;
	uint32_t class;
	uint32_t shard;
	_Atomic(uint32_t) magic;
} __attribute__((aligned(16)));
_Static_assert(sizeof(struct malloc_prefix) == MALLOC_PREFIX_BYTES, "as heap_stats() counts it");

static struct malloc_prefix *prefix_of(const void *obj)
{
	return (struct malloc_prefix *)((char *)(uintptr_t)obj - sizeof(struct malloc_prefix));
}

static void *prefix_object(struct malloc_prefix *p)
{
	return p + 1;
}

/* The prefix of what must be an object. */
static struct malloc_prefix *prefix_checked(const void *obj)
{
	struct malloc_prefix *p = prefix_of(obj);
	uint32_t magic = load_relaxed(&p->magic); /* set before the caller learnt of the object */

	if (unlikely(magic != MAGIC_ALLOCATED))
		heap_die("%s: %p has %#x before it",
			 magic == MAGIC_FREED ? "double free" : "not an object", obj, magic);
	return p;
}

/* Bytes of the block, and where in it the object lies (an array: at the earliest). */
static size_t block_bytes(const struct heap *h, enum obj_class class, size_t bytes, size_t *offset)
{
	*offset = h->look.node_bytes + sizeof(struct malloc_prefix);
	return *offset + bytes + (class == OBJ_ARRAY ? ARRAY_ALIGN_BYTES - 16 : 0);
}

static bool limit_charge(struct heap *h, size_t bytes)
{
	if (!h->config.limit_bytes)
		return true;
	/* relaxed: only the sum matters */
	if (add_relaxed(&h->malloc_bytes, bytes) + bytes <= h->config.limit_bytes)
		return true;
	sub_relaxed(&h->malloc_bytes, bytes);
	return false;
}

static void limit_refund(struct heap *h, size_t bytes)
{
	if (h->config.limit_bytes)
		sub_relaxed(&h->malloc_bytes, bytes); /* relaxed: only the sum matters */
}

static void shard_link(struct heap_shard *shard, struct malloc_prefix *p)
{
	spin_lock(&shard->lock);
	p->next = shard->first;
	p->link = &shard->first;
	if (p->next)
		p->next->link = &p->next;
	shard->first = p;
	spin_unlock(&shard->lock);
}

static void shard_unlink(struct heap_shard *shard, struct malloc_prefix *p)
{
	spin_lock(&shard->lock);
	*p->link = p->next;
	if (p->next)
		p->next->link = p->link;
	spin_unlock(&shard->lock);
}

void *malloc_heap_alloc(struct heap_cache *c, enum obj_class class, size_t bytes, bool zero)
{
	struct heap *h = c->heap;
	struct malloc_prefix *p;
	size_t whole, offset;
	char *block;

	if (bytes > SIZE_MAX / 2 || (h->is_checked && heap_should_fail(h)))
		return NULL;
	whole = block_bytes(h, class, bytes, &offset);
	if (!limit_charge(h, whole))
		return NULL;
	/* Released in malloc_heap_free() or block_free(). */
	block = zero ? calloc(1, whole) : malloc(whole);
	if (!block) {
		limit_refund(h, whole);
		return NULL;
	}
	if (class == OBJ_ARRAY) /* malloc() aligns to 16 */
		offset += -((uintptr_t)block + offset) % ARRAY_ALIGN_BYTES;
	memset(block, 0, offset);
	p = prefix_of(block + offset);
	p->block = block;
	p->bytes = bytes;
	p->class = class;
	p->shard = (uint32_t)(c->shard - h->shards);
	store_relaxed(&p->magic, MAGIC_ALLOCATED); /* published by who hands on the object */
	shard_link(c->shard, p);
	counter_add(&c->malloc_bytes, (int64_t)whole);
	counter_add(&c->malloc_objects, 1);
	return prefix_object(p);
}

static void block_free(const struct heap *h, struct malloc_prefix *p)
{
	heap_poison_check(h, prefix_object(p), p->bytes, p->class);
	free(p->block);
}

void malloc_heap_free(struct heap_cache *c, void *obj)
{
	struct heap *h = c->heap;
	struct malloc_prefix *p = prefix_checked(obj), *old;
	size_t offset, whole = block_bytes(h, p->class, p->bytes, &offset);
	uint32_t allocated = MAGIC_ALLOCATED;

	if (unlikely(h->config.poison) && !heap_may_free(c, obj, p->class))
		return;
	/* One of two frees at once gets it; acquire, release: with each other. */
	if (unlikely(!cas_acq_rel(&p->magic, &allocated, MAGIC_FREED)))
		heap_die("double free: %p, a %s of %zu bytes", obj, obj_class_names[p->class],
			 p->bytes);
	shard_unlink(&h->shards[p->shard], p);
	counter_add(&c->malloc_bytes, -(int64_t)whole);
	counter_add(&c->malloc_objects, -1);
	limit_refund(h, whole);
	if (likely(!h->config.poison)) {
		free(p->block);
		return;
	}
	heap_poison_fill(obj, p->bytes);
	old = c->quarantine[c->quarantine_next];
	c->quarantine[c->quarantine_next] = p;
	c->quarantine_next = (c->quarantine_next + 1) % HEAP_QUARANTINE;
	if (old)
		block_free(h, old);
}

void malloc_heap_flush(struct heap_cache *c)
{
	uint32_t i;

	for (i = 0; i < HEAP_QUARANTINE; i++) {
		if (c->quarantine[i])
			block_free(c->heap, c->quarantine[i]);
		c->quarantine[i] = NULL;
	}
}

enum obj_class malloc_heap_class(const void *obj)
{
	return prefix_checked(obj)->class;
}

size_t malloc_heap_bytes(const void *obj)
{
	return prefix_checked(obj)->bytes;
}

void *malloc_heap_node(const struct heap *h, const void *obj)
{
	return (char *)prefix_checked(obj) - h->look.node_bytes;
}

void *malloc_heap_node_object(const struct heap *h, const void *node)
{
	return (char *)(uintptr_t)node + h->look.node_bytes + sizeof(struct malloc_prefix);
}

struct heap_stamps *malloc_heap_stamps(const void *obj)
{
	return &prefix_checked(obj)->stamps;
}

bool malloc_heap_is_object(struct heap *h, const void *obj)
{
	struct malloc_prefix *p;
	bool found = false;
	unsigned i;

	for (i = 0; i < HEAP_N_SHARDS && !found; i++) {
		spin_lock(&h->shards[i].lock);
		for (p = h->shards[i].first; p && !found; p = p->next)
			found = prefix_object(p) == obj;
		spin_unlock(&h->shards[i].lock);
	}
	return found;
}

void malloc_heap_visit(struct heap *h, heap_visit_fn *fn, void *ctx)
{
	struct malloc_prefix *p, *next;
	unsigned i;

	for (i = 0; i < HEAP_N_SHARDS; i++) {
		for (p = h->shards[i].first; p; p = next) {
			next = p->next;
			fn(ctx, prefix_object(p), p->class, p->bytes,
			   h->config.stamps ? &p->stamps : NULL);
		}
	}
}

void malloc_heap_fini(struct heap *h)
{
	struct malloc_prefix *p, *next;
	unsigned i;

	for (i = 0; i < HEAP_N_SHARDS; i++) {
		for (p = h->shards[i].first; p; p = next) {
			next = p->next;
			free(p->block);
		}
		h->shards[i].first = NULL;
	}
}
