/* SPDX-License-Identifier: MIT */
/* hist.h - the log-linear bins all histograms share: exact below 128, then 64 bins per power of two
 * (relative width at most 1/64), up to 2^42 ns (73 min); HdrHistogram's idea with fixed parameters.
 * Pure functions.
 */
#ifndef RECLAIMBENCH_HIST_H
#define RECLAIMBENCH_HIST_H

#include <stdint.h>

#define HIST_SUB_BITS 6
#define HIST_MAX_BITS 42
#define HIST_N_BINS ((HIST_MAX_BITS - HIST_SUB_BITS + 1) << HIST_SUB_BITS)

/* The bin of a value; values of 2^42 and more share the last one.  Cost: ~1 ns. */
static inline uint32_t hist_bin(uint64_t value)
{
	if (value < (2u << HIST_SUB_BITS))
		return (uint32_t)value;
	if (value >> HIST_MAX_BITS)
		return HIST_N_BINS - 1;
	const unsigned shift = 63u - HIST_SUB_BITS - (unsigned)__builtin_clzll(value);

	return ((shift + 1) << HIST_SUB_BITS) + (uint32_t)(value >> shift) - (1u << HIST_SUB_BITS);
}

/* Smallest value of a bin, and of the next: the bin holds [low, high). */
static inline uint64_t hist_low(uint32_t bin)
{
	if (bin < (2u << HIST_SUB_BITS))
		return bin;
	const unsigned shift = (bin >> HIST_SUB_BITS) - 1;

	return (uint64_t)((bin & ((1u << HIST_SUB_BITS) - 1)) + (1u << HIST_SUB_BITS)) << shift;
}
static inline uint64_t hist_high(uint32_t bin)
{
	return hist_low(bin + 1);
}

/* Uncensored histogram for latencies: one writer. */
struct hist {
	uint64_t n;
	uint64_t max;
	double sum;
	uint64_t n_clipped;
	uint64_t bins[HIST_N_BINS];
};
static inline void hist_record(struct hist *h, uint64_t value)
{
	h->bins[hist_bin(value)]++;
	h->n++;
	h->sum += (double)value;
	if (value > h->max)
		h->max = value;
	if (value >> HIST_MAX_BITS)
		h->n_clipped++;
}
void hist_reset(struct hist *h);
void hist_merge(struct hist *into, const struct hist *from);
/* The q-quantile (0..1), interpolated inside its bin; the maximum is exact; NaN when empty. */
double hist_quantile(const struct hist *h, double q);

#endif
