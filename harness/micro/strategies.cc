// SPDX-License-Identifier: MIT
// strategies.cc - the price of a section, of a retire, and of retire to free, for each strategy listed.
#include "micro/micro.hh"

namespace micro
{

constexpr unsigned N_OBJECTS = 1024, OBJECT_BYTES = 64;

static void enter_exit(benchmark::State &state, context &c, const char *strategy)
{
	domain d(c, strategy, nullptr, HMAP_PLAIN);
	const counted counters(c, state);

	for (auto _ : state) {
		reclaim_enter(d.t);
		benchmark::ClobberMemory();
		reclaim_exit(d.t);
	}
}

static void poll(benchmark::State &state, context &c, const char *strategy)
{
	domain d(c, strategy, nullptr, HMAP_PLAIN);
	const counted counters(c, state);

	for (auto _ : state) {
		reclaim_poll(d.t);
		benchmark::ClobberMemory();
	}
}

// Allocation is not timed.  `is_whole`: until everything is free again, as drain() finds out; strategies that
// never free are not asked.
static void retire(benchmark::State &state, context &c, const char *strategy, bool is_whole)
{
	domain d(c, strategy, nullptr, HMAP_PLAIN);
	std::vector<void *> objects(N_OBJECTS);

	while (state.KeepRunningBatch(N_OBJECTS)) {
		for (auto &object : objects)
			object = reclaim_alloc(d.t, OBJ_VALUE, OBJECT_BYTES, false);
		const uint64_t begin = clock_ticks(&c.clock);

		for (auto object : objects) {
			reclaim_enter(d.t);
			reclaim_retire(d.t, object, false);
			reclaim_exit(d.t);
			reclaim_poll(d.t);
		}
		if (!is_whole)
			state.SetIterationTime(seconds_since(c, begin));
		reclaim_ops(d.r)->drain(d.t);
		if (is_whole)
			state.SetIterationTime(seconds_since(c, begin));
	}
	state.counters["batch"] = N_OBJECTS;
}

void register_strategies(context &c)
{
	for (size_t i = 0; reclaim_strategies[i]; i++) {
		const char *name = reclaim_strategies[i]->name;
		const std::string of = std::string("/") + name;
		const bool never_frees = reclaim_strategies[i]->flags & NEVER_FREES;

		benchmark::RegisterBenchmark(
			("enter_exit" + of).c_str(),
			[&c, name](benchmark::State &s) { enter_exit(s, c, name); });
		benchmark::RegisterBenchmark(("poll" + of).c_str(),
					     [&c, name](benchmark::State &s) { poll(s, c, name); });
		// Fixed iterations: what never frees would fill the memory, and a drain may wait for a thread.
		benchmark::RegisterBenchmark(
			("retire" + of).c_str(),
			[&c, name](benchmark::State &s) { retire(s, c, name, false); })
			->UseManualTime()
			->Iterations(20 * N_OBJECTS);
		if (!never_frees)
			benchmark::RegisterBenchmark(
				("retire_to_free" + of).c_str(),
				[&c, name](benchmark::State &s) { retire(s, c, name, true); })
				->UseManualTime()
				->Iterations(20 * N_OBJECTS);
	}
}

} // namespace micro
