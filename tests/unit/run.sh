#!/bin/sh
# SPDX-License-Identifier: ISC
#
# Usage: tests/unit/run.sh PROGRAM
#
# Runs a program of unit tests.  One line tells how many passed; all that was printed is shown where one failed.
set -u

if output=$("$1" 2>&1); then
	echo "${1##*/}: $(printf '%s\n' "$output" | sed -n 's/^\[  PASSED  \] \([0-9]*\) test(s)\./\1/p' | tail -n 1) passed"
else
	printf '%s\nFAILED: %s\n' "$output" "$1"
	exit 1
fi
