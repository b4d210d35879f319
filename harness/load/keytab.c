/* SPDX-License-Identifier: MIT */
/* keytab.c - the decoding table. */
#include "load/keytab.h"

#include "load/rng.h"

#include <stdlib.h>

#define KEYTAB_MIN_SLOTS 1024

void keytab_fini(struct keytab *t)
{
	free(t->slots);
	*t = (struct keytab){0};
}

static size_t keytab_home(const struct keytab *t, uint64_t key)
{
	return rng_mix64(key) & (t->n_slots - 1);
}

/* Where the key is, or the empty slot where it would be. */
static struct keytab_slot *keytab_probe(const struct keytab *t, uint64_t key)
{
	size_t i = keytab_home(t, key);

	while (t->slots[i].value && t->slots[i].key != key)
		i = (i + 1) & (t->n_slots - 1);
	return &t->slots[i];
}

uint64_t *keytab_find(const struct keytab *t, uint64_t key)
{
	if (t->n == 0)
		return NULL;
	struct keytab_slot *slot = keytab_probe(t, key);

	return slot->value ? &slot->value : NULL;
}

static int keytab_grow(struct keytab *t)
{
	struct keytab bigger = {.n_slots = t->n_slots ? 2 * t->n_slots : KEYTAB_MIN_SLOTS,
				.n = t->n};

	bigger.slots = calloc(bigger.n_slots, sizeof(*bigger.slots));
	if (!bigger.slots)
		return -1;
	for (size_t i = 0; i < t->n_slots; i++)
		if (t->slots[i].value)
			*keytab_probe(&bigger, t->slots[i].key) = t->slots[i];
	free(t->slots);
	*t = bigger;
	return 0;
}

uint64_t *keytab_put(struct keytab *t, uint64_t key)
{
	if (2 * (t->n + 1) > t->n_slots && keytab_grow(t))
		return NULL;
	struct keytab_slot *slot = keytab_probe(t, key);

	if (!slot->value) {
		slot->key = key;
		t->n++;
	}
	return &slot->value;
}

void keytab_remove(struct keytab *t, uint64_t *value)
{
	const size_t mask = t->n_slots - 1;
	size_t hole = (size_t)((struct keytab_slot *)((char *)value -
						      offsetof(struct keytab_slot, value)) -
			       t->slots);

	t->slots[hole].value = 0;
	t->n--;
	for (size_t i = (hole + 1) & mask; t->slots[i].value; i = (i + 1) & mask) {
		/* An entry may move into the hole unless its home lies cyclically in (hole, i]. */
		const size_t from_home = (i - keytab_home(t, t->slots[i].key)) & mask;

		if (from_home < ((i - hole) & mask))
			continue;
		t->slots[hole] = t->slots[i];
		t->slots[i].value = 0;
		hole = i;
	}
}
