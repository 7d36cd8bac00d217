# SPDX-License-Identifier: ISC
"""A small, fast SMTP server that keeps count of what it takes, and refuses or misbehaves as it is told.

    with Taker(refusals={"later": b"450 4.2.1 later"}) as taker:
        ...                             # server smtp://127.0.0.1:{taker.port}
    taker.settle()                      # all sessions are over
    taker.taken                         # what it took for good, in order
"""

import contextlib
import re
import socket
import threading
import time
from dataclasses import dataclass

PATIENCE_S = 20
PATH = re.compile(rb"(?:MAIL FROM|RCPT TO):<(.*?)>", re.IGNORECASE)
MESSAGE_ID = re.compile(rb"^Message-ID:\s*(<[^>]*>)", re.IGNORECASE | re.MULTILINE)


@dataclass(frozen=True)
class Taken:
    """A message that the server took: which octet of its connection's input was the content's last, and which one of
    the output the last of the answer."""

    sender: str
    recipients: tuple
    content: bytes
    connection: int
    ended_at: int
    answered_at: int

    @property
    def message_id(self):
        """With its angle brackets; empty where there is none."""
        return message_id(self.content)


def message_id(content):
    """The Message-ID of a message, with its angle brackets; empty where there is none."""
    found = MESSAGE_ID.search(content.partition(b"\r\n\r\n")[0])
    return found.group(1).decode() if found else ""


class Hangup(Exception):
    """The server ends the connection without a word."""


class Manners:
    """What a server says where it could say something else; this one is always kind."""

    def greeting(self):
        """Its first words."""
        return b"220 taker.example.net ESMTP"

    def to_recipient(self, address):
        """The reply to RCPT; 250 takes it."""
        return b"250 2.1.5 recipient ok"

    def to_content(self, taken):
        """The reply to the content; 250 takes it.  None takes it too, says nothing, and ends the connection."""
        return b"250 2.0.0 taken"


class Refusals(Manners):
    """Refuses recipients whose addresses begin so: {"later": b"450 …"}."""

    def __init__(self, replies):
        self._replies = replies

    def to_recipient(self, address):
        return next((reply for start, reply in self._replies.items() if address.startswith(start)), b"250 2.1.5 ok")


class Taker:
    """The server, as a context manager; `manners` can be changed at any time."""

    def __init__(self, manners=None, port=0, chunking=False):
        self.manners = manners or Manners()
        self.chunking = chunking
        self.taken = []
        self._connections = 0
        self._open = set()
        self._changed = threading.Condition()
        self._listener = socket.create_server(("127.0.0.1", port), backlog=128)
        self.port = self._listener.getsockname()[1]

    def __enter__(self):
        threading.Thread(target=self._accept, daemon=True).start()
        return self

    def __exit__(self, *_error):
        with contextlib.suppress(OSError):
            self._listener.shutdown(socket.SHUT_RDWR)  # wakes accept()
        self._listener.close()

    def settle(self):
        """Waits until no session is under way: what was sent to us is taken by then, or never will be."""
        # A connection whose client is dead may still wait to be accepted: one of our own comes behind it.
        with socket.create_connection(("127.0.0.1", self.port), PATIENCE_S) as last:
            last.recv(1)
        with self._changed:
            if not self._changed.wait_for(lambda: not self._open, PATIENCE_S):
                raise TimeoutError("a session with the server does not end")

    def clear(self):
        """Forgets what was taken, and counts connections anew."""
        self.settle()
        self.taken = []
        self._connections = 0

    def record(self, taken, silent):  # pylint: disable=unused-argument
        """Called with each message that is taken, before that is said; silent: it will not be said."""
        self.taken.append(taken)

    def _accept(self):
        while True:
            try:
                client, _ = self._listener.accept()
            except OSError:
                return
            with self._changed:
                self._open.add(client)
                number, self._connections = self._connections, self._connections + 1
            threading.Thread(target=self._serve, args=(client, number), daemon=True).start()

    def _serve(self, client, number):
        client.settimeout(PATIENCE_S)
        client.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        try:
            with client, contextlib.suppress(OSError, Hangup):
                _Session(self, client, number).run()
        finally:
            with self._changed:
                self._open.discard(client)
                self._changed.notify_all()


class _Session:
    """One connection."""

    def __init__(self, server, client, number):
        self._server = server
        self._input = client.makefile("rb", 65536)
        self._client = client
        self._number = number
        self._received = self._sent = 0
        self._sender, self._recipients, self._chunks = None, [], b""

    def run(self):
        """The dialogue, to its end."""
        self._reply(self._server.manners.greeting())
        while True:
            line = self._line()
            verb, handler = line[:4].upper(), self._other
            for name in ("MAIL", "RCPT", "DATA", "BDAT"):
                if verb == name.encode():
                    handler = getattr(self, f"_{name.lower()}")
            handler(line)
            if verb == b"QUIT":
                return

    def _line(self):
        line = self._input.readline(65536)
        if not line.endswith(b"\n"):
            raise Hangup
        self._received += len(line)
        return line

    def _reply(self, text):
        self._sent += len(text) + 2
        self._client.sendall(text + b"\r\n")
        if text.startswith(b"421"):
            raise Hangup

    def _other(self, line):
        if line[:4].upper() == b"EHLO":
            chunking = b"250-CHUNKING\r\n" if self._server.chunking else b""
            return self._reply(b"250-taker\r\n250-PIPELINING\r\n250-8BITMIME\r\n" + chunking + b"250 SIZE 0")
        return self._reply(b"250 2.0.0 ok")

    def _mail(self, line):
        self._sender, self._recipients, self._chunks = PATH.match(line).group(1).decode(), [], b""
        self._reply(b"250 2.1.0 sender ok")

    def _rcpt(self, line):
        address = PATH.match(line).group(1).decode()
        reply = self._server.manners.to_recipient(address)
        if reply.startswith(b"250"):
            self._recipients.append(address)
        self._reply(reply)

    def _data(self, _line):
        if not self._recipients:
            return self._reply(b"503 5.5.1 no recipients")
        self._reply(b"354 go on")
        lines = []
        while True:
            line = self._line()
            if line == b".\r\n":
                return self._take(b"".join(lines))
            lines.append(line[1:] if line.startswith(b".") else line)

    def _bdat(self, line):
        words = line.split()
        chunk = self._input.read(int(words[1]))
        if len(chunk) < int(words[1]):
            raise Hangup
        self._received += len(chunk)
        self._chunks += chunk
        if not self._recipients:
            return self._reply(b"503 5.5.1 no recipients")
        if words[-1].upper() != b"LAST":
            return self._reply(b"250 2.0.0 more")
        return self._take(self._chunks)

    def _take(self, content):
        """Answers the content: what is recorded as taken stays so, whether the client hears it or not."""
        to, reply = tuple(self._recipients), b"250 2.0.0 taken"
        message = Taken(self._sender, to, content, self._number, self._received, self._sent + len(reply) + 2)
        answer = self._server.manners.to_content(message)
        self._sender, self._recipients, self._chunks = None, [], b""
        if answer is None or answer.startswith(b"250"):
            self._server.record(message, answer is None)
        if answer is None:
            raise Hangup
        self._reply(reply if answer.startswith(b"250") else answer)


def wait_until(condition, timeout_s=PATIENCE_S):
    """Whether the condition comes true in time."""
    end = time.monotonic() + timeout_s
    while not condition():
        if time.monotonic() > end:
            return False
        time.sleep(0.005)
    return True
