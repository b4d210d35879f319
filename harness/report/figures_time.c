/* SPDX-License-Identifier: MIT */
/* figures_time.c - bytes in limbo over time, from timeline.csv. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "report/figures.h"
#include "report/timeline.h"

/* More points a line than pixels show nothing more; each kept point is the peak of its bucket. */
enum {
	TIMELINE_MAX_POINTS = 1500,
	TIMELINE_WIDTH = 960,
	TIMELINE_HEAD = 56 + 26 + 50,
	TIMELINE_PANEL = 112
};

struct timeline_point {
	double time_s;
	double bytes;
};
struct timeline_line {
	struct timeline_point *points;
	size_t n;
};
struct timeline_stage {
	char name[64];
	double begin_s;
	double end_s;
	size_t series; /* the one whose samples gave the times */
};
struct timeline {
	const struct results *results;
	size_t setting;
	struct timeline_line *lines; /* per series */
	struct timeline_stage *stages;
	size_t n_stages;
	char cell_id[256]; /* of the row before, and what that cell is */
	bool is_known;
	size_t cell_setting, cell_series;
	bool is_drawn; /* of this setting, and the first repetition of its series */
	struct figure_range bytes;
	double end_s;
};

static const char *timeline_add_stage(struct timeline *t, const char *name, double time_s,
				      size_t series)
{
	struct timeline_stage *s;

	for (size_t i = 0; i < t->n_stages; i++) {
		s = &t->stages[i];
		if (strncmp(s->name, name, sizeof(s->name) - 1))
			continue;
		if (s->series == series && time_s > s->end_s)
			s->end_s = time_s;
		return NULL;
	}
	s = realloc(t->stages, (t->n_stages + 1) * sizeof(*s));
	if (!s)
		return "out of memory";
	t->stages = s;
	s += t->n_stages++;
	/* A stage begins where the one before ended: samples stand between. */
	*s = (struct timeline_stage){.begin_s = t->n_stages > 1 ? s[-1].end_s : time_s,
				     .end_s = time_s,
				     .series = series};
	snprintf(s->name, sizeof(s->name), "%s", name);
	return NULL;
}

/* A repetition begins. */
static void timeline_begin_unit(struct timeline *t, const char *cell_id)
{
	if (strcmp(cell_id, t->cell_id)) {
		snprintf(t->cell_id, sizeof(t->cell_id), "%s", cell_id);
		t->is_known = results_cell(t->results, cell_id, &t->cell_setting, &t->cell_series);
	}
	t->is_drawn = t->is_known && t->cell_setting == t->setting && !t->lines[t->cell_series].n;
}

static const char *timeline_add_row(void *ctx, const struct timeline_row *row)
{
	struct timeline *t = ctx;
	const struct timeline_point p = {(double)row->time_ns / 1e9, (double)row->limbo_bytes};
	struct timeline_line *line;

	if (row->begins)
		timeline_begin_unit(t, row->cell_id);
	if (!t->is_drawn)
		return NULL;
	line = &t->lines[t->cell_series];
	if (!(line->n & (line->n - 1))) {
		struct timeline_point *points =
			realloc(line->points, (line->n ? line->n * 2 : 1) * sizeof(*points));

		if (!points)
			return "out of memory";
		line->points = points;
	}
	line->points[line->n++] = p;
	figure_range_add(&t->bytes, p.bytes > 0 ? p.bytes : NAN);
	if (p.time_s > t->end_s)
		t->end_s = p.time_s;
	return timeline_add_stage(t, row->stage, p.time_s, t->cell_series);
}

/* Samples in buckets of equal number; of each bucket its peak is drawn.  Zeros lie on the floor of a log
 * axis. */
static void timeline_write_line(struct figure *f, const struct timeline_line *line,
				double floor_bytes)
{
	const size_t step = line->n / TIMELINE_MAX_POINTS + 1;

	for (size_t i = 0; i < line->n; i += step) {
		size_t peak = i;

		for (size_t j = i; j < i + step && j < line->n; j++)
			if (line->points[j].bytes > line->points[peak].bytes)
				peak = j;
		figure_row(f,
			   (const double[]){line->points[peak].time_s,
					    line->points[peak].bytes > floor_bytes
						    ? line->points[peak].bytes
						    : floor_bytes},
			   2);
	}
}

static void timeline_write_stages(struct figure *f, const struct timeline *t)
{
	figure_number(f, "n_stages", (double)t->n_stages);
	figure_array(f, "stage", t->n_stages);
	figure_array(f, "stage_begin", t->n_stages);
	figure_array(f, "stage_end", t->n_stages);
	for (size_t i = 0; i < t->n_stages; i++) {
		char name[64];

		figure_shorten(name, sizeof(name), t->stages[i].name, 1 + 100 / t->n_stages);
		figure_array_text(f, "stage", i, name);
		figure_array_number(f, "stage_begin", i, t->stages[i].begin_s);
		figure_array_number(f, "stage_end", i, t->stages[i].end_s);
	}
}

static int timeline_draw(struct figure_set *set, const char *name, const char *title,
			 const struct timeline *t)
{
	/* Two zero decades below the smallest peak say nothing: the floor is 64 bytes or the smallest. */
	const double floor_bytes = t->bytes.min < 64 ? t->bytes.min : 64;
	struct figure_range range = {floor_bytes, t->bytes.max};
	struct figure f;
	char axis[1024];
	int rc;

	rc = figure_begin(&f, set, FIGURE_TIMELINE, name, t->setting, title, TIMELINE_WIDTH,
			  TIMELINE_HEAD + TIMELINE_PANEL * (int)set->results->n_series);
	if (rc)
		return rc;
	figure_text(&f, "subtitle",
		    "bytes retired and not yet freed, first repetition; where there are none the "
		    "line is on the floor");
	figure_number(&f, "panel_h", TIMELINE_PANEL);
	figure_number(&f, "floor_y", floor_bytes);
	figure_number(&f, "end_x", t->end_s > 0 ? t->end_s : 1);
	timeline_write_stages(&f, t);
	/* Panels are low: a tic per factor of 256 at most. */
	figure_log_axis(axis, sizeof(axis), "y", FIGURE_BYTES, &range);
	fprintf(f.gp, "%s\nset xrange [0:%.6g]\n", axis, t->end_s > 0 ? t->end_s : 1);
	for (size_t s = 0; s < set->results->n_series; s++) {
		figure_block_begin(&f, set->results->series[s].label);
		timeline_write_line(&f, &t->lines[s], floor_bytes);
		figure_block_end(&f);
	}
	return figure_end(&f);
}

int figure_limbo_over_time(struct figure_set *set, size_t setting)
{
	static const char name[] = "limbo-over-time";
	static const char title[] = "Memory in limbo over time";
	struct timeline t = {
		.results = set->results, .setting = setting, .bytes = FIGURE_RANGE_EMPTY};
	int rc;

	if (access(set->timeline_path, F_OK))
		return figure_skip(set, name, setting, title, "there is no timeline.csv");
	t.lines = calloc(set->results->n_series + 1, sizeof(*t.lines));
	if (!t.lines)
		return -ENOMEM;
	rc = timeline_read(set->timeline_path, timeline_add_row, &t, set->error,
			   sizeof(set->error));
	if (rc >= 0 && !t.n_stages)
		rc = figure_skip(set, name, setting, title,
				 "timeline.csv has no sample of these cells");
	else if (rc >= 0 && figure_range_is_empty(&t.bytes))
		rc = figure_skip(set, name, setting, title, "nothing was ever in limbo");
	else if (rc >= 0)
		rc = timeline_draw(set, name, title, &t);
	for (size_t i = 0; i < set->results->n_series; i++)
		free(t.lines[i].points);
	free(t.lines);
	free(t.stages);
	return rc;
}
