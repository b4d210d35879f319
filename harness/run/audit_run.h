/* SPDX-License-Identifier: MIT */
/* audit_run.h - `run --audit`: readers that check what they read, checkpoints, and the verdict.
 *
 * Under a key an audited run writes key << 16 | the low 16 bits of what the stream or the trace says, so whoever reads
 * can tell whether the value is its key's: what the map holds and does is the same.  Runs that are not audited write
 * and read past all of this.
 */
#ifndef RECLAIMBENCH_RUN_AUDIT_RUN_H
#define RECLAIMBENCH_RUN_AUDIT_RUN_H

#include "run/instance.h"

/* For reclaim_config.on_fault: prints it to stderr, the first few of a run; the run goes on. */
void audit_run_fault(void *ctx, enum audit_fault fault, const char *what);
/* What a worker writes under a key in place of `value`. */
static inline uint64_t audit_run_value(uint64_t key, uint64_t value)
{
	return key << 16 | (value & 0xffff);
}

/* What a reader has found and still stands on. */
struct audit_run_held {
	const _Atomic(uint64_t) *payload; /* NULL: nothing, or a plain value */
	uint64_t key, generation;
};
/* A get of `key` has returned `value`; inside the section.  Holds a payload, and checks that what is there belongs to
 * the key.  Returns it; 0 where `value` is no object's address, which is not followed. */
uint64_t audit_run_hold(struct run_instance *in, uint64_t key, uint64_t value,
			struct audit_run_held *held);
/* Before the map is called again or the section left: it must be there as it was. */
void audit_run_let_go(struct run_instance *in, const struct audit_run_held *held);
/* Between stages, no worker runs.  Main thread.  Nothing without --audit. */
void audit_run_checkpoint(struct run_instance *in);
/* Ends the instance's work (run_instance_quit()), so that what is retired and never freed shows too; then prints what
 * was checked and found to stdout.  Whether nothing was found.  Main thread, after the last stage. */
bool audit_run_verdict(struct run_instance *in);

#endif
