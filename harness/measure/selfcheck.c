/* SPDX-License-Identifier: MIT */
/* selfcheck.c - Little's law and conservation; see selfcheck.h. */
#include "measure/selfcheck.h"

#include <errno.h>
#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* ---------------------------------------------------------------- Little's law */

static double little_ratio(double stamps, double gauge)
{
	if (gauge == 0)
		return stamps == 0 ? 1 : INFINITY;
	return stamps / gauge;
}

void selfcheck_little(struct selfcheck_little *out, const struct reclaim_totals *end,
		      uint64_t stage_ticks, const struct life_recorder *rec)
{
	const __int128 ticks = (__int128)stage_ticks;
	__int128 objects_sum = 0, bytes_sum = 0;

	memset(out, 0, sizeof(*out));
	/* Exact: for short lives the sums are large and all but equal. */
	for (int c = 0; c < OBJ_N_CLASSES; c++) {
		/* What is in limbo at the end counts as if it had been there all through the stage; take off
		 * what lies before each retire, put back what lies before each free. */
		const int64_t n = (int64_t)(end->n_stamped_retired[c] - end->n_stamped_freed[c]);
		const int64_t bytes =
			(int64_t)(end->stamped_retired_bytes[c] - end->stamped_freed_bytes[c]);

		objects_sum += n * ticks - end->retire_ticks_sum[c] + end->free_ticks_sum[c];
		bytes_sum +=
			bytes * ticks - end->retire_byte_ticks_sum[c] + end->free_byte_ticks_sum[c];
	}
	out->gauge_object_ticks = (double)objects_sum;
	out->gauge_byte_ticks = (double)bytes_sum;
	out->stamp_object_ticks = rec->limbo_object_ticks;
	out->stamp_byte_ticks = rec->limbo_byte_ticks;
	const double objects = little_ratio(out->stamp_object_ticks, out->gauge_object_ticks);
	const double bytes = little_ratio(out->stamp_byte_ticks, out->gauge_byte_ticks);

	out->ratio = fabs(objects - 1) >= fabs(bytes - 1) ? objects : bytes;
	out->is_good = fabs(out->ratio - 1) <= SELFCHECK_LITTLE_TOLERANCE;
}

/* ---------------------------------------------------------------- conservation */

/* Objects the maps reach: a set of addresses, open addressing, at most half full. */
struct reach_set {
	uintptr_t *slots;
	size_t mask;
	size_t n;
	int error;
	struct heap *heap;
	struct selfcheck_conservation *out;
};

static size_t reach_hash(uintptr_t address)
{
	return (size_t)((address >> 4) * UINT64_C(0x9e3779b97f4a7c15) >> 20);
}

static bool reach_put(uintptr_t *slots, size_t mask, uintptr_t address)
{
	size_t i = reach_hash(address) & mask;

	while (slots[i] != 0) {
		if (slots[i] == address)
			return false;
		i = (i + 1) & mask;
	}
	slots[i] = address;
	return true;
}

static int reach_grow(struct reach_set *set)
{
	const size_t mask = set->slots != NULL ? set->mask * 2 + 1 : 65535;
	uintptr_t *slots = calloc(mask + 1, sizeof(*slots));

	if (slots == NULL)
		return -ENOMEM;
	for (size_t i = 0; set->slots != NULL && i <= set->mask; i++)
		if (set->slots[i] != 0)
			reach_put(slots, mask, set->slots[i]);
	free(set->slots);
	set->slots = slots;
	set->mask = mask;
	return 0;
}

/* Count an object once, however many references lead to it. */
static void reach_add(struct reach_set *set, void *object)
{
	if (object == NULL || set->error != 0)
		return;
	if (set->slots == NULL || set->n * 2 > set->mask)
		set->error = reach_grow(set);
	if (set->error != 0 || !reach_put(set->slots, set->mask, (uintptr_t)object))
		return;
	struct selfcheck_class *class = &set->out->class[heap_class(set->heap, object)];

	set->n++;
	class->n_live++;
	class->live_bytes += heap_bytes(set->heap, object);
}

static bool reach_table(void *ctx, void *table)
{
	reach_add(ctx, table);
	return true;
}

static bool reach_array(void *ctx, void *array, uint64_t n_buckets, bool is_old)
{
	(void)n_buckets;
	(void)is_old;
	reach_add(ctx, array);
	return true;
}

static bool reach_bucket(void *ctx, void *bucket, void *array, uint64_t index,
			 bool is_overflow_object)
{
	(void)array;
	(void)index;
	if (is_overflow_object)
		reach_add(ctx, bucket);
	return true;
}

/* First tophash of a filled cell; below it a cell is empty or a stale copy of a moved entry. */
#define FIRST_FILLED_TOPHASH 5

static void reach_payload(void *ctx, void *payload, uint8_t tophash)
{
	if (tophash >= FIRST_FILLED_TOPHASH)
		reach_add(ctx, payload);
}

static void count_present(void *ctx, void *object, enum obj_class class, size_t bytes,
			  struct heap_stamps *stamps)
{
	struct selfcheck_conservation *out = ctx;

	(void)object;
	(void)stamps;
	out->class[class].n_present++;
	out->class[class].present_bytes += bytes;
}

static void take_counters(struct selfcheck_conservation *out, struct reclaim *r)
{
	struct reclaim_totals totals;
	struct reclaim_stats stats;

	reclaim_totals(r, &totals);
	for (int c = 0; c < OBJ_N_CLASSES; c++) {
		out->class[c].n_limbo = totals.n_retired[c] - totals.n_freed[c];
		out->class[c].limbo_bytes = totals.retired_bytes[c] - totals.freed_bytes[c];
		out->class[c].n_held = totals.n_allocated[c] - totals.n_freed[c];
		out->class[c].held_bytes = totals.allocated_bytes[c] - totals.freed_bytes[c];
	}
	out->n_pending = UINT64_MAX;
	if (reclaim_flags(r) & TRACES)
		return;
	memset(&stats, 0, sizeof(stats));
	reclaim_ops(r)->stats(r, &stats);
	out->n_pending = stats.n_pending;
}

/* Note the first difference, and the largest. */
static void note(struct selfcheck_conservation *out, const char *class, const char *what,
		 uint64_t a, uint64_t b, uint64_t *largest)
{
	/* Signed: a counter that fell below 0 is off by little, not by 2^64. */
	const int64_t signed_difference = (int64_t)(a - b);
	const uint64_t difference =
		(uint64_t)(signed_difference < 0 ? -signed_difference : signed_difference);

	if (difference == 0)
		return;
	if (out->text[0] == '\0')
		snprintf(out->text, sizeof(out->text), "%s: %s: %" PRIu64 " against %" PRIu64,
			 class, what, a, b);
	if (difference > *largest)
		*largest = difference;
}

/* A map that is dropped retires its array under the class of a whole map: both count together. */
static void merge_map_into_array(struct selfcheck_class *array, const struct selfcheck_class *map)
{
	array->n_live += map->n_live;
	array->live_bytes += map->live_bytes;
	array->n_present += map->n_present;
	array->present_bytes += map->present_bytes;
	array->n_limbo += map->n_limbo;
	array->limbo_bytes += map->limbo_bytes;
	array->n_held += map->n_held;
	array->held_bytes += map->held_bytes;
}

void selfcheck_compare(struct selfcheck_conservation *out)
{
	uint64_t n_limbo = 0;

	out->error_objects = 0;
	out->error_bytes = 0;
	out->text[0] = '\0';
	for (int c = 0; c < OBJ_N_CLASSES; c++) {
		struct selfcheck_class s = out->class[c];

		n_limbo += s.n_limbo;
		if (c == OBJ_MAP)
			continue;
		if (c == OBJ_ARRAY)
			merge_map_into_array(&s, &out->class[OBJ_MAP]);
		note(out, obj_class_names[c], "objects in the heap, allocated - freed", s.n_present,
		     s.n_held, &out->error_objects);
		note(out, obj_class_names[c], "objects live + limbo, allocated - freed",
		     s.n_live + s.n_limbo, s.n_held, &out->error_objects);
		note(out, obj_class_names[c], "bytes in the heap, allocated - freed",
		     s.present_bytes, s.held_bytes, &out->error_bytes);
		note(out, obj_class_names[c], "bytes live + limbo, allocated - freed",
		     s.live_bytes + s.limbo_bytes, s.held_bytes, &out->error_bytes);
	}
	if (out->n_pending != UINT64_MAX)
		note(out, "all", "objects pending in the strategy, retired - freed", out->n_pending,
		     n_limbo, &out->error_objects);
	out->is_good = out->error_objects == 0 && out->error_bytes == 0;
}

int selfcheck_conservation(struct selfcheck_conservation *out, struct reclaim *r,
			   struct reclaim_thread *t, struct hmap *const *maps, size_t n_maps)
{
	struct reach_set set = {.heap = reclaim_heap(r), .out = out};
	const struct hmap_visitor visitor = {.ctx = &set,
					     .table = reach_table,
					     .array = reach_array,
					     .bucket = reach_bucket,
					     .payload = reach_payload};

	memset(out, 0, sizeof(*out));
	for (size_t i = 0; i < n_maps; i++)
		hmap_trace(maps[i], t, &visitor);
	free(set.slots);
	if (set.error != 0)
		return set.error;
	heap_visit(set.heap, count_present, out);
	take_counters(out, r);
	selfcheck_compare(out);
	return 0;
}
