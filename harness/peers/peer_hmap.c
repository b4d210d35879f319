/* SPDX-License-Identifier: MIT */
/* peer_hmap.c - the shared map as a peer: under three strategies, in batches, and without the parts of the
 * strategy table that `leak` does not need, which prices the table itself. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "hmap.h"
#include "peers/peers.h"
#include "registry.h"

struct peer_table {
	struct reclaim *r;
	struct hmap *map;
	struct clock clock;
};

struct peer_thread {
	struct reclaim_thread *t;
	struct hmap *map;
};

static void hmap_peer_destroy(struct peer_table *table)
{
	if (table->map) {
		struct reclaim_thread *t = reclaim_register(table->r, ROLE_MUTATOR);

		/* Without a thread to drop it, the domain frees its memory with the heap. */
		if (t) {
			hmap_destroy(table->map, t);
			t->ops->drain(t);
			reclaim_unregister(t);
		}
	}
	if (table->r)
		reclaim_destroy(table->r);
	free(table);
}

static struct peer_table *hmap_peer_create(const struct peer_config *config, char *message,
					   size_t message_size)
{
	struct peer_table *table = calloc(1, sizeof(*table)); /* freed in hmap_peer_destroy() */
	const struct hmap_config map_config = {
		.mode = HMAP_PLAIN, .unlink = HMAP_UNLINK_EMPTY, .seed = config->seed};
	/* Beside the threads: who makes the map, and a collector. */
	struct reclaim_config reclaim_config = {
		.heap = {.kind = HEAP_SPAN}, .tracking = false, .max_threads = config->threads + 2};
	struct reclaim_thread *t;
	int err;

	if (!table)
		goto no_memory;
	clock_init(&table->clock, false);
	reclaim_config.clock = &table->clock;
	reclaim_config.ops = reclaim_strategy_find(config->peer->strategy);
	if (!reclaim_config.ops) {
		snprintf(message, message_size, "strategy %s is not in this build",
			 config->peer->strategy);
		goto out;
	}
	if (reclaim_create(&table->r, &reclaim_config, message, message_size))
		goto out;
	t = reclaim_register(table->r, ROLE_MUTATOR);
	if (!t)
		goto no_memory;
	err = hmap_create(&table->map, table->r, t, &map_config);
	reclaim_unregister(t);
	if (!err)
		return table;
no_memory:
	snprintf(message, message_size, "out of memory");
out:
	if (table)
		hmap_peer_destroy(table);
	return NULL;
}

static uint64_t hmap_peer_bytes(const struct peer_table *table)
{
	struct heap_stats stats;

	heap_stats(reclaim_heap(table->r), &stats);
	return stats.os_bytes;
}

static struct peer_thread *hmap_peer_begin(struct peer_table *table)
{
	struct peer_thread *t = calloc(1, sizeof(*t)); /* freed in hmap_peer_end() */

	if (!t)
		return NULL;
	t->map = table->map;
	t->t = reclaim_register(table->r, ROLE_MUTATOR);
	if (!t->t) {
		free(t);
		return NULL;
	}
	return t;
}

static void hmap_peer_end(struct peer_thread *t)
{
	reclaim_unregister(t->t);
	free(t);
}

/* ---------------------------------------------------------------- through the table */

static inline bool hmap_peer_get(struct peer_thread *t, uint64_t key, uint64_t *value)
{
	bool found;

	reclaim_enter(t->t);
	found = hmap_get(t->map, t->t, key, value);
	reclaim_exit(t->t);
	return found;
}

static inline void hmap_peer_insert(struct peer_thread *t, uint64_t key, uint64_t value)
{
	reclaim_enter(t->t);
	hmap_insert(t->map, t->t, key, value);
	reclaim_exit(t->t);
}

static inline bool hmap_peer_remove(struct peer_thread *t, uint64_t key)
{
	bool found;

	reclaim_enter(t->t);
	found = hmap_delete(t->map, t->t, key);
	reclaim_exit(t->t);
	return found;
}

static inline void hmap_peer_poll(struct peer_thread *t)
{
	reclaim_poll(t->t);
}

static void hmap_peer_run(struct peer_thread *t, struct peer_work *work)
{
	peer_loop(t, work, hmap_peer_get, hmap_peer_insert, hmap_peer_remove, hmap_peer_poll);
}

/* ---------------------------------------------------------------- without it: leak needs none of these calls */

static inline bool hmap_direct_get(struct peer_thread *t, uint64_t key, uint64_t *value)
{
	return hmap_get(t->map, t->t, key, value);
}

static inline void hmap_direct_insert(struct peer_thread *t, uint64_t key, uint64_t value)
{
	hmap_insert(t->map, t->t, key, value);
}

static inline bool hmap_direct_remove(struct peer_thread *t, uint64_t key)
{
	return hmap_delete(t->map, t->t, key);
}

static inline void hmap_direct_poll(struct peer_thread *t)
{
	(void)t;
}

static void hmap_direct_run(struct peer_thread *t, struct peer_work *work)
{
	peer_loop(t, work, hmap_direct_get, hmap_direct_insert, hmap_direct_remove,
		  hmap_direct_poll);
}

/* ---------------------------------------------------------------- batches of lookups */

static void hmap_batch_run(struct peer_thread *t, struct peer_work *work)
{
	uint64_t keys[PEER_POLL_OPS], values[PEER_POLL_OPS], state = work->state;
	bool found[PEER_POLL_OPS];

	work->n_ops = work->n_hits = 0;
	do {
		for (int i = 0; i < PEER_POLL_OPS; i++)
			keys[i] = (peer_next(&state) >> 20) & work->mask;
		reclaim_enter(t->t);
		work->n_hits += hmap_get_batch(t->map, t->t, keys, PEER_POLL_OPS, values, found);
		reclaim_exit(t->t);
		reclaim_poll(t->t);
		work->n_ops += PEER_POLL_OPS;
		/* Relaxed: only when to stop. */
	} while (!load_relaxed(work->stop));
	work->state = state;
}

/* A batch of one, for the check of answers. */
static bool hmap_batch_get(struct peer_thread *t, uint64_t key, uint64_t *value)
{
	bool found;

	reclaim_enter(t->t);
	hmap_get_batch(t->map, t->t, &key, 1, value, &found);
	reclaim_exit(t->t);
	return found;
}

/* ---------------------------------------------------------------- the peers */

#define HMAP_PEER                                                                                  \
	.kind = PEER_MAP, .create = hmap_peer_create, .destroy = hmap_peer_destroy,                \
	.begin = hmap_peer_begin, .end = hmap_peer_end, .get = hmap_peer_get,                      \
	.insert = hmap_peer_insert, .remove = hmap_peer_remove, .poll = hmap_peer_poll,            \
	.bytes = hmap_peer_bytes

const struct peer peer_hmap_sweepgen = {
	HMAP_PEER,
	.name = "hmap-sweepgen",
	.summary = "the shared map under sweepgen, a deferred strategy",
	.strategy = "sweepgen",
	.run = hmap_peer_run,
};
const struct peer peer_hmap_leak = {
	HMAP_PEER,	    .name = "hmap-leak",  .summary = "the shared map, never freeing",
	.strategy = "leak", .run = hmap_peer_run,
};
const struct peer peer_hmap_direct = {
	HMAP_PEER,
	.name = "hmap-direct",
	.summary = "as hmap-leak, without enter, exit and poll: the strategy table's own price",
	.strategy = "leak",
	.run = hmap_direct_run,
};
const struct peer peer_hmap_immediate = {
	HMAP_PEER,
	.name = "hmap-immediate",
	.summary = "the shared map, freeing in the delete, readers lock",
	.strategy = "immediate",
	.run = hmap_peer_run,
};
const struct peer peer_hmap_batch = {
	.kind = PEER_MAP,
	.name = "hmap-batch",
	.summary = "hmap_get_batch() of 16 under sweepgen",
	.strategy = "sweepgen",
	.is_gets_only = true,
	.create = hmap_peer_create,
	.destroy = hmap_peer_destroy,
	.begin = hmap_peer_begin,
	.end = hmap_peer_end,
	.get = hmap_batch_get,
	.insert = hmap_peer_insert,
	.remove = hmap_peer_remove,
	.poll = hmap_peer_poll,
	.run = hmap_batch_run,
	.bytes = hmap_peer_bytes,
};
