"""Functions that a child of a worker calls: of modules that lie out of the root, of agents and advisors.

It does not know what they do. ``code`` only makes another function of the same name another definition.
"""

from __future__ import annotations

import importlib
from collections.abc import Callable
from typing import Any

from wavebuild.run.call import called


def call(
    code: str,
    function: str,
    arguments: dict[str, Any],
    inputs: list[str],
    outputs: list[str],
    mem: dict[str, Any],
    feedback: Any,
) -> Any:
    """Calls a function with what its signature has of all that a step is given."""
    offered: dict[str, Callable[[], object]] = {
        "inputs": lambda: inputs,
        "outputs": lambda: outputs,
        "mem": lambda: mem,
        "feedback": lambda: feedback,
    }
    return called(found(function), arguments, offered)


def agent(code: str, factory: str, stage: dict[str, str], mem: dict[str, Any], feedback: Any) -> dict[str, Any]:
    """Has an agent do its task; what it leaves in the memory."""
    from wavebuild.orchestrator.agents import done

    return done(found(factory), stage["name"], stage["agent"], stage["task"], mem, feedback)


def advisor(code: str, factory: str, stage: dict[str, str], mem: dict[str, Any]) -> dict[str, Any]:
    """Has an advisor judge what an agent has left; its review."""
    from wavebuild.orchestrator.agents import judged

    return judged(found(factory), stage["name"], stage["advisor"], stage["task"], mem)


def found(function: str) -> Any:
    module, _, name = function.partition(":")
    thing: Any = importlib.import_module(module)
    for part in name.split("."):
        thing = getattr(thing, part)
    return thing
