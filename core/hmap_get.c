/* SPDX-License-Identifier: MIT */
/* hmap_get.c - lookups: one, many at once, all.  Why a hit may be believed stands in hmap_internal.h, READERS. */
#include "hmap_internal.h"

enum search_result { SEARCH_MISS, SEARCH_HIT, SEARCH_AGAIN };

/* Was the chain locked between two looks at its head?
 *
 * Control `aba` compares the address alone.  The interleaving, as articles on reuse tell it:
 *
 *   reader, looking for K              writer
 *   link word: address P
 *   tophash and key of cell i are K's
 *                                      deletes K, cell i is empty
 *                                      puts K2 into cell i: key, value, tophash
 *   value of cell i is K2's
 *   link word: address P, as before: "not moved", K2's value is returned for K
 *
 * The version has advanced by two meanwhile; that is what tells. */
static inline bool hmap_has_moved(const struct hmap *m, uint64_t before, uint64_t now)
{
	if (CONTROL(aba))
		return link_pointer(m->packing, before) != link_pointer(m->packing, now);
	return !hmap_same_version(m, now, before);
}

/* Look for the key in one chain.  AGAIN: a cell was reused, or may have been, while it was read. */
static inline enum search_result hmap_search_chain(const struct hmap *m, const struct bucket *head,
						   uint64_t key, uint8_t top, uint64_t *value)
{
	/* acquire: pairs with hmap_unlock() and hmap_lock_seen(). */
	const uint64_t seen = ((void)AUDIT_SEE(m->r, head), load_acquire(&head->link));
	uint64_t link = seen;

	for (const struct bucket *b = head;;) {
		const uint64_t generation = AUDIT_SEE(m->r, b);
		/* acquire: pairs with the tophash stores of hmap_put_cell() and hmap_publish_marks(). */
		const uint64_t word = load_acquire(&b->tophash);

		for (uint64_t match = tophash_match(word, top); match; match &= match - 1) {
			const struct cell *c = &b->cells[first_cell(match)];
			uint64_t v;

			/* acquire, both: pair with hmap_put_cell()'s and the clearing evacuation's release
			 * stores, so that the second look at the version sees the advance before them. */
			if (load_acquire(&c->key) != key)
				continue;
			if (CONTROL(aba))
				PERTURB_HERE();
			v = load_acquire(&c->value);
			/* Relaxed: ordered after the value by its acquire. */
			if (unlikely(hmap_has_moved(m, seen, load_relaxed(&head->link))))
				return SEARCH_AGAIN;
			AUDIT_SAME(m->r, b, generation);
			if (m->is_payload && unlikely(!v))
				return SEARCH_MISS; /* being deleted */
			*value = v;
			return SEARCH_HIT;
		}
		AUDIT_SAME(m->r, b, generation);
		if (likely(tophash_ends(word)))
			return SEARCH_MISS;
		if (b != head)
			link = load_acquire(&b->link); /* pairs with hmap_set_next() */
		b = link_pointer(m->packing, link);
		if (!b)
			return SEARCH_MISS;
	}
}

/* The lookup proper, from a known descriptor and head on.  Section held. */
static inline bool hmap_get_from(struct hmap *m, struct table *table, struct bucket *head,
				 uint64_t hash, uint64_t key, uint64_t *value)
{
	for (;;) {
		const enum search_result result =
			hmap_search_chain(m, head, key, tophash_of(hash), value);

		if (likely(result == SEARCH_HIT))
			return true;
		if (result == SEARCH_AGAIN)
			continue;
		if (likely(!hmap_is_evacuated(head)))
			return false;
		/* Moved while or before it was searched.  From the old array: look in the new one.  From what
		 * was the current array: a growth has begun and got here, and its descriptor is visible, since
		 * the mark was (release in hmap_publish_marks(), after the evacuator saw the descriptor). */
		if (head == &table->buckets[hash & table->mask]) {
			table = hmap_table(m);
			hash = hmap_hash_of(m, key, table);
			head = hmap_head(m, table, hash);
		} else {
			head = &table->buckets[hash & table->mask];
		}
	}
}

/* ---------------------------------------------------------------- strategies that protect single pointers */

struct table *hmap_protect_table(struct hmap *m, struct reclaim_thread *t)
{
	for (;;) {
		struct table *table = hmap_table(m);

		if (!table)
			return NULL;
		t->ops->protect(t, SLOT_TABLE, table);
		/* The source again: the descriptor was not retired before it was protected. */
		if (load_seq_cst(&m->table) != table)
			continue;
		t->ops->protect(t, SLOT_ARRAY, table->buckets);
		t->ops->protect(t, SLOT_OLD_ARRAY, table->old);
		/* An array is retired only after a descriptor without it was published. */
		if (load_seq_cst(&m->table) == table)
			return table;
	}
}

/* Is `b`, protected, still linked and its chain still this table's? */
static bool hmap_still_linked(struct hmap *m, struct table *table, const struct bucket *b,
			      const struct bucket *head, uint64_t link)
{
	const uint64_t now = load_seq_cst(&b->link);

	return link_pointer(m->packing, now) == link_pointer(m->packing, link) &&
	       !(b != head && (now & LINK_TAG)) && load_seq_cst(&m->table) == table;
}

static enum search_result hmap_search_protected(struct hmap *m, struct reclaim_thread *t,
						struct table *table, const struct bucket *head,
						uint64_t key, uint8_t top, uint64_t *value)
{
	/* acquire, here and below: as in hmap_search_chain(), they pair with hmap_unlock() and hmap_put_cell();
	 * a second look is seq_cst, after protect()'s store. */
	const uint64_t seen = load_acquire(&head->link);
	unsigned slot = SLOT_BUCKET_A;

	for (const struct bucket *b = head;;) {
		const uint64_t generation = AUDIT_SEE(m->r, b);
		const uint64_t word = load_acquire(&b->tophash);
		uint64_t link;

		for (uint64_t match = tophash_match(word, top); match; match &= match - 1) {
			const struct cell *c = &b->cells[first_cell(match)];
			uint64_t v;

			if (load_acquire(&c->key) != key)
				continue;
			v = load_acquire(&c->value);
			if (m->is_payload) {
				if (!v)
					return SEARCH_MISS;
				if (CONTROL(no_recheck))
					PERTURB_HERE();
				t->ops->protect(t, SLOT_PAYLOAD, (void *)v);
				/* Still in its cell, in a bucket that is linked and not evacuated: then it was
				 * not retired before it was protected. */
				if (CONTROL(no_recheck)) {
					*value = v;
					return SEARCH_HIT;
				}
				if (load_seq_cst(&c->value) != v ||
				    tophash_evacuated(load_seq_cst(&head->tophash)) ||
				    (b != head && (load_seq_cst(&b->link) & LINK_TAG)))
					return SEARCH_AGAIN;
			}
			if (!hmap_same_version(m, load_seq_cst(&head->link), seen))
				return SEARCH_AGAIN;
			*value = v;
			return SEARCH_HIT;
		}
		AUDIT_SAME(m->r, b, generation);
		if (tophash_ends(word))
			return SEARCH_MISS;
		link = load_acquire(&b->link);
		const struct bucket *next = link_pointer(m->packing, link);

		if (!next)
			return SEARCH_MISS;
		if (b != head && (link & LINK_TAG))
			return SEARCH_AGAIN;
		/* Two slots in turn: the bucket stood on stays protected while the next is taken. */
		t->ops->protect(t, slot, (void *)(uintptr_t)next);
		if (!hmap_still_linked(m, table, b, head, link))
			return SEARCH_AGAIN;
		slot = slot == SLOT_BUCKET_A ? SLOT_BUCKET_B : SLOT_BUCKET_A;
		b = next;
	}
}

static bool hmap_get_protected(struct hmap *m, struct reclaim_thread *t, uint64_t key,
			       uint64_t *value)
{
	unsigned n_spins = 0;

	for (;;) {
		struct table *table = hmap_protect_table(m, t);
		enum search_result result;
		struct bucket *head;
		uint64_t hash;

		if (!table)
			return false;
		hash = hmap_hash_of(m, key, table);
		head = hmap_head(m, table, hash);
		result = hmap_search_protected(m, t, table, head, key, tophash_of(hash), value);
		if (result == SEARCH_HIT)
			return true;
		if (result == SEARCH_MISS && !hmap_is_evacuated(head))
			return false;
		if (result == SEARCH_AGAIN)
			hmap_backoff(&n_spins);
	}
}

/* ---------------------------------------------------------------- get */

/* One look at the head decides nearly all lookups: a hit in the first cell of this tophash, or a miss in a chain
 * that ends here.  AGAIN: it takes more than that, or the chain was locked meanwhile.
 *
 * Why a miss may be believed without looking for evacuation: an evacuated head ends with no EMPTY_REST; and
 * without a change of the version nothing in the chain was reused or cleared while the key was compared. */

/* Without a branch that depends on whether the key is there: where that is chance, mispredicting it costs more
 * than the rest of the lookup. */
static inline enum search_result hmap_look_near(const struct hmap *m, const struct bucket *head,
						uint64_t key, uint8_t top, uint64_t *value)
{
	/* acquire, all: as in hmap_search_chain(). */
	const uint64_t seen = load_acquire(&head->link), word = load_acquire(&head->tophash);
	const unsigned match = tophash_bits(word, top);
	/* No match: the first cell, for it lies beside the tophash. */
	const unsigned i = (unsigned)__builtin_ctz(match | 1u << HMAP_N_CELLS) % HMAP_N_CELLS;
	const unsigned is_hit = (load_acquire(&head->cells[i].key) == key) & (match != 0);
	const uint64_t v = load_acquire(&head->cells[i].value);
	const unsigned more = (match & (match - 1)) | (unsigned)(word >> 56);

	/* Relaxed: ordered after the value by its acquire. */
	if (unlikely(load_relaxed(&head->link) != seen) || unlikely(more & (is_hit - 1)))
		return SEARCH_AGAIN;
	if (m->is_payload && unlikely((v == 0) & is_hit))
		return SEARCH_AGAIN; /* being deleted */
	*value = v;
	return is_hit ? SEARCH_HIT : SEARCH_MISS;
}

/* With branches, for tables beyond the caches: what waits for memory fills the processor's queues, and a guess lets
 * the misses of the next lookups begin meanwhile.  Level with the other at HMAP_N_FAR buckets, 9 MiB; at 2^20 keys
 * 1.0 to 1.2 times as fast, at 2^10 half as fast. */
#define HMAP_N_FAR UINT64_C(65536)
static inline enum search_result hmap_look_far(const struct hmap *m, const struct bucket *head,
					       uint64_t key, uint8_t top, uint64_t *value)
{
	/* acquire, all: as in hmap_search_chain(). */
	const uint64_t seen = load_acquire(&head->link), word = load_acquire(&head->tophash);
	const uint64_t match = tophash_match(word, top);
	uint64_t v;

	if (!match)
		return likely(tophash_ends(word)) ? SEARCH_MISS : SEARCH_AGAIN;
	if (unlikely(load_acquire(&head->cells[first_cell(match)].key) != key))
		return SEARCH_AGAIN;
	v = load_acquire(&head->cells[first_cell(match)].value);
	if (unlikely(load_relaxed(&head->link) != seen))
		return SEARCH_AGAIN;
	if (unlikely(!v) && m->is_payload)
		return SEARCH_AGAIN;
	*value = v;
	return SEARCH_HIT;
}

/* Any map, any state of it. */
static bool __attribute__((noinline))
hmap_get_any(struct hmap *m, struct reclaim_thread *t, uint64_t key, uint64_t *value)
{
	struct table *table;
	struct bucket *head;
	uint64_t hash;

	if (unlikely(m->flags & NEEDS_PROTECT))
		return hmap_get_protected(m, t, key, value);
	if (unlikely(m->flags & READER_LOCKS) && !CONTROL(no_exclusion))
		hmap_stripe_lock(m, t, key);
	table = hmap_table(m);
	if (unlikely(!table))
		return false;
	(void)AUDIT_SEE(m->r, table);
	hash = hmap_hash_of(m, key, table);
	head = hmap_head(m, table, hash);
	/* A bucket covers three lines; the cell's follows from the tophash in the first: fetch all at once. */
	__builtin_prefetch(&head->cells[3]);
	__builtin_prefetch(&head->cells[7]);
	return hmap_get_from(m, table, head, hash, key, value);
}

bool hmap_get(struct hmap *m, struct reclaim_thread *t, uint64_t key, uint64_t *value)
{
	struct table *table = hmap_table(m);
	const struct bucket *head;
	enum search_result result;
	uint64_t hash;

	if (unlikely(!m->is_ordinary) || unlikely(!table) || unlikely(table->old != NULL))
		return hmap_get_any(m, t, key, value);
	hash = hmap_hash_inline(key, &table->hash);
	head = &table->buckets[hash & table->mask];
	/* A bucket covers three lines; the cell's follows from the tophash in the first: fetch all at once. */
	__builtin_prefetch(&head->cells[3]);
	__builtin_prefetch(&head->cells[7]);
	if (table->mask >= HMAP_N_FAR - 1)
		result = hmap_look_far(m, head, key, tophash_of(hash), value);
	else
		result = hmap_look_near(m, head, key, tophash_of(hash), value);
	if (unlikely(result == SEARCH_AGAIN))
		return hmap_get_any(m, t, key, value);
	return result == SEARCH_HIT;
}

unsigned hmap_get_batch(struct hmap *m, struct reclaim_thread *t, const uint64_t *keys, unsigned n,
			uint64_t *values, bool *found)
{
	struct bucket *heads[HMAP_BATCH_MAX];
	uint64_t hashes[HMAP_BATCH_MAX];
	unsigned n_found = 0;
	struct table *table;
	bool is_simple;

	if (m->flags & (NEEDS_PROTECT | READER_LOCKS)) {
		for (unsigned i = 0; i < n; i++) {
			found[i] = hmap_get(m, t, keys[i], &values[i]);
			if (m->is_payload)
				values[i] = 0;
			n_found += found[i];
		}
		return n_found;
	}
	table = hmap_table(m);
	if (!table) {
		memset(found, 0, n * sizeof(*found));
		return 0;
	}
	is_simple = m->is_ordinary && !table->old;
	for (unsigned i = 0; i < n; i++) {
		hashes[i] = hmap_hash_of(m, keys[i], table);
		/* While growing the old bucket must be looked at to know which: fetch both first lines. */
		heads[i] = &table->buckets[hashes[i] & table->mask];
		__builtin_prefetch(heads[i]);
		if (table->old)
			__builtin_prefetch(&table->old[hashes[i] & table->old_mask]);
		__builtin_prefetch(&heads[i]->cells[3]);
		__builtin_prefetch(&heads[i]->cells[7]);
	}
	for (unsigned i = 0; i < n; i++) {
		const enum search_result result =
			is_simple ? hmap_look_near(m, heads[i], keys[i], tophash_of(hashes[i]),
						   &values[i])
				  : SEARCH_AGAIN;

		found[i] = result == SEARCH_HIT;
		if (unlikely(result == SEARCH_AGAIN))
			found[i] = hmap_get_from(m, table, hmap_head(m, table, hashes[i]),
						 hashes[i], keys[i], &values[i]);
		n_found += found[i];
	}
	return n_found;
}

/* ---------------------------------------------------------------- range */

/* Show the entries that bucket `index` of the current array holds, or will when its old bucket is evacuated. */
static bool hmap_range_chain(struct hmap *m, const struct table *table, struct bucket *head,
			     uint64_t index, hmap_range_fn *fn, void *ctx)
{
	for (struct bucket *b = head; b; b = hmap_next(m, b)) {
		const uint64_t word = load_relaxed(&b->tophash); /* relaxed: head's lock held */

		for (unsigned i = 0; i < HMAP_N_CELLS; i++) {
			const uint64_t key = load_relaxed(&b->cells[i].key);

			if (tophash_at(word, i) < MIN_TOPHASH ||
			    (hmap_hash_of(m, key, table) & table->mask) != index)
				continue;
			if (!fn(ctx, key, load_relaxed(&b->cells[i].value)))
				return false;
		}
	}
	return true;
}

/* The table that is walked.  READER_LOCKS: it may be freed between two buckets, so all that is needed of it is
 * kept, and its address alone does not tell it from a later one that lies in the same place: any such has
 * another growth before it. */
struct range_table {
	struct table *table;
	uint64_t n_buckets, n_growths;
};

/* Set Go's iterator flags.  They and the table belong together: a growth that begins later carries ITERATOR
 * over. */
static struct range_table hmap_range_begin(struct hmap *m, struct reclaim_thread *t)
{
	struct range_table range = {0};

	hmap_grow_lock(m, t); /* nobody replaces the table */
	range.table = hmap_table(m);
	range.n_growths = load_relaxed(&m->n_growths); /* relaxed: the lock orders */
	if (range.table) {
		range.n_buckets = range.table->mask + 1;
		store_relaxed(&m->iterator_flags, load_relaxed(&m->iterator_flags) | ITERATOR |
							  (range.table->old ? OLD_ITERATOR : 0));
	}
	hmap_grow_unlock(m);
	if (range.table && (m->flags & NEEDS_PROTECT)) {
		range.table = hmap_protect_table(m, t);
		range.n_buckets = range.table->mask + 1;
	}
	return range;
}

enum range_step { RANGE_NEXT, RANGE_STOP, RANGE_RESTART };

static enum range_step hmap_range_bucket(struct hmap *m, struct reclaim_thread *t,
					 const struct range_table *range, uint64_t index,
					 hmap_range_fn *fn, void *ctx)
{
	enum range_step step = RANGE_RESTART;
	struct table *table = range->table;
	struct bucket *head;

	if (m->flags & READER_LOCKS) {
		hmap_stripe_lock_index(m, t, index);
		/* Relaxed: counted before the table is replaced, under all stripes. */
		if (hmap_table(m) != table || load_relaxed(&m->n_growths) != range->n_growths)
			return RANGE_RESTART; /* it may be freed already: do not look */
	}
	head = hmap_head(m, table, index);
	hmap_lock(m, head);
	if (hmap_table(m) == table && head == hmap_head(m, table, index))
		step = hmap_range_chain(m, table, head, index, fn, ctx) ? RANGE_NEXT : RANGE_STOP;
	hmap_unlock(head);
	return step;
}

void hmap_range(struct hmap *m, struct reclaim_thread *t, hmap_range_fn *fn, void *ctx)
{
	struct range_table range = hmap_range_begin(m, t);

	for (uint64_t i = 0; i < range.n_buckets;) {
		switch (hmap_range_bucket(m, t, &range, i, fn, ctx)) {
		case RANGE_NEXT:
			i++;
			break;
		case RANGE_STOP:
			return;
		case RANGE_RESTART: /* the table was changed: entries may be shown again */
			range = hmap_range_begin(m, t);
			i = 0;
			break;
		}
	}
}
