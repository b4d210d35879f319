/* SPDX-License-Identifier: MIT */
/* cost.h - what tracking costs: the cell with stamps and without, in turns, closed loop.
 *
 * Two instances live side by side, same seed; each round runs both for a short while, the order changing
 * from round to round.  The cost is the median time per operation with tracking over that without.
 */
#ifndef RECLAIMBENCH_RUN_COST_H
#define RECLAIMBENCH_RUN_COST_H

#include "run/instance.h"

#define COST_ROUNDS 5
#define COST_SEGMENT_NS 100000000u

struct cost {
	double ns_per_op_on, ns_per_op_off; /* medians */
	double ratio;			    /* on / off; NaN when not measured */
	unsigned n_rounds;
	char reason[256]; /* why it was not measured */
};

/* Never fails: what goes wrong is in `reason`.  Main thread, no other instance running. */
void cost_measure(struct cost *out, const struct run_config *config, const struct clock *clock,
		  const struct run_source *source);

/* The same for --audit, against the cell without it. */
void cost_measure_audit(struct cost *out, const struct run_config *config,
			const struct clock *clock, const struct run_source *source);

#endif
