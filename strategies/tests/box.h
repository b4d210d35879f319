/* SPDX-License-Identifier: MIT */
/* box.h - for tests: the smallest shared structure a strategy can serve: an array of references to objects whose
 * words can be checked.  Works with every strategy, as its flags demand: locks readers out (READER_LOCKS),
 * protects (NEEDS_PROTECT), calls the write barrier, shows itself to collectors that trace.
 */
#ifndef RECLAIMBENCH_TESTS_BOX_H
#define RECLAIMBENCH_TESTS_BOX_H

#include <errno.h>
#include <pthread.h>
#include <sched.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
/* after the above */
#include <cmocka.h>

#include "registry.h"

#ifdef RECLAIMBENCH_SANITIZED
#define SCALE 10
#else
#define SCALE 1
#endif

#define BOX_SLOTS 64
#define BOX_OBJECT_BYTES 64

/* An object: a word, its complement, and the age (test_torture.c).  Freed ones are poisoned by the heap. */
struct thing {
	_Atomic(uint64_t) word;
	_Atomic(uint64_t) check;
	_Atomic(uint64_t) age;
	uint64_t rest[BOX_OBJECT_BYTES / 8 - 3];
};

struct box {
	struct reclaim_root root; /* first */
	struct reclaim *r;
	struct clock clock;
	pthread_mutex_t lock; /* READER_LOCKS: held around sections and retires */
	_Atomic(struct thing *) slots[BOX_SLOTS];
};

/* One case: a strategy, and options that differ from its defaults. */
struct strategy_case {
	const struct reclaim_ops *ops;
	char options[64];
	char name[128];
};

static inline bool has(const struct reclaim_ops *ops, uint32_t flag)
{
	return ops->flags & flag;
}

static inline void box_trace(struct reclaim_root *root, struct reclaim_thread *t,
			     reclaim_trace_fn *visit, void *ctx)
{
	struct box *box = (struct box *)root;

	(void)t;
	for (int i = 0; i < BOX_SLOTS; i++) {
		/* acquire: pairs with the exchange that put it there */
		struct thing *thing = load_acquire(&box->slots[i]);

		if (thing)
			visit(ctx, thing);
	}
}

static inline struct box *box_create(const struct strategy_case *c, unsigned max_threads,
				     bool tracking)
{
	struct box *box = calloc(1, sizeof(*box));
	char message[256] = "";
	int err;

	assert_non_null(box);
	clock_init(&box->clock, false);
	pthread_mutex_init(&box->lock, NULL);
	const struct reclaim_config config = {
		.ops = c->ops,
		.options = c->options,
		.heap = {.kind = HEAP_SPAN, .poison = true, .arena_bytes = 1u << 30},
		.clock = &box->clock,
		.max_threads = max_threads,
		.tracking = tracking,
	};
	err = reclaim_create(&box->r, &config, message, sizeof(message));
	if (err)
		fail_msg("%s: %s", c->name, message);
	box->root.trace = box_trace;
	reclaim_root_add(box->r, &box->root);
	return box;
}

static inline void box_destroy(struct box *box)
{
	reclaim_root_remove(box->r, &box->root);
	reclaim_destroy(box->r);
	pthread_mutex_destroy(&box->lock);
	free(box);
}

static inline struct thing *thing_create(struct reclaim_thread *t, uint64_t word)
{
	struct thing *thing = reclaim_alloc(t, OBJ_VALUE, sizeof(*thing), true);

	assert_non_null(thing);
	store_relaxed(&thing->word, word);
	store_relaxed(&thing->check, ~word);
	store_relaxed(&thing->age, 0);
	return thing;
}

static inline bool thing_is_whole(struct thing *thing)
{
	return load_relaxed(&thing->word) == ~load_relaxed(&thing->check);
}

/* A section of a reader. */
static inline void box_enter(struct box *box, struct reclaim_thread *t)
{
	if (t->flags & READER_LOCKS)
		pthread_mutex_lock(&box->lock);
	reclaim_enter(t);
}
static inline void box_exit(struct box *box, struct reclaim_thread *t)
{
	reclaim_exit(t);
	if (t->flags & READER_LOCKS)
		pthread_mutex_unlock(&box->lock);
}

/* What slot i holds; inside a section; protected by protection slot `p`. */
static inline struct thing *box_get(struct box *box, struct reclaim_thread *t, int i, unsigned p)
{
	/* acquire: pairs with the exchange that put it there */
	struct thing *thing = load_acquire(&box->slots[i]);

	while (t->flags & NEEDS_PROTECT) {
		struct thing *again;

		t->ops->protect(t, p, thing);
		/* acquire: pairs with the exchange that put it there */
		again = load_acquire(&box->slots[i]);
		if (again == thing)
			break;
		thing = again;
	}
	return thing;
}

/* Put `thing` (or nothing) into slot i and retire what was there.  In a section of its own. */
static inline void box_replace(struct box *box, struct reclaim_thread *t, int i,
			       struct thing *thing)
{
	struct thing *old;

	box_enter(box, t);
	if (t->flags & NEEDS_BARRIER)
		t->ops->write_barrier(t, load_relaxed(&box->slots[i]), thing);
	/* pairs with itself: whoever takes a thing sees it as it was put */
	old = xchg_acq_rel(&box->slots[i], thing);
	if (old)
		reclaim_retire(t, old, false);
	box_exit(box, t);
}

/* One object's whole life up to retirement, and a poll. */
static inline void box_churn(struct box *box, struct reclaim_thread *t, int i, uint64_t word)
{
	box_replace(box, t, i, thing_create(t, word));
	box_replace(box, t, i, NULL);
	reclaim_poll(t);
}

/* Of class value. */
static inline uint64_t box_n_retired(struct box *box)
{
	struct reclaim_totals totals;

	reclaim_totals(box->r, &totals);
	return totals.n_retired[OBJ_VALUE];
}
static inline uint64_t box_n_freed(struct box *box)
{
	struct reclaim_totals totals;

	reclaim_totals(box->r, &totals);
	return totals.n_freed[OBJ_VALUE];
}
static inline uint64_t box_n_limbo(struct box *box)
{
	struct reclaim_totals totals;

	/* Retired is read after freed would be: a difference that is too large at worst. */
	reclaim_totals(box->r, &totals);
	return totals.n_retired[OBJ_VALUE] - totals.n_freed[OBJ_VALUE];
}

static inline uint64_t box_n_pending(struct box *box)
{
	struct reclaim_stats stats;

	reclaim_ops(box->r)->stats(box->r, &stats);
	return stats.n_pending;
}

/* Wait for another thread, offline. */
static inline void wait_for(struct reclaim_thread *t, _Atomic(int) *step, int value)
{
	if (t)
		reclaim_offline(t);
	/* acquire: pairs with the release of whoever made the step */
	while (load_acquire(step) < value)
		sched_yield();
	if (t)
		reclaim_online(t);
}
static inline void advance(_Atomic(int) *step, int value)
{
	store_release(step, value);
}

/* Poll, and collect by hand where that is how things are freed, until the limbo holds at most `n`.  The time is
 * a limit for hangs, not an expectation. */
static inline bool poll_until(struct box *box, struct reclaim_thread *t, uint64_t n)
{
	const uint64_t end_ns = clock_monotonic_ns() + 60 * UINT64_C(1000000000);

	while (box_n_limbo(box) > n) {
		for (int i = 0; i < 300; i++)
			reclaim_poll(t);
		if (t->ops->collect)
			t->ops->collect(t);
		if (clock_monotonic_ns() > end_ns)
			return false;
		sched_yield();
	}
	return true;
}

/* All cases: each strategy with its defaults, then each choice that is not the default, one at a time. */
static inline size_t strategy_cases(struct strategy_case *cases, size_t max)
{
	size_t n = 0;

	for (size_t s = 0; reclaim_strategies[s]; s++) {
		const struct reclaim_ops *ops = reclaim_strategies[s];

		assert_true(n < max);
		cases[n] = (struct strategy_case){.ops = ops};
		snprintf(cases[n].name, sizeof(cases[n].name), "%s", ops->name);
		n++;
		for (size_t o = 0; o < ops->n_options; o++) {
			const struct reclaim_option *option = &ops->options[o];
			char choices[64];
			char *rest = choices, *choice;

			if (option->type != OPT_CHOICE && option->type != OPT_BOOL)
				continue;
			snprintf(choices, sizeof(choices), "%s",
				 option->type == OPT_BOOL ? "off|on" : option->choices);
			while ((choice = strsep(&rest, "|")) != NULL) {
				if (!strcmp(choice, option->deflt))
					continue;
				assert_true(n < max);
				cases[n] = (struct strategy_case){.ops = ops};
				snprintf(cases[n].options, sizeof(cases[n].options), "%.20s=%.40s",
					 option->name, choice);
				snprintf(cases[n].name, sizeof(cases[n].name), "%s:%s", ops->name,
					 cases[n].options);
				n++;
			}
		}
	}
	return n;
}

/* Run each of `functions` on each case; `argv[1]`, if given, is a strategy's name. */
struct case_test {
	const char *name;
	void (*function)(void **state);
};
static inline int run_cases(const char *group, const struct case_test *tests, size_t n_tests,
			    int argc, char **argv)
{
	static struct strategy_case cases[128];
	static char names[128 * 16][192];
	static struct CMUnitTest unit[128 * 16];
	const size_t n_cases = strategy_cases(cases, 128);
	size_t n = 0;

	for (size_t c = 0; c < n_cases; c++) {
		if (argc > 1 && strcmp(argv[1], cases[c].ops->name))
			continue;
		for (size_t i = 0; i < n_tests; i++) {
			assert_true(n < 128 * 16);
			snprintf(names[n], sizeof(names[n]), "%s: %s", cases[c].name,
				 tests[i].name);
			unit[n] = (struct CMUnitTest){.name = names[n],
						      .test_func = tests[i].function,
						      .initial_state = &cases[c]};
			n++;
		}
	}
	return _cmocka_run_group_tests(group, unit, n, NULL, NULL);
}

#endif
