/* SPDX-License-Identifier: MIT */
/* scenario.h - a bounded run of several threads on one audited map, from a seed: for the controls and for torture. */
#ifndef RECLAIMBENCH_SCENARIO_H
#define RECLAIMBENCH_SCENARIO_H

#include "hmap.h"
#include "reclaim.h"

struct scenario {
	const struct reclaim_ops *ops;
	const char *options; /* of the strategy, or NULL */
	enum hmap_mode mode;
	enum hmap_unlink unlink;
	enum heap_kind alloc;
	bool audit;	      /* or only what readers see by themselves */
	unsigned check_flags; /* AUDIT_IMPRECISE, or 0 */
	unsigned n_threads;
	unsigned n_rounds; /* a map's life each: filled, used, checked, dropped, drained, checked */
	uint64_t n_ops;	   /* per thread and round */
	uint64_t n_keys;   /* the first eighth stays in the map from begin to end */
	unsigned
		stall_1_in; /* of so many reads one sleeps in its section, some threads offline; 0: none */
	bool iterates; /* threads walk the map now and then */
	uint64_t seed;
	/* Told of each fault, on the thread that found it; NULL: print and abort. */
	audit_fault_fn *on_fault;
	void *ctx;
};

struct scenario_result {
	uint64_t n_ops, n_gets, n_checkpoints, n_walked, n_growths, n_freed;
	uint64_t n_faults;
};

/* 0, or -errno when the domain, a map or one of the threads cannot be made (`message`). */
int scenario_run(const struct scenario *s, struct scenario_result *out, char *message,
		 size_t message_size);

#endif
