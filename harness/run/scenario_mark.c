/* SPDX-License-Identifier: MIT */
/* scenario_mark.c - granularity: where the mark bit lies, and what that costs and keeps. */
#include <errno.h>
#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "gc/gc_probe.h"
#include "run/scenario.h"
#include "units.h"

static const unsigned granularity_live_pct[] = {100, 90, 75, 50, 25, 10, 5, 1};

struct granularity {
	struct scenario *s;
	struct scenario_map m;
	uint64_t *keys; /* in the order in which they die */
	uint64_t n_dead;
};

static void granularity_put(struct granularity *g, const char *setting, const char *metric,
			    const char *stat, double value, const char *unit)
{
	const struct scenario_value v = {
		.setting = setting,
		.metric = metric,
		.stat = stat,
		.value = value,
		.unit = unit,
		.better = "lower",
		.n = g->s->n_rounds,
		.reason = isnan(value) ? "an empty map has no bucket" : "",
	};

	scenario_row(g->s, &g->m, &v);
}

/* One live fraction: 0 or -errno. */
static int granularity_point(struct granularity *g, unsigned live_pct)
{
	const unsigned of_payloads = 1u << OBJ_VALUE, of_all = of_payloads | 1u << OBJ_BUCKET;
	double ns[SCENARIO_MAX_ROUNDS], false_pct;
	struct gc_probe_kept kept = {0};
	struct gc_probe_mark mark = {0};
	char setting[32];

	for (unsigned i = 0; i < g->s->n_rounds; i++) {
		int error = gc_probe_mark(g->m.t, &mark);

		if (error)
			return error;
		ns[i] = mark.n_buckets ? (double)mark.ns / (double)mark.n_buckets : NAN;
		gc_probe_kept(g->m.t, of_all, &kept);
		gc_probe_clear(g->m.t);
	}
	false_pct = kept.live_bytes + kept.false_bytes
			    ? 100.0 * (double)kept.false_bytes /
				      (double)(kept.live_bytes + kept.false_bytes)
			    : 0;
	snprintf(setting, sizeof(setting), "live=%u%%", live_pct);
	granularity_put(g, setting, "mark_time", "per_bucket", scenario_median(ns, g->s->n_rounds),
			"ns");
	granularity_put(g, setting, "mark_buckets", "count", (double)mark.n_buckets, "buckets");
	granularity_put(g, setting, "mark_bitmap_bytes", "max",
			(double)gc_probe_bitmap_bytes(g->m.t), "bytes");
	granularity_put(g, setting, "live_bytes", "count", (double)kept.live_bytes, "bytes");
	granularity_put(g, setting, "false_retention_bytes", "count", (double)kept.false_bytes,
			"bytes");
	granularity_put(g, setting, "false_retention", "rate", false_pct, "%");
	printf("%-8s %10" PRIu64 " %6u%% %10.1f %12" PRIu64 " %12" PRIu64 " %12" PRIu64
	       " %9.1f%%\n",
	       g->m.options + strlen("trigger=hand,bits="), g->m.n_keys, live_pct,
	       scenario_median(ns, g->s->n_rounds), gc_probe_bitmap_bytes(g->m.t), kept.live_bytes,
	       kept.false_bytes, false_pct);
	return 0;
}

static int granularity_kill_to(struct granularity *g, unsigned live_pct)
{
	const uint64_t n_live = (g->m.n_keys * live_pct + 99) / 100;

	for (; g->n_dead < g->m.n_keys - n_live; g->n_dead++)
		if (!scenario_delete(&g->m, g->keys[g->n_dead]))
			return -EIO;
	return 0;
}

static void granularity_shuffle(struct granularity *g, uint64_t n_keys)
{
	uint64_t random = g->s->seed | 1;

	for (uint64_t i = 0; i < n_keys; i++)
		g->keys[i] = i;
	for (uint64_t i = n_keys; i > 1; i--) {
		const uint64_t j = scenario_random(&random) % i, key = g->keys[j];

		g->keys[j] = g->keys[i - 1];
		g->keys[i - 1] = key;
	}
}

static int granularity_table(struct scenario *s, const char *options, uint64_t n_keys)
{
	const struct scenario_setup setup = {.strategy = "mark",
					     .options = options,
					     .mode = HMAP_PAYLOAD,
					     .unlink = HMAP_UNLINK_EMPTY};
	struct granularity g = {.s = s, .keys = calloc(n_keys + 1, sizeof(*g.keys))};
	int error = g.keys ? scenario_map_open(&g.m, s, &setup) : -ENOMEM;

	if (!error) {
		g.m.n_keys = n_keys;
		granularity_shuffle(&g, n_keys);
		error = scenario_fill(&g.m, 0, n_keys);
	}
	for (size_t i = 0;
	     !error && i < sizeof(granularity_live_pct) / sizeof(granularity_live_pct[0]); i++) {
		error = granularity_kill_to(&g, granularity_live_pct[i]);
		if (!error)
			error = granularity_point(&g, granularity_live_pct[i]);
	}
	scenario_map_close(&g.m);
	free(g.keys);
	return error;
}

int scenario_granularity(struct scenario *s)
{
	/* shadow=on only counts: bits=span needs it to tell what is kept falsely. */
	static const char *const options[] = {"trigger=hand,bits=header", "trigger=hand,bits=side",
					      "trigger=hand,bits=span,shadow=on"};

	int error = 0;

	printf("%-8s %10s %7s %10s %12s %12s %12s %10s\n", "bits", "keys", "live", "mark ns/b",
	       "bitmap B", "live B", "false B", "false");
	for (size_t i = 0; i < sizeof(options) / sizeof(options[0]); i++)
		for (uint64_t n = s->min_keys; !error && n <= s->max_keys; n = n ? n * 4 : 1)
			error = granularity_table(s, options[i], n);
	return scenario_end(s, error);
}
