#!/bin/bash
# SPDX-License-Identifier: ISC
# All tests, in the order in which they tell most for the least time.  `make check` calls it when all it needs is there.
set -eu
cd "$(dirname "$0")/.."
jobs=$(nproc)

step() {
	printf '\n== %s\n' "$*"
}

step "build: gcc, warnings are errors"
make -j"$jobs" DEVELOPER=1 all
step "build: clang, warnings are errors"
make -j"$jobs" DEVELOPER=1 CC=clang BUILD=build/clang all
step "build: gcc with sanitizers"
make -j"$jobs" DEVELOPER=1 SANITIZE=1 CFLAGS='-O1 -g' BUILD=build/sanitized all
step "unit tests, with sanitizers"
make -j"$jobs" DEVELOPER=1 SANITIZE=1 CFLAGS='-O1 -g' BUILD=build/sanitized unit
step "lint"
tests/lint.sh
step "install, and build with configure"
tests/install.sh
step "integration tests"
tests/as-root pytest-3 -q -rs -p no:cacheprovider tests/integration
step "integration tests, with sanitizers"
SENDOFF_BUILD=build/sanitized tests/as-root pytest-3 -q -rs -p no:cacheprovider tests/integration
step "fuzzing, for a bounded number of runs"
make -j"$jobs" fuzz-short
step "all passed"
