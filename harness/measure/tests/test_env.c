/* SPDX-License-Identifier: MIT */
/* test_env.c - the environment record over made-up /proc and /sys trees: good, bad and absent files. */
#include <errno.h>
#include <ftw.h>
#include <sched.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>
#include <jansson.h>

#include "build_info.h"
#include "measure/env.h"

/* ---------------------------------------------------------------- trees */

static void tree_put(const char *root, const char *path, const char *text)
{
	char full[512];
	FILE *f;

	snprintf(full, sizeof(full), "%s%s", root, path);
	for (char *p = full + 1; *p; p++) {
		if (*p != '/')
			continue;
		*p = '\0';
		mkdir(full, 0777);
		*p = '/';
	}
	f = fopen(full, "w");
	assert_non_null(f);
	fputs(text, f);
	fclose(f);
}

/* A machine with nothing to complain of. */
static void tree_good(char *root)
{
	strcpy(root, "/tmp/test_env_XXXXXX");
	assert_non_null(mkdtemp(root));
	tree_put(root, "/proc/cpuinfo",
		 "processor\t: 0\nmodel name\t: Example 9000\nmicrocode\t: 0x42\ncpu cores\t: 8\n"
		 "siblings\t: 8\nflags\t\t: fpu tsc\n\nprocessor\t: 1\nmodel name\t: Other\n");
	tree_put(root, "/sys/devices/system/cpu/online", "0-7\n");
	tree_put(root, "/sys/devices/system/cpu/cpu0/cache/index0/level", "1\n");
	tree_put(root, "/sys/devices/system/cpu/cpu0/cache/index0/type", "Data\n");
	tree_put(root, "/sys/devices/system/cpu/cpu0/cache/index0/size", "32K\n");
	tree_put(root, "/sys/devices/system/cpu/cpu0/cpufreq/scaling_governor", "performance\n");
	tree_put(root, "/sys/devices/system/cpu/cpu1/cpufreq/scaling_governor", "performance\n");
	tree_put(root, "/sys/devices/system/cpu/intel_pstate/no_turbo", "1\n");
	tree_put(root, "/sys/devices/system/cpu/smt/active", "0\n");
	tree_put(root, "/sys/devices/system/cpu/isolated", "\n");
	tree_put(root, "/sys/devices/system/cpu/nohz_full", "2-7\n");
	tree_put(root, "/sys/devices/system/cpu/vulnerabilities/meltdown", "Not affected\n");
	tree_put(root, "/sys/devices/system/cpu/vulnerabilities/spectre_v1",
		 "Mitigation: barriers\n");
	tree_put(root, "/sys/devices/system/node/online", "0\n");
	tree_put(root, "/sys/devices/system/clocksource/clocksource0/current_clocksource", "tsc\n");
	tree_put(root, "/sys/kernel/mm/transparent_hugepage/enabled", "always [madvise] never\n");
	tree_put(root, "/sys/fs/cgroup/cgroup.controllers", "cpu memory\n");
	tree_put(root, "/proc/self/cgroup", "0::/a/b\n");
	tree_put(root, "/proc/sys/kernel/osrelease", "6.1.0\n");
	tree_put(root, "/proc/sys/kernel/version", "#1 SMP\n");
	tree_put(root, "/proc/sys/kernel/randomize_va_space", "2\n");
	tree_put(root, "/proc/sys/kernel/perf_event_paranoid", "2\n");
	tree_put(root, "/proc/sys/kernel/numa_balancing", "0\n");
	tree_put(root, "/proc/meminfo", "MemTotal:       16 kB\nSwapTotal:       0 kB\n");
	tree_put(root, "/proc/loadavg", "0.05 0.10 0.20 1/100 4242\n");
	tree_put(root, "/proc/pressure/cpu", "some avg10=0.10 avg60=0.00 avg300=0.00 total=1\n");
	tree_put(root, "/proc/pressure/memory", "some avg10=0.00 avg60=0.00 avg300=0.00 total=1\n");
	tree_put(root, "/proc/pressure/io", "some avg10=0.00 avg60=0.00 avg300=0.00 total=1\n");
	tree_put(root, "/proc/stat", "cpu  1000 0 500 8000 200 50 50 4 0 0\ncpu0 1 2 3\n");
	tree_put(root, "/etc/os-release", "NAME=\"X\"\nPRETTY_NAME=\"Example Linux 1\"\n");
}

static int tree_remove_one(const char *path, const struct stat *info, int type, struct FTW *ftw)
{
	(void)info;
	(void)type;
	(void)ftw;
	return remove(path);
}

static void tree_remove(const char *root)
{
	assert_int_equal(nftw(root, tree_remove_one, 16, FTW_DEPTH | FTW_PHYS), 0);
}

static struct env *collect(const char *root)
{
	struct env *env = NULL;

	assert_int_equal(env_collect(&env, root), 0);
	return env;
}

static void has(const struct env *env, const char *key, const char *value, enum env_level level)
{
	const struct env_fact *fact = env_find(env, key);

	if (!fact) {
		fail_msg("no fact %s", key);
		return;
	}
	if (strcmp(fact->value, value) != 0 || fact->level != level)
		fail_msg("%s is \"%s\" (%s), want \"%s\" (%s)", key, fact->value,
			 env_level_names[fact->level], value, env_level_names[level]);
	/* Whatever is warned of has a reason. */
	assert_true((fact->level == ENV_INFO) == (*fact->reason == '\0'));
}

/* ---------------------------------------------------------------- tests */

static void test_good(void **state)
{
	char root[64];
	struct env *env;

	(void)state;
	tree_good(root);
	env = collect(root);
	has(env, "cpu.model", "Example 9000", ENV_INFO);
	has(env, "cpu.microcode", "0x42", ENV_INFO);
	has(env, "cpu.caches", "L1 Data 32K", ENV_INFO);
	has(env, "cpu.governor", "performance", ENV_INFO);
	has(env, "cpu.turbo", "off", ENV_INFO);
	has(env, "cpu.smt", "off", ENV_INFO);
	has(env, "cpu.isolated", "none", ENV_INFO);
	has(env, "cpu.nohz_full", "2-7", ENV_INFO);
	has(env, "cpu.mitigations", "spectre_v1: Mitigation: barriers", ENV_INFO);
	has(env, "cpu.virtual", "no", ENV_INFO);
	has(env, "memory.thp", "madvise", ENV_INFO);
	has(env, "memory.swap", "none", ENV_INFO);
	has(env, "cgroup.cpu_max", "none", ENV_INFO);
	has(env, "cgroup.memory_max", "none", ENV_INFO);
	has(env, "clock.source", "tsc", ENV_INFO);
	has(env, "os.name", "Example Linux 1", ENV_INFO);
	has(env, "pressure.cpu", "0.10 %", ENV_INFO);
	has(env, "load.steal_since_boot", "0.25 %", ENV_INFO);
	/* Nothing of this machine is complained of; only the build may be. */
	for (size_t i = 0; i < env_count(env); i++) {
		if (strncmp(env_fact(env, i)->key, "build.", 6) != 0)
			assert_int_equal(env_fact(env, i)->level, ENV_INFO);
	}
	env_destroy(env);
	tree_remove(root);
}

static void test_bad(void **state)
{
	char root[64];
	struct env *env;
	size_t n_warnings;
	size_t n_failures;

	(void)state;
	tree_good(root);
	tree_put(root, "/proc/cpuinfo", "model name : V\nflags : fpu hypervisor\n");
	tree_put(root, "/sys/class/dmi/id/sys_vendor", "Acme\n");
	tree_put(root, "/sys/devices/system/cpu/cpu1/cpufreq/scaling_governor", "powersave\n");
	tree_put(root, "/sys/devices/system/cpu/intel_pstate/no_turbo", "0\n");
	tree_put(root, "/sys/devices/system/cpu/smt/active", "1\n");
	tree_put(root, "/sys/devices/system/clocksource/clocksource0/current_clocksource",
		 "hpet\n");
	tree_put(root, "/proc/sys/kernel/perf_event_paranoid", "3\n");
	tree_put(root, "/proc/sys/kernel/numa_balancing", "1\n");
	tree_put(root, "/sys/fs/cgroup/a/cpu.max", "50000 100000\n");
	tree_put(root, "/sys/fs/cgroup/a/b/cpu.max", "max 100000\n");
	tree_put(root, "/sys/fs/cgroup/a/b/memory.max", "1048576\n");
	tree_put(root, "/proc/loadavg", "3.05 0.10 0.20 1/100 4242\n");
	tree_put(root, "/proc/pressure/io", "some avg10=12.50 avg60=0.00 avg300=0.00 total=1\n");
	tree_put(root, "/proc/stat", "cpu  100 0 50 8000 200 5 5 40 0 0\n");
	env = collect(root);
	has(env, "cpu.virtual", "yes, Acme", ENV_WARN);
	has(env, "cpu.governor", "performance powersave", ENV_WARN);
	has(env, "cpu.turbo", "on", ENV_WARN);
	has(env, "cpu.smt", "on", ENV_WARN);
	has(env, "clock.source", "hpet", ENV_WARN);
	has(env, "kernel.perf_event_paranoid", "3", ENV_WARN);
	has(env, "memory.numa_balancing", "on", ENV_WARN);
	has(env, "cgroup.cpu_max", "50000 100000", ENV_WARN); /* the parent's */
	has(env, "cgroup.memory_max", "1048576", ENV_INFO);
	has(env, "load.average", "3.05 0.10 0.20 1/100 4242", ENV_WARN);
	has(env, "pressure.io", "12.50 %", ENV_WARN);
	has(env, "load.steal_since_boot", "20.00 %", ENV_WARN);
	assert_non_null(strstr(env_find(env, "cpu.governor")->suggest, "cpupower"));
	n_warnings = env_count_level(env, ENV_WARN);
	n_failures = env_count_level(env, ENV_FAIL);
	assert_int_equal(n_failures, *build_info()->sanitizer ? 1 : 0);
	env_make_strict(env);
	assert_int_equal(env_count_level(env, ENV_WARN), 0);
	assert_int_equal(env_count_level(env, ENV_FAIL), n_warnings + n_failures);
	env_destroy(env);
	tree_remove(root);
}

/* No file at all: everything that matters is unknown and warned of, nothing is taken for good. */
static void test_absent(void **state)
{
	static const char *const keys[] = {"cpu.governor",
					   "cpu.turbo",
					   "cpu.smt",
					   "cpu.virtual",
					   "cpu.mitigations",
					   "kernel.aslr",
					   "memory.thp",
					   "memory.swap",
					   "clock.source",
					   "load.average",
					   "pressure.cpu",
					   "cgroup.cpu_max",
					   "load.steal_since_boot",
					   "kernel.perf_event_paranoid"};
	struct env *env = collect("/nonexistent");

	(void)state;
	for (size_t i = 0; i < sizeof(keys) / sizeof(keys[0]); i++)
		has(env, keys[i], "unknown", ENV_WARN);
	has(env, "cpu.model", "unknown", ENV_INFO);
	has(env, "cpu.isolated", "unknown", ENV_INFO);
	env_destroy(env);
}

/* The smallest limit on the way up binds, whichever group's it is. */
static void test_cgroup_smallest(void **state)
{
	char root[32];
	struct env *env;

	(void)state;
	tree_good(root);
	tree_put(root, "/sys/fs/cgroup/a/cpu.max", "50000 100000\n");
	tree_put(root, "/sys/fs/cgroup/a/b/cpu.max", "9000 10000\n");
	tree_put(root, "/sys/fs/cgroup/a/b/memory.max", "1048576\n");
	tree_put(root, "/sys/fs/cgroup/a/memory.max", "4096\n");
	env = collect(root);
	has(env, "cgroup.cpu_max", "50000 100000", ENV_WARN);
	has(env, "cgroup.memory_max", "4096", ENV_INFO);
	env_destroy(env);
	tree_remove(root);
}

/* The older hierarchies of control groups. */
static void test_cgroup_v1(void **state)
{
	char root[64];
	struct env *env;

	(void)state;
	tree_good(root);
	tree_put(root, "/proc/self/cgroup", "4:memory:/x\n1:cpu:/y\n0::/\n");
	tree_put(root, "/sys/fs/cgroup/cpu/y/cpu.cfs_quota_us", "25000\n");
	tree_put(root, "/sys/fs/cgroup/memory/memory.limit_in_bytes", "9223372036854771712\n");
	env = collect(root);
	has(env, "cgroup.cpu_max", "25000", ENV_WARN);
	has(env, "cgroup.memory_max", "none", ENV_INFO);
	env_destroy(env);
	tree_put(root, "/sys/fs/cgroup/cpu/y/cpu.cfs_quota_us", "-1\n");
	tree_put(root, "/sys/fs/cgroup/memory/x/memory.limit_in_bytes", "4096\n");
	env = collect(root);
	has(env, "cgroup.cpu_max", "none", ENV_INFO);
	has(env, "cgroup.memory_max", "4096", ENV_INFO);
	env_destroy(env);
	tree_remove(root);
}

static void test_id(void **state)
{
	char root[64];
	struct env *a;
	struct env *b;
	char id[17];

	(void)state;
	tree_good(root);
	a = collect(root);
	strcpy(id, env_id(a));
	assert_int_equal(strlen(id), 16);
	/* What passes does not count ... */
	tree_put(root, "/proc/loadavg", "9.99 0.10 0.20 1/100 4242\n");
	tree_put(root, "/proc/stat", "cpu  1 0 0 8000 200 0 0 4 0 0\n");
	assert_int_equal(env_add(a, "run.seed", "42", ENV_INFO, NULL), 0);
	b = collect(root);
	assert_string_equal(env_id(b), id);
	assert_string_equal(env_id(a), id);
	env_destroy(b);
	/* ... what stays does. */
	tree_put(root, "/proc/sys/kernel/osrelease", "6.1.1\n");
	b = collect(root);
	assert_string_not_equal(env_id(b), id);
	env_destroy(b);
	env_destroy(a);
	tree_remove(root);
}

/* The last of all: this process stays as nice as that. */
static void test_scheduling(void **state)
{
	const struct sched_param param = {0};
	struct env *env;
	char text[32];

	(void)state;
	assert_int_equal(sched_setscheduler(0, SCHED_OTHER, &param), 0);
	assert_int_equal(setpriority(PRIO_PROCESS, 0, 19), 0);
	snprintf(text, sizeof(text), "other, nice %d", getpriority(PRIO_PROCESS, 0));
	env = collect("");
	has(env, "process.scheduling", text, ENV_WARN);
	env_destroy(env);
	env = collect("/nonexistent");
	has(env, "process.scheduling", "unknown", ENV_INFO);
	env_destroy(env);
}

static void test_add(void **state)
{
	struct env *env = collect("/nonexistent");
	size_t n = env_count(env);

	(void)state;
	assert_int_equal(env_add(env, "run.clock", "tsc", ENV_INFO, NULL), 0);
	assert_int_equal(env_add(env, "run.clock", "clock_gettime", ENV_WARN, "TSC not invariant"),
			 0);
	assert_int_equal(env_count(env), n + 1);
	has(env, "run.clock", "clock_gettime", ENV_WARN);
	env_destroy(env);
}

static void steals(const char *before, const char *after, const char *value, enum env_level level)
{
	char root[64];
	struct env_cpu_times begin;
	struct env_cpu_times end;
	struct env *env = collect("/nonexistent");

	strcpy(root, "/tmp/test_env_XXXXXX");
	assert_non_null(mkdtemp(root));
	tree_put(root, "/proc/stat", before);
	env_cpu_times(root, &begin);
	tree_put(root, "/proc/stat", after);
	env_cpu_times(root, &end);
	assert_int_equal(env_add_steal(env, &begin, &end), 0);
	has(env, "run.steal", value, level);
	env_destroy(env);
	tree_remove(root);
}

static void test_steal(void **state)
{
	(void)state;
	/* 100 ticks pass, 50 of them idle, 5 stolen: a tenth of the busy time. */
	steals("cpu  100 0 0 500 0 0 0 10 7 0\n", "cpu  145 0 0 540 10 0 0 15 9 0\n", "10.00 %",
	       ENV_WARN);
	steals("cpu  100 0 0 500 0 0 0 10 0 0\n", "cpu  200 0 0 500 0 0 0 10 0 0\n", "0.00 %",
	       ENV_INFO);
	steals("cpu  100 0 0 500 0 0 0 10 0 0\n", "cpu  100 0 0 500 0 0 0 10 0 0\n", "unknown",
	       ENV_WARN);
	steals("cpu  100 0 0 500 0 0 0 10 0 0\n", "intr 5\n", "unknown", ENV_WARN);
	steals("cpu  100 0 0 500\n", "cpu  100 0 0 900\n", "unknown", ENV_WARN);
}

static void test_json(void **state)
{
	char root[64];
	char path[128];
	struct env *env;
	json_t *json;
	json_t *facts;

	(void)state;
	tree_good(root);
	tree_put(root, "/proc/sys/kernel/version", "a \"quoted\" \\ version\n");
	tree_put(root, "/proc/sys/kernel/osrelease", "not utf-8: \xff\xfe\n");
	tree_put(root, "/sys/devices/system/cpu/smt/active", "1\n");
	env = collect(root);
	snprintf(path, sizeof(path), "%s/env.json", root);
	assert_int_equal(env_write(env, path), 0);
	json = json_load_file(path, 0, NULL);
	assert_non_null(json);
	assert_int_equal(json_integer_value(json_object_get(json, "schema")), 1);
	assert_string_equal(json_string_value(json_object_get(json, "env_id")), env_id(env));
	assert_string_equal(json_string_value(json_object_get(json, "build_id")),
			    build_info()->build_id);
	facts = json_object_get(json, "facts");
	assert_int_equal(json_object_size(facts), env_count(env));
	assert_string_equal(json_string_value(json_object_get(facts, "kernel.version")),
			    "a \"quoted\" \\ version");
	assert_string_equal(json_string_value(json_object_get(facts, "kernel.release")), "unknown");
	assert_int_equal(json_array_size(json_object_get(json, "warnings")),
			 env_count(env) - env_count_level(env, ENV_INFO));
	json_decref(json);
	env_destroy(env);
	tree_remove(root);
}

static void test_unwritable(void **state)
{
	struct env *env = collect("/nonexistent");
	struct stat info;

	(void)state;
	assert_int_equal(env_write(env, "/nonexistent/env.json"), -ENOENT);
	assert_int_equal(env_write(env, "/tmp"), -EISDIR);
	/* A full device says so, and is still a device afterwards. */
	assert_int_equal(env_write(env, "/dev/full"), -ENOSPC);
	assert_int_equal(stat("/dev/full", &info), 0);
	assert_true(S_ISCHR(info.st_mode));
	env_destroy(env);
}

/* This machine, whatever it is: the record can be made and holds what every Linux has. */
static void test_here(void **state)
{
	struct env *env = collect("");

	(void)state;
	assert_string_not_equal(env_find(env, "kernel.release")->value, "unknown");
	assert_string_not_equal(env_find(env, "memory.total")->value, "unknown");
	assert_string_not_equal(env_find(env, "build.compiler")->value, "unknown");
	assert_string_not_equal(env_find(env, "allocator.malloc")->value, "unknown");
	env_destroy(env);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_good),	  cmocka_unit_test(test_bad),
		cmocka_unit_test(test_absent),	  cmocka_unit_test(test_id),
		cmocka_unit_test(test_add),	  cmocka_unit_test(test_steal),
		cmocka_unit_test(test_json),	  cmocka_unit_test(test_unwritable),
		cmocka_unit_test(test_here),	  cmocka_unit_test(test_cgroup_smallest),
		cmocka_unit_test(test_cgroup_v1), cmocka_unit_test(test_scheduling),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
