/* SPDX-License-Identifier: MIT */
/* test_domain.c - what a domain refuses, with the text that it gives; numbers in options. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "reclaim_internal.h"
#include "registry.h"

static void expect_refused(const struct reclaim_config *config, int error, const char *wanted)
{
	char message[256] = "";
	struct reclaim *r = NULL;

	assert_int_equal(reclaim_create(&r, config, message, sizeof(message)), error);
	assert_null(r);
	if (!strstr(message, wanted))
		fail_msg("\"%s\" does not say %s", message, wanted);
}

/* A strategy's table that contradicts itself is refused, whatever is missing or too much. */
static void test_tables(void **state)
{
	const struct reclaim_ops *good = reclaim_strategy_find("leak");
	struct reclaim_ops ops = *good;
	const struct reclaim_config config = {.ops = &ops};

	(void)state;
	ops.retire = NULL;
	expect_refused(&config, -EINVAL, "retire is missing");
	ops = *good;
	ops.poll = NULL;
	expect_refused(&config, -EINVAL, "a required member is missing");
	ops = *good;
	ops.flags |= NEEDS_SECTION;
	ops.enter = NULL;
	expect_refused(&config, -EINVAL, "NEEDS_SECTION without enter and exit");
	ops = *good;
	ops.flags |= NEEDS_PROTECT;
	expect_refused(&config, -EINVAL, "NEEDS_PROTECT without protect or slots");
	ops = *good;
	ops.flags |= NEEDS_BARRIER;
	ops.write_barrier = NULL;
	expect_refused(&config, -EINVAL, "NEEDS_BARRIER without write_barrier");
	ops = *good;
	ops.node_bytes = 65;
	expect_refused(&config, -EINVAL, "node_bytes is above 64");
	ops = *good;
	ops.flags |= READER_LOCKS | TRACES;
	expect_refused(&config, -EINVAL, "READER_LOCKS excludes");
}

static void test_domains(void **state)
{
	const struct reclaim_config on_malloc = {.ops = reclaim_strategy_find("sweepgen"),
						 .heap = {.kind = HEAP_MALLOC}};
	const struct reclaim_config many = {.ops = reclaim_strategy_find("leak"),
					    .max_threads = RECLAIM_MAX_THREADS + 1};

	(void)state;
	expect_refused(&on_malloc, -EINVAL, "use alloc=span instead of alloc=malloc");
	expect_refused(&many, -ERANGE, "are possible");
}

static int kept_init(struct reclaim *r)
{
	(void)r;
	return 0;
}

struct kept {
	uint64_t n;
};

static void test_powers(void **state)
{
	static const struct reclaim_option options[] = {{.name = "n",
							 .type = OPT_COUNT,
							 .offset = offsetof(struct kept, n),
							 .min = 0,
							 .max = 1e15,
							 .deflt = "2^3",
							 .unit = "things",
							 .help = "how many"}};
	struct reclaim_ops ops = *reclaim_strategy_find("leak");
	struct reclaim_config config = {.ops = &ops};
	static const struct {
		const char *text;
		uint64_t n; /* 0: refused */
	} tries[] = {{NULL, 8},	   {"n=2^0", 1},     {"n=2^10", 1024}, {"n=7k", 7000},
		     {"n=2^", 0},  {"n=2^-1", 0},    {"n=2^63", 0},    {"n=2^10rest", 0},
		     {"n=0.5", 0}, {"n=1.5k", 1500}, {"n=1.0005k", 0}};
	char message[256];

	(void)state;
	ops.init = kept_init;
	ops.options = options;
	ops.n_options = 1;
	ops.state_bytes = sizeof(struct kept);
	for (size_t i = 0; i < sizeof(tries) / sizeof(tries[0]); i++) {
		struct reclaim *r = NULL;

		config.options = tries[i].text;
		if (!tries[i].n) {
			expect_refused(&config, -EINVAL, "n");
			continue;
		}
		assert_int_equal(reclaim_create(&r, &config, message, sizeof(message)), 0);
		assert_int_equal(((struct kept *)reclaim_state(r))->n, tries[i].n);
		reclaim_destroy(r);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_tables),
		cmocka_unit_test(test_domains),
		cmocka_unit_test(test_powers),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
