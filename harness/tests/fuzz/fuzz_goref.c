/* SPDX-License-Identifier: MIT */
/* fuzz_goref.c - bytes, up to a NUL, as the stages.csv of a recording of Go's runtime, and what is behind it as lifetimes
 * of a stage: refused with file and text, or stages and ratios within their bounds. */
#include "tests/fuzz/fuzz_dir.h"

#include <math.h>

#include "goref/reference.h"

/* The stage whose lifetimes are there. */
static const struct reference_stage stage = {.source = "go",
					     .scenario = "value_delete",
					     .rate = "1000",
					     .gogc = 100,
					     .keys = 1024,
					     .rep = 1,
					     .interval_us = 20};

static void check_stage(const struct reference *ref, const struct reference_stage *s)
{
	const struct reference_stage *partner = reference_partner(ref, s);

	FUZZ_CHECK(s->scenario[0] && !strchr(s->scenario, '/') && !strchr(s->rate, '/'));
	FUZZ_CHECK(s->keys >= 1 && s->keys == floor(s->keys) && s->rep >= 1 && s->gogc >= 1);
	for (const double *number = &s->gogc; number <= &s->u_n; number++)
		FUZZ_CHECK(isnan(*number) || (*number >= 0 && *number <= 0x1p53));
	FUZZ_CHECK(!partner || reference_is_runtime(partner) != reference_is_runtime(s));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	char message[512] = "";
	struct reference ref;
	double *values = NULL;
	size_t n = 0;

	if (fuzz_dir_make())
		fuzz_dir_folder("lifetimes");
	fuzz_dir_two("stages.csv", "lifetimes/go-value_delete-1000-100-1024-1.csv", data, size);
	if (reference_read(&ref, fuzz_dir_path, message, sizeof(message))) {
		FUZZ_CHECK(message[0]);
	} else {
		FUZZ_CHECK(ref.n > 0);
		for (size_t i = 0; i < ref.n; i++)
			check_stage(&ref, &ref.stages[i]);
	}
	message[0] = '\0';
	if (reference_ratios(&ref, &stage, &values, &n, message, sizeof(message)))
		FUZZ_CHECK(message[0]);
	for (size_t i = 0; i < n; i++)
		FUZZ_CHECK(isfinite(values[i]) && values[i] >= 0);
	free(values);
	reference_fini(&ref);
	return 0;
}
