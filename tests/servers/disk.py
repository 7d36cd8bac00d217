# SPDX-License-Identifier: ISC
"""What a disk may hold after the power failed, when nothing is certain but what was synced.

    disk = Disk(folder)                 # as it is now, all of it certain
    for call in trace.read(log):
        disk.apply(call)
        for state in disk.states(limit=20):
            write_state(state, elsewhere)

Since the last fsync(2) or fdatasync(2) of a file, what was written to it may be there, or not, or in part: cut at a
block's end or amid it, or with a block of zeros in it.  Since the last fsync(2) of a directory, what was done to its
names may have happened or not, each for itself.  A file that has no name is gone.
"""

import itertools
import os
import random
import re
from dataclasses import dataclass, field
from pathlib import Path

BLOCK = 512
# A descriptor that goes to another process, or comes from there.
RIGHTS = re.compile(r"cmsg_type=SCM_RIGHTS, cmsg_data=\[(\d+)")
PROC = re.compile(rb"/proc/self/fd/(\d+)")

# What neither changes a file nor the names in a folder.
HARMLESS = {
    "access", "chdir", "clone", "clone3", "close", "dup", "dup2", "dup3", "execve", "faccessat", "faccessat2",
    "fadvise64", "fchdir", "fchmod", "fchmodat", "fchown", "fcntl", "flock", "fstat", "fstatfs", "getcwd",
    "getdents64", "inotify_add_watch", "lseek", "lstat", "mmap", "munmap", "newfstatat", "open", "openat", "poll",
    "ppoll", "pread64", "preadv", "read", "readlink", "readlinkat", "stat", "statfs", "statx", "utimensat", "vfork",
}  # fmt: skip


# What changes, or makes certain, what is behind a descriptor.
CHANGES = {"write", "writev", "pwrite64", "pwritev", "pwritev2", "ftruncate", "fsync", "fdatasync"}


class UnknownCall(Exception):
    """A call that changes files in a way that is not foreseen here: teach it."""


@dataclass(eq=False)
class File:
    """A file: what is certain, and what was done since: (offset, octets), or (length, None) for a truncation."""

    certain: bytes = b""
    pending: list = field(default_factory=list)

    def now(self):
        """What a program sees."""
        return _apply(self.certain, self.pending)

    def sync(self):
        """All of it is certain."""
        self.certain, self.pending = self.now(), []

    def variants(self):
        """What may be found, the likeliest first; each once."""
        whole = self.now()
        found = [whole, self.certain]
        for count in range(1, len(self.pending)):
            found.append(_apply(self.certain, self.pending[:count]))
        found += [_apply(self.certain, self.pending[:i] + self.pending[i + 1 :]) for i in range(len(self.pending) - 1)]
        # The size is there, and a block is not; or nothing but the size.
        start = len(self.certain)
        for begin, end in _blocks(start, len(whole)):
            found.append(whole[:begin] + bytes(end - begin) + whole[end:])
            found.append(whole[:end])
            found.append(whole[: (begin + end) // 2])
        if len(whole) > start:
            found.append(whole[:start] + bytes(len(whole) - start))
        return list(dict.fromkeys(found))


@dataclass(eq=False)
class Folder:
    """A directory: the names that are certain, and what was done since: (name, File or Folder), or (name, None)."""

    certain: dict = field(default_factory=dict)
    pending: list = field(default_factory=list)

    def now(self):
        """What a program sees."""
        return _apply_names(self.certain, self.pending)

    def sync(self):
        """All of it is certain."""
        self.certain, self.pending = self.now(), []

    def variants(self):
        """Which names may be found; the likeliest first."""
        count = len(self.pending)
        if count <= 3:
            chosen = [mask for size in range(count, -1, -1) for mask in itertools.combinations(range(count), size)]
        else:
            chosen = [tuple(range(size)) for size in range(count, -1, -1)]
            chosen += [tuple(i for i in range(count) if i != out) for out in range(count)]
        return [_apply_names(self.certain, [self.pending[i] for i in mask]) for mask in chosen]


class Disk:
    """A folder with all in it, and the descriptors of the processes whose calls are applied to it."""

    def __init__(self, root):
        self.root = Path(root)
        self.top = _load(self.root)
        self._open = {}  # (process, descriptor) → [File or Folder, offset, append]
        self._on_its_way = []  # what is behind descriptors that were sent, and not received yet

    def apply(self, call):
        """Does what the call did."""
        if call.result is None or call.result < 0:
            return
        if call.name in CHANGES and call.touches(self.root) and self._handle(call) is None:
            raise UnknownCall(f"where does the descriptor come from? {call.readable()}")
        handler = getattr(self, f"_do_{call.name}", None)
        if handler is not None:
            handler(call)
        elif call.touches(self.root) and call.name not in HARMLESS:
            raise UnknownCall(call.readable())

    def states(self, limit, seed=1):
        """What may be found: at most `limit` states, each a dictionary of paths to octets, or to None for a folder."""
        found = {}
        for names in itertools.islice(self._folder_choices(), 64):
            for state in self._with_contents(names, limit):
                found.setdefault(key(state), state)
        states = list(found.values())
        if len(states) > limit:
            # The first ones are those in which little is odd; of the others a choice, the same each time.
            states = states[: limit // 2] + random.Random(seed).sample(states[limit // 2 :], limit - limit // 2)
        return states

    # Which names there are, and what is in the files.

    def _folder_choices(self):
        folders = list(_folders(self.top))
        for choice in itertools.product(*(folder.variants() for folder in folders)):
            yield dict(zip(map(id, folders), choice))

    def _with_contents(self, names, limit):
        files, state = {}, {}
        _walk(self.top, Path(), names, files, state)
        paths = [path for path in files if files[path].pending]
        for path, file in files.items():
            state[path] = file.now()
        yield dict(state)
        variants = {path: files[path].variants() for path in paths}
        # One file at a time is odd, then all at once.
        for path in paths:
            for content in variants[path][1 : limit + 1]:
                yield {**state, path: content}
        if len(paths) > 1:
            for contents in itertools.islice(zip(*(itertools.cycle(variants[path][1:]) for path in paths)), limit):
                yield {**state, **dict(zip(paths, contents))}

    # The calls.

    def _handle(self, call, argument=0):
        return self._open.get((call.process, call.descriptor(argument)))

    def _place(self, call, string, argument):
        """The folder and name that a path means: of the string and of the argument before it."""
        name = Path(call.strings()[string].decode())
        if name.is_absolute():
            if not name.is_relative_to(self.root) or name == self.root:
                return None
            folder = self.top
            for part in name.relative_to(self.root).parts[:-1]:
                folder = folder.now()[part]
            return folder, name.name
        handle = self._handle(call, argument)
        if handle is None or not isinstance(handle[0], Folder):
            return None
        folder = handle[0]
        for part in name.parts[:-1]:
            folder = folder.now()[part]
        return folder, name.name

    def _do_openat(self, call, argument=0):
        self._open.pop((call.process, call.result), None)
        if (again := PROC.fullmatch(call.strings()[0])) is not None:
            # The file behind a descriptor, opened anew: with an offset of its own.
            if (handle := self._open.get((call.process, int(again.group(1))))) is not None:
                self._open[call.process, call.result] = [handle[0], 0, False]
            return
        flags = call.words()[argument + 2].split("|")
        place = self._place(call, 0, argument)
        if place is None and Path(call.strings()[0].decode()) != self.root:
            return
        folder, name = place or (self.top, "")
        thing = folder.now().get(name) if name not in ("", ".") else folder
        if "O_TMPFILE" in flags:
            thing = File()
        elif thing is None:
            thing = File()
            folder.pending.append((name, thing))
        if "O_TRUNC" in flags and isinstance(thing, File):
            thing.pending.append((0, None))
        self._open[call.process, call.result] = [thing, 0, "O_APPEND" in flags]

    def _do_open(self, call):
        self._do_openat(call, -1)

    def _do_close(self, call):
        self._open.pop((call.process, call.descriptor()), None)

    def _replaces_descriptor(self, call):
        self._open.pop((call.process, call.result), None)

    _do_socket = _do_epoll_create1 = _do_signalfd4 = _do_eventfd2 = _do_accept4 = _replaces_descriptor

    def _do_dup(self, call):
        self._replaces_descriptor(call)
        if (handle := self._handle(call)) is not None:
            self._open[call.process, call.result] = handle

    _do_dup2 = _do_dup3 = _do_dup

    def _do_fcntl(self, call):
        if call.words()[1].startswith("F_DUPFD"):
            self._do_dup(call)

    def _do_clone(self, call):
        for (process, descriptor), handle in list(self._open.items()):
            if process == call.process:
                self._open[call.result, descriptor] = handle

    _do_clone3 = _do_fork = _do_vfork = _do_clone

    def _do_sendmsg(self, call):
        if (found := RIGHTS.search(call.text)) is not None:
            self._on_its_way.append(self._open.get((call.process, int(found.group(1)))))

    def _do_recvmsg(self, call):
        if (found := RIGHTS.search(call.text)) is not None:
            self._open[call.process, int(found.group(1))] = self._on_its_way.pop(0)

    def _do_lseek(self, call):
        if (handle := self._handle(call)) is not None:
            handle[1] = call.result

    def _do_read(self, call):
        if (handle := self._handle(call)) is not None:
            handle[1] += call.result

    _do_readv = _do_read

    def _do_write(self, call):
        handle = self._handle(call)
        if handle is None:
            return
        file, offset, append = handle
        offset = len(file.now()) if append else offset
        file.pending.append((offset, b"".join(call.strings())[: call.result]))
        handle[1] = offset + call.result

    _do_writev = _do_write

    def _do_pwrite64(self, call):
        handle = self._handle(call)
        if handle is not None:
            offset = int(call.words()[-1])
            handle[0].pending.append((offset, b"".join(call.strings())[: call.result]))

    _do_pwritev = _do_pwrite64

    def _do_pwritev2(self, call):
        handle = self._handle(call)
        if handle is not None:
            handle[0].pending.append((int(call.words()[-2]), b"".join(call.strings())[: call.result]))

    def _do_ftruncate(self, call):
        handle = self._handle(call)
        if handle is not None:
            handle[0].pending.append((int(call.words()[1]), None))

    def _do_fsync(self, call):
        if (handle := self._handle(call)) is not None:
            handle[0].sync()

    _do_fdatasync = _do_fsync

    def _do_mkdirat(self, call, argument=0):
        if (place := self._place(call, 0, argument)) is not None:
            place[0].pending.append((place[1], Folder()))

    def _do_mkdir(self, call):
        self._do_mkdirat(call, -1)

    def _do_linkat(self, call):
        source, _ = call.strings()
        place = self._place(call, 1, 2)
        if place is None:
            return
        if (descriptor := PROC.fullmatch(source)) is not None:
            thing = self._open[call.process, int(descriptor.group(1))][0]
        elif source == b"":
            thing = self._handle(call)[0]
        else:
            folder, name = self._place(call, 0, 0)
            thing = folder.now()[name]
        place[0].pending.append((place[1], thing))

    def _do_unlinkat(self, call, argument=0):
        if (place := self._place(call, 0, argument)) is not None:
            place[0].pending.append((place[1], None))

    def _do_unlink(self, call):
        self._do_unlinkat(call, -1)

    def _do_renameat2(self, call, arguments=(0, 2)):
        source, target = self._place(call, 0, arguments[0]), self._place(call, 1, arguments[1])
        if source is None or target is None:
            return
        thing = source[0].now()[source[1]]
        # Renaming is one step; the other order would lose the file in between.
        target[0].pending.append((target[1], thing))
        source[0].pending.append((source[1], None))

    _do_renameat = _do_renameat2

    def _do_rename(self, call):
        self._do_renameat2(call, (-1, -1))


def write_state(state, folder):
    """Makes the files of a state, private as they were."""
    for path, octets in sorted(state.items()):
        target = Path(folder) / path
        if octets is None:
            target.mkdir(mode=0o700, exist_ok=True)
            continue
        with open(target, "wb", opener=lambda name, flags: os.open(name, flags, 0o600)) as file:
            file.write(octets)


def describe(state):
    """A state in lines."""
    sizes = {path: "folder" if octets is None else f"{len(octets)} octets" for path, octets in state.items()}
    return "\n".join(f"    {path}: {size}" for path, size in sizes.items())


def _apply(octets, operations):
    result = bytearray(octets)
    for offset, data in operations:
        if data is None:
            del result[offset:]
            result.extend(bytes(offset - len(result)))
            continue
        result.extend(bytes(max(0, offset - len(result))))
        result[offset : offset + len(data)] = data
    return bytes(result)


def _apply_names(names, operations):
    result = dict(names)
    for name, thing in operations:
        if thing is None:
            result.pop(name, None)
        else:
            result[name] = thing
    return result


def _blocks(start, end):
    """Of the blocks between two offsets: the first, one in the middle, the last; none where there is nothing."""
    edges = sorted({start, *range((start // BLOCK + 1) * BLOCK, end, BLOCK), end})
    blocks = list(zip(edges, edges[1:]))
    return [blocks[i] for i in sorted({0, len(blocks) // 2, len(blocks) - 1})] if blocks else []


def _load(path):
    folder = Folder()
    for entry in sorted(path.iterdir()):
        folder.certain[entry.name] = _load(entry) if entry.is_dir() else File(entry.read_bytes())
    return folder


def _folders(folder):
    """A folder and those in it that are there now or may be there again."""
    yield folder
    things = {id(thing): thing for thing in [*folder.certain.values(), *(thing for _, thing in folder.pending)]}
    for thing in things.values():
        if isinstance(thing, Folder):
            yield from _folders(thing)


def _walk(folder, path, names, files, state):
    """Adds what can be reached by names: files, and folders to the state."""
    for name, thing in names[id(folder)].items():
        if isinstance(thing, Folder):
            state[path / name] = None
            _walk(thing, path / name, names, files, state)
        else:
            files[path / name] = thing


def key(state):
    """Tells states apart."""
    return tuple(sorted((str(path), octets) for path, octets in state.items() if octets is not None)) + tuple(
        sorted(str(path) for path, octets in state.items() if octets is None)
    )
