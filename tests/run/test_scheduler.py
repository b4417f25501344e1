"""Every step once, after all it waits for, within slots and resources, whatever ends when."""

from __future__ import annotations

import os
import time

import pytest
from hypothesis import given, settings
from hypothesis import strategies as some
from msgspec.structs import replace

from tests.graph.declared import group, step
from tests.support.stage import Fate, Stage
from wavebuild.declare.model import Step
from wavebuild.run import scheduler
from wavebuild.run.events import Outcome, StepSettled
from wavebuild.run.gauge import Gauge
from wavebuild.run.jobserver import Tokens, serve
from wavebuild.run.room import AGAIN, Room

STOPPING = {Outcome.FAILED, Outcome.BLOCKED, Outcome.WAITING, Outcome.INTERRUPTED}


def chain(*names: str) -> list[Step]:
    """Each reads what the one before made."""
    befores = ("", *names)[: len(names)]
    return [
        step(name, [f"{before}.out"] if before else [], [f"{name}.out"])
        for before, name in zip(befores, names, strict=True)
    ]


def diamond() -> list[Step]:
    return [
        step("a", [], ["a.out"]),
        step("b", ["a.out"], ["b.out"]),
        step("c", ["a.out"], ["c.out"]),
        step("d", ["b.out", "c.out"], ["d.out"]),
    ]


def outcomes(stage: Stage) -> dict[str, str]:
    return {name: settled.outcome.value for name, settled in stage.run().items()}


@some.composite
def stages(draw, /, **fixed):
    """A random graph with random fates, wishes and limits, whose jobs end in a random order."""
    count = draw(some.integers(1, 9))
    capacities = {"db": draw(some.integers(1, 2)), "gpu": 1}
    jobs = draw(some.integers(1, 4))
    steps = []
    for number in range(count):
        before = draw(some.sets(some.integers(0, number - 1), max_size=3)) if number else set()
        wishes = draw(some.dictionaries(some.sampled_from(["db", "gpu", "cpus"]), some.just(1), max_size=2))
        if "cpus" in wishes:
            wishes["cpus"] = draw(some.integers(1, 5))
        if "db" in wishes:
            wishes["db"] = draw(some.integers(1, capacities["db"]))
        made = step(
            f"s{number}", [f"s{up}.out" for up in before], [f"s{number}.out"], resources=tuple(sorted(wishes.items()))
        )
        steps.append(made)
    order = draw(some.permutations(range(count)))
    place = {number: at for at, number in enumerate(order)}
    fates = some.sampled_from(
        [
            *("runs", "runs", "runs", "kept", "fails", "waits"),
            *("cannot begin", "cannot start", "checked", "fails once"),
            *("asks", "asks in vain", "shares", "shares"),
        ]
    )
    facts = {
        "fates": {one.name: draw(fates) for one in steps},
        "jobs": jobs,
        "schedule": draw(some.sampled_from(["flow", "barrier"])),
        "keep_going": draw(some.booleans()),
        "capacities": capacities,
        "choose": lambda running: min(running, key=lambda number: place[number]),
        "interrupt_after": draw(some.none() | some.integers(0, 6)),
        "bursts": draw(some.booleans()),
        "together": draw(some.booleans()),
        "declines": draw(some.frozensets(some.integers(0, count))).__contains__,
    }
    return Stage(steps, **(facts | fixed))


def check_all(stage: Stage) -> None:
    """What holds for every build."""
    ended = stage.run()

    told = [event.settled.step for event in stage.events if isinstance(event, StepSettled)]
    assert sorted(told) == sorted(one.name for one in stage.steps), "every step settles once, and is told"
    assert {name: settled.step for name, settled in ended.items()} == {name: name for name in told}
    assert not stage.running, "nothing is left running"
    begun = stage.wrote("begin")
    assert len(begun) == len(set(begun)), "every step begins at most once"
    for number, one in enumerate(stage.steps):
        upstream = [stage.name(up) for up in stage.graph.upstream[number]]
        if one.name in begun:
            for up in upstream:
                assert stage.at("settled", up) < stage.at("begin", one.name), "upstream before downstream"
                assert ended[up].outcome in (Outcome.KEPT, Outcome.SUCCEEDED), "only on sound results"
        culprits = [up for up in upstream if ended[up].outcome in STOPPING]
        if ended[one.name].outcome is Outcome.BLOCKED:
            assert list(ended[one.name].blocked_by) == culprits != [], "blocked by all that stop it"
        elif culprits:
            raise AssertionError(f"{one.name} is {ended[one.name].outcome}, though {culprits} stop it")


@pytest.mark.scenario(id="G6")
@settings(max_examples=60, deadline=None)
@given(stages())
def test_whatever_happens_every_step_settles_once_and_in_order(stage):
    """Any graph, any fates, any order of ends, failures, interrupts; limits are checked at every start."""
    check_all(stage)


@settings(max_examples=25, deadline=None)
@given(stages(keep_going=True, interrupt_after=None))
def test_keeping_going_leaves_nothing_out(stage):
    """All that does not depend on a failure is considered."""
    ended = stage.run()

    assert Outcome.NOT_STARTED not in {settled.outcome for settled in ended.values()}


@settings(max_examples=25, deadline=None)
@given(stages(keep_going=False, interrupt_after=None))
def test_after_a_failure_nothing_new_starts(stage):
    """What runs is let finish; a further try or the checks of a running step belong to it."""
    ended = stage.run()
    failed = [stage.at("settled", name) for name, settled in ended.items() if settled.outcome is Outcome.FAILED]

    if failed:
        assert "begin" not in [word for word, _ in stage.book[min(failed) :]]


def test_what_begins_and_ends_together_is_put_on_record_together(monkeypatch: pytest.MonkeyPatch):
    """One group for all that begin at once; what ends is on record before it is told."""
    monkeypatch.setattr(scheduler, "GROUP", 60.0)
    stage = Stage([step(f"s{n}", [], [f"s{n}.out"]) for n in range(40)], jobs=20)
    stage.run()

    assert stage.commits < 50
    first = [word for word, _ in stage.book if word in ("intend", "begin")][:40]
    assert first == ["intend"] * 40
    assert stage.wrote("begin")[:20] == [f"s{n}" for n in range(20)]


def test_no_more_are_meant_to_begin_than_are_needed_soon():
    """Of very many steps a few for each slot."""
    stage = Stage([step(f"s{n}", [], [f"s{n}.out"]) for n in range(40)])
    stage.run()

    before = [name for word, name in stage.book[: stage.book.index(("end", "s0"))] if word == "intend"]
    assert len(before) == 2 + 2 * scheduler.AHEAD


class TestWhoIsReady:
    """The intents of those who come next are on record before a slot is free."""

    def test_a_step_begins_before_anything_is_done_about_the_job_that_ended(self):
        """No worker waits for it."""
        stage = Stage([step(name, [], [f"{name}.out"]) for name in "abc"])

        assert set(outcomes(stage).values()) == {"succeeded"}
        assert stage.at("end", "a") < stage.at("begin", "c") < stage.at("succeeded", "a")
        assert stage.at("intend", "c") < stage.at("end", "a")

    def test_under_one_job_nothing_begins_before_the_one_before_has_settled(self):
        """What fails as its output is missing is known before the next begins."""
        stage = Stage(
            [step(name, [], [f"{name}.out"]) for name in "ab"], jobs=1, fates={"a": "fails"}, keep_going=False
        )

        assert outcomes(stage) == {"a": "failed", "b": "not_started"}
        assert stage.wrote("intend") == ["a"]

    def test_who_was_ready_when_another_failed_is_as_if_it_had_never_been_meant(self):
        """Its intent is withdrawn, and it was not started."""
        many = [step(name, [], [f"{name}.out"]) for name in "abcdefg"]
        stage = Stage(many, fates={"a": "fails"}, keep_going=False, choose=lambda running: running[0])

        found = outcomes(stage)

        assert found["g"] == "not_started"
        assert set(stage.wrote("withdraw")) == set(stage.wrote("intend")) - set(stage.wrote("begin"))
        assert all(found[name] == "not_started" for name in stage.wrote("withdraw"))

    def test_an_interrupt_withdraws_them_all(self):
        """Nothing begins any more."""
        stage = Stage([step(name, [], [f"{name}.out"]) for name in "abcdefg"], interrupt_after=1)

        found = outcomes(stage)

        assert set(stage.wrote("withdraw")) == set(stage.wrote("intend")) - set(stage.wrote("begin")) != set()
        assert all(found[name] == "not_started" for name in stage.wrote("withdraw"))

    def test_who_has_been_ready_for_long_is_considered_again(self, monkeypatch: pytest.MonkeyPatch):
        """A person may have edited its files meanwhile."""
        monkeypatch.setattr(scheduler, "STILL_TRUE", -1.0)
        stage = Stage([step(name, [], [f"{name}.out"]) for name in "abc"])

        assert set(outcomes(stage).values()) == {"succeeded"}
        assert stage.at("withdraw", "c") < stage.at("begin", "c")
        assert stage.wrote("consider").count("c") >= 2
        assert stage.wrote("begin").count("c") == 1

    @pytest.mark.parametrize("count", range(3, 30))
    def test_those_who_are_ready_begin_though_all_workers_have_ended_what_they_had(self, count, monkeypatch):
        """Their intents may not be on record yet, and nobody else is left to begin."""
        monkeypatch.setattr(scheduler, "GROUP", 60.0)
        stage = Stage([step(f"s{n}", [], [f"s{n}.out"]) for n in range(count)], together=True)

        assert set(outcomes(stage).values()) == {"succeeded"}

    def test_where_room_is_scarce_nobody_is_made_ready(self):
        """A slot that is free is then no room yet."""
        stage = Stage([step(name, [], [f"{name}.out"]) for name in "abc"], room=Room(limit=1e9))

        assert set(outcomes(stage).values()) == {"succeeded"}
        assert stage.at("intend", "c") > stage.at("end", "a")

    def test_a_step_that_wants_more_than_a_slot_is_not_made_ready(self):
        """Nor is one behind it."""
        wide = step("c", [], ["c.out"], resources=(("cpus", 2),))
        stage = Stage([*(step(name, [], [f"{name}.out"]) for name in "ab"), wide, step("d", [], ["d.out"])])

        assert set(outcomes(stage).values()) == {"succeeded"}
        assert min(stage.at("intend", "c"), stage.at("intend", "d")) > stage.at("end", "a")


class TestWhatIsWaitedFor:
    """Whoever looks sees why steps do not start though there are slots."""

    GPU = (("gpu", 1),)

    def test_those_who_wait_for_a_resource_are_counted(self):
        """While the first has it two wait, then one; a step that needs none runs beside it."""
        steps = [*(step(name, [], [f"{name}.out"], resources=self.GPU) for name in "abc"), step("d", [], ["d.out"])]
        stage = Stage(steps, jobs=4, capacities={"gpu": 1}, gauge=Gauge())

        assert set(outcomes(stage).values()) == {"succeeded"}
        assert {"gpu": 2} in stage.lacking
        assert {"gpu": 1} in stage.lacking
        assert stage.lacking[-1] == {}

    def test_who_waits_for_a_slot_lacks_nothing(self):
        stage = Stage([step(name, [], [f"{name}.out"]) for name in "abcd"], jobs=2, gauge=Gauge())

        assert set(outcomes(stage).values()) == {"succeeded"}
        assert all(lacking == {} for lacking in stage.lacking)

    def test_a_wide_step_waits_for_slots_as_others_do_for_a_resource(self):
        wide = step("b", [], ["b.out"], resources=(("cpus", 2),))
        stage = Stage([step("a", [], ["a.out"]), wide], jobs=2, gauge=Gauge())

        assert set(outcomes(stage).values()) == {"succeeded"}
        assert {"cpus": 1} in stage.lacking

    def test_that_somebody_asked_to_stop_is_seen(self):
        gauge = Gauge()
        stage = Stage([step("a", [], ["a.out"]), step("b", ["a.out"], ["b.out"])], gauge=gauge, interrupt_at="a")
        outcomes(stage)

        assert gauge.stopping


class TestWhoLiesReady:
    """Workers have the jobs that come next, and begin them without asking."""

    MANY = tuple(step(name, [], [f"{name}.out"]) for name in "abcdefgh")

    def test_a_job_lies_with_a_worker_before_the_one_before_it_has_ended(self):
        """Its begin is told after that end, and each step begins once."""
        stage = Stage(self.MANY, choose=lambda running: running[0])

        assert set(outcomes(stage).values()) == {"succeeded"}
        assert stage.wrote("lay")
        for name in stage.wrote("lay"):
            assert stage.at("intend", name) < stage.at("lay", name) < stage.at("begin", name)
            assert stage.wrote("begin").count(name) == 1

    def test_where_its_worker_does_not_take_it_another_way_is_found(self):
        """It had come too late, or had lain too long."""
        stage = Stage(self.MANY, declines=lambda number: True)

        assert set(outcomes(stage).values()) == {"succeeded"}
        assert stage.wrote("begin").count("h") == 1

    def test_its_begin_is_told_before_its_end_however_soon_that_comes(self):
        """Both have come when the worker is heard of again."""
        stage = Stage(self.MANY, bursts=True)

        assert set(outcomes(stage).values()) == {"succeeded"}
        assert all(stage.at("told", name) < stage.at("settled", name) for name in "abcdefgh")

    @pytest.mark.parametrize("bursts", [False, True])
    def test_a_further_try_is_told_after_its_begin_however_soon_it_is_due(self, bursts: bool):
        """Its begin waits for the record of the end before it; the further try is told at once."""
        stage = Stage(self.MANY, fates=dict.fromkeys("efgh", "fails once"), bursts=bursts, keep_going=False)

        assert set(outcomes(stage).values()) == {"succeeded"}
        assert all(stage.at("told", name) < stage.at("again", name) for name in "efgh")

    def test_after_a_failure_none_of_them_begins(self):
        """They are taken back, and what was meant to be done is withdrawn."""
        stage = Stage(self.MANY, fates={"a": "fails"}, keep_going=False, choose=lambda running: running[0])

        found = outcomes(stage)

        laid = set(stage.wrote("lay")) - set(stage.wrote("begin"))
        assert laid
        assert laid <= set(stage.wrote("withdraw"))
        assert {found[name] for name in laid} == {"not_started"}

    def test_nor_after_an_interrupt(self):
        """They are taken back before the workers are told."""
        stage = Stage(self.MANY, interrupt_after=1)

        found = outcomes(stage)

        laid = set(stage.wrote("lay")) - set(stage.wrote("begin"))
        assert laid
        assert {found[name] for name in laid} == {"not_started"}

    def test_nobody_lies_ready_behind_a_job_that_is_not_the_last_of_its_step(self):
        """Its checks need the slot."""
        stage = Stage(self.MANY, fates={"a": "checked", "b": "checked"}, choose=lambda running: running[0])

        assert set(outcomes(stage).values()) == {"succeeded"}
        assert stage.at("check", "a") < stage.at("lay", stage.wrote("lay")[0])

    def test_nobody_lies_ready_under_one_job_or_where_room_is_scarce(self):
        """A slot that is free is then no room yet."""
        for facts in ({"jobs": 1}, {"room": Room(limit=1e9)}):
            stage = Stage(self.MANY, **facts)

            assert set(outcomes(stage).values()) == {"succeeded"}
            assert stage.wrote("lay") == []

    def test_who_comes_before_those_that_lie_ready_is_not_passed_by_them(self):
        """A step that is to be tried again stands earlier in the order: the next slot is its own."""
        stage = Stage(self.MANY, fates={"a": "fails once"}, choose=lambda running: running[0])

        assert set(outcomes(stage).values()) == {"succeeded"}
        assert stage.wrote("lay")
        between = stage.book[stage.at("again", "a") : stage.at("retry", "a")]
        assert "begin" not in [word for word, _ in between]


@settings(max_examples=25, deadline=None)
@given(stages(schedule="barrier", interrupt_after=None, keep_going=True))
def test_under_barrier_waves_never_overlap(stage):
    """A step begins only when the whole wave before it has settled, and every wave is told once, in order."""
    stage.run()
    wave_of = {one.name: stage.graph.wave[number] for number, one in enumerate(stage.steps)}
    told = [int(number) for number in stage.wrote("wave")]

    assert told == list(range(1, max(wave_of.values()) + 1))
    for name in stage.wrote("begin"):
        before = [other for other in wave_of if wave_of[other] < wave_of[name]]
        assert all(stage.at("settled", other) < stage.at("begin", name) for other in before)


@settings(max_examples=25, deadline=None)
@given(stages(schedule="flow", interrupt_after=None, keep_going=True))
def test_under_flow_no_slot_stays_empty_while_a_step_is_ready(stage):
    """A step that wishes for nothing starts as soon as its inputs are settled and a slot is free."""
    stage.run()

    assert [(free, ready) for free, ready in stage.idle_slots if free > 0 and ready] == []


@settings(max_examples=25, deadline=None)
@given(stages(keep_going=True))
def test_after_an_interrupt_nothing_starts(stage):
    """No step, no check, no further try: what runs ends, the rest is not started."""
    stage.interrupt_after = 1
    stage.run()
    first_end = next((at for at, (word, _) in enumerate(stage.book) if word == "end"), len(stage.book))

    assert "begin" not in [word for word, _ in stage.book[first_end:]], stage.book


class TestFlow:
    def test_a_later_wave_starts_while_an_earlier_one_runs(self):
        """Steps 7 and 8 never hold up step 9."""
        steps = [*diamond(), step("long", [], ["long.out"])]
        stage = Stage(steps, jobs=2, choose=lambda running: min(running))
        stage.run()

        assert stage.at("begin", "d") < stage.at("end", "long")

    def test_a_fresh_chain_takes_no_slot(self):
        """Kept steps never reach the executor."""
        stage = Stage(chain("a", "b", "c"), fates=dict.fromkeys("abc", "kept"))

        assert outcomes(stage) == dict.fromkeys("abc", "kept")
        assert stage.wrote("begin") == []

    def test_under_one_job_the_order_is_that_of_the_plan(self):
        """Wave by wave, in each as in the file: stable from run to run."""
        stage = Stage([step("z", [], ["z.out"]), *diamond(), step("e", ["z.out"], ["e.out"])], jobs=1)
        stage.run()

        assert stage.wrote("begin") == ["z", "a", "b", "c", "e", "d"]

    def test_a_group_between_steps_passes_the_order_on(self):
        """Who needs the group waits for its members."""
        steps = [
            step("a", [], ["a.out"]),
            step("b", [], ["b.out"]),
            group("both", "a", "b"),
            step("c", [], ["c.out"], ["both"]),
        ]
        stage = Stage(steps, choose=lambda running: max(running))
        stage.run()

        assert stage.wrote("begin")[-1] == "c"
        assert max(stage.at("settled", "a"), stage.at("settled", "b")) < stage.at("begin", "c")


class TestFailures:
    def test_readers_of_a_failed_step_are_blocked_with_its_name(self):
        """All the way down, each by the ones directly before it."""
        stage = Stage(diamond(), fates={"b": "fails"})
        ended = stage.run()

        assert {name: settled.outcome.value for name, settled in ended.items()} == {
            "a": "succeeded", "b": "failed", "c": "succeeded", "d": "blocked",
        }  # fmt: skip
        assert ended["d"].blocked_by == ("b",)

    def test_without_keep_going_other_branches_are_not_started(self):
        """And what would depend on them neither."""
        steps = [step("bad", [], ["bad.out"]), *chain("a", "b", "c")]
        stage = Stage(steps, fates={"bad": "fails"}, jobs=1, keep_going=False)

        assert outcomes(stage) == {"bad": "failed", "a": "not_started", "b": "not_started", "c": "not_started"}

    def test_without_keep_going_running_steps_finish(self):
        """Hours of work are not thrown away."""
        steps = [step("bad", [], ["bad.out"]), step("long", [], ["long.out"])]
        stage = Stage(steps, fates={"bad": "fails", "long": "checked"}, keep_going=False)

        assert outcomes(stage) == {"bad": "failed", "long": "succeeded"}

    @pytest.mark.parametrize("fate", ["waits", "cannot begin", "cannot start"])
    def test_a_step_that_waits_or_cannot_start_blocks_its_readers(self, fate):
        """Like a failure; other branches go on."""
        stage = Stage([*chain("a", "b"), step("c", [], ["c.out"])], fates={"a": fate})
        ended = outcomes(stage)

        assert (ended["b"], ended["c"]) == ("blocked", "succeeded")

    def test_a_step_that_waits_for_a_person_does_not_stop_the_build(self):
        """Without keep_going too: nothing has failed."""
        stage = Stage([*chain("a", "b"), step("c", [], ["c.out"])], fates={"a": "waits"}, keep_going=False, jobs=1)

        assert outcomes(stage)["c"] == "succeeded"


class TestRetries:
    def test_a_further_try_belongs_to_the_same_step(self):
        """One begin, one settling."""
        stage = Stage(chain("a", "b"), fates={"a": "fails once"})

        assert outcomes(stage) == {"a": "succeeded", "b": "succeeded"}
        assert (stage.wrote("begin"), stage.wrote("retry")) == (["a", "b"], ["a"])

    def test_others_run_while_a_try_is_waited_for(self):
        """A delay holds up nobody else."""
        stage = Stage(
            [step("flaky", [], ["f.out"]), *chain("a", "b")], fates={"flaky": "fails once"}, delay=0.3, jobs=2
        )
        stage.run()

        assert stage.at("end", "b") < stage.at("retry", "flaky")

    def test_a_step_that_waits_for_its_next_try_gives_back_its_slot(self):
        """Under one job the others run meanwhile."""
        stage = Stage(
            [step("flaky", [], ["f.out"]), *chain("a", "b")], fates={"flaky": "fails once"}, delay=1.0, jobs=1
        )

        assert set(outcomes(stage).values()) == {"succeeded"}
        assert stage.at("again", "flaky") < stage.at("begin", "a") < stage.at("end", "b") < stage.at("retry", "flaky")

    def test_and_what_it_took_of_the_resources(self):
        """Who wants the same runs meanwhile; then the try takes its turn before who comes later."""
        names = ("flaky", "second", "third")
        steps = [replace(step(name, [], [f"{name}.out"]), resources=(("db", 1),)) for name in names]
        stage = Stage(steps, fates={"flaky": "fails once"}, delay=0.02, jobs=3)

        def slowly(running):
            time.sleep(0.05)
            return running[0]

        stage.choose = slowly

        assert set(outcomes(stage).values()) == {"succeeded"}
        assert [entry for entry in stage.book if entry[0] in ("begin", "retry")] == [
            ("begin", "flaky"), ("begin", "second"), ("retry", "flaky"), ("begin", "third"),
        ]  # fmt: skip

    def test_a_try_whose_time_came_is_made_though_another_step_failed(self):
        """It belongs to a step that has begun; what is new is left out."""
        steps = [step("flaky", [], ["f.out"]), step("bad", [], ["b.out"]), step("new", [], ["n.out"])]
        stage = Stage(steps, {"flaky": "fails once", "bad": "fails"}, keep_going=False, delay=0.05, jobs=1)

        assert outcomes(stage) == {"flaky": "succeeded", "bad": "failed", "new": "not_started"}

    def test_a_further_try_that_cannot_be_made_is_a_failure(self):
        """Of this step alone: others go on."""
        stage = Stage([*chain("a", "b"), step("c", [], ["c.out"])], fates={"a": "cannot be tried again"})

        assert outcomes(stage) == {"a": "failed", "b": "blocked", "c": "succeeded"}

    def test_an_interrupt_ends_the_waiting_for_a_try(self):
        """At once, not after the delay."""
        stage = Stage(chain("a", "b"), fates={"a": "fails once"}, delay=60.0, interrupt_after=1)

        assert outcomes(stage) == {"a": "interrupted", "b": "blocked"}


class TestInterrupts:
    def test_what_runs_is_interrupted_and_the_rest_not_started(self):
        """Readers of the interrupted are blocked."""
        steps = [step("quick", [], ["q.out"]), *chain("a", "b"), step("later", ["q.out"], ["l.out"])]
        stage = Stage(steps, interrupt_after=1)

        assert outcomes(stage) == {"quick": "succeeded", "a": "interrupted", "b": "blocked", "later": "not_started"}

    @pytest.mark.parametrize("fate", ["fails once", "checked"])
    def test_a_job_that_had_just_ended_by_itself_is_not_gone_on_with(self, fate):
        """Its end crossed the interrupt on the way: neither a further try nor its checks begin."""
        steps = [step("quick", [], ["q.out"]), step("slow", [], ["s.out"])]
        stage = Stage(steps, fates={"slow": fate}, interrupt_after=1, ends_anyway=True, delay=0.0)
        ended = stage.run()

        assert (stage.wrote("retry"), stage.wrote("check")) == ([], [])
        assert ended["slow"].outcome is Outcome.INTERRUPTED

    def test_one_that_comes_while_steps_are_considered_is_not_lost(self):
        """Looking for ends in between has taken its wake-up call; what runs is ended all the same."""
        steps = [step("long", [], ["l.out"]), *[step(f"f{number}", [], [f"{number}.out"]) for number in range(5)]]
        fresh: dict[str, Fate] = {f"f{number}": "kept" for number in range(5)}
        stage = Stage(steps, fates=fresh, jobs=2, interrupt_at="f2")
        ended = outcomes(stage)

        assert ended["long"] == "interrupted"
        assert [ended[f"f{number}"] for number in range(5)] == ["kept", "kept", "kept", "not_started", "not_started"]

    def test_a_worker_that_died_of_the_same_signal_was_interrupted(self):
        """A terminal's signal reaches all of us; the step did nothing wrong."""
        steps = [step("quick", [], ["q.out"]), step("slow", [], ["s.out"])]

        assert outcomes(Stage(steps, interrupt_after=1, dies_of_it=True))["slow"] == "interrupted"

    def test_before_anything_began_nothing_begins(self):
        """An interrupt while the Wavefile was read counts."""
        stage = Stage(diamond(), interrupt_after=0)

        assert set(outcomes(stage).values()) == {"not_started"}
        assert stage.wrote("consider") == []


class TestResources:
    def test_two_of_one_resource_take_turns(self):
        """However many slots are free."""
        steps = [replace(step(name, [], [f"{name}.out"]), resources=(("db", 1),)) for name in "abc"]
        stage = Stage(steps, jobs=4)
        stage.run()

        assert [word for word, _ in stage.book if word in ("begin", "end")] == ["begin", "end"] * 3

    def test_more_cpus_than_there_are_jobs_take_all_of_them(self):
        """Capped, not refused."""
        steps = [replace(step("wide", [], ["w.out"]), resources=(("cpus", 64),)), step("thin", [], ["t.out"])]
        stage = Stage(steps, jobs=2)
        stage.run()

        assert [word for word, _ in stage.book if word in ("begin", "end")] == ["begin", "end"] * 2

    def test_a_wide_step_is_not_starved_by_thin_ones(self):
        """What stands before in the order keeps its turn: slots that become free are saved for it."""
        thin = [step(f"t{number}", [], [f"t{number}.out"]) for number in range(2)]
        wide = replace(step("wide", [], ["w.out"]), resources=(("cpus", 2),))
        more = [step(f"u{number}", [], [f"u{number}.out"]) for number in range(6)]
        stage = Stage([*thin, wide, *more], jobs=2)
        stage.run()

        assert stage.wrote("begin").index("wide") < 5, stage.wrote("begin")

    def test_steps_that_wait_for_a_resource_do_not_hold_up_the_others(self):
        """Many want the one database; the step that wants nothing runs beside the first of them."""
        wanting = [replace(step(f"w{number}", [], [f"w{number}.out"]), resources=(("db", 1),)) for number in range(6)]
        stage = Stage([*wanting, step("free", [], ["f.out"])], jobs=2)
        stage.run()

        assert stage.wrote("begin")[:2] == ["w0", "free"]

    def test_a_step_that_wants_two_resources_gets_both(self):
        """Steps that want one of them, and come later, do not take turns in passing it."""
        both = replace(step("both", [], ["both.out"]), resources=(("db", 1), ("gpu", 1)))
        first = replace(step("first", [], ["1.out"]), resources=(("db", 1),))
        others = [
            replace(step(f"s{number}", [], [f"s{number}.out"]), resources=((name, 1),))
            for number, name in enumerate(["db", "gpu"] * 3)
        ]
        stage = Stage([first, both, *others], jobs=4)
        stage.run()

        assert stage.wrote("begin")[:2] == ["first", "both"]

    def test_two_wide_steps_take_turns_and_the_thin_ones_come_through(self):
        """Each keeps its place in the order: nobody waits for ever."""
        wide = [replace(step(name, [], [f"{name}.out"]), resources=(("cpus", 3),)) for name in ("w1", "w2")]
        thin = [step(f"t{number}", [], [f"t{number}.out"]) for number in range(5)]
        stage = Stage([thin[0], wide[0], thin[1], wide[1], *thin[2:]], jobs=3)
        stage.run()

        assert stage.wrote("begin") == ["t0", "w1", "t1", "w2", "t2", "t3", "t4"]

    @settings(max_examples=60, deadline=None)
    @given(stages(keep_going=True, interrupt_after=None))
    def test_whatever_is_wanted_nobody_is_passed_and_all_come_to_run(self, stage):
        """The stage looks at each start whether it takes what one before it waits for; a deadlock goes in circles."""
        ended = stage.run()

        assert {Outcome.NOT_STARTED, Outcome.INTERRUPTED}.isdisjoint(settled.outcome for settled in ended.values())


class TestWhatIsAsked:
    """A job may come before a step is judged; the scheduler knows no more of it than that."""

    def test_a_step_that_asks_takes_a_slot_and_is_judged_again(self):
        """Its readers wait for the verdict, not for the question."""
        stage = Stage(chain("a", "b"), {"a": "asks"}, jobs=1)

        assert outcomes(stage) == {"a": "kept", "b": "succeeded"}
        assert (stage.wrote("ask"), stage.wrote("begin")) == (["a"], ["b"])
        assert stage.at("end", "a") < stage.at("consider", "b")

    def test_what_several_steps_ask_is_asked_once(self):
        """Those behind are considered again when the answer is there, and run beside each other."""
        steps = [step(name, [], [f"{name}.out"]) for name in "abc"]
        stage = Stage(steps, dict.fromkeys("abc", "shares"), jobs=3)

        assert set(outcomes(stage).values()) == {"succeeded"}
        assert stage.wrote("ask") == ["a"]
        assert stage.wrote("begin") == ["a", "b", "c"]
        assert stage.book.index(("begin", "c")) < stage.book.index(("succeeded", "a")), "they run beside each other"

    def test_a_step_behind_one_that_was_interrupted_does_not_start(self):
        """Nobody waits for an answer that will not come."""
        steps = [step(name, [], [f"{name}.out"]) for name in "ab"]
        stage = Stage(steps, dict.fromkeys("ab", "shares"), jobs=2, interrupt_at="b")

        assert outcomes(stage) == {"a": "interrupted", "b": "not_started"}


class Watched(Room):
    """Looks at each start whether the tokens are those of the slots that are used."""

    def __init__(self, tokens: Tokens) -> None:
        super().__init__(tokens=tokens)
        self.tokens = tokens

    def take(self, used: int, more: int) -> bool:
        found = super().take(used, more)
        assert not (found and used) or self.tokens.held == used + more - 1
        return found


@settings(max_examples=40, deadline=None)
@given(stages(keep_going=True, interrupt_after=None), some.integers(0, 4))
def test_whoever_takes_tokens_away_every_step_settles_and_all_are_given_back(stage, taken):
    """A make below may keep what it took: one job goes on, and those beside it have a token each."""
    tokens = serve(stage.jobs)
    stage.room = Watched(tokens)
    if taken and stage.jobs > 1:
        os.read(tokens.ours[0], taken)

    check_all(stage)

    left = tokens.take(99)
    tokens.close()
    assert left == stage.jobs - 1 or not stage.wrote("end")  # if nothing ran, nobody saw that they are gone


class TestRoom:
    """Slots may be free, and the machine may have no room all the same."""

    def test_over_the_load_one_step_runs_at_a_time(self):
        """One always has room: a machine that is busy with other things does not stop a build."""
        stage = Stage([step(name, [], [f"{name}.out"]) for name in "abc"], jobs=3, room=Room(2.0, lambda: 2.1))

        assert set(outcomes(stage).values()) == {"succeeded"}
        assert [word for word, _ in stage.book if word in ("begin", "end")] == ["begin", "end"] * 3

    def test_up_to_the_load_nothing_is_held_back(self):
        """It must be over the limit."""
        stage = Stage([step(name, [], [f"{name}.out"]) for name in "abc"], jobs=3, room=Room(2.0, lambda: 2.0))
        stage.run()

        assert [word for word, _ in stage.book if word in ("begin", "end")] == ["begin"] * 3 + ["end"] * 3

    def test_when_the_load_falls_the_next_one_starts_though_nothing_has_ended(self):
        """The load is looked at again and again while a step could start."""
        loads = iter([9.0, 9.0, 1.0, 1.0, 1.0])
        stage = Stage([step(name, [], [f"{name}.out"]) for name in "ab"], jobs=2, room=Room(2.0, lambda: next(loads)))
        stage.waits_in_vain = 2
        stage.run()

        assert [word for word, _ in stage.book if word in ("begin", "end")] == ["begin", "begin", "end", "end"]
        assert stage.timeouts[:2] == [AGAIN, AGAIN]

    def test_a_fresh_step_needs_no_room(self):
        """What is kept is kept at once."""
        steps = [step("long", [], ["l.out"]), step("due", [], ["d.out"]), step("fresh", [], ["f.out"])]
        stage = Stage(steps, {"fresh": "kept"}, jobs=3, room=Room(2.0, lambda: 9.0))
        stage.run()

        assert stage.at("kept", "fresh") < stage.at("end", "long")
