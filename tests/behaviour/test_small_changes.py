"""A build of which is known what has moved looks at the steps that see it and at what follows, and at no other."""

from __future__ import annotations

import os
import sqlite3
import time
from collections.abc import Sequence
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from tests.support.workshop import Built, Workshop
from wavebuild.engine import building
from wavebuild.engine import few as engine_few
from wavebuild.engine.few import Vouched
from wavebuild.engine.glance import looked
from wavebuild.engine.idle import question_asked
from wavebuild.errors import WavebuildError
from wavebuild.run.events import BuildSettled, BuildStarted, Event, Settled, StepSettled, StepStarted

FOUR = """
steps:
  a: {inputs: a.txt, outputs: out/a, run: "note a; cut -c1 a.txt > out/a"}
  b: {inputs: [out/a, b.txt], outputs: out/b, run: "note b; cat out/a b.txt > out/b"}
  c: {inputs: out/b, outputs: out/c, run: "note c; cp out/b out/c"}
  d: {inputs: d.txt, outputs: out/d, run: "note d; cp d.txt out/d"}
"""
EVIDENCE = ".wavebuild/state/Wavefile.settled"


@pytest.fixture
def four(shop: Workshop) -> Workshop:
    """All fresh, and known to be so."""
    shop.write(a__txt="1\n", b__txt="2\n", d__txt="3\n")
    return settled(shop, FOUR)


def settled(shop: Workshop, text: str) -> Workshop:
    """Built, and known to be fresh, with the Wavefile kept."""
    shop.wavefile(text)
    time.sleep(0.03)
    for _ in range(4):  # what a step wrote into a source is taken in by the next
        shop.build()
    assert knows_all(shop)
    return shop


def knows_all(shop: Workshop) -> bool:
    """Whether the next build has nothing to look at but stamps."""
    request = shop.request()
    asked = question_asked(request, str(shop.root))
    seen = looked(str(shop.root / EVIDENCE), asked, dict(os.environ), str(shop.root), False)
    return seen is not None and seen.is_idle


def without_traces(shop: Workshop) -> None:
    """Whoever is judged from now on seems never to have run."""
    with closing(sqlite3.connect(shop.root / ".wavebuild/state/Wavefile.db")) as state, state:
        state.execute("delete from traces")


def is_small(built: Built) -> bool:
    """Whether some steps were not even considered."""
    return len(built.told) < len(built.steps)


def test_a_changed_source_concerns_its_readers_and_what_follows(four: Workshop) -> None:
    """All others are counted as fresh, unseen; all is known again afterwards."""
    four.write(b__txt="two\n")

    built = four.build()

    assert (built.ran, built.told) == (["b", "c"], ["b", "c"])
    assert built.outcomes == {"a": "kept", "d": "kept", "b": "succeeded", "c": "succeeded"}
    assert built.result.fresh == 4
    assert four.read("out/c") == "1\ntwo\n"
    assert knows_all(four)


def test_the_build_is_told_as_one_that_looks_at_everything(four: Workshop) -> None:
    """So many steps, in the same waves, and how all ended."""
    four.write(b__txt="two\n")
    small = four.build()
    four.write(b__txt="three\n")
    (four.root / EVIDENCE).unlink()

    whole = four.build()

    assert is_small(small)
    assert not is_small(whole)
    for kind, facts in ((BuildStarted, ("steps", "waves", "jobs")), (BuildSettled, ("ok", "counts", "exit_code"))):
        one, other = (next(e for e in built.events if isinstance(e, kind)) for built in (small, whole))
        assert [getattr(one, fact) for fact in facts] == [getattr(other, fact) for fact in facts]
    assert small.outcomes == whole.outcomes
    assert [(e.step, e.wave) for e in small.events if isinstance(e, StepStarted)] == [
        (e.step, e.wave) for e in whole.events if isinstance(e, StepStarted)
    ]


def test_what_comes_out_the_same_stops_there(four: Workshop) -> None:
    """The reader is looked at, as the file is another one; what follows it is not."""
    four.write(a__txt="1 and more\n")

    built = four.build()

    assert built.ran == ["a"]
    assert built.outcomes == {"a": "succeeded", "d": "kept", "b": "kept", "c": "kept"}
    assert knows_all(four)


def test_behind_what_comes_out_the_same_nobody_is_asked(four: Workshop) -> None:
    """Only the reader is judged; where every end is told, that of the others is told, too."""
    four.write(a__txt="1 and more\n")
    built = four.build()
    assert (built.ran, built.told) == (["a"], ["a", "b"])

    four.write(a__txt="1 and much more\n")
    built = four.build(full=True)
    assert (built.ran, sorted(built.told)) == (["a"], ["a", "b", "c", "d"])


def test_who_waits_for_a_person_holds_up_all_behind_it_also_after_a_cutoff(shop: Workshop) -> None:
    """It never began, so those behind it have nothing to look at; and yet they are not as they were."""
    shop.write(a__txt="1\n", m__txt="1\n", hand="by hand\n")
    text = FOUR.replace("b.txt", "a.txt").replace("d.txt", "a.txt") + (
        "  m: {inputs: m.txt, outputs: hand, manual: write it}\n"
        "  n: {inputs: hand, outputs: out/n, run: note n; cp hand out/n}\n"
        "  o: {inputs: out/n, outputs: out/o, run: note o; cp out/n out/o}\n"
    )
    shop.wavefile(text)
    shop.build()
    shop.touch("m")
    settled(shop, text)
    shop.write(m__txt="2\n")

    for jobs in (1, 2):
        built = shop.build(jobs=jobs, keep_going=True)
        assert built.ran == []
        assert [built.outcomes[name] for name in "mno"] == ["waiting", "blocked", "blocked"]


def test_a_touched_source_runs_nothing(four: Workshop) -> None:
    """The bytes are the same: that is noticed once, not again."""
    os.utime(four.root / "b.txt", (1, 1))

    built = four.build()

    assert (built.ran, built.result.nothing_to_do, built.result.fresh) == ([], True, 4)
    assert knows_all(four)


def test_a_touched_wavefile_makes_no_step_look(four: Workshop) -> None:
    """It says the same: nobody is concerned."""
    os.utime(four.root / "Wavefile", (1, 1))
    time.sleep(0.03)

    built = four.build()

    assert (built.ran, built.told, built.result.nothing_to_do) == ([], [], True)
    assert knows_all(four)


@pytest.mark.parametrize(
    ("was", "now", "ran"),
    [
        ("note d;", "note d; true;", ["d"]),
        ("note b; cat", "note b; true; cat", ["b"]),  # which makes the same
        ("outputs: out/d, run", "outputs: out/d, title: D, run", []),
        ("outputs: out/d, run", "outputs: out/d, timeout: 9s, env: {X: y}, run", ["d"]),
        ("steps:", "# one more line\n\nsteps:", []),
    ],
    ids=str,
)
def test_of_an_edited_wavefile_the_edited_steps_look(four: Workshop, was: str, now: str, ran: list[str]) -> None:
    """As long as nothing but these is other, wherever it is written now; and all is known again afterwards."""
    four.wavefile(FOUR.replace(was, now))
    time.sleep(0.03)

    built = four.build()

    assert built.ran == ran
    assert is_small(built)
    assert knows_all(four)
    four.write(d__txt="four\n")
    assert (four.build().ran, four.read("out/d")) == (["d"], "four\n")


@pytest.mark.parametrize(
    ("was", "now", "ran"),
    [
        ("[out/a, b.txt]", "[out/a, b.txt, d.txt]", ["b"]),
        ("c: {inputs: out/b", "c: {inputs: out/a", ["c"]),
        ("outputs: out/a,", "outputs: out/a, on_demand: true,", []),
        ("steps:", "settings: {log_keep: 2}\nsteps:", []),
        ("steps:", "steps:\n  e: {outputs: out/e, run: 'note e; touch out/e'}", ["e"]),
        ("  d: {", "  x: {", []),
        (
            "d: {inputs: d.txt, outputs: out/d,",
            "d: {inputs: d.txt, outputs: [out/d, d2], run: 'note d; tee out/d < d.txt > d2'} #",
            ["d"],
        ),
    ],
    ids=str,
)
def test_where_more_is_other_all_steps_look(four: Workshop, was: str, now: str, ran: list[str]) -> None:
    """Which steps there are, what they read and make, and what holds for all."""
    four.wavefile(FOUR.replace(was, now))

    assert four.build().ran == ran


def test_an_edit_that_is_built_once_is_no_edit_any_more(four: Workshop) -> None:
    """Back to what it was, the step runs as its former result is not what stands."""
    four.wavefile(FOUR.replace("cp d.txt", "tr a-z A-Z < d.txt >"))
    four.put("d.txt", "abc\n")
    assert (four.build().ran, four.read("out/d")) == (["d"], "ABC\n")
    four.wavefile(FOUR)
    assert (four.build().ran, four.read("out/d")) == (["d"], "abc\n")
    assert four.build().ran == []


def test_a_file_that_changed_with_the_wavefile_is_seen(four: Workshop) -> None:
    """By its readers, which were not edited; and an edited step that fails is tried again."""
    four.wavefile(FOUR.replace("note d;", "note d; test ! -e stop;"))
    four.write(a__txt="7\n", stop="")

    first = four.build(keep_going=True)

    assert (sorted(first.ran), first.outcomes["d"]) == (["a", "b", "c", "d"], "failed")
    (four.root / "stop").unlink()
    assert four.build().ran == ["d"]
    assert four.build().ran == []


def test_a_missing_output_is_made_again(four: Workshop) -> None:
    """By its owner; its readers see the same bytes."""
    (four.root / "out/a").unlink()

    built = four.build()

    assert built.ran == ["a"]
    assert is_small(built)
    assert four.read("out/a") == "1\n"


def test_a_missing_source_is_refused_as_ever(four: Workshop) -> None:
    """In the same words, before anything runs; when it is back all is known again."""
    (four.root / "b.txt").unlink()

    with pytest.raises(WavebuildError) as small:
        four.build()
    (four.root / EVIDENCE).rename(four.root / "aside")
    with pytest.raises(WavebuildError) as whole:
        four.build()

    assert str(small.value) == str(whole.value)
    (four.root / "aside").rename(four.root / EVIDENCE)
    four.write(b__txt="2\n")
    assert four.build().ran == []


def test_an_edited_output_is_set_aside_and_made_again(four: Workshop) -> None:
    """A hand edit moves the row of an output: its owner looks."""
    four.write(**{"out/b": "mine\n"})

    built = four.build()

    assert built.ran == ["b"]
    assert four.displaced("out/b") == ["mine\n"]


def test_changes_follow_on_changes(four: Workshop) -> None:
    """The evidence of a small build is as good as that of a whole one."""
    for text in ("x\n", "y\n", "x\n", "z\n"):
        four.write(b__txt=text)
        built = four.build()
        assert (is_small(built), four.read("out/c")) == (True, f"1\n{text}")
        four.write(d__txt=text)
        assert (four.build().told, four.read("out/d")) == (["d"], text)


def test_a_failed_step_runs_again_until_it_is_well(four: Workshop) -> None:
    """After a failure nothing is known to be fresh: the next build looks at everything."""
    text = FOUR.replace("cp d.txt", "grep -v bad d.txt >")
    settled(four, text)
    four.write(d__txt="bad\n")

    failed = four.build()

    assert (failed.code, failed.outcomes["d"], failed.outcomes["a"]) == (1, "failed", "kept")
    assert four.build().code == 1
    four.write(d__txt="good\n")
    assert four.build().outcomes["d"] == "succeeded"
    assert four.build().ran == []


def test_readers_of_a_failed_step_are_blocked(four: Workshop) -> None:
    """They are reached, and all that stands before them does not hold."""
    settled(four, FOUR.replace("note a;", "note a; grep -q 1 a.txt;"))
    four.write(a__txt="none\n")

    built = four.build()

    assert built.outcomes == {"a": "failed", "d": "kept", "b": "blocked", "c": "blocked"}


def test_a_file_that_changes_while_it_is_built_is_seen_by_the_next(shop: Workshop) -> None:
    """Who was not judged has seen what stood there before: that is what counts for it."""
    shop.write(a__txt="1\n", d__txt="1\n", extra__txt="1\n")
    settled(
        shop,
        "steps:\n"
        "  a: {inputs: a.txt, outputs: out/a, run: note a; cp a.txt out/a; cp a.txt d.txt}\n"
        "  d: {inputs: d.txt, outputs: out/d, run: note d; cp d.txt out/d}\n",
    )
    shop.write(a__txt="2\n")

    assert shop.build().ran == ["a"]
    assert not knows_all(shop)
    assert shop.build().ran == ["d"]
    assert shop.read("out/d") == "2\n"
    assert shop.build().ran == []


@pytest.mark.parametrize("read", ["both.txt", "'bo*.txt'"])
def test_a_file_read_by_one_that_ran_and_by_one_that_did_not_look_is_seen(read: str, shop: Workshop) -> None:
    """Both read it, perhaps by a pattern; it changed under the one, and the other was told that it had not."""
    shop.write(a__txt="1\n", both__txt="1\n")
    settled(
        shop,
        "steps:\n"
        "  a: {inputs: a.txt, outputs: out/a, run: note a; cp a.txt out/a; cp a.txt both.txt}\n"
        f"  b: {{inputs: [out/a, {read}], outputs: out/b, run: note b; cat out/a both.txt > out/b}}\n"
        "  d: {inputs: both.txt, outputs: out/d, run: note d; cp both.txt out/d}\n",
    )
    shop.write(a__txt="2\n")

    assert shop.build().ran == ["a", "b"]
    assert shop.build().ran == ["d"]
    assert (shop.read("out/b"), shop.read("out/d")) == ("2\n2\n", "2\n")
    assert shop.build().ran == []


def test_a_build_in_between_makes_the_first_look_worthless(four: Workshop) -> None:
    """What was seen before the project was held may not be so any more."""
    from msgspec.structs import replace

    from wavebuild.engine import build
    from wavebuild.engine.idle import first_look

    four.write(b__txt="two\n")
    request = four.request()
    look = first_look(request)
    four.write(d__txt="four\n")
    assert sorted(four.build().ran) == ["b", "c", "d"]

    result = build(replace(request, glance=look), lambda event: None)

    assert [settled.outcome.value for settled in result.steps] == ["kept"] * 4
    assert four.read("out/d") == "four\n"
    assert knows_all(four)


def test_a_deed_in_between_counts(four: Workshop) -> None:
    """A person has a step forgotten after the first look, and before the project is held."""
    from msgspec.structs import replace

    from wavebuild import engine
    from wavebuild.engine.idle import first_look

    four.write(b__txt="two\n")
    look = first_look(four.request())
    engine.forget(four.request("d"))

    engine.build(replace(four.request(), glance=look), lambda event: None)

    assert four.ran() == ["d", "b", "c"]


WIDE = """
steps:
  a: {inputs: a.txt, outputs: out/a, run: "note a; cp a.txt out/a"}
  all: {inputs: "out/*", outputs: list.txt, run: "note all; ls out > list.txt"}
  tree: {inputs: tree/, outputs: tree.txt, run: "note tree; ls -R tree > tree.txt"}
  d: {inputs: d.txt, outputs: e.txt, run: "note d; cp d.txt e.txt"}
"""


def test_who_looks_into_folders_looks_whatever_has_moved(shop: Workshop) -> None:
    """It is not known here by which path they see what; they are judged as ever."""
    shop.write(a__txt="1\n", d__txt="2\n")
    shop.put("tree/x", "x")
    settled(shop, WIDE)
    shop.write(a__txt="two\n")

    built = shop.build()
    assert built.ran == ["a", "all"]
    assert "d" not in built.told
    shop.put("tree/y", "y")
    assert shop.build().ran == ["tree"]
    shop.put("out/stray", "s")
    assert shop.build().ran == ["all"]
    shop.write(d__txt="3\n")
    assert shop.build().ran == ["d"]
    assert shop.build().ran == []


def test_an_optional_input_comes_and_goes(shop: Workshop) -> None:
    """What is not there has a row, too."""
    shop.write(a__txt="1\n", d__txt="1\n")
    settled(
        shop,
        "steps:\n"
        "  a: {inputs: [a.txt, {path: more.txt, optional: true}], outputs: o, run: note a; cat *.txt > o}\n"
        "  d: {inputs: d.txt, outputs: e, run: note d; cp d.txt e}\n",
    )

    shop.write(more__txt="more\n")
    built = shop.build()
    assert (built.ran, built.told) == (["a"], ["a"])
    (shop.root / "more.txt").unlink()
    assert shop.build().ran == ["a"]
    assert shop.build().ran == []


def test_a_folder_by_whose_files_steps_are_repeated_concerns_none_of_them(shop: Workshop) -> None:
    """Which files there are is looked at again; if they are the same, so are the steps."""
    for name in "xyz":
        shop.put(f"texts/{name}.txt", "1\n")
    settled(
        shop,
        "steps:\n"
        "  up:\n"
        "    foreach: {glob: 'texts/{name}.txt'}\n"
        "    inputs: 'texts/{{ name }}.txt'\n"
        "    outputs: 'up/{{ name }}'\n"
        "    run: 'note {{ name }}; cp {{ inputs }} {{ outputs }}'\n",
    )
    shop.put("texts/x.new", "2\n").rename(shop.root / "texts/x.txt")
    time.sleep(0.03)

    built = shop.build()

    assert (built.ran, built.told) == (["x"], ["up@x"])
    assert knows_all(shop)
    shop.put("texts/w.txt", "1\n")
    time.sleep(0.03)
    assert shop.build().ran == ["w"]
    assert shop.read("up/x") == "2\n"


def test_what_a_depfile_named_concerns_its_step(shop: Workshop) -> None:
    """And what it names no more does not."""
    shop.write(a__txt="1\n", h__txt="1\n", i__txt="1\n", use="h.txt\n", d__txt="1\n")
    settled(
        shop,
        "steps:\n"
        "  a: {inputs: [a.txt, use], outputs: o, depfile: o.d,"
        " run: 'note a; cat a.txt $(cat use) > o; echo \"o: $(cat use)\" > o.d'}\n"
        "  d: {inputs: d.txt, outputs: e, run: note d; cp d.txt e}\n",
    )

    shop.write(h__txt="2\n")
    assert shop.build().told == ["a"]
    shop.write(use="i.txt\n")
    assert shop.build().ran == ["a"]
    shop.write(h__txt="3\n")
    assert shop.build().ran == []
    shop.write(i__txt="2\n")
    assert shop.build().ran == ["a"]
    assert shop.read("o") == "1\n2\n"


@pytest.mark.parametrize(
    "more",
    [
        "settings: {lock: wavebuild.lock}\n" + FOUR,
        FOUR + "  e: {updates: d.txt, run: 'true'}\n",
    ],
    ids=["a lock file", "a shared file"],
)
def test_where_more_than_files_counts_all_steps_look(shop: Workshop, more: str) -> None:
    """When in doubt, everything is looked at."""
    shop.write(a__txt="1\n", b__txt="2\n", d__txt="3\n")
    shop.wavefile(more)
    time.sleep(0.03)
    shop.build()
    shop.write(b__txt="two\n")

    built = shop.build()

    assert not is_small(built)
    assert [name for name in built.ran if name in "abcd"] == ["b", "c"]


@pytest.mark.parametrize("facts", [{"full": True}, {"schedule": "barrier"}], ids=["every end", "barrier"])
def test_where_all_is_told_those_who_see_no_change_are_not_judged(four: Workshop, facts: dict[str, Any]) -> None:
    """What is told is what a build tells that judges all: the same events of the same steps in the same order."""
    four.write(b__txt="two\n")
    small = four.build(**facts)
    idle = four.build(**facts)
    assert knows_all(four)
    four.write(b__txt="three\n")
    (four.root / EVIDENCE).unlink()
    whole = four.build(**facts)
    (four.root / EVIDENCE).unlink()
    whole_idle = four.build(**facts)

    for few, every in ((small, whole), *([(idle, whole_idle)] if "full" in facts else [])):
        assert list(map(what_is_told, few.events)) == list(map(what_is_told, every.events))
        assert few.outcomes == every.outcomes
    assert idle.result.nothing_to_do
    assert whole_idle.result.nothing_to_do
    without_traces(four)  # who is judged runs
    four.write(d__txt="4\n")
    assert four.build(**facts).ran == ["d"]


def test_a_changed_step_does_not_wait_until_all_others_are_told_of(shop: Workshop) -> None:
    """Where every end is told, and several jobs run at once, what was known before is told while they run."""
    names = [f"s{number}" for number in range(9)]
    shop.write(**{f"{name}__txt": "1" for name in names})
    settled(shop, "steps:\n" + "".join(f"  {name}: {{inputs: {name}.txt, run: note {name}}}\n" for name in names))
    shop.write(s8__txt="2")
    built = shop.build(jobs=2, full=True)
    assert built.ran == ["s8"]
    told = [(type(each).__name__, getattr(each, "settled", each)) for each in built.events]
    begun = [kind for kind, _ in told].index("StepStarted")
    ends = [each.step for kind, each in told if kind == "StepSettled" and isinstance(each, Settled)]
    assert "StepSettled" not in [kind for kind, _ in told[:begun]]
    assert [name for name in ends if name != "s8"] == names[:8]
    assert ends.count("s8") == 1


def test_of_many_steps_how_those_end_that_are_kept_is_said_while_jobs_run(
    four: Workshop, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What has run counts as what it came to, wherever it stands among them."""
    monkeypatch.setattr(engine_few, "MANY_STEPS", 4)
    monkeypatch.setattr(engine_few, "AT_ONCE", 1)
    ended: list[str] = []
    said: list[list[str]] = []
    say = Vouched._say_kept

    def told(event: Event) -> None:
        if isinstance(event, StepSettled):
            ended.append(event.settled.step)

    def say_kept(judge: Vouched, order: Sequence[int]) -> None:
        said.append([*ended])
        say(judge, order)

    monkeypatch.setattr(Vouched, "_say_kept", say_kept)
    four.write(b__txt="two\n")
    built = four.build(meanwhile=told)
    assert said == [[]] * 4
    assert [each.step for each in built.result.steps] == ["a", "d", "b", "c"]
    assert built.outcomes == {"a": "kept", "d": "kept", "b": "succeeded", "c": "succeeded"}


def what_is_told(event: Event) -> tuple[object, ...]:
    """An event without its times."""
    settled = getattr(event, "settled", None)
    more = (settled.step, settled.outcome, settled.wave, len(settled.reasons)) if settled else ()
    return (type(event).__name__, getattr(event, "step", ""), getattr(event, "wave", 0), *more)


def test_a_failure_leaves_those_who_see_no_change_vouched_for(four: Workshop) -> None:
    """Also where they had their turn still to come."""
    four.wavefile(FOUR.replace("note a;", "note a; if grep -q bad a.txt; then exit 1; fi;"))
    four.build()
    four.build()
    assert knows_all(four)
    four.write(a__txt="bad\n")
    assert four.build(full=True).ran == ["a"]
    without_traces(four)

    assert four.build(keep_going=True).ran == ["a"]


@pytest.mark.parametrize(
    "more",
    [
        "  e: {inputs: env:HOME, outputs: out/e, max_age: 1h, run: note e; date > out/e}\n",
        "  e: {inputs: out/d, outputs: out/e, always: true, run: note e; cp out/d out/e}\n",
    ],
    ids=["an age", "always"],
)
def test_a_step_of_which_more_than_files_counts_is_looked_at_each_time(shop: Workshop, more: str) -> None:
    """Others are not for that, and no build takes it for fresh unseen."""
    shop.write(a__txt="1\n", b__txt="2\n", d__txt="3\n")
    shop.wavefile(FOUR + more)
    time.sleep(0.03)
    shop.build()

    assert shop.build().told == ["e"]
    assert shop.stale() is False
    shop.write(b__txt="two\n")
    built = shop.build()

    assert sorted(built.told) == ["b", "c", "e"]
    assert [name for name in built.ran if name in "abcd"] == ["b", "c"]
    assert not knows_all(shop)


def test_another_value_of_a_variable_makes_all_steps_look(shop: Workshop) -> None:
    """The evidence is of the values that were read."""
    shop.write(a__txt="1\n", d__txt="1\n")
    shop.setenv(MODE="one")
    settled(
        shop,
        "steps:\n"
        "  a: {inputs: [a.txt, env:MODE], outputs: o, run: note a; echo $MODE > o}\n"
        "  d: {inputs: d.txt, outputs: e, run: note d; cp d.txt e}\n",
    )
    shop.write(d__txt="2\n")
    assert shop.build().told == ["d"]
    shop.setenv(MODE="two")

    assert shop.build().ran == ["a"]
    assert shop.read("o") == "two\n"
    shop.setenv(MODE="one")
    assert shop.build().ran == ["a"]


@pytest.mark.parametrize("asked", [("b",), ("out/b",), ("b+",)], ids=["a step", "a path", "and what follows"])
def test_a_part_of_the_steps_has_evidence_of_its_own(four: Workshop, asked: tuple[str, ...]) -> None:
    """Targets are part of the question: what they do not want is not built by a small change either."""
    four.write(a__txt="2\n")
    four.settle(*asked)
    four.write(b__txt="x\n", d__txt="x\n")

    built = four.build(*asked)
    assert built.told[0] == "b"
    assert "d" not in built.outcomes
    assert "d" in four.build().ran
    assert four.read("out/d") == "x\n"


def test_damaged_evidence_of_who_looks_is_no_evidence(four: Workshop) -> None:
    """Every bit of it is sealed."""
    path = four.root / EVIDENCE
    data = bytearray(path.read_bytes())
    data[-3] ^= 1
    path.write_bytes(bytes(data))
    four.write(b__txt="two\n")

    built = four.build()

    assert not is_small(built)
    assert built.ran == ["b", "c"]


def test_a_kill_in_a_small_build_is_made_good(four: Workshop, tmp_path: Path) -> None:
    """What is open on record makes the next build look at everything."""
    from wavebuild.run.records import Attempt
    from wavebuild.store.layout import Layout
    from wavebuild.store.opening import open_state

    state = open_state(Layout(str(four.root), "Wavefile").state, [])
    (four.root / ".wavebuild/aside/r.1").mkdir(parents=True)
    (four.root / "out/d").rename(four.root / ".wavebuild/aside/r.1/d")
    state.begin(Attempt("r.1", "d", "r", "out/d", {"out/d": ".wavebuild/aside/r.1/d"}, {}, ()))
    state.close()

    built = four.build()

    assert built.code == 0
    assert "cut off" in built.notices
    assert four.read("out/d") == "3\n"
    assert four.build().ran == []


def test_who_reads_what_a_step_makes_looks_at_that_alone(shop: Workshop) -> None:
    """Named by its step or by its path, a file is the same row; which files there are is known."""
    for name in "xy":
        shop.put(f"texts/{name}.txt", "1\n")
    shop.write(d__txt="1\n")
    settled(
        shop,
        "steps:\n"
        "  up:\n"
        "    foreach: {glob: 'texts/{name}.txt'}\n"
        "    inputs: 'texts/{{ name }}.txt'\n"
        "    outputs: 'up/{{ name }}'\n"
        "    run: 'note {{ name }}; cp {{ inputs }} {{ outputs }}'\n"
        "  all: {inputs: 'step:up', outputs: all.txt, run: 'note all; cat up/x up/y > all.txt'}\n"
        "  d: {inputs: d.txt, outputs: e.txt, run: 'note d; cp d.txt e.txt'}\n",
    )
    shop.write(d__txt="2\n")
    assert shop.build().told == ["d"]
    shop.put("up/y", "by hand\n")
    assert sorted(shop.build().told) == ["all", "up@y"]
    assert shop.read("up/y") == "1\n"
    (shop.root / "up/x").unlink()
    assert shop.build().ran == ["x"]
    shop.put("texts/x.txt", "2\n")
    assert shop.build().ran == ["x", "all"]
    assert shop.read("all.txt") == "2\n1\n"
    assert shop.build().result.nothing_to_do


def test_who_reads_the_memory_looks_when_its_writer_has_run(shop: Workshop) -> None:
    """It changes with a step alone."""
    shop.write(a__txt="1\n", d__txt="1\n")
    settled(
        shop,
        "steps:\n"
        "  set:\n"
        "    inputs: a.txt\n"
        "    outputs: mem:n\n"
        "    run: |\n"
        "      note set\n"
        "      printf '{\"n\": %s}' $(cat a.txt) > $WAVEBUILD_MEM_OUT\n"
        "  get: {inputs: 'mem:n', outputs: n.txt, run: 'note get; cat $WAVEBUILD_MEM > n.txt'}\n"
        "  d: {inputs: d.txt, outputs: e.txt, run: 'note d; cp d.txt e.txt'}\n",
    )
    shop.write(d__txt="2\n")
    assert shop.build().told == ["d"]
    shop.write(a__txt="2\n")
    assert shop.build().ran == ["set", "get"]
    assert shop.build().result.nothing_to_do


def test_a_wavefile_that_was_saved_just_before_a_quick_build_costs_no_look_at_everything(shop: Workshop) -> None:
    """That it is young is waited out, if need be: the build after it looks at stamps alone."""
    shop.write(x__txt="1\n")
    shop.put("more/y", "2\n")
    shop.wavefile("steps: {one: {inputs: [x.txt, 'more/*'], outputs: out, run: cp x.txt out}}\n")
    shop.build()
    for _ in range(5):
        for path in (shop.root / ".wavebuild/state").glob("Wavefile.*e*"):  # what was kept, and the evidence
            path.unlink()
        shop.wavefile(shop.read("Wavefile"))
        assert shop.build().ran == []
        assert knows_all(shop)


def test_what_the_end_takes_comes_while_a_job_runs(four: Workshop, monkeypatch: pytest.MonkeyPatch) -> None:
    """Each once, and before that job has ended; one that is not there is missed by nobody who does not need it."""
    ended: list[str] = []
    came: list[tuple[str | None, list[str]]] = []
    bring_in = building._is_brought_in

    def told(event: Event) -> None:
        if isinstance(event, StepSettled):
            ended.append(event.settled.step)

    def brought_in(name: str | None) -> bool:
        if name is not None:
            came.append((name, [*ended]))
        return bring_in(name)

    monkeypatch.setattr(building, "_is_brought_in", brought_in)
    monkeypatch.setattr(building, "AT_THE_END", (*building.AT_THE_END, "wavebuild.no_such_module"))
    four.write(b__txt="two\n")

    assert four.build(meanwhile=told).ran == ["b", "c"]
    assert came == [(name, []) for name in building.AT_THE_END]


def test_behind_the_one_that_changed_the_longest_comes_first(shop: Workshop) -> None:
    """How long each takes is looked up while the one that they wait for runs."""
    shop.write(a__txt="1\n")
    quick = "".join(f"  q{n}: {{inputs: out/a, outputs: out/q{n}, run: cp out/a out/q{n}}}\n" for n in range(4))
    settled(
        shop,
        "settings: {jobs: 2}\n"
        "steps:\n"
        "  a: {inputs: a.txt, outputs: out/a, run: cp a.txt out/a}\n"
        f"{quick}"
        "  slow: {inputs: out/a, outputs: out/slow, run: sleep 0.2; cp out/a out/slow}\n",
    )
    shop.write(a__txt="2\n")
    began: list[str] = []

    def note(event: Event) -> None:
        if isinstance(event, StepStarted):
            began.append(event.step)

    built = shop.build(meanwhile=note, jobs=2)

    assert built.result.ok
    assert began[:2] == ["a", "slow"]
    assert sorted(began[2:]) == ["q0", "q1", "q2", "q3"]
