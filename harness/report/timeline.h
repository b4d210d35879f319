/* SPDX-License-Identifier: MIT */
/* timeline.h - which rows of timeline.csv belong together.  Rows are appended: one file may hold several runs of a cell,
 * each with a first repetition, and times that begin anew.  One thread.
 */
#ifndef RECLAIMBENCH_TIMELINE_H
#define RECLAIMBENCH_TIMELINE_H

#include <stdint.h>

/* The repetition that the row before was of; zeroed at first. */
struct timeline_unit {
	char *key; /* owned: release with free() */
	uint64_t time_ns;
};

/* Take the next row.  1: it goes on with the same repetition of the same run and cell, and time has not fallen;
 * 0: another begins; or -ENOMEM. */
int timeline_unit_next(struct timeline_unit *unit, const char *run_id, const char *cell_id,
		       const char *rep, uint64_t time_ns) __attribute__((warn_unused_result));

#endif
