/* SPDX-License-Identifier: MIT */
/* gc.h - the collector that sweepgen, mark and go share: one cycle thread, a world of polling threads, Go's
 * pacer, span states and lazy sweep.  For strategies/ only.
 *
 * A strategy's state begins with struct gc, its thread state with struct gc_thread; struct gc_kind says
 * what differs.  Who may touch what:
 *
 *   struct gc         the cycle's thread, but for what is atomic or under gc.lock
 *   struct gc_thread  its thread; the counters are read by others; everything while it is parked or held
 *   span->sweepgen    whoever the state says (gc_sweep.h)
 *
 * Locks, in this order: gc.lock, world.lock; log.lock and mark.lock are innermost.  No function of the heap and
 * none of the domain is called under any of them.
 */
#ifndef RECLAIMBENCH_GC_H
#define RECLAIMBENCH_GC_H

#include "gc/gc_log.h"
#include "gc/gc_mark.h"
#include "gc/gc_markers.h"
#include "gc/gc_pacer.h"
#include "gc/gc_sweep.h"
#include "gc/gc_world.h"
#include "heap_span.h"
#include "reclaim.h"

enum gc_trigger { GC_TRIGGER_GOGC, GC_TRIGGER_PERIOD, GC_TRIGGER_HAND };
enum gc_flip { GC_FLIP_PARKED, GC_FLIP_RAGGED };

/* What the user may set; each strategy's option table says which and explains them. */
struct gc_options {
	uint64_t gogc_percent; /* GC_GOGC_OFF */
	uint64_t period_ns;
	uint64_t batch_spans;
	uint64_t stop_limit_ns;
	uint64_t n_procs, n_markers;
	uint64_t stack_bytes, globals_bytes;
	uint64_t scavenge_every_ns;
	double scavenge_share;
	double retain_extra;
	double mark_share;
	uint64_t mark_window_ns, mark_every_ns;
	unsigned trigger; /* enum gc_trigger */
	unsigned flip;	  /* enum gc_flip */
	unsigned scavenge;
	unsigned assist, barrier, window_stop;
	unsigned bits; /* enum gc_bits */
	unsigned scan; /* enum gc_scan */
	unsigned shadow;
};

struct gc;
struct gc_thread;

/* What tells the strategies apart. */
struct gc_kind {
	bool marks;	  /* traces; otherwise retire says what is dead */
	bool has_buckets; /* a mark bit per bucket beside the one per object */
};

struct gc_thread {
	struct gc_member member; /* first */
	struct gc *gc;
	_Atomic(uint32_t) flush_gen; /* sweepgen for which the cache was flushed last */

	/* Its own; read by others. */
	_Atomic(uint64_t) allocated_bytes __attribute__((aligned(PADDING_BYTES)));
	_Atomic(uint64_t) retired_bytes;
	_Atomic(uint64_t) n_retired, n_freed;
	_Atomic(uint64_t) marked_bytes, n_marked; /* in this cycle */
	_Atomic(uint64_t) n_buckets_marked;
	bool is_marker;	      /* the cycle's thread, or a probe while that sleeps: gc_mark_own() */
	int64_t assist_bytes; /* Go's gcAssistBytes: allocation paid for; negative: debt */
	int64_t pending_work_bytes; /* scan work not yet published */
	unsigned marker;	    /* of a collector: its number (gc_markers.h) */
	uint64_t background_ns;	    /* of a marker: at its share, in this marking */
	/* What a request of so many bytes is charged with, per class: the last one asked. */
	struct {
		size_t bytes, charge_bytes;
	} charge[OBJ_N_CLASSES];
};

struct gc {
	struct gc_options opt; /* first in every strategy's state, for the option tables */
	const struct gc_kind *kind;
	struct reclaim *r;
	struct heap *heap;
	const struct clock *clock;
	struct gc_world world;
	struct gc_pacer pacer;
	struct gc_sweep sweep;
	struct gc_mark mark;
	struct gc_markers markers;
	struct gc_log log;
	struct gc_log_cycle cycle; /* the one that runs, or the last */

	/* Of threads that have left; under world.lock. */
	uint64_t past_allocated_bytes, past_retired_bytes;
	uint64_t past_n_retired, past_n_freed, past_held_ns_max;
	uint64_t past_marked_bytes, past_n_marked, past_n_buckets_marked;

	/* sweepgen: dead objects are noted in dead[generation & 1]. */
	_Atomic(uint32_t) generation;

	pthread_mutex_t lock;
	pthread_cond_t wake;	      /* for the cycle's thread */
	pthread_cond_t done;	      /* an attempt at a cycle ended, or the thread is ready */
	_Atomic(bool) is_heap_wanted; /* live bytes reached the trigger */
	_Atomic(uint64_t) wanted_by;  /* the thread (pthread_self) that waits for it to begin */
	/* Under lock. */
	bool is_ready, must_exit;
	int ready_err;
	uint64_t n_asked;    /* cycles asked for by hand */
	uint64_t n_answered; /* of those, as many were begun and ended, or given up at the limit */
	bool is_started;     /* the thread exists; init and fini only */
	pthread_t thread;
	uint64_t last_flip_ns;
	uint64_t not_before_ns;		       /* after a cancelled stop */
	uint64_t scavenged_bytes, scavenge_ns; /* since the last cycle */
	uint64_t last_in_use_bytes;
	uint64_t scavenge_not_before_ns;
	uint64_t n_cancelled_logged;
	bool is_handshaking; /* flip=ragged: the generation has advanced, a thread has not passed yet */
	bool is_flushing; /* since the last flip, some cache may still be unflushed */
};

static inline struct gc_thread *gc_thread_of(const struct reclaim_thread *t)
{
	return (struct gc_thread *)reclaim_thread_state(t);
}

/* What an object counts for: Go's size class bytes, or pages when large. */
static inline uint64_t gc_span_charge_bytes(const struct heap_span *s)
{
	if (!s->is_large)
		return s->elem_bytes;
	/* Arrays have a span of their own whatever their size (heap_span.h); Go would not give them one. */
	return heap_round_up(s->object_bytes);
}

/* gc.c: the members of struct reclaim_ops that all kinds share. */
int gc_init(struct reclaim *r, const struct gc_kind *kind);
void gc_fini(struct reclaim *r);
int gc_thread_register(struct reclaim_thread *t);
void gc_thread_unregister(struct reclaim_thread *t);
void gc_offline(struct reclaim_thread *t);
void gc_online(struct reclaim_thread *t);
void gc_poll(struct reclaim_thread *t);
void gc_collect(struct reclaim_thread *t);
void gc_drain(struct reclaim_thread *t);
void gc_stats(struct reclaim *r, struct reclaim_stats *out);
void gc_explain(struct reclaim *r, FILE *out);
const struct gc_log *gc_log_of(struct reclaim *r);
void gc_allocated(struct reclaim_thread *t, void *object, enum obj_class class, size_t bytes);
/* Objects retired and not freed, from the strategy's own counts. */
uint64_t gc_n_pending(struct gc *gc);
unsigned gc_n_helpers(const struct reclaim *r);
/* Charge of a request; remembers the last per class. */
uint64_t gc_charge_bytes(struct gc_thread *g, enum obj_class class, size_t bytes);

/* gc_cycle.c */
int gc_cycle_start(struct gc *gc); /* the thread; returns when it is registered */
void gc_cycle_stop(struct gc *gc);
/* The live heap reached the trigger.  Any thread; does not block but for gc.lock.
 *
 * In Go the thread that allocates past the trigger begins the cycle itself (mallocgc, gcStart): it allocates nothing
 * more until marking is on.  Here the cycle has a thread of its own, so the one that crossed the trigger waits at its
 * next poll, offline, until marking is on or the attempt was given up.  Without that, what is allocated while the
 * cycle's thread wakes up counts for the pacer as allocated during marking: while a map is filled, megabytes.  Only
 * for strategies that mark. */
void gc_cycle_want(struct gc *gc);
/* The slow part of a poll under GC_FLAG_START. */
void gc_cycle_await_start(struct gc *gc, struct gc_thread *g);
/* The cycle's thread: marking is on, or the attempt ended.  START has been cleared with the flags, or is now. */
void gc_cycle_started(struct gc *gc);
static inline void gc_cycle_check(struct gc *gc)
{
	/* relaxed, both: a cycle a little earlier or later */
	if (unlikely(load_relaxed(&gc->pacer.live_bytes) >= load_relaxed(&gc->pacer.trigger_bytes)))
		gc_cycle_want(gc);
}

/* gc_scavenge.c: the cycle's thread.  One step if it is due; when the next one is (CLOCK_MONOTONIC ns). */
uint64_t gc_scavenge(struct gc *gc);

/* Options that sweepgen and mark share, for their tables. */
#define GC_OPTION(name_, type_, unit_, default_, choices_, min_, max_, member_, help_)             \
	{                                                                                          \
		.name = name_, .type = type_, .unit = unit_, .deflt = default_,                    \
		.choices = choices_, .min = min_, .max = max_,                                     \
		.offset = offsetof(struct gc, opt.member_), .help = help_                          \
	}
#define GC_OPTIONS_SHARED                                                                          \
	GC_OPTION("gogc", OPT_COUNT, "percent", "100", "off", 1, 1e6, gogc_percent,                \
		  "growth of the live heap that starts a cycle; off: only by hand"),               \
		GC_OPTION("trigger", OPT_CHOICE, "", "gogc", "gogc|period|hand", 0, 0, trigger,    \
			  "what starts cycles: growth (and a long silence), the clock alone, or "  \
			  "only collect"),                                                         \
		GC_OPTION("period", OPT_TIME_NS, "ns", "2m", NULL, 1e5, 86400e9, period_ns,        \
			  "a cycle starts at the latest so long after the last one"),              \
		GC_OPTION("batch", OPT_COUNT, "spans", "10", NULL, 1, 1e6, batch_spans,            \
			  "spans the background sweeper sweeps between two yields"),               \
		GC_OPTION("stop_limit", OPT_TIME_NS, "ns", "100ms", NULL, 1e4, 3600e9,             \
			  stop_limit_ns,                                                           \
			  "a handshake not reached by all threads within this is cancelled, "      \
			  "counted, tried again"),                                                 \
		GC_OPTION("procs", OPT_COUNT, "processors", "0", NULL, 0, 4096, n_procs,           \
			  "processors assumed for pacing; 0: those this process may use"),         \
		GC_OPTION("scavenge", OPT_BOOL, "", "off", NULL, 0, 0, scavenge,                   \
			  "return free pages to the operating system, slowly"),                    \
		GC_OPTION("scavenge_share", OPT_FRACTION, "fraction of time", "1%", NULL, 1e-4, 1, \
			  scavenge_share, "time spent on that"),                                   \
		GC_OPTION("scavenge_every", OPT_TIME_NS, "ns", "1ms", NULL, 1e4, 60e9,             \
			  scavenge_every_ns, "shortest time between two steps of it"),             \
		GC_OPTION("retain_extra", OPT_FRACTION, "fraction of goal", "10%", NULL, 0, 100,   \
			  retain_extra, "free pages kept above the heap's goal")

#endif
