/* SPDX-License-Identifier: MIT */
/* compare.h - two files, or the variants inside one, compared metric by metric.
 *
 * A comparison is a metric and statistic of one cell and stage, in the base and in a variant; its samples
 * are the repetitions.  In a comparison of two files the variants are the files; inside one file they are
 * the texts of a column, e.g. the strategies.
 *
 * Threads: one thread throughout.  The tables must outlive the comparison: names point into them.
 */
#ifndef RECLAIMBENCH_COMPARE_H
#define RECLAIMBENCH_COMPARE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include "report/stats.h"
#include "report/table.h"

#define COMPARE_POWER 0.8 /* of the smallest detectable effect (MEASURING section 5) */

struct compare_options {
	double alpha;
	double min_effect;  /* a share: 0.05 is 5 % */
	bool allow_machine; /* compare although the machine differs */
	bool allow_build;
	bool allow_metrics;
	int by;		     /* enum table_column; -1: two files */
	const char *base;    /* by: the base's text; NULL: the first in the file */
	const char *metrics; /* globs METRIC[:STAT],..; NULL: all */
	bool is_short;	     /* of lifetimes the totals only */
	const char *where;   /* COLUMN=GLOB,..; NULL: all rows */
	size_t n_resamples;
	uint64_t seed;
};

enum compare_verdict {
	COMPARE_REGRESSION,
	COMPARE_IMPROVEMENT,
	COMPARE_DIFFERENT, /* as sure as a regression, but the metric has no better direction */
	COMPARE_SAME,	   /* the whole interval lies within min_effect */
	COMPARE_INCONCLUSIVE,
	COMPARE_TOO_FEW,   /* inconclusive, and no outcome could have reached alpha */
	COMPARE_ONE_SIDED, /* only the base, or only the variant, has values */
	COMPARE_N_VERDICTS
};

enum compare_better { COMPARE_LOWER, COMPARE_HIGHER, COMPARE_NO_BETTER };

struct compare_row {
	size_t table;	/* index into tables[] of the comparison */
	char *label;	/* what tells this row from others of its table; owned */
	size_t variant; /* by a column: what is compared with the base, in variant_names; else 1 */
	size_t n_base, n_new;				   /* repetitions with a value */
	struct stats_obs base, new;			   /* medians */
	struct stats_interval base_interval, new_interval; /* NaN of one repetition */
	enum stats_effect effect;
	double change; /* ratio - 1, or the difference; a bound when either median is one */
	/* Of the ratio - 1, or of the difference; NaN when one side has one repetition. */
	struct stats_interval change_interval;
	bool is_constant; /* one value throughout: no test could tell anything, and none is made */
	bool is_weak;	  /* a value of status weak, estimated or saturated is among them */
	struct stats_test test;
	double p_holm; /* NaN: not tested */
	double shift;  /* Hodges and Lehmann, in the unit */
	double sd;     /* within the groups, pooled; NaN: neither has two repetitions */
	/* Smallest detectable effect, a share of the base's median (or in the unit); NaN: none, as so few
	 * repetitions never reach alpha. */
	double detectable;
	size_t reps_needed; /* that would decide a shift as seen; 0: more than STATS_REPS_MAX */
	enum compare_verdict verdict;
};

/* All rows of one metric, statistic, object, phase, role and table state. */
struct compare_table {
	uint32_t key;
	const char *metric, *stat, *object, *phase, *role, *table_state, *unit;
	enum compare_better better;
	size_t first, n; /* rows[first .. first + n) */
};

struct comparison {
	struct compare_table *tables;
	size_t n_tables;
	struct compare_row *rows; /* by table; inside it the worst first */
	size_t n_rows;
	size_t n_verdicts[COMPARE_N_VERDICTS];
	size_t n_family;		  /* tests that share alpha */
	bool is_blind;			  /* no outcome of any of them could have reached it */
	size_t n_failed;		  /* failed rows in both files */
	const char *base_name, *new_name; /* files, or the base's text and "the others" */
	char **variant_names;		  /* by a column: [0] is the base */
	size_t n_variant_names;
	char **remarks; /* what the reader must know: ignored differences, failed cells */
	size_t n_remarks;
};

/* Compare.  `tables[1]` is NULL when options->by >= 0.  0; -EINVAL: unusable input (a repetition twice, another
 * unit, a base that is not there); -EXDEV: not comparable (machine, build or metric set differ, and
 * it is not allowed; or no figure stands on both sides); -ENOMEM.  On error `message` says what and what would be right.  Release with
 * comparison_free(), after an error too. */
int compare_tables(struct comparison *c, const struct table *const tables[2],
		   const struct compare_options *options, char *message, size_t message_size)
	__attribute__((warn_unused_result));
void comparison_free(struct comparison *c);

const char *compare_verdict_name(enum compare_verdict verdict);

enum compare_format { COMPARE_TEXT, COMPARE_CSV, COMPARE_MARKDOWN, COMPARE_JSON };
/* Print to a stream; colour only in text.  0 or -ENOMEM. */
int compare_print(const struct comparison *c, const struct compare_options *options,
		  enum compare_format format, bool is_colored, FILE *out);

#endif
