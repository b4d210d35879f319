/* SPDX-License-Identifier: MIT */
/* hmap.h - the shared map: Go's classic hash map (runtime/map.go, Go 1.19.8; GO-FACTS section 1) made
 * concurrent.  uint64 keys to uint64 values, or to payload objects.
 *
 * THREADS.  Every function but create and destroy takes the calling thread's struct reclaim_thread,
 * which must be online and registered with the map's domain: as a mutator to insert, delete or clear, as a
 * mutator or reader to look (other roles may create and destroy, and look while all is quiet).  Operations that return or follow references
 * (get, range) must run inside reclaim_enter()/reclaim_exit(); insert and delete must too.
 *
 * PROGRESS.  Readers take no lock and execute no fence, no atomic read-modify-write and no store to shared
 * memory, unless the strategy has READER_LOCKS or NEEDS_PROTECT; they are lock-free.  Writers lock one
 * bucket chain.
 *
 * VALUES.  HMAP_PLAIN: the value is the uint64 given.  HMAP_PAYLOAD: the value is a payload object of
 * value_bytes, allocated by insert, retired by delete and overwrite; hmap_get() returns its address, valid
 * until reclaim_exit() (NEEDS_PROTECT: until the thread's next map operation or exit; READER_LOCKS: the
 * same, and the bucket's stripe stays locked until then).
 *
 * EXACTNESS.  While one mutator is registered and unlink=go, the map evolves bit by bit as Go's
 * (verify-go).  With n mutators the growth test sees a count that lags by at most
 * n * HMAP_COUNT_BATCH entries (each thread publishes its own count in batches).
 */
#ifndef RECLAIMBENCH_HMAP_H
#define RECLAIMBENCH_HMAP_H

#include "reclaim.h"

enum hmap_mode { HMAP_PLAIN, HMAP_PAYLOAD };
enum hmap_unlink { HMAP_UNLINK_GO, HMAP_UNLINK_EMPTY };

#define HMAP_N_CELLS 8
#define HMAP_BUCKET_BYTES 144
#define HMAP_COUNT_BATCH 16
#define HMAP_N_SLOTS                                                                               \
	6 /* protection slots a NEEDS_PROTECT strategy must offer; with fewer hmap_create() is -EINVAL */

typedef uint64_t hmap_hash_fn(uint64_t key, uint64_t seed);
/* The default: a 64-bit mixer good in its low bits (bucket) and its top byte (tophash). */
hmap_hash_fn hmap_hash_default;

struct hmap;
struct hmap_hooks;

struct hmap_config {
	enum hmap_mode mode;
	enum hmap_unlink unlink;
	size_t value_bytes; /* HMAP_PAYLOAD: at least 8 */
	uint64_t
		hint; /* entries the first array shall hold without growing, as make(map, hint) in Go; 0: B = 0.
			       At most 2^40 */
	uint64_t
		seed; /* of the hash; redrawn from itself when a lone mutator empties the map, as Go */
	hmap_hash_fn *
		hash; /* NULL: hmap_hash_default.  With one given, `seed` is passed to it unchanged, so it
			       may be the address of what the function needs; it is not redrawn then */
	const struct hmap_hooks *hooks; /* NULL: none; must outlive the map */
};

/* For tools: called where the thing happens, by the thread that causes it, with the bucket's lock held
 * (bucket_evacuated) or the growth lock (the others); must not call the map.  Unset members cost one
 * predictable branch, and only on these cold paths. */
struct hmap_hooks {
	void *ctx;
	void (*growth_begin)(void *ctx, unsigned old_b, unsigned new_b);
	void (*growth_progress)(void *ctx, uint64_t n_evacuated, uint64_t n_old);
	void (*growth_end)(void *ctx, unsigned new_b);
	void (*bucket_evacuated)(void *ctx, uint64_t old_index);
	void (*bucket_retired)(void *ctx, void *bucket);
};

/* 0, -EINVAL or -ENOMEM.  No bucket is allocated before the first insert. */
int hmap_create(struct hmap **out, struct reclaim *r, struct reclaim_thread *t,
		const struct hmap_config *config) __attribute__((warn_unused_result));
/* Drop the map: everything it holds is retired by the calling thread, the array as OBJ_MAP (its death and
 * retirement are now).  No other thread may use the map any more.  Outside a section. */
void hmap_destroy(struct hmap *m, struct reclaim_thread *t);

/* true and *value (see VALUES), or false and *value is unspecified.  Inside a section.  Ordering: sees everything that happened
 * before the insert it returns. */
bool hmap_get(struct hmap *m, struct reclaim_thread *t, uint64_t key, uint64_t *value);
/* `n` lookups whose cache misses overlap; found[i] tells; returns how many were found.  n <= 64.
 * NEEDS_PROTECT and READER_LOCKS: payload addresses are not returned (values[i] = 0). */
#define HMAP_BATCH_MAX 64
unsigned hmap_get_batch(struct hmap *m, struct reclaim_thread *t, const uint64_t *keys, unsigned n,
			uint64_t *values, bool *found);

enum hmap_result { HMAP_INSERTED, HMAP_REPLACED, HMAP_NO_MEMORY };
/* Insert or overwrite.  HMAP_PAYLOAD: `value` is written into the payload's first 8 bytes; the old payload
 * is retired.  HMAP_NO_MEMORY: nothing changed. */
enum hmap_result hmap_insert(struct hmap *m, struct reclaim_thread *t, uint64_t key,
			     uint64_t value);
/* The same with a payload of `bytes`, at least 8, in place of value_bytes.  HMAP_PLAIN: `bytes` is not looked at. */
enum hmap_result hmap_insert_sized(struct hmap *m, struct reclaim_thread *t, uint64_t key,
				   uint64_t value, size_t bytes);
/* true if it was there. */
bool hmap_delete(struct hmap *m, struct reclaim_thread *t, uint64_t key);
/* Remove everything; keeps and zeroes the array (Go's clear).  Alone: no other thread may operate.  false: out of
 * memory for the new descriptor, nothing changed. */
bool hmap_clear(struct hmap *m, struct reclaim_thread *t) __attribute__((warn_unused_result));

/* Visit entries; weakly consistent: each entry that is there from begin to end is visited once or, when the
 * table grows meanwhile, may be visited again.  Sets Go's iterator flags: the next growth leaves stale
 * copies in the old array (GO-FACTS section 1).  Stops when fn returns false.  Inside a section.  fn runs under
 * the chain's lock, so a payload stands still: it must not call the map and should be short. */
typedef bool hmap_range_fn(void *ctx, uint64_t key, uint64_t value);
void hmap_range(struct hmap *m, struct reclaim_thread *t, hmap_range_fn *fn, void *ctx);

/* ---------------------------------------------------------------- looking inside */

struct hmap_state {
	uint64_t count; /* exact while quiet */
	unsigned b;
	uint32_t noverflow;
	bool has_array; /* false before the first insert */
	bool is_growing, is_same_size;
	uint64_t nevacuate;
	bool is_old_iterator, is_iterator;
	uint64_t n_revivals; /* emptied overflow buckets filled again before they were retired */
	uint64_t n_growths;
	uint64_t array_bytes, old_array_bytes;
};
/* Inside a section, unless quiet; exact while quiet. */
void hmap_state(struct hmap *m, struct reclaim_thread *t, struct hmap_state *out);
uint64_t hmap_count(struct hmap *m);
/* Overflow buckets now linked, surplus ones included, found by walking.  Quiet only; slow. */
uint64_t hmap_count_overflow(struct hmap *m);

/* 64-bit FNV-1a over the layout, as goref's README defines it.  Quiet only. */
uint64_t hmap_layout_digest(struct hmap *m);
/* Whether an old bucket is evacuated (verify-go's oldEvacuated).  Quiet only. */
uint64_t hmap_n_old_evacuated(struct hmap *m);

/* Show layout and reachability, to strategies that trace and to inspect.  The visitor gets every object the
 * map refers to, directly or through other objects, and every bucket; return values steer.  May run
 * concurrently with all operations when the caller is in a section or holds the collector's guarantees
 * (strategies/gc); stale cells of evacuated buckets are shown too, as Go's collector scans them. */
struct hmap_visitor {
	void *ctx;
	/* The current table descriptor, array (is_old: oldbuckets).  Return false to skip what lies behind. */
	bool (*table)(void *ctx, void *table);
	bool (*array)(void *ctx, void *array, uint64_t n_buckets, bool is_old);
	/* A bucket: interior (in_array) or an overflow object.  Return false to skip its cells. */
	bool (*bucket)(void *ctx, void *bucket, void *array, uint64_t index,
		       bool is_overflow_object);
	/* A cell that holds a payload reference, whatever its tophash (HMAP_PAYLOAD). */
	void (*payload)(void *ctx, void *payload, uint8_t tophash);
	/* TRACES, HMAP_PAYLOAD: what only preallocated overflow buckets of the old array refer to that evacuation
	 * has unlinked: a payload or an overflow object, perhaps several times.  It is dead, and pinned. */
	void (*stale)(void *ctx, void *object);
};
void hmap_trace(struct hmap *m, struct reclaim_thread *t, const struct hmap_visitor *visitor);

/* A chunk of an array, in address order: buckets [from, to) and the chains behind them. */
void hmap_trace_array(struct hmap *m, void *array, uint64_t from, uint64_t to, bool is_old,
		      const struct hmap_visitor *visitor);

/* The map a root belongs to (each map registers itself as a root), or NULL when the root is not a map. */
struct hmap *hmap_from_root(struct reclaim_root *root);
/* For collectors that walk buckets themselves (hmap_layout.h). */
const struct hmap_config *hmap_config(const struct hmap *m);

/* Check every invariant of the structure (tophash states, counts, chains, old bits); returns the number of
 * faults and writes the first to `message`.  Quiet only. */
unsigned hmap_validate(struct hmap *m, char *message, size_t message_size);

#endif
