# SPDX-License-Identifier: ISC
"""What `sendoff send` makes, through real servers: what arrives is read back by two parsers, and is what went in.

One table: server × case. To a server that takes 7-bit text alone all goes encoded, parts of parts too; what cannot go is
refused before anything is sent, with the reason.
"""

import functools
import json
import os
import re
from dataclasses import dataclass

import pytest

from servers.dovecot import Storage, Submission
from servers.exim import Exim
from servers.messages import BOB, DATAERR, configuration, wire_form
from servers.place import Place
from servers.postfix import Postfix
from servers.reading import LINE_MAX, by_both, by_python, parts, people, text_of

ALICE, DORA, FRANK = "alice@example.org", "dora@example.net", "frank@example.net"

# What is sent.

SCRIPTS = "Grüße, Ελληνικά, русский, עברית, العربية, "
SCRIPTS += "日本語, 한국어, हिन्दी, e\u0301, 👩‍👩‍👧"
TEXT = f"{SCRIPTS}\nFrom here\n.\n..\n-- \n  indented, and spaces behind \t\n\n\n".encode()
LONG_TEXT = TEXT + SCRIPTS.encode() * 30 + b"\n" + b"x" * 5000 + b"\n"
HTML = f"<!DOCTYPE html><title>t</title><p>{SCRIPTS} <img src='cid:logo'>\n".encode()
PNG = b"\x89PNG\r\n\x1a\n" + bytes(range(256))

# Names that other programs break, and contents that encodings do.
FILES = (
    ("Müller & Söhne (2024); final.pdf", b"%PDF-1.4\n\xff\xfe\n"),
    ("quo\"ted \\ name's.txt", b"a\r\nb\nc\rd"),
    ("📎 🙂👩‍👩‍👧.bin", bytes(range(256)) * 300),
    ("\u202eשלום עולם\u202c مرحبا.txt", b"\n\n"),
    ("長い名前の書類" * 11 + ".txt", b"wide \t \n" + "ü".encode() * 4000 + b"\n"),
    ("e\u0301te\u0301 =?utf-8?q?x?= 100%25*'.csv", b"a;b\n"),
    ("...", b".\n..\r\n.\n"),
    (" leading, trailing; and  two ", b"\0\r\n\r\r\n\n--x\n\n--x--\nFrom me\n" + b"x" * 5000),
    ("empty.dat", b""),
)

FIELDS = (
    f"From: Ünlü Ann <ann@example.org>\nTo: Dörte <{DORA}>\nBcc: {FRANK}\nDate: Thu, 01 Jan 2026 12:00:00 +0000\n"
    "Message-ID: <base@example.org>\nMIME-Version: 1.0\n"
)


def part(content_type, content, encoding="8bit", more=""):
    """The header and content of a part."""
    return f"{more}Content-Type: {content_type}\nContent-Transfer-Encoding: {encoding}\n\n".encode() + content


def multipart(subtype, boundary, *contents, preamble=b""):
    """A part of parts."""
    inner = b"".join(b"\n--%s\n" % boundary + one for one in contents)
    return part(f'multipart/{subtype}; boundary="{boundary.decode()}"', preamble + inner + b"\n--%s--\n" % boundary)


# A mail as people save it: an 8-bit header, and parts in parts.
SAVED = "From: Jörg <joerg@example.org>\nSubject: Grüße  an dich\nMIME-Version: 1.0\n".encode() + multipart(
    "mixed", b"=_saved",
    multipart("alternative", b"inner", part("text/plain; charset=utf-8", TEXT),
              part("text/html; charset=iso-8859-1", b"<p>Gr\xfc\xdfe\n")),
    part("image/png; name=\"grün.png\"", bytes(range(14, 256)), "binary",
         'Content-Disposition: attachment; filename="grün.png"\n'),
)  # fmt: skip

# All that servers cannot take.
WORST = FIELDS.encode() + "Subject: Größe und  Ähnliches\n".encode() + multipart(
    "mixed", b"worst",
    part("text/plain; charset=utf-8", LONG_TEXT),
    part("text/plain; charset=windows-1252", b"10 \x80, \x84so\x93\n"),
    part("application/octet-stream", b"\0\1\2" + b"\xff" * 3000, "binary", "Content-Description: Rohdaten für später\n"),
    part("message/rfc822", SAVED),
    part("message/rfc822", "Subject: für die Länge\n\n".encode() + b"y" * 2000 + b"\n\0\n"),
    part("application/pdf", b"QUJD" * 1000 + b"\n", "base64"),
    part("text/plain; charset=utf-8", b"a=C3=BC " * 300 + b"=\n\n", "quoted-printable"),
    preamble="für alte Programme".encode(),
)  # fmt: skip

PLAIN = FIELDS.encode() + b"Subject: =?iso-8859-1?Q?gr=FCn?=\n" + part("text/plain; charset=iso-8859-1", b"Gr\xfc\xdfe\n")

SIGNED = FIELDS.encode() + b"Subject: signed\n" + multipart(
    "signed", b"s", part("text/plain; charset=utf-8", TEXT), part("application/pgp-signature", b"x\n", "7bit"))


def what_is_in(message):
    """(name, content) of each part, nested as messages are."""
    return [(name, content) for _, name, content in parts(message)]


@functools.cache
def what_was_in(octets):
    """The same of a message before it is sent."""
    return what_is_in(by_python(wire_form(octets)))


@dataclass(frozen=True)
class Case:
    """A call, and what must arrive."""

    args: tuple
    inside: list
    subject: str
    text: bytes = b""
    people: tuple = ()
    recipients: tuple = (BOB,)
    untouched: tuple = ()  # where the server takes 8-bit text


def everything(write):
    """Text, HTML, an inline image, attachments, and a mail among them."""
    named = (('Bøb "the \\ man"', BOB), ("Müller, Jörg", BOB), ("山田太郎", BOB))
    quoted = ", ".join('"{}" <{}>'.format(re.sub(r'(["\\])', r"\\\1", name), address) for name, address in named)
    args = ["-s", SCRIPTS, "--cc", quoted, "--text", write("text", TEXT), "--html=" + write("page", HTML)]
    args += ["--inline", write("grün.png", PNG) + ";cid=logo"]
    for name, octets in FILES:
        args += ["-a", write(name, octets)]
    args += ["-a", write("alte Grüße.eml", SAVED)]
    saved = ("alte Grüße.eml", ("Grüße  an dich", parts(by_python(wire_form(SAVED)))))
    return Case((*args, BOB), [(None, TEXT), (None, HTML), ("grün.png", PNG), *FILES, saved], SCRIPTS, people=(("cc", named),),
                untouched=(TEXT, HTML, SAVED))


def long_lines(write):
    """A text that no server takes as it is."""
    return Case(("-s", "x" * 2000, "--text", write("text", LONG_TEXT), BOB), [(None, LONG_TEXT)], "x" * 2000)


def html_alone(write):
    """Its text is made, its image taken along."""
    write("bild ü.png", PNG)
    page = "<p>Zwei <b>Übel</b></p><img src='bild%20ü.png' alt='Bild'>".encode()
    inside = [(None, "Zwei Übel\n\n[Bild]\n".encode()), (None, None), ("bild ü.png", PNG)]
    return Case(("-s", "é", "--html=" + write("page", page), BOB), inside, "é")


def worst(write):
    """A message as it is, and parts added to those that it has."""
    args = ["--raw", "-f", ALICE, "-a", write(*FILES[0]), "-a", write(*FILES[6]), BOB]
    return Case(tuple(args), what_was_in(WORST) + [FILES[0], FILES[6]], "Größe und  Ähnliches", WORST,
                (("from", (("", ALICE),)), ("to", (("Dörte", DORA),))))


def single(write):
    """A message of one part, with its recipients in it, becomes one of two."""
    return Case(("-t", "-a", write(*FILES[2])), what_was_in(PLAIN) + [FILES[2]], "grün", PLAIN,
                (("from", (("Ünlü Ann", "ann@example.org"),)),), (DORA, FRANK),
                (b"Gr\xfc\xdfe\n", f"To: Dörte <{DORA}>\n".encode()))


CASES = (everything, long_lines, html_alone, worst, single)


# Through what.


class SevenBitExim(Exim):
    """An Exim that takes 7-bit text alone."""

    def _configuration(self):
        return "accept_8bitmime = false\nchunking_advertise_hosts =\n" + super()._configuration()


@dataclass(frozen=True)
class Offer:
    """A server, and what it takes."""

    start: object  # (certs, dovecot) → the server, to be entered
    eightbit: bool = True
    reports: bool = True  # DSN


SEVEN_BIT = {"smtpd_discard_ehlo_keywords": "8bitmime,chunking"}
SERVERS = {
    "postfix": Offer(lambda certs, dovecot: Postfix(certs.good, dovecot.auth_socket)),
    "exim": Offer(lambda certs, dovecot: Exim(certs, dovecot.auth_socket)),
    "submission": Offer(lambda certs, _: Submission(certs.good), reports=False),
    "storage": Offer(lambda *_: Storage(), reports=False),
    "postfix-7bit": Offer(lambda certs, dovecot: Postfix(certs.good, dovecot.auth_socket, extra=SEVEN_BIT), eightbit=False),
    "exim-7bit": Offer(lambda certs, dovecot: SevenBitExim(certs, dovecot.auth_socket), eightbit=False),
}


class Way(Place):
    """A server, and a folder from which mail is sent through it."""

    def __init__(self, offer, server, certs, folder):
        self.offer, self.server = offer, server
        config = f"server lmtp:{server.socket}\nfrom {ALICE}\n" if isinstance(server, Storage) else configuration(server, certs)
        super().__init__(folder, config)

    def __call__(self, *args, text=b""):
        """`sendoff send`."""
        return self.finish(self.start("send", *args, name="sendoff", cwd=self.folder), text)

    def write(self, name, octets):
        """A file; its name, as an argument."""
        (self.folder / name).write_bytes(octets)
        return name

    def arrived(self):
        """(recipients, content as it was sent) of what arrived."""
        found = {}
        for message in self.server.arrived():
            recipients = found.setdefault(self.server.as_sent(message), {})
            assert not recipients.keys() & message.recipients.keys()
            recipients.update(message.recipients)
        return [(recipients, content) for content, recipients in found.items()]


@pytest.fixture(scope="module", params=[pytest.param(name, marks=pytest.mark.xdist_group(name)) for name in SERVERS])
def running(request, certs, dovecot):
    """Each server in its turn."""
    offer = SERVERS[request.param]
    with offer.start(certs, dovecot) as server:
        yield offer, server


@pytest.fixture(name="way")
def made_way(running, certs, tmp_path):
    """The server, and a folder for a test."""
    with Way(*running, certs, tmp_path) as way:
        yield way


def assert_is_case(case, content):
    """Both parsers find in it what went in."""
    message = by_both(content)
    found = what_is_in(message)
    assert text_of(message, "subject") == case.subject
    for field, wanted in case.people:
        assert people(message, field) == list(wanted)
    # None: whatever it is.
    assert [(name, None if wanted is None else octets) for (name, octets), (_, wanted) in zip(found, case.inside)] == case.inside
    assert len(found) == len(case.inside) and message["bcc"] is None


@pytest.mark.parametrize("make", CASES, ids=lambda make: make.__name__)
def test_arrives(way, make):
    case = make(way.write)
    result = way(*case.args, text=case.text)
    assert result.status == 0 and result.is_silent, str(result)
    ((recipients, content),) = way.arrived()
    assert sorted(recipients) == sorted(case.recipients)
    assert max(map(len, content.split(b"\r\n"))) <= LINE_MAX and b"\0" not in content
    assert content.isascii() or way.offer.eightbit
    assert not way.offer.eightbit or all(wire_form(octets) in content for octets in case.untouched)
    assert_is_case(case, content)


def test_once(way):
    """A key and reports: the second call sends nothing, and tells what the first one did."""
    args = ["--idempotency-key", "report 7", "-s", SCRIPTS, "-a", way.write(*FILES[3]), "--json", BOB]
    args += ["--dsn", "success,delay"] if way.offer.reports else []
    first, second = way(*args, text=TEXT), way(*args, text=TEXT)
    assert first.status == 0 and first == second and not first.stderr, str(first)
    receipt = json.loads(first.stdout)
    ((recipients, content),) = way.arrived()
    assert receipt["result"] == "sent" and receipt["recipients"][0]["state"] == "sent"
    assert receipt["message_id"] == by_both(content)["message-id"]
    if way.offer.reports:
        assert set(recipients[BOB]["NOTIFY"].split(",")) == {"SUCCESS", "DELAY"}
    assert_is_case(Case((), [(None, TEXT), FILES[3]], SCRIPTS), content)


# What is refused.


REFUSED = {
    "signed": (lambda write: ("--raw", BOB), SIGNED, "a part that must stay as it is, signed or encrypted (multipart/signed)"),
    "signed, with an attachment": (lambda write: ("--raw", "-a", write("a.bin", b"x"), BOB), SIGNED, "(multipart/signed)"),
    "a signed attachment": (lambda write: ("-a", write("a.eml", SIGNED), BOB), b"x", "(multipart/signed)"),
    "DKIM": (lambda write: ("--raw", BOB), b"DKIM-Signature: v=1; a=rsa-sha256\n" + PLAIN, "a DKIM-Signature, which would be"),
}


@pytest.mark.parametrize("name", REFUSED)
def test_signed(way, name):
    """As it is, or not at all."""
    make, text, reason = REFUSED[name]
    result = way(*make(way.write), text=text)
    arrived = way.arrived()
    if way.offer.eightbit:
        assert result.status == 0 and result.is_silent, str(result)
        signed = SIGNED if b"DKIM" not in text else PLAIN
        assert wire_form(signed[signed.index(b"Content-Type") :]).strip() in arrived[0][1]
    else:
        assert result.status == DATAERR and reason in result.stderr and not arrived, str(result)


@pytest.fixture(scope="module", params=[{}, SEVEN_BIT], ids=["8bit", "7bit"])
def small(request, certs, dovecot):
    """A Postfix that takes no more than 100 KB."""
    with Postfix(certs.good, dovecot.auth_socket, extra={"message_size_limit": "100000", **request.param}) as server:
        yield server, request.param == {}


def test_too_large(small, certs, tmp_path):
    """It is told in figures, before a server has seen anything of the message; the size is that behind all encodings."""
    server, eightbit = small
    with Way(None, server, certs, tmp_path) as way:
        result = way("-v", "-a", way.write("a.bin", os.urandom(90_000)), BOB, text=b"x")
        assert result.status == DATAERR and "C: MAIL" not in result.stderr, str(result)
        said = re.search(r"the message has (\d+) octets, and the server takes 100000", result.stderr)
        assert 120_000 < int(said.group(1)) < 130_000
        assert re.search(r"that is 12\d KB, with attachments encoded, and the server takes 100 KB", result.stderr)
        # Each of these characters has two octets, and six in quoted-printable.
        result = way("-v", BOB, text="grün, grüner\n".encode() * 6000)
        assert (result.status == 0) == eightbit, str(result)
        assert eightbit or ("takes 100 KB" in result.stderr and "C: MAIL" not in result.stderr), str(result)
        assert len(way.arrived()) == eightbit
