/* SPDX-License-Identifier: MIT */
/* urcu.h - what the two strategies that use liburcu share: one domain's call_rcu() worker, and how retired
 * objects get to it.
 *
 * THE WORKER.  Each domain has a call_rcu worker of its own (create_call_rcu_data()), made when the domain's
 * first thread registers.  The first callback it runs registers it with the domain as a collector, the last
 * one, sent by fini, unregisters it; in between it runs in the order they were sent the callbacks that free.
 * A callback finds its domain in the node, not in a variable of the process: two domains of one strategy
 * have two workers.
 *
 * Grace periods are the process's: a section that stalls in one domain holds back every domain of the flavor.
 *
 * THREADS.  liburcu knows a thread once per process and flavor, however many domains it is in.  So the count of
 * a thread's registrations must lie where the library's own reader state lies: in the thread.  It is the one
 * piece of state here that does not hang from the domain; each flavor's file holds its own (struct
 * urcu_self).
 */
#ifndef RECLAIMBENCH_FIELD_URCU_H
#define RECLAIMBENCH_FIELD_URCU_H

#include <pthread.h>

#include <urcu/call-rcu.h>

#include "field/records.h"

/* Before version 0.14 the library leaves the worker's thread to be joined by whoever made the worker; since then
 * it joins it itself. */
#ifdef URCU_JOINS_WORKER
#define URCU_JOIN_WORKER(thread) ((void)(thread))
#else
#define URCU_JOIN_WORKER(thread) ((void)pthread_join((thread), NULL))
#endif

/* A thread's standing with one flavor of the library, over all domains. */
struct urcu_self {
	unsigned n_registered;
	unsigned n_online;
};

/* One flavor's functions; see its header. */
struct urcu_flavor {
	void (*register_thread)(void);
	void (*unregister_thread)(void);
	void (*thread_offline)(void); /* NULL: the flavor needs none */
	void (*thread_online)(void);
	void (*call)(struct rcu_head *head, void (*func)(struct rcu_head *head));
	struct call_rcu_data *(*create)(unsigned long flags, int cpu_affinity);
	void (*destroy)(struct call_rcu_data *crdp);
	pthread_t (*worker_thread)(struct call_rcu_data *crdp);
	struct call_rcu_data *(*thread_data)(void);
	void (*set_thread_data)(struct call_rcu_data *crdp);
};

struct urcu {
	struct records records;
	const struct urcu_flavor *flavor;
	struct reclaim *r;
	pthread_mutex_t lock;	/* phase, is_drained, crdp, worker, worker_error, safe */
	pthread_cond_t changed; /* phase, is_drained */
	enum { WORKER_NONE, WORKER_STARTING, WORKER_FAILED, WORKER_RUNNING, WORKER_GONE } phase;
	struct call_rcu_data *crdp;
	struct reclaim_thread *worker;
	int worker_error;
	struct rcu_head hello, drained, bye;
	bool is_drained;   /* under lock */
	struct limbo safe; /* free=amortized: past their grace period, for any thread to free */
	_Atomic(uint64_t) n_safe;  /* their number, to look at without the lock */
	_Atomic(uint64_t) n_calls; /* callbacks run */
};

struct urcu_node {
	struct limbo_node link; /* word: the struct urcu, from call to callback */
	struct rcu_head head;	/* of the first of a batch */
};

struct urcu_thread {
	struct record *record;
	bool is_worker; /* the library has registered it */
};

int urcu_init(struct reclaim *r, const struct urcu_flavor *flavor);
/* Outside the sections of every domain. */
void urcu_fini(struct reclaim *r, struct urcu_self *self);
/* On the thread itself, outside the sections of every domain.  `self`: the flavor's, of this thread. */
int urcu_thread_register(struct reclaim_thread *t, struct urcu_self *self);
void urcu_thread_unregister(struct reclaim_thread *t, struct urcu_self *self);
void urcu_offline(struct reclaim_thread *t, struct urcu_self *self);
void urcu_online(struct reclaim_thread *t, struct urcu_self *self);
void urcu_retire(struct reclaim_thread *t, void *object);
/* The part of poll that frees. */
void urcu_poll(struct reclaim_thread *t);
/* Outside the sections of every domain: waits for a grace period. */
void urcu_drain(struct reclaim_thread *t, struct urcu_self *self);
void urcu_stats(struct reclaim *r, struct reclaim_stats *out);
void urcu_explain(struct reclaim *r, FILE *out);

#define URCU_LIMBO offsetof(struct urcu, records.options)
#define URCU_OPTIONS                                                                               \
	LIMBO_OPTION_FREE(URCU_LIMBO, "burst"),                                                    \
		LIMBO_OPTION_BATCH(URCU_LIMBO, "1", "objects handed to call_rcu() by one call")

#endif
