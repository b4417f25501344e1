"""An audited build: how what steps touch can be followed here, and what its findings add to the Wavefile.

It does not know how a step is followed, nor what of it was declared.
"""

from __future__ import annotations

import os
import re
import shutil
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence

from msgspec.structs import replace

from wavebuild import disk
from wavebuild.declare.importers.writing import Writable, is_writable, listed_under
from wavebuild.declare.model import Call, Step
from wavebuild.declare.said import said
from wavebuild.engine.lists import Project
from wavebuild.engine.request import Addition
from wavebuild.errors import mistake
from wavebuild.graph import Graph, covers
from wavebuild.graph.patterns import is_wild
from wavebuild.judge.members import Folders
from wavebuild.run.audit import Touch
from wavebuild.run.events import Settled
from wavebuild.run.interrupts import Interrupts
from wavebuild.run.job import Job, Shell, Tracing
from wavebuild.run.jobs import Invocation
from wavebuild.run.pool import Pool
from wavebuild.run.tracing import BESIDE, FLAGS, QUICK
from wavebuild.store.layout import Layout

MANY = 4
"""So many files of one folder are named by one pattern, if it names no other file that is there."""

WAYS = ((BESIDE, QUICK), (BESIDE,), ())
"""The ways to trace, the best first."""

_OUT_OF_SIGHT = "strace is not here: of steps with `call` what Python tells is followed, and of others nothing"


def traced(
    invocation: Invocation,
    project: Project,
    wanted: Collection[int],
    layout: Layout,
    pool: Pool,
    interrupts: Interrupts,
) -> tuple[Invocation, str]:
    """The invocation whose steps are followed, and what is to be said of how; raises WavebuildError if none can be."""
    steps = [project.wavefile.steps[number] for number in wanted]
    root = layout.root
    roots = tuple(dict.fromkeys((root, disk.real(root))))
    strace = shutil.which("strace", path=invocation.environ.get("PATH"))
    why = "strace is not installed"
    if strace is not None:
        for way in WAYS:
            tracer = (strace, *way, *FLAGS)
            why = _trouble(tracer, layout.logs(invocation.run), root, pool, interrupts)
            if not why:
                return replace(invocation, tracing=Tracing(tracer, roots)), ""
    if not any(isinstance(step.action, Call) for step in steps):
        raise _blind(strace, why)
    return replace(invocation, tracing=Tracing((), roots)), _OUT_OF_SIGHT if strace is None else (
        f"strace may not trace here ({why}): of steps with `call` what Python tells is followed, and of others nothing"
    )


def _blind(strace: str | None, why: str) -> Exception:
    if strace is None:
        remedy = "install the package strace (apt, dnf, apk and pacman know it by this name)"
        return mistake("audit", "--audit follows what steps touch with strace, which is not installed", remedy=remedy)
    remedy = "in a container: --cap-add=SYS_PTRACE; else look at /proc/sys/kernel/yama/ptrace_scope"
    return mistake(
        "audit", f"--audit follows what steps touch with strace, which may not trace here: {why}", None, remedy
    )


def _trouble(tracer: Sequence[str], logs: str, root: str, pool: Pool, interrupts: Interrupts) -> str:
    """Why a program cannot be traced in this way; "" if it can."""
    disk.make_folder(logs)
    log = f"{logs}/~audit.log"
    command = Shell((*tracer, "-o", os.devnull, "--", "/bin/sh", "-c", "exit 42"))
    pool.submit(Job(-1, (command,), root, (), log, 20.0))
    ended = list(pool.wait(None))
    while not ended and not interrupts.count:
        ended = list(pool.wait(None))
    said = disk.tail(log, 1000).decode("utf-8", "replace").strip()
    disk.remove(log)
    if interrupts.count and not ended:
        raise mistake("interrupted", "stopped before anything ran", exit_code=interrupts.exit_code)
    return "" if ended[0].exit_code == 42 else said or ended[0].detail or "it failed"


# What is to be added


def additions(project: Project, settled: Sequence[Settled]) -> tuple[Addition, ...]:
    """Lines for the steps that touch what they do not declare, in the order of the Wavefile."""
    graph = project.graph
    by_base: dict[str, list[tuple[Step, Settled]]] = {}
    for each in settled:
        if each.audit is not None and each.audit.undeclared:
            step = graph.wavefile.steps[graph.number[each.step]]
            by_base.setdefault(step.base or step.name, []).append((step, each))
    folders = Folders(project.wavefile.root, project.wavefile.settings.ignore)
    shared = _written_by_several(by_base)
    found = (_addition(project, graph, folders, base, several, shared) for base, several in by_base.items())
    return tuple(sorted((one for one in found if one is not None), key=lambda one: (one.place.file, one.place.line)))


def _written_by_several(by_base: Mapping[str, Sequence[tuple[Step, Settled]]]) -> frozenset[str]:
    """What more than one step writes: no line can make it well, as a path has one owner."""
    writers: dict[str, set[str]] = {}
    for several in by_base.values():
        for step, settled in several:
            assert settled.audit is not None
            for touch in settled.audit.writes:
                writers.setdefault(touch.path, set()).add(step.name)
    return frozenset(path for path, steps in writers.items() if len(steps) > 1)


def _addition(
    project: Project,
    graph: Graph,
    folders: Folders,
    base: str,
    several: Sequence[tuple[Step, Settled]],
    shared: frozenset[str],
) -> Addition | None:
    wanted: dict[str, dict[str, bool]] = {"inputs": {}, "code": {}, "outputs": {}}
    for step, settled in several:
        for key, text, in_place in _wanted(graph, folders, step, settled, shared):
            wanted[key][_of_all(text, step) if step.base else text] = in_place
    lines: list[str] = []
    for key, texts in wanted.items():
        named = [text for text in sorted(texts) if is_writable(text)]
        items: list[Writable] = [{"path": text, "in_place": True} if texts[text] else text for text in named]
        lines += listed_under(key, items) if items else []
    if not lines:
        return None
    step = several[0][0]
    written = {
        one.key
        for one in said(project.wavefile, step, repeated=False)
        if any(layer.name == "step" for layer in one.layers)
    }
    return Addition(base, step.place, tuple(lines), tuple(key for key in wanted if wanted[key] and key in written))


def _of_all(text: str, step: Step) -> str:
    """A path of one instance as a template for all: the values of its variables, where they stand as words."""
    for variable, value in sorted(step.instance, key=lambda pair: -len(pair[1])):
        if value:
            whole = re.compile(rf"(?<![A-Za-z0-9]){re.escape(value)}(?![A-Za-z0-9])")
            text = whole.sub(lambda found, name=variable: f"{{{{ {name} }}}}", text)  # type: ignore[misc]
    return text


def _wanted(
    graph: Graph, folders: Folders, step: Step, settled: Settled, shared: frozenset[str]
) -> Iterator[tuple[str, str, bool]]:
    """Key and text of each line, and whether it is an output that is edited in place."""
    audit = settled.audit
    assert audit is not None
    own = {touch.path for touch in audit.writes}
    opened = {touch.path for touch in audit.reads}
    reads = [*audit.reads, *audit.refused, *audit.sought_of_others]
    reads = [touch for touch in reads if touch.path not in own | shared]
    code = [touch for touch in reads if touch.path.endswith(".py") and not touch.owner]
    others = [touch for touch in reads if touch not in code]
    for text in _entries(graph, folders, others, frozenset(audit.lists)):
        yield "inputs", _as_said(text, step), False
    for touch in code:
        yield "code", _as_said(_literal(touch.path), step), False
    made = [touch.path for touch in audit.writes if not touch.owner and not os.path.isabs(touch.path)]
    made = [path for path in made if path not in shared]
    for text in _patterns(folders, [path for path in made if path not in opened], frozenset()):
        yield "outputs", _as_said(text, step), False
    for path in made:
        if path in opened:
            yield "outputs", _as_said(_literal(path), step), True


def _entries(graph: Graph, folders: Folders, reads: Sequence[Touch], listed: frozenset[str]) -> Iterator[str]:
    """What others make by their own name for it, where several members are read; files by patterns."""
    owned: dict[str, list[str]] = {}
    for touch in reads:
        if touch.owner:
            owned.setdefault(_as_made(graph, touch), []).append(touch.path)
    for name, paths in owned.items():
        wide = len(paths) > 1 or any(f"{path}/".startswith(f"{folder}/") for path in paths for folder in listed)
        yield from (name,) if wide else map(_literal, paths)
    yield from _patterns(folders, [touch.path for touch in reads if not touch.owner], listed)


def _as_made(graph: Graph, touch: Touch) -> str:
    owner = graph.wavefile.steps[graph.number[touch.owner]]
    return next((artifact.text for artifact in owner.outputs if covers(artifact, touch.path)), touch.path)


def _patterns(folders: Folders, paths: Sequence[str], listed: frozenset[str]) -> Iterator[str]:
    """One line for many files of a folder, where the pattern names no other; else each by itself."""
    by_kind: dict[tuple[str, str], list[str]] = {}
    for path in paths:
        folder, name = os.path.split(path)
        by_kind.setdefault((folder, os.path.splitext(name)[1]), []).append(path)
    for (folder, ending), found in by_kind.items():
        pattern = f"{folder}/*{ending}"
        many = len(found) >= MANY or folder in listed
        plain = folder and not is_wild(folder) and not any(os.path.basename(path).startswith(".") for path in found)
        if many and plain and set(_there(folders, folder, ending)) == set(found):
            yield pattern
        else:
            yield from map(_literal, found)


def _there(folders: Folders, folder: str, ending: str) -> Iterable[str]:
    for path, entry in folders.entries(folder):
        hidden = entry.name.startswith(".")
        if not hidden and entry.is_file() and (not ending or os.path.splitext(entry.name)[1] == ending):
            yield path


def _literal(path: str) -> str:
    """A path as an artifact: signs that would make a pattern of it stand for themselves."""
    return re.sub(r"([*?\[])", r"[\1]", path)


def _as_said(text: str, step: Step) -> str:
    """A path of the root as the step's own Wavefile names it."""
    text = text.replace("{{", "{{ '{{' }}")
    if not step.folder:
        return text
    return text.removeprefix(f"{step.folder}/") if text.startswith(f"{step.folder}/") else f"//{text}"
