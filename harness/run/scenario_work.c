/* SPDX-License-Identifier: MIT */
/* scenario_work.c - cost as work grows: against table size, and against the number of retired objects; exponents by
 * least squares on logarithms. */
#include <errno.h>
#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "gc/gc_log.h"
#include "gc/gc_probe.h"
#include "measure/km.h"
#include "run/scenario.h"

enum work_figure { WORK_MARK, WORK_SWEEP, WORK_DELETE, WORK_BYTES, WORK_P99, WORK_N };
static const struct {
	const char *metric, *stat, *unit;
} work_figures[WORK_N] = {
	{"mark_time", "sum", "ns"},    {"sweep_time", "sum", "ns"},
	{"delete_time", "mean", "ns"}, {"bytes_per_entry", "mean", "bytes"},
	{"lifetime", "p99", "ns"},
};
enum { WORK_MAX_POINTS = 32 };

struct work_series {
	const char *against; /* "keys" or "retired" */
	unsigned n;
	double x[WORK_MAX_POINTS], y[WORK_N][WORK_MAX_POINTS];
};

/* Exponent of y = a x^b through the points that have both; NAN with fewer than three. */
static double work_exponent(const double *x, const double *y, unsigned n)
{
	double sx = 0, sy = 0, sxx = 0, sxy = 0, k = 0;

	for (unsigned i = 0; i < n; i++) {
		if (!(x[i] > 0 && y[i] > 0))
			continue;
		k++;
		sx += log(x[i]);
		sy += log(y[i]);
		sxx += log(x[i]) * log(x[i]);
		sxy += log(x[i]) * log(y[i]);
	}
	return k < 3 || k * sxx - sx * sx <= 0 ? NAN : (k * sxy - sx * sy) / (k * sxx - sx * sx);
}

/* NAN unless it is a value: neither a bound nor one from too few deaths. */
static double work_lifetime_p99_ns(struct reclaim *r, struct life_recorder *life,
				   uint64_t now_ticks)
{
	struct life_hist *sum = calloc(1, sizeof(*sum));
	struct km *km = malloc(sizeof(*km));
	double p99_ns = NAN;

	reclaim_quiet_begin(r);
	reclaim_stage_end(r, now_ticks, life);
	reclaim_quiet_end(r);
	if (sum && km) {
		for (int state = 0; state < LIFE_N_STATES; state++)
			if (life->hist[OBJ_VALUE][state])
				life_hist_merge(sum, &life->hist[OBJ_VALUE][state][LIFE_TOTAL]);
		km_estimate(km, sum);
		const struct km_value p99 = km_quantile(km, 0.99);

		if (p99.status == KM_OK)
			p99_ns = p99.value_ns;
	}
	free(km);
	free(sum);
	return p99_ns;
}

/* One round at a filled table: delete `n_retired` keys, one cycle, put them back. */
static int work_round(struct scenario_map *m, uint64_t n_retired, double y[WORK_N])
{
	const struct clock *clock = m->s->clock;
	const struct gc_log *log = m->t->ops->gc_log(m->r);
	struct life_recorder life;
	struct gc_probe_mark mark;
	struct gc_log_cycle c;
	uint64_t begin;
	int error = gc_probe_mark(m->t, &mark);

	if (error || life_recorder_init(&life, clock))
		return error ? error : -ENOMEM;
	gc_probe_clear(m->t);
	reclaim_quiet_begin(m->r);
	begin = clock_ticks(clock);
	reclaim_stage_begin(m->r, begin);
	life_stage_begin(&life, begin);
	reclaim_quiet_end(m->r);
	begin = clock_ticks(clock);
	for (uint64_t key = 0; key < n_retired; key++)
		scenario_delete(m, key);
	y[WORK_DELETE] =
		(double)clock_delta_ns(clock, begin, clock_ticks(clock)) / (double)n_retired;
	m->t->ops->collect(m->t);
	if (!gc_log_get(log, gc_log_n_cycles(log), &c))
		error = -EIO;
	y[WORK_MARK] = (double)mark.ns;
	y[WORK_SWEEP] = (double)c.sweep_ns;
	y[WORK_P99] = work_lifetime_p99_ns(m->r, &life, clock_ticks(clock));
	life_recorder_fini(&life);
	return error ? error : scenario_fill(m, 0, n_retired);
}

static double work_bytes_per_entry(const struct scenario_map *m)
{
	struct reclaim_totals totals;
	double bytes = 0;

	reclaim_totals(m->r, &totals);
	for (int class = 0; class < OBJ_N_CLASSES; class ++)
		if (class != OBJ_GARBAGE)
			bytes +=
				(double)(totals.allocated_bytes[class] - totals.freed_bytes[class]);
	return bytes / (double)hmap_count(m->map);
}

/* A point of a series: medians of the rounds. */
static int work_point(struct work_series *series, struct scenario_map *m, double x,
		      uint64_t n_retired)
{
	double y[WORK_N][SCENARIO_MAX_ROUNDS], one[WORK_N];
	const unsigned n_rounds = m->s->n_rounds;

	for (unsigned i = 0; i < n_rounds; i++) {
		const int error = work_round(m, n_retired, one);

		if (error)
			return error;
		one[WORK_BYTES] = work_bytes_per_entry(m);
		for (int f = 0; f < WORK_N; f++)
			y[f][i] = one[f];
	}
	series->x[series->n] = x;
	printf("%-8s %10.0f", series->against, x);
	for (int f = 0; f < WORK_N; f++) {
		series->y[f][series->n] = scenario_median(y[f], n_rounds);
		printf(" %14.1f", series->y[f][series->n]);
	}
	printf("\n");
	series->n++;
	return 0;
}

static void work_rows(struct scenario *s, const struct scenario_map *m,
		      const struct work_series *series)
{
	struct scenario_map names = *m;

	printf("%-8s %10s", series->against, "exponent");
	for (int f = 0; f < WORK_N; f++) {
		struct scenario_value v = {
			.metric = work_figures[f].metric, .better = "lower", .n = s->n_rounds};
		const double exponent = work_exponent(series->x, series->y[f], series->n);
		char setting[48];

		for (unsigned i = 0; i < series->n; i++) {
			snprintf(setting, sizeof(setting), "%s=%.0f", series->against,
				 series->x[i]);
			v.setting = setting, v.value = series->y[f][i];
			v.stat = work_figures[f].stat, v.unit = work_figures[f].unit;
			v.reason = isnan(v.value) ? "too few deaths for this figure" : "";
			scenario_row(s, &names, &v);
		}
		snprintf(setting, sizeof(setting), "against %s", series->against);
		v.setting = setting, v.value = exponent;
		v.stat = "exponent", v.unit = "1", v.n = series->n;
		v.reason = isnan(exponent) ? "fewer than three sizes" : "log-log least squares";
		scenario_row(s, &names, &v);
		printf(" %14.3f", exponent);
	}
	printf("\n");
}

/* Columns: the size, then each figure; a blank line and a name between series, as gnuplot's index wants it. */
static int work_write_dat(const struct scenario *s, const struct work_series *series, bool is_first)
{
	char path[4200];
	FILE *f;

	if (!s->dir)
		return 0;
	snprintf(path, sizeof(path), "%.4000s/work.dat", s->dir);
	f = fopen(path, is_first ? "we" : "ae");
	if (!f)
		return -errno;
	fprintf(f,
		"%s# against %s: size, mark ns, sweep ns, ns per delete, bytes per entry, lifetime "
		"P99 ns\n",
		is_first ? "" : "\n\n", series->against);
	for (unsigned i = 0; i < series->n; i++) {
		fprintf(f, "%.0f", series->x[i]);
		for (int k = 0; k < WORK_N; k++)
			fprintf(f, " %.6g", series->y[k][i]);
		fputc('\n', f);
	}
	return fclose(f) ? -errno : 0;
}

static const struct scenario_setup work_setup = {.strategy = "mark",
						 .options = "trigger=hand",
						 .mode = HMAP_PAYLOAD,
						 .unlink = HMAP_UNLINK_EMPTY,
						 .tracking = true};

/* Against table size: an eighth of the entries dies. */
static int work_by_keys(struct scenario *s)
{
	struct work_series series = {.against = "keys"};
	struct scenario_map m = {0};
	int error = 0;

	for (uint64_t n = s->min_keys < 8 ? 8 : s->min_keys;
	     n <= s->max_keys && !error && series.n < WORK_MAX_POINTS; n *= 4) {
		error = scenario_map_open(&m, s, &work_setup);
		m.n_keys = n;
		if (!error)
			error = scenario_fill(&m, 0, n);
		if (!error)
			error = work_point(&series, &m, (double)n, n / 8);
		scenario_map_close(&m);
	}
	m = (struct scenario_map){.strategy = "mark",
				  .options = "trigger=hand",
				  .mode = HMAP_PAYLOAD,
				  .n_keys = s->max_keys};
	if (!error)
		work_rows(s, &m, &series);
	return error ? error : work_write_dat(s, &series, true);
}

/* Against the number of the dead, in one table. */
static int work_by_retired(struct scenario *s)
{
	struct work_series series = {.against = "retired"};
	struct scenario_map m;
	int error = scenario_map_open(&m, s, &work_setup);

	m.n_keys = s->max_keys < 64 ? 64 : s->max_keys;
	if (!error)
		error = scenario_fill(&m, 0, m.n_keys);
	for (uint64_t n = 16; n <= m.n_keys / 2 && !error && series.n < WORK_MAX_POINTS; n *= 4)
		error = work_point(&series, &m, (double)n, n);
	if (!error)
		work_rows(s, &m, &series);
	scenario_map_close(&m);
	return error ? error : work_write_dat(s, &series, false);
}

int scenario_work(struct scenario *s)
{
	int error;

	printf("%-8s %10s %14s %14s %14s %14s %14s\n", "against", "size", "mark ns", "sweep ns",
	       "delete ns", "bytes/entry", "lifetime P99 ns");
	error = work_by_keys(s);
	if (!error)
		error = work_by_retired(s);
	return scenario_end(s, error);
}
