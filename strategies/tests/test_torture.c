/* SPDX-License-Identifier: MIT */
/* test_torture.c - readers, writers and threads that come and go, on every strategy that is listed, with its
 * defaults and with each choice of its options; first on a bare array of references, then on the map.
 *
 * As rcutorture does, readers note the age of what they hold: an object is live, then unlinked, then freed
 * (poisoned by the heap), then used again.  A reader inside its section may see the first two ages; the others are
 * the bug that all this is about.  At the end everything is accounted for to the byte. */
#include "box.h"
#include "hmap.h"

enum { AGE_LIVE, AGE_UNLINKED, AGE_FREED, AGE_REUSED, N_AGES };

/* Small, seeded, each thread its own. */
static uint64_t draw(uint64_t *state)
{
	*state ^= *state << 13;
	*state ^= *state >> 7;
	*state ^= *state << 17;
	return *state;
}

#define N_READERS 2
#define N_WRITERS 2
#define N_OPS (40000 / SCALE)

struct torture {
	struct box *box;
	struct hmap *map;
	_Atomic(int) n_writing; /* writers that are not done */
	pthread_mutex_t lock;	/* ages */
	uint64_t ages[N_AGES];
};

static bool torture_is_written(struct torture *torture)
{
	/* acquire: pairs with each writer's subtraction when it ends */
	return load_acquire(&torture->n_writing) > 0;
}

struct worker {
	struct torture *torture;
	uint64_t seed;
	unsigned index;
	pthread_t thread;
	uint64_t ages[N_AGES];
	uint64_t n_errors;
	uint64_t *
		expected; /* writers on the map: what each of this thread's keys holds; 0: absent */
};

static void worker_report(struct worker *w)
{
	pthread_mutex_lock(&w->torture->lock);
	for (int i = 0; i < N_AGES; i++)
		w->torture->ages[i] += w->ages[i];
	pthread_mutex_unlock(&w->torture->lock);
}

static void workers_run(struct worker *workers, unsigned n, void *(*writer)(void *),
			void *(*reader)(void *), void *(*visitor)(void *))
{
	for (unsigned i = 0; i < n; i++) {
		void *(*function)(void *) = i < N_WRITERS ? writer : i + 1 < n ? reader : visitor;

		workers[i].index = i;
		workers[i].seed = UINT64_C(0x9e3779b97f4a7c15) * (i + 1);
		assert_int_equal(pthread_create(&workers[i].thread, NULL, function, &workers[i]),
				 0);
	}
	for (unsigned i = 0; i < n; i++)
		pthread_join(workers[i].thread, NULL);
}

static void expect_ages(const struct strategy_case *c, const struct torture *torture)
{
	print_message("           ages seen: live %lu, unlinked %lu, freed %lu, reused %lu\n",
		      torture->ages[AGE_LIVE], torture->ages[AGE_UNLINKED],
		      torture->ages[AGE_FREED], torture->ages[AGE_REUSED]);
	if (torture->ages[AGE_FREED] + torture->ages[AGE_REUSED])
		fail_msg("%s: readers held %lu freed and %lu reused objects", c->name,
			 torture->ages[AGE_FREED], torture->ages[AGE_REUSED]);
	assert_true(torture->ages[AGE_LIVE] > 0);
}

/* Allocated = freed + what is still referred to, in objects and bytes. */
static void expect_conservation(const struct strategy_case *c, struct box *box)
{
	struct reclaim_totals totals;

	reclaim_totals(box->r, &totals);
	for (int k = 0; k < OBJ_N_CLASSES; k++) {
		if (has(c->ops, NEVER_FREES)) {
			assert_int_equal(totals.n_freed[k], 0);
			assert_int_equal(totals.retired_bytes[k], totals.allocated_bytes[k]);
			continue;
		}
		if (totals.n_freed[k] != totals.n_allocated[k] ||
		    totals.freed_bytes[k] != totals.allocated_bytes[k])
			fail_msg("%s: class %s: %lu allocated, %lu retired, %lu freed; %lu bytes, "
				 "%lu freed",
				 c->name, obj_class_names[k], totals.n_allocated[k],
				 totals.n_retired[k], totals.n_freed[k], totals.allocated_bytes[k],
				 totals.freed_bytes[k]);
	}
}

/* ---------------------------------------------------------------- on a bare array */

static void box_replace_marking(struct box *box, struct reclaim_thread *t, int i,
				struct thing *thing)
{
	struct thing *old;

	box_enter(box, t);
	if (t->flags & NEEDS_BARRIER)
		t->ops->write_barrier(t, load_relaxed(&box->slots[i]), thing);
	/* pairs with itself: whoever takes a thing sees it as it was put */
	old = xchg_acq_rel(&box->slots[i], thing);
	if (old) {
		store_relaxed(&old->age, AGE_UNLINKED);
		reclaim_retire(t, old, false);
	}
	box_exit(box, t);
}

static void *box_writer(void *arg)
{
	struct worker *w = arg;
	struct box *box = w->torture->box;
	struct reclaim_thread *t = reclaim_register(box->r, ROLE_MUTATOR);

	for (int i = 0; i < N_OPS; i++) {
		const uint64_t r = draw(&w->seed);
		struct thing *thing = r % 8 ? thing_create(t, r | 1) : NULL;

		box_replace_marking(box, t, (int)((r >> 32) % BOX_SLOTS), thing);
		reclaim_poll(t);
		if (r % 128 == 0) {
			reclaim_offline(t);
			sched_yield();
			reclaim_online(t);
		}
	}
	/* pairs with the acquire of n_writing */
	sub_acq_rel(&w->torture->n_writing, 1);
	reclaim_unregister(t);
	return NULL;
}

static void box_look(struct worker *w, struct thing *thing, uint64_t word)
{
	const uint64_t now = load_relaxed(&thing->word);

	if (!thing_is_whole(thing))
		w->ages[AGE_FREED]++;
	else if (now != word)
		w->ages[AGE_REUSED]++;
	else
		w->ages[load_relaxed(&thing->age) == AGE_UNLINKED ? AGE_UNLINKED : AGE_LIVE]++;
}

/* One section: two objects held at once, looked at again after a while. */
static void box_read(struct worker *w, struct reclaim_thread *t)
{
	struct box *box = w->torture->box;
	const uint64_t r = draw(&w->seed);
	struct thing *a, *b;
	uint64_t word_a = 0, word_b = 0;

	box_enter(box, t);
	a = box_get(box, t, (int)((r >> 32) % BOX_SLOTS), 0);
	if (a)
		word_a = load_relaxed(&a->word);
	b = box_get(box, t, (int)((r >> 40) % BOX_SLOTS), 1);
	if (b)
		word_b = load_relaxed(&b->word);
	if (r % 32 == 0)
		sched_yield();
	if (a)
		box_look(w, a, word_a);
	if (b)
		box_look(w, b, word_b);
	box_exit(box, t);
}

static void *box_reader(void *arg)
{
	struct worker *w = arg;
	struct reclaim_thread *t = reclaim_register(w->torture->box->r, ROLE_READER);

	do {
		box_read(w, t);
		reclaim_poll(t);
	} while (torture_is_written(
		w->torture)); /* acquire: pairs with the subtraction of each writer that ends */
	reclaim_unregister(t);
	worker_report(w);
	return NULL;
}

/* Comes and goes. */
static void *box_visitor(void *arg)
{
	struct worker *w = arg;
	struct box *box = w->torture->box;

	do {
		struct reclaim_thread *t = reclaim_register(box->r, ROLE_MUTATOR);

		for (int i = 0; i < 40; i++) {
			box_replace_marking(box, t, i % BOX_SLOTS,
					    thing_create(t, draw(&w->seed) | 1));
			box_read(w, t);
			if (i % 4 == 0)
				reclaim_poll(t);
		}
		reclaim_unregister(t);
	} while (torture_is_written(
		w->torture)); /* acquire: pairs with the subtraction of each writer that ends */
	worker_report(w);
	return NULL;
}

static void test_array(void **state)
{
	const struct strategy_case *c = *state;
	struct torture torture = {.box = box_create(c, 0, false)};
	struct worker workers[N_WRITERS + N_READERS + 1] = {{0}};
	struct reclaim_thread *t;

	pthread_mutex_init(&torture.lock, NULL);
	store_relaxed(&torture.n_writing, N_WRITERS);
	for (unsigned i = 0; i < N_WRITERS + N_READERS + 1; i++)
		workers[i].torture = &torture;
	workers_run(workers, N_WRITERS + N_READERS + 1, box_writer, box_reader, box_visitor);
	t = reclaim_register(torture.box->r, ROLE_MUTATOR);
	for (int i = 0; i < BOX_SLOTS; i++)
		box_replace_marking(torture.box, t, i, NULL);
	t->ops->drain(t);
	expect_ages(c, &torture);
	expect_conservation(c, torture.box);
	assert_int_equal(box_n_pending(torture.box),
			 has(c->ops, NEVER_FREES) ? box_n_retired(torture.box) : 0);
	reclaim_unregister(t);
	box_destroy(torture.box);
	pthread_mutex_destroy(&torture.lock);
}

/* ---------------------------------------------------------------- on the map */

#define KEYS_PER_WRITER (1500 / SCALE)

/* A payload's first word: key, sequence number and a check of both. */
static uint64_t map_word(uint64_t key, uint64_t sequence)
{
	const uint64_t body = key << 40 | (sequence & 0xffffff) << 16;

	return body | ((body * UINT64_C(0x9e3779b97f4a7c15)) >> 48);
}
static bool map_word_is_whole(uint64_t word, uint64_t key)
{
	return word >> 40 == key && word == map_word(key, word >> 16 & 0xffffff);
}

/* Writers own the keys that are their index modulo N_WRITERS.  In waves, so that the table grows, empties its
 * overflow buckets and fills them again. */
static void *map_writer(void *arg)
{
	struct worker *w = arg;
	struct reclaim_thread *t = reclaim_register(w->torture->box->r, ROLE_MUTATOR);

	for (uint64_t i = 1; i <= N_OPS; i++) {
		const uint64_t r = draw(&w->seed);
		const uint64_t own = (r >> 20) % KEYS_PER_WRITER, key = own * N_WRITERS + w->index;
		const bool wave_inserts = (i / (N_OPS / 6)) % 2 == 0;
		const bool was_there = w->expected[own] != 0;

		reclaim_enter(t);
		if ((r % 8 != 0) == wave_inserts) {
			const enum hmap_result got =
				hmap_insert(w->torture->map, t, key, map_word(key, i));

			w->n_errors += got != (was_there ? HMAP_REPLACED : HMAP_INSERTED);
			w->expected[own] = map_word(key, i);
		} else {
			w->n_errors += hmap_delete(w->torture->map, t, key) != was_there;
			w->expected[own] = 0;
		}
		reclaim_exit(t);
		reclaim_poll(t);
		if (r % 64 == 0)
			sched_yield(); /* fewer processors than threads: let the readers look */
	}
	sub_acq_rel(&w->torture->n_writing, 1);
	reclaim_unregister(t);
	return NULL;
}

static void map_read(struct worker *w, struct reclaim_thread *t)
{
	const uint64_t r = draw(&w->seed), key = (r >> 20) % (KEYS_PER_WRITER * N_WRITERS);
	uint64_t address;

	reclaim_enter(t);
	if (hmap_get(w->torture->map, t, key, &address)) {
		const volatile uint64_t *payload = (const uint64_t *)(uintptr_t)address;
		const uint64_t first = *payload;
		uint64_t second;

		if (r % 32 == 0 && !(t->flags & READER_LOCKS))
			sched_yield();
		second = *payload;
		if (!map_word_is_whole(second, key))
			w->ages[map_word_is_whole(second, second >> 40) ? AGE_REUSED : AGE_FREED]++;
		else
			w->ages[first == second ? AGE_LIVE : AGE_REUSED]++;
	}
	reclaim_exit(t);
}

static void *map_reader(void *arg)
{
	struct worker *w = arg;
	struct reclaim_thread *t = reclaim_register(w->torture->box->r, ROLE_READER);

	do {
		map_read(w, t);
		reclaim_poll(t);
	} while (torture_is_written(
		w->torture)); /* acquire: pairs with the subtraction of each writer that ends */
	reclaim_unregister(t);
	worker_report(w);
	return NULL;
}

static void *map_visitor(void *arg)
{
	struct worker *w = arg;

	do {
		struct reclaim_thread *t = reclaim_register(w->torture->box->r, ROLE_READER);

		for (int i = 0; i < 100; i++) {
			map_read(w, t);
			reclaim_poll(t);
		}
		reclaim_offline(t);
		sched_yield();
		reclaim_online(t);
		reclaim_unregister(t);
	} while (torture_is_written(
		w->torture)); /* acquire: pairs with the subtraction of each writer that ends */
	worker_report(w);
	return NULL;
}

static void expect_contents(const struct worker *w, struct hmap *map, struct reclaim_thread *t)
{
	assert_int_equal(w->n_errors, 0);
	for (uint64_t own = 0; own < KEYS_PER_WRITER; own++) {
		const uint64_t key = own * N_WRITERS + w->index;
		uint64_t address;

		reclaim_enter(t);
		if (hmap_get(map, t, key, &address) != (w->expected[own] != 0))
			fail_msg("key %lu: should be %s", key,
				 w->expected[own] ? "there" : "absent");
		if (w->expected[own])
			assert_int_equal(*(const uint64_t *)(uintptr_t)address, w->expected[own]);
		reclaim_exit(t);
	}
}

static void torture_map(const struct strategy_case *c, enum hmap_unlink unlink)
{
	struct torture torture = {.box = box_create(c, 0, false)};
	struct worker workers[N_WRITERS + N_READERS + 1] = {{0}};
	struct reclaim_thread *t = reclaim_register(torture.box->r, ROLE_MUTATOR);
	const struct hmap_config config = {
		.mode = HMAP_PAYLOAD, .unlink = unlink, .value_bytes = 32, .seed = 1};
	char message[256] = "";

	pthread_mutex_init(&torture.lock, NULL);
	store_relaxed(&torture.n_writing, N_WRITERS);
	assert_int_equal(hmap_create(&torture.map, torture.box->r, t, &config), 0);
	reclaim_offline(t);
	for (unsigned i = 0; i < N_WRITERS + N_READERS + 1; i++) {
		workers[i].torture = &torture;
		workers[i].expected = calloc(KEYS_PER_WRITER, sizeof(uint64_t));
		assert_non_null(workers[i].expected);
	}
	workers_run(workers, N_WRITERS + N_READERS + 1, map_writer, map_reader, map_visitor);
	reclaim_online(t);
	for (unsigned i = 0; i < N_WRITERS; i++)
		expect_contents(&workers[i], torture.map, t);
	if (hmap_validate(torture.map, message, sizeof(message)))
		fail_msg("%s: %s", c->name, message);
	hmap_destroy(torture.map, t);
	t->ops->drain(t);
	expect_ages(c, &torture);
	expect_conservation(c, torture.box);
	reclaim_unregister(t);
	box_destroy(torture.box);
	for (unsigned i = 0; i < N_WRITERS + N_READERS + 1; i++)
		free(workers[i].expected);
	pthread_mutex_destroy(&torture.lock);
}

static void test_map_unlink_go(void **state)
{
	torture_map(*state, HMAP_UNLINK_GO);
}

static void test_map_unlink_empty(void **state)
{
	torture_map(*state, HMAP_UNLINK_EMPTY);
}

static const struct case_test tests[] = {
	{"array", test_array},
	{"map, unlink=go", test_map_unlink_go},
	{"map, unlink=empty", test_map_unlink_empty},
};

int main(int argc, char **argv)
{
	return run_cases("torture", tests, sizeof(tests) / sizeof(tests[0]), argc, argv);
}
