/* SPDX-License-Identifier: MIT */
/* gnuplot.h - runs gnuplot on a script, without a shell and without the user's own start-up files. */
#ifndef RECLAIMBENCH_GNUPLOT_H
#define RECLAIMBENCH_GNUPLOT_H

#include <stddef.h>

/* Run `gnuplot SCRIPT` in `dir` for one format ("png" or "svg").  The last of what it says on stderr goes
 * into `said`.  0; -ENOENT: gnuplot is not installed; -EIO: it failed or complained of an error; or another
 * -errno.  Blocks until it ends. */
int gnuplot_run(const char *dir, const char *script, const char *format, char *said,
		size_t said_size) __attribute__((warn_unused_result));

#endif
