/* SPDX-License-Identifier: MIT */
/* ops.h - a thread's stream of operations: types by the mix, keys by the distribution.
 *
 * The stream follows from (configuration, seed, thread) alone: not from the strategy, the clock,
 * what an operation returned, or another thread.
 *
 * fifo and waves keep the number of live keys near its share of `keys`: fifo turns an insert into a
 * delete (or back) where the window has strayed by 1/16, waves writes in phases; the share of gets
 * stays as the mix says.  A mix that only inserts, or only deletes, is done as it says: the window
 * grows, or empties and the deletes miss.  Each thread has a window of its own; their keys never
 * meet.
 *
 * A reader's stream has no window: of an ordered distribution it gets the keys of a mutator's, with
 * ops_follow().
 *
 * One owner per struct ops_stream; its window alone may be read by others.  struct keys is shared and read-only.  Nothing is allocated,
 * nothing fails.  Cost of ops_next(): about 13 ns (uniform) to 40 ns (zipf), to be spent while
 * waiting for the intended start.
 */
#ifndef RECLAIMBENCH_OPS_H
#define RECLAIMBENCH_OPS_H

#include "atomic.h"
#include "load/keys.h"
#include "load/mix.h"
#include "load/op.h"
#include "load/rng.h"

#include <stdbool.h>

struct ops_stream {
	const struct keys *keys;
	struct mix mix;
	struct rng rng;
	unsigned thread;
	uint64_t value_base; /* thread in the upper bits */
	uint64_t n;	     /* operations so far */
	/* Ordered distributions: ids in [oldest, newest) are live.  Relaxed: written by the owner, see ops_follow(). */
	_Atomic(uint64_t) oldest;
	_Atomic(uint64_t) newest;
	uint64_t window_low;
	uint64_t window_high;
	bool is_bounded; /* the mix both inserts and deletes */
	bool is_growing; /* waves: this phase inserts */
};

/* `keys` must outlive the stream.  The map is expected to hold the prefill of `n_threads` threads.
 */
void ops_init(struct ops_stream *s, const struct keys *keys, const struct mix *mix, uint64_t seed,
	      unsigned thread, unsigned n_threads);

/* The next operation; streams do not end. */
void ops_next(struct ops_stream *s, struct op *op);

/* Let a stream that only gets go on in another's window, as it is now; without effect on distributions that are not
 * ordered.  Any thread that owns `reader`; cost: two cache lines that `writer`'s owner writes at each operation. */
void ops_follow(struct ops_stream *reader, const struct ops_stream *writer);

/* The digest of the first n_ops operations of every thread's stream, made here and now, to be
 * compared with what the workers did.  Cost: n_ops * n_threads * ~10 ns. */
uint64_t ops_digest(const struct keys *keys, const struct mix *mix, uint64_t seed,
		    unsigned n_threads, uint64_t n_ops);

#endif
