/* SPDX-License-Identifier: MIT */
/* figures_cost.c - what operations, lives and entries cost against the number of keys, or of threads.
 *
 * A group is the settings that are the same but for that factor: one figure each.
 */
#include <errno.h>
#include <stdlib.h>

#include "report/figures.h"

enum { COST_PANELS = 4 };

struct cost_factor {
	enum table_column column;
	const char *name, *title, *xlabel, *skipped;
	bool is_throughput; /* first panel: of all threads together, else the time that one takes */
};

static const struct cost_factor cost_by_size = {
	.column = COL_keys,
	.name = "cost-by-size",
	.title = "Cost against the number of keys",
	.xlabel = "keys",
	.skipped = "needs cells of two sizes at least (option --keys)",
};

static const struct cost_factor cost_by_threads = {
	.column = COL_threads,
	.name = "cost-by-threads",
	.title = "Throughput and cost against the number of threads",
	.xlabel = "threads",
	.skipped = "needs cells of two numbers of threads at least (option --threads)",
	.is_throughput = true,
};

static const enum table_column cost_columns[] = {
	COL_scenario,	   COL_keys,   COL_threads, COL_mix,	 COL_dist,  COL_value_bytes,
	COL_garbage_bytes, COL_unlink, COL_alloc,   COL_arrival, COL_trace,
};
enum { COST_COLUMNS = sizeof(cost_columns) / sizeof(cost_columns[0]) };

static bool cost_same_group(const struct results *r, enum table_column factor, size_t a, size_t b)
{
	for (size_t i = 0; i < COST_COLUMNS; i++)
		if (cost_columns[i] != factor &&
		    table_id(r->table, r->settings[a].row, cost_columns[i]) !=
			    table_id(r->table, r->settings[b].row, cost_columns[i]))
			return false;
	return true;
}

/* The first setting of the group that `setting` is in. */
static size_t cost_group(const struct results *r, enum table_column factor, size_t setting)
{
	size_t first = 0;

	while (!cost_same_group(r, factor, first, setting))
		first++;
	return first;
}

/* The title, with what tells this group from others. */
static void cost_title(char *buf, size_t size, const struct results *r,
		       const struct cost_factor *factor, size_t group)
{
	const char *before = ": ";
	int n = snprintf(buf, size, "%s", factor->title);

	for (size_t i = 0; i < COST_COLUMNS; i++) {
		const enum table_column column = cost_columns[i];
		bool differs = false;

		for (size_t s = 0; s < r->n_settings && column != factor->column; s++)
			differs = differs ||
				  table_id(r->table, r->settings[s].row, column) !=
					  table_id(r->table, r->settings[group].row, column);
		if (!differs || n < 0 || (size_t)n >= size)
			continue;
		n += snprintf(buf + n, size - (size_t)n, "%s%s %s", before,
			      table_column_name(column),
			      table_text(r->table, r->settings[group].row, column));
		before = ", ";
	}
}

/* The stage in which costs are compared: the group's last closed loop, or its last stage. */
static size_t cost_stage(const struct results *r, size_t group)
{
	const size_t closed = results_last_closed_loop(r, group);

	return closed != RESULTS_NONE ? closed : results_last_stage(r, group);
}

/* What one panel shows at a setting; NaN when it has none. */
static double cost_value(const struct figure_set *set, const struct cost_factor *factor,
			 size_t panel, size_t setting, size_t series, size_t stage, bool *is_bound)
{
	const struct results *r = set->results;
	const struct results_query queries[COST_PANELS] = {
		{.metric = "throughput", .stat = "rate", .role = "mutator"},
		{.metric = "lifetime",
		 .object = figures_object(set, setting),
		 .phase = "total",
		 .stat = "p99"},
		{.metric = "bytes_per_entry"},
		{.metric = "limbo_bytes", .stat = "max"},
	};
	const struct results_point *p = results_find(r, setting, series, stage, &queries[panel]);
	const double threads = table_number(r->table, r->settings[setting].row, COL_threads);

	*is_bound = results_is_bound(p);
	if (!results_has_value(p) || !(p->value > 0))
		return NAN;
	if (panel || factor->is_throughput)
		return p->value;
	return 1e9 * (threads > 0 ? threads : 1) / p->value;
}

static int cost_collect(const struct figure_set *set, const struct cost_factor *factor,
			struct figure_curves *c, size_t group)
{
	const struct results *r = set->results;
	const size_t stage = cost_stage(r, group);

	for (size_t setting = group; setting < r->n_settings && stage != RESULTS_NONE; setting++) {
		if (!cost_same_group(r, factor->column, group, setting))
			continue;
		for (size_t i = 0; i < COST_PANELS * r->n_series; i++) {
			struct figure_point p = {.panel = i % COST_PANELS,
						 .series = i / COST_PANELS};

			p.x = table_number(r->table, r->settings[setting].row, factor->column);
			p.y = cost_value(set, factor, p.panel, setting, p.series, stage,
					 &p.is_bound);
			p.low = p.high = p.y;
			if (p.x > 0 && !isnan(p.y) && figure_curves_add(c, &p))
				return -ENOMEM;
		}
	}
	return 0;
}

/* One group; *is_drawn: it has two places on the axis at least. */
static int cost_draw(struct figure_set *set, const struct cost_factor *factor, const char *name,
		     size_t group, bool *is_drawn)
{
	static const enum figure_unit units[][COST_PANELS] = {
		{FIGURE_TIME_NS, FIGURE_TIME_NS, FIGURE_BYTES, FIGURE_BYTES},
		{FIGURE_COUNT, FIGURE_TIME_NS, FIGURE_BYTES, FIGURE_BYTES},
	};
	const char *const ylabels[] = {
		factor->is_throughput ? "operations per second" : "thread time per operation",
		"P99 of the lifetime", "bytes per live entry", "peak of the bytes in limbo"};
	char panels[COST_PANELS][64] = {"Time per operation", "Lifetime, P99",
					"Memory per live entry", "Peak of the limbo"};
	struct figure_range range = FIGURE_RANGE_EMPTY;
	char axis[1024], title[256];
	struct figure_curves c = {
		.name = name,
		.title = title,
		.setting = RESULTS_NONE,
		.n_panels = COST_PANELS,
		.panels = panels,
		.units = units[factor->is_throughput],
		.has_own_y = true,
		.xlabel = factor->xlabel,
		.xaxis = axis,
		.ylabels = ylabels,
		.extra_kind = "none",
		.extra_text = "",
	};
	int rc = cost_collect(set, factor, &c, group);

	if (factor->is_throughput)
		snprintf(panels[0], sizeof(panels[0]), "Throughput");
	cost_title(title, sizeof(title), set->results, factor, group);
	for (size_t i = 0; i < c.n_points; i++)
		figure_range_add(&range, c.points[i].x);
	*is_drawn = !rc && !figure_range_is_empty(&range) && range.min < range.max;
	if (*is_drawn) {
		figure_log_axis(axis, sizeof(axis), "x", FIGURE_COUNT, &range);
		qsort(c.points, c.n_points, sizeof(*c.points), figures_compare_x);
		rc = figure_curves_draw(set, &c);
	}
	free(c.points);
	return rc;
}

static int cost_figures(struct figure_set *set, const struct cost_factor *factor)
{
	bool has_stage = false;
	size_t n_drawn = 0;
	int rc = 0;

	for (size_t s = 0; s < set->results->n_settings && !rc && n_drawn < set->max_settings;
	     s++) {
		char name[64];
		bool is_drawn = false;

		if (cost_group(set->results, factor->column, s) != s)
			continue;
		snprintf(name, sizeof(name), n_drawn ? "%s-%zu" : "%s", factor->name, n_drawn + 1);
		has_stage = has_stage || cost_stage(set->results, s) != RESULTS_NONE;
		rc = cost_draw(set, factor, name, s, &is_drawn);
		n_drawn += is_drawn;
	}
	if (!rc && !n_drawn)
		rc = figure_skip(set, factor->name, RESULTS_NONE, factor->title, "%s",
				 has_stage ? factor->skipped : "there is no measured stage");
	return rc;
}

int figures_by_cost(struct figure_set *set)
{
	const int rc = cost_figures(set, &cost_by_size);

	return rc ? rc : cost_figures(set, &cost_by_threads);
}
