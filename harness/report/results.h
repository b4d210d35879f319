/* SPDX-License-Identifier: MIT */
/* results.h - a run.csv seen as figures need it: repetitions folded into one point, strategies into
 * coloured series, everything else that tells cells apart into settings.
 *
 * A series is a strategy with its options; a setting is one combination of all the other factors (keys,
 * mix, threads, ...).  Series are sorted by label, and a series keeps its place (hence its colour) in every
 * figure made from one table.
 *
 * Threads: made by one thread, then read-only.  The table must outlive it: strings are the table's.
 */
#ifndef RECLAIMBENCH_RESULTS_H
#define RECLAIMBENCH_RESULTS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "report/table.h"

#define RESULTS_NONE UINT32_MAX

struct results_series {
	uint32_t strategy_id; /* table ids */
	uint32_t options_id;
	const char *strategy;
	const char *options;
	char *label; /* "sweepgen:batch=64" */
};

struct results_setting {
	size_t row;	   /* a row of the table that has this setting's factors */
	char *label;	   /* the factors that differ between settings; "" when there is one only */
	char *short_label; /* the least of them that tells it from all others: "retire-heavy" */
	char *long_label;  /* the factors a reader wants to know of any figure */
	double keys;
};

/* A stage's name; what it is in a setting stands in struct results_load, as one name may mean other lengths and
 * rates in another scenario. */
struct results_stage {
	uint32_t id;
	const char *name;
	bool is_measured; /* false: warm-up or drain */
};

/* A stage of a setting. */
struct results_load {
	bool is_there;		  /* the setting has rows of it */
	double offered_ops_per_s; /* NaN: closed loop */
};

/* One figure: the median over the repetitions. */
struct results_point {
	uint32_t setting, series, stage;
	uint32_t metric, object, phase, stat, role, table_state; /* table ids */
	double value;	  /* NaN when no repetition has one */
	double low, high; /* over the repetitions */
	enum table_status
		status; /* censored when the median is a bound; otherwise the worst with a value */
	const char *reason; /* of the first repetition that has one; "" */
	const char *unit;
	double n;	 /* samples, smallest over the repetitions; NaN when unknown */
	double n_median; /* samples behind the median itself */
	uint32_t n_reps;
};

struct results {
	const struct table *table;
	size_t *alike; /* a row of each cell that only its id tells from another of its strategy */
	size_t n_alike;
	struct results_series *series;
	size_t n_series;
	struct results_setting *settings;
	size_t n_settings;
	struct results_stage *stages; /* as they first appear */
	size_t n_stages;
	struct results_load *loads;   /* of each setting, one per stage */
	struct results_point *points; /* sorted by the ids, in their order above */
	size_t n_points;
	size_t n_failed_rows;
	size_t n_reps; /* the largest number of repetitions of any point */
};

/* 0 or -ENOMEM.  Release with results_free(). */
int results_make(struct results *r, const struct table *table) __attribute__((warn_unused_result));
void results_free(struct results *r);

/* What to look for; NULL texts match anything, and then the point with the most samples is taken, of a
 * total over states or roles ("all", "" ) first. */
struct results_query {
	const char *metric;
	const char *object;
	const char *phase;
	const char *stat;
	const char *role;
};

/* The point of a query, or NULL. */
const struct results_point *results_find(const struct results *r, size_t setting, size_t series,
					 size_t stage, const struct results_query *query);
bool results_has_value(const struct results_point *p); /* NULL: false */
/* Whether a cell has a row of status `failed`. */
bool results_has_failed(const struct results *r, size_t setting, size_t series);
/* A value that is only a lower bound. */
bool results_is_bound(const struct results_point *p);

/* The object class with the most observations of a metric (and phase) in a setting, "all" aside; NULL when
 * there is none. */
const char *results_main_object(const struct results *r, size_t setting, const char *metric,
				const char *phase);
/* The setting and series of a cell_id; false when unknown. */
bool results_cell(const struct results *r, const char *cell_id, size_t *setting, size_t *series);
/* What a stage is in a setting. */
const struct results_load *results_load(const struct results *r, size_t setting, size_t stage);
/* The measured stage of a setting that stands last in the file, RESULTS_NONE when it has none. */
size_t results_last_stage(const struct results *r, size_t setting);
/* ... the last closed loop. */
size_t results_last_closed_loop(const struct results *r, size_t setting);
/* The stage of that name, or RESULTS_NONE. */
uint32_t results_stage_find(const struct results *r, const char *name);

#endif
