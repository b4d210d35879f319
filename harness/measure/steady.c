/* SPDX-License-Identifier: MIT */
/* steady.c - the rule by which a stage ends before its time; see steady.h. */
#include "measure/steady.h"

#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "units.h"

static const struct {
	const char *name;
	double q;
} steady_percentiles[] = {{"p50", 0.5}, {"p90", 0.9}, {"p99", 0.99}, {"p999", 0.999}};
#define STEADY_N_PERCENTILES (sizeof(steady_percentiles) / sizeof(steady_percentiles[0]))

int steady_parse(const char *text, struct steady_rule *rule)
{
	const char *colon = strchr(text, ':');

	for (size_t i = 0; colon != NULL && i < STEADY_N_PERCENTILES; i++) {
		const char *name = steady_percentiles[i].name;

		if (strlen(name) != (size_t)(colon - text) ||
		    strncmp(name, text, strlen(name)) != 0)
			continue;
		rule->q = steady_percentiles[i].q;
		if (units_parse_fraction(colon + 1, &rule->limit) == 0 && rule->limit > 0)
			return 0;
	}
	return -EINVAL;
}

const char *steady_name(const struct steady_rule *rule)
{
	size_t i = 0;

	while (i + 1 < STEADY_N_PERCENTILES && steady_percentiles[i].q < rule->q)
		i++;
	return steady_percentiles[i].name;
}

int steady_init(struct steady *s, const struct steady_rule *rule, uint64_t duration_ns)
{
	/* No point is shorter than STEADY_POINT_NS; one more for the rest at the end. */
	*s = (struct steady){.rule = *rule, .n_max = duration_ns / STEADY_POINT_NS + 1};
	s->points = calloc(s->n_max, sizeof(*s->points));
	return s->points != NULL ? 0 : -ENOMEM;
}

void steady_fini(struct steady *s)
{
	free(s->points);
	s->points = NULL;
}

/* Least squares through the last n points. */
static void steady_fit(struct steady *s, size_t n)
{
	const struct steady_point *p = &s->points[s->n - n];
	double t_mean = 0, y_mean = 0, tt = 0, ty = 0, yy = 0;

	for (size_t i = 0; i < n; i++) {
		t_mean += p[i].at_s / (double)n;
		y_mean += p[i].log_value / (double)n;
	}
	for (size_t i = 0; i < n; i++) {
		const double t = p[i].at_s - t_mean, y = p[i].log_value - y_mean;

		tt += t * t;
		ty += t * y;
		yy += y * y;
	}
	const double slope = tt > 0 ? ty / tt : 0;
	const double residual = yy - slope * ty > 0 ? yy - slope * ty : 0;

	s->n_fitted = n;
	s->span_s = p[n - 1].at_s - p[0].at_s;
	s->change = expm1(slope * s->span_s);
	s->error = tt > 0 ? sqrt(residual / (double)(n - 2) / tt) * s->span_s : 0;
	s->is_steady = fabs(s->change) <= s->rule.limit && s->error <= s->rule.limit;
}

bool steady_add(struct steady *s, double at_s, double value_ns)
{
	if (s->n == s->n_max)
		return s->is_steady;
	/* Below a nanosecond nothing is measured. */
	s->points[s->n++] = (struct steady_point){at_s, log(value_ns > 1 ? value_ns : 1)};
	if (s->n >= STEADY_MIN_POINTS)
		steady_fit(s, s->n / 2 > STEADY_MIN_POINTS ? s->n / 2 : STEADY_MIN_POINTS);
	return s->is_steady;
}
