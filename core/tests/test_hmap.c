/* SPDX-License-Identifier: MIT */
/* test_hmap.c - the map against a plain model, alone and with several threads, under every strategy of the table. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "hmap.h"
#include "registry.h"
#include "run/verify_go.h"

#ifdef RECLAIMBENCH_SANITIZED
#define N_MODEL_OPS 12000u
#define N_THREAD_OPS 8000u
#else
#define N_MODEL_OPS 60000u
#define N_THREAD_OPS 60000u
#endif
#define N_KEYS 3000u

static struct clock test_clock;

static uint64_t next_random(uint64_t *state)
{
	uint64_t z = (*state += UINT64_C(0x9e3779b97f4a7c15));

	z = (z ^ (z >> 30)) * UINT64_C(0xbf58476d1ce4e5b9);
	z = (z ^ (z >> 27)) * UINT64_C(0x94d049bb133111eb);
	return z ^ (z >> 31);
}

struct variant {
	const struct reclaim_ops *ops;
	enum hmap_mode mode;
	enum hmap_unlink unlink;
	enum heap_kind heap;
};

static struct reclaim *make_domain(const struct variant *v, uint64_t fail_at)
{
	struct reclaim_config config = {
		.ops = v->ops, .clock = &test_clock, .tracking = true, .max_threads = 16};
	char message[256] = "";
	struct reclaim *r = NULL;

	config.heap.kind = v->heap;
	config.heap.poison = true;
	config.heap.fail_at = fail_at;
	if (reclaim_create(&r, &config, message, sizeof(message)) && !fail_at)
		fail_msg("%s", message);
	return r; /* NULL: the heap itself could not be had, as asked for */
}

static struct hmap *make_map(struct reclaim *r, struct reclaim_thread *t, const struct variant *v)
{
	const struct hmap_config config = {
		.mode = v->mode, .unlink = v->unlink, .value_bytes = 64, .seed = 42};
	struct hmap *m = NULL;

	assert_int_equal(hmap_create(&m, r, t, &config), 0);
	return m;
}

/* Get, in a section of its own, with the payload followed. */
static bool get_value(struct hmap *m, struct reclaim_thread *t, const struct variant *v,
		      uint64_t key, uint64_t *value)
{
	bool found;

	reclaim_enter(t);
	found = hmap_get(m, t, key, value);
	if (found && v->mode == HMAP_PAYLOAD)
		*value = *(uint64_t *)*value;
	reclaim_exit(t);
	return found;
}
static enum hmap_result put(struct hmap *m, struct reclaim_thread *t, uint64_t key, uint64_t value)
{
	enum hmap_result result;

	reclaim_enter(t);
	result = hmap_insert(m, t, key, value);
	reclaim_exit(t);
	reclaim_poll(t);
	return result;
}
static bool del(struct hmap *m, struct reclaim_thread *t, uint64_t key)
{
	bool found;

	reclaim_enter(t);
	found = hmap_delete(m, t, key);
	reclaim_exit(t);
	reclaim_poll(t);
	return found;
}

struct range_sum {
	const struct variant *v;
	const uint64_t *model;
	uint64_t n, n_wrong;
};
static bool range_check(void *ctx, uint64_t key, uint64_t value)
{
	struct range_sum *s = ctx;

	if (s->v->mode == HMAP_PAYLOAD)
		value = *(uint64_t *)value;
	s->n++;
	s->n_wrong += key >= N_KEYS || s->model[key] != value;
	return true;
}

static void check_against_model(struct hmap *m, struct reclaim_thread *t, const struct variant *v,
				const uint64_t *model, uint64_t n_live)
{
	struct range_sum sum = {.v = v, .model = model};
	char message[256];

	if (hmap_validate(m, message, sizeof(message)) || hmap_count(m) != n_live)
		fail_msg("%s, mode %d, unlink %d, heap %d: %llu entries, %llu expected; %s",
			 v->ops->name, v->mode, v->unlink, v->heap,
			 (unsigned long long)hmap_count(m), (unsigned long long)n_live, message);
	for (uint64_t k = 0; k < N_KEYS; k++) {
		uint64_t value = 0;
		const bool found = get_value(m, t, v, k, &value);

		assert_int_equal(found, model[k] != 0);
		if (found)
			assert_int_equal(value, model[k]);
	}
	reclaim_enter(t);
	hmap_range(m, t, range_check, &sum);
	reclaim_exit(t);
	assert_int_equal(sum.n, n_live);
	assert_int_equal(sum.n_wrong, 0);
}

static void conservation(struct reclaim *r, const struct variant *v)
{
	struct reclaim_totals totals;

	reclaim_totals(r, &totals);
	for (int k = 0; k < OBJ_N_CLASSES; k++) {
		assert_int_equal(totals.n_allocated[k], totals.n_retired[k]);
		if (!(v->ops->flags & NEVER_FREES)) {
			assert_int_equal(totals.n_freed[k], totals.n_retired[k]);
			assert_int_equal(totals.freed_bytes[k], totals.allocated_bytes[k]);
		}
	}
}

/* Phases: mostly inserts, mostly deletes, mixed; so that the map grows, empties and grows at the same size. */
static void run_model(const struct variant *v, uint64_t seed)
{
	struct reclaim *r = make_domain(v, 0);
	struct reclaim_thread *t = reclaim_register(r, ROLE_MUTATOR);
	struct hmap *m = make_map(r, t, v);
	uint64_t *model = calloc(N_KEYS, sizeof(*model));
	uint64_t n_live = 0;

	struct hmap_state before;

	reclaim_enter(t);
	hmap_state(m, t, &before);
	reclaim_exit(t);
	assert_false(before.has_array);
	assert_null(t->map_lock);
	for (uint64_t i = 0; i < N_MODEL_OPS; i++) {
		const uint64_t phase = i * 6 / N_MODEL_OPS;
		const uint64_t n_keys = phase == 5 ? 40 : N_KEYS;
		const uint64_t key = next_random(&seed) % n_keys;
		const uint64_t insert_of_8 = phase % 2 ? 2 : 5;

		if (next_random(&seed) % 8 < insert_of_8) {
			const enum hmap_result result = put(m, t, key, i + 1);

			assert_int_equal(result, model[key] ? HMAP_REPLACED : HMAP_INSERTED);
			n_live += !model[key];
			model[key] = i + 1;
		} else {
			assert_int_equal(del(m, t, key), model[key] != 0);
			n_live -= model[key] != 0;
			model[key] = 0;
		}
		if (i % (N_MODEL_OPS / 12) == 0)
			check_against_model(m, t, v, model, n_live);
	}
	check_against_model(m, t, v, model, n_live);
	if (v->mode == HMAP_PLAIN)
		assert_true(hmap_clear(m, t));
	for (uint64_t k = 0; k < N_KEYS; k++)
		if (v->mode == HMAP_PAYLOAD)
			del(m, t, k);
	assert_int_equal(hmap_count(m), 0);
	hmap_state(
		m, t,
		&before); /* quiet, outside a section: it must not hold back what is retired from here on */
	hmap_destroy(m, t);
	reclaim_ops(r)->drain(t);
	conservation(r, v);
	reclaim_unregister(t);
	reclaim_destroy(r);
	free(model);
}

/* ---------------------------------------------------------------- several threads */

#define N_THREADS 4u
struct shared {
	struct reclaim *r;
	struct hmap *m;
	const struct variant *v;
	_Atomic(uint64_t) n_wrong;
	uint64_t n_keys;
};
struct worker {
	struct shared *s;
	unsigned id;
	uint64_t *model; /* of its own keys, those with key % N_THREADS == id */
};

/* A value tells its key: (key << 32 | sequence). */
static void worker_read(struct worker *w, struct reclaim_thread *t, uint64_t key)
{
	uint64_t value;

	if (get_value(w->s->m, t, w->s->v, key, &value) && value >> 32 != key)
		add_relaxed(&w->s->n_wrong, 1);
}

static void *worker_main(void *arg)
{
	struct worker *w = arg;
	struct reclaim_thread *t = reclaim_register(w->s->r, ROLE_MUTATOR);
	uint64_t seed = w->id + 1000;

	for (uint64_t i = 1; i <= N_THREAD_OPS; i++) {
		const uint64_t any = next_random(&seed) % w->s->n_keys;
		const uint64_t own = any - any % N_THREADS + w->id;
		const uint64_t value = own << 32 | (i & 0xffffffff);

		switch (next_random(&seed) % 4) {
		case 0:
			if (put(w->s->m, t, own, value) !=
			    (w->model[own] ? HMAP_REPLACED : HMAP_INSERTED))
				add_relaxed(&w->s->n_wrong, 1);
			w->model[own] = value;
			break;
		case 1:
			if (del(w->s->m, t, own) != (w->model[own] != 0))
				add_relaxed(&w->s->n_wrong, 1);
			w->model[own] = 0;
			break;
		default:
			worker_read(w, t, any);
			reclaim_poll(t);
		}
		if (i % 4000 == 0) { /* come and go */
			reclaim_unregister(t);
			t = reclaim_register(w->s->r, ROLE_MUTATOR);
		}
	}
	reclaim_unregister(t);
	return NULL;
}

static void run_threads(const struct variant *v, uint64_t n_keys)
{
	struct reclaim *r = make_domain(v, 0);
	struct reclaim_thread *t = reclaim_register(r, ROLE_MUTATOR);
	struct shared s = {.r = r, .m = make_map(r, t, v), .v = v, .n_keys = n_keys};
	struct worker workers[N_THREADS];
	pthread_t threads[N_THREADS];
	uint64_t n_live = 0;
	char message[256];

	reclaim_offline(t);
	for (unsigned i = 0; i < N_THREADS; i++) {
		workers[i] = (struct worker){&s, i, calloc(n_keys + N_THREADS, sizeof(uint64_t))};
		pthread_create(&threads[i], NULL, worker_main, &workers[i]);
	}
	for (unsigned i = 0; i < N_THREADS; i++)
		pthread_join(threads[i], NULL);
	reclaim_online(t);
	assert_int_equal(load_relaxed(&s.n_wrong), 0);
	for (uint64_t k = 0; k < n_keys; k++) {
		const uint64_t expected = workers[k % N_THREADS].model[k];
		uint64_t value = 0;
		const bool found = get_value(s.m, t, v, k, &value);

		assert_int_equal(found, expected != 0);
		if (found)
			assert_int_equal(value, expected);
		n_live += expected != 0;
	}
	assert_int_equal(hmap_count(s.m), n_live);
	if (hmap_validate(s.m, message, sizeof(message)))
		fail_msg("%s: %s", v->ops->name, message);
	hmap_destroy(s.m, t);
	reclaim_ops(r)->drain(t);
	conservation(r, v);
	reclaim_unregister(t);
	reclaim_destroy(r);
	for (unsigned i = 0; i < N_THREADS; i++)
		free(workers[i].model);
}

/* ---------------------------------------------------------------- the tests */

static void for_each_variant(void (*fn)(const struct variant *v, uint64_t arg), uint64_t arg)
{
	for (size_t i = 0; reclaim_strategies[i]; i++)
		for (int k = 0; k < 8; k++) {
			const struct variant v = {reclaim_strategies[i],
						  k & 1 ? HMAP_PAYLOAD : HMAP_PLAIN,
						  k & 2 ? HMAP_UNLINK_EMPTY : HMAP_UNLINK_GO,
						  k & 4 ? HEAP_MALLOC : HEAP_SPAN};

			if (v.heap == HEAP_MALLOC && (v.ops->flags & NEEDS_SPAN_HEAP))
				continue;
			fn(&v, arg);
		}
}

static void test_model(void **state)
{
	(void)state;
	for_each_variant(run_model, 7);
}
/* Few keys: cells are reused all the time. */
static void test_threads_few_keys(void **state)
{
	(void)state;
	for_each_variant(run_threads, 64);
}
static void test_threads_growing(void **state)
{
	(void)state;
	for_each_variant(run_threads, 20000);
}

/* Out of memory at the k-th allocation: nothing changes, nothing is lost, and it goes on afterwards. */
static void run_no_memory(const struct variant *v, uint64_t k)
{
	struct reclaim *r = make_domain(v, k);
	struct reclaim_thread *t = r ? reclaim_register(r, ROLE_MUTATOR) : NULL;
	uint64_t *model = calloc(N_KEYS, sizeof(*model));
	uint64_t n_live = 0, seed = k;
	struct hmap *m;

	if (!t) { /* the registration itself was refused */
		if (r)
			reclaim_destroy(r);
		free(model);
		return;
	}
	m = make_map(r, t, v);
	for (uint64_t i = 1; i <= 600; i++) {
		const uint64_t key = next_random(&seed) % 400;

		if (next_random(&seed) % 4) {
			if (put(m, t, key, i) != HMAP_NO_MEMORY) {
				n_live += !model[key];
				model[key] = i;
			}
		} else {
			assert_int_equal(del(m, t, key), model[key] != 0);
			n_live -= model[key] != 0;
			model[key] = 0;
		}
	}
	check_against_model(m, t, v, model, n_live);
	hmap_destroy(m, t);
	reclaim_ops(r)->drain(t);
	conservation(r, v);
	reclaim_unregister(t);
	reclaim_destroy(r);
	free(model);
}
static void test_no_memory(void **state)
{
	(void)state;
	/* Which allocation it hits differs between strategies: together they cover more than each. */
	for (uint64_t k = 1; k < 700; k += k < 60 ? 3 : 67)
		for_each_variant(run_no_memory, k);
	for (uint64_t k = 1; k < 200; k++)
		for (int payload = 0; payload < 2; payload++) {
			const struct variant v = {reclaim_strategy_find("immediate"),
						  payload ? HMAP_PAYLOAD : HMAP_PLAIN,
						  HMAP_UNLINK_EMPTY, HEAP_SPAN};

			run_no_memory(&v, k);
		}
}

static void run_get_batch(const struct variant *v)
{
	struct reclaim *r = make_domain(v, 0);
	struct reclaim_thread *t = reclaim_register(r, ROLE_MUTATOR);
	struct hmap *m = make_map(r, t, v);
	uint64_t keys[HMAP_BATCH_MAX], values[HMAP_BATCH_MAX];
	bool found[HMAP_BATCH_MAX];

	assert_int_equal(hmap_get_batch(m, t, keys, 0, values, found), 0);
	for (uint64_t i = 0; i < 1000; i += 2)
		put(m, t, i, i * 3 + 1);
	for (uint64_t base = 0; base < 1000; base += HMAP_BATCH_MAX) {
		unsigned n_found = 0;

		for (unsigned i = 0; i < HMAP_BATCH_MAX; i++)
			keys[i] = base + i;
		reclaim_enter(t);
		n_found = hmap_get_batch(m, t, keys, HMAP_BATCH_MAX, values, found);
		for (unsigned i = 0; i < HMAP_BATCH_MAX; i++) {
			assert_int_equal(found[i], keys[i] < 1000 && keys[i] % 2 == 0);
			n_found -= found[i];
			if (!found[i])
				continue;
			if (v->mode == HMAP_PLAIN)
				assert_int_equal(values[i], keys[i] * 3 + 1);
			else if (reclaim_flags(r) & (NEEDS_PROTECT | READER_LOCKS))
				assert_int_equal(values[i], 0); /* not to be looked at: not told */
			else
				assert_int_equal(*(uint64_t *)values[i], keys[i] * 3 + 1);
		}
		reclaim_exit(t);
		assert_int_equal(n_found, 0);
	}
	hmap_destroy(m, t);
	reclaim_unregister(t);
	reclaim_destroy(r);
}

static void test_get_batch(void **state)
{
	(void)state;
	for (size_t i = 0; i < reclaim_n_strategies; i++)
		for (int payload = 0; payload < 2; payload++) {
			const struct variant v = {reclaim_strategies[i],
						  payload ? HMAP_PAYLOAD : HMAP_PLAIN,
						  HMAP_UNLINK_GO, HEAP_SPAN};

			run_get_batch(&v);
		}
}

/* From HMAP_N_FAR buckets on, a lookup takes another way: it must give the same answers. */
static void test_far(void **state)
{
	(void)state;
	for (int payload = 0; payload < 2; payload++) {
		const struct variant v = {reclaim_strategy_find("leak"),
					  payload ? HMAP_PAYLOAD : HMAP_PLAIN, HMAP_UNLINK_GO,
					  HEAP_SPAN};
		const struct hmap_config config = {
			.mode = v.mode, .value_bytes = 64, .hint = 1 << 19, .seed = 7};
		struct reclaim *r = make_domain(&v, 0);
		struct reclaim_thread *t = reclaim_register(r, ROLE_MUTATOR);
		struct hmap_state at;
		uint64_t value;
		struct hmap *m;

		assert_int_equal(hmap_create(&m, r, t, &config), 0);
		for (uint64_t i = 0; i < 2000; i += 2)
			put(m, t, i, i * 3 + 1);
		hmap_state(m, t, &at);
		assert_true(at.b >= 16);
		for (uint64_t i = 0; i < 2000; i++) {
			assert_int_equal(get_value(m, t, &v, i, &value), i % 2 == 0);
			if (i % 2 == 0)
				assert_int_equal(value, i * 3 + 1);
		}
		for (uint64_t i = 0; i < 2000; i += 4)
			assert_true(del(m, t, i));
		for (uint64_t i = 0; i < 2000; i++)
			assert_int_equal(get_value(m, t, &v, i, &value), i % 4 == 2);
		hmap_destroy(m, t);
		reclaim_unregister(t);
		reclaim_destroy(r);
	}
}

/* What lies in the old array of a growth is dropped too; an empty map stays as it is. */
static void test_clear_while_growing(void **state)
{
	const struct variant v = {reclaim_strategy_find("immediate"), HMAP_PAYLOAD,
				  HMAP_UNLINK_EMPTY, HEAP_SPAN};
	struct reclaim *r = make_domain(&v, 0);
	struct reclaim_thread *t = reclaim_register(r, ROLE_MUTATOR);
	struct hmap *m = make_map(r, t, &v);
	struct hmap_state at = {0};
	struct reclaim_totals totals;
	uint64_t n = 0, value;

	(void)state;
	assert_true(hmap_clear(m, t));
	while (!(at.is_growing && at.b >= 5)) {
		put(m, t, n++, 1);
		hmap_state(m, t, &at);
	}
	assert_true(hmap_clear(m, t));
	hmap_state(m, t, &at);
	assert_false(at.is_growing);
	assert_int_equal(hmap_count(m), 0);
	for (uint64_t i = 0; i < n; i++)
		assert_false(get_value(m, t, &v, i, &value));
	reclaim_totals(r, &totals);
	assert_int_equal(totals.n_allocated[OBJ_VALUE], n);
	assert_int_equal(totals.n_freed[OBJ_VALUE], n);
	for (uint64_t i = 0; i < 2 * n; i++)
		assert_int_equal(put(m, t, i, i), HMAP_INSERTED);
	for (uint64_t i = 0; i < 2 * n; i++)
		assert_true(get_value(m, t, &v, i, &value) && value == i);
	hmap_destroy(m, t);
	reclaim_unregister(t);
	reclaim_destroy(r);
}

/* Two threads in turn from an empty map: each sees only its own count, and the table must grow all the same. */
static void test_lagging_count(void **state)
{
	const struct variant v = {reclaim_strategy_find("leak"), HMAP_PLAIN, HMAP_UNLINK_GO,
				  HEAP_SPAN};
	struct reclaim *r = make_domain(&v, 0);
	struct reclaim_thread *t[2] = {reclaim_register(r, ROLE_MUTATOR),
				       reclaim_register(r, ROLE_MUTATOR)};
	struct hmap *m = make_map(r, t[0], &v);
	struct hmap_state s;

	(void)state;
	for (uint64_t key = 0; key < 1000; key++)
		assert_int_equal(put(m, t[key % 2], key, key + 1), HMAP_INSERTED);
	hmap_state(m, t[0], &s);
	assert_int_equal(s.count, 1000);
	assert_in_range(s.b, 7, 8); /* Go: 8; the count lags by 32 at most */
	hmap_destroy(m, t[0]);
	reclaim_unregister(t[0]);
	reclaim_unregister(t[1]);
	reclaim_destroy(r);
}

/* ---------------------------------------------------------------- interleavings */

struct visitor_at_last {
	struct reclaim *r;
	struct hmap *m;
	unsigned n_visits;
};

static void *visitor_main(void *arg)
{
	struct visitor_at_last *visitor = arg;
	struct reclaim_thread *t = reclaim_register(visitor->r, ROLE_MUTATOR);

	for (uint64_t key = 1000; key < 1005; key++)
		assert_int_equal(put(visitor->m, t, key, key), HMAP_INSERTED);
	reclaim_unregister(t);
	visitor->n_visits++;
	return NULL;
}

static void visitor_comes_and_goes(void *ctx, void *bucket)
{
	pthread_t thread;

	(void)bucket;
	assert_int_equal(pthread_create(&thread, NULL, visitor_main, ctx), 0);
	pthread_join(thread, NULL);
}

/* A thread that was alone when its delete began empties the map; before it redraws the seed, another comes, inserts
 * and leaves.  What that one left must still be found. */
static void test_visitor_before_new_seed(void **state)
{
	const struct variant v = {reclaim_strategy_find("leak"), HMAP_PLAIN, HMAP_UNLINK_EMPTY,
				  HEAP_SPAN};
	struct reclaim *r = make_domain(&v, 0);
	struct reclaim_thread *t = reclaim_register(r, ROLE_MUTATOR);
	struct visitor_at_last visitor = {.r = r};
	/* Called between the last entry's removal and the new seed: the overflow bucket it was in goes. */
	const struct hmap_hooks hooks = {.ctx = &visitor, .bucket_retired = visitor_comes_and_goes};
	const struct hmap_config config = {.unlink = v.unlink, .seed = 42, .hooks = &hooks};
	uint64_t keys[9], n = 0, value;

	(void)state;
	/* Nine keys of one bucket of two: the ninth goes to an overflow bucket. */
	for (uint64_t key = 0; n < 9; key++)
		if (!(hmap_hash_default(key, config.seed) & 1))
			keys[n++] = key;
	assert_int_equal(hmap_create(&visitor.m, r, t, &config), 0);
	for (unsigned i = 0; i < 9; i++)
		assert_int_equal(put(visitor.m, t, keys[i], i + 1), HMAP_INSERTED);
	del(visitor.m, t, 12345); /* helps the growth to its end */
	assert_int_equal(hmap_count_overflow(visitor.m), 1);
	for (unsigned i = 0; i < 9; i++)
		assert_true(del(visitor.m, t, keys[i]));
	assert_int_equal(visitor.n_visits, 1);
	for (uint64_t key = 1000; key < 1005; key++)
		assert_true(get_value(visitor.m, t, &v, key, &value));
	assert_int_equal(hmap_count(visitor.m), 5);
	hmap_destroy(visitor.m, t);
	reclaim_unregister(t);
	reclaim_destroy(r);
}

/* Walks of a map that grows under them: an entry that is there all the time is shown, and nothing is looked at
 * after it was freed (poison, sanitizers). */
#define N_WALKED 4u
#define N_WALKS 20u

struct walk {
	struct reclaim *r;
	struct hmap *m;
	uint64_t seen; /* bit: key */
};

static bool walk_entry(void *ctx, uint64_t key, uint64_t value)
{
	struct walk *w = ctx;

	assert_int_equal(value, key + 1);
	if (key < N_WALKED)
		w->seen |= UINT64_C(1) << key;
	return true;
}

static void *walk_grow(void *arg)
{
	struct walk *w = arg;
	struct reclaim_thread *t = reclaim_register(w->r, ROLE_MUTATOR);

	for (uint64_t key = N_WALKED; key < 1500; key++)
		assert_int_equal(put(w->m, t, key, key + 1), HMAP_INSERTED);
	reclaim_unregister(t);
	return NULL;
}

static void run_walk(const struct variant *v, uint64_t n_walks)
{
	struct reclaim *r = make_domain(v, 0);
	struct reclaim_thread *t = reclaim_register(r, ROLE_MUTATOR);

	for (uint64_t i = 0; v->mode == HMAP_PLAIN && i < n_walks; i++) {
		struct walk w = {.r = r, .m = make_map(r, t, v)};
		pthread_t thread;

		for (uint64_t key = 0; key < N_WALKED; key++)
			put(w.m, t, key, key + 1);
		assert_int_equal(pthread_create(&thread, NULL, walk_grow, &w), 0);
		while (hmap_count(w.m) < 1500) {
			w.seen = 0;
			reclaim_enter(t);
			hmap_range(w.m, t, walk_entry, &w);
			reclaim_exit(t);
			reclaim_poll(t);
			assert_int_equal(w.seen, (UINT64_C(1) << N_WALKED) - 1);
		}
		reclaim_offline(t);
		pthread_join(thread, NULL);
		reclaim_online(t);
		hmap_destroy(w.m, t);
		reclaim_poll(t);
	}
	reclaim_unregister(t);
	reclaim_destroy(r);
}

static void test_walk_while_growing(void **state)
{
	const struct variant locked = {reclaim_strategy_find("immediate"), HMAP_PLAIN,
				       HMAP_UNLINK_EMPTY, HEAP_SPAN};

	(void)state;
	for_each_variant(run_walk, 1);
	run_walk(&locked, N_WALKS);
}

/* Payloads of sizes of their own: every byte of them is there, and counted until it is freed. */
static void test_sized(void **state)
{
	const struct variant v = {reclaim_strategy_find("immediate"), HMAP_PAYLOAD, HMAP_UNLINK_GO,
				  HEAP_SPAN};
	struct reclaim *r = make_domain(&v, 0);
	struct reclaim_thread *t = reclaim_register(r, ROLE_MUTATOR);
	struct hmap *m = make_map(r, t, &v);
	struct reclaim_totals totals;
	uint64_t bytes = 0, live_bytes = 0;

	(void)state;
	for (uint64_t i = 0; i < 400;
	     i++) { /* the second half overwrites: other sizes than before */
		const size_t size = 8 + (size_t)(i * 37 % 9001);
		uint64_t payload;

		reclaim_enter(t);
		assert_int_equal(hmap_insert_sized(m, t, i % 200, i, size),
				 i < 200 ? HMAP_INSERTED : HMAP_REPLACED);
		assert_true(hmap_get(m, t, i % 200, &payload));
		assert_int_equal(*(uint64_t *)payload, i);
		memset((char *)payload + 8, 0x5a, size - 8);
		reclaim_exit(t);
		bytes += heap_alloc_bytes(reclaim_heap(r), OBJ_VALUE, size);
		if (i >= 200)
			live_bytes += heap_alloc_bytes(reclaim_heap(r), OBJ_VALUE, size);
	}
	reclaim_totals(r, &totals);
	assert_int_equal(totals.allocated_bytes[OBJ_VALUE], bytes);
	assert_int_equal(totals.freed_bytes[OBJ_VALUE], bytes - live_bytes);
	for (uint64_t i = 0; i < 200; i++)
		assert_true(del(m, t, i));
	reclaim_totals(r, &totals);
	assert_int_equal(totals.freed_bytes[OBJ_VALUE], bytes);
	hmap_destroy(m, t);
	reclaim_unregister(t);
	reclaim_destroy(r);
}

static void test_golden(void **state)
{
	struct verify_go_result result;
	char message[256];

	(void)state;
	assert_int_equal(verify_go("core/tests/golden.txt.gz", &result, message, sizeof(message)),
			 0);
	assert_string_equal(result.difference, "");
	assert_int_equal(result.n_agreed, 8000);
	assert_int_equal(result.n_operations, 8000);
	assert_true(result.n_growths > 10);
}

/* What a tracing strategy sees of a whole map: through its root, and an array in chunks. */
struct seen {
	struct heap *heap;
	uint64_t n_objects, n_payloads, n_visited;
	void *array;
	uint64_t n_buckets;
};
static void seen_object(void *ctx, void *object)
{
	struct seen *s = ctx;

	assert_true(heap_is_object(s->heap, object));
	s->n_objects++;
	s->n_payloads += heap_class(s->heap, object) == OBJ_VALUE;
}
static bool seen_array(void *ctx, void *array, uint64_t n_buckets, bool is_old)
{
	struct seen *s = ctx;

	if (!is_old) {
		s->array = array;
		s->n_buckets = n_buckets;
	}
	return false;
}
static void seen_payload(void *ctx, void *payload, uint8_t tophash)
{
	(void)tophash;
	seen_object(ctx, payload);
}
static bool seen_three(void *ctx, uint64_t key, uint64_t value)
{
	struct seen *s = ctx;

	(void)key;
	(void)value;
	return ++s->n_visited < 3;
}

static void test_roots_chunks_and_clear(void **state)
{
	const struct variant v = {.ops = reclaim_strategy_find("leak"), .mode = HMAP_PAYLOAD};
	struct reclaim *r = make_domain(&v, 0);
	struct reclaim_thread *t = reclaim_register(r, ROLE_MUTATOR);
	struct hmap *m = make_map(r, t, &v);
	struct seen root = {.heap = reclaim_heap(r)}, chunks = root;
	const struct hmap_visitor find = {.ctx = &chunks, .array = seen_array};
	const struct hmap_visitor look = {.ctx = &chunks, .payload = seen_payload};
	uint64_t n_keys = 0, value;
	struct hmap_state now;

	(void)state;
	do {
		put(m, t, n_keys++, 1);
		hmap_state(m, t, &now);
	} while (n_keys < 500 || now.is_growing);
	reclaim_trace_roots(r, t, seen_object, &root);
	/* Beside the payloads, the table and its array at least. */
	assert_int_equal(root.n_payloads, n_keys);
	assert_true(root.n_objects >= n_keys + 2);
	hmap_trace(m, t, &find);
	for (uint64_t from = 0; from < chunks.n_buckets; from += 7)
		hmap_trace_array(m, chunks.array, from, from + 7, false, &look);
	assert_int_equal(chunks.n_payloads, n_keys);
	hmap_trace_array(m, &chunks, 0, 8, false, &look); /* no array of this map: nothing */
	assert_int_equal(chunks.n_payloads, n_keys);
	reclaim_enter(t);
	hmap_range(m, t, seen_three, &chunks);
	reclaim_exit(t);
	assert_int_equal(chunks.n_visited, 3);
	assert_true(hmap_clear(m, t));
	assert_int_equal(hmap_count(m), 0);
	for (uint64_t k = 0; k < n_keys; k++)
		assert_false(get_value(m, t, &v, k, &value));
	assert_int_equal(put(m, t, 3, 9), HMAP_INSERTED);
	assert_true(get_value(m, t, &v, 3, &value) && value == 9);
	hmap_destroy(m, t);
	reclaim_unregister(t);
	reclaim_destroy(r);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_golden),
		cmocka_unit_test(test_model),
		cmocka_unit_test(test_lagging_count),
		cmocka_unit_test(test_visitor_before_new_seed),
		cmocka_unit_test(test_walk_while_growing),
		cmocka_unit_test(test_sized),
		cmocka_unit_test(test_roots_chunks_and_clear),
		cmocka_unit_test(test_get_batch),
		cmocka_unit_test(test_far),
		cmocka_unit_test(test_clear_while_growing),
		cmocka_unit_test(test_no_memory),
		cmocka_unit_test(test_threads_few_keys),
		cmocka_unit_test(test_threads_growing),
	};

	clock_init(&test_clock, false);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
