/* SPDX-License-Identifier: MIT */
/* watch_acts.c - rings for threads, and what came in them; see watch_acts.h. */
#include "measure/watch_acts.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

struct watch_attaching {
	struct watch_acts *w;
	int error;
};

static void watch_attach(void *ctx, struct reclaim_thread *t)
{
	struct watch_attaching *a = ctx;
	struct watched_thread *watched;

	for (watched = a->w->threads; watched != NULL; watched = watched->next) {
		if (watched->index == t->index) {
			watched->role = t->role;
			return;
		}
	}
	watched = aligned_alloc(PADDING_BYTES, sizeof(*watched));
	if (watched == NULL) {
		a->error = -ENOMEM;
		return;
	}
	/* Not the ring: its pages are touched as acts come. */
	memset(watched, 0, offsetof(struct watched_thread, acts.ring));
	watched->acts.brief_ticks = clock_ns_to_ticks(t->clock, ACTS_BRIEF_NS);
	watched->index = t->index;
	watched->role = t->role;
	watched->next = a->w->threads;
	a->w->threads = watched;
	store_release(&t->acts, &watched->acts); /* pairs with reclaim_act_end() */
}

int watch_acts_begin(struct watch_acts *w, struct reclaim *r)
{
	struct watch_attaching a = {.w = w};

	reclaim_for_each_thread(r, watch_attach, &a);
	for (struct watched_thread *t = w->threads; t != NULL; t = t->next) {
		acts_taken(&t->acts, acts_n_written(&t->acts));
		t->n_dropped = load_relaxed(&t->acts.n_dropped); /* relaxed: statistics */
	}
	return a.error;
}

void watch_acts_fini(struct watch_acts *w)
{
	while (w->threads != NULL) {
		struct watched_thread *t = w->threads;

		w->threads = t->next;
		free(t);
	}
}

static void watch_take_thread(struct watched_thread *t, uint64_t n_written, struct acts_sample *out)
{
	/* relaxed: this thread writes it */
	for (uint64_t i = load_relaxed(&t->acts.n_taken); i < n_written; i++)
		out->acts[out->n_acts++] =
			(struct watched_act){t->acts.ring[i % ACTS_MAX], t->index};
	acts_taken(&t->acts, n_written);
	out->rows[out->n_rows++] = (struct watched_row){t->index, t->role};
	out->n_dropped += load_relaxed(&t->acts.n_dropped) - t->n_dropped; /* statistics */
}

int watch_acts_take(struct watch_acts *w, struct acts_sample *out)
{
	size_t n_threads = 0;

	*out = (struct acts_sample){0};
	for (const struct watched_thread *t = w->threads; t != NULL; t = t->next)
		n_threads++;
	if (n_threads == 0)
		return 0;
	/* As many as there can be: background threads go on writing meanwhile. */
	out->acts = malloc(n_threads * ACTS_MAX * sizeof(*out->acts));
	out->rows = malloc(n_threads * sizeof(*out->rows));
	if (out->acts == NULL || out->rows == NULL) {
		acts_sample_fini(out);
		return -ENOMEM;
	}
	for (struct watched_thread *t = w->threads; t != NULL; t = t->next)
		watch_take_thread(t, acts_n_written(&t->acts), out);
	return 0;
}

void acts_sample_fini(struct acts_sample *sample)
{
	free(sample->acts);
	free(sample->rows);
	*sample = (struct acts_sample){0};
}
