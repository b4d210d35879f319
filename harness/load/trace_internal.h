/* SPDX-License-Identifier: MIT */
/* trace_internal.h - what a trace format fills in; see trace.h for the formats themselves.
 *
 * A new format is one file trace_NAME.c that ends with its const table, one line in trace_formats.c
 * and one in enum trace_format_id.
 */
#ifndef RECLAIMBENCH_TRACE_INTERNAL_H
#define RECLAIMBENCH_TRACE_INTERNAL_H

#include "load/input.h"
#include "load/trace.h"

/* One decoding: where rows come from, and where their operations go. */
struct trace_decoder {
	struct input *in;
	const struct trace_options *options;
	struct load_error *error;
	struct trace_stats *stats; /* decoders count rows, kinds, expired, collisions, tids */
	/* Takes an operation; 0 or -errno with a text. */
	int (*emit)(struct trace_decoder *d, const struct trace_event *event);
};

struct trace_format {
	const char *name;
	bool needs_evict;
	/* Whether this may be such a file, from its name and first decompressed bytes. */
	bool (*looks_like)(const char *name, const char *head, size_t len);
	/* Decode to the end: 0 or -errno with a text.  Tells the clock of its times. */
	int (*decode)(struct trace_decoder *d, enum trace_clock *clock);
};

extern const struct trace_format trace_format_malloc_csv, trace_format_paths_csv, trace_format_aosp,
	trace_format_u32le, trace_format_cachelib;

/* The table of a format; NULL for TRACE_AUTO. */
const struct trace_format *trace_format_of(enum trace_format_id id);
/* Find the format, or check the one asked for against the options: 0 or -EINVAL with a text. */
int trace_detect(struct input *in, const struct trace_options *options, enum trace_format_id *out,
		 struct load_error *error) __attribute__((warn_unused_result));

/* "FILE:LINE: ..." about the line last read; returns -EINVAL. */
int trace_bad_row(const struct trace_decoder *d, const char *fmt, ...)
	__attribute__((format(printf, 2, 3)));
/* No memory while decoding; returns -ENOMEM. */
int trace_no_memory(const struct trace_decoder *d);

/* Whole text [text, text + len) as a number; false when it is none, or too large. */
bool trace_parse_u64(const char *text, size_t len, uint64_t *out);
bool trace_parse_hex(const char *text, size_t len, uint64_t *out);

static inline uint32_t trace_clip_u32(uint64_t size)
{
	return size > UINT32_MAX ? UINT32_MAX : (uint32_t)size;
}

/* The own CSV, common to malloc-csv and paths-csv. */
extern const char trace_csv_header[];
bool trace_csv_is_header(const char *head, size_t len);
/* The kinds' places in trace_stats. */
enum { TRACE_CSV_INSERT, TRACE_CSV_DELETE, TRACE_CSV_UPDATE, TRACE_CSV_GET };
/* Decode all rows; `key_of` turns the key's text into 64 bits: 0 or -errno with a text. */
typedef int trace_csv_key_fn(struct trace_decoder *d, void *ctx, const char *text, size_t len,
			     uint64_t *key);
int trace_csv_decode(struct trace_decoder *d, trace_csv_key_fn *key_of, void *ctx);
/* Whether all keys of the rows in `head` are hexadecimal; the header is skipped. */
bool trace_csv_has_hex_keys(const char *head, size_t len);

#endif
