/* SPDX-License-Identifier: MIT */
/* pace.h - wait for an intended start.
 *
 * Far ahead of it the worker sleeps until 80 to 150 us before (as much as the kernel's wake-ups
 * have lately needed), then spins on the clock: p50 lateness is then one clock read.  With fewer
 * cores than threads spinning would take the core from the thread that has work: PACE_SLEEP_ONLY
 * sleeps up to the start itself, and the caller says so in its results.
 *
 * A struct pace belongs to one thread, the one that called pace_init().  The hooks run on that
 * thread: `asleep` before it sleeps (go offline), `awake` after (come online; before the spin, so
 * that its cost is not lateness), `poll` in each turn of the spin (safepoint).  Never inside a read
 * section.
 */
#ifndef RECLAIMBENCH_PACE_H
#define RECLAIMBENCH_PACE_H

#include "atomic.h"
#include "clock.h"

#include <stdbool.h>
#include <stdint.h>

enum pace_mode { PACE_SLEEP_AND_SPIN, PACE_SLEEP_ONLY };

struct pace_hooks {
	void *ctx;
	void (*asleep)(void *ctx); /* each may be NULL */
	void (*awake)(void *ctx);
	void (*poll)(void *ctx);
};

struct pace {
	const struct clock *clock;
	const atomic_bool *stop; /* NULL: none.  Relaxed reads: only ends waiting */
	struct pace_hooks hooks;
	enum pace_mode mode;
	uint64_t guard_ns; /* wake up this long before the start */
	uint64_t guard_ticks;
	uint64_t near_ticks; /* 1 us */
	uint64_t n_sleeps;
	uint64_t n_overslept; /* sleeps that ended after the start */
};

/* Prepare the calling thread, and ask the kernel for timers without slack (50 us by default;
 * refusal is harmless).  `clock`, `stop` and the hooks' ctx must outlive it. */
void pace_init(struct pace *p, const struct clock *clock, enum pace_mode mode,
	       const atomic_bool *stop, const struct pace_hooks *hooks);

/* pace_wait() when the start is further away than the guard.  Returns the clock. */
uint64_t pace_wait_long(struct pace *p, uint64_t start_ticks);

/* Wait until the clock reads `start_ticks`; at once when that is past.  Returns the clock's
 * reading, which is the actual start: below start_ticks only when the stop flag ended the wait
 * (seen within 20 ms asleep, at once spinning). */
static inline uint64_t pace_wait(struct pace *p, uint64_t start_ticks)
{
	uint64_t now = clock_ticks(p->clock);

	if (now >= start_ticks)
		return now;
	if (p->mode == PACE_SLEEP_ONLY || start_ticks - now > p->guard_ticks) {
		now = pace_wait_long(p, start_ticks);
		if (p->mode == PACE_SLEEP_ONLY)
			return now;
	}
	while (now < start_ticks) {
		if (p->stop && load_relaxed(p->stop))
			break;
		if (p->hooks.poll)
			p->hooks.poll(p->hooks.ctx);
		/* PAUSE takes 40 to 140 cycles: not within the last microsecond, where it would be
		 * lateness. */
		if (start_ticks - now > p->near_ticks)
			cpu_relax();
		now = clock_ticks(p->clock);
	}
	return now;
}

#endif
