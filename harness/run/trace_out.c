/* SPDX-License-Identifier: MIT */
/* trace_out.c - a stage's moments as trace events; see trace_out.h. */
#include "run/trace_out.h"

static uint64_t trace_ns(const struct trace_out *t, uint64_t ticks)
{
	return clock_delta_ns(t->clock, t->zero_ticks, ticks);
}

/* Phases that are still to come (0 ticks) or took no time are left out.  A span ends a nanosecond before the next
 * begins: readers add ts and dur as fractions of microseconds, and take spans that overlap by a rounding error for
 * badly nested ones. */
static void trace_span(struct trace_out *t, unsigned row, const char *category, const char *name,
		       uint64_t from_ticks, uint64_t to_ticks)
{
	const uint64_t from = trace_ns(t, from_ticks), to = trace_ns(t, to_ticks);

	if (to > from)
		trace_json_span(&t->json, row, category, name, from,
				to - from > 1 ? to - from - 1 : 1);
}

void trace_out_begin(struct trace_out *t, FILE *out, const struct clock *clock, uint64_t zero_ticks)
{
	t->clock = clock;
	t->zero_ticks = zero_ticks;
	t->freer = 0;
	trace_json_begin(&t->json, out, TRACE_JSON_CAP);
	trace_json_thread(&t->json, TRACE_OUT_STAGES, "stages");
	trace_json_thread(&t->json, TRACE_OUT_CYCLES, "collector: cycle phases");
	trace_json_thread(&t->json, TRACE_OUT_STOPS, "all mutators: stopped");
	trace_json_thread(&t->json, TRACE_OUT_DELETES, "deletes (unlinked)");
}

static void trace_cycle(struct trace_out *t, const struct gc_log_cycle *c, uint64_t end_ticks)
{
	const uint64_t sweep_end = c->sweep_end_ticks != 0 ? c->sweep_end_ticks : end_ticks;

	trace_span(t, TRACE_OUT_CYCLES, "cycle", "stop 1", c->begin_ticks, c->mark_begin_ticks);
	trace_span(t, TRACE_OUT_CYCLES, "cycle", "mark", c->mark_begin_ticks, c->mark_end_ticks);
	trace_span(t, TRACE_OUT_CYCLES, "cycle", "stop 2", c->mark_end_ticks, c->resume_ticks);
	trace_span(t, TRACE_OUT_CYCLES, "cycle",
		   c->sweep_end_ticks != 0 ? "sweep" : "sweep, not ended", c->resume_ticks,
		   sweep_end);
	trace_span(t, TRACE_OUT_STOPS, "pause", "stop 1", c->stop1_ticks, c->mark_begin_ticks);
	trace_span(t, TRACE_OUT_STOPS, "pause", "stop 2", c->flip_ticks, c->resume_ticks);
	trace_json_instant(&t->json, TRACE_OUT_CYCLES, "cycle", "flip", trace_ns(t, c->flip_ticks));
}

static void trace_counters(struct trace_out *t, const struct report_sample *s)
{
	trace_json_counter(&t->json, "live", "bytes", s->time_ns, (double)s->live_bytes);
	trace_json_counter(&t->json, "limbo", "bytes", s->time_ns, (double)s->limbo_bytes);
	trace_json_counter(&t->json, "garbage", "bytes", s->time_ns, (double)s->garbage_bytes);
	if (s->goal_bytes > 0)
		trace_json_counter(&t->json, "goal", "bytes", s->time_ns, (double)s->goal_bytes);
}

static void trace_name_freer(struct trace_out *t, uint32_t thread)
{
	char name[40];

	/* The events of one thread lie together. */
	if (t->freer == thread + 1)
		return;
	t->freer = thread + 1;
	snprintf(name, sizeof(name), "frees by thread %u", thread);
	trace_json_thread(&t->json, TRACE_OUT_FREES + thread, name);
}

void trace_out_life(struct trace_out *t, enum obj_class class, uint64_t dead_ticks,
		    uint64_t freed_ticks, uint32_t thread)
{
	const char *name = obj_class_names[class];

	trace_name_freer(t, thread);
	if (dead_ticks >= t->zero_ticks)
		trace_json_instant(&t->json, TRACE_OUT_DELETES, "delete", name,
				   trace_ns(t, dead_ticks));
	trace_json_instant(&t->json, TRACE_OUT_FREES + thread, "free", name,
			   trace_ns(t, freed_ticks));
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

static void trace_lives(struct trace_out *t, const struct law_sample *law)
{
	t->freer = 0;
	for (size_t i = 0; i < law->n; i++) {
		const struct law_event *e = &law->events[i];

		trace_out_life(t, e->class, e->dead_ticks, e->freed_ticks, e->thread);
	}
	trace_json_drop(&t->json, 2 * (law->n_seen - law->n));
}

void trace_out_stage(struct trace_out *t, const struct stage_result *s, const struct gc_log *log)
{
	const uint64_t end_ticks = s->begin_ticks + s->window_ticks;
	struct gc_log_cycle c;

	trace_span(t, TRACE_OUT_STAGES, "stage", s->spec->name, s->begin_ticks, end_ticks);
	trace_json_instant(&t->json, TRACE_OUT_STAGES, "stage", "stage begins",
			   trace_ns(t, s->begin_ticks));
	trace_json_instant(&t->json, TRACE_OUT_STAGES, "stage", "stage ends",
			   trace_ns(t, end_ticks));
	for (uint64_t k = s->n_cycles_begin + 1; log != NULL && k <= s->n_cycles_end; k++) {
		if (gc_log_get(log, k, &c))
			trace_cycle(t, &c, end_ticks);
		else /* four spans, two stops, a flip */
			trace_json_drop(&t->json, 7);
	}
	for (size_t i = 0; i < s->sampler.n; i++)
		trace_counters(t, &s->sampler.samples[i]);
	/* Last: should the cap be reached, the frame is there. */
	trace_lives(t, &s->law);
}

int trace_out_end(struct trace_out *t)
{
	return trace_json_end(&t->json);
}
