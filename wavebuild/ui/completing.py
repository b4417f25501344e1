"""What the word at the cursor may become: names, paths, tags, flags and their values, as the project is known.

It does not know which shell asks, but for how the answer is written. Nothing is built, run or written for it, and
whatever is wrong with the project or the line, it says nothing of that.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from functools import cached_property
from typing import TYPE_CHECKING, Any

from msgspec import Struct

from wavebuild.errors import WavebuildError
from wavebuild.ui.arguments import ANYWHERE, JOBS, is_valued
from wavebuild.ui.vocabulary import COMMANDS

if TYPE_CHECKING:
    from wavebuild.engine.request import Request
    from wavebuild.graph import Graph

MOST_INSTANCES = 100
"""Instances that are offered beside their step; of more, only when the ``@`` is typed."""

MOST_FILES = 5000

TARGETS = frozenset({"build", "plan", "status", "clean", "watch", "graph"})
SUBJECTS = frozenset({"explain", "accept"})
STEPS = frozenset({"show", "log", "history", "freeze", "unfreeze", "forget"})


class Candidate(Struct, frozen=True, order=True):
    """``open``: more may come to the word, so no space follows it."""

    text: str
    about: str = ""
    open: bool = False


class Line(Struct, frozen=True):
    """A command line up to the cursor, taken apart."""

    command: str  # "" if none is named yet
    flags: tuple[tuple[str, str], ...]  # those with values
    words: tuple[str, ...]
    asked: str = ""  # the flag whose value is typed
    lead: str = ""  # what of the word at the cursor stands before that value: ``--profile=``
    ended: bool = False  # ``--`` was said: all that comes is a word


def taken_apart(before: Sequence[str], current: str) -> Line:
    """``before``: the words between the command and the cursor."""
    command, flags, words, ended, asked = "", list[tuple[str, str]](), list[str](), False, ""
    may_be_command = True
    for word in before:
        if asked:
            flags.append((asked, word))
            asked = ""
        elif ended or not word.startswith("-") or word == "-":
            if may_be_command and not ended and word in COMMANDS and not words:
                command = word
            else:
                words.append(word)
            may_be_command = False
        elif word == "--":
            ended = True
        else:
            name, value, whole = _flag(word, command)
            may_be_command = may_be_command and name in ANYWHERE
            if whole:
                flags.append((name, value))
            elif is_valued(name, command) and name not in JOBS:
                asked = name
    lead = ""
    if not asked and not ended and current.startswith("-"):
        name, value, whole = _flag(current, command)
        if whole:
            asked, lead = name, current[: len(current) - len(value)]
    return Line(command, tuple(flags), tuple(words), asked, lead, ended)


def _flag(word: str, command: str) -> tuple[str, str, bool]:
    """The flag of a word, its value, and whether that stands in the word; of ``-kC`` the last."""
    if word.startswith("--"):
        name, equals, value = word.partition("=")
        return name, value, bool(equals) and is_valued(name, command)
    for at, letter in enumerate(word[1:], start=1):
        if is_valued(f"-{letter}", command):
            return f"-{letter}", word[at + 1 :], at + 1 < len(word)
    return f"-{word[-1]}", "", False


class Project:
    """What is known of the project that a line speaks of; looked up when it is first asked for."""

    def __init__(self, request: Request) -> None:
        self._request = request

    @cached_property
    def path(self) -> str:
        from wavebuild.engine.hints import wavefile_near

        return wavefile_near(self._request)

    @cached_property
    def graph(self) -> Graph | None:
        from wavebuild.engine.hints import graph_known

        return graph_known(self._request, self.path) if self.path else None

    def keys(self, section: str) -> list[str]:
        from wavebuild.engine.hints import keys_of

        return keys_of(self.path, section) if self.path else []

    @property
    def folder(self) -> str:
        """Where the person is, as seen from the root."""
        root = self.graph.wavefile.root if self.graph else self._request.directory
        found = os.path.relpath(self._request.directory, root)
        return "" if found == "." else found

    @property
    def here(self) -> str:
        return self._request.directory


def candidates(line: Line, current: str, project: Callable[[], Project]) -> list[Candidate]:
    """All that the word at the cursor may become, in the order in which it is offered."""
    if line.asked:
        value = current[len(line.lead) :]
        found = [each for each in _values(line, value, project) if each.text.startswith(value)]
        return [Candidate(f"{line.lead}{each.text}", each.about, each.open) for each in found]
    if current.startswith("-") and not line.ended:
        return [each for each in _flags(line.command) if each.text.startswith(current)]
    found = list(_words(line, current, project))
    seen = dict[str, Candidate]()
    for each in found:
        if each.text.startswith(current):
            seen.setdefault(each.text, each)
    return list(seen.values())


def _words(line: Line, current: str, project: Callable[[], Project]) -> Iterator[Candidate]:
    command = line.command or "build"
    if command == "import":
        yield from files(current, project().here)
    elif command == "mem":
        yield from _memory(project())
    elif command in TARGETS | SUBJECTS | STEPS and command != "graph":
        yield from names(current, project(), command)
        if command not in STEPS:
            yield from output_paths(current, project())
        if command in SUBJECTS and "/" in current:
            yield from files(current, project().here)
    if not line.command and not line.words and not line.ended:
        yield from (Candidate(each, "command") for each in COMMANDS)


def names(current: str, project: Project, command: str = "build") -> Iterator[Candidate]:
    """Steps, instances, and what selects many steps."""
    graph = project.graph
    if graph is None:
        return
    lead = "+" if current.startswith("+") and command in TARGETS else ""
    wanted = current[len(lead) :]
    if wanted.startswith("step:"):
        lead, wanted = f"{lead}step:", wanted[len("step:") :]
    elif command in TARGETS:
        for kind in ("tag", "phase"):
            if wanted.startswith(f"{kind}:"):
                labels = _labels(graph, kind)
                yield from (Candidate(f"{lead}{kind}:{each}", kind) for each in labels)
                return
        if wanted and not lead:
            yield from (Candidate(each, "", True) for each in ("tag:", "phase:", "step:") if each.startswith(wanted))
    found = [name for name in graph.number if name.startswith(wanted)]
    instances = [name for name in found if "@" in name]
    if "@" not in wanted and len(instances) > MOST_INSTANCES:
        found = [name for name in found if "@" not in name]
    few = len(found) <= MOST_INSTANCES
    for name in found:
        about = (graph.wavefile.steps[graph.number[name]].title or "") if few else ""
        yield Candidate(f"{lead}{name}", about)


def _labels(graph: Graph, kind: str) -> list[str]:
    found = dict[str, None]()
    for step in graph.wavefile.steps:
        found.update(dict.fromkeys(step.tags if kind == "tag" else [step.phase] if step.phase else []))
    return list(found)


def output_paths(current: str, project: Project) -> Iterator[Candidate]:
    """What steps make, a folder at a time, as seen from where the person is."""
    graph = project.graph
    if graph is None:
        return
    typed, _, _ = current.rpartition("/")
    lead = f"{typed}/" if typed else ""
    inside = os.path.normpath(os.path.join(project.folder, typed))
    start = "" if inside == "." else f"{inside}/"
    found = dict[str, bool]()
    outline = graph.owners.outline
    for path in (*outline.file_owner, *(each.artifact.path.split("*")[0] for each in outline.wide)):
        if path.startswith(start) and len(path) > len(start):
            part, slash, _ = path[len(start) :].partition("/")
            found[part] = found.get(part, False) or bool(slash)
    yield from (Candidate(f"{lead}{part}{'/' if open_end else ''}", "", open_end) for part, open_end in found.items())
    wide = [each.artifact.path for each in outline.wide if each.artifact.path.endswith("/")]
    if lead and any(start.startswith(path) for path in wide):
        yield from files(current, project.here)


def files(current: str, folder: str, folders_only: bool = False) -> Iterator[Candidate]:
    """What lies in the folder that is typed so far; hidden files only when their dot is."""
    typed, slash, begun = current.rpartition("/")
    lead = f"{typed}{slash}"
    top = os.path.expanduser(lead) if lead.startswith("~") else lead
    try:
        with os.scandir(os.path.join(folder, top) if top else folder) as entries:
            for number, entry in enumerate(entries):
                if number >= MOST_FILES:
                    return
                if entry.name.startswith(begun) and (begun.startswith(".") or not entry.name.startswith(".")):
                    is_folder = entry.is_dir()
                    if is_folder or not folders_only:
                        yield Candidate(f"{lead}{entry.name}{'/' if is_folder else ''}", "", is_folder)
    except OSError:
        return


def _memory(project: Project) -> Iterator[Candidate]:
    from wavebuild.declare.model import Kind

    graph = project.graph
    if graph is not None:
        keys = [each.key for each in graph.wavefile.mem]
        keys += [each.artifact.path for each in graph.owners.things if each.artifact.kind is Kind.MEM]
        yield from (Candidate(key) for key in dict.fromkeys(keys) if "*" not in key)


def _values(line: Line, value: str, project: Callable[[], Project]) -> Iterator[Candidate]:
    """What the flag that is asked about may be given."""
    match line.asked:
        case "-C":
            yield from files(value, project().here, folders_only=True)
        case "--profile":
            yield from (Candidate(key, "profile") for key in project().keys("profiles"))
        case "--set":
            if "=" not in value:
                yield from (Candidate(f"{key}=", "", True) for key in project().keys("vars"))
        case "--mem":
            if "=" not in value:
                yield from (Candidate(f"{each.text}=", "", True) for each in _memory(project()))
        case "--twice":
            yield from names(value, project(), "show")
        case "--upstream" | "--downstream":
            yield from names(value, project(), "graph")
        case "-W" | "-o" if line.command != "import":
            yield from output_paths(value, project())
            yield from files(value, project().here)
        case "-f" | "--file" | "--pipeline" | "-o" | "--events" | "--timeline" | "--report":
            yield from files(value, project().here)
        case _:
            yield from _choices(line.command, line.asked)


# What the parser knows


def _parameters(command: str) -> list[Any]:
    from typer.main import get_command

    from wavebuild.ui.cli import app

    group: Any = get_command(app)
    inner: list[Any] = group.commands[command or "build"].params
    return inner if command else [*inner, *group.params]


def _flags(command: str) -> Iterator[Candidate]:
    for parameter in _parameters(command):
        for name in getattr(parameter, "opts", ()):
            if name.startswith("-"):
                yield Candidate(name, (getattr(parameter, "help", "") or "").rstrip("."))
    yield Candidate("--help", "Show what there is")


def _choices(command: str, flag: str) -> Iterator[Candidate]:
    for parameter in _parameters(command):
        if flag in getattr(parameter, "opts", ()):
            yield from (Candidate(str(each)) for each in getattr(parameter.type, "choices", ()))


# The answer


def answer(shell: str, argv: Sequence[str], environ: Mapping[str, str], folder: str) -> list[str]:
    """The lines by which a shell is told what there is."""
    from wavebuild.ui.shells import SHELLS, read_by_bash, written_for_bash

    if shell not in SHELLS:
        return []
    if shell == "bash":
        typed = read_by_bash(environ.get("_WAVEBUILD_LINE", ""), environ.get("_WAVEBUILD_BREAKS", ""))
        before, current = typed.before[1:], typed.current
    else:
        before, current = tuple(argv[:-1]), argv[-1] if argv else ""
    line = taken_apart(before, current)
    found = [each for each in candidates(line, current, lambda: _project(line, environ, folder)) if _fits(each.text)]
    if shell == "bash":
        return [written_for_bash(each.text, typed, not each.open) for each in found]
    about = [" ".join(each.about.split()) if each.about.isprintable() else "" for each in found]
    if shell == "fish":
        return [f"{each.text}\t{said}" if said else each.text for each, said in zip(found, about, strict=True)]
    kinds = ["open" if each.open else "done" for each in found]
    return [f"{kind}\t{each.text}\t{said}" for kind, each, said in zip(kinds, found, about, strict=True)]


def _fits(text: str) -> bool:
    """Whether a line can hold it: a name with a line end in it is left to whoever types it."""
    return not any(ord(char) < 32 or ord(char) == 127 for char in text)


def _project(line: Line, environ: Mapping[str, str], folder: str) -> Project:
    from wavebuild.engine.request import Request
    from wavebuild.ui.arguments import settings

    def given(*names: str) -> Iterable[str]:
        return [value for name, value in line.flags if name in names]

    directory = os.path.normpath(os.path.join(folder, *(os.path.expanduser(each) for each in given("-C"))))
    try:
        overrides = settings(given("--set"))
    except WavebuildError:
        overrides = ()
    file = next(iter(reversed([*given("-f", "--file", "--pipeline")])), None)
    profile = next(iter(reversed([*given("--profile")])), None) or environ.get("WAVEBUILD_PROFILE") or None
    told = tuple(sorted((name, value) for name, value in environ.items() if not name.startswith("_WAVEBUILD_")))
    return Project(Request(directory, file, overrides=overrides, profile=profile, environ=told))


def main(shell: str, argv: Sequence[str]) -> int:
    """Answers on stdout; whatever goes wrong, a shell is told nothing."""
    try:
        lines = answer(shell, argv, os.environ, os.getcwd())
        sys.stdout.buffer.write("".join(f"{line}\n" for line in lines).encode("utf-8", "surrogateescape"))
        sys.stdout.buffer.flush()
    except Exception:
        return 0
    return 0
