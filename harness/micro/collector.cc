// SPDX-License-Identifier: MIT
// collector.cc - mark per bucket with a read-only walk of the same buckets, sweep per span and per dead bucket with
// malloc's free in order: the ratios of DESIGN section 8, each pair interleaved in one run, median of rounds.
#include "micro/micro.hh"

#include <algorithm>

extern "C" {
#define class class_
#include "gc/gc_probe.h"
#undef class
}

namespace micro
{

constexpr unsigned ROUNDS = 9, N_DEAD = 1 << 16, BUCKET_BYTES = sizeof(struct bucket);

// The arrays of a map, as its tracer shows them.
struct arrays {
	struct one {
		struct bucket *buckets;
		uint64_t n;
	} list[2];
	unsigned n = 0;
};

static bool note_array(void *ctx, void *array, uint64_t n_buckets, bool)
{
	auto *a = static_cast<arrays *>(ctx);

	if (a->n < 2)
		a->list[a->n++] = {static_cast<struct bucket *>(array), n_buckets};
	return false;
}

static arrays arrays_of(domain &d)
{
	arrays a;
	struct hmap_visitor v = {};

	v.ctx = &a;
	v.array = note_array;
	hmap_trace(d.map, d.t, &v);
	return a;
}

// The least that anyone must do who looks at every bucket in address order: read its link, go where it leads.
// `with_values`: reads the eight values too, and the first word of each payload, for these are objects that the marker
// must reach as well; fetched two buckets ahead of the read, as the marker fetches its bits.
struct walker {
	struct heap_packing packing;
	bool with_values;
	uint64_t sum = 0, n_buckets = 0;
	const uint64_t *payloads[4][HMAP_N_CELLS] = {};
};

static void walk_values(walker &w, const struct bucket *b)
{
	auto &ahead = w.payloads[w.n_buckets % 4], &due = w.payloads[(w.n_buckets + 2) % 4];

	for (unsigned i = 0; i < HMAP_N_CELLS; i++) {
		if (due[i])
			w.sum += *due[i];
		due[i] = nullptr;
		ahead[i] = (const uint64_t *)load_relaxed(&b->cells[i].value);
		if (ahead[i])
			__builtin_prefetch(ahead[i]);
	}
}

static uint64_t walk(walker &w, const arrays &a)
{
	for (unsigned k = 0; k < a.n; k++)
		for (uint64_t i = 0; i < a.list[k].n; i++) {
			const struct bucket *b = &a.list[k].buckets[i];

			__builtin_prefetch(b + 6);
			if (w.with_values) {
				__builtin_prefetch(&b[6].cells[3]);
				__builtin_prefetch(&b[6].cells[6]);
			}
			for (; b; b = link_pointer(w.packing, load_acquire(&b->link))) {
				w.sum += load_relaxed(&b->tophash);
				if (w.with_values)
					walk_values(w, b);
				w.n_buckets++;
			}
		}
	for (auto &row : w.payloads)
		for (auto payload : row)
			w.sum += payload ? *payload : 0;
	return w.sum;
}

// With payloads the marker finds each one's span, its index and its bit: some 70 instructions, where the walk has a load.
// In larger tables both wait for memory, and the marker's fetches are further ahead; in one that fits the nearest caches
// the instructions are what remains.  By ablation, 2^10 keys, ns a bucket, where the walk takes 6 to 7: cells alone 2.8,
// as it is 14.2; in one pass without fetching ahead 11.6 (but at 2^20 keys 40, not 29); that without any check of the
// word, or whether it is marked, 8.0.  One bit for each 16 bytes of the arena, found without the span: 7.1, but what a
// payload counts for to the pacer is the span's to say, and the sweep would have to pick its bits out.
static void mark_against_walk(benchmark::State &state, context &c, hmap_mode mode,
			      const char *options, bool is_goal)
{
	domain d(c, "mark", options, mode);
	const struct heap_packing packing = heap_packing(reclaim_heap(d.r));
	std::vector<double> marks, walks, ratios;

	d.fill(0, UINT64_C(1) << state.range(0));
	const arrays a = arrays_of(d);

	for (auto _ : state) {
		struct gc_probe_mark mark;
		walker w = {packing, mode == HMAP_PAYLOAD};
		const uint64_t begin = clock_ticks(&c.clock);

		benchmark::DoNotOptimize(walk(w, a));
		const uint64_t n_walked = w.n_buckets;
		const double walk_ns = seconds_since(c, begin) * 1e9 / (double)n_walked;

		if (gc_probe_mark(d.t, &mark)) {
			state.SkipWithError("cannot mark by hand");
			return;
		}
		gc_probe_clear(d.t);
		if (mark.n_buckets != n_walked) {
			state.SkipWithError("mark and walk saw different buckets");
			return;
		}
		const double mark_ns = (double)mark.ns / (double)mark.n_buckets;

		state.SetIterationTime((double)std::max<uint64_t>(mark.ns, 1) * 1e-9 /
				       (double)mark.n_buckets);
		marks.push_back(mark_ns);
		walks.push_back(walk_ns);
		ratios.push_back(mark_ns / walk_ns);
		state.counters["buckets"] = (double)n_walked;
	}
	state.counters["mark_ns"] = median(marks);
	state.counters["walk_ns"] = median(walks);
	state.counters["mark_over_walk"] = median(ratios);
	if (is_goal)
		c.goals.push_back(
			{(mode == HMAP_PAYLOAD ? "mark / walk that reads buckets and payloads, 2^"
					       : "mark / read-only walk, 2^") +
				 std::to_string(state.range(0)) + " keys",
			 "x", 1.15, 0.5, median(ratios)});
}

// Frees of N_DEAD malloc'ed buckets in the order they came, ns each.
static double malloc_frees_ns(context &c, std::vector<void *> &objects)
{
	for (auto &object : objects) {
		object = malloc(BUCKET_BYTES);
		*static_cast<volatile char *>(object) = 0;
	}
	const uint64_t begin = clock_ticks(&c.clock);

	for (auto object : objects)
		free(object);
	return seconds_since(c, begin) * 1e9 / (double)objects.size();
}

// One cycle by hand; its background sweep: ns in all, and the spans.
static bool sweep(domain &d, double &ns, uint64_t &n_spans, uint64_t &n_freed)
{
	const struct gc_log *log = reclaim_ops(d.r)->gc_log(d.r);
	struct gc_log_cycle cycle;

	reclaim_ops(d.r)->collect(d.t);
	if (!gc_log_get(log, gc_log_n_cycles(log), &cycle) || !cycle.sweep_end_ticks)
		return false;
	n_spans = 0;
	for (unsigned by = 0; by < GC_N_SWEPT_BY; by++)
		n_spans += cycle.n_spans_swept[by];
	ns = (double)cycle.sweep_ns;
	n_freed = cycle.n_objects_freed;
	return n_spans > 0;
}

// While it lives, threads begin on the last processor, or on the first, where the caller is after settle().
class placed
{
      public:
	explicit placed(bool is_apart)
	{
		int last = CPU_SETSIZE - 1;

		is_good = !sched_getaffinity(0, sizeof(all), &all);
		while (first < last && !CPU_ISSET(first, &all))
			first++;
		while (last > first && !CPU_ISSET(last, &all))
			last--;
		has_two = first != last;
		move_to(is_apart ? last : first);
	}
	~placed()
	{
		sched_setaffinity(0, sizeof(all), &all);
	}
	placed(const placed &) = delete;
	placed &operator=(const placed &) = delete;
	bool settle()
	{
		move_to(first);
		return is_good;
	}
	bool has_two;

      private:
	cpu_set_t all;
	int first = 0;
	bool is_good;

	void move_to(int processor)
	{
		cpu_set_t one;

		CPU_ZERO(&one);
		CPU_SET(processor, &one);
		is_good = is_good && !sched_setaffinity(0, sizeof(one), &one);
	}
};

// N_DEAD buckets, three cycles a round.  In the first two all are alive: `touched_span_ns` is of spans that were filled
// just before, `span_ns` of spans that nobody has used since their last sweep.  In the third all are dead.
// `is_apart`: the collector runs on another core than the allocator.  One line a span changes hands then, its place and
// its bits, fetched 16 spans ahead.
static void sweep_against_malloc(benchmark::State &state, context &c, bool is_apart)
{
	placed place(is_apart);
	domain d(c, "sweepgen", "trigger=hand,batch=1000000", HMAP_PLAIN);
	std::vector<void *> objects(N_DEAD), mallocs(N_DEAD);
	std::vector<double> spans, touched, deads, frees, ratios;
	uint64_t n_freed_wrong = 0;

	if (!place.settle()) {
		state.SkipWithError("cannot be placed on a processor");
		return;
	}
	for (auto _ : state) {
		double idle_ns, ns;
		uint64_t n_idle, n_spans, n_freed;

		const double free_ns = malloc_frees_ns(c, mallocs);

		for (auto &object : objects)
			object = reclaim_alloc(d.t, OBJ_BUCKET, BUCKET_BYTES, false);
		if (!sweep(d, idle_ns, n_idle, n_freed)) {
			state.SkipWithError("no sweep in the log");
			return;
		}
		touched.push_back(idle_ns / (double)n_idle);
		n_freed_wrong += n_freed;
		if (!sweep(d, idle_ns, n_idle, n_freed)) {
			state.SkipWithError("no sweep in the log");
			return;
		}
		n_freed_wrong += n_freed;
		for (auto object : objects)
			reclaim_retire(d.t, object, false);
		if (!sweep(d, ns, n_spans, n_freed)) {
			state.SkipWithError("no sweep in the log");
			return;
		}
		n_freed_wrong += n_freed != N_DEAD;
		state.SetIterationTime(std::max(ns, 1.0) * 1e-9 / N_DEAD);
		spans.push_back(idle_ns / (double)n_idle);
		deads.push_back(ns / N_DEAD);
		frees.push_back(free_ns);
		ratios.push_back(ns / N_DEAD / free_ns);
		state.counters["spans"] = (double)n_spans;
	}
	if (n_freed_wrong)
		state.SkipWithError("the sweep freed what it should not, or left something");
	state.counters["span_ns"] = median(spans);
	state.counters["touched_span_ns"] = median(touched);
	state.counters["dead_ns"] = median(deads);
	state.counters["malloc_free_ns"] = median(frees);
	state.counters["dead_over_malloc"] = median(ratios);
	if (is_apart) {
		c.goals.push_back({"sweep of a span that another core has just filled", "ns", 12,
				   NAN, median(touched)});
		return;
	}
	c.goals.push_back({"sweep of a span with nothing dead", "ns", 12, NAN, median(spans)});
	c.goals.push_back({"sweep of a span just filled", "ns", 12, NAN, median(touched)});
	c.goals.push_back({"sweep per dead bucket / malloc's free in order", "x", 0.35, 0.15,
			   median(ratios)});
}

void register_collector(context &c)
{
	static const char by_hand[] = "trigger=hand";
	const auto add = [&](const char *name, hmap_mode mode, const char *options, bool is_goal) {
		return benchmark::RegisterBenchmark(
			       name,
			       [&c, mode, options, is_goal](benchmark::State &s) {
				       mark_against_walk(s, c, mode, options, is_goal);
			       })
			->UseManualTime()
			->Iterations(ROUNDS)
			->ArgName("log2_keys");
	};

	add("mark/plain", HMAP_PLAIN, by_hand, true)->Arg(10)->Arg(16)->Arg(20);
	add("mark/plain_header", HMAP_PLAIN, "trigger=hand,bits=header", false)->Arg(16)->Arg(20);
	add("mark/plain_span", HMAP_PLAIN, "trigger=hand,bits=span", false)->Arg(16)->Arg(20);
	add("mark/payload", HMAP_PAYLOAD, by_hand, true)->Arg(10)->Arg(16)->Arg(20);
	for (const bool is_apart : {false, true}) {
		if (is_apart && !placed(false).has_two)
			break;
		benchmark::RegisterBenchmark(is_apart ? "sweep/buckets_other_core"
						      : "sweep/buckets",
					     [&c, is_apart](benchmark::State &s) {
						     sweep_against_malloc(s, c, is_apart);
					     })
			->UseManualTime()
			->Iterations(ROUNDS);
	}
}

} // namespace micro
