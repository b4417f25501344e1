"""Who tells of changes, and how often all is looked at as nobody may have told.

It does not know what a change means: it has folders watched, and says whether silence means anything.
"""

from __future__ import annotations

import contextlib
import os
from collections.abc import Callable, Collection

from wavebuild.store.mounts import is_of_this_machine
from wavebuild.watch.observer import Observer

RESCAN = 120.0
"""Seconds after which all is looked at again though nothing was heard: what nobody tells of must not be lost."""

POLL = 1.0
"""Seconds between two looks where nobody tells of changes; more of them where a look takes long."""

SHARE = 0.02
"""The most of a processor that looking without being told may take."""

RETRY = 3.0
"""Seconds between two tries where the project could not be loaded and nobody tells of changes."""


class Hearing:
    """``observer``: who tells of changes, while there is somebody; ``polls``: not all changes are told of."""

    def __init__(self, poll: bool) -> None:
        """``poll``: nobody is to be asked."""
        self.observer: Observer | None = None
        self.polls = poll
        self.far = False  # something lies where others may write to without our system knowing
        self.said: list[str] = []  # for people
        self._poll = poll

    def begin(self) -> None:
        if self._poll:
            return
        try:
            self.observer = Observer()
        except OSError as error:
            self.said.append(
                f"no process can watch files ({error.strerror}); looking at them from time to time instead"
            )
            self.polls = True

    def end(self) -> None:
        if self.observer is not None:
            self.observer.close()

    @property
    def heard(self) -> Observer | None:
        """The observer, as long as it may tell something."""
        return None if self.observer is None or self.observer.ended else self.observer

    @property
    def is_told_all(self) -> bool:
        """Whether whatever changes is told of, as far as Linux tells of changes at all."""
        return self.heard is not None and self.heard.standing and not self.polls

    @property
    def to_close(self) -> list[Callable[[], None]]:
        """What a fork is rid of first."""
        return [] if self.observer is None else [self.observer.forget]

    def know(self) -> None:
        """Whether somebody tells of changes of all that matters now."""
        self.polls = self.observer is None or self.observer.blind or self.far

    def watch(self, folders: Collection[str], deep: Collection[str]) -> bool:
        """Has these watched; whether they are already, or it makes no difference as nobody watches."""
        self.far = not all(map(is_of_this_machine, _apart(folders)))
        self.know()
        if self.heard is None:
            return True
        self.heard.watch(folders, deep)
        return self.heard.standing

    def pause(self, refused: bool, cost: float) -> float:
        """How long nothing need be looked at that nobody has told of; ``cost``: seconds that a look takes."""
        if self.polls:
            return RETRY if refused else max(POLL, cost / SHARE)
        return RESCAN


def _apart(folders: Collection[str]) -> list[str]:
    """One folder of each device."""
    found: dict[int, str] = {}
    for folder in folders:
        with contextlib.suppress(OSError):
            found.setdefault(os.stat(folder).st_dev, folder)
    return list(found.values())
