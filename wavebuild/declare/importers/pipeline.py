"""A pipeline with `stages:` → a Wavefile: each stage becomes a step of an agent, with a review if it has an advisor.

It does not know who the agents are: the Wavefile takes their commands from variables, until a person writes them in.
"""

from __future__ import annotations

import re

from wavebuild import disk
from wavebuild.declare import syntax
from wavebuild.declare.importers import Foreign, Imported, writing
from wavebuild.declare.importers.stages import Stage, Stages, read_stages
from wavebuild.declare.importers.writing import Noted, Writable
from wavebuild.errors import Place, Problem

FOLDER = "work"
"""Where the outputs of the steps lie."""

_HOLE = re.compile(r"\{([^\s{}]+)\}")
_PART = re.compile(r"(?P<stage>.+)\.(?P<part>content|artifacts|metadata|review|last_review|last_output)")
_NO_NAME = re.compile(r"[^A-Za-z0-9_]")


def imported(foreign: Foreign) -> Imported:
    """The Wavefile of a pipeline. Raises WavebuildError with every problem of that file, but for unknown keys."""
    text = syntax.decoded(disk.read_regular(foreign.path, syntax.MAX_BYTES), foreign.shown)
    found = read_stages(text, foreign.shown, lenient=True)
    writer = _Writer(found)
    document = writer.document()
    return Imported(document, (*found.unknown, *writer.left), (foreign.path,))


class _Writer:
    def __init__(self, stages: Stages) -> None:
        self._stages = stages
        self._names = {stage.name for stage in stages.stages}
        self.left: list[Problem] = []

    def document(self) -> dict[str, Writable]:
        stages = self._stages.stages
        agents = list(dict.fromkeys(stage.agent for stage in stages))
        advisors = list(dict.fromkeys(stage.advisor for stage in stages if stage.advisor))
        found: dict[str, Writable] = {}
        if self._stages.title:
            found["name"] = self._stages.title
        if self._stages.thresholds:
            found["thresholds"] = dict(self._stages.thresholds)
        found["agents"] = Noted(
            {_named(name): {"run": _command("AGENT", name, "< {{ prompt_file }} > {{ outputs }}")} for name in agents},
            ["Write the command of each agent here: it reads a prompt, and prints what it has made."],
        )
        if advisors:
            found["advisors"] = Noted(
                {_named(name): {"run": _command("ADVISOR", name, "{{ outputs }}")} for name in advisors},
                ["Write the command of each advisor here: it reads files, and prints a review as JSON."],
            )
        categories = dict.fromkeys(stage.category for stage in stages if stage.category)
        unknown: dict[str, Writable] = {name: {} for name in categories if name not in self._stages.thresholds}
        if unknown:
            found["categories"] = unknown
        found["steps"] = {stage.name: self._step(stage) for stage in stages}
        place = Place(stages[0].place.file)
        many = ", ".join([*agents, *advisors])
        message = f"who {many} are, a pipeline does not say"
        remedy = "write their commands into the Wavefile, or give them in the variables named there"
        self.left.append(Problem("agents", message, place, remedy, severity="warning"))
        return found

    def _step(self, stage: Stage) -> dict[str, Writable]:
        keys: dict[str, None] = {}
        task = _HOLE.sub(lambda hole: self._filled(stage, hole, keys), writing.literal(stage.task))
        inputs: list[Writable] = [f"{FOLDER}/{name}.md" for name, _ in stage.after]
        step: dict[str, Writable] = {"category": stage.category} if stage.category else {}
        if inputs or keys:
            step["inputs"] = [*inputs, *(f"mem:{key}" for key in keys)]
        step |= {"agent": _named(stage.agent), "prompt": {"text": task}, "outputs": f"{FOLDER}/{stage.name}.md"}
        if stage.advisor:
            review: dict[str, Writable] = {"advisor": _named(stage.advisor)}
            step["review"] = review | ({"retries": stage.retries} if stage.retries else {})
        return step

    def _filled(self, stage: Stage, hole: re.Match[str], keys: dict[str, None]) -> str:
        """What stands for `{key}`: a value of the memory, or the file that another step has made."""
        key = hole[1]
        of_step = _PART.fullmatch(key)
        if of_step is None or of_step["stage"] not in self._names:
            keys[key] = None
            name = key if _NO_NAME.search(key) is None else None
            message = f"stage {stage.name!r} uses {{{key}}}: give it a value under mem, or by --mem {key}=…"
            self._leave(stage, message)
            return f"{{{{ mem.{name} }}}}" if name else f"{{{{ mem[{key!r}] }}}}"
        path = f"{FOLDER}/{of_step['stage']}.md"
        self._leave(stage, f"stage {stage.name!r} uses {hole[0]}: the prompt names the file {path} instead")
        return f"(see {path})"

    def _leave(self, stage: Stage, message: str) -> None:
        problem = Problem("task", message, stage.place, severity="warning")
        if problem not in self.left:
            self.left.append(problem)


def _named(name: str) -> str:
    """The name as the language writes names."""
    return re.sub(r"[^\w.-]+", "-", name)


def _command(what: str, name: str, rest: str) -> str:
    variable = f"{what}_{_NO_NAME.sub('_', name).upper()}"
    return f"${{{variable}:?write the command of {_NO_NAME.sub(' ', name)} into the Wavefile}} {rest}"
