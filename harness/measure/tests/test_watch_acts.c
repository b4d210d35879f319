/* SPDX-License-Identifier: MIT */
/* test_watch_acts.c - what a thread does for its strategy arrives, once and whole, while it goes on; what finds no room
 * is counted; a thread that nobody watches writes nothing. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>
#include <pthread.h>

#include "measure/watch_acts.h"
#include "registry.h"

static struct clock test_clock;

struct writer {
	struct reclaim *r;
	uint64_t n_acts;
	_Atomic(bool) is_registered, must_write, is_done;
};

static void write_act_of(struct reclaim_thread *t, const char *name, uint64_t begin_ticks,
			 uint64_t ticks)
{
	/* acquire: pairs with watch_attach() */
	acts_write(load_acquire(&t->acts), name, begin_ticks, begin_ticks + ticks);
}

static void write_act(struct reclaim_thread *t, const char *name, uint64_t begin_ticks)
{
	write_act_of(t, name, begin_ticks, 1);
}

/* Act i lasts from 2 i + 1 to 2 i + 2. */
static void *write_acts(void *arg)
{
	struct writer *w = arg;
	struct reclaim_thread *t = reclaim_register(w->r, ROLE_MUTATOR);

	store_release(&w->is_registered, true);
	while (!load_acquire(&w->must_write)) /* acquire: pairs with test_taken_meanwhile() */
		cpu_relax();
	for (uint64_t i = 0; i < w->n_acts; i++)
		write_act(t, "act", 2 * i + 1);
	store_release(&w->is_done, true);
	reclaim_unregister(t);
	return NULL;
}

static struct reclaim *domain_of(const char *strategy, const char *options)
{
	const struct reclaim_config config = {.ops = reclaim_strategy_find(strategy),
					      .options = options,
					      .heap = {.arena_bytes = UINT64_C(1) << 30},
					      .clock = &test_clock};
	struct reclaim *r = NULL;
	char message[256];

	if (!test_clock.name)
		clock_init(&test_clock, false);
	assert_int_equal(reclaim_create(&r, &config, message, sizeof(message)), 0);
	return r;
}

static struct reclaim *domain(void)
{
	return domain_of("leak", "");
}

static void test_unwatched(void **state)
{
	struct reclaim *r = domain();
	struct reclaim_thread *t = reclaim_register(r, ROLE_MUTATOR);
	struct watch_acts watch = {0};
	struct acts_sample sample;
	uint64_t begin;

	(void)state;
	assert_int_equal(reclaim_act_begin(t), 0);
	reclaim_act_end(t, "nothing", 0);
	assert_int_equal(watch_acts_begin(&watch, r), 0);
	/* An act that began before it was watched is not one. */
	reclaim_act_end(t, "half", 0);
	begin = reclaim_act_begin(t);
	assert_int_not_equal(begin, 0);
	reclaim_act_end(t, "whole", begin);
	assert_int_equal(watch_acts_take(&watch, &sample), 0);
	assert_int_equal(sample.n_acts, 1);
	assert_string_equal(sample.acts[0].act.name, "whole");
	assert_true(sample.acts[0].act.begin_ticks == begin);
	assert_true(sample.acts[0].act.end_ticks >= begin);
	assert_int_equal(sample.n_rows, 1);
	assert_int_equal(sample.rows[0].thread, t->index);
	assert_int_equal(sample.rows[0].role, ROLE_MUTATOR);
	acts_sample_fini(&sample);
	reclaim_unregister(t);
	reclaim_destroy(r);
	watch_acts_fini(&watch);
}

/* A ring's room, half of it for brief acts, then none; a taking makes room, a stage's begin forgets. */
static void test_no_room(void **state)
{
	enum { N_OVER = 5 };
	struct reclaim *r = domain();
	struct reclaim_thread *t = reclaim_register(r, ROLE_READER);
	struct watch_acts watch = {0};
	struct acts_sample sample;

	(void)state;
	assert_int_equal(watch_acts_begin(&watch, r), 0);
	const uint64_t long_ticks = clock_ns_to_ticks(&test_clock, ACTS_BRIEF_NS);

	for (uint64_t i = 0; i < ACTS_MAX; i++)
		write_act(t, "brief", i + 1);
	for (uint64_t i = 0; i < ACTS_MAX - ACTS_BRIEF_MAX + N_OVER; i++)
		write_act_of(t, "long", ACTS_MAX + i, long_ticks);
	assert_int_equal(watch_acts_take(&watch, &sample), 0);
	assert_int_equal(sample.n_acts, ACTS_MAX);
	assert_int_equal(sample.n_dropped, ACTS_MAX - ACTS_BRIEF_MAX + N_OVER);
	assert_true(sample.acts[ACTS_BRIEF_MAX - 1].act.begin_ticks == ACTS_BRIEF_MAX);
	assert_string_equal(sample.acts[ACTS_BRIEF_MAX - 1].act.name, "brief");
	assert_string_equal(sample.acts[ACTS_BRIEF_MAX].act.name, "long");
	assert_string_equal(sample.acts[ACTS_MAX - 1].act.name, "long");
	acts_sample_fini(&sample);
	write_act(t, "forgotten", 1);
	assert_int_equal(watch_acts_begin(&watch, r), 0);
	write_act(t, "seen", 3);
	assert_int_equal(watch_acts_take(&watch, &sample), 0);
	assert_int_equal(sample.n_acts, 1);
	assert_string_equal(sample.acts[0].act.name, "seen");
	assert_int_equal(sample.n_dropped, 0);
	acts_sample_fini(&sample);
	reclaim_unregister(t);
	reclaim_destroy(r);
	watch_acts_fini(&watch);
}

/* Taken while it writes: each act once, in order, none torn, and none missing but those counted. */
static void test_taken_meanwhile(void **state)
{
	struct writer w = {.r = domain(), .n_acts = 200000};
	struct watch_acts watch = {0};
	uint64_t n = 0, n_dropped = 0, last = 0;
	pthread_t thread;
	bool is_done;

	(void)state;
	assert_int_equal(pthread_create(&thread, NULL, write_acts, &w), 0);
	while (!load_acquire(&w.is_registered)) /* acquire: pairs with write_acts() */
		cpu_relax();
	assert_int_equal(watch_acts_begin(&watch, w.r), 0);
	store_release(&w.must_write, true);
	do {
		struct acts_sample sample;

		is_done = load_acquire(&w.is_done); /* pairs with write_acts() */
		assert_int_equal(watch_acts_take(&watch, &sample), 0);
		for (size_t i = 0; i < sample.n_acts; i++) {
			const struct act *act = &sample.acts[i].act;

			assert_true(act->begin_ticks > last);
			assert_true(act->end_ticks == act->begin_ticks + 1);
			last = act->begin_ticks;
		}
		n += sample.n_acts;
		n_dropped = sample.n_dropped; /* since the begin */
		acts_sample_fini(&sample);
	} while (!is_done);
	pthread_join(thread, NULL);
	assert_int_equal(n + n_dropped, w.n_acts);
	reclaim_destroy(w.r);
	watch_acts_fini(&watch);
}

/* Polls until it is told to go. */
static void *poll(void *arg)
{
	struct writer *w = arg;
	struct reclaim_thread *t = reclaim_register(w->r, ROLE_MUTATOR);

	store_release(&w->is_registered, true);
	while (!load_acquire(&w->is_done)) /* acquire: pairs with test_stopped() */
		reclaim_poll(t);
	reclaim_unregister(t);
	return NULL;
}

/* A thread at work is stopped by a cycle of the collector, and says so. */
static void test_stopped(void **state)
{
	struct writer w = {.r = domain_of("sweepgen", "trigger=hand")};
	struct reclaim_thread *t = reclaim_register(w.r, ROLE_MUTATOR);
	struct watch_acts watch = {0};
	struct acts_sample sample;
	pthread_t thread;
	size_t n = 0;

	(void)state;
	assert_int_equal(pthread_create(&thread, NULL, poll, &w), 0);
	while (!load_acquire(&w.is_registered)) /* acquire: pairs with poll() */
		cpu_relax();
	assert_int_equal(watch_acts_begin(&watch, w.r), 0);
	t->ops->collect(t);
	store_release(&w.is_done, true); /* pairs with poll() */
	pthread_join(thread, NULL);
	assert_int_equal(watch_acts_take(&watch, &sample), 0);
	for (size_t i = 0; i < sample.n_acts; i++)
		n += sample.acts[i].thread != t->index &&
		     !strcmp(sample.acts[i].act.name, "stopped");
	assert_true(n >= 1);
	acts_sample_fini(&sample);
	reclaim_unregister(t);
	reclaim_destroy(w.r);
	watch_acts_fini(&watch);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_unwatched),
		cmocka_unit_test(test_no_room),
		cmocka_unit_test(test_taken_meanwhile),
		cmocka_unit_test(test_stopped),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
