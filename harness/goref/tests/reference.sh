#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
# scripts/go-reference where there is no Go, or another one: the model's part alone, with the reason, or a refusal.
set -eu
cd "$(dirname "$0")/../../.."
build=${BUILD:-build}
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT

fail()
{
	echo "reference.sh: $*" >&2
	[ ! -s "$dir/out" ] || tail -n 5 "$dir/out" >&2
	exit 1
}

# A folder with every command but Go, and with a package manager that has no right to install anything.
mkdir "$dir/bin"
for command in bash sh env dirname date cut sed awk grep sort seq tail head mkdir rm mv cat wc tr id mktemp cc; do
	path=$(command -v "$command" || true)
	[ -z "$path" ] || ln -s "$path" "$dir/bin/$command"
done
cat >"$dir/bin/dpkg-query" <<-'END'
	#!/bin/sh
	exit 1
END
cat >"$dir/bin/apt-get" <<-'END'
	#!/bin/sh
	echo "E: Could not open lock file: permission denied" >&2
	exit 100
END
chmod +x "$dir/bin/dpkg-query" "$dir/bin/apt-get"

# reference ARGUMENT...: go-reference sees only that folder.
reference()
{
	code=0
	PATH=$dir/bin BUILD=$build bash scripts/go-reference "$@" --out="$dir/ref" >"$dir/out" 2>&1 || code=$?
}

reference --scenario=value_delete --rate=10000 --gogc=25 --keys=1024 --dur=1 --max-dur=1
grep -q "the runtime's part is skipped: no Go toolchain, and no right to install one" "$dir/out" ||
	fail "without Go it does not say what is left out and why"
# What is measured may be off on a busy machine; nothing else may end it with 1.
[ "$code" -eq 0 ] || grep -q "^  KS distance of U.*DOES NOT HOLD" "$dir/out" || fail "without Go the model's part ended with $code, not 0"
[ "$(grep -c '^go,value_delete,10000,25,1024,' "$dir/ref/stages.csv")" -eq 1 ] || fail "the model's stage is missing"
grep -q '^go-runtime,' "$dir/ref/stages.csv" && fail "a row of a runtime that is not there"

# Again into the same folder: the next repetition.
reference --scenario=value_delete --rate=10000 --gogc=25 --keys=1024 --dur=1 --max-dur=1 --append
[ "$code" -lt 2 ] || fail "--append ended with $code"
[ "$(grep -c '^go,' "$dir/ref/stages.csv")" -eq 2 ] || fail "--append keeps what was there"

# refused VERSION WORDS
refused()
{
	printf '#!/bin/sh\necho %s\n' "$1" >"$dir/bin/go"
	chmod +x "$dir/bin/go"
	reference --quick
	[ "$code" -eq 2 ] || fail "$1: ended with $code, not 2"
	grep -q "$1 has $2" "$dir/out" || fail "$1 is refused without the reason"
}
refused go1.24.1 'another map (Swiss tables since 1.24)'
refused go1.25 'another map'
refused go1.22.0 'other private layouts'
refused devel 'other private layouts'
rm "$dir/bin/go"

reference --gogc=7
[ "$code" -eq 2 ] || fail "--gogc=7 ended with $code"
grep -q 'no stage is left' "$dir/out" || fail "--gogc=7 names no stage"
reference --reps=0
[ "$code" -eq 2 ] || fail "--reps=0"
echo "reference.sh: good"
