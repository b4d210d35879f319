/* SPDX-License-Identifier: MIT */
/* perturb.h - test builds (RECLAIMBENCH_PERTURB) only: at each atomic access a thread may pause, yield or sleep,
 * decided by its own random numbers, so that rare interleavings become common.
 *
 * A thread's numbers follow from the process's seed and its index in the domain, handed over when it registers
 * (PERTURB_THREAD), so a seed replays the same decisions; what the scheduler makes of them is its own.  Other
 * threads, and all of them while the seed is 0, are left alone.  Where threads must do the same each time,
 * core/tests/schedule.h is in perturb.c's place: the fuzzed map, and `SAN=replay`.
 *
 * The thread-local state is mutable file-scope state: the macros of atomic.h have no argument to carry it.
 */
#ifndef RECLAIMBENCH_PERTURB_H
#define RECLAIMBENCH_PERTURB_H

#include <stdint.h>

#ifdef RECLAIMBENCH_PERTURB

struct perturb {
	uint64_t state; /* 0: off */
	uint32_t left;	/* accesses until the next decision */
};
extern _Thread_local struct perturb perturb_self;

/* Before any thread registers. */
void perturb_set_seed(uint64_t seed);
void perturb_thread(uint64_t index);
void perturb_act(struct perturb *p);
void perturb_sleep(struct perturb *p);

#ifdef RECLAIMBENCH_FUZZ
/* libFuzzer counts the branches of the code under test: none of these. */
#define PERTURB_INLINE __attribute__((noinline, unused, no_sanitize("coverage")))
#else
#define PERTURB_INLINE inline
#endif

static PERTURB_INLINE void perturb_point(void)
{
	if (perturb_self.state && --perturb_self.left == 0)
		perturb_act(&perturb_self);
}
#define PERTURB_THREAD(index) perturb_thread(index)
/* A place where a pause is worth more than elsewhere: inside what a control has broken. */
#define PERTURB_HERE()                                                                             \
	do {                                                                                       \
		if (perturb_self.state)                                                            \
			perturb_act(&perturb_self);                                                \
	} while (0)
/* The same, and long enough for another thread's whole operation. */
#define PERTURB_LONG()                                                                             \
	do {                                                                                       \
		if (perturb_self.state)                                                            \
			perturb_sleep(&perturb_self);                                              \
	} while (0)

#else
#define PERTURB_THREAD(index) ((void)0)
#define PERTURB_HERE() ((void)0)
#define PERTURB_LONG() ((void)0)
#endif

#endif
