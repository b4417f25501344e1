"""Locks that outlive their owner, and numbers of processes that were given out again."""

from __future__ import annotations

import errno
import fcntl
import os
import threading
from collections.abc import Callable

import pytest

from tests.support.workshop import Workshop
from wavebuild import engine
from wavebuild.errors import WavebuildError
from wavebuild.store.lock import take


@pytest.mark.scenario(id="C3")
@pytest.mark.parametrize(
    "text", ["{pid}\n", "pid {pid} of me on here since now: wavebuild -j4\n", "\0\xff", "x" * 100_000]
)
def test_a_lock_file_that_names_a_living_process_holds_nothing(text: str, shop: Workshop) -> None:
    """The kernel says who holds it; the number in the text may be anybody's by now."""
    shop.put("s", "1")
    shop.wavefile("steps: {a: {inputs: s, outputs: o, run: 'note a; cat s > o'}}")
    shop.settle()
    (shop.root / ".wavebuild/lock").write_text(text.format(pid=os.getppid()))
    shop.put("s", "2")

    assert shop.build().ran == ["a"]


DEEDS: dict[str, Callable[[Workshop], object]] = {
    "build": lambda shop: shop.build(),
    "clean": lambda shop: engine.clean(shop.request(), dry=False),
    "clean --orphans": lambda shop: engine.clean_orphans(shop.request(), dry=False),
    "clean --state": lambda shop: engine.clean_state(shop.request(), dry=False),
    "accept": lambda shop: shop.accept("a"),
    "touch": lambda shop: shop.touch("a"),
    "forget": lambda shop: engine.forget(shop.request("a")),
}


@pytest.mark.scenario(id="C1")
@pytest.mark.scenario(id="C5")
@pytest.mark.parametrize("deed", DEEDS)
def test_no_deed_touches_a_project_that_a_build_holds(deed: str, shop: Workshop) -> None:
    """Exit 3 with the holder; questions are answered meanwhile, and nothing is changed."""
    shop.put("s", "1")
    shop.wavefile("steps: {a: {inputs: s, outputs: o, run: 'note a; cat s > o'}}")
    shop.settle()
    shop.put("s", "2")
    lock = take(str(shop.root / ".wavebuild/lock"), "wavebuild -j4", 0.0, lambda: False)
    assert lock is not None
    try:
        with pytest.raises(WavebuildError, match=r"another wavebuild holds this project.*-j4") as caught:
            DEEDS[deed](shop)
        planned, stale = shop.plan(), shop.stale()
    finally:
        lock.release()

    assert caught.value.exit_code == 3
    assert (planned, stale) == ({"a": "RUN"}, True)
    assert shop.read("o") == "1"
    assert shop.build().ran == ["a"]


@pytest.mark.scenario(id="W16")
@pytest.mark.scenario(id="C1")
def test_who_waited_builds_the_wavefile_as_it_is_by_then(shop: Workshop) -> None:
    """What was read before the wait is of then: another build has been through it, and somebody has edited it."""
    text = "steps: {a: {inputs: s, outputs: o, run: 'note a; cat s > o'}}"
    shop.put("s", "1")
    shop.wavefile(text)
    shop.settle()
    shop.put("s", "2")
    lock = take(str(shop.root / ".wavebuild/lock"), "wavebuild", 0.0, lambda: False)
    assert lock is not None

    def meanwhile() -> None:
        shop.wavefile(text.replace("cat s", "cat s s"))
        lock.release()

    timer = threading.Timer(0.5, meanwhile)
    timer.start()
    built = shop.build(wait=30.0)
    timer.join()

    assert (built.code, shop.read("o")) == (0, "22")
    assert shop.build().ran == []


@pytest.mark.scenario(id="C7")
@pytest.mark.parametrize("number", [errno.ENOLCK, errno.EOPNOTSUPP], ids=["ENOLCK", "EOPNOTSUPP"])
def test_where_a_file_system_cannot_lock_nothing_is_built_and_that_is_said(
    number: int, shop: Workshop, monkeypatch: pytest.MonkeyPatch
) -> None:
    """With what helps; questions, which hold nothing, are answered."""
    shop.put("s", "1")
    shop.wavefile("steps: {a: {inputs: s, outputs: o, run: 'note a; cat s > o'}}")
    shop.settle()
    shop.put("s", "2")

    def flock(handle: int, how: int) -> None:
        raise OSError(number, os.strerror(number))

    with monkeypatch.context() as patched:
        patched.setattr(fcntl, "flock", flock)
        with pytest.raises(WavebuildError, match="cannot lock") as caught:
            shop.build()
        planned = shop.plan()

    assert "local disk" in caught.value.problems[0].remedy
    assert (planned, shop.ran()) == ({"a": "RUN"}, [])
    assert shop.build().ran == ["a"]
