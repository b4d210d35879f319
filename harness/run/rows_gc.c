/* SPDX-License-Identifier: MIT */
/* rows_gc.c - the collection cycles of a stage, from the strategy's log. */
#include <errno.h>
#include <math.h>
#include <stdlib.h>

#include "gc/gc_log.h"
#include "run/rows.h"

/* What is looked at of each cycle. */
static uint64_t gc_interval(const struct gc_log_cycle *c, const struct clock *clock)
{
	(void)clock;
	return c->interval_ns;
}

static uint64_t gc_pause(const struct gc_log_cycle *c, const struct clock *clock)
{
	(void)clock;
	return c->pause1_ns + c->pause2_ns;
}

static uint64_t gc_mark(const struct gc_log_cycle *c, const struct clock *clock)
{
	return clock_delta_ns(clock, c->mark_begin_ticks, c->mark_end_ticks);
}

static uint64_t gc_sweep(const struct gc_log_cycle *c, const struct clock *clock)
{
	return c->sweep_end_ticks != 0 ? clock_delta_ns(clock, c->flip_ticks, c->sweep_end_ticks)
				       : 0;
}

static uint64_t gc_assist(const struct gc_log_cycle *c, const struct clock *clock)
{
	(void)clock;
	return c->assist_ns;
}

static const struct {
	const char *metric, *role, *reason;
	uint64_t (*of)(const struct gc_log_cycle *c, const struct clock *clock);
} gc_metrics[] = {
	{"cycle_interval", "collector", "flip to flip", gc_interval},
	{"pause", "mutator", "both stops of a cycle together", gc_pause},
	{"mark_time", "collector", "from the barrier on to the end of marking", gc_mark},
	{"sweep_time", "collector", "from the flip to the last span swept", gc_sweep},
	{"assist_time", "mutator", "of all mutators together, a cycle", gc_assist},
};

static void gc_stat(struct rows *rows, size_t i, const char *stat, double value, uint64_t n)
{
	rows_emit(rows, (struct report_row){.role = gc_metrics[i].role,
					    .metric = gc_metrics[i].metric,
					    .stat = stat,
					    .value = value,
					    .unit = "ns",
					    .better = "lower",
					    .n = n,
					    .status = n < 3 ? "weak" : "ok",
					    .reason = gc_metrics[i].reason});
}

static void gc_metric_rows(struct rows *rows, const struct gc_log *log, size_t i, struct hist *h)
{
	struct gc_log_cycle c;

	hist_reset(h);
	for (uint64_t k = rows->s->n_cycles_begin + 1; k <= rows->s->n_cycles_end; k++) {
		const uint64_t ns = gc_log_get(log, k, &c)
					    ? gc_metrics[i].of(&c, reclaim_clock(rows->in->r))
					    : 0;

		if (ns > 0)
			hist_record(h, ns);
	}
	if (h->n == 0)
		return;
	gc_stat(rows, i, "p50", hist_quantile(h, 0.5), h->n);
	gc_stat(rows, i, "max", (double)h->max, h->n);
	gc_stat(rows, i, "mean", h->sum / (double)h->n, h->n);
	gc_stat(rows, i, "sum", h->sum, h->n);
}

bool rows_gc(struct rows *rows)
{
	const struct reclaim_ops *ops = rows->config->ops;
	const struct gc_log *log = ops->gc_log != NULL ? ops->gc_log(rows->in->r) : NULL;
	struct hist *h;

	if (log == NULL || rows->s->n_cycles_end == rows->s->n_cycles_begin)
		return false;
	h = malloc(sizeof(*h));
	if (h == NULL) {
		rows->error = -ENOMEM;
		return false;
	}
	for (size_t i = 0; i < sizeof(gc_metrics) / sizeof(gc_metrics[0]); i++)
		gc_metric_rows(rows, log, i, h);
	free(h);
	return true;
}

void rows_gc_print(const struct rows *rows, FILE *out)
{
	const struct reclaim_ops *ops = rows->config->ops;
	const struct gc_log *log = ops->gc_log != NULL ? ops->gc_log(rows->in->r) : NULL;
	struct gc_log_cycle c;

	for (uint64_t k = rows->s->n_cycles_begin + 1; log != NULL && k <= rows->s->n_cycles_end;
	     k++)
		if (gc_log_get(log, k, &c))
			gc_log_print(&c, reclaim_clock(rows->in->r), rows->s->begin_ticks, out);
}
