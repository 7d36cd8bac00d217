# SPDX-License-Identifier: ISC
"""The programs whose queues are compared, and how each is told to queue, and to send what is queued.

All but ours and the floor come from Debian packages that are only unpacked (tests/servers/unpack.py). Each of them runs
in a house of its own: a mount namespace where it is installed, with its configuration over /etc, and an empty
/var/spool on the file system that all the queues are on; and a process namespace, so that nothing of it stays behind.
"""

import os
import shlex
import shutil
import subprocess
import time
from pathlib import Path

from measure import Command, Failed
from senders import PASSWORD, SENDER, SYSTEM_BUNDLE, USER, smarthost
from servers import certs, unpack
from servers.client import write_private
from servers.daemon import SERVER_GROUP
from servers.relay import HOST_NAME

RECIPIENT = "recipient@example.net"
# The number of the users that the packages would have made; nobody else may have it, says Postfix.
OWNER = "48001"
SETTLE_S = 120
POLL_S = 0.01

PATH = {"PATH": "/usr/sbin:/usr/bin:/sbin:/bin"}


class Queuer:
    """A program with a queue, as a context manager; `folder` is its own, on the file system of the queues.

    port: where the server is that it relays to, with TLS from the first octet on.
    """

    name = ""
    within = ()  # what goes before a command that shall run where the program is

    def __init__(self, folder, port):
        self.home = folder
        self.port = port

    def __enter__(self):
        self.home.mkdir()
        return self

    def __exit__(self, *_error):
        shutil.rmtree(self.home)

    def enqueue(self, message):
        """How it queues the message, and leaves it there."""
        raise NotImplementedError

    def flush(self):
        """How it sends all that is queued; this may return before that is done."""
        raise NotImplementedError

    def queued(self):
        """How many messages are in the queue."""
        raise NotImplementedError

    def fill(self, message, count):
        """Queues the message that many times."""
        command = self.enqueue(message)
        for _ in range(count):
            self._run(command)
        self.settle(count)

    def settle(self, count):
        """Waits until that many messages are queued and nothing is done about them any more."""
        _wait_until(lambda: self.queued() == count, f"{self.name} does not come to have {count} messages queued")

    def allow(self):
        """Ends what keeps the messages from being sent."""

    @staticmethod
    def _run(command):
        """Runs a command to its end, unmeasured."""
        try:
            with open(command.message, "rb") as text:
                done = subprocess.run(
                    [*command.within, *command.argv],
                    env={**PATH, **command.env}, stdin=text, capture_output=True, text=True, check=False,
                )
        except OSError as error:
            raise Failed(f"{command.argv[0]}: {error.strerror}") from error
        if done.returncode != 0:
            raise Failed(f"{command.argv[0]} failed: {done.stdout}{done.stderr}")


class Sendoff(Queuer):
    """The build under test; `lines` are added to its configuration."""

    name = "sendoff"

    def __init__(self, folder, port, build, lines=()):
        super().__init__(folder, port)
        self._build = build
        self._lines = lines
        self.queue = folder / "queue"

    def __enter__(self):
        super().__enter__()
        lines = [*smarthost(self.port), f"queue_dir {self.queue}", *self._lines]
        write_private(self.home / "config", "".join(f"{line}\n" for line in lines))
        return self

    def enqueue(self, message):
        return self.command(["-odq", "-i", "-f", SENDER, RECIPIENT], message)

    def flush(self):
        return self.command(["-qf"])

    def mailq(self):
        """How it lists the queue."""
        return self.command(["-bp"])

    def queued(self):
        return sum(path.is_file() for path in self.queue.iterdir()) if self.queue.is_dir() else 0

    def fill_quickly(self, program, message, count):
        """The same as fill(), by tests/bench/fill.c: nothing is waited for."""
        self._run(Command([str(program), str(self.queue), str(count), SENDER, RECIPIENT], {}, message))

    def command(self, arguments, message=Path(os.devnull)):
        """Any call of it."""
        env = {"HOME": str(self.home), "SENDOFF_CONFIG": str(self.home / "config")}
        return Command([str(self._build / "sendmail"), *arguments], env, message)


def forgets_files(folder):
    """Whether a file there is to be synced once more behind its name: not so with a journal."""
    device = os.stat(folder).st_dev
    number = f"{os.major(device)}:{os.minor(device)}"
    rows = [line.split() for line in Path("/proc/self/mountinfo").read_text(encoding="utf-8").splitlines()]
    kinds = {row[row.index("-") + 1] for row in rows if row[2] == number}
    journal = Path("/proc/fs/jbd2") / f"{Path('/sys/dev/block', number).resolve().name}-8"
    return not kinds & {"xfs", "btrfs"} and not journal.exists()


class Floor(Queuer):
    """tests/bench/durable.c: the least that queueing takes."""

    name = "floor"

    def __init__(self, folder, port, tools):
        super().__init__(folder, port)
        self._program = str(tools / "durable")
        self._count = 0
        self._again = ["again"] if forgets_files(self.home.parent) else []

    def enqueue(self, message):
        self._count += 1
        return Command([self._program, str(self.home), f"message{self._count}", *self._again], {}, message)

    def queued(self):
        return sum(1 for _ in self.home.iterdir())


class Installed(Queuer):
    """A program that believes it is installed."""

    packages = ()
    users = ()  # those its packages would have made

    def __init__(self, folder, port):
        super().__init__(folder, port)
        self._etc, self._spool = folder / "etc", folder / "spool"
        self._root = None
        self._house = None

    def __enter__(self):
        super().__enter__()
        self._root = unpack.ensure(f"queue-{self.packages[0]}", list(self.packages))
        self._etc.mkdir()
        self._spool.mkdir()
        self._make_etc()
        try:
            self.configure()
            self._move_in()
            self.start()
        except BaseException:
            self.__exit__()
            raise
        return self

    def __exit__(self, *error):
        # The end of its input is the end of the house, and of all that lives there.
        if self._house:
            self._house.stdin.close()
            self._house.wait(timeout=SETTLE_S)
            self._house.stdout.close()
        super().__exit__(*error)

    def configure(self):
        """Writes what the program reads and wants to find in self._etc and self._spool."""
        raise NotImplementedError

    def start(self):
        """Starts its daemon, where it needs one in order to queue."""

    def write(self, name, text, owner="root", mode=0o644):
        """Writes a file of /etc."""
        path = self._etc / name
        path.parent.mkdir(exist_ok=True)
        path.write_text(text, encoding="utf-8")
        path.chmod(mode)
        shutil.chown(path, owner, owner)

    def make_folders(self, names, owner, group, mode):
        """Makes folders in /var/spool."""
        paths = [str(self._spool / name) for name in names]
        subprocess.run(["install", "-d", "-o", owner, "-g", group, "-m", f"{mode:o}", *paths], check=True)

    def count(self, *names):
        """The files anywhere under those folders of /var/spool."""
        return sum(len(files) for name in names for _, _, files in os.walk(self._spool / name))

    def _make_etc(self):
        line = f"x:{OWNER}:{OWNER}::/nonexistent:/usr/sbin/nologin"
        self.write("passwd", Path("/etc/passwd").read_text() + "".join(f"{user}:{line}\n" for user in self.users))
        groups = "".join(f"{user}:x:{OWNER}:\n" for user in self.users)
        self.write("group", Path("/etc/group").read_text() + groups)
        self.write("hosts", f"127.0.0.1 localhost\n127.0.1.1 {HOST_NAME} {os.uname().nodename}\n")
        self.write("nsswitch.conf", "passwd: files\ngroup: files\nshadow: files\nhosts: files\n")
        self.write("mailname", f"{HOST_NAME}\n")
        (self._etc / "ssl" / "certs").mkdir(parents=True)
        shutil.copyfile(SYSTEM_BUNDLE, self._etc / "ssl/certs/ca-certificates.crt")

    def _move_in(self):
        places = {"usr": "/usr", "bin": "/usr/bin", "lib": "/usr/lib", "sbin": "/usr/sbin"}
        over = {self._root / name: path for name, path in places.items() if (self._root / name).is_dir()}
        lines = [
            shlex.join(["mount", "-t", "overlay", "overlay", "-o", f"lowerdir={folder}:{path}", path])
            for folder, path in {**over, self._etc: "/etc"}.items()
        ]
        lines += [shlex.join(["mount", "--bind", str(self._spool), "/var/spool"]), "echo done", "read -r _ || :"]
        self._house = subprocess.Popen(
            ["unshare", "--mount", "--pid", "--fork", "--kill-child", "--mount-proc", "sh", "-euc", "\n".join(lines)],
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True,
        )
        if self._house.stdout.readline() != "done\n":
            raise Failed(f"{self.name} cannot be installed")
        spaces = f"/proc/{self._house.pid}/ns"
        self.within = ["nsenter", f"--mount={spaces}/mnt", f"--pid={spaces}/pid_for_children"]

    def command(self, argv, message=Path(os.devnull)):
        """A command that runs there."""
        return Command(argv, PATH, message, self.within)


class Postfix(Installed):
    """With Debian's defaults, but for chroot, which its package's scripts would have to prepare."""

    name = "postfix"
    packages = ("postfix", "libsasl2-modules")
    users = ("postfix",)
    BUSY = ("postfix/maildrop", "postfix/incoming", "postfix/active")
    settings = {}
    services = ()

    def configure(self):
        closed = ["active", "bounce", "corrupt", "defer", "deferred", "flush", "hold", "incoming", "private", "saved"]
        self.make_folders(["postfix", "postfix/pid"], "root", "root", 0o755)
        self.make_folders([f"postfix/{name}" for name in [*closed, "trace"]], OWNER, "root", 0o700)
        self.make_folders(["postfix/maildrop"], OWNER, SERVER_GROUP, 0o1730)
        self.make_folders(["postfix/public"], OWNER, SERVER_GROUP, 0o710)
        self.make_folders(["postfix-data"], OWNER, OWNER, 0o700)
        shutil.copytree(self._root / "etc/postfix", self._etc / "postfix")
        services = (self._root / "usr/share/postfix/master.cf.dist").read_text().splitlines()
        lines = [*map(_without_chroot, services), *self.services]
        self.write("postfix/master.cf", "".join(f"{line}\n" for line in lines))
        # The one authority: in Debian's CApath it would not have to read the others either.
        shutil.copyfile(certs.ensure().ca, self._etc / "postfix/ca.pem")
        self.write("postfix/passwords", f"[localhost]:{self.port} {USER}:{PASSWORD}\n", mode=0o600)
        self._write_settings(defer=True)

    def start(self):
        self._run(self.command(["/usr/sbin/postfix", "start"]))

    def enqueue(self, message):
        return self.command(["/usr/sbin/sendmail", "-i", "-f", SENDER, RECIPIENT], message)

    def flush(self):
        return self.command(["/usr/sbin/postqueue", "-f"])

    def queued(self):
        return self.count("postfix/deferred", *self.BUSY)

    def settle(self, count):
        super().settle(count)
        _wait_until(lambda: self.count(*self.BUSY) == 0, "Postfix does not come to rest")

    def allow(self):
        self._write_settings(defer=False)
        self._run(self.command(["/usr/sbin/postfix", "reload"]))
        time.sleep(1)

    def _write_settings(self, defer):
        settings = {
            # /usr/share/postfix/main.cf.debian and main.cf.tls, what the package's script adds …
            "compatibility_level": "3.6",
            "biff": "no",
            "append_dot_mydomain": "no",
            "myhostname": HOST_NAME,
            "alias_maps": "",
            "mydestination": "",
            "inet_interfaces": "loopback-only",
            "smtp_tls_session_cache_database": "btree:/var/spool/postfix-data/smtp_scache",
            # … how a person sends to a provider …
            "relayhost": f"[localhost]:{self.port}",
            "smtp_tls_wrappermode": "yes",
            "smtp_tls_security_level": "secure",
            "smtp_tls_CAfile": "/etc/postfix/ca.pem",
            "smtp_sasl_auth_enable": "yes",
            "smtp_sasl_password_maps": "texthash:/etc/postfix/passwords",
            "smtp_sasl_security_options": "noanonymous",
            # … and what there is here only.
            "setgid_group": SERVER_GROUP,
            "data_directory": "/var/spool/postfix-data",
            "smtp_host_lookup": "native",
            "defer_transports": "smtp" if defer else "",
            **self.settings,
        }
        self.write("postfix/main.cf", "".join(f"{key} = {value}\n" for key, value in settings.items()))
        # Postfix waits with a main.cf that was changed just now: somebody might still be writing.
        os.utime(self._etc / "postfix/main.cf", (0, 0))


class PostfixReuse(Postfix):
    """With what makes it send more than one message over a connection with TLS."""

    name = "reuse"
    settings = {"smtp_tls_connection_reuse": "yes"}
    services = ("tlsproxy unix - - n - 0 tlsproxy",)


class Nullmailer(Installed):
    """One message after the other, each by a program and over a connection of its own."""

    name = "nullmailer"
    packages = ("nullmailer",)

    def configure(self):
        self.make_folders([f"nullmailer{name}" for name in ("", "/failed", "/queue", "/tmp")], "mail", "mail", 0o755)
        os.mkfifo(self._spool / "nullmailer/trigger")
        shutil.chown(self._spool / "nullmailer/trigger", "mail", "mail")
        self.write("nullmailer/remotes", f"localhost smtp port={self.port} tls user={USER} pass='{PASSWORD}'\n",
                   "mail", 0o600)
        # It shall end when the queue is empty.
        self.write("nullmailer/pausetime", "0\n")

    def enqueue(self, message):
        return self.command(["/usr/sbin/sendmail", "-i", "-f", SENDER, RECIPIENT], message)

    def flush(self):
        as_service = ["setpriv", "--reuid=mail", "--regid=mail", "--clear-groups"]
        return self.command([*as_service, "/usr/sbin/nullmailer-send"])

    def queued(self):
        return self.count("nullmailer/queue")


class Dma(Installed):
    """One process, and one connection, for each message, all at once."""

    name = "dma"
    packages = ("dma",)

    def configure(self):
        self.make_folders(["dma"], "root", "mail", 0o2770)
        self.write("dma/dma.conf", f"SMARTHOST localhost\nPORT {self.port}\nAUTHPATH /etc/dma/auth.conf\n"
                   "SECURETRANSFER\nMAILNAME /etc/mailname\n", "mail", 0o640)
        self.write("dma/auth.conf", f"{USER}|localhost:{PASSWORD}\n", "mail", 0o640)

    def enqueue(self, message):
        return self.command(["/usr/sbin/sendmail", "-bq", "-i", "-f", SENDER, RECIPIENT], message)

    def flush(self):
        return self.command(["/usr/sbin/dma", "-q"])

    def queued(self):
        """A message has two files."""
        return sum(path.name.startswith("Q") for path in (self._spool / "dma").iterdir())


class Exim(Installed):
    """Only queues here."""

    name = "exim"
    packages = ("exim4-daemon-heavy",)
    users = ("Debian-exim",)

    def configure(self):
        self.make_folders(["exim4"], OWNER, OWNER, 0o750)
        self.write("exim4/exim4.conf", f"primary_hostname = {HOST_NAME}\nspool_directory = /var/spool/exim4\n"
                   "log_file_path = /var/spool/exim4/log-%s\nkeep_environment =\nhost_lookup =\n")

    def enqueue(self, message):
        return self.command(["/usr/sbin/exim4", "-odq", "-i", "-f", SENDER, RECIPIENT], message)

    def queued(self):
        return self.count("exim4/input") // 2


def _without_chroot(line):
    """A line of master.cf; none that listens at a port of the machine's."""
    words = line.split()
    if len(words) < 8 or line[0] in " #" or words[1] not in ("inet", "unix"):
        return line
    if words[1] == "inet":
        return f"# {line}"
    words[4] = "n"
    return " ".join(words)


def _wait_until(condition, complaint):
    end = time.monotonic() + SETTLE_S
    while not condition():
        if time.monotonic() > end:
            raise Failed(complaint)
        time.sleep(POLL_S)
