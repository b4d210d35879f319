/* SPDX-License-Identifier: MIT */
/* option_draw.h - a value of a strategy's option from a number, for tests that try them all. */
#ifndef RECLAIMBENCH_OPTION_DRAW_H
#define RECLAIMBENCH_OPTION_DRAW_H

#include <stdio.h>
#include <string.h>

#include "reclaim.h"

/* The `n`-th of "a|b|c", counted round. */
static inline void option_draw_choice(char *text, size_t size, const char *choices, unsigned n)
{
	char copy[128], *left = copy, *choice;
	unsigned n_choices = 1;

	for (const char *p = choices; *p; p++)
		n_choices += *p == '|';
	snprintf(copy, sizeof(copy), "%s", choices);
	choice = strsep(&left, "|");
	for (n %= n_choices; n; n--)
		choice = strsep(&left, "|");
	snprintf(text, size, "%s", choice);
}

/* What the user might write for `o`; `draw` is below 128.  Of numbers, each power of two is as likely as the next. */
static inline void option_draw(char *text, size_t size, const struct reclaim_option *o,
			       unsigned draw)
{
	const double power = (double)(1u << (draw & 15));
	double number = o->type == OPT_BYTES ? power * 4096 : power - 1;

	if (o->type == OPT_BOOL || o->type == OPT_CHOICE) {
		option_draw_choice(text, size, o->type == OPT_BOOL ? "off|on" : o->choices, draw);
	} else if (o->choices && draw == 127) {
		option_draw_choice(text, size, o->choices, 0);
	} else if (o->type == OPT_FRACTION) {
		number = o->max / power;
		snprintf(text, size, "%.17g", number < o->min ? o->min : number);
	} else {
		if (o->type == OPT_TIME_NS)
			number = (o->min > 0 ? o->min : 10000) * power;
		else if (!strcmp(o->unit, "processors"))
			number = 1 + (draw & 7); /* 0 asks the machine */
		else if (!strcmp(o->unit, "threads"))
			number = draw & 7;
		if (number < o->min)
			number = o->min;
		snprintf(text, size, "%.0f%s", number > o->max ? o->max : number,
			 o->type == OPT_TIME_NS ? "ns" : "");
	}
}

#endif
