/* SPDX-License-Identifier: MIT */
/* qsbr.c - quiescent-state-based reclamation by liburcu's flavor qsbr, freeing by call_rcu().
 *
 * Source: M. Desnoyers et al., User-Level Implementations of Read-Copy Update, IEEE TPDS 23(2), 2012; T. Hart et
 * al., Performance of memory reclamation for lockless synchronization, JPDC 67, 2007; liburcu 0.13 (the
 * distribution's library).
 *
 * Deviations from plain use of the library: as rcu.c.  And: reclaim_poll() is the quiescent state, but a thread
 * that is registered in several domains of this strategy may be inside a section of one while it polls
 * another, and the library knows only threads.  Such a thread announces none; it is quiescent while it is
 * offline in all of them.
 *
 * A thread that drains, registers or unregisters must be outside the sections of every domain of this
 * strategy.
 *
 * Progress: sections cost nothing; retire is wait-free (it may wake the worker by futex); freeing waits until
 * every online thread has polled.  One thread that does not, holds back all memory.
 */
#include "field/order.h"

/* quiescent states inline; ThreadSanitizer would see the plain accesses to the library's futex there. */
#ifndef ORDER_TSAN
#define _LGPL_SOURCE 1
#endif
#define URCU_NO_COMPAT_IDENTIFIERS 1 /* or rcu_..._qsbr are macros */
#include <urcu/urcu-qsbr.h>

#include "field/urcu.h"

/* See urcu.h: the library's own state lies in the thread as well. */
static _Thread_local struct urcu_self qsbr_self;

static void qsbr_library_offline(void)
{
	urcu_qsbr_thread_offline();
}

static void qsbr_library_online(void)
{
	urcu_qsbr_thread_online();
}

static const struct urcu_flavor qsbr_flavor = {
	.register_thread = urcu_qsbr_register_thread,
	.unregister_thread = urcu_qsbr_unregister_thread,
	.thread_offline = qsbr_library_offline,
	.thread_online = qsbr_library_online,
	.call = urcu_qsbr_call_rcu,
	.create = urcu_qsbr_create_call_rcu_data,
	.destroy = urcu_qsbr_call_rcu_data_free,
	.worker_thread = urcu_qsbr_get_call_rcu_thread,
	.thread_data = urcu_qsbr_get_thread_call_rcu_data,
	.set_thread_data = urcu_qsbr_set_thread_call_rcu_data,
};

static int qsbr_init(struct reclaim *r)
{
	return urcu_init(r, &qsbr_flavor);
}

static void qsbr_fini(struct reclaim *r)
{
	urcu_fini(r, &qsbr_self);
}

static int qsbr_thread_register(struct reclaim_thread *t)
{
	return urcu_thread_register(t, &qsbr_self);
}

static void qsbr_thread_unregister(struct reclaim_thread *t)
{
	urcu_thread_unregister(t, &qsbr_self);
}

static void qsbr_offline(struct reclaim_thread *t)
{
	urcu_offline(t, &qsbr_self);
}

static void qsbr_online(struct reclaim_thread *t)
{
	urcu_online(t, &qsbr_self);
}

static void qsbr_poll(struct reclaim_thread *t)
{
	if (likely(qsbr_self.n_registered == 1)) {
		/* Pairs with urcu_is_safe(). */
		order_released(reclaim_state(t->r));
		urcu_qsbr_quiescent_state();
	}
	urcu_poll(t);
}

static void qsbr_drain(struct reclaim_thread *t)
{
	urcu_drain(t, &qsbr_self);
}

static const struct reclaim_option qsbr_options[] = {URCU_OPTIONS};

const struct reclaim_ops qsbr_ops = {
	.name = "qsbr",
	.summary = "quiescent states (liburcu qsbr, call_rcu)",
	.source = "Desnoyers et al. 2012; Hart et al. 2007; liburcu 0.13",
	.flags = NEEDS_QUIESCE | BACKGROUND | STALL_UNBOUNDED | SAFE_HIDDEN,
	.node_bytes = sizeof(struct urcu_node),
	.state_bytes = sizeof(struct urcu),
	.thread_bytes = sizeof(struct urcu_thread),
	.options = qsbr_options,
	.n_options = sizeof(qsbr_options) / sizeof(qsbr_options[0]),
	.init = qsbr_init,
	.fini = qsbr_fini,
	.thread_register = qsbr_thread_register,
	.thread_unregister = qsbr_thread_unregister,
	.offline = qsbr_offline,
	.online = qsbr_online,
	.retire = urcu_retire,
	.poll = qsbr_poll,
	.drain = qsbr_drain,
	.stats = urcu_stats,
	.explain = urcu_explain,
};
