/* SPDX-License-Identifier: MIT */
/* gc_sweep.c - span states and the lazy sweep; see gc_sweep.h. */
#include "gc/gc_sweep.h"

#include <sched.h>
#include <stdlib.h>
#include <string.h>

#include "control.h"
#include "gc/gc.h"
#include "perturb.h"

const char *const gc_span_state_names[GC_N_SPAN_STATES] = {"sg-2", "sg-1", "sg", "sg+1", "sg+3"};

static void __attribute__((noreturn, cold))
gc_span_die(const struct gc *gc, const struct heap_span *s, uint32_t found, const char *where)
{
	audit_report(gc->r, AUDIT_SPAN_STATE, s->base, where);
	fprintf(stderr, "gc: %s: span %u of %s at %p is in state %u, the generation is %u\n", where,
		s->index, obj_class_names[s->class], (void *)s->base, found,
		load_relaxed(&gc->sweep.sweepgen));
	abort();
}

unsigned gc_span_state(const struct gc *gc, uint32_t span_sweepgen)
{
	/* relaxed: the caller owns the span or the world stands still */
	const uint32_t sg = load_relaxed(&gc->sweep.sweepgen);

	switch (span_sweepgen - sg) {
	case (uint32_t)-2:
		return GC_SPAN_NEEDS;
	case (uint32_t)-1:
		return GC_SPAN_SWEEPING;
	case 0:
		return GC_SPAN_SWEPT;
	case 1:
		return GC_SPAN_STALE;
	case 3:
		return GC_SPAN_CACHED;
	default:
		audit_report(gc->r, AUDIT_SPAN_STATE, NULL, "no such state");
		fprintf(stderr, "gc: %u is no state of a span in generation %u\n", span_sweepgen,
			sg);
		abort();
	}
}

void gc_sweep_init(struct gc *gc)
{
	/* relaxed: no thread yet.  Go begins at 0; 2 keeps sg-2 from wrapping. */
	store_relaxed(&gc->sweep.sweepgen, 2);
	store_relaxed(&gc->sweep.is_final, true);
	store_relaxed(&gc->sweep.is_drained, true);
}

/* ---------------------------------------------------------------- counting */

/* What a sweeper counts until it stops: shared counters are written once a step, not once a span. */
struct gc_tally {
	uint64_t n_spans, n_pages, n_freed, freed_bytes, false_bytes;
	uint64_t n_pages_told, n_freed_told; /* of those, counted in the shared ones already */
	uint64_t state_ticks[GC_N_SPAN_STATES], n_stays[GC_N_SPAN_STATES];
};

static void gc_tally_stay(struct gc_tally *tally, unsigned state, uint64_t from, uint64_t to)
{
	tally->state_ticks[state] += to > from ? to - from : 0;
	tally->n_stays[state]++;
}

/* A span leaves `state` now; `before` is what it was until the flip, when the flip lies in between. */
static void gc_tally_leave(struct gc_tally *tally, const struct gc *gc, struct heap_span *s,
			   unsigned state, unsigned before, uint64_t now)
{
	const uint64_t since = load_relaxed(&s->state_since_ticks); /* the owner's, as the state */
	const uint64_t flip = load_relaxed(&gc->sweep.safe_ticks);  /* relaxed: statistics */

	if (state != before) {
		gc_tally_stay(tally, before, since, flip);
		gc_tally_stay(tally, state, flip, now);
	} else {
		gc_tally_stay(tally, state, since, now);
	}
	store_relaxed(&s->state_since_ticks, now);
}

/* Spans taken at once.  Each stayed swept until the flip, and has needed sweeping since. */
struct gc_taken {
	uint32_t n_spans;
	uint64_t n_pages;
	uint64_t swept_ticks; /* sum of the times from the last sweep to the flip */
};

static void gc_tally_taken(struct gc_tally *tally, const struct gc *gc,
			   const struct gc_taken *taken, uint64_t now_ticks)
{
	const uint64_t flip = load_relaxed(&gc->sweep.safe_ticks); /* relaxed: statistics */
	const uint64_t waited = now_ticks > flip ? now_ticks - flip : 0;

	tally->n_spans += taken->n_spans;
	tally->n_pages += taken->n_pages;
	tally->state_ticks[GC_SPAN_SWEPT] += taken->swept_ticks;
	tally->state_ticks[GC_SPAN_NEEDS] += waited * taken->n_spans;
	tally->n_stays[GC_SPAN_SWEPT] += taken->n_spans;
	tally->n_stays[GC_SPAN_NEEDS] += taken->n_spans;
	tally->n_stays[GC_SPAN_SWEEPING] += taken->n_spans; /* its time is counted by the step */
}

static void gc_tally_states(struct gc *gc, const struct gc_tally *tally)
{
	for (unsigned i = 0; i < GC_N_SPAN_STATES; i++) {
		if (!tally->n_stays[i])
			continue;
		add_relaxed(&gc->sweep.state_ticks[i],
			    tally->state_ticks[i]); /* relaxed: statistics */
		add_relaxed(&gc->sweep.n_stays[i], tally->n_stays[i]);
	}
}

/* What others pace themselves by, and the count of what is pending. */
static void gc_tally_progress(struct gc *gc, struct gc_thread *g, struct gc_tally *tally)
{
	counter_add(&g->n_freed, tally->n_freed - tally->n_freed_told);
	add_relaxed(&gc->sweep.pages_swept,
		    tally->n_pages - tally->n_pages_told); /* relaxed: pacing */
	tally->n_freed_told = tally->n_freed;
	tally->n_pages_told = tally->n_pages;
}

/* A sweeper ends.  relaxed, all: statistics */
static void gc_tally_publish(struct gc *gc, struct gc_thread *g, enum gc_swept_by by,
			     struct gc_tally *tally)
{
	if (!tally->n_spans)
		return;
	gc_tally_progress(gc, g, tally);
	add_relaxed(&gc->sweep.n_freed, tally->n_freed);
	add_relaxed(&gc->sweep.freed_bytes, tally->freed_bytes);
	add_relaxed(&gc->sweep.false_bytes, tally->false_bytes);
	add_relaxed(&gc->sweep.n_spans[by], tally->n_spans);
	gc_tally_states(gc, tally);
	*tally = (struct gc_tally){0};
}

static void gc_span_note(struct gc *gc, struct heap_span *s, unsigned state, unsigned before,
			 uint64_t now)
{
	struct gc_tally tally = {0};

	gc_tally_leave(&tally, gc, s, state, before, now);
	gc_tally_states(gc, &tally);
}

/* ---------------------------------------------------------------- one span */

static uint64_t gc_span_n_allocated(const struct heap_span *s)
{
	uint64_t n = 0;

	for (uint32_t w = 0; w < heap_span_n_words(s); w++) /* relaxed: a count for the pacer */
		n += (uint64_t)__builtin_popcountll(load_relaxed(&s->bits[w].alloc) &
						    ~heap_span_pad(s, w));
	return n;
}

/* sweepgen: what was retired before the flip.  The half that retire does not write now. */
static bool gc_sweep_dead(struct gc *gc, struct heap_span *s, uint64_t *dead)
{
	/* relaxed: changes only when no sweep is on */
	const unsigned half = ~load_relaxed(&gc->generation) & 1;
	uint64_t any = 0;

	for (uint32_t w = 0; w < heap_span_n_words(s); w++) {
		/* relaxed: the flip's handshake has ordered the setting of these bits before this */
		dead[w] = load_relaxed(&s->bits[w].dead[half]);
		if (dead[w])
			store_relaxed(&s->bits[w].dead[half], 0);
		any |= dead[w];
	}
	return any != 0;
}

/* A sweep ends: sg-1, which we made it, becomes sg. */
static inline void gc_sweep_release(struct gc *gc, struct heap_span *s, uint32_t sg)
{
	const uint32_t found = load_relaxed(&s->sweepgen); /* relaxed: ours */

	if (unlikely(found != sg - 1)) {
		audit_report(gc->r, AUDIT_SWEPT_TWICE, s->base, "its first object");
		gc_span_die(gc, s, found, "swept by two");
	}
	/* release: pairs with gc_sweep_cached(), which must see the mark bits cleared */
	store_release(&s->sweepgen, sg);
}

/* Nothing of the span is dead, and no bit is left that the sweep would clear.  What most spans of most cycles are:
 * one pass over the words, nothing written unless it marks.  False: the long way finds out. */
static inline bool gc_sweep_is_clean(const struct gc *gc, struct heap_span *s, bool marks)
{
	const uint32_t n_words = heap_span_n_words(s);
	uint64_t any = 0;

	if (!marks) {
		/* relaxed, both: as in gc_sweep_dead() */
		const unsigned half = ~load_relaxed(&gc->generation) & 1;

		for (uint32_t w = 0; w < n_words; w++)
			any |= load_relaxed(&s->bits[w].dead[half]);
		return !any;
	}
	if (gc->opt.bits != GC_BITS_SIDE || s->n_elems == 1 || CONTROL(stale_mark))
		return false; /* one object: an array has a bit per bucket to clear, too */
	for (uint32_t w = 0; w < n_words; w++) /* acquire, relaxed: as in gc_mark_dead() */
		any |= load_acquire(&s->bits[w].alloc) & ~gc_mark_word(s, w) & ~heap_span_pad(s, w);
	for (uint32_t w = 0; !any && w < n_words; w++)
		gc_mark_clear(s, w); /* published by gc_sweep_release() */
	return !any;
}

/* The state is sg-1, and we made it so.  How many objects were freed; the span may be gone then. */
static uint64_t gc_sweep_span(struct gc *gc, struct gc_thread *g, struct heap_span *s,
			      struct gc_tally *tally, uint64_t now_ticks)
{
	/* relaxed: does not change while we sweep */
	const uint32_t sg = load_relaxed(&gc->sweep.sweepgen);
	uint64_t dead[GC_SWEEP_MAX_WORDS], n = 0;
	bool any;

	if (heap_span_n_words(s) > GC_SWEEP_MAX_WORDS)
		gc_span_die(gc, s, heap_span_n_words(s), "more words of bits than a span can have");
	any = gc->kind->marks ? gc_mark_dead(gc, s, dead, &tally->false_bytes)
			      : gc_sweep_dead(gc, s, dead);
	if (any) {
		/* relaxed: stands while we sweep */
		n = reclaim_account_free_span(g->member.t, s, dead,
					      load_relaxed(&gc->sweep.safe_ticks), now_ticks);
		tally->n_freed += n;
		tally->freed_bytes += n * gc_span_charge_bytes(s);
	}
	/* Swept before its objects are handed out: whoever allocates one must find the span usable. */
	gc_sweep_release(gc, s, sg);
	/* From here on an empty span may be anybody's, except while objects of ours keep it. */
	if (any)
		heap_span_free_bits(g->member.t->cache, s, dead);
	return n;
}

static uint32_t gc_span_class(unsigned class, unsigned size_class)
{
	return class << 8 | size_class;
}

/* Become the sweeper of a span that needs it; sg is the collector's sweepgen.  It leaves sg-2 now. */
static inline bool gc_sweep_take(const struct gc *gc, struct heap_span *s, uint32_t sg,
				 struct gc_taken *taken, uint64_t now_ticks)
{
	/* relaxed: stands while we sweep */
	const uint64_t flip = load_relaxed(&gc->sweep.safe_ticks);
	uint32_t expected = sg - 2;
	uint64_t since;

	if (load_relaxed(&s->sweepgen) != expected) /* relaxed: the CAS decides */
		return false;
	if (CONTROL(sweep_twice)) {
		PERTURB_HERE();
		store_release(&s->sweepgen, sg - 1);
	}
	/* acquire: pairs with gc_sweep_uncached() and gc_sweep_created() */
	else if (!cas_acq_rel(&s->sweepgen, &expected, sg - 1))
		return false;
	since = load_relaxed(&s->state_since_ticks); /* relaxed, both: ours, as the state */
	store_relaxed(&s->state_since_ticks, now_ticks);
	taken->swept_ticks += flip > since ? flip - since : 0;
	taken->n_pages += s->n_pages;
	taken->n_spans++;
	return true;
}

/* ---------------------------------------------------------------- sweepers */

enum {
	GC_SWEEP_N_AHEAD = 16
}; /* indexes claimed at once by the background; their lines are fetched together */

/* Spans taken together.  Taking them fetches their bits, which are looked at when the next have been taken: the line of
 * the span, and that of its bits if they have one of their own, were mostly written by another core, some 100 ns away. */
struct gc_sweep_batch {
	struct heap_span *spans[GC_SWEEP_N_AHEAD];
	uint32_t n;
};

/* The next spans of the table: the first of n; 0: the cursor is at its end. */
static uint32_t gc_sweep_claim(struct gc *gc, uint32_t n_max, uint32_t *first)
{
	struct gc_sweep *sweep = &gc->sweep;
	/* Before the cursor: if the cursor was set back since, this was false.  acquire: pairs with
	 * gc_sweep_set_final() */
	const bool is_final = load_acquire(&sweep->is_final);

	/* acquire: pairs with gc_sweep_flip() and gc_sweep_set_final(), for n_end */
	const uint32_t at = load_acquire(&sweep->cursor), n_end = load_relaxed(&sweep->n_end);

	/* relaxed is enough for who gets which index */
	if (at >= n_end || (*first = add_relaxed(&sweep->cursor, n_max)) >= n_end) {
		if (is_final)
			store_release(&sweep->is_drained, true); /* pairs with gc_sweep_is_done() */
		return 0;
	}
	return n_end - *first < n_max ? n_end - *first : n_max;
}

struct gc_sweeper {
	struct gc_tally tally;
	enum gc_swept_by by;
	uint64_t now_ticks;
	uint32_t
		wanted; /* class of which something shall be freed; UINT32_MAX: any number will do */
	bool has_wanted;
};

/* Take those of n spans that need sweeping, and fetch what comes after them. */
static void gc_sweep_take_some(struct gc *gc, uint32_t first, uint32_t n,
			       struct gc_sweeper *sweeper, struct gc_sweep_batch *batch)
{
	/* relaxed: see gc_sweep_some() */
	const uint32_t sg = load_relaxed(&gc->sweep.sweepgen);
	struct gc_taken taken = {0};

	/* relaxed: only what to prefetch */
	for (uint32_t i = first + n; i < first + 2 * n && i < load_relaxed(&gc->sweep.n_end); i++)
		heap_span_prefetch(gc->heap, i);
	for (uint32_t i = first; i < first + n; i++) {
		struct heap_span *s = heap_span_at(gc->heap, i);

		if (!s || !gc_sweep_take(gc, s, sg, &taken, sweeper->now_ticks))
			continue;
		__builtin_prefetch(s->bits, 1); /* may lie elsewhere */
		batch->spans[taken.n_spans - 1] = s;
	}
	batch->n = taken.n_spans;
	gc_tally_taken(&sweeper->tally, gc, &taken, sweeper->now_ticks);
}

/* Spans with nothing dead, mostly all of them, end here; the others go the long way. */
static inline void gc_sweep_spans(struct gc *gc, struct gc_thread *g, struct gc_sweeper *sweeper,
				  struct gc_sweep_batch *batch, bool marks)
{
	/* relaxed: see gc_sweep_some() */
	const uint32_t sg = load_relaxed(&gc->sweep.sweepgen);
	uint32_t n_dead = 0;

	for (uint32_t i = 0; i < batch->n; i++) {
		if (likely(gc_sweep_is_clean(gc, batch->spans[i], marks)))
			gc_sweep_release(gc, batch->spans[i], sg);
		else
			batch->spans[n_dead++] = batch->spans[i];
	}
	batch->n = 0;
	for (uint32_t i = 0; i < n_dead; i++) {
		struct heap_span *s = batch->spans[i];
		const uint32_t class = gc_span_class(s->class, s->size_class);

		if (gc_sweep_span(gc, g, s, &sweeper->tally, sweeper->now_ticks) &&
		    class == sweeper->wanted)
			sweeper->has_wanted = true;
	}
}

static void gc_sweep_taken(struct gc *gc, struct gc_thread *g, struct gc_sweeper *sweeper,
			   struct gc_sweep_batch *batch)
{
	if (gc->kind->marks) /* two loops, each without the other's questions */
		gc_sweep_spans(gc, g, sweeper, batch, true);
	else
		gc_sweep_spans(gc, g, sweeper, batch, false);
}

/* Sweep at least n_wanted spans, if there are as many, n_ahead (at most GC_SWEEP_N_AHEAD) at a time; stop early
 * when something of the wanted class was freed.  How many were; the background publishes its tally
 * when it ends. */
static uint64_t gc_sweep_some(struct gc *gc, struct gc_thread *g, struct gc_sweeper *sweeper,
			      uint64_t n_wanted, uint32_t n_ahead)
{
	const uint64_t before = sweeper->tally.n_spans;
	struct gc_sweep_batch batches[2] = {{.n = 0}, {.n = 0}};
	uint64_t n_swept;
	uint32_t first, n, k = 0;

	/* acquire: pairs with gc_sweep_flip(): a sweeper that sees the new cursor sees the new generation */
	if (load_acquire(&gc->sweep.is_drained))
		return 0;
	/* Announce, then look again: the flip checks in the other order (is_drained is set, then n_active is
	 * read), so it cannot advance the generation under a sweeper.  seq_cst: store, then load. */
	add_seq_cst(&gc->sweep.n_active, 1);
	while (!load_seq_cst(&gc->sweep.is_drained) && sweeper->tally.n_spans - before < n_wanted &&
	       !sweeper->has_wanted && (n = gc_sweep_claim(gc, n_ahead, &first)) > 0) {
		gc_sweep_take_some(gc, first, n, sweeper, &batches[k]);
		k = !k &&
		    n_ahead > 1; /* an allocator looks at each span at once: it may be enough */
		gc_sweep_taken(gc, g, sweeper, &batches[k]);
	}
	gc_sweep_taken(gc, g, sweeper, &batches[0]);
	gc_sweep_taken(gc, g, sweeper, &batches[1]);
	n_swept = sweeper->tally.n_spans - before;
	if (sweeper->by == GC_SWEPT_ALLOCATOR) { /* before the sweep can be done and is logged */
		gc_tally_publish(gc, g, sweeper->by, &sweeper->tally);
		if (n_swept)
			reclaim_act_end(g->member.t, "sweep: to allocate", sweeper->now_ticks);
	} else {
		gc_tally_progress(gc, g, &sweeper->tally);
	}
	sub_acq_rel(&gc->sweep.n_active, 1); /* release: pairs with gc_sweep_is_done() */
	return n_swept;
}

bool gc_sweep_is_done(const struct gc *gc)
{
	/* acquire, both: what the sweepers did; seq_cst: see gc_sweep_some() */
	return load_seq_cst(&gc->sweep.is_drained) && load_seq_cst(&gc->sweep.n_active) == 0;
}

/* One step: `batch` spans between two snapshots, one clock read for all they free. */
static bool gc_sweep_step(struct gc *gc, struct gc_thread *g, struct gc_sweeper *sweeper)
{
	const uint64_t batch = gc->opt.batch_spans;
	uint64_t n, ticks;

	reclaim_work_begin(gc->r);
	sweeper->now_ticks = clock_ticks(gc->clock);
	n = gc_sweep_some(gc, g, sweeper, batch,
			  batch < GC_SWEEP_N_AHEAD ? (uint32_t)batch : GC_SWEEP_N_AHEAD);
	ticks = clock_ticks(gc->clock) - sweeper->now_ticks;
	reclaim_work_end(gc->r);
	if (!n)
		return false;
	sweeper->tally.state_ticks[GC_SPAN_SWEEPING] += ticks;
	gc->cycle.sweep_ns += clock_delta_ns(gc->clock, 0, ticks);
	return true;
}

void gc_sweep_background(struct gc *gc, struct gc_thread *g)
{
	struct gc_sweeper sweeper = {.by = GC_SWEPT_BACKGROUND, .wanted = UINT32_MAX};
	const uint64_t begin = reclaim_act_begin(g->member.t);
	bool is_any = false;

	for (; gc_sweep_step(gc, g, &sweeper); is_any = true) {
		sched_yield();
		/* The next cycle waits already: what is left is its leftovers.  relaxed: statistics */
		if (sweeper.by == GC_SWEPT_BACKGROUND && load_relaxed(&gc->is_heap_wanted)) {
			gc_tally_publish(gc, g, sweeper.by, &sweeper.tally);
			sweeper.by = GC_SWEPT_LEFTOVER;
		}
	}
	gc_tally_publish(gc, g, sweeper.by, &sweeper.tally);
	if (is_any)
		reclaim_act_end(g->member.t, "sweep", begin);
}

void gc_sweep_finish(struct gc *gc, struct gc_thread *g)
{
	struct gc_sweeper sweeper = {.by = GC_SWEPT_LEFTOVER, .wanted = UINT32_MAX};
	const uint64_t begin = reclaim_act_begin(g->member.t);
	bool is_any = false;

	while (!gc_sweep_is_done(gc)) {
		if (gc_sweep_step(gc, g, &sweeper))
			is_any = true;
		else
			sched_yield(); /* an allocator is in the middle of its span */
	}
	gc_tally_publish(gc, g, sweeper.by, &sweeper.tally);
	if (is_any)
		reclaim_act_end(g->member.t, "sweep: leftovers", begin);
}

void gc_sweep_flip(struct gc *gc, uint64_t now_ticks)
{
	struct gc_sweep *sweep = &gc->sweep;

	if (!gc_sweep_is_done(gc)) {
		audit_report(gc->r, AUDIT_SPAN_STATE, NULL, "flip before the last sweep is done");
		fprintf(stderr, "gc: flip before the last sweep is done\n");
		abort();
	}
	store_relaxed(&sweep->safe_ticks, now_ticks); /* relaxed: published by the following */
	/* relaxed: published by the cursor */
	store_relaxed(&sweep->n_end, heap_n_spans(gc->heap));
	for (int by = 0; by < GC_N_SWEPT_BY; by++)
		store_relaxed(&sweep->n_spans[by], 0); /* relaxed: statistics */
	store_relaxed(&sweep->n_freed, 0);
	store_relaxed(&sweep->freed_bytes, 0);
	store_relaxed(&sweep->false_bytes, 0);
	store_relaxed(&sweep->pages_swept, 0);
	store_relaxed(&sweep->is_final, false); /* relaxed: published by the following */
	/* release part: pairs with gc_sweep_flush() and the hooks; seq_cst: gc_sweep_released() */
	store_seq_cst(&sweep->sweepgen, load_relaxed(&sweep->sweepgen) + 2);
	store_release(&sweep->cursor, 0);	  /* pairs with gc_sweep_claim() */
	store_release(&sweep->is_drained, false); /* pairs with gc_sweep_some() */
}

void gc_sweep_set_final(struct gc *gc)
{
	/* flip=ragged: a thread that had not passed the barrier may have made a span of the generation before, beyond
	 * the end that the flip saw.  relaxed: published by the cursor */
	store_relaxed(&gc->sweep.n_end, heap_n_spans(gc->heap));
	store_release(&gc->sweep.cursor, 0);	  /* spans that were cached are passed again */
	store_release(&gc->sweep.is_final, true); /* pairs with gc_sweep_claim() */
}

/* ---------------------------------------------------------------- allocators */

static void gc_find_cache(void *ctx, struct gc_member *m)
{
	struct gc_thread *g = (struct gc_thread *)m;
	struct gc_thread **found = ctx;

	/* *found carries the cache in and the thread out. */
	if (g->member.t && (void *)g->member.t->cache == (void *)*found)
		*found = g;
}

/* The thread a cache belongs to, which is the calling one.  NULL: not registered (yet). */
static struct gc_thread *gc_thread_of_cache(struct gc *gc, struct heap_cache *c)
{
	struct gc_thread *found = (struct gc_thread *)(void *)c;

	gc_world_for_each(&gc->world, gc_find_cache, &found);
	return (void *)found == (void *)c ? NULL : found;
}

static double gc_sweep_pages_per_byte(const struct gc *gc)
{
	const uint64_t bits = load_relaxed(&gc->sweep.pages_per_byte); /* relaxed: pacing only */
	double value;

	memcpy(&value, &bits, sizeof(value));
	return value;
}

static void gc_sweep_set_pages_per_byte(struct gc *gc, double value)
{
	uint64_t bits;

	memcpy(&bits, &value, sizeof(bits));
	store_relaxed(&gc->sweep.pages_per_byte, bits); /* relaxed: pacing only */
}

void gc_sweep_pace(struct gc *gc)
{
	struct gc_sweep *sweep = &gc->sweep;
	const uint64_t live = load_relaxed(&gc->pacer.live_bytes); /* relaxed, all: pacing only */
	const uint64_t swept = load_relaxed(&sweep->pages_swept);

	gc_sweep_set_pages_per_byte(
		gc, gc_pacer_sweep_pages_per_byte(load_relaxed(&gc->pacer.trigger_bytes), live,
						  load_relaxed(&sweep->pages_in_use), swept));
	store_relaxed(&sweep->live_basis_bytes, live);
	store_relaxed(&sweep->pages_basis, swept);
}

/* deductSweepCredit: sweep until the pages swept keep up with the bytes allocated. */
void gc_sweep_want_span(void *ctx, struct heap_cache *c, size_t bytes)
{
	struct gc *gc = ctx;
	struct gc_sweep *sweep = &gc->sweep;
	const double pages_per_byte = gc_sweep_pages_per_byte(gc);
	uint64_t live, basis, target;
	struct gc_thread *g = NULL;

	if (pages_per_byte == 0 || load_relaxed(&sweep->is_drained))
		return;
	live = load_relaxed(&gc->pacer.live_bytes);
	basis = load_relaxed(&sweep->live_basis_bytes);
	target = (uint64_t)(pages_per_byte * (double)(bytes + (live > basis ? live - basis : 0)));
	while (target > load_relaxed(&sweep->pages_swept) - load_relaxed(&sweep->pages_basis)) {
		struct gc_sweeper sweeper = {.by = GC_SWEPT_ALLOCATOR, .wanted = UINT32_MAX};

		if (!g)
			g = gc_thread_of_cache(gc, c);
		if (!g)
			return;
		sweeper.now_ticks = clock_ticks(gc->clock);
		if (!gc_sweep_some(gc, g, &sweeper, 4, 1))
			return;
	}
}

/* The set of a class is empty: before fresh pages are taken, sweep spans until one of this class has room, up to
 * 100 of them (mcentral.cacheSpan tries only spans of the class; here any span that needs sweeping is taken in
 * turn, which is work that has to be done anyway).  True: look into the set again. */
bool gc_sweep_grow(void *ctx, struct heap_cache *c, unsigned class, unsigned size_class)
{
	struct gc *gc = ctx;
	struct gc_sweeper sweeper = {.by = GC_SWEPT_ALLOCATOR,
				     .wanted = gc_span_class(class, size_class)};
	struct gc_thread *g;

	if (load_acquire(&gc->sweep.is_drained)) /* as in gc_sweep_some() */
		return false;
	g = gc_thread_of_cache(gc, c);
	if (!g)
		return false;
	sweeper.now_ticks = clock_ticks(gc->clock);
	gc_sweep_some(gc, g, &sweeper, GC_SWEEP_N_TRIES, 1);
	return sweeper.has_wanted;
}

/* ---------------------------------------------------------------- caches */

/* Sweep a span that the calling thread has just cached, unless another has begun to. */
static void gc_sweep_own(struct gc *gc, struct heap_span *s, uint64_t now_ticks)
{
	struct gc_tally tally = {0};
	struct gc_taken taken = {0};
	struct gc_thread *g;

	add_seq_cst(&gc->sweep.n_active, 1); /* as in gc_sweep_some() */
	/* relaxed: the cache is the caller's own */
	g = gc_thread_of_cache(gc, load_relaxed(&s->owner));
	if (g && gc_sweep_take(gc, s, load_relaxed(&gc->sweep.sweepgen), &taken, now_ticks)) {
		gc_tally_taken(&tally, gc, &taken, now_ticks);
		gc_sweep_span(gc, g, s, &tally, now_ticks);
		gc_tally_publish(gc, g, GC_SWEPT_ALLOCATOR, &tally);
		reclaim_act_end(g->member.t, "sweep: to allocate", now_ticks);
	}
	sub_acq_rel(&gc->sweep.n_active, 1);
}

/* A cache takes a span: if it needs sweeping, sweep it before the first allocation; if somebody is at it, wait
 * for the few hundred ns that takes. */
void gc_sweep_cached(void *ctx, struct heap_span *s)
{
	struct gc *gc = ctx;
	const uint64_t now = clock_ticks(gc->clock);
	uint32_t sg, state;

	for (;;) {
		/* acquire, both: pair with gc_sweep_flip() and gc_sweep_span() */
		sg = load_acquire(&gc->sweep.sweepgen);
		state = load_acquire(&s->sweepgen);
		/* A compare-and-swap because of flip=ragged: the generation may grow right here, and then
		 * this is a span cached before the sweep (sg+1), or a sweeper is at it. */
		if (state == sg && cas_acq_rel(&s->sweepgen, &state, sg + 3))
			break;
		if (state == sg - 2)
			gc_sweep_own(gc, s, now);
		else if (state == sg - 1)
			cpu_relax();
		else if (sg == load_acquire(&gc->sweep.sweepgen) && state != sg)
			gc_span_die(gc, s, state, "cached");
	}
	gc_span_note(gc, s, GC_SPAN_SWEPT, GC_SPAN_SWEPT, now);
	/* All free slots count as live from now on (mcache.refill).  relaxed: pacing */
	add_relaxed(&gc->pacer.live_bytes, (uint64_t)s->n_pages * HEAP_PAGE_BYTES -
						   gc_span_n_allocated(s) * s->elem_bytes);
	gc_cycle_check(gc);
}

void gc_sweep_uncached(void *ctx, struct heap_span *s)
{
	struct gc *gc = ctx;
	const uint64_t now = clock_ticks(gc->clock);
	/* acquire: pairs with gc_sweep_cached(), which may have been another thread.
	 * relaxed: the thread is in no safepoint, or it is parked there: the generation stands */
	const uint32_t sg = load_relaxed(&gc->sweep.sweepgen), state = load_acquire(&s->sweepgen);

	if (state == sg + 1) {
		/* Cached before this sweep began: it needs sweeping.  The live bytes were counted anew at the
		 * flip. */
		gc_span_note(gc, s, GC_SPAN_STALE, GC_SPAN_CACHED, now);
		store_release(&s->sweepgen, sg - 2); /* pairs with gc_sweep_take() */
		return;
	}
	if (state != sg + 3)
		gc_span_die(gc, s, state, "uncached");
	gc_span_note(gc, s, GC_SPAN_CACHED, GC_SPAN_CACHED, now);
	/* What was counted in advance and not used (mcache.releaseAll). */
	sub_relaxed(&gc->pacer.live_bytes, (s->n_elems - gc_span_n_allocated(s)) * s->elem_bytes);
	store_release(&s->sweepgen, sg); /* pairs with gc_sweep_cached() */
}

void gc_sweep_flush(struct gc *gc, struct gc_thread *g)
{
	/* acquire: pairs with gc_sweep_flip() */
	const uint32_t sg = load_acquire(&gc->sweep.sweepgen);

	if (load_relaxed(&g->flush_gen) == sg) /* relaxed: its own, or the collector's while held */
		return;
	heap_cache_flush(g->member.t->cache);
	store_release(&g->flush_gen,
		      sg); /* statistics of who has; the ragged barrier is the order */
}

/* ---------------------------------------------------------------- spans come and go */

void gc_sweep_created(void *ctx, struct heap_span *s)
{
	struct gc *gc = ctx;

	/* relaxed: published by the heap with the span */
	store_relaxed(&s->state_since_ticks, clock_ticks(gc->clock));
	store_relaxed(&s->sweepgen,
		      load_acquire(&gc->sweep.sweepgen)); /* acquire: gc_sweep_flip() */
	add_relaxed(&gc->sweep.pages_in_use, s->n_pages); /* relaxed: pacing */
	if (s->is_large) {
		add_relaxed(&gc->pacer.live_bytes, gc_span_charge_bytes(s)); /* mcache.allocLarge */
		gc_cycle_check(gc);
	}
}

/* The span is empty and the caller's.  Nothing of it can be unswept and dead: dead objects are allocated. */
void gc_sweep_released(void *ctx, struct heap_span *s)
{
	struct gc *gc = ctx;
	uint32_t sg, state;

	/* flip=ragged: a sweeper may have looked this span up before it left the table (a large object that nobody
	 * had seen is taken back).  Claim it as swept, or wait until the sweeper has.  seq_cst: after the span
	 * left the table, before a later generation. */
	do {
		sg = load_seq_cst(&gc->sweep.sweepgen);
		state = load_seq_cst(&s->sweepgen);
	} while (state == sg - 1 || (state == sg - 2 && !cas_seq_cst(&s->sweepgen, &state, sg)));
	sub_relaxed(&gc->sweep.pages_in_use, s->n_pages); /* relaxed: pacing */
}
