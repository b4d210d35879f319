/* SPDX-License-Identifier: MIT */
/* gc_pacer.c - Go 1.19.8's pacing formulas (runtime/mgcpacer.go); see gc_pacer.h. */
#include "gc/gc_pacer.h"

#include <math.h>
#include <string.h>

static double gc_pacer_load(_Atomic(uint64_t) const *p)
{
	/* relaxed: a stale ratio only shifts an assist */
	const uint64_t bits = load_relaxed(p);
	double value;

	memcpy(&value, &bits, sizeof(value));
	return value;
}

static void gc_pacer_store(_Atomic(uint64_t) *p, double value)
{
	uint64_t bits;

	memcpy(&bits, &value, sizeof(bits));
	store_relaxed(p, bits);
}

double gc_pacer_work_per_byte(const struct gc_pacer *p)
{
	return gc_pacer_load(&p->assist_work_per_byte);
}

double gc_pacer_bytes_per_work(const struct gc_pacer *p)
{
	return gc_pacer_load(&p->assist_bytes_per_work);
}

bool gc_pi_next(struct gc_pi *c, double input, double setpoint, double period, double *out)
{
	const double raw = c->kp * (setpoint - input) + c->integral;
	double output = raw;

	if (!isfinite(raw)) {
		c->integral = 0;
		*out = c->min;
		return false;
	}
	if (output < c->min)
		output = c->min;
	else if (output > c->max)
		output = c->max;
	if (c->ti != 0 && c->tt != 0) {
		c->integral += (c->kp * period / c->ti) * (setpoint - input) +
			       (period / c->tt) * (output - raw);
		if (!isfinite(c->integral)) {
			c->integral = 0;
			*out = c->min;
			return false;
		}
	}
	*out = output;
	return true;
}

void gc_pacer_init(struct gc_pacer *p, uint64_t gogc_percent, double share, unsigned n_procs,
		   uint64_t stack_bytes, uint64_t globals_bytes)
{
	memset(p, 0, sizeof(*p));
	p->gogc_percent = gogc_percent;
	/* Go computes 4 MB * GOGC/100; off never reaches it. */
	p->heap_minimum_bytes = gogc_percent == GC_GOGC_OFF
					? UINT64_MAX
					: GC_PACER_HEAP_MINIMUM_BYTES * gogc_percent / 100;
	p->share = share;
	p->n_procs = n_procs ? n_procs : 1;
	p->max_stack_bytes = stack_bytes;
	p->globals_bytes = globals_bytes;
	p->triggered_bytes = UINT64_MAX;
	p->cons_mark_pi =
		(struct gc_pi){.kp = 0.9, .ti = 4.0, .tt = 1000, .min = -1000, .max = 1000};
	gc_pacer_commit(p, true);
}

/* heapGoalInternal without the memory limit. */
static uint64_t gc_pacer_goal_and_min(const struct gc_pacer *p, uint64_t *trigger_min)
{
	uint64_t goal = p->goal_percent_bytes;

	if (p->sweep_trigger_min_bytes > goal)
		goal = p->sweep_trigger_min_bytes;
	*trigger_min = p->sweep_trigger_min_bytes;
	if (p->triggered_bytes != UINT64_MAX && goal < p->triggered_bytes + GC_PACER_RUNWAY_BYTES)
		goal = p->triggered_bytes + GC_PACER_RUNWAY_BYTES;
	return goal;
}

uint64_t gc_pacer_goal(const struct gc_pacer *p)
{
	uint64_t trigger_min;

	return gc_pacer_goal_and_min(p, &trigger_min);
}

uint64_t gc_pacer_trigger(const struct gc_pacer *p)
{
	uint64_t trigger_min;
	const uint64_t goal = gc_pacer_goal_and_min(p, &trigger_min);
	const uint64_t marked = p->marked_bytes;
	uint64_t lower, trigger_max, trigger;

	if (marked >= goal)
		return goal;
	if (trigger_min < marked)
		trigger_min = marked;
	lower = (goal - marked) / GC_PACER_TRIGGER_DEN * GC_PACER_TRIGGER_MIN_NUM + marked;
	if (trigger_min < lower)
		trigger_min = lower;
	trigger_max = (goal - marked) / GC_PACER_TRIGGER_DEN * GC_PACER_TRIGGER_MAX_NUM + marked;
	if (goal > GC_PACER_HEAP_MINIMUM_BYTES && goal - GC_PACER_HEAP_MINIMUM_BYTES > trigger_max)
		trigger_max = goal - GC_PACER_HEAP_MINIMUM_BYTES;
	if (trigger_max < trigger_min)
		trigger_max = trigger_min;
	trigger = p->runway_bytes > goal ? trigger_min : goal - p->runway_bytes;
	if (trigger < trigger_min)
		trigger = trigger_min;
	if (trigger > trigger_max)
		trigger = trigger_max;
	return trigger;
}

/* The number of workers whose share is closest to the wanted one, and the fraction that corrects the rounding
 * where it is off by more than 30 % (1, 2, 3 and 6 processors at 25 %). */
static void gc_pacer_set_workers(struct gc_pacer *p)
{
	const double total = (double)p->n_procs * p->share;
	const double max_error = 0.3;
	double error;

	p->n_dedicated = (unsigned)(total + 0.5);
	p->fractional_share = 0;
	error = (double)p->n_dedicated / total - 1;
	if (error < -max_error || error > max_error) {
		if ((double)p->n_dedicated > total)
			p->n_dedicated--;
		p->fractional_share = (total - (double)p->n_dedicated) / (double)p->n_procs;
	}
}

double gc_pacer_marker_share(const struct gc_pacer *p, unsigned number)
{
	if (number < p->n_dedicated)
		return 1;
	return number == p->n_dedicated ? p->fractional_share * (double)p->n_procs : 0;
}

void gc_pacer_start_cycle(struct gc_pacer *p, uint64_t now_ns)
{
	/* relaxed: the world is stopped */
	store_relaxed(&p->scan_work_bytes, 0);
	store_relaxed(&p->credit_bytes, 0);
	store_relaxed(&p->assist_ns, 0);
	store_relaxed(&p->idle_mark_ns, 0);
	store_relaxed(&p->background_mark_ns, 0);
	p->mark_begin_ns = now_ns;
	/* The trigger as computed, not the live size at which the cycle really began: so does Go 1.19. */
	p->triggered_bytes = gc_pacer_trigger(p);
	gc_pacer_set_workers(p);
	gc_pacer_revise(p);
}

/* Go scans stacks and globals at the begin of marking and counts them as work done.  Here they are sizes only. */
static double gc_pacer_root_work(const struct gc_pacer *p)
{
	return (double)p->max_stack_bytes + (double)p->globals_bytes;
}

void gc_pacer_revise(struct gc_pacer *p)
{
	/* A forced cycle with GOGC off paces as if GOGC were huge. */
	const double gogc = p->gogc_percent == GC_GOGC_OFF ? 100000 : (double)p->gogc_percent;
	const double live = (double)load_relaxed(&p->live_bytes);
	const double work = (double)load_relaxed(&p->scan_work_bytes) + gc_pacer_root_work(p);
	const double max_work = (double)load_relaxed(&p->scannable_bytes) +
				(double)p->max_stack_bytes + (double)p->globals_bytes;
	double expected =
		(double)(p->last_scan_bytes + p->last_stack_scan_bytes + p->globals_bytes);
	double goal = (double)gc_pacer_goal(p);
	double work_left, heap_left;

	if (work > expected) {
		/* More than last time: the heap grows.  Move the goal so that the assist ratio stays, but not
		 * beyond what the next cycle will use anyway. */
		const double hard = (1.0 + gogc / 100.0) * goal;
		const double triggered = (double)p->triggered_bytes;
		double extended = hard;

		if (expected > 0)
			extended = (goal - triggered) / expected * max_work + triggered;
		expected = max_work;
		goal = extended > hard ? hard : extended;
	}
	if (live > goal) {
		goal *= 1.1; /* maxOvershoot */
		expected = max_work;
	}
	work_left = expected - work;
	if (work_left < GC_PACER_SCAN_LEFT_MIN_BYTES)
		work_left = GC_PACER_SCAN_LEFT_MIN_BYTES;
	heap_left = goal - live;
	if (heap_left <= 0)
		heap_left = 1;
	gc_pacer_store(&p->assist_work_per_byte, work_left / heap_left);
	gc_pacer_store(&p->assist_bytes_per_work, heap_left / work_left);
}

void gc_pacer_end_cycle(struct gc_pacer *p, uint64_t now_ns)
{
	const double wall_ns = (double)(now_ns - p->mark_begin_ns) * (double)p->n_procs;
	const uint64_t live = load_relaxed(&p->live_bytes);
	double utilization = p->share;
	double idle = 0, work, current;

	p->last_goal_bytes = gc_pacer_goal(p);
	if (wall_ns > 0) {
		utilization += (double)load_relaxed(&p->assist_ns) / wall_ns;
		idle = (double)load_relaxed(&p->idle_mark_ns) / wall_ns;
	}
	if (live <= p->triggered_bytes)
		return; /* too short to learn from */
	work = (double)load_relaxed(&p->scan_work_bytes) + gc_pacer_root_work(p);
	current = ((double)(live - p->triggered_bytes) * (utilization + idle)) /
		  (work * (1 - utilization));
	if (!gc_pi_next(&p->cons_mark_pi, p->cons_mark, current, 1.0, &p->cons_mark))
		p->cons_mark = 0;
}

void gc_pacer_reset_live(struct gc_pacer *p, uint64_t marked_bytes)
{
	const uint64_t work = (uint64_t)load_relaxed(&p->scan_work_bytes);

	p->marked_bytes = marked_bytes;
	store_relaxed(&p->live_bytes, marked_bytes);
	store_relaxed(&p->scannable_bytes, work);
	p->last_scan_bytes = work;
	p->last_stack_scan_bytes = p->max_stack_bytes;
	p->triggered_bytes = UINT64_MAX;
}

void gc_pacer_commit(struct gc_pacer *p, bool is_sweep_done)
{
	const uint64_t base = p->marked_bytes + p->last_stack_scan_bytes + p->globals_bytes;
	double runway;

	p->sweep_trigger_min_bytes =
		is_sweep_done ? 0 : load_relaxed(&p->live_bytes) + GC_PACER_SWEEP_DISTANCE_BYTES;
	p->goal_percent_bytes = p->gogc_percent == GC_GOGC_OFF
					? UINT64_MAX
					: p->marked_bytes + base * p->gogc_percent / 100;
	if (p->goal_percent_bytes < p->heap_minimum_bytes)
		p->goal_percent_bytes = p->heap_minimum_bytes;
	runway = p->cons_mark * (1 - p->share) / p->share *
		 (double)(p->last_scan_bytes + p->last_stack_scan_bytes + p->globals_bytes);
	/* The controller may go below zero; Go's conversion of a negative float is then huge on amd64 and the
	 * trigger takes its lower bound.  Same here, without relying on the conversion. */
	p->runway_bytes = runway < 0 || !(runway < 9e18) ? UINT64_MAX : (uint64_t)runway;
	store_relaxed(&p->trigger_bytes,
		      p->gogc_percent == GC_GOGC_OFF ? UINT64_MAX : gc_pacer_trigger(p));
}

double gc_pacer_sweep_pages_per_byte(uint64_t trigger_bytes, uint64_t live_bytes,
				     uint64_t pages_in_use, uint64_t pages_swept)
{
	int64_t distance;

	if (pages_in_use <= pages_swept)
		return 0;
	if (trigger_bytes == UINT64_MAX)
		return 0; /* nothing is waiting for the sweep */
	distance = (int64_t)trigger_bytes - (int64_t)live_bytes - (1 << 20);
	if (distance < GC_PACER_PAGE_BYTES)
		distance = GC_PACER_PAGE_BYTES;
	return (double)(pages_in_use - pages_swept) / (double)distance;
}
