/* SPDX-License-Identifier: MIT */
/* export_bench.c - Google Benchmark's JSON and Go's benchmark text: one entry per cell, stage and repetition.
 *
 * Time per operation: in a closed loop the wall time, otherwise the mean response time over all operations (the
 * rate is given there, so that wall time says nothing).  Figures that are only bounds are left out: these formats
 * cannot say "more than".
 */
#include <errno.h>
#include <jansson.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "report/export.h"
#include "report/text.h"

struct bench_times {
	double real_ns, cpu_ns; /* per operation; NaN: unknown */
	double n_ops;
};

static bool bench_is(const struct table *t, size_t row, enum table_column column, const char *text)
{
	return !strcmp(table_text(t, row, column), text);
}

static struct bench_times bench_times_of(const struct table *t, const struct export_unit *unit)
{
	struct bench_times times = {NAN, NAN, NAN};
	double rate = NAN;
	double cpu_ns = NAN;
	double response_sum = 0;
	double response_n = 0;

	for (size_t i = 0; i < unit->n_rows; i++) {
		const size_t row = unit->rows[i];
		const double value = table_value(t, row);
		const double n = table_number(t, row, COL_n);

		if (isnan(value))
			continue;
		if (bench_is(t, row, COL_metric, "throughput") &&
		    bench_is(t, row, COL_stat, "rate") && bench_is(t, row, COL_role, "mutator")) {
			rate = value;
			times.n_ops = n > 0 ? n : value * table_number(t, row, COL_stage_s);
		} else if (bench_is(t, row, COL_metric, "cpu_time") &&
			   bench_is(t, row, COL_stat, "sum") &&
			   bench_is(t, row, COL_role, "process")) {
			cpu_ns = value;
		} else if (bench_is(t, row, COL_metric, "response") &&
			   bench_is(t, row, COL_stat, "mean") &&
			   /* Readers beside them run flat out; their gets are not the load's. */
			   bench_is(t, row, COL_role, "mutator") && n > 0) {
			response_sum += value * n;
			response_n += n;
		}
	}
	if (isnan(table_number(t, unit->rows[0], COL_offered_ops_per_s)) || !(response_n > 0))
		times.real_ns = rate > 0 ? 1e9 / rate : NAN;
	else
		times.real_ns = response_sum / response_n;
	times.cpu_ns = cpu_ns / times.n_ops;
	if (!isfinite(times.cpu_ns))
		times.cpu_ns = times.real_ns;
	return times;
}

/* Figures that become counters: one value, a total over table states. */
static bool bench_is_counter(const struct table *t, size_t row)
{
	const enum table_status status = table_status(t, row);
	const char *state = table_text(t, row, COL_table_state);

	return isfinite(table_value(t, row)) && status != STATUS_CENSORED &&
	       status < STATUS_NOT_AVAILABLE && (!*state || !strcmp(state, "all")) &&
	       !bench_is(t, row, COL_metric, "digest");
}

/* "strategy=sweepgen:batch=64/threads=1/keys=65536/.../stage=5k": the factors that are not empty. */
static void bench_name(FILE *out, const struct table *t, size_t row)
{
	static const enum table_column columns[] = {
		COL_scenario,	   COL_threads, COL_keys,  COL_mix,	COL_dist,  COL_value_bytes,
		COL_garbage_bytes, COL_unlink,	COL_alloc, COL_arrival, COL_trace, COL_stage,
	};

	fputs("strategy=", out);
	text_write_token(out, table_text(t, row, COL_strategy));
	if (table_id(t, row, COL_options)) {
		fputc(':', out);
		text_write_token(out, table_text(t, row, COL_options));
	}
	for (size_t i = 0; i < sizeof(columns) / sizeof(columns[0]); i++) {
		if (!table_id(t, row, columns[i]))
			continue;
		fprintf(out, "/%s=", table_column_name(columns[i]));
		text_write_token(out, table_text(t, row, columns[i]));
	}
}

/* metric, object, phase, role, stat with a separator; "lifetime-value-total-p99". */
static void bench_counter_name(FILE *out, const struct table *t, size_t row)
{
	static const enum table_column columns[] = {COL_metric, COL_object, COL_phase, COL_role,
						    COL_stat};
	const char *dash = "";

	for (size_t i = 0; i < 5; i++) {
		if (!table_id(t, row, columns[i]))
			continue;
		fputs(dash, out);
		text_write_token(out, table_text(t, row, columns[i]));
		dash = "-";
	}
}

/* Takes over `value`.  A member that is left out would be a figure less, and nobody would see it.  0 or -ENOMEM. */
static int gbench_set(json_t *entry, const char *key, json_t *value)
{
	return json_object_set_new(entry, key, value) ? -ENOMEM : 0;
}

/* A name written by one of the functions above; NULL when out of memory.  Free it. */
static char *bench_text(void (*write)(FILE *, const struct table *, size_t), const struct table *t,
			size_t row)
{
	struct text_buffer buffer;
	FILE *out = text_open(&buffer);

	if (!out)
		return NULL;
	write(out, t, row);
	return text_close(&buffer);
}

struct gbench {
	FILE *out;
	bool is_first;
};

static int gbench_unit(void *ctx, const struct table *t, const struct export_unit *unit)
{
	struct gbench *g = ctx;
	const struct bench_times times = bench_times_of(t, unit);
	char *name = bench_text(bench_name, t, unit->rows[0]);
	json_t *entry = json_object();
	const double threads = table_number(t, unit->rows[0], COL_threads);
	int rc = -ENOMEM;

	/* compare.py stops at an entry without a time: cells that failed are left out. */
	if (!(times.real_ns > 0)) {
		rc = 0;
		goto out;
	}
	if (!name || !entry)
		goto out;
	if (gbench_set(entry, "name", json_string(name)) ||
	    gbench_set(entry, "run_name", json_string(name)) ||
	    gbench_set(entry, "run_type", json_string("iteration")) ||
	    gbench_set(entry, "repetitions", json_integer(unit->n_reps)) ||
	    gbench_set(entry, "repetition_index", json_integer(unit->rep_index)) ||
	    gbench_set(entry, "threads", json_integer(threads > 0 ? (json_int_t)threads : 1)) ||
	    gbench_set(entry, "iterations",
		       json_integer(times.n_ops > 0 ? (json_int_t)times.n_ops : 1)) ||
	    gbench_set(entry, "real_time", json_real(times.real_ns)) ||
	    gbench_set(entry, "cpu_time", json_real(times.cpu_ns)) ||
	    gbench_set(entry, "time_unit", json_string("ns")))
		goto out;
	for (size_t i = 0; i < unit->n_rows; i++) {
		char *counter;
		int err;

		if (!bench_is_counter(t, unit->rows[i]))
			continue;
		counter = bench_text(bench_counter_name, t, unit->rows[i]);
		if (!counter)
			goto out;
		err = gbench_set(entry, counter, json_real(table_value(t, unit->rows[i])));
		free(counter);
		if (err)
			goto out;
	}
	fputs(g->is_first ? "\n" : ",\n", g->out);
	g->is_first = false;
	rc = json_dumpf(entry, g->out, JSON_PRESERVE_ORDER | JSON_REAL_PRECISION(17)) ? -EIO : 0;
out:
	json_decref(entry);
	free(name);
	return rc;
}

int export_gbench(FILE *out, const struct table *t, char *error, size_t error_size)
{
	struct gbench g = {out, true};
	const char *build = table_n_rows(t) ? table_text(t, 0, COL_build_id) : "";
	int rc;

	fputs("{\"context\":{\"date\":\"\",\"host_name\":\"\",\"executable\":\"reclaimbench\",",
	      out);
	fprintf(out,
		"\"num_cpus\":%ld,\"mhz_per_cpu\":0,\"cpu_scaling_enabled\":false,\"caches\":[],"
		"\"load_avg\":[],"
		"\"library_build_type\":\"release\",\"json_schema_version\":1,\"build_id\":\"",
		sysconf(_SC_NPROCESSORS_ONLN));
	text_write_token(out, build);
	fputs("\"},\n\"benchmarks\":[", out);
	rc = export_units(t, gbench_unit, &g);
	fputs("\n]}\n", out);
	if (rc)
		snprintf(error, error_size, "%s", rc == -ENOMEM ? "out of memory" : strerror(-rc));
	return rc;
}

static int benchstat_unit(void *ctx, const struct table *t, const struct export_unit *unit)
{
	FILE *out = ctx;
	const struct bench_times times = bench_times_of(t, unit);
	const double threads = table_number(t, unit->rows[0], COL_threads);

	if (!(times.real_ns > 0))
		return 0;
	fputs("BenchmarkReclaim/", out);
	bench_name(out, t, unit->rows[0]);
	/* As Go's: the number of threads when it is not 1. */
	if (threads > 1)
		fprintf(out, "-%.0f", threads);
	fprintf(out, "\t%.0f\t%.17g ns/op", times.n_ops > 0 ? times.n_ops : 1, times.real_ns);
	for (size_t i = 0; i < unit->n_rows; i++) {
		if (!bench_is_counter(t, unit->rows[i]))
			continue;
		fprintf(out, "\t%.17g ", table_value(t, unit->rows[i]));
		bench_counter_name(out, t, unit->rows[i]);
		if (table_id(t, unit->rows[i], COL_unit)) {
			fputc('-', out);
			/* A slash would make it a rate in benchstat's eyes; "ns" scales, as it should. */
			text_write_token(out, table_text(t, unit->rows[i], COL_unit));
		}
	}
	fputc('\n', out);
	return 0;
}

int export_benchstat(FILE *out, const struct table *t, char *error, size_t error_size)
{
	int rc;

	fputs("goos: linux\npkg: reclaimbench\n", out);
	rc = export_units(t, benchstat_unit, out);
	if (rc)
		snprintf(error, error_size, "out of memory");
	return rc;
}
