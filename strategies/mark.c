/* SPDX-License-Identifier: MIT */
/* mark.c - traces the maps; what it did not reach is freed by the sweep.  And its preset go.
 *
 * Source: Go 1.19.8, runtime/mgc.go, mgcmark.go, mgcsweep.go, mgcpacer.go, mbarrier.go.  Nobody tells the
 * collector what died: retire is not passed on (TRACES), its stamps are never looked at to decide.  The proof
 * that nothing reachable is freed stands in gc/gc_mark.h, deviations from Go in gc/README.md.
 *
 * Progress: as sweepgen; while marking, writers execute the barrier (a bit set in the span) and threads that
 * allocate faster than their share is marked work at their polls.  Reads execute nothing.
 */
#include "mark.h"

#include "control.h"

static const struct gc_kind mark_kind = {.marks = true, .has_buckets = true};

static int mark_init(struct reclaim *r)
{
	return gc_init(r, &mark_kind);
}

void mark_allocated(struct reclaim_thread *t, void *object, enum obj_class class, size_t bytes)
{
	struct gc_thread *g = gc_thread_of(t);
	struct gc *gc = g->gc;

	/* Marking is switched on and off only while this thread is parked or offline. */
	if (unlikely(gc_world_flags(&gc->world) & GC_FLAG_MARKING)) {
		if (!CONTROL(alloc_white))
			gc_mark_black(gc, g, object);
		g->assist_bytes -= (int64_t)gc_charge_bytes(g, class, bytes);
	} else if (class == OBJ_ARRAY || class == OBJ_BUCKET) {
		add_relaxed(&gc->pacer.scannable_bytes, bytes); /* relaxed: pacing */
	}
}

void mark_write_barrier(struct reclaim_thread *t, void *old_object, void *new_object)
{
	struct gc_thread *g = gc_thread_of(t);

	if (likely(!(gc_world_flags(&g->gc->world) & GC_FLAG_MARKING)))
		return;
	gc_mark_shade(g->gc, g, old_object);
	gc_mark_shade(g->gc, g, new_object);
}

/* A retired object that is not freed is safe once a flip has found it unmarked.  Quiet only. */
uint64_t mark_safe_ticks(struct reclaim *r, void *object, const struct heap_stamps *stamps)
{
	const struct gc *gc = reclaim_state(r);
	const struct heap_span *s = heap_span_of(gc->heap, object);

	(void)stamps;
	switch (gc_span_state(gc, load_relaxed(&s->sweepgen))) { /* relaxed: quiet */
	case GC_SPAN_NEEDS:
	case GC_SPAN_STALE:
		return gc_mark_is_marked(gc, s, heap_span_index(s, object))
			       ? 0
			       : load_relaxed(&gc->sweep.safe_ticks);
	default:
		return 0;
	}
}

static const struct reclaim_option mark_options[] = {
	MARK_OPTIONS("all"),
	GC_OPTION("bits", OPT_CHOICE, "", "side", "side|header|span", 0, 0, bits,
		  "where marks lie: beside the objects, in the bucket's own line, one for a whole "
		  "span"),
	GC_OPTION("shadow", OPT_BOOL, "", "off", NULL, 0, 0, shadow,
		  "bits=span: count what is kept only because a neighbour lives (costs time)"),
	GC_OPTION("mark_window", OPT_TIME_NS, "ns", "0", NULL, 0, 60e9, mark_window_ns,
		  "mark only inside windows of this length; 0: any time"),
	GC_OPTION("mark_every", OPT_TIME_NS, "ns", "50ms", NULL, 1e4, 60e9, mark_every_ns,
		  "a window begins so long after the one before"),
	GC_OPTION("window_stop", OPT_BOOL, "", "off", NULL, 0, 0, window_stop,
		  "stop the world inside windows"),
};

const struct reclaim_ops mark_ops = {
	.name = "mark",
	.summary = "traces the maps, a bit per bucket and payload, concurrent, hybrid barrier, "
		   "assists",
	.source = "Go 1.19.8 runtime/mgc.go, mgcmark.go; bits per bucket are this project's",
	.options = mark_options,
	.n_options = sizeof(mark_options) / sizeof(mark_options[0]),
	.init = mark_init,
	MARK_MEMBERS,
};
