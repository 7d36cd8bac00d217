# SPDX-License-Identifier: ISC
"""Waiter, workers and runner: nothing of one account, caller or namespace holds up another, whatever ends or hangs."""

import contextlib
import os
import re
import shutil
import signal
import socket
import subprocess
import time
from pathlib import Path

import pytest

from servers.client import binary
from servers.host import OK, Host
from servers.place import MESSAGE, Place, has_namespaces
from servers.taker import wait_until
from test_when import ALICE, BOB, EVE, LATER, begin, dead_port, host, patient, place, refuse, subject

__all__ = ["host", "patient", "place"]  # fixtures

CAROL = "carol@example.org"
# The leak check cannot work under strace.
TRACED = {"ASAN_OPTIONS": f"{os.environ.get('ASAN_OPTIONS', '')}:detect_leaks=0"}


@pytest.fixture
def second():
    """Another server."""
    with Host() as second:
        yield second


@pytest.fixture
def deaf():
    """A port where the system takes connections, and nobody ever speaks."""
    with socket.create_server(("127.0.0.1", 0), backlog=64) as server:
        yield server.getsockname()[1]


@pytest.fixture
def full_socket(tmp_path):
    """A Unix socket that has no room for another caller."""
    path = tmp_path / "full"
    with contextlib.ExitStack() as stack:
        server = stack.enter_context(socket.socket(socket.AF_UNIX))
        server.bind(str(path))
        server.listen(0)
        for _ in range(8):
            client = stack.enter_context(socket.socket(socket.AF_UNIX))
            client.setblocking(False)
            with contextlib.suppress(OSError):
                client.connect(str(path))
        yield path


def two_accounts(stuck, second):
    """A configuration: what alice sends is stuck, what carol sends is not."""
    return (f"account default\nfrom alice@example.org\nuser alice\ninsecure_auth yes\n{stuck}"
            f"account other\n{second.config.replace('alice', 'carol')}")  # fmt: skip


STUCK = {
    "silent server": 'server smtp://127.0.0.1:{deaf}\ntls none\npassword "x"\n',
    "silent TLS server": 'server smtps://127.0.0.1:{deaf}\npassword "x"\n',
    "full socket": 'server unix:{full}\npassword "x"\n',
    "silent proxy": 'server smtp://mail.example.org\nproxy socks5://127.0.0.1:{deaf}\npassword "x"\n',
    "silent tunnel": 'server smtp://mail.example.org\ntls none\ntunnel_command "sleep 100"\npassword "x"\n',
    "password command": "server smtp://127.0.0.1:{port}\ntls none\npassword_command sleep 100\n",
    "token command": "server smtp://127.0.0.1:{port}\ntls none\nauth XOAUTH2\ntoken_command sleep 100\n",
}


@pytest.fixture(params=STUCK)
def stuck(request, deaf, full_socket, host):
    """Lines of an account that never comes to anything."""
    return STUCK[request.param].format(deaf=deaf, full=full_socket, port=host.port)


def test_stuck_in_front_of_the_caller(tmp_path, second, stuck):
    """`wait` is kept, a signal is heard, and the message is queued; another account's leaves meanwhile."""
    with Place(tmp_path, f"{two_accounts(stuck, second)}") as place:
        place.configure(two_accounts(f"wait 1s\nretry 1h\n{stuck}", second))
        result = place.send(BOB)
        assert result.status == 0 and result.is_silent, str(result)
        assert len(place.waiting()) == 1
        assert place.send("-f", CAROL, EVE).status == 0
        assert wait_until(lambda: len(second.arrivals) == 1)


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_stuck_and_told_to_end(tmp_path, second, stuck, number):
    """At once: the message is queued, and a runner is there for it."""
    with Place(tmp_path, two_accounts(f"wait off\nretry 1h\n{stuck}", second)) as place:
        process = begin(place, BOB)
        assert wait_until(place.workers)
        process.send_signal(number)
        result = place.finish(process, None)
        assert result.status == 0 and result.is_silent, str(result)
        assert len(place.waiting()) == 1
        assert wait_until(place.runners)


def test_stuck_in_a_run(tmp_path, second, stuck):
    """One account's messages do not keep another's, which came later."""
    with Place(tmp_path, two_accounts(f"retry 1h\n{stuck}", second)) as place:
        for _ in range(3):
            place.queued()
        for _ in range(3):
            place.queued("-f", CAROL, EVE)
        assert place.run("-q").is_silent
        assert wait_until(lambda: len(place.waiting()) == 3)
        assert len(second.arrivals) == 3


def test_stuck_in_a_runner(tmp_path, second, stuck):
    """A message that comes while the runner has a worker that is stuck."""
    with Place(tmp_path, two_accounts(f"retry 1h\n{stuck}", second)) as place:
        assert place.send("-odb", BOB).status == 0
        assert wait_until(place.workers)
        assert place.send("-odb", "-f", CAROL, EVE).status == 0
        assert wait_until(lambda: len(second.arrivals) == 1)
        assert wait_until(lambda: len(place.waiting()) == 1)


def test_a_slow_server_holds_up_nobody(host, second, tmp_path):
    """Each account has a worker of its own."""
    with Place(tmp_path, f"account default\n{host.config}account other\n{second.config.replace('alice', 'carol')}") as place:
        with host.holding():
            for _ in range(2):
                place.queued()
                place.queued("-f", CAROL, EVE)
            assert place.run("-q").is_silent
            assert wait_until(lambda: len(second.arrivals) == 2)
            assert len(host.arrivals) == 0
        place.settle()
        assert len(host.arrivals) == 2


def test_the_group_is_killed_behind_the_exit(host, place):
    """Whoever queued it is on his own by then."""
    for number in range(20):
        process = begin(place, "-odb", BOB, input_bytes=subject(number), start_new_session=True)
        assert place.finish(process, None).status == 0
        with contextlib.suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
    place.settle()
    assert len(host.arrivals) == 20
    assert place.waiting() == []


def test_the_group_is_killed_at_the_end_of_wait(host, place):
    """The worker, too, that goes on with what is out."""
    place.configure(f"{host.config}wait 1s\n")
    with host.holding():
        process = begin(place, BOB, start_new_session=True)
        assert place.finish(process, None).status == 0
        with contextlib.suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
    place.settle()
    assert len(host.arrivals) == 1
    assert place.waiting() == []


def test_the_terminal_goes(host, place):
    """`ssh -t host sendmail`: the terminal ends with the session that has queued a message."""
    for number in range(10):
        ours, theirs = os.openpty()
        process = place.start("-odb", BOB, stderr=theirs, start_new_session=True,
                              preexec_fn=lambda fd=theirs: __import__("fcntl").ioctl(fd, 0x540E, 0))  # fmt: skip
        os.close(theirs)
        assert place.finish(process, subject(number)).status == 0
        os.close(ours)
    place.settle()
    assert len(host.arrivals) == 10


def test_the_waiter_is_killed(host, place):
    """Before the message is out nobody has it, and the worker ends; it is the caller's, who was told of no success."""
    host.replies["RCPT"] = lambda _: time.sleep(0.5) or "250 2.1.5 ok"
    process = begin(place, BOB)
    assert wait_until(place.workers)
    process.kill()
    process.wait()
    place.settle()
    assert host.arrivals == [] and place.waiting() == []


def test_the_worker_is_killed_before_the_content(host, place):
    """Its message is queued, and not in doubt."""
    place.configure(f"{host.config}retry 1s\n")
    first = []

    def wait(_):
        if not first:
            first.append(True)
            time.sleep(1)
        return "250 2.1.0 ok"

    host.replies["MAIL"] = wait
    process = begin(place, BOB)
    assert wait_until(lambda: first)
    (pid,) = place.workers()
    os.kill(pid, signal.SIGKILL)
    assert place.finish(process, None).status == 0
    place.settle()
    assert len(host.arrivals) == 1
    assert all(line.get("duplicate") is None for line in place.log())


def test_the_worker_is_killed_after_the_content(host, patient):
    """The server may have it: that is said."""
    with host.holding():
        process = begin(patient, BOB)
        host.wait_for_content()
        (pid,) = patient.workers()
        os.kill(pid, signal.SIGKILL)
        assert patient.finish(process, None).status == 0
        (entry,) = patient.listing().values()
        assert entry["in_doubt"]


def test_a_run_goes_on_without_a_worker_that_died(host, second, tmp_path):
    """What it had is left for later, in doubt where it was; the others go."""
    config = f"account default\n{host.config}retry 1h\naccount other\n{second.config.replace('alice', 'carol')}"
    with Place(tmp_path, config) as place:
        with host.holding():
            place.queued()
            process = place.start("-qf")
            host.wait_for_content()
            place.queued("-f", CAROL, EVE)
            (pid,) = place.workers()
            os.kill(pid, signal.SIGKILL)
            place.finish(process, b"")
            (name,) = [name for name, entry in place.listing().items() if entry["sender"] == ALICE]
            assert place.listing()[name]["in_doubt"]
        assert place.run("-q").is_silent
        assert wait_until(lambda: len(second.arrivals) == 1)


@pytest.mark.skipif(os.geteuid() != 0 or shutil.which("unshare") is None, reason="needs root, for a network namespace")
@pytest.mark.parametrize("option", ["-odb", "-odi"])
def test_a_caller_without_network(host, tmp_path, option):
    """Its runner keeps nobody else's mail, and opens no breaker for others."""
    with Place(tmp_path, f"{host.config}retry 1h\n") as place:
        sendmail = str(binary("sendmail"))
        lonely = subprocess.run(["unshare", "-n", sendmail, option, BOB], input=b"Subject: 1\n\nhello\n", env=place.environment(),
                                capture_output=True, check=False)  # fmt: skip
        assert lonely.returncode == 0, lonely
        assert len(place.waiting()) == 1, place.describe()
        assert place.send("-odb", EVE).status == 0
        assert wait_until(lambda: [EVE] in [list(arrival.recipients) for arrival in host.arrivals])
        assert place.send("-odi", EVE).status == 0
        assert wait_until(lambda: [list(arrival.recipients) for arrival in host.arrivals].count([EVE]) == 2)


def test_ps_shows_its_own_business(host, patient):
    """A runner is not known by the arguments of the call that began it."""
    host.replies["RCPT"] = LATER
    assert patient.send("-oi", "-f", ALICE, BOB).status == 0
    (runner,) = patient.runners()
    shown = Path(f"/proc/{runner}/cmdline").read_bytes()
    assert BOB.encode() not in shown and ALICE.encode() not in shown
    assert shown.startswith(b"sendoff: sees to the queue")


def test_a_new_message_is_looked_at_alone(host, patient):
    """A runner with many that wait does not look through them for each that comes."""
    host.replies["RCPT"] = refuse("bob", LATER)
    for _ in range(60):
        patient.queued(BOB)
    assert patient.run("-q").is_silent
    assert wait_until(lambda: len(patient.log()) >= 120)
    (runner,) = patient.runners()
    trace = patient.folder / "trace"
    tracer = subprocess.Popen(["strace", "-qq", "-e", "trace=openat", "-o", str(trace), "-p", str(runner)])
    time.sleep(1)
    assert patient.send("-odb", EVE).status == 0
    assert wait_until(lambda: len(host.arrivals) == 1)
    time.sleep(1)
    tracer.send_signal(signal.SIGINT)
    tracer.wait()
    waiting = set(patient.waiting())
    looked = [line for line in trace.read_text(encoding="utf-8").splitlines() if any(name in line for name in waiting)]
    assert looked == []


def test_a_server_that_is_back(host, patient):
    """Where one message finds its server again, those that had not found it follow."""
    keeper, port = dead_port()
    with keeper:
        patient.configure(f"server smtp://127.0.0.1:{port}\ntls none\nfrom {ALICE}\nretry 1s..1h\n")
        for _ in range(3):
            assert patient.send(BOB).status == 0
    patient.configure(f"{host.config}retry 1s..1h\n")
    time.sleep(1.1)
    assert patient.send(EVE).status == 0
    assert wait_until(lambda: len(host.arrivals) == 4)


def test_a_runner_sees_its_last_message_go(host, patient):
    """Removed by a person, or sent by a run: there is nothing to sleep for."""
    host.replies["RCPT"] = LATER
    assert patient.send(BOB).status == 0
    assert wait_until(patient.runners)
    (name,) = patient.waiting()
    assert patient.run("queue", "remove", name, name="sendoff").status == 0
    patient.settle()


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGHUP])
def test_told_to_end_without_a_queue(host, place, number):
    """The message is the caller's: the way in which the process ends tells so, and the log."""
    host.replies["RCPT"] = lambda _: time.sleep(2) or "250 2.1.5 ok"
    config = place.folder / "config"
    config.write_text(re.sub("^queue_dir .*$", "queue_dir none", config.read_text(), flags=re.MULTILINE))
    process = begin(place, BOB)
    assert wait_until(place.workers)
    process.send_signal(number)
    result = place.finish(process, None)
    assert result.status == -number, str(result)
    place.settle()
    assert host.arrivals == []
    assert [line["result"] for line in place.log()] == ["failed"]


def test_commands_run_in_the_callers_folder(host, tmp_path):
    """As they always did; from the queue it is the root."""
    (tmp_path / "here").mkdir()
    (tmp_path / "here" / "secret").write_text("sesam\n")
    host.features = (*host.features, "AUTH PLAIN")
    with Place(tmp_path, f"{host.config}user alice\ninsecure_auth yes\npassword_command cat secret\nretry 1h\n") as place:
        assert place.send(BOB, cwd=tmp_path / "here").status == 0
        assert len(host.arrivals) == 1


@pytest.mark.parametrize("call", ["wait4", "openat"])
def test_a_signal_that_comes_too_late(host, place, call):
    """While the worker that has sent the message ends, or the log is opened: the exit status says what has happened."""
    only = ("-P", str(place.log_file)) if call == "openat" else ()
    slow = ("strace", "-D", "-o", "/dev/null", *only, "-e", f"inject={call}:delay_enter=1s")
    process = begin(place, BOB, wrapper=slow, env=TRACED)
    assert wait_until(lambda: len(host.arrivals) == 1)
    time.sleep(0.5)
    process.terminate()
    result = place.finish(process, None)
    assert result.status == 0 and result.is_silent, str(result)


def test_the_worker_is_killed_in_its_second_turn(tmp_path):
    """Who has the message from the first one does not get it again."""
    with (
        Host(features=("PIPELINING", "LIMITS RCPTMAX=1")) as host,
        Place(tmp_path, f"{host.config}wait off\nretry 1s\n") as place,
    ):
        host.replies["CONTENT"] = lambda _: OK if not host.arrivals else time.sleep(3) or OK
        process = begin(place, BOB, EVE)
        assert wait_until(lambda: len(host.arrivals) == 1)
        time.sleep(1)
        for pid in place.workers():
            os.kill(pid, signal.SIGKILL)
        assert place.finish(process, None).status == 0
        host.replies.clear()
        place.settle()
        assert [list(arrival.recipients) for arrival in host.arrivals if BOB in arrival.recipients] == [[BOB]]


def test_the_end_of_wait_between_two_turns(tmp_path):
    """The next server does not answer: the message is left to a runner, but for who has it."""
    with (
        Host(features=("PIPELINING", "LIMITS RCPTMAX=1 MAILMAX=1")) as host,
        Place(tmp_path, f"{host.config}wait 1s\nretry 1h\n") as place,
    ):
        host.replies["GREETING"] = lambda _: "220 host ESMTP" if not host.arrivals else time.sleep(3) or "421 4.3.2 bye"
        result = place.send(BOB, EVE)
        assert result.status == 0 and result.is_silent, str(result)
        del host.replies["GREETING"]
        assert wait_until(lambda: place.run("queue", "flush", name="sendoff").status == 0)
        place.settle()
        assert [list(arrival.recipients) for arrival in host.arrivals] == [[BOB], [EVE]]


NO_DEV = ("unshare", "--mount", "sh", "-c", 'mount -t tmpfs none /dev && exec "$@"', "sh")
OLD_KERNEL = ("strace", "-f", "-o", "/dev/null", "-e", "trace=close_range", "-e", "inject=close_range:error=ENOSYS")


def test_nothing_is_held_open_without_dev_null(host, patient):
    """In a chroot: who reads what sendmail prints sees its end, though a runner stays."""
    if not has_namespaces():
        pytest.skip("no namespace of our own can be made")
    host.replies["RCPT"] = LATER
    result = patient.send("-odb", BOB, wrapper=NO_DEV)
    assert result.status == 0 and result.is_silent, str(result)
    assert patient.runners()


def test_nothing_is_held_open_on_an_old_kernel(host, patient):
    """Which cannot close many descriptors at once."""
    host.replies["RCPT"] = LATER
    ours, theirs = os.pipe()
    process = patient.start("-odb", BOB, wrapper=OLD_KERNEL, env=TRACED, pass_fds=(theirs,), stdout=None, stderr=None)
    name = os.readlink(f"/proc/self/fd/{theirs}")
    os.close(theirs)
    process.stdin.write(MESSAGE)
    process.stdin.close()
    assert wait_until(lambda: patient.runners() and host.commands)
    for pid in patient.runners():
        assert name not in [os.readlink(entry) for entry in Path(f"/proc/{pid}/fd").iterdir()]
    os.close(ours)
    patient.end()
    process.wait()


def test_a_signal_that_comes_with_a_word(host, place):
    """Of the worker: poll(2) tells of that alone, and the signal must not be forgotten."""
    slow = ("strace", "-D", "-o", "/dev/null", "-e", "trace=ppoll", "-e", "inject=ppoll:delay_enter=1s:when=1")
    place.configure(f"{host.config}wait off\n")
    with host.holding():
        process = begin(place, BOB, wrapper=slow, env=TRACED)
        assert wait_until(place.workers)
        time.sleep(0.5)
        process.terminate()
        result = place.finish(process, None)
        assert result.status == 0 and result.is_silent, str(result)
        assert len(place.waiting()) == 1
    place.settle()
    assert len(host.arrivals) == 1
