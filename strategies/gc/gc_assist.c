/* SPDX-License-Identifier: MIT */
/* gc_assist.c - threads that allocate while marking is on pay for it: with credit the background has earned, with
 * marking of their own, or by waiting.
 *
 * Source: Go 1.19.8, runtime/mgcmark.go (gcAssistAlloc, gcAssistAlloc1, gcParkAssist).  Deviations: the debt is
 * worked off at the poll after the allocation; a thread waits no longer than there is marking left to do.
 */
#include "gc/gc.h"

/* The allocation that so much marking pays for.  Without a goal (GOGC=off, a cycle by hand) that is more than there is
 * memory: as good as any. */
static int64_t gc_assist_bytes(const struct gc *gc, int64_t work_bytes)
{
	const double bytes = gc_pacer_bytes_per_work(&gc->pacer) * (double)work_bytes;

	return bytes < 0x1p60 ? (int64_t)bytes : INT64_C(1) << 60;
}

/* gcAssistAlloc: take what the background has earned; what is left to do. */
static int64_t gc_assist_steal(struct gc *gc, struct gc_thread *g, int64_t work_bytes,
			       int64_t debt_bytes)
{
	const int64_t credit = load_relaxed(&gc->pacer.credit_bytes); /* relaxed: racy as in Go */
	int64_t stolen = work_bytes;

	if (credit <= 0)
		return work_bytes;
	if (credit < work_bytes) {
		stolen = credit;
		g->assist_bytes += 1 + gc_assist_bytes(gc, stolen);
	} else {
		g->assist_bytes += debt_bytes;
	}
	sub_relaxed(&gc->pacer.credit_bytes, stolen);
	return work_bytes - stolen;
}

static void gc_assist_work(struct gc *gc, struct gc_thread *g, int64_t work_bytes)
{
	const uint64_t begin = clock_ticks(gc->clock);
	int64_t done = 0;

	while (done < work_bytes) {
		const uint64_t n = gc_mark_chunk(gc, g);

		if (n == 0)
			break;
		done += (int64_t)n;
	}
	if (!done)
		return;
	reclaim_act_end(g->member.t, "assist", begin);
	g->assist_bytes += 1 + gc_assist_bytes(gc, done);
	/* relaxed: pacing and statistics */
	add_relaxed(&gc->pacer.assist_ns,
		    (int64_t)clock_delta_ns(gc->clock, begin, clock_ticks(gc->clock)));
	add_relaxed(&gc->mark.n_assists, 1);
}

/* gcParkAssist: nothing to take, others are at it.  Wait for credit, offline; no longer than there is work, or a
 * thread that holds up STW 2 would hold up every allocating thread too (Go lets them wait). */
static void gc_assist_wait(struct gc *gc, struct gc_thread *g)
{
	const uint64_t begin = reclaim_act_begin(g->member.t);

	add_relaxed(&gc->mark.n_assist_waits, 1); /* relaxed: statistics */
	gc_world_offline(&gc->world, &g->member);
	pthread_mutex_lock(&gc->mark.lock);
	while (!gc_mark_is_done(gc) && load_relaxed(&gc->pacer.credit_bytes) <= 0 &&
	       gc->mark.first_open == gc->mark.n_jobs)
		pthread_cond_wait(&gc->mark.progress, &gc->mark.lock);
	pthread_mutex_unlock(&gc->mark.lock);
	gc_world_online(&gc->world, &g->member);
	reclaim_act_end(g->member.t, "assist: waits for credit", begin);
}

void gc_mark_assist(struct gc *gc, struct gc_thread *g)
{
	if (!gc->opt.assist || gc->opt.mark_window_ns)
		return;
	while (g->assist_bytes < 0 && (gc_world_flags(&gc->world) & GC_FLAG_MARKING)) {
		int64_t debt = -g->assist_bytes;
		int64_t work = (int64_t)(gc_pacer_work_per_byte(&gc->pacer) * (double)debt);

		if (work < GC_PACER_OVER_ASSIST_BYTES) {
			work = GC_PACER_OVER_ASSIST_BYTES;
			debt = gc_assist_bytes(gc, work);
		}
		work = gc_assist_steal(gc, g, work, debt);
		if (work > 0)
			gc_assist_work(gc, g, work);
		if (g->assist_bytes >= 0)
			return;
		if (gc_mark_is_done(gc)) {
			g->assist_bytes = 0; /* marking is over but for the name */
			return;
		}
		gc_assist_wait(gc, g);
	}
}
