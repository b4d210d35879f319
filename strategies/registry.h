/* SPDX-License-Identifier: MIT */
/* registry.h - the table of built-in strategies, made from strategies.def. */
#ifndef RECLAIMBENCH_REGISTRY_H
#define RECLAIMBENCH_REGISTRY_H

#include "reclaim.h"

/* NULL-terminated, in the order of strategies.def. */
extern const struct reclaim_ops *const reclaim_strategies[];
extern const size_t reclaim_n_strategies; /* without the NULL; never 0 */

/* Strategies left out of this build because a library was absent; ends with name == NULL. */
struct reclaim_strategy_absent {
	const char *name;
	const char *package; /* the distribution's package that brings the library */
};
extern const struct reclaim_strategy_absent reclaim_strategies_absent[];

/* By name; NULL when there is none of that name. */
const struct reclaim_ops *reclaim_strategy_find(const char *name);

#endif
