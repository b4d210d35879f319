#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
# run.sh - `reclaimbench run` from outside: results, digests, faults, Ctrl-C.  No assertion on a duration.
#
# BUILD: folder of the build.  Run by scripts/run-tests, from the top of the tree.
set -u
bin=${BUILD:-build}/reclaimbench
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
n_failed=0

fail() {
	echo "FAILED: $*"
	n_failed=$((n_failed + 1))
}

# expect CODE WORDS... -- COMMAND...: exit code, and stderr that holds each word.
expect() {
	local code=$1 got word
	local words=()
	shift
	while [ "$1" != -- ]; do
		words+=("$1")
		shift
	done
	shift
	timeout 120 "$@" >"$dir/stdout" 2>"$dir/stderr"
	got=$?
	[ "$got" -eq "$code" ] || fail "$*: exit code $got instead of $code: $(head -3 "$dir/stderr")"
	for word in "${words[@]}"; do
		grep -qF -- "$word" "$dir/stderr" || fail "$*: no \"$word\" in: $(head -3 "$dir/stderr")"
	done
}

quick=(--keys=4k --warmup=0 --tracking-cost=off)
# Allocators are preloaded by running the program again; every row says which.
for library in jemalloc mimalloc; do
	ldconfig -p | grep -q "lib$library.so.2 " || continue
	[ -n "${SAN:-}" ] && continue # a sanitizer has its own malloc
	expect 0 -- "$bin" run "${quick[@]}" --alloc=$library --strategy=leak --stages=max:20ms --out="$dir/$library"
	[ "$(sed 1d "$dir/$library/run.csv" | cut -d, -f16 | sort -u)" = $library ] || fail "alloc=$library is not in every row"
	grep -q "lib$library.so.2" "$dir/$library/env.json" || fail "env.json does not name $library"
	expect 2 -- env LD_PRELOAD="/nowhere/lib$library.so.2" "$bin" run --strategy=leak --alloc=$library --out="$dir/no"
	grep -q "could not be preloaded; install" "$dir/stderr" || fail "no word of the missing $library"
done
# All that are built in; a library may be absent here.
strategies=
while read -r s; do
	"$bin" run --strategy="$s" --keys=0 2>&1 | grep -q -- --keys=0 && strategies+=" $s"
done < <(sed -n 's/^STRATEGY(\(.*\))$/\1/p' strategies/strategies.def)

# column FILE STRATEGY STAGE OBJECT METRIC STAT: the value; simple rows have no quoted commas before it.
column() {
	python3 - "$@" <<'PY'
import csv, sys
path, strategy, stage, obj, metric, stat = sys.argv[1:7]
for r in csv.DictReader(open(path, newline='')):
    if (r['strategy'], r['stage'], r['object'], r['metric'], r['stat']) == (strategy, stage, obj, metric, stat) \
            and r['phase'] in ('', 'total') and r['table_state'] in ('', 'all'):
        print(r['value'], r['status'], r['reason'])
        break
PY
}

# The same operations for every strategy at one seed, and the self-checks hold.
digests=$dir/digests
for s in $strategies; do
	expect 0 -- "$bin" run --strategy="$s" "${quick[@]}" --dist=fifo --mix=0/50/50 --garbage-bytes=512 \
		--stages=2k:400ms,max:400ms --out="$dir/all"
	grep -q '^conservation: .* exact in 2 of 2' "$dir/stdout" || fail "$s: conservation"
	grep -q "^Little's law: holds in 2 of 2" "$dir/stdout" || fail "$s: Little's law"
	column "$dir/all/run.csv" "$s" max all digest mean >>"$digests"
	# Where there is a log of cycles: nothing is freed by the cycle in whose marking it died.
	for metric in law_freed_in_cycle law_flips_0 law_flips_3plus; do
		read -r value _ < <(column "$dir/all/run.csv" "$s" max value "$metric" count) || continue
		[ "$value" = 0 ] || fail "$s: $metric is $value"
	done
done
[ "$(sort -u "$digests" | wc -l)" -eq 1 ] || fail "digests differ: $(cat "$digests")"

# A stage's first sample knows nothing of the stage before.
expect 0 -- "$bin" run "${quick[@]}" --stages=max:60ms,1k:60ms,max:60ms,2k:60ms,max:60ms,1k:60ms --out="$dir/samples"
python3 - "$dir/samples/timeline.csv" <<'PY' || fail "operations of one stage are counted in another"
import csv, sys
rows = list(csv.DictReader(open(sys.argv[1], newline='')))
slow = [r for r in rows if r['stage'].startswith(('1k', '2k'))]
sys.exit(not slow or any(int(r['n_ops']) > 1000 for r in slow) or
         any(float(r['ops_per_s']) > 1e12 for r in rows if r['ops_per_s']))
PY

# leak is censored, immediate is far below.
read -r leak_p50 leak_status _ < <(column "$dir/all/run.csv" leak max all lifetime p50)
read -r immediate_p50 _ < <(column "$dir/all/run.csv" immediate max all lifetime p50)
[ "$leak_status" = censored ] || fail "leak's P50 is $leak_status, not censored"
awk -v a="$immediate_p50" -v b="$leak_p50" 'BEGIN { exit !(a < b) }' ||
	fail "immediate's P50 $immediate_p50 is not below leak's bound $leak_p50"

# Usage errors name the option and what is right.
expect 2 "--strategy=nosuch" "list" -- "$bin" run --strategy=nosuch --out="$dir/x"
expect 2 "--strategy=leak,immediate" "matrix" -- "$bin" run --strategy=leak,immediate --out="$dir/x"
expect 2 "--keys=0" "1 to" -- "$bin" run --strategy=leak --keys=0 --out="$dir/x"
expect 2 "--value-bytes=3" -- "$bin" run --strategy=leak --value-bytes=3 --out="$dir/x"
expect 2 "--stages=1k" -- "$bin" run --strategy=leak --stages=1k --out="$dir/x"
expect 2 "--mix=50/50/50" -- "$bin" run --strategy=leak --mix=50/50/50 --out="$dir/x"
expect 2 "--evict needs --trace" -- "$bin" run --strategy=leak --evict=lru:10 --out="$dir/x"
expect 2 "nowhere.csv" -- "$bin" run --strategy=leak --trace="$dir/nowhere.csv" --out="$dir/x"
expect 2 "--pin" "99999" -- "$bin" run --strategy=leak --pin=9999,99999 --out="$dir/x"
printf 'op,key,size,timestamp_ns\nI,zz\n' >"$dir/bad.csv"
expect 2 "bad.csv:2" -- "$bin" run --strategy=leak --trace="$dir/bad.csv" --out="$dir/x"

# A directory that cannot be made, a file that cannot be written, a full disk.
: >"$dir/file"
expect 2 "$dir/file/sub" -- "$bin" run --strategy=leak "${quick[@]}" --out="$dir/file/sub"
mkdir "$dir/full"
ln -s /dev/full "$dir/full/run.csv"
expect 5 "run.csv" "No space left" -- "$bin" run --strategy=leak "${quick[@]}" --stages=max:100ms \
	--out="$dir/full"

# trace.json: as viewers want it, with and without a log of cycles the freed are in it, and each thread has a row that
# shows what it does for the collector.
for s in go immediate; do
	expect 0 -- "$bin" run --strategy="$s" "${quick[@]}" --stages=20k:400ms --trace-json --out="$dir/events"
	"$(dirname "$0")/../../scripts/check-trace" "$dir/events/trace.json" >/dev/null || fail "$s: trace.json"
	python3 - "$dir/events/trace.json" "$s" <<'PY' || fail "$s: trace.json"
import json, sys
events = json.load(open(sys.argv[1]))['traceEvents']
kinds = {(e['ph'], e.get('cat'), e['name']) for e in events}
for kind in ('X', 'stage', '20k'), ('i', 'delete', 'value'), ('i', 'free', 'value'), ('C', 'gauge', 'limbo'):
    assert kind in kinds, kind
assert (('X', 'cycle', 'mark') in kinds) == (sys.argv[2] == 'go')
names = {e['tid']: e['args']['name'] for e in events if e['name'] == 'thread_name'}
acts = {(names[e['tid']].split(': ')[1], e['name']) for e in events if e.get('cat') == 'thread'}
for act in ('mutator', 'sweep: to allocate'), ('collector', 'mark'), ('collector', 'sweep'):
    assert (act in acts) == (sys.argv[2] == 'go'), (act, acts)
PY
done
# Payloads of recorded sizes.
expect 2 "--value-bytes=trace needs --trace=FILE" -- "$bin" run --value-bytes=trace
mkdir "$dir/full-events"
ln -s /dev/full "$dir/full-events/trace.json"
expect 5 "trace.json" "No space left" -- "$bin" run --strategy=go "${quick[@]}" --stages=max:100ms \
	--trace-json --out="$dir/full-events"

# Ctrl-C in mid-stage: the row is finished, earlier ones are kept, exit code 130.
"$bin" run --strategy=leak "${quick[@]}" --stages=1k:300ms,1k:600s --out="$dir/int" \
	>"$dir/stdout" 2>"$dir/stderr" &
pid=$!
for _ in $(seq 600); do
	grep -q 'stage 2/2' "$dir/stderr" && break
	sleep 0.1
done
sleep 0.5
kill -INT "$pid"
wait "$pid"
code=$?
[ "$code" -eq 130 ] || fail "Ctrl-C: exit code $code instead of 130"
read -r value _ reason < <(column "$dir/int/run.csv" leak "1k#2" all throughput rate)
[ "${reason:-}" = interrupted ] || fail "Ctrl-C: the stage has no interrupted row (${value:-none})"
read -r value _ < <(column "$dir/int/run.csv" leak 1k all throughput rate)
[ -n "${value:-}" ] || fail "Ctrl-C: the first stage's row is lost"
[ -s "$dir/int/env.json" ] || fail "Ctrl-C: no env.json"

# --steady: a stage ends when its percentile stands still, its time is the time-out, and both are told.
expect 2 "--steady=p98:2%" "p99:2%" -- "$bin" run --strategy=leak --steady=p98:2% --out="$dir/x"
expect 0 -- "$bin" run --strategy=immediate "${quick[@]}" --arrival=constant --stages=2k:100s,max:100s,max:500ms \
	--steady=p50:100% --out="$dir/steady"
grep -q '^  steady=1: ended after' "$dir/stdout" || fail "steady: no stage says that it ended so"
grep -q '^  steady=0: time-out after' "$dir/stdout" || fail "steady: the time-out is not told"
grep -q '^steady: NOT in 1 of 3 stages' "$dir/stdout" || fail "steady: not told below the table"
python3 - "$dir/steady/run.csv" <<'PY' || fail "steady: rows"
import csv, sys
rows = [r for r in csv.DictReader(open(sys.argv[1], newline='')) if r['role'] == 'mutator']
steady = {r['stage']: r for r in rows if r['metric'] == 'steady'}
assert {s: (r['value'], r['status']) for s, r in steady.items()} == \
    {'2k': ('1', 'ok'), 'max': ('1', 'ok'), 'max#2': ('0', 'weak')}, steady
assert all(float(steady[s]['stage_s']) < 100 for s in ('2k', 'max'))
assert 'points of its p50' in steady['max#2']['reason']
change = {r['stage']: r for r in rows if r['metric'] == 'steady_change'}
assert abs(float(change['2k']['value'])) <= 100 and change['2k']['stat'] == 'p50'
assert change['max#2']['status'] == 'not_available' and change['max#2']['value'] == ''
# What was offered: the starts until the end, not those of the whole plan.
offered = next(r for r in rows if r['metric'] == 'achieved_share' and r['stage'] == '2k')
seconds = float(offered['stage_s'])
assert 2000 * seconds - 2 <= int(offered['n']) <= 2000 * (seconds + 5) < 200000, offered
PY

# --quiet: nothing on either stream, unless a check failed or a stage was not steady.
expect 0 -- "$bin" run --strategy=sweepgen "${quick[@]}" --stages=max:100ms --reps=2 --quiet --out="$dir/silent"
[ -z "$(cat "$dir/stdout" "$dir/stderr")" ] || fail "--quiet: $(cat "$dir/stdout" "$dir/stderr")"
[ -s "$dir/silent/run.csv" ] || fail "--quiet: no rows"
expect 0 -- "$bin" run --strategy=leak "${quick[@]}" --stages=max:100ms --steady=p99:2% --quiet --out="$dir/silent2"
grep -q 'steady=0' "$dir/stdout" || fail "--quiet: steady=0 is not told"

# --audit: a checkpoint a stage, what it has looked at, and what it costs; --gc-log: a line a cycle, in order.
for strategy in mark ebr; do
	expect 0 -- "$bin" run --strategy=$strategy --keys=512 --warmup=0 --stages=max:50ms,max:50ms --audit --out="$dir/audit"
	grep -q 'audit: sound: 0 faults; 3 checkpoints, [1-9][0-9]* objects reached, [1-9][0-9]* held' "$dir/stdout" ||
		fail "--audit: $(grep audit "$dir/stdout")"
	if [ -z "${SAN:-}" ]; then
		grep -q 'audit: [0-9]* ns per operation with it, [0-9]* without' "$dir/stdout" || fail "--audit: no cost"
	fi
done
expect 0 -- "$bin" run --strategy=mark:trigger=period,period=5ms "${quick[@]}" --stages=max:200ms --gc-log --out="$dir/gclog"
sed -n 's/^gc \([0-9]*\) @.*, mark .*, swept .*, freed [0-9]* objects.*/\1/p' "$dir/stdout" "$dir/stderr" >"$dir/cycles"
[ -s "$dir/cycles" ] && sort -nu "$dir/cycles" | cmp -s - "$dir/cycles" || fail "--gc-log: cycles $(tr '\n' ' ' <"$dir/cycles")"

# Repetitions are fresh processes: rep 1 and 2, two run ids.
expect 0 -- "$bin" run --strategy=leak "${quick[@]}" --stages=max:100ms --reps=2 --out="$dir/reps"
python3 - "$dir/reps/run.csv" <<'PY' || fail "repetitions"
import csv, sys
rows = list(csv.DictReader(open(sys.argv[1], newline='')))
assert {r['rep'] for r in rows} == {'1', '2'}
assert len({r['run_id'] for r in rows}) == 2
assert len({r['cell_id'] for r in rows}) == 1
PY

# More threads than cores, threads that come and go, a stalled reader, a reader beside.
expect 0 -- "$bin" run --strategy=leak "${quick[@]}" --threads=5 --readers=1 \
	--stages=2k:300ms:churn=6,max:300ms:stall=10ms --out="$dir/faults"
read -r value _ < <(column "$dir/faults/run.csv" leak "2k:churn=6" all churned count)
[ "${value:-0}" = 6 ] || fail "churn: ${value:-no} threads left instead of 6"

# total ROLE OBJECT METRIC FILE: the sum over all stages and repetitions.
total() {
	python3 - "$@" <<'PY'
import csv, sys
role, obj, metric, path = sys.argv[1:5]
print(int(sum(float(r['value']) for r in csv.DictReader(open(path, newline=''))
              if (r['role'], r['object'], r['metric']) == (role, obj, metric) and r['stage'])))
PY
}

# Readers find what the mutators put there, the stalled one too, whatever the keys are.
for load in --dist=fifo --dist=waves --trace=scripts/traces/own-gitlog.malloc.csv.gz; do
	expect 0 -- "$bin" run --strategy=ebr "${quick[@]}" "$load" --readers=1 --stages=max:150ms --out="$dir/readers$load"
	hits=$(total reader get hits "$dir/readers$load/run.csv")
	attempted=$(total reader get attempted "$dir/readers$load/run.csv")
	[ $((10 * hits)) -gt "$attempted" ] || fail "$load: readers found $hits of $attempted"
done
expect 0 -- "$bin" run --strategy=hazard "${quick[@]}" --dist=fifo --stages=10k:200ms:stall=forever --out="$dir/stalled"
[ "$(total reader get hits "$dir/stalled/run.csv")" = 1 ] || fail "the stalled reader found nothing to hold"

# The cost of tracking is not that of waiting for a recorded start: 4 operations in 80 ms are 20 ms each.
printf 'op,key,size,timestamp_ns\nI,a,1,0\nI,b,1,20000000\nD,a,1,40000000\nG,b,0,60000000\n' >"$dir/slow.csv"
expect 0 -- "$bin" run --strategy=leak --warmup=0 --trace="$dir/slow.csv" --trace-pace=1x --stages=max:60ms --out="$dir/paced"
cost_ns=$(sed -n 's/^tracking: .*(\([0-9]*\) against.*/\1/p' "$dir/stdout")
[ "${cost_ns:-99999999}" -lt 1000000 ] || fail "the cost of tracking was measured at the trace's pace: $cost_ns ns"
expect 0 -- "$bin" run --strategy=leak "${quick[@]}" --trace="$dir/slow.csv" --trace-pace=1e-13x --stages=max:60ms --out="$dir/years"
[ "$(total mutator insert attempted "$dir/years/run.csv")" = 1 ] || fail "a start that lies years away is done now"

# A thread that the strategy's library begins with the first retire is counted for.
if "$bin" list --short | grep -q '^rcu '; then
	expect 0 -- "$bin" run --strategy=rcu "${quick[@]}" --events=PERF_COUNT_SW_TASK_CLOCK --stages=max:100ms --out="$dir/worker"
	grep -q ',collector,.*,event:PERF_COUNT_SW_TASK_CLOCK,' "$dir/worker/run.csv" || fail "rcu: no counts of its worker"
fi

# What an earlier full disk tore off is cut off.
printf '"torn' >>"$dir/faults/histograms.csv"
expect 0 -- "$bin" run --strategy=leak "${quick[@]}" --stages=max:50ms --out="$dir/faults"
expect 0 -- "$bin" export "$dir/faults" --format=hdr --output="$dir/hlog"

# Options that exclude each other, and a range that holds nothing.
expect 2 "--rep names one repetition" -- "$bin" run --strategy=leak --rep=3 --reps=5 --out="$dir/x"
expect 2 "--pin=-18446744073709551615" -- "$bin" run --strategy=leak --pin=-18446744073709551615 --out="$dir/x"
expect 2 "--pin=0,1-0" -- "$bin" run --strategy=leak --pin=0,1-0 --out="$dir/x"

# Ctrl-C while the cost of tracking is measured ends the run, and the repetitions after it.
"$bin" run --strategy=leak --keys=4k --warmup=0 --stages=max:50ms --reps=3 --out="$dir/int-cost" \
	>"$dir/stdout" 2>"$dir/stderr" &
pid=$!
for _ in $(seq 1 600); do
	read -r child <"/proc/$pid/task/$pid/children"
	[ -s "$dir/int-cost/timeline.csv" ] && kill -INT "$child" 2>/dev/null && break
	sleep 0.02
done
wait $pid
code=$?
[ $code -eq 130 ] || fail "Ctrl-C in the cost of tracking: exit code $code instead of 130"

[ "$n_failed" -eq 0 ] || exit 1
echo "run.sh: all good"
