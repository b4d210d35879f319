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

static void audit_run_expect(struct run_instance *in, const void *object, uint64_t key,
			     uint64_t value)
{
	char detail[96];

	if (value >> 16 == key << 16 >> 16)
		return;
	snprintf(detail, sizeof(detail), "key %#" PRIx64 ", value %#" PRIx64, key, value);
	audit_report(in->r, AUDIT_READ_WRONG, object, detail);
}

uint64_t audit_run_hold(struct run_instance *in, uint64_t key, uint64_t value,
			struct audit_run_held *held)
{
	*held = (struct audit_run_held){.key = key};
	if (in->config->value_bytes > 0) {
		const _Atomic(uint64_t) *payload = (const _Atomic(uint64_t) *)(uintptr_t)value;

		held->generation = audit_hold(in->r, (const void *)payload);
		if (held->generation == 0) /* told of already */
			return 0;
		held->payload = payload;
		/* relaxed: written before the cell that led here was published */
		value = load_relaxed(payload);
	}
	audit_run_expect(in, (const void *)held->payload, key, value);
	return value;
}

void audit_run_let_go(struct run_instance *in, const struct audit_run_held *held)
{
	if (held->payload == NULL)
		return;
	/* relaxed: as in audit_run_hold(); a later write would be a fault */
	audit_run_expect(in, (const void *)held->payload, held->key, load_relaxed(held->payload));
	audit_let_go(in->r, (const void *)held->payload, held->generation);
}

static void audit_run_check(struct run_instance *in, unsigned flags)
{
	const char *options = in->config->strategy_options;

	if (!audit_is_on(in->r))
		return;
	if (strstr(options, "bits=span"))
		flags |= AUDIT_IMPRECISE;
	reclaim_online(in->t);
	reclaim_quiet_begin(in->r);
	audit_check(in->r, in->t, flags);
	reclaim_quiet_end(in->r);
	reclaim_offline(in->t);
}

void audit_run_checkpoint(struct run_instance *in)
{
	audit_run_check(in, 0);
}

bool audit_run_verdict(struct run_instance *in)
{
	struct audit_counts counts;
	uint64_t n_faults;

	if (!audit_is_on(in->r))
		return true;
	run_instance_quit(in);
	audit_run_check(in, AUDIT_AFTER_DRAIN);
	n_faults = audit_n_faults(in->r, AUDIT_N_FAULTS);
	if (!n_faults && in->config->quiet)
		return true;
	audit_counts(in->r, &counts);
	printf("audit: %s: %" PRIu64 " faults; %" PRIu64 " checkpoints, %" PRIu64
	       " objects reached, %" PRIu64 " held by readers, %" PRIu64
	       " addresses watched, registry %.1f MB\n",
	       n_faults ? "FAULTS" : "sound", n_faults, counts.n_checkpoints, counts.n_walked,
	       counts.n_seen, counts.n_addresses, (double)counts.registry_bytes / 1e6);
	for (int i = 0; i < AUDIT_N_FAULTS; i++)
		if (audit_n_faults(in->r, i))
			printf("audit: %" PRIu64 " x %s: %s\n", audit_n_faults(in->r, i),
			       audit_fault_names[i], audit_fault_texts[i]);
	return n_faults == 0;
}
