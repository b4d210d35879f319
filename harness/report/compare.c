/* SPDX-License-Identifier: MIT */
/* compare.c - from samples to verdicts: what may be compared, tests, family-wise adjustment. */
#include "report/compare.h"

#include <errno.h>
#include <math.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include "report/compare_internal.h"
#include "report/text.h"

/* An interval from fewer repetitions says nothing about sameness. */
#define MIN_REPS_SAME 4u
/* Machines and builds in one file; more than this is no set of results of one study. */
#define MAX_ORIGINS 256u

static const char *const compare_verdict_names[COMPARE_N_VERDICTS] = {
	[COMPARE_REGRESSION] = "regression",	 [COMPARE_IMPROVEMENT] = "improvement",
	[COMPARE_DIFFERENT] = "different",	 [COMPARE_SAME] = "same",
	[COMPARE_INCONCLUSIVE] = "inconclusive", [COMPARE_TOO_FEW] = "too few",
	[COMPARE_ONE_SIDED] = "one-sided",
};

const char *compare_verdict_name(enum compare_verdict verdict)
{
	return compare_verdict_names[verdict];
}

static int compare_remark(struct comparison *c, const char *fmt, ...)
	__attribute__((format(printf, 2, 3)));
static int compare_remark(struct comparison *c, const char *fmt, ...)
{
	char **remarks = realloc(c->remarks, (c->n_remarks + 1) * sizeof(*remarks));
	va_list ap;
	int n;

	if (!remarks)
		return -ENOMEM;
	c->remarks = remarks;
	va_start(ap, fmt);
	n = vasprintf(&c->remarks[c->n_remarks], fmt, ap);
	va_end(ap);
	if (n < 0)
		return -ENOMEM;
	c->n_remarks++;
	return 0;
}

/* ---------------------------------------------------------------- may it be compared? */

struct origins {
	uint32_t ids[MAX_ORIGINS];
	size_t n;
};

static int origins_add(struct origins *o, uint32_t id)
{
	for (size_t i = 0; i < o->n; i++) {
		if (o->ids[i] == id)
			return 0;
	}
	if (o->n == MAX_ORIGINS)
		return -E2BIG;
	o->ids[o->n++] = id;
	return 0;
}

static bool origins_contain(const struct origins *o, const struct origins *other)
{
	for (size_t i = 0; i < other->n; i++) {
		bool is_there = false;

		for (size_t j = 0; j < o->n; j++)
			is_there |= o->ids[j] == other->ids[i];
		if (!is_there)
			return false;
	}
	return true;
}

/* Whether a column has the same set of texts in the base as in all variants: 1, 0, or -ENOMEM. */
static int compare_origin_is_same(struct compare_samples *s, enum table_column column)
{
	struct origins *sides = calloc(2, sizeof(*sides));
	int same = -ENOMEM;

	if (!sides)
		return -ENOMEM;
	for (size_t i = 0; i < s->n; i++) {
		const char *text = table_text(s->all[i].table, s->all[i].row, column);
		const uint32_t id = intern_add(&s->texts, text, strlen(text));

		if (id == INTERN_NONE)
			goto out;
		if (origins_add(&sides[s->all[i].variant != 0], id)) {
			same = 0;
			goto out;
		}
	}
	same = !sides[0].n || !sides[1].n ||
	       (origins_contain(&sides[0], &sides[1]) && origins_contain(&sides[1], &sides[0]));
out:
	free(sides);
	return same;
}

static int compare_check_origin(struct comparison *c, struct compare_samples *s,
				enum table_column column, const char *what, const char *option,
				bool is_allowed, char *message, size_t message_size)
{
	const int same = compare_origin_is_same(s, column);

	if (same < 0)
		return same;
	if (same)
		return 0;
	if (is_allowed)
		return compare_remark(c, "%s differs (%s); compared all the same, as asked", what,
				      table_column_name(column));
	snprintf(message, message_size,
		 "not comparable: %s differs (column %s): %s and %s; compare results of one, or "
		 "give %s",
		 what, table_column_name(column), c->base_name, c->new_name, option);
	return -EXDEV;
}

/* ---------------------------------------------------------------- rows */

static enum compare_better compare_better_of(const char *text)
{
	if (!strcmp(text, "lower"))
		return COMPARE_LOWER;
	return strcmp(text, "higher") ? COMPARE_NO_BETTER : COMPARE_HIGHER;
}

/* "strategy=mark:bits=side stage=1k": the columns that differ somewhere. */
static char *compare_label(const struct compare_samples *s, const struct compare_sample *sample)
{
	const struct table *t = sample->table;
	struct text_buffer buffer;
	FILE *f = text_open(&buffer);
	const char *blank = "";

	if (!f)
		return NULL;
	for (int column = 0; column < TABLE_N_COLUMNS; column++) {
		const char *text = table_text(t, sample->row, (enum table_column)column);

		if (!s->varies[column])
			continue;
		fprintf(f, "%s%s=%s", blank, table_column_name((enum table_column)column),
			*text ? text : "-");
		blank = " ";
	}
	return text_close(&buffer);
}

/* Values of a group, sorted.  The caller frees. */
static struct stats_obs *compare_values(const struct compare_sample *group, size_t n, bool *is_weak)
{
	struct stats_obs *values = malloc((n + 1) * sizeof(*values));

	for (size_t i = 0; values && i < n; i++) {
		const enum table_status status = table_status(group[i].table, group[i].row);

		values[i] = table_obs(group[i].table, group[i].row);
		*is_weak |= status != STATUS_OK && status != STATUS_CENSORED;
	}
	if (values)
		stats_sort(values, n);
	return values;
}

static void compare_point(struct compare_row *row, struct stats_interval interval)
{
	const double ratio = stats_ratio(row->new.value, row->base.value);

	if (row->effect == STATS_RATIO) {
		row->change = ratio - 1;
		row->change_interval = (struct stats_interval){interval.low - 1, interval.high - 1};
	} else {
		row->change = row->new.value - row->base.value;
		row->change_interval = interval;
	}
}

/* One repetition has no spread, and an interval of it would look like certainty. */
static struct stats_interval compare_interval(size_t n, struct stats_interval interval)
{
	return n < 2 ? (struct stats_interval){NAN, NAN} : interval;
}

/* The same value in all repetitions of both sides. */
static bool compare_is_constant(const struct stats_obs *a, size_t na, const struct stats_obs *b,
				size_t nb)
{
	return na && nb && a[0].value == a[na - 1].value && b[0].value == b[nb - 1].value &&
	       a[0].value == b[0].value && a[0].is_bound == a[na - 1].is_bound &&
	       b[0].is_bound == b[nb - 1].is_bound && a[0].is_bound == b[0].is_bound;
}

/* Ratios of what may be negative mean nothing: then the difference is taken. */
static int compare_measure(struct compare_row *row, const struct stats_obs *a,
			   const struct stats_obs *b, const struct compare_options *options)
{
	const double confidence = 1 - options->alpha;
	const size_t na = row->n_base;
	const size_t nb = row->n_new;
	struct stats_interval interval;
	int err;

	row->effect =
		(na && a[0].value < 0) || (nb && b[0].value < 0) ? STATS_DIFFERENCE : STATS_RATIO;
	row->base = stats_median(a, na);
	row->new = stats_median(b, nb);
	err = stats_bootstrap_median(a, na, confidence, options->n_resamples, options->seed,
				     &row->base_interval);
	if (!err)
		err = stats_bootstrap_median(b, nb, confidence, options->n_resamples, options->seed,
					     &row->new_interval);
	if (!err)
		err = stats_bootstrap(a, na, b, nb, row->effect, confidence, options->n_resamples,
				      options->seed, &interval);
	if (!err)
		err = stats_mann_whitney(a, na, b, nb, &row->test);
	if (err)
		return err;
	compare_point(row, interval);
	row->base_interval = compare_interval(na, row->base_interval);
	row->new_interval = compare_interval(nb, row->new_interval);
	row->change_interval = compare_interval(na < nb ? na : nb, row->change_interval);
	row->is_constant = compare_is_constant(a, na, b, nb);
	row->shift = stats_hodges_lehmann(a, na, b, nb);
	row->sd = stats_pooled_sd(a, na, b, nb);
	row->detectable = NAN;
	if (stats_min_p(na, nb) < options->alpha)
		row->detectable =
			stats_detectable_sd(na, nb, options->alpha, COMPARE_POWER) * row->sd;
	row->p_holm = NAN;
	return 0;
}

static int compare_fill_row(struct comparison *c, const struct compare_samples *s,
			    const struct compare_sample *base, size_t n_base,
			    const struct compare_sample *new, size_t n_new,
			    const struct compare_options *options)
{
	struct compare_row *row = &c->rows[c->n_rows];
	const struct compare_sample *any = n_base ? base : new;
	struct stats_obs *a;
	struct stats_obs *b;
	int err = -ENOMEM;

	memset(row, 0, sizeof(*row));
	row->table = c->n_tables - 1;
	row->n_base = n_base;
	row->n_new = n_new;
	row->variant = n_new ? new->variant : 0;
	a = compare_values(base, n_base, &row->is_weak);
	b = compare_values(new, n_new, &row->is_weak);
	row->label = compare_label(s, any);
	c->n_rows++; /* from here comparison_free() releases the label */
	if (a && b && row->label)
		err = compare_measure(row, a, b, options);
	free(a);
	free(b);
	return err;
}

static void compare_begin_table(struct comparison *c, const struct compare_sample *sample)
{
	const struct table *t = sample->table;
	const size_t row = sample->row;

	c->tables[c->n_tables++] = (struct compare_table){
		.key = sample->head,
		.metric = table_text(t, row, COL_metric),
		.stat = table_text(t, row, COL_stat),
		.object = table_text(t, row, COL_object),
		.phase = table_text(t, row, COL_phase),
		.role = table_text(t, row, COL_role),
		.table_state = table_text(t, row, COL_table_state),
		.unit = table_text(t, row, COL_unit),
		.better = compare_better_of(table_text(t, row, COL_better)),
		.first = c->n_rows,
	};
}

/* The rows of one setting: the base against each variant that is there. */
static int compare_setting(struct comparison *c, const struct compare_samples *s, size_t first,
			   size_t end, const struct compare_options *options)
{
	size_t base_end = first;
	int err = 0;

	while (base_end < end && s->all[base_end].variant == 0)
		base_end++;
	if (base_end == end)
		return compare_fill_row(c, s, &s->all[first], end - first, &s->all[end], 0,
					options);
	for (size_t at = base_end; at < end && !err;) {
		size_t next = at;

		while (next < end && s->all[next].variant == s->all[at].variant)
			next++;
		err = compare_fill_row(c, s, &s->all[first], base_end - first, &s->all[at],
				       next - at, options);
		at = next;
	}
	return err;
}

static int compare_all(struct comparison *c, const struct compare_samples *s,
		       const struct compare_options *options)
{
	/* Never more rows or tables than samples. */
	c->tables = calloc(s->n + 1, sizeof(*c->tables));
	c->rows = calloc(s->n + 1, sizeof(*c->rows));
	if (!c->tables || !c->rows)
		return -ENOMEM;
	for (size_t first = 0; first < s->n;) {
		size_t end = first;
		int err;

		while (end < s->n && s->all[end].head == s->all[first].head &&
		       s->all[end].setting == s->all[first].setting)
			end++;
		if (!c->n_tables || c->tables[c->n_tables - 1].key != s->all[first].head)
			compare_begin_table(c, &s->all[first]);
		err = compare_setting(c, s, first, end, options);
		if (err)
			return err;
		c->tables[c->n_tables - 1].n = c->n_rows - c->tables[c->n_tables - 1].first;
		first = end;
	}
	return 0;
}

/* ---------------------------------------------------------------- verdicts */

static bool compare_is_tested(const struct compare_row *row)
{
	return row->n_base && row->n_new;
}

/* Holm over the rows with a better direction (they decide the exit code), and apart from them over those
 * without. */
static int compare_adjust(struct comparison *c, bool has_direction, size_t *n_family)
{
	double *p = malloc((c->n_rows + 1) * sizeof(*p));
	double *adjusted = malloc((c->n_rows + 1) * sizeof(*adjusted));
	size_t n = 0;
	int err = -ENOMEM;

	if (!p || !adjusted)
		goto out;
	for (size_t pass = 0; pass < 2; pass++) {
		n = 0;
		for (size_t i = 0; i < c->n_rows; i++) {
			struct compare_row *row = &c->rows[i];

			if (!compare_is_tested(row) ||
			    (c->tables[row->table].better != COMPARE_NO_BETTER) != has_direction)
				continue;
			if (row->is_constant) { /* p is 1 whatever the labels: it costs the others nothing */
				row->p_holm = 1;
				continue;
			}
			if (pass)
				row->p_holm = adjusted[n];
			else
				p[n] = row->test.p;
			n++;
		}
		err = pass ? 0 : stats_holm(p, adjusted, n);
		if (err)
			goto out;
	}
	*n_family = n;
out:
	free(adjusted);
	free(p);
	return err;
}

static enum compare_verdict compare_decide(const struct compare_row *row,
					   enum compare_better better, size_t n_family,
					   const struct compare_options *options)
{
	const double limit = row->effect == STATS_RATIO
				     ? options->min_effect
				     : options->min_effect * fabs(row->base.value);
	const bool is_above = row->change_interval.low > limit;
	const bool is_below = row->change_interval.high < -limit;

	if (!compare_is_tested(row))
		return COMPARE_ONE_SIDED;
	if (row->p_holm < options->alpha && (is_above || is_below)) {
		if (better == COMPARE_NO_BETTER)
			return COMPARE_DIFFERENT;
		return is_above == (better == COMPARE_LOWER) ? COMPARE_REGRESSION
							     : COMPARE_IMPROVEMENT;
	}
	if (row->n_base >= MIN_REPS_SAME && row->n_new >= MIN_REPS_SAME &&
	    row->change_interval.low >= -limit && row->change_interval.high <= limit)
		return COMPARE_SAME;
	if (stats_min_p(row->n_base, row->n_new) * (double)n_family >= options->alpha)
		return COMPARE_TOO_FEW;
	return COMPARE_INCONCLUSIVE;
}

/* Said where every figure with a direction would have looked the same whatever had happened. */
static int compare_say_blind(struct comparison *c, const struct compare_options *options)
{
	double min_p = 1;
	size_t n_reps = 2;
	size_t n_figures = 0;

	for (size_t i = 0; i < c->n_rows; i++) {
		const struct compare_row *row = &c->rows[i];

		if (!compare_is_tested(row) || row->is_constant ||
		    c->tables[row->table].better == COMPARE_NO_BETTER)
			continue;
		min_p = fmin(min_p, stats_min_p(row->n_base, row->n_new));
	}
	c->is_blind = c->n_family && min_p * (double)c->n_family >= options->alpha;
	if (!c->is_blind)
		return 0;
	while (stats_min_p(n_reps, n_reps) * (double)c->n_family >= options->alpha)
		n_reps++;
	while (min_p * (double)(n_figures + 1) < options->alpha)
		n_figures++;
	if (!n_figures)
		return compare_remark(c,
				      "NOTHING CAN BE DECIDED HERE: the smallest p of so few "
				      "repetitions is %.2g, alpha is %g; a tenfold regression "
				      "would look like this too. %zu repetitions a side would do",
				      min_p, options->alpha, n_reps);
	return compare_remark(
		c,
		"NOTHING CAN BE DECIDED HERE: the smallest p of so few repetitions is "
		"%.2g, and %zu tests share alpha %g; a tenfold regression would look "
		"like this too. %zu repetitions a side would do, or at most %zu "
		"figures (--metric, --where)",
		min_p, c->n_family, options->alpha, n_reps, n_figures);
}

static int compare_judge(struct comparison *c, const struct compare_options *options)
{
	size_t n_undirected = 0;
	int err = compare_adjust(c, true, &c->n_family);

	if (!err)
		err = compare_adjust(c, false, &n_undirected);
	if (err)
		return err;
	for (size_t i = 0; i < c->n_rows; i++) {
		struct compare_row *row = &c->rows[i];
		const enum compare_better better = c->tables[row->table].better;
		const size_t n = better == COMPARE_NO_BETTER ? n_undirected : c->n_family;

		row->verdict = compare_decide(row, better, n, options);
		c->n_verdicts[row->verdict]++;
		/* A shift between bounds is none that repetitions could settle. */
		if (row->shift != 0 && !isnan(row->sd) && !row->base.is_bound && !row->new.is_bound)
			row->reps_needed = stats_reps_needed(fabs(row->shift) / row->sd,
							     options->alpha, COMPARE_POWER, n);
		if (row->effect == STATS_RATIO && row->base.value != 0)
			row->detectable /= fabs(row->base.value);
	}
	return compare_say_blind(c, options);
}

/* How bad a row is: the effect against the better direction; without one, its size. */
static double compare_badness(const struct comparison *c, const struct compare_row *row)
{
	const double effect = row->effect == STATS_RATIO ? log(row->change + 1) : row->change;

	switch (c->tables[row->table].better) {
	case COMPARE_LOWER:
		return effect;
	case COMPARE_HIGHER:
		return -effect;
	default:
		return fabs(effect);
	}
}

static int compare_row_order(const void *left, const void *right, void *user)
{
	const struct comparison *c = user;
	const struct compare_row *x = left;
	const struct compare_row *y = right;
	const double bad_x = compare_badness(c, x);
	const double bad_y = compare_badness(c, y);

	if (isnan(bad_x) != isnan(bad_y))
		return isnan(bad_x) ? 1 : -1;
	if (bad_x != bad_y && !isnan(bad_x))
		return bad_x > bad_y ? -1 : 1;
	return strcmp(x->label, y->label);
}

/* Files with other metrics or cells compare only by leave, and not at all where nothing is left to compare; failed cells
 * explain what is missing. */
static int compare_check_sets(struct comparison *c, const struct compare_options *options,
			      char *message, size_t message_size)
{
	const struct compare_row *first = NULL;
	const size_t n = c->n_verdicts[COMPARE_ONE_SIDED];

	if (n && n == c->n_rows && !c->n_failed) {
		snprintf(message, message_size,
			 "not comparable: none of %zu figures stands on both sides (%s and %s)", n,
			 c->base_name, c->new_name);
		return -EXDEV;
	}
	for (size_t i = 0; i < c->n_rows && !first; i++) {
		if (c->rows[i].verdict == COMPARE_ONE_SIDED)
			first = &c->rows[i];
	}
	if (!first || options->by >= 0)
		return 0;
	const struct compare_table *t = &c->tables[first->table];
	const char *side = first->n_base ? c->base_name : c->new_name;

	if (c->n_failed || options->allow_metrics)
		return compare_remark(
			c, "%zu figures are in one of the two files only, e.g. %s %s %s in %s", n,
			t->metric, t->stat, first->label, side);
	snprintf(message, message_size,
		 "not comparable: %zu figures are in one of the two files only, e.g. %s %s %s in "
		 "%s; compare "
		 "results of one job file, choose with --metric or --where, or give --allow-mixed",
		 n, t->metric, t->stat, *first->label ? first->label : "(one cell)", side);
	return -EXDEV;
}

static int compare_finish(struct comparison *c, const struct compare_samples *s,
			  const struct compare_options *options, char *message, size_t message_size)
{
	int err = compare_judge(c, options);

	if (err)
		return err;
	for (size_t i = 0; i < c->n_tables; i++)
		qsort_r(c->rows + c->tables[i].first, c->tables[i].n, sizeof(*c->rows),
			compare_row_order, c);
	c->n_failed = s->n_failed;
	if (c->n_failed) {
		err = compare_remark(c, "%zu failed rows: their cells are missing here",
				     c->n_failed);
		if (err)
			return err;
	}
	return compare_check_sets(c, options, message, message_size);
}

/* Variant texts live in the samples' set; keep copies that live as long as the tables do. */
static int compare_keep_variants(struct comparison *c, const struct compare_samples *s,
				 const struct table *t, const struct compare_options *options)
{
	if (options->by < 0)
		return 0;
	c->variant_names = calloc(s->n_variants + 1, sizeof(*c->variant_names));
	if (!c->variant_names)
		return -ENOMEM;
	c->n_variant_names = s->n_variants; /* what comparison_free() looks at */
	for (size_t i = 0; i < s->n_variants; i++) {
		c->variant_names[i] = strdup(intern_text(&s->texts, s->variants[i]));
		if (!c->variant_names[i])
			return -ENOMEM;
	}
	c->base_name = s->n_variants ? c->variant_names[0] : table_path(t);
	return 0;
}

int compare_tables(struct comparison *c, const struct table *const tables[2],
		   const struct compare_options *options, char *message, size_t message_size)
{
	struct compare_samples s;
	int err;

	memset(c, 0, sizeof(*c));
	snprintf(message, message_size, "out of memory");
	c->base_name = table_path(tables[0]);
	c->new_name = tables[1] ? table_path(tables[1]) : "the others";
	err = compare_samples_init(&s, tables, options, message, message_size);
	if (!err)
		err = compare_keep_variants(c, &s, tables[0], options);
	if (!err && !s.n) {
		snprintf(message, message_size, "%s: no row with a value%s", table_path(tables[0]),
			 options->metrics || options->where ? " is left by --metric and --where"
							    : "");
		err = s.n_failed ? 0 : -EINVAL;
	}
	if (!err)
		err = compare_check_origin(c, &s, COL_env_id, "the machine", "--allow-mixed",
					   options->allow_machine, message, message_size);
	if (!err)
		err = compare_check_origin(c, &s, COL_build_id, "the build",
					   "--allow-build (or --allow-mixed)", options->allow_build,
					   message, message_size);
	if (!err)
		err = compare_all(c, &s, options);
	if (!err)
		err = compare_finish(c, &s, options, message, message_size);
	compare_samples_fini(&s);
	return err;
}

void comparison_free(struct comparison *c)
{
	for (size_t i = 0; i < c->n_rows; i++)
		free(c->rows[i].label);
	for (size_t i = 0; i < c->n_variant_names; i++)
		free(c->variant_names[i]);
	for (size_t i = 0; i < c->n_remarks; i++)
		free(c->remarks[i]);
	free(c->variant_names);
	free(c->remarks);
	free(c->rows);
	free(c->tables);
	memset(c, 0, sizeof(*c));
}
