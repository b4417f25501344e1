"""What probes said: how long an answer holds, and what a failure means to whom."""

from __future__ import annotations

import pytest
from msgspec.structs import replace

from wavebuild.declare.model import Artifact, Hole, Kind, Probe, Text
from wavebuild.errors import Place, WavebuildError
from wavebuild.judge.asking import NOT_THERE, THERE, UNKNOWN, Answer, Answers, Said, Why, definition
from wavebuild.judge.digest import UNASKED

HERE = Place("Wavefile", 1, 1)
ROWS = Probe("rows", HERE, Text(("count ", Hole("arg"))), ttl=60.0, takes_argument=True)
SALES = Artifact(Kind.PROBE, "rows", HERE, argument="sales")
EXIT, TIMEOUT = Said("", "exit", "it ended with 1"), Said("", "timeout", "it hangs")


def answers(probe: Probe = ROWS, known: Answer | None = None, clock: float = 1000.0) -> Answers:
    return Answers({"rows": probe}, {"probe:rows@sales": known} if known else {}, lambda: clock)


def last(digest: str | None = "=12", asked: float = 990.0, probe: Probe = ROWS) -> Answer:
    return Answer(definition(probe, "sales"), digest, asked)


class TestHowLongAnAnswerHolds:
    def test_what_was_never_asked_must_be(self) -> None:
        """There is nothing to go by."""
        assert answers().digest(SALES) == UNASKED

    @pytest.mark.parametrize(("asked", "digest"), [(990.0, "=12"), (940.1, "=12"), (940.0, UNASKED), (1001.0, UNASKED)])
    def test_an_answer_holds_for_its_ttl(self, asked: float, digest: str) -> None:
        """Not a moment longer; one of the future is not believed."""
        assert answers(known=last(asked=asked)).digest(SALES) == digest

    def test_without_a_ttl_every_build_asks(self) -> None:
        """But only once."""
        probe = replace(ROWS, ttl=None)
        asked = answers(probe, last(probe=probe))
        assert asked.digest(SALES) == UNASKED

        asked.hear(SALES, Why.READER, Said("=13"))

        assert asked.digest(SALES) == "=13"

    @pytest.mark.parametrize(
        "other",
        [
            replace(ROWS, command=Text(("sum ", Hole("arg")))),
            replace(ROWS, compare="exists"),
            replace(ROWS, env=(("DB", "other"),)),
            replace(ROWS, shell="sh"),
            replace(ROWS, folder="sub"),
        ],
    )
    def test_an_answer_to_another_definition_does_not_hold(self, other: Probe) -> None:
        """Whatever of it changed that an answer may depend on."""
        assert answers(other, last()).digest(SALES) == UNASKED

    @pytest.mark.parametrize("other", [replace(ROWS, timeout=3.0), replace(ROWS, on_error="unchanged")])
    def test_how_long_it_may_take_is_not_part_of_it(self, other: Probe) -> None:
        """Nor what a failure would have meant."""
        assert answers(other, last()).digest(SALES) == "=12"

    def test_it_does_not_change_in_the_middle_of_a_build(self) -> None:
        """Though its time runs out meanwhile."""
        now = [1000.0]
        asked = Answers({"rows": ROWS}, {"probe:rows@sales": last()}, lambda: now[0])
        assert asked.digest(SALES) == "=12"
        now[0] = 5000.0

        assert asked.digest(SALES) == "=12"

    def test_an_owner_that_runs_ends_it_for_good(self) -> None:
        """In this build, and for the next one."""
        asked = answers(known=last())
        asked.digest(SALES)

        asked.forget(SALES)

        assert asked.digest(SALES) == UNASKED
        assert answers(known=asked.take_learned()["probe:rows@sales"]).digest(SALES) == UNASKED

    def test_what_was_heard_is_learned_once(self) -> None:
        """With the time it was said."""
        asked = answers()
        asked.hear(SALES, Why.READER, Said("=12"))

        assert asked.take_learned() == {"probe:rows@sales": last(asked=1000.0)}
        assert asked.take_learned() == {}


class TestWhatAFailureMeans:
    """``on_error``, by who asks."""

    @pytest.mark.parametrize("said", [EXIT, TIMEOUT])
    def test_a_reader_fails_and_so_do_all_others(self, said: Said) -> None:
        """Without its being asked again."""
        asked = answers()

        assert asked.hear(SALES, Why.READER, said) == said.detail
        assert asked.failures == {"probe:rows@sales": said.detail}
        assert asked.take_learned() == {}

    def test_changed_is_never_what_it_was(self) -> None:
        """Each time anew."""
        probe = replace(ROWS, on_error="changed")
        first, second = answers(probe, clock=1.0), answers(probe, clock=2.0)
        for asked in (first, second):
            assert asked.hear(SALES, Why.READER, EXIT) == ""

        assert first.digest(SALES) != second.digest(SALES)

    def test_unchanged_is_the_last_answer_however_old(self) -> None:
        """And it is not taken for a new one."""
        probe = replace(ROWS, on_error="unchanged")
        asked = answers(probe, last(asked=1.0))

        assert asked.hear(SALES, Why.READER, TIMEOUT) == ""
        assert asked.digest(SALES) == "=12"
        assert asked.take_learned() == {}

    @pytest.mark.parametrize("known", [None, last(probe=replace(ROWS, folder="other"))])
    def test_unchanged_without_a_last_answer_is_unknown(self, known: Answer | None) -> None:
        """To a reader; to its owner the thing is not there."""
        probe = replace(ROWS, on_error="unchanged")
        reader, owner = answers(probe, known), answers(probe, known)
        reader.hear(SALES, Why.READER, EXIT)
        owner.hear(SALES, Why.JUDGED, EXIT)

        assert (reader.digest(SALES), owner.digest(SALES)) == (UNKNOWN, None)

    def test_with_exists_that_it_is_not_there_is_a_value_under_changed(self) -> None:
        """That it gives no answer is not."""
        probe = replace(ROWS, on_error="changed", compare="exists")
        gone, hanging, there = answers(probe), answers(probe), answers(probe)
        gone.hear(SALES, Why.READER, EXIT)
        hanging.hear(SALES, Why.READER, TIMEOUT)
        there.hear(SALES, Why.READER, Said("=whatever"))

        assert (gone.digest(SALES), there.digest(SALES)) == (NOT_THERE, THERE)
        assert hanging.digest(SALES) not in (NOT_THERE, THERE)

    @pytest.mark.parametrize("on_error", ["fail", "changed"])
    def test_to_its_owner_the_thing_is_not_there(self, on_error: str) -> None:
        """So it runs."""
        asked = answers(replace(ROWS, on_error=on_error), last())

        assert asked.hear(SALES, Why.JUDGED, EXIT) == ""
        assert asked.digest(SALES) is None

    def test_an_owner_does_not_run_because_of_a_probe_that_gives_no_answer(self) -> None:
        """Nobody knows whether the thing is there."""
        assert answers().hear(SALES, Why.JUDGED, TIMEOUT) == "it hangs"

    @pytest.mark.parametrize("on_error", ["fail", "changed", "unchanged"])
    @pytest.mark.parametrize("said", [EXIT, TIMEOUT])
    def test_after_its_owner_every_failure_counts(self, on_error: str, said: Said) -> None:
        """The step did not make what it promises."""
        asked = answers(replace(ROWS, on_error=on_error), last())

        assert asked.hear(SALES, Why.MADE, said) == said.detail


def test_a_probe_that_is_not_declared_is_refused() -> None:
    """Names may come late, from lists made in the build."""
    with pytest.raises(WavebuildError, match="no probe is called 'row'"):
        answers().digest(replace(SALES, path="row"))


def test_an_argument_that_is_too_much_or_too_little_is_refused() -> None:
    """As when it stands in the Wavefile."""
    with pytest.raises(WavebuildError, match="needs an argument"):
        answers().digest(replace(SALES, argument=""))
    with pytest.raises(WavebuildError, match="takes no argument"):
        answers(replace(ROWS, takes_argument=False)).digest(SALES)
