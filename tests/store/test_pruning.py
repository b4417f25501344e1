"""S8: what is remembered does not grow for ever, and nothing is let go that could still spare a run."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from functools import partial
from pathlib import Path

import pytest

from tests.support.workshop import Workshop
from wavebuild.judge.trace import Trace
from wavebuild.run.records import Attempt, Result
from wavebuild.store import pruning, state
from wavebuild.store.claims import claimed
from wavebuild.store.opening import open_state
from wavebuild.store.pruning import Present, prune
from wavebuild.store.state import State

pytestmark = pytest.mark.long


@pytest.fixture
def shop(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Workshop:
    return Workshop(tmp_path, monkeypatch)


@pytest.fixture
def always(monkeypatch: pytest.MonkeyPatch) -> None:
    """Every build that runs something prunes."""
    monkeypatch.setattr(state, "ROOM", -(1 << 30))


def success(state: State, number: int, step: str, output: str) -> None:
    run = f"r{number:06}"
    trace = Trace(step, run, float(number), 1.0, {"command": "x"}, {}, {"i": "d"}, {}, {output: "d"})
    state.run_began(run, float(number), 1, "flow", "wavebuild")
    attempt = Attempt(f"{run}.0", step, run, output, {}, {}, ())
    log = f".wavebuild/logs/{run}/{step}.log"
    state.succeed(output, trace, attempt, Result(step, run, "succeeded", float(number), 1.0, 1, 0, "", log))


@pytest.mark.scenario(id="S8")
def test_thousands_of_renames_do_not_grow_it(tmp_path: Path) -> None:
    """Each build has one step, of another name than ever, with an output that is gone by the next."""
    path = tmp_path / ".wavebuild/state/Wavefile.db"
    record = tmp_path / ".wavebuild/claims/Wavefile"
    largest = 0
    for round_ in range(8):
        found = open_state(str(path), [], claims=str(record))
        with_all = found._database._handle
        with_all.execute("pragma synchronous=off")
        for number in range(round_ * 400, round_ * 400 + 400):
            found.learn({f"source{number}": ((1, 2, 3, 4, number), "d" * 60)})
            success(found, number, f"step{number}", f"out{number}")
        prune(found, partial(Present, str(tmp_path), {f"step{number}"}, {f"out{number}"}, float(number), 3))
        found.close()
        largest = max(largest, path.stat().st_size)

    assert path.stat().st_size < 4 << 20
    assert largest < 4 << 20
    found = open_state(str(path), [], claims=str(record))
    assert len(found.known_keys()) < 1600
    assert f"out{number}" in found.known_keys()
    found.close()
    assert len(claimed(str(record))) < 1600
    assert record.stat().st_size < 1 << 20


def test_what_stands_on_the_disk_is_never_forgotten(shop: Workshop, always: None) -> None:
    """The outputs of another profile, and orphans: fresh, and ours, as before."""
    text = "profiles: {p: {vars: {v: p}}}\nvars: {v: d}\nsteps:\n"
    text += "  a: {inputs: s, outputs: 'build/{{ v }}/x', run: 'note a; cp s build/{{ v }}/x'}\n"
    shop.put("s", "1")
    shop.wavefile(text + "  old: {inputs: s, outputs: gone, run: 'cp s gone'}\n")
    shop.build()
    shop.build(profile="p")
    shop.wavefile(text)
    for content in "23":
        shop.put("s", content)
        assert shop.build().code == 0
    shop.put("s", "1")

    assert shop.build().result.orphans == ("gone",)
    assert shop.plan(profile="p") == {"a": "FRESH"}


def test_of_steps_that_are_gone_with_their_files_nothing_is_kept(shop: Workshop, always: None) -> None:
    """Traces, members and digests; what is there is as fresh as ever."""
    shop.put("s", "1")
    shop.put("t", "1")
    shop.wavefile(
        "steps: {a: {inputs: [s, t], outputs: x, run: 'cat s t > x'}, b: {inputs: s, outputs: y, run: 'cp s y'}}"
    )
    shop.settle()
    shop.wavefile("steps: {b: {inputs: s, outputs: y, run: 'note b; cp s y'}}")
    (shop.root / "x").unlink()
    (shop.root / "t").unlink()

    assert shop.build().ran == ["b"]

    with closing(sqlite3.connect(shop.root / ".wavebuild/state/Wavefile.db")) as handle, handle:
        (keys, members, names) = (
            {row[0] for row in handle.execute(f"select {column} from {table}")}
            for table, column in (("traces", "key"), ("made", "path"), ("digests", "name"))
        )
    handle.close()
    assert (keys, members) == ({"y"}, {"y"})
    assert "t" not in names
    assert "x" not in claimed(str(shop.root / ".wavebuild/claims/Wavefile"))
    again = shop.build()
    assert (again.code, again.ran) == (0, [])


def test_the_newest_runs_and_results_stay(shop: Workshop, always: None, monkeypatch: pytest.MonkeyPatch) -> None:
    """Of a step that is there its last result, however long ago; the logs of what is let go, go too."""
    monkeypatch.setattr(pruning, "RUNS", 3)
    monkeypatch.setattr(pruning, "RESULTS", 2)
    rare = "  rare: {inputs: r, outputs: z, run: 'echo hello; cp r z'}\n"
    shop.put("r", "1")
    for number in range(8):
        shop.put("s", str(number))
        gone = "  gone: {inputs: r, outputs: w, run: 'echo hello; cp r w'}\n" if number < 2 else ""
        shop.wavefile(
            f"settings: {{log_keep: 1}}\nsteps:\n{rare}{gone}  a: {{inputs: s, outputs: y, run: 'echo a; cp s y'}}\n"
        )
        assert shop.build().code == 0

    from wavebuild import engine

    assert len(engine.history(shop.request(), None, 100).runs) == 3
    assert len(engine.history(shop.request(), "a", 100).results) == 2
    assert len(engine.history(shop.request(), "rare", 100).results) == 1
    logs = sorted(path.name for path in (shop.root / ".wavebuild/logs").rglob("*.log"))
    assert logs == ["a.log", "rare.log"]


def test_nothing_is_pruned_while_the_state_is_small(shop: Workshop) -> None:
    """It is no work that every build does."""
    shop.put("s", "1")
    shop.wavefile("steps: {a: {inputs: s, outputs: x, run: 'cp s x'}}")
    shop.settle()
    shop.wavefile("steps: {b: {inputs: s, outputs: y, run: 'cp s y'}}")
    (shop.root / "x").unlink()
    shop.settle()
    shop.wavefile("steps: {a: {inputs: s, outputs: x, run: 'cp s x'}}")

    assert shop.plan() == {"a": "RUN"}
    assert shop.reasons("a") == ["OutputMissing"]


def test_of_a_first_run_nothing_is_asked(tmp_path: Path, always: None) -> None:
    """All that there is to remember is of this run: to gather what is there now would be in vain."""
    found = open_state(str(tmp_path / "Wavefile.db"), [])
    success(found, 1, "step1", "out1")

    prune(found, lambda: pytest.fail("what is there now was asked for"))

    assert list(found.made()) == ["out1"]
    found.close()
