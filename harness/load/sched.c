/* SPDX-License-Identifier: MIT */
/* sched.c - intended starts; see sched.h for the method. */
#include "load/sched.h"

#include <errno.h>
#include <math.h>
#include <string.h>

#define SCHED_PURPOSE 0x5c4ed /* tells these random numbers from those of the operations */

int sched_parse_arrival(const char *text, enum sched_arrival *out)
{
	if (strcmp(text, "constant") == 0)
		*out = SCHED_CONSTANT;
	else if (strcmp(text, "poisson") == 0)
		*out = SCHED_POISSON;
	else
		return -EINVAL;
	return 0;
}

void sched_init(struct sched *s, const struct sched_config *config)
{
	const double duration_ns = (double)config->duration_ns;
	/* 2^64 starts would need 585 years at the highest rate: the product fits. */
	const uint64_t n = (uint64_t)llrint((double)config->rate_per_s * (duration_ns / 1e9));
	const double interval_ns = n ? duration_ns / (double)n : 0;

	s->arrival = config->arrival;
	s->n_total = sched_share(n, config->thread, config->n_threads);
	s->n_left = s->n_total;
	s->end_ns = duration_ns;
	s->step_ns = interval_ns * config->n_threads;
	s->now_ns = config->arrival == SCHED_CONSTANT ? interval_ns * (config->thread + 0.5) : 0;
	rng_seed(&s->rng, config->seed, config->thread,
		 SCHED_PURPOSE + ((uint64_t)config->stage << 32));
}

void sched_advance_poisson(struct sched *s)
{
	const double x = -log(rng_unit(&s->rng)) / (double)s->n_left;
	/* 1 - exp(-x).  Three terms of its series err by x^4 / 24, 4e-14 at the limit: far below a
	 * nanosecond in a day; and they spare the second transcendental function but for the last
	 * thousand starts of a stage. */
	const double share = x < 1e-3 ? x * (1 - x * (0.5 - x / 6)) : -expm1(-x);

	s->now_ns += (s->end_ns - s->now_ns) * share;
}
