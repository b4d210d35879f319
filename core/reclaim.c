/* SPDX-License-Identifier: MIT */
/* reclaim.c - a domain: its threads, its counters, and an object's way from allocation to free.
 *
 * WHO OWNS WHAT.  The registry lock guards the list of thread records and their in-use flags.  A record is
 * never freed before the domain is: a thread that leaves gives it back for reuse, counters untouched, so that
 * sums over all records are sums over all threads that ever were.  A record's counters and life recorder have
 * one writer at a time, its thread; handing the record over goes through the registry lock.
 *
 * The work lock separates background freeing (reclaim_work_begin) from snapshots (reclaim_quiet_begin).
 */
#include "reclaim.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "audit_internal.h"
#include "heap_span.h"
#include "perturb.h"
#include "reclaim_internal.h"

const char *const reclaim_role_names[ROLE_N] = {"mutator", "reader", "collector", "sampler"};

/* ---------------------------------------------------------------- creation */

int reclaim_ops_check(const struct reclaim_ops *ops, char *message, size_t message_size)
{
	const char *wrong = NULL;
	const uint32_t f = ops->flags;

	if (!ops->init || !ops->fini || !ops->thread_register || !ops->thread_unregister ||
	    !ops->offline || !ops->online || !ops->drain || !ops->stats || !ops->poll)
		wrong = "a required member is missing (init, fini, thread_register, "
			"thread_unregister, "
			"offline, online, poll, drain, stats)";
	else if (!(f & TRACES) && !ops->retire)
		wrong = "retire is missing and TRACES is not set";
	else if ((f & NEEDS_SECTION) && (!ops->enter || !ops->exit))
		wrong = "NEEDS_SECTION without enter and exit";
	else if ((f & NEEDS_PROTECT) && (!ops->protect || ops->n_slots == 0))
		wrong = "NEEDS_PROTECT without protect or slots";
	else if ((f & NEEDS_BARRIER) && !ops->write_barrier)
		wrong = "NEEDS_BARRIER without write_barrier";
	else if (ops->node_bytes > 64)
		wrong = "node_bytes is above 64";
	else if ((f & READER_LOCKS) && (f & (NEEDS_PROTECT | TRACES)))
		wrong = "READER_LOCKS excludes NEEDS_PROTECT and TRACES";
	if (!wrong)
		return 0;
	snprintf(message, message_size, "strategy %s: %s", ops->name ? ops->name : "?", wrong);
	return -EINVAL;
}

/* False: out of memory.  Undone by reclaim_release(). */
static bool reclaim_audit_begin(struct reclaim *r, struct heap_config *heap_config)
{
	r->audit = audit_create(r, r->config.on_fault, r->config.fault_ctx);
	if (!r->audit)
		return false;
	audit_wrap_ops(&r->audited_ops, r->ops);
	r->thread_ops = &r->audited_ops;
	heap_config->poison = true;
	heap_config->audit = &r->audit->heap_audit;
	/* A collector that finds the dead by itself would find these too. */
	heap_config->n_quarantine = r->ops->flags & NEEDS_SPAN_HEAP ? 0 : AUDIT_QUARANTINE;
	return true;
}

static int reclaim_check_limits(const struct reclaim_config *config, char *message,
				size_t message_size)
{
	const struct reclaim_ops *ops = config->ops;
	const int err = reclaim_ops_check(ops, message, message_size);

	if (err)
		return err;
	if ((ops->flags & NEEDS_SPAN_HEAP) && config->heap.kind != HEAP_SPAN) {
		snprintf(message, message_size,
			 "strategy %s keeps bits beside spans: use alloc=span instead of "
			 "alloc=malloc",
			 ops->name);
		return -EINVAL;
	}
	if (config->max_threads > RECLAIM_MAX_THREADS) {
		snprintf(message, message_size, "%u threads asked for, at most %u are possible",
			 config->max_threads, RECLAIM_MAX_THREADS);
		return -ERANGE;
	}
	if (ops->max_threads && config->max_threads > ops->max_threads) {
		snprintf(message, message_size,
			 "strategy %s: %u threads asked for, at most %u are possible", ops->name,
			 config->max_threads, ops->max_threads);
		return -ERANGE;
	}
	return 0;
}

/* Zeroed; NULL when memory is short. */
static void *reclaim_make_state(const struct reclaim_ops *ops)
{
	void *state = aligned_alloc(PADDING_BYTES, reclaim_padded(ops->state_bytes));

	if (state)
		memset(state, 0, reclaim_padded(ops->state_bytes));
	return state;
}

int reclaim_check(const struct reclaim_config *config, char *message, size_t message_size)
{
	int err = reclaim_check_limits(config, message, message_size);
	void *state;

	if (err)
		return err;
	snprintf(message, message_size, "out of memory");
	state = reclaim_make_state(config->ops);
	err = state ? reclaim_options_parse(config->ops, config->options, state, message,
					    message_size)
		    : -ENOMEM;
	free(state);
	return err;
}

int reclaim_create(struct reclaim **out, const struct reclaim_config *config, char *message,
		   size_t message_size)
{
	const struct reclaim_ops *ops = config->ops;
	struct heap_config heap_config = config->heap;
	struct reclaim *r;
	int err = reclaim_check_limits(config, message, message_size);

	if (err)
		return err;
	r = aligned_alloc(PADDING_BYTES, sizeof(*r));
	if (!r)
		goto no_memory;
	memset(r, 0, sizeof(*r));
	r->config = *config;
	if (!r->config.max_threads)
		r->config.max_threads =
			ops->max_threads && ops->max_threads < RECLAIM_DEFAULT_THREADS
				? ops->max_threads
				: RECLAIM_DEFAULT_THREADS;
	if (r->config.sample_1_in == 0)
		r->config.sample_1_in = 1;
#ifdef RECLAIMBENCH_AUDIT
	r->config.audit = true;
#endif
	r->ops = r->thread_ops = ops;
	r->clock = config->clock;
	/* Creation begins the first stage: sums of ticks since power-on would overflow. */
	r->stage_begin_ticks = config->clock ? clock_ticks(config->clock) : 0;
	pthread_mutex_init(&r->registry_lock, NULL);
	pthread_mutex_init(&r->roots_lock, NULL);
	pthread_mutex_init(&r->work_lock, NULL);
	pthread_mutex_init(&r->attachments_lock, NULL);
	heap_config.node_bytes = ops->node_bytes;
	heap_config.stamps = config->tracking;
	r->state = reclaim_make_state(ops);
	if (!r->state)
		goto no_memory;
	err = reclaim_options_parse(ops, config->options, r->state, message, message_size);
	if (err)
		goto out;
	if (ops->n_helpers)
		r->config.max_threads += ops->n_helpers(r);
	r->records = calloc(r->config.max_threads, sizeof(*r->records));
	if (!r->records)
		goto no_memory;
	if (r->config.audit && !reclaim_audit_begin(r, &heap_config))
		goto no_memory;
	err = heap_create(&r->heap, &heap_config);
	if (r->audit)
		r->audit->heap = r->heap;
	if (err) {
		snprintf(message, message_size, "the heap cannot be created: %s", strerror(-err));
		goto out;
	}
	r->flags = ops->flags_in_use ? ops->flags_in_use(r) : ops->flags;
	err = ops->init(r);
	if (err) {
		snprintf(message, message_size, "strategy %s cannot start: %s", ops->name,
			 strerror(-err));
		ops->fini(r);
		goto out;
	}
	*out = r;
	return 0;
no_memory:
	snprintf(message, message_size, "out of memory");
	err = -ENOMEM;
out:
	if (r)
		reclaim_release(r);
	return err;
}

static void reclaim_free_record(struct reclaim_thread *t)
{
	life_recorder_fini(&t->life);
	free(t->state);
	free(t);
}

/* Everything but the strategy's own state. */
void reclaim_release(struct reclaim *r)
{
	if (r->records)
		for (unsigned i = 0; i < r->config.max_threads; i++)
			if (r->records[i])
				reclaim_free_record(r->records[i]);
	for (unsigned i = 0; i < RECLAIM_N_ATTACHMENT_CHAINS; i++)
		while (r->attachments[i]) {
			struct reclaim_attachment *a = r->attachments[i];

			r->attachments[i] = a->next;
			reclaim_attachment_free(a);
		}
	if (r->heap)
		heap_destroy(r->heap);
	audit_destroy(r->audit);
	pthread_mutex_destroy(&r->registry_lock);
	pthread_mutex_destroy(&r->roots_lock);
	pthread_mutex_destroy(&r->work_lock);
	pthread_mutex_destroy(&r->attachments_lock);
	free(r->records);
	free(r->state);
	free(r);
}

void reclaim_destroy(struct reclaim *r)
{
	r->ops->fini(r);
	reclaim_release(r);
}

const struct reclaim_ops *reclaim_ops(const struct reclaim *r)
{
	return r->ops;
}
uint32_t reclaim_flags(const struct reclaim *r)
{
	return r->flags;
}
struct heap *reclaim_heap(const struct reclaim *r)
{
	return r->heap;
}
const struct clock *reclaim_clock(const struct reclaim *r)
{
	return r->clock;
}
void *reclaim_state(const struct reclaim *r)
{
	return r->state;
}
const struct reclaim_config *reclaim_config(const struct reclaim *r)
{
	return &r->config;
}

/* ---------------------------------------------------------------- threads */

static bool reclaim_is_user(enum reclaim_role role)
{
	return role == ROLE_MUTATOR || role == ROLE_READER;
}

/* A record nobody uses, its slot reserved; registry lock held.  NULL with errno. */
static struct reclaim_thread *reclaim_take_record(struct reclaim *r)
{
	const size_t state_bytes = reclaim_padded(r->ops->thread_bytes);

	for (unsigned i = 0; i < r->config.max_threads; i++) {
		struct reclaim_thread *t = r->records[i];

		if (t && !t->is_registered)
			return t;
		if (t)
			continue;
		t = aligned_alloc(PADDING_BYTES, reclaim_padded(sizeof(*t)));
		if (!t)
			break;
		memset(t, 0, sizeof(*t));
		t->state = aligned_alloc(PADDING_BYTES, state_bytes);
		if (!t->state || (r->config.tracking && life_recorder_init(&t->life, r->clock))) {
			reclaim_free_record(t);
			break;
		}
		t->r = r;
		t->ops = r->thread_ops;
		t->flags = r->audit ? r->flags & ~(uint32_t)TRACES : r->flags;
		t->index = i;
		t->tracking = r->config.tracking;
		t->clock = r->clock;
		t->registration_epoch = &r->registration_epoch;
		t->stage_begin_ticks = r->stage_begin_ticks;
		if (t->tracking)
			life_stage_begin(&t->life, r->stage_begin_ticks);
		t->life.sample_1_in = r->config.sample_1_in;
		r->records[i] = t;
		if (i >= r->n_records)
			r->n_records = i + 1;
		return t;
	}
	errno = r->n_records < r->config.max_threads ? ENOMEM : EAGAIN;
	return NULL;
}

static void reclaim_leave_registry(struct reclaim_thread *t)
{
	struct reclaim *r = t->r;

	pthread_mutex_lock(&r->registry_lock);
	t->is_registered = false;
	t->is_visible = false;
	if (reclaim_is_user(t->role)) {
		r->n_users--;
		/* release: pairs with reclaim_registration_epoch(). */
		store_release(&r->registration_epoch, load_relaxed(&r->registration_epoch) + 1);
	}
	pthread_mutex_unlock(&r->registry_lock);
}

struct reclaim_thread *reclaim_register(struct reclaim *r, enum reclaim_role role)
{
	struct reclaim_thread *t;
	int err = 0;

	pthread_mutex_lock(&r->registry_lock);
	t = reclaim_take_record(r);
	if (t) {
		t->is_registered = true;
		t->role = role;
		if (reclaim_is_user(role)) {
			r->n_users++;
			store_release(&r->registration_epoch,
				      load_relaxed(&r->registration_epoch) + 1);
		}
	}
	pthread_mutex_unlock(&r->registry_lock);
	if (!t)
		return NULL;
	/* Outside the lock: the strategy may wait here for a stopped world, and whoever stopped it may want
	 * to look at the registry. */
	memset(t->state, 0, reclaim_padded(r->ops->thread_bytes));
	t->is_online = true;
	t->map_lock = NULL;
	/* A record used before goes on where it was: threads that come and go are sampled, too. */
	if (t->sample_left == 0)
		t->sample_left = r->config.sample_1_in;
	t->poll_flags = NULL;
	t->cache = heap_cache_create(r->heap);
	if (!t->cache) {
		err = -ENOMEM;
	} else {
		heap_cache_set_thread(t->cache, t->index);
		PERTURB_THREAD(t->index);
		err = r->ops->thread_register(t);
		if (r->audit)
			t->poll_flags = NULL; /* the audit watches polls */
	}
	if (err) {
		if (t->cache)
			heap_cache_destroy(t->cache);
		t->cache = NULL;
		reclaim_leave_registry(t);
		errno = -err;
		return NULL;
	}
	pthread_mutex_lock(&r->registry_lock);
	t->is_visible = true;
	pthread_mutex_unlock(&r->registry_lock);
	return t;
}

void reclaim_unregister(struct reclaim_thread *t)
{
	if (t->map_lock)
		reclaim_release_map_lock(t);
	t->ops->thread_unregister(t);
	heap_cache_destroy(t->cache);
	t->cache = NULL;
	reclaim_leave_registry(t);
}

unsigned reclaim_n_mutators(const struct reclaim *r)
{
	struct reclaim *mutable = (struct reclaim *)r;
	unsigned n;

	pthread_mutex_lock(&mutable->registry_lock);
	n = r->n_users;
	pthread_mutex_unlock(&mutable->registry_lock);
	return n;
}

int reclaim_alone_begin(struct reclaim_thread *t)
{
	struct reclaim *r = t->r;

	/* Trylock: a thread that waits for the registry in here could keep a collector waiting that holds
	 * it.  Not being sure is a fine answer. */
	if (pthread_mutex_trylock(&r->registry_lock))
		return -EBUSY;
	if (r->n_users == 1 && reclaim_is_user(t->role))
		return 1;
	pthread_mutex_unlock(&r->registry_lock);
	return 0;
}

void reclaim_alone_end(struct reclaim_thread *t)
{
	pthread_mutex_unlock(&t->r->registry_lock);
}

void reclaim_for_each_thread(struct reclaim *r, void (*fn)(void *ctx, struct reclaim_thread *t),
			     void *ctx)
{
	pthread_mutex_lock(&r->registry_lock);
	for (unsigned i = 0; i < r->n_records; i++)
		if (r->records[i] && r->records[i]->is_visible)
			fn(ctx, r->records[i]);
	pthread_mutex_unlock(&r->registry_lock);
}

void reclaim_offline(struct reclaim_thread *t)
{
	t->is_online = false;
	t->ops->offline(t);
}

void reclaim_online(struct reclaim_thread *t)
{
	t->ops->online(t);
	t->is_online = true;
}

void reclaim_release_map_lock(struct reclaim_thread *t)
{
	_Atomic(uint32_t) *stripe = t->map_lock;

	t->map_lock = NULL;
	/* release: pairs with the acquire in hmap_stripe_lock(). */
	store_release(stripe, 0);
}

/* ---------------------------------------------------------------- an object's way */

void *reclaim_alloc(struct reclaim_thread *t, enum obj_class class, size_t bytes, bool zero)
{
	void *object = heap_alloc(t->cache, class, bytes, zero);

	if (unlikely(!object))
		return NULL;
	bytes = heap_alloc_bytes(t->r->heap, class, bytes); /* as retire and free count them */
	counter_add(&t->counters[class].n_allocated, 1);
	counter_add(&t->counters[class].allocated_bytes, bytes);
	if (t->ops->allocated)
		t->ops->allocated(t, object, class, bytes);
	return object;
}

void reclaim_unalloc(struct reclaim_thread *t, void *object)
{
	const enum obj_class class = heap_class(t->r->heap, object);

	if (t->r->audit)
		audit_unalloc(t->r->audit, t->index, object);
	counter_add(&t->counters[class].n_allocated, (uint64_t)-1);
	counter_add(&t->counters[class].allocated_bytes, -(uint64_t)heap_bytes(t->r->heap, object));
	heap_free(t->cache, object);
}

/* Whether a retire counts.  The buckets that die with an array are sampled one by one, so each array is stamped, and
 * draws its lot from its stamp. */
static bool reclaim_is_counted(const struct reclaim *r, const void *object, enum obj_class class,
			       const struct heap_stamps *stamps)
{
	return stamps->retired_ticks &&
	       (class != OBJ_ARRAY || reclaim_in_sample(r, object, stamps->retired_ticks));
}

/* Stamp a retired object, unless the sample passes over it. */
static void reclaim_stamp_retired(struct reclaim_thread *t, const void *object,
				  enum obj_class class, struct heap_stamps *stamps, size_t bytes,
				  bool is_growing)
{
	struct reclaim_counters *counters = &t->counters[class];

	if (class != OBJ_ARRAY) {
		if (--t->sample_left > 0) {
			stamps->dead_ticks = 0;
			return;
		}
		t->sample_left = t->r->config.sample_1_in;
	}
	const uint64_t now = clock_ticks(t->clock);
	const int64_t in_stage = (int64_t)(now - t->stage_begin_ticks);

	if (!stamps->dead_ticks)
		stamps->dead_ticks = (now & ~UINT64_C(1)) | is_growing;
	stamps->retired_ticks = now;
	if (!reclaim_is_counted(t->r, object, class, stamps))
		return;
	counter_add(&counters->n_stamped_retired, 1);
	counter_add(&counters->stamped_retired_bytes, bytes);
	counter_wide_add(&counters->retire_ticks_sum, in_stage);
	counter_wide_add(&counters->retire_byte_ticks_sum, (__int128)in_stage * (int64_t)bytes);
}

void reclaim_retire(struct reclaim_thread *t, void *object, bool is_growing)
{
	const struct heap_facts facts = heap_facts(t->r->heap, object);
	struct reclaim_counters *counters = &t->counters[facts.class];

	counter_add(&counters->n_retired, 1);
	counter_add(&counters->retired_bytes, facts.bytes);
	if (t->tracking)
		reclaim_stamp_retired(t, object, facts.class, facts.stamps, facts.bytes,
				      is_growing);
	if (!(t->flags & TRACES))
		t->ops->retire(t, object);
}

void reclaim_stamp_dead(struct reclaim_thread *t, void *object, bool is_growing)
{
	if (!t->tracking)
		return;
	struct heap_stamps *stamps = heap_stamps(t->r->heap, object);

	if (!stamps->dead_ticks)
		stamps->dead_ticks = (clock_ticks(t->clock) & ~UINT64_C(1)) | is_growing;
}

void reclaim_stamp_revived(struct reclaim_thread *t, void *object)
{
	if (t->tracking)
		heap_stamps(t->r->heap, object)->dead_ticks = 0;
}

/* What was freed at `now_ticks` goes into the counters. */
static void reclaim_account_freed(struct reclaim_thread *t, const struct reclaim_freed *f,
				  uint64_t now_ticks)
{
	struct reclaim_counters *counters = &t->counters[f->class];
	const int64_t in_stage = (int64_t)(now_ticks - t->stage_begin_ticks);

	counter_add(&counters->n_freed, f->n);
	counter_add(&counters->freed_bytes, f->bytes);
	if (!f->n_stamped)
		return;
	counter_add(&counters->n_stamped_freed, f->n_stamped);
	counter_add(&counters->stamped_freed_bytes, f->stamped_bytes);
	counter_wide_add(&counters->free_ticks_sum, (__int128)in_stage * (int64_t)f->n_stamped);
	counter_wide_add(&counters->free_byte_ticks_sum,
			 (__int128)in_stage * (int64_t)f->stamped_bytes);
}

/* One more of f's class: its life, and what dies with it. */
static inline void reclaim_end_life(struct reclaim_thread *t, struct reclaim_freed *f, void *object,
				    size_t bytes, struct heap_stamps *stamps, uint64_t safe_ticks,
				    uint64_t now_ticks)
{
	f->n++;
	f->bytes += bytes;
	if (stamps && reclaim_is_counted(t->r, object, f->class, stamps)) {
		f->n_stamped++;
		f->stamped_bytes += bytes;
		life_record_free(&t->life, reclaim_record_class(t->r, object, f->class), bytes,
				 stamps, safe_ticks, now_ticks);
	}
	if (unlikely(f->class == OBJ_ARRAY))
		reclaim_detach(t, object, stamps, safe_ticks, now_ticks);
}

uint64_t reclaim_account_free_span(struct reclaim_thread *t, const struct heap_span *s,
				   const uint64_t *dead, uint64_t safe_ticks, uint64_t now_ticks)
{
	struct reclaim_freed f = {.class = (enum obj_class)s->class};
	const bool has_lives = f.class != OBJ_GARBAGE && (s->stamps || f.class == OBJ_ARRAY);

	for (uint32_t w = 0; w < heap_span_n_words(s); w++) {
		if (!has_lives) {
			f.n += (uint64_t)__builtin_popcountll(dead[w]);
			f.bytes = f.n * s->object_bytes;
			continue;
		}
		for (uint64_t bits = dead[w]; bits; bits &= bits - 1) {
			const uint32_t i = w * 64 + (uint32_t)__builtin_ctzll(bits);

			reclaim_end_life(t, &f, heap_span_object(s, i), s->object_bytes,
					 s->stamps ? &s->stamps[i] : NULL, safe_ticks, now_ticks);
		}
	}
	reclaim_account_freed(t, &f, now_ticks);
	return f.n;
}

void reclaim_free_one(struct reclaim_thread *t, struct reclaim_freed *f, void *object,
		      uint64_t safe_ticks, uint64_t now_ticks)
{
	const struct heap_facts facts = heap_facts(t->r->heap, object);

	if (unlikely(facts.class != f->class)) {
		if (f->n)
			reclaim_account_freed(t, f, now_ticks);
		*f = (struct reclaim_freed){.class = facts.class};
	}
	reclaim_end_life(t, f, object, facts.bytes, facts.stamps, safe_ticks, now_ticks);
	heap_free(t->cache, object);
}

void reclaim_free_end(struct reclaim_thread *t, struct reclaim_freed *f, uint64_t now_ticks)
{
	reclaim_account_freed(t, f, now_ticks);
	*f = (struct reclaim_freed){0};
}

void reclaim_free(struct reclaim_thread *t, void *object, uint64_t safe_ticks, uint64_t now_ticks)
{
	struct reclaim_freed f = {0};

	reclaim_free_one(t, &f, object, safe_ticks, now_ticks);
	reclaim_free_end(t, &f, now_ticks);
}

void reclaim_garbage(struct reclaim_thread *t, size_t bytes)
{
	struct reclaim_counters *counters = &t->counters[OBJ_GARBAGE];
	uint64_t *object = reclaim_alloc(t, OBJ_GARBAGE, bytes, false);

	if (!object)
		return;
	*(volatile uint64_t *)object = bytes;
	bytes = heap_alloc_bytes(t->r->heap, OBJ_GARBAGE, bytes);
	counter_add(&counters->n_retired, 1);
	counter_add(&counters->retired_bytes, bytes);
	if (!(t->flags & COLLECTS_GARBAGE)) {
		counter_add(&counters->n_freed, 1);
		counter_add(&counters->freed_bytes, bytes);
		heap_free(t->cache, object);
	} else if (!(t->flags & TRACES)) {
		t->ops->retire(t, object);
	}
}

/* ---------------------------------------------------------------- roots */

void reclaim_root_add(struct reclaim *r, struct reclaim_root *root)
{
	pthread_mutex_lock(&r->roots_lock);
	root->next = r->roots;
	root->link = &r->roots;
	if (root->next)
		root->next->link = &root->next;
	r->roots = root;
	pthread_mutex_unlock(&r->roots_lock);
}

void reclaim_root_remove(struct reclaim *r, struct reclaim_root *root)
{
	pthread_mutex_lock(&r->roots_lock);
	*root->link = root->next;
	if (root->next)
		root->next->link = root->link;
	pthread_mutex_unlock(&r->roots_lock);
}

void reclaim_trace_roots(struct reclaim *r, struct reclaim_thread *t, reclaim_trace_fn *visit,
			 void *ctx)
{
	pthread_mutex_lock(&r->roots_lock);
	for (struct reclaim_root *root = r->roots; root; root = root->next)
		root->trace(root, t, visit, ctx);
	pthread_mutex_unlock(&r->roots_lock);
}

void reclaim_for_each_root(struct reclaim *r, void (*fn)(void *ctx, struct reclaim_root *root),
			   void *ctx)
{
	pthread_mutex_lock(&r->roots_lock);
	for (struct reclaim_root *root = r->roots; root; root = root->next)
		fn(ctx, root);
	pthread_mutex_unlock(&r->roots_lock);
}

/* ---------------------------------------------------------------- snapshots */

void reclaim_work_begin(struct reclaim *r)
{
	pthread_mutex_lock(&r->work_lock);
}
void reclaim_work_end(struct reclaim *r)
{
	pthread_mutex_unlock(&r->work_lock);
}
void reclaim_quiet_begin(struct reclaim *r)
{
	pthread_mutex_lock(&r->work_lock);
}
void reclaim_quiet_end(struct reclaim *r)
{
	pthread_mutex_unlock(&r->work_lock);
}

void reclaim_totals(struct reclaim *r, struct reclaim_totals *out)
{
	memset(out, 0, sizeof(*out));
	pthread_mutex_lock(&r->registry_lock);
	for (unsigned i = 0; i < r->n_records; i++) {
		if (!r->records[i])
			continue;
		for (int k = 0; k < OBJ_N_CLASSES; k++) {
			const struct reclaim_counters *c = &r->records[i]->counters[k];

			/* Relaxed: exact only while quiet, where a lock or barrier has ordered them. */
			out->n_allocated[k] += load_relaxed(&c->n_allocated);
			out->n_retired[k] += load_relaxed(&c->n_retired);
			out->n_freed[k] += load_relaxed(&c->n_freed);
			out->allocated_bytes[k] += load_relaxed(&c->allocated_bytes);
			out->retired_bytes[k] += load_relaxed(&c->retired_bytes);
			out->freed_bytes[k] += load_relaxed(&c->freed_bytes);
			out->n_stamped_retired[k] += load_relaxed(&c->n_stamped_retired);
			out->n_stamped_freed[k] += load_relaxed(&c->n_stamped_freed);
			out->stamped_retired_bytes[k] += load_relaxed(&c->stamped_retired_bytes);
			out->stamped_freed_bytes[k] += load_relaxed(&c->stamped_freed_bytes);
			out->retire_ticks_sum[k] += counter_wide_get(&c->retire_ticks_sum);
			out->free_ticks_sum[k] += counter_wide_get(&c->free_ticks_sum);
			out->retire_byte_ticks_sum[k] +=
				counter_wide_get(&c->retire_byte_ticks_sum);
			out->free_byte_ticks_sum[k] += counter_wide_get(&c->free_byte_ticks_sum);
		}
	}
	pthread_mutex_unlock(&r->registry_lock);
}

void reclaim_stage_begin(struct reclaim *r, uint64_t now_ticks)
{
	pthread_mutex_lock(&r->registry_lock);
	r->stage_begin_ticks = now_ticks;
	for (unsigned i = 0; i < r->n_records; i++) {
		struct reclaim_thread *t = r->records[i];

		if (!t)
			continue;
		t->stage_begin_ticks = now_ticks;
		if (t->tracking)
			life_stage_begin(&t->life, now_ticks);
		for (int k = 0; k < OBJ_N_CLASSES; k++) {
			counter_wide_set(&t->counters[k].retire_ticks_sum, 0);
			counter_wide_set(&t->counters[k].free_ticks_sum, 0);
			counter_wide_set(&t->counters[k].retire_byte_ticks_sum, 0);
			counter_wide_set(&t->counters[k].free_byte_ticks_sum, 0);
		}
	}
	pthread_mutex_unlock(&r->registry_lock);
}

struct survivors {
	struct reclaim *r;
	struct life_recorder *out;
	uint64_t now_ticks;
};

/* When this unfreed object was proved safe, as life_record_survivor() wants it. */
static uint64_t reclaim_survivor_safe(struct reclaim *r, void *object,
				      const struct heap_stamps *stamps)
{
	if (r->flags & SAFE_HIDDEN)
		return LIFE_SAFE_UNKNOWN;
	if (!stamps->retired_ticks || !r->ops->safe_ticks)
		return 0;
	return r->ops->safe_ticks(r, object, stamps);
}

static void reclaim_add_survivor(void *ctx, void *object, enum obj_class class, size_t bytes,
				 struct heap_stamps *stamps)
{
	const struct survivors *s = ctx;

	/* All deaths are stamped, only one retire in N is: of the dead that are not retired, one in N counts. */
	if (stamps &&
	    (stamps->retired_ticks
		     ? reclaim_is_counted(s->r, object, class, stamps)
		     : stamps->dead_ticks && reclaim_in_sample(s->r, object, stamps->dead_ticks)))
		life_record_survivor(s->out, reclaim_record_class(s->r, object, class), bytes,
				     stamps, reclaim_survivor_safe(s->r, object, stamps),
				     s->now_ticks);
}

void reclaim_stage_end(struct reclaim *r, uint64_t now_ticks, struct life_recorder *out)
{
	struct survivors s = {.r = r, .out = out, .now_ticks = now_ticks};

	if (!r->config.tracking)
		return;
	pthread_mutex_lock(&r->registry_lock);
	for (unsigned i = 0; i < r->n_records; i++)
		if (r->records[i])
			life_recorder_merge(out, &r->records[i]->life);
	pthread_mutex_unlock(&r->registry_lock);
	heap_visit(r->heap, reclaim_add_survivor, &s);
	reclaim_attachment_survivors(r, now_ticks, out);
}
