# SPDX-License-Identifier: ISC
"""Runs the program under test, in a home folder and environment of its own.

    result = run_sendmail(["-i", "bob@example.net"], b"Subject: hi\\n\\nhi\\n", config="server ...")
    assert result.status == 0, str(result)

The environment variable SENDOFF_BUILD names the build folder whose binary is run (default: build).
"""

import os
import re
import subprocess
import tempfile
from dataclasses import dataclass
from pathlib import Path

from . import ROOT

# Variables of the caller that the program gets too: what sanitizers and coverage need.
PASSED_ON = ("ASAN_OPTIONS", "UBSAN_OPTIONS", "LSAN_OPTIONS", "TSAN_OPTIONS", "LLVM_PROFILE_FILE")


@dataclass(frozen=True)
class Result:
    """What a run of the program came to."""

    args: list
    status: int
    stdout: str
    stderr: str

    def __str__(self):
        return f"{' '.join(self.args)}: exit {self.status}\n{self.stdout}{self.stderr}"


def binary(name="sendmail"):
    """The program under test, under the given name."""
    return ROOT / os.environ.get("SENDOFF_BUILD", "build") / name


def run_sendmail(args, input_bytes=b"", config=None, env=None, timeout_s=120):
    """Runs sendmail with the bytes on standard input.

    config is the text of a configuration file (none: there is no such file); env is added to the environment.  Unless
    it names a queue_dir, there is no queue: what cannot be sent now fails (see without_queue()).
    """
    config = without_queue(config) if config is not None else None
    with tempfile.TemporaryDirectory(prefix="sendoff-") as home:
        command = [str(binary()), *args]
        done = subprocess.run(
            command,
            input=input_bytes,
            env=_environment(Path(home), config, env or {}),
            capture_output=True,
            timeout=timeout_s,
            check=False,
        )
    return Result(command, done.returncode, done.stdout.decode(errors="replace"), done.stderr.decode(errors="replace"))


def without_queue(config):
    """The configuration with `queue_dir none`, where it does not say where the queue is."""
    if re.search(r"^\s*queue_dir\b", config, re.MULTILINE):
        return config
    if re.search(r"^\s*(account|defaults)\b", config, re.MULTILINE):
        return f"queue_dir none\n{config}"
    return f"{config.rstrip()}\nqueue_dir none\n"


def write_private(path, text):
    """Writes a file that only its owner can read, as a configuration with a password must be."""
    with open(path, "w", encoding="utf-8", opener=lambda name, flags: os.open(name, flags, 0o600)) as file:
        file.write(text)


def _environment(home, config, added):
    passed_on = {name: os.environ[name] for name in PASSED_ON if name in os.environ}
    config_file = home / "config"
    if config is not None:
        write_private(config_file, config)
    return {
        "PATH": "/usr/bin:/bin",
        "LC_ALL": "C.UTF-8",
        "HOME": str(home),
        "XDG_RUNTIME_DIR": str(home),
        "SENDOFF_CONFIG": str(config_file),
        **passed_on,
        **added,
    }
