/* SPDX-License-Identifier: MIT */
/* load_error.h - what was wrong with an input, in words for the person who gave it.
 *
 * Pure; the struct belongs to the caller.  The text names the place (position, file:line or byte),
 * what was found there and what would be right; the caller puts the option's name before it.
 */
#ifndef RECLAIMBENCH_LOAD_ERROR_H
#define RECLAIMBENCH_LOAD_ERROR_H

/* Holds a path, a quoted part of the input and a sentence; longer texts are cut. */
struct load_error {
	char text[512];
};

/* Write the text and return -err (a positive errno), so that callers `return load_fail(...)`. */
int load_fail(struct load_error *error, int err, const char *fmt, ...)
	__attribute__((format(printf, 3, 4)));

/* The first 40 bytes of an input, quoted, with what cannot be printed as '?': for messages. Returns
 * buf, which holds 48 bytes at least. */
#define LOAD_QUOTE_BYTES 48
char *load_quote(char *buf, const char *text, unsigned long len);

#endif
