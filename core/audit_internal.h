/* SPDX-License-Identifier: MIT */
/* audit_internal.h - the registry, for audit*.c and reclaim.c only. */
#ifndef RECLAIMBENCH_AUDIT_INTERNAL_H
#define RECLAIMBENCH_AUDIT_INTERNAL_H

#include "audit.h"
#include "reclaim.h"

/* Chains of some ten at a million addresses. */
#define AUDIT_N_CHAINS (UINT32_C(1) << 16)
#ifdef RECLAIMBENCH_SCHEDULED
/* Who waits for whom must not depend on addresses: an input always does the same. */
#define AUDIT_N_SHARDS 1u
#else
#define AUDIT_N_SHARDS 64u
#endif
/* Freed objects each thread holds back, where it frees them one by one. */
#define AUDIT_QUARANTINE 256u

enum audit_state { AUDIT_FREED, AUDIT_ALLOCATED, AUDIT_RETIRED, AUDIT_N_STATES };

/* One address.  Never removed; what changes is atomic. */
struct audit_object {
	struct audit_object *next; /* constant once published */
	void *address;
	_Atomic(uint64_t) word;	      /* generation << 2 | state */
	_Atomic(uint32_t) n_held;     /* readers that say so */
	_Atomic(uint32_t) walk;	      /* the last walk that reached it */
	_Atomic(uint32_t) stale_walk; /* ... that met it in a stale cell */
	_Atomic(uint64_t) bytes;
	_Atomic(uint32_t) class;
	_Atomic(uint32_t) retire_cycle; /* n_sweeps when retired, or last met in a stale cell */
	_Atomic(uint64_t) events[AUDIT_N_STATES]; /* thread << 48 | sequence number, by new state */
};

struct audit_shard {
	pthread_mutex_t lock; /* adding to one of its chains */
} __attribute__((aligned(64)));

struct audit {
	struct reclaim *r;
	struct heap *heap; /* set once, before any object */
	audit_fault_fn *on_fault;
	void *fault_ctx;
	struct heap_audit heap_audit;
	_Atomic(struct audit_object *) *chains; /* [AUDIT_N_CHAINS] */
	struct audit_shard shards[AUDIT_N_SHARDS];
	_Atomic(uint64_t) n_faults[AUDIT_N_FAULTS];
	_Atomic(uint64_t) sequence, n_addresses, n_seen, n_walked, n_checkpoints;
	_Atomic(uint32_t) walk;
	_Atomic(uint32_t) n_sweeps; /* times that audit_before_sweep() was called */
};

static inline enum audit_state audit_word_state(uint64_t word)
{
	return (enum audit_state)(word & 3);
}
static inline uint64_t audit_word_generation(uint64_t word)
{
	return word >> 2;
}

/* NULL: out of memory.  Released by audit_destroy(). */
struct audit *audit_create(struct reclaim *r, audit_fault_fn *on_fault, void *ctx);
void audit_destroy(struct audit *a);
/* The strategy's table with `allocated` and `retire` going through the audit. */
void audit_wrap_ops(struct reclaim_ops *out, const struct reclaim_ops *ops);
/* An allocation is undone: no retire is due. */
void audit_unalloc(struct audit *a, uint32_t thread, void *object);
/* The registry's entry, or NULL. */
struct audit_object *audit_find(const struct audit *a, const void *object);
void audit_fault_at(struct audit *a, enum audit_fault fault, const void *address,
		    const char *detail);

#endif
