# SPDX-License-Identifier: ISC
"""Runs over the queue: which way the mail takes, how fast, which of it, until when, and how a run ends."""

import email
import email.policy
import os
import re
import signal
import threading
import time
from pathlib import Path

import pytest

from servers import kinds
from servers.client import binary
from servers.host import GONE, OK, Host
from servers.place import Place
from servers.taker import wait_until
from test_when import (
    ALICE, BOB, ENDINGS, EVE, LATER, UNKNOWN, dead_port, host, patient, place, refuse, subject,
)  # fmt: skip

CAROL = "carol@example.com"

__all__ = ["host", "patient", "place"]  # fixtures


def sent_by(first, second, settings=""):
    """A configuration whose mail goes to the first server, or to the second one by an account to fall back to."""
    return (
        f"account default\n{first.config}fallback other\n{settings}"
        f"account other\n{second.config.replace('alice', 'carol')}"
    )


# Which way


@pytest.fixture
def second():
    """Another server."""
    with Host() as second:
        yield second


def test_several_servers(host, second, place):
    """In order; the next one where one is not there."""
    keeper, port = dead_port()
    with keeper:
        place.configure(f"server smtp://127.0.0.1:{port}\n{host.config}server smtp://127.0.0.1:{second.port}\n")
        assert place.send(BOB).status == 0
    assert (len(host.arrivals), second.connections) == (1, 0)
    host.replies["GREETING"] = "421 4.3.2 closing"
    assert place.send(BOB).status == 0
    assert len(second.arrivals) == 1
    assert place.waiting() == []


@pytest.mark.parametrize("reply", [None, "421 4.3.2 closing", "451 4.3.2 not now", GONE])
@pytest.mark.parametrize("queued", [False, True])
def test_fallback(host, second, place, reply, queued):
    """The account whose servers can be used takes the mail; a run does the same."""
    if reply:
        host.replies["GREETING"] = reply
    else:
        host.close()
    place.configure(sent_by(host, second))
    if queued:
        place.queued()
        place.run("-qf")
    else:
        assert place.send(BOB).status == 0
    assert len(second.arrivals) == 1
    assert place.waiting() == []
    assert place.log()[-1]["server"] == f"127.0.0.1:{second.port}"


@pytest.mark.parametrize(
    "verb, reply, held",
    [
        ("AUTH", "535 5.7.8 wrong", True),
        ("MAIL", "550 5.7.1 not you", False),
        ("RCPT", UNKNOWN, False),
        ("RCPT", LATER, True),
        ("CONTENT", "554 5.6.0 not that", False),
        ("CONTENT", "451 4.3.0 not now", True),
        ("CONTENT", GONE, True),
    ],
)
def test_no_fallback(host, second, patient, verb, reply, held):
    """A login that is refused wants a person; what was said of the message holds; doubt would be doubled."""
    host.features = (*host.features, "AUTH PLAIN")
    host.replies[verb] = reply
    patient.configure(sent_by(host, second, 'user alice\npassword "sesam"\ninsecure_auth yes\nretry 1h\n'))
    patient.send(BOB)
    assert second.connections == 0
    assert len(patient.waiting()) == held
    assert ("possible duplicate" in patient.mailq()) == (reply == GONE)


# How fast


def test_rate(host, place):
    """60 a minute, whoever sends them: one a second by the server's clock."""
    place.configure(f"{host.config}rate 60/min\n")
    place.queued()
    place.queued()
    assert place.send(BOB).status == 0
    place.settle()
    assert place.waiting() == []
    times = [arrival.at for arrival in host.arrivals]
    assert len(times) == 3
    # Our clocks tick alike, but what was due at a second may have been late, and the next one on time.
    assert times[2] - times[0] > 1.5, times


def test_rate_is_not_waited_for_longer_than_wait(host, place):
    place.configure(f"{host.config}rate 1/min\nwait 1s\n")
    assert place.send(BOB).status == 0
    assert place.send(BOB).status == 0
    assert len(host.arrivals) == 1
    assert len(place.waiting()) == 1
    assert "1 messages a minute have gone out" in str(place.log()[-1])
    place.end()


def test_one_connection(host, place):
    """For all messages of a run."""
    for number in range(20):
        place.queued(input_bytes=subject(number))
    place.run("-qf")
    assert host.connections == 1
    assert host.subjects == [str(number) for number in range(20)]


def test_more_connections(host, place):
    """Two for a long queue; each message goes out once."""
    place.configure(f"{host.config}connections 2\n")
    for number in range(200):
        place.queued(input_bytes=subject(number))
    host.replies["CONTENT"] = lambda _: time.sleep(0.002) or OK
    assert place.run("-qf").is_silent
    assert host.most_open == host.connections == 2
    assert sorted(host.subjects, key=int) == [str(number) for number in range(200)]
    assert place.waiting() == []
    assert [line["result"] for line in place.log()[200:]] == ["sent"] * 200


def test_limits(host, place):
    """LIMITS MAILMAX=3 (RFC 9422): three messages, and another connection."""
    host.features = (*host.features, "LIMITS MAILMAX=3")
    for number in range(7):
        place.queued(input_bytes=subject(number))
    assert place.run("-qf").is_silent
    assert host.subjects == [str(number) for number in range(7)]
    assert [arrival.connection for arrival in host.arrivals] == [1, 1, 1, 2, 2, 2, 3]


# Which of it


@pytest.mark.parametrize(
    "args, expected",
    [
        ((), {"bob", "eve", "carol"}),
        (("-qRbob@",), {"bob"}),
        (("-qRBOB@",), {"bob"}),
        (("-qRexample.net",), {"bob", "eve"}),
        (("-q!Rexample.net",), {"carol"}),
        (("-qScarol",), {"carol"}),
        (("-q!Scarol",), {"bob", "eve"}),
        (("-qRexample.net", "-q!Rbob"), {"eve"}),
        (("-qI{bob}",), {"bob"}),
        (("-q!I{bob}",), {"eve", "carol"}),
        (("-qInothing",), set()),
        (("-qR\x1b[2J",), set()),
    ],
)
def test_selection(host, place, args, expected):
    names = {
        "bob": place.queued(BOB, input_bytes=subject("bob")),
        "eve": place.queued(EVE, input_bytes=subject("eve")),
        "carol": place.queued("-f", CAROL, "dave@example.com", input_bytes=subject("carol")),
    }
    result = place.run("-qf", *(word.format(**names) for word in args))
    assert result.status == 0 and result.is_silent, str(result)
    assert set(host.subjects) == expected
    assert set(place.waiting()) == {names[name] for name in set(names) - expected}


def test_run_behind(host, place):
    """-q does not wait, and says nothing."""
    place.queued()
    with host.holding():
        result = place.run("-q")
        assert result.status == 0 and result.is_silent, str(result)
        host.wait_for_content()
    place.settle()
    assert len(host.arrivals) == 1
    assert place.waiting() == []


def test_run_behind_leaves_the_rest_to_the_runner(host, place):
    place.configure(f"{host.config}retry 1s\n")
    place.queued()
    refusals = iter([LATER])
    host.replies["RCPT"] = lambda _: next(refusals, OK)
    assert place.run("-q").is_silent
    place.settle()
    assert len(host.arrivals) == 1
    assert host.connections == 2


def test_hold(host, place):
    """What a person holds back no run sends, nor does a success hurry it."""
    held, other = place.queued(BOB), place.queued(EVE)
    assert place.run("queue", "hold", held, name="sendoff").status == 0
    place.run("-qf")
    place.run("-qf", f"-qI{held}")
    assert place.send(EVE).status == 0
    place.settle()
    assert place.waiting() == [held]
    assert other not in place.waiting()
    assert [list(arrival.recipients) for arrival in host.arrivals] == [[EVE], [EVE]]
    # The runner sends it: a run of ours beside it would have it wait for us, and look again in a minute.
    assert place.run("queue", "release", held, name="sendoff").status == 0
    place.settle()
    assert place.waiting() == []


def test_leftovers(place):
    """What killed processes left on its way is removed by a run a day later; nothing else is."""
    place.queued()
    day_s = 24 * 3600
    ages = {"tmp/6AHN0YE6GC": 2 * day_s, "tmp/6AHN0YEVAE": day_s / 2, "tmp/other": 2 * day_s,
            "run/breakers/new-01m80vere4f8fqbfxbj7mmhf9z": 2 * day_s, "run/breakers/new-01m80": 1,
            "run/breakers/other": 2 * day_s, "run/new-01m80vere4f8fqbfxbj7mmhf9z": 2 * day_s}  # fmt: skip
    for name, age in ages.items():
        path = place.queue / name
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        path.write_bytes(b"")
        os.utime(path, (time.time() - age,) * 2)
    assert place.run("-qf").is_silent
    left = {name for name in ages if (place.queue / name).exists()}
    assert set(ages) - left == {"tmp/6AHN0YE6GC", "run/breakers/new-01m80vere4f8fqbfxbj7mmhf9z"}


# Until when: runs that stay, and are told to end


@pytest.mark.parametrize("foreground", [True, False])
def test_interval(host, place, foreground):
    """Again and again, until it is told to end."""
    place.configure(f"{host.config}retry 1s\n")
    host.replies["RCPT"] = LATER
    place.queued()
    if foreground:
        process = place.start("-qf1s")
    else:
        assert place.run("-q1s").is_silent
    assert wait_until(lambda: len(place.log()) >= 3, 60)
    (pid,) = place.processes()
    os.kill(pid, signal.SIGTERM)
    if foreground:
        result = place.finish(process, b"")
        assert result.status == -signal.SIGTERM and result.is_silent, str(result)
    place.settle()
    assert len(place.waiting()) == 1
    assert not host.arrivals


def test_interval_with_an_empty_queue(host, place):
    """It waits for mail that will come, also where there is no folder yet."""
    process = place.start("-qf1s")
    assert wait_until(place.queue.exists)
    place.queued()
    assert wait_until(lambda: len(host.arrivals) == 1, 60)
    process.terminate()
    assert place.finish(process, b"").is_silent


@pytest.mark.parametrize("number", ENDINGS)
def test_run_told_to_end_between_messages(host, place, number):
    """At once: nothing was begun that would be in doubt."""
    for _ in range(3):
        place.queued()
    gate, asked = threading.Event(), threading.Event()

    def wait(_):
        asked.set()
        gate.wait(60)
        return GONE

    host.replies["MAIL"] = wait
    process = place.start("-qf")
    assert asked.wait(60)
    process.send_signal(number)
    result = place.finish(process, b"")
    gate.set()
    assert result.status == -number and result.is_silent, str(result)
    assert len(place.waiting()) == 3
    assert not any(entry["in_doubt"] or entry["attempts"] for entry in place.listing().values())


@pytest.mark.parametrize("number", ENDINGS)
def test_run_told_to_end_within_a_message(host, place, number):
    """The answer that is due is waited for, and recorded; then it ends."""
    for name in range(3):
        place.queued(input_bytes=subject(name))
    with host.holding():
        process = place.start("-qf")
        host.wait_for_content()
        process.send_signal(number)
        time.sleep(0.1)
        assert process.poll() is None
    result = place.finish(process, b"")
    assert result.status < 0 and result.is_silent, str(result)
    assert host.subjects == ["0"]
    assert len(place.waiting()) == 2
    assert not any(entry["in_doubt"] for entry in place.listing().values())


def test_run_told_to_end_with_workers(host, place):
    """All of its processes end, each with the answer that it waits for."""
    place.configure(f"{host.config}connections 3\n")
    for number in range(120):
        place.queued(input_bytes=subject(number))
    gate = threading.Event()
    host.replies["CONTENT"] = lambda _: OK if not host.arrivals else gate.wait(60) and OK
    process = place.start("-qf")
    host.wait_for_content(1 + 3)
    process.terminate()
    time.sleep(0.2)
    gate.set()
    result = place.finish(process, b"")
    assert result.status == -signal.SIGTERM and result.is_silent, str(result)
    place.settle()
    assert len(place.waiting()) + len(host.arrivals) == 120
    assert len(place.waiting()) > 60
    assert len(set(host.subjects)) == len(host.subjects)
    assert not any(entry["in_doubt"] for entry in place.listing().values())


# The queue's clock

LIBFAKETIME = next(Path("/usr/lib").glob("*/faketime/libfaketime.so.1"), None)


def fake(offset):
    """An environment in which it is so much later."""
    return {
        "LD_PRELOAD": str(LIBFAKETIME),
        "FAKETIME": offset,
        "FAKETIME_DONT_FAKE_MONOTONIC": "1",
        "DONT_FAKE_MONOTONIC": "1",
        "FAKETIME_DISABLE_SHM": "1",
        "NO_FAKE_STAT": "1",
    }


# A build with sanitizers wants to be loaded first itself.
no_clock = LIBFAKETIME is None or kinds.is_sanitized()
needs_clock = pytest.mark.skipif(no_clock, reason="no libfaketime, or a build with sanitizers")


def notices(host):
    """The notices that arrived, parsed: whom they are for, action and status of each recipient."""
    found = []
    for arrival in host.arrivals:
        if arrival.sender == "":
            message = email.message_from_bytes(arrival.content, policy=email.policy.default)
            report = next(part for part in message.walk() if part.get_content_type() == "message/delivery-status")
            fields = [(part["Final-Recipient"], part["Action"], part["Status"]) for part in report.get_payload()[1:]]
            found.append((list(arrival.recipients), fields))
    return found


@needs_clock
def test_expired(host, patient):
    """What was not delivered in time goes back, with the server's last words."""
    host.replies["RCPT"] = refuse("bob", LATER)
    patient.configure(f"{host.config}retry 1h\nexpire 1m\n")
    patient.queued()
    patient.run("-qf", env=fake("+30s"))
    assert len(patient.waiting()) == 1
    patient.run("-qf", env=fake("+2m"))
    assert patient.waiting() == []
    assert notices(host) == [([ALICE], [(f"rfc822; {BOB}", "failed", "5.4.7")])]
    assert LATER.encode() in host.arrivals[0].content


@needs_clock
def test_expired_in_part(host, patient):
    """Who has it is not spoken of."""
    host.replies["RCPT"] = refuse("bob", LATER)
    patient.configure(f"{host.config}retry 1h\nexpire 1m\n")
    patient.queued(BOB, EVE)
    patient.run("-qf", env=fake("+30s"))
    patient.run("-qf", env=fake("+2m"))
    assert patient.waiting() == []
    assert [recipient for _, fields in notices(host) for recipient, _, _ in fields] == [f"rfc822; {BOB}"]


@needs_clock
def test_expired_without_a_server(tmp_path):
    """Where there was none at all, the notice waits for one; the message is not tried after its time."""
    keeper, port = dead_port()
    with keeper, Host() as model:
        config = f"{model.config.replace(str(model.port), str(port))}retry 1h\nexpire 1m\n"
        place = Place(tmp_path, config)
    with place:
        place.queued()
        place.run("-qf", env=fake("+2m"))
        assert len(place.waiting()) == 1
        with Host(port=port) as host:
            place.run("-qf", env=fake("+3m"))
            assert place.waiting() == []
            assert notices(host) == [([ALICE], [(f"rfc822; {BOB}", "failed", "5.4.7")])]
            assert len(host.arrivals) == 1


@needs_clock
def test_expired_by_our_own_fault(host, patient):
    """A password that is wrong is no news for the sender: a person is to mend it, and then it goes out."""
    host.features = (*host.features, "AUTH PLAIN")
    host.replies["AUTH"] = "535 5.7.8 wrong"
    patient.configure(f'{host.config}user alice\npassword "sesam"\ninsecure_auth yes\nretry 1h\nexpire 1m\n')
    name = patient.queued()
    patient.run("-qf", env=fake("+2m"))
    assert host.arrivals == []
    entry = patient.listing()[name]
    assert entry["queue_name"] == "failed", entry
    host.replies.clear()
    patient.run("-qf", env=fake("+3m"))
    assert patient.waiting() == [name]
    assert patient.run("queue", "flush", name, name="sendoff").status == 0
    assert [list(arrival.recipients) for arrival in host.arrivals] == [[BOB]]


@needs_clock
def test_expired_and_not_to_be_told(host, patient):
    """NOTIFY=NEVER: it leaves without a word."""
    host.replies["RCPT"] = LATER
    patient.configure(f"{host.config}retry 1h\nexpire 1m\n")
    patient.queued("-N", "never", BOB)
    patient.run("-qf", env=fake("+2m"))
    assert patient.waiting() == []
    assert host.arrivals == []


@needs_clock
@pytest.mark.parametrize("notify, told", [("delay", 1), ("failure,delay", 1), ("failure", 0), (None, 0)])
def test_delay_notice(host, patient, notify, told):
    """After four hours, once, who asked for it."""
    host.replies["RCPT"] = refuse("bob", LATER)
    patient.queued(*(["-N", notify] if notify else []), BOB)
    patient.run("-qf", env=fake("+3h"))
    assert notices(host) == []
    for hours in (5, 6, 7):
        patient.run("-qf", env=fake(f"+{hours}h"))
    assert notices(host) == [([ALICE], [(f"rfc822; {BOB}", "delayed", "4.2.1")])] * told
    assert len(patient.waiting()) == 1
    host.replies.clear()
    patient.run("-qf", env=fake("+8h"))
    assert patient.waiting() == []


@needs_clock
def test_delay_notice_comes_by_itself(host, patient):
    """In a run in which the message itself is not due."""
    host.replies["RCPT"] = refuse("bob", LATER)
    patient.configure(f"{host.config}retry 7d\nexpire 30d\n")
    patient.queued("-N", "delay", BOB)
    patient.run("-qf")
    before = len([command for command in host.commands if BOB in command])
    process = patient.start("-qf1h", env=fake("+5h"))
    assert wait_until(lambda: notices(host))
    process.terminate()
    patient.finish(process, b"")
    assert len([command for command in host.commands if BOB in command]) == before


@pytest.mark.parametrize("dsn", [True, False])
def test_success_notice(host, place, dsn):
    """A server that knows DSN reports success itself; for one that does not, we tell that the mail left our hands."""
    if not dsn:
        host.features = tuple(word for word in host.features if word != "DSN")
    assert place.send("-N", "success", BOB).status == 0
    place.settle()
    assert place.waiting() == []
    assert notices(host) == ([] if dsn else [([ALICE], [(f"rfc822; {BOB}", "relayed", "2.1.9")])])
    assert len(host.arrivals) == 2 - dsn


@needs_clock
def test_clock_set_back(host, patient):
    """What was to be tried in a far future is tried all the same."""
    host.replies["RCPT"] = refuse("bob", LATER)
    assert patient.send(BOB, env=fake("+30d")).status == 0
    patient.end()
    host.replies.clear()
    # A success wakes a runner, by whose clock the message is not due for a month.
    assert patient.send("-odb", EVE).status == 0
    patient.settle()
    assert len(host.arrivals) == 2
    assert patient.waiting() == []


@needs_clock
@pytest.mark.parametrize("queued", ["-10d", "-2000d", "+0"], ids=["behind", "far-behind", "asleep"])
def test_clock_that_was_behind(host, patient, queued):
    """Ten days by the clock, or of sleep, are no reason to give up at once: it was hardly tried."""
    host.replies["RCPT"] = refuse("bob", LATER)
    patient.queued(BOB, env=fake(queued))
    later = ["+10d", "+10d1m", "+10d2m"] if queued == "+0" else ["+0", "+1m", "+2m"]
    for offset in later:
        patient.run("-qf", env=fake(offset))
        assert len(patient.waiting()) == 1
    assert notices(host) == []
    host.replies.clear()
    patient.run("-qf", env=fake("+11d"))
    assert patient.waiting() == []
    assert [list(arrival.recipients) for arrival in host.arrivals] == [[BOB]]


@needs_clock
def test_clock_ahead_for_an_hour(host, patient):
    """Ten years pass and are taken back, and the message is tried on."""
    host.replies["RCPT"] = refuse("bob", LATER)
    patient.queued(BOB)
    for offset in ("+1m", "+2h", "+3650d", "+3650d1h", "+3h", "+4h"):
        patient.run("-qf", env=fake(offset))
        assert len(patient.waiting()) == 1, offset
    assert notices(host) == []


@needs_clock
def test_clock_ahead_when_a_time_was_given(host, patient):
    """--in 1h holds for an hour, though the clock was twelve years ahead when it was said."""
    def send(*args, env):
        return patient.run("send", "--in", "1h", "-s", "x", "--body", "y", *args, name="sendoff", env=env)

    assert send(BOB, env=fake("+4400d")).status == 0
    (name,) = patient.waiting()
    patient.end()
    began = time.time()
    patient.run("-qf")
    assert host.arrivals == [] and patient.waiting() == [name]
    next_s = patient.listing()[name]["next_attempt"]
    assert began + 3590 <= next_s <= time.time() + 3610
    patient.run("-qf", env=fake("+59m"))
    assert host.arrivals == []
    patient.run("-qf", env=fake("+61m"))
    assert [list(arrival.recipients) for arrival in host.arrivals] == [[BOB]]


@needs_clock
def test_clock_set_back_and_a_breaker(host, patient):
    host.replies["GREETING"] = "421 4.3.2 closing"
    assert patient.send(BOB, env=fake("+30d")).status == 0
    patient.end()
    host.replies.clear()
    assert patient.send(EVE).status == 0
    assert [list(arrival.recipients) for arrival in host.arrivals][0] == [EVE]


# Many recipients


def test_too_many_recipients_at_once(host, place):
    """A server that takes ten at a time, and says 452 to more (RFC 5321 section 4.5.3.1.10), gets ten at a time."""
    counts = {"left": 10}

    def mail(_):
        counts["left"] = 10
        return OK

    def rcpt(_):
        counts["left"] -= 1
        return OK if counts["left"] >= 0 else "452 4.5.3 too many recipients"

    host.replies.update({"MAIL": mail, "RCPT": rcpt})
    recipients = [f"user{number}@example.net" for number in range(95)]
    assert place.send(*recipients).status == 0
    place.settle()
    assert place.waiting() == []
    got = [address for arrival in host.arrivals for address in arrival.recipients]
    assert sorted(got) == sorted(recipients)
    assert len(host.arrivals) == 10


def test_some_of_many_later(host, patient):
    """Who was refused for now is tried again; who has it does not get it twice."""
    host.replies["RCPT"] = lambda line: LATER if re.search(r"<user\d*[05]@", line) else OK
    recipients = [f"user{number}@example.net" for number in range(500)]
    assert patient.send(*recipients).status == 0
    assert len(host.arrivals[0].recipients) == 400
    host.replies.clear()
    patient.run("-qf")
    assert patient.waiting() == []
    got = [address for arrival in host.arrivals for address in arrival.recipients]
    assert sorted(got) == sorted(recipients)
