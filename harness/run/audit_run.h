/* SPDX-License-Identifier: MIT */
/* audit_run.h - `run --audit`: checkpoints between stages, and the verdict. */
#ifndef RECLAIMBENCH_RUN_AUDIT_RUN_H
#define RECLAIMBENCH_RUN_AUDIT_RUN_H

#include "run/instance.h"

/* For reclaim_config.on_fault: prints it to stderr, the first few of a run; the run goes on. */
void audit_run_fault(void *ctx, enum audit_fault fault, const char *what);
/* Between stages, no worker runs.  Main thread.  Nothing without --audit. */
void audit_run_checkpoint(struct run_instance *in);
/* Prints what was checked and found to stdout; whether nothing was found.  Main thread, after the last stage. */
bool audit_run_verdict(struct run_instance *in);

#endif
