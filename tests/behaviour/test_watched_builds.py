"""Builds of a project that is watched ask what has moved and look at nothing; they run what they would have run."""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Iterator
from random import Random

import pytest

from tests.support.workshop import Workshop
from wavebuild import engine
from wavebuild.engine import glance, watched
from wavebuild.engine.glance import Glance
from wavebuild.engine.idle import first_look
from wavebuild.engine.watched import Hearsay
from wavebuild.store.layout import Layout
from wavebuild.store.settled import Evidence
from wavebuild.watch import background
from wavebuild.watch.background import begin, stop

PATIENCE = 60.0

FIVE = """
vars: {mode: "{{ env.MODE | default('plain') }}"}
steps:
  a: {inputs: a.txt, outputs: out/a, run: "note a; cut -c1 a.txt > out/a"}
  b: {inputs: [out/a, b.txt], outputs: out/b, run: "note b; cat out/a b.txt > out/b"}
  c: {inputs: out/b, outputs: out/c, run: "note c; cp out/b out/c"}
  d: {inputs: "src/*", outputs: out/d, run: "note d; cat src/* > out/d"}
  e: {inputs: a.txt, outputs: out/e, run: "note e; echo {{ mode }} > out/e"}
"""


@pytest.fixture
def watched_shop(shop: Workshop, monkeypatch: pytest.MonkeyPatch) -> Iterator[Workshop]:
    """A project of five steps, built, with a watcher that is asked also of so little, and waited for."""
    monkeypatch.setattr(watched, "LEAST", 0)
    monkeypatch.setattr(watched, "_PATIENCE", PATIENCE)
    monkeypatch.setattr(watched, "_PATIENCE_AT_MOST", PATIENCE)
    monkeypatch.setattr(background, "PATIENCE", PATIENCE)
    shop.write(a__txt="1\n", b__txt="2\n")
    for name in ("one", "two"):
        shop.put(f"src/{name}", name)
    shop.wavefile(FIVE)
    layout = Layout(str(shop.root), "Wavefile")
    time.sleep(0.03)
    for _ in range(3):
        shop.build()
    begin(layout)
    yield shop
    stop(layout)


def heard(shop: Workshop, **facts: object) -> Glance:
    """The first look of a build that the watcher has answered."""
    until = time.monotonic() + PATIENCE
    while not isinstance(look := first_look(shop.request(**facts)), Hearsay):
        assert time.monotonic() < until
        time.sleep(0.005)
        if look is None:  # what a step made a moment ago is known by the next build
            assert shop.build().ran == []
    return look


def test_a_build_with_nothing_to_do_reads_and_looks_at_nothing(
    watched_shop: Workshop, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Neither the evidence nor any file; so it costs the same however many there are."""
    heard(watched_shop)

    def nothing(*whatever: object) -> Evidence | None:
        raise AssertionError("something was read or looked at")

    monkeypatch.setattr(glance, "read", nothing)
    monkeypatch.setattr(watched, "read", nothing)
    monkeypatch.setattr(glance, "moved", nothing)

    built = watched_shop.build()

    assert (built.ran, built.result.nothing_to_do, built.result.fresh) == ([], True, 5)
    assert not engine.question(watched_shop.request())


def test_what_has_moved_is_built_and_nothing_else_is_looked_at(
    watched_shop: Workshop, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The rows that the watcher names are those that a look would have found."""
    heard(watched_shop)
    watched_shop.write(b__txt="two\n")
    monkeypatch.setattr(glance, "moved", lambda *whatever: pytest.fail("files were looked at"))

    built = watched_shop.build()

    assert built.ran == ["b", "c"]
    assert {"a", "e"}.isdisjoint(built.told)
    assert built.outcomes == {"a": "kept", "d": "kept", "e": "kept", "b": "succeeded", "c": "succeeded"}
    assert watched_shop.read("out/c") == "1\ntwo\n"


def test_what_comes_and_goes_in_a_folder_that_is_listed_is_told(watched_shop: Workshop) -> None:
    """Files of a glob."""
    heard(watched_shop)
    watched_shop.put("src/three", "three")
    assert watched_shop.build().ran == ["d"]
    heard(watched_shop)
    (watched_shop.root / "src/one").unlink()
    assert watched_shop.build().ran == ["d"]
    assert watched_shop.read("out/d") == "threetwo"


def test_a_variable_of_the_caller_that_is_another_one_is_seen(watched_shop: Workshop) -> None:
    """The watcher tells what was kept of it, and whoever asks compares."""
    heard(watched_shop)
    watched_shop.setenv(MODE="other")

    assert watched_shop.build().ran == ["e"]
    assert watched_shop.read("out/e") == "other\n"


def test_who_does_not_want_to_rely_on_a_watcher_does_not_ask(
    watched_shop: Workshop, monkeypatch: pytest.MonkeyPatch
) -> None:
    """`--no-watcher`, and all that looks at everything, or at other things than are there."""
    heard(watched_shop)
    monkeypatch.setattr(glance, "_heard", lambda *whatever: pytest.fail("the watcher was asked"))

    assert first_look(watched_shop.request(watcher=False)) is not None
    first_look(watched_shop.request(paranoid=True))
    first_look(watched_shop.request(force=True))
    first_look(watched_shop.request(changed=("a.txt",)))
    first_look(watched_shop.request(unchanged=("a.txt",)))


def test_other_targets_are_another_question(watched_shop: Workshop) -> None:
    """Nothing is known of those: they are judged as without a watcher."""
    heard(watched_shop)
    watched_shop.write(a__txt="3\n")

    assert watched_shop.build("e").ran == ["e"]
    assert watched_shop.build().ran == ["a", "b", "c"]


def test_random_edits_of_a_watched_project_run_what_a_look_at_everything_would(
    watched_shop: Workshop,
) -> None:
    """Whether there is something to do is asked without a watcher before each build; all is right after it."""
    random, shop, answered = Random(1), watched_shop, 0

    def away_and_back() -> None:
        os.rename(shop.root / "src", shop.root / "gone")
        os.rename(shop.root / "gone", shop.root / "src")

    edits: list[Callable[[], object]] = [
        lambda: shop.write(a__txt=f"{random.randrange(3)}\n"),
        lambda: shop.write(b__txt=f"{random.randrange(1000)}\n"),
        lambda: shop.put(f"src/{random.randrange(4)}", str(random.random())),
        lambda: (shop.root / f"src/{random.randrange(4)}").unlink(missing_ok=True),
        lambda: (shop.root / f"out/{random.choice('abcde')}").unlink(missing_ok=True),
        away_and_back,
        lambda: os.utime(shop.root / "b.txt"),
        lambda: None,
    ]
    for _ in range(12):
        random.choice(edits)()
        if random.random() < 0.7:
            answered += isinstance(heard(shop), Hearsay)
        stale = engine.question(shop.request(watcher=False))

        built = shop.build()

        assert bool(built.ran) == stale
        assert not engine.question(shop.request(watcher=False))
        first, second = shop.read("a.txt")[0], shop.read("b.txt")
        assert shop.read("out/c") == f"{first}\n{second}"
        assert shop.read("out/d") == "".join(path.read_text() for path in sorted((shop.root / "src").iterdir()))
    assert answered > 4
