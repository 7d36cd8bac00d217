# SPDX-License-Identifier: ISC
"""A file system with one file in it, `disk`, for a loop device: what is written to it, and when it is flushed, is on
record before the kernel has its answer.

    python3 -m servers.recorder IMAGE RECORD MOUNTPOINT

The octets are IMAGE's.  It ends when it is unmounted.  How the record is written and read: blocks.py.
"""

import errno
import os
import stat
import sys

import fusepy

from .blocks import FLUSH, HEAD, WRITE

NAME = "/disk"


class Recorder(fusepy.Operations):
    """What the kernel asks for, one call after the other."""

    def __init__(self, image, record):
        self._image = os.open(image, os.O_RDWR | os.O_CLOEXEC)
        self._record = os.open(record, os.O_WRONLY | os.O_CREAT | os.O_APPEND | os.O_CLOEXEC, 0o600)

    def getattr(self, path, fh=None):
        """stat(2)."""
        if path == "/":
            return {"st_mode": stat.S_IFDIR | 0o700, "st_nlink": 2}
        if path != NAME:
            raise fusepy.FuseOSError(errno.ENOENT)
        return {"st_mode": stat.S_IFREG | 0o600, "st_nlink": 1, "st_size": os.fstat(self._image).st_size}

    def read(self, path, size, offset, fh):
        """From the image."""
        return os.pread(self._image, size, offset)

    def write(self, path, data, offset, fh):
        """To the image, and to the record."""
        view = memoryview(data)
        while view:
            done = os.pwrite(self._image, view, offset + len(data) - len(view))
            view = view[done:]
        os.writev(self._record, [HEAD.pack(WRITE, offset, len(data)), data])
        return len(data)

    def fsync(self, path, datasync, fh):
        """The device is flushed: what was written before is certain."""
        os.write(self._record, HEAD.pack(FLUSH, 0, 0))
        return 0


if __name__ == "__main__":
    fusepy.FUSE(Recorder(sys.argv[1], sys.argv[2]), sys.argv[3], foreground=True, nothreads=True, big_writes=True)
