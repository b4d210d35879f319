/* SPDX-License-Identifier: MIT */
/* scenario.c - domains, rows and memory for the scenarios; see scenario.h. */
#include "run/scenario.h"

#include <errno.h>
#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "registry.h"
#include "units.h"

int scenario_map_open(struct scenario_map *m, const struct scenario *s,
		      const struct scenario_setup *setup)
{
	const struct reclaim_config config = {
		.ops = reclaim_strategy_find(setup->strategy),
		.options = setup->options,
		.heap = {.kind = HEAP_SPAN, .huge_pages = setup->huge_pages},
		.clock = s->clock,
		.tracking = setup->tracking,
	};
	const struct hmap_config map_config = {
		.mode = setup->mode,
		.unlink = setup->unlink,
		.value_bytes = SCENARIO_VALUE_BYTES,
		.seed = s->seed,
		.hash = setup->hash,
		.hooks = setup->hooks,
	};
	char message[256] = "";
	int error;

	*m = (struct scenario_map){.s = s,
				   .strategy = setup->strategy,
				   .options = setup->options,
				   .mode = setup->mode};
	if (!config.ops) {
		cli_error("strategy %s is not part of this build", setup->strategy);
		return -EINVAL;
	}
	error = reclaim_create(&m->r, &config, message, sizeof(message));
	if (error) {
		cli_error("%s:%s: %s", setup->strategy, setup->options, message);
		m->r = NULL;
		return error;
	}
	m->t = reclaim_register(m->r, ROLE_MUTATOR);
	error = m->t ? hmap_create(&m->map, m->r, m->t, &map_config) : -ENOMEM;
	if (error)
		cli_error("a map cannot be made: %s", strerror(-error));
	return error;
}

void scenario_map_close(struct scenario_map *m)
{
	if (m->map)
		hmap_destroy(m->map, m->t);
	if (m->t) {
		reclaim_ops(m->r)->drain(m->t);
		reclaim_unregister(m->t);
	}
	if (m->r)
		reclaim_destroy(m->r);
	*m = (struct scenario_map){0};
}

int scenario_fill(struct scenario_map *m, uint64_t from, uint64_t to)
{
	enum hmap_result result = HMAP_INSERTED;

	for (uint64_t key = from; key < to && result != HMAP_NO_MEMORY; key++) {
		reclaim_enter(m->t);
		result = hmap_insert(m->map, m->t, key, key);
		reclaim_exit(m->t);
		reclaim_poll(m->t);
	}
	if (result == HMAP_NO_MEMORY) {
		cli_error("out of memory while the map was filled");
		return -ENOMEM;
	}
	return 0;
}

bool scenario_delete(struct scenario_map *m, uint64_t key)
{
	bool was_there;

	reclaim_enter(m->t);
	was_there = hmap_delete(m->map, m->t, key);
	reclaim_exit(m->t);
	reclaim_poll(m->t);
	return was_there;
}

int scenario_end(const struct scenario *s, int error)
{
	if (!error)
		return EXIT_GOOD;
	cli_error("scenario %s has stopped: %s", s->name, strerror(-error));
	return EXIT_CELLS_FAILED;
}

int scenario_settle(struct scenario_map *m)
{
	struct hmap_state state;

	for (uint64_t i = 0;; i++) {
		hmap_state(m->map, m->t, &state);
		if (!state.is_growing)
			return 0;
		if (scenario_fill(m, i % state.count, i % state.count + 1))
			return -ENOMEM;
	}
}

/* ---------------------------------------------------------------- rows */

/* FNV-1a of what makes two rows the same cell. */
static void scenario_cell_id(const struct scenario *s, const struct scenario_map *m, char id[17])
{
	char text[256];
	uint64_t h = UINT64_C(0xcbf29ce484222325);

	snprintf(text, sizeof(text), "%s|%s|%s|%" PRIu64 "|%d", s->name, m->strategy, m->options,
		 m->n_keys, (int)m->mode);
	for (const char *p = text; *p; p++)
		h = (h ^ (unsigned char)*p) * UINT64_C(0x100000001b3);
	snprintf(id, 17, "%016" PRIx64, h);
}

void scenario_row(struct scenario *s, const struct scenario_map *m, const struct scenario_value *v)
{
	char cell_id[17];
	struct report_cell cell = {
		.run_id = s->run_id,
		.build_id = s->build_id,
		.env_id = s->env_id,
		.cell_id = cell_id,
		.strategy = m->strategy,
		.options = m->options,
		.scenario = s->name,
		.threads = 1,
		.keys = m->n_keys,
		.dist = "uniform",
		.value_bytes = m->mode == HMAP_PAYLOAD ? SCENARIO_VALUE_BYTES : 0,
		.unlink = "empty",
		.alloc = "span",
		.seed = s->seed,
		.rep = 1,
	};
	const struct report_stage stage = {
		.stage = v->setting, .stage_s = NAN, .offered_ops_per_s = NAN};
	const struct report_row row = {
		.role = "process",
		.object = "all",
		.table_state = "all",
		.metric = v->metric,
		.stat = v->stat,
		.value = v->value,
		.unit = v->unit,
		.better = v->better ? v->better : "",
		.n = v->n ? v->n : 1,
		.sampled_1_in = 1,
		.status = isnan(v->value) ? "not_available"
			  : v->status	  ? v->status
					  : "ok",
		.reason = v->reason ? v->reason : "",
	};
	int error;

	if (!s->rows)
		return;
	scenario_cell_id(s, m, cell_id);
	error = report_row_add(s->rows, &cell, &stage, &row);
	if (!error)
		error = report_file_flush(s->rows); /* what is finished stays, whatever comes */
	if (error && !s->error)
		s->error = error;
}

static int scenario_compare(const void *a, const void *b)
{
	const double x = *(const double *)a, y = *(const double *)b;

	return (x > y) - (x < y);
}

double scenario_median(double *values, unsigned n)
{
	if (n == 0)
		return NAN;
	qsort(values, n, sizeof(*values), scenario_compare);
	return n % 2 ? values[n / 2] : (values[n / 2 - 1] + values[n / 2]) / 2;
}
