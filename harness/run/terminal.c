/* SPDX-License-Identifier: MIT */
/* terminal.c - what a person sees of a run; see terminal.h. */
#include "run/terminal.h"

#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "term.h"
#include "units.h"

void terminal_header(const struct run_config *config)
{
	char values[32] = "the trace's";

	if (config->quiet)
		return;
	if (!config->is_value_traced)
		snprintf(values, sizeof(values), "%zu B", config->value_bytes);
	printf("%s%s%s: %" PRIu64
	       " keys, %s, %s, %s values, %zu B garbage an operation, unlink=%s, "
	       "%u thread%s\n",
	       config->ops->name, config->strategy_options[0] != '\0' ? ":" : "",
	       config->strategy_options, config->n_keys,
	       config->trace_path != NULL ? config->trace_path : config->mix_text,
	       config->trace_path != NULL ? "trace" : config->dist_text, values,
	       config->garbage_bytes, config->unlink_text, config->n_threads,
	       config->n_threads == 1 ? "" : "s");
	printf("%-14s %12s %14s %14s %12s %12s %9s\n", "stage", "throughput", "lifetime P50", "P99",
	       "limbo peak", "resident", "B/entry");
}

/* A percentile: ">" marks a lower bound, "~" a weak value. */
static const char *terminal_value(char *buf, size_t size, const struct km_value *v)
{
	char text[32];

	if (v->status == KM_NONE)
		return "-";
	units_format_ns(text, sizeof(text), v->value_ns);
	snprintf(buf, size, "%s%s",
		 v->status == KM_CENSORED ? ">"
		 : v->status == KM_WEAK	  ? "~"
					  : "",
		 text);
	return buf;
}

static void terminal_note_checks(const struct stage_result *s, bool is_tracking,
				 struct terminal_checks *checks)
{
	checks->n_stages++;
	checks->digest = s->digest;
	checks->n_digest = s->n_digest;
	if (is_tracking) {
		if (checks->n_little == 0 ||
		    fabs(s->little.ratio - 1) > fabs(checks->worst_ratio - 1)) {
			checks->worst_ratio = s->little.ratio;
			snprintf(checks->worst_stage, sizeof(checks->worst_stage), "%s",
				 s->spec->name);
		}
		checks->n_little++;
		checks->n_little_bad += !s->little.is_good;
	}
	checks->n_watched += s->has_watch;
	checks->n_unsteady += s->has_watch && s->watch.end_ticks == 0;
	if (!s->conservation.is_good && checks->n_conservation_bad++ == 0)
		snprintf(checks->conservation_text, sizeof(checks->conservation_text), "%s: %s",
			 s->spec->name, s->conservation.text);
}

void terminal_stage(const struct rows *rows, struct terminal_checks *checks)
{
	const struct stage_result *s = rows->s;
	char throughput[32], p50[40], p99[40], limbo[32], rss[32], entry[32], steady[256];
	char stalled[96];
	static const struct km_value none = {.status = KM_NONE};
	struct km_value v50 = none, v99 = none;
	struct km km;

	if (rows->in->tracking) {
		rows_lifetime_of_all(rows, &km);
		v50 = rows_quantile(rows, &km, 0.5);
		v99 = rows_quantile(rows, &km, 0.99);
	}
	terminal_note_checks(s, rows->in->tracking, checks);
	if (rows->config->quiet)
		return;
	units_format_count(throughput, sizeof(throughput), stage_throughput(s));
	strncat(throughput, "/s", sizeof(throughput) - strlen(throughput) - 1);
	snprintf(entry, sizeof(entry), "%.1f", rows_bytes_per_entry(s));
	terminal_progress_end(rows->config);
	printf("%-14s %12s %14s %14s %12s %12s %9s%s%s\n", s->spec->name, throughput,
	       terminal_value(p50, sizeof(p50), &v50), terminal_value(p99, sizeof(p99), &v99),
	       units_format_bytes(limbo, sizeof(limbo), (double)s->sampler.peak_limbo_bytes),
	       units_format_bytes(rss, sizeof(rss), (double)s->sampler.peak_rss_bytes),
	       isnan(rows_bytes_per_entry(s)) ? "-" : entry,
	       rows_is_saturated(s) ? "  saturated" : "", s->is_interrupted ? "  interrupted" : "");
	if (rows_stall_text(rows, stalled, sizeof(stalled)))
		printf("  %" PRIu64 " stops given up: %s; nothing is freed meanwhile\n",
		       s->stats_end.n_stalls - s->stats_begin.n_stalls, stalled);
	if (s->has_watch) {
		rows_steady_text(s, steady, sizeof(steady));
		printf("  steady=%d: %s\n", s->watch.end_ticks != 0, steady);
	}
	fflush(stdout);
}

void terminal_footer(const struct terminal_checks *checks, const struct cost *cost, bool quiet)
{
	const bool is_bad = checks->n_little_bad + checks->n_conservation_bad + checks->n_law_bad +
				    checks->n_unsteady >
			    0;

	if (checks->n_stages == 0 || (quiet && !is_bad))
		return;
	printf("(> lower bound, not yet freed at the stage's end; ~ weak: few samples or cycles, "
	       "or over "
	       "5 %% censored)\n");
	if (checks->n_little == 0)
		printf("Little's law: not checked, tracking is off\n");
	else
		printf("Little's law: %s in %u of %u stages, worst ratio %.5f (%s), tolerance 2 "
		       "%%\n",
		       checks->n_little_bad == 0 ? "holds" : "FAILS",
		       checks->n_little_bad == 0 ? checks->n_little : checks->n_little_bad,
		       checks->n_little, checks->worst_ratio, checks->worst_stage);
	if (checks->n_conservation_bad == 0)
		printf("conservation: allocated = live + limbo + freed, exact in %u of %u stages\n",
		       checks->n_stages, checks->n_stages);
	else
		printf("conservation: FAILS in %u of %u stages, first in %s\n",
		       checks->n_conservation_bad, checks->n_stages, checks->conservation_text);
	if (checks->n_law_bad > 0)
		printf("per-event law: FAILS in %u of %u stages (law_freed_in_cycle and "
		       "law_flips_3plus must be 0)\n",
		       checks->n_law_bad, checks->n_stages);
	if (checks->n_unsteady > 0)
		printf("steady: NOT in %u of %u stages, which their time-out ended (steady=0)\n",
		       checks->n_unsteady, checks->n_watched);
	else if (checks->n_watched > 0)
		printf("steady: %u of %u stages ended so\n", checks->n_watched, checks->n_watched);
	printf("operations: digest %016" PRIx64 " over the first %" PRIu64 "\n", checks->digest,
	       checks->n_digest);
	if (cost == NULL)
		return;
	if (isnan(cost->ratio))
		printf("tracking: its cost was not measured: %s\n", cost->reason);
	else
		printf("tracking: %.3f x the time without, 97 %% interval %.3f to %.3f (%.0f "
		       "against "
		       "%.0f ns an operation, medians of %u interleaved rounds)\n",
		       cost->ratio, cost->low, cost->high, cost->ns_per_op_on, cost->ns_per_op_off,
		       cost->n_rounds);
}

void terminal_progress(const struct run_config *config, const char *what, uint64_t left_ns)
{
	const unsigned left_s = (unsigned)((left_ns + 999999999) / 1000000000);

	if (config->quiet)
		return;
	if (term_is_terminal(stderr))
		fprintf(stderr, "\r\033[K%s: %s, %u s left", config->ops->name, what, left_s);
	else
		fprintf(stderr, "%s: %s, %u s left\n", config->ops->name, what, left_s);
	fflush(stderr);
}

void terminal_progress_end(const struct run_config *config)
{
	if (!config->quiet && term_is_terminal(stderr))
		fprintf(stderr, "\r\033[K");
}
