/* SPDX-License-Identifier: MIT */
/* pmu_value.c - from two readings to a value with its honesty; sums, ratios, reasons. */
#include <errno.h>
#include <inttypes.h>
#include <stdarg.h>
#include <string.h>
#include <sys/resource.h>

#include "pmu_internal.h"

const char *const pmu_state_names[] = {
	[PMU_OK] = "ok",
	[PMU_ESTIMATED] = "estimated",
	[PMU_NOT_COUNTED] = "not_counted",
	[PMU_NOT_AVAILABLE] = "not_available",
};

const char *pmu_error_text(int error)
{
	switch (error) {
	case ENOENT:
	case EOPNOTSUPP:
	case ENODEV:
	case ENXIO:
		return "this processor or virtual machine does not count it";
	case EACCES:
	case EPERM:
		return "not permitted: lower kernel.perf_event_paranoid or grant CAP_PERFMON";
	case ENOSYS:
		return "the kernel has no perf_event_open, or a sandbox hides it";
	case EINVAL:
		return "the kernel refuses this combination of event and modifiers";
	case ENOSPC:
	case EBUSY:
		return "all counter slots are taken: ask for fewer events at once";
	case EMFILE:
	case ENFILE:
		return "out of file descriptors: raise the limit (ulimit -n)";
	case E2BIG:
		return "the kernel does not know this size of perf_event_attr";
	case ESRCH:
		return "the thread has ended";
	case EIO:
		return "the kernel's answer was short";
	case ENOMEM:
		return "out of memory";
	default:
		return "perf_event_open failed";
	}
}

bool pmu_rusage_count(const struct perf_event_attr *attr, const struct rusage *usage, uint64_t *out)
{
	if (attr->type != PERF_TYPE_SOFTWARE)
		return false;
	switch (attr->config) {
	case PERF_COUNT_SW_CONTEXT_SWITCHES:
		*out = (uint64_t)usage->ru_nvcsw + (uint64_t)usage->ru_nivcsw;
		return true;
	case PERF_COUNT_SW_PAGE_FAULTS:
		*out = (uint64_t)usage->ru_minflt + (uint64_t)usage->ru_majflt;
		return true;
	case PERF_COUNT_SW_PAGE_FAULTS_MIN:
		*out = (uint64_t)usage->ru_minflt;
		return true;
	case PERF_COUNT_SW_PAGE_FAULTS_MAJ:
		*out = (uint64_t)usage->ru_majflt;
		return true;
	case PERF_COUNT_SW_TASK_CLOCK:
		*out = ((uint64_t)usage->ru_utime.tv_sec + (uint64_t)usage->ru_stime.tv_sec) *
			       1000000000u +
		       ((uint64_t)usage->ru_utime.tv_usec + (uint64_t)usage->ru_stime.tv_usec) *
			       1000u;
		return true;
	default:
		return false;
	}
}

/* ---------------------------------------------------------------- deltas */

__attribute__((format(printf, 3, 4))) static struct pmu_value
pmu_fail(struct pmu_value v, int error, const char *fmt, ...)
{
	va_list ap;

	v.state = PMU_NOT_AVAILABLE;
	v.value = 0;
	v.error = error;
	va_start(ap, fmt);
	vsnprintf(v.reason, sizeof(v.reason), fmt, ap);
	va_end(ap);
	return v;
}

static struct pmu_value pmu_delta_fallback(const struct pmu_counter *counter, struct pmu_value v,
					   uint64_t count)
{
	v.state = PMU_OK;
	v.value = (double)count;
	v.error = counter->error;
	snprintf(v.reason, sizeof(v.reason), "from getrusage(RUSAGE_THREAD): %s",
		 counter->error == EOPNOTSUPP ? "perf_event reads 0 without kernel mode"
					      : pmu_error_text(counter->error));
	return v;
}

/* A thread cannot run for a millisecond without a cycle, so a zero there is a counter that does not work
 * (some hypervisors open them and never count). */
static bool pmu_cannot_be_zero(const struct perf_event_attr *attr)
{
	if (attr->type == PERF_TYPE_HARDWARE)
		return attr->config == PERF_COUNT_HW_CPU_CYCLES ||
		       attr->config == PERF_COUNT_HW_INSTRUCTIONS ||
		       attr->config == PERF_COUNT_HW_REF_CPU_CYCLES;
	return attr->type == PERF_TYPE_SOFTWARE && (attr->config == PERF_COUNT_SW_TASK_CLOCK ||
						    attr->config == PERF_COUNT_SW_CPU_CLOCK);
}
#define PMU_ZERO_SUSPECT_NS 1000000

static struct pmu_value pmu_delta_counted(const struct perf_event_attr *attr, struct pmu_value v,
					  uint64_t count)
{
	if (v.running_ns == 0) {
		v.state = PMU_NOT_COUNTED;
		snprintf(v.reason, sizeof(v.reason),
			 "wanted for %" PRIu64 " us, never on a counter", v.enabled_ns / 1000);
		return v;
	}
	if (count == 0 && v.running_ns >= PMU_ZERO_SUSPECT_NS && pmu_cannot_be_zero(attr))
		return pmu_fail(v, 0,
				"reads 0 although the thread ran: this counter does not work");
	v.value = (double)count;
	if (v.running_ns < v.enabled_ns) {
		double share = (double)v.running_ns / (double)v.enabled_ns;

		v.state = PMU_ESTIMATED;
		v.value /= share;
		snprintf(v.reason, sizeof(v.reason), "scaled: counted %.4g %% of the time",
			 share * 100);
	}
	return v;
}

struct pmu_value pmu_delta(const struct pmu_thread *t, size_t i, const struct pmu_snapshot *begin,
			   const struct pmu_snapshot *end)
{
	const struct pmu_event *event = &t->set->events[i];
	const struct pmu_counter *counter = &t->counters[i];
	const struct pmu_reading *a = &begin->readings[i];
	const struct pmu_reading *b = &end->readings[i];
	struct pmu_value v = {.state = PMU_OK,
			      .group = counter->leader < 0 ? -1 : counter->leader + 1};

	if (event->reads_zero && !counter->is_fallback)
		return pmu_fail(v, 0,
				"reads 0 without kernel mode, and getrusage() does not know it");
	if (counter->fd < 0 && !counter->is_fallback)
		return pmu_fail(v, counter->error, "%s", pmu_error_text(counter->error));
	if (a->error || b->error) {
		int error = a->error ? a->error : b->error;

		return pmu_fail(v, error, "cannot be read: %s", pmu_error_text(error));
	}
	if (b->value < a->value || b->enabled_ns < a->enabled_ns || b->running_ns < a->running_ns)
		return pmu_fail(v, 0, "went backwards, from %" PRIu64 " to %" PRIu64, a->value,
				b->value);
	if (counter->is_fallback)
		return pmu_delta_fallback(counter, v, b->value - a->value);
	v.enabled_ns = b->enabled_ns - a->enabled_ns;
	v.running_ns = b->running_ns - a->running_ns;
	return pmu_delta_counted(&event->attr, v, b->value - a->value);
}

/* ---------------------------------------------------------------- sums and ratios */

static bool pmu_has_value(const struct pmu_value *v)
{
	return v->state == PMU_OK || v->state == PMU_ESTIMATED;
}

void pmu_add(struct pmu_value *sum, const struct pmu_value *v)
{
	if (v->state > sum->state || (v->state == sum->state && !*sum->reason)) {
		sum->state = v->state;
		sum->error = v->error;
		memcpy(sum->reason, v->reason, sizeof(sum->reason));
	}
	sum->value = pmu_has_value(sum) ? sum->value + v->value : 0;
	sum->enabled_ns += v->enabled_ns;
	sum->running_ns += v->running_ns;
	sum->group = sum->group == 0 || sum->group == v->group ? v->group : -1;
}

struct pmu_value pmu_ratio(const struct pmu_value *numerator, const struct pmu_value *denominator)
{
	const struct pmu_value *worse =
		denominator->state > numerator->state ? denominator : numerator;
	struct pmu_value v = *worse;
	bool is_same_group = numerator->group > 0 && numerator->group == denominator->group;

	v.value = 0;
	if (!pmu_has_value(worse))
		return v;
	if (denominator->value == 0)
		return pmu_fail(v, 0, "no ratio: the denominator is 0");
	if (!is_same_group && worse->state != PMU_OK)
		return pmu_fail(v, 0, "no ratio: counted at different moments");
	v.value = numerator->value / denominator->value;
	return v;
}
