/* SPDX-License-Identifier: MIT */
/* atomic.h - the few atomic accesses used here, named by their memory order.
 *
 * Every access to an _Atomic object goes through one of these, so that `grep` shows which orders
 * exist.  A bare access would be a silent seq_cst.  Each use of an acquire names the release it
 * pairs with, by function; each relaxed use says why it is enough.
 *
 * No stand-alone fences except fence_seq_cst(): ThreadSanitizer does not follow fences, so order is
 * carried by the accesses themselves.
 */
#ifndef RECLAIMBENCH_ATOMIC_H
#define RECLAIMBENCH_ATOMIC_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

/* Test builds may pause at each access (perturb.h); nothing otherwise. */
#ifdef RECLAIMBENCH_PERTURB
#include "perturb.h"
#define PERTURB perturb_point(),
#else
#define PERTURB
#endif

#define load_relaxed(p) (PERTURB atomic_load_explicit((p), memory_order_relaxed))
#define load_acquire(p) (PERTURB atomic_load_explicit((p), memory_order_acquire))
#define load_seq_cst(p) (PERTURB atomic_load_explicit((p), memory_order_seq_cst))
#define store_relaxed(p, v) (PERTURB atomic_store_explicit((p), (v), memory_order_relaxed))
#define store_release(p, v) (PERTURB atomic_store_explicit((p), (v), memory_order_release))
#define store_seq_cst(p, v) (PERTURB atomic_store_explicit((p), (v), memory_order_seq_cst))
#define xchg_acq_rel(p, v) (PERTURB atomic_exchange_explicit((p), (v), memory_order_acq_rel))
#define xchg_seq_cst(p, v) (PERTURB atomic_exchange_explicit((p), (v), memory_order_seq_cst))
#define add_relaxed(p, v) (PERTURB atomic_fetch_add_explicit((p), (v), memory_order_relaxed))
#define add_acq_rel(p, v) (PERTURB atomic_fetch_add_explicit((p), (v), memory_order_acq_rel))
#define add_seq_cst(p, v) (PERTURB atomic_fetch_add_explicit((p), (v), memory_order_seq_cst))
#define sub_relaxed(p, v) (PERTURB atomic_fetch_sub_explicit((p), (v), memory_order_relaxed))
#define sub_acq_rel(p, v) (PERTURB atomic_fetch_sub_explicit((p), (v), memory_order_acq_rel))
#define or_relaxed(p, v) (PERTURB atomic_fetch_or_explicit((p), (v), memory_order_relaxed))
#define or_acq_rel(p, v) (PERTURB atomic_fetch_or_explicit((p), (v), memory_order_acq_rel))
#define and_relaxed(p, v) (PERTURB atomic_fetch_and_explicit((p), (v), memory_order_relaxed))
#define and_acq_rel(p, v) (PERTURB atomic_fetch_and_explicit((p), (v), memory_order_acq_rel))
#define and_seq_cst(p, v) (PERTURB atomic_fetch_and_explicit((p), (v), memory_order_seq_cst))

/* Compare and swap; `expected` is a pointer that receives the value found.  Strong.  On failure the
 * order is acquire (the found value may be followed). */
#define cas_relaxed(p, expected, desired)                                                          \
	(PERTURB atomic_compare_exchange_strong_explicit(                                          \
		(p), (expected), (desired), memory_order_relaxed, memory_order_relaxed))
#define cas_acquire(p, expected, desired)                                                          \
	(PERTURB atomic_compare_exchange_strong_explicit(                                          \
		(p), (expected), (desired), memory_order_acquire, memory_order_acquire))
#define cas_release(p, expected, desired)                                                          \
	(PERTURB atomic_compare_exchange_strong_explicit(                                          \
		(p), (expected), (desired), memory_order_release, memory_order_relaxed))
#define cas_acq_rel(p, expected, desired)                                                          \
	(PERTURB atomic_compare_exchange_strong_explicit(                                          \
		(p), (expected), (desired), memory_order_acq_rel, memory_order_acquire))
#define cas_seq_cst(p, expected, desired)                                                          \
	(PERTURB atomic_compare_exchange_strong_explicit(                                          \
		(p), (expected), (desired), memory_order_seq_cst, memory_order_seq_cst))

#if defined(__SANITIZE_THREAD__)
/* gcc warns that ThreadSanitizer does not follow the fence; __sync_synchronize() is the same instruction. */
#define fence_seq_cst() __sync_synchronize()
#else
#define fence_seq_cst() atomic_thread_fence(memory_order_seq_cst)
#endif

/* A counter that one thread writes and others read: a plain load and store, never a locked
 * instruction.  Relaxed is enough: statistics, or values read after a join or at a barrier. */
#define counter_add(p, v) store_relaxed((p), load_relaxed(p) + (v))

/* The same with 128 bits: sums of ticks, exact for as long as any run lasts.  A reader sees both halves of one
 * value only while the writer rests. */
struct counter_wide {
	_Atomic(uint64_t) low, high;
};

static inline __int128 counter_wide_get(const struct counter_wide *c)
{
	return (__int128)((unsigned __int128)load_relaxed(&c->high) << 64 | load_relaxed(&c->low));
}

static inline void counter_wide_set(struct counter_wide *c, __int128 value)
{
	store_relaxed(&c->low, (uint64_t)value);
	store_relaxed(&c->high, (uint64_t)((unsigned __int128)value >> 64));
}

static inline void counter_wide_add(struct counter_wide *c, __int128 value)
{
	counter_wide_set(c, counter_wide_get(c) + value);
}

/* Per-thread state is aligned to this: two cache lines, because the adjacent-line prefetcher pairs
 * them (MEASURING section 2). */
#define PADDING_BYTES 128

/* Fetch a line that will be written, and take it from other cores at once: one transfer instead of two. */
static inline void prefetch_write(const void *address)
{
#if defined(__x86_64__)
	/* The compiler has it for the newest processors only; older ones pass over it. */
	__asm__ volatile("prefetchw %0" : : "m"(*(const char *)address));
#else
	__builtin_prefetch(address, 1);
#endif
}

static inline void cpu_relax(void)
{
#if defined(__x86_64__) || defined(__i386__)
	__builtin_ia32_pause();
#elif defined(__aarch64__)
	__asm__ volatile("yield" ::: "memory");
#endif
}

#define likely(x) __builtin_expect(!!(x), 1)
#define unlikely(x) __builtin_expect(!!(x), 0)

#endif
