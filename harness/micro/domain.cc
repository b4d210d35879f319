// SPDX-License-Identifier: MIT
// domain.cc - a domain with a map; counters; small arithmetic.
#include "micro/micro.hh"

#include <algorithm>
#include <stdexcept>

namespace micro
{

domain::domain(context &c, const char *strategy, const char *options, hmap_mode mode,
	       bool huge_pages)
    : ctx(c)
{
	struct reclaim_config config = {};
	struct hmap_config map_config = {};
	char message[256] = "";

	config.ops = reclaim_strategy_find(strategy);
	if (!config.ops)
		throw std::runtime_error(std::string("no strategy ") + strategy);
	config.options = options;
	config.heap.kind = HEAP_SPAN;
	config.heap.huge_pages = huge_pages;
	config.clock = &c.clock;
	if (reclaim_create(&r, &config, message, sizeof(message)))
		throw std::runtime_error(message);
	t = reclaim_register(r, ROLE_MUTATOR);
	map_config.mode = mode;
	map_config.unlink = HMAP_UNLINK_EMPTY;
	map_config.value_bytes = 64;
	map_config.seed = 1;
	map_config.hash = hmap_hash_default; // given, so that the seed stays what it is
	if (!t || hmap_create(&map, r, t, &map_config))
		throw std::runtime_error("out of memory");
}

domain::~domain()
{
	hmap_destroy(map, t);
	reclaim_ops(r)->drain(t);
	reclaim_unregister(t);
	reclaim_destroy(r);
}

void domain::fill(uint64_t from, uint64_t to)
{
	for (uint64_t key = from; key < to; key++) {
		reclaim_enter(t);
		if (hmap_insert(map, t, key, key) == HMAP_NO_MEMORY)
			throw std::runtime_error("out of memory");
		reclaim_exit(t);
		reclaim_poll(t);
	}
}

struct hmap_state domain::state()
{
	struct hmap_state s;

	::hmap_state(map, t, &s);
	return s;
}

counted::counted(context &c, benchmark::State &s) : ctx(c), state(s)
{
	if (c.events && pmu_open(&thread, c.events, 0) == 0)
		pmu_read(thread, &begin);
}

counted::~counted()
{
	struct pmu_snapshot end;

	if (!thread)
		return;
	pmu_read(thread, &end);
	for (size_t i = 0; i < pmu_set_count(ctx.events); i++) {
		const struct pmu_value v = pmu_delta(thread, i, &begin, &end);

		// A counter that was not counted is absent, never zero.
		if (v.state == PMU_OK || v.state == PMU_ESTIMATED)
			state.counters[pmu_set_name(ctx.events, i)] =
				benchmark::Counter(v.value, benchmark::Counter::kAvgIterations);
	}
	pmu_close(thread);
}

double seconds_since(const context &c, uint64_t from_ticks)
{
	const uint64_t ns = clock_delta_ns(&c.clock, from_ticks, clock_ticks(&c.clock));

	return (double)(ns ? ns : 1) * 1e-9;
}

double median(std::vector<double> values)
{
	std::sort(values.begin(), values.end());
	return values.empty() ? NAN : values[values.size() / 2];
}

} // namespace micro
