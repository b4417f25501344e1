"""A pool of real workers in a folder, with the short words that a test of it needs.

It does not know steps: its jobs are commands.
"""

from __future__ import annotations

import json
import os
import time
import uuid
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from tests.support.processes import alive, children, command_line, is_worker
from wavebuild.run.job import Ended, Job, PythonCall, Shell
from wavebuild.run.pool import Pool

LONGEST = 60.0  # seconds after which a job that has not ended counts as lost


@dataclass
class Crew:
    """``log`` is what the last job with that log said; all processes carry ``mark`` in their environment."""

    folder: Path
    size: int = 2
    alone: bool = False  # its workers may be copies of this process
    groups: str = ""  # where workers note what they start, if not in the folder
    mark: str = field(default_factory=lambda: f"wave-crew-{uuid.uuid4().hex}")

    def __post_init__(self) -> None:
        self.folder = self.folder.resolve()
        self.umask = os.umask(0)
        os.umask(self.umask)
        self.pool = Pool(self.size, self.groups or str(self.folder / "groups"), os.environ, alone=self.alone)

    @property
    def log(self) -> str:
        path = self.folder / "log"
        return path.read_text() if path.exists() else ""

    def write(self, name: str, text: str) -> None:
        (self.folder / name).write_text(text)

    def submit(
        self,
        id: int,
        *scripts: str,
        argv: tuple[str, ...] = (),
        stdout: str = "",
        env: Mapping[str, str] | None = None,
        cwd: str = "",
        log: str = "log",
        timeout: float | None = None,
        lists: Mapping[str, bytes] | None = None,
        call: PythonCall | None = None,
    ) -> None:
        commands: list[Shell | PythonCall] = [Shell(("sh", "-c", script)) for script in scripts]
        commands += [Shell(argv, stdout)] if argv else []
        commands += [call] if call else []
        given = {"SITE_MARK": self.mark, "WAVEBUILD_ROOT": self.mark, "WAVEBUILD_STEP": "s"} | dict(env or {})
        job = Job(
            id, tuple(commands), cwd or str(self.folder), tuple(given.items()), str(self.folder / log), timeout,
            tuple((lists or {}).items()),
        )  # fmt: skip
        self.pool.submit(job)

    def lay(self, id: int, script: str, behind: int, seconds: float = LONGEST, console: str = "") -> bool:
        """Whether a worker has it now, to be begun after the job that it runs, in so many seconds at most."""
        given = (("SITE_MARK", self.mark), ("WAVEBUILD_ROOT", self.mark), ("WAVEBUILD_STEP", "s"))
        commands = (Shell(("sh", "-c", script)),)
        job = Job(id, commands, str(self.folder), given, str(self.folder / f"log{id}"), None, console=console)
        return self.pool.lay_ready(job, behind, time.monotonic() + seconds)

    def ends(self, count: int) -> list[Ended]:
        """The next so many ends."""
        found: list[Ended] = []
        until = time.monotonic() + LONGEST
        while len(found) < count:
            assert time.monotonic() < until, "a job was lost"
            found += self.pool.wait(1.0)
        return found

    def run(self, *scripts: str, id: int = 1, log: str = "log", **facts) -> Ended:
        """One job to its end; its log begins anew."""
        (self.folder / log).unlink(missing_ok=True)
        self.submit(id, *scripts, log=log, **facts)
        (ended,) = self.ends(1)
        return ended

    def call(
        self,
        function: str,
        timeout: float | None = None,
        cwd: str = "",
        env: Mapping[str, str] | None = None,
        **arguments: object,
    ) -> Ended:
        """A call to its end; what it says is added to the log."""
        self.submit(1, call=self.called(function, **arguments), timeout=timeout, cwd=cwd, env=env)
        (ended,) = self.ends(1)
        return ended

    def called(self, function: str, **arguments: object) -> PythonCall:
        module, _, name = function.partition(":")
        inputs, outputs = ("a", "b"), ("c",)
        return PythonCall(module, name, json.dumps(arguments), inputs, outputs, (str(self.folder),), str(self.folder))

    def workers(self) -> list[int]:
        return [pid for pid in children(os.getpid()) if is_worker(pid)]

    def command_lines(self) -> list[str]:
        """Of the processes that jobs have started."""
        return [line for pid in alive(self.mark) if (line := command_line(pid))]

    def worker_of(self, command: str) -> int:
        """The worker below which a command runs."""
        for worker in self.workers():
            if any(command in command_line(child) for child in children(worker)):
                return worker
        raise AssertionError(f"no worker runs {command!r}")
