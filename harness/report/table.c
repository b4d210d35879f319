/* SPDX-License-Identifier: MIT */
/* table.c - the tidy CSV in memory: interned ids in chunks of rows that never move. */
#include "report/table.h"

#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "report/table_internal.h"

static const char *const table_column_names[TABLE_N_COLUMNS] = {
#define COLUMN(name) [COL_##name] = #name,
#include "report/columns.def"
#undef COLUMN
};

static const char *const table_status_names[TABLE_N_STATUSES] = {
	[STATUS_OK] = "ok",
	[STATUS_WEAK] = "weak",
	[STATUS_ESTIMATED] = "estimated",
	[STATUS_CENSORED] = "censored",
	[STATUS_SATURATED] = "saturated",
	[STATUS_NOT_AVAILABLE] = "not_available",
	[STATUS_NOT_COUNTED] = "not_counted",
	[STATUS_FAILED] = "failed",
};

int table_reserve(struct table *t)
{
	if (t->n_rows < t->n_chunks * CHUNK_ROWS)
		return 0;
	if (!(t->n_chunks & (t->n_chunks - 1))) {
		const size_t n = t->n_chunks ? 2 * t->n_chunks : 1;
		struct table_chunk **chunks = realloc(t->chunks, n * sizeof(*chunks));

		if (!chunks)
			return -ENOMEM;
		t->chunks = chunks;
	}
	t->chunks[t->n_chunks] = malloc(sizeof(struct table_chunk));
	if (!t->chunks[t->n_chunks])
		return -ENOMEM;
	t->n_chunks++;
	return 0;
}

bool table_parse_number(const char *text, double *out)
{
	char *end;

	if (!strspn(text, "+-.0123456789") || strpbrk(text, "xXnNpP"))
		return false;
	errno = 0;
	*out = strtod(text, &end);
	return !*end && isfinite(*out);
}

void table_free(struct table *t)
{
	if (!t)
		return;
	for (size_t i = 0; i < t->n_chunks; i++)
		free(t->chunks[i]);
	free(t->chunks);
	for (size_t i = 0; i < t->n_warnings; i++)
		free(t->warnings[i]);
	free(t->warnings);
	intern_fini(&t->strings);
	free(t->path);
	free(t);
}

const char *table_path(const struct table *t)
{
	return t->path;
}

size_t table_n_rows(const struct table *t)
{
	return t->n_rows;
}

const char *table_warning(const struct table *t, size_t i)
{
	return i < t->n_warnings ? t->warnings[i] : NULL;
}

uint32_t table_id(const struct table *t, size_t row, enum table_column column)
{
	return table_chunk_of(t, row)->ids[row % CHUNK_ROWS][column];
}

const char *table_text(const struct table *t, size_t row, enum table_column column)
{
	return intern_text(&t->strings, table_id(t, row, column));
}

double table_number(const struct table *t, size_t row, enum table_column column)
{
	double number;

	if (column == COL_value)
		return table_value(t, row);
	return table_parse_number(table_text(t, row, column), &number) ? number : NAN;
}

double table_value(const struct table *t, size_t row)
{
	return table_chunk_of(t, row)->values[row % CHUNK_ROWS];
}

enum table_status table_status(const struct table *t, size_t row)
{
	return table_chunk_of(t, row)->statuses[row % CHUNK_ROWS];
}

struct stats_obs table_obs(const struct table *t, size_t row)
{
	return (struct stats_obs){table_value(t, row), table_status(t, row) == STATUS_CENSORED};
}

size_t table_line(const struct table *t, size_t row)
{
	return table_chunk_of(t, row)->lines[row % CHUNK_ROWS];
}

uint32_t table_n_ids(const struct table *t)
{
	return t->strings.n;
}

const char *table_string(const struct table *t, uint32_t id)
{
	return intern_text(&t->strings, id);
}

uint32_t table_find(const struct table *t, const char *text)
{
	return intern_find(&t->strings, text, strlen(text));
}

const char *table_column_name(enum table_column column)
{
	return table_column_names[column];
}

int table_column_find(const char *name)
{
	for (int c = 0; c < TABLE_N_COLUMNS; c++) {
		if (!strcmp(name, table_column_names[c]))
			return c;
	}
	return -1;
}

const char *table_status_name(enum table_status status)
{
	return table_status_names[status];
}
