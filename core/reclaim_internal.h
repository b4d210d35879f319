/* SPDX-License-Identifier: MIT */
/* reclaim_internal.h - the domain's own state, for reclaim*.c only. */
#ifndef RECLAIMBENCH_RECLAIM_INTERNAL_H
#define RECLAIMBENCH_RECLAIM_INTERNAL_H

#include "reclaim.h"

struct audit;

#define RECLAIM_DEFAULT_THREADS 64u
/* Arrays alive at once are few, except where many maps are dropped: then some thousand.  A power of two, at most 1024;
 * where threads take turns (core/tests/schedule.h), what a test does must not depend on addresses. */
#ifdef RECLAIMBENCH_SCHEDULED
#define RECLAIM_N_ATTACHMENT_CHAINS 1u
#else
#define RECLAIM_N_ATTACHMENT_CHAINS 1024u
#endif

struct reclaim {
	struct reclaim_config config;
	const struct reclaim_ops *ops;
	const struct reclaim_ops *thread_ops; /* what threads call: ops, or the audit's copy */
	uint32_t flags;			      /* ops->flags, as the options leave them */
	const struct clock *clock;
	struct heap *heap;
	void *state;	     /* the strategy's */
	struct audit *audit; /* NULL unless config.audit */
	struct reclaim_ops audited_ops;

	pthread_mutex_t registry_lock; /* records, n_records, n_users, is_registered, is_visible */
	struct reclaim_thread **records; /* [max_threads]; NULL until first used */
	unsigned n_records;
	unsigned n_users; /* registered mutators and readers */
	uint64_t stage_begin_ticks;

	pthread_mutex_t roots_lock;
	struct reclaim_root *roots;

	pthread_mutex_t work_lock;

	pthread_mutex_t attachments_lock;
	struct reclaim_attachment *attachments[RECLAIM_N_ATTACHMENT_CHAINS];

	/* Read by every insert, written when a thread comes or goes: a line of its own. */
	_Atomic(uint64_t) registration_epoch __attribute__((aligned(PADDING_BYTES)));
};

static inline size_t reclaim_padded(size_t bytes)
{
	return (bytes + PADDING_BYTES) / PADDING_BYTES * PADDING_BYTES;
}

/* One death (or retire) in sample_1_in, the same answer whenever it is asked: drawn from what is known of it. */
static inline bool reclaim_in_sample(const struct reclaim *r, const void *object, uint64_t ticks)
{
	uint64_t hash = ((uintptr_t)object >> 4 ^ ticks << 20) * UINT64_C(0x9e3779b97f4a7c15);

	hash = (hash ^ hash >> 32) * UINT64_C(0xbf58476d1ce4e5b9) >> 32;
	return hash * r->config.sample_1_in >> 32 == 0;
}

void reclaim_release(struct reclaim *r);

/* reclaim_options.c: set the defaults, then what `text` says ("gogc=50,batch=64" or NULL). */
int reclaim_options_parse(const struct reclaim_ops *ops, const char *text, void *state,
			  char *message, size_t message_size);

/* reclaim_attach.c: an array is freed: its attachment's deaths become lifetimes of evacuated buckets. */
void reclaim_detach(struct reclaim_thread *t, void *object, const struct heap_stamps *stamps,
		    uint64_t safe_ticks, uint64_t now_ticks);
void reclaim_attachment_survivors(struct reclaim *r, uint64_t now_ticks, struct life_recorder *out);
/* The class an object's lifetime is recorded under. */
enum obj_class reclaim_array_record_class(struct reclaim *r, const void *array);
static inline enum obj_class reclaim_record_class(struct reclaim *r, const void *object,
						  enum obj_class class)
{
	return likely(class != OBJ_ARRAY) ? class : reclaim_array_record_class(r, object);
}
void reclaim_attachment_free(struct reclaim_attachment *a);

#endif
