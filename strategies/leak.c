/* SPDX-License-Identifier: MIT */
/* leak.c - never frees: the floor every other strategy's cost is compared with, the harness's own check, and
 * the smallest example of a strategy.  Copy this file to begin a new one.
 *
 * Source: none; the baseline of every reclamation benchmark.  (Not a ceiling of throughput: a strategy that
 * reuses warm memory can be faster, arXiv 2401.11347.)
 *
 * Progress: everything is wait-free.
 */
#include "reclaim.h"
#include <inttypes.h>

struct leak {
	_Atomic(uint64_t) n_pending;
};

static int leak_init(struct reclaim *r)
{
	(void)r;
	return 0;
}

static void leak_fini(struct reclaim *r)
{
	(void)r;
}

/* A thread's own count of what it leaked, so that retire writes no shared line. */
struct leak_thread {
	_Atomic(uint64_t) n_retired; /* one writer, its thread */
};

static int leak_thread_register(struct reclaim_thread *t)
{
	(void)t;
	return 0;
}

/* Offline, online, poll and drain: nothing is ever freed, so there is nothing to do. */
static void leak_nothing(struct reclaim_thread *t)
{
	(void)t;
}

/* The threads' counts, summed in `stats`, include threads that have left: hand the count over. */
static void leak_thread_unregister(struct reclaim_thread *t)
{
	struct leak *leak = reclaim_state(t->r);
	struct leak_thread *mine = reclaim_thread_state(t);

	/* Relaxed: statistics, exact once the thread has been joined. */
	add_relaxed(&leak->n_pending, load_relaxed(&mine->n_retired));
	store_relaxed(&mine->n_retired, 0);
}

static void leak_retire(struct reclaim_thread *t, void *object)
{
	struct leak_thread *mine = reclaim_thread_state(t);

	(void)object;
	counter_add(&mine->n_retired, 1);
}

static void leak_sum(void *ctx, struct reclaim_thread *t)
{
	struct leak_thread *theirs = reclaim_thread_state(t);
	struct reclaim_stats *out = ctx;

	out->n_pending += load_relaxed(&theirs->n_retired);
}

static void leak_stats(struct reclaim *r, struct reclaim_stats *out)
{
	struct leak *leak = reclaim_state(r);

	*out = (struct reclaim_stats){.n_pending = load_relaxed(&leak->n_pending)};
	reclaim_for_each_thread(r, leak_sum, out);
}

static void leak_explain(struct reclaim *r, FILE *out)
{
	struct reclaim_stats stats;

	leak_stats(r, &stats);
	fprintf(out,
		"leak: %" PRIu64 " retired objects are kept, by no thread: nothing is ever freed\n",
		stats.n_pending);
}

const struct reclaim_ops leak_ops = {
	.name = "leak",
	.summary = "never frees: the floor of cost, and the harness's own check",
	.source = "the usual baseline",
	.flags = NEVER_FREES,
	.state_bytes = sizeof(struct leak),
	.thread_bytes = sizeof(struct leak_thread),
	.init = leak_init,
	.fini = leak_fini,
	.thread_register = leak_thread_register,
	.thread_unregister = leak_thread_unregister,
	.offline = leak_nothing,
	.online = leak_nothing,
	.retire = leak_retire,
	.poll = leak_nothing,
	.drain = leak_nothing,
	.stats = leak_stats,
	.explain = leak_explain,
};
