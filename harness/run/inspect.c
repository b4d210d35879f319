/* SPDX-License-Identifier: MIT */
/* inspect.c - looks at a map through hmap_trace(), at its memory through heap_visit() and /proc/self/smaps. */
#include "run/inspect.h"

#include <inttypes.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "hmap_layout.h"
#include "units.h"

enum { INSPECT_MAX_CHAIN = 8, INSPECT_N_TOPS = 6 };
static const char *const inspect_top_names[INSPECT_N_TOPS] = {
	"emptyRest", "emptyOne", "evacuatedX", "evacuatedY", "evacuatedEmpty", "filled"};

struct inspect_array {
	const char *base;
	uint64_t n_buckets;
	uint64_t n_cells[INSPECT_N_TOPS];
	uint64_t n_chains[INSPECT_MAX_CHAIN +
			  1]; /* by buckets behind the head; the last: as many or more */
	uint64_t n_overflow, n_overflow_objects;
	const void *lowest, *highest; /* of the overflow objects */
	uint64_t index;		      /* of the chain being walked */
	unsigned length;
	bool is_in_chain;
};
struct inspect {
	struct inspect_array arrays[2]; /* buckets, oldbuckets */
	unsigned at;
};

static void inspect_end_chain(struct inspect_array *a)
{
	if (a->is_in_chain)
		a->n_chains[a->length < INSPECT_MAX_CHAIN ? a->length : INSPECT_MAX_CHAIN]++;
	a->is_in_chain = false;
}

static bool inspect_on_array(void *ctx, void *array, uint64_t n_buckets, bool is_old)
{
	struct inspect *in = ctx;

	inspect_end_chain(&in->arrays[in->at]);
	in->at = is_old;
	in->arrays[in->at] = (struct inspect_array){.base = array, .n_buckets = n_buckets};
	return true;
}

static bool inspect_on_bucket(void *ctx, void *bucket, void *array, uint64_t index,
			      bool is_overflow_object)
{
	struct inspect *in = ctx;
	struct inspect_array *a = &in->arrays[in->at];
	const struct bucket *b = bucket;
	/* relaxed: quiet */
	const uint64_t word = load_relaxed(&b->tophash);

	for (unsigned i = 0; i < HMAP_N_CELLS; i++) {
		const uint8_t top = tophash_at(word, i);

		a->n_cells[top < MIN_TOPHASH ? top : MIN_TOPHASH]++;
	}
	if ((const char *)bucket == (const char *)array + index * HMAP_BUCKET_BYTES) {
		inspect_end_chain(a);
		a->is_in_chain = true;
		a->length = 0;
		return false;
	}
	a->length++;
	a->n_overflow++;
	if (!is_overflow_object)
		return false;
	a->n_overflow_objects++;
	if (!a->lowest || bucket < a->lowest)
		a->lowest = bucket;
	if (bucket > a->highest)
		a->highest = bucket;
	return false;
}

/* ---------------------------------------------------------------- pages */

struct inspect_pages {
	bool is_known;
	unsigned long long size_kib, rss_kib, huge_kib, page_kib;
};

/* The mapping that an address lies in. */
static struct inspect_pages inspect_smaps(const void *address)
{
	struct inspect_pages pages = {0};
	FILE *f = fopen("/proc/self/smaps", "re");
	unsigned long long from, to;
	bool is_here = false;
	char line[512];

	while (f && fgets(line, sizeof(line), f)) {
		if (sscanf(line, "%llx-%llx ", &from, &to) == 2 &&
		    strchr(line, '-') < strchr(line, ' ')) {
			if (is_here)
				break;
			is_here = (uintptr_t)address >= from && (uintptr_t)address < to;
			pages.is_known |= is_here;
		} else if (is_here) {
			sscanf(line, "Size: %llu", &pages.size_kib);
			sscanf(line, "Rss: %llu", &pages.rss_kib);
			sscanf(line, "AnonHugePages: %llu", &pages.huge_kib);
			sscanf(line, "KernelPageSize: %llu", &pages.page_kib);
		}
	}
	if (f)
		fclose(f);
	return pages;
}

static void inspect_print_pages(const void *address, FILE *out)
{
	const struct inspect_pages p = inspect_smaps(address);

	if (!p.is_known) {
		fprintf(out, "    pages: unknown (/proc/self/smaps cannot be read)\n");
		return;
	}
	fprintf(out,
		"    pages: of %llu KiB; its mapping holds %llu KiB of %llu, of those %llu KiB "
		"huge pages\n",
		p.page_kib, p.rss_kib, p.size_kib, p.huge_kib);
}

static void inspect_print_array(const char *name, const struct inspect_array *a, FILE *out)
{
	fprintf(out, "  %-11s %" PRIu64 " buckets at %p .. %p\n", name, a->n_buckets,
		(const void *)a->base, (const void *)(a->base + a->n_buckets * HMAP_BUCKET_BYTES));
	inspect_print_pages(a->base, out);
	fprintf(out, "    cells:");
	for (unsigned i = 0; i < INSPECT_N_TOPS; i++)
		fprintf(out, " %s %" PRIu64, inspect_top_names[i], a->n_cells[i]);
	fprintf(out, "\n    chains:");
	for (unsigned i = 0; i <= INSPECT_MAX_CHAIN; i++)
		if (a->n_chains[i])
			fprintf(out, " %" PRIu64 " with %u%s overflow", a->n_chains[i], i,
				i == INSPECT_MAX_CHAIN ? " or more" : "");
	fprintf(out, "\n    overflow buckets: %" PRIu64 ", of those objects of their own %" PRIu64,
		a->n_overflow, a->n_overflow_objects);
	if (a->lowest) {
		fprintf(out, " at %p .. %p\n", a->lowest, a->highest);
		inspect_print_pages(a->lowest, out);
	} else {
		fprintf(out, "\n");
	}
}

void inspect_map(struct hmap *m, struct reclaim_thread *t, FILE *out)
{
	struct inspect in = {0};
	const struct hmap_visitor visitor = {
		.ctx = &in, .array = inspect_on_array, .bucket = inspect_on_bucket};
	struct hmap_state state;

	hmap_state(m, t, &state);
	fprintf(out,
		"  count %" PRIu64 ", B %u, noverflow %" PRIu32 ", growths %" PRIu64
		", revivals %" PRIu64 "\n",
		state.count, state.b, state.noverflow, state.n_growths, state.n_revivals);
	if (!state.has_array) {
		fprintf(out, "  buckets     none: the first insert makes them\n");
		return;
	}
	hmap_trace(m, t, &visitor);
	inspect_end_chain(&in.arrays[in.at]);
	inspect_print_array("buckets", &in.arrays[0], out);
	if (!state.is_growing) {
		fprintf(out, "  oldbuckets  none\n");
		return;
	}
	inspect_print_array("oldbuckets", &in.arrays[1], out);
	fprintf(out, "  nevacuate   %" PRIu64 " of %" PRIu64 "%s\n", state.nevacuate,
		in.arrays[1].n_buckets, state.is_same_size ? " (same-size growth)" : "");
}

/* ---------------------------------------------------------------- who holds what */

struct inspect_held {
	uint64_t n[OBJ_N_CLASSES], bytes[OBJ_N_CLASSES], oldest_ticks[OBJ_N_CLASSES];
	const void *oldest[OBJ_N_CLASSES];
};

static void inspect_on_object(void *ctx, void *object, enum obj_class class, size_t bytes,
			      struct heap_stamps *stamps)
{
	struct inspect_held *held = ctx;

	if (!stamps || !stamps->retired_ticks)
		return;
	held->n[class]++;
	held->bytes[class] += bytes;
	if (!held->oldest[class] || stamps->retired_ticks < held->oldest_ticks[class]) {
		held->oldest_ticks[class] = stamps->retired_ticks;
		held->oldest[class] = object;
	}
}

struct inspect_threads {
	FILE *out;
	const struct reclaim_thread *self;
};

static void inspect_on_thread(void *ctx, struct reclaim_thread *t)
{
	const struct inspect_threads *threads = ctx;

	if (t == threads->self)
		return;
	fprintf(threads->out, "  thread %u (%s): registered\n", t->index,
		reclaim_role_names[t->role]);
}

uint64_t inspect_why(struct reclaim *r, struct hmap *m, struct reclaim_thread *t, FILE *out)
{
	const struct clock *clock = reclaim_clock(r);
	struct inspect_threads threads = {.out = out, .self = t};
	struct inspect_held held = {0};
	struct hmap_state state;
	uint64_t n = 0, now;
	char text[32], age[32];

	reclaim_quiet_begin(r);
	heap_visit(reclaim_heap(r), inspect_on_object, &held);
	reclaim_quiet_end(r);
	now = clock_ticks(clock);
	for (int class = 0; class < OBJ_N_CLASSES; class ++) {
		if (!held.n[class])
			continue;
		n += held.n[class];
		fprintf(out,
			"  held: %" PRIu64 " of class %s, %s; the oldest, %p, was retired %s ago\n",
			held.n[class], obj_class_names[class],
			units_format_bytes(text, sizeof(text), (double)held.bytes[class]),
			held.oldest[class],
			units_format_ns(
				age, sizeof(age),
				(double)clock_delta_ns(clock, held.oldest_ticks[class], now)));
	}
	if (!n)
		fprintf(out, "  held: nothing that was retired\n");
	hmap_state(m, t, &state);
	if (state.is_growing)
		fprintf(out,
			"  held by the map: oldbuckets, %s, until nevacuate (%" PRIu64
			") reaches the end\n",
			units_format_bytes(text, sizeof(text), (double)state.old_array_bytes),
			state.nevacuate);
	reclaim_for_each_thread(r, inspect_on_thread, &threads);
	if (reclaim_ops(r)->explain)
		reclaim_ops(r)->explain(r, out);
	return n;
}
