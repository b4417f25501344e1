"""A folder in which one tool does one work: written, begun afresh, run, and looked at.

It does not know phases or tables. A tool that does not do the work is ``Wrong``.
"""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import sys
import tempfile
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

from benchmarks.dialects import files, write_files
from benchmarks.tools import CAP, Tool
from benchmarks.works import Work, write_source, write_sources

LAUNCH = Path(__file__).with_name("launch.py")
FOREVER = 3600.0
INTERRUPTS = (signal.SIGINT, signal.SIGTERM)
Stamps = dict[str, tuple[int, int, int]]


class Wrong(Exception):
    """A tool did not do the work."""


class Failed(Exception):
    """A tool could not do it here."""


@dataclass(frozen=True, slots=True)
class Cost:
    """Seconds and MiB of one run: of the tool and of all processes it waited for; MiB of the largest of them."""

    wall: float
    cpu: float
    mebibytes: float
    capped: bool = False


@dataclass(slots=True)
class Tree:
    """One tool's folder. ``given_up``: why it is run no more."""

    tool: Tool
    work: Work
    folder: Path
    given_up: str | None = None
    kept: set[str] = field(default_factory=set)

    def begin(self) -> None:
        """A new folder with the sources and the tool's own files."""
        write_sources(self.work, self.folder)
        own = files(self.work, self.tool.name)
        write_files(own, self.folder)
        self.kept = {path.split("/")[0] for path in own if not path.endswith(".do")}
        self.kept |= {path.split("/")[0] for path in self.work.sources}
        self._initialise()

    def begin_afresh(self) -> None:
        """As it began: no output, nothing remembered, the edits taken back."""
        for entry in list(os.scandir(self.folder)):
            if entry.name == "o":
                self._empty(Path(entry.path))
            elif entry.name not in self.kept and not entry.name.endswith(".do"):
                shutil.rmtree(entry.path) if entry.is_dir(follow_symlinks=False) else os.unlink(entry.path)
        if ".dvc" in self.kept:
            shutil.rmtree(self.folder / ".dvc" / "tmp", ignore_errors=True)
        for name in self.work.folders:
            (self.folder / name).mkdir(parents=True, exist_ok=True)
        write_source(self.work, 0, self.folder)
        self.edit(None)
        self._initialise()

    def edit(self, number: int | None) -> None:
        """The tool's file with this edit of one command, or without; what would stay as it is is not written."""
        work = self.work if number is None else self.work.with_edit(number)
        changed = {
            path: text for path, text in files(work, self.tool.name).items() if (self.folder / path).read_text() != text
        }
        write_files(changed, self.folder)

    def main_file(self) -> Path:
        return self.folder / next(iter(files(self.work, self.tool.name)))

    def build(self) -> Cost:
        return self.run(self.tool.build)

    def run(self, command: Sequence[str], seconds: float | None = None) -> Cost:
        """One run; its output is shown if it fails. ``seconds``: how long it may take."""
        result = self.folder.with_name(f"{self.folder.name}.cost")
        seconds = seconds or (CAP if self.tool.slow else FOREVER)
        launch = (sys.executable, "-I", "-S", str(LAUNCH), str(result), str(seconds), *command)
        with tempfile.TemporaryFile() as output:
            # No interrupt comes between the start of the process and the moment from which it would be ended with us.
            mask = signal.pthread_sigmask(signal.SIG_BLOCK, INTERRUPTS)
            process = None
            try:
                process = subprocess.Popen(
                    launch,
                    cwd=self.folder,
                    env=self.tool.environment,
                    stdin=subprocess.DEVNULL,
                    stdout=output,
                    stderr=output,
                )
                signal.pthread_sigmask(signal.SIG_SETMASK, mask)
                process.wait()
            except BaseException:  # nothing goes on when we are ended
                if process is not None:
                    process.terminate()
                    process.wait()
                raise
            finally:
                signal.pthread_sigmask(signal.SIG_SETMASK, mask)
            cost = json.loads(result.read_text())
            if cost["code"] != 0 and not cost["capped"]:
                output.seek(0)
                tail = output.read()[-2000:].decode(errors="replace")
                raise Failed(f"{self.tool.name} ended with {cost['code']} in {self.folder}:\n{tail}")
        return Cost(cost["wall"], cost["cpu"], cost["mebibytes"], cost["capped"])

    def stamps(self) -> Stamps:
        """What tells an output that was made again from one that was left alone."""
        found: Stamps = {}
        for step in self.work.steps:
            try:
                facts = os.stat(self.folder / step.output)
            except FileNotFoundError:
                continue
            found[step.output] = (facts.st_ino, facts.st_mtime_ns, facts.st_ctime_ns)
        return found

    def _initialise(self) -> None:
        if self.tool.initialise:
            subprocess.run(
                self.tool.initialise, cwd=self.folder, env=self.tool.environment, capture_output=True, check=True
            )

    def _empty(self, folder: Path) -> None:
        for entry in list(os.scandir(folder)):
            if not entry.name.endswith(".do"):
                os.unlink(entry.path)


def differing(work: Work, trees: Sequence[Tree]) -> dict[str, str]:
    """Tool → an output that it has made otherwise than most."""
    found: dict[str, str] = {}
    for step in work.steps:
        made = {tree.tool.name: (tree.folder / step.output).read_bytes() for tree in trees}
        if len(set(made.values())) > 1:
            usual, _ = Counter(made.values()).most_common(1)[0]
            found.update({tool: step.output for tool, content in made.items() if content != usual})
    return found
