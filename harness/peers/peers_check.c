/* SPDX-License-Identifier: MIT */
/* peers_check.c - a peer's answers against a plain array, before it is timed. */
#include <errno.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>

#include "peers/peers.h"

/* Keys of each thread: few enough that most operations meet a key again. */
#define CHECK_KEYS 4096u

struct check {
	const struct peer *peer;
	struct peer_table *table;
	unsigned n_threads, index;
	uint64_t n_ops;
	uint64_t state;
	int64_t n_wrong; /* result; or -errno */
};

static int64_t check_operation(struct check *c, struct peer_thread *t, uint64_t *expected,
			       uint64_t r)
{
	const uint64_t own = (r >> 20) % CHECK_KEYS, key = own * c->n_threads + c->index;
	uint64_t value = 0;

	switch (r >> 62) {
	case 0:
		c->peer->insert(t, key, r | 1);
		expected[own] = r | 1;
		return 0;
	case 1: {
		const bool was_there = expected[own] != 0;

		expected[own] = 0;
		return c->peer->remove(t, key) != was_there;
	}
	default:
		if (c->peer->get(t, key, &value) != (expected[own] != 0))
			return 1;
		return expected[own] && value != expected[own];
	}
}

static void *check_thread(void *arg)
{
	struct check *c = arg;
	uint64_t *expected = calloc(CHECK_KEYS, sizeof(*expected));
	struct peer_thread *t = expected ? c->peer->begin(c->table) : NULL;

	if (!t) {
		free(expected);
		c->n_wrong = -ENOMEM;
		return NULL;
	}
	for (uint64_t i = 0; i < c->n_ops; i++) {
		c->n_wrong += check_operation(c, t, expected, peer_next(&c->state));
		if (i % PEER_POLL_OPS == 0)
			c->peer->poll(t);
	}
	/* And at the end everything that should be there, and nothing else. */
	for (uint64_t own = 0; own < CHECK_KEYS; own++) {
		uint64_t value = 0;
		const bool found = c->peer->get(t, own * c->n_threads + c->index, &value);

		c->n_wrong += found != (expected[own] != 0) || (found && value != expected[own]);
	}
	c->peer->end(t);
	free(expected);
	return NULL;
}

static int64_t check_run(struct check *checks, unsigned n)
{
	pthread_t threads[64];
	int64_t n_wrong = 0, error = 0;

	for (unsigned i = 0; i < n; i++)
		if (pthread_create(&threads[i], NULL, check_thread, &checks[i])) {
			checks[i].n_wrong = -EAGAIN;
			threads[i] = pthread_self();
		}
	for (unsigned i = 0; i < n; i++) {
		if (!pthread_equal(threads[i], pthread_self()))
			pthread_join(threads[i], NULL);
		if (checks[i].n_wrong < 0)
			error = checks[i].n_wrong;
		else
			n_wrong += checks[i].n_wrong;
	}
	return error ? error : n_wrong;
}

int64_t peers_check(const struct peer *peer, unsigned threads, uint64_t n_ops, uint64_t seed,
		    char *message, size_t message_size)
{
	int64_t n_wrong = 0;

	for (unsigned n = 1; n <= threads && n <= 64 && n_wrong >= 0;
	     n = n < threads ? threads : n + 1) {
		const struct peer_config config = {.peer = peer,
						   .keys = CHECK_KEYS * (n > 1 ? 4 : 1),
						   .threads = n,
						   .seed = seed};
		struct check checks[64] = {{0}};
		int64_t wrong;

		if (n > 1 && peer->is_single_thread)
			break;
		struct peer_table *table = peer->create(&config, message, message_size);

		if (!table)
			return -ENOMEM;
		for (unsigned i = 0; i < n; i++)
			checks[i] = (struct check){.peer = peer,
						   .table = table,
						   .n_threads = n,
						   .index = i,
						   .n_ops = n_ops,
						   .state = seed + i};
		wrong = check_run(checks, n);
		n_wrong = wrong < 0 ? wrong : n_wrong + wrong;
		peer->destroy(table);
	}
	if (n_wrong < 0)
		snprintf(message, message_size,
			 "the check could not be made: out of memory or threads");
	return n_wrong;
}
