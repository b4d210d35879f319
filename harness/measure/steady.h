/* SPDX-License-Identifier: MIT */
/* steady.h - when a stage may end: a percentile of its response times has stopped moving.
 *
 * A stage is cut into points, each the percentile of at least STEADY_POINT_NS and of as many operations as
 * that percentile needs (km_samples_needed()).  Over the later half of all points so far, at least
 * STEADY_MIN_POINTS, a line is laid by least squares through ln(percentile) against time; `change` is what the
 * line rises or falls from the first to the last of them.  Steady: its size and its standard error are both at most
 * the limit.  Without the latter a noisy stage would end as soon as the line lies flat by chance.
 *
 * Logarithms, because one stalled moment may lift a P99 a hundredfold; half of all points, so that the
 * beginning is forgotten and the judgement grows surer the longer a stage goes on.
 *
 * One owner; nothing is allocated after steady_init().
 */
#ifndef RECLAIMBENCH_MEASURE_STEADY_H
#define RECLAIMBENCH_MEASURE_STEADY_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define STEADY_POINT_NS 100000000u
#define STEADY_MIN_POINTS 10

struct steady_rule {
	double q;     /* of the percentile: 0.99 */
	double limit; /* of the change: 0.02 */
};

struct steady_point {
	double at_s; /* the middle of the point, since the stage began */
	double log_value;
};

struct steady {
	struct steady_rule rule;
	struct steady_point *points; /* owned */
	size_t n, n_max;
	size_t n_fitted; /* points behind the fields below; 0: too few yet */
	double span_s;	 /* from the first to the last of them */
	double change;	 /* relative: 0.02 is 2 % more at the end */
	double error;	 /* standard error of `change` */
	bool is_steady;
};

/* "p99:2%": p50, p90, p99 or p999, and a limit above 0 and at most 100 %.  0 or -EINVAL. */
int steady_parse(const char *text, struct steady_rule *rule) __attribute__((warn_unused_result));
/* "p99" of a rule. */
const char *steady_name(const struct steady_rule *rule);

/* For a stage of at most this long.  0 or -ENOMEM.  Release with steady_fini(). */
int steady_init(struct steady *s, const struct steady_rule *rule, uint64_t duration_ns)
	__attribute__((warn_unused_result));
void steady_fini(struct steady *s);

/* A further point; whether it is steady now. */
bool steady_add(struct steady *s, double at_s, double value_ns);

#endif
