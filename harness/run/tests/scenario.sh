#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
# `reclaimbench scenario`: what the scenarios about the collector's insides must show whatever the machine's speed, and
# what is refused.
set -eu
cd "$(dirname "$0")/../../.."
bin=${BUILD:-build}/reclaimbench
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT

fail()
{
	echo "scenario.sh: $*" >&2
	exit 1
}

# refused WANTED-TEXT ARGUMENT...
refused()
{
	local wanted=$1 code=0
	shift
	"$bin" scenario "$@" >"$dir/out" 2>"$dir/err" || code=$?
	[ "$code" -eq 2 ] || fail "scenario $* ended with $code, not 2"
	grep -q -- "$wanted" "$dir/err" || fail "scenario $*: \"$(cat "$dir/err")\" does not say $wanted"
}

# Columns of run.csv by name: setting, options, metric, stat, value; no field of these rows holds a comma
# but options, which is quoted.
value()
{
	grep -F "\"$1\"" "$dir/run.csv" | grep -F ",$2," | grep -F ",$3,$4," | tail -1 |
		sed "s/.*,$3,$4,//; s/,.*//"
}

refused 'did you mean "granularity"' granularty
refused '--from' granularity --from=2^12 --to=2^10
refused '--rounds' granularity --rounds=0
refused '--duration' pause-window --duration=1us
refused '--threads' parallel-growth --threads=0
refused 'memory are available' granularity --to=2^40
refused 'one too many' granularity work

# An empty map, a map of one bucket.
"$bin" scenario granularity --from=0 --to=1 --rounds=1 >"$dir/out" || fail "an empty map cannot be marked"
grep -q ' nan' "$dir/out" || fail "an empty map has no time per bucket"
"$bin" scenario mark-cost --from=0 --to=0 --rounds=1 >"$dir/out" || fail "mark-cost of an empty map"

"$bin" scenario granularity --from=2^10 --to=2^10 --rounds=1 --out="$dir" >/dev/null || fail "granularity"
span=trigger=hand,bits=span,shadow=on
side=trigger=hand,bits=side
[ "$(value $side live=50% false_retention_bytes count)" = 0 ] || fail "a bit per object keeps nothing falsely"
# Even with nothing deleted: overflow buckets that growth has left.
[ "$(value $span live=100% false_retention_bytes count)" -lt "$(value $span live=50% false_retention_bytes count)" ] ||
	fail "the more die, the more is kept falsely"
[ "$(value $span live=50% false_retention_bytes count)" -gt 10000 ] || fail "a bit per span keeps the dead between"
[ "$(value $span live=50% live_bytes count)" = "$(value $side live=50% live_bytes count)" ] ||
	fail "placements disagree about what lives"
[ "$(value $span live=50% mark_bitmap_bytes max)" -lt "$(value $side live=50% mark_bitmap_bytes max)" ] ||
	fail "a bit per span needs fewer bits"
[ -s "$dir/env.json" ] || fail "no env.json"

"$bin" scenario pause-window --to=2^10 --duration=100ms >"$dir/out" || fail "pause-window"
"$bin" scenario co-occurrence --to=2^10 --duration=100ms >"$dir/out" || fail "co-occurrence"
"$bin" scenario parallel-growth --to=2^10 --rounds=1 --threads=2 >"$dir/out" || fail "parallel-growth"
# Random keys, one writer: N ln 2 writes (GO-FACTS section 1), here of some 100 buckets.
awk '$1 == "1" && ($5 < 0.4 || $5 > 0.9) { exit 1 }' "$dir/out" || fail "one writer needs about 0.69 writes a bucket"
"$bin" scenario work --to=2^14 --rounds=3 --out="$dir" >"$dir/out" || fail "work"
[ "$(grep -c '^[0-9]' "$dir/work.dat")" -gt 6 ] || fail "work.dat has too few points"
awk '$1 == "keys" && $2 == "exponent" { found = 1; exit !($6 < 0.2 && $6 > -0.2) } END { exit !found }' "$dir/out" ||
	fail "bytes per entry do not depend on the size"

# inspect: what is held while a reader stays away, and that it is free when it has left.
"$bin" inspect --keys=0 >"$dir/out" || fail "inspect of an empty map"
grep -q 'none: the first insert' "$dir/out" || fail "inspect: an empty map has no buckets"
"$bin" inspect --keys=8 >"$dir/out" || fail "inspect of a map of one bucket"
grep -q 'buckets  *1 buckets at' "$dir/out" || fail "inspect: eight entries fit one bucket"
"$bin" inspect --keys=900 >"$dir/out" || fail "inspect"
grep -q 'nevacuate  *1 of 128' "$dir/out" || fail "inspect: a growth to 256 buckets begins with the 833rd entry"
code=0
"$bin" inspect --keys=2^40 >/dev/null 2>"$dir/err" || code=$?
[ "$code" -eq 2 ] || fail "inspect of a table larger than memory ended with $code, not 2"
for strategy in ebr sweepgen mark; do
	"$bin" inspect --why --keys=1000 --hold=10ms --strategy=$strategy >"$dir/out" || fail "inspect --why $strategy"
	grep -q 'held: 1000 of class value' "$dir/out" || fail "inspect --why $strategy: a stalled reader holds all"
	sed -n '/after it has left/,$p' "$dir/out" | grep -q 'nothing that was retired' ||
		fail "inspect --why $strategy: something is held after the reader left"
done
for strategy in immediate leak hazard qsbr; do
	"$bin" inspect --why --keys=100 --hold=10ms --strategy=$strategy >/dev/null || fail "inspect --why $strategy"
done
echo "scenario.sh: good"
