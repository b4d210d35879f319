/* SPDX-License-Identifier: MIT */
/* figures_bars.c - stacked phases, and counters per operation by role. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "report/figures.h"

enum { BARS_MAX_PANELS = 8, BARS_MAX_KINDS = 6, BARS_WIDTH = 960, BARS_HEAD_HEIGHT = 56 };

/* What a figure of bars holds: panels x kinds x series, NaN where nothing is known. */
struct bars {
	size_t n_panels, n_kinds, n_series;
	char panels[BARS_MAX_PANELS][64];
	char xlabels[BARS_MAX_PANELS][64];
	const char *kinds[BARS_MAX_KINDS];
	unsigned colours[BARS_MAX_KINDS];
	bool is_stacked; /* as shares of the sum, which is printed */
	enum figure_unit unit;
	double *values;
	bool *bounds;
	const char **notes; /* per panel and series: instead of a figure; NULL */
};

static size_t bars_index(const struct bars *b, size_t panel, size_t kind, size_t series)
{
	return (panel * b->n_kinds + kind) * b->n_series + series;
}

static int bars_init(struct bars *b)
{
	const size_t n = b->n_panels * b->n_kinds * b->n_series + 1;

	b->values = calloc(n, sizeof(*b->values));
	b->bounds = calloc(n, sizeof(*b->bounds));
	b->notes = calloc(b->n_panels * b->n_series + 1, sizeof(*b->notes));
	if (!b->values || !b->bounds || !b->notes)
		return -ENOMEM;
	for (size_t i = 0; i < n; i++)
		b->values[i] = NAN;
	return 0;
}

static void bars_fini(struct bars *b)
{
	free(b->values);
	free(b->bounds);
	free(b->notes);
}

/* The end of the longest bar of a panel; 0 when there is none. */
static double bars_longest(const struct bars *b, size_t panel)
{
	double longest = 0;

	if (b->is_stacked)
		return 100;
	for (size_t s = 0; s < b->n_series; s++) {
		for (size_t k = 0; k < b->n_kinds; k++) {
			const double value = b->values[bars_index(b, panel, k, s)];

			if (value > longest)
				longest = value;
		}
	}
	return longest;
}

/* The sum of a series' kinds; `is_bound` when one of them is; `is_all_bounds` when nothing was measured. */
static double bars_sum(const struct bars *b, size_t panel, size_t series, bool *is_bound,
		       bool *is_all_bounds)
{
	double sum = 0;

	*is_bound = false;
	*is_all_bounds = true;
	for (size_t k = 0; k < b->n_kinds; k++) {
		const size_t i = bars_index(b, panel, k, series);

		if (isnan(b->values[i]))
			continue;
		sum += b->values[i];
		*is_bound = *is_bound || b->bounds[i];
		*is_all_bounds = *is_all_bounds && b->bounds[i];
	}
	return sum;
}

/* Bars side by side, in the unit of the values. */
static void bars_block_grouped(struct figure *f, const struct bars *b, size_t panel, size_t kind)
{
	const double slot = 0.8 / (double)b->n_kinds;

	for (size_t s = 0; s < b->n_series; s++) {
		const double value = b->values[bars_index(b, panel, kind, s)];
		const double y0 = (double)s + 0.6 + slot * (double)kind;

		if (!isnan(value))
			figure_row(f,
				   (const double[]){0, value, y0 + slot * 0.06, y0 + slot * 0.94},
				   4);
	}
}

/* Bars on top of each other, in percent of their sum; lifetimes of strategies lie too far apart for one
 * axis. */
static void bars_block_stacked(struct figure *f, const struct bars *b, size_t panel, size_t kind)
{
	for (size_t s = 0; s < b->n_series; s++) {
		bool is_bound;
		bool is_all_bounds;
		const double sum = bars_sum(b, panel, s, &is_bound, &is_all_bounds);
		const double value = b->values[bars_index(b, panel, kind, s)];
		double x0 = 0;

		if (isnan(value) || is_all_bounds || !(sum > 0))
			continue;
		for (size_t k = 0; k < kind; k++) {
			const double below = b->values[bars_index(b, panel, k, s)];

			x0 += isnan(below) ? 0 : below;
		}
		figure_row(f,
			   (const double[]){100 * x0 / sum, 100 * (x0 + value) / sum,
					    (double)s + 0.65, (double)s + 1.35},
			   4);
	}
}

static void bars_text_stacked(struct figure *f, const struct bars *b, size_t panel, size_t s)
{
	const char *note = b->notes[panel * b->n_series + s];
	bool is_bound;
	bool is_all_bounds;
	const double sum = bars_sum(b, panel, s, &is_bound, &is_all_bounds);
	char text[64];

	if (is_all_bounds || !(sum > 0))
		figure_row_text(f, 0, (double)s + 1, note ? note : "no figure");
	else
		figure_row_text(f, 100, (double)s + 1,
				figure_format(text, sizeof(text), b->unit, sum, is_bound));
}

static void bars_text_grouped(struct figure *f, const struct bars *b, size_t panel, size_t s)
{
	const double slot = 0.8 / (double)b->n_kinds;
	bool is_any = false;
	char text[64];

	for (size_t k = 0; k < b->n_kinds; k++) {
		const size_t i = bars_index(b, panel, k, s);

		if (isnan(b->values[i]))
			continue;
		is_any = true;
		figure_row_text(
			f, b->values[i], (double)s + 0.6 + slot * ((double)k + 0.5),
			figure_format(text, sizeof(text), b->unit, b->values[i], b->bounds[i]));
	}
	if (!is_any)
		figure_row_text(f, 0, (double)s + 1, "no figure");
}

static void bars_write_panel(struct figure *f, const struct bars *b, size_t panel)
{
	for (size_t k = 0; k < b->n_kinds; k++) {
		figure_block_begin(f, b->kinds[k]);
		if (b->is_stacked)
			bars_block_stacked(f, b, panel, k);
		else
			bars_block_grouped(f, b, panel, k);
		figure_block_end(f);
	}
	figure_block_begin(f, "texts");
	for (size_t s = 0; s < b->n_series; s++) {
		if (b->is_stacked)
			bars_text_stacked(f, b, panel, s);
		else
			bars_text_grouped(f, b, panel, s);
	}
	figure_block_end(f);
}

static void bars_write(struct figure *f, const struct bars *b)
{
	figure_array(f, "panel", b->n_panels);
	figure_array(f, "xlabel_of", b->n_panels);
	figure_array(f, "xmax", b->n_panels);
	figure_array(f, "xtics_of", b->n_panels);
	figure_array(f, "kind", b->n_kinds);
	figure_array(f, "kind_colour", b->n_kinds);
	for (size_t k = 0; k < b->n_kinds; k++) {
		figure_array_text(f, "kind", k, b->kinds[k]);
		figure_array_number(f, "kind_colour", k, b->colours[k]);
	}
	for (size_t p = 0; p < b->n_panels; p++) {
		const double longest = bars_longest(b, p);

		figure_array_text(f, "panel", p, b->panels[p]);
		figure_array_text(f, "xlabel_of", p, b->xlabels[p]);
		figure_array_commands(f, "xtics_of", p,
				      b->is_stacked ? "set xtics 0,25,100" : "set xtics auto");
		/* Room for the text at the end of the longest bar. */
		figure_array_number(f, "xmax", p, longest > 0 ? longest * 1.35 : 1);
		bars_write_panel(f, b, p);
	}
}

static int bars_draw(struct figure_set *set, const struct bars *b, const char *name, size_t setting,
		     const char *title)
{
	const size_t n_cols = b->n_panels > 1 ? 2 : 1;
	const size_t n_rows = (b->n_panels + n_cols - 1) / n_cols;
	const int row_px = b->is_stacked ? 26 : 8 + 15 * (int)b->n_kinds;
	const int panel_h = 104 + row_px * (int)b->n_series;
	struct figure f;
	int rc;

	rc = figure_begin(&f, set, FIGURE_RECTS, name, setting, title, BARS_WIDTH,
			  BARS_HEAD_HEIGHT + (int)n_rows * panel_h + 40);
	if (rc)
		return rc;
	figure_number(&f, "legend_h", 40);
	figure_number(&f, "legend_cols", 6);
	figure_number(&f, "label_w", figure_label_width(set->results));
	figure_number(&f, "n_panels", (double)b->n_panels);
	figure_number(&f, "n_cols", (double)n_cols);
	figure_number(&f, "n_kinds", (double)b->n_kinds);
	figure_number(&f, "panel_h", panel_h);
	bars_write(&f, b);
	return figure_end(&f);
}

/* Why a series has no bar: the status of its total. */
static const char *phases_note(const struct results_point *total)
{
	if (!total)
		return "no figure";
	if (total->status == STATUS_CENSORED)
		return "none freed in this stage";
	return table_status_name(total->status);
}

static void phases_fill(struct bars *b, const struct figure_set *set, size_t panel, size_t setting,
			size_t stage, const char *object)
{
	static const char *const phases[] = {"ghost", "grace", "sweep", "limbo"};
	const struct results *r = set->results;

	for (size_t s = 0; s < r->n_series; s++) {
		struct results_query query = {
			.metric = "lifetime", .object = object, .stat = "mean"};
		bool is_split = false;

		for (size_t k = 0; k < b->n_kinds; k++) {
			const struct results_point *p;

			query.phase = phases[k];
			p = results_find(r, setting, s, stage, &query);
			/* The limbo as a whole only where its two parts are hidden. */
			if (!results_has_value(p) || (k == 3 && is_split))
				continue;
			is_split = is_split || k == 1 || k == 2;
			b->values[bars_index(b, panel, k, s)] = p->value;
			b->bounds[bars_index(b, panel, k, s)] = results_is_bound(p);
		}
		query.phase = "total";
		b->notes[panel * b->n_series + s] =
			phases_note(results_find(r, setting, s, stage, &query));
	}
}

/* Stages whose means of a phase exist. */
static size_t phases_stages(const struct results *r, size_t setting, const char *object,
			    size_t *stages)
{
	static const char *const phases[] = {"ghost", "grace", "sweep", "limbo"};
	size_t n = 0;

	for (size_t stage = 0; stage < r->n_stages && n < BARS_MAX_PANELS; stage++) {
		bool is_there = false;

		if (!r->stages[stage].is_measured)
			continue;
		for (size_t i = 0; i < 4 * r->n_series && !is_there; i++) {
			const struct results_query query = {.metric = "lifetime",
							    .object = object,
							    .phase = phases[i % 4],
							    .stat = "mean"};

			is_there =
				results_has_value(results_find(r, setting, i / 4, stage, &query));
		}
		if (is_there)
			stages[n++] = stage;
	}
	return n;
}

int figure_phases(struct figure_set *set, size_t setting)
{
	static const char name[] = "phases";
	const struct results *r = set->results;
	const char *object = figures_object(set, setting);
	size_t stages[BARS_MAX_PANELS] = {0};
	struct bars b = {
		.n_kinds = 4,
		.n_series = r->n_series,
		.kinds = {"ghost: dead, not yet unlinked", "grace: unlinked, may be seen",
			  "sweep: safe, not yet freed", "limbo: grace and sweep, not told apart"},
		.colours = {0xe69f00, 0x56b4e9, 0x009e73, 0xa0a0a0},
		.is_stacked = true,
		.unit = FIGURE_TIME_NS,
	};
	char title[128];
	int rc;

	snprintf(title, sizeof(title), "Where the lifetime of a deleted %s goes (means)",
		 object ? object : "object");
	b.n_panels = object ? phases_stages(r, setting, object, stages) : 0;
	if (!b.n_panels)
		return figure_skip(set, name, setting, title, "no phase of a lifetime has a mean");
	rc = bars_init(&b);
	for (size_t p = 0; !rc && p < b.n_panels; p++) {
		snprintf(b.panels[p], sizeof(b.panels[p]), "%.50s", r->stages[stages[p]].name);
		snprintf(b.xlabels[p], sizeof(b.xlabels[p]), "share of the mean (%%)");
		phases_fill(&b, set, p, setting, stages[p], object);
	}
	if (!rc)
		rc = bars_draw(set, &b, name, setting, title);
	bars_fini(&b);
	return rc;
}

/* Operations of a stage as they were counted; NaN when unknown. */
static double counters_n_ops(const struct results *r, size_t setting, size_t series, size_t stage)
{
	const struct results_query query = {
		.metric = "throughput", .stat = "rate", .role = "mutator"};
	const struct results_point *p = results_find(r, setting, series, stage, &query);

	return results_has_value(p) ? p->n_median : NAN;
}

/* Events that have a value anywhere in a setting; returns how many, and a reason when none has. */
static size_t counters_events(const struct results *r, size_t setting, const char **events,
			      const char **reason)
{
	size_t n = 0;

	for (size_t i = 0; i < r->n_points; i++) {
		const struct results_point *p = &r->points[i];
		const char *metric = table_string(r->table, p->metric);
		size_t j;

		if (p->setting != setting || strncmp(metric, "event:", 6))
			continue;
		if (isnan(p->value)) {
			*reason = *p->reason ? p->reason : table_status_name(p->status);
			continue;
		}
		for (j = 0; j < n && events[j] != metric; j++)
			;
		if (j == n && n < BARS_MAX_PANELS)
			events[n++] = metric;
	}
	return n;
}

static void counters_fill(struct bars *b, const struct results *r, size_t panel, size_t setting,
			  size_t stage, const char *event)
{
	for (size_t s = 0; s < r->n_series; s++) {
		const double n_ops = counters_n_ops(r, setting, s, stage);

		for (size_t k = 0; k < b->n_kinds; k++) {
			struct results_query query = {
				.metric = event, .stat = "sum", .role = b->kinds[k]};
			const struct results_point *p = results_find(r, setting, s, stage, &query);

			if (!results_has_value(p)) {
				query.stat = "count";
				p = results_find(r, setting, s, stage, &query);
			}
			if (results_has_value(p) && n_ops > 0)
				b->values[bars_index(b, panel, k, s)] = p->value / n_ops;
		}
	}
}

/* Leave out roles without any figure, so that the bars of the others are thicker. */
static void counters_drop_empty_kinds(struct bars *b)
{
	const size_t n_kinds = b->n_kinds;
	size_t kept = 0;
	bool is_used[BARS_MAX_KINDS] = {false};

	for (size_t i = 0; i < b->n_panels * n_kinds * b->n_series; i++)
		if (b->values[i] > 0)
			is_used[i / b->n_series % n_kinds] = true;
	/* Compact in place: the target never overtakes the source. */
	for (size_t i = 0, to = 0; i < b->n_panels * n_kinds * b->n_series; i++)
		if (is_used[i / b->n_series % n_kinds])
			b->values[to++] = b->values[i];
	for (size_t k = 0; k < n_kinds; k++) {
		if (!is_used[k])
			continue;
		b->kinds[kept] = b->kinds[k];
		b->colours[kept++] = b->colours[k];
	}
	b->n_kinds = kept;
}

int figure_counters(struct figure_set *set, size_t setting)
{
	static const char name[] = "counters";
	static const char title[] = "Counters per operation, by the role of the thread";
	const struct results *r = set->results;
	const char *events[BARS_MAX_PANELS] = {NULL};
	const char *reason = "the run has no counters (option --events)";
	const size_t stage = results_last_stage(r, setting);
	struct bars b = {
		.n_kinds = 4,
		.n_series = r->n_series,
		.kinds = {"mutator", "reader", "collector", "process"},
		.colours = {0x0072b2, 0x56b4e9, 0xd55e00, 0x909090},
		.unit = FIGURE_COUNT,
	};
	int rc;

	b.n_panels = counters_events(r, setting, events, &reason);
	if (!b.n_panels || stage == RESULTS_NONE)
		return figure_skip(set, name, setting, title, "no counter has a value: %s", reason);
	rc = bars_init(&b);
	for (size_t p = 0; !rc && p < b.n_panels; p++) {
		snprintf(b.panels[p], sizeof(b.panels[p]), "%.60s", events[p] + 6);
		snprintf(b.xlabels[p], sizeof(b.xlabels[p]), "per operation, stage %.30s",
			 r->stages[stage].name);
		counters_fill(&b, r, p, setting, stage, events[p]);
	}
	if (!rc)
		counters_drop_empty_kinds(&b);
	if (!rc && !b.n_kinds)
		rc = figure_skip(set, name, setting, title,
				 "no counter of the last stage is above 0");
	else if (!rc)
		rc = bars_draw(set, &b, name, setting, title);
	bars_fini(&b);
	return rc;
}
