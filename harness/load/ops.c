/* SPDX-License-Identifier: MIT */
/* ops.c - streams of operations. */
#include "load/ops.h"

#include "load/digest.h"
#include "load/sched.h"

#include <string.h>

#define OPS_PURPOSE 0x0b5 /* tells these random numbers from those of the schedule */
#define OPS_STRAY_SHARE 16

void ops_init(struct ops_stream *s, const struct keys *keys, const struct mix *mix, uint64_t seed,
	      unsigned thread, unsigned n_threads)
{
	const uint64_t n_live = sched_share(keys->n_keys, thread, n_threads);
	uint64_t stray = n_live / OPS_STRAY_SHARE;

	memset(s, 0, sizeof(*s));
	s->keys = keys;
	s->mix = *mix;
	s->thread = thread;
	s->value_base = (uint64_t)thread << 48;
	store_relaxed(&s->newest, n_live);
	if (stray == 0)
		stray = 1;
	if (keys->dist.kind == KEYS_WAVES) {
		uint64_t wave = sched_share(keys->dist.wave_keys, thread, n_threads);

		if (wave == 0)
			wave = 1;
		s->window_low = n_live;
		s->window_high = n_live + wave;
	} else {
		s->window_low = n_live > stray ? n_live - stray : 0;
		s->window_high = n_live + stray;
	}
	s->is_growing = true;
	s->is_bounded = mix->insert_pct && mix->delete_pct;
	rng_seed(&s->rng, seed, thread, OPS_PURPOSE);
}

/* Insert or delete, so that the window stays within its bounds. */
static enum op_type ops_ordered_write(struct ops_stream *s, enum op_type drawn)
{
	const uint64_t n_live = load_relaxed(&s->newest) - load_relaxed(&s->oldest);

	if (!s->is_bounded)
		return drawn;
	if (s->keys->dist.kind == KEYS_WAVES) {
		if (n_live >= s->window_high)
			s->is_growing = false;
		else if (n_live <= s->window_low)
			s->is_growing = true;
		return s->is_growing ? OP_INSERT : OP_DELETE;
	}
	if (n_live >= s->window_high)
		return OP_DELETE;
	if (n_live <= s->window_low)
		return OP_INSERT;
	return drawn;
}

static uint64_t ops_ordered_id(struct ops_stream *s, struct op *op)
{
	const uint64_t oldest = load_relaxed(&s->oldest), newest = load_relaxed(&s->newest);

	if (op->type == OP_GET)
		return newest > oldest ? oldest + rng_below(&s->rng, newest - oldest) : newest;
	op->type = ops_ordered_write(s, op->type);
	if (op->type == OP_INSERT) {
		store_relaxed(&s->newest, newest + 1);
		return newest;
	}
	if (newest == oldest)
		return newest; /* nothing left: a delete that misses */
	store_relaxed(&s->oldest, oldest + 1);
	return oldest;
}

void ops_next(struct ops_stream *s, struct op *op)
{
	op->type = mix_pick(&s->mix, (unsigned)rng_below(&s->rng, 100));
	op->size_bytes = 0;
	op->value = s->value_base | (s->n & ((UINT64_C(1) << 48) - 1));
	if (keys_is_ordered(&s->keys->dist))
		op->key = keys_scatter(s->keys, keys_ordered_id(s->thread, ops_ordered_id(s, op)));
	else
		op->key = keys_scatter(s->keys, keys_draw(s->keys, &s->rng));
	s->n++;
}

void ops_follow(struct ops_stream *reader, const struct ops_stream *writer)
{
	reader->thread = writer->thread;
	/* Relaxed: of another moment each, a key more or less; a key that is gone is a miss. */
	store_relaxed(&reader->oldest, load_relaxed(&writer->oldest));
	store_relaxed(&reader->newest, load_relaxed(&writer->newest));
}

uint64_t ops_digest(const struct keys *keys, const struct mix *mix, uint64_t seed,
		    unsigned n_threads, uint64_t n_ops)
{
	uint64_t sum = 0;

	for (unsigned thread = 0; thread < n_threads; thread++) {
		struct ops_stream stream;
		struct digest digest;
		struct op op;

		ops_init(&stream, keys, mix, seed, thread, n_threads);
		digest_init(&digest, thread, n_ops);
		for (uint64_t i = 0; i < n_ops; i++) {
			ops_next(&stream, &op);
			digest_add(&digest, &op);
		}
		sum += digest_combine(&digest, 1);
	}
	return sum;
}
