/* SPDX-License-Identifier: MIT */
/* gc_world.c - handshakes; see gc_world.h for the states and the proof.
 *
 * Source: Go 1.19.8, runtime/proc.go (stopTheWorldWithSema, forEachP) for what is done; threads here poll
 * instead of being preempted, and a stop has a limit.
 */
#include "gc/gc_world.h"

#include <errno.h>
#include <sched.h>
#include <time.h>

#include "audit.h"
#include "control.h"

/* A stop of some microseconds is waited for without sleeping: waking a thread costs some 50 us. */
enum { GC_N_SPINS = 2000, GC_N_SPINS_PER_YIELD = 100 };

void gc_world_init(struct gc_world *w, const struct clock *clock,
		   void (*visit)(void *ctx, struct gc_member *m),
		   void (*leave)(void *ctx, struct gc_member *m), void *ctx)
{
	pthread_condattr_t attr;

	store_relaxed(&w->flags, 0); /* relaxed: no thread knows the world yet */
	pthread_mutex_init(&w->lock, NULL);
	pthread_condattr_init(&attr);
	pthread_condattr_setclock(&attr, CLOCK_MONOTONIC);
	pthread_cond_init(&w->arrived, &attr);
	pthread_cond_init(&w->resumed, &attr);
	pthread_condattr_destroy(&attr);
	w->missing_thread = UINT32_MAX;
	w->clock = clock;
	w->visit = visit;
	w->leave = leave;
	w->ctx = ctx;
}

void gc_world_fini(struct gc_world *w)
{
	pthread_cond_destroy(&w->resumed);
	pthread_cond_destroy(&w->arrived);
	pthread_mutex_destroy(&w->lock);
}

/* Tell the collector if it sleeps: it stores is_waiting and then looks at the states, we have changed ours
 * and then look at is_waiting, all seq_cst, so one of the two sees the other. */
static void gc_world_notify(struct gc_world *w)
{
	if (!load_seq_cst(&w->is_waiting))
		return;
	pthread_mutex_lock(&w->lock);
	pthread_cond_signal(&w->arrived);
	pthread_mutex_unlock(&w->lock);
}

/* ---------------------------------------------------------------- the threads' side */

static void gc_world_wait_running(struct gc_world *w)
{
	/* acquire: pairs with gc_world_resume() */
	for (unsigned i = 0; i < GC_N_SPINS; i++) {
		if (!(load_acquire(&w->flags) & GC_FLAG_STOP))
			return;
		if (i % GC_N_SPINS_PER_YIELD == GC_N_SPINS_PER_YIELD - 1)
			sched_yield();
		else
			cpu_relax();
	}
	pthread_mutex_lock(&w->lock);
	while (load_relaxed(&w->flags) & GC_FLAG_STOP) /* relaxed: written under the lock */
		pthread_cond_wait(&w->resumed, &w->lock);
	pthread_mutex_unlock(&w->lock);
}

static void gc_world_park(struct gc_world *w, struct gc_member *m)
{
	const uint64_t begin = clock_ticks(w->clock);
	uint64_t held_ns;

	gc_member_at_work(m, false);
	do {
		/* release part: what this thread did comes before what the collector does;
		 * seq_cst: see the header */
		store_seq_cst(&m->state, GC_PARKED);
		gc_world_notify(w);
		gc_world_wait_running(w);
		store_seq_cst(&m->state, GC_ONLINE);
	} while (load_seq_cst(&w->flags) & GC_FLAG_STOP);
	gc_member_at_work(m, true);
	reclaim_act_end(m->t, "stopped", begin);
	held_ns = clock_delta_ns(w->clock, begin, clock_ticks(w->clock));
	if (held_ns > load_relaxed(&m->held_ns_max)) /* relaxed: statistics, one writer */
		store_relaxed(&m->held_ns_max, held_ns);
}

void gc_world_safepoint(struct gc_world *w, struct gc_member *m)
{
	uint64_t begin;
	uint32_t number;

	if (load_seq_cst(&w->flags) & GC_FLAG_STOP)
		gc_world_park(w, m);
	begin = reclaim_act_begin(m->t);
	/* The number first: what is seen after it was written before the barrier of that number began.
	 * acquire: pairs with gc_world_ragged_begin() */
	number = load_acquire(&w->ragged_number);
	w->visit(w->ctx, m);
	if (load_relaxed(&m->ragged_ack) ==
	    number) /* relaxed: its own, or written while it was HELD */
		return;
	store_seq_cst(&m->ragged_ack, number); /* release part: pairs with gc_world_ragged_wait() */
	gc_world_notify(w);
	reclaim_act_end(m->t, "ragged barrier", begin);
}

void gc_world_offline(struct gc_world *w, struct gc_member *m)
{
	gc_member_at_work(m, false);
	/* seq_cst, then a load: a collector that does not see OFFLINE yet has set a flag that is seen here */
	store_seq_cst(&m->state, GC_OFFLINE);
	if (unlikely(load_seq_cst(&w->flags) & (GC_FLAG_STOP | GC_FLAG_RAGGED)))
		gc_world_notify(w);
}

void gc_world_online(struct gc_world *w, struct gc_member *m)
{
	uint32_t expected = GC_OFFLINE;

	while (!cas_seq_cst(&m->state, &expected, GC_ONLINE)) {
		/* HELD: the collector acts for us, shortly. */
		pthread_mutex_lock(&w->lock);
		while (load_relaxed(&m->state) == GC_HELD) /* relaxed: written under the lock */
			pthread_cond_wait(&w->resumed, &w->lock);
		pthread_mutex_unlock(&w->lock);
		expected = GC_OFFLINE;
	}
	gc_world_safepoint(w, m);
	gc_member_at_work(m, true);
}

void gc_world_join(struct gc_world *w, struct gc_member *m, struct reclaim_thread *t)
{
	const bool is_collector = t->role == ROLE_COLLECTOR;

	m->t = t;
	pthread_mutex_lock(&w->lock);
	while (!is_collector &&
	       (load_relaxed(&w->flags) & GC_FLAG_STOP)) /* written under the lock */
		pthread_cond_wait(&w->resumed, &w->lock);
	/* relaxed: published by the lock */
	store_relaxed(&m->state, is_collector ? GC_OFFLINE : GC_ONLINE);
	store_relaxed(&m->ragged_ack, load_relaxed(&w->ragged_number)); /* written under the lock */
	gc_member_at_work(m, !is_collector);
	m->next = w->members;
	w->members = m;
	if (!is_collector)
		w->n_members++;
	pthread_mutex_unlock(&w->lock);
}

void gc_world_leave(struct gc_world *w, struct gc_member *m)
{
	/* What it has cached and counted was handed over by the caller; from here on it is as good as parked. */
	gc_world_offline(w, m);
	pthread_mutex_lock(&w->lock);
	while (load_relaxed(&m->state) == GC_HELD) /* written under the lock */
		pthread_cond_wait(&w->resumed, &w->lock);
	for (struct gc_member **link = &w->members; *link; link = &(*link)->next)
		if (*link == m) {
			*link = m->next;
			break;
		}
	w->leave(w->ctx, m);
	if (!gc_member_is_collector(m))
		w->n_members--;
	pthread_cond_signal(&w->arrived);
	pthread_mutex_unlock(&w->lock);
}

/* ---------------------------------------------------------------- the collector's side */

static struct timespec gc_deadline(uint64_t limit_ns)
{
	const uint64_t now = clock_monotonic_ns();
	const uint64_t at = limit_ns > UINT64_MAX / 2 - now ? UINT64_MAX / 2 : now + limit_ns;

	return (struct timespec){.tv_sec = (time_t)(at / 1000000000u),
				 .tv_nsec = (long)(at % 1000000000u)};
}

/* Lock held.  Flags have one writer at a time; those who look without the lock see the change at once. */
static void gc_world_change_flags(struct gc_world *w, uint32_t set, uint32_t clear)
{
	store_seq_cst(&w->flags, (load_relaxed(&w->flags) & ~clear) | set);
}

/* Lock held. */
static struct gc_member *gc_world_not_parked(struct gc_world *w)
{
	for (struct gc_member *m = w->members; m; m = m->next)
		/* seq_cst: after the store of STOP; acquires what the thread did */
		if (!gc_member_is_collector(m) && load_seq_cst(&m->state) == GC_ONLINE &&
		    !(CONTROL(handshake_skips) && m->t->index == 2))
			return m;
	return NULL;
}

/* Lock held.  Wait until `missing` finds nobody, spinning first; what it returns at the end. */
static struct gc_member *gc_world_await(struct gc_world *w,
					struct gc_member *(*missing)(struct gc_world *w),
					uint64_t limit_ns)
{
	const struct timespec deadline = gc_deadline(limit_ns);
	struct gc_member *m;
	int err = 0;

	for (unsigned i = 0; i < GC_N_SPINS; i++) {
		m = missing(w);
		if (!m)
			return NULL;
		if (i % GC_N_SPINS_PER_YIELD == GC_N_SPINS_PER_YIELD - 1)
			sched_yield();
		else
			cpu_relax();
	}
	store_seq_cst(&w->is_waiting, true); /* then look again: see gc_world_notify() */
	while ((m = missing(w)) != NULL && !err)
		err = pthread_cond_timedwait(&w->arrived, &w->lock, &deadline);
	store_seq_cst(&w->is_waiting, false);
	if (m) {
		w->missing_thread = m->t->index;
		add_relaxed(&w->n_cancelled, 1); /* relaxed: statistics */
	}
	return m;
}

int gc_world_stop(struct gc_world *w, uint64_t limit_ns)
{
	bool is_stopped;

	pthread_mutex_lock(&w->lock);
	gc_world_change_flags(w, GC_FLAG_STOP, 0);
	is_stopped = !gc_world_await(w, gc_world_not_parked, limit_ns);
	if (!is_stopped) {
		/* The world goes on and nothing is concluded from the wait: a time-out never makes memory
		 * safe. */
		gc_world_change_flags(w, 0, GC_FLAG_STOP);
		pthread_cond_broadcast(&w->resumed);
	}
	pthread_mutex_unlock(&w->lock);
	return is_stopped ? 0 : -ETIMEDOUT;
}

void gc_world_resume(struct gc_world *w, uint32_t set, uint32_t clear)
{
	pthread_mutex_lock(&w->lock);
	gc_world_change_flags(w, set, clear | GC_FLAG_STOP);
	pthread_cond_broadcast(&w->resumed);
	pthread_mutex_unlock(&w->lock);
}

void gc_world_set_flags(struct gc_world *w, uint32_t set, uint32_t clear)
{
	pthread_mutex_lock(&w->lock);
	gc_world_change_flags(w, set, clear);
	pthread_mutex_unlock(&w->lock);
}

/* Lock held; dropped while a thread is visited.  True when one was: the list may have changed. */
static bool gc_world_visit_offline(struct gc_world *w, struct gc_member *m)
{
	uint32_t expected = GC_OFFLINE;

	if (!cas_seq_cst(&m->state, &expected, GC_HELD))
		return false;
	pthread_mutex_unlock(&w->lock);
	w->visit(w->ctx, m);
	pthread_mutex_lock(&w->lock);
	/* relaxed: the collector reads it, and the thread once it is no longer HELD */
	store_relaxed(&m->ragged_ack, load_relaxed(&w->ragged_number));
	store_seq_cst(&m->state, GC_OFFLINE);
	pthread_cond_broadcast(&w->resumed);
	return true;
}

/* Lock held.  The first that has not passed, after visiting whoever is offline. */
static struct gc_member *gc_world_not_passed(struct gc_world *w)
{
	struct gc_member *m, *missing;

again:
	missing = NULL;
	for (m = w->members; m; m = m->next) {
		/* seq_cst: see gc_world_notify(); acquires what the thread did in gc_world_safepoint() */
		if (gc_member_is_collector(m) ||
		    load_seq_cst(&m->ragged_ack) == load_relaxed(&w->ragged_number))
			continue;
		if (gc_world_visit_offline(w, m))
			goto again;
		if (CONTROL(handshake_skips) && m->t->index == 2)
			continue;
		missing = m;
	}
	return missing;
}

void gc_world_ragged_begin(struct gc_world *w)
{
	pthread_mutex_lock(&w->lock);
	/* release: pairs with gc_world_safepoint(); written under the lock only */
	store_release(&w->ragged_number, load_relaxed(&w->ragged_number) + 1);
	pthread_mutex_unlock(&w->lock);
}

int gc_world_ragged_wait(struct gc_world *w, uint64_t limit_ns)
{
	bool is_done;

	pthread_mutex_lock(&w->lock);
	gc_world_change_flags(w, GC_FLAG_RAGGED, 0);
	is_done = !gc_world_await(w, gc_world_not_passed, limit_ns);
	gc_world_change_flags(w, 0, GC_FLAG_RAGGED);
	pthread_mutex_unlock(&w->lock);
	return is_done ? 0 : -ETIMEDOUT;
}

uint32_t gc_world_left_out(struct gc_world *w, bool in_stop)
{
	uint32_t index = UINT32_MAX;

	if (!AUDIT_BUILD)
		return index;
	pthread_mutex_lock(&w->lock);
	for (const struct gc_member *m = w->members; m; m = m->next)
		/* Not its state: a thread that wants to run says ONLINE before it sees the stop. */
		if (in_stop ? load_seq_cst(&m->is_at_work)
			    : !gc_member_is_collector(m) && load_seq_cst(&m->ragged_ack) !=
								    load_relaxed(&w->ragged_number))
			index = m->t->index;
	pthread_mutex_unlock(&w->lock);
	return index;
}

void gc_world_announce(struct gc_world *w)
{
	pthread_mutex_lock(&w->lock);
	/* acquire: pairs with the release in sweepgen_retire()'s own; release: with its acquire */
	for (struct gc_member *m = w->members; m; m = m->next)
		add_acq_rel(&m->announce, 1);
	pthread_mutex_unlock(&w->lock);
}

uint32_t gc_world_n_not_arrived(struct gc_world *w, uint32_t *first_index)
{
	uint32_t n = 0;

	*first_index = UINT32_MAX;
	pthread_mutex_lock(&w->lock);
	for (const struct gc_member *m = w->members; m; m = m->next)
		if (!gc_member_is_collector(m) && load_seq_cst(&m->state) == GC_ONLINE && n++ == 0)
			*first_index = m->t->index;
	pthread_mutex_unlock(&w->lock);
	return n;
}

uint32_t gc_world_n_online(struct gc_world *w)
{
	uint32_t first;

	return gc_world_n_not_arrived(w, &first);
}

void gc_world_for_each(struct gc_world *w, void (*fn)(void *ctx, struct gc_member *m), void *ctx)
{
	pthread_mutex_lock(&w->lock);
	for (struct gc_member *m = w->members; m; m = m->next)
		fn(ctx, m);
	pthread_mutex_unlock(&w->lock);
}
