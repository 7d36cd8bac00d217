#!/bin/sh
# SPDX-License-Identifier: ISC
#
# Installs what the build and the tests need and is not there yet, from tests/packages, with apt-get.
#
#   tests/setup.sh build    for make
#   tests/setup.sh try      for make try, too
#   tests/setup.sh check    for make check, too
#   tests/setup.sh bench    for make bench

set -eu

tests=$(dirname "$0")
sudo=
[ "$(id -u)" -eq 0 ] || sudo=sudo

say() {
    echo "setup.sh: $*" >&2
}

die() {
    say "$@"
    exit 1
}

# The packages of the groups named.
packages_of() {
    for wanted in "$@"; do
        sed 's/#.*//' "$tests/packages" | while read -r group package; do
            [ "$group" != "$wanted" ] || echo "$package"
        done
    done
}

# Those of the packages named that are not installed.
missing_of() {
    installed=$(dpkg-query --show --showformat '${Package} ${db:Status-Status}\n' "$@" 2>/dev/null |
        sed -n 's/ installed$//p')
    for package in "$@"; do
        echo "$installed" | grep -Fqx "$package" || is_there_otherwise "$package" || echo "$package"
    done
}

# A nodejs that is not Debian's brings npm along.
is_there_otherwise() {
    [ "$1" = npm ] && has npm
}

apt_get() {
    say "running apt-get $*${sudo:+, with sudo}"
    # A machine that has just started may update itself, and hold apt's lock.
    $sudo env DEBIAN_FRONTEND=noninteractive apt-get -q -y -o DPkg::Lock::Timeout=600 -o Acquire::Retries=2 \
        -o Acquire::http::Timeout=60 -o Acquire::https::Timeout=60 "$@" >&2
}

install_missing() {
    if ! has apt-get || ! has dpkg-query; then
        die "no Debian system; please install what these Debian packages hold: $*"
    fi
    # shellcheck disable=SC2046 # words are meant
    set -- $(missing_of "$@")
    [ $# -gt 0 ] || return 0
    if [ -n "$sudo" ] && ! has sudo; then
        die "not root, and no sudo; please run as root: apt-get install $*"
    fi
    apt_get update
    apt_get install --no-install-recommends "$@"
}

has() {
    command -v "$1" >/dev/null
}

# Fetches the test servers. Where that fails, apt's package lists are missing or old.
unpack_servers() {
    "$tests/servers/unpack.py" && return
    apt_get update
    "$tests/servers/unpack.py"
}

case ${1-} in
    build) groups='build' ;;
    try)   groups='build try' ;;
    check) groups='build try check' ;;
    bench) groups='build try bench' ;;
    *)     die "usage: tests/setup.sh build|try|check|bench" ;;
esac
[ "$groups" = build ] || [ -z "$sudo" ] || groups="$groups nonroot"

# shellcheck disable=SC2046,SC2086 # words are meant
install_missing $(packages_of $groups)
[ "$groups" = build ] || unpack_servers
