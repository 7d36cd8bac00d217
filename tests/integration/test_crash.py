# SPDX-License-Identifier: ISC
"""Each of the program's processes is killed before and after each of its steps, each of their system calls on the queue
and to each other fails, who waits for another one goes, and another run comes between any two steps: no mail is lost,
torn, or delivered twice without a word (see servers/crash.py).

The summaries are shown by pytest -s.
"""

import pytest

from servers.crash import ERRORS, LARGE, SMALL, Mail, Pool, Refusals, Sandbox, Scenario, Trial, is_sanitized

pytestmark = pytest.mark.slow

BOB, LATER, UNKNOWN = "bob@example.net", "later@example.net", "unknown@example.net"


def tear_tail(sandbox):
    """An attempt is recorded, but its last octets never came to the disk."""
    sandbox.taker.manners = Refusals({"": b"450 4.2.1 later"})
    sandbox.flush()
    (file,) = (path for path in sandbox.queue.iterdir() if path.is_file())
    file.write_bytes(file.read_bytes()[:-7])


def name_of(scenario):
    """For pytest."""
    return scenario.name.replace(" ", "_")


SCENARIOS = [
    # Queueing.
    Scenario("enqueue", mail=SMALL, args=("-odq",)),
    Scenario("enqueue large", mail=LARGE, args=("-odq",)),
    Scenario("enqueue without unnamed files", mail=SMALL, args=("-odq",), lacks_unnamed=True),
    # Sending.
    Scenario("send", mail=SMALL, holds_runner=True, settings="wait off"),
    Scenario("partly accepted", mail=Mail("partly", (BOB, LATER)), holds_runner=True),
    Scenario("let go", mail=SMALL, holds_runner=True, leaves="content"),
    Scenario("let go partly", mail=Mail("partly", (BOB, LATER)), holds_runner=True, leaves="content"),
    # Behind the caller's back.
    Scenario("background", mail=SMALL, args=("-odb",)),
    # Runs.
    Scenario("deliver", queued=(SMALL,)),
    Scenario("deliver large", queued=(LARGE,)),
    Scenario("deliver three", queued=(Mail("one"), Mail("two"), Mail("three"))),
    Scenario("deliver mixed", queued=(Mail("mixed", (BOB, LATER, UNKNOWN)),)),
    Scenario("deliver torn", queued=(Mail("torn", (BOB, LATER)),), prepare=tear_tail),
    Scenario("bounce put off", queued=(Mail("off", (BOB, UNKNOWN)),), puts_off_notices=True),
    Scenario("bounce", queued=(Mail("bounce", (UNKNOWN, "unknown.too@example.net")),)),
]


WAYS = {
    # Content comes in a flight of its own.
    "data": lambda: Sandbox(),
    # It comes with the envelope.
    "bdat": lambda: Sandbox(chunking=True),
}


@pytest.fixture(scope="module", params=WAYS)
def way(request):
    """How messages go to the server."""
    return request.param


@pytest.fixture(scope="module")
def pool(way):
    """Sandboxes for that."""
    with Pool(WAYS[way]) as sandboxes:
        yield sandboxes


@pytest.mark.parametrize("scenario", SCENARIOS, ids=name_of)
def test_killed_and_failed(scenario, pool, way):
    trial = Trial(scenario, pool)
    trial.kill_everywhere()
    trial.part_everywhere()
    # What fails has nothing to do with how content goes to the server.
    if way == "data":
        trial.fail_everywhere(("EIO",) if is_sanitized() else ERRORS)
    trial.check()


@pytest.mark.parametrize("scenario", [scenario for scenario in SCENARIOS if scenario.args != ("-odq",)], ids=name_of)
def test_raced(scenario, pool, way):
    trial = Trial(scenario, pool)
    trial.race_everywhere()
    trial.check()


def test_wait_over(pool, way):
    common = {"mail": SMALL, "holds_runner": True, "settings": "wait 1s"}
    at_all_points = Trial(Scenario("wait over", **common), pool)
    at_all_points.part_everywhere(("wait",))
    at_all_points.check()
    early = Trial(Scenario("wait over early", leaves="recipient", **common), pool)
    early.kill_everywhere(behind_end=True)
    if way == "data":
        early.fail_everywhere(("EIO",), behind_end=True)
    early.check()
