/* SPDX-License-Identifier: MIT */
/* retire_urcu.c - retire to free by call_rcu() (flavor memb), called directly: head in the object. */
#include "field/order.h"

/* Sections and quiescent states inline; ThreadSanitizer would see the library's plain accesses there. */
#ifndef ORDER_TSAN
#define _LGPL_SOURCE 1
#endif
#define URCU_NO_COMPAT_IDENTIFIERS 1
#include <errno.h>
#include <stdlib.h>
#include <unistd.h>

#include <urcu/urcu-memb.h>

#include "heap.h"
#include "peers/retire.h"

struct urcu_object {
	struct rcu_head head; /* first */
	struct heap_cache *cache;
};

/* On the library's worker, which alone uses that cache. */
static void urcu_object_free(struct rcu_head *head)
{
	struct urcu_object *object = (struct urcu_object *)head;

	order_acquired(head); /* pairs with urcu_batch() */
	heap_free(object->cache, object);
}

struct urcu_end {
	struct rcu_head head; /* first */
	_Atomic(int) is_reached;
};

static void urcu_end(struct rcu_head *head)
{
	/* release: pairs with urcu_batch(). */
	store_release(&((struct urcu_end *)head)->is_reached, 1);
}

static double urcu_batch(struct heap_cache *cache, struct heap_cache *worker_cache, void **objects)
{
	struct urcu_end end = {.is_reached = 0};
	uint64_t begin_ns;

	for (unsigned i = 0; i < RETIRE_N; i++) {
		struct urcu_object *object = heap_alloc(cache, OBJ_BUCKET, RETIRE_BYTES, false);

		if (!object)
			return -1;
		object->cache = worker_cache;
		objects[i] = object;
	}
	begin_ns = retire_cpu_ns();
	for (unsigned i = 0; i < RETIRE_N; i++) {
		urcu_memb_read_lock();
		order_released(objects[i]);
		urcu_memb_call_rcu(objects[i], urcu_object_free);
		urcu_memb_read_unlock();
	}
	/* The one worker runs them in order.  Sleeping, not spinning: only its CPU time shall count. */
	urcu_memb_call_rcu(&end.head, urcu_end);
	/* acquire: pairs with the release store of is_reached in the callback */
	while (!load_acquire(&end.is_reached))
		usleep(200);
	return (double)(retire_cpu_ns() - begin_ns) / RETIRE_N;
}

int retire_call_rcu(void **objects, double *ns, unsigned n_rounds)
{
	const struct heap_config config = {.kind = HEAP_SPAN};
	struct heap_cache *cache = NULL, *worker_cache = NULL;
	struct heap *heap = NULL;
	int err = heap_create(&heap, &config);

	if (!err) {
		cache = heap_cache_create(heap);
		worker_cache = heap_cache_create(heap);
		err = cache && worker_cache ? 0 : -ENOMEM;
	}
	urcu_memb_register_thread();
	/* The first round warms up. */
	for (unsigned i = 0; !err && i <= n_rounds; i++) {
		const double figure = urcu_batch(cache, worker_cache, objects);

		if (figure < 0)
			err = -ENOMEM;
		if (i)
			ns[i - 1] = figure;
	}
	urcu_memb_unregister_thread();
	if (cache)
		heap_cache_destroy(cache);
	if (worker_cache)
		heap_cache_destroy(worker_cache);
	if (heap)
		heap_destroy(heap);
	return err;
}
