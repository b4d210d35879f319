/* SPDX-License-Identifier: MIT */
/* rows_life.c - lifetimes by class, table state and phase. */
#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "run/rows.h"

static const struct {
	const char *name;
	double q;
} percentiles[] = {{"p50", 0.5}, {"p90", 0.9}, {"p99", 0.99}, {"p999", 0.999}};

/* A collector that ran less often says little about its period. */
#define ENOUGH_CYCLES 3

/* Strategies that free at once, or never, have no cycles to count. */
static bool rows_has_few_cycles(const struct rows *rows)
{
	return (reclaim_flags(rows->in->r) & (READER_LOCKS | NEVER_FREES)) == 0 &&
	       stage_n_cycles(rows->s) < ENOUGH_CYCLES;
}

static struct km_value rows_judge(const struct rows *rows, struct km_value v)
{
	if (v.status == KM_OK && rows_has_few_cycles(rows)) {
		v.status = KM_WEAK;
		v.reason = "fewer than 3 cycles in the stage";
	}
	return v;
}

struct km_value rows_quantile(const struct rows *rows, const struct km *km, double q)
{
	return rows_judge(rows, km_quantile(km, q));
}

/* What is the same in all rows of one histogram. */
struct life_key {
	const char *object, *phase, *table_state;
};

static void rows_life_value(struct rows *rows, const struct life_key *key, const struct km *km,
			    const char *stat, struct km_value v)
{
	v = rows_judge(rows, v);
	rows_emit(rows, (struct report_row){.object = key->object,
					    .phase = key->phase,
					    .table_state = key->table_state,
					    .metric = "lifetime",
					    .stat = stat,
					    .value = v.value_ns,
					    .unit = "ns",
					    .better = "lower",
					    .n = km->n_events + km->n_censored,
					    .sampled_1_in = rows->config->sample_1_in,
					    .status = km_status_names[v.status],
					    .reason = v.reason});
}

static void rows_life_count(struct rows *rows, const struct life_key *key, const char *metric,
			    uint64_t n, const char *reason)
{
	rows_emit(rows, (struct report_row){.object = key->object,
					    .phase = key->phase,
					    .table_state = key->table_state,
					    .metric = metric,
					    .stat = "count",
					    .value = (double)n,
					    .unit = "objects",
					    .n = n,
					    .sampled_1_in = rows->config->sample_1_in,
					    .reason = reason});
}

static void rows_life_hist(struct rows *rows, const struct life_key *key, const struct life_hist *h)
{
	struct km *km;

	if (h->n_events + h->n_censored == 0)
		return;
	km = malloc(sizeof(*km));
	if (km == NULL) {
		rows->error = -ENOMEM;
		return;
	}
	km_estimate(km, h);
	for (size_t i = 0; i < sizeof(percentiles) / sizeof(percentiles[0]); i++)
		rows_life_value(rows, key, km, percentiles[i].name,
				km_quantile(km, percentiles[i].q));
	rows_life_value(rows, key, km, "max", km_max(km));
	rows_life_value(rows, key, km, "mean", km_mean(km));
	rows_life_count(rows, key, "lifetime", km->n_events, "ended in this stage");
	rows_life_count(rows, key, "lifetime_censored", km->n_censored,
			"had not ended at the stage's end");
	rows_life_count(rows, key, "lifetime_entered", km->n_entered, "began before the stage");
	free(km);
}

/* The library does not tell when an object became safe. */
static bool rows_is_hidden(const struct rows *rows, unsigned phase)
{
	return (reclaim_flags(rows->in->r) & SAFE_HIDDEN) != 0 &&
	       (phase == LIFE_GRACE || phase == LIFE_SWEEP);
}

static void rows_life_hidden(struct rows *rows, const struct life_key *key)
{
	for (size_t i = 0; i < sizeof(percentiles) / sizeof(percentiles[0]); i++)
		rows_emit(
			rows,
			(struct report_row){
				.object = key->object,
				.phase = key->phase,
				.table_state = key->table_state,
				.metric = "lifetime",
				.stat = percentiles[i].name,
				.value = NAN,
				.unit = "ns",
				.better = "lower",
				.status = "not_available",
				.reason = "the library does not tell when an object became safe"});
}

/* One class (or all): both table states together, then each apart. */
static void rows_life_class(struct rows *rows, const char *object,
			    const struct life_hist *const states[LIFE_N_STATES],
			    struct life_hist *sum)
{
	for (unsigned p = 0; p < LIFE_N_PHASES; p++) {
		struct life_key key = {object, life_phase_names[p], "all"};

		memset(sum, 0, sizeof(*sum));
		for (unsigned state = 0; state < LIFE_N_STATES; state++)
			life_hist_merge(sum, &states[state][p]);
		if (rows_is_hidden(rows, p)) {
			rows_life_hidden(rows, &key);
			continue;
		}
		rows_life_hist(rows, &key, sum);
		for (unsigned state = 0; state < LIFE_N_STATES; state++) {
			key.table_state = life_state_names[state];
			rows_life_hist(rows, &key, &states[state][p]);
		}
	}
}

/* All classes and states of one phase together. */
static void rows_merge_classes(const struct rows *rows, unsigned phase, struct life_hist *sum)
{
	memset(sum, 0, sizeof(*sum));
	for (unsigned c = 0; c < OBJ_N_CLASSES; c++)
		for (unsigned state = 0; state < LIFE_N_STATES; state++)
			if (rows->s->life.hist[c][state] != NULL)
				life_hist_merge(sum, &rows->s->life.hist[c][state][phase]);
}

void rows_lifetime_of_all(const struct rows *rows, struct km *km)
{
	struct life_hist *sum = calloc(1, sizeof(*sum));

	if (sum != NULL)
		rows_merge_classes(rows, LIFE_TOTAL, sum);
	else
		memset(km, 0, sizeof(*km));
	if (sum != NULL)
		km_estimate(km, sum);
	free(sum);
}

static void rows_life_none(struct rows *rows, const char *reason)
{
	rows_emit(rows, (struct report_row){.object = "all",
					    .phase = "total",
					    .table_state = "all",
					    .metric = "lifetime",
					    .stat = "p50",
					    .value = NAN,
					    .unit = "ns",
					    .better = "lower",
					    .status = "not_available",
					    .reason = reason});
}

static bool rows_has_deaths(const struct life_hist *states[LIFE_N_STATES])
{
	for (unsigned state = 0; state < LIFE_N_STATES; state++)
		for (unsigned p = 0; p < LIFE_N_PHASES; p++)
			if (states[state][p].n_events + states[state][p].n_censored > 0)
				return true;
	return false;
}

static void rows_life_classes(struct rows *rows, struct life_hist *sum)
{
	bool is_any = false;

	for (unsigned c = 0; c < OBJ_N_CLASSES; c++) {
		const struct life_hist *states[LIFE_N_STATES] = {
			rows->s->life.hist[c][LIFE_STEADY], rows->s->life.hist[c][LIFE_GROWING]};

		if (states[0] == NULL || states[1] == NULL || !rows_has_deaths(states))
			continue;
		rows_life_class(rows, obj_class_names[c], states, sum);
		is_any = true;
	}
	if (!is_any)
		rows_life_none(rows, "nothing died in this stage");
	for (unsigned p = 0; is_any && p < LIFE_N_PHASES; p++) {
		const struct life_key key = {"all", life_phase_names[p], "all"};

		rows_merge_classes(rows, p, sum);
		if (!rows_is_hidden(rows, p))
			rows_life_hist(rows, &key, sum);
	}
}

void rows_lifetimes(struct rows *rows)
{
	struct life_hist *sum;

	if (!rows->in->tracking) {
		rows_life_none(rows, "tracking is off");
		return;
	}
	sum = calloc(1, sizeof(*sum));
	if (sum == NULL) {
		rows->error = -ENOMEM;
		return;
	}
	rows_life_classes(rows, sum);
	free(sum);
}
