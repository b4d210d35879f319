/* SPDX-License-Identifier: MIT */
/* fuzz_append.c - bytes as the result file that rows are appended to: refused, and then untouched; or whole rows
 * kept, at most a torn last one cut off, and a row added that stands behind them. */
#include "tests/fuzz/fuzz.h"

#include "report/csv.h"

static struct fuzz_file file;

static const struct report_cell cell = {.run_id = "r", .strategy = "leak", .scenario = "s"};
static const struct report_stage stage = {.stage = "max", .stage_s = 1};
static const struct report_row row = {.metric = "throughput",
				      .stat = "mean",
				      .value = 1,
				      .unit = "ops/s",
				      .better = "higher",
				      .status = "ok"};

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	const char *path = fuzz_file_fill(&file, data, size);
	struct report_file *f = NULL;
	char message[512] = "";
	off_t before, after;
	char last;

	if (report_file_open(&f, path, false, message, sizeof(message))) {
		FUZZ_CHECK(message[0] && lseek(file.fd, 0, SEEK_END) == (off_t)size);
		return 0;
	}
	before = lseek(file.fd, 0, SEEK_END);
	FUZZ_CHECK(size == 0 || before <= (off_t)size);
	FUZZ_CHECK(!report_row_add(f, &cell, &stage, &row));
	FUZZ_CHECK(!report_file_flush(f));
	FUZZ_CHECK(!report_file_close(f));
	after = lseek(file.fd, 0, SEEK_END);
	FUZZ_CHECK(after > before && pread(file.fd, &last, 1, after - 1) == 1 && last == '\n');
	FUZZ_CHECK(before == 0 || (pread(file.fd, &last, 1, before - 1) == 1 && last == '\n'));
	return 0;
}
