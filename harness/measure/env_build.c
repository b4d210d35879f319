/* SPDX-License-Identifier: MIT */
/* env_build.c - facts about this binary and the allocator it runs with. */
#include <dlfcn.h>
#include <stdlib.h>

#include "build_info.h"
#include "measure/env_internal.h"

static void env_put_build(struct env *env, const char *key, const char *value)
{
	env_put(env, false, key, value, ENV_INFO, NULL, NULL);
}

/* The shared object that malloc() really comes from: a preloaded allocator shows here. */
static void env_allocator(struct env *env)
{
	void *symbol = dlsym(RTLD_DEFAULT, "malloc");
	const char *preload = getenv("LD_PRELOAD");
	Dl_info info;

	if (symbol && dladdr(symbol, &info) && info.dli_fname)
		env_put_build(env, "allocator.malloc", info.dli_fname);
	else
		env_put_unknown(env, false, "allocator.malloc");
	env_put_build(env, "allocator.preload", preload && *preload ? preload : "none");
}

void env_collect_build(struct env *env)
{
	const struct build_info *build = build_info();

	env_put_build(env, "build.version", build->version);
	env_put_build(env, "build.commit", build->commit);
	env_put(env, false, "build.changed", build->is_dirty ? "yes" : "no",
		build->is_dirty ? ENV_WARN : ENV_INFO,
		build->is_dirty ? "the commit does not hold what was built" : NULL, NULL);
	env_put_build(env, "build.compiler", build->compiler);
	env_put_build(env, "build.flags", build->flags);
	env_put_build(env, "build.assertions", build->has_assertions ? "on" : "off");
	env_put(env, false, "build.sanitizer", *build->sanitizer ? build->sanitizer : "none",
		*build->sanitizer ? ENV_FAIL : ENV_INFO,
		*build->sanitizer ? "figures of an instrumented build say nothing about speed"
				  : NULL,
		*build->sanitizer ? "make && build/reclaimbench" : NULL);
	env_allocator(env);
}
