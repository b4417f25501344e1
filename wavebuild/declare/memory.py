"""The initial values of the shared memory: those of the file, and over them those of `--mem`.

It does not know which steps read or write them.
"""

from __future__ import annotations

from collections.abc import Container, Mapping, Sequence

from wavebuild.declare.artifacts import MEMORY_KEY
from wavebuild.declare.forms import Reading
from wavebuild.declare.model import Initial, Json
from wavebuild.declare.source import Problems, Spot, word
from wavebuild.declare.values import from_argument, json_text
from wavebuild.errors import Place, Problem


def initial_values(written: Mapping[str, tuple[Json, Spot]], reading: Reading) -> dict[str, Initial]:
    """What a file says under `mem`."""
    found: dict[str, Initial] = {}
    for key, (value, spot) in written.items():
        text = _text(value)
        if text is None:
            reading.refuse("bad-value", spot, f"the value of mem:{key} is not JSON", "a number must be finite")
        else:
            found[key] = Initial(key, text, reading.problems.place(spot))
    return found


def given_values(given: Sequence[tuple[str, str]], known: Container[str], problems: Problems) -> dict[str, Initial]:
    """What was given on the command line; ``known``: the keys that the files give."""
    return {
        key: Initial(key, _given(key, argument, problems), Place(f"--mem {key}"), True, key in known)
        for key, argument in given
    }


def _given(key: str, argument: str, problems: Problems) -> str:
    text = _text(from_argument(argument))
    if text is None or not MEMORY_KEY.fullmatch(key):
        message = f"{word(key)} is no key of the memory" if text is not None else f"the value of mem:{key} is not JSON"
        problems.record(Problem("bad-mem", message, Place(f"--mem {key}"), "write --mem KEY=VALUE"))
    return text or "null"


def _text(value: Json) -> str | None:
    try:
        return json_text(value)
    except (ValueError, RecursionError):
        return None
