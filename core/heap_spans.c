/* SPDX-License-Identifier: MIT */
/* heap_spans.c - spans, the caches that allocate from them, and the sets they wait in.
 *
 * Where a span is, is one word, central_state = place | list id << 3:
 *
 *   RELEASED  no span; the struct waits to be used again (the whole word is 0)
 *   CACHED    current span of one cache; only that cache's thread claims bits
 *   FULL      nobody's, and in no set
 *   CENTRAL   in the set of its list
 *   TAKEN     out of the set, with a collector
 *   LARGE     one object; freed and released at once
 *
 *   from      to        by                                         under
 *   RELEASED  CACHED    heap_span_create()                         nothing: it is the maker's own
 *   CACHED    FULL      span_give_back(), its owner                list lock
 *   TAKEN     FULL      span_give_back(), its taker                list lock
 *   FULL      CENTRAL   span_settle(): giver or first freer        list lock
 *   CENTRAL   CACHED    list_take(), a cache                       list lock
 *   CENTRAL   TAKEN     list_take(), a collector                   list lock
 *   CENTRAL   RELEASED  span_settle(): whoever finds it empty      list lock
 *
 * A list's id is part of the word, so whoever holds list L's lock and reads (L, FULL) or (L, CENTRAL)
 * knows that nothing changes the word until he unlocks, even if the struct was released and used again
 * since he last looked: every way out of these two goes through that lock.
 *
 * Free against giving back.  A free clears its bit, then reads the word; giving back writes FULL, then
 * reads the bits; all four are seq_cst, so at least one of the two sees the other.  If the free reads
 * CACHED or TAKEN, its clearing precedes the scan and the giver files the span.  If it reads FULL, it
 * takes the lock and files the span, unless the giver has.  Filing happens once, under the lock.  The
 * other stores of the word need no such order: they are releases under the lock, and who reads an older
 * value than theirs goes to the lock in vain (CENTRAL, FULL), or precedes the FULL as above.
 *
 * Free against claim.  Both are read-modify-writes of one word: a claim (OR of all ones) gets exactly
 * the bits that were clear, once.  The claim is an acquire of all releases in the word's modification
 * order, so what the freeing thread did to the object comes before what the next user does.
 *
 * Free against release.  After its clearing, a thread that frees touches the span no more except for
 * central_state (atomic, and the struct is never unmapped) unless it holds the lock and has found the
 * word to be one of the two above.  What it needs for this (the list) it has computed before.  The
 * thread whose free makes a word of bits empty looks at all words under the lock; of several such, the
 * last to get the lock sees all of them empty, and only it finds (L, CENTRAL).
 *
 * One empty span per list is kept as a spare, so that alternating free and alloc at the edge of a span
 * does not make and release spans.
 */
#include <stdlib.h>
#include <string.h>

#include "heap_internal.h"

enum span_place {
	PLACE_RELEASED,
	PLACE_CACHED,
	PLACE_FULL,
	PLACE_CENTRAL,
	PLACE_TAKEN,
	PLACE_LARGE,
};

static uint32_t place_in(enum span_place place, uint32_t list_id)
{
	return (uint32_t)place | list_id << 3;
}

static uint32_t list_id_of(unsigned class, unsigned size_class)
{
	return class * HEAP_N_SIZE_CLASSES + size_class;
}

/* ---------------------------------------------------------------- central sets */

static void list_link(struct heap_list *l, struct heap_span *s)
{
	/* At the end: the span that has waited longest is taken first, and has the most free objects. */
	s->next = NULL;
	s->prev = l->last;
	if (l->last)
		l->last->next = s;
	else
		l->first = s;
	l->last = s;
}

static void list_unlink(struct heap_list *l, struct heap_span *s)
{
	if (s->prev)
		s->prev->next = s->next;
	else
		l->first = s->next;
	if (s->next)
		s->next->prev = s->prev;
	else
		l->last = s->prev;
}

static struct heap_span *list_take(struct heap *h, struct heap_list *l, enum span_place to)
{
	struct heap_span *s;

	spin_lock(&l->lock);
	s = l->first;
	if (s) {
		list_unlink(l, s);
		if (s->is_spare) {
			s->is_spare = false;
			l->n_spares--;
			sub_relaxed(&h->spare_pages, s->n_pages); /* statistics only */
		}
		store_release(&s->central_state, place_in(to, l->id)); /* see the top */
	}
	spin_unlock(&l->lock);
	return s;
}

static void span_count_free(const struct heap_span *s, bool *has_free, bool *is_empty)
{
	uint32_t w;

	*has_free = false;
	*is_empty = true;
	for (w = 0; w < heap_span_n_words(s); w++) {
		/* seq_cst: after giving back wrote FULL; see above */
		uint64_t bits = load_seq_cst(&s->bits[w].alloc);

		if (bits != ~0ull)
			*has_free = true;
		if (bits != heap_span_pad(s, w))
			*is_empty = false;
	}
}

/* Under l's lock: put a FULL span with free objects into the set, take an empty one out for release
 * unless the list needs a spare.  Returns whether the caller shall release it.  Whatever `s` may be by
 * now. */
static bool span_settle(struct heap *h, struct heap_list *l, struct heap_span *s)
{
	bool has_free, is_empty;
	uint32_t state = load_seq_cst(&s->central_state);

	if (state != place_in(PLACE_FULL, l->id) && state != place_in(PLACE_CENTRAL, l->id))
		return false;
	span_count_free(s, &has_free, &is_empty);
	if (!has_free)
		return false;
	if (state == place_in(PLACE_FULL, l->id)) {
		list_link(l, s);
		store_release(&s->central_state, place_in(PLACE_CENTRAL, l->id)); /* see the top */
	}
	if (!is_empty || s->is_spare)
		return false;
	if (l->n_spares == 0) {
		s->is_spare = true;
		l->n_spares++;
		add_relaxed(&h->spare_pages, s->n_pages); /* statistics only */
		return false;
	}
	list_unlink(l, s);
	/* see the top; seq_cst: before the owner's hook looks at the collector's generation (gc_sweep_released()) */
	store_seq_cst(&s->central_state, 0);
	return true;
}

/* ---------------------------------------------------------------- the owner's side */

/* Claim the free objects of the next word that has any, going round once.  False: the span is full. */
static bool span_claim(struct heap_span *s)
{
	uint32_t first = load_relaxed(&s->cache_index); /* the owner's own */
	uint32_t n, w;
	uint64_t old;

	for (n = 0, w = first; n <= heap_span_n_words(s); n++, w++) {
		if (w == heap_span_n_words(s)) {
			w = 0;
			s->needs_zero = true; /* from here on objects are used again */
		}
		/* relaxed: a free that is not seen yet is found the next time, or by giving back */
		if (load_relaxed(&s->bits[w].alloc) == ~0ull)
			continue;
		/* acquire: pairs with the frees' clearing in span_clear() */
		old = or_acq_rel(&s->bits[w].alloc, ~0ull);
		if (old == ~0ull)
			continue;
		if (n == 0 && !s->is_fresh)
			s->needs_zero = true; /* the word that was claimed last, again */
		s->is_fresh = false;
		/* release, both: heap_is_object() reads the index, the word and the index again */
		store_release(&s->cache_index, w);
		store_release(&s->cache_word, ~old);
		return true;
	}
	return false;
}

/* From the current or taken span of the caller to wherever it belongs. */
static void span_give_back(struct heap *h, struct heap_span *s)
{
	struct heap_list *l = &h->lists[list_id_of(s->class, s->size_class)];
	bool is_released;

	spin_lock(&l->lock);
	s->needs_zero = true; /* some of it was handed out, perhaps */
	store_seq_cst(&s->central_state, place_in(PLACE_FULL, l->id));
	is_released = span_settle(h, l, s);
	spin_unlock(&l->lock);
	if (is_released)
		heap_span_release(h, s);
}

/* Stop being the owner; what is claimed and not handed out becomes free again. */
static void span_uncache(struct heap *h, struct heap_span *s)
{
	uint64_t word = load_relaxed(&s->cache_word); /* the owner's own */

	/* release: pairs with the claim of the next owner */
	and_acq_rel(&s->bits[load_relaxed(&s->cache_index)].alloc, ~word);
	store_relaxed(&s->cache_word, 0); /* relaxed: published by giving back */
	if (h->hooks.span_uncached)
		h->hooks.span_uncached(h->hooks.ctx, s);
	store_release(&s->owner, NULL); /* pairs with who reads the owner: heap_span.h */
	span_give_back(h, s);
}

static void span_cache(struct heap_cache *c, struct heap_span *s, uint32_t list_id)
{
	/* relaxed: the owner's own; the index restarts so that the low objects are used first */
	store_relaxed(&s->cache_index, 0);
	store_release(&s->owner, c); /* pairs with who reads the owner: heap_span.h */
	c->current[list_id] = s;
	if (c->heap->hooks.span_cached)
		c->heap->hooks.span_cached(c->heap->hooks.ctx, s);
}

/* Make the cache's current span of this list one with claimed objects; NULL: exhausted. */
static struct heap_span *cache_refill(struct heap_cache *c, uint32_t list_id)
{
	struct heap *h = c->heap;
	struct heap_span *s = c->current[list_id];
	unsigned class = list_id / HEAP_N_SIZE_CLASSES, size_class = list_id % HEAP_N_SIZE_CLASSES;

	if (s && span_claim(s))
		return s;
	if (h->hooks.want_span)
		h->hooks.want_span(h->hooks.ctx, c, heap_class_pages[size_class] * HEAP_PAGE_BYTES);
	do {
		if (c->current[list_id]) {
			s = c->current[list_id];
			c->current[list_id] = NULL;
			span_uncache(h, s);
		}
		s = list_take(h, &h->lists[list_id], PLACE_CACHED);
		if (!s && h->hooks.grow_span &&
		    h->hooks.grow_span(h->hooks.ctx, c, class, size_class))
			s = list_take(h, &h->lists[list_id], PLACE_CACHED);
		if (!s) {
			s = heap_span_create(h, class, size_class, 0);
			if (!s)
				return NULL;
			/* pairs with heap_span_at(), to which this makes the span known */
			store_release(&s->central_state, place_in(PLACE_CACHED, list_id));
		}
		span_cache(c, s, list_id);
	} while (!span_claim(s));
	return s;
}

static void *alloc_large(struct heap_cache *c, enum obj_class class, size_t bytes, bool zero)
{
	struct heap *h = c->heap;
	struct heap_span *s;

	if (bytes > h->arena.bytes)
		return NULL;
	if (h->hooks.want_span)
		h->hooks.want_span(h->hooks.ctx, c, heap_round_up(bytes));
	s = heap_span_create(h, class, 0, bytes);
	if (!s)
		return NULL;
	if (zero && s->needs_zero)
		memset(s->base, 0, bytes);
	/* relaxed: published with the place, whose release pairs with heap_span_at() */
	store_relaxed(&s->bits[0].alloc, ~0ull);
	store_release(&s->central_state, place_in(PLACE_LARGE, 0));
	return s->base;
}

void *span_heap_alloc(struct heap_cache *c, enum obj_class class, size_t bytes, bool zero)
{
	struct heap *h = c->heap;
	uint32_t list_id;
	struct heap_span *s;
	uint64_t word;
	char *obj;

	if (unlikely(h->is_checked) && heap_should_fail(h))
		return NULL;
	if (unlikely(heap_is_large(class, bytes)))
		return alloc_large(c, class, bytes, zero);
	list_id = list_id_of(class, heap_class_of(h, bytes));
	s = c->current[list_id];
	/* relaxed: the owner's own words */
	if (unlikely(!s || !(word = load_relaxed(&s->cache_word)))) {
		s = cache_refill(c, list_id);
		if (!s)
			return NULL;
		word = load_relaxed(&s->cache_word);
	}
	store_relaxed(&s->cache_word, word & (word - 1));
	obj = heap_span_object(s, load_relaxed(&s->cache_index) * 64 +
					  (uint32_t)__builtin_ctzll(word));
	if (unlikely(h->config.poison))
		heap_poison_check(h, obj, s->elem_bytes, class);
	if (zero && s->needs_zero)
		memset(obj, 0, bytes);
	return obj;
}

static void cache_flush_spans(struct heap_cache *c)
{
	struct heap_span *s;
	uint32_t i;

	for (i = 0; i < HEAP_N_LISTS; i++) {
		s = c->current[i];
		if (!s)
			continue;
		c->current[i] = NULL;
		span_uncache(c->heap, s);
	}
}

void heap_cache_flush(struct heap_cache *c)
{
	if (c->heap->config.kind == HEAP_MALLOC)
		malloc_heap_flush(c);
	else
		cache_flush_spans(c);
}

struct heap_span *heap_central_take(struct heap *h, enum obj_class class, uint8_t size_class)
{
	return list_take(h, &h->lists[list_id_of(class, size_class)], PLACE_TAKEN);
}

void heap_central_put(struct heap *h, struct heap_span *s)
{
	span_give_back(h, s);
}

/* ---------------------------------------------------------------- freeing */

/* Clear bits that are being freed.  Returns the word as it is now. */
static uint64_t span_clear(struct heap_span *s, uint32_t w, uint64_t bits)
{
	uint64_t old;

	/* Release: pairs with the claim in span_claim().  seq_cst for the order before the load of
	 * central_state that follows; see the top. */
	old = and_seq_cst(&s->bits[w].alloc, ~bits);
	if (unlikely((old & bits) != bits))
		heap_die("double free: object %u of the span at index %u, word %u: %#llx of %#llx",
			 w * 64 + (uint32_t)__builtin_ctzll(bits & ~old), s->index, w,
			 (unsigned long long)bits, (unsigned long long)old);
	return old & ~bits;
}

/* What may be wanted of the span after bits were cleared, seen from outside: `is_empty_word` when a
 * word became empty.  Returns whether the span was released by this. */
static bool span_after_free(struct heap *h, struct heap_list *l, struct heap_span *s,
			    bool is_empty_word)
{
	uint32_t state = load_seq_cst(&s->central_state); /* after span_clear(); see the top */
	bool is_released;

	if (likely(state != place_in(PLACE_FULL, l->id) &&
		   !(is_empty_word && state == place_in(PLACE_CENTRAL, l->id))))
		return false;
	spin_lock(&l->lock);
	is_released = span_settle(h, l, s);
	spin_unlock(&l->lock);
	if (is_released)
		heap_span_release(h, s);
	return is_released;
}

static void span_release_large(struct heap *h, struct heap_span *s)
{
	/* Its one free found the bit set: nobody else can be here. */
	/* pairs with heap_span_at(); seq_cst: as in span_settle() */
	store_seq_cst(&s->central_state, 0);
	heap_span_release(h, s);
}

/* Forget what was noted beside an object, while it is still the caller's. */
static inline void span_wipe(struct heap *h, struct heap_span *s, uint32_t i)
{
	uint32_t node_bytes = h->look.node_bytes, k; /* a multiple of 16, often 16 or 32 */

	for (k = 0; k < node_bytes; k += 16)
		memset(s->nodes + (size_t)i * node_bytes + k, 0, 16);
	if (s->stamps)
		s->stamps[i] = (struct heap_stamps){0};
	if (unlikely(h->config.poison))
		heap_poison_fill(heap_span_object(s, i),
				 s->is_large ? s->object_bytes : s->elem_bytes);
}

static void __attribute__((noreturn, cold))
die_not_object(const void *obj, const struct heap_span *s)
{
	if (!s)
		heap_die("not an object: %p lies in no span", obj);
	heap_die("not an object: %p lies in the span of %s at %p, %u objects of %u bytes", obj,
		 obj_class_names[s->class], (void *)s->base, s->n_elems, s->elem_bytes);
}

/* Claimed by the owner and not handed out: not an object yet, though its bit is set. */
static bool span_is_claimed(const struct heap_span *s, uint32_t i)
{
	uint32_t w, again;
	uint64_t word;

	/* acquire: pairs with the releases in span_claim().  An object that was handed out is missing
	 * from the word for everybody who learnt of it. */
	do {
		w = load_acquire(&s->cache_index);
		word = load_acquire(&s->cache_word);
		again = load_acquire(&s->cache_index);
	} while (w != again);
	return w == i / 64 && (word >> i % 64 & 1);
}

static void __attribute__((noreturn, cold))
die_double_free(const void *obj, const struct heap_span *s)
{
	heap_die("double free: %p, a %s of %zu bytes", obj, obj_class_names[s->class],
		 s->object_bytes);
}

/* The first part of a free in a heap that poisons.  Returns what is to be made free now: the object, or the one
 * that has waited longest in quarantine, or NULL. */
static void *__attribute__((noinline))
span_free_checked(struct heap_cache *c, struct heap_span *s, void *obj)
{
	const uint32_t n = c->heap->config.n_quarantine;
	void *old;

	/* The audit is asked first: it names what it drops, where the heap can only die. */
	if (!heap_may_free(c, obj, s->class))
		return NULL;
	if (c->heap->config.poison && span_is_claimed(s, heap_span_index(s, obj)))
		die_double_free(obj, s);
	if (!n || s->is_large)
		return obj;
	heap_poison_fill(obj, s->elem_bytes);
	old = c->quarantine[c->quarantine_next];
	c->quarantine[c->quarantine_next] = obj;
	c->quarantine_next = (c->quarantine_next + 1) % n;
	if (old) {
		s = heap_span_of(c->heap, old);
		heap_poison_check(c->heap, old, s->elem_bytes, s->class);
	}
	return old;
}

/* Object i of a span becomes reusable. */
static inline void span_make_free(struct heap *h, struct heap_span *s, uint32_t i)
{
	struct heap_list *l = &h->lists[list_id_of(s->class, s->size_class)];
	const uint64_t bit = 1ull << i % 64, pad = heap_span_pad(s, i / 64);
	const bool is_large = s->is_large;
	uint64_t word;

	/* relaxed: the bit was set before the caller learnt of the object */
	if (unlikely(!(load_relaxed(&s->bits[i / 64].alloc) & bit)))
		die_double_free(heap_span_object(s, i), s);
	span_wipe(h, s, i);
	word = span_clear(s, i / 64, bit);
	if (unlikely(is_large))
		span_release_large(h, s);
	else
		span_after_free(h, l, s, word == pad);
}

void span_heap_free(struct heap_cache *c, void *obj)
{
	struct heap *h = c->heap;
	struct heap_span *s = heap_span_of(h, obj);
	uint32_t i;

	if (unlikely(!s))
		die_not_object(obj, s);
	i = heap_span_index(s, obj);
	if (unlikely(i >= s->n_elems || heap_span_object(s, i) != obj))
		die_not_object(obj, s);
	if (unlikely(h->is_checked)) {
		obj = span_free_checked(c, s, obj);
		if (!obj)
			return;
		s = heap_span_of(h, obj);
		i = heap_span_index(s, obj);
	}
	span_make_free(h, s, i);
}

/* The owner leaves: what it has held back becomes reusable. */
void span_heap_end_quarantine(struct heap_cache *c)
{
	uint32_t k;

	for (k = 0; k < HEAP_QUARANTINE; k++) {
		struct heap_span *s =
			c->quarantine[k] ? heap_span_of(c->heap, c->quarantine[k]) : NULL;

		if (!s)
			continue;
		heap_poison_check(c->heap, c->quarantine[k], s->elem_bytes, s->class);
		span_make_free(c->heap, s, heap_span_index(s, c->quarantine[k]));
		c->quarantine[k] = NULL;
	}
}

bool heap_span_free_bits(struct heap_cache *c, struct heap_span *s, const uint64_t *dead)
{
	struct heap *h = c->heap;
	struct heap_list *l = &h->lists[list_id_of(s->class, s->size_class)];
	bool is_large = s->is_large, is_empty_word = false;
	bool wipes = h->look.node_bytes || s->stamps || h->config.poison;
	uint32_t w, last = 0;
	uint64_t bits;

	for (w = 0; w < heap_span_n_words(s); w++)
		if (dead[w])
			last = w + 1;
	if (!last)
		return false;
	/* Once the last bits are cleared, the span may be gone: count words up to there only. */
	for (w = 0; w < last; w++) {
		uint64_t pad = heap_span_pad(s, w);

		for (bits = wipes ? dead[w] : 0; bits; bits &= bits - 1) {
			const uint32_t i = w * 64 + (uint32_t)__builtin_ctzll(bits);

			if (unlikely(h->config.poison))
				heap_may_free(c, heap_span_object(s, i), s->class);
			span_wipe(h, s, i);
		}
		if (dead[w] && span_clear(s, w, dead[w]) == pad)
			is_empty_word = true;
	}
	if (is_large) {
		span_release_large(h, s);
		return true;
	}
	return span_after_free(h, l, s, is_empty_word);
}

/* ---------------------------------------------------------------- looking */

bool span_heap_is_object(const struct heap *h, const void *obj)
{
	struct heap_span *s = heap_span_of(h, obj);
	uint32_t i;

	if (!s)
		return false;
	i = heap_span_index(s, obj);
	if (i >= s->n_elems || heap_span_object(s, i) != obj)
		return false;
	/* acquire: pairs with span_claim() and span_clear() */
	return (load_acquire(&s->bits[i / 64].alloc) >> i % 64 & 1) && !span_is_claimed(s, i);
}

uint32_t heap_n_spans(const struct heap *h)
{
	return load_acquire(&h->n_spans); /* pairs with heap_span_struct_take() */
}

void span_heap_visit(struct heap *h, heap_visit_fn *fn, void *ctx)
{
	const struct heap_audit *audit = h->config.audit;
	uint32_t n = heap_n_spans(h), k, w, i;
	struct heap_span *s;
	uint64_t bits;

	for (k = 0; k < n; k++) {
		s = heap_span_at(h, k);
		if (!s)
			continue;
		for (w = 0; w < heap_span_n_words(s); w++) {
			/* relaxed: all is quiet */
			bits = load_relaxed(&s->bits[w].alloc) & ~heap_span_pad(s, w);
			if (s->is_large)
				bits = bits & 1;
			else if (w == load_relaxed(&s->cache_index))
				bits &= ~load_relaxed(&s->cache_word);
			for (; bits; bits &= bits - 1) {
				i = w * 64 + (uint32_t)__builtin_ctzll(bits);
				if (audit && audit->is_freed(audit->ctx, heap_span_object(s, i)))
					continue; /* in quarantine */
				fn(ctx, heap_span_object(s, i), s->class, s->object_bytes,
				   s->stamps ? &s->stamps[i] : NULL);
			}
		}
	}
}
