/* SPDX-License-Identifier: MIT */
/* bench.h - `reclaimbench peers`: what is measured, and what came out. */
#ifndef RECLAIMBENCH_PEERS_BENCH_H
#define RECLAIMBENCH_PEERS_BENCH_H

#include <signal.h>
#include <stdio.h>

#include "peers/peers.h"

#define BENCH_MAX_PEERS 16
#define BENCH_MAX_ROUNDS 101
#define BENCH_MAX_LIST 16

struct bench_mix {
	unsigned get_pct, insert_pct, delete_pct;
	char name[16]; /* "90/5/5" */
};

struct bench_options {
	uint64_t keys[BENCH_MAX_LIST];
	unsigned n_keys;
	uint64_t threads[BENCH_MAX_LIST];
	unsigned n_threads;
	struct bench_mix mixes[BENCH_MAX_LIST];
	unsigned n_mixes;
	const struct peer *peers[BENCH_MAX_PEERS];
	unsigned n_peers;
	unsigned n_rounds;
	uint64_t slice_ns; /* one measurement of one peer */
	uint64_t age_ns;   /* of 50/25/25 for the aged tables, before any round; 0: none */
	bool huge_pages;
	uint64_t seed;
	const volatile sig_atomic_t *is_interrupted; /* stop after the slice that runs */
};

/* One size, thread count, age and mix: the rates of all peers, round by round. */
struct bench_cell {
	uint64_t keys;
	unsigned threads;
	bool is_aged;
	const struct bench_mix *mix;
	bool took_part[BENCH_MAX_PEERS];
	uint64_t bytes[BENCH_MAX_PEERS]; /* held from the system before the rounds; 0: not told */
	double ops_per_s[BENCH_MAX_PEERS][BENCH_MAX_ROUNDS];
};

/* Measure all cells of one size and thread count into cells[] (2 * n_mixes at most, a
 * mix's fresh cell before its aged one); *n_cells receives how many.
 * 0, -EINTR, or -ENOMEM with a message. */
int bench_size(const struct bench_options *o, uint64_t keys, unsigned threads,
	       struct bench_cell *cells, unsigned *n_cells, char *message, size_t message_size);

double bench_median(const double *values, unsigned n);

/* A ratio of rates, round by round: its median and its range. */
struct bench_ratio {
	double median, min, max;
	bool is_known;
};
/* Of one peer over another, by index. */
struct bench_ratio bench_ratio(const struct bench_cell *cell, int over, int under,
			       unsigned n_rounds);
/* Of a peer in one cell over a peer in another of the same rounds: a table that was aged over a fresh one. */
struct bench_ratio bench_ratio_of(const struct bench_cell *cell, int over,
				  const struct bench_cell *under_cell, int under,
				  unsigned n_rounds);
/* Index of the peer of that name, or -1: not chosen. */
int bench_find(const struct bench_options *o, const char *name);
/* The fastest (by median) of the libraries in this cell, or -1.  With `prefix`: of those whose name begins so. */
int bench_best_library(const struct bench_options *o, const struct bench_cell *cell,
		       const char *prefix);

/* retire.c: CPU time from retire to free, per object. */
struct bench_retire {
	const char *name;
	double ns[BENCH_MAX_ROUNDS];
};
#define BENCH_N_RETIRE 5
/* Fills `out` (BENCH_N_RETIRE) and *n. */
int bench_retire(const struct bench_options *o, struct bench_retire *out, unsigned *n,
		 char *message, size_t message_size);

/* print.c: the table of one cell's line, and the goals of the design at the end. */
void bench_print_header(const struct bench_options *o);
void bench_print_cell(const struct bench_options *o, const struct bench_cell *cell);
void bench_print_goals(const struct bench_options *o, const struct bench_cell *cells,
		       unsigned n_cells);
void bench_print_retire(const struct bench_options *o, const struct bench_retire *retire,
			unsigned n);

/* rows.c: run.csv in `directory`.  0 or -errno after saying what is wrong. */
int bench_write(const struct bench_options *o, const char *directory,
		const struct bench_cell *cells, unsigned n_cells, const struct bench_retire *retire,
		unsigned n_retire);

#endif
