# SPDX-License-Identifier: ISC
"""A real Dovecot that checks passwords for the other servers.

    with Dovecot() as dovecot:
        dovecot.auth_socket     for Postfix's smtpd_sasl_path
"""

from .daemon import LOGIN_USER, SERVER_USER, Daemon, write_settings

USER = "alice@example.org"
PASSWORD = "sesam öffne dich"

# With this one, AUTH PLAIN with an initial response does not fit into a command line of 512 bytes.
LONG_PASSWORD_USER = "longwinded@example.org"
LONG_PASSWORD = "correct horse battery staple " * 20 + "!"

MECHANISMS = ("PLAIN", "LOGIN", "CRAM-MD5", "SCRAM-SHA-1", "SCRAM-SHA-256")


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
            "auth_mechanisms": " ".join(MECHANISMS).lower(),
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
