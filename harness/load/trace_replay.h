/* SPDX-License-Identifier: MIT */
/* trace_replay.h - a loaded trace as the operations of N workers.
 *
 * Sharding: by a hash of the key, so that one worker does all operations on a key, in the recorded
 * order. thread_done goes to worker tid % N.
 *
 * Repetition: when the trace is over it begins again with other keys (pass k xors a constant of k
 * into every key: within a pass they stay distinct, and two passes meet with a probability of about
 * (keys * passes)^2 / 2^64).  Before that, what is live at the end is deleted, as when the recorded
 * program exits, so that passes do not pile up.
 *
 * Pacing: `max` back to back; `1x` by the recorded times (`2x` twice as fast); RATE by a schedule
 * of its own (sched.h), whatever the recorded times.
 *
 * Threads: the shards are read-only once made; each worker owns its struct trace_replay.
 */
#ifndef RECLAIMBENCH_TRACE_REPLAY_H
#define RECLAIMBENCH_TRACE_REPLAY_H

#include "atomic.h"
#include "load/rng.h"
#include "load/trace.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum trace_pace_kind { TRACE_PACE_MAX, TRACE_PACE_RECORDED, TRACE_PACE_RATE };

struct trace_pace {
	enum trace_pace_kind kind;
	double speed;	     /* TRACE_PACE_RECORDED: recorded time / replay time */
	uint64_t rate_per_s; /* TRACE_PACE_RATE: of all workers together */
};

/* "max", "1x", "0.5x", "10k"; 0 or -EINVAL with a text. */
int trace_parse_pace(const char *text, struct trace_pace *out, struct load_error *error)
	__attribute__((warn_unused_result));
/* Whether the trace can be paced so: recorded times must be times.  0 or -EINVAL with a text. */
int trace_check_pace(const struct trace *t, const struct trace_pace *pace, struct load_error *error)
	__attribute__((warn_unused_result));

/* One worker's part: n_ops recorded operations, then n_closing deletes. */
struct trace_shard {
	const struct trace_op *ops;
	size_t n_ops;
	size_t n_closing;
};

struct trace_shards {
	unsigned n;
	struct trace_op
		*ops; /* all, shard after shard; NULL when n is 1 (then they are the trace's) */
	struct trace_shard *shard;
};

/* Which of n workers an operation belongs to.  Not the map's hash, so that shards are no parts of
 * the table. */
static inline unsigned trace_shard_of(const struct trace_op *op, unsigned n)
{
	if (n == 1)
		return 0;
	if (op->type == OP_THREAD_DONE)
		return op->tid % n;
	return (unsigned)(((unsigned __int128)rng_mix64(op->key ^ 0x7368617264u) * n) >> 64);
}

/* Split; the trace must outlive it.  0 or -ENOMEM.  Free with trace_shards_free(). */
int trace_shards_make(struct trace_shards *out, const struct trace *t, unsigned n)
	__attribute__((warn_unused_result));
void trace_shards_free(struct trace_shards *s);

/* A worker's place in its shard. */
struct trace_replay {
	struct trace_shard shard;
	_Atomic(size_t)
		at; /* this and the next: relaxed, written by the owner, see trace_replay_follow() */
	_Atomic(uint64_t) key_mask;
	uint64_t pass;
	uint64_t n_done;
	uint64_t value_base;
	uint64_t pass_time; /* trace time that one pass takes */
	double ns_per_time; /* TRACE_PACE_RECORDED: replay ns per unit of trace time; else 0 */
};

void trace_replay_init(struct trace_replay *r, const struct trace *t,
		       const struct trace_shards *shards, unsigned thread,
		       const struct trace_pace *pace);

/* The next operation, and when it is meant to start (ns since the replay's begin; 0 unless the pace
 * is recorded).  Goes on with another pass for ever; false only when the shard is empty. Cost:
 * about 5 ns and the memory traffic of 24 bytes. */
bool trace_replay_next(struct trace_replay *r, struct op *op, double *start_ns);

/* For readers beside the replay: note where another worker's replay is now, and get keys of the `n_recent`
 * operations before that place.  Cost of the first: two cache lines that `writer`'s owner writes at each
 * operation. */
void trace_replay_follow(struct trace_replay *reader, const struct trace_replay *writer);
void trace_replay_get(const struct trace_replay *reader, struct rng *rng, size_t n_recent,
		      struct op *op);

#endif
