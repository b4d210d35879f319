/* SPDX-License-Identifier: MIT */
/* units.c - numbers with units: exact decimal arithmetic in, three significant digits out. */
#include <errno.h>
#include <math.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>

#include "units.h"

struct unit {
	const char *name;
	uint64_t factor;
};

static const struct unit count_units[] = {
	{"", 1},
	{"k", 1000},
	{"M", 1000000},
	{"G", 1000000000},
	{"T", 1000000000000},
	{"Ki", UINT64_C(1) << 10},
	{"Mi", UINT64_C(1) << 20},
	{"Gi", UINT64_C(1) << 30},
	{"Ti", UINT64_C(1) << 40},
	{NULL, 0},
};

static const struct unit time_units[] = {
	{"ns", 1},
	{"us", 1000},
	{"ms", 1000000},
	{"s", 1000000000},
	{"m", UINT64_C(60) * 1000000000},
	{"h", UINT64_C(3600) * 1000000000},
	{NULL, 0},
};

/* A decimal as written: digits x 10^-n_fraction. */
struct decimal {
	uint64_t digits;
	unsigned n_fraction;
	const char *rest; /* what follows the number */
};

static bool units_is_digit(char c)
{
	return c >= '0' && c <= '9';
}

static uint64_t units_power_of_ten(unsigned n)
{
	uint64_t power = 1;

	while (n-- > 0)
		power *= 10;
	return power;
}

/* Digits, optionally a point and more digits.  No sign, blank, exponent, hexadecimal or "inf": what
 * strtod() takes over and above is not what people mean on a command line. */
static int units_parse_decimal(const char *text, struct decimal *out)
{
	bool is_negative = *text == '-';
	bool has_point = false;
	bool overflowed = false;
	size_t n_digits = 0;
	const char *p = text + is_negative;

	*out = (struct decimal){0};
	for (;; p++) {
		if (*p == '.' && !has_point && units_is_digit(p[1])) {
			has_point = true;
			continue;
		}
		if (!units_is_digit(*p))
			break;
		n_digits++;
		if (__builtin_mul_overflow(out->digits, 10, &out->digits) ||
		    __builtin_add_overflow(out->digits, (uint64_t)(*p - '0'), &out->digits))
			overflowed = true;
		out->n_fraction += has_point;
	}
	out->rest = p;
	if (n_digits == 0)
		return -EINVAL;
	/* 10^19 is the largest power that fits. */
	if (overflowed || out->n_fraction > 19)
		return -ERANGE;
	return is_negative && out->digits != 0 ? -ERANGE : 0;
}

/* The decimal times its unit; -EINVAL when that is no whole number. */
static int units_scale(const struct decimal *d, const struct unit *units, uint64_t *out)
{
	unsigned __int128 product;
	uint64_t divisor = units_power_of_ten(d->n_fraction);

	while (units->name && strcmp(units->name, d->rest) != 0)
		units++;
	if (!units->name)
		return -EINVAL;
	product = (unsigned __int128)d->digits * units->factor;
	if (product % divisor != 0)
		return -EINVAL;
	product /= divisor;
	if (product > UINT64_MAX)
		return -ERANGE;
	*out = (uint64_t)product;
	return 0;
}

/* A range error is only one when the text is otherwise right: "-5x" is no number. */
static int units_known(const struct decimal *d, const struct unit *units, int err)
{
	if (err != -ERANGE)
		return err;
	while (units->name && strcmp(units->name, d->rest) != 0)
		units++;
	return units->name ? -ERANGE : -EINVAL;
}

static int units_parse_power(uint64_t base, const char *text, uint64_t *out)
{
	struct decimal exponent;
	uint64_t result = 1;
	int err = units_parse_decimal(text, &exponent);

	if (err)
		return err;
	if (*exponent.rest || exponent.n_fraction > 0)
		return -EINVAL;
	if (base < 2) {
		*out = exponent.digits == 0 ? 1 : base;
		return 0;
	}
	for (uint64_t i = 0; i < exponent.digits; i++) {
		if (__builtin_mul_overflow(result, base, &result))
			return -ERANGE;
	}
	*out = result;
	return 0;
}

int units_parse_count(const char *text, uint64_t *out)
{
	struct decimal d;
	int err = units_parse_decimal(text, &d);

	if (!err && *d.rest == '^' && d.n_fraction == 0)
		return units_parse_power(d.digits, d.rest + 1, out);
	if (err)
		return units_known(&d, count_units, err);
	return units_scale(&d, count_units, out);
}

int units_parse_time(const char *text, uint64_t *out_ns)
{
	struct decimal d;
	int err = units_parse_decimal(text, &d);

	if (err)
		return units_known(&d, time_units, err);
	if (d.digits == 0 && *d.rest == '\0') {
		*out_ns = 0;
		return 0;
	}
	return units_scale(&d, time_units, out_ns);
}

int units_parse_rate(const char *text, uint64_t *out_per_s)
{
	if (strcmp(text, "max") == 0) {
		*out_per_s = UINT64_MAX;
		return 0;
	}
	return units_parse_count(text, out_per_s);
}

int units_parse_fraction(const char *text, double *out)
{
	struct decimal d;
	double value;
	bool is_percent;
	int err = units_parse_decimal(text, &d);

	if (err && err != -ERANGE)
		return err;
	is_percent = strcmp(d.rest, "%") == 0;
	if (*d.rest && !is_percent)
		return -EINVAL;
	if (err)
		return err;
	value = (double)d.digits / (double)units_power_of_ten(d.n_fraction);
	if (is_percent)
		value /= 100;
	if (value > 1)
		return -ERANGE;
	*out = value;
	return 0;
}

/* ---------------------------------------------------------------- for people */

/* Three significant digits; whole numbers in the base unit stay whole ("64 B", not "64.0 B"). */
static char *units_format(char *buf, size_t size, double value, double step,
			  const char *const *names)
{
	double magnitude = fabs(value);
	const char *gap;
	int n_decimals;
	bool is_base = true;

	if (!isfinite(value)) {
		snprintf(buf, size, "%s", isnan(value) ? "nan" : value < 0 ? "-inf" : "inf");
		return buf;
	}
	if (magnitude > 0 && magnitude < 0.01) { /* per operation, events are that rare */
		snprintf(buf, size, "%.3g%s%s", value, **names ? " " : "", *names);
		return buf;
	}
	/* The step is taken where rounding to three digits would reach it: 999.7 us is 1.00 ms. */
	while (names[1] && magnitude >= step - 0.5) {
		magnitude /= step;
		names++;
		is_base = false;
	}
	if ((is_base && magnitude == floor(magnitude)) || magnitude >= 99.95)
		n_decimals = 0;
	else if (magnitude >= 9.995)
		n_decimals = 1;
	else
		n_decimals = 2;
	if (magnitude > 0 && magnitude < 0.995)
		n_decimals = 3;
	gap = **names ? " " : "";
	snprintf(buf, size, "%s%.*f%s%s", value < 0 ? "-" : "", n_decimals, magnitude, gap, *names);
	return buf;
}

char *units_format_ns(char *buf, size_t size, double ns)
{
	static const char *const names[] = {"ns", "us", "ms", "s", NULL};

	return units_format(buf, size, ns, 1000, names);
}

char *units_format_bytes(char *buf, size_t size, double bytes)
{
	static const char *const names[] = {"B", "KiB", "MiB", "GiB", "TiB", NULL};

	return units_format(buf, size, bytes, 1024, names);
}

char *units_format_count(char *buf, size_t size, double count)
{
	static const char *const names[] = {"", "k", "M", "G", "T", NULL};

	return units_format(buf, size, count, 1000, names);
}
