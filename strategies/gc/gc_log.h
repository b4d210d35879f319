/* SPDX-License-Identifier: MIT */
/* gc_log.h - what each collection cycle did, for --gc-log, trace.json and the per-event law; public.
 *
 * A ring of the last GC_LOG_N_CYCLES cycles, written by the cycle's thread, read by any thread through
 * copies under a lock (about 30 ns).  All moments are clock ticks of the domain's clock, 0 = has not
 * happened.  A strategy without marking (sweepgen) has mark begin = mark end = the moment of its flip.
 *
 * Reach it through reclaim_ops.gc_log.
 */
#ifndef RECLAIMBENCH_GC_LOG_H
#define RECLAIMBENCH_GC_LOG_H

#include <pthread.h>
#include <stdio.h>

#include "clock.h"

enum { GC_LOG_N_CYCLES = 8192 };

enum gc_reason { GC_REASON_HEAP, GC_REASON_PERIOD, GC_REASON_HAND, GC_N_REASONS };
extern const char *const gc_reason_names[GC_N_REASONS]; /* "heap", "period", "hand" */

enum gc_swept_by { GC_SWEPT_BACKGROUND, GC_SWEPT_ALLOCATOR, GC_SWEPT_LEFTOVER, GC_N_SWEPT_BY };
extern const char
	*const gc_swept_by_names[GC_N_SWEPT_BY]; /* "background", "allocator", "leftover" */

enum { GC_NO_THREAD = 0xffffffff };

struct gc_log_cycle {
	uint64_t number; /* 1, 2, ...; cancelled attempts have none */
	enum gc_reason reason;

	/* In the order in which they happen. */
	uint64_t begin_ticks;	   /* leftovers are swept, the first stop is asked for */
	uint64_t stop1_ticks;	   /* all threads parked or offline */
	uint64_t mark_begin_ticks; /* in the stop: barrier on from here */
	uint64_t mark_end_ticks;   /* nothing left to mark, the second stop is asked for */
	uint64_t flip_ticks;	   /* all parked: what is unreachable now is safe (life.h: safe) */
	uint64_t resume_ticks;	   /* sweepgen advanced, world running */
	uint64_t sweep_end_ticks;  /* the last span of this cycle is swept; 0 while sweeping */
	uint64_t interval_ns;	   /* flip to flip; 0 for the first */
	uint64_t pause1_ns, pause2_ns;	     /* asked for until running again */
	uint64_t stopping1_ns, stopping2_ns; /* of those, until the last thread had parked */

	/* Pacing, as in Go's gctrace: begin -> end of marking -> marked. */
	uint64_t heap_before_bytes, heap_after_bytes, heap_marked_bytes;
	uint64_t goal_bytes, trigger_bytes;
	uint64_t next_goal_bytes, next_trigger_bytes; /* decided at the flip */
	double cons_mark;

	/* Marking. */
	uint64_t scan_work_bytes;
	uint64_t n_marked_objects;
	uint64_t n_buckets, n_buckets_marked; /* of the arrays traced: coverage */
	uint64_t mark_cpu_ns;		      /* background, by its threads' CPU clocks */
	uint32_t n_markers;		      /* background threads that scanned something */
	uint64_t background_ns, idle_ns, assist_ns;
	double assist_share; /* assist_ns / (wall time of marking x processors) */
	uint64_t n_assists, n_assist_waits;
	uint64_t n_windows; /* pause windows used */

	/* Sweeping. */
	uint64_t n_spans_swept[GC_N_SWEPT_BY];
	uint64_t n_objects_freed, freed_bytes;
	uint64_t false_bytes; /* bits=span: kept because a neighbour lives (shadow=on) */
	uint64_t sweep_ns;    /* time in sweeping steps of the background */

	/* Return to the OS since the cycle before. */
	uint64_t scavenged_bytes, scavenge_ns;

	/* Stops given up since the cycle before, and the last thread (reclaim_thread.index) that did not come. */
	uint32_t n_stops_cancelled;
	uint32_t missing_thread; /* GC_NO_THREAD: none */
};

struct gc_log {
	pthread_mutex_t lock;
	uint64_t n_cycles; /* flips so far; under lock, as the ring */
	struct gc_log_cycle *ring;
	/* A mark bit stands for several objects, so a dead one may be kept by its neighbours through any number of
	 * cycles.  Set before threads exist. */
	bool has_shared_bits;
};

/* 0 or -ENOMEM. */
int gc_log_init(struct gc_log *log);
void gc_log_fini(struct gc_log *log);

/* The cycle's thread: append a cycle at its flip / change the newest one. */
void gc_log_add(struct gc_log *log, const struct gc_log_cycle *c);
void gc_log_update_last(struct gc_log *log, const struct gc_log_cycle *c);

/* Number of cycles that reached their flip.  Any thread. */
uint64_t gc_log_n_cycles(const struct gc_log *log);
/* Copy cycle `number` (1, 2, ...).  False: not yet, or no longer in the ring.  Any thread. */
bool gc_log_get(const struct gc_log *log, uint64_t number, struct gc_log_cycle *out);

/* Around a death: U = (L - m - s) / T (GO-FACTS section 3) with T = next_mark_begin - mark_begin, m =
 * next_mark_end - next_mark_begin, s = freed - next_flip.  The end of a marking is its flip here: the barrier is on
 * until then, and with a thread slow to park the second stop is no small part of m. */
struct gc_log_around {
	uint64_t number; /* of the cycle that finds it dead */
	uint64_t
		mark_begin_ticks; /* the last one at or before the moment; 0: none, it is before the first */
	uint64_t mark_end_ticks; /* of that marking */
	uint64_t next_mark_begin_ticks, next_mark_end_ticks, next_flip_ticks, next_sweep_end_ticks;
	bool is_in_marking; /* the moment lies in the marking of the cycle before */
};
/* False: no marking began after the moment yet, or the ring has forgotten it.  Any thread; O(log n). */
bool gc_log_find(const struct gc_log *log, uint64_t ticks, struct gc_log_around *out);
/* How many flips lie in (from, to]: the ends of marking that a lifetime spans. */
uint64_t gc_log_n_flips(const struct gc_log *log, uint64_t from_ticks, uint64_t to_ticks);

/* One line a cycle, as --gc-log prints it. */
void gc_log_print(const struct gc_log_cycle *c, const struct clock *clock, uint64_t origin_ticks,
		  FILE *out);

#endif
