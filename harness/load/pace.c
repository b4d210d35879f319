/* SPDX-License-Identifier: MIT */
/* pace.c - the sleeping half of pacing. */
#include "load/pace.h"

#include <sys/prctl.h>
#include <time.h>

/* Bounds from MEASURING section 2.  The low one covers an ordinary wake-up, the high one a core
 * that came out of a deep idle state. */
#define PACE_GUARD_MIN_NS 80000
#define PACE_GUARD_MAX_NS 150000
/* The longest single sleep: how long a stop can go unseen. */
#define PACE_NAP_NS 20000000
/* Below this a sleep costs more than it spares. */
#define PACE_SHORTEST_NS 2000

static void pace_set_guard(struct pace *p, uint64_t guard_ns)
{
	p->guard_ns = guard_ns;
	p->guard_ticks = clock_ns_to_ticks(p->clock, guard_ns);
}

void pace_init(struct pace *p, const struct clock *clock, enum pace_mode mode,
	       const atomic_bool *stop, const struct pace_hooks *hooks)
{
	*p = (struct pace){.clock = clock, .stop = stop, .mode = mode};
	if (hooks)
		p->hooks = *hooks;
	pace_set_guard(p, PACE_GUARD_MIN_NS);
	p->near_ticks = clock_ns_to_ticks(clock, 1000);
	prctl(PR_SET_TIMERSLACK, 1ul, 0ul, 0ul, 0ul);
}

/* Follow the wake-ups: up to what this one needed (and half as much again), down by 1/64 of the
 * difference each time, so that one late wake-up is remembered for some hundred sleeps. */
static void pace_adapt(struct pace *p, uint64_t late_ns)
{
	uint64_t want_ns = late_ns + late_ns / 2;

	if (want_ns < PACE_GUARD_MIN_NS)
		want_ns = PACE_GUARD_MIN_NS;
	if (want_ns > PACE_GUARD_MAX_NS)
		want_ns = PACE_GUARD_MAX_NS;
	if (want_ns < p->guard_ns)
		want_ns = p->guard_ns - (p->guard_ns - want_ns) / 64;
	pace_set_guard(p, want_ns);
}

static void pace_nap(uint64_t ns)
{
	const struct timespec ts = {.tv_sec = (time_t)(ns / 1000000000u),
				    .tv_nsec = (long)(ns % 1000000000u)};

	/* A signal ends the nap early: the caller looks at the stop flag and the clock. */
	clock_nanosleep(CLOCK_MONOTONIC, 0, &ts, NULL);
}

uint64_t pace_wait_long(struct pace *p, uint64_t start_ticks)
{
	const bool is_spinning = p->mode == PACE_SLEEP_AND_SPIN;
	const uint64_t lead_ticks = is_spinning ? p->guard_ticks : 0;
	const uint64_t wake_ticks = start_ticks - lead_ticks;
	uint64_t now = clock_ticks(p->clock);

	if (p->hooks.asleep)
		p->hooks.asleep(p->hooks.ctx);
	p->n_sleeps++;
	while (now < wake_ticks && !(p->stop && load_relaxed(p->stop))) {
		const uint64_t left_ns = clock_delta_ns(p->clock, now, wake_ticks);

		if (left_ns > PACE_NAP_NS)
			pace_nap(PACE_NAP_NS);
		else
			pace_nap(left_ns > PACE_SHORTEST_NS ? left_ns : PACE_SHORTEST_NS);
		now = clock_ticks(p->clock);
	}
	if (now >= start_ticks && is_spinning)
		p->n_overslept++;
	if (is_spinning && now >= wake_ticks)
		pace_adapt(p, clock_delta_ns(p->clock, wake_ticks, now));
	if (p->hooks.awake)
		p->hooks.awake(p->hooks.ctx);
	return clock_ticks(p->clock);
}
