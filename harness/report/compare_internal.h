/* SPDX-License-Identifier: MIT */
/* compare_internal.h - how the rows of the tables become samples (compare_load.c), for compare.c. */
#ifndef RECLAIMBENCH_COMPARE_INTERNAL_H
#define RECLAIMBENCH_COMPARE_INTERNAL_H

#include "report/compare.h"
#include "report/intern.h"

/* A row of a table that takes part. */
struct compare_sample {
	uint32_t head;	  /* table of the output: metric, stat, object, .. */
	uint32_t setting; /* row of it: cell and stage */
	uint32_t variant; /* 0 is the base */
	uint32_t run;	  /* run_id */
	double rep;
	size_t row;
	const struct table *table;
};

struct compare_samples {
	struct intern texts;	    /* heads, settings, variants and run ids by their text */
	struct compare_sample *all; /* sorted by head (as first seen), setting, variant */
	size_t n;
	uint32_t *variants; /* ids in texts, by number */
	size_t n_variants;
	bool varies[TABLE_N_COLUMNS]; /* columns in which settings differ */
	size_t n_failed;
};

/* Collect and sort.  0, -EINVAL (with message) or -ENOMEM.  Release with compare_samples_fini(). */
int compare_samples_init(struct compare_samples *s, const struct table *const tables[2],
			 const struct compare_options *options, char *message, size_t message_size)
	__attribute__((warn_unused_result));
void compare_samples_fini(struct compare_samples *s);

#endif
