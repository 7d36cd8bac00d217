#!/usr/bin/python3
# SPDX-License-Identifier: ISC
"""make bench: sendoff beside its peers and the floors, against one sink.  See README.

    tests/bench/run.py BUILD [--rows NAME,...] [--runs FACTOR]

Exits with 1 where a program did not do what it was run for: never because one is slow.
"""

import argparse
import base64
import math
import os
import random
import shutil
import statistics
import subprocess
import sys
import tempfile
from dataclasses import dataclass
from pathlib import Path

TESTS = Path(__file__).resolve().parents[1]
sys.path[:0] = [str(TESTS), str(TESTS / "bench")]

import compose_rows  # noqa: E402
import queue_rows  # noqa: E402
from measure import Delay, Failed, Instruments, Sink, memory_to_spare  # noqa: E402
from senders import SYSTEM_BUNDLE, Bare, Curl, Msmtp, Sendoff, Swaks, Task  # noqa: E402
from servers import certs  # noqa: E402
from table import Line, of_each, print_table  # noqa: E402

MB = 1000 * 1000
SMALL = 1000
ROUND_TRIP_MS = 40
RECORD = 16384
MEMORY_MARK_MB = 7.0
STALL_MARK_MS = 40.0

# Set in the mount namespace whose trust store has the test authority.
INSIDE = "SENDOFF_BENCH_INSIDE"


@dataclass(frozen=True)
class Row:
    """One way to send, and what is measured of it."""

    name: str
    title: str
    octets: int = SMALL
    recipients: int = 1
    way: str = "implicit"  # or "starttls", or "plain": in the clear, without login
    system_trust: bool = True
    runs: int = 0  # of the clock; 0: not measured
    counted: bool = False  # with callgrind, too
    writes: bool = False
    delayed: bool = False
    without: tuple = ()  # extensions that the sink leaves out
    ratio_mark: float = 0.0  # to the bare sender
    trips_mark: int = 0
    slow: tuple = ()  # measured once


# With a large message: measured once.
VERY_SLOW = ("msmtp", "swaks")

ROWS = (
    Row("tls", "small, implicit TLS", runs=41, counted=True, ratio_mark=1.5),
    Row("tls-one-ca", "small, implicit TLS, one CA", system_trust=False, runs=41, counted=True),
    Row("starttls", "small, STARTTLS", way="starttls", runs=41, counted=True, ratio_mark=1.5),
    Row("100mb", "100 MB", octets=100 * MB, runs=11, counted=True, writes=True, ratio_mark=1.25, slow=VERY_SLOW),
    Row("100mb-clear", "100 MB in the clear", octets=100 * MB, way="plain", runs=11, ratio_mark=1.5, slow=VERY_SLOW),
    Row("1gb", "1 GB", octets=1000 * MB, runs=3, slow=VERY_SLOW),
    Row("recipients", "1,000 recipients", recipients=1000, runs=15, counted=True, ratio_mark=1.5),
    Row("far-tls", "40 ms away, implicit TLS", delayed=True, trips_mark=6),
    Row("far-data", "40 ms away, without CHUNKING", delayed=True, without=("CHUNKING",), trips_mark=7),
    Row("far-starttls", "40 ms away, STARTTLS", delayed=True, way="starttls", trips_mark=8),
)

NAMES = ("sendoff", "bare", "msmtp", "curl", "swaks")
# Under callgrind they would take hours.
NOT_COUNTED_LARGE = ("swaks",)
DELAYED_RUNS = 5


class Bench:
    """All that the rows share."""

    def __init__(self, build, folder, factor):
        self.tools = build / "bench"
        self.profiles = self.tools / "profiles"
        self.profiles.mkdir(parents=True, exist_ok=True)
        self.folder = folder
        self.factor = factor
        self.certs = certs.ensure()
        self.instruments = Instruments(self.tools, folder)
        bare = Bare(folder, self.tools, self.certs.ca)
        self.senders = [Sendoff(folder, build), bare, Msmtp(folder), Curl(folder), Swaks(folder)]
        self.memory = {}
        self.failures = []
        self.notes = []
        self._messages = {}

    def run(self, row):
        """The lines of the row."""
        with Sink(self.tools, self.certs.good, row.without) as sink:
            if row.delayed:
                return self._far(row, sink)
            lines = self._timed(row, sink) if row.runs else []
            if row.counted and self.instruments.has_valgrind:
                lines.append(self._counted(row, sink))
            if row.writes and self.instruments.has_strace:
                lines += self._writes(row, sink)
            return lines

    def message(self, octets):
        """A file with a message of about that size."""
        if octets not in self._messages:
            self._messages[octets] = make_message(self.folder / f"message-{octets}", octets)
        return self._messages[octets]

    def note_times(self, title, taken):
        """How far the clock could be trusted: the middle half of each program's times."""
        spreads = []
        for name, results in taken.items():
            times = sorted(result.elapsed_ms for result in results)
            quarter = len(times) // 4
            spreads.append(f"{name} {times[quarter]:.2f} to {times[-1 - quarter]:.2f}")
        self.notes.append(f"{title}: middle half of the ms: {', '.join(spreads)}")

    def forget(self, row):
        """Removes the row's message where it is large."""
        if row.octets > SMALL and row.octets in self._messages:
            message = self._messages.pop(row.octets)
            message.unlink()
            message.with_suffix(".crlf").unlink()

    def _task(self, row, sink, port=0):
        recipients = [f"recipient{i}@example.net" for i in range(row.recipients)]
        ca = None if row.system_trust else self.certs.ca
        return Task(port or getattr(sink, row.way), row.way, ca, self.message(row.octets), recipients)

    def _checked(self, row, sink, sender, task, measure):
        """What `measure` gives for the sender's command; None where the message has not arrived."""
        before = sink.seen()
        try:
            result = measure(sender.command(task))
            seen = sink.seen() - before
            logins = 0 if row.way == "plain" else 1
            arrived = (seen.logins, seen.messages, seen.recipients) == (logins, 1, row.recipients)
            if not arrived or seen.octets < task.message.with_suffix(".crlf").stat().st_size:
                raise Failed(f"the sink saw something else: {seen}")
            return result
        except Failed as failure:
            self.failures.append(f"{row.name}: {sender.name}: {failure}")
            return None

    def _timed(self, row, sink):
        taken = {sender.name: [] for sender in self.senders}
        failed = set()
        task = self._task(row, sink)
        cpu_before = sink.seen().cpu_us
        for turn in range(max(1, round(row.runs * self.factor))):
            for sender in self.senders:
                if sender.name in failed or (turn > 0 and sender.name in row.slow):
                    continue
                if turn == 0 and sender.holds * row.octets > memory_to_spare():
                    self.notes.append(f"{row.title}: not enough memory here for {sender.name}")
                    failed.add(sender.name)
                    continue
                result = self._checked(row, sink, sender, task, self.instruments.time)
                if result is None:
                    failed.add(sender.name)
                else:
                    taken[sender.name].append(result)
        self._note_times(row, taken, sink.seen().cpu_us - cpu_before)
        for sender in self.senders:
            for result in taken[sender.name]:
                self.memory[sender.name] = max(self.memory.get(sender.name, 0.0), result.resident_mb)
        return [
            Line(row.title, "ms", of_each(statistics.median, taken, "elapsed_ms"), row.ratio_mark),
            Line(row.title, "ms at best", of_each(min, taken, "elapsed_ms"), row.ratio_mark),
            Line(row.title, "MB resident", of_each(statistics.median, taken, "resident_mb"), mark=MEMORY_MARK_MB),
        ]

    def _note_times(self, row, taken, sink_us):
        """How far the clock can be trusted in this row, and how busy the sink was."""
        spreads = []
        for name in ("sendoff", "bare"):
            times = sorted(result.elapsed_ms for result in taken[name])
            if len(times) > 2:
                quarter = len(times) // 4
                spreads.append(f"{name} {times[quarter]:.1f} to {times[-1 - quarter]:.1f} (best {times[0]:.1f})")
        elapsed = sum(result.elapsed_ms for results in taken.values() for result in results)
        if elapsed:
            busy = f"the sink was busy {sink_us / 10 / elapsed:.0f} %"
            self.notes.append(f"{row.title}: middle half of the ms: {', '.join(spreads)}; {busy}")

    def _counted(self, row, sink):
        line = Line(row.title, "M instructions", {}, row.ratio_mark)
        task = self._task(row, sink)
        for sender in self.senders:
            if row.octets > SMALL and sender.name in NOT_COUNTED_LARGE:
                continue
            profile = self.profiles / f"{row.name}.{sender.name}"
            count = self._checked(
                row, sink, sender, task, lambda command, out=profile: self.instruments.instructions(command, out)
            )
            if count is not None:
                line.figures[sender.name] = count / 1e6
        return line

    def _writes(self, row, sink):
        to_server = Line(row.title, "writes to the server per 16 KiB", mark=1.0)
        to_files = Line(row.title, "writes to files per 16 KiB", peers=False)
        task = self._task(row, sink)
        records = math.ceil(task.message.with_suffix(".crlf").stat().st_size / RECORD)
        for sender in self.senders:
            counted = self._checked(row, sink, sender, task, self.instruments.writes)
            if counted is not None:
                to_server.figures[sender.name] = counted[0] / records
                to_files.figures[sender.name] = counted[1] / records
        return [to_server, to_files]

    def _far(self, row, sink):
        trips = Line(row.title, "round trips", mark=row.trips_mark)
        elapsed = Line(row.title, "ms")
        beyond = Line(row.title, "ms besides the round trips", mark=STALL_MARK_MS, peers=False)
        for sender in self.senders:
            if sender.name == "bare" and row.without:
                continue
            with Delay(getattr(sink, row.way)) as delay:
                runs = self._far_runs(row, sink, sender, delay)
            if runs:
                whole, count = min(runs)
                trips.figures[sender.name] = count
                elapsed.figures[sender.name] = whole
                beyond.figures[sender.name] = whole - count * ROUND_TRIP_MS
        return [trips, elapsed, beyond]

    def _far_runs(self, row, sink, sender, delay):
        """Milliseconds, and round trips, of each run."""
        task = self._task(row, sink, delay.port)
        runs = []
        for _ in range(DELAYED_RUNS):
            taken = self._checked(row, sink, sender, task, self.instruments.time)
            if taken is not None:
                runs.append((taken.elapsed_ms, delay.last()["round_trips"]))
        return runs


def make_message(path, octets):
    """A complete message of about that size with an attachment's long base64, with LF; beside it, one with CRLF."""
    header = (
        "From: Alice <alice@example.org>\nTo: list@example.net\nSubject: the bench\n"
        "Date: Tue, 01 Jul 2025 10:52:37 +0000\nMessage-ID: <1@bench.example.org>\n"
        "MIME-Version: 1.0\nContent-Type: application/octet-stream\nContent-Transfer-Encoding: base64\n\n"
    ).encode()
    block = base64.encodebytes(random.Random(1).randbytes(57 * 1000 if octets > SMALL else 570))
    for name, end in ((path, b"\n"), (path.with_suffix(".crlf"), b"\r\n")):
        with open(name, "wb") as file:
            file.write(header.replace(b"\n", end))
            for _ in range(max(1, octets // len(block))):
                file.write(block.replace(b"\n", end))
    return path


def trust_test_authority(folder):
    """Puts the system's trust store with the test authority in place of the system's, in this mount namespace."""
    bundle = folder / "ca-certificates.crt"
    bundle.write_bytes(Path(SYSTEM_BUNDLE).read_bytes() + certs.ensure().ca.read_bytes())
    subprocess.run(["mount", "--bind", str(bundle), SYSTEM_BUNDLE], check=True)


def go_inside():
    """Starts again as root of a mount namespace of its own."""
    os.environ[INSIDE] = "1"
    command = [str(TESTS / "as-root"), "unshare", "--mount", sys.executable, *sys.argv]
    os.execv(command[0], command)


def parse_arguments():
    names = [*(row.name for row in ROWS), *compose_rows.TITLES, *compose_rows.ENCODE_TITLES, *queue_rows.TITLES]
    parser = argparse.ArgumentParser(
        description="sendoff beside its peers and the floor", epilog=f"rows: {', '.join(names)}"
    )
    parser.add_argument("build", type=Path, help="the build folder")
    parser.add_argument("--rows", metavar="NAME,...",
                        help="these alone; queue, compose: all that begin with it and a hyphen")
    parser.add_argument("--runs", type=float, default=1.0, metavar="FACTOR", help="as many runs, times this")
    arguments = parser.parse_args()
    wanted = arguments.rows.split(",") if arguments.rows else names
    chosen = {word: [name for name in names if name == word] or
              [name for name in names if name.startswith(f"{word}-")] for word in wanted}
    unknown = [word for word, found in chosen.items() if not found]
    if unknown:
        parser.error(f"no such row: {', '.join(unknown)}")
    arguments.rows = {name for found in chosen.values() for name in found}
    return arguments


def run_rows(bench, wanted):
    """The lines of the rows in which a message is sent at once."""
    lines = []
    for row in ROWS:
        if row.name in wanted:
            print(f"bench: {row.title}", file=sys.stderr, flush=True)
            lines += bench.run(row)
            bench.forget(row)
    if bench.memory:
        lines.append(Line("the most of all runs", "MB resident", bench.memory, mark=MEMORY_MARK_MB))
    return lines


def run_titled(titles, wanted, run):
    """The lines of other rows: name → title."""
    lines = []
    for name, title in titles.items():
        if name in wanted:
            print(f"bench: {title}", file=sys.stderr, flush=True)
            lines += run(name)
    return lines


def run_all(bench, build, wanted):
    """The tables: columns, and lines."""
    compose = compose_rows.ComposeBench(bench, build)
    queue = queue_rows.QueueBench(bench, build, bench.message(SMALL))
    return [
        (NAMES, run_rows(bench, wanted)),
        (compose_rows.COLUMNS, run_titled(compose_rows.TITLES, wanted, compose.run)),
        (compose_rows.ENCODERS, run_titled(compose_rows.ENCODE_TITLES, wanted, compose.run)),
        (queue_rows.COLUMNS, run_titled(queue_rows.TITLES, wanted, queue.run)),
    ]


def main():
    arguments = parse_arguments()
    if INSIDE not in os.environ:
        go_inside()
    build = arguments.build.resolve()
    folder = Path(tempfile.mkdtemp(prefix="run-", dir=build / "bench"))
    try:
        trust_test_authority(folder)
        bench = Bench(build, folder, arguments.runs)
        tables = run_all(bench, build, arguments.rows)
    finally:
        shutil.rmtree(folder)
    for names, lines in tables:
        if lines:
            print_table(names, lines)
    print("\n" + "\n".join(bench.notes))
    for tool, there in (("valgrind", bench.instruments.has_valgrind), ("strace", bench.instruments.has_strace)):
        if not there:
            print(f"bench: no {tool} here: what it counts is left out", file=sys.stderr)
    for failure in bench.failures:
        print(f"bench: {failure}", file=sys.stderr)
    return 1 if bench.failures else 0


if __name__ == "__main__":
    sys.exit(main())
