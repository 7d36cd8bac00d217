# SPDX-License-Identifier: ISC
"""Has the power fail after each system call of a run, and looks at what becomes of the mail, whatever the disk kept.

    outage = Outage(SCENARIO, pool)
    outage.check()

The run itself goes on undisturbed, once; what the disk held, what the server had taken, and what the program had heard
of it at each point is worked out from strace's log.
"""

from dataclasses import dataclass, field

from . import disk
from .crash import SHOWN, Broken, Findings, check_doubts, counts, explain, recover, subject

STATES_MAX = 16  # for each point


@dataclass(frozen=True)
class Moment:
    """The power fails: what is on the disk, and how far the talk with the server had come."""

    number: int
    after: str
    state: dict = field(hash=False)
    out: frozenset  # of the messages that the server took in the whole run, those whose last octet was sent by then
    answered: frozenset  # … and those whose answer the program had read
    has_ended: bool  # the program itself has: who called it knows its exit status
    have_all_ended: bool  # so have those that it began

    def __str__(self):
        return (
            f"the power fails after call {self.number}, {self.after}; sent by then: {sorted(self.out)}, answered: "
            f"{sorted(self.answered)}{', the program has ended' if self.has_ended else ''}"
        )


class Talk:
    """How many octets went to and fro on each connection."""

    def __init__(self, port, taken):
        self._port = f"htons({port})"
        self._taken = taken
        self._numbers = {}
        self._sent, self._received = [], []

    def apply(self, call):
        """Counts what the call moved."""
        if call.name == "connect" and self._port in call.text:
            self._numbers[call.process, call.descriptor()] = len(self._sent)
            self._sent.append(0)
            self._received.append(0)
        number = self._numbers.get((call.process, call.descriptor()))
        if number is None or call.result is None or call.result <= 0:
            return
        if call.name in ("sendto", "sendmsg", "write", "writev"):
            self._sent[number] += call.result
        if call.name in ("recvfrom", "recvmsg", "read", "readv") and "MSG_PEEK" not in call.text:
            self._received[number] += call.result

    def out(self):
        """The messages whose last octet is sent, by their place among those taken."""
        return frozenset(i for i, m in enumerate(self._taken) if _reached(self._sent, m.connection, m.ended_at))

    def answered(self):
        """The messages whose answer was read."""
        return frozenset(i for i, m in enumerate(self._taken) if _reached(self._received, m.connection, m.answered_at))


class Outage:
    """A scenario, and all the moments at which the power may fail."""

    def __init__(self, scenario, pool, states_max=STATES_MAX):
        self.scenario = scenario
        self._pool = pool
        with pool.sandbox() as sandbox:
            scenario.set_up(sandbox)
            sandbox.taker.clear()
            certain = disk.Disk(sandbox.state)
            _, self.run, calls = scenario.traced(sandbox)
            self.taken = list(sandbox.taker.taken)
            self.moments = self._find_moments(certain, calls, Talk(sandbox.taker.port, self.taken), states_max)
        self.failures = []
        self.twice = 0

    def check(self):
        """Tries them all; fails where one failed."""
        for failure, twice in self._pool.map(self._try, self.moments):
            self.twice += twice
            if failure:
                self.failures.append(failure)
        print(self.summary())
        if self.failures:
            text = "\n\n".join(self.failures[:SHOWN])
            raise Broken(f"{len(self.failures)} of {self.summary()}\n\n{text}")

    def summary(self):
        """In a line."""
        points = len({moment.number for moment in self.moments})
        disks = f"{len(self.moments)} disks at {points} points"
        return f"{self.scenario.name}: {disks}, {self.twice} in doubt and delivered again"

    def _find_moments(self, certain, calls, talk, states_max):
        found, before = {}, None
        last = max(number for number, call in enumerate(calls) if call.name == "exit_group")
        has_ended = False
        for number, call in enumerate(calls):
            certain.apply(call)
            talk.apply(call)
            has_ended = has_ended or (call.name == "exit_group" and call.who == "0")
            now = (talk.out(), talk.answered(), has_ended, number >= last)
            if now == before and not (call.touches(certain.root) and call.name not in disk.HARMLESS):
                continue
            before = now
            for state in certain.states(states_max):
                moment = Moment(number, call.readable(), state, *now)
                found.setdefault((disk.key(state), *now), moment)
        return list(found.values())

    def _try(self, sandbox, moment):
        findings = Findings()
        sandbox.restore(moment.state)
        try:
            recover(sandbox, findings, self.scenario.lacks_unnamed and not moment.has_ended)
            self._judge(moment, findings)
        except Broken as broken:
            return explain(self.scenario.name, moment, broken, self.run, findings, sandbox), 0
        return None, findings.twice

    def _judge(self, moment, findings):
        mails = self.scenario.mails
        found = counts(findings.taken, mails)
        out = counts([self.taken[i] for i in moment.out], mails)
        answered = counts([self.taken[i] for i in moment.answered], mails)
        doubts = findings.doubts(mails)
        # SENDING that is durable while the content is not out yet is a doubt that costs nothing.
        check_doubts({name for name in doubts if any(key[0] == name for key in out)})
        if moment.have_all_ended and doubts:
            raise Broken(f"all have ended, and still there is doubt: {doubts}")
        for mail in mails:
            ours = mail in self.scenario.queued or (moment.has_ended and self.run.status == 0)
            numbers = {found[mail.message_id, to] for to in mail.recipients}
            if not ours and "-odq" in self.scenario.args and len(numbers) > 1:
                raise Broken(f"{mail.name} arrived in part: {dict(found)}")
            for recipient in mail.recipients:
                name = subject(mail, recipient)
                key = name, recipient
                allowed = _allowed(ours, out[key], answered[key], name in doubts)
                if found[key] not in allowed:
                    raise Broken(f"{name} reached {recipient} {found[key]} times, not {allowed}; in doubt: {doubts}")
                findings.twice += found[key] if out[key] else 0
        if extra := {key for key in found if not any(key[1] in mail.recipients for mail in mails)}:
            raise Broken(f"recipients that nobody named: {extra}")


def _allowed(ours, out, answered, in_doubt):
    """How often what was sent by then (`out`) may, or must, be sent after the power is back."""
    if answered:
        return {0, 1} if in_doubt else {0}
    if not ours:
        return {0, 1}
    return {1} if in_doubt or not out else set()


def _reached(octets, connection, goal):
    return connection < len(octets) and octets[connection] >= goal
