# SPDX-License-Identifier: ISC
"""Messages through real servers, in every way that each offers: they arrive byte for byte.

One table: server × transport × mechanism × case. What differs between the servers is in SERVERS, what is sent in CASES.
"""

import contextlib
import os
import re
import socket
import subprocess
from dataclasses import dataclass, field

import pytest

from servers.client import run_sendmail
from servers.dovecot import DIGEST_MD5, MECHANISMS, PASSWORD, USER, Submission
from servers.exim import Exim
from servers.messages import (
    BOB, HEADER, LATER, NOPERM, NOUSER, OK, SMALL, TEMPFAIL, UNKNOWN,
    assert_same_bytes, configuration, large_body, the_only, wire_form,
)
from servers.nodemailer import Nodemailer
from servers.opensmtpd import OpenSmtpd
from servers.postfix import Postfix
from servers.sendmail import Sendmail

pytestmark = pytest.mark.slow

# A Postfix that pardons nobody who talks before it is his turn.
STRICT = {
    "smtpd_forbid_unauth_pipelining": "yes",
    "smtpd_forbid_bare_newline": "yes",
    "smtpd_data_restrictions": "reject_unauth_pipelining",
}


@dataclass(frozen=True)
class Offer:
    """A server, and what it offers."""

    start: object  # (certs, dovecot) → the server, to be entered
    transports: tuple = ("tls", "starttls", "plain")
    mechanisms: tuple = MECHANISMS
    login_on_plain: bool = False
    chunking: bool = True
    utf8: bool = False
    refuses_for_now: bool = True

    def mechanisms_on(self, transport):
        """What can be logged in with; None is without login."""
        return self.mechanisms if transport != "plain" or self.login_on_plain else (None,)


SERVERS = {
    "postfix": Offer(lambda certs, dovecot: Postfix(certs.good, dovecot.auth_socket, extra=STRICT), utf8=True),
    "exim": Offer(
        lambda certs, dovecot: Exim(certs, dovecot.auth_socket), mechanisms=(*MECHANISMS, "EXTERNAL"), utf8=True
    ),
    "submission": Offer(lambda certs, _: Submission(certs.good), login_on_plain=True),
    "sendmail": Offer(lambda certs, _: Sendmail(certs.good), mechanisms=(*MECHANISMS, DIGEST_MD5), chunking=False),
    "nodemailer": Offer(
        lambda certs, _: Nodemailer(certs.good), mechanisms=("PLAIN", "LOGIN", "CRAM-MD5"), chunking=False, utf8=True
    ),
    "opensmtpd": Offer(lambda *_: OpenSmtpd(), transports=("plain",), chunking=False, refuses_for_now=False),
}


@dataclass(frozen=True)
class Case:
    """What is sent to whom; keys are what the configuration has more."""

    text: object = SMALL  # or a function that makes it
    recipients: tuple = (BOB,)
    keys: dict = field(default_factory=dict)

    def message(self):
        """The message."""
        return self.text() if callable(self.text) else self.text


NO_CHUNKING = {"chunking": "never"}
NO_PIPELINING = {"pipelining": "never"}
READERS = tuple(f"reader{number}@example.net" for number in range(500))
DOTS = b".\n..\n...\n.a\n..b\n. \n a.\n\n.\n" * 1000 + b".\n.\n."
ALL_OCTETS = bytes(range(1, 10)) + bytes(range(14, 256))
LINES = b"\n\n" + b"x" * 998 + b"\n" + b"." * 998 + b"\n\t\n \nlast"


def large():
    """A message of 30 MB."""
    return HEADER + large_body(30 * 1024 * 1024)


# With whatever mechanism sendoff takes. Each server gets each; those without chunking but for where chunking is named.
CASES = {
    "small": Case(),
    "large": Case(large),
    "many recipients": Case(recipients=READERS),
    "8-bit": Case(HEADER + (ALL_OCTETS + b"\n") * 50),
    "dots": Case(HEADER + DOTS),
    "lines": Case(HEADER + LINES),
    "no body": Case(HEADER),
    "not pipelined": Case(keys=NO_PIPELINING),
    "many recipients, not pipelined": Case(recipients=READERS, keys=NO_PIPELINING),
    "dots, not pipelined": Case(HEADER + DOTS, keys=NO_PIPELINING),
    "utf-8 address": Case(recipients=("grüße@example.net", BOB)),
    "small, not chunked": Case(keys=NO_CHUNKING),
    "large, not chunked": Case(large, keys=NO_CHUNKING),
    "many recipients, not chunked": Case(recipients=READERS, keys=NO_CHUNKING),
    "8-bit, not chunked": Case(HEADER + (ALL_OCTETS + b"\n") * 50, keys=NO_CHUNKING),
    "dots, not chunked": Case(HEADER + DOTS, keys=NO_CHUNKING),
    "lines, not chunked": Case(HEADER + LINES, keys=NO_CHUNKING),
    "not chunked, not pipelined": Case(keys={**NO_CHUNKING, **NO_PIPELINING}),
    "utf-8 address, not chunked": Case(recipients=("grüße@example.net",), keys=NO_CHUNKING),
}


def is_meant_for(case, offer):
    """Whether the case makes a difference for that server."""
    return (offer.utf8 or "utf-8" not in case) and (offer.chunking or "chunk" not in case)


def ways():
    """Server and transport."""
    return [(name, transport) for name, offer in SERVERS.items() for transport in offer.transports]


def logins():
    """Server, transport and mechanism, where there is a login."""
    return [
        (name, transport, mechanism)
        for name, transport in ways()
        for mechanism in SERVERS[name].mechanisms_on(transport)
        if mechanism is not None
    ]


def rows():
    """The table: server, transport, mechanism (None: sendoff's choice) and case."""
    chosen = [
        (name, transport, None, case)
        for name, transport in ways()
        for case in CASES
        if is_meant_for(case, SERVERS[name])
    ]
    return chosen + [(*login, "small") for login in logins()]


def named(table):
    """The rows as pytest's parameters; the first word is the server, which one worker starts for all its rows."""
    return [pytest.param(*row, id="-".join(filter(None, row)), marks=pytest.mark.xdist_group(row[0])) for row in table]


class Fleet:
    """The servers, each started when it is wanted first; a context manager that stops them."""

    def __init__(self, certs, dovecot):
        self._parts = (certs, dovecot)
        self._running = {}

    def __enter__(self):
        return self

    def __exit__(self, *_error):
        with contextlib.ExitStack() as stack:
            for server in self._running.values():
                stack.push(server)

    def get(self, name):
        """That server, with nothing left of other tests' mail."""
        if name in self._running and self._running[name].has_queued():
            # A test did not wait, or waited in vain: let no other one suffer.
            self._running.pop(name).__exit__()
        if name not in self._running:
            self._running[name] = SERVERS[name].start(*self._parts).__enter__()
        self._running[name].arrived()
        return self._running[name]


@pytest.fixture(scope="module")
def fleet(certs, dovecot):
    with Fleet(certs, dovecot) as servers:
        yield servers


@dataclass(frozen=True)
class Way:
    """How a test reaches a server: what configuration() takes, and what has to be added."""

    server: object
    certs: object
    transport: str
    keys: dict

    def send(self, recipients, text, expected, environment=None):
        """Sends with -v, and checks the exit status; returns the transcript."""
        config = configuration(self.server, self.certs, self.transport, **self.keys)
        result = run_sendmail(["-i", "-v", *recipients], text, config, env=environment)
        assert result.status == expected, f"{result}\nlog of {self.server.name}:\n{self.server.log_tail()}"
        return result.stderr


def way_to(fleet, certs, name, transport, mechanism=None, **keys):
    """The way to that server; keys are for the configuration."""
    login = {"auth": mechanism}
    if transport == "plain" and SERVERS[name].login_on_plain:
        login.update(user=USER, password=f'"{PASSWORD}"', insecure_auth="yes")
    if mechanism == "EXTERNAL":
        login.update(password=None, tls_cert_file=certs.client_only.cert, tls_key_file=certs.client_only.key)
    return Way(fleet.get(name), certs, transport, {**login, **keys})


@pytest.mark.parametrize("name, transport, mechanism, case", named(rows()))
def test_message_arrives(fleet, certs, name, transport, mechanism, case):
    case_name, case = case, CASES[case]
    way = way_to(fleet, certs, name, transport, mechanism, **case.keys)
    transcript = way.send(case.recipients, case.message(), OK)
    check_dialogue(transcript, SERVERS[name], case.keys)
    message = the_only(way.server.arrived())
    assert message.sender == USER
    assert sorted(message.recipients) == sorted(case.recipients)
    if mechanism is not None:
        assert way.server.mechanism(message) == mechanism
    if "utf-8" in case_name:
        assert "SMTPUTF8" in message.sender_params
    assert_same_bytes(way.server.as_sent(message), wire_form(case.message()))


def check_dialogue(transcript, offer, keys):
    """What the transcript has to show of the extensions that were used, or were not to be used."""
    is_chunked = offer.chunking and keys.get("chunking") != "never"
    assert ("C: BDAT " in transcript) == is_chunked, transcript
    assert ("C: DATA\n" in transcript) != is_chunked, transcript
    if keys.get("pipelining") == "never":
        without_content = re.sub(r"^C: (\(.*\)|\.)\n", "", transcript, flags=re.MULTILINE)
        assert not re.search(r"^C: .*\nC: ", without_content, re.MULTILINE), transcript


@pytest.mark.parametrize("name, transport, mechanism", named(row for row in logins() if row[2] != "EXTERNAL"))
def test_wrong_password(fleet, certs, name, transport, mechanism):
    way = way_to(fleet, certs, name, transport, mechanism, password="wrong")
    transcript = way.send([BOB], SMALL, NOPERM)
    assert "S: 535" in transcript
    assert "MAIL FROM" not in transcript
    assert way.server.arrived() == []


SOFTHSM = "/usr/lib/softhsm/libsofthsm2.so"


@pytest.fixture(scope="module")
def token(certs, tmp_path_factory):
    """A PKCS#11 token that holds the client certificate and its key: what is in the environment, and their URLs."""
    folder = tmp_path_factory.mktemp("token")
    config = folder / "softhsm2.conf"
    config.write_text(f"directories.tokendir = {folder}\n")
    environment = {"SOFTHSM2_CONF": str(config)}

    def run(*command):
        subprocess.run(command, check=True, capture_output=True, env={**os.environ, **environment})

    run("softhsm2-util", "--init-token", "--free", "--label", "sendoff", "--pin", "1234", "--so-pin", "5678")
    for option, file in ("--load-certificate", certs.client_only.cert), ("--load-privkey", certs.client_only.key):
        run("p11tool", "--provider", SOFTHSM, "--login", "--set-pin", "1234", "--write", option, str(file),
            "--label", "me", "--id", "01", "pkcs11:token=sendoff")
    return environment, "pkcs11:token=sendoff;object=me;type=cert", (
        "pkcs11:token=sendoff;object=me;type=private?pin-value=1234")


@pytest.mark.xdist_group("exim")
@pytest.mark.parametrize("transport", ["tls", "starttls"])
def test_certificate_in_a_token_is_a_login(fleet, certs, token, transport):
    environment, cert, key = token
    way = way_to(fleet, certs, "exim", transport, "EXTERNAL", tls_cert_file=cert, tls_key_file=key)
    way.send([BOB], SMALL, OK, environment)
    message = the_only(way.server.arrived())
    assert way.server.mechanism(message) == "EXTERNAL"


@pytest.mark.xdist_group("exim")
@pytest.mark.parametrize("transport", ["tls", "starttls"])
def test_certificate_that_the_server_does_not_trust_is_no_login(fleet, certs, transport):
    pair = certs.unknown_ca
    way = way_to(fleet, certs, "exim", transport, "EXTERNAL", tls_cert_file=pair.cert, tls_key_file=pair.key)
    transcript = way.send([BOB], SMALL, NOPERM)
    assert "MAIL FROM" not in transcript
    assert way.server.arrived() == []


@pytest.mark.parametrize("name, reply", named([("postfix", "554 5.5.0 "), ("opensmtpd", "500 5.5.1 ")]))
def test_server_is_as_strict_as_the_others_need_it_to_be(fleet, name, reply):
    with socket.create_connection(("127.0.0.1", fleet.get(name).plain_port), timeout=10) as client:
        client.sendall(b"EHLO localhost\r\nMAIL FROM:<alice@example.org>\r\n")
        with client.makefile("rb") as replies:
            assert reply in replies.read().decode()


@pytest.mark.parametrize("name, transport", named(ways()))
def test_one_of_two_recipients_is_refused(fleet, certs, name, transport):
    way = way_to(fleet, certs, name, transport)
    said = way.send([UNKNOWN, BOB], SMALL, NOUSER)
    assert UNKNOWN in said
    message = the_only(way.server.arrived())
    assert list(message.recipients) == [BOB]
    assert_same_bytes(way.server.as_sent(message), wire_form(SMALL))


@pytest.mark.parametrize("keys", [{}, NO_CHUNKING, NO_PIPELINING], ids=["chunked", "not chunked", "not pipelined"])
@pytest.mark.parametrize("name, transport", named(ways()))
def test_all_recipients_are_refused(fleet, certs, name, transport, keys):
    way = way_to(fleet, certs, name, transport, **keys)
    way.send([UNKNOWN], SMALL, NOUSER)
    assert way.server.arrived() == []


@pytest.mark.parametrize("name, transport", named(way for way in ways() if SERVERS[way[0]].refuses_for_now))
def test_recipient_is_refused_for_now(fleet, certs, name, transport):
    way = way_to(fleet, certs, name, transport)
    way.send([LATER], SMALL, TEMPFAIL)
    assert way.server.arrived() == []
