/* SPDX-License-Identifier: MIT */
/* micro.hh - what the micro benchmarks share: a domain with a map, keys, counters, goals.
 *
 * Each file registers its benchmarks through one function, called by main.cc; nothing is registered by
 * constructors.  One thread throughout, besides the strategies' own.
 */
#ifndef RECLAIMBENCH_MICRO_HH
#define RECLAIMBENCH_MICRO_HH

#include <cmath>
#include <string>
#include <vector>

#include <benchmark/benchmark.h>

#include "micro/c_headers.hh"

namespace micro
{

/* What the program was started with; owned by main(). */
struct goal {
	std::string what, unit;
	double must, aim; /* NAN: none */
	double measured;
};
struct context {
	struct clock clock;
	struct pmu_set *events = nullptr; /* nullptr: none asked for, or none here */
	std::string no_events;		  /* why */
	bool is_full = false;		  /* --full: tables beyond the caches too */
	std::vector<goal> goals;	  /* as measured, in order */
};

/* A domain, this thread, and a map of n keys 0 .. n-1.  Throws std::runtime_error with the reason. */
class domain
{
public:
	domain(context &c, const char *strategy, const char *options, hmap_mode mode, bool huge_pages = false);
	~domain();
	domain(const domain &) = delete;
	domain &operator=(const domain &) = delete;

	void fill(uint64_t from, uint64_t to);
	struct hmap_state state();

	context &ctx;
	struct reclaim *r = nullptr;
	struct reclaim_thread *t = nullptr;
	struct hmap *map = nullptr;
};

/* splitmix64 (Steele, Lea, Flood 2014): a passed-in state, the next number. */
static inline uint64_t next_random(uint64_t &state)
{
	uint64_t z = (state += UINT64_C(0x9e3779b97f4a7c15));

	z = (z ^ (z >> 30)) * UINT64_C(0xbf58476d1ce4e5b9);
	z = (z ^ (z >> 27)) * UINT64_C(0x94d049bb133111eb);
	return z ^ (z >> 31);
}

/* Counters of this thread around a benchmark's loop, as user counters per iteration; none without a PMU. */
class counted
{
public:
	counted(context &c, benchmark::State &s);
	~counted();

private:
	context &ctx;
	benchmark::State &state;
	struct pmu_thread *thread = nullptr;
	struct pmu_snapshot begin;
};

/* Seconds since `from` (clock_ticks), at least 1 ns: manual time must not be 0. */
double seconds_since(const context &c, uint64_t from_ticks);
double median(std::vector<double> values);

/* `--count=OP,N`: an exit code. */
int count(context &c, const std::string &what);

void register_map(context &c);
void register_strategies(context &c);
void register_collector(context &c);
void register_probes(context &c);
// Hits in a map of n_keys, with or without the filter (tophash.cc); how many.
uint64_t search_hits(domain &d, bool is_filtered, uint64_t n, uint64_t n_keys);
void register_tophash(context &c);
void register_layout(context &c);
void register_probing(context &c);

} // namespace micro

#endif
