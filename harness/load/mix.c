/* SPDX-License-Identifier: MIT */
/* mix.c - parse --mix. */
#include "load/mix.h"

#include <ctype.h>
#include <errno.h>
#include <stdlib.h>

int mix_parse(const char *text, struct mix *out, struct load_error *error)
{
	unsigned long pct[3];
	char quoted[LOAD_QUOTE_BYTES];
	const char *p = text;

	for (int i = 0; i < 3; i++) {
		char *end;

		if (!isdigit((unsigned char)*p))
			goto malformed;
		pct[i] = strtoul(p, &end, 10);
		if (*end != (i < 2 ? '/' : '\0') || pct[i] > 100)
			goto malformed;
		p = end + 1;
	}
	if (pct[0] + pct[1] + pct[2] != 100)
		return load_fail(
			error, EINVAL,
			"%s sums to %lu; the percentages of get, insert and delete must sum "
			"to 100, such as 50/25/25",
			text, pct[0] + pct[1] + pct[2]);
	*out = (struct mix){(unsigned)pct[0], (unsigned)pct[1], (unsigned)pct[2]};
	return 0;

malformed:
	return load_fail(
		error, EINVAL,
		"%s is not a mix; write the percentages of get, insert and delete, such as "
		"50/25/25",
		load_quote(quoted, text, __builtin_strlen(text)));
}
