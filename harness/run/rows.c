/* SPDX-License-Identifier: MIT */
/* rows.c - operations, latencies, memory, processor time and self-checks as rows. */
#include "run/rows.h"

#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "run/worker.h"

static const struct {
	const char *name;
	double q;
} percentiles[] = {{"p50", 0.5}, {"p90", 0.9}, {"p99", 0.99}, {"p999", 0.999}};
#define N_PERCENTILES (sizeof(percentiles) / sizeof(percentiles[0]))

bool rows_is_saturated(const struct stage_result *s)
{
	const struct role_stats *stats = &s->role[ROLE_MUTATOR];

	return !s->is_closed_loop && !s->is_interrupted && stats->n_offered > 0 &&
	       (double)stats->n_ops < ROWS_SATURATED * (double)stats->n_offered;
}

void rows_init(struct rows *rows, struct run_output *out, const struct run_instance *in,
	       const struct stage_result *s)
{
	*rows = (struct rows){
		.out = out,
		.config = in->config,
		.in = in,
		.s = s,
		.stage = {.stage = s->spec->name,
			  .stage_s = s->seconds,
			  .offered_ops_per_s = stage_offered(s)},
	};
}

void rows_emit(struct rows *rows, struct report_row row)
{
	if (row.role == NULL)
		row.role = "process";
	if (row.object == NULL)
		row.object = "all";
	if (row.sampled_1_in == 0)
		row.sampled_1_in = 1;
	if (row.status == NULL)
		row.status = "ok";
	run_output_row(rows->out, &rows->stage, &row, &rows->error);
}

/* ---------------------------------------------------------------- operations */

static void rows_throughput(struct rows *rows)
{
	const struct stage_result *s = rows->s;
	const struct role_stats *stats = &s->role[ROLE_MUTATOR];
	const bool is_saturated = rows_is_saturated(s);

	rows_emit(rows, (struct report_row){.role = "mutator",
					    .metric = "throughput",
					    .stat = "rate",
					    .value = stage_throughput(s),
					    .unit = "ops/s",
					    .better = "higher",
					    .n = stats->n_ops,
					    .status = is_saturated ? "saturated" : "ok",
					    .reason = s->is_interrupted ? "interrupted"
						      : is_saturated
							      ? "less than 98 % of the offered rate"
							      : ""});
	if (!s->is_closed_loop && !s->is_interrupted && stats->n_offered > 0)
		rows_emit(rows, (struct report_row){.role = "mutator",
						    .metric = "achieved_share",
						    .stat = "mean",
						    .value = (double)stats->n_ops /
							     (double)stats->n_offered,
						    .unit = "ratio",
						    .better = "higher",
						    .n = stats->n_offered,
						    .status = is_saturated ? "saturated" : "ok"});
	if (s->role[ROLE_READER].n_threads > 0 && s->seconds > 0)
		rows_emit(rows, (struct report_row){.role = "reader",
						    .metric = "throughput",
						    .stat = "rate",
						    .value = (double)s->role[ROLE_READER].n_ops /
							     s->seconds,
						    .unit = "ops/s",
						    .better = "higher",
						    .n = s->role[ROLE_READER].n_ops});
}

static void rows_count(struct rows *rows, const char *role, const char *object, const char *metric,
		       uint64_t n, const char *unit)
{
	rows_emit(rows, (struct report_row){.role = role,
					    .object = object,
					    .metric = metric,
					    .stat = "count",
					    .value = (double)n,
					    .unit = unit,
					    .n = n});
}

static void rows_operations(struct rows *rows, enum reclaim_role role)
{
	const struct role_stats *stats = &rows->s->role[role];

	if (stats->n_threads == 0)
		return;
	for (unsigned i = 0; i < RUN_N_OPS; i++) {
		if (stats->n_attempted[i] == 0)
			continue;
		rows_count(rows, reclaim_role_names[role], run_op_names[i], "attempted",
			   stats->n_attempted[i], "ops");
		rows_count(rows, reclaim_role_names[role], run_op_names[i], "hits",
			   stats->n_hits[i], "ops");
	}
	if (stats->n_no_memory > 0)
		rows_count(rows, reclaim_role_names[role], "insert", "no_memory",
			   stats->n_no_memory, "ops");
	if (stats->n_churned > 0)
		rows_count(rows, reclaim_role_names[role], "all", "churned", stats->n_churned,
			   "threads");
}

/* ---------------------------------------------------------------- latencies */

struct latency_key {
	const char *role, *object, *metric;
	uint64_t sampled_1_in;
};

static void rows_latency(struct rows *rows, const struct latency_key *key, const struct hist *h)
{
	struct report_row row = {.role = key->role,
				 .object = key->object,
				 .metric = key->metric,
				 .unit = "ns",
				 .better = "lower",
				 .n = h->n,
				 .sampled_1_in = key->sampled_1_in};
	/* Readers are a closed loop: they begin whatever they do. */
	const bool is_saturated = rows_is_saturated(rows->s) && strcmp(key->role, "mutator") == 0;

	if (h->n == 0)
		return;
	for (size_t i = 0; i < N_PERCENTILES; i++) {
		const bool is_weak = h->n < km_samples_needed(percentiles[i].q);

		row.stat = percentiles[i].name;
		row.value = hist_quantile(h, percentiles[i].q);
		row.status = is_saturated ? "saturated" : is_weak ? "weak" : "ok";
		row.reason = is_saturated ? "operations that were not begun are missing"
			     : is_weak	  ? "too few samples for this percentile"
					  : "";
		rows_emit(rows, row);
	}
	row.status = is_saturated ? "saturated" : "ok";
	row.reason = "";
	row.stat = "max";
	row.value = (double)h->max;
	rows_emit(rows, row);
	row.stat = "mean";
	row.value = h->sum / (double)h->n;
	rows_emit(rows, row);
}

static void rows_latencies(struct rows *rows, enum reclaim_role role)
{
	const struct role_stats *stats = &rows->s->role[role];
	const bool is_open = role == ROLE_MUTATOR && !rows->s->is_closed_loop;
	struct latency_key key = {.role = reclaim_role_names[role],
				  .sampled_1_in = is_open ? 1 : WORKER_TIMED_1_IN};

	for (unsigned i = 0; i < RUN_N_OPS; i++) {
		key.object = run_op_names[i];
		key.metric = "response";
		rows_latency(rows, &key, &stats->response[i]);
		key.metric = "service";
		rows_latency(rows, &key, &stats->service[i]);
	}
	if (!is_open)
		return;
	key.object = "all";
	key.metric = "lateness";
	rows_latency(rows, &key, &stats->lateness);
}

/* ---------------------------------------------------------------- memory */

static void rows_bytes(struct rows *rows, const char *metric, const char *stat, double value,
		       uint64_t n, const char *reason)
{
	rows_emit(rows, (struct report_row){.metric = metric,
					    .stat = stat,
					    .value = value,
					    .unit = "bytes",
					    .better = "lower",
					    .n = n,
					    .status = isnan(value) ? "not_available" : "ok",
					    .reason = reason});
}

static void rows_held_bytes(const struct stage_result *s, double *live, double *limbo)
{
	*live = 0;
	*limbo = 0;
	for (int c = 0; c < OBJ_N_CLASSES; c++) {
		const struct selfcheck_class *k = &s->conservation.class[c];

		if (c == OBJ_GARBAGE)
			continue;
		*live += (double)k->live_bytes;
		*limbo += (double)k->limbo_bytes;
	}
}

double rows_bytes_per_entry(const struct stage_result *s)
{
	double live, limbo;

	rows_held_bytes(s, &live, &limbo);
	return s->map_end.count > 0 ? (live + limbo) / (double)s->map_end.count : NAN;
}

/* Means over the whole stage come from event times where they are stamped, peaks from samples. */
static void rows_limbo(struct rows *rows)
{
	const struct stage_result *s = rows->s;
	const struct sampler *sampler = &s->sampler;
	const double ticks = (double)s->window_ticks;
	const double sampled = sampler->sum_limbo_bytes / (double)sampler->n_taken;
	const bool is_exact = rows->in->tracking && rows->config->sample_1_in == 1 && ticks > 0;

	rows_bytes(rows, "limbo_bytes", "max", (double)sampler->peak_limbo_bytes, sampler->n_taken,
		   "of the timeline's samples");
	rows_bytes(rows, "limbo_bytes", "mean",
		   is_exact ? s->little.gauge_byte_ticks / ticks : sampled, sampler->n_taken,
		   is_exact ? "from event times" : "of the timeline's samples");
	rows_emit(rows, (struct report_row){.metric = "limbo_objects",
					    .stat = "max",
					    .value = (double)sampler->peak_limbo_objects,
					    .unit = "objects",
					    .better = "lower",
					    .n = sampler->n_taken,
					    .reason = "of the timeline's samples"});
	if (is_exact)
		rows_emit(rows, (struct report_row){.metric = "limbo_objects",
						    .stat = "mean",
						    .value = s->little.gauge_object_ticks / ticks,
						    .unit = "objects",
						    .better = "lower",
						    .n = sampler->n_taken,
						    .reason = "from event times"});
}

static void rows_memory(struct rows *rows)
{
	const struct stage_result *s = rows->s;
	const struct sampler *sampler = &s->sampler;
	double live, limbo;

	rows_limbo(rows);
	rows_held_bytes(s, &live, &limbo);
	rows_bytes(rows, "rss_bytes", "max", (double)sampler->peak_rss_bytes, sampler->n_taken, "");
	rows_bytes(rows, "rss_bytes", "mean", sampler->sum_rss_bytes / (double)sampler->n_taken,
		   sampler->n_taken, "");
	rows_bytes(rows, "heap_bytes", "max", (double)sampler->peak_os_bytes, sampler->n_taken,
		   "held from the operating system");
	rows_bytes(rows, "heap_metadata_bytes", "max", (double)s->heap.metadata_bytes, 1, "");
	rows_bytes(rows, "live_bytes", "mean", live, 1, "at the stage's end");
	rows_bytes(rows, "bytes_per_entry", "mean", rows_bytes_per_entry(s), s->map_end.count,
		   "live and limbo, at the stage's end");
	rows_bytes(rows, "live_bytes_per_entry", "mean",
		   s->map_end.count > 0 ? live / (double)s->map_end.count : NAN, s->map_end.count,
		   "at the stage's end");
}

/* ---------------------------------------------------------------- the map and the strategy */

static void rows_classes(struct rows *rows)
{
	const struct stage_result *s = rows->s;

	for (int c = 0; c < OBJ_N_CLASSES; c++) {
		const uint64_t n_retired = s->end.n_retired[c] - s->begin.n_retired[c];
		const uint64_t n_freed = s->end.n_freed[c] - s->begin.n_freed[c];

		if (n_retired + n_freed == 0)
			continue;
		rows_count(rows, "process", obj_class_names[c], "retired", n_retired, "objects");
		rows_count(rows, "process", obj_class_names[c], "freed", n_freed, "objects");
	}
}

static void rows_map(struct rows *rows)
{
	const struct hmap_state *begin = &rows->s->map_begin, *end = &rows->s->map_end;

	rows_count(rows, "process", "map", "entries", end->count, "entries");
	rows_count(rows, "process", "map", "growths", end->n_growths - begin->n_growths, "growths");
	rows_count(rows, "process", "bucket", "revivals", end->n_revivals - begin->n_revivals,
		   "buckets");
	rows_count(rows, "process", "bucket", "overflow_buckets",
		   rows->s->conservation.class[OBJ_BUCKET].n_live, "buckets");
}

bool rows_stall_text(const struct rows *rows, char *buf, size_t size)
{
	const struct stage_result *s = rows->s;
	const uint32_t thread = s->stats_end.stalled_by;
	const char *role = "it has left since"; /* the stalled reader does, at the stage's end */

	buf[0] = '\0';
	if (s->stats_end.n_stalls == s->stats_begin.n_stalls)
		return false;
	for (unsigned i = 0; i < rows->in->n_workers; i++) {
		const struct run_worker *w = &rows->in->workers[i];

		if (w->t != NULL && w->t->index == thread)
			role = reclaim_role_names[w->role];
	}
	snprintf(buf, size, "thread %" PRIu32 " (%s) reached no safepoint in time", thread, role);
	return true;
}

static void rows_strategy(struct rows *rows)
{
	const struct stage_result *s = rows->s;
	const uint64_t n_cycles = stage_n_cycles(s);
	char stalled[96];

	rows_count(rows, "collector", "all", "cycles", n_cycles, "cycles");
	rows_stall_text(rows, stalled, sizeof(stalled));
	rows_emit(rows, (struct report_row){
				.role = "collector",
				.metric = "stalls",
				.stat = "count",
				.value = (double)(s->stats_end.n_stalls - s->stats_begin.n_stalls),
				.unit = "stalls",
				.n = s->stats_end.n_stalls - s->stats_begin.n_stalls,
				.reason = stalled,
			});
	if (rows_gc(rows))
		return;
	rows_emit(rows, (struct report_row){
				.role = "collector",
				.metric = "cycle_interval",
				.stat = "mean",
				.value = n_cycles > 0 ? s->seconds * 1e9 / (double)n_cycles : NAN,
				.unit = "ns",
				.n = n_cycles,
				.status = n_cycles == 0	 ? "not_available"
					  : n_cycles < 3 ? "weak"
							 : "ok",
				.reason = n_cycles == 0 ? "no cycle ended in the stage"
							: "stage length over cycles"});
	if (s->stats_end.pause_ns_max > 0)
		rows_emit(rows, (struct report_row){.role = "mutator",
						    .metric = "pause",
						    .stat = "max",
						    .value = (double)s->stats_end.pause_ns_max,
						    .unit = "ns",
						    .better = "lower",
						    .n = n_cycles,
						    .reason = "since the run began"});
}

/* ---------------------------------------------------------------- processor time */

static void rows_cpu(struct rows *rows)
{
	const struct stage_result *s = rows->s;
	const uint64_t known_ns = s->role[ROLE_MUTATOR].cpu_ns + s->role[ROLE_READER].cpu_ns +
				  s->sampler_cpu_ns + s->main_cpu_ns;
	const uint64_t n_ops = s->role[ROLE_MUTATOR].n_ops;
	const struct {
		const char *role;
		uint64_t ns;
		const char *reason;
	} parts[] = {
		{"mutator", s->role[ROLE_MUTATOR].cpu_ns, ""},
		{"reader", s->role[ROLE_READER].cpu_ns, ""},
		{"sampler", s->sampler_cpu_ns, ""},
		{"collector", s->process_cpu_ns > known_ns ? s->process_cpu_ns - known_ns : 0,
		 "process less all other roles"},
		{"process", s->process_cpu_ns, ""},
	};

	for (size_t i = 0; i < sizeof(parts) / sizeof(parts[0]); i++)
		rows_emit(rows, (struct report_row){.role = parts[i].role,
						    .metric = "cpu_time",
						    .stat = "sum",
						    .value = (double)parts[i].ns,
						    .unit = "ns",
						    .better = "lower",
						    .n = n_ops,
						    .reason = parts[i].reason});
	/* Stages that --steady ended have other lengths each time; this stays comparable. */
	rows_emit(rows,
		  (struct report_row){
			  .role = "process",
			  .metric = "cpu_time",
			  .stat = "mean",
			  .value = n_ops > 0 ? (double)s->process_cpu_ns / (double)n_ops : NAN,
			  .unit = "ns/op",
			  .better = "lower",
			  .n = n_ops,
			  .status = n_ops > 0 ? "ok" : "not_available",
			  .reason = n_ops > 0 ? "" : "no operation ended in the stage"});
}

static void rows_event(struct rows *rows, enum reclaim_role role, size_t i)
{
	const struct pmu_value *v = &rows->s->events[role][i];
	const bool has_value = v->state == PMU_OK || v->state == PMU_ESTIMATED;
	char metric[128];

	snprintf(metric, sizeof(metric), "event:%s", pmu_set_name(rows->in->events, i));
	rows_emit(rows, (struct report_row){.role = reclaim_role_names[role],
					    .metric = metric,
					    .stat = "sum",
					    .value = has_value ? v->value : NAN,
					    .unit = "events",
					    .better = "lower",
					    .n = rows->s->role[ROLE_MUTATOR].n_ops,
					    .status = pmu_state_names[v->state],
					    .reason = v->reason});
}

static void rows_events(struct rows *rows)
{
	if (rows->in->events == NULL)
		return;
	for (unsigned role = 0; role < ROLE_N; role++)
		for (size_t i = 0; i < pmu_set_count(rows->in->events); i++)
			if (rows->s->n_event_threads[role] > 0)
				rows_event(rows, (enum reclaim_role)role, i);
}

/* ---------------------------------------------------------------- checks */

static void rows_little(struct rows *rows)
{
	const struct selfcheck_little *little = &rows->s->little;
	char reason[160];

	if (!rows->in->tracking) {
		rows_emit(rows, (struct report_row){.metric = "little_ratio",
						    .stat = "mean",
						    .value = NAN,
						    .unit = "ratio",
						    .status = "not_available",
						    .reason = "tracking is off"});
		return;
	}
	snprintf(reason, sizeof(reason),
		 "stamps %.6g, gauge %.6g object-ticks; stamps %.6g, gauge %.6g byte-ticks",
		 little->stamp_object_ticks, little->gauge_object_ticks, little->stamp_byte_ticks,
		 little->gauge_byte_ticks);
	rows_emit(rows, (struct report_row){.metric = "little_ratio",
					    .stat = "mean",
					    .value = isfinite(little->ratio) ? little->ratio : 1e9,
					    .unit = "ratio",
					    .n = rows->s->window_ticks,
					    .sampled_1_in = rows->config->sample_1_in,
					    .status = little->is_good ? "ok" : "weak",
					    .reason = reason});
}

static void rows_checks(struct rows *rows)
{
	const struct selfcheck_conservation *c = &rows->s->conservation;
	char digest[64];

	rows_little(rows);
	rows_emit(rows, (struct report_row){.metric = "conservation_error",
					    .stat = "max",
					    .value = (double)c->error_objects,
					    .unit = "objects",
					    .better = "lower",
					    .status = c->is_good ? "ok" : "weak",
					    .reason = c->text});
	rows_emit(rows, (struct report_row){.metric = "conservation_error_bytes",
					    .stat = "max",
					    .value = (double)c->error_bytes,
					    .unit = "bytes",
					    .better = "lower",
					    .status = c->is_good ? "ok" : "weak",
					    .reason = c->text});
	/* A double holds 53 bits; the whole digest is in `reason`. */
	snprintf(digest, sizeof(digest), "%016" PRIx64, rows->s->digest);
	rows_emit(rows, (struct report_row){.role = "mutator",
					    .metric = "digest",
					    .stat = "mean",
					    .value = (double)(rows->s->digest >> 11),
					    .unit = "hash",
					    .n = rows->s->n_digest,
					    .reason = digest});
}

void rows_steady_text(const struct stage_result *s, char *buf, size_t size)
{
	const struct steady *steady = &s->watch.steady;
	char change[128];

	if (steady->n_fitted == 0)
		snprintf(change, sizeof(change), "%zu points of its %s, the rule wants %d",
			 steady->n, steady_name(&steady->rule), STEADY_MIN_POINTS);
	else
		snprintf(change, sizeof(change),
			 "its %s changed by %+.1f %% (standard error %.1f) in the last %.1f s",
			 steady_name(&steady->rule), steady->change * 100, steady->error * 100,
			 steady->span_s);
	snprintf(buf, size, "%s after %.1f s of %.1f: %s, limit %g %%",
		 s->watch.end_ticks != 0 ? "ended"
		 : s->is_interrupted	 ? "interrupted"
					 : "time-out",
		 s->seconds, (double)s->spec->duration_ns * 1e-9, change, steady->rule.limit * 100);
}

static void rows_steady(struct rows *rows)
{
	const struct stage_result *s = rows->s;
	const bool is_steady = s->watch.end_ticks != 0;
	char reason[256];

	if (!s->has_watch)
		return;
	rows_steady_text(s, reason, sizeof(reason));
	rows_emit(rows, (struct report_row){.role = "mutator",
					    .metric = "steady",
					    .stat = "count",
					    .value = is_steady,
					    .unit = "stages",
					    .n = s->watch.steady.n,
					    .status = is_steady ? "ok" : "weak",
					    .reason = reason});
	rows_emit(rows, (struct report_row){
				.role = "mutator",
				.metric = "steady_change",
				.stat = steady_name(&s->watch.steady.rule),
				.value = s->watch.steady.n_fitted > 0 ? s->watch.steady.change * 100
								      : NAN,
				.unit = "%",
				.n = s->watch.steady.n_fitted,
				.status = s->watch.steady.n_fitted > 0 ? "ok" : "not_available",
				.reason = s->watch.steady.n_fitted > 0
						  ? ""
						  : "the stage was too short for the rule"});
}

int rows_stage(struct rows *rows)
{
	rows_steady(rows);
	rows_throughput(rows);
	rows_operations(rows, ROLE_MUTATOR);
	rows_operations(rows, ROLE_READER);
	rows_lifetimes(rows);
	rows_latencies(rows, ROLE_MUTATOR);
	rows_latencies(rows, ROLE_READER);
	rows_memory(rows);
	rows_classes(rows);
	rows_map(rows);
	rows_strategy(rows);
	rows_law(rows);
	rows_cpu(rows);
	rows_events(rows);
	rows_checks(rows);
	return rows->error;
}
