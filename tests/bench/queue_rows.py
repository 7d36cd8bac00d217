# SPDX-License-Identifier: ISC
"""The rows of the queue: sendoff beside Postfix, nullmailer, dma and Exim, and the floor.  See README."""

import contextlib
import os
import statistics
import time
from dataclasses import dataclass
from pathlib import Path

from measure import Delay, Failed, Sink
from peers import Dma, Exim, Floor, Nullmailer, Postfix, PostfixReuse, Sendoff, forgets_files
from table import Line, of_each

COLUMNS = ("sendoff", "floor", "postfix", "reuse", "nullmailer", "dma", "exim")
TITLES = {
    "queue-enqueue": "1 KB queued",
    "queue-flush": "500 messages sent",
    "queue-far": "500 sent, 40 ms away",
    "queue-full": "100,000 queued",
}

# Nothing is sent where messages are only queued: there is no server.
NO_PORT = 9
ENQUEUE_RUNS = 61
FLUSH_RUNS = 3
FLUSHED = 500
TRACED = 100
# nullmailer's are fewer: it takes as long for each of them.
FLUSHED_SLOWLY, FLUSHED_SLOWLY_FAR = {"nullmailer": 100}, {"nullmailer": 40}
FULL = 100 * 1000
ARRIVAL_S = 120
POLL_S = 0.01

ENQUEUE_RATIO_MARK = 1.5
SYNCS_MARK = 2  # and one more where a file system without a journal needs it
FLUSH_RATIO_MARK = 2.0
TRIPS_MARK = 1.1
EIGHT_MARK_S = 4.0

ONE_CONNECTION = ("connections 1",)
EIGHT_CONNECTIONS = ("connections 8",)


@dataclass(frozen=True)
class Flush:
    """What came of one flush."""

    elapsed_s: float
    messages: int
    connections: int
    round_trips: int  # 0: not counted
    sink_s: float  # processor time

    @property
    def rate(self):
        return self.messages / self.elapsed_s


class QueueBench:
    """All that these rows share; `bench` is run.py's."""

    def __init__(self, bench, build, message):
        self._bench = bench
        self._build = build
        self._message = message
        self._count = 0

    def run(self, name):
        """The lines of the row of that name."""
        rows = {
            "queue-enqueue": self._enqueue, "queue-flush": self._flush, "queue-far": self._far,
            "queue-full": self._full,
        }
        return rows[name](TITLES[name])

    def _folder(self):
        self._count += 1
        return self._bench.folder / f"queue{self._count}"

    def _sendoff(self, port, lines=ONE_CONNECTION):
        return Sendoff(self._folder(), port, self._build, lines)

    def _sink(self):
        return Sink(self._bench.tools, self._bench.certs.good, tickets=True)

    @contextlib.contextmanager
    def _complaining(self, row, name):
        """A program that does not do what it was run for lacks a figure, and no other does."""
        try:
            yield
        except Failed as failure:
            self._bench.failures.append(f"{row}: {name}: {failure}")

    # Queueing.

    def _enqueue(self, title):
        taken, syncs = {}, {}
        with contextlib.ExitStack() as stack:
            floor = Floor(self._folder(), NO_PORT, self._bench.tools)
            peers = [peer(self._folder(), NO_PORT) for peer in (Postfix, Nullmailer, Dma, Exim)]
            queuers = [self._sendoff(NO_PORT), floor, *peers]
            there = [queuer for queuer in queuers if self._moved_in(stack, title, queuer)]
            for turn in range(max(1, round(ENQUEUE_RUNS * self._bench.factor))):
                there = [queuer for queuer in there if self._enqueue_noted(title, queuer, taken, turn + 1)]
            for queuer in there if self._bench.instruments.has_strace else ():
                with self._complaining(title, queuer.name):
                    syncs[queuer.name], _ = self._bench.instruments.syncs(queuer.enqueue(self._message))
        self._bench.note_times(title, taken)
        return [
            Line(title, "ms", of_each(statistics.median, taken, "elapsed_ms"), ENQUEUE_RATIO_MARK, base="floor"),
            Line(title, "ms at best", of_each(min, taken, "elapsed_ms"), ENQUEUE_RATIO_MARK, base="floor"),
            Line(title, "MB resident", of_each(statistics.median, taken, "resident_mb"), base=""),
            Line(title, "times waited for the disk", syncs, mark=SYNCS_MARK + forgets_files(self._bench.folder), exact=True, peers=False),
        ]

    def _moved_in(self, stack, row, queuer):
        with self._complaining(row, queuer.name):
            stack.enter_context(queuer)
            return True
        return False

    def _enqueue_noted(self, title, queuer, taken, count):
        """False where it failed: it is not asked again."""
        with self._complaining(title, queuer.name):
            # What others have left to write would be waited for, too.
            os.sync()
            result = self._bench.instruments.time(queuer.enqueue(self._message))
            queuer.settle(count)
            taken.setdefault(queuer.name, []).append(result)
            return True
        return False

    # Sending.

    def _flush(self, title):
        flushes = {}
        for queuer in (self._sendoff, *self._peers()):
            for _ in range(max(1, round(FLUSH_RUNS * self._bench.factor))):
                self._flush_noted(title, queuer, flushes)
        self._note_sink(title, flushes)
        syncs, removals = self._flush_traced(title)
        return [
            Line(title, "messages/s", of_each(statistics.median, flushes, "rate"), FLUSH_RATIO_MARK, base="postfix",
                 more=True),
            Line(title, "connections", of_each(statistics.median, flushes, "connections"), peers=False),
            Line(title, "waits for the disk a message", syncs, base="", peers=False),
            Line(title, "removals a message", removals, base="", peers=False),
        ]

    def _peers(self, peers=(Postfix, PostfixReuse, Nullmailer, Dma)):
        return [lambda port, peer=peer: peer(self._folder(), port) for peer in peers]

    def _flush_noted(self, title, make, flushes, delayed=False):
        with contextlib.ExitStack() as stack:
            sink = stack.enter_context(self._sink())
            delay = stack.enter_context(Delay(sink.implicit)) if delayed else None
            queuer = make(delay.port if delay else sink.implicit)
            with self._complaining(title, queuer.name):
                stack.enter_context(queuer)
                count = (FLUSHED_SLOWLY_FAR if delayed else FLUSHED_SLOWLY).get(queuer.name, FLUSHED)
                queuer.fill(self._message, count)
                queuer.allow()
                flush = self._flush_once(queuer, sink, delay, count)
                flushes.setdefault(queuer.name, []).append(flush)

    def _flush_once(self, queuer, sink, delay, count):
        """One flush: ours lasts until nothing is left to do, a peer's until the server has the last message."""
        os.sync()
        began_us = time.monotonic_ns() // 1000
        taken = self._bench.instruments.time(queuer.flush())
        seen = _wait_for(sink, count)
        elapsed_us = seen.last_us - began_us
        if queuer.name == "sendoff":
            elapsed_us = taken.elapsed_ms * 1000
        queuer.settle(0)
        trips = sum(delay.last()["round_trips"] for _ in range(seen.connections)) if delay else 0
        if sink.seen().messages != count:
            raise Failed(f"{sink.seen().messages} messages arrived, not {count}")
        return Flush(elapsed_us / 1e6, count, seen.connections, trips, seen.cpu_us / 1e6)

    def _flush_traced(self, title):
        """How often each waits for the disk, and removes a name, for each message; Postfix's daemons are not traced."""
        syncs, removals = {}, {}
        makers = [self._sendoff, *self._peers((Nullmailer, Dma))]
        for make in makers if self._bench.instruments.has_strace else ():
            with self._sink() as sink, contextlib.ExitStack() as stack:
                queuer = make(sink.implicit)
                with self._complaining(title, queuer.name):
                    stack.enter_context(queuer)
                    queuer.fill(self._message, TRACED)
                    counts = self._bench.instruments.syncs(queuer.flush())
                    _wait_for(sink, TRACED)
                    syncs[queuer.name], removals[queuer.name] = (number / TRACED for number in counts)
        return syncs, removals

    def _far(self, title):
        flushes, eightfold = {}, {}
        for queuer in (self._sendoff, *self._peers()):
            self._flush_noted(title, queuer, flushes, delayed=True)
        self._flush_noted(title, lambda port: self._sendoff(port, EIGHT_CONNECTIONS), eightfold, delayed=True)
        self._note_sink(title, flushes)
        trips = {name: runs[0].round_trips / runs[0].messages for name, runs in flushes.items()}
        seconds = {name: FLUSHED / runs[0].rate for name, runs in {**flushes, **eightfold}.items()}
        rates = of_each(max, flushes, "rate")
        return [
            Line(f"{title}, one connection", "messages/s", rates, base="postfix", more=True),
            Line(f"{title}, one connection", "round trips a message", trips, mark=TRIPS_MARK),
            Line(f"{title}, 8 connections", "s", seconds if eightfold else {}, mark=EIGHT_MARK_S),
        ]

    def _note_sink(self, title, flushes):
        busy = [
            f"{name} {100 * sum(run.sink_s for run in runs) / sum(run.elapsed_s for run in runs):.0f} %"
            for name, runs in flushes.items()
        ]
        self._bench.notes.append(f"{title}: the sink was busy: {', '.join(busy)}")

    # A long queue.

    def _full(self, title):
        lines = []
        with contextlib.ExitStack() as stack:
            sink = stack.enter_context(self._sink())
            queuer = self._sendoff(sink.implicit, ())
            with self._complaining(title, queuer.name):
                stack.enter_context(queuer)
                queuer.fill_quickly(self._bench.tools / "fill", self._message, FULL)
                lines = self._list_full(title, queuer) + self._flush_full(title, queuer, sink)
        return lines

    def _list_full(self, title, queuer):
        taken = self._bench.instruments.time(queuer.mailq())
        last = self._bench.instruments.output()[-1]
        if f" {FULL} " not in last:
            raise Failed(f"mailq lists something else: {last}")
        return [
            Line(title, "s until mailq has listed them", {"sendoff": taken.elapsed_ms / 1000}),
            Line(title, "MB resident, of mailq", {"sendoff": taken.resident_mb}),
        ]

    def _flush_full(self, title, queuer, sink):
        os.sync()
        began_us = time.monotonic_ns() // 1000
        taken = self._bench.instruments.time(queuer.flush())
        seen = _wait_for(sink, FULL)
        queuer.settle(0)
        if seen.messages != FULL:
            raise Failed(f"{seen.messages} messages arrived")
        return [
            Line(title, "ms until the first one is sent", {"sendoff": (seen.first_us - began_us) / 1000}),
            Line(title, "MB resident, until all are sent", {"sendoff": taken.resident_mb}),
            Line(title, "messages/s", {"sendoff": FULL / taken.elapsed_ms * 1000}),
        ]


def _wait_for(sink, count):
    """Waits until the sink has that many messages; what it has seen by then."""
    end = time.monotonic() + ARRIVAL_S
    while sink.seen().messages < count:
        if time.monotonic() > end:
            raise Failed(f"only {sink.seen().messages} of {count} messages arrived")
        time.sleep(POLL_S)
    return sink.seen()
