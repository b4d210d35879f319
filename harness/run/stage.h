/* SPDX-License-Identifier: MIT */
/* stage.h - one stage: workers run, then everything is held still and looked at.
 *
 *   quiet: stamps forget, totals noted  ->  workers run, sampler samples  ->  all offline
 *   ->  quiet: survivors, self-checks, totals  ->  results
 *
 * No collection is forced in a stage or at its end: what is not freed is censored.  Main thread only.
 */
#ifndef RECLAIMBENCH_RUN_STAGE_H
#define RECLAIMBENCH_RUN_STAGE_H

#include "measure/selfcheck.h"
#include "run/instance.h"
#include "run/sampler.h"
#include "run/watch.h"

/* What the workers of one role did together. */
struct role_stats {
	unsigned n_threads;
	uint64_t n_ops, n_offered;
	uint64_t n_attempted[RUN_N_OPS], n_hits[RUN_N_OPS];
	uint64_t n_no_memory, n_churned;
	uint64_t cpu_ns;
	struct hist response[RUN_N_OPS], service[RUN_N_OPS], lateness;
};

struct stage_result {
	const struct stage *spec;
	bool is_closed_loop;
	bool is_recorded; /* paced by a trace's own times */
	bool is_interrupted;
	bool has_watch; /* it might end before its time; `watch` says whether it did, and why */
	struct watch watch;
	double seconds; /* from the first to the last moment of load */
	uint64_t begin_ticks;
	uint64_t n_cycles_begin, n_cycles_end; /* in the strategy's log; equal when it keeps none */
	uint64_t window_ticks;		/* from stage begin to stage end, as stamps count it */
	uint64_t start_ns;		/* since the first stage's begin */
	struct role_stats role[ROLE_N]; /* mutator and reader */
	uint64_t sampler_cpu_ns, process_cpu_ns, main_cpu_ns;
	struct reclaim_totals begin, end;
	struct reclaim_stats stats_begin, stats_end;
	struct heap_stats heap;
	struct hmap_state map_begin, map_end;
	struct life_recorder life;
	struct selfcheck_little little;
	struct selfcheck_conservation conservation;
	struct law_sample law;	 /* empty without tracking, or a log of cycles or --trace-json */
	struct acts_sample acts; /* empty without --trace-json */
	struct sampler sampler;
	unsigned n_event_threads[ROLE_N];
	struct pmu_value events[ROLE_N][PMU_MAX_EVENTS];
	uint64_t digest, n_digest; /* of all operations since the warm-up began */
};

/* Run it.  0 or -errno.  Release with stage_result_free(), whatever it returned.  `zero_ticks`: where the
 * timeline begins; 0: here. */
int stage_run(struct stage_result **out, struct run_instance *in, const struct stage *spec,
	      unsigned index, uint64_t zero_ticks) __attribute__((warn_unused_result));
void stage_result_free(struct stage_result *s);

/* Operations of all mutators per second. */
double stage_throughput(const struct stage_result *s);
/* What was offered per second; NaN: closed loop. */
double stage_offered(const struct stage_result *s);
/* Collection cycles, grace periods or scans completed in the stage. */
uint64_t stage_n_cycles(const struct stage_result *s);

#endif
