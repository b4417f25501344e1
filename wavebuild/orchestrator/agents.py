"""What agents and advisors are given, and what is made of what they give back.

It does not know where they are called, nor when.
"""

from __future__ import annotations

import copy
import inspect
import re
from collections.abc import Callable, Mapping
from typing import Any

_HOLE = re.compile(r"\{([^\s{}]+)\}")

_LEFT = ("content", "artifacts", "metadata")
_REVIEW = ("score", "approved", "critical_issues", "suggestions", "summary", "severity")


class Output(str):
    """What an agent gave: a text, with ``artifacts`` and ``metadata``; also by key, ``output["artifacts"]``."""

    artifacts: Any
    metadata: Any

    def __new__(cls, content: str, artifacts: Any = None, metadata: Any = None) -> Output:
        made = super().__new__(cls, content)
        made.artifacts = {} if artifacts is None else artifacts
        made.metadata = {} if metadata is None else metadata
        return made

    @property
    def content(self) -> str:
        return str(self)

    def __getitem__(self, key: Any) -> Any:
        return getattr(self, key) if key in _LEFT else super().__getitem__(key)

    def get(self, key: str, default: Any = None) -> Any:
        return getattr(self, key) if key in _LEFT else default


def holes(task: str) -> list[str]:
    """The keys that a task names."""
    return _HOLE.findall(task)


def filled(task: str, context: Mapping[str, Any]) -> str:
    """The task with ``{key}`` filled from the memory; an unknown one stays as it is written."""

    def value(found: re.Match[str]) -> str:
        key = found[1]
        return str(context[key]) if key in context else found[0]

    return _HOLE.sub(value, task)


def done(
    factory: Callable[[str], Any], name: str, agent: str, task: str, memory: Mapping[str, Any], feedback: Any
) -> dict[str, Any]:
    """Has the agent do its task; the values that this leaves in the memory. Raises TypeError for what is no output.

    The context is the step's own copy of the memory; after a rejection with STEP.last_review and STEP.last_output.
    """
    context = copy.deepcopy(dict(memory))
    text = filled(task, context)
    if feedback is not None:
        review = dict(feedback)
        draft = review.pop("memory", {})
        context[f"{name}.last_review"] = review
        context[f"{name}.last_output"] = _output_in(name, draft)
    worker = factory(agent)
    process = getattr(worker, "process", worker)
    output = _as_output(_awaited(process(text, context)), agent)
    return {f"{name}.{part}": getattr(output, part) for part in _LEFT}


def judged(
    factory: Callable[[str], Any], name: str, advisor: str, task: str, memory: Mapping[str, Any]
) -> dict[str, Any]:
    """Has the advisor judge; its review as a mapping. Raises TypeError for what is none."""
    context = copy.deepcopy(dict(memory))
    output = _output_in(name, {f"{name}.{part}": context.pop(f"{name}.{part}", None) for part in _LEFT})
    text = filled(task, context)
    judge = factory(advisor)
    found = _awaited(getattr(judge, "review", judge)(output, text, context))
    if isinstance(found, Mapping):
        return {key: found[key] for key in _REVIEW if key in found}
    review = {key: getattr(found, key) for key in _REVIEW if hasattr(found, key)}
    if not review:
        raise TypeError(f"the advisor {advisor!r} returned a {type(found).__name__}, and no review")
    return review


def _awaited(given: Any) -> Any:
    """What a coroutine comes to, in a loop of its own."""
    if not inspect.iscoroutine(given):
        return given
    import asyncio

    return asyncio.run(given)


def _output_in(name: str, memory: Mapping[str, Any]) -> Output:
    content, artifacts, metadata = (memory.get(f"{name}.{part}") for part in _LEFT)
    return Output(content or "", artifacts, metadata)


def _as_output(given: Any, agent: str) -> Output:
    if isinstance(given, Output):
        return given
    if isinstance(given, str):
        return Output(given)
    found = (
        given if isinstance(given, Mapping) else {part: getattr(given, part) for part in _LEFT if hasattr(given, part)}
    )
    content = found.get("content")
    if not isinstance(content, str):
        what = f"a {type(given).__name__}" if given is not None else "nothing"
        raise TypeError(f"the agent {agent!r} returned {what}: wanted is a text, or a mapping with a text as content")
    return Output(content, found.get("artifacts"), found.get("metadata"))
