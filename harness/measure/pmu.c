/* SPDX-License-Identifier: MIT */
/* pmu.c - sets of events, and the counters of one thread: opened in groups, read at stage boundaries. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>

#include "pmu_internal.h"

/* ---------------------------------------------------------------- sets */

static enum pmu_class pmu_class_of_hardware(uint64_t config)
{
	switch (config) {
	case PERF_COUNT_HW_CACHE_REFERENCES:
	case PERF_COUNT_HW_CACHE_MISSES:
		return PMU_CLASS_CACHE;
	case PERF_COUNT_HW_BRANCH_INSTRUCTIONS:
	case PERF_COUNT_HW_BRANCH_MISSES:
		return PMU_CLASS_BRANCH;
	case PERF_COUNT_HW_CPU_CYCLES:
	case PERF_COUNT_HW_INSTRUCTIONS:
	case PERF_COUNT_HW_REF_CPU_CYCLES:
		return PMU_CLASS_CORE;
	default:
		return PMU_CLASS_ALONE;
	}
}

static enum pmu_class pmu_classify(const struct perf_event_attr *attr)
{
	switch (attr->type) {
	case PERF_TYPE_HARDWARE:
		return pmu_class_of_hardware(attr->config);
	case PERF_TYPE_SOFTWARE:
		return PMU_CLASS_SOFTWARE;
	case PERF_TYPE_HW_CACHE:
		return (attr->config & 0xff) == PERF_COUNT_HW_CACHE_BPU ? PMU_CLASS_BRANCH
									: PMU_CLASS_CACHE;
	default:
		return PMU_CLASS_ALONE;
	}
}

/* These happen inside the kernel: with exclude_kernel they open, and read 0 for ever. */
static bool pmu_is_kernel_event(const struct perf_event_attr *attr)
{
	return attr->type == PERF_TYPE_SOFTWARE &&
	       (attr->config == PERF_COUNT_SW_CONTEXT_SWITCHES ||
		attr->config == PERF_COUNT_SW_CPU_MIGRATIONS ||
		attr->config == PERF_COUNT_SW_CGROUP_SWITCHES);
}

/* Takes over `name`. */
static int pmu_set_add(struct pmu_set *set, char *name, char *message, size_t message_size)
{
	struct pmu_event *event = &set->events[set->n_events];
	const struct pmu_system *system = set->system;
	char why[128] = "";
	int err;

	set->n_events++;
	event->name = name;
	err = system->encode(system->ctx, name, false, &event->attr, &event->canonical, why,
			     sizeof(why));
	if (!err && pmu_is_kernel_event(&event->attr)) {
		free(event->canonical);
		event->canonical = NULL;
		err = system->encode(system->ctx, name, true, &event->attr, &event->canonical, why,
				     sizeof(why));
	}
	if (err) {
		snprintf(message, message_size,
			 "event \"%s\" is not known (%s); `reclaimbench events` lists the names",
			 name, why);
		return err;
	}
	event->reads_zero = pmu_is_kernel_event(&event->attr) && event->attr.exclude_kernel;
	event->class = pmu_classify(&event->attr);
	event->attr.inherit = 0;
	event->attr.pinned = 0;
	event->attr.read_format = PERF_FORMAT_GROUP | PERF_FORMAT_ID |
				  PERF_FORMAT_TOTAL_TIME_ENABLED | PERF_FORMAT_TOTAL_TIME_RUNNING;
	return 0;
}

int pmu_set_create(struct pmu_set **out, const char *events, const struct pmu_system *system,
		   char *message, size_t message_size)
{
	struct pmu_set *set = calloc(1, sizeof(*set)); /* released by pmu_set_destroy() */
	int err = 0;

	if (!set)
		return -ENOMEM;
	set->system = system;
	while (*events && !err) {
		size_t length = strcspn(events, ",");
		char *name;

		if (set->n_events == PMU_MAX_EVENTS) {
			snprintf(message, message_size, "more than %d events", PMU_MAX_EVENTS);
			err = -E2BIG;
			break;
		}
		name = strndup(events, length);
		err = name ? pmu_set_add(set, name, message, message_size) : -ENOMEM;
		events += length;
		events += *events == ',';
	}
	if (err)
		pmu_set_destroy(set);
	else
		*out = set;
	return err;
}

void pmu_set_destroy(struct pmu_set *set)
{
	if (!set)
		return;
	for (size_t i = 0; i < set->n_events; i++) {
		free(set->events[i].name);
		free(set->events[i].canonical);
	}
	free(set);
}

size_t pmu_set_count(const struct pmu_set *set)
{
	return set->n_events;
}

const char *pmu_set_name(const struct pmu_set *set, size_t i)
{
	return set->events[i].name;
}

const char *pmu_set_canonical(const struct pmu_set *set, size_t i)
{
	return set->events[i].canonical ? set->events[i].canonical : set->events[i].name;
}

/* ---------------------------------------------------------------- opening */

/* One attempt, with what the kernel itself asks to be tried again. */
static int pmu_open_one(const struct pmu_system *system, struct perf_event_attr *attr, pid_t tid,
			int group_fd)
{
	bool was_resized = false;
	int fd;

	for (;;) {
		uint32_t size = attr->size;

		fd = system->open(system->ctx, attr, tid, group_fd);
		if (fd == -EINTR)
			continue;
		/* E2BIG: the kernel knows a smaller structure and wrote its size. */
		if (fd == -E2BIG && !was_resized && attr->size != size) {
			was_resized = true;
			continue;
		}
		return fd;
	}
}

/* Open event `i` into the group of `leader` (-1: to lead one). */
static int pmu_open_counter(struct pmu_thread *t, size_t i, int leader)
{
	const struct pmu_system *system = t->set->system;
	struct perf_event_attr attr = t->set->events[i].attr;
	struct pmu_counter *counter = &t->counters[i];
	int fd;
	int err;

	attr.disabled = leader < 0;
	fd = pmu_open_one(system, &attr, t->tid, leader < 0 ? -1 : t->counters[leader].fd);
	if (fd < 0)
		return fd;
	err = system->ioctl(system->ctx, fd, PERF_EVENT_IOC_ID, &counter->id);
	if (err) {
		system->close(system->ctx, fd);
		return err;
	}
	counter->fd = fd; /* closed by pmu_close() */
	counter->leader = leader < 0 ? (int)i : leader;
	return 0;
}

/* A group that cannot hold one event more still leaves it the chance of being counted on its own. */
static bool pmu_may_stand_alone(int err)
{
	return err == -EINVAL || err == -ENOSPC || err == -EBUSY;
}

static void pmu_open_event(struct pmu_thread *t, size_t i, int leaders[PMU_N_CLASSES])
{
	const struct pmu_event *event = &t->set->events[i];
	struct pmu_counter *counter = &t->counters[i];
	int leader = event->class == PMU_CLASS_ALONE ? -1 : leaders[event->class];
	struct rusage none = {0};
	uint64_t count;
	int err = -EOPNOTSUPP;

	if (!event->reads_zero) {
		err = pmu_open_counter(t, i, leader);
		if (leader >= 0 && pmu_may_stand_alone(err))
			err = pmu_open_counter(t, i, -1);
	}
	if (err) {
		counter->error = -err;
		counter->is_fallback = t->tid == 0 && pmu_rusage_count(&event->attr, &none, &count);
	} else if (leaders[event->class] < 0) {
		leaders[event->class] = (int)i;
	}
}

int pmu_open(struct pmu_thread **out, const struct pmu_set *set, pid_t tid)
{
	struct pmu_thread *t = calloc(1, sizeof(*t)); /* released by pmu_close() */
	const struct pmu_system *system = set->system;
	int leaders[PMU_N_CLASSES];

	if (!t)
		return -ENOMEM;
	t->set = set;
	t->tid = tid;
	for (size_t i = 0; i < PMU_N_CLASSES; i++)
		leaders[i] = -1;
	for (size_t i = 0; i < set->n_events; i++) {
		t->counters[i].fd = -1;
		t->counters[i].leader = -1;
		pmu_open_event(t, i, leaders);
	}
	for (size_t i = 0; i < set->n_events; i++) {
		if (t->counters[i].leader == (int)i)
			system->ioctl(system->ctx, t->counters[i].fd, PERF_EVENT_IOC_ENABLE,
				      (void *)(uintptr_t)PERF_IOC_FLAG_GROUP);
	}
	*out = t;
	return 0;
}

void pmu_close(struct pmu_thread *t)
{
	if (!t)
		return;
	/* Members before their leader: closing a leader would make single events of them. */
	for (size_t i = t->set->n_events; i-- > 0;) {
		if (t->counters[i].fd >= 0)
			t->set->system->close(t->set->system->ctx, t->counters[i].fd);
	}
	free(t);
}

/* ---------------------------------------------------------------- reading */

/* PERF_FORMAT_GROUP | ID | TOTAL_TIME_ENABLED | TOTAL_TIME_RUNNING, see perf_event_open(2). */
struct pmu_group_data {
	uint64_t n;
	uint64_t enabled_ns;
	uint64_t running_ns;
	struct {
		uint64_t value;
		uint64_t id;
	} values[PMU_MAX_EVENTS];
};

/* 0 or -errno; -EIO when the answer is shorter than its own count says. */
static int pmu_read_group(struct pmu_thread *t, size_t leader, struct pmu_group_data *data)
{
	const struct pmu_system *system = t->set->system;
	ssize_t n;

	do
		n = system->read(system->ctx, t->counters[leader].fd, data, sizeof(*data));
	while (n == -EINTR);
	if (n < 0)
		return (int)n;
	if ((size_t)n < offsetof(struct pmu_group_data, values) || data->n > PMU_MAX_EVENTS ||
	    (size_t)n < offsetof(struct pmu_group_data, values) + data->n * sizeof(data->values[0]))
		return -EIO;
	return 0;
}

static void pmu_store_group(struct pmu_thread *t, size_t leader, const struct pmu_group_data *data,
			    int err, struct pmu_snapshot *out)
{
	for (size_t i = 0; i < t->set->n_events; i++) {
		struct pmu_reading *reading = &out->readings[i];

		if (t->counters[i].leader != (int)leader)
			continue;
		reading->error = err ? -err : EIO; /* until its id is found */
		for (uint64_t k = 0; !err && k < data->n; k++) {
			if (data->values[k].id != t->counters[i].id)
				continue;
			*reading = (struct pmu_reading){.value = data->values[k].value,
							.enabled_ns = data->enabled_ns,
							.running_ns = data->running_ns};
			break;
		}
	}
}

static void pmu_read_fallbacks(struct pmu_thread *t, struct pmu_snapshot *out)
{
	const struct pmu_system *system = t->set->system;
	struct rusage usage = {0};
	bool was_asked = false;
	int err = 0;

	for (size_t i = 0; i < t->set->n_events; i++) {
		struct pmu_reading *reading = &out->readings[i];

		if (!t->counters[i].is_fallback)
			continue;
		if (!was_asked)
			err = system->rusage(system->ctx, &usage);
		was_asked = true;
		reading->error = -err;
		if (!err)
			pmu_rusage_count(&t->set->events[i].attr, &usage, &reading->value);
	}
}

void pmu_read(struct pmu_thread *t, struct pmu_snapshot *out)
{
	struct pmu_group_data data;

	memset(out, 0, sizeof(*out));
	for (size_t i = 0; i < t->set->n_events; i++) {
		int err;

		if (t->counters[i].leader != (int)i)
			continue;
		memset(&data, 0, sizeof(data));
		err = pmu_read_group(t, i, &data);
		pmu_store_group(t, i, &data, err, out);
	}
	pmu_read_fallbacks(t, out);
}
