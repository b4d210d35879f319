/* SPDX-License-Identifier: MIT */
/* peer_lfht_memb.c - cds_lfht as a peer, liburcu's flavor memb. */
#include "field/order.h"

/* Sections and quiescent states inline; ThreadSanitizer would see the library's plain accesses there. */
#ifndef ORDER_TSAN
#define _LGPL_SOURCE 1
#endif
#define URCU_NO_COMPAT_IDENTIFIERS 1
#include <urcu/urcu-memb.h>

#include "peers/peer_lfht.h"

static struct peer_table *lfht_memb_create(const struct peer_config *config, char *message,
					   size_t message_size)
{
	struct peer_table *table = lfht_create(config, &urcu_memb_flavor, message, message_size);

	if (table)
		table->crdp =
			urcu_memb_create_call_rcu_data(0, -1); /* stopped in lfht_memb_destroy() */
	return table;
}

static void lfht_memb_destroy(struct peer_table *table)
{
	const pthread_t worker = urcu_memb_get_call_rcu_thread(table->crdp);

	urcu_memb_set_thread_call_rcu_data(table->crdp);
	urcu_memb_call_rcu(&table->drained, lfht_is_drained);
	urcu_memb_set_thread_call_rcu_data(NULL);
	lfht_wait(table);
	urcu_memb_call_rcu_data_free(table->crdp);
	LFHT_JOIN(worker);
	urcu_memb_register_thread();
	urcu_memb_read_lock();
	lfht_remove_all(table);
	urcu_memb_read_unlock();
	cds_lfht_destroy(table->ht, NULL);
	urcu_memb_unregister_thread();
	lfht_free_table(table); /* the entries go with the heap */
}

static struct peer_thread *lfht_memb_begin(struct peer_table *table)
{
	struct peer_thread *t = lfht_begin(table);

	if (t) {
		urcu_memb_register_thread();
		urcu_memb_set_thread_call_rcu_data(table->crdp);
	}
	return t;
}

static void lfht_memb_end(struct peer_thread *t)
{
	urcu_memb_set_thread_call_rcu_data(NULL);
	urcu_memb_unregister_thread();
	lfht_end(t);
}

static inline bool lfht_memb_get(struct peer_thread *t, uint64_t key, uint64_t *value)
{
	bool found;

	urcu_memb_read_lock();
	found = lfht_get(t, key, value);
	order_released(t->table);
	urcu_memb_read_unlock();
	return found;
}

static inline void lfht_memb_insert(struct peer_thread *t, uint64_t key, uint64_t value)
{
	urcu_memb_read_lock();
	lfht_insert(t, key, value);
	order_released(t->table);
	urcu_memb_read_unlock();
}

static inline bool lfht_memb_remove(struct peer_thread *t, uint64_t key)
{
	struct lfht_entry *entry;

	urcu_memb_read_lock();
	entry = lfht_take(t, key);
	if (entry) {
		order_released(&entry->head);
		urcu_memb_call_rcu(&entry->head, lfht_free);
	}
	order_released(t->table);
	urcu_memb_read_unlock();
	return entry != NULL;
}

static inline void lfht_memb_poll(struct peer_thread *t)
{
	(void)t;
}

static void lfht_memb_run(struct peer_thread *t, struct peer_work *work)
{
	peer_loop(t, work, lfht_memb_get, lfht_memb_insert, lfht_memb_remove, lfht_memb_poll);
}

const struct peer peer_lfht_memb = {
	.name = "lfht-memb",
	.summary = "cds_lfht of liburcu, flavor memb",
	.kind = PEER_LIBRARY,
	.create = lfht_memb_create,
	.destroy = lfht_memb_destroy,
	.begin = lfht_memb_begin,
	.end = lfht_memb_end,
	.get = lfht_memb_get,
	.insert = lfht_memb_insert,
	.remove = lfht_memb_remove,
	.poll = lfht_memb_poll,
	.run = lfht_memb_run,
};
