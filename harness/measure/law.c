/* SPDX-License-Identifier: MIT */
/* law.c - sampling freed objects, and placing them in the collector's cycles; see law.h. */
#include "measure/law.h"

#include <errno.h>
#include <math.h>
#include <stdlib.h>

/* ---------------------------------------------------------------- watching */

/* Classes whose lives are their own: an evacuated bucket's is its array's, garbage has none. */
static bool law_is_watched(enum obj_class class)
{
	return class == OBJ_VALUE || class == OBJ_BUCKET || class == OBJ_ARRAY || class == OBJ_MAP;
}

/* The log is full: which of those that follow is kept next?  A fair sample gives each a lot in (0, 1] and keeps the
 * smallest; instead of all lots, the largest of those kept is drawn, and how many follow until one is below it (Li
 * 1994, algorithm L).  So an object that is not kept costs a comparison. */
static void law_draw(struct law_log *l)
{
	l->largest *= exp(log(rng_unit(&l->rng)) / LAW_LOG_EVENTS);
	l->next_kept =
		l->n_seen + 1 + (uint64_t)fmin(log(rng_unit(&l->rng)) / log1p(-l->largest), 1e18);
}

void law_observe(void *ctx, enum obj_class class, const struct heap_stamps *stamps,
		 uint64_t safe_ticks, uint64_t freed_ticks)
{
	struct law_log *log = ctx;
	size_t at;

	(void)safe_ticks;
	if (!law_is_watched(class))
		return;
	log->n_seen++;
	if (log->n < LAW_LOG_EVENTS) {
		at = log->n++;
		log->largest = 1;
	} else if (log->n_seen < log->next_kept) {
		return;
	} else {
		at = (size_t)rng_below(&log->rng, LAW_LOG_EVENTS);
	}
	if (log->n == LAW_LOG_EVENTS)
		law_draw(log);
	log->events[at] = (struct law_event){.dead_ticks = stamps->retired_ticks,
					     .freed_ticks = freed_ticks,
					     .class = class,
					     .thread = log->thread};
}

struct law_attaching {
	struct law *law;
	int error;
};

static void law_attach(void *ctx, struct reclaim_thread *t)
{
	struct law_attaching *a = ctx;
	struct law_log *log;

	if (t->life.observe == law_observe || a->error != 0)
		return;
	/* Its pages are touched as events come. */
	log = calloc(1, sizeof(*log));
	if (log == NULL) {
		a->error = -ENOMEM;
		return;
	}
	log->thread = t->index;
	rng_seed(&log->rng, 0, t->index, 0);
	log->next = a->law->logs;
	a->law->logs = log;
	t->life.observe_ctx = log;
	t->life.observe = law_observe;
}

int law_stage_begin(struct law *law, struct reclaim *r)
{
	struct law_attaching a = {.law = law};

	reclaim_for_each_thread(r, law_attach, &a);
	for (struct law_log *log = law->logs; log != NULL; log = log->next) {
		log->n = 0;
		log->n_seen = 0;
	}
	return a.error;
}

void law_fini(struct law *law)
{
	while (law->logs != NULL) {
		struct law_log *log = law->logs;

		law->logs = log->next;
		free(log);
	}
}

int law_take(const struct law *law, struct law_sample *out)
{
	size_t n = 0;

	*out = (struct law_sample){0};
	for (const struct law_log *log = law->logs; log != NULL; log = log->next)
		n += log->n;
	if (n == 0)
		return 0;
	out->events = malloc(n * sizeof(*out->events));
	if (out->events == NULL)
		return -ENOMEM;
	for (const struct law_log *log = law->logs; log != NULL; log = log->next) {
		out->n_seen += log->n_seen;
		for (size_t i = 0; i < log->n; i++) {
			out->events[out->n] = log->events[i];
			out->events[out->n++].weight = (double)log->n_seen / (double)log->n;
		}
	}
	return 0;
}

void law_sample_fini(struct law_sample *sample)
{
	free(sample->events);
	*sample = (struct law_sample){0};
}

/* ---------------------------------------------------------------- the law */

/* No marking has begun since: whether the death lies in the last one, or the flip has been forgotten. */
static bool law_place_last(const struct gc_log *log, uint64_t dead_ticks, struct law_place *out)
{
	struct gc_log_cycle last;
	const uint64_t n = gc_log_n_cycles(log);

	if (n == 0)
		return true;
	if (!gc_log_get(log, n, &last) || dead_ticks < last.mark_begin_ticks)
		return false;
	out->is_in_mark = dead_ticks < last.flip_ticks;
	return true;
}

bool law_place(const struct gc_log *log, uint64_t dead_ticks, uint64_t freed_ticks,
	       struct law_place *out)
{
	struct gc_log_around around;

	*out = (struct law_place){0};
	if (!gc_log_find(log, dead_ticks, &around)) {
		if (!law_place_last(log, dead_ticks, out))
			return false;
	} else {
		out->is_in_mark = around.is_in_marking;
		out->has_u = around.mark_begin_ticks != 0 &&
			     around.next_mark_begin_ticks > around.mark_begin_ticks;
	}
	out->n_flips = gc_log_n_flips(log, dead_ticks, freed_ticks);
	if (!out->has_u)
		return true;
	out->mark_begin_ticks = around.mark_begin_ticks;
	/* L - s is next flip - death, and m next flip - next beginning. */
	out->u = (double)(int64_t)(around.next_mark_begin_ticks - dead_ticks) /
		 (double)(around.next_mark_begin_ticks - around.mark_begin_ticks);
	return true;
}

double law_ks(const double *u, const double *weight, size_t n)
{
	double sum = 0, below = 0, distance = 0;

	for (size_t i = 0; i < n; i++)
		sum += weight != NULL ? weight[i] : 1;
	for (size_t i = 0; i < n; i++) {
		const double before = below / sum;

		below += weight != NULL ? weight[i] : 1;
		distance = fmax(distance, fmax(u[i] - before, below / sum - u[i]));
	}
	return n > 0 ? distance : NAN;
}

struct law_point {
	double u, weight;
};

static int law_compare(const void *a, const void *b)
{
	const struct law_point *x = a, *y = b;

	return (x->u > y->u) - (x->u < y->u);
}

static double law_points_ks(struct law_point *points, double *u, double *weight, size_t n)
{
	qsort(points, n, sizeof(*points), law_compare);
	for (size_t i = 0; i < n; i++) {
		u[i] = points[i].u;
		weight[i] = points[i].weight;
	}
	return law_ks(u, weight, n);
}

static void law_count(struct law_summary *out, const struct law_place *place)
{
	out->n++;
	out->n_flips[place->n_flips < LAW_FLIPS_MAX ? place->n_flips : LAW_FLIPS_MAX]++;
	if (!place->is_in_mark) {
		out->n_late += place->n_flips > 1;
		return;
	}
	out->n_in_mark++;
	/* The flip that ends its marking, and the next cycle's: fewer means freed by its own cycle. */
	out->n_freed_in_cycle += place->n_flips < 2;
}

int law_summarise(struct law_summary *out, const struct law_sample *sample,
		  const struct gc_log *log, enum obj_class class, uint64_t begin_ticks)
{
	struct law_point *points = malloc((sample->n + 1) * sizeof(*points));
	double *u = malloc((sample->n + 1) * sizeof(*u));
	double *weight = malloc((sample->n + 1) * sizeof(*weight));
	int error = 0;

	*out = (struct law_summary){.ks = NAN};
	if (points == NULL || u == NULL || weight == NULL) {
		error = -ENOMEM;
		goto out;
	}
	for (size_t i = 0; i < sample->n; i++) {
		const struct law_event *e = &sample->events[i];
		struct law_place place;

		if (e->class != class)
			continue;
		if (!law_place(log, e->dead_ticks, e->freed_ticks, &place)) {
			out->n_unknown++;
			continue;
		}
		law_count(out, &place);
		/* A cycle that began before the stage has deaths of two loads. */
		if (place.has_u && place.mark_begin_ticks >= begin_ticks)
			points[out->n_u++] = (struct law_point){place.u, e->weight};
	}
	out->ks = law_points_ks(points, u, weight, out->n_u);
out:
	free(points);
	free(u);
	free(weight);
	return error;
}
