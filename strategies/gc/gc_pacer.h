/* SPDX-License-Identifier: MIT */
/* gc_pacer.h - when a cycle begins and how hard allocating threads must help: arithmetic only.
 *
 * Source: Go 1.19.8, runtime/mgcpacer.go (gcControllerState: init, setGCPercent, startCycle, revise,
 * endCycle, resetLive, commit, heapGoalInternal, trigger; piController) and mgcsweep.go (gcPaceSweeper,
 * deductSweepCredit).  The formulas and constants are taken over as they stand there.  Left out: the
 * memory limit (GOMEMLIMIT) and the CPU limiter.
 *
 * Names: live = marked by the last cycle plus allocated since; marked = found live by the last cycle; scan
 * work = bytes that the marker reads.
 *
 * THREADS.  Functions marked [cycle] are called by the cycle's thread only, those marked [any] by any.
 * What several threads touch is atomic, all of it relaxed: the pacer steers, it never decides what may be
 * freed, so a stale value only moves a cycle or an assist a little.
 */
#ifndef RECLAIMBENCH_GC_PACER_H
#define RECLAIMBENCH_GC_PACER_H

#include "atomic.h"

#define GC_GOGC_OFF UINT64_MAX

enum {
	GC_PACER_HEAP_MINIMUM_BYTES = 4
				      << 20, /* defaultHeapMinimum: the smallest goal at GOGC=100 */
	GC_PACER_SWEEP_DISTANCE_BYTES = 1
					<< 20, /* sweepMinHeapDistance: room left to the sweeper */
	GC_PACER_RUNWAY_BYTES = 64 << 10, /* minRunway: the goal lies this far above the trigger */
	GC_PACER_OVER_ASSIST_BYTES =
		64 << 10, /* gcOverAssistWork: an assist does at least this much */
	GC_PACER_CREDIT_SLACK_BYTES =
		2000,		       /* gcCreditSlack: scan work is published in such pieces */
	GC_PACER_TRIGGER_DEN = 64,     /* triggerRatioDen */
	GC_PACER_TRIGGER_MIN_NUM = 45, /* minTriggerRatioNum */
	GC_PACER_TRIGGER_MAX_NUM = 61, /* maxTriggerRatioNum */
	GC_PACER_SCAN_LEFT_MIN_BYTES = 1000, /* revise: the remaining work is never taken as less */
	GC_PACER_PAGE_BYTES = 8192,	     /* _PageSize */
};

/* piController: smooths the cons/mark ratio. */
struct gc_pi {
	double kp, ti, tt; /* proportional gain; integral time; reset time, in cycles */
	double min, max;
	double integral;
};
/* A new sample; false when the state overflowed and was reset. [cycle] */
bool gc_pi_next(struct gc_pi *c, double input, double setpoint, double period, double *out);

struct gc_pacer {
	/* Set by gc_pacer_init(). */
	uint64_t gogc_percent; /* GC_GOGC_OFF: only forced cycles */
	uint64_t heap_minimum_bytes;
	double share;	  /* of the processors, for background marking: gcBackgroundUtilization */
	unsigned n_procs; /* GOMAXPROCS */
	uint64_t max_stack_bytes;
	uint64_t globals_bytes;

	/* Written by the cycle's thread while the world is stopped (or before threads exist). */
	double cons_mark; /* bytes allocated per byte scanned, each per CPU time */
	struct gc_pi cons_mark_pi;
	uint64_t runway_bytes;
	uint64_t goal_percent_bytes;	  /* gcPercentHeapGoal */
	uint64_t sweep_trigger_min_bytes; /* sweepDistMinTrigger */
	uint64_t triggered_bytes; /* the trigger of the cycle now marking; UINT64_MAX: none */
	uint64_t marked_bytes;	  /* heapMarked */
	uint64_t last_scan_bytes; /* lastHeapScan */
	uint64_t last_stack_scan_bytes;
	uint64_t last_goal_bytes; /* of the cycle that ended last */
	uint64_t mark_begin_ns;
	unsigned n_dedicated;	 /* workers that mark all the time */
	double fractional_share; /* of each processor, for the remainder */

	_Atomic(uint64_t) trigger_bytes; /* what commit decided; UINT64_MAX: never */
	/* What many threads count into; each on lines of its own. */
	_Atomic(uint64_t) live_bytes __attribute__((aligned(PADDING_BYTES)));
	_Atomic(uint64_t) scannable_bytes; /* heapScan */
	_Atomic(int64_t) scan_work_bytes;  /* done in this cycle */
	_Atomic(int64_t) credit_bytes;	   /* bgScanCredit */
	_Atomic(int64_t) assist_ns;
	_Atomic(int64_t) idle_mark_ns;
	_Atomic(int64_t) background_mark_ns; /* dedicated and fractional */
	/* Two doubles, as bits; read apart from each other, as in Go. */
	_Atomic(uint64_t) assist_work_per_byte;
	_Atomic(uint64_t) assist_bytes_per_work;
};

void gc_pacer_init(struct gc_pacer *p, uint64_t gogc_percent, double share, unsigned n_procs,
		   uint64_t stack_bytes, uint64_t globals_bytes);

/* goal and trigger as of now. [cycle] */
uint64_t gc_pacer_goal(const struct gc_pacer *p);
uint64_t gc_pacer_trigger(const struct gc_pacer *p);

/* World stopped, before marking. [cycle] */
void gc_pacer_start_cycle(struct gc_pacer *p, uint64_t now_ns);
/* Set the assist ratio again; after live or scan work changed. [any] */
void gc_pacer_revise(struct gc_pacer *p);
/* How much of a processor marker 0, 1, ... may take: all of it (dedicated), the fraction that is left, nothing (only
 * while a processor is idle).  Marker 0 always has a share.  [any] between start and end of a cycle. */
double gc_pacer_marker_share(const struct gc_pacer *p, unsigned number);
/* Marking ended. [cycle] */
void gc_pacer_end_cycle(struct gc_pacer *p, uint64_t now_ns);
/* World stopped: so much was found live. [cycle] */
void gc_pacer_reset_live(struct gc_pacer *p, uint64_t marked_bytes);
/* Compute goal, runway and trigger of the next cycle. [cycle] */
void gc_pacer_commit(struct gc_pacer *p, bool is_sweep_done);

double gc_pacer_work_per_byte(const struct gc_pacer *p);
double gc_pacer_bytes_per_work(const struct gc_pacer *p);

/* Proportional sweep: pages to sweep per allocated byte, so that all is swept when live reaches the
 * trigger. */
double gc_pacer_sweep_pages_per_byte(uint64_t trigger_bytes, uint64_t live_bytes,
				     uint64_t pages_in_use, uint64_t pages_swept);

#endif
