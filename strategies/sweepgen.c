/* SPDX-License-Identifier: MIT */
/* sweepgen.c - retire marks an object dead in its span; after the next flip of the generation spans are swept.
 *
 * Source: the sweep side of Go 1.19.8 (runtime/mgcsweep.go, mgcpacer.go) without its marking: the deleter says
 * what is dead.  What is shared with mark and go, deviations and proofs: gc/ (README.md there says where).  The
 * live heap, by which cycles are paced, is what was allocated minus what was retired before the flip.
 *
 * Progress: operations are wait-free towards the collector except at polls, where a thread waits while the world
 * is stopped for a flip (some us; flip=ragged: never).  One thread that never polls holds back all memory; it is
 * reported and counted at each stop_limit.  Reads execute nothing; retire is one atomic OR on a bit beside the
 * span (flip=ragged: and one read-modify-write of a line of the thread's own).
 */
#include "gc/gc.h"

static const struct gc_kind sweepgen_kind = {.marks = false};

static int sweepgen_init(struct reclaim *r)
{
	return gc_init(r, &sweepgen_kind);
}

static void sweepgen_allocated(struct reclaim_thread *t, void *object, enum obj_class class,
			       size_t bytes)
{
	struct gc_thread *g = gc_thread_of(t);

	(void)object;
	counter_add(&g->allocated_bytes, gc_charge_bytes(g, class, bytes));
}

static void sweepgen_retire(struct reclaim_thread *t, void *object)
{
	struct gc_thread *g = gc_thread_of(t);
	struct gc *gc = g->gc;
	struct heap_span *s = heap_span_of(gc->heap, object);
	const uint32_t i = heap_span_index(s, object);
	uint32_t half;

	/* The half is read after the unlink.  flip=parked: it only changes while this thread is parked.
	 * flip=ragged: the order is this read-modify-write, which pairs with the one in
	 * gc_world_announce(); gc_cycle.c has the argument. */
	if (gc->opt.flip == GC_FLIP_RAGGED)
		add_acq_rel(&g->member.announce, 1);
	half = load_acquire(&gc->generation) &
	       1; /* acquire: pairs with gc_cycle_flip_parked() and _ragged() */
	/* relaxed: the handshake before the sweep is the order */
	or_relaxed(&s->bits[i / 64].dead[half], UINT64_C(1) << i % 64);
	counter_add(&g->n_retired, 1);
	counter_add(&g->retired_bytes, gc_span_charge_bytes(s));
}

/* A retired object that is not freed is safe once its half is the one being swept.  Quiet only. */
static uint64_t sweepgen_safe_ticks(struct reclaim *r, void *object,
				    const struct heap_stamps *stamps)
{
	const struct gc *gc = reclaim_state(r);
	const struct heap_span *s = heap_span_of(gc->heap, object);
	const uint32_t i = heap_span_index(s, object);
	const uint32_t old_half = ~load_relaxed(&gc->generation) & 1; /* relaxed: quiet */

	(void)stamps;
	if (gc->is_handshaking)
		return 0; /* the half has been closed, but not every thread has passed */
	return load_relaxed(&s->bits[i / 64].dead[old_half]) >> i % 64 & 1
		       ? load_relaxed(&gc->sweep.safe_ticks)
		       : 0;
}

static const struct reclaim_option sweepgen_options[] = {
	GC_OPTIONS_SHARED,
	GC_OPTION("flip", OPT_CHOICE, "", "parked", "parked|ragged", 0, 0, flip,
		  "all threads parked at once, or each passing a safepoint in turn"),
};

const struct reclaim_ops sweepgen_ops = {
	.name = "sweepgen",
	.summary =
		"retire notes the dead beside their span; freed span by span after the next flip",
	.source = "Go 1.19.8 runtime/mgcsweep.go, mgcpacer.go, without marking",
	.flags = NEEDS_QUIESCE | BACKGROUND | COLLECTS_GARBAGE | STALL_UNBOUNDED | NEEDS_SPAN_HEAP,
	.state_bytes = sizeof(struct gc),
	.thread_bytes = sizeof(struct gc_thread),
	.options = sweepgen_options,
	.n_options = sizeof(sweepgen_options) / sizeof(sweepgen_options[0]),
	.init = sweepgen_init,
	.fini = gc_fini,
	.thread_register = gc_thread_register,
	.thread_unregister = gc_thread_unregister,
	.offline = gc_offline,
	.online = gc_online,
	.allocated = sweepgen_allocated,
	.retire = sweepgen_retire,
	.poll = gc_poll,
	.drain = gc_drain,
	.stats = gc_stats,
	.safe_ticks = sweepgen_safe_ticks,
	.collect = gc_collect,
	.explain = gc_explain,
	.gc_log = gc_log_of,
};
