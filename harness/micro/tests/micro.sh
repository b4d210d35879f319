#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
# The micro benchmarks answer right, their JSON goes through Google Benchmark's own compare.py, and without Google
# Benchmark `make micro` says what is missing.
set -eu
cd "$(dirname "$0")/../../.."
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT

fail()
{
	echo "micro.sh: $*" >&2
	exit 1
}

# A compiler that finds no header stands for an absent library.
code=0
make -s micro CXX=false >"$dir/missing" 2>&1 || code=$?
[ "$code" -eq 2 ] || fail "make micro without the library ended with $code, not 2"
grep -q 'libbenchmark-dev' "$dir/missing" || fail "it does not say what is missing: $(cat "$dir/missing")"

if ! "${CXX:-g++}" -fsyntax-only -include benchmark/benchmark.h -x c++ /dev/null 2>/dev/null; then
	echo "micro.sh: Google Benchmark is not installed: the rest is left out"
	exit 0
fi
# Sanitizers have builds of their own; the C++ side has nothing that they would not see in the C tests.
if [ -n "${SAN:-}" ]; then
	exit 0
fi
make -s "${BUILD:-build}/micro" >"$dir/make" 2>&1 || fail "it does not build: $(tail -5 "$dir/make")"

filter='map/get_hit/log2_keys:10|tophash/.*:10|^retire/ebr|mark/plain/log2_keys:10|sweep'
for i in 1 2; do
	"${BUILD:-build}/micro" --benchmark_filter="$filter" --benchmark_min_time=0.001 \
		--benchmark_out="$dir/$i.json" --benchmark_out_format=json >"$dir/out$i" 2>"$dir/goals$i" ||
		fail "a benchmark failed: $(grep ERROR "$dir/out$i")"
done
grep -q 'sweep per dead bucket' "$dir/goals1" || fail "the goals are not printed"
jq -e '[.benchmarks[] | select(.name | startswith("tophash/on_hit")) | .cells_visited] | all(. >= 1 and . < 1.2)' \
	"$dir/1.json" >/dev/null || fail "with the filter a hit should visit little more than one cell"
jq -e '[.benchmarks[] | select(.name | startswith("tophash/off_hit")) | .cells_visited] | all(. > 2)' \
	"$dir/1.json" >/dev/null || fail "without the filter a hit should visit more than two cells"
compare=/usr/share/benchmark/compare.py
if [ -f "$compare" ] && /usr/bin/python3 -c 'import scipy' 2>/dev/null; then
	/usr/bin/python3 "$compare" benchmarks "$dir/1.json" "$dir/2.json" >"$dir/compared" 2>&1 ||
		fail "compare.py does not take the JSON: $(tail -3 "$dir/compared")"
	grep -q 'map/get_hit/log2_keys:10' "$dir/compared" || fail "compare.py lost a benchmark"
else
	echo "micro.sh: compare.py or python3-scipy is not installed: not compared"
fi
# Software events stand for a PMU's: where the kernel counts them, they are user counters.
"${BUILD:-build}/micro" --events=task-clock --benchmark_filter='map/get_hit/log2_keys:10|probe/counter_read' \
	--benchmark_min_time=0.001 --benchmark_format=json >"$dir/events.json" 2>"$dir/err" || fail "--events: $(cat "$dir/err")"
jq -e '.context.counters as $c | .benchmarks | length == 2 and
	(($c | startswith("none: ")) or ($c == "task-clock" and .[0]["task-clock"] > 0 and .[1].events == 1))' \
	"$dir/events.json" >/dev/null || fail "--events=task-clock is no user counter: $(cat "$dir/events.json")"
code=0
"${BUILD:-build}/micro" --events=no_such_event >/dev/null 2>"$dir/err" || code=$?
[ "$code" -eq 2 ] || fail "an unknown event ended with $code, not 2"
grep -q 'reclaimbench events' "$dir/err" || fail "an unknown event: it does not say where the names are"
code=0
"${BUILD:-build}/micro" --benchmark_no_such=1 >/dev/null 2>&1 || code=$?
[ "$code" -eq 2 ] || fail "an unknown flag ended with $code, not 2"
for count in no_such,10 retire/none,10; do
	code=0
	"${BUILD:-build}/micro" --count=$count >/dev/null 2>"$dir/err" || code=$?
	[ "$code" -eq 2 ] || fail "--count=$count ended with $code, not 2"
done
grep -q 'use none, get_hit' "$dir/err" || fail "--count does not say what would be right"
echo "micro.sh: good"
