# SPDX-License-Identifier: ISC
"""A server that answers as it likes, in a process of its own that can be killed; what it took is in a file by then.

    with Moody(folder / "taken", seed=1) as server:
        ...                             # server smtp://127.0.0.1:{server.port}
        server.restart()                # kills it, and starts another in its place
        server.restart(kind=True)       # from now on everything is taken
        server.taken()
"""

import hashlib
import json
import os
import random
import subprocess
import sys
import time
from dataclasses import dataclass
from pathlib import Path

from .daemon import accepts_connections, free_port
from .taker import Hangup, Manners, Taker, message_id, wait_until

PATIENCE_S = 20


@dataclass(frozen=True)
class Record:
    """A message that the server took."""

    message_id: str
    sender: str
    recipients: list
    digest: str  # of its content
    silent: bool  # nobody was told that it was taken


class Moody:
    """The process, as a context manager."""

    def __init__(self, record_file, seed):
        self.port = free_port()
        self._record_file = Path(record_file)
        self._seed = seed
        self._process = None

    def __enter__(self):
        self._start(kind=False)
        return self

    def __exit__(self, *_error):
        self._kill()

    def restart(self, kind=False, pause_s=0.0):
        """Kills the server in the midst of what it does."""
        self._kill()
        time.sleep(pause_s)
        self._start(kind)

    def taken(self):
        """What was taken until now, by all of its lives."""
        lines = self._record_file.read_text(encoding="utf-8").splitlines() if self._record_file.exists() else []
        return [Record(**json.loads(line)) for line in lines]

    def _start(self, kind):
        self._seed += 1
        arguments = [str(self.port), str(self._record_file), "kind" if kind else str(self._seed)]
        folder = Path(__file__).resolve().parents[1]
        self._process = subprocess.Popen([sys.executable, "-m", "servers.moody", *arguments], cwd=folder)
        if not wait_until(lambda: accepts_connections(self.port), PATIENCE_S):
            raise TimeoutError("the moody server does not start")

    def _kill(self):
        self._process.kill()
        self._process.wait()


class Moods(Manners):
    """What it says; the same moods for the same seed, but for the order in which its clients come."""

    def __init__(self, seed):
        self._random = random.Random(seed)

    def greeting(self):
        return self._choose({0.02: b"421 4.3.2 not now"}, b"220 moody.example.net ESMTP")

    def to_recipient(self, address):
        if address.startswith("unknown"):
            return b"550 5.1.1 unknown"
        return self._choose({0.06: b"450 4.2.1 later", 0.02: b"421 4.3.2 enough"}, b"250 2.1.5 ok")

    def to_content(self, taken):
        answer = self._choose({0.05: b"451 4.3.0 no", 0.02: "hangup", 0.03: "silent", 0.15: "slow"}, b"250 2.0.0 taken")
        if answer == "hangup":
            raise Hangup
        if answer == "slow":
            time.sleep(self._random.uniform(0.05, 0.4))
        return {"silent": None, "slow": b"250 2.0.0 taken"}.get(answer, answer)

    def _choose(self, odds, otherwise):
        drawn = self._random.random()
        for chance, answer in odds.items():
            drawn -= chance
            if drawn < 0:
                return answer
        return otherwise


class Kind(Manners):
    """Takes all that can be taken."""

    def to_recipient(self, address):
        return b"550 5.1.1 unknown" if address.startswith("unknown") else b"250 2.1.5 ok"


class Recorder(Taker):
    """Keeps what it takes in a file, before it says so."""

    def __init__(self, record_file, **options):
        super().__init__(**options)
        self._file = os.open(record_file, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o600)

    def record(self, taken, silent):
        line = {
            "message_id": message_id(taken.content),
            "sender": taken.sender,
            "recipients": taken.recipients,
            "digest": hashlib.sha256(taken.content).hexdigest(),
            "silent": silent,
        }
        os.write(self._file, json.dumps(line).encode() + b"\n")


def main():
    """PORT RECORD-FILE SEED|kind"""
    port, record_file, mood = sys.argv[1:]
    manners = Kind() if mood == "kind" else Moods(int(mood))
    with Recorder(record_file, manners=manners, port=int(port), chunking=True):
        while True:
            time.sleep(3600)


if __name__ == "__main__":
    main()
