#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
# cli.sh - the program as a person meets it: subcommands, help, man page, completion, full disk, and what
# `make install` leaves behind, used from outside.
#
# BUILD: folder of the build.  Run by scripts/run-tests, from the top of the tree.
set -u

build=${BUILD:-build}
program=$PWD/$build/reclaimbench
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
failed=0

fail() # MESSAGE
{
	echo "FAILED: $1"
	failed=1
}

# run CODE COMMAND...: run it, check its exit code; its output lies in $work/out and $work/err.
run()
{
	local want=$1 got
	shift
	"$@" >"$work/out" 2>"$work/err"
	got=$?
	[ $got -eq "$want" ] || {
		fail "exit code $got instead of $want: $*"
		cat "$work/err"
	}
}

says() # FILE TEXT
{
	grep -qF -- "$2" "$work/$1" || {
		fail "no \"$2\" in $1:"
		cat "$work/$1"
	}
}

# ---------------------------------------------------------------- subcommands

run 2 "$program"
says err "Usage: reclaimbench SUBCOMMAND"
run 0 "$program" --help
says out "Subcommands:"
run 0 "$program" --version
says out "reclaimbench "
says out "commit "
run 2 "$program" evn
says err 'reclaimbench: unknown subcommand "evn"; did you mean "env"?'
run 2 "$program" zzzzzzzz
says err '`reclaimbench --help` lists them'
run 2 "$program" help zzzzzzzz
run 2 "$program" env --strcit
says err "reclaimbench env: unknown option --strcit; did you mean --strict?"
run 2 "$program" env --color=purple
says err "must be one of auto|always|never"
run 2 "$program" events no-such-event
says err 'event "no-such-event" is not known'

# Every subcommand: help that names its options, and an unknown option refused with exit code 2.
mapfile -t commands < <("$program" --help | sed -n '/^Subcommands:/,/^$/s/^  \([a-z-]*\) .*/\1/p')
[ ${#commands[@]} -ge 3 ] || fail "too few subcommands in --help: ${commands[*]}"
for command in "${commands[@]}"; do
	[ "$command" != help ] || continue
	run 0 "$program" "$command" --help
	says out "Usage: reclaimbench $command [OPTION...]"
	says out "Examples:"
	cp "$work/out" "$work/help"
	run 0 "$program" help "$command"
	cmp -s "$work/out" "$work/help" || fail "help $command and $command --help differ"
	run 2 "$program" "$command" --no-such-option-at-all
	says err "unknown option --no-such-option-at-all"
done

run 2 "$program" peers --rounds=5,7
says err '"5,7" is a list'
# 2^32 + 90 is not 90.
run 2 "$program" peers --mix=4294967386/5/5 --only=check
says err '"4294967386/5/5" is not GET/INSERT/DELETE in percent'
# Some 104 GiB of tables side by side.
if [ "$(sed -n 's/^MemAvailable: *\([0-9]*\) kB/\1/p' /proc/meminfo)" -lt 100000000 ]; then
	run 2 "$program" peers --keys=2^10,2^26 --only=tables
	says err '--keys=67108864: tables of so many keys need about'
fi

# A quoted file does not get to steer the terminal.
printf '0 i \033[31m\n' >"$work/escape.txt"
run 2 "$program" verify-go "$work/escape.txt"
says err 'found "0 i ?[31m'

# ---------------------------------------------------------------- a full disk is no success

run 2 sh -c "'$program' --help >/dev/full"
says err "standard output cannot be written: No space left on device"
run 2 sh -c "'$program' env --json >/dev/full"
run 2 "$program" env --out="$work/none/env.json"
says err "No such file or directory"
run 2 "$program" env --out=/dev/full
says err "No space left on device"

# ---------------------------------------------------------------- colour

"$program" env --color=always 2>/dev/null | grep -q $'\033' || fail "--color=always gives no colour"
NO_COLOR="" "$program" env 2>/dev/null | grep -q $'\033' && fail "colour although stdout is a pipe"

# ---------------------------------------------------------------- man page and completion

run 0 "$program" man
if command -v groff >/dev/null; then
	# Not about adjusting: a long word in a narrow column is no fault of the page.
	groff -man -Tutf8 -ww -Wbreak -z "$work/out" 2>"$work/err"
	[ ! -s "$work/err" ] || {
		fail "groff warns of the man page:"
		cat "$work/err"
	}
else
	echo "SKIPPED: groff is not installed, so nobody has read the man page"
fi
for command in "${commands[@]}"; do
	[ "$command" = help ] || grep -q "^.SS reclaimbench ${command//-/\\\\-} " "$work/out" ||
		fail "the man page lacks $command"
done

run 0 "$program" completion
cp "$work/out" "$work/completion"
bash -n "$work/completion" || fail "the completion is no bash"

completes() # LINE WORD: completing LINE offers WORD
{
	bash -c '
		compopt() { :; }
		. "$1"
		COMP_LINE=$2 COMP_POINT=${#2}
		read -r -a COMP_WORDS <<<"$2"
		[[ $2 == *" " ]] && COMP_WORDS+=("")
		COMP_CWORD=$((${#COMP_WORDS[@]} - 1))
		_reclaimbench
		printf "%s\n" "${COMPREPLY[@]}"' - "$work/completion" "$1" >"$work/out" 2>"$work/err"
	grep -qxF -- "$2" "$work/out" || {
		fail "completing \"$1\" does not offer \"$2\" but:"
		cat "$work/out" "$work/err"
	}
}
completes "reclaimbench e" env
completes "reclaimbench env --str" --strict
completes "reclaimbench env --col" --color=
completes "reclaimbench env --color=al" always
completes "reclaimbench help ev" events
touch "$work/a-file"
completes "reclaimbench env --out=$work/a-f" "$work/a-file"

# ---------------------------------------------------------------- installing

if [ -n "${SAN:-}" ]; then
	echo "SKIPPED: installing is tried with the plain build, not with SAN=$SAN"
else
	run 0 "${MAKE:-make}" -s install DESTDIR="$work/stage" PREFIX=/opt/rb CC="${CC:-gcc}"
	prefix=$work/stage/opt/rb
	for file in bin/reclaimbench lib/libreclaimbench.a lib/pkgconfig/reclaimbench.pc \
		include/reclaimbench/hmap.h include/reclaimbench/registry.h \
		share/man/man1/reclaimbench.1 share/bash-completion/completions/reclaimbench; do
		[ -s "$prefix/$file" ] || fail "make install left no $file"
	done
	# Each public header stands on its own, for C and from outside the tree.
	for header in "$prefix"/include/reclaimbench/*.h; do
		echo "#include <${header##*/}>" |
			${CC:-gcc} -std=c17 -D_GNU_SOURCE -Wall -Wextra -Werror -fsyntax-only \
				-I"$prefix/include/reclaimbench" -x c - || fail "${header##*/} alone"
	done
	cat >"$work/user.c" <<-'END'
		#include <stdio.h>
		#include <registry.h>
		int main(void)
		{
			for (int i = 0; reclaim_strategies[i]; i++)
				puts(reclaim_strategies[i]->name);
			return reclaim_strategy_find("leak") == NULL;
		}
	END
	flags=$(PKG_CONFIG_PATH=$prefix/lib/pkgconfig pkg-config --define-variable=prefix="$prefix" \
		--cflags --libs reclaimbench) || fail "pkg-config does not find reclaimbench"
	# shellcheck disable=SC2086 # one word per flag
	run 0 ${CC:-gcc} -std=c17 -o "$work/user" "$work/user.c" $flags
	run 0 "$work/user"
	says out leak
	run 0 "${MAKE:-make}" -s uninstall DESTDIR="$work/stage" PREFIX=/opt/rb CC="${CC:-gcc}"
	left=$(find "$prefix" -type f | head)
	[ -z "$left" ] || fail "make uninstall left $left"
fi

[ $failed -eq 0 ]
