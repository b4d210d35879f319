/* SPDX-License-Identifier: MIT */
/* figure.c - writes the script and data of one figure and has gnuplot draw it. */
#include "report/figure.h"

#include <errno.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include "report/gnuplot.h"
#include "report/text.h"
#include "units.h"

/* Told apart by readers with any kind of colour blindness when markers differ too, on white and on
 * near-black. */
static const unsigned figure_palette[] = {
	0x0072b2, 0xd55e00, 0x009e73, 0xcc79a7, 0xe69f00, 0x56b4e9,
	0x882255, 0x999933, 0x44aa99, 0x7f7f7f, 0x6a5acd, 0xaa4499,
};

unsigned figure_colour(size_t series)
{
	return figure_palette[series % (sizeof(figure_palette) / sizeof(figure_palette[0]))];
}

void figure_set_free(struct figure_set *set)
{
	for (size_t i = 0; i < set->n; i++) {
		free(set->list[i].title);
		free(set->list[i].setting);
		free(set->list[i].reason);
	}
	free(set->list);
	set->list = NULL;
	set->n = 0;
}

static struct figure_info *figure_add(struct figure_set *set, const char *name, size_t setting,
				      const char *title)
{
	const struct results *r = set->results;
	struct figure_info *list = realloc(set->list, (set->n + 1) * sizeof(*list));
	struct figure_info *info;

	if (!list)
		return NULL;
	set->list = list;
	info = &list[set->n];
	memset(info, 0, sizeof(*info));
	if (r->n_settings > 1 && setting != RESULTS_NONE)
		snprintf(info->name, sizeof(info->name), "%s-%zu", name, setting + 1);
	else
		snprintf(info->name, sizeof(info->name), "%s", name);
	info->title = strdup(title);
	info->setting = strdup(setting < r->n_settings ? r->settings[setting].label : "");
	if (!info->title || !info->setting) {
		free(info->title);
		free(info->setting);
		return NULL;
	}
	set->n++;
	return info;
}

int figure_skip(struct figure_set *set, const char *name, size_t setting, const char *title,
		const char *reason_fmt, ...)
{
	struct figure_info *info = figure_add(set, name, setting, title);
	va_list args;
	int rc;

	if (!info)
		return -ENOMEM;
	va_start(args, reason_fmt);
	rc = vasprintf(&info->reason, reason_fmt, args);
	va_end(args);
	if (rc < 0) {
		info->reason = NULL;
		return -ENOMEM;
	}
	return 0;
}

static FILE *figure_open(struct figure *f, const char *suffix)
{
	char *path;
	FILE *out;

	if (asprintf(&path, "%s/%s.%s", f->set->dir, f->info->name, suffix) < 0)
		return NULL;
	out = fopen(path, "we");
	if (!out)
		snprintf(f->set->error, sizeof(f->set->error), "%s: %s", path, strerror(errno));
	free(path);
	return out;
}

/* "keys=65536, mix=50/25/25; median of 5 repetitions, bars: smallest and largest" */
static void figure_subtitle(struct figure *f, size_t setting)
{
	const struct results *r = f->set->results;
	const char *text = setting < r->n_settings ? r->settings[setting].long_label : "";
	char factors[256];
	char line[400];

	figure_shorten(factors, sizeof(factors), text, 110);
	if (r->n_reps > 1)
		snprintf(line, sizeof(line), "%s%smedian of %zu repetitions", factors,
			 *factors ? "; " : "", r->n_reps);
	else
		snprintf(line, sizeof(line), "%s%sone repetition, no interval", factors,
			 *factors ? "; " : "");
	figure_text(f, "subtitle", line);
}

int figure_begin(struct figure *f, struct figure_set *set, enum figure_script script,
		 const char *name, size_t setting, const char *title, int width, int height)
{
	const struct results *r = set->results;
	char label[160];

	memset(f, 0, sizeof(*f));
	f->set = set;
	f->script = script;
	f->info = figure_add(set, name, setting, title);
	if (!f->info)
		return -ENOMEM;
	f->gp = figure_open(f, "gp");
	f->dat = f->gp ? figure_open(f, "dat") : NULL;
	if (!f->dat) {
		const int rc = errno ? -errno : -EIO;

		if (f->gp)
			fclose(f->gp);
		return rc;
	}
	fprintf(f->gp, "# Made by `reclaimbench plot`; redraw with: gnuplot %s.gp\n",
		f->info->name);
	fprintf(f->gp, "W = %d\nH = %d\n", width, height);
	figure_text(f, "figure", f->info->name);
	figure_text(f, "heading", title);
	figure_subtitle(f, setting);
	fprintf(f->gp, "n_series = %zu\n", r->n_series);
	figure_array(f, "name", r->n_series);
	figure_array(f, "tic_name", r->n_series);
	figure_array(f, "colour", r->n_series);
	for (size_t s = 0; s < r->n_series; s++) {
		figure_shorten(label, sizeof(label), r->series[s].label, 36);
		figure_array_text(f, "name", s, label);
		figure_array_tic(f, "tic_name", s, label);
		figure_array_number(f, "colour", s, figure_colour(s));
	}
	fprintf(f->gp, "\n%s\n", figure_script_common());
	return 0;
}

static int figure_close(FILE *file)
{
	const int is_bad = ferror(file);

	errno = 0;
	return fclose(file) || is_bad ? (errno ? -errno : -EIO) : 0;
}

static int figure_draw(struct figure *f, const char *format)
{
	char script[80];
	char said[300];
	int rc;

	snprintf(script, sizeof(script), "%s.gp", f->info->name);
	rc = gnuplot_run(f->set->dir, script, format, said, sizeof(said));
	if (rc == -ENOENT)
		snprintf(f->set->error, sizeof(f->set->error),
			 "gnuplot is not installed (Debian: apt-get install gnuplot-nox); the "
			 "scripts and "
			 "their data are in %s",
			 f->set->dir);
	else if (rc)
		snprintf(f->set->error, sizeof(f->set->error), "gnuplot failed on %s/%s: %s",
			 f->set->dir, script, *said ? said : strerror(-rc));
	return rc;
}

int figure_end(struct figure *f)
{
	int rc;
	int rc_dat;

	fprintf(f->gp, "\n%s", figure_script_text(f->script));
	rc = figure_close(f->gp);
	rc_dat = figure_close(f->dat);
	if (!rc)
		rc = rc_dat;
	if (rc) {
		snprintf(f->set->error, sizeof(f->set->error), "%s/%s.gp or .dat: %s", f->set->dir,
			 f->info->name, strerror(-rc));
		return rc;
	}
	rc = figure_draw(f, "png");
	if (!rc)
		rc = figure_draw(f, "svg");
	f->info->is_drawn = !rc;
	return rc;
}

void figure_number(struct figure *f, const char *variable, double value)
{
	fprintf(f->gp, "%s = %.10g\n", variable, value);
}

void figure_text(struct figure *f, const char *variable, const char *text)
{
	fprintf(f->gp, "%s = ", variable);
	text_write_gnuplot(f->gp, text);
	fputc('\n', f->gp);
}

void figure_array(struct figure *f, const char *variable, size_t n)
{
	fprintf(f->gp, "array %s[%zu]\n", variable, n ? n : 1);
}

void figure_array_text(struct figure *f, const char *variable, size_t i, const char *text)
{
	fprintf(f->gp, "%s[%zu] = ", variable, i + 1);
	text_write_gnuplot(f->gp, text);
	fputc('\n', f->gp);
}

void figure_array_tic(struct figure *f, const char *variable, size_t i, const char *text)
{
	char doubled[512];
	size_t len = 0;

	for (; *text && len + 3 < sizeof(doubled); text++) {
		doubled[len++] = *text;
		if (*text == '%')
			doubled[len++] = '%';
	}
	doubled[len] = '\0';
	figure_array_text(f, variable, i, doubled);
}

void figure_array_commands(struct figure *f, const char *variable, size_t i, const char *commands)
{
	fprintf(f->gp, "%s[%zu] = '", variable, i + 1);
	for (; *commands; commands++) {
		if (*commands == '\'')
			fputc('\'', f->gp);
		fputc(*commands, f->gp);
	}
	fputs("'\n", f->gp);
}

void figure_array_number(struct figure *f, const char *variable, size_t i, double value)
{
	fprintf(f->gp, "%s[%zu] = %.10g\n", variable, i + 1, value);
}

/* Characters as drawn; continuation bytes do not count. */
static size_t figure_n_chars(const char *text)
{
	size_t n = 0;

	for (; *text; text++)
		n += (*text & 0xc0) != 0x80;
	return n;
}

/* DejaVu Sans at the size used is 6.6 pixels a character on average, 7.5 to be safe. */
enum { FIGURE_CHAR_PX_X10 = 75, FIGURE_LABEL_CHARS = 36 };

static size_t figure_longest_label(const struct results *r)
{
	size_t longest = 4;

	for (size_t s = 0; s < r->n_series; s++) {
		const size_t n = figure_n_chars(r->series[s].label);

		if (n > longest)
			longest = n;
	}
	return longest < FIGURE_LABEL_CHARS ? longest : FIGURE_LABEL_CHARS;
}

int figure_label_width(const struct results *r)
{
	return 22 + (int)figure_longest_label(r) * FIGURE_CHAR_PX_X10 / 10;
}

int figure_legend_height(const struct results *r, size_t n_extra, int width, int *n_cols)
{
	/* The extra entries are the longest: up to 34 characters. */
	const size_t longest = figure_longest_label(r);
	const size_t chars = n_extra && longest < 34 ? 34 : longest;
	int cols = width / (56 + (int)chars * FIGURE_CHAR_PX_X10 / 10);
	int n = (int)(r->n_series + n_extra);

	if (cols < 1)
		cols = 1;
	*n_cols = cols;
	return 30 + 21 * ((n + cols - 1) / cols);
}

void figure_legend(struct figure *f, size_t n_extra, int width)
{
	int cols;

	figure_number(f, "legend_h", figure_legend_height(f->set->results, n_extra, width, &cols));
	figure_number(f, "legend_cols", cols);
}

void figure_block_begin(struct figure *f, const char *comment)
{
	fputs("# ", f->dat);
	text_write_gnuplot(f->dat, comment);
	fputc('\n', f->dat);
	f->n_rows = 0;
}

void figure_row(struct figure *f, const double *values, size_t n)
{
	for (size_t i = 0; i < n; i++) {
		if (i)
			fputc('\t', f->dat);
		if (isnan(values[i]))
			fputs("NaN", f->dat);
		else
			fprintf(f->dat, "%.9g", values[i]);
	}
	fputc('\n', f->dat);
	f->n_rows++;
}

void figure_row_text(struct figure *f, double x, double y, const char *text)
{
	fprintf(f->dat, "%.9g\t%.9g\t", x, y);
	/* A quote at the beginning would open a quoted field. */
	for (; *text; text++)
		fputc((unsigned char)*text < 0x20 || *text == '"' ? ' ' : *text, f->dat);
	fputc('\n', f->dat);
	f->n_rows++;
}

void figure_block_end(struct figure *f)
{
	if (!f->n_rows)
		fputs("NaN\tNaN\tNaN\tNaN\n", f->dat);
	fputs("\n\n", f->dat);
}

void figure_range_add(struct figure_range *range, double value)
{
	if (value < range->min)
		range->min = value;
	if (value > range->max)
		range->max = value;
}

bool figure_range_is_empty(const struct figure_range *range)
{
	return !(range->min <= range->max);
}

void figure_shorten(char *buf, size_t size, const char *text, size_t n)
{
	static const char ellipsis[] = "\xe2\x80\xa6";
	size_t len = 0;
	size_t chars = 0;

	while (len < size - sizeof(ellipsis) && text[len]) {
		const size_t step = text_utf8_length(text + len);

		if (chars + 1 >= n && figure_n_chars(text + len) > 1)
			break;
		if (len + step > size - sizeof(ellipsis))
			break;
		len += step ? step : 1;
		chars++;
	}
	memcpy(buf, text, len);
	strcpy(buf + len, text[len] ? ellipsis : "");
}
