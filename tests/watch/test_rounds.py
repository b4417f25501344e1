"""Which builds are taken for caused by builds, and how a person who edits while a step runs is told from a step."""

from __future__ import annotations

from wavebuild.watch.guard import MOST, TRIES, Circle
from wavebuild.watch.rounds import HOOK, REST, Rounds
from wavebuild.watch.running import Built, Ran
from wavebuild.watch.sight import UNKNOWN, Stamp

SECOND = 1_000_000_000


def build_of(begin: float, end: float, *moved: tuple[str, str]) -> Built:
    """One that ran ``gen`` from one second to another."""
    ran = Ran("gen", "succeeded", window=(int(begin * SECOND), int(end * SECOND)))
    return Built("run", not moved, end - begin, (), False, 1, (ran,), moved)


def at(moment: float) -> Stamp:
    return (1, 2, 3, 0, int(moment * SECOND))


def gone_round(rounds: Rounds, times: int, seconds: float) -> None:
    """So many builds, while each of which the same file changed, have been taken for a person's."""
    for _ in range(times):
        rounds.built(build_of(0, seconds))
        assert rounds.verdict({"log": at(seconds / 2)}, 100) == "go"


def test_a_circle_is_waited_out_as_long_as_its_step_takes_and_stopped_after_its_tries() -> None:
    """Two seconds at least; each try begins when all has been still."""
    for seconds, rest in ((0.1, REST), (7.0, 7.0)):
        rounds = Rounds()
        gone_round(rounds, MOST - 1, seconds)
        for _ in range(TRIES):
            rounds.built(build_of(0, seconds))
            news = {"log": at(seconds / 2)}
            assert rounds.verdict(news, 100) == "rest"
            assert rounds.doubted == Circle(("log",), ("gen",))
            assert rounds.rest(100) == rest
            assert rounds.verdict(news, 100 + rest - 0.1) == "rest"
            assert rounds.verdict(news, 100 + rest) == "go"
            assert rounds.doubted is None
        rounds.built(build_of(0, seconds))
        assert rounds.verdict({"log": at(seconds / 2)}, 200) == "stop"
        assert rounds.circle == Circle(("log",), ("gen",))


def test_a_change_while_a_circle_is_waited_out_is_a_persons_and_is_built_at_once() -> None:
    """It was none: who saves a file again and again, also while it builds, is kept waiting by nobody."""
    rounds = Rounds()
    for _ in range(5):
        gone_round(rounds, MOST - 1, 4)
        rounds.built(build_of(0, 4, ("log", "gen")))
        assert rounds.verdict({"log": UNKNOWN}, 100) == "rest"
        assert rounds.verdict({"log": at(4.5)}, 100.5) == "go"
        assert rounds.doubted is None


def test_a_command_that_is_run_after_builds_may_be_what_goes_round() -> None:
    """However short it runs."""
    rounds = Rounds()
    verdicts = []
    for _ in range(MOST):
        rounds.built(build_of(0, 1))
        rounds.hook_ran((2 * SECOND, 3 * SECOND))
        verdicts.append(rounds.verdict({"in": at(2.5)}, 100))
    assert verdicts == ["go"] * (MOST - 1) + ["rest"]
    assert rounds.doubted == Circle(("in",), (HOOK,))


def test_what_changes_beyond_a_link_while_a_step_runs_is_seen_to_change_then() -> None:
    """The link itself is as old as ever."""
    rounds = Rounds()
    verdicts = []
    for number in range(MOST):
        rounds.built(build_of(10 * number + 10, 10 * number + 11))
        verdicts.append(rounds.verdict({"link": at(1) + at(10 * number + 10.5)}, 100))
    assert verdicts == ["go"] * (MOST - 1) + ["rest"]
