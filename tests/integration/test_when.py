# SPDX-License-Identifier: ISC
"""When mail goes: while its caller waits, behind his back, from a run; and what holds it up."""

import contextlib
import os
import pty
import re
import select
import signal
import socket
import subprocess
import threading
import time
from pathlib import Path

import pytest

from servers import scripted
from servers.client import write_private
from servers.host import GONE, OK, Host
from servers.place import MESSAGE, Place
from servers.taker import wait_until

ALICE, BOB, EVE = "alice@example.org", "bob@example.net", "eve@example.net"
NOUSER = 67
UNKNOWN = "550 5.1.1 no such user here"
LATER = "450 4.2.1 come again"


@pytest.fixture
def host():
    """A server that takes everything."""
    with Host() as host:
        yield host


@pytest.fixture
def place(host, tmp_path):
    """A folder with the configuration for `host`.  When the test is over, no process may be left."""
    with Place(tmp_path, host.config) as place:
        yield place
        place.settle()


def slow_place(folder, host, settings=""):
    """A folder whose mail is not tried again while the test lasts, unless it asks for it."""
    return Place(folder, f"{host.config}retry 1h\n{settings}")


@pytest.fixture
def patient(host, tmp_path):
    """The same with long times between attempts; what sleeps at the end is ended."""
    with slow_place(tmp_path, host) as place:
        yield place


def refuse(start, reply):
    """Replies to RCPT: those whose address begins so are refused."""
    return lambda line: reply if f"<{start}" in line else OK


def subject(text):
    """A message with that subject."""
    return f"Subject: {text}\n\nhello\n".encode()


def on_terminal(place, *args, input_bytes=MESSAGE, env=None):
    """Runs sendmail with a terminal for its standard error; returns exit status, and what was said there."""
    ours, theirs = pty.openpty()
    process = place.start(*args, stderr=theirs, env=env)
    os.close(theirs)
    said = []
    reader = threading.Thread(target=_read_all, args=(ours, said))
    reader.start()
    status = place.finish(process, input_bytes).status
    reader.join()
    os.close(ours)
    return status, b"".join(said).decode().replace("\r\n", "\n")


def _read_all(descriptor, into):
    with contextlib.suppress(OSError):  # the other side is closed
        while octets := os.read(descriptor, 4096):
            into.append(octets)


def check_queued(place, result):
    """Queued, in silence: returns the message's id."""
    assert result.status == 0 and result.is_silent, str(result)
    (name,) = place.waiting()
    assert [(line["result"], line["queue"]) for line in place.log()] == [("queued", name)]
    return name


def dead_port():
    """A port that refuses connections, for as long as the block lasts."""
    keeper = socket.socket()
    keeper.bind(("127.0.0.1", 0))  # nobody else gets it; nobody listens
    return contextlib.closing(keeper), keeper.getsockname()[1]


# While the caller waits (-odi)


def test_accepted(host, place):
    result = place.send("-odi", BOB)
    assert result.status == 0 and result.is_silent, str(result)
    assert len(host.arrivals) == 1
    assert place.waiting() == []
    assert [line["result"] for line in place.log()] == ["sent"]


@pytest.mark.parametrize(
    "verb, reply",
    [
        ("GREETING", "421 4.3.2 closing"),
        ("GREETING", "451 4.3.2 not now"),
        ("GREETING", GONE),
        ("MAIL", "451 4.3.0 not now"),
        ("MAIL", "421 4.3.2 closing"),
        ("RCPT", LATER),
        ("RCPT", "552 5.2.2 too many"),
        ("RCPT", "421 4.3.2 closing"),
        ("DATA", "451 4.3.0 not now"),
        ("CONTENT", "451 4.3.0 not now"),
        ("CONTENT", "452 4.3.1 no room"),
    ],
)
def test_refused_for_now(host, patient, verb, reply):
    """It is queued, in silence; the next run delivers it."""
    host.replies[verb] = reply
    check_queued(patient, patient.send(BOB))
    assert host.arrivals == []
    assert "possible duplicate" not in patient.mailq()
    host.replies.clear()
    assert patient.run("-qf").is_silent
    assert len(host.arrivals) == 1
    assert patient.waiting() == []


def test_connection_refused(host, patient):
    keeper, port = dead_port()
    with keeper:
        patient.configure(host.config.replace(f":{host.port}", f":{port}") + "retry 1h\n")
        name = check_queued(patient, patient.send(BOB))
        assert f"127.0.0.1:{port}" in patient.mailq()
        assert patient.log()[0]["error"] == "connect"
    patient.configure(host.config)
    patient.run("-qf")
    assert patient.waiting() == [], name
    assert len(host.arrivals) == 1


@pytest.mark.parametrize("reply", ["535 5.7.8 wrong", "454 4.7.0 not now", "534 5.7.9 too weak"])
def test_login_refused(host, patient, reply):
    host.features = (*host.features, "AUTH PLAIN")
    host.replies["AUTH"] = reply
    login = f'{host.config}user alice\npassword "sesam"\ninsecure_auth yes\nretry 1h\n'
    patient.configure(login)
    check_queued(patient, patient.send(BOB))
    assert not any(command.startswith("MAIL") for command in host.commands)
    host.replies.clear()
    patient.run("-qf")
    assert patient.waiting() == []
    assert len(host.arrivals) == 1


def test_wrong_certificate(certs, patient):
    """The server is told nothing, and the mail waits for a person."""
    text = Path(__file__).resolve().parents[1] / "dialogues" / "certificate-other-host.txt"
    with scripted.Server(scripted.parse(text), "tls", certs) as server:
        where = f"server smtps://127.0.0.1:{server.port}\ntls_trust_file {certs.ca}\n"
        patient.configure(f"{where}from {ALICE}\nretry 1h\n")
        check_queued(patient, patient.send(BOB))
        assert patient.log()[0]["error"] == "certificate"
    assert not server.divergence, server.transcript()


@pytest.mark.parametrize("verb, reply", [("RCPT", LATER), ("GREETING", "421 4.3.2 closing")])
def test_queued_on_a_terminal(host, patient, verb, reply):
    """A person is told what was wrong, that nothing is lost, and where to look."""
    host.replies[verb] = reply
    status, said = on_terminal(patient, BOB)
    (name,) = patient.waiting()
    assert status == 0
    assert re.search(rf"^  server: {reply}$", said, re.MULTILINE), said
    pattern = rf"^  message: queued as {name} \(next try (soon|\d\d:\d\d)\): sendoff queue show {name}$"
    assert re.search(pattern, said, re.MULTILINE), said
    shown = patient.run("queue", "show", name, name="sendoff")
    assert shown.status == 0 and BOB in shown.stdout, str(shown)


def test_sent_on_a_terminal(place):
    assert on_terminal(place, BOB) == (0, "")


def test_quiet_on_a_terminal(host, patient):
    host.replies["RCPT"] = LATER
    assert on_terminal(patient, "-oeq", BOB) == (0, "")
    assert len(patient.waiting()) == 1


def test_refused_for_good(host, place):
    """It is the caller's, who is told; nothing is queued."""
    host.replies["RCPT"] = UNKNOWN
    result = place.send(BOB)
    assert result.status == NOUSER, str(result)
    assert f"  server: {UNKNOWN}\n" in result.stderr
    assert result.stderr.endswith("  message: not sent\n")
    assert place.waiting() == []
    assert place.processes() == []
    assert [(line["result"], line["exit"]) for line in place.log()] == [("failed", str(NOUSER))]


def test_refused_in_part(host, place):
    """Who accepted has it; the sender gets a notice about the other, and the caller has nothing to do."""
    host.replies["RCPT"] = refuse("bob", UNKNOWN)
    result = place.send(BOB, EVE)
    assert result.status == 0 and result.is_silent, str(result)
    assert wait_until(lambda: not place.waiting())
    message, notice = host.arrivals
    assert list(message.recipients) == [EVE]
    assert (notice.sender, list(notice.recipients)) == ("", [ALICE])
    assert BOB.encode() in notice.content and EVE.encode() not in notice.content
    assert place.log()[0]["result"] == "partly"


def test_taken_in_part(host, patient):
    """Those whom the server wanted later get it later, and nobody else again."""
    host.replies["RCPT"] = refuse("bob", LATER)
    result = patient.send(BOB, EVE)
    assert result.status == 0 and result.is_silent, str(result)
    (name,) = patient.waiting()
    assert [(line["result"], line["queue"]) for line in patient.log()] == [("partly", name)]
    host.replies.clear()
    patient.run("-qf")
    assert [list(arrival.recipients) for arrival in host.arrivals] == [[EVE], [BOB]]


@pytest.mark.parametrize("option, status", [("-oem", NOUSER), ("-oew", NOUSER), ("-oee", 0)])
def test_refusal_by_mail(host, place, option, status):
    host.replies["RCPT"] = refuse("bob", UNKNOWN)
    result = place.send(option, BOB)
    assert result.status == status, str(result)
    assert wait_until(lambda: not place.waiting())
    (notice,) = host.arrivals
    assert (notice.sender, list(notice.recipients)) == ("", [ALICE])


def test_refusal_in_silence(host, place):
    host.replies["RCPT"] = UNKNOWN
    result = place.send("-oeq", BOB)
    assert result.status == NOUSER and result.is_silent, str(result)
    assert place.waiting() == []


def test_refusal_that_nobody_would_read(host, place):
    """Standard error is /dev/null: the sender gets mail, as it would have been by a real sendmail."""
    host.replies["RCPT"] = refuse("bob", UNKNOWN)
    assert place.send(BOB, stderr=subprocess.DEVNULL).status == NOUSER
    assert wait_until(lambda: host.arrivals and not place.waiting())
    assert list(host.arrivals[0].recipients) == [ALICE]


def test_refusal_of_a_null_sender(host, place):
    """There is nobody to tell: the message is kept for a person to look at."""
    host.replies["RCPT"] = UNKNOWN
    assert place.send("-oem", "-f", "<>", BOB).status == NOUSER
    place.settle()
    (entry,) = place.listing().values()
    assert entry["queue_name"] == "failed", entry
    assert "refused, and there is no sender to tell" in str(entry)
    place.run("-qf")
    assert host.arrivals == []
    assert len(place.waiting()) == 1


# Behind his back (-odb), and not at all (-odq)


def test_background(host, place):
    """The caller does not wait, and does not learn; his pipes are closed while the runner lives on."""
    with host.holding():
        result = place.send("-odb", BOB)
        assert result.status == 0 and result.is_silent, str(result)
        host.wait_for_content()
        assert len(place.runners()) == len(place.workers()) == 1
        assert place.listing()[place.waiting()[0]]["queue_name"] == "active"
    place.settle()
    assert len(host.arrivals) == 1
    assert place.waiting() == []
    assert [line["result"] for line in place.log()] == ["queued", "sent"]


@pytest.mark.parametrize("reply", [LATER, UNKNOWN])
def test_background_refused(host, patient, reply):
    """What comes of it is no matter of the caller's exit status."""
    host.replies["RCPT"] = refuse("bob", reply)
    assert patient.send("-odb", BOB).status == 0
    assert wait_until(lambda: len(patient.log()) > 1)
    if reply == UNKNOWN:
        assert wait_until(lambda: not patient.waiting())
        assert list(host.arrivals[0].recipients) == [ALICE]


@pytest.mark.parametrize("option", ["-odq", "-odd"])
def test_only_queued(host, place, option):
    result = place.send(option, BOB)
    check_queued(place, result)
    assert place.processes() == []
    assert host.connections == 0
    status, said = on_terminal(place, option, BOB)
    assert status == 0
    assert re.fullmatch(r"  message: queued as (\w+) \(next try soon\): sendoff queue show \1\n", said)


@pytest.mark.parametrize(
    "value, option, queued",
    [
        ("now", (), 0),
        ("queue", (), 1),
        ("background", (), 0),
        ("queue", ("-odi",), 0),
        ("queue", ("-odb",), 0),
        ("now", ("-odq",), 1),
        ("background", ("-odq",), 1),
    ],
)
def test_key_and_option(host, place, value, option, queued):
    """The key says when, and the option knows better."""
    place.configure(f"{host.config}delivery {value}\n")
    assert place.send(*option, BOB).status == 0
    place.settle()
    assert (len(place.waiting()), len(host.arrivals)) == (queued, 1 - queued)


def test_accounts_deliver_each_in_its_way(host, place):
    other = host.config.replace("alice", "carol")
    place.configure(f"account default\n{host.config}delivery queue\naccount other\n{other}delivery now\n")
    assert place.send(BOB).status == 0
    assert (len(place.waiting()), len(host.arrivals)) == (1, 0)
    assert place.send("-f", "carol@example.org", BOB).status == 0
    place.settle()
    assert (len(place.waiting()), len(host.arrivals)) == (0, 2)


# A server that takes its time


def test_wait_is_over(host, place):
    """The content is out, and no answer comes: the caller is let go, and the worker waits on."""
    place.configure(f"{host.config}wait 1s\n")
    with host.holding():
        result = place.send(BOB)
        assert result.status == 0 and result.is_silent, str(result)
        (name,) = place.waiting()
        assert len(place.workers()) == len(place.runners()) == 1
        assert [(line["result"], line["queue"]) for line in place.log()] == [("queued", name)]
    place.settle()
    assert len(host.arrivals) == host.connections == 1
    assert place.waiting() == []
    assert [(line["result"], line["queue"]) for line in place.log()] == [("queued", name), ("sent", name)]


def test_wait_is_over_before_the_content(host, place):
    gate = threading.Event()
    host.replies["GREETING"] = lambda _: gate.wait(60) and "220 host.example.net"
    place.configure(f"{host.config}wait 1s\n")
    result = place.send(BOB)
    assert result.status == 0 and result.is_silent, str(result)
    assert len(place.waiting()) == 1
    assert wait_until(place.runners)
    gate.set()
    place.settle()
    assert len(host.arrivals) == 1
    assert place.waiting() == []


@pytest.mark.parametrize("reply", [LATER, UNKNOWN])
def test_refused_after_the_wait(host, patient, reply):
    """It was queued by then: it is tried again, or the sender is told by mail."""
    host.replies["CONTENT"] = lambda arrival: reply if BOB in arrival.recipients else OK
    patient.configure(f"{host.config}wait 1s\nretry 1h\n")
    with host.holding():
        assert patient.send(BOB).status == 0
    if reply == UNKNOWN:
        assert wait_until(lambda: not patient.waiting())
        assert [list(arrival.recipients) for arrival in host.arrivals] == [[ALICE]]
    else:
        assert wait_until(lambda: len(patient.log()) == 2), patient.describe()
        assert [line["result"] for line in patient.log()] == ["queued", "later"]
        assert patient.log()[1]["refusal"] == reply
        (entry,) = patient.listing().values()
        assert not entry["in_doubt"] and reply.removeprefix("450 ") in str(entry)


def test_wait_off(host, place):
    """As long as it takes; here, until the test has seen that nothing was queued for longer than the others wait."""
    place.configure(f"{host.config}wait off\n")
    with host.holding():
        process = place.start(BOB)
        process.stdin.write(MESSAGE)
        process.stdin.close()
        process.stdin = None
        host.wait_for_content()
        with pytest.raises(subprocess.TimeoutExpired):
            process.wait(1.5)
        assert place.waiting() == []
    assert place.finish(process, None).status == 0
    assert len(host.arrivals) == 1


def test_a_terminal_waits(host, place):
    """Who looks on is not sent away."""
    place.configure(f"{host.config}wait 1s\n")
    timer = threading.Timer(1.5, host.release)
    with host.holding():
        timer.start()
        assert on_terminal(place, BOB) == (0, "")
    assert [line["result"] for line in place.log()] == ["sent"]


def begin(place, *args, input_bytes=MESSAGE, **options):
    """Starts sendmail, and gives it the whole message."""
    process = place.start(*args, **options)
    process.stdin.write(input_bytes)
    process.stdin.close()
    process.stdin = None
    return process


ENDINGS = [signal.SIGTERM, signal.SIGINT, signal.SIGHUP]


@pytest.mark.parametrize("number", ENDINGS)
@pytest.mark.parametrize("verb", ["GREETING", "EHLO", "MAIL", "DATA"])
def test_told_to_end_before_the_content(host, place, number, verb):
    """It is queued, without doubt; the worker has ended, and a runner begins anew."""
    gate, asked, again = threading.Event(), threading.Event(), threading.Event()

    def wait(_):
        (again if asked.is_set() else asked).set()
        gate.wait(60)
        return GONE

    host.replies[verb] = wait
    place.configure(f"{host.config}retry 1s\n")
    process = begin(place, BOB)
    assert asked.wait(60)
    process.send_signal(number)
    result = place.finish(process, None)
    assert result.status == 0 and result.is_silent, str(result)
    assert again.wait(60)
    assert len(place.runners()) == 1
    (entry,) = place.listing().values()
    assert not entry["in_doubt"] and entry["attempts"] == 0
    host.replies.clear()
    gate.set()
    place.settle()
    assert len(host.arrivals) == 1
    assert place.waiting() == []


@pytest.mark.parametrize("number", ENDINGS)
@pytest.mark.parametrize("features", [("PIPELINING",), ("PIPELINING", "CHUNKING"), ()])
def test_told_to_end_after_the_content(host, place, number, features):
    """A process behind the caller's back waits for the answer: it is delivered once."""
    host.features = features or ("8BITMIME",)
    with host.holding():
        process = begin(place, BOB)
        host.wait_for_content()
        process.send_signal(number)
        result = place.finish(process, None)
        assert result.status == 0 and result.is_silent, str(result)
        assert len(place.workers()) == len(place.waiting()) == 1
    place.settle()
    assert len(host.arrivals) == 1
    assert place.waiting() == []


def test_told_to_end_on_a_terminal(host, patient):
    """A person who gives up is told that the message is queued."""
    gate = threading.Event()
    host.replies["GREETING"] = lambda _: gate.wait(60) and "220 host.example.net"
    interrupter = threading.Thread(target=lambda: _interrupt(host, patient))
    interrupter.start()
    status, said = on_terminal(patient, BOB)
    interrupter.join()
    gate.set()
    assert status == 0
    assert re.search(rf"message: queued as {patient.waiting()[0]} ", said), said


def _interrupt(host, place):
    assert wait_until(lambda: host.connections == 1)
    for pid in place.processes():
        os.kill(pid, signal.SIGINT)


def test_ignored_signals_stay_ignored(host, place):
    """nohup."""
    with host.holding():
        process = begin(place, BOB, preexec_fn=lambda: signal.signal(signal.SIGHUP, signal.SIG_IGN))
        host.wait_for_content()
        process.send_signal(signal.SIGHUP)
        with pytest.raises(subprocess.TimeoutExpired):
            process.wait(0.2)
    assert place.finish(process, None).status == 0
    assert [line["result"] for line in place.log()] == ["sent"]


def test_killed_before_the_end_of_its_input(host, place):
    """What is not complete is not sent, and not queued."""
    process = place.start(BOB)
    process.stdin.write(b"Subject: half\n\n" + b"a line\n" * 100000)
    process.stdin.flush()
    process.kill()
    process.communicate()
    assert host.connections == 0
    assert place.waiting() == []
    assert not any(path.is_file() for path in place.queue.rglob("*"))


def test_the_process_behind_is_killed(host, place):
    """Nobody knows whether the server has it: that is said, and it is sent again."""
    place.configure(f"{host.config}wait 1s\n")
    with host.holding():
        assert place.send(BOB).status == 0
        (pid,) = place.workers()
        os.kill(pid, signal.SIGKILL)
    # The runner does not wait for a person.
    place.settle()
    assert len(host.arrivals) == 2
    assert place.waiting() == []
    assert [line["result"] for line in place.log()] == ["queued", "sent"]
    assert place.log()[-1]["possible_duplicate"] == "yes"


@pytest.mark.parametrize("number", ENDINGS)
def test_the_process_behind_is_told_to_end(host, place, number):
    """It waits for the answer, which may be that the message is delivered."""
    place.configure(f"{host.config}wait 1s\n")
    with host.holding():
        assert place.send(BOB).status == 0
        (pid,) = place.workers()
        os.kill(pid, number)
        time.sleep(0.2)
        assert place.workers() == [pid]
    place.settle()
    assert len(host.arrivals) == 1
    assert place.waiting() == []


# What is known to fail is left alone


def test_dead_server_is_left_alone(host, patient):
    """The second message does not ask again; a run asks once for all of them, and where it is told to at once."""
    host.replies["GREETING"] = "421 4.3.2 closing"
    for _ in range(3):
        assert patient.send(BOB).status == 0
    assert host.connections == 1
    assert len(patient.waiting()) == 3
    assert patient.log()[-1]["text"].startswith("not tried again yet")
    for _ in range(7):
        patient.queued()
    assert patient.run("-qf").is_silent
    assert host.connections == 2
    assert len(patient.waiting()) == 10
    assert patient.mailq().count("421 4.3.2 closing") == 3  # those that were queued alone have seen no server yet
    host.replies.clear()
    patient.run("-qf")
    assert patient.waiting() == []
    assert (host.connections, len(host.arrivals)) == (3, 10)


def test_a_lost_connection_is_left_alone(host, patient):
    """A server that breaks off before it did anything for us."""
    host.replies["MAIL"] = GONE
    for _ in range(2):
        assert patient.send(BOB).status == 0
    assert host.connections == 1


def test_a_refused_message_says_nothing_of_the_server(host, patient):
    """450 to one message does not keep others back."""
    host.replies["RCPT"] = refuse("bob", LATER)
    patient.send(BOB)
    patient.send(EVE)
    assert host.connections == 2
    assert [list(arrival.recipients) for arrival in host.arrivals] == [[EVE]]
    host.replies["CONTENT"] = "451 4.3.0 not now"
    patient.send(EVE)
    patient.send(EVE)
    assert host.connections == 4


def test_refused_login_is_left_alone(host, patient):
    """An account that is asked again and again with a wrong password would be locked."""
    login = f'{host.config}user alice\npassword "wrong"\ninsecure_auth yes\nretry 1h\n'
    host.features = (*host.features, "AUTH PLAIN")
    host.replies["AUTH"] = lambda line: "235 ok" if line.endswith("AGFsaWNlAHJpZ2h0") else "535 5.7.8 wrong"
    patient.configure(login)
    for _ in range(3):
        assert patient.send(BOB).status == 0
    assert sum(command.startswith("AUTH") for command in host.commands) == 1
    assert host.connections == 1
    patient.configure(login.replace("wrong", "right"))
    assert patient.send(BOB).status == 0
    assert (len(host.arrivals), host.connections) == (1, 2)


def test_a_server_that_cannot_check_logins_is_left_alone(host, patient):
    host.features = (*host.features, "AUTH PLAIN")
    host.replies["AUTH"] = "454 4.7.0 not now"
    patient.configure(f'{host.config}user alice\npassword "sesam"\ninsecure_auth yes\nretry 1h\n')
    for _ in range(2):
        assert patient.send(BOB).status == 0
    assert host.connections == 1
    assert len(patient.waiting()) == 2


def test_refused_login_and_a_password_file(host, patient):
    """A new password in a file is noticed, too."""
    secret = patient.folder / "secret"
    write_private(secret, "wrong\n")
    host.features = (*host.features, "AUTH PLAIN")
    host.replies["AUTH"] = lambda line: "235 ok" if line.endswith("AGFsaWNlAHJpZ2h0") else "535 5.7.8 wrong"
    patient.configure(f"{host.config}user alice\npassword_file {secret}\ninsecure_auth yes\nretry 1h\n")
    for _ in range(2):
        assert patient.send(BOB).status == 0
    assert host.connections == 1
    write_private(secret, "right\n")
    assert patient.send(BOB).status == 0
    assert (len(host.arrivals), host.connections) == (1, 2)


def test_another_account_at_the_same_server(host, patient):
    """A refused login is one account's matter."""
    host.features = (*host.features, "AUTH PLAIN")
    host.replies["AUTH"] = "535 5.7.8 wrong"
    login = f'{host.config}user alice\npassword "sesam"\ninsecure_auth yes\nretry 1h\n'
    patient.configure(f"account default\n{login}account other\n{host.config.replace('alice', 'carol')}")
    assert patient.send(BOB).status == 0
    assert patient.send("-a", "other", BOB).status == 0
    assert len(host.arrivals) == 1
    assert len(patient.waiting()) == 1


# The runner


def far_off(place, *args):
    """Queues a message that is not due for some 20 seconds, for it failed a few times."""
    assert place.send(*args).status == 0
    for _ in range(5):
        assert place.run("-qf").is_silent
    assert len(place.waiting()) == 1


def test_success_empties_the_queue(tmp_path):
    """A message that goes through tells that those can, too, for which no server was there."""
    keeper, port = dead_port()
    with keeper, Host() as model:
        place = Place(tmp_path, f"{model.config.replace(str(model.port), str(port))}retry 1s..1h\n")
    with place:
        far_off(place, BOB)
        with Host(port=port) as host:
            time.sleep(1)  # the shortest time between two attempts
            place.configure(f"{host.config}retry 1s..1h\n# what was known of the server does not count now\n")
            assert place.send(EVE).status == 0
            place.settle()
            assert place.waiting() == []
            assert [list(arrival.recipients) for arrival in host.arrivals] == [[EVE], [BOB]]


def test_success_does_not_hurry_what_was_refused(host, place):
    """That one message goes through says nothing of another that the server did not want."""
    place.configure(f"{host.config}retry 1s..1h\n")
    host.replies["RCPT"] = refuse("bob", LATER)
    far_off(place, BOB)
    time.sleep(1)
    before = len(host.commands)
    for _ in range(3):
        assert place.send(EVE).status == 0
    assert wait_until(lambda: not any((place.queue / "run").glob("note*")))
    assert not any(BOB in command for command in host.commands[before:])
    place.end()


def test_success_wakes_who_was_queued_only(host, place):
    for number in range(3):
        place.queued(input_bytes=subject(number))
    assert place.send(BOB, input_bytes=subject(3)).status == 0
    place.settle()
    assert host.subjects == ["3", "0", "1", "2"]
    assert host.connections == 2


def test_the_runner_tries_again(host, place):
    """By itself, until the server takes it."""
    place.configure(f"{host.config}retry 1s\n")
    refusals = iter([LATER, LATER])
    host.replies["RCPT"] = lambda _: next(refusals, OK)
    assert place.send(BOB).status == 0
    assert len(place.processes()) == 1
    place.settle()
    assert len(host.arrivals) == 1
    assert host.connections == 3
    assert place.waiting() == []
    assert [line["result"] for line in place.log()] == ["queued", "later", "sent"]


def test_one_runner(host, place):
    """However many call at once."""
    with host.holding():
        processes = [begin(place, "-odb", BOB) for _ in range(5)]
        for process in processes:
            assert place.finish(process, None).status == 0
        host.wait_for_content()
        assert len(place.runners()) == 1
    place.settle()
    assert len(host.arrivals) == 5
    assert place.waiting() == []


def test_a_sleeping_runner_is_woken(host, patient):
    host.replies["RCPT"] = refuse("bob", LATER)
    assert patient.send(BOB).status == 0
    (runner,) = patient.processes()
    for count in (1, 2):
        assert patient.send("-odb", EVE).status == 0
        assert wait_until(lambda count=count: len(host.arrivals) == count)
        assert patient.runners() == [runner]


def test_the_runner_keeps_nothing_of_its_caller(host, patient):
    """Its standard streams, folder, session and descriptors are its own."""
    host.replies["RCPT"] = LATER
    ours, theirs = os.pipe()
    process = patient.start(BOB, pass_fds=[theirs], cwd=patient.folder)
    os.close(theirs)
    assert patient.finish(process).status == 0
    (runner,) = patient.processes()
    assert select.select([ours], [], [], 60)[0] and os.read(ours, 1) == b""
    os.close(ours)
    links = {entry.name: os.readlink(entry) for entry in Path(f"/proc/{runner}/fd").iterdir()}
    assert {links.pop(number) for number in "012"} == {"/dev/null"}
    strangers = [link for link in links.values() if not re.match(rf"{patient.queue}(/|$)|anon_inode:|socket:", link)]
    assert strangers == []
    assert os.readlink(f"/proc/{runner}/cwd") == "/"
    assert os.getsid(runner) != os.getsid(0)


@pytest.mark.parametrize("number", ENDINGS)
def test_a_sleeping_runner_is_told_to_end(host, patient, number):
    """It ends at once; the next call starts another."""
    host.replies["RCPT"] = refuse("bob", LATER)
    assert patient.send(BOB).status == 0
    (runner,) = patient.processes()
    os.kill(runner, number)
    patient.settle()
    assert patient.send("-odb", EVE).status == 0
    assert wait_until(lambda: len(patient.runners()) == 1)
    assert wait_until(lambda: len(host.arrivals) == 1)
