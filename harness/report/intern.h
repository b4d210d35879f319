/* SPDX-License-Identifier: MIT */
/* intern.h - a set of texts, each with a small id; equal texts have equal ids.  One thread.
 * The id 0 is the empty text.  Texts stay where they are until intern_fini().
 */
#ifndef RECLAIMBENCH_INTERN_H
#define RECLAIMBENCH_INTERN_H

#include <stddef.h>
#include <stdint.h>

#define INTERN_NONE UINT32_MAX

struct intern {
	const char **texts; /* by id, NUL-terminated, inside blocks */
	uint32_t n;
	uint32_t capacity;
	uint32_t *slots; /* open addressing, id + 1, 0 = free; at most half full */
	uint32_t n_slots;
	struct intern_block *blocks; /* newest first */
};

int intern_init(struct intern *in); /* 0 or -ENOMEM; release with intern_fini() */
void intern_fini(struct intern *in);

/* The id of a text, entered when it is new; INTERN_NONE when memory (or ids) ran out.  `text` need
 * not be terminated and holds no NUL. */
uint32_t intern_add(struct intern *in, const char *text, size_t length);
/* The id, or INTERN_NONE when it was never entered. */
uint32_t intern_find(const struct intern *in, const char *text, size_t length);

static inline const char *intern_text(const struct intern *in, uint32_t id)
{
	return in->texts[id];
}

#endif
