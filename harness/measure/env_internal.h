/* SPDX-License-Identifier: MIT */
/* env_internal.h - a record being filled (env.c), and those who fill it. */
#ifndef RECLAIMBENCH_ENV_INTERNAL_H
#define RECLAIMBENCH_ENV_INTERNAL_H

#include "measure/env.h"

#define ENV_TEXT_BYTES 1024

struct env {
	const char *root;
	struct env_fact *facts; /* all texts owned */
	size_t n_facts;
	size_t capacity;
	bool is_out_of_memory; /* a fact is missing: env_collect() fails at its end */
	char id[17];
};

/* Text of a file below the root, first line or whole, without trailing blanks: true when there was any. */
bool env_read_line(const struct env *env, char *text, size_t size, const char *fmt, ...)
	__attribute__((format(printf, 4, 5)));
/* The value behind "key:" or "key=" in a file of such lines (first match). */
bool env_read_field(const struct env *env, const char *path, const char *key, char *text,
		    size_t size);

/* Add a fact; `reason` and `suggest` may be NULL. */
void env_put(struct env *env, bool is_stable, const char *key, const char *value,
	     enum env_level level, const char *reason, const char *suggest);
/* Plain information of the machine. */
void env_put_stable(struct env *env, const char *key, const char *value);
/* Could not be told, and it matters. */
void env_put_unknown(struct env *env, bool is_stable, const char *key);

void env_collect_cpu(struct env *env); /* env_cpu.c: model, topology, governor, turbo, SMT, ... */
void env_collect_system(struct env *env); /* env_system.c: kernel, memory, cgroup, load, ... */
void env_collect_build(struct env *env);  /* env_build.c: compiler, flags, commit, allocator */

#endif
