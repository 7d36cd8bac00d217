# SPDX-License-Identifier: ISC
"""A network and file system of a test's own, and a DNS server in it.

    @in_private
    def test_something(tmp_path):       # needs root, of a user namespace at least
        with_resolver(tmp_path, "nameserver 127.0.0.1")
        with DnsServer({("mail.example.net", A): [address("192.0.2.1")]}) as dns:
            ...

The network has the loopback interface alone, with ADDRESS on it too: that one is "elsewhere" for sendoff.
"""

import contextlib
import ctypes
import functools
import ipaddress
import os
import socket
import struct
import subprocess
import threading
import traceback
from dataclasses import dataclass, field
from pathlib import Path

ADDRESS = "192.0.2.1"

A, AAAA, TLSA = 1, 28, 52
NOERROR, SERVFAIL, NXDOMAIN, REFUSED = 0, 2, 3, 5

CLONE_NEWNS, CLONE_NEWNET = 0x00020000, 0x40000000
MS_BIND, MS_REC, MS_PRIVATE = 4096, 16384, 1 << 18

UDP_MAX = 1200  # octets of an answer over UDP; larger ones are cut, and asked for again over TCP


def in_private(test):
    """A decorator: the test runs in a process with namespaces of its own for network and mounts."""

    @functools.wraps(test)
    def run(*args, **kwargs):
        reader, writer = os.pipe()
        child = os.fork()
        if child == 0:
            os.close(reader)
            _child(writer, functools.partial(test, *args, **kwargs))
        os.close(writer)
        with open(reader, encoding="utf-8") as pipe:
            report = pipe.read()
        os.waitpid(child, 0)
        assert report == "passed", report

    return run


def _child(writer, test):
    """Never returns: the outcome goes into the pipe."""
    try:
        _separate()
        test()
        report = "passed"
    except BaseException:  # pytest's own outcomes are no Exceptions
        report = traceback.format_exc()
    os.write(writer, report.encode(errors="replace"))
    os._exit(0)


def _separate():
    _call("unshare", CLONE_NEWNS | CLONE_NEWNET)
    _call("mount", b"none", b"/", None, MS_REC | MS_PRIVATE, None)
    subprocess.run(["ip", "link", "set", "lo", "up"], check=True)
    subprocess.run(["ip", "address", "add", f"{ADDRESS}/32", "dev", "lo"], check=True)


def put_over(path, source):
    """From now on, and for this process and those it starts, the file at path is the source."""
    _call("mount", os.fsencode(source), os.fsencode(Path(path).resolve()), None, MS_BIND, None)


def with_resolver(folder, text):
    """Makes text the resolver's configuration; names are looked up in /etc/hosts, which is empty, and in DNS."""
    contents = {"resolv.conf": text, "hosts": "", "nsswitch.conf": "hosts: files dns"}
    if not all(Path("/etc", name).exists() for name in contents):
        _make_writable(folder)
    for name, content in contents.items():
        file = folder / name
        file.write_text(content + "\n")
        if not Path("/etc", name).exists():
            Path("/etc", name).touch()
        put_over(f"/etc/{name}", file)


def _make_writable(folder):
    """A layer over /etc, for files that the smallest systems do not have."""
    upper, work = folder / "upper", folder / "work"
    upper.mkdir()
    work.mkdir()
    options = f"lowerdir=/etc,upperdir={upper},workdir={work}"
    _call("mount", b"overlay", b"/etc", b"overlay", 0, os.fsencode(options))


def _call(name, *args):
    libc = ctypes.CDLL(None, use_errno=True)
    converted = [ctypes.c_ulong(arg) if isinstance(arg, int) else arg for arg in args]
    if getattr(libc, name)(*converted) != 0:
        raise OSError(ctypes.get_errno(), f"{name}: {os.strerror(ctypes.get_errno())}")


# Answers.


@dataclass(frozen=True)
class Answer:
    """What the server answers to a question: octets of each record's data."""

    records: list = field(default_factory=list)
    code: int = NOERROR
    authentic: bool = False  # the AD bit
    raw: bytes = None  # in place of everything behind the two octets of the id; b"" is no answer at all


def address(text):
    """The data of an A or AAAA record."""
    return ipaddress.ip_address(text).packed


def tlsa(usage, selector, matching, data):
    """The data of a TLSA record."""
    return bytes([usage, selector, matching]) + data


class DnsServer:
    """Answers on 127.0.0.1:53 (and other addresses), over UDP and TCP.

    answers: (name, type) → Answer; for what is not there, an empty one if the name has any other, else NXDOMAIN.
    authentic: the AD bit of those.  mute_tcp: takes connections, and says nothing.  What was asked for is in `asked`.
    """

    def __init__(self, answers, authentic=True, addresses=("127.0.0.1",), mute_tcp=False):
        self.answers = answers
        self.authentic = authentic
        self.mute_tcp = mute_tcp
        self.asked = []
        self._udp = [_bound(where, socket.SOCK_DGRAM) for where in addresses]
        self._tcp = [_bound(where, socket.SOCK_STREAM) for where in addresses]
        self._threads = [threading.Thread(target=self._serve_udp, args=(sock,), daemon=True) for sock in self._udp]
        self._threads += [threading.Thread(target=self._serve_tcp, args=(sock,), daemon=True) for sock in self._tcp]

    def __enter__(self):
        for thread in self._threads:
            thread.start()
        return self

    def __exit__(self, *_):
        for sock in (*self._udp, *self._tcp):
            with contextlib.suppress(OSError):
                sock.shutdown(socket.SHUT_RDWR)
            sock.close()

    def was_asked(self, kind):
        """The names whose records of that type were asked for."""
        return [name for name, asked in self.asked if asked == kind]

    def _serve_udp(self, sock):
        while True:
            try:
                query, client = sock.recvfrom(4096)
            except OSError:
                return
            reply = self._reply(query)
            if len(reply) > UDP_MAX:
                reply = reply[:2] + bytes([reply[2] | 2]) + reply[3:6] + bytes(6) + _question(query)
            if reply:
                sock.sendto(reply, client)

    def _serve_tcp(self, sock):
        while True:
            try:
                client, _ = sock.accept()
            except OSError:
                return
            with client, contextlib.suppress(OSError):
                client.settimeout(5)
                while self.mute_tcp and client.recv(4096):
                    pass
                length = struct.unpack("!H", client.recv(2, socket.MSG_WAITALL))[0]
                reply = self._reply(client.recv(length, socket.MSG_WAITALL))
                client.sendall(struct.pack("!H", len(reply)) + reply)

    def _reply(self, query):
        question = _question(query)
        name, kind = _name(question), struct.unpack("!H", question[-4:-2])[0]
        self.asked.append((name, kind))
        exists = any(other == name for other, _ in self.answers)
        answer = self.answers.get((name, kind)) or Answer(code=NOERROR if exists else NXDOMAIN, authentic=self.authentic)
        if answer.raw is not None:
            return query[:2] + answer.raw if answer.raw else b""
        flags = 0x8180 | answer.code | (0x20 if answer.authentic else 0)
        head = query[:2] + struct.pack("!HHHHH", flags, 1, len(answer.records), 0, 0)
        records = [struct.pack("!HHHIH", 0xC00C, kind, 1, 60, len(data)) + data for data in answer.records]
        return head + question + b"".join(records)


def _bound(where, kind):
    sock = socket.socket(socket.AF_INET, kind)
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    sock.bind((where, 53))
    if kind == socket.SOCK_STREAM:
        sock.listen()
    return sock


def _question(query):
    """The question's octets: name, type and class."""
    return query[12 : query.index(b"\0", 12) + 5]


def _name(question):
    labels, at = [], 0
    while question[at]:
        labels.append(question[at + 1 : at + 1 + question[at]].decode())
        at += 1 + question[at]
    return ".".join(labels).lower()
