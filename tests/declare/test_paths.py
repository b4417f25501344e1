"""One spelling for every path."""

from fnmatch import fnmatchcase

import pytest
from hypothesis import given
from hypothesis import strategies as st

from wavebuild.declare.paths import Home, Normal, PathProblem, folder, matches, normal, refuse_as_output


@pytest.mark.scenario(id="W17")
@pytest.mark.parametrize(
    ("text", "path"),
    [
        ("a", "a"),
        ("./a", "a"),
        ("a//b", "a/b"),
        ("a/./b", "a/b"),
        ("a/../b", "b"),
        ("../a", "../a"),
        ("a/../../b", "../b"),
        ("/r/a", "a"),
        ("/r/../r/a", "a"),
        ("/rx/a", "/rx/a"),
        ("/else/x", "/else/x"),
        ("//a", "a"),
        ("~/a", "~/a"),
        ("-a b$;'\"", "-a b$;'\""),
        ("./plans/*.yaml", "plans/*.yaml"),
        ("/r/**/x?", "**/x?"),
    ],
)
def test_every_spelling_of_a_path_becomes_one(text: str, path: str) -> None:
    assert normal(text, Home("/r")).path == path


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("a", Normal("a", False, False)),
        ("a/", Normal("a", True, False)),
        ("a/.", Normal("a", True, False)),
        ("a/b/..", Normal("a", True, False)),
        ("a*", Normal("a*", False, True)),
        ("a[bc]d", Normal("a[bc]d", False, True)),
        ("[]]x", Normal("[]]x", False, True)),
        ("[!]]x", Normal("[!]]x", False, True)),
    ],
)
def test_a_slash_at_the_end_makes_a_directory_and_a_wildcard_a_glob(text: str, expected: Normal) -> None:
    assert normal(text, Home("/r")) == expected


@given(st.text("ab./", min_size=1, max_size=12))
def test_a_normal_path_is_its_own_normal_form(text: str) -> None:
    try:
        path = normal(text, Home("/r")).path
    except PathProblem:
        return
    assert normal(path, Home("/r")).path == path
    assert not path.endswith("/")
    assert "." not in path.split("/")


@given(st.text("ab.*?/", min_size=1, max_size=10), st.text("ab./", min_size=1, max_size=10))
def test_an_output_never_leaves_the_root(text: str, wavefile: str) -> None:
    try:
        found = normal(text, Home("/r"))
        refuse_as_output(found, Home("/r", wavefiles=frozenset((wavefile,))))
    except PathProblem:
        return
    assert not found.path.startswith(("/", "../"))
    assert ".." not in found.path.split("/")


@pytest.mark.parametrize(
    ("pattern", "path", "covered"),
    [
        ("*", "Wavefile", True),
        ("*", "sub/Wavefile", False),
        ("**", "sub/Wavefile", True),
        ("**/W*", "Wavefile", True),
        ("a/**/b", "a/b", True),
        ("a/**/b", "a/c/d/b", True),
        ("*", ".hidden", False),
        (".*", ".hidden", True),
        ("W?[w-z]efile", "Wavefile", False),
        ("Wa[!x]efile", "Wavefile", True),
    ],
)
def test_a_glob_covers_what_a_shell_would_say(pattern: str, path: str, covered: bool) -> None:
    assert matches(pattern, path) is covered


@given(st.text("ab*?", min_size=1, max_size=6), st.text("ab", min_size=1, max_size=6))
def test_within_one_part_a_glob_is_that_of_the_standard_library(pattern: str, name: str) -> None:
    if "**" not in pattern:
        assert matches(pattern, name) == fnmatchcase(name, pattern)


@pytest.mark.parametrize(
    ("text", "path"), [(".", ""), ("./", ""), ("a/", "a"), ("/r", ""), ("/r/a", "a"), ("a/..", "")]
)
def test_a_folder_to_work_in_is_relative_to_the_root(text: str, path: str) -> None:
    assert folder(text, Home("/r")) == path
