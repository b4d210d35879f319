// SPDX-License-Identifier: MIT
// main.cc - Google Benchmark on the C headers: what each operation of the map, the strategies and the instrument
// costs.  All flags are Google Benchmark's, and --full (tables beyond the caches too) and --events=A,B (user counters,
// names as in `reclaimbench events`); short by default.  Exit: 0; 1 a benchmark gave wrong answers or could not run; 2
// usage.
#include "micro/micro.hh"

#include <cmath>

#include "micro/abi.h"

static bool abi_is_same()
{
	struct micro_abi c;

	micro_abi(&c);
	return c.thread_bytes == sizeof(struct reclaim_thread) &&
	       c.span_bytes == sizeof(struct heap_span) &&
	       c.bucket_bytes == sizeof(struct bucket) && c.gc_bytes == sizeof(struct gc) &&
	       c.gc_thread_bytes == sizeof(struct gc_thread) &&
	       c.life_bytes == sizeof(struct life_recorder) &&
	       c.span_bits_offset == offsetof(struct heap_span, bits) &&
	       c.thread_cache_offset == offsetof(struct reclaim_thread, cache);
}

// Events that can be counted here, or none and why.  False: there are no such events.
static bool open_events(micro::context &c, const char *names)
{
	struct pmu_thread *thread;
	struct pmu_snapshot begin, end;
	char message[256];

	if (pmu_set_create(&c.events, names, &pmu_kernel, message, sizeof(message))) {
		fprintf(stderr, "micro: --events: %s\n", message);
		return false;
	}
	if (pmu_open(&thread, c.events, 0) == 0) {
		pmu_read(thread, &begin);
		pmu_read(thread, &end);
		const struct pmu_value v = pmu_delta(thread, 0, &begin, &end);

		pmu_close(thread);
		if (v.state == PMU_OK || v.state == PMU_ESTIMATED)
			return true;
		c.no_events = v.reason;
	}
	pmu_set_destroy(c.events);
	c.events = nullptr;
	return true;
}

static bool is_given(int argc, char **argv, const char *flag)
{
	for (int i = 1; i < argc; i++)
		if (strncmp(argv[i], flag, strlen(flag)) == 0)
			return true;
	return false;
}

// Must, aim, measured: to stderr, so that --benchmark_format=json stays JSON.
static void print_goals(const std::vector<micro::goal> &goals)
{
	if (goals.empty())
		return;
	fprintf(stderr, "\n%-58s %8s %8s %10s\n", "goal", "must", "aim", "measured");
	for (const auto &g : goals) {
		char aim[32] = "-";

		if (!std::isnan(g.aim))
			snprintf(aim, sizeof(aim), "%.3g", g.aim);
		fprintf(stderr, "%-58s %8.3g %8s %8.3g %-2s %s\n", g.what.c_str(), g.must, aim,
			g.measured, g.unit.c_str(), g.measured <= g.must ? "met" : "NOT MET");
	}
}

// Counts what went wrong, as each run is reported.
class reporter : public benchmark::ConsoleReporter
{
      public:
	reporter() : benchmark::ConsoleReporter(OO_None)
	{
	}
	void ReportRuns(const std::vector<Run> &runs) override
	{
		for (const auto &run : runs)
			n_errors += run.error_occurred;
		benchmark::ConsoleReporter::ReportRuns(runs);
	}
	unsigned n_errors = 0;
};

int main(int argc, char **argv)
{
	static char short_time[] = "--benchmark_min_time=0.02";
	std::vector<char *> args(argv, argv + argc);
	const char *events = "cycles,instructions,cache-misses";
	micro::context c;
	reporter console;
	int n;

	if (!abi_is_same()) {
		fprintf(stderr, "micro: C and C++ disagree about the layout of a struct; nothing "
				"can be measured\n");
		return 1;
	}
	for (size_t i = args.size(); i-- > 1;) {
		const bool is_full = strcmp(args[i], "--full") == 0;

		if (strncmp(args[i], "--events=", 9) == 0)
			events = args[i] + 9;
		else if (!is_full)
			continue;
		c.is_full = c.is_full || is_full;
		args.erase(args.begin() + (ptrdiff_t)i);
	}
	if (!is_given(argc, argv, "--benchmark_min_time"))
		args.push_back(short_time);
	n = (int)args.size();
	args.push_back(nullptr);
	for (size_t i = 1; i + 1 < args.size(); i++)
		if (strncmp(args[i], "--count=", 8) == 0) {
			clock_init(&c.clock, true);
			return micro::count(c, args[i] + 8);
		}
	clock_init(&c.clock, false);
	if (!open_events(c, events))
		return 2;
	micro::register_map(c);
	micro::register_strategies(c);
	micro::register_collector(c);
	micro::register_probes(c);
	micro::register_tophash(c);
	micro::register_layout(c);
	micro::register_probing(c);
	benchmark::AddCustomContext("clock", c.clock.name);
	benchmark::AddCustomContext("counters", c.events ? events : "none: " + c.no_events);
	benchmark::Initialize(&n, args.data());
	if (benchmark::ReportUnrecognizedArguments(n, args.data()))
		return 2;
	if (is_given(argc, argv, "--benchmark_format=json") ||
	    is_given(argc, argv, "--benchmark_format=csv"))
		benchmark::RunSpecifiedBenchmarks();
	else
		benchmark::RunSpecifiedBenchmarks(&console);
	print_goals(c.goals);
	if (c.events)
		pmu_set_destroy(c.events);
	return console.n_errors != 0;
}
