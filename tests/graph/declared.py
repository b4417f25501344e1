"""Wavefile values written shortly: every artifact is told by its text, every line by a number.

It does not know how a Wavefile is read.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from itertools import count

from msgspec.structs import replace

from wavebuild.declare.model import Artifact, Check, Kind, Manual, Range, Run, Step, Text, Wavefile
from wavebuild.errors import Place
from wavebuild.graph import Graph, link

_lines = count(1)


def place() -> Place:
    """A line that no other artifact or step is written on."""
    return Place("Wavefile", next(_lines), 5)


def artifact(text: str, *exclude: str) -> Artifact:
    """``step:x``, ``env:x``, ``d/``, ``d/*.csv``, ``f#key`` or a file."""
    kind, _, name = text.partition(":")
    if kind in ("step", "env"):
        return Artifact(Kind(kind), name, place())
    if text.endswith("/"):
        return Artifact(Kind.DIRECTORY, text[:-1], place(), exclude=exclude)
    if any(character in text for character in "*?["):
        return Artifact(Kind.GLOB, text, place(), exclude=exclude)
    path, _, key = text.partition("#")
    return Artifact(Kind.FILE, path, place(), keys=(key,) if key else ())


def step(
    name: str,
    reads: Iterable[str | Artifact] = (),
    makes: Iterable[str | Artifact] = (),
    needs: Iterable[str] = (),
    *,
    code: Iterable[str] = (),
    check_reads: Iterable[str] = (),
    **facts: object,
) -> Step:
    """A step with an action."""
    checks = (Check(Run((Text(("true",)),)), _artifacts(check_reads)),) if check_reads else ()
    declared = Step(
        name,
        place(),
        _artifacts(reads),
        _artifacts(makes),
        tuple((needed, place()) for needed in needs),
        Manual("make it"),
        checks,
        _artifacts(code),
    )
    return replace(declared, **facts)


def group(name: str, *members: str) -> Step:
    return Step(name, place(), needs=tuple((member, place()) for member in members))


def wavefile(*steps: Step, targets: Sequence[str] = (), root: str = "/home/ada/work") -> Wavefile:
    return Wavefile(root, "Wavefile", steps, targets=tuple((word, place()) for word in targets))


def graph(*steps: Step, targets: Sequence[str] = ()) -> Graph:
    return link(wavefile(*steps, targets=targets))


def upstream(linked: Graph, name: str) -> list[str]:
    """What a step waits for, by name."""
    steps = linked.wavefile.steps
    return [steps[k].name for k in linked.upstream[linked.number[name]]]


def hours(low: float, high: float) -> Range:
    return Range(low * 3600, high * 3600)


def _artifacts(texts: Iterable[str | Artifact]) -> tuple[Artifact, ...]:
    return tuple(artifact(text) if isinstance(text, str) else text for text in texts)
