# SPDX-License-Identifier: ISC
"""Servers whose programs know the places of their files, or want users of their own: they see them installed.

Such a server runs in a mount namespace of its own. There its packages lie over /usr, and /etc is etc/ of its temporary
folder, where the users are that it wants. Nothing of that is seen outside.
"""

import pwd
import shlex
import socket
import subprocess
from pathlib import Path

from .daemon import SERVER_USER, Daemon, ServerError
from .relay import HOST_NAME


class InstalledDaemon(Daemon):
    """A daemon that runs as if its packages were installed. A subclass gives program() in place of command()."""

    # The users, and groups of the same names, that its packages would have made; all are SERVER_USER here.
    users = ()
    # Folders of the machine that the server shall see another one for: path → folder within self.folder.
    private = {}
    # What of /dev it needs, where dev in self.folder is its /dev; there has to be a file of that name.
    devices = ()

    def program(self):
        """The command line that runs the server in the foreground."""
        raise NotImplementedError

    def command(self):
        return self._where_installed(self.program())

    def run_installed(self, program, input_text=""):
        """Runs another program of the packages to its end, as if they were installed."""
        done = subprocess.run(
            self._where_installed(program),
            env=self.environment(), input=input_text, capture_output=True, text=True, check=False,
        )
        if done.returncode != 0:
            raise ServerError(f"{program[0]} failed:\n{done.stdout}{done.stderr}")

    def environment(self):
        # The libraries are where they belong.
        return {"PATH": "/usr/sbin:/usr/bin:/sbin:/bin"}

    def make_etc(self):
        """Makes etc/ in self.folder, with the users and this machine's name in it; returns its path."""
        etc = self.folder / "etc"
        etc.mkdir()
        owner = pwd.getpwnam(SERVER_USER)
        uid, gid = owner.pw_uid, owner.pw_gid
        users = "".join(f"{user}:x:{uid}:{gid}::/nonexistent:/usr/sbin/nologin\n" for user in self.users)
        groups = "".join(f"{user}:x:{gid}:\n" for user in self.users)
        # Ours come first: they are found in place of those of a server that is installed.
        (etc / "passwd").write_text(users + Path("/etc/passwd").read_text())
        (etc / "group").write_text(groups + Path("/etc/group").read_text())
        (etc / "nsswitch.conf").write_text("passwd: files\ngroup: files\nshadow: files\nhosts: files\n")
        (etc / "services").write_text("smtp 25/tcp\n")
        (etc / "hosts").write_text(f"127.0.0.1 localhost\n127.0.1.1 {HOST_NAME} {socket.gethostname()}\n")
        return etc

    def _where_installed(self, program):
        script = f"{self._mounts()}\nexec {shlex.join(map(str, program))}"
        return ["unshare", "--mount", "sh", "-euc", script]

    def _mounts(self):
        """The shell commands that make the server's view."""
        # Packages may still be from before the merge of /lib and others into /usr.
        places = {"usr": "/usr", "bin": "/usr/bin", "lib": "/usr/lib", "sbin": "/usr/sbin"}
        lines = [_overlay(self.root / name, path) for name, path in places.items() if (self.root / name).is_dir()]
        for device in self.devices:
            lines.append(shlex.join(["mount", "--bind", f"/dev/{device}", str(self.folder / "dev" / device)]))
        for path, folder in {**self.private, "/etc": "etc"}.items():
            lines.append(shlex.join(["mount", "--rbind", str(self.folder / folder), path]))
        return "\n".join(lines)


def _overlay(over, path):
    return shlex.join(["mount", "-t", "overlay", "overlay", "-o", f"lowerdir={over}:{path}", path])
