# SPDX-License-Identifier: ISC
"""The rows of composing: sendoff beside mutt, s-nail, swaks, curl and nodemailer.  See README."""

import math
import random
import statistics
import tempfile
from dataclasses import dataclass
from pathlib import Path

from composers import Curl, Letter, Mutt, Nodemailer, Piped, Sendoff, Snail, Swaks
from measure import Command, Failed, Sink, memory_to_spare
from table import Line, of_each

COLUMNS = ("sendoff", "piped", "mutt", "s-nail", "swaks", "curl", "nodemailer")
ENCODERS = ("sendoff", "nettle", "openssl", "node", "base64(1)")

MB = 1000 * 1000
RECORD = 16384
RATIO_MARK = 1.6
TEXT_MARK = 1.25
MEMORY_MARK_MB = 8.0
ENCODE_MARK = 0.5
ENCODE_RUNS = 15

# A line of the text.
TEXT = b"The report of last night is attached. Please look at it before noon.\n"


@dataclass(frozen=True)
class Row:
    """One letter, and what is measured of it."""

    name: str
    title: str
    text_lines: int
    octets: int  # of what is attached
    runs: int
    slow_runs: int  # of the peers
    counted: tuple  # with callgrind, too
    ratio_mark: float = 0.0  # to what is piped
    text: bool = False  # the file is UTF-8 text; ours alone


# Not counted: peers with 100 MB, which take too long; s-nail, where a child sends; node, which makes its own code.
ROWS = (
    Row("compose-100mb", "100 MB attached", 1, 100 * MB, 15, 3, ("sendoff", "piped"), RATIO_MARK),
    Row("compose-text", "100 MB of text attached", 1, 100 * MB, 15, 0, ("sendoff", "piped"), TEXT_MARK, text=True),
    Row("compose-small", "10 KB attached", 15, 10 * 1000, 41, 41, ("sendoff", "piped", "mutt", "swaks", "curl")),
)
# With 100 MB it takes minutes to count that, and the small letter shows it, too.
WRITE_BY_THE_LINE = ("mutt", "s-nail")
TITLES = {row.name: row.title for row in ROWS}
ENCODE_TITLES = {"compose-encode": "base64 alone"}


class ComposeBench:
    """All that these rows share; `bench` is run.py's."""

    def __init__(self, bench, build):
        self._bench = bench
        self._build = build

    def run(self, name):
        """The lines of the row of that name."""
        with tempfile.TemporaryDirectory(prefix=name, dir=self._bench.folder) as folder:
            try:
                return self._run_in(Path(folder), name)
            except Failed as failure:
                self._bench.failures.append(f"{name}: {failure}")
                return []

    def _run_in(self, folder, name):
        if name in ENCODE_TITLES:
            return _Encoding(self._bench, folder).run(ENCODE_TITLES[name])
        (row,) = [row for row in ROWS if row.name == name]
        with Sink(self._bench.tools, self._bench.certs.good) as sink:
            return _Composing(self._bench, self._build, folder, row, sink).run()


class _Composing:
    """One row, in a folder of its own."""

    def __init__(self, bench, build, folder, row, sink):
        self._bench, self._row, self._sink = bench, row, sink
        attachment = folder / ("data.txt" if row.text else "data.bin")
        self._letter = Letter(sink.implicit, folder / "text", attachment, folder / "message")
        self._letter.text.write_bytes(TEXT * row.text_lines)
        (make_text if row.text else make_random)(attachment, row.octets)
        sendoff = Sendoff(folder, build)
        bench.instruments.time(sendoff.output(self._letter))
        peers = [] if row.text else [peer(folder) for peer in (Mutt, Snail, Swaks, Curl, Nodemailer)]
        self._composers = [composer for composer in (sendoff, Piped(folder, build), *peers) if self._fits(composer)]

    def run(self):
        """The lines of the row."""
        lines = self._timed()
        if self._bench.instruments.has_valgrind:
            lines.append(self._counted())
        if self._bench.instruments.has_strace:
            lines.append(self._writes())
        return lines

    def _fits(self, composer):
        fits = composer.holds * self._row.octets <= memory_to_spare()
        if not fits:
            self._bench.notes.append(f"{self._row.title}: not enough memory here for {composer.name}")
        return fits

    def _checked(self, composer, measure):
        """What `measure` gives for the composer's command, and what the sink saw; None where it saw something else."""
        before = self._sink.seen()
        try:
            result = measure(composer.command(self._letter))
            seen = self._sink.seen() - before
            if (seen.logins, seen.messages, seen.recipients) != (1, 1, 1) or not self._is_plausible(seen.octets):
                raise Failed(f"the sink saw something else: {seen}")
            return result, seen
        except Failed as failure:
            self._bench.failures.append(f"{self._row.title}: {composer.name}: {failure}")
            # It is not asked again.
            self._composers.remove(composer)
            return None

    def _is_plausible(self, octets):
        """Base64's four for three, the ends of lines, the text, and headers."""
        least = self._row.octets / 3 * 4 + self._letter.text.stat().st_size
        return least < octets < 1.05 * least + 4000

    def _timed(self):
        title, taken = self._row.title, {}
        turns = max(1, round(self._row.runs * self._bench.factor))
        slow_turns = max(1, round(self._row.slow_runs * self._bench.factor))
        for turn in range(turns):
            for composer in list(self._composers):
                if turn >= slow_turns and composer.name not in ("sendoff", "piped"):
                    continue
                checked = self._checked(composer, self._bench.instruments.time)
                if checked:
                    taken.setdefault(composer.name, []).append(checked[0])
        self._bench.note_times(self._row.title, taken)
        mark = self._row.ratio_mark
        return [
            Line(title, "ms", of_each(statistics.median, taken, "elapsed_ms"), mark, base="piped"),
            Line(title, "ms at best", of_each(min, taken, "elapsed_ms"), mark, base="piped"),
            Line(title, "MB resident", of_each(max, taken, "resident_mb"), mark=MEMORY_MARK_MB),
        ]

    def _counted(self):
        mark = 0.0 if self._row.text else self._row.ratio_mark
        line = Line(self._row.title, "M instructions", {}, mark, base="piped")
        for composer in list(self._composers):
            if composer.name in self._row.counted:
                profile = self._bench.profiles / f"{self._row.name}.{composer.name}"
                instruments = self._bench.instruments
                checked = self._checked(composer, lambda command, out=profile: instruments.instructions(command, out))
                if checked:
                    line.figures[composer.name] = checked[0] / 1e6
        return line

    def _writes(self):
        """For each 16 KiB of what each sends; of a small message, all."""
        large = self._row.octets > RECORD
        line = Line(self._row.title, f"writes to the server{' per 16 KiB' if large else ''}", base="")
        if large:
            line.mark = 1.0
        for composer in list(self._composers):
            if large and composer.name in WRITE_BY_THE_LINE:
                continue
            checked = self._checked(composer, self._bench.instruments.writes)
            if checked:
                (to_server, _), seen = checked
                line.figures[composer.name] = to_server / (math.ceil(seen.octets / RECORD) if large else 1)
        return line


class _Encoding:
    """The row of base64 alone, in a folder of its own."""

    def __init__(self, bench, folder):
        self._bench, self._file = bench, folder / "data.bin"
        self._turns = max(1, round(ENCODE_RUNS * bench.factor))
        make_random(self._file, 100 * MB)

    def run(self, title):
        """The line: MB/s in the best run of each."""
        block, *lines = self._output([str(self._bench.tools / "encode"), str(self._turns)])
        figures = {name: float(rate) for name, rate in (line.split() for line in lines)}
        (rate,) = self._output(["node", str(Path(__file__).with_name("encode.js")), str(self._turns), block])
        figures["node"] = float(rate)
        figures["base64(1)"] = max(self._rate_of_process() for _ in range(self._turns))
        fastest = max((name for name in figures if name != "sendoff"), key=figures.get)
        return [Line(title, "MB/s", figures, ENCODE_MARK, base=fastest, more=True)]

    def _output(self, argv):
        self._bench.instruments.time(Command(argv, {}, self._file))
        return self._bench.instruments.output()

    def _rate_of_process(self):
        """coreutils', from its start to its end."""
        command = Command(["sh", "-c", "exec base64 -w76 >/dev/null"], {}, self._file)
        return self._file.stat().st_size / 1e3 / self._bench.instruments.time(command).elapsed_ms


def make_random(path, octets):
    """A file of so many random octets, the same ones each time."""
    source = random.Random(1)
    with open(path, "wb") as file:
        for begin in range(0, octets, MB):
            file.write(source.randbytes(min(MB, octets - begin)))


def make_text(path, octets):
    """A file of about so many octets of lines, a quarter of them in characters beyond ASCII."""
    words = "Straße für über und Привет the report of last night is attached – 5 € naïve".split()
    source = random.Random(1)
    lines = "".join(" ".join(source.choices(words, k=10)) + "\n" for _ in range(20000)).encode()
    with open(path, "wb") as file:
        for _ in range(octets // len(lines)):
            file.write(lines)
