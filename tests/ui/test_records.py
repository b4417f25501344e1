"""The JSON shapes that programs rely on.

It does not know how people see the same facts.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from tests.ui.samples import NOON, RUN, FakeEngine, a_build_with_a_failure, called, result_of
from wavebuild.declare.model import Json
from wavebuild.judge.reasons import InputChanged, NeverRan
from wavebuild.run.events import Noticed, WaveStarted
from wavebuild.ui import records


def answer(*argv: str, engine: FakeEngine | None = None) -> Any:
    return json.loads(called(*argv, engine=engine).out)


def a_failed_build() -> FakeEngine:
    events = a_build_with_a_failure()
    return FakeEngine(events=events, result=result_of(events, exit_code=1))


def test_a_plan_has_its_documented_shape() -> None:
    plan = answer("plan", "--json")

    assert set(plan) == {"waves", "critical_path", "time", "jobs"}
    assert set(plan["time"]) == {"serial", "barrier", "flow", "barrier_j", "flow_j", "saved"}
    assert plan["time"]["flow"] == {"low": 72_000.0, "high": 129_600.0}
    assert [(wave["number"], wave["gate"]) for wave in plan["waves"]] == [(1, True), (2, False)]
    a, b, c = (step for wave in plan["waves"] for step in wave["steps"])
    assert set(a) == {"name", "title", "phase", "plan", "reasons", "estimate", "slack"}
    assert a["reasons"][0] == {
        "kind": "input-changed",
        "text": "source.csv changed",
        "artifact": "source.csv",
        "was": "sha256:" + "a" * 64,
        "now": "sha256:" + "b" * 64,
    }
    assert a["reasons"][1] == {"kind": "never-ran", "text": "never succeeded"}
    assert (b["plan"], b["after"]) == ("maybe", ["a"])
    assert (c["estimate"], "after" in c) == (None, False)


def test_dry_run_with_json_is_the_plan() -> None:
    assert answer("-n", "--json") == answer("plan", "--json")


def test_a_build_has_its_documented_shape() -> None:
    build = answer("--json", engine=a_failed_build())

    assert set(build) == {"run", "ok", "started", "seconds", "jobs", "schedule", "counts", "steps", "additions"}
    assert (build["run"], build["ok"], build["started"]) == (RUN, False, "2026-11-21T12:00:00.000Z")
    assert build["counts"] == {"succeeded": 2, "failed": 1, "blocked": 1}
    assert list(build["steps"]) == ["a", "c", "b", "d"]
    failed = build["steps"]["b"]
    promised = {"outcome", "wave", "started", "seconds", "attempts", "score", "review", "reasons"}
    assert promised | {"exit_code", "signal", "log", "blocked_by", "moved"} <= set(failed)
    assert (failed["outcome"], failed["exit_code"], failed["attempts"]) == ("failed", 3, 2)
    assert build["steps"]["d"]["blocked_by"] == ["b"]


def test_the_json_of_a_failure_tells_what_its_digest_tells() -> None:
    """The command, the last lines and what was blocked: a program knows as much as a person."""
    done = called("--json", engine=a_failed_build())
    steps = json.loads(done.out)["steps"]
    digest = done.err[done.err.index("failed: b (") :]

    assert (steps["b"]["command"], steps["b"]["tail"]) == ("cd sub\npython b.py", ["Traceback:", "boom now"])
    assert all(line in digest for line in (*steps["b"]["command"].split("\n"), *steps["b"]["tail"]))
    assert steps["b"]["blocked"] == ["d"]
    assert "blocked  d" in digest
    assert (steps["a"]["command"], steps["a"]["tail"], steps["a"]["blocked"]) == (None, [], [])


def test_with_json_stdout_has_the_document_alone_and_progress_goes_to_stderr() -> None:
    done = called("--json", "-v", engine=a_failed_build())

    assert json.loads(done.out)["ok"] is False
    assert done.code == 1
    assert "failed: b" in done.err


def test_a_build_with_nothing_to_do_counts_what_was_kept() -> None:
    assert answer("--json")["counts"] == {"kept": 5}


def test_status_list_and_explain_are_objects_with_the_same_words() -> None:
    status = answer("status", "--json")["steps"][0]
    listed = answer("list", "--json")["steps"][-1]
    explained = answer("explain", "a", "--json")

    assert status["plan"] == "fresh"
    assert status["last"] == {"outcome": "succeeded", "started": "2026-11-21T12:00:00.000Z", "seconds": 1.5}
    assert (listed["name"], listed["reads"]) == ("d", ["b.txt", "c.txt"])
    assert (listed["depends_on"], listed["needs"]) == (["b", "c", "gate"], ["gate"])
    assert explained == {"subject": "a", "chain": []}


def test_a_problem_has_all_its_keys_even_without_a_place() -> None:
    from wavebuild.errors import Problem

    problem = answer("check", "--json", engine=FakeEngine(problems=(Problem("x", "m"),)))["problems"][0]

    assert problem == {
        "severity": "error",
        "code": "x",
        "file": None,
        "line": None,
        "column": None,
        "message": "m",
        "remedy": None,
    }


def test_events_are_one_object_a_line_in_a_file(tmp_path: Path) -> None:
    done = called("--events", "events.jsonl", "--json", engine=a_failed_build(), folder=str(tmp_path))

    lines = [json.loads(line) for line in (tmp_path / "events.jsonl").read_text(encoding="ascii").splitlines()]
    assert [line["event"] for line in lines][:3] == ["build_started", "step_started", "step_settled"]
    assert lines[-1]["event"] == "build_settled"
    assert all(line["run"] == RUN and line["at"].endswith("Z") for line in lines)
    retried = next(line for line in lines if line["event"] == "step_retried")
    assert (retried["step"], retried["attempt"], retried["delay"]) == ("b", 1, 2.0)
    assert json.loads(done.out)["run"] == RUN


def test_events_go_to_stdout_when_it_is_free() -> None:
    done = called("--events", "-", engine=a_failed_build())

    assert [json.loads(line)["event"] for line in done.out.splitlines()][-1] == "build_settled"


def test_events_that_cannot_be_written_are_refused_before_anything_runs() -> None:
    done = called("--events", "/no/such/folder/e.jsonl", engine=a_failed_build())

    assert done.code == 2
    assert "--events /no/such/folder/e.jsonl" in done.err
    assert "build" not in done.engine.deeds


def test_wave_and_notice_are_events_too() -> None:
    wave = records.event_record(WaveStarted(RUN, NOON, 3))
    notice = records.event_record(Noticed(RUN, NOON, "repaired"))

    assert (wave["event"], wave["wave"]) == ("wave_started", 3)
    assert (notice["event"], notice["message"]) == ("noticed", "repaired")


@pytest.mark.parametrize("name", ["\x1b[2J", "bad\udcff", "a\u202eb", "Größe"])
def test_json_is_ascii_whatever_a_name_holds(name: str) -> None:
    text = records.written({"name": name})

    assert text.isascii()
    assert "\x1b" not in text
    assert json.loads(text) == {"name": name}


ODD: list[dict[str, Json]] = [
    {},
    {"a": [], "b": {}, "c": [[]], "d": [{}, {"e": None}]},
    {"numbers": [0, -1, 10**40, 0.1, 1e-300, 1e22, -0.0], "flags": [True, False]},
    {"texts": ["", '\n\t"\\/', "Größe", "\u2028", "😀", "\x00\x7f"], "\n": "a key of its own"},
    {"half a surrogate": ["\ud800", {"a": "bad\udcff"}]},
    {"no number": [float("inf")]},
]


@pytest.mark.parametrize("record", ODD)
def test_a_record_is_written_as_json_writes_it(record: dict[str, Json]) -> None:
    """Whatever is in it; by the quick way, and where that has no word for it, by the slow one."""
    assert records.written(record) == json.dumps(record, indent=2)
    assert records.written(record, indent=None) == json.dumps(record)


@pytest.mark.parametrize("many", [0, 1, 2, 5])
def test_a_list_that_is_written_one_by_one_is_the_text_of_the_whole(many: int) -> None:
    """None, one or many; what is in a text is not taken for the end of a line."""
    items = [dict(each) for each in (*ODD, *ODD)[:many]]

    assert "".join(records.written_one_by_one("steps", items)) == json.dumps({"steps": items}, indent=2)


def test_a_change_has_its_old_and_new_whole() -> None:
    record = records.reason_record(InputChanged("a", "1" * 64, "2" * 64))

    assert (record["was"], record["now"]) == ("1" * 64, "2" * 64)
    assert set(records.reason_record(NeverRan())) == {"kind", "text"}
