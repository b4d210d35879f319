/* SPDX-License-Identifier: MIT */
/* retire_ck.c - retire to free by ck_epoch, called directly: entry in the object, poll every 64 objects. */
#include <ck_epoch.h>
#include <errno.h>
#include <stdlib.h>

#include "heap.h"
#include "peers/retire.h"

#define POLL_OBJECTS 64u

struct ck_object {
	ck_epoch_entry_t entry; /* first */
	struct heap_cache *cache;
};

static void ck_object_free(ck_epoch_entry_t *entry)
{
	struct ck_object *object = (struct ck_object *)entry;

	heap_free(object->cache, object);
}

static double ck_batch(ck_epoch_record_t *record, struct heap_cache *cache, void **objects)
{
	uint64_t begin_ns;

	for (unsigned i = 0; i < RETIRE_N; i++) {
		struct ck_object *object = heap_alloc(cache, OBJ_BUCKET, RETIRE_BYTES, false);

		if (!object)
			return -1;
		object->cache = cache;
		objects[i] = object;
	}
	begin_ns = retire_cpu_ns();
	for (unsigned i = 0; i < RETIRE_N; i++) {
		ck_epoch_begin(record, NULL);
		ck_epoch_call(record, objects[i], ck_object_free);
		ck_epoch_end(record, NULL);
		if (i % POLL_OBJECTS == 0)
			ck_epoch_poll(record);
	}
	ck_epoch_barrier(record);
	return (double)(retire_cpu_ns() - begin_ns) / RETIRE_N;
}

int retire_ck_epoch(void **objects, double *ns, unsigned n_rounds)
{
	const struct heap_config config = {.kind = HEAP_SPAN};
	struct heap_cache *cache = NULL;
	ck_epoch_record_t *record = aligned_alloc(64, (sizeof(*record) + 63) / 64 * 64);
	struct heap *heap = NULL;
	ck_epoch_t epoch;
	int err = record ? heap_create(&heap, &config) : -ENOMEM;

	if (!err) {
		cache = heap_cache_create(heap);
		err = cache ? 0 : -ENOMEM;
	}
	if (!err) {
		ck_epoch_init(&epoch);
		ck_epoch_register(&epoch, record, NULL);
	}
	/* The first round warms up. */
	for (unsigned i = 0; !err && i <= n_rounds; i++) {
		const double figure = ck_batch(record, cache, objects);

		if (figure < 0)
			err = -ENOMEM;
		if (i)
			ns[i - 1] = figure;
	}
	if (cache)
		heap_cache_destroy(cache);
	if (heap)
		heap_destroy(heap);
	free(record);
	return err;
}
