// SPDX-License-Identifier: MIT
// map.cc - one operation of the map: get hit, miss, during a growth; put, overwrite, delete.
#include "micro/micro.hh"

namespace micro
{

constexpr unsigned BATCH = 256;

static void get(benchmark::State &state, context &c, const char *strategy, bool is_hit,
		bool is_growing)
{
	const uint64_t n = UINT64_C(1) << state.range(0);
	domain d(c, strategy, nullptr, HMAP_PLAIN);
	uint64_t random = 1, sum = 0;

	d.fill(0, n);
	if (is_growing) {
		// One entry above the load factor begins a growth; half of it is then worked off.
		uint64_t key = n;
		while (!d.state().is_growing)
			d.fill(key, key + 1), key++;
		const uint64_t n_old = UINT64_C(1) << (d.state().b - 1);
		while (d.state().nevacuate < n_old / 2)
			d.fill(0, 1);
	}
	{
		const counted counters(c, state);

		for (auto _ : state) {
			const uint64_t key =
				(next_random(random) & (n - 1)) | (is_hit ? 0 : UINT64_C(1) << 63);
			uint64_t value = 0;

			reclaim_enter(d.t);
			sum += hmap_get(d.map, d.t, key, &value);
			reclaim_exit(d.t);
			reclaim_poll(d.t);
		}
	}
	if (sum != (is_hit ? (uint64_t)state.iterations() : 0))
		state.SkipWithError("wrong answers");
	state.SetItemsProcessed(state.iterations());
	if (is_growing && !d.state().is_growing)
		state.SkipWithError("the growth ended under gets");
}

static void overwrite(benchmark::State &state, context &c, const char *strategy)
{
	const uint64_t n = UINT64_C(1) << state.range(0);
	domain d(c, strategy, nullptr, HMAP_PLAIN);
	uint64_t random = 1;

	d.fill(0, n);
	for (uint64_t i = 0; d.state().is_growing && i < n; i++)
		d.fill(i, i + 1);
	const counted counters(c, state);

	for (auto _ : state) {
		reclaim_enter(d.t);
		benchmark::DoNotOptimize(hmap_insert(d.map, d.t, next_random(random) & (n - 1), 1));
		reclaim_exit(d.t);
		reclaim_poll(d.t);
	}
	state.SetItemsProcessed(state.iterations());
}

// Batches of puts of absent keys and of deletes of those keys take turns; one of the two is timed, so that the
// map stays as large as it is.
static void put_or_delete(benchmark::State &state, context &c, const char *strategy, bool is_put,
			  hmap_mode mode)
{
	const uint64_t n = UINT64_C(1) << state.range(0);
	domain d(c, strategy, nullptr, mode);
	uint64_t next = n, n_wrong = 0;

	d.fill(0, n);
	for (uint64_t i = 0; d.state().is_growing && i < n; i++)
		d.fill(i, i + 1);
	while (state.KeepRunningBatch(BATCH)) {
		uint64_t begin = clock_ticks(&c.clock);

		for (uint64_t i = 0; i < BATCH; i++) {
			reclaim_enter(d.t);
			n_wrong += hmap_insert(d.map, d.t, next + i, i) != HMAP_INSERTED;
			reclaim_exit(d.t);
			reclaim_poll(d.t);
		}
		if (is_put)
			state.SetIterationTime(seconds_since(c, begin));
		begin = clock_ticks(&c.clock);
		for (uint64_t i = 0; i < BATCH; i++) {
			reclaim_enter(d.t);
			n_wrong += !hmap_delete(d.map, d.t, next + i);
			reclaim_exit(d.t);
			reclaim_poll(d.t);
		}
		if (!is_put)
			state.SetIterationTime(seconds_since(c, begin));
		next += BATCH;
	}
	if (n_wrong)
		state.SkipWithError("wrong answers");
	state.counters["batch"] = BATCH;
}

void register_map(context &c)
{
	const auto add = [&](const char *name, auto fn) {
		auto *b = benchmark::RegisterBenchmark(name, fn)->Arg(10)->Arg(16)->ArgName(
			"log2_keys");

		return c.is_full ? b->Arg(20)->Arg(22) : b;
	};

	add("map/get_hit", [&](benchmark::State &s) { get(s, c, "sweepgen", true, false); });
	add("map/get_miss", [&](benchmark::State &s) { get(s, c, "sweepgen", false, false); });
	add("map/get_hit_growing", [&](benchmark::State &s) { get(s, c, "sweepgen", true, true); });
	add("map/overwrite", [&](benchmark::State &s) { overwrite(s, c, "sweepgen"); });
	add("map/put", [&](benchmark::State &s) {
		put_or_delete(s, c, "sweepgen", true, HMAP_PLAIN);
	})->UseManualTime();
	add("map/delete", [&](benchmark::State &s) {
		put_or_delete(s, c, "sweepgen", false, HMAP_PLAIN);
	})->UseManualTime();
	add("map/delete_payload", [&](benchmark::State &s) {
		put_or_delete(s, c, "sweepgen", false, HMAP_PAYLOAD);
	})->UseManualTime();
	for (size_t i = 0; reclaim_strategies[i]; i++) {
		const char *name = reclaim_strategies[i]->name;

		benchmark::RegisterBenchmark(
			(std::string("map/get_hit_under/") + name).c_str(),
			[&c, name](benchmark::State &s) { get(s, c, name, true, false); })
			->Arg(16)
			->ArgName("log2_keys");
	}
}

} // namespace micro
