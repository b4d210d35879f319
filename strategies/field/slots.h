/* SPDX-License-Identifier: MIT */
/* slots.h - protection by era and, where the era has just moved, by address: what ibr and hyaline's robust
 * variant share.
 *
 * Both protect whatever was born up to the era a reader has announced.  In the papers a read is a loop: load the
 * pointer, look at the era, and start over until the era has not moved since it was announced.  Here the caller
 * (ops->protect) loads the pointer, protects it, loads it again and goes on when it is the same.  When the era has
 * not moved since the announcement that is the paper's loop.  When it has, the second load may find, at the
 * same address, another object, born after the era just announced: the first one was freed in between and its
 * memory used again.  So in that case, which is rare, the address itself is announced too, as a hazard pointer:
 * whatever lies there at the second load was not retired before.
 *
 * Writers: `era` and `slots` the thread they belong to; any thread reads them.
 */
#ifndef RECLAIMBENCH_FIELD_SLOTS_H
#define RECLAIMBENCH_FIELD_SLOTS_H

#include "field/order.h"
#include "hmap.h"

#define ERA_SLOTS HMAP_N_SLOTS

struct era_slots {
	_Atomic(uint64_t) era;	  /* objects born up to here are protected */
	_Atomic(uint32_t) n_used; /* slots that may be set */
	_Atomic(void *) slots[ERA_SLOTS];
};

/* ops->protect for a thread whose section is announced. */
static inline void era_protect(struct era_slots *s, const _Atomic(uint64_t) *now, unsigned slot,
			       void *object)
{
	/* acquire: pairs with the increment of the era.  Own `era`: relaxed, only this thread writes it. */
	const uint64_t era = load_acquire(now);

	if (!object || likely(era == load_relaxed(&s->era)))
		return;
	store_release(&s->slots[slot], object);
	if (load_relaxed(&s->n_used) <= slot)
		store_release(&s->n_used, slot + 1);
	/* Orders both announcements before the caller's second load: either that sees the unlink, or whoever
	 * looks after the unlink sees them. */
	order_publish(&s->era, era);
}

/* At the end of a section, before it is announced. */
static inline void era_clear(struct era_slots *s)
{
	const uint32_t n = load_relaxed(&s->n_used);

	if (likely(n == 0))
		return;
	/* release: pairs with the acquires in era_holds(). */
	for (uint32_t i = 0; i < n; i++)
		store_release(&s->slots[i], NULL);
	store_release(&s->n_used, 0);
}

/* Whether `object` is announced by address.  After a full fence that follows the unlink. */
static inline bool era_holds(struct era_slots *s, const void *object)
{
	/* acquire: pairs with the releases in era_protect() and era_clear(). */
	const uint32_t n = load_acquire(&s->n_used);

	for (uint32_t i = 0; i < n; i++)
		if (load_acquire(&s->slots[i]) == object)
			return true;
	return false;
}

#endif
