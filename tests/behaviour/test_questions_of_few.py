"""A question looks at the steps that see what has moved since all was fresh, and says what a look at all says."""

from __future__ import annotations

import os
import shutil
import time
from collections.abc import Callable
from pathlib import Path

import pytest
from msgspec.structs import replace

from tests.behaviour.test_small_changes import EVIDENCE, FOUR, knows_all, settled, without_traces
from tests.support.workshop import Workshop
from wavebuild import engine
from wavebuild.declare import syntax
from wavebuild.declare.source import Problems
from wavebuild.errors import WavebuildError
from wavebuild.run.events import StepStarted

Edit = Callable[[Workshop], object]


@pytest.fixture
def four(shop: Workshop) -> Workshop:
    """All fresh, and known to be so."""
    shop.write(a__txt="1\n", b__txt="2\n", d__txt="3\n")
    return settled(shop, FOUR)


def answers(shop: Workshop, *targets: str) -> list[object]:
    """All that is told of a project: the plan, the verdicts, why, whether anything is due, what is left over."""
    request = shop.request(*targets)
    told = [engine.plan(request), engine.status(request), engine.question(request), engine.orphans(request)]
    return [*told, *(replace(engine.explain(request, step), asked=0.0) for step in ("c", "d"))]


def test_who_sees_no_change_is_not_looked_at(four: Workshop) -> None:
    """Of ten thousand steps a question judges the one whose source was edited."""
    without_traces(four)
    four.write(b__txt="two\n")

    assert four.plan() == {"a": "FRESH", "b": "RUN", "c": "MAYBE", "d": "FRESH"}
    assert [line.word.value for line in four.status()] == ["fresh", "fresh", "run", "maybe"]
    (four.root / EVIDENCE).unlink()
    assert four.plan() == dict.fromkeys("abcd", "RUN")


def test_where_nothing_has_moved_nobody_is_looked_at(four: Workshop) -> None:
    """Of a part of the project too."""
    without_traces(four)

    assert four.plan() == dict.fromkeys("abcd", "FRESH")
    assert four.plan("c") == dict.fromkeys("abc", "FRESH")
    assert engine.explain(four.request(), "d").chain[0].word.value == "fresh"
    assert not engine.question(four.request("c"))


EDITS: dict[str, Edit] = {
    "nothing": lambda shop: None,
    "a source": lambda shop: shop.write(b__txt="two\n"),
    "a source whose reader makes the same": lambda shop: shop.write(a__txt="1 more\n"),
    "a touch": lambda shop: os.utime(shop.root / "b.txt", (1, 1)),
    "an output is gone": lambda shop: (shop.root / "out/b").unlink(),
    "an output is edited": lambda shop: shop.write(**{"out/d": "by hand\n"}),
    "the Wavefile": lambda shop: shop.wavefile(FOUR.replace("note d;", "note d; true;")),
    "a step is gone": lambda shop: shop.wavefile(FOUR[: FOUR.index("  d:")]),
    "a step is frozen": lambda shop: engine.freeze(shop.request(), ("b",)),
    "a step is forgotten": lambda shop: engine.forget(shop.request("b")),
}


@pytest.mark.parametrize("edit", EDITS.values(), ids=EDITS)
def test_a_look_at_few_says_what_a_look_at_all_says(four: Workshop, edit: Edit) -> None:
    """Words, reasons, times and what is left over: nothing differs but what it costs."""
    edit(four)
    if not any("d:" in line for line in four.read("Wavefile").splitlines()):
        assert engine.orphans(four.request()) == ("out/d",)
        return
    of_few, of_part = answers(four), engine.plan(four.request("c"))
    (four.root / EVIDENCE).unlink(missing_ok=True)

    assert answers(four) == of_few
    assert engine.plan(four.request("c")) == of_part


def test_a_frozen_step_is_said_to_be_frozen(four: Workshop) -> None:
    """It stands, but not because it is fresh."""
    engine.freeze(four.request(), ("d",))
    time.sleep(0.03)  # the list of frozen steps is trusted a tick after it was written
    four.build()
    four.build()
    assert knows_all(four)

    assert four.plan()["d"] == "FROZEN"
    four.write(b__txt="two\n")
    assert four.plan() == {"a": "FRESH", "b": "RUN", "c": "MAYBE", "d": "FROZEN"}


def test_what_a_depfile_named_and_who_makes_it(shop: Workshop) -> None:
    """A step that is known to read what another makes may run with it, also where only its depfile says so."""
    shop.write(a__txt="1\n", b__txt="2\n")
    settled(
        shop,
        "steps:\n"
        "  head: {inputs: a.txt, outputs: head.h, run: note head; cp a.txt head.h}\n"
        "  use:\n"
        "    inputs: b.txt\n"
        "    needs: head\n"
        "    outputs: use.o\n"
        "    depfile: use.d\n"
        "    run: \"note use; cat b.txt head.h > use.o; echo 'use.o: b.txt head.h' > use.d\"\n",
    )
    shop.write(a__txt="one\n")

    assert shop.plan() == {"head": "RUN", "use": "MAYBE"}
    (shop.root / EVIDENCE).unlink()
    assert shop.plan() == {"head": "RUN", "use": "MAYBE"}


def test_a_question_changes_no_byte(four: Workshop, tmp_path: Path) -> None:
    """Nothing is written, also where only a few steps are looked at; no log beside the database either."""
    four.write(b__txt="two\n")
    before = {str(path): path.read_bytes() for path in four.root.rglob("*") if path.is_file()}

    answers(four)

    assert {str(path): path.read_bytes() for path in four.root.rglob("*") if path.is_file()} == before


def test_check_tells_every_missing_source(shop: Workshop) -> None:
    """Of steps that evidence vouches for none is missing; of others it is looked for."""
    shop.write(a__txt="1\n", b__txt="2\n", d__txt="3\n", x__txt="4\n")
    settled(shop, FOUR + "  x: {inputs: x.txt, outputs: out/x, on_demand: true, run: cp x.txt out/x}\n")
    assert engine.check(shop.request()) == ()
    (shop.root / "x.txt").unlink()
    (shop.root / "d.txt").unlink()

    found = engine.check(shop.request())

    assert [problem.message.split("'")[1] for problem in found] == ["d", "x"]
    (shop.root / EVIDENCE).unlink()
    assert engine.check(shop.request()) == found


def test_while_somebody_builds_no_evidence_is_relied_on(four: Workshop) -> None:
    """What was written at the end of the last build says nothing of this one."""
    four.write(b__txt="two\n")
    old = (four.root / EVIDENCE).read_bytes()
    seen: list[dict[str, str]] = []

    def ask(event: object) -> None:
        if isinstance(event, StepStarted) and event.step == "b":
            (four.root / EVIDENCE).write_bytes(old)
            without = dict(four.plan())
            (four.root / EVIDENCE).unlink()
            seen.append(without)
            seen.append(dict(four.plan()))

    four.build(meanwhile=ask)

    assert seen[0] == seen[1]
    assert seen[0]["b"] == "RUN"


def test_a_state_that_is_gone_vouches_for_nothing(four: Workshop) -> None:
    """The evidence is of the state that lies beside it."""
    for path in four.root.glob(".wavebuild/state/Wavefile.db*"):
        path.unlink()
    shutil.rmtree(four.root / ".wavebuild/claims", ignore_errors=True)

    assert set(four.plan().values()) != {"FRESH"}


def test_of_a_wavefile_that_is_not_kept_several_questions_read_it_once(
    shop: Workshop, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As `status` asks them: orphans and verdicts, and whether the command is a step as well."""
    shop.wavefile("steps:\n  a: {outputs: a, run: touch a}\n  status: {outputs: b, run: touch b}\n")
    read, parse = list[str](), syntax.parse

    def noted(text: str, problems: Problems) -> syntax.Value | None:
        read.append(text)
        return parse(text, problems)

    monkeypatch.setattr(syntax, "parse", noted)
    request = engine.glanced(shop.request())

    assert engine.orphans(request) == ()
    assert [line.step for line in engine.status(request)] == ["a", "status"]
    assert len(read) == 1
    with pytest.raises(WavebuildError, match="'status' is a command and a step"):
        engine.glanced(shop.request(bare="status"))
