/* SPDX-License-Identifier: MIT */
/* sched.h - when each operation of an open-loop stage is meant to start: arithmetic only, no clock.
 *
 * The intended starts follow from (rate, duration, arrival, seed, thread) alone.  What the worker
 * does, and how late it is, changes nothing: when it is behind, the next starts lie in the past and
 * are due at once.  (wrk2 derives the next start from requests completed; this does not.)
 *
 * A stage of R operations per second and T seconds has exactly round(R * T) starts, all within [0,
 * T), split over the threads with a difference of at most one.
 *
 *   constant  start i of all threads together is (i + 1/2) * T / n; threads take turns.
 *   Poisson   a Poisson process given its count: n independent uniform times in order.  Gaps are
 * those of a Poisson process, yet the offered rate is exact, where a free-running one strays by
 *             1/sqrt(n), 1.4 % of 5,000.  The times come in order without storing or sorting: of
 * the m left in the time t left, the first lies at t * (1 - u^(1/m)), u uniform.
 *
 * One owner per struct sched, no locks, nothing allocated, never fails.  Cost of sched_next():
 * about 3 ns (constant) or 12 ns (Poisson), beside the operation, not in it: it runs while the
 * worker waits.
 */
#ifndef RECLAIMBENCH_SCHED_H
#define RECLAIMBENCH_SCHED_H

#include "load/rng.h"

#include <stdbool.h>
#include <stdint.h>

enum sched_arrival { SCHED_CONSTANT, SCHED_POISSON };

/* "constant" or "poisson"; 0 or -EINVAL. */
int sched_parse_arrival(const char *text, enum sched_arrival *out)
	__attribute__((warn_unused_result));

struct sched_config {
	uint64_t rate_per_s; /* of all threads together; not the closed loop */
	uint64_t duration_ns;
	uint64_t seed;
	enum sched_arrival arrival;
	unsigned thread; /* of n_threads */
	unsigned n_threads;
	unsigned stage; /* each stage has starts of its own */
};

struct sched {
	uint64_t n_left;
	uint64_t n_total; /* starts of this thread in the stage; read only */
	enum sched_arrival arrival;
	double now_ns; /* the last start (Poisson) or the next (constant), from the stage's begin */
	double step_ns;
	double end_ns;
	struct rng rng;
};

void sched_init(struct sched *s, const struct sched_config *config);

/* The next Poisson start; see above.  n_left > 0. */
void sched_advance_poisson(struct sched *s);

/* Put the next intended start, in ns from the stage's begin, into *start_ns; false when the stage
 * has no further one.  Non-decreasing. */
static inline bool sched_next(struct sched *s, double *start_ns)
{
	if (s->n_left == 0)
		return false;
	if (s->arrival == SCHED_CONSTANT) {
		/* From the index, not by adding steps: rounding must not add up. */
		*start_ns = s->now_ns + (double)(s->n_total - s->n_left) * s->step_ns;
	} else {
		sched_advance_poisson(s);
		*start_ns = s->now_ns;
	}
	s->n_left--;
	return true;
}

/* How many of `n` starts in all belong to one of n_threads threads. */
static inline uint64_t sched_share(uint64_t n, unsigned thread, unsigned n_threads)
{
	return n / n_threads + (thread < n % n_threads);
}

#endif
