// SPDX-License-Identifier: MIT
// layout.cc - ablation: the same eight cells at a packed stride of 144 bytes against layouts that begin on a cache
// line; keys and values side by side against Go's keys, then values.  Tables of their own, filled with the same keys;
// no overflow chains (a key that finds its bucket full is left out of every layout alike).
#include "micro/micro.hh"

#include <memory>

namespace micro
{

struct pairs { // this project's: a cell's key and value side by side
	uint64_t link, tophash;
	struct {
		uint64_t key, value;
	} cells[8];
	uint64_t &key(unsigned i)
	{
		return cells[i].key;
	}
	uint64_t &value(unsigned i)
	{
		return cells[i].value;
	}
};
struct split { // Go's order: tophash, keys, values, overflow pointer last
	uint64_t tophash, keys[8], values[8], link;
	uint64_t &key(unsigned i)
	{
		return keys[i];
	}
	uint64_t &value(unsigned i)
	{
		return values[i];
	}
};
template <typename B> struct alignas(64) on_line : B {
};
static_assert(sizeof(pairs) == 144 && sizeof(split) == 144, "Go's bucket");
static_assert(sizeof(on_line<pairs>) == 192, "three lines");

template <typename B> static void run(benchmark::State &state, context &c)
{
	const uint64_t n_buckets = (UINT64_C(1) << state.range(0)) / 8;
	const size_t bytes = (n_buckets * sizeof(B) + 4095) & ~(size_t)4095;
	const std::unique_ptr<B, void (*)(void *)> memory(
		static_cast<B *>(aligned_alloc(4096, bytes)), free);
	B *const table = memory.get();
	std::vector<uint64_t> keys;
	uint64_t random = 1, sum = 0, expected = 0, at = 0;

	if (!table) {
		state.SkipWithError("out of memory");
		return;
	}
	memset(static_cast<void *>(table), 0, bytes);
	for (uint64_t key = 1; key <= n_buckets * 6; key++) {
		const uint64_t hash = hmap_hash_default(key, 1);
		B &b = table[hash & (n_buckets - 1)];
		const uint64_t empty = tophash_empty(b.tophash);

		if (!empty)
			continue;
		b.key(first_cell(empty)) = key;
		b.value(first_cell(empty)) = 1;
		b.tophash = tophash_set(b.tophash, first_cell(empty), tophash_of(hash));
		keys.push_back(key);
	}
	for (size_t i = keys.size(); i > 1; i--)
		std::swap(keys[i - 1], keys[next_random(random) % i]);
	{
		const counted counters(c, state);

		for (auto _ : state) {
			const uint64_t key = keys[at];
			const uint64_t hash = hmap_hash_default(key, 1);
			B &b = table[hash & (n_buckets - 1)];

			at = at + 1 < keys.size() ? at + 1 : 0;
			for (uint64_t m = tophash_match(b.tophash, tophash_of(hash)); m; m &= m - 1)
				if (b.key(first_cell(m)) == key) {
					sum += b.value(first_cell(m));
					break;
				}
			expected++;
		}
	}
	if (sum != expected)
		state.SkipWithError("wrong answers");
	state.counters["stride_bytes"] = sizeof(B);
	state.counters["table_bytes"] = (double)bytes;
}

template <typename B> static void add(context &c, const char *name)
{
	benchmark::RegisterBenchmark(name, [&c](benchmark::State &s) { run<B>(s, c); })
		->Arg(10)
		->Arg(16)
		->Arg(c.is_full ? 22 : 20)
		->ArgName("log2_cells");
}

void register_layout(context &c)
{
	add<pairs>(c, "layout/pairs_packed_144");
	add<on_line<pairs>>(c, "layout/pairs_aligned_192");
	add<split>(c, "layout/split_packed_144");
	add<on_line<split>>(c, "layout/split_aligned_192");
}

} // namespace micro
