# SPDX-License-Identifier: ISC
"""Mail is queued, sent and removed on a disk that is recorded (blocks.py); then the power fails at many moments of it.

What a call that ended with status 0 has promised must be there, whatever else the disk has kept, and nothing may be
damaged, foreign, or sent twice without a word.
"""

import re
from dataclasses import dataclass, field

from .blocks import Recording
from .crash import ALICE, Broken, Mail, Refusals, Sandbox
from .crash import REFUSALS as LATER
from .messages import large_body
from .taker import Taker

SMALL, LARGE, NAMED, KEYED, LAST = 8, 2, 2, 2, 3  # how many messages of each kind
FOREVER = 1 << 62
MESSAGE_ID = re.compile(rb"^Message-ID: (<.*>)\r$", re.MULTILINE)


@dataclass
class Fate:
    """A message, and between which positions of the record each thing happened to it."""

    mail: Mail
    begun: int = FOREVER
    queued: int = FOREVER  # the call has ended with status 0
    sent: int = FOREVER  # its last octet was at the server
    settled: int = FOREVER  # the run that sent it, or the call that removed it, has ended with status 0
    removing: int = FOREVER
    key: str = ""


class Watching(Taker):
    """A server that knows when it took what."""

    def __init__(self):
        super().__init__()
        self.position = None  # while the disk is recorded: what tells how far that is
        self.sent = {}

    def record(self, taken, silent):
        super().record(taken, silent)
        if self.position:
            self.sent[taken.message_id] = self.position()


@dataclass
class Blackout:
    """The recording, and what happened in it."""

    recording: Recording
    sandbox: Sandbox
    fates: list = field(default_factory=list)
    marks: list = field(default_factory=list)
    found: list = field(default_factory=list)  # what went wrong
    images: int = 0
    doubts: int = 0

    def play(self):
        """All that happens while the disk is recorded."""
        large = large_body(200 * 1024)
        for number in range(SMALL):
            self._queue(Mail(f"small{number}", ("later@example.net",) if number % 4 == 3 else ("bob@example.net",)))
        for number in range(LARGE):
            self._queue(Mail(f"large{number}", body=large))
        for number in range(NAMED):
            self._queue(Mail(f"named{number}"), wrapper=self._without_unnamed_files())
        for number in range(KEYED):
            self._reserve(Mail(f"keyed{number}"), f"key {number}")
        self._flush(LATER)
        for number in range(LAST):
            self._queue(Mail(f"last{number}"))
        self._remove("small3")
        self._flush(LATER)

    def _position(self):
        return self.recording.position()

    def _ended(self, done):
        if done.status != 0 or done.stderr:
            raise Broken(str(done))
        self.marks.append(self._position())
        return self.marks[-1]

    def _queue(self, mail, wrapper=()):
        fate = Fate(mail, self._position())
        fate.queued = self._ended(self.sandbox.send(mail, "-odq", wrapper=wrapper))
        self.fates.append(fate)

    def _without_unnamed_files(self):
        """strace, under which O_TMPFILE does not work."""
        log = self.sandbox.folder / "openat"
        self.sandbox.send(Mail("no.one", ("later@example.net",)), "-odq", wrapper=("strace", "-o", str(log)))
        self.sandbox.run("sendoff", "queue", "remove", self._id_of("no.one"))
        calls = [line for line in log.read_text(encoding="latin-1").splitlines() if line.startswith("openat(")]
        (number,) = (i + 1 for i, call in enumerate(calls) if "O_TMPFILE" in call)
        fault = f"inject=openat:error=EOPNOTSUPP:when={number}"
        return ("strace", "-qq", "-e", "trace=openat", "-e", fault, "-o", str(log))

    def _call_with_key(self, fate):
        return self.sandbox.run(
            "sendoff", "send", "--hold", "-f", ALICE, "-H", f"Message-ID: {fate.mail.message_id}",
            "--idempotency-key", fate.key, "--body", "x", "bob@example.net",
        )  # fmt: skip

    def _reserve(self, mail, key):
        fate = Fate(mail, self._position(), key=key)
        fate.queued = self._ended(self._call_with_key(fate))
        self.fates.append(fate)

    def _flush(self, refusals):
        self.sandbox.taker.manners = Refusals(refusals)
        self.sandbox.taker.sent = {}
        end = self._ended(self.sandbox.flush())
        for fate in self.fates:
            if fate.mail.message_id in self.sandbox.taker.sent:
                fate.sent, fate.settled = self.sandbox.taker.sent[fate.mail.message_id], end

    def _id_of(self, name):
        (entry,) = (entry for entry in self._listing() if entry["message_id"] == Mail(name).message_id)
        return entry["queue_id"]

    def _listing(self):
        """What is in the queue; with the Message-IDs, which only the files tell."""
        listed = self.sandbox.listing() if self.sandbox.queue.exists() else []
        for entry in listed:
            if entry["queue_name"] == "unusable":
                raise Broken(f"what is this? {entry}")
            octets = (self.sandbox.queue / entry["queue_id"]).read_bytes()
            entry["message_id"] = MESSAGE_ID.search(octets).group(1).decode()
        return listed

    def _remove(self, name):
        (fate,) = (fate for fate in self.fates if fate.mail.name == name)
        queue_id = self._id_of(name)
        fate.removing = self._position()
        fate.settled = self._ended(self.sandbox.run("sendoff", "queue", "remove", queue_id))

    # Afterwards.

    def check(self, count):
        """Has the power fail."""
        crashes = sorted(self.recording.crashes(self.marks, count), key=lambda crash: crash.certain)
        for crash in crashes:
            self.images += 1
            with self.recording.after(crash):
                try:
                    self._judge(crash)
                except Broken as broken:
                    self.found.append(f"{crash}: {broken}")

    def summary(self):
        """In a line."""
        name = self.recording.system.name
        return f"{name}: {self.images} disks, {len(self.found)} bad, {self.doubts} messages in doubt"

    def _judge(self, crash):
        sandbox, at = self.sandbox, crash.position
        sandbox.taker.clear()
        again = {fate.key: self._call_with_key(fate) for fate in self.fates if fate.key and fate.begun <= at}
        listed = self._listing()
        held = [entry["message_id"] for entry in listed if entry["queue_name"] == "hold"]
        doubts = {entry["message_id"] for entry in listed if entry["in_doubt"]}
        self.doubts += len(doubts)
        sandbox.taker.manners = Refusals({})
        done = sandbox.flush()
        if done.status != 0 or done.stderr:
            raise Broken(f"the run failed: {done}")
        sandbox.taker.settle()
        contents = {}
        for taken in sandbox.taker.taken:
            contents.setdefault(taken.message_id, []).append(taken.content)
        for fate in self.fates:
            name = fate.mail.message_id
            if fate.key:
                self._judge_key(fate, at, held.count(name), again.get(fate.key))
                continue
            allowed = _allowed(fate, at, name in doubts)
            arrived = contents.pop(name, [])
            if len(arrived) not in allowed:
                raise Broken(f"{fate} arrived {len(arrived)} times, not {allowed}; in doubt: {sorted(doubts)}")
            if any(content != fate.mail.wire for content in arrived):
                raise Broken(f"{fate.mail.name} was changed")
        contents.pop(Mail("no.one").message_id, None)
        if contents:
            raise Broken(f"what nobody sent arrived: {sorted(contents)}")
        if left := [entry for entry in self._listing() if entry["queue_name"] != "hold"]:
            raise Broken(f"these stay in the queue: {left}")

    @staticmethod
    def _judge_key(fate, at, held, again):
        """Whoever calls again with the key learns that it was sent, or that it may have been."""
        if fate.queued <= at and (again.status != 0 or held != 1):
            raise Broken(f"{fate} is {held} times in the queue; called again: {again}")
        if fate.begun <= at < fate.queued and (again.status, held) not in {(0, 1), (75, 0), (75, 1)}:
            raise Broken(f"{fate} is {held} times in the queue; called again: {again}")


def _allowed(fate, at, in_doubt):
    """How often the message may arrive from what the disk has kept."""
    if at < fate.begun:
        return {0}
    if at < fate.queued:
        return {0, 1}
    if at < min(fate.sent, fate.removing):
        return {1}
    if at >= fate.settled:
        return {0}
    return {0, 1} if in_doubt or fate.removing <= at else {0}


def black_out(system, count):
    """Does all of it, with `count` moments besides the ends of calls; returns what came of it."""
    with Sandbox(settings="connections 1", taker=Watching()) as sandbox:
        with Recording(system, sandbox.folder / "disk", sandbox.state) as recording:
            sandbox.taker.position = recording.position
            blackout = Blackout(recording, sandbox)
            blackout.play()
            sandbox.taker.position = None
        blackout.check(count)
        return blackout
