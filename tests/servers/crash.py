# SPDX-License-Identifier: ISC
"""Has one of the program's processes killed, or its system calls fail, one at a time, and looks at what became of the
mail.  The others go on as they do in life.

    with Pool(lambda: Sandbox(chunking=True)) as pool:
        trial = Trial(SCENARIO, pool)
        trial.kill_everywhere()
        trial.part_everywhere()
        trial.fail_everywhere()
    trial.check()

What must hold, whatever happened: see judge().
"""

import concurrent.futures
import contextlib
import errno
import fcntl
import json
import os
import queue
import re
import shutil
import signal
import struct
import subprocess
import tempfile
import time
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path

from . import disk, fault, trace
from .client import PASSED_ON, binary, write_private
from .messages import large_body, wire_form
from .taker import Refusals, Taker, wait_until

# Enough for the slowest machine, little beside a hang.
PATIENCE_S = 60
WORKERS = 2
ERRORS = ("ENOSPC", "EIO", "EINTR")
TRIES = 3  # to reach a place
LEAVING_S = 3
SHOWN = 5  # failures that are told of in full

ALICE = "alice@example.org"
# Who is refused in the run that is disturbed, and in those that come after it; all others are taken.
REFUSALS = {"later": b"450 4.2.1 later", "unknown": b"550 5.1.1 unknown"}
RECOVERY = {"unknown": b"550 5.1.1 unknown"}
RETURNED = "unknown"  # the sender gets a notice about them

DUPLICATE = "possible duplicate"  # what mailq says of what is in doubt
SYSEXITS = range(64, 79)
# How calls fail by which our processes begin, and speak with each other.
ERRORS_AMONG_US = {
    "clone": "EAGAIN", "clone3": "EAGAIN", "fork": "EAGAIN", "vfork": "EAGAIN", "setsid": "EPERM",
    "socketpair": "EMFILE", "sendmsg": "EIO", "recvmsg": "EINTR",
}  # fmt: skip
SANITIZER = re.compile(r"Sanitizer|runtime error:")

# Calls that end nothing and begin nothing: they change neither the disk nor what the server knows.
IDLE = {
    "access", "close", "fadvise64", "fcntl", "fstat", "fstatfs", "getdents64", "getpeername", "getsockname",
    "getsockopt", "lseek", "lstat", "mmap", "munmap", "newfstatat", "poll", "ppoll", "pread64", "read", "readlink",
    "readlinkat", "recvfrom", "recvmsg", "setsockopt", "shutdown", "socket", "stat", "statfs", "statx",
}  # fmt: skip


@dataclass(frozen=True)
class Mail:
    """A message to send; everybody's fate is in his address (REFUSALS)."""

    name: str
    recipients: tuple = ("bob@example.net",)
    body: bytes = b"Hello.\n.\n..two dots\n\nthe end\n"

    @property
    def message_id(self):
        """With its angle brackets."""
        return f"<{self.name}@crash.example.org>"

    @property
    def text(self):
        """As it is given to sendmail; there is nothing that would have to be added."""
        return (
            f"From: {ALICE}\nTo: {', '.join(self.recipients)}\nSubject: {self.name}\n"
            f"Date: Thu, 01 Jan 2026 12:00:00 +0000\nMessage-ID: {self.message_id}\nMIME-Version: 1.0\n"
            "Content-Type: text/plain; charset=unknown-8bit\nContent-Transfer-Encoding: 8bit\n\n"
        ).encode() + self.body

    @property
    def wire(self):
        """As it has to arrive."""
        return wire_form(self.text)


SMALL = Mail("small")
LARGE = Mail("large", body=large_body(200 * 1024))


@dataclass(frozen=True)
class Run:
    """What a run of the program came to; the status is negative where a signal ended it."""

    command: tuple
    status: int
    stdout: str
    stderr: str

    def __str__(self):
        return f"{' '.join(self.command)}: status {self.status}\n{self.stdout}{self.stderr}"


class Sandbox:
    """A home of its own with a configuration and a queue, and a server of its own."""

    def __init__(self, chunking=False, settings="", taker=None):
        self.folder = Path(tempfile.mkdtemp(prefix="sendoff-crash-", dir=_fast_folder()))
        # Neither is there at first: the program makes them.
        self.state = self.folder / "state"
        self.queue = self.state / "above" / "queue"
        self.runner_lock = self.queue / "run" / "lock"
        self.log_file = self.folder / "log"
        self.taker = taker or Taker(chunking=chunking)
        self._lines = (
            f"server smtp://127.0.0.1:{self.taker.port}", "tls none", f"from {ALICE}", f"queue_dir {self.queue}",
            "syslog off", f"log_file {self.log_file}", settings,
        )  # fmt: skip
        self.configure("")

    def configure(self, settings):
        """The configuration has these lines, too."""
        write_private(self.folder / "config", "".join(f"{line}\n" for line in (*self._lines, settings) if line))

    def __enter__(self):
        self.taker.__enter__()
        self.clear()
        return self

    def __exit__(self, *_error):
        self.taker.__exit__()
        shutil.rmtree(self.folder)

    def run(self, name, *args, wrapper=(), input_bytes=b"", meanwhile=None):
        """Runs the program under one of its names; meanwhile(process) is called when it is on its way."""
        command = (str(binary(name)), *args)
        process = subprocess.Popen(
            [*wrapper, *command],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            env=self._environment(),
            start_new_session=True,
        )
        try:
            with contextlib.suppress(BrokenPipeError):
                process.stdin.write(input_bytes)
                process.stdin.close()
            process.stdin = None
            if meanwhile:
                meanwhile(process)
            out, complaints = process.communicate(timeout=PATIENCE_S)
        except subprocess.TimeoutExpired:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGKILL)
            out, complaints = process.communicate()
            complaints += b"\nTIMEOUT: it did not end"
        return Run(command, process.returncode, out.decode(errors="replace"), complaints.decode(errors="replace"))

    def send(self, mail, *args, **options):
        """Gives it to sendmail."""
        return self.run("sendmail", *args, "-i", *mail.recipients, input_bytes=mail.text, **options)

    def flush(self, **options):
        """One run over the whole queue."""
        return self.run("sendmail", "-qf", **options)

    def listing(self):
        """What `sendoff queue list --json` says, one dictionary a message."""
        done = self.run("sendoff", "queue", "list", "--json")
        if done.status != 0 or done.stderr:
            raise Broken(f"the queue cannot be listed: {done}")
        return [json.loads(line) for line in done.stdout.splitlines()]

    def clear(self):
        """No queue, and nothing taken."""
        shutil.rmtree(self.state, ignore_errors=True)
        self.state.mkdir()
        self.log_file.unlink(missing_ok=True)
        self.taker.clear()

    def snapshot(self):
        """All that is on the disk, as disk.write_state() takes it."""
        found = {}
        for path in sorted(self.state.rglob("*")):
            found[path.relative_to(self.state)] = None if path.is_dir() else path.read_bytes()
        return found

    def restore(self, state):
        """The disk is as it was then, and nothing taken."""
        self.clear()
        disk.write_state(state, self.state)

    def _environment(self):
        passed_on = {name: os.environ[name] for name in PASSED_ON if name in os.environ}
        passed_on["ASAN_OPTIONS"] = "detect_leaks=0:" + passed_on.get("ASAN_OPTIONS", "")  # it cannot work under strace
        return {
            "PATH": "/usr/bin:/bin",
            "LC_ALL": "C.UTF-8",
            "HOME": str(self.folder),
            "SENDOFF_CONFIG": str(self.folder / "config"),
            **passed_on,
        }


class Pool:
    """Sandboxes, and threads that have work done in them."""

    def __init__(self, make, workers=WORKERS):
        self._make = make
        self._workers = workers
        self._free = queue.SimpleQueue()

    def __enter__(self):
        with contextlib.ExitStack() as stack:
            for _ in range(self._workers):
                self._free.put(stack.enter_context(self._make()))
            self._stack = stack.pop_all()
        return self

    def __exit__(self, *error):
        self._stack.__exit__(*error)

    @contextlib.contextmanager
    def sandbox(self):
        """One that nobody else uses meanwhile."""
        sandbox = self._free.get()
        try:
            yield sandbox
        finally:
            self._free.put(sandbox)

    def map(self, work, items):
        """work(sandbox, item) for each item; the results in their order."""

        def do(item):
            with self.sandbox() as sandbox:
                return work(sandbox, item)

        with concurrent.futures.ThreadPoolExecutor(self._workers) as threads:
            return list(threads.map(do, items))


@dataclass(frozen=True)
class Scenario:
    """A command that is disturbed, and what there is before it."""

    name: str
    queued: tuple = ()  # messages that wait already
    mail: Mail = None  # what is sent; None: a run over the queue
    args: tuple = ()
    prepare: object = None  # called with the sandbox, between the two
    puts_off_notices: bool = False  # the server takes them later
    holds_runner: bool = False  # another process seems to be the queue's runner, so that none is started
    lacks_unnamed: bool = False  # the file system seems to have no O_TMPFILE
    leaves: str = ""  # who waits for the program ends it when the server has the "content"; or the program's wait comes
    # to its end before the server has answered for a "recipient"
    settings: str = ""  # lines of the configuration

    @property
    def mails(self):
        """All that there is."""
        return (*self.queued, self.mail) if self.mail else self.queued

    def set_up(self, sandbox):
        """What is on the disk before the command; the server has nothing."""
        sandbox.clear()
        for mail in self.queued:
            done = sandbox.send(mail, "-odq")
            assert done.status == 0, str(done)
        if self.prepare:
            self.prepare(sandbox)
        if self.holds_runner:
            sandbox.runner_lock.parent.mkdir(mode=0o700, parents=True)
            sandbox.runner_lock.touch(0o600)
        return sandbox.snapshot()

    def run(self, sandbox, **options):
        """The command itself."""
        notices = {"alice": REFUSALS["later"]} if self.puts_off_notices else {}
        sandbox.taker.manners = Refusals({**REFUSALS, **notices})
        sandbox.configure(self.settings)
        if self.leaves:
            sandbox.taker.manners = leaving = Leaving(sandbox.taker.manners, self.leaves)
            options["meanwhile"] = leaving.see(options.get("meanwhile"))
        with locked(sandbox.runner_lock) if self.holds_runner else contextlib.nullcontext():
            if self.mail:
                return sandbox.send(self.mail, *self.args, **options)
            return sandbox.flush(**options)

    def standing_faults(self, calls):
        """The calls that fail in every run, found among those of one without faults."""
        if not self.lacks_unnamed:
            return []
        found = [call for call in calls if call.name == "openat" and "O_TMPFILE" in call.text]
        assert len(found) == 1 and found[0].who == "0", f"one unnamed file is expected: {found}"
        return found

    def traced(self, sandbox):
        """Runs undisturbed but for the standing faults; returns those, the run, and its calls."""
        log, faults, options = sandbox.folder / "trace", [], ()
        while True:
            run = self.run(sandbox, wrapper=(*trace.TRACE, *options, "-o", str(log)))
            check_run(run)
            sandbox.taker.settle()
            calls = trace.read(log)
            if faults or not self.standing_faults(calls):
                return [_fault(call, "error=EOPNOTSUPP") for call in faults], run, calls
            faults = self.standing_faults(calls)
            options = ("-e", f"inject=openat:error=EOPNOTSUPP:when={faults[0].nth}")
            self.set_up(sandbox)


class Leaving:
    """A server's manners; but before it answers, the program is told to end, or does not wait any longer, and has
    ended."""

    def __init__(self, manners, when):
        self._manners = manners
        self._when = when
        self._process = None
        self._over = False

    def see(self, meanwhile):
        """For Sandbox.run(): meanwhile() is called by it."""

        def begin(process):
            self._process = process
            if meanwhile:
                meanwhile(process)

        return begin

    def to_recipient(self, address):
        """The reply to RCPT."""
        if self._when == "recipient":
            self._wait_for_end(0)
        return self._manners.to_recipient(address)

    def to_content(self, taken):
        """The reply to the content."""
        if self._when == "content":
            self._wait_for_end(signal.SIGTERM)
        return self._manners.to_content(taken)

    def _wait_for_end(self, number):
        if self._over or not wait_until(lambda: self._process is not None):
            return
        self._over = True
        # The process itself traces; it has one child, and gets none of the others.
        tracer = self._process.pid
        with contextlib.suppress(OSError, IndexError):
            waiter = int(Path(f"/proc/{tracer}/task/{tracer}/children").read_text().split()[0])
            os.kill(waiter, number)
            # Where it is disturbed it may stay; there is nothing to be missed then.
            wait_until(lambda: not Path(f"/proc/{waiter}").exists(), LEAVING_S)

    def __getattr__(self, name):
        return getattr(self._manners, name)


class Broken(AssertionError):
    """Something that must hold does not."""


@dataclass
class Findings:
    """What is known between the crash and the recovery, and after it."""

    taken_before: list = field(default_factory=list)
    listed: list = field(default_factory=list)
    files: dict = field(default_factory=dict)
    taken: list = field(default_factory=list)
    runs: list = field(default_factory=list)
    twice: int = 0  # deliveries that were in doubt

    def doubts(self, mails):
        """What may be delivered twice, as the listing says: Message-IDs, and names of notices."""
        contents = {path.name: octets for path, octets in self.files.items() if octets}
        found = set()
        for entry in self.listed:
            for mail in mails:
                if mail.message_id.encode() not in contents.get(entry["queue_id"], b""):
                    continue
                if entry["in_doubt"]:
                    found.add(mail.message_id)
                if entry.get("notice_in_doubt"):
                    found.add(notice_of(mail))
        return found


def notice_of(mail):
    """The name under which notices about a message are counted."""
    return f"notice {mail.message_id}"


def subject(mail, recipient):
    """What has to be delivered because of a recipient: the message, or a notice."""
    return notice_of(mail) if recipient.startswith(RETURNED) else mail.message_id


def recover(sandbox, findings, may_leave_temporary=False):
    """What people and timers do afterwards: they look, and start two runs.  The server now takes what it put off.

    may_leave_temporary: a file in tmp/ that nobody reads is no fault.
    """
    sandbox.taker.settle()
    findings.taken_before = list(sandbox.taker.taken)
    findings.files = sandbox.snapshot()
    findings.listed = sandbox.listing() if sandbox.queue.exists() else []
    if any(entry["in_doubt"] for entry in findings.listed) and DUPLICATE not in (mailq := sandbox.run("mailq")).stdout:
        raise Broken(f"mailq does not say that there is doubt: {mailq}")
    sandbox.taker.manners = Refusals(RECOVERY)
    for _ in range(2):
        done = sandbox.flush()
        findings.runs.append(done)
        if done.status != 0 or done.stderr:
            raise Broken(f"the run that recovers failed: {done}")
    sandbox.taker.settle()
    findings.taken = list(sandbox.taker.taken)
    fine = {"run", "tmp"} if may_leave_temporary else {"run"}
    files = {path: octets for path, octets in sandbox.snapshot().items() if octets is not None}
    left = {path: octets for path, octets in files.items() if not fine.intersection(path.parts)}
    if sandbox.queue.exists() and sandbox.listing():
        raise Broken(f"the queue is not empty after two runs: {sandbox.listing()}")
    if left:
        raise Broken(f"files are left over:\n{disk.describe(left)}")


def counts(taken, mails):
    """How often each message and notice was delivered: (Message-ID, recipient) → number.  Contents are compared."""
    found = Counter()
    for message in taken:
        mail = next((mail for mail in mails if mail.message_id == message.message_id), None)
        if mail is None:
            mail = _check_notice(message, mails)
            for recipient in mail.recipients:
                if f"; {recipient}\r\n".encode() in message.content:
                    found[notice_of(mail), recipient] += 1
            continue
        if message.content != mail.wire:
            raise Broken(f"{mail.name} was changed: {len(mail.wire)} octets were sent, {len(message.content)} arrived")
        if message.sender != ALICE:
            raise Broken(f"{mail.name} came from {message.sender!r}")
        for recipient in message.recipients:
            found[mail.message_id, recipient] += 1
    return found


def _check_notice(message, mails):
    """Whose notice it is."""
    about = [mail for mail in mails if mail.message_id.encode() in message.content]
    if message.sender != "" or message.recipients != (ALICE,) or len(about) != 1:
        raise Broken(f"what is this? from {message.sender!r} to {message.recipients}:\n{message.content[:2000]!r}")
    boundary = re.search(rb'boundary="?([^"\r\n;]+)', message.content).group(1)
    if not message.content.rstrip().endswith(b"--" + boundary + b"--"):
        raise Broken(f"a notice without its end:\n{message.content!r}")
    return about[0]


def judge(scenario, status, complaint, findings):
    """Fails where something is lost, torn, delivered twice without a word, or delivered although it was refused.

    A status of 0: the message arrives.  Another: nobody has it, or the complaint says who.  A kill: all or nothing.
    """
    found, before = counts(findings.taken, scenario.mails), counts(findings.taken_before, scenario.mails)
    doubts = findings.doubts(scenario.mails)
    check_doubts(doubts)
    for mail in scenario.mails:
        ours = mail in scenario.queued or status == 0
        if not ours and "-odq" in scenario.args and len({found[mail.message_id, to] > 0 for to in mail.recipients}) > 1:
            raise Broken(f"{mail.name} arrived in part: {dict(found)}")
        for recipient in mail.recipients:
            name = subject(mail, recipient)
            number = found[name, recipient]
            if ours and number == 0:
                raise Broken(f"{name} to {recipient} is lost")
            if not ours and status > 0 and number > 0 and recipient not in complaint:
                raise Broken(f"{name} reached {recipient} although the exit status is {status}")
            if number > 1 and (name not in doubts or before[name, recipient] == 0 or number > 2):
                times = f"{number} times ({before[name, recipient]} before)"
                raise Broken(f"{name} reached {recipient} {times}; in doubt: {doubts}")
            findings.twice += number - 1 if number > 1 else 0
    strangers = {key for key in found if not any(key[1] in mail.recipients for mail in scenario.mails)}
    if strangers:
        raise Broken(f"recipients that nobody named: {strangers}")
    refused = {key for key in found if key[1].startswith(RETURNED) and not key[0].startswith("notice")}
    if refused:
        raise Broken(f"the server took what it refuses: {refused}")


def check_doubts(doubts):
    """One message at a time is on its way without an answer."""
    if len(doubts) > 1:
        raise Broken(f"more than one message is in doubt: {doubts}")


@dataclass(frozen=True)
class Point:
    """Where a run is disturbed."""

    call: trace.Call
    action: str  # as in fault.c, but with errors' names
    and_later: bool = False  # all later calls of that name in that process fail too

    def wrapper(self, log, standing):
        """The program that does it, together with the standing faults."""
        return fault.wrapper(log, [_fault(self.call, self.action, self.and_later), *standing])

    def __str__(self):
        later = " and all later ones" if self.and_later else ""
        where = f"call {self.call.nth}{later} of {self.call.name} in process {self.call.who}"
        return f"{self.action} at {where}: {self.call.readable()}"


def _parent(who):
    return who.rpartition(".")[0]


def _fault(call, action, and_later=False):
    kind, _, name = action.partition("=")
    if kind == "error":
        action = f"error={getattr(errno, name)}"
    return fault.Fault(call.who, call.number, call.nth, action, and_later)


class Trial:
    """A scenario, disturbed in every place."""

    def __init__(self, scenario, pool):
        self.scenario = scenario
        self._pool = pool
        self.failures = []
        self.longest = (0.0, "")
        self.kills = self.parted = self.errors = self.races = self.missed = self.twice = 0
        with pool.sandbox() as sandbox:
            self._before = scenario.set_up(sandbox)
            sandbox.taker.clear()
            self._faults, self.run, self.calls = scenario.traced(sandbox)
            self._state = sandbox.state
            recover(sandbox, findings := Findings())
            judge(scenario, self.run.status, self.run.stderr, findings)
            if doubts := findings.doubts(scenario.mails):
                raise Broken(f"nothing was in the way, and still there is doubt: {doubts}")

    def kill_everywhere(self, behind_end=False):
        """Kills each process before and after each of its calls that changes the queue, moves octets to or from the
        server, or speaks with another of ours; and tells it to end.

        behind_end: only where the program itself has ended already, and others go on.
        """
        places = [call for call in self.places_to_kill() if not behind_end or self._is_behind_end(call)]
        for action in ("kill", "term"):
            self._disturb([Point(call, action) for call in places])

    def part_everywhere(self, actions=("kill", "term")):
        """At the same places in a process that another one has begun, that one is killed, or is told to end, if it
        lives; or its wait comes to its end ("wait")."""
        places = set(self.places_to_kill())
        ends = {call.who: at for at, call in enumerate(self.calls)}
        others = [
            call
            for at, call in enumerate(self.calls)
            if call in places and "." in call.who and at < ends[_parent(call.who)]
        ]
        for action in actions:
            self._disturb([Point(call, f"{action}={_parent(call.who)}") for call in others])

    def fail_everywhere(self, errors=ERRORS, behind_end=False):
        """Has each call that touches the queue fail, once, and those that change it for good too; and each between
        our processes.  behind_end: as above."""
        calls = [call for call in self._calls_on_queue() if not behind_end or self._is_behind_end(call)]
        self._disturb([Point(call, f"error={error}") for call in calls for error in errors])
        # A disk that stays as it is: what was to be put right cannot be.
        self._disturb([Point(call, "error=EIO", and_later=True) for call in calls if call.name not in IDLE])
        if behind_end:
            return
        # A child's first word is not among them: where it is lost, the next one comes, 15 seconds later.
        among_us = [
            call
            for call in self.calls
            if call.is_among_us()
            and call.name in ERRORS_AMONG_US
            and not (call.name == "sendmsg" and call.nth == 1 and "." in call.who)
        ]
        self._disturb([Point(call, f"error={ERRORS_AMONG_US[call.name]}") for call in among_us])

    def race_everywhere(self):
        """Holds each process behind each of its calls on the queue, while another run goes from its beginning to its
        end."""
        self._disturb([Point(call, "hold") for call in self._calls_on_queue()])

    def _is_behind_end(self, call):
        last = max(at for at, other in enumerate(self.calls) if other.who == "0")
        return self.calls.index(call) > last

    def _calls_on_queue(self):
        return [call for call in self.calls if call.touches(self._state) and call.name != "execve"]

    def places_to_kill(self):
        """The calls at whose entry something is different from what it was at the place before in that process."""
        places, is_different, begun = [], {}, set()
        for call in self.calls:
            matters = call.touches(self._state) or call.is_network() or call.is_among_us()
            if is_different.get(call.who, True) and (matters or call.who in begun):
                places.append(call)
                begun.add(call.who)
                is_different[call.who] = False
            is_different[call.who] = is_different.get(call.who, True) or (matters and call.name not in IDLE)
        return places

    def check(self):
        """Fails where anything failed."""
        print(self.summary())
        if self.failures:
            text = "\n\n".join(self.failures[:SHOWN])
            raise Broken(f"{len(self.failures)} of {self.summary()}\n\n{text}")
        # Which calls are made may differ a little from run to run, but not so much that nothing is tested.
        if self.missed * 5 > self.total:
            raise Broken(f"too many places were never reached: {self.summary()}")

    @property
    def total(self):
        """How often the scenario was disturbed."""
        return self.kills + self.parted + self.errors + self.races

    def summary(self):
        """In a line."""
        return (
            f"{self.scenario.name}: {self.total} runs, {self.kills} killed, {self.parted} parted, {self.errors} with an "
            f"error, {self.races} raced, {self.missed} not reached, {self.twice} delivered twice and said to be in doubt; "
            f"the longest took {self.longest[0]:.1f} s: {self.longest[1]}"
        )

    def _race(self, sandbox, point, log, findings):
        """The run is held, another comes and goes, and it goes on.  Returns it, and whether it was held."""
        other = []

        def meanwhile(process):
            wait_until(lambda: fault.report(log).hit or process.poll() is not None, PATIENCE_S)
            if fault.report(log).hit:
                other.append(sandbox.flush())
                process.send_signal(signal.SIGUSR1)

        run = self.scenario.run(sandbox, wrapper=point.wrapper(log, self._faults), meanwhile=meanwhile)
        for done in (run, *other):
            if done.status != 0 or done.stderr:
                raise Broken(f"a run failed because of another: {done}")
        recover(sandbox, findings)
        return run, bool(other)

    def _disturb(self, points):
        for point, failure, findings, hit, seconds in self._pool.map(self._try, points):
            self.longest = max(self.longest, (seconds, str(point)))
            self.kills += point.action in ("kill", "term")
            self.parted += point.action.partition("=")[2].startswith("0")
            self.races += point.action == "hold"
            self.errors += point.action.startswith("error")
            self.missed += not hit
            self.twice += findings.twice
            if failure:
                self.failures.append(failure)

    def _try(self, sandbox, point):
        # How often a program waits for its server may differ, and so the number of the call that is meant.
        for _ in range(TRIES):
            begin = time.monotonic()
            result = self._try_once(sandbox, point)
            if result[-1] or result[1]:
                break
        return *result, time.monotonic() - begin

    def _try_once(self, sandbox, point):
        findings, run, hit = Findings(), None, False
        sandbox.restore(self._before)
        log = sandbox.folder / "injected"
        log.unlink(missing_ok=True)
        try:
            if point.action == "hold":
                run, hit = self._race(sandbox, point, log, findings)
            else:
                run = self.scenario.run(sandbox, wrapper=point.wrapper(log, self._faults))
                hit = fault.report(log).hit
                check_run(run, (signal.SIGKILL, signal.SIGTERM))
                check_deaths(fault.report(log))
                recover(sandbox, findings, run.status < 0 and self.scenario.lacks_unnamed)
            judge(self.scenario, run.status, run.stderr, findings)
        except Broken as broken:
            return point, explain(self.scenario.name, point, broken, run, findings, sandbox), findings, hit
        return point, None, findings, hit


@contextlib.contextmanager
def locked(path):
    """Holds a lock on a file, as the program takes it."""
    with open(path, "r+b") as file:
        fcntl.fcntl(file, fcntl.F_OFD_SETLK, struct.pack("hhqqi", fcntl.F_WRLCK, os.SEEK_SET, 0, 0, 0))
        yield


def check_deaths(report):
    """Fails where a process ended of a signal with which none of ours ends another."""
    if set(report.died) - {signal.SIGKILL, signal.SIGTERM}:
        raise Broken(f"signals ended processes: {report.died}")


def check_run(run, signals=(signal.SIGKILL,)):
    """Fails where the program crashed, hung, or was told of by a sanitizer; these signals may have ended it."""
    statuses = (0, *(-number for number in signals), *SYSEXITS)
    if run.status not in statuses or SANITIZER.search(run.stderr) or "TIMEOUT" in run.stderr:
        raise Broken(f"the program crashed or hung: {run}")


def explain(name, point, broken, run, findings, sandbox):
    """All that one needs to know about a failure."""
    taken = findings.taken or sandbox.taker.taken
    files = findings.files or sandbox.snapshot()
    arrived = "\n".join(f"    {message.message_id} to {', '.join(message.recipients)}" for message in taken)
    listed = "\n".join(f"    {json.dumps(entry)}" for entry in findings.listed)
    later = "".join(f"    {done}\n" for done in findings.runs)
    return (
        f"{name}: {point}\n  {broken}\n  the run: {run}\n  on the disk then:\n{disk.describe(files)}\n"
        f"  listed then:\n{listed}\n  taken before: {len(findings.taken_before)}; all that arrived:\n{arrived}\n"
        f"  the runs that recovered:\n{later}"
    )


def is_sanitized():
    """Whether the program was built with the address sanitizer: it is slow then."""
    return b"__asan_init" in binary("sendoff").read_bytes()


def _fast_folder():
    """A file system in memory, where there is one: nothing here asks a disk."""
    return "/dev/shm" if os.access("/dev/shm", os.W_OK) else None
