/* SPDX-License-Identifier: MIT */
/* stages.h - the --stages option: what load is offered, for how long, with which faults.
 *
 *     --stages=1k:5s,5k:5s,10k:5s:stall=10ms,max:5s:churn=8
 *
 * A stage is RATE:TIME with optional modifiers.  RATE is operations per second of all mutators
 * together, or `max` (closed loop: each thread starts its next operation when the last one ended).
 *
 *     stall=10ms     one reader stays inside its read section for 10 ms, again and again
 *     stall=forever  ... until the stage ends
 *     churn=N        N times in the stage, evenly spread, a worker unregisters and registers anew
 *
 * Pure functions, any thread; the struct is the caller's, nothing is allocated.
 */
#ifndef RECLAIMBENCH_STAGES_H
#define RECLAIMBENCH_STAGES_H

#include "load/load_error.h"

#include <stddef.h>
#include <stdint.h>

#define STAGES_MAX 64		   /* more stages than anybody plots */
#define STAGES_RATE_MAX 1000000000 /* operations per second: one a nanosecond */
#define STAGES_RATE_CLOSED UINT64_MAX
#define STAGES_STALL_FOREVER UINT64_MAX
#define STAGES_PART_BYTES 32  /* between two separators; "stall=12345.678ms" has 17 */
#define STAGES_NAME_BYTES 104 /* a rate, two modifiers with their colons, #64 */

struct stage {
	char name[STAGES_NAME_BYTES]; /* "5k", "max", "5k:stall=10ms"; the second of a name: "5k#2"
				       */
	uint64_t rate_per_s;	      /* STAGES_RATE_CLOSED: closed loop */
	uint64_t duration_ns;
	uint64_t stall_ns; /* 0: no stalled reader; STAGES_STALL_FOREVER: all through the stage */
	uint64_t n_churn;  /* threads that leave and join again during the stage */
};

struct stages {
	size_t n;
	struct stage stage[STAGES_MAX];
};

/* 0; -EINVAL or -ERANGE (an out-of-range number, too many stages), with a text that names the stage
 * and the character; *out is then undefined. */
int stages_parse(const char *text, struct stages *out, struct load_error *error)
	__attribute__((warn_unused_result));

uint64_t stages_total_ns(const struct stages *s);

#endif
