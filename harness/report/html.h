/* SPDX-License-Identifier: MIT */
/* html.h - the parts of report.html.  Every text that comes from a file passes text_write_html(); all functions
 * write to `out` and leave the check of its error to who closes it.  Threads: one. */
#ifndef RECLAIMBENCH_HTML_H
#define RECLAIMBENCH_HTML_H

#include <stdio.h>

#include "report/plot_dir.h"

/* printf with every %s escaped: only %s, %zu, %d, %u and %% are known. */
void html_printf(FILE *out, const char *fmt, ...);

/* The head with style, up to <body>; the end with the script. */
void html_begin(FILE *out, const char *title);
void html_end(FILE *out);

/* An SVG file of gnuplot, made part of the page: ids get a prefix, foreign addresses and the background go.
 * 0 or -errno. */
int html_svg(FILE *out, const char *path, const char *label, size_t index);

/* The summary in words. */
void html_summary(FILE *out, const struct plot_dir *p);
/* Environment with its warnings, from DIR/env.json; says so when there is none.  0 or -ENOMEM. */
int html_environment(FILE *out, const struct plot_dir *p);
/* Little's law, conservation and the cost of tracking, per cell and stage. */
void html_self_checks(FILE *out, const struct plot_dir *p);
/* Figures of every setting, strategy and stage, and what is not ok. */
void html_tables(FILE *out, const struct plot_dir *p);
/* All figures, and why others are missing. */
int html_figures(FILE *out, const struct plot_dir *p);
/* The command line of every cell.  0 or -ENOMEM. */
int html_commands(FILE *out, const struct plot_dir *p);

#endif
