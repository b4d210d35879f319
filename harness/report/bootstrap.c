/* SPDX-License-Identifier: MIT */
/* bootstrap.c - seeded percentile bootstrap of medians (Efron 1979); declared in stats.h. */
#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "report/stats.h"

double stats_ratio(double b, double a)
{
	return a == b ? 1 : b / a;
}

/* Median of n draws with replacement from a sorted group.  `counts` has room for n.  Sorted order makes
 * this O(n): count the draws of each, then walk to the middle. */
static struct stats_obs bootstrap_median(const struct stats_obs *x, size_t n, uint32_t *counts,
					 uint64_t *random)
{
	const size_t upper = n / 2;
	const size_t lower = n % 2 ? upper : upper - 1;
	struct stats_obs median = {0, false};
	size_t passed = 0;

	memset(counts, 0, n * sizeof(*counts));
	for (size_t i = 0; i < n; i++)
		counts[stats_random_below(random, (uint32_t)n)]++;
	for (size_t i = 0; i < n && passed <= upper; i++) {
		if (!counts[i])
			continue;
		median.is_bound |= x[i].is_bound;
		if (passed <= lower && lower < passed + counts[i])
			median.value += x[i].value / 2;
		if (upper < passed + counts[i])
			median.value += x[i].value / 2;
		passed += counts[i];
	}
	return median;
}

static int bootstrap_compare(const void *left, const void *right)
{
	const double x = *(const double *)left;
	const double y = *(const double *)right;

	return x < y ? -1 : x > y;
}

/* What a resample leaves possible: a bound in b opens the upper end, one in a the lower end. */
static struct stats_interval bootstrap_effect(struct stats_obs a, struct stats_obs b,
					      enum stats_effect effect)
{
	const double point =
		effect == STATS_RATIO ? stats_ratio(b.value, a.value) : b.value - a.value;

	return (struct stats_interval){
		.low = !a.is_bound	       ? point
		       : effect == STATS_RATIO ? 0
					       : -INFINITY,
		.high = b.is_bound ? INFINITY : point,
	};
}

/* The interval that leaves (1 - confidence) / 2 of the resamples outside on each side, rounded
 * outwards. */
static void bootstrap_cut(double *lows, double *highs, size_t n, double confidence,
			  struct stats_interval *out)
{
	const size_t outside = (size_t)floor((1 - confidence) / 2 * (double)n);

	qsort(lows, n, sizeof(*lows), bootstrap_compare);
	qsort(highs, n, sizeof(*highs), bootstrap_compare);
	out->low = lows[outside < n ? outside : n - 1];
	out->high = highs[n - 1 - (outside < n ? outside : n - 1)];
}

int stats_bootstrap(const struct stats_obs *a, size_t na, const struct stats_obs *b, size_t nb,
		    enum stats_effect effect, double confidence, size_t n_resamples, uint64_t seed,
		    struct stats_interval *out)
{
	double *lows = malloc(n_resamples * sizeof(*lows));
	double *highs = malloc(n_resamples * sizeof(*highs));
	uint32_t *counts = malloc((na > nb ? na : nb) * sizeof(*counts));
	int err = 0;

	*out = (struct stats_interval){NAN, NAN};
	if (!na || !nb || !n_resamples)
		goto out;
	if (!lows || !highs || !counts) {
		err = -ENOMEM;
		goto out;
	}
	for (size_t i = 0; i < n_resamples; i++) {
		const struct stats_obs median_a = bootstrap_median(a, na, counts, &seed);
		const struct stats_obs median_b = bootstrap_median(b, nb, counts, &seed);
		const struct stats_interval e = bootstrap_effect(median_a, median_b, effect);

		lows[i] = e.low;
		highs[i] = e.high;
	}
	bootstrap_cut(lows, highs, n_resamples, confidence, out);
out:
	free(counts);
	free(highs);
	free(lows);
	return err;
}

int stats_bootstrap_median(const struct stats_obs *x, size_t n, double confidence,
			   size_t n_resamples, uint64_t seed, struct stats_interval *out)
{
	const struct stats_obs zero = {0, false};

	/* The difference from a group that is always 0. */
	return stats_bootstrap(&zero, 1, x, n, STATS_DIFFERENCE, confidence, n_resamples, seed,
			       out);
}
