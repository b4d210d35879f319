/* SPDX-License-Identifier: MIT */
/* gc_probe.c - one marking by hand; see gc_probe.h. */
#include "gc/gc_probe.h"

#include <errno.h>

#include "gc/gc.h"

int gc_probe_mark(struct reclaim_thread *t, struct gc_probe_mark *out)
{
	struct gc_thread *g;
	struct gc *gc;
	uint64_t begin;

	if (!(reclaim_flags(t->r) & TRACES) || !t->ops->gc_log || reclaim_n_mutators(t->r) != 1)
		return -EINVAL;
	g = gc_thread_of(t);
	gc = g->gc;
	if (gc->opt.trigger != GC_TRIGGER_HAND)
		return -EINVAL;
	gc_mark_begin(gc);
	g->is_marker = true; /* the cycle's thread sleeps */
	/* relaxed, all: nobody else marks */
	store_relaxed(&gc->pacer.scan_work_bytes, 0);
	begin = clock_ticks(gc->clock);
	gc_mark_roots(gc, g);
	while (gc_mark_chunk(gc, g))
		;
	out->ns = clock_delta_ns(gc->clock, begin, clock_ticks(gc->clock));
	g->is_marker = false;
	out->n_buckets = load_relaxed(&g->n_buckets_marked);
	out->n_marked = load_relaxed(&g->n_marked);
	out->marked_bytes = load_relaxed(&g->marked_bytes);
	out->scan_work_bytes = (uint64_t)load_relaxed(&gc->pacer.scan_work_bytes);
	return 0;
}

void gc_probe_clear(struct reclaim_thread *t)
{
	struct gc *gc = gc_thread_of(t)->gc;

	gc_mark_begin(gc);			      /* what was counted is forgotten too */
	store_relaxed(&gc->pacer.scan_work_bytes, 0); /* relaxed: pacing */
	for (uint32_t i = 0; i < heap_n_spans(gc->heap); i++) {
		struct heap_span *s = heap_span_at(gc->heap, i);

		/* relaxed, all: nobody else marks or sweeps */
		for (uint32_t w = 0; s && w < heap_span_n_words(s); w++) {
			gc_mark_clear(s, w);
			store_relaxed(&s->bits[w].dead[0], 0);
		}
		for (uint32_t w = 0; s && w * 64 < s->n_buckets; w++)
			store_relaxed(&s->bucket_marks[w], 0);
	}
}

static uint64_t gc_probe_objects(const struct heap_span *s, uint32_t w)
{
	/* relaxed, all: quiet.  What the cache has claimed and not handed out is no object. */
	uint64_t objects = load_relaxed(&s->bits[w].alloc);

	objects &= ~heap_span_pad(s, w);
	if (load_relaxed(&s->owner) && load_relaxed(&s->cache_index) == w)
		objects &= ~load_relaxed(&s->cache_word);
	return objects;
}

static void gc_probe_span_kept(const struct gc *gc, const struct heap_span *s,
			       struct gc_probe_kept *out)
{
	const bool is_one_bit = gc->opt.bits == GC_BITS_SPAN;
	const bool keeps_all =
		is_one_bit && load_relaxed(&s->bits[0].mark) & 1; /* relaxed: quiet */
	const uint64_t bytes = gc_span_charge_bytes(s);

	for (uint32_t w = 0; w < heap_span_n_words(s); w++) {
		const uint64_t objects = gc_probe_objects(s, w);
		const uint64_t reached =
			(is_one_bit ? load_relaxed(&s->bits[w].dead[0]) : gc_mark_word(s, w)) &
			objects;
		const uint64_t n = (uint64_t)__builtin_popcountll(objects);
		const uint64_t n_live = (uint64_t)__builtin_popcountll(reached);

		out->live_bytes += n_live * bytes;
		if (keeps_all)
			out->false_bytes += (n - n_live) * bytes;
		else
			out->dead_bytes += (n - n_live) * bytes;
	}
}

void gc_probe_kept(struct reclaim_thread *t, unsigned classes, struct gc_probe_kept *out)
{
	const struct gc *gc = gc_thread_of(t)->gc;

	*out = (struct gc_probe_kept){0};
	for (uint32_t i = 0; i < heap_n_spans(gc->heap); i++) {
		const struct heap_span *s = heap_span_at(gc->heap, i);

		if (s && classes >> s->class & 1)
			gc_probe_span_kept(gc, s, out);
	}
}

uint64_t gc_probe_bitmap_bytes(struct reclaim_thread *t)
{
	const struct gc *gc = gc_thread_of(t)->gc;
	uint64_t bits = 0;

	for (uint32_t i = 0; i < heap_n_spans(gc->heap); i++) {
		const struct heap_span *s = heap_span_at(gc->heap, i);

		if (!s)
			continue;
		if (gc->opt.bits == GC_BITS_SPAN)
			bits++;
		else if (s->class == OBJ_ARRAY)
			bits += 1 + s->n_buckets;
		else /* payloads have a second word: the marker's own */
			bits += s->n_elems * (s->class == OBJ_VALUE ? 2 : 1);
	}
	return (bits + 7) / 8;
}
