"""The loop of a watch, with a build that only copies a file: what wakes it, and what it outlives."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Collection, Sequence
from pathlib import Path

import pytest

from wavebuild.judge.stamp import stamp
from wavebuild.watch import hearing
from wavebuild.watch.face import Asked, Cause, Ordered, State
from wavebuild.watch.loop import Loop
from wavebuild.watch.running import Built, Looked, Mouth, Refused, Runs
from wavebuild.watch.sight import Sight

LONGEST = 60


class Face:
    """``script``: what is done, one after another, each time nothing runs any more; then it is ended."""

    def __init__(self, root: Path, script: Sequence[Callable[[], None]]) -> None:
        self.root = root
        self.script = list(script)
        self.causes: list[Cause] = []
        self.crashes: list[int] = []
        self.said: list[str] = []
        self._heard, self._presses = os.pipe()

    def deed(self, cause: Cause, sight: Sight | None, moved: Sequence[int] | None, mouth: Mouth) -> int:
        if (self.root / "deadly").exists():
            os.kill(os.getpid(), signal.SIGKILL)
        seen = {name: stamp(str(self.root / name)) for name in ("in", "deadly")}
        (self.root / "out").write_bytes((self.root / "in").read_bytes())
        mouth.tell(Looked(str(self.root), str(self.root / "none"), False, 0.02, seen))
        mouth.tell(Built("run", True, 0.0, (), False, 1, ()))
        return 0

    def reaches(self, paths: Sequence[str], running: Collection[str], seen: bool) -> Sequence[str]:
        return ()

    def building(self, cause: Cause) -> None:
        self.causes.append(cause)

    def built(self, cause: Cause, built: Built, code: int) -> None:
        return

    def refused(self, refused: Refused) -> None:
        return

    def crashed(self, code: int) -> None:
        self.crashes.append(code)

    def idle(self, state: State) -> None:
        if self.script:
            self.script.pop(0)()
        else:
            os.write(self._presses, b"q")

    def say(self, lines: Sequence[str]) -> None:
        self.said += lines

    def tick(self) -> tuple[int, int] | None:
        return None

    def keys(self) -> int:
        return self._heard

    def pressed(self) -> list[Ordered]:
        os.read(self._heard, 100)
        return ["quit"]

    def lend(self) -> None:
        return

    def take_back(self) -> None:
        return

    def stop(self) -> None:
        return

    def forget(self) -> None:
        return


@pytest.fixture
def root(tmp_path: Path) -> Path:
    (tmp_path / "in").write_text("1")
    return tmp_path


def looped(root: Path, script: Callable[[Callable[[], Loop]], Sequence[Callable[[], None]]]) -> Face:
    """The face after a watch that was ended by a person."""
    made: list[Loop] = []
    face = Face(root, script(lambda: made[0]))
    asked = Asked(str(root), str(root / "lock"), str(root / "none"), "", {})
    made.append(Loop(asked, face))
    assert made[0].run() == 0
    return face


def edit(root: Path, text: str) -> None:
    (root / "new").write_text(text)
    (root / "new").rename(root / "in")


@pytest.mark.long
@pytest.mark.scenario(id="V10")
def test_what_nobody_has_told_of_is_found_all_the_same(root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Its observer says nothing any more, and has not ended: everything is looked at from time to time."""
    monkeypatch.setattr(hearing, "RESCAN", 0.3)

    def script(loop: Callable[[], Loop]) -> list[Callable[[], None]]:
        def in_silence() -> None:
            observer = loop()._hearing.observer
            assert observer is not None
            os.kill(observer._process.pid, signal.SIGSTOP)
            edit(root, "2")

        return [in_silence]

    face = looped(root, script)
    assert (root / "out").read_text() == "2"
    assert [cause.kind for cause in face.causes] == ["start", "changed"]
    assert face.causes[1].paths == ("in",)


@pytest.mark.scenario(id="V9")
def test_a_build_that_is_killed_does_not_end_the_watch(root: Path) -> None:
    """It is said, and the next change is built."""

    def script(loop: Callable[[], Loop]) -> list[Callable[[], None]]:
        def mend() -> None:
            (root / "deadly").unlink()

        return [(root / "deadly").touch, mend]

    face = looped(root, script)
    assert face.crashes == [-signal.SIGKILL]
    assert (root / "out").read_text() == "1"


@pytest.mark.scenario(id="V5")
def test_who_never_ceases_to_write_is_built_all_the_same(root: Path) -> None:
    """The quiet period has an end, though nothing is quiet."""
    program = "import time\nwhile True:\n    open('in', 'a').write('x')\n    time.sleep(0.005)\n"
    writer = subprocess.Popen([sys.executable, "-c", program], cwd=root)
    try:
        end = time.monotonic() + LONGEST

        def script(loop: Callable[[], Loop]) -> list[Callable[[], None]]:
            def goes_on() -> None:
                assert time.monotonic() < end

            return [goes_on, goes_on]

        face = looped(root, script)
    finally:
        writer.kill()
        writer.wait()
    assert len(face.causes) >= 3


def test_what_no_step_looks_at_starts_nothing(root: Path) -> None:
    """Neither its outputs, nor what somebody else writes beside them."""

    def script(loop: Callable[[], Loop]) -> list[Callable[[], None]]:
        def noise() -> None:
            for number in range(100):
                (root / f"noise{number}").touch()
            (root / "out").write_text("by hand, but nobody asks for it here")
            edit(root, "2")

        return [noise]

    face = looped(root, script)
    assert [cause.paths for cause in face.causes] == [(), ("in",)]


class Restarting(Face):
    """A change ends what runs. ``slow``: what the step of each build does before it waits to be ended."""

    def __init__(
        self, root: Path, script: Sequence[Callable[[], None]], slow: Sequence[Callable[[Mouth], None]]
    ) -> None:
        super().__init__(root, script)
        self.slow = list(slow)
        self.ordered: list[Ordered] = []

    def deed(self, cause: Cause, sight: Sight | None, moved: Sequence[int] | None, mouth: Mouth) -> int:
        code, seen = 0, self.seen()
        if self.slow:
            try:
                self.slow[0](mouth)
            except KeyboardInterrupt:
                code = 130
        mouth.tell(Looked(str(self.root), str(self.root / "none"), False, 0.02, self.seen() | seen))
        mouth.tell(Built("run", not code, 0.0, (), False, 1, ()))
        return code

    def seen(self) -> dict[str, tuple[int, ...]]:
        """What there is of what it reads."""
        found = [self.root / "in", *self.root.glob("sub"), *self.root.glob("sub/*")]
        return {os.path.relpath(path, self.root): stamp(str(path)) for path in found}

    def built(self, cause: Cause, built: Built, code: int) -> None:
        self.slow = self.slow[1:]

    def reaches(self, paths: Sequence[str], running: Collection[str], seen: bool) -> Sequence[str]:
        return [path for path in paths if path in ("in", "sub/x") and list(running) == ["one"]]

    def order(self, ordered: Ordered) -> None:
        self.ordered.append(ordered)
        os.write(self._presses, b"!")

    def pressed(self) -> list[Ordered]:
        super().pressed()
        return [self.ordered.pop(0)] if self.ordered else ["quit"]

    def watched(self) -> Loop:
        """The watch that it has seen to its end."""
        asked = Asked(str(self.root), str(self.root / "lock"), str(self.root / "none"), "", {}, restart=True)
        loop = self.loop = Loop(asked, self)
        assert loop.run() == 0
        return loop

    def hold(self, number: signal.Signals) -> None:
        """Stops the observer, or lets it go on."""
        assert self.loop._hearing.observer is not None
        os.kill(self.loop._hearing.observer._process.pid, number)


def wait_to_be_ended() -> None:
    time.sleep(LONGEST)
    raise AssertionError("nobody has ended the build")


def test_a_step_that_had_begun_before_a_change_is_ended_though_that_is_heard_later(root: Path) -> None:
    """The change is made before anybody has heard that the step runs; and in the first build, as soon as it begins."""

    def slow(mouth: Mouth) -> None:
        began = time.time()
        edit(root, "2")
        time.sleep(1.0)  # the change is heard of and judged meanwhile; if it is not yet, the test shows less
        mouth.tell(Runs("one", True, began))
        wait_to_be_ended()

    face = Restarting(root, [lambda: None], [slow])
    face.watched()
    assert "begun anew: in changed" in face.said
    assert [cause.paths for cause in face.causes] == [(), ("in",)]


def test_a_step_that_begins_after_a_change_is_not_ended_by_it(root: Path) -> None:
    """It has read what it is changed to."""

    def slow(mouth: Mouth) -> None:
        edit(root, "2")
        time.sleep(1.0)
        mouth.tell(Runs("one", True, time.time()))
        time.sleep(0.2)

    face = Restarting(root, [], [slow])
    face.watched()
    assert not face.said


def test_what_changes_while_a_folder_is_not_watched_yet_ends_the_step_that_reads_it(root: Path) -> None:
    """The folder is new, and its observer is slow: all is looked at as soon as it is watched."""

    def finds(mouth: Mouth) -> None:
        (root / "sub").mkdir()
        (root / "sub/x").write_text("1")

    def slow(mouth: Mouth) -> None:
        mouth.tell(Runs("one", True, time.time()))
        time.sleep(0.05)  # else the file may be as old as the step
        (root / "sub/x").write_text("22")
        face.hold(signal.SIGCONT)
        wait_to_be_ended()

    def begin() -> None:
        face.hold(signal.SIGSTOP)
        face.order("build")

    face = Restarting(root, [begin, lambda: face.order("build")], [lambda mouth: None, finds, slow])
    face.watched()
    assert any("sub/x" in line for line in face.said)
