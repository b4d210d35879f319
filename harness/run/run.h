/* SPDX-License-Identifier: MIT */
/* run.h - one repetition of one cell, from the prefill to the last row. */
#ifndef RECLAIMBENCH_RUN_RUN_H
#define RECLAIMBENCH_RUN_RUN_H

#include "run/config.h"

/* Run all stages in this process; prints, writes DIR.  Returns an exit code of cli.h.  A trace sets the
 * config's number of keys. */
int run_once(struct run_config *config);

#endif
