"""Who called: the streams, the folder, the environment, and where the deeds are found.

It does not know which command was called.
"""

from __future__ import annotations

import io
import os
import sys
from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Protocol, TextIO

from msgspec import Struct

from wavebuild.errors import mistake

if TYPE_CHECKING:
    from wavebuild.engine import (
        BuildResult,
        Cleaned,
        Conversion,
        Explanation,
        Finding,
        History,
        LogFile,
        Portrait,
        Remembered,
        Request,
        StatusLine,
        Trial,
        Undertaking,
    )
    from wavebuild.engine.project import Project
    from wavebuild.engine.story import Story
    from wavebuild.errors import Problem
    from wavebuild.plan.model import Plan
    from wavebuild.run.events import Event


class Deeds(Protocol):
    """What the command line asks of the engine: the functions of ``wavebuild.engine``."""

    def load(self, request: Request) -> Project: ...

    def build(self, request: Request, tell: Callable[[Event], None]) -> BuildResult: ...

    def glanced(self, request: Request) -> Request: ...

    def plan(self, request: Request) -> Plan: ...

    def question(self, request: Request, strict: bool = False) -> bool: ...

    def memory(self, request: Request, key: str | None = None) -> tuple[Remembered, ...]: ...

    def status(self, request: Request) -> tuple[StatusLine, ...]: ...

    def explain(self, request: Request, subject: str) -> Explanation: ...

    def logs(self, request: Request, step: str) -> tuple[LogFile, ...]: ...

    def touch(self, request: Request) -> tuple[str, ...]: ...

    def accept(self, request: Request, subjects: Sequence[str]) -> tuple[str, ...]: ...

    def freeze(self, request: Request, subjects: Sequence[str]) -> tuple[str, ...]: ...

    def unfreeze(self, request: Request, subjects: Sequence[str]) -> tuple[str, ...]: ...

    def forget(self, request: Request) -> tuple[str, ...]: ...

    def clean(self, request: Request, dry: bool) -> Cleaned: ...

    def clean_orphans(self, request: Request, dry: bool) -> Cleaned: ...

    def clean_state(self, request: Request, dry: bool) -> Cleaned: ...

    def orphans(self, request: Request) -> tuple[str, ...]: ...

    def check(self, request: Request) -> tuple[Problem, ...]: ...

    def race_ahead(self, request: Request) -> Undertaking: ...

    def race(self, request: Request, say: Callable[[str], None]) -> Trial: ...

    def twice(self, request: Request, step: str, say: Callable[[str], None]) -> Trial: ...

    def history(self, request: Request, step: str | None, most: int) -> History: ...

    def show(self, request: Request, step: str) -> Portrait: ...

    def told(self, request: Request, run: str | None, result: BuildResult | None = None) -> Story: ...

    def convert(self, request: Request, file: str, output: str | None = None) -> Conversion: ...

    def doctor(self, request: Request) -> tuple[Finding, ...]: ...

    def init(self, request: Request) -> str: ...


def wavebuild_engine() -> Deeds:
    """The real deeds, imported when the first is asked for."""
    from wavebuild import engine

    return engine


class Caller(Struct, frozen=True):
    folder: str
    environ: Mapping[str, str]
    stdin: TextIO
    stdout: TextIO
    stderr: TextIO
    argv: tuple[str, ...] = ()
    engine: Callable[[], Deeds] = wavebuild_engine
    alone: bool = False  # the command is a process of its own: nobody else starts others in it

    def say(self, lines: Sequence[str]) -> None:
        """Diagnostics, on stderr; if nobody listens any more, that is no failure of the command."""
        try:
            self.stderr.write("".join(f"{line}\n" for line in lines))
            self.stderr.flush()
        except (OSError, ValueError):
            let_go(self.stderr)

    def answer(self, lines: Sequence[str]) -> None:
        """Results, on stdout."""
        self.put("".join(f"{line}\n" for line in lines))

    def put(self, text: str) -> bool:
        """A piece of a result, on stdout; false when the reader has gone (``| head``)."""
        try:
            self.stdout.write(text)
            self.stdout.flush()
        except BrokenPipeError:
            let_go(self.stdout)
            return False
        except OSError as error:
            let_go(self.stdout)
            raise mistake("stdout", f"the answer cannot be written: {error.strerror}") from error
        return True

    def asks(self, question: str) -> bool:
        """Whether a person at a terminal says yes."""
        self.say([f"{question} [y/N]"])
        try:
            return self.stdin.readline().strip().lower() in ("y", "yes")
        except KeyboardInterrupt:
            self.say([""])  # the shell goes on behind the ^C
            raise

    @property
    def terminal(self) -> str:
        """The path of the terminal that standard input is, if we are in its foreground; else ""."""
        try:
            handle = self.stdin.fileno()
            return os.ttyname(handle) if os.tcgetpgrp(handle) == os.getpgrp() else ""
        except (OSError, ValueError):
            return ""

    @property
    def interactive(self) -> bool:
        return self.stdin.isatty() and self.stderr.isatty()


def the_caller(argv: Sequence[str]) -> Caller:
    """The process's own streams and environment."""
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):  # unable to fail on a character that it cannot carry
            stream.reconfigure(errors="backslashreplace")
    return Caller(_current_folder(), dict(os.environ), sys.stdin, sys.stdout, sys.stderr, tuple(argv), alone=True)


def _current_folder() -> str:
    try:
        return os.getcwd()
    except FileNotFoundError:
        raise mistake("no-folder", "the current folder is gone", remedy="change to one that exists") from None


def let_go(stream: TextIO) -> None:
    """Points a broken stream at nothing, so that its flush at exit does not fail a second time."""
    try:
        nowhere = os.open(os.devnull, os.O_WRONLY)
        os.dup2(nowhere, stream.fileno())
        os.close(nowhere)
    except (OSError, ValueError):
        return
