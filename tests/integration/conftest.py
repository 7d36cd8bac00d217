# SPDX-License-Identifier: ISC
"""What the integration tests share: the servers, started once, and their log under a test that failed.

With pytest -n each worker has servers of its own.  Tests marked `slow` come last: those before them tell most for the
time that they take.  pytest.ini, one folder up, says what the markers mean.
"""

import signal
import sys
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from servers import certs as certificates, home  # noqa: E402
from servers.dovecot import Dovecot  # noqa: E402
from servers.postfix import Postfix  # noqa: E402


def pytest_configure(config):
    # The workers, not who distributes tests to them: an overlay over an overlay is one too many for the kernel.
    if hasattr(config, "workerinput") or not getattr(config.option, "numprocesses", None):
        home.protect()


def pytest_collection_modifyitems(items):
    """Slow tests come last, and among them those that a worker has to do all of come first."""
    items.sort(key=lambda item: bool(item.get_closest_marker("slow")) * (2 - bool(item.get_closest_marker("xdist_group"))))


# Who starts tests behind a shell's "&", or with nohup, has these ignored, and so would all programs under test.
for ignored in (signal.SIGINT, signal.SIGQUIT, signal.SIGHUP):
    if signal.getsignal(ignored) is signal.SIG_IGN:
        signal.signal(ignored, signal.default_int_handler if ignored == signal.SIGINT else signal.SIG_DFL)


@pytest.fixture(scope="session")
def certs():
    """The paths of the certificates."""
    return certificates.ensure()


@pytest.fixture(scope="session")
def dovecot():
    """A Dovecot that knows servers.dovecot.USER."""
    with Dovecot() as server:
        yield server


@pytest.fixture(scope="session")
def session_postfix(certs, dovecot):
    """The Postfix of all tests."""
    with Postfix(certs.good, dovecot.auth_socket) as server:
        yield server


@pytest.fixture
def postfix(session_postfix):
    """The same, with nothing left of other tests' mail."""
    session_postfix.arrived()
    return session_postfix


@pytest.hookimpl(hookwrapper=True)
def pytest_runtest_makereport(item):
    report = (yield).get_result()
    if report.failed:
        for server in (item.funcargs.get(name) for name in ("postfix", "dovecot")):
            if server is not None:
                report.sections.append((f"log of {server.name}", server.log_tail()))
