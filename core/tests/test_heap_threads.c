/* SPDX-License-Identifier: MIT */
/* test_heap_threads.c - both heaps from several threads: freeing what others allocated, sweeping what
 * others allocate from, hooks. */
#include <pthread.h>
#include <sched.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "heap_span.h"

#ifdef RECLAIMBENCH_SANITIZED
#define N_STEPS 6000
#else
#define N_STEPS 60000
#endif
#define N_THREADS 4
#define N_BOXES 512

static uint64_t next_random(uint64_t *state)
{
	uint64_t z = *state += 0x9e3779b97f4a7c15u;

	z = (z ^ z >> 30) * 0xbf58476d1ce4e5b9u;
	z = (z ^ z >> 27) * 0x94d049bb133111ebu;
	return z ^ z >> 31;
}

/* The head of each object; the rest is filled with a byte derived from it. */
struct stamp {
	uint64_t seed;
	uint32_t bytes;
	uint32_t class;
};

static void stamp_write(struct stamp *s, uint64_t seed, size_t bytes, enum obj_class class)
{
	s->seed = seed;
	s->bytes = (uint32_t)bytes;
	s->class = class;
	memset(s + 1, (unsigned char)seed, bytes - sizeof(*s));
}

/* Not by assert: cmocka's do not work on other threads. */
static void stamp_check(const struct heap *h, const struct stamp *s)
{
	const unsigned char *p = (const unsigned char *)(s + 1);
	size_t i;

	if (heap_class(h, s) != (enum obj_class)s->class || heap_bytes(h, s) < s->bytes)
		abort();
	for (i = 0; i < s->bytes - sizeof(*s); i++)
		if (p[i] != (unsigned char)s->seed)
			abort();
}

/* ---------------------------------------------------------------- passing objects round */

struct exchange {
	struct heap *h;
	_Atomic(struct stamp *) boxes[N_BOXES];
	unsigned n_rounds;
};
struct worker {
	struct exchange *x;
	uint64_t random;
	pthread_t thread;
};

static void *exchange_run(void *arg)
{
	static const uint16_t sizes[] = {16, 32, 64, 144, 144, 144, 512, 3072, 8192, 40000};
	struct worker *w = arg;
	struct exchange *x = w->x;
	struct heap_cache *c = heap_cache_create(x->h);
	struct stamp *s;
	size_t bytes;
	uint64_t r;
	unsigned i;

	for (i = 0; i < N_STEPS; i++) {
		r = next_random(&w->random);
		bytes = sizes[r % 10] - (r / 10 % 16 == 0 && r % 10 > 0 ? 8 : 0);
		s = NULL;
		if (r >> 40 & 1) {
			s = heap_alloc(c, r >> 41 & 7 ? OBJ_VALUE : OBJ_BUCKET, bytes, false);
			if (!s)
				abort();
			stamp_write(s, r, bytes, r >> 41 & 7 ? OBJ_VALUE : OBJ_BUCKET);
		}
		/* Hands over what was written, takes over what another wrote. */
		/* pairs with the release of the same exchange by whoever put it there */
		s = xchg_acq_rel(&x->boxes[(r >> 20) % N_BOXES], s);
		if (s) {
			stamp_check(x->h, s);
			heap_free(c, s);
		}
		if (r >> 50 == 0)
			heap_cache_flush(c);
		if (r >> 50 == 1)
			heap_scavenge(x->h, 1 << 20);
	}
	heap_cache_destroy(c);
	return NULL;
}

static void count_visit(void *ctx, void *obj, enum obj_class class, size_t bytes,
			struct heap_stamps *stamps)
{
	(void)obj, (void)class, (void)bytes, (void)stamps;
	++*(unsigned *)ctx;
}

static void run_exchange(const struct heap_config *config)
{
	struct worker workers[N_THREADS];
	unsigned i, n_left = 0, n_visited = 0;
	static struct exchange x;
	struct heap_stats stats;
	struct heap_cache *c;
	struct stamp *s;

	assert_int_equal(heap_create(&x.h, config), 0);
	for (i = 0; i < N_THREADS; i++) {
		workers[i] = (struct worker){.x = &x, .random = i + 1};
		assert_int_equal(
			pthread_create(&workers[i].thread, NULL, exchange_run, &workers[i]), 0);
	}
	for (i = 0; i < N_THREADS; i++)
		pthread_join(workers[i].thread, NULL);
	for (i = 0; i < N_BOXES; i++)
		n_left += load_relaxed(&x.boxes[i]) != NULL; /* joined */
	heap_visit(x.h, count_visit, &n_visited);
	assert_int_equal(n_visited, n_left);
	c = heap_cache_create(x.h);
	for (i = 0; i < N_BOXES; i++) {
		s = load_relaxed(&x.boxes[i]);
		if (s) {
			stamp_check(x.h, s);
			heap_free(c, s);
		}
		store_relaxed(&x.boxes[i], NULL);
	}
	heap_cache_destroy(c);
	heap_stats(x.h, &stats);
	assert_int_equal(stats.in_use_bytes, 0);
	heap_destroy(x.h);
}

/* A thread that gives memory back never makes another fail, though there is just enough for one. */
struct squeeze {
	struct heap *h;
	_Atomic(bool) is_done;
};

static void *squeeze_run(void *arg)
{
	struct squeeze *q = arg;

	while (!load_acquire(&q->is_done)) /* pairs with test_scavenge_beside_alloc() */
		heap_scavenge(q->h, 1 << 20);
	return NULL;
}

static void test_scavenge_beside_alloc(void **state)
{
	struct heap_config config = {.kind = HEAP_SPAN,
				     .arena_bytes = 33 * HEAP_PAGE_BYTES,
				     .limit_bytes = 32 * HEAP_PAGE_BYTES};
	struct squeeze q = {0};
	struct heap_cache *c;
	pthread_t scavenger;
	unsigned i;
	void *obj;

	(void)state;
	assert_int_equal(heap_create(&q.h, &config), 0);
	c = heap_cache_create(q.h);
	assert_int_equal(pthread_create(&scavenger, NULL, squeeze_run, &q), 0);
	for (i = 0; i < N_STEPS / 4; i++) {
		obj = heap_alloc(c, OBJ_ARRAY, 32 * HEAP_PAGE_BYTES, false);
		assert_non_null(obj);
		*(volatile char *)obj = 1;
		heap_free(c, obj);
		sched_yield(); /* lets the scavenger find the free pages */
	}
	store_release(&q.is_done, true); /* pairs with squeeze_run() */
	pthread_join(scavenger, NULL);
	heap_cache_destroy(c);
	heap_destroy(q.h);
}

static void test_exchange(void **state)
{
	struct heap_config config = {.kind = HEAP_SPAN, .node_bytes = 32, .stamps = true};

	(void)state;
	run_exchange(&config);
	config.poison = true;
	config.arena_bytes = 256 << 20;
	run_exchange(&config);
	config = (struct heap_config){.kind = HEAP_MALLOC, .node_bytes = 32};
	run_exchange(&config);
}

/* ---------------------------------------------------------------- a sweeper beside the allocators */

/* Mutators mark objects dead in dead[0] and never free; a sweeper claims spans by their sweepgen and
 * frees what is dead.  A span's sweepgen here: FREE_TO_SWEEP, or held by the sweeper or by a release. */
enum { FREE_TO_SWEEP, HELD };

struct sweep {
	struct heap *h;
	_Atomic(uint32_t) n_running;
	_Atomic(uint64_t) n_created, n_released, n_cached, n_uncached, n_wanted;
	_Atomic(uint64_t) n_swept;
};

static _Thread_local bool is_sweeper;

static void hook_created(void *ctx, struct heap_span *s)
{
	struct sweep *w = ctx;

	add_relaxed(&w->n_created, 1);		    /* read after joins */
	store_release(&s->sweepgen, FREE_TO_SWEEP); /* pairs with span_try_hold() */
}

static bool span_try_hold(struct heap_span *s)
{
	uint32_t expected = FREE_TO_SWEEP;

	/* pairs with the release that gives the span back below */
	return cas_acq_rel(&s->sweepgen, &expected, HELD);
}

static void hook_released(void *ctx, struct heap_span *s)
{
	struct sweep *w = ctx;

	add_relaxed(&w->n_released, 1); /* read after joins */
	if (is_sweeper)
		return; /* in heap_span_free_bits(), of the span it holds */
	while (!span_try_hold(s))
		cpu_relax();
}

static void hook_cached(void *ctx, struct heap_span *s)
{
	struct sweep *w = ctx;

	if (!load_relaxed(&s->owner))
		abort();
	add_relaxed(&w->n_cached, 1); /* read after joins */
}

static void hook_uncached(void *ctx, struct heap_span *s)
{
	struct sweep *w = ctx;

	if (!load_relaxed(&s->owner))
		abort();
	add_relaxed(&w->n_uncached, 1); /* read after joins */
}

static void hook_want(void *ctx, struct heap_cache *c, size_t bytes)
{
	struct sweep *w = ctx;
	struct heap_span *s = heap_central_take(w->h, OBJ_VALUE, 6); /* 64 bytes */

	(void)c;
	if (bytes != HEAP_PAGE_BYTES)
		abort();
	add_relaxed(&w->n_wanted, 1); /* read after joins */
	if (s)
		heap_central_put(w->h, s);
}

static void sweep_span(struct sweep *w, struct heap_cache *c, struct heap_span *s)
{
	uint64_t dead[8];
	uint32_t k;

	for (k = 0; k < heap_span_n_words(s); k++) {
		dead[k] = xchg_acq_rel(&s->bits[k].dead[0], 0); /* pairs with mutate_run()'s or */
		add_relaxed(&w->n_swept, (uint64_t)__builtin_popcountll(dead[k]));
	}
	if (!heap_span_free_bits(c, s, dead))
		store_release(&s->sweepgen, FREE_TO_SWEEP); /* pairs with span_try_hold() */
}

static void sweep_all(struct sweep *w, struct heap_cache *c)
{
	struct heap_span *s;
	uint32_t i;

	for (i = 0; i < heap_n_spans(w->h); i++) {
		s = heap_span_at(w->h, i);
		if (s && span_try_hold(s))
			sweep_span(w, c, s);
	}
}

static void *sweep_run(void *arg)
{
	struct sweep *w = arg;
	struct heap_cache *c = heap_cache_create(w->h);

	is_sweeper = true;
	while (load_acquire(&w->n_running)) /* pairs with mutate_run()'s sub */
		sweep_all(w, c);
	sweep_all(w, c);
	heap_cache_destroy(c);
	return NULL;
}

struct mutator {
	struct sweep *w;
	uint64_t random;
	pthread_t thread;
};

static void *mutate_run(void *arg)
{
	struct mutator *m = arg;
	struct heap_cache *c = heap_cache_create(m->w->h);
	struct stamp *objs[300] = {NULL};
	struct heap_span *s;
	uint32_t i, k, n;
	uint64_t r;

	for (n = 0; n < N_STEPS + 300; n++) {
		r = next_random(&m->random);
		i = n < N_STEPS ? (uint32_t)(r % 300) : n - N_STEPS;
		if (objs[i]) {
			stamp_check(m->w->h, objs[i]);
			s = heap_span_of(m->w->h, objs[i]);
			k = heap_span_index(s, objs[i]);
			/* release: pairs with sweep_span() */
			or_acq_rel(&s->bits[k / 64].dead[0], 1ull << k % 64);
		}
		objs[i] = n < N_STEPS ? heap_alloc(c, OBJ_VALUE, 64, r >> 32 & 1) : NULL;
		if (objs[i])
			stamp_write(objs[i], r, 64, OBJ_VALUE);
		if (r >> 52 == 0)
			heap_cache_flush(c);
	}
	heap_cache_destroy(c);
	sub_acq_rel(&m->w->n_running, 1); /* release: pairs with sweep_run() */
	return NULL;
}

static void test_sweeper(void **state)
{
	struct heap_config config = {.kind = HEAP_SPAN, .stamps = true};
	static struct sweep w;
	struct heap_hooks hooks = {.want_span = hook_want,
				   .span_cached = hook_cached,
				   .span_uncached = hook_uncached,
				   .span_created = hook_created,
				   .span_released = hook_released,
				   .ctx = &w};
	struct mutator mutators[2] = {{.w = &w, .random = 1}, {.w = &w, .random = 2}};
	struct heap_stats stats;
	unsigned i, n_visited = 0;
	pthread_t sweeper;

	(void)state;
	assert_int_equal(heap_create(&w.h, &config), 0);
	heap_set_hooks(w.h, &hooks);
	store_relaxed(&w.n_running, 2); /* no thread yet */
	assert_int_equal(pthread_create(&sweeper, NULL, sweep_run, &w), 0);
	for (i = 0; i < 2; i++)
		assert_int_equal(
			pthread_create(&mutators[i].thread, NULL, mutate_run, &mutators[i]), 0);
	for (i = 0; i < 2; i++)
		pthread_join(mutators[i].thread, NULL);
	pthread_join(sweeper, NULL);
	heap_visit(w.h, count_visit, &n_visited);
	assert_int_equal(n_visited, 0);
	assert_int_equal(load_relaxed(&w.n_swept), 2 * N_STEPS);
	heap_stats(w.h, &stats);
	assert_int_equal(stats.in_use_bytes, 0);
	assert_int_equal(load_relaxed(&w.n_created) - load_relaxed(&w.n_released), stats.n_spans);
	assert_int_equal(load_relaxed(&w.n_cached), load_relaxed(&w.n_uncached));
	assert_true(load_relaxed(&w.n_wanted) > 0);
	assert_true(load_relaxed(&w.n_cached) >= load_relaxed(&w.n_created));
	heap_destroy(w.h);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_exchange),
		cmocka_unit_test(test_scavenge_beside_alloc),
		cmocka_unit_test(test_sweeper),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
