"""Each file is read once in a build, whoever asks for it; what was read is not read again by the next build."""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Callable

import pytest

from tests.support.workshop import Built, Workshop
from wavebuild import disk


@pytest.fixture
def opened(shop: Workshop, monkeypatch: pytest.MonkeyPatch) -> Counter[str]:
    """How often the build process opened each file of the project, by its name."""
    counts: Counter[str] = Counter()
    true = os.open

    def counted(path: str, *rest: int, **more: int) -> int:
        if isinstance(path, str) and os.path.dirname(path).startswith(str(shop.root)) and "/.wavebuild" not in path:
            counts[os.path.relpath(path, shop.root)] += 1
        return true(path, *rest, **more)

    monkeypatch.setattr(os, "open", counted)
    return counts


def ran(built: Built) -> list[str]:
    assert built.code == 0
    return [name for name, outcome in built.outcomes.items() if outcome == "succeeded"]


CHAIN = """
wavefile: 1
steps:
  one: {inputs: s, outputs: a, run: cp s a}
  two: {inputs: [s, a], outputs: b, run: cat s a > b}
  three: {inputs: [s, a, b], outputs: [c, d], run: cat s a b | tee c > d}
"""


def test_each_file_is_read_once_in_a_build(shop: Workshop, opened: Counter[str]) -> None:
    """A source that three steps read, an output that two read: one reading each, those made just now too."""
    if disk.tells_every_change(str(shop.root)) is None:
        pytest.skip("what was just made is read once more here, a tick later")
    shop.put("s", "one")
    shop.wavefile(CHAIN)

    shop.build()

    assert {name: opened[name] for name in "sabcd"} == dict.fromkeys("sabcd", 1)


def test_a_stamp_that_moved_is_looked_into_once(shop: Workshop, opened: Counter[str]) -> None:
    """The bytes are the same: the build after that knows it."""
    shop.put("s", "one")
    shop.wavefile(CHAIN)
    shop.settle()
    os.utime(shop.root / "s")
    opened.clear()

    vouched = disk.tells_every_change(str(shop.root)) is not None
    assert (ran(shop.build()), opened["s"]) == ([], 1 if vouched else 2)
    opened.clear()
    assert (ran(shop.build()), opened["s"]) == ([], 0)
    assert (shop.stale(), opened["s"]) == (False, 0)


LARGE = """
wavefile: 1
steps:
  join: {inputs: [x, y], outputs: [u, v], run: cp x u && cp y v}
  next: {inputs: [u, y], outputs: w, run: cat u y | wc -c > w}
"""


def test_large_files_are_read_once_and_changes_in_them_are_seen(shop: Workshop, opened: Counter[str]) -> None:
    """They are read ahead, and a change of their last byte runs what reads them."""
    for name in "xy":
        (shop.root / name).write_bytes(name.encode() * (5 << 20))
    shop.wavefile(LARGE)

    shop.settle()
    first = {name: opened[name] for name in "xyuv"}
    with (shop.root / "y").open("r+b") as file:
        file.seek(-1, os.SEEK_END)
        file.write(b"!")

    if disk.tells_every_change(str(shop.root)) is not None:
        assert first == dict.fromkeys("xyuv", 1)
    assert ran(shop.build()) == ["join", "next"]
    assert (shop.root / "v").read_bytes()[-1:] == b"!"
    assert ran(shop.build()) == []


def test_a_large_source_that_changes_while_it_waits_is_built_as_it_is_then(shop: Workshop) -> None:
    """Its reading began when the build did; the step that reads it began later."""
    (shop.root / "big").write_bytes(b"a" * (5 << 20))
    shop.put("s", "one")
    shop.wavefile(
        """
wavefile: 1
steps:
  first: {inputs: s, outputs: o, run: "tr a b < big > big2 && mv big2 big && cp s o"}
  second: {inputs: [o, big], outputs: p, run: head -c 3 big > p}
"""
    )

    built = shop.build()

    assert ran(built) == ["first", "second"]
    assert shop.read("p") == "bbb"
    assert ran(shop.build()) == []


FOLDERS = """
wavefile: 1
steps:
  make: {inputs: s, outputs: [d/made, "parts/*.txt"], run: "mkdir -p parts && cp s d/made && cp s parts/1.txt"}
  all: {inputs: [d/, "e/*.csv"], outputs: all, run: "cat $(find d -type f | sort) e/*.csv > all"}
  own: {inputs: [f/], outputs: f/sum, run: "cat f/a > f/sum"}
"""


def test_folders_of_sources_and_of_outputs_are_read_as_they_are(shop: Workshop) -> None:
    """What is made among sources, what a step makes where it reads, what comes, what goes: each counts as it should."""
    shop.write(s="one")
    for path in ("d/x", "e/a.csv", "e/b.txt", "f/a", "parts/mine.md"):
        shop.put(path, path)
    shop.wavefile(FOLDERS)
    shop.settle()

    def after(deed: Callable[[], object]) -> list[str]:
        deed()
        changed = ran(shop.build())
        assert ran(shop.build()) == []
        return changed

    assert after(lambda: shop.put("s", "two")) == ["make", "all"]
    assert after(lambda: shop.put("e/c.csv", "new")) == ["all"]
    assert after(lambda: shop.put("e/d.txt", "new")) == []
    assert after((shop.root / "e/a.csv").unlink) == ["all"]
    assert after(lambda: shop.put("f/b", "new")) == ["own"]
    assert after(lambda: shop.put("f/a", "other")) == ["own"]
    assert after(lambda: shop.put("d/deep/er", "new")) == ["all"]
    assert shop.read("f/sum") == "other"


WAYS = """
wavefile: 1
steps:
  bytes: {inputs: c.json, outputs: a, run: cp c.json a}
  json: {inputs: {path: c.json, digest: json}, outputs: {path: b.json, digest: json}, run: cp c.json b.json}
  key: {inputs: "c.json#x", outputs: k, run: date > k}
  after: {inputs: {path: b.json, digest: json}, outputs: e, run: date > e}
"""


def test_a_file_that_is_read_in_two_ways_is_read_once(shop: Workshop, opened: Counter[str]) -> None:
    """As bytes, as JSON, one key of it: the bytes are shared, and each way still sees what counts for it alone."""
    if disk.tells_every_change(str(shop.root)) is None:
        pytest.skip("what was just written is read once more here, a tick later")
    shop.put("c.json", '{"x": 1, "y": 2}')
    shop.wavefile(WAYS)
    shop.build()
    first = (opened["c.json"], opened["b.json"])

    shop.put("c.json", '{"y": 2,  "x": 1}')
    spaced = ran(shop.build())
    shop.put("c.json", '{"y": 3, "x": 1}')

    assert first == (1, 1)
    assert spaced == ["bytes"]
    assert ran(shop.build()) == ["bytes", "json", "after"]
    assert ran(shop.build()) == []
