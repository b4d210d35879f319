/* SPDX-License-Identifier: MIT */
/* trace.h - recorded streams of operations, decoded ahead of the run into one array, so that
 * reading, decompressing and parsing are not on the measured path.
 *
 *     malloc-csv  op,key,size,timestamp_ns: allocator calls, keys are addresses in hex
 *     paths-csv   the same columns: file system calls, keys are paths (hashed to 64 bits by XXH3)
 *     aosp        text of AOSP's memory_replay: "TID: malloc 0xPTR SIZE" ...
 *     u32le       32-bit little-endian keys, nothing else: gets; inserts and deletes come from
 * --evict cachelib    CacheLib's CSV: columns by name, op_count repetitions, TTL as scheduled
 * deletes
 *
 * Plain, gzip or zstd.  A delete or get of a key that is absent is legal (a miss); an insert of a
 * key that is live is an overwrite; both are counted.
 *
 * Threads: loading is for one thread; a loaded trace is read-only and any number may read it.
 */
#ifndef RECLAIMBENCH_TRACE_H
#define RECLAIMBENCH_TRACE_H

#include "load/evict.h"
#include "load/load_error.h"
#include "load/op.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum trace_format_id {
	TRACE_AUTO,
	TRACE_MALLOC_CSV,
	TRACE_PATHS_CSV,
	TRACE_AOSP,
	TRACE_U32LE,
	TRACE_CACHELIB,
	TRACE_N_FORMATS,
};

/* What `time` counts. */
enum trace_clock { TRACE_CLOCK_NS, TRACE_CLOCK_ROWS };

/* One operation as the file has it. */
struct trace_event {
	enum op_type type;
	uint32_t size_bytes; /* sizes of 4 GiB and more read 4 GiB - 1 */
	uint32_t tid;	     /* threads of the recording, numbered from 0 as they appear */
	uint64_t key;
	uint64_t time; /* ns since the first row, or the row's number */
	uint64_t row;  /* from 0; one row may give several operations, or none */
};

typedef uint64_t trace_hash_fn(const void *data, size_t len);

struct trace_options {
	enum trace_format_id format;
	struct evict_policy evict;  /* u32le needs one; the others refuse it */
	double ttl_scale;	    /* cachelib: TTLs are multiplied by it; 0 means 1 */
	uint64_t max_ops;	    /* refuse longer traces; 0: TRACE_MAX_OPS */
	trace_hash_fn *hash_string; /* NULL: XXH3; for tests of collisions */
};
/* 3 GiB of decoded operations.  The largest trace that comes with the project has 8 M. */
#define TRACE_MAX_OPS (UINT64_C(1) << 27)

/* "auto", "malloc-csv", ...; 0 or -EINVAL with a text that lists them. */
int trace_parse_format(const char *text, enum trace_format_id *out, struct load_error *error)
	__attribute__((warn_unused_result));
const char *trace_format_name(enum trace_format_id format);

/* An operation, decoded.  24 bytes. */
struct trace_op {
	uint64_t key;
	uint64_t time;
	uint32_t size_bytes;
	uint16_t tid;
	uint8_t type; /* enum op_type */
	uint8_t is_closing;
};

/* A word of the file's own language (malloc, GET_LEASE, I ...). */
#define TRACE_N_KINDS 8
struct trace_kind {
	const char *name; /* constant text; NULL: unused */
	uint64_t n_rows;
	uint64_t n_ops; /* with repetitions */
};

struct trace_stats {
	uint64_t n_rows;
	uint64_t n_skipped_rows; /* that mean nothing to a map: free(NULL) */
	struct trace_kind kinds[TRACE_N_KINDS];
	uint64_t n_ops[OP_N_TYPES];
	uint64_t n_get_misses; /* of a key that is not live */
	uint64_t n_overwrites; /* inserts of a live key */
	uint64_t n_delete_misses;
	uint64_t n_update_misses; /* updates of a key that is not live: they insert it */
	uint64_t n_expired;	  /* deletes that came from a TTL or the eviction policy */
	uint64_t n_distinct_keys;
	uint64_t n_collisions; /* distinct strings whose hash was taken: conflated with another's
				  key */
	uint64_t n_tids;
	uint64_t n_live_peak; /* after a whole row */
	uint64_t n_live_end;
	uint64_t duration; /* time of the last row */
};

struct trace {
	struct trace_op *ops;
	size_t n_ops;	  /* recorded ones */
	size_t n_closing; /* behind them: a delete for each key live at the end, oldest insert first
			   */
	enum trace_format_id format;
	enum trace_clock clock;
	struct trace_stats stats;
};

/* Decode a file, or a file's content in memory (`name` stands in messages).  0 or -errno with a
 * text that names file and line (or byte).  Free with trace_free().  Any content is safe.  Cost:
 * about 0.4 us a row and 24 bytes an operation. */
int trace_load(struct trace **out, const char *path, const struct trace_options *options,
	       struct load_error *error) __attribute__((warn_unused_result));
int trace_load_memory(struct trace **out, const void *data, size_t len, const char *name,
		      const struct trace_options *options, struct load_error *error)
	__attribute__((warn_unused_result));
void trace_free(struct trace *t); /* NULL is fine */

#endif
