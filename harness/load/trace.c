/* SPDX-License-Identifier: MIT */
/* trace.c - decode a whole trace into an array, and count what it does to a map. */
#include "load/trace.h"

#include "load/keytab.h"
#include "load/trace_internal.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#define TRACE_FIRST_OPS 65536
#define TRACE_TIDS_MAX 65536 /* trace_op.tid has 16 bits */

/* A decoding in progress.  `keys` has every key seen; its value is twice the number (from 1) of the
 * operation that made it live last, plus 1 while it is live. */
struct trace_build {
	struct trace_decoder d; /* first: emit() gets its address */
	struct trace *t;
	struct keytab keys;
	size_t n_max; /* room in t->ops */
	uint64_t n_live;
	uint64_t row;
};

static int trace_push(struct trace_build *b, const struct trace_op *op)
{
	struct trace *t = b->t;
	const uint64_t limit = b->d.options->max_ops ? b->d.options->max_ops : TRACE_MAX_OPS;
	const size_t n = t->n_ops + t->n_closing;

	if (n >= limit && !op->is_closing)
		return load_fail(b->d.error, E2BIG, "%s: more than %llu operations; cut the trace",
				 input_name(b->d.in), (unsigned long long)limit);
	if (n == b->n_max) {
		const size_t n_more = b->n_max ? 2 * b->n_max : TRACE_FIRST_OPS;
		struct trace_op *more = realloc(t->ops, n_more * sizeof(*more));

		if (!more)
			return trace_no_memory(&b->d);
		t->ops = more;
		b->n_max = n_more;
	}
	t->ops[n] = *op;
	if (op->is_closing)
		t->n_closing++;
	else
		t->n_ops++;
	return 0;
}

/* What an operation on a key does to a map that did all the ones before. */
static int trace_count(struct trace_build *b, const struct trace_event *event)
{
	struct trace_stats *stats = &b->t->stats;
	uint64_t *state = keytab_put(&b->keys, event->key);

	if (!state)
		return trace_no_memory(&b->d);
	const bool is_live = *state & 1;

	stats->n_distinct_keys += *state == 0;
	if (*state == 0)
		*state = 2;
	switch (event->type) {
	case OP_GET:
		stats->n_get_misses += !is_live;
		return 0;
	case OP_DELETE:
		stats->n_delete_misses += !is_live;
		b->n_live -= is_live;
		*state &= ~UINT64_C(1);
		return 0;
	case OP_INSERT:
		stats->n_overwrites += is_live;
		break;
	default:
		stats->n_update_misses += !is_live;
		break;
	}
	b->n_live += !is_live;
	if (!is_live)
		*state = 2 * (uint64_t)(b->t->n_ops + 1) + 1;
	return 0;
}

/* The peak is taken between rows: a cache that inserts and then evicts does not exceed its
 * capacity. */
static void trace_end_row(struct trace_build *b)
{
	if (b->n_live > b->t->stats.n_live_peak)
		b->t->stats.n_live_peak = b->n_live;
}

static int trace_build_emit(struct trace_decoder *d, const struct trace_event *event)
{
	struct trace_build *b = (struct trace_build *)d;
	const struct trace_op op = {.key = event->key,
				    .time = event->time,
				    .size_bytes = event->size_bytes,
				    .tid = (uint16_t)event->tid,
				    .type = (uint8_t)event->type};
	int err = 0;

	if (event->tid >= TRACE_TIDS_MAX)
		return trace_bad_row(d, "more than %d threads", TRACE_TIDS_MAX);
	if (event->row != b->row) {
		trace_end_row(b);
		b->row = event->row;
	}
	if (event->type != OP_THREAD_DONE)
		err = trace_count(b, event);
	b->t->stats.n_ops[event->type]++;
	b->t->stats.duration = event->time;
	return err ? err : trace_push(b, &op);
}

static int trace_compare_u64(const void *a, const void *b)
{
	const uint64_t x = *(const uint64_t *)a;
	const uint64_t y = *(const uint64_t *)b;

	return (x > y) - (x < y);
}

/* Delete what is live at the end, in the order in which it was inserted. */
static int trace_close(struct trace_build *b)
{
	struct trace_stats *stats = &b->t->stats;
	size_t n = 0;
	int err = 0;

	trace_end_row(b);
	stats->n_live_end = b->n_live;
	if (b->n_live == 0)
		return 0;
	uint64_t *births = malloc(b->n_live * sizeof(*births));

	if (!births)
		return trace_no_memory(&b->d);
	for (size_t i = 0; i < b->keys.n_slots; i++)
		if (b->keys.slots[i].value & 1)
			births[n++] = b->keys.slots[i].value / 2 - 1;
	qsort(births, n, sizeof(*births), trace_compare_u64);
	for (size_t i = 0; i < n && !err; i++) {
		struct trace_op op = b->t->ops[births[i]];

		op.type = OP_DELETE;
		op.time = stats->duration;
		op.is_closing = 1;
		err = trace_push(b, &op);
	}
	free(births);
	return err;
}

static int trace_decode(struct trace_build *b)
{
	struct trace *t = b->t;
	int err = trace_detect(b->d.in, b->d.options, &t->format, b->d.error);

	if (!err)
		err = trace_format_of(t->format)->decode(&b->d, &t->clock);
	if (!err && t->n_ops == 0)
		err = load_fail(b->d.error, EINVAL,
				"%s: holds no operation; format %s was expected",
				input_name(b->d.in), trace_format_name(t->format));
	return err ? err : trace_close(b);
}

/* Decode and close `in`. */
static int trace_build(struct trace **out, struct input *in, const struct trace_options *options,
		       struct load_error *error)
{
	struct trace_build b = {
		.d = {.in = in, .options = options, .error = error, .emit = trace_build_emit}};
	int err;

	b.t = calloc(1, sizeof(*b.t));
	if (!b.t) {
		err = trace_no_memory(&b.d);
		goto out;
	}
	b.d.stats = &b.t->stats;
	err = trace_decode(&b);
	if (err)
		goto out;
	/* Give back the room kept for more. */
	struct trace_op *ops = realloc(b.t->ops, (b.t->n_ops + b.t->n_closing) * sizeof(*ops));

	if (ops)
		b.t->ops = ops;
	*out = b.t;
	b.t = NULL;
out:
	trace_free(b.t);
	keytab_fini(&b.keys);
	input_close(in);
	return err;
}

int trace_load(struct trace **out, const char *path, const struct trace_options *options,
	       struct load_error *error)
{
	struct input *in;
	const int err = input_open_file(&in, path, error);

	return err ? err : trace_build(out, in, options, error);
}

int trace_load_memory(struct trace **out, const void *data, size_t len, const char *name,
		      const struct trace_options *options, struct load_error *error)
{
	struct input *in;
	const int err = input_open_memory(&in, data, len, name, error);

	return err ? err : trace_build(out, in, options, error);
}

void trace_free(struct trace *t)
{
	if (!t)
		return;
	free(t->ops);
	free(t);
}
