// SPDX-License-Identifier: MIT
// probing.cc - ablation: linear probing, double hashing, cuckoo and bucketed probing on a million string keys at
// load 0.75.  Tables of pointers to strings of 24 bytes; a slot that is looked at costs a comparison of the string
// it points to, unless the scheme has a filter (bucketed: eight tophash bytes, as the map).
//
// Cuckoo with one slot a bucket cannot hold more than half of its slots (Pagh and Rodler, Cuckoo Hashing, 2001), so
// load 0.75 is taken with two choices of four slots (Dietzfelbinger and Weidling, 2005).
#include "micro/micro.hh"

#include <algorithm>
#include <memory>

#include <xxhash.h>

namespace micro
{

enum { N_KEYS = 1000000, KEY_BYTES = 24, N_TIMED = 1 << 17 };

struct strings {
	std::vector<char> text;
	const char *at(uint64_t i) const
	{
		return &text[i * KEY_BYTES];
	}

	strings(uint64_t n, uint64_t seed) : text(n * KEY_BYTES + 1)
	{
		for (uint64_t i = 0; i < n; i++)
			snprintf(&text[i * KEY_BYTES], KEY_BYTES + 1, "key:%020" PRIu64,
				 next_random(seed));
	}
};

static uint64_t hash_of(const char *key)
{
	return XXH3_64bits(key, KEY_BYTES);
}
static bool is_same(const char *a, const char *b)
{
	return memcmp(a, b, KEY_BYTES) == 0;
}
static uint64_t reduce(uint64_t hash, uint64_t n)
{
	return (uint64_t)(((__uint128_t)hash * n) >> 64);
}
static uint64_t rehash(uint64_t hash)
{
	return hash * UINT64_C(0x9e3779b97f4a7c15) ^ hash >> 32;
}

struct counts {
	uint64_t n_slots = 0;	// looked at
	uint64_t n_strings = 0; // compared
	uint64_t n_collisions =
		0; // look-ups whose first slot or bucket did not answer and was not empty
};

static uint64_t next_prime(uint64_t n)
{
	for (;; n++) {
		bool is_prime = n % 2 != 0;

		for (uint64_t d = 3; is_prime && d * d <= n; d += 2)
			is_prime = n % d != 0;
		if (is_prime)
			return n;
	}
}

template <bool is_double> struct open_addressing {
	uint64_t n;
	std::vector<const char *> slots;

	explicit open_addressing(uint64_t n_slots) : n(next_prime(n_slots)), slots(n)
	{
	}
	uint64_t step(uint64_t hash) const
	{
		return is_double ? 1 + reduce(rehash(hash), n - 1) : 1;
	}
	bool put(const char *key)
	{
		const uint64_t hash = hash_of(key);
		uint64_t i = reduce(hash, n);

		while (slots[i])
			i = (i + step(hash)) % n;
		slots[i] = key;
		return true;
	}
	bool get(const char *key, counts &c) const
	{
		const uint64_t hash = hash_of(key), s = step(hash);
		uint64_t i = reduce(hash, n);

		for (bool is_first = true;; is_first = false) {
			c.n_slots++;
			if (!slots[i])
				return false;
			c.n_strings++;
			if (is_same(slots[i], key))
				return true;
			c.n_collisions += is_first;
			i += s;
			i -= i >= n ? n : 0;
		}
	}
};

struct cuckoo {
	enum { WAYS = 4, MAX_KICKS = 2000 };
	uint64_t n;
	std::vector<const char *> slots;

	explicit cuckoo(uint64_t n_slots) : n((n_slots + WAYS - 1) / WAYS), slots(n * WAYS)
	{
	}
	uint64_t bucket(uint64_t hash, unsigned k) const
	{
		return reduce(k ? rehash(hash) : hash, n) * WAYS;
	}
	bool put(const char *key)
	{
		uint64_t random = hash_of(key);

		for (unsigned kicks = 0; kicks < MAX_KICKS; kicks++) {
			const uint64_t hash = hash_of(key);

			for (unsigned k = 0; k < 2; k++)
				for (unsigned w = 0; w < WAYS; w++)
					if (!slots[bucket(hash, k) + w]) {
						slots[bucket(hash, k) + w] = key;
						return true;
					}
			const uint64_t r = next_random(random);

			std::swap(key, slots[bucket(hash, r & 1) + (r >> 1) % WAYS]);
		}
		return false;
	}
	bool get(const char *key, counts &c) const
	{
		const uint64_t hash = hash_of(key);

		for (unsigned k = 0; k < 2; k++) {
			const uint64_t b = bucket(hash, k);

			for (unsigned w = 0; w < WAYS; w++) {
				c.n_slots++;
				if (!slots[b + w])
					continue;
				c.n_strings++;
				if (is_same(slots[b + w], key))
					return true;
			}
			c.n_collisions += k == 0 && slots[b];
		}
		return false;
	}
};

// Go's: eight cells with a tophash word; a full bucket's key goes to the next (in place of an overflow chain).
struct bucketed {
	struct group {
		uint64_t tophash;
		const char *keys[8];
	};
	uint64_t n;
	std::vector<group> groups;

	explicit bucketed(uint64_t n_slots) : n((n_slots + 7) / 8), groups(n)
	{
	}
	bool put(const char *key)
	{
		const uint64_t hash = hash_of(key);
		uint64_t i = reduce(rehash(hash), n);

		while (!tophash_empty(groups[i].tophash))
			i = i + 1 < n ? i + 1 : 0;
		const unsigned cell = first_cell(tophash_empty(groups[i].tophash));

		groups[i].keys[cell] = key;
		groups[i].tophash = tophash_set(groups[i].tophash, cell, tophash_of(hash));
		return true;
	}
	bool get(const char *key, counts &c) const
	{
		const uint64_t hash = hash_of(key);
		uint64_t i = reduce(rehash(hash), n);

		for (bool is_first = true;; is_first = false) {
			const group &g = groups[i];

			c.n_slots++;
			for (uint64_t m = tophash_match(g.tophash, tophash_of(hash)); m;
			     m &= m - 1) {
				c.n_strings++;
				if (is_same(g.keys[first_cell(m)], key))
					return true;
			}
			if (tophash_empty(g.tophash))
				return false;
			c.n_collisions += is_first;
			i = i + 1 < n ? i + 1 : 0;
		}
	}
};

template <typename T>
static double p99_ns(const context &c, const T &table, const strings &keys, counts &sink)
{
	const auto h = std::make_unique<struct hist>();
	uint64_t random = 7;

	hist_reset(h.get());
	for (unsigned i = 0; i < N_TIMED; i++) {
		const char *key = keys.at(reduce(next_random(random), N_KEYS));
		const uint64_t begin = clock_ticks(&c.clock);

		benchmark::DoNotOptimize(table.get(key, sink));
		hist_record(h.get(), clock_delta_ns(&c.clock, begin, clock_ticks(&c.clock)));
	}
	return hist_quantile(h.get(), 0.99);
}

template <typename T> static void run(benchmark::State &state, context &c, bool is_hit)
{
	const strings keys(N_KEYS, 1), others(is_hit ? 1 : N_KEYS, 2);
	const strings &asked = is_hit ? keys : others;
	T table(N_KEYS * 4 / 3);
	counts n, sink;
	uint64_t random = 3, n_found = 0;

	for (uint64_t i = 0; i < N_KEYS; i++)
		if (!table.put(keys.at(i))) {
			state.SkipWithError("the table cannot hold a load of 0.75");
			return;
		}
	{
		const counted counters(c, state);

		for (auto _ : state)
			n_found += table.get(asked.at(reduce(next_random(random), N_KEYS)), n);
	}
	if (n_found != (is_hit ? (uint64_t)state.iterations() : 0))
		state.SkipWithError("wrong answers");
	const auto mean = benchmark::Counter::kAvgIterations;

	state.counters["slots"] = benchmark::Counter((double)n.n_slots, mean);
	state.counters["strings"] = benchmark::Counter((double)n.n_strings, mean);
	state.counters["collisions"] = benchmark::Counter((double)n.n_collisions, mean);
	state.counters["p99_ns"] = p99_ns(c, table, asked, sink);
	state.counters["clock_ns"] =
		c.clock.read_cost_ns; // what p99_ns contains of the clock itself
}

template <typename T> static void add(context &c, const std::string &name)
{
	for (const bool is_hit : {true, false})
		benchmark::RegisterBenchmark(
			(name + (is_hit ? "/hit" : "/miss")).c_str(),
			[&c, is_hit](benchmark::State &s) { run<T>(s, c, is_hit); })
			->Iterations(200000); // building a table takes far longer than searching it
}

void register_probing(context &c)
{
	add<open_addressing<false>>(c, "probing/linear");
	add<open_addressing<true>>(c, "probing/double");
	add<cuckoo>(c, "probing/cuckoo");
	add<bucketed>(c, "probing/bucketed");
}

} // namespace micro
