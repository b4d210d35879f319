/* SPDX-License-Identifier: MIT */
/* pmu_internal.h - a set of events and one thread's counters, as pmu.c and pmu_value.c see them. */
#ifndef RECLAIMBENCH_PMU_INTERNAL_H
#define RECLAIMBENCH_PMU_INTERNAL_H

#include <linux/perf_event.h>

#include "pmu.h"

/* Events that are scheduled onto counters together, so that ratios inside are of the same moments.  Small
 * groups, because a group is counted whole or not at all. */
enum pmu_class {
	PMU_CLASS_CORE, /* cycles, instructions */
	PMU_CLASS_CACHE,
	PMU_CLASS_BRANCH,
	PMU_CLASS_SOFTWARE,
	PMU_CLASS_ALONE, /* breakpoints, unknown raw events: each for itself */
	PMU_N_CLASSES,
};

struct pmu_event {
	char *name;
	char *canonical;
	struct perf_event_attr attr;
	enum pmu_class class;
	bool reads_zero; /* the kernel would open it and count nothing: do not */
};

/* Constant after pmu_set_create(). */
struct pmu_set {
	const struct pmu_system *system;
	size_t n_events;
	struct pmu_event events[PMU_MAX_EVENTS];
};

/* Written by pmu_open() only. */
struct pmu_counter {
	int fd;	    /* -1: not open */
	int error;  /* why not */
	int leader; /* index of the event that leads its group; itself when it leads */
	uint64_t id;
	bool is_fallback; /* taken from getrusage() */
};

struct pmu_thread {
	const struct pmu_set *set;
	pid_t tid;
	struct pmu_counter counters[PMU_MAX_EVENTS];
};

/* Whether getrusage() knows this event; then *out is its count so far. */
bool pmu_rusage_count(const struct perf_event_attr *attr, const struct rusage *usage,
		      uint64_t *out);

#endif
