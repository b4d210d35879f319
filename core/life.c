/* SPDX-License-Identifier: MIT */
/* life.c - recording lifetimes into per-thread histograms; see life.h for the words. */
#include "life.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "atomic.h"

const char *const life_phase_names[LIFE_N_PHASES] = {
	[LIFE_TOTAL] = "total", [LIFE_GHOST] = "ghost", [LIFE_GRACE] = "grace",
	[LIFE_SWEEP] = "sweep", [LIFE_LIMBO] = "limbo",
};

const char *const life_state_names[LIFE_N_STATES] = {
	[LIFE_STEADY] = "steady",
	[LIFE_GROWING] = "growing",
};

static bool life_is_tracked(enum obj_class class)
{
	return class == OBJ_VALUE || class == OBJ_BUCKET || class == OBJ_EVACUATED_BUCKET ||
	       class == OBJ_ARRAY || class == OBJ_MAP;
}

int life_recorder_init(struct life_recorder *rec, const struct clock *clock)
{
	memset(rec, 0, sizeof(*rec));
	rec->clock = clock;
	rec->sample_1_in = 1;
	for (unsigned class = 0; class < OBJ_N_CLASSES; class ++) {
		for (unsigned state = 0; state < LIFE_N_STATES; state++) {
			if (!life_is_tracked((enum obj_class) class))
				continue;
			rec->hist[class][state] = calloc(LIFE_BRIEF + 1, sizeof(struct life_hist));
			if (rec->hist[class][state] == NULL) {
				life_recorder_fini(rec);
				return -ENOMEM;
			}
		}
	}
	return 0;
}

void life_recorder_fini(struct life_recorder *rec)
{
	for (unsigned class = 0; class < OBJ_N_CLASSES; class ++) {
		for (unsigned state = 0; state < LIFE_N_STATES; state++) {
			free(rec->hist[class][state]);
			rec->hist[class][state] = NULL;
		}
	}
}

static bool life_hist_is_empty(const struct life_hist *h)
{
	return h->n_from_zero == 0 && h->n_entered == 0;
}

void life_stage_begin(struct life_recorder *rec, uint64_t now_ticks)
{
	rec->stage_begin_ticks = now_ticks;
	rec->n_skipped = 0;
	rec->n_hidden_safe = 0;
	rec->limbo_object_ticks = 0;
	rec->limbo_byte_ticks = 0;
	for (unsigned class = 0; class < OBJ_N_CLASSES; class ++) {
		for (unsigned state = 0; state < LIFE_N_STATES; state++) {
			struct life_hist *h = rec->hist[class][state];

			/* Untouched pages stay untouched. */
			for (unsigned p = 0; h != NULL && p <= LIFE_BRIEF; p++)
				if (!life_hist_is_empty(&h[p]))
					memset(&h[p], 0, sizeof(h[p]));
		}
	}
}

/* The phase [from, to) enters this stage's risk set: at 0, or at the age it had when the stage began. */
static void life_enter(const struct life_recorder *rec, struct life_hist *h, uint64_t from)
{
	if (from >= rec->stage_begin_ticks) {
		h->n_from_zero++;
	} else {
		h->entered[hist_bin(clock_delta_ns(rec->clock, from, rec->stage_begin_ticks))]++;
		h->n_entered++;
	}
}

static inline void life_end(struct life_hist *h, uint64_t ns)
{
	h->events[hist_bin(ns)]++;
	h->n_events++;
	h->sum_event_ns += (double)(int64_t)ns;
	if (ns > h->max_event_ns)
		h->max_event_ns = ns;
}

static void life_event(const struct life_recorder *rec, struct life_hist *h, uint64_t from,
		       uint64_t to)
{
	const uint64_t ns = clock_delta_ns(rec->clock, from, to);

	if (to < rec->stage_begin_ticks)
		return; /* it ended in an earlier stage and was counted there */
	life_enter(rec, h, from);
	life_end(h, ns);
	if (ns >> HIST_MAX_BITS)
		h->n_clipped++;
}

static void life_censor(const struct life_recorder *rec, struct life_hist *h, uint64_t from,
			uint64_t end)
{
	const uint64_t ns = clock_delta_ns(rec->clock, from, end);

	life_enter(rec, h, from);
	h->censored[hist_bin(ns)]++;
	h->n_censored++;
	if (ns > h->max_censored_ns)
		h->max_censored_ns = ns;
	if (ns >> HIST_MAX_BITS)
		h->n_clipped++;
}

/* Little's law, from this object's stamps.  Evacuated buckets are part of their array, which counts. */
static void life_add_limbo(struct life_recorder *rec, enum obj_class class, size_t bytes,
			   uint64_t retired, uint64_t end)
{
	if (class == OBJ_EVACUATED_BUCKET)
		return;
	const uint64_t from = retired > rec->stage_begin_ticks ? retired : rec->stage_begin_ticks;
	/* Signed: one instruction, where unsigned takes ten. */
	const double ticks = end > from ? (double)(int64_t)(end - from) : 0;

	rec->limbo_object_ticks += ticks;
	rec->limbo_byte_ticks += ticks * (double)(int64_t)bytes;
}

static struct life_hist *life_hists(struct life_recorder *rec, enum obj_class class,
				    const struct heap_stamps *stamps)
{
	return rec->hist[class][(stamps->dead_ticks & 1) ? LIFE_GROWING : LIFE_STEADY];
}

/* The tag in bit 0 is not time.  A death stamped on another core may be a few ticks late. */
static uint64_t life_dead_ticks(const struct heap_stamps *stamps)
{
	return stamps->dead_ticks & ~(uint64_t)1;
}

/* Any life that has ended. */
static void __attribute__((noinline))
life_record_any(const struct life_recorder *rec, struct life_hist *h, uint64_t dead,
		uint64_t retired, uint64_t safe_ticks, uint64_t freed_ticks)
{
	life_event(rec, &h[LIFE_TOTAL], dead, freed_ticks);
	life_event(rec, &h[LIFE_GHOST], dead, retired);
	life_event(rec, &h[LIFE_LIMBO], retired, freed_ticks);
	if (safe_ticks == LIFE_SAFE_UNKNOWN)
		return;
	life_event(rec, &h[LIFE_GRACE], retired, safe_ticks);
	life_event(rec, &h[LIFE_SWEEP], safe_ticks, freed_ticks);
}

static inline void life_add(struct life_hist *h, uint64_t ns)
{
	h->n_from_zero++;
	life_end(h, ns);
}

void life_record_free(struct life_recorder *rec, enum obj_class class, size_t bytes,
		      const struct heap_stamps *stamps, uint64_t safe_ticks, uint64_t freed_ticks)
{
	const uint64_t begin = rec->stage_begin_ticks, retired = stamps->retired_ticks;
	const uint64_t dead = life_dead_ticks(stamps);
	const uint64_t ns = clock_delta_ns(rec->clock, retired, freed_ticks);
	struct life_hist *h = life_hists(rec, class, stamps);

	if (unlikely(retired == 0)) {
		rec->n_skipped++;
		return;
	}
	life_add_limbo(rec, class, bytes, retired, freed_ticks);
	if (unlikely(rec->observe != NULL))
		rec->observe(rec->observe_ctx, class, stamps, safe_ticks, freed_ticks);
	if (unlikely(h == NULL))
		return;
	if (safe_ticks == LIFE_SAFE_UNKNOWN)
		rec->n_hidden_safe++;
	/* What most lives are: dead when retired, ended in the stage they began in. */
	if (unlikely(dead != (retired & ~(uint64_t)1) || dead < begin || freed_ticks < begin ||
		     safe_ticks < begin || ns >> HIST_MAX_BITS)) {
		life_record_any(rec, h, dead, retired, safe_ticks, freed_ticks);
		return;
	}
	life_add(&h[LIFE_BRIEF], ns);
	if (safe_ticks == LIFE_SAFE_UNKNOWN)
		return;
	life_add(&h[LIFE_GRACE], clock_delta_ns(rec->clock, retired, safe_ticks));
	life_add(&h[LIFE_SWEEP], clock_delta_ns(rec->clock, safe_ticks, freed_ticks));
}

/* The phases after `retired` of an object the stage's end found unfreed. */
static void life_survive_limbo(struct life_recorder *rec, struct life_hist *h, uint64_t retired,
			       uint64_t safe_ticks, uint64_t end_ticks)
{
	life_censor(rec, &h[LIFE_LIMBO], retired, end_ticks);
	if (safe_ticks == LIFE_SAFE_UNKNOWN) {
		rec->n_hidden_safe++;
	} else if (safe_ticks == 0) {
		life_censor(rec, &h[LIFE_GRACE], retired, end_ticks);
	} else {
		life_event(rec, &h[LIFE_GRACE], retired, safe_ticks);
		life_censor(rec, &h[LIFE_SWEEP], safe_ticks, end_ticks);
	}
}

void life_record_survivor(struct life_recorder *rec, enum obj_class class, size_t bytes,
			  const struct heap_stamps *stamps, uint64_t safe_ticks, uint64_t end_ticks)
{
	const uint64_t retired = stamps->retired_ticks;
	const uint64_t dead = life_dead_ticks(stamps);
	struct life_hist *h = life_hists(rec, class, stamps);

	if (retired == 0 && dead == 0)
		return;
	if (retired != 0)
		life_add_limbo(rec, class, bytes, retired, end_ticks);
	if (h == NULL)
		return;
	life_censor(rec, &h[LIFE_TOTAL], dead, end_ticks);
	if (retired == 0) {
		life_censor(rec, &h[LIFE_GHOST], dead, end_ticks);
		return;
	}
	life_event(rec, &h[LIFE_GHOST], dead, retired);
	life_survive_limbo(rec, h, retired, safe_ticks, end_ticks);
}

void life_hist_merge(struct life_hist *into, const struct life_hist *from)
{
	if (life_hist_is_empty(from))
		return;
	for (uint32_t i = 0; i < HIST_N_BINS; i++) {
		into->events[i] += from->events[i];
		into->censored[i] += from->censored[i];
		into->entered[i] += from->entered[i];
	}
	into->n_from_zero += from->n_from_zero;
	into->n_entered += from->n_entered;
	into->n_events += from->n_events;
	into->n_censored += from->n_censored;
	into->n_clipped += from->n_clipped;
	into->sum_event_ns += from->sum_event_ns;
	if (from->max_event_ns > into->max_event_ns)
		into->max_event_ns = from->max_event_ns;
	if (from->max_censored_ns > into->max_censored_ns)
		into->max_censored_ns = from->max_censored_ns;
}

/* Brief lives: their limbo is the whole of them, and their ghost nothing. */
static void life_add_brief(struct life_hist *into, const struct life_hist *brief)
{
	life_hist_merge(&into[LIFE_TOTAL], brief);
	life_hist_merge(&into[LIFE_LIMBO], brief);
	into[LIFE_GHOST].n_from_zero += brief->n_events;
	into[LIFE_GHOST].n_events += brief->n_events;
	into[LIFE_GHOST].events[0] += brief->n_events;
}

void life_recorder_settle(struct life_recorder *rec)
{
	for (unsigned class = 0; class < OBJ_N_CLASSES; class ++)
		for (unsigned state = 0; state < LIFE_N_STATES; state++) {
			struct life_hist *h = rec->hist[class][state];

			if (h == NULL || life_hist_is_empty(&h[LIFE_BRIEF]))
				continue;
			life_add_brief(h, &h[LIFE_BRIEF]);
			memset(&h[LIFE_BRIEF], 0, sizeof(h[LIFE_BRIEF]));
		}
}

void life_recorder_merge(struct life_recorder *into, const struct life_recorder *from)
{
	into->n_skipped += from->n_skipped;
	into->n_hidden_safe += from->n_hidden_safe;
	into->limbo_object_ticks += from->limbo_object_ticks;
	into->limbo_byte_ticks += from->limbo_byte_ticks;
	for (unsigned class = 0; class < OBJ_N_CLASSES; class ++) {
		for (unsigned state = 0; state < LIFE_N_STATES; state++) {
			if (into->hist[class][state] == NULL || from->hist[class][state] == NULL)
				continue;
			for (unsigned p = 0; p <= LIFE_BRIEF; p++)
				life_hist_merge(&into->hist[class][state][p],
						&from->hist[class][state][p]);
		}
	}
	life_recorder_settle(into);
}
