"""A watcher in the background: one a project, which keeps nothing of its caller and ends with the project."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.support.command import REPOSITORY
from wavebuild.engine import watched
from wavebuild.engine.glance import SOCKET
from wavebuild.engine.watched import told
from wavebuild.errors import WavebuildError
from wavebuild.store.layout import Layout
from wavebuild.store.lock import HELD, take
from wavebuild.store.settled import Head, in_order, packed, row, save
from wavebuild.watch import background
from wavebuild.watch.background import ALONE, Begun, begin, beside, stop, there

PATIENCE = 60.0


def wait_for(what: Callable[[], bool]) -> None:
    until = time.monotonic() + PATIENCE
    while not what():
        assert time.monotonic() < until
        time.sleep(0.005)


@pytest.fixture
def layout(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Layout]:
    """A project of one file, of which evidence speaks."""
    monkeypatch.setattr(watched, "LEAST", 0)
    monkeypatch.setattr(watched, "_PATIENCE", PATIENCE)
    monkeypatch.setattr(watched, "_PATIENCE_AT_MOST", PATIENCE)
    monkeypatch.setattr(background, "PATIENCE", PATIENCE)
    root = tmp_path / "project"
    root.mkdir()
    (root / "a").write_text("one")
    layout = Layout(str(root), "Wavefile")
    layout.prepare()
    stamps = {"a": packed(row(os.lstat(root / "a")))}
    save(layout.settled, Head("asked", 7, {}), stamps, in_order(stamps))
    yield layout
    stop(layout)


def asked(layout: Layout) -> list[int] | None:
    said = told(layout.settled.removesuffix(".settled"), "asked", {}, layout.root)
    return None if said is None else said.moved


def test_it_answers_once_it_has_begun_and_does_no_more_when_it_was_ended(layout: Layout) -> None:
    """Who it is stands in its lock; its end takes the socket with it."""
    begun = begin(layout)

    assert begun.said.startswith("answers builds")
    assert asked(layout) == []
    (Path(layout.root) / "a").write_text("two")
    assert asked(layout) == [0]
    found = there(layout)
    assert found is not None
    assert found.pid == begun.pid

    ended = stop(layout)
    assert ended is not None
    assert ended.pid == begun.pid
    assert there(layout) is None
    assert stop(layout) is None
    assert not os.path.exists(layout.settled.removesuffix(".settled") + SOCKET)


def test_the_state_may_lie_in_another_folder(layout: Layout, tmp_path: Path) -> None:
    """The socket lies with the evidence; what is made for an answer, beside the Wavefile."""
    other = Layout(layout.root, layout.file, str(tmp_path / "states"))
    other.prepare()
    shutil.copy(layout.settled, other.settled)
    try:
        begun = begin(other)
        assert begun.said.startswith("answers builds")
        assert asked(other) == []
        assert asked(layout) is None
    finally:
        stop(other)


def test_a_second_one_is_refused_and_told_who_the_first_is(layout: Layout) -> None:
    """Exit 3, as with two builds at once."""
    first = begin(layout)

    with pytest.raises(WavebuildError) as caught:
        begin(layout)

    assert caught.value.exit_code == HELD
    assert f"pid {first.pid}" in str(caught.value)
    found = there(layout)
    assert found is not None
    assert found.pid == first.pid


def test_one_that_was_killed_is_no_hindrance(layout: Layout) -> None:
    """Its socket stays, and nobody listens there; the next one takes its place."""
    first = begin(layout)
    os.kill(first.pid, signal.SIGKILL)
    wait_for(lambda: there(layout) is None)
    assert asked(layout) is None

    second = begin(layout)

    assert second.pid != first.pid
    assert asked(layout) == []


@pytest.mark.parametrize("which", ["the project", "its state"])
def test_it_ends_when_what_it_watches_is_gone(layout: Layout, which: str) -> None:
    """Nobody is left who could ask."""
    begun = begin(layout)

    shutil.rmtree(layout.root if which == "the project" else layout.home)

    wait_for(lambda: not _lives(begun))


def test_it_ends_when_the_project_is_moved_and_another_takes_its_place(layout: Layout, tmp_path: Path) -> None:
    """It holds what was there."""
    begun = begin(layout)
    os.rename(layout.root, tmp_path / "former")
    shutil.copytree(tmp_path / "former", layout.root, ignore=shutil.ignore_patterns("*.watch"))

    wait_for(lambda: not _lives(begun))
    assert asked(layout) is None


def test_it_ends_with_the_next_build_when_a_folder_above_the_project_was_moved(layout: Layout, tmp_path: Path) -> None:
    """Nobody tells of that; what lies at its path by then is another project, of which it must not take the place."""
    upper = tmp_path / "upper"
    upper.mkdir()
    os.rename(layout.root, upper / "project")
    ours = Layout(str(upper / "project"), layout.file)
    begun = begin(ours)
    moved = Layout(str(tmp_path / "moved/project"), layout.file)
    os.rename(upper, tmp_path / "moved")
    shutil.copytree(moved.root, ours.root, ignore=shutil.ignore_patterns("*.watch"))
    try:
        shutil.copy(moved.settled, f"{moved.settled}.new")
        os.rename(f"{moved.settled}.new", moved.settled)

        wait_for(lambda: not _lives(begun))
        assert not os.path.exists(ours.settled.removesuffix(".settled") + SOCKET)
    finally:
        stop(moved)


def test_it_keeps_nothing_of_who_began_it(layout: Layout, tmp_path: Path) -> None:
    """No terminal, no folder, no open file: a shell over ssh may end, a disk be let go of."""
    (tmp_path / "held").write_text("")
    with open(tmp_path / "held") as held:
        os.set_inheritable(held.fileno(), True)
        begun = begin(layout)
    process = f"/proc/{begun.pid}"

    assert os.readlink(f"{process}/cwd") == "/"
    open_files = {os.readlink(f"{process}/fd/{handle}") for handle in os.listdir(f"{process}/fd")}
    assert not any(path.endswith("/held") for path in open_files)
    assert [os.readlink(f"{process}/fd/{handle}") for handle in (0, 1, 2)] == ["/dev/null"] * 3
    assert os.getsid(begun.pid) != os.getsid(0)


def test_one_that_was_stopped_is_ended_like_any_other(layout: Layout) -> None:
    """By SIGSTOP: it goes on in order to end."""
    begun = begin(layout)
    os.kill(begun.pid, signal.SIGSTOP)

    ended = stop(layout)

    assert ended is not None
    assert there(layout) is None


def test_a_process_that_only_has_the_number_of_one_is_not_ended(layout: Layout) -> None:
    """The watcher runs in a container, say: what it says to be its number is that of something else here."""
    held = take(layout.watcher, ALONE, 0, lambda: False)
    assert held is not None
    with subprocess.Popen(["sleep", "1000"]) as stranger:
        try:
            Path(layout.watcher).write_text(f"pid {stranger.pid}, me@elsewhere: {ALONE}\nanswers builds\n")
            with pytest.raises(WavebuildError, match="not a process of this machine") as caught:
                stop(layout)

            assert caught.value.exit_code == HELD
            stranger.kill()
            assert stranger.wait() == -signal.SIGKILL
        finally:
            stranger.kill()
            held.release()


@pytest.mark.parametrize(
    ("limit", "told"), [("max_inotify_watches", "max_user_watches"), ("max_inotify_instances", "max_user_instances")]
)
def test_a_limit_of_the_system_is_told_by_its_name(layout: Layout, limit: str, told: str) -> None:
    """In a namespace where nothing may be watched at all."""
    program = f"""
import sys
sys.path.insert(0, {str(REPOSITORY)!r})
from wavebuild.store.layout import Layout
from wavebuild.watch.background import begin
from wavebuild.errors import WavebuildError
try:
    begin(Layout({layout.root!r}, {layout.file!r}))
except WavebuildError as error:
    print(error)
"""
    limited = f'echo 0 >/proc/sys/user/{limit} && echo limited && exec {sys.executable} -c "$PROGRAM"'
    done = subprocess.run(
        ["unshare", "-Ur", "sh", "-c", limited],
        env={**os.environ, "PROGRAM": program},
        capture_output=True,
        text=True,
        timeout=PATIENCE,
    )
    if not done.stdout.startswith("limited"):
        pytest.skip(f"no namespaces here: {done.stderr.strip()}")
    assert told in done.stdout, done


def test_one_beside_a_watch_ends_with_it(layout: Layout) -> None:
    """Also if the watch is killed."""
    companion = beside(layout)
    assert companion is not None
    wait_for(lambda: asked(layout) == [])
    with pytest.raises(WavebuildError, match="where it runs"):
        stop(layout)
    companion.close()
    assert there(layout) is None

    program = (
        "import sys, time\n"
        "from wavebuild.store.layout import Layout\n"
        "from wavebuild.watch.background import beside\n"
        "kept = beside(Layout(sys.argv[1], 'Wavefile'))\n"
        "print(flush=True)\n"
        "time.sleep(1000)\n"
    )
    with subprocess.Popen([sys.executable, "-c", program, layout.root], stdout=subprocess.PIPE) as watch:
        assert watch.stdout is not None
        watch.stdout.readline()
        wait_for(lambda: asked(layout) == [])
        watch.kill()
    wait_for(lambda: there(layout) is None)


def test_one_beside_a_watch_leaves_the_place_to_one_that_is_there(layout: Layout) -> None:
    """Nothing is said of it: builds are answered."""
    first = begin(layout)
    companion = beside(layout)
    assert companion is not None
    companion.close()

    found = there(layout)
    assert found is not None
    assert found.pid == first.pid


def _lives(begun: Begun) -> bool:
    try:
        return Path(f"/proc/{begun.pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except FileNotFoundError:
        return False
