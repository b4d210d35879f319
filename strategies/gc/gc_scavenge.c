/* SPDX-License-Identifier: MIT */
/* gc_scavenge.c - free pages go back to the operating system: a slow step of its own, timed apart.
 *
 * Source: Go 1.19.8, runtime/mgcscavenge.go: retain (1 + 10 %) x goal / last goal x what was in use at the last
 * mark termination, and spend about 1 % of the time on the rest.  Deviation: pages are given back in steps of
 * 64 KiB by the cycle's thread, paced by the time each step took.
 */
#include "gc/gc.h"

enum { GC_SCAVENGE_STEP_BYTES = 64 << 10 }; /* maxScavChunk's order: about 10 us a step */

/* What may stay with the process. */
static uint64_t gc_retained_bytes(const struct gc *gc)
{
	const uint64_t goal = gc_pacer_goal(&gc->pacer), last_goal = gc->pacer.last_goal_bytes;
	const double ratio = last_goal && last_goal != UINT64_MAX && goal != UINT64_MAX
				     ? (double)goal / (double)last_goal
				     : 1;

	return (uint64_t)((double)gc->last_in_use_bytes * ratio * (1 + gc->opt.retain_extra));
}

uint64_t gc_scavenge(struct gc *gc)
{
	struct heap_stats stats;
	uint64_t begin_ns, took_ns, given;

	/* Before the first cycle nothing is known about the heap. */
	if (!gc->opt.scavenge || gc->last_in_use_bytes == 0)
		return UINT64_MAX;
	begin_ns = clock_monotonic_ns();
	if (begin_ns < gc->scavenge_not_before_ns)
		return gc->scavenge_not_before_ns;
	heap_stats(gc->heap, &stats);
	if (stats.in_use_bytes + stats.free_bytes <= gc_retained_bytes(gc) || stats.free_bytes == 0)
		return UINT64_MAX; /* the next cycle looks again */
	given = heap_scavenge(gc->heap, GC_SCAVENGE_STEP_BYTES);
	took_ns = clock_monotonic_ns() - begin_ns;
	gc->scavenged_bytes += given;
	gc->scavenge_ns += took_ns;
	if (given == 0)
		return UINT64_MAX;
	took_ns = (uint64_t)((double)took_ns / gc->opt.scavenge_share);
	if (took_ns < gc->opt.scavenge_every_ns)
		took_ns = gc->opt.scavenge_every_ns;
	gc->scavenge_not_before_ns = begin_ns + took_ns;
	return gc->scavenge_not_before_ns;
}
