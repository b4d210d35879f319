/* SPDX-License-Identifier: MIT */
/* zipf.h - ranks with probability proportional to 1 / (rank + 1)^theta, without tables.
 *
 * Rejection-inversion sampling (W. Hoermann and G. Derflinger, "Rejection-inversion to generate
 * variates from monotone discrete distributions", ACM TOMACS 6(3), 1996): the integral of the
 * density is inverted, and the few points where a rank's column lies below it are drawn again
 * (below 10 % of them for theta up to 2).
 *
 * A struct zipf is read-only after zipf_init(): any number of threads draw with random numbers of
 * their own.  Cost: about 40 ns a draw (an exponential and a logarithm), whatever n.
 */
#ifndef RECLAIMBENCH_ZIPF_H
#define RECLAIMBENCH_ZIPF_H

#include "load/rng.h"

#include <stdint.h>

struct zipf {
	uint64_t n;
	double theta;
	double h_first; /* H(1.5) - 1: the interval of H that belongs to the first rank starts here
			 */
	double h_last;	/* H(n + 0.5) */
	double cut;	/* within this of its rank a point is accepted without looking further */
};

/* n > 0, theta >= 0 (0 is uniform; 1 is allowed). */
void zipf_init(struct zipf *z, uint64_t n, double theta);

/* A rank in [0, n); 0 is the most frequent. */
uint64_t zipf_next(const struct zipf *z, struct rng *rng);

#endif
