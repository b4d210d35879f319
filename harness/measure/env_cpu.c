/* SPDX-License-Identifier: MIT */
/* env_cpu.c - facts about the processors: what they are, and what makes their speed change. */
#include <dirent.h>
#include <sched.h>
#include <stdlib.h>
#include <string.h>

#include "measure/env_internal.h"

static void env_put_field(struct env *env, const char *key, const char *path, const char *field)
{
	char text[ENV_TEXT_BYTES];

	env_put_stable(env, key,
		       env_read_field(env, path, field, text, sizeof(text)) ? text : "unknown");
}

static void env_put_file(struct env *env, const char *key, const char *path)
{
	char text[ENV_TEXT_BYTES];

	env_put_stable(env, key,
		       env_read_line(env, text, sizeof(text), "%s", path) ? text : "unknown");
}

static void env_cpu_caches(struct env *env)
{
	char text[ENV_TEXT_BYTES] = "";
	size_t n = 0;

	for (int i = 0; i < 8; i++) {
		char level[16];
		char type[32];
		char size[32];
		static const char base[] = "/sys/devices/system/cpu/cpu0/cache/index";

		if (!env_read_line(env, level, sizeof(level), "%s%d/level", base, i) ||
		    !env_read_line(env, type, sizeof(type), "%s%d/type", base, i) ||
		    !env_read_line(env, size, sizeof(size), "%s%d/size", base, i))
			break;
		n += (size_t)snprintf(text + n, sizeof(text) - n, "%sL%s %s %s", n ? ", " : "",
				      level, type, size);
	}
	env_put_stable(env, "cpu.caches", n ? text : "unknown");
}

/* The distinct governors of all processors, in order of appearance. */
static void env_cpu_governor(struct env *env)
{
	char all[ENV_TEXT_BYTES] = "";
	char one[64];

	for (int cpu = 0; cpu < 4096; cpu++) {
		size_t n = strlen(all);

		if (!env_read_line(env, one, sizeof(one),
				   "/sys/devices/system/cpu/cpu%d/cpufreq/scaling_governor", cpu))
			break;
		if (!strstr(all, one))
			snprintf(all + n, sizeof(all) - n, "%s%s", n ? " " : "", one);
	}
	if (!*all)
		env_put_unknown(env, true, "cpu.governor");
	else if (strcmp(all, "performance") == 0)
		env_put_stable(env, "cpu.governor", all);
	else
		env_put(env, true, "cpu.governor", all, ENV_WARN, "the clock rate follows the load",
			"sudo cpupower frequency-set -g performance");
}

static void env_cpu_turbo(struct env *env)
{
	char text[64];
	bool is_on;
	const char *suggest;

	if (env_read_line(env, text, sizeof(text),
			  "/sys/devices/system/cpu/intel_pstate/no_turbo")) {
		is_on = strcmp(text, "0") == 0;
		suggest = "echo 1 | sudo tee /sys/devices/system/cpu/intel_pstate/no_turbo";
	} else if (env_read_line(env, text, sizeof(text),
				 "/sys/devices/system/cpu/cpufreq/boost")) {
		is_on = strcmp(text, "0") != 0;
		suggest = "echo 0 | sudo tee /sys/devices/system/cpu/cpufreq/boost";
	} else {
		env_put_unknown(env, true, "cpu.turbo");
		return;
	}
	if (is_on)
		env_put(env, true, "cpu.turbo", "on", ENV_WARN,
			"the clock rate depends on heat and on the neighbours", suggest);
	else
		env_put_stable(env, "cpu.turbo", "off");
}

static void env_cpu_smt(struct env *env)
{
	char text[64];

	if (!env_read_line(env, text, sizeof(text), "/sys/devices/system/cpu/smt/active"))
		env_put_unknown(env, true, "cpu.smt");
	else if (strcmp(text, "0") == 0)
		env_put_stable(env, "cpu.smt", "off");
	else
		env_put(env, true, "cpu.smt", "on", ENV_WARN,
			"two threads may share one core: pin them apart, or switch it off",
			"echo off | sudo tee /sys/devices/system/cpu/smt/control");
}

/* Names of what this processor is vulnerable to or mitigates; "Not affected" ones are left out. */
static void env_cpu_mitigations(struct env *env)
{
	static const char folder[] = "/sys/devices/system/cpu/vulnerabilities";
	char path[512];
	char text[ENV_TEXT_BYTES] = "";
	struct dirent **entries;
	size_t used = 0;
	int n;

	snprintf(path, sizeof(path), "%s%s", env->root, folder);
	n = scandir(path, &entries, NULL, alphasort);
	if (n < 0) {
		env_put_unknown(env, true, "cpu.mitigations");
		return;
	}
	for (int i = 0; i < n; i++) {
		char state[256];

		if (entries[i]->d_name[0] != '.' &&
		    env_read_line(env, state, sizeof(state), "%s/%s", folder, entries[i]->d_name) &&
		    strcmp(state, "Not affected") != 0 && used < sizeof(text)) {
			used += (size_t)snprintf(text + used, sizeof(text) - used, "%s%s: %s",
						 used ? "; " : "", entries[i]->d_name, state);
		}
		free(entries[i]);
	}
	free(entries);
	env_put_stable(env, "cpu.mitigations", *text ? text : "none needed");
}

static void env_cpu_isolation(struct env *env)
{
	static const char *const names[] = {"isolated", "nohz_full"};

	for (size_t i = 0; i < 2; i++) {
		char key[32];
		char text[ENV_TEXT_BYTES];
		char path[128];

		snprintf(key, sizeof(key), "cpu.%s", names[i]);
		snprintf(path, sizeof(path), "%s/sys/devices/system/cpu/%s", env->root, names[i]);
		/* An empty file says "none"; only an absent one says nothing. */
		if (env_read_line(env, text, sizeof(text), "/sys/devices/system/cpu/%s",
				  names[i]) &&
		    strcmp(text, "(null)") != 0) {
			env_put_stable(env, key, text);
		} else {
			FILE *f = fopen(path, "re");

			env_put_stable(env, key, f ? "none" : "unknown");
			if (f)
				fclose(f);
		}
	}
}

static void env_cpu_virtual(struct env *env)
{
	char flags[8192];
	char vendor[256] = "";
	char product[256] = "";
	char text[ENV_TEXT_BYTES];

	if (!env_read_field(env, "/proc/cpuinfo", "flags", flags, sizeof(flags)) &&
	    !env_read_field(env, "/proc/cpuinfo", "Features", flags, sizeof(flags))) {
		env_put_unknown(env, true, "cpu.virtual");
		return;
	}
	if (!strstr(flags, "hypervisor")) {
		env_put_stable(env, "cpu.virtual", "no");
		return;
	}
	env_read_line(env, vendor, sizeof(vendor), "/sys/class/dmi/id/sys_vendor");
	env_read_line(env, product, sizeof(product), "/sys/class/dmi/id/product_name");
	snprintf(text, sizeof(text), "yes%s%s%s%s", *vendor ? ", " : "", vendor,
		 *product ? " " : "", product);
	env_put(env, true, "cpu.virtual", text, ENV_WARN,
		"neighbours on the same host share caches and processors, and counters may be "
		"absent",
		NULL);
}

/* How many processors this process may use: cgroup sets and taskset both narrow it. */
static void env_cpu_affinity(struct env *env)
{
	cpu_set_t set;
	char text[32];

	if (*env->root || sched_getaffinity(0, sizeof(set), &set) != 0) {
		env_put(env, false, "cpu.usable", "unknown", ENV_INFO, NULL, NULL);
		return;
	}
	snprintf(text, sizeof(text), "%d", CPU_COUNT(&set));
	env_put(env, false, "cpu.usable", text, ENV_INFO, NULL, NULL);
}

void env_collect_cpu(struct env *env)
{
	env_put_field(env, "cpu.model", "/proc/cpuinfo", "model name");
	env_put_field(env, "cpu.microcode", "/proc/cpuinfo", "microcode");
	env_put_field(env, "cpu.cores_per_socket", "/proc/cpuinfo", "cpu cores");
	env_put_field(env, "cpu.threads_per_socket", "/proc/cpuinfo", "siblings");
	env_put_file(env, "cpu.online", "/sys/devices/system/cpu/online");
	env_cpu_caches(env);
	env_cpu_governor(env);
	env_cpu_turbo(env);
	env_cpu_smt(env);
	env_cpu_isolation(env);
	env_cpu_mitigations(env);
	env_cpu_virtual(env);
	env_cpu_affinity(env);
}
