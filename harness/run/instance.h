/* SPDX-License-Identifier: MIT */
/* instance.h - one domain with one map and its workers, ready to run stages.
 *
 * Everything of a run hangs from here, so that two instances (tracking on and off) live in one process.
 *
 * WHO WRITES WHAT.  The main thread: all fields, while no worker is busy (gate.h).  During a stage a
 * worker writes its own struct run_worker only; `stop` is written by main and read by all.
 */
#ifndef RECLAIMBENCH_RUN_INSTANCE_H
#define RECLAIMBENCH_RUN_INSTANCE_H

#include "hist.h"
#include "load/digest.h"
#include "load/ops.h"
#include "load/pace.h"
#include "load/sched.h"
#include "measure/law.h"
#include "measure/pmu.h"
#include "measure/watch_acts.h"
#include "run/config.h"
#include "run/events.h"
#include "run/gate.h"
#include "run/source.h"
#include "run/watch.h"

/* Operations the map has; a trace's update is an insert. */
enum { RUN_GET, RUN_INSERT, RUN_DELETE, RUN_N_OPS };
extern const char *const run_op_names[RUN_N_OPS];

/* Operations per thread that the digest covers: a closed loop does more of them in any strategy. */
#define RUN_DIGEST_OPS 10000

/* What a worker counts and times in a stage. */
struct worker_stats {
	uint64_t n_attempted[RUN_N_OPS];
	uint64_t n_hits[RUN_N_OPS]; /* get, delete: it was there; insert: it replaced */
	uint64_t n_no_memory;
	uint64_t n_offered; /* open loop: starts that the schedule had */
	uint64_t cpu_ns;
	uint64_t n_churned;
	struct hist response[RUN_N_OPS]; /* end - intended start */
	struct hist service[RUN_N_OPS];	 /* end - start */
	struct hist lateness;		 /* start - intended */
};

/* What all workers shall do in a stage. */
struct stage_order {
	const struct stage *spec;
	unsigned index; /* of the schedule's random numbers */
	uint64_t begin_ticks, end_ticks;
};

struct run_instance;

struct run_worker {
	struct run_instance *in;
	unsigned index;
	enum reclaim_role role;
	bool is_staller; /* the reader that stays in its section */
	bool is_audited; /* what it writes and reads goes by audit_run.h */
	pthread_t pthread;
	pid_t tid;
	struct reclaim_thread *t; /* NULL while unregistered */
	int error;		  /* first -errno; the worker then only waits */
	struct mix mix;
	struct ops_stream ops;
	struct trace_replay
		replay; /* in place of ops when there is a trace; a reader's: where a mutator is */
	uint64_t n_followed; /* a reader's gets, to follow a mutator now and then */
	struct op pending;   /* taken from the source and not yet done */
	double pending_ns;   /* its recorded start, since the replay's begin */
	bool has_pending;
	double replayed_ns; /* replay time that earlier stages took */
	struct digest digest;
	struct pace pace;
	struct pmu_thread *pmu; /* NULL: no events wanted */
	struct pmu_snapshot pmu_begin, pmu_end;
	struct worker_stats stats;
	struct watch_bins *watch; /* of a mutator, owned; NULL without --steady */
	uint64_t sink;		  /* keeps reads of payloads from being optimised away */
	/* Operations since the stage began; the sampler reads it. */
	_Atomic(uint64_t) n_ops __attribute__((aligned(PADDING_BYTES)));
} __attribute__((aligned(PADDING_BYTES)));

struct run_instance {
	const struct run_config *config;
	const struct clock *clock;
	bool tracking;
	struct reclaim *r;
	struct reclaim_thread *t; /* the main thread's, offline but for its own calls */
	struct hmap *map;
	struct keys keys;
	struct run_worker *workers; /* mutators, then readers, then the staller */
	unsigned n_workers;
	unsigned n_mutators;
	enum pace_mode pace_mode;
	const struct run_source *source;  /* NULL: operations are generated */
	const struct pmu_set *events;	  /* NULL: none */
	const struct steady_rule *steady; /* main thread only; NULL: stages last their time */
	struct law law;			  /* when tracking, with a log of cycles or --trace-json */
	struct watch_acts acts;		  /* with --trace-json */
	struct events_collectors collectors; /* the strategy's threads; none without events */
	struct gate gate;
	struct stage_order order;
	bool has_quit; /* run_instance_quit() */
	atomic_bool stop __attribute__((aligned(PADDING_BYTES)));
};

/* Create the domain and the map, start the workers.  0 or -errno with a message for the user.  `config`,
 * `clock`, `source` and `events` must outlive it.  Release with run_instance_destroy(). */
int run_instance_create(struct run_instance **out, const struct run_config *config,
			const struct clock *clock, const struct run_source *source,
			const struct pmu_set *events, bool tracking, char *message,
			size_t message_size) __attribute__((warn_unused_result));
void run_instance_destroy(struct run_instance *in);
/* Let the workers leave, drop the map, free all that is retired: what an audited run ends with.  The domain and the
 * main thread's `t` stay; a second time it does nothing.  Main thread, no stage runs. */
void run_instance_quit(struct run_instance *in);

/* Let the workers fill the map to its steady state (with a trace they only join), then free all that this retired.  0, -ENOMEM, or
 * -EINTR when a signal came. */
int run_instance_prefill(struct run_instance *in);

/* Wait until the workers have done their order.  Two things end it early: a signal of run_signals(), and
 * `is_enough` (NULL: none), which is called every few ms until it says so.  false: a signal. */
bool run_instance_wait(struct run_instance *in, bool (*is_enough)(void *ctx), void *ctx);

/* The signals that end a run; blocked in all threads, and waited for by the main thread. */
void run_signals(void *sigset);

#endif
