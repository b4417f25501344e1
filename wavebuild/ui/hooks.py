"""A command that is run after each build of a watch: begun, waited for without waiting, ended with the watch.

It does not know what the command does.
"""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import time

from wavebuild.run.events import Outcome
from wavebuild.watch.running import COARSE, Built

HOOK_ENDS_WITHIN = 2.0
"""Seconds that a command of --exec has to end when the watch does."""


class Hook:
    """A command of the shell that is run after builds, one at a time; of those that come meanwhile the last is told."""

    def __init__(self, command: str, folder: str, environ: dict[str, str]) -> None:
        self._command = command
        self._folder = folder
        self._environ = environ
        self._process: subprocess.Popen[bytes] | None = None
        self._next: Built | None = None
        self.window: tuple[int, int] | None = None  # from when to when the last one has run, in ns

    def begin(self, built: Built) -> str:
        """What kept it from being started; "" if nothing did."""
        if self._process is not None:
            self._next = built
            return ""
        counts = dict(built.counts)
        told = {f"WAVEBUILD_{each.value.upper()}": str(counts.get(each.value, 0)) for each in Outcome}
        began = time.time_ns() - COARSE
        environ = {**self._environ, **told, "WAVEBUILD_RUN": built.run, "WAVEBUILD_OK": str(int(built.ok))}
        try:
            self._process = subprocess.Popen(
                ["/bin/sh", "-c", self._command],
                cwd=self._folder,
                env=environ,
                stdin=subprocess.DEVNULL,
                start_new_session=True,
            )
        except OSError as error:
            return f"--exec: {error.strerror}"
        self.window = began, began
        return ""

    def look(self) -> str:
        """What is to be said of it: that it failed; "" for nothing."""
        if self._process is None:
            return ""
        if self.window is not None:
            self.window = self.window[0], time.time_ns()
        if (code := self._process.poll()) is None:
            return ""
        self._process = None
        said = f"--exec: the command failed ({_how_it_ended(code)})" if code else ""
        if self._next is not None:
            built, self._next = self._next, None
            said = "\n".join(filter(None, (said, self.begin(built))))
        return said

    def end(self) -> None:
        """It does not outlive the watch."""
        if self._process is not None and self._process.poll() is None:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(self._process.pid, signal.SIGTERM)
            with contextlib.suppress(subprocess.TimeoutExpired):
                self._process.wait(HOOK_ENDS_WITHIN)
            with contextlib.suppress(ProcessLookupError):
                os.killpg(self._process.pid, signal.SIGKILL)
            self._process.wait()


def _how_it_ended(code: int) -> str:
    return f"exit {code}" if code > 0 else signal.Signals(-code).name
