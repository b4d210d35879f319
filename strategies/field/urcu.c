/* SPDX-License-Identifier: MIT */
/* urcu.c - one domain's call_rcu() worker, and how retired objects get to it.  See urcu.h. */
#include "field/urcu.h"
#include <inttypes.h>

#include <errno.h>

#include <urcu/call-rcu.h>

#include "field/order.h"

/* Nodes a thread takes over at once when it frees what the worker left (free=amortized). */
#define URCU_REFILL 64u

static struct urcu *urcu_of(const struct reclaim_thread *t)
{
	return reclaim_state(t->r);
}

static struct record *urcu_record(struct reclaim_thread *t)
{
	return ((struct urcu_thread *)reclaim_thread_state(t))->record;
}

static void urcu_call(struct urcu *u, struct rcu_head *head, void (*func)(struct rcu_head *))
{
	struct call_rcu_data *before = u->flavor->thread_data();

	/* Pairs with the order_acquired() at the callback's begin. */
	order_released(head);
	/* call_rcu() goes to the worker that the thread has set; put back what was set, because a thread may
	 * be in several domains, and because this domain's worker goes away with it. */
	u->flavor->set_thread_data(u->crdp);
	u->flavor->call(head, func);
	u->flavor->set_thread_data(before);
}

/* ---------------------------------------------------------------- on the worker */

static void urcu_set_phase(struct urcu *u, int phase)
{
	pthread_mutex_lock(&u->lock);
	u->phase = phase;
	pthread_cond_broadcast(&u->changed);
	pthread_mutex_unlock(&u->lock);
}

/* Wait while the phase is `phase`; returns the next. */
static int urcu_wait_phase(struct urcu *u, int phase)
{
	int now;

	pthread_mutex_lock(&u->lock);
	while ((int)u->phase == phase)
		pthread_cond_wait(&u->changed, &u->lock);
	now = u->phase;
	pthread_mutex_unlock(&u->lock);
	return now;
}

static void urcu_worker_begin(struct rcu_head *head)
{
	struct urcu *u = (struct urcu *)((char *)head - offsetof(struct urcu, hello));

	order_acquired(head);
	u->worker = reclaim_register(u->r, ROLE_COLLECTOR);
	u->worker_error = u->worker ? 0 : -errno;
	urcu_set_phase(u, u->worker ? WORKER_RUNNING : WORKER_FAILED);
}

static void urcu_worker_end(struct rcu_head *head)
{
	struct urcu *u = (struct urcu *)((char *)head - offsetof(struct urcu, bye));

	order_acquired(head);
	reclaim_unregister(u->worker);
	urcu_set_phase(u, WORKER_GONE);
}

/* All that was sent before has run. */
static void urcu_is_drained(struct rcu_head *head)
{
	struct urcu *u = (struct urcu *)((char *)head - offsetof(struct urcu, drained));

	order_acquired(head);
	pthread_mutex_lock(&u->lock);
	u->is_drained = true;
	pthread_cond_broadcast(&u->changed);
	pthread_mutex_unlock(&u->lock);
}

/* A batch is past its grace period. */
static void urcu_is_safe(struct rcu_head *head)
{
	struct urcu_node *node =
		(struct urcu_node *)((char *)head - offsetof(struct urcu_node, head));
	struct limbo batch = {0};
	struct limbo_node *next;
	struct urcu *u;

	/* Pairs with urcu_call(). */
	order_acquired(head);
	u = (struct urcu *)(uintptr_t)node->link.word;
	/* Pairs with the ends of the readers' sections. */
	order_acquired(u);
	reclaim_work_begin(u->r);
	for (struct limbo_node *link = &node->link; link; link = next) {
		next = link->next;
		limbo_push_safe(&batch, link, 0);
	}
	counter_add(&u->n_calls, 1);
	if (u->records.options.free == FREE_BURST) {
		struct record *rec = urcu_record(u->worker);

		counter_add(&rec->n_freed, limbo_free(u->worker, &batch, UINT64_MAX));
	} else {
		pthread_mutex_lock(&u->lock);
		limbo_splice(&u->safe, &batch);
		/* Relaxed: a hint, the list is under the lock. */
		store_relaxed(&u->n_safe, u->safe.n);
		pthread_mutex_unlock(&u->lock);
	}
	reclaim_work_end(u->r);
}

/* ---------------------------------------------------------------- records */

static int urcu_setup(struct records *rs, struct record *rec)
{
	(void)rs;
	(void)rec;
	return 0;
}

static void urcu_process(struct record *rec, struct reclaim_thread *t, bool is_forced)
{
	struct urcu *u = urcu_of(t);
	struct urcu_node *first = (struct urcu_node *)rec->fresh.head;

	(void)is_forced;
	if (!first)
		return;
	first->link.word = (uintptr_t)u;
	rec->n_limbo -= rec->fresh.n;
	rec->fresh = (struct limbo){0};
	urcu_call(u, &first->head, urcu_is_safe);
}

static void urcu_flush(struct record *rec, struct reclaim_thread *t)
{
	urcu_process(rec, t, true);
}

static const struct record_ops urcu_record_ops = {
	.setup = urcu_setup,
	.process = urcu_process,
	.flush = urcu_flush,
};

int urcu_init(struct reclaim *r, const struct urcu_flavor *flavor)
{
	struct urcu *u = reclaim_state(r);

	u->flavor = flavor;
	u->r = r;
	pthread_mutex_init(&u->lock, NULL);
	pthread_cond_init(&u->changed, NULL);
	u->records.hard_batch = u->records.options.batch;
	return records_init(&u->records, r, &urcu_record_ops, sizeof(struct record));
}

/* ---------------------------------------------------------------- the worker's life */

/* Stop the worker's thread; whatever was sent to it has run. */
static void urcu_worker_stop(struct urcu *u)
{
	const pthread_t thread = u->flavor->worker_thread(u->crdp);

	u->flavor->destroy(u->crdp);
	u->crdp = NULL;
	URCU_JOIN_WORKER(thread);
}

static int urcu_worker_start(struct urcu *u)
{
	struct call_rcu_data *crdp = u->flavor->create(0, -1); /* destroyed in urcu_worker_stop() */
	int err;

	pthread_mutex_lock(&u->lock);
	u->crdp = crdp;
	pthread_mutex_unlock(&u->lock);
	if (!crdp) {
		urcu_set_phase(u, WORKER_NONE);
		return -ENOMEM;
	}
	urcu_call(u, &u->hello, urcu_worker_begin);
	if (urcu_wait_phase(u, WORKER_STARTING) == WORKER_RUNNING)
		return 0;
	err = u->worker_error;
	urcu_worker_stop(u);
	urcu_set_phase(u, WORKER_NONE);
	return err;
}

/* The first thread of the domain makes the worker; others that come meanwhile wait for it.  0 or -errno. */
static int urcu_worker_need(struct urcu *u)
{
	bool is_first = false;

	pthread_mutex_lock(&u->lock);
	while (u->phase == WORKER_STARTING || u->phase == WORKER_FAILED)
		pthread_cond_wait(&u->changed, &u->lock);
	if (u->phase == WORKER_NONE) {
		u->phase = WORKER_STARTING;
		is_first = true;
	}
	pthread_mutex_unlock(&u->lock);
	return is_first ? urcu_worker_start(u) : 0;
}

/* Waits for a grace period shall not wait for this very thread, whatever domains it is in. */
static void urcu_step_aside(struct urcu *u, const struct urcu_self *self, bool aside)
{
	if (self->n_online == 0 || !u->flavor->thread_offline)
		return;
	if (aside)
		u->flavor->thread_offline();
	else
		u->flavor->thread_online();
}

void urcu_fini(struct reclaim *r, struct urcu_self *self)
{
	struct urcu *u = reclaim_state(r);

	urcu_step_aside(u, self, true);
	if (u->crdp) {
		/* Sent last, so it runs last. */
		urcu_call(u, &u->bye, urcu_worker_end);
		urcu_wait_phase(u, WORKER_RUNNING);
		urcu_worker_stop(u);
	}
	urcu_step_aside(u, self, false);
	records_fini(&u->records);
	pthread_cond_destroy(&u->changed);
	pthread_mutex_destroy(&u->lock);
}

/* ---------------------------------------------------------------- threads */

/* Whether the calling thread is this domain's worker, inside urcu_worker_begin() or _end(). */
static bool urcu_is_worker(struct urcu *u, const struct reclaim_thread *t)
{
	struct call_rcu_data *crdp;

	if (t->role != ROLE_COLLECTOR)
		return false;
	pthread_mutex_lock(&u->lock);
	crdp = u->crdp;
	pthread_mutex_unlock(&u->lock);
	return crdp && pthread_equal(pthread_self(), u->flavor->worker_thread(crdp));
}

static void urcu_self_online(struct urcu *u, struct urcu_self *self)
{
	if (self->n_online++ == 0 && u->flavor->thread_online)
		u->flavor->thread_online();
}

int urcu_thread_register(struct reclaim_thread *t, struct urcu_self *self)
{
	struct urcu_thread *mine = reclaim_thread_state(t);
	struct urcu *u = urcu_of(t);
	int err = 0;

	mine->is_worker = urcu_is_worker(u, t);
	if (!mine->is_worker) {
		urcu_step_aside(u, self, true);
		err = urcu_worker_need(u);
		urcu_step_aside(u, self, false);
		if (err)
			return err;
	}
	mine->record = records_join(&u->records, &err);
	if (err)
		return err;
	if (mine->is_worker)
		return 0;
	if (self->n_registered++ == 0) {
		u->flavor->register_thread(); /* ended in urcu_thread_unregister() */
		/* A flavor that knows offline threads begins online. */
		self->n_online = 1;
	} else {
		urcu_self_online(u, self);
	}
	return 0;
}

void urcu_thread_unregister(struct reclaim_thread *t, struct urcu_self *self)
{
	struct urcu_thread *mine = reclaim_thread_state(t);
	struct urcu *u = urcu_of(t);

	/* A batch that is not full is sent now: nobody else sends this thread's. */
	if (load_relaxed(&mine->record->state) == RECORD_OWNED) {
		urcu_process(mine->record, t, true);
		if (!mine->is_worker)
			urcu_offline(t, self);
	}
	records_leave(mine->record);
	if (!mine->is_worker && --self->n_registered == 0)
		u->flavor->unregister_thread();
}

void urcu_offline(struct reclaim_thread *t, struct urcu_self *self)
{
	struct urcu *u = urcu_of(t);
	struct record *rec = urcu_record(t);

	/* The worker has nobody to wait for; an idle thread sends what it has. */
	urcu_process(rec, t, true);
	record_offline(rec, t);
	order_released(u);
	if (--self->n_online == 0 && u->flavor->thread_offline)
		u->flavor->thread_offline();
}

void urcu_online(struct reclaim_thread *t, struct urcu_self *self)
{
	urcu_self_online(urcu_of(t), self);
	record_online(urcu_record(t));
}

/* ---------------------------------------------------------------- retiring and freeing */

void urcu_retire(struct reclaim_thread *t, void *object)
{
	record_retire(urcu_record(t), t, object);
}

/* free=amortized: take over some of what the worker left. */
static void urcu_refill(struct urcu *u, struct record *rec)
{
	if (pthread_mutex_trylock(&u->lock))
		return;
	for (unsigned i = 0; i < URCU_REFILL && u->safe.head; i++) {
		struct limbo_node *node = u->safe.head;

		u->safe.head = node->next;
		u->safe.n--;
		limbo_push(&rec->safe, node);
	}
	store_relaxed(&u->n_safe, u->safe.n);
	pthread_mutex_unlock(&u->lock);
}

void urcu_poll(struct reclaim_thread *t)
{
	struct urcu *u = urcu_of(t);
	struct record *rec = urcu_record(t);

	/* Relaxed: a hint, see urcu_is_safe(). */
	if (load_relaxed(&u->n_safe) && !rec->safe.n)
		urcu_refill(u, rec);
	record_poll(rec, t);
}

void urcu_drain(struct reclaim_thread *t, struct urcu_self *self)
{
	struct urcu *u = urcu_of(t);
	struct record *rec = urcu_record(t);

	/* Sends what is not sent; then waits for all that was.  Not by the library's barrier, which would wait
	 * for the workers of all other domains too. */
	records_drain(&u->records, rec, t);
	u->is_drained = false;
	urcu_call(u, &u->drained, urcu_is_drained);
	urcu_step_aside(u, self, true);
	pthread_mutex_lock(&u->lock);
	while (!u->is_drained)
		pthread_cond_wait(&u->changed, &u->lock);
	pthread_mutex_unlock(&u->lock);
	urcu_step_aside(u, self, false);
	pthread_mutex_lock(&u->lock);
	limbo_splice(&rec->safe, &u->safe);
	store_relaxed(&u->n_safe, 0);
	pthread_mutex_unlock(&u->lock);
	counter_add(&rec->n_freed, limbo_free(t, &rec->safe, UINT64_MAX));
}

void urcu_stats(struct reclaim *r, struct reclaim_stats *out)
{
	struct urcu *u = reclaim_state(r);

	*out = (struct reclaim_stats){
		.n_cycles = load_relaxed(&u->n_calls),
		.n_pending = records_n_pending(&u->records),
	};
}

static void urcu_explain_thread(void *ctx, struct reclaim_thread *t)
{
	FILE *out = ctx;

	if (t->role != ROLE_COLLECTOR)
		fprintf(out, "  the grace period may wait for thread %u (%s)\n", t->index,
			reclaim_role_names[t->role]);
}

void urcu_explain(struct reclaim *r, FILE *out)
{
	struct urcu *u = reclaim_state(r);
	const uint64_t n_pending = records_n_pending(&u->records);

	/* relaxed, both: statistics */
	fprintf(out,
		"%s: callbacks run %" PRIu64 ", retired and not freed %" PRIu64
		", of those past their grace period %" PRIu64 "%s\n",
		reclaim_ops(r)->name, load_relaxed(&u->n_calls), n_pending,
		load_relaxed(&u->n_safe), n_pending ? "; liburcu hides whom it waits for" : "");
	if (n_pending)
		reclaim_for_each_thread(r, urcu_explain_thread, out);
}
