/* SPDX-License-Identifier: MIT */
/* hmap_lock.c - the locks that are not in buckets: READER_LOCKS' stripes and the growth lock.  Order and reasons
 * stand in hmap_internal.h. */
#include "hmap_internal.h"

static bool hmap_stripe_try(struct hmap_stripe *s)
{
	/* The load keeps waiters from writing the line.  acquire: pairs with the release in
	 * reclaim_release_map_lock() and hmap_all_stripes_unlock(). */
	return !load_relaxed(&s->locked) && !xchg_acq_rel(&s->locked, 1);
}

void hmap_stripe_unlock(struct reclaim_thread *t)
{
	if (t->map_lock)
		reclaim_release_map_lock(t);
}

/* Lock the stripe of an index or a hash. */
void hmap_stripe_lock_index(struct hmap *m, struct reclaim_thread *t, uint64_t index)
{
	unsigned n_spins = 0;

	if (t->map_lock)
		reclaim_release_map_lock(t);
	for (;;) {
		/* Relaxed: checked again under the stripe; it changes only under all stripes. */
		const uint64_t mask = load_relaxed(&m->stripe_mask);
		struct hmap_stripe *s = &m->stripes[index & mask];

		if (!hmap_stripe_try(s)) {
			hmap_backoff(&n_spins);
			continue;
		}
		t->map_lock = &s->locked;
		if (mask == load_relaxed(&m->stripe_mask))
			return;
		reclaim_release_map_lock(t);
	}
}

void hmap_stripe_lock(struct hmap *m, struct reclaim_thread *t, uint64_t key)
{
	uint64_t seed;

	do {
		/* Relaxed: as stripe_mask. */
		seed = load_relaxed(&m->stripe_seed);
		hmap_stripe_lock_index(m, t,
				       m->hash ? m->hash(key, seed) : hmap_hash_default(key, seed));
	} while (seed != load_relaxed(&m->stripe_seed));
}

bool hmap_grow_trylock(struct hmap *m)
{
	/* acquire: pairs with the release in hmap_grow_unlock(). */
	return !load_relaxed(&m->grow_lock) && !xchg_acq_rel(&m->grow_lock, 1);
}

void hmap_grow_lock(struct hmap *m, struct reclaim_thread *t)
{
	unsigned n_spins = 0;

	hmap_stripe_unlock(t);
	while (!hmap_grow_trylock(m))
		hmap_backoff(&n_spins);
}

void hmap_grow_unlock(struct hmap *m)
{
	store_release(&m->grow_lock, 0);
}

void hmap_all_stripes_lock(struct hmap *m, struct reclaim_thread *t)
{
	hmap_stripe_unlock(t);
	if (!(m->flags & READER_LOCKS))
		return;
	for (unsigned i = 0; i < HMAP_N_STRIPES; i++) {
		unsigned n_spins = 0;

		while (!hmap_stripe_try(&m->stripes[i]))
			hmap_backoff(&n_spins);
	}
}

void hmap_all_stripes_unlock(struct hmap *m)
{
	if (m->flags & READER_LOCKS)
		for (unsigned i = 0; i < HMAP_N_STRIPES; i++)
			store_release(&m->stripes[i].locked, 0);
}
