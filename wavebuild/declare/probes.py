"""Probes: how external things are asked, and whether every step that names one names it well.

It does not know when a probe is asked, nor what it answers.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence

from wavebuild.declare import schema
from wavebuild.declare.fields import Fields
from wavebuild.declare.forms import Reading
from wavebuild.declare.model import Artifact, Hole, Kind, Probe, ShellName, Step
from wavebuild.declare.source import Unreadable, word
from wavebuild.declare.syntax import Scalar, Table, Value
from wavebuild.declare.templates import Scope
from wavebuild.errors import Place, did_you_mean

Refuse = Callable[[str, Place, str, str], object]
"""Records a problem: its code, place, message and remedy."""

HOLES = frozenset(("arg", "root", "python"))


def read_probes(
    value: Value | None,
    reading: Reading,
    env: Mapping[str, str] | None = None,
    shell: ShellName | tuple[str, ...] | None = None,
    folder: str = "",
) -> tuple[Probe, ...]:
    """The probes of a Wavefile; ``reading``: with the names that its texts may use. What is wrong is recorded."""
    if value is None:
        return ()
    if not isinstance(value, Table):
        reading.unexpected(value, "a mapping from names to probes", "probes: {NAME: {run: COMMAND}}")
        return ()
    surroundings = (tuple(sorted((env or {}).items())), shell or "auto", folder)
    found = (_probe(name, body, _with_holes(reading), *surroundings) for name, body in value.pairs())
    return tuple(probe for probe in found if probe is not None)


def _with_holes(reading: Reading) -> Reading:
    scope = reading.scope or Scope({})
    return reading.within(scope, Scope(scope.values, scope.own, scope.broken, HOLES))


def _probe(
    name: Scalar,
    body: Value,
    reading: Reading,
    env: tuple[tuple[str, str], ...],
    shell: ShellName | tuple[str, ...],
    folder: str,
) -> Probe | None:
    try:
        called = schema.PROBE_NAME.read(name, reading.within(None))
        fields = Fields.of(schema.PROBE, body, reading)
    except Unreadable:
        return None
    command = fields.get(schema.PROBE_RUN)
    if command is None:
        if not fields.has(schema.PROBE_RUN) and fields.sound:
            reading.refuse("missing-key", name, f"the probe {word(called)} needs 'run'", "give it a command: run: …")
        return None
    return Probe(
        name=called,
        place=reading.problems.place(name),
        command=command,
        timeout=fields.get(schema.TIMEOUT),
        ttl=fields.get(schema.TTL),
        on_error=fields.get(schema.ON_ERROR) or "fail",
        compare=fields.get(schema.COMPARE) or "value",
        folder=folder,
        takes_argument=any("arg" in _names(part) for part in command.parts if isinstance(part, Hole)),
        env=env,
        shell=shell,
    )


def _names(hole: Hole) -> frozenset[str]:
    from wavebuild.declare.expressions import understood

    return understood(hole.source).names


def check_probes(steps: Iterable[Step], probes: Sequence[Probe], known: Iterable[str], refuse: Refuse) -> None:
    """Every probe that a step names is declared, with an argument if it asks for one and else without.

    ``known``: the names that are declared, also where something else is wrong with them.
    """
    sound = {probe.name: probe for probe in probes}
    names = set(known)
    for step in steps:
        for artifact in _named(step):
            if step.expands and "*" in artifact.path:
                continue  # its instances are looked at when they are known
            if artifact.path not in names:
                message, near = f"no probe is called {word(artifact.path)}", did_you_mean(artifact.path, names)
                refuse("unknown-probe", artifact.place, message, near or "declare it: probes: {NAME: {run: …}}")
            elif artifact.path in sound and (wrong := misused(sound[artifact.path], artifact)):
                refuse("probe-argument", artifact.place, *wrong)


def misused(probe: Probe, artifact: Artifact) -> tuple[str, str] | None:
    """What is wrong, and the remedy, where a probe is named without the argument that it takes, or the reverse."""
    if probe.takes_argument == bool(artifact.argument):
        return None
    if artifact.argument:
        message = f"the probe {word(artifact.path)} takes no argument: its command has no {{{{ arg }}}}"
        remedy = f"write probe:{artifact.path}"
    else:
        message = f"the probe {word(artifact.path)} needs an argument: its command uses {{{{ arg }}}}"
        remedy = f"write probe:{artifact.path}@ARGUMENT"
    return message, remedy


def _named(step: Step) -> Iterator[Artifact]:
    for artifacts in (step.inputs, step.outputs, step.gate_inputs):
        for artifact in artifacts:
            if artifact.kind is Kind.PROBE:
                yield artifact
