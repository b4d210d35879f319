/* SPDX-License-Identifier: MIT */
/* hmap_grow.c - arrays, growth and evacuation: Go's hashGrow, growWork, evacuate and advanceEvacuationMark
 * (runtime/map.go, Go 1.19.8).  Why it is safe beside readers and writers stands in hmap_internal.h. */
#include "hmap_internal.h"

/* ---------------------------------------------------------------- arrays and overflow buckets */

/* Go's makeBucketArray: from B = 4 on a sixteenth more buckets, and what the allocation class leaves.  unlink=
 * empty: none, so that every overflow bucket can be freed on its own. */
static uint64_t hmap_n_surplus(const struct hmap *m, unsigned b)
{
	const uint64_t n_base = UINT64_C(1) << b;

	if (b < 4 || m->unlink_empty)
		return 0;
	return heap_round_up((n_base + (n_base >> 4)) * sizeof(struct bucket)) /
		       sizeof(struct bucket) -
	       n_base;
}

struct bucket *hmap_new_array(struct hmap *m, struct reclaim_thread *t, unsigned b,
			      struct array_extra **out)
{
	const uint64_t n_base = UINT64_C(1) << b;
	const uint64_t n_surplus = hmap_n_surplus(m, b);
	struct reclaim_attachment *a = calloc(1, sizeof(*a));
	struct array_extra *extra = calloc(1, sizeof(*extra));
	struct bucket *array = NULL;

	if (!a || !extra)
		goto no_memory;
	if (t->tracking) {
		a->n_deaths = n_base;
		a->death_ticks = calloc(n_base, sizeof(*a->death_ticks));
		if (!a->death_ticks)
			goto no_memory;
	}
	array = reclaim_alloc(t, OBJ_ARRAY, (n_base + n_surplus) * sizeof(struct bucket), true);
	if (!array)
		goto no_memory;
	extra->n_buckets = n_base;
	extra->n_surplus = n_surplus;
	extra->death_ticks = a->death_ticks;
	if (heap_kind(reclaim_heap(m->r)) == HEAP_SPAN)
		extra->overflow_bits = heap_span_of(reclaim_heap(m->r), array)->overflow_bits;
	a->object = array;
	a->data = extra;
	a->record_as = OBJ_ARRAY;
	reclaim_attach(m->r, a);
	*out = extra;
	return array;
no_memory:
	if (a)
		free((void *)a->death_ticks);
	free(a);
	free(extra);
	return NULL;
}

/* Go's incrnoverflow: exact below B = 16, above for one bucket in 2^(B - 15).  Go draws a random number; here the
 * bucket's address decides, so that a bucket that was counted is the one that is taken off again. */
void hmap_add_noverflow(struct hmap *m, unsigned b, const struct bucket *bucket, bool subtract)
{
	if (b >= 16 && hmap_mum((uintptr_t)bucket, UINT64_C(0xa0761d6478bd642f)) &
			       ((UINT64_C(1) << (b - 15)) - 1))
		return;
	/* Relaxed: steers growth only. */
	if (!subtract) {
		add_relaxed(&m->noverflow, 1);
		return;
	}
	uint32_t n = load_relaxed(&m->noverflow);

	/* Never below 0, which would be the largest number there is and begin a growth. */
	while (n > 0 && !cas_relaxed(&m->noverflow, &n, n - 1))
		;
}

struct bucket *hmap_new_overflow(struct hmap *m, struct reclaim_thread *t, struct table *table,
				 struct bucket *array, struct array_extra *extra)
{
	struct bucket *b = NULL;

	/* Relaxed: each index is handed out once by the read-modify-write; the bucket is zero since the array
	 * was published. */
	if (load_relaxed(&extra->n_surplus_used) < extra->n_surplus) {
		const uint64_t i = add_relaxed(&extra->n_surplus_used, 1);

		if (i < extra->n_surplus)
			b = &array[extra->n_buckets + i];
	}
	if (!b)
		b = reclaim_alloc(t, OBJ_BUCKET, sizeof(*b), true);
	if (b)
		hmap_add_noverflow(m, table->b, b, false);
	return b;
}

void hmap_note_overflow(struct bucket *array, struct array_extra *extra, struct bucket *b,
			bool leads_on)
{
	if (!extra->overflow_bits || !hmap_is_interior(array, extra, b))
		return;
	const uint64_t i = (uint64_t)(b - array);
	_Atomic(uint64_t) *word = &extra->overflow_bits[i / 64];

	/* release: whoever sees the bit (a marker, acquire) finds the link behind it.  A cleared bit is only
	 * read by those for whom the bucket behind is dead. */
	if (leads_on)
		or_acq_rel(word, UINT64_C(1) << (i % 64));
	else
		and_acq_rel(word, ~(UINT64_C(1) << (i % 64)));
}

void hmap_link_overflow(struct hmap *m, struct reclaim_thread *t, struct bucket *array,
			struct array_extra *extra, struct bucket *tail, struct bucket *overflow)
{
	hmap_barrier(m, t, NULL, overflow);
	hmap_set_next(m, tail, overflow);
	hmap_note_overflow(array, extra, tail, true);
}

static void hmap_retire_bucket(struct hmap *m, struct reclaim_thread *t, struct bucket *b,
			       bool is_growing)
{
	/* The tag before the retire: a protecting reader that saw no tag after it published its pointer is seen by
	 * the scan that follows the retire (ops->protect, seq_cst). */
	store_release(&b->link, load_relaxed(&b->link) | LINK_TAG);
	hmap_barrier(m, t, b, NULL);
	if (unlikely(m->config.hooks && m->config.hooks->bucket_retired))
		m->config.hooks->bucket_retired(m->config.hooks->ctx, b);
	reclaim_retire(t, b, is_growing);
}

void hmap_retire_chain(struct hmap *m, struct reclaim_thread *t, const struct table *table,
		       struct bucket *first, bool is_growing)
{
	for (struct bucket *b = first, *next; b; b = next) {
		next = hmap_next(m, b);
		if (hmap_is_own_object(table, b))
			hmap_retire_bucket(m, t, b, is_growing);
	}
}

/* ---------------------------------------------------------------- descriptors */

void hmap_swap_table(struct hmap *m, struct reclaim_thread *t, struct table *current,
		     struct table *next)
{
	const uint64_t n_stripes = (next->old ? next->old_mask : next->mask) + 1;

	hmap_barrier(m, t, current, next);
	store_relaxed(&m->stripe_mask,
		      (n_stripes < HMAP_N_STRIPES ? n_stripes : HMAP_N_STRIPES) - 1);
	store_relaxed(&m->stripe_seed, next->seed);
	/* release: pairs with every hmap_table(m); seq_cst, so that a scan of protected pointers
	 * that follows the retire cannot pass it. */
	xchg_seq_cst(&m->table, next);
}

void hmap_publish_table(struct hmap *m, struct reclaim_thread *t, struct table *current,
			struct table *next)
{
	hmap_swap_table(m, t, current, next);
	if (current)
		reclaim_retire(t, current, current->old != NULL);
}

static struct table *hmap_new_table(struct hmap *m, struct reclaim_thread *t,
				    const struct table *from)
{
	struct table *table = reclaim_alloc(t, OBJ_TABLE, sizeof(*table), false);

	(void)m;
	if (table && from)
		*table = *from;
	else if (table)
		memset(table, 0, sizeof(*table));
	return table;
}

/* makemap: the smallest B at which `hint` entries are not over the load factor. */
static unsigned hmap_first_b(const struct hmap *m)
{
	unsigned b = 0;

	while (m->config.hint > 0 && hmap_over_load_factor((int64_t)m->config.hint, b))
		b++;
	return b;
}

/* Go's hashGrow; also makes the first array, as makemap leaves that to the first assign when B = 0. */
static bool hmap_grow_locked(struct hmap *m, struct reclaim_thread *t, struct table *table,
			     bool bigger)
{
	const unsigned b = table ? table->b + bigger : hmap_first_b(m);
	struct table *next = hmap_new_table(m, t, table);
	struct array_extra *extra = NULL;
	struct bucket *array = next ? hmap_new_array(m, t, b, &extra) : NULL;
	const struct hmap_hooks *hooks = m->config.hooks;

	if (!array) {
		if (next)
			reclaim_unalloc(t, next);
		return false;
	}
	if (table) {
		next->old = table->buckets;
		next->old_extra = table->extra;
		next->old_mask = table->mask;
		next->is_same_size = !bigger;
	} else {
		next->seed = m->config.seed;
		next->hash = hmap_hash_seed(next->seed);
	}
	next->buckets = array;
	next->extra = extra;
	next->b = b;
	next->mask = (UINT64_C(1) << b) - 1;
	/* Relaxed: under grow_lock, and before the table is published. */
	store_relaxed(&m->iterator_flags,
		      load_relaxed(&m->iterator_flags) & ITERATOR ? OLD_ITERATOR : 0);
	store_relaxed(&m->nevacuate, 0);
	store_relaxed(&m->help_next, 0);
	store_relaxed(&m->noverflow, 0);
	if (table)
		counter_add(&m->n_growths, 1);
	if (unlikely(hooks && hooks->growth_begin && table))
		hooks->growth_begin(hooks->ctx, table->b, b);
	hmap_all_stripes_lock(m, t);
	hmap_publish_table(m, t, table, next);
	hmap_all_stripes_unlock(m);
	return true;
}

bool hmap_grow_begin(struct hmap *m, struct reclaim_thread *t, struct table *table)
{
	bool ok = true;

	hmap_grow_lock(m, t);
	/* acquire: pairs with hmap_publish_table() of whoever came first.  With READER_LOCKS the stripe was given
	 * up, and another descriptor, a growing one even, may lie where `table` was. */
	if (hmap_table(m) == table && !(table && table->old)) {
		/* All threads' counts, not just what this one sees: with the lagging count a table that is too
		 * small would be grown at the same size, for nothing. */
		const int64_t count = (int64_t)hmap_count(m) + 1;

		if (!table)
			ok = hmap_grow_locked(m, t, NULL, false);
		else if (hmap_over_load_factor(count, table->b))
			ok = hmap_grow_locked(m, t, table, true);
		else if (hmap_too_many_overflow(load_relaxed(&m->noverflow), table->b))
			ok = hmap_grow_locked(m, t, table, false);
	}
	hmap_grow_unlock(m);
	return ok;
}

/* nevacuate has reached the end: drop the old array; grow_lock held.  Out of memory: the next write tries
 * again. */
static void hmap_grow_end(struct hmap *m, struct reclaim_thread *t, struct table *table)
{
	struct table *next = hmap_new_table(m, t, table);
	struct bucket *old = table->old;
	const struct array_extra *extra = table->old_extra;
	const bool chains_stand =
		!m->is_payload || (load_relaxed(&m->iterator_flags) & OLD_ITERATOR);
	const struct hmap_hooks *hooks = m->config.hooks;

	if (!next)
		return;
	next->old = NULL;
	next->old_extra = NULL;
	next->old_mask = 0;
	next->is_same_size = false;
	hmap_all_stripes_lock(m, t);
	hmap_barrier(m, t, old, NULL);
	/* Unpublish first, retire after; the descriptor last, hmap_retire_chain() reads it. */
	store_relaxed(&m->stripe_mask,
		      (next->mask < HMAP_N_STRIPES ? next->mask : HMAP_N_STRIPES - 1));
	hmap_barrier(m, t, table, next);
	xchg_seq_cst(&m->table, next);
	for (uint64_t i = 0; chains_stand && !CONTROL(leak_chain) && i < extra->n_buckets; i++) {
		if (extra->overflow_bits && !load_relaxed(&extra->overflow_bits[i / 64])) {
			i |= 63; /* no bucket of these 64 leads on */
			continue;
		}
		if (!hmap_next(m, &old[i]))
			continue;
		/* Its evacuator may still be marking the overflow buckets: wait until it has unlocked. */
		hmap_lock(m, &old[i]);
		hmap_unlock(&old[i]);
		hmap_retire_chain(m, t, table, hmap_next(m, &old[i]), true);
	}
	reclaim_retire(t, old, true);
	reclaim_retire(t, table, true);
	hmap_all_stripes_unlock(m);
	if (unlikely(hooks && hooks->growth_end))
		hooks->growth_end(hooks->ctx, next->b);
}

/* Go's advanceEvacuationMark, after bucket nevacuate was evacuated.  Skipped when another thread is at it: the
 * next write that helps tries again. */
static void hmap_advance(struct hmap *m, struct reclaim_thread *t, struct table *table,
			 uint64_t index)
{
	const uint64_t n_old = table->old_mask + 1;
	const struct hmap_hooks *hooks = m->config.hooks;

	if (load_relaxed(&m->nevacuate) != index || !hmap_grow_trylock(m))
		return;
	if (hmap_table(m) == table && load_relaxed(&m->nevacuate) == index) {
		uint64_t n = index;
		/* Go: at most 1,024 more, so that one write stays O(1) on average. */
		const uint64_t stop = n + 1025 < n_old ? n + 1025 : n_old;

		/* The bucket at `index` itself may have failed to evacuate, out of memory: then n stays. */
		while (n < stop && hmap_is_evacuated(&table->old[n]))
			n++;
		store_relaxed(&m->nevacuate, n);
		if (unlikely(hooks && hooks->growth_progress))
			hooks->growth_progress(hooks->ctx, n, n_old);
		if (n == n_old)
			hmap_grow_end(m, t, table);
	}
	hmap_grow_unlock(m);
}

/* ---------------------------------------------------------------- evacuation */

/* Where entries go: bucket `b`, next cell `i`. */
struct destination {
	struct bucket *head, *b;
	unsigned i;
	uint64_t tophash; /* of b, not stored yet */
};

static void hmap_destination_init(struct destination *d, struct bucket *head)
{
	*d = (struct destination){.head = head, .b = head};
}
static void hmap_destination_flush(const struct destination *d)
{
	/* Relaxed: not visible before the old head's mark is published. */
	if (d->b)
		store_relaxed(&d->b->tophash, d->tophash);
}

static bool hmap_destination_add(struct hmap *m, struct reclaim_thread *t, struct table *table,
				 struct destination *d, uint8_t top, uint64_t key, uint64_t value)
{
	if (d->i == HMAP_N_CELLS) {
		struct bucket *more = hmap_new_overflow(m, t, table, table->buckets, table->extra);

		if (!more)
			return false;
		hmap_destination_flush(d);
		hmap_link_overflow(m, t, table->buckets, table->extra, d->b, more);
		d->b = more;
		d->i = 0;
		d->tophash = 0;
	}
	d->tophash = tophash_set(d->tophash, d->i, top);
	store_relaxed(&d->b->cells[d->i].key, key);
	store_relaxed(&d->b->cells[d->i].value, value);
	d->i++;
	if (m->is_payload)
		hmap_barrier(m, t, NULL, (void *)value);
	return true;
}

/* Take back what a failed evacuation put into X or Y.  No reader has been there, but a marker may have: what it has
 * reached it goes on reading, so there it dies as other buckets do. */
static void hmap_destination_undo(struct hmap *m, struct reclaim_thread *t, struct table *table,
				  struct destination *d)
{
	if (!d->head)
		return;
	for (struct bucket *b = hmap_next(m, d->head), *next; b; b = next) {
		next = hmap_next(m, b);
		hmap_add_noverflow(m, table->b, b, true);
		if (hmap_is_own_object(table, b)) {
			if (m->flags & TRACES)
				hmap_retire_bucket(m, t, b, true);
			else
				reclaim_unalloc(t, b);
			continue;
		}
		/* A surplus bucket stays used up; it must not lead a marker to what is freed here. */
		store_relaxed(&b->tophash, 0);
		hmap_set_next(m, b, NULL);
		hmap_note_overflow(table->buckets, table->extra, b, false);
	}
	hmap_set_next(m, d->head, NULL);
	hmap_note_overflow(table->buckets, table->extra, d->head, false);
	store_relaxed(&d->head->tophash, 0);
}

/* Copy the chain into X and Y.  The marks are written later, by hmap_publish_marks(): they are a function of the
 * old tophash and the hash. */
static bool hmap_copy_chain(struct hmap *m, struct reclaim_thread *t, struct table *table,
			    struct bucket *head, struct destination xy[2])
{
	const uint64_t new_bit = table->old_mask + 1;

	for (struct bucket *b = head; b; b = hmap_next(m, b)) {
		const uint64_t word = load_relaxed(&b->tophash); /* relaxed: head's lock held */

		for (unsigned i = 0; i < HMAP_N_CELLS; i++) {
			const uint8_t top = tophash_at(word, i);
			const uint64_t key = load_relaxed(&b->cells[i].key);
			unsigned y = 0;

			if (top < MIN_TOPHASH)
				continue;
			if (!table->is_same_size)
				y = (hmap_hash_of(m, key, table) & new_bit) != 0;
			if (!hmap_destination_add(m, t, table, &xy[y], top, key,
						  load_relaxed(&b->cells[i].value)))
				return false;
		}
	}
	if (CONTROL(mark_before_copy))
		return true; /* the caller does it, too late */
	hmap_destination_flush(&xy[0]);
	hmap_destination_flush(&xy[1]);
	return true;
}

/* The evacuated form of a bucket's tophash word. */
static uint64_t hmap_mark_word(const struct hmap *m, const struct table *table,
			       const struct bucket *b)
{
	const uint64_t word = load_relaxed(&b->tophash);
	uint64_t marked = 0;

	for (unsigned i = 0; i < HMAP_N_CELLS; i++) {
		uint8_t mark = EVACUATED_EMPTY;

		if (tophash_at(word, i) >= MIN_TOPHASH) {
			mark = EVACUATED_X;
			if (!table->is_same_size &&
			    (hmap_hash_of(m, load_relaxed(&b->cells[i].key), table) &
			     (table->old_mask + 1)))
				mark = EVACUATED_Y;
		}
		marked = tophash_set(marked, i, mark);
	}
	return marked;
}

/* HMAP_PLAIN or iterated: the overflow buckets die now and are retired when the growth ends - which may be as soon
 * as the head's mark is published, so stamp them before. */
static void hmap_stamp_chain_dead(struct hmap *m, struct reclaim_thread *t,
				  const struct table *table, struct bucket *head)
{
	for (struct bucket *b = hmap_next(m, head); b; b = hmap_next(m, b))
		if (hmap_is_own_object(table, b))
			reclaim_stamp_dead(t, b, true);
}

/* Publish the marks: the head first, then the rest (see EVACUATION in hmap_internal.h).  Once the head's is
 * visible another thread may end the growth; it waits for the head's lock before it retires the chain. */
static void hmap_publish_marks(struct hmap *m, const struct table *table, struct bucket *head)
{
	for (struct bucket *b = head; b; b = hmap_next(m, b))
		/* release: pairs with the acquire in hmap_is_evacuated() and in the searches. */
		store_release(&b->tophash, hmap_mark_word(m, table, b));
}

/* Old head locked, not evacuated, table current. */
static bool hmap_evacuate_locked(struct hmap *m, struct reclaim_thread *t, struct table *table,
				 uint64_t index)
{
	struct bucket *head = &table->old[index];
	const bool clears = m->is_payload && !(load_relaxed(&m->iterator_flags) & OLD_ITERATOR);
	struct destination xy[2];

	hmap_destination_init(&xy[0], &table->buckets[index]);
	hmap_destination_init(
		&xy[1], table->is_same_size ? NULL : &table->buckets[index + table->old_mask + 1]);
	if (!hmap_copy_chain(m, t, table, head, xy)) {
		hmap_destination_undo(m, t, table, &xy[0]);
		hmap_destination_undo(m, t, table, &xy[1]);
		return false;
	}
	if (t->tracking && !clears)
		hmap_stamp_chain_dead(m, t, table, head);
	if (table->old_extra->death_ticks)
		/* Relaxed: read when the array is unreachable or all is quiet. */
		store_relaxed(&table->old_extra->death_ticks[index], clock_ticks(t->clock) | 1);
	hmap_publish_marks(m, table, head);
	/* Control `mark_before_copy`: dangling on migration.  The interleaving:
	 *
	 *   evacuator                          reader, looking for K, which is in the map all the time
	 *   copies cells
	 *   marks the old head: evacuated
	 *                                      old head is evacuated: go to the new bucket
	 *                                      its tophash bytes say "empty": K is missed
	 *   shows the copied cells
	 *
	 * And what a writer puts there in between is overwritten: its payload dangles. */
	if (CONTROL(mark_before_copy)) {
		PERTURB_LONG();
		hmap_destination_flush(&xy[0]);
		hmap_destination_flush(&xy[1]);
	}
	if (!clears && CONTROL(double_retire))
		hmap_retire_chain(m, t, table, hmap_next(m, head), true);
	if (clears) {
		struct bucket *chain = hmap_next(m, head);

		/* One more version before cells are cleared: a reader that took its first look under this very
		 * lock must not believe what it reads from now on.  release: as hmap_lock_seen(). */
		store_release(&head->link, link_locked(m->packing, load_relaxed(&head->link)));
		for (unsigned i = 0; i < HMAP_N_CELLS; i++) {
			store_release(&head->cells[i].key, 0);
			store_release(&head->cells[i].value, 0);
		}
		hmap_set_next(m, head, NULL);
		hmap_note_overflow(table->old, table->old_extra, head, false);
		hmap_retire_chain(m, t, table, chain, true);
	}
	if (unlikely(m->config.hooks && m->config.hooks->bucket_evacuated))
		m->config.hooks->bucket_evacuated(m->config.hooks->ctx, index);
	return true;
}

/* Go's evacuate.  `wait`: for the bucket's lock; else skip when it is held. */
static void hmap_evacuate(struct hmap *m, struct reclaim_thread *t, struct table *table,
			  uint64_t index, bool wait)
{
	struct bucket *head = &table->old[index];

	if (!hmap_is_evacuated(head)) {
		if (wait) {
			hmap_lock(m, head);
		} else {
			const uint64_t seen = load_relaxed(&head->link);

			if ((seen & LINK_LOCK) || !hmap_lock_seen(m, head, seen))
				return;
		}
		if (!hmap_is_evacuated(head) && hmap_table(m) == table &&
		    !hmap_evacuate_locked(m, t, table, index)) {
			hmap_unlock(head);
			return;
		}
		hmap_unlock(head);
	}
}

/* Help at nevacuate.  READER_LOCKS: readers of that bucket are kept out by its own stripe. */
static void hmap_grow_help(struct hmap *m, struct reclaim_thread *t, struct table *table,
			   uint64_t index)
{
	_Atomic(uint32_t) *stripe = NULL;

	if (m->flags & READER_LOCKS) {
		/* acquire: pairs with the release in reclaim_release_map_lock(). */
		stripe = &m->stripes[index & load_relaxed(&m->stripe_mask)].locked;
		if (stripe == t->map_lock)
			stripe = NULL;
		else if (load_relaxed(stripe) || xchg_acq_rel(stripe, 1))
			return; /* busy */
	}
	hmap_evacuate(m, t, table, index, false);
	if (stripe)
		store_release(stripe, 0);
}

/* The next bucket that nobody was sent to.  Several writers; relaxed, all: a hint, the bucket's lock decides. */
static uint64_t hmap_help_next(struct hmap *m)
{
	const uint64_t done = load_relaxed(&m->nevacuate);
	const uint64_t next = add_relaxed(&m->help_next, 1);

	if (next >= done)
		return next;
	store_relaxed(&m->help_next, done + 1); /* one thread alone had come so far */
	return done;
}

/* The share of a write beside its own bucket: the bucket at nevacuate, as in Go.  Several writers would all find that
 * one busy and lose their share, for as long as whoever is at it has no processor (1.5 writes a bucket with two,
 * 2.5 with four, against 0.7 with one); so each is sent to another, and nevacuate passes over these later.  What they
 * skipped because its own writer was at it is left to the writes after them, at nevacuate. */
static void hmap_grow_share(struct hmap *m, struct reclaim_thread *t, struct table *table,
			    uint64_t next)
{
	enum { MAX_LOOKS = 16 }; /* over evacuated and busy ones: half are, at the end */

	/* As the write found it when it began. */
	for (unsigned i = 0; !m->locals[t->index].is_alone && i < MAX_LOOKS; i++) {
		const uint64_t index = hmap_help_next(m);

		if (index > table->old_mask)
			break;
		if (hmap_is_evacuated(&table->old[index]))
			continue;
		hmap_grow_help(m, t, table, index);
		if (hmap_is_evacuated(&table->old[index]))
			return;
	}
	if (next <= table->old_mask && !hmap_is_evacuated(&table->old[next]))
		hmap_grow_help(m, t, table, next);
}

void hmap_grow_work(struct hmap *m, struct reclaim_thread *t, struct table *table, uint64_t hash)
{
	const uint64_t own = hash & table->old_mask;
	uint64_t next;

	hmap_evacuate(m, t, table, own, true);
	hmap_advance(m, t, table, own);
	if (hmap_table(m) != table || ((m->flags & READER_LOCKS) && !t->map_lock))
		return;
	next = load_relaxed(&m->nevacuate);
	hmap_grow_share(m, t, table, next);
	if (hmap_table(m) != table)
		return;
	if (next > table->old_mask || hmap_is_evacuated(&table->old[next]))
		hmap_advance(m, t, table, next);
}
