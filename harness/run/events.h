/* SPDX-License-Identifier: MIT */
/* events.h - counters of the strategy's own threads; workers count for themselves (worker.c).
 *
 * Threads that exist before a stage and are neither the caller nor workers are the strategy's; a library may start
 * one with the first retire (call_rcu).  Main thread only.
 */
#ifndef RECLAIMBENCH_RUN_EVENTS_H
#define RECLAIMBENCH_RUN_EVENTS_H

#include <sys/types.h>

#include "measure/pmu.h"

#define EVENTS_MAX_COLLECTORS 16

struct events_collectors {
	unsigned n;
	pid_t tids[EVENTS_MAX_COLLECTORS];
	struct pmu_thread *threads[EVENTS_MAX_COLLECTORS];
	struct pmu_snapshot begin[EVENTS_MAX_COLLECTORS], end[EVENTS_MAX_COLLECTORS];
};

/* Open the counters of this process's threads that are not in `c` yet, not the caller, and not among the workers'
 * `tids`.  0 or -errno.  Release with events_collectors_close(), after an error too. */
int events_collectors_find(struct events_collectors *c, const struct pmu_set *set,
			   const pid_t *tids, unsigned n_tids);
void events_collectors_close(struct events_collectors *c);
void events_collectors_begin(struct events_collectors *c);
void events_collectors_end(struct events_collectors *c);

#endif
