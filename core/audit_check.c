/* SPDX-License-Identifier: MIT */
/* audit_check.c - checkpoints: walking the roots and the registry while all is quiet. */
#include <inttypes.h>
#include <stdio.h>

#include "audit_internal.h"
#include "hmap.h"
#include "hmap_layout.h"
#include "reclaim_internal.h"

struct audit_walk {
	struct audit *a;
	struct reclaim_thread *t;
	uint32_t number;
	bool is_checkpoint;	   /* states and double references are checked */
	audit_is_kept_fn *is_kept; /* or NULL */
	void *ctx;
	uint64_t n;
};

/* Mark as reached in this walk; false: it was already. */
static bool audit_reach(struct audit_walk *w, struct audit_object *o)
{
	/* relaxed: the walk is one thread's */
	if (load_relaxed(&o->walk) == w->number)
		return false;
	store_relaxed(&o->walk, w->number);
	w->n++;
	return true;
}

/* A reference that counts: what it refers to must be alive, and kept.  False: do not look into it. */
static bool audit_walk_object(struct audit_walk *w, void *object)
{
	struct audit_object *o = audit_find(w->a, object);
	enum audit_state state;

	if (!o) {
		audit_fault_at(w->a, AUDIT_REACHABLE_FREED, object, "it never was an object");
		return false;
	}
	state = audit_word_state(load_seq_cst(&o->word));
	if (state == AUDIT_FREED) {
		audit_fault_at(w->a, AUDIT_REACHABLE_FREED, object, NULL);
		return false;
	}
	if (!audit_reach(w, o) && w->is_checkpoint)
		audit_fault_at(w->a, AUDIT_REACHABLE_TWICE, object, NULL);
	if (w->is_checkpoint && state == AUDIT_RETIRED)
		audit_fault_at(w->a, AUDIT_REACHABLE_RETIRED, object, NULL);
	if (w->is_kept && !w->is_kept(w->ctx, object))
		audit_fault_at(w->a, AUDIT_UNMARKED, object, NULL);
	return true;
}

static bool audit_walk_table(void *ctx, void *table)
{
	return audit_walk_object(ctx, table);
}
static bool audit_walk_array(void *ctx, void *array, uint64_t n_buckets, bool is_old)
{
	(void)n_buckets;
	(void)is_old;
	return audit_walk_object(ctx, array);
}

static bool audit_walk_bucket(void *ctx, void *bucket, void *array, uint64_t index,
			      bool is_own_object)
{
	(void)array;
	(void)index;
	return !is_own_object || audit_walk_object(ctx, bucket);
}

/* Dead, but a collector that scans a whole array keeps it. */
static void audit_walk_stale(void *ctx, void *object)
{
	const struct audit_walk *w = ctx;
	struct audit_object *o = audit_find(w->a, object);

	if (!o)
		return;
	/* relaxed: the walk is one thread's.  What may still be marked by this is as good as retired only now. */
	store_relaxed(&o->stale_walk, w->number);
	store_relaxed(&o->retire_cycle, load_relaxed(&w->a->n_sweeps));
}

/* A filled cell's payload must be there; what a stale one refers to is only noted, it may have been freed. */
static void audit_walk_payload(void *ctx, void *payload, uint8_t tophash)
{
	if (tophash >= MIN_TOPHASH)
		audit_walk_object(ctx, payload);
	else
		audit_walk_stale(ctx, payload);
}

static void audit_walk_other(void *ctx, void *object)
{
	audit_walk_object(ctx, object);
}

static void audit_walk_root(void *ctx, struct reclaim_root *root)
{
	struct audit_walk *w = ctx;
	struct hmap *m = hmap_from_root(root);
	const struct hmap_visitor visitor = {.ctx = w,
					     .table = audit_walk_table,
					     .array = audit_walk_array,
					     .bucket = audit_walk_bucket,
					     .payload = audit_walk_payload,
					     .stale = audit_walk_stale};

	if (m)
		hmap_trace(m, w->t, &visitor);
	else
		root->trace(root, w->t, audit_walk_other, w);
}

static void audit_walk_roots(struct audit_walk *w)
{
	/* relaxed: walks are one at a time, quiet or the world stopped */
	w->number = add_relaxed(&w->a->walk, 1) + 1;
	reclaim_for_each_root(w->a->r, audit_walk_root, w);
	add_relaxed(&w->a->n_walked, w->n);
}

void audit_before_sweep(struct reclaim *r, struct reclaim_thread *t, audit_is_kept_fn *is_kept,
			void *ctx)
{
	struct audit_walk w = {.a = r->audit, .t = t, .is_kept = is_kept, .ctx = ctx};

	if (!r->audit)
		return;
	add_relaxed(&r->audit->n_sweeps, 1); /* relaxed: the world is stopped */
	audit_walk_roots(&w);
}

/* ---------------------------------------------------------------- checkpoints */

static void audit_validate_root(void *ctx, struct reclaim_root *root)
{
	struct hmap *m = hmap_from_root(root);
	char message[160];

	if (m && hmap_validate(m, message, sizeof(message)))
		audit_fault_at(ctx, AUDIT_MAP_INVALID, NULL, message);
}

struct audit_sums {
	uint64_t n_unfreed[OBJ_N_CLASSES], n_retired[OBJ_N_CLASSES];
};

static void audit_check_object(struct audit *a, const struct audit_object *o, unsigned flags,
			       struct audit_sums *sums)
{
	const uint32_t strategy = a->r->flags;
	const enum audit_state state = audit_word_state(load_seq_cst(&o->word));
	const uint32_t class = load_relaxed(&o->class);
	const uint32_t walk = load_relaxed(&a->walk);
	const bool is_reached =
		load_relaxed(&o->walk) == walk || load_relaxed(&o->stale_walk) == walk;

	if (state == AUDIT_FREED)
		return;
	sums->n_unfreed[class]++;
	sums->n_retired[class] += state == AUDIT_RETIRED;
	if (strategy & NEVER_FREES || is_reached)
		return;
	if (state == AUDIT_ALLOCATED && class != OBJ_GARBAGE) {
		audit_fault_at(a, AUDIT_LEAKED, o->address, NULL);
		return;
	}
	if (strategy & TRACES) {
		/* Retired (or last referred to by a stale cell) when n flips had been: flip n + 1 may find it
		 * marked already, flip n + 2 must not, and the sweep that follows is over before flip n + 3. */
		if (!(flags & AUDIT_IMPRECISE) && state == AUDIT_RETIRED &&
		    load_relaxed(&a->n_sweeps) > load_relaxed(&o->retire_cycle) + 2)
			audit_fault_at(a, AUDIT_NOT_FOUND, o->address, NULL);
		return;
	}
	if (flags & AUDIT_AFTER_DRAIN)
		audit_fault_at(a, AUDIT_LOST, o->address, NULL);
}

/* Conservation, per class: what was allocated and not freed is what the registry holds. */
static void audit_check_counts(struct audit *a, const struct audit_sums *sums)
{
	struct reclaim_totals totals;
	char detail[160];

	reclaim_totals(a->r, &totals);
	for (int k = 0; k < OBJ_N_CLASSES; k++) {
		const uint64_t n_unfreed = totals.n_allocated[k] - totals.n_freed[k];

		if (n_unfreed == sums->n_unfreed[k])
			continue;
		snprintf(detail, sizeof(detail),
			 "%s: %" PRIu64 " allocated, %" PRIu64 " freed, %" PRIu64
			 " in the registry",
			 obj_class_names[k], totals.n_allocated[k], totals.n_freed[k],
			 sums->n_unfreed[k]);
		audit_fault_at(a, AUDIT_COUNTS, NULL, detail);
	}
}

uint64_t audit_check(struct reclaim *r, struct reclaim_thread *t, unsigned flags)
{
	struct audit *a = r->audit;
	struct audit_walk w = {.a = a, .t = t, .is_checkpoint = true};
	const uint64_t n_before = audit_n_faults(r, AUDIT_N_FAULTS);
	struct audit_sums sums = {0};

	if (!a)
		return 0;
	reclaim_for_each_root(r, audit_validate_root, a);
	audit_walk_roots(&w);
	for (uint32_t i = 0; i < AUDIT_N_CHAINS; i++)
		/* acquire: pairs with the release of whoever pushed onto the chain */
		for (const struct audit_object *o = load_acquire(&a->chains[i]); o; o = o->next)
			audit_check_object(a, o, flags, &sums);
	audit_check_counts(a, &sums);
	add_relaxed(&a->n_checkpoints, 1);
	return audit_n_faults(r, AUDIT_N_FAULTS) - n_before;
}
