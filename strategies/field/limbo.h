/* SPDX-License-Identifier: MIT */
/* limbo.h - lists of retired objects, linked through their side nodes, and how they are freed: freeing as a
 * dimension of its own, the same options for every strategy from the field.
 *
 *   free=burst      what was proved safe is freed at once, all of it
 *   free=amortized  at most free_per_op objects are freed at each poll (arXiv 2401.11347: a burst makes the
 *                   allocator's thread caches overflow, and the next operations pay for it)
 *   batch           objects a thread retires before it looks for safe ones
 *   limbo=local     each thread keeps what it retired
 *   limbo=central   all threads hand it to one list, worked on by whoever finds it due
 *
 * A list has one holder at a time; nothing here is atomic.  Every strategy's node begins with a struct
 * limbo_node, or is no longer used by its library when it is put on a list.
 */
#ifndef RECLAIMBENCH_FIELD_LIMBO_H
#define RECLAIMBENCH_FIELD_LIMBO_H

#include <stddef.h>

#include "reclaim.h"

/* Set in `word` when the object was proved safe; the rest is then the time of the proof, in ticks.  Without tracking
 * nobody asks, and `word` may stay what the strategy made it. */
#define LIMBO_SAFE (UINT64_C(1) << 63)

struct limbo_node {
	struct limbo_node *next;
	uint64_t word; /* the strategy's, below LIMBO_SAFE, until the object is safe */
};

struct limbo {
	struct limbo_node *head, *tail; /* tail: undefined when empty */
	uint64_t n;
};

enum { FREE_BURST, FREE_AMORTIZED };
enum { LIMBO_LOCAL, LIMBO_CENTRAL };

struct limbo_options {
	unsigned free; /* enum above */
	unsigned where;
	uint64_t free_per_op;
	uint64_t batch;
};

/* Option table entries; `offset` is that of the struct limbo_options in the strategy's state. */
#define LIMBO_OPTION_FREE(offset, default_)                                                        \
	{"free",                                                                                   \
	 OPT_CHOICE,                                                                               \
	 "",                                                                                       \
	 default_,                                                                                 \
	 "burst|amortized",                                                                        \
	 0,                                                                                        \
	 0,                                                                                        \
	 (offset) + offsetof(struct limbo_options, free),                                          \
	 "free all that is safe at once, or a few objects an operation"},                          \
	{                                                                                          \
		"free_per_op", OPT_COUNT, "objects", "2", NULL, 1, 1e6,                            \
			(offset) + offsetof(struct limbo_options, free_per_op),                    \
			"free=amortized: objects freed at each poll"                               \
	}
#define LIMBO_OPTION_BATCH(offset, default_, help_)                                                \
	{                                                                                          \
		"batch", OPT_COUNT, "objects", default_, NULL, 1, 1e6,                             \
			(offset) + offsetof(struct limbo_options, batch), help_                    \
	}
#define LIMBO_OPTION_WHERE(offset)                                                                 \
	{                                                                                          \
		"limbo", OPT_CHOICE, "", "local", "local|central", 0, 0,                           \
			(offset) + offsetof(struct limbo_options, where),                          \
			"each thread keeps what it retired, or one list for all"                   \
	}

static inline void limbo_push(struct limbo *l, struct limbo_node *node)
{
	node->next = l->head;
	if (!l->head)
		l->tail = node;
	l->head = node;
	l->n++;
}

/* Move everything from one list to the front of another. */
static inline void limbo_splice(struct limbo *into, struct limbo *from)
{
	if (!from->head)
		return;
	from->tail->next = into->head;
	if (!into->head)
		into->tail = from->tail;
	into->head = from->head;
	into->n += from->n;
	*from = (struct limbo){0};
}

/* The object of this node was proved unreachable at `now_ticks`. */
static inline void limbo_push_safe(struct limbo *safe, struct limbo_node *node, uint64_t now_ticks)
{
	node->word = LIMBO_SAFE | now_ticks;
	limbo_push(safe, node);
}
/* The same for a whole list, which becomes empty.  Without tracking the moment is not kept, and this takes no longer
 * for a long list than for a short one. */
void limbo_all_safe(const struct reclaim_thread *t, struct limbo *safe, struct limbo *from,
		    uint64_t now_ticks);

/* Free up to `max` objects of a list of safe ones; returns how many. */
uint64_t limbo_free(struct reclaim_thread *t, struct limbo *safe, uint64_t max);

/* ops->safe_ticks of every strategy whose node begins with a struct limbo_node. */
uint64_t limbo_safe_ticks(struct reclaim *r, void *object, const struct heap_stamps *stamps);

#endif
