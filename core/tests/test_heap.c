/* SPDX-License-Identifier: MIT */
/* test_heap.c - both heaps against a model, from one thread: sizes, contents, notes, bulk free. */
#include <errno.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "heap_span.h"

#ifdef RECLAIMBENCH_SANITIZED
#define N_STEPS 20000
#else
#define N_STEPS 200000
#endif
#define N_SLOTS 2000

static uint64_t next_random(uint64_t *state)
{
	uint64_t z = *state += 0x9e3779b97f4a7c15u;

	z = (z ^ z >> 30) * 0xbf58476d1ce4e5b9u;
	z = (z ^ z >> 27) * 0x94d049bb133111ebu;
	return z ^ z >> 31;
}

/* What the model knows of an object. */
struct slot {
	unsigned char *obj;
	size_t bytes;
	enum obj_class class;
	unsigned char fill;
};

struct model {
	struct heap *h;
	struct heap_cache *c;
	struct slot slots[N_SLOTS];
	size_t n_visited;
	size_t n_live;
	uint64_t random;
};

static size_t random_bytes(uint64_t *random)
{
	uint64_t r = next_random(random);

	switch (r % 16) {
	case 0:
		return 1025 + r / 16 % 31744;
	case 1:
		return r / 16 % 32 ? 145 + r / 512 % 880 : 32768 + r / 512 % 300000;
	default:
		return 1 + r / 16 % 400;
	}
}

static void check_filled(const struct slot *s)
{
	size_t i;

	for (i = 0; i < s->bytes; i++)
		assert_int_equal(s->obj[i], s->fill);
}

static void model_alloc(struct model *m, struct slot *s)
{
	uint64_t r = next_random(&m->random);
	bool zero = r & 1;
	size_t i, offset;

	s->bytes = random_bytes(&m->random);
	s->class = (enum obj_class)(r / 2 % OBJ_N_CLASSES);
	s->fill = (unsigned char)(r >> 32);
	s->obj = heap_alloc(m->c, s->class, s->bytes, zero);
	assert_non_null(s->obj);
	assert_int_equal((uintptr_t)s->obj % (s->class == OBJ_ARRAY ? 64 : 16), 0);
	for (i = 0; zero && i < s->bytes; i++)
		assert_int_equal(s->obj[i], 0);
	memset(s->obj, s->fill, s->bytes);
	m->n_live++;

	assert_int_equal(heap_class(m->h, s->obj), s->class);
	assert_int_equal(heap_alloc_bytes(m->h, s->class, s->bytes), heap_bytes(m->h, s->obj));
	if (heap_kind(m->h) == HEAP_MALLOC || s->class == OBJ_ARRAY || s->bytes > 32768)
		assert_int_equal(heap_bytes(m->h, s->obj), s->bytes);
	else
		assert_in_range(heap_bytes(m->h, s->obj), heap_round_up(s->bytes),
				heap_round_up(s->bytes) + 8);
	offset = (uintptr_t)s->obj - heap_packing(m->h).base;
	assert_true(offset >> 4 > 0);
	assert_int_equal((offset >> 4) >> (64 - heap_packing(m->h).shift), 0);
}

static void check_notes(struct model *m, struct slot *s)
{
	struct heap_stamps *stamps = heap_stamps(m->h, s->obj);
	uint64_t *node = heap_node(m->h, s->obj);

	assert_int_equal((uintptr_t)node % 16, 0);
	assert_ptr_equal(heap_node_object(m->h, node), s->obj);
	if (stamps->dead_ticks == 0) {
		/* not seen before: both are zero, and kept from here on */
		assert_int_equal(stamps->retired_ticks, 0);
		assert_int_equal(node[0] | node[1] | node[2] | node[3] | node[4] | node[5], 0);
		stamps->dead_ticks = (uintptr_t)s->obj;
		node[0] = node[5] = (uintptr_t)s->obj + s->fill;
	}
	assert_int_equal(stamps->dead_ticks, (uintptr_t)s->obj);
	assert_int_equal(node[0], (uintptr_t)s->obj + s->fill);
	assert_int_equal(node[5], (uintptr_t)s->obj + s->fill);
}

static void model_free(struct model *m, struct slot *s)
{
	check_filled(s);
	heap_free(m->c, s->obj);
	s->obj = NULL;
	m->n_live--;
}

static void count_visit(void *ctx, void *obj, enum obj_class class, size_t bytes,
			struct heap_stamps *stamps)
{
	struct model *m = ctx;

	assert_int_equal(heap_class(m->h, obj), class);
	assert_int_equal(heap_bytes(m->h, obj), bytes);
	assert_ptr_equal(stamps, heap_stamps(m->h, obj));
	m->n_visited++;
}

static void check_visit(struct model *m)
{
	m->n_visited = 0;
	heap_visit(m->h, count_visit, m);
	assert_int_equal(m->n_visited, m->n_live);
}

static void model_begin(struct model *m, const struct heap_config *config)
{
	memset(m, 0, sizeof(*m));
	m->random = 7;
	assert_int_equal(heap_create(&m->h, config), 0);
	m->c = heap_cache_create(m->h);
	assert_non_null(m->c);
}

static void model_end(struct model *m)
{
	heap_cache_destroy(m->c);
	heap_destroy(m->h);
}

/* Objects keep what was written to them, so they do not overlap; and what was noted beside them. */
static void run_model(const struct heap_config *config)
{
	static struct model m;
	struct slot *s;
	unsigned i;

	model_begin(&m, config);
	for (i = 0; i < N_STEPS; i++) {
		s = &m.slots[next_random(&m.random) % N_SLOTS];
		if (!s->obj) {
			model_alloc(&m, s);
		} else if (next_random(&m.random) % 4) {
			model_free(&m, s);
		} else {
			check_notes(&m, s);
		}
		if (i % 5000 == 0) {
			heap_cache_flush(m.c);
			check_visit(&m);
		}
		if (i % 7000 == 0)
			heap_scavenge(m.h, 1 << 20);
	}
	check_visit(&m);
	for (i = 0; i < N_SLOTS; i++)
		if (m.slots[i].obj)
			model_free(&m, &m.slots[i]);
	check_visit(&m);
	model_end(&m);
}

static void test_model_span(void **state)
{
	struct heap_config config = {.kind = HEAP_SPAN, .node_bytes = 48, .stamps = true};

	(void)state;
	run_model(&config);
	config.poison = true;
	config.arena_bytes = 1 << 30;
	run_model(&config);
	config = (struct heap_config){
		.node_bytes = 48, .stamps = true, .huge_pages = true, .arena_bytes = 1 << 30};
	run_model(&config);
}

static void test_model_malloc(void **state)
{
	struct heap_config config = {.kind = HEAP_MALLOC, .node_bytes = 48, .stamps = true};

	(void)state;
	run_model(&config);
	config.poison = true;
	run_model(&config);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_model_span),
		cmocka_unit_test(test_model_malloc),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
