/* SPDX-License-Identifier: MIT */
/* heap_sizes.c - Go's size classes: the numbers of runtime/sizeclasses.go, Go 1.19.8. */
#include "heap_internal.h"

/* Bytes of an object, and pages of a span, per size class; class 0 stands for large objects. */
const uint16_t heap_class_bytes[HEAP_N_SIZE_CLASSES] = {
	0,     8,     16,    24,    32,	   48,	  64,	 80,	96,    112,   128,   144,
	160,   176,   192,   208,   224,   240,	  256,	 288,	320,   352,   384,   416,
	448,   480,   512,   576,   640,   704,	  768,	 896,	1024,  1152,  1280,  1408,
	1536,  1792,  2048,  2304,  2688,  3072,  3200,	 3456,	4096,  4864,  5376,  6144,
	6528,  6784,  6912,  8192,  9472,  9728,  10240, 10880, 12288, 13568, 14336, 16384,
	18432, 19072, 20480, 21760, 24576, 27264, 28672, 32768,
};
const uint8_t heap_class_pages[HEAP_N_SIZE_CLASSES] = {
	0, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1,  1, 1, 1,
	1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 2, 1, 2, 1, 2, 1, 3, 2,  3, 1, 3,
	2, 3, 4, 5, 6, 1, 7, 6, 5, 4, 3, 5, 7, 2, 9, 7, 5, 8, 3, 10, 7, 4,
};

static unsigned heap_size_class(size_t bytes)
{
	unsigned i = 1;

	while (heap_class_bytes[i] < bytes)
		i++;
	return i;
}

size_t heap_round_up(size_t bytes)
{
	if (bytes <= HEAP_MAX_SMALL_BYTES)
		return heap_class_bytes[heap_size_class(bytes)];
	return (bytes + HEAP_PAGE_BYTES - 1) / HEAP_PAGE_BYTES * HEAP_PAGE_BYTES;
}

/* Objects are 16-aligned here, so that an address packs into 32 bits.  Go's classes of 8 and 24 bytes,
 * the only ones whose size is no multiple of 16, are passed over: their requests go to 16 and 32. */
static uint8_t heap_aligned_class(size_t bytes)
{
	unsigned i = heap_size_class(bytes);

	return (uint8_t)(heap_class_bytes[i] % 16 ? i + 1 : i);
}

void heap_size_tables(struct heap *h)
{
	size_t i;

	for (i = 0; i < sizeof(h->class_of_8); i++)
		h->class_of_8[i] = heap_aligned_class(i * 8);
	for (i = 0; i < sizeof(h->class_of_128); i++)
		h->class_of_128[i] = heap_aligned_class(1024 + i * 128);
}
