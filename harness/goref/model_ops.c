/* SPDX-License-Identifier: MIT */
/* model_ops.c - the three scenarios of the reference, operation by operation; see model.h and main.go. */
#include <errno.h>
#include <stdlib.h>

#include "goref/model.h"

enum {
	MODEL_GROWTHS_MAX = 1 << 20,
	MODEL_SMALL_B = 9, /* old arrays up to this one are rebuilt at once ... */
	MODEL_IDLE_MIN =
		2000, /* ... larger ones after so many operations, and up to as many more */
	MODEL_DROP_PERIOD = 1000, /* operations between two dropped maps */
	MODEL_DROP_SMALL =
		4096, /* unthrottled: maps up to this size are dropped every 8th operation */
};

unsigned model_old_b(uint64_t n_keys)
{
	unsigned b = 0;

	while (n_keys > HMAP_N_CELLS && n_keys > model_threshold(b))
		b++;
	return b ? b - 1 : 0;
}

/* Go's load factor of 6.5 is 13/2 in integers. */
uint64_t model_threshold(unsigned b)
{
	return 13 * ((UINT64_C(1) << b) / 2);
}

void model_garbage(struct model *m)
{
	if (m->config->garbage_bytes)
		reclaim_garbage(m->t, m->config->garbage_bytes);
}

static void model_insert(struct model *m, struct hmap *map, uint64_t key)
{
	reclaim_enter(m->t);
	if (hmap_insert(map, m->t, key, 1) == HMAP_NO_MEMORY)
		m->error = -ENOMEM;
	reclaim_exit(m->t);
}

/* A map made with a hint, holding so many random keys. */
static struct hmap *model_fill(struct model *m, uint64_t n)
{
	const struct hmap_config config = {
		.mode = HMAP_PLAIN, .unlink = HMAP_UNLINK_GO, .seed = rng_next(&m->rng), .hint = n};
	struct hmap *map = NULL;

	m->error = hmap_create(&map, m->r, m->t, &config);
	for (uint64_t i = 0; i < n && m->error == 0; i++) {
		model_insert(m, map, rng_next(&m->rng));
		reclaim_poll(m->t);
	}
	return map;
}

/* ---------------------------------------------------------------- value_delete */

static void model_add_key(struct model *m, uint64_t i)
{
	m->keys[i] = rng_next(&m->rng);
	model_insert(m, m->map, m->keys[i]);
}

bool model_delete_key(struct model *m, uint64_t i)
{
	bool was_there;

	reclaim_enter(m->t);
	was_there = hmap_delete(m->map, m->t, m->keys[i]);
	reclaim_exit(m->t);
	return was_there;
}

static void model_value_delete(struct model *m)
{
	const uint64_t i = rng_below(&m->rng, m->config->n_keys);

	model_delete_key(m, i);
	model_add_key(m, i);
	model_garbage(m);
}

static int model_prepare_values(struct model *m)
{
	const struct hmap_config config = {.mode = HMAP_PAYLOAD,
					   .unlink = HMAP_UNLINK_GO,
					   .value_bytes = MODEL_VALUE_BYTES,
					   .seed = rng_next(&m->rng)};

	m->keys = malloc(m->config->n_keys * sizeof(*m->keys));
	if (!m->keys)
		return -ENOMEM;
	m->error = hmap_create(&m->map, m->r, m->t, &config);
	for (uint64_t i = 0; i < m->config->n_keys && m->error == 0; i++) {
		model_add_key(m, i);
		reclaim_poll(m->t);
	}
	return m->error;
}

/* ---------------------------------------------------------------- oldbuckets */

/* A map one insert short of its growth, in place of the one before. */
static void model_fresh(struct model *m)
{
	struct hmap *before = m->map;

	m->map = model_fill(m, model_threshold(model_old_b(m->config->n_keys)));
	m->is_growing = false;
	m->n_writes = 0;
	if (before)
		hmap_destroy(before, m->t);
}

static void model_growth_ended(struct model *m)
{
	struct model_growths *g = &m->growths;

	if (g->n < g->max) {
		g->ns[g->n] =
			clock_delta_ns(m->clock, m->growth_begin_ticks, clock_ticks(m->clock));
		g->writes[g->n++] = m->n_writes;
	}
	/* The burst that builds a large map may start a collection: it is kept away from the death just
	 * seen, as the reference does. */
	if (model_old_b(m->config->n_keys) > MODEL_SMALL_B && m->config->garbage_bytes)
		m->n_idle = MODEL_IDLE_MIN + rng_below(&m->rng, MODEL_IDLE_MIN);
	else
		model_fresh(m);
}

static void model_oldbuckets(struct model *m)
{
	struct hmap_state state;

	model_garbage(m);
	if (m->n_idle > 0) {
		if (--m->n_idle == 0)
			model_fresh(m);
		return;
	}
	model_insert(m, m->map, rng_next(&m->rng));
	m->n_writes++;
	hmap_state(m->map, m->t, &state);
	if (!m->is_growing && state.is_growing) {
		m->is_growing = true;
		m->growth_begin_ticks = clock_ticks(m->clock);
		m->n_writes = 1;
	} else if (m->is_growing && !state.is_growing) {
		model_growth_ended(m);
	}
}

static int model_prepare_growth(struct model *m)
{
	struct model_growths *g = &m->growths;

	g->max = MODEL_GROWTHS_MAX;
	g->ns = malloc(g->max * sizeof(*g->ns));
	g->writes = malloc(g->max * sizeof(*g->writes));
	if (!g->ns || !g->writes)
		return -ENOMEM;
	model_fresh(m);
	return m->error;
}

/* ---------------------------------------------------------------- map_drop */

static void model_map_drop(struct model *m)
{
	const uint64_t n = m->n_ops;

	model_garbage(m);
	if (n % m->period == 0) {
		m->next_map = model_fill(m, m->config->n_keys);
		m->drop_at = n;
		if (m->config->rate_per_s)
			m->drop_at += rng_below(&m->rng, m->period);
	}
	if (n == m->drop_at && m->error == 0) {
		hmap_destroy(m->map, m->t);
		m->map = m->next_map;
		m->next_map = NULL;
	}
}

static int model_prepare_drop(struct model *m)
{
	m->period = MODEL_DROP_PERIOD;
	if (m->config->rate_per_s == 0)
		m->period = m->config->n_keys <= MODEL_DROP_SMALL ? 8 : 1;
	m->map = model_fill(m, m->config->n_keys);
	return m->error;
}

/* ---------------------------------------------------------------- which */

int model_prepare(struct model *m)
{
	static int (*const prepare[])(struct model *) = {model_prepare_values, model_prepare_growth,
							 model_prepare_drop};

	return prepare[m->config->scenario](m);
}

void model_scenario_op(struct model *m)
{
	static void (*const op[])(struct model *) = {model_value_delete, model_oldbuckets,
						     model_map_drop};

	op[m->config->scenario](m);
}

void model_op(struct model *m)
{
	if (m->config->op)
		m->config->op(m);
	else
		model_scenario_op(m);
}
