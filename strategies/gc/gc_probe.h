/* SPDX-License-Identifier: MIT */
/* gc_probe.h - one marking by hand, on the calling thread, timed; public, for benchmarks and inspect.
 *
 * For a domain whose strategy traces (mark, go), with trigger=hand and no other mutator registered: the
 * collector's thread then sleeps, so its marker may be used here.  The very functions of a cycle run, without
 * the two stops and without the write barrier, which nobody needs while nobody writes.  Nothing is freed: the marks
 * are read, then cleared by gc_probe_clear(), and a later cycle finds them as if nothing had been.
 */
#ifndef RECLAIMBENCH_GC_PROBE_H
#define RECLAIMBENCH_GC_PROBE_H

#include "reclaim.h"

struct gc_probe_mark {
	uint64_t ns;		  /* roots and all chunks */
	uint64_t n_buckets;	  /* marked: of arrays and overflow buckets */
	uint64_t n_marked;	  /* objects (bits=span: only with shadow=on) */
	uint64_t marked_bytes;	  /* what the marks keep */
	uint64_t scan_work_bytes; /* read to find them */
};

/* Mark everything reachable.  0; -EINVAL: the strategy does not trace, cycles start by themselves, or others are
 * registered; the marks stay until gc_probe_clear(). */
int gc_probe_mark(struct reclaim_thread *t, struct gc_probe_mark *out)
	__attribute__((warn_unused_result));
void gc_probe_clear(struct reclaim_thread *t);

/* What the marks (of gc_probe_mark()) would keep and free, over all allocated objects of some classes (a bit per
 * enum obj_class). */
struct gc_probe_kept {
	uint64_t live_bytes; /* reachable */
	uint64_t
		false_bytes; /* unreachable, kept because a neighbour lives; bits=span needs shadow=on */
	uint64_t dead_bytes; /* would be freed */
};
void gc_probe_kept(struct reclaim_thread *t, unsigned classes, struct gc_probe_kept *out);

/* Bytes of mark bits in use: what the placement costs for the spans there are. */
uint64_t gc_probe_bitmap_bytes(struct reclaim_thread *t);

#endif
