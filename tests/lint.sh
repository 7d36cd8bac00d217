#!/bin/sh
# SPDX-License-Identifier: ISC
# What machines can read: the cut of the code, its layout, shell scripts, manuals, and the analyzers' findings.
# JOBS: how many files the analyzers look at at once; as many as there are processors.
# Names of files have no spaces here: words are what is wanted.
# shellcheck disable=SC2046
set -eu
cd "$(dirname "$0")/.."
jobs=${JOBS:-$(nproc)}

# Runs a command for so many of the files that standard input names at a time, $jobs at once.
each() {
	number=$1
	shift
	xargs -P "$jobs" -n "$number" "$@"
}

echo "lint: layers"
tests/layers.sh
echo "lint: layout"
clang-format --dry-run --Werror $(tests/files.sh '*.[ch]')
echo "lint: shell scripts"
shellcheck -S info $(tests/files.sh '*.sh' .ci/run tests/as-root completions/sendoff.bash)
echo "lint: manuals"
mandoc -Tlint -W warning man/*.[158]
echo "lint: cppcheck"
cppcheck --quiet -j "$jobs" --std=c11 --enable=warning,portability,performance --inline-suppr --error-exitcode=1 \
    --suppress=missingIncludeSystem -Isrc -D_GNU_SOURCE '-DVERSION=""' '-DSYSCONFDIR="/etc"' '-DLOCALSTATEDIR="/var"' src
echo "lint: clang-tidy"
# How many warnings it left out goes to standard error, and is no finding.
tests/files.sh 'src/*.c' | each 4 sh -c 'clang-tidy --quiet --warnings-as-errors="*" "$@" -- -std=gnu11 -Isrc \
    -D_GNU_SOURCE -DVERSION="\"\"" -DSYSCONFDIR="\"/etc\"" -DLOCALSTATEDIR="\"/var\"" 2>/dev/null' sh
# Leaks are LeakSanitizer's to find, in the tests: gcc 12 loses track of what a list owns.
echo "lint: gcc -fanalyzer"
tests/files.sh 'src/*.c' | each 1 gcc -std=gnu11 -O1 -fanalyzer -Wno-analyzer-malloc-leak -Werror -Isrc -D_GNU_SOURCE \
    '-DVERSION=""' '-DSYSCONFDIR="/etc"' '-DLOCALSTATEDIR="/var"' -c -o /dev/null
echo "lint: done"
