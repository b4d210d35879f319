/* SPDX-License-Identifier: MIT */
/* registry.c - the table of built-in strategies. */
#include "registry.h"

#include <string.h>

#define STRATEGY(name) extern const struct reclaim_ops name##_ops;
#include "strategies.def"
#undef STRATEGY

#define STRATEGY(name) &name##_ops,
const struct reclaim_ops *const reclaim_strategies[] = {
#include "strategies.def"
	NULL,
};
#undef STRATEGY

const struct reclaim_ops *reclaim_strategy_find(const char *name)
{
	for (size_t i = 0; reclaim_strategies[i]; i++)
		if (!strcmp(reclaim_strategies[i]->name, name))
			return reclaim_strategies[i];
	return NULL;
}
