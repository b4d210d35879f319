/* SPDX-License-Identifier: MIT */
/* gc_sweep.h - span states and the lazy sweep.
 *
 * Source: Go 1.19.8, runtime/mheap.go (mspan.sweepgen), mgcsweep.go, mcentral.go (cacheSpan, uncacheSpan),
 * mcache.go (refill, releaseAll).
 *
 * sg, the collector's sweepgen, is even and grows by 2 at each flip.  span->sweepgen against it:
 *
 *   sg-2  needs sweeping
 *   sg-1  being swept, by whoever made it so by compare-and-swap
 *   sg    swept, usable
 *   sg+1  cached before this sweep began, still cached, must be swept
 *   sg+3  swept, then cached
 *
 *   from      to     by                               where
 *   (new)     sg     whoever makes the span           gc_sweep_created()
 *   sg-2      sg-1   one sweeper                      gc_sweep_take()
 *   sg-1      sg     the same                         gc_sweep_release()
 *   sg        sg+3   the owner of the cache           gc_sweep_cached()
 *   sg+3      sg     the same                         gc_sweep_uncached()
 *   sg+1      sg-2   the same, at its flush           gc_sweep_uncached()
 *   sg        sg-2   the flip (sg grows)              gc_sweep_flip()
 *   sg+3      sg+1   the flip (sg grows)              gc_sweep_flip()
 *   sg        (none) whoever finds it empty           gc_sweep_released()
 *
 * Deviations from Go: a stale cached span is not swept by the flush but handed to the sweepers (sg-2), so that a
 * thread leaves its safepoint sooner; the cursor runs over the heap's table of spans instead of per-class
 * lists.  No span may be allocated from while it needs sweeping: gc_sweep_cached() sweeps it first.
 *
 * DONE.  A sweep is done when every cache has been flushed, the cursor has passed the last span since then,
 * and nobody is inside gc_sweep_some().  The next flip waits for that, so the dead bits (sweepgen: two halves)
 * and mark bits never serve two cycles at once.
 */
#ifndef RECLAIMBENCH_GC_SWEEP_H
#define RECLAIMBENCH_GC_SWEEP_H

#include "gc/gc_log.h"
#include "heap_span.h"
#include "reclaim.h"

struct gc;
struct gc_thread;

enum {
	GC_SWEEP_N_TRIES =
		100, /* spans an allocator sweeps before it takes fresh pages (mcentral.go) */
	GC_SWEEP_MAX_WORDS = 1024 / 64, /* bits of a span: 8 KiB of 8-byte objects */
};

enum {
	GC_SPAN_NEEDS,
	GC_SPAN_SWEEPING,
	GC_SPAN_SWEPT,
	GC_SPAN_STALE,
	GC_SPAN_CACHED,
	GC_N_SPAN_STATES
};
extern const char
	*const gc_span_state_names[GC_N_SPAN_STATES]; /* "sg-2", "sg-1", "sg", "sg+1", "sg+3" */

struct gc_sweep {
	_Atomic(uint32_t) sweepgen; /* sg; written by the cycle's thread */
	_Atomic(bool) is_final;	    /* all caches are flushed: a cursor at the end means done */
	_Atomic(bool) is_drained;
	_Atomic(uint32_t) n_end; /* spans to pass; grows at set_final(); published by the cursor */
	_Atomic(uint64_t) safe_ticks; /* of the flip; written by the cycle's thread */
	_Atomic(uint32_t) cursor __attribute__((aligned(PADDING_BYTES)));
	_Atomic(uint32_t) n_active; /* threads inside gc_sweep_some() */

	/* Proportional sweep; written by the cycle's thread at the flip, read by allocators (gc_pacer.h). */
	_Atomic(uint64_t) pages_per_byte
		__attribute__((aligned(PADDING_BYTES))); /* a double, as bits */
	_Atomic(uint64_t) live_basis_bytes;
	_Atomic(uint64_t) pages_basis;
	_Atomic(uint64_t) pages_swept;
	_Atomic(uint64_t) pages_in_use;

	/* Statistics of this cycle. */
	_Atomic(uint64_t) n_spans[GC_N_SWEPT_BY];
	_Atomic(uint64_t) n_freed, freed_bytes, false_bytes;
	/* Time spans spent in each state, ever: sums of ticks and how many stays. */
	_Atomic(uint64_t) state_ticks[GC_N_SPAN_STATES], n_stays[GC_N_SPAN_STATES];
};

void gc_sweep_init(struct gc *gc);

/* The background sweeper: all that is left, `batch` spans a step. */
void gc_sweep_background(struct gc *gc, struct gc_thread *g);
bool gc_sweep_is_done(const struct gc *gc);
/* Sweep what is left and wait for other sweepers.  The cycle's thread. */
void gc_sweep_finish(struct gc *gc, struct gc_thread *g);
/* A new generation: every swept span needs sweeping.  The cycle's thread, the last sweep done. */
void gc_sweep_flip(struct gc *gc, uint64_t now_ticks);
/* Proportional sweep for the room up to the trigger. */
void gc_sweep_pace(struct gc *gc);
/* Every cache has been flushed since the flip. */
void gc_sweep_set_final(struct gc *gc);
/* Flush the cache of a thread at a safepoint, if the generation has changed since it last was. */
void gc_sweep_flush(struct gc *gc, struct gc_thread *g);

/* Hooks of the heap. */
void gc_sweep_want_span(void *ctx, struct heap_cache *c, size_t bytes);
void gc_sweep_cached(void *ctx, struct heap_span *s);
void gc_sweep_uncached(void *ctx, struct heap_span *s);
void gc_sweep_created(void *ctx, struct heap_span *s);
void gc_sweep_released(void *ctx, struct heap_span *s);
bool gc_sweep_grow(void *ctx, struct heap_cache *c, unsigned class, unsigned size_class);

/* The state a span's sweepgen means; aborts when it means none. */
unsigned gc_span_state(const struct gc *gc, uint32_t span_sweepgen);

#endif
