/* SPDX-License-Identifier: MIT */
/* test_gc_cycle.c - single cycles, step by step: what is freed by which, who can hold one up, what starts one. */
#include <errno.h>

#include "gc_test.h"

struct fixture {
	struct reclaim *r;
	struct reclaim_thread *t;
	struct gc *gc;
};

static struct fixture begin(const char *strategy, const char *options)
{
	struct fixture f = {.r = gc_test_create(strategy, options)};

	f.t = reclaim_register(f.r, ROLE_MUTATOR);
	f.gc = gc_test_gc(f.r);
	return f;
}

static void end(struct fixture *f)
{
	struct reclaim_stats stats;

	f->t->ops->drain(f->t);
	f->t->ops->stats(f->r, &stats);
	assert_int_equal(stats.n_pending, 0);
	reclaim_unregister(f->t);
	reclaim_destroy(f->r);
}

static void collect(struct fixture *f)
{
	f->t->ops->collect(f->t);
}

static bool is_object(struct fixture *f, const void *object)
{
	return heap_is_object(reclaim_heap(f->r), object);
}

static uint64_t *payload_of(struct fixture *f, struct hmap *m, uint64_t key)
{
	uint64_t value = 0;

	reclaim_enter(f->t);
	assert_true(hmap_get(m, f->t, key, &value));
	reclaim_exit(f->t);
	return (uint64_t *)value;
}

static void fill(struct fixture *f, struct hmap *m, uint64_t n)
{
	for (uint64_t key = 0; key < n; key++) {
		assert_int_equal(hmap_insert(m, f->t, key, key + 7), HMAP_INSERTED);
		reclaim_poll(f->t);
	}
}

/* Every span that exists is swept, cached or not; the five states have been passed through. */
static void check_states(struct fixture *f)
{
	struct heap *h = reclaim_heap(f->r);

	for (uint32_t i = 0; i < heap_n_spans(h); i++) {
		const struct heap_span *s = heap_span_at(h, i);

		if (s) {
			const unsigned state = gc_span_state(f->gc, load_relaxed(&s->sweepgen));

			assert_true(state == GC_SPAN_SWEPT || state == GC_SPAN_CACHED);
		}
	}
}

/* ---------------------------------------------------------------- what is freed */

static void check_retired_are_freed(const char *strategy, const char *options)
{
	struct fixture f = begin(strategy, options);
	struct hmap *m = gc_test_map(f.r, f.t, HMAP_PAYLOAD);
	uint64_t *payloads[300];
	struct gc_log_cycle c;

	fill(&f, m, 300);
	for (uint64_t key = 0; key < 300; key++)
		payloads[key] = payload_of(&f, m, key);
	for (uint64_t key = 0; key < 300; key += 3)
		assert_true(hmap_delete(m, f.t, key));
	for (uint64_t key = 0; key < 300; key++)
		assert_true(is_object(&f, payloads[key]));
	collect(&f);
	for (uint64_t key = 0; key < 300; key++)
		assert_int_equal(is_object(&f, payloads[key]), key % 3 != 0);
	collect(&f);
	collect(&f);
	for (uint64_t key = 0; key < 300; key++)
		if (key % 3)
			assert_int_equal(*payload_of(&f, m, key), key + 7);
	check_states(&f);
	for (unsigned state = 0; state < GC_N_SPAN_STATES; state++)
		assert_true(load_relaxed(&f.gc->sweep.n_stays[state]) > 0);
	assert_true(gc_log_get(&f.gc->log, 1, &c));
	assert_int_equal(c.reason, GC_REASON_HAND);
	assert_true(c.n_objects_freed >= 100);
	assert_true(c.sweep_end_ticks >= c.flip_ticks && c.flip_ticks >= c.mark_end_ticks);
	assert_true(c.mark_end_ticks >= c.mark_begin_ticks && c.mark_begin_ticks >= c.begin_ticks);
	hmap_destroy(m, f.t);
	end(&f);
}

static void test_retired_are_freed(void **state)
{
	(void)state;
	check_retired_are_freed("sweepgen", "trigger=hand");
	check_retired_are_freed("sweepgen", "trigger=hand,flip=ragged,batch=1");
	check_retired_are_freed("mark", "trigger=hand");
	check_retired_are_freed("mark", "trigger=hand,scan=filled");
	check_retired_are_freed("mark", "trigger=hand,bits=header");
	check_retired_are_freed("mark", "trigger=hand,barrier=off");
	check_retired_are_freed("go", "trigger=hand");
}

/* Plain values: arrays are not scanned, but the overflow buckets behind them live. */
static void test_plain_map(void **state)
{
	static const char *const variants[][2] = {{"mark", "trigger=hand"},
						  {"mark", "trigger=hand,bits=header"},
						  {"go", "trigger=hand"}};

	(void)state;
	for (size_t i = 0; i < sizeof(variants) / sizeof(variants[0]); i++) {
		struct fixture f = begin(variants[i][0], variants[i][1]);
		struct hmap *m = gc_test_map(f.r, f.t, HMAP_PLAIN);
		struct hmap_state s;
		uint64_t value;

		fill(&f, m, 20000);
		for (int n = 0; n < 3; n++)
			collect(&f);
		hmap_state(m, f.t, &s);
		assert_true(s.noverflow > 0);
		for (uint64_t key = 0; key < 20000; key++) {
			assert_true(hmap_get(m, f.t, key, &value));
			assert_int_equal(value, key + 7);
		}
		hmap_destroy(m, f.t);
		end(&f);
	}
}

/* A map that is dropped is freed within two cycles, whatever it held. */
static void test_complete(void **state)
{
	static const char *const strategies[] = {"sweepgen", "mark", "go"};

	(void)state;
	for (int i = 0; i < 3; i++) {
		struct fixture f = begin(strategies[i], "trigger=hand");
		struct hmap *m = gc_test_map(f.r, f.t, HMAP_PAYLOAD);
		struct reclaim_totals totals;

		fill(&f, m, 5000);
		hmap_destroy(m, f.t);
		collect(&f);
		collect(&f);
		reclaim_totals(f.r, &totals);
		for (int class = 0; class < OBJ_N_CLASSES; class ++)
			assert_int_equal(totals.n_allocated[class], totals.n_freed[class]);
		end(&f);
	}
}

/* Several markers: each bucket is marked by one of them, what lives is kept and what died is freed, as by one; and the
 * helpers do mark. */
static void check_markers(const char *options, unsigned n_markers)
{
	enum { N_KEYS = 160000, N_TRIES = 500 };
	struct fixture f = begin("mark", options);
	struct hmap *m = gc_test_map(f.r, f.t, HMAP_PAYLOAD);
	struct reclaim_totals totals;
	struct gc_log_cycle c = {0};
	/* On a small machine the last chunk is often taken before the third of them wakes up. */
	const unsigned n_wanted = n_markers > 1 ? 2 : 1;
	unsigned n_most = 0;

	assert_int_equal(f.gc->markers.n_helpers, n_markers - 1);
	fill(&f, m, N_KEYS);
	for (uint64_t key = 0; key < N_KEYS; key += 2)
		assert_true(hmap_delete(m, f.t, key));
	for (unsigned i = 0; i < N_TRIES && n_most < n_wanted; i++) {
		collect(&f);
		assert_true(gc_log_get(&f.gc->log, gc_log_n_cycles(&f.gc->log), &c));
		assert_true(c.n_markers <= n_markers);
		assert_true(c.n_buckets_marked >= c.n_buckets);
		n_most = c.n_markers > n_most ? c.n_markers : n_most;
	}
	assert_true(n_most >= n_wanted);
	for (uint64_t key = 0; key < N_KEYS; key++) {
		uint64_t value;

		assert_int_equal(hmap_get(m, f.t, key, &value), key % 2);
		if (key % 2)
			assert_int_equal(*payload_of(&f, m, key), key + 7);
	}
	reclaim_totals(f.r, &totals);
	assert_int_equal(totals.n_freed[OBJ_VALUE], N_KEYS / 2);
	hmap_destroy(m, f.t);
	end(&f);
}

static void test_markers(void **state)
{
	(void)state;
	check_markers("trigger=hand,markers=1,procs=16", 1);
	check_markers("trigger=hand,markers=2,procs=16", 2); /* dedicated */
	check_markers("trigger=hand,markers=4,procs=16", 4);
	check_markers("trigger=hand,markers=4,procs=4", 4); /* one dedicated, three idle */
	check_markers("trigger=hand,procs=4", 3);
	check_markers("trigger=hand,procs=2", 1);
	check_markers("trigger=hand,procs=64", GC_MAX_MARKERS);
	check_markers("trigger=hand,markers=4,barrier=off", 4);
}

/* Helpers are no thread that a user asked for. */
static void test_markers_take_no_place(void **state)
{
	const struct reclaim_config config = {
		.ops = reclaim_strategy_find("go"),
		.options = "markers=5",
		.heap = {.kind = HEAP_SPAN},
		.clock = &test_clock,
		.max_threads = 2, /* the collector and one */
	};
	struct reclaim_thread *t;
	char message[256] = "";
	struct reclaim *r;

	(void)state;
	assert_int_equal(reclaim_create(&r, &config, message, sizeof(message)), 0);
	t = reclaim_register(r, ROLE_MUTATOR);
	assert_non_null(t);
	assert_null(reclaim_register(r, ROLE_MUTATOR));
	assert_int_equal(errno, EAGAIN);
	reclaim_unregister(t);
	reclaim_destroy(r);
}

struct held_root {
	struct reclaim_root root;
	void *object;
};

static void held_trace(struct reclaim_root *root, struct reclaim_thread *t, reclaim_trace_fn *visit,
		       void *ctx)
{
	(void)t;
	visit(ctx, ((struct held_root *)root)->object);
}

static void test_root_of_another_kind(void **state)
{
	struct fixture f = begin("mark", "trigger=hand");
	struct held_root held = {.root = {.trace = held_trace}};

	(void)state;
	held.object = reclaim_alloc(f.t, OBJ_VALUE, 48, true);
	reclaim_root_add(f.r, &held.root);
	collect(&f);
	assert_true(is_object(&f, held.object));
	reclaim_root_remove(f.r, &held.root);
	reclaim_retire(f.t, held.object, false);
	collect(&f);
	assert_false(is_object(&f, held.object));
	end(&f);
}

/* One bit for a span: what a living neighbour keeps is counted, and freed when it dies too. */
static void test_false_retention(void **state)
{
	struct fixture f = begin("mark", "trigger=hand,bits=span,shadow=on");
	struct hmap *m = gc_test_map(f.r, f.t, HMAP_PAYLOAD);
	uint64_t *payloads[128];
	struct gc_log_cycle c;

	(void)state;
	fill(&f, m, 128); /* a span of 64-byte objects holds 128 */
	for (uint64_t key = 0; key < 128; key++)
		payloads[key] = payload_of(&f, m, key);
	for (uint64_t key = 1; key < 128; key++)
		assert_true(hmap_delete(m, f.t, key));
	collect(&f);
	assert_true(is_object(&f, payloads[127]));
	assert_true(gc_log_get(&f.gc->log, 1, &c));
	assert_true(c.false_bytes >= 127 * 64);
	assert_true(hmap_delete(m, f.t, 0));
	collect(&f);
	assert_false(is_object(&f, payloads[0]));
	assert_false(is_object(&f, payloads[127]));
	hmap_destroy(m, f.t);
	end(&f);
}

/* ---------------------------------------------------------------- windows */

/* A window that is over before the first look at the clock: marking goes on by a step each all the same. */
static void test_window_of_no_length(void **state)
{
	struct fixture f = begin("mark", "trigger=hand,mark_window=1ns,mark_every=10us");
	struct hmap *m = gc_test_map(f.r, f.t, HMAP_PAYLOAD);

	(void)state;
	fill(&f, m, 1000);
	collect(&f);
	assert_int_equal(gc_log_n_cycles(&f.gc->log), 1);
	hmap_destroy(m, f.t);
	end(&f);
}

/* ---------------------------------------------------------------- deaths inside marking */

/* A value deleted while marking is on is shaded: it outlives this cycle and dies in the next. */
static void test_death_in_marking(void **state)
{
	struct fixture f = begin("mark", "trigger=hand,mark_window=20us,mark_every=5ms");
	struct hmap *m = gc_test_map(f.r, f.t, HMAP_PAYLOAD);
	const uint64_t n = 20000;
	uint64_t *old, *new;
	pthread_t other;

	(void)state;
	fill(&f, m, n);
	old = payload_of(&f, m, n - 1);
	assert_int_equal(pthread_create(&other, NULL, gc_test_collect_main, f.r), 0);
	while (!(gc_world_flags(&f.gc->world) & GC_FLAG_MARKING))
		reclaim_poll(f.t);
	assert_int_equal(gc_log_n_cycles(&f.gc->log), 0);
	assert_true(hmap_delete(m, f.t, n - 1));
	hmap_insert(m, f.t, n, 1); /* black */
	new = payload_of(&f, m, n);
	while (gc_log_n_cycles(&f.gc->log) == 0)
		reclaim_poll(f.t);
	reclaim_offline(f.t);
	pthread_join(other, NULL);
	reclaim_online(f.t);
	assert_true(is_object(&f, old));
	assert_true(is_object(&f, new));
	collect(&f);
	assert_false(is_object(&f, old));
	assert_int_equal(*payload_of(&f, m, n), 1);
	hmap_destroy(m, f.t);
	end(&f);
}

/* ---------------------------------------------------------------- who can hold a cycle up */

struct stuck {
	struct reclaim *r;
	_Atomic(bool) is_there, may_go;
	_Atomic(uint32_t) index;
	bool is_offline;
};

static void *stuck_main(void *arg)
{
	struct stuck *s = arg;
	struct reclaim_thread *t = reclaim_register(s->r, ROLE_READER);

	if (s->is_offline)
		reclaim_offline(t);
	store_relaxed(&s->index, t->index);
	store_release(&s->is_there, true); /* pairs with wait_for() */
	while (!load_acquire(&s->may_go))  /* pairs with the test's store */
		usleep(200);
	if (s->is_offline)
		reclaim_online(t);
	reclaim_unregister(t);
	return NULL;
}

static void wait_for(_Atomic(bool) *flag)
{
	while (!load_acquire(flag)) /* pairs with stuck_main() */
		usleep(200);
}

static void check_stuck(const char *strategy, const char *options, bool is_offline)
{
	struct fixture f = begin(strategy, options);
	struct stuck s = {.r = f.r, .is_offline = is_offline};
	struct hmap *m = gc_test_map(f.r, f.t, HMAP_PAYLOAD);
	struct reclaim_stats stats;
	uint64_t *payload;
	pthread_t thread;

	fill(&f, m, 10);
	payload = payload_of(&f, m, 3);
	assert_int_equal(pthread_create(&thread, NULL, stuck_main, &s), 0);
	wait_for(&s.is_there);
	assert_true(hmap_delete(m, f.t, 3));
	collect(&f); /* returns, though a thread does not come */
	f.t->ops->stats(f.r, &stats);
	if (is_offline) {
		assert_int_equal(stats.n_stalls, 0);
		assert_false(is_object(&f, payload));
	} else {
		assert_true(stats.n_stalls > 0);
		assert_int_equal(stats.n_cycles, 0);
		assert_true(is_object(&f, payload));
		assert_int_equal(stats.stalled_by, load_relaxed(&s.index));
		collect(&f); /* again, and still nothing */
		assert_true(is_object(&f, payload));
	}
	store_release(&s.may_go, true);
	pthread_join(thread, NULL);
	while (is_object(&f, payload))
		collect(&f);
	hmap_destroy(m, f.t);
	end(&f);
}

static void test_thread_that_never_polls(void **state)
{
	(void)state;
	check_stuck("sweepgen", "trigger=hand,stop_limit=2ms", false);
	check_stuck("sweepgen", "trigger=hand,stop_limit=2ms,flip=ragged", false);
	check_stuck("mark", "trigger=hand,stop_limit=2ms", false);
}

static void test_thread_offline(void **state)
{
	(void)state;
	check_stuck("sweepgen", "trigger=hand,stop_limit=10s", true);
	check_stuck("sweepgen", "trigger=hand,stop_limit=10s,flip=ragged", true);
	check_stuck("mark", "trigger=hand,stop_limit=10s", true);
}

/* ---------------------------------------------------------------- what starts a cycle */

static void garbage(struct fixture *f, uint64_t bytes)
{
	for (uint64_t done = 0; done < bytes; done += 4096) {
		reclaim_garbage(f->t, 4096);
		reclaim_poll(f->t);
	}
}

static void wait_cycles(struct fixture *f, uint64_t n)
{
	reclaim_offline(f->t);
	while (gc_log_n_cycles(&f->gc->log) < n)
		usleep(500);
	reclaim_online(f->t);
}

static void test_growth_starts_a_cycle(void **state)
{
	static const char *const strategies[] = {"sweepgen", "mark", "go"};
	struct gc_log_cycle c;

	(void)state;
	for (int i = 0; i < 3; i++) {
		struct fixture f = begin(strategies[i], NULL);

		garbage(&f, 3 << 20); /* below the trigger of an empty heap, 4 MB * 61/64 */
		assert_int_equal(gc_log_n_cycles(&f.gc->log), 0);
		garbage(&f, 2 << 20);
		wait_cycles(&f, 1);
		assert_true(gc_log_get(&f.gc->log, 1, &c));
		assert_int_equal(c.reason, GC_REASON_HEAP);
		assert_int_equal(c.trigger_bytes, 3997696);
		assert_true(c.heap_before_bytes >= c.trigger_bytes);
		end(&f);
	}
}

/* Who allocates past the trigger allocates no more until marking is on: a cycle begins within a span of it. */
static void test_nothing_is_allocated_before_the_start(void **state)
{
	static const char *const strategies[] = {"mark", "go"};
	struct gc_log_cycle c;

	(void)state;
	for (int i = 0; i < 2; i++) {
		struct fixture f = begin(strategies[i], NULL);
		uint64_t n;

		garbage(&f, 40 << 20);
		n = gc_log_n_cycles(&f.gc->log);
		assert_true(n >= 3);
		for (; n > 0; n--) {
			assert_true(gc_log_get(&f.gc->log, n, &c));
			assert_int_equal(c.reason, GC_REASON_HEAP);
			assert_in_range(c.heap_before_bytes, c.trigger_bytes,
					c.trigger_bytes + (32 << 10));
		}
		end(&f);
	}
}

/* A thread that never polls holds up neither the one that waits for a cycle's start nor memory's growth. */
static void test_a_start_is_given_up(void **state)
{
	struct fixture f = begin("go", "stop_limit=2ms");
	struct stuck s = {.r = f.r, .is_offline = false};
	struct reclaim_stats stats;
	pthread_t thread;

	(void)state;
	assert_int_equal(pthread_create(&thread, NULL, stuck_main, &s), 0);
	wait_for(&s.is_there);
	garbage(&f, 40 << 20);
	f.t->ops->stats(f.r, &stats);
	assert_int_equal(stats.n_cycles, 0);
	assert_true(stats.n_stalls > 0);
	store_release(&s.may_go, true);
	reclaim_offline(f.t);
	pthread_join(thread, NULL);
	reclaim_online(f.t);
	wait_cycles(&f, 1);
	end(&f);
}

/* flip=ragged: while the generation grows, a thread makes a span that still carries the one before, beyond the end
 * of the table as the flip saw it.  The pass over what caches held finds it. */
static void test_span_made_during_a_ragged_flip(void **state)
{
	struct reclaim *r = gc_test_create("sweepgen", "trigger=hand,flip=ragged");
	struct reclaim_thread *t = reclaim_register(r, ROLE_MUTATOR);
	struct gc *gc = gc_test_gc(r);
	struct heap_span *late = NULL;
	uint32_t n;

	(void)state;
	reclaim_ops(r)->collect(t);
	gc_sweep_finish(gc, reclaim_thread_state(t));
	n = heap_n_spans(gc->heap);
	gc_sweep_flip(gc, clock_ticks(&test_clock));
	while (heap_n_spans(gc->heap) == n || !late) {
		assert_non_null(reclaim_alloc(t, OBJ_VALUE, GC_TEST_VALUE_BYTES, false));
		late = heap_span_at(gc->heap, n);
	}
	heap_cache_flush(t->cache);
	/* As its maker, who had read the generation before the flip, would have left it. */
	store_relaxed(&late->sweepgen, load_relaxed(&gc->sweep.sweepgen) - 2);
	gc_sweep_set_final(gc);
	gc_sweep_finish(gc, reclaim_thread_state(t));
	assert_int_equal(load_relaxed(&late->sweepgen), load_relaxed(&gc->sweep.sweepgen));
	reclaim_unregister(t);
	reclaim_destroy(r);
}

static void test_gogc_off(void **state)
{
	struct fixture f = begin("mark", "gogc=off,period=1ms");

	(void)state;
	garbage(&f, 20 << 20);
	usleep(5000);
	assert_int_equal(gc_log_n_cycles(&f.gc->log), 0);
	collect(&f);
	assert_int_equal(gc_log_n_cycles(&f.gc->log), 1);
	end(&f);
}

static void test_period(void **state)
{
	struct fixture f = begin("sweepgen", "trigger=period,period=2ms");
	struct gc_log_cycle c;

	(void)state;
	wait_cycles(&f, 3);
	assert_true(gc_log_get(&f.gc->log, 2, &c));
	assert_int_equal(c.reason, GC_REASON_PERIOD);
	assert_true(c.interval_ns > 0);
	end(&f);
}

static void test_options(void **state)
{
	static const char *const refused[] = {
		"gogc=0",	 "gogc=-1",    "gogc=2M",	   "gogc=x",
		"period=0",	 "period=-1s", "stop_limit=0",	   "batch=0",
		"trigger=never", "procs=1M",   "scavenge_share=0", "nonsense=1",
	};
	char message[256];

	(void)state;
	for (size_t i = 0; i < sizeof(refused) / sizeof(refused[0]); i++) {
		const struct reclaim_config config = {
			.ops = reclaim_strategy_find("mark"),
			.options = refused[i],
			.clock = &test_clock,
		};
		struct reclaim *r = NULL;

		message[0] = 0;
		assert_int_not_equal(reclaim_create(&r, &config, message, sizeof(message)), 0);
		assert_true(strlen(message) > 10);
	}
}

/* ---------------------------------------------------------------- an evacuation that finds no memory */

struct undone {
	void *buckets[64]; /* taken back by evacuations of the operation under way */
	unsigned n;
	bool is_growth_ending;
};

/* In a plain map the end of a growth retires chains, and nothing else does but an evacuation that fails. */
static void undone_progress(void *ctx, uint64_t n_evacuated, uint64_t n_old)
{
	((struct undone *)ctx)->is_growth_ending = n_evacuated == n_old;
}
static void undone_growth_end(void *ctx, unsigned new_b)
{
	(void)new_b;
	((struct undone *)ctx)->is_growth_ending = false;
}
static void undone_retired(void *ctx, void *bucket)
{
	struct undone *u = ctx;

	if (u->is_growth_ending)
		return;
	assert_true(u->n < sizeof(u->buckets) / sizeof(u->buckets[0]));
	u->buckets[u->n++] = bucket;
}

/* Two chains, however many buckets: an evacuation copies a dozen overflow buckets into one place. */
static uint64_t hash_two_chains(uint64_t key, uint64_t seed)
{
	(void)seed;
	return (key & 1) | key << 56;
}

/* A marker may have reached what an evacuation takes back for want of memory: it must stay an object until a cycle
 * has found it dead.  Returns how many buckets were taken back when the k-th allocation failed. */
static unsigned run_undo(const char *strategy, uint64_t k)
{
	struct undone u = {.n = 0};
	const struct hmap_hooks hooks = {.ctx = &u,
					 .growth_progress = undone_progress,
					 .growth_end = undone_growth_end,
					 .bucket_retired = undone_retired};
	const struct hmap_config map = {
		.unlink = HMAP_UNLINK_EMPTY, .hash = hash_two_chains, .hooks = &hooks};
	struct fixture f = {.r = gc_test_create_failing(strategy, "trigger=hand", k)};
	char message[160] = "";
	unsigned n_undone = 0;
	uint64_t value;
	struct hmap *m;

	f.t = reclaim_register(f.r, ROLE_MUTATOR);
	assert_non_null(f.t);
	f.gc = gc_test_gc(f.r);
	assert_int_equal(hmap_create(&m, f.r, f.t, &map), 0);
	for (uint64_t key = 0; key < 120; key++) {
		u.n = 0;
		while (hmap_insert(m, f.t, key, key + 7) == HMAP_NO_MEMORY)
			;
		for (unsigned i = 0; i < u.n; i++)
			assert_true(is_object(&f, u.buckets[i]));
		n_undone += u.n;
	}
	assert_int_equal(hmap_validate(m, message, sizeof(message)), 0);
	for (uint64_t key = 0; key < 120; key++)
		assert_true(hmap_get(m, f.t, key, &value) && value == key + 7);
	for (int i = 0; i < 3; i++)
		collect(&f);
	hmap_destroy(m, f.t);
	end(&f);
	return n_undone;
}

static void test_no_memory_to_evacuate(void **state)
{
	static const char *const strategies[] = {"mark", "go"};

	(void)state;
	for (unsigned i = 0; i < 2; i++) {
		unsigned n = 0;

		for (uint64_t k = 20; k < 120; k++)
			n += run_undo(strategies[i], k);
		assert_true(n > 20);
	}
}

static void test_scavenge(void **state)
{
	struct fixture f = begin(
		"sweepgen", "trigger=hand,scavenge=on,scavenge_every=10us,scavenge_share=100%");
	struct heap_stats stats;

	(void)state;
	garbage(&f, 16 << 20);
	collect(&f);
	collect(&f); /* now little is in use, much is held */
	reclaim_offline(f.t);
	do {
		usleep(500);
		heap_stats(reclaim_heap(f.r), &stats);
	} while (stats.returned_bytes == 0);
	reclaim_online(f.t);
	end(&f);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_retired_are_freed),
		cmocka_unit_test(test_plain_map),
		cmocka_unit_test(test_complete),
		cmocka_unit_test(test_markers),
		cmocka_unit_test(test_markers_take_no_place),
		cmocka_unit_test(test_root_of_another_kind),
		cmocka_unit_test(test_false_retention),
		cmocka_unit_test(test_window_of_no_length),
		cmocka_unit_test(test_death_in_marking),
		cmocka_unit_test(test_thread_that_never_polls),
		cmocka_unit_test(test_thread_offline),
		cmocka_unit_test(test_growth_starts_a_cycle),
		cmocka_unit_test(test_nothing_is_allocated_before_the_start),
		cmocka_unit_test(test_a_start_is_given_up),
		cmocka_unit_test(test_span_made_during_a_ragged_flip),
		cmocka_unit_test(test_gogc_off),
		cmocka_unit_test(test_period),
		cmocka_unit_test(test_options),
		cmocka_unit_test(test_no_memory_to_evacuate),
		cmocka_unit_test(test_scavenge),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
