# SPDX-License-Identifier: ISC
"""What a call has to load: GnuTLS, libgsasl and libidn2 with their libraries cost more than most calls, so that only
those that need one load it; and what is said where it is not there."""

import re
from collections import defaultdict
from dataclasses import replace
from pathlib import Path

import pytest

from servers import certs, scripted
from servers.client import run_sendmail

USAGE, OSERR = 64, 71

SESSION = """\
login: {login}

S: 220 mx.example.net ESMTP
C: EHLO *
S: 250-mx.example.net
S: 250-PIPELINING
S: 250-CHUNKING
S: 250 AUTH {mechanism}
{auth}
C: MAIL FROM:<alice@example.org>
C: RCPT TO:<{recipient}>
C: BDAT {{size}} LAST
C: [content]
C: QUIT
S: 250 2.1.0 sender ok
S: 250 2.1.5 recipient ok
S: 250 2.0.0 queued
S: 221 2.0.0 Bye
"""
LOGINS = {
    "": "",
    "PLAIN": "C: AUTH PLAIN {plain:alice@example.org:sesam}\nS: 235 2.7.0 welcome",
    "LOGIN": "C: AUTH LOGIN\nS: 334 {b64:Username:}\nC: {b64:alice@example.org}\nS: 334 {b64:Password:}\n"
             "C: {b64:sesam}\nS: 235 2.7.0 welcome",
}
MESSAGE = scripted.STANDARD_HEADER.encode() + b"Hello Bob.\n"
CONFIG = "server unix:/nonexistent\nfrom alice@example.org\n"

# By the names of their files, and what they bring along.
GNUTLS = {"libgnutls", "libnettle", "libhogweed", "libp11-kit"}
GSASL = {"libgsasl"}
IDN2 = {"libidn2"}
ANY = GNUTLS | GSASL | IDN2


def run(args, *options, env=None, **more):
    """Runs sendmail: the result, and the libraries that the dynamic linker loaded, in the process that was started and
    in those that it began.

    The linker tells it on standard error: a file of its own would be closed by a worker, whose next descriptor, a
    connection, would then get what it tells.
    """
    result = run_sendmail(args, *options, env={"LD_DEBUG": "files", **(env or {})}, **more)
    loaded = defaultdict(set)
    for pid, line in re.findall(r"^ *(\d+):\t(.*)\n", result.stderr, re.M):
        initialized = re.match(r"calling init: (\S+)", line)
        if initialized:
            loaded[pid].add(Path(initialized[1]).name.split(".so")[0])
    first, *others = loaded.values()
    assert "libc" in first, f"the dynamic linker told nothing\n{result}"
    result = replace(result, stderr=re.sub(r"^ *\d+:\t.*\n", "", result.stderr, flags=re.M))
    return result, first, set().union(*others)


def deliver(transport, path=None, login="", recipient="bob@example.org", env=None):
    """Sends a message to a server that plays SESSION: the result, the libraries that processes loaded which are there
    to send, and what arrived.  The one that the caller waits for needs none: it decides, and queues."""
    dialogue = SESSION.format(login="yes" if login else "no", mechanism=login or "PLAIN", auth=LOGINS[login],
                              recipient=recipient.replace("bücher", "xn--bcher-kva"))
    made = certs.ensure()
    with scripted.Server(scripted.parse_text("dialogue", dialogue), transport, made, path) as server:
        servers = {"unix": f"server unix:{path}", "plain": f"server smtp://localhost:{server.port}\ntls none",
                   "tls": f"server smtps://localhost:{server.port}\ntls_trust_file {made.ca}",
                   "starttls": f"server smtp://localhost:{server.port}\ntls_trust_file {made.ca}"}
        password = "user alice@example.org\npassword sesam\n" if login else ""
        config = f"{servers[transport]}\n{password}from alice@example.org\n"
        result, waiter, loaded = run([recipient], MESSAGE, config, env=env)
        assert waiter & ANY == set(), str(result)
        if result.status == 0:
            assert server.played[-1].wait(scripted.PATIENCE_S)
        return result, loaded, server.contents


# Without a message.


@pytest.mark.parametrize("args, status", [
    (["--help"], 0),
    (["--version"], 0),
    (["-bv", "bob@example.net"], 0),
    (["--nonsense"], USAGE),
    (["-bp"], None),
], ids=lambda value: " ".join(value) if isinstance(value, list) else "")
def test_nothing_is_loaded_without_need(args, status):
    result, loaded, others = run(args, config=CONFIG)
    assert status in (None, result.status), str(result)
    assert loaded & ANY == others == set(), str(result)


# With one.


@pytest.mark.parametrize("transport, login, wanted", [
    ("unix", "", set()),
    ("plain", "", set()),
    ("tls", "", GNUTLS),
    ("starttls", "", GNUTLS),
    ("tls", "PLAIN", GNUTLS),
    ("tls", "LOGIN", GNUTLS | GSASL),
], ids=["unix", "plain", "tls", "starttls", "tls-PLAIN", "tls-LOGIN"])
def test_what_a_delivery_loads(transport, login, wanted, tmp_path):
    result, loaded, arrived = deliver(transport, tmp_path / "socket" if transport == "unix" else None, login)
    assert result.status == 0 and arrived, str(result)
    # GnuTLS comes with libidn2.
    assert (loaded & ANY) - (IDN2 if wanted else set()) == wanted


def test_a_name_beyond_ascii_loads_libidn2(tmp_path):
    result, loaded, arrived = deliver("unix", tmp_path / "socket", recipient="bob@bücher.example")
    assert result.status == 0 and arrived, str(result)
    assert loaded & ANY == IDN2


# Where one is missing: a file that is no library stands before it.


@pytest.mark.parametrize("library, package, options", [
    ("libgnutls.so.30", "libgnutls30", {"transport": "tls"}),
    ("libgnutls.so.30", "libgnutls30", {"transport": "starttls"}),
    ("libgsasl.so.18", "libgsasl18", {"transport": "tls", "login": "LOGIN"}),
    ("libidn2.so.0", "libidn2-0", {"transport": "unix", "recipient": "bob@bücher.example"}),
], ids=["gnutls", "gnutls-starttls", "gsasl", "idn2"])
@pytest.mark.parametrize("lacks", [False, True], ids=["no-library", "another-library"])
def test_a_missing_library_is_an_error(library, package, options, lacks, tmp_path):
    folder = tmp_path / "lib"
    folder.mkdir()
    if lacks:
        (folder / library).symlink_to(c_library())
    else:
        (folder / library).write_bytes(b"\x7fELF and nothing else")
    path = tmp_path / "socket" if options["transport"] == "unix" else None
    complaint = f"cannot use {library}: it lacks " if lacks else f"cannot load {library}: {folder}/{library}: "
    result, _, arrived = deliver(path=path, env={"LD_LIBRARY_PATH": str(folder)}, **options)
    assert result.status == OSERR and not arrived, str(result)
    assert complaint in result.stderr, str(result)
    assert lacks or f"package {package}" in result.stderr, str(result)


def c_library():
    """The file of the C library, which is loaded anyway and has nothing of the others."""
    maps = Path("/proc/self/maps").read_text()
    return re.search(r"/\S*/libc[.-]\S*so\S*", maps)[0]
