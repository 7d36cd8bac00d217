# SPDX-License-Identifier: ISC
"""An SMTP or LMTP server that plays one dialogue from a file, to one client, and records what that client says.

    dialogue = parse(Path("tests/dialogues/rcpt-550.txt"))
    with Server(dialogue, "starttls", certs.ensure()) as server:
        ...                             # run the client against server.port
    assert not server.divergence, server.transcript()

The files' format is described in tests/dialogues/README.  The server does only what the dialogue says: it knows of
SMTP no more than how long message content is.  It runs in a thread of its own and serves as many connections as the
dialogue has; further ones are counted and reset.
"""

import base64
import itertools
import re
import shlex
import socket
import ssl
import struct
import threading
import time
from dataclasses import dataclass, field

from . import certs

PATIENCE_S = 10  # for the client's next octets, and for it to take ours
EARLY_S = 0.01  # how long to look for octets that come before the reply they must wait for
ENDLESS_MAX = 1 << 28  # octets of an endless reply that no client may take

TRANSPORTS = ("plain", "starttls", "tls")
ALL_TRANSPORTS = (*TRANSPORTS, "written", "written-tls", "unix", "lmtp", "lmtp-unix")
ON_A_PATH = ("unix", "lmtp-unix")
NEXT_CONNECTION = "connection"
TLS_VERSIONS = {"1.2": ssl.TLSVersion.TLSv1_2, "1.3": ssl.TLSVersion.TLSv1_3}

# What a server says to EHLO before STARTTLS.  A client that remembers any of it afterwards fails in every dialogue.
EHLO_BEFORE_TLS = "250-mx.example.net\r\n250-SIZE 10\r\n250-PIPELINING\r\n250-AUTH GSSAPI\r\n250 STARTTLS\r\n"

STANDARD_HEADER = """\
From: Alice <alice@example.org>
To: Bob <bob@example.org>
Subject: a test
Date: Thu, 01 Oct 2026 12:00:00 +0000
Message-ID: <1@example.org>
MIME-Version: 1.0
Content-Type: text/plain; charset=utf-8
Content-Transfer-Encoding: 8bit

"""


class Diverged(Exception):
    """The client did something else than the dialogue says."""


class Gone(Exception):
    """The client closed the connection."""


# The file.


@dataclass
class Step:
    """One line of a dialogue: S the server says, C the client says, ! the server does."""

    kind: str
    text: str
    line: int
    repeat: int = 1
    data: bytes = b""  # what S says

    def __str__(self):
        return f"{self.kind}: {self.text}  (line {self.line})"


@dataclass
class Dialogue:
    """A parsed file; tests/dialogues/README tells what each field means."""

    name: str
    title: str = ""
    args: list = field(default_factory=list)
    message: bytes = b""
    config: list = field(default_factory=list)
    login: tuple = ()
    transports: tuple = TRANSPORTS
    certificate: str = "good"
    asks_certificate: bool = False
    tls_version: str = ""
    listen: str = "127.0.0.1"
    small_buffers: bool = False
    connect: str = "yes"
    exit: tuple = (0,)
    stderr: list = field(default_factory=list)
    stderr_not: list = field(default_factory=list)
    arrives: list = field(default_factory=list)
    received: list = field(default_factory=list)
    not_received: list = field(default_factory=list)
    flights: int = 0
    max_seconds: float = 0
    max_rss_kb: int = 0
    steps: list = field(default_factory=list)

    @property
    def content(self):
        """The message as it is to arrive: every line ends with CRLF."""
        if self.arrives:
            return b"".join(line + b"\r\n" for line in self.arrives)
        return self.message.replace(b"\n", b"\r\n")

    @property
    def parts(self):
        """The steps of each connection."""
        parts = [[]]
        for step in self.steps:
            if step.kind == "!" and step.text == NEXT_CONNECTION:
                parts.append([])
            else:
                parts[-1].append(step)
        return parts

    @property
    def connections(self):
        """How often the client is to connect."""
        return len(self.parts)


def _yes(value):
    if value not in ("yes", "no"):
        raise ValueError(f"neither yes nor no: {value}")
    return value == "yes"


def _login(value):
    return ("alice@example.org", "sesam") if value == "yes" else tuple(expand(value).decode().split())


def _transports(value):
    names = tuple(value.split())
    if not set(names) <= set(ALL_TRANSPORTS):
        raise ValueError(f"unknown transport in {value}")
    return names


def _configuration(value):
    """A line of configuration: {cert:NAME} and {key:NAME} are files of tests/servers/certs.py."""
    made = certs.ensure() if re.search(r"\{(cert|key):", value) else None
    value = re.sub(r"\{(cert|key):(\w+)\}", lambda match: str(getattr(getattr(made, match[2]), match[1])), value)
    return [expand(value).decode()]


def _recipients(value):
    return [f"r{number:04}-{'x' * 50}@{'y' * 60}.{'z' * 60}.example.org" for number in range(int(value))]


# Keys that may be repeated add to a list; each has its parser.
LIST_KEYS = {
    "args": shlex.split,
    "recipients": _recipients,
    "config": _configuration,
    "stderr": lambda value: [value],
    "stderr-not": lambda value: [value],
    "arrives": lambda value: [expand(value)],
    "received": lambda value: [value],
    "not-received": lambda value: [value],
}

KEYS = {
    "login": _login,
    "transports": _transports,
    "certificate": str,
    "asks-certificate": _yes,
    "tls-version": str,
    "listen": str,
    "small-buffers": _yes,
    "connect": str,
    "exit": lambda value: tuple(int(status) for status in value.split()),
    "flights": int,
    "max-seconds": float,
    "max-rss-kb": int,
}


def parse(path):
    """Reads a dialogue.  Raises ValueError with file and line where it is not one."""
    return parse_text(path.stem, path.read_text(encoding="utf-8"), path)


def parse_text(name, text, path="text"):
    """The same with the text of one."""
    dialogue = Dialogue(name)
    source = "short"
    inline = []
    for number, line in enumerate(text.splitlines(), 1):
        try:
            if line.startswith("#"):
                dialogue.title = dialogue.title or line.lstrip("# ").partition("SPDX-License-Identifier")[0]
            elif line.startswith("|"):
                inline.append(expand(line[2:]))
            elif line.startswith("input:"):
                source = line.partition(":")[2].strip()
            elif line:
                _parse_line(dialogue, line, number)
        except ValueError as err:
            raise ValueError(f"{path}:{number}: {err}") from err
    dialogue.args = dialogue.args or ["bob@example.org"]
    dialogue.message = _message(source, inline)
    return dialogue


def _parse_line(dialogue, line, number):
    name, colon, value = line.partition(":")
    step = re.fullmatch(r"([SC!])(?:\*(\d+))?", name)
    if not colon:
        raise ValueError("neither a comment, a key nor a step")
    if step:
        _add_step(dialogue.steps, Step(step[1], value.removeprefix(" "), number, int(step[2] or 1)))
    elif name in LIST_KEYS:
        attribute = "args" if name == "recipients" else name.replace("-", "_")
        getattr(dialogue, attribute).extend(LIST_KEYS[name](value.strip()))
    elif name in KEYS:
        setattr(dialogue, name.replace("-", "_"), KEYS[name](value.strip()))
    else:
        raise ValueError(f"unknown key {name}")


def _add_step(steps, step):
    """Adds a step; what the server says in adjacent lines goes out in one piece."""
    if step.kind == "S":
        end = b"" if step.text.endswith("\\c") else b"\r\n"
        step.data = (expand(step.text.removesuffix("\\c")) + end) * step.repeat
        if steps and steps[-1].kind == "S":
            steps[-1].data += step.data
            return
    if step.kind == "!" and step.text.split()[0] not in (*ACTIONS, NEXT_CONNECTION):
        raise ValueError(f"unknown action {step.text}")
    steps.append(step)


def _message(source, inline):
    """The message on standard input, with the line ends of Unix."""
    kind, _, size = source.partition(" ")
    header = STANDARD_HEADER.encode()
    if kind == "message":
        return b"".join(line + b"\n" for line in inline)
    if kind == "body":
        return header + b"".join(line + b"\n" for line in inline)
    if kind == "long":
        return header + _filling(int(size) - len(header.replace(b"\n", b"\r\n")))
    if kind == "dotted":
        return header + _dotted(int(size))
    if kind == "short":
        return header + b"Hello Bob.\n"
    raise ValueError(f"unknown input {source}")


def _filling(octets):
    """Lines that have the given number of octets once they end with CRLF."""
    line = b"0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ\n"
    whole, rest = divmod(octets - 100, len(line) + 1)
    return line * whole + b"-" * (rest + 98) + b"\n"


def _dotted(octets):
    """At least so many octets of lines that begin with a dot at every distance up to 80 octets."""
    cycle = b"".join(b"." + b"x" * length + b"\n" for length in range(80))
    return cycle * (octets // len(cycle) + 1)


# The texts inside of {plain:...} and {b64:...} may hold placeholders.
ESCAPE = re.compile(
    r"\{plain:([^:}]*):((?:[^{}]|\{[^{}]*\})*)\}|\{b64:((?:[^{}]|\{[^{}]*\})*)\}"
    r"|\{(.)\*(\d+)\}|\\x([0-9a-fA-F]{2})|\\([rnte0\\])"
)
ESCAPED = {"r": b"\r", "n": b"\n", "t": b"\t", "e": b"\x1b", "0": b"\0", "\\": b"\\"}


def expand(text):
    """The octets that a text with escapes and placeholders stands for."""
    out = bytearray()
    end = 0
    for match in ESCAPE.finditer(text):
        out += text[end : match.start()].encode() + _expansion(*match.groups())
        end = match.end()
    return bytes(out + text[end:].encode())


def _expansion(user, password, clear, repeated, times, hexadecimal, letter):
    if user is not None:
        return base64.b64encode(b"\0" + user.encode() + b"\0" + expand(password))
    if clear is not None:
        return base64.b64encode(expand(clear))
    if repeated is not None:
        return repeated.encode() * int(times)
    return bytes.fromhex(hexadecimal) if hexadecimal else ESCAPED[letter]


def line_pattern(text):
    """The pattern of one line from the client: * is any text, {size} the octets of the content that follows."""
    special = {"*": rb"[^\r\n]*", "{size}": rb"(?P<size>\d+)"}
    parts = re.split(r"(\*(?!\d+\})|\{size\})", text)
    return re.compile(b"".join(special.get(part) or re.escape(expand(part)) for part in parts) + rb"\r\n")


# The connection.


class Wire:
    """A connection and the record of what went over it, both ways, with times."""

    def __init__(self, sock):
        self.sock = sock
        self.peer = sock.getpeername()
        self.buffer = bytearray()  # received and not yet looked at
        self.ended = False  # the client will send no more
        self.events = []  # (seconds, who, octets or remark)
        self.tls_event = 0  # the event behind which TLS is
        self.start = time.monotonic()

    def note(self, who, what):
        """Adds to the record: S what we said, C what the client said, ! a remark."""
        self.events.append((time.monotonic() - self.start, who, what))

    def fill(self, seconds):
        """Waits for octets from the client.  False where none came in time, or where it has closed."""
        if self.ended:
            return False
        self.sock.settimeout(seconds)
        try:
            data = self.sock.recv(1 << 16)
        except TimeoutError:
            return False
        except OSError as err:
            self.note("!", f"the connection broke: {err}")
            self.ended = True
            return False
        if not data:
            self.note("!", "the client closed")
            self.ended = True
            return False
        self.note("C", data)
        self.buffer += data
        return True

    def send(self, data, gap=None):
        """Sends, at once or octet by octet with a gap in seconds.  Reads nothing meanwhile, like simple servers."""
        self.note("S", data)
        self.sock.settimeout(PATIENCE_S)
        try:
            if gap is None:
                self.sock.sendall(data)
                return
            for octet in data:
                self.sock.sendall(bytes([octet]))
                time.sleep(gap)
        except TimeoutError:
            raise Diverged(f"the client took no replies for {PATIENCE_S} s") from None
        except OSError as err:
            raise Gone(str(err)) from None

    def start_tls(self, context):
        """Makes the handshake.  Gone where the client does not."""
        self.sock.settimeout(PATIENCE_S)
        try:
            self.sock = context.wrap_socket(self.sock, server_side=True, suppress_ragged_eofs=False)
        except OSError as err:
            self.note("!", f"no TLS: {err}")
            self.ended = True
            raise Gone(f"no TLS: {err}") from None
        self.note("!", f"TLS: {self.sock.version()}")
        self.tls_event = len(self.events)

    def close(self, notify=True):
        """Closes in order, or (without notify) leaving out TLS's close_notify; takes what still comes."""
        if notify and isinstance(self.sock, ssl.SSLSocket):
            self.sock.setblocking(False)
            try:
                self.sock.unwrap()
            except OSError:
                pass  # the notice is sent; the client's has not come yet
        with self._bare() as bare:
            try:
                bare.shutdown(socket.SHUT_WR)
                bare.settimeout(PATIENCE_S)
                while bare.recv(1 << 16):
                    pass
            except OSError:
                pass

    def reset(self):
        """Closes with RST, so that the client loses even what it has not read yet."""
        with self._bare() as bare:
            bare.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))

    def _bare(self):
        self.ended = True
        return socket.socket(fileno=self.sock.detach())

    @property
    def received(self):
        """All that the client said, before and inside TLS."""
        return b"".join(what for _, who, what in self.events if who == "C")

    @property
    def flights(self):
        """How often the client spoke after it had waited for us, since TLS began where there is TLS."""
        speakers = [who for _, who, _ in self.events[self.tls_event :] if who != "!"]
        return sum(1 for before, who in zip(["S", *speakers], speakers) if who == "C" and before == "S")


class Player:
    """Plays the steps of one connection."""

    def __init__(self, steps, wire, context, client_ended):
        self.steps = steps
        self.wire = wire
        self.context = context
        self.client_ended = client_ended  # an event
        self.contents = []  # messages received in full
        self.closed = False  # by us
        self.gap = None  # seconds between the octets of a reply
        self.may_talk_ahead = False  # the client may, from here on
        self.size = None  # octets of content the client announced
        self.chunk_left = None  # octets of a BDAT chunk still to come; None where a dot ends the content
        self.last_chunk = True
        self.partial = bytearray()  # of the content under way
        self.amid_content = False  # not all of it is taken, on purpose

    def play(self, transport):
        """Plays all of it and returns what was wrong, or None."""
        first = next((at for at, step in enumerate(self.steps) if step.kind == "C"), len(self.steps))
        at = 0
        try:
            if transport == "tls":
                self.wire.start_tls(self.context)
            for at, step in enumerate(self.steps):
                if transport == "starttls" and at == first:
                    self._upgrade()
                self._step(step)
            if not self.closed:
                self._end()
        except Diverged as err:
            return f"{err}\n  at step {self.steps[at]}" if self.steps else str(err)
        except Gone as err:
            missing = [step for step in self.steps[at:] if step.kind == "C" and step.text != "[close]"]
            return f"the client is gone ({err})\n  missing {missing[0]}" if missing else None
        return None

    def _step(self, step):
        if step.kind == "S":
            self._say(step.data)
        elif step.kind == "!":
            name, _, value = step.text.partition(" ")
            ACTIONS[name](self, value)
        elif step.text.startswith("["):
            self._hear_more(step.text)
        else:
            for _ in range(step.repeat):
                self._hear(step.text)

    def _upgrade(self):
        """EHLO and STARTTLS as every server does it."""
        self._hear("EHLO *")
        self._say(EHLO_BEFORE_TLS.encode())
        self._hear("STARTTLS")
        self._say(b"220 2.0.0 go ahead\r\n")
        self.wire.start_tls(self.context)

    def _say(self, data):
        if not self.may_talk_ahead and not self.amid_content:
            if self.wire.buffer or self.wire.fill(EARLY_S):
                raise Diverged(f"the client did not wait for our reply: {bytes(self.wire.buffer[:200])}")
        self.wire.send(data, self.gap)

    def _hear(self, expected):
        line = self._line()
        match = line_pattern(expected).fullmatch(line)
        if not match:
            raise Diverged(f"expected: {expected}\n  received: {line!r}")
        size = int(match.groupdict().get("size") or -1)
        if line.startswith(b"BDAT "):
            self.chunk_left = int(line.split()[1])
            self.last_chunk = line.endswith(b" LAST\r\n")
        elif line.startswith(b"MAIL "):
            self.chunk_left = None
        if size >= 0:
            self.size = size

    def _line(self):
        while b"\n" not in self.wire.buffer:
            self._wait()
        end = self.wire.buffer.index(b"\n") + 1
        return self._take(end)

    def _wait(self):
        if not self.wire.fill(PATIENCE_S):
            if self.wire.ended:
                raise Gone("it closed")
            raise Diverged(f"nothing came for {PATIENCE_S} s; unfinished: {bytes(self.wire.buffer[:200])}")

    def _take(self, count):
        taken = bytes(self.wire.buffer[:count])
        del self.wire.buffer[:count]
        return taken

    def _hear_more(self, what):
        """[content], [content N] or [close]."""
        name, _, count = what.strip("[]").partition(" ")
        self.amid_content = bool(count)
        if name == "close":
            self._end()
        elif count:
            self._some_content(int(count))
        elif self.chunk_left is None:
            self._content_to_dot()
        else:
            self._rest_of_chunk()

    def _some_content(self, count):
        while len(self.wire.buffer) < count:
            self._wait()
        self.partial += self._take(count)
        if self.chunk_left is not None:
            self.chunk_left -= count

    def _rest_of_chunk(self):
        self._some_content(self.chunk_left)
        if self.last_chunk:
            self._content_done(bytes(self.partial))

    def _content_to_dot(self):
        looked_at = 0
        while True:
            self.partial += self._take(len(self.wire.buffer))
            end = self.partial.find(b"\r\n.\r\n", max(0, looked_at - 4))
            if end >= 0:
                break
            looked_at = len(self.partial)
            self._wait()
        self.wire.buffer[:0] = self.partial[end + 5 :]
        stuffed = bytes(self.partial[: end + 2])
        if re.search(rb"(?:^|\r\n)\.(?!\.)", stuffed):
            raise Diverged("a line of the content begins with a single dot")
        self._content_done(re.sub(rb"(^|\r\n)\.", rb"\1", stuffed))

    def _content_done(self, content):
        self.contents.append(content)
        self.partial.clear()
        if self.size not in (None, len(content)):
            raise Diverged(f"announced {self.size} octets of content, sent {len(content)}")

    def _end(self):
        """Where a dialogue ends the client may say QUIT, and must close."""
        while self.wire.buffer or self.wire.fill(PATIENCE_S):
            self._hear("QUIT")
            self.wire.send(b"221 2.0.0 Bye\r\n")
        if not self.wire.ended:
            raise Diverged(f"the client did not close for {PATIENCE_S} s")

    # What the server does, by name.

    def _do_tls(self, _):
        self.wire.start_tls(self.context)

    def _do_close(self, _):
        self.closed = True
        self.wire.close()

    def _do_cut(self, _):
        self.closed = True
        self.wire.close(notify=False)

    def _do_reset(self, _):
        self.closed = True
        self.wire.reset()

    def _do_silence(self, _):
        while not self.wire.ended:
            self.wire.fill(PATIENCE_S)
        self.closed = True

    def _do_deaf(self, _):
        """Reads nothing more; what waits in the buffers stays there."""
        self.client_ended.wait()
        self._do_reset(_)

    def _do_pause(self, seconds):
        time.sleep(float(seconds))

    def _do_drip(self, seconds):
        self.gap = float(seconds)

    def _do_ahead(self, _):
        self.may_talk_ahead = True

    def _do_endless(self, text):
        block = (expand(text) + b"\r\n") * 1000
        for _ in range(ENDLESS_MAX // len(block)):
            self.wire.send(block)
        raise Diverged("the client listens to an endless reply")


ACTIONS = {name.removeprefix("_do_"): method for name, method in vars(Player).items() if name.startswith("_do_")}


# The server.


class Server:
    """Listens, plays the dialogue to one client after the other in a thread, and keeps what came of it.

    path: of a Unix socket to listen on, in place of the dialogue's address.  After the `with` block: divergence (None
    where all went as written), received, flights, contents, connections.
    """

    def __init__(self, dialogue, transport, certificates, path=None):
        self.dialogue = dialogue
        self.transport = transport
        self.context = _tls_context(dialogue, certificates)
        self.listener = _listen(path or dialogue.listen, dialogue.small_buffers)
        self.port = None if path else self.listener.getsockname()[1]
        self.wires = []
        self.contents = []
        self.divergence = None
        self.connections = 0
        self.accepted = [threading.Event() for _ in dialogue.parts]
        self.played = [threading.Event() for _ in dialogue.parts]
        self.client_ended = threading.Event()
        self.thread = threading.Thread(target=self._run, name=f"server of {dialogue.name}", daemon=True)

    def __enter__(self):
        self.thread.start()
        return self

    def __exit__(self, *_):
        """The client has ended: waits for the dialogue's end."""
        self.client_ended.set()
        for accepted, played in zip(self.accepted, self.played):
            if accepted.wait(0.2):
                played.wait(6 * PATIENCE_S)
        self.listener.shutdown(socket.SHUT_RDWR)  # wakes accept()
        self.thread.join()
        self.listener.close()
        if 0 < self.connections < len(self.dialogue.parts) and not self.divergence:
            self.divergence = f"only {self.connections} connections"

    def _run(self):
        parts = self.dialogue.parts
        while True:
            try:
                sock, _ = self.listener.accept()
            except OSError:
                return
            self.connections += 1
            if self.connections <= len(parts) and not self.divergence:
                self._serve(sock, parts[self.connections - 1])
            else:
                Wire(sock).reset()

    def _serve(self, sock, steps):
        if sock.family != socket.AF_UNIX:
            sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        wire = Wire(sock)
        self.wires.append(wire)
        self.accepted[len(self.wires) - 1].set()
        player = Player(steps, wire, self.context, self.client_ended)
        divergence = "the server failed"  # unless it gets to an end
        try:
            divergence = player.play(self.transport)
            self.contents += player.contents
        finally:
            self.divergence = divergence
            wire.sock.close()
            self.played[len(self.wires) - 1].set()

    @property
    def received(self):
        """All octets that the client sent, as they were inside TLS."""
        return b"".join(wire.received for wire in self.wires)

    @property
    def flights(self):
        """How many flights the client needed."""
        return sum(wire.flights for wire in self.wires)

    def transcript(self):
        """What both sides said, with times."""
        if not self.wires:
            return "no connection"
        lines = []
        for number, wire in enumerate(self.wires, 1):
            lines += [f"connection {number}:"] if len(self.wires) > 1 else []
            for who, events in itertools.groupby(wire.events, key=lambda event: event[1]):
                lines += _transcript_lines(who, list(events))
        return "\n".join(_shortened(lines, 200))


def _transcript_lines(who, events):
    """What one side said until the other spoke."""
    seconds = events[0][0]
    if who == "!":
        shown = [remark for _, _, remark in events]
    else:
        said = b"".join(octets for _, _, octets in events)
        shown = [repr(line)[2:-1][:300] for line in said.splitlines(keepends=True)]
    return [f"{seconds:8.3f} {who}: {line}" for line in _shortened(shown, 20)]


def _shortened(lines, limit):
    if len(lines) <= limit:
        return lines
    half = limit // 2
    return [*lines[:half], f"... {len(lines) - 2 * half} lines ...", *lines[-half:]]


def _tls_context(dialogue, certificates):
    pair = getattr(certificates, dialogue.certificate)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.minimum_version = TLS_VERSIONS[dialogue.tls_version or "1.2"]
    context.maximum_version = TLS_VERSIONS[dialogue.tls_version or "1.3"]
    context.set_ciphers("DEFAULT:@SECLEVEL=0")  # so that bad certificates load
    context.load_cert_chain(pair.cert, pair.key)
    if dialogue.asks_certificate:
        context.verify_mode = ssl.CERT_REQUIRED
        context.load_verify_locations(certificates.ca)
    return context


def _listen(where, small_buffers):
    if "/" in str(where):
        listener = socket.socket(socket.AF_UNIX)
        listener.bind(str(where))
    else:
        listener = socket.socket(socket.AF_INET6 if ":" in where else socket.AF_INET)
        listener.bind((where, 0))
    if small_buffers:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 2048)
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, 2048)
        listener.setsockopt(socket.IPPROTO_TCP, socket.TCP_MAXSEG, 536)  # keeps the client's buffers small too
    listener.listen()
    return listener
