/* SPDX-License-Identifier: MIT */
/* trace_out.c - a stage's moments as trace events; see trace_out.h. */
#include "run/trace_out.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

/* ---------------------------------------------------------------- events */

static uint64_t trace_ns(const struct trace_out *t, uint64_t ticks)
{
	return clock_delta_ns(t->clock, t->zero_ticks, ticks);
}

static void trace_add(struct trace_out *t, const struct trace_moment *e)
{
	if (t->n_events >= t->json.cap) {
		trace_json_drop(&t->json, 1);
		return;
	}
	if (t->n_events == t->max_events) {
		const size_t max = t->max_events ? 2 * t->max_events : 4096;
		struct trace_moment *more = realloc(t->events, max * sizeof(*more));

		if (more == NULL) {
			t->error = -ENOMEM;
			return;
		}
		t->events = more;
		t->max_events = max;
	}
	t->events[t->n_events++] = *e;
}

/* Phases that are still to come (0 ticks) or took no time are left out.  A span ends a nanosecond before the next
 * begins: readers add ts and dur as fractions of microseconds, and take spans that overlap by a rounding error for
 * badly nested ones. */
static void trace_span(struct trace_out *t, unsigned row, const char *category, const char *name,
		       uint64_t from_ticks, uint64_t to_ticks)
{
	const uint64_t from = trace_ns(t, from_ticks), to = trace_ns(t, to_ticks);
	const struct trace_moment e = {.phase = 'X',
				       .row = row,
				       .category = category,
				       .name = name,
				       .at_ns = from,
				       .length_ns = to - from > 1 ? to - from - 1 : 1};

	if (to > from)
		trace_add(t, &e);
}

static void trace_instant(struct trace_out *t, unsigned row, const char *category, const char *name,
			  uint64_t at_ticks)
{
	const struct trace_moment e = {.phase = 'i',
				       .row = row,
				       .category = category,
				       .name = name,
				       .at_ns = trace_ns(t, at_ticks)};

	trace_add(t, &e);
}

static void trace_counter(struct trace_out *t, const char *name, uint64_t at_ns, double value)
{
	const struct trace_moment e = {.phase = 'C', .name = name, .at_ns = at_ns, .value = value};

	trace_add(t, &e);
}

/* By time, as readers like it; what begins together, the outer one first. */
static int trace_compare(const void *a, const void *b)
{
	const struct trace_moment *x = a, *y = b;

	if (x->at_ns != y->at_ns)
		return x->at_ns < y->at_ns ? -1 : 1;
	return (x->length_ns < y->length_ns) - (x->length_ns > y->length_ns);
}

static void trace_write(struct trace_out *t)
{
	if (t->n_events > 0)
		qsort(t->events, t->n_events, sizeof(*t->events), trace_compare);
	for (size_t i = 0; i < t->n_events; i++) {
		const struct trace_moment *e = &t->events[i];

		if (e->phase == 'X')
			trace_json_span(&t->json, e->row, e->category, e->name, e->at_ns,
					e->length_ns);
		else if (e->phase == 'i')
			trace_json_instant(&t->json, e->row, e->category, e->name, e->at_ns);
		else
			trace_json_counter(&t->json, e->name, "bytes", e->at_ns, e->value);
	}
	free(t->events);
	t->events = NULL;
	t->n_events = t->max_events = 0;
}

void trace_out_begin(struct trace_out *t, FILE *out, const struct clock *clock, uint64_t zero_ticks)
{
	memset(t, 0, sizeof(*t));
	t->clock = clock;
	t->zero_ticks = zero_ticks;
	trace_json_begin(&t->json, out, TRACE_JSON_CAP);
	trace_json_thread(&t->json, TRACE_OUT_STAGES, "stages");
	trace_json_thread(&t->json, TRACE_OUT_CYCLES, "cycle phases");
	trace_json_thread(&t->json, TRACE_OUT_DELETES, "deletes (unlinked)");
}

/* ---------------------------------------------------------------- cycles */

static void trace_cycle(struct trace_out *t, const struct gc_log_cycle *c, uint64_t end_ticks)
{
	const uint64_t sweep_end = c->sweep_end_ticks != 0 ? c->sweep_end_ticks : end_ticks;

	trace_span(t, TRACE_OUT_CYCLES, "cycle", "stop 1", c->begin_ticks, c->mark_begin_ticks);
	trace_span(t, TRACE_OUT_CYCLES, "cycle", "mark", c->mark_begin_ticks, c->mark_end_ticks);
	trace_span(t, TRACE_OUT_CYCLES, "cycle", "stop 2", c->mark_end_ticks, c->resume_ticks);
	trace_span(t, TRACE_OUT_CYCLES, "cycle",
		   c->sweep_end_ticks != 0 ? "sweep" : "sweep, not ended", c->resume_ticks,
		   sweep_end);
	trace_instant(t, TRACE_OUT_CYCLES, "cycle", "flip", c->flip_ticks);
}

void trace_out_cycles(struct trace_out *t, const struct gc_log *log, uint64_t from_ticks,
		      uint64_t to_ticks)
{
	const uint64_t n = gc_log_n_cycles(log);
	struct gc_log_cycle c;

	for (uint64_t i = 1; i <= n; i++)
		if (gc_log_get(log, i, &c) && c.begin_ticks >= from_ticks &&
		    c.flip_ticks <= to_ticks)
			trace_cycle(t, &c, to_ticks);
}

static void trace_stage_cycles(struct trace_out *t, const struct stage_result *s,
			       const struct gc_log *log, uint64_t end_ticks)
{
	struct gc_log_cycle c;

	for (uint64_t k = s->n_cycles_begin + 1; k <= s->n_cycles_end; k++) {
		if (gc_log_get(log, k, &c))
			trace_cycle(t, &c, end_ticks);
		else /* four spans, a flip */
			trace_json_drop(&t->json, 5);
	}
}

/* ---------------------------------------------------------------- threads */

/* Its row, with a name from its first event on. */
static unsigned trace_thread(struct trace_out *t, uint32_t thread, const char *role)
{
	char name[64];

	if (!(t->named[thread / 64] >> thread % 64 & 1)) {
		t->named[thread / 64] |= UINT64_C(1) << thread % 64;
		snprintf(name, sizeof(name), "thread %u%s%s", thread, role[0] != '\0' ? ": " : "",
			 role);
		trace_json_thread(&t->json, TRACE_OUT_THREADS + thread, name);
	}
	return TRACE_OUT_THREADS + thread;
}

void trace_out_acts(struct trace_out *t, const struct acts_sample *acts, uint64_t from_ticks)
{
	for (size_t i = 0; i < acts->n_rows; i++)
		trace_thread(t, acts->rows[i].thread, reclaim_role_names[acts->rows[i].role]);
	for (size_t i = 0; i < acts->n_acts; i++) {
		const struct watched_act *a = &acts->acts[i];

		/* Begun before the picture: some that lay in it are not there. */
		if (a->act.begin_ticks < from_ticks)
			trace_json_drop(&t->json, 1);
		else
			trace_span(t, trace_thread(t, a->thread, ""), "thread", a->act.name,
				   a->act.begin_ticks, a->act.end_ticks);
	}
	trace_json_drop(&t->json, acts->n_dropped);
}

void trace_out_life(struct trace_out *t, enum obj_class class, uint64_t dead_ticks,
		    uint64_t freed_ticks, uint32_t thread)
{
	const char *name = obj_class_names[class];

	if (dead_ticks >= t->zero_ticks)
		trace_instant(t, TRACE_OUT_DELETES, "delete", name, dead_ticks);
	trace_instant(t, trace_thread(t, thread, ""), "free", name, freed_ticks);
}

static void trace_lives(struct trace_out *t, const struct law_sample *law)
{
	for (size_t i = 0; i < law->n; i++) {
		const struct law_event *e = &law->events[i];

		trace_out_life(t, e->class, e->dead_ticks, e->freed_ticks, e->thread);
	}
	trace_json_drop(&t->json, 2 * (law->n_seen - law->n));
}

/* ---------------------------------------------------------------- a stage */

static void trace_sample(struct trace_out *t, const struct report_sample *s)
{
	trace_counter(t, "live", s->time_ns, (double)s->live_bytes);
	trace_counter(t, "limbo", s->time_ns, (double)s->limbo_bytes);
	trace_counter(t, "garbage", s->time_ns, (double)s->garbage_bytes);
	if (s->goal_bytes > 0)
		trace_counter(t, "goal", s->time_ns, (double)s->goal_bytes);
}

void trace_out_stage(struct trace_out *t, const struct stage_result *s, const struct gc_log *log)
{
	const uint64_t end_ticks = s->begin_ticks + s->window_ticks;

	trace_span(t, TRACE_OUT_STAGES, "stage", s->spec->name, s->begin_ticks, end_ticks);
	trace_instant(t, TRACE_OUT_STAGES, "stage", "stage begins", s->begin_ticks);
	trace_instant(t, TRACE_OUT_STAGES, "stage", "stage ends", end_ticks);
	if (log != NULL)
		trace_stage_cycles(t, s, log, end_ticks);
	for (size_t i = 0; i < s->sampler.n; i++)
		trace_sample(t, &s->sampler.samples[i]);
	trace_out_acts(t, &s->acts, s->begin_ticks);
	/* Last: should the cap be reached, the frame is there. */
	trace_lives(t, &s->law);
}

int trace_out_end(struct trace_out *t)
{
	int error;

	trace_write(t);
	error = trace_json_end(&t->json);
	return t->error != 0 ? t->error : error;
}
