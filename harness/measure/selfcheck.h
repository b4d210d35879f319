/* SPDX-License-Identifier: MIT */
/* selfcheck.h - two identities that hold in every stage of every run, or something is wrong.
 *
 * Little's law: the integral of the limbo gauge over a stage (from counts and event times alone:
 * reclaim.h, struct reclaim_counters) equals the sum over objects of the part of [retired, freed) that
 * lies in the stage (from each object's stored stamps, survivors included: life.h).
 *
 * Conservation: allocated = live + limbo + freed, per class, in objects and bytes.  Each of the four comes
 * from somewhere else: allocated and freed from the domain's counters, live by walking the maps, what
 * is allocated by walking the heap, limbo by counters and by the strategy's own n_pending.
 *
 * Both only while all is quiet (reclaim_quiet_begin(), all workers offline).
 */
#ifndef RECLAIMBENCH_SELFCHECK_H
#define RECLAIMBENCH_SELFCHECK_H

#include "hmap.h"
#include "reclaim.h"

#define SELFCHECK_LITTLE_TOLERANCE 0.02

struct selfcheck_little {
	double gauge_object_ticks, stamp_object_ticks;
	double gauge_byte_ticks, stamp_byte_ticks;
	double ratio; /* the worse of objects' and bytes' stamp / gauge; 1 when nothing was in limbo */
	bool is_good;
};

/* `end`: totals at the stage's end; `rec`: what reclaim_stage_end() gave. */
void selfcheck_little(struct selfcheck_little *out, const struct reclaim_totals *end,
		      uint64_t stage_ticks, const struct life_recorder *rec);

struct selfcheck_class {
	uint64_t n_live, live_bytes;	   /* found by walking the maps */
	uint64_t n_present, present_bytes; /* found by walking the heap */
	uint64_t n_limbo, limbo_bytes;	   /* retired - freed */
	uint64_t n_held, held_bytes;	   /* allocated - freed */
};

struct selfcheck_conservation {
	struct selfcheck_class class[OBJ_N_CLASSES];
	uint64_t
		n_pending; /* what the strategy says it holds; UINT64_MAX: it is not told (TRACES) */
	uint64_t error_objects; /* largest difference found, in objects */
	uint64_t error_bytes;
	bool is_good;
	char text[192]; /* what differs, first found; empty when good */
};

/* 0 or -ENOMEM.  `t`: a registered thread, offline. */
int selfcheck_conservation(struct selfcheck_conservation *out, struct reclaim *r,
			   struct reclaim_thread *t, struct hmap *const *maps, size_t n_maps);

/* The comparison alone, for tests: fills in the errors, is_good and text from the counts in *out. */
void selfcheck_compare(struct selfcheck_conservation *out);

#endif
