#!/usr/bin/python3
# SPDX-License-Identifier: ISC
"""Fetches the packages of the test servers and unpacks them under build/servers, without installing them.

As a module: ensure("postfix") returns the folder that stands for / in the unpacked packages; for packages of npm it
is the one with node_modules in it.
As a program: unpacks all that tests/server-packages lists.
"""

import fcntl
import functools
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

if __package__:
    from . import BUILD, ROOT
else:
    sys.path.insert(0, str(Path(__file__).resolve().parents[1]))
    from servers import BUILD, ROOT

# No command may take longer, whatever becomes of the network: what waits for it must not hang.
LIMIT_S = 300

# apt's own user cannot write into our folders; without this apt warns about it and downloads as root anyway.
APT_GET = ("apt-get", "-qq", "-o", "APT::Sandbox::User=root", "-o", "Acquire::Retries=2",
           "-o", "Acquire::http::Timeout=30", "-o", "Acquire::https::Timeout=30")  # fmt: skip

# Before the name of a package of npm's, which has to have its version behind it: npm:NAME@VERSION.
NPM = "npm:"
NPM_INSTALL = ("npm", "install", "--ignore-scripts", "--no-audit", "--no-fund", "--no-package-lock", "--loglevel=error",
               "--fetch-retries=2", "--fetch-retry-maxtimeout=10000", "--fetch-timeout=60000")  # fmt: skip


def listed():
    """What tests/server-packages says: folder name → package names."""
    servers = {}
    for line in (ROOT / "tests" / "server-packages").read_text().splitlines():
        words = line.partition("#")[0].split()
        if words:
            servers.setdefault(words[0], []).append(words[1])
    return servers


def ensure(name, packages=None):
    """Unpacks the server of that name unless that is done already; returns its root folder.

    packages: what it consists of, where tests/server-packages does not list it.
    """
    packages = packages or listed()[name]
    folder = BUILD / "servers" / name
    folder.mkdir(parents=True, exist_ok=True)
    with open(folder / "lock", "w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not _is_current(folder / "stamp", packages):
            _unpack(folder, packages)
    return folder / "root"


def library_path(root):
    """The value of LD_LIBRARY_PATH with which the programs under root run."""
    return ":".join(sorted({str(library.parent) for library in root.rglob("*.so*")}))


def _unpack(folder, packages):
    root, archives, stamp = folder / "root", folder / "archives", folder / "stamp"
    stamp.unlink(missing_ok=True)
    for old in (root, archives):
        shutil.rmtree(old, ignore_errors=True)
    archives.mkdir()
    from_npm = [package.removeprefix(NPM) for package in packages if package.startswith(NPM)]
    from_debian = [package for package in packages if not package.startswith(NPM)]
    if from_npm:
        _run([*NPM_INSTALL, "--prefix", str(root), *from_npm])
    if from_debian:
        _run([*APT_GET, "download", *from_debian, *_missing_libraries(from_debian)], cwd=archives)
    for archive in sorted(archives.glob("*.deb")):
        _run(["dpkg", "--extract", str(archive), str(root)])
    shutil.rmtree(archives)
    stamp.write_text("\n".join(_candidates(packages)))


def _is_current(stamp, packages):
    """Unpacked, and in the versions that apt would choose now (if it knows of any)."""
    if not stamp.exists():
        return False
    candidates = _candidates(packages)
    return not candidates or stamp.read_text().splitlines() == candidates


def _candidates(packages):
    """The packages with their versions, in their order; those that apt knows no version of are left out."""
    versions = _all_candidates(tuple(package for package in packages if not package.startswith(NPM)))
    versions = {package: f"{package}={version}" for package, version in versions.items()}
    versions |= {package: package for package in packages if package.startswith(NPM)}
    return [versions[package] for package in packages if package in versions]


@functools.cache
def _all_candidates(packages):
    policy = _run(["apt-cache", "policy", *packages])
    found = re.findall(r"^(\S+):\n.*\n  Candidate: (.*)$", policy, re.MULTILINE)
    return {package: version for package, version in found if version != "(none)"}


def _missing_libraries(packages):
    """The library packages that apt would have to install for these; a pretended installation tells."""
    plan = _run([*APT_GET, "install", "--simulate", "--no-install-recommends", *packages])
    new = re.findall(r"^Inst (\S+) \(", plan, re.MULTILINE)
    return [package for package in new if package.startswith("lib") and package not in packages]


def _run(command, cwd=None):
    options = {"cwd": cwd, "env": {**os.environ, "LC_ALL": "C"}, "capture_output": True, "text": True}
    try:
        done = subprocess.run(command, **options, stdin=subprocess.DEVNULL, timeout=LIMIT_S, check=False)
    except subprocess.TimeoutExpired:
        raise RuntimeError(f"{' '.join(command)} did not end within {LIMIT_S} seconds; is there a network?") from None
    if done.returncode != 0:
        raise RuntimeError(f"{' '.join(command)} failed:\n{done.stderr}Is there a network? Is `apt-get update` needed?")
    return done.stdout


def main():
    try:
        for name in listed():
            ensure(name)
    except RuntimeError as error:
        sys.exit(str(error))


if __name__ == "__main__":
    main()
