/* SPDX-License-Identifier: MIT */
/* perturb.c - seeded schedule perturbation; see perturb.h.  Empty in ordinary builds. */
#include "perturb.h"

#ifdef RECLAIMBENCH_PERTURB

#include <sched.h>
#include <time.h>

#include "atomic.h"

_Thread_local struct perturb perturb_self;
static uint64_t perturb_seed; /* written before threads exist */

void perturb_set_seed(uint64_t seed)
{
	perturb_seed = seed;
}

/* xorshift64* (Vigna, public domain). */
static uint64_t perturb_next(struct perturb *p)
{
	p->state ^= p->state >> 12;
	p->state ^= p->state << 25;
	p->state ^= p->state >> 27;
	return p->state * UINT64_C(0x2545f4914f6cdd1d);
}

void perturb_thread(uint64_t index)
{
	struct perturb *p = &perturb_self;

	p->state = 0;
	if (!perturb_seed)
		return;
	p->state = (perturb_seed + index) * UINT64_C(0x9e3779b97f4a7c15) | 1;
	p->left = 1 + (uint32_t)(perturb_next(p) >> 32) % 64;
}

/* A mixture of lengths: most pauses shorter than an operation, some longer than a whole section, a few that outlast
 * a time slice's worth of the others' work.  On few processors only sleeping lets another thread run at once. */
void perturb_act(struct perturb *p)
{
	const uint64_t draw = perturb_next(p);
	const unsigned kind = draw % 32;
	struct timespec ts = {0};

	/* Between 1 and 256, small ones as likely as large ones. */
	p->left = 1 + (uint32_t)((draw >> 8) % (UINT64_C(1) << (1 + (draw >> 40) % 8)));
	if (kind < 16) {
		for (unsigned n = (draw >> 16) % 64; n; n--)
			cpu_relax();
	} else if (kind < 29) {
		sched_yield();
	} else {
		ts.tv_nsec = 1000 + (long)((draw >> 16) % (kind == 31 ? 200000 : 5000));
		nanosleep(&ts, NULL);
	}
}

void perturb_sleep(struct perturb *p)
{
	const struct timespec ts = {.tv_nsec = 20000 + (long)((perturb_next(p) >> 16) % 100000)};

	nanosleep(&ts, NULL);
}

#endif
