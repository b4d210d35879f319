/* SPDX-License-Identifier: MIT */
/* plot_dir.h - a result directory opened for plot and report, and its figures drawn. */
#ifndef RECLAIMBENCH_PLOT_DIR_H
#define RECLAIMBENCH_PLOT_DIR_H

#include "cli.h"
#include "report/figures.h"

struct plot_dir {
	const char *dir; /* the caller's */
	char *csv;	 /* DIR/run.csv */
	char *timeline;	 /* DIR/timeline.csv */
	char *plots;	 /* DIR/plots */
	struct table *table;
	struct results results;
	struct figure_set set;
};

/* Read DIR/run.csv and fold it.  0; -EINVAL or another -errno, and then `error` (512 bytes are enough) says
 * what is wrong.  Release with plot_dir_close() in either case. */
int plot_dir_open(struct plot_dir *p, const char *dir, char *error, size_t error_size)
	__attribute__((warn_unused_result));
/* The same for a command with the operand DIR and the option --object: 0, or EXIT_USAGE after saying what is
 * wrong; prints the file's warnings. */
int plot_dir_open_command(struct plot_dir *p, const struct cli_args *args)
	__attribute__((warn_unused_result));
/* Make DIR/plots and draw all figures into it.  0 or -errno with `error`. */
int plot_dir_draw(struct plot_dir *p, char *error, size_t error_size)
	__attribute__((warn_unused_result));
void plot_dir_close(struct plot_dir *p);

#endif
