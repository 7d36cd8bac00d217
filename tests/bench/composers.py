# SPDX-License-Identifier: ISC
"""The programs that are compared at composing, and how each is told to make a message of a text and a file and send it.

Each gets the same: the text on standard input, TLS from the first octet on, the server's certificate verified against
the system's trust store, login with PLAIN.
"""

from dataclasses import dataclass
from pathlib import Path
from urllib.parse import quote

import senders
from measure import Command
from senders import PASSWORD, SENDER, SYSTEM_BUNDLE, USER, Sender, find, smarthost
from servers import unpack

SUBJECT = "the bench"
RECIPIENT = "recipient@example.net"
# Newer ones do not run with the nodejs of Debian 12.
NODEMAILER = "npm:nodemailer@7.0.10"


@dataclass(frozen=True)
class Letter:
    """What is to be sent, and to which port."""

    port: int
    text: Path
    attachment: Path
    message: Path  # what sendoff makes of them


class Sendoff(Sender):
    """The build under test."""

    name = "sendoff"

    def __init__(self, folder, build):
        super().__init__(folder)
        self._program = str(build / "sendoff")

    def command(self, task):
        return self._send(task)

    def output(self, task):
        """How it writes task.message, and sends nothing."""
        return self._send(task, "--output", str(task.message))

    def _send(self, task, *options):
        argv = [self._program, "send", *options, "-s", SUBJECT, "-a", str(task.attachment), RECIPIENT]
        env = {"HOME": str(self.home), "SENDOFF_CONFIG": self._config(smarthost(task.port))}
        return Command(argv, env, task.text)


class Piped(senders.Sendoff):
    """The build under test as sendmail: it is given the finished message."""

    name = "piped"

    def command(self, task):
        return super().command(senders.Task(task.port, "implicit", None, task.message, [RECIPIENT]))


class Mutt(Sender):
    """From the package, installed or unpacked."""

    name = "mutt"

    def __init__(self, folder):
        super().__init__(folder)
        # Its ways to log in are plugins.
        self._program, self._env = find("mutt", ["mutt", "libsasl2-modules"], "compose-mutt")

    def command(self, task):
        config = self._config([
            f'set smtp_url="smtps://{USER}@localhost:{task.port}" smtp_pass="{PASSWORD}" smtp_authenticators=plain',
            f"set ssl_ca_certificates_file={SYSTEM_BUNDLE} certificate_file= ssl_verify_host=yes",
            f"set from={SENDER} use_envelope_from=yes copy=no",
        ])
        argv = [self._program, "-n", "-F", config, "-s", SUBJECT, "-a", str(task.attachment), "--", RECIPIENT]
        return Command(argv, {"HOME": str(self.home), **self._env}, task.text)


class Snail(Sender):
    """From the package, installed or unpacked."""

    name = "s-nail"

    def __init__(self, folder):
        super().__init__(folder)
        self._program, self._env = find("s-nail", ["s-nail"])

    def command(self, task):
        settings = [
            "v15-compat", f"mta=smtps://{USER}:{quote(PASSWORD)}@localhost:{task.port}", "smtp-auth=plain",
            f"from={SENDER}", "tls-verify=strict", f"tls-ca-file={SYSTEM_BUNDLE}", "tls-ca-no-defaults",
        ]
        argv = [
            self._program, "-:/", *(f"-S{setting}" for setting in settings),
            "-s", SUBJECT, "-a", str(task.attachment), RECIPIENT,
        ]
        return Command(argv, {"HOME": str(self.home), **self._env}, task.text)


class Swaks(senders.Swaks):
    """The same as sends finished messages."""

    holds = 22

    def command(self, task):
        sending = super().command(senders.Task(task.port, "implicit", None, task.text, [RECIPIENT]))
        argv = [
            *sending.argv[:sending.argv.index("--data")], "--h-Subject", SUBJECT, "--body", "-",
            "--attach-type", "application/octet-stream", "--attach-name", task.attachment.name,
            "--attach", f"@{task.attachment}",
        ]
        return Command(argv, sending.env, sending.message)


class Curl(senders.Curl):
    """The same as sends finished messages."""

    def command(self, task):
        sending = super().command(senders.Task(task.port, "implicit", None, task.text, [RECIPIENT]))
        argv = [word for word in sending.argv[:sending.argv.index("--upload-file")] if word != "--crlf"]
        for field in (f"From: {SENDER}", f"To: {RECIPIENT}", f"Subject: {SUBJECT}"):
            argv += ["--header", field]
        argv += ["--form", "=<-", "--form", f"=@{task.attachment};encoder=base64"]
        return Command(argv, sending.env, sending.message)


class Nodemailer(Sender):
    """From npm, by tests/bench/compose.js."""

    name = "nodemailer"

    def __init__(self, folder):
        super().__init__(folder)
        root = unpack.ensure("compose-nodemailer", [NODEMAILER])
        self._env = {"NODE_PATH": str(root / "node_modules"), "SSL_CERT_FILE": SYSTEM_BUNDLE}
        self._script = str(Path(__file__).with_name("compose.js"))

    def command(self, task):
        argv = [
            "node", "--use-openssl-ca", self._script, str(task.port), USER, PASSWORD, SENDER, RECIPIENT, SUBJECT,
            str(task.attachment),
        ]
        return Command(argv, {"HOME": str(self.home), **self._env}, task.text)
