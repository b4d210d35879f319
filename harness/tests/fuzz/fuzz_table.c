/* SPDX-License-Identifier: MIT */
/* fuzz_table.c - bytes as a run.csv: refused with a place and a text, or a table whose texts, numbers and ids agree. */
#include "tests/fuzz/fuzz.h"

#include <math.h>

#include "report/table.h"

static struct fuzz_file file;

static void table_look(const struct table *t, size_t row)
{
	FUZZ_CHECK(table_status(t, row) < TABLE_N_STATUSES);
	FUZZ_CHECK(isnan(table_value(t, row)) == (table_status(t, row) >= STATUS_NOT_AVAILABLE));
	FUZZ_CHECK(table_line(t, row) >= 2);
	for (int c = 0; c < TABLE_N_COLUMNS; c++) {
		const char *text = table_text(t, row, (enum table_column)c);
		const uint32_t id = table_id(t, row, (enum table_column)c);

		FUZZ_CHECK(text && id < table_n_ids(t));
		FUZZ_CHECK(c == COL_value || !strcmp(table_string(t, id), text));
		FUZZ_CHECK(c == COL_value || table_find(t, text) == id);
		(void)table_number(t, row, (enum table_column)c);
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	char error[512] = "";
	struct table *t = NULL;

	if (table_read(&t, fuzz_file_fill(&file, data, size), error, sizeof(error))) {
		FUZZ_CHECK(!t && error[0]);
		return 0;
	}
	for (size_t i = 0; i < table_n_rows(t); i++)
		table_look(t, i);
	for (size_t i = 0; table_warning(t, i); i++)
		FUZZ_CHECK(table_warning(t, i)[0]);
	table_free(t);
	return 0;
}
