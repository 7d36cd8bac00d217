#!/bin/sh
# SPDX-License-Identifier: ISC
#
# Names the files of the project that match patterns, as `git ls-files` does: tests/files.sh 'src/*.c' '*.h'
# Without a git checkout (a tarball of `make dist`) all there is belongs to it, but for what is built.
set -eu
cd "$(dirname "$0")/.."

if [ -e .git ]; then
	exec git ls-files "$@"
fi
[ $# -gt 0 ] || set -- '*'
for pattern in "$@"; do
	find . -type d \( -path ./build -o -name __pycache__ -o -name .pytest_cache -o -name autom4te.cache \) -prune \
	    -o -type f ! -name '*.pyc' ! -name config.mk ! -name 'config.[ls]*' -path "./$pattern" -print
done | sed 's|^\./||' | sort -u
