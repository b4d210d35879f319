/* SPDX-License-Identifier: MIT */
/* sampler.c - the timeline; see sampler.h. */
#include "run/sampler.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "gc/gc_log.h"

/* A timeline of a million rows is 100 MB; nobody plots more. */
#define SAMPLER_MAX 1000000u

static uint64_t sampler_rss_bytes(int statm_fd)
{
	char text[128];
	unsigned long long pages;
	const ssize_t n = statm_fd >= 0 ? pread(statm_fd, text, sizeof(text) - 1, 0) : -1;

	if (n <= 0)
		return 0;
	text[n] = '\0';
	if (sscanf(text, "%*u %llu", &pages) != 1)
		return 0;
	return pages * (uint64_t)sysconf(_SC_PAGESIZE);
}

/* The collector's goal, decided at its last flip; 0: it has none. */
static uint64_t sampler_goal_bytes(struct reclaim *r)
{
	const struct reclaim_ops *ops = reclaim_ops(r);
	const struct gc_log *log = ops->gc_log != NULL ? ops->gc_log(r) : NULL;
	struct gc_log_cycle c;

	return log != NULL && gc_log_get(log, gc_log_n_cycles(log), &c) ? c.next_goal_bytes : 0;
}

void sampler_look(struct reclaim *r, int statm_fd, struct report_sample *out)
{
	struct reclaim_totals totals;
	struct heap_stats heap;

	reclaim_totals(r, &totals);
	heap_stats(reclaim_heap(r), &heap);
	for (int c = 0; c < OBJ_N_CLASSES; c++) {
		/* The counts are of slightly different moments: a difference may fall below 0. */
		const int64_t held = (int64_t)(totals.allocated_bytes[c] - totals.freed_bytes[c]);
		const int64_t limbo = (int64_t)(totals.retired_bytes[c] - totals.freed_bytes[c]);
		const int64_t n_limbo = (int64_t)(totals.n_retired[c] - totals.n_freed[c]);

		out->heap_objects += totals.n_allocated[c] - totals.n_freed[c];
		if (c == OBJ_GARBAGE) {
			out->garbage_bytes = held > 0 ? (uint64_t)held : 0;
			continue;
		}
		out->limbo_bytes += limbo > 0 ? (uint64_t)limbo : 0;
		out->limbo_objects += n_limbo > 0 ? (uint64_t)n_limbo : 0;
		out->live_bytes += held > limbo ? (uint64_t)(held - limbo) : 0;
	}
	out->os_bytes = heap.os_bytes;
	out->rss_bytes = sampler_rss_bytes(statm_fd);
	out->goal_bytes = sampler_goal_bytes(r);
}

static uint64_t sampler_n_ops(const struct sampler *s)
{
	uint64_t n = 0;

	for (unsigned i = 0; i < s->in->n_mutators; i++)
		n += load_relaxed(&s->in->workers[i].n_ops); /* statistics */
	return n;
}

static uint64_t max_u64(uint64_t a, uint64_t b)
{
	return a > b ? a : b;
}

static void sampler_take(struct sampler *s)
{
	const uint64_t now = clock_ticks(s->in->clock);
	const struct report_sample *last = s->n > 0 ? &s->samples[s->n - 1] : NULL;
	const uint64_t time_ns = clock_delta_ns(s->in->clock, s->zero_ticks, now);
	struct report_sample sample = {.stage = s->stage, .time_ns = time_ns};
	struct reclaim_stats stats = {0};
	const uint64_t last_ns =
		last != NULL ? last->time_ns
			     : clock_delta_ns(s->in->clock, s->zero_ticks, s->begin_ticks);

	sampler_look(s->in->r, s->statm_fd, &sample);
	reclaim_ops(s->in->r)->stats(s->in->r, &stats);
	sample.n_cycles = stats.n_cycles;
	sample.n_ops = sampler_n_ops(s);
	if (time_ns > last_ns)
		sample.ops_per_s = (double)(sample.n_ops - (last != NULL ? last->n_ops : 0)) * 1e9 /
				   (double)(time_ns - last_ns);
	s->peak_limbo_bytes = max_u64(s->peak_limbo_bytes, sample.limbo_bytes);
	s->peak_limbo_objects = max_u64(s->peak_limbo_objects, sample.limbo_objects);
	s->peak_rss_bytes = max_u64(s->peak_rss_bytes, sample.rss_bytes);
	s->peak_os_bytes = max_u64(s->peak_os_bytes, sample.os_bytes);
	s->sum_limbo_bytes += (double)sample.limbo_bytes;
	s->sum_rss_bytes += (double)sample.rss_bytes;
	s->n_taken++;
	if (s->samples && s->n < s->n_max)
		s->samples[s->n++] = sample;
	else
		s->n_dropped++;
}

static void *sampler_main(void *arg)
{
	struct sampler *s = arg;
	const uint64_t every_ns = s->in->config->sample_every_ns;
	uint64_t due_ns = clock_monotonic_ns();
	struct timespec cpu;

	while (!load_acquire(&s->stop)) { /* pairs with sampler_stop() */
		const struct timespec due = {.tv_sec = (time_t)(due_ns / 1000000000u),
					     .tv_nsec = (long)(due_ns % 1000000000u)};

		if (clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, &due, NULL) != 0)
			continue;
		if (load_acquire(&s->stop))
			break;
		sampler_take(s);
		due_ns += every_ns;
		/* A sampler that was held up does not catch up. */
		if (due_ns < clock_monotonic_ns())
			due_ns = clock_monotonic_ns() + every_ns;
	}
	clock_gettime(CLOCK_THREAD_CPUTIME_ID, &cpu);
	s->cpu_ns = (uint64_t)cpu.tv_sec * 1000000000u + (uint64_t)cpu.tv_nsec;
	return NULL;
}

int sampler_start(struct sampler *s, struct run_instance *in, const char *stage,
		  uint64_t begin_ticks, uint64_t zero_ticks, uint64_t duration_ns)
{
	memset(s, 0, sizeof(*s));
	s->in = in;
	s->stage = stage;
	s->begin_ticks = begin_ticks;
	s->zero_ticks = zero_ticks;
	/* Twice the plan, for stages that end late. */
	s->n_max = 2 * (size_t)(duration_ns / in->config->sample_every_ns) + 64;
	if (s->n_max > SAMPLER_MAX)
		s->n_max = SAMPLER_MAX;
	s->samples = calloc(s->n_max, sizeof(*s->samples));
	if (s->samples == NULL)
		return -ENOMEM;
	s->statm_fd = open("/proc/self/statm", O_RDONLY | O_CLOEXEC);
	const int error = pthread_create(&s->pthread, NULL, sampler_main, s);

	if (error != 0) {
		s->in = NULL;
		sampler_fini(s);
	}
	return -error;
}

void sampler_stop(struct sampler *s)
{
	store_release(&s->stop, true); /* pairs with sampler_main() */
	pthread_join(s->pthread, NULL);
	sampler_take(s);
}

void sampler_fini(struct sampler *s)
{
	if (s->statm_fd >= 0)
		close(s->statm_fd);
	free(s->samples);
	s->samples = NULL;
	s->statm_fd = -1;
}
