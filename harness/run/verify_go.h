/* SPDX-License-Identifier: MIT */
/* verify_go.h - replay a recording of the real Go map (goref, golden.txt) and compare the map's evolution after
 * every operation, bit by bit.
 */
#ifndef RECLAIMBENCH_VERIFY_GO_H
#define RECLAIMBENCH_VERIFY_GO_H

#include <stddef.h>
#include <stdint.h>

struct verify_go_result {
	uint64_t n_operations; /* replayed */
	uint64_t n_agreed;     /* before the first difference */
	unsigned max_b;
	uint64_t n_growths, n_same_size;
	char difference[256]; /* the first difference, with the line; "" when all agreed */
};

/* Read `path` (plain or gzip) and replay.  0 when the file could be read to its end (whether or not the map
 * agreed), else -errno with `message` naming file and line and what would be right. */
int verify_go(const char *path, struct verify_go_result *out, char *message, size_t message_size);

#endif
