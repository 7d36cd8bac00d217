# SPDX-License-Identifier: ISC
"""What the mail servers of the tests have in common: three ways in, and the sink that everything goes to."""

import re
import shutil
import time

from .daemon import Daemon, ServerError, accepts_connections, free_port
from .sink import Sink

DELIVERY_TIMEOUT_S = 60
SIZE_LIMIT_BYTES = 200 * 1024 * 1024
HOST_NAME = "mail.example.org"

# One header field with its continuation lines.
RECEIVED = re.compile(rb"Received:[^\n]*\n(?:[ \t][^\n]*\n)*", re.IGNORECASE)


class Relay(Daemon):
    """A server that accepts mail on three ports, and what it accepts ends in a sink.

    Recipients named unknown…@ are refused for good, those named later…@ for now.
    """

    # What the server itself puts on top of a message: nothing else of it may change.
    prepends = RECEIVED

    def __init__(self, sink=None):
        super().__init__()
        self._sink = sink or Sink()
        self.tls_port = free_port()
        self.starttls_port = free_port()
        self.plain_port = free_port()

    def __enter__(self):
        self._sink.__enter__()
        try:
            return super().__enter__()
        except BaseException:
            self._sink.__exit__()
            raise

    def __exit__(self, *error):
        super().__exit__(*error)
        self._sink.__exit__(*error)

    def is_ready(self):
        return accepts_connections(self.plain_port)

    def has_queued(self):
        """Whether there is mail that the server has accepted and not delivered yet."""
        return False

    def arrived(self):
        """Waits until everything that the server has accepted is delivered; returns those messages, once."""
        end = time.monotonic() + DELIVERY_TIMEOUT_S
        while self.has_queued():
            if time.monotonic() > end:
                raise ServerError(f"{self.name} does not deliver:\n{self.log_tail()}")
            time.sleep(0.01)
        messages = self._sink.messages.copy()
        self._sink.messages.clear()
        return messages

    def as_sent(self, message):
        """The content of a message that arrived, without what this server must have put on top of it."""
        added = self.prepends.match(message.content)
        if added is None:
            raise ServerError(f"{self.name} did not put its own fields on top: {message.content[:200]!r}")
        return message.content[added.end() :]

    def mechanism(self, message):
        """The SASL mechanism with which the client of this message logged in, as the server tells."""
        raise NotImplementedError

    def queue_id(self, message):
        """The server's name for the message, by which its log speaks of it."""
        return re.search(rb"\bid ([^\s;]+)", self.prepends.match(message.content).group()).group(1).decode()


def copy_pair(pair, folder, owner):
    """Copies a certificate and its key to where a server can read them that is not root; returns their paths."""
    paths = []
    for source in (pair.cert, pair.key):
        path = folder / source.name
        shutil.copyfile(source, path)
        path.chmod(0o400)
        shutil.chown(path, owner)
        paths.append(path)
    return paths
