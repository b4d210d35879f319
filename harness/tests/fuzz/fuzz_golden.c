/* SPDX-License-Identifier: MIT */
/* fuzz_golden.c - bytes as a recording of Go's map: refused with file and line, or replayed; hashes are the
 * recording's, so any chain and any growth can be asked for. */
#include "tests/fuzz/fuzz.h"

#include "run/verify_go.h"

static struct fuzz_file file;

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct verify_go_result result;
	char message[512] = "";

	if (verify_go(fuzz_file_fill(&file, data, size), &result, message, sizeof(message)))
		FUZZ_CHECK(message[0]);
	else
		FUZZ_CHECK(result.n_agreed <= result.n_operations &&
			   (result.n_agreed == result.n_operations) == !result.difference[0]);
	return 0;
}
