/* SPDX-License-Identifier: MIT */
/* km.c - Kaplan-Meier with delayed entry.  Product limit: Kaplan and Meier 1958; left truncation as in
 * Klein and Moeschberger, Survival Analysis, section 4.6; variance: Greenwood 1926. */
#include "measure/km.h"

#include <math.h>
#include <string.h>

const char *const km_status_names[] = {
	[KM_OK] = "ok",
	[KM_WEAK] = "weak",
	[KM_CENSORED] = "censored",
	[KM_NONE] = "not_available",
};

/* A phase with more censored than this is weak (MEASURING section 2, point 6). */
#define KM_WEAK_CENSORED_SHARE 0.05

static double km_bin_width(uint32_t bin)
{
	return (double)(hist_high(bin) - hist_low(bin));
}

/* The walk over the bins: who is at risk now, and who will still enter. */
struct km_walk {
	double at_risk;	   /* at the lower end of the bin */
	uint64_t to_enter; /* in this bin and later */
	double survival;
	double greenwood;
};

/* One bin: the share of those at risk whose phase ended in it. */
static void km_step(struct km *km, struct km_walk *w, const struct life_hist *h, uint32_t bin)
{
	const double events = (double)h->events[bin];
	const double entered = (double)h->entered[bin];
	const double censored = (double)h->censored[bin];
	double risk = w->at_risk;

	if (km_bin_width(bin) > 1)
		risk += (entered - censored) / 2;
	if (risk < events)
		risk = events;
	w->to_enter -= h->entered[bin];
	/* Some are seen to outlive the bin, so not all can have died: those who entered it did so before
	 * the deaths, not evenly. */
	if (risk <= events && w->at_risk + entered > events + censored)
		risk = w->at_risk + entered;
	w->at_risk += entered - events - censored;
	/* Later entries will be seen to outlive this: S is not 0 here, whatever the product says. */
	const bool is_gap = w->at_risk <= 0 && w->to_enter > 0;

	if (is_gap && km->gap_bin == HIST_N_BINS && events + censored > 0)
		km->gap_bin = bin;
	if (events <= 0 || (is_gap && risk <= events))
		return;
	w->survival *= 1 - events / risk;
	w->greenwood += risk > events ? events / (risk * (risk - events)) : 0;
}

/* S falls evenly inside a bin, so its area there is the mean of both ends. */
static double km_bin_area(uint32_t bin, double before, double after, uint64_t last_ns)
{
	double width = km_bin_width(bin);

	if (width <= 1)
		return before; /* it falls at the lower end of the next */
	if (last_ns < hist_high(bin))
		width = (double)last_ns - (double)hist_low(bin);
	return width * (before + after) / 2;
}

void km_estimate(struct km *km, const struct life_hist *h)
{
	struct km_walk w = {
		.at_risk = (double)h->n_from_zero, .to_enter = h->n_entered, .survival = 1};
	const uint64_t last_ns =
		h->max_event_ns > h->max_censored_ns ? h->max_event_ns : h->max_censored_ns;

	memset(km, 0, sizeof(*km));
	km->n_events = h->n_events;
	km->n_censored = h->n_censored;
	km->n_entered = h->n_entered;
	km->max_event_ns = h->max_event_ns;
	km->max_censored_ns = h->max_censored_ns;
	/* With nobody from age 0 on, all that can be said is conditional on the first entry's age. */
	km->gap_bin = h->n_from_zero == 0 && h->n_entered > 0 ? 0 : HIST_N_BINS;
	for (uint32_t bin = 0; bin < HIST_N_BINS; bin++) {
		const double before = w.survival;

		km_step(km, &w, h, bin);
		km->survival[bin] = w.survival;
		km->greenwood[bin] = w.greenwood;
		if (hist_low(bin) < last_ns)
			km->area_ns += km_bin_area(bin, km_bin_width(bin) > 1 ? before : w.survival,
						   w.survival, last_ns);
	}
}

double km_censored_share(const struct km *km)
{
	const double n = (double)(km->n_events + km->n_censored);

	return n > 0 ? (double)km->n_censored / n : 0;
}

uint64_t km_samples_needed(double q)
{
	return (uint64_t)ceil(log(0.025) / log(q));
}

static struct km_value km_none(void)
{
	return (struct km_value){NAN, NAN, KM_NONE, "nothing of this kind died in this stage"};
}

static struct km_value km_bound(uint64_t at_least_ns, const char *reason)
{
	return (struct km_value){(double)at_least_ns, NAN, KM_CENSORED, reason};
}

static uint64_t km_last_ns(const struct km *km)
{
	return km->max_censored_ns > km->max_event_ns ? km->max_censored_ns : km->max_event_ns;
}

/* What makes an estimate at `bin` doubtful; NULL: nothing. */
static const char *km_doubt(const struct km *km, uint64_t n_needed, uint32_t bin)
{
	if (km->n_events < n_needed)
		return "too few samples for this percentile";
	if (km_censored_share(km) > KM_WEAK_CENSORED_SHARE)
		return "over 5 % censored";
	if (bin >= km->gap_bin)
		return "nobody was at risk for a while before this age";
	return NULL;
}

static struct km_value km_judge(const struct km *km, double value_ns, double se, uint64_t n_needed,
				uint32_t bin)
{
	const char *doubt = km_doubt(km, n_needed, bin);

	return (struct km_value){value_ns, se, doubt != NULL ? KM_WEAK : KM_OK,
				 doubt != NULL ? doubt : ""};
}

/* Where inside `bin` S passes `target`. */
static double km_interpolate(const struct km *km, uint32_t bin, double target)
{
	const double before = bin > 0 ? km->survival[bin - 1] : 1;
	const double after = km->survival[bin];
	const double low = (double)hist_low(bin);
	const double width = km_bin_width(bin);
	double value = low;

	if (width > 1)
		value += width * (before - target) / (before - after);
	/* Only the last events' bin reaches past the largest. */
	return value < (double)km->max_event_ns ? value : (double)km->max_event_ns;
}

struct km_value km_quantile(const struct km *km, double q)
{
	const double target = 1 - q;

	if (km->n_events + km->n_censored == 0)
		return km_none();
	for (uint32_t bin = 0; bin < HIST_N_BINS; bin++) {
		/* 1e-12: S of a product of exact fractions may miss 1/2 by rounding. */
		if (km->survival[bin] > target + 1e-12)
			continue;
		return km_judge(km, km_interpolate(km, bin, target),
				km->survival[bin] * sqrt(km->greenwood[bin]), km_samples_needed(q),
				bin);
	}
	return km_bound(km_last_ns(km), "the percentile lies beyond the end of the stage");
}

struct km_value km_max(const struct km *km)
{
	if (km->n_events + km->n_censored == 0)
		return km_none();
	if (km->max_censored_ns > km->max_event_ns)
		return km_bound(km->max_censored_ns, "an object older than this was not yet freed");
	return km_judge(km, (double)km->max_event_ns, NAN, 1, 0);
}

struct km_value km_mean(const struct km *km)
{
	if (km->n_events + km->n_censored == 0)
		return km_none();
	if (km->survival[HIST_N_BINS - 1] > 1e-12)
		return (struct km_value){km->area_ns, NAN, KM_CENSORED,
					 "restricted to the longest age observed"};
	return km_judge(km, km->area_ns, NAN, 1, hist_bin(km_last_ns(km)));
}
