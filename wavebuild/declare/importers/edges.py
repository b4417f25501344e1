"""The edges of a build.ninja as a graph of steps: which become steps, what they are called, what each waits for.

It does not know the grammar of ninja, nor how a step is written.
"""

from __future__ import annotations

import os.path
import posixpath
import re
from collections.abc import Iterable, Iterator, Sequence

from msgspec import Struct, field

from wavebuild.declare import paths
from wavebuild.declare.importers.manifest import Edge, Manifest
from wavebuild.declare.importers.naming import Ground, Names, folders_of, spelled
from wavebuild.declare.importers.writing import is_writable
from wavebuild.declare.source import word
from wavebuild.errors import Place, Problem

_RUNS_NINJA = re.compile(r"\s*(?:\S*/)?ninja(?:-build)?\s(?:.*\s)?-t\s")


class Work(Struct):
    """An edge that becomes a step. ``words`` are outputs that are no files to look for."""

    edge: Edge
    outputs: tuple[str, ...]
    name: str = ""
    alias: str = ""  # the phony name it goes by
    words: frozenset[str] = frozenset()
    notes: list[str] = field(default_factory=list)
    always: bool = False


class Losses(Struct):
    """What could not be carried over, in the order it was found."""

    found: list[Problem] = field(default_factory=list)

    def tell(self, place: Place, message: str, remedy: str = "", work: Work | None = None) -> None:
        self.found.append(Problem("not-carried", message, place, remedy, severity="warning"))
        if work is not None:
            work.notes.append(f"{place}: {message}")


class Reads(Struct):
    """What a step waits for: files it reads, steps that come first, and whether something of it is never fresh."""

    files: dict[str, bool] = field(default_factory=dict)  # path → whether it may be missing
    needs: dict[str, None] = field(default_factory=dict)
    never_fresh: bool = False


class Edges:
    """Paths here begin at the root of the Wavefile to be."""

    def __init__(self, manifest: Manifest, ground: Ground, losses: Losses) -> None:
        self._manifest = manifest
        self._ground = ground
        self._losses = losses
        self._phony: dict[str, Edge] = {}
        self._makers: dict[str, Work] = {}
        self.works: list[Work] = []
        self.groups: dict[str, str] = {}  # path of a phony → the step that stands for it
        self._aliases: dict[str, Work] = {}  # path of a phony → the one step without files that it names
        self._sort()
        self._tell_words_from_files()
        self._give_names(Names())
        self.wanted = self._behind_defaults()  # None: all

    def placed(self, paths_of_ninja: Iterable[str]) -> tuple[str, ...]:
        """Paths from the root, each once: CMake names some files twice, absolute and relative."""
        return tuple(dict.fromkeys(map(self._ground.placed, paths_of_ninja)))

    def maker(self, path: str) -> Work | None:
        return self._makers.get(path)

    def is_phony(self, path: str) -> bool:
        return path in self._phony

    def makes_in(self, folder: str) -> bool:
        return any(path.startswith(folder + "/") for path in self._makers)

    def step_of(self, path: str) -> str | None:
        """The step that makes a path, or stands for a phony name."""
        work = self._makers.get(path)
        return work.name if work else self.groups.get(path)

    # --- which become steps

    def _sort(self) -> None:
        build_files = set(self.placed(self._manifest.files))
        for edge in self._manifest.edges:
            made = self.placed((*edge.outputs, *edge.implicit_outputs))
            if edge.is_phony:
                self._phony.update(dict.fromkeys(made, edge))
            elif reason := self._hindrance(edge, made, build_files):
                message, remedy = reason
                shown = word(self._ground.told(made[0]))
                self._losses.tell(edge.place, f"the step of {shown} is not carried over: {message}", remedy)
            else:
                work = Work(edge, made)
                self.works.append(work)
                self._makers.update(dict.fromkeys(made, work))

    def _hindrance(self, edge: Edge, made: Sequence[str], build_files: set[str]) -> tuple[str, str] | None:
        """Why an edge cannot become a step, and what to do about it."""
        if build_files.intersection(made):
            return "it makes a build file of ninja", "when that has changed, import again"
        command = edge.value("command")
        if _RUNS_NINJA.match(command):
            return "it runs a tool of ninja itself", ""
        if not is_writable(command + edge.value("rspfile_content") + edge.value("rspfile")):
            return "its command is no UTF-8", ""
        for path in made:
            try:
                home = paths.Home(self._ground.root)
                paths.refuse_as_output(paths.normal(spelled(path, False, self._ground.root), home), home)
            except paths.PathProblem as problem:
                return problem.message, self._wider(path) if paths.outside(path) else problem.remedy
        return None

    def _wider(self, path: str) -> str:
        """How a Wavefile could own an output that lies outside the root."""
        above = os.path.commonpath((self._ground.root, os.path.normpath(os.path.join(self._ground.root, path))))
        if above == "/":
            return ""
        return f"a Wavefile further up can: -o {os.path.relpath(above, self._ground.folder)}/Wavefile"

    # --- which outputs are files

    def _tell_words_from_files(self) -> None:
        """Outputs that no command makes, and folders that other steps build in, are no files to look for."""
        folders = folders_of(self._makers)
        read = self._read_by_steps()
        for work in self.works:
            words = [path for path in work.outputs if self._is_a_word(path, work.edge, read)]
            work.words = frozenset((*words, *folders.intersection(work.outputs)))
            work.outputs = tuple(path for path in work.outputs if path not in work.words)
            work.always = bool(words) and not work.outputs
            for path in words:
                if not _is_of_cmake(path):
                    message = (
                        f"{word(self._ground.told(path))} is taken for a word, not a file, as no command speaks of it"
                    )
                    self._losses.tell(work.edge.place, f"{message}: the step always runs", work=work)

    def _read_by_steps(self) -> frozenset[str]:
        return frozenset(
            path
            for edge in self._manifest.edges
            if not edge.is_phony
            for path in self.placed((*edge.inputs, *edge.implicit_inputs))
        )

    def _is_a_word(self, path: str, edge: Edge, read: frozenset[str]) -> bool:
        """Whether an output is but a word to call a step by: ninja runs such a step each time."""
        if self._ground.is_there(path):
            return False
        if _is_of_cmake(path):
            return not _speaks_of(edge, path[path.rindex("CMakeFiles/") :])
        file = posixpath.basename(path)
        if file.startswith("meson-internal__"):
            return True
        return "." not in file and path not in read and not _speaks_of(edge, file)

    # --- what steps are called

    def _give_names(self, names: Names) -> None:
        """Phony names first, as they are what people type; then steps by their outputs."""
        for path in self._phony:
            work = self._only_word(path)
            if work is not None and not work.name:
                work.alias = self._ground.told(path)
                work.name = names.give(work.alias)
                self._aliases[path] = work
        for path in self._standing_for_steps():
            self.groups[path] = (
                self._aliases[path].name if path in self._aliases else names.give(self._ground.told(path))
            )
        for work in self.works:
            work.name = work.name or names.give(self._ground.told((*work.outputs, *sorted(work.words))[0]))

    def _only_word(self, path: str) -> Work | None:
        """The step without files that a phony is the name of, such as `test` of CMake; it reads all else behind it."""
        behind = self.behind(path)
        works = [self._makers[other] for other in behind if other in self._makers]
        found = next((work for work in works if not work.outputs), None)
        if found is None:
            return None
        edge = found.edge
        read = self.placed((*edge.inputs, *edge.implicit_inputs, *edge.order_only))
        return found if found.words.union(read).issuperset(behind) else None

    def behind(self, path: str) -> tuple[str, ...]:
        """What a phony stands for."""
        edge = self._phony[path]
        every = self.placed((*edge.inputs, *edge.implicit_inputs, *edge.order_only))
        return tuple(other for other in every if other != path)

    def _standing_for_steps(self) -> Iterator[str]:
        """The phony names with a step behind them, near or far."""
        reached = {path for path in self._phony if any(other in self._makers for other in self.behind(path))}
        above: dict[str, list[str]] = {}
        for path in self._phony:
            for other in self.behind(path):
                above.setdefault(other, []).append(path)
        stack = list(reached)
        while stack:
            for path in above.get(stack.pop(), ()):
                if path not in reached:
                    reached.add(path)
                    stack.append(path)
        return (path for path in self._phony if path in reached)

    # --- what is built, and after what

    def _behind_defaults(self) -> frozenset[str] | None:
        if not self._manifest.defaults:
            return None
        seen: set[str] = set()
        stack = [*self.placed(path for path, _ in self._manifest.defaults)]
        while stack:
            path = stack.pop()
            edge = None if path in seen else self._edge(path)
            seen.add(path)
            if edge is not None:
                every = (*edge.inputs, *edge.implicit_inputs, *edge.order_only, *edge.validations)
                stack += self.placed(every)
        return frozenset(seen)

    def _edge(self, path: str) -> Edge | None:
        work = self._makers.get(path)
        return work.edge if work else self._phony.get(path)

    def validations(self) -> Iterator[str]:
        """The steps that are wanted with others though nothing reads what they make."""
        for path in sorted(self.wanted or ()):
            edge = self._edge(path)
            for other in self.placed(edge.validations) if edge else ():
                if name := self.step_of(other):
                    yield name

    def reads(self, work: Work) -> Reads:
        """All that stands behind the inputs of a step, seen through phony names."""
        found = Reads()
        data = list(self.placed((*work.edge.inputs, *work.edge.implicit_inputs)))
        order = list(self.placed(work.edge.order_only))
        seen: set[str] = set()
        for path in data:  # which grows
            if path in seen:
                continue
            seen.add(path)
            phony = self._phony.get(path)
            if phony is None:
                self._read(path, found)
            elif phony.inputs or phony.implicit_inputs or phony.order_only:
                data += self.placed((*phony.inputs, *phony.implicit_inputs))
                order += self.placed(phony.order_only)
            elif self._ground.is_there(path):
                found.files[path] = True
            else:
                found.never_fresh = True  # so ninja holds it
        found.needs |= dict.fromkeys(name for path in order if (name := self.step_of(path)) is not None)
        for path in found.files:
            if maker := self._makers.get(path):
                found.needs.pop(maker.name, None)  # it comes first anyway
        found.needs.pop(work.name, None)
        return found

    def _read(self, path: str, found: Reads) -> None:
        maker = self._makers.get(path)
        if maker is None or path not in maker.words:
            found.files[path] = False
            return
        found.needs[maker.name] = None
        # What a step without files did cannot be compared; with `restat` ninja goes on only if a file has changed.
        found.never_fresh |= maker.always and not maker.edge.value("restat")


def _is_of_cmake(path: str) -> bool:
    """Whether a path is the kind by which CMake calls its targets that make no file."""
    *folders, file = path.split("/")
    return folders[-1:] == ["CMakeFiles"] or ("CMakeFiles" in folders and file.endswith(".util"))


def _speaks_of(edge: Edge, path: str) -> bool:
    """Whether the command of an edge has this path, or the end of one, as a word of its own."""
    text = edge.value("command") + " " + edge.value("rspfile_content")
    return re.search(rf"(?<![\w.-]){re.escape(path)}(?![\w.-])", text) is not None
