# SPDX-License-Identifier: ISC
"""What the mail servers of the tests have in common: a folder, a start, a log, an end."""

import collections
import os
import re
import shutil
import socket
import subprocess
import tempfile
import time
from pathlib import Path

from . import unpack

START_TIMEOUT_S = 20
STOP_TIMEOUT_S = 20
LOG_TIMEOUT_S = 10

# The servers want users of their own. These exist on every Debian system, and nothing else uses them here.
SERVER_USER = "list"
SERVER_GROUP = "uucp"
LOGIN_USER = "games"

# Ends a session's processes when its input closes: when we want it, and when we are killed.
WATCHER = ("sh", "-c", 'read -r _; kill -s TERM -- "-$1"', "sh")


# Of free_port(): the ports that were given last stay reserved, for longer than any server needs to take its own.
_reserved = collections.deque(maxlen=100)


class ServerError(Exception):
    """A server that cannot be started or stopped; the text says why."""


class Daemon:
    """A server from an unpacked package that runs in a temporary folder, as a context manager.

    A subclass gives `name` (its folder in tests/server-packages), and says how to configure and run it.
    """

    name = ""

    def __init__(self):
        self.folder = None
        self.root = None
        self._process = None
        self._watcher = None

    def __enter__(self):
        if os.geteuid() != 0:
            raise ServerError("The mail servers of the tests have to be root's: put tests/as-root before the command.")
        self.root = unpack.ensure(self.name)
        # Not under build/: the path of a Unix socket may have 107 bytes only.
        self.folder = Path(tempfile.mkdtemp(prefix=f"sendoff-{self.name}-"))
        self.folder.chmod(0o755)
        try:
            self.configure()
            self._start()
        except BaseException:
            self.__exit__()
            raise
        return self

    def __exit__(self, *_error):
        try:
            self._stop()
        finally:
            shutil.rmtree(self.folder)

    def configure(self):
        """Writes the server's configuration into self.folder."""
        raise NotImplementedError

    def command(self):
        """The command line that runs the server in the foreground."""
        raise NotImplementedError

    def is_ready(self):
        """Whether the server takes connections by now."""
        raise NotImplementedError

    def environment(self):
        """The environment that the server, and every process it starts, needs."""
        return {"PATH": "/usr/bin:/bin", "LD_LIBRARY_PATH": unpack.library_path(self.root)}

    def log_tail(self, lines=40):
        """The end of the server's log."""
        return "\n".join(self._log().splitlines()[-lines:])

    def wait_for_log(self, pattern):
        """Waits until the log has what the regular expression describes; returns it."""
        self._wait_until(lambda: re.search(pattern, self._log()), LOG_TIMEOUT_S, f"did not log {pattern}")
        return re.search(pattern, self._log()).group()

    def log_file(self):
        """Where the server logs to."""
        return self.folder / "log"

    def _output(self):
        return self.folder / "output"

    def _log(self):
        files = [file for file in (self._output(), self.log_file()) if file.exists()]
        return "".join(file.read_text(errors="replace") for file in files)

    def _start(self):
        with open(self._output(), "wb") as output:
            self._process = subprocess.Popen(
                self.command(),
                env=self.environment(),
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=output,
                start_new_session=True,
            )
        watcher = [*WATCHER, str(self._process.pid)]
        self._watcher = subprocess.Popen(watcher, stdin=subprocess.PIPE, start_new_session=True)
        self._wait_until(self.is_ready, START_TIMEOUT_S, "did not start")

    def _stop(self):
        if self._process is None:
            return
        process, self._process = self._process, None
        session = process.pid
        try:
            self._watcher.communicate()
            self._wait_until(lambda: process.poll() is not None, STOP_TIMEOUT_S, "does not end")
            self._wait_until(lambda: not _has_processes(session), STOP_TIMEOUT_S, "left processes behind")
        finally:
            subprocess.run(["pkill", "-KILL", "--session", str(session)], check=False)

    def _wait_until(self, condition, timeout_s, failure):
        end = time.monotonic() + timeout_s
        while not condition():
            has_ended = self._process is not None and self._process.poll() is not None
            if has_ended or time.monotonic() > end:
                raise ServerError(f"{self.name} {failure}:\n{self.log_tail()}")
            time.sleep(0.01)


def free_port():
    """A port of the loopback interface that nothing listens on, and that is given to nobody else who asks for any."""
    # Bound and not listening: who names the port, and sets SO_REUSEADDR as servers do, can listen on it.
    probe = socket.socket()
    probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    probe.bind(("127.0.0.1", 0))
    _reserved.append(probe)
    return probe.getsockname()[1]


def accepts_connections(port):
    """Whether a server listens on that port."""
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) == 0


def write_settings(path, settings):
    """Writes a file of `key = value` lines."""
    path.write_text("".join(f"{key} = {value}\n" for key, value in settings.items()), encoding="utf-8")


def _has_processes(session):
    """Whether one still runs; ended ones that nobody has waited for (Z) do not count."""
    pgrep = ["pgrep", "--session", str(session), "--runstates", "DIRSTt"]
    return subprocess.run(pgrep, stdout=subprocess.DEVNULL, check=False).returncode == 0
