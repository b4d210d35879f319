/* SPDX-License-Identifier: MIT */
/* example.c - using the map from another program, through the installed headers and library.
 *
 *	cc -std=c17 example.c rwlock.c $(pkg-config --cflags --libs reclaimbench)
 *	./a.out rwlock
 *	./a.out sweepgen:gogc=50
 *
 * Two threads insert, look up and delete; then everything is dropped, and every byte has been freed. */
#include <inttypes.h>
#include <pthread.h>
#include <stdio.h>
#include <string.h>

#include <hmap.h>
#include <registry.h>

extern const struct reclaim_ops rwlock_ops;

#define N_KEYS 20000u

struct work {
	struct reclaim *r;
	struct hmap *map;
	uint64_t first; /* its keys: first, first + 2, ... */
	unsigned n_wrong;
};

/* One operation is one section; between operations the thread polls. */
static void work_key(struct work *w, struct reclaim_thread *t, uint64_t key, uint64_t round)
{
	uint64_t payload;

	reclaim_enter(t);
	if (hmap_insert(w->map, t, key, key + round) == HMAP_NO_MEMORY)
		w->n_wrong++;
	reclaim_exit(t);
	reclaim_poll(t);

	reclaim_enter(t);
	/* A payload may be read until the section ends. */
	if (!hmap_get(w->map, t, key, &payload) ||
	    *(const uint64_t *)(uintptr_t)payload != key + round)
		w->n_wrong++;
	reclaim_exit(t);
	reclaim_poll(t);

	reclaim_enter(t);
	if (key % 3 == 0 && !hmap_delete(w->map, t, key))
		w->n_wrong++;
	reclaim_exit(t);
	reclaim_poll(t);
}

static void *work(void *arg)
{
	struct work *w = arg;
	struct reclaim_thread *t =
		reclaim_register(w->r, ROLE_MUTATOR); /* until reclaim_unregister() */

	if (!t) {
		w->n_wrong++;
		return NULL;
	}
	for (uint64_t round = 0; round < 3; round++)
		for (uint64_t key = w->first; key < N_KEYS; key += 2)
			work_key(w, t, key, round);
	reclaim_unregister(t);
	return NULL;
}

static unsigned work_together(struct reclaim *r, struct hmap *map)
{
	struct work works[2] = {{.r = r, .map = map, .first = 0}, {.r = r, .map = map, .first = 1}};
	pthread_t threads[2];

	for (int i = 0; i < 2; i++)
		if (pthread_create(&threads[i], NULL, work, &works[i]))
			return 1;
	for (int i = 0; i < 2; i++)
		pthread_join(threads[i], NULL);
	return works[0].n_wrong + works[1].n_wrong;
}

/* Allocated and freed bytes differ: the sum over all classes. */
static uint64_t bytes_left(struct reclaim *r)
{
	struct reclaim_totals totals;
	uint64_t left = 0;

	reclaim_totals(r, &totals);
	for (int k = 0; k < OBJ_N_CLASSES; k++)
		left += totals.allocated_bytes[k] - totals.freed_bytes[k];
	return left;
}

static int run(const struct reclaim_ops *ops, const char *options)
{
	struct clock clock;
	const struct reclaim_config config = {.ops = ops, .options = options, .clock = &clock};
	const struct hmap_config map_config = {
		.mode = HMAP_PAYLOAD, .unlink = HMAP_UNLINK_EMPTY, .value_bytes = 64};
	struct reclaim_thread *t;
	struct reclaim *r;
	struct hmap *map;
	char message[256];
	unsigned n_wrong;

	clock_init(&clock, false);
	if (reclaim_create(&r, &config, message, sizeof(message))) {
		fprintf(stderr, "example: %s\n", message);
		return 2;
	}
	t = reclaim_register(r, ROLE_MUTATOR);
	if (!t || hmap_create(&map, r, t, &map_config)) {
		fprintf(stderr, "example: out of memory\n");
		return 2;
	}
	reclaim_offline(t); /* while waiting */
	n_wrong = work_together(r, map);
	reclaim_online(t);
	printf("%s: %" PRIu64 " entries, %u wrong\n", ops->name, hmap_count(map), n_wrong);
	hmap_destroy(map, t);
	ops->drain(t);
	printf("%s: %" PRIu64 " bytes left\n", ops->name, bytes_left(r));
	n_wrong += bytes_left(r) != 0 && !(ops->flags & NEVER_FREES);
	reclaim_unregister(t);
	reclaim_destroy(r);
	return n_wrong != 0;
}

int main(int argc, char **argv)
{
	char *options = argc > 1 ? argv[1] : NULL;
	char *name = strsep(&options, ":");
	const struct reclaim_ops *ops;

	if (!name) {
		fprintf(stderr, "usage: example STRATEGY[:option=value,..]\n");
		return 2;
	}
	ops = strcmp(name, "rwlock") == 0 ? &rwlock_ops : reclaim_strategy_find(name);
	if (!ops) {
		fprintf(stderr, "example: no strategy %s\n", name);
		return 2;
	}
	return run(ops, options);
}
