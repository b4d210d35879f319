/* SPDX-License-Identifier: MIT */
/* peers.h - tables that the shared map is compared with: one interface, and the loop that is timed.
 *
 * A peer is a table from uint64 to uint64 with insert-or-overwrite, get and delete, made to be as fast as its
 * library allows: presized, without resizing where that is optional, nodes from the same heap as the map's, the
 * same hash, memory advised alike.  Answers are checked before anything is timed (peers_check.c).
 *
 * Threads: create and destroy by one thread alone; begin and end by the thread itself; the rest between them.
 */
#ifndef RECLAIMBENCH_PEERS_H
#define RECLAIMBENCH_PEERS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "atomic.h"

/* Operations between two polls (quiescent states), for all that need them. */
#define PEER_POLL_OPS 16

struct peer;
struct peer_table;
struct peer_thread;

struct peer_config {
	const struct peer *peer;
	uint64_t keys; /* entries the table is made for */
	unsigned threads;
	uint64_t seed; /* of the hash */
};

/* What a thread does until it is stopped. */
struct peer_work {
	uint64_t state;	    /* seeded */
	uint64_t mask;	    /* keys are 0 .. mask */
	unsigned get_below; /* of 128: share of gets, then of inserts; the rest are deletes */
	unsigned insert_below;
	const _Atomic(int) *stop;
	uint64_t n_ops, n_hits; /* results */
};

enum peer_kind { PEER_MAP, PEER_LIBRARY, PEER_STRIPED, PEER_PLAIN };

struct peer {
	const char *name;
	const char *summary;
	enum peer_kind kind;
	const char *strategy;  /* PEER_MAP: which one */
	bool is_gets_only;     /* batched lookups: takes part where all operations are gets */
	bool is_single_thread; /* no synchronisation at all */
	/* NULL with a message. */
	struct peer_table *(*create)(const struct peer_config *config, char *message,
				     size_t message_size);
	void (*destroy)(struct peer_table *table);
	/* NULL when memory is exhausted. */
	struct peer_thread *(*begin)(struct peer_table *table);
	void (*end)(struct peer_thread *t);
	bool (*get)(struct peer_thread *t, uint64_t key, uint64_t *value);
	void (*insert)(struct peer_thread *t, uint64_t key, uint64_t value);
	bool (*remove)(struct peer_thread *t, uint64_t key); /* true if it was there */
	void (*poll)(struct peer_thread *t);		     /* every PEER_POLL_OPS operations */
	void (*run)(struct peer_thread *t, struct peer_work *work);
	/* Bytes its heap holds from the system; NULL: it has none of its own.  While no thread operates. */
	uint64_t (*bytes)(const struct peer_table *table);
};

/* NULL-terminated; those whose library is absent are missing. */
extern const struct peer *const peers[];

static inline uint64_t peer_next(uint64_t *state)
{
	/* A linear congruential step: its latency hides behind the operation. */
	*state = *state * UINT64_C(6364136223846793005) + UINT64_C(1442695040888963407);
	return *state;
}

/* The timed loop, inlined into each peer's run() with its functions known. */
static inline __attribute__((always_inline)) void
peer_loop(struct peer_thread *t, struct peer_work *work,
	  bool (*get)(struct peer_thread *, uint64_t, uint64_t *),
	  void (*insert)(struct peer_thread *, uint64_t, uint64_t),
	  bool (*remove_)(struct peer_thread *, uint64_t), void (*poll)(struct peer_thread *))
{
	const uint64_t mask = work->mask;
	const unsigned get_below = work->get_below, insert_below = work->insert_below;
	uint64_t state = work->state, n_ops = 0, n_hits = 0;

	do {
		for (int i = 0; i < PEER_POLL_OPS; i++) {
			const uint64_t r = peer_next(&state), key = (r >> 20) & mask;
			const unsigned what = (unsigned)(r >> 57);
			uint64_t value;

			if (what < get_below)
				n_hits += get(t, key, &value);
			else if (what < insert_below)
				insert(t, key, r);
			else
				n_hits += remove_(t, key);
		}
		poll(t);
		n_ops += PEER_POLL_OPS;
		/* Relaxed: only when to stop. */
	} while (!load_relaxed(work->stop));
	work->state = state;
	work->n_ops = n_ops;
	work->n_hits = n_hits;
}

/* peers_check.c: the peer's answers against a plain array: one thread, then `threads` at once, each with keys of
 * its own.  Number of wrong answers; -errno with a message when it could not be made. */
int64_t peers_check(const struct peer *peer, unsigned threads, uint64_t n_ops, uint64_t seed,
		    char *message, size_t message_size);

/* peers_pages.c: every large anonymous mapping of this process: ask for huge pages, now.  Called after tables are
 * made and after they are filled, so that all peers lie in the same kind of pages.  Linux; best effort. */
void peers_pages_advise(void);
/* Keep the kernel from using huge pages in this process. */
void peers_pages_forbid(void);

#endif
