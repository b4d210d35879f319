/* SPDX-License-Identifier: MIT */
/* fuzz_store.c - bytes, up to a NUL, as the matrix.json of a folder, and what is behind it as its journal, when a matrix is
 * to go on there: refused with a text, or a journal of whole lines that names what is finished, once. */
#include "tests/fuzz/fuzz_dir.h"

#define CELL "0123456789abcdef-0001"

static int store_resume(struct matrix_store *store, char *error, size_t error_size)
{
	json_t *identity = json_pack("{s:s, s:s, s:s, s:s, s:s}", "build", "b", "binary", "p",
				     "machine", "m", "job", "j", "shard", "1/1");

	FUZZ_CHECK(identity);
	error[0] = '\0';
	return matrix_store_open(store, fuzz_dir_path, identity, true, false, error, error_size);
}

/* How often the finished cell stands in the journal, all of whose lines are objects with a cell. */
static size_t count_finished(void)
{
	FILE *in = fopen(fuzz_dir_name("journal"), "re");
	char *line = NULL;
	size_t size = 0, n = 0;
	ssize_t length;

	FUZZ_CHECK(in);
	while ((length = getline(&line, &size, in)) > 0) {
		json_t *entry = json_loads(line, 0, NULL);
		const char *cell = json_string_value(json_object_get(entry, "cell"));

		FUZZ_CHECK(line[length - 1] == '\n' && cell);
		n += !strcmp(cell, CELL);
		json_decref(entry);
	}
	free(line);
	fclose(in);
	return n;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static const char result[] = "{\"failed\": false, \"reason\": \"\", \"seconds\": 1.5}";
	struct matrix_store store;
	char error[512];

	if (fuzz_dir_make()) {
		fuzz_dir_folder("cells");
		fuzz_dir_folder("cells/" CELL);
		fuzz_dir_fill("cells/" CELL "/result.json", result, sizeof(result) - 1);
	}
	fuzz_dir_two("matrix.json", "journal", data, size);
	if (store_resume(&store, error, sizeof(error))) {
		FUZZ_CHECK(error[0]);
		matrix_store_close(&store);
		return 0;
	}
	FUZZ_CHECK(store.n_recovered <= 1 && count_finished() >= 1);
	matrix_store_close(&store);
	FUZZ_CHECK(!store_resume(&store, error, sizeof(error)) && store.n_recovered == 0);
	matrix_store_close(&store);
	return 0;
}
