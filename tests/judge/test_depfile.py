"""Depfiles are read as make reads its rules."""

from __future__ import annotations

import os
import re

import pytest
from hypothesis import example, given
from hypothesis import strategies as some

from wavebuild.errors import WavebuildError
from wavebuild.judge.depfile import prerequisites


def read(text: str) -> list[str]:
    return list(prerequisites(os.fsencode(text), "x.d"))


@pytest.mark.parametrize(
    ("text", "names"),
    [
        ("a.o: a.c a.h\n", ["a.c", "a.h"]),
        ("a.o: a.c \\\n  a.h \\\n  b.h\n", ["a.c", "a.h", "b.h"]),
        ("a.o: a.c \\\r\n  a.h\r\n", ["a.c", "a.h"]),
        ("a.o a.d: a.c", ["a.c"]),
        ("a.o : a.c", ["a.c"]),
        ("a.o:: a.c", ["a.c"]),
        ("x:a.o: a.c", ["a.c"]),
        ("x:a.o\\ b: a.c", ["a.c"]),
        ("a.o:a.c b.h", ["a.c", "b.h"]),
        ("a.o: a.c a.h\n\na.h:\n", ["a.c", "a.h"]),
        ("a.o: a.c\nb.o: a.c b.h\n", ["a.c", "b.h"]),
        ("a.o: one\\ two.h", ["one two.h"]),
        ("a.o: a\\\\\\ b c\\\\ d", ["a\\ b", "c\\", "d"]),
        ("a.o: a$$b \\#x a#b", ["a$b", "#x", "a#b"]),
        ("a.o: dir\\file.h", ["dir\\file.h"]),
        ("a\\:b.o: x\\:y z:", ["x:y", "z:"]),
        ("# made by a program\na.o: a.c # why\n", ["a.c"]),
        ("a.o: a.c | later\n", ["a.c", "later"]),
        ("a.o:\ta.c\t\tb.c", ["a.c", "b.c"]),
        ("a.o: a\u2028b \x0cc", ["a\u2028b", "\x0cc"]),
        ("", []),
        ("\n \n", []),
        ("a.o:", []),
        ("a.o: a.c \\", ["a.c", "\\"]),
    ],
)
def test_rules_are_read(text: str, names: list[str]):
    """Continuations, escapes, several targets, phony rules, comments."""
    assert read(text) == names


@pytest.mark.scenario(id="G12")
@pytest.mark.parametrize("text", ["a.o a.c a.h\n", "a.o: a.c\nbroken line\n", "a.o: a\0b\n", "colon\\: only\n"])
def test_what_is_no_list_of_rules_is_refused_by_name(text: str):
    """Half a depfile must not pass for a whole one."""
    with pytest.raises(WavebuildError, match=r"x\.d is no list of make's rules"):
        read(text)


def as_a_compiler_writes(name: str) -> str:
    """The name as a prerequisite: spaces, the backslashes before them, and signs of make's escaped."""
    name = re.sub(r"(\\*)([ \t])", lambda found: found[1] * 2 + "\\" + found[2], name)
    name = re.sub(r"(\\*)([#:])", lambda found: found[1] + "\\" + found[2], name)
    name = re.sub(r"(\\+)$", lambda found: found[1] * 2, name)
    return name.replace("$", "$$")


names = some.text(some.characters(exclude_characters="\0\n\r", codec="utf-8"), min_size=1, max_size=12) | some.text(
    "\\ \t#:$a|", min_size=1, max_size=8
)


@given(some.lists(names.filter(lambda name: name != "|"), max_size=8, unique=True), some.booleans())
@example(["\\", "\\\\ ", " \\", "a\\ b", "#", "$", "$$", ":", "a:", "\\#"], True)
def test_whatever_a_compiler_writes_is_read_back(wanted: list[str], wrapped: bool):
    """Names of any signs but line breaks."""
    between = " \\\n  " if wrapped else " "
    text = "out/a.o" + ":" + between + between.join(as_a_compiler_writes(name) + " " for name in wanted) + "\n"

    assert read(text) == wanted


@pytest.mark.scenario(id="G12")
@given(some.binary(max_size=60))
def test_any_bytes_are_names_or_a_refusal(data: bytes):
    """Never a crash."""
    try:
        found = prerequisites(data, "x.d")
    except WavebuildError:
        return
    assert all(found)
