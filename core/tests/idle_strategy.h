/* SPDX-License-Identifier: MIT */
/* idle_strategy.h - a strategy that does nothing, for tests that do its work by hand.  The
 * test brings .retire. */
#ifndef RECLAIMBENCH_TESTS_IDLE_STRATEGY_H
#define RECLAIMBENCH_TESTS_IDLE_STRATEGY_H

#include "reclaim.h"

static int idle_init(struct reclaim *r)
{
	(void)r;
	return 0;
}

static void idle_fini(struct reclaim *r)
{
	(void)r;
}

static int idle_register(struct reclaim_thread *t)
{
	(void)t;
	return 0;
}

static void idle_nothing(struct reclaim_thread *t)
{
	(void)t;
}

static void idle_barrier(struct reclaim_thread *t, void *from, void *to)
{
	(void)t;
	(void)from;
	(void)to;
}

static void idle_stats(struct reclaim *r, struct reclaim_stats *out)
{
	(void)r;
	*out = (struct reclaim_stats){0};
}

/* The members of a struct reclaim_ops, less .retire and .flags. */
#define IDLE_MEMBERS                                                                               \
	.name = "idle", .summary = "for tests", .source = "this test", .init = idle_init,          \
	.fini = idle_fini, .thread_register = idle_register, .thread_unregister = idle_nothing,    \
	.offline = idle_nothing, .online = idle_nothing, .poll = idle_nothing,                     \
	.drain = idle_nothing, .write_barrier = idle_barrier, .stats = idle_stats

#endif
