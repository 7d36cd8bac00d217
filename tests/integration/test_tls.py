# SPDX-License-Identifier: ISC
"""Is it the server that is meant? Pins, revocation, versions, client certificates, the system's bundle, DNS (DANE);
what a login is bound to; and what a server can do in a handshake."""

import contextlib
import os
import random
import re
import shutil
import socket
import subprocess
import threading
import time
from dataclasses import dataclass

import pytest

from servers import ROOT, certs, dns, proxy, scripted
from servers.client import run_sendmail

OK, TEMPFAIL, PROTOCOL, NOPERM, CONFIG = 0, 75, 76, 77, 78
BOUND_S = 45  # far more than a time limit of two seconds, far less than having none

SESSION = """\
S: 220 mx.example.net ESMTP
C: EHLO *
S: 250-mx.example.net
S: 250-PIPELINING
S: 250 CHUNKING
C: MAIL FROM:<alice@example.org>
C: RCPT TO:<bob@example.org>
C: BDAT {size} LAST
C: [content]
C: QUIT
S: 250 2.1.0 sender ok
S: 250 2.1.5 recipient ok
S: 250 2.0.0 queued
S: 221 2.0.0 Bye
"""
MESSAGE = scripted.STANDARD_HEADER.encode() + b"Hello Bob.\n"
SYSTEM_BUNDLE = "/etc/ssl/certs/ca-certificates.crt"


def serve(server="", transport="tls"):
    """A mail server; `server` are keys of a dialogue."""
    return scripted.Server(scripted.parse_text("dialogue", f"{server}\n{SESSION}"), transport, certs.ensure())


def send(config, **options):
    """Runs sendmail with this configuration."""
    return run_sendmail(["bob@example.org"], MESSAGE, f"{config}\nfrom alice@example.org\n", **options)


def check(result, status, stderr=""):
    """The exit status, and a pattern that standard error has; where all went well it has nothing."""
    assert result.status == status, str(result)
    assert re.search(stderr, result.stderr), f"not on standard error: {stderr}\n{result}"
    assert status != OK or not result.stderr, str(result)


def check_played(server, status):
    """The message arrived where it was to arrive, and else the client said nothing."""
    if server.wires:
        assert server.played[-1].wait(scripted.PATIENCE_S)
    arrived = [MESSAGE.replace(b"\n", b"\r\n")]
    assert server.contents == (arrived if status == OK else []), server.transcript()
    assert status == OK or b"MAIL" not in server.received, server.transcript()


# One row a case.


@dataclass(frozen=True)
class Case:
    """A server, a configuration, and what comes of the two.

    server: keys of a dialogue.  config: {pin:NAME}, {sha256:NAME}, {sha1:NAME} stand for a certificate of
    tests/servers/certs.py, {cert:NAME} and {key:NAME} for its files, {ca}, {revoked_list}… for others there.
    """

    name: str
    server: str
    config: str
    status: int = OK
    stderr: str = ""
    trust: bool = True  # the configuration has the test authority


def expand(text):
    """The configuration with its placeholders filled in."""
    made = certs.ensure()
    kinds = {
        "pin": lambda pair: certs.key_pin(pair.cert),
        "sha256": lambda pair: certs.fingerprint(pair.cert),
        "sha1": lambda pair: certs.fingerprint(pair.cert, "sha1"),
        "cert": lambda pair: str(pair.cert),
        "key": lambda pair: str(pair.key),
    }
    text = re.sub(r"\{(\w+):(\w+)\}", lambda match: kinds[match[1]](getattr(made, match[2])), text)
    return re.sub(r"\{(\w+)\}", lambda match: str(getattr(made, match[1])), text)


OTHER_KEY = "sha256//AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA="
NOT_PINNED = "is not the one that tls_fingerprint names"

PINS = [
    Case("key", "certificate: unknown_ca", "tls_fingerprint {pin:unknown_ca}", trust=False),
    Case("sha256", "certificate: unknown_ca", "tls_fingerprint {sha256:unknown_ca}", trust=False),
    Case("sha1", "certificate: unknown_ca", "tls_fingerprint {sha1:unknown_ca}", trust=False),
    Case("self-signed", "certificate: self_signed", "tls_fingerprint {pin:self_signed}", trust=False),
    Case("expired", "certificate: expired", "tls_fingerprint {sha256:expired}"),
    Case("other-host", "certificate: other_host", "tls_fingerprint {pin:other_host}"),
    Case("second-of-three", "certificate: self_signed", trust=False,
         config=f"tls_fingerprint {OTHER_KEY}\ntls_fingerprint {{pin:self_signed}}\ntls_fingerprint {{sha1:good}}"),
    Case("wrong", "certificate: good", f"tls_fingerprint {OTHER_KEY}", PROTOCOL, NOT_PINNED),
    Case("wrong-certificate", "certificate: good", "tls_fingerprint {sha256:expired}", PROTOCOL, NOT_PINNED),
    Case("wrong-sha1", "certificate: good", "tls_fingerprint {sha1:expired}", PROTOCOL, NOT_PINNED),
    Case("all-wrong", "certificate: good", f"tls_fingerprint {OTHER_KEY}\ntls_fingerprint {{sha1:expired}}", PROTOCOL,
         NOT_PINNED),
    # The hint says what to write, where that is the operator's key indeed.
    Case("hint", "certificate: self_signed", "", PROTOCOL, r"tls_fingerprint sha256//[A-Za-z0-9+/]{43}=\n"),
    # Only the server's own: an authority's key would trust all that it ever signs.
    Case("issuer", "certificate: deep", "tls_fingerprint {pin:with_ca}", PROTOCOL, NOT_PINNED),
]

REVOCATION = [
    Case("not-revoked", "certificate: good", "tls_crl_file {revoked_list}"),
    Case("revoked", "certificate: revoked", "tls_crl_file {revoked_list}", PROTOCOL, "revoked by its issuer"),
    Case("revoked-unknown", "certificate: revoked", ""),
    Case("outdated", "certificate: revoked", "tls_crl_file {outdated_list}", PROTOCOL, "certificate"),
    Case("other-authority", "certificate: unknown_ca", "tls_crl_file {revoked_list}", PROTOCOL, "not trusted"),
    Case("no-list", "certificate: good", "tls_crl_file {ca}", CONFIG, "no revocation list in "),
    Case("device", "certificate: good", "tls_crl_file /dev/null", CONFIG, "/dev/null is not a regular file"),
    Case("missing", "certificate: good", "tls_crl_file /no/such/file", CONFIG, "no revocation list in "),
    Case("must-staple", "certificate: must_staple", "", PROTOCOL, "demands an OCSP staple"),
]

VERSIONS = [
    Case("both-1.2", "tls-version: 1.2", ""),
    Case("both-1.3", "tls-version: 1.3", ""),
    Case("1.2-allowed", "tls-version: 1.2", "tls_min 1.2"),
    Case("1.3-wanted", "tls-version: 1.3", "tls_min 1.3"),
    Case("1.3-wanted-1.2-there", "tls-version: 1.2", "tls_min 1.3", PROTOCOL, "TLS|handshake"),
    Case("1.3-wanted-priorities", "tls-version: 1.2", "tls_min 1.3\ntls_priorities NORMAL", CONFIG, "tls_min"),
    Case("1.3-there-1.2-only", "tls-version: 1.3", "tls_priorities NORMAL:-VERS-TLS1.3", PROTOCOL, "handshake"),
]

OURS = "tls_cert_file {cert:client_only}\n"
ASKS = "asks-certificate: yes\n"
CLIENT = [
    Case("given", ASKS, OURS + "tls_key_file {key:client_only}"),
    Case("given-1.2", ASKS + "tls-version: 1.2", OURS + "tls_key_file {key:client_only}"),
    Case("not-asked", "", OURS + "tls_key_file {key:client_only}"),
    Case("none-1.2", ASKS + "tls-version: 1.2", "", PROTOCOL, "handshake"),
    Case("key-of-another", ASKS, OURS + "tls_key_file {key:good}", CONFIG, "cannot use the client certificate"),
    Case("no-key", ASKS, OURS + "tls_key_file /no/such/key", CONFIG, "cannot open the key /no/such/key"),
    Case("no-certificate", ASKS, "tls_cert_file /no/such/cert\ntls_key_file {key:good}", CONFIG, "/no/such/cert"),
    Case("no-key-within", ASKS, "tls_cert_file {key:good}", CONFIG, "cannot use the client certificate"),
]

CHAINS = [
    Case("intermediate", "certificate: deep", ""),
    Case("intermediate-missing", "certificate: deep_alone", "", PROTOCOL, "left out an intermediate certificate"),
    Case("weak", "certificate: weak_key", "", PROTOCOL, "too weak|[Ii]nsecure|handshake"),
]

TABLES = {"pin": PINS, "revocation": REVOCATION, "version": VERSIONS, "client": CLIENT, "chain": CHAINS}


@pytest.mark.parametrize("transport", ["tls", "starttls"])
@pytest.mark.parametrize("case", [
    pytest.param(case, id=f"{table}-{case.name}") for table, cases in TABLES.items() for case in cases
])
def test_case(case, transport):
    """One row, with TLS from the first octet and with STARTTLS."""
    trust = "tls_trust_file {ca}" if case.trust else ""
    scheme = "smtps" if transport == "tls" else "smtp"
    with serve(case.server, transport) as server:
        config = expand(f"server {scheme}://localhost:{server.port}\n{trust}\n{case.config}")
        check(send(config), case.status, case.stderr)
    check_played(server, case.status)


def test_pin_with_colons():
    """A fingerprint as openssl prints it."""
    digits = certs.fingerprint(certs.ensure().self_signed.cert).upper()
    with serve("certificate: self_signed") as server:
        colons = ":".join(digits[at : at + 2] for at in range(0, len(digits), 2))
        check(send(f"server smtps://localhost:{server.port}\ntls_fingerprint {colons}"), OK)


@pytest.mark.parametrize("pin", [
    "sha256//", "sha256//AAAA", OTHER_KEY + "A", OTHER_KEY[:-1], "00", "zz" * 32, "0" * 63, "0" * 62 + ":", "0:" * 64,
    "md5//x", "0" * 128,
])
def test_pin_malformed(pin):
    """What is no pin is found when the configuration is read."""
    check(send(f"server smtps://localhost:1\ntls_fingerprint {pin}"), CONFIG, "tls_fingerprint")


@pytest.mark.parametrize("ours, alert", [
    ("", "Certificate is required"),
    ("tls_cert_file {cert:self_signed}\ntls_key_file {key:self_signed}", "CA is unknown|Certificate is bad|certificate"),
], ids=["none", "strange"])
@pytest.mark.parametrize("transport", ["tls", "starttls"])
def test_client_certificate_wanted(transport, ours, alert):
    """TLS 1.3: the server says so after the handshake, if the connection lives that long."""
    scheme = "smtps" if transport == "tls" else "smtp"
    with serve(ASKS + "tls-version: 1.3", transport) as server:
        result = send(expand(f"server {scheme}://localhost:{server.port}\ntls_trust_file {{ca}}\n{ours}"))
    assert result.status in (TEMPFAIL, PROTOCOL), str(result)
    assert result.status == TEMPFAIL or re.search(alert, result.stderr), str(result)
    assert server.contents == []


@pytest.mark.parametrize("mode", [0o640, 0o604, 0o620, 0o644])
def test_key_file_of_others(mode, tmp_path):
    """A key that others can read is no secret."""
    made = certs.ensure()
    key = tmp_path / "key.pem"
    shutil.copy(made.client_only.key, key)
    key.chmod(mode)
    ours = f"tls_trust_file {made.ca}\ntls_cert_file {made.client_only.cert}\ntls_key_file {key}"
    with serve(ASKS) as server:
        check(send(f"server smtps://localhost:{server.port}\n{ours}"), CONFIG, f"others than its owner can read the key {key}")
    key.chmod(0o600)
    with serve(ASKS) as server:
        check(send(f"server smtps://localhost:{server.port}\n{ours}"), OK)


def test_key_and_certificate_in_one_file(tmp_path):
    """The key is looked for where the certificate is."""
    made = certs.ensure()
    both = tmp_path / "both.pem"
    both.write_bytes(made.client_only.cert.read_bytes() + made.client_only.key.read_bytes())
    both.chmod(0o600)
    with serve(ASKS) as server:
        check(send(f"server smtps://localhost:{server.port}\ntls_trust_file {made.ca}\ntls_cert_file {both}"), OK)


# The system's bundle.


def bundle_among_others(folder, *files):
    """The system's bundle becomes one with these certificates in the middle of what it has."""
    real = open(SYSTEM_BUNDLE, encoding="ascii").read().split("-----END CERTIFICATE-----\n")
    middle = len(real) // 2
    pem = "-----END CERTIFICATE-----\n"
    bundle = folder / "bundle.crt"
    added = "".join(file.read_text() for file in files)
    bundle.write_text(pem.join(real[:middle]) + pem + "# ours\n" + added + pem.join(real[middle:]))
    dns.put_over(SYSTEM_BUNDLE, bundle)
    return bundle


@pytest.mark.parametrize("certificate, added, status, stderr", [
    ("good", ["ca"], OK, ""),
    ("good", [], PROTOCOL, "not in the system's trust store"),
    ("good", ["another_ca"], PROTOCOL, "not in the system's trust store"),
    ("deep", ["ca"], OK, ""),
    ("deep_alone", ["ca"], PROTOCOL, "left out an intermediate certificate"),
    ("cross_signed", ["new_root"], OK, ""),
    ("second_twin", ["twins"], OK, ""),
    ("itself_an_authority", ["itself_an_authority"], OK, ""),
    ("self_signed", ["self_signed"], OK, ""),
    ("self_signed", ["itself_an_authority"], PROTOCOL, "certificate"),
    ("with_strange_ca", ["ca"], PROTOCOL, "certificate"),
    ("other_host", ["ca"], PROTOCOL, "not for localhost but for mail.example.net"),
    ("expired", ["ca"], PROTOCOL, "expired"),
    ("revoked", ["ca"], PROTOCOL, "revoked"),
], ids=lambda value: "+".join(value) if isinstance(value, list) else None)
@dns.in_private
def test_system_bundle(certificate, added, status, stderr, tmp_path):
    """The few that matter are found among all the others, by name."""
    made = certs.ensure()
    files = [getattr(getattr(made, name), "cert", getattr(made, name)) for name in added]
    bundle_among_others(tmp_path, *files)
    with serve(f"certificate: {certificate}") as server:
        revoked = f"tls_crl_file {made.revoked_list}"
        check(send(f"server smtps://localhost:{server.port}\n{revoked}"), status, stderr)
    check_played(server, status)


@pytest.mark.parametrize("certificate, root", [("good", "ca"), ("deep", "ca"), ("cross_signed", "new_root")])
@dns.in_private
def test_system_bundle_is_read_once(certificate, root, tmp_path):
    """Not all of it is loaded where the look-up by name finds the issuer."""
    bundle_among_others(tmp_path, getattr(certs.ensure(), root))
    trace = tmp_path / "trace"
    wrapper = tmp_path / "sendmail"
    binary = ROOT / os.environ.get("SENDOFF_BUILD", "build") / "sendmail"
    wrapper.write_text(f'#!/bin/sh\nexec strace -f -qq -o {trace} -e trace=open,openat {binary} "$@"\n')
    wrapper.chmod(0o755)
    with serve(f"certificate: {certificate}") as server, pytest.MonkeyPatch.context() as patch:
        patch.setenv("SENDOFF_BUILD", str(tmp_path))
        patch.setenv("ASAN_OPTIONS", os.environ.get("ASAN_OPTIONS", "") + ":detect_leaks=0")
        check(send(f"server smtps://localhost:{server.port}"), OK)
    opened = [line for line in trace.read_text().splitlines() if SYSTEM_BUNDLE in line]
    # Where GnuTLS has to load all of it, it opens the file by itself, and not like this.
    assert len(opened) == 1 and "O_NONBLOCK" in opened[0], opened


@dns.in_private
def test_system_bundle_is_empty(tmp_path):
    """A bundle with nothing in it, as in a small container."""
    (tmp_path / "empty").touch()
    dns.put_over(SYSTEM_BUNDLE, tmp_path / "empty")
    with serve() as server:
        check(send(f"server smtps://localhost:{server.port}"), PROTOCOL, "not in the system's trust store")


# What a server may do in place of a handshake: steps of proxy.Raw, exit status, standard error.

RECORD = b"\x16\x03\x03"
WARNING = b"\x15\x03\x03\x00\x02\x01\x5a"
FATAL = b"\x15\x03\x03\x00\x02\x02\x28"

HANDSHAKES = {
    "closed": ([proxy.read_some, proxy.close], TEMPFAIL, "closed the connection during the TLS handshake"),
    "alert": ([proxy.read_some, FATAL], PROTOCOL, "Handshake failed"),
    "plain": ([b"220 mx.example.net ESMTP\r\n"], PROTOCOL, "does not speak TLS on this port"),
    "http": ([proxy.read_some, b"HTTP/1.1 400 Bad Request\r\n\r\n"], PROTOCOL, "does not speak TLS on this port"),
    "zeros": ([proxy.read_some, bytes(1000)], PROTOCOL, "TLS"),
    "application-data": ([proxy.read_some, b"\x17\x03\x03\x00\x05hello"], PROTOCOL, "TLS"),
    "change-cipher": ([proxy.read_some, b"\x14\x03\x03\x00\x01\x01" * 100], PROTOCOL, "TLS"),
    "empty-records": ([proxy.read_some, (RECORD + b"\x00\x00") * 1000], PROTOCOL, "TLS"),
    "sslv2": ([proxy.read_some, b"\x80\x2e\x01\x03\x00"], PROTOCOL, "TLS"),
    "own-hello": ([lambda client: client.sendall(client.recv(1 << 16))], PROTOCOL, "handshake"),
}

STALLS = {
    "silent": [proxy.read_some],
    "huge-message": [proxy.read_some, RECORD + b"\x40\x00\x02\xff\xff\xff" + bytes(0x3FFC)],
    "half-a-record": [proxy.read_some, RECORD + b"\x40\x00\x02"],
    "dripping": [proxy.read_some, RECORD + b"\x40\x00", proxy.endless(b"\x02", 0.2)],
    "warnings": [proxy.read_some, proxy.endless(WARNING, 0.01)],
    "many-warnings": [proxy.read_some, proxy.endless(WARNING * 100)],
    "change-cipher": [proxy.read_some, proxy.endless(b"\x14\x03\x03\x00\x01\x01", 0.01)],
    "empty-records": [proxy.read_some, proxy.endless((RECORD + b"\x00\x00") * 100)],
}


@pytest.mark.parametrize("name", HANDSHAKES)
def test_handshake(name):
    """What is no handshake, or a broken one."""
    steps, status, stderr = HANDSHAKES[name]
    with proxy.Raw(*steps) as server:
        check(send(f"server smtps://localhost:{server.port}"), status, stderr)


@pytest.mark.parametrize("name", STALLS)
def test_handshake_does_not_end(name):
    """connect_timeout bounds it, however busy the server looks; or it is refused before that."""
    begin = time.monotonic()
    with proxy.Raw(*STALLS[name]) as server:
        result = send(f"server smtps://localhost:{server.port}\nconnect_timeout 2\ntimeout 5", timeout_s=BOUND_S)
    assert result.status in (TEMPFAIL, PROTOCOL), str(result)
    assert re.search("TLS", result.stderr), str(result)
    assert time.monotonic() - begin < BOUND_S


@pytest.mark.parametrize("seed", range(20))
def test_handshake_garbage(seed):
    """Octets by chance, behind the head of a record or without it."""
    chance = random.Random(seed)
    garbage = chance.randbytes(chance.randrange(1, 5000))
    if seed % 2:
        garbage = RECORD + len(garbage).to_bytes(2, "big") + chance.choice([b"\x02", b"\x04", b"\x0b"]) + garbage
    with proxy.Raw(proxy.read_some, garbage, proxy.close) as server:
        result = send(f"server smtps://localhost:{server.port}\nconnect_timeout 5")
    assert result.status in (TEMPFAIL, PROTOCOL), str(result)


class Cutting(proxy.Listener):
    """Lets only so many of the server's octets through."""

    def __init__(self, port, octets):
        super().__init__()
        self.target_port = port
        self.octets = octets

    def converse(self, client):
        with proxy.socket.create_connection(("127.0.0.1", self.target_port)) as server:
            up = threading.Thread(target=proxy.relay, args=(client, _Limited(server, self.octets)), daemon=True)
            up.start()
            up.join(proxy.PATIENCE_S)


class _Limited:
    """A connection whose other end says no more than so many octets."""

    def __init__(self, sock, octets):
        self.sock = sock
        self.left = octets
        self.sendall, self.shutdown = sock.sendall, sock.shutdown

    def recv(self, size):
        """As of a socket."""
        data = self.sock.recv(size)[: self.left]
        self.left -= len(data)
        return data


@pytest.mark.parametrize("octets", [1, 5, 6, 100, 130, 500, 900])
def test_handshake_cut(octets):
    """A good handshake that ends somewhere in between."""
    with serve() as server, Cutting(server.port, octets) as between:
        result = send(expand(f"server smtps://localhost:{between.port}\ntls_trust_file {{ca}}\nconnect_timeout 2"))
    assert result.status in (TEMPFAIL, PROTOCOL), str(result)
    assert server.contents == []


# Logins that are bound to the connection.


@pytest.fixture(scope="session")
def scram_plus(tmp_path_factory):
    """The program, compiled."""
    program = tmp_path_factory.mktemp("scram_plus") / "scram_plus"
    libraries = ["pkg-config", "--cflags", "--libs", "gnutls", "libgsasl"]
    flags = subprocess.run(libraries, capture_output=True, text=True, check=True).stdout.split()
    source = ROOT / "tests" / "servers" / "scram_plus.c"
    subprocess.run(["cc", "-Wall", "-Wextra", "-o", str(program), str(source), *flags], check=True)
    return program


@contextlib.contextmanager
def plus_server(program, mechanisms, *options, password="sesam", priorities="NORMAL"):
    """Runs it; yields its port and what it has printed so far."""
    good = certs.ensure().good
    command = [str(program), str(good.cert), str(good.key), priorities, mechanisms, password, *options]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
    printed = []
    try:
        yield int(process.stdout.readline()), printed
    finally:
        # It has one client, and ends when that has gone.
        printed += process.communicate(timeout=BOUND_S)[0].splitlines()


def login_config(port, more=""):
    """A user and a password for it."""
    return expand(f"server smtps://localhost:{port}\ntls_trust_file {{ca}}\nuser alice@example.org\npassword sesam\n{more}")


EVERYTHING = "PLAIN LOGIN SCRAM-SHA-1 SCRAM-SHA-256 SCRAM-SHA-1-PLUS SCRAM-SHA-256-PLUS"
TLS12 = "NORMAL:-VERS-ALL:+VERS-TLS1.2"


@pytest.mark.parametrize("mechanisms, priorities, chosen", [
    ("SCRAM-SHA-256-PLUS", "NORMAL", "SCRAM-SHA-256-PLUS"),
    ("SCRAM-SHA-1-PLUS", "NORMAL", "SCRAM-SHA-1-PLUS"),
    (EVERYTHING, "NORMAL", "SCRAM-SHA-256-PLUS"),
    ("PLAIN SCRAM-SHA-1-PLUS SCRAM-SHA-256", "NORMAL", "SCRAM-SHA-1-PLUS"),
    (EVERYTHING, TLS12, "SCRAM-SHA-256-PLUS"),
    ("SCRAM-SHA-256 SCRAM-SHA-1", "NORMAL", "SCRAM-SHA-256"),
], ids=["256", "1", "before-plain", "1-before-plain", "tls1.2", "none-bound"])
def test_bound_login(mechanisms, priorities, chosen, scram_plus):
    """The login is bound to the channel, and that is preferred to all others."""
    with plus_server(scram_plus, mechanisms, priorities=priorities) as (port, printed):
        check(send(login_config(port)), OK)
    assert printed[1:] == [f"login {chosen} alice@example.org", "message"], printed


@pytest.mark.parametrize("mechanism", ["scram-sha-1-plus", "scram-sha-256-plus", "plain"])
def test_bound_login_by_name(mechanism, scram_plus):
    """The one that the account names."""
    with plus_server(scram_plus, EVERYTHING) as (port, printed):
        check(send(login_config(port, f"auth {mechanism}")), OK)
    assert printed[1:] == [f"login {mechanism.upper()} alice@example.org", "message"], printed


@pytest.mark.parametrize("mechanism", ["SCRAM-SHA-256-PLUS", "SCRAM-SHA-1-PLUS"])
def test_bound_login_wrong_password(mechanism, scram_plus):
    """A wrong password is refused, and no other mechanism is tried with it."""
    with plus_server(scram_plus, f"{mechanism} PLAIN", password="another") as (port, printed):
        check(send(login_config(port)), NOPERM, "535 5.7.8 wrong")
    assert printed[1:] == [f"refused {mechanism} GSASL_AUTHENTICATION_ERROR"], printed


@pytest.mark.parametrize("mechanism", ["SCRAM-SHA-256-PLUS", "SCRAM-SHA-1-PLUS"])
def test_bound_login_in_the_middle(mechanism, scram_plus):
    """Someone who passes the login on has another channel to the server: refused, and the password not shown to him."""
    with plus_server(scram_plus, f"{mechanism} PLAIN LOGIN", "other-channel") as (port, printed):
        check(send(login_config(port)), NOPERM, "535 5.7.8 wrong")
    assert printed[1:] and printed[1:][0].startswith(f"refused {mechanism}"), printed
    assert len(printed) == 2, printed


def test_renegotiation(scram_plus):
    """A server that asks for another handshake (TLS 1.2): the message goes, or is refused with a reason; no hang."""
    with plus_server(scram_plus, "PLAIN", "renegotiate", priorities=TLS12) as (port, printed):
        result = send(login_config(port), timeout_s=BOUND_S)
    assert result.status in (OK, TEMPFAIL, PROTOCOL), str(result)
    assert (result.status == OK) == ("message" in printed), f"{result}\n{printed}"


# DANE: what DNS says about the server's key.

MAIL = "mail.example.net"
TRUSTED = "nameserver 127.0.0.1"
ELSEWHERE = f"nameserver {dns.ADDRESS}"


def record(usage, selector, matching, name="other_host", authority=None):
    """A TLSA record of that certificate of tests/servers/certs.py, or of an authority's file there."""
    made = certs.ensure()
    path = getattr(made, authority) if authority else getattr(made, name).cert
    data = certs.public_key(path) if selector == 1 else certs.octets(path)
    if matching:
        data = certs.digest(data, {1: "sha256", 2: "sha512"}[matching])
    return dns.tlsa(usage, selector, matching, data)


@dataclass(frozen=True)
class Dane:
    """A server's certificate, what DNS has, and what comes of the two."""

    name: str
    certificate: str
    answer: object  # () → dns.Answer about TLSA; or None: no such name
    status: int = OK
    stderr: str = ""
    config: str = ""
    resolver: str = TRUSTED
    signed_address: bool = True  # the AD bit of the A record
    asked: bool = True  # for TLSA records


def answer(*records, **options):
    """A function that makes the answer, for certificates are not there yet when the table is made."""
    return lambda: dns.Answer([make() if callable(make) else make for make in records], **{"authentic": True, **options})


def of(*args, **options):
    """The same for a record."""
    return lambda: record(*args, **options)


CA = "tls_trust_file {ca}"
NOT_NAMED = "is none that DNS"
JUNK = b"\x03\x01"

DANE = [
    Dane("311", "other_host", answer(of(3, 1, 1))),
    Dane("301", "other_host", answer(of(3, 0, 1))),
    Dane("312", "other_host", answer(of(3, 1, 2))),
    Dane("302", "other_host", answer(of(3, 0, 2))),
    Dane("311-expired", "expired", answer(of(3, 1, 1, "expired"))),
    Dane("311-self-signed", "self_signed", answer(of(3, 1, 1, "self_signed"))),
    Dane("311-second", "other_host", answer(of(3, 1, 1, "good"), of(3, 1, 1))),
    Dane("311-mismatch", "other_host", answer(of(3, 1, 1, "good")), PROTOCOL, NOT_NAMED, CA),
    Dane("301-mismatch", "other_host", answer(of(3, 0, 1, "good")), PROTOCOL, NOT_NAMED, CA),
    Dane("201", "with_ca", answer(of(2, 0, 1, authority="ca"))),
    Dane("211", "with_ca", answer(of(2, 1, 1, authority="ca"))),
    Dane("201-mismatch", "with_ca", answer(of(2, 0, 1, authority="another_ca")), PROTOCOL, NOT_NAMED, CA),
    Dane("201-other-name", "deep", answer(of(2, 0, 1, authority="intermediate")), PROTOCOL, "not for mail.example.net"),
    Dane("201-not-sent", "other_host", answer(of(2, 0, 1, authority="ca")), PROTOCOL, NOT_NAMED, CA),
    # The server sends the authority that DNS names, but its own certificate is from another one that we trust.
    Dane("201-tacked-on", "with_strange_ca", answer(of(2, 0, 1, authority="ca")), PROTOCOL, "certificate",
         "tls_trust_file {another_ca}"),
    Dane("201-tacked-on-untrusted", "with_strange_ca", answer(of(2, 0, 1, authority="ca")), PROTOCOL, "certificate"),
    Dane("both-usages", "with_ca", answer(of(3, 1, 1, "good"), of(2, 0, 1, authority="ca"))),
    # RFC 7672 section 3.1.3: usages 0 and 1 are not for mail; what cannot be used counts as not there.
    Dane("111-ignored", "other_host", answer(of(1, 1, 1, "good")), config=CA),
    Dane("001-ignored", "other_host", answer(of(0, 0, 1, authority="another_ca")), config=CA),
    Dane("111-no-proof", "with_strange_ca", answer(of(1, 1, 1, "with_strange_ca")), PROTOCOL, "not trusted", CA),
    Dane("unknown-usage", "other_host", answer(dns.tlsa(4, 1, 1, bytes(32))), config=CA),
    Dane("unknown-selector", "other_host", answer(dns.tlsa(3, 2, 1, bytes(32))), config=CA),
    Dane("whole-key", "other_host", answer(of(3, 1, 0)), config=CA),
    Dane("unknown-matching", "other_host", answer(dns.tlsa(3, 1, 3, bytes(32))), config=CA),
    Dane("short-digest", "other_host", answer(dns.tlsa(3, 1, 1, bytes(31))), PROTOCOL, "certificate"),
    Dane("no-digest", "other_host", answer(dns.tlsa(3, 1, 1, b"")), config=CA),
    Dane("junk", "other_host", answer(JUNK), config=CA),
    Dane("junk-first", "other_host", answer(JUNK, of(3, 1, 1))),
    # No records, or none that DNSSEC vouches for: as everywhere else.
    Dane("none", "other_host", None, config=CA),
    Dane("none-unknown-ca", "other_host", None, PROTOCOL, "not in the system's trust store"),
    Dane("empty", "other_host", answer(), config=CA),
    Dane("unsigned", "other_host", answer(of(3, 1, 1, "good"), authentic=False), config=CA),
    Dane("unsigned-match", "other_host", answer(of(3, 1, 1), authentic=False), PROTOCOL, "trust store"),
    Dane("never", "other_host", answer(of(3, 1, 1, "good")), config=CA + "\ndane never", asked=False),
    Dane("pinned", "other_host", answer(of(3, 1, 1, "good")), config="tls_fingerprint {pin:other_host}", asked=False),
    # Whom to believe: a resolver on this machine, or one that resolv.conf vouches for.
    Dane("elsewhere", "other_host", answer(of(3, 1, 1, "good")), config=CA, resolver=ELSEWHERE, asked=False),
    Dane("elsewhere-match", "other_host", answer(of(3, 1, 1)), PROTOCOL, "trust store", resolver=ELSEWHERE, asked=False),
    Dane("elsewhere-trusted", "other_host", answer(of(3, 1, 1)), resolver=ELSEWHERE + "\noptions trust-ad"),
    Dane("elsewhere-too", "other_host", answer(of(3, 1, 1, "good")), config=CA, asked=False,
         resolver=f"{TRUSTED}\n{ELSEWHERE}"),
    # No answer may be an attack that hides the records (RFC 7672 section 2.1.2)...
    Dane("servfail", "other_host", answer(code=dns.SERVFAIL), TEMPFAIL, "TLSA", CA),
    Dane("refused", "other_host", answer(code=dns.REFUSED), TEMPFAIL, "TLSA", CA),
    Dane("no-answer", "other_host", answer(raw=b""), TEMPFAIL, "TLSA", CA),
    Dane("garbage", "other_host", answer(raw=b"\x81\xa0" + b"\xff" * 100), TEMPFAIL, "TLSA", CA),
    Dane("short", "other_host", answer(raw=b"\x81"), TEMPFAIL, "TLSA", CA),
    # ... but where the domain is not signed nobody could, and many name servers fail so (section 2.2.2).
    Dane("servfail-unsigned", "other_host", answer(code=dns.SERVFAIL, authentic=False), config=CA, signed_address=False),
    Dane("no-answer-unsigned", "other_host", answer(raw=b""), config=CA, signed_address=False),
    # Large answers come over TCP.
    Dane("many", "other_host", answer(*[of(3, 1, 1, "good")] * 60), PROTOCOL, NOT_NAMED, CA),
    Dane("many-first", "other_host", answer(of(3, 1, 1), *[of(3, 1, 1, "good")] * 60)),
    Dane("many-large-first", "other_host", answer(of(3, 1, 1), *[dns.tlsa(3, 0, 0, bytes(60000))])),
    Dane("huge-first", "other_host", answer(of(3, 1, 1), *[dns.tlsa(3, 0, 0, bytes(500))] * 120)),
]


@pytest.mark.parametrize("case", [pytest.param(case, id=case.name) for case in DANE])
@dns.in_private
def test_dane(case, tmp_path):
    """One row."""
    dns.with_resolver(tmp_path, case.resolver)
    with serve(f"certificate: {case.certificate}\nlisten: {dns.ADDRESS}") as server:
        answers = {(MAIL, dns.A): dns.Answer([dns.address(dns.ADDRESS)], authentic=case.signed_address)}
        if case.answer:
            answers[(f"_{server.port}._tcp.{MAIL}", dns.TLSA)] = case.answer()
        with dns.DnsServer(answers, addresses=("127.0.0.1", dns.ADDRESS)) as names:
            check(send(expand(f"server smtps://{MAIL}:{server.port}\n{case.config}")), case.status, case.stderr)
    check_played(server, case.status)
    assert (f"_{server.port}._tcp.{MAIL}" in names.was_asked(dns.TLSA)) == case.asked, names.asked


@dns.in_private
def test_dane_not_for_this_machine(tmp_path):
    """A server on the loopback interface is not asked for."""
    dns.with_resolver(tmp_path, TRUSTED)
    with serve("certificate: other_host") as server:
        with dns.DnsServer({(MAIL, dns.A): dns.Answer([dns.address("127.0.0.1")])}) as names:
            check(send(expand(f"server smtps://{MAIL}:{server.port}\n{CA}")), OK)
    assert not names.was_asked(dns.TLSA)


@dns.in_private
def test_dane_not_through_a_proxy(tmp_path):
    """The network is not told what the proxy hides."""
    dns.with_resolver(tmp_path, TRUSTED)
    with serve("certificate: other_host") as server, proxy.Socks5(server.port) as way, dns.DnsServer({}) as names:
        check(send(expand(f"server smtps://{MAIL}:465\n{CA}\nproxy socks5://127.0.0.1:{way.port}")), OK)
    assert not names.asked


@dns.in_private
def test_dane_with_tls_host(tmp_path):
    """DNS is asked about the server, the certificate about tls_host."""
    dns.with_resolver(tmp_path, TRUSTED)
    with serve(f"certificate: with_ca\nlisten: {dns.ADDRESS}") as server:
        answers = {("mx.example.com", dns.A): dns.Answer([dns.address(dns.ADDRESS)], authentic=True)}
        answers[(f"_{server.port}._tcp.mx.example.com", dns.TLSA)] = answer(of(2, 0, 1, authority="ca"))()
        with dns.DnsServer(answers):
            check(send(f"server smtps://mx.example.com:{server.port}\ntls_host {MAIL}"), OK)


@dns.in_private
def test_dane_without_a_resolver(tmp_path):
    """A host of /etc/hosts, and no resolver at all: nobody could say anything about its key."""
    dns.with_resolver(tmp_path, "")
    (tmp_path / "hosts").write_text(f"{dns.ADDRESS} {MAIL}\n")
    with serve(f"certificate: other_host\nlisten: {dns.ADDRESS}") as server:
        check(send(expand(f"server smtps://{MAIL}:{server.port}\n{CA}")), OK)


@dns.in_private
def test_dane_starttls(tmp_path):
    """DANE with STARTTLS."""
    dns.with_resolver(tmp_path, TRUSTED)
    with serve(f"certificate: self_signed\nlisten: {dns.ADDRESS}", "starttls") as server:
        answers = {(MAIL, dns.A): dns.Answer([dns.address(dns.ADDRESS)], authentic=True)}
        answers[(f"_{server.port}._tcp.{MAIL}", dns.TLSA)] = answer(of(3, 1, 1, "self_signed"))()
        with dns.DnsServer(answers):
            check(send(f"server smtp://{MAIL}:{server.port}"), OK)


@pytest.mark.parametrize("code, status, stderr", [
    (dns.SERVFAIL, TEMPFAIL, f"cannot look up {MAIL}"), (dns.NXDOMAIN, 68, f"the name {MAIL} does not exist"),
])
@dns.in_private
def test_name_look_up_fails(code, status, stderr, tmp_path):
    """The server's name itself cannot be looked up, or does not exist."""
    dns.with_resolver(tmp_path, TRUSTED)
    failing = {(MAIL, kind): dns.Answer(code=code) for kind in (dns.A, dns.AAAA)}
    with dns.DnsServer(failing):
        check(send(f"server smtps://{MAIL}"), status, stderr)


# Several addresses


@contextlib.contextmanager
def deaf(where, port):
    """An address whose port answers nothing at all: its queue of connections is full."""
    with contextlib.ExitStack() as stack:
        subprocess.run(["ip", "address", "add", f"{where}/32", "dev", "lo"], check=True)
        listener = stack.enter_context(socket.socket())
        listener.bind((where, port))
        listener.listen(0)
        for _ in range(3):
            client = stack.enter_context(socket.socket())
            client.setblocking(False)
            client.connect_ex((where, port))
        yield


@dns.in_private
def test_addresses_are_tried_side_by_side(tmp_path):
    """Two addresses that swallow everything do not keep the third from being used."""
    dns.with_resolver(tmp_path, "")
    silent = ("192.0.2.2", "192.0.2.3")
    (tmp_path / "hosts").write_text("".join(f"{where} {MAIL}\n" for where in (*silent, dns.ADDRESS)))
    with contextlib.ExitStack() as stack:
        server = stack.enter_context(serve(f"listen: {dns.ADDRESS}"))
        for where in silent:
            stack.enter_context(deaf(where, server.port))
        check(send(expand(f"server smtps://{MAIL}:{server.port}\n{CA}\ntls_host localhost\nconnect_timeout 3")), OK)
