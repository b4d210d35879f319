/* SPDX-License-Identifier: MIT */
/* registry.c - the table of built-in strategies. */
#include "registry.h"

#include <string.h>

#define STRATEGY(name) extern const struct reclaim_ops name##_ops;
#define STRATEGY_ABSENT(name, package)
#include "strategies.def"
#undef STRATEGY
#undef STRATEGY_ABSENT

#define STRATEGY(name) &name##_ops,
#define STRATEGY_ABSENT(name, package)
const struct reclaim_ops *const reclaim_strategies[] = {
#include "strategies.def"
	NULL,
};
#undef STRATEGY
#undef STRATEGY_ABSENT
const size_t reclaim_n_strategies = sizeof(reclaim_strategies) / sizeof(reclaim_strategies[0]) - 1;

#define STRATEGY(name)
#define STRATEGY_ABSENT(name, package) {#name, package},
const struct reclaim_strategy_absent reclaim_strategies_absent[] = {
#include "strategies.def"
	{NULL, NULL},
};
#undef STRATEGY
#undef STRATEGY_ABSENT

const struct reclaim_ops *reclaim_strategy_find(const char *name)
{
	for (size_t i = 0; reclaim_strategies[i]; i++)
		if (!strcmp(reclaim_strategies[i]->name, name))
			return reclaim_strategies[i];
	return NULL;
}
