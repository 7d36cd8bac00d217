# SPDX-License-Identifier: ISC
"""A real smtp-server, which is nodemailer's, on the loopback interface. It keeps what it accepts.

    with Nodemailer(certs.ensure().good) as nodemailer:
        ...                             connect to nodemailer.tls_port
        messages = nodemailer.arrived()
"""

import json
import re
from dataclasses import dataclass
from pathlib import Path

from .dovecot import PASSWORD, USER
from .relay import HOST_NAME, SIZE_LIMIT_BYTES, Relay
from .sink import Message


@dataclass
class KeptMessage(Message):
    """A message, and how its client logged in."""

    mechanism: str = None


class Nodemailer(Relay):
    """Three ways in: tls_port (login required), starttls_port (login required), plain_port (no TLS, no login)."""

    name = "nodemailer"
    prepends = re.compile(b"")

    def __init__(self, pair):
        super().__init__()
        self._pair = pair

    def configure(self):
        (self.folder / "accepted").mkdir()

    def command(self):
        settings = {
            "ports": {"tls": self.tls_port, "starttls": self.starttls_port, "plain": self.plain_port},
            "folder": str(self.folder / "accepted"),
            "cert": str(self._pair.cert),
            "key": str(self._pair.key),
            "name": HOST_NAME,
            "size": SIZE_LIMIT_BYTES,
            "user": USER,
            "password": PASSWORD,
        }
        return ["node", str(Path(__file__).with_suffix(".js")), json.dumps(settings)]

    def environment(self):
        return {"PATH": "/usr/local/bin:/usr/bin:/bin", "NODE_PATH": str(self.root / "node_modules")}

    def arrived(self):
        """What it has accepted, once."""
        return [self._take(path) for path in sorted((self.folder / "accepted").glob("*.json"))]

    def mechanism(self, message):
        return message.mechanism

    def _take(self, path):
        content = path.with_suffix(".content")
        message = KeptMessage(content=content.read_bytes(), **json.loads(path.read_text(encoding="utf-8")))
        path.unlink()
        content.unlink()
        return message
