/* SPDX-License-Identifier: MIT */
/* hyaline.c - Hyaline: retired objects are pushed to the threads that may hold them, and whoever leaves last frees.
 *
 * Source: R. Nikolaev, B. Ravindran, Snapshot-Free, Transparent, and Robust Memory Reclamation for Lock-Free Data
 * Structures, PLDI 2021: Hyaline-1 (section 3.2: a slot for each thread), and with robust=on Hyaline-1S (section
 * 4.2: birth eras).
 *
 * Objects are retired in batches.  A batch is pushed, one node each, to the slot of every thread that is in a
 * section; one more node of it counts those pushes.  Leaving a section takes the slot's list and counts each of
 * its batches down; who brings a count to zero frees the batch.  Robust: a slot is passed over when its thread
 * has announced no era that reaches the oldest birth in the batch, so that what is born after a thread has stalled
 * does not pile up at it.
 *
 * Deviations:
 *   - ops->protect leaves the second load to the caller; what that takes stands in field/slots.h.
 *   - A batch needs more objects than there are records (threads registered at once, at most).  Where fewer
 *     are retired they are freed, at an idle poll, when all slots are seen empty.
 *   - What a leaving reader frees it frees at its next poll, not inside its section's end.
 *   - Waiting for enough objects, and slots one per record instead of per processor, are the paper's own variants.
 *
 * Progress: entering and leaving are wait-free but for the length of the list taken; retire is wait-free, pushing a
 * batch lock-free.  robust=off: one thread stalled inside a section holds back all memory.  robust=on: at most the
 * batches with an object born before it stalled; protecting is lock-free (the map starts over when the pointer has
 * changed).
 */
#include "field/order.h"
#include "field/records.h"
#include "field/slots.h"
#include <inttypes.h>

struct hyaline_node {
	struct limbo_node link; /* next: in a slot's list.  word: the batch's counting node */
	struct hyaline_node *batch_next;
	_Atomic(uint64_t) birth; /* era; in the counting node of a batch: the count */
};

/* A slot's value while its thread is outside sections; inside: a list of nodes, NULL at first. */
#define HYALINE_OUT ((struct hyaline_node *)1)

struct hyaline {
	struct records records;
	unsigned is_robust;
	uint64_t era_allocs;
	_Atomic(uint64_t) n_batches; /* freed */
	_Atomic(uint64_t) era __attribute__((aligned(PADDING_BYTES)));
};

struct hyaline_record {
	struct record base;
	uint64_t n_allocated; /* owner's: since it last advanced the era */
	/* Exchanged by the thread the record belongs to, pushed to by all. */
	_Atomic(struct hyaline_node *) slot __attribute__((aligned(PADDING_BYTES)));
	struct era_slots births; /* robust */
};

struct hyaline_thread {
	struct hyaline_record *record;
};

static struct hyaline_record *hyaline_record(struct reclaim_thread *t)
{
	return ((struct hyaline_thread *)reclaim_thread_state(t))->record;
}

static int hyaline_setup(struct records *rs, struct record *rec)
{
	(void)rs;
	store_relaxed(&((struct hyaline_record *)rec)->slot, HYALINE_OUT);
	return 0;
}

/* ---------------------------------------------------------------- batches */

/* Nobody holds anything of this batch any more; `rec` is the caller's. */
static void hyaline_batch_is_safe(struct record *rec, struct hyaline_node *counting,
				  uint64_t now_ticks)
{
	struct hyaline_node *next;

	for (struct hyaline_node *node = counting; node; node = next) {
		next = node->batch_next;
		limbo_push_safe(&rec->safe, &node->link, now_ticks);
	}
	add_relaxed(&((struct hyaline *)rec->records)->n_batches, 1);
}

/* Make the fresh objects one batch: the first counts.  Returns it, and the oldest birth. */
static struct hyaline_node *hyaline_batch(struct record *rec, uint64_t *oldest)
{
	struct hyaline_node *counting = (struct hyaline_node *)rec->fresh.head;
	struct limbo_node *next;

	*oldest = UINT64_MAX;
	for (struct limbo_node *link = rec->fresh.head; link; link = next) {
		struct hyaline_node *node = (struct hyaline_node *)link;
		const uint64_t birth = load_relaxed(&node->birth);

		next = link->next;
		if (birth < *oldest)
			*oldest = birth;
		node->batch_next = (struct hyaline_node *)next;
		node->link.word = (uintptr_t)counting;
	}
	/* Relaxed: published with the first push. */
	store_relaxed(&counting->birth, 0);
	rec->n_limbo -= rec->fresh.n;
	rec->fresh = (struct limbo){0};
	return counting;
}

static bool hyaline_is_held_by_address(struct era_slots *s, const struct heap *h,
				       struct hyaline_node *counting)
{
	/* acquire: pairs with the release of whoever took a slot */
	if (likely(!load_acquire(&s->n_used)))
		return false;
	for (struct hyaline_node *node = counting; node; node = node->batch_next)
		if (era_holds(s, heap_node_object(h, node)))
			return true;
	return false;
}

/* Whether the thread of this slot, which is in a section, may hold something of the batch. */
static bool hyaline_may_hold(struct hyaline *hyaline, struct hyaline_record *rec,
			     struct hyaline_node *counting, uint64_t oldest)
{
	if (!hyaline->is_robust)
		return true;
	/* acquire: pairs with era_protect() and hyaline_enter(). */
	return load_acquire(&rec->births.era) >= oldest ||
	       hyaline_is_held_by_address(&rec->births, reclaim_heap(hyaline->records.r), counting);
}

/* Push `node` to a slot; false when its thread has left its section. */
static bool hyaline_push(struct hyaline_record *rec, struct hyaline_node *node)
{
	/* acquire, here and in a failed exchange: pairs with hyaline_exit(), its reads are over. */
	struct hyaline_node *head = load_acquire(&rec->slot);

	do {
		if (head == HYALINE_OUT)
			return false;
		node->link.next = (struct limbo_node *)head;
		/* release: pairs with the exchange in hyaline_exit(). */
	} while (!cas_acq_rel(&rec->slot, &head, node));
	return true;
}

static void hyaline_push_batch(struct record *mine, struct record *first, uint64_t now_ticks)
{
	struct hyaline *hyaline = (struct hyaline *)mine->records;
	uint64_t oldest, n_pushed = 0;
	struct hyaline_node *counting = hyaline_batch(mine, &oldest);
	struct hyaline_node *node = counting->batch_next;

	for (struct record *rec = first; rec; rec = rec->next) {
		struct hyaline_record *other = (struct hyaline_record *)rec;

		/* acquire: as in hyaline_push(). */
		if (load_acquire(&other->slot) == HYALINE_OUT ||
		    !hyaline_may_hold(hyaline, other, counting, oldest))
			continue;
		if (hyaline_push(other, node)) {
			node = node->batch_next;
			n_pushed++;
		}
	}
	/* Those who have left meanwhile have counted below zero (modulo 2^64), so it is zero only when all
	 * have.  acq_rel: pairs with hyaline_exit(), both ways. */
	if (add_acq_rel(&counting->birth, n_pushed) + n_pushed == 0)
		hyaline_batch_is_safe(mine, counting, now_ticks);
}

/* ---------------------------------------------------------------- records */

/* Each slot seen empty after the unlinks: whoever enters later cannot find what was unlinked. */
static bool hyaline_all_are_out(struct record *first)
{
	for (struct record *rec = first; rec; rec = rec->next)
		/* acquire: pairs with hyaline_exit(). */
		if (load_acquire(&((struct hyaline_record *)rec)->slot) != HYALINE_OUT)
			return false;
	return true;
}

static void hyaline_process(struct record *rec, struct reclaim_thread *t, bool is_forced)
{
	/* A record that is listed later belongs to a thread whose sections begin after the unlinks: acquire,
	 * after the fence; pairs with records_add(). */
	struct record *first = load_acquire(&rec->records->head);
	uint64_t n_slots = 0;

	if (!rec->fresh.n)
		return;
	for (struct record *r = first; r; r = r->next)
		n_slots++;
	if (rec->fresh.n > n_slots) {
		hyaline_push_batch(rec, first, clock_ticks(t->clock));
	} else if (is_forced && hyaline_all_are_out(first)) {
		rec->n_limbo -= rec->fresh.n;
		limbo_all_safe(t, &rec->safe, &rec->fresh, clock_ticks(t->clock));
	}
}

static void hyaline_flush(struct record *rec, struct reclaim_thread *t)
{
	/* Nobody is in a section: every batch has been counted to its end, and these need no counting. */
	rec->n_limbo -= rec->fresh.n;
	limbo_all_safe(t, &rec->safe, &rec->fresh, clock_ticks(t->clock));
}

static const struct record_ops hyaline_record_ops = {
	.setup = hyaline_setup,
	.process = hyaline_process,
	.flush = hyaline_flush,
};

/* ---------------------------------------------------------------- the interface */

static int hyaline_init(struct reclaim *r)
{
	struct hyaline *hyaline = reclaim_state(r);

	store_relaxed(&hyaline->era, 1);
	return records_init(&hyaline->records, r, &hyaline_record_ops,
			    sizeof(struct hyaline_record));
}

static void hyaline_fini(struct reclaim *r)
{
	records_fini(&((struct hyaline *)reclaim_state(r))->records);
}

extern const struct reclaim_ops hyaline_ops;

static uint32_t hyaline_flags_in_use(const struct reclaim *r)
{
	const struct hyaline *hyaline = reclaim_state(r);

	return hyaline_ops.flags & ~(hyaline->is_robust ? STALL_UNBOUNDED : NEEDS_PROTECT);
}

static int hyaline_thread_register(struct reclaim_thread *t)
{
	struct hyaline_thread *mine = reclaim_thread_state(t);
	struct hyaline *hyaline = reclaim_state(t->r);
	int err = 0;

	mine->record = (struct hyaline_record *)records_join(&hyaline->records, &err);
	return err;
}

static void hyaline_thread_unregister(struct reclaim_thread *t)
{
	records_leave(&hyaline_record(t)->base);
}

static void hyaline_offline(struct reclaim_thread *t)
{
	record_offline(&hyaline_record(t)->base, t);
}

static void hyaline_online(struct reclaim_thread *t)
{
	record_online(&hyaline_record(t)->base);
}

static void hyaline_enter(struct reclaim_thread *t)
{
	struct hyaline_record *rec = hyaline_record(t);
	struct hyaline *hyaline = (struct hyaline *)rec->base.records;

	/* release: read after the slot, which is published below. */
	if (hyaline->is_robust)
		store_release(&rec->births.era, load_acquire(&hyaline->era));
	/* Announce before the first read: otherwise a batch could pass this slot over whose objects the reader
	 * then finds. */
	order_publish(&rec->slot, NULL);
}

static void hyaline_exit(struct reclaim_thread *t)
{
	struct hyaline_record *rec = hyaline_record(t);
	struct hyaline_node *node, *next;
	uint64_t now_ticks = 0;

	era_clear(&rec->births);
	/* acq_rel: the section's reads before it is seen to have ended (hyaline_push()); the nodes pushed to it. */
	node = xchg_acq_rel(&rec->slot, HYALINE_OUT);
	for (; node; node = next) {
		struct hyaline_node *counting = (struct hyaline_node *)(uintptr_t)node->link.word;

		next = (struct hyaline_node *)
			       node->link.next; /* the node may be freed once counted */
		/* acq_rel: pairs with all others that count this batch. */
		if (sub_acq_rel(&counting->birth, 1) == 1) {
			if (!now_ticks)
				now_ticks = clock_ticks(t->clock);
			hyaline_batch_is_safe(&rec->base, counting, now_ticks);
		}
	}
}

static void hyaline_protect(struct reclaim_thread *t, unsigned slot, void *object)
{
	struct hyaline_record *rec = hyaline_record(t);

	era_protect(&rec->births, &((struct hyaline *)rec->base.records)->era, slot, object);
}

static void hyaline_allocated(struct reclaim_thread *t, void *object, enum obj_class class,
			      size_t bytes)
{
	struct hyaline *hyaline = reclaim_state(t->r);
	struct hyaline_record *rec = hyaline_record(t);
	struct hyaline_node *node;

	(void)class;
	(void)bytes;
	if (!hyaline->is_robust)
		return;
	node = heap_node(reclaim_heap(t->r), object);
	if (++rec->n_allocated >= hyaline->era_allocs) {
		rec->n_allocated = 0;
		/* pairs with the acquire loads of the era */
		add_acq_rel(&hyaline->era, 1);
	}
	/* Relaxed: not later than the era a reader sees after it has seen the object, because the object is
	 * published with release after this. */
	store_relaxed(&node->birth, load_relaxed(&hyaline->era));
}

static void hyaline_retire(struct reclaim_thread *t, void *object)
{
	record_retire(&hyaline_record(t)->base, t, object);
}

static void hyaline_poll(struct reclaim_thread *t)
{
	record_poll(&hyaline_record(t)->base, t);
}

static void hyaline_drain(struct reclaim_thread *t)
{
	struct hyaline *hyaline = reclaim_state(t->r);

	records_drain(&hyaline->records, &hyaline_record(t)->base, t);
}

static void hyaline_explain_thread(void *ctx, struct reclaim_thread *t)
{
	FILE *out = ctx;
	struct hyaline_record *rec = hyaline_record(t);
	/* relaxed: a look from outside, while it changes */
	const struct hyaline_node *head = rec ? load_relaxed(&rec->slot) : HYALINE_OUT;

	if (head == HYALINE_OUT)
		return;
	fprintf(out, "  thread %u (%s) is in a section; ", t->index, reclaim_role_names[t->role]);
	if (head)
		fprintf(out, "batches up to that of node %p wait for it to leave\n",
			(const void *)head);
	else
		fprintf(out, "no batch waits for it\n");
}

static void hyaline_explain(struct reclaim *r, FILE *out)
{
	struct hyaline *hyaline = reclaim_state(r);

	/* relaxed, all: statistics */
	fprintf(out,
		"hyaline: era %" PRIu64 ", batches freed %" PRIu64
		", retired and not freed %" PRIu64 "\n",
		load_relaxed(&hyaline->era), load_relaxed(&hyaline->n_batches),
		records_n_pending(&hyaline->records));
	reclaim_for_each_thread(r, hyaline_explain_thread, out);
}

static void hyaline_stats(struct reclaim *r, struct reclaim_stats *out)
{
	struct hyaline *hyaline = reclaim_state(r);

	*out = (struct reclaim_stats){
		.n_cycles = load_relaxed(&hyaline->n_batches),
		.n_pending = records_n_pending(&hyaline->records),
	};
}

#define HYALINE_LIMBO offsetof(struct hyaline, records.options)
static const struct reclaim_option hyaline_options[] = {
	{"robust", OPT_BOOL, "", "off", NULL, 0, 0, offsetof(struct hyaline, is_robust),
	 "birth eras: a stalled thread holds back only what was born before it stalled"},
	{"era_allocs", OPT_COUNT, "objects", "150", NULL, 1, 1e9,
	 offsetof(struct hyaline, era_allocs),
	 "robust=on: objects a thread allocates before it advances the era"},
	LIMBO_OPTION_FREE(HYALINE_LIMBO, "burst"),
	LIMBO_OPTION_BATCH(HYALINE_LIMBO, "64",
			   "objects in a batch; at least one more than threads"),
};

const struct reclaim_ops hyaline_ops = {
	.name = "hyaline",
	.summary = "batches pushed to the threads that may hold them (Hyaline-1, -1S)",
	.source = "Nikolaev and Ravindran, PLDI 2021, sections 3.2 and 4.2",
	.flags = NEEDS_SECTION | NEEDS_PROTECT | STALL_UNBOUNDED,
	.node_bytes = sizeof(struct hyaline_node),
	.state_bytes = sizeof(struct hyaline),
	.thread_bytes = sizeof(struct hyaline_thread),
	.options = hyaline_options,
	.n_options = sizeof(hyaline_options) / sizeof(hyaline_options[0]),
	.n_slots = ERA_SLOTS,
	.init = hyaline_init,
	.flags_in_use = hyaline_flags_in_use,
	.fini = hyaline_fini,
	.thread_register = hyaline_thread_register,
	.thread_unregister = hyaline_thread_unregister,
	.offline = hyaline_offline,
	.online = hyaline_online,
	.enter = hyaline_enter,
	.exit = hyaline_exit,
	.protect = hyaline_protect,
	.allocated = hyaline_allocated,
	.retire = hyaline_retire,
	.poll = hyaline_poll,
	.drain = hyaline_drain,
	.stats = hyaline_stats,
	.explain = hyaline_explain,
	.safe_ticks = limbo_safe_ticks,
};
