# SPDX-License-Identifier: ISC
"""Root's own mail is none of the tests' business.

Who calls the program as root and names no queue, or gives it a message that has no way out, has it in root's queue, or in
root's dead.letter.  After protect(), this process and all that it starts see changes there which end with them.
"""

import ctypes
import os
import subprocess
import tempfile

CLONE_NEWNS = 0x20000
PLACES = ("/root", "/var/spool")
COVER = 'mount -t overlay -o "lowerdir=$1,upperdir=$2/upper,workdir=$2/work" none "$1"'


def protect():
    """Does it, where the system allows it; whether it did."""
    if os.geteuid() != 0 or ctypes.CDLL(None, use_errno=True).unshare(CLONE_NEWNS) != 0:
        return False
    # Nobody else sees what is mounted from here on; what is written lies in memory.
    changes = tempfile.mkdtemp(prefix="sendoff-changes-")
    _run("mount", "--make-rprivate", "/")
    _run("mount", "-t", "tmpfs", "none", changes)
    done = [_cover(place, os.path.join(changes, place.replace("/", "-"))) for place in PLACES if os.path.isdir(place)]
    _run("umount", "--lazy", changes)
    os.rmdir(changes)
    return all(done)


def _cover(place, changes):
    was = os.stat(place)
    for name in ("", "upper", "work"):
        os.mkdir(os.path.join(changes, name), 0o700)
    os.chmod(f"{changes}/upper", was.st_mode & 0o7777)
    return _run("sh", "-c", COVER, "sh", place, changes)


def _run(*command):
    return subprocess.run(command, capture_output=True, check=False).returncode == 0
