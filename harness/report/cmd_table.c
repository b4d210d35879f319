/* SPDX-License-Identifier: MIT */
/* cmd_table.c - `reclaimbench table DIR`: the short table of a result, one line per scenario, stage and strategy,
 * and what the self-checks of all its stages said. */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "cli.h"
#include "report/stats.h"
#include "report/table.h"
#include "units.h"

static int table_main(int argc, char **argv);

static const struct cli_option table_options[] = {{0}};

const struct cli_command cmd_table = {
	.name = "table",
	.operands = "DIR|FILE.csv",
	.summary = "print the short table of a result, and what its self-checks said",
	.examples = "reclaimbench table build/bench\nreclaimbench table "
		    "results/reference/bench/run.csv",
	.options = table_options,
	.main = table_main,
};

/* What a line shows; medians over the repetitions. */
enum figure { FIG_THROUGHPUT, FIG_P50, FIG_P99, FIG_LIMBO, FIG_RSS, FIG_ENTRY, FIG_N };
static const struct {
	const char *metric, *stat;
	const char *phase; /* NULL: any */
} figures[FIG_N] = {
	[FIG_THROUGHPUT] = {"throughput", "rate", NULL},
	[FIG_P50] = {"lifetime", "p50", "total"},
	[FIG_P99] = {"lifetime", "p99", "total"},
	[FIG_LIMBO] = {"limbo_bytes", "max", NULL},
	[FIG_RSS] = {"rss_bytes", "max", NULL},
	[FIG_ENTRY] = {"bytes_per_entry", "mean", NULL},
};

struct line {
	uint32_t scenario, cell, strategy, options, stage;
	double offered;			 /* ops/s; NaN: none */
	struct stats_obs *values[FIG_N]; /* of each repetition */
	enum table_status status[FIG_N]; /* the least trusted of the repetitions, bounds aside */
	unsigned n[FIG_N], room[FIG_N];
	size_t first_row;
};

struct lines {
	struct line *at;
	size_t n, room;
};

struct checks {
	unsigned n_little, n_little_bad, n_conservation, n_conservation_bad, n_failed;
	unsigned n_law, n_law_bad; /* rows of the per-event law that must be 0 */
	double n_kept, n_kept_of;  /* lives that a neighbour's mark may prolong; of how many */
	double worst_ratio;
	double cost_min, cost_max;  /* medians */
	double cost_low, cost_high; /* ends of their intervals */
	unsigned n_cost;
};

static struct line *line_find(struct lines *lines, const struct table *t, size_t row)
{
	const uint32_t cell = table_id(t, row, COL_cell_id), stage = table_id(t, row, COL_stage);

	for (size_t i = lines->n; i-- > 0;)
		if (lines->at[i].cell == cell && lines->at[i].stage == stage)
			return &lines->at[i];
	if (lines->n == lines->room) {
		const size_t room = lines->room ? 2 * lines->room : 64;
		struct line *more = realloc(lines->at, room * sizeof(*more));

		if (!more)
			return NULL;
		lines->at = more;
		lines->room = room;
	}
	struct line *line = &lines->at[lines->n++];

	memset(line, 0, sizeof(*line));
	line->scenario = table_id(t, row, COL_scenario);
	line->cell = cell;
	line->strategy = table_id(t, row, COL_strategy);
	line->options = table_id(t, row, COL_options);
	line->stage = stage;
	line->offered = table_number(t, row, COL_offered_ops_per_s);
	line->first_row = row;
	return line;
}

static bool row_is(const struct table *t, size_t row, enum figure f)
{
	const char *state = table_text(t, row, COL_table_state);

	/* Readers have a throughput too; it is no repetition of the mutators'. */
	return strcmp(table_text(t, row, COL_metric), figures[f].metric) == 0 &&
	       (f != FIG_THROUGHPUT || strcmp(table_text(t, row, COL_role), "mutator") == 0) &&
	       strcmp(table_text(t, row, COL_stat), figures[f].stat) == 0 &&
	       (figures[f].phase == NULL ||
		(strcmp(table_text(t, row, COL_phase), figures[f].phase) == 0 &&
		 strcmp(table_text(t, row, COL_object), "all") == 0 &&
		 (strcmp(state, "all") == 0 || *state == '\0')));
}

static void checks_add(struct checks *c, const struct table *t, size_t row)
{
	const char *metric = table_text(t, row, COL_metric);
	const double value = table_value(t, row);

	if (table_status(t, row) == STATUS_FAILED)
		c->n_failed++;
	if (isnan(value))
		return;
	if (strcmp(metric, "little_ratio") == 0) {
		c->n_little++;
		c->n_little_bad += fabs(value - 1) > 0.02;
		if (c->n_little == 1 || fabs(value - 1) > fabs(c->worst_ratio - 1))
			c->worst_ratio = value;
	} else if (strcmp(metric, "conservation_error") == 0) {
		c->n_conservation++;
		/* Weak: objects or bytes do not add up. */
		c->n_conservation_bad += value != 0 || table_status(t, row) == STATUS_WEAK;
	} else if (strcmp(metric, "law_freed_in_cycle") == 0 ||
		   strcmp(metric, "law_flips_3plus") == 0) {
		const bool must_be_0 = strcmp(table_text(t, row, COL_reason), "must be 0") == 0;

		c->n_law++;
		c->n_law_bad += value > 0 && must_be_0;
		c->n_kept += must_be_0 ? 0 : value;
		c->n_kept_of += value > 0 && !must_be_0 ? table_number(t, row, COL_n) : 0;
	} else if (strcmp(metric, "tracking_cost") == 0) {
		const char *stat = table_text(t, row, COL_stat);

		if (strcmp(stat, "low") == 0)
			c->cost_low = fmin(c->cost_low, value);
		else if (strcmp(stat, "high") == 0)
			c->cost_high = fmax(c->cost_high, value);
		if (strcmp(stat, "p50") != 0)
			return;
		c->cost_min = c->n_cost == 0 || value < c->cost_min ? value : c->cost_min;
		c->cost_max = c->n_cost == 0 || value > c->cost_max ? value : c->cost_max;
		c->n_cost++;
	}
}

static int line_add(struct line *line, enum figure f, struct stats_obs value)
{
	if (line->n[f] == line->room[f]) {
		const unsigned room = line->room[f] ? 2 * line->room[f] : 8;
		struct stats_obs *values = realloc(line->values[f], room * sizeof(*values));

		if (!values)
			return -1;
		line->values[f] = values;
		line->room[f] = room;
	}
	line->values[f][line->n[f]++] = value;
	return 0;
}

static void lines_free(struct lines *lines)
{
	for (size_t i = 0; i < lines->n; i++)
		for (int f = 0; f < FIG_N; f++)
			free(lines->at[i].values[f]);
	free(lines->at);
}

static int lines_collect(struct lines *lines, struct checks *checks, const struct table *t)
{
	for (size_t row = 0; row < table_n_rows(t); row++) {
		checks_add(checks, t, row);
		const struct stats_obs value = table_obs(t, row);

		for (enum figure f = 0; f < FIG_N; f++) {
			struct line *line;

			if (!row_is(t, row, f))
				continue;
			line = line_find(lines, t, row);
			if (!line)
				return -1;
			if (isnan(value.value))
				continue;
			if (line_add(line, f, value))
				return -1;
			if (!value.is_bound && table_status(t, row) > line->status[f])
				line->status[f] = table_status(t, row);
		}
	}
	return 0;
}

/* The median as people read it; ">" a lower bound, "~" a weak value, "-" none. */
static const char *line_text(char *buf, size_t size, struct line *line, enum figure f)
{
	struct stats_obs median;
	char text[40];
	double v;

	if (line->n[f] == 0)
		return "-";
	stats_sort(line->values[f], line->n[f]);
	median = stats_median(line->values[f], line->n[f]);
	v = median.value;
	if (f == FIG_P50 || f == FIG_P99)
		units_format_ns(text, sizeof(text), v);
	else if (f == FIG_LIMBO || f == FIG_RSS)
		units_format_bytes(text, sizeof(text), v);
	else if (f == FIG_ENTRY)
		snprintf(text, sizeof(text), "%.1f", v);
	else
		units_format_count(text, sizeof(text), v);
	snprintf(buf, size, "%s%s%s",
		 median.is_bound		  ? ">"
		 : line->status[f] == STATUS_WEAK ? "~"
						  : "",
		 text, f == FIG_THROUGHPUT ? "/s" : "");
	return buf;
}

/* Scenarios as they come in the file; in each the stages by offered rate, then the strategies. */
static int line_compare(const void *a, const void *b)
{
	const struct line *x = a, *y = b;
	const double rate_x = isnan(x->offered) ? INFINITY : x->offered;
	const double rate_y = isnan(y->offered) ? INFINITY : y->offered;

	if (x->scenario != y->scenario)
		return x->scenario < y->scenario ? -1 : 1;
	if (rate_x != rate_y)
		return rate_x < rate_y ? -1 : 1;
	if (x->stage != y->stage)
		return x->stage < y->stage ? -1 : 1;
	if (x->strategy != y->strategy)
		return x->strategy < y->strategy ? -1 : 1;
	return x->first_row < y->first_row ? -1 : x->first_row > y->first_row;
}

static void lines_print(struct lines *lines, const struct table *t)
{
	uint32_t scenario = UINT32_MAX, stage = UINT32_MAX;

	if (lines->n) /* qsort() does not take NULL, not even for nothing */
		qsort(lines->at, lines->n, sizeof(*lines->at), line_compare);
	for (size_t i = 0; i < lines->n; i++) {
		struct line *line = &lines->at[i];
		char text[FIG_N][48], name[64];

		if (line->scenario != scenario) {
			printf("%s%s\n", i ? "\n" : "", table_string(t, line->scenario));
			printf("  %-9s %-22s %12s %12s %12s %11s %11s %9s\n", "stage", "strategy",
			       "throughput", "lifetime P50", "P99", "limbo peak", "resident",
			       "B/entry");
			scenario = line->scenario;
			stage = UINT32_MAX;
		}
		snprintf(name, sizeof(name), "%s%s%s", table_string(t, line->strategy),
			 *table_string(t, line->options) ? ":" : "",
			 table_string(t, line->options));
		printf("  %-9s %-22s %12s %12s %12s %11s %11s %9s%s\n",
		       line->stage == stage ? "" : table_string(t, line->stage), name,
		       line_text(text[0], 48, line, FIG_THROUGHPUT),
		       line_text(text[1], 48, line, FIG_P50), line_text(text[2], 48, line, FIG_P99),
		       line_text(text[3], 48, line, FIG_LIMBO),
		       line_text(text[4], 48, line, FIG_RSS),
		       line_text(text[5], 48, line, FIG_ENTRY),
		       line->status[FIG_THROUGHPUT] == STATUS_SATURATED ? "  saturated" : "");
		stage = line->stage;
	}
}

static void checks_print(const struct checks *c, unsigned n_reps)
{
	printf("\n> lower bound: not yet freed when the stage ended; ~ weak: few samples or "
	       "cycles, or over 5 %% "
	       "censored.\n");
	if (n_reps == 1)
		printf("One repetition: no interval; differences may be noise.\n");
	else
		printf("Medians of %u repetitions.\n", n_reps);
	if (!c->n_little)
		printf("Little's law:    not checked\n");
	else
		printf("Little's law:    %s in %u of %u stages, worst ratio %.5f (tolerance 2 "
		       "%%)\n",
		       c->n_little_bad ? "FAILS" : "holds",
		       c->n_little_bad ? c->n_little_bad : c->n_little, c->n_little,
		       c->worst_ratio);
	if (!c->n_conservation)
		printf("conservation:    not checked\n");
	else
		printf("conservation:    allocated = live + limbo + freed, %s in %u of %u stages\n",
		       c->n_conservation_bad ? "FAILS" : "exact",
		       c->n_conservation_bad ? c->n_conservation_bad : c->n_conservation,
		       c->n_conservation);
	if (c->n_law_bad)
		printf("per-event law:   FAILS in %u of %u counts that must be 0\n", c->n_law_bad,
		       c->n_law);
	else if (c->n_kept > 0)
		printf("per-event law:   nothing dead in a marking was freed by it; %.0f of %.0f "
		       "lives span three ends of marking, kept by a neighbour's mark\n",
		       c->n_kept, c->n_kept_of);
	else if (c->n_law)
		printf("per-event law:   nothing dead in a marking was freed by it, no life spans "
		       "three ends of marking\n");
	if (c->n_cost)
		printf("cost of tracking: %.2f to %.2f x the time without, unthrottled, in %u "
		       "cells",
		       c->cost_min, c->cost_max, c->n_cost);
	if (c->cost_low <= c->cost_high)
		printf(" (97 %% intervals within %.2f to %.2f)", c->cost_low, c->cost_high);
	if (c->n_cost)
		putchar('\n');
	if (c->n_failed)
		printf("failed rows:     %u; `grep ,failed, run.csv` gives the reasons\n",
		       c->n_failed);
}

static int table_show(const char *path)
{
	struct lines lines = {0};
	struct checks checks = {.cost_low = INFINITY, .cost_high = -INFINITY};
	struct table *t = NULL;
	char error[512];
	unsigned n_reps = 0;
	int status = EXIT_GOOD;

	if (table_read(&t, path, error, sizeof(error))) {
		cli_error("%s", error);
		return EXIT_USAGE;
	}
	for (size_t i = 0; table_warning(t, i); i++)
		fprintf(stderr, "reclaimbench table: %s\n", table_warning(t, i));
	if (lines_collect(&lines, &checks, t)) {
		cli_error("out of memory");
		status = EXIT_USAGE;
	} else {
		for (size_t i = 0; i < lines.n; i++)
			n_reps = lines.at[i].n[FIG_THROUGHPUT] > n_reps
					 ? lines.at[i].n[FIG_THROUGHPUT]
					 : n_reps;
		lines_print(&lines, t);
		checks_print(&checks, n_reps);
		if (checks.n_little_bad || checks.n_conservation_bad || checks.n_law_bad)
			status = EXIT_CHECK_FAILED;
		else if (checks.n_failed)
			status = EXIT_CELLS_FAILED;
	}
	lines_free(&lines);
	table_free(t);
	return status;
}

static int table_main(int argc, char **argv)
{
	struct cli_args args;
	char path[4096];
	struct stat st;
	int status = cli_parse(&args, &cmd_table, argc, argv);

	if (status)
		return status < 0 ? EXIT_GOOD : status;
	if (args.n_operands != 1) {
		cli_error("name one result directory or run.csv");
		status = EXIT_USAGE;
	} else {
		const char *where = args.operands[0];

		snprintf(path, sizeof(path), "%s%s", where,
			 stat(where, &st) == 0 && S_ISDIR(st.st_mode) ? "/run.csv" : "");
		status = table_show(path);
	}
	cli_free(&args);
	return status;
}
