/* SPDX-License-Identifier: MIT */
/* law.h - the law of a deferred collector, object by object (GO-FACTS section 3): where in its cycle an object
 * died, and how many ends of marking it lived through.
 *
 * U = (L - m - s) / T of a death at a random moment is uniform in [0, 1): T lies between the two beginnings of
 * marking around the death, m is the length of the second one's marking up to its flip, s is what the sweep adds
 * after that flip.  Two rules are hard: nothing that died in a marking is freed by that cycle, and no life
 * spans more than two flips.  A death is here the moment of unlinking (life.h: retired), from which on a
 * collector can find it dead; of a value that is also the moment it died.
 *
 * WHO WRITES WHAT.  A struct law_log: the thread whose life recorder it watches, without locks or allocation;
 * when more objects are freed than it holds it keeps a fair sample of them (reservoir sampling), a few ns
 * each.  struct law, and every log while all is quiet: the main thread.  Logs live until law_fini(): the
 * record of a thread that left keeps its log.
 */
#ifndef RECLAIMBENCH_LAW_H
#define RECLAIMBENCH_LAW_H

#include "gc/gc_log.h"
#include "load/rng.h"
#include "reclaim.h"

/* Kept of a thread and stage.  The distance of so many random numbers to their own law is below 0.011
 * in 95 of 100 cases, a fifth of what is asked of a collector. */
enum { LAW_LOG_EVENTS = 16384 };

struct law_event {
	uint64_t dead_ticks, freed_ticks;
	uint32_t class;	 /* enum obj_class */
	uint32_t thread; /* reclaim_thread.index of who freed it */
	double weight;	 /* freed objects that it stands for */
};

struct law_log {
	struct law_log *next;
	uint32_t thread;
	struct rng rng; /* which events stay: no operation depends on it */
	uint64_t n_seen;
	uint64_t next_kept; /* the next that will be, counted as n_seen */
	double largest;	    /* of the lots that those kept would have drawn, see law_draw() */
	size_t n;
	struct law_event events[LAW_LOG_EVENTS];
};

struct law {
	struct law_log *logs;
};

/* The observer of a life recorder; `ctx` is a struct law_log. */
void law_observe(void *ctx, enum obj_class class, const struct heap_stamps *stamps,
		 uint64_t safe_ticks, uint64_t freed_ticks);

/* While all is quiet, at a stage's begin: watch every registered thread, forget what was seen.  0 or -ENOMEM.
 * Ends with law_fini(), after the domain was destroyed. */
int law_stage_begin(struct law *law, struct reclaim *r) __attribute__((warn_unused_result));
void law_fini(struct law *law);

/* What all threads kept. */
struct law_sample {
	struct law_event *events;
	size_t n;
	uint64_t n_seen; /* objects freed; n of them were kept */
};
/* While all is quiet, at a stage's end.  0 or -ENOMEM.  Release with law_sample_fini(). */
int law_take(const struct law *law, struct law_sample *out) __attribute__((warn_unused_result));
void law_sample_fini(struct law_sample *sample);

/* Where one life lies in the cycles. */
struct law_place {
	bool has_u; /* marking has begun before and after the death */
	double u;
	uint64_t mark_begin_ticks; /* has_u: the last beginning of marking before the death */
	bool is_in_mark;	   /* it died in a marking */
	uint64_t n_flips;	   /* ends of marking from death to free */
};
/* False: the log has forgotten cycles of this life.  Any thread. */
bool law_place(const struct gc_log *log, uint64_t dead_ticks, uint64_t freed_ticks,
	       struct law_place *out);

/* Kolmogorov-Smirnov distance to the uniform law of u, in ascending order, with weights (NULL: all
 * alike); NaN without any. */
double law_ks(const double *u, const double *weight, size_t n);

enum { LAW_FLIPS_MAX = 3 };
/* Counts are of the sample. */
struct law_summary {
	double ks;	  /* of the deaths in cycles that began in the stage; NaN without one */
	size_t n_u;	  /* deaths that ks is of */
	size_t n;	  /* lives looked at */
	size_t n_unknown; /* the log has forgotten their cycles */
	size_t n_in_mark, n_freed_in_cycle; /* died in a marking; of those, freed by its cycle */
	size_t n_flips[LAW_FLIPS_MAX + 1];  /* by flips lived through; the last: three and more */
	size_t n_late; /* died outside a marking, lived through two flips and more */
};
/* Lives that no load excuses: dead in a marking and freed by it; and, where each object has a mark of its own,
 * more than two flips. */
static inline size_t law_n_bad(const struct law_summary *s, const struct gc_log *log)
{
	return s->n_freed_in_cycle + (log->has_shared_bits ? 0 : s->n_flips[LAW_FLIPS_MAX]);
}
/* Of one class.  `begin_ticks`: of the stage.  0 or -ENOMEM. */
int law_summarise(struct law_summary *out, const struct law_sample *sample,
		  const struct gc_log *log, enum obj_class class, uint64_t begin_ticks)
	__attribute__((warn_unused_result));

#endif
