# SPDX-License-Identifier: ISC
"""A real OpenSMTPD on the loopback interface that relays what it accepts to a sink of ours.

    with OpenSmtpd() as opensmtpd:
        ...                             connect to opensmtpd.plain_port
        messages = opensmtpd.arrived()

Without TLS, and so without login: Debian 12's fails in each handshake ("SSL routines::EVP lib"), as it keeps the key in
another process in a way that OpenSSL 3 does not know any more. Recipients named unknown…@ are refused with 550.
"""

from .installed import InstalledDaemon
from .relay import HOST_NAME, SIZE_LIMIT_BYTES, Relay

CONFIGURATION = """\
smtp max-message-size {size}
listen on 127.0.0.1 port {plain} hostname {host}
action sink relay host smtp+notls://127.0.0.1:{sink}
match from any rcpt-to regex "^unknown" for any reject
match from any for any action sink
"""


class OpenSmtpd(InstalledDaemon, Relay):
    """One way in: plain_port (no TLS, no login)."""

    name = "opensmtpd"
    users = ("opensmtpd", "opensmtpq")
    private = {"/var/lib": "lib", "/var/spool": "spool", "/run": "run"}

    def configure(self):
        etc = self.make_etc()
        for folder in self.private.values():
            (self.folder / folder).mkdir()
        (self.folder / "lib/opensmtpd/empty").mkdir(parents=True)
        (etc / "mailname").write_text(HOST_NAME + "\n")
        (etc / "smtpd.conf").write_text(
            CONFIGURATION.format(host=HOST_NAME, size=SIZE_LIMIT_BYTES, plain=self.plain_port, sink=self._sink.port)
        )

    def program(self):
        return ["/usr/sbin/smtpd", "-d", "-f", "/etc/smtpd.conf"]

    def has_queued(self):
        return any(path.is_file() for path in (self.folder / "spool" / "smtpd" / "queue").rglob("*"))
