# SPDX-License-Identifier: ISC
"""A real Postfix on the loopback interface that relays what it accepts to a sink of ours.

    with Dovecot() as dovecot, Postfix(certs.ensure(), dovecot.auth_socket) as postfix:
        ...                             connect to postfix.tls_port
        messages = postfix.arrived()

Recipients named unknown…@ are refused with 550 5.1.1, those named later…@ with 450 4.2.0.
"""

import os
import re
import subprocess

from .daemon import SERVER_GROUP, SERVER_USER, write_settings
from .relay import HOST_NAME, SIZE_LIMIT_BYTES, Relay

RECIPIENTS = """\
/^unknown.*@/   550 5.1.1 no such user here
/^later.*@/     450 4.2.0 mailbox busy, try again later
"""

MASTER = """\
127.0.0.1:{tls}       inet  n - n - - smtpd
  -o syslog_name=postfix/tls -o smtpd_tls_wrappermode=yes {login}
127.0.0.1:{starttls}  inet  n - n - - smtpd
  -o syslog_name=postfix/starttls -o smtpd_tls_security_level=encrypt {login}
127.0.0.1:{plain}     inet  n - n - - smtpd
  -o syslog_name=postfix/plain -o smtpd_tls_security_level=none
anvil    unix  - - n - 1 anvil
bounce   unix  - - n - 0 bounce
cleanup  unix  n - n - 0 cleanup
defer    unix  - - n - 0 bounce
error    unix  - - n - - error
lmtp     unix  - - n - - lmtp
qmgr     unix  n - n 300 1 qmgr
retry    unix  - - n - - error
rewrite  unix  - - n - - trivial-rewrite
tlsmgr   unix  - - n 1000? 1 tlsmgr
trace    unix  - - n - 0 bounce
postlog  unix-dgram n - n - 1 postlogd
"""

LOGIN = "-o smtpd_sasl_auth_enable=yes -o smtpd_relay_restrictions=permit_sasl_authenticated,reject"

# A message passes through these, in this order.
QUEUES = ("incoming", "active", "deferred")


class Postfix(Relay):
    """Three ways in: tls_port (login required), starttls_port (login required), plain_port (no TLS, no login).

    auth_socket is Dovecot's; pair the certificate and key to show; extra changes settings of main.cf, and
    extra_master is added to master.cf.
    """

    name = "postfix"

    def __init__(self, pair, auth_socket, extra=None, extra_master=""):
        super().__init__()
        self._pair = pair
        self._auth_socket = auth_socket
        self._extra = extra or {}
        self._extra_master = extra_master

    def mechanism(self, message):
        line = self.wait_for_log(rf"{self.queue_id(message)}: client=.*, sasl_method=[\w-]+,")
        return re.search(r"sasl_method=([\w-]+),", line).group(1)

    def configure(self):
        self._make_queue()
        config = self.folder / "config"
        config.mkdir()
        (config / "recipients").write_text(RECIPIENTS)
        write_settings(config / "main.cf", {**self._settings(), **self._extra})
        master = MASTER.format(tls=self.tls_port, starttls=self.starttls_port, plain=self.plain_port, login=LOGIN)
        (config / "master.cf").write_text(master + self._extra_master)
        # Postfix waits with a main.cf that was changed just now: somebody might still be writing.
        os.utime(config / "main.cf", (0, 0))

    def command(self):
        return [str(self.root / "usr/lib/postfix/sbin/master"), "-c", str(self.folder / "config")]

    def environment(self):
        return {**super().environment(), "MAIL_CONFIG": str(self.folder / "config")}

    def _make_queue(self):
        queue = self.folder / "queue"
        closed = ["active", "bounce", "corrupt", "defer", "deferred", "flush", "hold", "incoming", "private", "saved"]
        _make_folders("root", 0o755, [queue, queue / "pid"])
        _make_folders(SERVER_USER, 0o700, [queue / name for name in [*closed, "trace"]])
        _make_folders(SERVER_USER, 0o710, [queue / "public"])
        _make_folders(SERVER_USER, 0o700, [self.folder / "data"])

    def has_queued(self):
        queue = self.folder / "queue"
        return any(path.is_file() for name in QUEUES for path in (queue / name).rglob("*"))

    def _settings(self):
        return {**self._places(), **self._acceptance(), **self._delivery()}

    def _places(self):
        """Where things are, and whose."""
        return {
            "compatibility_level": "3.6",
            "import_environment": "MAIL_CONFIG LD_LIBRARY_PATH",
            "mail_owner": SERVER_USER,
            "setgid_group": SERVER_GROUP,
            "queue_directory": self.folder / "queue",
            "data_directory": self.folder / "data",
            "command_directory": self.root / "usr/sbin",
            "daemon_directory": self.root / "usr/lib/postfix/sbin",
            "shlib_directory": self.root / "usr/lib/postfix",
            "meta_directory": self.folder / "config",
            "maillog_file": self.log_file(),
            "maillog_file_prefixes": self.folder,
            "inet_interfaces": "127.0.0.1",
            "inet_protocols": "ipv4",
            "mynetworks": "127.0.0.0/8",
        }

    def _acceptance(self):
        """What is taken from whom."""
        return {
            "myhostname": HOST_NAME,
            "message_size_limit": SIZE_LIMIT_BYTES,
            "smtpd_peername_lookup": "no",
            "smtpd_relay_restrictions": "permit_mynetworks, reject",
            "smtpd_recipient_restrictions": f"check_recipient_access regexp:{self.folder}/config/recipients",
            "smtpd_sasl_type": "dovecot",
            "smtpd_sasl_path": self._auth_socket,
            "smtpd_tls_auth_only": "yes",
            "smtpd_tls_chain_files": f"{self._pair.key}, {self._pair.cert}",
        }

    def _delivery(self):
        """Everything goes to the sink, at once, and unchanged."""
        sink = f"lmtp:inet:127.0.0.1:{self._sink.port}"
        return {
            "mydestination": "",
            "alias_maps": "",
            "local_recipient_maps": "",
            "default_transport": sink,
            "relay_transport": sink,
            "local_header_rewrite_clients": "",
            "message_drop_headers": "",
            "lmtp_line_length_limit": "0",
            "lmtp_destination_recipient_limit": "0",
        }


def _make_folders(owner, mode, paths):
    command = ["install", "-d", "-o", owner, "-g", SERVER_GROUP, "-m", f"{mode:o}", *map(str, paths)]
    subprocess.run(command, check=True)
