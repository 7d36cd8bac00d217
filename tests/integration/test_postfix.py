# SPDX-License-Identifier: ISC
"""Messages through a real Postfix: they arrive byte for byte, or the caller learns why not."""

import re

import pytest

from servers.client import run_sendmail
from servers.dovecot import DIGEST_MD5, LONG_PASSWORD, LONG_PASSWORD_USER, MECHANISMS, PASSWORD, USER
from servers.messages import (
    BOB, DATAERR, HEADER, LATER, NOPERM, NOUSER, OK, PROTOCOL, SMALL, TEMPFAIL, UNAVAILABLE, UNKNOWN,
    assert_same_bytes, configuration, large_body, the_only, wire_form,
)
from servers.postfix import Postfix


# What arrives


@pytest.mark.parametrize("route", ["tls", "starttls", "plain"])
def test_message_arrives_byte_for_byte(postfix, certs, route):
    result = run_sendmail(["-i", BOB], SMALL, configuration(postfix, certs, route))
    assert result.status == OK, str(result)
    assert result.stderr == ""
    message = the_only(postfix.arrived())
    assert message.sender == USER
    assert list(message.recipients) == [BOB]
    assert_same_bytes(message.as_sent(), wire_form(SMALL))


def test_missing_fields_are_added(postfix, certs):
    text = b"To: bob@example.net\nSubject: short\n\nhello\n"
    result = run_sendmail(["-t", "-i"], text, configuration(postfix, certs))
    assert result.status == OK, str(result)
    header, _, body = the_only(postfix.arrived()).as_sent().partition(b"\r\n\r\n")
    names = [line.partition(b":")[0].lower() for line in header.split(b"\r\n")]
    for name in (b"from", b"date", b"message-id", b"to", b"subject"):
        assert names.count(name) == 1, header
    assert body == b"hello\r\n"


def test_blind_copies_get_the_message_and_nobody_sees_it(postfix, certs):
    text = HEADER.replace(b"Subject:", b"Bcc: carol@example.net,\n dave@example.net\nSubject:") + b"hello\n"
    result = run_sendmail(["-t", "-i"], text, configuration(postfix, certs))
    assert result.status == OK, str(result)
    message = the_only(postfix.arrived())
    assert set(message.recipients) == {BOB, "carol@example.net", "dave@example.net"}
    assert_same_bytes(message.as_sent(), wire_form(HEADER + b"hello\n"))


@pytest.mark.parametrize(
    "body",
    [
        pytest.param(b"one\r\ntwo\nthree\r\n\r\n\n", id="mixed line ends"),
        pytest.param(b"the end", id="no final newline"),
        pytest.param(b"the end\r\n.", id="a dot and no final newline"),
        pytest.param(b"", id="empty"),
        pytest.param(b"x" * 998 + b"\n", id="longest line"),
    ],
)
def test_lines_end_in_crlf(postfix, certs, body):
    result = run_sendmail(["-i", BOB], HEADER + body, configuration(postfix, certs))
    assert result.status == OK, str(result)
    assert_same_bytes(the_only(postfix.arrived()).as_sent(), wire_form(HEADER + body))


def test_crlf_input_arrives_as_lf_input_does(postfix, certs):
    result = run_sendmail(["-i", BOB], SMALL.replace(b"\n", b"\r\n"), configuration(postfix, certs))
    assert result.status == OK, str(result)
    assert_same_bytes(the_only(postfix.arrived()).as_sent(), wire_form(SMALL))


def test_large_message(postfix, certs):
    text = HEADER + large_body(30 * 1024 * 1024)
    result = run_sendmail(["-i", BOB], text, configuration(postfix, certs))
    assert result.status == OK, str(result)
    assert_same_bytes(the_only(postfix.arrived()).as_sent(), wire_form(text))


def test_many_recipients(postfix, certs):
    recipients = [f"reader{number}@example.net" for number in range(500)]
    result = run_sendmail(["-i", *recipients], SMALL, configuration(postfix, certs))
    assert result.status == OK, str(result)
    message = the_only(postfix.arrived())
    assert sorted(message.recipients) == sorted(recipients)
    assert_same_bytes(message.as_sent(), wire_form(SMALL))


def test_sender_is_the_one_given(postfix, certs):
    result = run_sendmail(["-i", "-f", "bounces@example.org", BOB], SMALL, configuration(postfix, certs))
    assert result.status == OK, str(result)
    assert the_only(postfix.arrived()).sender == "bounces@example.org"


def test_delivery_status_notification_is_asked_for(postfix, certs):
    flags = ["-N", "success,failure", "-R", "hdrs", "-V", "id+1=2"]
    result = run_sendmail(["-i", *flags, BOB], SMALL, configuration(postfix, certs))
    assert result.status == OK, str(result)
    message = the_only(postfix.arrived())
    assert message.sender_params["RET"] == "HDRS"
    assert message.sender_params["ENVID"] == "id+2B1+3D2"
    asked = message.recipients[BOB]
    assert set(asked["NOTIFY"].split(",")) == {"SUCCESS", "FAILURE"}
    assert asked["ORCPT"] == f"rfc822;{BOB}"


# Login


@pytest.mark.parametrize("mechanism", MECHANISMS)
@pytest.mark.parametrize("route", ["tls", "starttls"])
def test_login(postfix, certs, route, mechanism):
    result = run_sendmail(["-i", BOB], SMALL, configuration(postfix, certs, route, auth=mechanism))
    assert result.status == OK, str(result)
    message = the_only(postfix.arrived())
    assert postfix.wait_for_log(rf"{message.queue_id()}: client=.*, sasl_method={mechanism},")
    assert_same_bytes(message.as_sent(), wire_form(SMALL))


def test_transcript_does_not_show_the_password(postfix, certs):
    result = run_sendmail(["-i", "-v", BOB], SMALL, configuration(postfix, certs, auth="PLAIN"))
    assert result.status == OK, str(result)
    assert "AUTH PLAIN" in result.stderr
    assert PASSWORD not in result.stderr
    assert not re.search(r"AUTH PLAIN [A-Za-z0-9+/]{20}", result.stderr)


@pytest.mark.parametrize("mechanism", ["PLAIN", "LOGIN", "SCRAM-SHA-256", DIGEST_MD5])
def test_login_with_a_password_longer_than_a_command_line(postfix, certs, mechanism):
    login = {"user": LONG_PASSWORD_USER, "password": f'"{LONG_PASSWORD}"', "auth": mechanism}
    result = run_sendmail(["-i", BOB], SMALL, configuration(postfix, certs, **login))
    assert result.status == OK, str(result)
    the_only(postfix.arrived())


@pytest.mark.parametrize("mechanism", [None, *MECHANISMS])
def test_wrong_password(postfix, certs, mechanism):
    wrong = configuration(postfix, certs, password="wrong", auth=mechanism)
    result = run_sendmail(["-i", BOB], SMALL, wrong)
    assert result.status == NOPERM, str(result)
    assert "535 5.7.8" in result.stderr
    assert "authentication failed" in result.stderr
    assert postfix.arrived() == []


# Refusals


def test_one_of_two_recipients_is_refused(postfix, certs):
    result = run_sendmail(["-i", UNKNOWN, BOB], SMALL, configuration(postfix, certs))
    assert result.status == NOUSER, str(result)
    assert UNKNOWN in result.stderr
    assert BOB in result.stderr
    assert "no such user here" in result.stderr
    message = the_only(postfix.arrived())
    assert list(message.recipients) == [BOB]
    assert_same_bytes(message.as_sent(), wire_form(SMALL))


def test_all_recipients_are_refused(postfix, certs):
    result = run_sendmail(["-i", UNKNOWN, "unknown2@example.net"], SMALL, configuration(postfix, certs))
    assert result.status == NOUSER, str(result)
    assert UNKNOWN in result.stderr
    assert "unknown2@example.net" in result.stderr
    assert postfix.arrived() == []


def test_recipient_is_refused_for_now(postfix, certs):
    result = run_sendmail(["-i", LATER], SMALL, configuration(postfix, certs))
    assert result.status == TEMPFAIL, str(result)
    assert LATER in result.stderr
    assert "try again later" in result.stderr
    assert postfix.arrived() == []


def test_message_over_the_size_limit_is_not_sent(certs, dovecot):
    with Postfix(certs.good, dovecot.auth_socket, extra={"message_size_limit": "100000"}) as postfix:
        result = run_sendmail(["-i", BOB], HEADER + b"0123456\n" * 20000, configuration(postfix, certs))
        assert result.status in (DATAERR, UNAVAILABLE), str(result)
        assert "100000" in result.stderr
        assert postfix.arrived() == []
        assert "mail=" not in postfix.wait_for_log(r"postfix/tls/smtpd.* disconnect from .*")


def test_server_that_does_not_pardon_early_talkers(certs, dovecot):
    strict = {
        "smtpd_forbid_unauth_pipelining": "yes",
        "smtpd_forbid_bare_newline": "yes",
        "smtpd_data_restrictions": "reject_unauth_pipelining",
    }
    with Postfix(certs.good, dovecot.auth_socket, extra=strict) as postfix:
        for route in ("tls", "starttls", "plain"):
            result = run_sendmail(["-i", BOB], SMALL, configuration(postfix, certs, route))
            assert result.status == OK, f"{result}{postfix.log_tail()}"
            assert_same_bytes(the_only(postfix.arrived()).as_sent(), wire_form(SMALL))


# Certificates

BAD_CERTIFICATES = ("expired", "not_yet_valid", "other_host", "self_signed", "unknown_ca", "client_only")


@pytest.mark.parametrize("route", ["tls", "starttls"])
@pytest.mark.parametrize("fault", BAD_CERTIFICATES)
def test_bad_certificate(certs, dovecot, route, fault):
    with Postfix(getattr(certs, fault), dovecot.auth_socket) as postfix:
        result = run_sendmail(["-i", BOB], SMALL, configuration(postfix, certs, route))
        assert result.status == PROTOCOL, str(result)
        assert "certificate" in result.stderr
        assert postfix.arrived() == []
        commands = postfix.wait_for_log(rf"postfix/{route}/smtpd.* disconnect from .*")
        assert "auth=" not in commands and "mail=" not in commands


def test_certificate_of_an_authority_that_is_not_trusted(postfix, certs):
    result = run_sendmail(["-i", BOB], SMALL, configuration(postfix, certs, tls_trust_file=certs.unknown_ca.cert))
    assert result.status == PROTOCOL, str(result)
    assert postfix.arrived() == []
