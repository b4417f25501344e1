"""What a step writes to the shared memory: read from the file that it left, every declared key and no other.

It does not know where values are kept, nor who reads them.
"""

from __future__ import annotations

import os
from collections.abc import Collection, Mapping, Sequence

from wavebuild import disk
from wavebuild.declare.model import Json, Kind, Step
from wavebuild.declare.values import json_text
from wavebuild.errors import WavebuildError, mistake
from wavebuild.graph import reads
from wavebuild.graph.files import are_packed
from wavebuild.later import json
from wavebuild.run.masking import SHORTEST, holds

MEMORY = ".wavebuild/memory"

LARGEST = 64 << 20
"""Bytes that a value may have, as JSON."""


def keys_read(step: Step, checking: bool) -> tuple[str, ...]:
    """The keys that an action may read; with its checks those of the checks, too."""
    if are_packed(step.inputs) and not checking:
        return ()
    artifacts = reads(step) if checking else step.inputs
    found = [artifact.path for artifact in artifacts if artifact.kind is Kind.MEM]
    return tuple(dict.fromkeys(found)) if found else ()


def keys_written(step: Step) -> tuple[str, ...]:
    """The keys that the action writes; not that for what the advisor says of it."""
    found = [artifact.path for artifact in step.outputs if artifact.kind is Kind.MEM]
    return tuple([key for key in found if step.review is None or key != step.review.key]) if found else ()


def file_of(run: str, number: int) -> str:
    """Where a step writes its values, relative to the root."""
    return f"{MEMORY}/{run}.{number}.json"


def as_object(texts: Mapping[str, str]) -> bytes:
    """One JSON object of values that are JSON already."""
    return ("{" + ",".join(f"{json.dumps(key)}:{text}" for key, text in texts.items()) + "}\n").encode()


def make_ready(root: str, path: str) -> None:
    """Nothing of an earlier try is taken for this one's."""
    disk.make_folder(os.path.join(root, MEMORY))
    disk.remove(os.path.join(root, path))


def take_in(root: str, path: str, keys: Sequence[str], secrets: Collection[str] = ()) -> dict[str, str]:
    """The values of all declared keys as canonical JSON; the file is removed. Raises WavebuildError, naming the key.

    ``secrets``: texts that no value may hold, as values are kept and shown; what is shorter than
    some signs stands in many a value by chance.
    """
    try:
        given = _object(os.path.join(root, path), keys)
    finally:
        disk.remove(os.path.join(root, path))
    for key in keys:
        if key not in given:
            raise _refused(f"it ended well but did not write mem:{key}")
    for key in given:
        if key not in keys:
            raise _refused(f"it wrote mem:{key}, which is not among its outputs")
    found = {key: _canonical(key, given[key]) for key in keys}
    for key, text in found.items():
        if holds(text.encode("utf-8", "surrogatepass"), secrets, SHORTEST):
            raise _refused(f"the value of mem:{key} holds a secret, and values are kept and shown: leave it out")
    return found


def _object(path: str, keys: Sequence[str]) -> dict[str, Json]:
    names = ", ".join(f"mem:{key}" for key in keys)
    if disk.look(path) is None:
        raise _refused(f"it ended well but did not write {names}: a JSON object with it belongs in $WAVEBUILD_MEM_OUT")
    try:
        data = disk.read_regular(path, LARGEST * len(keys) + LARGEST)
    except (OSError, WavebuildError):
        raise _refused(f"what it wrote for {names} is too large, or no file: a value has at most 64 MiB") from None
    try:
        found = json.loads(data, parse_constant=_no_number)
    except (ValueError, RecursionError) as error:
        why = str(error) if isinstance(error, ValueError) else "it is too deep"
        raise _refused(f"what it wrote for {names} to $WAVEBUILD_MEM_OUT is not JSON: {why}") from None
    if not isinstance(found, dict):
        raise _refused(f'what it wrote to $WAVEBUILD_MEM_OUT is no JSON object: write {{"{keys[0]}": VALUE}}')
    return found


def _no_number(name: str) -> Json:
    raise ValueError(f"{name} is no number of JSON")


def _canonical(key: str, value: Json) -> str:
    try:
        text = json_text(value)
        size = len(text.encode())
    except (ValueError, RecursionError) as error:
        raise _refused(f"the value of mem:{key} is not JSON that UTF-8 can hold: {error}") from None
    if size > LARGEST:
        raise _refused(f"the value of mem:{key} is too large: {size >> 20} MiB, and at most 64 MiB are kept")
    return text


def _refused(message: str) -> WavebuildError:
    return mistake("memory", message)
