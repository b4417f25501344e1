"""On GitHub Actions: groups, annotations, the summary; and no step can give commands to the workflow.

It does not know GitHub's pages: a small runner reads the log by the published rules of workflow commands.
"""

from __future__ import annotations

import html
import re
from dataclasses import dataclass, field
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.support.command import Finished, Site
from wavebuild.errors import Place, Problem
from wavebuild.ui.github import MOST_ANNOTATIONS, Paths, Unmarked, annotation, harmless, problem_annotations

NOW = re.compile(r"\s*::([^\s:]+)(?: (.*?))?::(.*)")
FORMER = re.compile(r"##\[([\w-]+)(?: (.*?))?\](.*)")
EVIL = "echo '::error::injected'; echo '  ::set-env name=PATH::/evil'; echo 'x ##[add-mask]e'; echo '::endgroup::'"


@dataclass
class Job:
    """What a runner makes of a log: the commands it obeys, and the lines that stand in each group."""

    commands: list[tuple[str, dict[str, str], str]] = field(default_factory=list)
    groups: dict[str, list[str]] = field(default_factory=dict)
    stopped: bool = False

    def of(self, name: str) -> list[tuple[dict[str, str], str]]:
        return [(facts, data) for each, facts, data in self.commands if each == name]


def plain(text: str, whole: bool = False) -> str:
    for code, sign in {**({"%3A": ":", "%2C": ","} if whole else {}), "%0D": "\r", "%0A": "\n", "%25": "%"}.items():
        text = text.replace(code, sign)
    return text


def ran_by(log: str) -> Job:
    """The log as the runner reads it."""
    job, token, group = Job(), "", ""
    for line in log.splitlines():
        found = NOW.fullmatch(line) or FORMER.search(line)
        if token:
            if found and found[1] == token:
                token = ""
            elif group:
                job.groups[group].append(line)
            continue
        if not found:
            continue
        name, said, data = found[1], found[2] or "", plain(found[3])
        if name == "stop-commands":
            assert data
            token = data
        elif name == "group":
            assert not group, "groups do not nest"
            group = data
            job.groups[group] = []
        elif name == "endgroup":
            group = ""
        facts = dict(part.split("=", 1) for part in said.split(",") if part)
        job.commands.append((name, {key: plain(value, True) for key, value in facts.items()}, data))
    job.stopped = bool(token)
    assert not group
    return job


@pytest.fixture
def site(tmp_path: Path) -> Site:
    made = Site(tmp_path)
    made.write(
        "Wavefile",
        f"""
steps:
  good: {{outputs: g, run: "echo hello; touch g"}}
  silent: {{outputs: s, run: touch s}}
  evil:
    inputs: g
    outputs: e
    run: {EVIL!r}
  last: {{inputs: e, outputs: l, run: touch l}}
""",
    )
    return made


def on_github(site: Site, *arguments: str) -> Finished:
    summary = site.home / "summary.md"
    return site.wavebuild(
        *arguments, GITHUB_ACTIONS="true", CI="true", GITHUB_WORKSPACE=str(site.home), GITHUB_STEP_SUMMARY=str(summary)
    )


@pytest.mark.parametrize("flags", [["-j2"], ["-j1"], ["-j2", "-v"]])
def test_the_output_of_each_step_is_a_group_in_which_no_command_is_obeyed(flags: list[str], site: Site):
    """What steps print is all there; what they print as commands is print."""
    job = ran_by(on_github(site, *flags).err)

    assert set(job.groups) == {"good", "evil"}
    assert job.groups["good"] == ["hello"]
    assert "::error::injected" in job.groups["evil"]
    assert "x ## [add-mask]e" in job.groups["evil"]
    assert {name for name, _, _ in job.commands} == {"group", "stop-commands", "endgroup", "error"}
    assert [facts["title"] for facts, _ in job.of("error")] == ["failed: evil"]
    assert not job.stopped


@pytest.mark.parametrize("output", ["stream", "prefix"])
def test_where_the_output_of_steps_is_mixed_commands_are_stopped_to_the_end(output: str, site: Site):
    """There are no groups then: they cannot nest."""
    job = ran_by(on_github(site, "-j2", "--output", output).err)

    assert job.groups == {}
    assert {name for name, _, _ in job.commands} == {"stop-commands", "error"}
    assert not job.stopped


def test_a_failure_is_annotated_at_its_place_in_the_wavefile(site: Site):
    """The path as the workflow knows it; message and title say what failed and why."""
    job = ran_by(on_github(site).err)

    [(facts, message)] = job.of("error")
    assert facts == {"file": "root/Wavefile", "line": "5", "col": "3", "title": "failed: evil"}
    assert message.splitlines()[0].startswith("missing output")
    assert "did not make e" in message


def test_where_no_cause_is_known_the_annotation_has_the_last_lines_of_the_log(site: Site):
    """Beside the code a person sees what the step said; where the cause is known that is enough."""
    site.write(
        "Wavefile",
        "steps:\n  a: {outputs: a, run: \"seq 9; printf '::error::x%%0A\\\\033[1mend'; exit 4\"}\n"
        "  b: {outputs: b, run: 'echo one; pyhton'}\n",
    )

    job = ran_by(on_github(site, "-k").err)

    said = {facts["title"]: message for facts, message in job.of("error")}
    assert said["failed: a"].splitlines() == ["exit 4", "6", "7", "8", "9", "::error::x%0Aend"]
    assert said["failed: b"] == "exit 127: the command pyhton was not found"


def test_a_wrong_wavefile_is_annotated_in_a_build_and_by_check(site: Site):
    """File, line and column of each problem; warnings as such."""
    site.write("Wavefile", "steps:\n  a: {outputs: a, runn: x}\n  b: {outputs: b}\n")
    for command in ([], ["check"], ["plan"]):
        job = ran_by(on_github(site, *command).err)
        assert ("root/Wavefile", "2") in [(facts["file"], facts["line"]) for facts, _ in job.of("error")]

    site.write("Wavefile", "steps:\n  a: {outputs: a, run: touch a}\n  b: {needs: [a], outputs: b, run: touch b}\n")
    job = ran_by(on_github(site, "check").err)
    assert [facts["title"] for facts, _ in job.of("warning")] == ["wavebuild: order-without-data"]


def test_the_summary_tells_what_ran_and_folds_the_digests(site: Site):
    """It is added to what stands there; what steps print in it is text."""
    (site.home / "summary.md").write_text("# before\n")
    site.write(
        "Wavefile",
        """
steps:
  ok: {outputs: o, run: touch o}
  bad: {inputs: o, outputs: b, run: "echo '</pre><script>x</script> | `a`'; exit 3"}
  later: {inputs: b, outputs: l, run: touch l}
""",
    )
    on_github(site, "-k")
    text = (site.home / "summary.md").read_text()

    assert text.startswith("# before\n### wavebuild: ")
    rows = [html.unescape(line) for line in text.splitlines() if line.startswith("| <code>")]
    assert [row.split(" | ")[:3] for row in rows] == [
        ["| <code>bad</code>", "failed", "2"],
        ["| <code>later</code>", "blocked", "3"],
        ["| <code>ok</code>", "succeeded", "1"],
    ]
    assert text.count("<details>") == text.count("</details>") == text.count("</pre>") == 1
    assert "<script>" not in text
    assert "exit 3" in html.unescape(text)

    on_github(site, "-k")
    assert (site.home / "summary.md").read_text().count("### wavebuild") == 2


def test_elsewhere_there_is_nothing_of_it(site: Site):
    """In other build servers and at home, lines are plain."""
    done = site.wavebuild("-v", CI="true", GITHUB_STEP_SUMMARY=str(site.home / "summary.md"))

    assert "::group::" not in done.err
    assert "::stop-commands::" not in done.err
    assert not (site.home / "summary.md").exists()


def test_a_summary_that_cannot_be_written_is_a_warning_and_fails_nothing(site: Site):
    """The build was done."""
    site.write("Wavefile", "steps: {a: {outputs: a, run: touch a}}")

    done = site.wavebuild(GITHUB_ACTIONS="true", GITHUB_STEP_SUMMARY="/no/such/summary")

    assert done.code == 0
    assert [facts["title"] for facts, _ in ran_by(done.err).of("warning")] == ["wavebuild: no summary"]


@given(st.text(st.characters(exclude_categories=["Cc", "Cs", "Zl", "Zp"])), st.text("a:,%=\n", min_size=1))
def test_whatever_a_message_says_it_is_one_command_with_that_message(message: str, title: str):
    """Nothing in it ends the line, the property or the command."""
    made = annotation("error", f"{message}\n%0A\r", title, "a,b:c%.py", 3)

    assert made.splitlines() == [made]
    [(facts, data)] = ran_by(made).of("error")
    assert data == f"{message}\n%0A\r"
    assert facts == {"file": "a,b:c%.py", "line": "3", "title": title.replace("\n", "\\x0a")}


@given(st.text(alphabet=":#[] errogup\t"))
def test_no_line_of_ours_is_a_command(line: str):
    """Names and logs may hold anything."""
    assert ran_by(harmless(line)).commands == []


@given(st.lists(st.text(alphabet="#[x\n", max_size=5)))
def test_marks_in_output_are_broken_up_wherever_it_is_cut(pieces: list[str]):
    """Nothing is lost but that."""
    unmarked = Unmarked()
    shown = "".join(unmarked.feed(piece) for piece in pieces) + unmarked.rest()

    assert "##[" not in shown
    assert shown == "".join(pieces).replace("##[", "## [")


def test_no_more_is_annotated_than_is_shown():
    """The rest is in the log."""
    problems = [Problem("bad", f"m{at}", Place("Wavefile", at + 1)) for at in range(30)]

    assert len(problem_annotations(problems, lambda: Paths("/w/p", "/w"))) == MOST_ANNOTATIONS


def test_a_place_out_of_the_workspace_is_told_whole():
    """GitHub shows it in the log, though beside no file."""
    assert Paths("/w/p", "/w").shown("sub/Wavefile") == "p/sub/Wavefile"
    assert Paths("/elsewhere", "/w").shown("Wavefile") == "/elsewhere/Wavefile"
    assert Paths("/elsewhere", "").shown("Wavefile") == "/elsewhere/Wavefile"
