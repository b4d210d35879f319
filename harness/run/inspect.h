/* SPDX-License-Identifier: MIT */
/* inspect.h - the state of a map and of its memory, as text.  Main thread, while nobody else operates. */
#ifndef RECLAIMBENCH_RUN_INSPECT_H
#define RECLAIMBENCH_RUN_INSPECT_H

#include <stdio.h>

#include "hmap.h"
#include "reclaim.h"

/* Buckets, oldbuckets, nevacuate, cells by tophash state, chain lengths, addresses and the pages behind them. */
void inspect_map(struct hmap *m, struct reclaim_thread *t, FILE *out);

/* Which objects are retired and not freed, by class: how many, how large, since when; and which thread or
 * structure holds them.  Needs tracking.  Returns how many there are. */
uint64_t inspect_why(struct reclaim *r, struct hmap *m, struct reclaim_thread *t, FILE *out);

#endif
