/* SPDX-License-Identifier: MIT */
/* gc.c - what sweepgen, mark and go have in common towards the domain; see gc.h. */
#include "gc/gc.h"

#include <errno.h>
#include <sched.h>
#include <stdlib.h>

/* ---------------------------------------------------------------- creation */

/* A thread is at a safepoint, or the collector acts for it.  In that case it is the only one that frees: a snapshot
 * (reclaim_quiet_begin()) must not see the cache half given back.  Order: work lock, then world.lock, which is not
 * held here. */
static void gc_visit(void *ctx, struct gc_member *m)
{
	struct gc *gc = ctx;
	/* relaxed: the collector's own store, or this thread's */
	const bool is_held = load_relaxed(&m->state) == GC_HELD;

	if (gc_member_is_collector(m)) /* its cache never holds a span: it does not allocate */
		return;
	if (is_held)
		reclaim_work_begin(gc->r);
	gc_sweep_flush(gc, (struct gc_thread *)m);
	if (is_held)
		reclaim_work_end(gc->r);
}

/* A thread leaves; world.lock held. */
static void gc_hand_over(void *ctx, struct gc_member *m)
{
	struct gc *gc = ctx;
	struct gc_thread *g = (struct gc_thread *)m;

	/* relaxed, all: ordered by the lock */
	gc->past_allocated_bytes += load_relaxed(&g->allocated_bytes);
	gc->past_retired_bytes += load_relaxed(&g->retired_bytes);
	gc->past_marked_bytes += load_relaxed(&g->marked_bytes);
	gc->past_n_marked += load_relaxed(&g->n_marked);
	gc->past_n_buckets_marked += load_relaxed(&g->n_buckets_marked);
	gc->past_n_retired += load_relaxed(&g->n_retired);
	gc->past_n_freed += load_relaxed(&g->n_freed);
	if (load_relaxed(&m->held_ns_max) > gc->past_held_ns_max)
		gc->past_held_ns_max = load_relaxed(&m->held_ns_max);
}

static unsigned gc_n_procs(const struct gc_options *opt)
{
	cpu_set_t set;

	if (opt->n_procs)
		return (unsigned)opt->n_procs;
	if (sched_getaffinity(0, sizeof(set), &set))
		return 1;
	return (unsigned)CPU_COUNT(&set);
}

/* How many threads mark. */
static unsigned gc_n_markers(const struct gc_options *opt)
{
	const unsigned n_procs = gc_n_procs(opt);

	if (opt->n_markers)
		return (unsigned)opt->n_markers;
	if (n_procs < 2)
		return 1;
	return n_procs - 1 < GC_MAX_MARKERS ? n_procs - 1 : GC_MAX_MARKERS;
}

int gc_init(struct reclaim *r, const struct gc_kind *kind)
{
	struct gc *gc = reclaim_state(r);
	const struct heap_hooks hooks = {
		.want_span = gc_sweep_want_span,
		.grow_span = gc_sweep_grow,
		.span_cached = gc_sweep_cached,
		.span_uncached = gc_sweep_uncached,
		.span_created = gc_sweep_created,
		.span_released = gc_sweep_released,
		.ctx = gc,
	};
	const bool by_gogc = gc->opt.trigger == GC_TRIGGER_GOGC;
	pthread_condattr_t attr;
	int err;

	gc->kind = kind;
	gc->r = r;
	gc->heap = reclaim_heap(r);
	gc->clock = reclaim_clock(r);
	gc->opt.n_procs = gc_n_procs(&gc->opt);
	gc->opt.n_markers = kind->marks ? gc_n_markers(&gc->opt) : 1;
	pthread_mutex_init(&gc->lock, NULL);
	pthread_condattr_init(&attr);
	pthread_condattr_setclock(&attr, CLOCK_MONOTONIC);
	pthread_cond_init(&gc->wake, &attr);
	pthread_cond_init(&gc->done, &attr);
	pthread_condattr_destroy(&attr);
	gc_world_init(&gc->world, gc->clock, gc_visit, gc_hand_over, gc);
	gc_pacer_init(&gc->pacer, by_gogc ? gc->opt.gogc_percent : GC_GOGC_OFF,
		      kind->marks ? gc->opt.mark_share : 0.25, (unsigned)gc->opt.n_procs,
		      gc->opt.stack_bytes, gc->opt.globals_bytes);
	gc_sweep_init(gc);
	err = gc_log_init(&gc->log);
	gc->log.has_shared_bits = kind->marks && gc->opt.bits == GC_BITS_SPAN;
	if (!err)
		err = gc_mark_init(gc);
	if (err)
		return err;
	heap_set_hooks(gc->heap, &hooks);
	/* The helpers first: a cycle may begin as soon as its thread is there. */
	err = gc_markers_start(gc);
	return err ? err : gc_cycle_start(gc);
}

unsigned gc_n_helpers(const struct reclaim *r)
{
	const struct gc *gc = reclaim_state(r);

	return gc_n_markers(&gc->opt) - 1;
}

void gc_fini(struct reclaim *r)
{
	struct gc *gc = reclaim_state(r);

	if (!gc->kind)
		return;
	gc_cycle_stop(gc);
	gc_markers_stop(gc);
	gc_mark_fini(gc);
	gc_log_fini(&gc->log);
	gc_world_fini(&gc->world);
	pthread_cond_destroy(&gc->done);
	pthread_cond_destroy(&gc->wake);
	pthread_mutex_destroy(&gc->lock);
}

/* ---------------------------------------------------------------- threads */

int gc_thread_register(struct reclaim_thread *t)
{
	struct gc *gc = reclaim_state(t->r);
	struct gc_thread *g = gc_thread_of(t);

	g->gc = gc;
	t->poll_flags = &gc->world.flags;
	/* relaxed: the cache is new and empty; a later generation finds it so too */
	store_relaxed(&g->flush_gen, load_relaxed(&gc->sweep.sweepgen));
	gc_world_join(&gc->world, &g->member, t);
	return 0;
}

void gc_thread_unregister(struct reclaim_thread *t)
{
	struct gc *gc = reclaim_state(t->r);
	struct gc_thread *g = gc_thread_of(t);

	if (!gc_member_is_collector(&g->member)) {
		if (!t->is_online)
			gc_world_online(&gc->world, &g->member);
		/* Afterwards the cache is empty, and destroying it calls no hook. */
		heap_cache_flush(t->cache);
	}
	gc_world_leave(&gc->world, &g->member);
}

void gc_offline(struct reclaim_thread *t)
{
	struct gc_thread *g = gc_thread_of(t);

	gc_world_offline(&g->gc->world, &g->member);
}

void gc_online(struct reclaim_thread *t)
{
	struct gc_thread *g = gc_thread_of(t);

	gc_world_online(&g->gc->world, &g->member);
}

static void __attribute__((noinline))
gc_poll_slow(struct gc *gc, struct gc_thread *g, uint32_t flags)
{
	if (flags & GC_FLAG_START)
		gc_cycle_await_start(gc, g);
	if (flags & (GC_FLAG_STOP | GC_FLAG_RAGGED))
		gc_world_safepoint(&gc->world, &g->member);
	if (flags & GC_FLAG_MARKING)
		gc_mark_assist(gc, g);
}

void gc_poll(struct reclaim_thread *t)
{
	struct gc_thread *g = gc_thread_of(t);
	const uint32_t flags = gc_world_flags(&g->gc->world);

	if (unlikely(flags))
		gc_poll_slow(g->gc, g, flags);
}

uint64_t gc_charge_bytes(struct gc_thread *g, enum obj_class class, size_t bytes)
{
	if (unlikely(g->charge[class].bytes != bytes)) {
		g->charge[class].bytes = bytes;
		g->charge[class].charge_bytes = heap_round_up(bytes);
	}
	return g->charge[class].charge_bytes;
}

/* ---------------------------------------------------------------- by hand */

void gc_collect(struct reclaim_thread *t)
{
	struct gc_thread *g = gc_thread_of(t);
	struct gc *gc = g->gc;
	uint64_t number;

	gc_world_offline(&gc->world, &g->member);
	pthread_mutex_lock(&gc->lock);
	number = ++gc->n_asked;
	pthread_cond_signal(&gc->wake);
	while (gc->n_answered < number)
		pthread_cond_wait(&gc->done, &gc->lock);
	pthread_mutex_unlock(&gc->lock);
	gc_world_online(&gc->world, &g->member);
}

struct gc_sums {
	uint64_t n_retired, n_freed, held_ns_max;
	uint32_t missing_thread;
};

static struct gc_sums gc_sums(struct gc *gc)
{
	struct gc_sums sums;

	/* One look at the list and at those that left it.  relaxed, all: approximate unless quiet */
	pthread_mutex_lock(&gc->world.lock);
	sums = (struct gc_sums){gc->past_n_retired, gc->past_n_freed, gc->past_held_ns_max,
				gc->world.missing_thread};
	for (const struct gc_member *m = gc->world.members; m; m = m->next) {
		const struct gc_thread *g = (const struct gc_thread *)m;

		sums.n_retired += load_relaxed(&g->n_retired);
		sums.n_freed += load_relaxed(&g->n_freed);
		if (load_relaxed(&m->held_ns_max) > sums.held_ns_max)
			sums.held_ns_max = load_relaxed(&m->held_ns_max);
	}
	pthread_mutex_unlock(&gc->world.lock);
	return sums;
}

uint64_t gc_n_pending(struct gc *gc)
{
	struct gc_sums sums = gc_sums(gc);

	if (gc->kind->marks) {
		/* Nobody tells a tracing collector what died: the domain knows, we know what we freed. */
		struct reclaim_totals totals;

		reclaim_totals(gc->r, &totals);
		sums.n_retired = 0;
		for (int class = 0; class < OBJ_N_CLASSES; class ++)
			sums.n_retired += totals.n_retired[class];
	}
	return sums.n_retired > sums.n_freed ? sums.n_retired - sums.n_freed : 0;
}

void gc_drain(struct reclaim_thread *t)
{
	enum {
		N_FRUITLESS = 3
	}; /* two cycles free all that is unreachable; what is left then is held */
	struct gc *gc = gc_thread_of(t)->gc;
	uint64_t n = gc_n_pending(gc);
	unsigned n_fruitless = 0;

	while (n && n_fruitless < N_FRUITLESS) {
		uint64_t left;

		gc_collect(t);
		left = gc_n_pending(gc);
		n_fruitless = left < n ? 0 : n_fruitless + 1;
		n = left;
	}
}

void gc_stats(struct reclaim *r, struct reclaim_stats *out)
{
	struct gc *gc = reclaim_state(r);
	const struct gc_sums sums = gc_sums(gc);

	*out = (struct reclaim_stats){
		.n_cycles = gc_log_n_cycles(&gc->log),
		.n_pending = gc_n_pending(gc),
		.n_stalls = load_relaxed(&gc->world.n_cancelled),
		.stalled_by = sums.missing_thread,
		.pause_ns_max = sums.held_ns_max,
	};
}

void gc_explain(struct reclaim *r, FILE *out)
{
	struct gc *gc = reclaim_state(r);
	uint32_t index;
	const uint32_t n = gc_world_n_not_arrived(&gc->world, &index);

	fprintf(out, "%s: cycle %llu, sweepgen %u, %s, %s; ", reclaim_ops(r)->name,
		(unsigned long long)gc_log_n_cycles(&gc->log), load_relaxed(&gc->sweep.sweepgen),
		gc_world_flags(&gc->world) & GC_FLAG_MARKING ? "marking" : "not marking",
		gc_sweep_is_done(gc) ? "swept" : "sweeping");
	fprintf(out, "retired and not freed %llu; live %.2f MB, next cycle at %.2f MB; ",
		(unsigned long long)gc_n_pending(gc),
		(double)load_relaxed(&gc->pacer.live_bytes) / 1e6,
		(double)load_relaxed(&gc->pacer.trigger_bytes) / 1e6);
	if (n)
		fprintf(out, "%u threads are not at a safepoint, the first is thread %u\n", n,
			index);
	else
		fprintf(out, "all threads are at safepoints or offline\n");
}

const struct gc_log *gc_log_of(struct reclaim *r)
{
	const struct gc *gc = reclaim_state(r);

	return &gc->log;
}
