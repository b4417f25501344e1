"""The Wavefiles that the cases of the language are written in, read from the tests themselves.

It does not run them. A text with a gap for a parameter is read with
a word in the gap, and without it.
"""

from __future__ import annotations

import ast
import contextlib
import re
from collections.abc import Iterator
from pathlib import Path

from wavebuild.declare import read_data
from wavebuild.declare.model import Json
from wavebuild.errors import WavebuildError

HERE = Path(__file__).parent
NO_CASES = ("test_coverage.py", "test_bad_inputs.py")


def documents() -> Iterator[dict[str, Json]]:
    """Every mapping that a text of the cases is in YAML: whole Wavefiles, and parts of them."""
    for path in _files():
        for text in _texts(ast.parse(path.read_text())):
            for version in {text, text.replace("{{", "{").replace("}}", "}")}:
                yield from _read(version)


def is_parameter(key: str, word: str) -> bool:
    """Whether a file of cases writes the key, and has the word alone as a text: it is put in for a gap there."""
    for path in _files():
        found = list(_texts(ast.parse(path.read_text())))
        if word in found and any(re.search(rf"\b{key}: ", text) for text in found):
            return True
    return False


def _files() -> list[Path]:
    return sorted({*HERE.glob("test_*.py")} - {HERE / name for name in NO_CASES})


def _texts(tree: ast.AST) -> Iterator[str]:
    joined = {id(part) for found in ast.walk(tree) if isinstance(found, ast.JoinedStr) for part in found.values}
    for found in ast.walk(tree):
        if isinstance(found, ast.JoinedStr):
            for gap in ("gap", ""):
                parts = (part.value if isinstance(part, ast.Constant) else gap for part in found.values)
                yield "".join(str(part) for part in parts)
        elif isinstance(found, ast.Constant) and isinstance(found.value, str) and id(found) not in joined:
            yield found.value


def _read(text: str) -> Iterator[dict[str, Json]]:
    """What a text is as YAML, and what it is between braces."""
    if not re.search(r"\w: |:\n", text):
        return
    for attempt in (text, f"{{{text}}}"):
        with contextlib.suppress(WavebuildError):
            value = read_data(attempt.encode("utf-8", "surrogatepass"), "case", "yaml")
            if isinstance(value, dict):
                yield value


def mappings(value: Json) -> Iterator[dict[str, Json]]:
    """Every mapping in a value, the value itself too."""
    if isinstance(value, dict):
        yield value
    for item in value.values() if isinstance(value, dict) else value if isinstance(value, list) else ():
        yield from mappings(item)


def artifacts() -> Iterator[tuple[str, Json]]:
    """Every artifact as it is written, with the key it stands under."""
    for document in documents():
        for mapping in mappings(document):
            for role in ("inputs", "outputs", "code"):
                yield from ((role, item) for item in _listed(mapping.get(role)))


def _listed(value: Json) -> Iterator[Json]:
    if isinstance(value, list):
        for item in value:
            yield from _listed(item)
    elif isinstance(value, dict) and not ({"path", "list"} & value.keys()):
        for item in value.values():
            yield from _listed(item)
    elif value is not None:
        yield value
