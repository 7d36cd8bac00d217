# SPDX-License-Identifier: ISC
"""What strace tells of a program's system calls: read, sorted, and put in order.

    subprocess.run([*TRACE, "-o", log, program, …])
    for call in read(log): …
"""

import re
from dataclasses import dataclass

# All strings in hexadecimal digits, so that nothing in a message can look like the log itself.
TRACE = ("strace", "-f", "-yy", "-xx", "-s", "16777216", "-e", "signal=none")

LINE = re.compile(r"(\d+) +(\w+)\((.*)\) += (-?\d+|0x[0-9a-f]+|\?)(.*)", re.DOTALL)
UNFINISHED = re.compile(r"(\d+) +(\w+)\((.*) <unfinished \.\.\.>")
RESUMED = re.compile(r"(\d+) +<\.\.\. (\w+) resumed>(.*)", re.DOTALL)
HEX = re.compile(r"((?:\\x[0-9a-f]{2})+)")
# What a descriptor is, and structures.
ASIDE = re.compile(r"<\w+:\[[^\]]*\]>|<[^>]*>(?:\(deleted\))?|\[[^\]]*\]|\{[^}]*\}")
STRING = re.compile(r'"((?:\\x[0-9a-f]{2})*)"')

NETWORK = {"connect", "sendto", "sendmsg", "recvfrom", "recvmsg"}

# Their strings are no paths.
MOVES_DATA = {"read", "readv", "pread64", "preadv", "write", "writev", "pwrite64", "pwritev", "pwritev2"} | NETWORK


@dataclass(frozen=True)
class Call:
    """One system call; `nth` counts the calls of this name in its process from 1 on, as strace's when= does."""

    process: int
    name: str
    text: str  # the arguments as strace shows them, in hexadecimal
    result: int  # None: it did not return
    nth: int
    injected: bool

    def strings(self):
        """All strings among the arguments, as octets."""
        return [_octets(text) for text in STRING.findall(self.text)]

    def words(self):
        """The arguments without strings and what is in brackets: for plain numbers and flags."""
        return [word.strip() for word in ASIDE.sub("", STRING.sub('""', self.text)).split(",")]

    def descriptor(self, argument=0):
        """The descriptor that stands there, or None."""
        found = re.match(r"(\d+)$", self.words()[argument]) if argument < len(self.words()) else None
        return int(found.group(1)) if found else None

    def readable(self):
        """For people."""
        text = HEX.sub(lambda found: _shown(found.group(1)), self.text)
        return f"{self.name}({text}) = {self.result}"

    def touches(self, folder):
        """Whether a path or descriptor among the arguments lies in that folder."""
        text = STRING.sub("", self.text) if self.name in MOVES_DATA else self.text
        return _hex(str(folder)) in text

    def is_network(self):
        """Whether it may have moved an octet between us and a server."""
        return "<TCP" in self.text or self.name in NETWORK


def read(path):
    """The calls in a log, in the order in which they ended."""
    counts, begun, calls = {}, {}, []
    with open(path, encoding="latin-1") as log:
        for line in log:
            line = line.rstrip("\n")
            if unfinished := UNFINISHED.match(line):
                process, name, _ = unfinished.groups()
                counts[process, name] = counts.get((process, name), 0) + 1
                begun[process] = (unfinished.group(3), counts[process, name])
                continue
            nth = None
            if resumed := RESUMED.match(line):
                process, name, rest = resumed.groups()
                head, nth = begun.pop(process)
                line = f"{process} {name}({head}{rest}"
            if found := LINE.match(line):
                process, name, text, result, note = found.groups()
                if nth is None:
                    nth = counts[process, name] = counts.get((process, name), 0) + 1
                value = None if result == "?" else _number(result)
                calls.append(Call(int(process), name, text, value, nth, "INJECTED" in note))
    return calls


def _number(text):
    """umask(2) gives a number with a zero before it."""
    return int(text, 16 if text.startswith("0x") else 10)


def _octets(text):
    return bytes.fromhex(text.replace("\\x", ""))


def _hex(text):
    return "".join(f"\\x{octet:02x}" for octet in text.encode())


def _shown(text):
    octets = _octets(text)
    shown = repr(octets[:40].decode("ascii", "backslashreplace"))[1:-1]
    return shown + ("…" if len(octets) > 40 else "")
