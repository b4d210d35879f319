/* SPDX-License-Identifier: MIT */
/* op.h - one operation on the map, as generators and traces hand it to a worker. */
#ifndef RECLAIMBENCH_OP_H
#define RECLAIMBENCH_OP_H

#include <stdint.h>

enum op_type {
	OP_GET,
	OP_INSERT,
	OP_DELETE,
	OP_UPDATE,	/* traces only: replace the value of a key (insert over it) */
	OP_THREAD_DONE, /* traces only: a thread of the recorded program ended; the worker leaves */
	OP_N_TYPES,
};

struct op {
	enum op_type type;
	uint32_t size_bytes; /* traces: size recorded for the entry; generators: 0 */
	uint64_t key;
	uint64_t value; /* to store; differs from one insert of a key to the next */
};

static inline const char *op_type_name(enum op_type type)
{
	static const char *const names[OP_N_TYPES] = {"get", "insert", "delete", "update",
						      "thread_done"};

	return names[type];
}

#endif
