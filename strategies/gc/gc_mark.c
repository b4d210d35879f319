/* SPDX-License-Identifier: MIT */
/* gc_mark.c - jobs, scanning, shading; see gc_mark.h for why nothing is missed.
 *
 * bits=header.  A bucket is full: link word, tophash, eight cells, no bit to spare.  So the header's mark is
 * realised as its cost: each bucket that is marked has its own line written by a read-modify-write that leaves
 * the link word as it is, and the sweep reads the line of each overflow bucket.  What decides is the side bit;
 * the extra cost of keeping that is some tenth of the line's.
 *
 * Two words.  Threads that shade, allocate, assist or help set bits in `mark` by read-modify-writes.  The cycle's
 * thread, which marks most payloads, has words of its own (gc_mark_own()), written by plain stores: a locked instruction waits
 * for all stores before it, which was half of the time to mark a payload.  Marked is who is marked in either.  A
 * payload that both mark at the same moment is counted twice, and refers to nothing: the pacer's business only.
 *
 * bits=span.  All objects of a span share bit 0 of its mark bits.  Then "marked" says nothing about a single
 * object, so a bucket that is reached is always scanned, marked or not (a chain is walked once, it is a list).
 * shadow=on also keeps a bit per object, in dead[0], which marking strategies do not use: the sweep then
 * counts what is kept only because a neighbour lives.
 */
#include "gc/gc_mark.h"

#include <errno.h>
#include <stdlib.h>

#include "control.h"
#include "gc/gc.h"
#include "hmap.h"
#include "hmap_layout.h"
#include "perturb.h"

enum {
	GC_CHUNK_BUCKETS =
		256, /* 36 KiB, some 20 us: below Go's oblet (128 KiB), and a multiple of 64 */
	GC_PREFETCH_BUCKETS = 6,
	GC_MAX_JOBS_FIRST = 64,
	GC_MAX_PAYLOADS =
		128, /* marked together: what is fetched for them fits the first-level cache */
};

int gc_mark_init(struct gc *gc)
{
	struct gc_mark *mark = &gc->mark;
	pthread_condattr_t attr;

	mark->jobs = malloc(GC_MAX_JOBS_FIRST * sizeof(*mark->jobs));
	if (!mark->jobs)
		return -ENOMEM;
	mark->max_jobs = GC_MAX_JOBS_FIRST;
	mark->packing = heap_packing(gc->heap);
	pthread_mutex_init(&mark->lock, NULL);
	pthread_condattr_init(&attr);
	pthread_condattr_setclock(&attr, CLOCK_MONOTONIC);
	pthread_cond_init(&mark->progress, &attr);
	pthread_cond_init(&gc->markers.opened, &attr);
	pthread_cond_init(&gc->markers.closed, &attr);
	pthread_condattr_destroy(&attr);
	return 0;
}

void gc_mark_fini(struct gc *gc)
{
	struct gc_mark *mark = &gc->mark;

	if (!mark->jobs)
		return;
	pthread_cond_destroy(&gc->markers.closed);
	pthread_cond_destroy(&gc->markers.opened);
	pthread_cond_destroy(&mark->progress);
	pthread_mutex_destroy(&mark->lock);
	free(mark->jobs);
	mark->jobs = NULL;
}

static void gc_mark_reset(struct gc_thread *g)
{
	/* relaxed: the world is stopped */
	store_relaxed(&g->marked_bytes, 0);
	store_relaxed(&g->n_marked, 0);
	store_relaxed(&g->n_buckets_marked, 0);
	g->assist_bytes = 0;
	g->background_ns = 0;
}

void gc_mark_begin(struct gc *gc)
{
	struct gc_mark *mark = &gc->mark;

	mark->n_jobs = mark->first_open = 0;
	/* relaxed: the world is stopped */
	store_relaxed(&mark->n_open, 0);
	store_relaxed(&mark->n_buckets, 0);
	store_relaxed(&mark->n_assists, 0);
	store_relaxed(&mark->n_assist_waits, 0);
	pthread_mutex_lock(&gc->world.lock); /* an offline thread may leave even now */
	gc->past_marked_bytes = gc->past_n_marked = gc->past_n_buckets_marked = 0;
	for (struct gc_member *m = gc->world.members; m; m = m->next)
		gc_mark_reset((struct gc_thread *)m);
	pthread_mutex_unlock(&gc->world.lock);
}

/* ---------------------------------------------------------------- marking one object */

/* True when this call set bit i % 64 of the word.  relaxed: the bits are read by the sweep, after STW 2; between
 * markers they only save work. */
static inline bool gc_mark_set(_Atomic(uint64_t) *word, uint32_t i)
{
	const uint64_t bit = UINT64_C(1) << i % 64;

	if (load_relaxed(word) & bit)
		return false;
	return !(or_relaxed(word, bit) & bit);
}

static inline uint64_t gc_mark_bytes(const struct heap_span *s)
{
	return s->is_large ? gc_span_charge_bytes(s) : s->elem_bytes;
}

/* Mark object i of the span and count it; true when it was white. */
static bool gc_mark_object(const struct gc *gc, struct gc_thread *g, struct heap_span *s,
			   uint32_t i)
{
	uint64_t bytes;

	if (unlikely(gc->opt.bits == GC_BITS_SPAN)) {
		if (gc->opt.shadow && gc_mark_set(&s->bits[i / 64].dead[0], i))
			counter_add(&g->n_marked, 1);
		if (!gc_mark_set(&s->bits[0].mark, 0))
			return false;
		bytes = (uint64_t)s->n_pages * HEAP_PAGE_BYTES; /* all of it is kept */
	} else {
		if (gc_mark_word(s, i / 64) >> i % 64 & 1 || !gc_mark_set(&s->bits[i / 64].mark, i))
			return false;
		bytes = gc_mark_bytes(s);
		counter_add(&g->n_marked, 1);
	}
	counter_add(&g->marked_bytes, bytes);
	return true;
}

/* ---------------------------------------------------------------- scanning */

/* bits=header: dirty the bucket's line, change nothing.  Zero comes from memory, or the compiler would turn the
 * read-modify-write into a fence. */
static inline void gc_mark_header(struct bucket *b)
{
	static const volatile uint64_t zero = 0;

	or_relaxed(&b->link, CONTROL(shared_bit) ? LINK_TAG : zero); /* relaxed: the value stays */
}

/* The three steps to a payload's mark bit each miss the cache in a large heap: the word in the bucket, the span it
 * lies in, the word of bits.  So each step is taken for all payloads of some buckets before the next, and fetches for
 * it.  Flat lists rather than a loop per bucket: how many cells of a bucket are filled cannot be predicted. */
struct gc_payloads {
	uint64_t words[GC_MAX_PAYLOADS]; /* addresses, perhaps; then indexes in their spans */
	struct heap_span *spans[GC_MAX_PAYLOADS];
	unsigned n;
};

static void gc_payloads_find_spans(const struct gc *gc, struct gc_payloads *p)
{
	const struct heap_lookup look = *(const struct heap_lookup *)gc->heap;
	const unsigned n = p->n;
	uint64_t kept = 0;

	for (unsigned i = 0; i < n; i++) {
		const uint64_t word = p->words[i];
		struct heap_span *s = heap_lookup_span(&look, (const void *)word);

		__builtin_prefetch(s);
		__builtin_prefetch((const void *)((uintptr_t)s + 64)); /* NULL: fetches nothing */
		p->words[kept] = word;
		p->spans[kept] = s;
		kept += s != NULL;
	}
	p->n = (unsigned)kept;
}

static void gc_payloads_find_bits(struct gc_payloads *p)
{
	const unsigned n = p->n;
	uint64_t kept = 0;

	for (unsigned i = 0; i < n; i++) {
		struct heap_span *s = p->spans[i];
		const uint32_t index = heap_span_index(s, (const void *)p->words[i]);

		if (unlikely(s->class != OBJ_VALUE || index >= s->n_elems))
			continue; /* any value at all: Go scans conservatively here too, cell by cell */
		__builtin_prefetch(&s->bits[index / 64], 1);
		p->words[kept] = index;
		p->spans[kept++] = s;
	}
	p->n = (unsigned)kept;
}

/* The cycle's thread: only it writes these words. */
static void gc_payloads_set_own(struct gc_thread *g, const struct gc_payloads *p)
{
	const unsigned n_payloads = p->n;
	uint64_t bytes = 0, n = 0;

	for (unsigned i = 0; i < n_payloads; i++) {
		struct heap_span *s = p->spans[i];
		const uint32_t w = (uint32_t)p->words[i] / 64;
		const uint64_t bit = UINT64_C(1) << p->words[i] % 64;
		const uint64_t own =
			load_relaxed(gc_mark_own(s, w)); /* relaxed: as gc_mark_word() */

		if ((own | load_relaxed(&s->bits[w].mark)) & bit)
			continue;
		/* Control `plain_mark`: bits lost in shared mark words.  The interleaving:
		 *
		 *   marker A, object 3                 writer B shades object 5 of the same word
		 *   reads 0
		 *                                      sets bit 5
		 *   writes bit 3 alone: object 5 is white again
		 *
		 * B has counted object 5 as done, nobody comes back to it, and the sweep frees it while it is in use. */
		if (CONTROL(plain_mark))
			PERTURB_HERE();
		store_relaxed(gc_mark_own(s, w), own | bit);
		bytes += gc_mark_bytes(s);
		n++;
	}
	counter_add(&g->marked_bytes, bytes);
	counter_add(&g->n_marked, n);
}

static void gc_payloads_mark(const struct gc *gc, struct gc_thread *g, struct gc_payloads *p)
{
	gc_payloads_find_spans(gc, p);
	gc_payloads_find_bits(p);
	if (g->is_marker && gc->opt.bits != GC_BITS_SPAN)
		gc_payloads_set_own(g, p);
	else
		for (unsigned i = 0; i < p->n; i++)
			gc_mark_object(gc, g, p->spans[i], (uint32_t)p->words[i]);
	p->n = 0;
}

/* relaxed, all: no payload's contents are read; a cell that changes meanwhile is shaded by its writer */
static inline void gc_scan_cells(const struct gc *gc, struct gc_thread *g, const struct bucket *b,
				 struct gc_payloads *p)
{
	const uint64_t tophash = load_relaxed(&b->tophash);
	uint64_t n;

	if (p->n > GC_MAX_PAYLOADS - 8)
		gc_payloads_mark(gc, g, p);
	n = p->n;
	if (gc->opt.scan == GC_SCAN_ALL) {
		for (unsigned i = 0; i < 8; i++) {
			p->words[n] = load_relaxed(&b->cells[i].value);
			n += p->words[n] != 0;
		}
	} else {
		for (unsigned i = 0; i < 8; i++) {
			p->words[n] = load_relaxed(&b->cells[i].value);
			n += (p->words[n] != 0) & (tophash_at(tophash, i) >= MIN_TOPHASH);
		}
	}
	p->n = (unsigned)n;
}

/* Mark the overflow objects behind a link, and add what they refer to to the payloads (NULL: plain values).  Buckets
 * inside an array are walked with it; here they are only passed over.  Bytes scanned. */
static uint64_t gc_scan_chain(struct gc *gc, struct gc_thread *g, struct bucket *b,
			      struct gc_payloads *payloads)
{
	uint64_t work_bytes = 0;

	while (b) {
		struct heap_span *s = heap_span_of(gc->heap, b);

		if (s->class == OBJ_BUCKET) {
			gc_mark_object(gc, g, s, heap_span_index(s, b));
			if (gc->opt.bits == GC_BITS_HEADER)
				gc_mark_header(b);
			if (payloads)
				gc_scan_cells(gc, g, b, payloads);
			counter_add(&g->n_buckets_marked, 1);
			work_bytes += payloads ? sizeof(*b) : sizeof(b->link);
		}
		/* acquire: pairs with hmap_link_overflow() */
		b = link_pointer(gc->mark.packing, load_acquire(&b->link));
	}
	return work_bytes;
}

/* Buckets [from, to) of an array with payloads: every cell is looked at. */
static uint64_t gc_scan_payloads(struct gc *gc, struct gc_thread *g, struct heap_span *s,
				 uint64_t from, uint64_t to)
{
	struct bucket *array = (struct bucket *)s->base;
	uint64_t work_bytes = (to - from) * sizeof(*array);
	struct gc_payloads payloads;

	payloads.n = 0;
	for (uint64_t i = from; i < to; i++) {
		struct bucket *next;

		__builtin_prefetch(&array[i + GC_PREFETCH_BUCKETS]);
		__builtin_prefetch(&array[i + GC_PREFETCH_BUCKETS].cells[3]);
		__builtin_prefetch(&array[i + GC_PREFETCH_BUCKETS].cells[6]);
		if (gc->opt.bits == GC_BITS_HEADER)
			gc_mark_header(&array[i]);
		gc_scan_cells(gc, g, &array[i], &payloads);
		/* acquire: pairs with hmap_link_overflow() */
		next = link_pointer(gc->mark.packing, load_acquire(&array[i].link));
		if (next)
			work_bytes += gc_scan_chain(gc, g, next, &payloads);
	}
	gc_payloads_mark(gc, g, &payloads);
	return work_bytes;
}

/* Buckets [from, to) of an array of plain values: only those that lead on are touched, in three passes that fetch
 * for each other: the bucket, the bucket behind it, its mark. */
static uint64_t gc_scan_plain(struct gc *gc, struct gc_thread *g, struct heap_span *s,
			      uint64_t from, uint64_t to)
{
	struct bucket *array = (struct bucket *)s->base, *next[GC_CHUNK_BUCKETS];
	uint64_t work_bytes = 0;
	unsigned n = 0;

	for (uint64_t w = from / 64; w * 64 < to; w++) {
		/* acquire: pairs with hmap_note_overflow() */
		uint64_t bits = load_acquire(&s->overflow_bits[w]);

		work_bytes += sizeof(bits);
		for (; bits; bits &= bits - 1) {
			next[n] = &array[w * 64 + (uint64_t)__builtin_ctzll(bits)];
			__builtin_prefetch(next[n++]);
		}
	}
	for (unsigned i = 0; i < n; i++) {
		/* acquire: pairs with hmap_link_overflow() */
		next[i] = link_pointer(gc->mark.packing, load_acquire(&next[i]->link));
		__builtin_prefetch(next[i]);
	}
	for (unsigned i = 0; i < n; i++)
		work_bytes += gc_scan_chain(gc, g, next[i], NULL);
	if (gc->opt.bits == GC_BITS_HEADER)
		for (uint64_t i = from; i < to; i++)
			gc_mark_header(&array[i]);
	return work_bytes;
}

/* Whole words: chunks begin at multiples of 64. */
static void gc_mark_bucket_bits(struct heap_span *s, uint64_t from, uint64_t to)
{
	for (uint64_t w = from / 64; w * 64 < to; w++) {
		const uint64_t left = to - w * 64;

		/* relaxed: coverage; nobody else marks these buckets */
		store_relaxed(&s->bucket_marks[w],
			      left >= 64 ? ~UINT64_C(0) : (UINT64_C(1) << left) - 1);
	}
}

static uint64_t gc_scan_chunk(struct gc *gc, struct gc_thread *g, const struct gc_mark_job *chunk)
{
	const uint64_t n = chunk->end - chunk->next;

	if (gc->kind->has_buckets && gc->opt.bits == GC_BITS_SIDE)
		gc_mark_bucket_bits(chunk->span, chunk->next, chunk->end);
	counter_add(&g->n_buckets_marked, n);
	if (chunk->has_payloads)
		return gc_scan_payloads(gc, g, chunk->span, chunk->next, chunk->end);
	return gc_scan_plain(gc, g, chunk->span, chunk->next, chunk->end);
}

/* ---------------------------------------------------------------- jobs */

/* Lock held. */
static bool gc_mark_take(struct gc_mark *mark, struct gc_mark_job *chunk)
{
	while (mark->first_open < mark->n_jobs) {
		struct gc_mark_job *job = &mark->jobs[mark->first_open];

		if (job->next < job->end) {
			*chunk = *job;
			if (chunk->end - chunk->next > GC_CHUNK_BUCKETS)
				chunk->end = chunk->next + GC_CHUNK_BUCKETS;
			job->next = chunk->end;
			return true;
		}
		mark->first_open++;
	}
	return false;
}

uint64_t gc_mark_chunk(struct gc *gc, struct gc_thread *g)
{
	struct gc_mark *mark = &gc->mark;
	struct gc_mark_job chunk;
	uint64_t work_bytes;
	bool any;

	if (load_relaxed(&mark->n_open) == 0) /* relaxed: a hint */
		return 0;
	pthread_mutex_lock(&mark->lock);
	any = gc_mark_take(mark, &chunk);
	if (AUDIT_BUILD && any)
		add_relaxed(&mark->n_scanning, 1); /* relaxed: see gc_markers_audit() */
	pthread_mutex_unlock(&mark->lock);
	if (!any)
		return 0;
	if (CONTROL(count_early)) {
		sub_acq_rel(&mark->n_open, chunk.end - chunk.next);
		PERTURB_LONG();
	}
	work_bytes = gc_scan_chunk(gc, g, &chunk);
	add_relaxed(&gc->pacer.scan_work_bytes, (int64_t)work_bytes); /* relaxed: pacing */
	if (AUDIT_BUILD)
		sub_relaxed(&mark->n_scanning, 1); /* relaxed: counting down releases it */
	if (!CONTROL(count_early))
		/* release: pairs with gc_mark_is_done() */
		sub_acq_rel(&mark->n_open, chunk.end - chunk.next);
	return work_bytes ? work_bytes : 1;
}

bool gc_mark_is_done(const struct gc *gc)
{
	return load_acquire(&gc->mark.n_open) == 0; /* pairs with gc_mark_chunk() */
}

void gc_mark_notify(struct gc *gc)
{
	pthread_mutex_lock(&gc->mark.lock);
	pthread_cond_broadcast(&gc->mark.progress);
	pthread_mutex_unlock(&gc->mark.lock);
}

/* An array has just become grey. */
static void gc_mark_add_job(struct gc *gc, struct gc_thread *g, struct heap_span *s,
			    bool has_payloads)
{
	struct gc_mark *mark = &gc->mark;
	struct gc_mark_job job = {.span = s, .end = s->n_buckets, .has_payloads = has_payloads};
	bool is_queued = true;

	add_relaxed(&mark->n_buckets, s->n_buckets); /* relaxed: coverage */
	pthread_mutex_lock(&mark->lock);
	if (mark->n_jobs == mark->max_jobs) {
		struct gc_mark_job *more = realloc(mark->jobs, 2 * mark->max_jobs * sizeof(*more));

		is_queued = more != NULL;
		if (more) {
			mark->jobs = more;
			mark->max_jobs *= 2;
		}
	}
	if (is_queued) {
		mark->jobs[mark->n_jobs++] = job;
		add_relaxed(&mark->n_open, s->n_buckets); /* relaxed: under the lock */
	}
	pthread_mutex_unlock(&mark->lock);
	/* No memory for the list: nothing may be forgotten, so do it here. */
	for (uint64_t end = job.end; !is_queued && job.next < end; job.next = job.end) {
		job.end = job.next + GC_CHUNK_BUCKETS < end ? job.next + GC_CHUNK_BUCKETS : end;
		gc_scan_chunk(gc, g, &job);
	}
}

static void __attribute__((noinline))
gc_shade_chain(struct gc *gc, struct gc_thread *g, struct bucket *b)
{
	struct gc_payloads payloads;

	payloads.n = 0;
	gc_scan_chain(gc, g, b, &payloads);
	gc_payloads_mark(gc, g, &payloads);
}

void gc_mark_shade(struct gc *gc, struct gc_thread *g, void *object)
{
	struct heap_span *s = object ? heap_span_of(gc->heap, object) : NULL;
	uint32_t i;
	bool was_white;

	if (!s)
		return;
	i = heap_span_index(s, object);
	/* The new overflow bucket may be one of the array's own, preallocated: walked with the array. */
	if (s->class == OBJ_ARRAY)
		i = 0;
	was_white = gc_mark_object(gc, g, s, i);
	if (s->class == OBJ_ARRAY && was_white)
		gc_mark_add_job(
			gc, g, s,
			true); /* its map is not known: look at the cells, they are checked */
	else if (s->class == OBJ_BUCKET && (was_white || gc->opt.bits == GC_BITS_SPAN))
		gc_shade_chain(gc, g, object);
}

void gc_mark_black(struct gc *gc, struct gc_thread *g, void *object)
{
	struct heap_span *s = heap_span_of(gc->heap, object);

	gc_mark_object(gc, g, s, heap_span_index(s, object));
}

/* ---------------------------------------------------------------- roots */

struct gc_root_visit {
	struct gc *gc;
	struct gc_thread *g;
	bool has_payloads;
};

static bool gc_root_table(void *ctx, void *table)
{
	struct gc_root_visit *v = ctx;

	gc_mark_shade(v->gc, v->g, table);
	return true;
}

static bool gc_root_array(void *ctx, void *array, uint64_t n_buckets, bool is_old)
{
	struct gc_root_visit *v = ctx;
	struct heap_span *s = heap_span_of(v->gc->heap, array);

	(void)n_buckets;
	(void)is_old;
	if (gc_mark_object(v->gc, v->g, s, 0))
		gc_mark_add_job(v->gc, v->g, s, v->has_payloads);
	return false;
}

static void gc_root_other(void *ctx, void *object)
{
	struct gc_root_visit *v = ctx;

	gc_mark_shade(v->gc, v->g, object);
}

static void gc_mark_root(void *ctx, struct reclaim_root *root)
{
	struct gc_root_visit *v = ctx;
	struct hmap *m = hmap_from_root(root);
	const struct hmap_visitor visitor = {
		.ctx = v, .table = gc_root_table, .array = gc_root_array};

	if (!m) {
		root->trace(root, v->g->member.t, gc_root_other, v);
		return;
	}
	v->has_payloads = hmap_config(m)->mode == HMAP_PAYLOAD;
	hmap_trace(m, v->g->member.t, &visitor);
}

void gc_mark_roots(struct gc *gc, struct gc_thread *g)
{
	struct gc_root_visit v = {.gc = gc, .g = g};

	reclaim_for_each_root(gc->r, gc_mark_root, &v);
}

/* ---------------------------------------------------------------- the sweep's side */

bool gc_mark_is_marked(const struct gc *gc, const struct heap_span *s, uint32_t i)
{
	if (gc->opt.bits == GC_BITS_SPAN)
		i = 0;
	return gc_mark_word(s, i / 64) >> i % 64 & 1;
}

static uint64_t gc_mark_objects(const struct heap_span *s, uint32_t w)
{
	/* acquire: pairs with the claim in the heap; an unswept span is nobody's current one */
	return load_acquire(&s->bits[w].alloc) & ~heap_span_pad(s, w);
}

/* bits=header: the line of each object would be read. */
static void gc_sweep_headers(const struct heap_span *s, uint64_t objects, uint32_t w)
{
	for (; objects; objects &= objects - 1) {
		const uint32_t i = w * 64 + (uint32_t)__builtin_ctzll(objects);
		const struct bucket *b = heap_span_object(s, i);

		(void)load_relaxed(&b->link); /* relaxed: only the access counts */
	}
}

bool gc_mark_dead(struct gc *gc, struct heap_span *s, uint64_t *dead, uint64_t *false_bytes)
{
	/* relaxed, all: STW 2 has ordered the marks before this, and the span's sweep is ours */
	const bool keeps_all = gc->opt.bits == GC_BITS_SPAN && load_relaxed(&s->bits[0].mark) != 0;
	uint64_t any = 0, n_false = 0;

	for (uint32_t w = 0; w < heap_span_n_words(s); w++) {
		const uint64_t objects = gc_mark_objects(s, w);

		dead[w] = keeps_all ? 0 : objects & ~gc_mark_word(s, w);
		any |= dead[w];
		if (!(CONTROL(stale_mark) && s->class == OBJ_VALUE))
			gc_mark_clear(s, w);
		if (gc->opt.bits == GC_BITS_HEADER && s->class == OBJ_BUCKET)
			gc_sweep_headers(s, objects, w);
		if (gc->opt.bits == GC_BITS_SPAN && gc->opt.shadow) {
			if (keeps_all)
				n_false += (uint64_t)__builtin_popcountll(
					objects & ~load_relaxed(&s->bits[w].dead[0]));
			store_relaxed(&s->bits[w].dead[0], 0);
		}
	}
	for (uint32_t w = 0; w * 64 < s->n_buckets; w++)
		store_relaxed(&s->bucket_marks[w], 0);
	if (n_false)
		*false_bytes += n_false * gc_span_charge_bytes(s);
	return any != 0;
}
