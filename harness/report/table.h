/* SPDX-License-Identifier: MIT */
/* table.h - reads the tidy CSV (schema 1, columns.def) into memory, for compare, plot, report, export.
 *
 * A table is made by one thread and then read-only; any number of threads may read it.  Strings are
 * interned: equal texts in one table have equal ids, in whatever column they stand, so that grouping
 * compares integers.  Ids of different tables have nothing in common.  The id 0 is the empty text.
 *
 * Accepted: columns in any order and further ones (ignored, with a warning), CRLF, a UTF-8 byte order
 * mark, quoted fields with commas, quotes and line ends in them.  Refused, with file:line: another
 * schema version, a missing or doubled column, a row of another width, a value that is no number, a
 * status that is unknown or contradicts the value, one metric and statistic in two units.  Reported as
 * a warning, and left out: a last line that was torn off.
 *
 * Cost: 100 MB of ordinary rows (426,000, each value different) take 1.1 s and 77 MB here; the worst
 * that was found, 36 short fields a row that never recur, 7 s and 400 MB.  160 bytes a row and some 20
 * to 40 bytes beside the text for each different string (`value` is not interned); the file is never
 * held as a whole.
 */
#ifndef RECLAIMBENCH_TABLE_H
#define RECLAIMBENCH_TABLE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "report/stats.h"

#define TABLE_SCHEMA 1

enum table_column {
#define COLUMN(name) COL_##name,
#include "report/columns.def"
#undef COLUMN
	TABLE_N_COLUMNS
};

enum table_status {
	STATUS_OK,
	STATUS_WEAK,
	STATUS_ESTIMATED,
	STATUS_CENSORED, /* value is a lower bound */
	STATUS_SATURATED,
	STATUS_NOT_AVAILABLE, /* from here on: value is empty */
	STATUS_NOT_COUNTED,
	STATUS_FAILED,
	TABLE_N_STATUSES
};

struct table;

/* Read a file.  0; -EINVAL: the file is not what it should be; -ENOMEM; or the error of opening or
 * reading it.  On error `*out` is NULL and `error` holds "file:line: what, and what would be right"
 * (512 bytes are enough).  Release with table_free(). */
int table_read(struct table **out, const char *path, char *error, size_t error_size)
	__attribute__((warn_unused_result));
void table_free(struct table *t); /* NULL is allowed */

const char *table_path(const struct table *t); /* as given to table_read() */
size_t table_n_rows(const struct table *t);
/* The i-th warning, "file:line: text"; NULL past the last. */
const char *table_warning(const struct table *t, size_t i);

/* The text of a column of a row, and its id.  The text of COL_value is not kept: its id is 0. */
uint32_t table_id(const struct table *t, size_t row, enum table_column column);
const char *table_text(const struct table *t, size_t row, enum table_column column);
/* A column as a number: NaN when the text is empty or no number.  COL_value included.  "2^16" and
 * units are not understood: the writer writes plain numbers. */
double table_number(const struct table *t, size_t row, enum table_column column);

double table_value(const struct table *t, size_t row); /* NaN when empty */
enum table_status table_status(const struct table *t, size_t row);
/* The value as one of a group of repetitions. */
struct stats_obs table_obs(const struct table *t, size_t row);
size_t table_line(const struct table *t, size_t row); /* where the row begins in the file, from 1 */

/* Ids are 0 .. table_n_ids() - 1: arrays can be indexed by them. */
uint32_t table_n_ids(const struct table *t);
const char *table_string(const struct table *t, uint32_t id);
/* The id of a text, or UINT32_MAX when it occurs nowhere in the table. */
uint32_t table_find(const struct table *t, const char *text);

const char *table_column_name(enum table_column column);
/* The column of that name, or -1. */
int table_column_find(const char *name);
const char *table_status_name(enum table_status status);

#endif
