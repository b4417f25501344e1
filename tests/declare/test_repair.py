"""The repaired line of a quoting mistake: pasted in place of the wrong one, the Wavefile is what its author meant."""

from pathlib import Path

import pytest

from tests.declare.written import loaded, refused

A = "steps:\n  a: "

# wrong line of the step ``a`` → the line to paste
REPAIRS = {
    "{inputs: *.txt, run: x}": '{inputs: "*.txt", run: x}',
    "{run: x, inputs: *.txt}": '{run: x, inputs: "*.txt"}',
    "{inputs: [a, *.txt, b], run: x}": '{inputs: [a, "*.txt", b], run: x}',
    "{inputs: {t: *.txt, u: b}, run: x}": '{inputs: {t: "*.txt", u: b}, run: x}',
    "{inputs: *foo, run: x}": '{inputs: "*foo", run: x}',
    "{run: {{ x }}, title: b}": '{run: "{{ x }}", title: b}',
    "{run: {{ x }} y, title: b}": '{run: "{{ x }} y", title: b}',
    "{inputs: raw/{{ x }}.csv, run: x}": '{inputs: "raw/{{ x }}.csv", run: x}',
    "{inputs: [raw/${x}.csv], run: x}": '{inputs: ["raw/${x}.csv"], run: x}',
    "{inputs: [a, raw/{{ x }}], run: x}": '{inputs: [a, "raw/{{ x }}"], run: x}',
    "{title: b, run: @echo hi}": '{title: b, run: "@echo hi"}',
    "{run: [ -f x ] && y, title: b}": '{run: "[ -f x ] && y", title: b}',
    "{run: !grep x, title: b}": '{run: "!grep x", title: b}',
    "{inputs: *.a, outputs: *.b, run: x}": '{inputs: "*.a", outputs: "*.b", run: x}',
    "{title: 'a, b', inputs: *.txt, run: x}": "{title: 'a, b', inputs: \"*.txt\", run: x}",
}


@pytest.mark.parametrize("wrong", REPAIRS)
def test_only_the_value_that_lacks_quotes_gets_them(wrong: str, tmp_path: Path) -> None:
    """In a mapping of one line the rest of the line stays what it is, and the pasted line loads."""
    top = "vars: {x: 1}\n"

    found = [problem.remedy for problem in refused(tmp_path, f"{top}{A}{wrong}\n")]

    assert f"write: a: {REPAIRS[wrong]}" in found
    assert loaded(tmp_path, f"{top}{A}{REPAIRS[wrong]}\n").steps[0].name == "a"


@pytest.mark.parametrize(
    "text",
    [
        "steps:\n  a: {run: x,\n    inputs: *.txt}\n",
        "steps:\n  a: {\n    inputs: *.txt, run: x\n  }\n",
        "steps:\n  a: {\n    inputs: *.txt,\n    run: x}\n",
        "steps:\n  a:\n    inputs: [a, b\n",
    ],
)
def test_a_line_that_cannot_be_repaired_by_itself_is_not_repaired_wrongly(text: str, tmp_path: Path) -> None:
    """Where the value's end is not seen from its line, no line to paste is better than a wrong one."""
    remedies = [problem.remedy for problem in refused(tmp_path, text)]

    assert [remedy for remedy in remedies if remedy.startswith("write: ")] == []


def test_an_alias_that_is_known_stays_an_alias(tmp_path: Path) -> None:
    """Quotes go to the mistake alone, never to an alias beside it."""
    found = refused(tmp_path, "x-c: &c [z]\nsteps:\n  a: {inputs: *c, outputs: *.txt, run: x}\n")

    assert [problem.remedy for problem in found] == ['write: a: {inputs: *c, outputs: "*.txt", run: x}']
