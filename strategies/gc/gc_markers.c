/* SPDX-License-Identifier: MIT */
/* gc_markers.c - rounds of marking by the cycle's thread and its helpers; see gc_markers.h. */
#include "gc/gc_markers.h"

#include <errno.h>
#include <string.h>
#include <time.h>

#include "control.h"
#include "gc/gc_cycle.h"
#include "perturb.h"

enum {
	GC_OTHERS_SCAN_NS =
		20000, /* nothing to take: the rest is being scanned, a chunk takes so long */
	GC_IDLE_LOOK_NS = 100000, /* an idle marker looks so often whether a processor is idle */
};

/* ---------------------------------------------------------------- one marker */

uint64_t gc_markers_step(struct gc *gc, struct gc_thread *g)
{
	const uint64_t begin_ns = clock_monotonic_ns();
	uint64_t work_bytes;

	add_relaxed(&gc->markers.n_marking, 1); /* relaxed, all: pacing */
	work_bytes = gc_mark_chunk(gc, g);
	sub_relaxed(&gc->markers.n_marking, 1);
	if (!work_bytes)
		return 0;
	add_relaxed(&gc->pacer.credit_bytes, (int64_t)work_bytes);
	gc_mark_notify(gc);
	gc_pacer_revise(&gc->pacer);
	return clock_monotonic_ns() - begin_ns;
}

/* A processor for one more: neither a thread that runs nor another marker has it. */
static bool gc_marker_is_idle(struct gc *gc)
{
	return gc_world_n_online(&gc->world) + load_relaxed(&gc->markers.n_marking) <
	       gc->pacer.n_procs; /* relaxed: pacing */
}

/* After a chunk: count its time; until when to sleep, when ahead of the share and no processor is idle (0: go on). */
static uint64_t gc_marker_pace(struct gc *gc, struct gc_thread *g, uint64_t busy_ns)
{
	struct gc_pacer *p = &gc->pacer;
	const double share = gc_pacer_marker_share(p, g->marker);
	const double wall_ns = (double)(clock_monotonic_ns() - p->mark_begin_ns);
	const double total_ns = (double)(g->background_ns + busy_ns);
	const bool is_ahead = share < 1 && total_ns > share * wall_ns;

	/* relaxed, both: pacing */
	if (share == 0 || (is_ahead && gc_marker_is_idle(gc))) {
		add_relaxed(&p->idle_mark_ns, (int64_t)busy_ns);
		return 0;
	}
	g->background_ns += busy_ns;
	add_relaxed(&p->background_mark_ns, (int64_t)busy_ns);
	return is_ahead ? p->mark_begin_ns + (uint64_t)(total_ns / share) : 0;
}

/* Work, or not: until when to sleep; 0: go on; UINT64_MAX: nothing is left to take. */
static uint64_t gc_marker_turn(struct gc *gc, struct gc_thread *g, bool is_paced)
{
	uint64_t busy_ns;

	if (is_paced && gc_pacer_marker_share(&gc->pacer, g->marker) == 0 && !gc_marker_is_idle(gc))
		return clock_monotonic_ns() + GC_IDLE_LOOK_NS;
	busy_ns = gc_markers_step(gc, g);
	if (busy_ns == 0)
		return UINT64_MAX;
	return is_paced ? gc_marker_pace(gc, g, busy_ns) : 0;
}

/* ---------------------------------------------------------------- helpers */

/* Sleep, unless the round is closed meanwhile. */
static void gc_helper_sleep_until(struct gc *gc, uint64_t at_ns)
{
	const struct timespec until = {.tv_sec = (time_t)(at_ns / 1000000000u),
				       .tv_nsec = (long)(at_ns % 1000000000u)};
	int err = 0;

	pthread_mutex_lock(&gc->mark.lock);
	while (load_relaxed(&gc->markers.is_open) && !err) /* relaxed: written under the lock */
		err = pthread_cond_timedwait(&gc->markers.opened, &gc->mark.lock, &until);
	pthread_mutex_unlock(&gc->mark.lock);
}

static void gc_helper_mark(struct gc *gc, struct gc_thread *g, bool is_paced)
{
	uint64_t until = 0, begin = 0;

	/* relaxed: it ends the loop, the lock orders what was done */
	while (load_relaxed(&gc->markers.is_open) && until != UINT64_MAX) {
		if (!begin)
			begin = reclaim_act_begin(g->member.t);
		until = gc_marker_turn(gc, g, is_paced);
		if (until == 0 || until == UINT64_MAX)
			continue;
		reclaim_act_end(g->member.t, "mark", begin);
		begin = 0;
		gc_helper_sleep_until(gc, until);
	}
	reclaim_act_end(g->member.t, "mark", begin);
}

/* mark.lock held, and dropped meanwhile. */
static void gc_helper_round(struct gc *gc, struct gc_thread *g)
{
	struct gc_markers *markers = &gc->markers;
	const bool is_paced = markers->is_paced;
	uint64_t cpu_ns;

	markers->n_inside++;
	gc_member_at_work(&g->member, true);
	pthread_mutex_unlock(&gc->mark.lock);
	cpu_ns = gc_thread_cpu_ns();
	gc_helper_mark(gc, g, is_paced);
	cpu_ns = gc_thread_cpu_ns() - cpu_ns;
	for (int i = 0; CONTROL(close_early) && i < 4; i++)
		PERTURB_LONG();
	pthread_mutex_lock(&gc->mark.lock);
	gc_member_at_work(&g->member, false);
	markers->cpu_ns += cpu_ns;
	if (--markers->n_inside == 0)
		pthread_cond_signal(&markers->closed);
}

static void gc_helper_ready(struct gc *gc, int err)
{
	pthread_mutex_lock(&gc->mark.lock);
	gc->markers.n_ready++;
	if (err)
		gc->markers.ready_err = err;
	pthread_cond_signal(&gc->markers.closed);
	pthread_mutex_unlock(&gc->mark.lock);
}

static void *gc_helper_main(void *arg)
{
	const struct gc_marker *marker = arg;
	struct gc *gc = marker->gc;
	struct gc_markers *markers = &gc->markers;
	struct reclaim_thread *t = reclaim_register(gc->r, ROLE_COLLECTOR);
	uint64_t n_seen = 0;

	if (!t) {
		gc_helper_ready(gc, -errno);
		return NULL;
	}
	gc_thread_of(t)->marker = marker->number;
	gc_helper_ready(gc, 0);
	pthread_mutex_lock(&gc->mark.lock);
	while (!markers->must_exit) {
		/* relaxed: written under the lock */
		if (!load_relaxed(&markers->is_open) || markers->n_rounds == n_seen) {
			pthread_cond_wait(&markers->opened, &gc->mark.lock);
			continue;
		}
		n_seen = markers->n_rounds;
		gc_helper_round(gc, gc_thread_of(t));
	}
	pthread_mutex_unlock(&gc->mark.lock);
	reclaim_unregister(t);
	return NULL;
}

int gc_markers_start(struct gc *gc)
{
	struct gc_markers *markers = &gc->markers;
	int err = 0;

	while (markers->n_helpers + 1 < gc->opt.n_markers && !err) {
		struct gc_marker *marker = &markers->helpers[markers->n_helpers];

		*marker = (struct gc_marker){.gc = gc, .number = markers->n_helpers + 1};
		err = -pthread_create(&marker->pthread, NULL, gc_helper_main, marker);
		if (!err)
			markers->n_helpers++;
	}
	pthread_mutex_lock(&gc->mark.lock);
	while (markers->n_ready < markers->n_helpers)
		pthread_cond_wait(&markers->closed, &gc->mark.lock);
	if (!err)
		err = markers->ready_err;
	pthread_mutex_unlock(&gc->mark.lock);
	return err;
}

void gc_markers_stop(struct gc *gc)
{
	struct gc_markers *markers = &gc->markers;

	if (!markers->n_helpers)
		return;
	pthread_mutex_lock(&gc->mark.lock);
	markers->must_exit = true;
	pthread_cond_broadcast(&markers->opened);
	pthread_mutex_unlock(&gc->mark.lock);
	while (markers->n_helpers)
		pthread_join(markers->helpers[--markers->n_helpers].pthread, NULL);
}

/* ---------------------------------------------------------------- rounds: the cycle's thread */

void gc_markers_begin(struct gc *gc)
{
	gc->markers.cpu_ns = 0; /* no round: nobody else looks */
}

static void gc_round_open(struct gc *gc, bool is_paced)
{
	struct gc_markers *markers = &gc->markers;

	if (!markers->n_helpers)
		return;
	pthread_mutex_lock(&gc->mark.lock);
	markers->is_paced = is_paced;
	markers->n_rounds++;
	store_relaxed(&markers->is_open, true); /* relaxed: the lock publishes what goes with it */
	pthread_cond_broadcast(&markers->opened);
	pthread_mutex_unlock(&gc->mark.lock);
}

static void gc_round_close(struct gc *gc)
{
	struct gc_markers *markers = &gc->markers;

	if (!markers->n_helpers)
		return;
	pthread_mutex_lock(&gc->mark.lock);
	store_relaxed(&markers->is_open, false); /* relaxed: it ends loops; the lock is the order */
	pthread_cond_broadcast(&markers->opened); /* those who sleep */
	while (markers->n_inside && !CONTROL(close_early))
		pthread_cond_wait(&markers->closed, &gc->mark.lock);
	pthread_mutex_unlock(&gc->mark.lock);
}

/* What gc_mark_is_done() says, as those who scan see it.  Under the lock nothing is added or taken. */
static void gc_markers_audit(struct gc *gc)
{
	bool is_left_out;

	if (!AUDIT_BUILD)
		return;
	pthread_mutex_lock(&gc->mark.lock);
	/* relaxed: who has counted down has said before that it has scanned */
	is_left_out = gc_mark_is_done(gc) && load_relaxed(&gc->mark.n_scanning) > 0;
	pthread_mutex_unlock(&gc->mark.lock);
	if (is_left_out)
		audit_report(gc->r, AUDIT_LEFT_OUT, NULL, "marking, a chunk is being scanned");
}

void gc_markers_drain(struct gc *gc, struct gc_thread *g, bool is_paced)
{
	uint64_t begin = 0;

	gc_round_open(gc, is_paced);
	while (!gc_mark_is_done(gc)) {
		uint64_t until;

		if (!begin)
			begin = reclaim_act_begin(g->member.t);
		until = gc_marker_turn(gc, g, is_paced);
		if (until == 0)
			continue;
		reclaim_act_end(g->member.t, "mark", begin);
		begin = 0;
		gc_cycle_sleep_until(
			gc, until != UINT64_MAX ? until : clock_monotonic_ns() + GC_OTHERS_SCAN_NS);
	}
	reclaim_act_end(g->member.t, "mark", begin);
	gc_markers_audit(gc);
	gc_round_close(gc);
	gc_mark_notify(gc);
}
