/* SPDX-License-Identifier: MIT */
/* term.c - whether colour is allowed, and how wide a line may be. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include "term.h"
#include "units.h"

bool term_is_terminal(FILE *f)
{
	int fd = fileno(f);

	return fd >= 0 && isatty(fd);
}

int term_color(const char *when, FILE *f, bool *out)
{
	const char *no_color = getenv("NO_COLOR");
	const char *term = getenv("TERM");

	if (when == NULL || strcmp(when, "auto") == 0)
		*out = term_is_terminal(f) && !(no_color && *no_color) &&
		       !(term && strcmp(term, "dumb") == 0);
	else if (strcmp(when, "always") == 0)
		*out = true;
	else if (strcmp(when, "never") == 0)
		*out = false;
	else
		return -EINVAL;
	return 0;
}

unsigned term_width(FILE *f)
{
	const char *columns = getenv("COLUMNS");
	struct winsize size;
	uint64_t n;

	if (term_is_terminal(f) && ioctl(fileno(f), TIOCGWINSZ, &size) == 0 && size.ws_col > 0)
		return size.ws_col;
	if (columns && units_parse_count(columns, &n) == 0 && n >= 20 && n <= 10000)
		return (unsigned)n;
	return 80;
}

const char *term_style(bool is_on, enum term_style style)
{
	static const char *const sequences[] = {
		[TERM_BOLD] = "\033[1m",   [TERM_DIM] = "\033[2m",     [TERM_RED] = "\033[31m",
		[TERM_GREEN] = "\033[32m", [TERM_YELLOW] = "\033[33m", [TERM_RESET] = "\033[0m",
	};

	return is_on ? sequences[style] : "";
}
