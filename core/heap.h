/* SPDX-License-Identifier: MIT */
/* heap.h - where buckets, arrays, payloads and garbage come from.
 *
 * Two heaps behind one set of functions:
 *
 *   HEAP_SPAN    spans of equal objects, in Go's size classes (runtime/sizeclasses.go, Go 1.19.8) over
 *                8 KiB pages of one reserved arena; everything that is known about an object (allocated,
 *                dead, mark and has-overflow bits, stamps, the strategy's node) lies beside the
 *                objects, never in them.  Objects above 32 KiB have a span of their own.
 *   HEAP_MALLOC  malloc(), with the same facts in a prefix before the object, so that another
 *                allocator can be preloaded.
 *
 * Freed means reusable.  Memory returns to the operating system by heap_scavenge() only.
 *
 * Threads: each thread that allocates or frees owns a heap_cache; a cache is used by its owner only.
 * Any thread with a cache may free any object.  An object is freed at most once; nobody may touch it
 * afterwards (a checked build aborts with the address and class: "double free", "not an object").
 */
#ifndef RECLAIMBENCH_HEAP_H
#define RECLAIMBENCH_HEAP_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Every object has a class; lifetimes and conservation are kept per class. */
enum obj_class {
	OBJ_VALUE,	      /* payload of an entry */
	OBJ_BUCKET,	      /* overflow bucket allocated on its own */
	OBJ_EVACUATED_BUCKET, /* bookkeeping only: old buckets waiting for their array (never allocated) */
	OBJ_ARRAY,	      /* bucket array */
	OBJ_MAP,	      /* a whole map's current array, retired because the map was dropped */
	OBJ_TABLE,	      /* table descriptor */
	OBJ_GARBAGE,	      /* what a server allocates beside the map */
	OBJ_N_CLASSES,
};
extern const char *const obj_class_names[OBJ_N_CLASSES]; /* "value", "bucket", ... as in the CSV */

enum heap_kind { HEAP_SPAN, HEAP_MALLOC };

/* Told of every free, and asked.  With config.poison only; must not call the heap. */
struct heap_audit {
	/* An object is about to be freed and poisoned.  `thread`: see heap_cache_set_thread().  False: it is
	 * left alone (ignored for the objects of heap_span_free_bits()). */
	bool (*freeing)(void *ctx, uint32_t thread, void *obj, enum obj_class class);
	/* A freed object was written to; when this returns it is poison again, and the heap goes on.  Without an audit
	 * the heap aborts. */
	void (*written)(void *ctx, const void *obj, size_t offset);
	/* It is in quarantine: freed for everybody, and not free yet. */
	bool (*is_freed)(void *ctx, const void *obj);
	void *ctx;
};

struct heap_config {
	enum heap_kind kind;
	size_t node_bytes;  /* the strategy's node per object; 0: none.  At most 64 */
	bool stamps;	    /* keep struct heap_stamps per object (lifetime tracking) */
	size_t arena_bytes; /* address space reserved; 0: 64 GiB or what RLIMIT_AS allows */
	size_t limit_bytes; /* refuse to hold more than this from the OS (os_bytes); 0: no limit */
	bool huge_pages;    /* madvise(MADV_HUGEPAGE) on the arena and large spans */
	bool poison;	    /* fill freed objects with HEAP_POISON and check it at reuse (audit) */
	const struct heap_audit *audit; /* or NULL; needs poison; must outlive the heap */
	uint32_t
		n_quarantine; /* small objects of the span heap each cache holds back when they are freed one by
				   one, at most HEAP_QUARANTINE; needs poison.  The malloc heap always does */
	uint64_t fail_at; /* fail the k-th allocation from the OS or of an object; 0: never */
};
#define HEAP_POISON 0xdb
#define HEAP_QUARANTINE 256 /* freed objects a cache holds back, at most */

/* An object's times, in clock ticks; 0 = not yet.  Written by the thread that causes the event, while
 * it alone may (see hmap.h, reclaim.h); read by whoever frees, and at stage ends when all is quiet. */
struct heap_stamps {
	uint64_t dead_ticks;	/* bit 0 is not time: set when the table was growing at the death */
	uint64_t retired_ticks; /* 0 also when this object is not sampled */
};

struct heap;
struct heap_cache;
struct heap_span;

/* 0 or -errno (-EINVAL bad config, -ENOMEM). */
int heap_create(struct heap **out, const struct heap_config *config)
	__attribute__((warn_unused_result));
/* All caches must be destroyed first.  Gives everything back, allocated or not. */
void heap_destroy(struct heap *h);
enum heap_kind heap_kind(const struct heap *h);

/* A cache for the calling thread; NULL on -ENOMEM. */
struct heap_cache *heap_cache_create(struct heap *h);
/* Whose it is, for the audit's messages. */
void heap_cache_set_thread(struct heap_cache *c, uint32_t thread);
/* Return the cached spans to the heap.  Owner, or anybody once the owner is gone. */
void heap_cache_destroy(struct heap_cache *c);

/* Allocate.  `zero`: the object is zeroed.  NULL when memory or the limit is exhausted.  16-byte
 * aligned; arrays are 64-byte aligned at least (span: page aligned).
 * Cost: some 10 ns from the cache.  Never blocks for the collector, never polls a safepoint. */
void *heap_alloc(struct heap_cache *c, enum obj_class class, size_t bytes, bool zero);

/* Free one object: it is reusable when this returns.  Lock-free unless its span becomes empty. */
void heap_free(struct heap_cache *c, void *obj);

/* What an object is.  Any thread, while the object is allocated (retired counts). */
enum obj_class heap_class(const struct heap *h, const void *obj);
/* Bytes as requested; of a small object in a span: of its size class.  Account with this, not with the
 * request, or allocated and freed bytes differ. */
size_t heap_bytes(const struct heap *h, const void *obj);
/* What heap_bytes() says of an object that was allocated with this request.  ~1 ns. */
size_t heap_alloc_bytes(const struct heap *h, enum obj_class class, size_t bytes);
void *heap_node(const struct heap *h, const void *obj); /* node_bytes zeroed bytes, 16-aligned */
void *heap_node_object(const struct heap *h,
		       const void *node); /* the way back; cost: ~5 ns (span) */
struct heap_stamps *heap_stamps(const struct heap *h, const void *obj); /* NULL if !config.stamps */

/* Class, bytes and stamps by one look: what each retire and each free ask for. */
struct heap_facts {
	enum obj_class class;
	size_t bytes;
	struct heap_stamps *stamps;
};
struct heap_facts heap_facts(const struct heap *h, const void *obj);

/* Tell whether `obj` is a currently allocated object's start.  For audits; slow: malloc walks the list of
 * all objects. */
bool heap_is_object(const struct heap *h, const void *obj);

/* Visit every allocated object (live, dead, retired alike).  Only while no thread allocates or frees. */
typedef void heap_visit_fn(void *ctx, void *obj, enum obj_class class, size_t bytes,
			   struct heap_stamps *stamps);
void heap_visit(struct heap *h, heap_visit_fn *fn, void *ctx);

/* Packing of 16-aligned object addresses into words (hmap.h: struct bucket).  A word's upper bits hold
 * (address - base) >> 4, never 0 for an object, its lower `shift` bits are free for the user.  Span heap: base is the arena,
 * shift 32.  Malloc: base 0, shift 20 (44 bits of address).  Constant for the heap's life. */
struct heap_packing {
	uintptr_t base;
	unsigned shift;
};
struct heap_packing heap_packing(const struct heap *h);

struct heap_stats {
	uint64_t os_bytes;     /* mapped and not returned (malloc: bytes allocated incl. prefix) */
	uint64_t in_use_bytes; /* pages in spans, without the empty spares of the classes */
	uint64_t free_bytes;   /* pages reusable but still held */
	uint64_t returned_bytes; /* cumulative, by heap_scavenge() */
	uint64_t n_spans;
	uint64_t metadata_bytes; /* span structs, bit arrays, stamps, nodes */
	uint64_t bitmap_bytes;	 /* of those, mark bits (and bucket marks) */
};
void heap_stats(struct heap *h, struct heap_stats *out);

/* Give up to `bytes` of free pages back to the operating system (madvise); returns how many were.
 * Any thread with no lock held; slow (about 1 us a page run). */
size_t heap_scavenge(struct heap *h, size_t bytes);

/* Called by an allocating thread each time its cache needs another span, and before each large object,
 * before the heap looks for one or takes fresh pages: the strategy may sweep here.  `bytes` is the size of
 * the span wanted.  All hooks are called with no lock of the heap held.  Must not allocate from this
 * heap and must not block.  Set once, before any allocation; NULL: none. */
struct heap_hooks {
	void (*want_span)(void *ctx, struct heap_cache *c, size_t bytes);
	/* A cache has just taken ownership of a span, and allocates from it when this returns: a collector
	 * sweeps it here if that is due (heap_span_free_bits(); it is not released under its owner) / is about
	 * to give it back. */
	void (*span_cached)(void *ctx, struct heap_span *s);
	void (*span_uncached)(void *ctx, struct heap_span *s);
	/* Nothing is left in the set of this class: true when the strategy has swept and the heap shall look
	 * into the set once more before it takes fresh pages. */
	bool (*grow_span)(void *ctx, struct heap_cache *c, unsigned class, unsigned size_class);
	/* A span has just been made (fresh pages) or is about to be destroyed (all objects free). */
	void (*span_created)(void *ctx, struct heap_span *s);
	void (*span_released)(void *ctx, struct heap_span *s);
	void *ctx;
};
void heap_set_hooks(struct heap *h, const struct heap_hooks *hooks);

#endif
