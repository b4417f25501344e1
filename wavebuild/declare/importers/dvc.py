"""dvc.yaml → a Wavefile: each stage becomes a step, each `foreach` and `matrix` a repeated one.

It does not know whether what is written links and builds: the engine tries that.
"""

from __future__ import annotations

import os.path
import re
from collections.abc import Iterator, Mapping, Sequence

from msgspec import Struct, field

from wavebuild import disk
from wavebuild.declare import syntax, wavefile
from wavebuild.declare.importers import Foreign, Imported, writing
from wavebuild.declare.importers.dvc_paths import Path, Shapes, data_at, literally, lock_entries
from wavebuild.declare.importers.dvc_stages import Definition, Output, Parameters, Project, Stage, read_project
from wavebuild.declare.importers.dvc_vars import read_values
from wavebuild.declare.importers.writing import Noted, Writable
from wavebuild.declare.model import Json
from wavebuild.declare.model import Step as ReadStep
from wavebuild.declare.source import Problems, Unreadable, word
from wavebuild.errors import Place, WavebuildError

_SHELL_SIGNS = re.compile(r"[;|&$`(]")
_SET_BY_DVC = re.compile(r"\bDVC_(?:ROOT|STAGE)\b")
_SIMPLE_KEY = re.compile(r"[\w.-]+")
_KEYED_FILE = re.compile(r"[^#\s,*?\[]+\.(?:yaml|yml|json|toml)")
_SHOWN = 10
_GUESSES = (
    (True, "directories", "if one is a file: remove the slash behind it"),
    (False, "files", "if one is a directory: add a slash behind it"),
)
_SHELL = "as DVC runs commands: nothing stops in the middle of a line"


def imported(foreign: Foreign) -> Imported:
    """The Wavefile that builds what a dvc.yaml builds. Raises WavebuildError with every problem of that file."""
    project = _project(foreign)
    shapes = _shapes(project)
    writer = _Writer(project, shapes)
    followed = frozenset(definition.name for definition in project.definitions if writer.follows(definition))
    live, why = _faithful(writer, followed)
    document = writer.document(live)
    writer.leave_what_is_fixed(live, why)
    return Imported(document, project.listed(), (foreign.path,))


def _project(foreign: Foreign) -> Project:
    text = syntax.decoded(disk.read_regular(foreign.path, syntax.MAX_BYTES), foreign.shown)
    problems = Problems(foreign.shown, text)
    folder = os.path.relpath(os.path.dirname(foreign.path), foreign.root)
    project = Project(foreign.root, "" if folder == "." else folder, problems)
    try:
        value = syntax.parse(text, problems)
    except Unreadable:
        value = None
    else:
        if value is None:
            problems.add("empty", None, "the file is empty")
        else:
            read_project(value, project)
    problems.raise_if_any()
    return project


def _shapes(project: Project) -> Shapes:
    stages = [stage for definition in project.definitions for stage in definition.stages]
    shapes = Shapes(project.root, "\n".join(text.now for stage in stages for text in stage.commands))
    lock = data_at(os.path.join(project.root, project.folder, "dvc.lock"))
    for stage in stages:
        known = dict(lock_entries(lock, stage.name))
        shapes.learn_lock((path, known[written]) for written, path in stage.locked if written in known)
        shapes.learn([*stage.inputs, *(output.path for output in stage.outputs)])
    made = [output.path for stage in stages for output in stage.outputs]
    for path in (*made, *(path for stage in stages for path in stage.inputs)):
        shapes.is_directory(path)  # a guess is told where a path is made, before where it is read
    return shapes


class _Writer(Struct):
    """Writes stages as steps: with templates that follow the vars, or with the values of now."""

    project: Project
    shapes: Shapes
    names: dict[str, str] = field(default_factory=dict)  # of stages and definitions → of steps

    def __post_init__(self) -> None:
        definitions = [definition.name for definition in self.project.definitions]
        stages = [stage.name for definition in self.project.definitions for stage in definition.stages]
        for name in (*sorted(definitions, key=lambda name: name != _plain(name)), *stages):
            if name not in self.names:
                self._name(name)

    def _name(self, wanted: str) -> None:
        plain = _plain(wanted)
        name, number = plain, 2
        while name in self.names.values():
            name, number = f"{plain}-{number}", number + 1
        self.names[wanted] = name

    # --- the whole file

    def document(self, live: frozenset[str]) -> dict[str, Writable]:
        """The Wavefile in which these definitions follow the vars."""
        steps: dict[str, Writable] = {}
        for definition in self.project.definitions:
            steps |= self.steps(definition, definition.name in live)
        uses = frozenset().union(*(self._uses(one) for one in self.project.definitions if one.name in live))
        document: dict[str, Writable] = {}
        sources = [source for source in self.project.sources if source.names & uses]
        if sources:
            only = sources[0].written
            document["vars"] = (
                only if len(sources) == 1 and isinstance(only, Mapping) else [source.written for source in sources]
            )
        if settings := self._settings():
            document["settings"] = settings
        return {**document, "steps": steps}

    def _uses(self, definition: Definition) -> frozenset[str]:
        return definition.uses.union(*(text.uses for stage in definition.stages for text in stage.texts))

    def _settings(self) -> dict[str, Writable]:
        commands = [text.now for one in self.project.definitions for stage in one.stages for text in stage.commands]
        settings: dict[str, Writable] = {}
        if any(_SHELL_SIGNS.search(command) for command in commands):
            settings["shell"] = Noted(["bash", "-c"], [_SHELL])
        ignored = list(self._ignored())
        if ignored:
            settings["ignore"] = ignored
        return settings

    def _ignored(self) -> Iterator[str]:
        """The plain patterns of .dvcignore."""
        path = os.path.join(self.project.root, ".dvcignore")
        try:
            content = disk.read_regular(path, syntax.MAX_BYTES).decode("utf-8", "replace")
        except OSError:
            return
        for number, line in enumerate(content.splitlines(), 1):
            pattern = line.strip()
            if not pattern or pattern.startswith("#"):
                continue
            if re.fullmatch(r"[\w.*?-]+", pattern) and "**" not in pattern:
                yield pattern
            else:
                self.project.leave_at(Place(".dvcignore", number, 1), f"the pattern {word(pattern)} is not carried")

    # --- steps

    def follows(self, definition: Definition) -> bool:
        """Whether there is a template for all that its texts ask for."""
        if definition.repeated is None and not self._uses(definition):
            return False
        return self._followed(definition) is not None

    def _followed(self, definition: Definition) -> dict[str, Writable] | None:
        if not definition.stages:
            return None
        if any(text.live is None for stage in definition.stages for text in stage.texts):
            return None
        first, *others = (self.step(stage, live=True) for stage in definition.stages)
        return first if all(other == first for other in others) else None

    def steps(self, definition: Definition, live: bool) -> dict[str, Writable]:
        name = self.names[definition.name]
        if live:
            followed = self._followed(definition)
            assert followed is not None
            return {name: {**({"foreach": definition.repeated} if definition.repeated else {}), **followed}}
        found: dict[str, Writable] = {self.names[one.name]: self.step(one, live=False) for one in definition.stages}
        if definition.repeated is not None and found:
            found = {name: {"needs": list(found)}, **found}
        return found

    def step(self, stage: Stage, live: bool) -> dict[str, Writable]:
        step: dict[str, Writable] = {}
        if stage.title is not None and (title := " ".join(stage.title.template(live).split())):
            step["title"] = title
        if live and stage.given:
            step["with"] = dict(stage.given)
        inputs: list[Writable] = [self._artifact(path, live) for path in stage.inputs]
        inputs += [_parameters(one, live) for one in stage.parameters]
        outputs = [self._output(output, live) for output in stage.outputs]
        for key, artifacts in (("inputs", inputs), ("outputs", outputs)):
            if artifacts:
                step[key] = artifacts[0] if len(artifacts) == 1 else artifacts
        if stage.folder is not None:
            step["cwd"] = stage.folder.template(live)
        if stage.always:
            step["always"] = True
        elif not (inputs or outputs):
            step["always"] = Noted(True, ["as DVC does with a stage that reads and makes nothing"])
        if stage.frozen:
            step["frozen"] = True
        commands = [command.template(live) for command in stage.commands]
        step["run"] = commands[0] if len(commands) == 1 else commands
        return step

    def _artifact(self, path: Path, live: bool) -> str:
        is_directory = self.shapes.is_directory(path)
        if live and path.filled.uses and path.filled.live is not None:
            return path.filled.live + ("/" if is_directory else "")
        return literally(path.now, is_directory)

    def _output(self, output: Output, live: bool) -> Writable:
        artifact = self._artifact(output.path, live)
        return {"path": artifact, "in_place": True} if output.persist else artifact

    # --- what is said about it

    def leave_what_is_fixed(self, live: frozenset[str], why: Mapping[str, str]) -> None:
        """Tells what was guessed, renamed, or holds only as long as nothing else changes."""
        for definition in self.project.definitions:
            reason = why.get(definition.name, "")
            self._leave_of(definition, definition.name in live, f" ({reason})" if reason else "")
        self._leave_guesses()

    def _leave_guesses(self) -> None:
        """Which paths were taken for what by their names, and by what commands do with them."""
        for is_directory, kind, remedy in _GUESSES:
            guessed = {name: spot for name, (spot, guess) in self.shapes.guessed.items() if guess is is_directory}
            if guessed:
                names = list(guessed)
                shown = ", ".join(names[:_SHOWN]) + (f" and {len(names) - _SHOWN} more" if len(names) > _SHOWN else "")
                message = f"taken for {kind}, for neither dvc.lock nor the disk tells: {shown}"
                self.project.leave(guessed[names[0]], message, remedy)

    def _leave_of(self, definition: Definition, live: bool, why: str) -> None:
        leave, spot = self.project.leave, definition.spot
        name = self.names[definition.name]
        if name != definition.name:
            leave(spot, f"the stage {word(definition.name)} is called {word(name)}, as names of steps go")
        if not live and definition.repeated is not None and definition.stages:
            leave(spot, f"the stages of {word(definition.name)} are written one by one: later values are not seen{why}")
        elif not live and self._uses(definition):
            leave(spot, f"the values of ${{…}} in {word(definition.name)} are written in as they are now{why}")
        for stage in definition.stages:
            self._leave_of_stage(stage, live)
            for one in stage.parameters:
                self._leave_of_parameters(one, definition)

    def _leave_of_stage(self, stage: Stage, live: bool) -> None:
        leave = self.project.leave
        for command in stage.commands:
            for mapping in command.spread if live else ():
                leave(stage.spot, f"keys that come to {word(mapping)} later are not seen: its keys of now are options")
            if found := _SET_BY_DVC.search(command.now):
                leave(stage.spot, f"a command uses {found[0]}, which wavebuild does not set", _INSTEAD[found[0]])

    def _leave_of_parameters(self, one: Parameters, of: Definition) -> None:
        path, keys = one.path.now, one.keys
        if keys is None:
            return
        if not _is_keyed(path):
            message = f"single keys of {path} cannot be read: any change of the file makes the step stale"
            self.project.leave(one.path.spot, message)
            return
        try:
            value = read_values(os.path.join(self.project.root, path), path)
        except (OSError, WavebuildError):
            return
        for key in keys:
            if not _has(value, key.now):
                message = f"{path} has no key {word(key.now)} now: {word(of.name)} cannot run until it has"
                self.project.leave(one.path.spot, message)


def _plain(name: str) -> str:
    """The name as a step may have it."""
    return (re.sub(r"[^\w.-]+", "-", name).lstrip(".-") or "stage")[:90]


_INSTEAD = {"DVC_ROOT": "there is WAVEBUILD_ROOT", "DVC_STAGE": "there is WAVEBUILD_STEP"}


def _parameters(one: Parameters, live: bool) -> Writable:
    path = one.path.filled.template(live) if live and one.path.filled.uses else literally(one.path.now, False)
    if one.keys is None:
        kind = {".yaml": "yaml", ".yml": "yaml", ".json": "json"}.get(os.path.splitext(one.path.now)[1])
        return {"path": path, "digest": kind} if kind else path
    if not _is_keyed(one.path.now):
        return path
    keys = [key.template(live) for key in one.keys]
    if _KEYED_FILE.fullmatch(path) and all(_SIMPLE_KEY.fullmatch(key) for key in keys):
        return f"{path}#{','.join(keys)}"
    return {"path": path, "keys": keys}


def _is_keyed(path: str) -> bool:
    return path.endswith((".yaml", ".yml", ".json", ".toml"))


def _has(value: Json, key: str) -> bool:
    for part in key.split("."):
        if isinstance(value, dict) and part in value:
            value = value[part]
        elif isinstance(value, list) and part.isdigit() and int(part) < len(value):
            value = value[int(part)]
        else:
            return False
    return True


# What is written must say the same, whether it follows the vars or has the values of now.


def _faithful(writer: _Writer, live: frozenset[str]) -> tuple[frozenset[str], dict[str, str]]:
    """Those definitions whose templates give what their values of now give, and why others do not."""
    nothing = frozenset[str]()
    wanted = _steps(writer, nothing)
    if isinstance(wanted, str) or not _difference(writer, live, wanted):
        return live, {}
    found = {name: _difference(writer, frozenset((name,)), wanted) for name in live}
    alike = frozenset(name for name, why in found.items() if not why)
    why = {name: why for name, why in found.items() if why}
    return (nothing if _difference(writer, alike, wanted) else alike), why


def _difference(writer: _Writer, live: frozenset[str], wanted: Mapping[str, Sequence[ReadStep]]) -> str:
    """Why the Wavefile with these templates is another than the one with the values of now; empty if it is not."""
    found = _steps(writer, live)
    if isinstance(found, str):
        return found
    for name in live:
        if sorted(map(_essence, found[name])) != sorted(map(_essence, wanted[name])):
            return "templates show them otherwise"
    return ""


def _steps(writer: _Writer, live: frozenset[str]) -> dict[str, list[ReadStep]] | str:
    """The steps of each definition as a Wavefile says them, or why it cannot be read."""
    project = writer.project
    try:
        text = writing.written(writer.document(live))
        read = wavefile.loaded(os.path.join(project.root, "Wavefile"), text.encode())
    except WavebuildError as error:
        return error.problems[0].message
    except writing.Unwritable as error:
        return f"YAML cannot hold {word(error.text)}"
    found: dict[str, list[ReadStep]] = {definition.name: [] for definition in project.definitions}
    homes = {writer.names[definition.name]: definition.name for definition in project.definitions}
    homes |= {writer.names[stage.name]: one.name for one in project.definitions for stage in one.stages}
    for step in read.steps:
        if not step.is_group:
            found[homes[step.base or step.name]].append(step)
    return found


def _essence(step: ReadStep) -> tuple[str, ...]:
    """All of a step that decides what it builds, in an order that can be compared."""
    facts = (step.action, step.cwd, step.title, step.always, step.frozen)
    artifacts = [
        sorted(f"{artifact.text} {artifact.kind} {artifact.digest} {artifact.in_place}" for artifact in side)
        for side in (step.inputs, step.outputs)
    ]
    return tuple(map(repr, (*facts, *artifacts)))
