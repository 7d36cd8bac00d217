# SPDX-License-Identifier: ISC
"""A disk whose writes and flushes are recorded, and what is on it when the power fails.

    own_mounts()                                # once: nobody else sees what is mounted from then on
    with Recording(FILE_SYSTEMS["ext4"], folder, place) as recording:
        ...                                     # the file system is mounted on `place`
        here = recording.position()
    for crash in recording.crashes(…):
        with recording.after(crash):            # the disk as it is then, repaired and mounted on `place`
            ...

A loop device lies over a file of a FUSE file system (recorder.py).  What was written before the last flush is certain;
what was written since is on the disk, or not, each block for itself.
"""

import contextlib
import ctypes
import importlib.util
import os
import random
import shutil
import struct
import subprocess
import sys
import tempfile
from dataclasses import dataclass
from pathlib import Path

from .taker import wait_until

WRITE, FLUSH = b"W", b"F"
HEAD = struct.Struct("<cQI")  # WRITE or FLUSH, where, and how many octets follow

BLOCK = 4096  # what the disk writes as a whole
CLONE_NEWNS = 0x00020000


class Missing(Exception):
    """This machine cannot do it, and why."""


@dataclass(frozen=True)
class FileSystem:
    """How it is made, mounted and repaired."""

    name: str
    make: tuple
    size_mb: int
    options: str = "defaults"
    repair: tuple = ()  # none: it is for the kernel, when it is mounted
    kind: str = "ext4"  # in /proc/filesystems
    syncs: int = 2  # how often a message that is queued waits for the disk

    def look(self):
        """Raises Missing where this machine does not have it."""
        if self.kind not in Path("/proc/filesystems").read_text(encoding="ascii").split():
            raise Missing(f"this kernel has no {self.kind}")
        if shutil.which(self.make[0]) is None:
            raise Missing(f"there is no {self.make[0]}")


E2FSCK = ("e2fsck", "-fy")
FILE_SYSTEMS = {
    each.name: each
    for each in (
        FileSystem("ext2", ("mkfs.ext2",), 16, repair=E2FSCK, kind="ext2", syncs=3),
        FileSystem("ext4-without-journal", ("mkfs.ext4", "-O", "^has_journal"), 16, repair=E2FSCK, syncs=3),
        FileSystem("ext4", ("mkfs.ext4", "-b", "4096"), 32),
        FileSystem("ext4-writeback", ("mkfs.ext4",), 16, options="data=writeback"),
        FileSystem("xfs", ("mkfs.xfs",), 320, kind="xfs"),
        FileSystem("btrfs", ("mkfs.btrfs",), 128, kind="btrfs"),
    )
}


def own_mounts():
    """Gives this process mounts of its own, which end with it.  Raises Missing."""
    if importlib.util.find_spec("fusepy") is None:
        raise Missing("there is no python3-fusepy")
    for device in ("/dev/fuse", "/dev/loop-control"):
        if not os.access(device, os.R_OK | os.W_OK):
            raise Missing(f"no {device} for us: not root, or in a container")
    if ctypes.CDLL(None, use_errno=True).unshare(CLONE_NEWNS) != 0:
        raise Missing(f"no private mount namespace: {os.strerror(ctypes.get_errno())}")
    _run("mount", "--make-rprivate", "/")
    with tempfile.NamedTemporaryFile() as image, tempfile.TemporaryDirectory() as place:
        image.truncate(1 << 20)
        try:
            _run("mkfs.ext2", "-q", image.name)
            _run("mount", "-o", "loop", image.name, place)
        except (RuntimeError, OSError) as error:
            raise Missing(f"no loop device can be mounted: {error}") from error
        _run("umount", place)


@dataclass(frozen=True)
class Crash:
    """The power fails: how much of the record is certain, which of the blocks behind that came to the disk."""

    position: int
    certain: int  # records
    blocks: tuple  # (offset, octets)
    kept: str

    def __str__(self):
        return f"the power fails at {self.position} of the record, {self.kept}"


class Recording:
    """A file system that is mounted while the block runs, and later again, as crashes have left it."""

    def __init__(self, system, folder, place):
        self.system = system
        self._folder, self._place = Path(folder), Path(place)
        self._image, self._first, self._record = (self._folder / name for name in ("image", "first", "record"))
        self._certain, self._applied = self._folder / "certain", 0
        self._trial = self._folder / "trial"
        self._records = None

    def __enter__(self):
        self._folder.mkdir()
        self._make()
        with contextlib.ExitStack() as stack:
            through = stack.enter_context(self._recorder())
            stack.enter_context(self._mounted(through))
            self._stack = stack.pop_all()
        return self

    def __exit__(self, *error):
        self._stack.__exit__(*error)

    def position(self):
        """How much is on record: what was flushed before is certain."""
        return self._record.stat().st_size

    def crashes(self, marks, count, seed=1):
        """At the marks with nothing but what is certain, and at most `count` others, the same each time."""
        self._read_record()
        chance = random.Random(seed)
        for mark in marks:
            yield self._crash(mark, 0.0, chance)
        ends = [end for end, _, _ in self._records if end <= max(marks)]
        for _ in range(count):
            yield self._crash(chance.choice(ends), chance.choice((0.0, 0.2, 0.5, 0.8, 1.0)), chance)

    @contextlib.contextmanager
    def after(self, crash):
        """The disk as it is then, repaired and mounted; crashes come in any order, but cost least in theirs."""
        if self._applied > crash.certain or not self._certain.exists():
            _copy(self._first, self._certain)
            self._applied = 0
        with open(self._certain, "r+b") as disk:
            for _, offset, octets in self._records[self._applied : crash.certain]:
                if octets is not None:
                    os.pwrite(disk.fileno(), octets, offset)
        self._applied = crash.certain
        _copy(self._certain, self._trial)
        with open(self._trial, "r+b") as disk:
            for offset, octets in crash.blocks:
                os.pwrite(disk.fileno(), octets, offset)
        if self.system.repair:
            # 1: errors were corrected.
            _run(*self.system.repair, str(self._trial), fine=(0, 1))
        with self._mounted(self._trial):
            yield

    def _make(self):
        with open(self._image, "wb") as file:
            file.truncate(self.system.size_mb << 20)
        _run(*self.system.make, "-q", str(self._image))
        _copy(self._image, self._first)

    @contextlib.contextmanager
    def _recorder(self):
        point = self._folder / "fuse"
        point.mkdir()
        command = (sys.executable, "-m", "servers.recorder", str(self._image), str(self._record), str(point))
        with subprocess.Popen(command, cwd=Path(__file__).parent.parent) as process:
            try:
                if not wait_until(lambda: (point / "disk").exists() or process.poll() is not None):
                    raise RuntimeError("FUSE does not come up")
                if process.poll() is not None:
                    raise RuntimeError(f"FUSE cannot be used: {process.returncode}")
                yield point / "disk"
            finally:
                if process.poll() is None:
                    _run("umount", str(point))

    @contextlib.contextmanager
    def _mounted(self, image):
        options = f"loop,{self.system.options}"
        _run("mount", "-t", self.system.kind, "-o", options, str(image), str(self._place))
        try:
            yield
        finally:
            _run("umount", str(self._place))

    def _read_record(self):
        """(where it ends, offset, octets) of each write; with None for both: a flush."""
        if self._records is not None:
            return
        self._records, octets, at = [], self._record.read_bytes(), 0
        while at < len(octets):
            kind, offset, length = HEAD.unpack_from(octets, at)
            at += HEAD.size + length
            write = kind == WRITE
            self._records.append((at, offset if write else None, octets[at - length : at] if write else None))

    def _crash(self, position, share, chance):
        """share: of the blocks that are not certain, how many come to the disk."""
        until = sum(end <= position for end, _, _ in self._records)
        certain = max((i + 1 for i in range(until) if self._records[i][2] is None), default=0)
        blocks = [
            (offset + at, octets[at : at + BLOCK])
            for _, offset, octets in self._records[certain:until]
            for at in range(0, len(octets), BLOCK)
        ]
        chosen = tuple(block for block in blocks if chance.random() < share)
        return Crash(position, certain, chosen, f"{len(chosen)} of {len(blocks)} blocks were written")


def _copy(source, target):
    _run("cp", "--sparse=always", str(source), str(target))


def _run(*command, fine=(0,)):
    done = subprocess.run(command, capture_output=True, text=True, errors="replace", check=False, timeout=120)
    if done.returncode not in fine:
        raise RuntimeError(f"{' '.join(command)}: {done.returncode}\n{done.stdout}{done.stderr}")
