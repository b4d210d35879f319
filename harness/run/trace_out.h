/* SPDX-License-Identifier: MIT */
/* trace_out.h - DIR/trace.json: what happened when, for Perfetto and chrome://tracing (--trace-json).
 *
 * Stages and their marks, the phases of each collection cycle, the stops on a row of their own, counters of live
 * bytes, bytes in limbo and the heap's goal, and moments of deletes and frees.  Of these, as of the per-event law, a
 * stage keeps a fair sample; those left out count as dropped, in the file.  Main thread only.
 */
#ifndef RECLAIMBENCH_RUN_TRACE_OUT_H
#define RECLAIMBENCH_RUN_TRACE_OUT_H

#include "gc/gc_log.h"
#include "report/trace_json.h"
#include "run/stage.h"

/* Rows of the viewer; one for each thread that frees comes after them. */
enum {
	TRACE_OUT_STAGES = 1,
	TRACE_OUT_CYCLES,
	TRACE_OUT_STOPS,
	TRACE_OUT_DELETES,
	TRACE_OUT_FREES
};

struct trace_out {
	struct trace_json json;
	const struct clock *clock;
	uint64_t zero_ticks; /* moment 0 of the file */
	uint32_t freer;	     /* the thread of the last free, + 1; its row has a name */
};

/* Begin on an open stream, which stays the caller's.  Finish with trace_out_end(). */
void trace_out_begin(struct trace_out *t, FILE *out, const struct clock *clock,
		     uint64_t zero_ticks);
/* A stage that has ended.  `log`: NULL when the strategy keeps none. */
void trace_out_stage(struct trace_out *t, const struct stage_result *s, const struct gc_log *log);
/* Without a stage: the phases of the cycles that lie in (from, to), one life. */
void trace_out_cycles(struct trace_out *t, const struct gc_log *log, uint64_t from_ticks,
		      uint64_t to_ticks);
void trace_out_life(struct trace_out *t, enum obj_class class, uint64_t dead_ticks,
		    uint64_t freed_ticks, uint32_t thread);
/* 0 or the first -errno. */
int trace_out_end(struct trace_out *t) __attribute__((warn_unused_result));

#endif
