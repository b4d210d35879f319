/* SPDX-License-Identifier: MIT */
/* audit_run.c - `run --audit`; see audit_run.h. */
#include "run/audit_run.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

/* More of them say no more. */
#define AUDIT_RUN_MAX_PRINTED 10u

void audit_run_fault(void *ctx, enum audit_fault fault, const char *what)
{
	struct run_instance *in = ctx;

	(void)fault;
	if (audit_n_faults(in->r, AUDIT_N_FAULTS) <= AUDIT_RUN_MAX_PRINTED)
		fprintf(stderr, "audit: %s\n", what);
}

void audit_run_checkpoint(struct run_instance *in)
{
	const char *options = in->config->strategy_options;

	if (!audit_is_on(in->r))
		return;
	reclaim_online(in->t);
	reclaim_quiet_begin(in->r);
	audit_check(in->r, in->t, strstr(options, "bits=span") ? AUDIT_IMPRECISE : 0);
	reclaim_quiet_end(in->r);
	reclaim_offline(in->t);
}

bool audit_run_verdict(struct run_instance *in)
{
	const uint64_t n_faults = audit_n_faults(in->r, AUDIT_N_FAULTS);
	struct audit_counts counts;

	if (!audit_is_on(in->r))
		return true;
	if (!n_faults && in->config->quiet)
		return true;
	audit_counts(in->r, &counts);
	printf("audit: %s: %" PRIu64 " faults; %" PRIu64 " checkpoints, %" PRIu64
	       " objects reached, %" PRIu64 " addresses watched, registry %.1f MB\n",
	       n_faults ? "FAULTS" : "sound", n_faults, counts.n_checkpoints, counts.n_walked,
	       counts.n_addresses, (double)counts.registry_bytes / 1e6);
	for (int i = 0; i < AUDIT_N_FAULTS; i++)
		if (audit_n_faults(in->r, i))
			printf("audit: %" PRIu64 " x %s: %s\n", audit_n_faults(in->r, i),
			       audit_fault_names[i], audit_fault_texts[i]);
	return n_faults == 0;
}
