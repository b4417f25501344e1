"""A folder of files that evidence speaks of, whatever changes in it, and a watcher that is asked: is it right?

It does not know how the watcher knows: each answer is compared with a look at every file.
"""

from __future__ import annotations

import contextlib
import os
import shutil
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from random import Random

from wavebuild import __version__
from wavebuild.engine.watched import KNOWN, identity, whereabouts
from wavebuild.store.layout import Layout
from wavebuild.store.settled import SEAL, Evidence, Head, in_order, moved, packed, read, row, save
from wavebuild.watch import ground
from wavebuild.watch.answers import Answers

QUESTION = "what is asked"
FOLDERS = ("src", "src/deep", "src/deep/er", "out", "tree", "tree/x", "tree/x-y", "tree/x/z")
NAMES = ("a", "b", "c")
POINTS = ("cookie made", "changes read", "before a look", "after a look", "folders watched", "before watches")


class Site:
    """``folder``: an empty one, in which the project is made, and what lies out of it."""

    def __init__(self, folder: Path) -> None:
        self.root = folder / "project"
        self.outside = folder / "outside"
        self.root.mkdir()
        self.outside.mkdir()
        self.layout = Layout(str(self.root), "Wavefile")
        self.layout.prepare()
        for name in FOLDERS:
            (self.root / name).mkdir(parents=True, exist_ok=True)
            for each in NAMES[:2]:
                (self.root / name / each).write_text("as it was")
        (self.outside / "shared").write_text("as it was")
        self.said: list[str] = []
        self._stop, self._stopper = os.pipe()
        self.number = 0
        self.settle()
        self.answers = Answers(self.layout, self.said.append)

    @property
    def universe(self) -> list[str]:
        """All that evidence speaks of, if nothing hinders it: files, folders, and what is not there."""
        files = [f"{folder}/{name}" for folder in FOLDERS for name in NAMES]
        return [".", *FOLDERS, *files, "absent/deep/file", str(self.outside / "shared")]

    def settle(self, names: list[str] | None = None) -> None:
        """Evidence of all as it is now."""
        stamps = {}
        for name in names or self.universe:
            try:
                stamps[name] = packed(row(os.lstat(self.root / name)))
            except OSError:
                stamps[name] = b""
        self.number += 1
        save(self.layout.settled, Head(QUESTION, self.number, {}), stamps, in_order(stamps))

    def evidence(self) -> Evidence:
        found = read(self.layout.settled, QUESTION, {})
        assert found is not None
        return found

    def truth(self) -> set[str]:
        """The names of what has moved, by a look at everything."""
        evidence = self.evidence()
        return {os.fsdecode(evidence.names[each]) for each in moved(evidence, str(self.root))}

    def question(self) -> bytes:
        with open(self.layout.settled, "rb") as file:
            which = identity(file.read(SEAL), os.fstat(file.fileno()))
        return b"\0".join((__version__.encode(), which, whereabouts(str(self.root)), QUESTION.encode()))

    def asked(self) -> set[str] | None:
        """The names of what has moved, as the watcher says; None: it is not sure."""
        word, *parts = self.answers.answer(self.question()).split(b"\0")
        if word != KNOWN:
            return None
        evidence = self.evidence()
        assert int(parts[0]) == evidence.fresh
        return {os.fsdecode(evidence.names[int(each)]) for each in parts[2].split()}

    def rest(self) -> None:
        """Until the watcher has taken in what there is."""
        self.answers.ground.take()
        while self.answers.is_behind():
            self.answers.turn(self._stop)
        self.answers.ground.hear()

    def close(self) -> None:
        self.answers.close()
        os.close(self._stop)
        os.close(self._stopper)


class Edits:
    """Changes of all kinds, by chance; each leaves what the next can go on with."""

    def __init__(self, site: Site, random: Random) -> None:
        self._site = site
        self._random = random
        self._number = 0
        self.log: list[str] = []
        self.kinds: list[Callable[[], None]] = [
            *(self.write, self.write, self.same_size_and_time, self.touch, self.remove, self.make, self.rename),
            *(self.replace, self.move_folder, self.swap_folders, self.dance, self.away_and_back, self.link_folder),
            *(self.move_in, self.remove_folder, self.make_folder, self.file_for_folder, self.hard_link, self.by_link),
            *(self.mode, self.outside, self.link_file, self.absent, self.through_handle, self.folder_away),
        ]

    def any(self) -> None:
        kind = self._random.choice(self.kinds)
        self.log.append(kind.__name__)
        with contextlib.suppress(OSError):
            kind()

    def _file(self) -> Path:
        return self._folder() / self._random.choice(NAMES)

    def _folder(self) -> Path:
        return self._site.root / self._random.choice(FOLDERS)

    def _text(self) -> str:
        self._number += 1
        return f"text {self._number:06}"

    def write(self) -> None:
        self._file().write_text(self._text())

    def same_size_and_time(self) -> None:
        path = self._file()
        status = path.stat()
        with open(path, "r+b") as file:
            file.write(bytes([65 + self._random.randrange(26)]))
        os.utime(path, ns=(status.st_atime_ns, status.st_mtime_ns))

    def touch(self) -> None:
        os.utime(self._random.choice([self._file(), self._folder(), self._site.root]))

    def remove(self) -> None:
        self._file().unlink()

    def make(self) -> None:
        (self._folder() / f"new{self._random.randrange(3)}").write_text(self._text())

    def rename(self) -> None:
        os.rename(self._file(), self._file())

    def replace(self) -> None:
        path = self._file()
        new = path.with_name("x.tmp")
        new.write_text(self._text())
        os.replace(new, path)

    def move_folder(self) -> None:
        source, target = self._folder(), self._folder()
        if target.is_dir() and target.name != "src":
            shutil.rmtree(target)
        os.rename(source, target)

    def swap_folders(self) -> None:
        one, other, aside = self._folder(), self._folder(), self._site.root / "aside"
        os.rename(one, aside)
        with contextlib.suppress(OSError):
            os.rename(other, one)
        os.rename(aside, other)

    def dance(self) -> None:
        """What unpackers do: a folder is made, filled and moved to its place, again and again, all at once."""
        for _ in range(3):
            new, target = self._site.root / "tmp.dir", self._folder()
            new.mkdir()
            (new / "a").write_text(self._text())
            (new / "z").mkdir()
            shutil.rmtree(target, ignore_errors=True)
            os.rename(new, target)
            (target / "a").write_text(self._text())

    def away_and_back(self) -> None:
        folder, aside = self._folder(), self._site.outside / "away"
        os.rename(folder, aside)
        if self._random.random() < 0.5:
            (aside / "a").write_text(self._text())
        os.rename(aside, folder)

    def folder_away(self) -> None:
        """Moved out, and what is in it is changed there: nobody's business until it comes back."""
        kept = self._site.outside / "kept"
        if not kept.exists():
            os.rename(self._folder(), kept)
        (kept / "a").write_text(self._text())
        if self._random.random() < 0.5:
            folder = self._folder()
            shutil.rmtree(folder, ignore_errors=True)
            os.rename(kept, folder)

    def link_folder(self) -> None:
        """A link in the place of a folder, to what looks the same; then what it leads to changes."""
        folder = self._folder()
        self._number += 1
        real = self._site.outside / f"real{self._number}"
        if folder.is_symlink():
            target = Path(os.readlink(folder))
            folder.unlink()
            os.rename(target, folder)
            return
        os.rename(folder, real)
        os.symlink(real, folder)
        if self._random.random() < 0.5:
            (real / "b").write_text(self._text())

    def move_in(self) -> None:
        self._number += 1
        new, target = self._site.outside / f"new{self._number}", self._folder()
        (new / "deep").mkdir(parents=True)
        (new / "a").write_text(self._text())
        (new / "deep" / "b").write_text(self._text())
        if target.exists():
            shutil.rmtree(target)
        os.rename(new, target)

    def remove_folder(self) -> None:
        shutil.rmtree(self._folder())

    def make_folder(self) -> None:
        folder = self._folder()
        folder.mkdir(parents=True)
        (folder / "b").write_text(self._text())

    def file_for_folder(self) -> None:
        folder = self._folder()
        if folder.is_dir():
            shutil.rmtree(folder)
            folder.write_text(self._text())
        else:
            folder.unlink()
            folder.mkdir(parents=True)

    def hard_link(self) -> None:
        """Two names of one file, in folders that are watched; it is heard of before either is gone."""
        path = self._file()
        path.unlink(missing_ok=True)
        os.link(self._file(), path)
        self._site.answers.ground.hear()

    def by_link(self) -> None:
        """What has a second name elsewhere is written to by that; it comes by its name while it is watched."""
        self._number += 1
        other, path = self._site.outside / f"other{self._number}", self._file()
        other.write_text(self._text())
        path.unlink(missing_ok=True)
        os.link(other, path)
        other.write_text(self._text())

    def mode(self) -> None:
        os.chmod(self._random.choice([self._file(), self._folder()]), self._random.choice([0o700, 0o755, 0o750]))

    def outside(self) -> None:
        (self._site.outside / "shared").write_text(self._text())

    def link_file(self) -> None:
        path = self._file()
        path.unlink(missing_ok=True)
        os.symlink(self._site.outside / "shared", path)

    def absent(self) -> None:
        top = self._site.root / "absent"
        if top.exists():
            shutil.rmtree(top)
        else:
            (top / "deep").mkdir(parents=True)
            (top / "deep/file").write_text(self._text())

    def through_handle(self) -> None:
        """A file that was opened under one name, and is written to under another."""
        path = self._file()
        with open(path, "ab") as file:
            os.rename(path, self._file())
            file.write(b"more")


class Contest:
    """Random edits before and within answers, each of which is compared with a look at everything."""

    def __init__(self, site: Site, random: Random) -> None:
        self._site = site
        self._random = random
        self._edits = Edits(site, random)
        self._due = ""
        self.counted: Counter[str] = Counter()

    def run(self, rounds: int) -> None:
        before, ground.point = ground.point, self._point
        try:
            for _ in range(rounds):
                self._round()
        finally:
            ground.point = before

    def _point(self, point: str) -> None:
        if point == self._due:
            self._due = ""
            self.counted[f"edited at: {point}"] += 1
            self._edits.any()

    def _round(self) -> None:
        random, site = self._random, self._site
        for _ in range(random.randrange(3)):
            self._edits.any()
        if random.random() < 0.15:
            some = {*FOLDERS, *random.sample(site.universe, 12)}
            site.settle(random.choice([None, None, sorted(some)]))
        if random.random() < 0.5:
            self._due = random.choice(POINTS)
        if random.random() < 0.8:
            site.rest()
        site.asked()  # something may change while it is answered
        self._due = ""
        said, truth = site.asked(), site.truth()
        self.counted["not sure" if said is None else "idle" if not said else "moved"] += 1
        if said is not None and said != truth:
            missed, invented = sorted(truth - said), sorted(said - truth)
            raise AssertionError(f"missed {missed}, invented {invented}, after {self._edits.log[-12:]}")
