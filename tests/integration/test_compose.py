# SPDX-License-Identifier: ISC
"""What `sendoff send` makes is read back by two parsers that know nothing of it, Python's email and Perl's MIME::Parser: the
names and octets that went in must come out."""

import os
import random
import re
import subprocess
import threading
from pathlib import Path

import pytest

from servers import kinds
from servers.client import PASSED_ON, binary, write_private
from servers.reading import (
    attachments, by_both, by_perl, by_python, check_form, content, leaves, lines, people, structure, text_of, texts_of,
)

USAGE, DATAERR, NOINPUT = 64, 65, 66
FROM = "me@example.org"
TO = "you@example.net"
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
    assert people(message, "cc") == [(person, "cc@example.org"), ("", "plain@example.org")]
    first = leaves(message)[0]
    assert lines(content(first)).decode() == body
    assert attachments(message) == files

    read = by_perl(octets)
    assert (read["subject"] or "") == subject
    assert lines(read["leaves"][0]["content"]).decode() == body
    assert [(leaf["name"], leaf["content"]) for leaf in read["leaves"][1:]] == files


# Many texts in one message: fields that hold text, names of people, names of files.


def any_text(rng, length):
    """Characters of one script or of nearly all there are, assigned or not; no controls, no spaces at its ends."""
    def anything():
        return chr(rng.choice([rng.randrange(0x20, 0x7f), rng.randrange(0x80, 0xd800), rng.randrange(0xfe00, 0x110000) & ~2]))
    source = anything if rng.random() < 0.3 else lambda alphabet=rng.choice(SCRIPTS) + "  ": rng.choice(alphabet)
    return "".join(source() for _ in range(length)).strip(" ") or "x"


ASCII = [chr(octet) for octet in range(0x21, 0x7f)]
HARD_TEXTS = [
    "".join(ASCII), " ".join(ASCII), *ASCII, *(f"a{one}{one} b" for one in ASCII), *(f'"{one}' for one in ASCII),
    *(f"{one}ü" for one in ASCII),
    "=?utf-8?q?x?=", "=?utf-8?B?eA==?=", "a =?utf-8?q?x?= b", "a=?utf-8?q?x?=b", "=?utf-8?q?x?= =?utf-8?q?y?=", "=?", "?=",
    "=?=?=?=", "=?x", "=?utf-8?q?", "=?utf-8*en?q?x?=", "ü =?utf-8?q?x?=", "=?utf-8?q?x?= ü",
    '\\"', '"\\', '\\\\', '""', "''", "a\\", '"a" b', "(", ")", "((", "a (b) c", "(a", "<a@b>", "a@b, c@d", "a: b;", "[a]",
    "a  b", "a" + " " * 19 + "b", "a" + " " * 20 + "b", "a" + " " * 21 + "b", "a" + " " * 200 + "b",
    "ü  ü", "ü  a  ü", "a  ü  b",
    "x" * 59, "x" * 60, "x" * 61, "x" * 998, "x" * 999, "x" * 2000, "x " * 999 + "x", "ü" * 2000,
    "🙂" * 2000, "日本 " * 500 + "語",
    "é" * 20, "e\u0301" * 100, "\u0301a", "\u200d", "a\u200fb\u202ec\u202c", "שלום (עולם)", "\ufeffa", "a\ufeff",
    "a\u2028b\u2029c", "a\x85b", "\u00a0a\u00a0", "\u3000a\u3000", "\ufffd", "\U0010fffd", "\U000e0067",
    "🏴\U000e0067\U000e007f", "👩‍👩‍👧‍👦" * 20,
]


def some_texts(seed):
    """Hard ones, or what chance gives."""
    rng = random.Random(seed)
    lengths = [1, 2, 3, rng.randint(1, 80), rng.randint(1, 80), rng.randint(40, 90), rng.randint(1, 300), rng.randint(1, 2000)]
    return HARD_TEXTS if seed == 0 else [any_text(rng, length) for length in lengths * 6]


@pytest.mark.parametrize("seed", range(9))
def test_texts_in_headers(sender, seed):
    """Each stands in a field of its own, and before an address."""
    texts = some_texts(seed)
    quoted = [re.sub(r'(["\\])', r"\\\1", text) for text in texts]
    fields = [arg for text in texts for arg in ("-H", f"Comments: {text}")]
    cc = [arg for index, text in enumerate(quoted) for arg in ("--cc", f'"{text}" <{index}@example.org>')]
    octets = sender.message("--body", "x", *fields, *cc)
    wanted = [(text, f"{index}@example.org") for index, text in enumerate(texts)]

    message = by_python(octets)
    assert texts_of(message, "comments") == texts
    assert people(message, "cc") == wanted
    read = by_perl(octets)
    assert read["fields"]["comments"] == texts
    assert [tuple(one) for one in read["people"]["cc"]] == wanted


@pytest.mark.parametrize("seed", range(9))
def test_texts_in_comments(sender, seed):
    """Behind an address."""
    texts = some_texts(seed)
    comments = [re.sub(r"([()\\])", r"\\\1", text) for text in texts]
    cc = [arg for index, text in enumerate(comments) for arg in ("--cc", f"{index}@example.org ({text})")]
    octets = sender.message("--body", "x", *cc)
    wanted = [(text, f"{index}@example.org") for index, text in enumerate(texts)]
    assert people(by_python(octets), "cc") == wanted
    assert [tuple(one) for one in by_perl(octets)["people"]["cc"]] == wanted


def test_ascii_of_ones_own_stays(sender):
    """Encoded words too: they may be some."""
    texts = [text for text in HARD_TEXTS if text.isascii() and "x" * 990 not in text and " " * 60 not in text]
    message = by_python(sender.message("--body", "x", *(f"--header=X-Text:{text}" for text in texts)))
    found = [re.sub("\r?\n", "", value) for name, value in message.raw_items() if name == "X-Text"]
    assert found == texts


@pytest.mark.parametrize("seed", range(9))
def test_texts_as_file_names(sender, seed):
    """Up to 4096 octets, whatever a file system would take; ";" would end the option's name."""
    names = [text for text in some_texts(seed) if len(text.encode()) <= 4096 and ";" not in text]
    path = sender.file("f", b"")
    octets = sender.message("--body", "x", *(f"--attach={path};name={name}" for name in names))
    wanted = [{".": "_", "..": "__"}.get(name, name.replace("/", "_")) for name in names]
    assert [name for name, _ in attachments(by_python(octets))] == wanted
    assert [leaf["name"] for leaf in by_perl(octets)["leaves"][1:]] == wanted


ENDS = (["\n", "\r\n", " \n", "\t\n", "\n\n"], ["\n", "\r"], ["\n", "\0"], ["\x0c", "\x1b\n", "\x7f"], ["\r\r\n", "\n"])


@pytest.mark.parametrize("short", [True, False])
@pytest.mark.parametrize("seed", range(len(ENDS)))
def test_texts_as_bodies(sender, seed, short):
    """One after the other; with long lines, too."""
    rng = random.Random(seed)
    texts = [text for text in some_texts(seed) if len(text) <= 80 or not short]
    body = "".join(text + rng.choice(ENDS[seed]) for text in texts) + "\n"
    octets = sender.message("--text", sender.file("body", body.encode()), "--html=" + sender.file("html", body.encode()))
    for found in (content(leaf) for leaf in leaves(by_both(octets))):
        assert lines(found) == lines(body.encode())


def test_tabs_and_spaces_around(sender):
    """Folding makes no difference between them."""
    octets = sender.message("-s", " \ta\tb  ", "-H", "Comments:\t ü\t", "--body", "x")
    assert text_of(by_both(octets), "subject") == "a b"
    assert text_of(by_both(octets), "comments") == "ü"


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
    ("image", ["--html={shows}"], ["related", "text/html", "image/png"]),
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
    text = octets.replace(b"\r\n", b"\n")
    text = re.sub(rb"=_[0-9a-z]{26}", b"=_BOUNDARY", text)
    text = re.sub(rb"[0-9a-z]{26}@image", b"UNIQUE@image", text)
    text = re.sub(rb"(?m)^(Date|Message-ID|User-Agent|X-Mailer): .*\n(?:[ \t].*\n)*", b"", text)
    path = GOLDEN / f"{name}.eml"
    if os.environ.get("SENDOFF_GOLDEN") == "write":
        path.write_bytes(text)
    assert path.read_bytes() == text


CHINESE = (
    "关于二〇二四年度全国铁路运输安全生产责任制考核评比结果的通报，"
    "请各单位认真组织学习并贯彻落实"
)
ARABIC = (
    "تقرير الأداء السنوي للشركة عن السنة المالية "
    "المنتهية في الحادي والثلاثين من ديسمبر (نسخة 2)"
)
EMOJI = "👩‍👩‍👧‍👦 " * 8 + "🇩🇪🇫🇷 done"
MIXED = "Nightly report for Köln and  the rest: 100 % of the jobs on web-frontend-01.example.org  are ÜBERFÄLLIG =?"
PEOPLE = (
    'Ann <ann@example.org>, "Müller, Jörg" <j@example.org>, 山田太郎 <taro@example.org>, eve@example.org (Eve from sales), '
    '"O\'Hara \\"Pat\\" (home)" <pat@example.org>, a.very.long.address.with.many.words@mail.customers.example.org'
)
BASE = b"From: Ann <ann@example.org>\nTo: bob@example.net\nSubject: mine\nX-Own: 1\n"
HTML = """<!DOCTYPE html><html><head><title>Report</title><style>p { color: red }</style></head><body>
<h1>Größe</h1><p>See <a href="https://example.org/r?a=1&amp;b=2">the report</a> &mdash; now.</p>
<ul><li>one<li>two</ul><table><tr><th>Job<th>State<tr><td>web<td>ok</table><pre>a  b
  c</pre><script>alert(1)</script></body></html>
"""

# Name: options, and standard input.
GOLDENS = {
    "message": (["--body", "x", "-a", "{mail}"], b""),
    "attachment-alone": (["-a", "{png}"], b""),
    "empty": (["-s", "nothing"], b""),
    "quoted-printable": ([], b"long " * 250 + "für\n-- \n=20\n.\nFrom here\ntab\t\n".encode()),
    "base64": ([], "привет, мир! ".encode() * 80 + b"\nend"),
    "charset-latin1": (["--charset", "iso-8859-1"], "Grüße\n".encode("latin-1")),
    "charset-windows-1252": (["--charset", "windows-1252"], "„10 €“ – naïve\n".encode("cp1252")),
    "charset-iso-2022-jp": (["--charset", "iso-2022-jp"], "日本語のテキスト\n".encode("iso-2022-jp")),
    "guessed-latin": ([], "Grüße, 10 €\n".encode("iso-8859-15")),
    "guessed-windows": ([], "„10 €“ – naïve\n".encode("cp1252")),
    "guessed-utf-16": ([], "Grüße\r\n".encode("utf-16")),
    "subject-chinese": (["-s", CHINESE, "--body", "x"], b""),
    "subject-arabic": (["-s", ARABIC, "--body", "x"], b""),
    "subject-emoji": (["-s", EMOJI, "--body", "x"], b""),
    "subject-mixed": (["-s", MIXED, "--body", "x"], b""),
    "subject-ascii": (["-s", "All the words of this one are ASCII, and there are so many that they need two lines", "--body", "x"],
                      b""),
    "recipients": (["--cc", PEOPLE, "--cc", PEOPLE.replace("example", "sub.example"), "--reply-to", "Gruppe Ä <g@example.org>",
                    "--body", "x"], b""),
    "names": (["--body", "x", *(f"--attach={{small}};name={name}" for name in (
        "report 2024 (final).pdf", 'say "hi" \\ bye.txt', "Übersicht.pdf",
        "日本語の長い名前のとても大切な資料の第三版.pdf",
        "a-name-of-nothing-but-ascii-that-is-too-long-for-one-line-of-a-header-field.tar.gz", "📎.eml", "שלום.txt"))], b""),
    "types": (["--body", "x", "-a", "{small};type=text/csv;name=a.csv", "-a", "{latin}", "-a", "{utf16}", "-a", "{unknown}",
               "-a", "{nothing}"], b""),
    "priority": (["--priority", "high", "--body", "x"], b""),
    "thread": (["--in-reply-to", "1@example.org", "--references", "0@example.org <1@example.org>", "--body", "x"], b""),
    "headers": (["-H", "X-Ticket: 4711", "-H", "X-Name: Grüße  an   alle", "-H", "Sender: Jörg <j@example.org>", "-H",
                 "Comments: =?utf-8?q?x?= is no word", "-H", "List-Unsubscribe: <https://example.org/" + "x" * 90 + ">",
                 "-H", "X-Empty:", "--body", "x"], b""),
    "html-made-text": (["--html={page}"], b""),
    "html-standard-input": (["--html"], HTML.encode()),
    "text-beside-html": (["--text", "{text}", "--html={page}"], b""),
    "raw-text": (["--raw", "-a", "{png}"], BASE + "\nGrüße\n".encode()),
    "raw-latin": (["--raw", "-a", "{png}"], BASE + "\nGrüße\n".encode("latin-1")),
    "raw-html": (["--raw", "-a", "{png}"], BASE + b"MIME-Version: 1.0\nContent-Type: text/html; charset=us-ascii\n"
                 b"Content-Transfer-Encoding: quoted-printable\nContent-Language: en\n\n<p>a=3Db\n"),
    "raw-mixed": (["--raw", "-a", "{png}", "-a", "{mail}"], BASE + b"MIME-Version: 1.0\nContent-Type: multipart/mixed;\n"
                  b" boundary=\"own; boundary\"\n\npreamble\n--own; boundary\n\none\n--own; boundary--\nepilogue\n"),
    "raw-not-closed": (["--raw", "-a", "{png}"], BASE + b"MIME-Version: 1.0\nContent-Type: multipart/mixed; boundary=own\n\n"
                       b"--own\n\none\n"),
    "raw-signed": (["--raw", "-a", "{png}"], BASE + b"MIME-Version: 1.0\nContent-Type: multipart/signed; boundary=own;\n"
                   b"\tmicalg=pgp-sha256; protocol=\"application/pgp-signature\"\n\n--own\n\none\n--own\n"
                   b"Content-Type: application/pgp-signature\n\nsignature\n--own--\n"),
    "raw-alone": (["--raw"], BASE + "\nGrüße\n".encode()),
    "t": (["-t", "-a", "{png}", "-s", "another Ä", "--priority", "low", "-H", "X-More: 2"],
          BASE + b"Cc: cc@example.net\nBcc: bcc@example.net\nDate: Thu, 01 Jan 2026 12:00:00 +0000\n\nhello\n"),
}


@pytest.mark.parametrize("name", GOLDENS)
def test_golden(sender, name):
    args, text = GOLDENS[name]
    files = {**some_files(sender), "page": sender.file("report.html", HTML.encode()), "small": sender.file("small", b"\0\1"),
             "mail": sender.file("Grüße.eml", "Subject: Grüße\n\nGrüße\n".encode()),
             "latin": sender.file("latin.txt", b"Gr\xfc\xdfe\n"), "utf16": sender.file("utf16.txt", "ü\n".encode("utf-16")),
             "unknown": sender.file("unknown", b"text\n"), "nothing": sender.file("nothing.txt", b"")}  # fmt: skip
    own = name.startswith("raw") or name == "t"
    octets = sender.message(*[arg.format(**files) for arg in args], input_bytes=text, sender=None if own else FROM)
    # What is broken stays so.
    if name != "raw-not-closed":
        by_both(octets)
    check_golden(name, octets)


def test_an_image_is_shown_by_its_content_id(sender):
    files = some_files(sender)
    html, image = leaves(by_python(sender.message("--html=" + files["shows"])))
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


@kinds.memory
def test_memory_stays_the_same(sender):
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
