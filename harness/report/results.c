/* SPDX-License-Identifier: MIT */
/* results.c - folds the rows of a table into points, series, settings and stages. */
#include "report/results.h"

#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "report/text.h"

/* What tells settings apart: every factor that is neither the strategy nor the repetition.  The last, the cell, only
 * where one strategy has two cells that the others leave equal: they differ in an option that has no column. */
static const enum table_column results_factors[] = {
	COL_scenario,	   COL_threads, COL_keys,  COL_mix,	COL_dist,  COL_value_bytes,
	COL_garbage_bytes, COL_unlink,	COL_alloc, COL_arrival, COL_trace, COL_cell_id,
};
enum { RESULTS_N_FACTORS = sizeof(results_factors) / sizeof(results_factors[0]) };

/* One row of the table that carries a figure, before folding. */
struct results_obs {
	uint32_t
		key[9]; /* setting, series, stage, metric, object, phase, stat, role, table_state */
	uint32_t row;
	double value;
};

static int results_compare_obs(const void *a, const void *b)
{
	const struct results_obs *x = a;
	const struct results_obs *y = b;

	for (size_t i = 0; i < 9; i++)
		if (x->key[i] != y->key[i])
			return x->key[i] < y->key[i] ? -1 : 1;
	return x->row < y->row ? -1 : x->row > y->row;
}

/* Grow an array to hold one more; NULL when out of memory. */
static void *results_grow(void *array, size_t n, size_t item)
{
	if (n & (n - 1))
		return array;
	return realloc(array, (n ? n * 2 : 1) * item);
}

static bool results_same_factors(const struct table *t, size_t a, size_t b)
{
	for (size_t i = 0; i < RESULTS_N_FACTORS - 1; i++)
		if (table_id(t, a, results_factors[i]) != table_id(t, b, results_factors[i]))
			return false;
	return true;
}

static bool results_same_cell(const struct table *t, size_t a, size_t b)
{
	return table_id(t, a, COL_cell_id) == table_id(t, b, COL_cell_id);
}

static bool results_is_alike(const struct results *r, size_t row)
{
	for (size_t i = 0; i < r->n_alike; i++)
		if (results_same_cell(r->table, r->alike[i], row))
			return true;
	return false;
}

static bool results_same_setting(const struct results *r, size_t a, size_t b)
{
	return results_same_factors(r->table, a, b) &&
	       (!r->n_alike || results_same_cell(r->table, a, b) ||
		(!results_is_alike(r, a) && !results_is_alike(r, b)));
}

static int results_add_alike(struct results *r, size_t row)
{
	size_t *grown;

	if (results_is_alike(r, row))
		return 0;
	grown = results_grow(r->alike, r->n_alike, sizeof(*grown));
	if (!grown)
		return -ENOMEM;
	r->alike = grown;
	grown[r->n_alike++] = row;
	return 0;
}

/* Find the cells of one strategy that only their id tells apart.  Rows of one cell stand together. */
static int results_find_alike(struct results *r)
{
	const struct table *t = r->table;
	size_t *cells = NULL, *grown;
	size_t n = 0, known;
	int rc = 0;

	for (size_t row = 0; !rc && row < table_n_rows(t); row++) {
		if (row && results_same_cell(t, row - 1, row))
			continue;
		for (known = 0; known < n && !results_same_cell(t, cells[known], row); known++)
			;
		if (known < n)
			continue;
		for (size_t i = 0; !rc && i < n; i++)
			if (results_same_factors(t, cells[i], row) &&
			    table_id(t, cells[i], COL_strategy) == table_id(t, row, COL_strategy) &&
			    table_id(t, cells[i], COL_options) == table_id(t, row, COL_options))
				rc = results_add_alike(r, cells[i]) || results_add_alike(r, row)
					     ? -ENOMEM
					     : 0;
		grown = results_grow(cells, n, sizeof(*grown));
		if (!grown) {
			rc = -ENOMEM;
			break;
		}
		cells = grown;
		cells[n++] = row;
	}
	free(cells);
	return rc;
}

/* The setting of a row; `hint` is the one of the row before, as rows of one cell stand together. */
static uint32_t results_setting_of(struct results *r, size_t row, uint32_t hint)
{
	struct results_setting *grown;

	if (hint < r->n_settings && results_same_setting(r, r->settings[hint].row, row))
		return hint;
	for (size_t i = r->n_settings; i-- > 0;)
		if (results_same_setting(r, r->settings[i].row, row))
			return (uint32_t)i;
	grown = results_grow(r->settings, r->n_settings, sizeof(*grown));
	if (!grown)
		return RESULTS_NONE;
	r->settings = grown;
	grown[r->n_settings] =
		(struct results_setting){.row = row, .keys = table_number(r->table, row, COL_keys)};
	return (uint32_t)r->n_settings++;
}

static uint32_t results_series_of(struct results *r, size_t row)
{
	const uint32_t strategy = table_id(r->table, row, COL_strategy);
	const uint32_t options = table_id(r->table, row, COL_options);
	struct results_series *s;

	for (size_t i = r->n_series; i-- > 0;)
		if (r->series[i].strategy_id == strategy && r->series[i].options_id == options)
			return (uint32_t)i;
	s = results_grow(r->series, r->n_series, sizeof(*s));
	if (!s)
		return RESULTS_NONE;
	r->series = s;
	s += r->n_series;
	*s = (struct results_series){.strategy_id = strategy,
				     .options_id = options,
				     .strategy = table_string(r->table, strategy),
				     .options = table_string(r->table, options)};
	if (asprintf(&s->label, "%s%s%s", s->strategy, options ? ":" : "", s->options) < 0) {
		s->label = NULL;
		return RESULTS_NONE;
	}
	return (uint32_t)r->n_series++;
}

static uint32_t results_stage_of(struct results *r, size_t row)
{
	const uint32_t id = table_id(r->table, row, COL_stage);
	struct results_stage *s;

	for (size_t i = r->n_stages; i-- > 0;)
		if (r->stages[i].id == id)
			return (uint32_t)i;
	s = results_grow(r->stages, r->n_stages, sizeof(*s));
	if (!s)
		return RESULTS_NONE;
	r->stages = s;
	s += r->n_stages;
	*s = (struct results_stage){.id = id, .name = table_string(r->table, id)};
	s->is_measured = *s->name && !strstr(s->name, "warm") && !strstr(s->name, "drain");
	return (uint32_t)r->n_stages++;
}

/* Which stages the settings have, and at which rates; of a paced trace, whose rate is the one achieved by its
 * times, the first told. */
static int results_make_loads(struct results *r, const struct results_obs *obs)
{
	const size_t n = r->n_settings * r->n_stages;

	r->loads = calloc(n ? n : 1, sizeof(*r->loads));
	if (!r->loads)
		return -ENOMEM;
	for (size_t row = 0; row < table_n_rows(r->table); row++) {
		struct results_load *load =
			&r->loads[obs[row].key[0] * r->n_stages + obs[row].key[2]];

		if (!load->is_there || isnan(load->offered_ops_per_s))
			load->offered_ops_per_s =
				table_number(r->table, row, COL_offered_ops_per_s);
		load->is_there = true;
	}
	return 0;
}

static int results_compare_series(const void *a, const void *b)
{
	const struct results_series *x = a;
	const struct results_series *y = b;

	return strcmp(x->label, y->label);
}

/* All rows as observations; series in order of appearance so far. */
static int results_collect(struct results *r, struct results_obs *obs)
{
	for (size_t row = 0; row < table_n_rows(r->table); row++) {
		const struct table *t = r->table;
		struct results_obs *o = &obs[row];

		o->row = (uint32_t)row;
		o->value = table_value(t, row);
		o->key[0] = results_setting_of(r, row, row ? obs[row - 1].key[0] : RESULTS_NONE);
		o->key[1] = results_series_of(r, row);
		o->key[2] = results_stage_of(r, row);
		o->key[3] = table_id(t, row, COL_metric);
		o->key[4] = table_id(t, row, COL_object);
		o->key[5] = table_id(t, row, COL_phase);
		o->key[6] = table_id(t, row, COL_stat);
		o->key[7] = table_id(t, row, COL_role);
		o->key[8] = table_id(t, row, COL_table_state);
		if (o->key[0] == RESULTS_NONE || o->key[1] == RESULTS_NONE ||
		    o->key[2] == RESULTS_NONE)
			return -ENOMEM;
		r->n_failed_rows += table_status(t, row) == STATUS_FAILED;
	}
	return 0;
}

/* Sort the series by label and renumber the observations. */
static int results_order_series(struct results *r, struct results_obs *obs, size_t n)
{
	const size_t n_series = r->n_series ? r->n_series : 1;
	uint32_t *place = calloc(n_series, sizeof(*place));
	struct results_series *old = calloc(n_series, sizeof(*old));

	if (!place || !old) {
		free(place);
		free(old);
		return -ENOMEM;
	}
	memcpy(old, r->series, r->n_series * sizeof(*old));
	qsort(r->series, r->n_series, sizeof(*r->series), results_compare_series);
	for (size_t i = 0; i < r->n_series; i++)
		for (size_t j = 0; j < r->n_series; j++)
			if (old[i].label == r->series[j].label)
				place[i] = (uint32_t)j;
	for (size_t i = 0; i < n; i++)
		obs[i].key[1] = place[obs[i].key[1]];
	free(place);
	free(old);
	return 0;
}

static int results_compare_median(const void *a, const void *b)
{
	const struct results_obs *x = *(const struct results_obs *const *)a;
	const struct results_obs *y = *(const struct results_obs *const *)b;

	return x->value < y->value ? -1 : x->value > y->value;
}

/* Room for the repetitions of one point. */
struct results_scratch {
	const struct results_obs **obs;
	struct stats_obs *values;
};

/* Median of the n values present. */
static void results_fold_values(const struct results *r, const struct results_scratch *scratch,
				size_t n, struct results_point *p)
{
	const struct results_obs **obs = scratch->obs;
	struct stats_obs median;

	qsort(obs, n, sizeof(*obs), results_compare_median);
	p->n_median = table_number(r->table, obs[n / 2]->row, COL_n);
	if (n % 2 == 0)
		p->n_median =
			(p->n_median + table_number(r->table, obs[n / 2 - 1]->row, COL_n)) / 2;
	p->low = obs[0]->value;
	p->high = obs[n - 1]->value;
	p->status = STATUS_OK;
	for (size_t i = 0; i < n; i++) {
		const enum table_status status = table_status(r->table, obs[i]->row);

		scratch->values[i] = table_obs(r->table, obs[i]->row);
		if (!scratch->values[i].is_bound && status > p->status)
			p->status = status;
	}
	stats_sort(scratch->values, n);
	median = stats_median(scratch->values, n);
	p->value = median.value;
	if (median.is_bound)
		p->status = STATUS_CENSORED;
}

/* One point of n observations with the same key. */
static void results_fold(const struct results *r, const struct results_obs *obs, size_t n,
			 const struct results_scratch *scratch, struct results_point *p)
{
	const struct table *t = r->table;
	size_t n_values = 0;

	*p = (struct results_point){.setting = obs->key[0],
				    .series = obs->key[1],
				    .stage = obs->key[2],
				    .metric = obs->key[3],
				    .object = obs->key[4],
				    .phase = obs->key[5],
				    .stat = obs->key[6],
				    .role = obs->key[7],
				    .table_state = obs->key[8],
				    .value = NAN,
				    .low = NAN,
				    .high = NAN,
				    .status = table_status(t, obs->row),
				    .reason = "",
				    .unit = table_text(t, obs->row, COL_unit),
				    .n = NAN,
				    .n_median = NAN};
	for (size_t i = 0; i < n; i++) {
		const double samples = table_number(t, obs[i].row, COL_n);

		if (!(p->n < samples))
			p->n = isnan(samples) ? p->n : samples;
		if (!*p->reason)
			p->reason = table_text(t, obs[i].row, COL_reason);
		if (!isnan(obs[i].value))
			scratch->obs[n_values++] = &obs[i];
	}
	p->n_reps = (uint32_t)n;
	if (n_values)
		results_fold_values(r, scratch, n_values, p);
}

static int results_fold_all(struct results *r, const struct results_obs *obs, size_t n)
{
	struct results_scratch scratch;
	size_t end;
	int err = -ENOMEM;

	scratch.obs = calloc(n + 1, sizeof(*scratch.obs));
	scratch.values = calloc(n + 1, sizeof(*scratch.values));
	r->points = calloc(n + 1, sizeof(*r->points));
	if (!r->points || !scratch.obs || !scratch.values)
		goto out;
	for (size_t i = 0; i < n; i = end) {
		for (end = i + 1; end < n; end++)
			if (memcmp(obs[i].key, obs[end].key, sizeof(obs[i].key)))
				break;
		results_fold(r, obs + i, end - i, &scratch, &r->points[r->n_points]);
		if (r->points[r->n_points].n_reps > r->n_reps)
			r->n_reps = r->points[r->n_points].n_reps;
		r->n_points++;
	}
	err = 0;
out:
	free(scratch.obs);
	free(scratch.values);
	return err;
}

/* "keys=65536, mix=50/25/25": the factors chosen by `wanted`, of those that are not empty; a scenario by its name
 * alone where `is_short`. */
static char *results_factor_text(const struct table *t, size_t row, const bool *wanted,
				 bool is_short)
{
	struct text_buffer buffer;
	FILE *out = text_open(&buffer);
	const char *comma = "";

	if (!out)
		return NULL;
	for (size_t i = 0; i < RESULTS_N_FACTORS; i++) {
		const char *value = table_text(t, row, results_factors[i]);

		if (!wanted[i] || !*value)
			continue;
		if (is_short && results_factors[i] == COL_scenario)
			fprintf(out, "%s%s", comma, value);
		else
			fprintf(out, "%s%s=%s", comma, table_column_name(results_factors[i]),
				value);
		comma = ", ";
	}
	return text_close(&buffer);
}

/* The factors that a short label needs, in their order: those in which two settings differ that all needed
 * before them leave equal.  A scenario that stands for one setting needs no more than its name. */
static void results_choose_factors(const struct results *r, bool *needed)
{
	for (size_t i = 0; i < RESULTS_N_FACTORS; i++)
		needed[i] = false;
	for (size_t i = 0; i < RESULTS_N_FACTORS; i++) {
		for (size_t s = 0; s < r->n_settings * r->n_settings && !needed[i]; s++) {
			const size_t a = r->settings[s / r->n_settings].row;
			const size_t b = r->settings[s % r->n_settings].row;
			bool is_same = true;

			for (size_t k = 0; k < i && is_same; k++)
				is_same = !needed[k] ||
					  table_id(r->table, a, results_factors[k]) ==
						  table_id(r->table, b, results_factors[k]);
			needed[i] = is_same && table_id(r->table, a, results_factors[i]) !=
						       table_id(r->table, b, results_factors[i]);
		}
	}
}

static int results_label_settings(struct results *r)
{
	bool needed[RESULTS_N_FACTORS];
	bool differs[RESULTS_N_FACTORS] = {false};
	bool told[RESULTS_N_FACTORS];

	for (size_t i = 0; i < RESULTS_N_FACTORS; i++) {
		for (size_t s = 1; s < r->n_settings; s++)
			if (table_id(r->table, r->settings[s].row, results_factors[i]) !=
			    table_id(r->table, r->settings[0].row, results_factors[i]))
				differs[i] = true;
		told[i] = differs[i] || results_factors[i] == COL_keys ||
			  results_factors[i] == COL_mix || results_factors[i] == COL_dist ||
			  results_factors[i] == COL_threads || results_factors[i] == COL_trace;
	}
	results_choose_factors(r, needed);
	differs[RESULTS_N_FACTORS - 1] = told[RESULTS_N_FACTORS - 1] =
		needed[RESULTS_N_FACTORS - 1];
	for (size_t s = 0; s < r->n_settings; s++) {
		struct results_setting *setting = &r->settings[s];

		setting->label = results_factor_text(r->table, setting->row, differs, false);
		setting->short_label = results_factor_text(r->table, setting->row, needed, true);
		setting->long_label = results_factor_text(r->table, setting->row, told, false);
		if (!setting->label || !setting->short_label || !setting->long_label)
			return -ENOMEM;
	}
	return 0;
}

int results_make(struct results *r, const struct table *table)
{
	const size_t n = table_n_rows(table);
	struct results_obs *obs = calloc(n ? n : 1, sizeof(*obs));
	int rc = -ENOMEM;

	memset(r, 0, sizeof(*r));
	r->table = table;
	if (!obs)
		return -ENOMEM;
	if (results_find_alike(r) || results_collect(r, obs) || results_make_loads(r, obs) ||
	    results_order_series(r, obs, n))
		goto out;
	qsort(obs, n, sizeof(*obs), results_compare_obs);
	rc = results_fold_all(r, obs, n);
	if (!rc)
		rc = results_label_settings(r);
out:
	free(obs);
	if (rc)
		results_free(r);
	return rc;
}

void results_free(struct results *r)
{
	for (size_t i = 0; i < r->n_series; i++)
		free(r->series[i].label);
	for (size_t i = 0; i < r->n_settings; i++) {
		free(r->settings[i].label);
		free(r->settings[i].short_label);
		free(r->settings[i].long_label);
	}
	free(r->series);
	free(r->alike);
	free(r->settings);
	free(r->stages);
	free(r->loads);
	free(r->points);
	memset(r, 0, sizeof(*r));
}

bool results_has_value(const struct results_point *p)
{
	return p && !isnan(p->value);
}

bool results_is_bound(const struct results_point *p)
{
	return p && p->status == STATUS_CENSORED;
}

static bool results_matches(const struct results *r, uint32_t id, const char *text)
{
	return !text || !strcmp(table_string(r->table, id), text);
}

/* A total over states or roles is preferred, then the larger sample. */
static bool results_is_better(const struct results *r, const struct results_point *p,
			      const struct results_point *best)
{
	const char *p_state = table_string(r->table, p->table_state);
	const char *best_state = table_string(r->table, best->table_state);
	const bool p_total = !*p_state || !strcmp(p_state, "all");
	const bool best_total = !*best_state || !strcmp(best_state, "all");

	if (isnan(p->value) != isnan(best->value))
		return !isnan(p->value);
	if (p_total != best_total)
		return p_total;
	return !isnan(p->n) && !(best->n >= p->n);
}

/* The first point at or after (setting, series, stage). */
static size_t results_lower_bound(const struct results *r, uint32_t setting, uint32_t series,
				  uint32_t stage)
{
	size_t low = 0;
	size_t high = r->n_points;

	while (low < high) {
		const size_t mid = low + (high - low) / 2;
		const struct results_point *p = &r->points[mid];
		const bool is_below = p->setting != setting ? p->setting < setting
				      : p->series != series ? p->series < series
							    : p->stage < stage;

		if (is_below)
			low = mid + 1;
		else
			high = mid;
	}
	return low;
}

const struct results_point *results_find(const struct results *r, size_t setting, size_t series,
					 size_t stage, const struct results_query *query)
{
	const struct results_point *best = NULL;
	size_t i = results_lower_bound(r, (uint32_t)setting, (uint32_t)series, (uint32_t)stage);

	for (; i < r->n_points; i++) {
		const struct results_point *p = &r->points[i];

		if (p->setting != setting || p->series != series || p->stage != stage)
			break;
		if (!results_matches(r, p->metric, query->metric) ||
		    !results_matches(r, p->object, query->object) ||
		    !results_matches(r, p->phase, query->phase) ||
		    !results_matches(r, p->stat, query->stat) ||
		    !results_matches(r, p->role, query->role))
			continue;
		if (!best || results_is_better(r, p, best))
			best = p;
	}
	return best;
}

bool results_has_failed(const struct results *r, size_t setting, size_t series)
{
	size_t i = results_lower_bound(r, (uint32_t)setting, (uint32_t)series, 0);

	for (; i < r->n_points && r->points[i].setting == setting && r->points[i].series == series;
	     i++)
		if (r->points[i].status == STATUS_FAILED)
			return true;
	return false;
}

const char *results_main_object(const struct results *r, size_t setting, const char *metric,
				const char *phase)
{
	const char *best = NULL;
	double best_n = -1;

	for (size_t i = 0; i < r->n_points; i++) {
		const struct results_point *p = &r->points[i];
		const char *object = table_string(r->table, p->object);

		if (p->setting != setting || !*object || !strcmp(object, "all") ||
		    !results_matches(r, p->metric, metric) || !results_matches(r, p->phase, phase))
			continue;
		if (isnan(p->value) || !(p->n > best_n))
			continue;
		best = object;
		best_n = p->n;
	}
	return best;
}

bool results_cell(const struct results *r, const char *cell_id, size_t *setting, size_t *series)
{
	const uint32_t id = table_find(r->table, cell_id);

	if (id == UINT32_MAX)
		return false;
	for (size_t row = 0; row < table_n_rows(r->table); row++) {
		if (table_id(r->table, row, COL_cell_id) != id)
			continue;
		for (size_t i = 0; i < r->n_series; i++)
			if (r->series[i].strategy_id == table_id(r->table, row, COL_strategy) &&
			    r->series[i].options_id == table_id(r->table, row, COL_options))
				*series = i;
		for (size_t i = 0; i < r->n_settings; i++)
			if (results_same_setting(r, r->settings[i].row, row))
				*setting = i;
		return true;
	}
	return false;
}

const struct results_load *results_load(const struct results *r, size_t setting, size_t stage)
{
	return &r->loads[setting * r->n_stages + stage];
}

size_t results_last_stage(const struct results *r, size_t setting)
{
	for (size_t i = r->n_stages; i-- > 0;)
		if (r->stages[i].is_measured && results_load(r, setting, i)->is_there)
			return i;
	return RESULTS_NONE;
}

size_t results_last_closed_loop(const struct results *r, size_t setting)
{
	for (size_t i = r->n_stages; i-- > 0;)
		if (r->stages[i].is_measured && results_load(r, setting, i)->is_there &&
		    isnan(results_load(r, setting, i)->offered_ops_per_s))
			return i;
	return RESULTS_NONE;
}

uint32_t results_stage_find(const struct results *r, const char *name)
{
	for (size_t i = 0; i < r->n_stages; i++)
		if (!strcmp(r->stages[i].name, name))
			return (uint32_t)i;
	return RESULTS_NONE;
}
