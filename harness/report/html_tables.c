/* SPDX-License-Identifier: MIT */
/* html_tables.c - tables of the report: figures, self-checks, what is not ok, command lines. */
#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "load/stages.h"
#include "report/html.h"
#include "report/text.h"

enum { TABLES_MAX_NOT_OK = 60, TABLES_MAX_COMMANDS = 400 };

struct tables_column {
	const char *head;
	struct results_query query;
	bool is_lifetime; /* of the main object */
	/* A check: not the median but the repetition furthest from the ideal is shown. */
	bool is_check;
	double ideal, limit; /* how far from it is still good */
};

static const struct tables_column tables_figures[] = {
	{.head = "throughput, ops/s",
	 .query = {.metric = "throughput", .stat = "rate", .role = "mutator"}},
	{.head = "lifetime P50",
	 .query = {.metric = "lifetime", .phase = "total", .stat = "p50"},
	 .is_lifetime = true},
	{.head = "P99",
	 .query = {.metric = "lifetime", .phase = "total", .stat = "p99"},
	 .is_lifetime = true},
	{.head = "max",
	 .query = {.metric = "lifetime", .phase = "total", .stat = "max"},
	 .is_lifetime = true},
	{.head = "delete P99", .query = {.metric = "response", .object = "delete", .stat = "p99"}},
	{.head = "limbo peak", .query = {.metric = "limbo_bytes", .stat = "max"}},
	{.head = "resident peak", .query = {.metric = "rss_bytes", .stat = "max"}},
	{.head = "bytes/entry", .query = {.metric = "bytes_per_entry", .stat = "mean"}},
};
static const struct tables_column tables_checks[] = {
	{.head = "Little's ratio",
	 .query = {.metric = "little_ratio", .stat = "mean"},
	 .is_check = true,
	 .ideal = 1,
	 .limit = 0.02},
	{.head = "objects lost",
	 .query = {.metric = "conservation_error", .stat = "max"},
	 .is_check = true},
	{.head = "bytes lost",
	 .query = {.metric = "conservation_error_bytes", .stat = "max"},
	 .is_check = true},
	{.head = "tracking on / off", .query = {.metric = "tracking_cost", .stat = "p50"}},
};
enum {
	TABLES_N_FIGURES = sizeof(tables_figures) / sizeof(tables_figures[0]),
	TABLES_N_CHECKS = sizeof(tables_checks) / sizeof(tables_checks[0]),
};

static void tables_head(FILE *out, bool has_setting, const struct tables_column *columns, size_t n)
{
	fputs("<div class=\"scroll\"><table class=\"sortable\"><thead><tr>", out);
	if (has_setting)
		fputs("<th class=\"text\"><button>setting</button></th>", out);
	fputs("<th class=\"text\"><button>strategy</button></th><th "
	      "class=\"text\"><button>stage</button></th>",
	      out);
	for (size_t i = 0; i < n; i++)
		html_printf(out, "<th><button>%s</button></th>", columns[i].head);
	fputs("</tr></thead><tbody>\n", out);
}

/* A figure with its status: "> " for a bound, "~" weak, "!" saturated, else the status in words. */
static void tables_cell(FILE *out, const struct results_point *p,
			const struct tables_column *column)
{
	double value;
	bool is_bad;
	char text[64];

	if (!p) {
		fputs("<td data-v=\"NaN\"></td>", out);
		return;
	}
	if (isnan(p->value)) {
		html_printf(out, "<td data-v=\"NaN\" class=\"soft\" title=\"%s\">%s</td>",
			    p->reason, table_status_name(p->status));
		return;
	}
	value = p->value;
	if (column->is_check)
		value = fabs(p->high - column->ideal) > fabs(p->low - column->ideal) ? p->high
										     : p->low;
	is_bad = column->is_check && fabs(value - column->ideal) > column->limit;
	if (!strcmp(p->unit, "ratio"))
		snprintf(text, sizeof(text), "%.4f", value);
	else
		figure_format(text, sizeof(text), figure_unit_of(p->unit), value,
			      results_is_bound(p));
	fprintf(out, "<td data-v=\"%.17g\"%s", value, is_bad ? " class=\"bad\"" : "");
	html_printf(out, " title=\"%s%s%s\">%s%s</td>", table_status_name(p->status),
		    *p->reason ? ": " : "", p->reason,
		    p->status == STATUS_WEAK || p->status == STATUS_ESTIMATED ? "~"
		    : p->status == STATUS_SATURATED			      ? "! "
									      : "",
		    text);
}

static const struct results_point *tables_point(const struct plot_dir *p,
						const struct tables_column *column, size_t setting,
						size_t series, size_t stage)
{
	struct results_query query = column->query;

	if (column->is_lifetime)
		query.object = figures_object(&p->set, setting);
	return results_find(&p->results, setting, series, stage, &query);
}

static void tables_row(FILE *out, const struct plot_dir *p, const struct tables_column *columns,
		       size_t n, size_t setting, size_t series, size_t stage)
{
	const struct results *r = &p->results;
	const struct results_point *points[TABLES_N_FIGURES + TABLES_N_CHECKS];
	bool is_any = false;

	for (size_t i = 0; i < n; i++) {
		points[i] = tables_point(p, &columns[i], setting, series, stage);
		is_any = is_any || points[i];
	}
	if (!is_any)
		return;
	fputs("<tr>", out);
	if (r->n_settings > 1)
		html_printf(out, "<td class=\"text name\">%s</td>", r->settings[setting].label);
	fprintf(out,
		"<td class=\"text name\"><span class=\"swatch\" style=\"background:#%06x\"></span>",
		figure_colour(series));
	html_printf(out, "%s</td><td class=\"text\">%s</td>", r->series[series].label,
		    *r->stages[stage].name ? r->stages[stage].name : "whole run");
	for (size_t i = 0; i < n; i++)
		tables_cell(out, points[i], &columns[i]);
	fputs("</tr>\n", out);
}

static void tables_write(FILE *out, const struct plot_dir *p, const struct tables_column *columns,
			 size_t n)
{
	const struct results *r = &p->results;

	tables_head(out, r->n_settings > 1, columns, n);
	for (size_t i = 0; i < r->n_settings * r->n_series * r->n_stages; i++)
		tables_row(out, p, columns, n, i / (r->n_series * r->n_stages),
			   i / r->n_stages % r->n_series, i % r->n_stages);
	fputs("</tbody></table></div>\n", out);
}

void html_self_checks(FILE *out, const struct plot_dir *p)
{
	fputs("<h2 id=\"self-checks\">Self-checks</h2>\n"
	      "<p>Little's ratio compares the bytes and objects in limbo, counted as they come and "
	      "go, with the sum of "
	      "the objects' own stamps; it must be within 2 % of 1. Conservation says that "
	      "allocated = live + limbo + "
	      "freed; it must be exact. Of several repetitions the worst is shown. Tracking is the "
	      "time of an operation with lifetimes "
	      "recorded over the time "
	      "without.</p>\n",
	      out);
	tables_write(out, p, tables_checks, TABLES_N_CHECKS);
}

/* One line of what is not ok: rows of one strategy, metric, status and reason. */
struct tables_not_ok {
	uint32_t strategy, options, metric, reason;
	enum table_status status;
	size_t n;
};

static int tables_compare_not_ok(const void *a, const void *b)
{
	const struct tables_not_ok *x = a;
	const struct tables_not_ok *y = b;

	if (x->status != y->status)
		return x->status > y->status ? -1 : 1;
	return x->n > y->n ? -1 : x->n < y->n;
}

static bool tables_is_same(const struct tables_not_ok *a, const struct tables_not_ok *b)
{
	return a->strategy == b->strategy && a->options == b->options && a->metric == b->metric &&
	       a->reason == b->reason && a->status == b->status;
}

/* Count a row; kinds beyond the table's size share the last line's fate: they are told of as a number. */
static void tables_count(struct tables_not_ok *list, size_t *n, size_t *n_more,
			 const struct tables_not_ok *key)
{
	for (size_t i = *n; i-- > 0;) {
		if (tables_is_same(&list[i], key)) {
			list[i].n++;
			return;
		}
	}
	if (*n == TABLES_MAX_NOT_OK) {
		++*n_more;
		return;
	}
	list[*n] = *key;
	list[(*n)++].n = 1;
}

static void tables_not_ok(FILE *out, const struct table *t)
{
	struct tables_not_ok list[TABLES_MAX_NOT_OK];
	size_t n = 0;
	size_t n_more = 0;

	for (size_t i = 0; i < table_n_rows(t); i++) {
		const struct tables_not_ok key = {
			table_id(t, i, COL_strategy), table_id(t, i, COL_options),
			table_id(t, i, COL_metric),   table_id(t, i, COL_reason),
			table_status(t, i),	      0};

		if (key.status != STATUS_OK)
			tables_count(list, &n, &n_more, &key);
	}
	if (!n) {
		fputs("<p class=\"good\">Every row is ok.</p>\n", out);
		return;
	}
	qsort(list, n, sizeof(list[0]), tables_compare_not_ok);
	fputs("<details open><summary>What is not ok, and why</summary><div "
	      "class=\"scroll\"><table class=\"sortable\">"
	      "<thead><tr><th class=\"text\"><button>status</button></th><th "
	      "class=\"text\"><button>strategy</button>"
	      "</th><th class=\"text\"><button>metric</button></th><th><button>rows</button></th>"
	      "<th class=\"text\"><button>reason</button></th></tr></thead><tbody>\n",
	      out);
	for (size_t i = 0; i < n; i++)
		html_printf(out,
			    "<tr><td class=\"text %s\">%s</td><td class=\"text "
			    "name\">%s%s%s</td><td class=\"text\">%s</td>"
			    "<td data-v=\"%zu\">%zu</td><td class=\"text wrap\">%s</td></tr>\n",
			    list[i].status == STATUS_FAILED ? "bad" : "soft",
			    table_status_name(list[i].status), table_string(t, list[i].strategy),
			    list[i].options ? ":" : "", table_string(t, list[i].options),
			    table_string(t, list[i].metric), list[i].n, list[i].n,
			    table_string(t, list[i].reason));
	fputs("</tbody></table></div></details>\n", out);
	if (n_more)
		html_printf(
			out,
			"<p class=\"soft\">%zu further rows are not ok; run.csv has them.</p>\n",
			n_more);
}

void html_tables(FILE *out, const struct plot_dir *p)
{
	fputs("<h2 id=\"tables\">Figures in a table</h2>\n<p>Click a heading to sort. &gt; a lower "
	      "bound: not freed when "
	      "the stage ended; ~ weak or estimated; ! saturated, below 98 % of the offered rate. "
	      "The reason shows when "
	      "the pointer rests on a figure, and below.</p>\n",
	      out);
	tables_write(out, p, tables_figures, TABLES_N_FIGURES);
	tables_not_ok(out, p->table);
}

/* " PREFIXtext", the text quoted for a shell, then for HTML.  0 or -ENOMEM. */
static int tables_quoted(FILE *out, const char *prefix, const char *text)
{
	struct text_buffer buffer;
	FILE *quote = text_open(&buffer);
	char *quoted = NULL;

	if (quote) {
		text_write_shell(quote, text);
		quoted = text_close(&buffer);
	}
	if (!quoted)
		return -ENOMEM;
	html_printf(out, " %s%s", prefix, quoted);
	free(quoted);
	return 0;
}

/* --name=value; nothing when the field is empty. */
static int tables_option(FILE *out, const struct table *t, size_t row, const char *name,
			 enum table_column column)
{
	char prefix[32];

	if (!*table_text(t, row, column))
		return 0;
	snprintf(prefix, sizeof(prefix), "--%s=", name);
	return tables_quoted(out, prefix, table_text(t, row, column));
}

/* What all rows of a cell tell together. */
struct tables_cell_load {
	size_t n; /* stages, in the order of the file */
	struct {
		uint32_t id;
		double stage_s; /* the longest of the repetitions: an interrupted one is short */
	} stages[STAGES_MAX];
	double sampled_1_in; /* objects whose lifetimes were recorded; NaN: none */
};

static void tables_add_stage(struct tables_cell_load *load, uint32_t id, double stage_s)
{
	for (size_t i = load->n; i-- > 0;) {
		if (load->stages[i].id != id)
			continue;
		load->stages[i].stage_s = fmax(load->stages[i].stage_s, stage_s);
		return;
	}
	if (load->n == STAGES_MAX) /* more than a run can have */
		return;
	load->stages[load->n].id = id;
	load->stages[load->n++].stage_s = stage_s;
}

static void tables_find_load(const struct table *t, uint32_t cell, struct tables_cell_load *load)
{
	load->n = 0;
	load->sampled_1_in = NAN;
	for (size_t row = 0; row < table_n_rows(t); row++) {
		const double stage_s = table_number(t, row, COL_stage_s);

		if (table_id(t, row, COL_cell_id) != cell || !(stage_s > 0))
			continue;
		tables_add_stage(load, table_id(t, row, COL_stage), stage_s);
		if (isnan(load->sampled_1_in) &&
		    !strcmp(table_text(t, row, COL_metric), "lifetime"))
			load->sampled_1_in = table_number(t, row, COL_sampled_1_in);
	}
}

/* The grammar of --stages, RATE:TIME[:MODIFIER..], from names such as "5k:stall=10ms#2". */
static void tables_stages(FILE *out, const struct table *t, const struct tables_cell_load *load)
{
	for (size_t i = 0; i < load->n; i++) {
		const char *name = table_string(t, load->stages[i].id);
		const size_t rate = strcspn(name, ":#");
		const size_t modifiers = strcspn(name + rate, "#");

		/* Planned in microseconds at the finest; the clock adds digits of its own. */
		fprintf(out, "%s%.*s:%.9gs%.*s", i ? "," : "", (int)rate, name,
			round(load->stages[i].stage_s * 1e6) / 1e6, (int)modifiers, name + rate);
	}
}

/* The command line of the cell that a row belongs to: 1; 0 when it has no stages; -ENOMEM. */
static int tables_command(FILE *out, const struct table *t, size_t row)
{
	static const struct {
		const char *name;
		enum table_column column;
	} options[] = {
		{"threads", COL_threads},
		{"keys", COL_keys},
		{"mix", COL_mix},
		{"dist", COL_dist},
		{"value-bytes", COL_value_bytes},
		{"garbage-bytes", COL_garbage_bytes},
		{"arrival", COL_arrival},
		{"unlink", COL_unlink},
		{"alloc", COL_alloc},
		{"trace", COL_trace},
		{"seed", COL_seed},
	};
	struct tables_cell_load load;
	struct text_buffer buffer;
	char *text;
	FILE *words;
	int rc;

	tables_find_load(t, table_id(t, row, COL_cell_id), &load);
	if (!load.n)
		return 0;
	words = text_open(&buffer);
	if (!words)
		return -ENOMEM;
	fprintf(words, "--strategy=%s%s%s", table_text(t, row, COL_strategy),
		table_id(t, row, COL_options) ? ":" : "", table_text(t, row, COL_options));
	fputc('\0', words); /* then the second word */
	fputs("--stages=", words);
	tables_stages(words, t, &load);
	text = text_close(&buffer);
	if (!text)
		return -ENOMEM;
	fputs("reclaimbench run", out);
	rc = tables_quoted(out, "", text);
	for (size_t i = 0; i < sizeof(options) / sizeof(options[0]) && !rc; i++)
		rc = tables_option(out, t, row, options[i].name, options[i].column);
	if (!rc)
		rc = tables_quoted(out, "", text + strlen(text) + 1);
	if (load.sampled_1_in > 1)
		fprintf(out, " --sample=%.0f", load.sampled_1_in);
	fputs(" --out=DIR\n", out);
	free(text);
	return rc ? rc : 1;
}

int html_commands(FILE *out, const struct plot_dir *p)
{
	const struct results *r = &p->results;
	bool *is_done = calloc(r->n_settings * r->n_series + 1, sizeof(*is_done));
	size_t n = 0;
	size_t n_without = 0;
	int rc = is_done ? 0 : -ENOMEM;

	fputs("<h2 id=\"commands\">How to reproduce</h2>\n"
	      "<p>A matrix: run its job file again. Each cell alone with its own command line; "
	      "repetitions are made by running it again, in turn with the others (in a matrix each "
	      "with the next seed). What run.csv does not hold is at its default here: --readers, "
	      "--warmup, "
	      "--steady (a stage it ended has the length it had), --value-bytes=trace, "
	      "--trace-format, --trace-pace, --evict, --huge-pages, --pin, --events, --tracking, "
	      "--audit. Then draw and report:</p>\n<pre>reclaimbench plot DIR\n"
	      "reclaimbench report DIR</pre>\n<pre>",
	      out);
	for (size_t i = 0; is_done && i < r->n_points && n < TABLES_MAX_COMMANDS; i++)
		is_done[r->points[i].setting * r->n_series + r->points[i].series] = true;
	for (size_t row = 0; !rc && row < table_n_rows(r->table) && n < TABLES_MAX_COMMANDS;
	     row++) {
		size_t setting = 0;
		size_t series = 0;
		int written;

		/* A cell's rows stand together: look a cell up once per run of them. */
		if (row && table_id(r->table, row, COL_cell_id) ==
				   table_id(r->table, row - 1, COL_cell_id))
			continue;
		if (!results_cell(r, table_text(r->table, row, COL_cell_id), &setting, &series) ||
		    !is_done[setting * r->n_series + series])
			continue;
		is_done[setting * r->n_series + series] = false;
		n++;
		written = tables_command(out, r->table, row);
		n_without += !written;
		rc = written < 0 ? written : 0;
	}
	fputs("</pre>\n", out);
	if (n_without)
		fprintf(out,
			"<p class=\"soft\">%zu cells have no command here: they have no stages, "
			"because they failed or are of <code>reclaimbench scenario</code>.</p>\n",
			n_without);
	free(is_done);
	return rc;
}
