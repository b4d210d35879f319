/* SPDX-License-Identifier: MIT */
/* reference.c - reading what scripts/go-reference has recorded. */
#include "goref/reference.h"

#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "report/csv_rows.h"

/* The numbers of a row, in the struct's order. */
static const char *const reference_columns[] = {
	"source",
	"scenario",
	"stage_qps",
	"gogc",
	"capacity",
	"rep",
	"count",
	"p50_us",
	"p90_us",
	"p99_us",
	"max_us",
	"censored",
	"garbage_b_per_op",
	"ops",
	"achieved_qps",
	"gc_cycles",
	"gc_interval_p50_us",
	"gc_interval_max_us",
	"deaths_in_mark",
	"cycles3plus",
	"markdeath_cycles1",
	"migration_p50_us",
	"migration_writes_min",
	"migration_writes_max",
	"migration_writes_p50",
	"pause_total_ns",
	"pause_max_ns",
	"heap_alloc",
	"next_gc",
	"u_ks",
	"u_n",
};
enum {
	REFERENCE_N_TEXTS = 3,
	REFERENCE_N_COLUMNS = sizeof(reference_columns) / sizeof(reference_columns[0]),
};
_Static_assert(offsetof(struct reference_stage, u_n) - offsetof(struct reference_stage, gogc) ==
		       (REFERENCE_N_COLUMNS - REFERENCE_N_TEXTS - 1) * sizeof(double),
	       "one number per column");

/* Up to here a double counts exactly. */
#define REFERENCE_MAX_COUNT 9007199254740992.0

struct reference_reader {
	struct reference *ref;
	char problem[CSV_ROWS_PROBLEM_BYTES];
};

/* 0 or more; empty: NaN. */
static bool reference_number(const char *text, double *out)
{
	*out = NAN;
	if (*text == '\0')
		return true;
	return csv_rows_number(text, out) && *out >= 0 && *out <= REFERENCE_MAX_COUNT;
}

/* Scenario and rate are parts of names of files. */
static bool reference_is_word(const char *text)
{
	const size_t length = strlen(text);

	return length > 0 && length < sizeof(((struct reference_stage *)0)->scenario) &&
	       strspn(text, "abcdefghijklmnopqrstuvwxyz_0123456789") == length;
}

static bool reference_is_rate(const char *text)
{
	uint64_t rate;

	return strcmp(text, "unthrottled") == 0 ||
	       (reference_is_word(text) && csv_rows_count(text, &rate) && rate > 0);
}

static const char *reference_texts(struct reference_reader *r, const char *const *fields,
				   struct reference_stage *s)
{
	if (strcmp(fields[0], "go") != 0 && strcmp(fields[0], "go-runtime") != 0)
		return csv_rows_problem(r->problem, "source", fields[0], "go or go-runtime");
	if (!reference_is_word(fields[1]))
		return csv_rows_problem(r->problem, "scenario", fields[1],
					"1 to 15 small letters, digits and _");
	if (!reference_is_rate(fields[2]))
		return csv_rows_problem(r->problem, "stage_qps", fields[2],
					"unthrottled, or operations per second, from 1 on");
	snprintf(s->source, sizeof(s->source), "%s", fields[0]);
	snprintf(s->scenario, sizeof(s->scenario), "%s", fields[1]);
	snprintf(s->rate, sizeof(s->rate), "%s", fields[2]);
	return NULL;
}

/* What every stage has; the others may be empty. */
static const char *reference_check(struct reference_reader *r, const char *const *fields,
				   const struct reference_stage *s)
{
	static const size_t whole[] = {3, 4, 5, 6};
	const double *numbers = &s->gogc;

	for (size_t i = 0; i < sizeof(whole) / sizeof(whole[0]); i++) {
		const double number = numbers[whole[i] - REFERENCE_N_TEXTS];
		/* Only the count of lifetimes may be none. */
		const double min = whole[i] == 6 ? 0 : 1;

		if (!(number >= min) || number != floor(number))
			return csv_rows_problem(
				r->problem, reference_columns[whole[i]], fields[whole[i]],
				min > 0 ? "a whole number from 1 on" : "a whole number from 0 on");
	}
	return NULL;
}

static const char *reference_row(void *ctx, const char *const *fields)
{
	struct reference_reader *r = ctx;
	struct reference *ref = r->ref;
	struct reference_stage *s;
	const char *problem;
	double *numbers;

	if (ref->n == ref->max) {
		const size_t max = ref->max ? 2 * ref->max : 128;

		s = realloc(ref->stages, max * sizeof(*s));
		if (!s)
			return "out of memory";
		ref->stages = s;
		ref->max = max;
	}
	s = &ref->stages[ref->n];
	problem = reference_texts(r, fields, s);
	if (problem)
		return problem;
	numbers = &s->gogc;
	for (size_t i = REFERENCE_N_TEXTS; i < REFERENCE_N_COLUMNS; i++)
		if (!reference_number(fields[i], &numbers[i - REFERENCE_N_TEXTS]))
			return csv_rows_problem(r->problem, reference_columns[i], fields[i],
						"a number from 0 to 2^53, or empty");
	problem = reference_check(r, fields, s);
	if (problem)
		return problem;
	ref->n++;
	return NULL;
}

int reference_read(struct reference *ref, const char *dir, char *message, size_t message_size)
{
	struct reference_reader r = {.ref = ref};
	char path[4096];
	int error;

	*ref = (struct reference){.dir = dir};
	snprintf(path, sizeof(path), "%.4000s/stages.csv", dir);
	error = csv_rows_read(path, reference_columns, REFERENCE_N_COLUMNS, reference_row, &r,
			      message, message_size);
	if (error < 0)
		return error;
	if (ref->n == 0) {
		snprintf(message, message_size,
			 "%.400s: holds no stage; scripts/go-reference writes it", path);
		return -EINVAL;
	}
	return 0;
}

void reference_fini(struct reference *ref)
{
	free(ref->stages);
}

bool reference_is_runtime(const struct reference_stage *s)
{
	return strcmp(s->source, "go-runtime") == 0;
}

bool reference_is_paced(const struct reference_stage *s)
{
	return strcmp(s->rate, "unthrottled") != 0;
}

const struct reference_stage *reference_partner(const struct reference *ref,
						const struct reference_stage *s)
{
	for (size_t i = 0; i < ref->n; i++) {
		const struct reference_stage *other = &ref->stages[i];

		if (strcmp(other->source, s->source) != 0 &&
		    strcmp(other->scenario, s->scenario) == 0 &&
		    strcmp(other->rate, s->rate) == 0 && other->gogc == s->gogc &&
		    other->keys == s->keys && other->rep == s->rep)
			return other;
	}
	return NULL;
}

/* ---------------------------------------------------------------- lifetimes */

struct reference_ratios {
	double interval_us;
	double **values;
	size_t *n, max;
	char problem[CSV_ROWS_PROBLEM_BYTES];
};

static const char *reference_lifetime(void *ctx, const char *const *fields)
{
	struct reference_ratios *r = ctx;
	double us;

	if (!reference_number(fields[0], &us) || isnan(us))
		return csv_rows_problem(r->problem, "latency_us", fields[0],
					"a number from 0 to 2^53");
	if (*r->n == r->max) {
		r->max = 2 * r->max + 1024;
		double *grown = realloc(*r->values, r->max * sizeof(**r->values));

		if (!grown)
			return "out of memory";
		*r->values = grown;
	}
	(*r->values)[(*r->n)++] = us / r->interval_us;
	return NULL;
}

int reference_ratios(const struct reference *ref, const struct reference_stage *s, double **values,
		     size_t *n, char *message, size_t message_size)
{
	static const char *const columns[] = {"latency_us"};
	struct reference_ratios r = {
		.interval_us = s->interval_us, .values = values, .n = n, .max = *n};
	char path[4096];
	int error;

	if (!(s->interval_us > 0))
		return 0;
	snprintf(path, sizeof(path), "%.3800s/lifetimes/%s-%s-%s-%.0f-%.0f-%.0f.csv", ref->dir,
		 s->source, s->scenario, reference_is_paced(s) ? s->rate : "max", s->gogc, s->keys,
		 s->rep);
	error = csv_rows_read(path, columns, 1, reference_lifetime, &r, message, message_size);
	return error < 0 ? error : 0;
}

static int reference_compare(const void *a, const void *b)
{
	const double x = *(const double *)a, y = *(const double *)b;

	return (x > y) - (x < y);
}

double reference_ks(double *a, size_t n_a, double *b, size_t n_b)
{
	double distance = 0;
	size_t i = 0, k = 0;

	if (n_a == 0 || n_b == 0)
		return NAN;
	qsort(a, n_a, sizeof(*a), reference_compare);
	qsort(b, n_b, sizeof(*b), reference_compare);
	while (i < n_a && k < n_b) {
		const double x = a[i] < b[k] ? a[i] : b[k];

		while (i < n_a && a[i] <= x)
			i++;
		while (k < n_b && b[k] <= x)
			k++;
		const double d = fabs((double)i / (double)n_a - (double)k / (double)n_b);

		distance = d > distance ? d : distance;
	}
	return distance;
}
