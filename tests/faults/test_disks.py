"""Disks that are full, read-only or broken, and rights that are missing: said plainly, and nothing is lost."""

from __future__ import annotations

import errno
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from tests.e2e.test_refusals import Unprivileged
from tests.support.processes import eventually, kill_marked
from tests.support.workshop import Workshop
from wavebuild import disk

pytestmark = pytest.mark.long

COPY = "steps: {a: {inputs: s, outputs: o, run: 'note a; cat s > o'}}"


@pytest.fixture
def powerless(tmp_path: Path) -> Iterator[Unprivileged]:
    """The command as somebody for whom the rights of files count."""
    place = Unprivileged(tmp_path)
    place.write("s", "one\n")
    place.write("Wavefile", "steps: {a: {inputs: s, outputs: d/o, run: 'echo a >> $JOURNAL; cat s > d/o'}}\n")
    yield place
    kill_marked(place.mark)


@contextmanager
def read_only(root: Path) -> Iterator[None]:
    """Nobody may write anything below."""
    places = [root, *root.rglob("*")]
    modes = {path: path.lstat().st_mode for path in places}
    for path in places:
        path.chmod(modes[path] & ~0o222)
    try:
        yield
    finally:
        for path in places:
            path.chmod(modes[path])


@pytest.mark.scenario(id="D4")
def test_a_read_only_project_that_is_built_is_looked_at_without_a_word(powerless: Unprivileged) -> None:
    """A build with nothing to do, and every question: they write nothing."""
    powerless.build()
    powerless.build()
    with read_only(powerless.root):
        answers = {
            " ".join(line): powerless.wavebuild(*line) for line in ([], ["-q"], ["plan"], ["status"], ["explain", "a"])
        }

    assert {line: answer.code for line, answer in answers.items()} == dict.fromkeys(answers, 0)
    assert "nothing to do" in answers[""].err


@pytest.mark.scenario(id="D4")
def test_a_read_only_project_that_is_not_built_says_what_cannot_be_written(powerless: Unprivileged) -> None:
    """Exit 1, the path, and nothing has run."""
    powerless.build()
    powerless.ran()
    powerless.write("s", "two\n")
    with read_only(powerless.root):
        answer = powerless.wavebuild()
        planned = powerless.wavebuild("plan")

    assert (answer.code, planned.code) == (1, 0)
    assert "Traceback" not in answer.err
    assert ".wavebuild" in answer.err
    assert powerless.ran() == []
    powerless.build()


@pytest.mark.scenario(id="D6")
def test_an_output_whose_folder_may_not_be_written_fails_with_its_path(powerless: Unprivileged) -> None:
    """Before the command runs: its former output could not be set aside."""
    powerless.build()
    powerless.ran()
    powerless.write("s", "two\n")
    with read_only(powerless.root / "d"):
        answer = powerless.wavebuild("--json")

    assert answer.code == 1
    assert "Traceback" not in answer.err
    assert "Permission denied" in answer.err
    assert "d/o" in answer.err
    assert powerless.ran() == []
    assert powerless.read("d/o") == "one\n"
    powerless.build()
    assert powerless.read("d/o") == "two\n"


@pytest.mark.scenario(id="D7")
@pytest.mark.scenario(id="W1")
def test_what_may_not_be_read_is_neither_missing_nor_empty(powerless: Unprivileged) -> None:
    """An input fails its step with its name; a Wavefile is refused with exit 2."""
    powerless.build()
    powerless.ran()
    with open(powerless.root / "s", "a") as source:
        source.write("two\n")
    (powerless.root / "s").chmod(0)
    answer = powerless.wavebuild()
    (powerless.root / "s").chmod(0o644)
    (powerless.root / "Wavefile").chmod(0)
    refused = powerless.wavebuild()

    assert (answer.code, refused.code) == (1, 2)
    assert "cannot read s: Permission denied" in answer.err
    assert "cannot read the Wavefile: Permission denied" in refused.err
    assert powerless.ran() == []


@pytest.mark.scenario(id="D8")
@pytest.mark.parametrize(
    "environ",
    [
        {"HOME": "/nowhere", "XDG_CONFIG_HOME": "", "TMPDIR": "/nowhere"},
        {"HOME": "", "XDG_CONFIG_HOME": "/proc/nowhere", "XDG_STATE_HOME": "/proc/nowhere", "XDG_CACHE_HOME": "/proc"},
    ],
    ids=["folders that are not there", "folders that cannot be"],
)
def test_a_build_needs_no_home_and_no_temporary_folder(environ: dict[str, str], powerless: Unprivileged) -> None:
    """Nor do questions, not even after a kill, when the log of the state is read from a copy."""
    built = powerless.wavebuild(**environ)
    planned = powerless.wavebuild("plan", **environ)

    assert (built.code, planned.code) == (0, 0), built.err + planned.err
    assert powerless.ran() == ["a"]


@pytest.mark.scenario(id="D2")
@pytest.mark.parametrize("over", ["ulimit -f 4", "trap '' XFSZ; ulimit -f 4"], ids=["signal", "error"])
def test_a_step_that_may_write_no_more_has_failed_and_what_was_there_is_back(over: str, shop: Workshop) -> None:
    """A quota or a limit on files: half an output is none."""
    shop.put("s", "one")
    shop.wavefile(COPY)
    shop.settle()
    shop.wavefile(COPY.replace("cat s > o", f"({over}; head -c 100000 /dev/zero > o)").replace("''", '""'))

    built = shop.build()

    assert (built.outcomes, built.ran) == ({"a": "failed"}, ["a"])
    assert shop.read("o") == "one"
    shop.wavefile(COPY)
    assert shop.build().ran == []


@pytest.mark.scenario(id="D1")
def test_a_step_that_finds_the_disk_full_shows_it(shop: Workshop) -> None:
    """Its own words are in the digest of the failure."""
    shop.wavefile("steps: {a: {outputs: o, run: 'note a; echo x > o; echo much > /dev/full'}}")

    built = shop.build()

    assert built.outcomes == {"a": "failed"}
    assert "No space left on device" in "".join(built.steps["a"].tail)
    assert not (shop.root / "o").exists()


@pytest.mark.scenario(id="D3")
def test_an_input_that_the_disk_cannot_read_is_no_change(shop: Workshop, monkeypatch: pytest.MonkeyPatch) -> None:
    """Its step fails with the disk's error and does not run; when the disk is well again, all is fresh."""
    shop.put("s", "one")
    shop.wavefile(COPY)
    shop.settle()
    os.utime(shop.root / "s")
    read = disk.sha256

    def broken(path: str, small: int = 0, size: int | None = None) -> tuple[str, os.stat_result, bytes | None]:
        if path.endswith("/s"):
            raise OSError(errno.EIO, os.strerror(errno.EIO), path)
        return read(path, small, size)

    with monkeypatch.context() as patched:
        patched.setattr(disk, "sha256", broken)
        built = shop.build()

    assert (built.outcomes, built.ran) == ({"a": "failed"}, [])
    assert "cannot read s: Input/output error" in built.steps["a"].detail
    assert shop.build().ran == []


@pytest.mark.scenario(id="D4")
def test_a_project_that_was_killed_and_may_only_be_read_is_not_taken_for_built(powerless: Unprivileged) -> None:
    """Its state says that all is as it should be, and half of an output stands where the whole one was."""
    run = "echo half > d/o; echo a >> $JOURNAL; [ $(cat s) = one ] || sleep 60; cat s > d/o"
    powerless.write("Wavefile", f"steps: {{a: {{inputs: s, outputs: d/o, run: '{run}'}}}}\n")
    powerless.build()
    powerless.write("s", "two\n")
    process = powerless.start()
    assert eventually(lambda: powerless.journal.read_text().split() == ["a", "a"])
    kill_marked(powerless.mark)
    process.communicate()
    powerless.write("s", "one\n")
    with read_only(powerless.root):
        answer = powerless.wavebuild()

    assert (answer.code, powerless.read("d/o")) == (1, "half\n")
    powerless.build()
    assert powerless.read("d/o") == "one\n"
