"""Every key of the language, and every form of an artifact, has a case in this folder."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.language import texts
from wavebuild.declare import load, schema
from wavebuild.declare.fields import Key, Section
from wavebuild.declare.forms import Choice
from wavebuild.declare.model import Json
from wavebuild.errors import WavebuildError

DOCUMENTS = list(texts.documents())
MAPPINGS = [mapping for document in DOCUMENTS for mapping in texts.mappings(document)]
ARTIFACTS = list(texts.artifacts())
SECTIONS: dict[str, Section] = {"top": schema.WAVEFILE, **schema.PARTS}


def settings_of(document: dict[str, Json]) -> list[dict[str, Json]]:
    found = [document.get("settings"), *(one for one in texts.mappings(document.get("profiles")))]
    return [one for one in found if isinstance(one, dict)] + [
        inner for one in found if isinstance(one, dict) and isinstance(inner := one.get("settings"), dict)
    ]


@pytest.mark.parametrize("part", SECTIONS)
def test_every_key_has_a_case(part: str) -> None:
    """A key without one is not known to work."""
    section = SECTIONS[part]
    whole = [document for document in DOCUMENTS if "steps" in document]
    match part:
        case "top":
            places = [*whole, *(document for document in DOCUMENTS if "run" not in document)]
        case "settings":
            places = [one for document in DOCUMENTS for one in settings_of(document)]
        case _:
            places = MAPPINGS
    written = {key for place in places for key in place}

    assert [key.name for key in section.keys if key.name not in written] == []


FORMS: dict[str, tuple[str, Callable[[str, Json], bool]]] = {
    "a file": ("inputs: a/b", lambda role, item: is_text(item, r"[\w./]*\w")),
    "a directory": ("inputs: a/", lambda role, item: is_text(item, r"[\w./]+/")),
    "a glob": ("inputs: '*.a'", lambda role, item: is_text(item, r"[^:#{]*\*[^:#{]*")),
    "a deep glob": ("inputs: '**/a'", lambda role, item: is_text(item, r"[^:#{]*\*\*[^:#{]*")),
    "an output file": ("outputs: a/b", lambda role, item: role == "outputs" and is_text(item, r"[\w./]*\w")),
    "an output directory": ("outputs: a/", lambda role, item: role == "outputs" and is_text(item, r"[\w./]+/")),
    "an output glob": ("outputs: a/*", lambda role, item: role == "outputs" and is_text(item, r"[^:#{]*\*.*")),
    "a step": ("inputs: step:b", lambda role, item: is_text(item, r"step:[\w-]+")),
    "an instance": ("inputs: step:b@x", lambda role, item: is_text(item, r"step:[\w-]+@.+")),
    "a variable": ("inputs: env:HOME", lambda role, item: is_text(item, r"env:\w+")),
    "keys": ("inputs: 'a.yaml#b'", lambda role, item: is_text(item, r".+\.(yaml|json|toml)#.+")),
    "keys, spelled out": ("inputs: {path: a.yaml, keys: b}", lambda role, item: has(item, "keys")),
    "rows": ("inputs: {path: a.csv, rows: {b: c}}", lambda role, item: has(item, "rows")),
    "columns": ("inputs: {path: a.csv, columns: b}", lambda role, item: has(item, "columns")),
    "a list": ("inputs: {list: a}", lambda role, item: has(item, "list")),
    "a probe": ("inputs: probe:p", lambda role, item: is_text(item, r"probe:\w+")),
    "a probe with an argument": ("inputs: probe:p@x", lambda role, item: is_text(item, r"probe:\w+@.+")),
    "an output probe": ("outputs: probe:p", lambda role, item: role == "outputs" and is_text(item, "probe:.*")),
    "memory": ("inputs: mem:k", lambda role, item: role == "inputs" and is_text(item, r"mem:.+")),
    "output memory": ("outputs: mem:k", lambda role, item: role == "outputs" and is_text(item, r"mem:.+")),
    "an optional input": ("inputs: {path: a, optional: true}", lambda r, item: r == "inputs" and has(item, "optional")),
    "an optional output": ("outputs: {path: a, optional: true}", lambda r, i: r == "outputs" and has(i, "optional")),
    "an output in place": ("outputs: {path: a, in_place: true}", lambda r, i: r == "outputs" and has(i, "in_place")),
    "exclude": ("inputs: {path: a/, exclude: b}", lambda role, item: has(item, "exclude")),
    "code": ("code: a.py", lambda role, item: role == "code"),
    "a digest of one's own": ("inputs: {path: a, digest: {run: cat}}", lambda role, item: is_mapped(item, "digest")),
}


def is_text(item: Json, pattern: str) -> bool:
    text = item.get("path") if isinstance(item, dict) else item
    return isinstance(text, str) and re.fullmatch(pattern, text) is not None


def has(item: Json, key: str) -> bool:
    return isinstance(item, dict) and key in item


def is_mapped(item: Json, key: str) -> bool:
    return isinstance(item, dict) and isinstance(item.get(key), dict)


@pytest.mark.parametrize("form", FORMS)
def test_every_form_of_an_artifact_has_a_case(form: str, tmp_path: Path) -> None:
    """As soon as the loader takes it."""
    sample, is_form = FORMS[form]
    written = any(is_form(role, item) for role, item in ARTIFACTS)

    assert written or not taken(sample, tmp_path)


def taken(sample: str, folder: Path) -> bool:
    """Whether this version has the form; another refusal means that the sample is no good."""
    path = folder / "Wavefile"
    path.write_text(f"steps:\n  b: {{run: x}}\n  a: {{{sample}, run: x}}\n")
    try:
        load(str(path))
    except WavebuildError as error:
        return any(problem.code != "not-yet" for problem in error.problems)
    return True


def test_every_word_of_a_choice_has_a_case() -> None:
    """Each word is another behaviour, but for the first, which holds when nothing is said."""
    lacking = []
    for section in SECTIONS.values():
        for key in section.keys:
            for word in words_of(key):
                said = any(mapping.get(key.name) == word for mapping in MAPPINGS)
                if not said and not texts.is_parameter(key.name, word):
                    lacking.append(f"{key.name}: {word}")

    assert lacking == []


def words_of(key: Key[object]) -> list[str]:
    return list(key.form.words)[1:] if isinstance(key.form, Choice) else []
