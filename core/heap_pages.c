/* SPDX-License-Identifier: MIT */
/* heap_pages.c - the arena's page runs, metadata blocks, and giving pages back to the OS.
 *
 * Everything here runs under heap.lock.  The arena is one reservation; its pages up to the frontier
 * (arena.used_bytes) are in spans or in free runs.  A free run has its length at both ends, so that
 * a run that is put back finds its neighbours and joins them; runs hang in bins by length, and the best
 * fitting one is taken.  Per page it is known whether it counts as held and whether it may be dirty:
 * pages that were never used, or were given back, are zero and are not zeroed again.
 */
#include <errno.h>
#include <string.h>
#include <sys/mman.h>

#include "heap_internal.h"

#define OPEN_STEP_BYTES (4ul << 20) /* so that mprotect() is called once in 512 pages */
#define HUGE_PAGE_BYTES (2ul << 20)

static int region_reserve(struct heap *h, struct heap_region *r, size_t bytes, int prot)
{
	char *map;

	if (heap_should_fail(h))
		return -ENOMEM;
	map = mmap(NULL, bytes + HUGE_PAGE_BYTES, prot, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE,
		   -1, 0);
	if (map == MAP_FAILED)
		return -ENOMEM;
	r->map = map;
	r->map_bytes = bytes + HUGE_PAGE_BYTES;
	r->base = (char *)(((uintptr_t)map + HUGE_PAGE_BYTES - 1) & ~(HUGE_PAGE_BYTES - 1));
	r->bytes = bytes;
	r->used_bytes = 0;
	r->open_bytes = prot == PROT_NONE ? 0 : bytes;
	return 0;
}

static void region_unmap(struct heap_region *r)
{
	if (r->map)
		munmap(r->map, r->map_bytes);
	*r = (struct heap_region){0};
}

/* Hand out `bytes` more from the front; NULL when the region is exhausted. */
static char *region_extend(struct heap *h, struct heap_region *r, size_t bytes)
{
	char *p = r->base + r->used_bytes;
	size_t open_bytes;

	if (bytes > r->bytes - r->used_bytes)
		return NULL;
	if (r->used_bytes + bytes > r->open_bytes) {
		if (heap_should_fail(h))
			return NULL;
		open_bytes = (r->used_bytes + bytes + OPEN_STEP_BYTES - 1) & ~(OPEN_STEP_BYTES - 1);
		if (open_bytes > r->bytes)
			open_bytes = r->bytes;
		if (mprotect(r->base + r->open_bytes, open_bytes - r->open_bytes,
			     PROT_READ | PROT_WRITE))
			return NULL;
		if (h->config.huge_pages && r == &h->arena)
			/* advice: if the kernel has none to give, small pages serve */
			(void)madvise(r->base + r->open_bytes, open_bytes - r->open_bytes,
				      MADV_HUGEPAGE);
		r->open_bytes = open_bytes;
	}
	r->used_bytes += bytes;
	return p;
}

/* Reserve everything for an arena of this size. */
static int pages_reserve(struct heap *h, size_t arena_bytes)
{
	size_t n_pages = arena_bytes / HEAP_PAGE_BYTES;
	/* Of 16-byte objects the metadata is up to five times the objects' size; a large arena is never
	 * full of those. */
	size_t meta_bytes = arena_bytes >= 16ul << 30  ? arena_bytes
			    : arena_bytes >= 1ul << 30 ? 2 * arena_bytes
						       : 6 * arena_bytes + (16ul << 20);
	int err;

	err = region_reserve(h, &h->arena, arena_bytes, PROT_NONE);
	if (!err)
		err = region_reserve(h, &h->meta, meta_bytes, PROT_NONE);
	if (!err)
		err = region_reserve(h, &h->pages_table,
				     n_pages * (sizeof(struct page_info) + sizeof(void *)),
				     PROT_READ | PROT_WRITE);
	if (!err)
		err = region_reserve(h, &h->spans_table, n_pages * sizeof(struct heap_span),
				     PROT_READ | PROT_WRITE);
	if (!err)
		err = region_reserve(h, &h->meta_table,
				     meta_bytes / HEAP_META_GRANULE_BYTES * sizeof(void *),
				     PROT_READ | PROT_WRITE);
	if (err)
		heap_pages_fini(h);
	return err;
}

/* The rest of the program needs address space as well, for stacks first of all: a quarter of what is reserved here must
 * still be there. */
static bool pages_leave_room(const struct heap *h)
{
	const size_t bytes = (h->arena.map_bytes + h->meta.map_bytes + h->pages_table.map_bytes +
			      h->spans_table.map_bytes + h->meta_table.map_bytes) /
			     4;
	void *map =
		mmap(NULL, bytes, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);

	if (map == MAP_FAILED)
		return false;
	munmap(map, bytes);
	return true;
}

int heap_pages_init(struct heap *h)
{
	/* With metadata the last three take 1.9 GiB, 490 MiB and 140 MiB of address space (RLIMIT_AS). */
	static const size_t sizes[] = {64ul << 30,  16ul << 30, 4ul << 30, 1ul << 30,
				       256ul << 20, 64ul << 20, 16ul << 20};
	size_t arena_bytes = h->config.arena_bytes;
	int err = -ENOMEM;
	size_t i;

	if (arena_bytes) {
		err = pages_reserve(h, arena_bytes);
	} else {
		for (i = 0; err && i < sizeof(sizes) / sizeof(sizes[0]); i++) {
			err = pages_reserve(h, sizes[i]);
			if (!err && !pages_leave_room(h)) {
				heap_pages_fini(h);
				err = -ENOMEM;
			}
		}
	}
	if (err)
		return err;
	h->look.arena_base = (uintptr_t)h->arena.base;
	h->look.n_pages = h->arena.bytes / HEAP_PAGE_BYTES;
	h->look.page_spans = (void *)h->pages_table.base;
	h->pages = (struct page_info *)(h->look.page_spans + h->look.n_pages);
	h->look.spans = (struct heap_span *)h->spans_table.base;
	h->look.meta_base = (uintptr_t)h->meta.base;
	h->look.meta_spans = (struct heap_span **)h->meta_table.base;
	/* Page 0 stays unused: 0 ends lists of pages, and no object packs to 0 (heap_packing()). */
	h->arena.used_bytes = HEAP_PAGE_BYTES;
	return 0;
}

void heap_pages_fini(struct heap *h)
{
	region_unmap(&h->meta_table);
	region_unmap(&h->spans_table);
	region_unmap(&h->pages_table);
	region_unmap(&h->meta);
	region_unmap(&h->arena);
}

/* ---------------------------------------------------------------- free runs */

static unsigned run_bin(uint32_t n_pages)
{
	return n_pages < HEAP_N_BINS ? n_pages : 0;
}

static void run_insert(struct heap *h, uint32_t page, uint32_t n_pages)
{
	struct page_info *p = &h->pages[page];
	unsigned bin = run_bin(n_pages);

	p->free_pages = n_pages;
	h->pages[page + n_pages - 1].free_pages = n_pages;
	p->prev = 0;
	p->next = h->bins[bin];
	if (p->next)
		h->pages[p->next].prev = page;
	h->bins[bin] = page;
	h->bin_mask |= 1ull << bin;
}

static void run_remove(struct heap *h, uint32_t page)
{
	struct page_info *p = &h->pages[page];
	unsigned bin = run_bin(p->free_pages);

	if (p->prev)
		h->pages[p->prev].next = p->next;
	else
		h->bins[bin] = p->next;
	if (p->next)
		h->pages[p->next].prev = p->prev;
	if (!h->bins[bin])
		h->bin_mask &= ~(1ull << bin);
	h->pages[page + p->free_pages - 1].free_pages = 0;
	p->free_pages = 0;
}

/* The shortest run of at least n_pages, the lowest of equally long ones in bin 0; 0: none. */
static uint32_t run_find(struct heap *h, uint32_t n_pages)
{
	uint64_t mask = n_pages < HEAP_N_BINS ? h->bin_mask & ~1ull & ~0ull << n_pages : 0;
	uint32_t page, best = 0;

	if (mask)
		return h->bins[__builtin_ctzll(mask)];
	for (page = h->bins[0]; page; page = h->pages[page].next) {
		uint32_t n = h->pages[page].free_pages;

		if (n < n_pages)
			continue;
		if (!best || n < h->pages[best].free_pages ||
		    (n == h->pages[best].free_pages && page < best))
			best = page;
	}
	return best;
}

static void run_free(struct heap *h, uint32_t page, uint32_t n_pages)
{
	uint32_t n;

	n = h->pages[page - 1].free_pages; /* page 0 is never free */
	if (n) {
		page -= n;
		n_pages += n;
		run_remove(h, page);
	}
	if ((size_t)(page + n_pages) * HEAP_PAGE_BYTES < h->arena.used_bytes) {
		n = h->pages[page + n_pages].free_pages;
		if (n) {
			run_remove(h, page + n_pages);
			n_pages += n;
		}
	}
	run_insert(h, page, n_pages);
}

/* A run of its own, taken off the bins or from beyond the frontier; 0: the arena is exhausted. */
static uint32_t run_take(struct heap *h, uint32_t n_pages)
{
	uint32_t page = run_find(h, n_pages);
	uint32_t n;
	char *p;

	if (!page) {
		p = region_extend(h, &h->arena, (size_t)n_pages * HEAP_PAGE_BYTES);
		return p ? (uint32_t)((size_t)(p - h->arena.base) / HEAP_PAGE_BYTES) : 0;
	}
	n = h->pages[page].free_pages;
	run_remove(h, page);
	if (n > n_pages)
		run_insert(h, page + n_pages, n - n_pages);
	return page;
}

static uint32_t count_held(const struct heap *h, uint32_t page, uint32_t n_pages)
{
	uint32_t n_held = 0, i;

	for (i = 0; i < n_pages; i++)
		n_held += h->pages[page + i].flags & PAGE_HELD;
	return n_held;
}

/* ---------------------------------------------------------------- giving back */

/* Give back the held pages of runs that are taken off the bins; returns how many pages. */
static size_t run_return(struct heap *h, uint32_t page, uint32_t n_pages)
{
	size_t n_returned = 0;
	uint32_t i, n;

	for (i = 0; i < n_pages; i += n) {
		bool is_held = h->pages[page + i].flags & PAGE_HELD;

		for (n = 1; i + n < n_pages; n++)
			if ((bool)(h->pages[page + i + n].flags & PAGE_HELD) != is_held)
				break;
		if (!is_held)
			continue;
		if (madvise(h->arena.base + (size_t)(page + i) * HEAP_PAGE_BYTES,
			    (size_t)n * HEAP_PAGE_BYTES, MADV_DONTNEED))
			continue; /* e.g. locked memory: it stays held, and dirty */
		n_returned += n;
		for (uint32_t j = 0; j < n; j++)
			h->pages[page + i + j].flags = 0;
	}
	return n_returned;
}

/* Take up to `max` runs with held pages off the bins, longest bins first. */
static size_t scavenge_pick(struct heap *h, size_t want_pages, uint32_t (*runs)[2], size_t max)
{
	uint32_t page, next;
	size_t n = 0, n_held;
	int bin, i;

	for (i = HEAP_N_BINS; i > 0; i--) {
		bin = i % HEAP_N_BINS;
		for (page = h->bins[bin]; page; page = next) {
			next = h->pages[page].next;
			n_held = count_held(h, page, h->pages[page].free_pages);
			if (!n_held)
				continue;
			runs[n][0] = page;
			runs[n][1] = h->pages[page].free_pages;
			run_remove(h, page);
			if (++n == max || n_held >= want_pages)
				return n;
			want_pages -= n_held;
		}
	}
	return n;
}

/* Under heap.lock, which is let go around the system calls when may_unlock. */
static size_t pages_scavenge(struct heap *h, size_t bytes, bool may_unlock)
{
	size_t want_pages = (bytes + HEAP_PAGE_BYTES - 1) / HEAP_PAGE_BYTES, n_done = 0, n, i, got;
	uint32_t runs[32][2];

	while (n_done < want_pages) {
		n = scavenge_pick(h, want_pages - n_done, runs, 32);
		if (!n)
			break;
		/* Who misses these pages meanwhile waits: heap_span_create(). */
		h->n_scavenging++;
		if (may_unlock)
			pthread_mutex_unlock(&h->lock);
		/* The runs are in no bin: nobody else looks at their pages' flags. */
		for (i = 0, got = 0; i < n; i++)
			got += run_return(h, runs[i][0], runs[i][1]);
		if (may_unlock)
			pthread_mutex_lock(&h->lock);
		h->n_scavenging--;
		for (i = 0; i < n; i++)
			run_free(h, runs[i][0], runs[i][1]);
		h->held_pages -= got;
		h->free_held_pages -= got;
		h->returned_bytes += got * HEAP_PAGE_BYTES;
		n_done += got;
		if (!got)
			break;
	}
	return n_done * HEAP_PAGE_BYTES;
}

size_t heap_scavenge(struct heap *h, size_t bytes)
{
	size_t done;

	if (h->config.kind == HEAP_MALLOC)
		return 0; /* the allocator's own business */
	pthread_mutex_lock(&h->lock);
	done = pages_scavenge(h, bytes, true);
	pthread_mutex_unlock(&h->lock);
	return done;
}

/* ---------------------------------------------------------------- pages of a span */

uint32_t heap_pages_take(struct heap *h, uint32_t n_pages, bool *needs_zero)
{
	size_t limit_pages = h->config.limit_bytes / HEAP_PAGE_BYTES, over;
	uint32_t page = run_take(h, n_pages), n_held, i;

	if (!page)
		return 0;
	n_held = count_held(h, page, n_pages);
	if (h->config.limit_bytes && h->held_pages + n_pages - n_held > limit_pages) {
		over = h->held_pages + n_pages - n_held - limit_pages;
		if (over > h->free_held_pages ||
		    pages_scavenge(h, over * HEAP_PAGE_BYTES, false) < over * HEAP_PAGE_BYTES) {
			run_free(h, page, n_pages);
			return 0;
		}
	}
	*needs_zero = false;
	for (i = 0; i < n_pages; i++) {
		if (h->pages[page + i].flags & PAGE_DIRTY)
			*needs_zero = true;
		h->pages[page + i].flags = PAGE_HELD | PAGE_DIRTY;
	}
	h->held_pages += n_pages - n_held;
	h->free_held_pages -= n_held;
	return page;
}

void heap_pages_put(struct heap *h, uint32_t page, uint32_t n_pages)
{
	h->free_held_pages += n_pages;
	run_free(h, page, n_pages);
}

/* ---------------------------------------------------------------- metadata */

/* Sizes from 64 granules on are rounded up to a power of two, so that a block fits its successors. */
static unsigned meta_bin(uint32_t *granules)
{
	unsigned log2;

	if (*granules < HEAP_N_BINS)
		return *granules;
	log2 = 32 - (unsigned)__builtin_clz(*granules - 1);
	*granules = 1u << log2;
	return HEAP_N_BINS + log2 - 6;
}

void *heap_meta_take(struct heap *h, size_t bytes, uint32_t *granules)
{
	unsigned bin;
	void *block;

	*granules = (uint32_t)((bytes + HEAP_META_GRANULE_BYTES - 1) / HEAP_META_GRANULE_BYTES);
	bin = meta_bin(granules);
	bytes = (size_t)*granules * HEAP_META_GRANULE_BYTES;
	block = h->meta_bins[bin];
	if (block) {
		memcpy(&h->meta_bins[bin], block, sizeof(void *));
		memset(block, 0, bytes);
	} else {
		block = region_extend(h, &h->meta, bytes); /* fresh from the OS: zero */
	}
	if (block)
		h->meta_bytes += bytes;
	return block;
}

void heap_meta_put(struct heap *h, void *block, uint32_t granules)
{
	unsigned bin = meta_bin(&granules);

	memcpy(block, &h->meta_bins[bin], sizeof(void *));
	h->meta_bins[bin] = block;
	h->meta_bytes -= (size_t)granules * HEAP_META_GRANULE_BYTES;
}

struct heap_span *heap_span_struct_take(struct heap *h)
{
	struct heap_span *s = h->free_spans;
	uint32_t n;

	if (s) {
		h->free_spans = s->next;
		return s;
	}
	n = load_relaxed(&h->n_spans); /* written under this lock only */
	s = &h->look.spans[n];
	s->index = n;
	/* Pairs with the acquire in heap_n_spans().  A struct never used is all zero: released. */
	store_release(&h->n_spans, n + 1);
	return s;
}
