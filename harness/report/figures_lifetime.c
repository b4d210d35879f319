/* SPDX-License-Identifier: MIT */
/* figures_lifetime.c - lifetime percentiles, lifetimes against rate, latency percentiles. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "report/figures.h"

/* More stages than this do not fit one figure. */
enum { FIGURES_MAX_PANELS = 8 };

const char *figures_object(const struct figure_set *set, size_t setting)
{
	if (set->object)
		return set->object;
	return results_main_object(set->results, setting, "lifetime", "total");
}

/* "p50" 0.5, "p999" 0.999; false when it is no percentile. */
static bool figures_quantile(const char *stat, double *q)
{
	double scale = 0.1;

	if (stat[0] != 'p' || !stat[1] || strspn(stat + 1, "0123456789") != strlen(stat + 1))
		return false;
	*q = 0;
	for (const char *c = stat + 1; *c; c++, scale /= 10)
		*q += (*c - '0') * scale;
	return *q > 0 && *q < 1;
}

int figures_compare_x(const void *a, const void *b)
{
	const struct figure_point *p = a;
	const struct figure_point *q = b;

	if (p->panel != q->panel)
		return p->panel < q->panel ? -1 : 1;
	if (p->series != q->series)
		return p->series < q->series ? -1 : 1;
	if (p->is_extra != q->is_extra)
		return p->is_extra ? 1 : -1;
	return p->x < q->x ? -1 : p->x > q->x;
}

/* A percentile axis up to the last percentile present. */
static void figures_percentile_axis(char *buf, size_t size, double max_x)
{
	snprintf(buf, size,
		 "set logscale x; set xrange [1.8:%.6g]; set xtics ('50 %%%%' 2, '90 %%%%' 10, '99 "
		 "%%%%' 100, "
		 "'99.9 %%%%' 1000, '99.99 %%%%' 10000)",
		 max_x * 1.35);
}

/* All percentiles of one metric, a panel per stage.  Adds to c->points. */
static int figures_collect_percentiles(const struct results *r, struct figure_curves *c,
				       const size_t *stages, const struct results_query *query,
				       bool is_extra)
{
	for (size_t panel = 0; panel < c->n_panels; panel++) {
		for (size_t i = 0; i < r->n_points; i++) {
			const struct results_point *p = &r->points[i];
			const char *stat = table_string(r->table, p->stat);
			struct results_query exact = *query;
			double q;
			int rc;

			if (p->setting != c->setting || p->stage != stages[panel] ||
			    !(p->value > 0) ||
			    strcmp(table_string(r->table, p->metric), query->metric) ||
			    !figures_quantile(stat, &q))
				continue;
			exact.stat = stat;
			if (results_find(r, p->setting, p->series, p->stage, &exact) != p)
				continue;
			rc = figure_curves_add(
				c, &(struct figure_point){.panel = panel,
							  .series = p->series,
							  .is_extra = is_extra,
							  .is_bound = results_is_bound(p),
							  .x = 1 / (1 - q),
							  .y = p->value,
							  .low = p->low,
							  .high = p->high});
			if (rc)
				return rc;
		}
	}
	return 0;
}

/* The stages in which a metric has values; returns how many, at most FIGURES_MAX_PANELS. */
static size_t figures_stages_with(const struct results *r, size_t setting,
				  const struct results_query *query, size_t *stages,
				  char (*names)[64])
{
	size_t n = 0;

	for (size_t stage = 0; stage < r->n_stages && n < FIGURES_MAX_PANELS; stage++) {
		bool is_there = false;

		if (!r->stages[stage].is_measured)
			continue;
		for (size_t series = 0; series < r->n_series && !is_there; series++)
			is_there =
				results_has_value(results_find(r, setting, series, stage, query));
		if (!is_there)
			continue;
		if (isnan(results_load(r, setting, stage)->offered_ops_per_s))
			snprintf(names[n], sizeof(names[n]), "%.40s (closed loop)",
				 r->stages[stage].name);
		else
			snprintf(names[n], sizeof(names[n]), "%.40s ops/s offered",
				 r->stages[stage].name);
		stages[n++] = stage;
	}
	return n;
}

static int figures_draw_percentiles(struct figure_set *set, struct figure_curves *c)
{
	enum figure_unit units[FIGURES_MAX_PANELS] = {FIGURE_TIME_NS};
	double max_x = 10;
	char axis[256];

	for (size_t i = 0; i < c->n_points; i++)
		if (c->points[i].x > max_x)
			max_x = c->points[i].x;
	qsort(c->points, c->n_points, sizeof(*c->points), figures_compare_x);
	figures_percentile_axis(axis, sizeof(axis), max_x);
	c->xaxis = axis;
	c->units = units;
	const int rc = figure_curves_draw(set, c);

	c->xaxis = NULL; /* both were ours */
	c->units = NULL;
	return rc;
}

/* Draw what was collected (rc: 0 or an error of that), or say why not; releases the points. */
static int figures_finish_percentiles(struct figure_set *set, struct figure_curves *c, int rc,
				      const char *none)
{
	if (!rc && !c->n_points)
		rc = figure_skip(set, c->name, c->setting, c->title, "%s", none);
	else if (!rc)
		rc = figures_draw_percentiles(set, c);
	free(c->points);
	return rc;
}

int figure_lifetime_percentiles(struct figure_set *set, size_t setting)
{
	static const char name[] = "lifetime-percentiles";
	const struct results *r = set->results;
	const char *object = figures_object(set, setting);
	const struct results_query query = {
		.metric = "lifetime", .object = object, .phase = "total"};
	size_t stages[FIGURES_MAX_PANELS] = {0};
	char panels[FIGURES_MAX_PANELS][64];
	char title[128];
	struct figure_curves c = {
		.name = name,
		.title = title,
		.setting = setting,
		.panels = panels,
		.xlabel = "share of the objects that live at most this long",
		.ylabel = "lifetime, death to free",
		.extra_kind = "none",
		.extra_text = "",
	};

	snprintf(title, sizeof(title), "How long a deleted %s lives", object ? object : "object");
	c.n_panels = object ? figures_stages_with(r, setting, &query, stages, panels) : 0;
	if (!c.n_panels)
		return figure_skip(set, name, setting, title, "no lifetime has a value%s%s",
				   set->object ? " for the object class " : "",
				   set->object ? set->object : "");
	return figures_finish_percentiles(set, &c,
					  figures_collect_percentiles(r, &c, stages, &query, false),
					  "no percentile of the lifetime has a value above 0");
}

int figure_latency_percentiles(struct figure_set *set, size_t setting)
{
	static const char name[] = "latency-percentiles";
	const struct results *r = set->results;
	const char *object = "delete";
	/* Readers have response times too, of gets that nobody scheduled. */
	struct results_query query = {.metric = "response", .object = object, .role = "mutator"};
	size_t stages[FIGURES_MAX_PANELS] = {0};
	char panels[FIGURES_MAX_PANELS][64];
	char title[128];
	struct figure_curves c = {
		.name = name,
		.title = title,
		.setting = setting,
		.panels = panels,
		.xlabel = "share of the operations that take at most this long",
		.ylabel = "time from the intended start",
		.extra_kind = "line",
		.extra_text = "dotted: service time alone",
	};
	int rc;

	c.n_panels = figures_stages_with(r, setting, &query, stages, panels);
	if (!c.n_panels) {
		object = results_main_object(r, setting, "response", NULL);
		query.object = object;
		c.n_panels = figures_stages_with(r, setting, &query, stages, panels);
	}
	snprintf(title, sizeof(title), "Latency of %s: response, and service alone",
		 object ? object : "all operations");
	if (!c.n_panels)
		return figure_skip(set, name, setting, title, "no response time has a value");
	rc = figures_collect_percentiles(r, &c, stages, &query, false);
	query.metric = "service";
	if (!rc)
		rc = figures_collect_percentiles(r, &c, stages, &query, true);
	return figures_finish_percentiles(set, &c, rc,
					  "no percentile of the latency has a value above 0");
}

/* The rate a stage stands at: offered, or what a closed loop achieved; NaN when unknown. */
static double figures_rate(const struct results *r, size_t setting, size_t series, size_t stage)
{
	const struct results_query query = {
		.metric = "throughput", .stat = "rate", .role = "mutator"};
	const struct results_point *p;

	if (!isnan(results_load(r, setting, stage)->offered_ops_per_s))
		return results_load(r, setting, stage)->offered_ops_per_s;
	p = results_find(r, setting, series, stage, &query);
	return p ? p->value : NAN;
}

static int figures_collect_rates(const struct results *r, struct figure_curves *c,
				 const char *object)
{
	static const char *const stats[] = {"p50", "p99"};

	for (size_t i = 0; i < 2 * r->n_series * r->n_stages; i++) {
		const size_t panel = i % 2;
		const size_t series = i / 2 / r->n_stages;
		const size_t stage = i / 2 % r->n_stages;
		const struct results_query query = {.metric = "lifetime",
						    .object = object,
						    .phase = "total",
						    .stat = stats[panel]};
		const struct results_point *p = results_find(r, c->setting, series, stage, &query);
		struct figure_point point = {.panel = panel, .series = series};

		point.x = figures_rate(r, c->setting, series, stage);
		if (!r->stages[stage].is_measured || !p || !(p->value > 0) || !(point.x > 0))
			continue;
		point.y = p->value;
		point.low = p->low;
		point.high = p->high;
		point.is_bound = results_is_bound(p);
		if (figure_curves_add(c, &point))
			return -ENOMEM;
		point.is_extra = true;
		if (isnan(results_load(r, c->setting, stage)->offered_ops_per_s) &&
		    figure_curves_add(c, &point))
			return -ENOMEM;
	}
	return 0;
}

int figure_lifetime_by_rate(struct figure_set *set, size_t setting)
{
	static const char name[] = "lifetime-by-rate";
	static const enum figure_unit units[] = {FIGURE_TIME_NS, FIGURE_TIME_NS};
	const char *object = figures_object(set, setting);
	char panels[][64] = {"P50", "P99"};
	struct figure_range rates = FIGURE_RANGE_EMPTY;
	char title[128];
	char axis[1024];
	struct figure_curves c = {
		.name = name,
		.title = title,
		.setting = setting,
		.n_panels = 2,
		.panels = panels,
		.units = units,
		.xlabel = "operations per second offered",
		.xaxis = axis,
		.ylabel = "lifetime, death to free",
		.extra_kind = "cross",
		.extra_text = "cross: closed loop, rate achieved",
	};
	int rc;

	snprintf(title, sizeof(title), "Lifetime of a deleted %s against the rate",
		 object ? object : "object");
	if (!object)
		return figure_skip(set, name, setting, title, "no lifetime has a value");
	rc = figures_collect_rates(set->results, &c, object);
	for (size_t i = 0; i < c.n_points; i++)
		figure_range_add(&rates, c.points[i].x);
	if (!rc && (!c.n_points || rates.min == rates.max)) {
		rc = figure_skip(set, name, setting, title, "needs stages of two rates at least");
	} else if (!rc) {
		figure_log_axis(axis, sizeof(axis), "x", FIGURE_COUNT, &rates);
		qsort(c.points, c.n_points, sizeof(*c.points), figures_compare_x);
		rc = figure_curves_draw(set, &c);
	}
	free(c.points);
	return rc;
}
