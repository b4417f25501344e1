"""A project folder, and the ``wavebuild`` command run in it as a person would.

It does not know how wavebuild is written: it sees exit codes, streams, files, and a journal that the steps keep.
"""

from __future__ import annotations

import json
import os
import shutil
import signal
import stat
import subprocess
import sys
import time
import uuid
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from tests.support.processes import alive, eventually

REPOSITORY = Path(__file__).resolve().parents[2]

LONGEST = 100.0  # seconds before a command counts as hung

WITH_GRACE = """
import sys
from wavebuild.run import grip
grip.GRACE = float(sys.argv.pop(1))
sys.argv[0] = "wavebuild"
from wavebuild.ui.front import main
main()
"""
"""The command, whose workers are copies of it and have the grace time that it was given."""

Snapshot = dict[str, tuple[str, int, int, bytes]]


@dataclass(frozen=True)
class Finished:
    """How a command ended."""

    code: int
    out: str
    err: str
    seconds: float

    @property
    def json(self) -> Any:
        return json.loads(self.out)

    @property
    def steps(self) -> dict[str, dict[str, Any]]:
        """The ``steps`` of a build's ``--json``."""
        found: dict[str, dict[str, Any]] = self.json["steps"]
        return found


def snapshot(folder: Path, without: tuple[str, ...] = (), folder_times: bool = False) -> Snapshot:
    """Every path below a folder: what it is, its mode, its modification time, its bytes."""
    found: Snapshot = {}
    for path in sorted(folder.rglob("*")):
        name = str(path.relative_to(folder))
        if name.split("/")[0] in without:
            continue
        facts = path.lstat()
        data = b""
        if path.is_symlink():
            data = os.readlink(path).encode()
        elif path.is_file():
            data = path.read_bytes()
        instant = 0 if path.is_dir() and not path.is_symlink() and not folder_times else facts.st_mtime_ns
        found[name] = (stat.filemode(facts.st_mode), stat.S_IMODE(facts.st_mode), instant, data)
    return found


def events(path: Path) -> list[dict[str, Any]]:
    """The whole lines of an ``--events`` file; the last may be torn by a kill."""
    if not path.exists():
        return []
    lines = path.read_text().split("\n")[:-1]
    return [json.loads(line) for line in lines]


def succeeded(path: Path) -> list[str]:
    """The steps whose success the events tell."""
    return [
        event["step"] for event in events(path) if event["event"] == "step_settled" and event["outcome"] == "succeeded"
    ]


@dataclass
class Site:
    """A root to build in, beside a journal into which ``echo NAME >> "$JOURNAL"`` writes what ran.

    ``grace``: seconds that whoever is asked to end has before it is asked harder, if not as many as usual.
    """

    home: Path
    mark: str = field(default_factory=lambda: f"wave-site-{uuid.uuid4().hex}")
    read_so_far: int = 0
    grace: float | None = None

    def __post_init__(self) -> None:
        self.root.mkdir(parents=True, exist_ok=True)

    @property
    def root(self) -> Path:
        return self.home / "root"

    @property
    def journal(self) -> Path:
        return self.home / "journal"

    @property
    def environ(self) -> dict[str, str]:
        own = {name: value for name, value in os.environ.items() if not name.startswith("WAVEBUILD_")}
        return own | {
            "PYTHONPATH": str(REPOSITORY),
            "JOURNAL": str(self.journal),
            "HOOKS": str(self.home / "hooks"),
            "WAVEBUILD_JOURNAL": str(self.journal),
            "SITE_MARK": self.mark,
            "NO_COLOR": "1",
            "PYTHONDONTWRITEBYTECODE": "1",  # a step's program may be edited twice in a second
        }

    def write(self, path: str, text: str) -> Path:
        target = self.root / path
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_text(text)
        return target

    def read(self, path: str) -> str:
        return (self.root / path).read_text()

    def argv(self, *arguments: str) -> list[str]:
        if self.grace is None:
            return [sys.executable, "-m", "wavebuild", *arguments]
        return [sys.executable, "-c", WITH_GRACE, str(self.grace), *arguments]

    def wavebuild(self, *arguments: str, **environ: str) -> Finished:
        """Runs the command to its end; no bug of its own may show."""
        began = time.monotonic()
        with self.start(*arguments, **environ) as process:
            try:
                out, err = process.communicate(timeout=LONGEST)
            except subprocess.TimeoutExpired:
                os.kill(process.pid, signal.SIGKILL)
                raise
        finished = Finished(process.returncode, out, err, time.monotonic() - began)
        assert process.returncode != 70, err
        return finished

    def build(self, *arguments: str, **environ: str) -> Finished:
        """A build that must succeed."""
        finished = self.wavebuild(*arguments, **environ)
        assert finished.code == 0, finished.err
        return finished

    def start(self, *arguments: str, **environ: str) -> subprocess.Popen[str]:
        return subprocess.Popen(
            self.argv(*arguments),
            cwd=self.root,
            env=self.environ | environ,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            start_new_session=True,
        )

    def ran(self) -> list[str]:
        """What the steps wrote into the journal since this was last asked."""
        lines = self.journal.read_text().splitlines() if self.journal.exists() else []
        fresh, self.read_so_far = lines[self.read_so_far :], len(lines)
        return fresh

    def alive(self) -> list[int]:
        return alive(self.mark)

    def nothing_alive(self) -> bool:
        return eventually(lambda: not self.alive())

    def copy_of(self, example: str, built: tuple[str, ...]) -> None:
        """Takes a shipped example as the root, without the folders that are built in it."""
        source = REPOSITORY / "examples" / example
        leave = {".wavebuild", "__pycache__", *built}

        def ignored(folder: str, names: list[str]) -> set[str]:
            return leave & set(names) if Path(folder) == source else {"__pycache__"} & set(names)

        shutil.copytree(source, self.root, dirs_exist_ok=True, ignore=ignored)
