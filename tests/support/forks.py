"""The ``wavebuild`` command without the time its imports take: a process that has them forks for each command.

It does not know what the commands do. A fork has run nothing before, and its workers are processes of their own,
so all but the imports is as for a person; a fault may be asked for.
"""

from __future__ import annotations

import contextlib
import gc
import importlib
import json
import os
import pkgutil
import signal
import subprocess
import sys
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from types import TracebackType
from typing import Never

from tests.support.command import LONGEST, REPOSITORY, Finished, Site
from tests.support.faults import Faults, How
from tests.support.processes import alive, eventually, kill_marked


@dataclass(frozen=True)
class Fault:
    """Where a command is struck, and how."""

    at: int
    how: How


class Forks:
    """The process that forks; ``close`` ends it."""

    def __init__(self) -> None:
        self._server = subprocess.Popen(
            [sys.executable, "-m", "tests.support.forks"],
            cwd=REPOSITORY,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            start_new_session=True,
        )

    def __enter__(self) -> Forks:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        assert self._server.stdin
        assert self._server.stdout
        self._server.stdin.close()
        self._server.wait(60)
        self._server.stdout.close()

    def start(self, argv: Sequence[str], cwd: Path, environ: Mapping[str, str], into: Path, fault: Fault | None) -> int:
        """The process id of a command that writes to ``into``.out and ``into``.err."""
        asked = {"argv": list(argv), "cwd": str(cwd), "environ": dict(environ), "into": str(into)}
        return self._ask(asked | ({"at": fault.at, "how": fault.how} if fault else {}))

    def ended(self, process: int) -> int | None:
        """How the process ended, as Popen tells it; None while it runs."""
        status = self._ask({"process": process})
        return None if status == RUNNING else os.waitstatus_to_exitcode(status)

    def _ask(self, message: object) -> int:
        assert self._server.stdin
        assert self._server.stdout
        self._server.stdin.write(json.dumps(message) + "\n")
        self._server.stdin.flush()
        return int(self._server.stdout.readline())


RUNNING = -1


@dataclass
class Running:
    """A command that was started."""

    forks: Forks
    process: int
    into: Path
    began: float
    code: int | None = None

    def signal(self, number: int) -> None:
        if not self.ended():
            os.kill(self.process, number)

    def ended(self) -> bool:
        if self.code is None:
            self.code = self.forks.ended(self.process)
        return self.code is not None

    def finished(self, within: float = LONGEST) -> Finished:
        """How it ended; it is waited for."""
        until = time.monotonic() + within
        while not self.ended():
            if time.monotonic() > until:
                self.signal(signal.SIGKILL)
                raise AssertionError(f"a command hangs: {self.said('out')}{self.said('err')}")
            time.sleep(0.004)
        assert self.code is not None
        return Finished(self.code, self.said("out"), self.said("err"), time.monotonic() - self.began)

    def said(self, stream: str) -> str:
        return self.into.with_suffix(f".{stream}").read_text()


@dataclass
class ForkedSite(Site):
    """A site whose commands are forked."""

    forks: Forks = field(kw_only=True)
    commands: int = 0

    @property
    def journal(self) -> Path:
        """Where a step in a sandbox may write, too."""
        return Path("/dev/shm") / self.mark

    def close(self) -> None:
        """Takes away what lies out of its folder."""
        self.journal.unlink(missing_ok=True)

    def begin(self, *arguments: str, fault: Fault | None = None, **environ: str) -> Running:
        self.commands += 1
        into = self.home / f"said-{self.commands % 4}"
        process = self.forks.start(arguments, self.root, self.environ | environ, into, fault)
        return Running(self.forks, process, into, time.monotonic())

    def wavebuild(self, *arguments: str, **environ: str) -> Finished:
        return self.struck(None, *arguments, **environ)

    def struck(self, fault: Fault | None, *arguments: str, **environ: str) -> Finished:
        """A command, with a fault; not even then may a bug of its own show."""
        finished = self.begin(*arguments, fault=fault, **environ).finished()
        assert finished.code != 70, finished.err
        assert "Traceback" not in finished.err, finished.err
        return finished

    def kill(self, running: Running) -> None:
        """kill -9 of a command and of all that it has started."""
        running.signal(signal.SIGKILL)
        kill_marked(self.mark)
        running.finished()

    def nothing_alive(self) -> bool:
        return eventually(lambda: not alive(self.mark))


def serve() -> None:
    """Forks for every line that asks for it, and says how forks ended; until its input ends."""
    for package in ("wavebuild",):
        for module in pkgutil.walk_packages(importlib.import_module(package).__path__, f"{package}."):
            if not module.name.endswith("__main__"):
                importlib.import_module(module.name)
    answers = os.fdopen(os.dup(1), "w", buffering=1)
    os.dup2(2, 1)
    gc.collect()
    gc.freeze()
    while line := sys.stdin.readline():
        message = json.loads(line)
        if "process" in message:
            found, status = os.waitpid(message["process"], os.WNOHANG)
            answers.write(f"{status if found else RUNNING}\n")
        else:
            process = os.fork()
            if process == 0:
                _become(message)
            answers.write(f"{process}\n")


def _become(message: dict) -> None:
    """This fork is the command from now on."""
    from wavebuild.ui.front import main

    code = 70
    try:
        os.setsid()
        signal.signal(signal.SIGINT, signal.default_int_handler)  # a shell has what it starts with & ignore it
        os.chdir(message["cwd"])
        for number, path, flags in (
            (0, "/dev/null", os.O_RDONLY),
            (1, message["into"] + ".out", os.O_WRONLY | os.O_CREAT | os.O_TRUNC),
            (2, message["into"] + ".err", os.O_WRONLY | os.O_CREAT | os.O_TRUNC),
        ):
            handle = os.open(path, flags, 0o666)
            os.dup2(handle, number)
            os.close(handle)
        sys.stdin, sys.stdout, sys.stderr = os.fdopen(0), os.fdopen(1, "w"), os.fdopen(2, "w")
        os.closerange(3, 64)
        os.environ.clear()
        os.environ.update(message["environ"])
        sys.argv = ["wavebuild", *message["argv"]]
        faults = Faults(message["at"], message["how"]) if "how" in message else None
        if faults is not None:
            faults.install()
        if faults is not None and faults.how == "count":
            _tell_at_the_end(faults)
        code = _code_of(main)
    finally:
        os._exit(code)


def _tell_at_the_end(faults: Faults) -> None:
    """The command ends the process itself: what it has passed is told then."""
    end = os._exit

    def told(status: int) -> Never:
        if os.getpid() == faults.process:
            os.write(1, ("\n".join(faults.passed) + "\n").encode())
        end(status)

    os._exit = told


def _code_of(main: object) -> int:
    """How a process that runs this would end."""
    import traceback

    assert callable(main)
    try:
        main()
        code = 0
    except SystemExit as end:
        code = end.code if isinstance(end.code, int) else int(end.code is not None)
    except BaseException:
        traceback.print_exc()
        code = 70
    with contextlib.suppress(OSError, ValueError):
        sys.stdout.flush()
    with contextlib.suppress(OSError, ValueError):
        sys.stderr.flush()
    return code


if __name__ == "__main__":
    with contextlib.suppress(BrokenPipeError):  # who asked has gone
        serve()
