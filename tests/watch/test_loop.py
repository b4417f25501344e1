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
from wavebuild.watch.running import Built, Looked, Mouth, Refused
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
