# SPDX-License-Identifier: ISC
"""Messages that a server cannot take as they are arrive encoded, and stand for the same octets: Python's email reads them."""

import email
import email.header
import email.policy
import random
import re
import sys

import pytest

from servers import exim, kinds
from servers.client import run_sendmail
from servers.exim import Exim
from servers.host import Host
from servers.messages import BOB, DATAERR, OK, configuration, wire_form
from servers.place import Place
from servers.postfix import Postfix

FIELDS = (
    b"From: Alice <alice@example.org>\nTo: Bob <bob@example.net>\nDate: Thu, 01 Jan 2026 12:00:00 +0000\n"
    b"Message-ID: <test@example.org>\n"
)
LINE_MAX = 998
MEMORY_MAX_KB = 16 * 1024

# Runs a program and prints its peak memory: what a large process has before it becomes the program would count, too.
METER = """
import os, sys
_, status, usage = os.wait4(os.posix_spawn(sys.argv[1], sys.argv[1:], os.environ), 0)
print(usage.ru_maxrss)
sys.exit(os.waitstatus_to_exitcode(status))
"""

SIGNED = FIELDS + (b"Subject: signed\nMIME-Version: 1.0\nContent-Type: multipart/signed; boundary=s\n\n"
                   b"--s\nContent-Type: text/plain\n\n\xc3\xbc\n--s\nContent-Type: application/pgp-signature\n\nx\n--s--\n")


def mime(content_type, body, encoding="8bit", fields=b""):
    """A message."""
    return FIELDS + fields + part(content_type, body, encoding, b"MIME-Version: 1.0\n")


def part(content_type, body, encoding="8bit", fields=b""):
    """A header and a body."""
    body = body.encode() if isinstance(body, str) else body
    return fields + f"Content-Type: {content_type}\nContent-Transfer-Encoding: {encoding}\n\n".encode() + body


def multipart(subtype, *parts, boundary="b", preamble="", end="--"):
    """The same of parts."""
    body = preamble.encode() + b"".join(f"\n--{boundary}\n".encode() + one for one in parts)
    return part(f'multipart/{subtype}; boundary="{boundary}"', body + f"\n--{boundary}{end}\n".encode())


TEXT = part("text/plain; charset=utf-8", "Grüße aus Köln\n-- \n.\n..\nFrom here\n--b2\n\n  end \t\n")
BINARY = part("application/octet-stream", bytes(set(range(256)) - set(b"\r\n")) * 50, "binary")

MESSAGES = {
    "text": FIELDS + b"Subject: text\n\n" + "Grüße aus Köln\n\n.\nend\n".encode(),
    "text that is no UTF-8": FIELDS + b"Subject: text\n\nGr\xfc\xdfe\n",
    "declared text": mime("text/plain; charset=iso-8859-1", b"Gr\xfc\xdfe aus K\xf6ln, " * 5 + b"\n"),
    "no text": mime("application/octet-stream", bytes(set(range(256)) - set(b"\r\n"))),
    "a long line": FIELDS + b"Subject: long\n\n" + b"word " * 1000 + b"\n",
    "a long line without spaces": FIELDS + b"Subject: long\n\n" + b"x" * 5000 + b"\n",
    "NUL": FIELDS + b"Subject: NUL\n\na \0 NUL\n",
    "parts": FIELDS + b"MIME-Version: 1.0\n" + multipart("mixed", TEXT, BINARY, part("text/plain", "ascii\n", "7bit"),
                                                         preamble="für niemanden"),
    "nested parts": FIELDS + b"MIME-Version: 1.0\n" + multipart(
        "mixed", multipart("alternative", TEXT, part("text/html", "<p>Ü\n"), boundary="inner"), BINARY, TEXT),
    "no closing delimiter": FIELDS + b"MIME-Version: 1.0\n" + multipart("mixed", TEXT, BINARY, end=""),
    "a message": mime("message/rfc822", b"Subject: gr\xc3\xbcn\n" + TEXT),
    "a digest": FIELDS + b"MIME-Version: 1.0\n" + multipart(
        "digest", b"\nSubject: 1\n\n\xc3\xbc\n", b"\nSubject: 2\n" + TEXT),
    "base64 in one line": mime("application/pdf", b"QUJD" * 5000 + b"\n", "base64"),
    "quoted-printable in one line": mime("text/plain; charset=utf-8", b"a=C3=BC " * 500 + b"\n", "quoted-printable"),
    "a report": FIELDS + b"MIME-Version: 1.0\n" + multipart(
        "report", TEXT, part("message/delivery-status", "Reporting-MTA: dns; a\n\nAction: failed\n", "7bit"),
        part("text/rfc822-headers", "Subject: grün\n")),
}

HEADERS = {
    "Subject": ("Grüße aus Köln", "Größe  und   Ähnliches: (ja) <nein>", "€" * 100, "x" * 200 + " ü",
                "ein " * 100 + "Übel"),
    "X-Anything": ("Ärger", "a ü b"),
    "Comments": ("ü",),
}
ADDRESSES = ("Jörg Müller <a@example.org>", '"Müller, Jörg" <a@example.org>', 'Jörg B. Müller <a@example.org>, b@example.org',
             "Grüppe: Ä <a@example.org>, b@example.org;", "=?utf-8?Q?J=C3=B6rg?= Müller <a@example.org>")
NAMES = ("grün.pdf", "größer als sonst.pdf", "ü" * 100 + ".pdf", 'a "b" ü.pdf')


@pytest.fixture(scope="module")
def seven_bit(certs, dovecot):
    """A Postfix that takes 7-bit text alone."""
    with Postfix(certs.good, dovecot.auth_socket, extra={"smtpd_discard_ehlo_keywords": "8bitmime,chunking"}) as server:
        yield server


@pytest.fixture(name="place")
def made_place(tmp_path):
    with Place(tmp_path, "") as made:
        yield made


def leaves(message):
    """Type and octets of each part, in order."""
    if message.is_multipart() and message.get_content_type() != "message/delivery-status":
        return [leaf for one in message.get_payload() for leaf in leaves(one)]
    if message.is_multipart():
        return [(message.get_content_type(), message.as_bytes().partition(b"\n\n")[2])]
    return [(message.get_content_type(), message.get_payload(decode=True))]


def assert_same(sent, arrived):
    """What arrived is 7-bit in short lines, and has the parts of what was sent."""
    assert arrived.isascii() and b"\0" not in arrived
    assert max(len(line) for line in arrived.split(b"\r\n")) <= LINE_MAX
    before, after = email.message_from_bytes(wire_form(sent)), email.message_from_bytes(arrived)
    assert leaves(after) == leaves(before)
    assert [p for p in after.walk() if p.defects] == [] or any(p.defects for p in before.walk())


def send(server, certs, message, args=("-i", BOB)):
    result = run_sendmail(list(args), message, configuration(server, certs))
    assert result.status == OK and not result.stderr, str(result)
    (arrived,) = server.arrived()
    return arrived.as_sent()


@pytest.mark.parametrize("name", MESSAGES)
def test_arrives(seven_bit, certs, name):
    assert_same(MESSAGES[name], send(seven_bit, certs, MESSAGES[name]))


@pytest.mark.parametrize("name", ["a long line", "NUL", "base64 in one line", "parts"])
def test_arrives_with_8bitmime(postfix, certs, name):
    """What no server takes is encoded for each; 8-bit text is left alone then."""
    arrived = send(postfix, certs, MESSAGES[name])
    before, after = email.message_from_bytes(wire_form(MESSAGES[name])), email.message_from_bytes(arrived)
    assert leaves(after) == leaves(before)
    assert max(len(line) for line in arrived.split(b"\r\n")) <= LINE_MAX
    if name == "parts":
        assert "Grüße aus Köln".encode() in arrived


@pytest.mark.parametrize("name", ["text", "parts", "NUL"])
def test_arrives_through_exim(certs, dovecot, monkeypatch, name):
    monkeypatch.setattr(exim, "CONFIGURATION", "accept_8bitmime = false\nchunking_advertise_hosts =\n" + exim.CONFIGURATION)
    with Exim(certs, dovecot.auth_socket) as server:
        assert_same(MESSAGES[name], send(server, certs, MESSAGES[name]))


def decoded(value):
    return str(email.header.make_header(email.header.decode_header(re.sub(r"\r?\n", "", value))))


@pytest.mark.parametrize("name, text", [(name, text) for name, texts in HEADERS.items() for text in texts])
def test_text_headers(seven_bit, certs, name, text):
    arrived = send(seven_bit, certs, FIELDS + f"{name}: {text}\n\nhello\n".encode())
    assert arrived.isascii()
    assert decoded(email.message_from_bytes(arrived)[name]) == text
    assert max(len(line) for line in arrived.split(b"\r\n")) <= 220


def names(field):
    """Python sees the space between two encoded words of a name, which is not there (RFC 2047 section 6.2)."""
    return [(" ".join(address.display_name.split()), address.addr_spec) for address in field.addresses]


@pytest.mark.parametrize("text", ADDRESSES)
def test_address_headers(seven_bit, certs, text):
    arrived = send(seven_bit, certs, FIELDS + f"Cc: {text}\n\nhello\n".encode())
    field = email.message_from_bytes(arrived, policy=email.policy.default)["Cc"]
    expected = email.message_from_string(f"Cc: {text.replace('=?utf-8?Q?J=C3=B6rg?=', 'Jörg')}\n\n",
                                         policy=email.policy.default)["Cc"]
    assert arrived.isascii()
    assert names(field) == names(expected)
    assert [group.display_name for group in field.groups] == [group.display_name for group in expected.groups]


@pytest.mark.parametrize("name", NAMES)
def test_file_names(seven_bit, certs, name):
    quoted = name.replace('"', '\\"')
    message = mime("application/pdf", b"x", fields=f'Content-Disposition: attachment; filename="{quoted}"\n'.encode())
    arrived = email.message_from_bytes(send(seven_bit, certs, message))
    assert arrived.get_filename() == name


@pytest.mark.parametrize("extended", ["filename*=UTF-8''gr%C3%BCn.pdf", "filename*0*=UTF-8''gr%C3%BC; filename*1=n.pdf"])
def test_file_name_in_two_forms(seven_bit, certs, extended):
    """Raw, for readers that know no RFC 2231, and as it has it: a second one of that form would be taken for its end."""
    message = mime("application/pdf", b"x",
                   fields=f'Content-Disposition: attachment; filename="grün.pdf"; {extended}\n'.encode())
    arrived = send(seven_bit, certs, message)
    assert arrived.isascii() and email.message_from_bytes(arrived).get_filename() == "grün.pdf"


ENCODED_WORD = re.compile(rb"=\?utf-8\?[BQ]\?[^? ]*\?=")


@pytest.mark.parametrize("text", [
    "a@example.org,Jörg<b@example.org>", 'x"ü"<a@example.org>', "G:Jörg <a@example.org>;,ü<b@example.org>",
    "a@example.org(ü),b@example.org", ",".join(f"Jörg<{i}@example.org>" for i in range(30)),
])
def test_encoded_words_stand_alone(seven_bit, certs, text):
    """Between spaces, as RFC 2047 section 5 wants it, on lines of 76 octets."""
    arrived = send(seven_bit, certs, FIELDS + f"Cc: {text}\n\nhello\n".encode())
    field = re.search(rb"^Cc:.*?\r\n(?! )", arrived, re.MULTILINE | re.DOTALL).group()
    assert max(len(line) for line in field.split(b"\r\n")) <= 76
    for word in ENCODED_WORD.finditer(field):
        assert field[word.start() - 1:word.start()] in b" (" and field[word.end():word.end() + 1] in b" )\r"


@pytest.mark.parametrize("features", [(), ("8BITMIME",), ("8BITMIME", "SMTPUTF8")], ids=" ".join)
def test_domains_beyond_ascii(place, features):
    """Nobody needs SMTPUTF8 for them; -t takes the recipients from where they become ASCII."""
    with Host(features) as host:
        place.configure(host.config)
        message = "From: alice@example.org\nTo: Jörg <bob@bücher.example>,\n eve@bücher.example\nCc: Ü <x@example.org>\n\nhi\n"
        result = place.send("-t", "-i", input_bytes=message.encode())
        assert result.status == OK and result.is_silent, str(result)
        (arrival,) = host.arrivals
    assert sorted(arrival.recipients) == ["bob@xn--bcher-kva.example", "eve@xn--bcher-kva.example", "x@example.org"]
    assert "SMTPUTF8" not in arrival.sender_params
    arrived = email.message_from_bytes(arrival.content, policy=email.policy.default)
    assert names(arrived["To"]) == [("Jörg", "bob@xn--bcher-kva.example"), ("", "eve@xn--bcher-kva.example")]
    assert ("Cc: Ü <x@".encode() in arrival.content) == ("8BITMIME" in features)


@pytest.mark.parametrize("features", [(), ("8BITMIME",)], ids=" ".join)
def test_addresses_beyond_ascii(place, features):
    with Host(features) as host:
        place.configure(host.config)
        result = place.send("-i", BOB, input_bytes="To: jörg@example.net\n\nü\n".encode())
        assert result.status == DATAERR and "an address of the message is not in ASCII" in result.stderr, str(result)


def test_other_charset(seven_bit, certs):
    message = FIELDS + b"Subject: Gr\xfc\xdfe\nMIME-Version: 1.0\nContent-Type: text/plain; charset=iso-8859-1\n\nhello\n"
    assert decoded(email.message_from_bytes(send(seven_bit, certs, message))["Subject"]) == "Grüße"


@pytest.mark.parametrize("message, reason", [
    (SIGNED, "it has a part that must stay as it is, signed or encrypted (multipart/signed)"),
    (b"DKIM-Signature: v=1; a=rsa-sha256\n" + MESSAGES["text"], "it has a DKIM-Signature, which would be broken"),
])
def test_signed_is_refused(seven_bit, certs, message, reason):
    result = run_sendmail(["-i", BOB], message, configuration(seven_bit, certs))
    assert result.status == DATAERR and reason in result.stderr, str(result)
    assert "hint: the server takes 7-bit text only (no 8BITMIME)" in result.stderr, str(result)
    assert seven_bit.arrived() == []


def test_signed_that_needs_nothing(seven_bit, certs):
    inner = SIGNED[SIGNED.index(b"Content-Type"):].replace(b"\xc3\xbc", b"plain \t ")
    message = FIELDS + b"MIME-Version: 1.0\n" + multipart("mixed", inner, TEXT)
    arrived = send(seven_bit, certs, message)
    assert_same(message, arrived)
    assert wire_form(inner).rstrip() in arrived


# Through the queue.


def run_queue(place):
    """Until all is settled."""
    result = place.run("-qf")
    assert result.is_silent, str(result)
    place.settle()


def numbered(messages):
    """With a Message-ID of their own."""
    return [message.replace(b"<test@", f"<{number}@".encode()) for number, message in enumerate(messages)]


FEATURES = [("PIPELINING", "SIZE 0"), ("PIPELINING", "CHUNKING", "SIZE 0", "DSN"), ("SIZE 0",)]


@pytest.mark.parametrize("features", FEATURES, ids=" ".join)
def test_through_the_queue(place, features):
    """Announced or not: the size that was told is that of what came."""
    messages = numbered([*MESSAGES.values(), FIELDS + b"Subject: plain\n\nhello\n"] * 2)
    with Host(features) as host:
        place.configure(host.config)
        for message in messages:
            place.queued("-i", BOB, input_bytes=message)
        run_queue(place)
        assert place.waiting() == [] and len(host.arrivals) == len(messages)
        for arrival in host.arrivals:
            assert int(re.search(r"SIZE=(\d+)", arrival.sender_params).group(1)) == len(arrival.content)
            number = int(re.search(rb"Message-ID: <(\d+)@", arrival.content).group(1))
            assert_same(messages[number], arrival.content)
        assert host.connections == 1


def test_one_that_cannot_be_encoded_stops_no_other(place):
    messages = numbered([MESSAGES["text"], SIGNED, MESSAGES["parts"], SIGNED, SIGNED, MESSAGES["NUL"]])
    with Host(("PIPELINING", "CHUNKING", "SIZE 0")) as host:
        place.configure(host.config)
        for message in messages:
            place.queued("-i", BOB, input_bytes=message)
        run_queue(place)
        mine = [arrival for arrival in host.arrivals if arrival.sender]
        notices = [arrival for arrival in host.arrivals if not arrival.sender]
        assert len(mine) == 3 and len(notices) == 3
        for notice in notices:
            assert notice.content.isascii()
            assert b"signed or encrypted" in email.message_from_bytes(notice.content).get_payload()[0].get_payload(decode=True)
        assert place.waiting() == []


def test_each_server_gets_what_it_can_take(place):
    """One recipient a connection; the server behind the name has changed meanwhile."""
    with Host(("LIMITS MAILMAX=1 RCPTMAX=1",)) as host:
        def learn(_):
            host.features = ("8BITMIME", "LIMITS MAILMAX=1 RCPTMAX=1")
            return "250 2.0.0 ok"
        host.replies["CONTENT"] = learn
        place.configure(host.config)
        result = place.send("-i", BOB, "eve@example.net", input_bytes=MESSAGES["text"])
        assert result.status == OK and result.is_silent, str(result)
        place.settle()
        first, second = host.arrivals
    assert first.content.isascii() and "Grüße".encode() in second.content
    assert_same(MESSAGES["text"], first.content)


@kinds.memory
def test_memory_does_not_grow(place):
    with Host(("SIZE 0",)) as host, open(place.folder / "message", "w+b") as file:
        place.configure(host.config)
        file.write(MESSAGES["text"])
        for _ in range(30):
            file.write(b"\xc3\xbc plain text \n" * 70000)
        file.seek(0)
        process = place.start("-i", BOB, stdin=file, wrapper=(sys.executable, "-ISE", "-c", METER))
        result = place.finish(process, None)
        assert result.status == OK and int(result.stdout) < MEMORY_MAX_KB, str(result)
        file.seek(0)
        assert_same(file.read(), host.arrivals[0].content)


# Anything.


def random_body(chance):
    alphabets = (b"abc \t=.-\n", "aü€ \n-=".encode(), bytes(set(range(256)) - {13}), b"QUJD=\n", b"x")
    return bytes(chance.choices(chance.choice(alphabets), k=chance.choice([0, 1, 10, 100, 3000])))


def random_part(chance, depth):
    kind = chance.random()
    if kind < 0.3 and depth < 5:
        boundary = "".join(chance.choices("ab=_?'", k=chance.randint(1, 70))) + f"{depth}."
        return multipart(chance.choice(["mixed", "alternative", "related"]),
                         *(random_part(chance, depth + 1) for _ in range(chance.randint(1, 4))),
                         boundary=boundary, end=chance.choice(["--", "--", ""]))
    if kind < 0.4 and depth < 5:
        return part("message/rfc822", b"Subject: " + "ü".encode() + b"\n" + random_part(chance, depth + 1))
    content_type = chance.choice(["text/plain; charset=utf-8", "text/html", "application/pdf", "image/png"])
    return part(content_type, random_body(chance), chance.choice(["8bit", "binary", "base64", "quoted-printable"]))


def normal(leaf):
    """Readers differ in what they make of base64 and quoted-printable that is none."""
    return leaf[0]


def is_sane(message):
    """Where Python finds what it cannot read, it guesses: nothing can be compared then."""
    parts = [p for p in email.message_from_bytes(wire_form(message)).walk() if not p.is_multipart()]
    bodies = [(p["Content-Transfer-Encoding"], p.get_payload()) for p in parts]
    return not any(encoding == "base64" and re.search(r"[^A-Za-z0-9+/\s]", body) for encoding, body in bodies) and \
        not any(encoding == "quoted-printable" and re.search(r"=(?![0-9A-F]{2}|\r\n)|[ \t]\r\n|[ \t]$", body)
                for encoding, body in bodies)


@pytest.mark.parametrize("features", [("PIPELINING", "CHUNKING"), ("PIPELINING", "CHUNKING", "8BITMIME")], ids=" ".join)
def test_anything(place, features):
    """Random structures and contents; each its own seed."""
    messages = [FIELDS.replace(b"<test@", f"<{seed}@".encode()) + b"MIME-Version: 1.0\n" + random_part(random.Random(seed), 0)
                for seed in range(150)]
    with Host(features) as host:
        place.configure(host.config)
        for message in messages:
            result = place.send("-odq", "-i", BOB, input_bytes=message)
            assert result.status == OK, str(result)
        run_queue(place)
        assert place.waiting() == [] and len(host.arrivals) == len(messages)
        compared = 0
        for arrival in host.arrivals:
            seed = int(re.search(rb"Message-ID: <(\d+)@", arrival.content).group(1))
            before = leaves(email.message_from_bytes(wire_form(messages[seed])))
            after = leaves(email.message_from_bytes(arrival.content))
            if is_sane(messages[seed]):
                assert after == before, seed
                compared += 1
            else:
                assert [normal(leaf) for leaf in after] == [normal(leaf) for leaf in before], seed
            assert b"\0" not in arrival.content and ("8BITMIME" in features or arrival.content.isascii())
        assert compared > len(messages) / 4
