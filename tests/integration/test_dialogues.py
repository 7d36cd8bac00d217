# SPDX-License-Identifier: ISC
"""Runs sendmail against every dialogue in tests/dialogues, over each of its transports."""

import re
import subprocess
import sys
import time
from pathlib import Path

import pytest

from servers import certs, client, scripted

FOLDER = Path(__file__).resolve().parents[1] / "dialogues"
TIMEOUT_S = 60

SERVERS = {
    "plain": "server smtp://{host}:{port}\ntls none\n",
    "starttls": "server smtp://{host}:{port}\n",
    "written": "server smtp://{host}:{port}\n",
    "tls": "server smtps://{host}:{port}\n",
    "written-tls": "server smtps://{host}:{port}\n",
    "unix": "server unix:{path}\n",
    "lmtp": "server lmtp://{host}:{port}\n",
    "lmtp-unix": "server lmtp:{path}\n",
}

# Runs a program and writes its peak memory to a file.  The measuring process must be small: what a process has before
# it becomes the program counts as the program's.
METER = """\
#!{python} -ISE
import os, sys
pid = os.posix_spawn({program!r}, [{program!r}, *sys.argv[1:]], os.environ)
_, status, usage = os.wait4(pid, 0)
with open({report!r}, "w") as report:
    report.write(str(usage.ru_maxrss))
sys.exit(os.waitstatus_to_exitcode(status))
"""


def cases():
    """Every dialogue over every of its transports."""
    for path in sorted(FOLDER.glob("*.txt")):
        dialogue = scripted.parse(path)
        for transport in dialogue.transports:
            yield pytest.param(dialogue, transport, id=f"{path.stem}[{transport}]")


@pytest.mark.parametrize("dialogue, transport", cases())
def test_dialogue(dialogue, transport, tmp_path, monkeypatch):
    made = certs.ensure()
    meter = Meter(tmp_path, monkeypatch) if dialogue.max_rss_kb else None
    path = tmp_path / "socket" if transport in scripted.ON_A_PATH else None
    begin = time.monotonic()
    with scripted.Server(dialogue, transport, made, path) as server:
        result = run(dialogue, configuration(dialogue, transport, server, made.ca, path))
        seconds = time.monotonic() - begin
    wrong = [
        *complaints_about_client(dialogue, result),
        *complaints_about_session(dialogue, server),
        *complaints_about_use(dialogue, seconds, meter),
    ]
    if wrong:
        pytest.fail(report(dialogue, wrong, server, result), pytrace=False)


class Meter:
    """Has the program run by a small process that measures its memory."""

    def __init__(self, folder, monkeypatch):
        self.file = folder / "rss"
        build = folder / "build"
        build.mkdir()
        script = build / "sendmail"
        script.write_text(METER.format(python=sys.executable, program=str(client.binary()), report=str(self.file)))
        script.chmod(0o755)
        monkeypatch.setenv("SENDOFF_BUILD", str(build))

    @property
    def rss_kb(self):
        return int(self.file.read_text())


def configuration(dialogue, transport, server, trust, path):
    """The text of the configuration file."""
    host = "localhost" if "." in dialogue.listen else f"[{dialogue.listen}]"
    lines = [SERVERS[transport].format(host=host, port=server.port, path=path).rstrip()]
    lines += [f"tls_trust_file {trust}", "from alice@example.org"]
    if dialogue.login:
        lines += ["user " + dialogue.login[0], "password " + dialogue.login[1]]
    return "\n".join([*lines, *dialogue.config, ""])


def run(dialogue, config):
    """The result of the run, or None where it took too long."""
    try:
        return client.run_sendmail(dialogue.args, dialogue.message, config, timeout_s=TIMEOUT_S)
    except subprocess.TimeoutExpired:
        return None


def complaints_about_client(dialogue, result):
    """What is wrong with exit status and standard error."""
    if result is None:
        yield f"sendmail did not end within {TIMEOUT_S} s"
        return
    if result.status not in dialogue.exit:
        yield f"exit status {result.status} instead of {' or '.join(map(str, dialogue.exit))}"
    for text in dialogue.stderr:
        if not holds(result.stderr, text):
            yield f"standard error lacks {text}"
    for text in dialogue.stderr_not:
        if holds(result.stderr, text):
            yield f"standard error has {text}"
    if result.status == 0 and result.stderr and not dialogue.stderr:
        yield "standard error is not empty"
    if re.search(r"[\x00-\x08\x0b-\x1f\x7f-\x9f]", result.stderr):
        yield "standard error has control characters"
    if any(secret in result.stderr for secret in secrets(dialogue)):
        yield "standard error has the password"


def secrets(dialogue):
    """What must never be shown."""
    if not dialogue.login:
        return []
    user, password = dialogue.login
    encoded = [f"{{b64:{password}}}", f"{{plain:{user}:{password}}}"]
    return [password, *(scripted.expand(text).decode() for text in encoded)]


def complaints_about_session(dialogue, server):
    """What is wrong with what the client sent."""
    received = server.received.decode("latin-1")
    if server.connections == 0 and dialogue.connect == "yes":
        yield "no connection"
    if server.connections > 0 and dialogue.connect == "no":
        yield "a connection"
    if server.connections > dialogue.connections:
        yield f"{server.connections} connections"
    if server.divergence:
        yield server.divergence
    for text in dialogue.received:
        if not holds(received, wire_text(text)):
            yield f"not received: {text}"
    for text in dialogue.not_received:
        if holds(received, wire_text(text)):
            yield f"received: {text}"
    lines = received.partition("\x16\x03")[0]  # before a handshake that the server did not make
    if re.search(r"\r(?!\n)|(?<!\r)\n", lines.removesuffix("\r")):
        yield "received a CR or LF that stands alone"
    if any(content != dialogue.content for content in server.contents):
        yield f"the content is not the input: {server.contents}"[:2000]
    if dialogue.flights not in (0, server.flights):
        yield f"{server.flights} flights instead of {dialogue.flights}"


def complaints_about_use(dialogue, seconds, meter):
    """What is wrong with the use of time and memory."""
    if dialogue.max_seconds and seconds > dialogue.max_seconds:
        yield f"took {seconds:.1f} s"
    if meter and meter.rss_kb > dialogue.max_rss_kb:
        yield f"used {meter.rss_kb} KiB of memory"


def wire_text(text):
    """A text with its placeholders expanded, one character an octet; a /pattern/ as it is."""
    return text if text.startswith("/") else scripted.expand(text).decode("latin-1")


def holds(where, text):
    """True where the text is in there, or, written /so/, its pattern matches."""
    if len(text) > 1 and text[0] == text[-1] == "/":
        return re.search(text[1:-1], where, re.MULTILINE) is not None
    return text in where


def report(dialogue, wrong, server, result):
    """What a person needs to see what went wrong."""
    ended = str(result) if result else "sendmail was killed"
    return "\n".join([
        f"{dialogue.name}: {dialogue.title}",
        *(f"- {complaint}" for complaint in wrong),
        "", server.transcript(), "", ended[-4000:],
    ])
