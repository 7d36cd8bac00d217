# SPDX-License-Identifier: ISC
"""The power fails after each system call, and the disk has kept what was synced, and of the rest whatever it liked:
what was queued or delivered stays so (see servers/outage.py and servers/disk.py).  Then the same with real file
systems, whose writes and flushes are recorded (see servers/blackout.py and servers/blocks.py).

The summaries are shown by pytest -s.  SENDOFF_POWER_CUTS: how often the power fails for each file system, besides the
ends of calls.
"""

import os
import re

import pytest

from servers.blackout import black_out
from servers.blocks import FILE_SYSTEMS, Missing, Recording, own_mounts
from servers.crash import SHOWN, SMALL, Sandbox, is_sanitized
from servers.outage import Outage

from test_crash import SCENARIOS, name_of, pool, way  # noqa: F401  pylint: disable=unused-import

CUTS, CUTS_SANITIZED = 40, 10
SYNC = re.compile(r"\bf(?:data)?sync\(")
pytestmark = pytest.mark.slow


@pytest.mark.parametrize("scenario", SCENARIOS, ids=name_of)
def test_power_fails(scenario, pool):  # noqa: F811  pylint: disable=redefined-outer-name
    Outage(scenario, pool).check()


@pytest.fixture(scope="module")
def mounts():
    """Disks can be recorded here."""
    try:
        own_mounts()
    except Missing as missing:
        pytest.skip(f"no disk can be recorded here: {missing}")


@pytest.fixture(params=FILE_SYSTEMS.values(), ids=FILE_SYSTEMS)
def system(request, mounts):  # pylint: disable=unused-argument,redefined-outer-name
    """A file system that this machine knows."""
    try:
        request.param.look()
    except Missing as missing:
        pytest.skip(str(missing))
    return request.param


def test_real_file_system_loses_power(system):  # pylint: disable=redefined-outer-name
    blackout = black_out(system, int(os.environ.get("SENDOFF_POWER_CUTS", CUTS_SANITIZED if is_sanitized() else CUTS)))
    print(blackout.summary())
    assert not blackout.found, "\n\n".join([blackout.summary(), *blackout.found[:SHOWN]])


def test_real_file_system_is_waited_for_no_more_than_it_needs(system):  # pylint: disable=redefined-outer-name
    with Sandbox() as sandbox, Recording(system, sandbox.folder / "disk", sandbox.state):
        sandbox.queue.mkdir(parents=True, mode=0o700)
        log = sandbox.folder / "log"
        done = sandbox.send(SMALL, "-odq", wrapper=("strace", "-f", "-qq", "-o", str(log)))
        assert done.status == 0 and not done.stderr, str(done)
        assert len(SYNC.findall(log.read_text(encoding="latin-1"))) == system.syncs
