/* SPDX-License-Identifier: MIT */
/* watch_acts.h - watches what each thread does for its strategy (acts.h), for trace.json.
 *
 * WHO WRITES WHAT.  A ring: the thread it was given to.  Everything else: the main thread.  Rings live until
 * watch_acts_fini(), after the domain was destroyed: the record of a thread that left keeps its ring.
 */
#ifndef RECLAIMBENCH_WATCH_ACTS_H
#define RECLAIMBENCH_WATCH_ACTS_H

#include "reclaim.h"

struct watched_thread {
	struct watched_thread *next;
	uint32_t index;		/* reclaim_thread.index */
	enum reclaim_role role; /* of whoever had the record last */
	uint64_t n_dropped;	/* before the stage */
	struct acts acts;
};

struct watch_acts {
	struct watched_thread *threads;
};

/* At a stage's begin, while no thread registers: watch every registered thread, forget what was seen.  A thread that
 * joins later under a record that is new is watched from the next stage on.  0 or -ENOMEM. */
int watch_acts_begin(struct watch_acts *w, struct reclaim *r) __attribute__((warn_unused_result));
void watch_acts_fini(struct watch_acts *w);

struct watched_act {
	struct act act;
	uint32_t thread; /* reclaim_thread.index */
};
struct watched_row {
	uint32_t thread;
	enum reclaim_role role;
};
struct acts_sample {
	struct watched_act *acts;
	struct watched_row *rows; /* the threads that were watched */
	size_t n_acts, n_rows;
	uint64_t n_dropped;
};
/* At a stage's end: what all threads did.  0 or -ENOMEM.  Release with acts_sample_fini(). */
int watch_acts_take(struct watch_acts *w, struct acts_sample *out)
	__attribute__((warn_unused_result));
void acts_sample_fini(struct acts_sample *sample);

#endif
