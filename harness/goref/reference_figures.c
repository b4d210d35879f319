/* SPDX-License-Identifier: MIT */
/* reference_figures.c - the data of the two figures; scripts/plots/go-interval.gp and go-lifetimes.gp draw them. */
#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "goref/reference.h"

enum { FIGURE_N_STEPS = 200, FIGURE_MIN_CYCLES = 4 };

static FILE *figure_open(const struct reference *ref, const char *name, char *message,
			 size_t message_size)
{
	char path[4096];
	FILE *out;

	snprintf(path, sizeof(path), "%.4000s/%s", ref->dir, name);
	out = fopen(path, "we");
	if (!out)
		snprintf(message, message_size, "%.400s: cannot be written: %s", path,
			 strerror(errno));
	return out;
}

static int figure_close(FILE *out, char *message, size_t message_size)
{
	const bool is_bad = ferror(out);

	if (fclose(out) == 0 && !is_bad)
		return 0;
	snprintf(message, message_size, "a figure's data cannot be written");
	return -EIO;
}

/* One line per load: runtime and model interval in ms; a block per map size. */
static void figure_intervals(const struct reference *ref, double keys, bool is_paced, FILE *out)
{
	fprintf(out, "# %.0f keys, %s: runtime_ms model_ms gogc rate\n", keys,
		is_paced ? "paced" : "unthrottled");
	for (size_t i = 0; i < ref->n; i++) {
		const struct reference_stage *s = &ref->stages[i];
		const struct reference_stage *model = reference_partner(ref, s);

		if (reference_is_runtime(s) && strcmp(s->scenario, "value_delete") == 0 &&
		    s->keys == keys && reference_is_paced(s) == is_paced && model &&
		    s->n_cycles >= FIGURE_MIN_CYCLES && model->n_cycles >= FIGURE_MIN_CYCLES)
			fprintf(out, "%.6g %.6g %.0f %s\n", s->interval_us / 1e3,
				model->interval_us / 1e3, s->gogc, s->rate);
	}
	/* An empty block still counts for gnuplot's `index`. */
	fprintf(out, "NaN NaN 0 none\n\n\n");
}

/* The distribution function of L / T at regular steps, all paced value_delete stages of a source and size. */
static int figure_lifetimes(const struct reference *ref, double keys, bool is_runtime, FILE *out,
			    char *message, size_t message_size)
{
	double *values = NULL, none = 0;
	size_t n = 0, at = 0;
	int error = 0;

	for (size_t i = 0; i < ref->n && !error; i++) {
		const struct reference_stage *s = &ref->stages[i];

		if (strcmp(s->scenario, "value_delete") == 0 && reference_is_paced(s) &&
		    s->keys == keys && reference_is_runtime(s) == is_runtime &&
		    s->n_cycles >= FIGURE_MIN_CYCLES)
			error = reference_ratios(ref, s, &values, &n, message, message_size);
	}
	fprintf(out, "# %s, %.0f keys, %zu lifetimes: L/T share\n",
		is_runtime ? "go-runtime" : "go", keys, n);
	reference_ks(values, n, &none, 1); /* sorts */
	for (unsigned i = 0; i <= FIGURE_N_STEPS && !error; i++) {
		const double x = 1.5 * i / FIGURE_N_STEPS;

		while (at < n && values[at] <= x)
			at++;
		fprintf(out, "%.4f %.5f\n", x, n ? (double)at / (double)n : NAN);
	}
	fprintf(out, "\n\n");
	free(values);
	return error;
}

int reference_write_figures(const struct reference *ref, char *message, size_t message_size)
{
	FILE *out = figure_open(ref, "interval.dat", message, message_size);
	int error;

	if (!out)
		return -EIO;
	for (unsigned i = 0; i < 4; i++)
		figure_intervals(ref, i < 2 ? 1024 : 65536, i % 2 == 0, out);
	error = figure_close(out, message, message_size);
	if (error)
		return error;
	out = figure_open(ref, "lifetimes.dat", message, message_size);
	if (!out)
		return -EIO;
	for (unsigned i = 0; i < 4 && !error; i++)
		error = figure_lifetimes(ref, i < 2 ? 1024 : 65536, i % 2 == 0, out, message,
					 message_size);
	const int closed = figure_close(out, message, message_size);

	return error ? error : closed;
}
