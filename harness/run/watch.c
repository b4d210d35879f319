/* SPDX-License-Identifier: MIT */
/* watch.c - points of a running stage; see watch.h. */
#include "run/watch.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "measure/km.h"
#include "run/instance.h"

static uint64_t watch_count(const struct run_instance *in, uint32_t bin)
{
	uint64_t n = 0;

	for (unsigned i = 0; i < in->n_mutators; i++)
		n += load_relaxed(&in->workers[i].watch->bins[bin]); /* see watch_record() */
	return n;
}

/* Put what was counted since the last point into `point`. */
static void watch_read(struct watch *w)
{
	hist_reset(&w->point);
	for (uint32_t bin = 0; bin < HIST_N_BINS; bin++) {
		const uint64_t n = watch_count(w->in, bin) - w->seen[bin];

		w->point.bins[bin] = n;
		w->point.n += n;
		if (n > 0)
			w->point.max = hist_high(bin);
	}
}

/* `point` is done; the next begins where it ended. */
static void watch_take(struct watch *w)
{
	for (uint32_t bin = 0; bin < HIST_N_BINS; bin++)
		w->seen[bin] += w->point.bins[bin];
}

int watch_init(struct watch *w, struct run_instance *in, uint64_t begin_ticks, uint64_t duration_ns)
{
	int error;

	memset(w, 0, sizeof(*w));
	w->in = in;
	w->begin_ticks = begin_ticks;
	w->point_ticks = begin_ticks;
	w->seen = calloc(HIST_N_BINS, sizeof(*w->seen));
	if (w->seen == NULL)
		return -ENOMEM;
	error = steady_init(&w->steady, in->steady, duration_ns);
	if (error != 0)
		return error;
	watch_read(w);
	watch_take(w);
	return 0;
}

void watch_fini(struct watch *w)
{
	free(w->seen);
	w->seen = NULL;
	steady_fini(&w->steady);
}

bool watch_look(void *watch)
{
	struct watch *w = watch;
	const struct clock *clock = w->in->clock;
	const uint64_t now = clock_ticks(clock);
	const double q = w->steady.rule.q;

	if (now < w->point_ticks + clock_ns_to_ticks(clock, STEADY_POINT_NS))
		return false;
	watch_read(w);
	if (w->point.n < km_samples_needed(q))
		return false;
	watch_take(w);
	const uint64_t middle = w->point_ticks + (now - w->point_ticks) / 2;
	const double at_s = (double)clock_delta_ns(clock, w->begin_ticks, middle) * 1e-9;

	w->point_ticks = now;
	if (steady_add(&w->steady, at_s, hist_quantile(&w->point, q)))
		w->end_ticks = now;
	return w->end_ticks != 0;
}
