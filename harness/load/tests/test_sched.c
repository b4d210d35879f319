/* SPDX-License-Identifier: MIT */
/* test_sched.c - the schedule against its own arithmetic, and the waiting for it. */
#include "load/pace.h"
#include "load/sched.h"

#include <errno.h>
#include <math.h>
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#define S UINT64_C(1000000000)

static struct sched_config config(enum sched_arrival arrival, uint64_t rate, uint64_t ns)
{
	return (struct sched_config){.arrival = arrival,
				     .rate_per_s = rate,
				     .duration_ns = ns,
				     .seed = 42,
				     .n_threads = 1};
}

static void test_parse_arrival(void **state)
{
	enum sched_arrival a;

	(void)state;
	assert_int_equal(sched_parse_arrival("constant", &a), 0);
	assert_int_equal(a, SCHED_CONSTANT);
	assert_int_equal(sched_parse_arrival("poisson", &a), 0);
	assert_int_equal(a, SCHED_POISSON);
	assert_int_equal(sched_parse_arrival("normal", &a), -EINVAL);
}

/* 7 a second over 3 threads for 2 s: 14 starts at (i + 1/2) / 7 s, thread i % 3. */
static void test_constant_by_hand(void **state)
{
	struct sched_config c = config(SCHED_CONSTANT, 7, 2 * S);
	static const uint64_t n[3] = {5, 5, 4};

	(void)state;
	c.n_threads = 3;
	for (c.thread = 0; c.thread < 3; c.thread++) {
		struct sched s;
		double start_ns;
		unsigned i = c.thread;

		sched_init(&s, &c);
		assert_int_equal(s.n_total, n[c.thread]);
		while (sched_next(&s, &start_ns)) {
			assert_true(fabs(start_ns - (i + 0.5) / 7 * 1e9) < 1e-3);
			i += 3;
		}
		assert_int_equal(i, c.thread + 3 * n[c.thread]);
	}
}

/* Whatever the rate and the split: exactly rate * time starts, in order, within the stage. */
static void test_counts_are_exact(void **state)
{
	static const uint64_t rates[] = {1, 3, 999, 5000, 100003};
	static const unsigned threads[] = {1, 2, 7};

	(void)state;
	for (size_t r = 0; r < 5; r++) {
		for (size_t t = 0; t < 6; t++) {
			struct sched_config c =
				config(t < 3 ? SCHED_CONSTANT : SCHED_POISSON, rates[r], 5 * S);
			uint64_t n = 0;

			c.n_threads = threads[t % 3];
			for (c.thread = 0; c.thread < c.n_threads; c.thread++) {
				struct sched s;
				double last_ns = 0;
				double start_ns;

				sched_init(&s, &c);
				while (sched_next(&s, &start_ns)) {
					assert_true(start_ns >= last_ns && start_ns <= 5e9);
					last_ns = start_ns;
					n++;
				}
				assert_false(sched_next(&s, &start_ns));
			}
			assert_int_equal(n, 5 * rates[r]);
		}
	}
}

static int compare_double(const void *a, const void *b)
{
	const double x = *(const double *)a;
	const double y = *(const double *)b;

	return (x > y) - (x < y);
}

/* Largest distance between the times of a stage and uniform ones (Kolmogorov-Smirnov), and between
 * its gaps and exponential ones.  1.95 / sqrt(n) is exceeded with a probability of 0.001; the seed
 * is fixed, so it is or it is not. */
static void test_poisson_is_poisson(void **state)
{
	enum { N = 20000 };
	struct sched_config c = config(SCHED_POISSON, N, S);
	double *gaps = malloc(N * sizeof(*gaps));
	double ks_times = 0;
	double ks_gaps = 0;
	double last_ns = 0;
	double start_ns;
	struct sched s;
	int n = 0;

	(void)state;
	sched_init(&s, &c);
	while (sched_next(&s, &start_ns)) {
		ks_times = fmax(ks_times, fabs(start_ns / 1e9 - (n + 0.5) / N));
		gaps[n++] = start_ns - last_ns;
		last_ns = start_ns;
	}
	assert_int_equal(n, N);
	qsort(gaps, N, sizeof(*gaps), compare_double);
	for (int i = 0; i < N; i++)
		ks_gaps = fmax(ks_gaps, fabs(-expm1(-gaps[i] / (1e9 / N)) - (i + 0.5) / N));
	assert_true(ks_times < 1.95 / sqrt(N));
	assert_true(ks_gaps < 1.95 / sqrt(N));
	free(gaps);
}

/* Threads, stages and seeds have schedules of their own; the same ones give the same again. */
static void test_schedules_differ_and_repeat(void **state)
{
	struct sched_config c[5];
	double first[5];
	struct sched s;

	(void)state;
	for (int i = 0; i < 5; i++) {
		c[i] = config(SCHED_POISSON, 1000, S);
		c[i].n_threads = 2;
	}
	c[1].thread = 1;
	c[2].stage = 1;
	c[3].seed = 43;
	for (int i = 0; i < 5; i++) {
		sched_init(&s, &c[i]);
		assert_true(sched_next(&s, &first[i]));
		for (int j = 0; j < i; j++)
			assert_true((first[i] == first[j]) == (i == 4 && j == 0));
	}
}

/* How often each hook ran. */
struct counts {
	unsigned n_asleep;
	unsigned n_awake;
	unsigned n_poll;
};

static void count_asleep(void *ctx)
{
	struct counts *c = ctx;

	assert_int_equal(c->n_asleep, c->n_awake);
	c->n_asleep++;
}

static void count_awake(void *ctx)
{
	struct counts *c = ctx;

	c->n_awake++;
	assert_int_equal(c->n_asleep, c->n_awake);
}

static void count_poll(void *ctx)
{
	struct counts *c = ctx;

	/* Online while spinning. */
	assert_int_equal(c->n_asleep, c->n_awake);
	c->n_poll++;
}

static void test_wait_is_never_early(void **state)
{
	static const uint64_t ahead_ns[] = {0, 500, 20000, 400000, 3000000};
	struct counts counts = {0};
	const struct pace_hooks hooks = {&counts, count_asleep, count_awake, count_poll};
	struct clock clock;
	struct pace p;

	(void)state;
	clock_init(&clock, false);
	for (int mode = PACE_SLEEP_AND_SPIN; mode <= PACE_SLEEP_ONLY; mode++) {
		pace_init(&p, &clock, (enum pace_mode)mode, NULL, &hooks);
		for (int i = 0; i < 50; i++) {
			const uint64_t start =
				clock_ticks(&clock) + clock_ns_to_ticks(&clock, ahead_ns[i % 5]);
			const uint64_t now = pace_wait(&p, start);

			assert_true(now >= start);
			assert_true(clock_ticks(&clock) >= now);
		}
		/* 400 us and 3 ms ahead lie beyond the guard. */
		assert_true(counts.n_asleep >= 20);
		assert_int_equal(counts.n_asleep, counts.n_awake);
		assert_true(p.guard_ns >= 80000 && p.guard_ns <= 150000);
		if (mode == PACE_SLEEP_AND_SPIN)
			assert_true(counts.n_poll > 0);
		else
			assert_int_equal(counts.n_poll, 0);
		counts = (struct counts){0};
	}
}

/* A start in the past is due at once and hooks stay silent: being behind is no reason to go
 * offline. */
static void test_behind_runs_back_to_back(void **state)
{
	struct counts counts = {0};
	const struct pace_hooks hooks = {&counts, count_asleep, count_awake, count_poll};
	struct clock clock;
	struct pace p;

	(void)state;
	clock_init(&clock, false);
	pace_init(&p, &clock, PACE_SLEEP_AND_SPIN, NULL, &hooks);
	for (int i = 0; i < 1000; i++)
		assert_true(pace_wait(&p, 1) > 1);
	assert_int_equal(counts.n_asleep + counts.n_awake + counts.n_poll, 0);
}

struct waiter {
	struct clock *clock;
	atomic_bool stop;
	enum pace_mode mode;
	uint64_t start;
	uint64_t now;
};

static void *wait_an_hour(void *arg)
{
	struct waiter *w = arg;
	struct pace p;

	pace_init(&p, w->clock, w->mode, &w->stop, NULL);
	w->start = clock_ticks(w->clock) + clock_ns_to_ticks(w->clock, 3600 * S);
	w->now = pace_wait(&p, w->start);
	return NULL;
}

static void test_stop_ends_a_wait(void **state)
{
	struct clock clock;

	(void)state;
	clock_init(&clock, false);
	for (int mode = PACE_SLEEP_AND_SPIN; mode <= PACE_SLEEP_ONLY; mode++) {
		struct waiter w = {.clock = &clock, .mode = (enum pace_mode)mode};
		pthread_t thread;

		atomic_init(&w.stop, false);
		assert_int_equal(pthread_create(&thread, NULL, wait_an_hour, &w), 0);
		store_relaxed(&w.stop, true);
		assert_int_equal(pthread_join(thread, NULL), 0);
		assert_true(w.now < w.start);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_parse_arrival),
		cmocka_unit_test(test_constant_by_hand),
		cmocka_unit_test(test_counts_are_exact),
		cmocka_unit_test(test_poisson_is_poisson),
		cmocka_unit_test(test_schedules_differ_and_repeat),
		cmocka_unit_test(test_wait_is_never_early),
		cmocka_unit_test(test_behind_runs_back_to_back),
		cmocka_unit_test(test_stop_ends_a_wait),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
