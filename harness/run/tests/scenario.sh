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
code=0
"$bin" run --keys=2^40 >/dev/null 2>"$dir/err" || code=$?
[ "$code" -eq 2 ] || fail "run with a table larger than memory ended with $code, not 2"
grep -q 'memory are available' "$dir/err" || fail "run: \"$(cat "$dir/err")\" does not say how much memory there is"

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
"$bin" scenario stale-reader --to=2^10 --duration=10ms --out="$dir/made/anew" >/dev/null && [ -s "$dir/made/anew/run.csv" ] || fail "folders that were not there"
"$bin" scenario stale-reader --to=2^10 --duration=10ms --out="$dir" >"$dir/out" || fail "stale-reader"
held()
{
	grep ",$1," "$dir/run.csv" | sed -n 's/.*,held_objects,count,\([0-9]*\),.*/\1/p'
}
[ "$(held leak)" -ge 1024 ] || fail "leak holds all that was retired"
[ "$(held sweepgen)" -ge 1024 ] || fail "no generation ends while a reader stays"
[ "$(held immediate)" -eq 0 ] || fail "immediate holds nothing"
"$bin" scenario work --to=2^14 --rounds=3 --out="$dir" >"$dir/out" || fail "work"
[ "$(grep -c '^[0-9]' "$dir/work.dat")" -gt 6 ] || fail "work.dat has too few points"
awk '$1 == "keys" && $2 == "exponent" { found = 1; exit !($6 < 0.2 && $6 > -0.2) } END { exit !found }' "$dir/out" ||
	fail "bytes per entry do not depend on the size"

# Scenarios that are job files: each name has its file, and the file says what is run.
for name in staged lifecycle capacity ghost mixed deterministic alignment-in-time heap-curve assist; do
	"$bin" scenario --list | grep -q "^$name .*(job file)\$" || fail "--list does not have $name"
	"$bin" scenario $name --dry-run >"$dir/out" || fail "$name --dry-run"
	grep -q "$name" "$dir/out" || fail "$name --dry-run prints no cell"
done
refused 'says what is run' ghost --seed=2
refused 'for scenarios that are job files' granularity --dry-run
refused 'cannot be read' "$dir/none.ini"
# small NAME SED: the job file of a scenario, made small, is run from another folder.
small()
{
	sed "$2" "scripts/matrices/$1.ini" >"$dir/$1.ini"
	(cd "$dir" && "$OLDPWD/$bin" scenario "./$1.ini" --out="$dir/$1") >"$dir/out" || fail "$1 of a copied job file"
}
small ghost 's/2^10, 2^16/2^10, 2^11/'
[ "$(grep -c '0 freed while growing' "$dir/out")" -eq 2 ] || fail "ghost: an iterated map pins in both sizes"
[ "$(grep -c ',held_over_final,' "$dir/ghost/run.csv")" -eq 10 ] || fail "ghost: five states, two sizes"
small deterministic 's/10ms/1ms/; s/1000/100/; s/\[det/reps = 2\n&/'
[ "$(grep -c ',freed_in_first_cycle,count,100,' "$dir/deterministic/run.csv")" -eq 2 ] ||
	fail "deterministic: each delete is freed in the first cycle after it"
small alignment-in-time 's/10s/300ms/; s/1k, 5k, 10k/10k/; s/2^10, 2^16/2^10/'
jq -e '[.traceEvents[] | select(.ph == "i" and .cat == "free")] | length > 0' "$dir/alignment-in-time/trace.json" \
	>/dev/null || fail "alignment-in-time: trace.json shows no free"
# The trace-event format: what each phase must have, so that viewers load it.
jq -e '(.displayTimeUnit == "ns") and (.otherData.dropped == 0) and ([.traceEvents[] |
	(.pid | type == "number") and (.tid | type == "number") and (.name | type == "string") and
	if .ph == "M" then (.args.name | type == "string")
	elif .ph == "X" then (.ts >= 0 and .dur >= 0 and (.cat | type == "string"))
	elif .ph == "i" then (.ts >= 0 and .s == "t")
	elif .ph == "C" then (.ts >= 0 and ([.args[] | type == "number"] | all))
	else false end] | all) and
	(([.traceEvents[] | select(.ph != "M") | .tid] | unique) -
	 ([.traceEvents[] | select(.ph == "M" and .name == "thread_name") | .tid]) | length == 0)' \
	"$dir/alignment-in-time/trace.json" >/dev/null || fail "alignment-in-time: trace.json is no trace-event file"
awk -F, 'NR > 1 && !($8 <= $9 && $9 <= $10 && $10 <= $11) { exit 1 } END { exit NR < 2 }' \
	"$dir/alignment-in-time/deletes.csv" || fail "alignment-in-time: begin, marking, its end, freed come in turn"
small heap-curve 's/2^1[36]/2^11/; s/[0-9]*s$/500ms/; s/quiet.*/quiet = 100ms/'
head -1 "$dir/heap-curve/timeline.csv" | grep -q heap_objects || fail "heap-curve: no timeline"
grep -q ',deleted,' "$dir/heap-curve/timeline.csv" || fail "heap-curve: all keys are deleted in the end"
small assist 's/2^16/2^10/; s/5s/100ms/; s/10k, max/max/; s/, 50, 100, 400/, 100/'
[ "$(grep -c ' %$' "$dir/out")" -eq 4 ] || fail "assist: a line for each rate and GOGC"
# A job file of `run` cells has a folder of its own; what stands there is gone on with, by the option that is named.
for name in one two; do
	printf '[a]\nstrategy=leak\nkeys=2^8\nstages=max:20ms\nwarmup=0ms\ntracking-cost=off\n' >"$dir/$name.ini"
	(cd "$dir" && "$OLDPWD/$bin" scenario "./$name.ini") >"$dir/out" 2>"$dir/err" || fail "$name.ini"
	[ -s "$dir/reclaimbench-$name/run.csv" ] || fail "$name.ini leaves no reclaimbench-$name"
done
code=0
(cd "$dir" && "$OLDPWD/$bin" scenario one.ini) >"$dir/out" 2>"$dir/err" || code=$?
[ "$code" -eq 2 ] || fail "a second scenario one.ini ended with $code, not 2"
grep -q -- '--resume' "$dir/err" || fail "a second scenario one.ini does not say how to go on"
(cd "$dir" && "$OLDPWD/$bin" scenario one.ini --resume) >"$dir/out" 2>"$dir/err" || fail "one.ini --resume"
grep -q 'leak' "$dir/out" || fail "one.ini --resume prints no table"
refused 'all run anew' ghost --resume
refused 'for scenarios that are job files' granularity --resume
# What is wrong in a job file is named with its line.
printf '[global]\nprogram = ghots\n[a]\nkeys = 16\n' >"$dir/bad.ini"
refused 'did you mean ghost' "$dir/bad.ini"
printf '[global]\nprogram = ghost\n[a]\nkyes = 16\n' >"$dir/bad.ini"
refused "bad.ini:4: unknown key 'kyes'; did you mean 'keys'" "$dir/bad.ini"
printf '[global]\nprogram = ghost\n[a]\nkeys = 4\n' >"$dir/bad.ini"
refused 'bad.ini:4: \[a\]' "$dir/bad.ini"
printf '[a]\nprogram = ghost\nkeys = 16\n' >"$dir/bad.ini"
refused "bad.ini:2: 'program' stands in \[global\]" "$dir/bad.ini"
code=0
"$bin" matrix scripts/matrices/ghost.ini >/dev/null 2>"$dir/err" || code=$?
[ "$code" -eq 2 ] || fail "matrix ran a job file of another program"
grep -q 'reclaimbench scenario' "$dir/err" || fail "matrix does not say what runs ghost.ini"

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
# Every strategy says who holds back what, in its own terms, while the reader is inside.
explained()
{
	"$bin" inspect --why --keys=100 --hold=10ms --strategy="$1" >"$dir/out" || fail "inspect --why $1"
	sed '/after it has left/,$d' "$dir/out" | grep -q "$2" || fail "inspect --why $1 does not say '$2'"
	if [ $# -gt 2 ] && sed -n '/after it has left/,$p' "$dir/out" | grep -q "$2"; then
		fail "inspect --why $1: '$2' though the reader has left"
	fi
}
listed=$("$bin" list --short | cut -d" " -f1)
for strategy in $listed; do
	case $strategy in
	ebr) explained ebr 'thread [0-9]* (reader) is in a section of epoch [0-9]*, the current one is' gone ;;
	hazard) explained hazard 'thread [0-9]* (reader) protects 0x[0-9a-f]* in slot' gone ;;
	ibr) explained ibr 'thread [0-9]* (reader) reserves epochs [0-9]* to' gone ;;
	hyaline) explained hyaline 'thread [0-9]* (reader) is in a section; batches up to' gone ;;
	debra) explained debra 'thread [0-9]* (reader) is in a section since epoch' gone ;;
	rcu | qsbr) explained "$strategy" 'the grace period may wait for thread [0-9]* (reader)' gone ;;
	sweepgen | mark | go) explained "$strategy" 'not at a safepoint, the first is thread' ;;
	leak) explained leak 'leak: [1-9][0-9]* retired objects are kept, by no thread' ;;
	immediate) explained immediate 'holds its bucket.s stripe: deletes there wait' gone ;;
	*) fail "inspect --why: no test for strategy $strategy" ;;
	esac
done
echo "scenario.sh: good"
