/* SPDX-License-Identifier: MIT */
/* hmap.c - create, insert, delete, clear.  The argument why all this is safe stands in hmap_internal.h; lookups are
 * in hmap_get.c, growth in hmap_grow.c. */
#include "hmap_internal.h"

#include <stdio.h>
#include <stdlib.h>

uint64_t hmap_hash_default(uint64_t key, uint64_t seed)
{
	const struct hash_seed parts = hmap_hash_seed(seed);

	return hmap_hash_inline(key, &parts);
}

static void hmap_root_trace(struct reclaim_root *root, struct reclaim_thread *t,
			    reclaim_trace_fn *visit, void *ctx);

struct hmap *hmap_from_root(struct reclaim_root *root)
{
	if (root->trace != hmap_root_trace)
		return NULL;
	return (struct hmap *)((char *)root - offsetof(struct hmap, root));
}

const struct hmap_config *hmap_config(const struct hmap *m)
{
	return &m->config;
}

/* ---------------------------------------------------------------- create, destroy */

int hmap_create(struct hmap **out, struct reclaim *r, struct reclaim_thread *t,
		const struct hmap_config *config)
{
	const unsigned n_threads = reclaim_config(r)->max_threads;
	const bool reader_locks = reclaim_flags(r) & READER_LOCKS;
	struct hmap *m;

	(void)t;
	if (config->mode == HMAP_PAYLOAD && config->value_bytes < sizeof(uint64_t))
		return -EINVAL;
	if (config->hint > UINT64_C(1) << 40)
		return -EINVAL;
	if ((reclaim_ops(r)->flags & NEEDS_PROTECT) && reclaim_ops(r)->n_slots < HMAP_N_SLOTS)
		return -EINVAL;
	m = aligned_alloc(PADDING_BYTES,
			  (sizeof(*m) + PADDING_BYTES - 1) / PADDING_BYTES * PADDING_BYTES);
	if (!m)
		return -ENOMEM;
	memset(m, 0, sizeof(*m));
	m->locals = aligned_alloc(64, n_threads * sizeof(*m->locals));
	if (reader_locks)
		m->stripes = aligned_alloc(64, HMAP_N_STRIPES * sizeof(*m->stripes));
	if (!m->locals || (reader_locks && !m->stripes)) {
		free(m->locals);
		free(m->stripes);
		free(m);
		return -ENOMEM;
	}
	memset(m->locals, 0, n_threads * sizeof(*m->locals));
	if (reader_locks)
		memset(m->stripes, 0, HMAP_N_STRIPES * sizeof(*m->stripes));
	m->config = *config;
	m->hash = config->hash == hmap_hash_default ? NULL : config->hash;
	m->r = r;
	m->flags = reclaim_flags(r);
	m->packing = heap_packing(reclaim_heap(r));
	m->version_mask = link_version(m->packing, UINT64_MAX);
	m->is_ordinary = !m->hash && !(m->flags & (READER_LOCKS | NEEDS_PROTECT)) && !AUDIT_BUILD;
	m->is_payload = config->mode == HMAP_PAYLOAD;
	m->unlink_empty = config->unlink == HMAP_UNLINK_EMPTY;
	store_relaxed(&m->stripe_seed, config->seed);
	m->root.trace = hmap_root_trace;
	reclaim_root_add(r, &m->root);
	*out = m;
	return 0;
}

/* Retire every payload of an array and its chains whose cell is filled. */
static void hmap_retire_payloads(struct hmap *m, struct reclaim_thread *t, struct bucket *array,
				 uint64_t n, bool is_growing)
{
	for (uint64_t i = 0; i < n; i++)
		for (struct bucket *b = &array[i]; b; b = hmap_next(m, b))
			for (unsigned k = 0; k < HMAP_N_CELLS; k++) {
				if (tophash_at(load_relaxed(&b->tophash), k) < MIN_TOPHASH)
					continue;
				void *payload = (void *)load_relaxed(&b->cells[k].value);

				store_relaxed(&b->cells[k].value, 0);
				hmap_barrier(m, t, payload, NULL);
				reclaim_retire(t, payload, is_growing);
			}
}

/* Retire all that an array holds; nobody else uses the map. */
static void hmap_retire_contents(struct hmap *m, struct reclaim_thread *t,
				 const struct table *table, struct bucket *array, uint64_t n,
				 bool is_growing)
{
	if (m->is_payload)
		hmap_retire_payloads(m, t, array, n, is_growing);
	for (uint64_t i = 0; i < n; i++)
		hmap_retire_chain(m, t, table, hmap_next(m, &array[i]), is_growing);
}

void hmap_destroy(struct hmap *m, struct reclaim_thread *t)
{
	struct table *table = hmap_table(m);

	hmap_stripe_unlock(t);
	reclaim_root_remove(m->r, &m->root);
	if (table) {
		const bool is_growing = table->old != NULL;

		if (is_growing) {
			hmap_retire_contents(m, t, table, table->old, table->old_mask + 1, true);
			hmap_barrier(m, t, table->old, NULL);
		}
		hmap_retire_contents(m, t, table, table->buckets, table->mask + 1, is_growing);
		hmap_barrier(m, t, table->buckets, NULL);
		hmap_barrier(m, t, table, NULL);
		store_relaxed(&m->table, NULL);
		reclaim_attachment_is_map(m->r, table->buckets);
		if (is_growing)
			reclaim_retire(t, table->old, true);
		reclaim_retire(t, table->buckets, is_growing);
		reclaim_retire(t, table, is_growing);
	}
	free(m->locals);
	free(m->stripes);
	free(m);
}

/* ---------------------------------------------------------------- count */

/* Who is alone is told from mutators and readers only; another thread that writes would corrupt the map. */
static void __attribute__((noreturn, cold)) hmap_die_role(const struct reclaim_thread *t)
{
	fprintf(stderr, "hmap: a thread registered as %s inserts or deletes; register it as %s\n",
		reclaim_role_names[t->role], reclaim_role_names[ROLE_MUTATOR]);
	abort();
}

/* The registration epoch has changed: find out whether this thread is alone, and if so take over what
 * threads that left had not published. */
bool hmap_refresh_alone(struct hmap *m, struct reclaim_thread *t, struct hmap_local *local)
{
	const uint64_t epoch = reclaim_registration_epoch(t);
	const int alone = reclaim_alone_begin(t);

	if (t->role != ROLE_MUTATOR && t->role != ROLE_READER)
		hmap_die_role(t);
	if (alone > 0) {
		for (unsigned i = 0; i < reclaim_config(m->r)->max_threads; i++) {
			struct hmap_local *other = &m->locals[i];

			if (other == local)
				continue;
			/* Relaxed: their threads have left; the registry lock orders. */
			add_relaxed(&m->count, load_relaxed(&other->delta));
			store_relaxed(&other->delta, 0);
		}
		reclaim_alone_end(t);
	}
	/* A registration between the two looks changes the epoch again, and the next operation sees that.  Where
	 * the registry was busy the next operation asks again. */
	if (alone >= 0)
		local->epoch = epoch;
	local->is_alone = alone > 0;
	return alone > 0;
}

uint64_t hmap_count(struct hmap *m)
{
	int64_t count = load_relaxed(&m->count);

	for (unsigned i = 0; i < reclaim_config(m->r)->max_threads; i++)
		count += load_relaxed(&m->locals[i].delta);
	return count > 0 ? (uint64_t)count : 0;
}

/* Go redraws the hash seed when a delete empties the map.  Here only while this thread is alone: then nobody
 * can have computed a place with the old seed and be about to use it. */
static void hmap_redraw_seed(struct hmap *m, struct reclaim_thread *t, struct table *table)
{
	struct table *next;
	bool is_alone;

	if (m->hash || table->old)
		return; /* an injected hash function owns its seed */
	/* Allocated before, and retired after: the registry is locked in between. */
	next = reclaim_alloc(t, OBJ_TABLE, sizeof(*next), false);
	if (!next)
		return;
	*next = *table;
	next->seed = hmap_mum(table->seed + UINT64_C(0x9e3779b97f4a7c15),
			      UINT64_C(0xe7037ed1a0b428db) ^ table->seed);
	next->hash = hmap_hash_seed(next->seed);
	is_alone = reclaim_alone_begin(t) > 0;
	if (is_alone) {
		/* Others may have come, written and gone since this delete looked: the epoch tells. */
		is_alone = reclaim_registration_epoch(t) == m->locals[t->index].epoch;
		if (is_alone)
			hmap_swap_table(m, t, table, next);
		reclaim_alone_end(t);
	}
	if (is_alone)
		reclaim_retire(t, table, false);
	else
		reclaim_unalloc(t, next);
}

/* ---------------------------------------------------------------- searching for a write */

/* What a writer needs to know of a chain. */
struct place {
	struct bucket *head;
	uint64_t seen;	       /* the head's link word before the search */
	struct bucket *bucket; /* where the key is, or where it would go; NULL: the chain is full */
	unsigned cell;
	bool found;
	struct bucket *tail;   /* last bucket of the chain */
	struct bucket *before; /* predecessor of `bucket`; NULL when that is the head */
};

/* Inlined, like all that has a place: then it lies in registers, a third of a write's time in small tables. */
#define HMAP_INLINE static inline __attribute__((always_inline))

HMAP_INLINE void hmap_search(const struct hmap *m, struct bucket *head, uint64_t key, uint8_t top,
			     struct place *p)
{
	struct bucket *before = NULL;

	*p = (struct place){.head = head, .seen = p->seen};
	for (struct bucket *b = head;;) {
		(void)AUDIT_SEE(m->r, b);
		/* acquire: pairs with hmap_put_cell()'s tophash store. */
		const uint64_t word = load_acquire(&b->tophash);
		struct bucket *next;

		for (uint64_t match = tophash_match(word, top); match; match &= match - 1) {
			const unsigned i = first_cell(match);

			if (load_acquire(&b->cells[i].key) == key) {
				p->found = true;
				p->bucket = b;
				p->cell = i;
				p->before = before;
				return;
			}
		}
		if (!p->bucket && tophash_empty(word)) {
			p->bucket = b;
			p->cell = first_cell(tophash_empty(word));
			p->before = before;
		}
		p->tail = b;
		if (tophash_ends(word))
			return;
		next = hmap_next(m, b);
		if (!next)
			return;
		before = b;
		b = next;
	}
}

/* NEEDS_PROTECT: an unlocked chain is not protected, so lock first; and look at it only while it is still part of
 * the map: the overflow buckets of an evacuated head may be freed already. */
static bool __attribute__((noinline))
hmap_lock_and_search(struct hmap *m, struct bucket *head, uint64_t key, uint8_t top,
		     struct table *table, struct place *p)
{
	p->head = head;
	hmap_lock(m, head);
	if (hmap_table(m) == table && !hmap_is_evacuated(head)) {
		hmap_search(m, head, key, top, p);
		return true;
	}
	hmap_unlock(head);
	return false;
}

/* Search the chain of `head` and lock it with the search's result still true.  `only_if_found`: an absent key
 * needs no lock.  False: start over. */
HMAP_INLINE bool hmap_search_and_lock(struct hmap *m, struct bucket *head, uint64_t key,
				      uint8_t top, struct table *table, bool only_if_found,
				      struct place *p)
{
	if (unlikely(m->flags & NEEDS_PROTECT)) {
		struct place found = {0};
		const bool ok = hmap_lock_and_search(m, head, key, top, table, &found);

		*p = found;
		return ok;
	}
	p->head = head;
	p->seen = load_acquire(&head->link); /* pairs with hmap_unlock() */
	hmap_search(m, head, key, top, p);
	if (only_if_found && !p->found)
		return hmap_table(m) == table && !hmap_is_evacuated(head);
	if ((p->seen & LINK_LOCK) || !hmap_lock_seen(m, head, p->seen))
		return false;
	if (likely(hmap_table(m) == table && !hmap_is_evacuated(head)))
		return true;
	hmap_unlock(head);
	return false;
}

/* The current descriptor, protected where the strategy wants that, and its stripe held where it wants that. */
static inline struct table *hmap_enter_table(struct hmap *m, struct reclaim_thread *t, uint64_t key)
{
	if (likely(!(m->flags & (READER_LOCKS | NEEDS_PROTECT))))
		return hmap_table(m);
	if (m->flags & READER_LOCKS) {
		hmap_stripe_lock(m, t, key);
		return hmap_table(m);
	}
	return hmap_protect_table(m, t);
}

/* As hmap_enter_table(), and advance a growth as every write does. */
static struct table *__attribute__((noinline))
hmap_enter_write_any(struct hmap *m, struct reclaim_thread *t, uint64_t key)
{
	for (;;) {
		struct table *table = hmap_enter_table(m, t, key);

		if (unlikely(!table) || likely(!table->old))
			return table;
		hmap_grow_work(m, t, table, hmap_hash_of(m, key, table));
		if ((m->flags & READER_LOCKS) && !t->map_lock)
			continue; /* a growth ended and took all stripes */
		if (hmap_table(m) == table)
			return table;
		/* Changed: take the new one, but one write helps a growth only once. */
		return m->flags & NEEDS_PROTECT ? hmap_protect_table(m, t) : hmap_table(m);
	}
}

/* The same, with the key's hash; what usually is the head is on its way when this returns. */
HMAP_INLINE struct table *hmap_enter_write(struct hmap *m, struct reclaim_thread *t, uint64_t key,
					   uint64_t *hash)
{
	struct table *table = hmap_table(m);
	const struct bucket *head;

	if (unlikely(!m->is_ordinary) || unlikely(!table) || unlikely(table->old != NULL))
		table = hmap_enter_write_any(m, t, key);
	if (unlikely(!table))
		return NULL;
	*hash = hmap_hash_of(m, key, table);
	head = &table->buckets[*hash & table->mask];
	prefetch_write(head);
	prefetch_write(&head->cells[3]);
	prefetch_write(&head->cells[7]);
	return table;
}

/* ---------------------------------------------------------------- insert */

/* Fill an empty cell; head's lock held.  Key and value first, the tophash that shows them last. */
static void hmap_put_cell(struct bucket *b, unsigned i, uint8_t top, uint64_t key, uint64_t value)
{
	store_release(&b->cells[i].key, key);
	store_release(&b->cells[i].value, value);
	/* release: pairs with the acquire of the tophash word in the searches. */
	store_release(&b->tophash, tophash_set(load_relaxed(&b->tophash), i, top));
}

/* Which array a chain hangs from. */
static void hmap_array_of(const struct table *table, const struct bucket *head,
			  struct bucket **array, struct array_extra **extra)
{
	const bool is_old = hmap_is_interior(table->old, table->old_extra, head);

	*array = is_old ? table->old : table->buckets;
	*extra = is_old ? table->old_extra : table->extra;
}

/* The key is absent; the head is locked.  False: out of memory. */
HMAP_INLINE bool hmap_insert_locked(struct hmap *m, struct reclaim_thread *t, struct table *table,
				    struct place *p, uint8_t top, uint64_t key, uint64_t value)
{
	if (likely(p->bucket)) {
		if (unlikely(p->before) && !m->unlink_empty &&
		    tophash_empty(load_relaxed(&p->bucket->tophash)) == BYTES_80 &&
		    hmap_is_own_object(table, p->bucket)) {
			reclaim_stamp_revived(t, p->bucket);
			counter_add(&m->locals[t->index].n_revivals, 1);
		}
		hmap_put_cell(p->bucket, p->cell, top, key, value);
		return true;
	}
	struct bucket *array;
	struct array_extra *extra;
	struct bucket *more;

	hmap_array_of(table, p->head, &array, &extra);
	more = hmap_new_overflow(m, t, table, array, extra);
	if (!more)
		return false;
	hmap_put_cell(more, 0, top, key, value);
	hmap_link_overflow(m, t, array, extra, p->tail, more);
	return true;
}

static bool hmap_wants_growth(const struct hmap *m, const struct hmap_local *local,
			      const struct table *table)
{
	return !table->old && (hmap_over_load_factor(hmap_count_seen(m, local) + 1, table->b) ||
			       hmap_too_many_overflow(load_relaxed(&m->noverflow), table->b));
}

/* The value word to store: the value itself, or a filled payload.  0: out of memory. */
static bool hmap_make_value(struct hmap *m, struct reclaim_thread *t, uint64_t value, size_t bytes,
			    uint64_t *word)
{
	uint64_t *payload;

	*word = value;
	if (!m->is_payload)
		return true;
	payload = reclaim_alloc(t, OBJ_VALUE, bytes, false);
	if (!payload)
		return false;
	*payload = value;
	*word = (uint64_t)payload;
	return true;
}

static void hmap_drop_value(struct hmap *m, struct reclaim_thread *t, uint64_t word)
{
	if (m->is_payload)
		reclaim_unalloc(t, (void *)word);
}

enum hmap_result hmap_insert_sized(struct hmap *m, struct reclaim_thread *t, uint64_t key,
				   uint64_t value, size_t bytes)
{
	struct hmap_local *local = &m->locals[t->index];
	unsigned n_spins = 0, n_growths = 0;
	uint64_t word;

	if (!hmap_make_value(m, t, value, bytes, &word))
		return HMAP_NO_MEMORY;
	hmap_is_alone(m, t, local);
	for (;; hmap_backoff(&n_spins)) {
		struct place p;
		uint64_t hash;
		struct table *table = hmap_enter_write(m, t, key, &hash);

		if (unlikely(!table)) {
			if (!hmap_grow_begin(m, t, NULL))
				break;
			continue;
		}
		if (!hmap_search_and_lock(m, hmap_head(m, table, hash), key, tophash_of(hash),
					  table, false, &p))
			continue;
		if (p.found) {
			const uint64_t old = load_relaxed(&p.bucket->cells[p.cell].value);

			if (m->is_payload)
				hmap_barrier(m, t, (void *)old, (void *)word);
			/* release: a reader that follows the payload sees it filled. */
			store_release(&p.bucket->cells[p.cell].value, word);
			hmap_unlock(p.head);
			if (m->is_payload)
				reclaim_retire(t, (void *)old, table->old != NULL);
			return HMAP_REPLACED;
		}
		/* Two a call: a growth that does not cure what asked for it (many keys of one bucket) must not
		 * keep the insert from ever being done. */
		if (unlikely(hmap_wants_growth(m, local, table)) && n_growths++ < 2) {
			hmap_unlock(p.head);
			if (!hmap_grow_begin(m, t, table))
				break;
			continue;
		}
		if (m->is_payload)
			hmap_barrier(m, t, NULL, (void *)word);
		const bool ok = hmap_insert_locked(m, t, table, &p, tophash_of(hash), key, word);

		hmap_unlock(p.head);
		if (!ok)
			break;
		hmap_count_add(m, local, 1);
		return HMAP_INSERTED;
	}
	hmap_drop_value(m, t, word);
	return HMAP_NO_MEMORY;
}

enum hmap_result hmap_insert(struct hmap *m, struct reclaim_thread *t, uint64_t key, uint64_t value)
{
	return hmap_insert_sized(m, t, key, value, m->config.value_bytes);
}

/* ---------------------------------------------------------------- delete */

/* Go's clean-up went through a whole bucket: on with those before it. */
static void __attribute__((noinline))
hmap_empty_rest_before(const struct hmap *m, struct bucket *head, struct bucket *b)
{
	for (;;) {
		struct bucket *c = head;
		uint64_t before, word;

		while (hmap_next(m, c) != b)
			c = hmap_next(m, c);
		before = load_relaxed(&c->tophash); /* relaxed: head's lock held */
		word = tophash_rest(before);
		if (word != before)
			store_release(&c->tophash, word); /* as hmap_empty_cell() */
		if (word || c == head)
			return;
		b = c;
	}
}

/* Empty a cell; head's lock held.  Go's clean-up: a trailing run of emptyOne becomes emptyRest, back over chain
 * links.  What follows the cell in its bucket is emptyRest already, or there is a filled cell behind it. */
static inline void hmap_empty_cell(const struct hmap *m, struct bucket *head, struct bucket *b,
				   unsigned i)
{
	uint64_t word = tophash_set(load_relaxed(&b->tophash), i, EMPTY_ONE);
	const struct bucket *next = hmap_next(m, b);

	if (likely(!next) || tophash_at(load_relaxed(&next->tophash), 0) == EMPTY_REST)
		word = tophash_rest(word);
	/* release: as hmap_put_cell(); a reader that stops early at emptyRest stops rightly. */
	store_release(&b->tophash, word);
	if (unlikely(!word) && b != head)
		hmap_empty_rest_before(m, head, b);
}

/* An overflow bucket has become empty: unlink=empty bypasses it and returns it for retiring, unlink=go notes its
 * death.  Head's lock held. */
static struct bucket *__attribute__((noinline))
hmap_bucket_emptied(struct hmap *m, struct reclaim_thread *t, struct table *table,
		    struct bucket *head, struct bucket *before, struct bucket *b)
{
	struct bucket *array, *next;
	struct array_extra *extra;

	if (!m->unlink_empty) {
		if (hmap_is_own_object(table, b))
			reclaim_stamp_dead(t, b, table->old != NULL);
		return NULL;
	}
	hmap_array_of(table, head, &array, &extra);
	next = hmap_next(m, b);
	store_release(&b->link, load_relaxed(&b->link) | LINK_TAG);
	hmap_barrier(m, t, b, next);
	hmap_set_next(m, before, next);
	if (!next)
		hmap_note_overflow(array, extra, before, false);
	hmap_add_noverflow(m, table->b, b, true); /* it falls again with the chain it counted */
	return b;
}

bool hmap_delete(struct hmap *m, struct reclaim_thread *t, uint64_t key)
{
	struct hmap_local *local = &m->locals[t->index];
	const bool alone = hmap_is_alone(m, t, local);
	unsigned n_spins = 0;

	/* Go returns early on an empty map, before growWork. */
	if (alone && hmap_count_seen(m, local) == 0)
		return false;
	for (;; hmap_backoff(&n_spins)) {
		struct bucket *emptied = NULL;
		struct place p;
		uint64_t hash, old;
		struct table *table = hmap_enter_write(m, t, key, &hash);

		if (!table)
			return false;
		if (!hmap_search_and_lock(m, hmap_head(m, table, hash), key, tophash_of(hash),
					  table, true, &p))
			continue;
		if (!p.found) {
			if (m->flags & NEEDS_PROTECT)
				hmap_unlock(p.head);
			return false;
		}
		old = load_relaxed(&p.bucket->cells[p.cell].value);
		if (m->is_payload) {
			hmap_barrier(m, t, (void *)old, NULL);
			store_release(&p.bucket->cells[p.cell].value, 0);
		}
		hmap_empty_cell(m, p.head, p.bucket, p.cell);
		if (unlikely(p.before) &&
		    tophash_empty(load_relaxed(&p.bucket->tophash)) == BYTES_80)
			emptied = hmap_bucket_emptied(m, t, table, p.head, p.before, p.bucket);
		hmap_unlock(p.head);
		hmap_count_add(m, local, -1);
		if (m->is_payload)
			reclaim_retire(t, (void *)old, table->old != NULL);
		if (emptied) {
			if (unlikely(m->config.hooks && m->config.hooks->bucket_retired))
				m->config.hooks->bucket_retired(m->config.hooks->ctx, emptied);
			reclaim_retire(t, emptied, table->old != NULL);
		}
		if (alone && hmap_count_seen(m, local) == 0)
			hmap_redraw_seed(m, t, table);
		return true;
	}
}

/* ---------------------------------------------------------------- clear */

/* Relaxed stores: no other thread operates; a marker may look, and finds either state fine. */
static void hmap_zero_bucket(struct bucket *b)
{
	store_relaxed(&b->tophash, 0);
	store_relaxed(&b->link, 0);
	for (unsigned i = 0; i < HMAP_N_CELLS; i++) {
		store_relaxed(&b->cells[i].key, 0);
		store_relaxed(&b->cells[i].value, 0);
	}
}

/* Go's mapclear: the array is kept and zeroed, an unfinished growth is dropped. */
bool hmap_clear(struct hmap *m, struct reclaim_thread *t)
{
	struct table *table = hmap_table(m);
	struct bucket *old;
	struct table *next;

	hmap_stripe_unlock(t);
	if (!table || hmap_count(m) == 0)
		return true;
	next = reclaim_alloc(t, OBJ_TABLE, sizeof(*next), false);
	if (!next)
		return false;
	*next = *table;
	next->old = NULL;
	next->old_extra = NULL;
	next->is_same_size = false;
	if (table->old)
		hmap_retire_contents(m, t, table, table->old, table->old_mask + 1, true);
	hmap_retire_contents(m, t, table, table->buckets, table->mask + 1, table->old != NULL);
	for (uint64_t i = 0; i < table->extra->n_buckets + table->extra->n_surplus; i++)
		hmap_zero_bucket(&table->buckets[i]);
	for (uint64_t i = 0; table->extra->overflow_bits && i <= table->mask / 64; i++)
		store_relaxed(&table->extra->overflow_bits[i], 0);
	store_relaxed(&table->extra->n_surplus_used, 0);
	old = table->old;
	hmap_barrier(m, t, old, NULL);
	hmap_all_stripes_lock(m, t);
	hmap_publish_table(m, t, table, next);
	if (old)
		reclaim_retire(t, old, true);
	hmap_all_stripes_unlock(m);
	store_relaxed(&m->count, 0);
	for (unsigned i = 0; i < reclaim_config(m->r)->max_threads; i++)
		store_relaxed(&m->locals[i].delta, 0);
	store_relaxed(&m->noverflow, 0);
	store_relaxed(&m->nevacuate,
		      0); /* the iterator flags stay, as Go's do until the next growth */
	return true;
}

/* ---------------------------------------------------------------- as a root */

struct root_visit {
	reclaim_trace_fn *visit;
	void *ctx;
};
static bool hmap_root_table(void *ctx, void *table)
{
	const struct root_visit *v = ctx;

	v->visit(v->ctx, table);
	return true;
}
static bool hmap_root_array(void *ctx, void *array, uint64_t n_buckets, bool is_old)
{
	const struct root_visit *v = ctx;

	(void)n_buckets;
	(void)is_old;
	v->visit(v->ctx, array);
	return true;
}
static bool hmap_root_bucket(void *ctx, void *bucket, void *array, uint64_t index,
			     bool is_overflow_object)
{
	const struct root_visit *v = ctx;

	(void)array;
	(void)index;
	if (is_overflow_object)
		v->visit(v->ctx, bucket);
	return true;
}
static void hmap_root_payload(void *ctx, void *payload, uint8_t tophash)
{
	const struct root_visit *v = ctx;

	(void)tophash;
	v->visit(v->ctx, payload);
}
static void hmap_root_trace(struct reclaim_root *root, struct reclaim_thread *t,
			    reclaim_trace_fn *visit, void *ctx)
{
	struct root_visit v = {.visit = visit, .ctx = ctx};
	const struct hmap_visitor visitor = {
		.ctx = &v,
		.table = hmap_root_table,
		.array = hmap_root_array,
		.bucket = hmap_root_bucket,
		.payload = hmap_root_payload,
	};

	hmap_trace(hmap_from_root(root), t, &visitor);
}
