/* SPDX-License-Identifier: MIT */
/* hmap_layout.h - how a bucket lies in memory, for the map and for collectors that walk buckets.
 *
 * A bucket is Go's bmap for uint64 to uint64: 144 bytes, eight cells, packed (no line alignment).  Two things
 * differ from Go, neither visible to the layout digest: key and value of a cell lie side by side, so that a
 * hit touches one line for both, and the overflow pointer comes first, in one word with the lock and the
 * version, so that it shares a line with the tophash bytes (a bucket starts at a multiple of 16).
 *
 * link word:  | (overflow - base) >> 4 | version | TAG | LOCK |
 *              63                 shift         2     1      0
 *
 *   LOCK     head buckets: a writer is changing the chain.
 *   TAG      overflow buckets: unlinked and about to be retired; set before the retire.
 *   version  head buckets: counts the times the chain was locked.  30 bits with the span heap, 18 with
 *            malloc (heap_packing()).  A reader that reads the same version before and after knows that no
 *            cell was reused in between, unless exactly 2^30 (2^18) writers passed through this one bucket
 *            while it read two words: more than 10 s (2 ms) of the bucket's whole write capacity, ending on
 *            the very count.
 */
#ifndef RECLAIMBENCH_HMAP_LAYOUT_H
#define RECLAIMBENCH_HMAP_LAYOUT_H

#ifdef __SSE2__
#include <emmintrin.h>
#endif

#include "atomic.h"
#include "heap.h"

struct cell {
	_Atomic(uint64_t) key;
	_Atomic(uint64_t) value; /* HMAP_PAYLOAD: the payload's address; 0 when deleted */
};

struct bucket {
	_Atomic(uint64_t) link;
	_Atomic(uint64_t) tophash; /* cell i in byte i (bits 8i..8i+7) */
	struct cell cells[8];
};
_Static_assert(sizeof(struct bucket) == 144, "a bucket is 144 bytes, as in Go");

enum {
	EMPTY_REST = 0,
	EMPTY_ONE = 1,
	EVACUATED_X = 2,
	EVACUATED_Y = 3,
	EVACUATED_EMPTY = 4,
	MIN_TOPHASH = 5
};

#define LINK_LOCK UINT64_C(1)
#define LINK_TAG UINT64_C(2)
#define LINK_VERSION UINT64_C(4)

static inline struct bucket *link_pointer(struct heap_packing p, uint64_t link)
{
	const uint64_t packed = link >> p.shift;

	return packed ? (struct bucket *)(p.base + (packed << 4)) : NULL;
}
static inline uint64_t link_pack(struct heap_packing p, const struct bucket *b)
{
	return b ? (((uintptr_t)b - p.base) >> 4) << p.shift : 0;
}
/* The lower bits: version, tag and lock. */
static inline uint64_t link_low(struct heap_packing p, uint64_t link)
{
	return link & ((UINT64_C(1) << p.shift) - 1);
}
static inline uint64_t link_version(struct heap_packing p, uint64_t link)
{
	return link_low(p, link) & ~(LINK_TAG | LINK_LOCK);
}
/* The same word one version later, with the lock bit set. */
static inline uint64_t link_locked(struct heap_packing p, uint64_t link)
{
	const uint64_t low = link_low(p, link);

	return (link - low) | link_low(p, low + LINK_VERSION) | LINK_LOCK;
}

static inline uint8_t tophash_of(uint64_t hash)
{
	const uint8_t top = (uint8_t)(hash >> 56);

	return top < MIN_TOPHASH ? top + MIN_TOPHASH : top;
}
static inline uint8_t tophash_at(uint64_t word, unsigned i)
{
	return (uint8_t)(word >> (8 * i));
}
static inline uint64_t tophash_set(uint64_t word, unsigned i, uint8_t top)
{
	return (word & ~(UINT64_C(0xff) << (8 * i))) | ((uint64_t)top << (8 * i));
}

#define BYTES_01 UINT64_C(0x0101010101010101)
#define BYTES_7F UINT64_C(0x7f7f7f7f7f7f7f7f)
#define BYTES_80 UINT64_C(0x8080808080808080)

/* 0x80 in each byte that is zero, exactly (no false positives). */
static inline uint64_t zero_bytes(uint64_t x)
{
	return ~(((x & BYTES_7F) + BYTES_7F) | x | BYTES_7F);
}
/* Cells whose tophash is `top`, as 0x80 bytes; cell of the lowest: first_cell(). */
static inline uint64_t tophash_match(uint64_t word, uint8_t top)
{
	return zero_bytes(word ^ (BYTES_01 * top));
}
/* The same as bits, cell i in bit i, in few instructions: those that wait for a word from memory fill the
 * processor's queues, and decide how many lookups it has under way at once. */
static inline unsigned tophash_bits(uint64_t word, uint8_t top)
{
#ifdef __SSE2__
	const __m128i one = _mm_cvtsi32_si128(top);
	const __m128i all = _mm_shufflelo_epi16(_mm_unpacklo_epi8(one, one), 0);

	return (uint8_t)_mm_movemask_epi8(_mm_cmpeq_epi8(_mm_cvtsi64_si128((long long)word), all));
#else
	/* Gathers the bytes' top bits into the highest byte. */
	return (unsigned)(((tophash_match(word, top) >> 7) * UINT64_C(0x0102040810204080)) >> 56);
#endif
}
/* Cells that are emptyRest or emptyOne. */
static inline uint64_t tophash_empty(uint64_t word)
{
	return zero_bytes(word & ~BYTES_01);
}
static inline unsigned first_cell(uint64_t mask)
{
	return (unsigned)__builtin_ctzll(mask) >> 3;
}
/* emptyRest in the last cell: nothing follows in the chain.  (emptyRest in any cell implies it in all that
 * follow, so the last one tells.) */
static inline bool tophash_ends(uint64_t word)
{
	return (word >> 56) == EMPTY_REST;
}
/* The word with its trailing run of empty cells, if any, as emptyRest. */
static inline uint64_t tophash_rest(uint64_t word)
{
	const uint64_t filled = BYTES_80 & ~tophash_empty(word);

	return filled ? word & (~UINT64_C(0) >> __builtin_clzll(filled)) : 0;
}
static inline bool tophash_evacuated(uint64_t word)
{
	return (uint8_t)((uint8_t)word - EVACUATED_X) <= EVACUATED_EMPTY - EVACUATED_X;
}

#endif
