/* SPDX-License-Identifier: MIT */
/* heap.c - creating heaps and caches, statistics, and which of the two heaps a call goes to. */
#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "heap_internal.h"

const char *const obj_class_names[OBJ_N_CLASSES] = {
	[OBJ_VALUE] = "value",
	[OBJ_BUCKET] = "bucket",
	[OBJ_EVACUATED_BUCKET] = "evacuated_bucket",
	[OBJ_ARRAY] = "array",
	[OBJ_MAP] = "map",
	[OBJ_TABLE] = "table",
	[OBJ_GARBAGE] = "garbage",
};

#define MAX_ARENA_BYTES (64ull << 30) /* an address in it packs into 32 bits */
#define MAX_NODE_BYTES 64

void heap_die(const char *fmt, ...)
{
	va_list args;

	fputs("heap: ", stderr);
	va_start(args, fmt);
	vfprintf(stderr, fmt, args);
	va_end(args);
	fputc('\n', stderr);
	abort();
}

void heap_poison_fill(void *obj, size_t bytes)
{
	memset(obj, HEAP_POISON, bytes);
}

void heap_poison_check(const struct heap *h, void *obj, size_t bytes, unsigned class)
{
	const unsigned char *p = obj;

	/* All are alike if each is as the next. */
	if (!bytes || (p[0] == HEAP_POISON && !memcmp(p, p + 1, bytes - 1)))
		return;
	for (size_t i = 0; i < bytes; i++) {
		if (p[i] == HEAP_POISON)
			continue;
		if (h->config.audit) {
			h->config.audit->written(h->config.audit->ctx, obj, i);
			heap_poison_fill(obj, bytes); /* told once */
			return;
		}
		heap_die("written after free: %p, a %s, byte %zu is %#x", obj,
			 obj_class_names[class], i, p[i]);
	}
}

static int config_check(const struct heap_config *config)
{
	if (config->kind != HEAP_SPAN && config->kind != HEAP_MALLOC)
		return -EINVAL;
	if (config->node_bytes > MAX_NODE_BYTES)
		return -EINVAL;
	if (config->n_quarantine > HEAP_QUARANTINE ||
	    ((config->n_quarantine || config->audit) && !config->poison))
		return -EINVAL;
	if (config->arena_bytes > MAX_ARENA_BYTES ||
	    (config->arena_bytes && config->arena_bytes < 2 * HEAP_PAGE_BYTES))
		return -EINVAL;
	return 0;
}

int heap_create(struct heap **out, const struct heap_config *config)
{
	struct heap *h;
	uint32_t i;
	int err = config_check(config);

	if (err)
		return err;
	if (config->fail_at == 1)
		return -ENOMEM;
	h = aligned_alloc(PADDING_BYTES, sizeof(*h)); /* released in heap_destroy() */
	if (!h)
		return -ENOMEM;
	memset(h, 0, sizeof(*h));
	h->config = *config;
	h->config.arena_bytes &= ~(size_t)(HEAP_PAGE_BYTES - 1);
	h->is_checked = config->poison || config->fail_at;
	store_relaxed(&h->n_attempts, 1); /* nobody else knows the heap yet */
	h->look.kind = config->kind;
	h->look.node_bytes = (uint32_t)(config->node_bytes + 15) & ~15u;
	if (h->look.node_bytes)
		h->look.node_magic = UINT32_MAX / h->look.node_bytes + 1;
	pthread_mutex_init(&h->lock, NULL);
	heap_size_tables(h);
	for (i = 0; i < HEAP_N_LISTS; i++)
		h->lists[i].id = i;
	if (config->kind == HEAP_SPAN)
		err = heap_pages_init(h);
	if (err) {
		heap_destroy(h);
		return err;
	}
	*out = h;
	return 0;
}

void heap_destroy(struct heap *h)
{
	if (h->caches)
		heap_die("destroyed while caches exist");
	if (h->config.kind == HEAP_SPAN)
		heap_pages_fini(h);
	else
		malloc_heap_fini(h);
	pthread_mutex_destroy(&h->lock);
	free(h);
}

enum heap_kind heap_kind(const struct heap *h)
{
	return h->look.kind;
}

void heap_set_hooks(struct heap *h, const struct heap_hooks *hooks)
{
	h->hooks = *hooks;
}

struct heap_cache *heap_cache_create(struct heap *h)
{
	struct heap_cache *c;

	if (heap_should_fail(h))
		return NULL;
	c = aligned_alloc(PADDING_BYTES, sizeof(*c)); /* released in heap_cache_destroy() */
	if (!c)
		return NULL;
	memset(c, 0, sizeof(*c));
	c->heap = h;
	pthread_mutex_lock(&h->lock);
	c->shard = &h->shards[h->n_caches_ever++ % HEAP_N_SHARDS];
	c->next = h->caches;
	c->link = &h->caches;
	if (c->next)
		c->next->link = &c->next;
	h->caches = c;
	pthread_mutex_unlock(&h->lock);
	return c;
}

void heap_cache_set_thread(struct heap_cache *c, uint32_t thread)
{
	c->thread = thread;
}

void heap_cache_destroy(struct heap_cache *c)
{
	struct heap *h = c->heap;

	if (h->config.kind == HEAP_SPAN)
		span_heap_end_quarantine(c);
	heap_cache_flush(c);
	pthread_mutex_lock(&h->lock);
	/* relaxed: the owner, or after it is gone */
	h->past_malloc_bytes += load_relaxed(&c->malloc_bytes);
	h->past_malloc_objects += load_relaxed(&c->malloc_objects);
	*c->link = c->next;
	if (c->next)
		c->next->link = c->link;
	pthread_mutex_unlock(&h->lock);
	free(c);
}

void *heap_alloc(struct heap_cache *c, enum obj_class class, size_t bytes, bool zero)
{
	if (likely(c->heap->look.kind == HEAP_SPAN))
		return span_heap_alloc(c, class, bytes, zero);
	return malloc_heap_alloc(c, class, bytes, zero);
}

void heap_free(struct heap_cache *c, void *obj)
{
	if (likely(c->heap->look.kind == HEAP_SPAN))
		span_heap_free(c, obj);
	else
		malloc_heap_free(c, obj);
}

size_t heap_alloc_bytes(const struct heap *h, enum obj_class class, size_t bytes)
{
	if (h->look.kind != HEAP_SPAN || heap_is_large(class, bytes))
		return bytes;
	return heap_class_bytes[heap_class_of(h, bytes)];
}

enum obj_class heap_class(const struct heap *h, const void *obj)
{
	if (likely(h->look.kind == HEAP_SPAN))
		return heap_span_of(h, obj)->class;
	return malloc_heap_class(obj);
}

size_t heap_bytes(const struct heap *h, const void *obj)
{
	if (likely(h->look.kind == HEAP_SPAN))
		return heap_span_of(h, obj)->object_bytes;
	return malloc_heap_bytes(obj);
}

void *heap_node(const struct heap *h, const void *obj)
{
	const struct heap_span *s;

	if (unlikely(h->look.kind != HEAP_SPAN))
		return malloc_heap_node(h, obj);
	s = heap_span_of(h, obj);
	return s->nodes + (size_t)heap_span_index(s, obj) * h->look.node_bytes;
}

void *heap_node_object(const struct heap *h, const void *node)
{
	const struct heap_span *s;
	uint64_t offset;

	if (unlikely(h->look.kind != HEAP_SPAN))
		return malloc_heap_node_object(h, node);
	s = h->look.meta_spans[((uintptr_t)node - h->look.meta_base) / HEAP_META_GRANULE_BYTES];
	offset = (uint64_t)((const char *)node - s->nodes);
	return heap_span_object(s, (uint32_t)(offset * h->look.node_magic >> 32));
}

struct heap_stamps *heap_stamps(const struct heap *h, const void *obj)
{
	const struct heap_span *s;

	if (!h->config.stamps)
		return NULL;
	if (unlikely(h->look.kind != HEAP_SPAN))
		return malloc_heap_stamps(obj);
	s = heap_span_of(h, obj);
	return &s->stamps[heap_span_index(s, obj)];
}

struct heap_facts heap_facts(const struct heap *h, const void *obj)
{
	const struct heap_span *s;

	if (unlikely(h->look.kind != HEAP_SPAN))
		return (struct heap_facts){malloc_heap_class(obj), malloc_heap_bytes(obj),
					   h->config.stamps ? malloc_heap_stamps(obj) : NULL};
	s = heap_span_of(h, obj);
	return (struct heap_facts){(enum obj_class)s->class, s->object_bytes,
				   s->stamps ? &s->stamps[heap_span_index(s, obj)] : NULL};
}

bool heap_is_object(const struct heap *h, const void *obj)
{
	const struct heap_audit *audit = h->config.audit;

	if (audit && audit->is_freed(audit->ctx, obj))
		return false;
	if (h->look.kind == HEAP_SPAN)
		return span_heap_is_object(h, obj);
	return malloc_heap_is_object((struct heap *)(uintptr_t)h, obj); /* takes locks */
}

void heap_visit(struct heap *h, heap_visit_fn *fn, void *ctx)
{
	if (h->look.kind == HEAP_SPAN)
		span_heap_visit(h, fn, ctx);
	else
		malloc_heap_visit(h, fn, ctx);
}

struct heap_packing heap_packing(const struct heap *h)
{
	if (h->look.kind == HEAP_SPAN)
		return (struct heap_packing){.base = h->look.arena_base, .shift = 32};
	return (struct heap_packing){.base = 0, .shift = 20};
}

/* The malloc heap's: bytes in blocks; under heap.lock. */
static void stats_malloc(struct heap *h, struct heap_stats *out)
{
	int64_t bytes = h->past_malloc_bytes, objects = h->past_malloc_objects;
	struct heap_cache *c;

	for (c = h->caches; c; c = c->next) {
		/* relaxed: statistics only */
		bytes += load_relaxed(&c->malloc_bytes);
		objects += load_relaxed(&c->malloc_objects);
	}
	/* A sum over running threads may see a free before its allocation. */
	bytes = bytes > 0 ? bytes : 0;
	objects = objects > 0 ? objects : 0;
	out->os_bytes = out->in_use_bytes = (uint64_t)bytes;
	out->metadata_bytes = (uint64_t)objects * (h->look.node_bytes + MALLOC_PREFIX_BYTES);
}

void heap_stats(struct heap *h, struct heap_stats *out)
{
	uint64_t spare_bytes =
		load_relaxed(&h->spare_pages) * HEAP_PAGE_BYTES; /* statistics only */

	memset(out, 0, sizeof(*out));
	pthread_mutex_lock(&h->lock);
	if (h->config.kind == HEAP_MALLOC) {
		stats_malloc(h, out);
	} else {
		out->os_bytes = h->held_pages * HEAP_PAGE_BYTES;
		out->free_bytes = h->free_held_pages * HEAP_PAGE_BYTES + spare_bytes;
		out->in_use_bytes =
			out->os_bytes > out->free_bytes ? out->os_bytes - out->free_bytes : 0;
		out->returned_bytes = h->returned_bytes;
		out->n_spans = h->n_live_spans;
		out->bitmap_bytes = h->bitmap_bytes;
		out->metadata_bytes = h->meta_bytes + h->n_live_spans * sizeof(struct heap_span) +
				      h->arena.used_bytes / HEAP_PAGE_BYTES *
					      (sizeof(struct page_info) + sizeof(void *));
	}
	pthread_mutex_unlock(&h->lock);
}
