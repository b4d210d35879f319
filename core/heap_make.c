/* SPDX-License-Identifier: MIT */
/* heap_make.c - a span's shape, and its memory: pages, the block of what lies beside it, the ways that lead to it. */
#include "heap_internal.h"

struct span_shape {
	size_t nodes, stamps, bits, bytes; /* offsets, and the whole */
};

/* The bits that do not lie in the span itself. */
static size_t span_bits_bytes(const struct heap_span *s)
{
	return s->n_elems > 64 ? heap_span_n_words(s) * sizeof(*s->bits) : 0;
}

/* One bit for each bucket of an array. */
static size_t span_bucket_bytes(const struct heap_span *s)
{
	return (s->n_buckets + 63) / 64 * sizeof(uint64_t);
}

/* A block's layout: nodes first (heap_node_object() looks at the first granules), then stamps, then,
 * on a cache line of their own, the bits. */
static struct span_shape span_shape(const struct heap *h, const struct heap_span *s)
{
	struct span_shape shape;
	size_t bit_bytes = span_bits_bytes(s) + 2 * span_bucket_bytes(s), spare;

	shape.nodes = 0;
	shape.stamps = (size_t)s->n_elems * h->look.node_bytes;
	shape.bits = shape.stamps;
	if (h->config.stamps)
		shape.bits += s->n_elems * sizeof(struct heap_stamps);
	shape.bits = (shape.bits + 63) & ~63ul;
	shape.bytes = shape.bits + bit_bytes;
	/* What the last granule has to spare goes before the bits, in part: blocks lie at equal
	 * distances, and a sweep of all of them would use few of the cache's sets. */
	spare = -shape.bytes % HEAP_META_GRANULE_BYTES / 64;
	shape.bits += s->index % (spare + 1) * 64;
	shape.bytes += spare * 64;
	return shape;
}

static size_t span_mark_bytes(const struct heap_span *s)
{
	return heap_span_n_words(s) * sizeof(s->bits->mark) + span_bucket_bytes(s);
}

static void span_place_arrays(struct heap *h, struct heap_span *s, char *block)
{
	struct span_shape shape = span_shape(h, s);
	uint32_t last = heap_span_n_words(s) - 1;

	s->nodes = block; /* NULL: nothing lies there */
	s->stamps = h->config.stamps ? (struct heap_stamps *)(block + shape.stamps) : NULL;
	s->first_bits = (struct heap_bits){0};
	s->bits = &s->first_bits;
	s->overflow_bits = s->bucket_marks = NULL;
	if (last) {
		s->bits = (struct heap_bits *)(block + shape.bits);
	} else if (s->n_buckets) {
		s->overflow_bits = (void *)(block + shape.bits);
		s->bucket_marks = (void *)(block + shape.bits + span_bucket_bytes(s));
	}
	/* relaxed, here and below: published with the span's place */
	store_relaxed(&s->bits[last].alloc, heap_span_pad(s, last));
}

static void span_init_shape(struct heap_span *s, unsigned class, unsigned size_class, size_t bytes)
{
	s->class = (uint8_t) class;
	s->size_class = (uint8_t)size_class;
	s->is_large = size_class == 0;
	s->n_buckets = class == OBJ_ARRAY ? (uint32_t)(bytes / HEAP_BUCKET_BYTES) : 0;
	if (s->is_large) {
		s->n_pages = (uint32_t)((bytes + HEAP_PAGE_BYTES - 1) / HEAP_PAGE_BYTES);
		s->n_pages += s->n_pages == 0; /* an array of no bytes has a page, too */
		/* only ever multiplied by index 0, and compared */
		s->elem_bytes = bytes < UINT32_MAX ? s->n_pages * HEAP_PAGE_BYTES : UINT32_MAX;
		s->n_elems = 1;
		s->divide_magic = 0;
		s->object_bytes = bytes;
	} else {
		s->n_pages = heap_class_pages[size_class];
		s->elem_bytes = heap_class_bytes[size_class];
		s->n_elems = s->n_pages * HEAP_PAGE_BYTES / s->elem_bytes;
		s->divide_magic = UINT32_MAX / s->elem_bytes + 1; /* Go: class_to_divmagic */
		s->object_bytes = s->elem_bytes;
	}
}

/* Under heap.lock: struct, pages, metadata.  NULL: nothing is left taken. */
static struct heap_span *span_take_memory(struct heap *h, unsigned class, unsigned size_class,
					  size_t bytes)
{
	struct heap_span *s = heap_span_struct_take(h);
	char *block = NULL;
	size_t block_bytes;
	uint32_t page;

	span_init_shape(s, class, size_class, bytes);
	block_bytes = span_shape(h, s).bytes;
	page = heap_pages_take(h, s->n_pages, &s->needs_zero);
	s->meta_granules = 0; /* without nodes and stamps, few objects need no block */
	if (page && block_bytes)
		block = heap_meta_take(h, block_bytes, &s->meta_granules);
	if (!page || (block_bytes && !block)) {
		if (page)
			heap_pages_put(h, page, s->n_pages);
		s->next = h->free_spans;
		h->free_spans = s;
		return NULL;
	}
	s->base = h->arena.base + (size_t)page * HEAP_PAGE_BYTES;
	span_place_arrays(h, s, block);
	h->bitmap_bytes += span_mark_bytes(s);
	h->n_live_spans++;
	return s;
}

/* Make every page, and every granule with nodes, lead to the span; or to nothing. */
static void span_enter(struct heap *h, struct heap_span *s, bool is_leaving)
{
	size_t page = (size_t)(s->base - h->arena.base) / HEAP_PAGE_BYTES, g, i;
	size_t node_bytes = (size_t)s->n_elems * h->look.node_bytes;

	if (h->look.node_bytes && !is_leaving) {
		g = ((uintptr_t)s->nodes - h->look.meta_base) / HEAP_META_GRANULE_BYTES;
		for (i = 0; i * HEAP_META_GRANULE_BYTES < node_bytes; i++)
			h->look.meta_spans[g + i] = s;
	}
	for (i = 0; i < s->n_pages; i++)
		/* release: pairs with heap_span_of() */
		store_release(&h->look.page_spans[page + i], is_leaving ? NULL : s);
}

struct heap_span *heap_span_create(struct heap *h, unsigned class, unsigned size_class,
				   size_t bytes)
{
	struct heap_span *s;

	pthread_mutex_lock(&h->lock);
	while (!(s = span_take_memory(h, class, size_class, bytes)) && h->n_scavenging) {
		/* The pages may be with a scavenger, which has them back in the bins soon. */
		pthread_mutex_unlock(&h->lock);
		sched_yield();
		pthread_mutex_lock(&h->lock);
	}
	pthread_mutex_unlock(&h->lock);
	if (!s)
		return NULL;
	s->heap = h;
	s->next = s->prev = NULL;
	s->is_spare = false;
	s->is_fresh = true;
	/* relaxed: all of these are published with the span's place */
	store_relaxed(&s->owner, NULL);
	store_relaxed(&s->cache_word, 0);
	store_relaxed(&s->cache_index, 0);
	if (h->config.poison) {
		heap_poison_fill(s->base, (size_t)s->n_pages * HEAP_PAGE_BYTES);
		s->needs_zero = true;
	}
	span_enter(h, s, false);
	if (h->hooks.span_created)
		h->hooks.span_created(h->hooks.ctx, s);
	return s;
}

void heap_span_release(struct heap *h, struct heap_span *s)
{
	size_t page = (size_t)(s->base - h->arena.base) / HEAP_PAGE_BYTES;

	if (h->hooks.span_released)
		h->hooks.span_released(h->hooks.ctx, s);
	if (h->config.poison)
		heap_poison_check(h, s->base, (size_t)s->n_pages * HEAP_PAGE_BYTES, s->class);
	span_enter(h, s, true);
	pthread_mutex_lock(&h->lock);
	h->bitmap_bytes -= span_mark_bytes(s);
	h->n_live_spans--;
	if (s->meta_granules)
		heap_meta_put(h, s->nodes, s->meta_granules);
	heap_pages_put(h, (uint32_t)page, s->n_pages);
	s->next = h->free_spans;
	h->free_spans = s;
	pthread_mutex_unlock(&h->lock);
}
