/* SPDX-License-Identifier: MIT */
/* stats.h - the statistics of a comparison: two groups of repetitions, one metric.
 *
 * The unit is the repetition (MEASURING section 5).  A repetition's figure may be a lower bound (status
 * `censored`): it is then used as one, never as a number.  Pure functions, any thread; what needs
 * memory returns 0 or -ENOMEM.
 *
 * "a" is the base, "b" the new one.  Groups are sorted by stats_sort() before anything else.
 */
#ifndef RECLAIMBENCH_STATS_H
#define RECLAIMBENCH_STATS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* The permutation distribution is computed exactly up to this many repetitions in both groups together
 * (30 a side: 6 million steps, some 10 ms); beyond it the normal approximation differs by less than
 * 0.003 in p (tested). */
#define STATS_EXACT_MAX 60

/* No more repetitions than this are ever recommended: the effect is then too small to matter. */
#define STATS_REPS_MAX 10000

struct stats_obs {
	double value;
	bool is_bound; /* the true figure is larger than value, by how much is unknown */
};

/* By value; of equal ones, bounds last, since they are larger. */
void stats_sort(struct stats_obs *x, size_t n);

/* The median; a bound when a bound stands at or below it, as the true median may then be larger.
 * NaN of nothing. */
struct stats_obs stats_median(const struct stats_obs *x, size_t n);

struct stats_test {
	double u; /* pairs with b > a, ties and undecided pairs as half */
	double p; /* two-sided: how often a random relabelling is at least as far from the middle */
	double cliff_delta; /* P(b > a) - P(b < a), -1 .. 1 */
	bool is_exact;
};

/* Mann and Whitney's test with ties (midranks); with bounds, Gehan's generalisation of it (1965): a pair
 * whose order the bounds leave open counts as a tie.  Without bounds both are the same. */
int stats_mann_whitney(const struct stats_obs *a, size_t na, const struct stats_obs *b, size_t nb,
		       struct stats_test *out) __attribute__((warn_unused_result));

/* The smallest p that na against nb repetitions can give. */
double stats_min_p(size_t na, size_t nb);

/* Hodges and Lehmann's shift: the median of all differences b - a, bounds taken at their value.
 * O((na + nb) * 64) time, no memory. */
double stats_hodges_lehmann(const struct stats_obs *a, size_t na, const struct stats_obs *b,
			    size_t nb);

/* b / a, where 0 / 0 is 1. */
double stats_ratio(double b, double a);

struct stats_interval {
	double low;
	double high; /* infinite where a bound leaves it open; low is then the bound */
};

enum stats_effect { STATS_RATIO, STATS_DIFFERENCE };

/* Percentile bootstrap of the ratio (or the difference) of the medians, `confidence` e.g. 0.95.  The
 * same seed gives the same interval. */
int stats_bootstrap(const struct stats_obs *a, size_t na, const struct stats_obs *b, size_t nb,
		    enum stats_effect effect, double confidence, size_t n_resamples, uint64_t seed,
		    struct stats_interval *out) __attribute__((warn_unused_result));

/* Percentile bootstrap of the median of one group. */
int stats_bootstrap_median(const struct stats_obs *x, size_t n, double confidence,
			   size_t n_resamples, uint64_t seed, struct stats_interval *out)
	__attribute__((warn_unused_result));

/* Holm's step-down adjustment: adjusted[i] < alpha rejects i, family-wise. */
int stats_holm(const double *p, double *adjusted, size_t n) __attribute__((warn_unused_result));

/* Pooled standard deviation within the groups; NaN with fewer than two repetitions on each side. */
double stats_pooled_sd(const struct stats_obs *a, size_t na, const struct stats_obs *b, size_t nb);

/* The shift, in standard deviations, that the test at level alpha finds with probability `power`:
 * (z(1 - alpha/2) + z(power)) sqrt((1/na + 1/nb) pi/3), where 3/pi is the test's efficiency against t
 * on normal data. */
double stats_detectable_sd(size_t na, size_t nb, double alpha, double power);

/* Repetitions a side that would find a shift of `effect_sd` standard deviations, when `family` tests
 * share alpha (the first step of Holm); 0 when more than STATS_REPS_MAX. */
size_t stats_reps_needed(double effect_sd, double alpha, double power, size_t family);

/* Quantile of the standard normal distribution, 0 < p < 1. */
double stats_normal_quantile(double p);

/* A small seeded generator (splitmix64, Steele, Lea and Flood 2014): the whole state is the counter. */
static inline uint64_t stats_random(uint64_t *state)
{
	uint64_t z = *state += 0x9e3779b97f4a7c15u;

	z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9u;
	z = (z ^ (z >> 27)) * 0x94d049bb133111ebu;
	return z ^ (z >> 31);
}
/* Below n, by multiplication; the bias is n / 2^32. */
static inline uint32_t stats_random_below(uint64_t *state, uint32_t n)
{
	return (uint32_t)(((stats_random(state) >> 32) * n) >> 32);
}

#endif
