# SPDX-License-Identifier: ISC
"""The manuals say what the program does: its options, keys, exit statuses and sentences, all of them and no others."""

import functools
import re
import string
import subprocess

import pytest

from servers import ROOT
from servers.client import binary, run_sendmail

pytestmark = pytest.mark.once

MAN = ROOT / "man"
PAGES = sorted(MAN.glob("*.[1-9]"))
HELP_WIDTH_MAX = 100
PAGE_WIDTH = 80

# Functions that take a sentence, and where it stands among their arguments; None: anywhere.
SENTENCE_AT = {
    "err_set": 2, "err_sys": 2, "err_wrap": 1, "origin_err": 2, "word_err": 2, "disagree": 3, "set_problem": 3,
    "damaged": 1, "item_nonsense": 1, "write_failed": 1, "leave_in_hand": 3,
}
TAKES_SENTENCE = rf"\b({'|'.join(SENTENCE_AT)}|\w*refuse)\("
STRING = r'"(?:[^"\\]|\\.)*"'
# Constants; those of one word are names.
SENTENCE_CONSTANT = rf"^static const char \w+\[\] =\s+({STRING});"
# Other sentences that are data: rows of tables, and what the functions of tables write.
SENTENCE_DATA = (
    rf"^\t\{{ (?:END|'.{{1,2}}'), ({STRING}) \}},",
    rf"\] = \{{ ({STRING}),$",
    rf"^\t\[\w+\] = \{{ [A-Z |]+,\s+({STRING}) \}},",
    rf"^\t\{{ (?:IN_\w+\(\w+\),\s+)+\w+,\s+({STRING}) \}},",
)
# Not to be found in a manual, and why.
GONE = "said where the process at the other end is gone or stuck; what people see is that it was"
SERVER = "for clients of a server, and nothing in src/ is one"
EXCEPTIONS = {
    "the server refused QUIT": "nobody's mail depends on QUIT; its reply is never reported",
    "a message for the other process is too long": GONE,
    "the other process does not listen": GONE,
    "the other process is gone": GONE,
    "the process that sent the message told nonsense": GONE,
    "the message broke off before its end": SERVER,
    "the message has a line end other than CRLF: a CR or an LF by itself": SERVER,
}
# Its sentences are for such clients alone, too.
SERVER_FILE = ROOT / "src/format/command.c"
SERVER_CALLS = r"\bcommand_read_(?:mail|rcpt)\(|\bINTAKE_(?:DATA|BDAT)\b"


def rendered(page):
    """The page as text on one line, without emphasis."""
    done = subprocess.run(["mandoc", "-Tascii", "-Owidth=1000", str(page)], capture_output=True, check=True, timeout=60)
    text = re.sub(r".\x08", "", done.stdout.decode("ascii"))
    return re.sub(r"\s+", " ", re.sub(r"-\n\s*", "-", text))


@functools.cache
def manual(name):
    return rendered(MAN / name)


@functools.cache
def all_manuals():
    return " ".join(rendered(page) for page in PAGES)


# The pages themselves


def test_pages_are_there():
    assert {"sendoff.1", "sendoff-send.1", "sendoff-queue.1", "sendmail.8", "sendoff.conf.5"} <= {page.name for page in PAGES}


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_page_is_clean(page):
    done = subprocess.run(["mandoc", "-Tlint", str(page)], capture_output=True, text=True, check=False, timeout=60)
    # Whether pages of others are installed, or the index of all pages is old, says nothing about ours.
    ours = [line for line in done.stdout.splitlines() if "referenced manual not found" not in line]
    assert ours == [], "\n".join(ours)


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_page_fits_a_terminal(page):
    done = subprocess.run(["mandoc", "-Tascii", str(page)], capture_output=True, check=True, timeout=60)
    lines = re.sub(r".\x08", "", done.stdout.decode("ascii")).splitlines()
    assert [line for line in lines if len(line) > PAGE_WIDTH] == []


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_pages_refer_to_pages(page):
    """What .Xr names is a page of ours, or one of the few of others."""
    others = {("cron", "8"), ("git-send-email", "1"), ("mutt", "1"), ("msmtp", "1"), ("syslog", "3"), ("sh", "1"),
              ("secret-tool", "1"), ("pass", "1"), ("gpg", "1"), ("ps", "1"),
              ("nohup", "1")}
    named = set(re.findall(r"^\.Xr (\S+) (\d)", page.read_text(encoding="ascii"), re.M))
    ours = {tuple(p.name.rsplit(".", 1)) for p in PAGES}
    assert named - others - ours == set()


# Options


def parse_items(text):
    """The options of a page's list: {letter or long name: needs an argument}."""
    options = {}
    for item in re.findall(r"^\.It (Fl .*)$", text, re.M):
        for one in item.split(" , "):
            words = one.split()
            name = words[1].lstrip("-")
            options[name] = "Ar" in words and "Op" not in words
    return options


def described_options():
    """The options of sendmail(8), by the subsections of OPTIONS."""
    source = (MAN / "sendmail.8").read_text(encoding="ascii")
    section = source.split("\n.Sh OPTIONS\n")[1].split("\n.Sh ")[0]
    parts = re.split(r"^\.Ss (.*)$", section, flags=re.M)
    return {title: parse_items(text) for title, text in zip(parts[1::2], parts[2::2])}


def is_known(letter):
    result = run_sendmail([f"-{letter}", "--nonsense"])
    return f"unknown option -{letter}" not in result.stderr


def needs_argument(name):
    option = f"-{name}" if len(name) == 1 else f"--{name}"
    stderr = run_sendmail([option]).stderr
    return f"{option} needs a" in stderr


def help_options():
    """{letter or long name: needs an argument} of --help, and the letters it names as ignored."""
    text = run_sendmail(["--help"]).stdout
    shown = {}
    for line in re.findall(r"^  (-\S.*?)  ", text, re.M):
        for option in line.split(", "):
            match = re.fullmatch(r"--?(\w[a-z]*)(?:[ =]([A-Z]+))?|-(\w)([A-Z]+)", option)
            assert match, f"--help has {option!r}"
            shown[match[1] or match[3]] = match[2] is not None
    ignored = re.search(r"^Accepted and ignored: (.*)$", text, re.M)[1]
    # -C and --config are for sendoff alone: sendoff(1) has them.
    del shown["C"], shown["config"]
    return shown, {option.lstrip("-") for option in ignored.split()}


def test_options_are_those_of_help():
    acted_on, ignored = help_options()
    described = described_options()
    assert described["Options that are acted on"] == acted_on
    assert set(described["Options that are ignored"]) == ignored


def test_options_are_those_the_program_knows():
    described = {}
    for options in described_options().values():
        described.update(options)
    known = {letter for letter in string.ascii_letters + string.digits if is_known(letter)}
    assert {name for name in described if len(name) == 1} == known


def test_options_take_the_arguments_they_take():
    described = {}
    for options in described_options().values():
        described.update(options)
    assert described == {name: needs_argument(name) for name in described}


def test_refused_options_are_refused():
    for letter in described_options()["Options that are refused"]:
        result = run_sendmail([f"-{letter}", "/etc/hostname", "bob@example.org"])
        assert result.status == 64 and "names a file here" in result.stderr, str(result)


def test_sendoff_page_has_its_own_options():
    assert parse_items((MAN / "sendoff.1").read_text(encoding="ascii")) == {"C": True, "config": True}


def send_help_options():
    """{letter or long name: None, "=" or "[="} of `sendoff send --help`: whether it takes a value."""
    text = subprocess.run([binary("sendoff"), "send", "--help"], capture_output=True, text=True, check=True,
                          timeout=60).stdout
    shown = {}
    for line in re.findall(r"^  (-\S.*?|    --\S.*?)(?:  |$)", text, re.M):
        letter, name, value = re.fullmatch(r" *(?:-(\w))?(?:, )?(?:--([\w-]+)(\[?=)?.*)?", line).groups()
        shown.update({one: value for one in (letter, name) if one})
    assert len(shown) > 40, "the help looks other than this test expects"
    return shown


def test_options_of_send_are_those_of_help():
    source = (MAN / "sendoff-send.1").read_text(encoding="ascii")
    described = {}
    for item in re.findall(r"^\.It (Fl .*)$", source, re.M):
        for one in item.split(" , "):
            words = one.split()
            described[words[1].lstrip("-")] = "[=" if "Op" in words else "=" if "Ar" in words else None
    assert described == send_help_options()


def test_receipts_are_described():
    source = (ROOT / "src/command/receipt.c").read_text(encoding="utf-8")
    names = set(re.findall(r'add_(?:line|buf)\(out, "([a-z-]+)"', source)) | {"size", "exit-status"}
    assert len(names) > 10, "the receipt looks other than this test expects"
    page = (MAN / "sendoff-send.1").read_text(encoding="ascii")
    section = page.split("\n.Sh OUTPUT FOR PROGRAMS\n")[1].split("\n.Sh ")[0]
    assert set(re.findall(r"^\.It Va ([a-z-]+)$", section, re.M)) == names


def test_what_send_says_on_a_terminal_is_described():
    source = (ROOT / "src/command/report.c").read_text(encoding="utf-8")
    said = re.findall(r'"((?:sent to|queued as) [^"]*)', source)
    assert len(said) == 4, "success is told otherwise than this test expects"
    for line in said:
        assert re.search(pattern(unescape(line.removesuffix("\\n"))), manual("sendoff-send.1")), line


def test_help_fits():
    for line in run_sendmail(["--help"]).stdout.splitlines():
        assert len(line) <= HELP_WIDTH_MAX, line


# Configuration


def table_keys():
    """The keys that are acted on, and those that are known only."""
    keys = (ROOT / "src/config/keys.c").read_text(encoding="utf-8")
    others = (ROOT / "src/config/other_keys.c").read_text(encoding="utf-8")
    acted_on = set(re.findall(r'^\t\{ "(\w+)", "', keys, re.M))
    known = set(re.findall(r'^\t\{ "(\w+)", is_', others, re.M))
    assert len(acted_on) > 30 and len(known) > 20, "the tables look other than this test expects"
    return acted_on, known


def table_rows():
    """{name: (form, default)} of the keys that are acted on."""
    keys = (ROOT / "src/config/keys.c").read_text(encoding="utf-8")
    rows = re.findall(r'^\t\{ "(\w+)", "([^"]*)",(.*?) \},$', keys, re.M | re.S)
    found = {name: (form, re.findall(r'\.initial = "([^"]+)"', rest)) for name, form, rest in rows}
    assert found.keys() == table_keys()[0], "the table looks other than this test expects"
    return found


def items_of(key):
    """What sendoff.conf(5) says of a key: each of its items, in the page's source."""
    source = (MAN / "sendoff.conf.5").read_text(encoding="ascii")
    return re.findall(rf"^(\.It Ic {key}\b.*?)(?=^\.It |^\.El|^\.Bl)", source, re.M | re.S)


def test_words_of_keys_are_described():
    for key, (form, _) in table_rows().items():
        heads = " ".join(item.splitlines()[0] for item in items_of(key))
        for word in re.findall(r"[a-z]{2,}|\d\.\d", form):
            assert re.search(rf"(?:Cm |\| |/){re.escape(word)}(?: |$)", heads), f"{key}: {word}"


def test_defaults_are_described():
    defaults = {key: default[0] for key, (_, default) in table_rows().items() if default}
    assert len(defaults) > 20, "the table looks other than this test expects"
    for key, default in defaults.items():
        said = rf"Default:(?: |\n\.Cm ){re.escape(default)}(?:[.,]| [.,])"
        assert any(re.search(said, item) for item in items_of(key)), f"{key}: {default}"


def described_keys():
    source = (MAN / "sendoff.conf.5").read_text(encoding="ascii")
    return set(re.findall(r"\b(?:Cm|Ic) (\w+)", source))


def test_keys_are_described():
    acted_on, known = table_keys()
    assert acted_on - described_keys() == set()
    assert {key for key in known if not re.search(rf"\b{key}\b", manual("sendoff.conf.5"))} == set()


def test_described_keys_exist():
    acted_on, known = table_keys()
    source = (MAN / "sendoff.conf.5").read_text(encoding="ascii")
    items = set(re.findall(r"^\.It (?:Cm|Ic) ([a-z_]+)\b", source, re.M))
    # Keys look like this; what else stands in lists are words that values can be.
    names = {item for item in items if "_" in item}
    assert names - acted_on - known - {"account", "defaults", "include"} == set()


# Exit statuses


def kinds():
    """[(word, exit status)] of base/err.c."""
    numbers = dict(re.findall(r"#define\s+(EX_\w+)\s+(\d+)", sysexits()))
    source = (ROOT / "src/base/err.c").read_text(encoding="utf-8")
    found = re.findall(r'^\t\[ERR_\w+\] = \{ "([\w-]+)", (EX_\w+),', source, re.M)
    assert len(found) > 20, "the table looks other than this test expects"
    return [(word, int(numbers[status])) for word, status in found]


def sysexits():
    done = subprocess.run(["cc", "-E", "-dM", "-include", "sysexits.h", "-x", "c", "/dev/null"], capture_output=True,
                          text=True, check=True, timeout=60)
    return done.stdout


def test_exit_statuses_are_described():
    source = (MAN / "sendoff.1").read_text(encoding="ascii")
    section = source.split("\n.Sh EXIT STATUS\n")[1].split("\n.Sh ")[0]
    parts = re.split(r"^\.It (\d+)$", section, flags=re.M)
    items = zip(parts[1::2], parts[2::2])
    words = {int(status): set(re.findall(r"^\.Em ([\w-]+) :", text, re.M)) for status, text in items}
    expected = {}
    for word, status in kinds():
        expected.setdefault(status, set()).update({word} - {"none"})
    assert words == expected


def test_log_keys_are_described():
    source = (ROOT / "src/command/report.c").read_text(encoding="utf-8")
    keys = set(re.findall(r'log_(?:field|number)\(&?line, "(\w+)"', source))
    assert len(keys) > 10, "the log looks other than this test expects"
    page = (MAN / "sendoff.1").read_text(encoding="ascii")
    section = page.split("\n.Sh LOG\n")[1].split("\n.Sh ")[0]
    assert set(re.findall(r"^\.It Cm (\w+)$", section, re.M)) == keys


# Sentences


def arguments(text, at):
    """The arguments of the call whose opening parenthesis is at text[at], as source text."""
    depth, found, begin, i = 0, [], at + 1, at
    while True:
        c = text[i]
        if c in "\"'":
            i = re.compile(r'"(?:[^"\\]|\\.)*"|\'(?:[^\'\\]|\\.)*\'').match(text, i).end()
            continue
        depth += {"(": 1, ")": -1}.get(c, 0)
        if depth == 0 or (depth == 1 and c == ","):
            found.append(text[begin:i])
            begin = i + 1
        if depth == 0:
            return found
        i += 1


def literals(expression):
    """The strings in an expression; neighbours are one, and PRIu64 between them is a number."""
    expression = re.sub(r'"\s*PRI\w+\b', 'u"', expression)
    joined = re.sub(r'(?<!\\)"\s*"', "", expression)
    return [unescape(one) for one in re.findall(r'"((?:[^"\\]|\\.)*)"', joined)]


def unescape(text):
    return re.sub(r"\\(.)", r"\1", text)


def calls(text):
    """The sentences in calls of functions that take one."""
    for match in re.finditer(TAKES_SENTENCE, text):
        given = arguments(text, match.end() - 1)
        index = SENTENCE_AT.get(match[1])
        for expression in given if index is None else given[index : index + 1]:
            yield from literals(expression)


def tables(path, text):
    for constant in re.findall(SENTENCE_CONSTANT, text, re.M):
        yield from (one for one in literals(constant) if " " in one)
    for data in SENTENCE_DATA:
        for match in re.finditer(data, text, re.M):
            yield from literals(match[1])
    # net/verify.c puts its verdicts together from pieces, and some sentences get an end behind.
    for piece in re.findall(rf"\bbuf_addf?s?\(&(?:why|err->what),\s+({STRING})", text):
        yield from literals(piece)
    for body in re.findall(r"^say_\w+\(.*?^\}", text, re.M | re.S):
        for piece in re.findall(rf"\bbuf_addf?s?\(out,\s+({STRING})", body):
            yield from literals(piece)
    # Warnings.
    for piece in re.findall(rf'buf_addf\(&text,\s+("(?:: )?[a-z][^%]*%s(?:[^"\\]|\\.)*")', text):
        yield from (one.removeprefix(": ") for one in literals(piece))
    if path.name == "report.c":
        yield from (unescape(one) for one in re.findall(r'"(  message: (?:[^"\\]|\\.)*?)(?:\\n)?"', text))


def stages():
    """What smtp/wire.c makes of its table of verbs."""
    text = (ROOT / "src/smtp/wire.c").read_text(encoding="utf-8")
    rows = re.findall(r'^\t\[VERB_(\w+)\] = \{ "(.*?)", "(.*?)",', text, re.M)
    assert len(rows) > 8, "the table looks other than this test expects"
    for verb, noun, gerund in rows:
        yield f"the server refused {noun}"
        if verb != "QUIT":
            yield gerund


@functools.cache
def sentences():
    found = set(stages())
    for path in sorted((ROOT / "src").rglob("*.c")):
        if path == SERVER_FILE:
            continue
        text = path.read_text(encoding="utf-8")
        found.update(sentence.strip() for sentence in [*calls(text), *tables(path, text)])
    return sorted(filter(is_telling, found))


def pattern(sentence):
    """What the manual has for the sentence: any text for its placeholders."""
    sentence = sentence.replace("…", "...")
    pieces = re.split(r"%(?:\.\*|[-0-9.]*)(?:ll|l|z|h)?[a-zA-Z]", sentence.replace("%%", "\0"))
    pieces = [re.escape(re.sub(r"\s+", " ", piece)).replace("\0", "%") for piece in pieces]
    return ".{0,200}?".join(pieces)


def is_telling(sentence):
    """Placeholders alone, or fragments such as ", it is now ", tell nothing."""
    return re.search(r"[A-Za-z]{4,}", re.sub(r"%\S*[a-z]", "", sentence)) is not None


def test_sentences_are_found():
    """The search below sees what it should: one of each kind of place."""
    found = sentences()
    for sentence in ("unknown option -%c", "a second '@'", "text behind the address (missing comma?)",
                     "the message has %u octets, and the server takes %u", "giving the sender", "message: not sent",
                     "the server's certificate was revoked by its issuer", "unix: has no TLS",
                     'a "socket" has no TLS', 'LMTP has no port of its own: "port" is missing',
                     'an account has either a proxy or "tunnel_command", not both', 'has "auth" but no "user"',
                     "the server sent what is no SMTP reply", "nobody to send to", "is no regular file",
                     "a record in its tail is out of place", "refused, and there is no sender to tell"):
        assert sentence in found, sentence


@pytest.mark.parametrize("sentence", sentences())
def test_sentence_is_described(sentence):
    if sentence in EXCEPTIONS:
        pytest.skip(EXCEPTIONS[sentence])
    if not re.search(pattern(sentence), all_manuals()):
        pytest.fail(f"no manual has: {sentence}", pytrace=False)


def test_there_is_no_server():
    """Where there is one, people see what its clients are told, in its log: then it is to be described."""
    allowed = {SERVER_FILE, ROOT / "src/message/intake.c"}
    assert [path for path in (ROOT / "src").rglob("*.c")
            if path not in allowed and re.search(SERVER_CALLS, path.read_text(encoding="utf-8"))] == []


def described_sentences():
    """The items of the lists of diagnostics in all pages."""
    for page in PAGES:
        source = page.read_text(encoding="ascii").replace("\\\n", "")
        # Lists within an item are no diagnostics.
        source = re.sub(r"^\.Bl -dash.*?^\.El\n", "", source, flags=re.M | re.S)
        for block in re.findall(r"^\.Sh DIAGNOSTICS\n(.*?)^\.Sh ", source, re.M | re.S):
            # The labels of the lines.
            block = re.sub(r"^\.Bl -tag -width \S+ -compact.*?^\.El\n", "", block, flags=re.M | re.S)
            for item in re.findall(r"^\.It (.*)$", block, re.M):
                plain = {"\\(dq": '"', "\\-": "-", "\\e": "\\", "\\&": ""}
                yield re.sub(r"\\(?:\(dq|&|-|e)", lambda escape: plain[escape[0]], item)


@functools.cache
def said():
    """Patterns of all sentences, with what may stand before them."""
    before = r"(?:\.\.\.:? ?|FILE(?::LINE)?: |account \"NAME\" )?"
    return [re.compile(before + pattern(sentence)) for sentence in sentences()]


@pytest.mark.parametrize("item", sorted(set(described_sentences())))
def test_described_sentence_exists(item):
    """What the manual explains is still said by the program."""
    if not any(one.match(item) for one in said()):
        pytest.fail(f"nothing in src/ says: {item}", pytrace=False)


# Other documents


@pytest.mark.parametrize("name", ["README", "NEWS", "CONTRIBUTING", "HACKING", "SECURITY", "src/README", "tests/README"])
def test_named_files_exist(name):
    """Whatever looks like a path in the tree is one."""
    text = (ROOT / name).read_text(encoding="utf-8")
    folder = (ROOT / name).parent
    tops = "src|tests|man|completions|build"
    for path in set(re.findall(rf"(?<![\w./~-])((?:{tops})/[\w./+-]*\w)", text)):
        if not path.startswith("build/"):
            assert (ROOT / path).exists() or (folder / path).exists(), path


def test_map_has_every_file():
    """src/README has each source file's stem in its folder's part: at the begin of an entry, or behind a semicolon, comma,
    colon or parenthesis."""
    text = (ROOT / "src/README").read_text(encoding="utf-8").split("The path of a message")[0]
    folders = re.split(r"^    (?=\w+/ )", re.sub(r"\n {10,}", " ", text), flags=re.M)[1:]
    parts = {part.split("/")[0]: part for part in folders}
    missing = [str(path) for path in sorted((ROOT / "src").glob("*/*.[ch]"))
               if not re.search(rf"(?:^      |[;,:] |\(){path.stem}(?:\.h)?[ :,;).\n]", parts[path.parent.name], re.M)]
    assert missing == []
    # Two rows that begin alike are what is left of a merge.
    for part in parts.values():
        rows = re.findall(r"^      (\S+) ", part, re.M)
        assert sorted(rows) == sorted(set(rows))


def test_map_has_real_functions():
    text = (ROOT / "src/README").read_text(encoding="utf-8")
    source = "".join(path.read_text(encoding="utf-8") for path in (ROOT / "src").rglob("*.c"))
    named = set(re.findall(r"\b([a-z_]+)\(\)", text))
    assert len(named) > 15 and {name for name in named if not re.search(rf"^{name}\(", source, re.M)} == set()


def test_readme_names_real_pages():
    text = (ROOT / "README").read_text(encoding="utf-8")
    named = set(re.findall(r"\b([a-z.-]+)\((\d)\)", text))
    assert named and all((MAN / f"{name}.{section}").exists() for name, section in named), named


def test_readme_configuration_works(tmp_path):
    """The example is one that the program takes."""
    text = (ROOT / "README").read_text(encoding="utf-8")
    example = re.search(r"^(?:    .*\S.*\n|\n)*    server .*\n(?:    .*\S.*\n|\n)*", text, re.M)[0]
    lines = "".join(line[4:] + "\n" for line in example.splitlines())
    result = run_sendmail(["-bv", "root"], config=lines)
    assert result.status == 0 and "server" in result.stdout, str(result)


def test_version_is_in_news():
    version = subprocess.run([str(binary("sendoff")), "version"], capture_output=True, text=True, check=True, timeout=60)
    number = version.stdout.split()[1]
    # The newest is on top.
    assert re.search(r"^sendoff (\S+?)(?:,.*)?\n=+$", (ROOT / "NEWS").read_text(encoding="utf-8"), re.M)[1] == number


def test_version_is_in_one_place():
    number = re.search(r"^VERSION = (\S+)$", (ROOT / "Makefile").read_text(encoding="utf-8"), re.M)[1]
    files = [ROOT / "configure.ac", ROOT / "config.mk.in", *PAGES]
    also_in = [path for path in files if re.search(rf"(?<![\d.]){re.escape(number)}(?![\d.])", path.read_text(encoding="utf-8"))]
    assert also_in == []


def test_make_help_has_every_target():
    """But for those that are a part of another, or one of many."""
    makefile = (ROOT / "Makefile").read_text(encoding="utf-8").replace("\\\n", " ")
    targets = re.search(r"^\.PHONY:(.*)$", makefile, re.M)[1].split("$", maxsplit=1)[0].split()
    shown = subprocess.run(["make", "-s", "help"], cwd=ROOT, capture_output=True, text=True, check=True, timeout=60).stdout
    assert len(targets) > 10 and "LATE=0" in shown
    assert [target for target in targets if target != "all" and not re.search(rf"\bmake {target}\b", shown)] == []
