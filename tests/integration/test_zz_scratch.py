# SPDX-License-Identifier: ISC
import os, signal, threading, time, subprocess, socket
import pytest
from servers.host import GONE, OK, Host
from servers.place import Place
from servers.taker import wait_until
from test_when import BOB, EVE, LATER, host, patient, place, slow_place
from test_attacks import Pause, takers

def big():
    head = b"From: root\nDate: Sun, 22 Nov 2026 01:00:00 +0000\nMessage-ID: <x@y.example>\nMIME-Version: 1.0\nContent-Type: text/plain\nTo: bob@example.net\n"
    out = [head]; n = len(head) + head.count(b"\n")
    line = b"X-A: " + b"a" * 900 + b"\n"
    while n + len(line) + 1 < 1048576 - 1000:
        out.append(line); n += len(line) + 1
    rest = 1048576 - n - 20
    out.append(b"X-B: " + b"b" * (rest - 7) + b"\n")
    return b"".join(out) + b"\nhello\n"

def test_big_header(host, patient):
    r = patient.send("-odi", BOB, input_bytes=big())
    print(r, patient.log())
    assert r.status in (0, 65)

def test_big_header_run(host, patient):
    patient.queued(BOB, input_bytes=big())
    r = patient.run("-qf")
    print(r, patient.log())
    assert r.status == 0

def test_stop_announced(host, patient):
    """SIGTERM while the content is answered and the next is announced."""
    for i in range(4): patient.queued(BOB)
    with host.holding():
        p = patient.start("-qf")
        host.wait_for_content()
        p.send_signal(signal.SIGTERM)
        time.sleep(0.5)
    r = patient.finish(p, b"")
    print(r)
    assert r.status == -15
    assert "Sanitizer" not in r.stderr

def test_relative_config(host, tmp_path):
    host.replies["RCPT"] = LATER
    with Place(tmp_path, host.config + "retry 1s..2s\n") as place:
        env = place.environment(); 
        r = place.finish(place.start("-C", "config", "-odi", BOB, cwd=tmp_path, env={"SENDOFF_CONFIG": "config"}))
        print(r)
        host.replies.clear()
        assert wait_until(lambda: not place.waiting(), 15), place.log()

def test_rate_window(tmp_path):
    with Host(("PIPELINING", "CHUNKING", "DSN")) as host, Place(tmp_path, host.config + "rate 30/min\nwindow 4\n") as place:
        for i in range(4): place.queued(BOB)
        t = time.time(); place.run("-qf"); d = time.time() - t
        assert d > 5.5, d

def test_now_dead_after_mail(host, patient):
    host.replies["MAIL"] = GONE
    for i in range(10): patient.queued(BOB)
    patient.run("-qf")
    assert host.connections == 1

def test_run_is_file(host, tmp_path):
    with Place(tmp_path, host.config) as place:
        place.queued(BOB)
        for n in place.waiting(): os.unlink(place.queue / n)
        import shutil; shutil.rmtree(place.queue / "run", ignore_errors=True)
        (place.queue / "run").write_text("x")
        r = place.send("-odb", BOB)
        assert wait_until(lambda: not place.waiting(), 5), place.log()

def test_rate_disk_fifo(host, tmp_path):
    with Place(tmp_path, host.config + "rate 600/min\n") as place:
        assert place.send("-odi", BOB).status == 0
        (f,) = (place.queue / "run").glob("rate-*")
        f.unlink(); os.mkfifo(f)
        assert place.send("-odi", BOB).status == 0
        assert takers(host) == [BOB, BOB]
