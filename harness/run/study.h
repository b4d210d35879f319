/* SPDX-License-Identifier: MIT */
/* study.h - the scenarios that look inside the collector and the map (study.c). */
#ifndef RECLAIMBENCH_STUDY_H
#define RECLAIMBENCH_STUDY_H

#include <stdbool.h>

#include "cli.h"

/* A subcommand by its form, reached through `reclaimbench scenario NAME`. */
extern const struct cli_command cmd_study;

bool study_has(const char *name);
const char *study_name(size_t i); /* NULL past the last */
/* One line each on stdout. */
void study_print_list(void);

#endif
