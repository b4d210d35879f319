/* SPDX-License-Identifier: MIT */
/* env_system.c - facts about the kernel, memory, limits, and what else runs at the moment. */
#include <math.h>
#include <sched.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>

#if defined(__GLIBC__)
#include <gnu/libc-version.h>
#endif

#include "measure/env_internal.h"

static void env_put_line(struct env *env, const char *key, const char *path)
{
	char text[ENV_TEXT_BYTES];

	env_put_stable(env, key,
		       env_read_line(env, text, sizeof(text), "%s", path) ? text : "unknown");
}

/* "always [madvise] never": the word in brackets, or the whole text. */
static void env_chosen_word(char *text)
{
	char *begin = strchr(text, '[');
	size_t length = begin ? strcspn(begin + 1, "]") : 0;

	if (begin) {
		memmove(text, begin + 1, length);
		text[length] = '\0';
	}
}

static void env_memory(struct env *env)
{
	char text[ENV_TEXT_BYTES];

	env_put_stable(env, "memory.total",
		       env_read_field(env, "/proc/meminfo", "MemTotal", text, sizeof(text))
			       ? text
			       : "unknown");
	if (!env_read_field(env, "/proc/meminfo", "SwapTotal", text, sizeof(text)))
		env_put_unknown(env, true, "memory.swap");
	else
		env_put_stable(env, "memory.swap", strcmp(text, "0 kB") == 0 ? "none" : text);
	if (!env_read_line(env, text, sizeof(text),
			   "/sys/kernel/mm/transparent_hugepage/enabled")) {
		env_put_unknown(env, true, "memory.thp");
	} else {
		env_chosen_word(text);
		env_put_stable(env, "memory.thp", text);
	}
	env_put_line(env, "memory.numa_nodes", "/sys/devices/system/node/online");
	/* Balancing moves pages between nodes; with one node there is nothing to move. */
	if (!env_read_line(env, text, sizeof(text), "/proc/sys/kernel/numa_balancing"))
		env_put_stable(env, "memory.numa_balancing", "unknown");
	else if (strcmp(text, "0") == 0)
		env_put_stable(env, "memory.numa_balancing", "off");
	else
		env_put(env, true, "memory.numa_balancing", "on", ENV_WARN,
			"the kernel may move pages during a run",
			"sudo sysctl kernel.numa_balancing=0");
}

static void env_kernel(struct env *env)
{
	char text[ENV_TEXT_BYTES];

	env_put_line(env, "kernel.release", "/proc/sys/kernel/osrelease");
	env_put_line(env, "kernel.version", "/proc/sys/kernel/version");
	env_put_stable(env, "os.name",
		       env_read_field(env, "/etc/os-release", "PRETTY_NAME", text, sizeof(text))
			       ? text
			       : "unknown");
#if defined(__GLIBC__)
	snprintf(text, sizeof(text), "glibc %s", gnu_get_libc_version());
#else
	snprintf(text, sizeof(text), "unknown");
#endif
	env_put_stable(env, "os.libc", text);
	if (!env_read_line(env, text, sizeof(text), "/proc/sys/kernel/randomize_va_space"))
		env_put_unknown(env, true, "kernel.aslr");
	else
		env_put(env, true, "kernel.aslr", strcmp(text, "0") == 0 ? "off" : text, ENV_INFO,
			NULL, NULL);
	if (!env_read_line(env, text, sizeof(text), "/proc/sys/kernel/perf_event_paranoid"))
		env_put_unknown(env, true, "kernel.perf_event_paranoid");
	else
		env_put(env, true, "kernel.perf_event_paranoid", text,
			atoi(text) > 2 ? ENV_WARN : ENV_INFO,
			atoi(text) > 2 ? "counters are closed to ordinary users" : NULL,
			atoi(text) > 2 ? "sudo sysctl kernel.perf_event_paranoid=2" : NULL);
}

static void env_clock_source(struct env *env)
{
	char text[ENV_TEXT_BYTES];

	if (!env_read_line(env, text, sizeof(text),
			   "/sys/devices/system/clocksource/clocksource0/current_clocksource"))
		env_put_unknown(env, true, "clock.source");
	else if (strcmp(text, "tsc") == 0 || strcmp(text, "arch_sys_counter") == 0)
		env_put_stable(env, "clock.source", text);
	else
		env_put(env, true, "clock.source", text, ENV_WARN,
			"reading the clock is slow or not steady; a lifetime stamp costs more",
			NULL);
}

/* ---------------------------------------------------------------- limits */

/* This process's folder in the unified hierarchy ("0::/path"), "" at its top. */
static void env_cgroup_path(const struct env *env, char *path, size_t size)
{
	char line[ENV_TEXT_BYTES];

	*path = '\0';
	if (env_read_line(env, line, sizeof(line), "/proc/self/cgroup") &&
	    strncmp(line, "0::/", 4) == 0 && strcmp(line, "0::/") != 0)
		snprintf(path, size, "%s", line + 3);
}

/* "QUOTA PERIOD" of cpu.max as processors, or a number of bytes; without a limit ("max") infinite. */
static double env_limit_size(const char *text)
{
	char *end;
	const double size = strtod(text, &end);
	const double period = strtod(end, NULL);

	if (end == text)
		return INFINITY;
	return period > 0 ? size / period : size;
}

/* The smallest limit from this process's cgroup up to the top: a parent's limit binds as well. */
static bool env_cgroup_limit(const struct env *env, const char *file, char *text, size_t size)
{
	char path[ENV_TEXT_BYTES], line[ENV_TEXT_BYTES];
	double smallest = INFINITY;
	bool is_known = false;

	env_cgroup_path(env, path, sizeof(path));
	snprintf(text, size, "max");
	for (;;) {
		char *slash = strrchr(path, '/');

		if (env_read_line(env, line, sizeof(line), "/sys/fs/cgroup%s/%s", path, file)) {
			is_known = true;
			if (env_limit_size(line) < smallest) {
				smallest = env_limit_size(line);
				snprintf(text, size, "%s", line);
			}
		}
		if (!slash)
			return is_known;
		*slash = '\0';
	}
}

/* The same in the older hierarchies, one per controller ("4:memory:/path"). */
static bool env_cgroup_v1_limit(const struct env *env, const char *controller, const char *file,
				char *text, size_t size)
{
	char field[64];
	char path[ENV_TEXT_BYTES] = "";

	/* The hierarchy's number in front varies; a container may not see the path it is told. */
	for (int i = 1; i < 32 && !*path; i++) {
		snprintf(field, sizeof(field), "%d:%s", i, controller);
		env_read_field(env, "/proc/self/cgroup", field, path, sizeof(path));
	}
	if (!env_read_line(env, text, size, "/sys/fs/cgroup/%s%s/%s", controller, path, file) &&
	    !env_read_line(env, text, size, "/sys/fs/cgroup/%s/%s", controller, file))
		return false;
	/* "No limit" is -1, or the largest multiple of a page. */
	if (strtoll(text, NULL, 10) < 0 || strtoll(text, NULL, 10) > INT64_MAX - 65536)
		snprintf(text, size, "max");
	return true;
}

static void env_limit(struct env *env, const char *key, bool is_known, const char *text,
		      const char *reason)
{
	char mounted[ENV_TEXT_BYTES];

	/* The top of the hierarchy has no such file: no file anywhere means no limit only where cgroups
	 * are mounted at all. */
	if (!is_known &&
	    !env_read_line(env, mounted, sizeof(mounted), "/sys/fs/cgroup/cgroup.controllers"))
		env_put_unknown(env, false, key);
	else if (!is_known || strncmp(text, "max", 3) == 0)
		env_put(env, false, key, "none", ENV_INFO, NULL, NULL);
	else
		env_put(env, false, key, text, reason ? ENV_WARN : ENV_INFO, reason, NULL);
}

static void env_limits(struct env *env)
{
	char text[ENV_TEXT_BYTES];
	bool is_known;

	is_known = env_cgroup_limit(env, "cpu.max", text, sizeof(text)) ||
		   env_cgroup_v1_limit(env, "cpu", "cpu.cfs_quota_us", text, sizeof(text));
	env_limit(env, "cgroup.cpu_max", is_known, text,
		  "a quota (us per period) stops all threads at once when it is used up");
	is_known = env_cgroup_limit(env, "memory.max", text, sizeof(text)) ||
		   env_cgroup_v1_limit(env, "memory", "memory.limit_in_bytes", text, sizeof(text));
	env_limit(env, "cgroup.memory_max", is_known, text, NULL);
}

/* ---------------------------------------------------------------- at the moment */

static void env_load(struct env *env)
{
	char text[ENV_TEXT_BYTES];
	double load;
	/* One runnable thread in four processors already disturbs; measured loads of an idle machine
	 * stay below 0.3. */
	const double limit = 0.3;

	if (!env_read_line(env, text, sizeof(text), "/proc/loadavg")) {
		env_put_unknown(env, false, "load.average");
		return;
	}
	load = strtod(text, NULL);
	env_put(env, false, "load.average", text, load > limit ? ENV_WARN : ENV_INFO,
		load > limit ? "other work ran during the last minute: wait, or stop it" : NULL,
		NULL);
}

/* "some avg10=0.00 ...": share of the last ten seconds in which somebody waited. */
static void env_pressure(struct env *env, const char *what)
{
	char key[32];
	char text[ENV_TEXT_BYTES];
	const char *avg10;
	double share;

	snprintf(key, sizeof(key), "pressure.%s", what);
	avg10 = env_read_line(env, text, sizeof(text), "/proc/pressure/%s", what)
			? strstr(text, "avg10=")
			: NULL;
	if (!avg10) {
		env_put_unknown(env, false, key);
		return;
	}
	share = strtod(avg10 + strlen("avg10="), NULL);
	snprintf(text, sizeof(text), "%.2f %%", share);
	env_put(env, false, key, text, share > 5 ? ENV_WARN : ENV_INFO,
		share > 5 ? "threads had to wait for it in the last ten seconds" : NULL, NULL);
}

static void env_steal_since_boot(struct env *env)
{
	struct env_cpu_times t;
	char text[64];
	uint64_t busy;
	double share;

	env_cpu_times(env->root, &t);
	busy = t.total_ticks - t.idle_ticks;
	if (!t.is_known || busy == 0) {
		env_put_unknown(env, false, "load.steal_since_boot");
		return;
	}
	share = (double)t.steal_ticks / (double)busy;
	snprintf(text, sizeof(text), "%.2f %%", share * 100);
	env_put(env, false, "load.steal_since_boot", text, share > 0.01 ? ENV_WARN : ENV_INFO,
		share > 0.01 ? "the hypervisor takes the processor away" : NULL, NULL);
}

/* Which threads this process's go before, and which before them. */
static void env_scheduling(struct env *env)
{
	static const struct {
		int policy;
		const char *name;
	} names[] = {{SCHED_OTHER, "other"},
		     {SCHED_BATCH, "batch"},
		     {SCHED_IDLE, "idle"},
		     {SCHED_FIFO, "fifo"},
		     {SCHED_RR, "rr"}};
	const int policy = sched_getscheduler(0) & ~SCHED_RESET_ON_FORK;
	const bool is_real_time = policy == SCHED_FIFO || policy == SCHED_RR;
	const int nice = getpriority(PRIO_PROCESS, 0);
	const bool is_behind = !is_real_time && (nice > 0 || policy != SCHED_OTHER);
	struct sched_param param = {0};
	const char *name = "unknown";
	char text[64];

	if (*env->root) {
		env_put(env, false, "process.scheduling", "unknown", ENV_INFO, NULL, NULL);
		return;
	}
	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++)
		if (names[i].policy == policy)
			name = names[i].name;
	sched_getparam(0, &param);
	if (is_real_time)
		snprintf(text, sizeof(text), "%s, real-time priority %d", name,
			 param.sched_priority);
	else
		snprintf(text, sizeof(text), "%s, nice %d", name, nice);
	env_put(env, false, "process.scheduling", text, is_behind ? ENV_WARN : ENV_INFO,
		is_behind ? "other work on the machine goes first" : NULL, NULL);
}

void env_collect_system(struct env *env)
{
	env_kernel(env);
	env_memory(env);
	env_clock_source(env);
	env_limits(env);
	env_load(env);
	env_pressure(env, "cpu");
	env_pressure(env, "memory");
	env_pressure(env, "io");
	env_steal_since_boot(env);
	env_scheduling(env);
}
