/* SPDX-License-Identifier: MIT */
/* compare_load.c - picks the rows that take part and sorts them into samples. */
#include <errno.h>
#include <fnmatch.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "report/compare_internal.h"

/* A table of the output has one of each of these. */
static const enum table_column head_columns[] = {
	COL_metric, COL_stat, COL_object, COL_phase, COL_role, COL_table_state,
};

/* A row of it has one of each of these.  Not in it: what is measured or differs by repetition (seed,
 * stage_s), and what follows from the rest (offered_ops_per_s from stage). */
static const enum table_column setting_columns[] = {
	COL_cell_id, COL_scenario, COL_strategy, COL_options,	  COL_threads,
	COL_keys,    COL_mix,	   COL_dist,	 COL_value_bytes, COL_garbage_bytes,
	COL_unlink,  COL_alloc,	   COL_arrival,	 COL_trace,	  COL_stage,
};

#define N_OF(array) (sizeof(array) / sizeof((array)[0]))
#define KEY_BYTES 4096

/* Columns that cannot be part of the setting when the variants differ in `by`. */
static bool compare_follows(int by, enum table_column column)
{
	if (by < 0)
		return false;
	return (int)column == by || column == COL_cell_id ||
	       (by == COL_strategy && column == COL_options);
}

/* Texts joined by a character that no sane field holds; a field that does hold it only risks that two
 * groups are taken for one, and then the repetitions show up twice and are refused. */
static uint32_t compare_key(struct intern *texts, const struct table *t, size_t row,
			    const enum table_column *columns, size_t n, int by)
{
	char key[KEY_BYTES];
	size_t used = 0;

	for (size_t i = 0; i < n; i++) {
		const char *text =
			compare_follows(by, columns[i]) ? "" : table_text(t, row, columns[i]);
		const size_t length = strlen(text);

		if (used + length + 1 > sizeof(key))
			return INTERN_NONE;
		stpcpy(key + used, text);
		used += length;
		key[used++] = '\x1f';
	}
	return intern_add(texts, key, used);
}

/* One of the globs in a comma list matches "METRIC" or "METRIC:STAT". */
static bool compare_metric_matches(const char *globs, const char *metric, const char *stat)
{
	char glob[128];
	char both[256];

	if (!globs)
		return true;
	snprintf(both, sizeof(both), "%s:%s", metric, stat);
	while (*globs) {
		const size_t length = strcspn(globs, ",");

		snprintf(glob, sizeof(glob), "%.*s", (int)length, globs);
		if (!fnmatch(glob, metric, 0) || !fnmatch(glob, both, 0))
			return true;
		globs += length + (globs[length] == ',');
	}
	return false;
}

/* What `table` shows of a metric that has many rows: they share alpha, and few repetitions cannot pay for
 * lifetimes of each class and phase. */
static bool compare_is_total(const struct table *t, size_t row)
{
	const char *state = table_text(t, row, COL_table_state);

	return strcmp(table_text(t, row, COL_metric), "lifetime") ||
	       (!strcmp(table_text(t, row, COL_phase), "total") &&
		!strcmp(table_text(t, row, COL_object), "all") &&
		(!*state || !strcmp(state, "all")));
}

/* All of COLUMN=GLOB,.. hold; 0 or 1, or -EINVAL for an unknown column. */
static int compare_where_holds(const char *where, const struct table *t, size_t row, char *message,
			       size_t message_size)
{
	char glob[256];

	while (where && *where) {
		const size_t length = strcspn(where, ",");

		snprintf(glob, sizeof(glob), "%.*s", (int)length, where);
		char *value = strchr(glob, '=');

		if (value)
			*value++ = '\0';
		const int column = table_column_find(glob);

		if (!value || column < 0) {
			snprintf(message, message_size,
				 "--where=%s: '%s' is not COLUMN=TEXT with a column of the "
				 "results, e.g. "
				 "--where=stage=max,strategy=mark",
				 where, glob);
			return -EINVAL;
		}
		if (fnmatch(value, table_text(t, row, (enum table_column)column), 0))
			return 0;
		where += length + (where[length] == ',');
	}
	return 1;
}

/* The variant's name: the column's text, and for strategies their options too. */
static uint32_t compare_variant_text(struct compare_samples *s, const struct table *t, size_t row,
				     int by)
{
	char text[1024];
	const char *value = table_text(t, row, (enum table_column)by);
	const char *options = by == COL_strategy ? table_text(t, row, COL_options) : "";
	const int n = snprintf(text, sizeof(text), "%s%s%s", value, *options ? ":" : "", options);

	return intern_add(&s->texts, text, n < (int)sizeof(text) ? (size_t)n : sizeof(text) - 1);
}

static int compare_variant_number(struct compare_samples *s, uint32_t text)
{
	for (size_t i = 0; i < s->n_variants; i++) {
		if (s->variants[i] == text)
			return (int)i;
	}
	uint32_t *variants = realloc(s->variants, (s->n_variants + 1) * sizeof(*variants));

	if (!variants)
		return -ENOMEM;
	s->variants = variants;
	s->variants[s->n_variants] = text;
	return (int)s->n_variants++;
}

static int compare_add_row(struct compare_samples *s, const struct table *t, size_t row, int file,
			   const struct compare_options *options)
{
	struct compare_sample *sample = &s->all[s->n];
	const char *run_id = table_text(t, row, COL_run_id);
	int variant = file;

	if (options->by >= 0) {
		const uint32_t text = compare_variant_text(s, t, row, options->by);

		variant = text == INTERN_NONE ? -ENOMEM : compare_variant_number(s, text);
		if (variant < 0)
			return variant;
	}
	*sample = (struct compare_sample){
		.head = compare_key(&s->texts, t, row, head_columns, N_OF(head_columns), -1),
		.setting = compare_key(&s->texts, t, row, setting_columns, N_OF(setting_columns),
				       options->by),
		.variant = (uint32_t)variant,
		.run = intern_add(&s->texts, run_id, strlen(run_id)),
		.rep = table_number(t, row, COL_rep),
		.row = row,
		.table = t,
	};
	if (sample->head == INTERN_NONE || sample->setting == INTERN_NONE ||
	    sample->run == INTERN_NONE)
		return -ENOMEM;
	s->n++;
	return 0;
}

static int compare_add_table(struct compare_samples *s, const struct table *t, int file,
			     const struct compare_options *options, char *message,
			     size_t message_size)
{
	for (size_t row = 0; row < table_n_rows(t); row++) {
		const int holds =
			compare_where_holds(options->where, t, row, message, message_size);
		int err;

		if (holds < 0)
			return holds;
		if (!holds)
			continue;
		if (table_status(t, row) == STATUS_FAILED)
			s->n_failed++;
		if (isnan(table_value(t, row)))
			continue;
		if (!compare_metric_matches(options->metrics, table_text(t, row, COL_metric),
					    table_text(t, row, COL_stat)) ||
		    (options->is_short && !compare_is_total(t, row)))
			continue;
		err = compare_add_row(s, t, row, file, options);
		if (err)
			return err;
	}
	return 0;
}

/* The base is number 0: the one asked for, or the first seen. */
static int compare_choose_base(struct compare_samples *s, const struct compare_options *options,
			       char *message, size_t message_size)
{
	size_t base = 0;

	if (options->by < 0 || !options->base)
		return 0;
	while (base < s->n_variants &&
	       strcmp(intern_text(&s->texts, s->variants[base]), options->base))
		base++;
	if (base == s->n_variants) {
		int n = snprintf(message, message_size, "--base=%s: the file has", options->base);

		for (size_t i = 0; i < s->n_variants && n > 0 && (size_t)n < message_size; i++)
			n += snprintf(message + n, message_size - (size_t)n, "%s %s", i ? "," : "",
				      intern_text(&s->texts, s->variants[i]));
		return -EINVAL;
	}
	for (size_t i = 0; i < s->n; i++) {
		if (s->all[i].variant == base)
			s->all[i].variant = 0;
		else if (s->all[i].variant < base)
			s->all[i].variant++;
	}
	const uint32_t text = s->variants[base];

	memmove(s->variants + 1, s->variants, base * sizeof(*s->variants));
	s->variants[0] = text;
	return 0;
}

/* Ids grow as texts are first seen, so sorting by them keeps the order of the file. */
static int compare_sample_order(const void *left, const void *right)
{
	const struct compare_sample *x = left;
	const struct compare_sample *y = right;

	if (x->head != y->head)
		return x->head < y->head ? -1 : 1;
	if (x->setting != y->setting)
		return x->setting < y->setting ? -1 : 1;
	if (x->variant != y->variant)
		return x->variant < y->variant ? -1 : 1;
	if (x->run != y->run)
		return x->run < y->run ? -1 : 1;
	if (x->rep != y->rep)
		return x->rep < y->rep ? -1 : 1;
	return x->row < y->row ? -1 : x->row > y->row;
}

static bool compare_is_same_group(const struct compare_sample *x, const struct compare_sample *y)
{
	return x->head == y->head && x->setting == y->setting && x->variant == y->variant;
}

/* No repetition twice; one unit per group, in both files. */
static int compare_check(const struct compare_samples *s, char *message, size_t message_size)
{
	for (size_t i = 1; i < s->n; i++) {
		const struct compare_sample *x = &s->all[i - 1];
		const struct compare_sample *y = &s->all[i];

		if (compare_is_same_group(x, y) && x->run == y->run && x->rep == y->rep) {
			snprintf(message, message_size,
				 "%s:%zu: repetition %s of %s %s stands already at line %zu; a "
				 "file merged "
				 "twice, or cells that differ in no column (choose with --where)",
				 table_path(y->table), table_line(y->table, y->row),
				 table_text(y->table, y->row, COL_rep),
				 table_text(y->table, y->row, COL_metric),
				 table_text(y->table, y->row, COL_stat),
				 table_line(x->table, x->row));
			return -EINVAL;
		}
		if (x->head == y->head && strcmp(table_text(x->table, x->row, COL_unit),
						 table_text(y->table, y->row, COL_unit))) {
			snprintf(message, message_size,
				 "%s:%zu: %s %s in '%s', but in '%s' at %s:%zu",
				 table_path(y->table), table_line(y->table, y->row),
				 table_text(y->table, y->row, COL_metric),
				 table_text(y->table, y->row, COL_stat),
				 table_text(y->table, y->row, COL_unit),
				 table_text(x->table, x->row, COL_unit), table_path(x->table),
				 table_line(x->table, x->row));
			return -EINVAL;
		}
	}
	return 0;
}

static void compare_find_varying(struct compare_samples *s, int by)
{
	for (size_t i = 1; i < s->n; i++) {
		const struct compare_sample *x = &s->all[0];
		const struct compare_sample *y = &s->all[i];

		for (size_t c = 0; c < N_OF(setting_columns); c++) {
			const enum table_column column = setting_columns[c];

			if (s->varies[column] || column == COL_cell_id ||
			    compare_follows(by, column))
				continue;
			s->varies[column] = strcmp(table_text(x->table, x->row, column),
						   table_text(y->table, y->row, column)) != 0;
		}
	}
}

int compare_samples_init(struct compare_samples *s, const struct table *const tables[2],
			 const struct compare_options *options, char *message, size_t message_size)
{
	const size_t n_rows = table_n_rows(tables[0]) + (tables[1] ? table_n_rows(tables[1]) : 0);
	int err;

	memset(s, 0, sizeof(*s));
	err = intern_init(&s->texts);
	if (err)
		return err;
	s->all = calloc(n_rows + 1, sizeof(*s->all));
	if (!s->all)
		return -ENOMEM;
	for (int file = 0; file < 2 && tables[file]; file++) {
		err = compare_add_table(s, tables[file], file, options, message, message_size);
		if (err)
			return err;
	}
	if (options->by < 0)
		s->n_variants = 2;
	err = compare_choose_base(s, options, message, message_size);
	if (err)
		return err;
	if (s->n)
		qsort(s->all, s->n, sizeof(*s->all), compare_sample_order);
	compare_find_varying(s, options->by);
	return compare_check(s, message, message_size);
}

void compare_samples_fini(struct compare_samples *s)
{
	intern_fini(&s->texts);
	free(s->all);
	free(s->variants);
	memset(s, 0, sizeof(*s));
}
