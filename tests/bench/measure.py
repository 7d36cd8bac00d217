# SPDX-License-Identifier: ISC
"""The instruments: the sink, the delay, the clock, callgrind and strace."""

import json
import os
import re
import shutil
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

HERE = Path(__file__).resolve().parent

# System calls that write, and what strace -yy shows of a descriptor that is a TCP connection.
WRITES = "write,writev,pwrite64,sendto,sendmsg,sendmmsg"
TO_SERVER = re.compile(r"^\d+\s+\w+\(\d+<TCP")
TO_FILE = re.compile(r"^\d+\s+\w+\(\d+</(?!dev/)")

SYNCS = ("fsync", "fdatasync", "sync", "syncfs", "msync", "sync_file_range")
REMOVALS = ("unlink", "unlinkat", "rename", "renameat", "renameat2")


class Failed(Exception):
    """A program did not do what it was run for."""


@dataclass(frozen=True)
class Command:
    """One call of a program."""

    argv: list
    env: dict
    message: Path  # on standard input
    within: tuple = ()  # what goes before it, and before its instrument: where it runs


@dataclass(frozen=True)
class Taken:
    """What one run took."""

    elapsed_ms: float
    cpu_ms: float
    resident_mb: float


@dataclass(frozen=True)
class Seen:
    """What the sink has seen since it began."""

    connections: int
    logins: int
    messages: int
    recipients: int
    octets: int
    cpu_us: int
    first_us: int  # when it took the first message, and the last: of CLOCK_MONOTONIC; 0: never
    last_us: int

    def __sub__(self, before):
        counts = [now - then for now, then in zip(vars(self).values(), vars(before).values())]
        return Seen(*counts[:-2], self.first_us, self.last_us)


def memory_to_spare():
    """Octets that can be had without pushing anything else out."""
    return os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_AVPHYS_PAGES")


class _Server:
    """A process that tells its ports on the first line, and ends with its input."""

    def __init__(self, argv):
        self._process = subprocess.Popen(argv, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, bufsize=1)
        self.ports = [int(word) for word in self._process.stdout.readline().split()]
        if not self.ports:
            raise Failed(f"{argv[0]} does not start")

    def __enter__(self):
        return self

    def __exit__(self, *error):
        self._process.stdin.close()
        self._process.wait(timeout=10)
        self._process.stdout.close()

    def _line(self):
        return self._process.stdout.readline()


class Sink(_Server):
    """tests/bench/sink.c; leaves out the extensions named; tickets: lets TLS sessions be resumed."""

    def __init__(self, tools, pair, leave_out=(), tickets=False):
        options = [word for name in leave_out for word in ("-x", name)] + ["-t"] * tickets
        super().__init__([str(tools / "sink"), *options, str(pair.cert), str(pair.key)])
        self.implicit, self.starttls, self.plain = self.ports

    def seen(self):
        """What it has seen so far."""
        self._process.stdin.write("\n")
        return Seen(*(int(word) for word in self._line().split()))


class Delay(_Server):
    """tests/bench/delay.py before a port."""

    def __init__(self, port):
        super().__init__([sys.executable, str(HERE / "delay.py"), str(port)])
        self.port = self.ports[0]

    def last(self):
        """What it counted of the connection that ended now: round_trips, writes, octets."""
        return json.loads(self._line())


class Instruments:
    """Run a command and tell what it took; `folder` is for what they write."""

    def __init__(self, tools, folder):
        self._tools = tools
        self._folder = folder
        self.has_valgrind = shutil.which("valgrind") is not None
        self.has_strace = shutil.which("strace") is not None

    def time(self, command):
        """Time and memory."""
        report = self._folder / "report"
        shell = ["/bin/sh", "-c", 'exec "$0" "$@" 3>"$REPORT"']
        status = self._run([*shell, *command.within, str(self._tools / "timed")], command, {"REPORT": str(report)})
        if status:
            raise Failed(f"{command.argv[0]} does not start: {self._complaint()}")
        elapsed_us, user_us, system_us, resident_kib, wait_status = (int(word) for word in report.read_text().split())
        if wait_status:
            raise Failed(f"{command.argv[0]} failed: {self._complaint()}")
        return Taken(elapsed_us / 1e3, (user_us + system_us) / 1e3, resident_kib * 1024 / 1e6)

    def instructions(self, command, profile):
        """Instructions executed in the program's processes; the profiles are left at that path, each with a process's number
        behind it, for callgrind_annotate.
        """
        for old in profile.parent.glob(f"{profile.name}.*"):
            old.unlink()
        tool = ["valgrind", "--quiet", "--tool=callgrind", f"--callgrind-out-file={profile}.%p"]
        if self._run(tool, command, {}) != 0:
            raise Failed(f"{command.argv[0]} failed under callgrind: {self._complaint()}")
        texts = [path.read_text() for path in profile.parent.glob(f"{profile.name}.*")]
        return sum(int(re.search(r"^(?:summary|totals): (\d+)", text, re.MULTILINE).group(1)) for text in texts)

    def writes(self, command):
        """The number of write system calls to the server, and to files."""
        log = self._folder / "strace"
        tool = ["strace", "-f", "-yy", "-e", f"trace={WRITES}", "-e", "signal=none", "-s", "0", "-o", str(log)]
        if self._run(tool, command, {}) != 0:
            raise Failed(f"{command.argv[0]} failed under strace: {self._complaint()}")
        with open(log, encoding="utf-8", errors="replace") as lines:
            kinds = [(bool(TO_SERVER.match(line)), bool(TO_FILE.match(line))) for line in lines]
        return sum(server for server, _ in kinds), sum(file for _, file in kinds)

    def syncs(self, command):
        """The number of system calls that wait for the disk, and of those that remove a name."""
        log = self._folder / "strace"
        calls = ",".join(SYNCS + REMOVALS)
        tool = ["strace", "-f", "-e", f"trace={calls}", "-e", "signal=none", "-o", str(log)]
        if self._run([*command.within, *tool], command, {}) != 0:
            raise Failed(f"{command.argv[0]} failed under strace: {self._complaint()}")
        made = re.findall(r"^\d+\s+(\w+)\(.*(?:= 0$|<unfinished)", log.read_text(errors="replace"), re.MULTILINE)
        return sum(name in SYNCS for name in made), sum(name in REMOVALS for name in made)

    def _run(self, tool, command, env):
        with open(command.message, "rb") as message, open(self._folder / "output", "wb") as output:
            return subprocess.run(
                [*tool, *command.argv],
                stdin=message, stdout=output, stderr=subprocess.STDOUT,
                env={"PATH": os.environ["PATH"], "LC_ALL": "C.UTF-8", **command.env, **env},
                check=False,
            ).returncode

    def output(self):
        """The lines that the last command printed."""
        return (self._folder / "output").read_text(errors="replace").splitlines()

    def _complaint(self):
        lines = self.output()
        return lines[-1] if lines else "it says nothing"
