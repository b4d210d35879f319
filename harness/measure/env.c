/* SPDX-License-Identifier: MIT */
/* env.c - the record itself: facts, their identity, env.json, steal time. */
#include <errno.h>
#include <inttypes.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <jansson.h>
#include <xxhash.h>

#include "build_info.h"
#include "measure/env_internal.h"

const char *const env_level_names[] = {"info", "warn", "fail"};

/* ---------------------------------------------------------------- files */

bool env_read_line(const struct env *env, char *text, size_t size, const char *fmt, ...)
{
	char path[512];
	size_t n;
	FILE *f;
	va_list ap;

	n = (size_t)snprintf(path, sizeof(path), "%s", env->root);
	if (n >= sizeof(path))
		return false;
	va_start(ap, fmt);
	vsnprintf(path + n, sizeof(path) - n, fmt, ap);
	va_end(ap);
	f = fopen(path, "re");
	if (!f)
		return false;
	n = fread(text, 1, size - 1, f);
	fclose(f);
	text[n] = '\0';
	text[strcspn(text, "\n")] = '\0';
	n = strlen(text);
	while (n > 0 && (text[n - 1] == ' ' || text[n - 1] == '\t'))
		text[--n] = '\0';
	return n > 0;
}

/* "key<blanks>: value" or "key=value", in `line`. */
static const char *env_match_field(const char *line, const char *key)
{
	size_t length = strlen(key);

	if (strncmp(line, key, length) != 0)
		return NULL;
	line += length;
	line += strspn(line, " \t");
	if (*line != ':' && *line != '=')
		return NULL;
	line++;
	return line + strspn(line, " \t\"");
}

bool env_read_field(const struct env *env, const char *path, const char *key, char *text,
		    size_t size)
{
	char full[512];
	char *line = NULL;
	size_t capacity = 0;
	bool is_found = false;
	FILE *f;

	snprintf(full, sizeof(full), "%s%s", env->root, path);
	f = fopen(full, "re");
	if (!f)
		return false;
	while (!is_found && getline(&line, &capacity, f) > 0) {
		const char *value = env_match_field(line, key);

		if (!value)
			continue;
		is_found = true;
		snprintf(text, size, "%.*s", (int)strcspn(value, "\"\n"), value);
	}
	free(line);
	fclose(f);
	return is_found && *text;
}

/* ---------------------------------------------------------------- facts */

static void env_fact_free(struct env_fact *fact)
{
	free((char *)fact->key);
	free((char *)fact->value);
	free((char *)fact->reason);
	free((char *)fact->suggest);
}

/* A place for `key`: the old one emptied, or a new one at the end; NULL without memory. */
static struct env_fact *env_place(struct env *env, const char *key)
{
	for (size_t i = 0; i < env->n_facts; i++) {
		if (strcmp(env->facts[i].key, key) == 0) {
			env_fact_free(&env->facts[i]);
			return &env->facts[i];
		}
	}
	if (env->n_facts == env->capacity) {
		size_t capacity = env->capacity ? 2 * env->capacity : 64;
		struct env_fact *facts = realloc(env->facts, capacity * sizeof(*facts));

		if (!facts)
			return NULL;
		env->facts = facts;
		env->capacity = capacity;
	}
	return &env->facts[env->n_facts++];
}

void env_put(struct env *env, bool is_stable, const char *key, const char *value,
	     enum env_level level, const char *reason, const char *suggest)
{
	struct env_fact fact = {
		.key = strdup(key), /* released by env_fact_free() */
		.value = strdup(value),
		.reason = strdup(reason ? reason : ""),
		.suggest = strdup(suggest ? suggest : ""),
		.level = level,
		.is_stable = is_stable,
	};
	struct env_fact *place = NULL;

	if (fact.key && fact.value && fact.reason && fact.suggest)
		place = env_place(env, key);
	if (place) {
		*place = fact;
	} else {
		env_fact_free(&fact);
		env->is_out_of_memory = true;
	}
}

void env_put_stable(struct env *env, const char *key, const char *value)
{
	env_put(env, true, key, value, ENV_INFO, NULL, NULL);
}

void env_put_unknown(struct env *env, bool is_stable, const char *key)
{
	env_put(env, is_stable, key, "unknown", ENV_WARN,
		"cannot be told here, so it may be anything", NULL);
}

int env_add(struct env *env, const char *key, const char *value, enum env_level level,
	    const char *reason)
{
	env_put(env, false, key, value, level, reason, NULL);
	return env->is_out_of_memory ? -ENOMEM : 0;
}

static void env_make_id(struct env *env)
{
	XXH64_hash_t hash = 0;

	for (size_t i = 0; i < env->n_facts; i++) {
		const struct env_fact *fact = &env->facts[i];

		if (!fact->is_stable)
			continue;
		/* The terminating zeros keep "ab" "c" from being "a" "bc". */
		hash = XXH64(fact->key, strlen(fact->key) + 1, hash);
		hash = XXH64(fact->value, strlen(fact->value) + 1, hash);
	}
	snprintf(env->id, sizeof(env->id), "%016" PRIx64, (uint64_t)hash);
}

int env_collect(struct env **out, const char *root)
{
	struct env *env = calloc(1, sizeof(*env)); /* released by env_destroy() */

	if (!env)
		return -ENOMEM;
	env->root = root;
	env_collect_cpu(env);
	env_collect_system(env);
	env_collect_build(env);
	env_make_id(env);
	if (env->is_out_of_memory) {
		env_destroy(env);
		return -ENOMEM;
	}
	*out = env;
	return 0;
}

void env_destroy(struct env *env)
{
	if (!env)
		return;
	for (size_t i = 0; i < env->n_facts; i++)
		env_fact_free(&env->facts[i]);
	free(env->facts);
	free(env);
}

const char *env_id(const struct env *env)
{
	return env->id;
}

size_t env_count(const struct env *env)
{
	return env->n_facts;
}

const struct env_fact *env_fact(const struct env *env, size_t i)
{
	return &env->facts[i];
}

const struct env_fact *env_find(const struct env *env, const char *key)
{
	for (size_t i = 0; i < env->n_facts; i++) {
		if (strcmp(env->facts[i].key, key) == 0)
			return &env->facts[i];
	}
	return NULL;
}

size_t env_count_level(const struct env *env, enum env_level level)
{
	size_t n = 0;

	for (size_t i = 0; i < env->n_facts; i++)
		n += env->facts[i].level == level;
	return n;
}

void env_make_strict(struct env *env)
{
	for (size_t i = 0; i < env->n_facts; i++) {
		if (env->facts[i].level == ENV_WARN)
			env->facts[i].level = ENV_FAIL;
	}
}

/* ---------------------------------------------------------------- env.json */

/* {"schema", "env_id", "build_id", "facts": {key: value}, "stable": [key],
 *  "warnings": [{"key", "level", "reason", "suggest"}]}.  The caller releases it; NULL without memory. */
static json_t *env_to_json(const struct env *env)
{
	json_t *facts = json_object();
	json_t *stable = json_array();
	json_t *warnings = json_array();

	for (size_t i = 0; i < env->n_facts; i++) {
		const struct env_fact *fact = &env->facts[i];
		/* Files may hold anything; what is not UTF-8 is left out rather than the record torn. */
		json_t *value = json_string(fact->value);

		json_object_set_new(facts, fact->key, value ? value : json_string("unknown"));
		if (fact->is_stable)
			json_array_append_new(stable, json_string(fact->key));
		if (fact->level != ENV_INFO)
			json_array_append_new(
				warnings, json_pack("{s:s, s:s, s:s, s:s}", "key", fact->key,
						    "level", env_level_names[fact->level], "reason",
						    fact->reason, "suggest", fact->suggest));
	}
	return json_pack("{s:i, s:s, s:s, s:o, s:o, s:o}", "schema", 1, "env_id", env->id,
			 "build_id", build_info()->build_id, "facts", facts, "stable", stable,
			 "warnings", warnings);
}

int env_print_json(const struct env *env, FILE *f)
{
	json_t *json = env_to_json(env);
	int err = -ENOMEM;

	if (json) {
		errno = 0;
		err = json_dumpf(json, f, JSON_INDENT(2)) == 0 && fputc('\n', f) != EOF &&
				      fflush(f) == 0
			      ? 0
			      : -(errno ? errno : EIO);
	}
	json_decref(json);
	return err;
}

/* Print to a path as it is; for a new file, and for devices and pipes, which must not be replaced. */
static int env_write_to(const struct env *env, const char *path)
{
	FILE *f = fopen(path, "we");
	int err;

	if (!f)
		return -errno;
	err = env_print_json(env, f);
	if (!err && fsync(fileno(f)) != 0 && errno != EINVAL && errno != EROFS)
		err = -errno;
	if (fclose(f) != 0 && !err)
		err = -errno;
	return err;
}

int env_write(const struct env *env, const char *path)
{
	char temporary[4096];
	struct stat info;
	int err;

	if (stat(path, &info) == 0 && !S_ISREG(info.st_mode))
		return S_ISDIR(info.st_mode) ? -EISDIR : env_write_to(env, path);
	if (snprintf(temporary, sizeof(temporary), "%s.tmp%ld", path, (long)getpid()) >=
	    (int)sizeof(temporary))
		return -ENAMETOOLONG;
	err = env_write_to(env, temporary);
	if (!err && rename(temporary, path) != 0)
		err = -errno;
	if (err)
		unlink(temporary);
	return err;
}

/* ---------------------------------------------------------------- steal time */

void env_cpu_times(const char *root, struct env_cpu_times *out)
{
	struct env env = {.root = root};
	char line[ENV_TEXT_BYTES];
	uint64_t t[8];

	*out = (struct env_cpu_times){0};
	/* cpu user nice system idle iowait irq softirq steal (guest time is inside user and nice) */
	if (!env_read_line(&env, line, sizeof(line), "/proc/stat") ||
	    sscanf(line,
		   "cpu %" SCNu64 " %" SCNu64 " %" SCNu64 " %" SCNu64 " %" SCNu64 " %" SCNu64
		   " %" SCNu64 " %" SCNu64,
		   &t[0], &t[1], &t[2], &t[3], &t[4], &t[5], &t[6], &t[7]) != 8)
		return;
	out->is_known = true;
	out->idle_ticks = t[3] + t[4];
	out->steal_ticks = t[7];
	for (size_t i = 0; i < 8; i++)
		out->total_ticks += t[i];
}

int env_add_steal(struct env *env, const struct env_cpu_times *begin,
		  const struct env_cpu_times *end)
{
	uint64_t steal = end->steal_ticks - begin->steal_ticks;
	uint64_t busy =
		(end->total_ticks - begin->total_ticks) - (end->idle_ticks - begin->idle_ticks);
	char value[64];

	if (!begin->is_known || !end->is_known || end->total_ticks <= begin->total_ticks ||
	    end->steal_ticks < begin->steal_ticks) {
		env_put_unknown(env, false, "run.steal");
	} else {
		double share = busy > 0 ? (double)steal / (double)busy : 0;

		snprintf(value, sizeof(value), "%.2f %%", share * 100);
		env_put(env, false, "run.steal", value, share > 0.01 ? ENV_WARN : ENV_INFO,
			share > 0.01 ? "the hypervisor took the processor away during the run"
				     : NULL,
			NULL);
	}
	return env->is_out_of_memory ? -ENOMEM : 0;
}
