/* SPDX-License-Identifier: MIT */
/* trace_formats.c - the list of trace formats, how one is chosen, and what their parsers share. */
#include "load/trace_internal.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#define TRACE_FORMAT_LIST "malloc-csv, paths-csv, aosp, u32le or cachelib"

/* In the order in which they are tried; u32le takes what looks binary. */
static const struct trace_format *const trace_formats[TRACE_N_FORMATS] = {
	[TRACE_MALLOC_CSV] = &trace_format_malloc_csv,
	[TRACE_PATHS_CSV] = &trace_format_paths_csv,
	[TRACE_AOSP] = &trace_format_aosp,
	[TRACE_U32LE] = &trace_format_u32le,
	[TRACE_CACHELIB] = &trace_format_cachelib,
};

const struct trace_format *trace_format_of(enum trace_format_id id)
{
	return trace_formats[id];
}

const char *trace_format_name(enum trace_format_id format)
{
	return format == TRACE_AUTO ? "auto" : trace_formats[format]->name;
}

int trace_parse_format(const char *text, enum trace_format_id *out, struct load_error *error)
{
	char quoted[LOAD_QUOTE_BYTES];

	for (int i = 0; i < TRACE_N_FORMATS; i++) {
		if (strcmp(text, trace_format_name((enum trace_format_id)i)) != 0)
			continue;
		*out = (enum trace_format_id)i;
		return 0;
	}
	return load_fail(error, EINVAL, "%s is not a trace format; write auto, " TRACE_FORMAT_LIST,
			 load_quote(quoted, text, strlen(text)));
}

static enum trace_format_id trace_guess(const char *path, const char *head, size_t len)
{
	const char *slash = strrchr(path, '/');
	const char *name = slash ? slash + 1 : path;

	for (int i = TRACE_AUTO + 1; i < TRACE_N_FORMATS; i++)
		if (trace_formats[i]->looks_like(name, head, len))
			return (enum trace_format_id)i;
	return TRACE_AUTO;
}

int trace_detect(struct input *in, const struct trace_options *options, enum trace_format_id *out,
		 struct load_error *error)
{
	enum trace_format_id format = options->format;
	const char *head;
	size_t len;

	if (format == TRACE_AUTO) {
		const int err = input_peek(in, &head, &len, error);

		if (err)
			return err;
		format = trace_guess(input_name(in), head, len);
	}
	if (format == TRACE_AUTO)
		return load_fail(error, EINVAL,
				 "%s:1: is of no trace format known here; " TRACE_FORMAT_LIST
				 " was expected (say which with --trace-format)",
				 input_name(in));
	if (trace_formats[format]->needs_evict && options->evict.kind == EVICT_NONE)
		return load_fail(
			error, EINVAL,
			"%s: format %s has no deletes; give --evict=lru:KEYS or --evict=idle:ROWS",
			input_name(in), trace_formats[format]->name);
	if (!trace_formats[format]->needs_evict && options->evict.kind != EVICT_NONE)
		return load_fail(error, EINVAL,
				 "%s: format %s has deletes of its own; leave --evict out",
				 input_name(in), trace_formats[format]->name);
	*out = format;
	return 0;
}

int trace_bad_row(const struct trace_decoder *d, const char *fmt, ...)
{
	char what[400];
	va_list args;

	va_start(args, fmt);
	vsnprintf(what, sizeof(what), fmt, args);
	va_end(args);
	return load_fail(d->error, EINVAL, "%s:%llu: %s", input_name(d->in),
			 (unsigned long long)input_line_number(d->in), what);
}

int trace_no_memory(const struct trace_decoder *d)
{
	return load_fail(d->error, ENOMEM, "%s: no memory to decode it; cut the trace",
			 input_name(d->in));
}

bool trace_parse_u64(const char *text, size_t len, uint64_t *out)
{
	uint64_t n = 0;

	if (len == 0)
		return false;
	for (size_t i = 0; i < len; i++) {
		const unsigned digit = (unsigned char)text[i] - (unsigned)'0';

		if (digit > 9 || __builtin_mul_overflow(n, UINT64_C(10), &n) ||
		    __builtin_add_overflow(n, (uint64_t)digit, &n))
			return false;
	}
	*out = n;
	return true;
}

bool trace_parse_hex(const char *text, size_t len, uint64_t *out)
{
	uint64_t n = 0;

	if (len == 0 || len > 16)
		return false;
	for (size_t i = 0; i < len; i++) {
		const char c = text[i];

		if (c >= '0' && c <= '9')
			n = n << 4 | (uint64_t)(c - '0');
		else if (c >= 'a' && c <= 'f')
			n = n << 4 | (uint64_t)(c - 'a' + 10);
		else if (c >= 'A' && c <= 'F')
			n = n << 4 | (uint64_t)(c - 'A' + 10);
		else
			return false;
	}
	*out = n;
	return true;
}
