/* SPDX-License-Identifier: MIT */
/* heap_span.h - the span as collectors see it (strategies/gc/, sweepgen, mark).  Others use heap.h.
 *
 * Only for HEAP_SPAN.  A span holds objects of one obj_class and one size class.  It has, a bit for each object,
 * in bits[i / 64]:
 *
 *   alloc          set: handed out, or held by the owning cache for handing out (a cache claims up to a
 *                  word of 64 at a time; what it has claimed and not handed out is in cache_word).
 *                  Set by the owner's claim, cleared by a free; atomic read-modify-write both.
 *   dead[2]        sweepgen: set by retire, in the half that the current generation's parity names;
 *                  the sweeper takes and clears the other half.
 *                  mark: [0] bits=span,shadow=on; [1] marks of the cycle's thread, plain stores.
 *   mark           mark: set by barrier, allocation, assists and helpers during marking (atomic OR, or a plain
 *                  test first); cleared by the sweep, which owns the span.
 *
 * The four words of 64 objects lie side by side: who needs one mostly needs another, and where a span has 64 objects or
 * fewer, as every span of buckets has, they lie in the span itself, in the line of its place: this one line is all that
 * another core needs to find nothing dead.
 *
 *   overflow_bits  arrays only, one bit per bucket: its link is not null.  Written by the map.
 *   bucket_marks   arrays only, one bit per bucket: reached by the marker this cycle (coverage).
 *   stamps, nodes  see heap.h.
 *
 * `sweepgen` is the collector's (GO-FACTS section 2); the heap itself only initialises it through
 * hooks.span_created and never reads it.
 *
 * An OBJ_ARRAY has a span of its own whatever its size, so that its two bit arrays exist; what Go would
 * have charged for it is heap_round_up(heap_bytes()).
 *
 * Ownership: a span is in exactly one place: the current span of one cache (owner != NULL), or in the
 * central set of its class, or taken from there by a collector, or full (in no set until the first free),
 * or large, or released.  Sweeping a span means owning its `sweepgen`
 * (sg-2 -> sg-1 by compare-and-swap), which is the collector's business, not the heap's.
 */
#ifndef RECLAIMBENCH_HEAP_SPAN_H
#define RECLAIMBENCH_HEAP_SPAN_H

#include <assert.h>
#include <stddef.h>

#include "atomic.h"
#include "heap.h"

#define HEAP_PAGE_BYTES 8192

/* The bits of 64 objects. */
struct heap_bits {
	_Atomic(uint64_t) alloc, dead[2], mark;
};

/* Four cache lines: the shape; its place, and, where they fit, the bits; the rest; what the owner writes with each
 * allocation.  All but the atomic members, the bits, the list's and the owner's are constant while the span exists. */
struct heap_span {
	char *base;	       /* first object */
	uint64_t divide_magic; /* (offset * magic) >> 32 = object index; Go's divMul */
	uint32_t elem_bytes;   /* distance of objects; a large span: its whole size */
	uint32_t index;	       /* in heap_span_at() */
	uint8_t class;	       /* enum obj_class */
	uint8_t size_class;    /* 0: large */
	bool is_large;
	size_t object_bytes; /* as requested (large spans; small ones: elem_bytes) */
	struct heap_stamps *stamps;
	char *nodes;

	_Atomic(uint32_t) central_state __attribute__((aligned(64))); /* its place: heap_spans.c */
	_Atomic(uint32_t) sweepgen;				      /* collector's */
	_Atomic(uint64_t) state_since_ticks; /* collector's, for the time in each state */
	uint32_t n_pages;
	uint32_t n_elems;
	struct heap_bits *bits;	     /* heap_span_n_words() of them */
	struct heap_bits first_bits; /* these, where one is enough */

	struct heap_span *next __attribute__((aligned(64))),
		*prev;	    /* under the lock of its class */
	bool is_spare;	    /* under the lock of its class: empty, and kept */
	uint32_t n_buckets; /* arrays: bits in overflow_bits and bucket_marks; else 0 */
	uint32_t meta_granules;
	_Atomic(uint64_t) *overflow_bits;
	_Atomic(uint64_t) *bucket_marks;
	struct heap *heap;

	_Atomic(uint64_t) cache_word __attribute__((aligned(64))); /* claimed, not yet handed out */
	_Atomic(uint32_t) cache_index; /* of the bits that cache_word belongs to */
	bool needs_zero;	       /* objects still to be claimed may hold old contents */
	bool is_fresh;		       /* nothing was claimed since it was made */
	_Atomic(struct heap_cache *)
		owner; /* the cache whose current span it is; written by its thread */
};

static_assert(sizeof(struct heap_span) == 256 && offsetof(struct heap_span, next) == 128,
	      "the place and the first bits fill one line");

/* The head of struct heap, open so that the look-ups below are inlined.  Constant after
 * heap_create(). */
struct heap_lookup {
	uintptr_t arena_base;
	size_t n_pages;
	_Atomic(struct heap_span *) *page_spans; /* per page of the arena */
	uintptr_t meta_base;
	struct heap_span **meta_spans; /* per 256 bytes of the metadata that hold nodes */
	struct heap_span *spans;       /* by index */
	enum heap_kind kind;
	uint32_t node_bytes;
	uint64_t node_magic; /* (offset * magic) >> 32 = offset / node_bytes */
};

/* heap_span_of() in a loop that stores: with a copy of the head, the compiler need not read it again each time. */
static inline struct heap_span *heap_lookup_span(const struct heap_lookup *look,
						 const void *address)
{
	size_t page = ((uintptr_t)address - look->arena_base) / HEAP_PAGE_BYTES;

	if (page >= look->n_pages)
		return NULL;
	/* Pairs with the release in heap_span_create(), for addresses that came by no other order. */
	return load_acquire(&look->page_spans[page]);
}

/* The span an address lies in, or NULL (outside the arena, or free pages).  Any address.  ~2 ns. */
static inline struct heap_span *heap_span_of(const struct heap *h, const void *address)
{
	return heap_lookup_span((const struct heap_lookup *)h, address);
}

/* Which object of the span an address lies in (interior addresses allowed). */
static inline uint32_t heap_span_index(const struct heap_span *s, const void *address)
{
	return (uint32_t)(((uint64_t)((const char *)address - s->base) * s->divide_magic) >> 32);
}
/* Words of 64 objects. */
static inline uint32_t heap_span_n_words(const struct heap_span *s)
{
	return (s->n_elems + 63) / 64;
}
/* Bits of word w that are beyond n_elems: no objects, and always set in its alloc. */
static inline uint64_t heap_span_pad(const struct heap_span *s, uint32_t w)
{
	const uint32_t n = s->n_elems - w * 64;

	return n < 64 ? ~UINT64_C(0) << n : 0;
}
static inline void *heap_span_object(const struct heap_span *s, uint32_t i)
{
	return s->base + (size_t)i * s->elem_bytes;
}

/* Enumerate spans by index: 0 <= i < heap_n_spans().  An entry may be NULL (released).  A span's struct
 * is never unmapped while the heap lives, so a stale pointer may be read (its index and sweepgen tell). */
uint32_t heap_n_spans(const struct heap *h);
static inline struct heap_span *heap_span_at(const struct heap *h, uint32_t i)
{
	struct heap_span *s = &((const struct heap_lookup *)h)->spans[i];

	/* acquire: pairs with the stores of the place after heap_span_create() */
	return load_acquire(&s->central_state) ? s : NULL;
}
/* Fetch the line of the span's place and first bits. */
static inline void heap_span_prefetch(const struct heap *h, uint32_t i)
{
	const struct heap_span *s = &((const struct heap_lookup *)h)->spans[i];

	__builtin_prefetch(&s->central_state, 1);
}

/* Free every object whose bit is set in `dead` (heap_span_n_words() words), all at once: reusable on return.  The
 * caller owns the span's sweep; the span may be cached by another thread only if the caller has
 * established that the owner is parked.  A span that became empty goes back to the page heap (and must
 * not be touched any more: returns true), or stays as the spare of its class (false).  A cached or taken
 * span is never released.  Another thread may release the span between this call's end and the caller's next
 * access (it frees the last object, or gives back the empty span).  So a collector that reads or writes
 * spans which it does not own in another way claims them, e.g. by sweepgen, and lets hooks.span_released()
 * wait until the claim ends; that hook is also called on the thread that is in this function, for the very
 * span it has claimed, and must not wait then.
 * Cost: a few ns per word plus one per span; addresses in order. */
bool heap_span_free_bits(struct heap_cache *c, struct heap_span *s, const uint64_t *dead);

/* Take one swept-candidate span of this class out of the central set so that the caller may sweep it and
 * then allocate from it, without making it the cache's current span; NULL when there is none.  Used by
 * hooks.want_span.  Give it back with heap_central_put(). */
struct heap_span *heap_central_take(struct heap *h, enum obj_class class, uint8_t size_class);
void heap_central_put(struct heap *h, struct heap_span *s);

/* Return the cache's current spans to the central sets (Go: flush at the flip).  Owner, or another thread
 * while the owner is parked. */
void heap_cache_flush(struct heap_cache *c);

/* Go's allocation size for a request: the size class' bytes, or rounded up to pages when large. */
size_t heap_round_up(size_t bytes);

#endif
