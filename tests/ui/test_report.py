"""The report of a run: one page that needs nothing else, reads without scripts, and shows every text as text.

It does not know how a browser shows it (``tests/browser`` does), nor how the story of a run is found out.
"""

from __future__ import annotations

import re
import time
from base64 import b64encode
from collections.abc import Sequence
from hashlib import sha256
from html.parser import HTMLParser
from itertools import pairwise
from pathlib import Path

import pytest
from msgspec.structs import replace

from tests.ui.samples import NOON, a_story, called, graph_of, step
from tests.ui.stories import HOSTILE, full_of, many, of
from wavebuild.declare.model import Range
from wavebuild.engine.story import Chapter, Former
from wavebuild.run.events import Clue, Opinion, Outcome, Settled, StepReviewed
from wavebuild.ui.report import facts
from wavebuild.ui.report.mark import HEAD, is_report
from wavebuild.ui.report.page import OPEN, PAGE, page
from wavebuild.ui.report.picture import EACH, MOST, WAVES
from wavebuild.ui.report.timeline import ticks, timeline

FORGING = re.compile("[\x00-\x08\x0b-\x1f\x7f-\x9f\u2028-\u202e\u2066-\u2069\ud800-\udfff]")
VOID = {"meta", "input"}


class Reader(HTMLParser):
    """The elements of a page with their texts; complains of what is not closed."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.open: list[str] = []
        self.elements: list[tuple[str, dict[str, str | None]]] = []
        self.texts: list[str] = []
        self.scripts: list[str] = []
        self.styles: list[str] = []
        self.feed(text)
        self.close()
        assert not self.open

    def handle_starttag(self, tag: str, attrs: Sequence[tuple[str, str | None]]) -> None:
        self.elements.append((tag, dict(attrs)))
        if tag not in VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag: str, attrs: Sequence[tuple[str, str | None]]) -> None:
        self.elements.append((tag, dict(attrs)))

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        kept = (
            self.scripts if self.open[-1:] == ["script"] else self.styles if self.open[-1:] == ["style"] else self.texts
        )
        kept.append(data)

    @property
    def said(self) -> str:
        return " ".join(" ".join(self.texts).split())

    def all(self, tag: str) -> list[dict[str, str | None]]:
        return [attrs for name, attrs in self.elements if name == tag]


class TestThePage:
    def test_it_needs_nothing_else(self):
        """No address is in it; its one script and its one style are those that its policy allows, and no other."""
        text = page(a_story())
        read = Reader(text)

        assert text.isascii()
        assert not re.findall(r"(?:https?:|//)\w[^\s\"'<]*", text.replace("//", "/ /"))
        assert not any(attrs.get("src") for _, attrs in read.elements)
        assert all((attrs.get("href") or "#").startswith("#") for _, attrs in read.elements)
        assert not any(name.startswith("on") or name == "style" for _, attrs in read.elements for name in attrs)
        (policy,) = [each["content"] or "" for each in read.all("meta") if "http-equiv" in each]
        assert policy.startswith("default-src 'none'")
        assert (len(read.scripts), len(read.styles)) == (1, 1)
        for kind, kept in (("script-src", read.scripts), ("style-src", read.styles)):
            wanted = b64encode(sha256(kept[0].encode()).digest()).decode()
            assert f"{kind} 'sha256-{wanted}'" in policy

    def test_it_tells_how_the_run_ended_and_why(self):
        """What went wrong comes first, with its cause, command, last lines, and what it blocked."""
        said = Reader(page(a_story())).said

        assert "1 step failed" in said
        assert "exit 127 , 2 tries" in said or "exit 127, 2 tries" in said
        assert "make was not found" in said or "./make" in said
        assert "sh: 1: ./make: not found" in said
        assert "It blocked 1 step : d" in said or "It blocked 1 step: d" in said
        assert "step c was cut off: its former outputs are back" in said

    def test_every_step_is_told_of_and_can_be_reached(self):
        """Each link leads to something on the page, and each step has a place with its name."""
        story = a_story()
        read = Reader(page(story))
        ids = {attrs["id"]: attrs for _, attrs in read.elements if "id" in attrs}

        for attrs in read.all("a"):
            assert (attrs["href"] or "")[1:] in ids, attrs
        assert {attrs["data-name"] for attrs in ids.values() if "data-name" in attrs} == {"a", "b", "c", "d"}
        assert "a.txt changed (made by a): sha256:11111111… → sha256:22222222…" in read.said
        assert "sha256:333333333333…" in read.said
        assert "(as the Wavefile has it)" in read.said

    def test_it_is_marked_as_a_page_that_can_be_read_by_anybody(self):
        """A language, a title, landmarks, one first heading, names for what has no text, headers of tables."""
        read = Reader(page(a_story()))
        levels = [int(name[1]) for name, _ in read.elements if re.fullmatch("h[1-6]", name)]

        assert read.all("html") == [{"lang": "en"}]
        assert all(len(read.all(mark)) == 1 for mark in ("header", "nav", "main", "footer", "aside"))
        assert levels.count(1) == 1
        assert all(after - before <= 1 for before, after in pairwise(levels))
        assert all("scope" in attrs for attrs in read.all("th"))
        assert all("aria-label" in attrs for attrs in read.all("pre"))
        named = {attrs.get("aria-labelledby") for attrs in read.all("section")}
        assert None not in named
        assert named <= {attrs.get("id") for _, attrs in read.elements}
        assert {attrs["for"] for attrs in read.all("label")} == {"search"}

    def test_a_file_is_known_as_a_report_by_its_first_bytes(self):
        """So that no other file is written over."""
        text = page(a_story()).encode()

        assert is_report(text[:HEAD])
        assert not is_report(b"<!DOCTYPE html><html><head><title>mine</title>")

    @pytest.mark.parametrize("text", HOSTILE)
    def test_whatever_a_text_holds_it_shows_as_text(self, text: str):
        """Names, titles, commands, logs, reviews, notices: none becomes an element, an attribute or a script."""
        read, other = (Reader(page(full_of(each))) for each in (text, "x"))

        assert [name for name, _ in read.elements] == [name for name, _ in other.elements]
        assert all(not re.match("on|src|style", name) for _, attrs in read.elements for name in attrs)
        assert not re.search(
            "[\x00-\x08\x0b-\x1f\x7f-\x9f\u2028-\u202e\u2066-\u2069\ud800-\udfff]", "".join(read.texts)
        )
        for word in re.findall(r"[a-z]{4,}", text):
            assert word in read.said

    def test_hostile_names_are_text_in_the_picture_too(self):
        """The picture is made by other means than the rest of the page."""
        text = "<script>alert(1)</script>\u202e"
        graph = graph_of(step(text, makes=["a"]), step("b", reads=["a"]))
        story = of(Chapter(text, 1, Outcome.KEPT), Chapter("b", 2, Outcome.KEPT), graph=graph, wanted=frozenset({0, 1}))

        read = Reader(page(story))

        assert len(read.scripts) == 1
        assert "<script>alert(1)</script>\\u202e" in read.said


class TestManySteps:
    def test_up_to_some_hundred_each_has_its_box(self):
        """Every box leads to its step, with how it ended."""
        read = Reader(page(many(EACH)))

        boxes = [attrs for attrs in read.all("a") if (attrs.get("class") or "").startswith("box")]
        assert len(boxes) == EACH
        assert sum(1 for attrs in boxes if "failed" in (attrs["class"] or "")) == 1

    def test_beyond_a_wave_is_one_box_but_for_what_matters(self):
        """The failed step and the critical one stand by themselves; a folded box names its steps."""
        story = many(MOST + 40, waves=20)

        read = Reader(page(story))

        boxes = [attrs for attrs in read.all("a") if (attrs.get("class") or "").startswith("box")]
        assert len(boxes) == (MOST + 40) // 20 + 2
        assert sum(1 for attrs in boxes if "many" in (attrs["class"] or "")) == (MOST + 40) // 20
        assert "all else of wave 1 18 steps" in read.said

    def test_very_many_waves_share_boxes(self):
        """A chain of a thousand steps is no strip of a thousand boxes; what failed still stands by itself."""
        read = Reader(page(many(MOST + 200, waves=1)))

        boxes = [attrs for attrs in read.all("a") if (attrs.get("class") or "").startswith("box")]
        assert WAVES / 2 < len(boxes) <= WAVES + 2
        assert sum(1 for attrs in boxes if "failed" in (attrs["class"] or "")) == 1
        assert "all else of waves 1 to 9 7 steps" in read.said

    def test_a_long_table_is_cut_and_what_was_kept_is_closed_at_first(self):
        """A browser lays out what is open alone."""
        read = Reader(page(many(5 * PAGE)))

        groups = {attrs["id"]: "open" in attrs for attrs in read.all("details") if attrs.get("class") == "group"}
        assert groups == {"all-failed": True, "all-kept": False}
        parts = [attrs for attrs in read.all("details") if attrs.get("class") == "part"]
        assert len(parts) == 5
        few = Reader(page(many(OPEN)))
        assert all("open" in attrs for attrs in few.all("details") if attrs.get("class") == "group")


class TestTheTimeline:
    def test_bars_lie_in_their_rows_to_scale(self):
        """As shares of the width; those of one row do not overlap, the critical one is marked."""
        text = timeline(a_story(), {name: name for name in "abcd"})

        bars = re.findall(r'<svg x="([\d.]+)%" y="(\d+)" width="([\d.]+)%"', text)
        assert [(float(x), int(y), float(wide)) for x, y, wide in bars] == [(4.0, 24, 80.0), (8.0, 50, 60.0)]
        assert text.count('class="mark"') == 1
        assert text.count('class="try"') == 1
        assert "b: succeeded, 2.0 s, on the critical path" in text

    @pytest.mark.parametrize("span", [0.004, 0.05, 0.3, 1.0, 7.0, 59.0, 61.0, 130.0, 1000.0, 5000.0, 40_000.0, 1e6])
    def test_its_scale_has_a_few_round_moments(self, span: float):
        """From nothing to the end, never a hundred of them."""
        found = ticks(span)

        assert found[0] == 0
        assert 4 <= len(found) <= 14
        assert found[-1] <= span
        assert len({round(after - before, 6) for before, after in pairwise(found)}) == 1

    def test_nothing_ran_no_timeline(self):
        """There is no empty scale."""
        assert timeline(of(Chapter("a", 1, Outcome.KEPT)), {"a": "s0"}) == ""


class TestWhatIsSaid:
    @pytest.mark.parametrize(
        ("facts_of", "text"),
        [
            ({"exit_code": 0, "counts": (("succeeded", 2),)}, "Built"),
            ({"exit_code": 0, "counts": (("kept", 2),), "chapters": ()}, "Nothing to do"),
            ({"exit_code": 1, "counts": (("failed", 2),)}, "2 steps failed"),
            ({"exit_code": 1, "counts": (("waiting", 1),)}, "1 step waits for a person"),
            ({"exit_code": 130, "counts": (("failed", 1),)}, "Interrupted"),
            ({"exit_code": None, "seconds": None}, "Cut off: it never came to its end"),
            ({"exit_code": None, "is_running": True}, "Running: this is how far it has come"),
            ({"exit_code": 1, "counts": (("succeeded", 1),)}, "Ended with exit code 1"),
        ],
    )
    def test_the_headline_is_how_the_run_ended(self, facts_of: dict[str, object], text: str):
        """In one line, from its exit code and counts."""
        assert facts.headline(replace(a_story(), **facts_of)).text == text

    def test_steps_are_compared_with_their_last_success(self):
        """What took noticeably longer or less long; what did not is left out."""
        slow, same, fast, new = (
            Chapter(
                *(name, 1, Outcome.SUCCEEDED, Settled(name, Outcome.SUCCEEDED, 1, started=NOON, seconds=seconds)),
                former=former,
                lane=0,
            )
            for name, seconds, former in (
                ("slow", 4.0, Former("r", 2.0)),
                ("same", 2.05, Former("r", 2.0)),
                ("fast", 1.0, Former("r", 2.0)),
                ("new", 1.0, None),
            )
        )

        found = facts.versus(of(slow, same, fast, new))

        assert [each.chapter.name for each in found.slower] == ["slow"]
        assert [each.chapter.name for each in found.faster] == ["fast"]
        assert [each.name for each in found.first] == ["new"]
        assert facts.change_words(found.slower[0]) == "+2.0 s (+100 %)"
        assert facts.change_words(found.faster[0]) == "\u22121.0 s (-50 %)"

    def test_what_was_saved_is_measured_against_the_clock(self):
        """2.5 s by the clock, 3 s one after another; wave after wave would have been quicker, and is not named."""
        assert facts.saved_line(a_story()) == "The run took 0.50 s (17 %) less than one step after another."
        late = facts.saved_line(replace(a_story(), seconds=9.0))
        assert "though with these jobs they need 2.0 s" in late
        times = a_story().times
        assert times is not None
        alone = replace(times, flow_j=times.serial)
        line = facts.saved_line(replace(a_story(), seconds=9.0, times=alone))
        assert "there was little that could overlap" in line
        assert [(each.name, round(each.share)) for each in facts.bars(a_story())][:2] == [
            ("this run (flow, 2 jobs)", 83),
            ("one step after another", 100),
        ]

    def test_an_instant_says_on_which_clock(self, monkeypatch: pytest.MonkeyPatch):
        """A page is read elsewhere, too."""
        monkeypatch.setenv("TZ", "EST5")
        time.tzset()
        try:
            assert facts.moment(NOON) == "2026-11-21 07:00:00 EST"
            assert "2026-11-21 07:00:00 EST" in page(a_story())
        finally:
            monkeypatch.undo()
            time.tzset()

    def test_phase_and_tags_are_told_as_they_select(self):
        """In the row, where a search finds them, and among the facts."""
        story = a_story()
        tagged = replace(story.chapters[0], phase="supply", tags=("nightly", "slow"))

        assert dict(facts.facts(story, tagged))["Selected by"] == "phase:supply tag:nightly tag:slow"
        assert "<small>phase:supply tag:nightly tag:slow</small>" in page(of(tagged))
        assert "Selected by" not in dict(facts.facts(story, story.chapters[0]))

    def test_what_took_longest_is_named(self):
        """Of many steps the first few, with their share of all work; of few none, they can be seen at once."""
        chapters = [
            Chapter(
                f"s{at}",
                1,
                Outcome.SUCCEEDED,
                Settled(f"s{at}", Outcome.SUCCEEDED, 1, NOON, float(at)),
                lane=0,
                start=NOON,
            )
            for at in range(10)
        ]
        times = a_story().times
        assert times is not None
        story = of(*chapters, times=replace(times, serial=Range(45.0, 45.0)))

        assert [each.name for each in facts.longest(story)] == ["s9", "s8", "s7", "s6", "s5"]
        assert facts.share_of_all(story, chapters[9]) == ", 20 % of the time of all steps"
        assert "What took longest" in page(story)
        assert facts.longest(of(*chapters[:8])) == []

    def test_a_review_that_is_approved_with_too_low_a_score_says_so(self):
        """Else a draft is rejected, and nobody sees why."""
        (line,) = facts.opinion_lines(Opinion("critic", 0.5, True, 0.9))

        assert line == "critic: score 0.5 of 0.9 wanted, approved, but the score is too low"

    def test_a_row_says_why(self):
        """Of a failure the cause, of what waits for a person what it waits for."""
        failed, clue = a_story().chapters[2], Clue("no command", "./make", "sh: 1: ./make: not found", last=True)
        assert failed.settled is not None
        known = replace(failed, settled=replace(failed.settled, clues=(clue,)))
        said = Settled("w", Outcome.WAITING, 1, failure="manual", detail="look at it\nand say so")

        assert facts.why(failed) == "exit 127, 2 tries"
        assert facts.why(known) == f"exit 127, 2 tries: {facts.cause(known)}"
        assert "./make" in facts.cause(known)
        assert facts.why(Chapter("w", 1, Outcome.WAITING, said)) == "look at it"
        assert facts.why(Chapter("w", 1, Outcome.WAITING)) == "it waits for a person"

    def test_a_cause_that_stands_in_full_below_is_not_told_twice(self):
        """A row says it in short, without the ways out that do not follow there."""
        detail = "ok was edited by hand. The ways out:\n  keep it: wavebuild accept ok"
        failed = Chapter("a", 1, Outcome.FAILED, Settled("a", Outcome.FAILED, 1, failure="edited", detail=detail))

        assert facts.cause(failed) == ""
        assert facts.why(failed) == "edited: ok was edited by hand."
        assert page(of(failed)).count("keep it: wavebuild accept ok") == 2  # in the card, and where the step is told of
        assert page(of(failed)).count("The ways out:") == 2

    def test_a_row_of_a_blocked_step_says_what_it_is_behind(self):
        """However many blocked steps stand between."""
        failed = a_story().chapters[2]
        one, two, three = (
            Chapter(name, wave, Outcome.BLOCKED, Settled(name, Outcome.BLOCKED, wave, blocked_by=(before,)))
            for name, wave, before in (("one", 3, "c"), ("two", 4, "one"), ("three", 5, "two"))
        )

        assert facts.behind([failed, one, two, three]) == {"two": ", behind c", "three": ", behind c"}
        assert "blocked by two, behind c</td>" in page(of(failed, one, two, three))

    def test_a_failed_step_is_told_beside_its_last_success(self):
        """What took hours, and else takes minutes."""
        failed = replace(a_story().chapters[2], retried=(), former=Former("r", 60.0))

        assert dict(facts.facts(a_story(), failed))["Took"] == "1.0 s (when it last went well: 1 min)"

    def test_what_failed_is_told_before_what_waits(self):
        """Whatever wave they are of."""
        waits = Chapter("w", 1, Outcome.WAITING, Settled("w", Outcome.WAITING, 1, detail="look"))
        text = page(of(waits, a_story().chapters[2]))

        assert text.index('<article class="card failed">') < text.index('<article class="card waiting">')

    def test_a_command_is_told_to_be_pasted(self):
        """Empty lines in it may belong to a text; those around it do not."""
        command = "bash -c 'cat <<END\none\n\n  two\nEND\n'\n"
        settled = Settled("a", Outcome.FAILED, 1, command=command)

        assert facts.command_lines(Chapter("a", 1, Outcome.FAILED, settled, command=command)) == [
            *("bash -c 'cat <<END", "one", "", "  two", "END", "'"),
        ]

    def test_pauses_between_tries_are_told_and_drawn(self):
        """How long they were, and in the bar where."""
        story = a_story()

        assert dict(facts.facts(story, story.chapters[2]))["Took"] == "1.0 s, and 0.50 s of pauses between its tries"
        text = timeline(story, {name: name for name in "abcd"})
        assert '<rect class="pause" x="26.67%" width="33.33%"' in text
        assert "c: failed, 1.0 s, and 0.50 s of pauses between its tries" in text

    def test_each_try_is_told_with_its_review(self):
        """What the advisor said of every draft, and what came of it."""
        bad, good = Opinion("critic", 0.5, False, 0.9, ("too short",)), Opinion("critic", 1.0, True, 0.9)
        settled = Settled("a", Outcome.SUCCEEDED, 1, started=NOON, seconds=1.0, attempts=2, review=good)
        reviewed = (StepReviewed("r", NOON, "a", 1, bad), StepReviewed("r", NOON, "a", 2, good))
        retried = (replace(a_story().chapters[2].retried[0], step="a", failure="rejected", delay=0.0),)
        chapter = Chapter("a", 1, Outcome.SUCCEEDED, settled, reviewed=reviewed, retried=retried)

        assert facts.attempts(chapter) == [("1", "rejected", bad), ("2", "succeeded", good)]
        assert facts.opinion_lines(bad) == ["critic: score 0.5 of 0.9 wanted, not approved", "critical: too short"]


class TestTheCommand:
    def test_it_writes_the_page_and_says_where(self, tmp_path: Path):
        """By default into `wavebuild-report.html` of the caller's folder."""
        done = called("report", folder=str(tmp_path))

        assert (done.code, done.out) == (0, "wavebuild-report.html\n")
        assert is_report((tmp_path / "wavebuild-report.html").read_bytes())

    def test_it_writes_to_stdout_where_that_is_asked_for(self, tmp_path: Path):
        """`-o -`: the page and nothing else; no file."""
        done = called("report", "-o", "-", folder=str(tmp_path))

        assert done.out.startswith("<!DOCTYPE html>")
        assert done.out.endswith("</html>\n") or done.out.endswith("</html>")
        assert not list(tmp_path.iterdir())

    def test_it_takes_a_run_by_name(self, tmp_path: Path):
        """One, or none."""
        assert "told 2026" in str(called("report", "2026", "-o", "x.html", folder=str(tmp_path)).engine.asked)
        assert called("report", "a", "b", folder=str(tmp_path)).code == 2

    def test_its_own_file_is_written_anew_and_no_other(self, tmp_path: Path):
        """Exit 2 and a remedy where something else stands; --yes writes over it; an empty file is nobody's."""
        (tmp_path / "mine.html").write_text("<html>mine</html>")

        refused = called("report", "-o", "mine.html", folder=str(tmp_path))

        assert (refused.code, "add --yes" in refused.err) == (2, True)
        assert (tmp_path / "mine.html").read_text() == "<html>mine</html>"
        assert called("report", "-o", "mine.html", "--yes", folder=str(tmp_path)).code == 0
        assert called("report", "-o", "mine.html", folder=str(tmp_path)).code == 0
        (tmp_path / "empty.html").touch()
        assert called("report", "-o", "empty.html", folder=str(tmp_path)).code == 0
        assert sorted(path.name for path in tmp_path.iterdir()) == ["empty.html", "mine.html"]

    @pytest.mark.parametrize("name", ["", "sub/", "no/such/folder/x.html", ".", "x" * 300])
    def test_a_place_that_is_none_is_refused(self, tmp_path: Path, name: str):
        """With the flag and the name."""
        (tmp_path / "sub").mkdir()

        done = called("report", "-o", name, folder=str(tmp_path))

        assert (done.code, "-o" in done.err) == (2, True)

    def test_flags_that_contradict_it_are_refused(self, tmp_path: Path):
        """A report tells of a build; stdout holds one thing."""
        for words in (["-n"], ["-q"], ["-t", "--yes"]):
            assert called("--report", "x.html", *words, folder=str(tmp_path)).code == 2
        assert called("--report", "-", "--json", folder=str(tmp_path)).code == 2
        assert called("--report", "-", "--events", "-", folder=str(tmp_path)).code == 2
        assert called("--report", "x", "--events", "x", folder=str(tmp_path)).code == 2
        assert called("--report", "x", "--timeline", "./x", folder=str(tmp_path)).code == 2
        assert called("--events", "x", "--timeline", "x", folder=str(tmp_path)).code == 2
        assert called("--timeline", "-", folder=str(tmp_path)).code == 2
        assert not list(tmp_path.iterdir())
