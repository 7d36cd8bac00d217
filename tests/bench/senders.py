# SPDX-License-Identifier: ISC
"""The programs that are compared, and how each is told to send one message.

Each gets the same: login with PLAIN, the server's certificate verified, the message on standard input; in the clear
neither TLS nor login.
"""

import shutil
from dataclasses import dataclass
from pathlib import Path

from measure import Command
from servers import unpack
from servers.client import write_private

USER, PASSWORD = "bench", "not secret"
SENDER = "alice@example.org"
SYSTEM_BUNDLE = "/etc/ssl/certs/ca-certificates.crt"


@dataclass(frozen=True)
class Task:
    """One message to send."""

    port: int
    way: str  # "implicit", "starttls", or "plain": in the clear
    ca: Path  # None: the system's trust store
    message: Path  # with LF line ends, as a caller of sendmail gives it; beside it, .crlf, one ready for the wire
    recipients: list


class Sender:
    """A program; `folder` is its home."""

    name = ""
    holds = 0  # times the message that it keeps in memory

    def __init__(self, folder):
        self.home = folder / self.name
        self.home.mkdir(exist_ok=True)

    def command(self, task):
        """How it does that; None where it cannot."""
        raise NotImplementedError

    def _config(self, lines):
        path = self.home / "config"
        write_private(path, "".join(f"{line}\n" for line in lines))
        return str(path)


class Sendoff(Sender):
    """The build under test."""

    name = "sendoff"

    def __init__(self, folder, build):
        super().__init__(folder)
        self._program = str(build / "sendmail")

    def command(self, task):
        lines = smarthost(task.port, task.way)
        if task.ca:
            lines.append(f"tls_trust_file {task.ca}")
        env = {"HOME": str(self.home), "SENDOFF_CONFIG": self._config(lines)}
        return Command([self._program, "-i", "-f", SENDER, *task.recipients], env, task.message)


class Bare(Sender):
    """tests/bench/bare.c: the floor."""

    name = "bare"

    def __init__(self, folder, tools, ca):
        super().__init__(folder)
        self._program, self._ca = str(tools / "bare"), str(ca)

    def command(self, task):
        server = ["localhost", str(task.port), task.way, self._ca, USER, PASSWORD]
        return Command([self._program, *server, SENDER, *task.recipients], {}, task.message.with_suffix(".crlf"))


class Msmtp(Sender):
    """From the package, installed or unpacked."""

    name = "msmtp"

    def __init__(self, folder):
        super().__init__(folder)
        self._program, self._env = find("msmtp", ["msmtp"])

    def command(self, task):
        lines = ["host localhost", f"port {task.port}"]
        if task.way != "plain":
            lines += [
                "tls on", f"tls_starttls {'on' if task.way == 'starttls' else 'off'}",
                f"tls_trust_file {task.ca or 'system'}", "auth plain", f"user {USER}", f"password {PASSWORD}",
            ]
        argv = [self._program, "-C", self._config(lines), "-i", "-f", SENDER, *task.recipients]
        return Command(argv, {"HOME": str(self.home), **self._env}, task.message)


class Curl(Sender):
    """From the package, installed or unpacked."""

    name = "curl"

    def __init__(self, folder):
        super().__init__(folder)
        self._program, self._env = find("curl", ["curl"])

    def command(self, task):
        argv = [
            self._program, "--disable", "--silent", "--show-error", "--crlf",
            "--url", f"{'smtps' if task.way == 'implicit' else 'smtp'}://localhost:{task.port}", "--mail-from", SENDER,
        ]
        if task.way != "plain":
            argv += ["--ssl-reqd", "--user", f"{USER}:{PASSWORD}", "--login-options", "AUTH=PLAIN", "--sasl-ir"]
        if task.ca:
            argv += ["--cacert", str(task.ca)]
        for recipient in task.recipients:
            argv += ["--mail-rcpt", recipient]
        return Command([*argv, "--upload-file", "-"], {"HOME": str(self.home), **self._env}, task.message)


class Swaks(Sender):
    """From the package, installed or unpacked."""

    name = "swaks"
    holds = 10

    def __init__(self, folder):
        super().__init__(folder)
        self._program, self._env = find("swaks", ["swaks", "libnet-ssleay-perl"])

    def command(self, task):
        argv = [
            "perl", self._program, "--silent", "3", "--server", "localhost", "--port", str(task.port), "--pipeline",
            "--from", SENDER, "--to", ",".join(task.recipients), "--data", "-",
        ]
        if task.way != "plain":
            argv += [
                "--tls" if task.way == "starttls" else "--tls-on-connect", "--tls-verify",
                "--tls-ca-path", str(task.ca or SYSTEM_BUNDLE),
                "--auth", "PLAIN", "--auth-user", USER, "--auth-password", PASSWORD,
            ]
        return Command(argv, {"HOME": str(self.home), **self._env}, task.message)


def smarthost(port, way="implicit"):
    """The lines of sendoff's configuration for the server at that port."""
    scheme = "smtps" if way == "implicit" else "smtp"
    # An instrument may make it so slow that it would go on behind its caller's back.
    wait = "wait 1h"
    access = ["tls none"] if way == "plain" else [f"user {USER}", f'password "{PASSWORD}"']
    return [f"server {scheme}://localhost:{port}", *access, f"from {SENDER}", wait]


def find(name, packages, folder=None):
    """The program, and the environment that it needs where it is only unpacked: under that name, or its own."""
    installed = shutil.which(name)
    if installed:
        return installed, {}
    root = unpack.ensure(folder or name, packages)
    perl = [*root.glob("usr/lib/*/perl5/*"), root / "usr/share/perl5"]
    env = {"LD_LIBRARY_PATH": unpack.library_path(root), "PERL5LIB": ":".join(str(folder) for folder in perl)}
    for plugins in root.glob("usr/lib/*/sasl2"):
        env["SASL_PATH"] = str(plugins)
    return str(root / "usr/bin" / name), env
