#!/bin/sh
# SPDX-License-Identifier: ISC
#
# Usage: tests/fuzz/run.sh DIR [ARGUMENT...]
#
# Runs every fuzz target in DIR with libFuzzer's arguments, one after another, each on a copy of its corpus
# (tests/fuzz/corpus/NAME).  One line a target tells the runs and the coverage.  Stops at the first crash with exit 1
# and tells how to see it again; the input is kept in DIR/crashes.

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

found=no
for target in "$dir"/fuzz_*; do
	if [ ! -f "$target" ] || [ ! -x "$target" ]; then
		continue
	fi
	found=yes
	name=${target##*/fuzz_}
	mkdir -p "$scratch/$name" "$crashes" || exit 1
	rm -f "$crashes/$name"-*
	if [ -d "$corpora/$name" ]; then
		cp -R "$corpora/$name/." "$scratch/$name" || exit 1
	fi
	"$target" -artifact_prefix="$crashes/$name-" "$@" "$scratch/$name" >"$scratch/log" 2>&1 || report_crash
	echo "$name: $(summary)"
done

if [ $found = no ]; then
	echo "$0: no fuzz targets in $dir" >&2
	exit 1
fi
