/* SPDX-License-Identifier: MIT */
/* figure_curves.c - panels of lines, from a list of points. */
#include <errno.h>
#include <stdlib.h>

#include "report/figures.h"

enum { CURVES_WIDTH = 960, CURVES_PANEL_HEIGHT = 332, CURVES_HEAD_HEIGHT = 56 };

int figure_curves_add(struct figure_curves *c, const struct figure_point *point)
{
	if (!(c->n_points & (c->n_points - 1))) {
		const size_t size = c->n_points ? c->n_points * 2 : 1;
		struct figure_point *points = realloc(c->points, size * sizeof(*points));

		if (!points)
			return -ENOMEM;
		c->points = points;
	}
	c->points[c->n_points++] = *point;
	return 0;
}

/* Block 0: solid; 1: bounds, from the last measured point on; 2: extra. */
static void figure_curves_block(struct figure *f, const struct figure_curves *c, size_t panel,
				size_t series, int kind)
{
	const struct figure_point *last = NULL;
	char comment[200];

	snprintf(comment, sizeof(comment), "%s: %s: %s", c->panels[panel],
		 f->set->results->series[series].label,
		 kind == 0   ? "measured"
		 : kind == 1 ? "lower bounds"
			     : c->extra_text);
	figure_block_begin(f, comment);
	for (size_t i = 0; i < c->n_points; i++) {
		const struct figure_point *p = &c->points[i];
		const double row[] = {p->x, p->y, p->low, p->high};

		if (p->panel != panel || p->series != series || p->is_extra != (kind == 2))
			continue;
		if (kind == 1 && p->is_bound && last && !last->is_bound)
			figure_row(f, (const double[]){last->x, last->y, last->low, last->high}, 4);
		if (kind == 2 || (kind == 1) == p->is_bound)
			figure_row(f, row, 4);
		else if (kind == 0 && f->n_rows)
			fputc('\n', f->dat); /* the line breaks here */
		last = p;
	}
	figure_block_end(f);
}

static void figure_curves_yaxes(struct figure *f, const struct figure_curves *c)
{
	char axis[1024];

	figure_array(f, "yaxis_of", c->n_panels);
	figure_array(f, "ylabel_of", c->n_panels);
	for (size_t panel = 0; panel < c->n_panels; panel++) {
		struct figure_range range = FIGURE_RANGE_EMPTY;

		for (size_t i = 0; i < c->n_points; i++) {
			if (c->has_own_y && c->points[i].panel != panel)
				continue;
			figure_range_add(&range, c->points[i].y);
			figure_range_add(&range, c->points[i].low);
			figure_range_add(&range, c->points[i].high);
		}
		if (figure_range_is_empty(&range))
			range = (struct figure_range){1, 10};
		figure_log_axis(axis, sizeof(axis), "y", c->units[panel], &range);
		figure_array_commands(f, "yaxis_of", panel, axis);
		figure_array_text(f, "ylabel_of", panel,
				  c->ylabels ? c->ylabels[panel] : c->ylabel);
	}
}

int figure_curves_draw(struct figure_set *set, const struct figure_curves *c)
{
	const size_t n_cols = c->n_panels > 1 ? 2 : 1;
	const size_t n_rows = (c->n_panels + n_cols - 1) / n_cols;
	const bool has_extra = c->extra_kind[0] != 'n';
	bool has_bound = false;
	int legend_cols;
	struct figure f;
	int rc;

	for (size_t i = 0; i < c->n_points; i++)
		has_bound = has_bound || c->points[i].is_bound;
	rc = figure_begin(&f, set, FIGURE_CURVES, c->name, c->setting, c->title, CURVES_WIDTH,
			  CURVES_HEAD_HEIGHT + (int)n_rows * CURVES_PANEL_HEIGHT +
				  figure_legend_height(set->results, (size_t)has_bound + has_extra,
						       CURVES_WIDTH, &legend_cols));
	if (rc)
		return rc;
	figure_legend(&f, (size_t)has_bound + has_extra, CURVES_WIDTH);
	figure_number(&f, "n_panels", (double)c->n_panels);
	figure_number(&f, "n_cols", (double)n_cols);
	figure_number(&f, "panel_h", CURVES_PANEL_HEIGHT);
	figure_array(&f, "panel", c->n_panels);
	for (size_t i = 0; i < c->n_panels; i++)
		figure_array_text(&f, "panel", i, c->panels[i]);
	figure_curves_yaxes(&f, c);
	figure_text(&f, "xlabel_text", c->xlabel);
	figure_number(&f, "has_bound", has_bound);
	figure_text(&f, "bound_text", "dashed, open: only a lower bound");
	figure_text(&f, "extra_kind", c->extra_kind);
	figure_text(&f, "extra_text", c->extra_text);
	fprintf(f.gp, "%s\n", c->xaxis);
	for (size_t panel = 0; panel < c->n_panels; panel++)
		for (size_t series = 0; series < set->results->n_series; series++)
			for (int kind = 0; kind < 3; kind++)
				figure_curves_block(&f, c, panel, series, kind);
	return figure_end(&f);
}
