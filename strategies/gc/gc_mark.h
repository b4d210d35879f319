/* SPDX-License-Identifier: MIT */
/* gc_mark.h - tracing: who is reachable from the maps, found while they are in use.
 *
 * Colours.  White: mark bit clear.  Black: set; everything it refers to is marked or will be: an array has a
 * job (a range of buckets still to be scanned), an overflow bucket is scanned by whoever marks it, a payload
 * refers to nothing.  So the grey objects are exactly the arrays with an open job and the buckets being scanned;
 * there is no work list of single objects, and no chain of dependent misses.
 *
 * Directory order: an array is walked by address, its lines prefetched; a chain is followed where the bucket (or
 * the has-overflow bits beside the span) says that it leads on.
 *
 * WHY NOTHING REACHABLE IS MISSED.  Between STW 1 and STW 2 no thread keeps a reference across a poll, so at
 * STW 2 the only references are in the maps.  Suppose a payload (bucket, array) is reachable at STW 2 and
 * white.  Take the slot that refers to it.
 *   - The slot was written after STW 1: the barrier shaded the new reference before the store.  Marked.
 *   - It was written before STW 1 and its bucket existed then.  The bucket's array was reachable at STW 1 or
 *     was not.  If it was, root scanning or the barrier at the table switch gave it a job, the job was finished
 *     before STW 2, and the scan read the slot after STW 1; the slot has not changed since, so the scan
 *     read this very reference.  Marked.  (An overflow bucket: likewise, by induction along its chain.)
 *   - If it was not reachable at STW 1 it was unpublished then, which no thread may have at a safepoint.
 *   - The slot lies in an object allocated after STW 1 (black, never scanned): then it was written after STW 1.
 * Evacuation copies references into the new array, which is such a black object: it shades each payload that it
 * moves, or a reference read from a white slot would be stored behind the marker's back.
 *
 * The shading of the old value is not needed for this (no thread has a stack to keep it in); it gives Go's
 * other property, that what dies in a marking is not freed by that cycle.
 *
 * Source: Go 1.19.8, runtime/mgcmark.go (gcDrain, scanobject, gcAssistAlloc), mbarrier.go; the formulas of
 * assists and credit are Go's.  Deviations: the unit of work is a range of buckets, not an object; the barrier
 * has no buffer (a shaded bucket is scanned at once, an array becomes a job at once), so the ragged barrier
 * before STW 2 finds nothing to flush, and only makes sure of that; assists run at the poll after the
 * allocation, not inside it.
 */
#ifndef RECLAIMBENCH_GC_MARK_H
#define RECLAIMBENCH_GC_MARK_H

#include <pthread.h>

#include "control.h"
#include "heap_span.h"
#include "reclaim.h"

struct gc;
struct gc_thread;

/* Where the mark of an object lies. */
enum gc_bits {
	GC_BITS_SIDE,	/* beside the objects, in the span's bits */
	GC_BITS_HEADER, /* there too, and each bucket's own line is written: see gc_mark.c */
	GC_BITS_SPAN,	/* one bit per span: all of it lives when one object does */
};

/* Which cells of a bucket refer to payloads. */
enum gc_scan {
	GC_SCAN_ALL,	/* all eight, whatever their tophash, as Go's collector: stale copies pin */
	GC_SCAN_FILLED, /* those with tophash >= 5; evacuation has shaded what it moved */
};

struct gc_mark_job {
	struct heap_span *span; /* of the array */
	uint64_t next, end;	/* buckets still to be taken */
	bool has_payloads;
};

struct gc_mark {
	struct heap_packing packing;
	_Atomic(bool)
		any_payload_map;     /* for arrays whose map is not known: shaded by the barrier */
	_Atomic(uint64_t) n_open;    /* buckets not yet taken, plus one per chunk being scanned */
	_Atomic(uint64_t) n_buckets; /* of all jobs */
	_Atomic(uint64_t) n_assists, n_assist_waits;
	_Atomic(uint32_t) n_scanning; /* chunks, as their markers say: AUDIT_BUILD only */
	pthread_mutex_t lock;
	pthread_cond_t progress; /* credit was added, or marking ended */
	/* Under lock. */
	struct gc_mark_job *jobs;
	uint64_t n_jobs, first_open, max_jobs;
};

/* 0 or -ENOMEM.  gc_mark_fini() undoes a half-done init too. */
int gc_mark_init(struct gc *gc);
void gc_mark_fini(struct gc *gc);

/* World stopped: forget the last cycle. */
void gc_mark_begin(struct gc *gc);
/* World running, barrier on: jobs for everything the maps refer to now. */
void gc_mark_roots(struct gc *gc, struct gc_thread *g);
/* Scan a range of buckets: bytes scanned, 0 when there is none to take.  Any thread at a safepoint. */
uint64_t gc_mark_chunk(struct gc *gc, struct gc_thread *g);
/* Nothing to take and nobody scanning. */
bool gc_mark_is_done(const struct gc *gc);
/* Marking is over or background credit grew: look again, you who wait. */
void gc_mark_notify(struct gc *gc);

/* Make an object black or grey.  Any thread; for NULL nothing. */
void gc_mark_shade(struct gc *gc, struct gc_thread *g, void *object);
/* A new object is black. */
void gc_mark_black(struct gc *gc, struct gc_thread *g, void *object);
/* At a poll: work off the debt of this thread's allocations.  May wait, offline. */
void gc_mark_assist(struct gc *gc, struct gc_thread *g);
/* The sweep: unmarked, allocated objects; marks are cleared.  *false_bytes grows by what is kept falsely.  The
 * caller owns the span's sweep. */
bool gc_mark_dead(struct gc *gc, struct heap_span *s, uint64_t *dead, uint64_t *false_bytes);
/* The marks that only the cycle's thread writes, see gc_mark.c; dead[] is sweepgen's otherwise. */
static inline _Atomic(uint64_t) *gc_mark_own(const struct heap_span *s, uint32_t w)
{
	return CONTROL(plain_mark) ? &s->bits[w].mark : &s->bits[w].dead[1];
}
/* Marked in either of the two words.  relaxed, all: a hint while marking is on, ordered by STW 2 for the sweep */
static inline uint64_t gc_mark_word(const struct heap_span *s, uint32_t w)
{
	return load_relaxed(&s->bits[w].mark) | load_relaxed(gc_mark_own(s, w));
}
/* The span's sweep is the caller's. */
static inline void gc_mark_clear(const struct heap_span *s, uint32_t w)
{
	store_relaxed(&s->bits[w].mark, 0);
	store_relaxed(gc_mark_own(s, w), 0);
}
/* Whether a span's object has its mark. */
bool gc_mark_is_marked(const struct gc *gc, const struct heap_span *s, uint32_t i);

#endif
