/* SPDX-License-Identifier: MIT */
/* matrix_ini.h - a job file as sections of keys with their lines, nothing understood yet. */
#ifndef RECLAIMBENCH_MATRIX_INI_H
#define RECLAIMBENCH_MATRIX_INI_H

#include <stdbool.h>
#include <stddef.h>

struct matrix_entry {
	char *key;
	char *text;
	unsigned line;
};

struct matrix_section {
	char *name;
	unsigned line; /* of its first key */
	struct matrix_entry
		*entries; /* in the order of the file; `exclude` may occur several times */
	size_t n;
};

struct matrix_ini {
	struct matrix_section *sections;
	size_t n;
};

/* Read a file by inih.  0, -EINVAL, -ENOMEM or the error of reading, with "file:line: .." in `error`.
 * Release with matrix_ini_fini(), after an error too. */
int matrix_ini_read(struct matrix_ini *ini, const char *path, char *error, size_t error_size)
	__attribute__((warn_unused_result));
void matrix_ini_fini(struct matrix_ini *ini);

/* The entry of a key, the `nth` of that name; NULL when there is none. */
const struct matrix_entry *matrix_ini_find(const struct matrix_section *section, const char *key,
					   size_t nth);
const struct matrix_section *matrix_ini_section(const struct matrix_ini *ini, const char *name);

#endif
