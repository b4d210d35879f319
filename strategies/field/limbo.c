/* SPDX-License-Identifier: MIT */
/* limbo.c - freeing lists of retired objects. */
#include "field/limbo.h"

void limbo_all_safe(const struct reclaim_thread *t, struct limbo *safe, struct limbo *from,
		    uint64_t now_ticks)
{
	/* Who asks when it was safe is who records lives: without them a batch is not walked through. */
	for (struct limbo_node *node = t->tracking ? from->head : NULL; node; node = node->next)
		node->word = LIMBO_SAFE | now_ticks;
	limbo_splice(safe, from);
}

/* As many of a burst are freed at one reading of the clock, and counted together: some 10 us of it, so that neither
 * the moment of freeing nor the gauge of the limbo is off by a whole burst. */
#define LIMBO_CHUNK 256u

static uint64_t limbo_free_chunk(struct reclaim_thread *t, struct limbo *safe, uint64_t max)
{
	const struct heap *h = reclaim_heap(t->r);
	const bool is_hidden = t->flags & SAFE_HIDDEN;
	const uint64_t now = clock_ticks(t->clock);
	struct reclaim_freed freed = {0};
	uint64_t n = 0;

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

uint64_t limbo_free(struct reclaim_thread *t, struct limbo *safe, uint64_t max)
{
	uint64_t n = 0;

	while (safe->head && n < max)
		n += limbo_free_chunk(t, safe, max - n < LIMBO_CHUNK ? max - n : LIMBO_CHUNK);
	return n;
}

uint64_t limbo_safe_ticks(struct reclaim *r, void *object, const struct heap_stamps *stamps)
{
	const struct limbo_node *node = heap_node(reclaim_heap(r), object);

	(void)stamps;
	return node->word & LIMBO_SAFE ? node->word & ~LIMBO_SAFE : 0;
}
