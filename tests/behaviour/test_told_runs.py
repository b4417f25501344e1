"""What is told of a run when it is over: of the last one, and of an earlier one that is on record.

It does not know how a report looks.
"""

from __future__ import annotations

import sqlite3
from contextlib import closing
from pathlib import Path

import pytest

from tests.support.command import Site
from tests.support.processes import eventually, kill_marked
from tests.support.workshop import Workshop
from wavebuild import engine
from wavebuild.engine import reporting
from wavebuild.engine.reporting import spans_of
from wavebuild.engine.story import Chapter, Story
from wavebuild.errors import WavebuildError
from wavebuild.run.account import Account
from wavebuild.run.events import Event, Outcome, Settled, StepRetried, StepStarted
from wavebuild.run.interrupts import Interrupts
from wavebuild.ui.report.page import page

CHAIN = """\
steps:
  a: {inputs: in, outputs: a, run: 'note a; echo well; cp in a'}
  b: {inputs: a, outputs: b, run: 'note b; %s; cp a b'}
  c: {inputs: b, outputs: c, run: 'note c; cp b c'}
  other: {outputs: d, run: 'note d; echo > d'}
"""


@pytest.fixture
def shop(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Workshop:
    return Workshop(tmp_path, monkeypatch)


def told(shop: Workshop, run: str | None = None, **facts: object) -> Story:
    return engine.told(shop.request(**facts), run)


def by_name(story: Story) -> dict[str, Chapter]:
    return {each.name: each for each in story.chapters}


def outcomes(story: Story) -> dict[str, str | None]:
    return {each.name: each.outcome.value if each.outcome else None for each in story.chapters}


def chain(shop: Workshop, of_b: str = "true") -> None:
    shop.wavefile(CHAIN % of_b)
    if not (shop.root / "in").exists():
        shop.put("in", "1\n")


def test_a_good_run_is_told_with_all_that_it_did(shop: Workshop):
    """Commands, reasons, digests of what was read and made, last lines, times, who was before and behind."""
    chain(shop)
    built = shop.build()

    story = told(shop)

    assert (story.run, story.exit_code, story.counts) == (built.result.run, 0, (("succeeded", 4),))
    assert set(outcomes(story).values()) == {"succeeded"}
    a = by_name(story)["a"]
    assert a.settled == built.steps["a"]
    assert a.tail == ("well",)
    assert [each.member for each in a.reads.shown] == ["in"]
    assert [each.member for each in a.makes.shown] == ["a"]
    assert a.reads.shown[0].digest == a.makes.shown[0].digest
    assert "cp in a" in a.command
    assert a.downstream == ("b",)
    assert story.times is not None
    assert story.times.serial.low == pytest.approx(sum(each.seconds for each in built.result.steps))
    assert story.critical_path in (("a", "b", "c"), ("other",))
    assert story.unknown == ()


def test_a_failed_run_is_told_with_what_it_blocked_and_what_was_kept(shop: Workshop):
    """The next run after a good one: a is kept, b fails, c is blocked; the run before is told beside it."""
    chain(shop)
    first = shop.build()
    chain(shop, "echo broken; exit 3")

    second = shop.build(keep_going=True)
    story = told(shop)

    assert outcomes(story) == {"a": "kept", "b": "failed", "c": "blocked", "other": "kept"}
    chapters = by_name(story)
    assert (chapters["b"].tail, chapters["b"].settled) == (("broken",), second.steps["b"])
    assert chapters["a"].is_declared
    assert [each.member for each in chapters["a"].makes.shown] == ["a"]
    assert [each.member for each in chapters["b"].reads.shown] == ["a"]
    assert chapters["b"].reads.shown[0].digest == chapters["a"].makes.shown[0].digest
    assert not chapters["b"].makes.is_known
    assert story.former is not None
    assert story.former.run == first.result.run
    assert {name for name, _ in story.former.only_then} == {"a", "c", "other"}
    earlier = told(shop, first.result.run)
    assert set(outcomes(earlier).values()) == {"succeeded"}
    assert by_name(earlier)["b"].settled == first.steps["b"]


def test_a_step_is_told_beside_its_last_success(shop: Workshop):
    """Its time of then, and the run that it was in."""
    chain(shop)
    first = shop.build()
    shop.put("in", "2\n")
    shop.build()

    former = by_name(told(shop))["a"].former

    assert former is not None
    assert former.run == first.result.run
    assert former.seconds == pytest.approx(first.steps["a"].seconds)


def test_one_after_another_has_one_row_and_two_at_once_have_two(shop: Workshop):
    """The rows of the timeline are as few as there were steps at once."""
    meet = "touch ../{0}; for i in $(seq 3000); do [ -e ../{1} ] && break; sleep 0.02; done; sleep 0.2; echo > {0}"
    shop.wavefile(
        "steps:\n"
        f"  x: {{outputs: x, run: '{meet.format('x', 'y')}'}}\n"
        f"  y: {{outputs: y, run: '{meet.format('y', 'x')}'}}\n"
    )

    shop.build(jobs=2)
    assert told(shop).lanes == 2
    shop.build(jobs=1, force=True)

    assert told(shop).lanes == 1
    assert shop.build(jobs=2, schedule="barrier", force=True).code == 0
    assert told(shop).schedule == "barrier"


def ran(name: str, started: float, seconds: float) -> Settled:
    return Settled(name, Outcome.SUCCEEDED, 1, started=started, seconds=seconds)


def test_no_more_rows_than_jobs():
    """Who lay ready for a worker stands behind the one that it had before; who really ran meanwhile has its own row."""
    steps = [ran("a", 0.0, 1.0), ran("b", 0.0, 2.0), ran("c", 0.9, 1.0), ran("d", 1.95, 1.0), ran("e", 2.2, 9.0)]

    spans = spans_of(steps, None, 2)

    places = {name: (span.lane, span.start, round(span.end, 6)) for name, span in spans.items()}
    assert places["c"] == (places["a"][0], 1.0, 2.0)
    assert places["d"][1:] == (2.0, 3.0)
    assert places["e"][0] != places["d"][0]
    retried = StepRetried("r", 0.5, "a", 1, "exit 1", 5.0)
    spans = spans_of([ran("a", 0.0, 1.0), ran("b", 1.0, 1.0)], Account(retried=(retried,)), 1)
    assert (spans["a"].end, spans["b"].start, spans["b"].lane) == (6.0, 1.0, 1)


def test_an_interrupted_run_is_told(shop: Workshop):
    """What ran when it was stopped, and what was not started any more."""
    shop.wavefile("steps:\n  a: {outputs: a, run: 'sleep 60'}\n  b: {inputs: a, outputs: b, run: 'cp a b'}\n")
    interrupts = Interrupts(taken=False)

    def stop(event: Event) -> None:
        if isinstance(event, StepStarted):
            interrupts.stop()

    built = shop.build(meanwhile=stop, interrupts=interrupts)
    story = told(shop)

    assert (built.code, story.exit_code) == (130, 130)
    assert outcomes(story)["a"] == "interrupted"
    assert outcomes(story)["b"] in ("not_started", "blocked", "interrupted")


def test_tries_and_reviews_are_told(shop: Workshop):
    """What failed in every try, and what an advisor said of every draft."""
    shop.wavefile(
        "advisors: {critic: {run: 'cat verdict'}}\n"
        "steps:\n"
        "  flaky: {outputs: f, retries: 1, run: '[ -e ../again ] || { touch ../again; exit 4; }; echo > f'}\n"
        "  draft: {outputs: o, run: 'echo draft > o', review: {advisor: critic, threshold: 0.9}}\n"
    )
    shop.put("verdict", '{"score": 0.2, "approved": false, "summary": "too thin"}')

    shop.build(keep_going=True)
    chapters = by_name(told(shop))

    assert [(each.attempt, each.failure) for each in chapters["flaky"].retried] == [(1, "exit 4")]
    settled = chapters["draft"].settled
    assert settled is not None
    assert (settled.failure, settled.review.summary if settled.review else "") == ("rejected", "too thin")
    assert chapters["draft"].reviewed
    assert "cat verdict" in chapters["draft"].gate
    assert "echo draft" in chapters["draft"].command


def test_times_are_those_that_anybody_computes_from_the_steps(shop: Workshop):
    """Serial, flow and barrier times and the critical path of a small graph, computed here in another way."""
    shop.wavefile(
        "steps:\n"
        "  a: {phase: one, tags: [t], outputs: a, run: 'sleep 0.1; echo > a'}\n"
        "  b: {inputs: a, outputs: b, run: 'sleep 0.4; echo > b'}\n"
        "  c: {inputs: a, outputs: c, run: 'sleep 0.1; echo > c'}\n"
        "  d: {inputs: c, outputs: d, run: 'sleep 0.1; echo > d'}\n"
        "  e: {outputs: e, run: 'sleep 0.2; echo > e'}\n"
        "  f: {inputs: [b, d, e], outputs: f, run: 'echo > f'}\n"
    )
    built = shop.build(jobs=2)
    took = {name: each.seconds for name, each in built.steps.items()}

    story = told(shop)

    ends = {"a": took["a"], "e": took["e"]}
    ends["b"], ends["c"] = ends["a"] + took["b"], ends["a"] + took["c"]
    ends["d"] = ends["c"] + took["d"]
    ends["f"] = max(ends["b"], ends["d"], ends["e"]) + took["f"]
    waves = max(took["a"], took["e"]) + max(took["b"], took["c"]) + took["d"] + took["f"]
    assert story.times is not None
    assert story.times.serial.low == pytest.approx(sum(took.values()))
    assert story.times.flow.low == pytest.approx(ends["f"])
    assert story.times.barrier_j.low == pytest.approx(waves)
    chapters = by_name(story)
    chain = ("a", "b", "f") if ends["b"] >= max(ends["d"], ends["e"]) else story.critical_path
    assert story.critical_path == chain
    assert (chapters["a"].phase, chapters["a"].tags) == ("one", ("t",))
    for each in chapters.values():
        assert each.end - each.start == pytest.approx(took[each.name], abs=0.001)
        before = [chapters[name] for name in each.upstream]
        assert all(other.end <= each.start + 0.3 for other in before)
        beside = [one for one in chapters.values() if one.lane == each.lane and one.start > each.start]
        assert all(one.start >= each.end - 0.003 for one in beside)


def test_the_command_of_a_step_is_told_though_others_were_run_after_it(shop: Workshop):
    """A check and a probe come after the action: the one that makes the outputs is told, and the one that judged."""
    shop.wavefile(
        "probes: {size: {run: 'wc -c < {{ arg }}'}}\n"
        "steps:\n"
        "  probed: {outputs: [p, 'probe:size@p'], run: 'echo made > p'}\n"
        "  checked: {outputs: q, run: 'echo made > q', checks: 'test -s q'}\n"
        "  unfit: {outputs: r, run: 'echo made > r', checks: 'test ! -s r'}\n"
    )

    shop.build(keep_going=True)
    chapters = by_name(told(shop))

    assert {name: each.is_declared for name, each in chapters.items()} == dict.fromkeys(chapters, False)
    assert "made > p" in chapters["probed"].command
    assert chapters["probed"].gate == ""
    assert "made > q" in chapters["checked"].command
    assert "test -s q" in chapters["checked"].gate
    assert "made > r" in chapters["unfit"].command
    assert "test ! -s r" in chapters["unfit"].gate
    shop.build(keep_going=True, force=True)
    assert "made > q" in by_name(told(shop))["checked"].command


def test_of_many_members_that_a_failed_step_read_the_first_are_told(shop: Workshop):
    """Each with its digest, and how many more there are; a secret in a value is masked."""
    for at in range(40):
        shop.put(f"z/{at:02}", f"{at}\n")
    shop.wavefile(
        "secrets: [KEY]\n"
        "probes: {word: {run: 'echo sesame'}}\n"
        "steps: {bad: {inputs: [z/, 'probe:word'], outputs: o, run: exit 3}}\n"
    )
    shop.setenv(KEY="sesame")
    shop.build()

    found = by_name(told(shop))["bad"].reads

    assert found.is_known
    assert [each.member for each in found.shown] == ["probe:word", *(f"z/{at:02}" for at in range(29))]
    assert found.shown[0].digest == "=***"
    assert all(each.digest.startswith("sha256:") for each in found.shown[1:])
    assert found.more == 11


def test_a_pause_before_the_next_try_counts_in_every_schedule(shop: Workshop):
    """The critical path leads through a step that waited long, though it worked for a short time."""
    shop.wavefile(
        "steps:\n"
        "  slow: {outputs: s, run: 'sleep 0.2; echo > s'}\n"
        "  shaky:\n    outputs: t\n    retries: {times: 1, delay: 1s}\n"
        "    run: 'test -e ../once || { echo > ../once; exit 3; }; echo > t'\n"
    )
    shop.build(jobs=2)

    story = told(shop)

    assert story.critical_path == ("shaky",)
    assert story.times is not None
    took = {each.name: each.settled.seconds for each in story.chapters if each.settled}
    assert story.times.serial.low == pytest.approx(sum(took.values()) + 1)
    assert story.times.flow_j.low == pytest.approx(took["shaky"] + 1)


def test_steps_that_were_found_in_the_build_are_told(shop: Workshop):
    """The instances of a list that a step made."""
    shop.wavefile(
        "steps:\n"
        "  names: {outputs: names.csv, run: 'printf \"n\\nx\\ny\\n\" > names.csv'}\n"
        "  each: {foreach: {n: {path: names.csv, column: n}}, outputs: 'o/{{ n }}', run: 'echo > {{ outputs }}'}\n"
    )

    shop.build()
    story = told(shop)

    assert outcomes(story) == {"names": "succeeded", "each@x": "succeeded", "each@y": "succeeded"}
    assert by_name(story)["each@x"].base == "each"


def test_what_was_asked_for_is_what_is_told(shop: Workshop):
    """Only the target and what it needs; a step that is built on demand is there when it was asked for."""
    shop.wavefile(
        "steps:\n  a: {outputs: a, run: 'echo > a'}\n  b: {inputs: a, outputs: b, run: 'cp a b'}\n"
        "  rare: {on_demand: true, outputs: r, run: 'echo > r'}\n"
    )
    shop.build("a")
    assert outcomes(told(shop)) == {"a": "succeeded"}
    shop.build("rare")
    assert outcomes(told(shop)) == {"rare": "succeeded"}

    shop.build("b", only=True)

    assert outcomes(told(shop)) == {"b": "succeeded"}


def test_a_run_with_nothing_to_do_is_told_from_its_result(shop: Workshop):
    """Nothing of it is on record: without the result, the last run that is."""
    chain(shop)
    first = shop.settle()
    idle = shop.build().result
    assert idle.nothing_to_do

    story = engine.told(shop.request(), None, idle)

    assert (story.run, story.lanes) == (idle.run, 0)
    assert set(outcomes(story).values()) == {"kept"}
    assert story.counts == (("kept", 4),)
    assert story.former is not None
    assert story.former.run == first.result.run


def test_of_a_run_of_an_earlier_version_is_told_what_is_known(shop: Workshop):
    """Times and outcomes, and a sentence about what is missing."""
    chain(shop)
    shop.build()
    with closing(sqlite3.connect(shop.root / ".wavebuild/state/Wavefile.db")) as handle, handle:
        handle.execute("delete from accounts")
    handle.close()

    story = told(shop)

    assert outcomes(story) == dict.fromkeys(("a", "b", "c", "other"), "succeeded")
    assert "earlier version" in story.unknown[0]
    assert by_name(story)["a"].is_declared


def test_a_run_that_was_cut_off_is_told_as_far_as_it_came(shop: Workshop):
    """What had been recorded; of the others it is said that nothing is known."""
    chain(shop)
    shop.build()
    with closing(sqlite3.connect(shop.root / ".wavebuild/state/Wavefile.db")) as handle, handle:
        handle.execute("delete from accounts")
        handle.execute("delete from tallies")
        handle.execute("update runs set seconds = null, exit_code = null")
        handle.execute("delete from results where step in ('c', 'other')")
    handle.close()

    story = told(shop)

    assert (story.seconds, story.exit_code, story.is_running) == (None, None, False)
    assert outcomes(story) == {"a": "succeeded", "b": "succeeded", "c": None, "other": None}
    assert any("Of 2 steps nothing is on record" in each for each in story.unknown)


def test_a_past_run_is_told_though_the_wavefile_has_changed(shop: Workshop):
    """Steps that are no more are told of; that the Wavefile is broken is said, and there is no graph."""
    chain(shop)
    shop.build()
    shop.wavefile("steps:\n  a: {inputs: in, outputs: a, run: 'cp in a'}\n  new: {outputs: n, run: 'echo > n'}\n")

    story = told(shop)

    chapters = by_name(story)
    assert (chapters["b"].is_gone, chapters["b"].outcome) == (True, Outcome.SUCCEEDED)
    assert chapters["new"].outcome is None
    assert story.unknown
    shop.wavefile("steps: [broken\n")
    broken = told(shop)
    assert broken.graph is None
    assert "cannot be loaded" in broken.unknown[0]
    assert by_name(broken)["b"].settled is not None


def test_of_too_many_steps_those_that_matter_are_told(shop: Workshop, monkeypatch: pytest.MonkeyPatch):
    """What went wrong, then the critical path, then what took longest; the others count, and no more."""
    monkeypatch.setattr(reporting, "MOST", 3)
    shop.wavefile(
        "steps:\n  bad: {outputs: x, run: 'exit 3'}\n  slow: {outputs: s, run: 'sleep 0.8; echo > s'}\n"
        "  after: {inputs: s, outputs: t, run: 'cp s t'}\n  one: {outputs: u, run: 'echo > u'}\n"
    )

    shop.build(keep_going=True)
    chapters = by_name(told(shop))

    assert {name for name, each in chapters.items() if not each.is_brief} == {"bad", "slow", "after"}
    assert chapters["one"].outcome is Outcome.SUCCEEDED
    text = page(told(shop))
    assert "not each is told of" in text
    assert 'data-name="one"' not in text
    assert 'data-name="after"' in text


def test_a_secret_that_a_kept_step_spells_out_is_masked(shop: Workshop):
    """Its command is taken from the Wavefile, not from what is on record."""
    shop.setenv(TOKEN="s3cret-t0ken")
    shop.wavefile("secrets: [TOKEN]\nsteps:\n  a: {outputs: a, run: 'echo s3cret-t0ken $TOKEN > a'}\n")
    shop.settle()

    story = engine.told(shop.request(), None, shop.build().result)

    assert outcomes(story) == {"a": "kept"}
    assert by_name(story)["a"].command == "echo *** $TOKEN > a"


def test_which_run_is_meant_is_asked_where_it_is_not_clear(shop: Workshop):
    """The beginning of a name is enough if it is the only one; nothing on record is said."""
    chain(shop)
    with pytest.raises(WavebuildError, match="no run is on record"):
        told(shop)
    first = shop.build().result.run
    shop.put("in", "2\n")
    second = shop.build().result.run

    assert told(shop, first[:-1] if not second.startswith(first[:-1]) else first).run == first
    with pytest.raises(WavebuildError, match="begins the names of 2 runs"):
        told(shop, "2")
    with pytest.raises(WavebuildError, match="no run 'x' is on record"):
        told(shop, "x")


class TestTheCommands:
    def test_a_build_writes_the_same_page_as_is_written_later(self, tmp_path: Path):
        """One story, told twice; a failed build leaves one, too, and its exit code stays."""
        site = Site(tmp_path)
        site.write(
            "Wavefile", "steps:\n  a: {outputs: a, run: 'echo > a'}\n  b: {inputs: a, outputs: b, run: 'exit 3'}\n"
        )

        built = site.wavebuild("--report", "now.html")
        later = site.wavebuild("report", "-o", "later.html")

        assert (built.code, later.code, later.out) == (1, 0, "later.html\n")
        assert site.read("now.html") == site.read("later.html")
        again = site.wavebuild("--report", "-")
        assert again.out.startswith("<!DOCTYPE html>")
        assert "failed: b" in again.err

    def test_a_report_is_never_a_file_of_the_project(self, tmp_path: Path):
        """An output, an input, the Wavefile, the state: refused before anything runs, also with --yes."""
        site = Site(tmp_path)
        site.write("Wavefile", "steps:\n  a: {inputs: 'pages/*.html', outputs: made/, run: 'touch ran made/x'}\n")
        site.write("pages/a.html", "a")
        (site.root / "made").mkdir()
        (site.root / ".wavebuild").mkdir()

        for place in ("pages/new.html", "made/r.html", "Wavefile", ".wavebuild/r.html"):
            done = site.wavebuild("--report", place, "--yes")
            assert (done.code, place in done.err) == (2, True), place
        assert not (site.root / "ran").exists()

    @pytest.mark.long
    @pytest.mark.parametrize("flag", ["--events", "--timeline"])
    def test_no_file_of_the_project_is_lost_to_lines_or_a_timeline(self, flag: str, tmp_path: Path):
        """Nothing runs, nothing is emptied; their own file of an earlier build is written anew."""
        site = Site(tmp_path)
        wavefile = "steps:\n  a: {inputs: 'pages/*', outputs: made/, run: 'touch ran made/x'}\n"
        site.write("Wavefile", wavefile)
        site.write("pages/a.html", "a")
        site.write("notes", "mine")
        (site.root / "made").mkdir()

        for place in ("Wavefile", "notes", "pages/a.html", "pages/new", "made/x"):
            done = site.wavebuild(flag, place)
            assert (done.code, place in done.err) == (2, True), place
        assert (site.read("Wavefile"), site.read("notes"), site.read("pages/a.html")) == (wavefile, "mine", "a")
        assert not (site.root / "ran").exists()
        site.build(flag, "lines")
        site.build("-B", flag, "lines")
        assert site.wavebuild("watch", "--events", "pages/new").code == 2
        assert not (site.root / "pages/new").exists()

    def test_what_came_to_stand_in_its_place_meanwhile_is_not_lost(self, tmp_path: Path):
        """A step wrote a file there: that is said, and the exit code is the build's."""
        site = Site(tmp_path)
        site.write("Wavefile", "steps:\n  a: {outputs: a, run: 'echo mine > r.html; echo > a'}\n")

        built = site.wavebuild("--report", "r.html")

        assert (built.code, site.read("r.html")) == (0, "mine\n")
        assert "the report cannot be written" in built.err
        full = site.wavebuild("-B", "--report", "/dev/full")
        assert (full.code, "No space left on device" in full.err) == (0, True)
        assert site.wavebuild("report", "-o", "/dev/full").code == 1

    def test_what_runs_is_told_while_it_runs_and_after_a_kill(self, tmp_path: Path):
        """Neither is called a run of an earlier version; after the next build it is its turn."""
        site = Site(tmp_path)
        site.write(
            "Wavefile",
            "steps:\n  a: {outputs: a, run: 'echo > a'}\n"
            "  b: {inputs: a, outputs: b, run: 'echo > ../begun; sleep 60; echo > b'}\n",
        )
        try:
            with site.start("-j2") as build:
                assert eventually(lambda: (site.home / "begun").exists(), 60)
                site.build("report", "-o", "running.html")
                build.kill()
            site.build("report", "-o", "cut.html")
        finally:
            kill_marked(site.mark)
        running, cut = site.read("running.html"), site.read("cut.html")

        assert "It is not over" in running
        assert "These steps run now, or were about to begin: b." in running
        assert "Cut off: it never came to its end" in cut
        assert "These steps ran when it was cut off, or were about to begin: b." in cut
        assert "earlier version" not in running + cut

    def test_after_a_report_there_is_nothing_to_do(self, tmp_path: Path):
        """It is no part of the project, and an idle build can be told of as well."""
        site = Site(tmp_path)
        site.write("Wavefile", "steps:\n  a: {outputs: a, run: 'echo > a'}\n")
        site.wavebuild("--report", "r.html")

        idle = site.wavebuild("--report", "r.html")

        assert "nothing to do" in idle.err
        assert "Nothing to do" in site.read("r.html")
        assert "nothing to do" in site.wavebuild().err

    def test_no_secret_is_in_a_report(self, tmp_path: Path):
        """Not what was printed, not what stands in a command."""
        site = Site(tmp_path)
        text = "secrets: [TOKEN]\nsteps:\n  a: {outputs: a, run: 'echo $TOKEN; echo literal-s3cret; exit 1'}\n"
        site.write("Wavefile", text)

        site.wavebuild("--report", "r.html", TOKEN="literal-s3cret")

        assert "literal-s3cret" not in site.read("r.html")
        assert "***" in site.read("r.html")
