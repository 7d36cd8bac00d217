# SPDX-License-Identifier: ISC
"""What lies between sendoff and its server: proxies, tunnels, addresses, and a second server where the first is gone."""

import re
import time

import pytest

from servers import certs as certificates
from servers import proxy, scripted
from servers.client import run_sendmail
from servers.daemon import free_port

OK, TEMPFAIL, PROTOCOL, NOPERM, CONFIG = 0, 75, 76, 77, 78
BOUND_S = 45  # far more than a time limit of two seconds, far less than having none

EHLO = """\
S: 220 mx.example.net ESMTP
C: EHLO *
S: 250-mx.example.net
S: 250-PIPELINING
S: 250 CHUNKING
"""
ENVELOPE = """\
C: MAIL FROM:<alice@example.org>
C: RCPT TO:<bob@example.org>
C: BDAT {size} LAST
C: [content]
C: QUIT
"""
ACCEPTED = """\
S: 250 2.1.0 sender ok
S: 250 2.1.5 recipient ok
S: 250 2.0.0 queued
S: 221 2.0.0 Bye
"""
SESSION = EHLO + ENVELOPE + ACCEPTED
DATA_SESSION = """\
C: MAIL FROM:<alice@example.org>
C: RCPT TO:<bob@example.org>
C: DATA
S: 250 2.1.0 sender ok
S: 250 2.1.5 recipient ok
S: 354 go on
C: [content]
C: QUIT
S: 250 2.0.0 queued
S: 221 2.0.0 Bye
"""
REFUSED_LOGIN = """\
S: 220 mx.example.net ESMTP
C: EHLO *
S: 250-mx.example.net
S: 250 AUTH PLAIN
C: AUTH PLAIN *
"""


def serve(certs, text=SESSION, transport="plain"):
    """A mail server that plays this dialogue."""
    return scripted.Server(scripted.parse_text("dialogue", text), transport, certs)


def send(config, args=("bob@example.org",), message=scripted.STANDARD_HEADER.encode() + b"Hello Bob.\n", **options):
    """Runs sendmail; the configuration says how, and the sender is added."""
    return run_sendmail(list(args), message, f"{config}\nfrom alice@example.org\n", **options)


def check(result, status, stderr=""):
    """The exit status, and a pattern that standard error has; none where all went well, and no control characters."""
    assert result.status == status, str(result)
    assert re.search(stderr, result.stderr), f"not on standard error: {stderr}\n{result}"
    assert status != OK or not result.stderr or stderr, str(result)
    assert not re.search(r"[\x00-\x08\x0b-\x1f\x7f-\x9f]", result.stderr), str(result)


def check_played(server):
    """The dialogue went as it is written, and the message arrived as it was given."""
    assert server.played[-1].wait(scripted.PATIENCE_S)
    assert not server.divergence, f"{server.divergence}\n{server.transcript()}"
    sent = (scripted.STANDARD_HEADER + "Hello Bob.\n").encode().replace(b"\n", b"\r\n")
    assert server.contents == [sent], server.transcript()


@pytest.fixture
def mx(certs):
    """A mail server in plain text."""
    with serve(certs) as server:
        yield server


# Proxies.

KINDS = {"socks5": proxy.Socks5, "http": proxy.Http}
NOWHERE = "server smtp://mail.invalid:2525\ntls none"


def through(kind, port, login=""):
    """The line that names the proxy."""
    return f"{NOWHERE}\nproxy {kind}://{login}127.0.0.1:{port}"


@pytest.mark.parametrize("along", [False, True], ids=["apart", "along"])
@pytest.mark.parametrize("gap_s", [0, 0.005], ids=["whole", "dripping"])
@pytest.mark.parametrize("kind", KINDS)
def test_proxy(kind, gap_s, along, mx):
    """The name arrives at the proxy as it is; the greeting may come in one piece with the answer."""
    with KINDS[kind](mx.port, along=along, gap_s=gap_s) as way:
        check(send(through(kind, way.port)), OK)
    check_played(mx)
    assert way.asked == [("mail.invalid", 2525)]


@pytest.mark.parametrize("transport", ["starttls", "tls"])
@pytest.mark.parametrize("kind", KINDS)
def test_proxy_and_tls(kind, transport, certs):
    """The certificate is that of the mail server's name, not of the proxy's."""
    scheme = "smtps" if transport == "tls" else "smtp"
    with serve(certs, f"{SESSION}!: connection\n{SESSION}", transport) as server, KINDS[kind](server.port) as way:
        config = f"server {scheme}://localhost:2525\ntls_trust_file {certs.ca}\nproxy {kind}://127.0.0.1:{way.port}"
        check(send(config), OK)
        check(send(config.replace("localhost:", "other.invalid:")), PROTOCOL, "not for other.invalid but for localhost")
    assert way.asked == [("localhost", 2525), ("other.invalid", 2525)]


@pytest.mark.parametrize("kind", KINDS)
def test_proxy_is_not_the_server(kind, mx):
    """Plain text to a proxy on this machine is plain text to wherever it leads."""
    with KINDS[kind](mx.port) as way:
        config = f"server lmtp://mail.invalid:24\nproxy {kind}://127.0.0.1:{way.port}"
        check(send(config), CONFIG, "without TLS only a server on this machine")


@pytest.mark.parametrize("kind", KINDS)
def test_proxy_login(kind, mx):
    """A user and a password for the proxy, which nobody gets to see."""
    with KINDS[kind](mx.port, login=("proxy-user", "proxy-secret")) as way:
        result = send(through(kind, way.port, "proxy-user:proxy-secret@"), ["-v", "bob@example.org"])
    check(result, OK, "S: 250 2.0.0 queued")
    assert way.logins == [("proxy-user", "proxy-secret")]
    assert "proxy-secret" not in result.stderr and "cHJveHktdXNlcjpwcm94eS1zZWNyZXQ=" not in result.stderr


@pytest.mark.parametrize("kind", KINDS)
def test_proxy_login_of_no_use(kind, mx):
    """A login for a proxy that wants none."""
    with KINDS[kind](mx.port) as way:
        check(send(through(kind, way.port, "proxy-user:proxy-secret@")), OK)


@pytest.mark.parametrize("login", ["", "proxy-user:wrong@", "proxy-user@"], ids=["none", "wrong", "no-password"])
@pytest.mark.parametrize("kind", KINDS)
def test_proxy_login_refused(kind, login, mx):
    """No login, a wrong one, or half of one."""
    with KINDS[kind](mx.port, login=("proxy-user", "proxy-secret")) as way:
        result = send(through(kind, way.port, login))
    assert result.status in (TEMPFAIL, NOPERM, CONFIG), str(result)
    assert re.search("the proxy (refuses|wants a login)", result.stderr), str(result)
    assert "wrong" not in result.stderr
    assert way.asked == [] and mx.connections == 0


def test_proxy_unreachable():
    """Nobody listens where the proxy is to be."""
    check(send(through("socks5", free_port())), TEMPFAIL, "the proxy: cannot connect")


BOUNDS = {
    "ipv4": b"\x01\x7f\x00\x00\x01",
    "ipv6": b"\x04" + b"\xff" * 16,
    "name": b"\x03\x09localhost",
    "empty-name": b"\x03\x00",
    "long-name": b"\x03\xff" + b"x" * 255,
}


@pytest.mark.parametrize("bound", BOUNDS)
def test_socks5_bound(bound, mx):
    """The answer ends behind the address in it, whatever its form."""
    with proxy.Socks5(mx.port, bound=BOUNDS[bound], along=True) as way:
        check(send(through("socks5", way.port)), OK)
    check_played(mx)


HTTP_ANSWERS = {
    "old": b"HTTP/1.0 200 OK\r\n\r\n",
    "bare": b"HTTP/1.1 200\r\n\r\n",
    "created": b"HTTP/1.1 201 Whatever\r\n\r\n",
    "headers": b"HTTP/1.1 200 OK\r\nVia: 1.1 proxy\r\nContent-Length: 10\r\nTransfer-Encoding: chunked\r\n\r\n",
    "lf": b"HTTP/1.1 200 OK\nX: y\n\n",
    "long": b"HTTP/1.1 200 OK\r\nX: " + b"y" * 16000 + b"\r\n\r\n",
}


@pytest.mark.parametrize("answer", HTTP_ANSWERS)
def test_http_answer(answer, mx):
    """Every 2xx will do; its headers mean nothing (RFC 9110 section 9.3.6)."""
    with proxy.Http(mx.port, answer=HTTP_ANSWERS[answer], along=True) as way:
        check(send(through("http", way.port)), OK)
    check_played(mx)
    assert way.heads[0][:2] == ["CONNECT mail.invalid:2525 HTTP/1.1", "Host: mail.invalid:2525"]


def test_http_ipv6(mx):
    """An IPv6 address stands in brackets there."""
    with proxy.Http(mx.port) as way:
        check(send(f"server smtp://[2001:db8::1]:25\ntls none\nproxy http://127.0.0.1:{way.port}"), OK)
    assert way.asked == [("[2001:db8::1]", 25)]


# What a proxy may say instead: steps, exit status, standard error.
SOCKS5_FAILURES = {
    "closed": ([proxy.close], TEMPFAIL, "the proxy closed the connection"),
    "closed-amid": ([b"\x05", proxy.close], TEMPFAIL, "the proxy closed the connection"),
    "socks4": ([b"\x04\x5a"], PROTOCOL, "the proxy does not speak SOCKS5"),
    "http": ([b"HTTP/1.1 400 Bad Request\r\n\r\n"], PROTOCOL, "the proxy does not speak SOCKS5"),
    "smtp": ([b"220 mx.example.net ESMTP\r\n"], PROTOCOL, "the proxy does not speak SOCKS5"),
    "no-method": ([b"\x05\xff"], TEMPFAIL, "the proxy wants a login"),
    "login-unasked": ([b"\x05\x02"], TEMPFAIL, "the proxy wants a login"),
    "gssapi": ([b"\x05\x01"], TEMPFAIL, "the proxy wants a login"),
    "answer-closed": ([b"\x05\x00", proxy.read_some, proxy.close], TEMPFAIL, "the proxy closed the connection"),
    "answer-short": ([b"\x05\x00", proxy.read_some, b"\x05\x00\x00\x01\x7f", proxy.close], TEMPFAIL, "proxy closed"),
    "answer-version": ([b"\x05\x00", proxy.read_some, b"\x04\x00\x00\x01"], PROTOCOL, "does not speak SOCKS5"),
    "answer-type": ([b"\x05\x00", proxy.read_some, b"\x05\x00\x00\x09"], PROTOCOL, "makes no sense"),
    "name-short": ([b"\x05\x00", proxy.read_some, b"\x05\x00\x00\x03\xffabc", proxy.close], TEMPFAIL, "proxy closed"),
} | {
    f"code-{code}": ([b"\x05\x00", proxy.read_some, bytes([5, code, 0, 1, 0, 0, 0, 0, 0, 0])], TEMPFAIL, words)
    for code, words in {
        1: "general failure", 2: "not allowed", 3: "network unreachable", 4: "host unreachable",
        5: "connection refused", 6: "time to live expired", 7: "command not supported",
        8: "address type not supported", 9: "unknown reason", 255: "unknown reason",
    }.items()
}

HTTP_FAILURES = {
    "closed": ([proxy.close], TEMPFAIL, "the proxy closed the connection"),
    "closed-amid": ([b"HTTP/1.1 200 OK\r\nX: y\r\n", proxy.close], TEMPFAIL, "the proxy closed the connection"),
    "unauthorized": ([b"HTTP/1.1 407 Log in\r\n\r\n"], TEMPFAIL, "the proxy refuses: HTTP/1.1 407 Log in"),
    "forbidden": ([b"HTTP/1.1 403 Not here\r\nX: y\r\n\r\n<html>"], TEMPFAIL, "the proxy refuses: HTTP/1.1 403 Not here"),
    "bad-gateway": ([b"HTTP/1.1 502 Bad Gateway\r\n\r\n"], TEMPFAIL, "the proxy refuses: HTTP/1.1 502"),
    "continue": ([b"HTTP/1.1 100 Continue\r\n\r\n"], TEMPFAIL, "the proxy refuses: HTTP/1.1 100"),
    "control": ([b"HTTP/1.1 403 \x1b[2J\x00\x07" + b"x" * 5000 + b"\r\n\r\n"], TEMPFAIL, r"403 .*\\x1B"),
    "no-code": ([b"HTTP/1.1 \r\n\r\n"], PROTOCOL, "the proxy does not speak HTTP"),
    "http2": ([b"HTTP/2 200\r\n\r\n"], PROTOCOL, "the proxy does not speak HTTP"),
    "smtp": ([b"220 mx.example.net ESMTP\r\n"], PROTOCOL, "the proxy does not speak HTTP"),
    "empty-line": ([b"\r\n"], PROTOCOL, "the proxy does not speak HTTP"),
    "endless-headers": ([b"HTTP/1.1 200 OK\r\n", proxy.endless(b"X: y\r\n")], PROTOCOL, "does not end"),
    "endless-line": ([b"HTTP/1.1 200 ", proxy.endless(b"O" * 1000)], PROTOCOL, "too long a line"),
}


@pytest.mark.parametrize("kind, name", [
    *(("socks5", name) for name in SOCKS5_FAILURES), *(("http", name) for name in HTTP_FAILURES)
])
def test_proxy_failure(kind, name):
    """A proxy that refuses, or is none: the error says that it is the proxy."""
    steps, status, stderr = (SOCKS5_FAILURES if kind == "socks5" else HTTP_FAILURES)[name]
    with proxy.Raw(proxy.read_some, *steps) as way:
        check(send(through(kind, way.port)), status, stderr)


@pytest.mark.parametrize("kind, steps", [
    ("socks5", [proxy.read_some]),
    ("socks5", [b"\x05\x00", proxy.read_some, b"\x05\x00\x00\x03\xff", proxy.endless(b"x", 0.2)]),
    ("http", [proxy.read_some]),
    ("http", [proxy.endless(b"H", 0.2)]),
    ("http", [b"HTTP/1.1 200 OK\r\n", proxy.endless(b"X:\r\n", 0.2)]),
], ids=["socks5-silent", "socks5-dripping", "http-silent", "http-dripping", "http-dripping-lines"])
def test_proxy_too_slow(kind, steps):
    """connect_timeout is for the proxy too, however busy it looks."""
    begin = time.monotonic()
    with proxy.Raw(*steps) as way:
        check(send(through(kind, way.port) + "\nconnect_timeout 2"), TEMPFAIL, "the proxy: .*in time")
    assert time.monotonic() - begin < BOUND_S


def test_proxy_speaks_before_tls(certs):
    """Octets behind the proxy's answer are not taken into TLS."""
    with proxy.Raw(proxy.read_some, b"HTTP/1.1 200 OK\r\n\r\n220 mx.example.net\r\n") as way:
        config = f"server smtps://localhost:465\ntls_trust_file {certs.ca}\nproxy http://127.0.0.1:{way.port}"
        check(send(config), PROTOCOL, "before TLS began")


@pytest.mark.parametrize("host, chunks", [
    ("smtp.office365.com", False), ("smtp-mail.outlook.com", False), ("SMTP.Office365.COM", False),
    ("mail.example.com", True),
])
def test_chunking_of_microsoft(host, chunks, certs):
    """Microsoft's CHUNKING is left alone, by the server's name."""
    text = EHLO + (ENVELOPE + ACCEPTED if chunks else DATA_SESSION)
    with serve(certs, text) as server, proxy.Socks5(server.port) as way:
        check(send(f"server smtp://{host}:587\ntls none\nproxy socks5://127.0.0.1:{way.port}"), OK)
    check_played(server)


def test_oauthbearer_message(certs):
    """OAUTHBEARER names the host and the port as they are configured (RFC 7628 section 3.1)."""
    expected = r"n,a=alice@example.org,\x01host=mail.example.com\x01port=587\x01auth=Bearer a.b~c/d+e==\x01\x01"
    text = EHLO.replace("250 CHUNKING", "250-CHUNKING\nS: 250 AUTH OAUTHBEARER")
    text += f"C: AUTH OAUTHBEARER {{b64:{expected}}}\nS: 235 2.7.0 welcome\n" + ENVELOPE + ACCEPTED
    with serve(certs, text, "starttls") as server, proxy.Socks5(server.port) as way:
        check(send(f"server smtp://mail.example.com\nuser alice@example.org\ntoken_command echo 'a.b~c/d+e=='\n"
                   f"tls_host localhost\ntls_trust_file {certs.ca}\nproxy socks5://127.0.0.1:{way.port}"), OK)
    check_played(server)


# A command in place of a connection.

RELAY = """\
import socket, sys, threading
sys.path.insert(0, {path!r})
from servers import proxy
here = socket.socket(fileno=0)
with socket.create_connection(("127.0.0.1", {port})) as there:
    proxy.relay(here, there)
"""


def relay_command(folder, port):
    """A command that connects to the port."""
    script = folder / "relay.py"
    script.write_text(RELAY.format(path=str(certificates.BUILD.parent / "tests"), port=port))
    return f"/usr/bin/python3 {script}"


@pytest.mark.parametrize("transport", scripted.TRANSPORTS)
def test_tunnel(transport, certs, tmp_path):
    """A command, with TLS inside or without; it gets the host and the port as they are, and ends after us."""
    scheme, mode = ("smtps" if transport == "tls" else "smtp"), ("tls none\n" if transport == "plain" else "")
    with serve(certs, transport=transport) as server:
        command = f"echo \"$1 $2\" > {tmp_path}/given; {relay_command(tmp_path, server.port)}; touch {tmp_path}/ended"
        check(send(f"server {scheme}://mail.invalid:2525\n{mode}tls_host localhost\ntls_trust_file {certs.ca}\n"
                   f"tunnel_command {command}"), OK)
        wait_for(tmp_path / "ended")
    check_played(server)
    assert (tmp_path / "given").read_text() == "mail.invalid 2525\n"


def wait_for(path):
    """Waits for a file."""
    end = time.monotonic() + BOUND_S
    while not path.exists():
        assert time.monotonic() < end, f"{path} is not there"
        time.sleep(0.01)


TUNNEL_FAILURES = {
    "exits": ("exit 3", TEMPFAIL, "mail.invalid:2525.*closed the connection"),
    "unknown": ("/no/such/command", TEMPFAIL, "closed the connection"),
    "prints": ("echo 'ssh: no route to host'; cat > /dev/null", PROTOCOL, "no route to host"),
    "killed": ("kill -KILL $$", TEMPFAIL, "closed the connection"),
    "ends-later": ("echo 220 mx; head -c 4 > /dev/null; exit 1", TEMPFAIL, "closed the connection|Connection reset by peer"),
    "complains": ("echo 'it does not work' >&2", TEMPFAIL, "it does not work"),
}


@pytest.mark.parametrize("name", TUNNEL_FAILURES)
def test_tunnel_failure(name):
    """A command that ends, or says what is no SMTP."""
    command, status, stderr = TUNNEL_FAILURES[name]
    check(send(f"{NOWHERE}\ntunnel_command {command}"), status, stderr)


def test_tunnel_silent():
    """A command that never says a word is given up on."""
    begin = time.monotonic()
    check(send(f"{NOWHERE}\ntimeout 2\ntunnel_command cat > /dev/null"), TEMPFAIL, "no answer in time")
    assert time.monotonic() - begin < BOUND_S


def test_tunnel_is_not_local(mx, tmp_path):
    """Where a command leads to is not known: no plain text without being told so."""
    config = f"server lmtp://localhost:24\ntunnel_command {relay_command(tmp_path, mx.port)}"
    check(send(config), CONFIG, "without TLS only a server on this machine")


# The address to connect from.

@pytest.mark.parametrize("address", ["127.0.0.2", "127.0.0.1"])
def test_source_ip(address, mx):
    """The server sees the address."""
    check(send(f"server smtp://localhost:{mx.port}\ntls none\nsource_ip {address}"), OK)
    check_played(mx)
    assert mx.wires[0].peer[0] == address


def test_source_ip_to_proxy(mx):
    """With a proxy it is the proxy that sees it."""
    with proxy.Socks5(mx.port) as way:
        check(send(through("socks5", way.port) + "\nsource_ip 127.0.0.2"), OK)
    assert mx.wires[0].peer[0] == "127.0.0.1"


@pytest.mark.parametrize("address, stderr", [
    ("::1", "no address of the family to connect from"),
    ("203.0.113.9", "127.0.0.1: Cannot assign requested address"),
], ids=["family", "foreign"])
def test_source_ip_wrong(address, stderr, mx):
    """An address of the other family, and one that this machine does not have."""
    check(send(f"server smtp://127.0.0.1:{mx.port}\ntls none\nsource_ip {address}"), TEMPFAIL, stderr)
    assert mx.connections == 0


# Several servers.

def two(first_port, second, more=""):
    """Two servers to try in order."""
    return f"server smtp://localhost:{first_port}\nserver smtp://localhost:{second.port}\ntls none\n{more}"


# What keeps the first server from being used now, so that the second gets the message.
PASSED_OVER = {
    "421": "S: 421 4.3.2 come back later\n!: close\n",
    "421-open": "S: 421 4.3.2 come back later\n",
    "454": "S: 454 4.3.0 come back later\n",
    "closed": "!: close\n",
    "reset": "!: reset\n",
    "ehlo-421": "S: 220 mx\nC: EHLO *\nS: 421 4.3.2 come back later\n!: close\n",
    "ehlo-closed": "S: 220 mx\nC: EHLO *\n!: close\n",
    "silent": "!: silence\n",
}


@pytest.mark.parametrize("name", PASSED_OVER)
def test_second_server(name, certs):
    """The first cannot be used for now: the second gets the message, and nobody hears of it."""
    with serve(certs, PASSED_OVER[name]) as first, serve(certs) as second:
        check(send(two(first.port, second, "timeout 3" if name == "silent" else "")), OK)
    assert not first.divergence, first.divergence
    check_played(second)
    assert first.connections == 1


def test_second_server_first_refuses_connection(mx):
    """Nobody listens where the first is to be."""
    check(send(two(free_port(), mx)), OK)
    check_played(mx)


def test_second_server_after_454(certs):
    """The first cannot check passwords for now."""
    login = "user alice@example.org\npassword sesam\ninsecure_auth yes"
    good = EHLO.replace("250 CHUNKING", "250-CHUNKING\nS: 250 AUTH PLAIN") + "C: AUTH PLAIN *\nS: 235 ok\n"
    with serve(certs, REFUSED_LOGIN + "S: 454 4.7.0 later\n") as first, serve(certs, good + ENVELOPE + ACCEPTED) as second:
        check(send(two(first.port, second, login)), OK)
    check_played(second)
    assert not first.divergence, first.divergence


def test_no_server_left(certs):
    """The last one's reason is told."""
    with serve(certs, PASSED_OVER["421"]) as first, serve(certs, "S: 421 4.3.2 nor here\n!: close\n") as second:
        check(send(two(first.port, second)), TEMPFAIL, "421 4.3.2 nor here")
    assert (first.connections, second.connections) == (1, 1)


# What is a word about us or the message, or leaves in doubt what became of it: the second server is not asked.
FINAL = {
    "greeting-554": ("S: 554 5.3.2 not for you\n", 69, "554 5.3.2"),
    "mail-550": (EHLO + ENVELOPE + "S: 550 5.7.1 no\nS: 503 no\nS: 503 no\nS: 221 bye\n", 69, "550 5.7.1"),
    "rcpt-450": (EHLO + ENVELOPE + "S: 250 ok\nS: 450 4.2.0 later\nS: 554 no\nS: 221 bye\n", TEMPFAIL, "450 4.2.0"),
    "doubt-closed": (EHLO + ENVELOPE + "S: 250 ok\nS: 250 ok\n!: close\n", TEMPFAIL, "in doubt"),
    "doubt-cut": (EHLO + ENVELOPE + "!: reset\n", TEMPFAIL, "in doubt"),
    "doubt-silent": (EHLO + ENVELOPE + "S: 250 ok\nS: 250 ok\n!: silence\n", TEMPFAIL, "in doubt"),
    "garbage": ("S: SSH-2.0-OpenSSH_9.2\n", PROTOCOL, "no SMTP reply"),
}


@pytest.mark.parametrize("name", FINAL)
def test_never_the_second_server(name, certs):
    """The first has answered, or may have the message."""
    text, status, stderr = FINAL[name]
    with serve(certs, text) as first, serve(certs) as second:
        check(send(two(first.port, second, "timeout 3" if name == "doubt-silent" else "")), status, stderr)
    assert not first.divergence, f"{first.divergence}\n{first.transcript()}"
    assert second.connections == 0


def test_never_the_second_server_535(certs):
    """A refused password is not tried elsewhere."""
    login = "user alice@example.org\npassword sesam\ninsecure_auth yes"
    with serve(certs, REFUSED_LOGIN + "S: 535 5.7.8 no\n") as first, serve(certs) as second:
        check(send(two(first.port, second, login)), NOPERM, "535 5.7.8")
    assert (first.connections, second.connections) == (1, 0)


@pytest.mark.parametrize("certificate", ["unknown_ca", "expired", "other_host"])
def test_never_the_second_server_certificate(certificate, certs):
    """Whoever answers in the first server's place does not get to choose another."""
    with serve(certs, f"certificate: {certificate}\n{SESSION}", "tls") as first, serve(certs, transport="tls") as second:
        config = f"server smtps://localhost:{first.port}\nserver smtps://localhost:{second.port}"
        check(send(f"{config}\ntls_trust_file {certs.ca}"), PROTOCOL, "certificate")
    assert second.connections == 0
