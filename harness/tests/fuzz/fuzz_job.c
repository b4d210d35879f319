/* SPDX-License-Identifier: MIT */
/* fuzz_job.c - bytes as a matrix's job file: refused with a place and a text, or cells that can be asked for. */
#include "tests/fuzz/fuzz.h"

#include "run/config.h"
#include "run/matrix_job.h"

static struct fuzz_file file;

static void job_look(const struct matrix_job *job, const struct matrix_cell *cell)
{
	char *text = matrix_cell_text(job, cell);

	FUZZ_CHECK(text);
	FUZZ_CHECK(strlen(cell->id) == MATRIX_ID_BYTES - 1);
	FUZZ_CHECK(cell->n_reps >= 1 && cell->n_reps <= MATRIX_MAX_REPS);
	FUZZ_CHECK(matrix_cell_get(job, cell, "strategy"));
	free(text);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct matrix_job job;
	char error[512] = "";
	const int err = matrix_job_read(&job, fuzz_file_fill(&file, data, size), run_options, error,
					sizeof(error));

	if (err)
		FUZZ_CHECK(error[0] && strlen(error) < sizeof(error));
	else
		FUZZ_CHECK(job.n_cells <= MATRIX_MAX_CELLS);
	for (size_t i = 0; !err && i < job.n_cells && i < 16; i++)
		job_look(&job, &job.cells[i]);
	matrix_job_fini(&job);
	return 0;
}
