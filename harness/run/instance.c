/* SPDX-License-Identifier: MIT */
/* instance.c - making and unmaking a domain, a map and its workers. */
#include "run/instance.h"

#include <errno.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "run/audit_run.h"
#include "run/worker.h"

const char *const run_op_names[RUN_N_OPS] = {"get", "insert", "delete"};

/* The strategy's own threads, the main thread, and records of threads that leave while others join. */
#define INSTANCE_SPARE_THREADS 64
/* How often the main thread looks for signals while it waits. */
#define INSTANCE_LOOK_NS 20000000u

void run_signals(void *sigset)
{
	sigset_t *set = sigset;

	sigemptyset(set);
	sigaddset(set, SIGINT);
	sigaddset(set, SIGTERM);
	sigaddset(set, SIGHUP);
}

/* Whether one of the run's signals has come; takes it. */
static bool instance_is_interrupted(void)
{
	const struct timespec at_once = {0};
	sigset_t set;

	run_signals(&set);
	return sigtimedwait(&set, NULL, &at_once) > 0;
}

bool run_instance_wait(struct run_instance *in, bool (*is_enough)(void *ctx), void *ctx)
{
	bool is_whole = true;
	sigset_t signals;

	while (!gate_wait(&in->gate, INSTANCE_LOOK_NS)) {
		if (is_enough != NULL && is_enough(ctx)) {
			is_enough = NULL;
			store_relaxed(&in->stop, true); /* only ends loops */
		}
		if (!is_whole || !instance_is_interrupted())
			continue;
		is_whole = false;
		store_relaxed(&in->stop, true); /* only ends loops */
		/* A second signal ends the process at once, should a worker not come back. */
		run_signals(&signals);
		pthread_sigmask(SIG_UNBLOCK, &signals, NULL);
	}
	return is_whole;
}

/* The spare ones are a convenience: a strategy with a limit of its own gets what it allows, and refuses only what
 * cannot work. */
static unsigned instance_max_threads(const struct run_instance *in)
{
	const unsigned wanted = in->n_workers + INSTANCE_SPARE_THREADS;
	const unsigned own = in->config->ops->max_threads;
	const unsigned limit = own > 0 ? own : RECLAIM_MAX_THREADS;

	if (wanted <= limit)
		return wanted;
	return in->n_workers < limit ? limit : in->n_workers + 1;
}

static int instance_domain(struct run_instance *in, char *message, size_t message_size)
{
	const struct run_config *config = in->config;
	const struct reclaim_config rc = {
		.ops = config->ops,
		.options = config->strategy_options[0] != '\0' ? config->strategy_options : NULL,
		.heap = {.kind = config->alloc,
			 .huge_pages = config->huge_pages,
			 .poison = config->audit},
		.clock = in->clock,
		.max_threads = instance_max_threads(in),
		.tracking = in->tracking,
		.sample_1_in = config->sample_1_in,
		.audit = config->audit,
		.on_fault = audit_run_fault,
		.fault_ctx = in,
	};

	return reclaim_create(&in->r, &rc, message, message_size);
}

static int instance_map(struct run_instance *in)
{
	const struct run_config *config = in->config;
	const struct hmap_config hc = {
		.mode = config->value_bytes > 0 ? HMAP_PAYLOAD : HMAP_PLAIN,
		.unlink = config->unlink,
		.value_bytes = config->value_bytes,
		.seed = config->seed,
	};
	int error;

	/* Not a mutator: a map with one mutator evolves exactly as Go's. */
	in->t = reclaim_register(in->r, ROLE_SAMPLER);
	if (in->t == NULL)
		return -errno;
	error = hmap_create(&in->map, in->r, in->t, &hc);
	reclaim_offline(in->t);
	return error;
}

static void instance_worker_init(struct run_instance *in, unsigned i)
{
	const struct run_config *config = in->config;
	const struct mix only_get = {.get_pct = 100};
	struct run_worker *w = &in->workers[i];

	w->in = in;
	w->index = i;
	w->role = i < in->n_mutators ? ROLE_MUTATOR : ROLE_READER;
	w->is_staller = i >= in->n_mutators + config->n_readers;
	w->is_audited = audit_is_on(in->r);
	w->mix = w->role == ROLE_MUTATOR ? config->mix : only_get;
	ops_init(&w->ops, &in->keys, &w->mix, config->seed, i,
		 w->role == ROLE_MUTATOR ? in->n_mutators : in->n_workers);
	if (in->source != NULL && w->role == ROLE_MUTATOR)
		trace_replay_init(&w->replay, in->source->trace, &in->source->shards, i,
				  &in->source->pace);
	digest_init(&w->digest, i, RUN_DIGEST_OPS);
}

static int instance_workers(struct run_instance *in)
{
	for (unsigned i = 0; i < in->n_workers; i++) {
		struct run_worker *w = &in->workers[i];

		instance_worker_init(in, i);
		if (in->config->steady_text != NULL && w->role == ROLE_MUTATOR) {
			w->watch = calloc(1, sizeof(*w->watch));
			if (w->watch == NULL)
				return -ENOMEM;
		}
		const int error = pthread_create(&w->pthread, NULL, worker_main, w);

		if (error != 0)
			return -error;
		gate_add_worker(&in->gate);
	}
	return 0;
}

/* Spinning takes the core from whoever has work when there are more threads than cores. */
static enum pace_mode instance_pace_mode(const struct run_instance *in)
{
	cpu_set_t allowed;
	const unsigned n_threads =
		in->n_workers + ((reclaim_flags(in->r) & BACKGROUND) != 0 ? 1 : 0);

	if (sched_getaffinity(0, sizeof(allowed), &allowed) != 0)
		return PACE_SLEEP_ONLY;
	return n_threads > (unsigned)CPU_COUNT(&allowed) ? PACE_SLEEP_ONLY : PACE_SLEEP_AND_SPIN;
}

int run_instance_create(struct run_instance **out, const struct run_config *config,
			const struct clock *clock, const struct run_source *source,
			const struct pmu_set *events, bool tracking, char *message,
			size_t message_size)
{
	struct run_instance *in = aligned_alloc(PADDING_BYTES, sizeof(*in));
	int error = -ENOMEM;

	*out = NULL;
	snprintf(message, message_size, "out of memory");
	if (in == NULL)
		return error;
	memset(in, 0, sizeof(*in));
	in->config = config;
	in->clock = clock;
	in->events = events;
	in->source = source;
	in->tracking = tracking;
	in->n_mutators = config->n_threads;
	in->n_workers = run_config_n_workers(config);
	gate_init(&in->gate);
	keys_init(&in->keys, &config->dist, &config->mix, config->n_keys, config->seed);
	in->workers = aligned_alloc(PADDING_BYTES, in->n_workers * sizeof(*in->workers));
	if (in->workers == NULL)
		goto fail;
	memset(in->workers, 0, in->n_workers * sizeof(*in->workers));
	error = instance_domain(in, message, message_size);
	if (error != 0)
		goto fail;
	in->pace_mode = instance_pace_mode(in);
	error = instance_map(in);
	if (error == 0)
		error = instance_workers(in);
	if (error != 0) {
		snprintf(message, message_size, "the map or a thread cannot be created: %s",
			 strerror(-error));
		goto fail;
	}
	*out = in;
	return 0;
fail:
	run_instance_destroy(in);
	return error;
}

static void instance_stop_workers(struct run_instance *in)
{
	store_relaxed(&in->stop, true);
	gate_open(&in->gate, GATE_QUIT);
	for (unsigned i = 0; i < in->gate.n_workers; i++)
		pthread_join(in->workers[i].pthread, NULL);
}

static void instance_free_workers(struct run_instance *in)
{
	for (unsigned i = 0; in->workers != NULL && i < in->n_workers; i++)
		free(in->workers[i].watch);
	free(in->workers);
}

void run_instance_quit(struct run_instance *in)
{
	if (in->has_quit)
		return;
	in->has_quit = true;
	instance_stop_workers(in);
	if (in->t == NULL)
		return;
	reclaim_online(in->t);
	if (in->map != NULL)
		hmap_destroy(in->map, in->t);
	in->map = NULL;
	reclaim_ops(in->r)->drain(in->t);
	reclaim_offline(in->t);
}

void run_instance_destroy(struct run_instance *in)
{
	if (in == NULL)
		return;
	run_instance_quit(in);
	if (in->t != NULL) {
		reclaim_online(in->t);
		reclaim_unregister(in->t);
	}
	if (in->r != NULL)
		reclaim_destroy(in->r);
	law_fini(&in->law);
	watch_acts_fini(&in->acts);
	events_collectors_close(&in->collectors);
	gate_fini(&in->gate);
	instance_free_workers(in);
	free(in);
}

static int instance_worker_error(const struct run_instance *in)
{
	for (unsigned i = 0; i < in->n_workers; i++)
		if (in->workers[i].error != 0)
			return in->workers[i].error;
	return 0;
}

int run_instance_prefill(struct run_instance *in)
{
	gate_open(&in->gate, GATE_PREFILL);
	if (!run_instance_wait(in, NULL, NULL))
		return -EINTR;
	reclaim_online(in->t);
	reclaim_ops(in->r)->drain(in->t);
	reclaim_offline(in->t);
	return instance_worker_error(in);
}
