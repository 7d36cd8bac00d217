#!/bin/sh
# SPDX-License-Identifier: ISC
# The rules of the cut: a folder includes only from itself and from those before it in src/LAYERS; GnuTLS, libgsasl,
# exit() and the environment each have their one place; lines and files keep their bounds.
# Names of files and layers here have no spaces: words are what is wanted.
# shellcheck disable=SC2013
set -u
cd "$(dirname "$0")/.." || exit 1
failed=0

complain() {
	echo "layers: $*" >&2
	failed=1
}

# Files of src/ that match a pattern, but for those named behind it: there should be none.
only_in() {
	pattern=$1 what=$2
	shift 2
	for file in $(grep -rlE "$pattern" src --include='*.[ch]'); do
		case " $* " in
		*" $file "*) ;;
		*) complain "$file: $what belongs to $* alone" ;;
		esac
	done
}

below=
for layer in $(grep -v '^#' src/LAYERS); do
	below="$below $layer"
	for file in src/"$layer"/*.[ch]; do
		for used in $(sed -n 's|^#include "\([a-z]*\)/.*|\1|p' "$file" | sort -u); do
			case " $below " in
			*" $used "*) ;;
			*) complain "$file includes from $used/, which lies above $layer/" ;;
			esac
		done
	done
done
for folder in src/*/; do
	grep -qx "$(basename "$folder")" src/LAYERS || complain "$folder is not in src/LAYERS"
done

only_in 'gnutls[/_]' 'GnuTLS' src/net/tls.c src/net/verify.c src/net/verify.h \
    src/net/digest.c src/net/gnutls_late.c src/net/gnutls_late.h
only_in '<gsasl' 'libgsasl' src/smtp/sasl.c
only_in '(dlopen|dlsym|dlclose) *\(' 'loading of libraries' src/base/late.c
only_in '(^|[^_a-z])exit *\(' 'exit()' src/main.c
only_in '(^|[^_a-z])getuid *\(' 'the caller' src/command/hand_over.c src/command/job.c src/command/queue_act.c \
    src/command/queue_flush.c src/command/run_queue.c
only_in 'getenv' 'the environment' src/config/environment.c src/config/load.c
only_in '(^|[^_a-z])(strcat|strlcat|sprintf|gets|strtok|alloca) *\(' 'what buf.h replaces' -

files=$(tests/files.sh 'src/*.[ch]' 'tests/*.c' 'tests/*.py' 'tests/*.sh') || complain "nothing names the files"
for file in $files; do
	grep -q 'SPDX-License-Identifier: ISC' "$file" || complain "$file has no SPDX line"
	# A sentence is not broken, so that it can be found: a string may make a line longer.
	case $file in *.[ch]) width=100 ;; *) width=132 ;; esac
	long=$(expand "$file" | LC_ALL=C.UTF-8 grep -nE "^.{$((width + 1)),}" | grep -v '"' | head -n 1 | cut -d: -f1)
	[ -z "$long" ] || complain "$file:$long: more than $width columns"
	case $file in
	src/*) [ "$(wc -l < "$file")" -le 800 ] || complain "$file has more than 800 lines" ;;
	esac
done
exit "$failed"
