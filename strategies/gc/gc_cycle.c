/* SPDX-License-Identifier: MIT */
/* gc_cycle.c - the thread that runs cycles: waits for a reason, marks (or not), flips, sweeps.
 *
 * Source: Go 1.19.8, runtime/mgc.go (gcStart, gcMarkDone, gcMarkTermination).  The order is Go's: leftovers
 * swept -> STW 1, barrier on -> mark -> ragged barrier -> STW 2, barrier off, sweepgen += 2 -> caches flushed
 * -> sweep.  Deviations: one thread is coordinator, first background marker and background sweeper; a stop that is
 * not reached in time is given up; sweepgen (the strategy) has no marking and one stop.
 *
 * WHY A FLIP IS SAFE (sweepgen, flip=parked).  What is freed after the flip was retired before it, so it was
 * unlinked before it.  At the flip every registered thread is parked in a poll or offline, so by the interface's
 * one rule (reclaim.h) none holds a reference it got before; every reference it gets afterwards it reads after
 * the stop, and the stop orders the unlink before that read: the unlinking thread's state change is a release,
 * the collector acquires it, and its resume is a release which the reading thread acquires (gc_world.h).  So
 * nobody can reach the object any more.  What is retired after the flip is noted in the other half of the
 * dead bits, because `generation` changes in the stop and a thread reads it after its unlink.
 *
 * WITHOUT A STOP (flip=ragged).  Threads pass their safepoints one by one, so two of them may read different
 * generations at the same time, and what one thread retires early may be seen by another that has passed
 * already.  Only what was retired before the handshake began may be swept.  The order is made by a
 * read-modify-write of the retiring thread's own `announce` word:
 *
 *   retirer A: unlink x;  RMW announce(A);  read generation -> g;  note x in half g
 *   collector: generation = g+1;  RMW announce(every thread);  ragged barrier;  sweep half g
 *
 * If A's RMW comes first in the order of that word, the collector's reads from it (acquire of a release), so the
 * unlink happens before the ragged barrier, and before everything a thread B reads after passing it: B cannot
 * find x any more, and what B held before, it dropped at its safepoint.  If the collector's RMW comes first, A's
 * reads from it, so A reads g+1 (or later) and x is noted in the other half, for the next flip.  A's noting of x
 * comes before A passes the barrier, so the sweep sees all of half g.  A thread that joins meanwhile takes
 * the world's lock after the announcements or before them, and holds nothing.  An offline thread is passed for: it
 * holds nothing, and reads after online(), which orders it after the collector's visit.
 *
 * mark: gc_mark.h.
 */
#include <errno.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "gc/gc.h"
#include "gc/gc_cycle.h"

/* ---------------------------------------------------------------- stops and flips */

void gc_cycle_audit(struct gc *gc, bool in_stop)
{
	const uint32_t index = AUDIT_BUILD ? gc_world_left_out(&gc->world, in_stop) : UINT32_MAX;
	char detail[48];

	if (index == UINT32_MAX)
		return;
	snprintf(detail, sizeof(detail), "%s, thread %u", in_stop ? "a stop" : "a ragged barrier",
		 index);
	audit_report(gc->r, AUDIT_LEFT_OUT, NULL, detail);
}

int gc_cycle_stop_world(struct gc *gc, uint64_t *asked_ticks, uint64_t *stopped_ticks)
{
	int err;

	*asked_ticks = clock_ticks(gc->clock);
	err = gc_world_stop(&gc->world, gc->opt.stop_limit_ns);
	*stopped_ticks = clock_ticks(gc->clock);
	if (!err)
		gc_cycle_audit(gc, true);
	return err;
}

int gc_cycle_ragged_wait(struct gc *gc)
{
	const int err = gc_world_ragged_wait(&gc->world, gc->opt.stop_limit_ns);

	if (!err)
		gc_cycle_audit(gc, false);
	return err;
}

struct gc_bytes {
	uint64_t allocated, retired, marked, n_marked, n_buckets_marked;
	uint32_t n_markers;
};

static void gc_sum_bytes(struct gc_bytes *sums, const struct gc_member *m)
{
	const struct gc_thread *g = (const struct gc_thread *)m;

	/* relaxed: exact in a stop; flip=ragged paces by an estimate */
	sums->allocated += load_relaxed(&g->allocated_bytes);
	sums->retired += load_relaxed(&g->retired_bytes);
	sums->marked += load_relaxed(&g->marked_bytes);
	sums->n_marked += load_relaxed(&g->n_marked);
	sums->n_buckets_marked += load_relaxed(&g->n_buckets_marked);
	sums->n_markers += gc_member_is_collector(m) && load_relaxed(&g->n_buckets_marked) > 0;
}

static struct gc_bytes gc_cycle_sums(struct gc *gc)
{
	struct gc_bytes sums;

	/* One look at the list and at those that left it: a thread may leave even now, it is offline then. */
	pthread_mutex_lock(&gc->world.lock);
	sums = (struct gc_bytes){gc->past_allocated_bytes,  gc->past_retired_bytes,
				 gc->past_marked_bytes,	    gc->past_n_marked,
				 gc->past_n_buckets_marked, 0};
	for (const struct gc_member *m = gc->world.members; m; m = m->next)
		gc_sum_bytes(&sums, m);
	pthread_mutex_unlock(&gc->world.lock);
	return sums;
}

/* What the flip found live: marked, or allocated and not retired. */
static uint64_t gc_cycle_live_bytes(struct gc *gc)
{
	const struct gc_bytes sums = gc_cycle_sums(gc);

	gc->cycle.n_marked_objects = sums.n_marked;
	gc->cycle.n_buckets_marked = sums.n_buckets_marked;
	gc->cycle.n_markers = sums.n_markers;
	if (gc->kind->marks)
		return sums.marked;
	return sums.allocated > sums.retired ? sums.allocated - sums.retired : 0;
}

/* The new generation: world stopped (or past the ragged barrier).  What is dead now is safe. */
void gc_cycle_flip(struct gc *gc)
{
	struct gc_log_cycle *c = &gc->cycle;

	reclaim_work_begin(gc->r); /* a snapshot sees the flip whole or not at all */
	if (!gc->kind->marks && gc->opt.flip == GC_FLIP_PARKED)
		/* release: pairs with sweepgen_retire(); the stop is the order that counts */
		store_release(&gc->generation, load_relaxed(&gc->generation) + 1);
	gc->is_handshaking = false;
	c->flip_ticks = clock_ticks(gc->clock);
	c->heap_after_bytes = load_relaxed(&gc->pacer.live_bytes); /* relaxed: pacing */
	c->heap_marked_bytes = gc_cycle_live_bytes(gc);
	gc->last_in_use_bytes = load_relaxed(&gc->sweep.pages_in_use) * HEAP_PAGE_BYTES;
	gc->pacer.last_goal_bytes = gc_pacer_goal(&gc->pacer);
	gc_sweep_flip(gc, c->flip_ticks);
	gc_pacer_reset_live(&gc->pacer, c->heap_marked_bytes);
	gc_pacer_commit(&gc->pacer, false);
	gc_sweep_pace(gc);
	/* The caches: whoever passes this barrier has seen the new generation and flushed. */
	gc_world_ragged_begin(&gc->world);
	c->next_goal_bytes = gc_pacer_goal(&gc->pacer);
	c->next_trigger_bytes = load_relaxed(&gc->pacer.trigger_bytes);
	c->cons_mark = gc->pacer.cons_mark;
	store_relaxed(&gc->is_heap_wanted,
		      false); /* relaxed: a hint; the next check sets it again */
	reclaim_work_end(gc->r);
}

/* sweepgen, in a stop. */
static int gc_cycle_flip_parked(struct gc *gc)
{
	struct gc_log_cycle *c = &gc->cycle;
	uint64_t asked, resumed;
	int err = gc_cycle_stop_world(gc, &asked, &c->stop1_ticks);

	if (err)
		return err;
	gc_cycle_flip(gc);
	gc_world_resume(&gc->world, 0, 0);
	resumed = clock_ticks(gc->clock);
	c->stopping1_ns = clock_delta_ns(gc->clock, asked, c->stop1_ticks);
	c->pause1_ns = clock_delta_ns(gc->clock, asked, resumed);
	c->mark_begin_ticks = c->mark_end_ticks = c->flip_ticks;
	c->resume_ticks = resumed;
	return 0;
}

/* sweepgen, without one.  A handshake that was given up is taken up again with the same half: its objects
 * were all retired before the first try, and nothing else was added to it. */
static int gc_cycle_flip_ragged(struct gc *gc)
{
	struct gc_log_cycle *c = &gc->cycle;
	int err;

	if (!gc->is_handshaking) {
		reclaim_work_begin(gc->r);
		gc->is_handshaking = true;
		/* release: pairs with sweepgen_retire() */
		store_release(&gc->generation, load_relaxed(&gc->generation) + 1);
		reclaim_work_end(gc->r);
		gc_world_announce(&gc->world);
	}
	gc_world_ragged_begin(&gc->world);
	err = gc_cycle_ragged_wait(gc);
	if (err)
		return err;
	c->stop1_ticks = clock_ticks(gc->clock);
	gc_cycle_flip(gc);
	c->mark_begin_ticks = c->mark_end_ticks = c->flip_ticks;
	c->resume_ticks = clock_ticks(gc->clock);
	return 0;
}

/* ---------------------------------------------------------------- one cycle */

/* The caches' flush after a flip.  In a stop all threads were inside a poll, so leaving it is enough and nobody
 * can hold this up; flip=ragged: a thread that does not poll can. */
static int gc_cycle_await_flush(struct gc *gc)
{
	int err;

	if (!gc->is_flushing)
		return 0;
	err = gc_cycle_ragged_wait(gc);
	if (err)
		return err;
	gc->is_flushing = false;
	gc_sweep_set_final(gc);
	return 0;
}

static void gc_cycle_log_sweep(struct gc *gc)
{
	struct gc_log_cycle *c = &gc->cycle;

	/* relaxed, all: the sweep is done */
	for (int by = 0; by < GC_N_SWEPT_BY; by++)
		c->n_spans_swept[by] = load_relaxed(&gc->sweep.n_spans[by]);
	c->n_objects_freed = load_relaxed(&gc->sweep.n_freed);
	c->freed_bytes = load_relaxed(&gc->sweep.freed_bytes);
	c->false_bytes = load_relaxed(&gc->sweep.false_bytes);
	c->sweep_end_ticks = clock_ticks(gc->clock);
	gc_log_update_last(&gc->log, c);
}

/* Flush and sweep what the last flip left.  -ETIMEDOUT: a cache is out of reach (flip=ragged). */
static int gc_cycle_sweep(struct gc *gc, struct gc_thread *g)
{
	const bool was_done = gc_sweep_is_done(gc);
	int err = gc_cycle_await_flush(gc);

	gc_sweep_background(gc, g);
	if (err)
		return err;
	gc_sweep_finish(gc, g);
	if (!was_done)
		gc_cycle_log_sweep(gc);
	return 0;
}

static void gc_cycle_begin_log(struct gc *gc, enum gc_reason reason)
{
	struct gc_log_cycle *c = &gc->cycle;
	const uint64_t n_cancelled = load_relaxed(&gc->world.n_cancelled); /* relaxed: statistics */

	*c = (struct gc_log_cycle){
		.reason = reason,
		.begin_ticks = clock_ticks(gc->clock),
		.heap_before_bytes = load_relaxed(&gc->pacer.live_bytes),
		.goal_bytes = gc_pacer_goal(&gc->pacer),
		.trigger_bytes = load_relaxed(&gc->pacer.trigger_bytes),
		.scavenged_bytes = gc->scavenged_bytes,
		.scavenge_ns = gc->scavenge_ns,
		.n_stops_cancelled = (uint32_t)(n_cancelled - gc->n_cancelled_logged),
		.missing_thread = GC_NO_THREAD,
	};
	if (c->n_stops_cancelled)
		c->missing_thread = gc->world.missing_thread;
}

/* The flip has happened. */
static void gc_cycle_commit_log(struct gc *gc, uint64_t last_flip_ticks)
{
	struct gc_log_cycle *c = &gc->cycle;

	if (last_flip_ticks)
		c->interval_ns = clock_delta_ns(gc->clock, last_flip_ticks, c->flip_ticks);
	gc_log_add(&gc->log, c);
	gc->scavenged_bytes = gc->scavenge_ns = 0;
	gc->n_cancelled_logged += c->n_stops_cancelled;
}

/* 0, or -ETIMEDOUT: given up at a stop; nothing was concluded, nothing is freed. */
static int gc_cycle_run(struct gc *gc, struct gc_thread *g, enum gc_reason reason)
{
	const uint64_t last_flip_ticks = load_relaxed(&gc->sweep.safe_ticks); /* relaxed: its own */
	int err = gc_cycle_sweep(gc, g); /* what the last cycle left: normally nothing */

	if (err)
		return err;
	gc_cycle_begin_log(gc, reason);
	if (gc->kind->marks)
		err = gc_cycle_mark(gc, g);
	else if (gc->opt.flip == GC_FLIP_RAGGED)
		err = gc_cycle_flip_ragged(gc);
	else
		err = gc_cycle_flip_parked(gc);
	if (err)
		return err;
	gc->is_flushing = true;
	gc_cycle_commit_log(gc, last_flip_ticks);
	return gc_cycle_sweep(gc, g);
}

/* ---------------------------------------------------------------- the thread */

void gc_cycle_want(struct gc *gc)
{
	/* relaxed: the lock below is the order; already set: the thread has been told */
	if (load_relaxed(&gc->is_heap_wanted))
		return;
	/* A cycle that marks is no reason for another (Go: gcTrigger.test), and its flip sets the trigger anew. */
	if (gc_world_flags(&gc->world) & GC_FLAG_MARKING)
		return;
	pthread_mutex_lock(&gc->lock);
	if (!load_relaxed(&gc->is_heap_wanted)) { /* relaxed: under the lock */
		store_relaxed(&gc->is_heap_wanted, true);
		/* After a stop that was given up the attempt comes later: nobody waits for that. */
		if (gc->kind->marks && clock_monotonic_ns() >= gc->not_before_ns) {
			/* relaxed: published by the flag */
			store_relaxed(&gc->wanted_by, (uint64_t)pthread_self());
			gc_world_set_flags(&gc->world, GC_FLAG_START, 0);
		}
		pthread_cond_signal(&gc->wake);
	}
	pthread_mutex_unlock(&gc->lock);
}

void gc_cycle_await_start(struct gc *gc, struct gc_thread *g)
{
	enum {
		N_SPINS = 2000,
		N_SPINS_PER_YIELD = 100
	}; /* as gc_world.c: waking a thread costs some 50 us */
	uint64_t begin;

	/* relaxed: it is compared with this thread only */
	if (load_relaxed(&gc->wanted_by) != (uint64_t)pthread_self())
		return;
	begin = reclaim_act_begin(g->member.t);
	gc_world_offline(&gc->world, &g->member);
	for (unsigned i = 0; i < N_SPINS && gc_world_flags(&gc->world) & GC_FLAG_START; i++) {
		if (i % N_SPINS_PER_YIELD == N_SPINS_PER_YIELD - 1)
			sched_yield();
		else
			cpu_relax();
	}
	pthread_mutex_lock(&gc->lock);
	while (gc_world_flags(&gc->world) & GC_FLAG_START)
		pthread_cond_wait(&gc->done, &gc->lock);
	pthread_mutex_unlock(&gc->lock);
	gc_world_online(&gc->world, &g->member);
	reclaim_act_end(g->member.t, "waits for the cycle to begin", begin);
}

void gc_cycle_started(struct gc *gc)
{
	if (gc_world_flags(&gc->world) & GC_FLAG_START)
		gc_world_set_flags(&gc->world, 0, GC_FLAG_START);
	/* Whoever looked at the flag before it was cleared waits by now, or has not got the lock yet. */
	pthread_mutex_lock(&gc->lock);
	pthread_cond_broadcast(&gc->done);
	pthread_mutex_unlock(&gc->lock);
}

static bool gc_cycle_has_period(const struct gc *gc)
{
	/* Go: GOGC=off turns the forced period off too. */
	return gc->opt.trigger == GC_TRIGGER_PERIOD ||
	       (gc->opt.trigger == GC_TRIGGER_GOGC && gc->opt.gogc_percent != GC_GOGC_OFF);
}

/* Lock held.  GC_N_REASONS: none; *at_ns: look again then, at the latest. */
static enum gc_reason gc_cycle_reason(struct gc *gc, uint64_t now_ns, uint64_t *at_ns)
{
	const uint64_t period_at = gc->last_flip_ns + gc->opt.period_ns;

	*at_ns = UINT64_MAX;
	if (gc->n_asked > gc->n_answered)
		return GC_REASON_HAND;
	if (now_ns < gc->not_before_ns) {
		*at_ns = gc->not_before_ns;
		return GC_N_REASONS;
	}
	if (load_relaxed(
		    &gc->is_heap_wanted)) /* relaxed: written under the lock, or cleared by us */
		return GC_REASON_HEAP;
	if (!gc_cycle_has_period(gc))
		return GC_N_REASONS;
	*at_ns = period_at;
	return now_ns >= period_at ? GC_REASON_PERIOD : GC_N_REASONS;
}

/* Lock held. */
static void gc_cycle_wait(struct gc *gc, uint64_t at_ns)
{
	const struct timespec until = {.tv_sec = (time_t)(at_ns / 1000000000u),
				       .tv_nsec = (long)(at_ns % 1000000000u)};

	if (at_ns == UINT64_MAX)
		pthread_cond_wait(&gc->wake, &gc->lock);
	else
		pthread_cond_timedwait(&gc->wake, &gc->lock, &until);
}

/* Lock held, dropped while a cycle runs. */
static void gc_cycle_attempt(struct gc *gc, struct gc_thread *g, enum gc_reason reason)
{
	const uint64_t asked = gc->n_asked;
	uint64_t now;
	int err;

	pthread_mutex_unlock(&gc->lock);
	err = gc_cycle_run(gc, g, reason);
	/* Given up, or a strategy without marking.  Who crossed the next trigger during the sweep goes on waiting: that
	 * cycle is the next thing done.  (Relaxed: set before START was.) */
	if (gc_world_flags(&gc->world) & GC_FLAG_START &&
	    (err || !gc->kind->marks || !load_relaxed(&gc->is_heap_wanted)))
		gc_cycle_started(gc);
	pthread_mutex_lock(&gc->lock);
	now = clock_monotonic_ns();
	if (err)
		/* The thread that did not come may stay away: do not stop the others all the time. */
		gc->not_before_ns = now + gc->opt.stop_limit_ns;
	else
		gc->last_flip_ns = now;
	if (gc->n_answered <
	    asked) /* those that came later may have been answered meanwhile: gc_mark_give_up() */
		gc->n_answered = asked;
	pthread_cond_broadcast(&gc->done);
}

static void gc_cycle_loop(struct gc *gc, struct gc_thread *g)
{
	pthread_mutex_lock(&gc->lock);
	while (!gc->must_exit) {
		uint64_t at_ns, scavenge_at_ns;
		const enum gc_reason reason = gc_cycle_reason(gc, clock_monotonic_ns(), &at_ns);

		if (reason != GC_N_REASONS) {
			gc_cycle_attempt(gc, g, reason);
			continue;
		}
		pthread_mutex_unlock(&gc->lock);
		scavenge_at_ns = gc_scavenge(gc);
		pthread_mutex_lock(&gc->lock);
		/* Something may have come up while the lock was free. */
		if (gc->must_exit || gc->n_asked > gc->n_answered ||
		    (load_relaxed(&gc->is_heap_wanted) && at_ns != gc->not_before_ns))
			continue;
		gc_cycle_wait(gc, at_ns < scavenge_at_ns ? at_ns : scavenge_at_ns);
	}
	pthread_mutex_unlock(&gc->lock);
}

static void *gc_cycle_main(void *arg)
{
	struct gc *gc = arg;
	struct reclaim_thread *t = reclaim_register(gc->r, ROLE_COLLECTOR);

	pthread_mutex_lock(&gc->lock);
	gc->ready_err = t ? 0 : -errno;
	gc->is_ready = true;
	gc->last_flip_ns = clock_monotonic_ns();
	pthread_cond_broadcast(&gc->done);
	pthread_mutex_unlock(&gc->lock);
	if (!t)
		return NULL;
	gc_thread_of(t)->is_marker = true;
	gc_cycle_loop(gc, gc_thread_of(t));
	reclaim_unregister(t);
	return NULL;
}

int gc_cycle_start(struct gc *gc)
{
	int err = -pthread_create(&gc->thread, NULL, gc_cycle_main, gc);

	if (err)
		return err;
	gc->is_started = true;
	pthread_mutex_lock(&gc->lock);
	while (!gc->is_ready)
		pthread_cond_wait(&gc->done, &gc->lock);
	err = gc->ready_err;
	pthread_mutex_unlock(&gc->lock);
	return err;
}

void gc_cycle_stop(struct gc *gc)
{
	if (!gc->is_started)
		return;
	pthread_mutex_lock(&gc->lock);
	gc->must_exit = true;
	pthread_cond_signal(&gc->wake);
	pthread_mutex_unlock(&gc->lock);
	pthread_join(gc->thread, NULL);
	gc->is_started = false;
}
