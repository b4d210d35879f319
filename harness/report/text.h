/* SPDX-License-Identifier: MIT */
/* text.h - text that came from outside, made harmless for what it is written into.  Pure functions.
 *
 * Names in a CSV may hold quotes, markup, control characters or broken UTF-8; each writer here says
 * what it guarantees.  And a stream that writes into memory.
 */
#ifndef RECLAIMBENCH_TEXT_H
#define RECLAIMBENCH_TEXT_H

#include <stddef.h>
#include <stdio.h>

/* Bytes of the well-formed UTF-8 character at `text` (1 to 4), or 0 when it is not one. */
size_t text_utf8_length(const char *text);

/* Replace, in place, each byte that is no part of a well-formed character by '?', so that the text can be UTF-8 to
 * those who want that (JSON).  What a cut has left of a character at the end is such bytes. */
void text_make_utf8(char *text);

/* For HTML text and attribute values in double quotes: & < > " ' become references, control characters
 * blanks, what is not UTF-8 U+FFFD. */
void text_write_html(FILE *out, const char *text);

/* A gnuplot string in single quotes: no escapes, no command substitution, no macros.  Single quotes become
 * typographic ones (U+2019), control characters blanks, what is not UTF-8 or not Latin, Greek, Cyrillic or an arrow '?'. */
void text_write_gnuplot(FILE *out, const char *text);

/* One argument of a POSIX shell, quoted only when it must be. */
void text_write_shell(FILE *out, const char *text);

/* A CSV field: quoted when it holds a comma, quote, CR or LF. */
void text_write_csv(FILE *out, const char *text);

/* A token for formats that separate by blanks, commas or slashes: letters, digits and "._+-:=%" stay, all
 * else becomes '_'. */
void text_write_token(FILE *out, const char *text);

/* A text written through a stream; fields are text.c's.  As open_memstream(), which does not tell when it could not
 * keep all (glibc: neither ferror() nor fclose() do, and the text may be NULL). */
struct text_buffer {
	FILE *stream;
	char *text;
	size_t size, room;
};

/* The stream to write to, which text_close() closes; NULL when memory is short, then nothing is to close. */
FILE *text_open(struct text_buffer *b);
/* What was written, with a '\0' behind it; NULL when memory was short for any of it.  The caller frees. */
char *text_close(struct text_buffer *b) __attribute__((warn_unused_result));

#endif
