/* SPDX-License-Identifier: MIT */
/* gc_markers.h - the threads that mark in the background beside the cycle's thread.
 *
 * Source: Go 1.19.8, runtime/mgc.go (gcBgMarkWorker), mgcpacer.go (findRunnableGCWorker).  Marker 0 is the cycle's
 * thread, the others help it.  As in Go (25 % of the processors by default) the first ones are dedicated, they mark
 * all the time; the next takes the fraction of a processor that is left; the others mark only while a processor is
 * idle.  gc_pacer.h counts them.
 *
 * WHY HELPERS CHANGE NOTHING IN THE PROOF OF gc_mark.h.  They work only inside a round, which the cycle's thread opens
 * when the roots are queued and closes before it asks whether marking is done for good: between the two it does
 * nothing but what they do, chunk by chunk.  A chunk is given to one (mark.lock), is counted as open until it has
 * been scanned, and its counting down is a release that gc_mark_is_done() acquires: as with assists, which have done
 * this beside the cycle's thread all along.  Closing waits, under mark.lock, until no helper is inside; either would do
 * for the helpers' marks, closing also for what they pace and count after a chunk.  So whatever else the cycle's thread
 * does, the roots, the handshakes, the flip, the pacer's plan, it does alone; and a helper, which is no thread of the
 * world, is never in the middle of anything while the world is stopped, but for barrier=off, where the stop is the
 * marking and the round lies inside it.
 */
#ifndef RECLAIMBENCH_GC_MARKERS_H
#define RECLAIMBENCH_GC_MARKERS_H

#include <pthread.h>

#include "reclaim.h"

struct gc;
struct gc_thread;

/* The cycle's thread counts.  A quarter of 64 processors. */
enum { GC_MAX_MARKERS = 16 };

struct gc_marker {
	struct gc *gc;
	unsigned number; /* 1, 2, ... */
	pthread_t pthread;
};

struct gc_markers {
	_Atomic(uint32_t) n_marking; /* markers that scan a chunk now */
	_Atomic(bool) is_open;	     /* the round; written under lock */
	pthread_cond_t opened;	     /* or closed, or must_exit */
	pthread_cond_t closed;	     /* no helper is inside, or one is ready: one thread waits */
	/* Under mark.lock. */
	uint64_t n_rounds;
	bool is_paced, must_exit;
	unsigned n_ready, n_inside;
	int ready_err;
	uint64_t cpu_ns; /* of helpers, in this marking */

	struct gc_marker helpers[GC_MAX_MARKERS - 1];
	unsigned n_helpers; /* started; changed only while there is no cycle's thread */
};

/* Start the helpers, before the cycle's thread: 0 or -errno.  Stopped after it; gc_markers_stop() undoes a half-done
 * start too. */
int gc_markers_start(struct gc *gc);
void gc_markers_stop(struct gc *gc);

/* World stopped, no round: forget the last marking.  The cycle's thread, as the following. */
void gc_markers_begin(struct gc *gc);
/* Mark until nothing is open: the helpers too.  `is_paced`: each at its share, or while a processor is idle. */
void gc_markers_drain(struct gc *gc, struct gc_thread *g, bool is_paced);
/* One chunk, timed; 0: none to take. */
uint64_t gc_markers_step(struct gc *gc, struct gc_thread *g);

#endif
