/* SPDX-License-Identifier: MIT */
/* records.c - per-thread records of a strategy that keeps retire lists; the rules stand in records.h. */
#include "field/records.h"

#include <errno.h>
#include <sched.h>
#include <stdlib.h>
#include <string.h>

#include "control.h"

/* A new record, held by the caller and belonging to it; NULL with -errno. */
static struct record *records_add(struct records *rs, bool has_thread, int *err)
{
	struct record *rec = aligned_alloc(PADDING_BYTES, rs->record_bytes);
	struct record *head;

	*err = -ENOMEM;
	if (!rec)
		return NULL;
	memset(rec, 0, rs->record_bytes);
	rec->records = rs;
	store_relaxed(&rec->state, RECORD_OWNED);
	store_relaxed(&rec->has_thread, has_thread);
	*err = rs->ops->setup(rs, rec);
	if (*err) {
		free(rec);
		return NULL;
	}
	head = load_relaxed(&rs->head);
	do
		rec->next = head;
	/* seq_cst, so release as well: pairs with records_for_each(), and who counts the records after a
	 * full fence and misses this one knows that its thread's sections begin after that fence. */
	while (!cas_seq_cst(&rs->head, &head, rec));
	add_relaxed(&rs->n_records, 1);
	return rec;
}

int records_init(struct records *rs, struct reclaim *r, const struct record_ops *ops,
		 size_t record_bytes)
{
	int err = 0;

	rs->r = r;
	rs->ops = ops;
	rs->idle_ticks = clock_ns_to_ticks(reclaim_clock(r), RECORD_IDLE_NS);
	rs->record_bytes = (record_bytes + PADDING_BYTES - 1) / PADDING_BYTES * PADDING_BYTES;
	if (!rs->hard_batch)
		rs->hard_batch = rs->options.batch * RECORD_HARD_BATCHES;
	if (rs->options.where == LIMBO_CENTRAL) {
		rs->central = records_add(rs, true, &err);
		if (rs->central)
			store_release(&rs->central->state, RECORD_LENT);
	}
	return err;
}

void records_fini(struct records *rs)
{
	struct record *next;

	/* acquire: pairs with the release of whoever pushed a record */
	for (struct record *rec = load_acquire(&rs->head); rec; rec = next) {
		next = rec->next;
		free(rec);
	}
	store_relaxed(&rs->head, NULL);
}

static bool record_is_empty(const struct record *rec)
{
	return !(rec->n_limbo | rec->safe.n);
}

/* The holder has changed what is in the record, or is about to give it back or take it. */
static void record_announce(struct record *rec, bool is_waiting)
{
	if (is_waiting == rec->is_announced)
		return;
	rec->is_announced = is_waiting;
	/* Relaxed: a hint; the lists are handed over by `state`. */
	if (is_waiting)
		add_relaxed(&rec->records->n_waiting, 1);
	else
		sub_relaxed(&rec->records->n_waiting, 1);
}

static bool record_try_take(struct record *rec, uint32_t state)
{
	uint32_t lent = RECORD_LENT;

	/* acquire: pairs with the release in record_lend(). */
	return load_relaxed(&rec->state) == RECORD_LENT && cas_acquire(&rec->state, &lent, state);
}

static void record_lend(struct record *rec)
{
	record_announce(rec, !record_is_empty(rec));
	/* release: pairs with the acquire in record_try_take(). */
	store_release(&rec->state, RECORD_LENT);
}

/* What is in the central record is looked at by all anyway: not announced. */
static void record_give_back_central(struct record *central)
{
	/* release: pairs with the acquire in record_try_take(). */
	store_release(&central->state, RECORD_LENT);
}

static void record_own(struct record *rec)
{
	/* A borrower works for some microseconds (a burst: longer), and it may have lost its processor. */
	while (!record_try_take(rec, RECORD_OWNED))
		sched_yield();
	record_announce(rec, false);
}

struct record *records_join(struct records *rs, int *err)
{
	records_for_each(rec, rs)
	{
		uint32_t no = 0;

		/* acquire: pairs with the release in records_leave(). */
		if (!load_relaxed(&rec->has_thread) && cas_acquire(&rec->has_thread, &no, 1)) {
			record_own(rec);
			return rec;
		}
	}
	return records_add(rs, true, err);
}

void records_leave(struct record *rec)
{
	if (CONTROL(exit_drops)) {
		rec->n_limbo -= rec->fresh.n;
		rec->fresh = (struct limbo){0};
	}
	/* An offline thread has lent it already. */
	if (load_relaxed(&rec->state) == RECORD_OWNED)
		record_lend(rec);
	/* release: pairs with the acquire in records_join(). */
	store_release(&rec->has_thread, 0);
}

/* Look at the clock: since when has nothing been retired here?  By the holder. */
static uint64_t record_look(struct record *rec, const struct reclaim_thread *t)
{
	const uint64_t now = clock_ticks(t->clock);
	/* relaxed: the holder writes it */
	const uint64_t n_retired = load_relaxed(&rec->n_retired);

	rec->n_polls = 0;
	if (rec->n_seen != n_retired) {
		rec->n_seen = n_retired;
		rec->quiet_ticks = now;
	}
	return now;
}

static bool record_is_quiet(const struct record *rec, uint64_t now_ticks)
{
	/* Signed: another processor's clock may be a little behind. */
	return (int64_t)(now_ticks - rec->quiet_ticks) >= (int64_t)rec->records->idle_ticks;
}

/* What all have retired comes into the central record, by its holder; returns the time.  Newest first, as in the
 * lists of threads: objects retired one after the other often lie so, too, and whoever walks the list is two to
 * three times as fast. */
static uint64_t record_take_incoming(struct record *central, const struct reclaim_thread *t)
{
	/* acquire: pairs with the release in record_retire_central(). */
	struct limbo_node *node = xchg_acq_rel(&central->records->incoming, NULL);
	const uint64_t now = clock_ticks(t->clock);
	struct limbo taken = {.head = node};

	for (; node; node = node->next) {
		taken.tail = node;
		taken.n++;
	}
	if (taken.n)
		central->quiet_ticks = now;
	central->n_limbo += taken.n;
	limbo_splice(&central->fresh, &taken);
	return now;
}

void record_offline(struct record *rec, const struct reclaim_thread *t)
{
	struct record *central = rec->records->central;

	/* From now on nothing is retired here. */
	if (rec->n_limbo)
		record_look(rec, t);
	if (central && record_try_take(central, RECORD_BORROWED)) {
		record_take_incoming(central, t);
		record_give_back_central(central);
	}
	record_lend(rec);
}

void record_online(struct record *rec)
{
	record_own(rec);
	/* It may have slept for long: the next poll looks at the clock. */
	rec->n_polls = RECORD_IDLE_POLLS;
}

/* What `n_polls` polls may free. */
static uint64_t record_share(const struct record *rec, uint64_t n_polls)
{
	const struct limbo_options *o = &rec->records->options;

	return o->free == FREE_BURST ? UINT64_MAX : n_polls * o->free_per_op;
}

static void record_free(struct record *rec, struct reclaim_thread *t, uint64_t n_max)
{
	if (rec->safe.n)
		counter_add(&rec->n_freed, limbo_free(t, &rec->safe, n_max));
}

static void record_process(struct record *rec, struct reclaim_thread *t, bool is_forced)
{
	rec->n_since = 0;
	/* The unlinks of the fresh objects must be seen before the strategy looks who may hold them: a
	 * plain unlink may still lie in this processor's store buffer.  One fence a batch. */
	fence_seq_cst();
	rec->records->ops->process(rec, t, is_forced);
}

void record_work(struct record *rec, struct reclaim_thread *t)
{
	record_process(rec, t, false);
	record_free(rec, t, record_share(rec, 1));
}

/* Work on what idle threads and threads that have left hold. */
static void record_help(struct record *rec, struct reclaim_thread *t)
{
	struct records *rs = rec->records;

	records_for_each(other, rs)
	{
		if (other == rec || other == rs->central ||
		    !record_try_take(other, RECORD_BORROWED))
			continue;
		/* acquire: pairs with the release in records_leave() */
		if (other->n_limbo && (!load_acquire(&other->has_thread) ||
				       record_is_quiet(other, record_look(other, t))))
			record_process(other, t, true);
		record_free(other, t, record_share(other, RECORD_HELP_POLLS));
		record_lend(other);
	}
}

void record_retire_central(struct record *rec, struct limbo_node *node)
{
	struct records *rs = rec->records;
	struct limbo_node *head = load_relaxed(&rs->incoming);

	do
		node->next = head;
	/* release: pairs with the exchange in record_take_incoming(). */
	while (!cas_release(&rs->incoming, &head, node));
}

/* One list for all: its own silence counts, not that of whoever polls. */
static void record_poll_central(struct record *rec, struct reclaim_thread *t)
{
	struct records *rs = rec->records;
	struct record *central = rs->central;
	const bool is_full = rec->n_since >= rs->options.batch;
	const bool is_due = is_full || ++rec->n_polls >= RECORD_IDLE_POLLS;

	/* Relaxed: a stale zero frees at the next poll. */
	if (!is_due && !(rs->options.free == FREE_AMORTIZED && load_relaxed(&rs->n_central_safe)))
		return;
	if (!record_try_take(central, RECORD_BORROWED))
		return;
	if (is_due) {
		const uint64_t now = record_take_incoming(central, t);

		rec->n_polls = 0;
		if (is_full || (central->n_limbo && record_is_quiet(central, now))) {
			rec->n_since = 0; /* what this thread retired is on its way, too */
			record_process(central, t, !is_full);
		}
	}
	record_free(central, t, record_share(central, 1));
	store_relaxed(&rs->n_central_safe, central->safe.n);
	record_give_back_central(central);
}

/* Is it time to look for safe objects though the batch is not full? */
static bool record_poll_is_idle(struct record *rec, const struct reclaim_thread *t)
{
	return ++rec->n_polls >= RECORD_IDLE_POLLS && record_is_quiet(rec, record_look(rec, t));
}

void record_poll_slow(struct record *rec, struct reclaim_thread *t)
{
	struct records *rs = rec->records;

	if (rs->central)
		record_poll_central(rec, t);
	if (rec->n_limbo && (rec->n_since >= rs->options.batch || record_poll_is_idle(rec, t)))
		record_process(rec, t, rec->n_since < rs->options.batch);
	record_free(rec, t, record_share(rec, 1));
	/* Relaxed: see record_poll(). */
	if (load_relaxed(&rs->n_waiting) && ++rec->n_helps % RECORD_HELP_POLLS == 0)
		record_help(rec, t);
}

static void record_flush(struct record *rec, struct reclaim_thread *t)
{
	rec->n_since = 0;
	if (rec->n_limbo)
		rec->records->ops->flush(rec, t);
	record_free(rec, t, UINT64_MAX);
}

void records_drain(struct records *rs, struct record *mine, struct reclaim_thread *t)
{
	fence_seq_cst();
	record_flush(mine, t);
	records_for_each(rec, rs)
	{
		if (rec == mine || !record_try_take(rec, RECORD_BORROWED))
			continue;
		if (rec == rs->central)
			record_take_incoming(rec, t);
		record_flush(rec, t);
		if (rec == rs->central)
			record_give_back_central(rec);
		else
			record_lend(rec);
	}
	store_relaxed(&rs->n_central_safe, 0);
}

uint64_t records_n_pending(struct records *rs)
{
	uint64_t n = 0;

	records_for_each(rec, rs) n += load_relaxed(&rec->n_retired) - load_relaxed(&rec->n_freed);
	return n;
}
