/* SPDX-License-Identifier: MIT */
/* intern.c - texts with ids, kept in blocks that never move. */
#define XXH_INLINE_ALL
#include "report/intern.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <xxhash.h>

/* Large enough that malloc's own cost vanishes, small enough not to matter for a ten-row file. */
#define INTERN_BLOCK_BYTES 65536u
#define INTERN_FIRST_SLOTS 1024u

struct intern_block {
	struct intern_block *next;
	size_t used;
	size_t size;
	char bytes[];
};

int intern_init(struct intern *in)
{
	memset(in, 0, sizeof(*in));
	in->n_slots = INTERN_FIRST_SLOTS;
	in->slots = calloc(in->n_slots, sizeof(*in->slots));
	if (!in->slots || intern_add(in, "", 0) != 0) {
		intern_fini(in);
		return -ENOMEM;
	}
	return 0;
}

void intern_fini(struct intern *in)
{
	struct intern_block *next;

	for (struct intern_block *b = in->blocks; b; b = next) {
		next = b->next;
		free(b);
	}
	free(in->texts);
	free(in->slots);
	memset(in, 0, sizeof(*in));
}

/* The slot that holds the text, or the free one where it belongs. */
static uint32_t intern_slot(const struct intern *in, const char *text, size_t length)
{
	const uint32_t mask = in->n_slots - 1;
	uint32_t slot = (uint32_t)XXH3_64bits(text, length) & mask;

	while (in->slots[slot]) {
		const char *have = in->texts[in->slots[slot] - 1];

		if (!strncmp(have, text, length) && !have[length])
			break;
		slot = (slot + 1) & mask;
	}
	return slot;
}

static int intern_grow_slots(struct intern *in)
{
	const uint32_t n_old = in->n_slots;
	uint32_t *old = in->slots;

	if (n_old > UINT32_MAX / 4)
		return -ENOMEM;
	in->slots = calloc(2 * (size_t)n_old, sizeof(*in->slots));
	if (!in->slots) {
		in->slots = old;
		return -ENOMEM;
	}
	in->n_slots = 2 * n_old;
	for (uint32_t id = 0; id < in->n; id++)
		in->slots[intern_slot(in, in->texts[id], strlen(in->texts[id]))] = id + 1;
	free(old);
	return 0;
}

static int intern_grow_texts(struct intern *in)
{
	const uint32_t capacity = in->capacity ? 2 * in->capacity : 256;
	const char **texts = realloc(in->texts, capacity * sizeof(*texts));

	if (!texts)
		return -ENOMEM;
	in->texts = texts;
	in->capacity = capacity;
	return 0;
}

static char *intern_store(struct intern *in, const char *text, size_t length)
{
	struct intern_block *b = in->blocks;

	if (!b || b->size - b->used < length + 1) {
		const size_t size =
			length + 1 > INTERN_BLOCK_BYTES ? length + 1 : INTERN_BLOCK_BYTES;

		b = malloc(sizeof(*b) + size);
		if (!b)
			return NULL;
		b->next = in->blocks;
		b->used = 0;
		b->size = size;
		in->blocks = b;
	}
	char *copy = b->bytes + b->used;

	memcpy(copy, text, length);
	copy[length] = '\0';
	b->used += length + 1;
	return copy;
}

uint32_t intern_add(struct intern *in, const char *text, size_t length)
{
	uint32_t slot = intern_slot(in, text, length);

	if (in->slots[slot])
		return in->slots[slot] - 1;
	if (2 * (in->n + 1) > in->n_slots) {
		if (intern_grow_slots(in))
			return INTERN_NONE;
		slot = intern_slot(in, text, length);
	}
	if (in->n == in->capacity && intern_grow_texts(in))
		return INTERN_NONE;
	const char *copy = intern_store(in, text, length);

	if (!copy)
		return INTERN_NONE;
	in->texts[in->n] = copy;
	in->slots[slot] = ++in->n;
	return in->n - 1;
}

uint32_t intern_find(const struct intern *in, const char *text, size_t length)
{
	const uint32_t slot = intern_slot(in, text, length);

	return in->slots[slot] ? in->slots[slot] - 1 : INTERN_NONE;
}
