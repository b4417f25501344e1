"""The example `agents`: a first draft is rejected, the second uses the review; what an edit reaches is made again."""

from __future__ import annotations

import json
import shutil

import pytest

from tests.support.command import REPOSITORY
from tests.support.workshop import Workshop

ALL = ["requirements", "design", "tests", "code", "summary"]


@pytest.fixture
def example(shop: Workshop) -> Workshop:
    shutil.copytree(
        REPOSITORY / "examples/agents",
        shop.root,
        dirs_exist_ok=True,
        ignore=shutil.ignore_patterns(".wavebuild", "made", "__pycache__"),
    )
    return shop


def succeeded(shop: Workshop) -> list[str]:
    built = shop.build(jobs=4)
    assert built.code == 0, built.steps
    return [name for name, outcome in built.outcomes.items() if outcome == "succeeded"]


def test_the_second_draft_passes_as_it_used_the_review(example: Workshop) -> None:
    built = example.build(jobs=4)

    code = built.steps["code"]
    assert (built.code, code.attempts) == (0, 2)
    assert code.review is not None
    assert code.review.score == 1
    first = json.loads(next(example.root.glob(".wavebuild/logs/*/code~review.json")).read_text())
    assert 0 < first["score"] < 1
    assert {issue[:2] for issue in first["critical_issues"]} >= {"R2", "R3"}
    program: dict[str, object] = {}
    exec(example.read("made/till.py"), program)
    assert str(program["price"]([["60.00", 1], ["60.00", 1]])) == "115.00"  # type: ignore[operator]
    assert succeeded(example) == []


@pytest.mark.long
def test_an_edit_of_the_brief_reaches_what_depends_on_it(example: Workshop) -> None:
    example.build(jobs=4)
    example.put("brief.md", example.read("brief.md") + "\nNothing else.\n")
    words = succeeded(example)
    example.put("brief.md", example.read("brief.md").replace("bulk 10 10: from 10", "bulk 12 10: from 12"))

    assert words == ["requirements"]  # what it says is the same: nothing behind it runs
    assert succeeded(example) == ALL


def test_a_changed_threshold_asks_the_advisors_alone(example: Workshop) -> None:
    example.build(jobs=4)
    example.wavefile(example.read("Wavefile").replace("default: 0.85", "default: 1.0"))

    built = example.build(jobs=4)

    assert (built.code, set(built.outcomes.values())) == (0, {"kept"})
