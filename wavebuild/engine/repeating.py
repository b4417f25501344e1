"""``check --twice``: runs a step twice in a copy, with the same inputs at the same place, and compares what it made.

It does not know why a step should make the same again.
"""

from __future__ import annotations

import os
import re
from collections.abc import Callable, Iterator, Mapping, Sequence

from msgspec.structs import replace

from wavebuild import disk
from wavebuild.declare.model import Manual, Step
from wavebuild.engine.project import Project, load, select_steps, state_to_read
from wavebuild.engine.trials import Copy, copied
from wavebuild.engine.values import BuildResult, Request, Trial
from wavebuild.errors import Problem, mistake
from wavebuild.judge.trace import Trace, key
from wavebuild.run.events import Outcome, Settled

Say = Callable[[str], None]

LONGEST = 1 << 26
"""Bytes of a file that are compared line by line."""

SHOWN = 60
"""Signs of a line that are shown."""

_TIME = re.compile(rb"\d{4}-\d\d-\d\d|\d\d:\d\d:\d\d|(?<!\d)1[5-9]\d{8}(?!\d)")
_CHANCE = re.compile(rb"[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}|[0-9a-fA-F]{16,}|0\.\d{6,}|0x[0-9a-f]{6,}")
_GZIP, _ZIP, _SQLITE = b"\x1f\x8b", b"PK\x03\x04", b"SQLite format 3\0"


def twice(request: Request, word: str, say: Say) -> Trial:
    """Builds what the step needs, if that is not fresh, then runs it twice."""
    request = replace(request, targets=(word,), only=True, changed=(), unchanged=(), full=True)
    with copied(request, with_state=True) as (project, copy):
        steps = _steps(request, project)
        _build_upstream(copy, project, steps, say)
        project = load(copy.request, present=True)
        steps = _steps(copy.request, project)
        spare = f"{os.path.dirname(copy.root)}/~spare"
        first_made = f"{os.path.dirname(copy.root)}/~first"
        for path in _all_below(copy.root):
            disk.copy(os.path.join(copy.root, path), os.path.join(spare, path))
        targets = tuple(f"step:{step.name}" for step in steps)
        say("the first time …")
        first = _run(copy, targets)
        one = _traces(copy, steps)
        seconds = first.seconds
        problems = _failed(first, project)
        if not problems:
            disk.move(copy.root, first_made)
            disk.move(spare, copy.root)
            say("the second time …")
            second = _run(copy, targets)
            seconds += second.seconds
            problems = _failed(second, project) or [
                problem
                for step in steps
                for problem in _differences(step, first_made, copy.root, one, _traces(copy, steps))
            ]
        problems = [*problems, *copy.strayed()]
        return Trial(tuple(problems), 2, len(steps), 0, seconds)


def _steps(request: Request, project: Project) -> list[Step]:
    """The steps that are meant: one, or all instances of one."""
    every = project.wavefile.steps
    named = [every[number] for number in sorted(select_steps(request, project).named)]
    steps = [step for step in named if not step.is_group and step.action is not None]
    idle = [step for step in steps if isinstance(step.action, Manual) or step.frozen or step.expands]
    if not steps or idle:
        what = idle[0] if idle else named[0]
        raise mistake("nothing-to-run", f"{what.name!r} has no command that could run twice", what.place)
    return steps


def _build_upstream(copy: Copy, project: Project, steps: Sequence[Step], say: Say) -> None:
    """What the steps need, as a build would have it; nothing runs if it is fresh."""
    graph = project.graph
    own = {graph.number[step.name] for step in steps}
    needed = sorted({up for number in own for up in graph.upstream[number]} - own)
    if not needed:
        return
    targets = tuple(f"step:{project.wavefile.steps[number].name}" for number in needed)
    say("what it needs …")
    result, began = copy.build(targets=targets, only=False, force=False)
    if not result.ok:
        wrong = next((each for each in result.steps if each.outcome in (Outcome.FAILED, Outcome.WAITING)), None)
        why = f": {wrong.step} {wrong.outcome.value} ({wrong.failure})" if wrong else ""
        raise mistake("upstream", f"what it needs cannot be built in a copy of the project{why}", exit_code=1)
    if began:
        say(f"built for it: {', '.join(began)}")


def _run(copy: Copy, targets: tuple[str, ...]) -> BuildResult:
    result, _ = copy.build(targets=targets, only=True, force=True)
    return result


def _failed(result: BuildResult, project: Project) -> list[Problem]:
    return [_failure(each, project) for each in result.steps if each.outcome is not Outcome.SUCCEEDED]


def _failure(settled: Settled, project: Project) -> Problem:
    said = settled.tail[-1].strip() if settled.tail else settled.detail
    how = f"exit {settled.exit_code}" if settled.exit_code else settled.failure or settled.outcome.value
    message = f"{settled.step} fails in a copy of the project: {how}" + (f", {said}" if said else "")
    place = project.wavefile.steps[project.graph.number[settled.step]].place
    return Problem("fails", message, place)


def _traces(copy: Copy, steps: Sequence[Step]) -> dict[str, Trace]:
    state = state_to_read(copy.request, load(copy.request, present=True))
    assert state is not None
    try:
        return {step.name: traces[0] for step in steps if (traces := state.traces(key(step)))}
    finally:
        state.close()


def _all_below(root: str) -> Iterator[str]:
    """Files, links and folders, each folder before what is in it."""
    waiting = [""]
    while waiting:
        folder = waiting.pop()
        for entry in disk.entries(os.path.join(root, folder)):
            path = f"{folder}/{entry.name}" if folder else entry.name
            yield path
            if entry.is_dir(follow_symlinks=False):
                waiting.append(path)


# What differs


def _differences(
    step: Step, one: str, other: str, traces: Mapping[str, Trace], later: Mapping[str, Trace]
) -> Iterator[Problem]:
    first, second = traces[step.name].outputs, later[step.name].outputs
    for member in sorted({*first, *second}):
        if member not in first or member not in second:
            time = "first" if member in first else "second"
            yield _problem(step, f"{step.name} made {member} the {time} time only")
        elif member.startswith(("mem:", "probe:")):
            if first[member] != second[member]:
                yield _problem(step, f"{step.name} gave {member} another value the second time")
        else:
            yield from _of_file(step, member, one, other, first[member] == second[member])


def _of_file(step: Step, member: str, one: str, other: str, equal_by_digest: bool) -> Iterator[Problem]:
    paths = [os.path.join(root, member.rstrip("/")) for root in (one, other)]
    if any(os.path.islink(path) for path in paths):
        texts = [os.readlink(path) if os.path.islink(path) else "" for path in paths]
        if texts[0] != texts[1]:
            yield _problem(step, f"{step.name} made {member} a link to {texts[0]!r}, then to {texts[1]!r}")
        return
    if os.path.isdir(paths[0]) or os.path.isdir(paths[1]):
        return
    if disk.same_bytes(paths[0], paths[1]):
        if not equal_by_digest:
            yield _problem(step, f"{step.name} made {member} with other permissions the second time")
        return
    where, hint = _first_difference(*paths)
    message = f"{step.name} made another {member} the second time: {where}"
    if equal_by_digest:
        yield replace(_problem(step, f"{message}; its digest does not count that"), severity="warning", remedy=hint)
    else:
        yield replace(_problem(step, message), remedy=hint)


def _problem(step: Step, message: str) -> Problem:
    return Problem("differs", message, step.place)


def _first_difference(one: str, other: str) -> tuple[str, str]:
    """Where two files part, and what that may come from."""
    if max(os.path.getsize(one), os.path.getsize(other)) > LONGEST:
        return f"{os.path.getsize(one)} and {os.path.getsize(other)} bytes", ""
    first, second = disk.read_regular(one, LONGEST), disk.read_regular(other, LONGEST)
    at = next(
        (at for at, (a, b) in enumerate(zip(first, second, strict=False)) if a != b), min(len(first), len(second))
    )
    if _is_text(first) and _is_text(second):
        line = first.count(b"\n", 0, at) + 1
        was, now = (_line_at(data, at) for data in (first, second))
        return f"line {line}, {was!r}, then {now!r}", hint_of(first, second, at)
    return f"byte {at} of {len(first)} and {len(second)}", hint_of(first, second, at)


def _is_text(data: bytes) -> bool:
    if b"\0" in data[:8192]:
        return False
    try:
        data.decode()
    except UnicodeDecodeError:
        return False
    return True


def _line_at(data: bytes, at: int) -> str:
    start = data.rfind(b"\n", 0, at) + 1
    end = data.find(b"\n", at)
    line = data[start : end if end >= 0 else len(data)].decode("utf-8", "replace")
    return line if len(line) <= SHOWN else line[:SHOWN] + "…"


def hint_of(first: bytes, second: bytes, at: int) -> str:
    """What two contents that part at a byte probably differ by, and what helps."""
    if first.startswith(_GZIP) and second.startswith(_GZIP) and 4 <= at < 8:
        return "gzip writes the time into its head: gzip -n does not"
    if first.startswith(_ZIP):
        return "an archive holds the times of its files: give them one, such as SOURCE_DATE_EPOCH (touch -d, zip -X)"
    if first.startswith(_SQLITE):
        return "a database need not lie in its file in the same way again: `digest: sqlite` compares what it says"
    if _is_text(first) and sorted(first.splitlines()) == sorted(second.splitlines()):
        return "the lines are the same in another order: sort them, or what they are made from (sets, folders, hashes)"
    around = first[max(0, at - 24) : at + 24], second[max(0, at - 24) : at + 24]
    if all(_TIME.search(part) for part in around):
        return "it looks like a time: let the step take it from an input, or from SOURCE_DATE_EPOCH"
    if all(_CHANCE.search(part) for part in around):
        return "it looks like chance: begin it with WAVEBUILD_SEED, which is the same in every run of the step"
    return (
        "times, chance (WAVEBUILD_SEED gives every run the same), the order of sets and folders, and names of\n"
        "temporary files are what most often differs"
    )
