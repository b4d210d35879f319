/* SPDX-License-Identifier: MIT */
/* records.h - per-thread records of a strategy that keeps retire lists: who holds one, and when its list is
 * worked on.
 *
 * A record outlives its thread.  A thread takes one when it registers (one that was left, with whatever is
 * still in limbo there, before a new one is made), so that however often threads come and go there are never
 * more records than threads were registered at once, and no retired object is ever dropped.
 *
 * WHO MAY TOUCH A RECORD'S LISTS: its holder.
 *
 *   OWNED      the online thread it belongs to
 *   LENT       nobody; its thread is offline or gone.  Any thread may take it by compare-and-swap
 *   BORROWED   another thread, which frees what it can and lends it back
 *
 *   from        to          by
 *   LENT     -> OWNED       the thread it belongs to, in join and online (waits while BORROWED)
 *   OWNED    -> LENT        that thread, in leave and offline: an idle or leaving thread hands its list over
 *   LENT     -> BORROWED    any online thread, in poll (when n_waiting says that there is something) and drain
 *   BORROWED -> LENT        the same
 *
 * AN OBJECT'S WAY through a record: retire puts it on `fresh`; when a batch is full, or nothing has been
 * retired there for RECORD_IDLE_NS, `process` runs: one full fence orders all the unlinks before it, then the
 * strategy files the fresh ones and looks for safe ones, which go to `safe`; they are freed as limbo.h says.
 */
#ifndef RECLAIMBENCH_FIELD_RECORDS_H
#define RECLAIMBENCH_FIELD_RECORDS_H

#include "field/limbo.h"

enum { RECORD_OWNED, RECORD_LENT, RECORD_BORROWED };

/* Where nothing has been retired for so long, safe objects are looked for though the batch is not full: the last
 * few shall not stay for ever.  By the thread itself, of one that sleeps by whoever helps it; of one that has left
 * at once.  Far above the time between two operations of a thread that is at work, far below what limits a stall. */
#define RECORD_IDLE_NS 1000000u
/* In so many polls a thread looks once at the clock. */
#define RECORD_IDLE_POLLS 256u
/* In so many polls a thread looks once after the others. */
#define RECORD_HELP_POLLS (RECORD_IDLE_POLLS / 4)
/* A thread that never polls works on its list when it has this many batches. */
#define RECORD_HARD_BATCHES 8u

struct records;

/* First member of each strategy's record.  Lists and plain fields: the holder's. */
struct record {
	struct record *next; /* never changes once the record is listed */
	struct records *records;
	struct limbo fresh; /* retired since the last process() */
	struct limbo safe;  /* proved unreachable, to be freed */
	uint64_t n_limbo; /* objects here that are not proved safe: fresh ones and the strategy's */
	uint64_t n_since; /* retired since the last process() */
	uint64_t n_seen;  /* retired when the clock was last looked at */
	uint64_t quiet_ticks; /* nothing retired since this moment, and no process() */
	uint32_t n_polls;     /* since that look, while something was here */
	uint32_t n_helps;     /* polls that saw n_waiting */
	bool is_announced;    /* counted in n_waiting */
	_Atomic(uint64_t) n_retired, n_freed; /* written by the holder only; see counter_add() */
	_Atomic(uint32_t) state;
	_Atomic(uint32_t) has_thread; /* claimed by compare-and-swap in records_join() */
} __attribute__((aligned(PADDING_BYTES)));

struct record_ops {
	/* A new record, zeroed but for struct record: 0 or -errno. */
	int (*setup)(struct records *rs, struct record *rec);
	/* File rec->fresh, look for safe objects, put them on rec->safe and take them off n_limbo.  A full
	 * fence has run since the last unlink.  `is_forced`: though the batch is not full. */
	void (*process)(struct record *rec, struct reclaim_thread *t, bool is_forced);
	/* For drain: nobody is in a section, every unlink is seen by all.  Put all on rec->safe. */
	void (*flush)(struct record *rec, struct reclaim_thread *t);
};

struct records {
	const struct record_ops *ops;
	struct reclaim *r;
	size_t record_bytes;
	uint64_t idle_ticks;	      /* RECORD_IDLE_NS */
	struct limbo_options options; /* set by the option table */
	uint64_t hard_batch;	      /* process in retire when so many are fresh */
	_Atomic(struct record *)
		head; /* a record is published here and stays until records_fini() */
	_Atomic(uint32_t) n_records;
	struct record *central; /* limbo=central: belongs to no thread */
	/* Written when threads go offline or leave with something in limbo; read at each poll. */
	_Atomic(uint32_t) n_waiting __attribute__((aligned(PADDING_BYTES)));
	/* limbo=central: a stack that is only pushed to, and taken whole. */
	_Atomic(struct limbo_node *) incoming __attribute__((aligned(PADDING_BYTES)));
	_Atomic(uint64_t) n_central_safe;
};

/* `rs->options` is set.  0 or -errno; records_fini() undoes it too when it failed. */
int records_init(struct records *rs, struct reclaim *r, const struct record_ops *ops,
		 size_t record_bytes);
void records_fini(struct records *rs);

/* A record for the calling thread, OWNED; NULL with -errno in *err.  Given back by records_leave(). */
struct record *records_join(struct records *rs, int *err);
void records_leave(struct record *rec);
/* Outside sections, by the thread the record belongs to. */
void record_offline(struct record *rec, const struct reclaim_thread *t);
void record_online(struct record *rec);

/* The rare part of retire and poll. */
void record_work(struct record *rec, struct reclaim_thread *t);
void record_poll_slow(struct record *rec, struct reclaim_thread *t);
void record_retire_central(struct record *rec, struct limbo_node *node);

/* ops->retire of all these strategies. */
static inline void record_retire(struct record *rec, struct reclaim_thread *t, void *object)
{
	struct limbo_node *node = heap_node(reclaim_heap(t->r), object);

	node->word = 0;
	counter_add(&rec->n_retired, 1);
	rec->n_since++;
	if (unlikely(rec->records->options.where == LIMBO_CENTRAL)) {
		record_retire_central(rec, node);
		return;
	}
	limbo_push(&rec->fresh, node);
	rec->n_limbo++;
	if (unlikely(rec->n_since >= rec->records->hard_batch))
		record_work(rec, t);
}

/* ops->poll of all these strategies. */
static inline void record_poll(struct record *rec, struct reclaim_thread *t)
{
	/* Relaxed: a count that is seen late only delays help; see record_help(). */
	const struct records *rs = rec->records;

	if (rec->n_limbo | rec->safe.n | load_relaxed(&rs->n_waiting) || rs->central)
		record_poll_slow(rec, t);
}

/* ops->drain: flush and free every record that is not another online thread's. */
void records_drain(struct records *rs, struct record *mine, struct reclaim_thread *t);
/* Retired and not freed, over all records; exact while quiet. */
uint64_t records_n_pending(struct records *rs);

/* Walk all records.  acquire: pairs with the release in records_add(). */
#define records_for_each(rec, rs)                                                                  \
	for (struct record *rec = load_acquire(&(rs)->head); rec; rec = rec->next)

#endif
