/* SPDX-License-Identifier: MIT */
/* ebr.c - epoch-based reclamation by Concurrency Kit's ck_epoch.
 *
 * Source: ck_epoch (Concurrency Kit 0.7.1, the distribution's library), after K. Fraser, Practical
 * Lock-Freedom, PhD thesis, Cambridge 2004, section 5.2.3.
 *
 * Deviations from plain use of the library:
 *   - ck_epoch_call() is called for a whole batch after one full fence.  It files an entry under the epoch it
 *     reads, without a fence after the unlink; were that epoch read before the unlink is visible, a reader
 *     of the next epoch could still find the object.  Objects wait a little longer for it.
 *   - ck_epoch_poll_deferred() hands the safe entries out, so that they can be freed amortized, by the thread
 *     that polls, with its own counters.
 *   - ck_epoch_unregister() forgets what is pending.  A record here is never unregistered: it is lent with its
 *     list when its thread leaves, and taken over by the next (field/records.h).
 *
 * The library does not tell when an epoch ended, only what may be freed at a poll: SAFE_HIDDEN.
 *
 * Progress: sections are wait-free (one exchange on x86); retire is wait-free; a poll is wait-free in the number
 * of threads.  One thread stalled inside a section holds back all memory.
 */
#include <ck_epoch.h>
#include <inttypes.h>
#include <string.h>

#include "control.h"
#include "field/order.h"
#include "field/records.h"

struct ebr {
	struct records records;
	ck_epoch_t epoch;
	/* Looks at the epoch that made objects safe.  The epoch itself says too little: with nobody in a section the
	 * library hands out everything and leaves it as it is. */
	_Atomic(uint64_t) n_cycles;
};

struct ebr_node {
	struct limbo_node link; /* fresh and safe */
	ck_epoch_entry_t entry; /* in between */
};

struct ebr_record {
	struct record base;
	ck_epoch_record_t ck;
};

struct ebr_thread {
	struct ebr_record *record;
};

static struct ebr_record *ebr_record(struct reclaim_thread *t)
{
	return ((struct ebr_thread *)reclaim_thread_state(t))->record;
}

/* Never called: entries come back by ck_epoch_poll_deferred(). */
static void ebr_dispatched(ck_epoch_entry_t *entry)
{
	(void)entry;
	abort();
}

static int ebr_setup(struct records *rs, struct record *rec)
{
	struct ebr *ebr = (struct ebr *)rs;

	ck_epoch_register(&ebr->epoch, &((struct ebr_record *)rec)->ck, NULL);
	return 0;
}

static void ebr_process(struct record *rec, struct reclaim_thread *t, bool is_forced)
{
	struct ebr *ebr = reclaim_state(t->r);
	ck_epoch_record_t *ck = &((struct ebr_record *)rec)->ck;
	ck_stack_t deferred = CK_STACK_INITIALIZER;
	ck_stack_entry_t *cursor, *next;
	const uint64_t now = clock_ticks(t->clock);
	const uint64_t n_before = rec->n_limbo;

	(void)is_forced;
	for (struct limbo_node *node = rec->fresh.head; node; node = node->next)
		ck_epoch_call(ck, &((struct ebr_node *)node)->entry, ebr_dispatched);
	rec->fresh = (struct limbo){0};
	if (CONTROL(epoch_early))
		ck_pr_inc_uint(
			&ebr->epoch.epoch); /* without a look at who is in the epoch before */
	ck_epoch_poll_deferred(ck, &deferred);
	/* Pairs with ebr_exit(): the library has seen the sections end. */
	order_acquired(&ebr->epoch);
	CK_STACK_FOREACH_SAFE(&deferred, cursor, next)
	{
		char *entry = (char *)cursor - offsetof(ck_epoch_entry_t, stack_entry);

		limbo_push_safe(&rec->safe, (void *)(entry - offsetof(struct ebr_node, entry)),
				now);
		rec->n_limbo--;
	}
	/* relaxed: statistics, once a batch */
	if (rec->n_limbo < n_before)
		add_relaxed(&ebr->n_cycles, 1);
}

static void ebr_flush(struct record *rec, struct reclaim_thread *t)
{
	/* Nobody is in a section: one poll hands out everything.  A second, because the first may find
	 * another thread just entering (an offline one must not, but drain shall not depend on it). */
	ebr_process(rec, t, true);
	if (rec->n_limbo)
		ebr_process(rec, t, true);
}

static const struct record_ops ebr_record_ops = {
	.setup = ebr_setup,
	.process = ebr_process,
	.flush = ebr_flush,
};

static int ebr_init(struct reclaim *r)
{
	struct ebr *ebr = reclaim_state(r);

	ck_epoch_init(&ebr->epoch);
	return records_init(&ebr->records, r, &ebr_record_ops, sizeof(struct ebr_record));
}

static void ebr_fini(struct reclaim *r)
{
	/* Frees the ck records too: a record must not go away while others walk the list, but here nobody is
	 * left. */
	records_fini(&((struct ebr *)reclaim_state(r))->records);
}

static int ebr_thread_register(struct reclaim_thread *t)
{
	struct ebr_thread *mine = reclaim_thread_state(t);
	int err = 0;

	mine->record = (struct ebr_record *)records_join(
		&((struct ebr *)reclaim_state(t->r))->records, &err);
	return err;
}

static void ebr_thread_unregister(struct reclaim_thread *t)
{
	records_leave(&ebr_record(t)->base);
}

static void ebr_offline(struct reclaim_thread *t)
{
	record_offline(&ebr_record(t)->base, t);
}

static void ebr_online(struct reclaim_thread *t)
{
	record_online(&ebr_record(t)->base);
}

static void ebr_enter(struct reclaim_thread *t)
{
	ck_epoch_begin(&ebr_record(t)->ck, NULL);
}

static void ebr_exit(struct reclaim_thread *t)
{
	ck_epoch_record_t *ck = &ebr_record(t)->ck;

	/* Pairs with ebr_process(). */
	order_released(ck->global);
	ck_epoch_end(ck, NULL);
}

static void ebr_retire(struct reclaim_thread *t, void *object)
{
	record_retire(&ebr_record(t)->base, t, object);
}

static void ebr_poll(struct reclaim_thread *t)
{
	record_poll(&ebr_record(t)->base, t);
}

static void ebr_drain(struct reclaim_thread *t)
{
	records_drain(&((struct ebr *)reclaim_state(t->r))->records, &ebr_record(t)->base, t);
}

static void ebr_explain_thread(void *ctx, struct reclaim_thread *t)
{
	FILE *out = ctx;
	const struct ebr_record *rec = ebr_record(t);
	unsigned epoch, now;

	if (!rec || !ck_pr_load_uint(&rec->ck.active))
		return;
	epoch = ck_pr_load_uint(&rec->ck.epoch);
	now = ck_epoch_value(rec->ck.global);
	fprintf(out,
		"  thread %u (%s) is in a section of epoch %u, the current one is %u: the epoch "
		"cannot "
		"pass %u before it leaves\n",
		t->index, reclaim_role_names[t->role], epoch, now, epoch + 1);
}

static void ebr_explain(struct reclaim *r, FILE *out)
{
	struct ebr *ebr = reclaim_state(r);

	fprintf(out, "ebr: epoch %u, retired and not freed %" PRIu64 "\n",
		ck_epoch_value(&ebr->epoch), records_n_pending(&ebr->records));
	reclaim_for_each_thread(r, ebr_explain_thread, out);
}

static void ebr_stats(struct reclaim *r, struct reclaim_stats *out)
{
	struct ebr *ebr = reclaim_state(r);

	*out = (struct reclaim_stats){
		.n_cycles = load_relaxed(&ebr->n_cycles),
		.n_pending = records_n_pending(&ebr->records),
	};
}

#define EBR_LIMBO offsetof(struct ebr, records.options)
static const struct reclaim_option ebr_options[] = {
	LIMBO_OPTION_FREE(EBR_LIMBO, "burst"),
	LIMBO_OPTION_BATCH(EBR_LIMBO, "64", "objects retired between two looks at the epoch"),
	LIMBO_OPTION_WHERE(EBR_LIMBO),
};

const struct reclaim_ops ebr_ops = {
	.name = "ebr",
	.summary = "epochs (Concurrency Kit's ck_epoch)",
	.source = "Fraser 2004, section 5.2.3; ck_epoch of Concurrency Kit 0.7.1",
	.flags = NEEDS_SECTION | STALL_UNBOUNDED | SAFE_HIDDEN,
	.node_bytes = sizeof(struct ebr_node),
	.state_bytes = sizeof(struct ebr),
	.thread_bytes = sizeof(struct ebr_thread),
	.options = ebr_options,
	.n_options = sizeof(ebr_options) / sizeof(ebr_options[0]),
	.init = ebr_init,
	.fini = ebr_fini,
	.thread_register = ebr_thread_register,
	.thread_unregister = ebr_thread_unregister,
	.offline = ebr_offline,
	.online = ebr_online,
	.enter = ebr_enter,
	.exit = ebr_exit,
	.retire = ebr_retire,
	.poll = ebr_poll,
	.drain = ebr_drain,
	.stats = ebr_stats,
	.explain = ebr_explain,
};
