#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
# run_audit.sh RECLAIMBENCH [SEEDS] - `run --audit` under faults on purpose: each must be named by the run's own readers
# or by its last checkpoint, and the same load on the sound code never alarms.  RECLAIMBENCH: of a SAN=controls build.
# Called by scripts/check-controls.
set -u
bin=$1
n_seeds=${2:-2}
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
code=0

# try CONTROL SEED STRATEGY CHURN: the run's exit code; what it says is in $dir/stdout.
try() {
	timeout 300 env RECLAIMBENCH_CONTROL="$1" RECLAIMBENCH_CONTROL_SEED="$2" "$bin" run --strategy="$3" \
		--threads=3 --keys=32 --garbage-bytes=0 --warmup=0 --stages="max:500ms$4" --tracking-cost=off \
		--audit --quiet --out="$dir/out" >"$dir/stdout" 2>"$dir/stderr"
}

# The strategy is not in every build.
has() {
	"$bin" list | grep -q "^$1  "
}

# row CONTROL STRATEGY CHURN NAMES: NAMES as in control_case.expected, separated by |.
row() {
	local seed got
	has "${2%%:*}" || return 0
	for ((seed = 1; seed <= n_seeds; seed++)); do
		try "$1" "$seed" "$2" "$3"
		got=$?
		if [ "$got" -ne 1 ] || ! grep -qE "^audit: [0-9]+ x ($4):" "$dir/stdout"; then
			echo "run --audit, $1, seed $seed: not named: exit $got: $(head -3 "$dir/stdout" "$dir/stderr")" >&2
			code=1
		fi
		try none "$seed" "$2" "$3"
		got=$?
		if [ "$got" -ne 0 ]; then
			echo "run --audit, $2, seed $seed: the sound version: exit $got: $(head -3 "$dir/stdout" "$dir/stderr")" >&2
			code=1
		fi
	done
	[ "$code" -ne 0 ] || echo "run --audit: $1 named"
}

row no_recheck hazard:batch=1 '' 'free_held|read_freed|read_reused|read_wrong'
row exit_drops ebr :churn=30 lost
exit "$code"
