# SPDX-License-Identifier: ISC
"""What real programs execute when they send mail, and what must come of it.

The first half replays what callers/*.toml tell (their form: callers/README); the second half runs some of those
programs themselves, from Debian's packages, with sendmail as they find it.
"""

import os
import re
import shutil
import signal
import subprocess
import tomllib
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from servers import unpack
from servers.client import binary
from servers.place import Place

TABLES = Path(__file__).resolve().parent / "callers"
TIMEOUT_S = 60

ME = "alice@example.org"
ADMIN = "admin@example.org"
BOB = "bob@example.net"

# Parameters that say how the message travels, not what the caller wants.
TRANSPORT_PARAMS = ("SIZE", "BODY")


@dataclass(frozen=True)
class Caller:
    """One entry; callers/README tells what each field means."""

    name: str
    argv: list
    stdin: str
    input: str = "pipe"
    outputs: str = "pipes"
    cwd: str = None
    env: dict = field(default_factory=lambda: {"PATH": "/usr/bin:/bin", "HOME": "/nonexistent"})
    sender: str = ME
    params: dict = field(default_factory=dict)
    to: list = None
    notify: str = None
    fields: list = field(default_factory=list)
    absent: list = field(default_factory=list)
    body: str = None
    queued: bool = False
    prints: str = ""
    stays: bool = False
    exit: int = 0
    says: str = ""
    told: bool = False
    not_yet: str = ""

    def expected_body(self):
        """The body, with CRLF."""
        body = self.body
        if body is None:
            body = re.split(r"\r?\n\r?\n", self.stdin, maxsplit=1)[1]
        return re.sub(r"\r?\n", "\r\n", body).encode()


def callers():
    """All entries of all tables."""
    for path in sorted(TABLES.glob("*.toml")):
        with open(path, "rb") as file:
            entries = tomllib.load(file)["caller"]
        for entry in entries:
            caller = Caller(**entry)
            assert not caller.not_yet or caller.exit == 69, caller.name
            assert (caller.to is None) == (caller.exit != 0), caller.name
            assert not (caller.queued and caller.stays), caller.name
            yield pytest.param(caller, id=caller.name)


@pytest.fixture
def config(postfix, tmp_path):
    """A configuration file: everything goes to Postfix.  What runs behind a caller's back ends before the test."""
    server = f"server smtp://localhost:{postfix.plain_port}\ntls none\n"
    with Place(tmp_path, f"{server}from {ME}\nlocal_to {ADMIN}\n") as place:
        yield tmp_path / "config"
        place.settle()


@pytest.mark.parametrize("caller", callers())
def test_caller(postfix, config, tmp_path, caller):
    place = Place(tmp_path, None)
    status, stdout, stderr = execute(caller, config, tmp_path)
    said = f"exit {status}\n{stdout}{stderr}"
    assert status == caller.exit, said
    assert stdout == caller.prints
    if caller.exit:
        assert caller.says in stderr
        place.settle()
        told = [(message.sender, list(message.recipients)) for message in postfix.arrived()]
        assert told == [("", [caller.sender])] * caller.told
        return
    assert stderr == ""
    check_queue(caller, place)
    messages = postfix.arrived()
    assert len(messages) == (1 if caller.to else 0)
    for message in messages:
        check_envelope(caller, message)
        check_content(caller, message.as_sent())


def check_queue(caller, place):
    """What waits and what runs is what the caller expects; in the end neither is left."""
    if caller.queued:
        assert len(place.waiting()) == 1
        assert place.processes() == []
        assert place.run("-qf").is_silent
    if caller.stays:
        (pid,) = place.processes()
        os.kill(pid, signal.SIGTERM)
    place.settle()
    assert place.waiting() == []


def execute(caller, config, folder):
    """Runs sendmail as the caller does.  Returns its exit status, standard output and error."""
    outputs = subprocess.DEVNULL if caller.outputs == "null" else subprocess.PIPE
    arguments = {
        "executable": binary(),
        "env": {**caller.env, **sanitizer_options(), "SENDOFF_CONFIG": str(config)},
        "cwd": caller.cwd,
        "stdout": outputs,
        "stderr": outputs,
    }
    if caller.input == "file":
        (folder / "input").write_bytes(caller.stdin.encode())
        with open(folder / "input", "rb") as file:
            done = subprocess.run(caller.argv, stdin=file, timeout=TIMEOUT_S, check=False, **arguments)
    else:
        done = subprocess.run(caller.argv, input=caller.stdin.encode(), timeout=TIMEOUT_S, check=False, **arguments)
    return done.returncode, (done.stdout or b"").decode(), (done.stderr or b"").decode()


def sanitizer_options():
    """What a build with sanitizers needs, for callers that clear the environment."""
    return {name: value for name, value in os.environ.items() if name.endswith("SAN_OPTIONS")}


def check_envelope(caller, message):
    params = {name: value for name, value in message.sender_params.items() if name not in TRANSPORT_PARAMS}
    notify = {params.get("NOTIFY") for params in message.recipients.values()}
    assert message.sender == caller.sender
    assert params == caller.params
    assert sorted(message.recipients) == sorted(caller.to)
    assert notify == {caller.notify}


def check_content(caller, content):
    header, _, body = content.partition(b"\r\n\r\n")
    fields = re.split(r"\n(?![ \t])", header.decode().replace("\r\n", "\n"))
    names = [name.partition(":")[0].rstrip().lower() for name in fields]
    for line in caller.fields:
        assert fields.count(line) == 1, header.decode()
    for name in ("from", "date", "message-id"):
        assert names.count(name) == 1, header.decode()
    for name in [*caller.absent, "bcc", "resent-bcc"]:
        assert name.lower() not in names, header.decode()
    assert body == caller.expected_body()


# The programs themselves


@pytest.fixture
def sendmail(config, tmp_path):
    """The path of a sendmail that knows its configuration, whatever environment it is called in."""
    script = tmp_path / "sendmail"
    script.write_text(f'#!/bin/sh\nSENDOFF_CONFIG={config} exec {binary()} "$@"\n')
    script.chmod(0o755)
    return script


@pytest.fixture
def program(tmp_path):
    """Runs a program of an unpacked package: program("mutt", "usr/bin/mutt", arguments…, stdin=…)."""
    home = tmp_path / "home"
    home.mkdir()

    def run(package, path, *args, stdin="", interpreter=(), **env):
        root = unpack.ensure(package)
        done = subprocess.run(
            [*interpreter, str(root / path), *map(str, args)],
            input=stdin.encode(),
            env={
                "PATH": "/usr/bin:/bin",
                "HOME": str(home),
                "LC_ALL": "C.UTF-8",
                "LD_LIBRARY_PATH": unpack.library_path(root),
                **sanitizer_options(),
                **{name: str(value) for name, value in env.items()},
            },
            cwd=home,
            capture_output=True,
            timeout=TIMEOUT_S,
            check=False,
        )
        return done.returncode, (done.stdout + done.stderr).decode(errors="replace")

    run.home = home
    return run


def the_only(postfix):
    """The one message that arrived: it, its header and its body, with LF."""
    messages = postfix.arrived()
    assert len(messages) == 1
    header, _, body = messages[0].as_sent().replace(b"\r\n", b"\n").decode().partition("\n\n")
    return messages[0], header, body


def test_bsd_mailx(postfix, sendmail, program):
    (program.home / ".mailrc").write_text(f"set sendmail={sendmail}\n")
    args = ("-s", "hello", "-c", "carol@example.net", "-b", "dave@example.net", "-r", "alice@example.com", BOB)
    status, output = program("bsd-mailx", "usr/bin/bsd-mailx", *args, stdin="one\n.two\n")
    assert (status, output) == (0, "")
    message, header, body = the_only(postfix)
    assert message.sender == "alice@example.com"
    assert set(message.recipients) == {BOB, "carol@example.net", "dave@example.net"}
    assert "Subject: hello" in header and "dave" not in header
    assert body.startswith("one\n.two\n")


def test_bsd_mailx_learns_that_it_failed(postfix, sendmail, program):
    (program.home / ".mailrc").write_text(f"set sendmail={sendmail}\nset sendwait\n")
    status, output = program("bsd-mailx", "usr/bin/bsd-mailx", "-s", "hello", "unknown@example.net", stdin="one\n")
    assert status != 0
    assert "no such user here" in output
    assert "error code 67" in output
    assert postfix.arrived() == []


def test_s_nail(postfix, sendmail, program):
    settings = ("-S", f"mta={sendmail}", "-S", "v15-compat=yes", "-S", "sendwait", "-S", "from=alice@example.com")
    args = ("-n", *settings, "-s", "grüße", "-r", "alice@example.com", BOB)
    status, output = program("s-nail", "usr/bin/s-nail", *args, stdin="größer\n.\nend\n", MAILRC="/dev/null")
    assert (status, output) == (0, "")
    message, header, _ = the_only(postfix)
    assert message.sender == "alice@example.com"
    assert list(message.recipients) == [BOB]
    assert "Subject: =?utf-8?" in header.replace("UTF-8", "utf-8")


def test_mutt(postfix, sendmail, program):
    settings = f"set sendmail='{sendmail} -oem -oi' copy=no send_charset=utf-8 use_8bitmime=yes"
    sender = "set from=alice@example.com realname=Alice use_envelope_from=yes"
    dsn = "set dsn_notify='failure,delay' dsn_return=hdrs"
    args = ("-n", "-F", "/dev/null", "-e", settings, "-e", sender, "-e", dsn, "-s", "hello", "-b", "dave@example.net", "-x", BOB)
    status, output = program("mutt", "usr/bin/mutt", *args, stdin="größer\n.\nend\n")
    assert (status, output) == (0, "")
    message, header, body = the_only(postfix)
    assert message.sender == "alice@example.com"
    assert message.sender_params["RET"] == "HDRS"
    assert {params["NOTIFY"] for params in message.recipients.values()} == {"FAILURE,DELAY"}
    assert set(message.recipients) == {BOB, "dave@example.net"}
    assert "dave" not in header
    assert body == "größer\n.\nend\n"


def test_mutt_names_the_exit_status(postfix, sendmail, program, tmp_path):
    settings = ("-n", "-F", "/dev/null", "-e", f"set sendmail='{sendmail} -oem -oi' copy=no sendmail_wait=0")
    status, output = program("mutt", "usr/bin/mutt", *settings, "-s", "hello", "-x", "unknown@example.net", stdin="x\n")
    assert status != 0
    assert "User unknown" in output
    # Mutt asks for mail about it, too (-oem).
    Place(tmp_path, None).settle()
    (notice,) = postfix.arrived()
    assert (notice.sender, list(notice.recipients)) == ("", [ME])


def test_php_mail(postfix, sendmail, program):
    code = (
        "var_dump(mail('Bob <bob@example.net>', 'grüße', \"one\\n.\\ntwo\","
        " ['From' => 'shop@example.org', 'Bcc' => 'dave@example.net'], '-fbounce@example.org'));"
    )
    status, output = program("php", "usr/bin/php8.2", "-n", "-d", f"sendmail_path={sendmail} -t -i", "-r", code)
    assert (status, output) == (0, "bool(true)\n")
    message, header, body = the_only(postfix)
    assert message.sender == "bounce@example.org"
    assert set(message.recipients) == {BOB, "dave@example.net"}
    assert "From: shop@example.org" in header and "dave" not in header
    assert body == "one\n.\ntwo\n"


def test_php_mail_cannot_be_made_to_write_a_file(postfix, sendmail, program):
    target = program.home / "x.php"
    code = f"var_dump(mail('bob@example.net', '<?php evil', 'x', '', '-fw@example.org -X{target}'));"
    status, output = program("php", "usr/bin/php8.2", "-n", "-d", f"sendmail_path={sendmail} -t -i", "-r", code)
    assert status == 0
    assert "bool(false)\n" in output
    assert "-X are refused" in output
    assert not target.exists()
    assert postfix.arrived() == []


def test_perl_mime_lite(postfix, sendmail, program):
    script = program.home / "script.pl"
    script.write_text(
        "use MIME::Lite;\n"
        "my $m = MIME::Lite->new(From => 'shop@example.org', To => 'bob@example.net', Cc => 'carol@example.net',\n"
        "    Bcc => 'dave@example.net', Subject => 'hello', Data => \"one\\n.\\ntwo\\n\");\n"
        f"$m->send_by_sendmail(Sendmail => '{sendmail}', SetSender => 1) or die 'not sent';\n"
    )
    root = unpack.ensure("mime-lite")
    perl = ("perl", f"-I{root}/usr/share/perl5")
    status, output = program("mime-lite", script, interpreter=perl)
    assert (status, output) == (0, "")
    message, header, body = the_only(postfix)
    assert message.sender == "shop@example.org"
    assert set(message.recipients) == {BOB, "carol@example.net", "dave@example.net"}
    assert "dave" not in header
    assert body == "one\n.\ntwo\n"


@pytest.mark.skipif(shutil.which("git") is None, reason="there is no git")
def test_git_send_email(postfix, sendmail, program):
    patch = program.home / "0001-a-fix.patch"
    patch.write_text(
        "From 0123456789012345678901234567890123456789 Mon Sep 17 00:00:00 2001\n"
        "From: Jörg <joerg@example.com>\nDate: Thu, 1 Jan 2026 12:00:00 +0000\nSubject: [PATCH] a fix\n\n"
        "Größer\n---\n a | 1 +\n\n-- \n2.39.5\n"
    )
    root = unpack.ensure("git-email")
    args = (
        f"--smtp-server={sendmail}", "--from=Alice <alice@example.com>", f"--to={BOB}", "--cc=carol@example.net",
        "--envelope-sender=bounce@example.org", "--confirm=never", "--suppress-cc=all", "--8bit-encoding=UTF-8",
        "--quiet", patch,
    )
    status, output = program(
        "git-email", "usr/lib/git-core/git-send-email", *args,
        interpreter=("perl", "-I/usr/share/perl5", f"-I{root}/usr/share/perl5"),
        PATH="/usr/lib/git-core:/usr/bin:/bin", EMAIL="alice@example.com",
        GIT_CONFIG_NOSYSTEM="1", GIT_CEILING_DIRECTORIES=program.home.parent,
    )
    assert status == 0, output
    message, header, body = the_only(postfix)
    assert message.sender == "bounce@example.org"
    assert set(message.recipients) == {BOB, "carol@example.net"}
    assert "Subject: [PATCH] a fix" in header
    assert body.startswith("From: Jörg <joerg@example.com>\n\nGrößer\n---\n")
