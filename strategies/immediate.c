/* SPDX-License-Identifier: MIT */
/* immediate.c - frees in the delete.
 *
 * Source: plain locking; what a map under a lock does.  Safe because the map, told by READER_LOCKS, holds the
 * stripe of the chain around every operation, a reader's included, and all stripes around every change of the
 * table: when retire runs, nobody else can hold a reference to the object.  That price is what is measured.
 *
 * Progress: blocking; a reader that stalls inside a section holds its stripe, and writers of that stripe wait.
 */
#include "reclaim.h"

static int immediate_init(struct reclaim *r)
{
	(void)r;
	return 0;
}

static void immediate_fini(struct reclaim *r)
{
	(void)r;
}

static int immediate_thread_register(struct reclaim_thread *t)
{
	(void)t;
	return 0;
}

/* Unregister, offline, online, poll and drain: nothing is ever pending, so there is nothing to do. */
static void immediate_nothing(struct reclaim_thread *t)
{
	(void)t;
}

static void immediate_retire(struct reclaim_thread *t, void *object)
{
	/* Safe the moment it is retired.  The clock costs more than the free: only a stamped object (the
	 * sample) has it read. */
	const struct heap_stamps *stamps =
		t->tracking ? heap_stamps(reclaim_heap(t->r), object) : NULL;
	const uint64_t now = stamps && stamps->retired_ticks ? clock_ticks(t->clock) : 0;

	reclaim_free(t, object, stamps ? stamps->retired_ticks : 0, now);
}

static void immediate_stats(struct reclaim *r, struct reclaim_stats *out)
{
	(void)r;
	*out = (struct reclaim_stats){0};
}

static void immediate_explain(struct reclaim *r, FILE *out)
{
	(void)r;
	fprintf(out, "immediate: nothing is held, a delete frees before it returns; it waits for "
		     "readers that hold the stripe of its key\n");
}

const struct reclaim_ops immediate_ops = {
	.name = "immediate",
	.summary = "frees in the delete; readers hold the stripe's lock",
	.source = "plain locking",
	.flags = READER_LOCKS,
	.init = immediate_init,
	.fini = immediate_fini,
	.thread_register = immediate_thread_register,
	.thread_unregister = immediate_nothing,
	.offline = immediate_nothing,
	.online = immediate_nothing,
	.retire = immediate_retire,
	.poll = immediate_nothing,
	.drain = immediate_nothing,
	.stats = immediate_stats,
	.explain = immediate_explain,
};
