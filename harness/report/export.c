/* SPDX-License-Identifier: MIT */
/* export.c - the table cut into units, and the wide CSV. */
#include "report/export.h"

#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "report/text.h"

/* A row with its place: cells, stages, runs and repetitions in order of appearance.  Rows are appended, so one file may
 * hold several runs of a cell, each with a first repetition. */
struct export_place {
	uint32_t cell, stage, run, rep, row;
};

static int export_compare(const void *a, const void *b)
{
	const struct export_place *x = a;
	const struct export_place *y = b;

	if (x->cell != y->cell)
		return x->cell < y->cell ? -1 : 1;
	if (x->stage != y->stage)
		return x->stage < y->stage ? -1 : 1;
	if (x->run != y->run)
		return x->run < y->run ? -1 : 1;
	if (x->rep != y->rep)
		return x->rep < y->rep ? -1 : 1;
	return x->row < y->row ? -1 : x->row > y->row;
}

static bool export_same_stage(const struct export_place *x, const struct export_place *y)
{
	return x->cell == y->cell && x->stage == y->stage;
}

static bool export_same_unit(const struct export_place *x, const struct export_place *y)
{
	return export_same_stage(x, y) && x->run == y->run && x->rep == y->rep;
}

/* The rank of an id by first appearance; `ranks` is indexed by id, 0: not seen. */
static uint32_t export_rank(uint32_t *ranks, uint32_t id, uint32_t *n)
{
	if (!ranks[id])
		ranks[id] = ++*n;
	return ranks[id];
}

static int export_place_rows(const struct table *t, struct export_place *places)
{
	enum { RANK_CELL, RANK_STAGE, RANK_RUN, RANK_REP, N_RANKS };
	static const enum table_column columns[N_RANKS] = {COL_cell_id, COL_stage, COL_run_id,
							   COL_rep};
	const size_t n_ids = table_n_ids(t);
	uint32_t *ranks = calloc(N_RANKS * (n_ids + 1), sizeof(*ranks));
	uint32_t n[N_RANKS] = {0};

	for (size_t i = 0; ranks && i < table_n_rows(t); i++) {
		uint32_t rank[N_RANKS];

		for (size_t k = 0; k < N_RANKS; k++)
			rank[k] = export_rank(ranks + k * (n_ids + 1), table_id(t, i, columns[k]),
					      &n[k]);
		places[i] = (struct export_place){rank[RANK_CELL], rank[RANK_STAGE], rank[RANK_RUN],
						  rank[RANK_REP], (uint32_t)i};
	}
	free(ranks);
	return ranks ? 0 : -ENOMEM;
}

/* Units from sorted places; rows[] runs beside them. */
static int export_call(const struct table *t, const struct export_place *places,
		       const uint32_t *rows, export_unit_fn *fn, void *ctx)
{
	const size_t n = table_n_rows(t);
	struct export_unit unit = {0};
	int rc = 0;

	for (size_t i = 0; i < n && !rc; i += unit.n_rows) {
		const struct export_place *first = &places[i];

		if (!i || !export_same_stage(&first[-1], first)) {
			unit.rep_index = 0;
			unit.n_reps = 1;
			for (size_t j = i + 1; j < n && export_same_stage(&places[j], first); j++)
				unit.n_reps += !export_same_unit(&places[j - 1], &places[j]);
		} else {
			unit.rep_index++;
		}
		unit.rows = rows + i;
		unit.n_rows = 1;
		while (i + unit.n_rows < n && export_same_unit(&first[unit.n_rows], first))
			unit.n_rows++;
		rc = fn(ctx, t, &unit);
	}
	return rc;
}

int export_units(const struct table *t, export_unit_fn *fn, void *ctx)
{
	const size_t n = table_n_rows(t);
	struct export_place *places = calloc(n + 1, sizeof(*places));
	uint32_t *rows = calloc(n + 1, sizeof(*rows));
	int rc = places && rows ? export_place_rows(t, places) : -ENOMEM;

	if (!rc) {
		qsort(places, n, sizeof(*places), export_compare);
		for (size_t i = 0; i < n; i++)
			rows[i] = places[i].row;
		rc = export_call(t, places, rows, fn, ctx);
	}
	free(places);
	free(rows);
	return rc;
}

/* A column of the wide table. */
struct wide_key {
	uint32_t id[7]; /* metric, object, phase, table_state, role, stat, unit */
	bool has_status;
	uint32_t order;
};
struct wide {
	FILE *out;
	struct wide_key *keys; /* sorted by id */
	size_t n_keys;
	const char **status; /* of the row being written, per key; NULL: no such figure */
	double *values;
};

static const enum table_column wide_columns[] = {COL_metric, COL_object, COL_phase, COL_table_state,
						 COL_role,   COL_stat,	 COL_unit};
static const enum table_column wide_identity[] = {
	COL_run_id,	   COL_build_id,
	COL_env_id,	   COL_cell_id,
	COL_strategy,	   COL_options,
	COL_scenario,	   COL_threads,
	COL_keys,	   COL_mix,
	COL_dist,	   COL_value_bytes,
	COL_garbage_bytes, COL_unlink,
	COL_alloc,	   COL_arrival,
	COL_trace,	   COL_seed,
	COL_rep,	   COL_stage,
	COL_stage_s,	   COL_offered_ops_per_s,
};

static int wide_compare(const void *a, const void *b)
{
	return memcmp(((const struct wide_key *)a)->id, ((const struct wide_key *)b)->id,
		      sizeof(((const struct wide_key *)a)->id));
}

static void wide_key_of(const struct table *t, size_t row, struct wide_key *key)
{
	memset(key, 0, sizeof(*key));
	for (size_t i = 0; i < 7; i++)
		key->id[i] = table_id(t, row, wide_columns[i]);
	key->has_status = table_status(t, row) != STATUS_OK;
}

static int wide_find_keys(struct wide *w, const struct table *t)
{
	const size_t n = table_n_rows(t);

	w->keys = calloc(n + 1, sizeof(*w->keys));
	if (!w->keys)
		return -ENOMEM;
	for (size_t i = 0; i < n; i++)
		wide_key_of(t, i, &w->keys[i]);
	qsort(w->keys, n, sizeof(*w->keys), wide_compare);
	for (size_t i = 0; i < n; i++) {
		if (w->n_keys && !wide_compare(&w->keys[w->n_keys - 1], &w->keys[i]))
			w->keys[w->n_keys - 1].has_status |= w->keys[i].has_status;
		else
			w->keys[w->n_keys++] = w->keys[i];
	}
	w->status = calloc(w->n_keys + 1, sizeof(*w->status));
	w->values = calloc(w->n_keys + 1, sizeof(*w->values));
	return w->status && w->values ? 0 : -ENOMEM;
}

/* "lifetime.value.total.all.process.p99.ns": what is empty is left out.  0 or -ENOMEM: without its name a column
 * could not be told from others. */
static int wide_name(FILE *out, const struct table *t, const struct wide_key *key)
{
	const char *dot = "";
	struct text_buffer buffer;
	FILE *text = text_open(&buffer);
	char *name;

	if (!text)
		return -ENOMEM;
	for (size_t i = 0; i < 7; i++) {
		if (!key->id[i])
			continue;
		fprintf(text, "%s%s", dot, table_string(t, key->id[i]));
		dot = ".";
	}
	name = text_close(&buffer);
	if (!name)
		return -ENOMEM;
	text_write_csv(out, name);
	free(name);
	return 0;
}

static int wide_header(const struct wide *w, const struct table *t)
{
	int rc = 0;

	for (size_t i = 0; i < sizeof(wide_identity) / sizeof(wide_identity[0]); i++)
		fprintf(w->out, "%s%s", i ? "," : "", table_column_name(wide_identity[i]));
	for (size_t i = 0; i < w->n_keys && !rc; i++) {
		fputc(',', w->out);
		rc = wide_name(w->out, t, &w->keys[i]);
		if (rc || !w->keys[i].has_status)
			continue;
		fputc(',', w->out);
		rc = wide_name(w->out, t, &w->keys[i]);
		fputs(".status", w->out);
	}
	fputc('\n', w->out);
	return rc;
}

static int wide_unit(void *ctx, const struct table *t, const struct export_unit *unit)
{
	struct wide *w = ctx;

	memset(w->status, 0, w->n_keys * sizeof(*w->status));
	for (size_t i = 0; i < unit->n_rows; i++) {
		struct wide_key key;
		const struct wide_key *found;

		wide_key_of(t, unit->rows[i], &key);
		found = bsearch(&key, w->keys, w->n_keys, sizeof(*w->keys), wide_compare);
		w->values[found - w->keys] = table_value(t, unit->rows[i]);
		w->status[found - w->keys] = table_status_name(table_status(t, unit->rows[i]));
	}
	for (size_t i = 0; i < sizeof(wide_identity) / sizeof(wide_identity[0]); i++) {
		if (i)
			fputc(',', w->out);
		text_write_csv(w->out, table_text(t, unit->rows[0], wide_identity[i]));
	}
	for (size_t i = 0; i < w->n_keys; i++) {
		fputc(',', w->out);
		if (w->status[i] && !isnan(w->values[i]))
			fprintf(w->out, "%.17g", w->values[i]);
		if (w->keys[i].has_status)
			fprintf(w->out, ",%s", w->status[i] ? w->status[i] : "");
	}
	fputc('\n', w->out);
	return 0;
}

int export_wide(FILE *out, const struct table *t, char *error, size_t error_size)
{
	struct wide w = {.out = out};
	int rc = wide_find_keys(&w, t);

	if (!rc) {
		rc = wide_header(&w, t);
		if (!rc)
			rc = export_units(t, wide_unit, &w);
	}
	if (rc)
		snprintf(error, error_size, "out of memory");
	free(w.keys);
	free(w.status);
	free(w.values);
	return rc;
}
