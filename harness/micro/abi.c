/* SPDX-License-Identifier: MIT */
/* abi.c - how large the C side's structs are; main.cc compares with what C++ made of the same headers. */
#include "micro/abi.h"

#include "gc/gc.h"
#include "heap_span.h"
#include "hmap_layout.h"
#include "reclaim.h"

void micro_abi(struct micro_abi *out)
{
	*out = (struct micro_abi){
		.thread_bytes = sizeof(struct reclaim_thread),
		.span_bytes = sizeof(struct heap_span),
		.bucket_bytes = sizeof(struct bucket),
		.gc_bytes = sizeof(struct gc),
		.gc_thread_bytes = sizeof(struct gc_thread),
		.life_bytes = sizeof(struct life_recorder),
		.span_bits_offset = offsetof(struct heap_span, bits),
		.thread_cache_offset = offsetof(struct reclaim_thread, cache),
	};
}
