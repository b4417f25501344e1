"""What lies in an artifact, and which artifacts can share a path.

It does not know of steps.
"""

from __future__ import annotations

import time
from itertools import product

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from tests.graph.declared import artifact
from wavebuild.declare.model import Artifact, Kind
from wavebuild.errors import Place
from wavebuild.graph.patterns import covers, ends_fit, excluded, inside, matches, meet, pattern


@pytest.mark.parametrize(
    ("glob", "path"),
    [
        ("plans/*.yaml", "plans/ml.yaml"),
        ("raw/**/x.csv", "raw/x.csv"),
        ("raw/**/x.csv", "raw/a/b/x.csv"),
        ("raw/**", "raw/a/b"),
        ("**/a/**/b/**/c", "x/a/b/a/b/y/c"),
        ("**/x", "x"),
        ("*", "a"),
        ("a?c", "abc"),
        ("[a-c]1", "b1"),
        ("[!a-c]1", "d1"),
        ("[^a-c]1", "d1"),
        ("[]x]1", "]1"),
        ("[]-a]1", "^1"),
        ("a[*]b", "a*b"),
        ("a[b", "a[b"),
        (".*", ".env"),
        (".github/*", ".github/x"),
        ("a.b", "a.b"),
        ("*a*b*a*", "xaxbxax"),
        ("a*", "a\nb"),
        ("été*", "été 2"),
    ],
)
def test_a_glob_matches(glob: str, path: str) -> None:
    assert matches(glob, path)


@pytest.mark.parametrize(
    ("glob", "path"),
    [
        ("plans/*.yaml", "plans/deep/ml.yaml"),
        ("plans/*.yaml", "plans/ml.yaml.bak"),
        ("*.csv", ".csv"),
        ("*", ".env"),
        ("?env", ".env"),
        ("[.]env", ".env"),
        ("**/x", ".git/x"),
        ("**", ".git/x"),
        ("raw/**", "raw"),
        ("a[/]b", "a/b"),
        ("a[!x]b", "a/b"),
        ("a*b", "a/b"),
        ("*a*b*a*", "xaxbx"),
        ("[z-a]", "m"),
        ("a.b", "axb"),
        ("*/x", "/x"),
        ("**/x", "../x"),
    ],
)
def test_a_glob_does_not_match(glob: str, path: str) -> None:
    assert not matches(glob, path)


def test_many_stars_are_tried_in_time_that_a_person_does_not_notice() -> None:
    """A pattern is a person's text: none may hang the program."""
    started = time.process_time()
    assert not matches("*a" * 60 + "b", "a" * 250)
    assert not matches("**/a/" * 20 + "b", "a/" * 60 + "c")
    assert meet(pattern(artifact("*a" * 60 + "*")), pattern(artifact("*b" * 60 + "*")))
    assert meet(pattern(artifact("**/a/" * 30 + "**")), pattern(artifact("**/b/" * 30 + "**")))
    assert time.process_time() - started < 2


def test_a_directory_covers_all_below_it_hidden_files_too() -> None:
    folder = artifact("design/")
    assert covers(folder, "design/.hidden/a")
    assert not covers(folder, "design")
    assert not covers(folder, "designs/a")


def test_the_root_as_a_directory_covers_what_lies_in_the_root() -> None:
    assert covers(artifact("./"), "a/b")
    assert not covers(artifact("./"), "../b")
    assert not covers(artifact("./"), "/b")


def test_artifacts_outside_the_root_cover_paths_outside_the_root() -> None:
    assert covers(artifact("/data/*.csv"), "/data/a.csv")
    assert covers(artifact("../shared/"), "../shared/a")
    assert not covers(artifact("/data/*.csv"), "data/a.csv")


def test_keys_do_not_hide_the_path_and_steps_cover_nothing_by_themselves() -> None:
    assert covers(artifact("conf.yaml#a.b"), "conf.yaml")
    assert not covers(artifact("step:a"), "a")
    assert not covers(artifact("env:HOME"), "HOME")


@pytest.mark.parametrize(
    ("glob", "path", "gone"),
    [
        ("x/*.csv", "x/a.csv", True),
        ("x/*.csv", "x/.a.csv", True),
        ("x/*.csv", "x/y/a.csv", False),
        ("x/tmp", "x/tmp", True),
        ("x/tmp", "x/tmp/deep/a", True),
        ("x/tmp", "x/tmp2", False),
        ("x/tmp/", "x/tmp/.a", True),
        ("x/tmp/", "x/tmp", False),
        ("x/*/", "x/y/a", True),
        ("**/a", "x/.y/a", True),
    ],
)
def test_an_exclusion_takes_away(glob: str, path: str, gone: bool) -> None:
    assert excluded((glob,), path) is gone
    assert covers(artifact("./", glob), path) is not gone


def test_a_glob_does_not_cover_what_it_excludes() -> None:
    assert not covers(artifact("x/*", "x/*.csv"), "x/a.csv")
    assert covers(artifact("x/*", "x/*.csv"), "x/a.txt")


@pytest.mark.parametrize(
    ("one", "other", "expected"),
    [
        ("x/a.csv", "x/", True),
        ("x/a.csv", "x/*.csv", True),
        ("x/", "x/y/", True),
        ("x/", "xy/", False),
        ("x/", "x/*.csv", True),
        ("x/y/", "x/*.csv", False),
        ("x/y/", "x/**", True),
        ("x/.y/", "x/**", False),
        ("x/*.csv", "x/*.txt", False),
        ("x/a*", "x/*b", True),
        ("x/a*", "x/b*", False),
        ("x/[ab]", "x/[bc]", True),
        ("x/[ab]", "x/[cd]", False),
        ("x/[!a]", "x/[a]", False),
        ("*.a", "?a", False),
        ("**/x", "x", True),
        ("**/x/*", "y/**/z", True),
        ("*/x", "a/b/x", False),
        ("./", "*", True),
        ("x/a", "x/b", False),
    ],
)
def test_two_artifacts_meet_when_a_path_could_lie_in_both(one: str, other: str, expected: bool) -> None:
    assert meet(pattern(artifact(one)), pattern(artifact(other))) is expected
    assert meet(pattern(artifact(other)), pattern(artifact(one))) is expected


@pytest.mark.parametrize(
    ("exclusion", "other"),
    [
        ("x/*.csv", "x/*.csv"),
        ("x/*.csv", "x/a*.csv"),
        ("x/*", "x/[ab].txt"),
        ("x/**", "x/a/*.csv"),
        ("x/**", "x/a/"),
        ("x/a", "x/a/"),
        ("x/a/", "x/a/b/*"),
        ("x/?", "x/b"),
    ],
)
def test_an_exclusion_that_holds_the_other_pattern_keeps_two_apart(exclusion: str, other: str) -> None:
    assert not meet(pattern(artifact("x/", exclusion)), pattern(artifact(other)))
    assert not meet(pattern(artifact(other)), pattern(artifact("x/", exclusion)))


@pytest.mark.parametrize(
    ("exclusion", "other"),
    [("x/*.csv", "x/a*"), ("x/a", "x/b/"), ("x/*", "x/a/"), ("x/b*", "x/*"), ("x/*/a", "x/**")],
)
def test_an_exclusion_of_a_part_leaves_the_rest_to_meet(exclusion: str, other: str) -> None:
    assert meet(pattern(artifact("x/", exclusion)), pattern(artifact(other)))


@pytest.mark.parametrize(
    ("outside", "reached"),
    [
        ("../", True),
        ("/home/", True),
        ("/home/*/work/out/*.csv", True),
        ("../work/out/", True),
        ("../*/out/a.csv", True),
        ("/home/ada/**/a.csv", True),
        ("../other/", False),
        ("/home/*/play/out/*.csv", False),
        ("/data/", False),
        ("../*.csv", False),
    ],
)
def test_what_is_written_from_outside_may_reach_into_the_root(outside: str, reached: bool) -> None:
    output = pattern(artifact("out/a.csv"))
    assert any(meet(found, output) for found in inside(artifact(outside), "/home/ada/work")) is reached


# Against brute force: no part of a pattern has more than two tokens, so three characters a part
# are enough for a common path to exist if one does; likewise three parts.
_TOKENS = st.sampled_from(["a", "b", ".", "*", "?", "[ab]", "[!a]", "[.a]", "[!.]"])
_PARTS = st.one_of(st.just("**"), st.lists(_TOKENS, min_size=1, max_size=2).map("".join))
_GLOBS = st.lists(_PARTS, min_size=1, max_size=2).map("/".join)
_NAMES = ["".join(name) for size in (1, 2, 3) for name in product("ab.c", repeat=size)]
_SHORT = ["".join(name) for size in (1, 2) for name in product("abc.", repeat=size)]
_PATHS = ["/".join(path) for path in [*product(_NAMES), *product(_NAMES, _SHORT), *product(_SHORT, repeat=3)]]


@pytest.mark.scenario(id="G2")
@given(_GLOBS, _GLOBS)
@example("*.a", "?a")
@example("**/a", "a")
@example("**", "*")
def test_two_globs_meet_just_when_a_path_matches_both(one: str, other: str) -> None:
    held = [path for path in _PATHS if matches(one, path)]
    left, right = pattern(_glob(one)), pattern(_glob(other))
    assert meet(left, right) == any(matches(other, path) for path in held)


@given(_GLOBS, st.sampled_from(["a/", ".b/", "a/b/", "b/.a/"]))
def test_a_glob_and_a_directory_meet_just_when_a_path_lies_in_both(glob: str, folder: str) -> None:
    expected = any(path.startswith(folder) and matches(glob, path) for path in _PATHS)
    assert meet(pattern(_glob(glob)), pattern(artifact(folder))) == expected


@given(st.lists(st.text("ab.*?[]!-", min_size=1, max_size=6), min_size=1, max_size=4), st.sampled_from(_PATHS))
def test_a_matching_path_has_the_fixed_ends_of_its_pattern(parts: list[str], path: str) -> None:
    """The indexes look no further than these ends."""
    glob = _glob("/".join(parts))
    if covers(glob, path):
        held, single = pattern(glob), pattern(artifact(path))
        assert path.startswith(held.prefix)
        assert path.endswith(held.suffix)
        assert ends_fit(held, single)
        assert meet(held, single)


@given(_GLOBS, _GLOBS, _GLOBS)
def test_patterns_kept_apart_by_an_exclusion_share_no_path(one: str, other: str, exclusion: str) -> None:
    """Being too cautious only adds an edge; the reverse would lose one."""
    mine, theirs = _glob(one, exclusion), _glob(other)
    if not meet(pattern(mine), pattern(theirs)):
        assert not [path for path in _PATHS if covers(mine, path) and covers(theirs, path)]


def _glob(text: str, *exclude: str) -> Artifact:
    return Artifact(Kind.GLOB, text, Place("Wavefile", 1, 1), exclude=exclude)
