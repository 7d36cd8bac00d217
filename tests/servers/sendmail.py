# SPDX-License-Identifier: ISC
"""A real Sendmail 8 on the loopback interface that relays what it accepts to a sink of ours.

    with Sendmail(certs.ensure().good) as sendmail:
        ...                             connect to sendmail.tls_port
        messages = sendmail.arrived()
"""

import contextlib
import re
import socket
import threading

from .dovecot import DIGEST_MD5, MECHANISMS, PASSWORD, USER
from .installed import InstalledDaemon
from .relay import HOST_NAME, SIZE_LIMIT_BYTES, Relay, copy_pair

# Addresses are not rewritten (rulesets 3 and 4; an empty group has none), and all go to the sink (ruleset 0).
CONFIGURATION = """\
V10/Berkeley
Dj{host}
Dn MAILER-DAEMON
Troot
O AliasFile=
O AuthMechanisms={mechanisms}
O BlankSub=.
O CACertFile=/etc/mail/{cert}
O CACertPath=/etc/mail
O DaemonPortOptions=Name=tls, Addr=127.0.0.1, Port={tls}, Modify=sa
O DaemonPortOptions=Name=starttls, Addr=127.0.0.1, Port={starttls}, Modify=a
O DaemonPortOptions=Name=plain, Addr=127.0.0.1, Port={plain}, Modify=AS
O DeliveryMode=background
O DontProbeInterfaces=True
O EightBitMode=pass8
O HostsFile=/etc/hosts
O LogLevel=9
O MaxMessageSize={size}
O PidFile=/var/spool/pid
O PrivacyOptions=noexpn,novrfy,noetrn
O QueueDirectory=/var/spool/queue
O QueueLA=1000
O RefuseLA=1000
O ServerCertFile=/etc/mail/{cert}
O ServerKeyFile=/etc/mail/{key}
O ServiceSwitchFile=/etc/mail/switch
O StatusFile=/var/spool/status
O TLSSrvOptions=V
O TempFileMode=0600
O Timeout.ident=0
O UseErrorsTo=False
O UnixFromLine=From $g $d
O OperatorChars=.:%@!^/[]+

HReceived: $?sfrom $s $.$?_($?s$|from $.$_)
	$.$?{{auth_type}}(authenticated mech=${{auth_type}})
	$.by $j ($v/$Z)$?r with $r$. id $i$?u
	for $u; $|;
	$.$b

S3
R$*:;$*	$@ <@>
R$*<$*>$*	$@ $2
S4
R<@>	$@
S0
R$*	$#sink $@ [127.0.0.1] $: $1
Scheck_rcpt
R$*	$: $>3 $1
Runknown @ $*	$#error $@ 5.1.1 $: "550 no such user here"
Rlater @ $*	$#error $@ 4.2.0 $: "450 mailbox busy, try again later"

Mlocal, P=[IPC], F=lmuXz8k, S=0, R=0, E=\\r\\n, L=0, r=1000, T=DNS/RFC822/SMTP, A=TCP 127.0.0.1 {sink}
Mprog, P=/bin/false, F=l, A=false
Msink, P=[IPC], F=muXz8k, S=0, R=0, E=\\r\\n, L=0, r=1000, T=DNS/RFC822/SMTP, A=TCP 127.0.0.1 {sink}
"""


class Sendmail(InstalledDaemon, Relay):
    """Three ways in: tls_port (login required), starttls_port (login required), plain_port (no TLS, no login)."""

    name = "sendmail"
    users = ("smmta", "smmsp")
    private = {"/var/spool": "spool", "/dev": "dev"}
    devices = ("null",)

    def __init__(self, pair):
        super().__init__()
        self._pair = pair
        self._syslog = None

    def __exit__(self, *error):
        super().__exit__(*error)
        if self._syslog is not None:
            self._syslog.close()

    def configure(self):
        etc = self.make_etc()
        for folder in (etc / "mail", etc / "sasl2", self.folder / "spool", self.folder / "spool/queue"):
            folder.mkdir(mode=0o700 if folder.name == "queue" else 0o755)
        (etc / "mail" / "switch").write_text("hosts files\naliases files\n")
        (etc / "mail" / "sendmail.cf").write_text(self._configuration())
        self._make_devices()
        self._make_passwords(etc)

    def program(self):
        return ["/usr/libexec/sendmail/sendmail", "-bD", "-C/etc/mail/sendmail.cf"]

    def mechanism(self, message):
        received = self.prepends.match(message.content).group()
        return re.search(rb"\(authenticated mech=([\w-]+)\)", received).group(1).decode()

    def has_queued(self):
        return any((self.folder / "spool" / "queue").glob("[dqt]f*"))

    def _configuration(self):
        cert, key = copy_pair(self._pair, self.folder / "etc" / "mail", "root")
        return CONFIGURATION.format(
            host=HOST_NAME, size=SIZE_LIMIT_BYTES, mechanisms=" ".join([*MECHANISMS, DIGEST_MD5]),
            cert=cert.name, key=key.name,
            tls=self.tls_port, starttls=self.starttls_port, plain=self.plain_port, sink=self._sink.port,
        )

    def _make_devices(self):
        """A /dev in which syslog is a file: Sendmail logs nowhere else."""
        devices = self.folder / "dev"
        devices.mkdir()
        (devices / "null").touch()
        self._syslog = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self._syslog.bind(str(devices / "log"))
        threading.Thread(target=self._keep_log, daemon=True).start()

    def _keep_log(self):
        with contextlib.suppress(OSError), open(self.log_file(), "wb", buffering=0) as log:
            while True:
                log.write(self._syslog.recv(65536).rstrip(b"\0\n") + b"\n")

    def _make_passwords(self, etc):
        passwords = self.folder / "passwords"
        (etc / "sasl2" / "Sendmail.conf").write_text(
            f"pwcheck_method: auxprop\nauxprop_plugin: sasldb\nsasldb_path: {passwords}\n"
        )
        user, _, realm = USER.partition("@")
        self.run_installed(["saslpasswd2", "-c", "-p", "-f", passwords, "-u", realm, user], PASSWORD)
        passwords.chmod(0o600)
