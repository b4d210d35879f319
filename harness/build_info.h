/* SPDX-License-Identifier: MIT */
/* build_info.h - what this binary was made of; for --version, env.json and the CSV's build_id. */
#ifndef RECLAIMBENCH_BUILD_INFO_H
#define RECLAIMBENCH_BUILD_INFO_H

#include <stdbool.h>

struct build_info {
	const char *version;
	const char *commit;    /* 12 hex digits, or "unknown" outside a clone */
	bool is_dirty;	       /* the tree had changes that the commit does not hold */
	const char *compiler;  /* name and version */
	const char *flags;     /* CPPFLAGS and CFLAGS */
	bool has_assertions;   /* NDEBUG was not defined */
	const char *sanitizer; /* SAN= of the build; "" for none */
	bool has_ck;	       /* strategies of Concurrency Kit are built in */
	bool has_urcu;	       /* strategies of liburcu are built in */
	const char *
		build_id; /* 16 hex digits: hash of all the above, and of the uncommitted changes */
};

/* A constant. */
const struct build_info *build_info(void);

#endif
