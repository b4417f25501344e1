"""TEXT → MODEL: a Wavefile is found, read, checked in itself, and becomes frozen values with their place.

It does not know how steps are joined, what lies on disk, or what is fresh.
"""

from __future__ import annotations

TYPE_CHECKING = False
if TYPE_CHECKING:
    from wavebuild.declare.above import governing
    from wavebuild.declare.data import read_data
    from wavebuild.declare.finding import find
    from wavebuild.declare.templates import render, render_value
    from wavebuild.declare.values import Paths
    from wavebuild.declare.wavefile import load

__all__ = ["Paths", "find", "governing", "load", "read_data", "render", "render_value"]

# A build with nothing to do asks for `upward` alone: YAML and all that reads it come when they are called for.
# No module may have the name of what it gives: whoever imports it would put it in the function's place.
_HOMES = {
    "Paths": "values",
    "find": "finding",
    "governing": "above",
    "load": "wavefile",
    "read_data": "data",
    "render": "templates",
    "render_value": "templates",
}


def __getattr__(name: str) -> object:
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    from importlib import import_module

    value: object = getattr(import_module(f"{__name__}.{_HOMES[name]}"), name)
    globals()[name] = value
    return value
