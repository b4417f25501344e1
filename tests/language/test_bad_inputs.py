"""Bad inputs at every key, made from the definitions of the language: each is refused at its place, in words that help.

What is bad by its form, the JSON Schema says; what is bad by its meaning stands in the lists below.
"""

from __future__ import annotations

import re
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.declare.test_json_schema import KEYS, complaints, whole
from wavebuild.declare import load, schema
from wavebuild.declare.fields import Key, Section
from wavebuild.declare.forms import AgeForm, Choice, Duration, DurationRange, Flag, Many
from wavebuild.declare.source import Unreadable
from wavebuild.errors import Problem, WavebuildError

WRONG = (
    *("''", "' '", "word", "a b", "two words, a comma", "5", "0", "-1", "1.5", "1e400", "99999999999999", "yes", "90"),
    *("5 parsecs", "3h-2h", "-1s", "2026-05-06", '"a\\tb"', '"\\u202e"', '"a\\nb"', "../x", "/x", "a[b", "x://y"),
    *("[]", "[~]", "[[]]", "[[x]]", "[x, ~]", "[{}]", "[{x: y}]", "[5, x]", "[x, x]", "['']"),
    *("{}", "{x: y}", "{x: }", "{x: []}", "{x: {y: z}}", "{x: {y: [z]}}", "{'': x}"),
    *("{a b: x}", "{path: }", "{list: }"),
    *("{path: [x]}", "{path: x, path2: y}", "{run: [], call: x}", "{times: -1}", "{glob: x}", "{1: 2}"),
)  # fmt: skip
BROKEN = ("!x y", "*nowhere", "[a, b", "{a: b", "&a [*a]", "'open", '"\\q"')
"""What is no YAML, or no YAML of ours, wherever it stands."""

Case = tuple[str, Key[object]]


def problems(text: str, folder: Path) -> tuple[Problem, ...]:
    """All that is wrong with a Wavefile of this text; none: it is taken."""
    path = folder / "Wavefile"
    path.write_bytes(text.encode())
    began = time.process_time()
    try:
        load(str(path), environ={"HOME": "/home/me"})
    except WavebuildError as error:
        found = error
    else:
        return ()
    assert found.exit_code == 2
    assert time.process_time() - began < 2, text
    return found.problems


def flaws(text: str, found: tuple[Problem, ...]) -> list[str]:
    """What is not as it should be in how a text is refused."""
    if not found:
        return [f"taken: {text!r}"]
    lines = text.splitlines()
    out = []
    for problem in found:
        place = problem.place
        if place is None or place.file != "Wavefile" or place.line < 1 or place.column < 1:
            out.append(f"no place: {problem} of {text!r}")
        elif place.column > len([*lines, ""][min(place.line, len(lines) + 1) - 1]) + 1:
            out.append(f"a place outside the text: {problem} of {text!r}")
        if not problem.message.strip() or "Traceback" in problem.message or "object at 0x" in problem.message:
            out.append(f"no message: {problem} of {text!r}")
        if not problem.code or not all(line.isprintable() for line in problem.message.splitlines()):
            out.append(f"not fit to be shown: {problem} of {text!r}")
    return out


def is_bad(text: str) -> bool:
    """Whether a text is bad by its form alone."""
    try:
        return bool(complaints(text))
    except Unreadable:
        return True


def bad_values(part: str, key: Key[object]) -> Iterator[str]:
    for value in WRONG:
        text = whole(part, f"{key.name}: {value}")
        if is_bad(text):
            yield text
    for value in BROKEN:
        yield whole(part, f"{key.name}: {value}")
    yield whole(part, f"{key.name}: 1, {key.name}: 2" if part else f"{key.name}: 1\n{key.name}: 2")


def name_of(case: object) -> str:
    return case.name if isinstance(case, Key) else str(case) or "top"


@pytest.mark.parametrize(("part", "key"), KEYS, ids=name_of)
def test_a_bad_value_is_refused_at_its_place(part: str, key: Key[object], tmp_path: Path) -> None:
    """Whatever it is, in no time, and as the author's mistake; no two are the same."""
    bad = list(bad_values(part, key))

    assert len(set(bad)) == len(bad) > len(BROKEN)
    assert [flaw for text in bad for flaw in flaws(text, problems(text, tmp_path))] == []


def test_there_are_hundreds() -> None:
    """Every key has some, and no two keys are the same."""
    assert len({(part, key.name) for part, key in KEYS}) == len(KEYS)
    assert len(KEYS) * (len(BROKEN) + 1) >= 300


def misspelled(name: str) -> str:
    return name[:-2] + name[-1] + name[-2] if name[-1] != name[-2] else name[:-1]


@pytest.mark.scenario(id="W5")
@pytest.mark.parametrize(("part", "key"), KEYS, ids=name_of)
def test_a_misspelled_key_is_told_what_was_meant(part: str, key: Key[object], tmp_path: Path) -> None:
    """At its place."""
    section: Section = schema.PARTS[part] if part else schema.WAVEFILE
    wrong = misspelled(key.name)
    if wrong in section.names or wrong in dict(section.synonyms):
        wrong = key.name + "z"
    text = whole(part, f"{wrong}: x")
    told = [problem for problem in problems(text, tmp_path) if problem.code == "unknown-key"]

    assert flaws(text, tuple(told)) == []
    assert len(told) == text.count(f"{wrong}: ")
    assert len(key.name) < 4 or re.search(rf"'{key.name}'|'\w+'", told[0].remedy), told[0]


def remedy_of(value: str, part: str, key: Key[object], folder: Path) -> str:
    beside = ", foreach: {v: [x]}" if key.name == "allow_empty" else ""
    told = problems(whole(part, f"{key.name}: {value}{beside}"), folder)
    return "\n".join(problem.remedy for problem in told)


@pytest.mark.parametrize(("part", "key"), KEYS, ids=name_of)
def test_a_mistake_that_hands_make_is_told_its_remedy(part: str, key: Key[object], tmp_path: Path) -> None:
    """A bare number for a duration, a yes for true, a letter too few in a word."""
    match key.form:
        case Flag():
            assert "write true" in remedy_of("yes", part, key, tmp_path)
            assert "write false" in remedy_of("Off", part, key, tmp_path)
        case Duration() | AgeForm() | DurationRange():
            assert "90s, 90m or 90h" in remedy_of("90", part, key, tmp_path)
            assert remedy_of("soon", part, key, tmp_path)
        case Choice(words):
            for word in words:
                if len(word) > 3:
                    assert f"did you mean '{word}'" in remedy_of(word[:-1], part, key, tmp_path)
        case Many():
            assert "remove it" in remedy_of("[x, ~]", part, key, tmp_path)
        case _:
            assert f'write: {key.name}: "!x y"' in remedy_of("!x y", part, key, tmp_path) or part


STEP = "steps:\n  a: {%s}\n  other: {outputs: taken, run: x}\n"
MEANINGS = {
    # paths
    **{
        f"{key} {path}": STEP % f"run: x, {key}: {path}"
        for key in ("outputs", "cwd")
        for path in ("../x", "/nowhere/x", "a/../../x", "s3://b/x", f"{'x' * 300}")
    },
    **{
        f"{key} {path}": STEP % f"run: x, {key}: {path}"
        for key in ("inputs", "outputs", "code")
        for path in ("''", '"a\\0b"', '"a\\nb"', "'a[b'", "'a/**b'", "'a/*/'", "s3://b/x", "['', x]", ".")
    },
    **{f"outputs {path}": STEP % f"run: x, outputs: {path}" for path in (".git/x", ".wavebuild/x", "Wavefile", "'*'")},
    **{f"code {path}": STEP % f"run: x, code: {path}" for path in ("lib/", "'*.py'", "step:other", "'a.yaml#b'")},
    # names
    **{
        f"unknown {what}": STEP % f"run: x, {what}"
        for what in ("needs: othr", "inputs: step:othr", "inputs: probe:othr", "category: othr", "needs: [other, '']")
    },
    "an unknown target": "targets: [othr]\n" + STEP % "run: x",
    "an unknown variable": STEP % "run: 'echo {{ nobody }}'",
    "an unknown filter": "vars: {v: 1}\n" + STEP % "run: 'echo {{ v | shout }}'",
    # clashes
    "two actions": STEP % "run: x, manual: y",
    "no action": STEP % "outputs: x",
    "a group with inputs": STEP % "inputs: x, needs: other",
    "an output twice": STEP % "outputs: [x, x], run: x",
    "an output of another": STEP % "outputs: taken, run: x",
    "its own input": STEP % "inputs: x, outputs: x, run: x",
    "its own need": STEP % "needs: a, run: x",
    "a name of ours": STEP % "with: {inputs: 1}, run: x",
    "a variable twice": "vars: {v: 1}\n" + STEP % "with: {v: 1}, run: x",
    "a variable of ours": STEP % "env: {WAVEBUILD_RUN: x}, run: x",
    "more than there is": STEP % "resources: {gpu: 2}, run: x",
    "rows and keys": STEP % "inputs: {path: a.yaml, keys: b, rows: {c: d}}, run: x",
    "rows and a digest": STEP % "inputs: {path: a.csv, rows: {c: d}, digest: csv}, run: x",
    "exclude on a file": STEP % "inputs: {path: a, exclude: b}, run: x",
    "keys of an output": STEP % "outputs: 'a.yaml#b', run: x",
    "a variable as output": STEP % "outputs: env:HOME, run: x",
    "a step as output": STEP % "outputs: step:other, run: x",
    "in place of an input": STEP % "inputs: {path: a, in_place: true}, run: x",
    "a loop of variables": "vars: {a: '{{ b }}', b: '{{ a }}'}\n" + STEP % "run: x",
    "a template in settings": "settings: {jobs: '{{ 1 }}'}\n" + STEP % "run: x",
    "a retry without times": STEP % "retries: {delay: 1s}, run: x",
    "a call without a function": STEP % "call: module",
}
NO_PLACE_IN_THE_TEXT = ("an output of another", "its own input", "an output twice", "an unknown target", "its own need")
"""Found when steps are joined: by `check`, not by reading alone."""


@pytest.mark.parametrize("name", MEANINGS)
def test_what_means_nothing_is_refused_at_its_place(name: str, tmp_path: Path) -> None:
    """By reading the file, or by joining its steps."""
    text = MEANINGS[name]
    found = problems(text, tmp_path)
    if name in NO_PLACE_IN_THE_TEXT and not found:
        from wavebuild import engine
        from wavebuild.engine import Request

        found = engine.check(Request(str(tmp_path)))

    assert flaws(text, tuple(problem for problem in found if problem.severity == "error")) == []


def test_everything_that_is_wrong_is_told_at_once(tmp_path: Path) -> None:
    """One report, in the order of the file."""
    lines = [line for key in schema.STEP.keys if isinstance(key.form, Flag) for line in (f"    {key.name}: yes",)]
    text = "steps:\n  a:\n    run: x\n" + "\n".join(lines) + "\n"
    found = problems(text, tmp_path)

    assert flaws(text, found) == []
    assert [problem.place.line for problem in found if problem.place] == list(range(4, 4 + len(lines)))
