/* SPDX-License-Identifier: MIT */
/* expiry.c - deadlines in a heap. */
#include "load/expiry.h"

#include <errno.h>
#include <stdlib.h>

void expiry_fini(struct expiry *e)
{
	free(e->heap);
	keytab_fini(&e->current);
	*e = (struct expiry){0};
}

static bool expiry_before(const struct expiry_entry *a, const struct expiry_entry *b)
{
	return a->deadline != b->deadline ? a->deadline < b->deadline : a->number < b->number;
}

static void expiry_swap(struct expiry *e, size_t i, size_t j)
{
	const struct expiry_entry entry = e->heap[i];

	e->heap[i] = e->heap[j];
	e->heap[j] = entry;
}

int expiry_set(struct expiry *e, uint64_t key, uint64_t deadline)
{
	if (e->n == e->n_max) {
		const size_t n_more = e->n_max ? 2 * e->n_max : 256;
		struct expiry_entry *more = realloc(e->heap, n_more * sizeof(*more));

		if (!more)
			return -ENOMEM;
		e->heap = more;
		e->n_max = n_more;
	}
	uint64_t *number = keytab_put(&e->current, key);

	if (!number)
		return -ENOMEM;
	*number = ++e->n_set;
	size_t i = e->n++;

	e->heap[i] = (struct expiry_entry){deadline, e->n_set, key};
	for (; i && expiry_before(&e->heap[i], &e->heap[(i - 1) / 2]); i = (i - 1) / 2)
		expiry_swap(e, i, (i - 1) / 2);
	return 0;
}

void expiry_cancel(struct expiry *e, uint64_t key)
{
	uint64_t *number = keytab_find(&e->current, key);

	if (number)
		keytab_remove(&e->current, number);
}

static struct expiry_entry expiry_pop(struct expiry *e)
{
	const struct expiry_entry top = e->heap[0];
	size_t i = 0;

	e->heap[0] = e->heap[--e->n];
	for (;;) {
		size_t least = i;

		for (size_t child = 2 * i + 1; child <= 2 * i + 2 && child < e->n; child++)
			if (expiry_before(&e->heap[child], &e->heap[least]))
				least = child;
		if (least == i)
			return top;
		expiry_swap(e, i, least);
		i = least;
	}
}

bool expiry_next(struct expiry *e, uint64_t now, uint64_t *key, uint64_t *deadline)
{
	while (e->n && e->heap[0].deadline <= now) {
		const struct expiry_entry entry = expiry_pop(e);
		uint64_t *number = keytab_find(&e->current, entry.key);

		if (!number || *number != entry.number)
			continue;
		keytab_remove(&e->current, number);
		*key = entry.key;
		*deadline = entry.deadline;
		return true;
	}
	return false;
}
