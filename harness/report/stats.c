/* SPDX-License-Identifier: MIT */
/* stats.c - rank test, shift, adjustment and power.  The bootstrap is in bootstrap.c.
 *
 * Sources: Mann and Whitney 1947; Gehan 1965 for bounds; Hodges and Lehmann 1963; Cliff 1993; Holm
 * 1979.  The permutation distribution is that of the sum of the scores of one group, where an
 * observation's score is (how many are surely smaller) - (how many are surely larger).  Without bounds
 * that is twice the midrank less (N + 1), so the test is Mann and Whitney's, ties included.
 */
#include "report/stats.h"

#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

static int stats_compare(const void *left, const void *right)
{
	const struct stats_obs *x = left;
	const struct stats_obs *y = right;

	if (x->value != y->value)
		return x->value < y->value ? -1 : 1;
	return (int)x->is_bound - (int)y->is_bound;
}

void stats_sort(struct stats_obs *x, size_t n)
{
	if (n)
		qsort(x, n, sizeof(*x), stats_compare);
}

struct stats_obs stats_median(const struct stats_obs *x, size_t n)
{
	struct stats_obs median = {NAN, false};

	if (!n)
		return median;
	const size_t upper = n / 2;

	median.value = n % 2 ? x[upper].value : (x[upper - 1].value + x[upper].value) / 2;
	for (size_t i = 0; i <= upper; i++)
		median.is_bound |= x[i].is_bound;
	return median;
}

/* How many of a sorted group are surely smaller than x: known figures below it; for a bound, those
 * equal to it too. */
static size_t stats_n_smaller(const struct stats_obs *group, size_t n, struct stats_obs x,
			      const size_t *known_before)
{
	size_t low = 0;
	size_t high = n;

	while (low < high) {
		const size_t middle = (low + high) / 2;
		const bool is_below =
			x.is_bound ? group[middle].value <= x.value : group[middle].value < x.value;

		if (is_below)
			low = middle + 1;
		else
			high = middle;
	}
	return known_before[low];
}

/* How many are surely larger than x: none when x is a bound; else known figures above it, and bounds at
 * or above it. */
static size_t stats_n_larger(const struct stats_obs *group, size_t n, struct stats_obs x,
			     const size_t *known_before)
{
	size_t first_above = 0; /* first with value > x */
	size_t first_at = 0;	/* first with value >= x */

	if (x.is_bound)
		return 0;
	for (size_t low = 0, high = n; low < high;) {
		const size_t middle = (low + high) / 2;

		if (group[middle].value <= x.value)
			low = middle + 1;
		else
			high = middle;
		first_above = low;
	}
	for (size_t low = 0, high = n; low < high;) {
		const size_t middle = (low + high) / 2;

		if (group[middle].value < x.value)
			low = middle + 1;
		else
			high = middle;
		first_at = low;
	}
	/* Everything above counts; between first_at and first_above only the bounds do. */
	const size_t n_equal_known = known_before[first_above] - known_before[first_at];

	return n - first_at - n_equal_known;
}

/* The scores of all of a, then all of b.  NULL when memory is short; the caller frees. */
static int64_t *stats_scores(const struct stats_obs *a, size_t na, const struct stats_obs *b,
			     size_t nb)
{
	const size_t n = na + nb;
	struct stats_obs *all = malloc(n * sizeof(*all));
	size_t *known_before = malloc((n + 1) * sizeof(*known_before));
	int64_t *scores = malloc(n * sizeof(*scores));

	if (!all || !known_before || !scores) {
		free(scores);
		scores = NULL;
		goto out;
	}
	memcpy(all, a, na * sizeof(*all));
	memcpy(all + na, b, nb * sizeof(*all));
	stats_sort(all, n);
	known_before[0] = 0;
	for (size_t i = 0; i < n; i++)
		known_before[i + 1] = known_before[i] + !all[i].is_bound;
	for (size_t i = 0; i < n; i++) {
		const struct stats_obs x = i < na ? a[i] : b[i - na];

		scores[i] = (int64_t)stats_n_smaller(all, n, x, known_before) -
			    (int64_t)stats_n_larger(all, n, x, known_before);
	}
out:
	free(known_before);
	free(all);
	return scores;
}

/* P(|sum of the scores of k of the n, drawn at random| >= |observed|).  ways[j][s] counts the draws of j
 * scores whose sum is s, each score shifted by n - 1 so that none is negative.  Returns NaN when memory
 * is short.  Cost: n * k * (2 n k) additions. */
static double stats_exact_p(const int64_t *scores, size_t n, size_t k, int64_t observed)
{
	const size_t shift = n - 1;
	const size_t width = 2 * shift * k + 1;
	double *ways = calloc((k + 1) * width, sizeof(*ways));
	double beyond = 0;
	double total = 0;

	if (!ways)
		return NAN;
	ways[0] = 1;
	for (size_t i = 0; i < n; i++) {
		const size_t step = (size_t)(scores[i] + (int64_t)shift);

		for (size_t j = i + 1 < k ? i + 1 : k; j > 0; j--) {
			double *to = ways + j * width;
			const double *from = ways + (j - 1) * width;
			const size_t end = 2 * shift * (j - 1) + 1;

			for (size_t s = 0; s < end; s++)
				to[s + step] += from[s];
		}
	}
	for (size_t s = 0; s < width; s++) {
		const int64_t sum = (int64_t)s - (int64_t)(shift * k);

		total += ways[k * width + s];
		if (llabs(sum) >= llabs(observed))
			beyond += ways[k * width + s];
	}
	free(ways);
	return beyond / total;
}

/* The same by the normal distribution; the sum moves in steps of 2 where there are no ties, hence the
 * correction by 1. */
static double stats_normal_p(const int64_t *scores, size_t na, size_t nb, int64_t observed)
{
	const double n = (double)(na + nb);
	double squares = 0;

	for (size_t i = 0; i < na + nb; i++)
		squares += (double)scores[i] * (double)scores[i];
	const double variance = (double)na * (double)nb * squares / (n * (n - 1));
	const double distance = fabs((double)observed) - 1;

	if (variance <= 0 || distance <= 0)
		return 1;
	return erfc(distance / sqrt(2 * variance));
}

int stats_mann_whitney(const struct stats_obs *a, size_t na, const struct stats_obs *b, size_t nb,
		       struct stats_test *out)
{
	int64_t sum_b = 0;

	*out = (struct stats_test){.u = 0, .p = 1, .cliff_delta = 0, .is_exact = true};
	if (!na || !nb)
		return 0;
	int64_t *scores = stats_scores(a, na, b, nb);

	if (!scores)
		return -ENOMEM;
	for (size_t i = na; i < na + nb; i++)
		sum_b += scores[i];
	/* Pairs inside b cancel, so the sum is (pairs b > a) - (pairs b < a). */
	const double pairs = (double)na * (double)nb;

	out->cliff_delta = (double)sum_b / pairs;
	out->u = (pairs + (double)sum_b) / 2;
	out->is_exact = na + nb <= STATS_EXACT_MAX;
	/* All scores add up to 0, so the smaller group's sum says the same at less cost. */
	if (out->is_exact)
		out->p = stats_exact_p(scores, na + nb, na < nb ? na : nb, sum_b);
	else
		out->p = stats_normal_p(scores, na, nb, sum_b);
	free(scores);
	return isnan(out->p) ? -ENOMEM : 0;
}

double stats_min_p(size_t na, size_t nb)
{
	if (!na || !nb)
		return 1;
	const double p = 2 * exp(lgamma((double)na + 1) + lgamma((double)nb + 1) -
				 lgamma((double)(na + nb) + 1));

	return p < 1 ? p : 1;
}

/* Pairs with b - a <= limit; both sorted. */
static double stats_pairs_within(const struct stats_obs *a, size_t na, const struct stats_obs *b,
				 size_t nb, double limit)
{
	double count = 0;
	size_t j = 0;

	for (size_t i = 0; i < na; i++) {
		while (j < nb && b[j].value - a[i].value <= limit)
			j++;
		count += (double)j;
	}
	return count;
}

/* Doubles in their order as integers, so that halving an interval takes 64 steps whatever the scale. */
static int64_t stats_order_of(double x)
{
	int64_t bits;

	memcpy(&bits, &x, sizeof(bits));
	return bits < 0 ? INT64_MIN - bits : bits;
}

static double stats_double_at(int64_t order)
{
	const int64_t bits = order < 0 ? INT64_MIN - order : order;
	double x;

	memcpy(&x, &bits, sizeof(x));
	return x;
}

/* The rank-th smallest difference, from 1: the smallest limit within which `rank` pairs lie. */
static double stats_nth_difference(const struct stats_obs *a, size_t na, const struct stats_obs *b,
				   size_t nb, double rank)
{
	int64_t low = stats_order_of(b[0].value - a[na - 1].value);
	int64_t high = stats_order_of(b[nb - 1].value - a[0].value);

	while (low < high) {
		const int64_t middle = (low & high) + ((low ^ high) >> 1); /* cannot overflow */

		if (stats_pairs_within(a, na, b, nb, stats_double_at(middle)) >= rank)
			high = middle;
		else
			low = middle + 1;
	}
	return stats_double_at(low);
}

double stats_hodges_lehmann(const struct stats_obs *a, size_t na, const struct stats_obs *b,
			    size_t nb)
{
	const double pairs = (double)na * (double)nb;

	if (!na || !nb)
		return NAN;
	const double upper = stats_nth_difference(a, na, b, nb, floor(pairs / 2) + 1);

	if (fmod(pairs, 2) != 0)
		return upper;
	return (stats_nth_difference(a, na, b, nb, pairs / 2) + upper) / 2;
}

struct stats_ranked {
	double p;
	size_t index;
};

static int stats_compare_ranked(const void *left, const void *right)
{
	const struct stats_ranked *x = left;
	const struct stats_ranked *y = right;

	return x->p < y->p ? -1 : x->p > y->p;
}

int stats_holm(const double *p, double *adjusted, size_t n)
{
	double largest = 0;

	if (!n)
		return 0;
	struct stats_ranked *ranked = malloc(n * sizeof(*ranked));

	if (!ranked)
		return -ENOMEM;
	for (size_t i = 0; i < n; i++)
		ranked[i] = (struct stats_ranked){p[i], i};
	qsort(ranked, n, sizeof(*ranked), stats_compare_ranked);
	for (size_t i = 0; i < n; i++) {
		const double stepped = ranked[i].p * (double)(n - i);

		/* Never smaller than an earlier step: once one is not rejected, none after it is. */
		largest = fmax(largest, stepped < 1 ? stepped : 1);
		adjusted[ranked[i].index] = largest;
	}
	free(ranked);
	return 0;
}

static double stats_sum_of_squares(const struct stats_obs *x, size_t n)
{
	double mean = 0;
	double squares = 0;

	for (size_t i = 0; i < n; i++)
		mean += x[i].value / (double)n;
	for (size_t i = 0; i < n; i++)
		squares += (x[i].value - mean) * (x[i].value - mean);
	return squares;
}

double stats_pooled_sd(const struct stats_obs *a, size_t na, const struct stats_obs *b, size_t nb)
{
	if (na < 2 || nb < 2)
		return NAN;
	return sqrt((stats_sum_of_squares(a, na) + stats_sum_of_squares(b, nb)) /
		    (double)(na + nb - 2));
}

double stats_normal_quantile(double p)
{
	double low = -40; /* beyond it the probability is below the smallest double */
	double high = 40;

	for (int i = 0; i < 100; i++) {
		const double middle = (low + high) / 2;

		if (erfc(-middle / sqrt(2)) / 2 < p)
			low = middle;
		else
			high = middle;
	}
	return (low + high) / 2;
}

double stats_detectable_sd(size_t na, size_t nb, double alpha, double power)
{
	const double z = stats_normal_quantile(1 - alpha / 2) + stats_normal_quantile(power);
	const double pi = acos(-1);

	if (!na || !nb)
		return INFINITY;
	return z * sqrt((1.0 / (double)na + 1.0 / (double)nb) * pi / 3);
}

size_t stats_reps_needed(double effect_sd, double alpha, double power, size_t family)
{
	const double level = alpha / (double)(family ? family : 1);
	const double one = stats_detectable_sd(1, 1, level, power); /* falls with sqrt(n) */
	double n = ceil(one * one / (effect_sd * effect_sd));

	if (!(n >= 2))
		n = 2;
	while (n <= STATS_REPS_MAX && stats_min_p((size_t)n, (size_t)n) >= level)
		n++;
	return n <= STATS_REPS_MAX ? (size_t)n : 0;
}
