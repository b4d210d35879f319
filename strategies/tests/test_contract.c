/* SPDX-License-Identifier: MIT */
/* test_contract.c - what every strategy owes its callers (reclaim.h), tried on each that is listed, with its
 * defaults and with each choice of its options.  A new strategy is tested by being listed. */
#include <malloc.h>

#include "audit_internal.h"
#include "box.h"

/* ---------------------------------------------------------------- options */

static void expect_refused(const struct strategy_case *c, const char *options, const char *named,
			   int code)
{
	struct clock clock;
	struct reclaim *r = NULL;
	char message[256] = "";
	int err;

	clock_init(&clock, true);
	const struct reclaim_config config = {
		.ops = c->ops,
		.options = options,
		.heap = {.kind = HEAP_SPAN, .arena_bytes = 1u << 26},
		.clock = &clock,
	};
	err = reclaim_create(&r, &config, message, sizeof(message));
	if (err != code || r)
		fail_msg("%s:%s: got %d, not %d", c->ops->name, options, err, code);
	if (!strstr(message, named))
		fail_msg("%s:%s: the message does not name %s: %s", c->ops->name, options, named,
			 message);
}

static void test_options_are_checked(void **state)
{
	const struct strategy_case *c = *state;
	char text[128];

	expect_refused(c, "no_such_option=1", "no_such_option", -EINVAL);
	expect_refused(c, "bare", "bare", -EINVAL);
	for (size_t i = 0; i < c->ops->n_options; i++) {
		const struct reclaim_option *o = &c->ops->options[i];

		assert_true(o->help && *o->help && o->unit && o->deflt && *o->deflt);
		snprintf(text, sizeof(text), "%s=rubbish", o->name);
		expect_refused(c, text, o->name, -EINVAL);
		if (o->type == OPT_CHOICE || o->type == OPT_BOOL || o->max >= 1e17)
			continue;
		snprintf(text, sizeof(text), "%s=%.0f%s", o->name, o->max * 2 + 1,
			 o->type == OPT_TIME_NS ? "ns" : "");
		expect_refused(c, text, o->name, -ERANGE);
	}
}

static void test_too_many_threads_are_refused(void **state)
{
	const struct strategy_case *c = *state;
	struct box *box = box_create(c, 3, false);
	struct reclaim_thread *t[4] = {NULL};
	int n = 0;

	/* A background thread takes one of the three. */
	while (n < 4 && (t[n] = reclaim_register(box->r, ROLE_MUTATOR)) != NULL)
		n++;
	assert_int_equal(errno, EAGAIN);
	assert_int_equal(n, has(c->ops, BACKGROUND) ? 2 : 3);
	while (n-- > 0)
		reclaim_unregister(t[n]);
	box_destroy(box);

	if (c->ops->max_threads) {
		const struct reclaim_config config = {
			.ops = c->ops,
			.heap = {.kind = HEAP_SPAN, .arena_bytes = 1u << 26},
			.max_threads = c->ops->max_threads + 1,
		};
		struct reclaim *r = NULL;
		char message[256] = "", number[16];

		assert_int_equal(reclaim_create(&r, &config, message, sizeof(message)), -ERANGE);
		snprintf(number, sizeof(number), "%u", c->ops->max_threads);
		assert_non_null(strstr(message, number));
	}
}

/* ---------------------------------------------------------------- alone */

static void test_frees_everything(void **state)
{
	const struct strategy_case *c = *state;
	const uint64_t n = 5000 / SCALE;
	struct box *box = box_create(c, 0, false);
	struct reclaim_thread *t = reclaim_register(box->r, ROLE_MUTATOR);
	struct reclaim_totals totals;

	assert_non_null(t);
	assert_int_equal(box_n_pending(box), 0);
	for (uint64_t i = 0; i < n; i++)
		box_churn(box, t, (int)(i % BOX_SLOTS), i);
	assert_int_equal(box_n_retired(box), n);
	reclaim_quiet_begin(box->r);
	if (!has(c->ops, TRACES))
		assert_int_equal(box_n_pending(box), box_n_limbo(box));
	reclaim_quiet_end(box->r);
	t->ops->drain(t);
	reclaim_totals(box->r, &totals);
	if (has(c->ops, NEVER_FREES)) {
		assert_int_equal(totals.n_freed[OBJ_VALUE], 0);
		assert_int_equal(box_n_pending(box), n);
	} else {
		assert_int_equal(totals.n_freed[OBJ_VALUE], n);
		assert_int_equal(totals.freed_bytes[OBJ_VALUE], totals.allocated_bytes[OBJ_VALUE]);
		assert_int_equal(box_n_pending(box), 0);
	}
	reclaim_unregister(t);
	box_destroy(box);
}

/* What is still referred to stays, whatever is drained. */
static void test_live_objects_stay(void **state)
{
	const struct strategy_case *c = *state;
	struct box *box = box_create(c, 0, false);
	struct reclaim_thread *t = reclaim_register(box->r, ROLE_MUTATOR);

	for (int i = 0; i < BOX_SLOTS; i++)
		box_replace(box, t, i, thing_create(t, (uint64_t)i));
	for (int i = 0; i < BOX_SLOTS; i += 2)
		box_replace(box, t, i, NULL);
	t->ops->drain(t);
	for (int i = 1; i < BOX_SLOTS; i += 2) {
		struct thing *thing = load_relaxed(&box->slots[i]);

		assert_true(heap_is_object(reclaim_heap(box->r), thing));
		assert_int_equal(load_relaxed(&thing->word), i);
		assert_true(thing_is_whole(thing));
	}
	/* A mark bit per span keeps the dead neighbours of what lives: never more is freed, and all of it once
	 * nothing lives there. */
	assert_true(box_n_freed(box) <= BOX_SLOTS / 2);
	if (!has(c->ops, NEVER_FREES | TRACES))
		assert_int_equal(box_n_freed(box), BOX_SLOTS / 2);
	for (int i = 1; i < BOX_SLOTS; i += 2)
		box_replace(box, t, i, NULL);
	t->ops->drain(t);
	assert_int_equal(box_n_freed(box), has(c->ops, NEVER_FREES) ? 0 : BOX_SLOTS);
	reclaim_unregister(t);
	box_destroy(box);
}

/* A few retired objects are freed by polling alone, without another retire. */
static void test_polling_is_enough(void **state)
{
	const struct strategy_case *c = *state;
	struct box *box = box_create(c, 0, false);
	struct reclaim_thread *t = reclaim_register(box->r, ROLE_MUTATOR);

	for (uint64_t i = 0; i < 3; i++)
		box_churn(box, t, 0, i);
	if (!has(c->ops, NEVER_FREES))
		assert_true(poll_until(box, t, 0));
	reclaim_unregister(t);
	box_destroy(box);
}

struct order_check {
	bool is_hidden;
	_Atomic(uint64_t) n_seen, n_wrong; /* relaxed: read after a quiet point */
};

static void check_order(void *ctx, enum obj_class class, const struct heap_stamps *stamps,
			uint64_t safe_ticks, uint64_t freed_ticks)
{
	struct order_check *check = ctx;
	const uint64_t dead = stamps->dead_ticks & ~UINT64_C(1);

	if (class != OBJ_VALUE)
		return;
	add_relaxed(&check->n_seen, 1);
	if (dead > stamps->retired_ticks || stamps->retired_ticks > freed_ticks)
		add_relaxed(&check->n_wrong, 1);
	if (check->is_hidden ? safe_ticks != LIFE_SAFE_UNKNOWN
			     : safe_ticks < stamps->retired_ticks || safe_ticks > freed_ticks)
		add_relaxed(&check->n_wrong, 1);
}

static void observe(void *ctx, struct reclaim_thread *t)
{
	t->life.observe = check_order;
	t->life.observe_ctx = ctx;
}

/* dead <= retired <= safe <= freed, and safe is said exactly by those that know it. */
static void test_stamps_are_in_order(void **state)
{
	const struct strategy_case *c = *state;
	const uint64_t n = 2000 / SCALE;
	struct order_check check = {.is_hidden = has(c->ops, SAFE_HIDDEN)};
	struct box *box = box_create(c, 0, true);
	struct reclaim_thread *t = reclaim_register(box->r, ROLE_MUTATOR);

	/* Background threads are registered by now and have freed nothing. */
	reclaim_quiet_begin(box->r);
	reclaim_stage_begin(box->r, clock_ticks(&box->clock));
	reclaim_for_each_thread(box->r, observe, &check);
	reclaim_quiet_end(box->r);
	for (uint64_t i = 0; i < n; i++)
		box_churn(box, t, (int)(i % BOX_SLOTS), i);
	t->ops->drain(t);
	reclaim_quiet_begin(box->r);
	assert_int_equal(load_relaxed(&check.n_wrong), 0);
	assert_int_equal(load_relaxed(&check.n_seen), has(c->ops, NEVER_FREES) ? 0 : n);
	reclaim_quiet_end(box->r);
	reclaim_unregister(t);
	box_destroy(box);
}

static void test_two_domains(void **state)
{
	const struct strategy_case *c = *state;
	const uint64_t n = 1000 / SCALE;
	struct box *a = box_create(c, 0, false), *b = box_create(c, 0, false);
	struct reclaim_thread *ta = reclaim_register(a->r, ROLE_MUTATOR);
	struct reclaim_thread *tb = reclaim_register(b->r, ROLE_MUTATOR);

	assert_non_null(ta);
	assert_non_null(tb);
	for (uint64_t i = 0; i < n; i++) {
		box_churn(a, ta, 0, i);
		if (i % 2)
			box_churn(b, tb, 0, i);
	}
	/* One goes offline and comes back while the other works. */
	reclaim_offline(tb);
	for (uint64_t i = 0; i < n; i++)
		box_churn(a, ta, 0, i);
	ta->ops->drain(ta);
	reclaim_online(tb);
	box_churn(b, tb, 0, 1);
	assert_int_equal(box_n_retired(a), 2 * n);
	assert_int_equal(box_n_retired(b), n / 2 + 1);
	tb->ops->drain(tb);
	if (!has(c->ops, NEVER_FREES)) {
		assert_int_equal(box_n_freed(a), 2 * n);
		assert_int_equal(box_n_freed(b), n / 2 + 1);
		assert_int_equal(box_n_pending(a), 0);
		assert_int_equal(box_n_pending(b), 0);
	}
	/* The first to come is the first to leave: the other still works. */
	reclaim_unregister(ta);
	box_destroy(a);
	for (uint64_t i = 0; i < n; i++)
		box_churn(b, tb, 0, i);
	tb->ops->drain(tb);
	if (!has(c->ops, NEVER_FREES))
		assert_int_equal(box_n_freed(b), n + n / 2 + 1);
	reclaim_unregister(tb);
	box_destroy(b);
}

/* ---------------------------------------------------------------- with another thread */

struct actor {
	struct box *box;
	_Atomic(int) step;
	int slot;
	uint64_t n;
	struct thing *held;
	bool is_whole;
	pthread_t thread;
};

static void actor_start(struct actor *a, void *(*function)(void *))
{
	assert_int_equal(pthread_create(&a->thread, NULL, function, a), 0);
}

/* Holds what slot `slot` has, inside a section, from step 1 until step 2; then is done, at step 3, and stays
 * offline until step 4. */
static void *reader_holds(void *arg)
{
	struct actor *a = arg;
	struct reclaim_thread *t = reclaim_register(a->box->r, ROLE_READER);

	box_enter(a->box, t);
	a->held = box_get(a->box, t, a->slot, 0);
	advance(&a->step, 1);
	wait_for(NULL, &a->step, 2);
	a->is_whole = thing_is_whole(a->held) && load_relaxed(&a->held->word) == 4711;
	box_exit(a->box, t);
	reclaim_poll(t);
	reclaim_offline(t);
	advance(&a->step, 3);
	wait_for(NULL, &a->step, 4);
	reclaim_online(t);
	reclaim_unregister(t);
	return NULL;
}

static void test_held_object_stays(void **state)
{
	const struct strategy_case *c = *state;
	struct box *box;
	struct actor a = {0};
	struct reclaim_thread *t;

	if (has(c->ops, READER_LOCKS))
		return; /* the writer would wait for the reader: nothing to try */
	a.box = box = box_create(c, 0, false);
	t = reclaim_register(box->r, ROLE_MUTATOR);
	box_replace(box, t, 0, thing_create(t, 4711));
	actor_start(&a, reader_holds);
	wait_for(t, &a.step, 1);
	box_replace(box, t, 0, NULL);
	for (uint64_t i = 0; i < 5000 / SCALE; i++)
		box_churn(box, t, 1, i);
	assert_true(heap_is_object(reclaim_heap(box->r), a.held));
	assert_true(thing_is_whole(a.held));
	assert_int_equal(load_relaxed(&a.held->word), 4711);
	advance(&a.step, 2);
	wait_for(t, &a.step, 3);
	assert_true(a.is_whole);
	/* The reader is gone from it: now it goes, and an offline thread holds nothing back. */
	if (!has(c->ops, NEVER_FREES)) {
		assert_true(poll_until(box, t, 0));
		assert_false(heap_is_object(reclaim_heap(box->r), a.held));
	}
	advance(&a.step, 4);
	pthread_join(a.thread, NULL);
	reclaim_unregister(t);
	box_destroy(box);
}

/* Goes offline with things retired at step 1; returns at step 2. */
static void *idler(void *arg)
{
	struct actor *a = arg;
	struct reclaim_thread *t = reclaim_register(a->box->r, ROLE_MUTATOR);

	for (uint64_t i = 0; i < a->n; i++)
		box_replace(a->box, t, a->slot, thing_create(t, i));
	box_replace(a->box, t, a->slot, NULL);
	reclaim_offline(t);
	advance(&a->step, 1);
	wait_for(NULL, &a->step, 2);
	reclaim_online(t);
	box_churn(a->box, t, a->slot, 1);
	reclaim_unregister(t);
	return NULL;
}

static void test_offline_thread_hands_over(void **state)
{
	const struct strategy_case *c = *state;
	struct box *box = box_create(c, 0, false);
	struct actor a = {.box = box, .slot = 1, .n = 500 / SCALE};
	struct reclaim_thread *t = reclaim_register(box->r, ROLE_MUTATOR);

	actor_start(&a, idler);
	wait_for(t, &a.step, 1);
	box_churn(box, t, 0, 1);
	if (!has(c->ops, NEVER_FREES))
		assert_true(poll_until(box, t, 0));
	advance(&a.step, 2);
	wait_for(t, &a.step, 2);
	reclaim_offline(t);
	pthread_join(a.thread, NULL);
	reclaim_online(t);
	t->ops->drain(t);
	if (!has(c->ops, NEVER_FREES))
		assert_int_equal(box_n_limbo(box), 0);
	assert_int_equal(box_n_retired(box), a.n + 2);
	reclaim_unregister(t);
	box_destroy(box);
}

/* Retires and leaves. */
static void *leaver(void *arg)
{
	struct actor *a = arg;
	struct reclaim_thread *t = reclaim_register(a->box->r, ROLE_MUTATOR);

	for (uint64_t i = 0; i < a->n; i++)
		box_replace(a->box, t, a->slot, thing_create(t, i));
	box_replace(a->box, t, a->slot, NULL);
	reclaim_unregister(t);
	return NULL;
}

/* A thread leaves with a full list while a stalled reader keeps it from being freed: nothing is lost, nothing is
 * freed early, and leaving does not wait for the reader. */
static void test_leaving_thread_hands_over(void **state)
{
	const struct strategy_case *c = *state;
	struct box *box;
	struct actor reader = {0}, gone = {0};
	struct reclaim_thread *t;

	if (has(c->ops, READER_LOCKS))
		return;
	box = box_create(c, 0, false);
	reader.box = gone.box = box;
	gone.slot = 1;
	gone.n = 500 / SCALE;
	t = reclaim_register(box->r, ROLE_MUTATOR);
	box_replace(box, t, 0, thing_create(t, 4711));
	actor_start(&reader, reader_holds);
	wait_for(t, &reader.step, 1);
	box_replace(box, t, 0, NULL);
	reclaim_offline(t);
	actor_start(&gone, leaver);
	pthread_join(gone.thread, NULL);
	reclaim_online(t);
	assert_int_equal(box_n_retired(box), gone.n + 1);
	assert_true(heap_is_object(reclaim_heap(box->r), reader.held));
	advance(&reader.step, 2);
	wait_for(t, &reader.step, 3);
	assert_true(reader.is_whole);
	if (!has(c->ops, NEVER_FREES)) {
		assert_true(poll_until(box, t, 0));
		assert_int_equal(box_n_pending(box), 0);
	}
	advance(&reader.step, 4);
	pthread_join(reader.thread, NULL);
	reclaim_unregister(t);
	box_destroy(box);
}

static bool has_batch_of_objects(const struct reclaim_ops *ops)
{
	for (size_t i = 0; i < ops->n_options; i++)
		if (!strcmp(ops->options[i].name, "batch"))
			return !has(ops, BACKGROUND);
	return false;
}

/* A batch fills, however often its thread polls meanwhile: only one that retires nothing for a millisecond looks
 * before.  Tried again when this thread was kept from its processor for as long. */
static void test_batch_fills(void **state)
{
	enum { BATCH = 64, N_POLLS = 300, N_TRIES = 100 };
	struct strategy_case c = *(const struct strategy_case *)*state;
	uint64_t longest_ns = UINT64_MAX;
	struct reclaim_thread *t;
	struct box *box;

	if (!has_batch_of_objects(c.ops))
		return;
	snprintf(c.options + strlen(c.options), sizeof(c.options) - strlen(c.options), "%sbatch=%d",
		 c.options[0] ? "," : "", BATCH);
	box = box_create(&c, 0, false);
	t = reclaim_register(box->r, ROLE_MUTATOR);
	for (int i = 0; i < N_TRIES && longest_ns > 500000; i++) {
		assert_true(poll_until(box, t, 0));
		uint64_t last = clock_ticks(t->clock);

		longest_ns = 0;
		for (int k = 0; k < BATCH - 1; k++) {
			box_replace(box, t, 0, thing_create(t, 1));
			box_replace(box, t, 0, NULL);
			for (int n = 0; n < N_POLLS; n++)
				reclaim_poll(t);
			const uint64_t now = clock_ticks(t->clock);
			const uint64_t gap_ns = clock_delta_ns(t->clock, last, now);

			longest_ns = gap_ns > longest_ns ? gap_ns : longest_ns;
			last = now;
		}
		if (longest_ns <= 500000)
			assert_int_equal(box_n_limbo(box), BATCH - 1);
	}
	reclaim_unregister(t);
	box_destroy(box);
	if (longest_ns > 500000)
		skip();
}

/* What a thread leaves goes at the rate at which it would have freed it itself, amortized freeing included.  Polls
 * without a free count up to a number that a slow rate does not reach: the clock decides when a thread that is idle
 * looks for more that is safe. */
static void test_left_list_goes_at_the_rate(void **state)
{
	enum { MAX_GAP = 512 };
	const struct strategy_case *c = *state;
	struct actor gone = {0};
	struct reclaim_thread *t;
	struct box *box;
	const uint64_t end_ns = clock_monotonic_ns() + 60 * UINT64_C(1000000000);
	uint64_t n_polls = 0, gap = 0, before;

	if (has(c->ops, READER_LOCKS) || has(c->ops, NEVER_FREES) || has(c->ops, BACKGROUND))
		return;
	gone.box = box = box_create(c, 0, false);
	gone.slot = 1;
	gone.n = 4000 / SCALE;
	t = reclaim_register(box->r, ROLE_MUTATOR);
	reclaim_offline(t);
	actor_start(&gone, leaver);
	pthread_join(gone.thread, NULL);
	reclaim_online(t);
	for (before = box_n_limbo(box); before > 0 && clock_monotonic_ns() < end_ns;
	     before = box_n_limbo(box)) {
		box_enter(box, t);
		box_exit(box, t);
		reclaim_poll(t);
		gap = box_n_limbo(box) < before ? 0 : gap + 1;
		n_polls += gap <= MAX_GAP;
	}
	assert_int_equal(before, 0);
	if (n_polls > gone.n + 5000)
		fail_msg("%s: %lu polls for the %lu objects that a thread left", c->name, n_polls,
			 gone.n);
	reclaim_unregister(t);
	box_destroy(box);
}

/* What one stalled reader holds back: all that is retired, or a bounded part.  As the flag says. */
static void test_stall_is_as_flagged(void **state)
{
	const struct strategy_case *c = *state;
	const uint64_t n = 40000 / SCALE;
	struct box *box;
	struct actor a = {0};
	struct reclaim_thread *t;
	uint64_t limbo;

	if (has(c->ops, READER_LOCKS | NEVER_FREES))
		return;
	a.box = box = box_create(c, 0, false);
	t = reclaim_register(box->r, ROLE_MUTATOR);
	box_replace(box, t, 0, thing_create(t, 4711));
	actor_start(&a, reader_holds);
	wait_for(t, &a.step, 1);
	for (uint64_t i = 0; i < n; i++)
		box_churn(box, t, 1, i);
	/* Amortized freeing gets its time. */
	for (uint64_t i = 0; i < n; i++)
		reclaim_poll(t);
	limbo = box_n_limbo(box);
	print_message("           %lu retired beside a stalled reader, %lu held back\n", n, limbo);
	if (t->flags & STALL_UNBOUNDED) {
		if (limbo < n)
			fail_msg("%s: unbounded by its flag, but only %lu of %lu are held", c->name,
				 limbo, n);
	} else if (limbo > n / 4) {
		fail_msg("%s: bounded by its flag, but %lu of %lu are held", c->name, limbo, n);
	}
	advance(&a.step, 2);
	wait_for(t, &a.step, 3);
	assert_true(a.is_whole);
	advance(&a.step, 4);
	reclaim_offline(t);
	pthread_join(a.thread, NULL);
	reclaim_online(t);
	box_replace(box, t, 0, NULL);
	t->ops->drain(t);
	assert_int_equal(box_n_limbo(box), 0);
	reclaim_unregister(t);
	box_destroy(box);
}

/* Bytes in use, without those of the audit's registry, which remembers each address (SAN=audit). */
static size_t used_bytes(struct reclaim *r)
{
	/* What glibc takes for an entry. */
	const size_t entry_bytes = (sizeof(struct audit_object) + 8 + 15) / 16 * 16;
	struct audit_counts counts;

	audit_counts(r, &counts);
	return mallinfo2().uordblks - counts.n_addresses * entry_bytes;
}

/* Threads come and go: records are reused, nothing piles up. */
static void test_churn_leaks_no_records(void **state)
{
	const struct strategy_case *c = *state;
	const int rounds = 300 / SCALE;
	struct box *box = box_create(c, 4, false);
	struct actor a = {.box = box, .slot = 2, .n = 5};
	struct reclaim_thread *t = reclaim_register(box->r, ROLE_MUTATOR);
	size_t before = 0;

	reclaim_offline(t);
	for (int i = 0; i < rounds; i++) {
		actor_start(&a, leaver);
		pthread_join(a.thread, NULL);
		if (i == rounds / 3)
			before = used_bytes(box->r);
	}
	/* A record has some hundred bytes at least; one lost each round would make more than this. */
	assert_true(used_bytes(box->r) < before + 32768);
	reclaim_online(t);
	assert_int_equal(box_n_retired(box), (uint64_t)rounds * a.n);
	t->ops->drain(t);
	if (!has(c->ops, NEVER_FREES))
		assert_int_equal(box_n_limbo(box), 0);
	reclaim_unregister(t);
	box_destroy(box);
}

static const struct case_test tests[] = {
	{"options are checked", test_options_are_checked},
	{"too many threads are refused", test_too_many_threads_are_refused},
	{"frees everything", test_frees_everything},
	{"live objects stay", test_live_objects_stay},
	{"polling is enough", test_polling_is_enough},
	{"stamps are in order", test_stamps_are_in_order},
	{"two domains", test_two_domains},
	{"held object stays", test_held_object_stays},
	{"offline thread hands over", test_offline_thread_hands_over},
	{"leaving thread hands over", test_leaving_thread_hands_over},
	{"batch fills", test_batch_fills},
	{"left list goes at the rate", test_left_list_goes_at_the_rate},
	{"stall is as flagged", test_stall_is_as_flagged},
	{"churn leaks no records", test_churn_leaks_no_records},
};

int main(int argc, char **argv)
{
	return run_cases("contract", tests, sizeof(tests) / sizeof(tests[0]), argc, argv);
}
