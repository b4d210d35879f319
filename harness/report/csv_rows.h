/* SPDX-License-Identifier: MIT */
/* csv_rows.h - reads a CSV file row by row with named columns; for the files beside run.csv
 * (timeline.csv, histograms.csv), which are not kept as text.  run.csv itself is read by table.h.
 *
 * Accepted: columns in any order, further columns, CRLF, a UTF-8 byte order mark, quoted fields.  Memory: one
 * row.  Threads: one call belongs to one thread.
 */
#ifndef RECLAIMBENCH_CSV_ROWS_H
#define RECLAIMBENCH_CSV_ROWS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Called for each row after the header: fields[i] is the text of columns[i], valid during the call.
 * Returns NULL, or what is wrong with the row in a few words, which ends the reading. */
typedef const char *csv_rows_fn(void *ctx, const char *const *fields);

/* Returns 0; 1 when a last line without its end was left out; or -errno (-EINVAL: the file is not what it
 * should be), and then `why` says "file:line: what". */
int csv_rows_read(const char *path, const char *const *columns, size_t n_columns, csv_rows_fn *row,
		  void *ctx, char *why, size_t why_size) __attribute__((warn_unused_result));

/* A whole field as a number: false when anything stands before or behind it, when it is hexadecimal, infinite or no
 * number, or out of range; a count has digits only.  Pure. */
bool csv_rows_count(const char *text, uint64_t *out) __attribute__((warn_unused_result));
bool csv_rows_number(const char *text, double *out) __attribute__((warn_unused_result));

/* "column 'rep' is 'x'; it must be ..." in buf, which is returned: for csv_rows_fn to return. */
#define CSV_ROWS_PROBLEM_BYTES 192
const char *csv_rows_problem(char buf[CSV_ROWS_PROBLEM_BYTES], const char *column, const char *text,
			     const char *right);

#endif
