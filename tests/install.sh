#!/bin/bash
# SPDX-License-Identifier: ISC
# The way of those who package it: autoconf, ./configure, make, make install into a folder, from a copy of the source.
set -eu
cd "$(dirname "$0")/.."
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
root=$work/root

git ls-files -z | xargs -0 cp --parents -t "$work"
cd "$work"
autoconf
./configure --quiet --prefix=/usr
make -j"$(nproc)" DEVELOPER=1 > make.log 2>&1 || { cat make.log; exit 1; }
make DEVELOPER=1 install DESTDIR="$root" > install.log 2>&1 || { cat install.log; exit 1; }

for file in usr/bin/sendoff usr/share/man/man1/sendoff.1 usr/share/man/man5/sendoff.conf.5 usr/share/man/man8/sendmail.8 \
    usr/share/bash-completion/completions/sendoff usr/share/zsh/site-functions/_sendoff \
    usr/share/fish/vendor_completions.d/sendoff.fish usr/share/doc/sendoff/README; do
	[ -f "$root/$file" ] || { echo "install: $file is missing"; exit 1; }
done
[ "$(readlink "$root/usr/sbin/sendmail")" = /usr/bin/sendoff ] || { echo "install: sbin/sendmail is no link"; exit 1; }
"$root/usr/bin/sendoff" version
strings "$root/usr/bin/sendoff" | grep -qx /etc/sendoff.conf || { echo "install: not /etc/sendoff.conf"; exit 1; }
make DEVELOPER=1 uninstall DESTDIR="$root" > /dev/null
left=$(find "$root" ! -type d)
[ -z "$left" ] || { echo "uninstall leaves: $left"; exit 1; }
# Nothing is built again when nothing changed.
make DEVELOPER=1 | grep -q 'CC\|LINK' && { echo "build: a second make builds again"; exit 1; }
echo "install: done"
