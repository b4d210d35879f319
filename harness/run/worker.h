/* SPDX-License-Identifier: MIT */
/* worker.h - a worker thread: takes orders from the gate, runs operations, records.
 *
 * An operation in an open-loop stage: wait for the intended start (offline while asleep), enter, operate,
 * exit, make garbage, poll.  Its service time ends after the garbage, as a server's request would; the
 * poll's time shows in the lateness of the next.  The closed loop times one operation in
 * WORKER_TIMED_1_IN and reads no clock otherwise.
 */
#ifndef RECLAIMBENCH_RUN_WORKER_H
#define RECLAIMBENCH_RUN_WORKER_H

#include "run/instance.h"

/* A clock read costs 16 ns, a get of a warm key 20: at 1 in 64 two reads add 0.5 ns to each. */
#define WORKER_TIMED_1_IN 64
/* How often a reader looks where a mutator is: each time costs the mutator a cache miss. */
#define WORKER_FOLLOW_GETS 256

/* pthread start routine; `arg` is a struct run_worker. */
void *worker_main(void *arg);

#endif
