/* SPDX-License-Identifier: MIT */
/* term.h - what may be written to a terminal: colour, width, a line that is rewritten.
 *
 * Colour is used when `--color=always`, or when `--color=auto` (the default), the stream is a terminal,
 * NO_COLOR is unset or empty (no-color.org) and TERM is not "dumb".  Any thread; nothing is kept.
 */
#ifndef RECLAIMBENCH_TERM_H
#define RECLAIMBENCH_TERM_H

#include <stdbool.h>
#include <stdio.h>

bool term_is_terminal(FILE *f);

/* `when`: "auto", "always" or "never"; NULL counts as "auto".  0, or -EINVAL for any other text. */
int term_color(const char *when, FILE *f, bool *out) __attribute__((warn_unused_result));

/* Columns: of the terminal, else $COLUMNS, else 80. */
unsigned term_width(FILE *f);

/* Escape sequences; the empty string when `is_on` is false, so that they can stand in any format. */
enum term_style { TERM_BOLD, TERM_DIM, TERM_RED, TERM_GREEN, TERM_YELLOW, TERM_RESET };
const char *term_style(bool is_on, enum term_style style);

#endif
