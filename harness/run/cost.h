/* SPDX-License-Identifier: MIT */
/* cost.h - what tracking costs: the cell with stamps and without, in turns, closed loop.
 *
 * Two instances live side by side, same seed; each round runs both for a short while, the order changing
 * from round to round.  A trace is replayed flat out, at whatever pace its stages are: a pace would hide the cost.  The
 * cost is the median over the rounds of the time per operation with tracking over
 * that without: the two of a round share what the machine did meanwhile.  Its interval is that of a median,
 * from order statistics (Conover, Practical Nonparametric Statistics, section 3.2): of 21 sorted ratios the
 * 6th and the 16th enclose the median with 97.3 %.
 */
#ifndef RECLAIMBENCH_RUN_COST_H
#define RECLAIMBENCH_RUN_COST_H

#include "run/instance.h"

#define COST_ROUNDS 21
#define COST_LOW_RANK 5 /* from 0 */
#define COST_SEGMENT_NS 25000000u

struct cost {
	double ns_per_op_on, ns_per_op_off; /* medians */
	double ratio;			    /* on / off; NaN when not measured */
	double low, high;		    /* its 97 % interval */
	unsigned n_rounds;
	bool is_interrupted; /* by a signal: the run ends */
	char reason[256];    /* why it was not measured */
};

/* Never fails: what goes wrong is in `reason`.  Main thread, no other instance running. */
void cost_measure(struct cost *out, const struct run_config *config, const struct clock *clock,
		  const struct run_source *source);

/* The same for --audit, against the cell without it. */
void cost_measure_audit(struct cost *out, const struct run_config *config,
			const struct clock *clock, const struct run_source *source);

#endif
