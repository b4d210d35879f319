/* SPDX-License-Identifier: MIT */
/* fuzz_histfile.c - bytes as a histograms.csv: refused with a text, or histograms whose bins ascend. */
#include "tests/fuzz/fuzz.h"

#include "report/histfile.h"

static struct fuzz_file file;

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct histfile h;
	char why[512] = "";

	/* 1: a torn last line was left out. */
	if (histfile_read(fuzz_file_fill(&file, data, size), &h, why, sizeof(why)) < 0) {
		FUZZ_CHECK(why[0]);
		return 0;
	}
	for (size_t i = 0; i < h.n_rows; i++) {
		const struct histfile_row *row = &h.rows[i];

		FUZZ_CHECK(row->strategy && row->kind && row->unit);
		for (size_t k = 1; k < row->n_bins; k++)
			FUZZ_CHECK(row->bins[k - 1].low < row->bins[k].low);
	}
	histfile_free(&h);
	return 0;
}
