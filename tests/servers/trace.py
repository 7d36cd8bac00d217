# SPDX-License-Identifier: ISC
"""What strace tells of a program's system calls: read, sorted, and put in order.

    subprocess.run([*TRACE, "-o", log, program, …])
    for call in read(log): …
"""

import re
from dataclasses import dataclass, replace

# All strings in hexadecimal digits, so that nothing in a message can look like the log itself.
TRACE = ("strace", "-f", "-n", "-yy", "-xx", "-s", "16777216", "-e", "signal=none")

LINE = re.compile(r"(\d+) +\[ *(\d+)\] (\w+)\((.*)\) += (-?\d+|0x[0-9a-f]+|\?)(.*)", re.DOTALL)
UNFINISHED = re.compile(r"(\d+) +\[ *(\d+)\] (\w+)\((.*) <unfinished \.\.\.>")
RESUMED = re.compile(r"(\d+) +\[ *(\d+)\] <\.\.\. (\w+) resumed>(.*)", re.DOTALL)
HEX = re.compile(r"((?:\\x[0-9a-f]{2})+)")
# What a descriptor is, and structures.
ASIDE = re.compile(r"<\w+:\[[^\]]*\]>|<[^>]*>(?:\(deleted\))?|\[[^\]]*\]|\{[^}]*\}")
STRING = re.compile(r'"((?:\\x[0-9a-f]{2})*)"')

FORKS = {"clone", "clone3", "fork", "vfork"}
NETWORK = {"connect", "sendto", "sendmsg", "recvfrom", "recvmsg"}

# Their strings are no paths.
MOVES_DATA = {"read", "readv", "pread64", "preadv", "write", "writev", "pwrite64", "pwritev", "pwritev2"} | NETWORK


@dataclass(frozen=True)
class Call:
    """One system call; `nth` counts the calls of this name in its process from 1 on, as strace's when= does.

    `who` is its process by descent: "0" is the program itself, "0.2" the second child that it had.
    """

    process: int
    who: str
    number: int  # the system's, of this name
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
        return "<TCP" in self.text or (self.name in NETWORK and not self.is_among_us())

    def is_among_us(self):
        """Whether it has to do with our own processes: their beginning, or what they say to each other."""
        is_talk = self.name in ("sendmsg", "recvmsg") and "<UNIX" in self.text
        return is_talk or self.name in FORKS | {"setsid", "socketpair"}


def read(path):
    """The calls in a log, in the order in which they ended; but the one that makes a process comes before its calls."""
    counts, begun, calls = {}, {}, []
    with open(path, encoding="latin-1") as log:
        for line in log:
            line = line.rstrip("\n")
            if unfinished := UNFINISHED.match(line):
                process, _, name, head = unfinished.groups()
                counts[process, name] = counts.get((process, name), 0) + 1
                begun[process] = (head, counts[process, name])
                continue
            nth = None
            if resumed := RESUMED.match(line):
                process, number, name, rest = resumed.groups()
                head, nth = begun.pop(process)
                line = f"{process} [{number}] {name}({head}{rest}"
            if found := LINE.match(line):
                process, number, name, text, result, note = found.groups()
                if nth is None:
                    nth = counts[process, name] = counts.get((process, name), 0) + 1
                value = None if result == "?" else _number(result)
                calls.append(Call(int(process), "", int(number), name, text, value, nth, "INJECTED" in note))
    return _by_descent(calls)


def _by_descent(calls):
    """The calls with their processes' descent."""
    forks = {call.result: call for call in calls if call.name in FORKS and call.result}
    names, children, done, ordered = {calls[0].process: "0"}, {}, set(), []

    def add(call):
        if call in done:
            return
        if call.process not in names:
            # It ran before its parent's call returned.
            add(forks[call.process])
        who = names[call.process]
        if call.name in FORKS and call.result:
            children[who] = children.get(who, 0) + 1
            names[call.result] = f"{who}.{children[who]}"
        done.add(call)
        ordered.append(replace(call, who=who))

    for call in calls:
        add(call)
    return ordered


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
