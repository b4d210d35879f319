/* SPDX-License-Identifier: MIT */
/* rcu.c - read-copy update by liburcu, flavor memb (sys_membarrier), freeing by call_rcu().
 *
 * Source: M. Desnoyers et al., User-Level Implementations of Read-Copy Update, IEEE TPDS 23(2), 2012; liburcu
 * 0.13 (the distribution's library).
 *
 * Deviations from plain use of the library: each domain has a call_rcu worker of its own, so that its CPU time
 * and its freeing can be accounted for (field/urcu.h); batch=N sends N objects by one call.  One callback is
 * counted as one cycle.  When a grace period ended is the library's secret: SAFE_HIDDEN.
 *
 * A thread that drains or unregisters must be outside the sections of every domain of this strategy: the
 * library knows only one section per thread.
 *
 * Progress: sections are wait-free, without a fence; retire is wait-free (it may wake the worker by futex);
 * freeing waits for all sections.  One thread stalled inside a section holds back all memory.
 */
#include "field/order.h"

/* sections inline; ThreadSanitizer would see the plain accesses to the library's futex there. */
#ifndef ORDER_TSAN
#define _LGPL_SOURCE 1
#endif
#define URCU_NO_COMPAT_IDENTIFIERS 1 /* or rcu_..._memb are macros */
#include <urcu/urcu-memb.h>

#include "field/urcu.h"

/* See urcu.h: the library's own state lies in the thread as well. */
static _Thread_local struct urcu_self rcu_self;

static const struct urcu_flavor rcu_flavor_memb = {
	.register_thread = urcu_memb_register_thread,
	.unregister_thread = urcu_memb_unregister_thread,
	.call = urcu_memb_call_rcu,
	.create = urcu_memb_create_call_rcu_data,
	.destroy = urcu_memb_call_rcu_data_free,
	.worker_thread = urcu_memb_get_call_rcu_thread,
	.thread_data = urcu_memb_get_thread_call_rcu_data,
	.set_thread_data = urcu_memb_set_thread_call_rcu_data,
};

static int rcu_init(struct reclaim *r)
{
	return urcu_init(r, &rcu_flavor_memb);
}

static void rcu_fini(struct reclaim *r)
{
	urcu_fini(r, &rcu_self);
}

static int rcu_thread_register(struct reclaim_thread *t)
{
	return urcu_thread_register(t, &rcu_self);
}

static void rcu_thread_unregister(struct reclaim_thread *t)
{
	urcu_thread_unregister(t, &rcu_self);
}

/* Being offline means nothing to this flavor: outside a section a thread holds nothing back. */
static void rcu_offline(struct reclaim_thread *t)
{
	urcu_offline(t, &rcu_self);
}

static void rcu_online(struct reclaim_thread *t)
{
	urcu_online(t, &rcu_self);
}

static void rcu_enter(struct reclaim_thread *t)
{
	(void)t;
	urcu_memb_read_lock();
}

static void rcu_exit(struct reclaim_thread *t)
{
	/* Pairs with urcu_is_safe(). */
	order_released(reclaim_state(t->r));
	urcu_memb_read_unlock();
}

static void rcu_drain(struct reclaim_thread *t)
{
	urcu_drain(t, &rcu_self);
}

static const struct reclaim_option rcu_options[] = {URCU_OPTIONS};

const struct reclaim_ops rcu_ops = {
	.name = "rcu",
	.summary = "read-copy update (liburcu memb, call_rcu)",
	.source = "Desnoyers et al. 2012; liburcu 0.13",
	.flags = NEEDS_SECTION | BACKGROUND | STALL_UNBOUNDED | SAFE_HIDDEN,
	.node_bytes = sizeof(struct urcu_node),
	.state_bytes = sizeof(struct urcu),
	.thread_bytes = sizeof(struct urcu_thread),
	.options = rcu_options,
	.n_options = sizeof(rcu_options) / sizeof(rcu_options[0]),
	.init = rcu_init,
	.fini = rcu_fini,
	.thread_register = rcu_thread_register,
	.thread_unregister = rcu_thread_unregister,
	.offline = rcu_offline,
	.online = rcu_online,
	.enter = rcu_enter,
	.exit = rcu_exit,
	.retire = urcu_retire,
	.poll = urcu_poll,
	.drain = rcu_drain,
	.stats = urcu_stats,
	.explain = urcu_explain,
};
