/* SPDX-License-Identifier: MIT */
/* trace_json.h - writes trace-event JSON (Perfetto, chrome://tracing): X spans for the phases of a
 * cycle, i instants for deletes and stage marks, C counters for gauges.
 *
 * Events go to the file as they come, one line each; beyond `cap` they are dropped and counted, and the
 * count stands in the file ("otherData").  Times are ns since the run's start; the file has us with
 * three decimals.
 *
 * Threads: one writer; merge what threads recorded before calling.  Any order of events is legal.
 */
#ifndef RECLAIMBENCH_TRACE_JSON_H
#define RECLAIMBENCH_TRACE_JSON_H

#include <stdint.h>
#include <stdio.h>

struct trace_json {
	FILE *out;
	uint64_t cap;
	uint64_t n_events;  /* written */
	uint64_t n_dropped; /* beyond cap, or told by trace_json_drop() */
	int error;	    /* first -errno met; later calls do nothing */
};

/* Events kept when the caller has no opinion: about 100 MB, which viewers still load. */
#define TRACE_JSON_CAP 1000000u

/* Begin on an open stream, which stays the caller's.  Finish with trace_json_end(). */
void trace_json_begin(struct trace_json *t, FILE *out, uint64_t cap);

/* Name a thread row of the viewer; not counted in the cap. */
void trace_json_thread(struct trace_json *t, unsigned tid, const char *name);
/* A span [start_ns, start_ns + duration_ns). */
void trace_json_span(struct trace_json *t, unsigned tid, const char *category, const char *name,
		     uint64_t start_ns, uint64_t duration_ns);
/* A moment. */
void trace_json_instant(struct trace_json *t, unsigned tid, const char *category, const char *name,
			uint64_t at_ns);
/* A gauge: `name` is the row, `series` the line in it. */
void trace_json_counter(struct trace_json *t, const char *name, const char *series, uint64_t at_ns,
			double value);

/* Count `n` events that the caller left out. */
void trace_json_drop(struct trace_json *t, uint64_t n);

/* Write the end with the count of dropped events, and flush.  0 or the first -errno. */
int trace_json_end(struct trace_json *t);

/* Write a JSON string with its quotes, everything escaped that JSON wants; bytes that are not UTF-8
 * become U+FFFD. */
void trace_json_string(FILE *out, const char *text);

#endif
