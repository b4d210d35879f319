/* SPDX-License-Identifier: MIT */
/* fuzz_timeline.c - bytes as a timeline.csv: refused with a text, or samples whose numbers are numbers and whose times
 * do not fall within a repetition, of which the export makes well-formed JSON. */
#include "tests/fuzz/fuzz_dir.h"

#include <jansson.h>
#include <math.h>

#include "report/export.h"
#include "report/timeline.h"

struct seen {
	size_t n;
	uint64_t time_ns;
};

static const char *seen_row(void *ctx, const struct timeline_row *row)
{
	struct seen *seen = ctx;

	FUZZ_CHECK(row->run_id && row->cell_id && row->strategy && row->options && row->stage);
	FUZZ_CHECK(isnan(row->ops_per_s) || (isfinite(row->ops_per_s) && row->ops_per_s >= 0));
	FUZZ_CHECK(row->begins || (seen->n && row->time_ns >= seen->time_ns));
	seen->n++;
	seen->time_ns = row->time_ns;
	return NULL;
}

/* What the export makes of the same bytes. */
static void check_export(bool is_good)
{
	char error[512] = "", *text = NULL;
	size_t size;
	FILE *out = open_memstream(&text, &size);
	json_t *root;
	int rc;

	FUZZ_CHECK(out);
	rc = export_trace(out, fuzz_dir_path, error, sizeof(error));
	FUZZ_CHECK(!fclose(out));
	FUZZ_CHECK((rc == 0) == is_good && (rc == 0) == !error[0]);
	root = rc ? NULL : json_loadb(text, size, 0, NULL);
	FUZZ_CHECK(rc || root);
	json_decref(root);
	free(text);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct seen seen = {0};
	char why[512] = "";
	int rc;

	fuzz_dir_make();
	fuzz_dir_fill("timeline.csv", data, size);
	/* 1: a torn last line was left out. */
	rc = timeline_read(fuzz_dir_name("timeline.csv"), seen_row, &seen, why, sizeof(why));
	FUZZ_CHECK((rc < 0) == !!why[0]);
	check_export(rc >= 0);
	return 0;
}
