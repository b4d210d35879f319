/* SPDX-License-Identifier: MIT */
/* trace_malloc_csv.c - allocator calls recorded by scripts/record-malloc: I insert, D delete, U
 * update in place; keys are addresses in hexadecimal. */
#include "load/trace_internal.h"

#include <string.h>

static bool trace_malloc_csv_looks_like(const char *name, const char *head, size_t len)
{
	if (!trace_csv_is_header(head, len) || strstr(name, ".paths."))
		return false;
	return strstr(name, ".malloc.") || trace_csv_has_hex_keys(head, len);
}

static int trace_malloc_csv_key(struct trace_decoder *d, void *ctx, const char *text, size_t len,
				uint64_t *key)
{
	char quoted[LOAD_QUOTE_BYTES];

	(void)ctx;
	if (!trace_parse_hex(text, len, key))
		return trace_bad_row(
			d,
			"key %s is not an address of up to 16 hexadecimal digits; for keys "
			"that are paths give --trace-format=paths-csv",
			load_quote(quoted, text, len));
	return 0;
}

static int trace_malloc_csv_decode(struct trace_decoder *d, enum trace_clock *clock)
{
	*clock = TRACE_CLOCK_NS;
	return trace_csv_decode(d, trace_malloc_csv_key, NULL);
}

const struct trace_format trace_format_malloc_csv = {
	.name = "malloc-csv",
	.looks_like = trace_malloc_csv_looks_like,
	.decode = trace_malloc_csv_decode,
};
