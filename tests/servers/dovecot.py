# SPDX-License-Identifier: ISC
"""A real Dovecot: one that checks passwords for the other servers, its submission service, and one that keeps mail.

    with Dovecot() as dovecot:
        dovecot.auth_socket     for Postfix's smtpd_sasl_path

    with Submission(certs.ensure().good) as submission:
        ...                     connect to submission.tls_port
        messages = submission.arrived()

    with Storage() as storage:
        ...                     connect to storage.socket, by LMTP
        messages = storage.arrived()
"""

import re
import shutil

from .daemon import LOGIN_USER, SERVER_USER, Daemon, write_settings
from .installed import InstalledDaemon
from .relay import HOST_NAME, SIZE_LIMIT_BYTES, Relay
from .sink import Message, Sink

USER = "alice@example.org"
PASSWORD = "sesam öffne dich"

# With this one, AUTH PLAIN with an initial response does not fit into a command line of 512 bytes.
LONG_PASSWORD_USER = "longwinded@example.org"
LONG_PASSWORD = "correct horse battery staple " * 20 + "!"

MECHANISMS = ("PLAIN", "LOGIN", "CRAM-MD5", "SCRAM-SHA-1", "SCRAM-SHA-256")
# Dovecot 2.3 hashes passwords beyond ASCII for it in another way than RFC 2831 section 2.1.2.1 wants.
DIGEST_MD5 = "DIGEST-MD5"


class Dovecot(Daemon):
    """Dovecot as SASL server only."""

    name = "dovecot"

    @property
    def auth_socket(self):
        """The Unix socket that a server asks whether a login is good."""
        return self.folder / "auth"

    def configure(self):
        users = {USER: PASSWORD, LONG_PASSWORD_USER: LONG_PASSWORD}
        passwords = "".join(f"{user}:{{PLAIN}}{password}\n" for user, password in users.items())
        (self.folder / "passwords").write_text(passwords, encoding="utf-8")
        (self.folder / "run").mkdir()
        write_settings(self.folder / "dovecot.conf", self._settings())
        with open(self.folder / "dovecot.conf", "a", encoding="utf-8") as file:
            file.write(self._sections())

    def command(self):
        # Dovecot would run /usr/bin/doveconf to read its configuration, so we run the unpacked one before.
        config = str(self.folder / "dovecot.conf")
        reader = [str(self.root / "usr/bin/doveconf"), "-f", "service=master", "-c", config, "-m", "master", "-e"]
        return [*reader, str(self.root / "usr/sbin/dovecot"), "-F", "-c", config]

    def is_ready(self):
        return self.auth_socket.exists()

    def _settings(self):
        return {
            "base_dir": self.folder / "run",
            "state_dir": self.folder / "run",
            "log_path": self.log_file(),
            "libexec_dir": self.root / "usr/lib/dovecot",
            "import_environment": "LD_LIBRARY_PATH",
            "default_internal_user": SERVER_USER,
            "default_internal_group": SERVER_USER,
            "default_login_user": LOGIN_USER,
            "protocols": "",
            "ssl": "no",
            "auth_mechanisms": " ".join((*MECHANISMS, DIGEST_MD5)).lower(),
            "auth_failure_delay": "0",
        }

    def _sections(self):
        # Without the penalty socket no answer is delayed after a wrong password.
        return f"""\
passdb {{
  driver = passwd-file
  args = {self.folder}/passwords
}}
service auth {{
  unix_listener {self.auth_socket} {{
    mode = 0666
  }}
}}
service anvil {{
  unix_listener anvil-auth-penalty {{
    mode = 0
  }}
}}
"""


REFUSALS = {
    "unknown": b"550 5.1.1 no such user here\r\n",
    "later": b"450 4.2.0 mailbox busy, try again later\r\n",
}


class Submission(InstalledDaemon, Relay, Dovecot):
    """Three ways in, all with login: tls_port, starttls_port, and plain_port, where passwords go without TLS.

    It has no queue: it passes on to the sink while it gets, and each reply is the sink's.
    """

    def __init__(self, pair):
        super().__init__(Sink(REFUSALS))
        self._pair = pair

    def configure(self):
        self.make_etc()
        home = self.folder / "home"
        home.mkdir()
        shutil.chown(home, SERVER_USER)
        super().configure()

    def program(self):
        return ["/usr/sbin/dovecot", "-F", "-c", self.folder / "dovecot.conf"]

    def mechanism(self, message):
        line = self.wait_for_log(rf".* Successfully relayed message: .* id={re.escape(self.queue_id(message))},")
        session = re.search(r"\)<\d+><(\S+)>:", line).group(1)
        login = self.wait_for_log(rf"Login: user=<{USER}>, method=.*, session=<{re.escape(session)}>")
        return re.search(r"method=([^,]+)", login).group(1)

    def _settings(self):
        return {
            **super()._settings(),
            "protocols": "submission",
            "hostname": HOST_NAME,
            "submission_relay_host": "127.0.0.1",
            "submission_relay_port": self._sink.port,
            "submission_relay_trusted": "no",
            "submission_max_mail_size": SIZE_LIMIT_BYTES,
            "submission_max_recipients": "0",
            "ssl": "yes",
            "ssl_cert": f"<{self._pair.cert}",
            "ssl_key": f"<{self._pair.key}",
            "disable_plaintext_auth": "no",
            "first_valid_uid": "1",
            "mail_location": "maildir:~/mail",
        }

    def _sections(self):
        return f"""\
{super()._sections()}
userdb {{
  driver = static
  args = uid={SERVER_USER} gid={SERVER_USER} home={self.folder}/home
}}
service submission-login {{
  inet_listener submission {{
    address = 127.0.0.1
    port = {self.starttls_port}
  }}
  inet_listener submissions {{
    address = 127.0.0.1
    port = {self.tls_port}
    ssl = yes
  }}
  inet_listener plain {{
    address = 127.0.0.1
    port = {self.plain_port}
  }}
}}
"""


class Storage(InstalledDaemon, Dovecot):
    """Takes mail for anybody, by LMTP, at `socket`; keeps it in a Maildir for each user."""

    # What it puts on top of a message.
    prepends = re.compile(
        rb"(?:(?:Return-Path|Delivered-To|Received):[^\n]*\n(?:[ \t][^\n]*\n)*)+", re.IGNORECASE
    )

    @property
    def socket(self):
        """The Unix socket that takes mail."""
        return self.folder / "lmtp"

    def configure(self):
        self.make_etc()
        (self.folder / "home").mkdir()
        shutil.chown(self.folder / "home", SERVER_USER)
        super().configure()

    def program(self):
        return ["/usr/sbin/dovecot", "-F", "-c", self.folder / "dovecot.conf"]

    def is_ready(self):
        return super().is_ready() and self.socket.exists()

    def arrived(self):
        """What was delivered since the last call: a message for each user, lines end in CRLF."""
        messages = []
        for path in sorted((self.folder / "home").glob("*/mail/new/*")):
            content = path.read_bytes().replace(b"\n", b"\r\n")
            sender = re.match(rb"Return-Path: <(.*)>\r\n", content).group(1).decode()
            messages.append(Message(sender, {}, {path.parts[-4]: {}}, content))
            path.unlink()
        return messages

    def as_sent(self, message):
        """The content of a message that arrived, without what was put on top of it."""
        return message.content[self.prepends.match(message.content).end() :]

    def _settings(self):
        return {
            **super()._settings(),
            "protocols": "lmtp",
            "hostname": HOST_NAME,
            "first_valid_uid": "1",
            "mail_location": "maildir:~/mail",
        }

    def _sections(self):
        return f"""\
{super()._sections()}
userdb {{
  driver = static
  args = uid={SERVER_USER} gid={SERVER_USER} home={self.folder}/home/%u allow_all_users=yes
}}
service lmtp {{
  unix_listener {self.socket} {{
    mode = 0666
  }}
}}
"""
