"""What an audit found, as a person reads it."""

from __future__ import annotations

from msgspec.structs import replace

from tests.ui.samples import NOON
from wavebuild.engine import Addition, BuildResult
from wavebuild.errors import Place
from wavebuild.run.audit import Audit, Touch
from wavebuild.run.events import Outcome, Settled
from wavebuild.ui.audits import addition_record, audit_lines, audit_record
from wavebuild.ui.style import Style

RESULT = BuildResult("r", True, 0, NOON, 1.0, 1, "flow", (), False)
PLAIN = Style()
CLEAN, FOUND = Audit(), Audit(reads=(Touch("a\x1b[2J"), Touch("b", "maker")), unread=("c",), lists=("d",))


def lines(*audits: Audit | None, verbose: bool = False, additions: tuple[Addition, ...] = ()) -> list[str]:
    steps = tuple(Settled(f"s{at}", Outcome.SUCCEEDED, 1, audit=audit) for at, audit in enumerate(audits))
    return audit_lines(replace(RESULT, steps=steps, fresh=len(steps), additions=additions), PLAIN, verbose)


def test_a_build_in_which_nothing_ran_says_how_to_follow_all():
    """An audit of fresh steps has seen nothing, and must not be taken for a good one."""
    assert audit_lines(replace(RESULT, fresh=3), PLAIN, False) == [
        "audit: nothing ran, so nothing was followed (3 steps): -B runs all"
    ]


def test_steps_without_findings_are_only_counted():
    """And those that did not run are said to be unknown."""
    assert lines(CLEAN, CLEAN, None) == [
        "audit: of 2 steps followed, none touches what is not declared",
        "  1 step did not run and was not followed",
    ]


def test_each_finding_has_a_line_and_no_name_moves_the_cursor():
    """The step that makes a file is named; names are made harmless."""
    found = lines(CLEAN, FOUND, additions=(Addition("s1", Place("Wavefile", 4), ("inputs:", "  - b"), ("inputs",)),))

    assert found == [
        "audit: 1 of 2 steps touches what is not declared",
        "  s1",
        "    reads      a\\x1b[2J",
        "    reads      b, which maker makes",
        "    lists      d/, where a new file would not be noticed",
        "    never      opens c, which is among its inputs",
        "",
        "  add to step s1 (Wavefile:4:0), to its inputs:",
        "    inputs:",
        "      - b",
    ]


def test_long_lists_are_cut_unless_all_is_wanted_and_what_was_only_sought_is_for_those_who_want_all():
    """A compiler looks for a thousand files."""
    many = Audit(reads=tuple(Touch(f"f{n}") for n in range(40)), sought=(Touch("none"), Touch("late", "maker")))
    short, long = lines(many), lines(many, verbose=True)

    assert "               and 28 more (-v shows them)" in short
    assert [line for line in short if "sought" in line] == ["    sought     late, which maker makes, not there"]
    assert sum("reads" in line for line in long) == 40
    assert "    sought     none, not there" in long


def test_what_an_advisor_reads_is_not_for_the_step_to_declare():
    """The way out is named: among the inputs of the advisor it makes no agent run again."""
    found = lines(Audit(judging=(Touch("guide.md"),)))

    assert found[0] == "audit: 1 of 1 step touches what is not declared"
    assert "    advisor    guide.md, which its advisor reads: name it among the `inputs` of that" in found


def test_an_audit_that_saw_only_python_says_so():
    """Its silence means less."""
    assert lines(Audit(complete=False))[-1].endswith("only what Python does itself was seen")


def test_the_json_of_an_audit():
    """Null for a step that was not followed, so that nobody takes it for a step without findings."""
    assert audit_record(None) is None
    assert audit_record(FOUND) == {
        "reads": [{"path": "a\x1b[2J", "owner": None}, {"path": "b", "owner": "maker"}],
        "writes": [],
        "removes": [],
        "sought": [],
        "refused": [],
        "lists": ["d"],
        "unread": ["c"],
        "complete": True,
        "advisor_reads": [],
    }
    assert addition_record(Addition("s", Place("Wavefile", 4, 3), ("inputs:",), ())) == {
        "step": "s",
        "file": "Wavefile",
        "line": 4,
        "lines": ["inputs:"],
    }
