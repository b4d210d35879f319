/* SPDX-License-Identifier: MIT */
/* table_internal.h - the layout of a table, for table.c and the reader that fills it. */
#ifndef RECLAIMBENCH_TABLE_INTERNAL_H
#define RECLAIMBENCH_TABLE_INTERNAL_H

#include "report/intern.h"
#include "report/table.h"

/* Rows per chunk: a table of ten rows wastes 160 kB, one of 100 MB has 400 chunks. */
#define CHUNK_ROWS 1024u

struct table_chunk {
	uint32_t ids[CHUNK_ROWS][TABLE_N_COLUMNS];
	double values[CHUNK_ROWS];
	uint32_t lines[CHUNK_ROWS];
	uint8_t statuses[CHUNK_ROWS];
};

struct table {
	char *path;
	struct intern strings;
	struct table_chunk **chunks;
	size_t n_chunks;
	size_t n_rows;
	char **warnings;
	size_t n_warnings;
};

static inline struct table_chunk *table_chunk_of(const struct table *t, size_t row)
{
	return t->chunks[row / CHUNK_ROWS];
}

/* Make room for one more row.  0 or -ENOMEM. */
int table_reserve(struct table *t);

/* A plain decimal number and nothing else: no hexadecimal, no inf, no nan. */
bool table_parse_number(const char *text, double *out);

#endif
