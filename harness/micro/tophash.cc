// SPDX-License-Identifier: MIT
// tophash.cc - ablation: the real map's buckets, searched with and without the tophash filter.
#include "micro/micro.hh"

namespace micro
{

struct look {
	const struct bucket *array;
	uint64_t mask;
	struct heap_packing packing;
	uint64_t n_visited = 0; // cells whose key was read
	uint64_t n_buckets = 0;
};

static bool note(void *ctx, void *array, uint64_t n, bool is_old)
{
	auto *l = static_cast<look *>(ctx);

	if (!is_old) {
		l->array = static_cast<const struct bucket *>(array);
		l->mask = n - 1;
	}
	return false;
}

static bool search_filtered(look &l, uint64_t key, uint64_t hash)
{
	for (auto b = &l.array[hash & l.mask]; b;
	     b = link_pointer(l.packing, load_acquire(&b->link))) {
		l.n_buckets++;
		for (uint64_t match = tophash_match(load_acquire(&b->tophash), tophash_of(hash));
		     match; match &= match - 1) {
			l.n_visited++;
			if (load_relaxed(&b->cells[first_cell(match)].key) == key)
				return true;
		}
	}
	return false;
}

// Without: every filled cell's key is compared, in order.  What is filled is told by the same word, and empty
// cells are passed over: keys of deleted cells are still in place.
static bool search_plain(look &l, uint64_t key, uint64_t hash)
{
	for (auto b = &l.array[hash & l.mask]; b;
	     b = link_pointer(l.packing, load_acquire(&b->link))) {
		const uint64_t word = load_acquire(&b->tophash);

		l.n_buckets++;
		for (unsigned i = 0; i < HMAP_N_CELLS; i++) {
			if (tophash_at(word, i) < MIN_TOPHASH)
				continue;
			l.n_visited++;
			if (load_relaxed(&b->cells[i].key) == key)
				return true;
		}
	}
	return false;
}

uint64_t search_hits(domain &d, bool is_filtered, uint64_t n, uint64_t n_keys)
{
	struct hmap_visitor v = {};
	look l = {};
	uint64_t random = 1, n_found = 0;

	v.ctx = &l;
	v.array = note;
	l.packing = heap_packing(reclaim_heap(d.r));
	for (uint64_t i = 0; d.state().is_growing && i < n_keys; i++)
		d.fill(i, i + 1);
	hmap_trace(d.map, d.t, &v);
	for (uint64_t i = 0; i < n; i++) {
		const uint64_t key = (uint64_t)(((__uint128_t)next_random(random) * n_keys) >> 64);
		const uint64_t hash = hmap_hash_default(key, 1);

		n_found += is_filtered ? search_filtered(l, key, hash) : search_plain(l, key, hash);
	}
	return n_found;
}

template <bool (*search)(look &, uint64_t, uint64_t)>
static void run(benchmark::State &state, context &c, bool is_hit)
{
	const uint64_t n = UINT64_C(1) << state.range(0);
	domain d(c, "sweepgen", nullptr, HMAP_PLAIN);
	look l = {};
	struct hmap_visitor v = {};
	uint64_t random = 1, n_found = 0;

	// As full as a table gets: 6.5 entries a bucket, no growth going on.
	for (uint64_t key = 0; key < n * 13 / 16; key++)
		d.fill(key, key + 1);
	const uint64_t n_keys = n * 13 / 16;
	for (uint64_t i = 0; d.state().is_growing && i < n; i++)
		d.fill(i % n_keys, i % n_keys + 1);
	v.ctx = &l;
	v.array = note;
	l.packing = heap_packing(reclaim_heap(d.r));
	hmap_trace(d.map, d.t, &v);
	{
		const counted counters(c, state);

		for (auto _ : state) {
			const uint64_t key =
				(uint64_t)(((__uint128_t)next_random(random) * n_keys) >> 64) |
				(is_hit ? 0 : UINT64_C(1) << 63);

			n_found += search(l, key, hmap_hash_default(key, 1));
		}
	}
	if (n_found != (is_hit ? (uint64_t)state.iterations() : 0))
		state.SkipWithError("wrong answers");
	state.counters["cells_visited"] =
		benchmark::Counter((double)l.n_visited, benchmark::Counter::kAvgIterations);
	state.counters["buckets_visited"] =
		benchmark::Counter((double)l.n_buckets, benchmark::Counter::kAvgIterations);
}

void register_tophash(context &c)
{
	for (const bool is_hit : {true, false}) {
		const std::string what = is_hit ? "hit" : "miss";

		benchmark::RegisterBenchmark(
			("tophash/on_" + what).c_str(),
			[&c, is_hit](benchmark::State &s) { run<search_filtered>(s, c, is_hit); })
			->Arg(10)
			->Arg(c.is_full ? 20 : 16)
			->ArgName("log2_cells");
		benchmark::RegisterBenchmark(
			("tophash/off_" + what).c_str(),
			[&c, is_hit](benchmark::State &s) { run<search_plain>(s, c, is_hit); })
			->Arg(10)
			->Arg(c.is_full ? 20 : 16)
			->ArgName("log2_cells");
	}
}

} // namespace micro
