/* SPDX-License-Identifier: MIT */
/* html_words.c - the summary: sentences made from the figures. */
#include <math.h>
#include <string.h>

#include "report/html.h"
#include "report/text.h"

/* Settings told of in words; the tables have them all. */
enum { WORDS_MAX_SETTINGS = 6 };

struct words_best {
	const struct results_point *first, *second; /* the two best */
};

/* The best and second best of the strategies in a stage; bounds take no part. */
static struct words_best words_best_of(const struct results *r, size_t setting, size_t stage,
				       const struct results_query *query, bool is_high_good)
{
	struct words_best best = {NULL, NULL};

	for (size_t s = 0; s < r->n_series; s++) {
		const struct results_point *p = results_find(r, setting, s, stage, query);

		if (!results_has_value(p) || results_is_bound(p))
			continue;
		if (!best.first ||
		    (is_high_good ? p->value > best.first->value : p->value < best.first->value)) {
			best.second = best.first;
			best.first = p;
		} else if (!best.second || (is_high_good ? p->value > best.second->value
							 : p->value < best.second->value)) {
			best.second = p;
		}
	}
	return best;
}

/* Ranges over the repetitions overlap: the order is not settled. */
static bool words_is_close(const struct words_best *best)
{
	return best->second && best->first->low <= best->second->high &&
	       best->second->low <= best->first->high;
}

static void words_point(FILE *out, const struct results *r, const struct results_point *p,
			enum figure_unit unit, const char *suffix)
{
	char text[64];

	html_printf(out, "<b>%s</b> (%s%s)", r->series[p->series].label,
		    figure_format(text, sizeof(text), unit, p->value, false), suffix);
}

static void words_best(FILE *out, const struct results *r, size_t setting, size_t stage,
		       const struct results_query *query, const char *what, enum figure_unit unit,
		       const char *suffix, bool is_high_good)
{
	const struct words_best best = words_best_of(r, setting, stage, query, is_high_good);

	if (!best.first)
		return;
	html_printf(out, "<li>Stage %s: %s: ", r->stages[stage].name, what);
	words_point(out, r, best.first, unit, suffix);
	if (best.second) {
		fputs(", then ", out);
		words_point(out, r, best.second, unit, suffix);
	}
	if (r->n_reps > 1 && words_is_close(&best))
		fputs("; their repetitions overlap, so the order is not settled", out);
	fputs(".</li>\n", out);
}

/* "leak frees nothing": strategies whose median is only a bound. */
static void words_censored(FILE *out, const struct results *r, size_t setting, size_t stage,
			   const struct results_query *query)
{
	char text[64];

	for (size_t s = 0; s < r->n_series; s++) {
		struct results_query median = *query;
		const struct results_point *p = results_find(r, setting, s, stage, query);
		const struct results_point *half;

		median.stat = "p50";
		half = results_find(r, setting, s, stage, &median);
		if (!results_is_bound(p) || !results_has_value(p))
			continue;
		figure_format(text, sizeof(text), FIGURE_TIME_NS, p->value, false);
		if (results_is_bound(half))
			html_printf(out,
				    "<li>Stage %s: under <b>%s</b> more than half of the objects "
				    "had not been freed "
				    "when the stage ended; all that is known of the P99 is that it "
				    "is above %s.</li>\n",
				    r->stages[stage].name, r->series[s].label, text);
		else
			html_printf(
				out,
				"<li>Stage %s: the P99 of <b>%s</b> is censored, above %s.</li>\n",
				r->stages[stage].name, r->series[s].label, text);
	}
}

static void words_setting(FILE *out, const struct plot_dir *p, size_t setting)
{
	const struct results *r = &p->results;
	const char *object = figures_object(&p->set, setting);
	const struct results_query lifetime = {
		.metric = "lifetime", .object = object, .phase = "total", .stat = "p99"};
	const struct results_query throughput = {
		.metric = "throughput", .stat = "rate", .role = "mutator"};
	char what[128];

	if (r->n_settings > 1)
		html_printf(out, "<h3>%s</h3>\n", r->settings[setting].label);
	fputs("<ul>\n", out);
	snprintf(what, sizeof(what), "lowest P99 of the lifetime of a deleted %s",
		 object ? object : "object");
	for (size_t stage = 0; stage < r->n_stages; stage++) {
		if (!r->stages[stage].is_measured)
			continue;
		if (object) {
			words_best(out, r, setting, stage, &lifetime, what, FIGURE_TIME_NS, "",
				   false);
			words_censored(out, r, setting, stage, &lifetime);
		}
		if (results_load(r, setting, stage)->is_there &&
		    isnan(results_load(r, setting, stage)->offered_ops_per_s))
			words_best(out, r, setting, stage, &throughput, "highest throughput",
				   FIGURE_COUNT, " ops/s", true);
	}
	if (!object)
		fputs("<li>No lifetime was measured.</li>\n", out);
	fputs("</ul>\n", out);
}

/* How many rows are not ok, by status. */
static void words_statuses(FILE *out, const struct table *t)
{
	size_t n[TABLE_N_STATUSES] = {0};
	const char *comma = "";

	for (size_t i = 0; i < table_n_rows(t); i++)
		n[table_status(t, i)]++;
	html_printf(out, "<p>Of %zu rows %zu are ok", table_n_rows(t), n[STATUS_OK]);
	for (int s = STATUS_OK + 1; s < TABLE_N_STATUSES; s++) {
		if (!n[s])
			continue;
		html_printf(out, "%s %zu %s", *comma ? comma : ";", n[s],
			    table_status_name((enum table_status)s));
		comma = ",";
	}
	html_printf(out, ".%s</p>\n",
		    n[STATUS_FAILED] ? " Cells that failed have no figures; the table of what is "
				       "not ok says why."
				     : "");
}

/* Stages in which a check's figure lies within a limit of its ideal. */
static void words_check(FILE *out, const struct results *r, const char *metric, const char *what,
			double ideal, double limit)
{
	size_t n = 0;
	size_t n_good = 0;
	double worst = 0;

	for (size_t i = 0; i < r->n_points; i++) {
		const struct results_point *p = &r->points[i];

		if (strcmp(table_string(r->table, p->metric), metric) || isnan(p->value))
			continue;
		n++;
		/* Every repetition counts, not their median. */
		const double off = fmax(fabs(p->low - ideal), fabs(p->high - ideal));

		n_good += off <= limit;
		worst = fmax(worst, off);
	}
	if (!n)
		html_printf(out, "<li class=\"bad\">%s was not checked: there is no row %s.</li>\n",
			    what, metric);
	else if (n == n_good)
		html_printf(out,
			    "<li><span class=\"good\">%s holds</span> in all %zu stages.</li>\n",
			    what, n);
	else
		html_printf(out,
			    "<li><span class=\"bad\">%s fails</span> in %zu of %zu stages: the "
			    "figures there are not to "
			    "be trusted.</li>\n",
			    what, n - n_good, n);
}

/* With --steady: stages that their time-out ended. */
static void words_steady(FILE *out, const struct results *r)
{
	size_t n = 0;
	size_t n_bad = 0;

	for (size_t i = 0; i < r->n_points; i++) {
		const struct results_point *p = &r->points[i];

		if (strcmp(table_string(r->table, p->metric), "steady") || isnan(p->value))
			continue;
		n++;
		n_bad += p->low < 1; /* in any repetition */
	}
	if (n_bad)
		html_printf(
			out,
			"<li><span class=\"bad\">Not steady</span> (steady=0): %zu of %zu stages "
			"were "
			"ended by their time-out while the percentile watched still moved.</li>\n",
			n_bad, n);
	else if (n)
		html_printf(out, "<li><span class=\"good\">Steady</span>: all %zu stages.</li>\n",
			    n);
}

void html_summary(FILE *out, const struct plot_dir *p)
{
	const struct results *r = &p->results;

	html_printf(out,
		    "<h2 id=\"summary\">Summary</h2>\n<p>Strategies with their options: %zu; "
		    "settings: %zu; repetitions: "
		    "%zu. ",
		    r->n_series, r->n_settings, r->n_reps);
	fputs(r->n_reps > 1 ? "Figures are medians over the repetitions.</p>\n"
			    : "With one repetition there is no interval: differences may be "
			      "chance.</p>\n",
	      out);
	for (size_t s = 0; s < r->n_settings && s < WORDS_MAX_SETTINGS; s++)
		words_setting(out, p, s);
	if (r->n_settings > WORDS_MAX_SETTINGS)
		html_printf(out, "<p>%zu further settings are in the tables.</p>\n",
			    r->n_settings - WORDS_MAX_SETTINGS);
	words_statuses(out, r->table);
	fputs("<ul>\n", out);
	words_check(out, r, "little_ratio", "Little's law", 1, 0.02);
	words_check(out, r, "conservation_error", "Conservation of objects", 0, 0);
	words_check(out, r, "conservation_error_bytes", "Conservation of bytes", 0, 0);
	words_steady(out, r);
	fputs("</ul>\n", out);
}
