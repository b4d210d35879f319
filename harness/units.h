/* SPDX-License-Identifier: MIT */
/* units.h - numbers with units, as people write them.  Pure functions, any thread.
 *
 * All return 0, or -EINVAL (not a number, unknown unit, trailing text) or -ERANGE, and then leave
 * *out alone.
 */
#ifndef RECLAIMBENCH_UNITS_H
#define RECLAIMBENCH_UNITS_H

#include <stddef.h>
#include <stdint.h>

/* "1000", "64k" (10^3), "4M", "2G", "4Ki" (2^10), "1Mi", "1Gi", "2^16", "1.5k"; the result must be whole
 * ("1.5" is -EINVAL). */
int units_parse_count(const char *text, uint64_t *out);
/* "10ns", "5us", "1.5ms", "2s", "1m", "1h"; a bare number is refused (except "0"). Result in ns. */
int units_parse_time(const char *text, uint64_t *out_ns);
/* "10k" operations per second, or "max" (= UINT64_MAX: closed loop). */
int units_parse_rate(const char *text, uint64_t *out_per_s);
/* "2%" or "0.02"; above 1 (100 %) is -ERANGE. */
int units_parse_fraction(const char *text, double *out);

/* For people: "182 ms", "5.31 us"; "1.57 MiB"; "12.4 M".  Three significant digits.  Returns buf
 * (32 bytes are enough). */
char *units_format_ns(char *buf, size_t size, double ns);
char *units_format_bytes(char *buf, size_t size, double bytes);
char *units_format_count(char *buf, size_t size, double count);

#endif
