# SPDX-License-Identifier: ISC
"""A server that says what a test wants it to say, verb by verb, and keeps what it sees.

    with Host() as host:
        host.replies["RCPT"] = "450 4.2.1 later"            # until it is taken away again
        host.replies["MAIL"] = lambda line: "421 4.3.2 bye" if "eve" in line else OK
        with host.holding():
            ...                                              # content is answered when the block ends
"""

import contextlib
import re
import select
import socket
import threading
import time
from dataclasses import dataclass, field
from pathlib import Path

from .taker import wait_until

PATIENCE_S = 60
PAUSE_S = 0.3
OK = "250 2.0.0 ok"
GONE = "gone"  # in place of a reply: the connection ends without a word
FEATURES = ("PIPELINING", "8BITMIME", "DSN", "SIZE 0")
PATH = re.compile(r"(?:MAIL FROM|RCPT TO):<(.*?)>(?: (.*))?", re.IGNORECASE)

DEFAULTS = {
    "GREETING": "220 host.example.net ESMTP",
    "AUTH": "235 2.7.0 welcome",
    "DATA": "354 go on",
    "QUIT": "221 2.0.0 bye",
    "CONTENT": "250 2.0.0 taken",
}


@dataclass
class Arrival:
    """A message that was taken."""

    sender: str
    sender_params: str
    recipients: dict = field(default_factory=dict)  # address → parameters
    content: bytes = b""
    connection: int = 0  # counts from 1
    at: float = 0  # time.monotonic(), when MAIL came

    @property
    def subject(self):
        """The subject."""
        found = re.search(rb"^Subject: (.*?)\r$", self.content, re.MULTILINE)
        return found.group(1).decode() if found else ""


class Host:
    """The server, as a context manager.

    connections: how many there were; commands: what was said, in all of them; arrivals: what was taken; held: contents
    that wait for their answer.
    """

    def __init__(self, features=FEATURES, port=0):
        self.features = features
        self.replies = {}
        self.connections = 0
        self.most_open = 0
        self.commands = []
        self.arrivals = []
        self.held = 0
        self.seen = None
        self._open = set()
        self._lock = threading.Lock()
        self._gate = threading.Event()
        self._gate.set()
        self._listener = socket.create_server(("127.0.0.1", port), backlog=128)
        self.port = self._listener.getsockname()[1]

    def __enter__(self):
        threading.Thread(target=self._accept, daemon=True).start()
        return self

    def __exit__(self, *_error):
        self._gate.set()
        self.close()

    @property
    def config(self):
        """The configuration of a client."""
        return f"server smtp://127.0.0.1:{self.port}\ntls none\nfrom alice@example.org\nlocal_to admin@example.org\n"

    def close(self):
        """Takes no more connections: the next one is refused."""
        with contextlib.suppress(OSError):
            self._listener.shutdown(socket.SHUT_RDWR)  # wakes accept()
        self._listener.close()

    @contextlib.contextmanager
    def holding(self):
        """Contents are read within, and answered after."""
        self._gate.clear()
        try:
            yield
        finally:
            self._gate.set()

    @contextlib.contextmanager
    def pausing(self, seen):
        """Within, replies go out only when nothing more has come for a moment; seen: how many contents waited then."""
        self.seen = seen
        try:
            yield
        finally:
            self.seen = None

    def release(self):
        """Contents are answered from now on."""
        self._gate.set()

    def wait_for_content(self, count=1):
        """Waits until so many contents are complete, and held."""
        assert wait_until(lambda: self.held >= count, PATIENCE_S), "no content came"

    def wait_for(self, verb):
        """Waits until that was said."""
        assert wait_until(lambda: any(c.startswith(verb) for c in list(self.commands)), PATIENCE_S), f"no {verb} came"

    def is_read(self):
        """Whether nothing that was said waits for its client to read it."""
        rows = [line.split() for line in Path("/proc/net/tcp").read_text(encoding="ascii").splitlines()[1:]]
        return not any(row[2].endswith(f":{self.port:04X}") and not row[4].endswith(":00000000") for row in rows)

    @property
    def subjects(self):
        """Of all messages that were taken, in order."""
        return [arrival.subject for arrival in self.arrivals]

    def _accept(self):
        while True:
            try:
                client, _ = self._listener.accept()
            except OSError:
                return
            self.connections += 1
            threading.Thread(target=self._serve, args=(client, self.connections), daemon=True).start()

    def _serve(self, client, number):
        client.settimeout(PATIENCE_S)
        client.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        with self._lock:
            self._open.add(client)
            self.most_open = max(self.most_open, len(self._open))
        try:
            with client, contextlib.suppress(OSError, EOFError):
                _Session(self, client, number).run()
        finally:
            with self._lock:
                self._open.discard(client)

    def hold(self, arrival):
        """Called with complete content: waits until it may be answered."""
        with self._lock:
            self.held += 1
        self._gate.wait(PATIENCE_S)
        return arrival


class _Session:
    """One connection."""

    def __init__(self, host, client, number):
        self._host = host
        self._client = client
        self._input = bytearray()
        self._output = []
        self._unanswered = 0
        self._number = number
        self._arrival = None
        self._chunks = []

    def run(self):
        """To its end."""
        if not self._say(self._reply("GREETING", "")).startswith("220"):
            raise EOFError
        while True:
            line = self._line().decode("utf-8", "surrogateescape").rstrip("\r\n")
            self._host.commands.append(line)
            verb = line[:4].upper()
            getattr(self, f"_{verb.lower()}", self._other)(line)
            if verb == "QUIT":
                self._flush()
                return

    def _fill(self):
        if self._output and not select.select([self._client], [], [], PAUSE_S)[0]:
            self._flush()
        octets = self._client.recv(1 << 16)
        if not octets:
            raise EOFError
        self._input += octets

    def _line(self):
        while b"\n" not in self._input:
            self._fill()
        return self._read(self._input.index(b"\n") + 1)

    def _read(self, count):
        while len(self._input) < count:
            self._fill()
        octets = bytes(self._input[:count])
        del self._input[:count]
        return octets

    def _flush(self):
        if self._host.seen is not None:
            self._host.seen.append(self._unanswered)
        self._client.sendall(b"".join(self._output))
        self._output, self._unanswered = [], 0

    def _reply(self, verb, line):
        reply = self._host.replies.get(verb, DEFAULTS.get(verb, OK))
        return reply(line) if callable(reply) else reply

    def _say(self, reply):
        if reply == GONE:
            raise EOFError
        self._output.append(reply.encode() + b"\r\n")
        if self._host.seen is None or reply.startswith("421"):
            self._flush()
        if reply.startswith("421"):
            raise EOFError
        return reply

    def _other(self, line):
        self._say(self._reply(line[:4].upper(), line))

    def _ehlo(self, line):
        if "EHLO" in self._host.replies:
            self._say(self._reply("EHLO", line))
            return
        words = ["host.example.net", *self._host.features]
        self._say("\r\n".join(f"250{'-' if word is not words[-1] else ' '}{word}" for word in words))

    def _mail(self, line):
        sender, params = PATH.match(line).groups()
        self._chunks = []
        if self._say(self._reply("MAIL", line)).startswith("250"):
            self._arrival = Arrival(sender, params or "", connection=self._number, at=time.monotonic())

    def _rcpt(self, line):
        address, params = PATH.match(line).groups()
        if self._say(self._reply("RCPT", line)).startswith("250") and self._arrival:
            self._arrival.recipients[address] = params or ""

    def _rset(self, line):
        self._arrival = None
        self._other(line)

    def _data(self, line):
        if not self._arrival or not self._arrival.recipients:
            self._say("503 5.5.1 no recipients")
            return
        if not self._say(self._reply("DATA", line)).startswith("354"):
            return
        # In one piece: line by line, large messages would take longer here than in the program.
        searched = 0
        while not self._input.startswith(b".\r\n") and self._input.find(b"\n.\r\n", searched) < 0:
            searched = max(0, len(self._input) - 3)
            self._fill()
        stuffed = b"" if self._input.startswith(b".\r\n") else self._read(self._input.find(b"\n.\r\n", searched) + 1)
        self._read(len(b".\r\n"))
        self._take(re.sub(rb"^\.", b"", stuffed, flags=re.MULTILINE))

    def _bdat(self, line):
        self._chunks.append(self._read(int(line.split()[1])))
        if not self._arrival or not self._arrival.recipients:
            self._say("503 5.5.1 no recipients")
        elif line.upper().endswith("LAST"):
            self._take(b"".join(self._chunks))
        else:
            self._say(OK)

    def _take(self, content):
        """It is taken where it is answered so, whether the client hears it or not."""
        arrival, self._arrival = self._arrival, None
        arrival.content = content
        self._unanswered += 1
        self._host.hold(arrival)
        reply = self._reply("CONTENT", arrival)
        if reply.startswith("250") or reply == GONE:
            self._host.arrivals.append(arrival)
        self._say(reply)
