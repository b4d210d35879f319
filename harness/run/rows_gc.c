/* SPDX-License-Identifier: MIT */
/* rows_gc.c - the collection cycles of a stage, from the strategy's log. */
#include <errno.h>
#include <inttypes.h>
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
	bool has_zeros; /* 0 is a value; elsewhere it says that there is none */
	uint64_t (*of)(const struct gc_log_cycle *c, const struct clock *clock);
} gc_metrics[] = {
	{"cycle_interval", "collector", "flip to flip", false, gc_interval},
	{"pause", "mutator", "both stops of a cycle together", false, gc_pause},
	{"mark_time", "collector", "from the barrier on to the end of marking", false, gc_mark},
	{"sweep_time", "collector", "from the flip to the last span swept", false, gc_sweep},
	{"assist_time", "mutator", "of all mutators together, a cycle", true, gc_assist},
};

static void gc_stat(struct rows *rows, size_t i, const char *stat, double value, uint64_t n,
		    uint64_t n_lost)
{
	char lost[64];

	snprintf(lost, sizeof(lost), "the log holds only the last %" PRIu64 " cycles", n);
	rows_emit(rows, (struct report_row){.role = gc_metrics[i].role,
					    .metric = gc_metrics[i].metric,
					    .stat = stat,
					    .value = value,
					    .unit = "ns",
					    .better = "lower",
					    .n = n,
					    .status = n < 3 || n_lost > 0 ? "weak" : "ok",
					    .reason = n_lost > 0 ? lost : gc_metrics[i].reason});
}

static void gc_metric_rows(struct rows *rows, const struct gc_log *log, size_t i, struct hist *h)
{
	struct gc_log_cycle c;
	uint64_t n_lost = 0;

	hist_reset(h);
	for (uint64_t k = rows->s->n_cycles_begin + 1; k <= rows->s->n_cycles_end; k++) {
		if (!gc_log_get(log, k, &c)) {
			n_lost++;
			continue;
		}
		const uint64_t ns = gc_metrics[i].of(&c, reclaim_clock(rows->in->r));

		if (ns > 0 || gc_metrics[i].has_zeros)
			hist_record(h, ns);
	}
	if (h->n == 0)
		return;
	gc_stat(rows, i, "p50", hist_quantile(h, 0.5), h->n, n_lost);
	gc_stat(rows, i, "mean", h->sum / (double)h->n, h->n, n_lost);
	/* Of all cycles, or not at all. */
	if (n_lost > 0)
		return;
	gc_stat(rows, i, "max", (double)h->max, h->n, 0);
	gc_stat(rows, i, "sum", h->sum, h->n, 0);
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
