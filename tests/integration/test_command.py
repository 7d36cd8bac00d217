# SPDX-License-Identifier: ISC
"""The command line: exit status and text of every way it can go wrong, and what no caller can make it do."""

import base64
import contextlib
import ctypes
import os
import re
import resource
import shlex
import shutil
import signal
import socket
import subprocess
import threading
import time
from pathlib import Path

import pytest

from servers import kinds
from servers.client import PASSED_ON, binary, run_sendmail, write_private
from servers.dovecot import PASSWORD, USER
from servers.place import Place, own_home

USAGE, DATAERR, NOINPUT, UNAVAILABLE, CANTCREAT, IOERR, TEMPFAIL, CONFIG = 64, 65, 66, 69, 73, 74, 75, 78

BOB = "bob@example.net"
MESSAGE = b"Subject: hello\n\nhello\n"
TIMEOUT_S = 60
RSS_MAX_KB = 10 * 1024
RSS_GROWTH_MAX_KB = 1024


class Server:
    """Takes every message, and keeps what it was told: commands, and the octets of each content.

    Recipients named unknown…@ are refused, with `refusal`.  `hold` is called when the content is complete, before it
    is answered.
    """

    def __init__(self, chunking=True, keep_content=True):
        self.chunking = chunking
        self.keep_content = keep_content
        self.commands = []
        self.contents = []
        self.sizes = []
        self.connections = 0
        self.refusal = "550 5.1.1 no such user here"
        self.queue = "none"
        self.hold = lambda: None
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port = self._listener.getsockname()[1]

    def __enter__(self):
        threading.Thread(target=self._run, daemon=True).start()
        return self

    def __exit__(self, *_error):
        self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()

    @property
    def config(self):
        """The configuration of a client."""
        server = f"server smtp://127.0.0.1:{self.port}\ntls none\nfrom alice@example.org\nlocal_to admin@example.org\n"
        return f"queue_dir {self.queue}\naccount default\n{server}"

    @property
    def recipients(self):
        """Whom RCPT named."""
        return [command[9:-1] for command in self.commands if command.startswith("RCPT TO:<")]

    def _run(self):
        while True:
            try:
                connection, _ = self._listener.accept()
            except OSError:
                return
            self.connections += 1
            connection.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 1 << 20)
            with connection, connection.makefile("rb", 1 << 20) as lines, contextlib.suppress(OSError):
                connection.sendall(b"220 mx.example.net ESMTP\r\n")
                for line in lines:
                    self._answer(connection, lines, line.rstrip(b"\r\n").decode(errors="backslashreplace"))

    def _answer(self, connection, lines, command):
        self.commands.append(command)
        verb = command.split(" ")[0].upper()
        reply = "250 2.0.0 ok"
        if verb == "EHLO":
            chunking = "250-CHUNKING\r\n" if self.chunking else ""
            reply = f"250-mx.example.net\r\n{chunking}250-PIPELINING\r\n250-8BITMIME\r\n250-SIZE 0\r\n250 DSN"
        elif verb == "RCPT" and "<unknown" in command:
            reply = self.refusal
        elif verb == "BDAT":
            self._take(lines.read, int(command.split(" ")[1]))
        elif verb == "DATA":
            connection.sendall(b"354 go on\r\n")
            self._take_to_dot(lines)
        connection.sendall(reply.encode() + b"\r\n")

    def _take(self, read, size):
        content = bytearray()
        for at in range(0, size, 1 << 20):
            block = read(min(1 << 20, size - at))
            if self.keep_content:
                content += block
        self._complete(content, size)

    def _take_to_dot(self, lines):
        content = bytearray()
        size = 0
        for line in lines:
            if line == b".\r\n":
                break
            size += len(line)
            if self.keep_content:
                content += line[1:] if line.startswith(b".") else line
        self._complete(content, size)

    def _complete(self, content, size):
        self.hold()
        self.contents.append(bytes(content))
        self.sizes.append(size)


@pytest.fixture
def server():
    """A server that takes everything."""
    with Server() as server:
        yield server


@pytest.fixture
def place(server, tmp_path):
    """A folder with the configuration for `server`, and a queue.

    What runs behind a caller's back ends before the test.
    """
    server.queue = tmp_path / "queue"
    write_private(tmp_path / "config", server.config)
    watched = Place(tmp_path, None)
    with watched:
        yield tmp_path
        watched.settle()


def environment(place, **added):
    """The environment of a program that is started by hand."""
    passed_on = {name: os.environ[name] for name in PASSED_ON if name in os.environ}
    return {"PATH": "/usr/bin:/bin", "HOME": str(place), "SENDOFF_CONFIG": str(place / "config"), **passed_on, **added}


def start(place, *args, name="sendmail", wrapper=(), **options):
    """Starts the program, with pipes; wrapper is a command line that runs it."""
    pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "stderr": subprocess.PIPE}
    options = {**pipes, "env": environment(place), **options}
    return subprocess.Popen([*wrapper, str(binary(name)), *args], **options)


def finish(process, input_bytes=None):
    """Waits for its end.  Returns exit status, standard output and error."""
    stdout, stderr = process.communicate(input_bytes, timeout=TIMEOUT_S)
    return process.returncode, (stdout or b"").decode(), (stderr or b"").decode()


def run(place, *args, input_bytes=MESSAGE, **options):
    """Runs the program.  Returns exit status, standard output and error."""
    return finish(start(place, *args, **options), input_bytes)


def in_shell(redirections):
    """A wrapper that runs the program with a shell's redirections."""
    return ("sh", "-c", f'exec "$@" {redirections}', "sh")


def needs_root(test):
    """Skips where there is no private mount namespace to be had."""
    may = subprocess.run(["unshare", "--mount", "true"], capture_output=True, check=False).returncode == 0
    return pytest.mark.skipif(not may, reason="no private mount namespace: not root")(test)


# Refused before anything is read


UNREAD = [
    ([], "nobody to send to"),
    (["-i"], "nobody to send to"),
    (["-Z", BOB], "unknown option -Z"),
    (["-tZ"], "unknown option -Z"),
    (["--foo"], "unknown option --foo"),
    (["-f"], "-f needs an argument"),
    ([BOB, "-i"], "the option -i stands behind a recipient"),
    (["-bt"], "-bt is not a mode"),
    (["-be", BOB], "-be is not a mode"),
    (["-X", "/tmp/x", BOB], "-X are refused"),
    (["-f", "a@b\r\nDATA", BOB], "control characters"),
    (["-fa\nb", BOB], "control characters"),
    (["bob@example.net\r\nRCPT TO:<eve@example.net>"], "control characters"),
    (["bob@example.net\nBcc: eve@example.net"], "control characters"),
    (["bob@example.net\r"], "control characters"),
    (["\tbob@example.net\t\x01"], "control characters"),
    (["-F", "A\nBcc: eve@example.net", BOB], "control characters"),
    (["-F", "A\r\n\r\nbody", BOB], "control characters"),
    (["-V", "id\r\nRSET", BOB], "1 to 100 printable characters"),
    (["-N", "never\r\nRSET", BOB], "-N takes never"),
    (["-R", "full\r\n", BOB], "-R takes full or hdrs"),
    (["-B", "8BITMIME\r\n", BOB], "-B takes 7BIT or 8BITMIME"),
]


@pytest.mark.parametrize("args, text", UNREAD)
def test_refused_without_reading(server, place, args, text):
    ours, theirs = os.pipe()
    os.write(theirs, MESSAGE)
    try:
        status, stdout, stderr = run(place, *args, stdin=ours, input_bytes=None)
        os.set_blocking(ours, False)
        assert os.read(ours, 1000) == MESSAGE
    finally:
        os.close(ours)
        os.close(theirs)
    assert status in (USAGE, CONFIG)
    assert stdout == ""
    assert text in stderr
    assert re.fullmatch(r"[\n -~]*", stderr)
    assert server.connections == 0


@pytest.mark.parametrize(
    "args, status, text",
    [
        (["a b@example.net"], DATAERR, "cannot parse the address"),
        (["a@b@example.net"], DATAERR, "cannot parse the address"),
        (["<>"], DATAERR, "cannot parse the address"),
        (["-f", "a@b, c@d", BOB], DATAERR, "the sender given with -f"),
        (["-f", "a@@b", BOB], DATAERR, "the sender given with -f"),
        (["-f", "group: a@b;", BOB], DATAERR, "the sender given with -f"),
        (["", "-t"], USAGE, "stands behind a recipient"),
        ([""], USAGE, "nobody to send to"),
        (["undisclosed-recipients:;"], USAGE, "nobody to send to"),
        (["-t"], USAGE, "no recipient in To, Cc or Bcc"),
        (["-bs"], UNAVAILABLE, "not in this version"),
        (["-bd"], UNAVAILABLE, "not in this version"),
        (["-a", "nosuch", "-bv", BOB], CONFIG, 'has no account "nosuch"'),
        (["-a", "no\x1b[2Jsuch", "-bv", BOB], CONFIG, "has no account"),
    ],
)
def test_refused(server, place, args, status, text):
    result = run(place, *args)
    assert result[:2] == (status, "")
    assert result[2].startswith("sendoff: ")
    assert text in result[2]
    assert re.fullmatch(r"[\n -~]*", result[2])
    assert server.connections == 0


@needs_root
@pytest.mark.parametrize("message", [MESSAGE, b"Subject: two\n\nFrom here\n>From there\n"])
def test_no_account(server, place, message):
    """A message for which there is no way is kept where its sender will find it: many callers see no exit status."""
    args = ("-a", "nosuch", "-f", "carl@example.com", BOB)
    status, stdout, stderr = run(place, *args, input_bytes=message, wrapper=own_home(place))
    assert (status, stdout) == (CONFIG, "")
    assert 'has no account "nosuch"' in stderr
    assert stderr.endswith("  message: the message is saved in /root/dead.letter\n")
    letter = (place / "root" / "dead.letter").read_bytes()
    separator, _, text = letter.partition(b"\n")
    assert re.fullmatch(rb"From \S+ [A-Z][a-z]{2} [A-Z][a-z]{2} [ \d]\d [\d:]{8} \d{4}", separator), letter
    assert text == re.sub(rb"^(>*From )", rb">\1", message, flags=re.MULTILINE) + b"\n"
    assert server.connections == 0


@pytest.mark.parametrize("name, says", [("mailq", "Mail queue is empty\n"), ("newaliases", "")])
def test_names(server, place, name, says):
    assert run(place, name=name) == (0, says, "")
    assert run(place, BOB, name=name) == (0, says, "")
    assert server.connections == 0


def test_queue(server, place):
    """Listed and run by sendmail's options."""
    assert run(place, "-bp") == (0, "Mail queue is empty\n", "")
    assert run(place, "-odq", BOB) == (0, "", "")
    for args, name in (((), "mailq"), (("-bp",), "sendmail")):
        status, stdout, stderr = run(place, *args, name=name)
        assert (status, stderr) == (0, "")
        assert BOB in stdout and "-- 0 Kbytes in 1 Request.\n" in stdout
    assert server.connections == 0
    assert run(place, "-q") == (0, "", "")
    Place(place, None).settle()
    assert server.recipients == [BOB]
    assert run(place, "-bp") == (0, "Mail queue is empty\n", "")


@pytest.mark.parametrize("args", [["help"], ["--help"], ["-h"], ["version"], ["--version"]])
def test_help_and_version(place, args):
    status, stdout, stderr = run(place, *args, name="sendoff")
    assert (status, stderr) == (0, "")
    assert "sendoff" in stdout


def test_help_with_keys(place):
    status, stdout, stderr = run(place, "help", "keys", name="sendoff")
    assert (status, stderr) == (0, "")
    lines = stdout.splitlines()
    assert lines[lines.index("  wait TIME|off (default: 10s)") + 1] == "      how long a caller waits before mail is queued"
    assert "  tls_nostarttls" in lines and max(map(len, lines)) <= 80


def test_own_name(server, place):
    assert run(place, BOB, name="sendoff") == (0, "", "")
    assert run(place, "--", "root", name="sendoff") == (0, "", "")
    assert run(place, name="sendoff", input_bytes=b"")[0] == USAGE
    status, _, stderr = run(place, "root\x1b[2J\nroot", name="sendoff")
    assert status == USAGE
    assert "there is no command" in stderr
    assert re.fullmatch(r"[\n -~]*", stderr), "a control character went to the terminal"
    assert server.recipients == [BOB, "admin@example.org"]


def test_verify_sends_nothing(server, place):
    status, stdout, stderr = run(place, "-bv", "root", BOB)
    assert (status, stderr) == (0, "")
    assert stdout.splitlines() == [
        f"root -> admin@example.org: account default, server 127.0.0.1:{server.port}",
        f"{BOB}: account default, server 127.0.0.1:{server.port}",
    ]
    assert server.connections == 0


OWN_ETC = 'mount --bind "$1" /etc && shift && exec "$@"'


@needs_root
@pytest.mark.parametrize(
    "line, aliases, expected",
    [
        ("", "root: bob@example.net\n", "bob@example.net"),
        ("", None, "admin@example.org"),
        ("", "root: |/bin/cat\n", None),
        ("aliases off\n", "root: bob@example.net\n", "admin@example.org"),
        ("aliases /etc/others\n", "root: bob@example.net\n", "eve@example.net"),
        ("aliases /etc/missing\n", "root: bob@example.net\n", None),
    ],
)
def test_system_aliases(tmp_path, line, aliases, expected):
    """The system's configuration has /etc/aliases, if there is one; only a file that is named must be there."""
    etc = tmp_path / "etc"
    etc.mkdir()
    for name in ("passwd", "group", "hosts", "nsswitch.conf"):
        shutil.copy(f"/etc/{name}", etc / name)
    write_private(etc / "sendoff.conf", f"server smtps://mail.example.org\nlocal_to admin@example.org\n{line}")
    write_private(etc / "others", "root: eve@example.net\n")
    if aliases:
        write_private(etc / "aliases", aliases)
    env = {**environment(tmp_path), "HOME": str(tmp_path)}
    env.pop("SENDOFF_CONFIG")
    wrapper = ("unshare", "--mount", "sh", "-c", OWN_ETC, "sh", str(etc))
    status, stdout, stderr = run(tmp_path, "-bv", "root", wrapper=wrapper, env=env)
    if expected:
        assert (status, stdout) == (0, f"root -> {expected}: account default, server mail.example.org:465\n"), stderr
    else:
        assert status == CONFIG and "/etc/" in stderr


def test_output_that_cannot_be_written(place):
    assert run(place, "-bv", BOB, wrapper=in_shell(">/dev/full"))[0] == IOERR
    assert run(place, "--help", wrapper=in_shell(">/dev/full"))[0] == IOERR


# Standard input


def test_empty_input(server, place):
    status, _, stderr = run(place, BOB, input_bytes=b"")
    assert status == NOINPUT
    assert "the input is empty" in stderr
    assert run(place, BOB, stdin=subprocess.DEVNULL, input_bytes=None)[0] == NOINPUT
    assert server.connections == 0


def test_unreadable_input(server, place):
    for wrapper in (in_shell("</"), in_shell("0>/dev/null")):
        status, _, stderr = run(place, BOB, wrapper=wrapper, input_bytes=None, stdin=None)
        assert status == IOERR
        assert "cannot read the message" in stderr
    assert server.connections == 0


def test_slow_and_non_blocking_input(server, place):
    ours, theirs = os.pipe()
    os.set_blocking(ours, False)
    process = start(place, "-t", stdin=ours)
    os.close(ours)
    text = b"To: bob@example.net\r\nSubject: slow\r\n\r\nhello\r\n.\r\nthe end\n"
    for at in range(len(text)):
        os.write(theirs, text[at : at + 1])
        time.sleep(0.002)
    assert process.poll() is None
    assert server.connections == 0
    os.close(theirs)
    assert finish(process) == (0, "", "")
    assert server.recipients == [BOB]
    assert server.contents[0].endswith(b"\r\n\r\nhello\r\n.\r\nthe end\r\n")


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT, signal.SIGHUP, signal.SIGKILL, signal.SIGQUIT])
def test_killed_before_the_end_of_input(server, place, number):
    process = start(place, BOB)
    process.stdin.write(b"Subject: half\n\n" + b"a line\n" * 100000)
    process.stdin.flush()
    process.send_signal(number)
    assert process.wait(TIMEOUT_S) == -number
    process.communicate()
    assert server.connections == 0


def test_nothing_is_left_of_a_killed_call(server, place):
    process = start(place, BOB, env=environment(place, TMPDIR=str(place)))
    process.stdin.write(b"Subject: half\n\n" + b"a line\n" * 1000000)
    process.kill()
    process.communicate()
    assert sorted(os.listdir(place)) == ["config", "queue"]
    assert os.listdir(place / "queue") == []


# Descriptors that are not there


@pytest.mark.parametrize("closed", ["0", "1", "2", "0 1", "0 2", "1 2", "0 1 2"])
@pytest.mark.parametrize("verbose", [False, True])
def test_closed_descriptors(server, place, closed, verbose):
    seen = []
    redirections = " ".join(f"{number}{'<' if number == '0' else '>'}&-" for number in closed.split())
    # A message that is too large for memory, so that there is a file too; -bv where there can be none.
    has_input = "0" not in closed
    args = (["-v"] if verbose else []) + [BOB]
    process = start(place, *args, wrapper=in_shell(redirections))
    server.hold = lambda: seen.append(descriptors(process.pid, closed.split()))
    text = b"Subject: large\n\n" + b"a line of the message\n" * 100000
    status, stdout, stderr = finish(process, text if has_input else b"")
    if not has_input:
        assert status in (IOERR, NOINPUT)
        assert server.connections == 0
        return
    assert (status, stdout) == (0, "")
    assert verbose or stderr == ""
    assert seen == [{number: "/dev/null" for number in closed.split()}]
    assert [command.split(" ")[0] for command in server.commands] == ["EHLO", "MAIL", "RCPT", "BDAT", "QUIT"]
    assert server.contents[0].endswith(b"\r\n\r\n" + b"a line of the message\r\n" * 100000)


def descriptors(pid, numbers):
    """What these descriptors of the process are."""
    return {number: os.readlink(f"/proc/{pid}/fd/{number}") for number in numbers}


def test_closed_standard_error_and_a_refusal(server, place):
    status, stdout, _ = run(place, "-v", "unknown@example.net", wrapper=in_shell("2>&-"))
    assert (status, stdout) == (67, "")
    assert {command.split(" ")[0] for command in server.commands} <= {"EHLO", "MAIL", "RCPT", "BDAT", "QUIT"}


@pytest.mark.parametrize("args", [[BOB], ["-v", BOB]])
def test_nobody_reads_our_output(server, place, args):
    ours, theirs = os.pipe()
    os.close(ours)
    process = start(place, *args, stdout=theirs, stderr=theirs)
    os.close(theirs)
    assert finish(process, MESSAGE)[0] == 0
    assert len(server.contents) == 1


# Configuration and places


def test_no_configuration(place):
    (place / "config").unlink()
    status, _, stderr = run(place, BOB)
    assert status == CONFIG
    assert f"there is no file {place}/config" in stderr


@pytest.mark.skipif(Path("/etc/sendoff.conf").exists(), reason="this machine has a configuration")
@pytest.mark.parametrize("variable", ["HOME", "XDG_CONFIG_HOME"])
def test_no_configuration_anywhere(tmp_path, variable):
    env = {name: value for name, value in environment(tmp_path).items() if name not in ("HOME", "SENDOFF_CONFIG")}
    status, _, stderr = run(tmp_path, BOB, env={**env, variable: str(tmp_path)})
    assert status == CONFIG
    assert "there is no configuration" in stderr
    assert "/etc/sendoff.conf" in stderr


def test_no_home(server, place):
    env = environment(place)
    del env["HOME"]
    assert run(place, BOB, env=env) == (0, "", "")


def test_empty_environment(place):
    """Only what the dynamic linker may need: no HOME, no PATH."""
    status, stdout, stderr = run(place, "-C", str(place / "config"), BOB, name="sendoff", env={})
    assert (status, stdout, stderr) == (0, "", "")


def without_queue(server, place):
    """Writes the configuration anew."""
    server.queue = "none"
    write_private(place / "config", server.config)


LARGE = b"Subject: large\n\n" + b"a line of the message\n" * 300000


@pytest.mark.parametrize("folder", ["missing", "config", "/proc"])
def test_no_place_for_a_large_message(server, place, folder):
    """Without a queue it waits for its end in TMPDIR."""
    without_queue(server, place)
    status, _, stderr = run(place, BOB, input_bytes=LARGE, env=environment(place, TMPDIR=str(place / folder)))
    assert status == CANTCREAT
    assert f"cannot make a file for the message in {place / folder}" in stderr
    assert server.connections == 0


@needs_root
@pytest.mark.parametrize("has_queue, room_elsewhere", [(True, False), (True, True), (False, False)])
def test_full_file_system(server, place, has_queue, room_elsewhere):
    """A message that cannot be stored to its end is not sent; it may be in the queue's folder, or in TMPDIR."""
    mount = ("sh", "-c", 'mount -t tmpfs -o mode=700,size=256k none "$1" && shift && exec "$@"', "sh")
    small = place / "queue" if has_queue else place / "small"
    small.mkdir(mode=0o700)
    if not has_queue:
        without_queue(server, place)
    env = environment(place, TMPDIR=str(place if room_elsewhere else small))
    status, _, stderr = run(place, BOB, input_bytes=LARGE, wrapper=("unshare", "--mount", *mount, str(small)), env=env)
    if room_elsewhere:
        assert (status, stderr, server.connections) == (0, "", 1)
        return
    assert status == CANTCREAT
    assert "cannot store the message" in stderr
    assert "No space left on device" in stderr
    assert server.connections == 0


def test_file_size_limit(server, place):
    """RLIMIT_FSIZE comes with a signal."""

    def limit():
        resource.setrlimit(resource.RLIMIT_FSIZE, (100000, 100000))

    status, _, stderr = run(place, BOB, input_bytes=LARGE, preexec_fn=limit)
    assert status in (CANTCREAT, TEMPFAIL)
    assert "File too large" in stderr
    assert server.connections == 0


def test_size_limit_ends_the_reading(server, place):
    """What is too large does not fill the disk before it is refused."""
    write_private(place / "config", f"{server.config}size_limit 1M\n")
    process = start(place, BOB)
    process.stdin.write(MESSAGE)
    with pytest.raises(BrokenPipeError):
        for _ in range(100):
            process.stdin.write(b"a line of the message\n" * 10000)
    with contextlib.suppress(BrokenPipeError):
        process.stdin.close()
    process.stdin = None
    status, _, stderr = finish(process)
    assert status == DATAERR
    assert "1048576" in stderr
    assert server.connections == 0


# What goes out


@pytest.mark.parametrize("own", ["", "from alice@example.org\n"], ids=["no own address", "own address"])
@pytest.mark.parametrize("args", [[], ["-f", ""], ["-f", "carl@example.com"]])
def test_from_is_never_missing(server, place, own, args):
    """RFC 5322 section 3.6."""
    write_private(place / "config", server.config.replace("from alice@example.org\n", own))
    assert run(place, *args, BOB) == (0, "", "")
    found = re.findall(rb"^From: .*<(\S+@\S+)>\r$", server.contents[0], re.MULTILINE)
    assert len(found) == 1, server.contents[0]


@pytest.mark.parametrize(
    "args, sender",
    [
        ([], "alice@example.org"),
        (["-f", ""], ""),
        (["-f", "<>"], ""),
        (["-f<>"], ""),
        (["-f", " "], ""),
        (["-f", "MAILER-DAEMON <>"], ""),
        (["-r", "carl@example.com"], "carl@example.com"),
        (["-fcarl@example.com"], "carl@example.com"),
        (["-f", "<carl@example.com>"], "carl@example.com"),
        (["-f", "Carl <carl@example.com>"], "carl@example.com"),
        (["-f", "carl@example.com (Carl)"], "carl@example.com"),
        (["-f", "first@example.com", "-f", "carl@example.com"], "carl@example.com"),
        (["-f", "carl@example.com", "-f", ""], ""),
        (["-f", "root"], "alice@example.org"),
        (["-f", '"a@b"@example.com'], '"a@b"@example.com'),
        (["-f", '"carl"@example.com'], "carl@example.com"),
        (["-f", "-carl@example.com"], "-carl@example.com"),
    ],
)
def test_sender(server, place, args, sender):
    assert run(place, *args, BOB) == (0, "", "")
    assert server.commands[1].split(" SIZE")[0] == f"MAIL FROM:<{sender}>"


@pytest.mark.parametrize(
    "args, recipients",
    [
        (["bob@example.net,eve@example.net"], [BOB, "eve@example.net"]),
        (["bob@example.net, eve@example.net,"], [BOB, "eve@example.net"]),
        (["Bob <bob@example.net>"], [BOB]),
        (["bob@example.net (Bob, the first)"], [BOB]),
        ([BOB, "bob@EXAMPLE.NET", BOB], [BOB]),
        ([BOB, "Bob@example.net"], [BOB, "Bob@example.net"]),
        (["", BOB], [BOB]),
        (["root", "daemon"], ["admin@example.org"]),
        (["friends: bob@example.net, eve@example.net;"], [BOB, "eve@example.net"]),
        (["--", "-X@example.net"], ["-X@example.net"]),
        (["|sh"], ["admin@example.org"]),
        (["/etc/passwd"], ["admin@example.org"]),
        (["${run{/bin/sh}}@example.net"], ["${run{/bin/sh}}@example.net"]),
    ],
)
def test_recipients(server, place, args, recipients):
    assert run(place, *args) == (0, "", "")
    assert server.recipients == recipients


def test_ten_thousand_recipients(server, place):
    recipients = [f"user{number}@example.net" for number in range(10000)]
    assert run(place, "-i", *recipients) == (0, "", "")
    assert server.recipients == recipients
    assert len(server.contents) == 1


HUGE = "x" * 100000


@pytest.mark.parametrize(
    "args, statuses",
    [
        ([HUGE], {DATAERR}),
        ([f"{HUGE}@example.net"], {DATAERR}),
        ([f"bob@{HUGE}"], {DATAERR}),
        (["-f", HUGE, BOB], {DATAERR}),
        (["-V", HUGE, BOB], {USAGE}),
        (["-N", HUGE, BOB], {USAGE}),
        (["-a", HUGE, BOB], {CONFIG}),
        ([f"--{HUGE}"], {USAGE}),
        ([f"-Z{HUGE}"], {USAGE}),
        ([f"-b{HUGE}"], {USAGE}),
        (["--", f"-{HUGE}"], {DATAERR}),
        ([BOB, f"-{HUGE}"], {USAGE}),
        ([f"-{'t' * 100000}"], {USAGE}),
        ([f"-{'i' * 100000}", BOB], {0}),
        ([f"-O{HUGE}", BOB], {0}),
        (["-O", HUGE, BOB], {0}),
        ([f"-F{HUGE}", BOB], {0, DATAERR}),
        ([f"{'(' * 100000}{BOB}"], {DATAERR}),
        ([f"bob@example.net ({HUGE})"], {0}),
        ([f"{'Bob ' * 25000} <{BOB}>"], {0}),
        ([f"{',' * 100000}{BOB}"], {0}),
    ],
)
def test_huge_arguments(server, place, args, statuses):
    status, stdout, stderr = run(place, *args)
    assert status in statuses
    assert stdout == ""
    assert len(stderr) < 20000
    assert server.connections == (1 if status == 0 else 0)
    assert server.recipients == ([BOB] if status == 0 else [])


# What no argument can make it do


@pytest.mark.parametrize(
    "template",
    [
        "-X{file}",
        "-X {file}",
        "-C{file}",
        "-C {file}",
        "-D{file}",
        "-D {file}",
        "--config {file}",
        "--config={file}",
        "-oQ{file}",
        "-oQ {file}",
        "-OQueueDirectory={file}",
        "-O QueueDirectory={file}",
        "-OAliasFile={file}",
        "-OControlSocketName={file}",
        "-oA{file}",
        "-o A{file}",
        "-A{file}",
        "-be ${{run{{{file}}}}}",
        "-be${{run{{{file}}}}}",
        "-bem {file}",
        "-bi -oA{file}",
        "-d{file}",
        "-E{file}",
        "-J{file}",
        "-L {file}",
        "-M{file}",
        "-p{file}",
        "-Q{file}",
        "-qI{file}",
        "-T{file}",
        "-S{file}",
        "-H{file}",
        "-P {file}",
        "--host={file}",
        "--file={file}",
        "--logfile={file}",
        "--passwordeval={file}",
        "--read-envelope-from",
        "-a {file}",
        "-F {file}",
        "-F |{file}",
        "-f |{file}",
        "-V {file}",
        "-- {file}",
        "-- |{file}",
        '-- "|{file}"',
        "-- :include:{file}",
    ],
)
@pytest.mark.parametrize("exists", [True, False], ids=["existing", "new"])
def test_no_argument_names_a_file(place, template, exists):
    target = place / "target"
    (place / "queue").mkdir(mode=0o700)
    target.write_text(f"#!/bin/sh\ntouch {place}/was-run\n") if exists else None
    target.chmod(0o755) if exists else None
    before = sorted(os.listdir(place))
    args = [word.format(file=target) for word in template.split(" ")]
    _, touched = traced(place, "-t", *args, BOB)
    assert sorted(os.listdir(place)) == before
    assert [call for call in touched if str(target) in call] == []
    assert [call for call in touched if "execve" in call] == []


def traced(place, *args):
    """Runs the program under strace, where there is one.  Returns its exit status, and the calls that name files."""
    log = place.parent / f"{place.name}.strace"
    wrapper = ("strace", "-f", "-s", "1000", "-e", "trace=%file", "-o", str(log)) if shutil.which("strace") else ()
    # The leak check cannot work under strace.
    env = environment(place, ASAN_OPTIONS="detect_leaks=0", TMPDIR=str(place.parent))
    status, _, _ = run(place, *args, wrapper=wrapper, env=env, input_bytes=b"To: bob@example.net\n\nhello\n")
    calls = log.read_text().splitlines() if wrapper else []
    assert not wrapper or "execve" in calls[0]
    return status, calls[1:]


def test_strace_would_see_it(place):
    """The test of the tests above: what is opened is seen."""
    if shutil.which("strace") is None:
        pytest.skip("no strace")
    status, touched = traced(place, BOB)
    assert status == 0
    assert [call for call in touched if str(place / "config") in call]


# Secrets


def login_config(postfix, certs, password, **settings):
    """A configuration that logs in to Postfix."""
    lines = "".join(f"{key} {value}\n" for key, value in settings.items())
    server = f"server smtps://localhost:{postfix.tls_port}\ntls_trust_file {certs.ca}\n"
    return f"queue_dir none\naccount default\n{server}user {USER}\n{password}\nfrom {USER}\n{lines}"


def without_secrets(text):
    """Fails where a text gives the password away, as it is or encoded."""
    encoded = base64.b64encode(PASSWORD.encode()).decode()
    forms = [PASSWORD, PASSWORD.encode().hex(), encoded, encoded.rstrip("=")]
    for before in (b"", b"\0", b"\0" + USER.encode() + b"\0", USER.encode() + b"\0" + USER.encode() + b"\0"):
        forms.append(base64.b64encode(before + PASSWORD.encode()).decode().rstrip("="))
    for form in forms:
        assert form not in text
    for word in re.findall(r"[A-Za-z0-9+/]{8,}={0,2}", text):
        with contextlib.suppress(ValueError):
            decoded = base64.b64decode(word, validate=True)
            assert PASSWORD.encode() not in decoded
            assert not re.search(rb"(?:^|,)p=", decoded), "a SCRAM proof, by which the password can be searched for"


@pytest.mark.parametrize("mechanism", ["PLAIN", "LOGIN", "SCRAM-SHA-1", "SCRAM-SHA-256"])
@pytest.mark.parametrize("right", [True, False], ids=["right", "wrong"])
def test_transcript_has_no_secrets(postfix, certs, mechanism, right):
    user = "" if right else "user nobody@example.org\n"
    config = login_config(postfix, certs, f'password "{PASSWORD}"', auth=mechanism) + user
    result = run_sendmail(["-v", BOB], MESSAGE, config.replace(f"user {USER}\n", "") if user else config)
    assert result.status == (0 if right else 77), str(result)
    assert f"C: AUTH {mechanism}" in result.stderr
    assert "S: 220 " in result.stderr
    assert "S: 250" in result.stderr
    assert len(re.findall(r"^C: MAIL FROM:", result.stderr, re.MULTILINE)) == (1 if right else 0)
    without_secrets(result.stderr)
    postfix.arrived()


def test_password_command(postfix, certs, tmp_path):
    """Its environment and arguments, and ours, tell nothing; an ignored SIGCHLD does not matter."""
    secret, seen, command = tmp_path / "secret", tmp_path / "seen", tmp_path / "command"
    write_private(secret, PASSWORD)
    # Its parents: the guard of the command, the worker, and the process that was called, whose arguments are there yet.
    command.write_text(f"""exec 3> {seen}
        cat /proc/self/environ /proc/$$/cmdline >&3
        parent=$PPID
        for i in 1 2 3; do
            cat /proc/$parent/cmdline >&3
            parent=$(sed 's/.*) . //; s/ .*//' /proc/$parent/stat)
        done
        cat {secret}
    """)
    write_private(tmp_path / "config", login_config(postfix, certs, f"password_command exec sh {command}"))
    for ignored in (signal.SIGCHLD, signal.SIGPIPE):
        seen.unlink(missing_ok=True)
        result = run(tmp_path, BOB, preexec_fn=lambda number=ignored: signal.signal(number, signal.SIG_IGN))
        assert result == (0, "", "")
        assert b"sendoff: sends over default" in seen.read_bytes()
        assert b"bob@example.net" in seen.read_bytes()
        assert PASSWORD.encode() not in seen.read_bytes()
        assert len(postfix.arrived()) == 1


@pytest.mark.parametrize("closed", ["0<&-", "1>&-", "2>&-", "1>&- 2>&-", "0<&- 1>&- 2>&-"])
def test_password_command_and_closed_descriptors(postfix, certs, tmp_path, closed):
    """The command's own standard error is usable, and its output is the password whatever is closed."""
    write_private(tmp_path / "secret", PASSWORD)
    command = f"echo noise >&2; cat {tmp_path}/secret; cat"
    write_private(tmp_path / "config", login_config(postfix, certs, f"password_command {command}"))
    status, _, stderr = run(tmp_path, BOB, wrapper=in_shell(closed))
    messages = postfix.arrived()
    if "0<&-" in closed:
        assert status in (IOERR, NOINPUT)
        assert messages == []
        return
    assert (status, stderr) == (0, "" if "2>&-" in closed else "noise\n")
    assert len(messages) == 1


def test_process_shows_no_password(postfix, certs, tmp_path):
    """While it waits for the server, nothing of a literal password is in what others can look at."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        text = login_config(postfix, certs, f'password "{PASSWORD}"')
        port = listener.getsockname()[1]
        write_private(tmp_path / "config", text.replace(f":{postfix.tls_port}", f":{port}"))
        process = start(tmp_path, BOB)
        process.stdin.write(MESSAGE)
        process.stdin.close()
        process.stdin = None
        connection, _ = listener.accept()
        try:
            for name in ("cmdline", "environ"):
                assert PASSWORD.encode() not in Path(f"/proc/{process.pid}/{name}").read_bytes()
        finally:
            connection.close()
            process.communicate(timeout=TIMEOUT_S)


# Memory


@kinds.memory
@pytest.mark.parametrize("chunking", [True, False], ids=["BDAT", "DATA"])
def test_memory_does_not_grow(tmp_path, chunking):
    with Server(chunking=chunking, keep_content=False) as server:
        write_private(tmp_path / "config", server.config)
        small = peak_memory_kb(tmp_path, 1 << 20)
        large = peak_memory_kb(tmp_path, 300 << 20)
    assert len(server.sizes) == 2
    assert server.sizes[1] > 300 << 20
    print(f"peak: {small} kB for 1 MB, {large} kB for 300 MB")
    assert large <= RSS_MAX_KB
    assert abs(large - small) <= RSS_GROWTH_MAX_KB


def peak_memory_kb(place, size):
    """The peak of the program's memory while it sends a message of that size.

    What a process has before it becomes another program counts as that program's.  So it is a shell that forks it, and
    this process is only made the parent in the end.
    """
    line = b".a line with a dot in front of it, as long as lines mostly are in messages\n"
    with open(place / "input", "wb") as file:
        file.write(b"Subject: large\n\n")
        for _ in range(size // (1000 * len(line)) + 1):
            file.write(line * 1000)
    libc = ctypes.CDLL(None)
    pr_set_child_subreaper = 36
    assert libc.prctl(pr_set_child_subreaper, 1, 0, 0, 0) == 0
    try:
        script = '"$@" < input > output 2>&1 & echo $!'
        command = ["sh", "-c", script, "sh", str(binary()), BOB]
        env = environment(place, TMPDIR=str(place))
        pid = int(subprocess.run(command, cwd=place, env=env, stdout=subprocess.PIPE, check=True).stdout)
        _, status, usage = os.wait4(pid, 0)
    finally:
        libc.prctl(pr_set_child_subreaper, 0, 0, 0, 0)
        (place / "input").unlink()
    assert (status, (place / "output").read_bytes()) == (0, b"")
    return usage.ru_maxrss


# Logs


def fields(line):
    """The key=value pairs of a line."""
    words = shlex.split(line)
    assert all(re.match(r"[a-z_]+=", word) for word in words), line
    pairs = [word.split("=", 1) for word in words]
    assert len(dict(pairs)) == len(pairs), line
    return dict(pairs)


# A /dev of its own, with what the program needs and our socket as /dev/log.
OWN_DEV = """\
mount --make-rprivate / &&
mount -t tmpfs none "$1" && touch "$1/null" "$1/urandom" "$1/random" &&
mount --bind /dev/null "$1/null" && mount --bind /dev/urandom "$1/urandom" && mount --bind /dev/random "$1/random" &&
ln -s "$2" "$1/log" && mount --rbind "$1" /dev && shift 2 && exec "$@"
"""


@pytest.fixture
def syslog(tmp_path):
    """A private /dev/log: a wrapper for the program, and a function that returns what was logged."""
    path = tmp_path / "log.socket"
    folder = tmp_path / "dev"
    folder.mkdir()
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as log:
        log.bind(str(path))
        log.setblocking(False)
        wrapper = ("unshare", "--mount", "sh", "-c", OWN_DEV, "sh", str(folder), str(path))
        yield wrapper, lambda: received(log)


def received(log):
    """The datagrams that wait."""
    lines = []
    with contextlib.suppress(BlockingIOError):
        while True:
            lines.append(log.recv(1 << 16).decode())
    return lines


@needs_root
@pytest.mark.parametrize(
    "args, message, priority, expected",
    [
        ([BOB], MESSAGE, 6, {"result": "sent", "exit": None, "to": BOB, "recipients": "1", "from": "alice@example.org"}),
        (["-t", BOB], b"To: root, eve@example.net\n\nx\n", 6, {"result": "sent", "recipients": "3"}),
        (["-f", "", BOB], MESSAGE, 6, {"result": "sent", "from": ""}),
        (["unknown@example.net"], MESSAGE, 3, {"result": "failed", "exit": "67", "code": "550"}),
        ([BOB, "unknown@example.net"], MESSAGE, 3, {"result": "partly", "exit": None, "recipients": "2"}),
        (["-odq", BOB], MESSAGE, 6, {"result": "queued", "exit": None, "to": BOB, "recipients": "1"}),
        (["-t"], b"Subject: x\n\nx\n", 3, {"result": "failed", "exit": "64", "error": "no-recipient"}),
        ([BOB], b"", 3, {"result": "failed", "exit": "66", "error": "no-input"}),
        (["-Z"], b"", 3, {"result": "failed", "exit": "64", "error": "usage"}),
        (["-a", 'x" result="sent', "-bv", BOB], b"", 3, {"result": "failed", "exit": "78"}),
        ([BOB], b"Message-ID: <x y=\"z\" result=sent@example.org>\n\nx\n", 6, {"result": "sent"}),
        ([BOB], b"Message-ID: <a\\\" exit=\"1>\n\nx\n", 6, {"result": "sent", "exit": None}),
    ],
)
def test_syslog(server, place, syslog, args, message, priority, expected):
    wrapper, logged = syslog
    run(place, *args, wrapper=wrapper, input_bytes=message)
    lines = logged()
    assert len(lines) == 1, lines
    match = re.fullmatch(r"<(\d+)>[A-Z][a-z]{2} [ \d]\d [\d:]{8} sendoff\[\d+\]: ([ -~]*)", lines[0])
    assert match, lines[0]
    assert int(match[1]) == (2 << 3) + priority
    found = fields(match[2])
    assert {key: found.get(key) for key in expected} == expected


@needs_root
def test_syslog_that_takes_nothing(place, syslog):
    """A daemon that has stopped misses some lines, and holds up no mail."""
    wrapper, logged = syslog
    full = int(Path("/proc/sys/net/unix/max_dgram_qlen").read_text(encoding="ascii")) + 1
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as other:
        other.setblocking(False)
        with contextlib.suppress(BlockingIOError):
            for _ in range(full):
                other.sendto(b"full", str(place / "log.socket"))
    assert run(place, BOB, wrapper=wrapper) == (0, "", "")
    assert set(logged()) == {"full"}
    assert run(place, BOB, wrapper=wrapper) == (0, "", "")
    assert len(logged()) == 1


@needs_root
def test_syslog_stream(place, tmp_path):
    """Some daemons want a stream."""
    path, folder = tmp_path / "stream", tmp_path / "dev"
    folder.mkdir()
    with socket.socket(socket.AF_UNIX) as log:
        log.bind(str(path))
        log.listen()
        assert run(place, BOB, wrapper=("unshare", "--mount", "sh", "-c", OWN_DEV, "sh", str(folder), str(path))) == (0, "", "")
        with log.accept()[0] as client:
            lines = client.recv(1 << 16)
    assert re.match(rb"<22>.* sendoff\[\d+\]: .*result=sent.*\0$", lines), lines


@needs_root
def test_syslog_of_a_message_that_is_saved(place, syslog):
    wrapper, logged = syslog
    run(place, "-a", "nosuch", BOB, wrapper=(*own_home(place), *wrapper))
    failed, saved = (fields(re.sub(r"^.*?: ", "", line)) for line in logged())
    assert (failed["result"], failed["exit"], failed["error"]) == ("failed", "78", "configuration")
    assert saved == {"result": "saved", "text": "the message is saved in /root/dead.letter"}


def test_log_line_of_a_long_reply(server, place):
    """However much a server says, the line is whole, and tells whom it is about."""
    server.refusal = "".join(f'550-5.1.1 {"y" * 400}"\\\r\n' for _ in range(20)) + "550 5.1.1 the end"
    write_private(place / "config", f"{server.config}log_file {place}/log\nsyslog off\n")
    message = b"Message-ID: <" + b"z" * 900 + b"@example.org>\n\nhello\n"
    assert run(place, *[f"unknown{number}@example.net" for number in range(30)], input_bytes=message)[0] == 67
    found = fields((place / "log").read_text().partition(" ")[2])
    assert found["result"] == "failed"
    assert found["recipients"] == "30"
    assert found["to"].startswith("unknown0@example.net,unknown1@example.net")


def test_log_file(server, place):
    log = place / "log"
    write_private(place / "config", f"{server.config}log_file {log}\nsyslog off\n")
    assert run(place, BOB) == (0, "", "")
    assert run(place, "unknown@example.net")[0] == 67
    lines = log.read_text().splitlines()
    assert len(lines) == 2
    assert log.stat().st_mode & 0o777 == 0o600
    for line, result in zip(lines, ("sent", "failed")):
        stamp, _, rest = line.partition(" ")
        assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d[+-]\d{4}", stamp)
        assert fields(rest)["result"] == result


def test_log_file_that_cannot_be_written(server, place):
    """The message is sent all the same, and only once."""
    write_private(place / "config", f"{server.config}log_file {place}/missing/log\n")
    status, stdout, _ = run(place, BOB)
    assert (status, stdout) == (0, "")
    assert len(server.contents) == 1
