/* SPDX-License-Identifier: MIT */
/* limbo.c - freeing lists of retired objects. */
#include "field/limbo.h"

void limbo_all_safe(struct limbo *safe, struct limbo *from, uint64_t now_ticks)
{
	for (struct limbo_node *node = from->head; node; node = node->next)
		node->word = LIMBO_SAFE | now_ticks;
	limbo_splice(safe, from);
}

uint64_t limbo_free(struct reclaim_thread *t, struct limbo *safe, uint64_t max)
{
	const struct heap *h = reclaim_heap(t->r);
	const bool is_hidden = t->flags & SAFE_HIDDEN;
	struct reclaim_freed freed = {0};
	uint64_t now, n = 0;

	if (!safe->head)
		return 0;
	now = clock_ticks(t->clock);
	while (safe->head && n < max) {
		struct limbo_node *node = safe->head;
		const uint64_t ticks = node->word & ~LIMBO_SAFE;

		safe->head = node->next;
		safe->n--;
		n++;
		reclaim_free_one(t, &freed, heap_node_object(h, node),
				 is_hidden ? LIFE_SAFE_UNKNOWN : ticks, now);
	}
	reclaim_free_end(t, &freed, now);
	return n;
}

uint64_t limbo_safe_ticks(struct reclaim *r, void *object, const struct heap_stamps *stamps)
{
	const struct limbo_node *node = heap_node(reclaim_heap(r), object);

	(void)stamps;
	return node->word & LIMBO_SAFE ? node->word & ~LIMBO_SAFE : 0;
}
