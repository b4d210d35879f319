/* SPDX-License-Identifier: MIT */
/* figure.h - one figure: its data file, its gnuplot script, and the two images made from them.
 *
 * DIR/plots/NAME.dat, .gp, .png, .svg.  gnuplot is started without a shell; names from outside reach it
 * only in single-quoted strings and data columns, and every terminal is set to noenhanced.
 *
 * Threads: one.
 */
#ifndef RECLAIMBENCH_FIGURE_H
#define RECLAIMBENCH_FIGURE_H

#include <math.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>

#include "report/results.h"

/* The scripts of scripts/plots/, part of the binary. */
enum figure_script {
	FIGURE_CURVES,
	FIGURE_RECTS,
	FIGURE_TIMELINE,
	FIGURE_HEATMAP,
	FIGURE_PARETO,
	FIGURE_N_SCRIPTS
};
const char *figure_script_common(void);
const char *figure_script_text(enum figure_script script);

struct figure_info {
	char name[64]; /* of the files, without suffix */
	char *title;
	char *setting; /* label of the setting; "" when there is one only */
	bool is_drawn;
	char *reason; /* why not drawn; NULL when drawn */
};

struct figure_set {
	const struct results *results;
	const char *dir;	   /* DIR/plots; exists */
	const char *timeline_path; /* DIR/timeline.csv; may be absent on disk */
	const char *object;	   /* class asked for; NULL: the one with most deaths */
	const char *metric;	   /* of the heat map: metric[/phase]/stat */
	size_t max_settings;	   /* figures are drawn for this many settings */
	struct figure_info *list;
	size_t n;
	char error[512]; /* what went wrong when a function failed */
};

void figure_set_free(struct figure_set *set); /* what the functions below allocated */

struct figure {
	struct figure_set *set;
	struct figure_info *info;
	FILE *gp;
	FILE *dat;
	enum figure_script script;
	size_t n_rows; /* of the block that is open */
};

/* Record that a figure cannot be drawn.  0 or -ENOMEM. */
int figure_skip(struct figure_set *set, const char *name, size_t setting, const char *title,
		const char *reason_fmt, ...) __attribute__((format(printf, 5, 6)));

/* Open the files and write what all scripts want: size, title, setting, series with colours.  0 or -errno
 * with set->error.  Finish with figure_end(). */
int figure_begin(struct figure *f, struct figure_set *set, enum figure_script script,
		 const char *name, size_t setting, const char *title, int width, int height)
	__attribute__((warn_unused_result));
/* Close, run gnuplot for both images.  0 or -errno with set->error (-ENOENT: no gnuplot). */
int figure_end(struct figure *f) __attribute__((warn_unused_result));

/* Script variables.  Text may come from outside. */
void figure_number(struct figure *f, const char *variable, double value);
void figure_text(struct figure *f, const char *variable, const char *text);
void figure_array(struct figure *f, const char *variable, size_t n);
void figure_array_text(struct figure *f, const char *variable, size_t i, const char *text);
/* Our own gnuplot commands, for `eval`; never text from outside. */
void figure_array_commands(struct figure *f, const char *variable, size_t i, const char *commands);
/* A text for a tic: gnuplot reads those as formats, so that '%' is doubled. */
void figure_array_tic(struct figure *f, const char *variable, size_t i, const char *text);
void figure_array_number(struct figure *f, const char *variable, size_t i, double value);

/* Height in pixels of a legend with an entry per series and some more, and columns of it. */
int figure_legend_height(const struct results *r, size_t n_extra, int width, int *n_cols);
/* Sets legend_h and legend_cols. */
void figure_legend(struct figure *f, size_t n_extra, int width);

/* Blocks of the data file; one that stays empty gets a row of NaN, so that indexes stay right. */
void figure_block_begin(struct figure *f, const char *comment);
void figure_row(struct figure *f, const double *values, size_t n);
void figure_row_text(struct figure *f, double x, double y,
		     const char *text); /* text is the 3rd column */
void figure_block_end(struct figure *f);

/* Smallest and largest of what was seen. */
struct figure_range {
	double min;
	double max;
};
#define FIGURE_RANGE_EMPTY ((struct figure_range){INFINITY, -INFINITY})
void figure_range_add(struct figure_range *range, double value); /* NaN is passed over */
bool figure_range_is_empty(const struct figure_range *range);

enum figure_unit { FIGURE_TIME_NS, FIGURE_BYTES, FIGURE_COUNT };
enum figure_unit figure_unit_of(const char *unit);
/* A log axis ("x", "y" or "cb") from min to max (> 0), as commands on one line.  The range is widened to whole
 * tics and never empty. */
void figure_log_axis(char *buf, size_t size, const char *axis, enum figure_unit unit,
		     const struct figure_range *range);
/* A value for people, "182 ms", with ">" before it when it is a bound. */
char *figure_format(char *buf, size_t size, enum figure_unit unit, double value, bool is_bound);
/* Shorten a name to n characters (not bytes), with an ellipsis for what is left out. */
void figure_shorten(char *buf, size_t size, const char *text, size_t n);
/* Pixels of the longest series label, as drawn. */
int figure_label_width(const struct results *r);

/* Colour of a series, 0xRRGGBB: Okabe and Ito's and Tol's palettes without black and yellow. */
unsigned figure_colour(size_t series);

#endif
