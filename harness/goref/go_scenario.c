/* SPDX-License-Identifier: MIT */
/* go_scenario.c - settings, rows and times; see go_scenario.h. */
#include "goref/go_scenario.h"

#include <errno.h>
#include <inttypes.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "run/memory.h"
#include "units.h"

/* ---------------------------------------------------------------- settings */

static bool go_scenario_has(const struct cli_args *settings, const char *name)
{
	const struct cli_option *o = settings->command->options;

	while (o->name && strcmp(o->name, name))
		o++;
	return o->name;
}

static int go_scenario_rate(struct go_scenario *g, const struct cli_args *settings)
{
	const char *text = cli_get(settings, "rate");
	uint64_t per_s;

	if (units_parse_rate(text, &per_s) || !per_s) {
		cli_error("rate = %s: give operations per second, e.g. 5k, or max", text);
		return EXIT_USAGE;
	}
	g->config.rate_per_s = per_s == UINT64_MAX ? 0 : (double)per_s;
	snprintf(g->stage, sizeof(g->stage), "%s", text);
	return 0;
}

static int go_scenario_count(const struct cli_args *settings, const char *name, uint64_t min,
			     uint64_t max, uint64_t *out)
{
	return go_scenario_has(settings, name) ? cli_get_count(settings, name, min, max, out) : 0;
}

int go_scenario_read(struct go_scenario *g, struct scenario *s, const struct cli_args *settings)
{
	struct model_config *c = &g->config;

	g->s = s;
	c->scenario = MODEL_VALUE_DELETE;
	c->options = "";
	c->sample_1_in = 1;
	c->seed = s->seed;
	c->rep = s->rep;
	if (go_scenario_has(settings, "rate") && go_scenario_rate(g, settings))
		return EXIT_USAGE;
	if (go_scenario_has(settings, "duration") &&
	    cli_get_time_ns(settings, "duration", 50000000, UINT64_C(3600000000000),
			    &c->duration_ns))
		return EXIT_USAGE;
	if (go_scenario_count(settings, "keys", 16, UINT64_C(1) << 26, &c->n_keys) ||
	    go_scenario_count(settings, "gogc", 1, 1000000, &c->gogc_percent) ||
	    go_scenario_count(settings, "garbage-bytes", 0, 1 << 26, &c->garbage_bytes))
		return EXIT_USAGE;
	return run_check_memory("keys", c->n_keys, MODEL_VALUE_BYTES);
}

/* ---------------------------------------------------------------- the stage */

/* Rules that no load excuses (GO-FACTS section 3.4). */
static int go_scenario_check(const struct model_summary *s)
{
	if (!s->n_mark_cycles1 && !s->n_cycles[0] && !s->n_cycles[3])
		return EXIT_GOOD;
	cli_error("%zu objects died in marking and were freed by that cycle, %zu were freed "
		  "without an "
		  "end of marking, %zu lives span more than two: all must be 0",
		  s->n_mark_cycles1, s->n_cycles[0], s->n_cycles[3]);
	return EXIT_CHECK_FAILED;
}

int go_scenario_stage(struct go_scenario *g, void (*table)(struct go_scenario *g, struct model *m,
							   const struct model_summary *s))
{
	char message[512] = "out of memory";
	int code = EXIT_CELLS_FAILED;
	struct model_summary s;
	struct model m;
	int error;

	error = model_run(&m, &g->config, g->s->clock, message, sizeof(message));
	if (!error)
		error = model_summarise(&s, &m);
	if (!error) {
		table(g, &m, &s);
		code = go_scenario_check(&s);
		model_summary_free(&s);
	} else {
		cli_error("%s", message);
	}
	model_free(&m);
	return code;
}

/* ---------------------------------------------------------------- rows */

static void go_scenario_cell_id(const struct go_scenario *g, char id[17])
{
	const struct model_config *c = &g->config;
	char text[256];
	uint64_t h = UINT64_C(0xcbf29ce484222325);

	snprintf(text, sizeof(text), "%.100s|%" PRIu64 "|%" PRIu64 "|%" PRIu64 "|%s|%" PRIu64,
		 g->s->section, c->n_keys, c->gogc_percent, c->garbage_bytes, g->stage,
		 c->duration_ns);
	for (const char *p = text; *p; p++)
		h = (h ^ (unsigned char)*p) * UINT64_C(0x100000001b3);
	snprintf(id, 17, "%016" PRIx64, h);
}

/* The texts that a cell's rows share; `id` and `options` are the caller's. */
static struct report_cell go_scenario_cell(const struct go_scenario *g, char id[17],
					   char options[32])
{
	const struct model_config *c = &g->config;

	go_scenario_cell_id(g, id);
	snprintf(options, 32, "gogc=off");
	if (c->gogc_percent != GC_GOGC_OFF)
		snprintf(options, 32, "gogc=%" PRIu64, c->gogc_percent);
	return (struct report_cell){
		.run_id = g->s->run_id,
		.build_id = g->s->build_id,
		.env_id = g->s->env_id,
		.cell_id = id,
		.strategy = "go",
		.options = options,
		.scenario = g->s->section,
		.threads = 1,
		.keys = c->n_keys,
		.dist = "uniform",
		.value_bytes = MODEL_VALUE_BYTES,
		.garbage_bytes = c->garbage_bytes,
		.unlink = "go",
		.alloc = "span",
		.seed = c->seed,
		.rep = g->s->rep,
	};
}

void go_scenario_row(const struct go_scenario *g, const char *metric, const char *stat,
		     const char *unit, double value, uint64_t n)
{
	const struct model_config *c = &g->config;
	const bool is_there = n && !isnan(value);
	char id[17], options[32];
	const struct report_cell cell = go_scenario_cell(g, id, options);
	const struct report_stage stage = {
		.stage = g->stage,
		.stage_s = c->duration_ns ? (double)c->duration_ns * 1e-9 : NAN,
		.offered_ops_per_s = c->rate_per_s > 0 ? c->rate_per_s : NAN,
	};
	const struct report_row row = {
		.role = "process",
		.object = "value",
		.table_state = "all",
		.metric = metric,
		.stat = stat,
		.value = is_there ? value : NAN,
		.unit = unit,
		.better = "",
		.n = n,
		.sampled_1_in = c->sample_1_in,
		.status = is_there ? "ok" : "not_available",
		.reason = is_there ? "" : "nothing of the kind happened in the stage",
	};
	int error;

	if (!g->s->rows)
		return;
	error = report_row_add(g->s->rows, &cell, &stage, &row);
	if (!error)
		error = report_file_flush(g->s->rows); /* what is finished stays, whatever comes */
	if (error && !g->s->error)
		g->s->error = error;
}

int go_scenario_sample(const struct go_scenario *g, struct report_file *file,
		       const struct report_sample *sample)
{
	char id[17], options[32];
	const struct report_cell cell = go_scenario_cell(g, id, options);

	return report_sample_add(file, &cell, sample);
}

static int go_scenario_compare(const void *a, const void *b)
{
	const uint64_t x = *(const uint64_t *)a, y = *(const uint64_t *)b;

	return (x > y) - (x < y);
}

void go_scenario_times(const struct go_scenario *g, const char *what, const char *metric,
		       uint64_t *ns, size_t n)
{
	static const double quantiles[] = {0, 0.5, 0.9, 0.99, 1};
	static const char *const stats[] = {"min", "p50", "p90", "p99", "max"};

	if (n)
		qsort(ns, n, sizeof(*ns), go_scenario_compare);
	printf("  %-44s", what);
	for (size_t i = 0; i < 5; i++) {
		const size_t at = (size_t)(quantiles[i] * (double)n);
		const double value = n ? (double)ns[at < n ? at : n - 1] : NAN;
		char text[32];

		if (n)
			units_format_ns(text, sizeof(text), value);
		printf(" %10s", n ? text : "-");
		go_scenario_row(g, metric, stats[i], "ns", value, n);
	}
	putchar('\n');
}

void go_scenario_times_head(void)
{
	printf("  %-44s %10s %10s %10s %10s %10s\n", "", "min", "P50", "P90", "P99", "max");
}
