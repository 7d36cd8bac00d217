# SPDX-License-Identifier: ISC
"""What `sendoff send` makes is read back by two parsers that know nothing of it, Python's email and Perl's MIME::Parser: the
names and octets that went in must come out."""

import base64
import email
import email.policy
import json
import os
import random
import re
import stat
import subprocess
import threading
from email.header import decode_header, make_header
from email.utils import getaddresses
from pathlib import Path

import pytest

from servers.client import PASSED_ON, binary

USAGE, DATAERR, NOINPUT = 64, 65, 66
FROM = "me@example.org"
TO = "you@example.net"
HEADER_COLUMNS, ENCODED_COLUMNS, LINE_MAX = 78, 76, 998
READER = Path(__file__).with_name("mime_reader.pl")
GOLDEN = Path(__file__).parents[1] / "golden" / "compose"

# Characters of many scripts: one to four octets, combining, from right to left, and what MIME itself is made of.
SCRIPTS = [
    "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789",
    "äöüÄÖÜßéèêëçñåøæœ",
    "αβγδεζηθικλμνξοπρστυφχψω",
    "абвгдежзийклмнопрстуфхцчшщъыьэюя",
    "שלוםעבריתءآأؤإئابة",
    "日本語漢字中文字符한국어",
    "🙂🚀👩‍👩‍👧📎",
    "éäñ",
    "=?_\"\\'()<>[]:;,@.!#$%&*+-/^`{|}~",
    "=?utf-8?Q?x?= ",
]


@pytest.fixture(scope="session", autouse=True)
def _knows_send():
    """Without the command there is nothing to test."""
    done = subprocess.run([binary("sendoff"), "send", "--help"], capture_output=True, check=False)
    if done.returncode != 0:
        pytest.skip("sendoff has no command `send`")


class Sender:
    """Runs `sendoff send` in a folder of its own; message() gives what it wrote."""

    def __init__(self, folder):
        self.folder = folder
        self.output = folder / "message.eml"

    def file(self, name, octets):
        """Writes a file; its path."""
        path = os.path.join(os.fsencode(self.folder), os.fsencode(name))
        with open(path, "wb") as file:
            file.write(octets)
        return os.fsdecode(path)

    def run(self, *args, input_bytes=b"", sender=FROM, to=TO):
        """Runs it; what subprocess.run() gives."""
        if self.output.exists():
            self.output.unlink()
        command = [binary("sendoff"), "send", "--output", str(self.output)]
        command += ["--from", sender] if sender else []
        command += ["--to", to] if to else []
        env = {name: os.environ[name] for name in PASSED_ON if name in os.environ}
        env.update({"HOME": str(self.folder), "PATH": os.environ["PATH"], "SENDOFF_QUEUE_DIR": "none"})
        return subprocess.run(
            [*command, *args], input=input_bytes, env=env, capture_output=True, timeout=60, check=False
        )

    def message(self, *args, **kwargs):
        """The message, in wire form; it must be one."""
        done = self.run(*args, **kwargs)
        assert done.returncode == 0, done.stderr.decode(errors="replace")
        octets = self.output.read_bytes()
        octets = octets if b"\r\n" in octets else octets.replace(b"\n", b"\r\n")
        check_form(octets)
        return octets

    def fails(self, status, *args, **kwargs):
        """The sentence of the error."""
        done = self.run(*args, **kwargs)
        assert done.returncode == status, done.stderr.decode(errors="replace")
        assert not self.output.exists() or self.output.stat().st_size == 0
        return done.stderr.decode()


@pytest.fixture
def sender(tmp_path):
    """A Sender of one test."""
    return Sender(tmp_path)


# Reading.


def check_form(octets):
    """CRLF everywhere; no line that is too long; heads of nothing but ASCII, but for addresses."""
    assert b"\n" not in octets.replace(b"\r\n", b"") and b"\r" not in octets.replace(b"\r\n", b"")
    header, _, _ = octets.partition(b"\r\n\r\n")
    assert max(map(len, octets.split(b"\r\n"))) <= LINE_MAX
    for line in header.split(b"\r\n"):
        encoded = re.findall(rb"=\?utf-8\?[QB]\?[^ ?]*\?=", line)
        assert all(len(word) <= 75 for word in encoded), line
        if encoded:
            assert len(line) <= ENCODED_COLUMNS, line
        elif line.count(b" ") > 1:
            assert len(line) <= HEADER_COLUMNS, line


def by_python(octets):
    """The message as Python's email understands it."""
    message = email.message_from_bytes(octets, policy=email.policy.default)
    for part in message.walk():
        assert part.defects == [], part.defects
    return message


def by_perl(octets):
    """… as Perl's MIME::Parser does."""
    done = subprocess.run(["perl", str(READER)], input=octets, capture_output=True, check=False)
    assert done.returncode == 0, done.stderr.decode()
    read = json.loads(done.stdout)
    assert read["errors"] == []
    for leaf in read["leaves"]:
        leaf["content"] = base64.b64decode(leaf["content"])
    return read


def leaves(message):
    """The parts that have content, in their order; a message within is content."""
    if message.get_content_type() == "message/rfc822" or not message.is_multipart():
        return [message]
    return [leaf for part in message.iter_parts() for leaf in leaves(part)]


def structure(message):
    """Types, nested as the parts are."""
    if message.get_content_maintype() != "multipart":
        return message.get_content_type()
    return [message.get_content_subtype(), *map(structure, message.iter_parts())]


def content(part):
    """Octets of a part that is no message."""
    return part.get_payload(decode=True)


def lines(octets):
    """Text, whatever its line ends."""
    return octets.replace(b"\r\n", b"\n")


def attachments(message):
    """Names and octets of what is attached."""
    return [(part.get_filename(), content(part)) for part in leaves(message) if part.get_content_disposition()]


def people(octets, field):
    """Names and addresses in a field.

    Not by the policy above: Python 3.11 puts spaces between the encoded words of a name, where RFC 2047 section 6.2 has none.
    """
    value = email.message_from_bytes(octets)[field].replace("\r\n", "")
    return [(str(make_header(decode_header(name))), address) for name, address in getaddresses([value])]


# Random text.


def some_text(rng, length, others=""):
    """Text of one or more scripts, and spaces."""
    text = ""
    while len(text) < length:
        alphabet = rng.choice(SCRIPTS) + others
        text += "".join(rng.choice(alphabet) for _ in range(rng.randint(1, 12))) + rng.choice(["", " ", " ", "  "])
    return text[:length].strip()


def some_name(rng):
    """A file name, up to the 255 octets that file systems take."""
    name = some_text(rng, rng.choice([1, 5, 20, 60, 120]), "\u200f\u202e").replace("/", "_")
    while len(name.encode()) > 251:
        name = name[:-1]
    return (name.strip(" .") or "x") + rng.choice(["", ".txt", ".pdf", ".bin"])


def some_octets(rng):
    """A file's content: nothing, text with all kinds of line ends, or anything."""
    kind = rng.randrange(6)
    if kind == 0:
        return b""
    if kind == 1:
        return rng.randbytes(rng.choice([1, 2, 56, 57, 58, 58367, 58368, 58369, 200000]))
    end = {2: "\n", 3: "\r\n", 4: "\r", 5: "\n\r\n"}[kind]
    text = "".join(some_text(rng, rng.choice([0, 10, 70, 1200])) + end for _ in range(rng.randint(1, 20)))
    return text.encode() if rng.random() < 0.8 else text.encode("utf-16")


@pytest.mark.parametrize("seed", range(40))
def test_what_went_in_comes_out(sender, seed):
    rng = random.Random(seed)
    subject = some_text(rng, rng.choice([1, 10, 60, 200, 1000]))
    person = some_text(rng, rng.choice([1, 10, 30, 100]))
    body = "".join(some_text(rng, rng.choice([0, 10, 70, 1200])) + "\n" for _ in range(rng.randint(0, 20))) or "\n"
    quoted = person.replace("\\", "\\\\").replace('"', '\\"')
    args = ["-s", subject, "--cc", f'"{quoted}" <cc@example.org>, plain@example.org']
    files = []
    for index in range(rng.randint(0, 4)):
        os.makedirs(sender.folder / str(index))
        files.append((some_name(rng), some_octets(rng)))
        args += ["-a", sender.file(f"{index}/{files[-1][0]}", files[-1][1])]
    octets = sender.message(*args, "--text", sender.file("body", body.encode()))

    message = by_python(octets)
    assert str(message["subject"] or "") == subject
    assert [address.addr_spec for address in message["cc"].addresses] == ["cc@example.org", "plain@example.org"]
    assert people(octets, "cc") == [(person, "cc@example.org"), ("", "plain@example.org")]
    first = leaves(message)[0]
    assert lines(content(first)).decode() == body
    assert attachments(message) == files

    read = by_perl(octets)
    assert (read["subject"] or "") == subject
    assert lines(read["leaves"][0]["content"]).decode() == body
    assert [(leaf["name"], leaf["content"]) for leaf in read["leaves"][1:]] == files
