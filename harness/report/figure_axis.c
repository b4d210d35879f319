/* SPDX-License-Identifier: MIT */
/* figure_axis.c - log axes with tics in the units people read. */
#include <math.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "report/figure.h"
#include "units.h"

enum figure_unit figure_unit_of(const char *unit)
{
	if (!strcmp(unit, "ns"))
		return FIGURE_TIME_NS;
	if (!strncmp(unit, "bytes", 5))
		return FIGURE_BYTES;
	return FIGURE_COUNT;
}

char *figure_format(char *buf, size_t size, enum figure_unit unit, double value, bool is_bound)
{
	char number[48];

	switch (unit) {
	case FIGURE_TIME_NS:
		units_format_ns(number, sizeof(number), value);
		break;
	case FIGURE_BYTES:
		units_format_bytes(number, sizeof(number), value);
		break;
	default:
		units_format_count(number, sizeof(number), value);
	}
	snprintf(buf, size, "%s%s", is_bound ? "> " : "", number);
	return buf;
}

/* A tic's label: a power of ten (or of 1,024 for bytes) without needless digits. */
static void figure_tic_label(char *buf, size_t size, enum figure_unit unit, double value)
{
	static const char *const times[] = {"ns", "us", "ms", "s", "ks"};
	static const char *const bytes[] = {"B", "KiB", "MiB", "GiB", "TiB"};
	static const char *const counts[] = {"", " k", " M", " G", " T"};
	const double base = unit == FIGURE_BYTES ? 1024 : 1000;
	const char *const *names = unit == FIGURE_TIME_NS ? times
				   : unit == FIGURE_BYTES ? bytes
							  : counts;
	size_t i = 0;

	while (i < 4 && value >= base * 0.999) {
		value /= base;
		i++;
	}
	snprintf(buf, size, unit == FIGURE_COUNT ? "%.4g%s" : "%.4g %s", value, names[i]);
}

/* The step between tics, so that there are two at least and about eight at most. */
static double figure_tic_step(enum figure_unit unit, double span)
{
	static const double steps_2[] = {4, 16, 32, 1024};
	static const double steps_10[] = {10, 100, 1000, 1e6};
	const double *steps = unit == FIGURE_BYTES ? steps_2 : steps_10;
	size_t i = 0;

	while (i < 3 && log(span) / log(steps[i]) > 8.5)
		i++;
	return steps[i];
}

/* The commands, written into the caller's array: a stream would need memory, and an axis without it would be another. */
struct axis_text {
	char *buf;
	size_t size, length;
};

static void axis_printf(struct axis_text *out, const char *fmt, ...)
	__attribute__((format(printf, 2, 3)));
static void axis_printf(struct axis_text *out, const char *fmt, ...)
{
	const size_t room = out->size - out->length;
	va_list args;
	int n;

	va_start(args, fmt);
	n = vsnprintf(out->buf + out->length, room, fmt, args);
	va_end(args);
	if (n > 0)
		out->length += (size_t)n < room ? (size_t)n : room - 1;
}

/* Tics at 1, 2, 5 within a range of less than a factor of 20; returns how many were written. */
static void figure_fine_tics(struct axis_text *out, enum figure_unit unit, double low, double high)
{
	static const double fine_10[] = {1, 2, 3, 5, 7};
	const char *comma = "";
	char label[48];

	for (double decade = pow(10, floor(log10(low))); decade <= high; decade *= 10) {
		for (size_t i = 0; i < sizeof(fine_10) / sizeof(fine_10[0]); i++) {
			const double at = decade * fine_10[i];

			if (at < low * 0.999 || at > high * 1.001)
				continue;
			figure_tic_label(label, sizeof(label), unit, at);
			axis_printf(out, "%s'%s' %.10g", comma, label, at);
			comma = ", ";
		}
	}
}

static void figure_fine_tics_2(struct axis_text *out, double low, double high)
{
	const char *comma = "";
	char label[48];

	for (double at = exp2(floor(log2(low))); at <= high * 1.001; at *= 2) {
		if (at < low * 0.999)
			continue;
		figure_tic_label(label, sizeof(label), FIGURE_BYTES, at);
		axis_printf(out, "%s'%s' %.10g", comma, label, at);
		comma = ", ";
	}
}

static void figure_coarse_tics(struct axis_text *out, enum figure_unit unit, double low,
			       double high, double step)
{
	const char *comma = "";
	char label[48];

	for (double at = pow(step, floor(log(low) / log(step) + 1e-9)); at <= high * 1.001;
	     at *= step) {
		if (at < low * 0.999)
			continue;
		figure_tic_label(label, sizeof(label), unit, at);
		axis_printf(out, "%s'%s' %.10g", comma, label, at);
		comma = ", ";
	}
}

void figure_log_axis(char *buf, size_t size, const char *axis, enum figure_unit unit,
		     const struct figure_range *range)
{
	double low = range->min;
	double high = range->max;
	struct axis_text text = {.buf = buf, .size = size};
	struct axis_text *out = &text;

	if (low == high) {
		low /= 2;
		high *= 2;
	}
	/* Air at both ends, so that no marker is cut. */
	low /= 1 + 0.05 * log(high / low);
	high *= 1 + 0.05 * log(high / low);
	axis_printf(out, "set logscale %s; set %srange [%.6g:%.6g]; set %stics (", axis, axis, low,
		    high, axis);
	if (high / low >= 40)
		figure_coarse_tics(out, unit, low, high, figure_tic_step(unit, high / low));
	else if (unit == FIGURE_BYTES)
		figure_fine_tics_2(out, low, high);
	else
		figure_fine_tics(out, unit, low, high);
	axis_printf(out, ")");
}
