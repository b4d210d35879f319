/* SPDX-License-Identifier: MIT */
/* abi.h - sizes and places of what both sides touch. */
#ifndef RECLAIMBENCH_MICRO_ABI_H
#define RECLAIMBENCH_MICRO_ABI_H

#include <stddef.h>

struct micro_abi {
	size_t thread_bytes, span_bytes, bucket_bytes, gc_bytes, gc_thread_bytes, life_bytes;
	size_t span_bits_offset, thread_cache_offset;
};

#ifdef __cplusplus
extern "C"
#endif
	void
	micro_abi(struct micro_abi *out);

#endif
