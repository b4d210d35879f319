/* SPDX-License-Identifier: MIT */
/* reclaim_attach.c - what belongs to a bucket array and dies with it.
 *
 * A table of chains under one lock; touched when an array is made, freed, or at a stage's end.  The map
 * writes death_ticks of an array it still holds; they are read here only after the array was retired and
 * proved unreachable (reclaim_detach), or while quiet (reclaim_attachment_survivors).
 */
#include <stdlib.h>

#include "reclaim_internal.h"

static struct reclaim_attachment **reclaim_chain(struct reclaim *r, const void *object)
{
	const uint64_t hash = ((uintptr_t)object >> 12) * UINT64_C(0x9e3779b97f4a7c15);

	return &r->attachments[hash >> 54 & (RECLAIM_N_ATTACHMENT_CHAINS - 1)];
}

void reclaim_attachment_free(struct reclaim_attachment *a)
{
	free((void *)a->death_ticks);
	free(a->data);
	free(a);
}

void reclaim_attach(struct reclaim *r, struct reclaim_attachment *a)
{
	struct reclaim_attachment **chain = reclaim_chain(r, a->object);

	pthread_mutex_lock(&r->attachments_lock);
	a->next = *chain;
	*chain = a;
	pthread_mutex_unlock(&r->attachments_lock);
}

void reclaim_attachment_is_map(struct reclaim *r, void *object)
{
	pthread_mutex_lock(&r->attachments_lock);
	for (struct reclaim_attachment *a = *reclaim_chain(r, object); a; a = a->next)
		if (a->object == object)
			a->record_as = OBJ_MAP;
	pthread_mutex_unlock(&r->attachments_lock);
}

enum obj_class reclaim_array_record_class(struct reclaim *r, const void *object)
{
	enum obj_class class = OBJ_ARRAY;

	pthread_mutex_lock(&r->attachments_lock);
	for (const struct reclaim_attachment *a = *reclaim_chain(r, object); a; a = a->next)
		if (a->object == object)
			class = a->record_as;
	pthread_mutex_unlock(&r->attachments_lock);
	return class;
}

static struct reclaim_attachment *reclaim_take_attachment(struct reclaim *r, const void *object)
{
	struct reclaim_attachment **chain = reclaim_chain(r, object);
	struct reclaim_attachment *a;

	pthread_mutex_lock(&r->attachments_lock);
	while (*chain && (*chain)->object != object)
		chain = &(*chain)->next;
	a = *chain;
	if (a)
		*chain = a->next;
	pthread_mutex_unlock(&r->attachments_lock);
	return a;
}

enum { RECLAIM_BUCKET_BYTES = 144 };

static const void *reclaim_bucket(const struct reclaim_attachment *a, uint64_t i)
{
	return (const char *)a->object + i * RECLAIM_BUCKET_BYTES;
}

void reclaim_detach(struct reclaim_thread *t, void *object, const struct heap_stamps *stamps,
		    uint64_t safe_ticks, uint64_t now_ticks)
{
	struct reclaim_attachment *a = reclaim_take_attachment(t->r, object);

	if (!a)
		return;
	if (stamps && stamps->retired_ticks && a->death_ticks)
		for (uint64_t i = 0; i < a->n_deaths; i++) {
			/* Relaxed: the array is unreachable, what made it so has ordered the writes. */
			const struct heap_stamps s = {.dead_ticks =
							      load_relaxed(&a->death_ticks[i]),
						      .retired_ticks = stamps->retired_ticks};

			if (s.dead_ticks &&
			    reclaim_in_sample(t->r, reclaim_bucket(a, i), s.dead_ticks))
				life_record_free(&t->life, OBJ_EVACUATED_BUCKET,
						 RECLAIM_BUCKET_BYTES, &s, safe_ticks, now_ticks);
		}
	reclaim_attachment_free(a);
}

void reclaim_attachment_survivors(struct reclaim *r, uint64_t now_ticks, struct life_recorder *out)
{
	pthread_mutex_lock(&r->attachments_lock);
	for (unsigned k = 0; k < RECLAIM_N_ATTACHMENT_CHAINS; k++)
		for (struct reclaim_attachment *a = r->attachments[k]; a; a = a->next) {
			const struct heap_stamps *array = heap_stamps(r->heap, a->object);
			uint64_t safe = r->flags & SAFE_HIDDEN ? LIFE_SAFE_UNKNOWN : 0;

			if (array && array->retired_ticks && !safe && r->ops->safe_ticks)
				safe = r->ops->safe_ticks(r, a->object, array);
			for (uint64_t i = 0; a->death_ticks && i < a->n_deaths; i++) {
				const struct heap_stamps s = {
					.dead_ticks = load_relaxed(&a->death_ticks[i]),
					.retired_ticks = array ? array->retired_ticks : 0};

				if (s.dead_ticks &&
				    reclaim_in_sample(r, reclaim_bucket(a, i), s.dead_ticks))
					life_record_survivor(out, OBJ_EVACUATED_BUCKET,
							     RECLAIM_BUCKET_BYTES, &s, safe,
							     now_ticks);
			}
		}
	pthread_mutex_unlock(&r->attachments_lock);
}
