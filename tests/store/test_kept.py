"""The file of a kept graph: read back as it was written, and never held twice."""

from __future__ import annotations

import tracemalloc
from collections.abc import Callable
from pathlib import Path
from zlib import crc32

import pytest
from msgspec.msgpack import encode

from wavebuild.declare import load as loaded
from wavebuild.graph import link
from wavebuild.graph.columns import Columns, packed
from wavebuild.store import kept
from wavebuild.store.kept import Origin, load, renew, save

ORIGIN = Origin("question", {"HOME": None}, (), {"/w": ((1, 2, 3, 4, 5), "d")}, {}, [], ["o"], {})


@pytest.fixture(scope="module")
def columns(tmp_path_factory: pytest.TempPathFactory) -> Columns:
    folder = tmp_path_factory.mktemp("many")
    lines = (f"  s{k}: {{inputs: i/{k}, outputs: o/{k}, run: cp i/{k} o/{k}}}\n" for k in range(3000))
    (folder / "Wavefile").write_text("steps:\n" + "".join(lines))
    return packed(link(loaded(str(folder / "Wavefile"))))


def peak_of(deed: Callable[[], object]) -> int:
    tracemalloc.start()
    try:
        deed()
        return tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()


def test_what_is_written_is_read_back(columns: Columns, tmp_path: Path) -> None:
    """With another origin, too: the graph and its identity stay what they were."""
    path = str(tmp_path / "kept")
    identity = save(path, ORIGIN, columns)
    first = load(path, "question")
    renew(path, Origin("other", {}, ("s",), {}, {}, [], [], {}))
    second = load(path, "other")

    assert first is not None
    assert second is not None
    assert (first.origin, encode(first.columns), first.identity) == (ORIGIN, encode(columns), identity)
    assert (encode(second.columns), second.identity, second.origin.frozen) == (encode(columns), identity, ("s",))
    assert load(path, "question") is None


def test_what_is_read_is_summed_once(columns: Columns, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The identity of the graph stands in what is sealed: nobody finds it out again."""
    path = tmp_path / "kept"
    identity = save(str(path), ORIGIN, columns)
    summed: list[int] = []

    def counted(data: bytes, start: int = 0) -> int:
        summed.append(len(data))
        return crc32(data, start)

    monkeypatch.setattr(kept, "crc32", counted)
    found = load(str(path), "question")

    assert found is not None
    assert found.identity == identity
    assert sum(summed) < path.stat().st_size


def test_a_graph_that_holds_a_secret_is_not_written(columns: Columns, tmp_path: Path) -> None:
    """Wherever it stands: in the name of a step, or in what a step does."""
    path = str(tmp_path / "kept")

    assert [save(path, ORIGIN, columns, [secret]) for secret in (b"s2999", b"cp i/77 o/77")] == ["", ""]
    assert not (tmp_path / "kept").exists()


def test_the_columns_of_a_large_graph_are_not_copied_on_their_way(columns: Columns, tmp_path: Path) -> None:
    """To write them takes little room beside them; to read them as much as the file and what is made of it."""
    path = tmp_path / "kept"

    written = peak_of(lambda: save(str(path), ORIGIN, columns))
    read = peak_of(lambda: load(str(path), "question"))

    size = path.stat().st_size
    assert size > 500_000
    assert written < 0.6 * size
    assert read < 3 * size
