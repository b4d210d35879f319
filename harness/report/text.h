/* SPDX-License-Identifier: MIT */
/* text.h - text that came from outside, made harmless for what it is written into.  Pure functions.
 *
 * Names in a CSV may hold quotes, markup, control characters or broken UTF-8; each writer here says
 * what it guarantees.
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

#endif
