"""Clocks, and times of files, that lie: the bytes decide."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from tests.support.workshop import Workshop
from wavebuild.run.events import Event, StepSettled, StepStarted

SECOND = 10**9
DAY = 86_400 * SECOND
PIPE = """
steps:
  a: {inputs: s, outputs: o, run: 'note a; cat s > o'}
  b: {inputs: o, outputs: p, run: 'note b; cat o > p'}
"""


@pytest.fixture
def built(shop: Workshop) -> Workshop:
    """Two steps, built; the source is old enough for its stamp to be trusted."""
    shop.wavefile(PIPE)
    dated(shop.put("s", "one"), -DAY)
    shop.settle()
    return shop


def dated(path: Path, offset: int) -> None:
    """A modification time so far from now."""
    instant = path.stat().st_ctime_ns + offset
    os.utime(path, ns=(instant, instant))


@pytest.mark.scenario(id="M1")
def test_other_bytes_of_the_same_size_under_the_same_time_are_seen(built: Workshop) -> None:
    """As `cp -p`, `rsync -t`, `tar` and `unzip` leave them."""
    path = built.root / "s"
    before = path.stat()
    path.write_text("two")
    os.utime(path, ns=(before.st_atime_ns, before.st_mtime_ns))
    assert path.stat().st_mtime_ns == before.st_mtime_ns

    assert built.build().ran == ["a", "b"]
    assert built.read("p") == "two"


@pytest.mark.scenario(id="M1")
def test_so_is_a_file_that_replaces_another_with_its_size_and_time(built: Workshop) -> None:
    """`rsync -t` and careful editors write a new file and rename it."""
    path = built.root / "s"
    before = path.stat()
    other = built.put("s.new", "two")
    os.utime(other, ns=(before.st_atime_ns, before.st_mtime_ns))
    other.rename(path)

    assert built.build().ran == ["a", "b"]


@pytest.mark.scenario(id="M2")
def test_new_bytes_older_than_the_outputs_are_seen(built: Workshop) -> None:
    """A file out of an archive, of last year."""
    dated(built.put("s", "two"), -400 * DAY)

    assert built.build().ran == ["a", "b"]


@pytest.mark.scenario(id="M3")
@pytest.mark.parametrize("instant", [0, 1, -DAY, 7_258_118_400 * SECOND], ids=["0", "1 ns", "1969", "2200"])
def test_a_time_that_no_clock_shows_is_no_crash_and_no_reason(instant: int, built: Workshop) -> None:
    """New bytes under it run the step once; the time alone runs nothing."""
    path = built.put("s", "two")
    os.utime(path, ns=(instant, instant))
    first, second = built.build().ran, built.build().ran
    os.utime(path)
    third = built.build().ran
    os.utime(path, ns=(instant, instant))

    assert (first, second, third) == (["a", "b"], [], [])
    assert built.build().ran == []


@pytest.mark.scenario(id="M4")
def test_a_source_from_the_future_is_built_once(built: Workshop) -> None:
    """Whoever takes newer for changed rebuilds until that day has come."""
    dated(built.put("s", "two"), 400 * DAY)

    assert [built.build().ran for _ in range(3)] == [["a", "b"], [], []]


@pytest.mark.scenario(id="M7")
@pytest.mark.scenario(id="F6")
def test_a_source_that_was_another_for_a_moment_is_not_recorded(built: Workshop) -> None:
    """A, then B while the step reads, then A again with its time: the contents before and after are equal."""
    path = built.root / "s"
    built.put("s", "two")

    def disguise(event: Event) -> None:
        if isinstance(event, StepStarted) and event.step == "a":
            before = path.stat()
            path.write_text("six")
            path.write_text("two")
            os.utime(path, ns=(before.st_atime_ns, before.st_mtime_ns))

    first = built.build(meanwhile=disguise)

    assert (first.code, first.steps["a"].moved) == (1, ("s",))
    assert built.build().ran == ["a"]
    assert built.build().ran == []


@pytest.mark.scenario(id="M9")
def test_times_cut_to_whole_seconds_run_nothing(built: Workshop) -> None:
    """A file system or an archive that keeps no fractions: read once more, and that is all."""
    for name in ("s", "o", "p"):
        path = built.root / name
        whole = path.stat().st_mtime_ns // SECOND * SECOND
        os.utime(path, ns=(whole, whole))

    assert set(built.plan().values()) == {"FRESH"}
    assert [built.build().ran for _ in range(2)] == [[], []]


@pytest.mark.scenario(id="M10")
@pytest.mark.parametrize("deed", ["chmod", "link", "rename away and back", "touch"])
def test_what_moves_the_stamp_and_not_the_bytes_runs_nothing(deed: str, built: Workshop) -> None:
    """Backups, links and modes change the time of change."""
    for name in ("s", "o"):
        path = built.root / name
        match deed:
            case "chmod":
                path.chmod(0o600)
            case "link":
                os.link(path, built.home / f"backup of {name}")
            case "touch":
                os.utime(path)
            case _:
                path.rename(built.root / "away")
                (built.root / "away").rename(path)

    assert set(built.plan().values()) == {"FRESH"}
    assert [built.build().ran for _ in range(2)] == [[], []]


JUDGED = """
steps:
  a:
    inputs: s
    outputs: o
    run: note a; cat s > o
    checks: {run: 'note check; grep -q ok limit && grep -q ok o', inputs: limit}
  m: {manual: write it, outputs: m.txt, checks: 'note manual; grep -q ok m.txt'}
"""


@pytest.mark.scenario(id="M7")
@pytest.mark.parametrize(("step", "path"), [("a", "limit"), ("a", "o"), ("m", "m.txt")])
def test_what_checks_saw_for_a_moment_is_not_recorded(step: str, path: str, shop: Workshop) -> None:
    """The checks run alone, and while they run, what they judge or read says for a moment what passes."""
    for name in ("s", "limit", "m.txt"):
        shop.put(name, "ok")
    shop.wavefile(JUDGED)
    shop.settle()
    other = "limit" if step == "a" else "m.txt"
    shop.put(other, "ok, newer" if path == "o" else "bad")

    def disguise(event: Event) -> None:
        if isinstance(event, StepStarted):
            shop.put(path, "ok for a moment")

    built = shop.build(meanwhile=disguise)
    shop.put(path, "ok" if path == "o" else "bad")
    again = shop.build()

    assert (built.code, built.steps[step].moved) == (1, (path,))
    assert again.ran == ["check" if step == "a" else "manual"]
    assert again.code == (0 if path == "o" else 1)


@pytest.mark.scenario(id="M8")
def test_a_clock_that_is_put_back_between_builds_changes_nothing(shop: Workshop) -> None:
    """What was built a day later, by the clock, is fresh; an edit is seen."""
    shop.wavefile(PIPE)
    shop.put("s", "one")
    shop.now = 2_000_000_000.0
    shop.settle()
    shop.now -= 86_400
    idle = [shop.build(full=True).ran for _ in range(2)]
    shop.put("s", "two")

    assert idle == [[], []]
    assert set(shop.plan().values()) == {"RUN", "MAYBE"}
    assert shop.build().ran == ["a", "b"]
    assert shop.build(full=True).ran == []


@pytest.mark.scenario(id="M5")
def test_edits_within_a_tick_of_what_was_read_are_seen(shop: Workshop) -> None:
    """As soon as a build has read a file, and as soon as it has ended: other bytes, the size and the time as before."""
    source = shop.put("s", "00")
    shop.wavefile("steps: {a: {inputs: s, outputs: o, run: cp s o}}")
    instant = source.stat().st_mtime_ns

    def edit(text: str) -> None:
        source.write_text(text)
        os.utime(source, ns=(instant, instant))

    def edit_at_the_end(event: Event) -> None:
        if isinstance(event, StepSettled):
            edit(f"{number}b")

    for number in range(10):
        edit(f"{number}a")
        shop.build(meanwhile=edit_at_the_end)
        assert shop.build().code == 0
        assert shop.read("o") == f"{number}b"
        edit(f"{number}c")
        assert shop.build().code == 0
        assert shop.read("o") == f"{number}c"
