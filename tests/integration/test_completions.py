# SPDX-License-Identifier: ISC
"""The completions, each in its real shell: what a person gets who presses the tab key."""

import fcntl
import os
import pty
import re
import select
import struct
import subprocess
import termios
import time

import pytest

from servers import ROOT
from servers.client import PASSED_ON, binary, write_private

pytestmark = pytest.mark.once

COMPLETIONS = ROOT / "completions"
LIMIT_S = 60

CONFIGURATION = """\
server smtps://mail.example.org

account work
server smtps://mail.work.example

account web
server smtps://mail.web.example
from *@web.example

account me@example.org
server smtps://mail.example.org
"""

# Typed in front of ALL: every candidate goes into the line; in front of SHOW: the line is printed in <<>>, and empty.
TAB, LIST, ALL, SHOW = "\t", "\x0c", "\x0f", "\x14"

BASH_RC = """\
PS1=
bind 'set enable-bracketed-paste off' 2>/dev/null
bind '"\\C-o": insert-completions' '"\\C-l": possible-completions'
show() { printf '<<%s>>\\n' "$READLINE_LINE"; READLINE_LINE=; }
bind -x '"\\C-t": show'
"""
ZSH_RC = f"""\
PS1= RPS1= LISTMAX=1000
unsetopt zle_bracketed_paste prompt_sp beep
fpath=({COMPLETIONS} $fpath)
autoload -U compinit && compinit -u -d "$ZDOTDIR/dump"
zstyle ':completion:all-matches:*' completer _all_matches _complete
zstyle ':completion:all-matches:*' insert yes
zstyle ':completion:all-matches:*' old-matches yes
zle -C all-matches complete-word _generic
bindkey '^O' all-matches
bindkey '^L' list-choices
show() {{ zle -I; print -r -- "<<$BUFFER>>"; BUFFER= }}
zle -N show
bindkey '^T' show
"""


@pytest.fixture(scope="module")
def home(tmp_path_factory):
    home = tmp_path_factory.mktemp("completions")
    write_private(home / "config", f"queue_dir {home}/queue\n{CONFIGURATION}")
    write_private(home / "other", f"queue_dir {home}/queue.other\naccount far\nserver smtps://far.example.org\n")
    for folder, names in (("queue", IDS | {"foreign", "60000000x1", "6000000003.bak"}), ("queue.other", {"8000000000"})):
        (home / folder).mkdir(mode=0o700)
        for name in names:
            (home / folder / name).touch()
    (home / ".zshrc").write_text(ZSH_RC)
    (home / "loaded").write_text(BASH_RC + f". {COMPLETIONS}/sendoff.bash\n")
    # As installed: bash-completion finds the file by the command's name.
    installed = home / "bash-completion" / "completions"
    installed.mkdir(parents=True)
    (installed / "sendoff").symlink_to(COMPLETIONS / "sendoff.bash")
    (installed / "sendmail").symlink_to("sendoff")
    (home / "found").write_text(BASH_RC + ". /usr/share/bash-completion/bash_completion\n")
    old = home / "old"
    old.mkdir()
    for name in ("sendoff", "sendmail"):
        (old / name).write_text('#!/bin/sh\necho "$*" >> "$0.called"\necho "what is that?" >&2\nexit 64\n')
        (old / name).chmod(0o755)
    return home


@pytest.fixture(scope="module")
def environment(home):
    return {
        **{name: os.environ[name] for name in PASSED_ON if name in os.environ},
        "PATH": f"{binary('sendoff').resolve().parent}:/usr/bin:/bin",
        "HOME": str(home),
        "ZDOTDIR": str(home),
        "XDG_CONFIG_HOME": str(home),
        "XDG_DATA_HOME": str(home),
        "BASH_COMPLETION_USER_DIR": str(home / "bash-completion"),
        "SENDOFF_CONFIG": str(home / "config"),
        "LC_ALL": "C.UTF-8",
        "TERM": "dumb",
        "INPUTRC": "/dev/null",
    }


class Interactive:
    """A shell on a terminal of its own."""

    def __init__(self, command, environment, home):
        self.command = command
        self._terminal, terminal = pty.openpty()
        fcntl.ioctl(terminal, termios.TIOCSWINSZ, struct.pack("HHHH", 200, 400, 0, 0))
        self._process = subprocess.Popen(command, stdin=terminal, stdout=terminal, stderr=terminal, env=environment,
                                         cwd=home, start_new_session=True)
        os.close(terminal)
        self._seen = ""
        # The first line is shown when the shell is ready; what was typed before may be echoed twice.
        time.sleep(0.2)
        self.type("ready")

    def close(self):
        self._process.kill()
        self._process.wait(LIMIT_S)
        os.close(self._terminal)

    def type(self, keys):
        """Types the keys.  Returns (the line that came of them, what was shown meanwhile)."""
        os.write(self._terminal, (keys + SHOW).encode())
        deadline = time.monotonic() + LIMIT_S
        while not (match := re.search(r"<<(.*?)>>\r?\n", self._seen, re.S)):
            left = deadline - time.monotonic()
            if left <= 0 or not select.select([self._terminal], [], [], left)[0]:
                pytest.fail(f"nothing came of {keys!r} in {LIMIT_S} s, only {self._seen!r}")
            self._seen += os.read(self._terminal, 65536).decode(errors="replace")
        shown, self._seen = self._seen[: match.start()], self._seen[match.end() :]
        return match[1], re.sub(r"\x1b\[[0-9;?]*[a-zA-Z]|\r", "", shown)

    def complete(self, line):
        """The line after the tab key."""
        return self.type(line + TAB)[0]

    def candidates(self, line):
        """All that could stand in place of the line's last word."""
        before = line[: line.rfind(" ") + 1]
        after = self.type(line + ALL)[0]
        assert after.startswith(before), after
        words = after[len(before) :].split()
        return {word.replace("\\", "") for word in words} - {line[len(before) :]}


class Fish:
    """Asks fish for what it would offer."""

    def __init__(self, environment, home):
        self._environment, self._home = environment, home

    def close(self):
        pass

    def offers(self, line):
        """{candidate: description}"""
        script = f"source {COMPLETIONS}/sendoff.fish; complete -C $argv[1]"
        done = subprocess.run(["fish", "--no-config", "-c", script, line], env=self._environment, cwd=self._home,
                              stdin=subprocess.DEVNULL, capture_output=True, text=True, check=False, timeout=LIMIT_S)
        assert done.stderr == ""
        return dict((one + "\t").split("\t")[:2] for one in done.stdout.splitlines())

    def complete(self, line):
        """As its editor does: the only candidate replaces the word, and mostly a space follows."""
        offers = list(self.offers(line))
        if len(offers) != 1:
            return line
        return line[: line.rfind(" ") + 1] + offers[0] + ("" if offers[0][-1] in "/=@:.,-" else " ")

    def candidates(self, line):
        return set(self.offers(line))


SHELLS = [pytest.param(name, marks=pytest.mark.xdist_group(name)) for name in ("bash", "bash-completion", "zsh", "fish")]


@pytest.fixture(scope="module", params=SHELLS)
def shell(request, environment, home):
    commands = {
        "bash": ["bash", "--noprofile", "--rcfile", str(home / "loaded"), "-i"],
        "bash-completion": ["bash", "--noprofile", "--rcfile", str(home / "found"), "-i"],
        "zsh": ["zsh", "-i"],
    }
    if request.param == "fish":
        made = Fish(environment, home)
    else:
        made = Interactive(commands[request.param], environment, home)
    if request.param == "bash-completion":
        # It is loaded at the first tab; other keys that complete would have nothing then.
        made.complete("sendoff ver")
    yield made
    made.close()


# By name, and by path
@pytest.fixture(params=["name", "path"])
def sendoff(request):
    return "sendoff" if request.param == "name" else str(binary("sendoff").resolve())


@pytest.fixture(params=["name", "path"])
def sendmail(request):
    return "sendmail" if request.param == "name" else str(binary("sendoff").resolve().with_name("sendmail"))


ACCOUNTS = {"default", "work", "web", "me@example.org"}
LETTERS = {"-t", "-f", "-r", "-F", "-a", "-i", "-B", "-N", "-R", "-V", "-b", "-q", "-o", "-e", "-v"}
LONG = {"--account=", "--help", "--version"}


def test_commands(shell, sendoff):
    assert shell.candidates(f"{sendoff} ") == {"help", "version", "send", "queue"}
    assert shell.complete(f"{sendoff} ver") == f"{sendoff} version "
    assert shell.complete(f"{sendoff} que") == f"{sendoff} queue "
    assert shell.complete(f"{sendoff} help k") == f"{sendoff} help keys "
    assert shell.complete(f"{sendoff} -C config que") == f"{sendoff} -C config queue "


def completes(shell, program, words):
    """What each of the words behind the program's name becomes."""
    for typed, becomes in words.items():
        assert shell.complete(f"{program} {typed}") == f"{program} {becomes}"


def test_options(shell, sendoff):
    assert shell.candidates(f"{sendoff} -") == LETTERS | LONG | {"-C", "--config="}
    assert shell.candidates(f"{sendoff} -t -") == LETTERS | LONG


def test_long_options(shell, sendoff):
    assert shell.candidates(f"{sendoff} -t --") == LONG
    assert shell.complete(f"{sendoff} --ver") == f"{sendoff} --version "


def test_no_space_where_a_value_follows(shell, sendoff):
    completes(shell, sendoff, {
        "--acc": "--account=",
        "--conf": "--config=",
    })  # fmt: skip


def test_accounts(shell, sendoff):
    assert shell.candidates(f"{sendoff} -a ") == ACCOUNTS
    assert shell.candidates(f"{sendoff} --account ") == ACCOUNTS
    completes(shell, sendoff, {
        "-a wo": "-a work ",
        "-t -a wo": "-t -a work ",
    })  # fmt: skip


def test_accounts_behind_an_equals_sign(shell, sendoff):
    completes(shell, sendoff, {
        "--account=wo": "--account=work ",
        "-t --account=d": "-t --account=default ",
    })  # fmt: skip


def test_account_with_an_at_sign(shell, sendoff):
    completes(shell, sendoff, {
        "-a me@": "-a me@example.org ",
        "--account=me@ex": "--account=me@example.org ",
    })  # fmt: skip


def test_accounts_of_the_configuration_named(shell, sendoff):
    completes(shell, sendoff, {
        "-C other -a f": "-C other -a far ",
        "-C ~/other -a f": "-C ~/other -a far ",
    })  # fmt: skip


def test_values(shell, sendoff):
    assert shell.candidates(f"{sendoff} -N ") >= {"never", "success", "failure", "delay"}
    assert shell.complete(f"{sendoff} -N ne") == f"{sendoff} -N never "
    assert shell.candidates(f"{sendoff} -R ") == {"full", "hdrs"}


def test_files(shell, sendoff):
    completes(shell, sendoff, {
        "-C conf": "-C config ",
        "--config conf": "--config config ",
        "--config=conf": "--config=config ",
        "--config=ol": "--config=old/",
    })  # fmt: skip


def test_files_where_bash_does_not_split_at_equals_signs(shell):
    if "bash" not in str(getattr(shell, "command", "")):
        pytest.skip("other shells never do")
    shell.type("split=$COMP_WORDBREAKS; COMP_WORDBREAKS=${COMP_WORDBREAKS//=}\r")
    try:
        assert shell.complete("sendoff --config=conf") == "sendoff --config=config "
        assert shell.complete("sendoff --account=wo") == "sendoff --account=work "
    finally:
        shell.type("COMP_WORDBREAKS=$split\r")


def test_files_are_the_first_word_only(shell, sendoff):
    assert shell.complete(f"{sendoff} -t --config=conf") == f"{sendoff} -t --config=conf"


QUEUE_COMMANDS = {"list", "show", "flush", "hold", "release", "retry", "remove"}
IDS = {"6000000001", "6000000002", "7000000000"}


def test_queue_commands(shell, sendoff):
    assert shell.candidates(f"{sendoff} queue ") == QUEUE_COMMANDS
    assert shell.candidates(f"{sendoff} queue re") == {"release", "retry", "remove"}
    completes(shell, sendoff, {
        "queue fl": "queue flush ",
        "-C config queue fl": "-C config queue flush ",
        "--config=config queue fl": "--config=config queue flush ",
    })  # fmt: skip


def test_queue_options(shell, sendoff):
    assert shell.candidates(f"{sendoff} queue list --") == {"--json", "--prometheus"}
    completes(shell, sendoff, {
        "queue show --m": "queue show --message ",
        "queue show --r": "queue show --raw ",
        "queue list --a": "queue list --a",
    })  # fmt: skip


def test_queue_ids(shell, sendoff):
    """Those of messages; what is foreign is not offered, nor what stands there already."""
    assert shell.candidates(f"{sendoff} queue show ") == IDS
    assert shell.candidates(f"{sendoff} queue remove ") == IDS | {"ALL"}
    completes(shell, sendoff, {
        "queue show 7": "queue show 7000000000 ",
        "queue flush -v 7": "queue flush -v 7000000000 ",
    })  # fmt: skip
    assert shell.candidates(f"{sendoff} queue hold 7000000000 ") == IDS - {"7000000000"} | {"ALL"}
    completes(shell, sendoff, {
        "queue show 7000000000 60": "queue show 7000000000 60",
        "queue list 7": "queue list 7",
        "-C other queue show 8": "-C other queue show 8000000000 ",
    })  # fmt: skip


SEND_LETTERS = {"-c", "-b", "-s", "-f", "-r", "-H", "-a", "-A", "-t", "-v", "-q"}


def test_send_options(shell, sendoff):
    assert SEND_LETTERS | {"--subject=", "--html", "--html=", "--raw"} <= shell.candidates(f"{sendoff} send -")
    completes(shell, sendoff, {
        "send bob --dry": "send bob --dry-run ",
        "-C config send --sub": "-C config send --subject=",
        "send -- --dry": "send -- --dry",
        "send bo": "send bo",
    })  # fmt: skip


def test_send_values(shell, sendoff):
    assert shell.candidates(f"{sendoff} send --priority ") == {"high", "normal", "low"}
    completes(shell, sendoff, {
        "send --priority=h": "send --priority=high ",
        "send --priority h": "send --priority high ",
        "send --account=wo": "send --account=work ",
        "send --account wo": "send --account work ",
        "-C other send --account f": "-C other send --account far ",
    })  # fmt: skip


def test_send_files(shell, sendoff):
    completes(shell, sendoff, {
        "send -a conf": "send -a config ",
        "send --attach conf": "send --attach config ",
        "send --attach=conf": "send --attach=config ",
        "send -qa ol": "send -qa old/",
    })  # fmt: skip


def test_sendmail_does_not_send_so(shell, sendmail):
    completes(shell, sendmail, {
        "send --dry": "send --dry",
        "sen": "sen",
    })  # fmt: skip


def test_sendmail_has_no_queue_commands(shell, sendmail):
    completes(shell, sendmail, {
        "que": "que",
        "queue fl": "queue fl",
    })  # fmt: skip


def test_ids_come_fast_and_not_in_thousands(home, environment, tmp_path):
    """No file is opened, and the number is bounded: a person waits."""
    queue = tmp_path / "queue"
    queue.mkdir(mode=0o700)
    for i in range(3000):
        (queue / f"60000{i:05}").touch()
    write_private(tmp_path / "config", f"queue_dir {queue}\n{CONFIGURATION}")
    words = [str(binary("sendoff")), "__complete", "-C", str(tmp_path / "config"), "queue", "show", ""]
    traced = {**environment, "ASAN_OPTIONS": environment.get("ASAN_OPTIONS", "") + ":detect_leaks=0"}
    done = subprocess.run(["strace", "-qq", "-e", "trace=openat", "-o", str(tmp_path / "calls"), *words], env=traced,
                          capture_output=True, text=True, check=True, timeout=LIMIT_S)
    offered = done.stdout.splitlines()
    assert len(offered) == 1000 and all(re.fullmatch(r"60000\d{5}\tmessage", line) for line in offered)
    assert "60000" not in (tmp_path / "calls").read_text()


def test_sendmail(shell, sendmail):
    assert shell.candidates(f"{sendmail} -") == LETTERS | LONG
    completes(shell, sendmail, {
        "--acc": "--account=",
        "--account=wo": "--account=work ",
        "-a wo": "-a work ",
        "-N ne": "-N never ",
    })  # fmt: skip


def test_sendmail_has_no_commands(shell, sendmail):
    assert shell.complete(f"{sendmail} ver") == f"{sendmail} ver"


def test_nothing_where_the_program_is_missing(shell):
    assert shell.complete("/nowhere/sendoff --acc") == "/nowhere/sendoff --acc"
    assert shell.complete("/nowhere/sendmail --acc") == "/nowhere/sendmail --acc"


def test_nothing_where_the_program_is_old(shell, home):
    (home / "old/sendoff.called").unlink(missing_ok=True)
    assert shell.complete("old/sendoff --acc") == "old/sendoff --acc"
    assert (home / "old/sendoff.called").read_text() == "__complete --acc\n"


def test_another_sendmail_is_not_run(shell, home):
    (home / "old/sendmail.called").unlink(missing_ok=True)
    assert shell.complete("old/sendmail --acc") == "old/sendmail --acc"
    assert not (home / "old/sendmail.called").exists()


def test_nothing_is_said_in_between(shell, home):
    """Completion is quiet where it fails."""
    if isinstance(shell, Fish):
        return
    for line in ("old/sendoff --acc", "old/sendmail --acc", "/nowhere/sendoff --acc", "sendoff -C /nowhere -a "):
        line_after, shown = shell.type(line + TAB)
        assert line_after == line and "what is that" not in shown and ": " not in shown, shown


def test_descriptions(shell):
    if isinstance(shell, Fish):
        assert shell.offers("sendoff --acc")["--account="] == "the account to use"
        assert shell.offers("sendoff -a wo")["work"] == "account"
        return
    shown = shell.type("sendoff -t --" + LIST)[1]
    assert "--version" in shown
    if "zsh" in str(shell.command):
        assert re.search(r"--account= +-- the account to use", shown), shown


def test_bash_file_is_clean():
    done = subprocess.run(["shellcheck", str(COMPLETIONS / "sendoff.bash")], capture_output=True, text=True, check=False,
                          timeout=LIMIT_S)
    assert done.returncode == 0, done.stdout
