"""The process that watches folders: what it tells, and what becomes of it when the system gives no more."""

from __future__ import annotations

import errno
import os
import select
import shutil
import signal
import time
from collections.abc import Iterable, Iterator
from pathlib import Path

import pytest
from watchdog.observers.inotify_c import InotifyConstants, InotifyEvent, WatchDescriptor

from wavebuild.watch.eyes import MOST_PATHS, Eyes
from wavebuild.watch.observer import Batch, Observer

LONGEST = 60.0


class Watched:
    """An observer, and all that it has told."""

    def __init__(self) -> None:
        self.observer = Observer()
        self.paths: set[str] = set()
        self.all = False
        self.said: list[str] = []
        self.number = 0

    def take(self, seconds: float) -> Batch:
        select.select([self.observer], [], [], seconds)
        batch = self.observer.batch()
        self.paths.update(batch.paths)
        self.all = self.all or batch.all
        self.said += batch.said
        return batch

    def watch(self, *folders: Path, deep: Iterable[Path] = ()) -> None:
        self.observer.watch(list(map(str, folders)), list(map(str, deep)))
        self.until(lambda: self.observer.standing)

    def until(self, is_so) -> None:
        end = time.monotonic() + LONGEST
        while not is_so():
            assert time.monotonic() < end, (sorted(self.paths), self.all, self.said)
            self.take(0.2)

    def rest(self, folder: Path) -> None:
        """Until all that has happened is told: it is told in its order."""
        self.number += 1
        mark = folder / f"rest{self.number}"
        mark.touch()
        self.until(lambda: str(mark) in self.paths)
        mark.unlink()
        self.until(lambda: not self.take(0.05).paths)
        self.paths.clear()

    def hears(self, path: Path) -> None:
        """A path is told of, or one above it: that stands for all below."""
        own = {str(path), *map(str, path.parents)}
        self.until(lambda: self.all or not own.isdisjoint(self.paths))
        self.paths.clear()


@pytest.fixture
def watched() -> Iterator[Watched]:
    found = Watched()
    yield found
    found.observer.close()


def test_what_is_made_changed_renamed_and_removed_in_a_watched_folder_is_told(watched, tmp_path):
    """Every way in which a file becomes another one, also the two in which editors save."""
    file = tmp_path / "a.txt"
    watched.watch(tmp_path)
    file.write_text("1")
    watched.hears(file)
    file.write_text("2")
    watched.hears(file)
    os.utime(file, ns=(1, 1))
    watched.hears(file)
    (tmp_path / "new").write_text("3")
    (tmp_path / "new").rename(file)
    watched.hears(file)
    file.rename(tmp_path / "b.txt")
    watched.hears(file)
    (tmp_path / "b.txt").unlink()
    watched.hears(tmp_path / "b.txt")


def test_reading_and_listing_tell_nothing(watched, tmp_path):
    """Our own looks wake nobody: else each build would be followed by another one."""
    (tmp_path / "a.txt").write_text("1")
    watched.watch(tmp_path)
    watched.paths.clear()
    (tmp_path / "a.txt").read_text()
    os.listdir(tmp_path)
    (tmp_path / "mark").write_text("")
    watched.until(lambda: str(tmp_path / "mark") in watched.paths)
    assert {path for path in watched.paths if "rest" not in path} == {str(tmp_path / "mark")}


def test_only_the_wanted_folders_are_watched(watched, tmp_path):
    """What lies in a folder that nobody looks at costs nothing and wakes nobody."""
    noise = tmp_path / "node_modules"
    noise.mkdir()
    watched.watch(tmp_path)
    watched.paths.clear()
    (noise / "x").write_text("1")
    (tmp_path / "mark").write_text("")
    watched.until(lambda: str(tmp_path / "mark") in watched.paths)
    assert str(noise / "x") not in watched.paths


def test_a_folder_that_is_not_there_yet_is_watched_from_when_it_comes(watched, tmp_path):
    """A path that a step would read is looked for before there is anything on the way to it."""
    inner = tmp_path / "a" / "b"
    watched.watch(tmp_path, tmp_path / "a", inner)
    inner.mkdir(parents=True)
    watched.hears(inner)
    (inner / "file").write_text("1")
    watched.hears(inner / "file")


def test_a_folder_that_was_filled_elsewhere_and_moved_in_is_told_as_a_whole(watched, tmp_path):
    """No event tells of what was in it: its path stands for all below."""
    made, place = tmp_path / "made", tmp_path / "root" / "src"
    (made / "deep").mkdir(parents=True)
    (made / "deep" / "file").write_text("1")
    place.parent.mkdir()
    watched.watch(place.parent, place, place / "deep")
    made.rename(place)
    watched.hears(place / "deep" / "file")
    (place / "deep" / "file").write_text("2")
    watched.hears(place / "deep" / "file")


def test_a_folder_that_is_moved_away_and_replaced_is_followed_by_its_path(watched, tmp_path):
    """The kernel would go on to watch the one that was moved."""
    source = tmp_path / "src"
    source.mkdir()
    (source / "file").write_text("1")
    watched.watch(tmp_path, source)
    source.rename(tmp_path / "old")
    watched.hears(source / "file")
    source.mkdir()
    watched.hears(source)
    (source / "file").write_text("2")
    watched.hears(source / "file")
    watched.rest(tmp_path)
    (tmp_path / "old" / "file").write_text("3")
    (tmp_path / "mark").write_text("")
    watched.until(lambda: str(tmp_path / "mark") in watched.paths)
    assert not any("file" in path for path in watched.paths)


@pytest.mark.scenario(id="V6")
def test_a_folder_that_is_removed_and_made_again_is_watched_on(watched, tmp_path):
    """``rm -rf src; git checkout src``, many times over: the last state is always told of."""
    source = tmp_path / "src"
    watched.watch(tmp_path, source, source / "inner")
    for number in range(10):
        (source / "inner").mkdir(parents=True)
        (source / "inner" / "file").write_text(str(number))
        watched.hears(source / "inner" / "file")
        shutil.rmtree(source)
        watched.hears(source)


@pytest.mark.scenario(id="V6")
def test_a_root_that_is_removed_is_waited_for_and_watched_again(watched, tmp_path):
    """Nothing above it is watched, so it is looked for; both is said."""
    root = tmp_path / "root"
    root.mkdir()
    watched.watch(root)
    root.rmdir()
    watched.until(lambda: any("is gone" in line for line in watched.said))
    root.mkdir()
    watched.until(lambda: any("is there again" in line for line in watched.said))
    (root / "file").write_text("1")
    watched.hears(root / "file")


@pytest.mark.long
@pytest.mark.scenario(id="V6")
def test_a_root_whose_parent_is_replaced_is_found_to_be_another_one(watched, tmp_path):
    """No event tells that a folder above was renamed: it is looked at from time to time."""
    root = tmp_path / "up" / "root"
    root.mkdir(parents=True)
    watched.watch(root)
    (tmp_path / "up").rename(tmp_path / "old")
    root.mkdir(parents=True)
    watched.until(lambda: str(root) in watched.paths)
    watched.paths.clear()
    (root / "file").write_text("1")
    watched.hears(root / "file")


def test_below_a_deep_folder_all_folders_are_found_those_to_come_too(watched, tmp_path):
    """Where nobody can say which files matter; the state of the project does not."""
    (tmp_path / "a" / "b").mkdir(parents=True)
    (tmp_path / ".wavebuild" / "state").mkdir(parents=True)
    watched.watch(deep=[tmp_path])
    (tmp_path / "a" / "b" / "file").write_text("1")
    watched.hears(tmp_path / "a" / "b" / "file")
    (tmp_path / "c" / "d").mkdir(parents=True)
    (tmp_path / "c" / "d" / "file").write_text("1")
    watched.hears(tmp_path / "c" / "d" / "file")
    watched.rest(tmp_path)
    (tmp_path / ".wavebuild" / "state" / "x").write_text("1")
    (tmp_path / "mark").write_text("")
    watched.until(lambda: str(tmp_path / "mark") in watched.paths)
    assert {path for path in watched.paths if "rest" not in path} == {str(tmp_path / "mark")}


def test_a_wish_replaces_the_former_one_and_the_same_one_asks_nothing(watched, tmp_path):
    """After each build the folders are named anew: only what is other than it was is done."""
    (tmp_path / "a").mkdir()
    (tmp_path / "b").mkdir()
    watched.watch(tmp_path / "a")
    assert not watched.observer.watch([str(tmp_path / "a")])
    watched.watch(tmp_path / "b")
    watched.paths.clear()
    (tmp_path / "a" / "x").write_text("1")
    (tmp_path / "b" / "x").write_text("1")
    watched.until(lambda: str(tmp_path / "b" / "x") in watched.paths)
    assert str(tmp_path / "a" / "x") not in watched.paths


def test_more_paths_than_are_held_are_told_as_everything():
    """Where nobody reads what is told it does not grow without bound, and is not lost."""
    eyes = Eyes(Limited(1, 0), lambda: None)
    eyes.want(1, ["/a"], [])
    for number in range(MOST_PATHS + 1):
        eyes.on_event(InotifyEvent(WatchDescriptor(1), InotifyConstants.IN_CREATE, 0, b"%d" % number))
    told = eyes.take()
    assert told is not None
    assert told["all"]
    assert told["paths"] == []
    assert eyes.take() is None


@pytest.mark.long
@pytest.mark.scenario(id="V1")
def test_a_queue_that_overflows_is_told_as_everything_and_all_is_watched_again(watched, tmp_path):
    """The kernel drops events when its queue is full: a folder that came meanwhile is watched all the same."""
    with open("/proc/sys/fs/inotify/max_queued_events") as file:
        most = int(file.read())
    if most > 50_000:
        pytest.skip("the queue of this machine is too long to be filled")
    watched.watch(tmp_path, tmp_path / "late")
    os.kill(watched.observer._process.pid, signal.SIGSTOP)
    for number in range(most // 2 + 1000):
        (tmp_path / f"{number}").touch()
    (tmp_path / "late").mkdir()
    os.kill(watched.observer._process.pid, signal.SIGCONT)
    watched.until(lambda: watched.all)

    def is_told(text: str) -> bool:
        """By its path alone: while much is still told it is lost in word of everything, and written again."""
        watched.all = False
        (tmp_path / "late" / "file").write_text(text)
        watched.until(lambda: watched.all or str(tmp_path / "late" / "file") in watched.paths)
        return str(tmp_path / "late" / "file") in watched.paths

    end = time.monotonic() + LONGEST
    while not is_told(f"{time.monotonic()}"):
        assert time.monotonic() < end


def test_when_its_process_is_killed_that_is_said_and_nothing_is_vouched_for(watched, tmp_path):
    """Silence of a dead process must not look like silence of the disk."""
    watched.watch(tmp_path)
    os.kill(watched.observer._process.pid, signal.SIGKILL)
    watched.until(lambda: watched.observer.ended)
    assert watched.observer.blind
    assert watched.all
    assert any("has ended" in line for line in watched.said)
    assert not watched.observer.watch([str(tmp_path / "other")])


def test_it_ends_when_nobody_listens(tmp_path):
    """A watch that is killed leaves no process behind."""
    observer = Observer()
    observer.watch([str(tmp_path)])
    pid = observer._process.pid
    observer.forget()
    assert observer._process.wait(LONGEST) == 0
    with pytest.raises(ProcessLookupError):
        os.kill(pid, 0)


def test_names_of_any_bytes_are_told_as_they_are(watched, tmp_path):
    """A name need not be text."""
    folder = os.fsencode(tmp_path) + b"/caf\xe9 \n"
    os.mkdir(folder)
    watched.watch(Path(os.fsdecode(folder)))
    with open(folder + b"/\xff", "wb"):
        pass
    watched.hears(Path(os.fsdecode(folder + b"/\xff")))


class Limited:
    """A kernel that watches so many folders and no more."""

    def __init__(self, most: int, number: int) -> None:
        self.most = most
        self.number = number

    def add(self, folder: bytes) -> int:
        if not self.most:
            raise OSError(self.number, os.strerror(self.number))
        self.most -= 1
        return self.most + 1

    def remove(self, numbers: Iterable[int]) -> None:
        return


@pytest.mark.scenario(id="V2")
@pytest.mark.parametrize(
    ("number", "named"),
    [
        (errno.ENOSPC, "fs.inotify.max_user_watches"),
        (errno.EMFILE, "fs.inotify.max_user_instances"),
        (errno.EACCES, "/b cannot be watched"),
    ],
)
def test_a_limit_of_the_system_is_named_once_and_nothing_is_vouched_for(number, named):
    """Some folders are watched and others are not: who hears nothing must look for himself."""
    eyes = Eyes(Limited(1 if number == errno.ENOSPC else 0, number), lambda: None)
    eyes.want(1, ["/b"] if number == errno.EACCES else ["/a", "/b", "/c"], [])
    told = eyes.take()
    assert told is not None
    assert told["blind"]
    assert told["all"]
    said = told["said"]
    assert isinstance(said, list)
    assert len(said) == 1
    assert named in said[0]
    assert "from time to time" in said[0]


@pytest.mark.scenario(id="V2")
def test_the_real_limit_is_noticed(tmp_path):
    """In a namespace with few watches: watchdog itself would say nothing and watch some."""
    import subprocess
    import sys

    folders = [tmp_path / f"{number}" for number in range(40)]
    for folder in folders:
        folder.mkdir()
    program = f"""
import select, sys
sys.path.insert(0, {str(Path(__file__).parents[2])!r})
from wavebuild.watch.observer import Observer
observer = Observer()
observer.watch({list(map(str, folders))!r})
said = []
while not observer.standing:
    select.select([observer], [], [], 5)
    said += observer.batch().said
print(observer.blind, said)
"""
    limited = f'echo 20 >/proc/sys/user/max_inotify_watches && exec {sys.executable} -c "$PROGRAM"'
    done = subprocess.run(
        ["unshare", "-Ur", "sh", "-c", limited],
        env={**os.environ, "PROGRAM": program},
        capture_output=True,
        text=True,
        timeout=LONGEST,
    )
    if done.returncode and not done.stdout:
        pytest.skip(f"no namespaces here: {done.stderr.strip()}")
    assert done.stdout.startswith("True"), done
    assert "fs.inotify.max_user_watches" in done.stdout
