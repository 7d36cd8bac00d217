#!/bin/bash
# SPDX-License-Identifier: ISC
#
#   tests/check.sh          all tests, in the order in which they tell most for the least time: make check
#   tests/check.sh fast     what one wants to know who changed a line: make test
#
# shellcheck disable=SC2317 # functions are called by step()
#
# What they need must be there (tests/setup.sh check).  A build that fails ends it; of what comes then everything is run,
# and the last line tells what came of it.
set -euo pipefail
cd "$(dirname "$0")/.."
jobs=$(nproc)
# Most of what integration tests do is to wait.
workers=$((jobs < 8 ? 2 * jobs : 16))
logs=build/check
sanitized=(SANITIZE=1 "CFLAGS=-O1 -g" BUILD=build/sanitized)
declare -a failed=()
declare -A besides=()
trap '[ ${#besides[@]} -eq 0 ] || kill "${besides[@]}"' EXIT

# A step: its name, and a command.  What it says is kept, to be counted in the end.
step() {
	local name=$1 begin=$SECONDS
	shift
	printf '\n== %s\n' "$name"
	"$@" 2>&1 | tee "$logs/$name.log" || failed+=("$name")
	printf -- '-- %d s\n' $((SECONDS - begin))
}

# A step without which no other makes sense.
build() {
	step "$1" make -j"$jobs" DEVELOPER=1 "${@:2}" all
	[ ${#failed[@]} -eq 0 ] || finish
}

# What hangs is ended: no step takes half its limit on two cores.  By SIGINT, so that servers are stopped.
within() {
	timeout --foreground --signal=INT --kill-after=2m "$@"
}

# Begins a step whose limit is $2 beside others, which go before it.  It has a process group of its own, for the trap.
beside() {
	nice -n 5 timeout --kill-after=1m "${@:2}" > "$logs/$1.log" 2>&1 &
	besides[$1]=$!
}

# Waits for its end.
joined() {
	printf '\n== %s\n' "$1"
	wait "${besides[$1]}" || failed+=("$1")
	unset "besides[$1]"
	cat "$logs/$1.log"
}

integration() {
	within "$1" tests/as-root pytest-3 -q -rs -n "$workers" "${@:2}" tests/integration
}

# The sum of what programs of tests, and pytest, count under a word.
count() {
	sed -nE "s/^test_\w+: ([0-9]+) $1\$/\1/p; / in [0-9.]+s/ s/^(.*[^0-9])?([0-9]+) $1.*/\2/p" "$logs"/*.log |
	    awk '{ sum += $1 } END { print sum + 0 }'
}

finish() {
	local wrong=$(($(count failed) + $(count 'errors?')))
	printf '\n'
	[ ${#failed[@]} -eq 0 ] || printf 'failed: %s\n' "${failed[@]}"
	[ $wrong -ge ${#failed[@]} ] || wrong=${#failed[@]}
	echo "$(count passed) passed, $wrong failed"
	exit $((${#failed[@]} > 0))
}

rm -rf $logs
mkdir -p $logs
build "build: gcc, warnings are errors"
if [ "${1-}" = fast ]; then
	step "unit tests" within 5m make -j"$jobs" DEVELOPER=1 unit
	step "integration tests, the fast ones" integration 10m -m 'not slow'
	finish
fi
build "build: clang, warnings are errors" CC=clang BUILD=build/clang
build "build: gcc with sanitizers" "${sanitized[@]}"
step "unit tests, with sanitizers" within 10m make -j"$jobs" DEVELOPER=1 "${sanitized[@]}" unit
beside "lint" 25m tests/lint.sh
step "integration tests" integration 20m
joined "lint"
beside "install, and build with configure" 10m tests/install.sh
beside "fuzzing, for a bounded number of runs" 25m make -j"$jobs" fuzz-short
SENDOFF_BUILD=build/sanitized step "integration tests, with sanitizers" integration 30m -m 'not once'
joined "install, and build with configure"
joined "fuzzing, for a bounded number of runs"
finish
