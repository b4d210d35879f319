/* SPDX-License-Identifier: MIT */
/* debra.c - distributed epochs: each operation looks at one other thread, and frees a few objects.
 *
 * Source: T. Brown, Reclaiming Memory for Lock-Free Data Structures: There has to be a Better Way, PODC 2015,
 * section 4 (DEBRA, without the neutralizing of DEBRA+); D. Kim, T. Brown, A. Singh, Are Your Epochs Too Epic?
 * Batch Free Can Be Harmful, arXiv 2401.11347 (amortized freeing, the default here).
 *
 * A thread announces the epoch it has seen and whether it is inside a section.  Each section begins with a look at
 * one other thread's announcement; when a thread has seen all of them, in this epoch, quiescent or up to date,
 * it advances the epoch.
 *
 * WHEN AN OBJECT IS SAFE.  It is filed under the epoch g read after a full fence that follows its unlink, and freed
 * at an epoch of g + 2 or more.  A reader that holds it published its announcement when the epoch was ep <= g.
 * From then on the epoch can advance once: a scan may have passed the reader already, or its announcement may
 * be up to date; the scan of epoch ep + 1 stops at it.  So while it reads, the epoch is at most ep + 1 < g + 2.
 *
 * Deviations: limbo bags are filed batch by batch (`batch`), one fence each, not at the first operation of an
 * epoch; the freed objects go to the allocator, not to a pool of the scheme's own.
 *
 * Progress: sections are wait-free, an exchange and a look at one other thread; retire is wait-free.  One thread
 * stalled inside a section holds back all memory.
 */
#include "field/order.h"
#include "field/records.h"
#include <inttypes.h>

#define DEBRA_QUIESCENT UINT64_C(1)
#define DEBRA_BAGS 3

struct debra {
	struct records records;
	uint64_t check_ops;
	_Atomic(uint64_t) epoch __attribute__((aligned(PADDING_BYTES)));
};

struct debra_bag {
	struct limbo objects;
	uint64_t epoch; /* they were filed in */
};

struct debra_record {
	struct record base;
	struct debra_bag bags[DEBRA_BAGS]; /* holder's; by epoch modulo DEBRA_BAGS */
	/* The scan: owner's. */
	struct record *cursor; /* next to look at */
	uint64_t scan_epoch;
	uint64_t n_ops; /* since the last look */
	/* Epoch << 1, and DEBRA_QUIESCENT outside sections.  Written by the thread the record belongs to. */
	_Atomic(uint64_t) announced __attribute__((aligned(PADDING_BYTES)));
};

struct debra_thread {
	struct debra_record *record;
};

static struct debra_record *debra_record(struct reclaim_thread *t)
{
	return ((struct debra_thread *)reclaim_thread_state(t))->record;
}

static int debra_setup(struct records *rs, struct record *rec)
{
	(void)rs;
	store_relaxed(&((struct debra_record *)rec)->announced, DEBRA_QUIESCENT);
	return 0;
}

/* ---------------------------------------------------------------- the epoch */

static bool debra_is_past(struct record *rec, uint64_t epoch)
{
	/* acquire: pairs with debra_exit() and with the exchange in debra_enter(): what the thread read in
	 * earlier sections it has read. */
	const uint64_t announced = load_acquire(&((struct debra_record *)rec)->announced);

	return (announced & DEBRA_QUIESCENT) || announced >> 1 == epoch;
}

/* acq_rel: hands on what the scan has acquired; pairs with the loads of `epoch`. */
static void debra_advance(struct debra *debra, uint64_t epoch)
{
	(void)cas_acq_rel(&debra->epoch, &epoch, epoch + 1);
}

/* Look at one more thread; after the last, advance. */
static void debra_check_next(struct debra *debra, struct debra_record *rec, uint64_t epoch)
{
	if (rec->scan_epoch != epoch || !rec->cursor) {
		rec->scan_epoch = epoch;
		/* acquire: pairs with records_add(). */
		rec->cursor = load_acquire(&debra->records.head);
	}
	if (!debra_is_past(rec->cursor, epoch))
		return;
	rec->cursor = rec->cursor->next;
	if (!rec->cursor)
		debra_advance(debra, epoch);
}

/* The whole scan at once, for a thread that polls and does nothing else. */
static void debra_check_all(struct debra *debra)
{
	/* acquire: pairs with the release of the thread that advanced the epoch */
	const uint64_t epoch = load_acquire(&debra->epoch);

	records_for_each(rec, &debra->records) if (!debra_is_past(rec, epoch)) return;
	debra_advance(debra, epoch);
}

/* ---------------------------------------------------------------- bags */

static void debra_empty_bags(struct debra_record *rec, struct reclaim_thread *t, uint64_t epoch)
{
	const uint64_t now = clock_ticks(t->clock);

	for (int i = 0; i < DEBRA_BAGS; i++) {
		struct debra_bag *bag = &rec->bags[i];

		if (!bag->objects.head || bag->epoch + 2 > epoch)
			continue;
		rec->base.n_limbo -= bag->objects.n;
		limbo_all_safe(t, &rec->base.safe, &bag->objects, now);
	}
}

static void debra_process(struct record *base, struct reclaim_thread *t, bool is_forced)
{
	struct debra *debra = (struct debra *)base->records;
	struct debra_record *rec = (struct debra_record *)base;
	/* acquire: pairs with debra_advance(). */
	const uint64_t epoch = load_acquire(&debra->epoch);
	struct debra_bag *bag = &rec->bags[epoch % DEBRA_BAGS];

	/* What lies in this epoch's bag from DEBRA_BAGS epochs ago goes first. */
	debra_empty_bags(rec, t, epoch);
	bag->epoch = epoch;
	limbo_splice(&bag->objects, &base->fresh);
	if (is_forced)
		debra_check_all(debra);
}

static void debra_flush(struct record *base, struct reclaim_thread *t)
{
	struct debra_record *rec = (struct debra_record *)base;

	debra_process(base, t, false);
	/* Nobody is in a section, whatever the epoch. */
	debra_empty_bags(rec, t, UINT64_MAX);
}

static const struct record_ops debra_record_ops = {
	.setup = debra_setup,
	.process = debra_process,
	.flush = debra_flush,
};

/* ---------------------------------------------------------------- the interface */

static int debra_init(struct reclaim *r)
{
	struct debra *debra = reclaim_state(r);

	store_relaxed(&debra->epoch, 1);
	return records_init(&debra->records, r, &debra_record_ops, sizeof(struct debra_record));
}

static void debra_fini(struct reclaim *r)
{
	records_fini(&((struct debra *)reclaim_state(r))->records);
}

static int debra_thread_register(struct reclaim_thread *t)
{
	struct debra_thread *mine = reclaim_thread_state(t);
	struct debra *debra = reclaim_state(t->r);
	int err = 0;

	mine->record = (struct debra_record *)records_join(&debra->records, &err);
	return err;
}

static void debra_thread_unregister(struct reclaim_thread *t)
{
	records_leave(&debra_record(t)->base);
}

static void debra_offline(struct reclaim_thread *t)
{
	record_offline(&debra_record(t)->base, t);
}

static void debra_online(struct reclaim_thread *t)
{
	record_online(&debra_record(t)->base);
}

static void debra_enter(struct reclaim_thread *t)
{
	struct debra_record *rec = debra_record(t);
	struct debra *debra = (struct debra *)rec->base.records;
	/* acquire: pairs with debra_advance(). */
	const uint64_t epoch = load_acquire(&debra->epoch);

	/* Announce before the first read: otherwise two scans could pass this thread while it reads. */
	order_publish(&rec->announced, epoch << 1);
	if (++rec->n_ops >= debra->check_ops) {
		rec->n_ops = 0;
		debra_check_next(debra, rec, epoch);
	}
}

static void debra_exit(struct reclaim_thread *t)
{
	struct debra_record *rec = debra_record(t);

	/* Own word: relaxed.  release: pairs with debra_is_past(). */
	store_release(&rec->announced, load_relaxed(&rec->announced) | DEBRA_QUIESCENT);
}

static void debra_retire(struct reclaim_thread *t, void *object)
{
	record_retire(&debra_record(t)->base, t, object);
}

static void debra_poll(struct reclaim_thread *t)
{
	record_poll(&debra_record(t)->base, t);
}

static void debra_drain(struct reclaim_thread *t)
{
	struct debra *debra = reclaim_state(t->r);

	records_drain(&debra->records, &debra_record(t)->base, t);
}

static void debra_explain_thread(void *ctx, struct reclaim_thread *t)
{
	FILE *out = ctx;
	struct debra_record *rec = debra_record(t);
	/* relaxed: a look from outside, while it changes */
	const uint64_t announced = rec ? load_relaxed(&rec->announced) : DEBRA_QUIESCENT;

	if (!(announced & DEBRA_QUIESCENT))
		fprintf(out,
			"  thread %u (%s) is in a section since epoch %" PRIu64
			": the epoch cannot pass %" PRIu64 " before it leaves\n",
			t->index, reclaim_role_names[t->role], announced >> 1,
			(announced >> 1) + 1);
}

static void debra_explain(struct reclaim *r, FILE *out)
{
	struct debra *debra = reclaim_state(r);

	fprintf(out, "debra: epoch %" PRIu64 ", retired and not freed %" PRIu64 "\n",
		load_relaxed(&debra->epoch), /* relaxed: as above */
		records_n_pending(&debra->records));
	reclaim_for_each_thread(r, debra_explain_thread, out);
}

static void debra_stats(struct reclaim *r, struct reclaim_stats *out)
{
	struct debra *debra = reclaim_state(r);

	*out = (struct reclaim_stats){
		.n_cycles = load_relaxed(&debra->epoch) - 1,
		.n_pending = records_n_pending(&debra->records),
	};
}

#define DEBRA_LIMBO offsetof(struct debra, records.options)
static const struct reclaim_option debra_options[] = {
	{"check_ops", OPT_COUNT, "operations", "1", NULL, 1, 1e6, offsetof(struct debra, check_ops),
	 "sections a thread begins before it looks at one more thread"},
	LIMBO_OPTION_FREE(DEBRA_LIMBO, "amortized"),
	LIMBO_OPTION_BATCH(DEBRA_LIMBO, "64",
			   "objects retired before they are filed under an epoch"),
	LIMBO_OPTION_WHERE(DEBRA_LIMBO),
};

const struct reclaim_ops debra_ops = {
	.name = "debra",
	.summary = "distributed epochs with amortized freeing (DEBRA)",
	.source = "Brown, PODC 2015, section 4; arXiv 2401.11347",
	.flags = NEEDS_SECTION | STALL_UNBOUNDED,
	.node_bytes = sizeof(struct limbo_node),
	.state_bytes = sizeof(struct debra),
	.thread_bytes = sizeof(struct debra_thread),
	.options = debra_options,
	.n_options = sizeof(debra_options) / sizeof(debra_options[0]),
	.init = debra_init,
	.fini = debra_fini,
	.thread_register = debra_thread_register,
	.thread_unregister = debra_thread_unregister,
	.offline = debra_offline,
	.online = debra_online,
	.enter = debra_enter,
	.exit = debra_exit,
	.retire = debra_retire,
	.poll = debra_poll,
	.drain = debra_drain,
	.stats = debra_stats,
	.explain = debra_explain,
	.safe_ticks = limbo_safe_ticks,
};
