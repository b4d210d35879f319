/* SPDX-License-Identifier: MIT */
/* scenario_pause.c - pause-window: marking confined to windows; co-occurrence: slow deletes against pauses and sweeps.
 * One writer, this thread, deletes and inserts as fast as it can while the collector runs. */
#include <errno.h>
#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "gc/gc_log.h"
#include "measure/km.h"
#include "run/scenario.h"

/* Latency classes of a delete: below each bound. */
static const uint64_t pause_bound_ns[] = {1000, 10000, 100000, 1000000, UINT64_MAX};
static const char *const pause_class_names[] = {"<1us", "1-10us", "10-100us", "100us-1ms", ">=1ms"};
enum { PAUSE_N_CLASSES = 5, PAUSE_MAX_SAMPLES = 4096, PAUSE_KEEP_1_IN = 64 };

struct pause_sample {
	uint64_t begin_ticks, end_ticks;
};
struct pause_load {
	struct scenario_map m;
	uint64_t n_ops, n_deletes;
	double seconds;
	uint64_t n_class[PAUSE_N_CLASSES];		   /* seen */
	uint64_t n_offered[PAUSE_N_CLASSES];		   /* of those, taken into account */
	uint64_t random;				   /* of the sample, not of the load */
	struct pause_sample (*samples)[PAUSE_MAX_SAMPLES]; /* NULL: not wanted */
};

static unsigned pause_class(uint64_t ns)
{
	unsigned i = 0;

	while (ns >= pause_bound_ns[i])
		i++;
	return i;
}

/* All of the rare, some of the many; when they are too many, a fair sample of the whole run (Vitter, Random Sampling
 * with a Reservoir, 1985, algorithm R). */
static void pause_keep(struct pause_load *load, uint64_t begin, uint64_t end)
{
	const unsigned class = pause_class(clock_delta_ns(load->m.s->clock, begin, end));
	const struct pause_sample sample = {begin, end};
	uint64_t place;

	if (load->n_class[class]++ % (class > 1 ? 1 : PAUSE_KEEP_1_IN))
		return;
	place = load->n_offered[class]++;
	if (place >= PAUSE_MAX_SAMPLES)
		place = scenario_random(&load->random) % load->n_offered[class];
	if (place < PAUSE_MAX_SAMPLES)
		load->samples[class][place] = sample;
}

/* A delete of a random key, the insert that makes up for it, some garbage.  The delete is timed with its poll: a
 * thread that is held there by a stop is held in its operation, to whoever waits for it. */
static int pause_run(struct pause_load *load)
{
	const struct scenario *s = load->m.s;
	const uint64_t begin = clock_ticks(s->clock),
		       length = clock_ns_to_ticks(s->clock, s->duration_ns);
	struct reclaim_thread *t = load->m.t;
	uint64_t random = s->seed | 1, now = begin;
	bool no_memory = false;

	while (now - begin < length && !no_memory) {
		const uint64_t key = scenario_random(&random) % load->m.n_keys;

		reclaim_enter(t);
		load->n_deletes += hmap_delete(load->m.map, t, key);
		reclaim_exit(t);
		reclaim_poll(t);
		const uint64_t end = clock_ticks(s->clock);

		if (load->samples)
			pause_keep(load, now, end);
		reclaim_enter(t);
		no_memory = hmap_insert(load->m.map, t, key, key) == HMAP_NO_MEMORY;
		reclaim_exit(t);
		reclaim_poll(t);
		reclaim_garbage(t, 1024);
		load->n_ops += 2;
		now = clock_ticks(s->clock);
	}
	load->seconds = (double)clock_delta_ns(s->clock, begin, now) * 1e-9;
	return no_memory ? -ENOMEM : 0;
}

static int pause_open(struct pause_load *load, struct scenario *s, const char *strategy,
		      const char *options)
{
	const struct scenario_setup setup = {.strategy = strategy,
					     .options = options,
					     .mode = HMAP_PAYLOAD,
					     .unlink = HMAP_UNLINK_EMPTY,
					     .tracking = true};
	int error = scenario_map_open(&load->m, s, &setup);

	load->m.n_keys = s->max_keys ? s->max_keys : 1;
	if (!error)
		error = scenario_fill(&load->m, 0, load->m.n_keys);
	if (!error)
		load->m.t->ops->collect(load->m.t);
	return error;
}

/* ---------------------------------------------------------------- pause-window */

struct pause_marking {
	uint64_t n_cycles, n_windows, n_buckets, n_marked;
	double mark_ns;
};

static void pause_sum_cycles(const struct pause_load *load, uint64_t first,
			     struct pause_marking *sum)
{
	const struct gc_log *log = load->m.t->ops->gc_log(load->m.r);

	for (uint64_t i = first; i <= gc_log_n_cycles(log); i++) {
		struct gc_log_cycle c;

		if (!gc_log_get(log, i, &c))
			continue;
		sum->n_cycles++;
		sum->n_windows += c.n_windows;
		sum->n_buckets += c.n_buckets;
		sum->n_marked +=
			c.n_buckets_marked < c.n_buckets ? c.n_buckets_marked : c.n_buckets;
		sum->mark_ns += (double)clock_delta_ns(load->m.s->clock, c.mark_begin_ticks,
						       c.mark_end_ticks);
	}
}

static struct km_value pause_lifetime_p50(const struct life_recorder *life)
{
	struct life_hist *sum = calloc(1, sizeof(*sum));
	struct km *km = malloc(sizeof(*km));
	struct km_value p50 = {.value_ns = NAN, .status = KM_NONE, .reason = "out of memory"};

	if (sum && km) {
		for (int state = 0; state < LIFE_N_STATES; state++)
			if (life->hist[OBJ_VALUE][state])
				life_hist_merge(sum, &life->hist[OBJ_VALUE][state][LIFE_TOTAL]);
		km_estimate(km, sum);
		p50 = km_quantile(km, 0.5);
	}
	free(km);
	free(sum);
	return p50;
}

static int pause_stage(struct pause_load *load, struct life_recorder *life)
{
	const struct clock *clock = load->m.s->clock;
	int error;

	reclaim_quiet_begin(load->m.r);
	const uint64_t begin = clock_ticks(clock);

	reclaim_stage_begin(load->m.r, begin);
	life_stage_begin(life, begin);
	reclaim_quiet_end(load->m.r);
	error = pause_run(load);
	reclaim_offline(load->m.t);
	reclaim_quiet_begin(load->m.r);
	reclaim_stage_end(load->m.r, clock_ticks(clock), life);
	reclaim_quiet_end(load->m.r);
	reclaim_online(load->m.t);
	return error;
}

static void pause_report(struct scenario *s, const struct pause_load *load, const char *setting,
			 const struct pause_marking *sum, const struct km_value *p50)
{
	const double coverage =
		sum->n_buckets ? 100.0 * (double)sum->n_marked / (double)sum->n_buckets : NAN;
	const double mark_ns = sum->n_cycles ? sum->mark_ns / (double)sum->n_cycles : NAN;
	const double rate = (double)load->n_ops / load->seconds;
	const char *none = "no cycle ended within the stage";
	const struct scenario_value values[] = {
		{setting, "throughput", "rate", "ops/s", "higher", rate, load->n_ops, "", NULL},
		{setting, "mark_coverage", "rate", "%", "higher", coverage, sum->n_cycles,
		 isnan(coverage) ? none : "", NULL},
		{setting, "mark_time", "mean", "ns", "lower", mark_ns, sum->n_cycles,
		 isnan(mark_ns) ? none : "", NULL},
		{setting, "mark_windows", "count", "windows", "", (double)sum->n_windows,
		 sum->n_cycles, "", NULL},
		{setting, "lifetime", "p50", "ns", "lower", p50->value_ns, load->n_deletes,
		 p50->reason, km_status_names[p50->status]},
	};

	for (size_t i = 0; i < sizeof(values) / sizeof(values[0]); i++)
		scenario_row(s, &load->m, &values[i]);
	printf("%-18s %10.1f %8" PRIu64 " %8" PRIu64 " %9.1f%% %12.3f %2s%12.3f\n", setting,
	       rate * 1e-3, sum->n_cycles, sum->n_windows, coverage, mark_ns * 1e-6,
	       p50->status == KM_CENSORED ? ">"
	       : p50->status == KM_WEAK	  ? "~"
					  : "",
	       p50->value_ns * 1e-6);
}

static int pause_point(struct scenario *s, const char *setting, const char *options)
{
	struct pause_load load = {0};
	struct pause_marking sum = {0};
	struct life_recorder life;
	int error = pause_open(&load, s, "mark", options);

	if (!error && life_recorder_init(&life, s->clock))
		error = -ENOMEM;
	else if (!error) {
		const uint64_t first = gc_log_n_cycles(load.m.t->ops->gc_log(load.m.r)) + 1;

		error = pause_stage(&load, &life);
		pause_sum_cycles(&load, first, &sum);
		if (!error) {
			const struct km_value p50 = pause_lifetime_p50(&life);

			pause_report(s, &load, setting, &sum, &p50);
		}
		life_recorder_fini(&life);
	}
	scenario_map_close(&load.m);
	return error;
}

int scenario_pause_window(struct scenario *s)
{
	static const struct {
		const char *setting, *options;
	} points[] = {
		{"any time", ""},
		{"10ms each 50ms", "mark_window=10ms,mark_every=50ms"},
		{"10ms each 10ms", "mark_window=10ms,mark_every=10ms"},
		{"10ms each 5ms", "mark_window=10ms,mark_every=5ms"},
		{"1ms each 50ms", "mark_window=1ms,mark_every=50ms"},
		{"1ms each 5ms", "mark_window=1ms,mark_every=5ms"},
	};
	int error = 0;

	printf("%-18s %10s %8s %8s %10s %12s %14s\n", "windows", "kops/s", "cycles", "windows",
	       "coverage", "marking ms", "lifetime ms");
	for (size_t i = 0; !error && i < sizeof(points) / sizeof(points[0]); i++)
		error = pause_point(s, points[i].setting, points[i].options);
	if (error)
		return scenario_end(s, error);
	printf("> lower bound: not yet freed at the end; ~ weak.  coverage: buckets marked at the "
	       "flip; a window of 10 ms each 5 ms is one without "
	       "end\n");
	return EXIT_GOOD;
}

/* ---------------------------------------------------------------- co-occurrence */

struct pause_distance {
	double *pause_us, *sweep_us; /* signed: negative, the delete came before */
	unsigned n, n_in_pause, n_in_sweep;
};

/* From the nearer end of [from, to] to [begin, end]: 0 when they overlap. */
static double pause_gap_us(const struct clock *clock, const struct pause_sample *d, uint64_t from,
			   uint64_t to)
{
	if (d->end_ticks < from)
		return -(double)clock_delta_ns(clock, d->end_ticks, from) * 1e-3;
	if (d->begin_ticks > to)
		return (double)clock_delta_ns(clock, to, d->begin_ticks) * 1e-3;
	return 0;
}

static void pause_nearest(const struct clock *clock, const struct gc_log *log,
			  const struct pause_sample *d, double *pause_us, double *sweep_us)
{
	*pause_us = *sweep_us = INFINITY;
	for (uint64_t i = 1; i <= gc_log_n_cycles(log); i++) {
		struct gc_log_cycle c;
		double us;

		if (!gc_log_get(log, i, &c))
			continue;
		us = pause_gap_us(clock, d, c.begin_ticks, c.mark_begin_ticks);
		if (fabs(us) < fabs(*pause_us))
			*pause_us = us;
		us = pause_gap_us(clock, d, c.mark_end_ticks, c.resume_ticks);
		if (fabs(us) < fabs(*pause_us))
			*pause_us = us;
		if (!c.sweep_end_ticks)
			continue;
		us = pause_gap_us(clock, d, c.resume_ticks, c.sweep_end_ticks);
		if (fabs(us) < fabs(*sweep_us))
			*sweep_us = us;
	}
}

static void pause_class_report(struct scenario *s, const struct pause_load *load, unsigned class)
{
	const struct gc_log *log = load->m.t->ops->gc_log(load->m.r);
	static const char *const none = "no delete of this class";
	double pause_us[512], sweep_us[512], in_pause = 0, in_sweep = 0, median_pause, median_sweep;
	const uint64_t n_offered = load->n_offered[class];
	const unsigned kept =
		n_offered < PAUSE_MAX_SAMPLES ? (unsigned)n_offered : PAUSE_MAX_SAMPLES;
	const unsigned step = kept / 512 + 1;
	unsigned n = 0;

	for (unsigned i = 0; i < kept && n < 512; i += step, n++) {
		pause_nearest(s->clock, log, &load->samples[class][i], &pause_us[n], &sweep_us[n]);
		in_pause += pause_us[n] == 0;
		in_sweep += sweep_us[n] == 0;
	}
	in_pause = n ? 100 * in_pause / n : NAN;
	in_sweep = n ? 100 * in_sweep / n : NAN;
	median_pause = scenario_median(pause_us, n);
	median_sweep = scenario_median(sweep_us, n);
	const struct scenario_value values[] = {
		{pause_class_names[class], "deletes", "count", "deletes", "",
		 (double)load->n_class[class], n, "", NULL},
		{pause_class_names[class], "distance_to_pause", "p50", "us", "", median_pause, n,
		 n ? "" : none, NULL},
		{pause_class_names[class], "distance_to_sweep", "p50", "us", "", median_sweep, n,
		 n ? "" : none, NULL},
		{pause_class_names[class], "in_pause", "rate", "%", "", in_pause, n, n ? "" : none,
		 NULL},
		{pause_class_names[class], "in_sweep", "rate", "%", "", in_sweep, n, n ? "" : none,
		 NULL},
	};

	for (size_t i = 0; i < sizeof(values) / sizeof(values[0]); i++)
		scenario_row(s, &load->m, &values[i]);
	printf("%-10s %-10s %10" PRIu64 " %12.1f %12.1f %9.1f%% %9.1f%%\n", load->m.strategy,
	       pause_class_names[class], load->n_class[class], median_pause, median_sweep, in_pause,
	       in_sweep);
}

static int pause_co_occur(struct scenario *s, const char *strategy)
{
	struct pause_load load = {.samples = calloc(PAUSE_N_CLASSES, sizeof(*load.samples)),
				  .random = s->seed | 1};
	int error = load.samples ? pause_open(&load, s, strategy, "") : -ENOMEM;

	if (!error)
		error = pause_run(&load);
	for (unsigned class = 0; !error && class < PAUSE_N_CLASSES; class ++)
		pause_class_report(s, &load, class);
	scenario_map_close(&load.m);
	free(load.samples);
	return error;
}

int scenario_co_occurrence(struct scenario *s)
{
	int error;

	printf("%-10s %-10s %10s %12s %12s %10s %10s\n", "strategy", "class", "deletes",
	       "to pause us", "to sweep us", "in pause", "in sweep");
	error = pause_co_occur(s, "sweepgen");
	if (!error)
		error = pause_co_occur(s, "mark");
	return scenario_end(s, error);
}
