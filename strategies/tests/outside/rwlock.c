/* SPDX-License-Identifier: MIT */
/* rwlock.c - a strategy from outside the tree, through the installed headers alone: sections hold a readers'
 * lock, and a thread frees what it has retired when it gets the writers' lock at a poll: then nobody is inside.
 *
 * Source: none; the simplest thing that waits for readers.
 * Progress: blocking. */
#include <errno.h>
#include <pthread.h>

#include <reclaim.h>

extern const struct reclaim_ops rwlock_ops;

#define RWLOCK_BATCH 64

/* The side node: no allocation when an object is retired. */
struct rwlock_node {
	struct rwlock_node *next;
};

struct rwlock {
	pthread_rwlock_t sections;
	pthread_mutex_t lock;	  /* left, n_pending */
	struct rwlock_node *left; /* by threads that have gone */
	uint64_t n_pending;
};

struct rwlock_thread {
	struct rwlock_node *retired;
	unsigned n;
};

static int rwlock_init(struct reclaim *r)
{
	struct rwlock *s = reclaim_state(r);

	pthread_mutex_init(&s->lock, NULL);
	return -pthread_rwlock_init(&s->sections, NULL);
}

static void rwlock_fini(struct reclaim *r)
{
	struct rwlock *s = reclaim_state(r);

	pthread_rwlock_destroy(&s->sections);
	pthread_mutex_destroy(&s->lock);
}

static int rwlock_thread_register(struct reclaim_thread *t)
{
	(void)t;
	return 0;
}

static void rwlock_nothing(struct reclaim_thread *t)
{
	(void)t;
}

static void rwlock_thread_unregister(struct reclaim_thread *t)
{
	struct rwlock *s = reclaim_state(t->r);
	struct rwlock_thread *mine = reclaim_thread_state(t);

	pthread_mutex_lock(&s->lock);
	while (mine->retired) {
		struct rwlock_node *node = mine->retired;

		mine->retired = node->next;
		node->next = s->left;
		s->left = node;
	}
	pthread_mutex_unlock(&s->lock);
}

static void rwlock_enter(struct reclaim_thread *t)
{
	pthread_rwlock_rdlock(&((struct rwlock *)reclaim_state(t->r))->sections);
}

static void rwlock_exit(struct reclaim_thread *t)
{
	pthread_rwlock_unlock(&((struct rwlock *)reclaim_state(t->r))->sections);
}

static void rwlock_retire(struct reclaim_thread *t, void *object)
{
	struct rwlock *s = reclaim_state(t->r);
	struct rwlock_thread *mine = reclaim_thread_state(t);
	struct rwlock_node *node = heap_node(reclaim_heap(t->r), object);

	node->next = mine->retired;
	mine->retired = node;
	mine->n++;
	pthread_mutex_lock(&s->lock);
	s->n_pending++;
	pthread_mutex_unlock(&s->lock);
}

/* The writers' lock is held: nobody is in a section. */
static void rwlock_free(struct reclaim_thread *t, struct rwlock_node **list)
{
	struct rwlock *s = reclaim_state(t->r);
	const uint64_t now = clock_ticks(t->clock);

	while (*list) {
		struct rwlock_node *node = *list;

		*list = node->next;
		reclaim_free(t, heap_node_object(reclaim_heap(t->r), node), now, now);
		s->n_pending--;
	}
}

static void rwlock_free_all(struct reclaim_thread *t)
{
	struct rwlock *s = reclaim_state(t->r);
	struct rwlock_thread *mine = reclaim_thread_state(t);

	pthread_mutex_lock(&s->lock);
	rwlock_free(t, &mine->retired);
	rwlock_free(t, &s->left);
	mine->n = 0;
	pthread_mutex_unlock(&s->lock);
}

static void rwlock_poll(struct reclaim_thread *t)
{
	struct rwlock *s = reclaim_state(t->r);
	struct rwlock_thread *mine = reclaim_thread_state(t);

	if (mine->n < RWLOCK_BATCH || pthread_rwlock_trywrlock(&s->sections))
		return;
	rwlock_free_all(t);
	pthread_rwlock_unlock(&s->sections);
}

static void rwlock_drain(struct reclaim_thread *t)
{
	struct rwlock *s = reclaim_state(t->r);

	pthread_rwlock_wrlock(&s->sections);
	rwlock_free_all(t);
	pthread_rwlock_unlock(&s->sections);
}

static void rwlock_stats(struct reclaim *r, struct reclaim_stats *out)
{
	struct rwlock *s = reclaim_state(r);

	pthread_mutex_lock(&s->lock);
	*out = (struct reclaim_stats){.n_pending = s->n_pending};
	pthread_mutex_unlock(&s->lock);
}

const struct reclaim_ops rwlock_ops = {
	.name = "rwlock",
	.summary = "frees when nobody is in a section",
	.source = "outside the tree",
	.flags = NEEDS_SECTION | STALL_UNBOUNDED,
	.node_bytes = sizeof(struct rwlock_node),
	.state_bytes = sizeof(struct rwlock),
	.thread_bytes = sizeof(struct rwlock_thread),
	.init = rwlock_init,
	.fini = rwlock_fini,
	.thread_register = rwlock_thread_register,
	.thread_unregister = rwlock_thread_unregister,
	.offline = rwlock_nothing,
	.online = rwlock_nothing,
	.enter = rwlock_enter,
	.exit = rwlock_exit,
	.retire = rwlock_retire,
	.poll = rwlock_poll,
	.drain = rwlock_drain,
	.stats = rwlock_stats,
};
