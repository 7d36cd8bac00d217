# SPDX-License-Identifier: ISC
"""Everything that can block, with something at its other end that never answers: an error in time, and nothing is left.

No test says how fast that has to be: each has a limit of a second or two, and fails where there seems to be none.
"""

import contextlib
import os
import socket
import subprocess
import time
import uuid
from pathlib import Path

import pytest

from servers import certs as certificates
from servers import dns, proxy
from servers.client import binary, run_sendmail, write_private
from servers.host import Host
from servers.place import Place
from servers.taker import wait_until

OK, TEMPFAIL, CONFIG = 0, 75, 78
BOUND_S = 45  # far more than the limits here, far less than having none
MESSAGE = b"Subject: hello\n\nhello\n"
MAIL = "mail.example.net"
LIMITS = "connect_timeout 1\ntimeout 2\nfrom alice@example.org\n"
MARK = "SENDOFF_TEST_MARK"


class Mark:
    """Marks the processes of one run, by their environment."""

    def __init__(self):
        self.env = {MARK: uuid.uuid4().hex}

    def processes(self):
        """All of them, but zombies of somebody else."""
        found = []
        for path in Path("/proc").glob("[0-9]*"):
            with contextlib.suppress(OSError):
                if f"{MARK}={self.env[MARK]}".encode() in (path / "environ").read_bytes().split(b"\0"):
                    found.append((int(path.name), (path / "cmdline").read_bytes()))
        return found

    def check_none(self):
        """None is left; what was killed a moment ago may take another one to go."""
        assert wait_until(lambda: not self.processes(), BOUND_S), self.processes()


def check(config, stderr, status=TEMPFAIL, recipient="bob@example.org"):
    """Sends by that configuration: the error comes in time, and no process is left."""
    mark, begin = Mark(), time.monotonic()
    result = run_sendmail([recipient], MESSAGE, config, env=mark.env, timeout_s=2 * BOUND_S)
    assert time.monotonic() - begin < BOUND_S, str(result)
    assert result.status == status and stderr in result.stderr, str(result)
    mark.check_none()


# Connections.


@contextlib.contextmanager
def full_backlog(family, where):
    """A socket where nobody accepts, and so many wait that there is room for no other."""
    with contextlib.ExitStack() as stack:
        listener = stack.enter_context(socket.socket(family))
        listener.bind(where)
        listener.listen(0)
        for _ in range(3):
            client = stack.enter_context(socket.socket(family))
            client.setblocking(False)
            client.connect_ex(listener.getsockname())
        yield listener.getsockname()


def test_unix_socket_full_backlog(tmp_path):
    """connect(2) itself would wait for ever."""
    path = str(tmp_path / "socket")
    with full_backlog(socket.AF_UNIX, path):
        check(f"server unix:{path}\n{LIMITS}", "cannot connect in time: others wait already")


def test_unix_socket_silent(tmp_path):
    """It takes the connection, and that is all."""
    path = str(tmp_path / "socket")
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind(path)
        listener.listen(5)
        check(f"server unix:{path}\n{LIMITS}", "no answer in time")


@dns.in_private
def test_tcp_deaf():
    """The port answers nothing at all."""
    with full_backlog(socket.AF_INET, ("127.0.0.1", 0)) as (_, port):
        check(f"server smtp://127.0.0.1:{port}\ntls none\n{LIMITS}", "cannot connect in time")


SILENT = {
    "greeting": ("smtp", "tls none", [], "no answer in time"),
    "starttls-greeting": ("smtp", "", [], "no answer in time"),
    "lmtp-greeting": ("lmtp", "", [], "no answer in time"),
    "tls": ("smtps", "", [], "TLS handshake"),
    "tls-amid": ("smtps", "", [proxy.read_some, b"\x16\x03\x03\x00\x50\x02"], "TLS handshake"),
    "ehlo": ("smtp", "tls none", [b"220 mx\r\n"], "no answer in time"),
    "starttls": ("smtp", "", [b"220 mx\r\n", proxy.read_some, b"250-mx\r\n250 STARTTLS\r\n"], "no answer in time"),
    "starttls-tls": ("smtp", "", [b"220 mx\r\n", proxy.read_some, b"250-mx\r\n250 STARTTLS\r\n", proxy.read_some,
                                  b"220 go on\r\n"], "TLS handshake"),
    "dripping": ("smtp", "tls none", [proxy.endless(b"220-mx\r\n", 0.1)], "no answer in time"),
}  # fmt: skip


@pytest.mark.parametrize("name", SILENT)
def test_server_silent(name):
    """It accepts the connection, and from some point on says nothing more, or nothing of use."""
    scheme, config, steps, stderr = SILENT[name]
    with proxy.Raw(*steps) as server:
        check(f"server {scheme}://127.0.0.1:{server.port}\n{config}\n{LIMITS}", stderr)


PROXIES = {
    "socks5": ("socks5", []),
    "socks5-login": ("socks5", [proxy.read_some, b"\x05\x02"]),
    "socks5-connect": ("socks5", [proxy.read_some, b"\x05\x00"]),
    "socks5-answer": ("socks5", [proxy.read_some, b"\x05\x00", proxy.read_some, b"\x05\x00\x00\x01\x7f"]),
    "http": ("http", []),
    "http-headers": ("http", [proxy.read_some, b"HTTP/1.1 200 OK\r\nX: y\r\n"]),
}


@pytest.mark.parametrize("name", PROXIES)
def test_proxy_silent(name):
    """At each stage."""
    kind, steps = PROXIES[name]
    with proxy.Raw(*steps) as way:
        check(f"server smtp://{MAIL}\ntls none\nproxy {kind}://user:secret@127.0.0.1:{way.port}\n{LIMITS}", "the proxy: ")


# Names.

GARBAGE = b"\x81\xa0" + b"\xff" * 100
NO_ANSWER = dns.Answer(raw=b"")
NAMES = {
    "silent": {kind: NO_ANSWER for kind in (dns.A, dns.AAAA)},
    "garbage": {kind: dns.Answer(raw=GARBAGE) for kind in (dns.A, dns.AAAA)},
    "half-silent": {dns.A: dns.Answer([dns.address(dns.ADDRESS)]), dns.AAAA: NO_ANSWER},
}


@pytest.mark.parametrize("way", ["server", "proxy"])
@pytest.mark.parametrize("name", NAMES)
@dns.in_private
def test_name(name, way, tmp_path):
    """Nobody, or nobody who makes sense, answers what the server's or the proxy's address is."""
    dns.with_resolver(tmp_path, "nameserver 127.0.0.1")
    config = f"server smtp://{MAIL}" if way == "server" else f"server smtp://x.invalid\nproxy socks5://{MAIL}"
    with dns.DnsServer({(MAIL, kind): answer for kind, answer in NAMES[name].items()}):
        check(f"{config}\ntls none\n{LIMITS}", f"cannot look up {MAIL}")


@dns.in_private
def test_name_killed(tmp_path):
    """Who is killed while he waits for a name leaves nobody behind who does."""
    dns.with_resolver(tmp_path, "nameserver 127.0.0.1\noptions timeout:30")
    with dns.DnsServer({(MAIL, kind): NO_ANSWER for kind in (dns.A, dns.AAAA)}) as names:
        killed(f"server smtp://{MAIL}\ntls none\nqueue_dir none\n", lambda: names.asked, tmp_path)


@dns.in_private
def test_name_of_this_machine(tmp_path):
    """What /etc/hosts has needs no server, whatever the server does; nor do addresses and localhost."""
    dns.with_resolver(tmp_path, "nameserver 127.0.0.1")
    (tmp_path / "hosts").write_text(f"127.0.0.1 {MAIL}\n")
    with dns.DnsServer({}) as names, Host() as host:
        for name in (MAIL, "127.0.0.1", "localhost"):
            result = run_sendmail(["bob@example.org"], MESSAGE, host.config.replace("127.0.0.1", name))
            assert result.status == OK, str(result)
    assert len(host.arrivals) == 3 and not names.asked


BIG = [dns.tlsa(3, 1, 1, bytes(32))] * 60
TLSA = {
    "silent": (NO_ANSWER, False),
    "garbage": (dns.Answer(raw=GARBAGE), False),
    "tcp-silent": (dns.Answer(BIG, authentic=True), True),
}


@pytest.mark.parametrize("name", TLSA)
@dns.in_private
def test_tlsa(name, tmp_path):
    """Nobody, or nobody who makes sense, says whether DNS names a certificate."""
    answer, mute_tcp = TLSA[name]
    dns.with_resolver(tmp_path, "nameserver 127.0.0.1")
    addresses = {(MAIL, dns.A): dns.Answer([dns.address(dns.ADDRESS)], authentic=True)}
    with socket.create_server((dns.ADDRESS, 0)) as server:
        port = server.getsockname()[1]
        with dns.DnsServer({**addresses, (f"_{port}._tcp.{MAIL}", dns.TLSA): answer}, mute_tcp=mute_tcp):
            check(f"server smtps://{MAIL}:{port}\n{LIMITS}", "(TLSA)")


# Commands.

COMMANDS = {
    "sleeps": "sleep 1000",
    "deaf": "trap '' TERM INT HUP PIPE; sleep 1000; sleep 1000",
    "grandchild": "sh -c 'trap \"\" TERM; sleep 1000; sleep 1000' & sleep 1000",
    "pipe": "sleep 1000 | cat",
    "stops": "kill -STOP 0; sleep 1000",
    "closed": "exec <&- >&-; sleep 1000",
}


@pytest.mark.parametrize("key, name", [
    *(("password_command", name) for name in COMMANDS), ("token_command", "sleeps"),
])
def test_password_command(key, name):
    """It is killed with all that it started."""
    with Host() as host:
        what = key.removesuffix("_command")
        check(f"{host.config}\nuser alice\n{key} {COMMANDS[name]}\n{LIMITS}", f"the command for the {what}: it took too")
    assert not host.arrivals


@pytest.mark.parametrize("name, transport", [
    *((name, "plain") for name in COMMANDS), ("sleeps", "starttls"), ("sleeps", "tls"),
])
def test_tunnel_command(name, transport):
    """Likewise, whoever is to speak first."""
    server = f"server {'smtps' if transport == 'tls' else 'smtp'}://{MAIL}"
    stderr = "closed the connection" if name == "closed" else "handshake" if transport == "tls" else "no answer in time"
    check(f"{server}\n{'tls none' if transport == 'plain' else ''}\ntunnel_command {COMMANDS[name]}\n{LIMITS}", stderr)


def killed(config, is_under_way, tmp_path):
    """Starts a delivery, and kills the process in the middle of it: nothing is left."""
    mark = Mark()
    write_private(tmp_path / "config", config)
    env = {"PATH": "/usr/bin:/bin", "HOME": str(tmp_path), "SENDOFF_CONFIG": str(tmp_path / "config"), **mark.env}
    with subprocess.Popen([binary(), "bob@example.org"], stdin=subprocess.PIPE, stderr=subprocess.PIPE, env=env) as run:
        run.stdin.write(MESSAGE)
        run.stdin.close()
        assert wait_until(is_under_way, BOUND_S)
        run.kill()
        mark.check_none()


@pytest.mark.parametrize("key", ["password_command", "tunnel_command"])
def test_command_killed(key, tmp_path):
    """Nor does a command outlive a delivery that was killed."""
    begun = tmp_path / "begun"
    command = f"touch {begun}; trap '' TERM HUP PIPE; sleep 1000 | cat"
    killed(f"server smtp://127.0.0.1:9\ntls none\nuser x\ninsecure_auth yes\nqueue_dir none\n{key} {command}\n"
           f"{'password x' if key == 'tunnel_command' else ''}\n", begun.exists, tmp_path)  # fmt: skip


def test_password_command_holds_up_nobody_else(tmp_path):
    """The account is left alone for a while, so the next caller does not wait for the same."""
    count = tmp_path / "count"
    with Host() as host:
        config = f"{host.config}\nuser alice\npassword_command echo >> {count}; sleep 1000\ntimeout 1\n"
        with Place(tmp_path, config) as place:
            for _ in range(3):
                assert place.send("bob@example.net").status == OK
            assert count.read_text() == "\n"
            assert {entry["error"] for entry in place.log() if "error" in entry} == {"secret"}, place.log()
    assert not host.arrivals


# Files.


def fifo(folder):
    """A file that cannot even be opened before somebody writes into it."""
    path = folder / "fifo"
    os.mkfifo(path, 0o600)
    return path


FILES = {
    "password_file": "user alice\npassword_file {fifo}",
    "aliases": "aliases {fifo}",
    "tls_trust_file": "tls_trust_file {fifo}",
    "tls_crl_file": "tls_trust_file {certs.ca}\ntls_crl_file {fifo}",
    "tls_cert_file": "tls_trust_file {certs.ca}\ntls_cert_file {fifo}",
    "tls_key_file": "tls_trust_file {certs.ca}\ntls_cert_file {certs.good.cert}\ntls_key_file {fifo}",
    "include": "include {fifo}",
}


@pytest.mark.parametrize("key", FILES)
def test_file(key, tmp_path):
    """What is no regular file is not waited for."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        config = FILES[key].format(fifo=fifo(tmp_path), certs=certificates.ensure())
        place = f"server smtps://127.0.0.1:{server.getsockname()[1]}\n{LIMITS}"
        check(f"{place}{config}\n", "is not a regular file", CONFIG, "root" if key == "aliases" else "bob@example.org")


def test_configuration_file(tmp_path):
    """The configuration itself."""
    mark = Mark()
    env = {"PATH": "/usr/bin:/bin", "HOME": str(tmp_path), "SENDOFF_CONFIG": str(fifo(tmp_path)), **mark.env}
    done = subprocess.run([binary(), "bob@example.org"], input=MESSAGE, env=env, capture_output=True, timeout=BOUND_S,
                          check=False)  # fmt: skip
    assert done.returncode == CONFIG and b"is not a regular file" in done.stderr, done
    mark.check_none()
