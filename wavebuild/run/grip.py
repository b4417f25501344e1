"""A command that runs: noted, waited for, ended when it must be, and nothing of it left.

It does not know what was started, nor how: its first process is given. Whoever forks calls has this in memory, too, so
it needs little.
"""

from __future__ import annotations

import contextlib
import os
import select
import signal
import time
from abc import ABC, abstractmethod

from wavebuild.run.processes import StartClock, children, descendants, send, start_time, watch

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from wavebuild.run.spool import Spool

SHOWN_AFTER = 0.2
"""Seconds after which the log of a running command can be read under its name."""

GRACE = 2.0
"""Seconds between asking a process group to end and asking harder."""

PULSE = 1.0
"""Seconds after which whoever counts time looks at the clock, to see whether we stood still meanwhile."""

STANDSTILL = 0.5
"""Seconds by which a look may be late, as on a busy machine, before we count as having been stopped."""

WANT = 1.0
"""Seconds for which a command is tried to be started, where the system has no process for it."""

NO_PROCESS = "no process"
"""How a job ended that never began, as the system had no process for it."""

DROPPED = 128 + signal.SIGTERM
"""The exit code of a worker that was told to end by a signal."""


class Grip(ABC):
    """What a worker has on the command that it runs.

    ``ear``: what becomes readable when the build speaks. ``groups``: the file of notes. ``adopts``: whoever loses its
    parent comes to us; without children, nobody of ours is left.
    """

    def __init__(self, ear: int, groups: str, run: str, adopts: bool) -> None:
        self._ear = ear
        self._run = run
        self._groups = os.open(groups, os.O_WRONLY | os.O_CREAT | os.O_APPEND | os.O_CLOEXEC, 0o644)
        self._adopts = adopts
        self._group = 0
        self._poll = select.poll()
        self._poll.register(ear, select.POLLIN)
        self._clock = StartClock()
        self._stood_still = 0.0  # seconds of this job in which we were stopped, and could not look
        self.worn_out = False
        with contextlib.suppress(OSError):
            os.write(self._groups, note(os.getpid(), run))  # whoever comes after us must find us, too

    @abstractmethod
    def told_to_end(self) -> bool | None:
        """What the build has just said of the job that runs: to end it (true: at once), or nothing of the kind."""

    @abstractmethod
    def is_spoken_to(self) -> bool:
        """Whether the build has said something that is not heard yet."""

    def goes_by_itself(self, process: int) -> bool:
        """Whether a process that a command left is no leftover: it helps, and ends as soon as it has no more to do."""
        return False

    def pump(self) -> None:  # noqa: B027  (who has nothing to pump does nothing)
        """Is called whenever somebody may have said something."""

    def overflows(self) -> bool:
        """Whether too much has been said."""
        return False

    def hold(
        self,
        process: int,
        until: float | None,
        spool: Spool,
        sources: Sequence[int] = (),
        owns_terminal: bool = False,
        status: int | None = None,
        shown_after: float = SHOWN_AFTER,
    ) -> tuple[str, int, int]:
        """Waits for the first process, for the clock and for the build; then clears up behind it.

        How we ended it ("" if we did not), its exit code or signal as a negative number, and how many it left.
        ``status``: how it has ended already.
        """
        failure = ""
        show: float | None = time.monotonic() + shown_after
        steps: Iterator[signal.Signals] | None = None
        next_step: float | None = None
        ending = watch(process)
        handles = [*([ending] if ending >= 0 else ()), *sources]
        for handle in handles:
            self._poll.register(handle, select.POLLIN)
        try:
            while status is None:
                looked = time.monotonic()
                pulse = looked + PULSE if until is not None else None
                end = until + self._stood_still if until is not None else None
                asked = _earliest(end if steps is None else None, next_step, show, pulse)
                status = self._look(process, ending, asked)
                if status is not None:
                    break
                now = time.monotonic()
                if until is not None and now - looked > PULSE + STANDSTILL:
                    self._stood_still += now - looked - PULSE
                late = until is not None and now >= until + self._stood_still
                if show is not None and now >= show:
                    spool.show()
                    show = None
                if self.is_spoken_to():
                    at_once = self.told_to_end()
                    if at_once is not None:
                        failure = failure or "interrupted"
                        steps = iter((signal.SIGKILL,)) if at_once else steps or _ever_harder(signal.SIGINT)
                        # The terminal itself tells who owns it of a Ctrl-C; told twice, it may give up too early.
                        told = owns_terminal and not at_once
                        next_step = now + GRACE if told and next(steps) else now
                elif steps is None and (late or self.overflows()):
                    failure = "timeout" if late else "output limit"
                    steps = _ever_harder(signal.SIGTERM)
                    next_step = now
                if steps is not None and next_step is not None and time.monotonic() >= next_step:
                    self._tell(process, next(steps, signal.SIGKILL))
                    next_step = now + GRACE
        finally:
            for handle in handles:
                self._poll.unregister(handle)
            if ending >= 0:
                os.close(ending)
        leftovers = self.clear_up()
        self._group = 0
        if not failure and self.overflows():
            failure = "output limit"  # it had said it all before anyone looked
        return failure, os.waitstatus_to_exitcode(status), leftovers

    def note(self, process: int, leads_a_group: bool, before: int = -1) -> None:
        """Whoever comes after us must find it: a process that cannot be noted may not go on.

        ``before``: what the clock said before it was started.
        """
        self._group = process if leads_a_group else 0
        try:
            os.write(self._groups, note(process, self._run, self._clock.began(process, before)))
        except OSError:
            try:
                os.kill(process, signal.SIGKILL)
                os.waitpid(process, 0)
            except (ProcessLookupError, ChildProcessError):
                pass
            self.forget_group()
            raise

    def forget_group(self) -> None:
        self.clear_up()
        self._group = 0

    def drop_everything(self, number: int, frame: object) -> None:
        """The build died or wants us gone now: nothing of ours may go on."""
        self.end_for_good()
        os._exit(DROPPED)

    def end_for_good(self) -> None:
        """Kills what runs, and what comes to us as it dies, until nothing is left."""
        until = time.monotonic() + GRACE
        while time.monotonic() < until:
            self.end_all(signal.SIGKILL)
            try:
                while os.waitpid(-1, os.WNOHANG)[0]:
                    pass
            except ChildProcessError:
                return
            time.sleep(0.001)

    def end_all(self, how: signal.Signals) -> int:
        """Signals the running group and every process that came to us when its parent ended; how many there were."""
        count = 0
        if self._group:
            try:
                os.killpg(self._group, how)
                count = 1
            except (ProcessLookupError, PermissionError):
                pass
        left = children()
        helpers = sum(map(self.goes_by_itself, left))
        for child in left:
            send(child, how)
        return len(left) - helpers if left else count

    def _tell(self, process: int, how: signal.Signals) -> None:
        """Signals the command: its group, or all below it where it is in the group of the build."""
        if not self._group:
            for each in (*descendants(process), process):
                send(each, how)
            return
        with contextlib.suppress(ProcessLookupError, PermissionError):
            os.killpg(process, how)

    def _look(self, process: int, watched: int, until: float | None) -> int | None:
        """The exit status if the process has ended; else waits until it ends, the build speaks or the time comes."""
        timeout = None if until is None else max(0.0, until - time.monotonic())
        if watched >= 0:
            self._poll.poll(None if timeout is None else timeout * 1000 + 1)
        else:
            select.select([self._ear], [], [], min(timeout, 0.01) if timeout is not None else 0.01)
        self.pump()
        found, status = os.waitpid(process, os.WNOHANG)
        return status if found else None

    def clear_up(self) -> int:
        """Ends and buries whatever the command left running; how many processes that were."""
        count = 0
        asked = time.monotonic()
        while time.monotonic() - asked < 2 * GRACE:
            try:
                found, _ = os.waitpid(-1, os.WNOHANG)
            except ChildProcessError:
                if self._group and not self._adopts:
                    with contextlib.suppress(ProcessLookupError, PermissionError):
                        os.killpg(self._group, signal.SIGKILL)
                return count
            if found:
                continue
            late = time.monotonic() - asked > GRACE / 2
            if not late and (left := children()) and all(map(self.goes_by_itself, left)):
                time.sleep(0.001)  # it writes its last lines, and ends by itself
                continue
            ended = self.end_all(signal.SIGKILL if late else signal.SIGTERM)
            self.pump()
            count = max(count, ended)
            time.sleep(0.01)
        self.worn_out = True  # they multiply faster than they are ended: with us they lose their parent
        return count


def note(process: int, run: str, start: str = "") -> bytes:
    """The line that is noted of a process; ``start``: when it began, where that is known already."""
    return f"{process} {start or start_time(process)} {run}\n".encode()


def _ever_harder(first: signal.Signals) -> Iterator[signal.Signals]:
    yield first
    if first is not signal.SIGTERM:
        yield signal.SIGTERM
    while True:
        yield signal.SIGKILL


def _earliest(*times: float | None) -> float | None:
    given = [moment for moment in times if moment is not None]
    return min(given) if given else None


def without_complaint(program: str, parent: int) -> str:
    """The same program, which complains of nothing once its parent is gone."""
    return (
        f"import os\ntry:\n    {program}\nexcept Exception:\n"
        f"    if os.getppid() == {parent}: raise\n    os._exit({DROPPED})\n"
    )
