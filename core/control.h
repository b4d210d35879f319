/* SPDX-License-Identifier: MIT */
/* control.h - faults on purpose, in builds with RECLAIMBENCH_CONTROLS only: does the audit notice?
 *
 * CONTROL(name) stands in the code at the very place where a correct line is left out or done in the wrong order;
 * it is constant false in every other build, so the sound version of the code is the same code.  One control at
 * a time is chosen for the whole process, before any thread (strategies/tests/controls/, or RECLAIMBENCH_CONTROL=NAME
 * in the environment of any program of such a build).
 */
#ifndef RECLAIMBENCH_CONTROL_H
#define RECLAIMBENCH_CONTROL_H

#include <stdbool.h>

#ifdef RECLAIMBENCH_CONTROLS
enum control {
	CONTROL_none,
#define CONTROL_DEF(name, text) CONTROL_##name,
#include "control.def"
#undef CONTROL_DEF
	CONTROL_N,
};
extern enum control control_chosen; /* mutable file-scope state: of test builds only */
extern const char *const control_names[CONTROL_N];
extern const char *const control_texts[CONTROL_N];
#define CONTROL(name) (control_chosen == CONTROL_##name)
#else
#define CONTROL(name) false
#endif

#endif
