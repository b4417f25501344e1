"""The words people read: reasons, times, counts.

It does not know where they stand.
"""

from __future__ import annotations

import os
import re
import shlex
import subprocess
from pathlib import Path
from typing import get_args

import pytest

from wavebuild.declare.model import Range
from wavebuild.judge import reasons
from wavebuild.judge.reasons import Reason
from wavebuild.run.events import Outcome, Settled
from wavebuild.ui import words

OLD, NEW = "sha256:" + "a1" * 32, "sha256:" + "b2" * 32
EVERY_REASON: list[tuple[Reason, str, str]] = [
    (reasons.NeverRan(), "never-ran", "never succeeded"),
    (reasons.Forced(), "forced", "forced by -B"),
    (reasons.Unasked(("probe:x",)), "unasked", "probe:x must be asked (--ask)"),
    (reasons.Always(), "always", "always runs"),
    (reasons.BeforePeriod("daily", 0.0), "before-period", "last success began before today"),
    (reasons.HeldBack(86400.0 * 365), "held-back", f"held until {words.moment(86400.0 * 365)}"),
    (reasons.TakenAsChanged("a.csv"), "taken-as-changed", "a.csv is taken as changed, by -W"),
    (reasons.TooOld(7200, 3600), "too-old", "last success began 2 h ago, 1 h allowed"),
    (reasons.FailedBefore(), "failed-before", "failed last time"),
    (reasons.InputsMoved(("a", "b")), "inputs-moved", "a, b changed while the last run was reading"),
    (reasons.ActionChanged("run", "x", "y"), "action-changed", "run changed: x → y"),
    (reasons.GateChanged("checks", "", "y"), "gate-changed", "only the gate changed: checks: nothing → y"),
    (
        reasons.InputChanged("a.csv", OLD, NEW, "bronze"),
        "input-changed",
        "a.csv changed (made by bronze): sha256:a1a1a1a1… → sha256:b2b2b2b2…",
    ),
    (reasons.InputAdded("a.csv", NEW), "input-added", "a.csv is new: nothing → sha256:b2b2b2b2…"),
    (reasons.InputRemoved("a.csv", OLD), "input-removed", "a.csv is gone: sha256:a1a1a1a1… → nothing"),
    (reasons.OutputMissing("o"), "output-missing", "output o is missing"),
    (reasons.OutputEdited("o", "", ""), "output-edited", "output o was edited"),
    (reasons.EditLost("f.yml#a.b"), "edit-lost", "its edit of f.yml#a.b was lost"),
    (reasons.Unclaimed(("a", "b")), "unclaimed", "a, b in the way: no step made it"),
    (reasons.Upstream(("a", "b")), "upstream", "depends on what a, b will make"),
    (reasons.ListRefused("a.json: no JSON\nmore"), "list-refused", "its list is of no use: a.json: no JSON"),
    (reasons.Unreadable("a.yaml:1:4: no YAML\nmore"), "unreadable", "cannot be read: a.yaml:1:4: no YAML"),
]


@pytest.mark.parametrize(("reason", "kind", "text"), EVERY_REASON)
def test_every_reason_has_a_kind_and_a_sentence(reason: Reason, kind: str, text: str) -> None:
    assert words.reason_kind(reason) == kind
    assert words.reason_in_full(reason) == text


def test_no_reason_is_left_out_of_the_tests_nor_of_the_manual() -> None:
    manual = (Path(__file__).parents[2] / "docs/reference/reasons.md").read_text(encoding="utf-8")
    documented = set(re.findall(r"^\| `([a-z-]+)`", manual, re.MULTILINE))

    assert {type(reason) for reason, _, _ in EVERY_REASON} == set(get_args(Reason))
    assert documented == {kind for _, kind, _ in EVERY_REASON}


def test_a_reason_cannot_smuggle_escapes_onto_the_screen() -> None:
    assert "\x1b" not in words.reason_in_full(reasons.InputChanged("a\x1b[2J", "\x1b]0;x\x07", "y", "\x1bc"))


@pytest.mark.parametrize(
    ("seconds", "text"),
    [
        (0.0, "0.00 s"),
        (0.05, "0.05 s"),
        (0.994, "0.99 s"),
        (0.999, "1.0 s"),
        (12.34, "12.3 s"),
        (59.94, "59.9 s"),
        (59.96, "1 min"),
        (200, "3 min 20 s"),
        (3599.9, "1 h"),
        (8100, "2 h 15 min"),
        (-1, "0.00 s"),
    ],
)
def test_a_duration_reads_well_at_every_length(seconds: float, text: str) -> None:
    assert words.duration(seconds) == text


@pytest.mark.parametrize(
    ("low", "high", "text"),
    [
        (33 * 3600, 59 * 3600, "33\N{EN DASH}59 h"),
        (2 * 3600, 3 * 3600, "2\N{EN DASH}3 h"),
        (5400, 7200, "1.5\N{EN DASH}2 h"),
        (3600, 3600, "1 h"),
        (0, 0, "0 s"),
        (90, 120, "1.5\N{EN DASH}2 min"),
        (2.25, 2.25, "2.2 s"),
        (37_800, 37_800, "10 h"),
    ],
)
def test_an_estimate_is_in_one_unit_with_no_needless_fraction(low: float, high: float, text: str) -> None:
    assert words.span(Range(low, high)) == text


def test_a_saving_is_one_figure_where_both_ends_agree() -> None:
    assert words.percentage(Range(1 - 20 / 33, 1 - 36 / 59)) == "39 %"
    assert words.percentage(Range(1 - 39 / 59, 1 - 22 / 33)) == "33\N{EN DASH}34 %"


def test_counts_come_in_their_fixed_order_without_zeroes() -> None:
    counts = [("blocked", 4), ("failed", 1), ("kept", 41), ("restored", 3), ("succeeded", 2), ("waiting", 0)]

    assert words.counts_line(counts) == "kept 41 · restored 3 · succeeded 2 · failed 1 · blocked 4"
    assert words.counts_line([("not_started", 2)]) == "not started 2"


@pytest.mark.parametrize(
    ("settled", "text"),
    [
        (Settled("a", Outcome.FAILED, 1, failure="exit", exit_code=3), "exit 3"),
        (Settled("a", Outcome.FAILED, 1, failure="signal", signal="SIGSEGV"), "killed by SIGSEGV"),
        (Settled("a", Outcome.FAILED, 1, failure="timeout", signal="SIGKILL"), "timeout"),
        (Settled("a", Outcome.FAILED, 1, failure="missing output", exit_code=0), "missing output"),
        (Settled("a", Outcome.WAITING, 1), "waiting"),
    ],
)
def test_a_failure_is_named_in_two_or_three_words(settled: Settled, text: str) -> None:
    assert words.failure_words(settled) == text


def test_many_names_are_cut_short_with_how_many_are_left() -> None:
    assert words.listed(["a", "b"]) == "a, b"
    assert words.listed([str(n) for n in range(9)], most=2) == "0, 1 and 7 more"


def test_a_command_with_bytes_that_are_no_text_can_be_pasted(tmp_path: Path) -> None:
    """What is shown of a command names the same file when it is given back to a shell."""
    name = os.fsdecode(b"caf\xe9\xff it's\ta tab")
    command = shlex.join(["sh", "-c", f"printf %s {shlex.quote(name)}"])

    shown = words.pasteable(command)

    assert shown.isascii()
    assert "\t" not in shown
    said = subprocess.run(["bash", "-c", shown], capture_output=True, cwd=tmp_path, check=True).stdout
    assert said == os.fsencode(name)
