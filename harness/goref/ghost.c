/* SPDX-License-Identifier: MIT */
/* ghost.c - see ghost.h. */
#include "goref/ghost.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "goref/model.h"
#include "registry.h"

struct ghost {
	struct reclaim *r;
	struct reclaim_thread *t;
	struct hmap *map;
	struct rng rng;
	uint64_t *keys; /* of the entries */
	unsigned old_b;
	uint64_t n;
	int error; /* of an insert */
};

static void ghost_fini(struct ghost *g)
{
	if (g->map)
		hmap_destroy(g->map, g->t);
	if (g->t) {
		reclaim_ops(g->r)->drain(g->t);
		reclaim_unregister(g->t);
	}
	if (g->r)
		reclaim_destroy(g->r);
	free(g->keys);
}

static void ghost_insert(struct ghost *g, struct hmap *map, uint64_t key)
{
	reclaim_enter(g->t);
	if (hmap_insert(map, g->t, key, key) == HMAP_NO_MEMORY)
		g->error = -ENOMEM;
	reclaim_exit(g->t);
	reclaim_poll(g->t);
}

static bool ghost_delete(struct ghost *g, uint64_t key)
{
	bool was_there;

	reclaim_enter(g->t);
	was_there = hmap_delete(g->map, g->t, key);
	reclaim_exit(g->t);
	reclaim_poll(g->t);
	return was_there;
}

static int ghost_map(struct ghost *g, struct hmap **map, enum hmap_mode mode)
{
	const struct hmap_config config = {.mode = mode,
					   .unlink = HMAP_UNLINK_GO,
					   .value_bytes =
						   mode == HMAP_PAYLOAD ? MODEL_VALUE_BYTES : 0,
					   .seed = rng_next(&g->rng),
					   .hint = g->n};

	return hmap_create(map, g->r, g->t, &config);
}

/* A full map, one insert short of its growth. */
static int ghost_init(struct ghost *g, uint64_t n_keys, enum hmap_mode mode, uint64_t seed,
		      const struct clock *clock, char *message, size_t message_size)
{
	const struct reclaim_config rc = {.ops = reclaim_strategy_find("go"),
					  .options = "gogc=off",
					  .heap = {.kind = HEAP_SPAN},
					  .clock = clock,
					  .tracking = true};
	int error;

	memset(g, 0, sizeof(*g));
	snprintf(message, message_size, "out of memory for %llu keys", (unsigned long long)n_keys);
	rng_seed(&g->rng, seed, n_keys, mode);
	g->old_b = model_old_b(n_keys);
	g->n = model_threshold(g->old_b);
	g->keys = malloc(g->n * sizeof(*g->keys));
	if (!g->keys)
		return -ENOMEM;
	error = reclaim_create(&g->r, &rc, message, message_size);
	if (error)
		return error;
	g->t = reclaim_register(g->r, ROLE_MUTATOR);
	if (!g->t)
		return -errno;
	error = ghost_map(g, &g->map, mode);
	for (uint64_t i = 0; i < g->n && !error; i++) {
		g->keys[i] = rng_next(&g->rng);
		ghost_insert(g, g->map, g->keys[i]);
		error = g->error;
	}
	return error;
}

static void ghost_collect(struct ghost *g, unsigned n)
{
	for (unsigned i = 0; i < n; i++)
		reclaim_ops(g->r)->collect(g->t);
}

static uint64_t ghost_held_bytes(struct ghost *g)
{
	struct reclaim_totals totals;
	uint64_t bytes = 0;

	ghost_collect(g, 2);
	reclaim_totals(g->r, &totals);
	for (unsigned i = 0; i < OBJ_N_CLASSES; i++)
		bytes += totals.allocated_bytes[i] - totals.freed_bytes[i];
	return bytes;
}

static bool ghost_is_growing(struct ghost *g)
{
	struct hmap_state state;

	hmap_state(g->map, g->t, &state);
	return state.is_growing;
}

/* Deletes of absent keys until the growth has ended. */
static uint64_t ghost_end_growth(struct ghost *g)
{
	uint64_t n = 0;

	for (; ghost_is_growing(g); n++)
		ghost_delete(g, rng_next(&g->rng));
	return n;
}

static void ghost_read_all(struct ghost *g)
{
	uint64_t value;

	for (uint64_t i = 0; i < g->n; i++) {
		reclaim_enter(g->t);
		(void)hmap_get(g->map, g->t, g->keys[i], &value);
		reclaim_exit(g->t);
		reclaim_poll(g->t);
	}
}

/* The cure: the same entries in a new map. */
static int ghost_rebuild(struct ghost *g)
{
	struct hmap *rebuilt = NULL;
	int error = ghost_map(g, &rebuilt, HMAP_PLAIN);

	for (uint64_t i = 0; i < g->n && !error; i++) {
		ghost_insert(g, rebuilt, g->keys[i]);
		error = g->error;
	}
	hmap_destroy(g->map, g->t);
	g->map = rebuilt;
	return error;
}

static int ghost_stopped(struct ghost *g, struct ghost_result *out)
{
	out->old_b = g->old_b;
	out->before_bytes = ghost_held_bytes(g);
	ghost_insert(g, g->map, rng_next(&g->rng));
	out->n_entries = g->n + 1;
	if (g->error || !ghost_is_growing(g))
		return g->error ? g->error : -EPROTO;
	ghost_collect(g, 8);
	out->stopped_bytes = ghost_held_bytes(g);
	ghost_read_all(g);
	out->read_bytes = ghost_held_bytes(g);
	return 0;
}

int ghost_measure(struct ghost_result *out, uint64_t n_keys, uint64_t seed,
		  const struct clock *clock, char *message, size_t message_size)
{
	struct ghost g;
	int error = ghost_init(&g, n_keys, HMAP_PLAIN, seed, clock, message, message_size);

	memset(out, 0, sizeof(*out));
	if (!error)
		error = ghost_stopped(&g, out);
	if (!error) {
		out->n_writes = 1 + ghost_end_growth(&g);
		out->ended_bytes = ghost_held_bytes(&g);
	}
	ghost_fini(&g);
	if (error)
		return error;
	error = ghost_init(&g, n_keys, HMAP_PLAIN, seed, clock, message, message_size);
	if (!error) {
		ghost_insert(&g, g.map, rng_next(&g.rng));
		error = ghost_rebuild(&g);
	}
	if (!error)
		out->rebuilt_bytes = ghost_held_bytes(&g);
	ghost_fini(&g);
	return error;
}

/* ---------------------------------------------------------------- the pin */

static bool ghost_stop_at_once(void *ctx, uint64_t key, uint64_t value)
{
	(void)ctx, (void)key, (void)value;
	return false;
}

static uint64_t ghost_n_values_freed(struct ghost *g)
{
	struct reclaim_totals totals;

	ghost_collect(g, 3);
	reclaim_totals(g->r, &totals);
	return totals.n_freed[OBJ_VALUE];
}

static int pin_steps(struct ghost *g, struct pin_result *out, bool is_iterated)
{
	if (is_iterated) {
		reclaim_enter(g->t);
		hmap_range(g->map, g->t, ghost_stop_at_once, NULL);
		reclaim_exit(g->t);
	}
	ghost_insert(g, g->map, rng_next(&g->rng));
	for (uint64_t i = 0; i < (UINT64_C(1) << g->old_b) / 16; i++)
		out->n_deleted += ghost_delete(g, g->keys[i]);
	if (g->error || !ghost_is_growing(g))
		return g->error ? g->error : -EPROTO;
	out->n_freed_growing = ghost_n_values_freed(g);
	out->n_writes = ghost_end_growth(g);
	out->n_freed_after = ghost_n_values_freed(g);
	return 0;
}

int pin_measure(struct pin_result *out, uint64_t n_keys, bool is_iterated, uint64_t seed,
		const struct clock *clock, char *message, size_t message_size)
{
	struct ghost g;
	int error = ghost_init(&g, n_keys, HMAP_PAYLOAD, seed, clock, message, message_size);

	memset(out, 0, sizeof(*out));
	if (!error)
		error = pin_steps(&g, out, is_iterated);
	ghost_fini(&g);
	return error;
}
