/* SPDX-License-Identifier: MIT */
/* gc_world.h - stopping all threads, or passing each of them once: the handshakes of a collector.
 *
 * State of a registered thread:
 *
 *   ONLINE   runs; may hold references until its next poll
 *   PARKED   waits inside a poll, holds no reference
 *   OFFLINE  waits or sleeps elsewhere, holds no reference
 *   HELD     was OFFLINE; the collector acts for it, online() waits
 *
 *   from      to        by                        when
 *   ONLINE    PARKED    the thread                it polls and STOP is set
 *   PARKED    ONLINE    the thread                STOP is clear
 *   ONLINE    OFFLINE   the thread                gc_world_offline()
 *   OFFLINE   ONLINE    the thread                gc_world_online()
 *   OFFLINE   HELD      the collector             ragged barrier
 *   HELD      OFFLINE   the collector             done with it
 *
 * One thread at a time is the collector; it, and whoever helps it (ROLE_COLLECTOR), never counts as a thread of
 * the world.
 *
 * STOP, and why nobody slips through.  The collector stores STOP and then reads each thread's state; a thread
 * that wants to run stores ONLINE and then reads STOP.  All four are seq_cst, so in their single order either
 * the collector's store comes before the thread's read (the thread sees STOP and parks again) or the thread's
 * store comes before the collector's read (the collector sees ONLINE and waits).  A thread that keeps running
 * sees STOP at its next poll, by an acquire load.
 *
 * What is written on either side is seen on the other: a thread's ONLINE -> PARKED/OFFLINE is a release, which
 * the collector's reading of the state acquires; the collector's clearing of STOP is a release, which the
 * leaving thread's reading of the flags acquires.
 */
#ifndef RECLAIMBENCH_GC_WORLD_H
#define RECLAIMBENCH_GC_WORLD_H

#include <pthread.h>

#include "reclaim.h"

enum gc_thread_state { GC_ONLINE, GC_PARKED, GC_OFFLINE, GC_HELD };

enum {
	GC_FLAG_STOP = 1,   /* park at the next poll */
	GC_FLAG_RAGGED = 2, /* acknowledge at the next poll */
	GC_FLAG_MARKING =
		4, /* barrier, black allocation and assists are on; changes only in a stop */
	GC_FLAG_START =
		8, /* a cycle is due: whoever made it so waits at its next poll (gc_cycle_want()) */
};

/* A thread's part; the first member of every strategy's thread state. */
struct gc_member {
	_Atomic(uint32_t) state __attribute__((aligned(PADDING_BYTES)));
	_Atomic(uint32_t) ragged_ack; /* last ragged barrier passed */
	/* Written by the thread at each retire (flip=ragged) and by the collector at each handshake; see
	 * gc_world_announce(). */
	_Atomic(uint32_t) announce;
	_Atomic(uint64_t) held_ns_max; /* longest time parked */
	/* The thread's own word, for gc_world_left_out(): gc_member_at_work(). */
	_Atomic(bool) is_at_work;
	struct reclaim_thread *t;
	struct gc_member *next; /* under the world's lock */
};

static inline bool gc_member_is_collector(const struct gc_member *m)
{
	return m->t->role == ROLE_COLLECTOR;
}

/* A thread of the world: before it says that it has arrived, and after it has seen that the world runs.  A marker that
 * helps: in a round.  So false when a stop is reached, and at the flip. */
static inline void gc_member_at_work(struct gc_member *m, bool is_at_work)
{
	if (AUDIT_BUILD)
		store_seq_cst(&m->is_at_work, is_at_work);
}

struct gc_world {
	/* Read at every poll, allocation and barrier; written by the collector, under lock: a line of its own. */
	_Atomic(uint32_t) flags __attribute__((aligned(PADDING_BYTES)));

	pthread_mutex_t lock __attribute__((aligned(PADDING_BYTES)));
	pthread_cond_t arrived; /* a thread parked, went offline or acknowledged */
	pthread_cond_t resumed; /* STOP was cleared, HELD ended */
	struct gc_member *members;
	uint32_t n_members;		 /* without the collector */
	_Atomic(uint32_t) ragged_number; /* of the last ragged barrier */
	_Atomic(bool) is_waiting;	 /* the collector sleeps on `arrived` */
	uint32_t missing_thread; /* the one that did not arrive at the last cancelled handshake */
	_Atomic(uint64_t) n_cancelled;
	const struct clock *clock;
	/* At a thread's ragged barrier and whenever it leaves a poll or returns online while something is
	 * due: by the thread itself, or by the collector for an offline one.  Outside the lock. */
	void (*visit)(void *ctx, struct gc_member *m);
	/* A thread leaves; under the lock. */
	void (*leave)(void *ctx, struct gc_member *m);
	void *ctx;
};

void gc_world_init(struct gc_world *w, const struct clock *clock,
		   void (*visit)(void *ctx, struct gc_member *m),
		   void (*leave)(void *ctx, struct gc_member *m), void *ctx);
void gc_world_fini(struct gc_world *w);

/* A thread comes (waits while the world is stopped) and goes.  On the thread itself. */
void gc_world_join(struct gc_world *w, struct gc_member *m, struct reclaim_thread *t);
void gc_world_leave(struct gc_world *w, struct gc_member *m);

/* On the thread itself. */
void gc_world_offline(struct gc_world *w, struct gc_member *m);
void gc_world_online(struct gc_world *w, struct gc_member *m);
/* The slow part of a poll: park while STOP is set, acknowledge a ragged barrier. */
void gc_world_safepoint(struct gc_world *w, struct gc_member *m);

static inline uint32_t gc_world_flags(const struct gc_world *w)
{
	/* acquire: pairs with gc_world_resume() and gc_world_set_flags() */
	return load_acquire(&w->flags);
}

/* The collector's part.  stop: 0, or -ETIMEDOUT when a thread did not arrive within limit_ns; then the world
 * runs again, as if nothing had been asked.  missing_thread names it. */
int gc_world_stop(struct gc_world *w, uint64_t limit_ns);
/* `set` and `clear` are applied to the flags before the threads go on. */
void gc_world_resume(struct gc_world *w, uint32_t set, uint32_t clear);
/* The same without a stop.  Any thread, for GC_FLAG_START only. */
void gc_world_set_flags(struct gc_world *w, uint32_t set, uint32_t clear);
/* Ragged barrier: every thread passes a poll, or is visited while offline, once after the begin.  -ETIMEDOUT
 * as above.  Begun while the world is stopped, it is passed by leaving the poll: no further one is needed. */
void gc_world_ragged_begin(struct gc_world *w);
int gc_world_ragged_wait(struct gc_world *w, uint64_t limit_ns);
/* The audit's look at a handshake that is said to be done, a stop or a ragged barrier: the index of a thread that is
 * at work, or has not acknowledged; UINT32_MAX: none.  AUDIT_BUILD only. */
uint32_t gc_world_left_out(struct gc_world *w, bool in_stop);
/* Before a handshake that relies on an order between each thread's announcement and a store of the collector;
 * see gc_sweep.h, flip=ragged. */
void gc_world_announce(struct gc_world *w);
/* Online threads, now. */
uint32_t gc_world_n_online(struct gc_world *w);
void gc_world_for_each(struct gc_world *w, void (*fn)(void *ctx, struct gc_member *m), void *ctx);
/* The same, and the first one's index (reclaim_thread.index). */
uint32_t gc_world_n_not_arrived(struct gc_world *w, uint32_t *first_index);

#endif
