"""The JSON Schema of the language agrees with the loader: what one takes the other takes, by a real validator.

It does not know how an editor shows it.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import Any

import pytest
from jsonschema import Draft202012Validator

from tests.docs.pages import fences, pages
from tests.support.command import REPOSITORY
from wavebuild.declare import load, schema, syntax
from wavebuild.declare.fields import Key, Section
from wavebuild.declare.forms import Free, Reading, Unread
from wavebuild.declare.shapes import anything
from wavebuild.declare.source import Problems
from wavebuild.declare.starting import STARTING_WAVEFILE
from wavebuild.declare.values import bare
from wavebuild.errors import WavebuildError

EXAMPLES = sorted([*REPOSITORY.glob("examples/**/Wavefile*"), REPOSITORY / "Wavefile.example"])
FENCES = [fence for page in pages() for fence in fences(page) if fence.is_wavefile]

AROUND = {
    "include": "include: [{%s}]\nsteps: {a: {run: make}}",
    "profile": "profiles: {default: {%s}, other: {%s}}\nsteps: {a: {run: make}}",
    "category": "categories: {c: {%s}}\nsteps: {other: {run: make}, a: {category: c}}",
    "settings": "settings: {%s}\nsteps: {a: {run: make}}",
    "step": "steps:\n  other: {run: make}\n  a: {%s}",
    "artifact": "steps: {a: {inputs: {%s}, run: make}}",
    "retries": "steps: {a: {retries: {%s}, run: make}}",
    "limits": "steps: {a: {limits: {%s}, run: make}}",
    "check": "steps: {a: {checks: {%s}, run: make}}",
    "probe": "probes: {p: {%s}}\nsteps: {a: {run: make}}",
    "agent": "agents: {w: {%s}}\nsteps: {a: {agent: w, prompt: {text: x}}}",
    "advisor": "advisors: {c: {%s}}\nsteps: {a: {run: make, review: {advisor: c}}}",
    "prompt": "agents: {w: {run: make}}\nsteps: {a: {agent: w, prompt: {%s}}}",
    "review": "advisors: {word: {run: make}}\nsteps: {a: {run: make, review: {%s}}}",
    "values": "steps: {a: {foreach: {v: {%s}}, run: make}}",
    "pairs": "steps: {a: {foreach: {%s}, run: make}}",
    "files": "steps: {a: {foreach: {%s}, run: make}}",
}
VALUES = (
    *(
        "word",
        "other",
        "a b",
        "5",
        "2G",
        "1.5K",
        "-1",
        "1.5",
        "true",
        "5m",
        "2h-3h",
        "a/b.csv",
        "conf.yaml#a.b",
        '""',
        "m:f",
        "null",
    ),
    *("[word]", "[a.csv, b.csv]", "[]", "[[x]]", "[{x: y}]", "[5]", "[timeout]", "[null]"),
    *(
        "{x: y}",
        "{x: 1}",
        "{x: [y]}",
        "{x: {y: z}}",
        "{}",
        "{path: a.csv}",
        "{times: 2}",
        "{run: make}",
        "{odd odd: 1}",
    ),
    *("{x: {path: a.csv}}", "{path: a.csv, unheard: 1}", '"{{ 7 }}"', '"{{ [1] }}"', "{x: '{{ 1 }}'}"),
)
STRUCTURE = ("wrong-type", "unknown-key", "not-yet", "bad-duration")


@cache
def validator() -> Draft202012Validator:
    Draft202012Validator.check_schema(schema.json_schema())
    return Draft202012Validator(schema.json_schema())


def as_json(text: str) -> object:
    """What an editor makes of a Wavefile: YAML 1.2, templates being plain texts."""
    problems = Problems("Wavefile", text)
    value = syntax.parse(text, problems)
    assert value is not None
    return bare(Free().read(value, Reading(problems, templates=False)))


def complaints(text: str) -> list[str]:
    return [
        f"{'/'.join(map(str, error.path))}: {error.message[:200]}" for error in validator().iter_errors(as_json(text))
    ]


def refusals(text: str, folder: Path) -> list[str]:
    file = folder / "Wavefile"
    file.write_text(text, encoding="utf-8")
    try:
        load(str(file), environ={"HOME": "/home/me"})
    except WavebuildError as error:
        return [problem.code for problem in error.problems]
    return []


@pytest.mark.parametrize("file", EXAMPLES, ids=lambda file: str(file.relative_to(REPOSITORY)))
def test_every_example_fits_the_schema(file: Path) -> None:
    """An editor marks nothing in a Wavefile that ships."""
    assert complaints(file.read_text(encoding="utf-8")) == []


def test_the_wavefile_that_init_writes_fits_the_schema() -> None:
    assert complaints(STARTING_WAVEFILE) == []


@pytest.mark.parametrize("fence", FENCES, ids=lambda fence: fence.where)
def test_every_wavefile_of_a_page_fits_the_schema(fence: Any) -> None:
    """What a reader copies from a page is not marked either."""
    assert complaints(fence.text) == []


def sections() -> Iterator[tuple[str, Section]]:
    yield "", schema.WAVEFILE
    yield from schema.PARTS.items()


KEYS = [(part, key) for part, section in sections() for key in section.keys]
# A key that several sections share reads the same in all of them.
ONCE = [each for at, each in enumerate(KEYS) if not any(each[1] is earlier for _, earlier in KEYS[:at])]


@pytest.mark.parametrize(("part", "key"), ONCE, ids=lambda each: each.name if isinstance(each, Key) else each or "top")
def test_the_loader_and_the_schema_agree_on_every_key(part: str, key: Key[object], tmp_path: Path) -> None:
    """Whatever stands at a key: what the loader takes fits, and what it refuses by its type does not."""
    for value in VALUES:
        text = whole(part, f"{key.name}: {value}")
        found, marked = refusals(text, tmp_path), complaints(text)
        if not found:
            assert marked == [], text
        if "template-place" in found or ("{{" not in value and found and set(found) <= set(STRUCTURE)):
            assert marked, f"{found} of {text}"


def whole(part: str, line: str) -> str:
    """The line in a Wavefile that has all that must stand beside it."""
    if not part:
        return line + "\n" + ("" if line.startswith("steps:") else "steps: {a: {run: make}}\n")
    lines = [line]
    if part == "artifact" and not line.startswith(("path:", "list:")):
        lines.append("path: a.csv")
    if part == "retries" and not line.startswith("times:"):
        lines.append("times: 1")
    if part in ("values", "pairs") and not line.startswith("path:"):
        lines.append("path: a.csv")
    if part == "values" and not line.startswith("column:"):
        lines.append("column: c")
    if part == "pairs" and not line.startswith("columns:"):
        lines.append("columns: {v: c}")
    if part == "files" and not line.startswith("glob:"):
        lines.append("glob: 'a/{v}'")
    if part == "include" and not line.startswith("path:"):
        lines.append("path: a/Wavefile")
    if part == "review" and not line.startswith("advisor:"):
        lines.append("advisor: word")
    if part in ("agent", "advisor") and line.startswith("with:"):
        lines.append("call: m:f")
    elif part in ("agent", "advisor") and not line.startswith(("run:", "call:")):
        lines.append("run: make")
    if part in ("step", "check", "probe", "category") and not line.startswith(
        ("run:", "call:", "manual:", "checks:", "agent:", "prompt:")
    ):
        lines.append("run: make")
    if line.startswith("manual:"):
        lines.append("outputs: m.csv")
    return AROUND[part].replace("%s", ", ".join(lines)) + "\n"


@pytest.mark.parametrize("part", [part for part, _ in sections()], ids=lambda part: part or "top")
def test_an_unknown_key_is_marked_everywhere(part: str) -> None:
    """No mapping of the language is open, but for x-… at the top."""
    assert complaints(whole(part, "unheard: 1"))
    assert bool(complaints(whole(part, "x-mine: {anything: [1]}"))) == (part != "")


def test_every_value_that_other_definitions_read_is_described() -> None:
    """A key whose form is left to others says what they take."""
    assert [key.name for _, key in KEYS if isinstance(key.form, Unread) and key.form.looks is anything] == []


def test_every_key_is_explained_and_every_reference_resolves() -> None:
    """An editor shows the meaning of each key; no part is missing and none is idle."""
    made = schema.json_schema()
    text = json.dumps(made)
    parts: Any = made["$defs"]

    assert set(re.findall(r'"#/\$defs/(\w+)"', text)) == set(parts)
    for part, section in sections():
        properties: Any = (parts[part] if part else made)["properties"]
        assert {name: each["description"] for name, each in properties.items()} == {
            k.name: k.about for k in section.keys
        }


@pytest.mark.parametrize(
    "text",
    [
        "steps: {größe: {run: make}}",
        "steps: {4a: {run: make, title: 2024, tags: [1, true]}}",
        "steps: {a: {run: true, timeout: 1h30m, outputs: no}}",
        "x-common: &c {timeout: 1m}\nsteps: {a: {<<: *c, run: make}}",
        "steps: {a: {inputs: {one: [a.csv, {path: b/, exclude: x}]}, run: make}}",
        "steps: {a: {run: make, shell: [sh, -c], env: {V: 1.10, E: ''}, needs: }}",
    ],
)
def test_what_the_loader_takes_in_odd_forms_fits(text: str, tmp_path: Path) -> None:
    """Editors are not stricter than the loader."""
    assert refusals(text, tmp_path) == []
    assert complaints(text) == []


@pytest.mark.parametrize(
    "text",
    [
        "steps: [a, b]",
        "steps: {a b: {run: make}}",
        "steps: {a: {run: {x: y}}}",
        "steps: {a: {cmd: make}}",
        "steps: {a: {run: make, timeout: 5}}",
        "steps: {a: {run: make, on_edit: never}}",
        "steps: {a: {run: make, env: [A=1]}}",
        "steps: {a: {run: make, inputs: [{rows: {x: 1}}]}}",
        "steps: {a: {run: make, retries: {delay: 1s}}}",
        "settings: {jobs: '{{ 4 }}'}\nsteps: {a: {run: make}}",
        "name: x",
    ],
)
def test_what_the_loader_refuses_by_its_structure_is_marked(text: str, tmp_path: Path) -> None:
    """A mistake shows while it is typed."""
    assert refusals(text, tmp_path)
    assert complaints(text)
