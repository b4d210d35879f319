/* SPDX-License-Identifier: MIT */
/* cost.c - the price of tracking; see cost.h. */
#include "run/cost.h"

#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "run/stage.h"

enum { COST_OFF, COST_ON, COST_N };

static int compare_doubles(const void *a, const void *b)
{
	const double x = *(const double *)a, y = *(const double *)b;

	return (x > y) - (x < y);
}

static double cost_median(double *values, unsigned n)
{
	qsort(values, n, sizeof(*values), compare_doubles);
	return n % 2 == 1 ? values[n / 2] : (values[n / 2 - 1] + values[n / 2]) / 2;
}

static void cost_interrupted(struct cost *out)
{
	out->is_interrupted = true;
	snprintf(out->reason, sizeof(out->reason), "interrupted");
}

/* One segment; ns per operation and thread, or NaN. */
static double cost_segment(struct cost *out, struct run_instance *in, unsigned index)
{
	const struct stage spec = {
		.name = "cost", .rate_per_s = STAGES_RATE_CLOSED, .duration_ns = COST_SEGMENT_NS};
	struct stage_result *s;
	double ns = NAN;
	const int error = stage_run(&s, in, &spec, index, 0);

	if (error != 0)
		snprintf(out->reason, sizeof(out->reason), "a stage failed: %s", strerror(-error));
	else if (s->is_interrupted)
		cost_interrupted(out);
	else if (s->role[ROLE_MUTATOR].n_ops > 0)
		ns = s->seconds * 1e9 / (double)s->role[ROLE_MUTATOR].n_ops;
	stage_result_free(s);
	return ns;
}

static void cost_rounds(struct cost *out, struct run_instance *const in[COST_N])
{
	double ns[COST_N][COST_ROUNDS], ratios[COST_ROUNDS];

	/* The first segment of each warms up. */
	for (unsigned i = 0; i < COST_N; i++)
		if (isnan(cost_segment(out, in[i], 0)))
			return;
	for (unsigned round = 0; round < COST_ROUNDS; round++) {
		for (unsigned i = 0; i < COST_N; i++) {
			const unsigned which = (i + round) % COST_N;

			ns[which][round] = cost_segment(out, in[which], round + 1);
			if (isnan(ns[which][round]))
				return;
		}
		ratios[round] = ns[COST_ON][round] / ns[COST_OFF][round];
	}
	out->n_rounds = COST_ROUNDS;
	out->ns_per_op_on = cost_median(ns[COST_ON], COST_ROUNDS);
	out->ns_per_op_off = cost_median(ns[COST_OFF], COST_ROUNDS);
	out->ratio = cost_median(ratios, COST_ROUNDS); /* sorts */
	out->low = ratios[COST_LOW_RANK];
	out->high = ratios[COST_ROUNDS - 1 - COST_LOW_RANK];
}

/* Two instances, made as configs[] says, in turns. */
static void cost_compare(struct cost *out, const struct run_config *const configs[COST_N],
			 const bool tracking[COST_N], const struct clock *clock,
			 const struct run_source *source)
{
	struct run_instance *in[COST_N] = {NULL, NULL};
	struct run_source flat_out;

	memset(out, 0, sizeof(*out));
	out->ratio = out->low = out->high = NAN;
	if (source != NULL) {
		flat_out = *source;
		flat_out.pace.kind = TRACE_PACE_MAX;
		source = &flat_out;
	}
	for (unsigned i = 0; i < COST_N; i++) {
		if (run_instance_create(&in[i], configs[i], clock, source, NULL, tracking[i],
					out->reason, sizeof(out->reason)) != 0)
			goto out;
		out->reason[0] = '\0';
		const int error = run_instance_prefill(in[i]);

		if (error == -EINTR)
			cost_interrupted(out);
		else if (error != 0)
			snprintf(out->reason, sizeof(out->reason), "%s", strerror(-error));
		if (error != 0)
			goto out;
	}
	cost_rounds(out, in);
out:
	for (unsigned i = 0; i < COST_N; i++)
		run_instance_destroy(in[i]);
}

void cost_measure(struct cost *out, const struct run_config *config, const struct clock *clock,
		  const struct run_source *source)
{
	const struct run_config *const configs[COST_N] = {config, config};
	const bool tracking[COST_N] = {[COST_ON] = true};

	cost_compare(out, configs, tracking, clock, source);
}

void cost_measure_audit(struct cost *out, const struct run_config *config,
			const struct clock *clock, const struct run_source *source)
{
	struct run_config plain = *config;
	const struct run_config *const configs[COST_N] = {[COST_OFF] = &plain, [COST_ON] = config};
	const bool tracking[COST_N] = {config->tracking, config->tracking};

	plain.audit = false;
	cost_compare(out, configs, tracking, clock, source);
}
