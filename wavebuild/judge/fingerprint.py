"""Fingerprints: the parts of a step's definition that its outputs depend on.

It does not know any file's content. There are two: the action's, and the gate's, which only
judges. Both are kept in parts, so that a reason can say what changed, old and new.
"""

from __future__ import annotations

from collections.abc import Sequence

from wavebuild.declare.model import Argument, Artifact, Call, Check, Hole, Manual, Prompt, Run, Step, Text
from wavebuild.later import json, sha256
from wavebuild.regular import expression

_HOLE = expression(r"(?s)\x00\{(?P<source>.*?)\((?:\(.*?\),?\s*)*\)\}")
"""A hole of ``Text.symbolic``: its source, and what other names it uses."""

LONGEST = 2000
"""Characters of a part that are kept as written; of a longer one, the start and a digest."""


def action_parts(step: Step) -> dict[str, str]:
    """What the outputs depend on: script or call, shell, cwd, env, output patterns in their order."""
    parts = {"command": _clip(_command(step.action)), "outputs": _clip(" ".join(map(_output, step.outputs)))}
    if isinstance(step.action, Run):
        parts["shell"] = step.shell if isinstance(step.shell, str) else json.dumps(step.shell)
    if step.prompt is not None:
        parts |= _prompt_parts(step.prompt)
    if step.updates:
        parts["updates"] = _clip(" ".join(_output(artifact) for artifact in step.updates))
    if step.cwd:
        parts["cwd"] = step.cwd
    if step.depfile:
        parts["depfile"] = step.depfile
    if step.env:
        parts |= {f"env {name}": _clip(value) for name, value in step.env}
    return parts


def names_part(named: Sequence[tuple[str, Sequence[str]]]) -> dict[str, str]:
    """Which files each named input stands for: a template may ask for them by name."""
    return {"input names": _clip(json.dumps(named))} if named else {}


def gate_parts(step: Step) -> dict[str, str]:
    """What only judges the outputs: the checks, the advisor, and what score is enough."""
    if not step.checks and step.review is None:
        return {}
    parts = {f"check {number}": _clip(_check(check)) for number, check in enumerate(step.checks, 1)}
    if step.review is not None:
        parts |= {"advisor": _clip(_command(step.review.action)), "threshold": repr(step.review.threshold)}
    return parts


def _prompt_parts(prompt: Prompt) -> dict[str, str]:
    """The text; of one in a file, which is an input, only the values that it uses."""
    if not prompt.path:
        return {"prompt": _clip(prompt.text.symbolic)}
    used = {name: value for part in prompt.text.parts if isinstance(part, Hole) for name, value in part.values}
    return {"prompt values": _clip(json.dumps(used, sort_keys=True))} if used else {}


def _check(check: Check) -> str:
    return _command(check.action)


def _command(action: Run | Call | Manual | None) -> str:
    match action:
        case Run(scripts):
            return "\n".join([script.symbolic for script in scripts])
        case Call(module, function, arguments):
            given = {name: _plain(value) for name, value in arguments}
            return f"{module}:{function} {json.dumps(given, sort_keys=True)}"
        case Manual() | None:
            return ""


def _plain(value: Argument) -> object:
    if isinstance(value, Text):
        return value.symbolic
    if isinstance(value, tuple):
        return [_plain(item) for item in value]
    if isinstance(value, dict):
        return {name: _plain(item) for name, item in value.items()}
    return value


def _output(artifact: Artifact) -> str:
    if not (artifact.name or artifact.exclude or artifact.optional or artifact.in_place):
        return artifact.text
    name = f"{artifact.name}=" if artifact.name else ""
    extra = "".join(f" !{pattern}" for pattern in artifact.exclude) + (" ?" if artifact.optional else "")
    extra += " in place" if artifact.in_place else ""
    return name + artifact.text + extra


def _clip(text: str) -> str:
    if len(text) <= LONGEST:
        return text
    return f"{text[:LONGEST]}… sha256:{sha256(text.encode('utf-8', 'surrogatepass')).hexdigest()}"


def as_written(part: str) -> str:
    """A part with its holes as they stand in the Wavefile."""
    return _HOLE.sub(lambda found: f"{{{{ {found['source']} }}}}", part)
