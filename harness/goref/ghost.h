/* SPDX-License-Identifier: MIT */
/* ghost.h - memory that a map holds without using it, under the preset go: the stopped growth, the values that
 * an iterated map pins, and the cure (GO-FACTS section 1; ghost.csv and pin.csv of the reference).
 *
 * Each function makes a domain, measures and unmakes it.  No clock, no second thread but the collector:
 * the same seed gives the same figures.
 */
#ifndef RECLAIMBENCH_GOREF_GHOST_H
#define RECLAIMBENCH_GOREF_GHOST_H

#include "clock.h"

#include <stddef.h>
#include <stdint.h>

struct ghost_result {
	unsigned old_b;
	uint64_t n_entries; /* one more than the old array may hold */
	/* Bytes allocated and not freed, after collections. */
	uint64_t before_bytes;	/* the growth has not begun */
	uint64_t stopped_bytes; /* it has begun, and nobody writes */
	uint64_t read_bytes;	/* after reading every entry: reads do not move buckets */
	uint64_t ended_bytes;	/* after the writes that end it */
	uint64_t rebuilt_bytes; /* a stopped growth, copied into a new map, the old one dropped */
	uint64_t n_writes;	/* map writes that it took to end, the first included */
};

struct pin_result {
	uint64_t n_deleted, n_freed_growing, n_freed_after; /* values; the last two are totals */
	uint64_t n_writes; /* deletes of absent keys until the growth had ended */
};

/* 0 or -errno with a message.  `n_keys` at least 16. */
int ghost_measure(struct ghost_result *out, uint64_t n_keys, uint64_t seed,
		  const struct clock *clock, char *message, size_t message_size)
	__attribute__((warn_unused_result));
/* `is_iterated`: the map is ranged over before it grows. */
int pin_measure(struct pin_result *out, uint64_t n_keys, bool is_iterated, uint64_t seed,
		const struct clock *clock, char *message, size_t message_size)
	__attribute__((warn_unused_result));

#endif
