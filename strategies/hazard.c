/* SPDX-License-Identifier: MIT */
/* hazard.c - hazard pointers by Concurrency Kit's ck_hp.
 *
 * Source: M. Michael, Hazard Pointers: Safe Memory Reclamation for Lock-Free Objects, IEEE TPDS 15(6), 2004;
 * ck_hp (Concurrency Kit 0.7.1, the distribution's library).
 *
 * Deviations from plain use of the library:
 *   - ck_hp_retire() is called for a whole batch just before ck_hp_reclaim(), after one full fence: the library
 *     reads the hazards without ordering that after the unlinks.
 *   - ck_hp_unregister() forgets what is pending; a record here is never unregistered (field/records.h).
 *   - ck_hp_reclaim() copies the hazards that are set into an array of CK_HP_CACHE (512) and, in 0.7.1, writes
 *     one past its end when there are more.  So max_threads is limited to what cannot set more.
 *
 * Progress: protecting is lock-free (the map retries when the pointer has changed), one exchange each on x86;
 * retire is wait-free; a scan is wait-free.  A stalled thread holds back at most the objects in its slots.
 */
#include <ck_hp.h>
#include <inttypes.h>

#include "field/order.h"
#include "field/records.h"
#include "hmap.h"

#define HAZARD_N_SLOTS HMAP_N_SLOTS

struct hazard {
	struct records records;
	ck_hp_t hp;
	_Atomic(uint64_t) n_scans;
};

struct hazard_record {
	struct record base;
	void *slots[HAZARD_N_SLOTS]; /* written by the thread it belongs to, by ck_pr */
	uint32_t n_used;	     /* slots set since the section began; that thread's */
	uint64_t now_ticks;	     /* holder's: this scan's time, for hazard_is_free() */
	ck_hp_record_t ck;
};

struct hazard_node {
	union {
		struct limbo_node link; /* fresh and safe */
		ck_hp_hazard_t hazard;	/* in between */
	};
	struct hazard_record *record; /* whose scan will find it */
};

struct hazard_thread {
	struct hazard_record *record;
};

static struct hazard_record *hazard_record(struct reclaim_thread *t)
{
	return ((struct hazard_thread *)reclaim_thread_state(t))->record;
}

/* Called by ck_hp_reclaim() for each object that nobody protects; the node is unlinked from its list. */
static void hazard_is_free(void *data)
{
	struct hazard_node *node = data;
	struct hazard_record *rec = node->record;

	limbo_push_safe(&rec->base.safe, &node->link, rec->now_ticks);
	rec->base.n_limbo--;
}

static int hazard_setup(struct records *rs, struct record *base)
{
	struct hazard *hazard = (struct hazard *)rs;
	struct hazard_record *rec = (struct hazard_record *)base;

	ck_hp_register(&hazard->hp, &rec->ck, rec->slots);
	return 0;
}

static void hazard_process(struct record *base, struct reclaim_thread *t, bool is_forced)
{
	struct hazard *hazard = reclaim_state(t->r);
	struct hazard_record *rec = (struct hazard_record *)base;
	const struct heap *h = reclaim_heap(t->r);
	struct limbo_node *next;

	(void)is_forced;
	for (struct limbo_node *link = base->fresh.head; link; link = next) {
		struct hazard_node *node = (struct hazard_node *)link;

		next = link->next;
		node->record = rec;
		ck_hp_retire(&rec->ck, &node->hazard, node, heap_node_object(h, node));
	}
	base->fresh = (struct limbo){0};
	rec->now_ticks = clock_ticks(t->clock);
	/* Pairs with hazard_clear().  Before the scan: what it frees is only linked into a list, but that
	 * list's nodes may have been written by others. */
	ck_hp_reclaim(&rec->ck);
	order_acquired(&hazard->hp);
	add_relaxed(&hazard->n_scans, 1);
}

static void hazard_flush(struct record *base, struct reclaim_thread *t)
{
	hazard_process(base, t, true);
}

static const struct record_ops hazard_record_ops = {
	.setup = hazard_setup,
	.process = hazard_process,
	.flush = hazard_flush,
};

static int hazard_init(struct reclaim *r)
{
	struct hazard *hazard = reclaim_state(r);

	/* The threshold is ours (batch), so the library's is never reached. */
	ck_hp_init(&hazard->hp, HAZARD_N_SLOTS, UINT32_MAX, hazard_is_free);
	return records_init(&hazard->records, r, &hazard_record_ops, sizeof(struct hazard_record));
}

static void hazard_fini(struct reclaim *r)
{
	records_fini(&((struct hazard *)reclaim_state(r))->records);
}

static int hazard_thread_register(struct reclaim_thread *t)
{
	struct hazard_thread *mine = reclaim_thread_state(t);
	struct hazard *hazard = reclaim_state(t->r);
	int err = 0;

	mine->record = (struct hazard_record *)records_join(&hazard->records, &err);
	return err;
}

static void hazard_thread_unregister(struct reclaim_thread *t)
{
	records_leave(&hazard_record(t)->base);
}

static void hazard_offline(struct reclaim_thread *t)
{
	record_offline(&hazard_record(t)->base, t);
}

static void hazard_online(struct reclaim_thread *t)
{
	record_online(&hazard_record(t)->base);
}

static void hazard_enter(struct reclaim_thread *t)
{
	(void)t; /* the slots are empty, or are cleared at the exit: those that were set outside, too */
}

static void hazard_clear(struct hazard_record *rec, unsigned slot)
{
	/* The reads of the object come before the slot is seen empty; pairs with hazard_process(). */
	order_released(rec->ck.global);
	ck_pr_fence_release();
	ck_hp_set(&rec->ck, slot, NULL);
}

static void hazard_exit(struct reclaim_thread *t)
{
	struct hazard_record *rec = hazard_record(t);

	for (unsigned i = 0; i < rec->n_used; i++)
		hazard_clear(rec, i);
	rec->n_used = 0;
}

static void hazard_protect(struct reclaim_thread *t, unsigned slot, void *object)
{
	struct hazard_record *rec = hazard_record(t);

	if (!object) {
		hazard_clear(rec, slot);
		return;
	}
	if (slot >= rec->n_used)
		rec->n_used = slot + 1;
	/* What was in the slot is no longer protected. */
	order_released(rec->ck.global);
	ck_hp_set_fence(&rec->ck, slot, object);
}

static void hazard_retire(struct reclaim_thread *t, void *object)
{
	record_retire(&hazard_record(t)->base, t, object);
}

static void hazard_poll(struct reclaim_thread *t)
{
	record_poll(&hazard_record(t)->base, t);
}

static void hazard_drain(struct reclaim_thread *t)
{
	struct hazard *hazard = reclaim_state(t->r);

	records_drain(&hazard->records, &hazard_record(t)->base, t);
}

static void hazard_explain_thread(void *ctx, struct reclaim_thread *t)
{
	FILE *out = ctx;
	struct hazard_record *rec = hazard_record(t);

	for (unsigned i = 0; rec && i < HAZARD_N_SLOTS; i++) {
		const void *object = ck_pr_load_ptr(&rec->slots[i]);

		if (object)
			fprintf(out, "  thread %u (%s) protects %p in slot %u\n", t->index,
				reclaim_role_names[t->role], object, i);
	}
}

static void hazard_explain(struct reclaim *r, FILE *out)
{
	struct hazard *hazard = reclaim_state(r);

	/* relaxed: statistics */
	fprintf(out,
		"hazard: %" PRIu64 " scans, retired and not freed %" PRIu64
		": protected, or not yet looked at, %" PRIu64 " a scan\n",
		load_relaxed(&hazard->n_scans), records_n_pending(&hazard->records),
		hazard->records.options.batch);
	reclaim_for_each_thread(r, hazard_explain_thread, out);
}

static void hazard_stats(struct reclaim *r, struct reclaim_stats *out)
{
	struct hazard *hazard = reclaim_state(r);

	*out = (struct reclaim_stats){
		.n_cycles = load_relaxed(&hazard->n_scans),
		.n_pending = records_n_pending(&hazard->records),
	};
}

#define HAZARD_LIMBO offsetof(struct hazard, records.options)
static const struct reclaim_option hazard_options[] = {
	LIMBO_OPTION_FREE(HAZARD_LIMBO, "burst"),
	LIMBO_OPTION_BATCH(HAZARD_LIMBO, "128", "objects retired between two scans of all slots"),
	LIMBO_OPTION_WHERE(HAZARD_LIMBO),
};

const struct reclaim_ops hazard_ops = {
	.name = "hazard",
	.summary = "hazard pointers (Concurrency Kit's ck_hp)",
	.source = "Michael 2004; ck_hp of Concurrency Kit 0.7.1",
	.flags = NEEDS_SECTION | NEEDS_PROTECT,
	.node_bytes = sizeof(struct hazard_node),
	.state_bytes = sizeof(struct hazard),
	.thread_bytes = sizeof(struct hazard_thread),
	.max_threads = CK_HP_CACHE / HAZARD_N_SLOTS,
	.options = hazard_options,
	.n_options = sizeof(hazard_options) / sizeof(hazard_options[0]),
	.n_slots = HAZARD_N_SLOTS,
	.init = hazard_init,
	.fini = hazard_fini,
	.thread_register = hazard_thread_register,
	.thread_unregister = hazard_thread_unregister,
	.offline = hazard_offline,
	.online = hazard_online,
	.enter = hazard_enter,
	.exit = hazard_exit,
	.protect = hazard_protect,
	.retire = hazard_retire,
	.poll = hazard_poll,
	.drain = hazard_drain,
	.stats = hazard_stats,
	.explain = hazard_explain,
	.safe_ticks = limbo_safe_ticks,
};
