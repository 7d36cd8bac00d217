#!/bin/sh
# SPDX-License-Identifier: ISC
#
# Usage: tests/fuzz/run.sh DIR [ARGUMENT...]
#
# Runs every fuzz target in DIR with libFuzzer's arguments, one after another, each on a copy of its corpus
# (tests/fuzz/corpus/NAME).  One line a target tells the runs and the coverage.  Stops at the first crash: exit 1, the
# input is kept in DIR/crashes.

set -u

if [ $# -lt 1 ] || [ ! -d "$1" ]; then
	echo "usage: $0 DIR [ARGUMENT...]" >&2
	exit 64
fi
dir=$(cd "$1" && pwd)
shift
corpora=$(dirname "$0")/corpus
crashes=$dir/crashes

scratch=$(mktemp -d) || exit 1
trap 'rm -rf "$scratch"' EXIT
trap 'exit 130' INT
trap 'exit 143' TERM

# The last number behind "WORD: " in libFuzzer's output.
last_number()
{
	sed -n "s/.*$1: \([0-9][0-9]*\).*/\1/p" "$scratch/log" | tail -n 1
}

report_crash()
{
	cat "$scratch/log"
	echo "FAILED: $name"
	echo "to see it again:"
	for input in "$crashes/$name"-*; do
		[ -e "$input" ] && echo "    $target $input"
	done
	exit 1
}

count=0
for target in "$dir"/fuzz_*; do
	[ -f "$target" ] && [ -x "$target" ] || continue
	name=${target##*/fuzz_}
	mkdir -p "$scratch/$name" "$crashes"
	rm -f "$crashes/$name"-*
	if [ -d "$corpora/$name" ]; then
		cp -R "$corpora/$name/." "$scratch/$name" || exit 1
	fi
	"$target" -artifact_prefix="$crashes/$name-" "$@" "$scratch/$name" >"$scratch/log" 2>&1 || report_crash
	seeds=$(sed -n 's/.*seed corpus: files: \([0-9]*\).*/\1/p' "$scratch/log")
	echo "$name: $(last_number '^Done \([0-9]*\)' || true)"
	count=$((count + 1))
done
