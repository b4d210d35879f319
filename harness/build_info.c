/* SPDX-License-Identifier: MIT */
/* build_info.c - the constants that scripts/build-info wrote into build/.../build_info.gen.h. */
#include "build_info.h"
#include "build_info.gen.h"

#if defined(NDEBUG)
#define BUILD_HAS_ASSERTIONS false
#else
#define BUILD_HAS_ASSERTIONS true
#endif

#if defined(HAVE_CK)
#define BUILD_HAS_CK true
#else
#define BUILD_HAS_CK false
#endif

#if defined(HAVE_URCU)
#define BUILD_HAS_URCU true
#else
#define BUILD_HAS_URCU false
#endif

const struct build_info *build_info(void)
{
	static const struct build_info info = {
		.version = BUILD_VERSION,
		.commit = BUILD_COMMIT,
		.is_dirty = BUILD_IS_DIRTY,
		.compiler = BUILD_COMPILER,
		.flags = BUILD_FLAGS,
		.has_assertions = BUILD_HAS_ASSERTIONS,
		.sanitizer = BUILD_SANITIZER,
		.has_ck = BUILD_HAS_CK,
		.has_urcu = BUILD_HAS_URCU,
		.build_id = BUILD_ID,
	};

	return &info;
}
