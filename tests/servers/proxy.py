# SPDX-License-Identifier: ISC
"""Small proxies, good and bad: what lies between sendoff and a mail server.

    with Socks5(server.port) as proxy:
        ...                     # configuration: proxy socks5://127.0.0.1:{proxy.port}
    assert proxy.asked == [("mail.example.net", 25)]

Whatever a client asks for, they connect to the given port of this machine.
"""

import base64
import contextlib
import socket
import threading
import time

PATIENCE_S = 10


class Listener:
    """Listens on 127.0.0.1 and serves each connection by converse(), in threads."""

    def __init__(self):
        self.connections = 0
        self._ended = threading.Event()
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port = self._listener.getsockname()[1]
        self._threads = [threading.Thread(target=self._accept, daemon=True)]

    def __enter__(self):
        self._threads[0].start()
        return self

    def __exit__(self, *_):
        self._ended.set()
        self._listener.shutdown(socket.SHUT_RDWR)  # wakes accept()
        for thread in self._threads:
            thread.join(2 * PATIENCE_S)
        self._listener.close()

    def converse(self, client):
        """What becomes of one connection."""
        raise NotImplementedError

    def _accept(self):
        while True:
            try:
                client, _ = self._listener.accept()
            except OSError:
                return
            self.connections += 1
            self._threads.append(threading.Thread(target=self._serve, args=(client,), daemon=True))
            self._threads[-1].start()

    def _serve(self, client):
        client.settimeout(PATIENCE_S)
        with client, contextlib.suppress(OSError):
            self.converse(client)


class Raw(Listener):
    """Says what it is told to.

    Each step is octets to send; a number of seconds to wait; or a function that gets the connection.
    After the last one it reads until the client has closed.  What it read is in `received`.
    """

    def __init__(self, *steps):
        super().__init__()
        self.steps = steps
        self.received = b""

    def converse(self, client):
        for step in self.steps:
            if isinstance(step, bytes):
                client.sendall(step)
            elif callable(step):
                step(client)
            else:
                self._ended.wait(step)
        self.read(client)

    def read(self, client):
        """To the end."""
        while data := client.recv(1 << 16):
            self.received += data


def read_some(client):
    """A step of Raw: waits for what the client says."""
    client.recv(1 << 16)


def close(client):
    """A step of Raw."""
    client.shutdown(socket.SHUT_RDWR)


def endless(data, pause_s=0):
    """A step of Raw: says it again and again, till the client has closed."""

    def step(client):
        client.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        end = time.monotonic() + 6 * PATIENCE_S
        while time.monotonic() < end:
            client.sendall(data)
            time.sleep(pause_s)

    return step


class Proxy(Listener):
    """What the two kinds have in common.

    login: (user, password) that the client has to give.  along: the mail server's greeting goes out in one piece with
    the answer.  gap_s: a pause behind each octet of the proxy's answers.
    """

    def __init__(self, target_port, login=None, along=False, gap_s=0):
        super().__init__()
        self.target_port = target_port
        self.login = login
        self.along = along
        self.gap_s = gap_s
        self.asked = []  # (host, port)
        self.logins = []  # (user, password)

    def say(self, client, answer):
        """Sends an answer of the proxy's own."""
        if not self.gap_s:
            client.sendall(answer)
            return
        client.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        for octet in answer:
            client.sendall(bytes([octet]))
            time.sleep(self.gap_s)

    def connect(self, client, answer):
        """Connects to the mail server, says the answer, and passes on what both say."""
        with socket.create_connection(("127.0.0.1", self.target_port), PATIENCE_S) as server:
            if self.along:
                answer += server.recv(1 << 16)
            self.say(client, answer)
            relay(client, server)


class Socks5(Proxy):
    """RFC 1928, and RFC 1929 where there is a login.  bound: the address in its answer."""

    def __init__(self, target_port, bound=b"\x01\x00\x00\x00\x00", **options):
        super().__init__(target_port, **options)
        self.bound = bound

    def converse(self, client):
        stream = client.makefile("rb")
        version, count = stream.read(2)
        methods = stream.read(count)
        wanted = 2 if self.login else 0
        if version != 5 or wanted not in methods:
            self.say(client, b"\x05\xff")
            return
        self.say(client, bytes([5, wanted]))
        if self.login and not self._check_login(client, stream):
            return
        version, command, _, kind = stream.read(4)
        if (version, command, kind) != (5, 1, 3):
            self.say(client, b"\x05\x08\x00\x01\0\0\0\0\0\0")
            return
        host = stream.read(stream.read(1)[0]).decode()
        self.asked.append((host, int.from_bytes(stream.read(2), "big")))
        self.connect(client, b"\x05\x00\x00" + self.bound + b"\x00\x00")

    def _check_login(self, client, stream):
        stream.read(1)
        given = tuple(stream.read(stream.read(1)[0]).decode() for _ in range(2))
        self.logins.append(given)
        self.say(client, b"\x01\x00" if given == self.login else b"\x01\x01")
        return given == self.login


class Http(Proxy):
    """CONNECT.  answer: the whole of what it says when it is connected."""

    def __init__(self, target_port, answer=b"HTTP/1.1 200 Connection established\r\n\r\n", **options):
        super().__init__(target_port, **options)
        self.answer = answer
        self.heads = []

    def converse(self, client):
        head = b""
        while not head.endswith(b"\r\n\r\n"):
            data = client.recv(1)
            if not data:
                return
            head += data
        lines = head.decode().split("\r\n")
        self.heads.append(lines)
        verb, place, _ = lines[0].split()
        given = next((line.split()[2] for line in lines if line.startswith("Proxy-Authorization: Basic ")), "")
        self.logins.append(tuple(base64.b64decode(given).decode().split(":", 1)))
        if verb != "CONNECT" or (self.login and self.logins[-1] != self.login):
            self.say(client, b"HTTP/1.1 407 Proxy Authentication Required\r\nProxy-Authenticate: Basic\r\n\r\n")
            return
        host, _, port = place.rpartition(":")
        self.asked.append((host, int(port)))
        self.connect(client, self.answer)


def relay(one, other):
    """Passes on what both say until both have ended."""

    def pump(source, sink):
        with contextlib.suppress(OSError):
            while data := source.recv(1 << 16):
                sink.sendall(data)
        with contextlib.suppress(OSError):
            sink.shutdown(socket.SHUT_WR)

    back = threading.Thread(target=pump, args=(other, one), daemon=True)
    back.start()
    pump(one, other)
    back.join(2 * PATIENCE_S)
