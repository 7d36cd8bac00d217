# SPDX-License-Identifier: ISC
"""What a stranger tried: ends at bad moments, hostile servers and folders, too little of everything."""

import os
import signal
import threading
import time

import pytest

from servers.host import GONE, OK, Host
from servers.place import Place
from servers.taker import wait_until
from test_when import BOB, EVE, LATER, host, patient, place, slow_place

__all__ = ["host", "patient", "place"]  # fixtures


class Pause:
    """A reply that waits until it is let go."""

    def __init__(self, reply=OK, where=""):
        self.reached = threading.Event()
        self.go_on = threading.Event()
        self._reply, self._where = reply, where

    def __call__(self, line):
        if self._where in str(line):
            self.reached.set()
            self.go_on.wait(60)
        return self._reply


def takers(host):
    """Who got a message, once for each time."""
    return sorted(address for arrival in host.arrivals for address in arrival.recipients)


# Ended in the middle


@pytest.mark.parametrize("how", ["submission", "run"])
def test_ended_in_the_second_turn(tmp_path, how):
    """A server that takes one recipient at a time: who has the message does not get it again."""
    with Host(("PIPELINING", "DSN", "LIMITS RCPTMAX=1")) as host, slow_place(tmp_path, host) as place:
        pause = host.replies["RCPT"] = Pause(where=EVE)
        if how == "run":
            place.queued(BOB, EVE)
            process = place.start("-qf")
        else:
            process = place.start("-odi", BOB, EVE)
            process.stdin.write(b"Subject: hello\n\nhello\n")
        process.stdin.close()
        process.stdin = None
        assert pause.reached.wait(60)
        process.send_signal(signal.SIGTERM)
        process.wait(60)
        pause.go_on.set()
        assert takers(host) == [BOB]
        assert len(place.waiting()) == 1
        place.run("-qf")
        assert takers(host) == [BOB, EVE]
        assert place.waiting() == []


def test_ended_while_saying_goodbye(host, patient):
    """A server that has the message, and does not answer QUIT."""
    pause = host.replies["QUIT"] = Pause("221 bye")
    host.features = ("DSN",)
    process = patient.start("-odi", BOB)
    process.stdin.write(b"Subject: hello\n\nhello\n")
    process.stdin.close()
    process.stdin = None
    assert pause.reached.wait(60)
    process.send_signal(signal.SIGTERM)
    assert process.wait(60) == 0
    pause.go_on.set()
    patient.run("-qf")
    assert takers(host) == [BOB]
    assert patient.waiting() == []
