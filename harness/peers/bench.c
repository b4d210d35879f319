/* SPDX-License-Identifier: MIT */
/* bench.c - measuring the peers: all tables of one size stand side by side, fresh and aged ones, and each round gives
 * every table one slice of time, in an order that moves on by one each round. */
#include "peers/bench.h"

#include <errno.h>
#include <math.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "clock.h"

enum { FRESH, AGED, N_AGES };

struct bench_thread {
	const struct peer *peer;
	void (*run)(struct peer_thread *t, struct peer_work *work, const struct peer *peer);
	struct peer_table *table;
	struct peer_work work;
	_Atomic(unsigned) *n_ready;
	const _Atomic(int) *go;
	bool has_failed;
	pthread_t thread;
};

static void bench_run(struct peer_thread *t, struct peer_work *work, const struct peer *peer)
{
	peer->run(t, work);
}

/* Through its functions, for ageing: what is timed with gets only is aged by all operations too. */
static void bench_run_any(struct peer_thread *t, struct peer_work *work, const struct peer *peer)
{
	peer_loop(t, work, peer->get, peer->insert, peer->remove, peer->poll);
}

static void *bench_thread(void *arg)
{
	struct bench_thread *b = arg;
	struct peer_thread *t = b->peer->begin(b->table);

	b->has_failed = !t;
	/* pairs with the acquire of n_ready in the starting thread */
	add_acq_rel(b->n_ready, 1);
	if (!t)
		return NULL;
	/* acquire: pairs with the release in bench_slice(). */
	while (!load_acquire(b->go))
		sched_yield();
	b->run(t, &b->work, b->peer);
	b->peer->end(t);
	return NULL;
}

static void bench_sleep(uint64_t ns)
{
	struct timespec ts = {.tv_sec = (time_t)(ns / 1000000000u),
			      .tv_nsec = (long)(ns % 1000000000u)};

	/* A signal ends the slice early; its rate is what it was until then. */
	nanosleep(&ts, NULL);
}

/* One peer runs one mix for one slice.  Operations per second, or 0: it could not. */
static double bench_slice(const struct peer *peer, struct peer_table *table,
			  void (*run)(struct peer_thread *, struct peer_work *,
				      const struct peer *),
			  unsigned n_threads, const struct bench_mix *mix, uint64_t mask,
			  uint64_t slice_ns, uint64_t seed)
{
	/* Shares of 128.  As many inserts as deletes where the mix has: otherwise the table drifts. */
	const unsigned inserts = (mix->insert_pct * 128 + 50) / 100;
	const unsigned deletes = (mix->delete_pct * 128 + 50) / 100;
	struct bench_thread threads[64] = {{0}};
	_Atomic(unsigned) n_ready = 0;
	_Atomic(int) go = 0, stop = 0;
	uint64_t begin_ns, end_ns, n_ops = 0;
	unsigned n_started = 0;
	bool has_failed = false;

	for (unsigned i = 0; i < n_threads; i++) {
		threads[i] = (struct bench_thread){
			.peer = peer,
			.run = run,
			.table = table,
			.n_ready = &n_ready,
			.go = &go,
			.work = {.state = seed * 64 + i,
				 .mask = mask,
				 .get_below = 128 - inserts - deletes,
				 .insert_below = 128 - deletes,
				 .stop = &stop},
		};
		if (pthread_create(&threads[i].thread, NULL, bench_thread, &threads[i]))
			break;
		n_started++;
	}
	/* acquire: pairs with the addition to n_ready of each worker */
	while (load_acquire(&n_ready) < n_started)
		sched_yield();
	begin_ns = clock_monotonic_ns();
	store_release(&go, 1);
	bench_sleep(slice_ns);
	/* Relaxed: only when to stop. */
	store_relaxed(&stop, 1);
	end_ns = clock_monotonic_ns();
	for (unsigned i = 0; i < n_started; i++) {
		pthread_join(threads[i].thread, NULL);
		n_ops += threads[i].work.n_ops;
		has_failed |= threads[i].has_failed;
	}
	if (has_failed || n_started < n_threads)
		return 0;
	return (double)n_ops * 1e9 / (double)(end_ns - begin_ns);
}

static bool bench_takes_part(const struct peer *peer, const struct bench_mix *mix, unsigned threads)
{
	return !(peer->is_gets_only && mix->get_pct != 100) &&
	       !(peer->is_single_thread && threads > 1);
}

static bool bench_stops(const struct bench_options *o)
{
	return o->is_interrupted && *o->is_interrupted;
}

/* One mix: every table of every age in each round. */
static int bench_rounds(const struct bench_options *o,
			struct peer_table *const tables[N_AGES][BENCH_MAX_PEERS],
			struct bench_cell *const cells[N_AGES], unsigned n_ages)
{
	const struct bench_mix *mix = cells[FRESH]->mix;
	const unsigned n = n_ages * o->n_peers, threads = cells[FRESH]->threads;
	const uint64_t mask = 2 * cells[FRESH]->keys - 1;

	for (unsigned a = 0; a < n_ages; a++)
		for (unsigned p = 0; p < o->n_peers; p++)
			cells[a]->took_part[p] = bench_takes_part(o->peers[p], mix, threads);
	for (unsigned r = 0; r < o->n_rounds; r++)
		for (unsigned i = 0; i < n; i++) {
			/* A peer's ages follow each other, the younger first in every second round. */
			const unsigned p = (i / n_ages + r) % o->n_peers, a = (i + r) % n_ages;
			double *rate = &cells[a]->ops_per_s[p][r];

			if (bench_stops(o))
				return -EINTR;
			if (!cells[a]->took_part[p])
				continue;
			*rate = bench_slice(o->peers[p], tables[a][p], bench_run, threads, mix,
					    mask, o->slice_ns, o->seed + r);
			if (*rate <= 0)
				return -ENOMEM;
		}
	return 0;
}

/* Every second key of twice as many: half of all gets hit, and inserts and deletes balance there. */
static int bench_prefill(const struct peer *peer, struct peer_table *table, uint64_t keys)
{
	struct peer_thread *t = peer->begin(table);

	if (!t)
		return -ENOMEM;
	for (uint64_t i = 0; i < keys; i++) {
		peer->insert(t, 2 * i, i);
		if (i % PEER_POLL_OPS == 0)
			peer->poll(t);
	}
	peer->end(t);
	return 0;
}

/* NULL: with a message. */
static struct peer_table *bench_make_table(const struct bench_options *o, const struct peer *peer,
					   uint64_t keys, unsigned threads, char *message,
					   size_t message_size)
{
	const struct peer_config config = {
		.peer = peer, .keys = keys, .threads = threads, .seed = o->seed};
	struct peer_table *table = peer->create(&config, message, message_size);

	if (!table)
		return NULL;
	if (o->huge_pages)
		peers_pages_advise();
	if (bench_prefill(peer, table, keys)) {
		peer->destroy(table);
		return NULL;
	}
	return table;
}

static int bench_make_tables(const struct bench_options *o, uint64_t keys, unsigned threads,
			     unsigned n_ages, struct peer_table *tables[N_AGES][BENCH_MAX_PEERS],
			     char *message, size_t message_size)
{
	for (unsigned p = 0; p < o->n_peers; p++)
		for (unsigned a = 0; a < n_ages; a++) {
			if (threads > 1 && o->peers[p]->is_single_thread)
				continue;
			tables[a][p] = bench_make_table(o, o->peers[p], keys, threads, message,
							message_size);
			if (!tables[a][p])
				return -ENOMEM;
		}
	if (o->huge_pages)
		peers_pages_advise();
	return 0;
}

static const struct bench_mix bench_ageing = {50, 25, 25, "50/25/25"};

static int bench_age(const struct bench_options *o, struct peer_table *const *tables, uint64_t keys,
		     unsigned threads)
{
	for (unsigned p = 0; p < o->n_peers; p++) {
		if (bench_stops(o))
			return -EINTR;
		if (tables[p] &&
		    bench_slice(o->peers[p], tables[p], bench_run_any, threads, &bench_ageing,
				2 * keys - 1, o->age_ns, o->seed + 1000) <= 0)
			return -ENOMEM;
	}
	return 0;
}

static void bench_look(const struct bench_options *o, struct peer_table *const *tables,
		       struct bench_cell *cell)
{
	for (unsigned p = 0; p < o->n_peers; p++)
		cell->bytes[p] =
			tables[p] && o->peers[p]->bytes ? o->peers[p]->bytes(tables[p]) : 0;
}

int bench_size(const struct bench_options *o, uint64_t keys, unsigned threads,
	       struct bench_cell *cells, unsigned *n_cells, char *message, size_t message_size)
{
	struct peer_table *tables[N_AGES][BENCH_MAX_PEERS] = {{NULL}};
	const unsigned n_ages = o->age_ns ? N_AGES : 1;
	int err;

	*n_cells = 0;
	snprintf(message, message_size, "out of memory or threads at %llu keys",
		 (unsigned long long)keys);
	err = bench_make_tables(o, keys, threads, n_ages, tables, message, message_size);
	if (!err && n_ages > AGED)
		err = bench_age(o, tables[AGED], keys, threads);
	for (unsigned m = 0; !err && m < o->n_mixes; m++) {
		struct bench_cell *of_age[N_AGES] = {NULL};

		for (unsigned a = 0; a < n_ages; a++) {
			of_age[a] = &cells[m * n_ages + a];
			*of_age[a] = (struct bench_cell){.keys = keys,
							 .threads = threads,
							 .is_aged = a == AGED,
							 .mix = &o->mixes[m]};
			bench_look(o, tables[a], of_age[a]);
		}
		err = bench_rounds(o, tables, of_age, n_ages);
		if (!err)
			*n_cells += n_ages;
	}
	for (unsigned a = 0; a < N_AGES; a++)
		for (unsigned p = 0; p < o->n_peers; p++)
			if (tables[a][p])
				o->peers[p]->destroy(tables[a][p]);
	return err;
}

/* ---------------------------------------------------------------- figures */

static int bench_compare(const void *a, const void *b)
{
	const double x = *(const double *)a, y = *(const double *)b;

	return (x > y) - (x < y);
}

double bench_median(const double *values, unsigned n)
{
	double sorted[BENCH_MAX_ROUNDS];

	if (n == 0)
		return NAN;
	memcpy(sorted, values, n * sizeof(*sorted));
	qsort(sorted, n, sizeof(*sorted), bench_compare);
	return n % 2 ? sorted[n / 2] : (sorted[n / 2 - 1] + sorted[n / 2]) / 2;
}

struct bench_ratio bench_ratio_of(const struct bench_cell *cell, int over,
				  const struct bench_cell *under_cell, int under, unsigned n_rounds)
{
	struct bench_ratio ratio = {NAN, INFINITY, 0, false};
	double ratios[BENCH_MAX_ROUNDS];

	if (over < 0 || under < 0 || !cell->took_part[over] || !under_cell->took_part[under])
		return ratio;
	for (unsigned r = 0; r < n_rounds; r++) {
		ratios[r] = cell->ops_per_s[over][r] / under_cell->ops_per_s[under][r];
		ratio.min = fmin(ratio.min, ratios[r]);
		ratio.max = fmax(ratio.max, ratios[r]);
	}
	ratio.median = bench_median(ratios, n_rounds);
	ratio.is_known = true;
	return ratio;
}

struct bench_ratio bench_ratio(const struct bench_cell *cell, int over, int under,
			       unsigned n_rounds)
{
	return bench_ratio_of(cell, over, cell, under, n_rounds);
}

int bench_find(const struct bench_options *o, const char *name)
{
	for (unsigned p = 0; p < o->n_peers; p++)
		if (strcmp(o->peers[p]->name, name) == 0)
			return (int)p;
	return -1;
}

int bench_best_library(const struct bench_options *o, const struct bench_cell *cell,
		       const char *prefix)
{
	double best_rate = 0;
	int best = -1;

	for (unsigned p = 0; p < o->n_peers; p++) {
		double rate;

		if (o->peers[p]->kind != PEER_LIBRARY || !cell->took_part[p] ||
		    (prefix && strncmp(o->peers[p]->name, prefix, strlen(prefix)) != 0))
			continue;
		rate = bench_median(cell->ops_per_s[p], o->n_rounds);
		if (rate > best_rate) {
			best_rate = rate;
			best = (int)p;
		}
	}
	return best;
}
