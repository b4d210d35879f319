/* SPDX-License-Identifier: MIT */
/* gate.c - orders from the main thread to the workers; see gate.h. */
#include "run/gate.h"

#include <errno.h>
#include <string.h>
#include <time.h>

#define NS_PER_S 1000000000u

void gate_init(struct gate *g)
{
	pthread_condattr_t monotonic;

	memset(g, 0, sizeof(*g));
	pthread_mutex_init(&g->lock, NULL);
	pthread_cond_init(&g->opened, NULL);
	pthread_condattr_init(&monotonic);
	pthread_condattr_setclock(&monotonic, CLOCK_MONOTONIC);
	pthread_cond_init(&g->done, &monotonic);
	pthread_condattr_destroy(&monotonic);
}

void gate_fini(struct gate *g)
{
	pthread_cond_destroy(&g->done);
	pthread_cond_destroy(&g->opened);
	pthread_mutex_destroy(&g->lock);
}

void gate_add_worker(struct gate *g)
{
	pthread_mutex_lock(&g->lock);
	g->n_workers++;
	pthread_mutex_unlock(&g->lock);
}

void gate_open(struct gate *g, enum gate_order order)
{
	pthread_mutex_lock(&g->lock);
	g->order = order;
	g->n_orders++;
	g->n_busy = g->n_workers;
	pthread_cond_broadcast(&g->opened);
	pthread_mutex_unlock(&g->lock);
}

bool gate_wait(struct gate *g, uint64_t timeout_ns)
{
	struct timespec until;
	int error = 0;
	bool is_done;

	clock_gettime(CLOCK_MONOTONIC, &until);
	until.tv_sec += (time_t)(timeout_ns / NS_PER_S);
	until.tv_nsec += (long)(timeout_ns % NS_PER_S);
	if (until.tv_nsec >= (long)NS_PER_S) {
		until.tv_nsec -= (long)NS_PER_S;
		until.tv_sec++;
	}
	pthread_mutex_lock(&g->lock);
	while (g->n_busy > 0 && error != ETIMEDOUT)
		error = pthread_cond_timedwait(&g->done, &g->lock, &until);
	is_done = g->n_busy == 0;
	pthread_mutex_unlock(&g->lock);
	return is_done;
}

enum gate_order gate_next(struct gate *g, uint64_t *n_seen)
{
	enum gate_order order;

	pthread_mutex_lock(&g->lock);
	while (g->n_orders == *n_seen)
		pthread_cond_wait(&g->opened, &g->lock);
	*n_seen = g->n_orders;
	order = g->order;
	pthread_mutex_unlock(&g->lock);
	return order;
}

void gate_done(struct gate *g)
{
	pthread_mutex_lock(&g->lock);
	if (--g->n_busy == 0)
		pthread_cond_signal(&g->done);
	pthread_mutex_unlock(&g->lock);
}
