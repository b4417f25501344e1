"""Edits of a text: whether one still stands, the text without it, three ways merged."""

from __future__ import annotations

import random
import shutil
import subprocess
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from wavebuild.judge.merging import Edit, merge, stands, union, without

LINES = st.lists(st.sampled_from([b"a\n", b"b\n", b"}\n", b"\n", b"c"]), max_size=8).map(b"".join)


def test_edits_of_different_places_are_both_in_the_merged_text():
    """Whoever wrote first."""
    base = b"1\n2\n3\n4\n5\n"
    one, other = b"1\nx\n2\n3\n4\n5\n", b"1\n2\n3\n4\n5!\n"

    assert merge(base, one, other).text == merge(base, other, one).text == b"1\nx\n2\n3\n4\n5!\n"


def test_the_same_edit_on_both_sides_is_made_once():
    """And is no conflict."""
    assert merge(b"a\n", b"a\nb\n", b"a\nb\n").text == b"a\nb\n"


def test_other_edits_of_the_same_lines_conflict_and_lose_neither_side():
    """Between marks as git writes them, with what was there before."""
    merged = merge(b"a\nb\nc\n", b"a\nours\nc\n", b"a\ntheirs\nc\n")

    assert len(merged.conflicts) == 1
    assert merged.with_marks("A", "B") == (b"a\n<<<<<<< A\nours\n||||||| before\nb\n=======\ntheirs\n>>>>>>> B\nc\n")


def test_a_last_line_without_an_end_gets_one_between_marks():
    """A mark begins a line."""
    assert b"\n=======\ny\n>>>>>>> B\n" in merge(b"a", b"x", b"y").with_marks("A", "B")


@pytest.mark.parametrize(
    ("one", "other", "expected"),
    [(b"a\n1\n", b"a\n2\n", b"a\n1\n2\n"), (b"a\n1", b"a\n2\n", b"a\n1\n2\n"), (b"b\n", b"c\n", None)],
)
def test_two_additions_at_one_place_can_stand_one_after_the_other(one: bytes, other: bytes, expected: bytes | None):
    """Ours first; where something was there before, nobody can say."""
    assert union(merge(b"a\n", one, other)) == expected


@pytest.mark.skipif(shutil.which("git") is None, reason="compares with git merge-file")
def test_what_git_merges_is_merged_alike_and_what_it_refuses_conflicts(tmp_path: Path):
    """Random edits of a text of distinct lines: git is the measure."""
    chance = random.Random(20)
    for _ in range(60):
        base = [b"%d\n" % number for number in range(chance.randint(0, 10))]
        texts = [b"".join(base), b"".join(_edited(base, b"x", chance)), b"".join(_edited(base, b"y", chance))]
        for name, text in zip("bac", texts, strict=True):
            (tmp_path / name).write_bytes(text)
        done = subprocess.run(["git", "merge-file", "-p", "a", "b", "c"], cwd=tmp_path, capture_output=True)
        merged = merge(*texts)

        assert bool(merged.conflicts) == (done.returncode != 0), texts
        assert merged.conflicts or merged.text == done.stdout, texts


def _edited(base: list[bytes], mark: bytes, chance: random.Random) -> list[bytes]:
    lines = list(base)
    for number in range(chance.randint(0, 3)):
        at = chance.randrange(len(lines) + 1)
        new = [mark + b"%d\n" % number] if chance.random() < 0.7 else []
        lines[at : at + chance.randint(0, 1)] = new
    return lines


class TestWhatStands:
    @pytest.mark.parametrize(
        ("before", "after", "now"),
        [
            (b"a\n", b"a\nmine\n", b"a\nmine\n"),
            (b"a\n", b"a\nmine\n", b"A!\nmine\nyours\n"),
            (b"a\nb\n", b"a\nmine\nb\n", b"a\nmine\nyours\nb\n"),
            (b"v: 1\n", b"v: 2\n", b"x\nv: 2\n"),
            (b"a\nold\nb\n", b"a\nb\n", b"a\nyours\nb\n"),
            (b"", b"mine", b"mine\nyours\n"),
            (b"same\n", b"same\n", b"whatever\n"),
        ],
    )
    def test_what_others_edit_beside_it_leaves_an_edit_standing(self, before: bytes, after: bytes, now: bytes):
        """However near."""
        assert stands(Edit(before, after), now)

    @pytest.mark.parametrize(
        ("before", "after", "now"),
        [
            (b"a\n", b"a\nmine\n", b"a\n"),
            (b"a\n", b"a\nmine\n", b"a\nMINE\n"),
            (b"v: 1\n", b"v: 2\n", b"v: 1\n"),
            (b"v: 1\n", b"v: 2\n", b"v: 3\n"),
            (b"a\nold\nb\n", b"a\nb\n", b"a\nold\nb\n"),
            (b"a\n", b"a\n1\n2\n3\n", b"a\n1\n3\n"),
        ],
    )
    def test_an_edit_taken_back_or_changed_is_lost(self, before: bytes, after: bytes, now: bytes):
        """Also a part of it."""
        assert not stands(Edit(before, after), now)

    @given(LINES, LINES)
    @settings(max_examples=60, deadline=None)
    def test_an_edit_stands_in_what_it_made_and_not_in_what_it_was_made_of(self, before: bytes, after: bytes):
        """Whatever the texts."""
        assert stands(Edit(before, after), after)
        same = before == after or {before, after} == {before.rstrip(b"\n"), before.rstrip(b"\n") + b"\n"}
        assert same or not stands(Edit(before, after), before)

    def test_both_edits_stand_in_what_was_merged_of_them(self):
        """So nothing that was merged counts as lost, though the same braces and blanks stand everywhere."""
        chance = random.Random(3)
        for _ in range(400):
            base = [chance.choice([b"a\n", b"}\n", b"\n"]) for _ in range(chance.randint(0, 8))]
            texts = [b"".join(base), b"".join(_edited(base, b"x", chance)), b"".join(_edited(base, b"y", chance))]
            merged = merge(*texts)

            assert merged.conflicts or stands(Edit(texts[0], texts[1]), merged.text), texts
            assert merged.conflicts or stands(Edit(texts[0], texts[2]), merged.text), texts

    @given(LINES, LINES)
    @settings(max_examples=60, deadline=None)
    def test_without_its_edit_a_text_is_what_it_was(self, before: bytes, after: bytes):
        """Where nobody else has written."""
        assert without(Edit(before, after), after) == before

    def test_an_edit_can_be_taken_out_beside_another(self):
        """What follows directly stays."""
        assert without(Edit(b"a\n", b"a\nmine\n"), b"a\nmine\nyours\n") == b"a\nyours\n"
        assert without(Edit(b"a\n", b"a\nmine\n"), b"a\nMINE\n") is None
