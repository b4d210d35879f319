/* SPDX-License-Identifier: MIT */
/* audit.c - the registry and what is checked at once; checkpoints are in audit_check.c.
 *
 * A state changes by one read-modify-write of an object's word, so of two threads that do the same wrong thing at
 * once exactly one is told.  A hold and a free see each other: each writes its own word, then reads the other's,
 * all four seq_cst.
 */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "audit_internal.h"
#include "heap_span.h"
#include "reclaim_internal.h"

const char *const audit_fault_names[AUDIT_N_FAULTS] = {
	[AUDIT_ALLOC_IN_USE] = "alloc_in_use",
	[AUDIT_RETIRE_UNKNOWN] = "retire_unknown",
	[AUDIT_RETIRE_FREED] = "retire_freed",
	[AUDIT_DOUBLE_RETIRE] = "double_retire",
	[AUDIT_FREE_UNKNOWN] = "free_unknown",
	[AUDIT_FREE_NOT_RETIRED] = "free_not_retired",
	[AUDIT_DOUBLE_FREE] = "double_free",
	[AUDIT_FREE_HELD] = "free_held",
	[AUDIT_READ_FREED] = "read_freed",
	[AUDIT_READ_REUSED] = "read_reused",
	[AUDIT_READ_WRONG] = "read_wrong",
	[AUDIT_KEY_MISSED] = "key_missed",
	[AUDIT_WRITE_FREED] = "write_freed",
	[AUDIT_UNMARKED] = "unmarked",
	[AUDIT_SWEPT_TWICE] = "swept_twice",
	[AUDIT_SPAN_STATE] = "span_state",
	[AUDIT_LEFT_OUT] = "left_out",
	[AUDIT_REACHABLE_FREED] = "reachable_freed",
	[AUDIT_REACHABLE_RETIRED] = "reachable_retired",
	[AUDIT_REACHABLE_TWICE] = "reachable_twice",
	[AUDIT_LEAKED] = "leaked",
	[AUDIT_LOST] = "lost",
	[AUDIT_NOT_FOUND] = "not_found",
	[AUDIT_MAP_INVALID] = "map_invalid",
	[AUDIT_COUNTS] = "counts",
};

const char *const audit_fault_texts[AUDIT_N_FAULTS] = {
	[AUDIT_ALLOC_IN_USE] = "the heap handed out what is not free",
	[AUDIT_RETIRE_UNKNOWN] = "something was retired that is no object",
	[AUDIT_RETIRE_FREED] = "retired after it was freed",
	[AUDIT_DOUBLE_RETIRE] = "retired twice",
	[AUDIT_FREE_UNKNOWN] = "something was freed that is no object",
	[AUDIT_FREE_NOT_RETIRED] = "freed, and nobody had retired it",
	[AUDIT_DOUBLE_FREE] = "freed twice",
	[AUDIT_FREE_HELD] = "freed while a reader holds it inside its section",
	[AUDIT_READ_FREED] = "a reader reached freed memory",
	[AUDIT_READ_REUSED] = "freed and handed out again under a reader",
	[AUDIT_READ_WRONG] = "a reader got what does not belong to its key",
	[AUDIT_KEY_MISSED] = "a key that is in the map all the time was not found",
	[AUDIT_WRITE_FREED] = "written after it was freed",
	[AUDIT_UNMARKED] = "reachable and not marked: the sweep would free it",
	[AUDIT_SWEPT_TWICE] = "a span was swept twice in one cycle",
	[AUDIT_SPAN_STATE] = "a span is in a state that excludes what is done to it",
	[AUDIT_LEFT_OUT] =
		"a handshake, or marking, was concluded without a thread that is at work",
	[AUDIT_REACHABLE_FREED] = "the map refers to freed memory",
	[AUDIT_REACHABLE_RETIRED] = "the map refers to what was retired",
	[AUDIT_REACHABLE_TWICE] = "the map refers to one object in two places",
	[AUDIT_LEAKED] = "neither reachable nor retired",
	[AUDIT_LOST] = "retired, and a drain did not free it",
	[AUDIT_NOT_FOUND] = "dead for two whole cycles, and not freed",
	[AUDIT_MAP_INVALID] = "the map's structure is broken",
	[AUDIT_COUNTS] = "the domain's counters and the registry disagree",
};

/* ---------------------------------------------------------------- the registry */

/* By the place in the arena, so that a walk of the registry meets the same objects in the same order in each process. */
static uint32_t audit_chain(const struct audit *a, const void *object)
{
	const uintptr_t place = (uintptr_t)object - heap_packing(a->heap).base;

	return (uint32_t)((place >> 4) * UINT64_C(0x9e3779b97f4a7c15) >> 48);
}

struct audit_object *audit_find(const struct audit *a, const void *object)
{
	/* acquire: pairs with the release in audit_enter() */
	struct audit_object *o = load_acquire(&a->chains[audit_chain(a, object)]);

	while (o && o->address != object)
		o = o->next;
	return o;
}

/* The entry of an address, made if there is none. */
static struct audit_object *audit_enter(struct audit *a, void *object)
{
	const uint32_t chain = audit_chain(a, object);
	pthread_mutex_t *lock = &a->shards[chain % AUDIT_N_SHARDS].lock;
	struct audit_object *o = audit_find(a, object);

	if (o)
		return o;
	pthread_mutex_lock(lock);
	o = audit_find(a, object);
	if (!o) {
		o = calloc(1, sizeof(*o)); /* released by audit_destroy() */
		if (!o) {
			fprintf(stderr, "audit: no memory for the registry\n");
			abort();
		}
		o->address = object;
		o->next = load_relaxed(&a->chains[chain]); /* relaxed: under the lock */
		store_release(&a->chains[chain], o);	   /* pairs with audit_find() */
		add_relaxed(&a->n_addresses, 1);	   /* statistics */
	}
	pthread_mutex_unlock(lock);
	return o;
}

/* Span heap: the object that an address lies in; NULL: none. */
static void *audit_base(const struct audit *a, const void *address)
{
	const struct heap_span *s;
	uint32_t i;

	s = heap_span_of(a->heap, address);
	if (!s)
		return NULL;
	i = heap_span_index(s, address);
	return i < s->n_elems ? heap_span_object(s, i) : NULL;
}

/* What was done to an object, by whom; relaxed: for messages. */
static void audit_note(struct audit *a, struct audit_object *o, enum audit_state state,
		       uint32_t thread)
{
	store_relaxed(&o->events[state], (uint64_t)thread << 48 | add_relaxed(&a->sequence, 1));
}

/* ---------------------------------------------------------------- faults */

static int audit_say_event(const struct audit_object *o, enum audit_state state, const char *verb,
			   char *out, size_t size)
{
	const uint64_t event = load_relaxed(&o->events[state]);

	if (!event)
		return 0;
	return snprintf(out, size, "; last %s by thread %u as event %" PRIu64, verb,
			(unsigned)(event >> 48), event & ((UINT64_C(1) << 48) - 1));
}

void audit_fault_at(struct audit *a, enum audit_fault fault, const void *address,
		    const char *detail)
{
	const struct audit_object *o = address ? audit_find(a, address) : NULL;
	char what[512];
	int n;

	add_relaxed(&a->n_faults[fault], 1);
	n = snprintf(what, sizeof(what), "%s: %s", audit_fault_names[fault],
		     audit_fault_texts[fault]);
	if (address)
		n += snprintf(what + n, sizeof(what) - (size_t)n, ": %p", address);
	if (o) {
		const uint64_t word = load_relaxed(&o->word);

		n += snprintf(what + n, sizeof(what) - (size_t)n,
			      ", a %s of %" PRIu64 " bytes, generation %" PRIu64,
			      obj_class_names[load_relaxed(&o->class)], load_relaxed(&o->bytes),
			      audit_word_generation(word));
		n += audit_say_event(o, AUDIT_ALLOCATED, "allocated", what + n,
				     sizeof(what) - (size_t)n);
		n += audit_say_event(o, AUDIT_RETIRED, "retired", what + n,
				     sizeof(what) - (size_t)n);
		n += audit_say_event(o, AUDIT_FREED, "freed", what + n, sizeof(what) - (size_t)n);
	}
	if (detail && *detail && (size_t)n < sizeof(what))
		snprintf(what + n, sizeof(what) - (size_t)n, "; %s", detail);
	if (!a->on_fault) {
		fprintf(stderr, "audit: %s\n", what);
		abort();
	}
	a->on_fault(a->fault_ctx, fault, what);
}

void audit_report(struct reclaim *r, enum audit_fault fault, const void *object, const char *detail)
{
	if (r->audit)
		audit_fault_at(r->audit, fault, object, detail);
}

bool audit_is_on(const struct reclaim *r)
{
	return r->audit != NULL;
}

uint64_t audit_n_faults(const struct reclaim *r, enum audit_fault fault)
{
	uint64_t n = 0;

	for (int i = 0; r->audit && i < AUDIT_N_FAULTS; i++)
		if (fault == AUDIT_N_FAULTS || (int)fault == i)
			n += load_relaxed(&r->audit->n_faults[i]);
	return n;
}

void audit_counts(const struct reclaim *r, struct audit_counts *out)
{
	const struct audit *a = r->audit;

	*out = (struct audit_counts){0};
	if (!a)
		return;
	/* relaxed, all: statistics */
	out->n_checkpoints = load_relaxed(&a->n_checkpoints);
	out->n_walked = load_relaxed(&a->n_walked);
	out->n_addresses = load_relaxed(&a->n_addresses);
	out->n_seen = load_relaxed(&a->n_seen);
	out->registry_bytes = sizeof(*a) + AUDIT_N_CHAINS * sizeof(*a->chains) +
			      out->n_addresses * sizeof(struct audit_object);
}

/* ---------------------------------------------------------------- an object's way */

static void audit_allocated(struct reclaim_thread *t, void *object, enum obj_class class,
			    size_t bytes)
{
	struct audit *a = t->r->audit;
	struct audit_object *o = audit_enter(a, object);
	uint64_t word = load_seq_cst(&o->word);

	if (audit_word_state(word) != AUDIT_FREED)
		audit_fault_at(a, AUDIT_ALLOC_IN_USE, object, NULL);
	store_relaxed(&o->class, class);
	store_relaxed(&o->bytes, bytes);
	audit_note(a, o, AUDIT_ALLOCATED, t->index);
	store_seq_cst(&o->word, (audit_word_generation(word) + 1) << 2 | AUDIT_ALLOCATED);
	if (t->r->ops->allocated)
		t->r->ops->allocated(t, object, class, bytes);
}

/* In place of the strategy's retire; TRACES: there is none, the audit alone is told. */
static void audit_retire(struct reclaim_thread *t, void *object)
{
	struct audit *a = t->r->audit;
	struct audit_object *o = audit_find(a, object);
	uint64_t word;

	if (!o) {
		audit_fault_at(a, AUDIT_RETIRE_UNKNOWN, object, NULL);
		return;
	}
	word = load_seq_cst(&o->word);
	do {
		if (audit_word_state(word) != AUDIT_ALLOCATED) {
			audit_fault_at(a,
				       audit_word_state(word) == AUDIT_FREED ? AUDIT_RETIRE_FREED
									     : AUDIT_DOUBLE_RETIRE,
				       object, NULL);
			return;
		}
	} while (!cas_seq_cst(&o->word, &word, (word & ~UINT64_C(3)) | AUDIT_RETIRED));
	audit_note(a, o, AUDIT_RETIRED, t->index);
	store_relaxed(&o->retire_cycle, load_relaxed(&a->n_sweeps)); /* relaxed: read while quiet */
	if (!(t->r->flags & TRACES))
		t->r->ops->retire(t, object);
}

void audit_wrap_ops(struct reclaim_ops *out, const struct reclaim_ops *ops)
{
	*out = *ops;
	out->allocated = audit_allocated;
	out->retire = audit_retire;
}

void audit_unalloc(struct audit *a, uint32_t thread, void *object)
{
	struct audit_object *o = audit_find(a, object);

	if (!o)
		return; /* the free finds it */
	audit_note(a, o, AUDIT_RETIRED, thread);
	store_seq_cst(&o->word, (load_relaxed(&o->word) & ~UINT64_C(3)) | AUDIT_RETIRED);
}

/* The heap is about to free and poison an object.  False: do not. */
static bool audit_freeing(void *ctx, uint32_t thread, void *object, enum obj_class class)
{
	struct audit *a = ctx;
	struct audit_object *o = audit_find(a, object);
	uint64_t word;

	if (!o) {
		audit_fault_at(a, AUDIT_FREE_UNKNOWN, object, NULL);
		return false;
	}
	word = load_seq_cst(&o->word);
	do {
		if (audit_word_state(word) == AUDIT_FREED) {
			audit_fault_at(a, AUDIT_DOUBLE_FREE, object, NULL);
			return false;
		}
		/* Garbage is freed as it is made unless the strategy collects it. */
		if (audit_word_state(word) == AUDIT_ALLOCATED && class != OBJ_GARBAGE &&
		    !(a->r->flags & TRACES))
			audit_fault_at(a, AUDIT_FREE_NOT_RETIRED, object, NULL);
	} while (!cas_seq_cst(&o->word, &word, (word & ~UINT64_C(3)) | AUDIT_FREED));
	audit_note(a, o, AUDIT_FREED, thread);
	if (load_seq_cst(&o->n_held))
		audit_fault_at(a, AUDIT_FREE_HELD, object, NULL);
	return true;
}

static void audit_written(void *ctx, const void *object, size_t offset)
{
	char detail[64];

	snprintf(detail, sizeof(detail), "at byte %zu", offset);
	audit_fault_at(ctx, AUDIT_WRITE_FREED, object, detail);
}

static bool audit_is_freed(void *ctx, const void *object)
{
	const struct audit_object *o = audit_find(ctx, object);

	return o && audit_word_state(load_seq_cst(&o->word)) == AUDIT_FREED;
}

/* ---------------------------------------------------------------- readers */

uint64_t audit_hold(struct reclaim *r, const void *object)
{
	struct audit *a = r->audit;
	struct audit_object *o;
	uint64_t word;

	if (!a)
		return 0;
	add_relaxed(&a->n_seen, 1); /* statistics */
	o = audit_find(a, object);
	if (!o) {
		audit_fault_at(a, AUDIT_READ_FREED, object,
			       "a reader holds what never was an object");
		return 0;
	}
	add_seq_cst(&o->n_held, 1);
	word = load_seq_cst(&o->word);
	if (audit_word_state(word) == AUDIT_FREED)
		audit_fault_at(a, AUDIT_READ_FREED, object, NULL);
	return audit_word_generation(word);
}

void audit_let_go(struct reclaim *r, const void *object, uint64_t generation)
{
	struct audit *a = r->audit;
	struct audit_object *o = a ? audit_find(a, object) : NULL;

	if (!o)
		return;
	if (audit_word_generation(load_seq_cst(&o->word)) != generation)
		audit_fault_at(a, AUDIT_READ_REUSED, object, NULL);
	/* release: pairs with the look at n_held when the object is freed */
	sub_acq_rel(&o->n_held, 1);
}

/* The entry of what an address lies in.  NULL with malloc: nothing tells whether an address is the start of an
 * object or the inside of an array. */
static struct audit_object *audit_object_at(struct audit *a, const void *address)
{
	const void *base;

	if (heap_kind(a->heap) != HEAP_SPAN)
		return NULL;
	base = audit_base(a, address);
	if (!base) {
		audit_fault_at(a, AUDIT_READ_FREED, address, "it lies in no object");
		return NULL;
	}
	return audit_find(a, base);
}

uint64_t audit_see(struct reclaim *r, const void *address)
{
	struct audit_object *o = r->audit && address ? audit_object_at(r->audit, address) : NULL;
	uint64_t word;

	if (!o)
		return 0;
	word = load_seq_cst(&o->word);
	if (audit_word_state(word) == AUDIT_FREED)
		audit_fault_at(r->audit, AUDIT_READ_FREED, o->address, NULL);
	return audit_word_generation(word);
}

void audit_same(struct reclaim *r, const void *address, uint64_t generation)
{
	struct audit_object *o = r->audit && generation ? audit_object_at(r->audit, address) : NULL;

	if (o && audit_word_generation(load_seq_cst(&o->word)) != generation)
		audit_fault_at(r->audit, AUDIT_READ_REUSED, o->address, NULL);
	else if (o && audit_word_state(load_seq_cst(&o->word)) == AUDIT_FREED)
		audit_fault_at(r->audit, AUDIT_READ_FREED, o->address, "while it was looked at");
}

/* ---------------------------------------------------------------- coming and going */

struct audit *audit_create(struct reclaim *r, audit_fault_fn *on_fault, void *ctx)
{
	struct audit *a = aligned_alloc(64, (sizeof(*a) + 63) / 64 * 64);

	if (!a)
		return NULL;
	memset(a, 0, sizeof(*a));
	a->chains = calloc(AUDIT_N_CHAINS, sizeof(*a->chains));
	if (!a->chains) {
		free(a);
		return NULL;
	}
	a->r = r;
	a->on_fault = on_fault;
	a->fault_ctx = ctx;
	a->heap_audit = (struct heap_audit){.freeing = audit_freeing,
					    .written = audit_written,
					    .is_freed = audit_is_freed,
					    .ctx = a};
	store_relaxed(&a->sequence, 1); /* 0: no event */
	for (unsigned i = 0; i < AUDIT_N_SHARDS; i++)
		pthread_mutex_init(&a->shards[i].lock, NULL);
	return a;
}

void audit_destroy(struct audit *a)
{
	if (!a)
		return;
	for (uint32_t i = 0; i < AUDIT_N_CHAINS; i++)
		for (struct audit_object *o = load_relaxed(&a->chains[i]), *next; o; o = next) {
			next = o->next;
			free(o);
		}
	for (unsigned i = 0; i < AUDIT_N_SHARDS; i++)
		pthread_mutex_destroy(&a->shards[i].lock);
	free((void *)a->chains);
	free(a);
}
