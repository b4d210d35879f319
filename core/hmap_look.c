/* SPDX-License-Identifier: MIT */
/* hmap_look.c - looking inside: state, digest, tracing, validation.  Nothing here changes the map. */
#include <stdio.h>

#include "hmap_internal.h"

static void hmap_table_state(const struct hmap *m, const struct table *table,
			     struct hmap_state *out)
{
	/* Relaxed: a picture of the moment. */
	out->has_array = true;
	out->b = table->b;
	out->noverflow = load_relaxed(&m->noverflow);
	out->is_growing = table->old != NULL;
	out->is_same_size = table->is_same_size;
	out->nevacuate = load_relaxed(&m->nevacuate);
	out->is_iterator = load_relaxed(&m->iterator_flags) & ITERATOR;
	out->is_old_iterator = load_relaxed(&m->iterator_flags) & OLD_ITERATOR;
	out->n_growths = load_relaxed(&m->n_growths);
	out->array_bytes = (table->extra->n_buckets + table->extra->n_surplus) * HMAP_BUCKET_BYTES;
	if (table->old)
		out->old_array_bytes = (table->old_extra->n_buckets + table->old_extra->n_surplus) *
				       HMAP_BUCKET_BYTES;
}

void hmap_state(struct hmap *m, struct reclaim_thread *t, struct hmap_state *out)
{
	const struct table *table;

	/* READER_LOCKS: any one stripe keeps the table from being replaced. */
	if (m->flags & READER_LOCKS)
		hmap_stripe_lock_index(m, t, 0);
	table = m->flags & NEEDS_PROTECT ? hmap_protect_table(m, t) : hmap_table(m);
	*out = (struct hmap_state){.count = hmap_count(m)};
	for (unsigned i = 0; i < reclaim_config(m->r)->max_threads; i++)
		out->n_revivals += load_relaxed(&m->locals[i].n_revivals);
	if (table)
		hmap_table_state(m, table, out);
	/* Who looks outside a section may be offline for long: nothing stays protected. */
	if (m->flags & NEEDS_PROTECT)
		for (unsigned slot = SLOT_TABLE; slot <= SLOT_OLD_ARRAY; slot++)
			t->ops->protect(t, slot, NULL);
	hmap_stripe_unlock(t);
}

uint64_t hmap_count_overflow(struct hmap *m)
{
	const struct table *table = hmap_table(m);
	uint64_t n = 0;

	for (uint64_t i = 0; table && i <= table->mask; i++)
		for (const struct bucket *b = hmap_next(m, &table->buckets[i]); b;
		     b = hmap_next(m, b))
			n++;
	for (uint64_t i = 0; table && table->old && i <= table->old_mask; i++)
		for (const struct bucket *b = hmap_next(m, &table->old[i]); b; b = hmap_next(m, b))
			n++;
	return n;
}

/* ---------------------------------------------------------------- digest */

struct fnv {
	uint64_t h;
};
static void fnv_byte(struct fnv *f, uint8_t byte)
{
	f->h = (f->h ^ byte) * UINT64_C(0x100000001b3);
}
static void fnv_u64(struct fnv *f, uint64_t v)
{
	for (int i = 0; i < 8; i++)
		fnv_byte(f, (uint8_t)(v >> (8 * i)));
}

static void hmap_digest_array(const struct hmap *m, struct fnv *f, const struct bucket *array,
			      uint64_t n)
{
	for (uint64_t i = 0; i < n; i++)
		for (const struct bucket *b = &array[i]; b; b = hmap_next(m, b)) {
			const uint64_t word = load_relaxed(&b->tophash);

			for (unsigned k = 0; k < HMAP_N_CELLS; k++) {
				fnv_byte(f, tophash_at(word, k));
				if (tophash_at(word, k) >= MIN_TOPHASH)
					fnv_u64(f, load_relaxed(&b->cells[k].key));
			}
			fnv_byte(f, hmap_next(m, b) != NULL);
		}
}

uint64_t hmap_layout_digest(struct hmap *m)
{
	const struct table *table = hmap_table(m);
	struct fnv f = {UINT64_C(0xcbf29ce484222325)};

	fnv_byte(&f, table ? (uint8_t)table->b : 0);
	fnv_byte(&f, table && table->old);
	fnv_u64(&f, load_relaxed(&m->nevacuate));
	if (table)
		hmap_digest_array(m, &f, table->buckets, table->mask + 1);
	if (table && table->old)
		hmap_digest_array(m, &f, table->old, table->old_mask + 1);
	return f.h;
}

uint64_t hmap_n_old_evacuated(struct hmap *m)
{
	const struct table *table = hmap_table(m);
	uint64_t n = 0;

	for (uint64_t i = 0; table && table->old && i <= table->old_mask; i++)
		n += hmap_is_evacuated(&table->old[i]);
	return n;
}

/* ---------------------------------------------------------------- tracing */

static void hmap_trace_cells(const struct bucket *b, const struct hmap_visitor *v)
{
	const uint64_t word = load_acquire(&b->tophash); /* pairs with hmap_put_cell() */

	for (unsigned i = 0; i < HMAP_N_CELLS; i++) {
		/* acquire: pairs with the release of the value's store; what it points to is filled. */
		const uint64_t value = load_acquire(&b->cells[i].value);

		if (value)
			v->payload(v->ctx, (void *)value, tophash_at(word, i));
	}
}

static void hmap_trace_chain(struct hmap *m, void *array, uint64_t index,
			     const struct array_extra *extra, const struct hmap_visitor *v)
{
	struct bucket *base = array;

	for (struct bucket *b = &base[index]; b; b = hmap_next(m, b)) {
		bool wants_cells = true;

		if (v->bucket)
			wants_cells = v->bucket(v->ctx, b, array, index,
						!hmap_is_interior(base, extra, b));
		if (wants_cells && m->is_payload && v->payload)
			hmap_trace_cells(b, v);
	}
}

void hmap_trace_array(struct hmap *m, void *array, uint64_t from, uint64_t to, bool is_old,
		      const struct hmap_visitor *v)
{
	const struct table *table = hmap_table(m);
	const struct array_extra *extra = NULL;

	(void)is_old;
	if (table && array == table->buckets)
		extra = table->extra;
	else if (table && array == table->old)
		extra = table->old_extra;
	if (!extra)
		return; /* dropped meanwhile: nothing of it is reachable any more */
	for (uint64_t i = from; i < to && i < extra->n_buckets; i++)
		hmap_trace_chain(m, array, i, extra, v);
}

/* What an unlinked bucket refers to, and what that leads to.  A collector keeps it. */
static void hmap_trace_stale(struct hmap *m, const struct bucket *array,
			     const struct array_extra *extra, struct bucket *b,
			     const struct hmap_visitor *v)
{
	for (; b; b = hmap_next(m, b)) {
		if (!hmap_is_interior(array, extra, b))
			v->stale(v->ctx, b);
		for (unsigned i = 0; i < HMAP_N_CELLS; i++) {
			const uint64_t value = load_relaxed(&b->cells[i].value); /* never read */

			if (value)
				v->stale(v->ctx, (void *)value);
		}
	}
}

/* Preallocated overflow buckets that evacuation has unlinked: no chain leads to them, but they lie in the old array,
 * and a collector to which that is one object scans them with it. */
static void hmap_trace_unlinked(struct hmap *m, struct bucket *array,
				const struct array_extra *extra, const struct hmap_visitor *v)
{
	/* relaxed: handed out and evacuated long ago, or of no interest */
	const uint64_t n_used = load_relaxed(&extra->n_surplus_used);

	if (!v->stale || !m->is_payload || !(m->flags & TRACES) ||
	    (load_relaxed(&m->iterator_flags) & OLD_ITERATOR))
		return; /* with an iterator the chains stand, and have been walked */
	for (uint64_t i = 0; i < n_used && i < extra->n_surplus; i++)
		if (hmap_is_evacuated(&array[extra->n_buckets + i]))
			hmap_trace_stale(m, array, extra, &array[extra->n_buckets + i], v);
}

static void hmap_trace_one(struct hmap *m, struct bucket *array, const struct array_extra *extra,
			   bool is_old, const struct hmap_visitor *v)
{
	if (v->array && !v->array(v->ctx, array, extra->n_buckets, is_old))
		return;
	for (uint64_t i = 0; i < extra->n_buckets; i++)
		hmap_trace_chain(m, array, i, extra, v);
	if (is_old)
		hmap_trace_unlinked(m, array, extra, v);
}

void hmap_trace(struct hmap *m, struct reclaim_thread *t, const struct hmap_visitor *v)
{
	struct table *table = hmap_table(m);

	(void)t;
	if (!table || (v->table && !v->table(v->ctx, table)))
		return;
	/* The old array first: an entry that moves while this runs is seen there or, moved, in the new one. */
	if (table->old)
		hmap_trace_one(m, table->old, table->old_extra, true, v);
	hmap_trace_one(m, table->buckets, table->extra, false, v);
}

/* ---------------------------------------------------------------- validation */

struct validation {
	struct hmap *m;
	const struct table *table;
	char *message;
	size_t message_size;
	unsigned n_faults;
	uint64_t n_entries;
};

static void hmap_fault(struct validation *v, const char *what, uint64_t index, uint64_t detail)
{
	if (v->n_faults++ == 0)
		snprintf(v->message, v->message_size, "bucket %llu: %s (%llu)",
			 (unsigned long long)index, what, (unsigned long long)detail);
}

/* A chain that is not evacuated: filled cells belong here, nothing follows an emptyRest, the side bits tell
 * the truth. */
static void hmap_validate_chain(struct validation *v, const struct bucket *array,
				const struct array_extra *extra, uint64_t mask, uint64_t index)
{
	bool rest = false;

	for (const struct bucket *b = &array[index]; b; b = hmap_next(v->m, b)) {
		const uint64_t word = load_relaxed(&b->tophash);
		const uint64_t link = load_relaxed(&b->link);

		if (link & LINK_LOCK)
			hmap_fault(v, "is locked while all is quiet", index, link);
		if (link & LINK_TAG)
			hmap_fault(v, "links to a bucket that was unlinked", index, link);
		for (unsigned i = 0; i < HMAP_N_CELLS; i++) {
			const uint8_t top = tophash_at(word, i);
			const uint64_t key = load_relaxed(&b->cells[i].key);
			uint64_t hash;

			if (rest && top != EMPTY_REST)
				hmap_fault(v, "a cell is used after emptyRest", index, top);
			rest |= top == EMPTY_REST;
			if (top == EMPTY_REST || top == EMPTY_ONE)
				continue;
			if (top < MIN_TOPHASH) {
				hmap_fault(v, "evacuation mark in a chain that is not evacuated",
					   index, top);
				continue;
			}
			hash = hmap_hash_of(v->m, key, v->table);
			if ((hash & mask) != index)
				hmap_fault(v, "a key is in the wrong bucket", index, key);
			if (tophash_of(hash) != top)
				hmap_fault(v, "a key has the wrong tophash", index, key);
			if (v->m->is_payload && !load_relaxed(&b->cells[i].value))
				hmap_fault(v, "a filled cell has no payload", index, key);
			v->n_entries++;
		}
		if (v->m->unlink_empty && b != &array[index] && tophash_empty(word) == BYTES_80)
			hmap_fault(v, "an empty overflow bucket was not unlinked", index, 0);
	}
	if (extra->overflow_bits) {
		const bool bit =
			load_relaxed(&extra->overflow_bits[index / 64]) >> (index % 64) & 1;

		if (bit != (hmap_next(v->m, &array[index]) != NULL))
			hmap_fault(v, "its has-overflow bit is wrong", index, bit);
	}
}

unsigned hmap_validate(struct hmap *m, char *message, size_t message_size)
{
	const struct table *table = hmap_table(m);
	struct validation v = {
		.m = m, .table = table, .message = message, .message_size = message_size};

	if (message_size)
		message[0] = '\0';
	if (!table)
		return 0;
	for (uint64_t i = 0; table->old && i <= table->old_mask; i++) {
		if (hmap_is_evacuated(&table->old[i]))
			continue;
		hmap_validate_chain(&v, table->old, table->old_extra, table->old_mask, i);
		if (i < load_relaxed(&m->nevacuate))
			hmap_fault(&v, "is below nevacuate and not evacuated", i,
				   load_relaxed(&m->nevacuate));
	}
	for (uint64_t i = 0; i <= table->mask; i++) {
		if (!table->old || hmap_is_evacuated(&table->old[i & table->old_mask]))
			hmap_validate_chain(&v, table->buckets, table->extra, table->mask, i);
		else if (load_relaxed(&table->buckets[i].tophash))
			hmap_fault(&v, "is filled before its old bucket was evacuated", i, 0);
	}
	if (v.n_entries != hmap_count(m))
		hmap_fault(&v, "the count is not the number of filled cells", v.n_entries,
			   hmap_count(m));
	return v.n_faults;
}
