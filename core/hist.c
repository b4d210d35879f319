/* SPDX-License-Identifier: MIT */
/* hist.c - what the log-linear histograms need besides recording. */
#include "hist.h"

#include <math.h>
#include <string.h>

void hist_reset(struct hist *h)
{
	memset(h, 0, sizeof(*h));
}

void hist_merge(struct hist *into, const struct hist *from)
{
	if (from->n == 0)
		return;
	for (uint32_t i = 0; i < HIST_N_BINS; i++)
		into->bins[i] += from->bins[i];
	into->n += from->n;
	into->sum += from->sum;
	into->n_clipped += from->n_clipped;
	if (from->max > into->max)
		into->max = from->max;
}

/* Values lie evenly in their bin, as far as the histogram knows.  A bin of width 1 has one value. */
static double hist_interpolate(const struct hist *h, uint32_t bin, double fraction)
{
	const double low = (double)hist_low(bin);
	const double width = (double)(hist_high(bin) - hist_low(bin));
	const double value = width > 1 ? low + fraction * width : low;

	return value < (double)h->max ? value : (double)h->max;
}

double hist_quantile(const struct hist *h, double q)
{
	uint64_t below = 0;

	if (h->n == 0)
		return NAN;
	if (q >= 1)
		return (double)h->max;
	double rank = q * (double)h->n;

	for (uint32_t i = 0; i < HIST_N_BINS; i++) {
		const uint64_t n = h->bins[i];

		if (n != 0 && (double)(below + n) >= rank)
			return hist_interpolate(h, i, (rank - (double)below) / (double)n);
		below += n;
	}
	return (double)h->max;
}
