# SPDX-License-Identifier: ISC
"""The benchmark's tables: one line a figure, one column a program."""

import math
from dataclasses import dataclass, field

# Columns which are no program of others, but what sendoff is held against.
FLOORS = ("bare", "floor", "piped")


@dataclass
class Line:
    """One line of a table: a figure of each program."""

    title: str
    unit: str
    figures: dict = field(default_factory=dict)
    ratio_mark: float = 0.0  # the most that sendoff may need, as a multiple of what `base` does
    mark: float = math.inf  # the most that sendoff may need
    peers: bool = True  # whether a peer that needs less is worth a word
    base: str = "bare"
    more: bool = False  # more is better: the marks are the least that sendoff has to reach
    exact: bool = False  # sendoff is to need the mark, and not less either

    def ratio(self):
        """sendoff's figure to the base's; NaN where there is none, or where a mark of another kind holds."""
        if self.mark < math.inf or not {"sendoff", self.base} <= self.figures.keys() or not self.figures[self.base]:
            return math.nan
        return self.figures["sendoff"] / self.figures[self.base]

    def verdict(self):
        """What the marks say of it."""
        ours = self.figures.get("sendoff")
        if ours is None:
            return ""
        ahead = [
            name for name, figure in self.figures.items()
            if self.peers and name not in ("sendoff", *FLOORS) and self._beats(rounded(figure), rounded(ours))
        ]
        marked = self.ratio_mark or self.mark < math.inf
        words = ["missed" if self._misses(rounded(ours)) else "met"] if marked else []
        return "; ".join(words + [f"{name} is ahead" for name in ahead])

    def _beats(self, figure, another):
        return figure > another if self.more else figure < another

    def _misses(self, ours):
        if self.mark < math.inf:
            return ours != self.mark if self.exact else self._beats(self.mark, ours)
        return self._beats(self.ratio_mark, self.ratio())


def of_each(what, taken, figure):
    """Of each program that ran: what() of that figure of its runs."""
    return {name: what([getattr(run, figure) for run in runs]) for name, runs in taken.items() if runs}


def rounded(value):
    """As far as the table shows it."""
    return round(value, 2) if math.isfinite(value) else value


def shown(value):
    """A figure in a width of nine."""
    if value is None or math.isnan(value):
        return "–"
    if value >= 1000 or value == int(value):
        return f"{value:.0f}"
    return f"{value:.1f}" if value >= 10 else f"{value:.2f}"


def labels_of(lines):
    """What stands at the begin of each line: the title is told once."""
    labels, last = [], None
    for line in lines:
        labels.append(f"  {line.unit}" if line.title == last else f"{line.title}, {line.unit}")
        last = line.title
    return labels


def print_table(names, lines):
    """The table, with a column for each of the names."""
    labels = labels_of(lines)
    first = max(map(len, labels))
    widths = [max(9, len(name) + 2) for name in names]
    heads = "".join(f"{name:>{width}}" for name, width in zip(names, widths))
    print(f"\n{'':{first}}{heads}{'ratio':>8}{'mark':>7}  verdict")
    for label, line in zip(labels, lines):
        mark = f"x{line.ratio_mark:g}" if line.ratio_mark else f"{line.mark:g}" if line.mark < math.inf else ""
        figures = "".join(f"{shown(line.figures.get(name)):>{width}}" for name, width in zip(names, widths))
        print(f"{label:<{first}}{figures}{shown(line.ratio()):>8}{mark:>7}  {line.verdict()}".rstrip())
