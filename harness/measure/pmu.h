/* SPDX-License-Identifier: MIT */
/* pmu.h - hardware and software counters of one thread, through libpfm4 and perf_event_open.
 *
 * A counter that cannot be had is a value with a state and a reason, never a zero: no function here
 * returns a bare number.
 *
 *	struct pmu_set		which events; made once, then read-only, any thread
 *	struct pmu_thread	their counters for one thread; opened by pmu_open(), read by its owner
 *	struct pmu_snapshot	raw readings at one moment; two make a delta
 *	struct pmu_value	what happened between, with its honesty
 *
 * Roles are the caller's: it adds the deltas of the threads of a role with pmu_add().  Counters do not
 * inherit, so a thread's events are its own.  They run from pmu_open() on; read them at stage boundaries
 * only (one read is a system call per group, some 1 us).
 */
#ifndef RECLAIMBENCH_PMU_H
#define RECLAIMBENCH_PMU_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <sys/types.h>

#define PMU_MAX_EVENTS 32
#define PMU_REASON_BYTES 112

struct perf_event_attr;
struct rusage;

/* In order of trust; the worst of two is the larger. */
enum pmu_state {
	PMU_OK,
	PMU_ESTIMATED,	   /* multiplexed: scaled by enabled / running */
	PMU_NOT_COUNTED,   /* opened, but never on a counter */
	PMU_NOT_AVAILABLE, /* cannot be opened or read here */
};
/* As the CSV's status: "ok", "estimated", "not_counted", "not_available". */
extern const char *const pmu_state_names[];

struct pmu_value {
	enum pmu_state state;
	double value;	     /* meaningful for OK and ESTIMATED only; 0 otherwise */
	uint64_t enabled_ns; /* time the thread ran with the event wanted ... */
	uint64_t running_ns; /* ... and really on a counter */
	int error;	     /* errno of what failed, or 0 */
	int group; /* from 1: counted in the same moments as others of it; -1: with no other; 0: not set */
	char reason
		[PMU_REASON_BYTES]; /* why it is not OK, or where the value comes from; "" if plain */
};

/* The system below, replaceable by tests.  All return 0 (open: a descriptor, read: a count of bytes) or
 * -errno. */
struct pmu_system {
	/* Fill *attr (size included) for an event's name, user mode only unless `want_kernel`.  *canonical: its
	 * full name, to be freed, or NULL.  -EINVAL with text in `message` when the name is unknown. */
	int (*encode)(void *ctx, const char *name, bool want_kernel, struct perf_event_attr *attr,
		      char **canonical, char *message, size_t message_size);
	int (*open)(void *ctx, struct perf_event_attr *attr, pid_t tid, int group_fd);
	int (*ioctl)(void *ctx, int fd, unsigned long request, void *arg);
	ssize_t (*read)(void *ctx, int fd, void *buffer, size_t size);
	int (*close)(void *ctx, int fd);
	int (*rusage)(void *ctx, struct rusage *out); /* of the calling thread */
	void *ctx;
};
extern const struct pmu_system pmu_kernel; /* libpfm4 and the kernel */

struct pmu_set;
struct pmu_thread;

/* Raw readings of all events of a set. */
struct pmu_snapshot {
	struct pmu_reading {
		uint64_t value;
		uint64_t enabled_ns;
		uint64_t running_ns;
		int error; /* this reading failed: errno */
	} readings[PMU_MAX_EVENTS];
};

/* Parse "cycles,instructions,context-switches" (names as `reclaimbench events` lists them).  An unknown
 * name is -EINVAL, too many -E2BIG; `message` then names it and says what would be right.  A known event
 * that this machine cannot count is no error.  `system` must outlive the set.  Not thread-safe (libpfm4);
 * release with pmu_set_destroy(). */
int pmu_set_create(struct pmu_set **out, const char *events, const struct pmu_system *system,
		   char *message, size_t message_size) __attribute__((warn_unused_result));
void pmu_set_destroy(struct pmu_set *set);
size_t pmu_set_count(const struct pmu_set *set);
const char *pmu_set_name(const struct pmu_set *set, size_t i);	    /* as the user wrote it */
const char *pmu_set_canonical(const struct pmu_set *set, size_t i); /* with unit and modifiers */

/* Open the set's counters for the thread `tid` (0: the calling one) and start them.  0, or -ENOMEM; events
 * that cannot be opened keep their reason.  Release with pmu_close(). */
int pmu_open(struct pmu_thread **out, const struct pmu_set *set, pid_t tid)
	__attribute__((warn_unused_result));
void pmu_close(struct pmu_thread *t);

/* Read all counters now.  By the thread they were opened for; with tid != 0 by any one thread (then events
 * that fall back to getrusage() are not available).  Cannot fail: errors are in the readings. */
void pmu_read(struct pmu_thread *t, struct pmu_snapshot *out);

/* What event `i` did between two snapshots of the same thread. */
struct pmu_value pmu_delta(const struct pmu_thread *t, size_t i, const struct pmu_snapshot *begin,
			   const struct pmu_snapshot *end);

/* Sum over threads of a role, from a zeroed `sum`: value and times add up, the state is the worst, its
 * reason is kept. */
void pmu_add(struct pmu_value *sum, const struct pmu_value *v);

/* numerator / denominator.  Not available unless both have values, and either share a group or were on
 * counters all the time. */
struct pmu_value pmu_ratio(const struct pmu_value *numerator, const struct pmu_value *denominator);

/* Visit the names that libpfm4 and this file know: the generic ones, or those of the detected processor too
 * (`all`).  Stops when `fn` returns non-zero and returns that.  Not thread-safe. */
int pmu_for_each_name(bool all, int (*fn)(void *ctx, const char *name), void *ctx);

/* What an errno of perf_event_open means, and what would help. */
const char *pmu_error_text(int error);

#endif
