/* SPDX-License-Identifier: MIT */
/* gc_test.h - what the collectors' tests share: a domain, a torture of one map by several threads. */
#ifndef RECLAIMBENCH_GC_TEST_H
#define RECLAIMBENCH_GC_TEST_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "gc/gc.h"
#include "hmap.h"
#include "registry.h"

#ifdef RECLAIMBENCH_SANITIZED
enum { GC_TEST_SCALE = 8 };
#else
enum { GC_TEST_SCALE = 1 };
#endif

static struct clock test_clock;

/* The `fail_at`-th allocation of the heap fails; 0: none. */
static inline struct reclaim *gc_test_create_failing(const char *strategy, const char *options,
						     uint64_t fail_at)
{
	const struct reclaim_config config = {
		.ops = reclaim_strategy_find(strategy),
		.options = options,
		.heap = {.kind = HEAP_SPAN,
			 .arena_bytes = UINT64_C(1) << 32,
			 .poison = true,
			 .fail_at = fail_at},
		.clock = &test_clock,
		.tracking = true,
	};
	struct reclaim *r = NULL;
	char message[256] = "";

	if (!test_clock.name)
		clock_init(&test_clock, false);
	assert_non_null(config.ops);
	if (reclaim_create(&r, &config, message, sizeof(message)))
		fail_msg("%s: %s", strategy, message);
	return r;
}

static inline struct reclaim *gc_test_create(const char *strategy, const char *options)
{
	return gc_test_create_failing(strategy, options, 0);
}

static inline struct gc *gc_test_gc(struct reclaim *r)
{
	return reclaim_state(r);
}

/* A payload says which key it belongs to, in every word, so that a freed (poisoned) or reused one is seen. */
enum { GC_TEST_VALUE_BYTES = 64 };

static inline struct hmap *gc_test_map(struct reclaim *r, struct reclaim_thread *t,
				       enum hmap_mode mode)
{
	const struct hmap_config config = {
		.mode = mode,
		.unlink = HMAP_UNLINK_EMPTY,
		.value_bytes = GC_TEST_VALUE_BYTES,
		.seed = 1,
	};
	struct hmap *m = NULL;

	assert_int_equal(hmap_create(&m, r, t, &config), 0);
	return m;
}

/* A thread that makes one collection of the domain `arg`. */
static inline void *gc_test_collect_main(void *arg)
{
	struct reclaim *r = arg;
	struct reclaim_thread *t = reclaim_register(r, ROLE_SAMPLER);

	t->ops->collect(t);
	reclaim_unregister(t);
	return NULL;
}

static inline uint64_t gc_test_random(uint64_t *state)
{
	*state ^= *state << 13;
	*state ^= *state >> 7;
	*state ^= *state << 17;
	return *state;
}

#endif
