/* SPDX-License-Identifier: MIT */
/* mkdirs.h - directories for results. */
#ifndef RECLAIMBENCH_MKDIRS_H
#define RECLAIMBENCH_MKDIRS_H

/* Make a directory and those it lies in, as mkdir -p; one that is there is fine.  0 or -errno. */
int mkdirs(const char *path) __attribute__((warn_unused_result));

#endif
