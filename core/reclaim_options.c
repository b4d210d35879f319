/* SPDX-License-Identifier: MIT */
/* reclaim_options.c - a strategy's options, from its table: "gogc=50,batch=64". */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "reclaim_internal.h"

struct suffix {
	const char *text;
	double factor;
};
static const struct suffix count_suffixes[] = {{"", 1},	       {"k", 1e3},   {"M", 1e6},
					       {"G", 1e9},     {"Ki", 1024}, {"Mi", 0x1p20},
					       {"Gi", 0x1p30}, {NULL, 0}};
static const struct suffix time_suffixes[] = {{"ns", 1},   {"us", 1e3},	  {"ms", 1e6}, {"s", 1e9},
					      {"m", 60e9}, {"h", 3600e9}, {NULL, 0}};
static const struct suffix fraction_suffixes[] = {{"", 1}, {"%", 0.01}, {NULL, 0}};

static const struct suffix *option_suffixes(enum reclaim_option_type type)
{
	if (type == OPT_TIME_NS)
		return time_suffixes;
	return type == OPT_FRACTION ? fraction_suffixes : count_suffixes;
}

/* The number `text`; false when it is none.  "2^10" is understood. */
static bool option_number(const struct reclaim_option *o, const char *text, double *out)
{
	char *end;
	double value = strtod(text, &end);

	if (end == text)
		return false;
	if (!strncmp(text, "2^", 2)) {
		const long exponent = strtol(text + 2, &end, 10);

		if (end == text + 2 || exponent < 0 || exponent > 62)
			return false;
		value = (double)(UINT64_C(1) << exponent);
	}
	if (value == 0 && !*end) {
		*out = 0;
		return true;
	}
	for (const struct suffix *s = option_suffixes(o->type); s->text; s++)
		if (!strcmp(end, s->text)) {
			*out = value * s->factor;
			return true;
		}
	return false;
}

/* Position of `text` in "a|b|c", or -1. */
static int option_choice(const char *choices, const char *text)
{
	const size_t n = strlen(text);
	int position = 0;

	for (const char *p = choices; p; position++) {
		const char *bar = strchr(p, '|');
		const size_t length = bar ? (size_t)(bar - p) : strlen(p);

		if (length == n && !strncmp(p, text, n))
			return position;
		p = bar ? bar + 1 : NULL;
	}
	return -1;
}

static int option_set(const struct reclaim_ops *ops, const struct reclaim_option *o,
		      const char *text, void *state, char *message, size_t message_size)
{
	void *where = (char *)state + o->offset;
	const char *choices = o->type == OPT_BOOL ? "off|on" : o->choices;
	double number;

	if (o->type == OPT_CHOICE || o->type == OPT_BOOL) {
		const int choice = option_choice(choices, text);

		if (choice < 0) {
			snprintf(message, message_size, "%s:%s=%s: choose one of %s", ops->name,
				 o->name, text, choices);
			return -EINVAL;
		}
		*(unsigned *)where = (unsigned)choice;
		return 0;
	}
	if (o->choices && o->type != OPT_FRACTION && !strcmp(text, o->choices)) {
		*(uint64_t *)where = UINT64_MAX;
		return 0;
	}
	if (!option_number(o, text, &number)) {
		snprintf(message, message_size, "%s:%s=%s: not a number with a known unit (%s%s)",
			 ops->name, o->name, text, o->unit,
			 o->type == OPT_TIME_NS ? "; ns, us, ms, s, m or h" : "");
		return -EINVAL;
	}
	if (!(number >= o->min && number <= o->max)) {
		snprintf(message, message_size,
			 "%s:%s=%s: out of range, %g to %g %s%s%s is possible", ops->name, o->name,
			 text, o->min, o->max, o->type == OPT_TIME_NS ? "ns" : o->unit,
			 o->choices ? " or " : "", o->choices ? o->choices : "");
		return -ERANGE;
	}
	/* Kept as it is cut off, a cell would run with another number than its rows name. */
	if (o->type == OPT_COUNT && number != (double)(uint64_t)number) {
		snprintf(message, message_size, "%s:%s=%s: give a whole number of %s", ops->name,
			 o->name, text, o->unit);
		return -EINVAL;
	}
	if (o->type == OPT_FRACTION)
		*(double *)where = number;
	else
		*(uint64_t *)where = (uint64_t)number;
	return 0;
}

static const struct reclaim_option *option_find(const struct reclaim_ops *ops, const char *name)
{
	for (size_t i = 0; i < ops->n_options; i++)
		if (!strcmp(ops->options[i].name, name))
			return &ops->options[i];
	return NULL;
}

static int option_unknown(const struct reclaim_ops *ops, const char *name, char *message,
			  size_t size)
{
	size_t used =
		(size_t)snprintf(message, size, "%s has no option \"%s\"; it has", ops->name, name);

	if (!ops->n_options)
		snprintf(message, size, "%s has no option \"%s\"; it has none", ops->name, name);
	for (size_t i = 0; i < ops->n_options && used < size; i++)
		used += (size_t)snprintf(message + used, size - used, "%s %s", i ? "," : "",
					 ops->options[i].name);
	return -EINVAL;
}

int reclaim_options_parse(const struct reclaim_ops *ops, const char *text, void *state,
			  char *message, size_t message_size)
{
	char *copy, *rest, *item;
	int err = 0;

	for (size_t i = 0; i < ops->n_options; i++) {
		err = option_set(ops, &ops->options[i], ops->options[i].deflt, state, message,
				 message_size);
		if (err)
			return err;
	}
	if (!text || !*text)
		return 0;
	copy = strdup(text);
	if (!copy)
		return -ENOMEM;
	rest = copy;
	while (!err && (item = strsep(&rest, ",")) != NULL) {
		char *equals = strchr(item, '=');
		const struct reclaim_option *o;

		if (!equals) {
			snprintf(message, message_size, "%s:%s: write it as option=value",
				 ops->name, item);
			err = -EINVAL;
			break;
		}
		*equals = '\0';
		o = option_find(ops, item);
		err = o ? option_set(ops, o, equals + 1, state, message, message_size)
			: option_unknown(ops, item, message, message_size);
	}
	free(copy);
	return err;
}
