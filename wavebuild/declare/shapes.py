"""The words of JSON Schema with which the forms of values describe themselves.

It does not know which key has which form. A description is for editors: what the loader takes is never
refused by it, and where the two could differ the loader is the stricter one.
"""

from __future__ import annotations

import re
from typing import cast

from wavebuild.declare.model import Json

Shape = dict[str, Json]

ANY_LETTER = r"0-9A-Za-z_\u0080-\uffff"  # \w of the loader, which knows the letters of all languages


def anything(templates: bool = True) -> Shape:
    return {}


def text(pattern: str = r"\S", templates: bool = True) -> Shape:
    """A plain scalar: ``1.10``, ``true`` and ``012`` are texts where a text is asked for."""
    shape: Shape = {"type": ["string", "number", "boolean"]}
    if pattern:
        shape["pattern"] = pattern
    return shape if templates else shape | {"not": {"type": "string", "pattern": r"\{\{"}}


def words(*known: str) -> Shape:
    return {"enum": list(known)}


def whole(pattern: re.Pattern[str]) -> str:
    """The pattern of a whole text in the dialect of JSON Schema."""
    plain = re.sub(r"\(\?P<\w+>", "(?:", pattern.pattern).replace(r"[^\W]", r"[\w]")
    return f"^(?:{_spelled_out(plain)})$"


def _spelled_out(pattern: str) -> str:
    """``\\w`` within and without ``[ ]`` as the letters that it means here."""
    inside = re.sub(r"\[[^\]]*\]", lambda found: found[0].replace(r"\w", ANY_LETTER), pattern)
    return inside.replace(r"\w", f"[{ANY_LETTER}]")


def either(*shapes: Shape) -> Shape:
    """One of several; what is the same is said once."""
    flat: list[Json] = []
    for shape in shapes:
        inner = shape["anyOf"] if set(shape) == {"anyOf"} else [shape]
        flat += [each for each in cast("list[Json]", inner) if each not in flat]
    if {} in flat:
        return {}
    return cast("Shape", flat[0]) if len(flat) == 1 else {"anyOf": flat}


def filled(shape: Shape, templates: bool) -> Shape:
    """The shape, or a text with ``{{ … }}`` where templates are filled in."""
    return either(shape, ref("template")) if templates else shape


TEMPLATE: Shape = {"type": "string", "pattern": r"\{\{", "description": "a text with {{ expressions }}"}


def given(shape: Shape) -> Shape:
    """The shape, or nothing: ``key:``, ``null`` and ``~`` mean that the key is not given."""
    return either(shape, {"type": "null"})


def array(item: Shape, least: int = 0) -> Shape:
    return {"type": "array", "items": item, **({"minItems": least} if least else {})}


def listed(item: Shape, least: int = 0) -> Shape:
    """One, or a list."""
    return either(item, array(item, least))


def mapping(item: Shape, names: Shape | None = None) -> Shape:
    """Any names, each with a value."""
    shape: Shape = {"type": "object", "additionalProperties": given(item)}
    return shape | ({"propertyNames": names} if names else {})


def ref(name: str) -> Shape:
    """A part that is described once, under this name."""
    return {"$ref": f"#/$defs/{name}"}
