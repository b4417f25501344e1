"""What a step's action becomes when it is about to run: a Job of commands, names and variables filled in.

It does not know why the step runs, nor where the job goes.
"""

from __future__ import annotations

import os
import sys
import time
from collections.abc import Callable, Collection, Mapping, Sequence
from functools import lru_cache
from typing import TYPE_CHECKING, assert_never

from msgspec import Struct, field

from wavebuild import disk
from wavebuild.declare.model import Argument, Artifact, Call, Kind, Manual, Run, ShellName, Step, Text
from wavebuild.declare.templates import render, render_known, render_value
from wavebuild.declare.values import Paths
from wavebuild.judge.facts import Read
from wavebuild.judge.reasons import InputAdded, InputChanged, InputRemoved, Reason
from wavebuild.judge.shared import shared_files
from wavebuild.judge.trace import key
from wavebuild.later import joined, json, quoted, sha256
from wavebuild.run.environment import exactly, passed
from wavebuild.run.job import Confines, Job, PythonCall, Shell, Tracing
from wavebuild.run.masking import masked_text
from wavebuild.run.memory import as_object, keys_written
from wavebuild.run.records import log_path

if TYPE_CHECKING:
    from wavebuild.run.sandbox import Private

_OF_INPUTS = (InputChanged, InputAdded, InputRemoved)

SOMETIMES = (
    *("WAVEBUILD_PROJECT", "WAVEBUILD_FULL", "WAVEBUILD_SCRATCH", "WAVEBUILD_MEM", "WAVEBUILD_MEM_OUT"),
    *("WAVEBUILD_PROMPT", "WAVEBUILD_FEEDBACK", "WAVEBUILD_PREVIOUS"),
)
"""Variables that only some steps have: a build inside a step must not hand on those of the outer one."""

LONGEST_ARGUMENT = 120_000
"""Bytes of a script that may be one argument of a command (Linux allows 128 KiB)."""


class Invocation(Struct, frozen=True):
    """The facts of this one build that steps are told."""

    run: str
    root: str
    environ: Mapping[str, str]
    forced: frozenset[int] = frozenset()
    clock: Callable[[], float] = time.time
    terminal: str = ""  # the terminal that a step may own
    clean_env: tuple[str, ...] | None = None  # patterns of the caller's variables that steps get; None: all
    makeflags: str | None = None  # MAKEFLAGS of steps; None: the caller's
    tracing: Tracing | None = None  # it is to be told what steps touch


class Try(Struct, frozen=True):
    """One attempt at a step: what it reads, why it runs, the how-manieth it is, and whether only its checks run."""

    number: int
    step: Step
    read: Read
    reasons: tuple[Reason, ...]
    attempt: int
    checking: bool
    scratch: str = ""  # its scratch folder, relative to the root
    memory: Mapping[str, str] = field(default_factory=dict)  # the values it may read, as JSON
    memory_out: str = ""  # where it writes its values, relative to the root
    private: Private | None = None  # the folder it runs in, if not in the root
    reviewing: bool = False  # the advisor is asked
    answer: str = ""  # where the advisor's answer goes, absolute
    prompt: str = ""  # the file of its prompt, absolute
    feedback: str = ""  # the file of the last review, absolute
    draft: str = ""  # the folder of the draft that was rejected, absolute

    def root_of(self, real: str) -> str:
        """The root as the step sees it."""
        return self.private.root if self.private else real

    def made_at(self, path: str, here: Callable[[str], str]) -> str:
        """The path of an output as the step is told it; ``here``: how it is told any other path."""
        return self.private.inside(path) if self.private and os.path.isabs(path) else here(path)


def job_of(invocation: Invocation, this: Try) -> Job:
    """The job of one attempt. Raises OSError where its folder cannot be made."""
    step, root = this.step, this.root_of(invocation.root)
    log = os.path.join(invocation.root, log_path(invocation.run, step.name, this.attempt))
    disk.make_folder(os.path.dirname(log))
    actions = _actions(this)
    names = _names(invocation, this) if any(map(_has_holes, actions)) else {}
    commands = tuple(command for action in actions for command in _commands(invocation, this, action, names, log))
    cwd = os.path.join(root, step.cwd) if step.cwd else root
    secrets = tuple(value for name in step.secrets if (value := invocation.environ.get(name)))
    env, lists = _env(invocation, this), _lists(this)
    limits = step.limits
    confines = Confines(limits.memory) if limits.memory is not None else None
    own = step.review.timeout if this.reviewing and step.review is not None else None
    return Job(
        this.number, commands, cwd, env, log, step.timeout if own is None else own, lists, secrets=secrets,
        confines=confines,
        most_output=limits.output, passes=_passes(step, invocation.clean_env),
        console=invocation.terminal if step.console and not this.checking and not this.reviewing else "",
    )  # fmt: skip


def _passes(step: Step, clean_env: Sequence[str] | None) -> tuple[str, ...] | None:
    """The patterns for one step, None for all: what it names as a secret or tracks as an input it gets."""
    if clean_env is None:
        return None
    tracked = (artifact.path for artifact in (*step.inputs, *step.gate_inputs) if artifact.kind is Kind.ENV)
    return tuple(dict.fromkeys((*clean_env, *exactly((*step.secrets, *tracked)))))


def _actions(this: Try) -> list[Run | Call]:
    if this.reviewing:
        return [this.step.review.action] if this.step.review is not None else []
    if this.checking:
        return [check.action for check in this.step.checks]
    match this.step.action:
        case Run() | Call():
            return [this.step.action]
        case Manual() | None:
            return []
        case _:
            assert_never(this.step.action)


def _has_holes(action: Run | Call) -> bool:
    """Whether it must be told what it reads and makes before its commands are known."""
    return isinstance(action, Call) or not all(isinstance(part, str) for one in action.scripts for part in one.parts)


def _commands(
    invocation: Invocation, this: Try, action: Run | Call, names: Mapping[str, object], log: str
) -> list[Shell | PythonCall]:
    root = this.root_of(invocation.root)
    beside = f"{this.private.top}/script" if this.private else log
    match action:
        case Run(scripts):
            environ = passed(invocation.environ, _passes(this.step, invocation.clean_env))
            start = shell_start(this.step.shell, dict(this.step.env), environ)
            return [shell_command(start, render(script, names), beside, this.answer) for script in scripts]
        case Call(module, function, arguments):
            given = {name: _filled(value, names, render_value) for name, value in arguments}
            own = _own_root(root, this.step)
            folders = tuple(dict.fromkeys((os.path.join(root, this.step.cwd).rstrip("/"), own)))
            inputs, outputs = names["inputs"], names["outputs"]
            assert isinstance(inputs, Paths)
            assert isinstance(outputs, Paths)
            writes = keys_written(this.step) if this.memory_out else ()
            given_files = tuple(inputs), tuple(outputs)
            judges = this.checking and not this.reviewing
            return [
                PythonCall(
                    module,
                    function,
                    json.dumps(given) if given else "{}",
                    *given_files,
                    folders,
                    root,
                    writes,
                    this.answer,
                    judges,
                )
            ]
        case _:
            assert_never(action)


def prompt_text(invocation: Invocation, this: Try) -> str:
    """What the agent of a step is told, every hole filled. Raises WavebuildError where one cannot be."""
    assert this.step.prompt is not None
    return render(this.step.prompt.text, _names(invocation, this))


def shell_command(start: Sequence[str], script: str, log: str, stdout: str = "") -> Shell:
    """The command that gives a script to a shell; a long one goes to a file beside the log."""
    if len(os.fsencode(script)) < LONGEST_ARGUMENT:
        return Shell((*start, script), stdout)
    digest = sha256(os.fsencode(script)).hexdigest()[:16]
    file = f"{log}.{digest}.sh"
    disk.write(file, os.fsencode(script))
    return Shell((*start[:-1], file), stdout) if start[-1] == "-c" else Shell((*start, script), stdout)


def _found(program: str, path: str) -> str | None:
    """The first file of this name in the folders of a path that may be executed."""
    files = [os.path.join(folder, program) for folder in path.split(os.pathsep)] if path else []
    return next((file for file in files if os.access(file, os.X_OK) and not os.path.isdir(file)), None)


def shell_start(
    shell: ShellName | tuple[str, ...], env: Mapping[str, str], environ: Mapping[str, str]
) -> tuple[str, ...]:
    """What stands before the script; ``env`` goes over the caller's ``environ``."""
    match shell:
        case "auto":
            bash = _found("bash", env.get("PATH", environ.get("PATH", os.defpath)))
            return (bash, "-euo", "pipefail", "-c") if bash else ("sh", "-eu", "-c")
        case "bash":
            return ("bash", "-euo", "pipefail", "-c")
        case "sh":
            return ("sh", "-eu", "-c")
        case tuple() as words:
            return words
        case _:
            assert_never(shell)


def _names(invocation: Invocation, this: Try) -> dict[str, object]:
    step = this.step

    def here(path: str) -> str:
        return os.path.relpath(path, step.cwd) if step.cwd and not os.path.isabs(path) else path

    def made_there(path: str) -> str:
        return this.made_at(path, here)

    read = this.read
    inputs = Paths(map(here, read.files), _by_name(step.inputs, read.named, here))
    made = [(a.name, (a.path,) if a.covers_files else ()) for a in step.outputs if a.name]
    outputs = Paths(
        (made_there(artifact.path) for artifact in step.file_outputs), _by_name(step.outputs, made, made_there)
    )
    shared = [(a.name, (a.path,)) for a in step.updates if a.name]
    updates = Paths(map(here, shared_files(step)), _by_name(step.updates, shared, here))
    own = {"root": _own_root(this.root_of(invocation.root), step), "step": step.name.removeprefix(step.prefix)}
    memory = {key: json.loads(text) for key, text in this.memory.items()}
    if this.prompt:
        own["prompt_file"] = here(os.path.relpath(this.prompt, this.root_of(invocation.root)))
    return {"inputs": inputs, "outputs": outputs, "updates": updates, "mem": memory, "python": sys.executable, **own}


def _own_root(root: str, step: Step) -> str:
    """The folder of the Wavefile that the step stands in."""
    return os.path.join(root, step.folder) if step.folder else root


def _by_name(
    artifacts: Sequence[Artifact], found: Sequence[tuple[str, Sequence[str]]], here: Callable[[str], str]
) -> dict[str, str | list[str]]:
    """What each name stands for: the path of its one file, else the list of its paths."""
    named: dict[str, list[str]] = {}
    for name, paths in found:
        named.setdefault(name, []).extend(map(here, paths))
    kinds = {name: [artifact.kind for artifact in artifacts if artifact.name == name] for name in named}
    return {
        name: paths[0] if kinds[name] == [Kind.FILE] and paths else paths  # none: optional, and not there
        for name, paths in named.items()
    }


def _env(invocation: Invocation, this: Try) -> tuple[tuple[str, str], ...]:
    step = this.step
    seeded = key(step) + (json.dumps(step.instance) if step.instance else "")
    seed = int.from_bytes(sha256(seeded.encode("utf-8", "surrogatepass")).digest()[:4], "big")
    told = {
        "PYTHONUNBUFFERED": "1",
        "WAVEBUILD_STEP": this.step.name,
        "WAVEBUILD_RUN": invocation.run,
        "WAVEBUILD_ATTEMPT": str(this.attempt),
        "WAVEBUILD_ROOT": _own_root(this.root_of(invocation.root), this.step),
        "WAVEBUILD_SEED": str(seed),
    }
    if invocation.makeflags is not None:
        told["MAKEFLAGS"] = invocation.makeflags
    if this.step.folder:
        told["WAVEBUILD_TOP"] = this.root_of(invocation.root)
    if this.private:
        told["WAVEBUILD_PROJECT"] = invocation.root
        told |= dict.fromkeys(("TMPDIR", "TMP", "TEMP"), this.private.tmp)
    if this.number in invocation.forced:
        told["WAVEBUILD_FULL"] = "1"
    if this.scratch:
        told["WAVEBUILD_SCRATCH"] = os.path.join(invocation.root, this.scratch)
    if this.memory_out:
        told["WAVEBUILD_MEM_OUT"] = os.path.join(invocation.root, this.memory_out)
    for name, path in (("PROMPT", this.prompt), ("FEEDBACK", this.feedback), ("PREVIOUS", this.draft)):
        if path:
            told[f"WAVEBUILD_{name}"] = path
    told.update(this.step.env)
    return tuple(told.items())


def _lists(this: Try) -> tuple[tuple[str, bytes], ...]:
    """What the step reads and makes, and which of its inputs changed, a path relative to its root on each line."""
    folder = this.step.folder

    def here(path: str) -> str:
        return os.path.relpath(path, folder) if folder and not os.path.isabs(path) else path

    files = list(map(here, this.read.files)) if folder else this.read.files

    changed = [reason.member for reason in this.reasons if isinstance(reason, _OF_INPUTS)]
    memory = (("WAVEBUILD_MEM", as_object(this.memory)),) if this.memory else ()
    return (
        *memory,
        ("WAVEBUILD_INPUTS", _lines(files)),
        ("WAVEBUILD_OUTPUTS", _lines([this.made_at(artifact.path, here) for artifact in this.step.file_outputs])),
        ("WAVEBUILD_CHANGED", _lines(list(map(here, changed)))),
    )


def foreseen(invocation: Invocation, step: Step, read: Read) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """The commands of a step's action and of its checks, as they would run now; nothing is written."""
    names = _names(invocation, Try(0, step, read, (), 1, False))

    def texts(action: Run | Call) -> list[str]:
        match action:
            case Run(scripts):
                return [render_known(script, names) for script in scripts]
            case Call(module, function, arguments):
                given = {name: _filled(value, names, render_known) for name, value in arguments}
                return [f"{module}:{function}" + (f" {json.dumps(given, ensure_ascii=False)}" if given else "")]
            case _:
                assert_never(action)

    of_action = texts(step.action) if isinstance(step.action, Run | Call) else []
    return tuple(of_action), tuple(text for action in step.judges for text in texts(action))


def _filled(
    value: Argument, names: Mapping[str, object], fill: Callable[[Text, Mapping[str, object]], object]
) -> object:
    """An argument of a call with every text in it filled, as ``fill`` does that."""
    if isinstance(value, Text):
        return fill(value, names)
    if isinstance(value, tuple):
        return [_filled(item, names, fill) for item in value]
    if isinstance(value, dict):
        return {name: _filled(item, names, fill) for name, item in value.items()}
    return value


@lru_cache(maxsize=64)
def _joined(start: tuple[str, ...]) -> str:
    """What stands before a script, which is the same for most steps."""
    return joined(start)


def _lines(paths: Sequence[str]) -> bytes:
    return os.fsencode("\n".join(paths) + "\n") if paths else b""


def shown(job: Job, root: str, secrets: Collection[str] = ()) -> str:
    """The commands of a job, ready to paste into a shell at the root, without secrets that were typed there."""
    parts = []
    for command in job.commands:
        match command:
            case Shell(argv):
                argv = tuple(masked_text(word, secrets) for word in argv) if secrets else argv
                parts.append(f"{_joined(argv[:-1])} {quoted(argv[-1])}" if len(argv) > 1 else joined(argv))
            case PythonCall(module=module, function=function, arguments=arguments):
                known = masked_text(arguments, secrets) if secrets else arguments
                parts.append(f"{module}:{function} {known}")
            case _:
                assert_never(command)
    where = "." if job.cwd in ("", root) else os.path.relpath(job.cwd, root)
    return " && ".join(parts) if where == "." else f"cd {quoted(where)} && " + " && ".join(parts)
