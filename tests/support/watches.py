"""A ``wavebuild watch`` that a test starts, edits under, and ends; what it says and tells is waited for.

It does not know what is built.
"""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import time
from collections.abc import Callable, Iterator
from typing import Any

from tests.support.command import Site, events

LONGEST = 40.0


class Watch:
    """``site``: where it runs; its events are in a file beside the root."""

    def __init__(self, site: Site, *arguments: str, **environ: str) -> None:
        self.site = site
        self.told = site.home / "events"
        self.heard = site.home / "stderr"
        with open(self.heard, "wb") as errors:
            self.process = subprocess.Popen(
                site.argv("watch", "--events", str(self.told), *arguments),
                cwd=site.root,
                env=site.environ | environ,
                stdin=subprocess.DEVNULL,
                stdout=subprocess.DEVNULL,
                stderr=errors,
                start_new_session=True,
            )

    @property
    def said(self) -> str:
        return self.heard.read_text()

    def events(self, kind: str) -> list[dict[str, Any]]:
        return [event for event in events(self.told) if event["event"] == kind]

    @property
    def builds(self) -> int:
        """How many builds have ended that ran something."""
        started = {event["run"] for event in self.events("step_started")}
        return sum(event["run"] in started for event in self.events("build_settled"))

    def ran(self) -> list[str]:
        """The steps that have begun, in order."""
        return [event["step"] for event in self.events("step_started")]

    def until(self, is_so: Callable[[], object], what: str = "") -> None:
        end = time.monotonic() + LONGEST
        while not is_so():
            assert self.process.poll() is None, f"it ended with {self.process.returncode}: {self.said}"
            assert time.monotonic() < end, f"{what or 'it'} never came: {self.said}"
            time.sleep(0.02)

    def says(self, text: str) -> None:
        self.until(lambda: text in self.said, text)

    def makes(self, path: str, text: str) -> None:
        """Waits until an output is just so."""

        def is_so() -> bool:
            with contextlib.suppress(FileNotFoundError):
                return self.site.read(path) == text
            return False

        self.until(is_so, f"{path} with {text!r}")

    def end(self, number: signal.Signals = signal.SIGTERM) -> int:
        os.kill(self.process.pid, number)
        return self.process.wait(LONGEST)


@contextlib.contextmanager
def watching(site: Site, *arguments: str, **environ: str) -> Iterator[Watch]:
    watch = Watch(site, *arguments, **environ)
    try:
        yield watch
    finally:
        if watch.process.poll() is None:
            watch.process.kill()
        watch.process.wait()
