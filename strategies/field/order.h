/* SPDX-License-Identifier: MIT */
/* order.h - two things about memory order that the strategies from the field share.
 *
 * order_publish() announces something that others look for after they have unlinked (an epoch, a hazard, an
 * active section) and orders it before the caller's next load.  Without that the load could be served before
 * the announcement is seen: the reader would hold what the reclaimer believes nobody holds.
 *
 * order_released() / order_acquired() tell ThreadSanitizer of an order that a library makes with inline
 * assembly, which it cannot see.  They stand at the boundary, once per library call, and are nothing in
 * other builds.
 */
#ifndef RECLAIMBENCH_FIELD_ORDER_H
#define RECLAIMBENCH_FIELD_ORDER_H

#include "atomic.h"

#if defined(__x86_64__) || defined(__i386__)
/* An exchange is a full barrier here, costs what a fence costs, and ThreadSanitizer follows it. */
#define order_publish(p, v) ((void)xchg_seq_cst((p), (v)))
#else
#define order_publish(p, v)                                                                        \
	do {                                                                                       \
		store_release((p), (v));                                                           \
		fence_seq_cst();                                                                   \
	} while (0)
#endif

#if defined(__SANITIZE_THREAD__)
#define ORDER_TSAN 1
#elif defined(__has_feature)
#if __has_feature(thread_sanitizer)
#define ORDER_TSAN 1
#endif
#endif

#ifdef ORDER_TSAN
void __tsan_acquire(void *address);
void __tsan_release(void *address);
#define order_acquired(p) __tsan_acquire(p)
#define order_released(p) __tsan_release(p)
#else
#define order_acquired(p) ((void)(p))
#define order_released(p) ((void)(p))
#endif

#endif
