"""A small project under a watch, and somebody who changes anything in it in any way; what its outputs must then be.

It does not know wavebuild: what must come of the sources is worked out here, by reading them.
"""

from __future__ import annotations

import contextlib
import os
import shutil
from collections.abc import Callable
from pathlib import Path
from random import Random

WAVEFILE = """\
include: [more.yaml]
steps:
  all: {inputs: "src/**/*.txt", outputs: out/all, run: "find src/ -name '*.txt' | LC_ALL=C sort | xargs cat > out/all"}
  tree: {inputs: tree/, outputs: out/tree, run: "find tree -type f | LC_ALL=C sort | xargs cat > out/tree"}
  sum: {inputs: [out/all, out/tree], outputs: out/sum, run: "cat out/all out/tree | wc -l > out/sum"}
  copy: {inputs: plain, outputs: made/copy.gen, run: "cat plain > made/copy.gen"}
  gen: {inputs: "made/*.gen", outputs: out/gen, run: "cat made/copy.gen > out/gen"}
"""
MORE = 'steps: {suffix: {inputs: out/sum, outputs: out/suffix, run: "(cat out/sum; echo %s) > out/suffix"}}\n'
BROKEN = "steps: {all: [\n"


class Meddler:
    """``root``: an empty folder. ``due``: what must be mended before anything can be built."""

    def __init__(self, root: Path, random: Random) -> None:
        self.root = root
        self.random = random
        self.number = 0
        self.suffix = "0"
        self.log: list[str] = []
        self.mend: dict[str, Callable[[], None]] = {}
        for folder in ("src/deep", "tree", "made"):
            (root / folder).mkdir(parents=True)
        for name in ("src/a.txt", "src/deep/b.txt", "tree/c", "plain"):
            (root / name).write_text(self.text())
        (root / "Wavefile").write_text(WAVEFILE)
        (root / "more.yaml").write_text(MORE % self.suffix)
        self.kinds: list[Callable[[], None]] = [
            *(self.write, self.write, self.truncate, self.rename_over, self.backup, self.create, self.create),
            *(self.delete, self.rename, self.new_folder, self.remove_folder, self.move_folder, self.checkout),
            *(self.touch, self.noise, self.append, self.include, self.break_wavefile, self.remove_plain, self.hand),
        ]

    def meddle(self) -> None:
        kind = self.random.choice(self.kinds)
        self.log.append(kind.__name__)
        kind()

    def mend_all(self) -> None:
        """What would keep anything from being built."""
        for mend in self.mend.values():
            mend()
        self.mend.clear()

    def expected(self) -> dict[str, str]:
        """Every output as it must be."""
        texts = self._in_order("src", "*.txt")
        tree = self._in_order("tree", "*")
        total = f"{(texts + tree).count(chr(10))}\n"
        plain = (self.root / "plain").read_text()
        return {
            "out/all": texts,
            "out/tree": tree,
            "out/sum": total,
            "out/suffix": f"{total}{self.suffix}\n",
            "made/copy.gen": plain,
            "out/gen": plain,
        }

    def differs(self) -> list[str]:
        """The outputs that are other than they must be."""
        found = []
        for path, text in self.expected().items():
            with contextlib.suppress(FileNotFoundError):
                if (self.root / path).read_text() == text:
                    continue
            found.append(path)
        return found

    def _in_order(self, folder: str, names: str) -> str:
        files = (path for path in (self.root / folder).rglob(names) if path.is_file())
        paths = sorted(os.fsencode(path.relative_to(self.root)) for path in files)
        return "".join((self.root / os.fsdecode(path)).read_text() for path in paths)

    def text(self) -> str:
        self.number += 1
        return f"{self.number}\n"

    def _files(self) -> list[Path]:
        return sorted(path for top in ("src", "tree") for path in (self.root / top).rglob("*") if path.is_file())

    def _file(self) -> Path:
        return self.random.choice(self._files() or [self._make("src/a.txt")])

    def _make(self, name: str) -> Path:
        path = self.root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(self.text())
        return path

    def write(self) -> None:
        self._file().write_text(self.text())

    def append(self) -> None:
        with open(self._file(), "a") as file:
            file.write(self.text())
            file.flush()
            file.write(self.text())

    def truncate(self) -> None:
        path = self._file()
        with open(path, "w") as file:
            file.flush()
            file.write(self.text())

    def rename_over(self) -> None:
        path = self._file()
        new = path.with_name(f".{path.name}.tmp")
        new.write_text(self.text())
        new.rename(path)

    def backup(self) -> None:
        """The backup is out of the way of every step."""
        path = self._file()
        path.rename(self.root / "backup~")
        path.write_text(self.text())

    def create(self) -> None:
        self.number += 1
        self._make(
            self.random.choice([f"src/n{self.number}.txt", f"tree/n{self.number}", f"src/deep/n{self.number}.txt"])
        )

    def delete(self) -> None:
        files = self._files()
        if len(files) > 4:
            self._keep_one_each(self.random.choice(files))

    def _keep_one_each(self, path: Path) -> None:
        top = path.relative_to(self.root).parts[0]
        if sum(each.relative_to(self.root).parts[0] == top for each in self._files()) > 1:
            path.unlink()

    def rename(self) -> None:
        path = self._file()
        self.number += 1
        path.rename(path.with_name(f"r{self.number}{path.suffix}"))

    def new_folder(self) -> None:
        """It comes with what is in it."""
        self.number += 1
        self._make(f"src/d{self.number}/er/x.txt")

    def remove_folder(self) -> None:
        folders = sorted((self.root / "src").glob("d[0-9]*"))
        if folders:
            shutil.rmtree(self.random.choice(folders))

    def move_folder(self) -> None:
        """Into the project from elsewhere, or within it."""
        self.number += 1
        folders = sorted((self.root / "src").glob("d[0-9]*"))
        if folders:
            self.random.choice(folders).rename(self.root / "src" / f"d{self.number}")
        else:
            away = self._make(f"../away{self.number}/y.txt").parent
            away.rename(self.root / "src" / f"d{self.number}")

    def checkout(self) -> None:
        """Many files at once, some of them new, in no order."""
        for _ in range(40):
            self._make(f"src/c/{self.random.randrange(60)}.txt")
        for path in sorted((self.root / "src" / "c").glob("*.txt"))[::7]:
            path.unlink()

    def touch(self) -> None:
        os.utime(self._file())

    def noise(self) -> None:
        """Where no step looks."""
        for number in range(5):
            self._make(f"node_modules/{number}/x.log")
        self._make("noise.log")

    def include(self) -> None:
        self.number += 1
        self.suffix = f"{self.number}"
        (self.root / "more.yaml").write_text(MORE % self.suffix)

    def break_wavefile(self) -> None:
        (self.root / "Wavefile").write_text(BROKEN)
        self.mend["Wavefile"] = lambda: void((self.root / "Wavefile").write_text(WAVEFILE))

    def remove_plain(self) -> None:
        (self.root / "plain").unlink(missing_ok=True)
        self.mend["plain"] = lambda: void((self.root / "plain").write_text(self.text()))

    def hand(self) -> None:
        """An output is removed by hand."""
        (self.root / self.random.choice(["out/sum", "out/gen"])).unlink(missing_ok=True)


def void(_: object) -> None:
    return
