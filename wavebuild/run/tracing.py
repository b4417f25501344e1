"""What a job touches: its files opened, written, removed and listed, as strace or Python itself tells.

It does not know which of that was declared, nor what a step is.
"""

from __future__ import annotations

import contextlib
import ctypes
import errno
import os
import re
import signal
import sys
import time
from collections.abc import Callable, Iterable, Iterator
from importlib.machinery import FileFinder

from wavebuild.regular import expression
from wavebuild.run.job import Touches, Tracing

CALLS = (
    *("open", "openat", "openat2", "creat", "truncate", "execve", "execveat", "getdents", "getdents64"),
    *("rename", "renameat", "renameat2", "unlink", "unlinkat", "link", "linkat", "symlink", "symlinkat"),
    *("chdir", "fchdir", "clone", "clone3", "fork", "vfork"),
)
FLAGS = ("-f", "-qq", "-y", "-s", "0", "-e", "signal=none", "-e", f"trace={','.join(f'?{call}' for call in CALLS)}")
"""No argument is written down (``-s 0``), only paths: a secret may be among the arguments of a program."""

QUICK = "--seccomp-bpf"
"""Stops a program only at the calls that are asked for; not where strace is attached to it."""

BESIDE = "-D"
"""The tracer stands beside: the command is the child of whoever starts it, and its end is not delayed."""

NOWHERE = ("/dev/", "/proc/", "/sys/")
PR_SET_PTRACER = 0x59616D61
PATIENCE = 5.0
"""Seconds in which a tracer must have taken hold of a process."""

_HELD = expression(r'"((?:[^"\\]|\\.)*)"(?:\.\.\.)?|(?:AT_FDCWD|\d+)<((?:[^<>\\]|\\.)*)>(?:\(deleted\))?')
_LINE = expression(r"(\d+) +(?:<\.\.\. \w+ resumed>(.*)|(\w+\(.*))")
_CALL = expression(r"(\w+)\((.*)\) += (\S+)(?: (E\w+))?", re.DOTALL)
_SLOT = expression(r"\x00(\d+)\x00")
_ESCAPE = expression(rb"\\(x[0-9a-fA-F]{2}|[0-7]{1,3}|.)", re.DOTALL)
_NAMED = {b"n": b"\n", b"t": b"\t", b"r": b"\r", b"v": b"\v", b"f": b"\f", b"a": b"\a", b"b": b"\b", b"e": b"\x1b"}
_PYTHON = expression(r"python|pypy")
_LIBRARY = expression(r"/(?:python|pypy)3\.\d+/")
_UNFINISHED = " <unfinished ...>"


class Ledger:
    """Takes in what processes do to files, in order, and sums it up: what a job made itself it did not read."""

    def __init__(self) -> None:
        self._read: dict[str, None] = {}
        self._written: dict[str, None] = {}
        self._made: set[str] = set()  # all that was ever written
        self._removed: dict[str, None] = {}
        self._sought: dict[str, None] = {}
        self._refused: dict[str, None] = {}
        self._listed: dict[str, bool] = {}  # folder → whether only Python did, which does so to import
        self._python: set[str] = set()  # folders in which Python stood

    def reads(self, path: str) -> None:
        if path not in self._written:
            self._read[path] = None

    def writes(self, path: str) -> None:
        self._written[path] = None
        self._made.add(path)
        self._removed.pop(path, None)

    def removes(self, path: str) -> None:
        if path in self._written:
            del self._written[path]
        else:
            self._removed[path] = None

    def moves(self, old: str, new: str) -> None:
        """A folder takes what was written below it along."""
        below = [path for path in self._written if path.startswith(f"{old}/")]
        for path in below:
            del self._written[path]
            self.writes(new + path[len(old) :])
        if not below:
            self.removes(old)
            self.writes(new)

    def lists(self, folder: str, python_in: str | None = None) -> None:
        """``python_in``: where the Python stands that lists it; None for any other program."""
        self._listed[folder] = python_in is not None and self._listed.get(folder, True)
        if python_in is not None:
            self._python.add(python_in)

    def misses(self, path: str, why: str) -> None:
        if why in ("ENOENT", "ENOTDIR") and path not in self._removed:
            self._sought[path] = None
        elif why in ("EACCES", "EPERM"):
            self._refused[path] = None

    def _is_of_others(self, path: str) -> bool:
        """Whether a file that was opened to be read may have been there before; a journal is made, read and removed."""
        return not os.path.isdir(path) and (path not in self._made or os.path.lexists(path))

    def touches(self, roots: Iterable[str], began: float, complete: bool) -> Touches:
        """All of it that lies in the roots; what was written, wherever that is.

        ``began``: epoch seconds; what was opened for writing and has not changed since was only read.
        """
        inside = tuple(f"{root}/" for root in roots)
        modules = {os.path.dirname(path) for path in self._read if path.endswith((".py", ".so", ".pyc"))}

        def counts(path: str) -> bool:
            return f"{path}/".startswith(inside)

        def is_listed(folder: str, by_python: bool) -> bool:
            return counts(folder) and not (by_python and (folder in modules or folder in self._python))

        return Touches(
            read=tuple(path for path in self._read if counts(path) and self._is_of_others(path)),
            written=tuple(
                path for path in self._written if not path.startswith(NOWHERE) and _changed_since(path, began)
            ),
            removed=tuple(path for path in self._removed if not path.startswith(NOWHERE) and not os.path.lexists(path)),
            listed=tuple(folder for folder, python in self._listed.items() if is_listed(folder, python)),
            sought=tuple(path for path in self._sought if counts(path) and path not in self._made),
            refused=tuple(path for path in self._refused if counts(path)),
            complete=complete,
        )


def _changed_since(path: str, began: float) -> bool:
    try:
        status = os.lstat(path)
    except OSError:
        return False
    # The kernel's clock for files may be a tick behind.
    return status.st_ctime_ns >= (began - 0.02) * 1e9


class Transcript:
    """Reads what strace wrote of one command, line by line, into a ledger."""

    def __init__(self, ledger: Ledger, cwd: str, python: bool = False) -> None:
        self._ledger = ledger
        self._first = cwd
        self._first_is_python = python
        self._cwd: dict[str, str] = {}
        self._is_python: dict[str, bool] = {}
        self._begun: dict[str, str] = {}  # process → a call that another process's line has cut in two
        self._held: list[str] = []

    def take(self, lines: Iterable[str]) -> None:
        for line in lines:
            found = _LINE.match(line.rstrip("\n"))
            if found is None:
                continue
            process, rest, whole = found.groups()
            text = self._begun.pop(process, "") + rest if whole is None else whole
            if text.endswith(_UNFINISHED):
                self._begun[process] = text.removesuffix(_UNFINISHED)
            else:
                self._call(process, text)

    def _call(self, process: str, text: str) -> None:
        """Texts and paths are taken out first: whatever stands in them can then be mistaken for nothing."""
        self._held = []
        found = _CALL.match(_HELD.sub(self._hold, text))
        if found is None:
            return
        name, arguments, result, error = found.groups()
        if name in ("clone", "clone3", "fork", "vfork"):
            if result.isdigit():
                self._cwd[result] = self._where(process)
                self._is_python[result] = self._python(process)
            return
        paths = list(self._paths(process, arguments))
        if name.startswith("getdents"):
            self._lists(process, paths, error)
        elif name == "fchdir":
            if error is None and paths:
                self._cwd[process] = paths[0]
        elif paths:
            self._deed(process, name, arguments, paths, result, error)

    def _hold(self, found: re.Match[str]) -> str:
        text = found[1] if found[1] is not None else found[2]
        kind = "s" if found[1] is not None else "c" if found[0].startswith("AT_FDCWD") else "h"
        self._held.append(kind + unescaped(text))
        return f"\0{len(self._held) - 1}\0"

    def _paths(self, process: str, arguments: str) -> Iterator[str]:
        """The paths that the arguments name: a text relative to the handle before it, or a handle alone."""
        handle: str | None = None
        for slot in _SLOT.finditer(arguments):
            held = self._held[int(slot[1])]
            if held[0] != "s":
                if handle is not None:
                    yield handle
                handle = held[1:]
                if held[0] == "c":
                    self._cwd[process] = handle
                continue
            base = handle if handle is not None and handle.startswith("/") else self._where(process)
            if held[1:]:
                yield os.path.normpath(os.path.join(base, held[1:]))
            elif handle is not None:
                yield handle
            handle = None
        if handle is not None:
            yield handle

    def _where(self, process: str) -> str:
        return self._cwd.get(process, self._first)

    def _python(self, process: str) -> bool:
        return self._is_python.get(process, self._first_is_python)

    def _lists(self, process: str, paths: list[str], error: str | None) -> None:
        if error is None and paths:
            self._ledger.lists(paths[0], self._where(process) if self._python(process) else None)

    def _deed(self, process: str, name: str, arguments: str, paths: list[str], result: str, error: str | None) -> None:
        ledger = self._ledger
        path = paths[0]
        if error is not None:
            if name.startswith(("open", "exec")) and not re.search(r"O_(?:CREAT|PATH|DIRECTORY)", arguments):
                ledger.misses(path, error)
            return
        match name:
            case "chdir":
                self._cwd[process] = path
            case "execve" | "execveat":
                self._is_python[process] = _PYTHON.match(os.path.basename(path)) is not None
                ledger.reads(path)
            case "open" | "openat" | "openat2" | "creat":
                real = self._result(result)
                if not real.startswith("/"):
                    return
                if _LIBRARY.search(real):  # a script's first line may have started it
                    self._is_python[process] = True
                given = real if ".." in self._said(arguments).split("/") else path
                _opened(ledger, given, "O_WRONLY|O_CREAT|O_TRUNC" if name == "creat" else _SLOT.sub("", arguments))
            case "truncate" | "symlink":
                ledger.writes(paths[-1])
            case "symlinkat":
                ledger.writes(paths[-1])
            case "unlink" | "unlinkat":
                if "AT_REMOVEDIR" not in arguments:
                    ledger.removes(path)
            case "rename" | "renameat" | "renameat2":
                if "RENAME_EXCHANGE" in arguments:
                    ledger.writes(path)
                    ledger.writes(paths[1])
                else:
                    ledger.moves(path, paths[1])
            case "link" | "linkat":
                ledger.reads(path)
                ledger.writes(paths[1])

    def _result(self, result: str) -> str:
        slot = _SLOT.search(result)
        return self._held[int(slot[1])][1:] if slot else ""

    def _said(self, arguments: str) -> str:
        slots = (self._held[int(slot[1])] for slot in _SLOT.finditer(arguments))
        return next((held[1:] for held in slots if held[0] == "s"), "")


def _opened(ledger: Ledger, path: str, flags: str) -> None:
    words = set(re.findall(r"O_\w+", flags))
    if "O_PATH" in words or "O_DIRECTORY" in words or "O_TMPFILE" in words:
        return
    writes = bool(words & {"O_WRONLY", "O_RDWR"})
    if "O_WRONLY" not in words and "O_TRUNC" not in words:
        ledger.reads(path)
    if writes:
        ledger.writes(path)


def unescaped(text: str) -> str:
    """A path as strace writes it, as the system names it."""
    raw = text.encode("latin-1", "replace")
    if b"\\" in raw:
        raw = _ESCAPE.sub(_meant, raw)
    return os.fsdecode(raw)


def _meant(found: re.Match[bytes]) -> bytes:
    code = found[1]
    if code[:1] == b"x" and len(code) == 3:
        return bytes([int(code[1:], 16)])
    if code.isdigit():
        return bytes([int(code, 8) & 0xFF])
    return _NAMED.get(code, code)


# In the worker


class Trail:
    """What the commands of one job touch, followed by the worker that runs them."""

    def __init__(self, tracing: Tracing, folder: str, cwd: str) -> None:
        self._tracing = tracing
        self._beginning = f"{folder}/.trail-{os.getpid()}"
        self._cwd = cwd
        self._began = time.time()
        self._files: list[tuple[str, bool]] = []  # of each command; whether Python is there from the start
        self._complete = True
        self._gate = (-1, -1)

    @property
    def file(self) -> str:
        """Where what the present command touches is written down; "" where nobody can tell."""
        return self._files[-1][0] if self._files else ""

    def around(self, argv: tuple[str, ...]) -> tuple[str, ...]:
        """The command with its tracer; as it is where there is none."""
        if not self._tracing.tracer:
            self._complete = False
            return argv
        self._new_file(False)
        return (*self._tracing.tracer, "-o", self.file, "--", *argv)

    def _new_file(self, python: bool) -> None:
        path = f"{self._beginning}.{len(self._files)}"
        os.close(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC, 0o600))
        self._files.append((path, python))

    def before_fork(self) -> None:
        self._new_file(True)
        self._gate = os.pipe()

    def wait_in_the_call(self) -> None:
        """In the forked child: goes on only when it is held."""
        hear, tell = self._gate
        os.close(tell)
        if self._tracing.tracer:
            _let_anyone_trace()
        os.read(hear, 1)
        os.close(hear)

    def record_in_the_call(self) -> None:
        """In the forked child: without a tracer, Python itself is to tell."""
        if not self._tracing.tracer:
            _record_to(self.file)

    def after_fork(self, process: int) -> None:
        """Lets the child go on, once the tracer holds it. Raises OSError if none can; the child is no more then."""
        hear, tell = self._gate
        os.close(hear)
        try:
            if self._tracing.tracer:
                self._attach(process)
            else:
                self._complete = False
        except OSError:
            os.kill(process, signal.SIGKILL)
            raise
        finally:
            os.close(tell)

    def _attach(self, process: int) -> None:
        strace, *flags = (word for word in self._tracing.tracer if word not in (BESIDE, QUICK))
        null = os.open(os.devnull, os.O_RDWR | os.O_CLOEXEC)
        try:
            argv = (strace, *flags, "-o", self.file, "-p", str(process))
            actions = [(os.POSIX_SPAWN_DUP2, null, handle) for handle in (0, 1, 2)]
            tracer = os.posix_spawn(strace, argv, os.environ, file_actions=actions, setsid=True)
        finally:
            os.close(null)
        until = time.monotonic() + PATIENCE
        while not _is_held(process):
            ended, _ = os.waitpid(tracer, os.WNOHANG)
            if ended or time.monotonic() > until:
                raise OSError(errno.EPERM, "strace cannot take hold of a call here", strace)
            time.sleep(0.001)

    def touches(self) -> Touches:
        """All that the commands have touched, now that they and their tracers have ended."""
        ledger = Ledger()
        for path, python in self._files:
            with contextlib.suppress(FileNotFoundError), open(path, encoding="latin-1", newline="\n") as file:
                if self._tracing.tracer:
                    Transcript(ledger, self._cwd, python).take(file)
                else:
                    replay(file.read(), ledger)
        return ledger.touches(self._tracing.roots, self._began, self._complete)

    def close(self) -> None:
        for path, _ in self._files:
            with contextlib.suppress(OSError):
                os.unlink(path)


def is_tracer(process: int) -> bool:
    try:
        with open(f"/proc/{process}/comm") as file:
            return file.read() == "strace\n"
    except OSError:
        return False


def _is_held(process: int) -> bool:
    try:
        with open(f"/proc/{process}/status") as file:
            return any(line.startswith("TracerPid:") and line.split()[1] != "0" for line in file)
    except OSError:
        return True  # it has ended: whoever waits for it will see


def _let_anyone_trace() -> None:
    """Some systems let a process be traced only by its parents, unless it agrees."""
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(PR_SET_PTRACER, ctypes.c_ulong(2**64 - 1), 0, 0, 0)


# What Python tells of itself


def _record_to(file: str) -> None:
    """From now on, and for good, notes what this process does to files; not what other programs do for it."""
    handle = os.open(file, os.O_WRONLY | os.O_APPEND | os.O_CLOEXEC)
    noted: set[tuple[str, ...]] = set()

    def hear(event: str, facts: tuple[object, ...]) -> None:
        tell = _TOLD.get(event)
        if tell is None or (event == "os.listdir" and sys._getframe(1).f_code.co_filename in _IMPORTING):
            return
        try:
            record = tell(facts)
            if record and record not in noted:
                noted.add(record)
                text = "\0".join(record)
                os.write(handle, text.encode("utf-8", "surrogateescape") + b"\0\0")
        except Exception:  # what cannot be noted must not disturb the author's code
            return

    sys.addaudithook(hear)


def _path_of(said: object) -> str:
    """The absolute path of what was said; "" for an open handle."""
    if isinstance(said, int) or said is None:
        return ""
    return os.path.abspath(os.fsdecode(said))  # type: ignore[arg-type]


def _told_open(facts: tuple[object, ...]) -> tuple[str, ...]:
    path, flags = _path_of(facts[0]), facts[2]
    if not path or not isinstance(flags, int) or os.path.isdir(path):
        return ()
    if not flags & os.O_CREAT and not os.path.lexists(path):
        return ("misses", path)
    how = flags & os.O_ACCMODE
    if how == os.O_RDONLY:
        return ("reads", path)
    return ("writes" if how == os.O_WRONLY or flags & os.O_TRUNC else "edits", path)


def _told_of(verb: str, *places: int) -> Callable[[tuple[object, ...]], tuple[str, ...]]:
    def tell(facts: tuple[object, ...]) -> tuple[str, ...]:
        paths = tuple(_path_of(facts[place] if facts[place] is not None else ".") for place in places)
        return (verb, *paths) if all(paths) else ()

    return tell


def _told_database(facts: tuple[object, ...]) -> tuple[str, ...]:
    said = os.fsdecode(facts[0]) if isinstance(facts[0], str | bytes) else str(facts[0])
    path = said.removeprefix("file:").partition("?")[0]
    return ("edits", os.path.abspath(path)) if path and path != ":memory:" else ()


_IMPORTING = ("<frozen importlib._bootstrap_external>", FileFinder.find_spec.__code__.co_filename)
_TOLD: dict[str, Callable[[tuple[object, ...]], tuple[str, ...]]] = {
    "open": _told_open,
    "os.listdir": _told_of("lists", 0),
    "os.scandir": _told_of("lists", 0),
    "os.remove": _told_of("removes", 0),
    "os.truncate": _told_of("writes", 0),
    "os.rename": _told_of("moves", 0, 1),
    "os.link": _told_of("links", 0, 1),
    "os.symlink": _told_of("writes", 1),
    "sqlite3.connect": _told_database,
}


def replay(text: str, ledger: Ledger) -> None:
    """What was noted, record by record, into a ledger."""
    for record in text.encode("latin-1").split(b"\0\0")[:-1]:
        verb, *paths = (os.fsdecode(part) for part in record.split(b"\0"))
        match verb:
            case "reads":
                ledger.reads(paths[0])
            case "writes":
                ledger.writes(paths[0])
            case "edits":
                ledger.reads(paths[0])
                ledger.writes(paths[0])
            case "removes":
                ledger.removes(paths[0])
            case "misses":
                ledger.misses(paths[0], "ENOENT")
            case "lists":
                ledger.lists(paths[0])
            case "moves":
                ledger.moves(*paths)
            case "links":
                ledger.reads(paths[0])
                ledger.writes(paths[1])
