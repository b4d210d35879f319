// SPDX-License-Identifier: MIT
// counting.cc - `micro --count=OP,N`: one operation N times, without Google Benchmark, for scripts/instruction-counts:
// under callgrind the difference of two runs is what the operations execute.  Set-up does not depend on N.
#include "micro/micro.hh"

#include <functional>

extern "C" {
#define class class_
#include "gc/gc_probe.h"
#undef class
}

namespace micro
{

constexpr uint64_t N_KEYS = 4096, N_OBJECTS = 16384;

static void each_key(domain &d, uint64_t n, const std::function<void(uint64_t key)> &fn)
{
	for (uint64_t i = 0; i < n; i++) {
		reclaim_enter(d.t);
		fn(i % N_KEYS);
		reclaim_exit(d.t);
		reclaim_poll(d.t);
	}
}

static void retire_and_free(domain &d, uint64_t n)
{
	for (uint64_t i = 0; i < n; i++) {
		void *object = reclaim_alloc(d.t, OBJ_VALUE, 64, false);

		reclaim_enter(d.t);
		reclaim_retire(d.t, object, false);
		reclaim_exit(d.t);
		reclaim_poll(d.t);
	}
	reclaim_ops(d.r)->drain(d.t);
}

static void mark(domain &d, uint64_t n)
{
	struct gc_probe_mark m;

	for (uint64_t i = 0; i < n; i++)
		if (gc_probe_mark(d.t, &m) == 0)
			gc_probe_clear(d.t);
}

static void sweep(domain &d, uint64_t n)
{
	for (uint64_t i = 0; i < n; i++)
		reclaim_ops(d.r)->collect(d.t);
}

// Units per repetition, for those that do many at once: buckets, spans.
static uint64_t mark_units(domain &d)
{
	struct gc_probe_mark m = {};

	if (gc_probe_mark(d.t, &m) == 0)
		gc_probe_clear(d.t);
	return m.n_buckets;
}
static uint64_t sweep_units(domain &d)
{
	struct gc_log_cycle c = {};
	const struct gc_log *log = reclaim_ops(d.r)->gc_log(d.r);
	uint64_t n = 0;

	reclaim_ops(d.r)->collect(d.t);
	if (gc_log_get(log, gc_log_n_cycles(log), &c))
		for (unsigned by = 0; by < GC_N_SWEPT_BY; by++)
			n += c.n_spans_swept[by];
	return n;
}

int count(context &c, const std::string &what)
{
	const std::string name = what.substr(0, what.find(','));
	const uint64_t n = what.find(',') < what.size()
				   ? strtoull(what.c_str() + what.find(',') + 1, nullptr, 0)
				   : 0;
	uint64_t sum = 0, value = 0;
	const auto on_map = [&](const std::function<void(domain &, uint64_t)> &fn) {
		domain d(c, "sweepgen", "trigger=hand", HMAP_PLAIN);

		d.fill(0, N_KEYS);
		fn(d, n);
		return 0;
	};

	if (name == "none") // the loop itself: section, poll, call
		return on_map([&](domain &d, uint64_t k) {
			each_key(d, k, [&](uint64_t key) { sum += key; });
		});
	if (name == "get_hit")
		return on_map([&](domain &d, uint64_t k) {
			each_key(d, k,
				 [&](uint64_t key) { sum += hmap_get(d.map, d.t, key, &value); });
		});
	if (name == "get_miss")
		return on_map([&](domain &d, uint64_t k) {
			each_key(d, k,
				 [&](uint64_t key) { sum += hmap_get(d.map, d.t, ~key, &value); });
		});
	if (name == "overwrite")
		return on_map([&](domain &d, uint64_t k) {
			each_key(d, k, [&](uint64_t key) { hmap_insert(d.map, d.t, key, 1); });
		});
	if (name == "insert_delete" || name == "delete")
		return on_map([&](domain &d, uint64_t k) {
			each_key(d, k, [&](uint64_t key) {
				if (name == "insert_delete")
					hmap_insert(d.map, d.t, ~key, 1);
				sum += hmap_delete(d.map, d.t, name == "delete" ? key : ~key);
			});
		});
	if (name == "tophash_on" || name == "tophash_off") { // for cachegrind: larger than its D1
		domain d(c, "sweepgen", "trigger=hand", HMAP_PLAIN);

		d.fill(0, N_KEYS * 16);
		return search_hits(d, name == "tophash_on", n, N_KEYS * 16) == n ? 0 : 1;
	}
	if (name == "mark" || name == "mark_payload") {
		domain d(c, "mark", "trigger=hand", name == "mark" ? HMAP_PLAIN : HMAP_PAYLOAD);

		d.fill(0, N_KEYS * 4);
		printf("units %" PRIu64 "\n", mark_units(d));
		mark(d, n);
		return 0;
	}
	if (name == "sweep") {
		domain d(c, "sweepgen", "trigger=hand,batch=1000000", HMAP_PLAIN);

		for (uint64_t i = 0; i < N_OBJECTS; i++)
			reclaim_alloc(d.t, OBJ_BUCKET, sizeof(struct bucket), false);
		printf("units %" PRIu64 "\n", sweep_units(d));
		sweep(d, n);
		return 0;
	}
	if (name.rfind("retire/", 0) == 0 && reclaim_strategy_find(name.c_str() + 7)) {
		domain d(c, name.c_str() + 7, nullptr, HMAP_PLAIN);

		retire_and_free(d, n);
		return 0;
	}
	fprintf(stderr,
		"micro: --count=%s: use none, get_hit, get_miss, overwrite, insert_delete, delete, "
		"tophash_on, tophash_off, mark, mark_payload, sweep or "
		"retire/STRATEGY, and a number: --count=get_hit,1000\n",
		what.c_str());
	return 2;
}

} // namespace micro
