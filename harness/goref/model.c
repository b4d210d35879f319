/* SPDX-License-Identifier: MIT */
/* model.c - a stage of the reference on this project's map: domain, loop, observers; see model.h. */
#include "goref/model.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <time.h>

#include "registry.h"

const char *const model_scenario_names[MODEL_N_SCENARIOS] = {"value_delete", "oldbuckets",
							     "map_drop"};

enum {
	MODEL_LOG_MAX =
		1 << 24, /* events a log can hold: 256 MiB of address space, touched as needed */
	MODEL_SLEEP_NS = 200000, /* between looks at the clock, as the reference sleeps */
	MODEL_BURST = 64,	 /* unthrottled operations between two looks */
};

/* ---------------------------------------------------------------- watching */

static void model_observe(void *ctx, enum obj_class class, const struct heap_stamps *stamps,
			  uint64_t safe_ticks, uint64_t freed_ticks)
{
	struct model_log *log = ctx;

	(void)safe_ticks;
	if (class != log->model->watched || stamps->dead_ticks < log->model->begin_ticks)
		return;
	if (log->n == MODEL_LOG_MAX) {
		log->n_lost++;
		return;
	}
	log->events[log->n++] =
		(struct model_event){stamps->dead_ticks & ~UINT64_C(1), freed_ticks};
}

static int model_log_init(struct model *m, struct model_log *log)
{
	void *map = mmap(NULL, MODEL_LOG_MAX * sizeof(*log->events), PROT_READ | PROT_WRITE,
			 MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);

	if (map == MAP_FAILED)
		return -ENOMEM;
	*log = (struct model_log){.model = m, .events = map};
	return 0;
}

static void model_watch_thread(void *ctx, struct reclaim_thread *t)
{
	struct model *m = ctx;
	struct model_log *log = &m->logs[m->n_logs];

	if (m->n_logs == MODEL_MAX_LOGS)
		m->error = -ENOSPC;
	if (m->error == 0)
		m->error = model_log_init(m, log);
	if (m->error != 0)
		return;
	m->n_logs++;
	log->thread = t->index;
	t->life.observe = model_observe;
	t->life.observe_ctx = log;
}

static void model_begin(struct model *m)
{
	reclaim_quiet_begin(m->r);
	m->begin_ticks = clock_ticks(m->clock);
	reclaim_stage_begin(m->r, m->begin_ticks);
	reclaim_for_each_thread(m->r, model_watch_thread, m);
	if (m->error == 0 && m->config->watch_threads)
		m->error = watch_acts_begin(&m->watch, m->r);
	reclaim_quiet_end(m->r);
}

static void model_unwatch_thread(void *ctx, struct reclaim_thread *t)
{
	(void)ctx;
	t->life.observe = NULL;
}

/* The stage is over: hold all still, end the watch, count who is dead and not freed. */
static void model_end(struct model *m)
{
	struct life_recorder life;

	m->error = m->error ? m->error : life_recorder_init(&life, m->clock);
	if (m->error)
		return;
	reclaim_quiet_begin(m->r);
	reclaim_for_each_thread(m->r, model_unwatch_thread, NULL);
	life_stage_begin(&life, m->begin_ticks);
	reclaim_stage_end(m->r, clock_ticks(m->clock), &life);
	for (unsigned state = 0; state < LIFE_N_STATES; state++)
		m->n_censored += life.hist[m->watched][state][LIFE_TOTAL].n_censored;
	reclaim_totals(m->r, &m->totals);
	m->error = watch_acts_take(&m->watch, &m->acts);
	reclaim_quiet_end(m->r);
	life_recorder_fini(&life);
}

/* ---------------------------------------------------------------- the loop */

static void model_sleep(struct model *m)
{
	const struct timespec ts = {.tv_nsec = MODEL_SLEEP_NS};

	reclaim_offline(m->t);
	clock_nanosleep(CLOCK_MONOTONIC, 0, &ts, NULL);
	reclaim_online(m->t);
}

/* Operations that are due after so much time. */
static uint64_t model_due(const struct model *m, uint64_t now_ticks)
{
	const double seconds = (double)clock_delta_ns(m->clock, m->begin_ticks, now_ticks) * 1e-9;

	return (uint64_t)(seconds * m->config->rate_per_s);
}

static void model_loop(struct model *m)
{
	const uint64_t end = m->begin_ticks + clock_ns_to_ticks(m->clock, m->config->duration_ns);
	uint64_t now = m->begin_ticks;

	while ((now < end || m->n_ops < m->config->n_ops_min) && m->error == 0) {
		const uint64_t due =
			m->config->rate_per_s ? model_due(m, now) : m->n_ops + MODEL_BURST;

		for (; m->n_ops < due && m->error == 0; m->n_ops++) {
			model_op(m);
			reclaim_poll(m->t);
		}
		if (m->config->rate_per_s)
			model_sleep(m);
		now = clock_ticks(m->clock);
	}
	m->end_ticks = now;
}

/* ---------------------------------------------------------------- one stage */

static int model_domain(struct model *m, char *message, size_t message_size)
{
	const struct model_config *config = m->config;
	char options[512], gogc[24];
	struct reclaim_config rc = {
		.ops = reclaim_strategy_find("go"),
		.options = options,
		.heap = {.kind = HEAP_SPAN},
		.clock = m->clock,
		.tracking = true,
		.sample_1_in = config->sample_1_in,
	};

	if (config->gogc_percent == GC_GOGC_OFF)
		snprintf(gogc, sizeof(gogc), "off");
	else
		snprintf(gogc, sizeof(gogc), "%llu", (unsigned long long)config->gogc_percent);
	snprintf(options, sizeof(options), "gogc=%s%s%s", gogc, config->options[0] ? "," : "",
		 config->options);
	return reclaim_create(&m->r, &rc, message, message_size);
}

int model_run(struct model *m, const struct model_config *config, const struct clock *clock,
	      char *message, size_t message_size)
{
	static const enum obj_class watched[] = {OBJ_VALUE, OBJ_ARRAY, OBJ_MAP};
	int error;

	memset(m, 0, sizeof(*m));
	m->config = config;
	m->clock = clock;
	m->watched = watched[config->scenario];
	rng_seed(&m->rng, config->seed, config->rep, 0);
	error = model_domain(m, message, message_size);
	if (error)
		return error;
	m->t = reclaim_register(m->r, ROLE_MUTATOR);
	error = m->t ? model_prepare(m) : -errno;
	if (!error) {
		reclaim_ops(m->r)->collect(m->t);
		model_begin(m);
		model_loop(m);
		model_end(m);
		error = m->error;
	}
	if (error)
		snprintf(message, message_size, "the stage of %llu keys failed: %s",
			 (unsigned long long)config->n_keys, strerror(-error));
	return error;
}

void model_free(struct model *m)
{
	if (m->t) {
		if (m->map)
			hmap_destroy(m->map, m->t);
		if (m->next_map)
			hmap_destroy(m->next_map, m->t);
		reclaim_ops(m->r)->drain(m->t);
		reclaim_unregister(m->t);
	}
	if (m->r)
		reclaim_destroy(m->r);
	for (unsigned i = 0; i < m->n_logs; i++)
		munmap(m->logs[i].events, MODEL_LOG_MAX * sizeof(*m->logs[i].events));
	watch_acts_fini(&m->watch);
	acts_sample_fini(&m->acts);
	free(m->keys);
	free(m->growths.ns);
	free(m->growths.writes);
}
