/* SPDX-License-Identifier: MIT */
/* trace_replay.c - sharding, repetition and pacing of a loaded trace. */
#include "load/trace_replay.h"

#include "load/stages.h"
#include "units.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

int trace_parse_pace(const char *text, struct trace_pace *out, struct load_error *error)
{
	struct trace_pace p = {.kind = TRACE_PACE_RATE};
	char quoted[LOAD_QUOTE_BYTES];
	char *end;

	if (strcmp(text, "max") == 0) {
		*out = (struct trace_pace){.kind = TRACE_PACE_MAX};
		return 0;
	}
	p.speed = strtod(text, &end);
	if (end != text && strcmp(end, "x") == 0 && p.speed > 0 && p.speed <= 1e6) {
		p.kind = TRACE_PACE_RECORDED;
		*out = p;
		return 0;
	}
	p.speed = 0;
	if (units_parse_rate(text, &p.rate_per_s) == 0 && p.rate_per_s > 0 &&
	    p.rate_per_s <= STAGES_RATE_MAX) {
		*out = p;
		return 0;
	}
	return load_fail(error, EINVAL,
			 "%s is not a pace; write max, 1x (recorded times; 2x is twice as fast) or "
			 "operations per second such as 10k",
			 load_quote(quoted, text, strlen(text)));
}

int trace_check_pace(const struct trace *t, const struct trace_pace *pace, struct load_error *error)
{
	if (pace->kind == TRACE_PACE_RECORDED && t->clock != TRACE_CLOCK_NS)
		return load_fail(error, EINVAL,
				 "a trace of format %s has no times to pace by; write max or "
				 "operations per second such as 10k",
				 trace_format_name(t->format));
	return 0;
}

int trace_shards_make(struct trace_shards *out, const struct trace *t, unsigned n)
{
	const size_t n_all = t->n_ops + t->n_closing;
	struct trace_shards s = {.n = n, .shard = calloc(n, sizeof(*s.shard))};
	size_t at = 0;

	if (!s.shard)
		return -ENOMEM;
	if (n == 1) {
		s.shard[0] = (struct trace_shard){t->ops, t->n_ops, t->n_closing};
		*out = s;
		return 0;
	}
	s.ops = malloc(n_all * sizeof(*s.ops));
	size_t *next = calloc(n, sizeof(*next)); /* where each shard's next operation goes */

	if (!s.ops || !next) {
		free(next);
		trace_shards_free(&s);
		return -ENOMEM;
	}
	for (size_t i = 0; i < n_all; i++) {
		struct trace_shard *shard = &s.shard[trace_shard_of(&t->ops[i], n)];

		if (i < t->n_ops)
			shard->n_ops++;
		else
			shard->n_closing++;
	}
	for (unsigned i = 0; i < n; i++) {
		next[i] = at;
		s.shard[i].ops = s.ops + at;
		at += s.shard[i].n_ops + s.shard[i].n_closing;
	}
	for (size_t i = 0; i < n_all; i++)
		s.ops[next[trace_shard_of(&t->ops[i], n)]++] = t->ops[i];
	free(next);
	*out = s;
	return 0;
}

void trace_shards_free(struct trace_shards *s)
{
	free(s->ops);
	free(s->shard);
	*s = (struct trace_shards){0};
}

/* One more than the last time, so that a pass does not begin at the instant at which the one before
 * ended. */
static uint64_t trace_pass_time(const struct trace *t)
{
	return t->stats.duration + 1;
}

void trace_replay_init(struct trace_replay *r, const struct trace *t,
		       const struct trace_shards *shards, unsigned thread,
		       const struct trace_pace *pace)
{
	memset(r, 0, sizeof(*r));
	r->shard = shards->shard[thread];
	r->value_base = (uint64_t)thread << 48;
	r->pass_time = trace_pass_time(t);
	if (pace->kind == TRACE_PACE_RECORDED)
		r->ns_per_time = 1 / pace->speed;
}

bool trace_replay_next(struct trace_replay *r, struct op *op, double *start_ns)
{
	size_t at = load_relaxed(&r->at);

	if (at == r->shard.n_ops + r->shard.n_closing) {
		if (at == 0)
			return false;
		at = 0;
		r->pass++;
		store_relaxed(&r->key_mask, rng_mix64(r->pass));
	}
	const struct trace_op *from = &r->shard.ops[at];

	store_relaxed(&r->at, at + 1);
	op->type = (enum op_type)from->type;
	op->size_bytes = from->size_bytes;
	op->key = from->key ^ load_relaxed(&r->key_mask);
	op->value = r->value_base | (r->n_done++ & ((UINT64_C(1) << 48) - 1));
	*start_ns = ((double)r->pass * (double)r->pass_time + (double)from->time) * r->ns_per_time;
	return true;
}

void trace_replay_follow(struct trace_replay *reader, const struct trace_replay *writer)
{
	reader->shard = writer->shard;
	/* Relaxed: where a pass begins they may be of two passes, and the next gets miss. */
	store_relaxed(&reader->at, load_relaxed(&writer->at));
	store_relaxed(&reader->key_mask, load_relaxed(&writer->key_mask));
}

void trace_replay_get(const struct trace_replay *reader, struct rng *rng, size_t n_recent,
		      struct op *op)
{
	const size_t at = load_relaxed(&reader->at);
	const size_t n = at < n_recent ? at : n_recent;

	*op = (struct op){.type = OP_GET, .key = load_relaxed(&reader->key_mask)};
	if (n > 0)
		op->key ^= reader->shard.ops[at - 1 - rng_below(rng, n)].key;
}
