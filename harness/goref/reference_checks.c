/* SPDX-License-Identifier: MIT */
/* reference_checks.c - what model and runtime must agree in, as a table. */
#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "goref/ghost.h"
#include "goref/model.h"
#include "goref/reference.h"

enum {
	CHECK_MIN_CYCLES = 4, /* three intervals between ends of marking */
	CHECK_MIN_SPREAD = 5, /* repetitions from which the runtime's own spread is taken */
	CHECK_SMALL_KEYS = 1024,
	CHECK_LARGE_KEYS = 65536,
	CHECK_MAX_REPS = 64,
};

struct check_table {
	const struct reference *ref;
	FILE *out;
	unsigned n_failed;
	char *message;
	size_t message_size;
	int error;
};

/* NaN: not measured. */
static void check_line(struct check_table *t, const char *what, const char *must, double value,
		       double limit, const char *unit, const char *detail)
{
	const bool is_measured = !isnan(value);
	const bool holds = is_measured && value <= limit;

	if (is_measured && !holds)
		t->n_failed++;
	fprintf(t->out, "  %-58s %-10s ", what, must);
	if (is_measured)
		fprintf(t->out, "%9.3g %-2s  %-13s %s\n", value, unit,
			holds ? "holds" : "DOES NOT HOLD", detail);
	else
		fprintf(t->out, "%9s %-2s  %-13s %s\n", "-", "", "not measured", detail);
}

static bool check_is_same_load(const struct reference_stage *a, const struct reference_stage *b)
{
	return strcmp(a->scenario, b->scenario) == 0 && strcmp(a->rate, b->rate) == 0 &&
	       a->gogc == b->gogc && a->keys == b->keys;
}

static bool check_is_used(const struct reference_stage *s, double keys)
{
	return strcmp(s->scenario, "value_delete") == 0 && reference_is_paced(s) && s->keys == keys;
}

static int check_compare(const void *a, const void *b)
{
	const double x = *(const double *)a, y = *(const double *)b;

	return (x > y) - (x < y);
}

/* The median over the repetitions of one source's intervals under a load; *spread: (max - min) / median. */
static double check_interval(const struct reference *ref, const struct reference_stage *like,
			     bool is_runtime, double *spread, size_t *n)
{
	double us[CHECK_MAX_REPS];

	*n = 0;
	for (size_t i = 0; i < ref->n && *n < CHECK_MAX_REPS; i++) {
		const struct reference_stage *s = &ref->stages[i];

		if (reference_is_runtime(s) == is_runtime && check_is_same_load(s, like) &&
		    s->n_cycles >= CHECK_MIN_CYCLES && s->interval_us > 0)
			us[(*n)++] = s->interval_us;
	}
	if (*n == 0)
		return NAN;
	qsort(us, *n, sizeof(*us), check_compare);
	*spread = (us[*n - 1] - us[0]) / us[*n / 2];
	return *n % 2 ? us[*n / 2] : (us[*n / 2 - 1] + us[*n / 2]) / 2;
}

/* T, the worst load.  The runtime's own spread widens the limit of the large map. */
static void check_intervals(struct check_table *t, double keys, double limit)
{
	double worst = NAN, worst_limit = limit, sum = 0;
	char what[96], must[32], detail[160] = "";
	unsigned n = 0;

	for (size_t i = 0; i < t->ref->n; i++) {
		const struct reference_stage *s = &t->ref->stages[i];
		double spread_runtime, spread_model, allowed = limit;
		size_t n_runtime, n_model;

		if (!check_is_used(s, keys) || !reference_is_runtime(s) || s->rep > 1)
			continue;
		const double runtime = check_interval(t->ref, s, true, &spread_runtime, &n_runtime);
		const double model = check_interval(t->ref, s, false, &spread_model, &n_model);

		if (isnan(runtime) || isnan(model))
			continue;
		const double off = fabs(model / runtime - 1);

		if (keys > CHECK_SMALL_KEYS && n_runtime >= CHECK_MIN_SPREAD &&
		    spread_runtime > allowed)
			allowed = spread_runtime;
		n++;
		sum += off;
		if (isnan(worst) || off / allowed > worst / worst_limit) {
			worst = off;
			worst_limit = allowed;
			snprintf(detail, sizeof(detail),
				 "worst: rate %s, GOGC %.0f: %.4g ms, runtime %.4g ms", s->rate,
				 s->gogc, model / 1e3, runtime / 1e3);
		}
	}
	snprintf(what, sizeof(what), "T, model against runtime, %.0f keys, worst of %u loads", keys,
		 n);
	snprintf(must, sizeof(must), "<= %.3g %%", 100 * worst_limit);
	check_line(t, what, must, 100 * worst, 100 * worst_limit, "%", detail);
	if (n)
		fprintf(t->out, "  %-58s %-10s %9.3g %%\n", "  the same, mean of the loads", "",
			100 * sum / n);
}

/* L / T of all stages with this rate and size, of one source. */
static size_t check_ratios(struct check_table *t, const char *rate, double keys, bool is_runtime,
			   double **values)
{
	size_t n = 0;

	*values = NULL;
	for (size_t i = 0; i < t->ref->n && !t->error; i++) {
		const struct reference_stage *s = &t->ref->stages[i];

		if (check_is_used(s, keys) && strcmp(s->rate, rate) == 0 &&
		    s->n_cycles >= CHECK_MIN_CYCLES && reference_is_runtime(s) == is_runtime &&
		    reference_partner(t->ref, s))
			t->error = reference_ratios(t->ref, s, values, &n, t->message,
						    t->message_size);
	}
	return n;
}

static void check_distributions(struct check_table *t)
{
	static const char *const rates[] = {"1000", "5000", "10000"};
	static const double sizes[] = {CHECK_SMALL_KEYS, CHECK_LARGE_KEYS};
	char detail[160] = "";
	double worst = NAN;

	for (size_t i = 0; i < 6 && !t->error; i++) {
		double *model, *runtime;
		const size_t n_runtime =
			check_ratios(t, rates[i % 3], sizes[i / 3], true, &runtime);
		const size_t n_model = check_ratios(t, rates[i % 3], sizes[i / 3], false, &model);
		const double ks = reference_ks(model, n_model, runtime, n_runtime);

		if (!isnan(ks) && (isnan(worst) || ks > worst)) {
			worst = ks;
			snprintf(detail, sizeof(detail),
				 "worst: rate %s, %.0f keys (%zu and %zu lifetimes)", rates[i % 3],
				 sizes[i / 3], n_model, n_runtime);
		}
		free(model);
		free(runtime);
	}
	check_line(t, "KS distance of L/T, model against runtime, value_delete", "<= 0.08", worst,
		   0.08, "", detail);
}

static void check_law(struct check_table *t)
{
	double worst = NAN, same_cycle = NAN, over_two = NAN, in_mark = 0, n = 0;
	double runtime_same = 0, runtime_over = 0;
	char detail[160] = "";

	for (size_t i = 0; i < t->ref->n; i++) {
		const struct reference_stage *s = &t->ref->stages[i];

		if (reference_is_runtime(s)) {
			runtime_same += s->n_mark_same_cycle;
			runtime_over += s->n_three_cycles;
			continue;
		}
		same_cycle = (isnan(same_cycle) ? 0 : same_cycle) + s->n_mark_same_cycle;
		over_two = (isnan(over_two) ? 0 : over_two) + s->n_three_cycles;
		in_mark += s->n_in_mark;
		n += s->n;
		if (strcmp(s->scenario, "value_delete") != 0 || !reference_is_paced(s) ||
		    s->n_cycles < CHECK_MIN_CYCLES || isnan(s->u_ks) ||
		    (!isnan(worst) && s->u_ks <= worst))
			continue;
		worst = s->u_ks;
		snprintf(detail, sizeof(detail),
			 "worst: rate %s, GOGC %.0f, %.0f keys (%.0f lifetimes)", s->rate, s->gogc,
			 s->keys, s->u_n);
	}
	check_line(t, "KS distance of U to the uniform law, model, value_delete", "<= 0.05", worst,
		   0.05, "", detail);
	snprintf(detail, sizeof(detail), "%.0f of %.0f died in marking; runtime %.0f", in_mark, n,
		 runtime_same);
	check_line(t, "objects dead in marking and freed in that cycle", "0", same_cycle, 0, "",
		   detail);
	snprintf(detail, sizeof(detail), "runtime %.0f", runtime_over);
	check_line(t, "lifetimes over two ends of marking", "0", over_two, 0, "", detail);
}

static void check_growth(struct check_table *t)
{
	static const double sizes[] = {CHECK_SMALL_KEYS, CHECK_LARGE_KEYS};

	for (size_t k = 0; k < 2; k++) {
		const double expected = ldexp(1, (int)model_old_b((uint64_t)sizes[k])) * log(2);
		double writes[CHECK_MAX_REPS] = {0};
		char detail[160], what[96];
		size_t n = 0;

		for (size_t i = 0; i < t->ref->n && n < CHECK_MAX_REPS; i++) {
			const struct reference_stage *s = &t->ref->stages[i];

			if (!reference_is_runtime(s) && s->keys == sizes[k] && s->growth_writes > 0)
				writes[n++] = s->growth_writes;
		}
		qsort(writes, n, sizeof(*writes), check_compare);
		snprintf(detail, sizeof(detail), "median %.0f writes, N ln 2 = %.1f",
			 n ? writes[n / 2] : 0, expected);
		snprintf(what, sizeof(what), "growth window of %.0f old buckets, against N ln 2",
			 expected / log(2));
		check_line(t, what, "<= 5 %", n ? 100 * fabs(writes[n / 2] / expected - 1) : NAN, 5,
			   "%", n ? detail : "");
	}
}

/* The runtime's figures: ghost.csv, heap in use above the empty program. */
static void check_ghosts(struct check_table *t, const struct clock *clock)
{
	static const struct {
		uint64_t n_keys;
		double runtime_percent;
	} sizes[] = {{CHECK_SMALL_KEYS, 100.0 * (64472.0 / 41296 - 1)},
		     {CHECK_LARGE_KEYS, 100.0 * (3961448.0 / 2516064 - 1)}};

	for (size_t i = 0; i < 2 && !t->error; i++) {
		char what[96], detail[160];
		struct ghost_result g;

		t->error =
			ghost_measure(&g, sizes[i].n_keys, 1, clock, t->message, t->message_size);
		if (t->error)
			return;
		const double percent = 100 * ((double)g.stopped_bytes / (double)g.ended_bytes - 1);

		snprintf(what, sizeof(what), "stopped growth of %llu keys, against the runtime's",
			 (unsigned long long)sizes[i].n_keys);
		snprintf(detail, sizeof(detail), "%+.1f %%, runtime %+.1f %% of the final size",
			 percent, sizes[i].runtime_percent);
		check_line(t, what, "<= 5 pts", fabs(percent - sizes[i].runtime_percent), 5, "",
			   detail);
	}
}

static void check_pins(struct check_table *t, const struct clock *clock)
{
	struct pin_result iterated, plain;
	char detail[160];

	if (!t->error)
		t->error = pin_measure(&iterated, CHECK_LARGE_KEYS, true, 1, clock, t->message,
				       t->message_size);
	if (!t->error)
		t->error = pin_measure(&plain, CHECK_LARGE_KEYS, false, 1, clock, t->message,
				       t->message_size);
	if (t->error)
		return;
	snprintf(detail, sizeof(detail), "%llu of %llu; not iterated: %llu",
		 (unsigned long long)iterated.n_freed_growing,
		 (unsigned long long)iterated.n_deleted, (unsigned long long)plain.n_freed_growing);
	check_line(t, "values freed from an iterated map that still grows", "0 %",
		   100 * (double)iterated.n_freed_growing / (double)iterated.n_deleted, 0, "%",
		   detail);
	snprintf(detail, sizeof(detail), "%llu of %llu freed",
		 (unsigned long long)iterated.n_freed_after,
		 (unsigned long long)iterated.n_deleted);
	check_line(t, "values still held once the growth has ended", "0 %",
		   100 - 100 * (double)iterated.n_freed_after / (double)iterated.n_deleted, 0, "%",
		   detail);
}

int reference_checks(const struct reference *ref, FILE *out, char *message, size_t message_size)
{
	struct check_table t = {
		.ref = ref, .out = out, .message = message, .message_size = message_size};
	struct clock clock;

	clock_init(&clock, false);
	fprintf(out, "  %-58s %-10s %9s\n", "check", "must", "measured");
	check_intervals(&t, CHECK_SMALL_KEYS, 0.10);
	check_intervals(&t, CHECK_LARGE_KEYS, 0.15);
	check_distributions(&t);
	check_law(&t);
	check_growth(&t);
	check_ghosts(&t, &clock);
	check_pins(&t, &clock);
	return t.error ? t.error : (int)t.n_failed;
}
