/* SPDX-License-Identifier: MIT */
/* trace_out.h - DIR/trace.json: what happened when, for Perfetto and chrome://tracing (--trace-json).
 *
 * Stages and their marks, the phases of each collection cycle, what each thread did for the collector on a row of its
 * own (stops, assists, sweeps, marking), counters of live bytes, bytes in limbo and the heap's goal, and moments of
 * deletes and frees.  Of these, as of the per-event law, a stage keeps a fair sample; those left out count as dropped,
 * in the file.  Events are collected, and at the end sorted and written.  Main thread only.
 */
#ifndef RECLAIMBENCH_RUN_TRACE_OUT_H
#define RECLAIMBENCH_RUN_TRACE_OUT_H

#include "gc/gc_log.h"
#include "measure/watch_acts.h"
#include "report/trace_json.h"
#include "run/stage.h"

/* Rows of the viewer; those of the threads, by reclaim_thread.index, come after them. */
enum { TRACE_OUT_STAGES = 1, TRACE_OUT_CYCLES, TRACE_OUT_DELETES, TRACE_OUT_THREADS };

/* And as many as a strategy may start itself. */
enum { TRACE_OUT_MAX_THREADS = RECLAIM_MAX_THREADS + 64 };

struct trace_moment {
	uint64_t at_ns, length_ns; /* of a span */
	double value;		   /* of a counter */
	const char *category, *name;
	unsigned row;
	char phase;
};

struct trace_out {
	struct trace_json json;
	const struct clock *clock;
	uint64_t zero_ticks;	     /* moment 0 of the file */
	struct trace_moment *events; /* owned; names are their givers' until the end */
	size_t n_events, max_events;
	int error;				    /* -ENOMEM: some are missing */
	uint64_t named[TRACE_OUT_MAX_THREADS / 64]; /* threads whose rows have names: a bit each */
};

/* Begin on an open stream, which stays the caller's.  Finish with trace_out_end(). */
void trace_out_begin(struct trace_out *t, FILE *out, const struct clock *clock,
		     uint64_t zero_ticks);
/* A stage that has ended.  `log`: NULL when the strategy keeps none. */
void trace_out_stage(struct trace_out *t, const struct stage_result *s, const struct gc_log *log);
/* Without a stage: the phases of the cycles that lie in (from, to); what threads did from a moment on; one life. */
void trace_out_cycles(struct trace_out *t, const struct gc_log *log, uint64_t from_ticks,
		      uint64_t to_ticks);
void trace_out_acts(struct trace_out *t, const struct acts_sample *acts, uint64_t from_ticks);
void trace_out_life(struct trace_out *t, enum obj_class class, uint64_t dead_ticks,
		    uint64_t freed_ticks, uint32_t thread);
/* 0 or the first -errno. */
int trace_out_end(struct trace_out *t) __attribute__((warn_unused_result));

#endif
