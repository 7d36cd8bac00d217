# SPDX-License-Identifier: ISC
"""What the sender of a queued message is told: the program queues, a run sends, and the notice arrives."""

import email
import email.policy
import email.utils
import re
import socket
import time

import pytest

from servers import sink
from servers.client import run_sendmail
from servers.sink import Sink

ALICE, BOB, CAROL = "alice@example.org", "bob@example.net", "carol@example.net"
HOST = socket.gethostname()
UNKNOWN = b"550 5.1.1 no such user here\r\n"
MESSAGE = b"""\
From: Alice <alice@example.org>
To: Bob <bob@example.net>
Subject: =?utf-8?q?gr=C3=BC=C3=9Fe?=
Date: Thu, 01 Oct 2026 12:00:00 +0000
Message-ID: <1@example.org>

Hello Bob.
"""


def configuration(server, folder):
    """Mail to local names goes to Bob."""
    return (
        f"server smtp://127.0.0.1:{server.port}\ntls none\nfrom {ALICE}\nlocal_to {BOB}\n"
        f"queue_dir {folder}/queue\n"
    )


def delivered(server):
    """What has a recipient: where all are refused, the empty content that ends DATA is kept too."""
    return [message for message in server.messages if message.recipients]


@pytest.fixture
def queue(tmp_path):
    """Queues a message and runs the queue against a server that refuses; gives what arrived."""

    def run(args, message=MESSAGE, refusals=None):
        with Sink({"bob": UNKNOWN} if refusals is None else refusals) as server:
            config = configuration(server, tmp_path)
            for words in (["-odq", *args], ["-qf"]):
                result = run_sendmail(words, message if words != ["-qf"] else b"", config)
                assert result.status == 0, str(result)
                assert not result.stdout + result.stderr, str(result)
            return delivered(server)

    return run


def waiting(folder):
    """The names of the messages that are still in the queue."""
    return [path.name for path in (folder / "queue").iterdir() if path.is_file()]


def split(messages):
    """The messages that arrived, and the notices."""
    return [m for m in messages if m.sender], [m for m in messages if not m.sender]


def only_notice(messages, notify="NEVER"):
    """The notice, parsed: the whole, its text, its report and what was returned."""
    (notice,) = split(messages)[1]
    assert list(notice.recipients) == [ALICE]
    assert notice.recipients[ALICE].get("NOTIFY") == notify
    assert "RET" not in notice.sender_params and "ENVID" not in notice.sender_params
    parsed = email.message_from_bytes(notice.content, policy=email.policy.default)
    for part in parsed.walk():
        assert not part.defects
    assert parsed.get_content_type() == "multipart/report"
    assert parsed.get_param("report-type") == "delivery-status"
    text, report, returned = parsed.iter_parts()
    assert text.get_content_type() == "text/plain"
    return parsed, text.get_content().replace("\r\n", "\n"), report, returned


def octets(part_type, messages):
    """What stands in the part of that type, octet for octet."""
    content = split(messages)[1][0].content
    boundary = re.search(rb'boundary="(.*?)"', content).group(1)
    for part in content.split(b"\r\n--" + boundary)[1:]:
        head, _, rest = part.partition(b"\r\n\r\n")
        if b"Content-Type: " + part_type + b"\r\n" in head + b"\r\n":
            return rest
    raise AssertionError(content)


def test_refused(queue, tmp_path):
    """Every field of a bounce."""
    began = int(time.time())
    messages = queue(["-N", "failure", "-R", "full", "-V", "env1", BOB, CAROL])
    (sent,), _ = split(messages)
    parsed, text, report, returned = only_notice(messages)

    assert list(sent.recipients) == [CAROL]
    assert parsed["From"] == f"Mail Delivery System <{ALICE}>"
    assert parsed["To"] == ALICE
    assert parsed["Subject"] == "Undelivered Mail Returned to Sender"
    assert parsed["Auto-Submitted"] == "auto-replied"
    assert parsed["MIME-Version"] == "1.0"
    assert parsed["In-Reply-To"] == parsed["References"] == "<1@example.org>"
    assert re.fullmatch(r"<\w{10}\.failed-[0-9a-f]{8}@[\w.-]+>", parsed["Message-ID"])
    assert began <= parsed["Date"].datetime.timestamp() <= time.time()

    assert f"\n  {BOB}\n" in text and CAROL not in text
    assert "said: 550 5.1.1 no such user here\n" in text
    assert "for 1 other recipient." in text
    assert "Subject: grüße\n" in text
    assert "Queue id: " + parsed["Message-ID"][1:11] in text

    assert report.get_content_type() == "message/delivery-status"
    about_message, about_bob = report.get_payload()
    assert about_message["Original-Envelope-Id"] == "env1"
    assert about_message["Reporting-MTA"].startswith("dns; ")
    assert began <= email.utils.parsedate_to_datetime(about_message["Arrival-Date"]).timestamp() <= time.time()
    assert began <= email.utils.parsedate_to_datetime(about_bob["Last-Attempt-Date"]).timestamp() <= time.time()
    del about_bob["Last-Attempt-Date"]
    assert about_bob.items() == [
        ("Original-Recipient", f"rfc822; {BOB}"),
        ("Final-Recipient", f"rfc822; {BOB}"),
        ("Action", "failed"),
        ("Status", "5.1.1"),
        ("Remote-MTA", "dns; [127.0.0.1]"),
        ("Diagnostic-Code", "smtp; 550 5.1.1 no such user here"),
    ]

    assert returned.get_content_type() == "message/rfc822"
    assert octets(b"message/rfc822", messages) == sent.content
    assert waiting(tmp_path) == []


@pytest.mark.parametrize("args", [["-R", "hdrs"], []])
def test_header_alone(queue, args):
    """Without RET=FULL the text stays here."""
    messages = queue([*args, BOB])
    _, text, _, returned = only_notice(messages)
    assert "Its text is not returned" in " ".join(text.split())
    assert returned.get_content_type() == "text/rfc822-headers"
    header = MESSAGE.split(b"\n\n")[0].replace(b"\n", b"\r\n") + b"\r\n"
    assert octets(b"text/rfc822-headers", messages).startswith(header)
    assert b"Hello Bob" not in split(messages)[1][0].content


@pytest.mark.parametrize("body", ["Grüße\n".encode(), b"Gr\xfc\xdfe\n", b"\n\n", b"", b".\n..\n--=_x\n\n"])
def test_whole_message(queue, body):
    """Whatever the text is, it comes back octet for octet."""
    messages = queue(["-i", "-R", "full", BOB, CAROL], MESSAGE + body)
    (sent,), (notice,) = split(messages)
    assert octets(b"message/rfc822", messages) == sent.content
    outer = notice.content.partition(b"\r\n\r\n")[0]
    assert (b"\r\nContent-Transfer-Encoding: 8bit" in outer) == (not body.isascii())
    assert ("BODY" in notice.sender_params) == (not body.isascii())


def test_large_message(queue):
    """More than is kept in memory."""
    messages = queue(["-R", "full", BOB, CAROL], MESSAGE + b"".join(b"line %d\n" % n for n in range(200_000)))
    (sent,), _ = split(messages)
    assert octets(b"message/rfc822", messages) == sent.content


def test_utf8_header(queue):
    """A header in UTF-8 comes back as it is, under the names that RFC 6532 and 6533 have for it."""
    message = MESSAGE.replace(b"=?utf-8?q?gr=C3=BC=C3=9Fe?=", "grüße".encode())
    messages = queue(["-R", "full", BOB, CAROL], message)
    _, text, _, returned = only_notice(messages)
    (sent,), _ = split(messages)
    assert "Subject: grüße\n" in text
    assert returned.get_content_type() == "message/global"
    assert octets(b"message/global", messages) == sent.content

    messages = queue(["-R", "hdrs", BOB, CAROL], message)
    assert "Subject: grüße\r\n".encode() in octets(b"message/global-headers", messages)


def test_utf8_address(queue):
    """An address beyond ASCII keeps its form (RFC 6533)."""
    address = "büb@example.net"
    messages = queue([address], refusals={"büb": UNKNOWN})
    _, text, report, _ = only_notice(messages)
    assert f"\n  {address}\n" in text
    assert report.get_content_type() == "message/global-delivery-status"
    fields = octets(b"message/global-delivery-status", messages)
    assert f"\r\nOriginal-Recipient: utf-8; {address}\r\nFinal-Recipient: utf-8; {address}\r\n".encode() in fields


def test_local_name(queue):
    """The name that was given is told beside the address that it became."""
    _, text, report, _ = only_notice(queue(["root"]))
    about_bob = report.get_payload()[1]
    assert about_bob["Original-Recipient"] == "rfc822; root"
    assert about_bob["Final-Recipient"] == f"rfc822; {BOB}"
    assert f"\n  {BOB} (given as root)\n" in text


def test_hostile_words(queue):
    """What a server says ends neither its field nor its part, and cannot reach a terminal."""
    refusal = b"550-5.1.1 one\r\n550-5.1.1 Status: 2.0.0\xff\x1b[31m\r\n550 5.1.1 " + b"x y " * 100 + b"\r\n"
    messages = queue([BOB], refusals={"bob": refusal})
    _, text, report, _ = only_notice(messages)
    (_, about_bob) = report.get_payload()
    assert about_bob.get_all("Status") == ["5.1.1"]
    words = about_bob["Diagnostic-Code"]
    assert words.startswith("smtp; 550 5.1.1 one 5.1.1 Status: 2.0.0\\xFF\\x1B[31m 5.1.1 x y x y")
    content = split(messages)[1][0].content
    assert content.isascii() and b"\x1b" not in content
    assert max(map(len, content.split(b"\r\n"))) <= 78
    assert "\\xFF\\x1B[31m" in text


def test_many(queue):
    """The text names a hundred, the report all."""
    names = [f"bob{number:03}@example.net" for number in range(250)]
    _, text, report, _ = only_notice(queue(names))
    assert [part["Final-Recipient"].removeprefix("rfc822; ") for part in report.get_payload()[1:]] == names
    assert len(re.findall(r"^  bob", text, re.MULTILINE)) == 100
    assert "and 150 more" in text


@pytest.mark.parametrize("notify", ["never", "success", "delay"])
def test_not_wanted(queue, tmp_path, notify):
    """Who does not want to hear of failures does not."""
    assert queue(["-N", notify, BOB]) == []
    assert waiting(tmp_path) == []


@pytest.fixture
def aliased(tmp_path):
    """The same for names of this host, with aliases."""

    def run(args, refusals=None):
        with Sink(refusals or {}) as server:
            (tmp_path / "aliases").write_text("one: carol@example.net\njürgen: one\nteam: carol@example.net, dave@example.net\n")
            config = configuration(server, tmp_path) + f"aliases {tmp_path}/aliases\n"
            for words in (["-odq", *args], ["-qf"]):
                result = run_sendmail(words, MESSAGE if words != ["-qf"] else b"", config)
                assert result.status == 0, str(result)
            return delivered(server)

    return run


def fields(report):
    """Of each recipient in the report, its fields."""
    return [{name: str(value) for name, value in block.items()} for block in report.get_payload()[1:]]


def test_alias_to_one(aliased):
    """RFC 3461 section 5.2.7.2: all of it is handed on."""
    (sent,), notices = split(aliased(["-N", "success,delay", "-R", "hdrs", "-V", "x", "one"]))
    assert sent.recipients == {CAROL: {"NOTIFY": "SUCCESS,DELAY", "ORCPT": f"rfc822;one@{HOST}"}}
    assert sent.sender_params["RET"] == "HDRS" and sent.sender_params["ENVID"] == "x"
    assert notices == []


def test_alias_to_several(aliased, tmp_path):
    """RFC 3461 section 5.2.7.3 (c): success is told of the alias, though the server knows DSN."""
    messages = aliased(["-N", "success,failure", "team"])
    (sent,), _ = split(messages)
    asked = {"NOTIFY": "FAILURE", "ORCPT": f"rfc822;team@{HOST}"}
    assert sent.recipients == {CAROL: asked, "dave@example.net": asked}
    _, text, report, _ = only_notice(messages)
    (about,) = fields(report)
    assert about["Original-Recipient"] == about["Final-Recipient"] == f"rfc822; team@{HOST}"
    assert about["Action"] == "expanded" and about["Status"] == "2.0.0"
    assert "stands for several addresses" in text
    assert waiting(tmp_path) == []


def test_alias_beyond_ascii(aliased):
    """RFC 6533 section 3: what is not ASCII is escaped where the message needs no SMTPUTF8."""
    (sent,), _ = split(aliased(["-N", "failure", "jürgen"]))
    assert sent.recipients == {CAROL: {"NOTIFY": "FAILURE", "ORCPT": f"utf-8;j\\x{{FC}}rgen@{HOST}"}}
    assert "SMTPUTF8" not in sent.sender_params


def test_alias_whose_member_is_refused(aliased, tmp_path):
    """Who fails is told of by the name that was given."""
    messages = aliased(["-N", "failure", "team"], {"carol": UNKNOWN})
    _, text, report, _ = only_notice(messages)
    (about,) = fields(report)
    assert about["Original-Recipient"] == f"rfc822; team@{HOST}"
    assert about["Final-Recipient"] == f"rfc822; {CAROL}" and about["Action"] == "failed"
    assert "carol@example.net (given as team)" in text
    assert waiting(tmp_path) == []


def test_headers_recipients_are_asked_for(queue):
    """-N holds for those of -t, too."""
    (sent,), _ = split(queue(["-t", "-N", "success", CAROL], refusals={}))
    assert {address: asked["NOTIFY"] for address, asked in sent.recipients.items()} == {BOB: "SUCCESS",
                                                                                       CAROL: "SUCCESS"}


def test_null_sender(queue, tmp_path):
    """Nobody is told of what nobody sent."""
    assert queue(["-f", "<>", BOB]) == []
    assert len(waiting(tmp_path)) == 1  # a person is to look at it


def test_relayed(queue, tmp_path, monkeypatch):
    """Success is reported here where the server does not report it."""
    monkeypatch.setattr(sink, "FEATURES", sink.FEATURES.replace(b"250-DSN\r\n", b""))
    messages = queue(["-N", "success", "-R", "full", CAROL])
    (sent,), _ = split(messages)
    parsed, text, report, returned = only_notice(messages, notify=None)
    assert list(sent.recipients) == [CAROL]
    assert parsed["Subject"] == "Successful Mail Relay Report"
    assert ".relayed-" in parsed["Message-ID"]
    assert "does not report success" in text
    about_carol = report.get_payload()[1]
    assert (about_carol["Action"], about_carol["Status"]) == ("relayed", "2.1.9")
    assert returned.get_content_type() == "text/rfc822-headers"
    assert waiting(tmp_path) == []


def test_relayed_with_dsn(queue):
    """A server that knows DSN reports by itself."""
    messages = queue(["-N", "success", CAROL])
    assert len(messages) == 1


def test_sent_again(tmp_path):
    """A notice that could not be delivered is made anew in a later run; the message waits for that."""
    refusals = {"bob": UNKNOWN, "alice": b"450 4.2.1 later\r\n"}
    with Sink(refusals) as server:
        config = configuration(server, tmp_path)
        run_sendmail(["-odq", BOB], MESSAGE, config)
        run_sendmail(["-qf"], b"", config)
        assert delivered(server) == []
        assert len(waiting(tmp_path)) == 1
        del refusals["alice"]
        run_sendmail(["-qf"], b"", config)
        only_notice(delivered(server))
        assert waiting(tmp_path) == []
        run_sendmail(["-qf"], b"", config)
        assert len(delivered(server)) == 1
