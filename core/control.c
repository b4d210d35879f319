/* SPDX-License-Identifier: MIT */
/* control.c - the names of the faults on purpose; empty in ordinary builds. */
#include "control.h"

#ifdef RECLAIMBENCH_CONTROLS
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
#endif
