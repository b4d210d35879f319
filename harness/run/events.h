/* SPDX-License-Identifier: MIT */
/* events.h - counters of the strategy's own threads; workers count for themselves (worker.c).
 *
 * Threads that exist when the domain has been made, and are not the caller, are the strategy's.  Main
 * thread only.
 */
#ifndef RECLAIMBENCH_RUN_EVENTS_H
#define RECLAIMBENCH_RUN_EVENTS_H

#include "measure/pmu.h"

#define EVENTS_MAX_COLLECTORS 16

struct events_collectors {
	unsigned n;
	struct pmu_thread *threads[EVENTS_MAX_COLLECTORS];
	struct pmu_snapshot begin[EVENTS_MAX_COLLECTORS], end[EVENTS_MAX_COLLECTORS];
};

/* Open the counters of all other threads of this process.  0 or -errno.  Release with
 * events_collectors_close(). */
int events_collectors_open(struct events_collectors *c, const struct pmu_set *set);
void events_collectors_close(struct events_collectors *c);
void events_collectors_begin(struct events_collectors *c);
void events_collectors_end(struct events_collectors *c);

#endif
