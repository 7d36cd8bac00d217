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
import subprocess
import threading
from email.header import decode_header, make_header
from email.utils import getaddresses
from pathlib import Path

import pytest

from servers.client import PASSED_ON, binary, write_private

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
        # Nothing is sent there.
        write_private(folder / "sendoff.conf", "server smtp://127.0.0.1:1\ntls off\nqueue_dir none\n")

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
        command = [binary("sendoff"), "-C", str(self.folder / "sendoff.conf"), "send", "--output", str(self.output)]
        command += ["--from", sender] if sender else []
        command += ["--to", to] if to else []
        env = {name: os.environ[name] for name in PASSED_ON if name in os.environ}
        env.update({"HOME": str(self.folder), "PATH": os.environ["PATH"]})
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
    # get_filename() would strip spaces.
    disposed = [part for part in leaves(message) if part.get_content_disposition()]
    return [(part["content-disposition"].params["filename"], content(part)) for part in disposed]


def people(octets, field):
    """Names and addresses in a field.

    Not by the policy above: Python 3.11 puts spaces between the encoded words of a name, where RFC 2047 section 6.2
    has none.
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


# One by one.

PNG = b"\x89PNG\r\n\x1a\n" + bytes(range(256))
NAMES = [
    "report.pdf",
    'quo"ted\\.txt',
    "Müller & Söhne (2024); final.pdf",
    "日本語の資料.pdf",
    "\u202efdp.exe",
    "a\u200fb",
    "=?utf-8?Q?x?=.txt",
    "100%25.txt",
    "it's*.txt",
    "x" * 255,
    "é" * 127,
    ".profile",
    " leading and trailing ",
]


@pytest.mark.parametrize("name", NAMES)
def test_names(sender, name):
    octets = sender.message("--body", "x", "-a", sender.file(name, b"content"))
    assert attachments(by_python(octets)) == [(name, b"content")]
    assert [(leaf["name"], leaf["content"]) for leaf in by_perl(octets)["leaves"][1:]] == [(name, b"content")]
    # For readers that know no RFC 2231.
    plain = re.search(rb"Content-Type: [^\r]*; (?:charset=[^;]*;)?\s*name=([^\r]*)", octets.replace(b"\r\n ", b" "))
    assert plain and plain.group(1).isascii() and len(plain.group(1)) <= 62


@pytest.mark.parametrize(
    "name, seen",
    [(b"a\tb\x01\x7f", "a_b__"), (b"M\xfcller", "M_ller")],
)
def test_names_that_cannot_go_as_they_are(sender, name, seen):
    path = os.fsencode(sender.folder) + b"/" + name
    Path(os.fsdecode(path)).write_bytes(b"x")
    assert attachments(by_python(sender.message("--body", "x", "-a", path))) == [(seen, b"x")]


@pytest.mark.parametrize("given, seen", [("../../etc/passwd", ".._.._etc_passwd"), ("/a", "_a"), ("..", "__")])
def test_no_path_in_a_name(sender, given, seen):
    octets = sender.message("--body", "x", "-a", f"{sender.file('f', b'x')};name={given}")
    assert attachments(by_python(octets)) == [(seen, b"x")]


@pytest.mark.parametrize(
    "octets_in",
    [b"", b"\n", b"\r", b"a\nb\n", b"a\r\nb\r\n", b"a\r\nb\n", b"a\rb", b"\0", b".\n", b"From me\n", b"--x\n",
     b"x" * 2000, "é\n".encode("latin-1"), "\ufeffé".encode("utf-16"), bytes(range(256)) * 300],
    ids=range(15),
)
@pytest.mark.parametrize("name", ["a.txt", "a.bin", "a"])
def test_attachments_give_back_the_very_octets(sender, name, octets_in):
    octets = sender.message("--body", "x", "-a", sender.file(name, octets_in))
    assert attachments(by_python(octets)) == [(name, octets_in)]
    assert by_perl(octets)["leaves"][1]["content"] == octets_in


def test_what_comes_from_a_pipe(sender):
    content = random.Random(1).randbytes(300000)
    octets = sender.message("--body", "x", "-a", "/dev/stdin;name=a.bin", input_bytes=content)
    assert attachments(by_python(octets)) == [("a.bin", content)]


def test_a_fifo_is_waited_for(sender):
    path = sender.folder / "fifo"
    os.mkfifo(path)
    writer = threading.Thread(target=path.write_bytes, args=(b"late " * 100000,))
    writer.start()
    octets = sender.message("--body", "x", "-a", f"{path};name=a")
    writer.join()
    assert attachments(by_python(octets)) == [("a", b"late " * 100000)]


@pytest.mark.parametrize("path, word", [("/", "directory"), ("/dev/zero", "device"), ("/nonexistent", "No such file")])
def test_what_cannot_be_attached(sender, path, word):
    good = sender.file("good", b"x")
    assert word in sender.fails(NOINPUT, "--body", "x", "-a", good, "-a", path)


def test_a_message_as_attachment(sender):
    inner = b"Subject: inner\r\nMIME-Version: 1.0\r\n\r\nGr\xc3\xbc\xc3\x9fe\r\n.\r\n"
    octets = sender.message("--body", "x", "-a", sender.file("a.eml", inner.replace(b"\r\n", b"\n")))
    part = leaves(by_python(octets))[1]
    assert part.get_content_type() == "message/rfc822"
    assert part["content-transfer-encoding"] == "8bit"
    assert inner in octets


@pytest.mark.parametrize("inner", [b"no message\n", b"A: b\n\n\0", b"A: b\n\n" + b"x" * 999, b"", b"A: b\n\nx\ry\n"])
def test_what_is_no_message(sender, inner):
    octets = sender.message("--body", "x", "-a", sender.file("a.eml", inner))
    assert leaves(by_python(octets))[1].get_content_type() == "application/octet-stream"
    assert attachments(by_python(octets)) == [("a.eml", inner)]


STRUCTURES = [
    ("text", ["--body", "x"], "text/plain"),
    ("html", ["--html={html}"], ["alternative", "text/plain", "text/html"]),
    ("both", ["--text", "{text}", "--html={html}"], ["alternative", "text/plain", "text/html"]),
    ("attachment", ["--body", "x", "-a", "{png}"], ["mixed", "text/plain", "image/png"]),
    ("inline", ["--html={html}", "--inline", "{png};cid=logo"],
     ["alternative", "text/plain", ["related", "text/html", "image/png"]]),
    ("image", ["--html={shows}"], ["alternative", "text/plain", ["related", "text/html", "image/png"]]),
    ("all", ["--text", "{text}", "--html={html}", "--inline", "{png};cid=logo", "-a", "{eml}", "-a", "{text}"],
     ["mixed", ["alternative", "text/plain", ["related", "text/html", "image/png"]], "message/rfc822", "text/plain"]),
    ("inline-in-text", ["--body", "x", "--inline", "{png}"], ["mixed", "text/plain", "image/png"]),
]


def some_files(sender):
    """Paths of one file of each kind."""
    return {
        "text": sender.file("notes.txt", "Grüße\n".encode()),
        "html": sender.file("page.html", "<p>Grüße <img src='cid:logo'></p>\n".encode()),
        "shows": sender.file("shows.html", b'<p><img src="logo.png"><img src="http://example.org/x.png"></p>\n'),
        "png": sender.file("logo.png", PNG),
        "eml": sender.file("old.eml", b"Subject: old\n\nold\n"),
    }


@pytest.mark.parametrize("name, args, wanted", STRUCTURES, ids=[row[0] for row in STRUCTURES])
def test_structure(sender, name, args, wanted):
    files = some_files(sender)
    octets = sender.message("-s", "Grüße", *[arg.format(**files) for arg in args])
    assert structure(by_python(octets)) == wanted
    check_golden(name, octets)


def check_golden(name, octets):
    """The message is the golden one, but for what differs with each.  SENDOFF_GOLDEN=write makes it that."""
    text = octets.replace(b"\r\n", b"\n").decode()
    text = re.sub(r"=_[0-9a-z]{26}", "=_BOUNDARY", text)
    text = re.sub(r"[0-9a-z]{26}@image", "UNIQUE@image", text)
    text = re.sub(r"(?m)^(Date|Message-ID|User-Agent|X-Mailer): .*\n(?:[ \t].*\n)*", "", text)
    path = GOLDEN / f"{name}.eml"
    if os.environ.get("SENDOFF_GOLDEN") == "write":
        path.write_text(text, encoding="utf-8", newline="")
    assert path.read_text(encoding="utf-8") == text


def test_an_image_is_shown_by_its_content_id(sender):
    files = some_files(sender)
    _, html, image = leaves(by_python(sender.message("--html=" + files["shows"])))
    shown = re.findall(r'src="([^"]*)"', content(html).decode())
    assert shown == ["cid:" + image["content-id"].strip("<>"), "http://example.org/x.png"]
    assert content(image) == PNG and image.get_filename() == "logo.png"
    assert image.get_content_disposition() == "inline"


def test_related_tells_its_type(sender):
    files = some_files(sender)
    message = by_python(sender.message("--html=" + files["html"], "--inline", files["png"] + ";cid=logo"))
    related = message.get_payload()[1]
    assert related.get_param("type") == "text/html"
    assert related.get_payload()[1]["content-id"] == "<logo>"


@pytest.mark.parametrize("charset", ["iso-8859-15", "koi8-r", "shift_jis", "utf-16", "windows-1252"])
def test_charsets(sender, charset):
    text = {"koi8-r": "Привет\n", "shift_jis": "日本語\n"}.get(charset, "Grüße, 10 €\n")
    octets = sender.message("--charset", charset, "--text", sender.file("t", text.encode(charset)))
    assert lines(content(by_python(octets))).decode() == text


def test_text_that_is_not_in_its_charset(sender):
    path = sender.file("t", b"good\nbad \xff\n")
    assert "octet 0xFF in line 2" in sender.fails(DATAERR, "--charset", "utf-8", "--text", path)


def test_text_of_no_known_charset(sender):
    octets = sender.message("--text", sender.file("t", "Grüße\n".encode("latin-1")))
    assert lines(content(by_python(octets))).decode() == "Grüße\n"


@pytest.mark.parametrize(
    "text",
    ["", "x", "x\n", "x\n\n", "From me\n.\n..\n", "x " * 800, "é" * 600, "a\rb\n", "trailing  \n\t\n", "\u2028\x0c\n"],
    ids=range(10),
)
def test_texts(sender, text):
    octets = sender.message("-s", "x", "--text", sender.file("t", text.encode()))
    wanted = text if text.endswith("\n") or text == "" else text + "\n"
    assert lines(content(by_python(octets))).decode() == wanted
    assert lines(by_perl(octets)["leaves"][0]["content"]).decode() == wanted


@pytest.mark.parametrize(
    "header",
    ["no header", "X: a\nBcc: you@example.net", "X: a\r\n b", ": x", "X\u00e4: y", "Content-Type: text/html",
     "MIME-Version: 2"],
)
def test_headers_that_are_refused(sender, header):
    sender.fails(USAGE, "--body", "x", "-H", header)


def test_headers_of_ones_own(sender):
    own = ["-H", "X-Name: Grüße", "-H", "X-Ascii:  a  b ", "-H", "Sender: Jörg <j@example.org>"]
    message = by_python(sender.message("--body", "x", *own, "--priority", "high"))
    assert message["x-name"] == "Grüße"
    assert message["x-ascii"] == "a  b"
    assert message["sender"].address.display_name == "Jörg"
    assert (message["x-priority"], message["importance"]) == ("1 (Highest)", "high")


BASES = [
    (b"Subject: s\n\nhello\n", ["mixed", "text/plain", "image/png"]),
    (b"Subject: s\nContent-Type: text/html\n\n<p>\n", ["mixed", "text/html", "image/png"]),
    (b"Subject: s\nMIME-Version: 1.0\nContent-Type: multipart/mixed; boundary=b\n\n--b\n\nx\n--b--\n",
     ["mixed", "text/plain", "image/png"]),
    (b"Subject: s\nMIME-Version: 1.0\nContent-Type: multipart/alternative; boundary=b\n\n--b\n\nx\n--b--\n",
     ["mixed", ["alternative", "text/plain"], "image/png"]),
    (b"Subject: s\nMIME-Version: 1.0\nContent-Type: multipart/signed; boundary=b; micalg=x; protocol=\"a/b\"\n\n"
     b"--b\n\nx\n--b\nContent-Type: a/b\n\ny\n--b--\n", ["mixed", ["signed", "text/plain", "a/b"], "image/png"]),
]


@pytest.mark.parametrize("base, wanted", BASES)
def test_a_message_as_it_is(sender, base, wanted):
    octets = sender.message("--raw", "-a", some_files(sender)["png"], input_bytes=base, sender=None)
    message = by_python(octets)
    assert structure(message) == wanted
    assert message["subject"] == "s"
    assert content(leaves(message)[-1]) == PNG
    # The content is the very one.
    assert base.partition(b"\n\n")[2].partition(b"--b--")[0].replace(b"\n", b"\r\n").rstrip() in octets


def test_memory_stays_the_same(sender):
    flags = binary("flags")
    if flags.exists() and "-fsanitize" in flags.read_text():
        pytest.skip("a build with sanitizers: its memory is theirs")

    def peak_kb(size):
        path = sender.file("large.bin", b"")
        os.truncate(path, size)
        command = [binary("sendoff"), "-C", str(sender.folder / "sendoff.conf"), "send", "--output", "/dev/null"]
        command += ["--from", FROM, "--to", TO, "--body", "x", "-a", path]
        child = subprocess.Popen(command, env={"HOME": str(sender.folder), "PATH": os.environ["PATH"]})
        _, status, usage = os.wait4(child.pid, 0)
        child.returncode = os.waitstatus_to_exitcode(status)
        assert child.returncode == 0
        return usage.ru_maxrss

    assert peak_kb(80 << 20) - peak_kb(1 << 20) < 1024
