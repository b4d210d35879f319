/* SPDX-License-Identifier: MIT */
/* scenario.c - several threads on one audited map; see scenario.h.
 *
 * A value, and a payload's first word, is key << 16 | number of the write: whoever reads it can tell whether it is
 * the key's.  Readers hold payloads (audit_hold) while they look at them twice, with a pause in between.
 */
#include "tests/controls/scenario.h"

#include <errno.h>
#include <pthread.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "control.h"
#include "perturb.h"

enum { VALUE_SHIFT = 16, VALUE_BYTES = 48, STABLE_SHARE = 8 };

struct stage {
	const struct scenario *s;
	struct clock clock;
	struct reclaim *r;
	struct hmap *m;
	_Atomic(unsigned) n_running;
	_Atomic(uint64_t) n_gets, n_bad;
	_Atomic(int) error; /* -errno of a thread that could not take part */
};

struct actor {
	struct stage *stage;
	struct reclaim_thread *t;
	uint64_t random;
	pthread_t thread;
};

/* splitmix64 (Vigna, public domain). */
static uint64_t scenario_random(uint64_t *state)
{
	uint64_t z = *state += UINT64_C(0x9e3779b97f4a7c15);

	z = (z ^ z >> 30) * UINT64_C(0xbf58476d1ce4e5b9);
	z = (z ^ z >> 27) * UINT64_C(0x94d049bb133111eb);
	return z ^ z >> 31;
}

static void scenario_sleep(uint64_t ns)
{
	const struct timespec ts = {.tv_nsec = (long)ns};

	nanosleep(&ts, NULL);
}

/* Found by a reader: through the audit where there is one, so that it is counted once. */
static void scenario_fault(struct stage *st, enum audit_fault fault, const void *object,
			   uint64_t key, uint64_t value)
{
	char detail[96];

	snprintf(detail, sizeof(detail), "key %llu, value %#llx", (unsigned long long)key,
		 (unsigned long long)value);
	add_relaxed(&st->n_bad, 1);
	if (audit_is_on(st->r))
		audit_report(st->r, fault, object, detail);
	else if (st->s->on_fault)
		st->s->on_fault(st->s->ctx, fault, detail);
	else
		abort();
}

static void scenario_expect(struct stage *st, const void *object, uint64_t key, uint64_t value)
{
	if (value >> VALUE_SHIFT != key)
		scenario_fault(st, AUDIT_READ_WRONG, object, key, value);
}

/* A payload that a get has returned; inside the section. */
static void scenario_read(struct actor *a, uint64_t key, uint64_t value)
{
	struct stage *st = a->stage;
	_Atomic(uint64_t) *payload = (_Atomic(uint64_t) *)value;
	const uint64_t generation = audit_hold(st->r, payload);

	if (CONTROL(early_exit))
		reclaim_exit(a->t);
	scenario_expect(st, payload, key, load_relaxed(payload));
	PERTURB_HERE();
	if (st->s->stall_1_in && scenario_random(&a->random) % st->s->stall_1_in == 0)
		scenario_sleep(200000);
	scenario_expect(st, payload, key, load_relaxed(payload));
	audit_let_go(st->r, payload, generation);
	if (CONTROL(early_exit))
		reclaim_enter(a->t);
}

static void scenario_get(struct actor *a, uint64_t key)
{
	struct stage *st = a->stage;
	uint64_t value;

	reclaim_enter(a->t);
	if (!hmap_get(st->m, a->t, key, &value)) {
		if (key < st->s->n_keys / STABLE_SHARE)
			scenario_fault(st, AUDIT_KEY_MISSED, NULL, key, 0);
	} else if (st->s->mode == HMAP_PLAIN) {
		scenario_expect(st, NULL, key, value);
	} else {
		scenario_read(a, key, value);
	}
	reclaim_exit(a->t);
	add_relaxed(&st->n_gets, 1);
}

static bool scenario_visit(void *ctx, uint64_t key, uint64_t value)
{
	struct actor *a = ctx;

	if (a->stage->s->mode == HMAP_PAYLOAD)
		value = load_relaxed((_Atomic(uint64_t) *)value);
	scenario_expect(a->stage, NULL, key, value);
	return true;
}

static void scenario_insert(struct actor *a, uint64_t key)
{
	const uint64_t number = scenario_random(&a->random) & ((1u << VALUE_SHIFT) - 1);

	reclaim_enter(a->t);
	hmap_insert(a->stage->m, a->t, key, key << VALUE_SHIFT | number);
	reclaim_exit(a->t);
}

static void scenario_step(struct actor *a)
{
	const struct scenario *s = a->stage->s;
	const uint64_t n_stable = s->n_keys / STABLE_SHARE, draw = scenario_random(&a->random);
	const uint64_t key = (draw >> 16) % s->n_keys;
	const unsigned kind = draw % 16;

	if (kind < 6) {
		scenario_get(a, key);
	} else if (kind < 11) {
		scenario_insert(a, key); /* stable keys are overwritten */
	} else if (key >= n_stable) {
		reclaim_enter(a->t);
		hmap_delete(a->stage->m, a->t, key);
		reclaim_exit(a->t);
	}
	if (draw >> 59 == 0)
		reclaim_garbage(a->t, 512);
	if (s->iterates && draw >> 54 == 1) {
		reclaim_enter(a->t);
		hmap_range(a->stage->m, a->t, scenario_visit, a);
		reclaim_exit(a->t);
	}
	if (s->stall_1_in && draw >> 56 == 2) {
		reclaim_offline(a->t);
		scenario_sleep(100000);
		reclaim_online(a->t);
	}
	reclaim_poll(a->t);
}

static void *scenario_thread(void *arg)
{
	struct actor *a = arg;

	a->t = reclaim_register(a->stage->r, ROLE_MUTATOR);
	if (a->t) {
		for (uint64_t i = 0; i < a->stage->s->n_ops; i++)
			scenario_step(a);
		reclaim_unregister(a->t);
	} else {
		store_relaxed(&a->stage->error, -errno); /* relaxed: read after the join */
	}
	sub_acq_rel(&a->stage->n_running, 1); /* release: pairs with scenario_wait() */
	return NULL;
}

/* Cycles by hand while the others run. */
static void scenario_wait(struct stage *st, struct reclaim_thread *t)
{
	/* acquire: pairs with the subtraction of each worker that ends */
	while (load_acquire(&st->n_running) > 0) {
		if (t->ops->collect) {
			t->ops->collect(t);
			reclaim_poll(t);
			continue;
		}
		reclaim_offline(t);
		scenario_sleep(300000);
		reclaim_online(t);
	}
}

static void scenario_check(struct stage *st, struct reclaim_thread *t, unsigned flags)
{
	reclaim_quiet_begin(st->r);
	audit_check(st->r, t, flags | st->s->check_flags);
	reclaim_quiet_end(st->r);
}

/* Threads that cannot be started are not waited for: -errno, as when one of them cannot register. */
static int scenario_fill_and_run(struct stage *st, struct reclaim_thread *t, struct actor *actors,
				 uint64_t *seed)
{
	struct actor self = {.stage = st, .t = t, .random = scenario_random(seed)};
	unsigned n = 0;
	int err = 0;

	for (uint64_t key = 0; key < st->s->n_keys / STABLE_SHARE; key++)
		scenario_insert(&self, key);
	reclaim_poll(t);
	store_relaxed(&st->n_running, st->s->n_threads);
	for (; n < st->s->n_threads; n++) {
		actors[n] = (struct actor){.stage = st, .random = scenario_random(seed)};
		err = -pthread_create(&actors[n].thread, NULL, scenario_thread, &actors[n]);
		if (err)
			break;
	}
	/* pairs with the acquire of n_running */
	sub_acq_rel(&st->n_running, st->s->n_threads - n);
	scenario_wait(st, t);
	reclaim_offline(t);
	while (n-- > 0)
		pthread_join(actors[n].thread, NULL);
	reclaim_online(t);
	/* relaxed: ordered by the joins */
	return err ? err : load_relaxed(&st->error);
}

static int scenario_round(struct stage *st, struct reclaim_thread *t, struct actor *actors,
			  uint64_t *seed, struct scenario_result *out)
{
	const struct hmap_config config = {.mode = st->s->mode,
					   .unlink = st->s->unlink,
					   .value_bytes = VALUE_BYTES,
					   .seed = scenario_random(seed)};
	struct hmap_state state;
	int err = hmap_create(&st->m, st->r, t, &config);

	if (err)
		return err;
	err = scenario_fill_and_run(st, t, actors, seed);
	scenario_check(st, t, 0);
	for (int i = 0; t->ops->collect && i < 3; i++)
		t->ops->collect(t);
	scenario_check(st, t, 0);
	reclaim_enter(t);
	hmap_state(st->m, t, &state);
	reclaim_exit(t);
	out->n_growths += state.n_growths;
	if (!err)
		out->n_ops += st->s->n_threads * st->s->n_ops;
	hmap_destroy(st->m, t);
	t->ops->drain(t);
	scenario_check(st, t, AUDIT_AFTER_DRAIN);
	return err;
}

int scenario_run(const struct scenario *s, struct scenario_result *out, char *message,
		 size_t message_size)
{
	struct stage st = {.s = s};
	struct actor *actors = calloc(s->n_threads, sizeof(*actors));
	uint64_t seed = s->seed;
	struct reclaim_thread *t;
	struct reclaim_totals totals;
	struct audit_counts counts;
	int err = -ENOMEM;

	*out = (struct scenario_result){0};
	if (!actors)
		return err;
	clock_init(&st.clock, true);
	const struct reclaim_config config = {
		.ops = s->ops,
		.options = s->options,
		.heap = {.kind = s->alloc, .arena_bytes = 1u << 28, .poison = true},
		.clock = &st.clock,
		.max_threads = s->n_threads + 8,
		.audit = s->audit,
		.on_fault = s->on_fault,
		.fault_ctx = s->ctx};
	err = reclaim_create(&st.r, &config, message, message_size);
	if (err)
		goto out;
	t = reclaim_register(st.r, ROLE_MUTATOR);
	if (!t)
		err = -errno;
	for (unsigned i = 0; t && i < s->n_rounds && !err; i++)
		err = scenario_round(&st, t, actors, &seed, out);
	if (t)
		reclaim_unregister(t);
	reclaim_totals(st.r, &totals);
	for (int k = 0; k < OBJ_N_CLASSES; k++)
		out->n_freed += totals.n_freed[k];
	audit_counts(st.r, &counts);
	out->n_checkpoints = counts.n_checkpoints;
	out->n_walked = counts.n_walked;
	out->n_gets = load_relaxed(&st.n_gets);
	out->n_faults =
		audit_is_on(st.r) ? audit_n_faults(st.r, AUDIT_N_FAULTS) : load_relaxed(&st.n_bad);
	reclaim_destroy(st.r);
	if (err)
		snprintf(message, message_size, "a map or a thread cannot be made: %s",
			 strerror(-err));
out:
	free(actors);
	return err;
}
