/* SPDX-License-Identifier: MIT */
/* gate.h - hands orders from the main thread to the workers and waits until all have done them.
 *
 *   main                            workers
 *   gate_open(order)  ------------> gate_next() returns the order
 *   gate_is_done(), gate_wait()  <- gate_done()
 *
 * The mutex orders what main wrote before gate_open() before what workers read after gate_next(), and
 * the other way round for gate_done() and gate_wait().  Cold: used between stages only.
 */
#ifndef RECLAIMBENCH_RUN_GATE_H
#define RECLAIMBENCH_RUN_GATE_H

#include <pthread.h>
#include <stdbool.h>
#include <stdint.h>

enum gate_order { GATE_PREFILL, GATE_STAGE, GATE_QUIT };

struct gate {
	pthread_mutex_t lock;
	pthread_cond_t opened, done;
	uint64_t n_orders; /* given so far; under the lock, as all below */
	enum gate_order order;
	unsigned n_workers;
	unsigned n_busy;
};

void gate_init(struct gate *g);
void gate_fini(struct gate *g);

/* Main: a worker more takes part, before the first order. */
void gate_add_worker(struct gate *g);
/* Main: give an order to all workers; none may be busy. */
void gate_open(struct gate *g, enum gate_order order);
/* Main: wait up to `timeout_ns` for all; whether all have done it. */
bool gate_wait(struct gate *g, uint64_t timeout_ns);

/* Worker: wait for the order after the `*n_seen`-th (0 at the start).  Offline. */
enum gate_order gate_next(struct gate *g, uint64_t *n_seen);
void gate_done(struct gate *g);

#endif
