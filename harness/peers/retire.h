/* SPDX-License-Identifier: MIT */
/* retire.h - what retire.c and the libraries' direct versions share. */
#ifndef RECLAIMBENCH_PEERS_RETIRE_H
#define RECLAIMBENCH_PEERS_RETIRE_H

#include <stdint.h>

/* Objects a round: enough that the end of a batch (a grace period, two stops) is a small part. */
#define RETIRE_N 65536u
#define RETIRE_BYTES 144u

uint64_t retire_cpu_ns(void);
/* `objects` is room for RETIRE_N; fills n_rounds figures.  0 or -ENOMEM. */
int retire_ck_epoch(void **objects, double *ns, unsigned n_rounds);
int retire_call_rcu(void **objects, double *ns, unsigned n_rounds);

#endif
