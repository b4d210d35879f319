/* SPDX-License-Identifier: MIT */
/* figures.h - the figures of DESIGN; each function draws one for one setting, or records why not.
 *
 * All return 0 (drawn or skipped), or -errno with set->error.  Threads: one.
 */
#ifndef RECLAIMBENCH_FIGURES_H
#define RECLAIMBENCH_FIGURES_H

#include "report/figure.h"

/* Every figure for every setting (at most set->max_settings), and those of the whole matrix. */
int figures_draw(struct figure_set *set) __attribute__((warn_unused_result));

int figure_lifetime_percentiles(struct figure_set *set, size_t setting); /* (a) */
int figure_lifetime_by_rate(struct figure_set *set, size_t setting);	 /* (b) */
int figure_limbo_over_time(struct figure_set *set, size_t setting);	 /* (c) */
int figure_phases(struct figure_set *set, size_t setting);		 /* (d) */
int figure_heat_map(struct figure_set *set);				 /* (e) */
int figure_pareto(struct figure_set *set, size_t setting);		 /* (f) */
int figure_latency_percentiles(struct figure_set *set, size_t setting);	 /* (g) */
int figure_counters(struct figure_set *set, size_t setting);		 /* (h) */
int figures_by_cost(struct figure_set *set); /* (i): by keys, by threads */

/* The object class that lifetimes are shown of in a setting, or NULL. */
const char *figures_object(const struct figure_set *set, size_t setting);

/* Panels of curves: what (a), (b), (g) and (i) share.  A point is drawn solid unless it is a bound. */
struct figure_point {
	size_t panel, series;
	bool is_extra; /* the second line or the crosses */
	bool is_bound;
	double x, y, low, high;
};
struct figure_curves {
	const char *name, *title;
	size_t setting;
	size_t n_panels;
	char (*panels)[64];
	const char *ylabel;	       /* of all panels, or */
	const char *const *ylabels;    /* one each */
	const enum figure_unit *units; /* of y, per panel */
	bool has_own_y;		       /* panels do not share their y range */
	const char *xlabel, *xaxis;    /* xaxis: gnuplot commands */
	const char *extra_kind, *extra_text;
	struct figure_point *points; /* in drawing order within a panel and series */
	size_t n_points;
};
int figures_compare_x(const void *a, const void *b); /* of points, for qsort: their drawing order */
int figure_curves_add(struct figure_curves *c, const struct figure_point *point);
int figure_curves_draw(struct figure_set *set, const struct figure_curves *c);

#endif
