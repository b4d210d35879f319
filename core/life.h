/* SPDX-License-Identifier: MIT */
/* life.h - recording how long dead objects live: per-thread log-linear histograms of events, entries and
 * censorings, from which harness/measure/ computes Kaplan-Meier percentiles with delayed entry.
 *
 * A life after death: dead -> retired -> safe -> freed (DESIGN section 4).  Phases are serial gap times:
 * ghost (dead to retired), grace (retired to safe), sweep (safe to freed); total is dead to freed, limbo is
 * retired to freed.
 *
 * For each (class, table state, phase) a struct life_hist holds three counts per duration bin:
 *   events    the phase ended inside this stage at that duration
 *   censored  the stage ended first, at that duration
 *   entered   the phase had already lasted that long when the stage began (delayed entry);
 *             those that began inside the stage entered at 0 and are counted in n_from_zero
 * so that risk set(bin) = n_from_zero + entered below - events below - censored below.
 *
 * A phase that ended before this stage began belongs to an earlier stage and is not counted again.
 *
 * Threads: a recorder has one writer, the thread that frees; readers look at stage ends, when all is
 * quiet.  Recording takes no lock, allocates nothing and cannot fail: a duration beyond the last bin is
 * counted in it and in n_clipped.
 */
#ifndef RECLAIMBENCH_LIFE_H
#define RECLAIMBENCH_LIFE_H

#include "clock.h"
#include "heap.h"
#include "hist.h"

enum life_phase { LIFE_TOTAL, LIFE_GHOST, LIFE_GRACE, LIFE_SWEEP, LIFE_LIMBO, LIFE_N_PHASES };
extern const char *const life_phase_names[LIFE_N_PHASES]; /* "total", "ghost", ... as in the CSV */

/* Behind a recorder's phases: lives that died when they were retired and ended inside the stage, which are most.
 * Counted once instead of as total, ghost and limbo each, until life_recorder_settle() or a merge. */
#define LIFE_BRIEF LIFE_N_PHASES

enum { LIFE_STEADY, LIFE_GROWING, LIFE_N_STATES };
extern const char *const life_state_names[LIFE_N_STATES]; /* "steady", "growing" */

struct life_hist {
	uint64_t events[HIST_N_BINS];
	uint64_t censored[HIST_N_BINS];
	uint64_t entered[HIST_N_BINS];
	uint64_t n_from_zero;
	uint64_t n_entered, n_events, n_censored; /* the sums of the bins */
	uint64_t n_clipped;
	uint64_t max_event_ns;	  /* exact; 0: no event */
	uint64_t max_censored_ns; /* exact; 0: none */
	double sum_event_ns;
};
/* Add counts (of another thread, or of another table state to report both together). */
void life_hist_merge(struct life_hist *into, const struct life_hist *from);

/* What a strategy knows of an object's safety when it is freed. */
#define LIFE_SAFE_UNKNOWN UINT64_MAX /* the library hides it: grace and sweep are not available */

struct life_recorder {
	const struct clock *clock;
	uint64_t stage_begin_ticks;
	uint32_t sample_1_in;	/* objects not sampled have retired_ticks == 0 */
	uint64_t n_skipped;	/* freed without stamps (not sampled) */
	uint64_t n_hidden_safe; /* freed with LIFE_SAFE_UNKNOWN */
	/* Little's law, from the objects' own stamps: sum over objects of the part of [retired, freed)
	 * that lies in this stage, in ticks. */
	double limbo_object_ticks;
	double limbo_byte_ticks;
	/* Per-event law (GO-FACTS section 3): optional, set by the harness; called for each freed object
	 * that has stamps. */
	void (*observe)(void *ctx, enum obj_class class, const struct heap_stamps *stamps,
			uint64_t safe_ticks, uint64_t freed_ticks);
	void *observe_ctx;
	struct life_hist
		*hist[OBJ_N_CLASSES][LIFE_N_STATES]; /* -> [LIFE_N_PHASES + 1]; NULL: not tracked */
};

/* 0 or -ENOMEM.  Histograms exist for value, bucket, evacuated bucket, array and map. */
int life_recorder_init(struct life_recorder *rec, const struct clock *clock);
void life_recorder_fini(struct life_recorder *rec);
/* Forget everything and begin a stage. */
void life_stage_begin(struct life_recorder *rec, uint64_t now_ticks);

/* An object is freed.  `safe_ticks`: when it was proved unreachable, or LIFE_SAFE_UNKNOWN.  Cost: ~10 ns. */
void life_record_free(struct life_recorder *rec, enum obj_class class, size_t bytes,
		      const struct heap_stamps *stamps, uint64_t safe_ticks, uint64_t freed_ticks);

/* The stage ends and this object is not freed.  `safe_ticks`: 0 when not proved yet, LIFE_SAFE_UNKNOWN
 * when hidden.  An object that is dead and not yet retired has retired_ticks == 0 and dead_ticks != 0. */
void life_record_survivor(struct life_recorder *rec, enum obj_class class, size_t bytes,
			  const struct heap_stamps *stamps, uint64_t safe_ticks,
			  uint64_t end_ticks);

/* Before a recorder's own histograms are read (one that others were merged into is settled). */
void life_recorder_settle(struct life_recorder *rec);

/* Add `from` into `into` (same clock and stage).  At stage ends. */
void life_recorder_merge(struct life_recorder *into, const struct life_recorder *from);

#endif
