#!/bin/sh
# SPDX-License-Identifier: ISC
# What machines can read: the cut of the code, shell scripts, manuals, and the analyzers' findings.
set -eu
cd "$(dirname "$0")/.."

echo "lint: layers"
tests/layers.sh
echo "lint: layout"
# shellcheck disable=SC2046
clang-format --dry-run --Werror $(git ls-files '*.[ch]')
echo "lint: shell scripts"
# shellcheck disable=SC2046
shellcheck -S info $(git ls-files '*.sh' .ci/run tests/as-root completions/sendoff.bash)
echo "lint: manuals"
mandoc -Tlint -W warning man/*.[158]
echo "lint: cppcheck"
cppcheck --quiet --std=c11 --enable=warning,portability,performance --inline-suppr --error-exitcode=1 \
    --suppress=missingIncludeSystem -Isrc -D_GNU_SOURCE -DVERSION='""' -DSYSCONFDIR='"/etc"' -DLOCALSTATEDIR='"/var"' src
echo "lint: clang-tidy"
# shellcheck disable=SC2046
clang-tidy --quiet --warnings-as-errors='*' $(git ls-files 'src/*.c') -- -std=gnu11 -Isrc -D_GNU_SOURCE \
    -DVERSION='""' -DSYSCONFDIR='"/etc"' -DLOCALSTATEDIR='"/var"' 2>/dev/null
# Leaks are LeakSanitizer's to find, in the tests: gcc 12 loses track of what a list owns.
echo "lint: gcc -fanalyzer"
for file in $(git ls-files 'src/*.c'); do
	gcc -std=gnu11 -O1 -fanalyzer -Wno-analyzer-malloc-leak -Werror -Isrc -D_GNU_SOURCE -DVERSION='""' \
	    -DSYSCONFDIR='"/etc"' -DLOCALSTATEDIR='"/var"' -c -o /dev/null "$file"
done
echo "lint: done"
