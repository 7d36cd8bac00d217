# SPDX-License-Identifier: ISC
"""sendoff send: what each option does, what is told, and what is refused before anything is sent."""

import contextlib
import email
import email.policy
import fcntl
import json
import os
import pty
import re
import signal
import socket
import struct
import sys
import tempfile
import termios
import threading
import time
from datetime import datetime, timedelta, timezone
from pathlib import Path

import pytest

from servers import ROOT, kinds
from servers.host import FEATURES, GONE, OK, Host
from servers.messages import configuration
from servers.place import Place, has_namespaces, own_home
from servers.taker import wait_until

ALICE, BOB, EVE, CAROL = "alice@example.org", "bob@example.net", "eve@example.net", "carol@example.net"
USAGE, DATAERR, NOINPUT, NOUSER, UNAVAILABLE, OSERR, CANTCREATE, IOERR, TEMPFAIL, CONFIG = 64, 65, 66, 67, 69, 71, 73, 74, 75, 78
TEXT = b"All is well.\n"
DAY_S = 24 * 3600
NOBODY = 65534


@pytest.fixture
def host():
    """A server that takes everything."""
    with Host() as host:
        yield host


class Sender(Place):
    """A folder, and `sendoff send` in it."""

    def __call__(self, *args, text=TEXT, **options):
        """With the text on standard input."""
        folder = {"cwd": self.folder, "env": {"TZ": "UTC"}}
        return self.finish(self.start("send", *map(str, args), name="sendoff", **{**folder, **options}), text)

    def well(self, *args, **options):
        """The same, where all is well; returns standard output."""
        result = self(*args, **options)
        assert result.status == 0 and result.stderr == "", str(result)
        return result.stdout

    def fails(self, status, *args, **options):
        """The same, where it fails so; returns what is said."""
        result = self(*args, **options)
        assert result.status == status and result.stdout == "" and result.stderr, str(result)
        return result.stderr

    def write(self, name, content):
        """A file in the folder."""
        (self.folder / name).write_bytes(content)
        return self.folder / name

    def take_queue_away(self):
        """The configuration says that there is none."""
        config = self.folder / "config"
        config.write_text(config.read_text().replace(f"queue_dir {self.queue}", "queue_dir none"))

    def keys(self):
        """The files of idempotency keys."""
        folder = self.queue / "keys"
        return sorted(path for path in folder.iterdir() if path.name[0] != ".") if folder.exists() else []


@pytest.fixture
def send(host, tmp_path):
    """A folder with the configuration for `host`."""
    with Sender(tmp_path, host.config) as place:
        yield place


def arrived(host):
    """The only message that arrived."""
    (arrival,) = host.arrivals
    return parsed(arrival.content)


def parsed(content):
    return email.message_from_bytes(content, policy=email.policy.default)


def leaves(message):
    """(type, content, file name) of each part that is no multipart."""
    return [(part.get_content_type(), part.get_content(), part.get_filename())
            for part in message.walk() if not part.is_multipart()]


def texts(message):
    """What the text parts say, without regard to line ends."""
    return [content.replace("\r\n", "\n") for kind, content, _ in leaves(message) if kind.startswith("text/")]


# The message


def test_a_text(host, send):
    assert send.well("-s", "Nightly report", BOB) == ""
    (arrival,) = host.arrivals
    message = arrived(host)
    assert arrival.sender == ALICE and list(arrival.recipients) == [BOB]
    assert message["From"] == ALICE and message["To"] == BOB and message["Subject"] == "Nightly report"
    assert message["Date"] and message["Message-ID"].endswith("@example.org>") and message["MIME-Version"] == "1.0"
    assert texts(message) == [TEXT.decode()] and message.get_content_type() == "text/plain"


def test_recipients_in_every_way(host, send):
    send.well("--to", "Bob Müller <bob@example.net>", "-c", f"{EVE}, dora@example.net", f"--cc={CAROL}",
              "-bsecret@example.net", "frank@example.net", "--bcc", "Gil <gil@example.net>")
    (arrival,) = host.arrivals
    message = arrived(host)
    assert list(arrival.recipients) == [BOB, "frank@example.net", EVE, "dora@example.net", CAROL,
                                        "secret@example.net", "gil@example.net"]
    assert str(message["To"]) == "Bob Müller <bob@example.net>, frank@example.net"
    assert str(message["Cc"]) == f"{EVE}, dora@example.net, {CAROL}"
    assert b"secret" not in arrival.content and b"gil@" not in arrival.content and message["Bcc"] is None


def test_options_and_recipients_mix(host, send):
    send.well(BOB, "-sone", EVE, "--body", "two", "--", CAROL)
    assert list(host.arrivals[0].recipients) == [BOB, EVE, CAROL]
    assert arrived(host)["Subject"] == "one" and texts(arrived(host)) == ["two\n"]


def test_nothing_is_an_option_behind_two_hyphens(host, send):
    send.well("--body=x", "--", BOB, "--attach@example.net")
    assert list(host.arrivals[0].recipients) == [BOB, "--attach@example.net"]


def test_letters_in_one_word(host, send):
    send.well("-qs", "hello", BOB)
    assert arrived(host)["Subject"] == "hello"


def test_each_recipient_once(host, send):
    send.well(BOB, "-c", BOB, "-b", "bob@EXAMPLE.net")
    assert list(host.arrivals[0].recipients) == [BOB]


def test_from(host, send):
    send.well("--from", "Ann Ölsen <ann@example.com>", BOB)
    assert host.arrivals[0].sender == "ann@example.com"
    assert str(arrived(host)["From"]) == "Ann Ölsen <ann@example.com>"
    assert arrived(host)["Message-ID"].endswith("@example.com>")


@pytest.mark.parametrize("option", ["-f", "-r"])
def test_from_has_two_letters(host, send, option):
    send.well(option, "ann@example.com", BOB)
    assert host.arrivals[0].sender == arrived(host)["From"] == "ann@example.com"


def test_full_name_of_the_account(host, send):
    send.configure(f'{host.config}full_name "Alice Ölsen"\n')
    send.well(BOB)
    assert str(arrived(host)["From"]) == f"Alice Ölsen <{ALICE}>"


def test_envelope_sender(host, send):
    send.well("--envelope-from", "bounces@example.com", BOB)
    assert host.arrivals[0].sender == "bounces@example.com" and arrived(host)["From"] == ALICE


def test_null_envelope_sender(host, send):
    send.well("--envelope-from=", BOB)
    assert host.arrivals[0].sender == "" and arrived(host)["From"] == ALICE


def test_account_goes_by_from(host, send):
    with Host() as other:
        send.configure(f"account default\n{host.config}account work\n{other.config.replace('alice', 'ann')}")
        send.well("--from", "Ann <ann@example.org>", BOB)
        send.well("--from", "ann@example.org", "--account", "default", BOB)
        send.well("--account=work", "--envelope-from", ALICE, BOB)
        assert [arrival.sender for arrival in other.arrivals] == ["ann@example.org", ALICE]
        assert [arrival.sender for arrival in host.arrivals] == ["ann@example.org"]


def test_unknown_account(send):
    assert "nowhere" in send.fails(CONFIG, "--account", "nowhere", BOB)


def test_headers(host, send):
    send.well("--reply-to", "Desk <desk@example.org>", "-H", "X-Job: 17", "--header=Organization: Müller & Söhne",
              "-H", "Message-ID: <mine@example.org>", "-H", "Date: Thu, 01 Oct 2026 12:00:00 +0000", BOB)
    message = arrived(host)
    assert message["Reply-To"] == "Desk <desk@example.org>" and message["X-Job"] == "17"
    assert message["Organization"] == "Müller & Söhne"
    assert message.get_all("Message-ID") == ["<mine@example.org>"] and "01 Oct 2026" in message["Date"]


def test_headers_that_are_options(host, send):
    send.well("-H", "subject: s", "-H", "To: Bob <bob@example.net>", "-H", "CC:eve@example.net", "-H", f"Bcc: {CAROL}",
              "-H", "From: Ann <ann@example.com>", "-H", "Reply-To: r@example.org", "-H", "In-Reply-To: <1@x.example>")
    (arrival,) = host.arrivals
    message = arrived(host)
    assert arrival.sender == "ann@example.com" and list(arrival.recipients) == [BOB, EVE, CAROL]
    assert message["Subject"] == "s" and message["Cc"] == EVE and message["Reply-To"] == "r@example.org"
    assert message["References"] == "<1@x.example>" and b"carol" not in arrival.content


def test_threads(host, send):
    send.well("--in-reply-to", "1@example.net", "--references", "<0@example.net> 1@example.net", BOB)
    message = arrived(host)
    assert message["In-Reply-To"] == "<1@example.net>"
    assert message["References"] == "<0@example.net> <1@example.net>"


@pytest.mark.parametrize("word, numbers", [("high", ("1", "high")), ("low", ("5", "low")), ("normal", (None, None))])
def test_priority(host, send, word, numbers):
    send.well("--priority", word, BOB)
    message = arrived(host)
    assert ((message["X-Priority"] or "x")[:1], str(message["Importance"]).lower()) == (
        numbers[0] or "x", str(numbers[1]).lower())


def test_subject_beyond_ascii(host, send):
    send.well("--subject", "Übergrößenträger: 日本語 " * 20, BOB)
    assert arrived(host)["Subject"] == ("Übergrößenträger: 日本語 " * 20).strip()


def test_no_text(host, send):
    send.well(BOB, text=b"")
    assert texts(arrived(host)) in ([""], ["\n"])


# Where the text comes from


def test_body_leaves_standard_input_alone(host, send):
    """A shell's `while read` loop goes on with its next line."""
    reader, writer = os.pipe()
    with open(reader, "rb") as ours, open(writer, "wb", buffering=0) as theirs:
        theirs.write(b"the next line\n")
        send.well("--body", "given", BOB, stdin=ours, text=None)
        assert os.read(reader, 100) == b"the next line\n"
    assert texts(arrived(host)) == ["given\n"]


def test_body_file(host, send):
    send.well("--body-file", send.write("body", b"from a file\n"), BOB, text=b"not this")
    assert texts(arrived(host)) == ["from a file\n"]


@pytest.mark.parametrize("name", ["-", "/dev/stdin"])
def test_body_file_is_standard_input(host, send, name):
    send.well("--body-file", name, BOB)
    assert texts(arrived(host)) == [TEXT.decode()]


def test_html_alone(host, send):
    send.well("--html", BOB, text=b"<p>Read <b>this</b>: <a href='https://example.org/x'>it</a></p>")
    plain, html = leaves(arrived(host))
    assert arrived(host).get_content_type() == "multipart/alternative"
    assert plain[0] == "text/plain" and "Read this: it <https://example.org/x>" in plain[1]
    assert html[0] == "text/html" and "<b>this</b>" in html[1]


def test_html_in_a_file(host, send):
    send.write("logo.png", b"\x89PNG\r\n\x1a\n1")
    send.write("page.html", b"<p>Hello <img src=logo.png alt=logo></p>")
    send.well("--html=page.html", BOB, text=b"not this")
    message = arrived(host)
    assert [kind for kind, _, _ in leaves(message)] == ["text/plain", "text/html", "image/png"]
    (image,) = [part for part in message.walk() if part.get_content_type() == "image/png"]
    assert f"cid:{image['Content-ID'].strip('<>')}" in texts(message)[1]


def test_text_beside_html(host, send):
    send.write("text", b"in words\n")
    send.well("--html", "--text", "text", BOB, text=b"<p>in HTML</p>")
    plain, html = texts(arrived(host))
    assert plain == "in words\n" and "in HTML" in html


def test_text_and_html_from_files(host, send):
    send.write("text", b"in words\n")
    send.write("page.html", b"<p>in HTML</p>")
    send.well("--html=page.html", "--text=text", BOB, text=b"not this")
    assert texts(arrived(host))[0] == "in words\n"
    send.well("--text", "text", BOB, text=b"not this")
    assert texts(parsed(host.arrivals[1].content)) == ["in words\n"]


def test_body_beside_html(host, send):
    send.write("page.html", b"<p>in HTML</p>")
    send.well("--html=page.html", "--body", "given", BOB)
    assert texts(arrived(host))[0] == "given\n"


def test_charset(host, send):
    send.well("--charset", "ISO-8859-2", BOB, text="Zażółć gęślą jaźń\n".encode("iso-8859-2"))
    assert texts(arrived(host)) == ["Zażółć gęślą jaźń\n"]


def test_unknown_charset(host, send):
    assert "klingon" in send.fails(DATAERR, "--charset", "klingon", BOB)
    assert host.connections == 0


# Files that go along


@pytest.mark.parametrize("option", ["-a", "-A", "--attach", "--attachment"])
def test_attachment(host, send, option):
    octets = bytes(range(256)) * 50
    send.well(option, send.write("report.bin", octets), BOB)
    assert leaves(arrived(host))[1][1:] == (octets, "report.bin") and texts(arrived(host))[0] == TEXT.decode()


def test_attachments_in_order_with_details(host, send):
    send.write("a.csv", b"a,b\n1,2\n")
    send.write("b", b"%PDF-1.4 x")
    send.well("-a", "a.csv;name=Übersicht Q3.csv", "-a", "b;type=application/x-mine;name=b.bin", "-a", "b", BOB)
    found = leaves(arrived(host))[1:]
    assert [(kind, name) for kind, _, name in found] == [
        ("text/csv", "Übersicht Q3.csv"), ("application/x-mine", "b.bin"), ("application/pdf", "b")]


def test_names_that_look_like_details(host, send):
    """Where the whole word is a file, it is meant."""
    send.write("a;name=b", b"odd")
    send.write("a", b"plain")
    send.well("-a", "a;name=b", "-a", "a;name=c", BOB)
    assert [(content, name) for _, content, name in leaves(arrived(host))[1:]] == [("odd", "a;name=b"), ("plain", "c")]


def test_inline(host, send):
    send.write("logo.png", b"\x89PNG\r\n\x1a\n1")
    send.well("--html", "--inline", "logo.png;cid=logo", BOB, text=b"<img src='cid:logo'>")
    (image,) = [part for part in arrived(host).walk() if part.get_content_type() == "image/png"]
    assert image["Content-ID"] == "<logo>" and image.get_content_disposition() == "inline"


def test_fifo_as_attachment(host, send):
    os.mkfifo(send.folder / "pipe")
    writer = threading.Thread(target=lambda: (send.folder / "pipe").write_bytes(b"through a pipe"))
    writer.start()
    send.well("-a", "pipe;name=dump", BOB)
    writer.join()
    assert leaves(arrived(host))[1][1:] == ("through a pipe", "dump")


@pytest.mark.parametrize("name", ["-", "/dev/stdin"])
def test_standard_input_as_attachment(host, send, name):
    """Then it is not the text."""
    send.well("-a", f"{name};name=dump.bin", BOB, text=b"\0\1\2")
    assert (b"\0\1\2", "dump.bin") in [leaf[1:] for leaf in leaves(arrived(host))]
    assert not "".join(texts(arrived(host))).strip()


@pytest.mark.parametrize("args", [
    ("-a", "/dev/stdin", "--body-file", "-"), ("-a", "-", "-a", "-"), ("--raw", "-a", "-"), ("--html=-", "--text=-"),
])
def test_standard_input_is_one_thing(host, send, args):
    assert "one thing alone" in send.fails(USAGE, *args, BOB)
    assert host.connections == 0


@pytest.mark.parametrize("args", [
    ("-a", "missing"), ("-a", "."), ("--inline", "missing"), ("--body-file", "missing"), ("--body-file", "."),
    ("--html=missing",), ("--html", "--text", "missing"), ("-a", "good", "-a", "missing"),
])
def test_what_cannot_be_read(host, send, args):
    send.write("good", b"x")
    assert args[-1].removeprefix("--html=") in send.fails(NOINPUT, *args, BOB)
    assert host.connections == 0 and send.waiting() == []


# A message as it is


RAW = b"From: Ann <ann@example.com>\nTo: dora@example.net\nBcc: frank@example.net\nSubject: mine\nX-Own: 1\n\nbody\n"


def test_raw(host, send):
    send.well("--raw", BOB, text=RAW)
    (arrival,) = host.arrivals
    message = arrived(host)
    assert arrival.sender == "ann@example.com" and list(arrival.recipients) == [BOB]
    assert message["To"] == "dora@example.net" and message["X-Own"] == "1" and message["Bcc"] is None
    assert message.get_payload() == "body\r\n" and message["Content-Type"] is None


def test_raw_recipients(host, send):
    send.well("-t", CAROL, text=RAW)
    assert list(host.arrivals[0].recipients) == [CAROL, "dora@example.net", "frank@example.net"]


def test_raw_with_an_attachment(host, send):
    send.well("-t", "-a", send.write("a.bin", b"\1\2"), "-s", "another", text=RAW)
    message = arrived(host)
    assert message["Subject"] == "another" and message["X-Own"] == "1" and message["From"] == "Ann <ann@example.com>"
    assert [kind for kind, _, _ in leaves(message)] == ["text/plain", "application/octet-stream"]
    assert b"frank" not in host.arrivals[0].content


def test_raw_without_recipients(host, send):
    assert "nobody to send to" in send.fails(USAGE, "-t", text=b"Subject: x\n\nx\n")
    assert host.connections == 0


def test_raw_without_input(send):
    send.fails(NOINPUT, "--raw", BOB, text=b"")


# What servers are asked for


def test_requests_and_reports(host, send):
    host.features = (*FEATURES, "MT-PRIORITY", "DELIVERBY")
    send.well("--mt-priority", "-3", "--deliver-by", "2h;notify", "--dsn", "success,delay", BOB)
    (arrival,) = host.arrivals
    assert re.search(r"BY=7(200|19\d);N MT-PRIORITY=-3", arrival.sender_params)
    assert "NOTIFY=SUCCESS,DELAY" in arrival.recipients[BOB]


def test_requests_of_a_queued_message(host, send):
    """They are on disk with it."""
    host.features = (*FEATURES, "MT-PRIORITY", "DELIVERBY")
    send.well("--mt-priority=4", "--deliver-by", "2h", "--hold", BOB)
    (name,) = send.waiting()
    assert send.run("queue", "release", name, name="sendoff").status == 0
    assert wait_until(lambda: host.arrivals, 30)
    assert re.search(r"BY=7(200|19\d);R MT-PRIORITY=4", host.arrivals[0].sender_params)


def test_require_tls(host, send):
    """The server cannot promise it: nothing is sent."""
    assert "require_tls" in send.fails(UNAVAILABLE, "--require-tls", BOB)
    assert not host.arrivals


def test_no_reports(host, send):
    send.well("--dsn=never", BOB)
    assert "NOTIFY=NEVER" in host.arrivals[0].recipients[BOB]


# What is told


def on_terminal(send, *args, text=TEXT, stdin_too=False, env=None):
    """With a terminal for standard error, or for standard input too, where text is typed; (status, what is shown)."""
    ours, theirs = pty.openpty()
    streams = {"stderr": theirs, **({"stdin": theirs} if stdin_too else {})}
    process = send.start("send", *args, name="sendoff", env={"TZ": "UTC", "TERM": "xterm", **(env or {})}, **streams)
    os.close(theirs)
    if stdin_too:
        os.write(ours, text + b"\x04")
    else:
        process.stdin.write(text)
        process.stdin.close()
        process.stdin = None
    shown = b""
    with contextlib.suppress(OSError):  # EIO: the other end is closed
        while octets := os.read(ours, 4096):
            shown += octets
    os.close(ours)
    process.stdout.read()
    return process.wait(60), shown.decode().replace("\r\n", "\n")


def test_a_line_on_a_terminal(send):
    assert on_terminal(send, BOB) == (0, f"sent to {BOB}: 250 2.0.0 taken\n")
    assert on_terminal(send, BOB, EVE) == (0, "sent to 2 recipients: 250 2.0.0 taken\n")


def test_quiet_on_a_terminal(send):
    assert on_terminal(send, "-q", BOB) == (0, "")
    assert on_terminal(send, "--quiet", "--in", "1h", BOB) == (0, "")


def test_typing(host, send):
    status, shown = on_terminal(send, BOB, stdin_too=True)
    assert status == 0 and texts(arrived(host)) == [TEXT.decode()]
    asked = "Type the text; Ctrl-D on a line of its own ends it (--edit opens an editor).\n"
    assert shown.replace(TEXT.decode(), "").startswith(asked)


def test_no_text_on_a_terminal(send):
    status, shown = on_terminal(send, BOB, text=b"")
    assert status == 0 and shown.startswith("sendoff: the message has no text\n")


def test_verbose(send):
    result = send("-v", BOB)
    assert result.status == 0 and f"C: RCPT TO:<{BOB}>" in result.stderr
    assert f"sent to {BOB}" in result.stderr


class Slow:
    """A server that takes its time over the content."""

    def __init__(self, seconds):
        self._seconds = seconds
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port = self._listener.getsockname()[1]
        threading.Thread(target=self._serve, daemon=True).start()

    def _serve(self):
        client, _ = self._listener.accept()
        client.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 1 << 16)
        with client, client.makefile("rwb", buffering=0) as file:
            file.write(b"220 slow.example.net\r\n")
            while not file.readline().startswith(b"DATA"):
                file.write(b"250 ok\r\n")
            file.write(b"354 go on\r\n")
            tail, until = b"", time.monotonic() + self._seconds
            while not tail.endswith(b"\r\n.\r\n"):
                tail = (tail + client.recv(1 << 16))[-8:]
                time.sleep(0.02 if time.monotonic() < until else 0)
            file.write(b"250 2.0.0 at last\r\n")
            file.readline()


@pytest.mark.parametrize("seconds, term, args, shown_at_all", [
    (2.5, "xterm", [], True), (0, "xterm", [], False), (2.5, "dumb", [], False), (2.5, "xterm", ["-q"], False),
])
def test_progress(send, seconds, term, args, shown_at_all):
    """A bar that grows, and is gone in the end."""
    slow = Slow(seconds)
    send.configure(f"server smtp://127.0.0.1:{slow.port}\ntls none\nfrom {ALICE}\n")
    send.write("large.bin", b"\xff" * 12_000_000)
    status, shown = on_terminal(send, *args, "-a", str(send.folder / "large.bin"), BOB, env={"TERM": term})
    assert status == 0
    percents = [int(found) for found in re.findall(r"\r\[#* *\] +(\d+) %  [\d.]+ [KM]B of 16\.4 MB", shown)]
    assert bool(percents) == shown_at_all and percents == sorted(percents) and len(percents) < 20
    last = shown.rstrip("\n").rpartition("\r")[2]
    assert last == ("" if args else f"sent to {BOB}: 250 2.0.0 at last")


def lines(receipt):
    return [tuple(line.split(": ", 1)) for line in receipt.splitlines()]


def test_receipt(host, send):
    host.replies["CONTENT"] = "250 2.0.0 Ok: queued as 4WxYz1"
    found = lines(send.well("--receipt", BOB, "root"))
    message = arrived(host)
    server = f"127.0.0.1:{host.port}"
    taken = [("state", "sent"), ("server", server), ("reply", "250 2.0.0 Ok: queued as 4WxYz1"),
             ("server-queue-id", "4WxYz1")]
    assert found == [("result", "sent"), ("queue-id", "none"), ("message-id", message["Message-ID"]),
                     ("account", "default"), ("size", str(len(host.arrivals[0].content))), ("exit-status", "0"),
                     ("recipient", BOB), *taken, ("recipient", "admin@example.org"), ("given-as", "root"), *taken]


def test_receipt_as_json(host, send):
    host.replies["RCPT"] = lambda line: "450 4.2.1 come again" if "eve" in line else OK
    result = send("--json", BOB, EVE)
    assert result.status == 0 and result.stderr == "", str(result)
    found = json.loads(result.stdout)
    (name,) = send.waiting()
    assert found["result"] == "queued" and found["queue_id"] == name and found["exit_status"] == 0
    bob, eve = found["recipients"]
    assert bob["address"] == BOB and bob["state"] == "sent"
    assert eve["state"] == "queued" and eve["reply"] == "450 4.2.1 come again" and eve["error"]
    assert found["next_attempt"]


def test_receipt_of_what_was_refused(host, send):
    host.replies["RCPT"] = "550-5.1.1 no such\n550 5.1.1 user".replace("\n", "\r\n")
    result = send("--json", BOB)
    assert result.status == NOUSER and "no such" in result.stderr, str(result)
    found = json.loads(result.stdout)
    assert found["result"] == "refused" and found["exit_status"] == NOUSER and found["queue_id"] is None
    assert found["recipients"][0]["state"] == "refused"
    assert found["recipients"][0]["reply"] == "550 5.1.1 no such 550 5.1.1 user"


def test_receipt_is_waited_for(host, send):
    """The account's `wait` is for callers that want no answer."""
    send.configure(f"{host.config}wait 1s\n")
    with host.holding():
        process = send.start("send", "--receipt", "--body", "x", BOB, name="sendoff", cwd=send.folder)
        host.wait_for_content()
        time.sleep(1.5)
    assert dict(lines(send.finish(process, b"").stdout))["result"] == "sent"


def test_receipt_is_safe_on_a_terminal(host, send):
    host.replies["CONTENT"] = "250 2.0.0 \x1b[2Jqueued as \x07x"
    receipt = send.well("--receipt", BOB)
    assert "\x1b" not in receipt and "\x07" not in receipt


def test_what_cannot_be_sent_now_is_queued(host, send):
    host.close()
    assert send.well(BOB) == ""
    assert len(send.waiting()) == 1


def test_no_queue(host, send):
    host.replies["GREETING"] = "421 4.3.2 not now"
    assert "message: not sent and not queued" in send.fails(TEMPFAIL, "--no-queue", BOB)
    assert send.waiting() == []


def test_delivery_in_the_background(host, send):
    send.configure(f"{host.config}delivery background\n")
    found = dict(lines(send.well("--receipt", BOB)))
    assert found["result"] == "queued" and found["state"] == "queued"
    assert wait_until(lambda: host.arrivals, 30)


def test_no_queue_does_not_go_to_the_background(host, send):
    send.configure(f"{host.config}delivery queue\n")
    send.well("--no-queue", BOB)
    assert len(host.arrivals) == 1


def test_too_large_for_the_server(host, send):
    host.features = ("PIPELINING", "8BITMIME", "SIZE 1000000")
    said = send.fails(DATAERR, "-a", send.write("large.bin", os.urandom(1_500_000)), BOB)
    assert re.search(r"that is 2\.0 MB, .* takes 1\.0 MB", said) and not host.arrivals


def test_through_postfix(postfix, certs, tmp_path):
    """The real thing: the reply's queue id is the one in the server's Received field."""
    with Sender(tmp_path, configuration(postfix, certs)) as send:
        octets = os.urandom(200_000)
        found = dict(lines(send.well("-s", "Größe", "-a", send.write("Übersicht.bin", octets), "--receipt", BOB)))
    (message,) = postfix.arrived()
    assert message.queue_id() == found["server-queue-id"] and list(message.recipients) == [BOB]
    assert leaves(parsed(message.content))[1][1:] == (octets, "Übersicht.bin")
    assert parsed(message.content)["Subject"] == "Größe"


# Later


def test_in(host, send):
    before = time.time()
    send.well("--in", "2h", BOB)
    (entry,) = send.listing().values()
    assert 7190 <= entry["next_attempt"] - before <= 7260 and entry["attempts"] == 0
    assert not host.connections


def test_not_even_a_flush_sends_it_before_its_time(host, send):
    send.well("--in", "2h", BOB)
    (name,) = send.waiting()
    assert send.run("queue", "flush", name="sendoff").stdout == "nothing to send\n"
    refused = send.run("queue", "flush", name, name="sendoff")
    assert refused.status == TEMPFAIL and "the message is to be sent at" in refused.stderr
    refused = send.run("queue", "retry", name, name="sendoff")
    assert refused.status == TEMPFAIL and "the message is to be sent at" in refused.stderr
    assert send.run("-qf").status == 0
    assert not host.connections and send.waiting() == [name]
    history = send.run("queue", "show", name, name="sendoff").stdout
    assert "not to be sent before" in history


def test_release_sends_it_at_once(host, send):
    send.well("--in", "2h", BOB)
    (name,) = send.waiting()
    assert send.run("queue", "release", name, name="sendoff").status == 0
    assert wait_until(lambda: host.arrivals, 30)
    send.settle()
    assert send.waiting() == []


def test_it_is_sent_when_its_time_has_come(host, send):
    send.well("--in", "2s", BOB)
    assert not host.connections and len(send.waiting()) == 1
    assert wait_until(lambda: host.arrivals, 30)
    send.settle()
    assert send.waiting() == []


@pytest.mark.parametrize("text", ["2030-01-31T08:30:15+01:00", "2030-01-31 07:30:15Z", "2030-01-31T07:30:15"])
def test_at(send, text):
    send.well("--at", text, BOB)
    (entry,) = send.listing().values()
    assert datetime.fromtimestamp(entry["next_attempt"], timezone.utc).isoformat() == "2030-01-31T07:30:15+00:00"


def test_at_a_time_of_day(send):
    when = datetime.now(timezone.utc) + timedelta(minutes=-5)
    send.well("--at", f"{when:%H:%M}", BOB)
    (entry,) = send.listing().values()
    expected = when.replace(second=0, microsecond=0) + timedelta(days=1)
    assert entry["next_attempt"] == expected.timestamp()


def test_later_on_a_terminal(send):
    status, shown = on_terminal(send, "--at", "2030-01-31T08:30Z", BOB)
    (name,) = send.waiting()
    assert (status, shown) == (0, f"queued as {name}, to be sent at 2030-01-31 08:30:00 +0000; it needs a run of the "
                                  "queue then: the runner waits for it\n")


def test_hold(host, send):
    status, shown = on_terminal(send, "--hold", BOB)
    (name,) = send.waiting()
    assert (status, shown) == (0, f"queued as {name}, and held until: sendoff queue release {name}\n")
    assert send.listing()[name]["queue_name"] == "hold" and not host.connections
    assert not send.processes()


def test_later_without_a_queue(host, tmp_path):
    with Sender(tmp_path, host.config) as send:
        send.take_queue_away()
        assert "queue_dir none" in send.fails(CONFIG, "--in", "1h", BOB)


# Nothing is sent


def test_dry_run(host, send):
    shown = send.well("--dry-run", "-s", "x", BOB, "root", "-b", EVE)
    head, _, message = shown.partition("\n\n")
    assert [line.split(None, 1) for line in head.splitlines()][:6] == [
        ["sender", ALICE], ["recipient", BOB], ["recipient", "admin@example.org, given as root"], ["recipient", EVE],
        ["account", "default"], ["server", f"127.0.0.1:{host.port}"]]
    assert parsed(message.encode())["Subject"] == "x" and "eve" not in message
    assert not host.connections and not send.queue.exists()


def test_dry_run_for_programs(host, send):
    shown = json.loads(send.well("--dry-run", "--json", "--in", "1h", BOB))
    assert shown["sender"] == ALICE and shown["server"] == f"127.0.0.1:{host.port}"
    assert shown["recipients"] == [{"address": BOB, "original": None}] and shown["not_before"] > time.time()
    assert shown["size"] > 100 and shown["message_id"] and shown["hold"] is False
    assert not host.connections and send.waiting() == []


def test_dry_run_of_future_release(send):
    assert json.loads(send.well("--dry-run", "--json", *LATER, BOB))["not_before"] == AT_S
    assert "\nnot before " in send.well("--dry-run", *LATER, BOB)


def test_output(host, send):
    octets = os.urandom(300_000)
    send.write("a.bin", octets)
    assert send.well("--output", "out.eml", "-a", "a.bin", BOB) == ""
    message = parsed((send.folder / "out.eml").read_bytes())
    assert leaves(message)[1][1] == octets and message["To"] == BOB and message["Date"]
    assert parsed(send.well("--output=-", BOB).encode())["To"] == BOB
    assert not host.connections


def test_output_needs_nobody(send):
    assert parsed(send.well("--output=-", "-s", "x").encode())["Subject"] == "x"


def test_output_and_dry_run(send):
    shown = send.well("--dry-run", "--output", "out.eml", BOB)
    assert shown.startswith("sender ") and "Subject" not in shown
    assert (send.folder / "out.eml").read_text().startswith("To: ")


def test_output_that_cannot_be_written(send):
    assert "cannot write /nowhere/x" in send.fails(CANTCREATE, "--output", "/nowhere/x", BOB)


def test_what_is_shown_is_what_is_sent(host, send):
    """Sender policy and all."""
    send.configure(f"{host.config}rewrite_from always\n")
    shown = parsed(send.well("--output=-", "--from", "someone@example.com", BOB).encode())
    send.well("--from", "someone@example.com", BOB)
    assert shown["From"] == arrived(host)["From"] and ALICE in shown["From"]


# Once


def test_the_same_key_sends_once(host, send):
    send.write("a", b"attached")
    args = ("--idempotency-key", "night 17", "-s", "x", "-a", "a", BOB)
    first = send.well("--receipt", *args)
    second = send.well("--receipt", *args)
    assert first == second and len(host.arrivals) == 1
    assert json.loads(send.well("--json", *args))["message_id"] == dict(lines(first))["message-id"]
    assert len(send.keys()) == 1


def test_html_with_images_is_the_same_each_time(host, send):
    send.write("logo.png", b"\x89PNG\r\n\x1a\n1")
    for _ in range(2):
        send.well("--html", "--idempotency-key", "k", BOB, text=b"<img src=logo.png>")
    assert len(host.arrivals) == 1


def test_the_same_key_on_a_terminal(host, send):
    on_terminal(send, "--idempotency-key=k", BOB)
    status, shown = on_terminal(send, "--idempotency-key=k", BOB)
    assert status == 0 and shown.startswith("sent already, at 2") and len(host.arrivals) == 1


@pytest.mark.parametrize("change", [
    ("-s", "y"), ("--cc", EVE), ("-b", EVE), ("-a", "a"), ("--from", "ann@example.org"), ("--priority", "high"),
    ("--dsn", "never"), ("-H", "X-A: 1"), ("--envelope-from", "x@example.org"), ("--require-tls",), ("--html",),
    ("--body", "other"),
])
def test_the_same_key_for_something_else(host, send, change):
    send.write("a", b"attached")
    send.well("--idempotency-key", "k", BOB)
    assert "was used for another message" in send.fails(USAGE, "--idempotency-key", "k", *change, BOB)
    assert len(host.arrivals) == 1


def test_other_keys(host, send):
    send.well("--idempotency-key", "k", BOB)
    send.well("--idempotency-key", "l", BOB)
    assert len(host.arrivals) == 2


def crc32c(octets):
    """CRC-32C, bit by bit."""
    crc = 0xFFFFFFFF
    for octet in octets:
        crc ^= octet
        for _ in range(8):
            crc = crc >> 1 ^ (0x82F63B78 if crc & 1 else 0)
    return crc ^ 0xFFFFFFFF


def make_older(path, seconds):
    """As if the key had been used so much earlier."""
    head, _, rest = path.read_bytes().partition(b"\n")
    word, stamp, status, length, _ = head.split()
    head = b"%s %d %s %s " % (word, int(stamp) - seconds * 1000, status, length)
    text = rest[:int(length)]
    path.write_bytes(head + b"%d\n" % crc32c(head + text) + rest)
    os.utime(path, (time.time() - seconds,) * 2)


def test_a_key_is_good_for_a_day(host, send):
    send.well("--idempotency-key", "k", BOB)
    make_older(send.keys()[0], DAY_S - 60)
    send.well("--idempotency-key", "k", BOB)
    assert len(host.arrivals) == 1
    make_older(send.keys()[0], 120)
    send.well("--idempotency-key", "k", "-s", "another", BOB)
    send.well("--idempotency-key", "k", "-s", "another", BOB)
    assert len(host.arrivals) == 2


def test_old_keys_are_removed(send):
    for key in ("one", "two"):
        send.well("--idempotency-key", key, BOB)
    for path in send.keys():
        make_older(path, DAY_S + 60)
    # All are looked at once an hour.
    send.well("--idempotency-key", "not yet", BOB)
    assert len(send.keys()) == 3
    for path in send.keys():
        make_older(path, DAY_S + 60)
    os.utime(send.queue / "keys" / ".swept", (time.time() - 3601,) * 2)
    send.well("--idempotency-key", "three", BOB)
    assert len(send.keys()) == 1


def test_a_key_in_flight(host, send):
    with host.holding():
        first = send.start("send", "--idempotency-key", "k", "--body", "x", BOB, name="sendoff", cwd=send.folder)
        host.wait_for_content()
        said = send.fails(TEMPFAIL, "--idempotency-key", "k", "--body", "x", BOB)
        assert "is in use: another process is sending with it" in said
    assert send.finish(first, b"").status == 0
    send.well("--idempotency-key", "k", "--body", "x", BOB)
    assert len(host.arrivals) == 1


def kill_when(host, send, verb):
    """Kills a call with the key when the server has heard that."""
    gate = threading.Event()
    with contextlib.ExitStack() as stack:
        if verb == "CONTENT":
            stack.enter_context(host.holding())
        else:
            host.replies[verb] = lambda _: gate.wait(60) and GONE or GONE
        process = send.start("send", "--idempotency-key", "k", "--body", "x", BOB, name="sendoff", cwd=send.folder)
        if verb == "CONTENT":
            host.wait_for_content()
        else:
            host.wait_for("EHLO" if verb == "GREETING" else verb)
        process.send_signal(signal.SIGKILL)
        process.communicate(timeout=60)
        gate.set()
    host.replies.clear()


@pytest.mark.parametrize("verb", ["EHLO", "MAIL", "RCPT", "DATA"])
def test_killed_before_the_end_of_the_content(host, send, verb):
    """Nobody can have it: it is sent."""
    kill_when(host, send, verb)
    send.well("--idempotency-key", "k", "--body", "x", BOB)
    assert len(host.arrivals) == 1


def test_killed_behind_the_end_of_the_content(host, send):
    """Nobody can know: it is not sent again, and another key does it."""
    kill_when(host, send, "CONTENT")
    said = send.fails(TEMPFAIL, "--idempotency-key", "k", "--body", "x", BOB)
    assert "is in doubt: it was used at" in said and "give another key" in said
    assert "was used for another message" in send.fails(USAGE, "--idempotency-key", "k", "--body", "y", BOB)
    before = len(host.arrivals)
    send.well("--idempotency-key", "l", "--body", "x", BOB)
    assert len(host.arrivals) == before + 1


def test_a_key_whose_message_was_queued(host, send):
    host.replies["GREETING"] = "421 4.3.2 not now"
    first = send.well("--idempotency-key", "k", "--receipt", BOB)
    assert dict(lines(first))["result"] == "queued"
    host.replies.clear()
    assert send.well("--idempotency-key", "k", "--receipt", BOB) == first
    assert len(send.waiting()) == 1 and not host.arrivals


def test_a_key_whose_message_was_refused(host, send):
    host.replies["RCPT"] = "550 5.1.1 no such user"
    assert send("--idempotency-key", "k", BOB).status == NOUSER
    host.replies.clear()
    result = send("--idempotency-key", "k", "--json", BOB)
    assert result.status == NOUSER and "nothing is tried again" in result.stderr, str(result)
    assert json.loads(result.stdout)["recipients"][0]["reply"] == "550 5.1.1 no such user"
    assert not host.arrivals


def test_a_key_whose_message_was_not_sent_is_free(host, send):
    """The caller has it still, and tries again."""
    host.replies["GREETING"] = "421 4.3.2 not now"
    assert send("--idempotency-key", "k", "--no-queue", BOB).status == TEMPFAIL
    assert send.keys() == []
    host.replies.clear()
    send.well("--idempotency-key", "k", "--no-queue", BOB)
    assert len(host.arrivals) == 1


def test_a_key_that_was_told_to_end(host, send):
    """The message is queued instead, and that is what the key stands for."""
    with host.holding():
        process = send.start("send", "--idempotency-key", "k", "--body", "x", BOB, name="sendoff", cwd=send.folder)
        host.wait_for_content()
        process.send_signal(signal.SIGTERM)
        assert process.wait(60) == 0
        found = dict(lines(send.well("--idempotency-key", "k", "--body", "x", "--receipt", BOB)))
        assert found["result"] == "queued"
    send.finish(process, b"")
    send.settle()
    assert len(host.arrivals) == 1 and send.waiting() == []


@pytest.mark.parametrize("content", [b"", b"reserved 17", b"\0" * 100, b"done 1 0 0 0\n\n"])
def test_a_torn_key(host, send, content):
    """Cut off while it was reserved: nothing was sent."""
    send.well("--idempotency-key", "k", BOB)
    send.keys()[0].write_bytes(content)
    send.well("--idempotency-key", "k", BOB)
    send.well("--idempotency-key", "k", BOB)
    assert len(host.arrivals) == 2


def test_a_key_with_a_torn_end(host, send):
    """What was cut off is what came of it."""
    send.well("--idempotency-key", "k", BOB)
    path = send.keys()[0]
    path.write_bytes(path.read_bytes()[:-3])
    assert "is in doubt" in send.fails(TEMPFAIL, "--idempotency-key", "k", BOB)


@pytest.mark.parametrize("key", ["", "a\nb", "\x1b", "x" * 201])
def test_bad_keys(send, key):
    assert "--idempotency-key takes" in send.fails(USAGE, "--idempotency-key", key, BOB)


def test_keys_without_a_queue(host, send):
    send.take_queue_away()
    assert "kept with the queue" in send.fails(CONFIG, "--idempotency-key", "k", BOB)
    assert not host.connections


# The editor


EDIT = """#!/bin/sh
cp "$1" "$HOME/seen"
{what}
"""


def editor(send, what):
    """An editor that does that to its file, "$1"."""
    path = send.write("editor", EDIT.format(what=what).encode())
    path.chmod(0o755)
    return {"env": {"TZ": "UTC", "TMPDIR": str(send.folder), "VISUAL": str(path), "EDITOR": "/nowhere/ed"}}


def test_edit(host, send):
    what = ('sed -i -e "s/^Subject:.*/Subject: Grüße/" '
            '-e "s/^To:.*/To: Bob <bob@example.net>\\nBcc: eve@example.net/" "$1"')
    send.well("--edit", "-s", "draft", **editor(send, f'{what}; echo "more" >> "$1"'))
    assert (send.folder / "seen").read_text() == f"To: \nSubject: draft\n\n{TEXT.decode()}"
    message = arrived(host)
    assert list(host.arrivals[0].recipients) == [BOB, EVE] and message["Subject"] == "Grüße"
    assert texts(message) == [f"{TEXT.decode()}more\n"] and message["Bcc"] is None


def test_edit_shows_what_was_given(host, send):
    send.well("--edit", "-f", "ann@example.com", BOB, "-c", EVE, "-b", CAROL, "--body", "given", "-H", "X-A: 1",
              "--reply-to", "r@example.org", **editor(send, "true"))
    assert (send.folder / "seen").read_text() == (
        f"From: ann@example.com\nTo: {BOB}\nCc: {EVE}\nBcc: {CAROL}\nSubject: \nReply-To: r@example.org\n"
        "X-A: 1\n\ngiven")
    assert list(host.arrivals[0].recipients) == [BOB, EVE, CAROL] and arrived(host)["X-A"] == "1"


@pytest.mark.parametrize("what, text", [("true", b""), (': > "$1"', TEXT), ('echo " " > "$1"', TEXT)])
def test_edit_nothing(host, send, what, text):
    result = send("--edit", BOB, text=text, **editor(send, what))
    assert result.status == 0 and "nothing was written: nothing is sent" in result.stderr, str(result)
    assert not host.connections


def test_edit_fails(host, send):
    assert "the editor" in send.fails(OSERR, "--edit", BOB, **editor(send, "exit 3"))
    assert not host.connections


def test_edit_keeps_what_was_written(send, tmp_path):
    (tmp_path / "tmp").mkdir()
    options = editor(send, 'echo "To: bob@" > "$1"; echo >> "$1"; echo precious >> "$1"')
    options["env"]["TMPDIR"] = str(tmp_path / "tmp")
    said = send.fails(DATAERR, "--edit", BOB, **options)
    (kept,) = (tmp_path / "tmp").iterdir()
    assert f"what was written is kept in {kept}" in said and "precious" in kept.read_text()
    assert kept.stat().st_mode & 0o777 == 0o600


def test_edit_leaves_nothing(host, send, tmp_path):
    (tmp_path / "tmp").mkdir()
    options = editor(send, 'echo x >> "$1"')
    options["env"]["TMPDIR"] = str(tmp_path / "tmp")
    send.well("--edit", BOB, **options)
    assert len(host.arrivals) == 1 and list((tmp_path / "tmp").iterdir()) == []


def test_editor_command_has_arguments(host, send):
    options = editor(send, 'echo "$2" >> "$2"')
    options["env"]["VISUAL"] += " -x"
    options["env"]["TMPDIR"] = str(send.folder)
    send.write("editor", b'#!/bin/sh\n[ "$1" = -x ] && echo edited >> "$2"\n')
    send.well("--edit", BOB, **options)
    assert texts(arrived(host)) == [f"{TEXT.decode()}edited\n"]


# Hostile arguments, and wrong ones


@pytest.mark.parametrize("args", [
    ("-s", "x\nBcc: eve@example.net", BOB), ("-s", "x\rBcc: eve@example.net", BOB),
    ("-f", "a@example.org\nX: y", BOB), (f"{BOB}\nCc: x@example.net",), ("--to", f"{BOB}\r\nX: y"),
    ("-c", f"{BOB}\nX: y", BOB), ("-b", f"{BOB}\nX: y", BOB), ("--reply-to", "a@b.example\nX: y", BOB),
    ("--in-reply-to", "<1@x>\nX: y", BOB), ("--references", "<1@x>\nX: y", BOB), ("-H", "X: y\nZ: w", BOB),
    ("-H", "X\n: y", BOB), ("--charset", "utf-8\nX: y", BOB), ("--envelope-from", "a@b.example>\r\nRCPT TO:<x>", BOB),
    ("-a", "a;name=x\nX: y", BOB), ("-a", "a;type=text/plain\r\nX: y", BOB), ("--inline", "a;cid=x\nX: y", BOB),
    ("--account", "x\ny", BOB), ("--envelope-from", "a\tb@example.org", BOB), ("-b", "a\x1b@example.org", BOB),
])
def test_nothing_breaks_a_line(host, send, args):
    send.write("a", b"x")
    send.fails(USAGE, *args)
    assert host.connections == 0


@pytest.mark.parametrize("args, said", [
    ((), "nobody to send to"), (("--subjet", "x"), "did you mean --subject?"), (("-Z", BOB), "no option -Z"),
    (("-s",), "-s needs a value"), (("--subject",), "--subject needs a value"), (("--raw=x", BOB), "takes no value"),
    (("--body", "x", "--body-file", "y", BOB), "--body does not go with --body-file"),
    (("--raw", "--html", BOB), "--raw does not go with --html"),
    (("--raw", "--edit", BOB), "--raw does not go with --edit"),
    (("--hold", "--in", "1h", BOB), "--hold does not go with --at"), (("-qv", BOB), "does not go with --quiet"),
    (("--no-queue", "--hold", BOB), "does not go with --hold"),
    (("--text", "x", "--body", "y", BOB), "does not go with"),
    (("-", BOB), "is nobody to send to"), (("-H", "X", BOB), "--header takes"),
    (("-H", "a b: x", BOB), "--header takes"),
    (("-H", "MIME-Version: 2", BOB), "--header cannot set MIME-Version"),
    (("-H", "content-type: x", BOB), "--header cannot set content-type"),
    (("-H", "Resent-To: x@example.net", BOB), "--header cannot set Resent-To"),
    (("-a", "", BOB), "--attach needs the name of a file"),
    (("--body-file=", BOB), "--body-file needs the name of a file"),
    (("-a", "x;nmae=y", BOB), '--attach knows no "nmae=y"'), (("-a", "x;cid=y", BOB), '--attach knows no "cid=y"'),
    (("-a", "x;name=", BOB), "nothing stands behind"), (("--priority", "urgent", BOB), "--priority takes"),
    (("--mt-priority", "10", BOB), "--mt-priority takes"), (("--deliver-by", "soon", BOB), "--deliver-by takes"),
    (("--deliver-by", "2h;never", BOB), "--deliver-by takes"), (("--dsn", "always", BOB), "--dsn takes never"),
    (("--dsn", "never,delay", BOB), "--dsn never goes with nothing else"), (("--at", "25:00", BOB), "--at takes"),
    (("--at", "2030-02-30T00:00", BOB), "--at takes"), (("--at", "2020-01-01T00:00Z", BOB), "is over"),
    (("--in", "-1h", BOB), "--in takes"), (("--in", "400d", BOB), "--in takes"),
    (("--in-reply-to", "a<b", BOB), "Message-IDs"),
    (("--from=", BOB), "--from needs an address"),
])
def test_usage(host, send, args, said):
    assert said in send.fails(USAGE, *args)
    assert host.connections == 0


@pytest.mark.parametrize("args", [
    ("bob@",), ("--to", "a b c@"), ("-c", "@x", BOB), ("--from", "x@", BOB),
    ("--from", "a@x.example, b@x.example", BOB),
    ("--reply-to", "<", BOB), ("--envelope-from", "a@x.example, b@x.example", BOB),
])
def test_bad_addresses(host, send, args):
    send.fails(DATAERR, *args)
    assert host.connections == 0


def test_empty_recipients(send):
    assert "nobody to send to" in send.fails(USAGE, "", "--to", " , ")


# What must not lead here: by the name of sendmail, not even the command.
SENDMAILS = [
    ["--attach=/etc/hostname", BOB], ["--body-file=/etc/hostname", BOB], ["--html=/etc/hostname", BOB],
    ["--output=/tmp/x", BOB], ["-t", "--attach", "/etc/hostname"], ["-i", BOB, "send", "-a", "/etc/hostname"],
    ["--edit", BOB], ["--raw", BOB],
]


@pytest.mark.parametrize("name, args", [
    *(("sendoff", args) for args in SENDMAILS), *(("sendmail", args) for args in SENDMAILS),
    ("sendmail", ["send", BOB]), ("sendmail", ["send", "--attach=/etc/hostname", BOB]),
])
def test_sendmails_grammar_does_not_lead_here(host, send, name, args):
    """What web programs pass on to sendmail reads and writes no file."""
    send.finish(send.start(*args, name=name), b"Subject: x\n\nx\n")
    assert not any(b"multipart" in arrival.content for arrival in host.arrivals)
    hostname = Path("/etc/hostname").read_bytes().strip()
    assert not any(hostname in arrival.content.partition(b"\r\n\r\n")[2] for arrival in host.arrivals)
    assert not os.path.exists("/tmp/x") and not (send.folder / "seen").exists()


def test_configuration_before_the_command(host, send, tmp_path):
    (tmp_path / "other").write_text(f"{host.config.replace('alice', 'ann')}queue_dir {send.queue}\n")
    (tmp_path / "other").chmod(0o600)
    for option in (["-C", "other"], ["--config=other"]):
        result = send.finish(send.start(*option, "send", BOB, name="sendoff", cwd=send.folder), TEXT)
        assert result.status == 0, str(result)
    assert [arrival.sender for arrival in host.arrivals] == ["ann@example.org"] * 2


def test_without_a_configuration(send):
    (send.folder / "config").unlink()
    send.fails(CONFIG, BOB)


# Help


def test_help(send):
    shown = send.well("--help")
    assert max(map(len, shown.splitlines())) <= 100
    table = (ROOT / "src/command/send_option.c").read_text()
    for name in re.findall(r'^\t\{ (?:0|\'.\'), "([a-z-]+)", ARITY', table, re.MULTILINE):
        assert f"--{name}" in shown
    assert send.finish(send.start("--help", name="sendoff"), b"").stdout.count("sendoff send --help") == 1


# Size


PEAK = ("import resource, subprocess, sys; subprocess.run(sys.argv[1:], check=True); "
        "print(resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss)")


@kinds.memory
def test_memory_stays_flat(send):
    """40 MB attached cost no more memory than one."""
    peaks = []
    for size in (1 << 20, 40 << 20):
        os.truncate(send.write("large.bin", b""), size)
        peaks.append(int(send.well("--body", "x", "-a", "large.bin", BOB, wrapper=(sys.executable, "-c", PEAK))))
    assert peaks[1] - peaks[0] < 2048, peaks


# The server holds it until its time, or this queue does


HOLDS = (*FEATURES, "FUTURERELEASE 86400 2999-01-01T00:00:00Z")
AT = "2030-01-31T08:30:15+01:00"
AT_UTC, AT_SHOWN = "2030-01-31T07:30:15Z", "2030-01-31 07:30:15 +0000"
AT_S = int(datetime(2030, 1, 31, 7, 30, 15, tzinfo=timezone.utc).timestamp())
LATER = ("--future-release", "--at", AT)


def limits(seconds=999_999_999, until="2999-01-01T00:00:00Z"):
    return (*FEATURES, f"FUTURERELEASE {seconds} {until}")


def hold_until(host):
    """What the only message that arrived was to be held until, in seconds since 1970."""
    (arrival,) = host.arrivals
    found = re.search(r"HOLDUNTIL=(\S+Z)$", arrival.sender_params)
    return datetime.fromisoformat(found[1].replace("Z", "+00:00")).timestamp() if found else None


def kept(send):
    """The only message that waits."""
    ((name, entry),) = send.listing().items()
    return name, entry


def release(send, name):
    assert send.run("queue", "release", name, name="sendoff").status == 0


def test_the_server_holds_it(host, send):
    host.features = HOLDS
    before = time.time()
    send.well("--future-release", "--in", "2h", BOB)
    assert before + 7200 <= hold_until(host) <= time.time() + 7201
    assert "HOLDFOR" not in host.arrivals[0].sender_params and send.waiting() == []


def test_the_server_holds_it_until(host, send):
    host.features = limits()
    assert on_terminal(send, *LATER, BOB) == (
        0, f"sent to {BOB}: 250 2.0.0 taken; the server holds it until {AT_SHOWN}\n")
    assert hold_until(host) == AT_S
    assert send.log()[-1]["held_until"] == AT_SHOWN


@pytest.mark.parametrize("features", [limits(), limits(until=AT_UTC), limits(until="2030-01-31T08:30:15+01:00"),
                                      (*FEATURES, "FUTURERELEASE"), (*FEATURES, "FUTURERELEASE soon then")])
def test_a_time_that_the_server_can(host, send, features):
    """Up to its limit; none that can be read is none."""
    host.features = features
    send.well(*LATER, BOB)
    assert hold_until(host) == AT_S and send.waiting() == []


CANNOT = [
    (FEATURES, f"the server cannot hold the message until {AT_UTC} (no FUTURERELEASE)"),
    (limits(until="2030-01-31T07:30:14Z"), f"the server cannot hold the message until {AT_UTC}, but until "
                                           "2030-01-31T07:30:14Z at most"),
    (limits(3600), f"the server cannot hold the message until {AT_UTC}, but for 3600 seconds at most"),
    (limits(0), f"the server cannot hold the message until {AT_UTC}, but for 0 seconds at most"),
]


@pytest.mark.parametrize("features, why", CANNOT, ids=["not offered", "too late", "too long", "not at all"])
def test_a_time_that_the_server_cannot(host, send, features, why):
    """It is queued as what is to be sent later is, and no attempt counts."""
    host.features = features
    status, shown = on_terminal(send, *LATER, BOB)
    name, entry = kept(send)
    assert (status, shown) == (0, f"queued as {name}, to be sent at {AT_SHOWN}: the server cannot hold it; it needs a run "
                                  "of the queue then: the runner waits for it\n")
    assert not any(command.startswith("MAIL") for command in host.commands)
    assert entry["next_attempt"] == AT_S and entry["attempts"] == 0 and entry["queue_name"] == "incoming"
    assert entry["requests"] == {"hold_until": AT_S}
    assert entry["recipients"][0]["delay_reason"] == f"127.0.0.1:{host.port}: {why}"
    connections = host.connections
    assert send.run("queue", "flush", name="sendoff").stdout == "nothing to send\n"
    assert send.run("-qf").status == 0 and host.connections == connections
    # The server has not failed: the next message goes to it at once.
    send.well(EVE)
    assert list(host.arrivals[0].recipients) == [EVE]


def test_what_the_server_cannot_hold_is_sent_in_time(host, send):
    """By the first run after its time, which no longer asks."""
    send.well("--future-release", "--in", "2s", BOB)
    name, entry = kept(send)
    assert not host.arrivals and entry["attempts"] == 0
    host.features = HOLDS
    assert wait_until(lambda: host.arrivals, 30)
    assert time.time() >= entry["next_attempt"] and "HOLD" not in host.arrivals[0].sender_params
    send.settle()
    assert send.waiting() == []


def test_what_the_server_cannot_hold_can_be_released(host, send):
    """Then nobody is asked to hold it."""
    send.well(*LATER, BOB)
    host.features = limits()
    release(send, kept(send)[0])
    assert wait_until(lambda: host.arrivals, 30)
    assert "HOLD" not in host.arrivals[0].sender_params
    send.settle()
    assert send.waiting() == []


def test_hold_asked_for_again(host, send):
    """A failure of another kind is an ordinary one, and the next attempt asks again."""
    host.features = limits()
    host.replies["MAIL"] = "450 4.3.0 later"
    send.well(*LATER, BOB)
    name, entry = kept(send)
    assert entry["attempts"] == 1 and entry["next_attempt"] < time.time() + 3600
    shown = send.run("queue", "show", name, name="sendoff", env={"TZ": "UTC"}).stdout
    assert f"asks for    not to be delivered before {AT_SHOWN}\n" in shown
    del host.replies["MAIL"]
    assert send.run("queue", "flush", name, name="sendoff").status == 0
    assert hold_until(host) == AT_S and send.waiting() == []


def test_hold_refused_in_a_run(host, send):
    """The server of the first attempt held messages, and that of the second does not."""
    host.features = limits()
    host.replies["RCPT"] = "450 4.3.0 later"
    send.well(*LATER, BOB)
    assert kept(send)[1]["attempts"] == 1
    host.features = FEATURES
    send.run("queue", "flush", name="sendoff")
    name, entry = kept(send)
    assert entry["next_attempt"] == AT_S and entry["attempts"] == 1
    shown = send.run("queue", "show", name, name="sendoff", env={"TZ": "UTC"}).stdout
    assert f"waiting: the server cannot hold the message until {AT_UTC}" in shown
    assert f"not to be sent before {AT_SHOWN}" in shown


def test_hold_without_a_queue(host, send):
    said = send.fails(UNAVAILABLE, "--no-queue", *LATER, BOB)
    assert said == (f"sendoff: default (127.0.0.1:{host.port}): {CANNOT[0][1]}\n"
                    "  hint: where there is a queue, it waits there until then\n  message: not sent\n")
    assert send.waiting() == [] and not host.arrivals
    host.features = limits()
    send.well("--no-queue", *LATER, BOB)
    assert hold_until(host) == AT_S


def test_hold_with_no_queue_at_all(host, send):
    send.take_queue_away()
    assert "cannot hold" in send.fails(UNAVAILABLE, *LATER, BOB)
    host.features = limits()
    send.well(*LATER, BOB)
    assert hold_until(host) == AT_S


def test_hold_beats_that_of_the_account(host, send):
    """Never both."""
    send.configure(host.config + "hold_for 10m\n")
    host.features = limits()
    send.well(*LATER, BOB)
    assert hold_until(host) == AT_S and "HOLDFOR" not in host.arrivals[0].sender_params


def test_hold_in_a_receipt(host, send):
    host.features = limits()
    assert ("held-until", AT_SHOWN) in lines(send.well("--receipt", *LATER, BOB))
    assert json.loads(send.well("--json", *LATER, BOB))["held_until"] == AT_SHOWN
    host.features = FEATURES
    found = json.loads(send.well("--json", *LATER, BOB))
    assert "held_until" not in found and found["next_attempt"] == AT_SHOWN and found["result"] == "queued"


@pytest.mark.parametrize("args, said", [
    (("--future-release",), "--future-release needs a time: --at or --in"),
    (("--future-release", "--hold"), "--hold does not go with --future-release"),
    (("--future-release", "--at", "9999-12-31T23:59:59-00:01"), "--at: no server can be told a year behind 9999"),
])
def test_future_release_that_cannot_be(host, send, args, said):
    assert said in send.fails(USAGE, *args, BOB)
    assert not host.connections


def test_the_last_second(host, send):
    """It is further than any server holds anything."""
    host.features = limits()
    send.well("--future-release", "--at", "9999-12-31T23:59:59Z", BOB)
    assert kept(send)[1]["requests"] == {"hold_until": 253402300799}


# The time for delivery


def test_time_in_the_queue_counts(host, send):
    host.features = (*FEATURES, "DELIVERBY")
    host.replies["MAIL"] = "450 4.3.0 later"
    send.well("--deliver-by", "1h", BOB)
    send.well("--deliver-by", "1s;notify", EVE)
    time.sleep(3.1)
    del host.replies["MAIL"]
    assert send.run("queue", "flush", name="sendoff").status == 0
    left = {address: arrival.sender_params for arrival in host.arrivals for address in arrival.recipients}
    assert 3500 <= int(re.search(r"BY=(-?\d+);R", left[BOB])[1]) <= 3597
    assert -60 <= int(re.search(r"BY=(-?\d+);N", left[EVE])[1]) <= -2


def test_late_mail_comes_back(host, send):
    """No server is asked any more; its sender is told."""
    host.features = (*FEATURES, "DELIVERBY")
    host.replies["MAIL"] = lambda line: "450 4.3.0 later" if "alice" in line else OK
    send.well("--deliver-by", "1s", BOB)
    time.sleep(1.1)
    del host.replies["MAIL"]
    host.commands.clear()
    send.run("queue", "flush", name="sendoff")
    (notice,) = host.arrivals
    assert notice.sender == "" and list(notice.recipients) == [ALICE] and send.waiting() == []
    assert not any(command.startswith(f"MAIL FROM:<{ALICE}") for command in host.commands)
    text = notice.content.decode()
    assert "it was to be delivered within 1 seconds, which are over (deliver_by)" in " ".join(text.split())
    assert "Status: 5.4.7" in text


def test_late_mail_waits_for_no_server(host, send):
    """That it is late is known without one."""
    host.replies["MAIL"] = "450 4.3.0 later"
    host.features = (*FEATURES, "DELIVERBY")
    send.well("--deliver-by", "1s", BOB)
    time.sleep(1.1)
    host.close()
    send.run("queue", "flush", name="sendoff")
    assert [r["state"] for r in kept(send)[1]["recipients"]] == ["refused"]


def test_time_counts_from_when_it_may_be_sent(host, send):
    host.features = (*FEATURES, "DELIVERBY")
    send.well("--deliver-by", "1h", "--in", "3s", BOB)
    assert wait_until(lambda: host.arrivals, 30)
    assert re.search(r"BY=3(600|59[5-9]);R", host.arrivals[0].sender_params)


def test_time_counts_from_when_the_server_lets_go(host, send):
    host.features = (*HOLDS, "DELIVERBY")
    send.well("--deliver-by", "1h", "--future-release", "--in", "2h", BOB)
    assert 10_790 <= int(re.search(r"BY=(\d+);R", host.arrivals[0].sender_params)[1]) <= 10_801


def test_requests_in_words(send):
    send.well("--require-tls", "--deliver-by", "90;notify", "--mt-priority=-4", "--hold", BOB)
    name, entry = kept(send)
    shown = send.run("queue", "show", name, name="sendoff").stdout
    assert ("asks for    verified TLS on the whole way; delivery within 90s, else its sender is told; priority -4\n") in shown
    assert entry["requests"] == {"require_tls": True, "deliver_by": 90, "deliver_by_mode": "notify", "mt_priority": -4}


# Full disks, few descriptors, narrow terminals


def small_disk(send, *words):
    """A wrapper for a program that finds a disk of 64 KiB in the folder `small`, and lists what is on it at the end."""
    (send.folder / "small").mkdir()
    script = ('mount -t tmpfs -o size=64k none small || exit 99; "$@" {}; status=$?; stat -c %n small/* 1>&2; '
              'exit $status').format(" ".join(words))
    return ("unshare", "--mount", "sh", "-c", script, "sh")


@pytest.mark.skipif(not has_namespaces(), reason="no mount namespaces")
def test_output_on_a_full_disk(send):
    """A part of a message is none: it does not stay."""
    send.write("a.bin", os.urandom(1_000_000))
    result = send("--output=small/x", "-a", "a.bin", BOB, wrapper=small_disk(send))
    assert result.status == CANTCREATE and "cannot write small/x: No space left on device" in result.stderr, str(result)
    assert "cannot statx 'small/*'" in result.stderr


@pytest.mark.skipif(not has_namespaces(), reason="no mount namespaces")
@pytest.mark.parametrize("option", ["--output=-", "--dry-run"])
def test_standard_output_on_a_full_disk(send, option):
    send.write("a.bin", os.urandom(1_000_000))
    result = send(option, "-a", "a.bin", BOB, wrapper=small_disk(send, ">small/x"))
    assert result.status == IOERR, str(result)
    assert "cannot write to standard output: No space left on device" in result.stderr


UNTOLD = "the message is sent or queued all the same: do not send it again"


@pytest.mark.parametrize("option", ["--receipt", "--json"])
def test_a_receipt_that_cannot_be_printed(host, send, option):
    """The status is that of a failure, but nobody shall take it for the message's."""
    with open("/dev/full", "wb") as full:
        result = send(option, "--idempotency-key", "k", BOB, stdout=full)
        assert result.status == IOERR and UNTOLD in result.stderr, str(result)
        result = send(option, "--idempotency-key", "k", BOB, stdout=full)
        assert result.status == IOERR and UNTOLD in result.stderr, str(result)
    assert "250 2.0.0 taken" in send.well(option, "--idempotency-key", "k", BOB)
    assert len(host.arrivals) == 1


@pytest.mark.skipif(not has_namespaces(), reason="no mount namespaces")
def test_a_receipt_of_a_queued_message_that_cannot_be_printed(send):
    """It is in the queue, and nowhere else."""
    with open("/dev/full", "wb") as full:
        result = send("--json", "--hold", BOB, stdout=full, wrapper=own_home(send.folder))
    assert result.status == IOERR and UNTOLD in result.stderr and "dead.letter" not in result.stderr, str(result)
    assert len(send.waiting()) == 1 and not list((send.folder / "root").iterdir())


def test_a_receipt_of_a_message_on_its_way_that_cannot_be_printed(host, send):
    with host.holding(), open("/dev/full", "wb") as full:
        process = send.start("send", "--json", "--body", "x", BOB, name="sendoff", stdout=full)
        host.wait_for_content()
        process.send_signal(signal.SIGTERM)
        assert process.wait(60) == IOERR
    result = send.finish(process, b"")
    assert UNTOLD in result.stderr, str(result)
    send.settle()
    assert len(host.arrivals) == 1


def test_more_files_than_descriptors(host, send):
    """In their order, and each of them read whole."""
    names = [f"{number}.txt" for number in range(200)]
    for name in names:
        send.write(name, name.encode())
    send.well(*(word for name in names for word in ("-a", name)), BOB, wrapper=("prlimit", "--nofile=64"))
    assert [(name, content) for _, content, name in leaves(arrived(host))[1:]] == [(name, name) for name in names]


def test_one_of_many_files_is_missing(host, send):
    send.write("a", b"x")
    assert "cannot attach missing" in send.fails(NOINPUT, *["-a", "a"] * 100, "-a", "missing", BOB)
    assert host.connections == 0


@pytest.mark.parametrize("option", ["-", "/dev/stdin", "/dev/fd/0", "/proc/self/fd/0"])
def test_the_rest_of_standard_input(host, send, option):
    """As all who read it have it: others have read what is before."""
    send.write("file", b"theirs\nours\n")
    with open(send.folder / "file", "rb") as file:
        os.lseek(file.fileno(), len(b"theirs\n"), os.SEEK_SET)
        send.well("-a", option, "--body", "x", BOB, stdin=file, text=None)
    assert leaves(arrived(host))[1][1:] == ("ours\n", "stdin")


def test_a_stranger_s_pipe_as_attachment(host, tmp_path):
    """Standard input is open, whoever could open it."""
    with tempfile.TemporaryDirectory(prefix="sendoff-", dir="/tmp") as folder, Sender(folder, host.config) as send:
        for path in (send.folder, send.folder / "config"):
            os.chown(path, NOBODY, NOBODY)
        send.well("-a", "-;name=a", "--body", "x", BOB,
                  wrapper=("setpriv", f"--reuid={NOBODY}", f"--regid={NOBODY}", "--clear-groups"))
    assert leaves(arrived(host))[1][1:] == (TEXT.decode(), "a")


@pytest.mark.parametrize("first, second", [("html", "text"), ("text", "html")])
def test_text_and_html_through_pipes(host, send, first, second):
    """In whichever order they are written."""
    for name in (first, second):
        os.mkfifo(send.folder / name)
    writer = threading.Thread(target=lambda: [(send.folder / name).write_text(name) for name in (first, second)],
                              daemon=True)
    writer.start()
    send.well("--html=html", "--text=text", BOB)
    writer.join(60)
    assert texts(arrived(host)) == ["text\n", "html\n"]


@pytest.mark.parametrize("columns, shown", [
    (100, r"\[[# ]{40}\] +\d+ %  [\d.]+ [KM]B of 16\.4 MB"), (55, r"\[[# ]{10,30}\] +\d+ %  [\d.]+ [KM]B of 16\.4 MB"),
    (30, r" *\d+ %  [\d.]+ [KM]B of 16\.4 MB"), (20, r" *\d+ % *"), (3, ""),
])
def test_progress_fits(send, columns, shown):
    """A line that wraps could not be written over."""
    slow = Slow(2.5)
    send.configure(f"server smtp://127.0.0.1:{slow.port}\ntls none\nfrom {ALICE}\n")
    send.write("large.bin", b"\xff" * 12_000_000)
    ours, theirs = pty.openpty()
    fcntl.ioctl(theirs, termios.TIOCSWINSZ, struct.pack("HHHH", 24, columns, 0, 0))
    process = send.start("send", "--body", "x", "-a", "large.bin", BOB, name="sendoff", env={"TERM": "xterm"},
                         stderr=theirs, cwd=send.folder)
    os.close(theirs)
    said = b""
    with contextlib.suppress(OSError):
        while octets := os.read(ours, 4096):
            said += octets
    os.close(ours)
    send.finish(process, b"")
    drawn = [line for line in said.decode().partition("sent to")[0].split("\r") if line.strip()]
    assert process.returncode == 0 and bool(drawn) == bool(shown), said
    assert all(re.fullmatch(f"{shown} *", line) and len(line) < columns for line in drawn), drawn


# What is empty, or a slip


@pytest.mark.parametrize("value", ["", " ", "<>"])
def test_from_must_not_be_nobody(host, send, value):
    """A variable of a script: without a sender nobody would be told of failures."""
    assert "--from needs an address" in send.fails(USAGE, "--from", value, BOB)
    assert host.connections == 0


@pytest.mark.parametrize("option", ["--in-reply-to", "--references"])
def test_empty_message_ids(host, send, option):
    assert "takes Message-IDs" in send.fails(USAGE, option, "<>", BOB)
    assert host.connections == 0


def edit_fails(send, status, what, **streams):
    """What is said; what was written, which is kept and named; the options for the editor."""
    (send.folder / "tmp").mkdir()
    options = editor(send, what)
    options["env"]["TMPDIR"] = str(send.folder / "tmp")
    said = send.fails(status, "--edit", BOB, **options, **streams)
    kept = list((send.folder / "tmp").iterdir())
    assert all(f"what was written is kept in {path}" in said for path in kept)
    return said, [path.read_text() for path in kept]


@pytest.mark.parametrize("line", ["Subject hello", "Sub ject: hello", "--"])
def test_edit_a_slip_in_the_header(host, send, line):
    """The Bcc below it is not for all to read."""
    text = f"To: {BOB}\n{line}\nBcc: {EVE}\n\nhello\n"
    said, kept = edit_fails(send, USAGE, f'printf "%s" "{text}" > "$1"')
    assert f'"{line}" is not a header' in said and kept == [text]
    assert host.connections == 0


@pytest.mark.parametrize("text", ["To: bob@example.net\nSubject: a\\0b\n\nx\n", "To: bob@example.net\n\nx\\0y\n"])
def test_edit_nul(host, send, text):
    """Nothing is cut off there in silence."""
    said, kept = edit_fails(send, DATAERR, f"printf '{text}' > \"$1\"")
    assert "the text has a NUL" in said and kept == [text.replace("\\0", "\0")]
    assert host.connections == 0


def test_edit_takes_its_file_away(host, send):
    said, kept = edit_fails(send, NOINPUT, 'rm "$1"')
    assert "No such file" in said and "is kept in" not in said and kept == []


def test_edit_quit_is_the_editor_s(host, send):
    """As an interrupt: who started it must be there when it ends."""
    options = editor(send, 'trap "" QUIT INT; kill -QUIT $PPID; kill -INT $PPID; sleep 0.2; echo more >> "$1"')
    send.well("--edit", BOB, **options)
    assert texts(arrived(host)) == [f"{TEXT.decode()}more\n"]


# Once, behind the caller's back


def test_a_key_whose_message_went_on_its_way(host, send):
    """Another process has ended the delivery: what the key stands for is that it was queued."""
    call = ("--idempotency-key", "k", "--body", "x", BOB)
    with host.holding():
        process = send.start("send", *call, name="sendoff", cwd=send.folder)
        host.wait_for_content()
        process.send_signal(signal.SIGTERM)
        assert process.wait(60) == 0
    send.finish(process, b"")
    send.settle()
    assert dict(lines(send.well("--receipt", *call)))["result"] == "queued"
    assert len(host.arrivals) == 1 and len(send.keys()) == 1


def test_a_key_whose_caller_waited_long_enough(host, send):
    send.configure(f"{host.config}wait 1s\n")
    call = ("--idempotency-key", "k", "--body", "x", BOB)
    with host.holding():
        process = send.start("send", *call, name="sendoff", cwd=send.folder)
        host.wait_for_content()
        assert process.wait(60) == 0
    send.finish(process, b"")
    send.settle()
    send.well(*call)
    assert len(host.arrivals) == 1
