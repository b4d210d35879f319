/* SPDX-License-Identifier: MIT */
/* clock.h - the clock all stamps are taken with.
 *
 * Stamps are raw ticks: the time stamp counter where the processor says it is invariant and the
 * kernel's own clock source is the same counter (then it is also synchronous across cores),
 * clock_gettime(CLOCK_MONOTONIC) nanoseconds otherwise.  A struct clock is written once by
 * clock_init() and then read-only; it may be copied.
 */
#ifndef RECLAIMBENCH_CLOCK_H
#define RECLAIMBENCH_CLOCK_H

#include <stdbool.h>
#include <stdint.h>
#include <time.h>
#if defined(__x86_64__)
#include <x86intrin.h>
#endif

struct clock {
	bool is_tsc;	     /* ticks are TSC cycles; otherwise nanoseconds */
	double ns_per_tick;  /* 1.0 when !is_tsc */
	double read_cost_ns; /* median cost of one clock_ticks() */
	int64_t skew_ticks;  /* largest backward step seen between cores at start; 0 is good */
	const char *name;    /* "tsc" or "clock_gettime"; for the environment record */
};

/* Choose and calibrate (about 20 ms).  Never fails: falls back to clock_gettime.  Moves the calling thread
 * round the processors it may run on, to look for skew; its mask is as before afterwards.  Set `force_gettime`
 * to choose the fallback (tests; machines whose TSC is not trusted). */
void clock_init(struct clock *c, bool force_gettime);

static inline uint64_t clock_monotonic_ns(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return (uint64_t)ts.tv_sec * 1000000000u + (uint64_t)ts.tv_nsec;
}

/* Now, in ticks.  Not serialising: it may be reordered with neighbouring loads by some tens of ns.
 * Cost: about 16 ns (TSC) or 25 ns. */
static inline uint64_t clock_ticks(const struct clock *c)
{
#if defined(__x86_64__)
	if (__builtin_expect(c->is_tsc, 1))
		return __rdtsc();
#endif
	(void)c;
	return clock_monotonic_ns();
}

/* A difference of two stamps, in ns; a negative difference (skew) is 0. */
static inline uint64_t clock_delta_ns(const struct clock *c, uint64_t from, uint64_t to)
{
	/* Signed: one instruction to and from double, where unsigned takes ten. */
	return to > from ? (uint64_t)(int64_t)((double)(int64_t)(to - from) * c->ns_per_tick) : 0;
}

static inline uint64_t clock_ns_to_ticks(const struct clock *c, uint64_t ns)
{
	return (uint64_t)((double)ns / c->ns_per_tick);
}

#endif
