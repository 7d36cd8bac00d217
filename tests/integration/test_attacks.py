# SPDX-License-Identifier: ISC
"""What a stranger tried: ends at bad moments, hostile servers and folders, too little of everything."""

import os
import signal
import threading
import time

import pytest

from servers.client import write_private
from servers.host import GONE, OK, Host
from servers.place import Place, own_home
from servers.taker import wait_until
from test_when import BOB, EVE, LATER, UNKNOWN, begin, host, patient, place, slow_place

__all__ = ["host", "patient", "place"]  # fixtures

PATIENCE_S = 60
HEADER_MAX = 1 << 20


class Pause:
    """A reply that waits until it is let go."""

    def __init__(self, reply=OK, where=""):
        self.reached = threading.Event()
        self.go_on = threading.Event()
        self._reply, self._where = reply, where

    def __call__(self, line):
        if self._where in str(line):
            self.reached.set()
            self.go_on.wait(PATIENCE_S)
        return self._reply


def takers(host):
    """Who got a message, once for each time."""
    return sorted(address for arrival in host.arrivals for address in arrival.recipients)


def left_for(place):
    """Whom the only message in the queue is still for."""
    (entry,) = place.listing().values()
    return [recipient["address"] for recipient in entry["recipients"] if recipient["state"] == "waiting"]


def end(process, number=signal.SIGTERM):
    """Ends it; returns what it came to."""
    process.send_signal(number)
    return process.wait(PATIENCE_S)


def failing(calls, *options):
    """Options for Place.start() with which system calls fail: "clone,clone3:error=EAGAIN"."""
    wrapper = ("strace", "-f", "-qq", "-o", "/dev/null", f"-einject={calls}", *options)
    # The leak check cannot work under strace.
    return {"wrapper": wrapper, "env": {"ASAN_OPTIONS": f"{os.environ.get('ASAN_OPTIONS', '')}:detect_leaks=0"}}


# Ended in the middle


@pytest.fixture
def picky(tmp_path):
    """A server that takes one recipient at a time, and a place for it."""
    with Host(("PIPELINING", "DSN", "LIMITS RCPTMAX=1")) as host, slow_place(tmp_path, host) as place:
        yield host, place


@pytest.mark.parametrize("how", ["submission", "run"])
def test_ended_in_the_second_turn(picky, how):
    """Who has the message by then does not get it again, and is not said to be in doubt."""
    host, place = picky
    pause = host.replies["RCPT"] = Pause(where=EVE)
    if how == "run":
        place.queued(BOB, EVE)
    process = begin(place, "-qf") if how == "run" else begin(place, "-odi", BOB, EVE)
    assert pause.reached.wait(PATIENCE_S)
    assert end(process) == (-signal.SIGTERM if how == "run" else 0)
    if how == "submission":
        assert left_for(place) == [EVE]
        assert not any(entry["in_doubt"] for entry in place.listing().values())
    pause.go_on.set()
    if how == "run":
        assert takers(host) == [BOB]
    if how == "run":
        assert left_for(place) == [EVE]
        assert not any(entry["in_doubt"] for entry in place.listing().values())
        assert place.run("-qf").is_silent
    # The worker of a submission goes on with what is out, and then with the rest.
    assert wait_until(lambda: takers(host) == [BOB, EVE])
    assert wait_until(lambda: place.waiting() == [])


def test_killed_in_the_second_turn(picky):
    """The same for a run that is killed with its worker, when the second turn's content is out."""
    host, place = picky
    place.queued(BOB, EVE)
    host.replies["CONTENT"] = pause = Pause(where=EVE)
    process = begin(place, "-qf")
    assert pause.reached.wait(PATIENCE_S)
    (worker,) = place.workers()
    assert end(process, signal.SIGKILL) == -signal.SIGKILL
    os.kill(worker, signal.SIGKILL)
    assert wait_until(lambda: not place.workers())
    assert left_for(place) == [EVE]
    assert all(entry["in_doubt"] for entry in place.listing().values())
    pause.go_on.set()
    host.replies.clear()
    place.run("-qf")
    assert takers(host) == [BOB, EVE, EVE]


def test_second_turn_finds_no_server(picky):
    """A server that has enough of us between two turns, and says so for good, has not spoken of the recipients."""
    host, place = picky
    host.features = ("PIPELINING", "DSN", "LIMITS RCPTMAX=1 MAILMAX=1")
    host.replies["GREETING"] = lambda _: "220 hello" if host.connections == 1 else "554 5.7.1 enough"
    host.replies["RCPT"] = lambda line: UNKNOWN if BOB in line else OK
    place.queued(BOB, EVE)
    place.run("-qf")
    assert left_for(place) == [EVE]


@pytest.mark.parametrize("features", [("DSN",), ("PIPELINING", "DSN")])
def test_ended_while_saying_goodbye(host, patient, features):
    """A server that has the message, and does not answer QUIT: what it came to is told."""
    host.features = features
    pause = host.replies["QUIT"] = Pause("221 bye")
    process = begin(patient, "-odi", BOB)
    assert pause.reached.wait(PATIENCE_S)
    assert wait_until(host.is_read, PATIENCE_S)
    assert end(process) == 0
    pause.go_on.set()
    assert [line["result"] for line in patient.log()] == ["sent"]
    patient.run("-qf")
    assert takers(host) == [BOB]
    assert patient.waiting() == []


def test_run_ended_with_an_envelope_ahead(host, patient):
    """The next message's envelope went out behind the content that is waited for."""
    names = [patient.queued() for _ in range(4)]
    with host.holding():
        process = patient.start("-qf")
        host.wait_for_content()
        process.send_signal(signal.SIGTERM)
        time.sleep(0.3)
    result = patient.finish(process, b"")
    assert result.status == -signal.SIGTERM and result.is_silent, str(result)
    assert len(host.arrivals) == 1
    assert patient.waiting() == sorted(names)[1:]
    assert not any(entry["in_doubt"] for entry in patient.listing().values())


def test_run_ended_while_it_waits_for_its_workers(tmp_path):
    """The run's own messages are done; a worker's is not."""
    with Host() as host, slow_place(tmp_path, host, "connections 2\n") as place:
        for _ in range(60):
            place.queued()
        pauses = {}

        def hold_worker(_arrival):
            pause = pauses.setdefault(_arrival.connection, Pause())
            return pause(_arrival) if _arrival.connection == 2 else OK

        host.replies["CONTENT"] = hold_worker
        process = place.start("-qf")
        assert wait_until(lambda: len(host.arrivals) >= 57, PATIENCE_S)
        time.sleep(0.3)
        process.send_signal(signal.SIGTERM)
        time.sleep(0.1)
        pauses[2].go_on.set()
        result = place.finish(process, b"")
        assert result.status == -signal.SIGTERM and result.is_silent, str(result)
        place.settle()
        assert wait_until(lambda: len(host.arrivals) + len(place.waiting()) == 60)


def test_signals_that_are_ignored_or_blocked(host, patient):
    """A run that is told to end ends, whatever its caller did to signals."""

    def prepare():
        signal.signal(signal.SIGTERM, signal.SIG_IGN)
        signal.pthread_sigmask(signal.SIG_BLOCK, [signal.SIGTERM, signal.SIGINT])

    patient.queued()
    with host.holding():
        process = patient.start("-qf", preexec_fn=prepare)
        host.wait_for_content()
        process.send_signal(signal.SIGINT)
        time.sleep(0.3)
    assert process.wait(PATIENCE_S) == -signal.SIGINT
    patient.finish(process, b"")
    assert wait_until(lambda: len(host.arrivals) == 1)
    assert patient.waiting() == []


# Too little of everything


def test_no_process_to_send_with(host, tmp_path):
    """The message is queued, and goes with the next run."""
    with Place(tmp_path, host.config) as place:
        result = place.send("-odi", BOB, **failing("clone,clone3,fork,vfork:error=EAGAIN"))
        assert result.status == 0 and result.is_silent, str(result)
        assert takers(host) == [] and place.processes() == []
        assert "cannot start a process to send with" in place.mailq()
        assert place.run("-qf").is_silent
        assert takers(host) == [BOB]
        assert place.waiting() == []


def test_disk_is_full_for_a_while(host, tmp_path):
    """The runner does not end as long as there is something to do."""
    with Place(tmp_path, f"{host.config}retry 1s..1s\n") as place:
        process = begin(place, "-odb", BOB, **failing("fdatasync:error=ENOSPC"))
        assert wait_until(lambda: place.log_file.exists() and "No space left" in place.log_file.read_text(encoding="utf-8"))
        assert place.runners() and takers(host) == []
        process.kill()  # what it traced goes on without it
        place.settle()
        assert takers(host) == [BOB]
        assert place.waiting() == []


def test_no_descriptors_for_a_while(host, tmp_path):
    """Nor where a message cannot be opened."""
    with Place(tmp_path, f"{host.config}retry 1s..1s\n") as place:
        name = place.queued()
        process = begin(place, "-q", input_bytes=b"", **failing("openat:error=EMFILE", "-P", name))
        time.sleep(1)
        assert place.processes() and place.waiting() == [name]
        assert place.send("-odb", EVE).status == 0
        assert wait_until(lambda: takers(host) == [EVE])
        process.kill()
        place.settle()
        assert takers(host) == [BOB, EVE]


def test_umask(host, tmp_path):
    """One that would keep us out of our own files does not."""
    with Place(tmp_path, f"{host.config}retry 1h\nrate 600/min\n") as place:
        host.replies["MAIL"] = GONE
        assert place.send("-odi", BOB, umask=0o777).status == 0
        modes = {path.name.partition("-")[0]: path.stat().st_mode & 0o777 for path in place.queue.rglob("*")}
        assert {modes.pop(name) for name in place.waiting()} == {0o600}
        assert modes.pop("run") == modes.pop("breakers") == 0o700
        assert set(modes) >= {"lock", "breaker", "rate"}
        assert set(modes.values()) == {0o600}


# Servers


def test_server_that_drops_every_message(host, patient):
    """It is reached, and of no use: one attempt a run, also where a run is told to try all."""
    host.replies["MAIL"] = GONE
    for _ in range(5):
        patient.queued()
    patient.run("-qf")
    assert host.connections == 1
    assert sorted(entry["attempts"] for entry in patient.listing().values()) == [0, 0, 0, 0, 1]
    host.replies.clear()
    assert patient.run("-qf").is_silent
    assert len(host.arrivals) == 5


def test_rate_holds_where_envelopes_go_ahead(tmp_path):
    """Each message waits for a place."""
    settings = "rate 120\n"
    with Host(("PIPELINING", "CHUNKING", "DSN")) as host, Place(tmp_path, host.config + settings) as place:
        for _ in range(4):
            place.queued()
        place.run("-qf")
        times = [arrival.at for arrival in host.arrivals]
        assert len(times) == 4
        assert all(b - a > 0.4 for a, b in zip(times, times[1:]))


# Folders and files


def test_rate_file_is_hostile(host, tmp_path):
    """No mail depends on it."""
    with Place(tmp_path, f"{host.config}rate 600/min\n") as place:
        assert place.send("-odi", BOB).status == 0
        (path,) = (place.queue / "run" / "breakers").glob("rate-*")
        for make in (os.mkfifo, os.mkdir, lambda path: os.symlink("/dev/full", path)):
            path.rmdir() if path.is_dir() else path.unlink()
            make(path)
            assert place.send("-odi", BOB).status == 0
        assert len(host.arrivals) == 4


def test_run_folder_is_hostile(host, patient):
    """No runner can be had: the mail is safe, and goes with the next run."""
    patient.queue.mkdir(0o700)
    (patient.queue / "run").write_text("not a folder")
    for option in ("-odb", "-odi"):
        if option == "-odi":
            host.replies["RCPT"] = LATER
        assert patient.send(option, BOB).status == 0
    host.replies.clear()
    assert patient.processes() == []
    assert patient.run("-qf").is_silent
    assert len(host.arrivals) == 2
    assert patient.waiting() == []


# Messages


def with_full_header():
    """A message whose header block has no room for another From."""
    lines = [b"From: root", b"To: bob@example.net", b"Date: Sun, 22 Nov 2026 01:00:00 +0000"]
    lines += [b"Message-ID: <x@y.example>", b"MIME-Version: 1.0", b"Content-Type: text/plain"]
    while (left := HEADER_MAX - sum(len(line) + 2 for line in lines)) > 60:
        lines.append(b"X-A: " + b"a" * (min(left - 30, 700) - len("X-A: ") - 2))
    return b"\n".join(lines) + b"\n\nhello\n"


def test_header_has_no_room(host, patient):
    """Not even a refusal of our own is a crash."""
    result = patient.send("-odi", BOB, input_bytes=with_full_header())
    assert result.status == 65 and "too large with the account's own From" in result.stderr, str(result)
    name = patient.queued(BOB, input_bytes=with_full_header())
    patient.queued(EVE)
    assert patient.run("-qf").is_silent
    assert takers(host)[-1] == EVE
    assert name not in patient.waiting()


# Configurations


def test_configuration_is_named_from_elsewhere(host, place):
    """The runner reads it anew, from another folder."""
    assert place.send("-odb", BOB, cwd=place.folder, env={"SENDOFF_CONFIG": "config"}).status == 0
    assert wait_until(lambda: takers(host) == [BOB])
    assert place.finish(place.start("-C", "config", "-odb", EVE, name="sendoff", cwd=place.folder)).status == 0
    assert wait_until(lambda: takers(host) == [BOB, EVE])
    assert wait_until(lambda: not place.waiting())


@pytest.mark.parametrize("text", ["", "server", "queue_dir {}\n"])
def test_configuration_is_being_edited(host, tmp_path, text):
    """A runner that finds nothing to go by waits for better times."""
    with Place(tmp_path, f"{host.config}retry 1s..1s\n") as place:
        host.replies["RCPT"] = LATER
        good = (tmp_path / "config").read_text(encoding="utf-8")
        assert place.send("-odi", BOB).status == 0
        write_private(tmp_path / "config", text.format(place.queue))
        time.sleep(2.5)
        assert len(place.processes()) == 1
        host.replies.clear()
        write_private(tmp_path / "config", good)
        assert place.send("-odb", EVE).status == 0
        assert wait_until(lambda: takers(host) == [BOB, EVE])


def test_aliases_are_wrong(tmp_path, host):
    """That is no fault of the message, which is kept."""
    (tmp_path / "aliases").write_text("root: |/bin/cat\n")
    with Place(tmp_path, f"{host.config}aliases {tmp_path}/aliases\n") as place:
        result = place.send("-odi", "root", wrapper=own_home(tmp_path))
        assert result.status == 78, str(result)
        assert "aliases:1: the alias root: |… is a command or a file" in result.stderr
        assert "the message is saved in /root/dead.letter" in result.stderr
        assert b"hello" in (tmp_path / "root" / "dead.letter").read_bytes()
        # Another name has nothing to do with it.
        assert place.send("-odi", "bob", wrapper=own_home(tmp_path)).is_silent
