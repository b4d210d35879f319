/* SPDX-License-Identifier: MIT */
/* reference.h - a folder of scripts/go-reference: stages of the runtime and of the model, compared.
 *
 * DIR/stages.csv has a row per stage, the reference's columns behind `source` (go-runtime or go);
 * DIR/lifetimes/SOURCE-SCENARIO-RATE-GOGC-KEYS-REP.csv has a stage's lifetimes.  Main thread only.
 */
#ifndef RECLAIMBENCH_GOREF_REFERENCE_H
#define RECLAIMBENCH_GOREF_REFERENCE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

/* Absent numbers are NaN. */
struct reference_stage {
	char source[16], scenario[16], rate[16];
	double gogc, keys, rep;
	double n, p50_us, p90_us, p99_us, max_us, n_censored, garbage_bytes, n_ops, ops_per_s;
	double n_cycles, interval_us, interval_max_us;
	double n_in_mark, n_three_cycles, n_mark_same_cycle;
	double growth_us, growth_writes_min, growth_writes_max, growth_writes;
	double pause_total_ns, pause_max_ns, heap_bytes, next_goal_bytes;
	double u_ks, u_n;
};

struct reference {
	const char *dir;
	struct reference_stage *stages;
	size_t n, max;
};

/* 0, or -errno with a message that names file and line.  Release with reference_fini(), after an error too. */
int reference_read(struct reference *ref, const char *dir, char *message, size_t message_size)
	__attribute__((warn_unused_result));
void reference_fini(struct reference *ref);

bool reference_is_runtime(const struct reference_stage *s);
/* The other source's stage under the same load and repetition, or NULL. */
const struct reference_stage *reference_partner(const struct reference *ref,
						const struct reference_stage *s);
/* Open loop, at most 10k operations per second. */
bool reference_is_paced(const struct reference_stage *s);

/* L / T of a stage's lifetimes, appended to *values (malloc'ed, grown); T is the stage's own.  0, or -errno with a
 * message. */
int reference_ratios(const struct reference *ref, const struct reference_stage *s, double **values,
		     size_t *n, char *message, size_t message_size)
	__attribute__((warn_unused_result));
/* Two-sample Kolmogorov-Smirnov distance; sorts both.  NaN when one is empty. */
double reference_ks(double *a, size_t n_a, double *b, size_t n_b);

/* Rows of DIR/run.csv (reference_rows.c).  0 or -errno with a message. */
int reference_write_rows(const struct reference *ref, char *message, size_t message_size)
	__attribute__((warn_unused_result));
/* DIR/interval.dat and lifetimes.dat, which scripts/plots/go-*.gp draw (reference_figures.c). */
int reference_write_figures(const struct reference *ref, char *message, size_t message_size)
	__attribute__((warn_unused_result));
/* The table of checks; the number that do not hold, or -errno with a message (reference_checks.c). */
int reference_checks(const struct reference *ref, FILE *out, char *message, size_t message_size)
	__attribute__((warn_unused_result));

#endif
