/* SPDX-License-Identifier: MIT */
/* test_pmu.c - counters against a replayed kernel (each errno, multiplexing, short reads, groups), and the
 * real one where it answers: page faults, and the debug registers until they run out. */
#include <errno.h>
#include <linux/hw_breakpoint.h>
#include <linux/perf_event.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/resource.h>

#include <cmocka.h>

#include "measure/pmu.h"

/* ---------------------------------------------------------------- the replayed kernel */

#define FAKE_FDS 64

struct fake_fd {
	bool is_open;
	int leader; /* fd */
	uint64_t value;
};

struct fake {
	struct fake_fd fds[FAKE_FDS];
	int n_fds;
	int open_errors[8]; /* for the k-th call of open; 0: let it through */
	int n_open_calls;
	int read_error;
	int n_read_interrupts;
	size_t read_bytes; /* answer with that much only; 0: all */
	uint64_t enabled_ns, running_ns;
	struct rusage usage;
	int rusage_error;
	int n_enabled;
	bool may_count_kernel;
};

static const struct {
	const char *name;
	uint32_t type;
	uint64_t config;
} fake_events[] = {
	{"cycles", PERF_TYPE_HARDWARE, PERF_COUNT_HW_CPU_CYCLES},
	{"instructions", PERF_TYPE_HARDWARE, PERF_COUNT_HW_INSTRUCTIONS},
	{"cache-misses", PERF_TYPE_HARDWARE, PERF_COUNT_HW_CACHE_MISSES},
	{"branch-misses", PERF_TYPE_HARDWARE, PERF_COUNT_HW_BRANCH_MISSES},
	{"context-switches", PERF_TYPE_SOFTWARE, PERF_COUNT_SW_CONTEXT_SWITCHES},
	{"cpu-migrations", PERF_TYPE_SOFTWARE, PERF_COUNT_SW_CPU_MIGRATIONS},
	{"page-faults", PERF_TYPE_SOFTWARE, PERF_COUNT_SW_PAGE_FAULTS},
};

static int fake_encode(void *ctx, const char *name, bool want_kernel, struct perf_event_attr *attr,
		       char **canonical, char *message, size_t message_size)
{
	struct fake *fake = ctx;

	for (size_t i = 0; i < sizeof(fake_events) / sizeof(fake_events[0]); i++) {
		if (strcmp(fake_events[i].name, name) != 0)
			continue;
		memset(attr, 0, sizeof(*attr));
		attr->size = sizeof(*attr);
		attr->type = fake_events[i].type;
		attr->config = fake_events[i].config;
		attr->exclude_kernel = !(want_kernel && fake->may_count_kernel);
		*canonical = strdup(name);
		return 0;
	}
	snprintf(message, message_size, "no such event");
	return -EINVAL;
}

static int fake_open(void *ctx, struct perf_event_attr *attr, pid_t tid, int group_fd)
{
	struct fake *fake = ctx;
	int call = fake->n_open_calls++;
	int error = call < 8 ? fake->open_errors[call] : 0;
	int fd;

	(void)tid;
	assert_int_equal(attr->inherit, 0);
	assert_int_equal(attr->pinned, 0);
	assert_int_equal(attr->disabled, group_fd < 0);
	if (error == E2BIG && attr->size != 64)
		attr->size = 64;
	if (error)
		return -error;
	fd = 100 + fake->n_fds;
	fake->fds[fake->n_fds++] = (struct fake_fd){
		.is_open = true,
		.leader = group_fd < 0 ? fd : group_fd,
	};
	return fd;
}

static int fake_ioctl(void *ctx, int fd, unsigned long request, void *arg)
{
	struct fake *fake = ctx;

	if (request == PERF_EVENT_IOC_ID)
		*(uint64_t *)arg = 7000 + (uint64_t)fd;
	if (request == PERF_EVENT_IOC_ENABLE) {
		assert_int_equal((uintptr_t)arg, PERF_IOC_FLAG_GROUP);
		fake->n_enabled++;
	}
	return 0;
}

static ssize_t fake_read(void *ctx, int fd, void *buffer, size_t size)
{
	struct fake *fake = ctx;
	uint64_t words[3 + 2 * FAKE_FDS] = {0, fake->enabled_ns, fake->running_ns};
	size_t bytes;

	if (fake->n_read_interrupts > 0) {
		fake->n_read_interrupts--;
		return -EINTR;
	}
	if (fake->read_error)
		return -fake->read_error;
	for (int i = 0; i < fake->n_fds; i++) {
		if (fake->fds[i].leader != fd)
			continue;
		words[3 + 2 * words[0]] = fake->fds[i].value;
		words[4 + 2 * words[0]] = 7000 + 100 + (uint64_t)i;
		words[0]++;
	}
	assert_true(words[0] > 0); /* only leaders are read */
	bytes = fake->read_bytes ? fake->read_bytes : (3 + 2 * words[0]) * sizeof(words[0]);
	assert_true(bytes <= size);
	memcpy(buffer, words, bytes);
	return (ssize_t)bytes;
}

static int fake_close(void *ctx, int fd)
{
	struct fake *fake = ctx;

	assert_true(fake->fds[fd - 100].is_open);
	fake->fds[fd - 100].is_open = false;
	return 0;
}

static int fake_rusage(void *ctx, struct rusage *out)
{
	struct fake *fake = ctx;

	*out = fake->usage;
	return -fake->rusage_error;
}

/* One thread over the replayed kernel, and its two readings. */
struct bench {
	struct fake fake;
	struct pmu_system system;
	struct pmu_set *set;
	struct pmu_thread *thread;
	struct pmu_snapshot begin, end;
};

static void bench_open(struct bench *b, const char *events)
{
	char message[256] = "";

	b->system = (struct pmu_system){.encode = fake_encode,
					.open = fake_open,
					.ioctl = fake_ioctl,
					.read = fake_read,
					.close = fake_close,
					.rusage = fake_rusage,
					.ctx = &b->fake};
	assert_int_equal(pmu_set_create(&b->set, events, &b->system, message, sizeof(message)), 0);
	assert_int_equal(pmu_open(&b->thread, b->set, 0), 0);
	pmu_read(b->thread, &b->begin);
}

static struct pmu_value bench_delta(struct bench *b, size_t i)
{
	pmu_read(b->thread, &b->end);
	return pmu_delta(b->thread, i, &b->begin, &b->end);
}

static void bench_close(struct bench *b)
{
	pmu_close(b->thread);
	pmu_set_destroy(b->set);
	for (int i = 0; i < b->fake.n_fds; i++)
		assert_false(b->fake.fds[i].is_open);
}

static void says(const struct pmu_value *v, enum pmu_state state, int error, const char *part)
{
	if (v->state != state || v->error != error || !strstr(v->reason, part))
		fail_msg("state %s, errno %d, \"%s\"; want %s, %d, \"%s\"",
			 pmu_state_names[v->state], v->error, v->reason, pmu_state_names[state],
			 error, part);
	if (state == PMU_NOT_COUNTED || state == PMU_NOT_AVAILABLE)
		assert_true(v->value == 0);
}

/* ---------------------------------------------------------------- tests */

static void test_groups(void **state)
{
	struct bench b = {.fake = {.enabled_ns = 10, .running_ns = 10}};
	struct pmu_value cycles;
	struct pmu_value instructions;
	struct pmu_value misses;
	struct pmu_value ipc;

	(void)state;
	bench_open(&b, "cycles,cache-misses,instructions,branch-misses");
	/* Three groups: {cycles, instructions}, {cache}, {branch}. */
	assert_int_equal(b.fake.n_enabled, 3);
	assert_int_equal(b.fake.fds[2].leader, 100);
	b.fake.fds[0].value = 1000;
	b.fake.fds[1].value = 30;
	b.fake.fds[2].value = 2500;
	b.fake.enabled_ns = b.fake.running_ns = 510;
	cycles = bench_delta(&b, 0);
	misses = bench_delta(&b, 1);
	instructions = bench_delta(&b, 2);
	says(&cycles, PMU_OK, 0, "");
	assert_true(cycles.value == 1000 && instructions.value == 2500 && misses.value == 30);
	assert_int_equal(cycles.enabled_ns, 500);
	assert_int_equal(cycles.group, instructions.group);
	assert_int_not_equal(cycles.group, misses.group);
	ipc = pmu_ratio(&instructions, &cycles);
	says(&ipc, PMU_OK, 0, "");
	assert_true(ipc.value == 2.5);
	bench_close(&b);
}

static void test_multiplexed(void **state)
{
	struct bench b = {.fake = {.enabled_ns = 1000, .running_ns = 1000}};
	struct pmu_value v;
	struct pmu_value other;
	struct pmu_value ratio;

	(void)state;
	bench_open(&b, "cycles,instructions,cache-misses");
	b.fake.enabled_ns = 1000 + 4000;
	b.fake.running_ns = 1000 + 1000;
	b.fake.fds[0].value = 300;
	b.fake.fds[1].value = 600;
	b.fake.fds[2].value = 50;
	v = bench_delta(&b, 0);
	says(&v, PMU_ESTIMATED, 0, "counted 25 % of the time");
	assert_true(v.value == 1200);
	other = bench_delta(&b, 1);
	ratio = pmu_ratio(&other, &v);
	says(&ratio, PMU_ESTIMATED, 0, "");
	assert_true(ratio.value == 2);
	other = bench_delta(&b, 2);
	ratio = pmu_ratio(&other, &v);
	says(&ratio, PMU_NOT_AVAILABLE, 0, "different moments");
	bench_close(&b);
}

static void test_never_counted(void **state)
{
	struct bench b = {.fake = {.enabled_ns = 0}};
	struct pmu_value v;
	struct pmu_value ratio;

	(void)state;
	bench_open(&b, "cycles");
	b.fake.enabled_ns = 5000;
	v = bench_delta(&b, 0);
	says(&v, PMU_NOT_COUNTED, 0, "never on a counter");
	ratio = pmu_ratio(&v, &v);
	says(&ratio, PMU_NOT_COUNTED, 0, "never");
	bench_close(&b);
}

static void test_dead_counter(void **state)
{
	struct bench b = {.fake = {.enabled_ns = 0}};
	struct pmu_value v;

	(void)state;
	bench_open(&b, "cycles,cache-misses");
	b.fake.enabled_ns = b.fake.running_ns = 2000000;
	v = bench_delta(&b, 0);
	says(&v, PMU_NOT_AVAILABLE, 0, "reads 0 although the thread ran");
	v = bench_delta(&b, 1); /* no cache miss is possible */
	says(&v, PMU_OK, 0, "");
	bench_close(&b);
}

static void test_open_errors(void **state)
{
	static const struct {
		int error;
		const char *says;
	} cases[] = {
		{ENOENT, "does not count it"}, {EOPNOTSUPP, "does not count it"},
		{ENODEV, "does not count it"}, {EACCES, "perf_event_paranoid"},
		{EPERM, "CAP_PERFMON"},	       {ENOSYS, "no perf_event_open"},
		{EINVAL, "combination"},       {ENOSPC, "slots are taken"},
		{EBUSY, "slots are taken"},    {EMFILE, "raise the limit"},
		{ENFILE, "file descriptors"},  {ESRCH, "has ended"},
		{ENOMEM, "out of memory"},     {EFAULT, "perf_event_open failed"},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct bench b = {.fake = {.open_errors = {cases[i].error}}};
		struct pmu_value v;

		bench_open(&b, "cycles,page-faults");
		b.fake.enabled_ns = b.fake.running_ns = 50;
		v = bench_delta(&b, 0);
		says(&v, PMU_NOT_AVAILABLE, cases[i].error, cases[i].says);
		v = bench_delta(&b, 1); /* the others are not harmed */
		says(&v, PMU_OK, 0, "");
		bench_close(&b);
	}
}

static void test_open_retries(void **state)
{
	struct bench interrupted = {.fake = {.open_errors = {EINTR, EINTR}, .running_ns = 1}};
	struct bench resized = {.fake = {.open_errors = {E2BIG}}};
	struct bench too_big = {.fake = {.open_errors = {E2BIG, E2BIG, E2BIG, E2BIG}}};
	struct pmu_value v;

	(void)state;
	bench_open(&interrupted, "cycles");
	assert_int_equal(interrupted.fake.n_open_calls, 3);
	assert_int_equal(interrupted.fake.n_fds, 1);
	bench_close(&interrupted);
	bench_open(&resized, "cycles");
	assert_int_equal(resized.fake.n_open_calls, 2);
	assert_int_equal(resized.fake.n_fds, 1);
	bench_close(&resized);
	bench_open(&too_big, "cycles");
	assert_int_equal(too_big.fake.n_open_calls, 2);
	v = bench_delta(&too_big, 0);
	says(&v, PMU_NOT_AVAILABLE, E2BIG, "size");
	bench_close(&too_big);
}

/* A group that is full: the sibling gets a group of its own. */
static void test_full_group(void **state)
{
	struct bench b = {.fake = {.open_errors = {0, ENOSPC}}};
	struct pmu_value v;

	(void)state;
	bench_open(&b, "cycles,instructions");
	assert_int_equal(b.fake.n_open_calls, 3);
	assert_int_equal(b.fake.n_enabled, 2);
	b.fake.fds[1].value = 9;
	b.fake.enabled_ns = b.fake.running_ns = 50;
	v = bench_delta(&b, 1);
	says(&v, PMU_OK, 0, "");
	assert_true(v.value == 9);
	assert_int_equal(v.group, 2);
	bench_close(&b);
}

static void test_reads(void **state)
{
	struct bench b = {.fake = {.enabled_ns = 0, .running_ns = 0}};
	struct pmu_value v;

	(void)state;
	bench_open(&b, "cycles,instructions");
	b.fake.enabled_ns = b.fake.running_ns = 50;
	b.fake.fds[0].value = 5;
	b.fake.n_read_interrupts = 2;
	v = bench_delta(&b, 0);
	says(&v, PMU_OK, 0, "");
	assert_true(v.value == 5);
	for (size_t bytes = 8; bytes < 7 * 8; bytes += 8) {
		b.fake.read_bytes = bytes;
		v = bench_delta(&b, 0);
		says(&v, PMU_NOT_AVAILABLE, EIO, "cannot be read: the kernel's answer was short");
	}
	b.fake.read_bytes = 0;
	b.fake.read_error = ENOSPC;
	v = bench_delta(&b, 0);
	says(&v, PMU_NOT_AVAILABLE, ENOSPC, "cannot be read");
	b.fake.read_error = 0;
	pmu_read(b.thread, &b.begin);
	b.fake.fds[0].value = 4;
	v = bench_delta(&b, 0);
	says(&v, PMU_NOT_AVAILABLE, 0, "went backwards, from 5 to 4");
	bench_close(&b);
}

static void test_silent_zeros(void **state)
{
	struct bench b = {.fake = {.usage = {.ru_nvcsw = 10, .ru_nivcsw = 1}}};
	struct pmu_value v;

	(void)state;
	bench_open(&b, "context-switches,cpu-migrations");
	assert_int_equal(b.fake.n_open_calls, 0);
	b.fake.usage.ru_nvcsw = 15;
	b.fake.usage.ru_nivcsw = 3;
	v = bench_delta(&b, 0);
	says(&v, PMU_OK, EOPNOTSUPP, "getrusage(RUSAGE_THREAD): perf_event reads 0");
	assert_true(v.value == 7);
	v = bench_delta(&b, 1);
	says(&v, PMU_NOT_AVAILABLE, 0, "getrusage() does not know it");
	b.fake.rusage_error = EFAULT;
	v = bench_delta(&b, 0);
	says(&v, PMU_NOT_AVAILABLE, EFAULT, "cannot be read");
	bench_close(&b);
}

static void test_kernel_mode(void **state)
{
	struct bench allowed = {.fake = {.may_count_kernel = true}};
	struct bench refused = {.fake = {.may_count_kernel = true, .open_errors = {EACCES}}};
	struct pmu_value v;

	(void)state;
	bench_open(&allowed, "context-switches");
	allowed.fake.fds[0].value = 4;
	allowed.fake.enabled_ns = allowed.fake.running_ns = 50;
	v = bench_delta(&allowed, 0);
	says(&v, PMU_OK, 0, "");
	assert_true(v.value == 4);
	bench_close(&allowed);
	bench_open(&refused, "context-switches");
	refused.fake.usage.ru_nvcsw = 5;
	v = bench_delta(&refused, 0);
	says(&v, PMU_OK, EACCES, "from getrusage(RUSAGE_THREAD): not permitted");
	assert_true(v.value == 5);
	bench_close(&refused);
}

static void test_other_thread(void **state)
{
	struct bench b = {.fake = {.may_count_kernel = false}};
	struct pmu_value v;

	(void)state;
	bench_open(&b, "context-switches");
	pmu_close(b.thread);
	assert_int_equal(pmu_open(&b.thread, b.set, 4711), 0);
	pmu_read(b.thread, &b.begin);
	v = bench_delta(&b, 0);
	says(&v, PMU_NOT_AVAILABLE, 0, "reads 0 without kernel mode");
	bench_close(&b);
}

static void test_sums(void **state)
{
	struct pmu_value sum = {0};
	struct pmu_value a = {.value = 10, .enabled_ns = 5, .running_ns = 5, .group = 1};
	struct pmu_value b = {.state = PMU_ESTIMATED,
			      .value = 4,
			      .enabled_ns = 4,
			      .running_ns = 2,
			      .group = 1,
			      .reason = "scaled"};
	struct pmu_value c = {
		.state = PMU_NOT_AVAILABLE, .error = EMFILE, .group = -1, .reason = "out of files"};

	(void)state;
	pmu_add(&sum, &a);
	pmu_add(&sum, &a);
	says(&sum, PMU_OK, 0, "");
	assert_true(sum.value == 20);
	pmu_add(&sum, &b);
	says(&sum, PMU_ESTIMATED, 0, "scaled");
	assert_true(sum.value == 24 && sum.enabled_ns == 14 && sum.running_ns == 12);
	assert_int_equal(sum.group, 1);
	pmu_add(&sum, &c);
	pmu_add(&sum, &a);
	says(&sum, PMU_NOT_AVAILABLE, EMFILE, "out of files");
	assert_int_equal(sum.group, -1);
	a.value = 0;
	sum = pmu_ratio(&b, &a);
	says(&sum, PMU_NOT_AVAILABLE, 0, "denominator is 0");
}

static void test_bad_sets(void **state)
{
	struct bench b = {.fake = {.n_fds = 0}};
	char many[PMU_MAX_EVENTS * 8 + 8] = "cycles";
	char message[256] = "";
	struct pmu_set *set = NULL;

	(void)state;
	b.system = (struct pmu_system){.encode = fake_encode, .ctx = &b.fake};
	assert_int_equal(pmu_set_create(&set, "cycles,wheels", &b.system, message, sizeof(message)),
			 -EINVAL);
	assert_non_null(strstr(message, "\"wheels\" is not known (no such event)"));
	assert_int_equal(
		pmu_set_create(&set, "cycles,,cycles", &b.system, message, sizeof(message)),
		-EINVAL);
	for (int i = 0; i < PMU_MAX_EVENTS; i++)
		strcat(many, ",cycles");
	assert_int_equal(pmu_set_create(&set, many, &b.system, message, sizeof(message)), -E2BIG);
	assert_null(set);
}

/* ---------------------------------------------------------------- the real kernel */

static void test_real_names(void **state)
{
	struct pmu_set *set;
	char message[256] = "";

	(void)state;
	assert_int_equal(pmu_set_create(&set,
					"cycles,PERF::PAGE-FAULTS,alignment-faults,perf::dummy",
					&pmu_kernel, message, sizeof(message)),
			 0);
	assert_int_equal(pmu_set_count(set), 4);
	assert_string_equal(pmu_set_name(set, 0), "cycles");
	assert_memory_equal(pmu_set_canonical(set, 1), "perf::PERF_COUNT_SW_PAGE_FAULTS:u=1:k=0",
			    38);
	assert_string_equal(pmu_set_canonical(set, 3), "dummy");
	pmu_set_destroy(set);
	assert_int_equal(
		pmu_set_create(&set, "cycles,cogwheels", &pmu_kernel, message, sizeof(message)),
		-EINVAL);
	assert_non_null(strstr(message, "\"cogwheels\" is not known"));
}

/* Whatever the machine allows: a count that holds the faults made here, or a reason. */
static void test_real_faults(void **state)
{
	struct pmu_set *set;
	struct pmu_thread *t;
	struct pmu_snapshot begin;
	struct pmu_snapshot end;
	struct pmu_value v;
	char message[256];
	const size_t n_pages = 64;
	char *pages;

	(void)state;
	assert_int_equal(pmu_set_create(&set, "page-faults,cycles,context-switches", &pmu_kernel,
					message, sizeof(message)),
			 0);
	assert_int_equal(pmu_open(&t, set, 0), 0);
	pages = mmap(NULL, n_pages * 4096, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1,
		     0);
	assert_true(pages != MAP_FAILED);
	madvise(pages, n_pages * 4096, MADV_NOHUGEPAGE);
	pmu_read(t, &begin);
	for (size_t i = 0; i < n_pages; i++)
		((volatile char *)pages)[i * 4096] = 1;
	pmu_read(t, &end);
	v = pmu_delta(t, 0, &begin, &end);
	assert_int_equal(v.state, PMU_OK); /* getrusage() stands in when perf may not */
	assert_true(v.value >= (double)n_pages && v.value < 10000);
	for (size_t i = 1; i < 3; i++) {
		v = pmu_delta(t, i, &begin, &end);
		assert_true(v.state == PMU_OK || *v.reason);
	}
	munmap(pages, n_pages * 4096);
	pmu_close(t);
	pmu_set_destroy(set);
}

#define N_WATCHED 8

/* Names "0".."7" are write breakpoints on words of ctx. */
static int watch_encode(void *ctx, const char *name, bool want_kernel, struct perf_event_attr *attr,
			char **canonical, char *message, size_t message_size)
{
	uint64_t *words = ctx;

	(void)want_kernel;
	(void)message;
	(void)message_size;
	memset(attr, 0, sizeof(*attr));
	attr->size = sizeof(*attr);
	attr->type = PERF_TYPE_BREAKPOINT;
	attr->bp_type = HW_BREAKPOINT_W;
	attr->bp_addr = (uintptr_t)&words[atoi(name)];
	attr->bp_len = HW_BREAKPOINT_LEN_8;
	attr->exclude_kernel = 1;
	attr->exclude_hv = 1;
	*canonical = NULL;
	return 0;
}

/* Real exhaustion: more breakpoints than debug registers. */
static void test_real_slots(void **state)
{
	uint64_t words[N_WATCHED] __attribute__((aligned(64))) = {0};
	struct pmu_system system = pmu_kernel;
	struct pmu_set *set;
	struct pmu_thread *t;
	struct pmu_snapshot begin;
	struct pmu_snapshot end;
	struct pmu_value v;
	char message[256];
	size_t n_ok = 0;

	(void)state;
	system.encode = watch_encode;
	system.ctx = words;
	assert_int_equal(pmu_set_create(&set, "0,1,2,3,4,5,6,7", &system, message, sizeof(message)),
			 0);
	assert_int_equal(pmu_open(&t, set, 0), 0);
	pmu_read(t, &begin);
	for (size_t i = 0; i < N_WATCHED; i++) {
		for (size_t k = 0; k <= i; k++)
			((volatile uint64_t *)words)[i] = k;
	}
	pmu_read(t, &end);
	v = pmu_delta(t, 0, &begin, &end);
	if (v.state == PMU_NOT_AVAILABLE && v.error != ENOSPC) {
		print_message("no breakpoints here: %s\n", v.reason);
		pmu_close(t);
		pmu_set_destroy(set);
		skip();
	}
	while (n_ok < N_WATCHED && pmu_delta(t, n_ok, &begin, &end).state == PMU_OK) {
		v = pmu_delta(t, n_ok, &begin, &end);
		assert_true(v.value == (double)(n_ok + 1));
		n_ok++;
	}
	assert_true(n_ok >= 1 && n_ok < N_WATCHED);
	v = pmu_delta(t, n_ok, &begin, &end);
	says(&v, PMU_NOT_AVAILABLE, ENOSPC, "slots are taken");
	pmu_close(t);
	pmu_set_destroy(set);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_groups),	      cmocka_unit_test(test_multiplexed),
		cmocka_unit_test(test_never_counted), cmocka_unit_test(test_dead_counter),
		cmocka_unit_test(test_open_errors),   cmocka_unit_test(test_open_retries),
		cmocka_unit_test(test_full_group),    cmocka_unit_test(test_reads),
		cmocka_unit_test(test_silent_zeros),  cmocka_unit_test(test_kernel_mode),
		cmocka_unit_test(test_other_thread),  cmocka_unit_test(test_sums),
		cmocka_unit_test(test_bad_sets),      cmocka_unit_test(test_real_names),
		cmocka_unit_test(test_real_faults),   cmocka_unit_test(test_real_slots),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
