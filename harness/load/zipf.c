/* SPDX-License-Identifier: MIT */
/* zipf.c - rejection-inversion; names as in the paper: h the density, H its integral. */
#include "load/zipf.h"

#include <math.h>

/* (exp(x) - 1) / x, and log(1 + x) / x: both tend to 1 where they are 0 / 0. */
static double zipf_expm1_over(double x)
{
	return fabs(x) > 1e-8 ? expm1(x) / x : 1 + x / 2;
}

static double zipf_log1p_over(double x)
{
	return fabs(x) > 1e-8 ? log1p(x) / x : 1 - x / 2;
}

/* H(x) = (x^(1 - theta) - 1) / (1 - theta), and log(x) for theta = 1. */
static double zipf_integral(double theta, double x)
{
	const double log_x = log(x);

	return zipf_expm1_over((1 - theta) * log_x) * log_x;
}

static double zipf_inverse(double theta, double h)
{
	double t = h * (1 - theta);

	if (t < -1) /* rounding may step below the smallest value H has */
		t = -1;
	return exp(zipf_log1p_over(t) * h);
}

static double zipf_density(double theta, double x)
{
	return exp(-theta * log(x));
}

void zipf_init(struct zipf *z, uint64_t n, double theta)
{
	z->n = n;
	z->theta = theta;
	z->h_first = zipf_integral(theta, 1.5) - 1;
	z->h_last = zipf_integral(theta, (double)n + 0.5);
	z->cut = 2 - zipf_inverse(theta, zipf_integral(theta, 2.5) - zipf_density(theta, 2));
}

uint64_t zipf_next(const struct zipf *z, struct rng *rng)
{
	for (;;) {
		const double u = z->h_last + rng_unit(rng) * (z->h_first - z->h_last);
		const double x = zipf_inverse(z->theta, u);
		double k = floor(x + 0.5);

		if (k < 1)
			k = 1;
		else if (k > (double)z->n)
			k = (double)z->n;
		if (k - x <= z->cut ||
		    u >= zipf_integral(z->theta, k + 0.5) - zipf_density(z->theta, k))
			return (uint64_t)k - 1;
	}
}
