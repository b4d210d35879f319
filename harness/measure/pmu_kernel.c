/* SPDX-License-Identifier: MIT */
/* pmu_kernel.c - the real system below pmu.c: libpfm4 names, perf_event_open, getrusage. */
#include <errno.h>
#include <linux/perf_event.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/ioctl.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <perfmon/pfmlib_perf_event.h>

#include "pmu.h"

/* libpfm 4.13 has no names for these; perf_event_open(2) has. */
static const struct {
	const char *name;
	uint64_t config;
} kernel_software_events[] = {
	{"alignment-faults", PERF_COUNT_SW_ALIGNMENT_FAULTS},
	{"emulation-faults", PERF_COUNT_SW_EMULATION_FAULTS},
	{"dummy", PERF_COUNT_SW_DUMMY},
};

static bool pmu_kernel_encode_by_hand(const char *name, bool want_kernel,
				      struct perf_event_attr *attr, char **canonical)
{
	const char *bare = strncasecmp(name, "perf::", 6) == 0 ? name + 6 : name;
	size_t n = sizeof(kernel_software_events) / sizeof(kernel_software_events[0]);

	for (size_t i = 0; i < n; i++) {
		if (strcasecmp(bare, kernel_software_events[i].name) != 0)
			continue;
		attr->type = PERF_TYPE_SOFTWARE;
		attr->config = kernel_software_events[i].config;
		attr->exclude_kernel = !want_kernel;
		attr->exclude_hv = 1;
		*canonical = strdup(kernel_software_events[i].name);
		return true;
	}
	return false;
}

static int pmu_kernel_encode(void *ctx, const char *name, bool want_kernel,
			     struct perf_event_attr *attr, char **canonical, char *message,
			     size_t message_size)
{
	pfm_perf_encode_arg_t arg;
	int code;

	(void)ctx;
	memset(attr, 0, sizeof(*attr));
	attr->size = sizeof(*attr);
	*canonical = NULL;
	if (pmu_kernel_encode_by_hand(name, want_kernel, attr, canonical))
		return 0;
	/* Once per process in effect; the library keeps its tables until exit. */
	code = pfm_initialize();
	if (code == PFM_SUCCESS) {
		memset(&arg, 0, sizeof(arg));
		arg.size = sizeof(arg);
		arg.attr = attr;
		arg.fstr = canonical; /* freed with the set */
		code = pfm_get_os_event_encoding(name, PFM_PLM3 | (want_kernel ? PFM_PLM0 : 0),
						 PFM_OS_PERF_EVENT_EXT, &arg);
	}
	if (code != PFM_SUCCESS) {
		snprintf(message, message_size, "%s", pfm_strerror(code));
		return -EINVAL;
	}
	attr->size = sizeof(*attr);
	return 0;
}

int pmu_for_each_name(bool all, int (*fn)(void *ctx, const char *name), void *ctx)
{
	size_t n = sizeof(kernel_software_events) / sizeof(kernel_software_events[0]);
	int code = 0;

	if (pfm_initialize() != PFM_SUCCESS)
		return -EINVAL;
	for (int pmu = 0; pmu < PFM_PMU_MAX && code == 0; pmu++) {
		pfm_pmu_info_t info = {.size = sizeof(info)};

		if (pfm_get_pmu_info(pmu, &info) != PFM_SUCCESS || !info.is_present)
			continue;
		if (pmu != PFM_PMU_PERF_EVENT && (!all || pmu == PFM_PMU_PERF_EVENT_RAW))
			continue;
		for (int i = info.first_event; i != -1 && code == 0; i = pfm_get_event_next(i)) {
			pfm_event_info_t event = {.size = sizeof(event)};
			char name[192];

			if (pfm_get_event_info(i, PFM_OS_PERF_EVENT_EXT, &event) != PFM_SUCCESS)
				continue;
			snprintf(name, sizeof(name), "%s::%s", info.name, event.name);
			code = fn(ctx, name);
		}
	}
	for (size_t i = 0; i < n && code == 0; i++)
		code = fn(ctx, kernel_software_events[i].name);
	return code;
}

static int pmu_kernel_open(void *ctx, struct perf_event_attr *attr, pid_t tid, int group_fd)
{
	long fd;

	(void)ctx;
	fd = syscall(SYS_perf_event_open, attr, tid, -1, group_fd, PERF_FLAG_FD_CLOEXEC);
	return fd < 0 ? -errno : (int)fd;
}

static int pmu_kernel_ioctl(void *ctx, int fd, unsigned long request, void *arg)
{
	(void)ctx;
	return ioctl(fd, request, arg) < 0 ? -errno : 0;
}

static ssize_t pmu_kernel_read(void *ctx, int fd, void *buffer, size_t size)
{
	ssize_t n;

	(void)ctx;
	n = read(fd, buffer, size);
	return n < 0 ? -errno : n;
}

static int pmu_kernel_close(void *ctx, int fd)
{
	(void)ctx;
	return close(fd) < 0 ? -errno : 0;
}

static int pmu_kernel_rusage(void *ctx, struct rusage *out)
{
	(void)ctx;
	return getrusage(RUSAGE_THREAD, out) < 0 ? -errno : 0;
}

const struct pmu_system pmu_kernel = {
	.encode = pmu_kernel_encode,
	.open = pmu_kernel_open,
	.ioctl = pmu_kernel_ioctl,
	.read = pmu_kernel_read,
	.close = pmu_kernel_close,
	.rusage = pmu_kernel_rusage,
};
