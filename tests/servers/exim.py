# SPDX-License-Identifier: ISC
"""A real Exim on the loopback interface that relays what it accepts to a sink of ours.

    with Dovecot() as dovecot, Exim(certs.ensure(), dovecot.auth_socket) as exim:
        ...                             connect to exim.tls_port
        messages = exim.arrived()

Dovecot does SCRAM for it, as Debian's Exim cannot by itself.
It offers EXTERNAL to who shows a certificate that the test authority has signed.
"""

import re
import shutil

from .daemon import SERVER_USER
from .dovecot import PASSWORD, USER
from .installed import InstalledDaemon
from .relay import HOST_NAME, SIZE_LIMIT_BYTES, Relay, copy_pair

CONFIGURATION = r"""
primary_hostname = {host}
spool_directory = {folder}/spool
log_file_path = {folder}/%slog
pid_file_path = {folder}/pid
exim_user = {owner}
exim_group = {group}
never_users =
keep_environment =
rfc1413_hosts =
host_lookup =
message_size_limit = {size}
recipients_max = 0

local_interfaces = <; [127.0.0.1]:{tls} ; [127.0.0.1]:{starttls} ; [127.0.0.1]:{plain}
tls_on_connect_ports = {tls}
tls_advertise_hosts = ${{if eq{{$received_port}}{{{plain}}}{{}}{{*}}}}
tls_certificate = {cert}
tls_privatekey = {key}
tls_verify_certificates = {ca}
tls_try_verify_hosts = *
auth_advertise_hosts = ${{if def:tls_in_cipher{{*}}{{}}}}
dsn_advertise_hosts = *
smtputf8_advertise_hosts = *
prdr_enable = true

acl_smtp_mail = mail
acl_smtp_rcpt = rcpt
acl_smtp_data = accept

begin acl

mail:
  deny    message = login required
          condition = ${{if !eq{{$received_port}}{{{plain}}}}}
          !authenticated = *
  accept

rcpt:
  deny    message = no such user here
          local_parts = ^unknown
  defer   message = mailbox busy, try again later
          local_parts = ^later
  accept

begin routers

sink:
  driver = manualroute
  transport = sink
  route_list = * 127.0.0.1
  self = send

begin transports

sink:
  driver = smtp
  protocol = lmtp
  port = {sink}
  max_rcpt = 0
  message_linelength_limit = 1000000
  hosts_try_fastopen =

begin authenticators

plain:
  driver = plaintext
  public_name = PLAIN
  server_prompts = :
  server_condition = ${{if and{{ {{eq{{$auth2}}{{{user}}}}} {{eq{{$auth3}}{{{password}}}}} }}}}
  server_set_id = $auth2

login:
  driver = plaintext
  public_name = LOGIN
  server_prompts = Username:: : Password::
  server_condition = ${{if and{{ {{eq{{$auth1}}{{{user}}}}} {{eq{{$auth2}}{{{password}}}}} }}}}
  server_set_id = $auth1

cram_md5:
  driver = cram_md5
  public_name = CRAM-MD5
  server_secret = ${{if eq{{$auth1}}{{{user}}}{{{password}}}fail}}
  server_set_id = $auth1

scram_sha_1:
  driver = dovecot
  public_name = SCRAM-SHA-1
  server_socket = {auth_socket}
  server_set_id = $auth1

scram_sha_256:
  driver = dovecot
  public_name = SCRAM-SHA-256
  server_socket = {auth_socket}
  server_set_id = $auth1

external:
  driver = external
  public_name = EXTERNAL
  server_advertise_condition = $tls_in_certificate_verified
  server_param2 = ${{certextract{{subject,CN}}{{$tls_in_peercert}}}}
  server_condition = ${{if and{{ {{eq{{$auth2}}{{localhost}}}} {{inlist{{$auth1}}{{: {user}}}}} }}}}
  server_set_id = {user}
"""


class Exim(InstalledDaemon, Relay):
    """Three ways in: tls_port (login required), starttls_port (login required), plain_port (no TLS, no login)."""

    name = "exim"
    users = ("Debian-exim",)

    def __init__(self, certs, auth_socket):
        super().__init__()
        self._certs = certs
        self._auth_socket = auth_socket

    def configure(self):
        folder = self.make_etc() / "exim4"
        folder.mkdir()
        spool = self.folder / "spool"
        spool.mkdir(mode=0o750)
        for path in (spool, self.folder):
            shutil.chown(path, SERVER_USER)
        (folder / "exim4.conf").write_text(self._configuration(), encoding="utf-8")

    def program(self):
        return ["/usr/sbin/exim4", "-bdf"]

    def log_file(self):
        return self.folder / "mainlog"

    def mechanism(self, message):
        line = self.wait_for_log(rf"{self.queue_id(message)} <= .* A=\w+:{USER} ")
        return re.search(r" A=(\w+):", line).group(1).upper().replace("_", "-")

    def has_queued(self):
        return any((self.folder / "spool" / "input").glob("*"))

    def _configuration(self):
        cert, key = copy_pair(self._certs.good, self.folder, SERVER_USER)
        return CONFIGURATION.format(
            host=HOST_NAME, folder=self.folder, owner=SERVER_USER, group=SERVER_USER, size=SIZE_LIMIT_BYTES,
            tls=self.tls_port, starttls=self.starttls_port, plain=self.plain_port, sink=self._sink.port,
            cert=cert, key=key, ca=self._certs.ca, user=USER, password=PASSWORD,
            auth_socket=self._auth_socket,
        )
