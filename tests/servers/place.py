# SPDX-License-Identifier: ISC
"""A folder with a configuration and a queue, and all processes of the program that use them.

    with Place(tmp_path, host.config) as place:
        result = place.send("-odq", "bob@example.net")
        assert place.waiting()
        place.settle()                  # until the last process behind the caller's back has ended

What still runs at the end is killed; whether it should have ended is for the test to ask.
"""

import contextlib
import json
import os
import re
import shlex
import signal
import subprocess
from dataclasses import dataclass
from pathlib import Path

from .client import PASSED_ON, binary, write_private
from .taker import wait_until

PATIENCE_S = 60  # enough for the slowest machine, little beside a hang
ID = re.compile(r"[0-9A-Za-z]{10}")
MESSAGE = b"Subject: hello\n\nhello\n"

# root's dead.letter lies in /root: a process that may write one gets a /root of its own.
OWN_HOME = 'mount --bind "$1" /root && shift && exec "$@"'


@dataclass(frozen=True)
class Result:
    """What a run of the program came to."""

    args: tuple
    status: int
    stdout: str
    stderr: str

    def __str__(self):
        return f"{' '.join(self.args)}: exit {self.status}\n{self.stdout}{self.stderr}"

    @property
    def is_silent(self):
        """Nothing was printed."""
        return not self.stdout and not self.stderr


class Place:
    """The folder; the configuration is the given text, and where queue and log are.  None: it is written elsewhere."""

    def __init__(self, folder, config):
        self.folder = Path(folder)
        self.queue = self.folder / "queue"
        self.log_file = self.folder / "log"
        if config is not None:
            self.configure(config)

    def __enter__(self):
        return self

    def __exit__(self, *_error):
        self.end()

    def configure(self, config):
        """Writes the configuration anew."""
        lines = f"queue_dir {self.queue}\ndefaults\nsyslog off\nlog_file {self.log_file}\n"
        text = config if re.search(r"^account\b", config, re.MULTILINE) else f"account default\n{config}"
        write_private(self.folder / "config", lines + text)

    def environment(self, **added):
        """Of the program."""
        passed_on = {name: os.environ[name] for name in PASSED_ON if name in os.environ}
        names = {"PATH": "/usr/bin:/bin", "LC_ALL": "C.UTF-8", "HOME": str(self.folder), **self._mark, **passed_on}
        return {**names, **added}

    @property
    def _mark(self):
        return {"SENDOFF_CONFIG": str(self.folder / "config")}

    def start(self, *args, name="sendmail", wrapper=(), env=None, **options):
        """Starts the program, with pipes."""
        pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "stderr": subprocess.PIPE}
        command = [*wrapper, str(binary(name)), *args]
        return subprocess.Popen(command, **{**pipes, "env": self.environment(**(env or {})), **options})

    def finish(self, process, input_bytes=MESSAGE):
        """Waits for its end, which is that of all who hold its standard output and error."""
        with contextlib.suppress(BrokenPipeError):
            out, complaints = process.communicate(input_bytes, timeout=PATIENCE_S)
        text = [(octets or b"").decode(errors="replace") for octets in (out, complaints)]
        return Result(tuple(process.args), process.returncode, *text)

    def send(self, *args, input_bytes=MESSAGE, **options):
        """sendmail with the message on standard input."""
        return self.finish(self.start(*args, **options), input_bytes)

    def run(self, *args, **options):
        """The program without input: runs, mailq."""
        return self.send(*args, input_bytes=b"", **options)

    def queued(self, *args, **options):
        """Queues a message, and returns its id."""
        before = set(self.waiting())
        result = self.send("-odq", *(args or ("bob@example.net",)), **options)
        assert result.status == 0 and result.is_silent, str(result)
        (name,) = set(self.waiting()) - before
        return name

    def waiting(self):
        """The ids of the messages in the queue."""
        try:
            return sorted(name for name in os.listdir(self.queue) if ID.fullmatch(name))
        except FileNotFoundError:
            return []

    def listing(self):
        """What `sendoff queue list --json` says, by id."""
        result = self.run("queue", "list", "--json", name="sendoff")
        assert result.status == 0 and not result.stderr, str(result)
        return {entry["queue_id"]: entry for entry in map(json.loads, result.stdout.splitlines())}

    def mailq(self):
        """What mailq prints."""
        result = self.run(name="mailq")
        assert result.status == 0 and not result.stderr, str(result)
        return result.stdout

    def log(self):
        """The lines of the log, as dictionaries."""
        text = self.log_file.read_text(encoding="utf-8") if self.log_file.exists() else ""
        return [dict(word.split("=", 1) for word in shlex.split(line)[1:]) for line in text.splitlines()]

    def processes(self):
        """The processes of the program that have this configuration."""
        # One that was listed may be gone before it is looked at, and have left its work to one that was not listed yet.
        return self._processes() or self._processes()

    def runners(self):
        """Those of them that see to the queue."""
        return self._titled(b"sendoff: sees to")

    def workers(self):
        """Those of them that have a connection."""
        return self._titled(b"sendoff: sends")

    def _titled(self, title):
        found = []
        for pid in self.processes():
            with contextlib.suppress(OSError):
                if Path(f"/proc/{pid}/cmdline").read_bytes().startswith(title):
                    found.append(pid)
        return found

    def _processes(self):
        mark = "".join(f"{name}={value}" for name, value in self._mark.items()).encode()
        found = []
        for path in Path("/proc").glob("[0-9]*"):
            with contextlib.suppress(OSError):
                if mark in (path / "environ").read_bytes().split(b"\0") and _is_ours(path):
                    found.append(int(path.name))
        return sorted(found)

    def settle(self):
        """Waits until no process is left."""
        assert wait_until(lambda: not self.processes(), PATIENCE_S), f"these do not end: {self.describe()}"

    def describe(self):
        """What there is, for failures."""
        lines = [f"{pid}: {Path(f'/proc/{pid}/cmdline').read_bytes()} {Path(f'/proc/{pid}/wchan').read_text()}"
                 for pid in self.processes()]  # fmt: skip
        log = self.log_file.read_text(encoding="utf-8") if self.log_file.exists() else "no log"
        return "\n".join([*lines, self.mailq(), log])

    def end(self):
        """Kills what is left."""
        while pids := self.processes():
            for pid in pids:
                with contextlib.suppress(ProcessLookupError):
                    os.kill(pid, signal.SIGKILL)
            wait_until(lambda killed=pids: not set(killed) & set(self.processes()), PATIENCE_S)


def _is_ours(process):
    return os.path.realpath(process / "exe").removesuffix(" (deleted)") == str(binary("sendoff").resolve())


def has_namespaces():
    """Whether there can be a /root of our own."""
    return subprocess.run(["unshare", "--mount", "true"], capture_output=True, check=False).returncode == 0


def own_home(folder):
    """A wrapper for a program whose /root is a new folder in that one."""
    home = Path(folder) / "root"
    home.mkdir(mode=0o700, exist_ok=True)
    return ("unshare", "--mount", "sh", "-c", OWN_HOME, "sh", str(home))
