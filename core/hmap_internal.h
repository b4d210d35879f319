/* SPDX-License-Identifier: MIT */
/* hmap_internal.h - the map's own state and the argument why it is safe; for hmap*.c only.
 *
 * THE TABLE DESCRIPTOR (struct table) names the array, the old array while growing, B and the hash seed.  It
 * never changes once published in hmap.table; a change of any of these publishes another and retires it.
 *
 * WRITERS lock a chain by the LOCK bit of its head bucket: one lock per bucket, the finest striping there is.
 * A writer of key K: loads the descriptor T; while T is growing, first evacuates K's old bucket; searches
 * without lock, noting the head's link word w; locks by compare-and-swap w -> w with LOCK and the next
 * version, which fails if anybody locked the chain since; then checks that hmap.table is still T and that
 * the head is not evacuated, else unlocks and starts over.  Why this is enough: whoever evacuates a bucket
 * (a) has seen the descriptor of the growth, (b) holds the bucket's lock while it moves entries and marks it.
 * A writer that locks the bucket before the evacuator finishes before it, its entry is moved; one that locks
 * it after synchronises with the unlock (release, hmap_unlock; acquire, hmap_lock_seen), sees the mark and
 * the new descriptor, and starts over.  New buckets X and Y have no writer before the old bucket is marked.
 * So an old bucket and the two it splits into are never written at once, which is what sharing one stripe
 * is for.  Growth begins and ends under grow_lock without touching buckets' locks.
 *
 * READERS take no lock.  A hit is believed when the head's version is the same before the search and after the
 * value was read.  Writer: the version is advanced by the lock (acq_rel), before any cell is reused; key and
 * value are stored with release, after that; the tophash byte that makes the cell visible last.  Reader: version
 * (acquire), tophash, key, value (acquire each), version.  If the reader's key or value is of a later tenant
 * than its tophash, it read from a release store that follows a version advance it has not seen at first, so
 * the second look differs.  If the first look came after that advance, the cell was empty in the tophash word it
 * then read, or already the new tenant's.  A deleted cell's value is left alone (HMAP_PLAIN) or set to 0, which
 * counts as a miss (HMAP_PAYLOAD); evacuation that clears cells advances the version once more first.
 * A miss needs no version: a key that is in the map during the whole call sits in one cell until its bucket is
 * evacuated, and that is rechecked; a key that was deleted and put elsewhere meanwhile was absent in between.
 *
 * EVACUATION copies the whole chain, then publishes the head's tophash word (release; pairs with the acquire
 * loads in search), then marks the overflow buckets, then (HMAP_PAYLOAD, not iterated) advances the version,
 * clears the head and retires the overflow buckets.  A reader that meets marks in an overflow bucket misses,
 * rechecks the head, sees it evacuated and goes to the new table.
 *
 * OVERFLOW BUCKETS.  Linked by a store of the predecessor's link word (release) after they are filled.  unlink=
 * empty: bypassed by the deleter under the head's lock; the bucket's own link keeps its pointer, tagged, so
 * that readers inside go on, or (NEEDS_PROTECT) restart.  Everything retired is retired after it is
 * unreachable from hmap.table for operations that start later.
 *
 * READER_LOCKS.  Freed memory must not be looked at even for a moment, so operations first take one of
 * HMAP_N_STRIPES locks that lie in struct hmap, chosen by hash & stripe_mask, where stripe_mask + 1 is the
 * smaller of HMAP_N_STRIPES and the number of old buckets: an old bucket and both its halves share one.  The
 * hash seed and stripe_mask are checked again after locking.  Begin and end of a growth, which retire
 * descriptors and arrays, take all stripes.  An operation waits for one stripe at most (to help a growth it
 * tries a second), and holds none while it waits for
 * grow_lock or for all stripes.
 *
 * LOCK ORDER: stripe(s) of READER_LOCKS -> bucket lock; grow_lock -> all stripes; old bucket -> (X, Y have no
 * lockers yet); grow_lock -> old bucket (the end of a growth waits for evacuators that are not through).  grow_lock
 * is never waited for with a stripe or bucket lock held.  No lock is held across a
 * safepoint: operations do not poll.
 */
#ifndef RECLAIMBENCH_HMAP_INTERNAL_H
#define RECLAIMBENCH_HMAP_INTERNAL_H

#include <errno.h>
#include <sched.h>
#include <stdlib.h>
#include <string.h>

#include "control.h"
#include "heap_span.h"
#include "hmap.h"
#include "hmap_layout.h"
#include "perturb.h"

#define HMAP_N_STRIPES 256u /* READER_LOCKS only; 64 B each: more than enough for 16 threads */
#define LOAD_FACTOR_NUM 13  /* 6.5 entries per bucket, Go's loadFactorNum / loadFactorDen */
#define LOAD_FACTOR_DEN 2

/* Beside each array; freed with it (struct reclaim_attachment.data). */
struct array_extra {
	_Atomic(uint64_t) n_surplus_used; /* preallocated overflow buckets handed out */
	uint64_t n_buckets;		  /* 2^B */
	uint64_t n_surplus;		  /* preallocated overflow buckets behind them */
	_Atomic(uint64_t)
		*death_ticks; /* per bucket, when it was evacuated; NULL without tracking */
	_Atomic(uint64_t) *overflow_bits; /* heap_span.h; NULL with malloc */
};

/* The default hash's share of a seed. */
struct hash_seed {
	uint64_t fold, mix;
};

/* The descriptor.  An object of class OBJ_TABLE; constant once published. */
struct table {
	struct bucket *buckets;
	struct bucket *old; /* NULL unless growing */
	struct array_extra *extra, *old_extra;
	uint64_t mask;	   /* 2^B - 1 */
	uint64_t old_mask; /* of old */
	uint64_t seed;
	struct hash_seed hash; /* made of it */
	uint32_t b;
	bool is_same_size;
};

struct hmap_stripe {
	_Atomic(uint32_t) locked;
} __attribute__((aligned(64)));

/* Per thread (by struct reclaim_thread.index): one writer. */
struct hmap_local {
	_Atomic(int64_t) delta; /* inserts minus deletes not yet in hmap.count */
	uint64_t epoch;		/* registration epoch at which is_alone was found */
	bool is_alone;		/* this thread is the only one registered: count is exact */
	_Atomic(uint64_t) n_revivals;
} __attribute__((aligned(64)));

struct hmap {
	/* Read by every operation, written when the table changes. */
	_Atomic(struct table *) table;
	struct heap_packing packing;
	uint64_t version_mask; /* the version's bits of a link word */
	hmap_hash_fn *hash;    /* NULL: the default, inlined */
	struct reclaim *r;
	uint32_t flags;	  /* of the strategy */
	bool is_ordinary; /* default hash; readers neither lock nor protect; not audited */
	bool is_payload;
	bool unlink_empty;
	struct hmap_local *locals;
	struct hmap_config config;

	/* Written now and then. */
	_Atomic(int64_t) count __attribute__((aligned(PADDING_BYTES)));
	_Atomic(uint32_t) noverflow;
	_Atomic(uint32_t) grow_lock;	  /* begin and end of growth, nevacuate */
	_Atomic(uint64_t) nevacuate;	  /* written under grow_lock */
	_Atomic(uint64_t) help_next;	  /* where the next of several writers helps; a hint */
	_Atomic(uint32_t) iterator_flags; /* ITERATOR | OLD_ITERATOR */
	_Atomic(uint64_t) n_growths;
	struct reclaim_root root;

	/* READER_LOCKS only. */
	_Atomic(uint64_t) stripe_mask __attribute__((aligned(PADDING_BYTES)));
	_Atomic(uint64_t) stripe_seed; /* = table.seed, in memory that is never freed */
	struct hmap_stripe *stripes;
};

enum { ITERATOR = 1, OLD_ITERATOR = 2 };

/* ---------------------------------------------------------------- hash */

static inline uint64_t hmap_mum(uint64_t a, uint64_t b)
{
	const __uint128_t product = (__uint128_t)a * b;

	return (uint64_t)product ^ (uint64_t)(product >> 64);
}
/* Two folded multiplications, in the manner of wyhash (Wang Yi, public domain): all bits of key and seed reach
 * all bits of the result.  ~3 ns. */
static inline struct hash_seed hmap_hash_seed(uint64_t seed)
{
	return (struct hash_seed){seed ^ UINT64_C(0x8bb84b93962eacc9),
				  seed ^ UINT64_C(0x9e3779b97f4a7c15)};
}
static inline uint64_t hmap_hash_inline(uint64_t key, const struct hash_seed *seed)
{
	const uint64_t folded = hmap_mum(key ^ UINT64_C(0x2d358dccaa6c78a5), seed->fold);

	return hmap_mum(folded ^ key, seed->mix);
}
static inline uint64_t hmap_hash_of(const struct hmap *m, uint64_t key, const struct table *table)
{
	return likely(!m->hash) ? hmap_hash_inline(key, &table->hash) : m->hash(key, table->seed);
}

/* Do two looks at a head's link word show the same version? */
static inline bool hmap_same_version(const struct hmap *m, uint64_t a, uint64_t b)
{
	return !((a ^ b) & m->version_mask);
}

/* ---------------------------------------------------------------- locks */

/* Spin, then let others run: with more threads than cores the holder may be waiting for this core.  64
 * pauses are ~2 us, some holds' length. */
static inline void hmap_backoff(unsigned *n_spins)
{
	if (++*n_spins % 64)
		cpu_relax();
	else
		sched_yield();
}

/* Lock a head whose link word was seen as `seen` (unlocked).  False when it has changed. */
static inline bool hmap_lock_seen(const struct hmap *m, struct bucket *head, uint64_t seen)
{
	/* acq_rel: acquire pairs with hmap_unlock() of the last holder; release orders the version advance
	 * before the cell stores that follow, see READERS above (they are release stores themselves). */
	return cas_acq_rel(&head->link, &seen, link_locked(m->packing, seen));
}
static inline void hmap_lock(const struct hmap *m, struct bucket *head)
{
	unsigned n_spins = 0;

	for (;;) {
		const uint64_t seen = load_relaxed(&head->link); /* relaxed: the CAS acquires */

		if (!(seen & LINK_LOCK) && hmap_lock_seen(m, head, seen))
			return;
		(void)AUDIT_SEE(m->r, head); /* freed memory looks locked */
		hmap_backoff(&n_spins);
	}
}
static inline void hmap_unlock(struct bucket *head)
{
	/* Relaxed load: the holder is the only writer.  release: pairs with hmap_lock_seen() and the acquire
	 * of readers' first look. */
	store_release(&head->link, load_relaxed(&head->link) & ~LINK_LOCK);
}
/* Replace the overflow pointer, keeping version, tag and lock; head's lock held.  release: pairs with the
 * acquire in hmap_next(). */
static inline void hmap_set_next(const struct hmap *m, struct bucket *b, struct bucket *next)
{
	store_release(&b->link,
		      link_pack(m->packing, next) | link_low(m->packing, load_relaxed(&b->link)));
}
static inline struct bucket *hmap_next(const struct hmap *m, const struct bucket *b)
{
	/* acquire: pairs with hmap_set_next(); what was put into the next bucket before is seen. */
	return link_pointer(m->packing, load_acquire(&b->link));
}

/* hmap_lock.c */
void hmap_stripe_lock(struct hmap *m, struct reclaim_thread *t, uint64_t key);
void hmap_stripe_lock_index(struct hmap *m, struct reclaim_thread *t, uint64_t index);
void hmap_stripe_unlock(struct reclaim_thread *t);
void hmap_grow_lock(struct hmap *m, struct reclaim_thread *t);
bool hmap_grow_trylock(struct hmap *m);
void hmap_grow_unlock(struct hmap *m);
void hmap_all_stripes_lock(struct hmap *m, struct reclaim_thread *t);
void hmap_all_stripes_unlock(struct hmap *m);

/* ---------------------------------------------------------------- where a key is */

/* The current descriptor; NULL before the first insert.  acquire: pairs with the exchange in
 * hmap_publish_table() and hmap_grow_end(): what the descriptor names is seen whole. */
static inline struct table *hmap_table(struct hmap *m)
{
	return load_acquire(&m->table);
}

static inline bool hmap_is_evacuated(const struct bucket *b)
{
	/* acquire: pairs with the release store of the head's tophash in hmap_evacuate(). */
	return tophash_evacuated(load_acquire(&b->tophash));
}
/* The head of the chain that holds, or would hold, this hash. */
static inline struct bucket *hmap_head(const struct hmap *m, const struct table *table,
				       uint64_t hash)
{
	(void)m; /* the audit's */
	if (unlikely(table->old != NULL)) {
		struct bucket *old = &table->old[hash & table->old_mask];

		(void)AUDIT_SEE(m->r, old);
		if (!hmap_is_evacuated(old))
			return old;
	}
	return &table->buckets[hash & table->mask];
}
static inline bool hmap_is_interior(const struct bucket *array, const struct array_extra *extra,
				    const struct bucket *b)
{
	return array && b >= array && b < array + extra->n_buckets + extra->n_surplus;
}
/* A bucket that is an object of its own, not part of an array. */
static inline bool hmap_is_own_object(const struct table *table, const struct bucket *b)
{
	return !hmap_is_interior(table->buckets, table->extra, b) &&
	       !hmap_is_interior(table->old, table->old_extra, b);
}

/* hmap_get.c: the current descriptor with itself and its arrays protected (NEEDS_PROTECT), or NULL. */
enum { SLOT_TABLE, SLOT_ARRAY, SLOT_OLD_ARRAY, SLOT_BUCKET_A, SLOT_BUCKET_B, SLOT_PAYLOAD };
_Static_assert(SLOT_PAYLOAD < HMAP_N_SLOTS, "hmap.h promises no more slots than that");
struct table *hmap_protect_table(struct hmap *m, struct reclaim_thread *t);

/* ---------------------------------------------------------------- count, growth test */

/* The count as this thread may know it: exact when it is alone, else behind by at most the batches of the
 * others. */
static inline int64_t hmap_count_seen(const struct hmap *m, const struct hmap_local *local)
{
	return load_relaxed(&m->count) + load_relaxed(&local->delta);
}
bool hmap_refresh_alone(struct hmap *m, struct reclaim_thread *t, struct hmap_local *local);
static inline bool hmap_is_alone(struct hmap *m, struct reclaim_thread *t, struct hmap_local *local)
{
	if (likely(local->epoch == reclaim_registration_epoch(t)))
		return local->is_alone;
	return hmap_refresh_alone(m, t, local);
}
static inline void hmap_count_add(struct hmap *m, struct hmap_local *local, int64_t change)
{
	const int64_t delta = load_relaxed(&local->delta) + change;

	if (likely(delta < HMAP_COUNT_BATCH && delta > -HMAP_COUNT_BATCH)) {
		store_relaxed(&local->delta, delta);
		return;
	}
	/* Relaxed: the count steers growth, it orders nothing. */
	add_relaxed(&m->count, delta);
	store_relaxed(&local->delta, 0);
}
static inline bool hmap_over_load_factor(int64_t count, unsigned b)
{
	return count > HMAP_N_CELLS &&
	       (uint64_t)count > LOAD_FACTOR_NUM * ((UINT64_C(1) << b) / LOAD_FACTOR_DEN);
}
static inline bool hmap_too_many_overflow(uint32_t noverflow, unsigned b)
{
	return noverflow >= UINT32_C(1) << (b < 15 ? b : 15);
}

/* ---------------------------------------------------------------- hmap_grow.c */

/* Make the first table, or begin a growth if `table` is still current, not growing and wants one.  Waits for
 * another thread that is about to.  READER_LOCKS: the stripe is given up.  False: out of memory. */
bool hmap_grow_begin(struct hmap *m, struct reclaim_thread *t, struct table *table);
/* Go's growWork: evacuate the hash's old bucket, then one at nevacuate.  May replace the table; READER_LOCKS:
 * may give up the stripe (t->map_lock == NULL then: start over). */
void hmap_grow_work(struct hmap *m, struct reclaim_thread *t, struct table *table, uint64_t hash);
/* An overflow bucket joins (or leaves) a chain: Go's noverflow. */
void hmap_add_noverflow(struct hmap *m, unsigned b, const struct bucket *bucket, bool subtract);
/* Append an overflow bucket behind `tail` of the chain under `head` (locked, or not yet visible); NULL: out of
 * memory.  The caller links it with hmap_link_overflow() once it is filled. */
struct bucket *hmap_new_overflow(struct hmap *m, struct reclaim_thread *t, struct table *table,
				 struct bucket *array, struct array_extra *extra);
void hmap_link_overflow(struct hmap *m, struct reclaim_thread *t, struct bucket *array,
			struct array_extra *extra, struct bucket *tail, struct bucket *overflow);
/* Note in the side bits whether an interior bucket leads on. */
void hmap_note_overflow(struct bucket *array, struct array_extra *extra, struct bucket *b,
			bool leads_on);
/* A new array with its attachment; NULL: out of memory. */
struct bucket *hmap_new_array(struct hmap *m, struct reclaim_thread *t, unsigned b,
			      struct array_extra **extra);
/* Publish `next` in place of `current` and retire that; grow_lock held. */
/* Publish `next`; publish_table() retires `current`, too. */
void hmap_swap_table(struct hmap *m, struct reclaim_thread *t, struct table *current,
		     struct table *next);
void hmap_publish_table(struct hmap *m, struct reclaim_thread *t, struct table *current,
			struct table *next);
/* Tag and retire the overflow objects of one chain. */
void hmap_retire_chain(struct hmap *m, struct reclaim_thread *t, const struct table *table,
		       struct bucket *first, bool is_growing);

static inline void hmap_barrier(const struct hmap *m, struct reclaim_thread *t, void *old,
				void *new)
{
	if (unlikely(m->flags & NEEDS_BARRIER) && !CONTROL(no_barrier))
		t->ops->write_barrier(t, old, new);
}

#endif
