/* SPDX-License-Identifier: MIT */
/* acts.h - what a thread does for its strategy beside its operations, and when: it is stopped, assists, sweeps.
 *
 * For pictures of time (trace.json).  A thread that is watched has a ring of fixed size: the thread writes, whoever
 * watches takes, neither waits for the other, and what finds no room is dropped and counted.  Half of the ring is left
 * to acts that a picture can show: a sweep for each span allocated, of a microsecond, would crowd out the stops.
 * A thread that is not watched has no ring: then an act costs one load, in paths that are slow anyway, and no look
 * at the clock.
 */
#ifndef RECLAIMBENCH_ACTS_H
#define RECLAIMBENCH_ACTS_H

#include "atomic.h"

/* Between two takings.  384 KiB a thread, touched as acts come. */
enum { ACTS_MAX = 16384, ACTS_BRIEF_MAX = ACTS_MAX / 2 };
enum { ACTS_BRIEF_NS = 5000 }; /* a pixel of a picture of 10 ms */

struct act {
	const char *name; /* lives as long as the program */
	uint64_t begin_ticks, end_ticks;
};

/* Acts of one thread nest or are apart; an inner one is written before its outer one. */
struct acts {
	_Atomic(uint64_t) n_written __attribute__((aligned(PADDING_BYTES))); /* the thread's */
	_Atomic(uint64_t) n_dropped;					     /* likewise */
	uint64_t
		brief_ticks; /* shorter ones leave the other half free; written before the thread sees this */
	_Atomic(uint64_t) n_taken __attribute__((aligned(PADDING_BYTES))); /* of whoever takes */
	struct act ring[ACTS_MAX];
};

/* The thread itself. */
static inline void acts_write(struct acts *acts, const char *name, uint64_t begin_ticks,
			      uint64_t end_ticks)
{
	const uint64_t n = load_relaxed(&acts->n_written); /* relaxed: its own */
	const bool is_brief = end_ticks - begin_ticks < acts->brief_ticks;

	/* acquire: pairs with acts_taken(): the place has been read */
	if (n - load_acquire(&acts->n_taken) >= (is_brief ? ACTS_BRIEF_MAX : ACTS_MAX)) {
		store_relaxed(&acts->n_dropped, load_relaxed(&acts->n_dropped) + 1); /* its own */
		return;
	}
	acts->ring[n % ACTS_MAX] = (struct act){name, begin_ticks, end_ticks};
	store_release(&acts->n_written, n + 1); /* pairs with acts_n_written() */
}

/* Whoever watches: acts [n_taken, this) may be read. */
static inline uint64_t acts_n_written(const struct acts *acts)
{
	return load_acquire(&acts->n_written); /* pairs with acts_write() */
}

/* Those before n have been read. */
static inline void acts_taken(struct acts *acts, uint64_t n)
{
	store_release(&acts->n_taken, n); /* pairs with acts_write() */
}

#endif
