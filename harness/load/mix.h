/* SPDX-License-Identifier: MIT */
/* mix.h - the --mix option: shares of get, insert and delete, in percent: 50/25/25.
 *
 * Pure functions, any thread, nothing allocated.
 */
#ifndef RECLAIMBENCH_MIX_H
#define RECLAIMBENCH_MIX_H

#include "load/load_error.h"
#include "load/op.h"

struct mix {
	unsigned get_pct;
	unsigned insert_pct;
	unsigned delete_pct; /* the three sum to 100 */
};

/* 0 or -EINVAL with a text. */
int mix_parse(const char *text, struct mix *out, struct load_error *error)
	__attribute__((warn_unused_result));

/* The type for a number drawn uniformly from [0, 100). */
static inline enum op_type mix_pick(const struct mix *m, unsigned drawn)
{
	if (drawn < m->get_pct)
		return OP_GET;
	return drawn < m->get_pct + m->insert_pct ? OP_INSERT : OP_DELETE;
}

#endif
