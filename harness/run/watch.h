/* SPDX-License-Identifier: MIT */
/* watch.h - follows the response times of a stage while it runs, and ends it when they are steady.
 *
 * Each mutator counts its timed operations in bins of its own (struct watch_bins: one writer, plain stores); the main
 * thread reads them every few ms and takes the difference to the last point.  The rule: measure/steady.h.
 */
#ifndef RECLAIMBENCH_RUN_WATCH_H
#define RECLAIMBENCH_RUN_WATCH_H

#include "atomic.h"
#include "hist.h"
#include "measure/steady.h"

struct run_instance;

/* Since the thread began; they wrap around, differences do not mind. */
struct watch_bins {
	_Atomic(uint64_t) bins[HIST_N_BINS];
};

/* Worker: an operation's response time.  Relaxed: one writer, and the reader only estimates. */
static inline void watch_record(struct watch_bins *b, uint64_t ns)
{
	counter_add(&b->bins[hist_bin(ns)], 1);
}

struct watch {
	struct run_instance *in;
	struct steady steady;
	uint64_t *seen; /* [HIST_N_BINS], owned: of all mutators, at the last point */
	struct hist point;
	uint64_t begin_ticks; /* of the stage's load */
	uint64_t point_ticks; /* of the point that is being filled */
	uint64_t end_ticks;   /* when it said that the stage may end; 0: it has not */
};

/* Main thread, while no worker is busy: begin to follow a stage.  0 or -errno.  Release with watch_fini(). */
int watch_init(struct watch *w, struct run_instance *in, uint64_t begin_ticks, uint64_t duration_ns)
	__attribute__((warn_unused_result));
void watch_fini(struct watch *w);

/* Main thread, again and again while the stage runs; `watch` is a struct watch.  Whether the stage may end. */
bool watch_look(void *watch);

#endif
