"""`settings.lock`: a file that tells a clone what was made from what."""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Callable
from typing import Any

import pytest

from tests.support.workshop import Workshop
from wavebuild import engine
from wavebuild.errors import WavebuildError

TEXT = """
settings: {lock: wavebuild.lock}
steps:
  a: {inputs: s, outputs: o, run: 'note a; cat s > o'}
  d: {inputs: o, outputs: ['d/*.txt', e/], env: {V: '1'}, run: 'note d; tee d/x.txt < o > e/y'}
  j: {inputs: 'c.yaml#k', outputs: {path: j.json, digest: json}, run: 'note j; echo {} > j.json', checks: 'note check'}
  gate: {inputs: ['d/*.txt', e/], checks: 'note gate'}
"""
LOCK = "wavebuild.lock"


@pytest.fixture
def built(shop: Workshop) -> Workshop:
    """A project that was built, with its lock file."""
    shop.wavefile(TEXT)
    shop.put("s", "one")
    shop.put("c.yaml", "k: 1\n")
    shop.settle()
    return shop


def clone(shop: Workshop) -> None:
    """The same project where it was never built: other stamps, and nothing remembered."""
    other = shop.home / "clone"
    shutil.copytree(shop.root, other, ignore=shutil.ignore_patterns(".wavebuild"))
    for path in other.rglob("*"):
        os.utime(path, (1, 1))
    shop.root.rename(shop.home / "original")
    other.rename(shop.root)


def entries(shop: Workshop) -> dict[str, Any]:
    lines = [json.loads(line) for line in shop.read(LOCK).splitlines() if not line.startswith("#")]
    return {line["step"]: line for line in lines}


class TestAClone:
    def test_it_is_idle_with_the_lock_file_alone(self, built: Workshop):
        """Nothing runs, not even a check; the plan and -q say so before."""
        clone(built)
        assert built.plan() == {"a": "FRESH", "j": "FRESH", "d": "FRESH", "gate": "FRESH"}
        assert not built.stale()
        before = built.read(LOCK)

        assert (built.build().ran, built.build().ran) == ([], [])
        assert built.read(LOCK) == before

    def test_afterwards_it_needs_the_lock_file_no_more(self, built: Workshop):
        """What was found fresh is on record here, too."""
        clone(built)
        built.build()
        (built.root / LOCK).unlink()
        built.wavefile(TEXT.replace("settings: {lock: wavebuild.lock}", ""))

        assert built.build().ran == []

    def test_a_changed_source_reruns_just_its_readers(self, built: Workshop):
        """What they replace is theirs: nothing stands in the way, and nothing is displaced."""
        clone(built)
        built.put("c.yaml", "k: 2\n")
        again = built.build()

        assert (again.ran, again.code) == (["j", "check"], 0)
        assert not (built.root / ".wavebuild/displaced").exists()

    def test_a_changed_command_or_check_is_seen(self, built: Workshop):
        """The definition is compared by its fingerprints, part by part; a gate alone is judged alone."""
        clone(built)
        built.wavefile(TEXT.replace("V: '1'", "V: '2'").replace("note check", "note other"))
        assert built.planned()["d"] == ["RUN", "ActionChanged"]

        assert built.plan()["j"] == "RECHECK"
        assert sorted(built.build().ran) == ["d", "other"]
        assert built.build().ran == []

    def test_other_bytes_at_an_output_are_not_ours(self, built: Workshop):
        """The step stops: a person may have put them there."""
        clone(built)
        built.put("o", "mine")
        again = built.build()

        assert (again.ran, again.steps["a"].failure, built.read("o")) == ([], "unclaimed", "mine")

    def test_a_missing_output_is_made(self, built: Workshop):
        """It is just not committed."""
        clone(built)
        (built.root / "d/x.txt").unlink()

        assert built.build().ran == ["d"]

    def test_without_the_lock_file_everything_is_unclaimed(self, built: Workshop):
        """The control: it is the file that makes the difference."""
        clone(built)
        (built.root / LOCK).unlink()

        assert built.plan()["a"] == "BLOCKED"

    @pytest.mark.parametrize("deed", ["forget", "fail"])
    def test_what_is_known_here_counts_more(self, built: Workshop, deed: str):
        """A step that was told to forget, or that failed here with the very same, is not fresh by the file."""
        clone(built)
        if deed == "forget":
            engine.forget(built.request("a"))
        else:
            real = built.home / "bin/note"
            text = real.read_text()
            real.write_text("#!/bin/sh\nexit 1\n")
            assert built.build("a", force=True).code == 1
            real.write_text(text)

        assert built.plan()["a"] == "RUN"

    def test_by_hand_members_stay_by_hand(self, built: Workshop):
        """An accepted edit is protected in the clone, too."""
        built.put("o", "mine")
        built.accept("o")
        built.build()
        clone(built)
        built.wavefile(TEXT.replace("outputs: o,", "outputs: o, on_edit: fail,"))
        assert built.build().ran == []
        built.put("s", "two")

        assert built.build().steps["a"].failure == "edited"


class TestTheFile:
    def test_it_is_sorted_portable_and_the_same_everywhere(self, built: Workshop):
        """No times, no absolute paths, one line an entry; another build of the same writes the same bytes."""
        text = built.read(LOCK)
        lines = text.splitlines()[1:]
        assert lines == sorted(lines)
        assert sorted(entries(built)) == ["a", "d", "gate", "j"]
        assert str(built.home) not in text
        assert entries(built)["a"]["key"] == "o"
        engine.clean_state(built.request(), dry=False)
        built.build(force=True)

        assert built.read(LOCK) == text

    def test_it_is_written_after_a_good_build_that_ran_something(self, built: Workshop):
        """Not after a failure, and not when nothing changed."""
        before = (built.root / LOCK).stat()
        built.build()
        assert (built.root / LOCK).stat().st_mtime_ns == before.st_mtime_ns
        text = built.read(LOCK)
        built.put("s", "two")
        built.wavefile(TEXT.replace("note d;", "note d; false;"))
        assert built.build().code == 1
        assert built.read(LOCK) == text
        built.wavefile(TEXT)

        assert built.build().code == 0
        assert built.read(LOCK) != text

    def test_entries_of_steps_that_were_not_looked_at_stay(self, built: Workshop):
        """A build of one target forgets nothing of the others; of steps that are no more it does."""
        built.put("s", "two")
        built.build("a")
        assert sorted(entries(built)) == ["a", "d", "gate", "j"]
        built.wavefile("\n".join(line for line in TEXT.splitlines() if " j:" not in line))
        built.put("s", "three")
        built.build()

        assert sorted(entries(built)) == ["a", "d", "gate"]

    @pytest.mark.parametrize(
        "keys", ["always: true", "max_age: 1d", "freshness: mtime", "frozen: true", "inputs: [s, ../far]"]
    )
    def test_what_means_nothing_elsewhere_is_not_locked(self, shop: Workshop, keys: str):
        """Times, places and things outside."""
        shop.put("s", "one")
        (shop.home / "far").write_text("far")
        inputs = "" if "inputs" in keys else "inputs: s, "
        shop.wavefile(
            f"settings: {{lock: {LOCK}}}\nsteps:\n  a: {{{inputs}outputs: o, {keys}, run: 'note a; echo 1 > o'}}\n"
            "  b: {inputs: s, outputs: p, run: 'note b; cat s > p'}\n"
        )
        shop.put("o", "1\n") if "frozen" in keys else None
        assert shop.build().code == 0

        assert sorted(entries(shop)) == ["b"]

    def test_it_is_never_an_input(self, shop: Workshop):
        """A step that reads the whole root does not read what is written after it."""
        shop.wavefile(
            f"settings: {{lock: {LOCK}}}\nsteps: {{a: {{inputs: '*', outputs: x/o, run: 'note a; ls > x/o'}}}}"
        )
        shop.put("s", "one")
        shop.build()

        assert (shop.build().ran, shop.stale()) == ([], False)

    @pytest.mark.parametrize("path", ["/tmp/x.lock", "../x.lock", ".git/x", "Wavefile", "d/"])
    def test_a_place_where_it_cannot_be_is_refused(self, shop: Workshop, path: str):
        """With the place in the text."""
        shop.wavefile(f"settings:\n  lock: {path}\nsteps: {{a: {{run: note a}}}}")
        with pytest.raises(WavebuildError) as caught:
            shop.build()

        (problem,) = caught.value.problems
        assert problem.place is not None
        assert problem.place.line == 2


def conflicted(lines: list[str]) -> list[str]:
    """As git leaves a merge: two sides of the entry of `a`."""
    at = next(number for number, line in enumerate(lines) if '"step": "a"' in line)
    other = lines[at].replace("sha256:", "sha256:0")
    return [*lines[:at], "<<<<<<< ours", lines[at], "=======", other, ">>>>>>> theirs", *lines[at + 1 :]]


def doubled(lines: list[str]) -> list[str]:
    at = next(number for number, line in enumerate(lines) if '"step": "a"' in line)
    return [*lines, lines[at].replace("sha256:", "sha256:0")]


def torn(lines: list[str]) -> list[str]:
    return [line[: len(line) // 2] if '"step": "a"' in line else line for line in lines]


def of_another_shape(lines: list[str]) -> list[str]:
    return ['{"key": "o", "step": "a", "action": 5}' if '"step": "a"' in line else line for line in lines]


@pytest.mark.parametrize("damage", [conflicted, doubled, torn, of_another_shape])
def test_a_damaged_entry_is_ignored_and_said(built: Workshop, damage: Callable[[list[str]], list[str]]):
    """Its step is as in a clone without the file; all others are fresh, and the file is made whole."""
    clone(built)
    whole = built.read(LOCK)
    built.put(LOCK, "\n".join(damage(whole.splitlines())) + "\n")
    assert built.plan()["j"] == "FRESH"
    stopped = built.build(keep_going=True)
    assert "ignored" in stopped.notices
    assert (stopped.ran, stopped.steps["a"].failure) == ([], "unclaimed")
    engine.touch(built.request("a"))
    built.build(force=True)

    assert built.read(LOCK) == whole


def test_no_bytes_in_it_end_a_build(shop: Workshop):
    """Whatever it holds, it is at most ignored."""
    shop.wavefile(f"settings: {{lock: {LOCK}}}\nsteps: {{a: {{run: note a}}}}")
    for data in (b"\xff\xfe\0", b"[[[[" * 5000, b'{"key": 1}\n', b"<<<<<<< x\n", b"{}" * 100):
        (shop.root / LOCK).write_bytes(data)
        shop.plan()
    assert shop.build().code == 0
