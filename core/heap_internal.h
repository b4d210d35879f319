/* SPDX-License-Identifier: MIT */
/* heap_internal.h - the layout of the two heaps, for core/heap*.c only.
 *
 *   heap.c          creating, hooks, statistics; which of the two heaps a call goes to
 *   heap_sizes.c    Go's size classes
 *   heap_pages.c    the arena's page runs, metadata blocks, scavenging: all under heap.lock
 *   heap_make.c     one span: its shape and its memory
 *   heap_spans.c    spans, caches, central sets: allocate and free
 *   heap_malloc.c   the malloc heap
 *
 * Locks, in this order, never two of one kind: heap.lock (a mutex: page runs, metadata, span structs,
 * the list of caches), a list's spin lock (central set), a shard's spin lock (malloc).  No hook and no
 * system call runs under a spin lock.
 */
#ifndef RECLAIMBENCH_HEAP_INTERNAL_H
#define RECLAIMBENCH_HEAP_INTERNAL_H

#include <pthread.h>
#include <sched.h>

#include "heap_span.h"

#define HEAP_N_SIZE_CLASSES 68
#define HEAP_MAX_SMALL_BYTES 32768
#define HEAP_N_LISTS (OBJ_N_CLASSES * HEAP_N_SIZE_CLASSES)
#define HEAP_META_GRANULE_BYTES 256
#define HEAP_BUCKET_BYTES 144 /* of a bucket in an array (hmap.h) */
#define HEAP_N_SHARDS 16
#define MALLOC_PREFIX_BYTES 64 /* struct malloc_prefix */

extern const uint16_t heap_class_bytes[HEAP_N_SIZE_CLASSES];
extern const uint8_t heap_class_pages[HEAP_N_SIZE_CLASSES];

/* Held for a few instructions.  A waiter yields soon: the holder may have lost its processor. */
struct spin_lock {
	_Atomic(uint32_t) is_held;
};

static inline void spin_lock(struct spin_lock *l)
{
	unsigned n = 0;
	uint32_t free_value = 0;

	/* acquire: pairs with the release in spin_unlock() */
	while (!cas_acquire(&l->is_held, &free_value, 1)) {
		free_value = 0;
		if (++n % 64 == 0)
			sched_yield();
		else
			cpu_relax();
	}
}

static inline void spin_unlock(struct spin_lock *l)
{
	store_release(&l->is_held, 0); /* pairs with spin_lock() */
}

/* Spans of one class and size class that have or may have free objects. */
struct heap_list {
	struct spin_lock lock;
	uint32_t id;
	uint32_t n_spares;
	struct heap_span *first, *last;
} __attribute__((aligned(64)));

/* One per page of the arena. */
struct page_info {
	uint32_t free_pages; /* at both ends of a free run: its length; 0: not free */
	uint32_t next,
		prev;  /* at the first page of a free run: its neighbours in the bin, 0: none */
	uint8_t flags; /* PAGE_HELD: counts as held from the OS; PAGE_DIRTY: may not be zero */
};
enum { PAGE_HELD = 1, PAGE_DIRTY = 2 };
#define HEAP_N_BINS 64 /* runs of n pages in bin n; bin 0: 64 and more */

/* Address space, reserved whole and made accessible from the front. */
struct heap_region {
	char *map;
	size_t map_bytes;
	char *base;
	size_t bytes;
	size_t used_bytes; /* handed out so far */
	size_t open_bytes; /* readable and writable so far */
};

struct malloc_prefix;
struct heap_shard {
	struct spin_lock lock;
	struct malloc_prefix *first;
} __attribute__((aligned(PADDING_BYTES)));

struct heap {
	struct heap_lookup look; /* first: heap_span.h relies on it */
	struct heap_config config;
	bool is_checked; /* poison or fail_at: the slow way through */
	struct heap_hooks hooks;
	_Atomic(uint64_t) n_attempts;	  /* of allocations, for fail_at */
	uint8_t class_of_8[1024 / 8 + 1]; /* size class by (bytes + 7) / 8 */
	uint8_t class_of_128[(HEAP_MAX_SMALL_BYTES - 1024) / 128 + 1];

	pthread_mutex_t lock;
	/* under lock */
	struct heap_region arena, meta, pages_table, spans_table, meta_table;
	struct page_info *pages;
	struct heap_span *free_spans; /* structs to be used again, by next */
	uint32_t bins[HEAP_N_BINS];
	uint64_t bin_mask;
	void *meta_bins[HEAP_N_BINS + 32]; /* by granules; from 64 on by power of two */
	uint64_t held_pages, free_held_pages, returned_bytes, meta_bytes, bitmap_bytes,
		n_live_spans;
	struct heap_cache *caches;
	uint32_t n_caches_ever;
	uint32_t n_scavenging; /* threads that have free runs out of the bins just now */
	int64_t past_malloc_bytes, past_malloc_objects; /* of destroyed caches */
	_Atomic(uint32_t) n_spans;			/* written under lock, read by anybody */
	_Atomic(uint64_t) spare_pages;			/* statistics only */

	_Atomic(uint64_t) malloc_bytes; /* only with limit_bytes */
	struct heap_list lists[HEAP_N_LISTS];
	struct heap_shard shards[HEAP_N_SHARDS];
};

/* Owner only, but for what is said. */
struct heap_cache {
	struct heap *heap;
	struct heap_cache *next, **link; /* under heap.lock */
	struct heap_span *current[HEAP_N_LISTS];
	/* malloc: may be negative, objects are freed by other threads than allocated them.  Read by
	 * heap_stats(). */
	_Atomic(int64_t) malloc_bytes, malloc_objects;
	struct heap_shard *shard;
	void *quarantine
		[HEAP_QUARANTINE]; /* span heap: objects; malloc heap: struct malloc_prefix */
	uint32_t quarantine_next;
	uint32_t thread; /* for messages */
} __attribute__((aligned(PADDING_BYTES)));

/* Print "heap: ..." to stderr and abort. */
void heap_die(const char *fmt, ...) __attribute__((noreturn, cold, format(printf, 1, 2)));
/* Fault injection: true for the attempt that shall fail. */
static inline bool heap_should_fail(struct heap *h)
{
	/* relaxed: only the count matters */
	return h->config.fail_at && add_relaxed(&h->n_attempts, 1) + 1 == h->config.fail_at;
}
void heap_poison_fill(void *obj, size_t bytes);
/* Abort unless all bytes are HEAP_POISON. */
void heap_poison_check(const struct heap *h, void *obj, size_t bytes, unsigned class);
/* The audit's answer; true without one. */
static inline bool heap_may_free(struct heap_cache *c, void *obj, unsigned class)
{
	const struct heap_audit *audit = c->heap->config.audit;

	return !audit || audit->freeing(audit->ctx, c->thread, obj, (enum obj_class) class);
}

void heap_size_tables(struct heap *h);
/* Has a span of its own. */
static inline bool heap_is_large(enum obj_class class, size_t bytes)
{
	return class == OBJ_ARRAY || bytes > HEAP_MAX_SMALL_BYTES;
}
/* The size class of a small request. */
static inline uint32_t heap_class_of(const struct heap *h, size_t bytes)
{
	if (likely(bytes <= 1024))
		return h->class_of_8[(bytes + 7) / 8];
	return h->class_of_128[(bytes - 1024 + 127) / 128];
}

/* heap_pages.c */
int heap_pages_init(struct heap *h);
void heap_pages_fini(struct heap *h);
/* Under heap.lock.  First page of a run, 0 when there is none within the limit. */
uint32_t heap_pages_take(struct heap *h, uint32_t n_pages, bool *needs_zero);
void heap_pages_put(struct heap *h, uint32_t page, uint32_t n_pages);
/* Under heap.lock.  A zeroed block, 64-aligned; NULL: exhausted.  *granules receives its size. */
void *heap_meta_take(struct heap *h, size_t bytes, uint32_t *granules);
void heap_meta_put(struct heap *h, void *block, uint32_t granules);
/* Under heap.lock. */
struct heap_span *heap_span_struct_take(struct heap *h);

/* heap_make.c */
/* A span nobody else knows; its place and owner are still to be set.  NULL: exhausted.  heap_span_release() undoes it. */
struct heap_span *heap_span_create(struct heap *h, unsigned class, unsigned size_class,
				   size_t bytes);
/* Its place is 0 already: the caller alone knows it. */
void heap_span_release(struct heap *h, struct heap_span *s);

/* heap_spans.c */
void *span_heap_alloc(struct heap_cache *c, enum obj_class class, size_t bytes, bool zero);
void span_heap_free(struct heap_cache *c, void *obj);
void span_heap_end_quarantine(struct heap_cache *c);
bool span_heap_is_object(const struct heap *h, const void *obj);
void span_heap_visit(struct heap *h, heap_visit_fn *fn, void *ctx);

/* heap_malloc.c */
void *malloc_heap_alloc(struct heap_cache *c, enum obj_class class, size_t bytes, bool zero);
void malloc_heap_free(struct heap_cache *c, void *obj);
enum obj_class malloc_heap_class(const void *obj);
size_t malloc_heap_bytes(const void *obj);
void *malloc_heap_node(const struct heap *h, const void *obj);
void *malloc_heap_node_object(const struct heap *h, const void *node);
struct heap_stamps *malloc_heap_stamps(const void *obj);
bool malloc_heap_is_object(struct heap *h, const void *obj);
void malloc_heap_visit(struct heap *h, heap_visit_fn *fn, void *ctx);
void malloc_heap_flush(struct heap_cache *c); /* empties the quarantine */
void malloc_heap_fini(struct heap *h);

#endif
