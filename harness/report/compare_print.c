/* SPDX-License-Identifier: MIT */
/* compare_print.c - a comparison as text, CSV, Markdown or JSON. */
#include <csv.h>
#include <errno.h>
#include <jansson.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "report/compare.h"
#include "term.h"
#include "units.h"

#define CELL_BYTES 256

enum cell {
	CELL_LABEL,
	CELL_BASE,
	CELL_NEW,
	CELL_CHANGE,
	CELL_P,
	CELL_N,
	CELL_FINDS,
	CELL_VERDICT,
	N_CELLS
};

struct line {
	char cells[N_CELLS][CELL_BYTES];
};

/* A figure with its unit, as people read it. */
static void print_figure(char *buf, size_t size, double value, const char *unit)
{
	char number[64];

	if (isnan(value)) {
		snprintf(buf, size, "-");
	} else if (!strcmp(unit, "ns")) {
		units_format_ns(buf, size, value);
	} else if (!strcmp(unit, "bytes")) {
		units_format_bytes(buf, size, value);
	} else {
		units_format_count(number, sizeof(number), value);
		snprintf(buf, size, "%s%s%s", number, *unit ? " " : "", unit);
	}
}

static double print_half_width(struct stats_obs median, struct stats_interval interval)
{
	return fmax(median.value - interval.low, interval.high - median.value);
}

static void print_median(char *buf, size_t size, struct stats_obs median,
			 struct stats_interval interval, const char *unit)
{
	char figure[64];
	const double half = print_half_width(median, interval);

	print_figure(figure, sizeof(figure), median.value, unit);
	if (isnan(median.value))
		snprintf(buf, size, "-");
	else if (median.is_bound)
		snprintf(buf, size, ">%s", figure);
	else if (median.value != 0 && isfinite(half))
		snprintf(buf, size, "%s ±%.*f%%", figure, half < 0.1 * fabs(median.value) ? 1 : 0,
			 100 * half / fabs(median.value));
	else
		snprintf(buf, size, "%s", figure);
}

/* From here on a percentage becomes unreadable. */
static bool print_is_times(double change)
{
	return isfinite(change) && change >= 9;
}

/* A change as percent, or as times. */
static void print_percent(char *buf, size_t size, double change, bool is_times)
{
	if (isinf(change))
		snprintf(buf, size, change > 0 ? "open" : "-open");
	else if (is_times)
		snprintf(buf, size, "x%.3g", change + 1);
	else
		snprintf(buf, size, "%+.1f%%", 100 * change);
}

static void print_effect(char *buf, size_t size, double value, const struct compare_row *row,
			 const char *unit)
{
	/* One notation for the change and its interval. */
	const bool is_times = print_is_times(row->change) ||
			      print_is_times(row->change_interval.low) ||
			      print_is_times(row->change_interval.high);

	if (row->effect == STATS_RATIO || isinf(value))
		print_percent(buf, size, value, is_times);
	else
		print_figure(buf, size, value, unit);
}

static void print_change(char *buf, size_t size, const struct compare_row *row, const char *unit)
{
	char point[64], low[64], high[64];

	if (!row->n_base || !row->n_new) {
		snprintf(buf, size, "-");
		return;
	}
	print_effect(point, sizeof(point), row->change, row, unit);
	print_effect(low, sizeof(low), row->change_interval.low, row, unit);
	print_effect(high, sizeof(high), row->change_interval.high, row, unit);
	/* Two bounds leave even the direction open; one is a bound for the change. */
	const int n = snprintf(buf, size, "%s%s",
			       row->base.is_bound && row->new.is_bound ? "?"
			       : row->new.is_bound		       ? ">"
			       : row->base.is_bound		       ? "<"
								       : "",
			       row->base.is_bound && row->new.is_bound ? "" : point);

	if (!isnan(row->change_interval.low) && n > 0 && (size_t)n < size)
		snprintf(buf + n, size - (size_t)n, " [%s, %s]", low, high);
}

static void print_verdict(char *buf, size_t size, const struct compare_row *row)
{
	char reps[64] = "";

	if (row->base.is_bound || row->new.is_bound)
		snprintf(reps, sizeof(reps), "; bounds: a longer stage would tell, not more reps");
	else if (isnan(row->sd))
		snprintf(reps, sizeof(reps), "; one repetition has no spread");
	else if (row->reps_needed)
		snprintf(reps, sizeof(reps), "; %zu reps a side would decide this shift",
			 row->reps_needed);
	else if (row->shift != 0)
		snprintf(reps, sizeof(reps), "; over %d reps would be needed", STATS_REPS_MAX);
	switch (row->verdict) {
	case COMPARE_REGRESSION:
		snprintf(buf, size, "REGRESSION");
		break;
	case COMPARE_TOO_FEW:
		snprintf(buf, size, "cannot reach significance%s", reps);
		break;
	case COMPARE_INCONCLUSIVE:
		snprintf(buf, size, "inconclusive%s", reps);
		break;
	case COMPARE_ONE_SIDED:
		snprintf(buf, size, "%s only", row->n_base ? "base" : "new");
		break;
	default:
		snprintf(buf, size, "%s", compare_verdict_name(row->verdict));
	}
	if (row->is_weak)
		strncat(buf, " (weak figures)", size - strlen(buf) - 1);
}

static void print_label(char *buf, size_t size, const struct comparison *c,
			const struct compare_row *row)
{
	const char *variant = c->variant_names ? c->variant_names[row->variant] : "";

	snprintf(buf, size, "%s%s%s", variant, *variant && *row->label ? " " : "",
		 !*variant && !*row->label ? "all" : row->label);
}

static void print_make_line(struct line *line, const struct comparison *c,
			    const struct compare_row *row, const char *unit)
{
	memset(line, 0, sizeof(*line));
	print_label(line->cells[CELL_LABEL], CELL_BYTES, c, row);
	print_median(line->cells[CELL_BASE], CELL_BYTES, row->base, row->base_interval, unit);
	print_median(line->cells[CELL_NEW], CELL_BYTES, row->new, row->new_interval, unit);
	print_change(line->cells[CELL_CHANGE], CELL_BYTES, row, unit);
	if (isnan(row->p_holm))
		snprintf(line->cells[CELL_P], CELL_BYTES, "-");
	else
		snprintf(line->cells[CELL_P], CELL_BYTES, "%.2g", row->p_holm);
	if (row->n_base == row->n_new)
		snprintf(line->cells[CELL_N], CELL_BYTES, "%zu", row->n_base);
	else
		snprintf(line->cells[CELL_N], CELL_BYTES, "%zu+%zu", row->n_base, row->n_new);
	if (!isfinite(row->detectable))
		snprintf(line->cells[CELL_FINDS], CELL_BYTES, "-");
	else if (row->effect == STATS_RATIO && row->base.value != 0)
		snprintf(line->cells[CELL_FINDS], CELL_BYTES, "%.1f%%", 100 * row->detectable);
	else
		print_figure(line->cells[CELL_FINDS], CELL_BYTES, row->detectable, unit);
	print_verdict(line->cells[CELL_VERDICT], CELL_BYTES, row);
}

static void print_head(struct line *head, const struct comparison *c,
		       const struct compare_options *options)
{
	memset(head, 0, sizeof(*head));
	snprintf(head->cells[CELL_LABEL], CELL_BYTES, "cell");
	snprintf(head->cells[CELL_BASE], CELL_BYTES, "%s",
		 c->variant_names ? c->base_name : "base");
	snprintf(head->cells[CELL_NEW], CELL_BYTES, "new");
	snprintf(head->cells[CELL_CHANGE], CELL_BYTES, "change [%g%%]", 100 * (1 - options->alpha));
	snprintf(head->cells[CELL_P], CELL_BYTES, "p");
	snprintf(head->cells[CELL_N], CELL_BYTES, "n");
	snprintf(head->cells[CELL_FINDS], CELL_BYTES, "finds");
	snprintf(head->cells[CELL_VERDICT], CELL_BYTES, "verdict");
}

static void print_title(char *buf, size_t size, const struct compare_table *t)
{
	const char *const parts[] = {t->metric, t->phase, t->stat,
				     t->object, t->role,  t->table_state};
	size_t used = 0;

	buf[0] = '\0';
	for (size_t i = 0; i < sizeof(parts) / sizeof(parts[0]); i++) {
		if (*parts[i] && used < size)
			used += (size_t)snprintf(buf + used, size - used, "%s%s", used ? " " : "",
						 parts[i]);
	}
	if (used < size)
		snprintf(buf + used, size - used, " (%s%s)", *t->unit ? t->unit : "no unit",
			 t->better == COMPARE_LOWER    ? ", lower is better"
			 : t->better == COMPARE_HIGHER ? ", higher is better"
						       : "");
}

/* Columns on the screen: bytes that begin a character. */
static int print_width(const char *text)
{
	int width = 0;

	for (; *text; text++)
		width += ((unsigned char)*text & 0xc0) != 0x80;
	return width;
}

/* Names come from files: what could steer a terminal is shown as '?'. */
static void print_safely(FILE *out, const char *text)
{
	for (; *text; text++)
		fputc((unsigned char)*text < 0x20 || *text == 0x7f ? '?' : *text, out);
}

static void print_padded(FILE *out, const struct line *line, const int *widths,
			 enum term_style style, bool is_colored)
{
	for (int i = 0; i < N_CELLS; i++) {
		const char *text = line->cells[i];
		const int pad = i == CELL_VERDICT ? 0 : widths[i] - print_width(text);
		const bool is_left = i == CELL_LABEL || i == CELL_VERDICT;

		fprintf(out, "%s%*s", i ? "  " : "", is_left ? 0 : pad, "");
		if (i == CELL_VERDICT)
			fputs(term_style(is_colored, style), out);
		print_safely(out, text);
		if (i == CELL_VERDICT)
			fputs(term_style(is_colored, TERM_RESET), out);
		else if (is_left)
			fprintf(out, "%*s", pad, "");
	}
	fputc('\n', out);
}

static enum term_style print_style(enum compare_verdict verdict)
{
	switch (verdict) {
	case COMPARE_REGRESSION:
		return TERM_RED;
	case COMPARE_IMPROVEMENT:
		return TERM_GREEN;
	case COMPARE_SAME:
		return TERM_DIM;
	case COMPARE_DIFFERENT:
		return TERM_BOLD;
	default:
		return TERM_YELLOW;
	}
}

/* The geometric mean of a variant's changes, where all of its rows are ratios of known figures; of more than
 * one. */
static bool print_geomean(const struct comparison *c, const struct compare_table *t, size_t variant,
			  double *out)
{
	double logs = 0;
	size_t n = 0;

	for (size_t i = t->first; i < t->first + t->n; i++) {
		const struct compare_row *row = &c->rows[i];

		if (row->variant != variant)
			continue;
		if (row->effect != STATS_RATIO || !row->n_base || !row->n_new ||
		    row->base.is_bound || row->new.is_bound || !(row->change > -1) ||
		    isinf(row->change))
			return false;
		logs += log(row->change + 1);
		n++;
	}
	*out = exp(logs / (double)n) - 1;
	return n > 1;
}

/* A line per variant: those of several strategies together would be the mean of nothing. */
static void print_geomeans(const struct comparison *c, const struct compare_table *t, FILE *out)
{
	const size_t n = c->variant_names ? c->n_variant_names : 2;

	for (size_t variant = 1; variant < n; variant++) {
		char percent[64];
		double geomean;

		if (!print_geomean(c, t, variant, &geomean))
			continue;
		print_percent(percent, sizeof(percent), geomean, print_is_times(geomean));
		fputs("geometric mean of the changes", out);
		if (c->variant_names) {
			fputs(", ", out);
			print_safely(out, c->variant_names[variant]);
		}
		fprintf(out, ": %s\n", percent);
	}
}

static void print_table_text(const struct comparison *c, const struct compare_table *t,
			     const struct line *head, struct line *lines, bool is_colored,
			     FILE *out)
{
	char title[512];
	int widths[N_CELLS];

	for (int i = 0; i < N_CELLS; i++)
		widths[i] = print_width(head->cells[i]);
	for (size_t r = 0; r < t->n; r++) {
		print_make_line(&lines[r], c, &c->rows[t->first + r], t->unit);
		for (int i = 0; i < N_CELLS; i++) {
			const int width = print_width(lines[r].cells[i]);

			widths[i] = width > widths[i] ? width : widths[i];
		}
	}
	print_title(title, sizeof(title), t);
	fputs(term_style(is_colored, TERM_BOLD), out);
	print_safely(out, title);
	fprintf(out, "%s\n", term_style(is_colored, TERM_RESET));
	print_padded(out, head, widths, TERM_RESET, false);
	for (size_t r = 0; r < t->n; r++)
		print_padded(out, &lines[r], widths, print_style(c->rows[t->first + r].verdict),
			     is_colored);
	print_geomeans(c, t, out);
	fputc('\n', out);
}

static void print_summary(const struct comparison *c, const struct compare_options *options,
			  const char *prefix, FILE *out)
{
	size_t n = 0;

	for (size_t i = 0; i < c->n_remarks; i++) {
		fprintf(out, "%snote: ", prefix);
		print_safely(out, c->remarks[i]);
		fputc('\n', out);
	}
	fprintf(out, "%s%zu figures:", prefix, c->n_rows);
	for (int v = 0; v < COMPARE_N_VERDICTS; v++) {
		if (c->n_verdicts[v])
			fprintf(out, "%s %zu %s", n++ ? "," : "", c->n_verdicts[v],
				compare_verdict_name((enum compare_verdict)v));
	}
	fprintf(out,
		".\n%sp: Mann-Whitney, two-sided, after Holm over %zu tests; [..]: bootstrap, seed "
		"%llu, too narrow below 6 repetitions; "
		"alpha %g, min-effect %g%%.\n%sfinds: the smallest change that this many "
		"repetitions "
		"find with %.0f%% probability (one test).\n",
		prefix, c->n_family, (unsigned long long)options->seed, options->alpha,
		100 * options->min_effect, prefix, 100 * COMPARE_POWER);
}

static int print_text(const struct comparison *c, const struct compare_options *options,
		      bool is_colored, FILE *out)
{
	struct line head;

	print_head(&head, c, options);
	print_safely(out, c->base_name);
	fputs(" against ", out);
	print_safely(out, c->new_name);
	fputs("\n\n", out);
	for (size_t i = 0; i < c->n_tables; i++) {
		struct line *lines = calloc(c->tables[i].n + 1, sizeof(*lines));

		if (!lines)
			return -ENOMEM;
		print_table_text(c, &c->tables[i], &head, lines, is_colored, out);
		free(lines);
	}
	print_summary(c, options, "", out);
	return 0;
}

/* ---------------------------------------------------------------- Markdown */

static void print_markdown_cell(FILE *out, const char *text)
{
	for (; *text; text++) {
		if (*text == '|' || *text == '\\' || *text == '*' || *text == '_' || *text == '`')
			fputc('\\', out);
		if (*text == '<')
			fputs("&lt;", out);
		else if (*text == '&')
			fputs("&amp;", out);
		else
			fputc((unsigned char)*text < 0x20 ? ' ' : *text, out);
	}
}

static void print_markdown_line(FILE *out, const struct line *line)
{
	for (int i = 0; i < N_CELLS; i++) {
		fputs("| ", out);
		print_markdown_cell(out, line->cells[i]);
		fputc(' ', out);
	}
	fputs("|\n", out);
}

static int print_markdown(const struct comparison *c, const struct compare_options *options,
			  FILE *out)
{
	struct line *line = malloc(sizeof(*line));
	char title[512];

	if (!line)
		return -ENOMEM;
	for (size_t i = 0; i < c->n_tables; i++) {
		const struct compare_table *t = &c->tables[i];

		print_title(title, sizeof(title), t);
		fputs("### ", out);
		print_markdown_cell(out, title);
		fputs("\n\n", out);
		print_head(line, c, options);
		print_markdown_line(out, line);
		fputs("|:--|--:|--:|--:|--:|--:|--:|:--|\n", out);
		for (size_t r = t->first; r < t->first + t->n; r++) {
			print_make_line(line, c, &c->rows[r], t->unit);
			print_markdown_line(out, line);
		}
		fputc('\n', out);
	}
	free(line);
	print_summary(c, options, "- ", out);
	return 0;
}

/* ---------------------------------------------------------------- CSV and JSON */

/* One list of the fields for both formats. */
struct print_field {
	const char *name;
	const char *text; /* NULL: a number */
	double number;
	bool is_flag;
};

#define N_FIELDS 32

static size_t print_fields(struct print_field *f, const struct comparison *c,
			   const struct compare_row *row)
{
	static const char *const better[] = {"lower", "higher", ""};
	const struct compare_table *t = &c->tables[row->table];
	const struct print_field fields[] = {
		{"metric", t->metric, 0, false},
		{"stat", t->stat, 0, false},
		{"object", t->object, 0, false},
		{"phase", t->phase, 0, false},
		{"role", t->role, 0, false},
		{"table_state", t->table_state, 0, false},
		{"unit", t->unit, 0, false},
		{"better", better[t->better], 0, false},
		{"cell", row->label, 0, false},
		{"base_name", c->base_name, 0, false},
		{"new_name", c->variant_names ? c->variant_names[row->variant] : c->new_name, 0,
		 false},
		{"n_base", NULL, (double)row->n_base, false},
		{"n_new", NULL, (double)row->n_new, false},
		{"base", NULL, row->base.value, false},
		{"base_is_bound", NULL, row->base.is_bound, true},
		{"base_low", NULL, row->base_interval.low, false},
		{"base_high", NULL, row->base_interval.high, false},
		{"new", NULL, row->new.value, false},
		{"new_is_bound", NULL, row->new.is_bound, true},
		{"new_low", NULL, row->new_interval.low, false},
		{"new_high", NULL, row->new_interval.high, false},
		{"effect", row->effect == STATS_RATIO ? "ratio" : "difference", 0, false},
		{"change", NULL, row->change, false},
		{"change_low", NULL, row->change_interval.low, false},
		{"change_high", NULL, row->change_interval.high, false},
		{"p", NULL, row->n_base && row->n_new ? row->test.p : NAN, false},
		{"p_holm", NULL, row->p_holm, false},
		{"cliff_delta", NULL, row->test.cliff_delta, false},
		{"shift", NULL, row->shift, false},
		{"detectable", NULL, row->detectable, false},
		{"reps_needed", NULL, row->reps_needed ? (double)row->reps_needed : NAN, false},
		{"verdict", compare_verdict_name(row->verdict), 0, false},
	};

	_Static_assert(sizeof(fields) / sizeof(fields[0]) == N_FIELDS, "count the fields");
	memcpy(f, fields, sizeof(fields));
	return N_FIELDS;
}

static void print_csv_text(FILE *out, const char *text)
{
	if (strpbrk(text, ",\"\r\n"))
		csv_fwrite(out, text, strlen(text));
	else
		fputs(text, out);
}

static int print_csv(const struct comparison *c, FILE *out)
{
	struct print_field f[N_FIELDS];

	for (size_t r = 0; r < c->n_rows; r++) {
		const size_t n = print_fields(f, c, &c->rows[r]);

		for (size_t i = 0; r == 0 && i < n; i++)
			fprintf(out, "%s%s", f[i].name, i + 1 < n ? "," : "\n");
		for (size_t i = 0; i < n; i++) {
			if (f[i].text)
				print_csv_text(out, f[i].text);
			else if (!isnan(f[i].number))
				fprintf(out, "%.17g", f[i].number);
			fputc(i + 1 < n ? ',' : '\n', out);
		}
	}
	return 0;
}

static json_t *print_json_row(const struct comparison *c, const struct compare_row *row)
{
	struct print_field f[N_FIELDS];
	const size_t n = print_fields(f, c, row);
	json_t *object = json_object();
	int err = 0;

	for (size_t i = 0; object && i < n; i++) {
		/* Infinite and absent numbers are null; text that is not UTF-8 too, but not for want of memory. */
		errno = 0;
		json_t *value = f[i].text		? json_string(f[i].text)
				: f[i].is_flag		? json_boolean(f[i].number != 0)
				: isfinite(f[i].number) ? json_real(f[i].number)
							: NULL;

		err |= !value && errno == ENOMEM;
		err |= json_object_set_new(object, f[i].name, value ? value : json_null());
	}
	if (err) {
		json_decref(object);
		return NULL;
	}
	return object;
}

static int print_json(const struct comparison *c, const struct compare_options *options, FILE *out)
{
	json_t *rows = json_array();
	json_t *remarks = json_array();
	int err = !rows || !remarks;

	for (size_t i = 0; i < c->n_rows && !err; i++)
		err = json_array_append_new(rows, print_json_row(c, &c->rows[i]));
	for (size_t i = 0; i < c->n_remarks && !err; i++) {
		errno = 0;
		json_t *text = json_string(c->remarks[i]);

		err = !text && errno == ENOMEM;
		err |= json_array_append_new(remarks, text ? text : json_null());
	}
	json_t *all =
		json_pack("{s:f, s:f, s:I, s:I, s:I, s:o, s:o}", "alpha", options->alpha,
			  "min_effect", options->min_effect, "seed", (json_int_t)options->seed,
			  "family", (json_int_t)c->n_family, "failed", (json_int_t)c->n_failed,
			  "notes", remarks, "figures", rows);

	if (!all)
		return -ENOMEM; /* json_pack() has released what it was given */
	if (!err)
		err = json_dumpf(all, out, JSON_INDENT(1) | JSON_PRESERVE_ORDER);
	fputc('\n', out);
	json_decref(all);
	return err ? -ENOMEM : 0;
}

int compare_print(const struct comparison *c, const struct compare_options *options,
		  enum compare_format format, bool is_colored, FILE *out)
{
	switch (format) {
	case COMPARE_CSV:
		return print_csv(c, out);
	case COMPARE_MARKDOWN:
		return print_markdown(c, options, out);
	case COMPARE_JSON:
		return print_json(c, options, out);
	default:
		return print_text(c, options, is_colored, out);
	}
}
