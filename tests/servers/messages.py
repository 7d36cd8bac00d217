# SPDX-License-Identifier: ISC
"""What the tests send, how they have it sent, and how they compare what arrived."""

import functools
import hashlib
import random
import re

import pytest

from .dovecot import PASSWORD, USER

OK, DATAERR, NOUSER, UNAVAILABLE, TEMPFAIL, PROTOCOL, NOPERM = 0, 65, 67, 69, 75, 76, 77

BOB = "bob@example.net"
UNKNOWN = "unknown@example.net"
LATER = "later@example.net"

# With all of these fields there is nothing that sendoff has to add.
HEADER = (
    b"From: Alice <alice@example.org>\n"
    b"To: Bob <bob@example.net>\n"
    b"Subject: test\n"
    b"Date: Thu, 01 Jan 2026 12:00:00 +0000\n"
    b"Message-ID: <test@example.org>\n"
    b"MIME-Version: 1.0\n"
    b"Content-Type: text/plain; charset=utf-8\n"
    b"Content-Transfer-Encoding: 8bit\n"
    b"\n"
)
SMALL = HEADER + "Grüße!\n.\n..\n.dot\n\n  indented \t\n\n".encode()


def configuration(server, certs, route="tls", **changes):
    """A configuration file for one of a server's ports; changes are keys to set, or with None to leave out."""
    settings = {
        "server": f"smtps://localhost:{server.tls_port}",
        "tls_trust_file": certs.ca,
        "user": USER,
        "password": f'"{PASSWORD}"',
        "from": USER,
    }
    if route == "starttls":
        settings["server"] = f"smtp://localhost:{server.starttls_port}"
    if route == "plain":
        settings = {"server": f"smtp://localhost:{server.plain_port}", "tls": "none", "from": USER}
    settings.update(changes)
    return "".join(f"{key} {value}\n" for key, value in settings.items() if value is not None)


def wire_form(text):
    """The message as it has to travel: every line ends in CRLF."""
    lines = re.split(rb"\r*\n", text)
    if lines[-1] == b"":
        lines.pop()
    return b"".join(line + b"\r\n" for line in lines)


@functools.cache
def large_body(size_bytes):
    """Lines of all lengths and of all octets that may be in one; many begin with a dot."""
    source = random.Random(1)
    octets = source.randbytes(size_bytes).translate(None, b"\0\r\n")
    lines, at = [], 0
    while at < len(octets):
        length = source.choice((0, 1, 20, 72, 500, 996))
        lines.append(source.choice((b"", b"", b".")) + octets[at : at + length])
        at += length
    return b"\n".join(lines) + b"\n"


def assert_same_bytes(got, expected):
    """Like ==, but what fails is said in short, however long the message is."""
    if hashlib.sha256(got).digest() == hashlib.sha256(expected).digest():
        return
    pairs = enumerate(zip(got, expected))
    at = next((i for i, (a, b) in pairs if a != b), min(len(got), len(expected)))
    nearby = slice(max(0, at - 40), at + 40)
    pytest.fail(
        f"the message was changed: {len(got)} bytes arrived, {len(expected)} were expected; at byte {at}\n"
        f"  arrived:  {got[nearby]!r}\n  expected: {expected[nearby]!r}"
    )


def the_only(messages):
    """The one message that arrived."""
    assert len(messages) == 1, f"{len(messages)} messages arrived"
    return messages[0]
