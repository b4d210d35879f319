/* SPDX-License-Identifier: MIT */
/* audit.h - watching every object's way from allocation to free, and naming what is wrong with it.
 *
 * A domain made with reclaim_config.audit keeps a shadow registry: for each address that ever was an object its
 * state, class, generation (how often it was handed out) and who did what to it when.  Freed objects are
 * poisoned and, where a strategy frees one by one, held back for a while (quarantine).  Faults are found
 *
 *   at once           by alloc, retire and free (wrong state), by readers that say what they hold, and, in
 *                     builds with RECLAIMBENCH_AUDIT, by every look-up at each bucket it steps on
 *   before a sweep    collectors that trace ask audit_before_sweep(): nothing reachable may lack its mark
 *   at checkpoints    audit_check(), while all is quiet: walks the roots and all objects
 *
 * Cost when off: nothing.  The registry is fed by a copy of the strategy's table (allocated, retire) and by the
 * heap's poisoning path, which are not there without it; what look-ups and handshakes check is compiled in by
 * RECLAIMBENCH_AUDIT (make SAN=audit), which also makes every domain an audited one.
 *
 * Threads: anything but audit_check() may be called by any registered thread at any time.
 */
#ifndef RECLAIMBENCH_AUDIT_H
#define RECLAIMBENCH_AUDIT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "heap.h"

struct reclaim;
struct reclaim_ops;
struct reclaim_thread;
struct audit;

enum audit_fault {
	AUDIT_ALLOC_IN_USE,	/* the heap handed out what is not free */
	AUDIT_RETIRE_UNKNOWN,	/* retired: not an object */
	AUDIT_RETIRE_FREED,	/* retired after it was freed */
	AUDIT_DOUBLE_RETIRE,	/* retired twice */
	AUDIT_FREE_UNKNOWN,	/* freed: not an object */
	AUDIT_FREE_NOT_RETIRED, /* freed by a strategy that was never told that it is dead */
	AUDIT_DOUBLE_FREE,	/* freed twice */
	AUDIT_FREE_HELD,	/* freed while a reader holds it inside its section */
	AUDIT_READ_FREED,	/* a reader reached freed memory */
	AUDIT_READ_REUSED,	/* what a reader stood on was freed and handed out again under it */
	AUDIT_READ_WRONG,	/* a reader got what is not its key's */
	AUDIT_KEY_MISSED,	/* a key that is in the map all the time was not found */
	AUDIT_WRITE_FREED,	/* written after it was freed */
	AUDIT_UNMARKED,		/* reachable, and the sweep would free it */
	AUDIT_SWEPT_TWICE,	/* two sweepers had one span */
	AUDIT_SPAN_STATE,	/* a span is in a state that excludes what is done to it */
	AUDIT_LEFT_OUT,		/* a handshake, or marking, left out a thread at work */
	AUDIT_REACHABLE_FREED,	/* a checkpoint reached freed memory */
	AUDIT_REACHABLE_RETIRED, /* a checkpoint reached what was retired */
	AUDIT_REACHABLE_TWICE,	 /* a checkpoint reached one object by two ways */
	AUDIT_LEAKED,		 /* neither reachable nor retired */
	AUDIT_LOST,		 /* retired, and not freed by a drain */
	AUDIT_NOT_FOUND,   /* dead for two whole cycles of a collector that traces, and not freed */
	AUDIT_MAP_INVALID, /* hmap_validate() found the map's structure broken */
	AUDIT_COUNTS,	   /* the domain's counters and the registry disagree */
	AUDIT_N_FAULTS,
};
/* "alloc_in_use", "retire_unknown", ...: as the enum, in small letters. */
extern const char *const audit_fault_names[AUDIT_N_FAULTS];
/* A sentence each. */
extern const char *const audit_fault_texts[AUDIT_N_FAULTS];

/* What the caller of reclaim_create() chooses to be done with a fault, on the thread that finds it, with locks of
 * map or strategy held perhaps: it must not call them.  `what` says which object, and its way so far.  When
 * it returns, the run goes on as well as it can: a wrong retire or free is dropped.  NULL: print and abort. */
typedef void audit_fault_fn(void *ctx, enum audit_fault fault, const char *what);

/* Faults so far; of one kind, or of all with AUDIT_N_FAULTS.  0 in a domain that is not audited. */
uint64_t audit_n_faults(const struct reclaim *r, enum audit_fault fault);
bool audit_is_on(const struct reclaim *r);
/* Somebody else has found one (a test's reader: AUDIT_READ_WRONG; a collector: AUDIT_SWEPT_TWICE, AUDIT_LEFT_OUT). */
void audit_report(struct reclaim *r, enum audit_fault fault, const void *object,
		  const char *detail);

/* A reader inside a section says that it holds `object` / does no longer.  The first returns what the second wants
 * to see again.  Nothing without audit. */
uint64_t audit_hold(struct reclaim *r, const void *object);
void audit_let_go(struct reclaim *r, const void *object, uint64_t generation);

/* A look-up steps on memory that must not be free: `address` may lie inside an object.  Returns its
 * generation for audit_same(), which the look-up calls before it steps off. */
uint64_t audit_see(struct reclaim *r, const void *address);
void audit_same(struct reclaim *r, const void *address, uint64_t generation);

#ifdef RECLAIMBENCH_AUDIT
#define AUDIT_BUILD true
#define AUDIT_SEE(r, address) audit_see((r), (address))
#define AUDIT_SAME(r, address, seen) audit_same((r), (address), (seen))
#else
#define AUDIT_BUILD false
#define AUDIT_SEE(r, address) ((void)(r), (void)(address), UINT64_C(0))
#define AUDIT_SAME(r, address, seen) ((void)(seen))
#endif

/* For collectors that trace, between the end of marking and the first free, the world stopped: every object that
 * is reachable from the roots must be kept. */
typedef bool audit_is_kept_fn(void *ctx, void *object);
void audit_before_sweep(struct reclaim *r, struct reclaim_thread *t, audit_is_kept_fn *is_kept,
			void *ctx);

enum {
	AUDIT_AFTER_DRAIN = 1, /* everything retired must have been freed */
	AUDIT_IMPRECISE =
		2, /* TRACES: the collector may keep neighbours of the living (bits=span) */
};
/* A checkpoint.  All is quiet: no other thread is inside an operation, background work is held
 * (reclaim_quiet_begin()) or idle; nothing is allocated that is neither published nor retired.  Validates every
 * map, then checks every object.  Returns the number of faults found here. */
uint64_t audit_check(struct reclaim *r, struct reclaim_thread *t, unsigned flags);

struct audit_counts {
	uint64_t n_checkpoints, n_walked; /* objects reached by checkpoints and before sweeps */
	uint64_t n_addresses;		  /* in the registry */
	uint64_t n_seen;		  /* objects that readers held */
	uint64_t registry_bytes;
};
void audit_counts(const struct reclaim *r, struct audit_counts *out);

#endif
