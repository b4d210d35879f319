/* SPDX-License-Identifier: MIT */
/* scenario_cost.c - mark-cost: time of marking by occupancy, contiguous against chained buckets, barrier on and
 * off, progress of an evacuation, huge pages. */
#include <errno.h>
#include <inttypes.h>
#include <math.h>
#include <stdio.h>

#include "gc/gc_log.h"
#include "gc/gc_probe.h"
#include "run/scenario.h"

/* Buckets that keys of chain_hash() fall into; the rest of the array stays empty. */
#define COST_N_CHAINS 64
#define COST_CHAIN_KEYS 16384

static uint64_t chain_hash(uint64_t key, uint64_t seed)
{
	const uint64_t hash = hmap_hash_default(key, seed);

	return (hash & ~UINT64_C(0xffffffff)) | (hash & (COST_N_CHAINS - 1));
}

static void cost_put(struct scenario *s, const struct scenario_map *m, const char *setting,
		     const char *stat, double ns, const char *note)
{
	const struct scenario_value v = {.setting = setting,
					 .metric = "mark_time",
					 .stat = stat,
					 .value = ns,
					 .unit = "ns",
					 .better = "lower",
					 .n = s->n_rounds,
					 .reason = isnan(ns) ? "there is no bucket to mark" : ""};

	scenario_row(s, m, &v);
	printf("%-28s %9" PRIu64 " %-11s %14.1f ns  %s\n", setting, m->n_keys, stat, ns, note);
}

/* Median time of one marking of everything, ns; NAN: it could not be done. */
static double cost_mark(struct scenario *s, struct scenario_map *m, uint64_t *n_buckets)
{
	double ns[SCENARIO_MAX_ROUNDS];
	struct gc_probe_mark mark = {0};

	for (unsigned i = 0; i < s->n_rounds; i++) {
		if (gc_probe_mark(m->t, &mark))
			return NAN;
		gc_probe_clear(m->t);
		ns[i] = (double)mark.ns;
	}
	*n_buckets = mark.n_buckets;
	return scenario_median(ns, s->n_rounds);
}

static int cost_open(struct scenario_map *m, struct scenario *s, enum hmap_mode mode,
		     bool huge_pages, hmap_hash_fn *hash, uint64_t n_keys)
{
	const struct scenario_setup setup = {.strategy = "mark",
					     .options = "trigger=hand",
					     .mode = mode,
					     .unlink = HMAP_UNLINK_GO,
					     .huge_pages = huge_pages,
					     .hash = hash};
	int error = scenario_map_open(m, s, &setup);

	if (!error) {
		m->n_keys = n_keys;
		error = scenario_fill(m, 0, n_keys);
	}
	return error ? error : n_keys ? scenario_settle(m) : 0;
}

/* The same array, fewer and fewer entries; unlink=go keeps every bucket. */
static int cost_occupancy(struct scenario *s, enum hmap_mode mode)
{
	struct scenario_map m;
	int error = cost_open(&m, s, mode, false, NULL, s->max_keys);

	for (unsigned pct = 100; !error && pct <= 100; pct -= 25) {
		const uint64_t n_live = s->max_keys * pct / 100,
			       n_before = s->max_keys * (pct + 25) / 100;
		uint64_t n_buckets = 0;
		char setting[48];
		double ns;

		for (uint64_t key = n_live; pct < 100 && key < n_before; key++)
			scenario_delete(&m, key);
		ns = cost_mark(s, &m, &n_buckets);
		snprintf(setting, sizeof(setting), "%s,occupancy=%u%%",
			 mode == HMAP_PLAIN ? "plain" : "payload", pct);
		cost_put(s, &m, setting, "per_bucket", n_buckets ? ns / (double)n_buckets : NAN,
			 "");
		if (pct == 0)
			break;
	}
	scenario_map_close(&m);
	return error;
}

/* What marking a bucket costs inside an array, and what it costs at the end of a pointer. */
static int cost_layout(struct scenario *s, enum hmap_mode mode)
{
	const char *kind = mode == HMAP_PLAIN ? "plain" : "payload";
	uint64_t n_flat = 0, n_chained = 0, n_own;
	struct scenario_map m;
	double flat_ns, ns;
	char setting[48];
	int error = cost_open(&m, s, mode, false, NULL, COST_CHAIN_KEYS);

	if (!error) {
		flat_ns = cost_mark(s, &m, &n_flat);
		snprintf(setting, sizeof(setting), "%s,contiguous", kind);
		cost_put(s, &m, setting, "per_bucket", flat_ns / (double)n_flat, "");
	}
	scenario_map_close(&m);
	if (error)
		return error;
	error = cost_open(&m, s, mode, false, chain_hash, COST_CHAIN_KEYS);
	if (!error) {
		ns = cost_mark(s, &m, &n_chained);
		n_own = hmap_count_overflow(m.map);
		snprintf(setting, sizeof(setting), "%s,chained", kind);
		cost_put(s, &m, setting, "per_bucket", n_own ? ns / (double)n_own : NAN,
			 "all entries in 64 chains; the time of the whole array is in it");
	}
	scenario_map_close(&m);
	return error;
}

/* Cycles by hand: the whole marking and both pauses, with the barrier and with the world stopped instead. */
static int cost_barrier(struct scenario *s, bool is_on)
{
	const struct scenario_setup setup = {.strategy = "mark",
					     .options = is_on ? "trigger=hand,barrier=on"
							      : "trigger=hand,barrier=off",
					     .mode = HMAP_PAYLOAD,
					     .unlink = HMAP_UNLINK_EMPTY};
	double mark_ns[SCENARIO_MAX_ROUNDS], pause_ns[SCENARIO_MAX_ROUNDS];
	const char *setting = is_on ? "barrier=on" : "barrier=off";
	struct scenario_map m;
	int error = scenario_map_open(&m, s, &setup);

	m.n_keys = s->max_keys;
	if (!error)
		error = scenario_fill(&m, 0, s->max_keys);
	for (unsigned i = 0; !error && i < s->n_rounds; i++) {
		const struct gc_log *log = m.t->ops->gc_log(m.r);
		struct gc_log_cycle c;

		m.t->ops->collect(m.t);
		if (!gc_log_get(log, gc_log_n_cycles(log), &c)) {
			error = -EIO;
			break;
		}
		mark_ns[i] = (double)clock_delta_ns(s->clock, c.mark_begin_ticks, c.mark_end_ticks);
		pause_ns[i] = (double)(c.pause1_ns + c.pause2_ns);
	}
	if (!error) {
		cost_put(s, &m, setting, "p50", scenario_median(mark_ns, s->n_rounds),
			 "of the whole marking");
		cost_put(s, &m, setting, "pauses", scenario_median(pause_ns, s->n_rounds),
			 "world stopped, sum");
	}
	scenario_map_close(&m);
	return error;
}

/* A growth held at a share of its evacuation. */
static int cost_evacuation(struct scenario *s)
{
	const struct scenario_setup setup = {.strategy = "mark",
					     .options = "trigger=hand",
					     .mode = HMAP_PAYLOAD,
					     .unlink = HMAP_UNLINK_GO};
	struct hmap_state state = {0};
	struct scenario_map m;
	uint64_t n_keys = 0;
	int error = scenario_map_open(&m, s, &setup);

	while (!error && !(state.is_growing && n_keys >= s->max_keys * 3 / 4)) {
		error = scenario_fill(&m, n_keys, n_keys + 1);
		n_keys++;
		hmap_state(m.map, m.t, &state);
	}
	m.n_keys = n_keys;
	for (unsigned pct = 0; !error && pct <= 100; pct += 25) {
		const uint64_t n_old = state.old_array_bytes / HMAP_BUCKET_BYTES;
		uint64_t n_buckets = 0, key = 0;
		char setting[48];
		double ns;

		while (!error && state.is_growing && state.nevacuate * 100 < n_old * pct) {
			error = scenario_fill(&m, key % n_keys, key % n_keys + 1);
			key++;
			hmap_state(m.map, m.t, &state);
		}
		ns = cost_mark(s, &m, &n_buckets);
		snprintf(setting, sizeof(setting), "evacuated=%u%%", pct);
		cost_put(s, &m, setting, "sum", ns,
			 state.is_growing ? "both arrays" : "the growth has ended");
		if (!state.is_growing)
			break;
	}
	scenario_map_close(&m);
	return error;
}

static int cost_pages(struct scenario *s, bool huge_pages)
{
	struct scenario_map m;
	uint64_t n_buckets = 0;
	int error = cost_open(&m, s, HMAP_PAYLOAD, huge_pages, NULL, s->max_keys);

	if (!error) {
		const double ns = cost_mark(s, &m, &n_buckets);

		cost_put(s, &m, huge_pages ? "huge_pages=on" : "huge_pages=off", "per_bucket",
			 n_buckets ? ns / (double)n_buckets : NAN, "");
	}
	scenario_map_close(&m);
	return error;
}

int scenario_mark_cost(struct scenario *s)
{
	int error = cost_occupancy(s, HMAP_PLAIN);

	if (!error)
		error = cost_occupancy(s, HMAP_PAYLOAD);
	if (!error)
		error = cost_layout(s, HMAP_PLAIN);
	if (!error)
		error = cost_layout(s, HMAP_PAYLOAD);
	if (!error)
		error = cost_barrier(s, true);
	if (!error)
		error = cost_barrier(s, false);
	if (!error && s->max_keys >= 64)
		error = cost_evacuation(s);
	if (!error)
		error = cost_pages(s, false);
	if (!error)
		error = cost_pages(s, true);
	return scenario_end(s, error);
}
