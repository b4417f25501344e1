"""`wavebuild doctor`: what is well and what is to be mended. It writes nothing."""

from __future__ import annotations

import json
import sqlite3
from contextlib import closing
from pathlib import Path

import pytest

from tests.support.command import Site, snapshot
from tests.support.workshop import Workshop
from wavebuild import engine
from wavebuild.engine import Finding
from wavebuild.store.lock import take
from wavebuild.ui.doctor import doctor_lines, doctor_record

STEPS = "steps: {a: {inputs: s, outputs: out, run: 'note a; cat s > out'}}\n"


@pytest.fixture
def built(shop: Workshop) -> Workshop:
    shop.put("s", "1")
    shop.wavefile(STEPS)
    shop.settle()
    return shop


def state_of(shop: Workshop) -> Path:
    return shop.root / ".wavebuild/state/Wavefile.db"


def findings(shop: Workshop) -> dict[tuple[str, str], Finding]:
    """By topic and name; nothing of the project was touched to find them."""
    before = snapshot(shop.root)
    found = engine.doctor(shop.request())
    assert snapshot(shop.root) == before
    return {(one.topic, one.name): one for one in found}


def to_mend(shop: Workshop) -> dict[str, str]:
    return {name: one.remedy for (topic, name), one in findings(shop).items() if one.remedy and topic == "state"}


def test_a_project_in_order_has_nothing_to_mend(built: Workshop) -> None:
    """Every topic has its facts."""
    found = findings(built)

    assert {topic for topic, _ in found} == {"environment", "project", "files", "limits", "state"}
    assert found["state", "lock"].value == "free"
    assert found["state", "watcher"].value.startswith("none")
    assert found["state", "known"].value == "1 steps, 1 members"
    assert to_mend(built) == {}


def test_before_the_first_build_there_is_no_state(shop: Workshop) -> None:
    """And none is made by asking."""
    shop.wavefile(STEPS)

    assert findings(shop)["state", "database"].value.startswith("none yet")


def test_without_a_wavefile_the_place_itself_is_told(shop: Workshop) -> None:
    """Who wants to begin a project asks as well."""
    found = findings(shop)

    assert found["project", "Wavefile"].remedy == ""
    assert ("files", "root") in found


def test_a_broken_wavefile_is_to_be_mended(built: Workshop) -> None:
    """The state is looked at all the same."""
    built.wavefile("steps: {a: {inputz: s}}\n")
    found = findings(built)

    assert found["project", "Wavefile"].remedy == "wavebuild check names each"
    assert found["state", "lock"].value == "free"


@pytest.mark.parametrize("harm", ["garbage", "cut off", "flipped"])
def test_a_damaged_state_is_named(built: Workshop, harm: str) -> None:
    """With what becomes of it."""
    path = state_of(built)
    data = path.read_bytes()
    spoilt = {
        "garbage": b"x" * 5000,
        "cut off": data[: len(data) // 2],
        "flipped": data[:4100] + b"\xa5" * 3000 + data[7100:],
    }
    path.write_bytes(spoilt[harm])

    assert set(to_mend(built).values()) == {"the next build sets it aside and runs all steps again"}


@pytest.mark.long
def test_a_state_that_another_program_has_locked_is_not_called_damaged(built: Workshop) -> None:
    """No build would set it aside."""
    with closing(sqlite3.connect(state_of(built), isolation_level=None)) as other, other:
        other.execute("pragma journal_mode=delete")
        (built.root / ".wavebuild/state/Wavefile.db-wal").unlink(missing_ok=True)
        (built.root / ".wavebuild/state/Wavefile.db-shm").touch()
        other.execute("begin exclusive")
        lock = take(str(built.root / ".wavebuild/lock"), "wavebuild", 0.0, lambda: False)
        assert lock is not None
        try:
            assert to_mend(built) == {
                "database": "another program has the state open and is writing to it: close that, and build again"
            }
        finally:
            lock.release()
            other.execute("rollback")
    other.close()


def test_what_a_killed_build_left_is_named(built: Workshop) -> None:
    """An attempt that never ended."""
    from wavebuild.run.records import Attempt
    from wavebuild.store.text import packed

    attempt = Attempt("r.0", "a", "r", "out", {}, {}, (("file", "out", ()),))
    with closing(sqlite3.connect(state_of(built))) as handle, handle:
        handle.execute("insert into attempts values ('r.0', 'a', 0, ?)", (packed(attempt),))
    handle.close()

    assert to_mend(built) == {"cut off": "the next build puts their files right: wavebuild"}


def test_who_holds_the_project_is_told(built: Workshop) -> None:
    """That is nothing to mend."""
    lock = take(str(built.root / ".wavebuild/lock"), "wavebuild -j4", 0.0, lambda: False)
    assert lock is not None
    try:
        assert "wavebuild -j4" in findings(built)["state", "lock"].value
        assert to_mend(built) == {}
    finally:
        lock.release()


def test_frozen_steps_are_told_and_those_that_are_none_are_to_be_mended(built: Workshop) -> None:
    """A name in the list that no step has does nothing."""
    (built.root / ".wavebuild/frozen").write_text("a\nnone\n")

    assert findings(built)["state", "frozen"].value == "a, none"
    assert list(to_mend(built)) == ["frozen, unknown"]


@pytest.mark.scenario(id="D8")
def test_a_missing_folder_for_temporary_files_is_to_be_mended(built: Workshop) -> None:
    """D8."""
    built.setenv(TMPDIR=str(built.home / "none"))

    assert findings(built)["files", "temporary files"].remedy.startswith("set TMPDIR")


def test_as_text_every_remedy_stands_below_its_finding() -> None:
    """And what is to be mended is counted."""
    lines = doctor_lines([Finding("limits", "cores", "2"), Finding("state", "bad\x1b", "x\x1b[2J", "mend it")])

    assert lines[0] == "limits:"
    assert "\x1b" not in "".join(lines)
    assert any(line.strip() == "→ mend it" for line in lines)
    assert lines[-1] == "1 thing to mend"
    assert doctor_lines([Finding("limits", "cores", "2")])[-1] == "all is well"


def test_as_json() -> None:
    """`ok` of the whole and of each."""
    record = doctor_record([Finding("limits", "cores", "2"), Finding("state", "x", "y", "mend it")])

    assert record["ok"] is False
    assert json.loads(json.dumps(record))["findings"][1] == {
        "topic": "state",
        "name": "x",
        "value": "y",
        "ok": False,
        "remedy": "mend it",
    }


def test_the_exit_code_says_whether_there_is_something_to_mend(tmp_path: Path) -> None:
    """By the command itself."""
    site = Site(tmp_path)
    site.write("s", "1")
    site.write("Wavefile", STEPS.replace("note a; ", ""))
    site.build()
    well = site.wavebuild("doctor", "--json")
    assert well.code == int(not well.json["ok"])

    (site.root / ".wavebuild/state/Wavefile.db").write_bytes(b"x" * 5000)
    ill = site.wavebuild("doctor")

    assert ill.code == 1
    assert "sets it aside" in ill.out
