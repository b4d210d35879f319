/* SPDX-License-Identifier: MIT */
/* rows.c - the peers' figures as rows of the tidy CSV, and the environment beside them.
 *
 * scenario = peers; strategy = the peer's name; stage = fresh or aged.  Metrics: throughput (p50, min, max over the
 * rounds), ratio (of the shared map under sweepgen over the peer named by `object`, paired rounds), cpu_time (from
 * retire to free, object bucket). */
#include <inttypes.h>
#include <math.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "build_info.h"
#include "cli.h"
#include "measure/env.h"
#include "mkdirs.h"
#include "peers/bench.h"
#include "report/csv.h"

struct rows {
	const struct bench_options *options;
	struct report_file *file;
	struct report_cell cell;
	struct report_stage stage;
	char run_id[64], cell_id[96];
	int error; /* the first */
};

static void rows_add(struct rows *rows, const char *object, const char *metric, const char *stat,
		     double value, const char *unit, const char *better)
{
	const struct report_row row = {
		.role = "mutator",
		.object = object,
		.metric = metric,
		.stat = stat,
		.value = value,
		.unit = unit,
		.better = better,
		.n = rows->options->n_rounds,
		.sampled_1_in = 1,
		.status = "ok",
	};
	const int err = report_row_add(rows->file, &rows->cell, &rows->stage, &row);

	if (!rows->error)
		rows->error = err;
}

static void rows_add_series(struct rows *rows, const char *object, const char *metric,
			    const double *values, const char *unit, const char *better)
{
	const unsigned n = rows->options->n_rounds;
	double min = INFINITY, max = -INFINITY;

	for (unsigned r = 0; r < n; r++) {
		min = fmin(min, values[r]);
		max = fmax(max, values[r]);
	}
	rows_add(rows, object, metric, "p50", bench_median(values, n), unit, better);
	rows_add(rows, object, metric, "min", min, unit, better);
	rows_add(rows, object, metric, "max", max, unit, better);
}

static void rows_begin(struct rows *rows, const char *strategy, uint64_t keys, unsigned threads,
		       const char *mix, const char *stage)
{
	rows->cell.strategy = strategy;
	rows->cell.keys = keys;
	rows->cell.threads = threads;
	rows->cell.mix = mix;
	rows->stage.stage = stage;
	snprintf(rows->cell_id, sizeof(rows->cell_id), "peers-%s-%" PRIu64 "-%u-%s-%s", strategy,
		 keys, threads, mix ? mix : "retire", stage);
}

static void rows_cell(struct rows *rows, const struct bench_cell *cell)
{
	const struct bench_options *o = rows->options;
	const int map = bench_find(o, "hmap-sweepgen");

	for (unsigned p = 0; p < o->n_peers; p++) {
		const struct bench_ratio ratio = bench_ratio(cell, map, (int)p, o->n_rounds);

		if (!cell->took_part[p])
			continue;
		rows_begin(rows, o->peers[p]->name, cell->keys, cell->threads, cell->mix->name,
			   cell->is_aged ? "aged" : "fresh");
		rows_add_series(rows, "all", "throughput", cell->ops_per_s[p], "ops/s", "higher");
		if (!ratio.is_known || (int)p == map)
			continue;
		rows_begin(rows, "hmap-sweepgen", cell->keys, cell->threads, cell->mix->name,
			   cell->is_aged ? "aged" : "fresh");
		rows_add(rows, o->peers[p]->name, "ratio", "p50", ratio.median, "x", "higher");
		rows_add(rows, o->peers[p]->name, "ratio", "min", ratio.min, "x", "higher");
		rows_add(rows, o->peers[p]->name, "ratio", "max", ratio.max, "x", "higher");
	}
}

static int rows_open(struct rows *rows, const struct bench_options *o, const char *directory,
		     const char *env)
{
	char path[4200], message[4400];
	struct timespec now;
	int err = mkdirs(directory);

	if (err) {
		cli_error("--out=%s cannot be made: %s", directory, strerror(-err));
		return err;
	}
	clock_gettime(CLOCK_REALTIME, &now);
	snprintf(rows->run_id, sizeof(rows->run_id), "%" PRIx64 "-%x",
		 (uint64_t)now.tv_sec * 1000 + (uint64_t)now.tv_nsec / 1000000, (unsigned)getpid());
	rows->cell = (struct report_cell){
		.run_id = rows->run_id,
		.build_id = build_info()->build_id,
		.env_id = env,
		.cell_id = rows->cell_id,
		.options = o->huge_pages ? "pages=huge" : "pages=small",
		.scenario = "peers",
		.dist = "uniform",
		.unlink = "empty",
		.alloc = "span",
		.arrival = "closed",
		.seed = o->seed,
	};
	rows->stage = (struct report_stage){.stage_s = (double)o->slice_ns * 1e-9 * o->n_rounds,
					    .offered_ops_per_s = NAN};
	snprintf(path, sizeof(path), "%.4000s/run.csv", directory);
	err = report_file_open(&rows->file, path, false, message, sizeof(message));
	if (err)
		cli_error("%s", message);
	return err;
}

static void rows_write(struct rows *rows, const struct bench_cell *cells, unsigned n_cells,
		       const struct bench_retire *retire, unsigned n_retire)
{
	for (unsigned c = 0; c < n_cells; c++)
		rows_cell(rows, &cells[c]);
	for (unsigned i = 0; i < n_retire; i++) {
		rows_begin(rows, retire[i].name, 0, 1, NULL, "retire");
		rows_add_series(rows, "bucket", "cpu_time", retire[i].ns, "ns/object", "lower");
	}
}

int bench_write(const struct bench_options *o, const char *directory,
		const struct bench_cell *cells, unsigned n_cells, const struct bench_retire *retire,
		unsigned n_retire)
{
	struct rows rows = {.options = o};
	struct env *env = NULL;
	char path[4200];
	int err = env_collect(&env, ""), closed;

	if (err) {
		cli_error("the environment cannot be recorded: %s", strerror(-err));
		return err;
	}
	err = rows_open(&rows, o, directory, env_id(env));
	if (!err) {
		snprintf(path, sizeof(path), "%.4000s/env.json", directory);
		rows_write(&rows, cells, n_cells, retire, n_retire);
		err = rows.error;
		if (!err)
			err = report_file_flush(rows.file);
		closed = report_file_close(rows.file);
		if (!err)
			err = closed;
		if (!err)
			err = env_write(env, path);
		if (err)
			cli_error("%s: cannot be written: %s", directory, strerror(-err));
	}
	env_destroy(env);
	return err;
}
