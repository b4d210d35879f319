/* SPDX-License-Identifier: MIT */
/* names.c - strings by their hash. */
#include "load/names.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#define XXH_INLINE_ALL
#include <xxhash.h>

struct name {
	struct name *next; /* another string of the same hash */
	size_t len;
	char text[];
};

uint64_t names_hash_xxh3(const void *data, size_t len)
{
	return XXH3_64bits(data, len);
}

void names_init(struct names *n, names_hash_fn *hash)
{
	*n = (struct names){.hash = hash ? hash : names_hash_xxh3};
}

void names_fini(struct names *n)
{
	for (size_t i = 0; i < n->by_hash.n_slots; i++) {
		struct name *name = (struct name *)(uintptr_t)n->by_hash.slots[i].value;

		while (name) {
			struct name *next = name->next;

			free(name);
			name = next;
		}
	}
	keytab_fini(&n->by_hash);
}

int names_key(struct names *n, const char *text, size_t len, uint64_t *key)
{
	const uint64_t hash = n->hash(text, len);
	uint64_t *found = keytab_find(&n->by_hash, hash);
	struct name *first = found ? (struct name *)(uintptr_t)*found : NULL;

	*key = hash;
	for (struct name *name = first; name; name = name->next)
		if (name->len == len && memcmp(name->text, text, len) == 0)
			return 0;
	struct name *name = malloc(sizeof(*name) + len);

	if (!name)
		return -ENOMEM;
	name->len = len;
	memcpy(name->text, text, len);
	if (first) {
		name->next = first->next;
		first->next = name;
		n->n_collisions++;
		return 0;
	}
	name->next = NULL;
	uint64_t *place = keytab_put(&n->by_hash, hash);

	if (!place) {
		free(name);
		return -ENOMEM;
	}
	*place = (uint64_t)(uintptr_t)name;
	return 0;
}
