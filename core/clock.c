/* SPDX-License-Identifier: MIT */
/* clock.c - choosing and calibrating the clock. */
#include "clock.h"

#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#if defined(__x86_64__)
#include <cpuid.h>
#endif

#define CALIBRATE_NS 10000000u /* two readings this far apart; each is good to some 50 ns: 10 ppm */
#define N_BRACKETS 32	       /* tries per reading; the shortest is the least disturbed */
#define N_COST_ROUNDS 101
#define N_COST_READS 64
#define N_SKEW_ROUNDS 2	 /* times round the processors */
#define MAX_SKEW_CPUS 64 /* a move costs some 10 us; more of them would be felt at start */

#if defined(__x86_64__)
static uint64_t raw_ns(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC_RAW, &ts);
	return (uint64_t)ts.tv_sec * 1000000000u + (uint64_t)ts.tv_nsec;
}

static bool has_invariant_tsc(void)
{
	unsigned a, b, c, d;

	/* Advanced power management: EDX bit 8, invariant TSC (AMD APM 3, Intel SDM 2A: CPUID). */
	return __get_cpuid(0x80000007, &a, &b, &c, &d) && (d & 1u << 8);
}

/* The kernel found the counters of all cores to agree, or it would not use them itself. */
static bool kernel_trusts_tsc(void)
{
	FILE *f = fopen("/sys/devices/system/clocksource/clocksource0/current_clocksource", "r");
	char name[32] = "";
	bool trusts = false;

	if (!f)
		return false;
	if (fgets(name, sizeof(name), f)) {
		name[strcspn(name, "\n")] = '\0';
		trusts = strcmp(name, "tsc") == 0 || strcmp(name, "kvm-clock") == 0;
	}
	fclose(f);
	return trusts;
}

/* The two clocks at one moment: the reading of the kernel's clock that took least. */
static void read_both(uint64_t *ticks, uint64_t *ns)
{
	uint64_t before, after, t, best = UINT64_MAX;
	int i;

	for (i = 0; i < N_BRACKETS; i++) {
		before = __rdtsc();
		t = raw_ns();
		after = __rdtsc();
		if (after - before >= best)
			continue;
		best = after - before;
		*ticks = before + best / 2;
		*ns = t;
	}
}

static double calibrate_ns_per_tick(void)
{
	struct timespec pause = {.tv_nsec = CALIBRATE_NS};
	uint64_t ticks0, ns0, ticks1, ns1;

	read_both(&ticks0, &ns0);
	clock_nanosleep(CLOCK_MONOTONIC, 0, &pause, NULL);
	read_both(&ticks1, &ns1);
	return ticks1 > ticks0 && ns1 > ns0 ? (double)(ns1 - ns0) / (double)(ticks1 - ticks0) : 0;
}

static bool choose_tsc(struct clock *c)
{
	if (!has_invariant_tsc() || !kernel_trusts_tsc())
		return false;
	c->ns_per_tick = calibrate_ns_per_tick();
	/* 100 MHz to 20 GHz, or the counter is not what it says. */
	return c->ns_per_tick > 0.05 && c->ns_per_tick < 10;
}
#else
static bool choose_tsc(struct clock *c)
{
	(void)c;
	return false;
}
#endif

static int compare_doubles(const void *a, const void *b)
{
	double x = *(const double *)a, y = *(const double *)b;

	return x < y ? -1 : x > y;
}

static double measure_read_cost_ns(const struct clock *c)
{
	double cost_ns[N_COST_ROUNDS];
	uint64_t begin, end;
	int i, k;

	for (i = 0; i < N_COST_ROUNDS; i++) {
		begin = clock_ticks(c);
		for (k = 0; k < N_COST_READS - 1; k++)
			(void)clock_ticks(c);
		end = clock_ticks(c);
		cost_ns[i] = (double)clock_delta_ns(c, begin, end) / N_COST_READS;
	}
	qsort(cost_ns, N_COST_ROUNDS, sizeof(cost_ns[0]), compare_doubles);
	return cost_ns[N_COST_ROUNDS / 2];
}

/* Go round the processors and look whether time ever steps back on the way: a later reading here than
 * there is what stamps of two threads rely on.  The mask of the thread is as before afterwards. */
static int64_t measure_skew_ticks(const struct clock *c)
{
	cpu_set_t allowed, one;
	int64_t skew = 0, step;
	uint64_t last, now;
	int round, cpu, n_cpus;

	if (sched_getaffinity(0, sizeof(allowed), &allowed))
		return 0; /* more processors than cpu_set_t holds: not measured */
	for (round = 0; round < N_SKEW_ROUNDS; round++) {
		for (cpu = 0, n_cpus = 0; cpu < CPU_SETSIZE && n_cpus < MAX_SKEW_CPUS; cpu++) {
			if (!CPU_ISSET(cpu, &allowed))
				continue;
			n_cpus++;
			CPU_ZERO(&one);
			CPU_SET(cpu, &one);
			last = clock_ticks(c);
			if (sched_setaffinity(0, sizeof(one), &one))
				continue;
			now = clock_ticks(c);
			step = (int64_t)(last - now);
			if (step > skew)
				skew = step;
		}
	}
	sched_setaffinity(0, sizeof(allowed), &allowed);
	return skew;
}

void clock_init(struct clock *c, bool force_gettime)
{
	memset(c, 0, sizeof(*c));
	c->is_tsc = !force_gettime && choose_tsc(c);
	if (!c->is_tsc)
		c->ns_per_tick = 1.0;
	c->name = c->is_tsc ? "tsc" : "clock_gettime";
	c->read_cost_ns = measure_read_cost_ns(c);
	c->skew_ticks = measure_skew_ticks(c);
}
