/* SPDX-License-Identifier: MIT */
/* worker.c - the mutator's loop, the reader's loop, the stalled reader. */
#include "run/worker.h"

#include <errno.h>
#include <sched.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "perturb.h"
#include "run/audit_run.h"

/* ---------------------------------------------------------------- registration */

static void worker_leave(struct run_worker *w)
{
	if (w->t == NULL)
		return;
	reclaim_unregister(w->t);
	w->t = NULL;
}

/* Online afterwards. */
static bool worker_join(struct run_worker *w)
{
	if (w->t != NULL) {
		reclaim_online(w->t);
		return true;
	}
	w->t = reclaim_register(w->in->r, w->role);
	if (w->t == NULL && w->error == 0)
		w->error = -errno;
	return w->t != NULL;
}

static void worker_asleep(void *ctx)
{
	struct run_worker *w = ctx;

	reclaim_offline(w->t);
}

static void worker_awake(void *ctx)
{
	struct run_worker *w = ctx;

	reclaim_online(w->t);
}

static void worker_poll(void *ctx)
{
	struct run_worker *w = ctx;

	reclaim_poll(w->t);
}

/* The churn fault: leave, and join anew. */
static bool worker_churn(struct run_worker *w)
{
	worker_leave(w);
	w->stats.n_churned++;
	return worker_join(w);
}

/* ---------------------------------------------------------------- one operation */

static inline unsigned worker_op_index(enum op_type type)
{
	return type == OP_GET ? RUN_GET : type == OP_DELETE ? RUN_DELETE : RUN_INSERT;
}

/* An audited reader: it stands on what it has found, and looks at it once more before it steps off. */
static __attribute__((noinline, cold)) void worker_audit_read(struct run_worker *w, uint64_t key,
							      uint64_t value)
{
	struct audit_run_held held;

	w->sink += audit_run_hold(w->in, key, value, &held);
	PERTURB_HERE();
	audit_run_let_go(w->in, &held);
}

static inline bool worker_get(struct run_worker *w, struct hmap *map, uint64_t key)
{
	uint64_t value;

	if (!hmap_get(map, w->t, key, &value))
		return false;
	if (unlikely(w->is_audited)) {
		worker_audit_read(w, key, value);
		return true;
	}
	/* A reader uses what it found. */
	if (w->in->config->value_bytes > 0)
		value = *(const uint64_t *)(uintptr_t)value;
	w->sink += value;
	return true;
}

/* What the trace recorded, within what a payload may be. */
static inline size_t worker_traced_bytes(const struct op *op)
{
	if (op->size_bytes < RUN_MIN_VALUE_BYTES)
		return RUN_MIN_VALUE_BYTES;
	return op->size_bytes < RUN_MAX_VALUE_BYTES ? op->size_bytes : RUN_MAX_VALUE_BYTES;
}

static inline bool worker_insert(struct run_worker *w, struct hmap *map, const struct op *op)
{
	const struct run_config *config = w->in->config;
	const size_t bytes =
		unlikely(config->is_value_traced) ? worker_traced_bytes(op) : config->value_bytes;
	const uint64_t value =
		unlikely(w->is_audited) ? audit_run_value(op->key, op->value) : op->value;
	const enum hmap_result result = hmap_insert_sized(map, w->t, op->key, value, bytes);

	if (unlikely(result == HMAP_NO_MEMORY))
		w->stats.n_no_memory++;
	return result == HMAP_REPLACED;
}

/* Returns the kind of operation; RUN_N_OPS: the thread left and joined anew. */
static inline unsigned worker_operate(struct run_worker *w, const struct op *op)
{
	struct hmap *const map = w->in->map;
	const unsigned index = worker_op_index(op->type);
	bool is_hit;

	if (unlikely(op->type == OP_THREAD_DONE)) {
		worker_churn(w);
		return RUN_N_OPS;
	}
	reclaim_enter(w->t);
	switch (index) {
	case RUN_GET:
		is_hit = worker_get(w, map, op->key);
		break;
	case RUN_DELETE:
		is_hit = hmap_delete(map, w->t, op->key);
		break;
	default:
		is_hit = worker_insert(w, map, op);
	}
	reclaim_exit(w->t);
	if (w->in->config->garbage_bytes > 0 && w->role == ROLE_MUTATOR)
		reclaim_garbage(w->t, w->in->config->garbage_bytes);
	w->stats.n_attempted[index]++;
	w->stats.n_hits[index] += is_hit;
	counter_add(&w->n_ops, 1);
	return index;
}

/* Where a reader gets: keys drawn at large are there as often as the mutators'; those of an ordered distribution or
 * a trace are known to the mutators alone, so it follows one of them at a time. */
static inline void worker_next_get(struct run_worker *w, struct op *op)
{
	const struct run_source *source = w->in->source;

	if (w->n_followed++ % WORKER_FOLLOW_GETS == 0) {
		const struct run_worker *mutator =
			&w->in->workers[rng_below(&w->ops.rng, w->in->n_mutators)];

		if (source != NULL)
			trace_replay_follow(&w->replay, &mutator->replay);
		else if (keys_is_ordered(&w->in->keys.dist))
			ops_follow(&w->ops, &mutator->ops);
	}
	if (source != NULL)
		trace_replay_get(&w->replay, &w->ops.rng, source->trace->stats.n_live_peak, op);
	else
		ops_next(&w->ops, op);
}

/* The next operation of the stream or the trace.  What a stage's end left undone comes first.  false: this
 * worker's part of the trace is empty. */
static inline bool worker_next_op(struct run_worker *w, struct op *op)
{
	if (unlikely(w->has_pending)) {
		*op = w->pending;
		w->has_pending = false;
		return true;
	}
	if (w->role != ROLE_MUTATOR) {
		worker_next_get(w, op);
		return true;
	}
	if (w->in->source == NULL)
		ops_next(&w->ops, op);
	else if (!trace_replay_next(&w->replay, op, &w->pending_ns))
		return false;
	digest_add(&w->digest, op);
	return true;
}

static void worker_keep_op(struct run_worker *w, const struct op *op)
{
	w->pending = *op;
	w->has_pending = true;
}

/* ---------------------------------------------------------------- loops */

static inline bool worker_is_stopped(const struct run_worker *w)
{
	/* relaxed: only ends the loop; results are ordered by the gate. */
	return load_relaxed(&w->in->stop);
}

/* When this worker's next churn is due: the i-th of n_churn lies at (i + 1/2) / n_churn of the stage, and
 * mutators take turns. */
struct churn {
	uint64_t next, n, step;
	uint64_t begin_ticks, length_ticks;
	uint64_t due_ticks;
};

static void churn_advance(struct churn *c)
{
	c->due_ticks = UINT64_MAX;
	if (c->next < c->n)
		c->due_ticks = c->begin_ticks + (uint64_t)(((double)c->next + 0.5) / (double)c->n *
							   (double)c->length_ticks);
	c->next += c->step;
}

static void churn_init(struct churn *c, const struct run_worker *w)
{
	const struct stage_order *order = &w->in->order;

	*c = (struct churn){.next = w->index,
			    .n = order->spec->n_churn,
			    .step = w->in->n_mutators,
			    .begin_ticks = order->begin_ticks,
			    .length_ticks = order->end_ticks - order->begin_ticks};
	churn_advance(c);
}

/* false: the thread could not join again. */
static bool worker_churn_if_due(struct run_worker *w, struct churn *churn, uint64_t now)
{
	if (likely(now < churn->due_ticks))
		return true;
	churn_advance(churn);
	return worker_churn(w);
}

/* Operations without a clock.  false: as above. */
static inline bool worker_untimed(struct run_worker *w, unsigned n)
{
	struct op op;

	for (unsigned i = 0; i < n && worker_next_op(w, &op); i++) {
		worker_operate(w, &op);
		if (unlikely(w->t == NULL))
			return false;
		reclaim_poll(w->t);
	}
	return true;
}

/* --steady follows response times while the stage runs. */
static inline void worker_watch(struct run_worker *w, uint64_t response_ns)
{
	if (unlikely(w->watch != NULL))
		watch_record(w->watch, response_ns);
}

static void worker_closed_loop(struct run_worker *w)
{
	const uint64_t end_ticks = w->in->order.end_ticks;
	struct churn churn;
	struct op op;

	churn_init(&churn, w);
	while (!worker_is_stopped(w) && worker_next_op(w, &op)) {
		const uint64_t start = clock_ticks(w->in->clock);
		const unsigned index = worker_operate(w, &op);
		const uint64_t end = clock_ticks(w->in->clock);
		const uint64_t ns = clock_delta_ns(w->in->clock, start, end);

		if (index < RUN_N_OPS) {
			hist_record(&w->stats.service[index], ns);
			hist_record(&w->stats.response[index], ns);
			worker_watch(w, ns);
		}
		if (w->t == NULL || !worker_churn_if_due(w, &churn, end))
			return;
		reclaim_poll(w->t);
		if (end >= end_ticks || !worker_untimed(w, WORKER_TIMED_1_IN - 1))
			return;
	}
}

static void worker_sched_init(struct run_worker *w, struct sched *sched)
{
	const struct run_config *config = w->in->config;
	const struct sched_config sc = {.arrival = config->arrival,
					.rate_per_s = w->in->order.spec->rate_per_s,
					.duration_ns = w->in->order.spec->duration_ns,
					.seed = config->seed,
					.thread = w->index,
					.n_threads = w->in->n_mutators,
					.stage = w->in->order.index};

	sched_init(sched, &sc);
	w->stats.n_offered = sched->n_total;
}

/* Where a stage's intended starts come from: the schedule, or the trace's own times. */
struct starts {
	bool is_recorded;
	struct sched sched;
};

/* The next operation and its intended start; false when there is none left. */
static inline bool worker_next_start(struct run_worker *w, struct starts *starts, struct op *op,
				     double *start_ns)
{
	if (!starts->is_recorded)
		return sched_next(&starts->sched, start_ns) && worker_next_op(w, op);
	if (!worker_next_op(w, op))
		return false;
	/* An operation that an earlier stage left undone was meant to start then: it is due. */
	*start_ns = w->pending_ns > w->replayed_ns ? w->pending_ns - w->replayed_ns : 0;
	return true;
}

/* Do one operation and record its times.  false: the thread could not join again. */
static inline bool worker_timed(struct run_worker *w, const struct op *op, struct churn *churn,
				uint64_t intended, uint64_t start)
{
	const struct clock *clock = w->in->clock;
	const unsigned index = worker_operate(w, op);
	const uint64_t end = clock_ticks(clock);

	if (likely(index < RUN_N_OPS)) {
		hist_record(&w->stats.lateness, clock_delta_ns(clock, intended, start));
		hist_record(&w->stats.service[index], clock_delta_ns(clock, start, end));
		hist_record(&w->stats.response[index], clock_delta_ns(clock, intended, end));
		worker_watch(w, clock_delta_ns(clock, intended, end));
	}
	if (w->t == NULL || !worker_churn_if_due(w, churn, end))
		return false;
	reclaim_poll(w->t);
	return true;
}

/* How many starts a recorded stage had: all that were done, and, when it ended behind its times, as many more
 * as the trace's rate so far lets expect. */
static void worker_count_recorded(struct run_worker *w, double reached_ns, double length_ns)
{
	uint64_t n = 0;

	for (unsigned i = 0; i < RUN_N_OPS; i++)
		n += w->stats.n_attempted[i];
	w->stats.n_offered = n;
	if (w->has_pending && reached_ns > 0 && reached_ns < length_ns)
		w->stats.n_offered = (uint64_t)((double)n * length_ns / reached_ns);
	w->replayed_ns += length_ns;
}

/* A stage that was ended before its time offered the starts up to then.  `start_ns` is the last one taken. */
static void worker_count_stopped(struct run_worker *w, struct sched *sched, double start_ns,
				 double length_ns)
{
	while (start_ns < length_ns && sched_next(sched, &start_ns))
		;
	w->stats.n_offered = sched->n_total - sched->n_left - (start_ns >= length_ns);
}

/* ns from the stage's begin to now, at most its length. */
static double worker_elapsed_ns(const struct run_worker *w)
{
	const struct stage_order *order = &w->in->order;
	const uint64_t now = clock_ticks(w->in->clock);

	return (double)clock_delta_ns(w->in->clock, order->begin_ticks,
				      now < order->end_ticks ? now : order->end_ticks);
}

static void worker_open_loop(struct run_worker *w, bool is_recorded)
{
	const struct clock *clock = w->in->clock;
	const uint64_t begin = w->in->order.begin_ticks, end_ticks = w->in->order.end_ticks;
	const double length_ns = (double)w->in->order.spec->duration_ns;
	struct starts starts = {.is_recorded = is_recorded};
	struct churn churn;
	struct op op;
	double start_ns = 0;

	if (!is_recorded)
		worker_sched_init(w, &starts.sched);
	churn_init(&churn, w);
	while (worker_next_start(w, &starts, &op, &start_ns)) {
		/* A recorded start may lie years away. */
		const uint64_t due_ns = (uint64_t)(start_ns < length_ns ? start_ns : length_ns);
		const uint64_t intended = begin + clock_ns_to_ticks(clock, due_ns);
		const uint64_t start =
			pace_wait(&w->pace, intended < end_ticks ? intended : end_ticks);

		/* Behind at the stage's end: what is left counts as offered, not as done. */
		if (start >= end_ticks || worker_is_stopped(w)) {
			worker_keep_op(w, &op);
			break;
		}
		if (!worker_timed(w, &op, &churn, intended, start))
			return;
	}
	pace_wait(&w->pace, end_ticks);
	if (is_recorded)
		worker_count_recorded(w, start_ns, worker_elapsed_ns(w));
	else if (worker_is_stopped(w))
		worker_count_stopped(w, &starts.sched, start_ns, worker_elapsed_ns(w));
}

#define STALL_SLICE_NS 2000000u

/* Stay inside a read section until `until`; outside only for a poll.  Sleeps in slices, to see the stop. */
static void worker_stall_once(struct run_worker *w, uint64_t until_ticks)
{
	const struct timespec slice = {.tv_nsec = STALL_SLICE_NS};
	struct audit_run_held held = {0};
	struct op op;
	uint64_t value;

	w->n_followed = 0; /* what is there now */
	worker_next_get(w, &op);
	reclaim_enter(w->t);
	if (!w->is_audited) {
		w->stats.n_hits[RUN_GET] += worker_get(w, w->in->map, op.key);
	} else if (hmap_get(w->in->map, w->t, op.key, &value)) {
		w->stats.n_hits[RUN_GET]++;
		w->sink += audit_run_hold(w->in, op.key, value, &held);
	}
	while (!worker_is_stopped(w)) {
		const uint64_t now = clock_ticks(w->in->clock);
		const uint64_t left_ns = clock_delta_ns(w->in->clock, now, until_ticks);
		const struct timespec rest = {.tv_nsec = (long)left_ns};

		if (now >= until_ticks)
			break;
		clock_nanosleep(CLOCK_MONOTONIC, 0, left_ns < STALL_SLICE_NS ? &rest : &slice,
				NULL);
	}
	audit_run_let_go(w->in, &held);
	reclaim_exit(w->t);
	w->stats.n_attempted[RUN_GET]++;
	reclaim_poll(w->t);
}

static void worker_stall(struct run_worker *w)
{
	const struct stage_order *order = &w->in->order;
	const uint64_t stall_ns = order->spec->stall_ns;

	if (stall_ns == 0 || !worker_join(w))
		return;
	while (!worker_is_stopped(w)) {
		const uint64_t now = clock_ticks(w->in->clock);
		uint64_t until = order->end_ticks;

		if (now >= order->end_ticks)
			break;
		if (stall_ns != STAGES_STALL_FOREVER &&
		    now + clock_ns_to_ticks(w->in->clock, stall_ns) < until)
			until = now + clock_ns_to_ticks(w->in->clock, stall_ns);
		worker_stall_once(w, until);
	}
	worker_leave(w);
}

/* ---------------------------------------------------------------- orders */

static uint64_t worker_cpu_ns(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_THREAD_CPUTIME_ID, &ts);
	return (uint64_t)ts.tv_sec * 1000000000u + (uint64_t)ts.tv_nsec;
}

static void worker_prefill(struct run_worker *w)
{
	const struct keys *keys = &w->in->keys;

	/* A trace brings its own live set. */
	if (w->role != ROLE_MUTATOR || w->in->source != NULL || !worker_join(w))
		return;
	for (uint64_t i = w->index; i < keys->n_keys && !worker_is_stopped(w);
	     i += w->in->n_mutators) {
		const uint64_t key = keys_prefill(keys, i, w->in->n_mutators);

		reclaim_enter(w->t);
		const enum hmap_result result = hmap_insert(
			w->in->map, w->t, key, w->is_audited ? audit_run_value(key, i) : i);
		reclaim_exit(w->t);
		reclaim_poll(w->t);
		if (result == HMAP_NO_MEMORY) {
			w->error = -ENOMEM;
			break;
		}
	}
	reclaim_offline(w->t);
}

/* Sleep, offline, until the stage begins. */
static void worker_await_begin(struct run_worker *w)
{
	const struct clock *clock = w->in->clock;

	while (!worker_is_stopped(w)) {
		const uint64_t now = clock_ticks(clock);

		if (now >= w->in->order.begin_ticks)
			return;
		const struct timespec ts = {
			.tv_nsec = (long)(clock_delta_ns(clock, now, w->in->order.begin_ticks) %
					  1000000000u)};

		clock_nanosleep(CLOCK_MONOTONIC, 0, &ts, NULL);
	}
}

static bool worker_is_closed(const struct run_instance *in)
{
	return in->order.spec->rate_per_s == STAGES_RATE_CLOSED;
}

/* A stage `max` of a trace that is paced by its recorded times. */
static bool worker_follows_record(const struct run_instance *in)
{
	return in->source != NULL && in->source->pace.kind == TRACE_PACE_RECORDED &&
	       worker_is_closed(in);
}

static void worker_mutate(struct run_worker *w)
{
	if (!worker_join(w))
		return;
	const bool is_recorded = w->role == ROLE_MUTATOR && worker_follows_record(w->in);

	if (w->role != ROLE_READER && (is_recorded || !worker_is_closed(w->in)))
		worker_open_loop(w, is_recorded);
	else
		worker_closed_loop(w);
	if (w->t != NULL)
		reclaim_offline(w->t);
}

static void worker_stage(struct run_worker *w)
{
	memset(&w->stats, 0, sizeof(w->stats));
	worker_await_begin(w);
	const uint64_t cpu_ns = worker_cpu_ns();

	if (w->pmu != NULL)
		pmu_read(w->pmu, &w->pmu_begin);
	if (w->is_staller)
		worker_stall(w);
	else if (w->error == 0)
		worker_mutate(w);
	if (w->pmu != NULL)
		pmu_read(w->pmu, &w->pmu_end);
	w->stats.cpu_ns = worker_cpu_ns() - cpu_ns;
}

static void worker_pin(const struct run_worker *w)
{
	const struct run_config *config = w->in->config;
	cpu_set_t set, allowed;
	unsigned cpu = 0;

	if (config->pin == RUN_PIN_NONE)
		return;
	CPU_ZERO(&set);
	if (config->pin == RUN_PIN_LIST) {
		cpu = config->pin_cpus[w->index % config->n_pin_cpus];
	} else {
		if (sched_getaffinity(0, sizeof(allowed), &allowed) != 0)
			return;
		unsigned left = w->index % (unsigned)CPU_COUNT(&allowed);

		while (!CPU_ISSET(cpu, &allowed) || left-- > 0)
			cpu++;
	}
	CPU_SET(cpu, &set);
	/* run.c has checked that the processors exist; a change since then leaves the thread unpinned. */
	pthread_setaffinity_np(pthread_self(), sizeof(set), &set);
}

static void worker_begin(struct run_worker *w)
{
	const struct pace_hooks hooks = {
		.ctx = w, .asleep = worker_asleep, .awake = worker_awake, .poll = worker_poll};
	int error;

	worker_pin(w);
	w->tid = gettid();
	pace_init(&w->pace, w->in->clock, w->in->pace_mode, &w->in->stop, &hooks);
	if (w->in->events != NULL) {
		error = pmu_open(&w->pmu, w->in->events, 0);
		if (error != 0)
			w->error = error;
	}
	/* A staller is there only in stages that have one: a map with one mutator stays Go-exact. */
	if (!w->is_staller && worker_join(w))
		reclaim_offline(w->t);
}

void *worker_main(void *arg)
{
	struct run_worker *w = arg;
	struct gate *gate = &w->in->gate;
	uint64_t n_seen = 0;

	worker_begin(w);
	for (;;) {
		const enum gate_order order = gate_next(gate, &n_seen);

		if (order == GATE_QUIT)
			break;
		if (order == GATE_PREFILL)
			worker_prefill(w);
		else
			worker_stage(w);
		gate_done(gate);
	}
	if (w->t != NULL)
		reclaim_online(w->t);
	worker_leave(w);
	if (w->pmu != NULL)
		pmu_close(w->pmu);
	gate_done(gate);
	return NULL;
}
