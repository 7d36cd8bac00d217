# SPDX-License-Identifier: ISC
"""Disturbs one process of a program's at one of its system calls: see fault.c, which does it.

    Fault("0.1", call.number, 2, "kill")    # the program's first child, at its second call of that number
    wrapper(log, [fault, ...])              # to be put before the program
    report(log).hit                         # whether it came to that

strace(1) counts the calls of each process too, but has no way to say which process is meant.
"""

import functools
import os
import re
import subprocess
import threading
from dataclasses import dataclass
from pathlib import Path

from . import BUILD

SOURCE = Path(__file__).with_name("fault.c")
FLAGS = ("-O1", "-Wall", "-Wextra", "-Werror")


@dataclass(frozen=True)
class Fault:
    """Where, and what: the actions are fault.c's."""

    process: str
    number: int
    nth: int
    action: str
    and_later: bool = False

    def __str__(self):
        return f"{self.process}:{self.number}:{self.nth}{'+' if self.and_later else ''}:{self.action}"


@dataclass(frozen=True)
class Report:
    """What came of it."""

    hit: bool
    died: tuple  # signals that ended processes, and were not of our making


def wrapper(log, faults):
    """The program that has the first of the faults that fits, and all else as it would be."""
    return (str(_program()), str(log), *map(str, faults), "--")


def report(log):
    """What its log says; it may still be running."""
    text = log.read_text() if log.exists() else ""
    died = tuple(int(number) for number in re.findall(r"^died (\d+) ", text, re.MULTILINE))
    return Report(re.search(r"^hit .*\n", text, re.MULTILINE) is not None, died)


@functools.cache
def _program():
    """Made where it is not there yet; other processes and threads may be at it at the same time."""
    program = BUILD / "fault"
    if not program.exists() or program.stat().st_mtime < SOURCE.stat().st_mtime:
        BUILD.mkdir(exist_ok=True)
        new = program.with_name(f"fault.{os.getpid()}.{threading.get_ident()}")
        subprocess.run(["cc", *FLAGS, "-o", str(new), str(SOURCE)], check=True)
        new.replace(program)
    return program
