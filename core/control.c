/* SPDX-License-Identifier: MIT */
/* control.c - the names of the faults on purpose; empty in ordinary builds. */
#include "control.h"

#ifdef RECLAIMBENCH_CONTROLS
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "perturb.h"

enum control control_chosen;

const char *const control_names[CONTROL_N] = {
	[CONTROL_none] = "none",
#define CONTROL_DEF(name, text) [CONTROL_##name] = #name,
#include "control.def"
#undef CONTROL_DEF
};

const char *const control_texts[CONTROL_N] = {
	[CONTROL_none] = "the code as it is",
#define CONTROL_DEF(name, text) [CONTROL_##name] = text,
#include "control.def"
#undef CONTROL_DEF
};

/* For programs that know nothing of controls: RECLAIMBENCH_CONTROL=NAME chooses one, and RECLAIMBENCH_CONTROL_SEED=N
 * perturbs the schedule. */
static void __attribute__((constructor)) control_from_environment(void)
{
	const char *name = getenv("RECLAIMBENCH_CONTROL"), *seed;
	int i = 0;

	seed = getenv("RECLAIMBENCH_CONTROL_SEED");
	if (seed)
		perturb_set_seed(strtoull(seed, NULL, 10));
	if (!name)
		return;
	while (i < CONTROL_N && strcmp(name, control_names[i]))
		i++;
	if (i == CONTROL_N) {
		fprintf(stderr, "RECLAIMBENCH_CONTROL=%s: no control of this name\n", name);
		exit(2);
	}
	control_chosen = (enum control)i;
}
#endif
