/* SPDX-License-Identifier: MIT */
/* trace_paths.c - file system calls: the own CSV with paths as keys.  G lookup, I created, D
 * removed, U replaced. */
#include "load/names.h"
#include "load/trace_internal.h"

static bool trace_paths_looks_like(const char *name, const char *head, size_t len)
{
	return trace_csv_is_header(head, len) &&
	       !trace_format_malloc_csv.looks_like(name, head, len);
}

static int trace_paths_key(struct trace_decoder *d, void *ctx, const char *text, size_t len,
			   uint64_t *key)
{
	return names_key(ctx, text, len, key) ? trace_no_memory(d) : 0;
}

static int trace_paths_decode(struct trace_decoder *d, enum trace_clock *clock)
{
	struct names names;

	*clock = TRACE_CLOCK_NS;
	names_init(&names, d->options->hash_string);
	const int rc = trace_csv_decode(d, trace_paths_key, &names);

	d->stats->n_collisions = names.n_collisions;
	names_fini(&names);
	return rc;
}

const struct trace_format trace_format_paths_csv = {
	.name = "paths-csv",
	.looks_like = trace_paths_looks_like,
	.decode = trace_paths_decode,
};
