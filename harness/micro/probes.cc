// SPDX-License-Identifier: MIT
// probes.cc - what the instrument itself costs: histogram, clock, counters, a recorded life.
#include "micro/micro.hh"

#include <memory>

namespace micro
{

static void clock_read(benchmark::State &state, context &c)
{
	for (auto _ : state)
		benchmark::DoNotOptimize(clock_ticks(&c.clock));
}

static void histogram_record(benchmark::State &state)
{
	const auto h = std::make_unique<struct hist>();
	uint64_t random = 1;

	hist_reset(h.get());
	for (auto _ : state)
		hist_record(h.get(), next_random(random) >> 40);
	if (h->n != (uint64_t)state.iterations())
		state.SkipWithError("records were lost");
}

static void life_record(benchmark::State &state, context &c)
{
	struct life_recorder rec;
	uint64_t now = clock_ticks(&c.clock);

	if (life_recorder_init(&rec, &c.clock)) {
		state.SkipWithError("out of memory");
		return;
	}
	life_stage_begin(&rec, now);
	for (auto _ : state) {
		struct heap_stamps stamps;

		stamps.dead_ticks = stamps.retired_ticks = now & ~UINT64_C(1);
		now += 1000;
		life_record_free(&rec, OBJ_VALUE, 64, &stamps, now - 10, now);
	}
	life_recorder_fini(&rec);
}

// Without a PMU the kernel's own clock of the thread is read, which takes the same call.
static void counter_read(benchmark::State &state, context &c)
{
	struct pmu_set *events = c.events;
	struct pmu_thread *thread = nullptr;
	struct pmu_snapshot snapshot;
	char message[256];

	if (!events &&
	    pmu_set_create(&events, "task-clock", &pmu_kernel, message, sizeof(message))) {
		state.SkipWithError(message);
		return;
	}
	if (pmu_open(&thread, events, 0)) {
		state.SkipWithError("out of memory");
	} else {
		for (auto _ : state)
			pmu_read(thread, &snapshot);
		state.counters["events"] = (double)pmu_set_count(events);
		pmu_close(thread);
	}
	if (events != c.events) {
		state.SetLabel("task-clock; " + c.no_events);
		pmu_set_destroy(events);
	}
}

void register_probes(context &c)
{
	benchmark::RegisterBenchmark("probe/clock_read",
				     [&](benchmark::State &s) { clock_read(s, c); });
	benchmark::RegisterBenchmark("probe/histogram_record", histogram_record);
	benchmark::RegisterBenchmark("probe/life_record",
				     [&](benchmark::State &s) { life_record(s, c); });
	benchmark::RegisterBenchmark("probe/counter_read",
				     [&](benchmark::State &s) { counter_read(s, c); });
}

} // namespace micro
