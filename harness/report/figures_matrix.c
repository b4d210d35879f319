/* SPDX-License-Identifier: MIT */
/* figures_matrix.c - the heat map of all cells, throughput against lifetime with the Pareto front, and
 * the list of all figures. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "report/figures.h"

enum { HEAT_MAX_COLUMNS = 48, HEAT_CELL_W = 72, HEAT_CELL_H = 30, HEAD_H = 56, PARETO_W = 960 };

/* "metric/phase/stat" or "metric/stat" taken apart; `buf` holds the parts. */
static void heat_query(const struct figure_set *set, char *buf, size_t size,
		       struct results_query *query)
{
	char *parts[3] = {NULL};
	size_t n = 0;

	snprintf(buf, size, "%s", set->metric);
	for (char *p = strtok(buf, "/"); p && n < 3; p = strtok(NULL, "/"))
		parts[n++] = p;
	*query = (struct results_query){.metric = parts[0]};
	query->phase = n == 3 ? parts[1] : NULL;
	query->stat = n == 3 ? parts[2] : parts[1];
}

struct heat {
	size_t settings[HEAT_MAX_COLUMNS];
	size_t stages[HEAT_MAX_COLUMNS];
	size_t n_columns;
	size_t n_left_out;
	struct figure_range range;
	enum figure_unit unit;
	struct results_query query;
	bool is_lifetime;
};

static const struct results_point *heat_point(const struct figure_set *set, const struct heat *h,
					      size_t column, size_t series)
{
	struct results_query query = h->query;

	if (h->is_lifetime)
		query.object = figures_object(set, h->settings[column]);
	return results_find(set->results, h->settings[column], series, h->stages[column], &query);
}

static void heat_collect(const struct figure_set *set, struct heat *h)
{
	const struct results *r = set->results;

	for (size_t i = 0; i < r->n_settings * r->n_stages; i++) {
		const size_t column = h->n_columns;
		bool is_there = false;

		if (!r->stages[i % r->n_stages].is_measured)
			continue;
		if (column == HEAT_MAX_COLUMNS) {
			h->n_left_out++;
			continue;
		}
		h->settings[column] = i / r->n_stages;
		h->stages[column] = i % r->n_stages;
		for (size_t s = 0; s < r->n_series; s++) {
			const struct results_point *p = heat_point(set, h, column, s);

			if (!p)
				continue;
			is_there = true;
			figure_range_add(&h->range, p->value > 0 ? p->value : NAN);
			h->unit = figure_unit_of(p->unit);
		}
		h->n_columns += is_there;
	}
}

static void heat_columns(struct figure *f, const struct heat *h, size_t *longest)
{
	const struct results *r = f->set->results;

	figure_number(f, "n_columns", (double)h->n_columns);
	figure_array(f, "column", h->n_columns);
	for (size_t c = 0; c < h->n_columns; c++) {
		char text[200];
		char label[120];

		const char *setting = r->settings[h->settings[c]].short_label;

		/* The stage first: what is cut off is the end. */
		snprintf(text, sizeof(text), "%s%s%s", r->stages[h->stages[c]].name,
			 *setting ? ", " : "", setting);
		figure_shorten(label, sizeof(label), text, 34);
		figure_array_tic(f, "column", c, label);
		if (strlen(label) > *longest)
			*longest = strlen(label);
	}
}

/* What stands in a cell without a colour. */
static const char *heat_note(const struct results *r, const struct results_point *p, size_t setting,
			     size_t series)
{
	if (results_has_value(p))
		return "0";
	if (results_has_failed(r, setting, series))
		return "failed";
	if (!p)
		return "";
	return p->status == STATUS_NOT_AVAILABLE ? "n/a" : table_status_name(p->status);
}

/* Rows of one kind: 0 the colours, 1 cells without a figure, 2 and 3 texts on dark and light cells. */
static void heat_block(struct figure *f, const struct heat *h, int kind)
{
	static const char *const names[] = {"figures", "no figure", "texts on dark",
					    "texts on light"};
	const double middle = sqrt(h->range.min * h->range.max);
	char text[48];

	figure_block_begin(f, names[kind]);
	for (size_t i = 0; i < h->n_columns * f->set->results->n_series; i++) {
		const size_t column = i % h->n_columns;
		const size_t series = i / h->n_columns;
		const double x = (double)column + 1;
		const double y = (double)series + 1;
		const struct results_point *p = heat_point(f->set, h, column, series);
		const bool is_shown = results_has_value(p) && p->value > 0;
		const bool is_dark = is_shown && p->value < middle;

		if (kind == 0 && is_shown)
			figure_row(f, (const double[]){x, y, p->value}, 3);
		else if (kind == 1 && !is_shown)
			figure_row(f, (const double[]){x, y}, 2);
		else if (kind >= 2 && is_shown && is_dark == (kind == 2))
			figure_row_text(f, x, y,
					figure_format(text, sizeof(text), h->unit, p->value,
						      results_is_bound(p)));
		else if (kind == 3 && !is_shown)
			figure_row_text(f, x, y,
					heat_note(f->set->results, p, h->settings[column], series));
	}
	figure_block_end(f);
}

static int heat_draw(struct figure_set *set, const struct heat *h, const char *name,
		     const char *title)
{
	const int label_w = figure_label_width(set->results);
	int width = label_w + HEAT_CELL_W * (int)h->n_columns + 120;
	size_t longest = 0;
	struct figure f;
	char axis[1024];
	char label[160];
	int rc;

	for (size_t c = 0; c < h->n_columns; c++) {
		const char *text = set->results->settings[h->settings[c]].short_label;
		const size_t n = strlen(text) + 2 + strlen(set->results->stages[h->stages[c]].name);

		longest = n > longest ? n : longest;
	}
	longest = longest < 34 ? longest : 34;
	width = width < 720 ? 720 : width;
	/* Labels turned by 40 degrees: 0.65 of their length in height. */
	rc = figure_begin(&f, set, FIGURE_HEATMAP, name, RESULTS_NONE, title, width,
			  HEAD_H + 14 + HEAT_CELL_H * (int)set->results->n_series + 36 +
				  (int)longest * 5);
	if (rc)
		return rc;
	/* The first label, turned, also needs room to the left. */
	figure_number(&f, "label_w",
		      label_w > (int)longest * 6 - 20 ? label_w : (int)longest * 6 - 20);
	figure_number(&f, "label_h", 36 + (double)longest * 5);
	longest = 0;
	heat_columns(&f, h, &longest);
	snprintf(label, sizeof(label), "%s", set->metric);
	figure_text(&f, "cb_text", label);
	figure_log_axis(axis, sizeof(axis), "cb", h->unit, &h->range);
	fprintf(f.gp, "%s\n", axis);
	for (int kind = 0; kind < 4; kind++)
		heat_block(&f, h, kind);
	return figure_end(&f);
}

int figure_heat_map(struct figure_set *set)
{
	static const char name[] = "heat-map";
	struct heat h = {.range = FIGURE_RANGE_EMPTY};
	char title[200];
	char buf[128];

	heat_query(set, buf, sizeof(buf), &h.query);
	h.is_lifetime = h.query.metric && !strcmp(h.query.metric, "lifetime");
	heat_collect(set, &h);
	if (h.n_left_out)
		snprintf(title, sizeof(title),
			 "%.80s over the matrix (%zu further columns left out)", set->metric,
			 h.n_left_out);
	else
		snprintf(title, sizeof(title), "%.80s over the matrix", set->metric);
	if (!h.n_columns)
		return figure_skip(set, name, RESULTS_NONE, title, "no row has the metric %s",
				   set->metric);
	if (figure_range_is_empty(&h.range))
		return figure_skip(set, name, RESULTS_NONE, title, "no value of %s is above 0",
				   set->metric);
	if (set->results->n_series * h.n_columns < 2)
		return figure_skip(set, name, RESULTS_NONE, title, "there is one cell only");
	return heat_draw(set, &h, name, title);
}

struct pareto_point {
	size_t series;
	double x, y;
	bool is_bound;
};

static int pareto_compare(const void *a, const void *b)
{
	const struct pareto_point *p = a;
	const struct pareto_point *q = b;

	return p->x > q->x ? -1 : p->x < q->x;
}

/* From the fastest down, what lowers the lifetime; bounds cannot be said to lie on it. */
static void pareto_front(struct figure *f, struct pareto_point *points, size_t n)
{
	double best = INFINITY;
	double last_x = NAN;

	qsort(points, n, sizeof(*points), pareto_compare);
	figure_block_begin(f, "Pareto front, fastest first");
	for (size_t i = 0; i < n; i++) {
		if (points[i].is_bound || points[i].y >= best)
			continue;
		/* A step: what is reached at the next point holds for less throughput too. */
		if (!isnan(last_x))
			figure_row(f, (const double[]){points[i].x, best}, 2);
		figure_row(f, (const double[]){points[i].x, points[i].y}, 2);
		best = points[i].y;
		last_x = points[i].x;
	}
	figure_block_end(f);
}

static int pareto_draw(struct figure_set *set, const char *name, size_t setting, const char *title,
		       struct pareto_point *points, size_t n, const char *stage)
{
	struct figure_range xs = FIGURE_RANGE_EMPTY;
	struct figure_range ys = FIGURE_RANGE_EMPTY;
	bool has_bound = false;
	struct figure f;
	char axis[1024];
	char label[160];
	int cols;
	int rc;

	for (size_t i = 0; i < n; i++) {
		figure_range_add(&xs, points[i].x);
		figure_range_add(&ys, points[i].y);
		has_bound = has_bound || points[i].is_bound;
	}
	rc = figure_begin(&f, set, FIGURE_PARETO, name, setting, title, PARETO_W,
			  480 + figure_legend_height(set->results, 2, PARETO_W, &cols));
	if (rc)
		return rc;
	figure_legend(&f, 2, PARETO_W);
	figure_number(&f, "has_bound", has_bound);
	snprintf(label, sizeof(label),
		 "throughput (operations per second), stage %.60s; right is better", stage);
	figure_text(&f, "xlabel_text", label);
	figure_text(&f, "ylabel_text", "P99 of the lifetime; lower is better");
	figure_log_axis(axis, sizeof(axis), "x", FIGURE_COUNT, &xs);
	fprintf(f.gp, "%s\n", axis);
	figure_log_axis(axis, sizeof(axis), "y", FIGURE_TIME_NS, &ys);
	fprintf(f.gp, "%s\n", axis);
	for (size_t s = 0; s < set->results->n_series; s++) {
		for (int bound = 0; bound < 2; bound++) {
			figure_block_begin(&f, set->results->series[s].label);
			for (size_t i = 0; i < n; i++)
				if (points[i].series == s && points[i].is_bound == bound)
					figure_row(&f, (const double[]){points[i].x, points[i].y},
						   2);
			figure_block_end(&f);
		}
	}
	pareto_front(&f, points, n);
	return figure_end(&f);
}

int figure_pareto(struct figure_set *set, size_t setting)
{
	static const char name[] = "throughput-against-lifetime";
	static const char title[] = "Throughput against lifetime";
	const struct results *r = set->results;
	const char *object = figures_object(set, setting);
	struct pareto_point *points = calloc(r->n_series + 1, sizeof(*points));
	const size_t stage = results_last_closed_loop(r, setting);
	size_t n = 0;
	int rc;

	if (!points)
		return -ENOMEM;
	for (size_t s = 0; stage != RESULTS_NONE && object && s < r->n_series; s++) {
		const struct results_query lifetime = {
			.metric = "lifetime", .object = object, .phase = "total", .stat = "p99"};
		const struct results_query throughput = {
			.metric = "throughput", .stat = "rate", .role = "mutator"};
		const struct results_point *y = results_find(r, setting, s, stage, &lifetime);
		const struct results_point *x = results_find(r, setting, s, stage, &throughput);

		if (results_has_value(x) && results_has_value(y) && x->value > 0 && y->value > 0)
			points[n++] =
				(struct pareto_point){s, x->value, y->value, results_is_bound(y)};
	}
	if (stage == RESULTS_NONE)
		rc = figure_skip(set, name, setting, title, "there is no closed-loop stage (max)");
	else if (n < 2)
		rc = figure_skip(set, name, setting, title,
				 "needs two strategies with throughput and lifetime in stage %s",
				 r->stages[stage].name);
	else
		rc = pareto_draw(set, name, setting, title, points, n, r->stages[stage].name);
	free(points);
	return rc;
}

int figures_draw(struct figure_set *set)
{
	static int (*const per_setting[])(struct figure_set *, size_t) = {
		figure_lifetime_percentiles,
		figure_lifetime_by_rate,
		figure_limbo_over_time,
		figure_phases,
		figure_pareto,
		figure_latency_percentiles,
		figure_counters,
	};
	int rc = 0;

	for (size_t setting = 0; setting < set->results->n_settings && !rc; setting++) {
		if (setting >= set->max_settings)
			break;
		for (size_t i = 0; i < sizeof(per_setting) / sizeof(per_setting[0]) && !rc; i++)
			rc = per_setting[i](set, setting);
	}
	if (!rc)
		rc = figure_heat_map(set);
	if (!rc)
		rc = figures_by_cost(set);
	if (rc == -ENOMEM)
		snprintf(set->error, sizeof(set->error), "out of memory");
	return rc;
}
