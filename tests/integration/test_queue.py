# SPDX-License-Identifier: ISC
"""What people and scripts see of the queue, and what they do about it: mailq, and the commands of sendoff queue."""

import json
import os
import pty
import re
import shutil
import socket
import stat
import struct
import subprocess
import time

import pytest

from servers import kinds
from servers.client import PASSED_ON, Result, binary, write_private
from servers.crash import locked
from servers.sink import Sink

OK, USAGE, DATAERR, NOINPUT, NOUSER, UNAVAILABLE = 0, 64, 65, 66, 67, 69
TEMPFAIL, PROTOCOL, CONFIG = 75, 76, 78

ALICE, BOB, EVE, LATER, UNKNOWN = (
    "alice@example.org", "bob@example.net", "eve@example.net", "later@example.net", "unknown@example.net")
MESSAGE = b"Subject: hello\nMessage-ID: <1@example.org>\n\nhello\n\n.\nend\n"
LATER_REPLY = "450 4.2.0 come again later"
REFUSALS = {"later": f"{LATER_REPLY}\r\n".encode(), "unknown": b"550-5.1.1 no such\r\n550 5.1.1 user here\r\n"}
ID = r"[0-9A-HJKMNP-TV-Z]{10}"
NO_ID = "6AH61NZMNM"
LIMIT_S = 60
MEMORY_GROWTH_MAX_KB = 1024

# Nothing that a terminal would act on: no control characters but LF, no C1 controls, no marks that turn the direction.
ACTS_ON_TERMINALS = re.compile("[\x00-\x09\x0b-\x1f\x7f-\x9f\u200e\u200f\u202a-\u202e\u2066-\u2069]")


class Queue:
    """A folder with a configuration and a queue, the server that the configuration names, and the program."""

    def __init__(self, folder, server, refusals=None):
        self.server = server
        self.refusals = refusals
        self.folder = folder / "queue"
        self.config = folder / "config"
        self.home = folder
        write_private(self.config, f"server smtp://127.0.0.1:{server.port}\ntls none\nfrom {ALICE}\n"
                                   f"local_to {ALICE}\nqueue_dir {self.folder}\n")

    def environment(self):
        passed_on = {name: os.environ[name] for name in PASSED_ON if name in os.environ}
        return {"PATH": "/usr/bin:/bin", "LC_ALL": "C.UTF-8", "TZ": "UTC", "HOME": str(self.home),
                "SENDOFF_CONFIG": str(self.config), **passed_on}

    def run(self, *words, text=b""):
        """The program by the name that words[0] is."""
        command = [str(binary(words[0])), *map(str, words[1:])]
        done = subprocess.run(command, input=text, env=self.environment(), capture_output=True, check=False,
                              timeout=LIMIT_S)
        assert done.returncode >= 0 and b"Sanitizer" not in done.stderr, done
        return Result(command, done.returncode, done.stdout.decode(), done.stderr.decode())

    def __call__(self, *words):
        """`sendoff queue WORDS`, which succeeds."""
        result = self.run("sendoff", "queue", *words)
        assert result.status == OK and result.stderr == "", str(result)
        return result.stdout

    def fails(self, *words):
        """The same where it fails: (status, standard error); on standard output is nothing."""
        result = self.run("sendoff", "queue", *words)
        assert result.status != OK and result.stdout == "", str(result)
        return result.status, result.stderr

    def add(self, *recipients, text=MESSAGE, options=()):
        """Queues a message; returns its id."""
        before = set(self.names())
        result = self.run("sendmail", "-odq", "-i", *options, *recipients, text=text)
        assert result.status == OK and not result.stdout + result.stderr, str(result)
        (name,) = set(self.names()) - before
        return name

    def names(self):
        if not self.folder.exists():
            return []
        return sorted(path.name for path in self.folder.iterdir() if path.is_file() and re.fullmatch(ID, path.name))

    def entries(self):
        """What list --json has."""
        return [json.loads(line) for line in self("list", "--json").splitlines()]

    def entry(self, name):
        (found,) = [entry for entry in self.entries() if entry["queue_id"] == name]
        return found

    def shown(self, name):
        return json.loads(self("show", "--json", name))


@pytest.fixture
def queue(tmp_path):
    """A queue for which no process of its own is started: another seems to see to it already."""
    refusals = dict(REFUSALS)
    with Sink(refusals) as server:
        made = Queue(tmp_path, server, refusals)
        (made.folder / "run").mkdir(mode=0o700, parents=True)
        made.folder.chmod(0o700)
        (made.folder / "run/lock").touch(0o600)
        with locked(made.folder / "run/lock"):
            yield made


def wait_until(condition):
    deadline = time.monotonic() + LIMIT_S
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.02)


# mailq


HEADING = "-Queue ID-  --Size-- ----Arrival Time---- -Sender/Recipient-------"
# How Postfix prints a message: what scripts that read it have in common.
MAILQ_MESSAGE = re.compile(
    rf"(?P<id>{ID})(?P<status>[*! ]) (?P<size>[ \d]{{7}}) (?P<time>[A-Z][a-z]{{2}} [A-Z][a-z]{{2}} [ \d]\d \d\d:\d\d:\d\d)  "
    r"(?P<sender>\S.*)\n(?P<rest>(?: +\(.*\)\n| {41}\S.*\n|\(.*\)\n)*)")
MAILQ_END = re.compile(r"-- (\d+) Kbytes in (\d+) Requests?\.\n")


def parse_mailq(text):
    """The messages, as dictionaries; all of the text is accounted for."""
    assert text.startswith(HEADING + "\n"), text
    *messages, end = text[len(HEADING) + 1 :].split("\n\n")
    found = []
    for message in messages:
        match = MAILQ_MESSAGE.fullmatch(message + "\n")
        assert match, message
        entry = match.groupdict()
        entry["recipients"], reason = {}, None
        for line in entry.pop("rest").splitlines():
            if line.startswith(" " * 41) and not line.strip().startswith("("):
                entry["recipients"][line.strip()] = reason
            else:
                assert len(line) >= 78 and line.endswith(")"), line
                reason = line.strip()[1:-1]
        found.append(entry)
    match = MAILQ_END.fullmatch(end)
    assert match and int(match[2]) == len(found), end
    assert int(match[1]) == sum(int(entry["size"]) for entry in found) // 1024
    return found


def check_mailq(text):
    """What monitoring-plugins' check_mailq counts in Postfix's mode: it looks at the last line."""
    last = text.splitlines()[-1]
    if match := re.search(r"Kbytes in (\d+)", last):
        return int(match[1])
    assert "Mail queue is empty" in last
    return 0


@pytest.mark.parametrize("name, option", [("mailq", ()), ("sendmail", ("-bp",)), ("sendoff", ("-bp",)),
                                          ("mailq", ("-Ac",)), ("sendmail", ("-bp", "-v"))])
def test_mailq_of_an_empty_queue(queue, name, option):
    result = queue.run(name, *option)
    assert (result.status, result.stdout, result.stderr) == (OK, "Mail queue is empty\n", "")
    assert check_mailq(result.stdout) == 0


def test_mailq_without_a_queue(queue):
    """No folder, no queue wanted, no configuration: nothing waits."""
    changes = [lambda: None, lambda: write_private(queue.config, "server smtps://x.example.org\nqueue_dir none\n")]
    if os.getuid() != 0 or not os.path.exists("/var/spool/sendoff"):
        changes.append(queue.config.unlink)
    shutil.rmtree(queue.folder)
    for change in changes:
        change()
        result = queue.run("mailq")
        assert (result.status, result.stdout, result.stderr) == (OK, "Mail queue is empty\n", ""), str(result)
    assert not queue.folder.exists()


def test_mailq_with_a_wrong_configuration(queue):
    write_private(queue.config, "sever smtps://x.example.org\n")
    result = queue.run("mailq")
    assert result.status == CONFIG and result.stdout == "" and "sever" in result.stderr


def test_mailq_has_postfix_columns(queue):
    first = queue.add(BOB, EVE)
    second = queue.add(BOB, options=("-f", ""))
    os.utime(queue.folder / first)
    result = queue.run("mailq")
    assert result.status == OK and result.stderr == ""
    lines = result.stdout.splitlines()
    size = queue.entry(first)["message_size"]
    when = time.strftime("%a %b %e %H:%M:%S", time.gmtime(queue.entry(first)["arrival_time"]))
    assert lines[0] == HEADING
    assert lines[1] == f"{first}  {size:7d} {when}  {ALICE}"
    assert lines[2] == 41 * " " + BOB and lines[3] == 41 * " " + EVE and lines[4] == ""
    assert lines[5].startswith(f"{second}  ") and lines[5].endswith("  MAILER-DAEMON")
    assert lines[-2:] == ["", "-- 0 Kbytes in 2 Requests."]
    assert check_mailq(result.stdout) == 2
    assert [entry["id"] for entry in parse_mailq(result.stdout)] == [first, second]


def test_mailq_counts_one_request_and_kbytes(queue):
    queue.add(BOB, text=MESSAGE + 100 * (99 * b"x" + b"\n"))
    last = queue.run("mailq").stdout.splitlines()[-1]
    assert last == "-- 10 Kbytes in 1 Request."


def test_mailq_tells_reasons_before_their_recipients(queue):
    """Who has it is no longer there; who has no reason comes before those who have one."""
    name = queue.add(LATER, BOB, "later2@example.net")
    assert queue.run("sendoff", "queue", "flush").status == TEMPFAIL
    (entry,) = parse_mailq(queue.run("mailq").stdout)
    assert entry["id"] == name and entry["status"] == " "
    assert list(entry["recipients"]) == [LATER, "later2@example.net"]
    said = f"host 127.0.0.1:{queue.server.port} said: {LATER_REPLY}"
    assert set(entry["recipients"].values()) == {said}
    assert queue.run("mailq").stdout.count("(") == 1


def test_mailq_shows_states(queue):
    held, active, failed = queue.add(BOB), queue.add(BOB), queue.add(UNKNOWN, options=("-f", ""))
    queue.run("sendoff", "queue", "flush", failed)
    queue("hold", held)
    with locked(queue.folder / active):
        entries = parse_mailq(queue.run("mailq").stdout)
    assert {entry["id"]: entry["status"] for entry in entries} == {held: "!", active: "*", failed: "!"}
    (reason,) = entries[2]["recipients"].values()
    assert reason.startswith("failed: host ") and reason.endswith("said: 550 5.1.1 no such 550 5.1.1 user here")


def test_mailq_is_silent_where_nobody_reads_on(queue):
    for _ in range(3):
        queue.add(BOB)
    with subprocess.Popen([str(binary("mailq"))], env=queue.environment(), stdout=subprocess.PIPE,
                          stderr=subprocess.PIPE) as process:
        process.stdout.close()
        assert process.stderr.read() == b""


def test_mailq_shows_a_possible_duplicate(queue):
    """An attempt that was killed before the answer to the content."""
    name = queue.add(BOB)
    append_sending(queue, name)
    (entry,) = parse_mailq(queue.run("mailq").stdout)
    assert re.search("possible duplicate", entry["recipients"][BOB])
    assert queue.entry(name)["in_doubt"] is True
    assert metrics(queue)["sendoff_queue_in_doubt", ()] == 1
    assert "possible duplicate" in queue("list") and "in doubt" in queue("show", name)


def append_sending(queue, name):
    """Has a run killed when the content's last octet is on its way: its server takes it, and does not answer."""
    hung = subprocess.Popen(["/usr/bin/python3", "-c", HANGING_SERVER], stdout=subprocess.PIPE)
    try:
        port = int(hung.stdout.readline())
        config = queue.config.read_text()
        write_private(queue.config, re.sub(r":\d+\n", f":{port}\n", config, count=1))
        run = subprocess.Popen([str(binary("sendoff")), "queue", "flush", name], env=queue.environment(),
                               stdout=subprocess.DEVNULL)
        assert hung.stdout.readline() == b"taken\n"
        run.kill()
        run.wait(LIMIT_S)
        write_private(queue.config, config)
    finally:
        hung.kill()
        hung.wait(LIMIT_S)
        hung.stdout.close()


HANGING_SERVER = """
import socket
listener = socket.create_server(("127.0.0.1", 0))
print(listener.getsockname()[1], flush=True)
connection = listener.accept()[0]
lines = connection.makefile("rb")
connection.sendall(b"220 mx.example.net\\r\\n")
for line in lines:
    if line.upper().startswith(b"DATA"):
        connection.sendall(b"354 go on\\r\\n")
        while lines.readline() != b".\\r\\n":
            pass
        print("taken", flush=True)
        lines.readline()
    else:
        connection.sendall(b"250 ok\\r\\n")
"""


# list


def test_list_of_an_empty_queue(queue):
    assert queue("list") == "the queue is empty\n"
    assert queue("list", "--json") == ""
    shutil.rmtree(queue.folder)
    assert queue("list") == "the queue is empty\n"
    assert queue("list", "--json") == ""
    assert metrics(queue)["sendoff_queue_messages", (("state", "incoming"),)] == 0


def test_list_json_has_postfix_members_first(queue):
    before = int(time.time())
    name = queue.add(BOB, EVE, options=("-N", "failure,delay", "-V", "x y"))
    (entry,) = queue.entries()
    assert list(entry)[:7] == ["queue_name", "queue_id", "arrival_time", "message_size", "forced_expire", "sender",
                               "recipients"]
    assert entry["queue_name"] == "incoming" and entry["queue_id"] == name
    assert before <= entry["arrival_time"] <= time.time()
    assert entry["message_size"] == len(whole(queue, name).replace("\n", "\r\n"))
    assert entry["forced_expire"] is False and entry["sender"] == ALICE
    assert [recipient["address"] for recipient in entry["recipients"]] == [BOB, EVE]
    assert all("delay_reason" not in recipient for recipient in entry["recipients"])
    assert entry["account"] == "default" and entry["uid"] == os.getuid() and entry["attempts"] == 0
    assert entry["next_attempt"] == entry["arrival_time"] and entry["last_attempt"] is None
    assert entry["last_reply"] is None and entry["in_doubt"] is False
    assert all(recipient["notify"] == ["failure", "delay"] and recipient["orcpt"] is None
               for recipient in entry["recipients"])
    assert entry["submitted_by"] == "command"


def test_list_json_names_the_null_sender_as_postfix_does(queue):
    queue.add(BOB, options=("-f", ""))
    assert queue.entries()[0]["sender"] == "MAILER-DAEMON"


def test_list_json_after_an_attempt(queue):
    name = queue.add(LATER, BOB)
    before = int(time.time())
    assert queue.run("sendoff", "queue", "flush").status == TEMPFAIL
    entry = queue.entry(name)
    assert entry["queue_name"] == "deferred" and entry["attempts"] == 1
    (recipient,) = entry["recipients"]
    assert recipient["address"] == LATER and recipient["delay_reason"].endswith(LATER_REPLY)
    reply = {"code": 450, "enhanced": "4.2.0", "text": LATER_REPLY}
    assert recipient["last_reply"] == reply and entry["last_reply"] == reply
    assert before <= entry["last_attempt"] <= time.time() < entry["next_attempt"]


def test_list_for_people(queue):
    name = queue.add(LATER, BOB, EVE, "x@example.net", options=("-f", ""))
    lines = queue("list").splitlines()
    assert re.fullmatch(rf"{name} +\d+s +\d+  incoming +now  <> -> {LATER}, {BOB} and 2 more", lines[1])
    assert lines[0].index("FROM") == lines[1].index("<>")
    assert lines[2:] == ["", f"1 message, {queue.entry(name)['message_size']} octets"]
    assert queue.run("sendoff", "queue", "flush").status == TEMPFAIL
    lines = queue("list").splitlines()
    assert re.fullmatch(rf"{name} +\d+s +\d+  deferred +\d+[sm]  <> -> {LATER}", lines[1])
    assert lines[2].strip().endswith(f"said: {LATER_REPLY}")


def test_list_is_in_order(queue):
    names = [queue.add(BOB) for _ in range(5)]
    for name in (names[3], names[0]):
        os.rename(queue.folder / name, queue.folder / "x")
        os.rename(queue.folder / "x", queue.folder / name)
    assert [entry["queue_id"] for entry in queue.entries()] == names
    assert [entry["id"] for entry in parse_mailq(queue.run("mailq").stdout)] == names


@kinds.memory
def test_lists_need_no_more_memory_for_more_messages(queue):
    text = (queue.folder / queue.add(LATER)).read_bytes()
    first = memory_kb(queue, "mailq")
    for i in range(10000):
        digits = oct(i + 0o100000)[2:]
        (queue.folder / f"6000{digits}").write_bytes(text)
        (queue.folder / f"6000{digits}").chmod(0o600)
    assert check_mailq(queue.run("mailq").stdout) == 10001
    assert memory_kb(queue, "mailq") - first < MEMORY_GROWTH_MAX_KB
    assert memory_kb(queue, "sendoff", "queue", "list", "--json") - first < MEMORY_GROWTH_MAX_KB


def memory_kb(queue, *words):
    code = ("import resource, subprocess, sys; subprocess.run(sys.argv[1:], stdout=subprocess.DEVNULL, check=True); "
            "print(resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss)")
    done = subprocess.run(["/usr/bin/python3", "-S", "-E", "-c", code, str(binary(words[0])), *words[1:]],
                          env=queue.environment(), capture_output=True, check=True, timeout=LIMIT_S)
    return int(done.stdout)


# Prometheus


SAMPLE = re.compile(r'([a-zA-Z_:][\w:]*)(?:\{((?:[a-zA-Z_]\w*="(?:[^"\\\n]|\\[\\"n])*",?)+)\})? (-?[\d.]+)')


def metrics(queue):
    """{(name, labels): value}; the text is valid: each name is introduced once, before its samples, which differ."""
    values, introduced = {}, {}
    for line in queue("list", "--prometheus").splitlines():
        if match := re.fullmatch(r"# (HELP|TYPE) (\w+) (.+)", line):
            assert match[2] not in introduced or introduced[match[2]] == ["HELP"] and match[1] == "TYPE", line
            introduced.setdefault(match[2], []).append(match[1])
            assert match[1] == "HELP" or match[3] in ("gauge", "counter")
            continue
        match = SAMPLE.fullmatch(line)
        assert match, line
        assert introduced[match[1]] == ["HELP", "TYPE"] and match[1] == list(introduced)[-1]
        key = match[1], tuple(re.findall(r'(\w+)="((?:[^"\\]|\\.)*)"', match[2] or ""))
        assert key not in values, line
        values[key] = float(match[3])
    return values


def test_prometheus(queue):
    incoming, held, failed = queue.add(BOB), queue.add(BOB), queue.add(UNKNOWN, options=("-f", ""))
    active = queue.add(BOB)
    queue.run("sendoff", "queue", "flush", failed)
    queue("hold", held)
    (queue.folder / "foreign").touch()
    with locked(queue.folder / active):
        values = metrics(queue)
    states = {labels[0][1]: value for (name, labels), value in values.items() if name == "sendoff_queue_messages"}
    assert states == {"incoming": 1, "active": 1, "deferred": 0, "hold": 1, "failed": 1}
    assert values["sendoff_queue_octets", ()] == sum(queue.entry(name)["message_size"]
                                                     for name in (incoming, held, failed, active))
    assert 0 <= values["sendoff_queue_oldest_seconds", ()] < LIMIT_S
    assert values["sendoff_queue_unusable_files", ()] == 1
    assert values["sendoff_queue_in_doubt", ()] == 0


def test_prometheus_knows_what_is_paused(queue):
    """A server that cannot be reached is left alone, and that can be watched."""
    queue.add(BOB)
    with Sink() as gone:
        port = gone.port
    config = queue.config.read_text().replace(f":{queue.server.port}", f":{port}")
    write_private(queue.config, config)
    server = (("account", "default"), ("server", f"127.0.0.1:{port}"))
    assert metrics(queue)["sendoff_paused", server] == 0
    assert queue.run("sendoff", "queue", "flush").status == TEMPFAIL
    values = metrics(queue)
    assert values["sendoff_paused", server] == 1
    assert values["sendoff_paused", (("account", "default"), ("server", ""))] == 0


# show


def whole(queue, name):
    return queue("show", "--message", name)


def test_show_message_is_what_is_sent(queue):
    body = 3000 * (b"x" * 70 + b"\n") + b"last\n"
    name = queue.add(BOB, text=MESSAGE + body)
    shown = whole(queue, name)
    queue("flush")
    (message,) = queue.server.messages
    assert shown.encode() == message.content.replace(b"\r\n", b"\n")
    assert shown.startswith("Subject: hello\n") and shown.endswith("\nend\n" + body.decode())


def test_show_message_on_a_terminal_is_harmless(queue):
    """To a file go the octets as they are."""
    name = queue.add(BOB, text=b"Subject: \x1b[31mred\n\n\x1b[2J\xc2\x9b1m gr\xc3\xbcn \xff\n")
    done = subprocess.run([str(binary("sendoff")), "queue", "show", "--message", name], env=queue.environment(),
                          capture_output=True, check=True, timeout=LIMIT_S)
    assert b"\x1b[2J\xc2\x9b1m gr\xc3\xbcn \xff\n" in done.stdout
    main, terminal = pty.openpty()
    with os.fdopen(main, "rb", buffering=0) as reader:
        subprocess.run([str(binary("sendoff")), "queue", "show", "--message", name], env=queue.environment(),
                       stdout=terminal, check=True, timeout=LIMIT_S)
        os.close(terminal)
        shown = reader.read(65536).decode()
    assert "\\x1B[2J\\xC2\\x9B1m grün \\xFF\r\n" in shown
    assert not ACTS_ON_TERMINALS.search(shown.replace("\r\n", "\n"))


# show --raw


ROW = re.compile(r" *(\d+)  (\S.*?) +(\d+)  (\S.*)")


def parts(shown):
    """[(octet, what, length, checksum)] of each line that tells of a part, and what is below each."""
    head, *lines = shown.splitlines()
    assert head.split() == ["OCTET", "RECORD", "LENGTH", "CHECKSUM"]
    found, below = [], []
    for line in lines:
        if line.startswith(" " * 12):
            below[-1].append(line.strip())
        else:
            at, what, length, checksum = ROW.fullmatch(line).groups()
            found.append((int(at), what, int(length), checksum))
            below.append([])
    return found, below


def without(found, *names):
    return [part for part in found if part[1] not in names]


def tried(queue):
    """A message that one of two recipients has, as the records of its file tell."""
    name = queue.add(BOB, LATER, text=MESSAGE + b"x" * 5000)
    queue.run("sendoff", "queue", "flush")
    return name, queue.folder / name


WHOLE = ["block", "body", "head", "envelope", "recipient", "recipient", "header", "tail", "batch", "sending", "batch",
         "outcome", "outcome", "attempt", "next"]


def test_show_raw(queue):
    name, path = tried(queue)
    found, below = parts(queue("show", "--raw", name))
    assert [what for _, what, _, _ in found] == WHOLE
    assert {checksum for _, what, _, checksum in found if what != "tail"} == {"ok"}
    # Each octet of the file once.
    at = 0
    for begin, what, length, _ in without(found, "head", "tail"):
        assert begin == at, what
        at += length
    assert at == path.stat().st_size
    text = dict(zip(WHOLE, below))
    assert f"sender {ALICE}" in text["envelope"]
    assert "Subject: hello" in text["header"]
    assert f"text the server refused the recipient for now: <{LATER}>" in "".join(map("".join, below))
    assert [line for lines in below for line in lines if line.startswith(("address", "recipients"))] == [
        f"address {BOB}", f"address {LATER}", "recipients 0", "recipients 1"]
    assert any(re.fullmatch(r"next_ms \d+ \(20\d\d-\d\d-\d\d \d\d:\d\d:\d\d \+0000\)", line) for line in text["next"])


def flip(octets, at):
    octets[at] ^= 1


def damaged(queue, damage):
    """What is shown of a message whose file was damaged: damage(octets, {part: where its first one begins})."""
    name, path = tried(queue)
    begins = {}
    for at, what, length, _ in parts(queue("show", "--raw", name))[0]:
        begins.setdefault(what, at)
    octets = bytearray(path.read_bytes())
    damage(octets, begins)
    path.write_bytes(octets)
    return [(what, checksum) for _, what, _, checksum in parts(queue("show", "--raw", name))[0]]


def as_whole(**changes):
    """The parts of a whole file, but for those named."""
    return [(what, changes.get(what, "-" if what == "tail" else "ok")) for what in WHOLE]


OUTCOME = WHOLE.index("outcome")
DAMAGES = {
    "body": (lambda octets, begins: flip(octets, begins["body"] + 9), as_whole(body="wrong")),
    "envelope": (lambda octets, begins: flip(octets, begins["envelope"] + 20), as_whole(envelope="wrong", head="wrong")),
    "next": (lambda octets, begins: flip(octets, begins["next"] + 20), as_whole(next="wrong")),
    "length of a record": (
        lambda octets, begins: flip(octets, begins["sending"] + 3),
        [("no record" if row[0] == "sending" else row[0], "-" if row[0] == "sending" else row[1]) for row in as_whole()]),
    "torn": (lambda octets, begins: octets.__delitem__(slice(-3, None)), [*as_whole()[:-1], ("no record", "-")]),
    "zeros behind it": (lambda octets, begins: octets.extend(bytes(99)), [*as_whole(), ("no record", "-")]),
    "zeros in it": (
        lambda octets, begins: octets.__setitem__(slice(begins["outcome"], begins["attempt"]),
                                                  bytes(begins["attempt"] - begins["outcome"])),
        [*as_whole()[:OUTCOME], ("no record", "-"), *as_whole()[OUTCOME + 2:]]),
    # Where the body ends is not known then.
    "block": (lambda octets, begins: flip(octets, 20),
              [("block", "wrong"), ("no record", "-"), *[row for row in as_whole()[3:] if row[0] != "tail"]]),
    "later format": (lambda octets, begins: flip(octets, 11), [
        ("block", "a later format"), ("no record", "-"), *[row for row in as_whole()[3:] if row[0] != "tail"]]),
    "foreign": (lambda octets, begins: flip(octets, 0), [
        ("block", "this is no queued message"), ("no record", "-"), *[row for row in as_whole()[3:] if row[0] != "tail"]]),
    "cut within the body": (lambda octets, begins: octets.__delitem__(slice(100, None)), [("block", "ok"), ("no record", "-")]),
}


@pytest.mark.parametrize("name", DAMAGES)
def test_show_raw_of_a_damaged_file(queue, name):
    """All that is whole is shown, and what is not is said to be so."""
    damage, wanted = DAMAGES[name]
    assert damaged(queue, damage) == wanted


def test_show_raw_of_no_message(queue):
    """What is no file, or hardly one."""
    name = queue.add(BOB)
    path = queue.folder / name
    path.write_bytes(b"short")
    assert "the file has 5 octets, too few for a queued message" in queue("show", "--raw", name)
    path.unlink()
    assert queue.fails("show", "--raw", name)[0] == NOINPUT
    path.mkdir()
    status, said = queue.fails("show", "--raw", name)
    assert status == DATAERR and "is no regular file" in said


def test_show_raw_is_harmless(queue):
    """Whatever is in the file, a terminal may show it."""
    name = queue.add(BOB, text=b"Subject: \x1b[31mred\n\nx\n")
    shown = queue("show", "--raw", name)
    assert "Subject: \\x1B[31mred" in shown and not ACTS_ON_TERMINALS.search(shown)


def test_show_tells_all(queue):
    name = queue.add(LATER, BOB, "root", options=("-N", "failure,delay", "-R", "hdrs", "-V", "x y", "-F", "Al"))
    assert queue.run("sendoff", "queue", "flush").status == TEMPFAIL
    queue("hold", name)
    text = queue("show", name)
    for wanted in (rf"^id +{name}$", "^state +hold$", "^message-id +<1@example.org>$", "^account +default$",
                   f"^sender +{ALICE}$", "^notify +failure,delay$", "^return +hdrs$", r"^envid +x\+20y$",
                   f"^recipient +{LATER}: waiting$", f"^recipient +{BOB}: accepted$",
                   f"^recipient +{ALICE}, given as root: accepted$", f"^ +{LATER_REPLY}$", "^attempts +1, the last ",
                   f"^    [^ ].*attempt 1 ended, account default, server 127.0.0.1:{queue.server.port}",
                   rf"^    [^ ].*hold, by the user {os.getuid()}$", "^    Subject: hello$",
                   rf"^            reported as rfc822;root@{re.escape(socket.gethostname())}"):
        assert re.search(wanted, text, re.M), f"{wanted}\n{text}"


def test_show_json_tells_all(queue):
    name = queue.add(LATER, BOB, options=("-V", "x"), text=b"Subject: one\n two\nX-Y:\n\nhello\n")
    assert queue.run("sendoff", "queue", "flush").status == TEMPFAIL
    queue("hold", name)
    queue("release", name)
    shown = queue.shown(name)
    listed = queue.entry(name)
    assert {key: shown[key] for key in listed if key != "recipients"} == {
        key: listed[key] for key in listed if key != "recipients"}
    assert [(r["address"], r["state"]) for r in shown["recipients"]] == [(LATER, "waiting"), (BOB, "accepted")]
    assert shown["envid"] == "x" and re.fullmatch("<.*@example.org>", shown["message_id"])
    assert shown["header"][:2] == [{"name": "Subject", "body": "one two"}, {"name": "X-Y", "body": ""}]
    events = [event["event"] for event in shown["history"]]
    assert events[0] == "sending" and events[-2:] == ["hold", "release"]
    assert sorted(events[1:-2]) == ["attempt", "next", "outcome", "outcome"]
    (attempt,) = [event for event in shown["history"] if event["event"] == "attempt"]
    assert attempt["attempt"] == 1 and attempt["server"] == f"127.0.0.1:{queue.server.port}"
    outcomes = {event["state"]: event for event in shown["history"] if event["event"] == "outcome"}
    assert outcomes["accepted"]["recipients"] == [BOB] and outcomes["waiting"]["recipients"] == [LATER]
    assert outcomes["waiting"]["code"] == 450 and outcomes["waiting"]["reply"] == LATER_REPLY
    assert shown["history"][-1]["uid"] == os.getuid()


# hold, release, retry, remove, flush


def test_flush_sends(queue):
    first, second = queue.add(BOB, EVE), queue.add(BOB)
    assert queue("flush").splitlines() == [f"{first}: sent to {BOB}, {EVE}", f"{second}: sent to {BOB}"]
    assert len(queue.server.messages) == 2 and queue.names() == []
    assert queue("flush") == "nothing to send\n"
    shutil.rmtree(queue.folder)
    assert queue("flush") == "nothing to send\n"


def test_flush_tells_what_came_of_it(queue):
    name = queue.add(LATER, BOB)
    result = queue.run("sendoff", "queue", "flush")
    assert result.status == TEMPFAIL and result.stderr == ""
    assert re.fullmatch(rf"{name}: sent to {BOB}; not sent to {LATER}: the server refused the recipient for now: "
                        rf"<{LATER}>: {LATER_REPLY}; next attempt in \d+[sm]\n", result.stdout)
    # Now, whatever the back-off says.
    result = queue.run("sendoff", "queue", "flush")
    assert result.status == TEMPFAIL and result.stdout.startswith(f"{name}: not sent to {LATER}: ")
    assert queue.entry(name)["attempts"] == 2


def test_flush_tells_the_sender(queue):
    name = queue.add(UNKNOWN)
    lines = queue("flush").splitlines()
    assert lines[0].startswith(f"{name}: not sent to {UNKNOWN}: ") and lines[0].endswith("no such 550 5.1.1 user here")
    assert lines[1] == f"{name}: the sender was told" and queue.names() == []
    assert any(message.sender == "" and ALICE in message.recipients for message in queue.server.messages)


def test_flush_of_what_needs_a_person(queue):
    """A refused message whose sender cannot be told stays."""
    name = queue.add(UNKNOWN, options=("-f", ""))
    result = queue.run("sendoff", "queue", "flush")
    assert result.status == NOUSER and result.stdout.endswith("; it stays, and needs a person\n"), str(result)
    assert queue.entry(name)["queue_name"] == "failed" and queue.entry(name)["next_attempt"] is None
    assert queue("flush") == "nothing to send\n"
    result = queue.run("sendoff", "queue", "flush", name)
    assert result.status == NOUSER and result.stdout.endswith("; it stays, and needs a person\n"), str(result)
    assert queue("remove", name) == "" and queue.names() == []


def test_retry_of_what_failed(queue):
    """TLS was wrong for longer than mail is tried again; then a person mends it."""
    name = queue.add(BOB)
    make_older(queue, name, 120)
    config = queue.config.read_text()
    write_private(queue.config, config.replace("tls none", "tls starttls\nexpire 1m"))
    result = queue.run("sendoff", "queue", "flush")
    assert result.status == PROTOCOL and result.stdout.endswith("; it stays, and needs a person\n"), str(result)
    assert queue.entry(name)["queue_name"] == "failed"
    assert re.search("^note +login, TLS or configuration were wrong for too long", queue("show", name), re.M)
    write_private(queue.config, config)
    assert queue("flush") == "nothing to send\n"
    assert queue("retry", name) == f"{name}: sent to {BOB}\n"
    assert queue.names() == []


def test_flush_of_ids(queue):
    first, second, third = queue.add(BOB), queue.add(BOB), queue.add(BOB)
    assert queue("flush", third, first).count("sent to") == 2
    assert queue.names() == [second]


def test_flush_shows_the_dialogue(queue):
    queue.add(BOB)
    result = queue.run("sendoff", "queue", "flush", "-v")
    assert result.status == OK and f"C: RCPT TO:<{BOB}>" in result.stderr


def test_flush_needs_a_configuration(queue):
    name = queue.add(BOB)
    write_private(queue.config, "")
    status, stderr = queue.fails("flush", name)
    assert status == CONFIG and stderr.startswith("sendoff: ")


def test_hold_and_release(queue):
    first, second = queue.add(BOB), queue.add(BOB)
    assert queue("hold", first) == ""
    assert queue.entry(first)["queue_name"] == "hold" and queue.entry(first)["next_attempt"] is None
    assert queue("hold", first, "-v") == f"{first}: held\n"
    assert queue("flush") == f"{second}: sent to {BOB}\n"
    status, stderr = queue.fails("flush", first)
    assert status == TEMPFAIL and f"{first}: the message is held" in stderr
    status, stderr = queue.fails("retry", first)
    assert status == TEMPFAIL and "the message is held" in stderr
    assert queue.run("sendmail", "-qf").status == OK and queue.names() == [first]
    assert queue("release", "-v", first) == f"{first}: released\n"
    assert queue.entry(first)["queue_name"] == "incoming"
    assert queue("flush", first) == f"{first}: sent to {BOB}\n"


def test_all(queue):
    names = [queue.add(BOB) for _ in range(3)]
    assert queue("hold", "-v", "ALL") == "".join(f"{name}: held\n" for name in names)
    assert {entry["queue_name"] for entry in queue.entries()} == {"hold"}
    assert queue("release", "ALL") == ""
    assert {entry["queue_name"] for entry in queue.entries()} == {"incoming"}
    assert queue("remove", "ALL", "-v") == "".join(f"{name}: removed\n" for name in names)
    assert queue.names() == [] and queue.run("mailq").stdout == "Mail queue is empty\n"
    assert queue("remove", "ALL") == ""
    names = [queue.add(BOB) for _ in range(2)]
    assert queue("retry", "ALL").count(f": sent to {BOB}\n") == 2


def test_remove_tells_nobody(queue):
    first, second = queue.add(BOB), queue.add(BOB)
    assert queue("remove", first) == ""
    assert queue.names() == [second] and queue.server.messages == []


def test_released_mail_needs_nobody_else(tmp_path):
    """What is released is sent though nothing else happens, as what is queued is."""
    with Sink() as server:
        queue = Queue(tmp_path, server)
        queue.folder.mkdir(mode=0o700)
        (queue.folder / "run").mkdir(mode=0o700)
        (queue.folder / "run/lock").touch(0o600)
        with locked(queue.folder / "run/lock"):
            name = queue.add(BOB)
            queue("hold", name)
        queue("release", name)
        wait_until(lambda: len(server.messages) == 1 and queue.names() == [])


def test_several_ids_are_all_tried(queue):
    """The first failure gives the status."""
    first, second, third = queue.add(BOB), queue.add(BOB), queue.add(BOB)
    with locked(queue.folder / second):
        result = queue.run("sendoff", "queue", "remove", "-v", first, second, NO_ID, third)
    assert result.status == TEMPFAIL and result.stdout == f"{first}: removed\n{third}: removed\n"
    assert result.stderr.splitlines() == [
        f"sendoff: another process works on the message {second}",
        "  hint: try again when it is done",
        f"sendoff: there is no message {NO_ID} in the queue"]
    assert queue.names() == [second]
    result = queue.run("sendoff", "queue", "retry", NO_ID, second)
    assert result.status == NOINPUT and result.stdout == f"{second}: sent to {BOB}\n"
    assert result.stderr.count(NO_ID) == 1


def test_a_busy_message_is_left_alone(queue):
    name = queue.add(BOB)
    before = (queue.folder / name).read_bytes()
    with locked(queue.folder / name):
        for command in ("hold", "release", "retry", "remove"):
            status, stderr = queue.fails(command, name)
            assert status == TEMPFAIL and f"another process works on the message {name}" in stderr
        result = queue.run("sendoff", "queue", "flush", name)
        assert result.status == TEMPFAIL and "another process works on it" in result.stdout
        assert queue.entry(name)["queue_name"] == "active"
        assert name in queue("show", name)
    assert (queue.folder / name).read_bytes() == before


@pytest.mark.parametrize("command", ["show", "flush", "hold", "release", "retry", "remove"])
@pytest.mark.parametrize("name", [NO_ID, "x", "", "..", "../config", "/etc/passwd", "run", "run/lock", "foreign", "NUL\n",
                                  "\x1b[2J", NO_ID + "X", NO_ID.lower()])
def test_no_such_message(queue, command, name):
    kept = queue.add(BOB)
    (queue.folder / "foreign").write_bytes((queue.folder / kept).read_bytes())
    status, stderr = queue.fails(command, name)
    assert status == NOINPUT and "there is no message" in stderr
    assert not ACTS_ON_TERMINALS.search(stderr)
    assert queue.names() == [kept] and (queue.folder / "foreign").exists()


@pytest.mark.parametrize("words, sentence", [
    ([], "which command of sendoff queue?"),
    (["lst"], 'sendoff queue has no command "lst"'),
    (["--json"], 'sendoff queue has no command "--json"'),
    (["list", NO_ID], "sendoff queue list takes no ids"),
    (["list", "-v"], "sendoff queue list has no option -v"),
    (["list", "--json", "--prometheus"], "sendoff queue list takes one option at a time"),
    (["list", "--jso"], "sendoff queue list has no option --jso"),
    (["show"], "sendoff queue show takes one id"),
    (["show", NO_ID, NO_ID], "sendoff queue show takes one id"),
    (["show", "ALL"], "sendoff queue show takes one id"),
    (["show", "--prometheus", NO_ID], "sendoff queue show has no option --prometheus"),
    (["flush", "--json"], "sendoff queue flush has no option --json"),
    (["hold"], "sendoff queue hold needs ids, or ALL"),
    (["release", "-v"], "sendoff queue release needs ids, or ALL"),
    (["retry"], "sendoff queue retry needs ids, or ALL"),
    (["remove"], "sendoff queue remove needs ids, or ALL"),
    (["remove", "-f", NO_ID], "sendoff queue remove has no option -f"),
    (["remove", NO_ID, "--"], "sendoff queue remove has no option --"),
])
def test_wrong_use(queue, words, sentence):
    status, stderr = queue.fails(*words)
    assert status == USAGE and stderr.startswith(f"sendoff: {sentence}\n"), stderr


def test_the_configuration_can_be_named(queue, tmp_path):
    other = tmp_path / "other"
    other.mkdir()
    write_private(other / "config", queue.config.read_text().replace(str(queue.folder), str(other / "queue")))
    name = queue.add(BOB)
    for option in (("-C", other / "config"), ("--config", other / "config"), (f"--config={other}/config",)):
        result = queue.run("sendoff", *option, "queue", "list")
        assert (result.status, result.stdout) == (OK, "the queue is empty\n"), str(result)
    assert queue.run("sendoff", "-C", queue.config, "queue", "list", "--json").stdout.count(name) == 1
    result = queue.run("sendoff", "-C", other / "missing", "queue", "list")
    assert result.status == CONFIG and "missing" in result.stderr
    assert not (other / "queue").exists()


def test_no_queue_is_wanted(queue):
    write_private(queue.config, "server smtps://x.example.org\nqueue_dir none\n")
    status, stderr = queue.fails("list")
    assert status == CONFIG and "names no folder for a queue" in stderr


# sendmail -q


@pytest.mark.parametrize("options, wanted", [
    (["-qf"], {0, 1, 2}),
    (["-qf", "-qReve"], {1}),
    (["-qf", "-qR", "EVE@"], {1}),
    (["-qf", "-q!Reve"], {0, 2}),
    (["-qf", "-qScarol"], {2}),
    (["-qf", "-qSexample", "-q!S", "carol"], {0, 1}),
    (["-qf", "-qRbob", "-qSalice"], {0, 1}),
    (["-qf", "-qRnobody"], set()),
])
def test_sendmail_selects(queue, options, wanted):
    names = [queue.add(BOB), queue.add(BOB, EVE), queue.add("x@example.net", options=("-f", "carol@example.org"))]
    result = queue.run("sendmail", *options)
    assert result.status == OK, str(result)
    assert set(queue.names()) == {names[i] for i in range(3) if i not in wanted}


def test_sendmail_selects_by_id(queue):
    first, second = queue.add(BOB), queue.add(BOB)
    assert queue.run("sendmail", "-qf", f"-qI{second[1:]}").status == OK
    assert queue.names() == [first]
    assert queue.run("sendmail", "-qf", "-q!I", first).status == OK
    assert queue.names() == [first]


def test_sendmail_runs_in_the_background(queue):
    queue.add(BOB)
    assert queue.run("sendmail", "-q").status == OK
    wait_until(lambda: queue.names() == [])


# What time it is


def checksum(data):
    """CRC-32C (Castagnoli)."""
    crc = 0xFFFFFFFF
    for octet in data:
        crc ^= octet
        for _ in range(8):
            crc = crc >> 1 ^ (0x82F63B78 if crc & 1 else 0)
    return crc ^ 0xFFFFFFFF


def make_older(queue, name, seconds):
    """Has a message queued so long ago: its head's first record begins with the time.  record.h has the format."""
    data = bytearray((queue.folder / name).read_bytes())
    body, head = struct.unpack_from("<QQ", data, 16)
    at = 64 + body
    (size,) = struct.unpack_from("<I", data, at)
    tag, length, queued_ms = struct.unpack_from("<BIQ", data, at + 9)
    assert tag == 1 and length == 8
    struct.pack_into("<Q", data, at + 14, queued_ms - 1000 * seconds)
    struct.pack_into("<I", data, at + 4, checksum(data[at + 8 : at + 9 + size]))
    struct.pack_into("<I", data, 36, checksum(data[at : at + head]))
    struct.pack_into("<I", data, 60, checksum(data[:60]))
    (queue.folder / name).write_bytes(data)


def test_ages(queue):
    name, second = queue.add(BOB), queue.add(BOB)
    now = time.time()
    make_older(queue, second, 3 * 86400 + 60)
    assert re.search(rf"^{second} +3d ", queue("list"), re.M) and re.search(rf"^{name} +\d+s ", queue("list"), re.M)
    assert 0 <= now - 3 * 86400 - 60 - queue.entry(second)["arrival_time"] < LIMIT_S
    assert 3 * 86400 < metrics(queue)["sendoff_queue_oldest_seconds", ()] < 3 * 86400 + 60 + LIMIT_S
    make_older(queue, second, -5 * 86400)
    assert re.search(rf"^{second} +0s ", queue("list"), re.M)


# What is foreign, damaged, or hostile


def spoil(queue):
    """Puts into the queue's folder what does not belong there, and spoils messages.  Returns the names, sorted."""
    folder = queue.folder
    text = (folder / queue.add(BOB)).read_bytes()
    outside = folder.parent / "outside"
    outside.write_bytes(text)

    def put(name, content, mode=0o600):
        (folder / name).write_bytes(content)
        (folder / name).chmod(mode)

    put("note.txt", b"foreign")
    put("\x1b[2Jred\nname", b"foreign")
    put("6000000000.bak", text)
    (folder / "folder").mkdir()
    (folder / "6000000001").symlink_to(outside)
    (folder / "6000000002").mkdir()
    os.mkfifo(folder / "6000000003")
    put("6000000004", b"")
    put("6000000005", text[:63])
    put("6000000006", b"x" * len(text))
    put("6000000007", text[:8] + b"\x01" + text[9:])
    put("6000000008", text[:70] + bytes([text[70] ^ 1]) + text[71:])
    put("6000000009", text[:-20])
    put("600000000A", text[:200] + bytes([text[200] ^ 0x80]) + text[201:])
    os.link(outside, folder / "600000000B")
    try:
        os.mknod(folder / "600000000C", stat.S_IFCHR | 0o600, os.makedev(1, 7))
    except PermissionError:
        pass  # only the true root can
    return sorted(path.name for path in folder.iterdir() if path.name != "run" and path.name not in queue.names())


def snapshot(folder):
    """All that can be told from outside about the files, and what is in those that are ordinary."""
    found = {}
    for path in folder.rglob("*"):
        status = path.lstat()
        content = path.read_bytes() if stat.S_ISREG(status.st_mode) else None
        found[str(path)] = (status.st_mode, status.st_size, status.st_mtime_ns, status.st_nlink, status.st_ino, content)
    return found


def unusable_names(queue):
    return {entry["queue_id"] for entry in queue.entries() if entry["queue_name"] == "unusable"}


def test_foreign_and_damaged_files_are_listed_and_left(queue):
    spoil(queue)
    # The flipped octet of a body is found when it would be sent; all else, at once.
    good = {entry["queue_id"] for entry in queue.entries() if entry["queue_name"] != "unusable"}
    everything = {path.name for path in queue.folder.iterdir()} - {"run"}
    before = snapshot(queue.folder)
    bad = unusable_names(queue)
    assert bad | good == everything
    assert bad >= {"note.txt", "\x1b[2Jred\nname", "6000000000.bak", "folder", "6000000001", "6000000002", "6000000003",
                   "6000000004", "6000000005", "6000000006", "6000000007"}
    for entry in queue.entries():
        if entry["queue_name"] == "unusable":
            assert entry["note"] and entry["recipients"] == [] and entry["sender"] == ""
            assert entry["arrival_time"] > 0 and entry["message_size"] >= 0
    notes = {entry["queue_id"]: entry["note"] for entry in queue.entries()}
    for name, kind in (("note.txt", "name"), ("6000000001", "symbolic link"), ("6000000002", "folder"),
                       ("6000000003", "pipe"), ("folder", "folder")):
        assert notes[name].startswith("foreign: ") and kind in notes[name], notes[name]
    text = queue("list")
    assert not ACTS_ON_TERMINALS.search(text)
    rows = [line for line in text.splitlines() if re.search(r"\sunusable\s", line)]
    assert len(rows) == len(bad) and text.rstrip().endswith(f"{len(bad)} files in {queue.folder} cannot be used")
    assert any(row.startswith("\\x1B[2Jred\\x0Aname ") for row in rows)
    assert metrics(queue)["sendoff_queue_unusable_files", ()] == len(bad)
    result = queue.run("mailq")
    assert result.status == OK and check_mailq(result.stdout) == len(good)
    assert result.stderr == f"sendoff: {len(bad)} files in {queue.folder} that cannot be used: sendoff queue list\n"
    for name in sorted(bad):
        for command in ("show", "hold", "release", "remove", "retry", "flush"):
            status, _ = queue.fails(command, name)
            assert status != OK
    assert snapshot(queue.folder) == before


def test_messages_of_a_later_version_are_left_alone(queue):
    """They are told of as such, wherever messages are; nothing is wrong, and they hold nobody up."""
    first = queue.add(BOB)
    text = (queue.folder / first).read_bytes()
    later = "6000000001"
    (queue.folder / later).write_bytes(text[:8] + b"\x03" + text[9:])
    (queue.folder / later).chmod(0o600)
    sentence = "was written by a later version of sendoff (format 3; this one reads up to 2): nothing is done with it"
    before = (queue.folder / later).read_bytes()
    entries = {entry["queue_id"]: entry for entry in queue.entries()}
    assert entries[later]["queue_name"] == "later" and sentence in entries[later]["note"]
    assert sentence in queue("list") and "1 message by a later version of sendoff\n" in queue("list")
    assert "cannot be used" not in queue("list")
    values = metrics(queue)
    assert values["sendoff_queue_later_messages", ()] == 1 and values["sendoff_queue_unusable_files", ()] == 0
    mailq = queue.run("mailq")
    assert mailq.status == OK and check_mailq(mailq.stdout) == 1
    assert mailq.stderr == f"sendoff: 1 message in {queue.folder} by a later version of sendoff: sendoff queue list\n"
    for command in ("show", "hold", "release", "remove", "retry", "flush"):
        status, said = queue.fails(command, later)
        assert status == UNAVAILABLE and sentence in said
    assert queue.run("sendmail", "-qf").status == OK
    assert queue.names() == [later]
    assert sentence in queue("list") and "no message waits; 1 message by a later version" in queue("list")
    queue.run("sendoff", "queue", "remove", "ALL")
    assert (queue.folder / later).read_bytes() == before


def test_nothing_is_removed_with_all_but_messages(queue):
    spoil(queue)
    bad = unusable_names(queue)
    before = {path: kept for path, kept in snapshot(queue.folder).items() if path.rsplit("/", 1)[1] in bad}
    result = queue.run("sendoff", "queue", "remove", "ALL")
    assert result.status != OK and not ACTS_ON_TERMINALS.search(result.stderr)
    after = snapshot(queue.folder)
    assert {path: after[path] for path in before} == before
    assert queue.run("mailq").stdout.count("example.net") <= 1


HOSTILE = "\x1b]0;title\x07\x1b[31m\x9b2J\u202eevil".encode()


def test_hostile_text_reaches_no_terminal(queue):
    """Headers, names, the server's words: whatever they hold."""
    text = b"Subject: " + HOSTILE + b"\xff\nX-Y: \xc0\xaf\nFrom: \x1b[1mAl <a@example.org>\n\nx\n"
    queue.refusals["later"] = queue.refusals['"later'] = b"450 4.2.0 " + HOSTILE + b"\xff\r\n"
    names = [queue.add(LATER, text=text), queue.add('"later x"@example.net', text=text),
             queue.add(LATER, text=text, options=("-f", "s\N{LATIN SMALL LETTER U WITH DIAERESIS}@example.org"))]
    flushed = queue.run("sendoff", "queue", "flush", "-v")
    outputs = [flushed.stdout, flushed.stderr, queue("list"), queue("list", "--json"), queue("list", "--prometheus"),
               queue.run("mailq").stdout]
    for name in names:
        outputs += [queue("show", name), queue("show", "--json", name)]
    for output in outputs:
        assert not ACTS_ON_TERMINALS.search(output), output
    assert [entry["queue_id"] for entry in queue.entries()] == names
    assert all("4.2.0" in entry["recipients"][0]["delay_reason"] for entry in queue.entries())
    header = {field["name"]: field["body"] for field in queue.shown(names[0])["header"]}
    assert header["Subject"] == HOSTILE.decode() + "\ufffd" and header["X-Y"] == "\ufffd\ufffd"
    assert header["From"] == "\x1b[1mAl <a@example.org>"
    assert len(parse_mailq(queue.run("mailq").stdout)) == len(names)
