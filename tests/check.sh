#!/bin/bash
# SPDX-License-Identifier: ISC
# All tests, in the order in which they tell most for the least time.  `make check` calls it when all it needs is there.
set -eu
cd "$(dirname "$0")/.."
jobs=$(nproc)

step() {
	printf '\n== %s\n' "$*"
}

# What hangs is ended: no step takes half that time on two cores.  By SIGINT, so that servers are stopped.
within() {
	timeout --foreground --signal=INT --kill-after=2m "$@"
}

# A test that hangs fails, and shows where.
integration() {
	within 40m tests/as-root pytest-3 -q -rs -p no:cacheprovider --timeout=900 tests/integration
}

step "build: gcc, warnings are errors"
make -j"$jobs" DEVELOPER=1 all
step "build: clang, warnings are errors"
make -j"$jobs" DEVELOPER=1 CC=clang BUILD=build/clang all
step "build: gcc with sanitizers"
make -j"$jobs" DEVELOPER=1 SANITIZE=1 CFLAGS='-O1 -g' BUILD=build/sanitized all
step "unit tests, with sanitizers"
within 15m make -j"$jobs" DEVELOPER=1 SANITIZE=1 CFLAGS='-O1 -g' BUILD=build/sanitized unit
step "lint"
within 20m tests/lint.sh
step "install, and build with configure"
within 10m tests/install.sh
step "integration tests"
integration
step "integration tests, with sanitizers"
SENDOFF_BUILD=build/sanitized integration
step "fuzzing, for a bounded number of runs"
within 20m make -j"$jobs" fuzz-short
step "all passed"
