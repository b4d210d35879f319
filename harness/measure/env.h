/* SPDX-License-Identifier: MIT */
/* env.h - the environment record: what the machine, the kernel and the build were like, and which of it
 * harms measuring.  Nothing is ever tuned; suggestions are text.
 *
 * A file that is absent gives "unknown", not "ok": what cannot be told is warned of as well.
 *
 * One thread; a struct env is its caller's.
 */
#ifndef RECLAIMBENCH_ENV_H
#define RECLAIMBENCH_ENV_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

enum env_level { ENV_INFO, ENV_WARN, ENV_FAIL };
extern const char *const env_level_names[]; /* "info", "warn", "fail" */

struct env_fact {
	const char *key;   /* "cpu.governor" */
	const char *value; /* text; "unknown" when it cannot be told */
	enum env_level level;
	const char *reason;  /* why it is not info; "" else */
	const char *suggest; /* a command that would cure it; "" when there is none */
	bool is_stable;	     /* the same in every run on this machine: part of env_id() */
};

struct env;

/* Look around.  `root`: "" for this machine, or a folder with copies of /proc, /sys and /etc below it.
 * 0 or -ENOMEM.  Release with env_destroy(). */
int env_collect(struct env **out, const char *root) __attribute__((warn_unused_result));
void env_destroy(struct env *env);

/* 16 hex digits over the stable facts: equal for two runs on one machine, set up alike.  Valid until
 * env_destroy(). */
const char *env_id(const struct env *env);

size_t env_count(const struct env *env);
const struct env_fact *env_fact(const struct env *env, size_t i);
/* By key; NULL when there is none. */
const struct env_fact *env_find(const struct env *env, const char *key);
size_t env_count_level(const struct env *env, enum env_level level);

/* Add a fact of the run: seed, pinning, clock and its cost, steal time.  Not part of env_id().  The texts
 * are copied; `reason` may be NULL.  0 or -ENOMEM; a key that exists is replaced. */
int env_add(struct env *env, const char *key, const char *value, enum env_level level,
	    const char *reason) __attribute__((warn_unused_result));

/* Under --strict what is warned of is a failure. */
void env_make_strict(struct env *env);

/* Write env.json: whole or not at all (temporary file, fsync, rename).  0 or -errno. */
int env_write(const struct env *env, const char *path) __attribute__((warn_unused_result));
/* The same text to a stream. */
int env_print_json(const struct env *env, FILE *f) __attribute__((warn_unused_result));

/* ---------------------------------------------------------------- steal time */

/* CPU time of the whole machine as /proc/stat counts it; two make the share that was stolen between. */
struct env_cpu_times {
	bool is_known;
	uint64_t total_ticks;
	uint64_t steal_ticks;
	uint64_t idle_ticks; /* idle and iowait */
};
void env_cpu_times(const char *root, struct env_cpu_times *out);

/* Add "run.steal" to the record, a share of the time that was not idle: warn above 1 %, "unknown" where
 * /proc/stat is absent or no tick passed.  0 or -ENOMEM. */
int env_add_steal(struct env *env, const struct env_cpu_times *begin,
		  const struct env_cpu_times *end) __attribute__((warn_unused_result));

#endif
