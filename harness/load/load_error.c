/* SPDX-License-Identifier: MIT */
/* load_error.c - messages about bad input. */
#include "load/load_error.h"

#include <stdarg.h>
#include <stdio.h>

int load_fail(struct load_error *error, int err, const char *fmt, ...)
{
	va_list args;

	va_start(args, fmt);
	vsnprintf(error->text, sizeof(error->text), fmt, args);
	va_end(args);
	return -err;
}

char *load_quote(char *buf, const char *text, unsigned long len)
{
	unsigned long n = 0;

	buf[n++] = '"';
	for (unsigned long i = 0; i < len && i < 40; i++)
		buf[n++] = text[i] >= 0x20 && text[i] < 0x7f ? text[i] : '?';
	buf[n++] = '"';
	if (len > 40)
		for (int i = 0; i < 3; i++)
			buf[n++] = '.';
	buf[n] = '\0';
	return buf;
}
