"""What is written as a Wavefile is what is read back."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from wavebuild.declare import syntax, values
from wavebuild.declare.forms import Free, Reading
from wavebuild.declare.importers.writing import Noted, Unwritable, Writable, literal, written
from wavebuild.declare.source import Problems
from wavebuild.declare.templates import Scope, command_of, text_of

ODD = (
    *(
        "",
        " ",
        "a: b",
        "a #b",
        "- a",
        "-",
        "?",
        ":",
        "a:",
        "{{ x }}",
        "[a]",
        "null",
        "~",
        "yes",
        "012",
        "1e3",
        "'",
        '"',
    ),
    *("<<", "&a", "*a", "!t", "%x", "@x", "`x", "|", ">", "---", "...", "a\nb", "a\n", "\na", "a\n\n", " a\nb"),
    *("a\n b", "\ta\nb", "a\n\tb\n", "a\n \n", "a\n  \nb\n", "\x85", "\u2028", "a\rb", "\ufeffx", "x" * 2000),
    *("é", "日本", "=", "# a"),
)
texts = st.sampled_from(ODD) | st.text(st.characters(exclude_characters="\0", exclude_categories=["Cs"]), max_size=30)
comments = st.lists(st.text(max_size=20), max_size=2)
leaves = st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | texts


def noted(values: st.SearchStrategy[Writable]) -> st.SearchStrategy[Writable]:
    return values | st.builds(Noted, values, comments)


def nested(values: st.SearchStrategy[Writable]) -> st.SearchStrategy[Writable]:
    return st.lists(noted(values), max_size=4) | st.dictionaries(texts, noted(values), max_size=4)


documents = st.dictionaries(
    texts | st.just("steps"), noted(st.recursive(leaves, nested, max_leaves=12)), min_size=1, max_size=5
)


def read_back(text: str) -> object:
    problems = Problems("Wavefile", text)
    assert syntax.decoded(text.encode(), "Wavefile") == text
    value = syntax.parse(text, problems)
    problems.raise_if_any()
    assert value is not None
    return Free().read(value, Reading(problems, templates=False))


def without_comments(value: Writable) -> object:
    match value:
        case Noted():
            return without_comments(value.value)
        case dict():
            return {key: without_comments(item) for key, item in value.items()}
        case list():
            return [without_comments(item) for item in value]
        case _:
            return value


@pytest.mark.long
@settings(max_examples=60, deadline=None)
@given(documents, comments)
def test_any_model_reads_back_as_it_was(document: dict[str, Writable], heading: list[str]) -> None:
    """Whatever texts, numbers, lists and mappings are written, with comments anywhere, the same come back."""
    assert read_back(written(document, heading)) == without_comments(document)


@settings(max_examples=200, deadline=None)
@given(texts)
def test_a_literal_text_is_no_template(text: str) -> None:
    """`literal` gives a template that is filled with the very text, in values and in commands."""
    scope = Scope({})

    assert text_of(literal(text), scope) == text
    assert "".join(map(str, command_of(literal(text), scope).parts)) == text


@pytest.mark.parametrize("text", ["a\0b", "\udcff"])
def test_a_text_that_yaml_cannot_hold_is_refused(text: str) -> None:
    """Such a text never becomes another one: the importer is told, and leaves it out by name."""
    with pytest.raises(Unwritable):
        written({"name": text})


def test_a_wavefile_looks_as_a_person_writes_it() -> None:
    """Short lists stand on a line, scripts as blocks, comments above what they speak of, steps apart."""
    text = written(
        {
            "vars": {"rate": values.core("1.10"), "tag": "1.10"},
            "targets": ["all"],
            "steps": {
                "a": {"inputs": ["src/a.c", "a.h"], "outputs": "a.o", "run": "cc -c 'x y.c'"},
                "b": Noted({"needs": ["a"], "run": "set -e\ncat a.o\n"}, ["two lines,", "one step"]),
                "c": {"inputs": [{"path": "t.csv", "rows": {"k": "v w"}}, "two words"], "run": 'echo "x: $Y"'},
            },
        },
        ["From build.ninja."],
    )

    assert text == (
        "# From build.ninja.\n\n"
        'vars:\n  rate: 1.10\n  tag: "1.10"\n\n'
        "targets: [all]\n\n"
        "steps:\n"
        "  a:\n    inputs: [src/a.c, a.h]\n    outputs: a.o\n    run: cc -c 'x y.c'\n\n"
        "  # two lines,\n  # one step\n"
        "  b:\n    needs: [a]\n    run: |\n      set -e\n      cat a.o\n\n"
        "  c:\n    inputs:\n      - path: t.csv\n        rows:\n          k: v w\n      - two words\n"
        "    run: 'echo \"x: $Y\"'\n"
    )
