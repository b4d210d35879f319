/* SPDX-License-Identifier: MIT */
/* trace_u32le.c - a bare stream of 32-bit keys: each is a get, and on a miss an insert; the
 * eviction policy deletes.  The row number is the clock. */
#include "load/evict.h"
#include "load/trace_internal.h"

#include <errno.h>
#include <string.h>

#define TRACE_U32LE_BATCH 4096

static bool trace_u32le_looks_like(const char *name, const char *head, size_t len)
{
	/* Small keys leave zero bytes, which no text format has. */
	return strstr(name, "u32le") || memchr(head, '\0', len);
}

static int trace_u32le_row(struct trace_decoder *d, struct evict *e, struct trace_event *event)
{
	const int is_held = evict_access(e, event->key, event->row);
	int rc;

	if (is_held < 0)
		return trace_no_memory(d);
	event->type = OP_GET;
	rc = d->emit(d, event);
	if (!rc && !is_held) {
		event->type = OP_INSERT;
		rc = d->emit(d, event);
	}
	event->type = OP_DELETE;
	while (!rc && evict_next(e, event->row, &event->key)) {
		d->stats->n_expired++;
		rc = d->emit(d, event);
	}
	return rc;
}

static int trace_u32le_decode(struct trace_decoder *d, enum trace_clock *clock)
{
	struct trace_event event = {0};
	unsigned char batch[4 * TRACE_U32LE_BATCH];
	struct evict e;
	size_t got;
	int rc = evict_init(&e, &d->options->evict);

	*clock = TRACE_CLOCK_ROWS;
	d->stats->kinds[0].name = "access";
	if (rc) {
		rc = trace_no_memory(d);
		goto out;
	}
	do {
		rc = input_bytes(d->in, batch, sizeof(batch), &got, d->error);
		for (size_t i = 0; !rc && i + 4 <= got; i += 4) {
			event.key = batch[i] | (uint32_t)batch[i + 1] << 8 |
				    (uint32_t)batch[i + 2] << 16 | (uint32_t)batch[i + 3] << 24;
			event.row = event.time = d->stats->n_rows++;
			rc = trace_u32le_row(d, &e, &event);
		}
	} while (!rc && got == sizeof(batch));
	if (!rc && got % 4)
		rc = load_fail(
			d->error, EINVAL,
			"%s: byte %llu: %zu bytes are left; keys of 4 bytes were expected, the "
			"file is cut short or of another format",
			input_name(d->in), (unsigned long long)(input_offset(d->in) - got % 4),
			got % 4);
	d->stats->kinds[0].n_rows = d->stats->kinds[0].n_ops = d->stats->n_rows;
out:
	evict_fini(&e);
	return rc;
}

const struct trace_format trace_format_u32le = {
	.name = "u32le",
	.needs_evict = true,
	.looks_like = trace_u32le_looks_like,
	.decode = trace_u32le_decode,
};
