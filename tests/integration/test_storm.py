# SPDX-License-Identifier: ISC
"""Many senders, several runs and a server that is moody and killed at times, all at once: every message arrives, and
twice only where the program said that it might.  The summary is shown by pytest -s.
"""

import contextlib
import hashlib
import os
import random
import re
import signal
import threading
import time
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from servers.crash import Mail, Sandbox, check_run
from servers.moody import Moody
from servers.taker import wait_until

pytestmark = [pytest.mark.slow, pytest.mark.xdist_group("storm")]

SEED = 1
SENDERS = 8
MESSAGES = 25  # of each
RUNS = 2
MODES = ((), (), ("-odq",), ("-odb",))
PAUSE_S = 0.2  # between two messages of a sender, at most
LIFE_S, DEATH_S = 0.6, 0.1  # the server's
TERMINATED = 7  # every so many senders, and every third run, are told to end, some time in their first
TERMINATED_S = 0.03
DRAIN_S = 60

LOG_ID = re.compile(r"\bmsgid=(<[^>]*>)")


class Storm:
    """What happens, and what is known of it."""

    def __init__(self, sandbox, server):
        self._sandbox = sandbox
        self._server = server
        self._over = threading.Event()
        self.sent = []  # (mail, how, run)
        self.runs = []
        self.kills = 0

    def rage(self):
        """All at once, until all messages are sent."""
        with ThreadPoolExecutor(SENDERS + RUNS + 1) as threads:
            senders = [threads.submit(self._send, number) for number in range(SENDERS)]
            others = [threads.submit(self._run) for _ in range(RUNS)] + [threads.submit(self._kill)]
            try:
                for sender in senders:
                    sender.result()
            finally:
                self._over.set()
            for other in others:
                other.result()

    def drain(self):
        """The server takes everything; runs are started until nothing is left, and the program's own runner ends."""
        self._server.restart(kind=True)
        end = time.monotonic() + DRAIN_S
        while self._sandbox.queue.exists() and (left := self._sandbox.listing()):
            assert time.monotonic() < end, f"still in the queue: {left}"
            self._flush()
            time.sleep(0.1)
        assert wait_until(lambda: not self.processes(), DRAIN_S), f"still running: {self.processes()}"

    def in_doubt(self):
        """The Message-IDs of which the log says that they may be delivered twice."""
        return {found.group(1) for line in self.log() if "in_doubt=yes" in line and (found := LOG_ID.search(line))}

    def log(self):
        """The lines of the log."""
        return self._sandbox.log_file.read_text().splitlines()

    def processes(self):
        """The program's processes that live in this sandbox."""
        needle = f"SENDOFF_CONFIG={self._sandbox.folder}/".encode()
        found = []
        for folder in Path("/proc").glob("[0-9]*"):
            with contextlib.suppress(OSError):
                if needle in (folder / "environ").read_bytes():
                    found.append(int(folder.name))
        return found

    def _send(self, number):
        source = random.Random(number)
        for i in range(MESSAGES):
            mode = MODES[(number + i) % len(MODES)]
            recipients = ("unknown@example.net",) if (number * MESSAGES + i) % 19 == 7 else ("bob@example.net",)
            mail = Mail(f"storm-{number}-{i}", recipients, body=f"{number} {i}\n".encode() * (1 + i * 40))
            time.sleep(source.uniform(0, PAUSE_S))
            meanwhile = _terminator(source) if (number + i) % TERMINATED == 0 else None
            self.sent.append((mail, mode, self._sandbox.send(mail, *mode, meanwhile=meanwhile)))

    def _run(self):
        source = random.Random(SEED)
        while not self._over.wait(0.05):
            self._flush(_terminator(source) if len(self.runs) % 3 == 0 else None)

    def _flush(self, meanwhile=None):
        self.runs.append(self._sandbox.flush(meanwhile=meanwhile))

    def _kill(self):
        while not self._over.wait(LIFE_S):
            self._server.restart(pause_s=DEATH_S)
            self.kills += 1


def test_storm():
    with Sandbox(settings="retry 1s..2s") as sandbox, Moody(sandbox.folder / "taken", SEED) as server:
        # The same file with another server: a key may be given once.
        config = (sandbox.folder / "config").read_text()
        config = config.replace(f":{sandbox.taker.port}\n", f":{server.port}\n")
        (sandbox.folder / "config").write_text(config)
        storm = Storm(sandbox, server)
        try:
            storm.rage()
            storm.drain()
        finally:
            for process in storm.processes():
                with contextlib.suppress(ProcessLookupError):
                    os.kill(process, 9)
        check(storm, server.taken())


def check(storm, taken):
    """Every message arrived once, or as the program said."""
    found, doubts, problems = Counter(), storm.in_doubt(), []
    mails = {mail.message_id: mail for mail, _, _ in storm.sent}
    for record in taken:
        if record.message_id not in mails:
            assert record.sender == "" and record.recipients == ["alice@example.org"], f"what is this? {record}"
            continue
        digest = hashlib.sha256(mails[record.message_id].wire).hexdigest()
        if record.digest != digest:
            problems.append(f"{record.message_id} was changed")
        if record.silent and record.message_id not in doubts:
            problems.append(f"{record.message_id} was taken without a word, and the log does not say in doubt")
        found[record.message_id] += 1
    for mail, mode, run in storm.sent:
        check_run(run, (signal.SIGTERM,))
        number = found[mail.message_id]
        is_unknown = mail.recipients[0].startswith("unknown")
        if is_unknown and number > 0:
            problems.append(f"{mail.message_id}: the server took what it refuses")
        if run.status == 0 and number == 0 and not is_unknown:
            problems.append(f"{mail.message_id} {mode} is lost")
        if run.status > 0 and number > 0 and mail.message_id not in doubts:
            problems.append(f"{mail.message_id} {mode} arrived, although: {run}")
        if run.status == 0 and run.stderr:
            problems.append(f"{mail.message_id} {mode}: success is not silent: {run}")
        if number > 1 and mail.message_id not in doubts:
            problems.append(f"{mail.message_id} {mode} arrived {number} times, and the log does not say in doubt")
    for line in storm.log():
        if "in_doubt=yes" in line and 'server=""' in line:
            problems.append(f"in doubt, and no server was reached: {line}")
    for run in storm.runs:
        check_run(run, (signal.SIGTERM,))
        if run.status > 0 or run.stderr:
            problems.append(f"a run failed: {run}")
    twice = sum(1 for number in found.values() if number > 1)
    statuses = Counter(run.status for _, _, run in storm.sent)
    print(
        f"storm: {len(storm.sent)} messages (status: {dict(statuses)}), {len(storm.runs)} runs, "
        f"{storm.kills} servers killed, {len(taken)} deliveries, {len(doubts)} in doubt, {twice} delivered twice"
    )
    assert not problems, f"{len(problems)} problems:\n" + "\n".join(problems[:20])


def _terminator(source):
    """Something that tells a process to end at a moment of its choice."""

    def terminate(process):
        time.sleep(source.uniform(0, TERMINATED_S))
        process.terminate()

    return terminate
