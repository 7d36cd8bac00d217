#!/bin/sh
# SPDX-License-Identifier: ISC
#
# Usage: tests/fuzz/run.sh TARGET [ARGUMENT...]
#
# Runs the fuzz target, a program, with libFuzzer's arguments on a copy of its corpus (tests/fuzz/corpus/NAME).  One line
# tells the runs and the coverage.  At a crash it exits with 1 and tells how to see it again; the input is kept in
# crashes/ beside the target.

set -u

if [ $# -lt 1 ] || [ ! -x "$1" ]; then
	echo "usage: $0 TARGET [ARGUMENT...]" >&2
	exit 64
fi
target=$1
shift
name=${target##*/fuzz_}
corpus=$(dirname "$0")/corpus/$name
crashes=$(cd "$(dirname "$target")" && pwd)/crashes

scratch=$(mktemp -d) || exit 1
trap 'rm -rf "$scratch"' EXIT
trap 'exit 130' INT
trap 'exit 143' TERM

# From libFuzzer's last line: "#20000 DONE   cov: 431 ft: …".
summary()
{
	sed -n 's/^#\([0-9]*\)[[:space:]]*DONE[[:space:]]*cov: \([0-9]*\).*/\1 runs, \2 edges covered/p' "$scratch/log"
}

# The input and the command that shows it again.
report_crash()
{
	cat "$scratch/log"
	echo "FAILED: $name"
	for input in "$crashes/$name"-*; do
		[ -e "$input" ] && echo "to see it again: $target $input"
	done
	exit 1
}

mkdir -p "$scratch/corpus" "$crashes" || exit 1
rm -f "$crashes/$name"-*
if [ -d "$corpus" ]; then
	cp -R "$corpus/." "$scratch/corpus" || exit 1
fi
"$target" -artifact_prefix="$crashes/$name-" "$@" "$scratch/corpus" >"$scratch/log" 2>&1 || report_crash
echo "$name: $(summary)"
