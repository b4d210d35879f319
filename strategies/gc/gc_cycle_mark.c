/* SPDX-License-Identifier: MIT */
/* gc_cycle_mark.c - the marking part of a cycle: STW 1, concurrent marking at its share, ragged barrier, STW 2.
 *
 * Source: Go 1.19.8, runtime/mgc.go (gcStart, gcMarkDone).  Who marks, and how much: gc_markers.h.
 *
 * barrier=off: without a barrier marking must not run beside mutators; both stops become one.
 */
#include <errno.h>
#include <time.h>

#include "gc/gc_cycle.h"

uint64_t gc_thread_cpu_ns(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_THREAD_CPUTIME_ID, &ts);
	return (uint64_t)ts.tv_sec * 1000000000u + (uint64_t)ts.tv_nsec;
}

void gc_cycle_sleep_until(struct gc *gc, uint64_t at_ns)
{
	const struct timespec until = {.tv_sec = (time_t)(at_ns / 1000000000u),
				       .tv_nsec = (long)(at_ns % 1000000000u)};
	int err = 0;

	pthread_mutex_lock(&gc->lock);
	while (!gc->must_exit && !err)
		err = pthread_cond_timedwait(&gc->wake, &gc->lock, &until);
	pthread_mutex_unlock(&gc->lock);
}

static bool gc_cycle_must_exit(struct gc *gc)
{
	bool must_exit;

	pthread_mutex_lock(&gc->lock);
	must_exit = gc->must_exit;
	pthread_mutex_unlock(&gc->lock);
	return must_exit;
}

/* ---------------------------------------------------------------- in windows */

/* Mark only inside windows of mark_window, one each mark_every. */
static void gc_mark_in_windows(struct gc *gc, struct gc_thread *g)
{
	const uint64_t every_ns = gc->opt.mark_every_ns > gc->opt.mark_window_ns
					  ? gc->opt.mark_every_ns
					  : gc->opt.mark_window_ns;

	while (!gc_mark_is_done(gc)) {
		const uint64_t begin_ns = clock_monotonic_ns();
		uint64_t asked, stopped;
		const bool is_stopped =
			gc->opt.window_stop && !gc_cycle_stop_world(gc, &asked, &stopped);

		gc->cycle.n_windows++;
		/* A step at least: a window may be shorter than the way here. */
		while (gc_markers_step(gc, g) &&
		       clock_monotonic_ns() - begin_ns < gc->opt.mark_window_ns)
			;
		if (is_stopped)
			gc_world_resume(&gc->world, 0, 0);
		if (!gc_mark_is_done(gc) && !gc_cycle_must_exit(gc))
			gc_cycle_sleep_until(gc, begin_ns + every_ns);
	}
}

static void gc_mark_drain(struct gc *gc, struct gc_thread *g, bool is_paced)
{
	if (is_paced && gc->opt.mark_window_ns) {
		gc_mark_in_windows(gc, g);
		gc_mark_notify(gc);
	} else {
		gc_markers_drain(gc, g, is_paced);
	}
}

/* ---------------------------------------------------------------- stops */

static void gc_mark_start(struct gc *gc)
{
	gc_mark_begin(gc);
	gc_markers_begin(gc);
	gc_pacer_start_cycle(&gc->pacer, clock_monotonic_ns());
}

static void gc_mark_log(struct gc *gc, uint64_t cpu_begin_ns)
{
	struct gc_log_cycle *c = &gc->cycle;
	const uint64_t wall_ns = clock_delta_ns(gc->clock, c->mark_begin_ticks, c->mark_end_ticks);

	c->mark_cpu_ns = gc_thread_cpu_ns() - cpu_begin_ns + gc->markers.cpu_ns;
	/* relaxed, all: marking is over */
	c->background_ns = (uint64_t)load_relaxed(&gc->pacer.background_mark_ns);
	c->idle_ns = (uint64_t)load_relaxed(&gc->pacer.idle_mark_ns);
	c->assist_ns = (uint64_t)load_relaxed(&gc->pacer.assist_ns);
	c->assist_share =
		wall_ns ? (double)c->assist_ns / ((double)wall_ns * (double)gc->pacer.n_procs) : 0;
	c->scan_work_bytes = (uint64_t)load_relaxed(&gc->pacer.scan_work_bytes);
	c->n_buckets = load_relaxed(&gc->mark.n_buckets);
	c->n_assists = load_relaxed(&gc->mark.n_assists);
	c->n_assist_waits = load_relaxed(&gc->mark.n_assist_waits);
}

static bool gc_mark_keeps(void *ctx, void *object)
{
	const struct gc *gc = ctx;
	const struct heap_span *s = heap_span_of(gc->heap, object);

	return s && gc_mark_is_marked(gc, s, heap_span_index(s, object));
}

/* World stopped, nothing grey: the flip. */
static void gc_mark_finish(struct gc *gc, struct gc_thread *g, uint64_t cpu_begin_ns)
{
	gc_pacer_end_cycle(&gc->pacer, clock_monotonic_ns());
	gc_mark_log(gc, cpu_begin_ns);
	gc_cycle_audit(gc, true);
	audit_before_sweep(gc->r, g->member.t, gc_mark_keeps, gc);
	gc_cycle_flip(gc);
}

/* Answer those who asked by hand: this attempt does not end soon. */
static void gc_mark_give_up(struct gc *gc)
{
	pthread_mutex_lock(&gc->lock);
	gc->n_answered = gc->n_asked;
	pthread_cond_broadcast(&gc->done);
	pthread_mutex_unlock(&gc->lock);
}

/* Ragged barrier and STW 2.  True: the world is stopped and nothing is grey.  The barrier cannot be turned off
 * without a stop, so marking stays on until one succeeds; meanwhile nothing is freed and the world runs. */
static bool gc_mark_stop2(struct gc *gc, uint64_t *asked_ticks)
{
	struct gc_log_cycle *c = &gc->cycle;
	uint64_t stopped;

	gc_world_ragged_begin(&gc->world);
	if (gc_cycle_ragged_wait(gc))
		return false;
	if (!gc_mark_is_done(gc))
		return false; /* a barrier has shaded an array */
	c->mark_end_ticks = clock_ticks(gc->clock);
	if (gc_cycle_stop_world(gc, asked_ticks, &stopped))
		return false;
	if (!gc_mark_is_done(gc)) {
		gc_world_resume(&gc->world, 0, 0);
		return false;
	}
	c->stopping2_ns = clock_delta_ns(gc->clock, *asked_ticks, stopped);
	return true;
}

static void gc_mark_concurrent(struct gc *gc, struct gc_thread *g, uint64_t asked1_ticks,
			       uint64_t cpu_begin_ns)
{
	struct gc_log_cycle *c = &gc->cycle;
	uint64_t asked2;

	gc_mark_start(gc);
	/* Still stopped: whoever dies behind the barrier dies after this moment, however late this thread gets on. */
	c->mark_begin_ticks = clock_ticks(gc->clock);
	gc_world_resume(&gc->world, GC_FLAG_MARKING, GC_FLAG_START);
	c->pause1_ns = clock_delta_ns(gc->clock, asked1_ticks, clock_ticks(gc->clock));
	gc_cycle_started(gc);
	gc_mark_roots(gc, g);
	gc_mark_drain(gc, g, true);
	while (!gc_mark_stop2(gc, &asked2)) {
		if (gc_mark_is_done(gc)) {
			gc_mark_give_up(gc);
			gc_cycle_sleep_until(gc, clock_monotonic_ns() + gc->opt.stop_limit_ns);
		}
		gc_mark_drain(gc, g, true);
	}
	gc_mark_finish(gc, g, cpu_begin_ns);
	gc_world_resume(&gc->world, 0, GC_FLAG_MARKING);
	c->resume_ticks = clock_ticks(gc->clock);
	c->pause2_ns = clock_delta_ns(gc->clock, asked2, c->resume_ticks);
	gc_mark_notify(gc); /* whoever waits in an assist */
}

/* barrier=off. */
static void gc_mark_stopped(struct gc *gc, struct gc_thread *g, uint64_t asked_ticks,
			    uint64_t cpu_begin_ns)
{
	struct gc_log_cycle *c = &gc->cycle;

	gc_mark_start(gc);
	c->mark_begin_ticks = clock_ticks(gc->clock);
	gc_mark_roots(gc, g);
	gc_mark_drain(gc, g, false);
	c->mark_end_ticks = clock_ticks(gc->clock);
	gc_mark_finish(gc, g, cpu_begin_ns);
	gc_world_resume(&gc->world, 0, 0);
	c->resume_ticks = clock_ticks(gc->clock);
	c->pause1_ns = clock_delta_ns(gc->clock, asked_ticks, c->resume_ticks);
}

int gc_cycle_mark(struct gc *gc, struct gc_thread *g)
{
	struct gc_log_cycle *c = &gc->cycle;
	const uint64_t cpu_begin_ns = gc_thread_cpu_ns();
	uint64_t asked;
	int err = gc_cycle_stop_world(gc, &asked, &c->stop1_ticks);

	if (err)
		return err;
	c->stopping1_ns = clock_delta_ns(gc->clock, asked, c->stop1_ticks);
	if (gc->opt.barrier)
		gc_mark_concurrent(gc, g, asked, cpu_begin_ns);
	else
		gc_mark_stopped(gc, g, asked, cpu_begin_ns);
	return 0;
}
