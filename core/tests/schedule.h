/* SPDX-License-Identifier: MIT */
/* schedule.h - the threads of a test run one at a time, in an order drawn from a seed, on a clock of their own, so that
 * an input does the same each time: what a background thread does is found again, and kept.
 *
 * Between schedule_begin() and schedule_end() the calling thread and those it makes (and they make) are scheduled:
 * exactly one runs, the others wait for their turn.  The turn changes hands where a thread waits, yields or ends, at
 * some locks, and at atomic accesses (perturb.h), so spinning ends.  A wait with a time limit is late once the clock has
 * passed it; when nobody can run, the clock jumps to the first limit.  No limit, one far away, or jumps without end:
 * that is a deadlock or a lost wake-up, and the test aborts.
 *
 * The Makefile puts the functions named scheduled_ in place of the C library's in what the project's own objects call;
 * libFuzzer and the sanitizers keep the real ones, and so do threads that are not scheduled.  Memory is sequentially
 * consistent here: an order that is too weak is not found.  What a test does may not depend on addresses: they differ
 * from one process to the next.
 *
 * Source of the idea: Musuvathi et al., Finding and Reproducing Heisenbugs in Concurrent Programs, OSDI 2008; here
 * the order is random, not enumerated.
 */
#ifndef RECLAIMBENCH_SCHEDULE_H
#define RECLAIMBENCH_SCHEDULE_H

#include <stdint.h>

/* On the only thread of the test.  The clock goes on by step_ns at each look at it and at each turn, and jumps
 * max_jumps times at most. */
void schedule_begin(uint64_t seed, uint64_t step_ns, unsigned max_jumps);

/* On the same thread; all others have been joined.  Returns schedule_sum(). */
uint64_t schedule_end(void);

/* A sum over every decision and the clock so far: the same input gives the same sum.  On a scheduled thread. */
uint64_t schedule_sum(void);

#endif
