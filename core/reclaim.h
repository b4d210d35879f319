/* SPDX-License-Identifier: MIT */
/* reclaim.h - the interface a reclamation strategy fills in, and the domain that runs one.
 *
 * A domain (struct reclaim) ties together one strategy, one heap, one clock and its threads.  Maps
 * belong to a domain.  Two domains with two strategies may live in one process: nothing is global.
 *
 * WHO MAY CALL WHAT.  A thread registers, gets a struct reclaim_thread, and hands it to every call; only
 * that thread uses it.  States of a registered thread:
 *
 *   online, outside a section   may enter; must call reclaim_poll() now and then (between operations)
 *   online, inside a section    between reclaim_enter() and reclaim_exit(): may hold references
 *   offline                     holds no reference and calls nothing; for waiting and sleeping
 *
 * THE ONE RULE.  A reference obtained from a shared structure inside a section is valid until the section
 * ends (strategies with NEEDS_PROTECT: while protected).  Deferred strategies without per-section work
 * extend it to the next reclaim_poll(); do not rely on that.
 *
 * AN OBJECT'S WAY: reclaim_alloc() -> published -> unlinked -> reclaim_retire() -> strategy ->
 * reclaim_free().  Retiring twice, or freeing what was not retired by a strategy, is a bug that the audit
 * finds.  Traced strategies (TRACES) are not told: reclaim_retire() only stamps for them, and they free
 * what they did not reach.
 */
#ifndef RECLAIMBENCH_RECLAIM_H
#define RECLAIMBENCH_RECLAIM_H

#include <pthread.h>
#include <stdio.h>

#include "acts.h"
#include "atomic.h"
#include "audit.h"
#include "clock.h"
#include "heap.h"
#include "life.h"

struct reclaim;
struct reclaim_thread;
struct gc_log;

/* ---------------------------------------------------------------- what a strategy is */

enum reclaim_flags {
	READER_LOCKS =
		1 << 0, /* frees in retire: the map must lock out readers and other writers */
	NEEDS_PROTECT =
		1 << 1, /* single pointers are protected: the map takes its protecting paths */
	NEEDS_QUIESCE =
		1
		<< 2, /* threads must call reclaim_poll() between operations, or nothing is freed */
	NEEDS_SECTION = 1 << 3, /* enter and exit do something; otherwise they are not called */
	BACKGROUND = 1 << 4,	/* owns a thread; its CPU time is charged to the role `collector` */
	TRACES = 1 << 5,	/* finds the dead by tracing from roots; retire is not passed on */
	NEEDS_BARRIER =
		1 << 6, /* ops->write_barrier must be called when a reference is overwritten */
	COLLECTS_GARBAGE =
		1 << 7, /* garbage is left to the collector; otherwise it is freed at once */
	STALL_UNBOUNDED = 1 << 8,  /* one stalled thread holds back all memory */
	NEVER_FREES = 1 << 9,	   /* leak */
	SAFE_HIDDEN = 1 << 10,	   /* the library does not tell when an object became safe */
	NEEDS_SPAN_HEAP = 1 << 11, /* needs the bits that spans have: alloc=malloc is refused */
};

enum reclaim_option_type { OPT_COUNT, OPT_BYTES, OPT_TIME_NS, OPT_FRACTION, OPT_CHOICE, OPT_BOOL };
struct reclaim_option {
	const char *name;
	enum reclaim_option_type type;
	const char *unit;  /* "percent", "objects", "ns"; "" for choices */
	const char *deflt; /* as the user would write it */
	const char *
		choices; /* OPT_CHOICE: "header|side|span"; numbers: a word that is taken too, e.g. "off",
				and stored as UINT64_MAX; or NULL */
	double min, max; /* of numbers, inclusive */
	size_t offset;	 /* where in the strategy's state: uint64_t, double (OPT_FRACTION), unsigned
				(OPT_CHOICE: position; OPT_BOOL: 0 or 1) */
	const char *help;
};

struct reclaim_stats {
	uint64_t n_cycles; /* grace periods, epochs, scans or collection cycles completed */
	uint64_t
		n_pending; /* retired to the strategy and not freed, counted by the strategy itself */
	uint64_t n_stalls; /* stops or grace periods given up at a limit */
	uint32_t
		stalled_by; /* with n_stalls: the thread (its index) that did not come to the last one */
	uint64_t pause_ns_max; /* longest time a thread was held at a safepoint; 0: none */
};

/* Called for every pointer a root or an object holds.  `slot_object` is an object of the domain's heap or
 * NULL. */
typedef void reclaim_trace_fn(void *ctx, void *object);

/* A root: something that holds references, e.g. a map.  trace() runs concurrently with everything (see
 * hmap.h: hmap_trace) and calls visit for each object the root points to. */
struct reclaim_root {
	/* kinds of what the tracer finds are told by heap_class() */
	void (*trace)(struct reclaim_root *root, struct reclaim_thread *t, reclaim_trace_fn *visit,
		      void *ctx);
	struct reclaim_root *next, **link; /* reclaim.c's */
};

struct reclaim_ops {
	const char *name;
	const char *summary; /* one line for `list` */
	const char
		*source; /* paper and section, or file and version; deviations in the file's head */
	uint32_t flags;
	size_t node_bytes;   /* side node per object (heap_node()); 0: none */
	size_t state_bytes;  /* zeroed before options are set and init runs: reclaim_state() */
	size_t thread_bytes; /* zeroed at registration: reclaim_thread_state() */
	const struct reclaim_option *options;
	size_t n_options;
	unsigned
		max_threads; /* more than this at once is refused by reclaim_create(); 0: no limit of its own */
	unsigned n_slots; /* NEEDS_PROTECT: protection slots per thread, at least HMAP_N_SLOTS */

	/* Required.  0 or -errno; may allocate and start threads. */
	int (*init)(struct reclaim *r);
	/* Optional: how many threads init will register, with the options as they are set, beyond one.  They come on
	 * top of max_threads. */
	unsigned (*n_helpers)(const struct reclaim *r);
	/* Optional: the flags that hold with the options as they are set, a subset of `flags`. */
	uint32_t (*flags_in_use)(const struct reclaim *r);
	/* Required.  No thread is registered, drain has run.  Undoes a half-done init too. */
	void (*fini)(struct reclaim *r);
	/* Required.  On the thread itself.  May allocate and block; 0 or -errno. */
	int (*thread_register)(struct reclaim_thread *t);
	/* Required.  On the thread itself, offline or outside a section.  What it retired is handed over, not
	 * dropped.  May block. */
	void (*thread_unregister)(struct reclaim_thread *t);
	/* Required when threads may wait (all): outside a section.  Must not block (offline); may block
	 * while the world is stopped (online). */
	void (*offline)(struct reclaim_thread *t);
	void (*online)(struct reclaim_thread *t);
	/* NEEDS_SECTION: must not block or allocate.  Not nested. */
	void (*enter)(struct reclaim_thread *t);
	void (*exit)(struct reclaim_thread *t);
	/* NEEDS_PROTECT: publish `object` in `slot` (seq_cst before the caller's next load); the caller then
	 * reads the source again and retries when it changed.  NULL clears. */
	void (*protect)(struct reclaim_thread *t, unsigned slot, void *object);
	/* Optional: after each allocation (birth epochs, allocation black). */
	void (*allocated)(struct reclaim_thread *t, void *object, enum obj_class class,
			  size_t bytes);
	/* Required unless TRACES: the object is unlinked.  Must not allocate, must not fail. Any online
	 * thread.  Ends in reclaim_free() once, later. */
	void (*retire)(struct reclaim_thread *t, void *object);
	/* NEEDS_BARRIER: before a reference slot changes from old to new (either may be NULL). */
	void (*write_barrier)(struct reclaim_thread *t, void *old_object, void *new_object);
	/* Optional: between operations, outside a section: safepoint, quiescent state, deferred work.  May
	 * block while the world is stopped. */
	void (*poll)(struct reclaim_thread *t);
	/* Required: free everything that is retired.  Caller: an online registered thread outside a section, all
	 * others offline or unregistered; may block.  NEVER_FREES: does nothing. */
	void (*drain)(struct reclaim_thread *t);
	/* Required; any thread; approximate unless quiet. */
	void (*stats)(struct reclaim *r, struct reclaim_stats *out);
	/* Optional: when a retired, unfreed object was proved safe (ticks); 0: not yet.  Quiet only.  Absent
	 * without SAFE_HIDDEN: an object is freed as soon as it is safe. */
	uint64_t (*safe_ticks)(struct reclaim *r, void *object, const struct heap_stamps *stamps);
	/* Optional: a cycle by hand (start and finish one); any online thread outside a section; may block. */
	void (*collect)(struct reclaim_thread *t);
	/* Optional: the log of collection cycles (strategies/gc/gc_log.h: moments of marking, flip and sweep of
	 * each).  Valid until reclaim_destroy(). */
	const struct gc_log *(*gc_log)(struct reclaim *r);
	/* Optional, debug: print one line on who holds back memory (inspect --why). */
	void (*explain)(struct reclaim *r, FILE *out);
};

/* 0, or -EINVAL with a message on stderr-like buffer: required members present, flags consistent. */
int reclaim_ops_check(const struct reclaim_ops *ops, char *message, size_t message_size);

/* ---------------------------------------------------------------- a domain */

enum reclaim_role { ROLE_MUTATOR, ROLE_READER, ROLE_COLLECTOR, ROLE_SAMPLER, ROLE_N };
extern const char *const reclaim_role_names[ROLE_N];

/* Registered at once, a collector included; the helpers that a strategy starts come on top. */
#define RECLAIM_MAX_THREADS 4096u

struct reclaim_config {
	const struct reclaim_ops *ops;
	const char *options;	 /* "gogc=50,batch=64", or NULL */
	struct heap_config heap; /* node_bytes and stamps are filled in by reclaim_create() */
	const struct clock *clock;
	unsigned
		max_threads; /* registered at once, one collector included; 0: 64, or the strategy's limit
				     where that is less; at most RECLAIM_MAX_THREADS */
	bool tracking;	     /* stamps and life recorders */
	uint32_t sample_1_in;	  /* stamp one retire in N; 0 or 1: every one */
	bool audit;		  /* shadow registry, poison, quarantine (audit.h) */
	audit_fault_fn *on_fault; /* audit: what to do with a fault; NULL: print it and abort */
	void *fault_ctx;
};

/* Per class; one writer, its thread; see counter_add(). */
struct reclaim_counters {
	_Atomic(uint64_t) n_allocated, n_retired, n_freed;
	_Atomic(uint64_t) allocated_bytes, retired_bytes, freed_bytes;
	/* Of those, the ones that were stamped (all of them unless sampled; never garbage). */
	_Atomic(uint64_t) n_stamped_retired, n_stamped_freed;
	_Atomic(uint64_t) stamped_retired_bytes, stamped_freed_bytes;
	/* The limbo gauge's integral over a stage, from counts and event times alone, without looking at any
	 * object's stored stamps: sums, over the stamped objects, of (event time - stage begin).  With g0
	 * objects in limbo at the begin, n_r retired and n_f freed in a stage of T ticks the integral is
	 * g0*T + (n_r*T - retire_ticks_sum) - (n_f*T - free_ticks_sum).  Little's law compares. */
	struct counter_wide retire_ticks_sum, free_ticks_sum;		/* object x ticks */
	struct counter_wide retire_byte_ticks_sum, free_byte_ticks_sum; /* byte x ticks */
};

struct reclaim_thread {
	struct reclaim *r;
	const struct reclaim_ops *ops;
	uint32_t
		flags; /* reclaim_flags(); without TRACES where an audit wants to be told of retires */
	uint32_t index; /* 0 .. max_threads-1; reused after unregister */
	enum reclaim_role role;
	bool is_registered, is_visible; /* reclaim.c's, under the registry lock */
	bool is_online;
	bool tracking;
	struct heap_cache *cache;
	const struct clock *clock;
	uint32_t sample_left; /* retires until the next stamped one */
	uint64_t stage_begin_ticks;
	void *state;			       /* thread_bytes */
	_Atomic(uint64_t) *registration_epoch; /* the domain's */
	/* Set by the strategy in thread_register when its poll has nothing to do while this word is 0; NULL: poll is
	 * always called.  Saves the call, a tenth of a get. */
	_Atomic(uint32_t) *poll_flags;
	void *map_lock; /* READER_LOCKS: the stripe this thread holds (hmap.c) */
	/* NULL: nobody watches what this thread does for its strategy.  Set by whoever watches, at any time; the ring must
	 * outlive the domain, for the record of a thread that left keeps it. */
	_Atomic(struct acts *) acts;
	struct life_recorder life;
	struct reclaim_counters counters[OBJ_N_CLASSES];
} __attribute__((aligned(PADDING_BYTES)));

/* What reclaim_create() would refuse whatever the machine: heap, threads, and the strategy's options.  0 or -errno
 * with a message; nothing is made. */
int reclaim_check(const struct reclaim_config *config, char *message, size_t message_size)
	__attribute__((warn_unused_result));
/* Create.  0 or -errno; on error `message` says what was wrong and what would be right (unknown option,
 * out-of-range value with its unit, alloc=malloc refused).  The clock must outlive the domain. */
int reclaim_create(struct reclaim **out, const struct reclaim_config *config, char *message,
		   size_t message_size) __attribute__((warn_unused_result));
/* All threads unregistered, all maps destroyed.  Frees everything. */
void reclaim_destroy(struct reclaim *r);

const struct reclaim_ops *reclaim_ops(const struct reclaim *r);
/* The strategy's flags, as its options leave them. */
uint32_t reclaim_flags(const struct reclaim *r);
struct heap *reclaim_heap(const struct reclaim *r);
const struct clock *reclaim_clock(const struct reclaim *r);
void *reclaim_state(const struct reclaim *r);
static inline void *reclaim_thread_state(const struct reclaim_thread *t)
{
	return t->state;
}
const struct reclaim_config *reclaim_config(const struct reclaim *r);

/* Register the calling thread; NULL with errno = ENOMEM, or EAGAIN when max_threads are registered.  The
 * thread is online.  Its record is reused by a later thread: nothing leaks however often threads come and
 * go; its counters stay in the domain's sums. */
struct reclaim_thread *reclaim_register(struct reclaim *r, enum reclaim_role role);
void reclaim_unregister(struct reclaim_thread *t);
unsigned reclaim_n_mutators(const struct reclaim *r); /* registered MUTATOR and READER threads */

/* Visit registered threads (under the registry lock; no registering inside). */
void reclaim_for_each_thread(struct reclaim *r, void (*fn)(void *ctx, struct reclaim_thread *t),
			     void *ctx);

void reclaim_offline(struct reclaim_thread *t);
void reclaim_online(struct reclaim_thread *t);

static inline void reclaim_enter(struct reclaim_thread *t)
{
	if (t->flags & NEEDS_SECTION)
		t->ops->enter(t);
}
/* Also releases the stripe a READER_LOCKS get holds. */
void reclaim_release_map_lock(struct reclaim_thread *t);
static inline void reclaim_exit(struct reclaim_thread *t)
{
	if (t->flags & NEEDS_SECTION)
		t->ops->exit(t);
	if (unlikely(t->map_lock != NULL))
		reclaim_release_map_lock(t);
}
static inline void reclaim_poll(struct reclaim_thread *t)
{
	/* acquire: pairs with whoever lets the world go on, in the strategy; the call is for when it wants one. */
	if (t->poll_flags && likely(!load_acquire(t->poll_flags)))
		return;
	t->ops->poll(t);
}

/* For strategies, on the thread itself: an act begins - its moment, 0 when nobody watches - and has ended.  `name` lives
 * as long as the program. */
static inline uint64_t reclaim_act_begin(const struct reclaim_thread *t)
{
	/* relaxed: reclaim_act_end() looks again */
	return load_relaxed(&t->acts) ? clock_ticks(t->clock) : 0;
}
static inline void reclaim_act_end(struct reclaim_thread *t, const char *name, uint64_t begin_ticks)
{
	struct acts *acts = load_acquire(&t->acts); /* pairs with whoever watches */

	if (acts && begin_ticks)
		acts_write(acts, name, begin_ticks, clock_ticks(t->clock));
}

/* Allocate an object; NULL when exhausted.  Counted per class.  See heap_alloc(). */
void *reclaim_alloc(struct reclaim_thread *t, enum obj_class class, size_t bytes, bool zero);
/* Undo an allocation nobody else has seen. */
void reclaim_unalloc(struct reclaim_thread *t, void *object);

/* An object has been unlinked by this thread.  Stamps it (retired = now; dead = now unless stamped before;
 * `is_growing` tags the table state), counts it, passes it to the strategy unless TRACES. */
void reclaim_retire(struct reclaim_thread *t, void *object, bool is_growing);
/* An object died but is not unlinked yet (ghost begins) / came to life again before it was retired. */
void reclaim_stamp_dead(struct reclaim_thread *t, void *object, bool is_growing);
void reclaim_stamp_revived(struct reclaim_thread *t, void *object);

/* For strategies: the object is unreachable and becomes reusable now.  Records the lifetime, counts, frees.
 * `safe_ticks`: see life.h; `now_ticks`: one clock read for many.  Any registered thread.  An object that
 * carries no retired stamp (never retired: traced strategies find such too, or not sampled) is counted but
 * has no lifetime. */
void reclaim_free(struct reclaim_thread *t, void *object, uint64_t safe_ticks, uint64_t now_ticks);
/* The same for many at one time: what they have in common is counted once, at the end (and when the class changes).
 * Begin with {0}. */
struct reclaim_freed {
	enum obj_class class;
	uint64_t n, bytes;
	uint64_t n_stamped, stamped_bytes; /* of those, with stamps */
};
void reclaim_free_one(struct reclaim_thread *t, struct reclaim_freed *f, void *object,
		      uint64_t safe_ticks, uint64_t now_ticks);
void reclaim_free_end(struct reclaim_thread *t, struct reclaim_freed *f, uint64_t now_ticks);
/* The bookkeeping alone, without heap_free(), of all objects of a span (heap_span.h) whose bit is set in `dead`: for
 * collectors that free them in bulk by heap_span_free_bits(), which zeroes their stamps too.  How many they are. */
uint64_t reclaim_account_free_span(struct reclaim_thread *t, const struct heap_span *s,
				   const uint64_t *dead, uint64_t safe_ticks, uint64_t now_ticks);

/* What belongs to a bucket array and dies with it, beside the array: when each old bucket died (was
 * evacuated), which gives the class `evacuated bucket`, and what the map keeps.  The domain owns it from
 * reclaim_attach() on and frees it when the array is freed (after `release`).  At most one per object. */
struct reclaim_attachment {
	void *object;
	uint64_t n_deaths;
	_Atomic(uint64_t) *
		death_ticks; /* n_deaths, 0: not dead; malloc'ed, or NULL; bit 0 as in heap_stamps */
	void *data;	     /* malloc'ed, or NULL; freed too */
	enum obj_class
		record_as; /* OBJ_ARRAY, or OBJ_MAP once its map was dropped: the class of its
					   lifetime; counts stay with OBJ_ARRAY */
	struct reclaim_attachment *next; /* reclaim.c's */
};
/* `a` is malloc'ed by the caller and filled in.  Cannot fail. */
void reclaim_attach(struct reclaim *r, struct reclaim_attachment *a);
/* The map this array belongs to is dropped: record its lifetime as OBJ_MAP. */
void reclaim_attachment_is_map(struct reclaim *r, void *object);

/* 1: the calling thread, a mutator or reader, is the only one registered; the registry stays locked, so that
 * nobody else can register, until reclaim_alone_end(): meanwhile nothing may be allocated or retired, for the
 * strategy may want the registry.  0: it is not.  -EBUSY: not known now, ask again. */
int reclaim_alone_begin(struct reclaim_thread *t);
void reclaim_alone_end(struct reclaim_thread *t);
/* Changes whenever a mutator or reader registers or unregisters.  One relaxed load. */
static inline uint64_t reclaim_registration_epoch(const struct reclaim_thread *t)
{
	/* acquire: pairs with the release in reclaim_register() and reclaim_unregister(), so that what a
	 * thread that left had counted is seen. */
	return load_acquire(t->registration_epoch);
}

/* Garbage as a server makes it: allocated, touched (one word per cache line is not written; the first word
 * is), and dropped at once.  COLLECTS_GARBAGE strategies leave it to the collector, others free it. */
void reclaim_garbage(struct reclaim_thread *t, size_t bytes);

/* Roots for traced strategies.  Any thread; takes the roots lock. */
void reclaim_root_add(struct reclaim *r, struct reclaim_root *root);
void reclaim_root_remove(struct reclaim *r, struct reclaim_root *root);
/* Trace all roots under the roots lock. */
void reclaim_trace_roots(struct reclaim *r, struct reclaim_thread *t, reclaim_trace_fn *visit,
			 void *ctx);

/* Visit the roots themselves, under the roots lock. */
void reclaim_for_each_root(struct reclaim *r, void (*fn)(void *ctx, struct reclaim_root *root),
			   void *ctx);

/* BACKGROUND threads and library callbacks do their freeing between these two, so that a snapshot at a
 * stage's end can hold them still.  Not nested; short; may block while a snapshot is taken. */
void reclaim_work_begin(struct reclaim *r);
void reclaim_work_end(struct reclaim *r);
/* Hold background work still / let it go on.  The caller sees every count and stamp written before. */
void reclaim_quiet_begin(struct reclaim *r);
void reclaim_quiet_end(struct reclaim *r);

/* Sum of all threads' counters, past threads included.  Exact while quiet. */
struct reclaim_totals {
	uint64_t n_allocated[OBJ_N_CLASSES], n_retired[OBJ_N_CLASSES], n_freed[OBJ_N_CLASSES];
	uint64_t allocated_bytes[OBJ_N_CLASSES], retired_bytes[OBJ_N_CLASSES],
		freed_bytes[OBJ_N_CLASSES];
	uint64_t n_stamped_retired[OBJ_N_CLASSES], n_stamped_freed[OBJ_N_CLASSES];
	uint64_t stamped_retired_bytes[OBJ_N_CLASSES], stamped_freed_bytes[OBJ_N_CLASSES];
	/* Only while quiet. */
	__int128 retire_ticks_sum[OBJ_N_CLASSES], free_ticks_sum[OBJ_N_CLASSES];
	__int128 retire_byte_ticks_sum[OBJ_N_CLASSES], free_byte_ticks_sum[OBJ_N_CLASSES];
};
void reclaim_totals(struct reclaim *r, struct reclaim_totals *out);

/* A stage begins: all recorders forget, tick sums restart at zero relative to now.  Quiet only. */
void reclaim_stage_begin(struct reclaim *r, uint64_t now_ticks);
/* A stage ends: merge all threads' recorders into `out` (initialised by the caller) and add the survivors
 * (every object with stamps that is not freed).  Quiet only. */
void reclaim_stage_end(struct reclaim *r, uint64_t now_ticks, struct life_recorder *out);

#endif
