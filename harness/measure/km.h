/* SPDX-License-Identifier: MIT */
/* km.h - Kaplan-Meier percentiles with delayed entry, over the bins of a struct life_hist.
 *
 * Each observation is at risk from the age at which it entered the stage (0 when it began inside) to
 * the age at which its phase ended or the stage did.  S(t), the share that lives longer than t, is the
 * product over the bins of 1 - events / risk.
 *
 *   risk set of a bin   entered below - events below - censored below (began inside = entered at 0)
 *   width 1 (< 128 ns)  ages are exact: as the textbook has it, who enters at t is not yet at risk at
 *                       t, who is censored at t still is
 *   wider bins          entries and censorings lie evenly in the bin: half of each counts; all
 *                       entries where half would leave no survivor and some are seen to survive
 *
 * A risk set that empties and fills again later (only delayed entries, no fresh deaths) would pin S
 * to 0 at its first gap; such a step is left out and the estimate is weak from there on (`gap_bin`).
 *
 * Pure functions, any thread.  Cost: one pass of 2,368 bins, about 5 us.
 */
#ifndef RECLAIMBENCH_KM_H
#define RECLAIMBENCH_KM_H

#include "life.h"

enum km_status {
	KM_OK,
	KM_WEAK,     /* too few samples for this percentile, over 5 % censored, or a gap */
	KM_CENSORED, /* the value is a lower bound: the percentile lies beyond what was observed */
	KM_NONE,     /* nothing was observed; value_ns is NaN */
};

struct km_value {
	double value_ns;
	double survival_se; /* Greenwood's standard error of S there; NaN when censored */
	enum km_status status;
	const char *reason; /* static text; "" when ok */
};

struct km {
	uint64_t n_events, n_censored, n_entered;
	uint64_t max_event_ns, max_censored_ns;
	uint32_t gap_bin; /* percentiles from here on are weak; HIST_N_BINS: no gap */
	/* S and the sum of Greenwood's terms at the upper end of each bin. */
	double survival[HIST_N_BINS];
	double greenwood[HIST_N_BINS];
	double area_ns; /* under S up to the last observation: the mean, or its lower bound */
};

/* Estimate from the counts of one histogram. */
void km_estimate(struct km *km, const struct life_hist *h);

/* The q-quantile, 0 < q < 1. */
struct km_value km_quantile(const struct km *km, double q);
/* The largest: exact, or a lower bound when something older was censored. */
struct km_value km_max(const struct km *km);
/* The mean: censored (restricted to what was observed) when S does not reach 0. */
struct km_value km_mean(const struct km *km);

/* Share of the phases observed that did not end. */
double km_censored_share(const struct km *km);
/* Smallest n for which a 97.5 % upper bound on the q-quantile exists: q^n <= 0.025 (0.99: 368,
 * 0.999: 3,688). */
uint64_t km_samples_needed(double q);

extern const char *const km_status_names[]; /* "ok", "weak", "censored", "not_available" */

#endif
