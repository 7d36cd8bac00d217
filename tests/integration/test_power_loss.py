# SPDX-License-Identifier: ISC
"""The power fails after each system call, and the disk has kept what was synced, and of the rest whatever it liked:
what was queued or delivered stays so (see servers/outage.py and servers/disk.py).

The summaries are shown by pytest -s.
"""

import pytest

from servers.outage import Outage

from test_crash import SCENARIOS, name_of, pool, way  # noqa: F401  pylint: disable=unused-import


@pytest.mark.parametrize("scenario", SCENARIOS, ids=name_of)
def test_power_fails(scenario, pool):  # noqa: F811  pylint: disable=redefined-outer-name
    Outage(scenario, pool).check()
