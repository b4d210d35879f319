/* SPDX-License-Identifier: MIT */
/* reference_rows.c - the recorded stages as rows of run.csv, and as what the figures draw. */
#include <errno.h>
#include <jansson.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "build_info.h"
#include "goref/model.h"
#include "goref/reference.h"
#include "json_file.h"
#include "measure/env.h"
#include "report/csv.h"

enum { ROWS_SAMPLE = 8, ROWS_SAMPLE_LARGE = 64, ROWS_LARGE = 16384 };

struct reference_rows {
	struct report_file *file;
	json_t *recorded; /* env.json of the recording; owns the ids when it is there */
	const char *build_id, *env_id;
	int error;
};

struct reference_cell {
	struct report_cell cell;
	struct report_stage stage;
	char options[32], cell_id[64], rate[16];
	const char *object;
	uint64_t sampled_1_in;
};

/* scripts/go-reference observes so many; unthrottled stages one in 64 of both. */
static uint64_t reference_sample(const struct reference_stage *s)
{
	if (strcmp(s->scenario, "value_delete") != 0)
		return 1;
	if (!reference_is_paced(s))
		return ROWS_SAMPLE_LARGE;
	if (!reference_is_runtime(s))
		return 1;
	return s->keys >= ROWS_LARGE ? ROWS_SAMPLE_LARGE : ROWS_SAMPLE;
}

static void reference_cell(struct reference_cell *c, const struct reference_stage *s,
			   const struct reference_rows *r)
{
	memset(c, 0, sizeof(*c));
	snprintf(c->options, sizeof(c->options), "gogc=%.0f", s->gogc);
	snprintf(c->cell_id, sizeof(c->cell_id), "%s-%s-%s-%.0f-%.0f", s->source, s->scenario,
		 s->rate, s->gogc, s->keys);
	snprintf(c->rate, sizeof(c->rate), "%s", reference_is_paced(s) ? s->rate : "max");
	c->object = strcmp(s->scenario, "value_delete") == 0 ? "value"
		    : strcmp(s->scenario, "oldbuckets") == 0 ? "array"
							     : "map";
	c->sampled_1_in = reference_sample(s);
	c->cell = (struct report_cell){
		.run_id = "go-reference",
		.build_id = r->build_id,
		.env_id = r->env_id,
		.cell_id = c->cell_id,
		.strategy = s->source,
		.options = c->options,
		.scenario = s->scenario,
		.threads = 1,
		.keys = (uint64_t)s->keys,
		.mix = "0/50/50",
		.dist = "uniform",
		.value_bytes = strcmp(c->object, "value") == 0 ? MODEL_VALUE_BYTES : 0,
		.garbage_bytes = (uint64_t)s->garbage_bytes,
		.unlink = "go",
		.alloc = reference_is_runtime(s) ? "go" : "span",
		.arrival = "constant",
		.seed = 1,
		.rep = (uint64_t)s->rep,
	};
	c->stage = (struct report_stage){
		.stage = c->rate,
		.stage_s = s->n_ops / s->ops_per_s,
		.offered_ops_per_s = reference_is_paced(s) ? strtod(s->rate, NULL) : NAN,
	};
}

static void reference_row_add(struct reference_rows *r, const struct reference_cell *c,
			      struct report_row row)
{
	row.role = row.role ? row.role : "process";
	row.object = row.object ? row.object : "all";
	row.sampled_1_in = row.sampled_1_in ? row.sampled_1_in : 1;
	row.status = row.status ? row.status : "ok";
	if (isnan(row.value)) {
		row.status = "not_available";
		row.reason = "nothing was observed";
	}
	if (!r->error)
		r->error = report_row_add(r->file, &c->cell, &c->stage, &row);
}

static void reference_lifetime_rows(struct reference_rows *r, const struct reference_cell *c,
				    const struct reference_stage *s)
{
	const struct {
		const char *stat;
		double us;
	} stats[] = {
		{"p50", s->p50_us}, {"p90", s->p90_us}, {"p99", s->p99_us}, {"max", s->max_us}};
	const double all = s->n + s->n_censored;
	const bool is_weak = s->n_censored > 0.05 * all || s->n_cycles < 3;

	for (size_t i = 0; i < 4; i++)
		reference_row_add(
			r, c,
			(struct report_row){
				.object = c->object,
				.phase = "total",
				.metric = "lifetime",
				.stat = stats[i].stat,
				.value = stats[i].us * 1e3,
				.unit = "ns",
				.better = "lower",
				.n = (uint64_t)s->n,
				.sampled_1_in = c->sampled_1_in,
				.status = is_weak ? "weak" : "ok",
				.reason = is_weak ? "survivors above 5 %, or fewer than three "
						    "cycles; percentiles of the freed"
						  : "percentiles of the freed"});
	reference_row_add(r, c,
			  (struct report_row){.object = c->object,
					      .phase = "total",
					      .metric = "survivors",
					      .stat = "count",
					      .value = s->n_censored,
					      .unit = "objects",
					      .n = (uint64_t)all,
					      .sampled_1_in = c->sampled_1_in});
}

static void reference_stage_rows(struct reference_rows *r, const struct reference_cell *c,
				 const struct reference_stage *s)
{
	const uint64_t n_cycles = (uint64_t)s->n_cycles;
	const struct report_row rows[] = {
		{.metric = "throughput",
		 .stat = "rate",
		 .value = s->ops_per_s,
		 .unit = "ops/s",
		 .better = "higher",
		 .role = "mutator",
		 .n = (uint64_t)s->n_ops},
		{.metric = "cycle_interval",
		 .stat = "p50",
		 .value = s->interval_us * 1e3,
		 .unit = "ns",
		 .n = n_cycles},
		{.metric = "cycle_interval",
		 .stat = "max",
		 .value = s->interval_max_us * 1e3,
		 .unit = "ns",
		 .n = n_cycles},
		{.metric = "cycles",
		 .stat = "count",
		 .value = s->n_cycles,
		 .unit = "cycles",
		 .n = n_cycles},
		{.metric = "pause",
		 .stat = "sum",
		 .value = s->pause_total_ns,
		 .unit = "ns",
		 .better = "lower",
		 .n = n_cycles},
		{.metric = "pause",
		 .stat = "max",
		 .value = s->pause_max_ns,
		 .unit = "ns",
		 .better = "lower",
		 .n = n_cycles,
		 .reason = "both pauses of a cycle together"},
		{.metric = "deaths_in_marking",
		 .stat = "count",
		 .value = s->n_in_mark,
		 .unit = "objects",
		 .object = c->object,
		 .n = (uint64_t)s->n,
		 .sampled_1_in = c->sampled_1_in},
		{.metric = "freed_in_same_cycle",
		 .stat = "count",
		 .value = s->n_mark_same_cycle,
		 .unit = "objects",
		 .object = c->object,
		 .n = (uint64_t)s->n_in_mark,
		 .sampled_1_in = c->sampled_1_in},
		{.metric = "over_two_cycles",
		 .stat = "count",
		 .value = s->n_three_cycles,
		 .unit = "objects",
		 .object = c->object,
		 .n = (uint64_t)s->n,
		 .sampled_1_in = c->sampled_1_in},
	};

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
		reference_row_add(r, c, rows[i]);
	if (!reference_is_runtime(s))
		reference_row_add(r, c,
				  (struct report_row){.metric = "law_ks",
						      .stat = "max",
						      .value = s->u_ks,
						      .unit = "distance",
						      .better = "lower",
						      .object = c->object,
						      .n = (uint64_t)s->u_n});
	if (s->growth_us > 0)
		reference_row_add(r, c,
				  (struct report_row){.metric = "growth",
						      .stat = "p50",
						      .value = s->growth_us * 1e3,
						      .unit = "ns",
						      .object = "array",
						      .n = (uint64_t)s->n});
}

/* Of the machine and the build that made the stages: DIR/env.json is from there.  Without it, of this one. */
static void reference_ids(struct reference_rows *r, const char *dir)
{
	const char *build, *env;
	char path[4096];

	snprintf(path, sizeof(path), "%.4000s/env.json", dir);
	r->recorded = json_file_load(path, NULL);
	build = json_string_value(json_object_get(r->recorded, "build_id"));
	env = json_string_value(json_object_get(r->recorded, "env_id"));
	if (build && env) {
		r->build_id = build;
		r->env_id = env;
	}
}

int reference_write_rows(const struct reference *ref, char *message, size_t message_size)
{
	struct reference_rows r = {0};
	struct env *env;
	char path[4096];
	int error;

	snprintf(path, sizeof(path), "%.4000s/run.csv", ref->dir);
	unlink(path); /* written anew from stages.csv */
	if (env_collect(&env, "")) {
		snprintf(message, message_size, "out of memory");
		return -ENOMEM;
	}
	r.env_id = env_id(env);
	r.build_id = build_info()->build_id;
	reference_ids(&r, ref->dir);
	r.error = report_file_open(&r.file, path, false, message, message_size);
	if (r.error) {
		json_decref(r.recorded);
		env_destroy(env);
		return r.error;
	}
	for (size_t i = 0; i < ref->n; i++) {
		struct reference_cell c;

		reference_cell(&c, &ref->stages[i], &r);
		reference_lifetime_rows(&r, &c, &ref->stages[i]);
		reference_stage_rows(&r, &c, &ref->stages[i]);
	}
	if (!r.error)
		r.error = report_file_flush(r.file);
	error = report_file_close(r.file);
	r.error = r.error ? r.error : error;
	if (r.error)
		snprintf(message, message_size, "%.400s: cannot be written: %s", path,
			 strerror(-r.error));
	json_decref(r.recorded);
	env_destroy(env);
	return r.error;
}
