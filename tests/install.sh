#!/bin/bash
# SPDX-License-Identifier: ISC
# The way of those who package it: make dist, and from its tarball, without git, ./configure, make, a round of tests, make
# install into a folder, make uninstall.
set -eu
cd "$(dirname "$0")/.."
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
root=$work/root

make dist BUILD="$work/dist" > "$work/dist.log" 2>&1 || { cat "$work/dist.log"; exit 1; }
here=$(tests/files.sh)
tar -xzf "$work"/dist/*.tar.gz -C "$work"
cd "$work"/sendoff-*/
[ "$(tests/files.sh | grep -vx configure)" = "$here" ] || { echo "dist: not what git names"; exit 1; }
./configure --quiet --prefix=/usr
make -j"$(nproc)" DEVELOPER=1 > make.log 2>&1 || { cat make.log; exit 1; }
make DEVELOPER=1 install DESTDIR="$root" > install.log 2>&1 || { cat install.log; exit 1; }

for file in usr/bin/sendoff usr/share/man/man1/sendoff.1 usr/share/man/man5/sendoff.conf.5 usr/share/man/man8/sendmail.8 \
    usr/share/bash-completion/completions/sendoff usr/share/zsh/site-functions/_sendoff \
    usr/share/fish/vendor_completions.d/sendoff.fish usr/share/doc/sendoff/README; do
	[ -f "$root/$file" ] || { echo "install: $file is missing"; exit 1; }
done
[ "$(readlink "$root/usr/sbin/sendmail")" = /usr/bin/sendoff ] || { echo "install: sbin/sendmail is no link"; exit 1; }
version=$("$root/usr/bin/sendoff" version)
[ "$(./configure --version | head -n 1)" = "${version/ / configure }" ] || { echo "configure: not of $version"; exit 1; }
[ "${PWD##*/}" = "${version/ /-}" ] || { echo "dist: ${PWD##*/} holds $version"; exit 1; }
strings "$root/usr/bin/sendoff" | grep -qx /etc/sendoff.conf || { echo "install: not /etc/sendoff.conf"; exit 1; }
tests/layers.sh
make DEVELOPER=1 run-test_address run-test_html_text > test.log 2>&1 || { cat test.log; exit 1; }
make DEVELOPER=1 uninstall DESTDIR="$root" > /dev/null
left=$(find "$root" ! -type d)
[ -z "$left" ] || { echo "uninstall leaves: $left"; exit 1; }
# Nothing is built again when nothing changed.
make DEVELOPER=1 | grep -q 'CC\|LINK' && { echo "build: a second make builds again"; exit 1; }
echo "install: done"
