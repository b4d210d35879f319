/* SPDX-License-Identifier: MIT */
/* mark.h - what mark and its preset go share. */
#ifndef RECLAIMBENCH_MARK_H
#define RECLAIMBENCH_MARK_H

#include "gc/gc.h"

/* Members of struct reclaim_ops; see reclaim.h for what each must do. */
void mark_allocated(struct reclaim_thread *t, void *object, enum obj_class class, size_t bytes);
void mark_write_barrier(struct reclaim_thread *t, void *old_object, void *new_object);
uint64_t mark_safe_ticks(struct reclaim *r, void *object, const struct heap_stamps *stamps);

#define MARK_OPTIONS(scan_default_)                                                                \
	GC_OPTIONS_SHARED,                                                                         \
		GC_OPTION("mark_share", OPT_FRACTION, "fraction of processors", "25%", NULL, 0.01, \
			  0.9, mark_share,                                                         \
			  "for background marking; idle processors and assists come on top"),      \
		GC_OPTION("markers", OPT_COUNT, "threads", "0", NULL, 0, GC_MAX_MARKERS,           \
			  n_markers,                                                               \
			  "that mark in the background; 0: one less than processors (procs), at "  \
			  "most 16; those beyond mark_share use idle processors only"),            \
		GC_OPTION("assist", OPT_BOOL, "", "on", NULL, 0, 0, assist,                        \
			  "threads that allocate while marking is on pay for it with marking"),    \
		GC_OPTION("barrier", OPT_BOOL, "", "on", NULL, 0, 0, barrier,                      \
			  "off: no write barrier is needed, the world is stopped for the whole "   \
			  "marking"),                                                              \
		GC_OPTION("scan", OPT_CHOICE, "", scan_default_, "all|filled", 0, 0, scan,         \
			  "cells that refer: all eight whatever their tophash, or those that are " \
			  "filled"),                                                               \
		GC_OPTION("stacks", OPT_BYTES, "bytes", "0", NULL, 0, 1e12, stack_bytes,           \
			  "stacks the pacer adds to the live heap"),                               \
		GC_OPTION("globals", OPT_BYTES, "bytes", "0", NULL, 0, 1e12, globals_bytes,        \
			  "globals the pacer adds to the live heap")

#define MARK_FLAGS                                                                                 \
	(NEEDS_QUIESCE | BACKGROUND | TRACES | NEEDS_BARRIER | COLLECTS_GARBAGE |                  \
	 STALL_UNBOUNDED | NEEDS_SPAN_HEAP)
#define MARK_MEMBERS                                                                               \
	.flags = MARK_FLAGS, .state_bytes = sizeof(struct gc),                                     \
	.thread_bytes = sizeof(struct gc_thread), .fini = gc_fini,                                 \
	.thread_register = gc_thread_register, .thread_unregister = gc_thread_unregister,          \
	.offline = gc_offline, .online = gc_online, .allocated = mark_allocated,                   \
	.write_barrier = mark_write_barrier, .poll = gc_poll, .drain = gc_drain,                   \
	.stats = gc_stats, .safe_ticks = mark_safe_ticks, .collect = gc_collect,                   \
	.explain = gc_explain, .gc_log = gc_log_of, .n_helpers = gc_n_helpers

#endif
