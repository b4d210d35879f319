/* SPDX-License-Identifier: MIT */
/* print.c - the peers' tables on the terminal. */
#include <math.h>
#include <string.h>

#include "peers/bench.h"
#include "units.h"

void bench_print_header(const struct bench_options *o)
{
	printf("Million operations per second, median of %u rounds; %s pages.\n\n%8s %3s %-5s %-9s",
	       o->n_rounds, o->huge_pages ? "huge" : "small", "keys", "thr", "table", "mix");
	for (unsigned p = 0; p < o->n_peers; p++)
		printf(" %*s",
		       (int)strlen(o->peers[p]->name) < 7 ? 7 : (int)strlen(o->peers[p]->name),
		       o->peers[p]->name);
	printf("  map/library [range]\n");
	fflush(stdout);
}

static void bench_print_keys(uint64_t keys)
{
	char text[24];

	if (keys & (keys - 1))
		snprintf(text, sizeof(text), "%llu", (unsigned long long)keys);
	else
		snprintf(text, sizeof(text), "2^%d", __builtin_ctzll(keys));
	printf("%8s", text);
}

void bench_print_cell(const struct bench_options *o, const struct bench_cell *cell)
{
	const int best = bench_best_library(o, cell, NULL);
	const struct bench_ratio ratio =
		bench_ratio(cell, bench_find(o, "hmap-sweepgen"), best, o->n_rounds);

	bench_print_keys(cell->keys);
	printf(" %3u %-5s %-9s", cell->threads, cell->is_aged ? "aged" : "fresh", cell->mix->name);
	for (unsigned p = 0; p < o->n_peers; p++) {
		const size_t width = strlen(o->peers[p]->name);

		if (cell->took_part[p])
			printf(" %*.2f", width < 7 ? 7 : (int)width,
			       bench_median(cell->ops_per_s[p], o->n_rounds) / 1e6);
		else
			printf(" %*s", width < 7 ? 7 : (int)width, "-");
	}
	if (ratio.is_known)
		printf("  %.2f [%.2f, %.2f] %s", ratio.median, ratio.min, ratio.max,
		       o->peers[best]->name);
	putchar('\n');
	fflush(stdout);
}

/* ---------------------------------------------------------------- the goals */

/* Of many cells' ratios: geometric mean and the extremes. */
struct bench_summary {
	double log_sum, min, max;
	unsigned n;
};

static void summary_add(struct bench_summary *s, struct bench_ratio ratio)
{
	if (!ratio.is_known)
		return;
	s->log_sum += log(ratio.median);
	s->min = s->n ? fmin(s->min, ratio.median) : ratio.median;
	s->max = s->n ? fmax(s->max, ratio.median) : ratio.median;
	s->n++;
}

static void summary_print(const struct bench_summary *s, const char *what, const char *goal)
{
	if (s->n)
		printf("  %-52s %5.2f   %5.2f .. %5.2f   %3u   %s\n", what, exp(s->log_sum / s->n),
		       s->min, s->max, s->n, goal);
}

enum {
	GOAL_LIBRARY_FRESH,
	GOAL_LIBRARY_AGED,
	GOAL_LFHT_LARGE,
	GOAL_STRIPED,
	GOAL_PLAIN,
	GOAL_LEAK,
	GOAL_TABLE,
	GOAL_BATCH_LARGE,
	GOAL_IMMEDIATE,
	N_GOALS,
};
static const struct {
	const char *what, *goal;
} goals[N_GOALS] = {
	[GOAL_LIBRARY_FRESH] = {"map over library, fresh", "must 1.5 in each cell, 2.2 mean"},
	[GOAL_LIBRARY_AGED] = {"map over library, aged", "must 1.5 in each cell, 2.2 mean"},
	[GOAL_LFHT_LARGE] = {"map over cds_lfht, 2^20 keys and more", "must 3"},
	[GOAL_STRIPED] = {"map over striped", "must 1.1 mean"},
	[GOAL_PLAIN] = {"map over its layout without synchronisation", "must 0.75"},
	[GOAL_LEAK] = {"time of a get, sweepgen over leak", "must 1.05"},
	[GOAL_TABLE] = {"time through the strategy table over without it", "measured"},
	[GOAL_BATCH_LARGE] = {"batched gets over single ones, 2^20 keys and more",
			      "1.2 to 2.2 seen"},
	[GOAL_IMMEDIATE] = {"map over immediate", "measured"},
};

static void goals_add(const struct bench_options *o, const struct bench_cell *cell,
		      struct bench_summary *s)
{
	const int map = bench_find(o, "hmap-sweepgen"), leak = bench_find(o, "hmap-leak");
	const int lfht = bench_best_library(o, cell, "lfht");
	const unsigned n = o->n_rounds;
	const bool is_large = cell->keys >= (1u << 20);

	summary_add(&s[cell->is_aged ? GOAL_LIBRARY_AGED : GOAL_LIBRARY_FRESH],
		    bench_ratio(cell, map, bench_best_library(o, cell, NULL), n));
	if (is_large)
		summary_add(&s[GOAL_LFHT_LARGE], bench_ratio(cell, map, lfht, n));
	summary_add(&s[GOAL_STRIPED], bench_ratio(cell, map, bench_find(o, "striped"), n));
	summary_add(&s[GOAL_PLAIN], bench_ratio(cell, map, bench_find(o, "plain"), n));
	/* Time is the inverse of a rate. */
	if (cell->mix->get_pct == 100)
		summary_add(&s[GOAL_LEAK], bench_ratio(cell, leak, map, n));
	summary_add(&s[GOAL_TABLE], bench_ratio(cell, bench_find(o, "hmap-direct"), leak, n));
	if (is_large)
		summary_add(&s[GOAL_BATCH_LARGE],
			    bench_ratio(cell, bench_find(o, "hmap-batch"), map, n));
	summary_add(&s[GOAL_IMMEDIATE], bench_ratio(cell, map, bench_find(o, "hmap-immediate"), n));
}

/* Aged against fresh, in the same rounds, and beside it what ageing does to the libraries. */
static void goals_print_aged(const struct bench_options *o, const struct bench_cell *fresh,
			     const struct bench_cell *aged, int map)
{
	const struct bench_ratio ratio = bench_ratio_of(aged, map, fresh, map, o->n_rounds);
	double log_sum = 0;
	unsigned n = 0;

	printf("  map, gets, aged over fresh, ");
	bench_print_keys(aged->keys);
	printf(" keys, %u thread%-2s      %5.2f   %5.2f .. %5.2f         ", aged->threads,
	       aged->threads > 1 ? "s" : "", ratio.median, ratio.min, ratio.max);
	if (aged->bytes[map] && fresh->bytes[map])
		printf("memory %.2f", (double)aged->bytes[map] / (double)fresh->bytes[map]);
	for (unsigned p = 0; p < o->n_peers; p++)
		if (o->peers[p]->kind == PEER_LIBRARY && aged->took_part[p]) {
			log_sum += log(
				bench_ratio_of(aged, (int)p, fresh, (int)p, o->n_rounds).median);
			n++;
		}
	if (n)
		printf(", libraries %.2f", exp(log_sum / n));
	printf("%s\n", aged->keys == 1u << 20 ? ", must 0.9" : "");
}

static void goals_print_ageing(const struct bench_options *o, const struct bench_cell *cells,
			       unsigned n_cells)
{
	const int map = bench_find(o, "hmap-sweepgen");

	if (map < 0)
		return;
	/* A mix's aged cell follows its fresh one. */
	for (unsigned a = 1; a < n_cells; a++)
		if (cells[a].is_aged && cells[a].mix->get_pct == 100)
			goals_print_aged(o, &cells[a - 1], &cells[a], map);
}

void bench_print_goals(const struct bench_options *o, const struct bench_cell *cells,
		       unsigned n_cells)
{
	struct bench_summary summaries[N_GOALS] = {{0}};

	for (unsigned c = 0; c < n_cells; c++)
		goals_add(o, &cells[c], summaries);
	printf("\n  %-52s %5s   %-14s   %5s\n", "ratio (paired rounds; a cell's is its median)",
	       "mean", "lowest highest", "cells");
	for (int g = 0; g < N_GOALS; g++)
		summary_print(&summaries[g], goals[g].what, goals[g].goal);
	goals_print_ageing(o, cells, n_cells);
}

void bench_print_retire(const struct bench_options *o, const struct bench_retire *retire,
			unsigned n)
{
	double sweepgen = NAN;

	printf("\n  CPU time from retire to free, ns per object, median of %u rounds\n",
	       o->n_rounds);
	for (unsigned i = 0; i < n; i++)
		if (strcmp(retire[i].name, "sweepgen") == 0)
			sweepgen = bench_median(retire[i].ns, o->n_rounds);
	for (unsigned i = 0; i < n; i++) {
		const double ns = bench_median(retire[i].ns, o->n_rounds);

		printf("  %-24s %7.1f ns   sweepgen takes %.2f of it\n", retire[i].name, ns,
		       sweepgen / ns);
	}
}
