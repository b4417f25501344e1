"""What the end of a failed step's log complains of, and what stands on the disk where it complains: clues, as facts.

It does not know which of them is the cause, nor how any is worded for a person. It only looks.
"""

from __future__ import annotations

import os
import re
from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import assert_never

from msgspec import Struct
from msgspec.structs import replace

from wavebuild.declare.model import Kind
from wavebuild.graph import Graph, covers, reads
from wavebuild.regular import expression
from wavebuild.run.events import Clue

LONGEST = 500  # characters of a line that are looked at
MOST_NEAR = 500  # names of a folder that one is compared with
MOST_LOOKED = 100  # failures of one build for which it is looked on the disk, too
CLOCK = 0.02  # seconds by which the clock of a file system may be behind


_NO_ROOM = expression(r"No space left on device|Disk quota exceeded|database or disk is full|\[Errno 28\]")
_NO_MEMORY = expression(
    r"\bMemoryError\b|Cannot allocate memory|std::bad_alloc|OutOfMemory(?:Error|Exception)|heap out of memory"
    r"|\b[Oo]ut of memory\b|memory exhausted"
)
_KILLED = expression(r"Killed|.*: line \d+: +\d+ Killed .*")
_PAINT = expression(r"\x1b\[[0-9;:?]*[A-Za-z]")
_NO_INTERPRETER = expression(
    r"(?:.*?: )?([^:]+): (?:([^:]+): bad interpreter: .*|cannot execute: required file not found)"
)
_NO_COMMAND = (
    expression(r"(?:.*?: )?(?:line )?\d+: (.+?): (?:command )?not found"),
    expression(r"(?:[\w./-]+: )?([^:]+): command not found"),
    expression(r"zsh:\d+: command not found: (.+)"),
    expression(r"(?:/usr/bin/)?env: [\u2018'\"]?(.+?)[\u2019'\"]?: No such file or directory"),
)
_NO_FOLDER = expression(r".*?: cannot create (.+): Directory nonexistent")
_NO_FILE = expression(r": No such file(?: or directory)?\b|ENOENT: no such file|\bNo such file or directory: ")
_NO_RULE = expression(r"make: \*\*\* No rule to make target '(.+?)'.*")
_NO_PERMISSION = expression(r"[Pp]ermission denied|EACCES|Operation not permitted")
_QUOTED = expression(r"'([^']+)'|\u2018([^\u2019]+)\u2019|\"([^\"]+)\"")
_VERBS = expression(
    r"(?:cannot|can't|could not|couldn't|failed to|unable to) (?:open|read|access|stat|create|remove|execute|load)"
    r"(?:\s+(?:file|directory|folder))?:?\s+",
    re.IGNORECASE,
)
_ENDING = expression(r" for (?:reading|writing)| \(")
_FRAME = expression(r'\s+File "(.+)", line (\d+), in .+')
_RAISED = expression(r"((?:[A-Za-z_]\w*\.)*[A-Za-z_]\w*)(?:: .*)?")


def clues_of(
    graph: Graph, number: int, room: str, tail: Sequence[str], missing: Sequence[str], since: float, look: bool
) -> tuple[Clue, ...]:
    """What there is to say of a step that has failed. ``look``: what stands on the disk is asked, too.

    ``room``: the root as the step saw it, perhaps a private folder. ``missing``: the files that it did not make.
    ``since``: when it began, in seconds since the epoch.
    """
    found = complaints(tail)
    if not look or not (found or missing):
        return found
    step = graph.wavefile.steps[number]
    read = [artifact for artifact in (*reads(step), *step.updates, *step.outputs) if artifact.covers_files]
    given = {
        maker
        for artifact, makers in zip(reads(step), graph.makers[number], strict=False)
        if artifact.kind is Kind.STEP
        for maker in makers
    }

    def maker(path: str) -> str:
        owner = graph.owner(path)
        return graph.wavefile.steps[owner].name if owner is not None and owner != number else ""

    def declared(path: str) -> bool:
        return any(covers(artifact, path) for artifact in read) or graph.owner(path) in given

    ground = Ground(graph.wavefile.root, room, step.cwd, maker, declared)
    try:
        made = [clue for path in missing if (clue := made_instead(path, since - CLOCK, ground))]
        return (*looked_up(found, ground), *made)
    except (OSError, ValueError):  # where nothing can be looked at, what was said is still known
        return found


def complaints(tail: Sequence[str]) -> tuple[Clue, ...]:
    """What the last lines of a log complain of, in their order; of several alike the last."""
    lines = [_PAINT.sub("", line[:LONGEST]).rstrip() for line in tail]
    while lines and not lines[-1]:
        lines.pop()
    found: dict[tuple[str, str], Clue] = {}
    for number, line in enumerate(lines):
        clue = _complaint(line)
        raised = _raised(lines, number)
        if raised:
            clue = replace(clue, at=raised) if clue else Clue("exception", line.strip(), line.strip(), at=raised)
        if clue:
            found.pop((clue.kind, clue.what), None)
            found[clue.kind, clue.what] = replace(clue, last=number == len(lines) - 1)
    return tuple(found.values())


def _complaint(line: str) -> Clue | None:
    said = line.strip()
    if not said or _FRAME.fullmatch(line):
        return None
    if _NO_ROOM.search(said):
        return Clue("no room", line=said)
    if _NO_MEMORY.search(said):
        return Clue("no memory", line=said)
    if _KILLED.fullmatch(said):
        return Clue("killed", line=said)
    if match := _NO_INTERPRETER.fullmatch(said):
        return Clue("no interpreter", match[1].strip(), said, instead=(match[2] or "").strip().removesuffix("^M"))
    for pattern in _NO_COMMAND:
        if match := pattern.fullmatch(said):
            return Clue("no command", match[1].strip(), said)
    if match := _NO_FOLDER.fullmatch(said):
        return Clue("no folder", match[1], said)
    if match := _NO_RULE.fullmatch(said):
        return Clue("no file", match[1], said)
    for kind, pattern in (("no file", _NO_FILE), ("no permission", _NO_PERMISSION)):
        if match := pattern.search(said):
            return Clue(kind, _named(said, match), said)  # type: ignore[arg-type]
    return None


def _named(said: str, complaint: re.Match[str]) -> str:
    """The path that a complaint is about: what is quoted last before it, or first behind it, or stands before it."""
    before, behind = said[: complaint.start()], said[complaint.end() :]
    if quoted := _QUOTED.search(behind):
        return _first(quoted)
    if all_quoted := list(_QUOTED.finditer(before)):
        return _first(all_quoted[-1])
    part = before.strip().rstrip(":").rpartition(": ")[2]
    part = _VERBS.sub("", part)
    if cut := _ENDING.search(part):
        part = part[: cut.start()]
    return part.strip()


def _first(match: re.Match[str]) -> str:
    return next(group for group in match.groups() if group is not None)


def _raised(lines: Sequence[str], number: int) -> str:
    """Where the exception of this line was raised, if it ends a traceback of Python."""
    line = lines[number]
    match = _RAISED.fullmatch(line)
    if match is None or not number or not lines[number - 1].startswith("  "):
        return ""
    for above in reversed(lines[:number]):
        if frame := _FRAME.fullmatch(above):
            return f"{frame[1]}:{frame[2]}"
        if not above.startswith("  "):
            return ""
    return ""


class Ground(Struct, frozen=True):
    """What is known of the place where a step ran."""

    root: str  # the project's
    room: str  # the root as the step saw it: the same, or its private folder
    folder: str  # of the step's commands, relative to the root
    maker: Callable[[str], str]  # of a path relative to the root: the step that makes it, or ""
    declared: Callable[[str], bool]  # whether a path is one that the step declares

    def shortened(self, path: str) -> str:
        """A path as seen from the root, if it lies there."""
        return path.removeprefix(f"{self.room}/").removeprefix(f"{self.root}/")

    def place(self, path: str) -> str | None:
        """Where a path that the step used lies in the project; None if elsewhere: nothing is looked at there."""
        folder = "" if os.path.isabs(path) else self.folder
        at = os.path.normpath(os.path.join(self.root, folder, self.shortened(path)))
        return at if at.startswith(f"{self.root}/") and "\0" not in path else None


def looked_up(found: Iterable[Clue], ground: Ground) -> tuple[Clue, ...]:
    """The clues, with what stands where they point."""
    return tuple(_at_its_place(clue, ground) for clue in found)


def _at_its_place(clue: Clue, ground: Ground) -> Clue:
    match clue.kind:
        case "no command" | "no interpreter":
            return _with_command(clue, ground)
        case "no file" | "no folder" | "no permission":
            return _with_path(clue, ground)
        case "exception":
            return replace(clue, at=ground.shortened(clue.at))
        case "no memory" | "no room" | "killed" | "made instead":
            return clue
        case _:
            assert_never(clue.kind)


def _with_command(clue: Clue, ground: Ground) -> Clue:
    """A script that stands there and yet is not found lacks the interpreter that its first line names."""
    at = ground.place(clue.what)
    if at is None:
        return clue
    if "/" not in clue.what:
        return replace(clue, instead=f"./{clue.what}") if os.path.isfile(at) else clue
    if not os.path.isfile(at):
        return _with_path(clue, ground)
    interpreter = _interpreter(at)
    if not interpreter or os.path.exists(interpreter):
        return replace(clue, is_there=True)
    return replace(clue, kind="no interpreter", instead=interpreter)


def _interpreter(path: str) -> str:
    """The interpreter that the first line of a script names; with the carriage return that may stand behind it."""
    try:
        handle = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
        try:
            head = os.read(handle, 256)
        finally:
            os.close(handle)
    except OSError:
        return ""
    if not head.startswith(b"#!"):
        return ""
    words = head[2:].split(b"\n")[0].strip(b" \t").split(b" ")
    return os.fsdecode(words[0])


def _with_path(clue: Clue, ground: Ground) -> Clue:
    at = ground.place(clue.what) if clue.what else None
    if at is None:
        return clue
    relative = os.path.relpath(at, ground.root)
    try:
        there = os.path.lexists(at)
        if not there and not os.path.isdir(os.path.dirname(at)) and clue.kind != "no command":
            clue = replace(clue, kind="no folder", instead=os.path.dirname(clue.what))
        elif not there:
            clue = replace(clue, instead=_elsewhere(clue.what, at, ground))
    except (OSError, ValueError):
        return clue
    return replace(clue, is_there=there, maker=ground.maker(relative), declared=ground.declared(relative))


def _elsewhere(what: str, at: str, ground: Ground) -> str:
    """A file of nearly that name in the same folder, or of that very path seen from the root."""
    if ground.folder and not os.path.isabs(what) and os.path.exists(os.path.join(ground.root, what)):
        return os.path.relpath(os.path.join(ground.root, what), os.path.join(ground.root, ground.folder))
    near = near_name(os.path.basename(at), _names(os.path.dirname(at)))
    return os.path.join(os.path.dirname(what), near) if near else ""


def near_name(name: str, names: Iterable[str]) -> str:
    """The one of these names that is most like another one, if any is."""
    import difflib

    low = {each.lower(): each for each in names if each != name}
    near = difflib.get_close_matches(name.lower(), low, n=1, cutoff=0.7)
    return low[near[0]] if near else ""


def _names(folder: str) -> list[str]:
    return [name for name, _ in _entries(folder)]


def _entries(folder: str) -> Iterator[tuple[str, os.DirEntry[str]]]:
    with os.scandir(folder) as entries:
        for number, entry in enumerate(entries):
            if number >= MOST_NEAR:
                return
            yield entry.name, entry


def _is_file_since(entry: os.DirEntry[str], since: float) -> bool:
    return entry.is_file(follow_symlinks=False) and entry.stat(follow_symlinks=False).st_ctime >= since


def made_instead(path: str, since: float, ground: Ground) -> Clue | None:
    """The file of nearly the name of an output that was made while the step ran, and that nobody claims."""
    folder, name = os.path.split(path)
    for where in dict.fromkeys((folder, ground.folder, "")):
        fresh = []
        try:
            for each, entry in _entries(os.path.join(ground.room, where)):
                relative = os.path.join(where, each)
                known = relative == path or ground.maker(relative) or ground.declared(relative)
                if not known and _is_file_since(entry, since):
                    fresh.append(each)
        except OSError:
            continue
        found = name if name in fresh else near_name(name, fresh)
        if found:
            return Clue("made instead", os.path.join(where, found), is_there=True)
    return None
