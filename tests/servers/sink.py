# SPDX-License-Identifier: ISC
"""Where the test servers deliver to: a small server that keeps what it gets, byte for byte.

It speaks LMTP (RFC 2033) to who says LHLO, and SMTP to who says EHLO.
"""

import re
import socketserver
import threading
from dataclasses import dataclass, field

GREETING = b"220 sink.example.org LMTP\r\n"
FEATURES = b"250-sink.example.org\r\n250-PIPELINING\r\n250-8BITMIME\r\n250-SMTPUTF8\r\n250-DSN\r\n250 SIZE 0\r\n"
PATH = re.compile(r"^(?:MAIL FROM|RCPT TO):<(.*?)>(?: (.*))?$", re.IGNORECASE)

# One header field with its continuation lines, at the start of a message.
RECEIVED = re.compile(rb"Received:[^\n]*\n(?:[ \t][^\n]*\n)*", re.IGNORECASE)


@dataclass
class Message:
    """A message as it was handed over: parameters are like {"RET": "FULL"}, lines end in CRLF."""

    sender: str
    sender_params: dict
    recipients: dict = field(default_factory=dict)  # address → parameters
    content: bytes = b""

    def as_sent(self):
        """The content without the one Received field that the server put on top."""
        return RECEIVED.sub(b"", self.content, count=1) if RECEIVED.match(self.content) else self.content

    def queue_id(self):
        """The server's name for the message, by which its log speaks of it."""
        return re.search(rb"\bid (\w+)", RECEIVED.match(self.content).group()).group(1).decode()


class Sink:
    """The server, as a context manager; `port` is on the loopback interface.

    refusals: reply to RCPT for the addresses that begin so.
    """

    def __init__(self, refusals=None):
        self.messages = []
        self._server = socketserver.ThreadingTCPServer(("127.0.0.1", 0), _Session)
        self._server.daemon_threads = True
        self._server.messages = self.messages
        self._server.refusals = refusals or {}
        self.port = self._server.server_address[1]

    def __enter__(self):
        threading.Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True).start()
        return self

    def __exit__(self, *_error):
        self._server.shutdown()
        self._server.server_close()


class _Session(socketserver.StreamRequestHandler):
    """One connection. Only what the test servers send to a server that accepts nearly everything."""

    disable_nagle_algorithm = True

    def handle(self):
        self._message = None
        self._is_lmtp = False
        self.wfile.write(GREETING)
        for line in self.rfile:
            command = line.decode("utf-8", "surrogateescape").rstrip("\r\n")
            self._answer(command)
            if command.upper() == "QUIT":
                break

    def _answer(self, command):
        verb = command[:4].upper()
        if verb in ("LHLO", "EHLO"):
            self._is_lmtp = verb == "LHLO"
            self.wfile.write(FEATURES)
        elif verb == "MAIL":
            self._message = Message(*_path(command))
            self.wfile.write(b"250 2.1.0 ok\r\n")
        elif verb == "RCPT":
            self._add_recipient(*_path(command))
        elif verb == "DATA":
            self._receive()
        else:
            self.wfile.write(b"250 2.0.0 ok\r\n")

    def _add_recipient(self, address, params):
        for start, reply in self.server.refusals.items():
            if address.startswith(start):
                self.wfile.write(reply)
                return
        self._message.recipients[address] = params
        self.wfile.write(b"250 2.1.5 ok\r\n")

    def _receive(self):
        self.wfile.write(b"354 go on\r\n")
        lines = []
        for line in self.rfile:
            if line == b".\r\n":
                break
            lines.append(line[1:] if line.startswith(b".") else line)
        self._message.content = b"".join(lines)
        self.server.messages.append(self._message)
        self.wfile.write(b"250 2.0.0 delivered\r\n" * (len(self._message.recipients) if self._is_lmtp else 1))


def _path(command):
    address, params = PATH.match(command).groups()
    pairs = (param.partition("=") for param in (params or "").split())
    return address, {key.upper(): value for key, _, value in pairs}
