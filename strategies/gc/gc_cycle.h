/* SPDX-License-Identifier: MIT */
/* gc_cycle.h - between the files of the cycle's thread: gc_cycle.c, gc_cycle_mark.c. */
#ifndef RECLAIMBENCH_GC_CYCLE_H
#define RECLAIMBENCH_GC_CYCLE_H

#include "gc/gc.h"

/* Stop all threads; 0 or -ETIMEDOUT.  *asked, *stopped: when. */
int gc_cycle_stop_world(struct gc *gc, uint64_t *asked_ticks, uint64_t *stopped_ticks);
/* The end of a ragged barrier; 0 or -ETIMEDOUT. */
int gc_cycle_ragged_wait(struct gc *gc);
/* What a stop, or a ragged barrier, is said to have reached, as the threads see it.  AUDIT_BUILD only. */
void gc_cycle_audit(struct gc *gc, bool in_stop);
/* Sleep until a moment (CLOCK_MONOTONIC), unless the domain ends meanwhile. */
void gc_cycle_sleep_until(struct gc *gc, uint64_t at_ns);
/* Of the calling thread, since it began. */
uint64_t gc_thread_cpu_ns(void);
/* World stopped: sweepgen grows, the pacer plans the next cycle. */
void gc_cycle_flip(struct gc *gc);
/* STW 1, marking, ragged barrier, STW 2 with the flip.  0 or -ETIMEDOUT (at STW 1 only). */
int gc_cycle_mark(struct gc *gc, struct gc_thread *g);

#endif
