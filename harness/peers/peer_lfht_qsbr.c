/* SPDX-License-Identifier: MIT */
/* peer_lfht_qsbr.c - cds_lfht as a peer, liburcu's flavor qsbr. */
#include "field/order.h"

/* Sections and quiescent states inline; ThreadSanitizer would see the library's plain accesses there. */
#ifndef ORDER_TSAN
#define _LGPL_SOURCE 1
#endif
#define URCU_NO_COMPAT_IDENTIFIERS 1
#include <urcu/urcu-qsbr.h>

#include "peers/peer_lfht.h"

static struct peer_table *lfht_qsbr_create(const struct peer_config *config, char *message,
					   size_t message_size)
{
	struct peer_table *table = lfht_create(config, &urcu_qsbr_flavor, message, message_size);

	if (table)
		table->crdp =
			urcu_qsbr_create_call_rcu_data(0, -1); /* stopped in lfht_qsbr_destroy() */
	return table;
}

static void lfht_qsbr_destroy(struct peer_table *table)
{
	const pthread_t worker = urcu_qsbr_get_call_rcu_thread(table->crdp);

	urcu_qsbr_set_thread_call_rcu_data(table->crdp);
	urcu_qsbr_call_rcu(&table->drained, lfht_is_drained);
	urcu_qsbr_set_thread_call_rcu_data(NULL);
	lfht_wait(table);
	urcu_qsbr_call_rcu_data_free(table->crdp);
	LFHT_JOIN(worker);
	urcu_qsbr_register_thread();
	lfht_remove_all(table);
	urcu_qsbr_thread_offline();
	cds_lfht_destroy(table->ht, NULL);
	urcu_qsbr_thread_online();
	urcu_qsbr_unregister_thread();
	lfht_free_table(table);
}

static struct peer_thread *lfht_qsbr_begin(struct peer_table *table)
{
	struct peer_thread *t = lfht_begin(table);

	if (t) {
		urcu_qsbr_register_thread();
		urcu_qsbr_set_thread_call_rcu_data(table->crdp);
	}
	return t;
}

static void lfht_qsbr_end(struct peer_thread *t)
{
	order_released(t->table);
	urcu_qsbr_set_thread_call_rcu_data(NULL);
	urcu_qsbr_unregister_thread();
	lfht_end(t);
}

static inline bool lfht_qsbr_remove(struct peer_thread *t, uint64_t key)
{
	struct lfht_entry *entry = lfht_take(t, key);

	if (entry) {
		order_released(&entry->head);
		urcu_qsbr_call_rcu(&entry->head, lfht_free);
	}
	return entry != NULL;
}

static inline void lfht_qsbr_poll(struct peer_thread *t)
{
	order_released(t->table);
	urcu_qsbr_quiescent_state();
}

static void lfht_qsbr_run(struct peer_thread *t, struct peer_work *work)
{
	peer_loop(t, work, lfht_get, lfht_insert, lfht_qsbr_remove, lfht_qsbr_poll);
}

const struct peer peer_lfht_qsbr = {
	.name = "lfht-qsbr",
	.summary = "cds_lfht of liburcu, flavor qsbr",
	.kind = PEER_LIBRARY,
	.create = lfht_qsbr_create,
	.destroy = lfht_qsbr_destroy,
	.begin = lfht_qsbr_begin,
	.end = lfht_qsbr_end,
	.get = lfht_get,
	.insert = lfht_insert,
	.remove = lfht_qsbr_remove,
	.poll = lfht_qsbr_poll,
	.run = lfht_qsbr_run,
};
