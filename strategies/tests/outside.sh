#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
# outside.sh - a strategy and a program from outside the tree, built against what `make install` leaves behind,
# and run with that strategy and with built-in ones.
#
# BUILD: folder of the build.  Run by scripts/run-tests, from the top of the tree.
set -u

if [ -n "${SAN:-}" ]; then
	echo "SKIPPED: installing is tried with the plain build, not with SAN=$SAN"
	exit 0
fi
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
prefix=$work/stage/opt/rb

"${MAKE:-make}" -s install DESTDIR="$work/stage" PREFIX=/opt/rb CC="${CC:-gcc}" >"$work/log" 2>&1 || {
	echo "FAILED: make install"
	cat "$work/log"
	exit 1
}
flags=$(PKG_CONFIG_PATH=$prefix/lib/pkgconfig pkg-config --define-variable=prefix="$prefix" \
	--cflags --libs reclaimbench) || exit 1
# A copy, so that nothing of the tree is found by accident.
cp strategies/tests/outside/*.c "$work/"
cd "$work" || exit 1
# shellcheck disable=SC2086 # one word per flag
${CC:-gcc} -std=c17 -Wall -Wextra -Werror -O1 -o example example.c rwlock.c $flags || exit 1

failed=0
for strategy in rwlock leak immediate sweepgen:gogc=50 debra:free_per_op=4; do
	./example "$strategy" >out 2>&1 || {
		echo "FAILED: example $strategy: exit code $?"
		failed=1
	}
	cat out
	# Two thirds of the 20,000 keys stay: every third is deleted.
	grep -q ': 13333 entries, 0 wrong$' out || failed=1
done
grep -q '^debra: 0 bytes left$' out || failed=1
./example nothing >out 2>&1 && failed=1
./example ebr:nothing=1 >out 2>&1 && failed=1
[ $failed -eq 0 ]
