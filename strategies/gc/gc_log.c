/* SPDX-License-Identifier: MIT */
/* gc_log.c - the ring of cycles; see gc_log.h. */
#include "gc/gc_log.h"

#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>

const char *const gc_reason_names[GC_N_REASONS] = {"heap", "period", "hand"};
const char *const gc_swept_by_names[GC_N_SWEPT_BY] = {"background", "allocator", "leftover"};

int gc_log_init(struct gc_log *log)
{
	log->n_cycles = 0;
	log->has_shared_bits = false;
	log->ring = calloc(GC_LOG_N_CYCLES, sizeof(*log->ring));
	if (!log->ring)
		return -ENOMEM;
	pthread_mutex_init(&log->lock, NULL);
	return 0;
}

void gc_log_fini(struct gc_log *log)
{
	if (!log->ring)
		return;
	pthread_mutex_destroy(&log->lock);
	free(log->ring);
	log->ring = NULL;
}

/* Readers hold a const log: taking its lock changes nothing that they can see. */
static void gc_log_lock(const struct gc_log *log)
{
	pthread_mutex_lock(&((struct gc_log *)log)->lock);
}

static void gc_log_unlock(const struct gc_log *log)
{
	pthread_mutex_unlock(&((struct gc_log *)log)->lock);
}

static struct gc_log_cycle *gc_log_slot(const struct gc_log *log, uint64_t number)
{
	return &log->ring[number % GC_LOG_N_CYCLES];
}

/* The oldest number still in the ring; lock held. */
static uint64_t gc_log_oldest(const struct gc_log *log)
{
	return log->n_cycles > GC_LOG_N_CYCLES ? log->n_cycles - GC_LOG_N_CYCLES + 1 : 1;
}

void gc_log_add(struct gc_log *log, const struct gc_log_cycle *c)
{
	gc_log_lock(log);
	log->n_cycles++;
	*gc_log_slot(log, log->n_cycles) = *c;
	gc_log_slot(log, log->n_cycles)->number = log->n_cycles;
	gc_log_unlock(log);
}

void gc_log_update_last(struct gc_log *log, const struct gc_log_cycle *c)
{
	gc_log_lock(log);
	*gc_log_slot(log, log->n_cycles) = *c;
	gc_log_slot(log, log->n_cycles)->number = log->n_cycles;
	gc_log_unlock(log);
}

uint64_t gc_log_n_cycles(const struct gc_log *log)
{
	uint64_t n;

	gc_log_lock(log);
	n = log->n_cycles;
	gc_log_unlock(log);
	return n;
}

bool gc_log_get(const struct gc_log *log, uint64_t number, struct gc_log_cycle *out)
{
	bool is_there;

	gc_log_lock(log);
	is_there = number >= gc_log_oldest(log) && number <= log->n_cycles;
	if (is_there)
		*out = *gc_log_slot(log, number);
	gc_log_unlock(log);
	return is_there;
}

/* The first cycle whose `member` moment is after `ticks`; n_cycles + 1 when there is none.  Lock held. */
static uint64_t gc_log_first_after(const struct gc_log *log, uint64_t ticks, bool by_flip)
{
	uint64_t low = gc_log_oldest(log), high = log->n_cycles + 1;

	while (low < high) {
		const uint64_t middle = low + (high - low) / 2;
		const struct gc_log_cycle *c = gc_log_slot(log, middle);

		if ((by_flip ? c->flip_ticks : c->mark_begin_ticks) > ticks)
			high = middle;
		else
			low = middle + 1;
	}
	return low;
}

bool gc_log_find(const struct gc_log *log, uint64_t ticks, struct gc_log_around *out)
{
	uint64_t number;
	bool is_there;

	*out = (struct gc_log_around){0};
	gc_log_lock(log);
	number = gc_log_first_after(log, ticks, false);
	/* The oldest one in a ring that has wrapped may not be the first after the moment. */
	is_there = number <= log->n_cycles && (number == 1 || number > gc_log_oldest(log));
	if (is_there) {
		const struct gc_log_cycle *next = gc_log_slot(log, number);

		out->number = number;
		out->next_mark_begin_ticks = next->mark_begin_ticks;
		out->next_mark_end_ticks = next->flip_ticks;
		out->next_flip_ticks = next->flip_ticks;
		out->next_sweep_end_ticks = next->sweep_end_ticks;
		if (number > 1) {
			const struct gc_log_cycle *last = gc_log_slot(log, number - 1);

			out->mark_begin_ticks = last->mark_begin_ticks;
			out->mark_end_ticks = last->flip_ticks;
			out->is_in_marking = ticks < last->flip_ticks;
		}
	}
	gc_log_unlock(log);
	return is_there;
}

uint64_t gc_log_n_flips(const struct gc_log *log, uint64_t from_ticks, uint64_t to_ticks)
{
	uint64_t first, end;

	gc_log_lock(log);
	first = gc_log_first_after(log, from_ticks, true);
	end = gc_log_first_after(log, to_ticks, true);
	gc_log_unlock(log);
	return end - first;
}

static double gc_log_us(const struct clock *clock, uint64_t from, uint64_t to)
{
	return (double)clock_delta_ns(clock, from, to) / 1e3;
}

void gc_log_print(const struct gc_log_cycle *c, const struct clock *clock, uint64_t origin_ticks,
		  FILE *out)
{
	fprintf(out,
		"gc %" PRIu64
		" @%.3fs %s: interval %.3f ms, mark %.3f ms (cpu %.3f ms: background %.3f, "
		"idle %.3f, assist %.3f = %.1f %%), pauses %.1f + %.1f us, "
		"%.2f -> %.2f -> %.2f MB, goal %.2f MB, trigger %.2f MB, cons/mark %+.4f, ",
		c->number, gc_log_us(clock, origin_ticks, c->flip_ticks) / 1e6,
		gc_reason_names[c->reason], (double)c->interval_ns / 1e6,
		gc_log_us(clock, c->mark_begin_ticks, c->mark_end_ticks) / 1e3,
		(double)c->mark_cpu_ns / 1e6, (double)c->background_ns / 1e6,
		(double)c->idle_ns / 1e6, (double)c->assist_ns / 1e6, c->assist_share * 100,
		(double)c->pause1_ns / 1e3, (double)c->pause2_ns / 1e3,
		(double)c->heap_before_bytes / 1e6, (double)c->heap_after_bytes / 1e6,
		(double)c->heap_marked_bytes / 1e6, (double)c->goal_bytes / 1e6,
		(double)c->trigger_bytes / 1e6, c->cons_mark);
	fprintf(out, "swept");
	for (int by = 0; by < GC_N_SWEPT_BY; by++)
		fprintf(out, " %" PRIu64 " %s", c->n_spans_swept[by], gc_swept_by_names[by]);
	fprintf(out, ", freed %" PRIu64 " objects, %.2f MB", c->n_objects_freed,
		(double)c->freed_bytes / 1e6);
	if (c->n_stops_cancelled)
		fprintf(out, ", %u stops cancelled (thread %u did not arrive)",
			c->n_stops_cancelled, c->missing_thread);
	fprintf(out, "\n");
}
