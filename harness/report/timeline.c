/* SPDX-License-Identifier: MIT */
/* timeline.c - which rows of timeline.csv belong together. */
#include "report/timeline.h"

#include <errno.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* Whether a key is of these parts. */
static bool unit_is(const char *key, const char *const parts[3])
{
	for (int i = 0; i < 3; i++) {
		const size_t length = strlen(parts[i]);

		if (strncmp(key, parts[i], length) || key[length] != '\n')
			return false;
		key += length + 1;
	}
	return true;
}

int timeline_unit_next(struct timeline_unit *unit, const char *run_id, const char *cell_id,
		       const char *rep, uint64_t time_ns)
{
	const char *const parts[] = {run_id, cell_id, rep};
	const bool goes_on = unit->key && time_ns >= unit->time_ns && unit_is(unit->key, parts);

	unit->time_ns = time_ns;
	if (goes_on)
		return 1;
	free(unit->key);
	if (asprintf(&unit->key, "%s\n%s\n%s\n", run_id, cell_id, rep) >= 0)
		return 0;
	unit->key = NULL;
	return -ENOMEM;
}
