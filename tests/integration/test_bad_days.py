# SPDX-License-Identifier: ISC
"""A queue that cannot be used: mail goes out all the same; where it cannot, its caller learns of it, and it is kept."""

import signal
import subprocess
from dataclasses import dataclass, replace

import pytest

from servers.client import write_private
from servers.messages import large_body, wire_form
from servers.place import MESSAGE, Place, has_namespaces, own_home
from test_when import BOB, LATER, begin, host

__all__ = ["host"]  # a fixture

CANTCREAT, TEMPFAIL, PERMISSION, CONFIG = 73, 75, 77, 78

pytestmark = pytest.mark.skipif(not has_namespaces(), reason="no private mount namespace: not root")


@dataclass(frozen=True)
class Day:
    """What is wrong: what was done to the folder $queue, and what is said of it."""

    name: str
    script: str
    status: int  # where the message is only to be queued
    text: str
    wrapper: tuple = ()

    def __str__(self):
        return self.name


FULL = 'mount -t tmpfs -o mode=700,size=64k none "$queue" && { head -c 64k /dev/zero >"$queue/filling"; true; }'

DAYS = [
    Day("a file", 'echo x >"$queue"', CONFIG, "is no folder"),
    Day("another's", 'mkdir -m 700 "$queue" && chown 12345 "$queue"', PERMISSION, "belongs to"),
    Day("group-writable", 'mkdir "$queue" && chmod 770 "$queue"', CONFIG, "others can write"),
    Day(
        "another's link",
        'above=${queue%/*} && chmod 1777 "$above" && mkdir -m 700 "$above/own" && ln -s own "$queue" &&'
        ' chown -h 12345 "$queue"',
        PERMISSION,
        "which the user with the number 12345 can change",
    ),
    Day("read-only", 'mkdir -m 700 "$queue" && mount -t tmpfs -o ro,mode=700 none "$queue"', CANTCREAT, "Read-only"),
    Day("full", f'mkdir -m 700 "$queue" && {FULL}', TEMPFAIL, "No space left on device"),
    Day(
        "no inodes",
        'mkdir -m 700 "$queue" && mount -t tmpfs -o mode=700,nr_inodes=1 none "$queue"',
        TEMPFAIL,
        "No space left on device",
    ),
    Day(
        "not writable",
        'mkdir -m 500 "$queue"',
        CANTCREAT,
        "Permission denied",
        ("setpriv", "--bounding-set", "-dac_override"),
    ),
    Day(
        "not to be made",
        'above=${queue%/*} && mount --bind -o ro "$above" "$above" && mount -o remount,bind,ro "$above"',
        CANTCREAT,
        "Read-only",
    ),
]

# There is room for the beginning of a large message.
FILLING_UP = Day("filling up", 'mkdir -m 700 "$queue" && mount -t tmpfs -o mode=700,size=1m none "$queue"', TEMPFAIL, "")

# A folder stands in for /root, so that dead.letter can be looked at; the queue is looked at where it was mounted.
TRY = """\
queue=$1
mount --bind "$2" /root && eval "$3" || exit 99
shift 3
"$@"
status=$?
test ! -d "$queue" || find "$queue" -type f -not -name filling -not -path '*/run/*' >&3
exit $status
"""


@pytest.fixture
def attempt(host, tmp_path):
    """Runs sendmail on such a day: its result, and the dead.letter it leaves."""
    above = tmp_path / "above"
    home = tmp_path / "home"
    above.mkdir(mode=0o700)
    home.mkdir(mode=0o700)
    with Place(tmp_path, host.config) as place:
        place.queue = above / "queue"

        def run(day, *args, config="", message=MESSAGE):
            place.configure(f"{host.config}{config}")
            left = tmp_path / "left"
            script = ("unshare", "--mount", "sh", "-c", f"exec 3>{left}\n{TRY}", "sh")
            wrapper = (*script, str(place.queue), str(home), day.script, *day.wrapper)
            result = place.send(*args, wrapper=wrapper, input_bytes=message)
            place.settle()
            assert left.read_text() == "", f"files are left in the queue: {left.read_text()}"
            letter = home / "dead.letter"
            return result, letter.read_text() if letter.exists() else None

        yield run


@pytest.mark.parametrize("day", DAYS, ids=str)
def test_it_goes_out(host, attempt, day):
    """Nobody needs the queue where the server takes the message."""
    result, letter = attempt(day, BOB)
    assert result.status == 0 and result.is_silent, str(result)
    assert len(host.arrivals) == 1
    assert letter is None


@pytest.mark.parametrize("octets", [200 * 1024, 3 * 1024 * 1024])
@pytest.mark.parametrize("day", [*DAYS, FILLING_UP], ids=str)
def test_a_large_one_goes_out(host, attempt, day, octets):
    """What exceeds memory waits in a file near the queue; where it finds no room there, in TMPDIR."""
    message = MESSAGE + large_body(octets)
    result, letter = attempt(day, BOB, message=message)
    assert result.status == 0 and result.is_silent, str(result)
    (arrival,) = host.arrivals
    assert wire_form(arrival.content).endswith(wire_form(message).partition(b"\r\n\r\n")[2])
    assert letter is None


def test_a_large_one_finds_no_room_anywhere(host, attempt):
    """Its caller is told, before anybody has got it."""
    (day,) = (day for day in DAYS if day.name == "full")
    day = replace(day, script=f"{day.script} && export TMPDIR=/mnt && mount -t tmpfs -o size=64k none /mnt")
    result, _ = attempt(day, BOB, message=MESSAGE + large_body(3 * 1024 * 1024))
    assert result.status == CANTCREAT and "cannot store the message in /mnt: No space left" in result.stderr, str(result)
    assert host.connections == 0


@pytest.mark.parametrize("day", DAYS, ids=str)
@pytest.mark.parametrize("settings", ["", "wait 1s\n"])
def test_it_can_neither_go_out_nor_be_queued(host, attempt, day, settings):
    """Its caller is to try again, learns of both reasons, and has it in dead.letter, too."""
    host.replies["RCPT"] = LATER
    result, letter = attempt(day, BOB, config=settings)
    assert result.status == TEMPFAIL, str(result)
    assert result.stdout == ""
    assert f"  server: {LATER}\n" in result.stderr
    assert day.text in result.stderr, str(result)
    assert "  message: the message is saved in /root/dead.letter\n" in result.stderr, str(result)
    assert letter.startswith("From alice@example.org ") and letter.endswith("\n\nhello\n\n"), letter
    assert host.connections == 1


def test_a_refused_login_and_no_room(host, attempt):
    """Whatever it was: the caller is to try again."""
    host.features = (*host.features, "AUTH PLAIN")
    host.replies["AUTH"] = "535 5.7.8 wrong"
    (day,) = (day for day in DAYS if day.name == "full")
    result, letter = attempt(day, BOB, config='user alice\npassword "sesam"\ninsecure_auth yes\n')
    assert result.status == TEMPFAIL, str(result)
    assert letter


@pytest.mark.parametrize("option", ["-odq", "-odb"])
@pytest.mark.parametrize("day", DAYS, ids=str)
def test_it_cannot_be_queued(host, attempt, day, option):
    """It was not to be sent while the caller waits: he learns why it cannot be kept."""
    result, letter = attempt(day, option, BOB)
    assert result.status == day.status, str(result)
    assert result.stdout == ""
    assert day.text in result.stderr, str(result)
    assert "/root/dead.letter" in result.stderr
    assert letter.endswith("\n\nhello\n\n")
    assert host.connections == 0


def test_missing(host, tmp_path):
    """The folder is made, and those above it; nobody else can look in."""
    with Place(tmp_path, host.config) as place:
        place.queue = tmp_path / "one" / "two" / "queue"
        place.configure(host.config)
        assert place.mailq() == "Mail queue is empty\n"
        assert place.run("-qf").is_silent
        assert not place.queue.exists()
        assert place.send("-odq", BOB).status == 0
        assert len(place.waiting()) == 1
        assert place.queue.stat().st_mode & 0o777 == 0o700


@pytest.fixture
def spoiled(host, tmp_path):
    """A place whose queue cannot be used any more once a message is on its way."""
    with Place(tmp_path, f"{host.config}wait 1s\n") as place:
        place.queue.mkdir()
        place.queue.chmod(0o770)
        yield place


def test_the_wait_goes_on(host, spoiled):
    """What cannot be queued is waited for."""
    with host.holding():
        process = begin(spoiled, BOB)
        host.wait_for_content()
        with pytest.raises(subprocess.TimeoutExpired):
            process.wait(1.5)
    result = spoiled.finish(process, None)
    assert result.status == 0 and result.is_silent, str(result)
    assert len(host.arrivals) == 1


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT, signal.SIGHUP])
def test_told_to_end(host, spoiled, number):
    """What cannot be queued is the caller's, who sees what ended the program."""
    with host.holding():
        process = begin(spoiled, BOB)
        host.wait_for_content()
        process.send_signal(number)
        assert spoiled.finish(process, None).status == -number


def test_no_queue(host, tmp_path):
    """queue_dir none: then there is no dead.letter either, for who wants none has his own ways."""
    with Place(tmp_path, host.config) as place:
        place.configure(host.config)
        config = (tmp_path / "config").read_text().replace(str(place.queue), "none")
        write_private(tmp_path / "config", config)
        host.replies["RCPT"] = LATER
        result = place.send(BOB, wrapper=own_home(tmp_path))
        assert result.status == TEMPFAIL, str(result)
        assert result.stderr.endswith("  message: not sent and not queued: send it again later\n")
        result = place.send("-odq", BOB, wrapper=own_home(tmp_path))
        assert result.status == CONFIG
        assert "the configuration says: queue_dir none" in result.stderr
        assert place.mailq() == "Mail queue is empty\n"
