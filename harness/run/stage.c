/* SPDX-License-Identifier: MIT */
/* stage.c - runs one stage and takes its snapshot; see stage.h. */
#include "run/stage.h"

#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "gc/gc_log.h"

/* From the stamps' begin to the first operation: enough for all workers to wake up. */
#define STAGE_LEAD_NS 2000000u

static uint64_t cpu_ns(clockid_t id)
{
	struct timespec ts;

	clock_gettime(id, &ts);
	return (uint64_t)ts.tv_sec * 1000000000u + (uint64_t)ts.tv_nsec;
}

static void stage_stats(struct run_instance *in, struct reclaim_stats *out)
{
	memset(out, 0, sizeof(*out));
	reclaim_ops(in->r)->stats(in->r, out);
}

static uint64_t stage_log_cycles(const struct run_instance *in)
{
	const struct reclaim_ops *ops = reclaim_ops(in->r);

	return ops->gc_log != NULL ? gc_log_n_cycles(ops->gc_log(in->r)) : 0;
}

/* All are offline.  Hold background work still, and begin to count. */
static int stage_begin(struct stage_result *s, struct run_instance *in)
{
	int error = 0;

	reclaim_quiet_begin(in->r);
	hmap_state(in->map, in->t, &s->map_begin);
	stage_stats(in, &s->stats_begin);
	s->n_cycles_begin = stage_log_cycles(in);
	if (in->tracking && (reclaim_ops(in->r)->gc_log != NULL || in->config->trace_json))
		error = law_stage_begin(&in->law, in->r);
	if (error == 0 && in->config->trace_json)
		error = watch_acts_begin(&in->acts, in->r);
	s->begin_ticks = clock_ticks(in->clock);
	reclaim_stage_begin(in->r, s->begin_ticks);
	reclaim_totals(in->r, &s->begin);
	reclaim_quiet_end(in->r);
	return error;
}

/* The same at the end: survivors and self-checks. */
static int stage_end(struct stage_result *s, struct run_instance *in)
{
	int error, taken;

	reclaim_quiet_begin(in->r);
	const uint64_t now = clock_ticks(in->clock);

	reclaim_totals(in->r, &s->end);
	stage_stats(in, &s->stats_end);
	s->n_cycles_end = stage_log_cycles(in);
	hmap_state(in->map, in->t, &s->map_end);
	heap_stats(reclaim_heap(in->r), &s->heap);
	s->window_ticks = now - s->begin_ticks;
	if (in->tracking) {
		reclaim_stage_end(in->r, now, &s->life);
		selfcheck_little(&s->little, &s->end, s->window_ticks, &s->life);
	}
	error = selfcheck_conservation(&s->conservation, in->r, in->t, &in->map, 1);
	taken = law_take(&in->law, &s->law);
	if (taken == 0)
		taken = watch_acts_take(&in->acts, &s->acts);
	reclaim_quiet_end(in->r);
	return error != 0 ? error : taken;
}

static void stage_add_worker(struct role_stats *sum, const struct run_worker *w)
{
	const struct worker_stats *stats = &w->stats;

	sum->n_threads++;
	sum->n_offered += stats->n_offered;
	sum->n_no_memory += stats->n_no_memory;
	sum->n_churned += stats->n_churned;
	sum->cpu_ns += stats->cpu_ns;
	hist_merge(&sum->lateness, &stats->lateness);
	for (unsigned i = 0; i < RUN_N_OPS; i++) {
		sum->n_ops += stats->n_attempted[i];
		sum->n_attempted[i] += stats->n_attempted[i];
		sum->n_hits[i] += stats->n_hits[i];
		hist_merge(&sum->response[i], &stats->response[i]);
		hist_merge(&sum->service[i], &stats->service[i]);
	}
}

static void stage_add_events(struct stage_result *s, const struct run_instance *in,
			     enum reclaim_role role, const struct pmu_thread *thread,
			     const struct pmu_snapshot *begin, const struct pmu_snapshot *end)
{
	for (size_t i = 0; i < pmu_set_count(in->events); i++) {
		const struct pmu_value v = pmu_delta(thread, i, begin, end);

		if (s->n_event_threads[role] == 0)
			s->events[role][i] = v;
		else
			pmu_add(&s->events[role][i], &v);
	}
	s->n_event_threads[role]++;
}

static void stage_collect_events(struct stage_result *s, const struct run_instance *in)
{
	const struct events_collectors *c = &in->collectors;

	for (unsigned i = 0; i < in->n_workers; i++) {
		const struct run_worker *w = &in->workers[i];

		if (w->pmu != NULL)
			stage_add_events(s, in, w->role, w->pmu, &w->pmu_begin, &w->pmu_end);
	}
	for (unsigned i = 0; i < c->n; i++)
		stage_add_events(s, in, ROLE_COLLECTOR, c->threads[i], &c->begin[i], &c->end[i]);
}

static void stage_collect(struct stage_result *s, const struct run_instance *in)
{
	for (unsigned i = 0; i < in->n_workers; i++) {
		const struct run_worker *w = &in->workers[i];

		stage_add_worker(&s->role[w->role], w);
		if (w->role != ROLE_MUTATOR)
			continue;
		s->digest += digest_combine(&w->digest, 1);
		s->n_digest += w->digest.n;
	}
	s->sampler_cpu_ns = s->sampler.cpu_ns;
	if (in->events != NULL)
		stage_collect_events(s, in);
}

static int stage_worker_error(const struct run_instance *in)
{
	for (unsigned i = 0; i < in->n_workers; i++)
		if (in->workers[i].error != 0)
			return in->workers[i].error;
	return 0;
}

/* When the load ended: by a signal, because it was steady, or by the plan. */
static uint64_t stage_end_ticks(const struct stage_result *s, const struct run_instance *in)
{
	if (s->is_interrupted)
		return clock_ticks(in->clock);
	return s->has_watch && s->watch.end_ticks != 0 ? s->watch.end_ticks : in->order.end_ticks;
}

/* Count for the strategy's threads, too; before the sampler's begins. */
static int stage_find_collectors(struct run_instance *in)
{
	pid_t *tids;
	int error;

	if (in->events == NULL)
		return 0;
	tids = malloc(in->n_workers * sizeof(*tids));
	if (tids == NULL)
		return -ENOMEM;
	for (unsigned i = 0; i < in->n_workers; i++)
		tids[i] = in->workers[i].tid; /* before GATE_PREFILL was done; see gate.h */
	error = events_collectors_find(&in->collectors, in->events, tids, in->n_workers);
	free(tids);
	return error;
}

/* With --steady: follow what the workers will do. */
static int stage_watch(struct stage_result *s, struct run_instance *in)
{
	s->has_watch = in->steady != NULL;
	return s->has_watch ? watch_init(&s->watch, in, in->order.begin_ticks, s->spec->duration_ns)
			    : 0;
}

/* Let the workers run. */
static int stage_load(struct stage_result *s, struct run_instance *in, unsigned index,
		      uint64_t begin_ticks, uint64_t zero_ticks)
{
	const uint64_t main_ns = cpu_ns(CLOCK_THREAD_CPUTIME_ID);
	const uint64_t process_ns = cpu_ns(CLOCK_PROCESS_CPUTIME_ID);
	int error;

	/* Before the moment of the begin is fixed: each counter takes its time to open. */
	error = stage_find_collectors(in);
	if (error != 0)
		return error;
	store_relaxed(&in->stop, false); /* ordered by the gate */
	in->order = (struct stage_order){.spec = s->spec, .index = index};
	in->order.begin_ticks =
		clock_ticks(in->clock) + clock_ns_to_ticks(in->clock, STAGE_LEAD_NS);
	in->order.end_ticks =
		in->order.begin_ticks + clock_ns_to_ticks(in->clock, s->spec->duration_ns);
	s->start_ns = clock_delta_ns(in->clock, zero_ticks, begin_ticks);
	error = stage_watch(s, in);
	if (error != 0)
		return error;
	/* By this thread, while the workers are parked: the sampler looks before they wake. */
	for (unsigned i = 0; i < in->n_mutators; i++)
		store_relaxed(&in->workers[i].n_ops, 0);
	error = sampler_start(&s->sampler, in, s->spec->name, begin_ticks, zero_ticks,
			      s->spec->duration_ns);
	if (error != 0)
		return error;
	events_collectors_begin(&in->collectors);
	gate_open(&in->gate, GATE_STAGE);
	s->is_interrupted = !run_instance_wait(in, s->has_watch ? watch_look : NULL, &s->watch);
	events_collectors_end(&in->collectors);
	const uint64_t end_ticks = stage_end_ticks(s, in);

	s->seconds = (double)clock_delta_ns(in->clock, in->order.begin_ticks, end_ticks) * 1e-9;
	s->process_cpu_ns = cpu_ns(CLOCK_PROCESS_CPUTIME_ID) - process_ns;
	s->main_cpu_ns = cpu_ns(CLOCK_THREAD_CPUTIME_ID) - main_ns;
	sampler_stop(&s->sampler);
	return stage_worker_error(in);
}

int stage_run(struct stage_result **out, struct run_instance *in, const struct stage *spec,
	      unsigned index, uint64_t zero_ticks)
{
	struct stage_result *s = calloc(1, sizeof(*s));
	int error;

	*out = s;
	if (s == NULL)
		return -ENOMEM;
	s->spec = spec;
	s->is_recorded = in->source != NULL && in->source->pace.kind == TRACE_PACE_RECORDED &&
			 spec->rate_per_s == STAGES_RATE_CLOSED;
	s->is_closed_loop = spec->rate_per_s == STAGES_RATE_CLOSED && !s->is_recorded;
	s->sampler.statm_fd = -1;
	error = life_recorder_init(&s->life, in->clock);
	if (error != 0)
		return error;
	error = stage_begin(s, in);
	if (error != 0)
		return error;
	life_stage_begin(&s->life, s->begin_ticks);
	error = stage_load(s, in, index, s->begin_ticks,
			   zero_ticks != 0 ? zero_ticks : s->begin_ticks);
	if (error == 0)
		error = stage_end(s, in);
	stage_collect(s, in);
	return error;
}

void stage_result_free(struct stage_result *s)
{
	if (s == NULL)
		return;
	sampler_fini(&s->sampler);
	law_sample_fini(&s->law);
	acts_sample_fini(&s->acts);
	if (s->has_watch)
		watch_fini(&s->watch);
	life_recorder_fini(&s->life);
	free(s);
}

double stage_throughput(const struct stage_result *s)
{
	return s->seconds > 0 ? (double)s->role[ROLE_MUTATOR].n_ops / s->seconds : NAN;
}

double stage_offered(const struct stage_result *s)
{
	if (s->is_recorded && s->seconds > 0)
		return (double)s->role[ROLE_MUTATOR].n_offered / s->seconds;
	return s->is_closed_loop ? NAN : (double)s->spec->rate_per_s;
}

uint64_t stage_n_cycles(const struct stage_result *s)
{
	return s->stats_end.n_cycles - s->stats_begin.n_cycles;
}
