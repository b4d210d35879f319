/* SPDX-License-Identifier: MIT */
/* ibr.c - interval-based reclamation with two global epochs (2GEIBR).
 *
 * Source: H. Wen, J. Izraelevitz, W. Cai, H. Beadle, M. Scott, Interval-Based Memory Reclamation, PPoPP 2018,
 * section 3.3 and figure 5; their Interval-Based-Reclamation repository for the defaults.
 *
 * An object lives from the epoch it was born in to the epoch it was retired in.  A thread in a section reserves
 * an interval: from the epoch in which the section began to the last epoch it has seen while reading.  An object
 * is free when its life meets no reservation.
 *
 * Deviations:
 *   - ops->protect leaves the second load to the caller; what that takes stands in field/slots.h.
 *   - Objects get their epoch of retirement when their batch is worked on, after one full fence, instead of one
 *     by one.  It can only be later than the true one, so it keeps them a little longer.
 *   - The interval is two words, read lower end first: a reservation that changes meanwhile looks larger than it
 *     is, never smaller.
 *
 * Progress: sections are wait-free (an exchange at the begin); protecting is lock-free (the map starts over when
 * the pointer has changed), an exchange when the epoch has moved, else two loads; retire is wait-free; a scan is
 * wait-free.  A stalled thread holds back what was alive during its interval, not what is born later.
 */
#include "field/order.h"
#include "field/records.h"
#include "field/slots.h"
#include <inttypes.h>

#define IBR_IDLE UINT64_MAX /* lower end: not in a section */
/* Reservations looked at at once: what lies comfortably on the stack. */
#define IBR_CHUNK 64

struct ibr {
	struct records records;
	uint64_t epoch_allocs;
	_Atomic(uint64_t) epoch __attribute__((aligned(PADDING_BYTES)));
};

struct ibr_record {
	struct record base;
	struct limbo retired; /* holder's: has its epoch of retirement */
	uint64_t n_allocated; /* owner's: since it last advanced the epoch */
	/* The reservation: written by the thread the record belongs to, read by all that scan. */
	_Atomic(uint64_t) lower __attribute__((aligned(PADDING_BYTES)));
	struct era_slots upper;
};

struct ibr_node {
	struct limbo_node link; /* word: the epoch of retirement */
	uint64_t birth;
};

struct ibr_thread {
	struct ibr_record *record;
};

static struct ibr_record *ibr_record(struct reclaim_thread *t)
{
	return ((struct ibr_thread *)reclaim_thread_state(t))->record;
}

static int ibr_setup(struct records *rs, struct record *rec)
{
	(void)rs;
	store_relaxed(&((struct ibr_record *)rec)->lower, IBR_IDLE);
	return 0;
}

/* ---------------------------------------------------------------- scanning */

struct ibr_reservation {
	uint64_t lower, upper;
	struct era_slots *by_address; /* NULL: none was set */
};

/* Reservations of up to IBR_CHUNK records from *cursor on, which moves; a full fence has run since the unlinks. */
static unsigned ibr_snapshot(struct record **cursor, struct ibr_reservation *out)
{
	unsigned n = 0;

	for (; *cursor && n < IBR_CHUNK; *cursor = (*cursor)->next) {
		struct ibr_record *rec = (struct ibr_record *)*cursor;
		/* acquire: pairs with the release in ibr_exit() (idle: its reads are over) and with the
		 * exchange in ibr_enter() (a later section: those of the earlier one are over). */
		const uint64_t lower = load_acquire(&rec->lower);

		if (lower == IBR_IDLE)
			continue;
		out[n].lower = lower;
		/* acquire: pairs with era_protect() and ibr_enter(). */
		out[n].upper = load_acquire(&rec->upper.era);
		out[n].by_address = load_acquire(&rec->upper.n_used) ? &rec->upper : NULL;
		n++;
	}
	return n;
}

static bool ibr_is_reserved(const struct ibr_node *node, const void *object,
			    const struct ibr_reservation *reservations, unsigned n)
{
	for (unsigned i = 0; i < n; i++) {
		const struct ibr_reservation *r = &reservations[i];

		if (node->birth <= r->upper && node->link.word >= r->lower)
			return true;
		if (unlikely(r->by_address != NULL) && era_holds(r->by_address, object))
			return true;
	}
	return false;
}

/* Keep in `retired` what is reserved; the rest is safe. */
static void ibr_scan(struct ibr_record *rec, struct reclaim_thread *t)
{
	const struct heap *h = reclaim_heap(t->r);
	struct ibr_reservation reservations[IBR_CHUNK];
	struct limbo left = rec->retired;
	/* acquire: pairs with records_add(). */
	struct record *cursor = load_acquire(&rec->base.records->head);

	rec->retired = (struct limbo){0};
	while (cursor && left.head) {
		const unsigned n = ibr_snapshot(&cursor, reservations);
		struct limbo passed = {0};
		struct limbo_node *next;

		for (struct limbo_node *node = left.head; node && n; node = next) {
			const bool is_reserved =
				ibr_is_reserved((struct ibr_node *)node, heap_node_object(h, node),
						reservations, n);

			next = node->next;
			limbo_push(is_reserved ? &rec->retired : &passed, node);
		}
		if (n)
			left = passed;
	}
	rec->base.n_limbo -= left.n;
	limbo_all_safe(t, &rec->base.safe, &left, clock_ticks(t->clock));
}

static void ibr_process(struct record *base, struct reclaim_thread *t, bool is_forced)
{
	struct ibr_record *rec = (struct ibr_record *)base;
	/* Acquire: after the fence that follows the unlinks, so not earlier than any of them. */
	/* acquire: pairs with the addition that advances the epoch */
	const uint64_t epoch = load_acquire(&((struct ibr *)base->records)->epoch);

	(void)is_forced;
	for (struct limbo_node *node = base->fresh.head; node; node = node->next)
		node->word = epoch;
	limbo_splice(&rec->retired, &base->fresh);
	ibr_scan(rec, t);
}

static void ibr_flush(struct record *base, struct reclaim_thread *t)
{
	ibr_process(base, t, true);
}

static const struct record_ops ibr_record_ops = {
	.setup = ibr_setup,
	.process = ibr_process,
	.flush = ibr_flush,
};

/* ---------------------------------------------------------------- the interface */

static int ibr_init(struct reclaim *r)
{
	struct ibr *ibr = reclaim_state(r);

	store_relaxed(&ibr->epoch, 1);
	return records_init(&ibr->records, r, &ibr_record_ops, sizeof(struct ibr_record));
}

static void ibr_fini(struct reclaim *r)
{
	records_fini(&((struct ibr *)reclaim_state(r))->records);
}

static int ibr_thread_register(struct reclaim_thread *t)
{
	struct ibr_thread *mine = reclaim_thread_state(t);
	int err = 0;

	mine->record = (struct ibr_record *)records_join(
		&((struct ibr *)reclaim_state(t->r))->records, &err);
	return err;
}

static void ibr_thread_unregister(struct reclaim_thread *t)
{
	records_leave(&ibr_record(t)->base);
}

static void ibr_offline(struct reclaim_thread *t)
{
	record_offline(&ibr_record(t)->base, t);
}

static void ibr_online(struct reclaim_thread *t)
{
	record_online(&ibr_record(t)->base);
}

static void ibr_enter(struct reclaim_thread *t)
{
	struct ibr_record *rec = ibr_record(t);
	/* acquire: pairs with the addition that advances the epoch */
	const uint64_t epoch = load_acquire(&((struct ibr *)rec->base.records)->epoch);

	/* release: read after `lower`, which is published below. */
	store_release(&rec->upper.era, epoch);
	/* Announce before the first read: otherwise a scan could miss the section whose reader holds an object
	 * that the scan then frees. */
	order_publish(&rec->lower, epoch);
}

static void ibr_exit(struct reclaim_thread *t)
{
	struct ibr_record *rec = ibr_record(t);

	era_clear(&rec->upper);
	/* release: pairs with the acquire in ibr_snapshot(). */
	store_release(&rec->lower, IBR_IDLE);
}

static void ibr_protect(struct reclaim_thread *t, unsigned slot, void *object)
{
	struct ibr_record *rec = ibr_record(t);

	era_protect(&rec->upper, &((struct ibr *)rec->base.records)->epoch, slot, object);
}

static void ibr_allocated(struct reclaim_thread *t, void *object, enum obj_class class,
			  size_t bytes)
{
	struct ibr *ibr = reclaim_state(t->r);
	struct ibr_record *rec = ibr_record(t);
	struct ibr_node *node = heap_node(reclaim_heap(t->r), object);

	(void)class;
	(void)bytes;
	if (++rec->n_allocated >= ibr->epoch_allocs) {
		rec->n_allocated = 0;
		/* pairs with the acquire loads of the epoch */
		add_acq_rel(&ibr->epoch, 1);
	}
	/* Relaxed: not later than the epoch a reader sees after it has seen the object, because the object is
	 * published with release after this. */
	node->birth = load_relaxed(&ibr->epoch);
	node->link.word = 0;
}

static void ibr_retire(struct reclaim_thread *t, void *object)
{
	record_retire(&ibr_record(t)->base, t, object);
}

static void ibr_poll(struct reclaim_thread *t)
{
	record_poll(&ibr_record(t)->base, t);
}

static void ibr_drain(struct reclaim_thread *t)
{
	records_drain(&((struct ibr *)reclaim_state(t->r))->records, &ibr_record(t)->base, t);
}

static void ibr_explain_thread(void *ctx, struct reclaim_thread *t)
{
	FILE *out = ctx;
	struct ibr_record *rec = ibr_record(t);
	/* relaxed, both: a look from outside, while they change */
	const uint64_t lower = rec ? load_relaxed(&rec->lower) : IBR_IDLE;

	if (lower != IBR_IDLE)
		fprintf(out,
			"  thread %u (%s) reserves epochs %" PRIu64 " to %" PRIu64
			": what lived in one of them is not freed before it leaves\n",
			t->index, reclaim_role_names[t->role], lower,
			load_relaxed(&rec->upper.era));
}

static void ibr_explain(struct reclaim *r, FILE *out)
{
	struct ibr *ibr = reclaim_state(r);

	fprintf(out, "ibr: epoch %" PRIu64 ", retired and not freed %" PRIu64 "\n",
		load_relaxed(&ibr->epoch),
		records_n_pending(&ibr->records)); /* relaxed: as above */
	reclaim_for_each_thread(r, ibr_explain_thread, out);
}

static void ibr_stats(struct reclaim *r, struct reclaim_stats *out)
{
	struct ibr *ibr = reclaim_state(r);

	*out = (struct reclaim_stats){
		.n_cycles = load_relaxed(&ibr->epoch) - 1,
		.n_pending = records_n_pending(&ibr->records),
	};
}

#define IBR_LIMBO offsetof(struct ibr, records.options)
static const struct reclaim_option ibr_options[] = {
	{"epoch_allocs", OPT_COUNT, "objects", "150", NULL, 1, 1e9,
	 offsetof(struct ibr, epoch_allocs),
	 "objects a thread allocates before it advances the epoch"},
	LIMBO_OPTION_FREE(IBR_LIMBO, "burst"),
	LIMBO_OPTION_BATCH(IBR_LIMBO, "64",
			   "objects retired between two scans of all reservations"),
	LIMBO_OPTION_WHERE(IBR_LIMBO),
};

const struct reclaim_ops ibr_ops = {
	.name = "ibr",
	.summary = "interval-based, two global epochs (2GEIBR)",
	.source = "Wen et al., PPoPP 2018, section 3.3",
	.flags = NEEDS_SECTION | NEEDS_PROTECT,
	.node_bytes = sizeof(struct ibr_node),
	.state_bytes = sizeof(struct ibr),
	.thread_bytes = sizeof(struct ibr_thread),
	.options = ibr_options,
	.n_options = sizeof(ibr_options) / sizeof(ibr_options[0]),
	.n_slots = ERA_SLOTS,
	.init = ibr_init,
	.fini = ibr_fini,
	.thread_register = ibr_thread_register,
	.thread_unregister = ibr_thread_unregister,
	.offline = ibr_offline,
	.online = ibr_online,
	.enter = ibr_enter,
	.exit = ibr_exit,
	.protect = ibr_protect,
	.allocated = ibr_allocated,
	.retire = ibr_retire,
	.poll = ibr_poll,
	.drain = ibr_drain,
	.stats = ibr_stats,
	.explain = ibr_explain,
	.safe_ticks = limbo_safe_ticks,
};
