"""A step with many inputs is looked at as a whole: what has not moved is what the trace of its last success says."""

from __future__ import annotations

import shutil

import pytest

from tests.behaviour.test_small_changes import EVIDENCE, knows_all, settled
from tests.support.workshop import Workshop
from wavebuild.engine import few
from wavebuild.engine.few import Known, Vouched
from wavebuild.run.events import Event, StepSettled
from wavebuild.store.lookers import unpacked
from wavebuild.store.settled import read as read_evidence

SOURCES = 70
STATE = ".wavebuild/state"


def names(folder: str) -> str:
    return ", ".join(f"{folder}/{number}" for number in range(SOURCES))


MANY = f"""
steps:
  a: {{inputs: a.txt, outputs: out/a, run: "note a; cut -c1 a.txt > out/a"}}
  all: {{inputs: [out/a, {names("src")}], outputs: all, run: "note all; cat out/a src/* > all"}}
"""


@pytest.fixture
def many(shop: Workshop) -> Workshop:
    """A step that reads what another makes, and seventy sources; all fresh, and known to be so."""
    for number in range(SOURCES):
        shop.put(f"src/{number}", f"{number}\n")
    shop.write(a__txt="1\n")
    return settled(shop, MANY)


def made(shop: Workshop) -> str:
    """What the step must have made of what is there now."""
    sources = sorted(f"src/{number}" for number in range(SOURCES))
    return "".join(shop.read(path) for path in ("out/a", *sources))


def proven(shop: Workshop) -> dict[int, str]:
    """Of which step the evidence says which trace has its inputs."""
    from wavebuild.engine.idle import question_asked

    evidence = read_evidence(
        str(shop.root / EVIDENCE), question_asked(shop.request(), str(shop.root)), dict(shop.request().environ)
    )
    assert evidence is not None
    known = unpacked(evidence.more, evidence.names)
    assert known is not None
    return known.proven


def test_one_of_many_inputs_that_is_remade_is_seen(many: Workshop) -> None:
    """And the evidence names another trace from then on, so that the next change finds it, too."""
    before = proven(many)
    for letter in "23":
        many.write(a__txt=f"{letter}\n")
        built = many.build()
        assert built.ran == ["a", "all"]
        assert many.read("all") == made(many)
        assert knows_all(many)
    assert proven(many).keys() == before.keys() == {1}
    assert proven(many) != before


def test_what_is_known_of_many_inputs_is_laid_out_while_the_step_before_runs(
    many: Workshop, monkeypatch: pytest.MonkeyPatch
) -> None:
    """And not a second time when the step is judged."""
    ended: list[str] = []
    laid_out: list[list[str]] = []
    known = Vouched._known

    def told(event: Event) -> None:
        if isinstance(event, StepSettled):
            ended.append(event.settled.step)

    def lay_out(judge: Vouched, number: int) -> Known | None:
        laid_out.append([*ended])
        return known(judge, number)

    monkeypatch.setattr(Vouched, "_known", lay_out)
    many.write(a__txt="2\n")
    assert many.build(meanwhile=told).ran == ["a", "all"]
    assert laid_out == [[]]
    assert many.read("all") == made(many)


@pytest.mark.parametrize("size", [1 << 20, 1000])
def test_what_sums_much_quickly_comes_while_jobs_run(
    size: int, many: Workshop, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Where the step that comes next has made so much before."""
    many.put("src/3", "x" * size)
    many.build()
    ended: list[str] = []
    came: list[list[str]] = []

    def told(event: Event) -> None:
        if isinstance(event, StepSettled):
            ended.append(event.settled.step)

    monkeypatch.setattr(few, "sha256_of_much", lambda data: came.append([*ended]))
    many.write(a__txt="2\n")
    assert many.build(meanwhile=told).ran == ["a", "all"]
    assert came == ([[]] if size > 1000 else [])
    assert many.read("all") == made(many)


def test_where_the_step_before_makes_the_same_it_was_laid_out_in_vain(many: Workshop) -> None:
    many.write(a__txt="1, and more\n")
    built = many.build()
    assert (built.ran, built.outcomes) == (["a"], {"a": "succeeded", "all": "kept"})
    assert knows_all(many)


def test_who_begins_after_it_was_laid_out_is_seen_to_have_made_something(shop: Workshop) -> None:
    """Two steps, one after the other, make inputs of the one with many: both count."""
    for number in range(SOURCES):
        shop.put(f"src/{number}", f"{number}\n")
    shop.write(a__txt="1\n", b__txt="1\n")
    settled(
        shop,
        f"""
steps:
  a: {{inputs: a.txt, outputs: out/a, run: "note a; cp a.txt out/a"}}
  b: {{inputs: b.txt, outputs: out/b, run: "note b; cp b.txt out/b"}}
  all: {{inputs: [out/a, out/b, {names("src")}], outputs: all, run: "note all; cat out/a out/b src/* > all"}}
""",
    )
    shop.write(a__txt="2\n", b__txt="3\n")
    assert shop.build(jobs=1).ran == ["a", "b", "all"]
    assert shop.read("all").startswith("2\n3\n")
    assert knows_all(shop)
    shop.write(b__txt="4\n")
    assert shop.build(jobs=2).ran == ["b", "all"]
    assert shop.read("all").startswith("2\n4\n")


def test_one_of_many_sources_that_changes_is_seen(many: Workshop) -> None:
    """And those that did not are on record with what they are: to go back to what was before takes no run."""
    many.put("src/33", "other\n")
    built = many.build()
    assert (built.ran, built.told) == (["all"], ["all"])
    assert many.read("all") == made(many)

    many.put("src/34", "other\n")
    assert many.build().ran == ["all"]
    many.put("src/34", "34\n")
    many.put("all", made(many))
    assert many.build().ran == []


def test_a_state_from_another_day_is_not_believed(many: Workshop) -> None:
    """The trace that it has is not the one of which the evidence speaks: each file is looked at."""
    shutil.copytree(many.root / STATE, many.root / "former")
    many.put("src/5", "new\n")
    assert many.build().ran == ["all"]
    for name in ("Wavefile.db", "Wavefile.db-wal", "Wavefile.db-shm"):
        (many.root / STATE / name).unlink(missing_ok=True)
        if (many.root / "former" / name).exists():
            shutil.copy(many.root / "former" / name, many.root / STATE / name)

    many.write(a__txt="2\n")
    assert "all" in many.build().ran
    assert many.read("all") == made(many)
    many.put("src/5", "5\n")
    many.build()

    assert many.read("all") == made(many)


def test_an_input_that_changes_while_the_step_runs_is_noticed(many: Workshop) -> None:
    """Whoever took it over from the evidence compares its stamp afterwards as of any other."""
    many.wavefile(MANY.replace("note all;", "note all; test ! -e stir || (rm stir; echo late > src/60);"))
    for _ in range(3):
        many.build()
    assert knows_all(many)
    many.write(stir="", a__txt="2\n")

    built = many.build()

    assert built.ran == ["a", "all"]
    assert not built.result.ok
    assert many.build().ran == ["all"]
    assert many.read("all") == made(many)


def test_a_source_of_many_that_is_gone_is_missed(many: Workshop) -> None:
    """As any other."""
    from wavebuild.errors import WavebuildError

    (many.root / "src/7").unlink()
    many.write(a__txt="2\n")

    with pytest.raises(WavebuildError, match="src/7"):
        many.build()


def test_sources_that_nobody_looked_at_are_looked_at_the_next_time(shop: Workshop) -> None:
    """The evidence is written anew, as a depfile was read: it has the files that were taken over, too."""
    for number in range(SOURCES):
        shop.put(f"src/{number}", f"{number}\n")
    shop.write(a__txt="1\n", b__h="h\n")
    depfile = MANY.replace("outputs: out/a,", "outputs: out/a, depfile: out/a.d,").replace(
        "note a;", "note a; echo 'out/a: a.txt b.h' > out/a.d;"
    )
    settled(shop, depfile)
    shop.write(a__txt="2\n")
    assert shop.build().ran == ["a", "all"]
    assert knows_all(shop)

    shop.put("src/12", "xx\n")

    assert shop.build().ran == ["all"]
    assert shop.read("all") == made(shop)
