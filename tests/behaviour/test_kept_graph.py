"""The Wavefile as it was last loaded is used again while it would be read just so, and never else."""

from __future__ import annotations

import os
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tests.support.workshop import Workshop
from wavebuild import engine
from wavebuild.engine.project import load
from wavebuild.errors import WavebuildError

TWO = """
vars: {word: one}
steps:
  a: {inputs: in.txt, outputs: out/a.txt, run: "note a; cat in.txt > out/a.txt; echo {{ word }} >> out/a.txt"}
  b: {inputs: out/a.txt, outputs: out/b.txt, run: note b; cp out/a.txt out/b.txt}
"""


@pytest.fixture
def shop(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Workshop:
    shop = Workshop(tmp_path, monkeypatch)
    shop.write(in__txt="1\n")
    return shop


def is_reused(shop: Workshop, **facts: Any) -> bool:
    return load(shop.request(**facts)).reused is not None


def kept_file(shop: Workshop) -> Path:
    return shop.root / ".wavebuild/state/Wavefile.kept"


def built(shop: Workshop, text: str = TWO, **facts: Any) -> None:
    """Built once, a moment after it was written."""
    shop.wavefile(text)
    time.sleep(0.03)
    assert shop.build(**facts).code == 0


def test_what_a_build_has_loaded_is_used_by_the_next(shop: Workshop) -> None:
    """Builds and questions alike take it, and answer as if it had been read."""
    built(shop)

    assert is_reused(shop)
    shop.write(in__txt="2\n")
    assert shop.plan() == {"a": "RUN", "b": "MAYBE"}
    assert shop.build().ran == ["a", "b"]
    assert shop.read("out/b.txt") == "2\none\n"
    assert shop.build().ran == []


def test_a_failed_build_keeps_it_too(shop: Workshop) -> None:
    """The Wavefile was read all the same."""
    shop.wavefile("steps: {a: {outputs: a.txt, run: exit 1}}")
    time.sleep(0.03)

    assert shop.build().code == 1
    assert is_reused(shop)


def test_a_question_keeps_nothing(shop: Workshop) -> None:
    """It writes nothing at all."""
    shop.wavefile(TWO)
    time.sleep(0.03)
    shop.plan()

    assert not kept_file(shop).exists()


@pytest.mark.parametrize(
    "edit",
    [
        lambda shop: shop.wavefile(TWO.replace("one", "two")),
        lambda shop: shop.wavefile(TWO.replace("one", "six")),
        lambda shop: shop.setenv(WAVEBUILD_LOG_KEEP="3"),
        lambda shop: shop.put(".wavebuild/frozen", "b\n"),
    ],
    ids=["longer", "as long", "a variable", "frozen"],
)
def test_what_reads_otherwise_is_read_again(shop: Workshop, edit: Callable[[Workshop], object]) -> None:
    """The text, what a setting is read from, steps frozen by hand, a Wavefile where outputs lie."""
    built(shop)
    edit(shop)

    assert not is_reused(shop)


def test_a_root_that_comes_to_lie_where_outputs_are_is_refused_as_ever(shop: Workshop) -> None:
    """A Wavefile beside the outputs is none of those that were read, and forbids the graph all the same."""
    built(shop)
    shop.put("out/Wavefile", "steps: {x: {run: 'true'}}\n")

    with pytest.raises(WavebuildError) as refused:
        is_reused(shop)

    assert [problem.code for problem in refused.value.problems] == ["nested-root", "nested-root"]


@pytest.mark.parametrize(
    "facts",
    [{"overrides": (("word", "two"),)}, {"profile": "default"}, {"file": "Wavefile"}, {"changed": ("in.txt",)}],
    ids=["set", "profile", "file", "W"],
)
def test_another_question_is_not_answered_by_it(shop: Workshop, facts: dict[str, Any]) -> None:
    """What is asked of the loader besides the text counts."""
    built(shop)

    assert not is_reused(shop, **facts)
    assert is_reused(shop)


def test_a_setting_that_was_typed_is_kept_for_whoever_types_it_again(shop: Workshop) -> None:
    """The last question is the one that is kept."""
    built(shop, overrides=(("word", "two"),))

    assert is_reused(shop, overrides=(("word", "two"),))
    assert not is_reused(shop, overrides=(("word", "three"),))
    assert b"two" not in kept_file(shop).read_bytes().replace(b"echo two", b"")


def test_a_touched_wavefile_is_not_loaded_again(shop: Workshop) -> None:
    """The same bytes say the same; the next build notes their stamp, and need not read them from then on."""
    built(shop)
    before = kept_file(shop).read_bytes()
    os.utime(shop.root / "Wavefile", (1, 1))
    time.sleep(0.03)

    assert is_reused(shop)
    assert shop.build().ran == []
    assert kept_file(shop).read_bytes() != before
    renewed = load(shop.request()).reused
    assert renewed is not None
    assert renewed.renewed is None
    shop.wavefile(TWO.replace("one", "two"))
    assert shop.build().ran == ["a", "b"]


def test_an_included_file_counts(shop: Workshop) -> None:
    """Whatever was read to load it."""
    shop.put("part/Wavefile", "steps: {c: {outputs: c.txt, run: note c; echo 1 > c.txt}}\n")
    built(shop, "include: part/Wavefile\n" + TWO)
    assert is_reused(shop)

    shop.put("part/Wavefile", "steps: {c: {outputs: c.txt, run: note c; echo 2 > c.txt}}\n")

    assert not is_reused(shop)
    assert shop.build().ran == ["c"]


def test_a_file_above_that_comes_to_include_it_counts(shop: Workshop) -> None:
    """Another Wavefile may govern this one from now on."""
    shop.put("part/Wavefile", "steps: {c: {outputs: c.txt, run: note c; echo 1 > c.txt}}\n")
    time.sleep(0.03)
    part = str(shop.root / "part")
    assert shop.build(directory=part).ran == ["c"]
    assert is_reused(shop, directory=part)

    shop.wavefile("include: part/Wavefile\n" + TWO)

    assert load(shop.request(directory=part)).wavefile.root == str(shop.root)


ROWS = """
steps:
  row:
    foreach: {name: {path: names.csv, column: name}}
    outputs: "rows/{{ name }}.txt"
    run: "note {{ name }}; echo > {{ outputs }}"
"""
FILES = """
steps:
  upper:
    foreach: {glob: "texts/{name}.txt"}
    inputs: "texts/{{ name }}.txt"
    outputs: "up/{{ name }}"
    run: "note {{ name }}; cat {{ inputs }} > {{ outputs }}"
"""


def test_a_list_that_steps_are_repeated_by_counts(shop: Workshop) -> None:
    """Its lines are read to know the steps."""
    shop.put("names.csv", "name\nx\ny\n")
    built(shop, ROWS)
    assert is_reused(shop)

    shop.put("names.csv", "name\nx\nz\n")

    assert not is_reused(shop)
    assert shop.build().ran == ["z"]


def test_a_folder_of_files_that_steps_are_repeated_by_counts(shop: Workshop) -> None:
    """A member that comes or goes makes another graph; another file in the folder does not."""
    shop.put("texts/x.txt", "x")
    built(shop, FILES)
    assert is_reused(shop)

    shop.put("texts/notes.md", "n")
    time.sleep(0.03)
    assert is_reused(shop)
    shop.put("texts/y.txt", "y")
    time.sleep(0.03)
    assert not is_reused(shop)
    assert shop.build().ran == ["y"]
    (shop.root / "texts/x.txt").unlink()
    time.sleep(0.03)
    assert not is_reused(shop)


def test_steps_that_a_list_made_in_the_build_gives_are_never_kept(shop: Workshop) -> None:
    """Which they are is known only as the build goes on."""
    makes = "  names: {outputs: names.csv, run: 'note names; printf \"name\\nx\\ny\\n\" > names.csv'}\n"
    shop.wavefile(ROWS + makes)
    time.sleep(0.03)

    assert shop.build().ran == ["names", "x", "y"]
    assert not kept_file(shop).exists()
    assert shop.build().ran == []


def test_a_wavefile_behind_a_link_is_read_each_time(shop: Workshop) -> None:
    """A link may lead elsewhere tomorrow."""
    shop.put("real/file.yaml", TWO)
    (shop.root / "Wavefile").symlink_to("real/file.yaml")
    time.sleep(0.03)

    assert shop.build().code == 0
    assert not is_reused(shop)


def test_a_wavefile_that_is_edited_while_it_is_built_is_not_kept_as_it_was(shop: Workshop) -> None:
    """What stands there then is what the next build reads."""
    shop.wavefile(TWO.replace("note a;", "note a; sed -i s/one/two/ Wavefile; sleep 0.05;"))
    time.sleep(0.03)

    assert shop.build().code == 0
    assert not is_reused(shop)


@pytest.mark.parametrize(
    "damage",
    [
        lambda data: b"",
        lambda data: data[: len(data) // 2],
        lambda data: data[:100] + bytes([data[100] ^ 1]) + data[101:],
        lambda data: data + b"x",
        lambda data: b"00000000\n" + b"\xff" * 40,
        lambda data: b"not ours\n",
    ],
    ids=["empty", "cut off", "a flipped bit", "more", "foreign", "text"],
)
def test_a_damaged_file_is_read_past(shop: Workshop, damage: Callable[[bytes], bytes]) -> None:
    """Nothing depends on it: the Wavefile is loaded, nothing is said, and it is kept anew."""
    built(shop)
    kept_file(shop).write_bytes(damage(kept_file(shop).read_bytes()))

    assert not is_reused(shop)
    shop.write(in__txt="2\n")
    again = shop.build()
    assert (again.ran, again.notices) == (["a", "b"], "")
    assert is_reused(shop)


def test_a_well_sealed_file_of_other_values_is_read_past(shop: Workshop) -> None:
    """The types of all values are checked as they are read."""
    from zlib import crc32

    import msgspec

    built(shop)
    body = msgspec.msgpack.encode(["1 little", {"question": 7}, b"\xc0"])
    kept_file(shop).write_bytes(b"%08x\n" % crc32(body) + body)

    assert not is_reused(shop)


def test_the_project_moved_elsewhere_is_read_again(shop: Workshop) -> None:
    """Its root is part of the question."""
    built(shop)
    moved = shop.home / "moved"
    shop.root.rename(moved)

    assert load(shop.request(directory=str(moved))).reused is None


def test_clean_state_removes_it(shop: Workshop) -> None:
    """It is part of what is remembered."""
    built(shop)
    engine.clean_state(shop.request(), dry=False)

    assert not kept_file(shop).exists()


def test_unknown_targets_are_told_as_ever(shop: Workshop) -> None:
    """With places and remedies as a Wavefile that was read has them."""
    built(shop)

    with pytest.raises(WavebuildError) as of_kept:
        shop.plan("outt/a.txt")
    kept_file(shop).unlink()
    with pytest.raises(WavebuildError) as of_read:
        shop.plan("outt/a.txt")

    assert str(of_kept.value) == str(of_read.value)
